/* A view kept up: count, sum and max by key. Ticks of 10,000 rows of random keys, in memory as five
 * batches, are folded into partial groups, these are merged into the view's rows, and what changed
 * is read as the rows before and after. All keys are there before the clock starts, so that almost
 * every row of a tick is a group of its own and changes a row that is somewhere in memory.
 *
 * Figures are rows per second of processor time of this one thread; notes say what each part of the
 * way took. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "bench/micro/bench.h"
#include "views/maint/fold.h"
#include "views/maint/upkeep.h"
#include "views/sql/bind.h"
#include "views/sql/parse.h"

#define FOLD_TICK_ROWS  10000u
#define FOLD_BATCH_ROWS 2000u
#define FOLD_BATCHES    (FOLD_TICK_ROWS / FOLD_BATCH_ROWS)
#define FOLD_TEXT_BYTES 16u

/* A way of its own in a figure. */
enum fold_part {
    FOLD_FOLD,
    FOLD_TAKE,
    FOLD_APPLY,
    FOLD_CHANGES,
    FOLD_PARTS,
};

/* A case. */
struct fold_case {
    const char *name;
    const char *sql;
    uint32_t keys_count;
    bool is_large; /* not with --quick */
};

/* The view at work. */
struct fold_work {
    const struct fold_case *which;
    struct budget root;
    struct arena arena; /* plan, rows */
    struct plan plan;
    struct maint_view *view;
    struct maint_fold fold;
    struct maint_upkeep upkeep;
    uint8_t slice_target[STORE_SLICES];
    struct prng prng;
    uint64_t tick;
    /* The rows of a tick: key, its text, value, double, and their origin. */
    int64_t *keys;
    struct vec_bytes *names;
    char *texts;
    int64_t *values;
    double *reals;
    int64_t *offsets;
    uint64_t changed_count; /* rows told as changes */
    uint64_t spent_ns[FOLD_PARTS];
};

static const struct plan_column fold_columns[] = {
    {"k", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"name", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"v", {VEC_BIGINT, 0, 0}, PLAN_ROLE_VALUE, false},
    {"x", {VEC_DOUBLE, 0, 0}, PLAN_ROLE_VALUE, false},
    {"_offset", {VEC_BIGINT, 0, 0}, PLAN_ROLE_OFFSET, true},
    {"_partition", {VEC_INTEGER, 0, 0}, PLAN_ROLE_PARTITION, true},
    {"_timestamp", {VEC_TIMESTAMPTZ, 0, 0}, PLAN_ROLE_TIMESTAMP, true},
};
static const struct plan_relation fold_relation = {
    PLAN_RELATION_STREAM, "public", "t", fold_columns, ARRAY_COUNT(fold_columns), 1, NULL,
};

static void fold_begin(struct fold_work *work, const struct fold_case *which);
static void fold_bind(struct fold_work *work);
static void fold_fill(struct fold_work *work);
static void fold_tick(struct fold_work *work);
static void fold_end(struct fold_work *work);
static void fold_run(struct bench *b, const struct fold_case *which);

int main(int argc, char **argv)
{
    static const struct fold_case cases[] = {
        {"100 k keys", "SELECT k, count(*), sum(v), max(v) FROM t GROUP BY k", 100000, false},
        {"100 k keys, sum of doubles", "SELECT k, count(*), sum(x), max(v) FROM t GROUP BY k",
         100000, false},
        {"100 k keys, text", "SELECT name, count(*), sum(v), max(v) FROM t GROUP BY name", 100000,
         false},
        {"1 k keys", "SELECT k, count(*), sum(v), max(v) FROM t GROUP BY k", 1000, false},
        {"10 M keys", "SELECT k, count(*), sum(v), max(v) FROM t GROUP BY k", 10000000, true},
    };
    struct bench b;
    bench_init(&b, argc, argv);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (!cases[i].is_large || !b.is_quick) {
            fold_run(&b, &cases[i]);
        }
    }
    return bench_finish(&b);
}

static void fold_run(struct bench *b, const struct fold_case *which)
{
    static const char *const parts[FOLD_PARTS] = {"fold", "take", "apply", "changes"};
    struct fold_work *work = calloc(1, sizeof(*work));
    ASSERT(work != NULL);
    fold_begin(work, which);
    double rates[BENCH_RUNS_MAX];
    size_t runs_count = b->is_quick ? 5 : 21;
    uint32_t ticks_count = b->is_quick ? 10 : 50;
    fold_tick(work);
    memset(work->spent_ns, 0, sizeof(work->spent_ns));
    for (size_t run = 0; run < runs_count; run++) {
        uint64_t spent_ns = 0;
        for (uint32_t i = 0; i < ticks_count; i++) {
            fold_fill(work);
            uint64_t before_ns = bench_cpu_ns(BENCH_CPU_THREAD);
            fold_tick(work);
            spent_ns += bench_cpu_ns(BENCH_CPU_THREAD) - before_ns;
        }
        rates[run] = (double)ticks_count * FOLD_TICK_ROWS * 1e9 / (double)spent_ns / 1e6;
    }
    double rate = bench_quantile(rates, runs_count, 0.5);
    uint64_t all_ns = 0;
    for (uint32_t i = 0; i < FOLD_PARTS; i++) {
        all_ns += work->spent_ns[i];
    }
    double rows = (double)runs_count * ticks_count * FOLD_TICK_ROWS;
    for (uint32_t i = 0; i < FOLD_PARTS; i++) {
        bench_note(b, "%s: %s %.0f %%, %.1f ns/row", which->name, parts[i],
                   100 * (double)work->spent_ns[i] / (double)all_ns,
                   (double)work->spent_ns[i] / rows);
    }
    bench_note(b, "%s: %.1f bytes per key", which->name,
               (double)maint_upkeep_bytes(&work->upkeep) / which->keys_count);
    bench_row(b, &(struct bench_row){.name = which->name, .value = rate, .unit = "M rows/s"});
    fold_end(work);
    free(work);
}

static void fold_begin(struct fold_work *work, const struct fold_case *which)
{
    work->which = which;
    budget_init(&work->root, "bench", SIZE_MAX / 2, NULL);
    arena_init(&work->arena, &work->root, 1u << 20, SIZE_MAX / 2);
    fold_bind(work);
    prng_init(&work->prng, 1);
    maint_fold_init(&work->fold, work->view, &work->root, work->slice_target, 1);
    maint_upkeep_init(&work->upkeep, work->view, &work->root, true);
    work->keys = calloc(FOLD_TICK_ROWS, sizeof(*work->keys));
    work->names = calloc(FOLD_TICK_ROWS, sizeof(*work->names));
    work->texts = calloc(FOLD_TICK_ROWS, FOLD_TEXT_BYTES);
    work->values = calloc(FOLD_TICK_ROWS, sizeof(*work->values));
    work->reals = calloc(FOLD_TICK_ROWS, sizeof(*work->reals));
    work->offsets = calloc(FOLD_TICK_ROWS, sizeof(*work->offsets));
    ASSERT(work->keys != NULL && work->names != NULL && work->texts != NULL);
    ASSERT(work->values != NULL && work->reals != NULL && work->offsets != NULL);
    /* All keys once. */
    for (uint32_t first = 0; first < which->keys_count; first += FOLD_TICK_ROWS) {
        fold_fill(work);
        for (uint32_t i = 0; i < FOLD_TICK_ROWS; i++) {
            work->keys[i] = (first + i) % which->keys_count;
            char *text = work->texts + (size_t)i * FOLD_TEXT_BYTES;
            int length = snprintf(text, FOLD_TEXT_BYTES, "key-%ld", (long)work->keys[i]);
            work->names[i].length = (uint32_t)length;
        }
        fold_tick(work);
    }
}

static void fold_bind(struct fold_work *work)
{
    const char *sql = work->which->sql;
    struct sql_stmt *stmt;
    struct sql_error error;
    struct sql_reference *references;
    uint32_t count;
    struct maint_refusal refusal;
    enum err err = sql_parse(sql, strlen(sql), &work->arena, &stmt, &error);
    ASSERT(err == ERR_OK);
    err = sql_references(stmt->select, &work->arena, &references, &count);
    ASSERT(err == ERR_OK && count == 1);
    const struct plan_relation *relations[] = {&fold_relation};
    const struct sql_binding binding = {
        .relations = relations,
        .references = references,
        .references_count = 1,
        .text = sql,
        .length = strlen(sql),
    };
    err = sql_bind(stmt->select, &binding, &work->arena, &work->plan, &error);
    ASSERT(err == ERR_OK);
    err = maint_view_make(&work->arena, &work->plan, &work->view, &refusal);
    ASSERT(err == ERR_OK);
}

/* The rows of a tick. */
static void fold_fill(struct fold_work *work)
{
    for (uint32_t i = 0; i < FOLD_TICK_ROWS; i++) {
        char *text = work->texts + (size_t)i * FOLD_TEXT_BYTES;
        work->keys[i] = (int64_t)prng_below(&work->prng, work->which->keys_count);
        int length = snprintf(text, FOLD_TEXT_BYTES, "key-%ld", (long)work->keys[i]);
        work->names[i] = (struct vec_bytes){text, (uint32_t)length};
        work->values[i] = (int64_t)prng_below(&work->prng, 1000000);
        work->reals[i] = (double)prng_below(&work->prng, 1000000) / 100;
        work->offsets[i] = (int64_t)(work->tick * FOLD_TICK_ROWS + i);
    }
}

/* Fold a batch. */
static void fold_batch(struct fold_work *work, uint32_t first)
{
    static const struct vec_value zero = {.u.int8 = 0};
    struct vec_vector columns[ARRAY_COUNT(fold_columns)];
    const void *data[4] = {work->keys + first, work->names + first, work->values + first,
                           work->reals + first};
    for (uint32_t i = 0; i < work->view->scan_columns_count; i++) {
        uint32_t column = work->view->scan_columns[i];
        if (column < 4) {
            columns[i] =
                (struct vec_vector){.type = fold_columns[column].type, .data = data[column]};
        } else if (fold_columns[column].role == PLAN_ROLE_OFFSET) {
            columns[i] =
                (struct vec_vector){.type = vec_type(VEC_BIGINT), .data = work->offsets + first};
        } else {
            vec_constant(fold_columns[column].type, &zero, &columns[i]);
        }
    }
    const struct vec_batch batch = {
        .columns = columns,
        .columns_count = work->view->scan_columns_count,
        .rows_count = FOLD_BATCH_ROWS,
        .selection = {.count = FOLD_BATCH_ROWS},
    };
    enum err err = maint_fold_rows(&work->fold, &batch);
    ASSERT(err == ERR_OK);
}

static void fold_tick(struct fold_work *work)
{
    uint64_t at_ns[FOLD_PARTS + 1];
    at_ns[0] = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < FOLD_BATCHES; i++) {
        fold_batch(work, i * FOLD_BATCH_ROWS);
    }
    at_ns[FOLD_TAKE] = bench_cpu_ns(BENCH_CPU_THREAD);
    struct maint_delta *delta;
    enum err err = maint_fold_take(&work->fold, 0, &delta);
    ASSERT(err == ERR_OK && delta != NULL);
    maint_fold_reset(&work->fold);
    at_ns[FOLD_APPLY] = bench_cpu_ns(BENCH_CPU_THREAD);
    err = maint_upkeep_begin(&work->upkeep, ++work->tick);
    ASSERT(err == ERR_OK);
    for (uint32_t pos = 0; pos < delta->groups_count;) {
        err = maint_upkeep_apply(&work->upkeep, delta, &pos);
        ASSERT(err == ERR_OK);
    }
    maint_upkeep_end(&work->upkeep);
    maint_delta_free(delta);
    at_ns[FOLD_CHANGES] = bench_cpu_ns(BENCH_CPU_THREAD);
    struct vec_batch minus;
    struct vec_batch plus;
    uint64_t pos = 0;
    while (maint_upkeep_changes(&work->upkeep, &pos, &minus, &plus) == ERR_OK) {
        work->changed_count += minus.selection.count + plus.selection.count;
    }
    store_state_complete(&work->upkeep.state, work->tick);
    while (!store_state_trim(&work->upkeep.state)) {
    }
    at_ns[FOLD_PARTS] = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < FOLD_PARTS; i++) {
        work->spent_ns[i] += at_ns[i + 1] - at_ns[i];
    }
}

static void fold_end(struct fold_work *work)
{
    maint_fold_deinit(&work->fold);
    while (!maint_upkeep_deinit_step(&work->upkeep)) {
    }
    free(work->keys);
    free(work->names);
    free(work->texts);
    free(work->values);
    free(work->reals);
    free(work->offsets);
    arena_deinit(&work->arena);
    budget_deinit(&work->root);
}
