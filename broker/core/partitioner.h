/* Which partition a key belongs to, as Java clients choose: who appends through another door finds
 * his keys where they are. Source: Apache Kafka, BuiltInPartitioner, Utils.murmur2. Pure. */
#ifndef BROKER_CORE_PARTITIONER_H
#define BROKER_CORE_PARTITIONER_H

#include <stddef.h>
#include <stdint.h>

/* MurmurHash2 of the `length` bytes at `data` (NULL: 0) with Kafka's seed. */
uint32_t core_murmur2(const void *data, size_t length);

/* The partition of `key` among `partitions_count` (> 0, asserted). */
uint32_t core_partition_of_key(const void *key, size_t length, uint32_t partitions_count);

#endif
