/* Where the partitions of a topic begin and end for those who read, many at once: log starts and
 * high watermarks, each as of the moment its shard was asked. */
#ifndef BROKER_CORE_BOUNDS_H
#define BROKER_CORE_BOUNDS_H

#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"

struct core_bounds;
struct core_bounds_part;
typedef void core_bounds_fn(struct core_bounds *bounds);

/* Of one partition. */
struct core_bounds_item {
    enum core_code code; /* CORE_OK, CORE_UNKNOWN_TOPIC, CORE_NOT_AVAILABLE */
    uint64_t start;      /* offset of the first record that is shown */
    uint64_t end;        /* behind the last one: the high watermark */
};

/* What one shard answers: private to bounds.c. */
struct core_bounds_part {
    struct core_call call;      /* there and back */
    struct core_bounds *bounds; /* whose */
};

/* A question. In place, the caller's until start and from `done` on. */
struct core_bounds {
    /* Asked. */
    core_bounds_fn *done;           /* once, from a turn of the loop of the shard that started it */
    void *ctx;                      /* the caller's */
    struct log_uuid topic;          /* of which topic */
    uint32_t first;                 /* the first partition asked for */
    uint32_t count;                 /* so many, >= 1 (asserted) */
    const uint64_t *groups;         /* the group of each, from that of `first` on */
    struct core_bounds_item *items; /* room for the answers */
    struct core_bounds_part *parts; /* room for one for each shard */

    /* Private to bounds.c. */
    uint32_t away_count; /* parts that have not come home */
};

/* Ask. */
void core_bounds_start(struct core_shard *cs, struct core_bounds *bounds);

#endif
