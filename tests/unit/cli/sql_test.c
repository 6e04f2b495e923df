/* The shell's functions of text: where statements end, what lines of an answer say, how rows become
 * a table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "broker/cli/client_answer.h"
#include "broker/cli/client_split.h"
#include "broker/cli/client_table.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* --- Statements --- */

static void sql_statements_end_at_a_semicolon_outside_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum client_split split;
        size_t end; /* of the first statement */
    } rows[] = {
        {"", CLIENT_SPLIT_EMPTY, 0},
        {" \n\t-- only this", CLIENT_SPLIT_EMPTY, 15},
        {"/* a /* b */ c */ ", CLIENT_SPLIT_EMPTY, 18},
        {"SELECT 1", CLIENT_SPLIT_BEGUN, 8},
        {"SELECT 1; SELECT 2;", CLIENT_SPLIT_WHOLE, 9},
        {";", CLIENT_SPLIT_WHOLE, 1},
        {"SELECT ';'; x", CLIENT_SPLIT_WHOLE, 11},
        {"SELECT 'it''s;'", CLIENT_SPLIT_BEGUN, 15},
        {"SELECT 'a", CLIENT_SPLIT_STRING, 9},
        {"SELECT 'a\\';", CLIENT_SPLIT_WHOLE, 12},
        {"SELECT E'a\\';'", CLIENT_SPLIT_BEGUN, 14},
        {"SELECT E'a\\';", CLIENT_SPLIT_STRING, 13},
        {"SELECT te'a\\';", CLIENT_SPLIT_WHOLE, 14}, /* a name's last letter is no prefix */
        {"SELECT \"a;b\";", CLIENT_SPLIT_WHOLE, 13},
        {"SELECT \"a", CLIENT_SPLIT_NAME, 9},
        {"SELECT -- a;\n 1;", CLIENT_SPLIT_WHOLE, 16},
        {"SELECT 1 -- a;", CLIENT_SPLIT_BEGUN, 14},
        {"SELECT /* ; */ 1;", CLIENT_SPLIT_WHOLE, 17},
        {"SELECT /* ; /* */ 1;", CLIENT_SPLIT_COMMENT, 20},
        {"SELECT $$a;b$$;", CLIENT_SPLIT_WHOLE, 15},
        {"SELECT $$a;b", CLIENT_SPLIT_DOLLAR, 12},
        {"SELECT $t$ $$ ; $t$;", CLIENT_SPLIT_WHOLE, 20},
        {"SELECT $1;", CLIENT_SPLIT_WHOLE, 10},
        {"SELECT $1$;", CLIENT_SPLIT_WHOLE, 11},
        {"SELECT a$b$c; x", CLIENT_SPLIT_WHOLE, 13}, /* within a name */
        {"$", CLIENT_SPLIT_BEGUN, 1},
        {"'", CLIENT_SPLIT_STRING, 1},
        {"E'\\", CLIENT_SPLIT_STRING, 3},
        {"-", CLIENT_SPLIT_BEGUN, 1},
        {"/*", CLIENT_SPLIT_COMMENT, 2},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t length = strlen(rows[i].text), end;
        char *text = malloc(length + 1); /* a read behind it is seen */
        memcpy(text, rows[i].text, length);
        enum client_split split = client_split(text, length, &end);
        if (split != rows[i].split || end != rows[i].end) {
            fail_msg("%s: %d, ends at %zu", rows[i].text, (int)split, end);
        }
        free(text);
    }
}

/* Looked through line by line it ends as it does when it is there at once. */
static void sql_statements_end_as_lines_come(const char *text, size_t length,
                                             enum client_split split, size_t end)
{
    struct client_split_place place = {.pos = 0};
    enum client_split got = CLIENT_SPLIT_EMPTY;
    size_t got_end = 0;
    for (size_t i = 0; i < length && got != CLIENT_SPLIT_WHOLE; i++) {
        if (text[i] == '\n' || i == length - 1) {
            got = client_split_on(text, i + 1, &place, &got_end);
        }
    }
    assert_int_equal(got, split);
    assert_int_equal(got_end, end);
}

/* What is whole stays so whatever follows; pieces of any text are looked through without harm. */
static void sql_statements_end_where_they_did_with_more_behind(void **state)
{
    (void)state;
    static const char *const pieces[] = {"'",  "\"", "$$", "$a$", ";", "--",     "\n", "/*",
                                         "*/", "e'", "\\", " ",   "a", "SELECT", "1",  "日"};
    struct share share = share_open("pieces in a row", 90);
    while (share_more(&share)) {
        struct prng random;
        char text[256];
        size_t length = 0, end, again;
        prng_init(&random, share_case_seed(&share));
        for (uint64_t i = prng_below(&random, 20); i > 0; i--) {
            const char *piece = pieces[prng_below(&random, ARRAY_COUNT(pieces))];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        enum client_split split = client_split(text, length, &end);
        assert_true(end <= length);
        if (split == CLIENT_SPLIT_WHOLE) {
            assert_int_equal(text[end - 1], ';');
            assert_int_equal(client_split(text, end, &again), CLIENT_SPLIT_WHOLE);
            assert_int_equal(again, end);
            assert_int_not_equal(client_split(text, end - 1, &again), CLIENT_SPLIT_WHOLE);
        }
        sql_statements_end_as_lines_come(text, length, split, end);
    }
    share_close(&share);
}

/* --- Answers --- */

/* Who takes an answer and writes down what comes. */
struct sql_taker {
    struct budget budget;
    struct arena arena;
    struct client_answer answer;
    char said[1024];
    size_t length;
    size_t rows_max; /* more are not wanted */
};

static bool sql_take_columns(void *ctx, const struct client_answer_column *columns, size_t count)
{
    struct sql_taker *taker = ctx;
    for (size_t i = 0; i < count; i++) {
        taker->length +=
            (size_t)snprintf(taker->said + taker->length, sizeof(taker->said) - taker->length,
                             "%s:%s ", columns[i].name, columns[i].type);
    }
    return true;
}

static bool sql_take_row(void *ctx, const struct client_answer_cell *cells, size_t count)
{
    struct sql_taker *taker = ctx;
    for (size_t i = 0; i < count; i++) {
        taker->length +=
            (size_t)snprintf(taker->said + taker->length, sizeof(taker->said) - taker->length,
                             "%s%.*s", i == 0 ? "[" : "|", (int)cells[i].text_length,
                             cells[i].text != NULL ? cells[i].text : "");
    }
    taker->length +=
        (size_t)snprintf(taker->said + taker->length, sizeof(taker->said) - taker->length, "]");
    return taker->rows_max-- > 0;
}

static const struct client_answer_ops sql_taker_ops = {sql_take_columns, sql_take_row};

/* The error of the first line that has one. */
static enum err sql_take(struct sql_taker *taker, const char *lines)
{
    enum err err = ERR_OK;
    budget_init(&taker->budget, "test", 1 << 20, NULL);
    arena_init(&taker->arena, &taker->budget, 4096, 1 << 20);
    taker->answer =
        (struct client_answer){.ops = &sql_taker_ops, .ctx = taker, .arena = &taker->arena};
    taker->length = 0;
    taker->said[0] = '\0';
    taker->rows_max = 100;
    while (*lines != '\0' && err == ERR_OK) {
        size_t length = strcspn(lines, "\n");
        err = client_answer_line(&taker->answer, lines, length);
        lines += length + (lines[length] == '\n');
    }
    return err;
}

static void sql_take_end(struct sql_taker *taker)
{
    arena_deinit(&taker->arena);
    budget_deinit(&taker->budget);
}

#define HEAD(type) "{\"columns\":[{\"name\":\"a\",\"type\":\"" type "\"}]}\n"
#define END        "{\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,\"records\":1}"

static void sql_answers_are_columns_rows_and_an_end(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *said;
    } rows[] = {
        {HEAD("integer") "[1]\n[-2]\n" END, "a:integer [1][-2]"},
        {HEAD("text") "[\"x\\\"\\u00e9\\n\"]\n[null]\n[\"\"]\n" END, "a:text [x\"\xc3\xa9\n][][]"},
        {HEAD("boolean") "[true]\n" END, "a:boolean [true]"},
        {HEAD("jsonb") "[{\"k\": [1, null]}]\n[\"s\"]\n[null]\n" END,
         "a:jsonb [{\"k\": [1, null]}][\"s\"][]"},
        {HEAD("numeric(38,2)") "[12345678901234567890.50]\n" END,
         "a:numeric(38,2) [12345678901234567890.50]"},
        {HEAD("double precision") "[\"NaN\"]\n[1e+15]\n" END, "a:double precision [NaN][1e+15]"},
        {HEAD("timestamp with time zone") "[\"2024-03-01T10:00:00.500000Z\"]\n" END,
         "a:timestamp with time zone [2024-03-01 10:00:00.5+00]"},
        {HEAD("timestamp with time zone") "[\"2024-03-01T10:00:00.123456Z\"]\n" END,
         "a:timestamp with time zone [2024-03-01 10:00:00.123456+00]"},
        {HEAD("timestamp without time zone") "[\"2024-03-01T10:00:00.000000\"]\n" END,
         "a:timestamp without time zone [2024-03-01 10:00:00]"},
        {HEAD("timestamp with time zone") "[\"infinity\"]\n[\"T\"]\n" END,
         "a:timestamp with time zone [infinity][ ]"},
        {HEAD("date") "[\"2024-03-01\"]\n" END, "a:date [2024-03-01]"},
        {HEAD("interval") "[\"P1DT2H\"]\n" END, "a:interval [P1DT2H]"},
        {"{\"columns\":[]}\n[]\n" END, "]"}, /* a row without columns */
        {"{\"command\":\"CREATE STREAM\",\"row_count\":0,\"errors\":0,\"records\":0}", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sql_taker taker;
        assert_int_equal(sql_take(&taker, rows[i].lines), ERR_OK);
        assert_true(taker.answer.has_end);
        assert_string_equal(taker.said, rows[i].said);
        sql_take_end(&taker);
    }
}

static void sql_answers_may_end_in_an_error(void **state)
{
    (void)state;
    struct sql_taker taker;
    assert_int_equal(sql_take(&taker,
                              HEAD("integer") "[1]\n{\"error\":{\"sqlstate\":\"22012\",\"detail\":"
                                              "\"division by zero\",\"hint\":\"h\"}}"),
                     ERR_OK);
    assert_true(taker.answer.has_problem);
    assert_string_equal(taker.answer.problem.state, "22012");
    assert_string_equal(taker.answer.problem.detail, "division by zero");
    assert_string_equal(taker.answer.problem.excerpt, "");
    assert_string_equal(taker.answer.problem.hint, "h");
    sql_take_end(&taker);
}

static void sql_lines_that_are_no_answer_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "[1]",                        /* before the columns */
        "x",                          /* not JSON */
        "5",                          /* no line of an answer */
        HEAD("integer") "[1,2]",      /* too many values */
        HEAD("integer") "[]",         /* too few */
        HEAD("integer") "{\"b\":1}",  /* neither row nor end */
        HEAD("text") "[\"\\ud800\"]", /* half a character */
        END "\n" END,                 /* behind the end */
        "{\"columns\":5}",
        "{\"command\":\"SELECT\",\"errors\":-1}",
        "{\"error\":{}}",
        "{}",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sql_taker taker;
        assert_int_equal(sql_take(&taker, rows[i]), ERR_INVALID);
        sql_take_end(&taker);
    }
}

static void sql_answers_stop_when_no_more_is_wanted(void **state)
{
    (void)state;
    struct sql_taker taker;
    assert_int_equal(sql_take(&taker, HEAD("integer")), ERR_OK);
    taker.rows_max = 1;
    assert_int_equal(client_answer_line(&taker.answer, "[1]", 3), ERR_OK);
    assert_int_equal(client_answer_line(&taker.answer, "[2]", 3), ERR_CANCELED);
    sql_take_end(&taker);
}

/* --- Tables --- */

#define SQL_DRAWN_BYTES 16384

/* Rows of two texts as a table; "": null. */
static void sql_draw(char out[SQL_DRAWN_BYTES], bool is_expanded, const char *const (*rows)[2],
                     size_t count, size_t memory_bytes)
{
    struct budget budget;
    struct arena arena;
    struct client_table_column columns[] = {{"id", true, 0}, {"name", false, 0}};
    char *text = NULL;
    size_t length = 0;
    budget_init(&budget, "test", 64 << 20, NULL);
    arena_init(&arena, &budget, 4096, memory_bytes);
    struct client_table table = {
        .out = open_memstream(&text, &length),
        .arena = &arena,
        .is_expanded = is_expanded,
        .columns = columns,
        .columns_count = ARRAY_COUNT(columns),
    };
    for (size_t i = 0; i < count; i++) {
        struct client_table_cell cells[2];
        for (size_t k = 0; k < 2; k++) {
            cells[k] = rows[i][k][0] == '\0'
                           ? (struct client_table_cell){NULL, 0}
                           : (struct client_table_cell){rows[i][k], strlen(rows[i][k])};
        }
        client_table_add(&table, cells);
    }
    client_table_end(&table, true);
    fclose(table.out);
    assert_true(length < SQL_DRAWN_BYTES);
    memcpy(out, text, length + 1);
    free(text);
    arena_deinit(&arena);
    budget_deinit(&budget);
}

static void sql_tables_are_drawn_as_psql_draws_them(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"1", "anchor"}, {"22", ""}, {"", "größe 日本"}};
    char out[SQL_DRAWN_BYTES];
    sql_draw(out, false, rows, 3, 1 << 20);
    assert_string_equal(out, " id |    name\n"
                             "----+------------\n"
                             "  1 | anchor\n"
                             " 22 |\n"
                             "    | größe 日本\n"
                             "(3 rows)\n");
    sql_draw(out, false, rows, 1, 1 << 20);
    assert_string_equal(out, " id |  name\n----+--------\n  1 | anchor\n(1 row)\n");
    sql_draw(out, false, rows, 0, 1 << 20);
    assert_string_equal(out, " id | name\n----+------\n(0 rows)\n");
}

static void sql_tables_can_have_columns_below_each_other(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"1", "anchor"}, {"22", ""}};
    char out[SQL_DRAWN_BYTES];
    sql_draw(out, true, rows, 2, 1 << 20);
    assert_string_equal(out, "-[ RECORD 1 ]----\nid   | 1\nname | anchor\n"
                             "-[ RECORD 2 ]----\nid   | 22\nname |\n");
    sql_draw(out, true, rows, 0, 1 << 20);
    assert_string_equal(out, "(0 rows)\n");
}

static void sql_tables_escape_what_would_break_a_line(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"1", "a\nb\"c\\"}, {"2", "\x1b[31m"}};
    char out[SQL_DRAWN_BYTES];
    sql_draw(out, false, rows, 2, 1 << 20);
    assert_string_equal(out, " id |    name\n"
                             "----+------------\n"
                             "  1 | a\\nb\"c\\\n"
                             "  2 | \\u001b[31m\n"
                             "(2 rows)\n");
}

/* Memory ends, or a thousand rows wait: what is held is written, the rest comes in its columns. */
static void sql_tables_of_many_rows_keep_the_widths_of_the_first(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"1", "a"}, {"2", "a wide one, which did not wait"}};
    char out[SQL_DRAWN_BYTES];
    sql_draw(out, false, rows, 2, 64); /* too little for even one row */
    assert_string_equal(out, " id | name\n"
                             "----+------\n"
                             "  1 | a\n"
                             "  2 | a wide one, which did not wait\n"
                             "(2 rows)\n");
    /* One row more than wait. */
    static const char *many[CLIENT_TABLE_HELD_MAX + 1][2];
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i][0] = "";
        many[i][1] = i < CLIENT_TABLE_HELD_MAX ? "" : "behind those that waited";
    }
    sql_draw(out, false, many, ARRAY_COUNT(many), 1 << 20);
    assert_non_null(strstr(out, "\n    | behind those that waited\n(1001 rows)\n"));
    assert_null(strstr(out, "----------"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_statements_end_at_a_semicolon_outside_quotes),
        cmocka_unit_test(sql_statements_end_where_they_did_with_more_behind),
        cmocka_unit_test(sql_answers_are_columns_rows_and_an_end),
        cmocka_unit_test(sql_answers_may_end_in_an_error),
        cmocka_unit_test(sql_lines_that_are_no_answer_are_refused),
        cmocka_unit_test(sql_answers_stop_when_no_more_is_wanted),
        cmocka_unit_test(sql_tables_are_drawn_as_psql_draws_them),
        cmocka_unit_test(sql_tables_can_have_columns_below_each_other),
        cmocka_unit_test(sql_tables_escape_what_would_break_a_line),
        cmocka_unit_test(sql_tables_of_many_rows_keep_the_widths_of_the_first),
    };
    return cmocka_run_group_tests_name("cli_sql", tests, NULL, NULL);
}
