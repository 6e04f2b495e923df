/* Accumulators: batches of 2,048 rows folded into states at random among 1,000 (which stay near)
 * and into one. The peer folds the same rows into plain 64-bit numbers of the same places, which is
 * what the exact sums cost beyond. Times are processor time. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/prng.h"
#include "bench/micro/bench.h"
#include "views/vec/accumulator.h"

#define ACCUMULATOR_STATES  1000u
#define ACCUMULATOR_BATCHES 2000u

struct accumulator_work {
    struct budget budget;
    struct arena arena;
    struct arena scratch;
    struct vec_eval ev;
    const struct vec_accumulator *accumulator;
    ALIGNED(64) int64_t whole[VEC_ROWS_MAX];
    ALIGNED(64) double real[VEC_ROWS_MAX];
    uint8_t *states[VEC_ROWS_MAX];
    uint8_t *memory; /* the states */
};

static void accumulator_open(struct accumulator_work *work, const char *name, enum vec_kind kind,
                             uint32_t states_count)
{
    struct prng rng;
    uint8_t kinds[1] = {(uint8_t)kind};
    prng_init(&rng, 1);
    budget_init(&work->budget, "accumulator", SIZE_MAX / 2, NULL);
    arena_init(&work->arena, &work->budget, 1u << 16, SIZE_MAX / 2);
    arena_init(&work->scratch, &work->budget, 1u << 16, SIZE_MAX / 2);
    work->ev = (struct vec_eval){.scratch = &work->scratch};
    work->accumulator =
        vec_accumulator_of(vec_aggregate_find(name, strlen(name), kinds, kind == VEC_NONE ? 0 : 1));
    ASSERT(work->accumulator != NULL);
    size_t bytes = work->accumulator->state_bytes;
    work->memory = arena_alloc_zeroed(&work->arena, ACCUMULATOR_STATES * bytes, 8);
    ASSERT(work->memory != NULL);
    for (uint32_t i = 0; i < VEC_ROWS_MAX; i++) {
        work->whole[i] = (int64_t)prng_below(&rng, 1000000);
        work->real[i] = (double)work->whole[i] / 100;
        work->states[i] = work->memory + prng_below(&rng, states_count) * bytes;
    }
}

static void accumulator_close(struct accumulator_work *work)
{
    arena_deinit(&work->scratch);
    arena_deinit(&work->arena);
    budget_deinit(&work->budget);
}

static double accumulator_fold(void *context)
{
    struct accumulator_work *work = context;
    const struct vec_accumulator *accumulator = work->accumulator;
    struct vec_accumulation acc = {.ev = &work->ev, .arena = &work->arena, .is_alone = true};
    struct vec_expr call = {.kind = VEC_EXPR_CALL};
    bool is_real = accumulator->args[0] == VEC_DOUBLE;
    struct vec_vector arg = {.type = vec_type(is_real ? VEC_DOUBLE : VEC_BIGINT),
                             .form = VEC_FLAT,
                             .data = is_real ? (const void *)work->real : work->whole};
    struct vec_selection all = {.count = VEC_ROWS_MAX};
    uint64_t began_ns = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < ACCUMULATOR_BATCHES; i++) {
        bool is_fine = accumulator->update(&acc, &call, &arg, NULL, all, work->states);
        ASSERT(is_fine);
    }
    return (double)(bench_cpu_ns(BENCH_CPU_THREAD) - began_ns) / ACCUMULATOR_BATCHES / VEC_ROWS_MAX;
}

/* Plain sums, which may overflow and round. */
static double accumulator_plain(void *context)
{
    struct accumulator_work *work = context;
    bool is_real = work->accumulator->args[0] == VEC_DOUBLE;
    uint64_t began_ns = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < ACCUMULATOR_BATCHES; i++) {
        for (uint32_t row = 0; row < VEC_ROWS_MAX && is_real; row++) {
            *(double *)(void *)work->states[row] += work->real[row];
        }
        for (uint32_t row = 0; row < VEC_ROWS_MAX && !is_real; row++) {
            *(uint64_t *)(void *)work->states[row] += (uint64_t)work->whole[row];
        }
        bench_keep(work->memory);
    }
    return (double)(bench_cpu_ns(BENCH_CPU_THREAD) - began_ns) / ACCUMULATOR_BATCHES / VEC_ROWS_MAX;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *aggregate;
        enum vec_kind kind;
    } cases[] = {
        {"count(*)", "count", VEC_NONE},    {"sum(bigint)", "sum", VEC_BIGINT},
        {"avg(bigint)", "avg", VEC_BIGINT}, {"max(bigint)", "max", VEC_BIGINT},
        {"sum(double)", "sum", VEC_DOUBLE}, {"avg(double)", "avg", VEC_DOUBLE},
    };
    struct bench b;
    bench_init(&b, argc, argv);
    struct accumulator_work *work = aligned_alloc(64, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (uint32_t states = ACCUMULATOR_STATES; states > 0; states /= ACCUMULATOR_STATES) {
            char name[80];
            accumulator_open(work, cases[i].aggregate, cases[i].kind, states);
            snprintf(name, sizeof(name), "%s, %s", cases[i].name,
                     states > 1 ? "1,000 states" : "one state");
            struct bench_side ours = {.cost = accumulator_fold, .context = work};
            struct bench_side plain = {.cost = accumulator_plain, .context = work};
            struct bench_pair pair = bench_pair(&b, name, &ours, &plain, 21);
            bench_row(&b, &(struct bench_row){.name = name,
                                              .value = pair.ours,
                                              .unit = "ns/row",
                                              .peer = "plain sums",
                                              .ratio = pair.ratio});
            accumulator_close(work);
        }
    }
    free(work);
    return bench_finish(&b);
}
