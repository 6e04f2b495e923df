/* Functions over columns: what PostgreSQL answered (tests/golden/values/functions.txt), for every
 * form of column and any selection of rows; and the time of a statement. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/vec/answers.h"

static int library_setup(void **state)
{
    static struct answers answers;
    answers_open(&answers, "functions");
    *state = &answers;
    return 0;
}

static int library_teardown(void **state)
{
    answers_close(*state);
    return 0;
}

static void functions_of_constants_answer_as_postgresql(void **state)
{
    answers_check_constants(*state);
}

static void functions_of_columns_answer_the_same_in_every_form(void **state)
{
    answers_check_columns(*state);
}

static bool library_is_among(const char *name, const char *const *names, size_t count)
{
    bool is_among = false;
    for (size_t i = 0; i < count; i++) {
        is_among = is_among || strcmp(names[i], name) == 0;
    }
    return is_among;
}

/* But for those of the time of a statement, exponentials and logarithms of NUMERIC, and what the
 * suite of operators asks. */
static void every_function_is_recorded(void **state)
{
    static const char *const logarithms[] = {"exp", "ln", "log", "log10"};
    static const char *const signs[] = {"->", "->>", "<@", "?", "@>", "^@"};
    static const char *const others[] = {"cast", "like", "ilike", "numeric_declare"};
    const struct vec_function *row;
    size_t count = 0;
    for (size_t i = 0; (row = vec_function_at(i)) != NULL; i++) {
        bool is_operator = row->name[0] < 'a' || row->name[0] > 'z';
        if (row->is_stable || library_is_among(row->name, others, 4) ||
            (is_operator && !library_is_among(row->name, signs, 6)) ||
            (row->args[0] == VEC_NUMERIC && library_is_among(row->name, logarithms, 4))) {
            continue;
        }
        if (!answers_has(*state, row)) {
            fail_msg("%s(%s, ...) is not recorded", row->name,
                     vec_kind_name((enum vec_kind)row->args[0]));
        }
        count++;
    }
    assert_true(count > 150);
}

static void library_check_call(struct forms *f, const char *name, const struct vec_value *arg,
                               const uint8_t *kinds, uint32_t args_count, const char *want)
{
    struct vec_vector column;
    struct vec_vector out;
    struct vec_value value;
    struct forms_answer answer;
    struct vec_batch batch = {.columns = &column, .columns_count = args_count, .rows_count = 2};
    const struct vec_function *function =
        vec_function_find(name, strlen(name), kinds, args_count, VEC_NONE);
    assert_non_null(function);
    if (args_count > 0) {
        vec_constant(vec_type((enum vec_kind)kinds[0]), arg, &column);
    }
    if (vec_eval(&f->ev, forms_call(f, function, kinds, args_count), &batch,
                 (struct vec_selection){.count = 2}, &out)) {
        vec_get(&out, 1, &value);
        forms_answer_value(f, vec_type((enum vec_kind)function->result), &value, &answer);
    } else {
        forms_answer_failure(f, &answer);
    }
    assert_int_equal(answer.length, strlen(want));
    assert_memory_equal(answer.text, want, answer.length);
}

static void the_time_is_that_of_the_statement(void **state)
{
    static const struct {
        const char *name;
        int32_t digits; /* negative: no argument */
        int64_t now_us;
        const char *want; /* as PostgreSQL casts that time to timestamptz(digits) */
    } rows[] = {
        {"now", -1, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"current_timestamp", -1, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"statement_timestamp", -1, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"transaction_timestamp", -1, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"localtimestamp", -1, 636379200123456, "=2020-03-01 12:00:00.123456"},
        {"current_date", -1, 636379200123456, "=2020-03-01"},
        {"current_date", -1, -1, "=1999-12-31"},
        {"current_timestamp", 0, 636379200500000, "=2020-03-01 12:00:01+00"},
        {"current_timestamp", 3, 636379200123456, "=2020-03-01 12:00:00.123+00"},
        {"current_timestamp", 4, 636379200123450, "=2020-03-01 12:00:00.1235+00"},
        {"current_timestamp", 6, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"current_timestamp", 9, 636379200123456, "=2020-03-01 12:00:00.123456+00"},
        {"localtimestamp", 1, -250000, "=1999-12-31 23:59:59.7"},
        {"localtimestamp", 1, -249999, "=1999-12-31 23:59:59.8"},
    };
    struct answers *a = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const uint8_t kinds[] = {VEC_INTEGER};
        struct vec_value digits = {.u.int4 = rows[i].digits};
        a->f.ev.now_us = rows[i].now_us;
        library_check_call(&a->f, rows[i].name, &digits, kinds, rows[i].digits >= 0, rows[i].want);
    }
}

static void logarithms_of_numeric_are_refused(void **state)
{
    static const char *const names[] = {"exp", "ln", "log", "log10"};
    static const uint8_t kinds[] = {VEC_NUMERIC};
    struct answers *a = *state;
    struct vec_value two = {.u.numeric = vec_numeric_from_int8(2)};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        library_check_call(&a->f, names[i], &two, kinds, 1,
                           "!0A000 exponentials and logarithms of numeric are not served: use "
                           "double precision");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_constants_answer_as_postgresql),
        cmocka_unit_test(functions_of_columns_answer_the_same_in_every_form),
        cmocka_unit_test(every_function_is_recorded),
        cmocka_unit_test(the_time_is_that_of_the_statement),
        cmocka_unit_test(logarithms_of_numeric_are_refused),
    };
    return cmocka_run_group_tests(tests, library_setup, library_teardown);
}
