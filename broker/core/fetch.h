/* Reading what consumers may see: many partitions in one request, at once or when there is enough.
 *
 * The items of a fetch are read where their partitions are, on each shard up to the fetch's
 * bytes_max; of all shards' items those are answered with data that come first. The first item that
 * has data gives a whole batch even if that is more (KIP-74); a batch is given whole where the
 * offset lies within it. Where there is less than bytes_min, every partition is watched, and all
 * are read again when one has more, until max_wait is over. */
#ifndef BROKER_CORE_FETCH_H
#define BROKER_CORE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/partition.h"
#include "storage/log/format.h"

struct core_fetch;
typedef void core_fetch_fn(struct core_fetch *fetch);

/* A partition's part of a fetch. */
struct core_fetch_item {
    /* Asked. */
    struct log_uuid topic; /* which partition */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise */
    uint64_t offset;       /* from where */
    int32_t epoch;         /* leader epoch the client knows, -1: none */
    int32_t epoch_fetched; /* that of the last record it has; < 1: not told */
    uint32_t bytes_max;    /* of this partition */
    enum core_code code;   /* CORE_OK, or why it is not to be read: answered as it is */

    /* Answered. */
    uint64_t high_watermark;   /* of the partition; 0 where it was not found */
    uint64_t log_start_offset; /* likewise */
    int32_t leader;            /* with CORE_FENCED_EPOCH and CORE_NOT_LEADER: the node to ask */
    int32_t leader_epoch;      /* and its epoch */
    int32_t diverging_epoch;   /* with CORE_OK: the client has records that are not the log's: the
                                  last epoch that they may have in common (KIP-595); else -1 */
    int64_t diverging_offset;  /* and where that ends */
    uint32_t bytes;            /* of batches */
    struct buf_loan *loans;    /* the batches, in order, chained by buf_loan.next: the caller's to
                                  give back (core_loans_return_all) */

    /* Private to fetch.c. */
    struct core_fetch_part *part; /* whose */
    struct core_fetch_item *next; /* of the same shard */
    struct core_waiter waiter;    /* watches its partition */
    bool is_loaded;               /* older segments were asked for, for the epoch's sake */
};

/* What one shard does of a fetch: private to fetch.c. */
struct core_fetch_part {
    struct core_call call;         /* reads, or waits */
    struct core_call cancel;       /* ends the waiting */
    struct core_fetch *fetch;      /* whose */
    struct core_shard *at;         /* where it is, while it is away */
    struct core_fetch_item *items; /* in order */
    struct core_fetch_item *last;  /* the last of them */
    struct core_fetch_item *item;  /* being read */
    int64_t bytes_left;            /* of the fetch's bytes_max, in this round; on its shard */
    bool has_data;                 /* an item here has some, in this round; likewise */
    bool is_away;                  /* `call` is */
    bool is_cancel_away;           /* `cancel` is */
    bool is_waiting;               /* watches; on its shard */
};

/* A fetch. In place, the caller's until core_fetch_start and from `done` on. */
struct core_fetch {
    /* Asked. */
    core_fetch_fn *done;           /* once, from a turn of the loop of the shard that started it */
    void *ctx;                     /* the caller's */
    struct core_fetch_item *items; /* the partitions */
    uint32_t items_count;          /* how many */
    struct core_fetch_part *parts; /* room for one for each shard, zeroed */
    uint32_t bytes_min;            /* wait for so much */
    uint32_t bytes_max;            /* of all items together */
    int64_t max_wait_ms;           /* how long */

    /* Private to fetch.c. */
    struct core_shard *home; /* who started it */
    uint32_t away_count;     /* calls that have not come home */
    struct rt_timer timer;   /* max_wait */
    struct rt_op op;         /* ends one that asks for nothing */
    bool is_waiting;         /* parts watch, or are being told not to */
    bool is_late;            /* waited long enough, or was told to end */
};

/* Begin. */
void core_fetch_start(struct core_shard *cs, struct core_fetch *fetch);

/* Wait no longer: done fires soon, with what there is. For a fetch that has not ended. */
void core_fetch_cancel(struct core_fetch *fetch);

#endif
