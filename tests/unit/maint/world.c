/* See world.h. */
#include "tests/unit/maint/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "views/plan/validate.h"
#include "views/plan/value.h"
#include "views/sql/bind.h"
#include "views/sql/parse.h"

#define WORLD_QUERY_BYTES ((size_t)256 << 20)

static const struct plan_column world_system_columns[] = {
    {"a", {VEC_TEXT, 0, 0}, PLAN_ROLE_VALUE, false},
};
static const struct plan_relation world_system = {
    PLAN_RELATION_SYSTEM, "system", "s", world_system_columns, 1, 1, NULL, 0, NULL,
};

/* --- Rows --------------------------------------------------------------------------------------
 */

void world_init(struct world *world, const struct vec_type *types, uint32_t types_count,
                uint32_t rows_count)
{
    static const struct {
        const char *name;
        enum vec_kind kind;
        enum plan_role role;
    } system[3] = {
        {"_offset", VEC_BIGINT, PLAN_ROLE_OFFSET},
        {"_partition", VEC_INTEGER, PLAN_ROLE_PARTITION},
        {"_timestamp", VEC_TIMESTAMPTZ, PLAN_ROLE_TIMESTAMP},
    };
    ASSERT(types_count + 3 <= MEMORY_COLUMNS_MAX);
    *world = (struct world){.system = types_count};
    budget_init(&world->root, "test", SIZE_MAX / 2, NULL);
    arena_init(&world->arena, &world->root, 64u << 10, SIZE_MAX / 2);
    uint8_t kinds[MEMORY_COLUMNS_MAX] = {0};
    world->relation = memory_make(kinds, types_count + 3, rows_count, &world->arena);
    for (uint32_t i = 0; i < types_count; i++) {
        world->relation->columns[i].type = types[i];
    }
    for (uint32_t i = 0; i < 3; i++) {
        world->relation->columns[types_count + i] = (struct plan_column){
            .name = system[i].name,
            .type = vec_type(system[i].kind),
            .role = (uint8_t)system[i].role,
            .is_hidden = true,
        };
    }
    for (uint32_t row = 0; row < rows_count; row++) {
        *world_value(world, row, types_count) = (struct vec_value){.u.int8 = row};
        *world_value(world, row, types_count + 1) = (struct vec_value){.u.int4 = 0};
        *world_value(world, row, types_count + 2) = (struct vec_value){.u.int8 = row};
    }
}

void world_deinit(struct world *world)
{
    arena_deinit(&world->arena);
    ASSERT(world->root.used_bytes == 0);
    budget_deinit(&world->root);
}

struct vec_value *world_value(struct world *world, uint32_t row, uint32_t column)
{
    ASSERT(row < world->relation->rows_count);
    ASSERT(column < world->relation->plan.columns_count);
    return &world->relation->values[row * world->relation->plan.columns_count + column];
}

void world_set(struct world *world, uint32_t row, uint32_t column, const char *text)
{
    struct vec_value *value = world_value(world, row, column);
    *value = (struct vec_value){.is_null = text == NULL};
    if (text != NULL) {
        enum vec_kind kind = (enum vec_kind)world->relation->columns[column].type.kind;
        enum vec_fault fault = plan_value_parse(kind, text, strlen(text), &world->arena, value);
        ASSERT(fault == VEC_FAULT_NONE);
    }
}

/* --- Statements --------------------------------------------------------------------------------
 */

enum err world_bind(struct world *world, const char *sql, struct plan *plan,
                    struct sql_error *error)
{
    size_t length = strlen(sql);
    struct sql_stmt *stmt;
    struct sql_reference *references;
    uint32_t count;
    enum err err = sql_parse(sql, length, &world->arena, &stmt, error);
    if (err != ERR_OK) {
        return err;
    }
    err = sql_references(stmt->select, &world->arena, &references, &count);
    ASSERT(err == ERR_OK);
    const struct plan_relation *relations[4] = {NULL};
    ASSERT(count <= ARRAY_COUNT(relations));
    for (uint32_t i = 0; i < count; i++) {
        if (strcasecmp(references[i].name.text, "t") == 0) {
            relations[i] = &world->relation->plan;
        } else if (strcasecmp(references[i].name.text, "s") == 0) {
            relations[i] = &world_system;
        }
    }
    static const struct vec_type params[4];
    const struct sql_binding binding = {
        .relations = relations,
        .references = references,
        .references_count = count,
        .params = params,
        .params_count = ARRAY_COUNT(params),
        .text = sql,
        .length = length,
    };
    err = sql_bind(stmt->select, &binding, &world->arena, plan, error);
    struct plan_fault fault;
    ASSERT(err != ERR_OK || plan_validate(plan, &fault) == ERR_OK);
    return err;
}

const struct maint_view *world_make(struct world *world, const char *sql)
{
    struct sql_error error = {0};
    struct maint_refusal refusal;
    struct maint_view *view;
    struct plan *plan = arena_alloc_zeroed(&world->arena, sizeof(*plan), 8);
    enum err err = world_bind(world, sql, plan, &error);
    if (err == ERR_OK) {
        err = maint_view_make(&world->arena, plan, &view, &refusal);
    }
    if (err != ERR_OK) {
        (void)fprintf(stderr, "%s: %s %s\n", sql, error.message, refusal.message);
        ASSERT(err == ERR_OK);
    }
    return view;
}

/* --- Batches -----------------------------------------------------------------------------------
 */

/* A copy of the value's bytes in `a`. */
static struct vec_value world_copy(enum vec_kind kind, struct vec_value value, struct arena *a)
{
    if (!value.is_null && (kind == VEC_TEXT || kind == VEC_JSONB)) {
        value.u.bytes.data = arena_copy(a, value.u.bytes.data, value.u.bytes.length);
        ASSERT(value.u.bytes.data != NULL);
    }
    return value;
}

static void world_vector(struct world *world, uint32_t column, const uint32_t *rows, uint32_t count,
                         struct chance *chance, struct arena *a, struct vec_vector *out)
{
    struct vec_type type = world->relation->columns[column].type;
    enum vec_kind kind = (enum vec_kind)type.kind;
    size_t bytes = vec_kind_bytes(kind);
    uint8_t *data = vec_flat(a, type, count, out);
    uint64_t *valid = vec_valid(a, true);
    uint32_t *codes = arena_alloc(a, count * sizeof(*codes), 8);
    ASSERT(data != NULL);
    ASSERT(valid != NULL);
    ASSERT(codes != NULL);
    bool is_coded = chance != NULL && chance_is(chance, 3);
    bool is_one = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct vec_value *value = world_value(world, rows[i], column);
        codes[i] = is_coded ? count - 1 - i : i;
        if (value->is_null) {
            vec_valid_clear(valid, i);
            out->valid = valid;
        } else {
            struct vec_value copy = world_copy(kind, *value, a);
            memcpy(data + bytes * codes[i], &copy.u, bytes);
        }
        const struct vec_value *first = world_value(world, rows[0], column);
        is_one = is_one && value->is_null == first->is_null &&
                 (value->is_null || plan_value_equal(kind, value, first));
    }
    if (is_one && chance != NULL && chance_is(chance, 2)) {
        struct vec_value *copy = arena_alloc(a, sizeof(*copy), 8);
        ASSERT(copy != NULL);
        *copy = world_copy(kind, *world_value(world, rows[0], column), a);
        vec_constant(type, copy, out);
    } else if (is_coded) {
        out->form = VEC_DICTIONARY;
        out->codes = codes;
        out->dictionary_count = count;
    }
}

void world_batch(struct world *world, const struct maint_view *view, const uint32_t *rows,
                 uint32_t count, struct chance *chance, struct arena *a, struct vec_batch *batch)
{
    ASSERT(count > 0);
    ASSERT(count <= VEC_ROWS_MAX);
    *batch = (struct vec_batch){
        .columns = arena_alloc(a, view->scan_columns_count * sizeof(struct vec_vector), 8),
        .columns_count = view->scan_columns_count,
        .rows_count = count,
        .selection = {.count = count},
    };
    ASSERT(batch->columns != NULL);
    for (uint32_t i = 0; i < view->scan_columns_count; i++) {
        world_vector(world, view->scan_columns[i], rows, count, chance, a, &batch->columns[i]);
    }
}

/* --- Views -------------------------------------------------------------------------------------
 */

static void world_view_fault(void *ctx, const struct maint_fault *fault)
{
    struct world_view *v = ctx;
    ASSERT(v->faults_count < WORLD_FAULTS_MAX);
    v->faults[v->faults_count].partition = fault->partition;
    v->faults[v->faults_count].offset = fault->offset;
    v->faults[v->faults_count++].state = vec_fault_state(fault->failure.fault);
}

void world_view_init(struct world_view *v, struct world *world, const struct maint_view *view,
                     uint32_t shards_count, struct chance *chance)
{
    ASSERT(shards_count > 0);
    ASSERT(shards_count <= WORLD_SHARDS_MAX);
    *v = (struct world_view){.world = world, .view = view, .shards_count = shards_count};
    budget_init(&v->budget, "view", SIZE_MAX / 4, &world->root);
    budget_init(&v->folding, "folds", SIZE_MAX / 4, &world->root);
    budget_init(&v->readers, "readers", SIZE_MAX / 4, &world->root);
    arena_init(&v->batches, &world->root, 64u << 10, SIZE_MAX / 2);
    maint_scratch_init(&v->scratch, &v->folding);
    for (uint32_t i = 0; i < STORE_SLICES; i++) {
        v->slice_shard[i] =
            (uint8_t)(chance != NULL ? chance_below(chance, shards_count) : i % shards_count);
    }
    for (uint32_t i = 0; i < WORLD_PARTITIONS_MAX; i++) {
        v->partition_shard[i] =
            (uint8_t)(chance != NULL ? chance_below(chance, shards_count) : i % shards_count);
    }
    uint32_t home = v->slice_shard[store_slice_of(store_hash(NULL, 0))];
    for (uint32_t i = 0; i < shards_count; i++) {
        v->folds[i].fault = world_view_fault;
        v->folds[i].ctx = v;
        maint_fold_init(&v->folds[i], view, &v->folding, &v->scratch, v->slice_shard, shards_count);
        maint_upkeep_init(&v->upkeeps[i], view, &v->budget, &v->scratch, i == home);
    }
}

void world_view_deinit(struct world_view *v)
{
    for (uint32_t i = 0; i < v->shards_count; i++) {
        maint_fold_deinit(&v->folds[i]);
        while (!maint_upkeep_deinit_step(&v->upkeeps[i])) {
        }
    }
    arena_deinit(&v->batches);
    arena_deinit(&v->scratch);
    ASSERT(v->budget.used_bytes == 0);
    ASSERT(v->folding.used_bytes == 0);
    ASSERT(v->readers.used_bytes == 0);
    budget_deinit(&v->budget);
    budget_deinit(&v->folding);
    budget_deinit(&v->readers);
}

/* Deltas under way. */
struct world_deltas {
    struct maint_delta *items[WORLD_SHARDS_MAX][64];
    uint32_t counts[WORLD_SHARDS_MAX];
};

static void world_view_take(struct world_view *v, uint32_t shard, struct world_deltas *deltas)
{
    do {
        for (uint32_t target = 0; target < v->shards_count; target++) {
            struct maint_delta *delta;
            enum err err = maint_fold_take(&v->folds[shard], target, &delta);
            ASSERT(err == ERR_OK);
            if (delta != NULL) {
                ASSERT(deltas->counts[target] < 64);
                deltas->items[target][deltas->counts[target]++] = delta;
            }
        }
    } while (maint_fold_pass(&v->folds[shard]));
}

/* Fold the rows of a shard's partitions. */
static void world_view_fold(struct world_view *v, uint32_t shard, const uint32_t *rows,
                            uint32_t count, struct chance *chance, struct world_deltas *deltas)
{
    uint32_t pos = 0;
    while (pos < count) {
        uint32_t left = count - pos;
        uint32_t max = left < VEC_ROWS_MAX ? left : VEC_ROWS_MAX;
        uint32_t some = chance != NULL ? 1 + chance_size(chance, max - 1) : max;
        struct vec_batch batch;
        arena_reset(&v->batches);
        world_batch(v->world, v->view, rows + pos, some, chance, &v->batches, &batch);
        enum err err = maint_fold_rows(&v->folds[shard], &batch);
        ASSERT(err == ERR_OK);
        pos += some;
        if (chance != NULL && deltas->counts[0] < 60 && chance_is(chance, 8)) {
            world_view_take(v, shard, deltas);
        }
    }
    world_view_take(v, shard, deltas);
}

/* Merge all deltas of a shard, in any order. */
static void world_view_apply(struct world_view *v, uint32_t shard, struct chance *chance,
                             struct world_deltas *deltas)
{
    enum err err = maint_upkeep_begin(&v->upkeeps[shard], v->tick);
    ASSERT(err == ERR_OK);
    uint32_t count = deltas->counts[shard];
    while (count > 0) {
        uint32_t pick = chance != NULL ? chance_below(chance, count) : 0;
        struct maint_delta *delta = deltas->items[shard][pick];
        deltas->items[shard][pick] = deltas->items[shard][--count];
        uint32_t pos = 0;
        while (pos < delta->groups_count) {
            err = maint_upkeep_apply(&v->upkeeps[shard], delta, &pos);
            ASSERT(err == ERR_OK);
        }
        maint_delta_free(delta);
    }
    maint_upkeep_end(&v->upkeeps[shard]);
}

void world_view_tick(struct world_view *v, const uint32_t *rows, uint32_t count,
                     struct chance *chance)
{
    struct world_deltas deltas = {.counts = {0}};
    uint32_t *own = malloc((count + 1) * sizeof(*own));
    ASSERT(own != NULL);
    v->tick++;
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        uint32_t own_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            int32_t partition = world_value(v->world, rows[i], v->world->system + 1)->u.int4;
            if (v->partition_shard[partition] == shard) {
                own[own_count++] = rows[i];
            }
        }
        world_view_fold(v, shard, own, own_count, chance, &deltas);
    }
    free(own);
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        world_view_apply(v, shard, chance, &deltas);
    }
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        store_state_complete(&v->upkeeps[shard].state, v->tick);
    }
}

uint64_t world_view_read(struct world_view *v, struct arena *a, struct world_table *table)
{
    uint64_t faults_count = 0;
    world_table_init(table, v->view->outputs, v->view->outputs_count, a);
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        struct maint_reading reading;
        struct vec_batch batch;
        enum err err;
        maint_reading_open(&reading, &v->upkeeps[shard], v->tick, &v->readers);
        while ((err = maint_reading_next(&reading, &batch)) == ERR_OK) {
            world_table_add(table, &batch);
        }
        ASSERT(err == ERR_END);
        faults_count += reading.faults_count;
        maint_reading_close(&reading);
    }
    return faults_count;
}

void world_view_changes(struct world_view *v, struct arena *a, struct world_table *minus,
                        struct world_table *plus)
{
    world_table_init(minus, v->view->outputs, v->view->outputs_count, a);
    world_table_init(plus, v->view->outputs, v->view->outputs_count, a);
    for (uint32_t shard = 0; shard < v->shards_count; shard++) {
        uint64_t pos = 0;
        struct vec_batch batches[2];
        enum err err;
        while ((err = maint_upkeep_changes(&v->upkeeps[shard], &pos, &batches[0], &batches[1])) ==
               ERR_OK) {
            world_table_add(minus, &batches[0]);
            world_table_add(plus, &batches[1]);
        }
        ASSERT(err == ERR_END);
    }
}

/* --- Questions ---------------------------------------------------------------------------------
 */

/* The order that ties of first and last follow. */
static int world_origin_compare(const void *a, const void *b, void *ctx)
{
    struct world *world = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    static const uint32_t columns[3] = {2, 1, 0}; /* timestamp, partition, offset */
    for (uint32_t i = 0; i < 3; i++) {
        const struct vec_value *v = world_value(world, x, world->system + columns[i]);
        const struct vec_value *w = world_value(world, y, world->system + columns[i]);
        int64_t p = columns[i] == 1 ? v->u.int4 : v->u.int8;
        int64_t q = columns[i] == 1 ? w->u.int4 : w->u.int8;
        if (p != q) {
            return p < q ? -1 : 1;
        }
    }
    return 0;
}

bool world_ask(struct world *world, const struct plan *plan, const uint32_t *rows, uint32_t count,
               struct arena *a, struct world_table *table, const char **state)
{
    uint32_t columns_count = world->relation->plan.columns_count;
    uint32_t *sorted = malloc((count + 1) * sizeof(*sorted));
    ASSERT(sorted != NULL);
    if (count > 0) {
        memcpy(sorted, rows, count * sizeof(*sorted));
        qsort_r(sorted, count, sizeof(*sorted), world_origin_compare, world);
    }
    struct memory_relation *seen = arena_alloc(a, sizeof(*seen), 8);
    ASSERT(seen != NULL);
    *seen = *world->relation;
    seen->rows_count = count;
    seen->values = arena_alloc(a, (count + 1) * columns_count * sizeof(*seen->values), 8);
    seen->stretches = arena_alloc_zeroed(a, (count + 1) * sizeof(*seen->stretches), 8);
    ASSERT(seen->values != NULL);
    ASSERT(seen->stretches != NULL);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(seen->values + i * columns_count, world_value(world, sorted[i], 0),
               columns_count * sizeof(*seen->values));
    }
    free(sorted);
    const void *owner = world->relation->plan.owner;
    world->relation->plan.owner = seen;
    struct budget budget;
    budget_init(&budget, "query", WORLD_QUERY_BYTES, &world->root);
    struct chance chance = chance_seed(1);
    struct memory memory = {.chance = &chance, .is_plain = true, .fails_at = UINT32_MAX};
    const struct exec_setting setting = {.budget = &budget};
    struct exec_query query;
    world_table_init(table, plan->root->outputs, plan->root->outputs_count, a);
    enum err err = exec_open(&query, plan, &setting, &memory_ops, &memory);
    ASSERT(err == ERR_OK);
    enum exec_result result;
    do {
        const struct vec_batch *batch;
        result = exec_next(&query, &batch);
        if (result == EXEC_ROWS) {
            world_table_add(table, batch);
        }
    } while (result != EXEC_END && result != EXEC_FAILED);
    *state = query.failure.state != NULL ? query.failure.state
                                         : vec_fault_state(query.failure.vec.fault);
    exec_close(&query);
    budget_deinit(&budget);
    world->relation->plan.owner = owner;
    return result == EXEC_END;
}

/* --- Tables ------------------------------------------------------------------------------------
 */

void world_table_init(struct world_table *table, const struct plan_output *outputs, uint32_t count,
                      struct arena *a)
{
    struct vec_type *types = arena_alloc(a, (count + 1) * sizeof(*types), 8);
    ASSERT(types != NULL);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = outputs[i].type;
    }
    *table = (struct world_table){.arena = a, .types = types, .columns_count = count};
}

void world_table_add(struct world_table *table, const struct vec_batch *batch)
{
    ASSERT(batch->selection.count == 0 || batch->columns_count == table->columns_count);
    size_t row_bytes = table->columns_count * sizeof(struct vec_value);
    if (table->count + batch->selection.count > table->capacity) {
        table->capacity = 2 * table->capacity + batch->selection.count;
        struct vec_value *values = arena_alloc(table->arena, table->capacity * row_bytes, 8);
        ASSERT(values != NULL);
        if (table->count > 0) {
            memcpy(values, table->values, table->count * row_bytes);
        }
        table->values = values;
    }
    for (uint32_t i = 0; i < batch->selection.count; i++) {
        for (uint32_t k = 0; k < table->columns_count; k++) {
            struct vec_value value;
            ASSERT(batch->columns[k].type.kind == table->types[k].kind);
            vec_get(&batch->columns[k], vec_row(batch->selection, i), &value);
            table->values[table->count * table->columns_count + k] =
                world_copy((enum vec_kind)table->types[k].kind, value, table->arena);
        }
        table->count++;
    }
}

char *world_table_line(const struct world_table *table, uint32_t row)
{
    size_t room = 64;
    const struct vec_value *values = &table->values[row * table->columns_count];
    for (uint32_t i = 0; i < table->columns_count; i++) {
        bool has_bytes = table->types[i].kind == VEC_TEXT || table->types[i].kind == VEC_JSONB;
        room += 256 + (has_bytes && !values[i].is_null ? 6 * (size_t)values[i].u.bytes.length : 0);
    }
    char *line = arena_alloc(table->arena, room, 1);
    ASSERT(line != NULL);
    struct bytes_writer w = bytes_writer(line, room);
    for (uint32_t i = 0; i < table->columns_count; i++) {
        if (values[i].is_null) {
            bytes_put_copy(&w, "~", 1);
        } else {
            bytes_put_copy(&w, "=", 1);
            plan_value_write(&w, (enum vec_kind)table->types[i].kind, &values[i]);
        }
        bytes_put_copy(&w, "|", 1);
    }
    bytes_put_u8(&w, 0);
    ASSERT(w.err == ERR_OK);
    for (size_t i = 0; i + 1 < w.pos; i++) {
        line[i] = line[i] == '\0' ? '?' : line[i];
    }
    return line;
}

static int world_line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **world_table_lines(const struct world_table *table)
{
    char **lines = arena_alloc(table->arena, (table->count + 1) * sizeof(*lines), 8);
    ASSERT(lines != NULL);
    for (uint32_t i = 0; i < table->count; i++) {
        lines[i] = world_table_line(table, i);
    }
    qsort(lines, table->count, sizeof(*lines), world_line_compare);
    return lines;
}

bool world_table_equal(const struct world_table *a, const struct world_table *b, const char **why)
{
    char **x = world_table_lines(a);
    char **y = world_table_lines(b);
    uint32_t i = 0;
    while (i < a->count && i < b->count && strcmp(x[i], y[i]) == 0) {
        i++;
    }
    if (i == a->count && i == b->count) {
        return true;
    }
    bool is_left = i < a->count && (i == b->count || strcmp(x[i], y[i]) < 0);
    size_t room = strlen(is_left ? x[i] : y[i]) + 64;
    char *text = arena_alloc(a->arena, room, 1);
    ASSERT(text != NULL);
    (void)snprintf(text, room, "only in the %s: %s", is_left ? "first" : "second",
                   is_left ? x[i] : y[i]);
    *why = text;
    return false;
}
