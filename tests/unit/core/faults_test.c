/* What failed, counted, and where the first of it stands: the same in whatever order it is told. */
#include "broker/core/faults.h"

#include <string.h>

#include "base/list.h"
#include "tests/support/cmocka.h"

static const struct core_faults places[] = {{1, 12, 0}, {1, 3, 2}, {1, 700, 0}, {1, 12, 0}};

static void the_first_is_the_one_of_the_lowest_partition_and_offset(void **state)
{
    (void)state;
    for (size_t begin = 0; begin < ARRAY_COUNT(places); begin++) {
        struct core_faults a = {0};
        struct core_faults b = {0};
        for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
            const struct core_faults *at = &places[(begin + i) % ARRAY_COUNT(places)];
            core_faults_add(i % 2 == 0 ? &a : &b, at->partition, at->offset);
        }
        core_faults_join(&a, &b);
        core_faults_join(&a, &(struct core_faults){0});
        assert_int_equal(a.count, 4);
        assert_int_equal(a.partition, 0);
        assert_int_equal(a.offset, 12);
    }
}

static void faults_are_told_in_a_sentence(void **state)
{
    (void)state;
    static const struct {
        struct core_faults faults;
        const char *why;
        const char *want;
    } rows[] = {
        {{0}, "", ""},
        {{0}, "it lags", "it lags"},
        {{1, 12, 3}, "", "1 value or row failed, at partition 3, offset 12"},
        {{3, 12, 0}, "", "3 values or rows failed, the first at partition 0, offset 12"},
        {{3, 12, 0},
         "it lags",
         "it lags; 3 values or rows failed, the first at partition 0, offset 12"},
        {{UINT64_MAX, UINT64_MAX, UINT32_MAX},
         "",
         "18446744073709551615 values or rows failed, the first at partition 4294967295, offset "
         "18446744073709551615"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[160 + CORE_FAULTS_BYTES];
        core_faults_why(&rows[i].faults, rows[i].why, text, sizeof(text));
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_one_of_the_lowest_partition_and_offset),
        cmocka_unit_test(faults_are_told_in_a_sentence),
    };
    return cmocka_run_group_tests_name("core_faults", tests, NULL, NULL);
}
