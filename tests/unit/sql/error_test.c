/* Mistakes: place to line and column, the excerpt with its caret, sentences that stay in a line. */
#include "views/sql/error.h"

#include <string.h>

#include "tests/support/cmocka.h"

/* A letter sixty times. */
#define ERROR_SIXTY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void error_counts_lines_and_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t pos;
        uint32_t line;
        uint32_t column;
    } rows[] = {
        {"", 0, 1, 1},          {"abc", 0, 1, 1},
        {"abc", 3, 1, 4},       {"a\nb", 2, 2, 1},
        {"a\nb", 3, 2, 2},      {"\n\n", 2, 3, 1},
        {"\xc3\xa9x", 2, 1, 2}, {"\xe6\x97\xa5\n\xe6\x9c\xac!", 7, 2, 2},
        {"a\r\nb", 3, 2, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sql_error error;
        enum err err =
            sql_error_set(&error, SQL_STATE_SYNTAX_ERROR, (struct sql_at){rows[i].pos, 1},
                          rows[i].text, strlen(rows[i].text), "x");
        assert_int_equal(err, ERR_INVALID);
        assert_int_equal(error.line, rows[i].line);
        assert_int_equal(error.column, rows[i].column);
        assert_true(error.at.pos + error.at.length <= strlen(rows[i].text));
    }
}

static void error_excerpt_puts_the_caret_under_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *mark; /* the place: where this first stands; "": the end */
        const char *want;
    } rows[] = {
        {"plain", "SELECT a FORM t", "FORM", "LINE 1: SELECT a FORM t\n                 ^\n"},
        {"the end", "SELECT", "", "LINE 1: SELECT\n              ^\n"},
        {"nothing", "", "", "LINE 1: \n        ^\n"},
        {"its own line", "a\nb X\nc", "X", "LINE 2: b X\n          ^\n"},
        {"a tab is one space", "\ta\tX", "X", "LINE 1:  a X\n           ^\n"},
        {"wide", "\xe6\x97\xa5\xe6\x9c\xac X", "X",
         "LINE 1: \xe6\x97\xa5\xe6\x9c\xac X\n             ^\n"},
        {"an emoji", "\xf0\x9f\x98\x80X", "X", "LINE 1: \xf0\x9f\x98\x80X\n          ^\n"},
        {"a combining mark", "e\xcc\x81X", "X", "LINE 1: e\xcc\x81X\n         ^\n"},
        {"controls", "\x1b[2J\x7f\xc2\x9bX", "X", "LINE 1: ?[2J??X\n              ^\n"},
        {"a turned line", "\xe2\x80\xaeX", "X", "LINE 1: ?X\n         ^\n"},
        {"bytes that are no character", "\xff\xc3X", "X", "LINE 1: ??X\n          ^\n"},
        {"long behind", "X " ERROR_SIXTY " " ERROR_SIXTY, "X",
         "LINE 1: X " ERROR_SIXTY " aaaaaaaaa...\n        ^\n"},
        {"long before", ERROR_SIXTY " " ERROR_SIXTY " X", "X",
         "LINE 1: ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa X\n"
         "                                                           ^\n"},
        {"carriage return", "X\r\n", "X", "LINE 1: X \n        ^\n"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[1024];
        struct sql_error error;
        size_t length = strlen(rows[i].text);
        const char *mark = strstr(rows[i].text, rows[i].mark);
        uint32_t pos = rows[i].mark[0] != '\0' ? (uint32_t)(mark - rows[i].text) : UINT32_MAX;
        sql_error_set(&error, SQL_STATE_SYNTAX_ERROR, (struct sql_at){pos, 1}, rows[i].text, length,
                      "x");
        struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
        sql_error_excerpt(&w, &error, rows[i].text, length);
        assert_int_equal(w.err, ERR_OK);
        out[w.pos] = '\0';
        if (strcmp(out, rows[i].want) != 0) {
            fail_msg("%s:\n%sbut wanted:\n%s", rows[i].name, out, rows[i].want);
        }
    }
}

static void error_sentences_stay_in_their_line(void **state)
{
    (void)state;
    struct sql_error error;
    char wide[600];
    for (size_t i = 0; i + 3 <= sizeof(wide); i += 3) {
        memcpy(wide + i, "\xe6\x97\xa5", 3);
    }
    wide[sizeof(wide) - 1] = '\0';
    sql_error_set(&error, SQL_STATE_FEATURE_NOT_SUPPORTED, (struct sql_at){0, 0}, "", 0,
                  "a\nb\x1b[c %s", "\"x\"");
    assert_string_equal(error.message, "a?b?[c \"x\"");
    sql_error_hint(&error, "%s", wide);
    assert_true(strlen(error.hint) > SQL_ERROR_TEXT_BYTES - 5);
    assert_int_equal(strlen(error.hint) % 3, 0);
    assert_null(strchr(error.hint, '?'));
}

static void error_format_tells_the_whole_of_it_or_as_much_as_fits(void **state)
{
    (void)state;
    static const char text[] = "SELECT * FORM t";
    static const char whole[] = "42601 syntax error (line 1, column 10)\n"
                                "LINE 1: SELECT * FORM t\n"
                                "                 ^\n"
                                "HINT: Did you mean FROM?\n";
    char out[SQL_ERROR_FORMAT_BYTES];
    struct sql_error error;
    sql_error_set(&error, SQL_STATE_SYNTAX_ERROR, (struct sql_at){9, 4}, text, strlen(text),
                  "syntax error");
    sql_error_hint(&error, "Did you mean %s?", "FROM");
    assert_int_equal(sql_error_format(&error, text, strlen(text), out, sizeof(out)), strlen(whole));
    assert_string_equal(out, whole);
    for (size_t bytes = 1; bytes < sizeof(whole); bytes++) {
        size_t length = sql_error_format(&error, text, strlen(text), out, bytes);
        assert_true(length < bytes);
        assert_int_equal(strlen(out), length);
        assert_memory_equal(out, whole, length);
    }
}

static void error_of_any_code_and_without_a_place(void **state)
{
    (void)state;
    static const char text[] = "SELECT 1/0";
    char out[SQL_ERROR_FORMAT_BYTES];
    struct sql_error error;
    sql_error_set_code(&error, "57014", (struct sql_at){8, 1}, text, strlen(text), "%s by zero",
                       "division");
    assert_int_equal(error.state, SQL_STATE_OTHER);
    sql_error_format(&error, text, strlen(text), out, sizeof(out));
    assert_string_equal(out, "57014 division by zero (line 1, column 9)\nLINE 1: SELECT 1/0\n"
                             "                ^\n");
    sql_error_set_code(&error, "53200", SQL_AT_NONE, text, strlen(text), "out of memory");
    assert_int_equal(error.state, SQL_STATE_OUT_OF_MEMORY); /* the table has it */
    assert_int_equal(error.line + error.column, 0);
    sql_error_hint(&error, "Wait.");
    sql_error_format(&error, text, strlen(text), out, sizeof(out));
    assert_string_equal(out, "53200 out of memory\nHINT: Wait.\n");
    sql_error_clear(&error);
    assert_string_equal(error.code, "00000");
}

static void error_states_have_codes(void **state)
{
    (void)state;
    for (int i = SQL_STATE_NONE; i < SQL_STATE_COUNT; i++) {
        assert_int_equal(strlen(sql_state_code((enum sql_state)i)), 5);
        assert_int_equal(sql_state_err((enum sql_state)i) == ERR_OK, i == SQL_STATE_NONE);
    }
    assert_string_equal(sql_state_code(SQL_STATE_FEATURE_NOT_SUPPORTED), "0A000");
    assert_int_equal(sql_state_err(SQL_STATE_STATEMENT_TOO_COMPLEX), ERR_TOO_LARGE);
    expect_assert_failure(sql_state_code(SQL_STATE_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_counts_lines_and_characters),
        cmocka_unit_test(error_excerpt_puts_the_caret_under_the_place),
        cmocka_unit_test(error_sentences_stay_in_their_line),
        cmocka_unit_test(error_format_tells_the_whole_of_it_or_as_much_as_fits),
        cmocka_unit_test(error_of_any_code_and_without_a_place),
        cmocka_unit_test(error_states_have_codes),
    };
    return cmocka_run_group_tests_name("sql_error", tests, NULL, NULL);
}
