/* What the golden files do not show: limits, memory that ends, lists, parameters, what a tree
 * holds. */
#include "views/sql/parse.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/sql/places.h"
#include "views/sql/lex.h"
#include "views/sql/print.h"

/* A parse with its memory. */
struct fixture {
    struct budget budget;   /* of the arena */
    struct arena arena;     /* of the tree */
    struct sql_stmt *stmt;  /* the last parse */
    struct sql_error error; /* what was wrong with it */
};

static int fixture_open(void **state)
{
    static struct fixture f;
    budget_init(&f.budget, "test", 256u << 20, NULL);
    arena_init(&f.arena, &f.budget, 65536, 256u << 20);
    *state = &f;
    return 0;
}

static int fixture_close(void **state)
{
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    budget_deinit(&f->budget);
    return 0;
}

static enum err fixture_parse(struct fixture *f, const char *text)
{
    arena_reset(&f->arena);
    return sql_parse(text, strlen(text), &f->arena, &f->stmt, &f->error);
}

/* `before`, then `open` `count` times, `middle`, and `close` `count` times. */
static const char *nested(const char *before, const char *open, const char *middle,
                          const char *close, unsigned count)
{
    static char text[SQL_TEXT_BYTES_MAX];
    struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
    bytes_put_copy(&w, before, strlen(before));
    for (unsigned i = 0; i < count; i++) {
        bytes_put_copy(&w, open, strlen(open));
    }
    bytes_put_copy(&w, middle, strlen(middle));
    for (unsigned i = 0; i < count; i++) {
        bytes_put_copy(&w, close, strlen(close));
    }
    assert_int_equal(w.err, ERR_OK);
    text[w.pos] = '\0';
    return text;
}

static void depth_is_bounded_whatever_is_nested(void **state)
{
    static const struct {
        const char *before, *open, *middle, *close;
        unsigned fine, deep;
    } rows[] = {
        {"SELECT ", "(", "1", ")", 500, 600},
        {"SELECT ", "-", "1", "", 1, 100000}, /* a comment from the second on: no statement */
        {"SELECT ", "- ", "1", "", 250, 300},
        {"SELECT ", "NOT ", "a", "", 250, 300},
        {"SELECT a", " + 1", "", "", 250, 300},
        {"SELECT a", "::int", "", "", 250, 300},
        {"SELECT a", " IS NULL", "", "", 250, 300},
        {"SELECT a", " || (b", "", ")", 200, 300},
        {"SELECT ", "f(", "1", ")", 250, 300},
        {"SELECT ", "CASE WHEN ", "a", " THEN 1 END", 250, 300},
        {"SELECT a", " BETWEEN 1 AND (b", "", ")", 200, 300},
        {"SELECT a ", "IN (1, b ", "", ")", 200, 300},
        {"", "(", "SELECT 1", ")", 500, 600},
        {"", "SELECT * FROM (", "SELECT 1", ") x", 250, 300},
        {"", "WITH a AS (", "SELECT 1", ") SELECT 1", 250, 300},
        {"SELECT * FROM ", "(", "t", ")", 1, 600},
        {"SELECT ", "extract(year FROM ", "a", ")", 250, 300},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *text =
            nested(rows[i].before, rows[i].open, rows[i].middle, rows[i].close, rows[i].fine);
        enum err err = fixture_parse(f, text);
        if (rows[i].fine > 1 && err != ERR_OK) {
            fail_msg("%s: %s", rows[i].open, f->error.message);
        }
        text = nested(rows[i].before, rows[i].open, rows[i].middle, rows[i].close, rows[i].deep);
        err = fixture_parse(f, text);
        assert_int_not_equal(err, ERR_OK);
        if (rows[i].fine > 1) {
            assert_int_equal(err, ERR_TOO_LARGE);
            assert_int_equal(f->error.state, SQL_STATE_STATEMENT_TOO_COMPLEX);
        }
    }
}

static void the_highest_trees_print_and_read_again(void **state)
{
    static char print[SQL_TEXT_BYTES_MAX], again[SQL_TEXT_BYTES_MAX];
    static const struct {
        const char *open, *middle, *close;
    } rows[] = {
        {"1 * NOT ", "1", ""},
        {"(", "a", " IS NULL) < b"},
        {"a + (", "1", ")"},
        {"- ", "a", ""},
        {"NOT (a = ", "b", ")"},
        {"f(", "1", " + 1)"},
        {"CASE WHEN (", "a", ") AND b THEN 1 END"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        unsigned count = 1, too_many = 1024; /* the most that are accepted, by halving */
        while (count + 1 < too_many) {
            unsigned middle = (count + too_many) / 2;
            bool is_fine = fixture_parse(f, nested("SELECT ", rows[i].open, rows[i].middle,
                                                   rows[i].close, middle)) == ERR_OK;
            count = is_fine ? middle : count;
            too_many = is_fine ? too_many : middle;
        }
        assert_true(count >= 60);
        assert_int_equal(
            fixture_parse(f, nested("SELECT ", rows[i].open, rows[i].middle, rows[i].close, count)),
            ERR_OK);
        struct bytes_writer w = bytes_writer(print, sizeof(print) - 1);
        sql_print_stmt(&w, f->stmt);
        print[w.pos] = '\0';
        if (fixture_parse(f, print) != ERR_OK) {
            fail_msg("%s %u times: %s", rows[i].open, count, f->error.message);
        }
        struct bytes_writer w2 = bytes_writer(again, sizeof(again) - 1);
        sql_print_stmt(&w2, f->stmt);
        again[w2.pos] = '\0';
        assert_string_equal(print, again);
    }
}

static void rows_of_conditions_are_not_deep(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_parse(f, nested("SELECT a", " OR b = 1", "", "", 10000)), ERR_OK);
    const struct sql_expr *expr = f->stmt->select->items[0].expr;
    assert_int_equal(expr->kind, SQL_EXPR_OR);
    assert_int_equal(expr->u.list.count, 10001);
    assert_int_equal(expr->height, 3);
    assert_int_equal(fixture_parse(f, nested("SELECT a IN (0", ", 1", ")", "", 20000)), ERR_OK);
}

static void parts_are_bounded(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_parse(f, nested("SELECT 1", ",1", "", "", SQL_NODES_MAX)),
                     ERR_TOO_LARGE);
    assert_int_equal(f->error.state, SQL_STATE_STATEMENT_TOO_COMPLEX);
    assert_int_equal(fixture_parse(f, nested("VALUES (1)", ",(1)", "", "", SQL_NODES_MAX)),
                     ERR_TOO_LARGE);
}

static void parentheses_cost_what_they_are(void **state)
{
    struct fixture *f = *state;
    /* Whether a SELECT follows is asked at each of them, and told from one look ahead. */
    assert_int_equal(
        fixture_parse(f, nested("SELECT ", "(((((((((((((((((((((((((((((((((((((((((((((1 + ", "1",
                                ")))))))))))))))))))))))))))))))))))))))))))))", 10)),
        ERR_OK);
    assert_int_equal(fixture_parse(f, nested("SELECT ", "(", "", "", 1000000)), ERR_TOO_LARGE);
}

static void every_refusal_of_memory_is_said(void **state)
{
    (void)state;
    static const char text[] =
        "WITH a (b) AS (VALUES (1, 'x')) SELECT b, c.d AS \"e\", f(g) FILTER (WHERE h IN (1, 2)), "
        "CASE WHEN i LIKE 'y' THEN 1::numeric(5, 2) END FROM TUMBLE(s, at, INTERVAL '1' DAY) AS t "
        "(k, l) WHERE m BETWEEN 1 AND 2 GROUP BY 1, 2 HAVING n ORDER BY o DESC LIMIT 5 OFFSET $3";
    bool is_done = false;
    for (size_t limit = 256; !is_done; limit += 64) {
        struct budget budget;
        struct arena arena;
        struct sql_stmt *stmt;
        struct sql_error error;
        budget_init(&budget, "test", 1u << 20, NULL);
        arena_init(&arena, &budget, 256, limit);
        enum err err = sql_parse(text, strlen(text), &arena, &stmt, &error);
        is_done = err == ERR_OK;
        if (!is_done) {
            assert_int_equal(err, ERR_BUDGET);
            assert_int_equal(error.state, SQL_STATE_OUT_OF_MEMORY);
            assert_null(stmt);
        }
        arena_deinit(&arena);
        budget_deinit(&budget);
    }
}

static void a_list_holds_what_stands_between_semicolons(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        uint32_t count;
    } rows[] = {
        {"", 0},
        {";;", 0},
        {"SELECT 1", 1},
        {"SELECT 1;", 1},
        {";SELECT 1;;SHOW STREAMS", 2},
        {"SELECT $2; SELECT $1; SELECT 1 -- ;", 3},
    };
    struct sql_stmts stmts;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(
            sql_parse_list(rows[i].text, strlen(rows[i].text), &f->arena, &stmts, &f->error),
            ERR_OK);
        assert_int_equal(stmts.count, rows[i].count);
    }
    assert_int_equal(stmts.items[0]->params_count, 2);
    assert_int_equal(stmts.items[1]->params_count, 1);
    assert_int_equal(stmts.items[2]->params_count, 0);
    assert_int_equal(stmts.items[1]->at.pos, 11);
    assert_int_equal(stmts.items[1]->at.length, 9);
}

static void a_tree_says_how_names_were_written(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_parse(f, "SELECT UserId, \"userId\" AS k FROM T x"), ERR_OK);
    const struct sql_select *select = f->stmt->select;
    const struct sql_name *first = &select->items[0].expr->u.column.items[0];
    const struct sql_name *second = &select->items[1].expr->u.column.items[0];
    assert_string_equal(first->text, "UserId");
    assert_false(first->is_quoted);
    assert_string_equal(second->text, "userId");
    assert_true(second->is_quoted);
    assert_int_equal(second->at.pos, 15);
    assert_int_equal(second->at.length, 8);
    assert_null(select->items[0].alias.text);
    assert_string_equal(select->items[1].alias.text, "k");
    assert_string_equal(select->from->table.items[0].text, "T");
    assert_string_equal(select->from->alias.text, "x");
}

static void a_tree_keeps_what_a_call_means(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_parse(f, "SELECT position('a' IN b), trim(LEADING 'x' FROM c)"),
                     ERR_OK);
    const struct sql_call *position = f->stmt->select->items[0].expr->u.call;
    const struct sql_call *trim = f->stmt->select->items[1].expr->u.call;
    assert_string_equal(position->name.items[0].text, "position");
    assert_int_equal(position->args.items[0]->kind, SQL_EXPR_COLUMN);
    assert_int_equal(position->args.items[1]->kind, SQL_EXPR_STRING);
    assert_string_equal(trim->name.items[0].text, "ltrim");
    assert_int_equal(trim->args.items[0]->kind, SQL_EXPR_COLUMN);
    assert_int_equal(trim->args.items[1]->kind, SQL_EXPR_STRING);
}

static void an_expression_stands_alone(void **state)
{
    struct fixture *f = *state;
    struct sql_expr *expr;
    assert_int_equal(sql_parse_expression("a + 1", 5, &f->arena, &expr, &f->error), ERR_OK);
    assert_int_equal(expr->kind, SQL_EXPR_BINARY);
    assert_int_equal(sql_parse_expression("a + 1 b", 7, &f->arena, &expr, &f->error), ERR_INVALID);
    assert_null(expr);
    assert_int_equal(sql_parse_expression("", 0, &f->arena, &expr, &f->error), ERR_INVALID);
    assert_int_equal(sql_parse_expression("\xff", 1, &f->arena, &expr, &f->error), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_bounded_whatever_is_nested),
        cmocka_unit_test(the_highest_trees_print_and_read_again),
        cmocka_unit_test(rows_of_conditions_are_not_deep),
        cmocka_unit_test(parts_are_bounded),
        cmocka_unit_test(parentheses_cost_what_they_are),
        cmocka_unit_test(every_refusal_of_memory_is_said),
        cmocka_unit_test(a_list_holds_what_stands_between_semicolons),
        cmocka_unit_test(a_tree_says_how_names_were_written),
        cmocka_unit_test(a_tree_keeps_what_a_call_means),
        cmocka_unit_test(an_expression_stands_alone),
    };
    return cmocka_run_group_tests_name("sql_parse", tests, fixture_open, fixture_close);
}
