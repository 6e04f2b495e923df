/* The assertion family: what stops, what does not. */
#include "base/assert.h"

#include "tests/support/cmocka.h"

static void assert_fails_on_false_and_passes_on_true(void **state)
{
    (void)state;
    int lines_count = 2;
    ASSERT(lines_count == 2);
    expect_assert_failure(ASSERT(lines_count == 3));
}

static void assert_evaluates_its_expression_once(void **state)
{
    (void)state;
    int calls_count = 0;
    ASSERT(++calls_count > 0);
    assert_int_equal(calls_count, 1);
}

static void assert_implies_is_false_only_for_true_and_false(void **state)
{
    (void)state;
    static const struct {
        bool a, b, want;
    } rows[] = {
        {false, false, true}, {false, true, true}, {true, false, false}, {true, true, true}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(IMPLIES(rows[i].a, rows[i].b), rows[i].want);
    }
}

static void assert_maybe_evaluates_nothing(void **state)
{
    (void)state;
    int calls_count = 0;
    MAYBE(++calls_count > 0);
    assert_int_equal(calls_count, 0);
}

static void assert_unreachable_fails_when_reached(void **state)
{
    (void)state;
    expect_assert_failure(UNREACHABLE());
}

static void assert_verify_is_on_in_test_builds(void **state)
{
    (void)state;
    int lines_count = 2;
    expect_assert_failure(VERIFY(lines_count == 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assert_fails_on_false_and_passes_on_true),
        cmocka_unit_test(assert_evaluates_its_expression_once),
        cmocka_unit_test(assert_implies_is_false_only_for_true_and_false),
        cmocka_unit_test(assert_maybe_evaluates_nothing),
        cmocka_unit_test(assert_unreachable_fails_when_reached),
        cmocka_unit_test(assert_verify_is_on_in_test_builds),
    };
    return cmocka_run_group_tests_name("base_assert", tests, NULL, NULL);
}
