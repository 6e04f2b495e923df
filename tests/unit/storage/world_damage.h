/* The world's store on a disk that is damaged: what damage there is, and what may be found.
 *
 * A group that nobody names is what it is without the damage: one of the states between what was
 * answered and what was submitted. A quarantined one is, too, but that entries of it are refused. A
 * torn one may have lost what was answered last. Of an amnesiac one each entry that is served was
 * appended there once. And whatever is served has the bytes that were appended. */
#ifndef TESTS_UNIT_STORAGE_WORLD_DAMAGE_H
#define TESTS_UNIT_STORAGE_WORLD_DAMAGE_H

#include "tests/unit/storage/world.h"

/* What is done to a disk. */
struct world_damage {
    char what[160];     /* in words */
    bool does_refuse;   /* it hits what a store may not do without: it need not open */
    bool does_hide_row; /* it hits the table: a row may be gone without a trace */
    bool does_erase;    /* a block of the journal is as if it had never been written: where that
                           was the last frame nobody can tell */
};

/* Damage `disk` in one place, or in two that belong together, most often in the journal. False:
 * there is nothing to damage. */
bool world_damage(struct sim_disk *disk, struct prng *prng, struct world_damage *out);

/* How a damaged store is looked at. */
struct world_look {
    const struct world_damage *damage;
    bool is_sealed;       /* all that was answered lies before a seal: nothing is possibly lost */
    bool is_twice;        /* open it once more after a crash: the same must be found */
    bool is_tail;         /* read what is not settled only */
    uint64_t group;       /* read this group's entries only; 0: those of all */
    uint64_t first_index; /* and only from this one on; 0: all */
    uint64_t last_index;  /* up to this one */
    bool was_seen;        /* answer: something was named or refused */
};

/* Open the store of `disk` (which is freed) on `shards_count` shards. False: world->failure. */
bool world_check_damaged(struct world *world, struct sim_disk *disk, uint32_t shards_count,
                         uint64_t seed, struct world_look *look, struct world_tally *tally);

#endif
