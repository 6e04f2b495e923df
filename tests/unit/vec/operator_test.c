/* Operators and casts over columns: what PostgreSQL answered (tests/golden/values/operator.txt),
 * for every form of column and any selection of rows. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/vec/answers.h"

static int operator_setup(void **state)
{
    static struct answers answers;
    answers_open(&answers, "operator");
    *state = &answers;
    return 0;
}

static int operator_teardown(void **state)
{
    answers_close(*state);
    return 0;
}

static void operators_of_constants_answer_as_postgresql(void **state)
{
    answers_check_constants(*state);
}

static void operators_of_columns_answer_the_same_in_every_form(void **state)
{
    answers_check_columns(*state);
}

/* The files of operators and casts. */
static void every_operator_and_cast_is_recorded(void **state)
{
    static const char *const names[] = {"+",   "-",    "*",    "/",     "%",    "^",
                                        "&",   "|",    "#",    "~",     "<<",   ">>",
                                        "@",   "|/",   "||/",  "||",    "=",    "<>",
                                        "<",   "<=",   ">",    ">=",    "~~",   "!~~",
                                        "~~*", "!~~*", "like", "ilike", "cast", "numeric_declare"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct vec_function *function;
        size_t count = vec_functions(names[i], strlen(names[i]), &function);
        assert_true(count > 0);
        for (size_t row = 0; row < count; row++) {
            if (!answers_has(*state, &function[row])) {
                fail_msg("%s(%s, ...) is not recorded", names[i],
                         vec_kind_name((enum vec_kind)function[row].args[0]));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_of_constants_answer_as_postgresql),
        cmocka_unit_test(operators_of_columns_answer_the_same_in_every_form),
        cmocka_unit_test(every_operator_and_cast_is_recorded),
    };
    return cmocka_run_group_tests(tests, operator_setup, operator_teardown);
}
