/* Partial groups of a fold: found by their keys, listed as they were made. See fold_table.c. */
#ifndef VIEWS_MAINT_FOLD_INT_H
#define VIEWS_MAINT_FOLD_INT_H

#include <string.h>

#include "base/assert.h"
#include "views/maint/fold.h"
#include "views/vec/key.h"

/* Chunks of the arenas of small folds, and of large ones. */
#define MAINT_ARENA_BYTES     (8u << 10)
#define MAINT_ARENA_BYTES_MAX (4u << 20)

/* A group: its head; the states stand behind, in the fold's arena. */
struct maint_group {
    struct maint_group *next; /* made later; NULL: the last */
    uint64_t hash;            /* store_hash of the key */
    uint64_t probe;           /* what the table finds it by */
    union {
        uint64_t number; /* NUMBER: the key's value; its bytes are made when they are asked for */
        const uint8_t *key; /* as vec_keys_make makes it, behind the states */
    } u;
    uint32_t key_bytes;
    uint32_t text_bytes; /* TEXT: of the text, at key + 1 */
};

/* How keys are compared. */
enum maint_form {
    MAINT_ALL,    /* there are none: one group */
    MAINT_NUMBER, /* one column of whole numbers: as a number */
    MAINT_TEXT,   /* one TEXT: its bytes */
    MAINT_BYTES,  /* anything: the key's bytes */
};

/* Groups of a slice, in a piece. */
struct maint_slice {
    uint32_t count;
    uint64_t key_bytes; /* of all keys */
};

/* The groups. Made with the first row, in memory of the fold's budget. */
struct maint_table {
    enum maint_form form;
    uint32_t count;              /* groups in slots */
    uint32_t slots_count;        /* a power of two; 0: none yet */
    uint64_t *slots;             /* 0: free; else the probe's high bits and the group's address */
    struct maint_group *special; /* the only group of ALL; that of null of NUMBER and TEXT */
    uint64_t seed;               /* of probes: what nobody outside knows */
    struct maint_group *first;   /* of all groups, in the order in which they were made */
    struct maint_group *last;
    struct maint_group *passed;    /* the last one of the pieces that were taken; NULL: none */
    struct maint_group *piece_end; /* the last one of that at hand; NULL: it was not looked at */
    struct maint_slice slices[STORE_SLICES]; /* of the piece at hand */
};

/* The state bytes of a group. */
static inline uint8_t *maint_group_states(struct maint_group *group)
{
    return (uint8_t *)(group + 1);
}

/* Write the group's key, key_bytes of it, to `out`. */
static ALWAYS_INLINE void maint_group_key(enum maint_form form, const struct maint_group *group,
                                          uint8_t *out)
{
    uint64_t number = group->u.number;
    if (form != MAINT_NUMBER) {
        if (group->key_bytes > 0) {
            memcpy(out, group->u.key, group->key_bytes);
        }
    } else if (LIKELY(group->key_bytes == 9)) {
        number = __builtin_bswap64(number ^ UINT64_C(1) << 63);
        out[0] = VEC_KEY_VALUE;
        memcpy(out + 1, &number, 8);
    } else if (group->key_bytes == 5) {
        uint32_t half = __builtin_bswap32((uint32_t)number ^ UINT32_C(1) << 31);
        out[0] = VEC_KEY_VALUE;
        memcpy(out + 1, &half, 4);
    } else {
        ASSERT(group->key_bytes == 1);
        out[0] = VEC_KEY_NULL_LAST;
    }
}

/* Rows whose groups are wanted. */
struct maint_lookup {
    const struct vec_vector *columns; /* of the key, keys_count */
    struct vec_selection selection;   /* of the rows */
    struct vec_keys keys;             /* of the rows: BYTES */
    struct maint_group **groups;      /* [row]: the answer */
};

/* *out = an empty table, in memory of `fold`'s budget. ERR_BUDGET. */
MUST_USE enum err maint_table_make(struct maint_fold *fold, struct maint_table **out);

/* lookup->groups = the group of each row; those not seen before are made, all of their states zero.
 * ERR_BUDGET, ERR_TOO_LARGE: some may have been made. */
MUST_USE enum err maint_table_find(struct maint_fold *fold, struct maint_lookup *lookup);

/* Forget all groups; the table gets smaller where it was used little. */
void maint_table_reset(struct maint_fold *fold);

/* Give its memory back. */
void maint_table_free(struct maint_fold *fold);

/* Forget what is in an arena; its chunk becomes as large as what it held, up to
 * MAINT_ARENA_BYTES_MAX, so that it is not asked of the budget again. */
void maint_arena_reset(struct arena *a);

#endif
