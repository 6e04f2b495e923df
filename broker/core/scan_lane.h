/* The batches of one partition between two offsets, for a scan: found, read step by step, the next
 * step under way while one is used.
 *
 *     open:  by time (offsets.h), perhaps -> step -> held -> step -> held ... -> end
 *
 * Records below the end may be deleted before the feed comes to them, and then it would wait for
 * ones above. So while a step is awaited for long, the log start is asked for again. */
#ifndef BROKER_CORE_SCAN_LANE_H
#define BROKER_CORE_SCAN_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rt/timer.h"
#include "broker/core/bounds.h"
#include "broker/core/offsets.h"
#include "broker/core/view_feed.h"

struct core_lane;
typedef void core_lane_fn(struct core_lane *lane);

enum core_lane_stage {
    CORE_LANE_IDLE,    /* nothing is asked for, nothing is under way */
    CORE_LANE_FINDING, /* the first record of a time */
    CORE_LANE_STEP,    /* a step of the feed */
    CORE_LANE_HELD,    /* it has come, to be taken */
    CORE_LANE_END,     /* there is no more */
    CORE_LANE_FAILED,  /* `code` */
    CORE_LANE_CLOSING, /* until nothing is under way */
};

/* Embedded in its scan. */
struct core_lane {
    /* Filled once. */
    struct core_shard *cs;          /* where */
    core_lane_fn *moved;            /* it is HELD, at its END, FAILED, or (closing) IDLE: from a
                                       turn of the loop */
    void *ctx;                      /* the caller's */
    struct core_bounds_part *parts; /* for bounds.h, one for each shard */

    /* To be read. */
    uint8_t stage;       /* enum core_lane_stage */
    enum core_code code; /* why it failed */
    uint32_t partition;  /* which */
    uint64_t first;      /* the first record wanted */
    uint64_t end;        /* behind the last */

    /* Private to scan_lane.c. */
    uint64_t group;                /* of the partition */
    bool is_fed;                   /* `feed` is open */
    bool is_over;                  /* what was wanted is no more: the step was ended */
    bool is_closing;               /* what is under way is the last */
    bool is_looking;               /* `bounds` is away */
    struct core_view_feed feed;    /* reads */
    struct core_offsets offsets;   /* finds */
    struct core_bounds bounds;     /* looks whether there is still something */
    struct core_bounds_item bound; /* its answer */
    struct rt_timer timer;         /* when it looks */
};

/* Make it ready; its first part has been filled. */
void core_lane_init(struct core_lane *lane);

/* Begin with records `first` .. `end` - 1 (first < end) of a partition, IDLE before; those before
 * the first one of `timestamp` (ms; < 0: any) are not wanted. */
void core_lane_open(struct core_lane *lane, const struct log_uuid *topic, uint32_t partition,
                    uint64_t group, uint64_t first, uint64_t end, int64_t timestamp);

/* HELD: the batches, the caller's to give back, chained; the first may begin below what is wanted,
 * and some may lie above it. The next step begins, unless that was the last. */
struct buf_loan *core_lane_take(struct core_lane *lane);

/* Give it up; `moved` tells when it is IDLE, unless it is at once. */
void core_lane_close(struct core_lane *lane);

#endif
