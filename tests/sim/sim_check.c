/* Whether a scenario repeats itself. See sim.h.
 *
 * The first run finds the heap as it is. Before the second one, blocks of all sizes are allocated
 * and freed in random order, some are kept, so that its blocks come at other addresses, in another
 * order. What an address decides then comes out differently: the order of pointers, hashes of them,
 * and what freed memory is found to hold.
 *
 * AddressSanitizer keeps freed blocks in a quarantine, first in, first out; they are pushed through
 * it by as many bytes of large ones, or they would not be given out again. */
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/prng.h"
#include "tests/sim/sim.h"

#define SIM_LITTER_COUNT     4096u
#define SIM_LITTER_BYTES_MAX 8192u

/* More than AddressSanitizer's quarantine holds (256 MiB), in blocks of this size. */
#define SIM_QUARANTINE_COUNT 5u
#define SIM_QUARANTINE_BYTES (64u << 20)

static void sim_litter(struct prng *prng, void **blocks);

bool sim_check_repeatable(uint64_t (*run)(uint64_t seed, void *ctx), void *ctx, uint64_t seed,
                          uint64_t *hash)
{
    *hash = run(seed, ctx);
    struct prng prng;
    prng_init(&prng, seed);
    void **blocks = calloc(SIM_LITTER_COUNT, sizeof(blocks[0]));
    ASSERT(blocks != NULL);
    sim_litter(&prng, blocks);
    uint64_t again = run(seed, ctx);
    for (size_t i = 0; i < SIM_LITTER_COUNT; i++) {
        free(blocks[i]);
    }
    free(blocks);
    return again == *hash;
}

/* Leave the heap with holes of every size, listed in random order, a quarter of the blocks kept. */
static void sim_litter(struct prng *prng, void **blocks)
{
    for (size_t i = 0; i < SIM_LITTER_COUNT; i++) {
        size_t bytes = (size_t)prng_range(prng, 1, SIM_LITTER_BYTES_MAX >> prng_below(prng, 8));
        blocks[i] = malloc(bytes);
        ASSERT(blocks[i] != NULL);
        memset(blocks[i], (int)prng_below(prng, 256), bytes);
    }
    prng_shuffle(prng, blocks, SIM_LITTER_COUNT, sizeof(blocks[0]));
    for (size_t i = SIM_LITTER_COUNT / 4; i < SIM_LITTER_COUNT; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
#ifdef ASAN_IS_ON
    for (size_t i = 0; i < SIM_QUARANTINE_COUNT; i++) {
        void *volatile block = malloc(SIM_QUARANTINE_BYTES); /* volatile, or nothing happens */
        free(block);
    }
#endif
}
