/* Time and randomness, as far as the product may ask for them. In the simulator both come from the
 * seed. */
#ifndef BASE_RT_CLOCK_H
#define BASE_RT_CLOCK_H

#include <stdint.h>

struct rt_shard;

#define RT_NS_PER_US 1000ull
#define RT_NS_PER_MS 1000000ull
#define RT_NS_PER_S  1000000000ull

/* Monotonic nanoseconds, read once per turn of the loop: cheap, and the same for all that happens
 * in one turn. Never 0. */
uint64_t rt_now_ns(const struct rt_shard *shard);

/* Monotonic nanoseconds, read now: for measuring and for bounding a long computation. >= rt_now_ns.
 */
uint64_t rt_now_precise_ns(struct rt_shard *shard);

/* Nanoseconds since 1970 UTC, read at most once per turn: the same for all that happens in one. May
 * jump either way; no safety rule may use it (LOG §5). */
uint64_t rt_wall_ns(struct rt_shard *shard);

/* 64 random bits of the shard's own generator: not for keys or secrets. */
uint64_t rt_random(struct rt_shard *shard);

#endif
