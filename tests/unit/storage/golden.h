/* What golden stores are made of (tests/golden): steps that are done to a store, to ledgers that
 * say what it must hold, or, without a store, to the ledgers only. Each step is answered before the
 * next. */
#ifndef TESTS_UNIT_STORAGE_GOLDEN_H
#define TESTS_UNIT_STORAGE_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/log/frame.h"
#include "storage/log/inspect.h"
#include "storage/log/repair.h"
#include "tests/unit/storage/home.h"
#include "tests/unit/storage/ledger.h"

#define GOLDEN_GROUPS 7u
#define GOLDEN_BATCH  40u
#define GOLDEN_RANGES 4u

/* No file is larger. */
#define GOLDEN_FILE_BYTES (128u << 10)

/* Tails that a journal holds. */
#define GOLDEN_TAIL_WHOLE  1u
#define GOLDEN_TAIL_DIRECT 2u

struct golden;

/* A store in tests/golden. */
struct golden_store {
    const char *name;      /* of its folder */
    uint32_t groups_count; /* 0 .. */
    uint32_t kinds;        /* bits, by enum log_record_kind: records that its journal holds */
    uint32_t marks;        /* bits, by enum log_mark: likewise */
    uint32_t tails;        /* GOLDEN_TAIL_*: likewise */
    uint64_t journal_first_bytes;    /* of its configuration */
    uint64_t journal_file_bytes;     /* likewise */
    uint64_t settle_ns;              /* likewise */
    uint32_t tells_min;              /* entries that an inspection tells at least */
    uint32_t rotten_count;           /* damaged records of its journal, one in a frame */
    void (*make)(struct golden *g);  /* the workload that made it */
    void (*go_on)(struct golden *g); /* what is done to it when it is open again */
    void (*mend)(struct golden *g);  /* and then, so that nothing is lost; NULL: nothing is */
};

#define GOLDEN_STORES 2u

extern const struct golden_store golden_stores[GOLDEN_STORES];

/* Entries that do not stand any more. */
struct golden_range {
    uint64_t first_index; /* of them */
    uint64_t last_index;  /* likewise */
    bool is_gap;          /* readers pass over them; else they are quarantined */
};

/* A group, as the steps leave it. */
struct golden_group {
    bool is_deleted;
    bool is_amnesiac;                  /* read-only */
    struct log_hard_state hard_before; /* the one before the last */
    struct golden_range ranges[GOLDEN_RANGES];
    uint32_t ranges_count; /* of them, in order */
};

/* What the groups' logs are, and, while the store is made or opened, that store. */
struct golden {
    const struct golden_store *store; /* which */
    struct home *home;                /* NULL: only what follows from the workload is worked out */
    struct ledger ledgers[GOLDEN_GROUPS];
    struct golden_group groups[GOLDEN_GROUPS];
    uint64_t id;          /* of the step: which group */
    struct log_record at; /* of the step: its index, hard state, log start or range */
    uint32_t count;       /* of the step: entries */
    uint32_t payload;     /* of the step: bytes of each */
    struct log_op ops[GOLDEN_BATCH];
    struct log_read read;
    struct log_repair repair;
    struct log_generation generation;
    struct buf *buf; /* what is put back */
    struct buf_slice slices[GOLDEN_BATCH];
    struct log_inspect inspect;
    uint64_t told_index[GOLDEN_GROUPS]; /* of the entry an inspection told last */
    uint64_t told_count;
    uint32_t faults_count[GOLDEN_GROUPS];                 /* that it told */
    bool is_told_lost[GOLDEN_GROUPS][LEDGER_ENTRIES + 1]; /* by index: in one of them */
    bool is_over;                                         /* an inspection is */
    uint32_t kinds;        /* found in the journal: as golden_store's */
    uint32_t marks;        /* likewise */
    uint32_t tails;        /* likewise */
    uint32_t rotten_count; /* records that do not verify; frames that an inspection tells */
    uint64_t hard_seq;     /* of the hard state that golden_rot_hard looks for */
    uint64_t hard_pos;     /* where it stands */
    char hard_path[LIMIT_PATH_BYTES]; /* likewise */
    uint8_t noise[LEDGER_NOISE_BYTES];
    uint8_t room[LEDGER_ENTRY_BYTES];
    uint8_t file[GOLDEN_FILE_BYTES];
};

/* No store yet; the caller frees it with golden_free, a machine in it as well. */
struct golden *golden_new(const struct golden_store *store);
void golden_free(struct golden *g);

/* out = "<dir>/<name>"; it fits. */
void golden_path(char *out, size_t out_bytes, const char *dir, const char *name);

/* The store is opened; closed in order; its process is killed; the machine rests until every lane
 * has sealed and loses its power. */
void golden_open(struct golden *g, uint32_t shards_count);
void golden_close(struct golden *g);
void golden_kill(struct golden *g);
void golden_power_off(struct golden *g);

/* The open group `id`. */
struct log *golden_log(struct golden *g, uint64_t id);

/* Call `call` with `g` on the group's shard, where it counts home->pending_count down by one, and
 * wait for what it begins. Nothing is called without a store. */
void golden_step(struct golden *g, uint64_t id, void (*call)(struct rt_shard *shard, void *ctx));

/* Steps of any log: log.h, reset.h. An append is of `count` entries, `payload` bytes each and one
 * more from entry to entry; a refused one is one entry that the group must refuse so. */
void golden_create(struct golden *g, uint64_t id);
void golden_delete(struct golden *g, uint64_t id);
void golden_hard(struct golden *g, uint64_t id, uint32_t term, uint32_t vote);
void golden_append(struct golden *g, uint64_t id, uint32_t count, uint32_t payload);
void golden_refused(struct golden *g, uint64_t id, enum err err);
void golden_cut(struct golden *g, uint64_t id, uint64_t first_index);
void golden_trim(struct golden *g, uint64_t id, uint64_t first_index);
void golden_roll(struct golden *g, uint64_t id);
void golden_settle(struct golden *g);
void golden_reset(struct golden *g, uint64_t id, uint64_t index, uint64_t offset, uint32_t term);

/* The sealed segment that begins at `segment_index` gets a new generation: every third data entry
 * is rewritten, a gap stands for entries first..last. */
void golden_replace(struct golden *g, uint64_t id, uint64_t segment_index, uint64_t first_index,
                    uint64_t last_index);

/* While the store is closed: a bit of each of the entries' batches is flipped in the segment, whose
 * files are its first; one of the hard state that was journaled last, which then is that before. */
void golden_rot(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index);
void golden_rot_hard(struct golden *g, uint64_t id);

/* Rotten entries are read and quarantined; all that is of first..last is put back; all that the
 * group has lost is accepted. */
void golden_meet(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index);
void golden_put_back(struct golden *g, uint64_t id, uint64_t first_index, uint64_t last_index);
void golden_accept(struct golden *g, uint64_t id);

/* The group's range that holds `index` or begins behind it; NULL: none does. */
const struct golden_range *golden_range_find(const struct golden *g, uint64_t id, uint64_t index);

/* Tell `visit` of each record of the journal file in g->file, as long as its frames follow each
 * other and verify: where its fixed part begins in the file. NULL: one that does not verify, the
 * frame's last. Another file tells nothing. */
void golden_journal(struct golden *g, size_t length,
                    void (*visit)(struct golden *g, const struct log_record *record, size_t pos));

#endif
