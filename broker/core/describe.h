/* Who leads partitions, in which epoch: what Metadata tells of many at once. */
#ifndef BROKER_CORE_DESCRIBE_H
#define BROKER_CORE_DESCRIBE_H

#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"

struct core_describe;
struct core_describe_part;
typedef void core_describe_fn(struct core_describe *describe);

/* A partition. */
struct core_describe_item {
    /* Asked. */
    struct log_uuid topic; /* which */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise */

    /* Answered. */
    enum core_code code;  /* CORE_OK, CORE_UNKNOWN_TOPIC, CORE_NOT_AVAILABLE */
    int32_t leader;       /* node id, -1: none is known */
    int32_t leader_epoch; /* -1: not known */

    struct core_describe_item *next; /* the item added after it; NULL: the last */

    /* Private to describe.c. */
    struct core_describe_item *next_of_part; /* of the same shard */
};

/* What one shard answers: private to describe.c. */
struct core_describe_part {
    struct core_call call;            /* there and back */
    struct core_describe *describe;   /* whose */
    struct core_describe_item *items; /* in any order */
};

/* A question. In place, the caller's until start and from `done` on. */
struct core_describe {
    /* Asked. */
    core_describe_fn *done; /* once, from a turn of the loop of the shard that started it */
    void *ctx;              /* the caller's */
    struct core_describe_item *items; /* the first partition: core_describe_add */
    struct core_describe_part *parts; /* room for one for each shard, zeroed */

    /* Private to describe.c. */
    struct core_describe_item *last; /* the last partition */
    uint32_t away_count;             /* parts that have not come home */
};

/* Ask for this one, too. */
void core_describe_add(struct core_describe *describe, struct core_describe_item *item);

/* Ask, for at least one (asserted). */
void core_describe_start(struct core_shard *cs, struct core_describe *describe);

#endif
