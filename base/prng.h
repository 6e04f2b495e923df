/* Seeded pseudo-random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
 * number generators", 2018), seeded through splitmix64. One seed gives one sequence on every
 * machine and in every build, so a simulated run repeats itself. Not for secrets: 4 outputs tell
 * the state.
 *
 * Pure: no clock, no entropy. Whoever wants a seed that differs each time takes one from base/rt.
 */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One generator; belongs to one owner. Copying it copies the rest of its sequence. */
struct prng {
    uint64_t state[4]; /* never all zero */
};

/* Start `p` at the sequence of `seed`; every seed is good, 0 included. The four words of state are
 * the first four outputs of splitmix64, as its authors advise. */
void prng_init(struct prng *p, uint64_t seed);

/* The next 64 bits, all equally random. Period 2^256 - 1. */
uint64_t prng_u64(struct prng *p);

/* A number in [0, n), each equally likely. `n` >= 1 (asserted). Takes one output, seldom more
 * (Lemire, "Fast random integer generation in an interval", 2019). */
uint64_t prng_below(struct prng *p, uint64_t n);

/* A number in [low, high], both included, each equally likely. `low` <= `high` (asserted). */
uint64_t prng_range(struct prng *p, uint64_t low, uint64_t high);

/* A double in [0, 1): one of the 2^53 multiples of 2^-53, each equally likely. */
double prng_unit(struct prng *p);

/* True `numerator` times in `denominator`: 0 of n is never, n of n always. `denominator` >= 1 and
 * `numerator` <= `denominator` (asserted). Takes one output even where the answer is certain, so
 * that turning a fault's probability to 0 leaves the rest of a run alone. */
bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator);

/* Fill `out` (room for `length`) with random bytes: outputs in little-endian order, the last one
 * cut. */
void prng_fill(struct prng *p, void *out, size_t length);

/* Put the `count` items of `item_bytes` (>= 1, asserted) each that start at `items` into a random
 * order, each of the count! orders equally likely (Fisher and Yates). `items` may be NULL when
 * `count` is 0. */
void prng_shuffle(struct prng *p, void *items, size_t count, size_t item_bytes);

/* A child with a sequence of its own: what the child draws does not disturb what `p` draws next. It
 * is seeded from one output of `p`, so the n-th child of a seed is always the same. */
struct prng prng_fork(struct prng *p);

#endif
