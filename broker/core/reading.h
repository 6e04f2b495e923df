/* A read of a partition's log under way: it keeps the partition. Private to broker/core. */
#ifndef BROKER_CORE_READING_H
#define BROKER_CORE_READING_H

#include <stdint.h>

#include "base/err.h"
#include "broker/core/partition.h"
#include "storage/log/read.h"
#include "storage/log/retention.h"

/* Of core_shard.reading_pool. */
struct core_reading {
    struct core_partition *part; /* of which partition */
    void *ctx;                   /* the reader's */
    union {
        struct log_read read;           /* the log's */
        struct log_retention_find find; /* or, where an offset's entry is looked for */
    };
};

/* *out = one for `part`. ERR_FULL, ERR_BUDGET. */
MUST_USE enum err core_reading_new(struct core_partition *part, void *ctx,
                                   struct core_reading **out);

/* Read the oldest entry: what is known of the log's older segments afterwards is all there is. */
void core_reading_oldest(struct core_reading *reading, log_read_fn *done);

/* It has ended, and what it gave out was released. */
void core_reading_free(struct core_reading *reading);

#endif
