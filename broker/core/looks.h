/* How far topics were looked at for their columns (look.h): a shard's memory of those that were
 * last. Not a state: without it more is read. */
#ifndef BROKER_CORE_LOOKS_H
#define BROKER_CORE_LOOKS_H

#include <stdint.h>

#include "base/budget.h"
#include "base/map.h"
#include "storage/log/format.h"

/* Topics that are remembered, and partitions of each that are looked at. */
#define CORE_LOOKS_MAX       1024u
#define CORE_LOOK_PARTITIONS 64u

/* A topic. */
struct core_looked {
    struct map_node in_map;              /* core_looks.map, by a hash of its uuid; oldest first */
    struct log_uuid topic;               /* which */
    uint32_t first;                      /* the first partition, */
    uint32_t count;                      /* and how many */
    uint64_t ends[CORE_LOOK_PARTITIONS]; /* their ends then */
};

/* A shard's. */
struct core_looks {
    struct budget *budget;     /* what it is charged to */
    struct map map;            /* core_looked.in_map */
    struct map_node **buckets; /* of it; NULL: nothing was looked at yet */
    uint64_t seed;             /* of hashes */
};

/* None yet; memory of `budget`, taken when the first one comes. `seed` is secret. */
void core_looks_init(struct core_looks *looks, struct budget *budget, uint64_t seed);

/* Give everything back. */
void core_looks_deinit(struct core_looks *looks);

/* What is remembered of the topic, until the next keep; or NULL. */
const struct core_looked *core_looks_find(const struct core_looks *looks,
                                          const struct log_uuid *topic);

/* Remember that the `count` partitions from `first` on were looked at up to `ends`; in the place of
 * the oldest where there are too many, and not at all where there is no memory. */
void core_looks_keep(struct core_looks *looks, const struct log_uuid *topic, uint32_t first,
                     uint32_t count, const uint64_t *ends);

#endif
