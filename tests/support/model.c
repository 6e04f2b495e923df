/* Random operation strings. See model.h. */
#include "tests/support/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/support/share.h"

/* The case that runs now. */
struct model_case {
    const char *name; /* of the test's share */
    uint64_t seed;    /* of this case */
    bool is_running;  /* still set in the teardown: it failed */
};

static uint64_t model_random(uint64_t *state);

void model_run(void **state, const char *name, unsigned percent, size_t ops_bytes_max,
               void (*check)(const uint8_t *data, size_t size))
{
    struct model_case *running = *state;
    running->name = name;
    struct share share = share_open(name, percent);
    while (share_more(&share)) {
        running->seed = share_case_seed(&share);
        running->is_running = true;
        uint64_t random = running->seed;
        size_t size = model_random(&random) % (ops_bytes_max + 1);
        uint8_t *data = malloc(size + 8); /* whole words are written */
        ASSERT(data != NULL);
        for (size_t i = 0; i < size; i += 8) {
            uint64_t word = model_random(&random);
            memcpy(data + i, &word, 8);
        }
        check(data, size);
        free(data);
        running->is_running = false;
    }
    share_close(&share);
}

int model_setup(void **state)
{
    *state = calloc(1, sizeof(struct model_case));
    return *state == NULL;
}

int model_teardown(void **state)
{
    struct model_case *running = *state;
    if (running->is_running) {
        printf("FAILED: %s: seed %llu (repeat: TDB_SEED=%llu TDB_SHARE_CASES=1)\n", running->name,
               (unsigned long long)running->seed, (unsigned long long)running->seed);
    }
    free(running);
    return 0;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t model_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
