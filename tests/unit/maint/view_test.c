/* Which plans are kept as views, what they are taken apart into, and what is said of the others. */
#include "views/maint/view.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/maint/world.h"
#include "views/plan/build.h"

/* a BIGINT, b TEXT, c DOUBLE, d NUMERIC(10, 2), e TIMESTAMPTZ, f INTEGER, g JSONB, h NUMERIC. */
static void view_world(struct world *world)
{
    static const struct vec_type types[] = {
        {VEC_BIGINT, 0, 0},      {VEC_TEXT, 0, 0},    {VEC_DOUBLE, 0, 0}, {VEC_NUMERIC, 10, 2},
        {VEC_TIMESTAMPTZ, 0, 0}, {VEC_INTEGER, 0, 0}, {VEC_JSONB, 0, 0},  {VEC_NUMERIC, 0, 0},
    };
    world_init(world, types, ARRAY_COUNT(types), 0);
}

static const struct {
    const char *sql;
    const char *message;
    const char *at; /* what of the text it points to; NULL: nothing */
} view_refused[] = {
    {"SELECT a FROM t WHERE e > now()",
     "now in a view is not supported: its rows would change while none come; compare with it when "
     "you ask the view",
     "now"},
    {"SELECT current_date, count(*) FROM t GROUP BY 1",
     "current_date in a view is not supported: its rows would change while none come; compare with "
     "it when you ask the view",
     "current_date"},
    {"SELECT b, max(localtimestamp) FROM t GROUP BY b",
     "localtimestamp in a view is not supported: its rows would change while none come; compare "
     "with it when you ask the view",
     "localtimestamp"},
    {"SELECT b, count(*) FILTER (WHERE e > current_timestamp) FROM t GROUP BY b",
     "current_timestamp in a view is not supported: its rows would change while none come; compare "
     "with it when you ask the view",
     "current_timestamp"},
    {"SELECT b FROM t GROUP BY b HAVING max(e) > now()",
     "now in a view is not supported: its rows would change while none come; compare with it when "
     "you ask the view",
     "now"},
    {"SELECT a FROM t WHERE a = $2",
     "a view has no parameters: write the value, or compare with $2 when you ask the view", "$2"},
    {"SELECT b, stddev(a) FROM t GROUP BY b",
     "stddev in a view is not supported: keep count(x), sum(x) and sum(x * x), and compute it when "
     "you ask the view",
     "stddev"},
    {"SELECT var_pop(c) FROM t",
     "var_pop in a view is not supported: keep count(x), sum(x) and sum(x * x), and compute it "
     "when you ask the view",
     "var_pop"},
    {"SELECT b, count(DISTINCT a) FROM t GROUP BY b",
     "count(DISTINCT ...) in a view is not supported: add the value to GROUP BY, and use count "
     "when you ask the view",
     "count"},
    {"SELECT sum(DISTINCT a) FROM t",
     "sum(DISTINCT ...) in a view is not supported: add the value to GROUP BY, and use sum when "
     "you ask the view",
     "sum"},
    {"SELECT a FROM t ORDER BY b", "a view has no order: use ORDER BY when you ask it", "b"},
    {"SELECT a FROM t LIMIT 3", "a view keeps all its rows: use LIMIT and OFFSET when you ask it",
     "3"},
    {"SELECT a FROM t OFFSET 2", "a view keeps all its rows: use LIMIT and OFFSET when you ask it",
     "2"},
    {"SELECT a FROM t ORDER BY b LIMIT 3",
     "a view keeps all its rows: use ORDER BY and LIMIT when you ask it", "b"},
    {"SELECT 1",
     "a view is kept over a stream, and this reads none: name one in FROM, with a WHERE that is "
     "not always false",
     NULL},
    {"VALUES (1), (2)",
     "a view is kept over a stream, and this reads none: name one in FROM, with a WHERE that is "
     "not always false",
     NULL},
    {"SELECT a FROM t WHERE false",
     "a view is kept over a stream, and this reads none: name one in FROM, with a WHERE that is "
     "not always false",
     NULL},
    {"SELECT a FROM system.s",
     "a view over system.s is not supported: a view is kept over a stream; ask s itself, which is "
     "always fresh",
     NULL},
    {"SELECT max(n) FROM (SELECT b, count(*) AS n FROM t GROUP BY b) x",
     "a view that groups what was grouped before is not supported: keep the inner grouping as a "
     "view, and group when you ask it",
     NULL},
    {"SELECT count(*) FROM (SELECT DISTINCT a, b FROM t) x",
     "a view that groups what was grouped before is not supported: keep the inner grouping as a "
     "view, and group when you ask it",
     NULL},
    {"SELECT DISTINCT count(*) FROM t GROUP BY b",
     "DISTINCT over groups that do not show all they are grouped by is not supported in a view: "
     "use DISTINCT when you ask the view",
     NULL},
    {"SELECT DISTINCT b || 'x', count(*) FROM t GROUP BY b",
     "DISTINCT over groups that do not show all they are grouped by is not supported in a view: "
     "use DISTINCT when you ask the view",
     NULL},
};

static void what_cannot_be_kept_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(view_refused); i++) {
        const char *sql = view_refused[i].sql;
        struct world world;
        struct plan plan;
        struct sql_error error = {0};
        struct maint_view *view;
        struct maint_refusal refusal;
        view_world(&world);
        if (world_bind(&world, sql, &plan, &error) != ERR_OK) {
            fail_msg("%s: %s", sql, error.message);
        }
        assert_int_equal(maint_view_make(&world.arena, &plan, &view, &refusal), ERR_INVALID);
        assert_string_equal(refusal.state, "0A000");
        assert_string_equal(refusal.message, view_refused[i].message);
        const char *at = view_refused[i].at != NULL ? view_refused[i].at : "";
        if (refusal.length != strlen(at) || memcmp(sql + refusal.pos, at, refusal.length) != 0) {
            fail_msg("%s: it points to \"%.*s\"", sql, (int)refusal.length, sql + refusal.pos);
        }
        world_deinit(&world);
    }
}

static const struct {
    const char *sql;
    uint32_t below; /* steps */
    uint32_t keys;
    uint32_t states;
    uint32_t above;
    bool is_rows;
    bool is_global;
    const char *shown; /* which output shows each key; '-': none */
} view_kept[] = {
    {"SELECT * FROM t", 0, 2, 8, 0, true, false, "--"},
    {"SELECT a, _offset, _partition FROM t WHERE a > 3", 1, 2, 3, 0, true, false, "21"},
    {"SELECT a + 1 AS x, upper(b) AS y FROM t WHERE a > 3", 2, 2, 2, 0, true, false, "--"},
    {"SELECT x FROM (SELECT a + f AS x, b FROM t) s WHERE x > 3 AND b > 'k'", 2, 2, 1, 0, true,
     false, "--"},
    {"SELECT count(*) FROM t", 0, 0, 1, 0, false, true, ""},
    {"SELECT count(*), max(a) FROM t HAVING count(*) > 3", 0, 0, 2, 1, false, true, ""},
    {"SELECT DISTINCT count(*) FROM t", 0, 0, 1, 0, false, true, ""},
    {"SELECT b, count(*) FROM t GROUP BY b", 0, 1, 1, 0, false, false, "0"},
    {"SELECT count(*), b FROM t GROUP BY b", 0, 1, 1, 1, false, false, "1"},
    {"SELECT count(*) FROM t GROUP BY b", 0, 1, 1, 1, false, false, "-"},
    {"SELECT a % 10 AS m, b, sum(a) FROM t WHERE a > 0 GROUP BY m, b", 1, 2, 1, 0, false, false,
     "01"},
    {"SELECT DISTINCT a, b FROM t", 0, 2, 0, 0, false, false, "01"},
    {"SELECT DISTINCT b, count(*) FROM t GROUP BY b", 0, 1, 1, 0, false, false, "0"},
    {"SELECT DISTINCT * FROM (SELECT DISTINCT a, b FROM t) s", 0, 2, 0, 0, false, false, "01"},
    {"SELECT b, min(DISTINCT a) FROM t GROUP BY b", 0, 1, 1, 0, false, false, "0"},
    {"SELECT c, h, d, g, a, count(*) FROM t GROUP BY c, h, d, g, a", 0, 5, 4, 0, false, false,
     "01234"}, /* DOUBLE, NUMERIC and JSONB are kept beside the key */
    {"SELECT window_start, b, count(*) AS n FROM TUMBLE(t, e, INTERVAL '1 minute') GROUP BY "
     "window_start, b HAVING count(*) > 2",
     0, 2, 1, 1, false, false, "01"},
    {"SELECT b, first(a, e), last(a, e) FROM t GROUP BY b", 0, 1, 2, 0, false, false, "0"},
};

static void plans_are_taken_apart_into_what_rows_and_groups_need(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(view_kept); i++) {
        struct world world;
        view_world(&world);
        const struct maint_view *view = world_make(&world, view_kept[i].sql);
        if (view->below_count != view_kept[i].below || view->keys_count != view_kept[i].keys ||
            view->states_count != view_kept[i].states || view->above_count != view_kept[i].above ||
            view->is_rows != view_kept[i].is_rows || view->is_global != view_kept[i].is_global) {
            fail_msg("%s: %u below, %u keys, %u states, %u above", view_kept[i].sql,
                     view->below_count, view->keys_count, view->states_count, view->above_count);
        }
        assert_int_equal(strlen(view_kept[i].shown), view->keys_count);
        for (uint32_t key = 0; key < view->keys_count; key++) {
            char shown = view_kept[i].shown[key];
            assert_int_equal(view->key_outputs[key],
                             shown == '-' ? UINT32_MAX : (uint32_t)(shown - '0'));
        }
        uint32_t pos = 0;
        for (uint32_t k = 0; k < view->states_count; k++) {
            assert_int_equal(view->states[k].pos, pos);
            pos += view->states[k].accumulator->state_bytes;
        }
        assert_int_equal(view->state_bytes, pos);
        assert_in_range(maint_view_key_bytes(view), pos + 16, pos + 32);
        world_deinit(&world);
    }
}

static void the_origin_of_rows_is_read_once_whether_it_is_asked_for_or_not(void **state)
{
    (void)state;
    struct world world;
    view_world(&world);
    const struct maint_view *view = world_make(&world, "SELECT a, _offset FROM t");
    assert_int_equal(view->scan_columns_count, 4); /* a, _offset, and the two others */
    static const enum plan_role roles[3] = {PLAN_ROLE_TIMESTAMP, PLAN_ROLE_PARTITION,
                                            PLAN_ROLE_OFFSET};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t column = view->scan_columns[view->origin[i]];
        assert_int_equal(world.relation->columns[column].role, roles[i]);
    }
    assert_int_equal(view->origin[2], 1);
    world_deinit(&world);
}

/* Every arena that is too small is an error, and none is used behind its end. */
static void memory_that_ends_is_an_error(void **state)
{
    (void)state;
    static const char *const sqls[] = {
        "SELECT a + 1 AS x, b FROM t WHERE a > 2",
        "SELECT window_start, b, count(*) FROM TUMBLE(t, e, INTERVAL '1 minute') GROUP BY 1, 2",
        "SELECT DISTINCT c, b FROM t",
    };
    for (size_t i = 0; i < ARRAY_COUNT(sqls); i++) {
        struct world world;
        struct plan plan;
        struct sql_error error = {0};
        struct maint_view *view;
        struct maint_refusal refusal;
        view_world(&world);
        assert_int_equal(world_bind(&world, sqls[i], &plan, &error), ERR_OK);
        enum err err = ERR_TOO_LARGE;
        for (size_t limit = 256; err != ERR_OK; limit += 256) {
            struct arena small;
            arena_init(&small, &world.root, 256, limit);
            err = maint_view_make(&small, &plan, &view, &refusal);
            assert_true(err == ERR_OK || err == ERR_TOO_LARGE);
            arena_deinit(&small);
            assert_true(limit < 1 << 16);
        }
        world_deinit(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_kept_is_refused_by_name),
        cmocka_unit_test(plans_are_taken_apart_into_what_rows_and_groups_need),
        cmocka_unit_test(the_origin_of_rows_is_read_once_whether_it_is_asked_for_or_not),
        cmocka_unit_test(memory_that_ends_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
