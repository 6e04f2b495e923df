/* Latencies counted in buckets that grow with the value: 128 to a power of two, so that a quantile
 * is at most 1/128 above a value that was counted, from one nanosecond to all that 64 bits hold.
 * Adding costs a few instructions, whatever the number of values. One thread at a time. */
#ifndef BENCH_MACRO_PEER_HISTOGRAM_H
#define BENCH_MACRO_PEER_HISTOGRAM_H

#include <stdint.h>

/* Bits of a bucket's number within its power of two. */
#define PEER_HISTOGRAM_BITS 7u

/* Below 2^8 each value has its own bucket; each power of two above has 2^7. */
#define PEER_HISTOGRAM_BUCKETS ((64u - PEER_HISTOGRAM_BITS + 1u) << PEER_HISTOGRAM_BITS)

/* In place; all zeroes: empty. */
struct peer_histogram {
    uint64_t buckets[PEER_HISTOGRAM_BUCKETS]; /* values by size */
    uint64_t count;                           /* of them */
    uint64_t max;                             /* the largest, exact */
};

/* Empty it. */
void peer_histogram_reset(struct peer_histogram *h);

/* Count `value`. */
void peer_histogram_add(struct peer_histogram *h, uint64_t value);

/* The smallest bucket's end below or at which lie `quantile` (0..1) of the values, one at least;
 * never above the largest value; 0 when there is none. */
uint64_t peer_histogram_quantile(const struct peer_histogram *h, double quantile);

#endif
