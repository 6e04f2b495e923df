/* Keys to partitions. See partitioner.h. */
#include "broker/core/partitioner.h"

#include <string.h>

#include "base/assert.h"

/* MurmurHash2's multiplier and shift; the seed is Kafka's. */
#define CORE_MURMUR2_M    0x5bd1e995u
#define CORE_MURMUR2_R    24
#define CORE_MURMUR2_SEED 0x9747b28cu

uint32_t core_murmur2(const void *data, size_t length)
{
    const uint8_t *at = data;
    uint32_t hash = CORE_MURMUR2_SEED ^ (uint32_t)length;
    for (; length >= 4; at += 4, length -= 4) {
        uint32_t k =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        k *= CORE_MURMUR2_M;
        k ^= k >> CORE_MURMUR2_R;
        k *= CORE_MURMUR2_M;
        hash *= CORE_MURMUR2_M;
        hash ^= k;
    }
    if (length > 0) {
        hash ^= length > 2 ? (uint32_t)at[2] << 16 : 0;
        hash ^= length > 1 ? (uint32_t)at[1] << 8 : 0;
        hash ^= at[0];
        hash *= CORE_MURMUR2_M;
    }
    hash ^= hash >> 13;
    hash *= CORE_MURMUR2_M;
    return hash ^ hash >> 15;
}

uint32_t core_partition_of_key(const void *key, size_t length, uint32_t partitions_count)
{
    ASSERT(partitions_count > 0);
    return (core_murmur2(key, length) & INT32_MAX) % partitions_count;
}
