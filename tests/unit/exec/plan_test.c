/* Plans as they run: whatever the batches, the rows are those of a naive twin; whatever the memory,
 * it is given back. */
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/exec/check.h"

static void exec_gives_what_a_naive_twin_gives(void **state)
{
    (void)state;
    struct share share = share_open("plans against a twin", 45);
    uint64_t rows_count = 0;
    uint64_t failed_count = 0;
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        check_init(&check, &chance, &chance, 3000);
        for (uint32_t i = 0; i < 3; i++) {
            struct memory memory = {.chance = &chance,
                                    .batch_max = i == 0 ? 0 : 1 + chance_size(&chance, 2047),
                                    .is_plain = i == 0,
                                    .fails_at = UINT32_MAX};
            struct check_run run;
            check_run(&check, &memory, SIZE_MAX / 2, UINT64_MAX, &run);
            if (run.wrong[0] != '\0' || run.is_refused) {
                fail_msg("seed %zu: %s", (size_t)share_case_seed(&share), run.wrong);
            }
            rows_count += run.rows_count;
            failed_count += run.is_failed;
        }
        check_deinit(&check);
    }
    share_close(&share);
    print_message("covered: %zu rows, %zu runs failed as they should\n", (size_t)rows_count,
                  (size_t)failed_count);
}

static void exec_refuses_memory_and_gives_it_back(void **state)
{
    (void)state;
    struct share share = share_open("memory refused", 25);
    uint64_t refused_count = 0;
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        check_init(&check, &chance, &chance, 2500);
        struct memory memory = {.chance = &chance, .fails_at = UINT32_MAX};
        struct check_run run;
        check_run(&check, &memory, SIZE_MAX / 2, UINT64_MAX, &run);
        size_t peak_bytes = run.peak_bytes;
        for (uint32_t i = 0; i < 12; i++) {
            struct memory again = {.chance = &chance, .fails_at = UINT32_MAX};
            size_t budget_bytes = (size_t)prng_below(&chance.rng, peak_bytes + 1);
            check_run(&check, &again, budget_bytes, UINT64_MAX, &run);
            if (run.wrong[0] != '\0') {
                fail_msg("seed %zu: %s", (size_t)share_case_seed(&share), run.wrong);
            }
            refused_count += run.is_refused;
        }
        check_deinit(&check);
    }
    share_close(&share);
    assert_true(refused_count > 0);
}

static void exec_is_closed_at_any_point(void **state)
{
    (void)state;
    struct share share = share_open("closed in the middle", 15);
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        check_init(&check, &chance, &chance, 2000);
        for (uint32_t i = 0; i < 6; i++) {
            struct memory memory = {.chance = &chance, .batch_max = 100, .fails_at = UINT32_MAX};
            struct check_run run;
            check_run(&check, &memory, SIZE_MAX / 2, chance_size(&chance, 40), &run);
            assert_string_equal(run.wrong, "");
        }
        check_deinit(&check);
    }
    share_close(&share);
}

static void exec_passes_failures_of_sources_on(void **state)
{
    (void)state;
    struct share share = share_open("sources that fail", 10);
    while (share_more(&share)) {
        struct chance chance = chance_seed(share_case_seed(&share));
        struct check check;
        check_init(&check, &chance, &chance, 1000);
        struct memory memory = {.chance = &chance,
                                .fails_at = chance_size(&chance, 1000),
                                .fails_to_open = chance_is(&chance, 5)};
        struct check_run run;
        check_run(&check, &memory, SIZE_MAX / 2, UINT64_MAX, &run);
        assert_string_equal(run.wrong, "");
        if (memory.fails_to_open && check.plan.root->input != NULL) {
            assert_true(run.is_failed || memory.opened_count == 0);
        }
        check_deinit(&check);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec_gives_what_a_naive_twin_gives),
        cmocka_unit_test(exec_refuses_memory_and_gives_it_back),
        cmocka_unit_test(exec_is_closed_at_any_point),
        cmocka_unit_test(exec_passes_failures_of_sources_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
