/* Plans that are kept: found again, forgotten in the order of their use, alive while somebody runs
 * them. */
#include "broker/core/plans.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"

/* A cache of its own memory. */
struct plans_bench {
    struct budget budget;
    struct core_plans plans;
};

static void plans_open(struct plans_bench *b, size_t bytes_max)
{
    budget_init(&b->budget, "test", 64 << 20, NULL);
    assert_int_equal(core_plans_init(&b->plans, &b->budget, bytes_max, 7), ERR_OK);
}

static void plans_close(struct plans_bench *b)
{
    core_plans_deinit(&b->plans);
    assert_int_equal(b->budget.used_bytes, 0);
    budget_deinit(&b->budget);
}

/* Keep a plan of so many bytes under `key`, held by nobody. */
static void plans_put(struct plans_bench *b, const char *key, size_t bytes)
{
    struct core_plan *plan = core_plans_new(&b->plans);
    assert_non_null(plan);
    assert_non_null(arena_alloc(&plan->arena, bytes, 1));
    plan->version = (uint64_t)bytes;
    core_plans_keep(&b->plans, plan, key, strlen(key));
    core_plans_unref(&b->plans, plan);
}

static bool plans_has(struct plans_bench *b, const char *key)
{
    struct core_plan *plan = core_plans_find(&b->plans, key, strlen(key));
    if (plan != NULL) {
        core_plans_unref(&b->plans, plan);
    }
    return plan != NULL;
}

static void a_plan_is_found_by_its_whole_key(void **state)
{
    (void)state;
    struct plans_bench b;
    plans_open(&b, 1 << 20);
    plans_put(&b, "SELECT 1", 10);
    assert_true(plans_has(&b, "SELECT 1"));
    assert_false(plans_has(&b, "SELECT 10"));
    assert_false(plans_has(&b, "SELECT "));
    assert_false(plans_has(&b, ""));
    assert_int_equal(b.plans.hits_count, 1);
    assert_int_equal(b.plans.misses_count, 3);
    plans_close(&b);
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    struct plans_bench b;
    plans_open(&b, 40000); /* chunks of 4 KiB */
    for (char key[2] = "a"; key[0] <= 'h'; key[0]++) {
        plans_put(&b, key, 3000);
    }
    assert_true(plans_has(&b, "a"));
    plans_put(&b, "i", 3000);
    plans_put(&b, "j", 3000);
    assert_true(b.plans.bytes <= 40000);
    assert_true(plans_has(&b, "a"));
    assert_false(plans_has(&b, "b"));
    assert_true(plans_has(&b, "j"));
    plans_close(&b);
}

static void so_many_are_kept(void **state)
{
    (void)state;
    struct plans_bench b;
    char key[32];
    plans_open(&b, 64 << 20);
    for (uint32_t i = 0; i < CORE_PLANS_MAX + 100; i++) {
        snprintf(key, sizeof(key), "SELECT %u", i);
        plans_put(&b, key, 10);
    }
    assert_int_equal(b.plans.count, CORE_PLANS_MAX);
    assert_false(plans_has(&b, "SELECT 99"));
    assert_true(plans_has(&b, "SELECT 100"));
    plans_close(&b);
}

static void one_that_runs_lives_when_it_is_forgotten(void **state)
{
    (void)state;
    struct plans_bench b;
    plans_open(&b, 1 << 20);
    plans_put(&b, "a", 77);
    struct core_plan *plan = core_plans_find(&b.plans, "a", 1);
    core_plans_drop(&b.plans, plan);
    core_plans_drop(&b.plans, plan);
    assert_false(plans_has(&b, "a"));
    plans_put(&b, "a", 88);
    assert_int_equal(plan->version, 77);
    core_plans_unref(&b.plans, plan);
    plan = core_plans_find(&b.plans, "a", 1);
    assert_int_equal(plan->version, 88);
    core_plans_forget(&b.plans);
    assert_int_equal(b.plans.count, 0);
    assert_int_equal(plan->version, 88);
    core_plans_unref(&b.plans, plan);
    plans_close(&b);
}

static void a_large_one_is_not_kept(void **state)
{
    (void)state;
    struct plans_bench b;
    plans_open(&b, 10 << 20);
    plans_put(&b, "small", 1000);
    plans_put(&b, "large", CORE_PLAN_BYTES_MAX);
    assert_false(plans_has(&b, "large"));
    assert_true(plans_has(&b, "small"));
    plans_close(&b);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    struct plans_bench b;
    plans_open(&b, 1 << 20);
    plans_put(&b, "a", 10);
    budget_set_limit(&b.budget, b.budget.used_bytes);
    struct core_plan *made[64];
    uint32_t count = 0;
    while (count < 64 && (made[count] = core_plans_new(&b.plans)) != NULL) {
        assert_null(arena_alloc(&made[count]->arena, 5000, 1));
        core_plans_keep(&b.plans, made[count], "b", 1); /* not even its key can be */
        count++;
    }
    assert_false(plans_has(&b, "b"));
    assert_true(plans_has(&b, "a"));
    while (count > 0) {
        core_plans_unref(&b.plans, made[--count]);
    }
    plans_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_found_by_its_whole_key),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(so_many_are_kept),
        cmocka_unit_test(one_that_runs_lives_when_it_is_forgotten),
        cmocka_unit_test(a_large_one_is_not_kept),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests_name("core_plans", tests, NULL, NULL);
}
