/* What single operators promise beyond their rows: when they stop, what they say, how far many rows
 * go. */
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/exec/check.h"
#include "views/plan/build.h"
#include "views/vec/function.h"

/* A query over a relation in memory. */
struct ops_world {
    struct budget budget; /* the query's, under `root` */
    struct budget root;
    struct budget outside; /* of what the test makes */
    struct arena arena;
    struct chance chance;
    struct memory memory;
    struct plan plan;
    struct exec_query query;
};

static void ops_world_init(struct ops_world *world)
{
    *world = (struct ops_world){0};
    budget_init(&world->root, "queries", SIZE_MAX / 2, NULL);
    budget_init(&world->budget, "query", SIZE_MAX / 2, &world->root);
    budget_init(&world->outside, "test", SIZE_MAX / 2, NULL);
    arena_init(&world->arena, &world->outside, 1u << 20, SIZE_MAX / 2);
    world->chance = chance_seed(1);
    world->memory =
        (struct memory){.chance = &world->chance, .is_plain = true, .fails_at = UINT32_MAX};
}

static void ops_world_deinit(struct ops_world *world)
{
    exec_close(&world->query);
    assert_int_equal(world->root.used_bytes, 0);
    assert_int_equal(world->memory.opened_count, world->memory.closed_count);
    arena_deinit(&world->arena);
}

static void ops_open(struct ops_world *world, const struct plan_node *root)
{
    world->plan = (struct plan){.root = root};
    const struct exec_setting setting = {.budget = &world->budget};
    assert_int_equal(exec_open(&world->query, &world->plan, &setting, &memory_ops, &world->memory),
                     ERR_OK);
}

/* The next batch; NULL: the end, or a failure. */
static const struct vec_batch *ops_next(struct ops_world *world)
{
    for (;;) {
        const struct vec_batch *batch;
        enum exec_result result = exec_next(&world->query, &batch);
        if (result == EXEC_ROWS) {
            return batch;
        }
        if (result == EXEC_END || result == EXEC_FAILED) {
            return NULL;
        }
    }
}

/* Rows (a BIGINT: i * step % modulus, a TEXT of `text_bytes` bytes). */
static struct memory_relation *ops_relation(struct ops_world *world, uint32_t rows_count,
                                            int64_t step, int64_t modulus, uint32_t text_bytes)
{
    static const uint8_t kinds[2] = {VEC_BIGINT, VEC_TEXT};
    struct memory_relation *relation = memory_make(kinds, 2, rows_count, &world->arena);
    char *text = arena_alloc(&world->arena, text_bytes, 1);
    memset(text, 't', text_bytes);
    for (uint32_t i = 0; i < rows_count; i++) {
        relation->values[2 * i] = (struct vec_value){.u.int8 = (int64_t)i * step % modulus};
        relation->values[2 * i + 1] =
            (struct vec_value){.u.bytes = {.data = text, .length = text_bytes}};
    }
    return relation;
}

/* `node` ordered by its input's first column. */
static struct plan_node *ops_sort(struct ops_world *world, enum plan_kind kind,
                                  const struct plan_node *input, bool is_descending)
{
    struct plan_node *node = plans_over(kind, input, &world->arena);
    const struct vec_expr **keys = arena_alloc(&world->arena, sizeof(*keys), 8);
    struct vec_order *orders = arena_alloc(&world->arena, sizeof(*orders), 8);
    keys[0] = plans_column(input, 0, &world->arena);
    orders[0] = (struct vec_order){.is_descending = is_descending};
    node->sort = (struct plan_sort){.keys = keys, .orders = orders, .keys_count = 1};
    return node;
}

static int64_t ops_bigint(const struct vec_batch *batch, uint32_t column, uint32_t i)
{
    struct vec_value value;
    vec_get(&batch->columns[column], vec_row(batch->selection, i), &value);
    assert_false(value.is_null);
    return value.u.int8;
}

static void limit_stops_asking(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct plan_node *scan = plans_scan(ops_relation(&world, 10000, 1, 100000, 1), &world.arena);
    struct plan_node *limit = plans_over(PLAN_LIMIT, scan, &world.arena);
    limit->limit.count = plans_bigint(1000, &world.arena);
    limit->limit.offset = plans_bigint(1500, &world.arena);
    ops_open(&world, limit);
    int64_t next = 1500;
    for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
        for (uint32_t i = 0; i < batch->selection.count; i++) {
            assert_int_equal(ops_bigint(batch, 0, i), next++);
        }
    }
    assert_int_equal(next, 2500);
    assert_int_equal(world.memory.calls_count, 2);
    ops_world_deinit(&world);
}

static void limit_of_nothing_asks_nobody(void **state)
{
    (void)state;
    for (enum plan_kind kind = PLAN_TOP; kind <= PLAN_LIMIT; kind++) {
        struct ops_world world;
        ops_world_init(&world);
        struct plan_node *scan = plans_scan(ops_relation(&world, 10, 1, 10, 1), &world.arena);
        struct plan_node *limit = ops_sort(&world, kind, scan, false);
        limit->limit.count = plans_bigint(0, &world.arena);
        ops_open(&world, limit);
        assert_null(ops_next(&world));
        assert_int_equal(world.memory.calls_count, 0);
        ops_world_deinit(&world);
    }
}

static void limits_below_zero_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t count;
        int64_t offset;
        const char *state;
        const char *message; /* PostgreSQL's */
    } rows[] = {
        {-1, 0, "2201W", "LIMIT must not be negative"},
        {1, -1, "2201X", "OFFSET must not be negative"},
        {-1, -1, "2201X", "OFFSET must not be negative"},
    };
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        struct ops_world world;
        ops_world_init(&world);
        struct plan_node *scan = plans_scan(ops_relation(&world, 10, 1, 10, 1), &world.arena);
        struct plan_node *limit = ops_sort(&world, i % 2 == 0 ? PLAN_TOP : PLAN_LIMIT, scan, false);
        limit->limit.count = plans_bigint(rows[i / 2].count, &world.arena);
        limit->limit.offset = plans_bigint(rows[i / 2].offset, &world.arena);
        ops_open(&world, limit);
        assert_null(ops_next(&world));
        assert_string_equal(world.query.failure.state, rows[i / 2].state);
        assert_string_equal(world.query.failure.message, rows[i / 2].message);
        ops_world_deinit(&world);
    }
}

static void scan_gives_no_more_than_is_wanted(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct plan_node *scan = plans_scan(ops_relation(&world, 10000, 1, 100000, 1), &world.arena);
    scan->scan.rows_max = 3000;
    ops_open(&world, scan);
    uint32_t count = 0;
    for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
        count += batch->selection.count;
    }
    assert_int_equal(count, 3000);
    assert_int_equal(world.memory.calls_count, 2);
    assert_int_equal(world.query.root->rows_count, 3000);
    ops_world_deinit(&world);
}

/* Random, ascending and descending rows, more than any buffer holds. */
static void sort_puts_many_rows_in_order(void **state)
{
    (void)state;
    static const struct {
        int64_t step;
        bool is_descending;
    } rows[] = {{1, false}, {1, true}, {7919, false}, {7919, true}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ops_world world;
        ops_world_init(&world);
        const uint32_t rows_count = 100003; /* a prime: every number once */
        struct plan_node *scan =
            plans_scan(ops_relation(&world, rows_count, rows[i].step, rows_count, 3), &world.arena);
        ops_open(&world, ops_sort(&world, PLAN_SORT, scan, rows[i].is_descending));
        int64_t next = 0;
        for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
            assert_true(batch->selection.count <= VEC_ROWS_MAX);
            for (uint32_t k = 0; k < batch->selection.count; k++) {
                int64_t want = rows[i].is_descending ? rows_count - 1 - next : next;
                assert_int_equal(ops_bigint(batch, 0, k), want);
                next++;
            }
        }
        assert_int_equal(next, rows_count);
        ops_world_deinit(&world);
    }
}

/* The worst there is: every row is better than all before, and takes much memory. */
static void top_holds_little_whatever_comes(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct plan_node *scan = plans_scan(ops_relation(&world, 60000, 1, 100000, 1000), &world.arena);
    struct plan_node *top = ops_sort(&world, PLAN_TOP, scan, true);
    top->limit.count = plans_bigint(1000, &world.arena);
    top->limit.offset = plans_bigint(5, &world.arena);
    ops_open(&world, top);
    const struct vec_batch *batch = ops_next(&world);
    assert_non_null(batch);
    assert_int_equal(batch->selection.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(ops_bigint(batch, 0, i), 59994 - i);
    }
    assert_null(ops_next(&world));
    assert_true(world.budget.peak_bytes < 10u << 20); /* of 60 MB; a batch is 2 */
    ops_world_deinit(&world);
}

static void top_of_many_is_a_sort(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct plan_node *scan = plans_scan(ops_relation(&world, 30011, 7919, 30011, 3), &world.arena);
    struct plan_node *top = ops_sort(&world, PLAN_TOP, scan, false);
    top->limit.count = plans_bigint(20000, &world.arena);
    top->limit.offset = plans_bigint(5000, &world.arena);
    ops_open(&world, top);
    int64_t next = 5000;
    for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
        for (uint32_t i = 0; i < batch->selection.count; i++) {
            assert_int_equal(ops_bigint(batch, 0, i), next++);
        }
    }
    assert_int_equal(next, 25000);
    ops_world_deinit(&world);
}

/* keys: 0 or 1 BIGINT; count(*), count(DISTINCT column 0). */
static struct plan_node *ops_count(struct ops_world *world, const struct plan_node *input,
                                   uint32_t keys_count)
{
    struct arena *a = &world->arena;
    struct plan_node *node = plans_over(PLAN_AGGREGATE, input, a);
    struct plan_output *outputs = arena_alloc_zeroed(a, 3 * sizeof(*outputs), 8);
    const struct vec_expr **keys = arena_alloc(a, sizeof(*keys), 8);
    struct plan_aggregation *all = arena_alloc(a, 2 * sizeof(*all), 8);
    keys[0] = plans_column(input, 0, a);
    all[0] = plans_aggregation("count", NULL, 0, a);
    all[1] = plans_aggregation("count", keys, 1, a);
    all[1].is_distinct = true;
    for (uint32_t i = 0; i < 3; i++) {
        outputs[i] = (struct plan_output){.name = "x", .type = vec_type(VEC_BIGINT)};
    }
    node->outputs = outputs;
    node->outputs_count = keys_count + 2;
    node->aggregate = (struct plan_aggregate){
        .keys = keys, .keys_count = keys_count, .aggregations = all, .aggregations_count = 2};
    return node;
}

static void aggregate_has_as_many_groups_as_memory(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct plan_node *scan = plans_scan(ops_relation(&world, 120000, 7919, 60013, 3), &world.arena);
    ops_open(&world, ops_count(&world, scan, 1));
    uint32_t groups_count = 0;
    int64_t rows_count = 0;
    int64_t distinct_count = 0;
    for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
        for (uint32_t i = 0; i < batch->selection.count; i++) {
            /* In order of appearance. */
            assert_int_equal(ops_bigint(batch, 0, i), (int64_t)groups_count * 7919 % 60013);
            rows_count += ops_bigint(batch, 1, i);
            distinct_count += ops_bigint(batch, 2, i);
            groups_count++;
        }
    }
    assert_int_equal(groups_count, 60013);
    assert_int_equal(rows_count, 120000);
    assert_int_equal(distinct_count, 60013);
    ops_world_deinit(&world);
}

static void aggregate_of_no_rows_is_a_row_without_keys(void **state)
{
    (void)state;
    for (uint32_t keys_count = 0; keys_count < 2; keys_count++) {
        struct ops_world world;
        ops_world_init(&world);
        struct plan_node *scan = plans_scan(ops_relation(&world, 0, 1, 10, 1), &world.arena);
        ops_open(&world, ops_count(&world, scan, keys_count));
        const struct vec_batch *batch = ops_next(&world);
        if (keys_count == 0) {
            assert_int_equal(batch->selection.count, 1);
            assert_int_equal(ops_bigint(batch, 0, 0), 0);
            assert_int_equal(ops_bigint(batch, 1, 0), 0);
            assert_null(ops_next(&world));
        } else {
            assert_null(batch);
        }
        ops_world_deinit(&world);
    }
}

/* What the first row had is what the group answers. */
static void aggregate_shows_a_key_as_it_was_first_seen(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    static const uint8_t kind = VEC_NUMERIC;
    struct memory_relation *relation = memory_make(&kind, 1, 2, &world.arena);
    static const char *const texts[2] = {"1.50", "1.5"};
    for (uint32_t i = 0; i < 2; i++) {
        relation->values[i].is_null = false;
        assert_int_equal(
            vec_numeric_parse(texts[i], strlen(texts[i]), &relation->values[i].u.numeric),
            VEC_FAULT_NONE);
    }
    struct plan_node *scan = plans_scan(relation, &world.arena);
    struct plan_node *node = plans_over(PLAN_AGGREGATE, scan, &world.arena);
    const struct vec_expr *key = plans_column(scan, 0, &world.arena);
    node->aggregate = (struct plan_aggregate){.keys = &key, .keys_count = 1};
    ops_open(&world, node);
    const struct vec_batch *batch = ops_next(&world);
    assert_int_equal(batch->selection.count, 1);
    struct vec_value value;
    vec_get(&batch->columns[0], 0, &value);
    assert_int_equal(value.u.numeric.scale, 2);
    assert_null(ops_next(&world));
    ops_world_deinit(&world);
}

/* Batches that pass leave nothing behind. */
static void rows_that_pass_take_the_memory_of_a_batch(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    struct arena *a = &world.arena;
    struct plan_node *scan = plans_scan(ops_relation(&world, 200000, 7, 1000, 3), a);
    struct plan_node *filter = plans_over(PLAN_FILTER, scan, a);
    const uint8_t kinds[2] = {VEC_BIGINT, VEC_BIGINT};
    const struct vec_expr *args[2] = {plans_column(scan, 0, a), plans_bigint(500, a)};
    filter->filter = plan_call(a, vec_function_find("<", 1, kinds, 2, VEC_NONE), args, 2, NULL);
    struct plan_node *project = plans_over(PLAN_PROJECT, filter, a);
    const struct vec_expr *columns[2] = {
        plan_call(a, vec_function_find("+", 1, kinds, 2, VEC_NONE), args, 2, NULL),
        plans_column(scan, 1, a)};
    project->project = columns;
    struct plan_node *distinct = plans_over(PLAN_DISTINCT, project, a);
    distinct->distinct = 2;
    ops_open(&world, ops_count(&world, distinct, 1));
    uint32_t count = 0;
    for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
        count += batch->selection.count;
    }
    assert_int_equal(count, 500);
    assert_true(world.budget.peak_bytes < 1u << 20);
    ops_world_deinit(&world);
}

/* A statement of thousands of operators does not hold the loop for a whole batch: its rows come in
 * pieces. */
static void rows_come_in_pieces_where_much_is_computed_of_each(void **state)
{
    (void)state;
    static const struct {
        uint32_t nodes; /* comparisons with a constant each */
        uint32_t most;  /* rows of a batch */
    } rows[] = {{100, VEC_ROWS_MAX}, {510, VEC_ROWS_MAX}, {1023, VEC_ROWS_MAX / 2}, {9000, 128}};
    for (size_t n = 0; n < 2 * ARRAY_COUNT(rows); n++) {
        struct ops_world world;
        ops_world_init(&world);
        struct arena *a = &world.arena;
        uint32_t nodes = rows[n / 2].nodes;
        bool is_project = n % 2 == 1;
        struct plan_node *scan = plans_scan(ops_relation(&world, 5000, 1, 100000, 3), a);
        struct plan_node *node = plans_over(is_project ? PLAN_PROJECT : PLAN_FILTER, scan, a);
        const uint8_t kinds[2] = {VEC_BIGINT, VEC_BIGINT};
        const struct vec_expr **parts = arena_alloc(a, nodes * sizeof(*parts), 8);
        for (uint32_t i = 0; i < nodes; i++) {
            const struct vec_expr *args[2] = {plans_column(scan, 0, a),
                                              plans_bigint(-(int64_t)i, a)};
            parts[i] = plan_call(a, vec_function_find(">=", 2, kinds, 2, VEC_NONE), args, 2, NULL);
        }
        const struct vec_expr *all = plan_expr(a, VEC_EXPR_OR, vec_type(VEC_BOOLEAN), parts, nodes);
        const struct vec_expr *choice[3] = {all, plans_column(scan, 0, a), plans_bigint(0, a)};
        const struct vec_expr *columns[2] = {
            plan_expr(a, VEC_EXPR_CASE, vec_type(VEC_BIGINT), choice, 3), plans_column(scan, 1, a)};
        if (is_project) {
            node->project = columns;
        } else {
            node->filter = all;
        }
        ops_open(&world, node);
        uint32_t count = 0, most = 0;
        for (const struct vec_batch *batch; (batch = ops_next(&world)) != NULL;) {
            most = batch->selection.count > most ? batch->selection.count : most;
            for (uint32_t i = 0; i < batch->selection.count; i++) {
                assert_int_equal(ops_bigint(batch, 0, i), count);
                count++;
            }
        }
        assert_int_equal(count, 5000);
        assert_in_range(most, 1, rows[n / 2].most);
        assert_true(most > rows[n / 2].most / 2);
        ops_world_deinit(&world);
    }
}

/* sum of column 0 of `input`. */
static struct plan_node *ops_sum(struct ops_world *world, const struct plan_node *input)
{
    struct arena *a = &world->arena;
    struct plan_node *node = plans_over(PLAN_AGGREGATE, input, a);
    const struct vec_expr *arg = plans_column(input, 0, a);
    struct plan_aggregation *one = arena_alloc(a, sizeof(*one), 8);
    *one = plans_aggregation("sum", &arg, 1, a);
    node->aggregate = (struct plan_aggregate){.aggregations = one, .aggregations_count = 1};
    return node;
}

/* Sums of doubles are taken by stretches of the scan, whatever stands between. */
static void sums_follow_the_stretches_of_the_scan(void **state)
{
    (void)state;
    double sums[2];
    for (uint32_t way = 0; way < 2; way++) {
        struct ops_world world;
        ops_world_init(&world);
        struct arena *a = &world.arena;
        static const uint8_t kind = VEC_DOUBLE;
        struct memory_relation *relation = memory_make(&kind, 1, 5000, a);
        for (uint32_t i = 0; i < 5000; i++) {
            relation->values[i] = (struct vec_value){.u.real = prng_unit(&world.chance.rng)};
            relation->stretches[i] = way == 0 ? 0 : i / 777;
        }
        struct plan_node *node = plans_scan(relation, a);
        const struct vec_expr *args[1] = {plans_column(node, 0, a)};
        struct plan_node *filter = plans_over(PLAN_FILTER, node, a);
        struct vec_expr *is_there = plan_expr(a, VEC_EXPR_IS_NULL, vec_type(VEC_BOOLEAN), args, 1);
        is_there->is_not = true;
        filter->filter = is_there;
        struct plan_node *project = plans_over(PLAN_PROJECT, filter, a);
        project->project = args;
        struct plan_node *distinct = plans_over(PLAN_DISTINCT, project, a);
        distinct->distinct = 1;
        struct plan_node *limit = plans_over(PLAN_LIMIT, distinct, a);
        limit->limit.count = plans_bigint(4999, a);
        limit->limit.offset = plans_bigint(1, a);
        const struct plan_node *root = ops_sum(&world, limit);

        struct arena answers;
        struct arena scratch;
        arena_init(&answers, &world.outside, 1u << 20, SIZE_MAX / 2);
        arena_init(&scratch, &world.outside, 1u << 20, SIZE_MAX / 2);
        struct twin twin = {.arena = &answers, .scratch = &scratch};
        struct twin_rows want;
        assert_true(twin_run(&twin, root, &want));
        world.memory.is_plain = false;
        ops_open(&world, root);
        const struct vec_batch *batch = ops_next(&world);
        struct vec_value value;
        vec_get(&batch->columns[0], 0, &value);
        assert_memory_equal(&value.u.real, &want.values[0].u.real, sizeof(double));
        sums[way] = value.u.real;
        arena_deinit(&answers);
        arena_deinit(&scratch);
        ops_world_deinit(&world);
    }
    assert_true(sums[0] != sums[1]); /* else it says nothing */
}

static void memory_that_ends_is_said_to_end(void **state)
{
    (void)state;
    static const struct {
        size_t own_bytes;
        size_t all_bytes;
        const char *says;
    } rows[] = {
        {1 << 20, 64 << 20, "out of memory: a query may hold 1 MiB; "},
        {64 << 20, 1 << 20, "out of memory: all queries together may hold 1 MiB; "},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ops_world world;
        ops_world_init(&world);
        budget_set_limit(&world.budget, rows[i].own_bytes);
        budget_set_limit(&world.root, rows[i].all_bytes);
        struct plan_node *scan =
            plans_scan(ops_relation(&world, 20000, 7919, 100003, 100), &world.arena);
        ops_open(&world, ops_sort(&world, PLAN_SORT, scan, false));
        assert_null(ops_next(&world));
        assert_string_equal(world.query.failure.state, "53200");
        assert_memory_equal(world.query.failure.message, rows[i].says, strlen(rows[i].says));
        ops_world_deinit(&world);
    }
}

/* A division by zero in a column of the plan: what, and where. */
static void failures_of_values_outlive_their_batch(void **state)
{
    (void)state;
    struct ops_world world;
    ops_world_init(&world);
    static const uint8_t kind = VEC_TEXT;
    struct memory_relation *relation = memory_make(&kind, 1, 1, &world.arena);
    relation->values[0] = (struct vec_value){.u.bytes = {.data = "twelve", .length = 6}};
    struct plan_node *scan = plans_scan(relation, &world.arena);
    struct plan_node *node = plans_over(PLAN_PROJECT, scan, &world.arena);
    struct plan_output output = {.name = "x", .type = vec_type(VEC_INTEGER)};
    const struct vec_expr *arg = plans_column(scan, 0, &world.arena);
    struct vec_expr *call =
        plan_call(&world.arena, vec_cast_find(VEC_TEXT, VEC_INTEGER), &arg, 1, NULL);
    call->pos = 7;
    call->length = 4;
    const struct vec_expr *column = call;
    node->outputs = &output;
    node->project = &column;
    ops_open(&world, node);
    assert_null(ops_next(&world));
    const struct vec_failure *failure = &world.query.failure.vec;
    assert_int_equal(failure->fault, VEC_FAULT_SYNTAX);
    assert_int_equal(failure->pos, 7);
    assert_int_equal(failure->length, 4);
    exec_close(&world.query);
    assert_int_equal(failure->text_length, 6);
    assert_memory_equal(failure->text, "twelve", 6);
    assert_null(world.query.failure.state);
    ops_world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_stops_asking),
        cmocka_unit_test(limit_of_nothing_asks_nobody),
        cmocka_unit_test(limits_below_zero_are_refused),
        cmocka_unit_test(scan_gives_no_more_than_is_wanted),
        cmocka_unit_test(sort_puts_many_rows_in_order),
        cmocka_unit_test(top_holds_little_whatever_comes),
        cmocka_unit_test(top_of_many_is_a_sort),
        cmocka_unit_test(aggregate_has_as_many_groups_as_memory),
        cmocka_unit_test(aggregate_of_no_rows_is_a_row_without_keys),
        cmocka_unit_test(aggregate_shows_a_key_as_it_was_first_seen),
        cmocka_unit_test(rows_that_pass_take_the_memory_of_a_batch),
        cmocka_unit_test(rows_come_in_pieces_where_much_is_computed_of_each),
        cmocka_unit_test(sums_follow_the_stretches_of_the_scan),
        cmocka_unit_test(memory_that_ends_is_said_to_end),
        cmocka_unit_test(failures_of_values_outlive_their_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
