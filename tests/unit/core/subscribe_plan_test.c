/* What subscriptions ask, over a broker's core: which columns, conditions and projections a SELECT
 * comes to, what two of them have in common, what is refused and in which words. */
#include "broker/core/subscribe_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/statements.h"
#include "views/plan/value.h"
#include "views/vec/function.h"

/* A question. */
struct ask {
    struct yard *y;
    uint32_t shard;
    struct core_subscribe_plan plan;
    struct budget budget;
    struct arena arena;
    struct vec_value params[2];
    struct vec_type types[2];
    bool is_cancelled; /* to be, as soon as it has begun */
    bool is_done;
};

/* --- Asking --- */

static void values_build(struct yard *y, struct batch_build *b)
{
    for (uint32_t i = 0; i < y->records_count; i++) {
        batch_build_add(b,
                        &(struct batch_build_record){
                            .timestamp = y->timestamp,
                            .value = "{\"a\": 1, \"b\": \"x\", \"c\": 1.5, \"d\": {\"e\": {}}}"});
    }
}

/* A yard with records, and views over them. */
static struct yard *world(void)
{
    static const char *const statements[] = {
        ("CREATE MATERIALIZED VIEW sums AS SELECT b, count(*) AS n, sum(a) AS total FROM yard "
         "GROUP BY b"),
        "CREATE MATERIALIZED VIEW pairs AS SELECT a, b, max(c) AS c FROM yard GROUP BY a, b",
        "CREATE MATERIALIZED VIEW bare AS SELECT count(*) AS n FROM yard GROUP BY b",
        "CREATE MATERIALIZED VIEW one AS SELECT count(*) AS n FROM yard",
    };
    struct yard *y = yard_new(1, NULL);
    yard_start(y, 2);
    y->build = values_build;
    yard_append(y, 0, 3, 1);
    for (size_t i = 0; i < ARRAY_COUNT(statements); i++) {
        free(statement_ask(y, 0, statements[i]));
    }
    return y;
}

static void world_end(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

static void ask_done(struct core_subscribe_plan *plan)
{
    struct ask *ask = plan->ctx;
    assert_false(ask->is_done);
    ask->is_done = true;
}

static void ask_run(struct rt_shard *shard, void *ctx)
{
    struct ask *ask = ctx;
    (void)shard;
    core_subscribe_plan_start(&ask->y->shards[ask->shard], &ask->plan);
    assert_false(ask->is_done);
    if (ask->is_cancelled) {
        core_subscribe_plan_cancel(&ask->plan);
    }
}

static bool ask_is_done(void *ctx)
{
    return ((struct ask *)ctx)->is_done;
}

static struct ask *ask_new(struct yard *y, enum core_subscribe_what what, const char *text)
{
    struct ask *ask = calloc(1, sizeof(*ask));
    assert_non_null(ask);
    ask->y = y;
    budget_init(&ask->budget, "subscription", 64 << 20, NULL);
    arena_init(&ask->arena, &ask->budget, 16 << 10, 64 << 20);
    ask->plan = (struct core_subscribe_plan){.done = ask_done,
                                             .ctx = ask,
                                             .what = what,
                                             .text = text,
                                             .length = strlen(text),
                                             .params = ask->params,
                                             .types = ask->types,
                                             .arena = &ask->arena,
                                             .deadline_ns = UINT64_MAX};
    return ask;
}

static void ask_run_to_end(struct ask *ask)
{
    sim_post(sim_node_shard(ask->y->node, ask->shard), ask_run, ask);
    assert_true(
        sim_run_until_true(ask->y->sim, ask_is_done, ask, sim_now_ns(ask->y->sim) + 100000000000u));
}

static struct ask *ask_for(struct yard *y, enum core_subscribe_what what, const char *text)
{
    struct ask *ask = ask_new(y, what, text);
    ask_run_to_end(ask);
    return ask;
}

/* A text as parameter number `i`, whose type follows from its place; NULL: null. */
static void ask_param(struct ask *ask, uint32_t i, const char *text)
{
    ask->params[i] = (struct vec_value){.is_null = text == NULL};
    if (text != NULL) {
        ask->params[i].u.bytes = (struct vec_bytes){text, (uint32_t)strlen(text)};
    }
    ask->plan.params_count = i + 1;
}

static void ask_free(struct ask *ask)
{
    arena_deinit(&ask->arena);
    assert_int_equal(ask->budget.used_bytes, 0);
    budget_deinit(&ask->budget);
    free(ask);
}

/* --- What it is, in words --- */

static const struct plan_column *column_of(const struct core_subscribe_plan *plan, uint32_t i)
{
    return &plan->relation->columns[plan->columns[i]];
}

static void write_expr(char *out, size_t out_bytes, const struct core_subscribe_plan *plan,
                       const struct vec_expr *expr)
{
    char text[PLAN_VALUE_TEXT_BYTES + 1];
    size_t at = strlen(out);
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    if (expr->kind == VEC_EXPR_COLUMN) {
        snprintf(out + at, out_bytes - at, "%s",
                 expr->u.number < plan->columns_count ? column_of(plan, expr->u.number)->name
                                                      : "path");
        return;
    }
    if (expr->kind == VEC_EXPR_CONSTANT) {
        if (!expr->u.value.is_null) {
            plan_value_write(&w, (enum vec_kind)expr->type.kind, &expr->u.value);
        }
        text[w.pos] = '\0';
        snprintf(out + at, out_bytes - at, "%s", expr->u.value.is_null ? "null" : text);
        return;
    }
    snprintf(out + at, out_bytes - at, "%s(",
             expr->kind == VEC_EXPR_CALL  ? expr->u.function->name
             : expr->kind == VEC_EXPR_AND ? "and"
                                          : "other");
    for (uint32_t i = 0; i < expr->args_count; i++) {
        at = strlen(out);
        snprintf(out + at, out_bytes - at, "%s", i > 0 ? "," : "");
        write_expr(out, out_bytes, plan, expr->args[i]);
    }
    at = strlen(out);
    snprintf(out + at, out_bytes - at, ")");
}

/* "sums [b n] n=n, b=b; where =(b,x); by b; keys 1", or "0A000 sentence". */
static void describe(const struct core_subscribe_plan *plan, char *out, size_t out_bytes)
{
    size_t at = 0;
    out[0] = '\0';
    if (plan->code != CORE_OK) {
        snprintf(out, out_bytes, "%s %s", plan->error.code, plan->error.message);
        return;
    }
    at += (size_t)snprintf(out, out_bytes, "%s [", plan->relation->name);
    for (uint32_t i = 0; i < plan->columns_count; i++) {
        at += (size_t)snprintf(out + at, out_bytes - at, "%s%s", i > 0 ? " " : "",
                               column_of(plan, i)->name);
    }
    snprintf(out + at, out_bytes - at, "]");
    for (uint32_t i = 0; i < plan->outputs_count; i++) {
        at = strlen(out);
        snprintf(out + at, out_bytes - at, "%s %s=", i > 0 ? "," : "", plan->outputs[i].name);
        write_expr(out, out_bytes, plan, plan->projections[i]);
    }
    if (plan->filter != NULL) {
        at = strlen(out);
        snprintf(out + at, out_bytes - at, "; where ");
        write_expr(out, out_bytes, plan, plan->filter);
    }
    for (uint32_t i = 0; i < plan->equalities_count; i++) {
        at = strlen(out);
        snprintf(out + at, out_bytes - at, "%s%s",
                 i > 0              ? " "
                 : plan->is_indexed ? "; by "
                                    : "; of ",
                 column_of(plan, plan->equalities[i].column)->name);
    }
    for (uint32_t i = 0; i < plan->keys_count; i++) {
        at = strlen(out);
        snprintf(out + at, out_bytes - at, "%s%u", i > 0 ? " " : "; keys ", plan->keys[i]);
    }
}

static void assert_is(struct yard *y, enum core_subscribe_what what, const char *text,
                      const char *want)
{
    char got[2048];
    struct ask *ask = ask_for(y, what, text);
    describe(&ask->plan, got, sizeof(got));
    if (strcmp(got, want) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", text, got, want);
    }
    ask_free(ask);
}

/* --- Tests --- */

static void a_select_comes_to_columns_conditions_and_projections(void **state)
{
    static const struct {
        const char *sql;
        const char *want;
    } rows[] = {
        {"SELECT * FROM sums", "sums [b n total] b=b, n=n, total=total; keys 0"},
        {"SELECT n FROM sums", "sums [n] n=n"},
        {"SELECT n + 1 AS m, b FROM public.sums", "sums [b n] m=+(n,1), b=b; keys 1"},
        {"SELECT n FROM sums s WHERE s.n > 2", "sums [n] n=n; where >(n,2)"},
        {"SELECT n FROM sums WHERE b = 'x'", "sums [b n] n=n; where =(b,x); by b"},
        {"SELECT b FROM sums WHERE 'x' = b AND n > 2",
         "sums [b n] b=b; where and(=(x,b),>(n,2)); by b; keys 0"},
        {"SELECT b, a FROM pairs WHERE b = 'x' AND a = 1",
         "pairs [a b] b=b, a=a; where and(=(b,x),=(a,1)); by b a; keys 1 0"},
        {"SELECT n FROM sums WHERE b = 'x' AND b = 'y'",
         "sums [b n] n=n; where and(=(b,x),=(b,y)); by b"},
        {"SELECT 6 / n AS q FROM sums WHERE b = 'x'", "sums [b n] q=/(6,n); where =(b,x); of b"},
        {"SELECT n FROM sums WHERE b = 'x' OR n = 1", "sums [b n] n=n; where other(=(b,x),=(n,1))"},
        {"SELECT n FROM sums WHERE b = NULL", "sums [b n] n=n; where =(b,null)"},
        {"SELECT n FROM sums WHERE 1 = 1", "sums [n] n=n"},
        {"SELECT n, b FROM sums WHERE 1 = 2", "sums [] n=null, b=null; where false"},
        {"SELECT n FROM bare", "bare [n] n=n"},
        {"SELECT n FROM one", "one [n] n=n"},
        {"SELECT a FROM yard", "yard [a] a=a"},
        {"SELECT b, _offset FROM yard WHERE a = 1",
         "yard [a b _offset] b=b, _offset=_offset; where =(a,1); by a"},
        {"SELECT d->>'e' AS e FROM yard WHERE d->>'f' = 'g'",
         "yard [] e=jsonb_text(path); where =(jsonb_text(path),g)"},
        {"SELECT 1 FROM sums", "sums [] ?column?=1"},
    };
    struct yard *y = world();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_is(y, CORE_SUBSCRIBE_SQL, rows[i].sql, rows[i].want);
    }
    world_end(y);
}

static void a_name_stands_for_all_columns(void **state)
{
    struct yard *y = world();
    (void)state;
    assert_is(y, CORE_SUBSCRIBE_VIEW, "sums", "sums [b n total] b=b, n=n, total=total; keys 0");
    assert_is(y, CORE_SUBSCRIBE_STREAM, "yard",
              "yard [a b c d _key _partition _offset _timestamp] a=a, b=b, c=c, d=d, _key=_key, "
              "_partition=_partition, _offset=_offset, _timestamp=_timestamp");
    assert_is(y, CORE_SUBSCRIBE_VIEW, "Sums", "42P01 materialized view \"Sums\" does not exist");
    assert_is(y, CORE_SUBSCRIBE_STREAM, "nine", "42P01 stream \"nine\" does not exist");
    assert_is(y, CORE_SUBSCRIBE_VIEW, "yard", "42809 \"yard\" is a stream");
    assert_is(y, CORE_SUBSCRIBE_STREAM, "sums", "42809 \"sums\" is a materialized view");
    world_end(y);
}

static void what_takes_more_than_a_row_is_refused_by_name(void **state)
{
    static const struct {
        const char *sql;
        const char *want;
    } rows[] = {
        {"SELECT b FROM sums GROUP BY b", "0A000 GROUP BY in a subscription is not supported"},
        {"SELECT count(*) FROM sums", "0A000 an aggregate in a subscription is not supported"},
        {"SELECT 1 FROM sums HAVING true", "0A000 HAVING in a subscription is not supported"},
        {"SELECT DISTINCT b FROM sums", "0A000 DISTINCT in a subscription is not supported"},
        {"SELECT b FROM sums ORDER BY b", "0A000 ORDER BY in a subscription is not supported"},
        {"SELECT b FROM sums LIMIT 1", "0A000 LIMIT in a subscription is not supported"},
        {"SELECT b FROM sums OFFSET 1", "0A000 OFFSET in a subscription is not supported"},
        {"SELECT b FROM (SELECT * FROM sums) s",
         "0A000 a subquery in a subscription is not supported"},
        {"WITH s AS (SELECT 1) SELECT * FROM s", "0A000 WITH in a subscription is not supported"},
        {"VALUES (1)", "0A000 VALUES in a subscription is not supported"},
        {"SELECT 1", "0A000 a SELECT without FROM in a subscription is not supported"},
        {"SELECT * FROM TUMBLE(yard, _timestamp, INTERVAL '1 hour')",
         "0A000 TUMBLE in a subscription is not supported"},
        {"SELECT * FROM system.views", "0A000 a system table in a subscription is not supported"},
        {"SHOW VIEWS", "0A000 a statement other than SELECT in a subscription is not supported"},
        {"DROP MATERIALIZED VIEW sums",
         "0A000 a statement other than SELECT in a subscription is not supported"},
        {"SELECT now() FROM sums", "0A000 the time of day in a subscription is not supported"},
        {"SELECT b FROM yard WHERE _timestamp > now() - INTERVAL '1 hour'",
         "0A000 the time of day in a subscription is not supported"},
        {"SELECT nine FROM sums", "42703 column \"nine\" does not exist"},
        {"SELECT * FROM nine", "42P01 relation \"nine\" does not exist"},
        {"SELECT * FROM sums WHERE", "42601 syntax error at end of input"},
        {"SELECT * FROM sums WHERE n", "42804 argument of WHERE must be type boolean, not type "
                                       "bigint"},
        {"SELECT * FROM sums WHERE b = $1", "42P02 there is no parameter $1"},
    };
    struct yard *y = world();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_is(y, CORE_SUBSCRIBE_SQL, rows[i].sql, rows[i].want);
    }
    world_end(y);
}

static void values_of_parameters_are_constants(void **state)
{
    char got[1024];
    struct yard *y = world();
    (void)state;
    struct ask *ask = ask_new(y, CORE_SUBSCRIBE_SQL, "SELECT n FROM sums WHERE b = $1 AND n > $2");
    ask_param(ask, 0, "x");
    ask_param(ask, 1, "7");
    ask_run_to_end(ask);
    describe(&ask->plan, got, sizeof(got));
    assert_string_equal(got, "sums [b n] n=n; where and(=(b,x),>(n,7)); by b");
    ask_free(ask);

    ask = ask_new(y, CORE_SUBSCRIBE_SQL, "SELECT n FROM sums WHERE n > $1");
    ask_param(ask, 0, "seven");
    ask_run_to_end(ask);
    describe(&ask->plan, got, sizeof(got));
    assert_string_equal(got, "22P02 $1: invalid input syntax for type bigint: \"seven\"");
    ask_free(ask);

    ask = ask_new(y, CORE_SUBSCRIBE_SQL, "SELECT n FROM sums");
    ask_param(ask, 0, "x");
    ask_run_to_end(ask);
    describe(&ask->plan, got, sizeof(got));
    assert_string_equal(got, "08P01 1 parameters are given, but the statement has 0");
    ask_free(ask);
    world_end(y);
}

static void what_is_asked_alike_is_one_and_what_differs_in_a_value_is_of_one_shape(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_one;
        bool is_shape;
    } rows[] = {
        {"SELECT n FROM sums WHERE b = 'x'", "select  N from sums where sums.b='x'", true, true},
        {"SELECT n FROM sums WHERE b = 'x'", "SELECT n FROM sums WHERE b = 'y'", false, true},
        {"SELECT n FROM sums WHERE b = 'x'", "SELECT b FROM sums WHERE b = 'x'", false, false},
        {"SELECT n FROM sums WHERE b = 'x'", "SELECT n AS m FROM sums WHERE b = 'x'", false, false},
        {"SELECT n FROM sums WHERE b = 'x' AND n > 1", "SELECT n FROM sums WHERE b = 'y' AND n > 1",
         false, true},
        {"SELECT n FROM sums WHERE b = 'x' AND n > 1", "SELECT n FROM sums WHERE b = 'x' AND n > 2",
         false, false},
        {"SELECT n FROM sums WHERE n > 1", "SELECT n FROM sums WHERE n > 1", true, false},
        {"SELECT n FROM sums WHERE n > 1", "SELECT n FROM sums WHERE n >= 1", false, false},
        {"SELECT n FROM sums WHERE b LIKE 'x%'", "SELECT n FROM sums WHERE b LIKE 'y%'", false,
         false},
        {"SELECT d->>'e' AS e FROM yard", "SELECT d->>'f' AS e FROM yard", false, false},
    };
    struct yard *y = world();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct ask *a = ask_for(y, CORE_SUBSCRIBE_SQL, rows[i].a);
        struct ask *b = ask_for(y, CORE_SUBSCRIBE_SQL, rows[i].b);
        const struct core_subscribe_plan *one = &a->plan;
        const struct core_subscribe_plan *two = &b->plan;
        assert_int_equal(one->code, CORE_OK);
        assert_int_equal(two->code, CORE_OK);
        bool is_one = one->identity.length == two->identity.length &&
                      memcmp(one->identity.data, two->identity.data, one->identity.length) == 0;
        bool is_shape = one->is_indexed && two->is_indexed &&
                        one->shape.length == two->shape.length &&
                        memcmp(one->shape.data, two->shape.data, one->shape.length) == 0;
        if (is_one != rows[i].is_one || is_shape != rows[i].is_shape) {
            fail_msg("%s / %s: one %d, shape %d", rows[i].a, rows[i].b, is_one, is_shape);
        }
        assert_int_equal(core_subscribe_plan_hash(one) == core_subscribe_plan_hash(two), is_one);
        ask_free(a);
        ask_free(b);
    }
    world_end(y);
}

static void all_of_a_view_is_one_by_its_name_and_by_a_star(void **state)
{
    struct yard *y = world();
    (void)state;
    struct ask *a = ask_for(y, CORE_SUBSCRIBE_SQL, "SELECT * FROM sums");
    struct ask *b = ask_for(y, CORE_SUBSCRIBE_VIEW, "sums");
    assert_int_equal(core_subscribe_plan_hash(&a->plan), core_subscribe_plan_hash(&b->plan));
    ask_free(a);
    ask_free(b);
    world_end(y);
}

static void one_that_nobody_wants_any_more_ends(void **state)
{
    static const char *const texts[] = {"SELECT * FROM sums", "SELECT"};
    struct yard *y = world();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct ask *ask = ask_new(y, CORE_SUBSCRIBE_SQL, texts[i]);
        ask->is_cancelled = true;
        ask_run_to_end(ask);
        assert_int_equal(ask->plan.code, i == 0 ? CORE_TIMEOUT : CORE_INVALID_REQUEST);
        ask_free(ask);
    }
    world_end(y);
}

static void memory_that_is_short_is_told(void **state)
{
    struct yard *y = world();
    bool is_made = false;
    (void)state;
    for (size_t bytes = 512; !is_made; bytes += 256) {
        struct ask *ask =
            ask_new(y, CORE_SUBSCRIBE_SQL, "SELECT b, n + 1 FROM sums WHERE b = 'x' AND n > 3");
        arena_init(&ask->arena, &ask->budget, 256, bytes);
        ask_run_to_end(ask);
        is_made = ask->plan.code == CORE_OK;
        assert_true(is_made || ask->plan.code == CORE_OVERLOADED);
        ask_free(ask);
    }
    world_end(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_select_comes_to_columns_conditions_and_projections),
        cmocka_unit_test(a_name_stands_for_all_columns),
        cmocka_unit_test(what_takes_more_than_a_row_is_refused_by_name),
        cmocka_unit_test(values_of_parameters_are_constants),
        cmocka_unit_test(what_is_asked_alike_is_one_and_what_differs_in_a_value_is_of_one_shape),
        cmocka_unit_test(all_of_a_view_is_one_by_its_name_and_by_a_star),
        cmocka_unit_test(one_that_nobody_wants_any_more_ends),
        cmocka_unit_test(memory_that_is_short_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
