/* A view kept up without a server. See fold_work.h. */
#include "bench/micro/fold_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "bench/micro/bench.h"
#include "views/sql/bind.h"
#include "views/sql/parse.h"

#define FOLD_BATCH_ROWS 2000u
#define FOLD_BATCHES    (FOLD_TICK_ROWS / FOLD_BATCH_ROWS)
#define FOLD_PIECES_MAX (FOLD_TICK_ROWS / MAINT_PIECE_GROUPS + 1)
#define FOLD_NAME       1u /* the column */

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
    .kind = PLAN_RELATION_STREAM,
    .schema = "public",
    .name = "t",
    .columns = fold_columns,
    .columns_count = ARRAY_COUNT(fold_columns),
    .version = 1,
};

static void fold_bind(struct fold_work *work, const char *sql);
static void fold_fill(struct fold_work *work, uint64_t first);
static void fold_batch(struct fold_work *work, uint32_t first);
static void fold_changes(struct fold_work *work);

void fold_work_open(struct fold_work *work, const char *sql, uint64_t keys_count)
{
    *work = (struct fold_work){.keys_count = keys_count};
    budget_init(&work->root, "bench", SIZE_MAX / 2, NULL);
    arena_init(&work->arena, &work->root, 1u << 20, SIZE_MAX / 2);
    fold_bind(work, sql);
    prng_init(&work->prng, 1);
    maint_scratch_init(&work->scratch, &work->root);
    maint_fold_init(&work->fold, work->view, &work->root, &work->scratch, work->slice_target, 1);
    maint_upkeep_init(&work->upkeep, work->view, &work->root, &work->scratch, true);
    for (uint32_t i = 0; i < work->view->scan_columns_count; i++) {
        work->has_texts |= work->view->scan_columns[i] == FOLD_NAME;
    }
    work->keys = calloc(FOLD_TICK_ROWS, sizeof(*work->keys));
    work->names = calloc(FOLD_TICK_ROWS, sizeof(*work->names));
    work->texts = calloc(FOLD_TICK_ROWS, FOLD_TEXT_BYTES);
    work->values = calloc(FOLD_TICK_ROWS, sizeof(*work->values));
    work->reals = calloc(FOLD_TICK_ROWS, sizeof(*work->reals));
    work->offsets = calloc(FOLD_TICK_ROWS, sizeof(*work->offsets));
    ASSERT(work->keys != NULL && work->names != NULL && work->texts != NULL);
    ASSERT(work->values != NULL && work->reals != NULL && work->offsets != NULL);
}

void fold_work_close(struct fold_work *work)
{
    maint_fold_deinit(&work->fold);
    arena_deinit(&work->scratch);
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

static void fold_bind(struct fold_work *work, const char *sql)
{
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
    work->plan = arena_alloc(&work->arena, sizeof(*work->plan), 16);
    ASSERT(work->plan != NULL);
    err = sql_bind(stmt->select, &binding, &work->arena, work->plan, &error);
    ASSERT(err == ERR_OK);
    err = maint_view_make(&work->arena, work->plan, &work->view, &refusal);
    ASSERT(err == ERR_OK);
}

/* The rows of a tick. */
static void fold_fill(struct fold_work *work, uint64_t first)
{
    for (uint32_t i = 0; i < FOLD_TICK_ROWS; i++) {
        work->keys[i] = (int64_t)prng_below(&work->prng, work->keys_count);
        work->values[i] = (int64_t)prng_below(&work->prng, 1000000);
        work->reals[i] = (double)prng_below(&work->prng, 1000000) / 100;
        work->offsets[i] = (int64_t)(work->ticks_count * FOLD_TICK_ROWS + i);
        if (first != UINT64_MAX) {
            work->keys[i] = (int64_t)((first + i) % work->keys_count);
        }
        if (work->has_texts) {
            char *text = work->texts + (size_t)i * FOLD_TEXT_BYTES;
            int length = snprintf(text, FOLD_TEXT_BYTES, "key-%ld", (long)work->keys[i]);
            work->names[i] = (struct vec_bytes){text, (uint32_t)length};
        }
    }
}

void fold_work_load(struct fold_work *work)
{
    for (uint64_t first = 0; first < work->keys_count; first += FOLD_TICK_ROWS) {
        fold_work_tick(work, first);
    }
    memset(work->spent_ns, 0, sizeof(work->spent_ns));
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

/* The whole numbers of some rows, but for the first column. */
static int64_t fold_sum(const struct vec_batch *rows)
{
    int64_t sum = 0;
    for (uint32_t column = 1; column < rows->columns_count; column++) {
        struct vec_view view = vec_view(&rows->columns[column]);
        enum vec_kind kind = (enum vec_kind)rows->columns[column].type.kind;
        for (VEC_ROWS_EACH(rows->selection, i, row)) {
            if (kind == VEC_BIGINT) {
                sum += VEC_AT(&view, int64_t, row);
            } else if (kind == VEC_NUMERIC) { /* of no more than 64 bits here, and not negative */
                sum += (int64_t)VEC_AT(&view, struct vec_numeric, row).limb[0];
            }
        }
    }
    return sum;
}

static void fold_changes(struct fold_work *work)
{
    struct vec_batch minus;
    struct vec_batch plus;
    uint64_t pos = 0;
    while (maint_upkeep_changes(&work->upkeep, &pos, &minus, &plus) == ERR_OK) {
        work->total += fold_sum(&plus) - fold_sum(&minus);
    }
    store_state_complete(&work->upkeep.state, work->ticks_count);
    while (!store_state_trim(&work->upkeep.state)) {
    }
}

void fold_work_tick(struct fold_work *work, uint64_t first)
{
    uint64_t at_ns[FOLD_PARTS + 1];
    fold_fill(work, first);
    at_ns[0] = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < FOLD_BATCHES; i++) {
        fold_batch(work, i * FOLD_BATCH_ROWS);
    }
    at_ns[FOLD_TAKE] = bench_cpu_ns(BENCH_CPU_THREAD);
    struct maint_delta *deltas[FOLD_PIECES_MAX];
    uint32_t pieces_count = 0;
    do {
        ASSERT(pieces_count < FOLD_PIECES_MAX);
        enum err err = maint_fold_take(&work->fold, 0, &deltas[pieces_count++]);
        ASSERT(err == ERR_OK);
    } while (maint_fold_pass(&work->fold));
    at_ns[FOLD_APPLY] = bench_cpu_ns(BENCH_CPU_THREAD);
    enum err err = maint_upkeep_begin(&work->upkeep, ++work->ticks_count);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < pieces_count; i++) {
        for (uint32_t pos = 0; pos < deltas[i]->groups_count;) {
            err = maint_upkeep_apply(&work->upkeep, deltas[i], &pos);
            ASSERT(err == ERR_OK);
        }
    }
    maint_upkeep_end(&work->upkeep);
    for (uint32_t i = 0; i < pieces_count; i++) {
        maint_delta_free(deltas[i]);
    }
    at_ns[FOLD_CHANGES] = bench_cpu_ns(BENCH_CPU_THREAD);
    fold_changes(work);
    at_ns[FOLD_PARTS] = bench_cpu_ns(BENCH_CPU_THREAD);
    for (uint32_t i = 0; i < FOLD_PARTS; i++) {
        work->spent_ns[i] += at_ns[i + 1] - at_ns[i];
    }
}
