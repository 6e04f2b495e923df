/* Aggregations folded in parts, one for each partition: bit for bit what the plain query answers,
 * whichever part is done first; failures, memory and closing as if there were no parts. */
#include "tests/unit/exec/parts.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "views/plan/build.h"
#include "views/vec/function.h"

#define PARTITIONS_MAX 40u

/* Give the rows of a relation to `count` partitions, some of which have none. */
static void relation_cut(struct memory_relation *relation, struct chance *chance, uint32_t count)
{
    uint32_t partition = chance_below(chance, 2);
    uint32_t run = relation->rows_count / count + 1;
    for (uint32_t row = 0; row < relation->rows_count; row++) {
        if (partition + 1 < count && chance_is(chance, run)) {
            partition += 1 + chance_below(chance, 2);
            partition = partition < count ? partition : count - 1;
        }
        relation->stretches[row] = partition < count ? partition : count - 1;
    }
}

/* Its rows in batches of every size and form, by sources that wait. */
static struct memory moody(struct chance *chance)
{
    return (struct memory){
        .chance = chance, .batch_max = 20 + chance_size(chance, 2020), .fails_at = UINT32_MAX};
}

/* Run in parts; `count` partitions, on equal terms with the plain query. */
static void run_in_parts(struct check *check, struct chance *chance, uint32_t count,
                         struct check_run *run)
{
    struct memory memory = moody(chance);
    struct parts parts;
    parts_init(&parts, check, chance, &memory, count);
    parts.is_backward = chance_is(chance, 4);
    check_run_parts(check, &memory, &parts, SIZE_MAX / 2, UINT64_MAX, run);
    parts_deinit(&parts);
}

static void random_check(struct check *check, struct chance *chance, uint32_t rows_max,
                         uint32_t *count)
{
    check_begin(check);
    check->relation = memory_random(chance, rows_max, &check->arena);
    *count = 1 + chance_below(chance, PARTITIONS_MAX);
    relation_cut(check->relation, chance, *count);
    check->is_right = true; /* and many plans give no row */
    for (uint32_t tries = 0; tries < 8 && check->want.count == 0 && check->is_right; tries++) {
        plans_folded(chance, check->relation, &check->arena, &check->plan, &check->params);
        assert_non_null(exec_parts_node(&check->plan));
        check_plainly(check);
    }
}

static void parts_answer_what_the_plain_query_answers(void **state)
{
    (void)state;
    struct share share = share_open("plans in parts", 35);
    uint64_t rows_count = 0;
    uint64_t failed_count = 0;
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        struct check_run run;
        uint32_t count;
        random_check(&check, &chance, 1200, &count);
        run_in_parts(&check, &chance, count, &run);
        if (run.wrong[0] != '\0' || run.is_refused || run.is_failed == check.is_right) {
            fail_msg("seed %zu: %s %s", (size_t)share_case_seed(&share), run.wrong, run.failure);
        }
        rows_count += run.rows_count;
        failed_count += run.is_failed;
        check_deinit(&check);
    }
    share_close(&share);
    print_message("covered: %zu rows, %zu failed as they should\n", (size_t)rows_count,
                  (size_t)failed_count);
    assert_true(rows_count > 0);
}

/* --- Every aggregate --- */

/* A scan of (the arguments of `function`, a TEXT, a NUMERIC, a JSONB, a BOOLEAN), and over it an
 * aggregation by the first `keys_count` of those three, with a FILTER or without. */
static void check_aggregate(struct check *check, const struct vec_aggregate *function,
                            uint32_t keys_count, bool has_filter)
{
    struct arena *a = &check->arena;
    uint32_t args_count = function->args_count;
    const struct plan_node *scan = plans_scan(check->relation, a);
    struct plan_node *node = plans_over(PLAN_AGGREGATE, scan, a);
    struct plan_output *outputs = arena_alloc_zeroed(a, (keys_count + 1) * sizeof(*outputs), 8);
    const struct vec_expr **keys = arena_alloc(a, (keys_count + 1) * sizeof(*keys), 8);
    struct plan_aggregation *one = arena_alloc(a, sizeof(*one), 8);
    const struct vec_expr *args[VEC_AGGREGATE_ARGS_MAX] = {NULL};
    for (uint32_t i = 0; i < keys_count; i++) {
        keys[i] = plans_column(scan, args_count + i, a);
        outputs[i] = (struct plan_output){"k", keys[i]->type};
    }
    for (uint32_t i = 0; i < args_count; i++) {
        args[i] = plans_column(scan, i, a);
    }
    *one = plans_aggregation(function->name, args, args_count, a);
    assert_ptr_equal(one->function, function);
    one->filter = has_filter ? plans_column(scan, args_count + 3, a) : NULL;
    outputs[keys_count] = (struct plan_output){"x", one->call->type};
    node->outputs = outputs;
    node->outputs_count = keys_count + 1;
    node->aggregate = (struct plan_aggregate){
        .keys = keys, .keys_count = keys_count, .aggregations = one, .aggregations_count = 1};
    check->plan = (struct plan){.root = node};
}

/* Rows of those kinds; numbers are of all sizes, so that sums of doubles are rounded. */
static void relation_of(struct check *check, struct chance *chance,
                        const struct vec_aggregate *function, uint32_t rows_count)
{
    uint8_t kinds[VEC_AGGREGATE_ARGS_MAX + 4];
    uint32_t count = function->args_count;
    memcpy(kinds, function->args, count);
    kinds[count++] = VEC_TEXT;
    kinds[count++] = VEC_NUMERIC;
    kinds[count++] = VEC_JSONB;
    kinds[count++] = VEC_BOOLEAN;
    check->relation = memory_make(kinds, count, rows_count, &check->arena);
    for (uint32_t i = 0; i < rows_count * count; i++) {
        uint8_t kind = kinds[i % count];
        struct vec_value *value = &check->relation->values[i];
        *value = memory_value(chance, (enum vec_kind)kind, &check->arena);
        value->is_null = chance_is(chance, 7);
        if (kind == VEC_DOUBLE && chance_below(chance, 30) > 0) {
            value->u.real = ((double)chance_below(chance, 65536) - 30000) / 7.0 *
                            (double)(1u << chance_below(chance, 20));
        }
    }
}

static void every_aggregate_is_joined_bit_for_bit(void **state)
{
    (void)state;
    uint32_t count = 0;
    uint32_t failed_count = 0;
    for (; vec_aggregate_at(count) != NULL; count++) {
        for (uint32_t variant = 0; variant < 8; variant++) {
            struct chance chance = chance_seed(count * 8 + variant);
            uint32_t partitions_count = 1 + chance_below(&chance, PARTITIONS_MAX);
            struct check check;
            struct check_run run;
            check_begin(&check);
            relation_of(&check, &chance, vec_aggregate_at(count), chance_size(&chance, 1000));
            relation_cut(check.relation, &chance, partitions_count);
            check_aggregate(&check, vec_aggregate_at(count), variant % 4, variant >= 4);
            check_plainly(&check);
            run_in_parts(&check, &chance, partitions_count, &run);
            if (run.wrong[0] != '\0' || run.is_failed == check.is_right) {
                fail_msg("%s of %s: %s %s", vec_aggregate_at(count)->name,
                         vec_kind_name((enum vec_kind)vec_aggregate_at(count)->args[0]), run.wrong,
                         run.failure);
            }
            failed_count += run.is_failed;
            check_deinit(&check);
        }
    }
    print_message("covered: %u aggregates, %u runs failed as they should\n", count, failed_count);
    assert_true(count > 80);
    assert_true(failed_count < 2 * count);
}

/* --- One call --- */

/* Rows 0, 1, ... as BIGINT, so many in each of three partitions, grouped by themselves with `count`
 * aggregates; and what a group's null key is. */
static void check_groups(struct check *check, uint32_t rows_count, uint32_t count)
{
    static const uint8_t kind = VEC_BIGINT;
    struct arena *a = &check->arena;
    check->relation = memory_make(&kind, 1, 3 * rows_count, a);
    for (uint32_t row = 0; row < 3 * rows_count; row++) {
        check->relation->values[row] =
            (struct vec_value){.is_null = row % rows_count == rows_count - 1, .u.int8 = row};
        check->relation->stretches[row] = row / rows_count;
    }
    const struct plan_node *scan = plans_scan(check->relation, a);
    struct plan_node *node = plans_over(PLAN_AGGREGATE, scan, a);
    struct plan_output *outputs = arena_alloc_zeroed(a, (count + 1) * sizeof(*outputs), 8);
    const struct vec_expr **key = arena_alloc(a, sizeof(*key), 8);
    struct plan_aggregation *all = arena_alloc(a, (count + 1) * sizeof(*all), 8);
    *key = plans_column(scan, 0, a);
    for (uint32_t i = 0; i <= count; i++) {
        outputs[i] = (struct plan_output){"x", vec_type(VEC_BIGINT)};
        all[i] = plans_aggregation("count", NULL, 0, a);
    }
    node->outputs = outputs;
    node->outputs_count = count + 1;
    node->aggregate = (struct plan_aggregate){
        .keys = key, .keys_count = 1, .aggregations = all, .aggregations_count = count};
    check->plan = (struct plan){.root = node};
    check_plainly(check);
}

static void a_call_joins_no_more_than_a_batch(void **state)
{
    (void)state;
    static const uint32_t rows[] = {0, 1, 2, 7, 3000}; /* aggregates */
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct chance chance = chance_seed(1);
        struct check check;
        struct check_run run;
        struct memory memory = {.is_plain = true, .fails_at = UINT32_MAX};
        struct parts parts;
        uint32_t rows_count = rows[i] == 3000 ? 30 : 5000;
        check_begin(&check);
        check_groups(&check, rows_count, rows[i]);
        parts_init(&parts, &check, &chance, &memory, 3);
        check_run_parts(&check, &memory, &parts, SIZE_MAX / 2, UINT64_MAX, &run);
        assert_string_equal(run.wrong, "");
        assert_int_equal(run.rows_count, 3 * rows_count - 2); /* one group of nulls */
        uint64_t calls_count = run.calls_count - memory.blocked_count;
        uint64_t calls_min = 3 * rows_count * (rows[i] + 1) / VEC_ROWS_MAX; /* of joining alone */
        assert_true(calls_count > calls_min + 3);
        parts_deinit(&parts);
        check_deinit(&check);
    }
}

/* --- Failures --- */

/* 60 rows (a TEXT that is a number) in 12 partitions; two of them have one that is none. */
static void check_texts(struct check *check, uint32_t bad, uint32_t bad_too, bool is_key)
{
    static const uint8_t kind = VEC_TEXT;
    static const char *const texts[] = {"1", "first", "second"};
    struct arena *a = &check->arena;
    check->relation = memory_make(&kind, 1, 60, a);
    for (uint32_t row = 0; row < 60; row++) {
        uint32_t partition = row / 5;
        bool is_bad = row % 5 == 3 && (partition == bad || partition == bad_too);
        const char *text = texts[is_bad ? 1 + (partition == bad_too) : 0];
        check->relation->values[row] =
            (struct vec_value){.u.bytes = {.data = text, .length = (uint32_t)strlen(text)}};
        check->relation->stretches[row] = partition;
    }
    const struct plan_node *scan = plans_scan(check->relation, a);
    struct plan_node *node = plans_over(PLAN_AGGREGATE, scan, a);
    struct plan_output *output = arena_alloc_zeroed(a, sizeof(*output), 8);
    const struct vec_expr **arg = arena_alloc(a, sizeof(*arg), 8);
    struct plan_aggregation *one = arena_alloc(a, sizeof(*one), 8);
    const struct vec_expr *column = plans_column(scan, 0, a);
    struct vec_expr *call = plan_call(a, vec_cast_find(VEC_TEXT, VEC_BIGINT), &column, 1, NULL);
    call->pos = 7;
    call->length = 4;
    *arg = call;
    *one = plans_aggregation("sum", arg, 1, a);
    *output = (struct plan_output){"x", is_key ? call->type : one->call->type};
    node->outputs = output;
    node->outputs_count = 1;
    node->aggregate = (struct plan_aggregate){
        .keys = arg, .keys_count = is_key, .aggregations = one, .aggregations_count = !is_key};
    check->plan = (struct plan){.root = node};
}

static void the_failure_of_the_lowest_partition_is_the_querys(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 48; i++) {
        struct chance chance = chance_seed(i);
        uint32_t bad = i / 4;
        uint32_t bad_too = (bad + 1 + chance_below(&chance, 11)) % 12;
        const char *first = bad < bad_too ? "22P02first at 7" : "22P02second at 7";
        struct check check;
        struct check_run run;
        struct memory memory = moody(&chance);
        struct parts parts;
        check_begin(&check);
        check_texts(&check, bad, bad_too, i % 2 == 0);
        parts_init(&parts, &check, &chance, &memory, 12);
        parts.ahead_max = 12;
        parts.is_backward = i % 4 < 2; /* the last ones fail first */
        check_run_parts(&check, &memory, &parts, SIZE_MAX / 2, UINT64_MAX, &run);
        assert_string_equal(run.wrong, "");
        assert_true(run.is_failed);
        assert_non_null(strstr(run.failure, first));
        parts_deinit(&parts);
        check_deinit(&check);
    }
}

static void sources_that_fail_do_so_in_their_turn(void **state)
{
    (void)state;
    struct share share = share_open("sources of parts that fail", 10);
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        struct check_run run;
        uint32_t count;
        random_check(&check, &chance, 1500, &count);
        struct memory memory = moody(&chance);
        memory.fails_at = chance_size(&chance, 1500);
        memory.fails_to_open = chance_is(&chance, 8);
        struct parts parts;
        parts_init(&parts, &check, &chance, &memory, count);
        check_run_parts(&check, &memory, &parts, SIZE_MAX / 2, UINT64_MAX, &run);
        assert_string_equal(run.wrong, "");
        if (run.is_failed && check.is_right && !memory.fails_to_open) {
            char want[64];
            snprintf(want, sizeof(want), "58030 the source fails before row %u", memory.fails_at);
            assert_memory_equal(run.failure, want, strlen(want));
        }
        parts_deinit(&parts);
        check_deinit(&check);
    }
    share_close(&share);
}

static void memory_is_refused_and_given_back(void **state)
{
    (void)state;
    struct share share = share_open("parts without memory", 20);
    uint64_t refused_count = 0;
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        struct check_run run;
        uint32_t count;
        random_check(&check, &chance, 3000, &count);
        struct memory memory = moody(&chance);
        struct parts parts;
        parts_init(&parts, &check, &chance, &memory, count);
        check_run_parts(&check, &memory, &parts, SIZE_MAX / 2, UINT64_MAX, &run);
        parts_deinit(&parts);
        size_t peak_bytes = run.peak_bytes;
        size_t parts_peak_bytes = parts.peak_bytes;
        for (uint32_t i = 0; i < 8; i++) {
            size_t budget_bytes = SIZE_MAX / 2;
            struct memory again = moody(&chance);
            parts_init(&parts, &check, &chance, &again, count);
            if (i % 2 == 0) {
                budget_bytes = (size_t)prng_below(&chance.rng, peak_bytes + 1);
            }
            if (i % 3 != 0) {
                parts.budget_bytes = (size_t)prng_below(&chance.rng, parts_peak_bytes + 1);
            }
            check_run_parts(&check, &again, &parts, budget_bytes, UINT64_MAX, &run);
            parts_deinit(&parts);
            if (run.wrong[0] != '\0') {
                fail_msg("seed %zu: %s", (size_t)share_case_seed(&share), run.wrong);
            }
            refused_count += run.is_refused;
        }
        check_deinit(&check);
    }
    share_close(&share);
    assert_true(refused_count > 0);
}

static void parts_are_closed_at_any_point(void **state)
{
    (void)state;
    struct share share = share_open("parts closed in the middle", 15);
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        struct check_run run;
        uint32_t count;
        random_check(&check, &chance, 2000, &count);
        for (uint32_t i = 0; i < 6; i++) {
            struct memory memory = moody(&chance);
            struct parts parts;
            parts_init(&parts, &check, &chance, &memory, count);
            check_run_parts(&check, &memory, &parts, SIZE_MAX / 2, chance_size(&chance, 200), &run);
            assert_string_equal(run.wrong, "");
            parts_deinit(&parts);
        }
        check_deinit(&check);
    }
    share_close(&share);
}

/* --- Which plans --- */

static const struct {
    const char *name;
    const char *plan; /* a letter for each node, from the leaf up: see plan_of */
    int folded;       /* number of the node that is folded in parts; -1: none */
} node_rows[] = {
    {"an aggregation of a stream is folded", "SA", 1},
    {"below it rows may be filtered and projected", "SFPFA", 4},
    {"above it anything may stand", "SAFPUOTLA", 1},
    {"of two aggregations the lower one is folded", "SFAPA", 2},
    {"the upper one may be DISTINCT", "SAPD", 1},
    {"the lower one may not, whatever the upper one is", "SDPA", -1},
    {"a DISTINCT aggregate is not folded", "SD", -1},
    {"rows without an aggregation are not", "SFPUOTL", -1},
    {"nor is one of VALUES", "VA", -1},
    {"of VALUES that are filtered", "VFA", -1},
    {"of a system table", "sA", -1},
    {"of one partition", "pA", -1},
    {"of so many rows", "mA", -1},
    {"over a LIMIT", "SLA", -1},
    {"over rows in order", "SOA", -1},
    {"over the first rows in order", "STA", -1},
    {"over DISTINCT", "SUA", -1},
    {"over a LIMIT that is projected", "SLPA", -1},
    {"over a LIMIT over an aggregation: the lower one is", "SALA", 1},
};

/* S s p m: scans of a stream, of a system table, of one partition, of some rows; V: VALUES; F
 * filter, P project, A aggregate, D the same with DISTINCT, U distinct, O sort, T top, L limit. All
 * columns are two BIGINTs. */
static struct plan_node *plan_leaf(char letter, struct memory_relation *relation, struct arena *a)
{
    struct plan_node *node = plans_scan(relation, a);
    if (letter == 'V') {
        const struct vec_expr **exprs = arena_alloc(a, 2 * sizeof(*exprs), 8);
        exprs[0] = exprs[1] = plans_bigint(1, a);
        node->kind = PLAN_VALUES;
        node->values = (struct plan_values){.exprs = exprs, .rows_count = 1};
        return node;
    }
    relation->plan.kind = letter == 's' ? PLAN_RELATION_SYSTEM : PLAN_RELATION_STREAM;
    node->scan.partition = letter == 'p' ? 0 : -1;
    node->scan.rows_max = letter == 'm' ? 10 : INT64_MAX;
    return node;
}

static struct plan_node *plan_over(char letter, const struct plan_node *input, struct arena *a)
{
    static const enum plan_kind kinds['V'] = {
        ['F'] = PLAN_FILTER,   ['P'] = PLAN_PROJECT, ['A'] = PLAN_AGGREGATE, ['D'] = PLAN_AGGREGATE,
        ['U'] = PLAN_DISTINCT, ['O'] = PLAN_SORT,    ['T'] = PLAN_TOP,       ['L'] = PLAN_LIMIT};
    struct plan_node *node = plans_over(kinds[(uint8_t)letter], input, a);
    const struct vec_expr **columns = arena_alloc(a, 2 * sizeof(*columns), 8);
    struct plan_aggregation *one = arena_alloc(a, sizeof(*one), 8);
    columns[0] = plans_column(input, 0, a);
    columns[1] = plans_column(input, 1, a);
    switch (letter) {
    case 'F':
        node->filter = plan_call(
            a, vec_function_find("=", 1, (uint8_t[]){VEC_BIGINT, VEC_BIGINT}, 2, VEC_NONE), columns,
            2, NULL);
        break;
    case 'P': node->project = columns; break;
    case 'A':
    case 'D':
        *one = plans_aggregation("count", columns, 1, a);
        one->is_distinct = letter == 'D';
        node->aggregate = (struct plan_aggregate){
            .keys = columns, .keys_count = 1, .aggregations = one, .aggregations_count = 1};
        break;
    case 'U': node->distinct = 2; break;
    default: node->limit.count = plans_bigint(1, a); break;
    }
    return node;
}

static void node_row(void **state)
{
    size_t i = (size_t)*state;
    static const uint8_t kinds[] = {VEC_BIGINT, VEC_BIGINT};
    const char *letters = node_rows[i].plan;
    const struct plan_node *nodes[16];
    struct check check;
    check_begin(&check);
    check.relation = memory_make(kinds, 2, 1, &check.arena);
    nodes[0] = plan_leaf(letters[0], check.relation, &check.arena);
    uint32_t count = 1;
    for (; letters[count] != '\0'; count++) {
        nodes[count] = plan_over(letters[count], nodes[count - 1], &check.arena);
    }
    check.plan = (struct plan){.root = nodes[count - 1]};
    const struct plan_node *want = node_rows[i].folded < 0 ? NULL : nodes[node_rows[i].folded];
    assert_ptr_equal(exec_parts_node(&check.plan), want);
    check_deinit(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_answer_what_the_plain_query_answers),
        cmocka_unit_test(every_aggregate_is_joined_bit_for_bit),
        cmocka_unit_test(a_call_joins_no_more_than_a_batch),
        cmocka_unit_test(the_failure_of_the_lowest_partition_is_the_querys),
        cmocka_unit_test(sources_that_fail_do_so_in_their_turn),
        cmocka_unit_test(memory_is_refused_and_given_back),
        cmocka_unit_test(parts_are_closed_at_any_point),
    };
    struct CMUnitTest rows[ARRAY_COUNT(node_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(node_rows); i++) {
        rows[i] = (struct CMUnitTest){
            .name = node_rows[i].name, .test_func = node_row, .initial_state = (void *)i};
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + cmocka_run_group_tests(rows, NULL, NULL);
}
