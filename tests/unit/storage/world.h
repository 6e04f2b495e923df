/* A store under a random workload on a simulated machine, and what may be found of it after a
 * crash.
 *
 * A group's operations become durable in the order they were submitted. So whatever happens, what a
 * start finds of a group is the state after its first k operations, for some k that is not less
 * than the number answered and not more than the number submitted. Groups go from shard to
 * shard meanwhile, which changes nothing of that. The world keeps every state; world_check opens
 * the store, finds k for each group, and reads every entry of that state.
 *
 * Segments get new generations meanwhile: some batches are rewritten, and of what lies below the
 * log start some goes. That changes no state. A batch is what was appended until the record of its
 * rewriting may be durable, and what it was rewritten to once that has been answered. */
#ifndef TESTS_UNIT_STORAGE_WORLD_H
#define TESTS_UNIT_STORAGE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/prng.h"
#include "base/rt/mailbox.h"
#include "storage/log/generation.h"
#include "storage/log/install.h"
#include "storage/log/move.h"
#include "storage/log/read.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define WORLD_GROUPS 6u
#define WORLD_OPS    160u
#define WORLD_SHARDS 4u

/* What was done to a group. */
enum world_kind {
    WORLD_CREATE,
    WORLD_APPEND,
    WORLD_CUT,
    WORLD_HARD,
    WORLD_TRIM,
    WORLD_ROLL,
    WORLD_RESET,
    WORLD_MOVE,
    WORLD_DELETE
};

/* Whether an entry has been rewritten. */
enum world_rewrite {
    WORLD_AS_APPENDED,
    WORLD_MAYBE_REWRITTEN,
    WORLD_REWRITTEN,
};

/* An operation, and the state of the group after it. */
struct world_op {
    enum world_kind kind;
    uint64_t index;             /* append: the entry's; cut, trim: from where; reset: the start */
    uint32_t payload_bytes;     /* append: of the entry */
    uint64_t stamp;             /* append: of the world, never twice; its bytes follow from it */
    bool is_void;               /* append: was canceled before it got into a frame; trim: likewise,
                                   or changed nothing */
    struct log_point own_end;   /* append, cut, reset: where it put the end */
    bool is_exists;             /* after it: the group is there */
    uint32_t skip_count;        /* trim: offsets that go, too */
    uint64_t start_index;       /* after it: log start, */
    uint32_t start_skip;        /* and its skip count */
    struct log_point end;       /* after it */
    struct log_hard_state hard; /* after it */
    enum world_rewrite rewrite; /* append: of the entry */
    bool is_rewriting;          /* append: by the generation in hand */
    bool is_done;               /* answered */
    struct log_op op;           /* the store's */
    struct log_install install; /* of the last entry of an installed range */
    struct world_group *group;  /* whose */
};

/* A group. */
struct world_group {
    struct world *world;
    uint64_t id;
    uint32_t submitted_count;
    uint32_t done_count;              /* answered ones: always the first */
    struct log *log;                  /* while it is open on its shard */
    uint32_t shard;                   /* that */
    struct log_move move;             /* to another shard */
    struct rt_mail move_mail;         /* carries it */
    struct rt_timer move_timer;       /* until it is attached */
    struct world_op *moving;          /* the move under way */
    struct world_op *waits_for;       /* nothing is submitted until this one is answered */
    struct world_op *ops;             /* options.ops_count of them */
    struct world_op *ghosts;          /* appends of earlier lives that a start did not find */
    uint32_t ghosts_count;            /* of them */
    struct log_generation generation; /* of a segment */
    bool is_replacing;                /* it is under way */
    uint64_t gone_index;              /* entries below it may go in it */
    uint64_t gone_max;                /* the highest that may have gone so far */
    uint8_t rewritten[LOG_BATCH_HEADER_BYTES + 32768]; /* a batch for it */
};

/* A shard of the process under test. */
struct world_shard {
    struct world *world;
    struct log_shard ls;
    struct rt_timer timer;
    struct buf_pool bufs;
    bool is_open;
};

/* What is wanted of the machine. */
struct world_options {
    uint64_t seed;
    uint32_t shards_count;
    uint32_t groups_count;  /* <= WORLD_GROUPS */
    uint32_t ops_count;     /* per group; 0: it is only looked at */
    uint32_t payload_max;   /* of most batches */
    uint32_t payload_large; /* of some */
    uint32_t segment_bytes; /* 0: the world's own */
    bool does_keep;         /* no trims, no deletes: the log grows */
    bool does_replace;      /* segments get new generations */
    struct sim_options sim;
};

struct world {
    struct world_options options;
    struct sim *sim;
    struct sim_node *node;
    struct log_store store;
    struct world_shard shards[WORLD_SHARDS];
    struct world_group groups[WORLD_GROUPS];
    struct cpu cpu;               /* detected once, also for those opened on its images */
    const struct crc32c *kernels; /* its */
    struct prng prng;
    uint64_t stamps_count; /* appends so far */
    uint32_t ops_until;    /* a group with so many operations gets no more in this life */
    uint32_t open_count;   /* shards that are open */
    uint32_t failed_count; /* shards that could not */
    bool is_stopping;      /* no more operations */
    uint64_t change;       /* of the disk that is looked at: for a report */
    char failure[200];     /* what went wrong first; "": nothing */
};

/* What world_check has seen, added up. */
struct world_tally {
    uint64_t images_count;
    uint64_t rows[LOG_RECOVER_ROWS_COUNT];
    uint64_t entries_count;   /* read back and compared */
    uint64_t rewritten_count; /* of these, rewritten ones */
    uint64_t damaged_count;   /* images with damage */
    uint64_t seen_count;      /* of these, ones in which something was named or refused */
    uint64_t refused_count;   /* entries that were refused */
    uint64_t lost_count;      /* groups without something answered, reported as possibly lost */
    uint64_t closed_count;    /* stores that refused to open */
};

/* Options with a tiny store, and of what a campaign draws from `seed`. */
struct world_options world_options(uint64_t seed);

struct world *world_new(const struct world_options *options);
void world_free(struct world *world);

/* Start the process, which opens the store and begins to submit operations. */
void world_start(struct world *world, uint32_t shards_count);

/* Open the store of `disk` (which is freed) on `shards_count` shards and hold it against `world`;
 * `found` (or NULL) gets each group's k. Opened a second time after a crash when `is_twice`, which
 * must find the same. False: world->failure says why. */
bool world_check(struct world *world, struct sim_disk *disk, uint32_t shards_count, uint64_t seed,
                 bool is_twice, struct world_tally *tally);

/* Let all that was submitted be answered, close the store in order, and stop the process. False: it
 * does not end. */
bool world_end(struct world *world);

/* The process ends as `how` says, if it has not ended, and starts again on `shards_count` shards.
 * What it finds of each group is where its operations go on; it is done when this returns. The
 * disk's watcher sees all of it. False: world->failure. */
bool world_restart(struct world *world, enum sim_crash how, uint32_t shards_count);

#endif
