/* A store under a random workload on a simulated machine, and what may be found of it after a
 * crash.
 *
 * A group's operations become durable in the order they were submitted. So whatever happens, what a
 * start finds of a group is the state after its first k operations, for some k that is not less
 * than the number answered and not more than the number submitted. The world keeps every state;
 * world_check opens the store, finds k for each group, and reads every entry of that state.
 *
 * Meanwhile segments get new generations: some of their batches are rewritten, and what lies below
 * the log start may go. That changes no state. A batch is what was appended until the record of its
 * rewriting may be durable, and what it was rewritten to when that has been answered. */
#ifndef TESTS_UNIT_STORAGE_WORLD_H
#define TESTS_UNIT_STORAGE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "storage/log/generation.h"
#include "storage/log/read.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define WORLD_GROUPS 6u
#define WORLD_OPS    160u
#define WORLD_SHARDS 4u

/* The longest payload there is. */
#define WORLD_PAYLOAD_MAX 65536u

/* What was done to a group. */
enum world_kind {
    WORLD_CREATE,
    WORLD_APPEND,
    WORLD_CUT,
    WORLD_HARD,
    WORLD_TRIM,
    WORLD_ROLL,
    WORLD_DELETE
};

/* An operation, and the state of the group after it. */
struct world_op {
    enum world_kind kind;
    uint64_t index;             /* append: the entry's; cut, trim: from where */
    uint32_t payload_bytes;     /* append: of the entry */
    bool is_void;               /* append: was cut before it got into a frame */
    struct log_point own_end;   /* append, cut: where it put the end */
    bool is_exists;             /* after it: the group is there */
    uint64_t start_index;       /* after it: log start */
    struct log_point end;       /* after it */
    struct log_hard_state hard; /* after it */
    bool is_done;               /* answered */
    bool is_rewriting;          /* append: may be rewritten by now */
    bool is_rewritten;          /* append: is, for certain */
    struct log_op op;           /* the store's */
    struct world_group *group;  /* whose */
};

/* A group. */
struct world_group {
    struct world *world;
    uint64_t id;
    uint32_t submitted_count;
    uint32_t done_count;              /* answered ones: always the first */
    struct log *log;                  /* while it is open on its shard */
    struct world_op *waits_for;       /* nothing is submitted until this one is answered */
    struct log_generation generation; /* of a segment, under way or ended */
    bool is_replacing;                /* it is under way */
    uint32_t replaced_count;          /* ended well */
    uint64_t gone_index;              /* entries below it may go in it */
    uint8_t rewrite[LOG_BATCH_HEADER_BYTES + WORLD_PAYLOAD_MAX]; /* a batch for it */
    struct world_op ops[WORLD_OPS];
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
    uint32_t ops_count;     /* per group, <= WORLD_OPS */
    uint32_t payload_max;   /* of most batches */
    uint32_t payload_large; /* of some */
    struct sim_options sim;
};

struct world {
    struct world_options options;
    struct sim *sim;
    struct sim_node *node;
    struct log_store store;
    struct world_shard shards[WORLD_SHARDS];
    struct world_group groups[WORLD_GROUPS];
    struct prng prng;
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
    uint64_t rewritten_count; /* of them, rewritten ones */
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

/* Open the store of `disk` (which is freed), one byte of which has rotted since world_end. Every
 * entry must be what was appended, or refused as corrupt; every group whole, or named as amnesiac
 * or unavailable. *was_seen: something was said. False: world->failure. */
bool world_check_rot(struct world *world, struct sim_disk *disk, uint64_t seed, bool *was_seen,
                     struct world_tally *tally);

#endif
