/* Statements as people write them, from text to rows, against what PostgreSQL 15 answered
 * (sql/answers.txt; sql/record.py asks it again). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/exec/ask.h"

#define SQL_ANSWER_BYTES (1u << 20)
#define SQL_LINES_MAX    8192u

/* Where we answer something else, on purpose. */
static const struct {
    const char *sql;
    const char *ours; /* the answer's first line */
    const char *why;
} sql_differences[] = {
    {"SELECT 1e300::numeric::text", "!22003 value overflows numeric format", "76 digits"},
};

/* A block of answers.txt. */
struct sql_answer {
    char *sql;
    bool is_ordered;
    char *lines[SQL_LINES_MAX]; /* names and types, rows; or the error */
    uint32_t lines_count;
};

static char *sql_line(char **text)
{
    char *line = *text;
    if (*line == '\0') {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end == NULL) {
        *text = line + strlen(line);
        return line;
    }
    *end = '\0';
    *text = end + 1;
    return line;
}

static void sql_lines(struct sql_answer *answer, char *text)
{
    answer->lines_count = 0;
    for (char *line; (line = sql_line(&text)) != NULL;) {
        assert_true(answer->lines_count < SQL_LINES_MAX);
        answer->lines[answer->lines_count++] = line;
    }
}

static bool sql_next(char **text, struct sql_answer *answer)
{
    answer->sql = sql_line(text);
    if (answer->sql == NULL) {
        return false;
    }
    answer->lines_count = 0;
    char *line = sql_line(text);
    answer->is_ordered = strcmp(line, "ordered") == 0;
    if (line[0] == '!') {
        answer->lines[answer->lines_count++] = line;
    }
    while ((line = sql_line(text)) != NULL && strcmp(line, "----") != 0) {
        assert_true(answer->lines_count < SQL_LINES_MAX);
        answer->lines[answer->lines_count++] = line;
    }
    return true;
}

static int sql_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether both cells are doubles as good as equal: sums are taken in another order. */
static bool sql_is_near(const char *a, const char *b)
{
    char *a_end;
    char *b_end;
    double x = strtod(a, &a_end);
    double y = strtod(b, &b_end);
    bool a_is_number = a_end > a && (*a_end == '\0' || *a_end == '\t');
    bool b_is_number = b_end > b && (*b_end == '\0' || *b_end == '\t');
    return a_is_number && b_is_number && fabs(x - y) <= 1e-12 * fabs(y);
}

/* Whether two rows are alike, where `types` has doubles nearly. */
static bool sql_is_row(const char *types, const char *a, const char *b)
{
    while (a != NULL && b != NULL) {
        size_t a_length = strcspn(a, "\t");
        size_t b_length = strcspn(b, "\t");
        size_t type_length = strcspn(types, "\t");
        bool is_equal = a_length == b_length && memcmp(a, b, a_length) == 0;
        bool is_double =
            type_length > 17 && memcmp(types + type_length - 17, " double precision", 17) == 0;
        if (!is_equal && !(is_double && sql_is_near(a, b))) {
            return false;
        }
        a = a[a_length] == '\t' ? a + a_length + 1 : NULL;
        b = b[b_length] == '\t' ? b + b_length + 1 : NULL;
        types += types[type_length] == '\t' ? type_length + 1 : type_length;
    }
    return a == NULL && b == NULL;
}

/* Whether `got` is `want`; else it is told. */
static bool sql_is_answer(struct sql_answer *want, struct sql_answer *got)
{
    if (!want->is_ordered && want->lines_count > 1 && got->lines_count > 1) {
        qsort(want->lines + 1, want->lines_count - 1, sizeof(char *), sql_compare);
        qsort(got->lines + 1, got->lines_count - 1, sizeof(char *), sql_compare);
    }
    uint32_t count = want->lines_count < got->lines_count ? want->lines_count : got->lines_count;
    for (uint32_t i = 0; i < count; i++) {
        bool is_equal = i == 0 ? strcmp(want->lines[0], got->lines[0]) == 0
                               : sql_is_row(want->lines[0], want->lines[i], got->lines[i]);
        if (!is_equal) {
            print_message("%s\n    line %u: %.300s\n    not:    %.300s\n", want->sql, i,
                          got->lines[i], want->lines[i]);
            return false;
        }
    }
    if (want->lines_count != got->lines_count) {
        print_message("%s\n    %u lines, not %u\n", want->sql, got->lines_count, want->lines_count);
        return false;
    }
    return true;
}

/* What we answer on purpose instead, or NULL. */
static const char *sql_ours(const char *sql)
{
    for (size_t i = 0; i < ARRAY_COUNT(sql_differences); i++) {
        if (strcmp(sql_differences[i].sql, sql) == 0) {
            return sql_differences[i].ours;
        }
    }
    return NULL;
}

static void sql_answers_are_postgresqls(void **state)
{
    struct ask ask;
    ask_init(&ask);
    char *text = ask_file(*state, &ask.arena);
    char *buffer = arena_alloc(&ask.arena, SQL_ANSWER_BYTES, 1);
    struct sql_answer *want = arena_alloc(&ask.arena, sizeof(*want), 8);
    struct sql_answer *got = arena_alloc(&ask.arena, sizeof(*got), 8);
    uint32_t count = 0;
    uint32_t wrong_count = 0;
    while (sql_next(&text, want)) {
        count++;
        for (uint32_t way = 0; way < 3; way++) {
            struct chance chance = chance_seed(count * 3 + way);
            struct memory memory = {.chance = &chance,
                                    .batch_max = way == 2 ? 64 : 0,
                                    .is_plain = way == 0,
                                    .fails_at = UINT32_MAX};
            struct bytes_writer w = bytes_writer(buffer, SQL_ANSWER_BYTES - 1);
            ask_sql(&ask, want->sql, strlen(want->sql), &memory, &w);
            assert_int_equal(w.err, ERR_OK);
            buffer[w.pos] = '\0';
            sql_lines(got, buffer);
            const char *ours = sql_ours(want->sql);
            bool is_right =
                ours != NULL ? strcmp(got->lines[0], ours) == 0 : sql_is_answer(want, got);
            if (!is_right) {
                wrong_count++;
                break;
            }
        }
    }
    print_message("covered: %u statements\n", count);
    assert_int_equal(wrong_count, 0);
    assert_true(count >= 280);
    ask_deinit(&ask);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(sql_answers_are_postgresqls,
                                  argc > 1 ? argv[1] : (char *)"answers.txt"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
