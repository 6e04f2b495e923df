/* Our parser against PostgreSQL 15: what pg_record.py wrote down of it, and the records of
 * sqllogictest. Whatever is accepted is printed and read again as well. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/skip.h"
#include "views/sql/parse.h"
#include "views/sql/print.h"

/* The longest line of a record, and the longest statement of sqllogictest. */
#define ORACLE_TEXT_BYTES_MAX 16384

/* A parse with its memory. */
struct oracle {
    struct budget budget;   /* of the arena */
    struct arena arena;     /* of the tree */
    struct sql_error error; /* of the last parse */
};

/* Where we differ from PostgreSQL, and why. */
struct oracle_difference {
    const char *pattern; /* of the statement, as for fnmatch */
    const char *reason;  /* why it is so */
};

static const struct oracle_difference oracle_differences[] = {
    {"* ; *", "PostgreSQL speaks of a prepared statement"},
    {"-- only a comment", "a text without a statement is no statement"},
    {"/\\* only a comment \\*/", "a text without a statement is no statement"},
    {"*[a-z] . \\* *", "a star has no name to give, and is no operand"},
    {"*[a-z].\\* *", "a star has no name to give, and is no operand"},
    {"SELECT order *", "a reserved word as a name is shown itself, with a hint"},
    {"SELECT LIMIT *", "a reserved word as a name is shown itself, with a hint"},
    {"SELECT * AND FROM t", "an operator's word is no label without AS"},
    {"SELECT date IS , *", "an operator's word is no label without AS"},
    {"* FROM ( VALUES [a-z]*", "VALUES in parentheses begins rows"},
    {"EXPLAIN ( FORMAT FORMAT *", "the value of an option is looked at when it is read"},
};

static void oracle_init(struct oracle *o)
{
    budget_init(&o->budget, "test", 64u << 20, NULL);
    arena_init(&o->arena, &o->budget, 16384, 64u << 20);
}

static void oracle_deinit(struct oracle *o)
{
    arena_deinit(&o->arena);
    budget_deinit(&o->budget);
}

static bool oracle_differs(const char *sql)
{
    for (size_t i = 0; i < ARRAY_COUNT(oracle_differences); i++) {
        if (fnmatch(oracle_differences[i].pattern, sql, 0) == 0) {
            return true;
        }
    }
    return false;
}

/* Undo pg_record.py's escapes, in place. */
static void oracle_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\\' && from[1] != '\0') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from == 'r' ? '\r' : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Parse the statement again that `stmt` prints as, and assert that it prints the same. */
static void oracle_print_again(struct oracle *o, const char *sql, const struct sql_stmt *stmt)
{
    static char first[4 * ORACLE_TEXT_BYTES_MAX], second[4 * ORACLE_TEXT_BYTES_MAX];
    struct sql_stmt *again;
    struct bytes_writer w = bytes_writer(first, SQL_PRINT_BYTES_MAX(strlen(sql)));
    sql_print_stmt(&w, stmt);
    assert_int_equal(w.err, ERR_OK);
    if (sql_parse(first, w.pos, &o->arena, &again, &o->error) != ERR_OK) {
        fail_msg("%s\nprints as\n%.*s\nwhich is: %s", sql, (int)w.pos, first, o->error.message);
    }
    struct bytes_writer w2 = bytes_writer(second, sizeof(second));
    sql_print_stmt(&w2, again);
    if (w.pos != w2.pos || memcmp(first, second, w.pos) != 0) {
        fail_msg("%s\nprints as\n%.*s\nand then\n%.*s", sql, (int)w.pos, first, (int)w2.pos,
                 second);
    }
}

/* Our answer to `sql`, beside PostgreSQL's. True: they agree; a statement that we refuse by its
 * name agrees with both. */
static bool oracle_agrees(struct oracle *o, const char *sql, bool is_right, const char *message,
                          unsigned place)
{
    struct sql_stmt *stmt;
    size_t length = strlen(sql);
    enum err err = sql_parse(sql, length, &o->arena, &stmt, &o->error);
    if (err == ERR_OK) {
        oracle_print_again(o, sql, stmt);
        return is_right;
    }
    if (err == ERR_UNSUPPORTED) {
        assert_true(o->error.hint[0] != '\0' || o->error.message[0] != '\0');
        return true;
    }
    unsigned chars_count = 1;
    for (uint32_t i = 0; i < o->error.at.pos; i++) {
        chars_count += ((unsigned char)sql[i] & 0xc0) != 0x80;
    }
    return !is_right && strcmp(o->error.message, message) == 0 &&
           (place == 0 || place == chars_count);
}

/* The text at *rest up to a tab, which becomes its end; *rest = what follows. */
static char *oracle_field(char **rest)
{
    char *field = *rest;
    size_t length = strcspn(field, "\t");
    *rest = field[length] != '\0' ? field + length + 1 : field + length;
    field[length] = '\0';
    return field;
}

static FILE *oracle_open(const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/sql/%s", skip_repo_root(), name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    return file;
}

static void statements_are_accepted_and_refused_as_by_postgresql(void **state)
{
    (void)state;
    static char line[ORACLE_TEXT_BYTES_MAX];
    unsigned lines_count = 0, wrong_count = 0, served_count = 0;
    FILE *file = oracle_open("answers.txt");
    while (fgets(line, sizeof(line), file) != NULL) {
        struct oracle o;
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        bool is_right = strcmp(oracle_field(&rest), "right") == 0;
        unsigned place = (unsigned)strtoul(oracle_field(&rest), NULL, 10);
        char *message = oracle_field(&rest);
        oracle_unescape(message);
        oracle_unescape(rest);
        oracle_init(&o);
        bool agrees = oracle_agrees(&o, rest, is_right, message, place);
        served_count += o.error.state == SQL_STATE_NONE;
        if (!agrees && !oracle_differs(rest)) {
            wrong_count++;
            print_error("%s\n  PostgreSQL: %s at %u\n  ours: %s at %u\n", rest,
                        is_right ? "right" : message, place,
                        o.error.state != SQL_STATE_NONE ? o.error.message : "right",
                        o.error.column);
        }
        lines_count++;
        oracle_deinit(&o);
    }
    fclose(file);
    print_message("%u statements, %u of them served\n", lines_count, served_count);
    assert_int_equal(wrong_count, 0);
    assert_true(lines_count >= 1000);
}

/* The canonical text of the expression `text` in `out`; false: it is none. */
static bool oracle_expr(struct oracle *o, const char *text, char *out, size_t out_bytes)
{
    struct sql_expr *expr;
    if (sql_parse_expression(text, strlen(text), &o->arena, &expr, &o->error) != ERR_OK) {
        return false;
    }
    struct bytes_writer w = bytes_writer(out, out_bytes - 1);
    sql_print_expr(&w, expr);
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    return true;
}

static void operators_bind_as_in_postgresql(void **state)
{
    (void)state;
    static char line[ORACLE_TEXT_BYTES_MAX], ours[ORACLE_TEXT_BYTES_MAX],
        theirs[ORACLE_TEXT_BYTES_MAX];
    unsigned lines_count = 0, wrong_count = 0;
    FILE *file = oracle_open("precedence.txt");
    while (fgets(line, sizeof(line), file) != NULL) {
        struct oracle o;
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        const char *text = oracle_field(&rest);
        oracle_init(&o);
        bool is_right = oracle_expr(&o, text, ours, sizeof(ours));
        unsigned column = is_right ? 0 : o.error.column;
        bool agrees = rest[0] == '!' ? !is_right && column == (unsigned)strtoul(rest + 1, NULL, 10)
                                     : is_right && oracle_expr(&o, rest, theirs, sizeof(theirs)) &&
                                           strcmp(ours, theirs) == 0;
        if (!agrees) {
            wrong_count++;
            print_error("%s\n  PostgreSQL: %s\n  ours: %s (%u)\n", text, rest,
                        is_right ? ours : o.error.message, column);
        }
        lines_count++;
        oracle_deinit(&o);
    }
    fclose(file);
    print_message("%u expressions\n", lines_count);
    assert_int_equal(wrong_count, 0);
    assert_true(lines_count >= 1000);
}

/* What a record of sqllogictest says. */
struct oracle_record {
    char sql[ORACLE_TEXT_BYTES_MAX]; /* its statement, a line a line; "": no record */
    bool is_ours;                    /* no skipif or onlyif of another dialect, no error wanted */
};

/* *record = the next one of `file`. False: there is none. */
static bool oracle_next_record(FILE *file, struct oracle_record *record)
{
    static char line[ORACLE_TEXT_BYTES_MAX];
    size_t length = 0;
    bool is_sql = false, is_any = false;
    record->is_ours = true;
    record->sql[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        is_any = true;
        bool is_empty = line[0] == '\n' || line[0] == '\r';
        if (is_empty || strncmp(line, "----", 4) == 0) {
            is_sql = false;
            if (is_empty) {
                return true;
            }
        } else if (strncmp(line, "onlyif ", 7) == 0) {
            record->is_ours = record->is_ours && strncmp(line + 7, "postgresql", 10) == 0;
        } else if (strncmp(line, "skipif ", 7) == 0) {
            record->is_ours = record->is_ours && strncmp(line + 7, "postgresql", 10) != 0;
        } else if (strncmp(line, "query", 5) == 0 || strncmp(line, "statement", 9) == 0) {
            record->is_ours = record->is_ours && strncmp(line, "statement error", 15) != 0;
            is_sql = true;
        } else if (is_sql) {
            size_t line_length = strlen(line);
            assert_true(length + line_length < sizeof(record->sql));
            memcpy(record->sql + length, line, line_length + 1);
            length += line_length;
        }
    }
    return is_any;
}

/* Whether a statement has a form that SQLite alone takes. */
static bool oracle_is_sqlite(const char *sql)
{
    return strstr(sql, "IN ()") != NULL || strstr(sql, "NOT INDEXED") != NULL ||
           strstr(sql, "x NOT NULL ORDER") != NULL;
}

static void oracle_read_records(const char *path, unsigned counts[2])
{
    static struct oracle_record record;
    unsigned wrong_count = 0;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while (oracle_next_record(file, &record)) {
        struct oracle o;
        struct sql_stmt *stmt;
        if (record.sql[0] == '\0' || !record.is_ours) {
            continue;
        }
        oracle_init(&o);
        enum err err = sql_parse(record.sql, strlen(record.sql), &o.arena, &stmt, &o.error);
        if (err == ERR_OK) {
            oracle_print_again(&o, record.sql, stmt);
        } else if (err != ERR_UNSUPPORTED && !oracle_is_sqlite(record.sql)) {
            wrong_count++;
            print_error("%s: %s: %s\n", path, record.sql, o.error.message);
        }
        counts[err == ERR_OK]++;
        oracle_deinit(&o);
    }
    fclose(file);
    assert_int_equal(wrong_count, 0);
}

static void sqllogictest_parses_or_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"in1",     "in2",     "select1",
                                        "select2", "select3", "slt_lang_aggfunc"};
    unsigned counts[2] = {0, 0};
    const char *data = skip_without_data("sqllogictest_parses_or_is_refused_by_name");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/sqllogictest/%s.test", data, names[i]);
        oracle_read_records(path, counts);
    }
    print_message("%u records read, %u refused by name\n", counts[1], counts[0]);
    assert_true(counts[1] >= 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_accepted_and_refused_as_by_postgresql),
        cmocka_unit_test(operators_bind_as_in_postgresql),
        cmocka_unit_test(sqllogictest_parses_or_is_refused_by_name),
    };
    return cmocka_run_group_tests_name("sql_oracle", tests, NULL, NULL);
}
