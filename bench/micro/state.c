/* Rows of views: a key of 9 bytes (a BIGINT's), count and sum beside it. Known keys are touched at
 * random, in ticks of 10,000 that are complete at once, keys fetched ahead as upkeep does; at
 * 100,000 keys and at 10 million; with nobody reading, and while an old tick is held. What a row
 * takes of memory, all things included, is counted, not measured. Times are processor time. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "bench/micro/bench.h"
#include "views/store/state.h"

#define STATE_TICK_ROWS   10000u
#define STATE_AHEAD       32u
#define STATE_AHEAD_ROW   12u
#define STATE_STATE_BYTES 24u
#define STATE_KEY_BYTES   9u

/* A row's change that waits. */
struct state_change {
    uint64_t hash;
    uint8_t key[STATE_KEY_BYTES];
};

struct state_work {
    struct budget budget;
    struct store_state state;
    uint64_t keys_count;
    struct prng rng;
    struct state_change changes[STATE_TICK_ROWS];
    struct store_hold hold;
};

static void state_change(struct state_change *change, uint64_t number)
{
    uint64_t word = __builtin_bswap64(number ^ UINT64_C(1) << 63);
    change->key[0] = 1;
    memcpy(change->key + 1, &word, sizeof(word));
    change->hash = store_hash(change->key, STATE_KEY_BYTES);
}

/* Apply `count` changes as a tick. */
static void state_apply(struct state_work *work, uint32_t count)
{
    struct store_state *state = &work->state;
    store_state_begin(state, state->tick + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct state_change *change = &work->changes[i];
        struct store_row row;
        if (i + STATE_AHEAD < count) {
            store_state_prefetch(state, work->changes[i + STATE_AHEAD].hash);
        }
        if (i + STATE_AHEAD_ROW < count) {
            store_state_prefetch_row(state, work->changes[i + STATE_AHEAD_ROW].hash);
        }
        enum err err = store_state_touch(state, change->hash, change->key, STATE_KEY_BYTES, &row);
        ASSERT(err == ERR_OK);
        uint64_t words[STATE_STATE_BYTES / 8];
        memcpy(words, row.state, sizeof(words));
        words[0]++;
        words[1] += change->hash;
        memcpy(row.state, words, sizeof(words));
    }
    store_state_end(state);
    store_state_complete(state, state->tick);
}

static void state_open(struct state_work *work, uint64_t keys_count)
{
    budget_init(&work->budget, "state", SIZE_MAX / 2, NULL);
    store_state_init(&work->state, &(struct store_layout){.state_bytes = STATE_STATE_BYTES},
                     &work->budget);
    prng_init(&work->rng, 1);
    work->keys_count = keys_count;
    for (uint64_t first = 0; first < keys_count; first += STATE_TICK_ROWS) {
        uint64_t left = keys_count - first;
        uint32_t count = left < STATE_TICK_ROWS ? (uint32_t)left : STATE_TICK_ROWS;
        for (uint32_t i = 0; i < count; i++) {
            state_change(&work->changes[i], first + i);
        }
        state_apply(work, count);
    }
}

static void state_close(struct state_work *work)
{
    while (!store_state_deinit_step(&work->state)) {
    }
    budget_deinit(&work->budget);
}

/* Touch some ticks of rows: nanoseconds of processor time for each. */
static double state_touch(void *context)
{
    enum { TICKS = 50 };
    struct state_work *work = context;
    uint64_t used_ns = 0;
    for (uint32_t tick = 0; tick < TICKS; tick++) {
        for (uint32_t i = 0; i < STATE_TICK_ROWS; i++) {
            state_change(&work->changes[i], prng_below(&work->rng, work->keys_count));
        }
        uint64_t began_ns = bench_cpu_ns(BENCH_CPU_THREAD);
        state_apply(work, STATE_TICK_ROWS);
        used_ns += bench_cpu_ns(BENCH_CPU_THREAD) - began_ns;
    }
    return (double)used_ns / TICKS / STATE_TICK_ROWS;
}

/* Walk. */
static double state_walk(void *context)
{
    struct state_work *work = context;
    struct store_hold hold;
    struct store_row rows[512];
    uint64_t count = 0;
    uint64_t sum = 0;
    uint64_t began_ns = bench_cpu_ns(BENCH_CPU_THREAD);
    store_state_hold(&work->state, &hold, work->state.tick);
    for (uint32_t slice = 0; slice < STORE_SLICES; slice++) {
        struct store_walk walk = {0};
        while (!walk.is_done) {
            uint32_t got = store_state_walk(&work->state, &hold, slice, &walk, rows, 512);
            for (uint32_t i = 0; i < got; i++) {
                uint64_t word;
                memcpy(&word, rows[i].state, sizeof(word));
                sum += word;
            }
            count += got;
        }
    }
    bench_keep(sum);
    store_state_release(&work->state, &hold);
    ASSERT(count == work->keys_count);
    return (double)(bench_cpu_ns(BENCH_CPU_THREAD) - began_ns) / (double)count;
}

static void state_measure(struct bench *b, struct state_work *work, uint64_t keys_count,
                          const char *size)
{
    char name[80];
    unsigned runs = 21;
    state_open(work, keys_count);
    snprintf(name, sizeof(name), "bytes, %s keys: beside the key", size);
    bench_row(b, &(struct bench_row){.name = name,
                                     .value = (double)work->state.bytes / (double)keys_count -
                                              STATE_KEY_BYTES,
                                     .unit = "B/key",
                                     .bar = "<= 64 B/key"});
    struct bench_side touch = {.cost = state_touch, .context = work};
    snprintf(name, sizeof(name), "touch, %s keys", size);
    bench_row(b, &(struct bench_row){
                     .name = name, .value = bench_median(b, name, &touch, runs), .unit = "ns/row"});
    struct bench_side walk = {.cost = state_walk, .context = work};
    snprintf(name, sizeof(name), "walk, %s keys", size);
    bench_row(b, &(struct bench_row){
                     .name = name, .value = bench_median(b, name, &walk, 5), .unit = "ns/row"});
    store_state_hold(&work->state, &work->hold, work->state.tick);
    snprintf(name, sizeof(name), "touch while a tick is held, %s keys", size);
    bench_row(b, &(struct bench_row){
                     .name = name, .value = bench_median(b, name, &touch, runs), .unit = "ns/op"});
    bench_note(b, "%s keys: %.1f MiB, %.1f of them older versions", size,
               (double)work->state.bytes / (1 << 20),
               (double)work->state.version_bytes / (1 << 20));
    store_state_release(&work->state, &work->hold);
    state_close(work);
}

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct state_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    state_measure(&b, work, 100000, "100 k");
    state_measure(&b, work, 10000000, "10 M");
    free(work);
    return bench_finish(&b);
}
