/* See peer_histogram.h. */
#include "bench/macro/peer_histogram.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

#define PEER_HISTOGRAM_STEP (1u << PEER_HISTOGRAM_BITS)

static uint32_t peer_histogram_bucket(uint64_t value);
static uint64_t peer_histogram_end(uint32_t bucket);

void peer_histogram_reset(struct peer_histogram *h)
{
    *h = (struct peer_histogram){.count = 0};
}

void peer_histogram_add(struct peer_histogram *h, uint64_t value)
{
    h->buckets[peer_histogram_bucket(value)]++;
    h->count++;
    if (value > h->max) {
        h->max = value;
    }
}

uint64_t peer_histogram_quantile(const struct peer_histogram *h, double quantile)
{
    ASSERT(quantile >= 0);
    ASSERT(quantile <= 1);
    if (h->count == 0) {
        return 0;
    }
    uint64_t wanted = (uint64_t)ceil(quantile * (double)h->count);
    uint64_t seen = 0;
    uint32_t bucket = 0;
    while ((seen += h->buckets[bucket]) < wanted || seen == 0) {
        bucket++;
        ASSERT(bucket < PEER_HISTOGRAM_BUCKETS);
    }
    uint64_t end = peer_histogram_end(bucket);
    return end < h->max ? end : h->max;
}

/* Small values are their own bucket; of larger ones the 8 highest bits count, and how many follow.
 */
static uint32_t peer_histogram_bucket(uint64_t value)
{
    if (value < PEER_HISTOGRAM_STEP) {
        return (uint32_t)value;
    }
    uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - PEER_HISTOGRAM_BITS;
    uint32_t high = (uint32_t)(value >> shift);
    ASSERT(high >= PEER_HISTOGRAM_STEP);
    ASSERT(high < 2 * PEER_HISTOGRAM_STEP);
    return shift * PEER_HISTOGRAM_STEP + high;
}

/* The largest value of a bucket. */
static uint64_t peer_histogram_end(uint32_t bucket)
{
    if (bucket < PEER_HISTOGRAM_STEP) {
        return bucket;
    }
    uint32_t shift = bucket / PEER_HISTOGRAM_STEP - 1;
    uint64_t high = PEER_HISTOGRAM_STEP + bucket % PEER_HISTOGRAM_STEP;
    return ((high + 1) << shift) - 1; /* of the last bucket: 2^64 - 1, by wrapping */
}
