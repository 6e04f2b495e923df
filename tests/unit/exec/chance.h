/* Where random choices come from: a seed, or the bytes of a fuzzer. */
#ifndef TESTS_UNIT_EXEC_CHANCE_H
#define TESTS_UNIT_EXEC_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "tests/support/ops.h"

/* Choices in a row. */
struct chance {
    struct prng rng; /* ops NULL: from here */
    struct ops *ops; /* not NULL: bytes, and zeros behind them */
};

static inline struct chance chance_seed(uint64_t seed)
{
    struct chance chance = {0};
    prng_init(&chance.rng, seed);
    return chance;
}

/* A number below `count` (1..65536). */
static inline uint32_t chance_below(struct chance *chance, uint32_t count)
{
    return chance->ops != NULL ? ops_below(chance->ops, count)
                               : (uint32_t)prng_below(&chance->rng, count);
}

/* True once in `count` times. */
static inline bool chance_is(struct chance *chance, uint32_t count)
{
    return chance_below(chance, count) == count - 1;
}

/* A number up to `max` that is small more often than not. */
static inline uint32_t chance_size(struct chance *chance, uint32_t max)
{
    uint32_t size = 1u << chance_below(chance, 17);
    size = chance_below(chance, size < 65536 ? size : 65536);
    return size < max ? size : max;
}

#endif
