/* What is no plan: trees that were one and have been broken at one place, texts that are none, and
 * statements that are too much. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/sql/catalog.h"
#include "views/plan/build.h"
#include "views/plan/json.h"
#include "views/plan/validate.h"
#include "views/sql/explain.h"

/* Memory of a case. */
#define PLAN_BYTES (64u << 20)

/* A plan and its memory. */
struct world {
    struct budget budget;
    struct arena arena;
    struct plan plan;
    struct plan_fault fault;
    struct sql_error error;
};

static void world_init(struct world *w)
{
    budget_init(&w->budget, "plan", PLAN_BYTES, NULL);
    arena_init(&w->arena, &w->budget, 65536, PLAN_BYTES);
}

static void world_deinit(struct world *w)
{
    arena_deinit(&w->arena);
    budget_deinit(&w->budget);
}

static enum err world_bind(struct world *w, const char *sql)
{
    return catalog_bind(sql, strlen(sql), NULL, 0, &w->arena, &w->plan, &w->error);
}

/* The plan's own nodes, which a test may change. */
static struct plan_node *root_of(struct world *w)
{
    return (struct plan_node *)(uintptr_t)w->plan.root;
}

static struct plan_node *below(const struct plan_node *node)
{
    return (struct plan_node *)(uintptr_t)node->input;
}

static struct vec_expr *own(const struct vec_expr *expr)
{
    return (struct vec_expr *)(uintptr_t)expr;
}

static void break_column(struct world *w)
{
    own(root_of(w)->project[0]->args[0])->u.number = 7;
}

static void break_column_type(struct world *w)
{
    own(root_of(w)->project[0]->args[0])->type = vec_type(VEC_BIGINT);
}

static void break_column_modifiers(struct world *w)
{
    own(root_of(w)->project[0]->args[0])->type = (struct vec_type){VEC_NUMERIC, 5, 2};
}

static void break_output_type(struct world *w)
{
    ((struct plan_output *)(uintptr_t)root_of(w)->outputs)[0].type = vec_type(VEC_TEXT);
}

static void break_output_name(struct world *w)
{
    ((struct plan_output *)(uintptr_t)root_of(w)->outputs)[0].name = NULL;
}

static void break_height(struct world *w)
{
    own(root_of(w)->project[0])->height = 9;
}

static void break_call(struct world *w)
{
    own(root_of(w)->project[0])->u.function = NULL;
}

static void break_call_count(struct world *w)
{
    own(root_of(w)->project[0])->args_count = 1;
}

static void break_call_type(struct world *w)
{
    own(root_of(w)->project[0])->type = vec_type(VEC_TEXT);
}

static void break_modifiers(struct world *w)
{
    own(root_of(w)->project[0])->type = (struct vec_type){VEC_NUMERIC, 5, 2};
}

static void break_type(struct world *w)
{
    own(root_of(w)->project[0])->type = (struct vec_type){VEC_NUMERIC, 5, 6};
}

static void break_boolean(struct world *w)
{
    own(root_of(w)->project[0])->u.value.u.boolean = 2;
}

static void break_jsonb(struct world *w)
{
    own(root_of(w)->project[0])->u.value.u.bytes = (struct vec_bytes){"\xff", 1};
}

static void break_param(struct world *w)
{
    own(root_of(w)->project[0])->u.number = 1;
}

static void break_filter(struct world *w)
{
    struct vec_value five = {.u.int4 = 5};
    root_of(w)->filter = plan_constant(&w->arena, vec_type(VEC_INTEGER), &five, NULL);
}

static void break_scan_order(struct world *w)
{
    uint32_t *columns = (uint32_t *)(uintptr_t)root_of(w)->scan.columns;
    columns[1] = columns[0];
}

static void break_scan_column(struct world *w)
{
    ((uint32_t *)(uintptr_t)root_of(w)->scan.columns)[0] = 99;
}

static void break_scan_bound(struct world *w)
{
    root_of(w)->scan.rows_max = -1;
}

static struct plan_path *path_of(struct world *w)
{
    return (struct plan_path *)(uintptr_t)below(root_of(w))->scan.paths;
}

static void break_path_column(struct world *w)
{
    path_of(w)->column = 1;
}

static void break_path_names(struct world *w)
{
    path_of(w)->names_count = 0;
}

static void break_paths(struct world *w)
{
    below(root_of(w))->scan.paths_count = 2;
}

static void break_input(struct world *w)
{
    below(root_of(w))->input = root_of(w);
}

static void break_no_input(struct world *w)
{
    root_of(w)->input = NULL;
}

static void break_distinct(struct world *w)
{
    root_of(w)->distinct = 1;
}

static void break_top(struct world *w)
{
    root_of(w)->limit.count = NULL;
}

static void break_limit(struct world *w)
{
    root_of(w)->limit.count = plan_column(&w->arena, vec_type(VEC_BIGINT), 0, NULL);
}

static void break_limit_type(struct world *w)
{
    struct vec_value five = {.u.int4 = 5};
    root_of(w)->limit.count = plan_constant(&w->arena, vec_type(VEC_INTEGER), &five, NULL);
}

static void break_sort(struct world *w)
{
    root_of(w)->sort.keys_count = 0;
}

static void break_aggregate_count(struct world *w)
{
    root_of(w)->aggregate.aggregations_count = 0;
}

static void break_aggregate_args(struct world *w)
{
    const struct plan_aggregation *aggregation = &root_of(w)->aggregate.aggregations[0];
    ((const struct vec_expr **)(uintptr_t)aggregation->args)[0] =
        plan_column(&w->arena, vec_type(VEC_INTEGER), 0, NULL);
}

static void break_kind(struct world *w)
{
    root_of(w)->kind = PLAN_KIND_COUNT;
}

static void break_case(struct world *w)
{
    own(root_of(w)->project[0])->args_count = 2;
}

static void break_and(struct world *w)
{
    struct vec_value five = {.u.int4 = 5};
    root_of(w)->filter->args[0] = plan_constant(&w->arena, vec_type(VEC_INTEGER), &five, NULL);
    own(root_of(w)->filter)->height = 3;
}

static void a_broken_tree_is_no_plan(void **state)
{
    static const struct {
        const char *sql;
        void (*damage)(struct world *w);
        const char *fault;
    } rows[] = {
        {"SELECT i + 1 FROM t", break_column, "project: column 0: column 7 of 1"},
        {"SELECT i + 1 FROM t", break_column_type, "project: column 0: column 0 has another type"},
        {"SELECT n + 1 FROM t", break_column_modifiers,
         "project: column 0: column 0 has another type"},
        {"SELECT i + 1 FROM t", break_output_type,
         "project: column 0: another type than the output's"},
        {"SELECT i + 1 FROM t", break_output_name, "project: output 0: no name"},
        {"SELECT i + 1 FROM t", break_height, "project: column 0: call: wrong height"},
        {"SELECT i + 1 FROM t", break_call, "project: column 0: an aggregate inside an expression"},
        {"SELECT i || s FROM t", break_call_count, "project: column 0: ||: 1 arguments"},
        {"SELECT i + 1 FROM t", break_call_type,
         "project: column 0: +: another type than its answer's"},
        {"SELECT m + 1 FROM t", break_modifiers, "project: column 0: +: modifiers of a type"},
        {"SELECT m + 1 FROM t", break_type, "project: column 0: numeric(5,6)"},
        {"SELECT true FROM t", break_boolean,
         "project: column 0: a constant that is none of its type"},
        {"SELECT jsonb '1' FROM t", break_jsonb,
         "project: column 0: a constant that is none of its type"},
        {"SELECT $1 FROM t", break_param, "project: column 0: parameter 1 of 1"},
        {"SELECT CASE WHEN b THEN 1 END FROM t", break_case,
         "project: column 0: case: 2 arguments"},
        {"SELECT i FROM t WHERE i > 1", break_filter, "filter: condition 0: not a boolean"},
        {"SELECT i FROM t WHERE i > 1 AND i < 5", break_and,
         "filter: condition 0: and: argument 0 has another type"},
        {"SELECT i, l FROM t", break_scan_order, "scan: column 1: column 1 behind column 1"},
        {"SELECT i, l FROM t", break_scan_column, "scan: column 0: column 99 of 18"},
        {"SELECT i FROM t", break_scan_bound, "scan: a bound below 0"},
        {"SELECT j->>'a' FROM t", break_path_column, "scan: path 0: 1 names below column 1"},
        {"SELECT j->>'a' FROM t", break_path_names, "scan: path 0: 0 names below column 11"},
        {"SELECT j->>'a' FROM t", break_paths, "scan: 2 paths"},
        {"SELECT i FROM t WHERE i > 1", break_no_input, "filter: no input"},
        {"SELECT i FROM t ORDER BY i", break_input, "scan: an input"},
        {"SELECT DISTINCT i, l FROM t", break_distinct, "distinct: 1 of 2 columns"},
        {"SELECT i FROM t ORDER BY i LIMIT 1", break_top, "top: no count"},
        {"SELECT l FROM t LIMIT 1", break_limit, "limit: count 0: column 0 of 0"},
        {"SELECT l FROM t LIMIT 1", break_limit_type, "limit: count 0: not a bigint"},
        {"SELECT i FROM t ORDER BY i", break_sort, "sort: no keys"},
        {"SELECT i, sum(l) FROM t GROUP BY i", break_aggregate_count,
         "aggregate: 1 keys and 0 aggregates for 2 outputs"},
        {"SELECT i, sum(l) FROM t GROUP BY i", break_aggregate_args,
         "aggregate: aggregate 0: sum: argument 0 has another type"},
        {"SELECT i FROM t", break_kind, ": no kind of a node"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world w;
        world_init(&w);
        assert_int_equal(world_bind(&w, rows[i].sql), ERR_OK);
        assert_int_equal(plan_validate(&w.plan, &w.fault), ERR_OK);
        rows[i].damage(&w);
        assert_int_equal(plan_validate(&w.plan, &w.fault), ERR_INVALID);
        assert_string_equal(w.fault.text, rows[i].fault);
        world_deinit(&w);
    }
}

static void a_chain_without_an_end_is_no_plan(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    assert_int_equal(world_bind(&w, "SELECT i FROM t WHERE i > 1"), ERR_OK);
    root_of(&w)->input = root_of(&w);
    assert_int_equal(plan_validate(&w.plan, &w.fault), ERR_INVALID);
    assert_string_equal(w.fault.text, "filter: more than 512 nodes above each other");
    world_deinit(&w);
}

#define SCAN                                                                                       \
    "{\"node\": \"scan\", \"relation\": [\"public\", \"t\"], \"columns\": [\"i\"], \"outputs\": "  \
    "[[\"i\", \"integer\"]]}"
#define PLAN(nodes) "{\"version\": 1, \"params\": [], \"nodes\": [" nodes "]}"
#define FILTER(expr)                                                                               \
    PLAN(SCAN ", {\"node\": \"filter\", \"condition\": " expr                                      \
              ", \"outputs\": [[\"i\", \"integer\"]]}")

static void a_text_that_is_no_plan_says_why(void **state)
{
    static const struct {
        const char *text;
        const char *fault;
    } rows[] = {
        {"", "no JSON at byte 0"},
        {"[", "no JSON at byte 1"},
        {"[]", "no object: []"},
        {"{\"version\": 1}", "member \"params\": missing"},
        {"{\"version\": 2, \"params\": [], \"nodes\": []}", "version 2: this is 1"},
        {"{\"version\": 1.5, \"params\": [], \"nodes\": []}", "no such number: 1.5"},
        {"{\"version\": 1, \"version\": 1}", "member \"version\": twice"},
        {"{\"version\": 1, \"other\": 1}", "member \"other\": unknown"},
        {PLAN(""), "plan: no nodes"},
        {PLAN("5"), "no object: 5"},
        {PLAN("{\"node\": \"join\", \"outputs\": []}"), "no kind of a node"},
        {PLAN("{\"node\": \"distinct\", \"outputs\": []}"), "distinct: no input"},
        {PLAN("{\"node\": \"filter\", \"outputs\": []}"), "filter: member \"condition\": missing"},
        {PLAN("{\"node\": \"distinct\", \"rows\": [], \"outputs\": []}"),
         "distinct: member \"rows\": unknown"},
        {PLAN("{\"node\": \"scan\", \"relation\": [\"public\", \"x\"], \"columns\": [], "
              "\"outputs\": []}"),
         "relation \"public.x\" does not exist"},
        {PLAN("{\"node\": \"scan\", \"relation\": [\"public\", \"t\"], \"columns\": [\"l\", "
              "\"i\"], \"outputs\": [[\"l\", \"bigint\"], [\"i\", \"integer\"]]}"),
         "column \"i\" does not exist, or not in that order"},
        {PLAN("{\"node\": \"scan\", \"relation\": [\"public\", \"t\"], \"columns\": [\"i\"], "
              "\"outputs\": [[\"i\", \"text\"]]}"),
         "scan: column 0: another type than the relation's"},
        {PLAN(SCAN ", " SCAN), "scan: an input"},
        {FILTER("[]"), "an expression without kind, type and place"},
        {FILTER("[\"if\", \"boolean\", \"0:1\"]"), "no kind of an expression"},
        {FILTER("[\"not_and\", \"boolean\", \"0:1\"]"), "no kind of an expression"},
        {FILTER("[\"and\", \"bool\", \"0:1\"]"), "no type: bool"},
        {FILTER("[\"and\", \"numeric(5,02)\", \"0:1\"]"), "no type: numeric(5,02)"},
        {FILTER("[\"and\", \"boolean\", \"0\"]"), "no place"},
        {FILTER("[\"and\", \"boolean\", \"0:1\"]"), "filter: condition 0: and: no arguments"},
        {FILTER("[\"column\", \"boolean\", \"0:1\", -1]"), "no such number: -1"},
        {FILTER("[\"column\", \"integer\", \"0:1\", 0]"), "filter: condition 0: not a boolean"},
        {FILTER("[\"constant\", \"boolean\", \"0:1\", true]"), "no string: true"},
        {FILTER("[\"constant\", \"boolean\", \"0:1\", \"maybe\"]"),
         "constant: invalid input syntax for type boolean: \"maybe\""},
        {FILTER("[\"call\", \"boolean\", \"0:1\", \"=(integer)\"]"),
         "function =(integer) does not exist"},
        {FILTER("[\"call\", \"boolean\", \"0:1\", \"=(integer,integer)#2\"]"),
         "function =(integer,integer)#2 does not exist"},
        {FILTER("[\"call\", \"boolean\", \"0:1\", \"=(integer,)\"]"), "no function: =(integer,)"},
        {FILTER("[\"call\", \"boolean\", \"0:1\", \"=(integer,integer)\"]"),
         "filter: condition 0: =: 0 arguments"},
        {FILTER("[\"constant\", \"text\", \"0:1\", \"\\ud800\"]"),
         "a string with half a character"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world w;
        world_init(&w);
        assert_int_equal(plan_json_read(rows[i].text, strlen(rows[i].text), catalog_find, NULL,
                                        &w.arena, &w.plan, &w.fault),
                         ERR_INVALID);
        assert_string_equal(w.fault.text, rows[i].fault);
        world_deinit(&w);
    }
}

static void a_text_too_long_is_not_read(void **state)
{
    static char text[PLAN_JSON_BYTES_MAX + 1];
    struct world w;
    (void)state;
    world_init(&w);
    memset(text, ' ', sizeof(text));
    assert_int_equal(
        plan_json_read(text, sizeof(text), catalog_find, NULL, &w.arena, &w.plan, &w.fault),
        ERR_TOO_LARGE);
    world_deinit(&w);
}

/* `count` of `part` in a row, between two texts. */
static void repeat(char *out, size_t out_bytes, const char *begin, const char *part, unsigned count,
                   const char *end)
{
    struct bytes_writer w = bytes_writer(out, out_bytes - 1);
    bytes_put_copy(&w, begin, strlen(begin));
    for (unsigned i = 0; i < count; i++) {
        bytes_put_copy(&w, part, strlen(part));
    }
    bytes_put_copy(&w, end, strlen(end));
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
}

static void what_is_too_much_is_refused(void **state)
{
    static char sql[1u << 18];
    static const struct {
        const char *begin, *part, *end;
        unsigned count;
        const char *code; /* "00000": it is not too much */
    } rows[] = {
        {"SELECT 1", " + 1", "", 200, "00000"},
        {"SELECT *", ", *", " FROM t", 200, "54011"},
        {"SELECT *", ", *", " FROM t", 100, "00000"},
        {"SELECT count(*) FROM t GROUP BY i", " + 1, i", "", 2000, "54011"},
        {"SELECT i IN (0", ", i + 1", ") FROM t", 5000, "00000"},
        {"SELECT concat('a'", ", i", ") FROM t", 100, "54023"},
        {"SELECT concat('a'", ", i", ") FROM t", 99, "00000"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct world w;
        world_init(&w);
        repeat(sql, sizeof(sql), rows[i].begin, rows[i].part, rows[i].count, rows[i].end);
        world_bind(&w, sql);
        assert_string_equal(sql_state_code(w.error.state), rows[i].code);
        world_deinit(&w);
    }
}

/* Each CASE compares two copies of its operand: what is in it doubles. */
static void what_doubles_is_refused(void **state)
{
    static char sql[1u << 16];
    char text[1u << 15];
    struct world w;
    (void)state;
    snprintf(text, sizeof(text), "i");
    for (int depth = 0; depth < 20; depth++) {
        snprintf(sql, sizeof(sql), "CASE %s WHEN 1 THEN 1 WHEN 2 THEN 2 ELSE 3 END", text);
        memcpy(text, sql, strlen(sql) + 1);
    }
    snprintf(sql, sizeof(sql), "SELECT %s FROM t", text);
    world_init(&w);
    assert_int_equal(world_bind(&w, sql), ERR_TOO_LARGE);
    assert_string_equal(sql_state_code(w.error.state), "54001");
    world_deinit(&w);
}

/* `count` names of WITH, each over the one before. */
static void chain(char *sql, size_t sql_bytes, unsigned count, const char *tail)
{
    char part[96];
    struct bytes_writer w = bytes_writer(sql, sql_bytes - 1);
    for (unsigned i = 0; i < count; i++) {
        char from[16];
        snprintf(from, sizeof(from), "c%u", i - 1);
        int length = snprintf(part, sizeof(part), "%s c%u AS (SELECT i FROM %s %s)",
                              i == 0 ? "WITH" : ",", i, i == 0 ? "t" : from, tail);
        bytes_put_copy(&w, part, (size_t)length);
    }
    int length = snprintf(part, sizeof(part), " SELECT i FROM c%u", count - 1);
    bytes_put_copy(&w, part, (size_t)length);
    assert_int_equal(w.err, ERR_OK);
    sql[w.pos] = '\0';
}

static void long_chains_are_plans_up_to_their_limit(void **state)
{
    static char sql[1u << 16];
    struct world w;
    (void)state;
    world_init(&w);
    chain(sql, sizeof(sql), 200, "LIMIT 5");
    assert_int_equal(world_bind(&w, sql), ERR_OK);
    chain(sql, sizeof(sql), 600, "");
    assert_int_equal(world_bind(&w, sql), ERR_TOO_LARGE);
    assert_string_equal(sql_state_code(w.error.state), "54001");
    world_deinit(&w);
}

/* Whatever the memory, an answer comes: the plan, or 53200. */
static void memory_that_ends_is_said(void **state)
{
    static const char sql[] =
        "WITH a (x) AS (SELECT i + 1 FROM t WHERE i > 5) SELECT x, count(*), max(lower('A') || "
        "'b') "
        "FROM a WHERE x IN (1, 2, 3) GROUP BY x HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 5";
    unsigned good_count = 0;
    (void)state;
    for (size_t bytes = 512; good_count == 0; bytes += 256) {
        struct world w;
        budget_init(&w.budget, "plan", PLAN_BYTES, NULL);
        arena_init(&w.arena, &w.budget, 256, bytes);
        enum err err = world_bind(&w, sql);
        assert_true(err == ERR_OK || err == ERR_BUDGET);
        assert_true(err == ERR_OK || strcmp(sql_state_code(w.error.state), "53200") == 0);
        good_count += err == ERR_OK;
        assert_true(bytes < 1u << 20);
        world_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_tree_is_no_plan),
        cmocka_unit_test(a_chain_without_an_end_is_no_plan),
        cmocka_unit_test(a_text_that_is_no_plan_says_why),
        cmocka_unit_test(a_text_too_long_is_not_read),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(what_doubles_is_refused),
        cmocka_unit_test(long_chains_are_plans_up_to_their_limit),
        cmocka_unit_test(memory_that_ends_is_said),
    };
    return cmocka_run_group_tests_name("sql_plan", tests, NULL, NULL);
}
