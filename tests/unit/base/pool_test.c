/* The pool: zeroed objects, its bound, and releases that are bugs. */
#include "base/pool.h"

#include <string.h>

#include "base/asan.h"
#include "base/assert.h"
#include "tests/fuzz/pool_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

/* A pool with a budget of its own. */
struct fixture {
    struct budget budget;
    struct pool pool;
};

static void fixture_init(struct fixture *f, size_t object_bytes, size_t align, uint32_t capacity)
{
    budget_init(&f->budget, "operations", 1u << 20, NULL);
    pool_init(&f->pool, &f->budget, object_bytes, align, capacity);
}

static void fixture_deinit(struct fixture *f)
{
    pool_deinit(&f->pool);
    budget_deinit(&f->budget);
}

static void *acquire(struct fixture *f)
{
    void *object;
    assert_int_equal(pool_acquire(&f->pool, &object), ERR_OK);
    return object;
}

static void pool_gives_zeroed_aligned_objects(void **state)
{
    (void)state;
    static const struct {
        size_t bytes, align;
    } rows[] = {{1, 1}, {24, 8}, {100, 16}, {64, 64}, {4096, 4096}, {40000, 8}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture f;
        fixture_init(&f, rows[i].bytes, rows[i].align, 5);
        for (int round = 0; round < 3; round++) {
            uint8_t *objects[5];
            for (size_t j = 0; j < 5; j++) {
                objects[j] = acquire(&f);
                assert_true((uintptr_t)objects[j] % rows[i].align == 0);
                for (size_t pos = 0; pos < rows[i].bytes; pos++) {
                    assert_int_equal(objects[j][pos], 0);
                }
                memset(objects[j], 0xff, rows[i].bytes);
            }
            for (size_t j = 0; j < 5; j++) {
                pool_release(&f.pool, objects[j]);
            }
        }
        fixture_deinit(&f);
    }
}

static void pool_reuses_the_last_released_first(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 100, 8, 10);
    void *a = acquire(&f);
    void *b = acquire(&f);
    pool_release(&f.pool, a);
    pool_release(&f.pool, b);
    assert_ptr_equal(acquire(&f), b);
    assert_ptr_equal(acquire(&f), a);
    assert_int_equal(f.budget.allocs_count, 1);
    pool_release(&f.pool, a);
    pool_release(&f.pool, b);
    pool_release(&f.pool, NULL);
    fixture_deinit(&f);
}

static void pool_is_full_at_its_capacity(void **state)
{
    (void)state;
    static const uint32_t capacities[] = {1, 7, 150, 400}; /* a slab has about 140 of these */
    for (size_t i = 0; i < ARRAY_COUNT(capacities); i++) {
        struct fixture f;
        void *objects[400];
        void *out = &f;
        fixture_init(&f, 100, 8, capacities[i]);
        for (uint32_t j = 0; j < capacities[i]; j++) {
            objects[j] = acquire(&f);
        }
        assert_int_equal(pool_acquire(&f.pool, &out), ERR_FULL);
        assert_null(out);
        assert_int_equal(f.pool.objects_count, capacities[i]); /* no more memory than promised */
        pool_release(&f.pool, objects[0]);
        objects[0] = acquire(&f);
        for (uint32_t j = 0; j < capacities[i]; j++) {
            pool_release(&f.pool, objects[j]);
        }
        fixture_deinit(&f);
    }
}

static void pool_refuses_when_the_budget_does(void **state)
{
    (void)state;
    struct fixture f;
    void *out = &f;
    fixture_init(&f, 1000, 8, 100);
    budget_set_limit(&f.budget, 20000); /* one slab, not two */
    uint32_t count = 0;
    void *objects[100];
    while (pool_acquire(&f.pool, &objects[count]) == ERR_OK) {
        count++;
    }
    assert_int_equal(count, f.pool.slab_objects);
    assert_int_equal(pool_acquire(&f.pool, &out), ERR_BUDGET);
    assert_null(out);
    budget_set_limit(&f.budget, 40000);
    objects[count++] = acquire(&f);
    while (count > 0) {
        pool_release(&f.pool, objects[--count]);
    }
    fixture_deinit(&f);
}

static void pool_stops_a_double_release_and_a_stranger(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture other;
    fixture_init(&f, 100, 8, 10);
    fixture_init(&other, 100, 8, 10);
    void *a = acquire(&f);
    void *b = acquire(&other);
    expect_assert_failure(pool_release(&f.pool, b));
    pool_release(&f.pool, a);
    expect_assert_failure(pool_release(&f.pool, a));
    assert_int_equal(f.pool.in_use_count, 0);
    expect_assert_failure(pool_deinit(&other.pool)); /* b is in use */
    pool_release(&other.pool, b);
    fixture_deinit(&other);
    fixture_deinit(&f);
}

static void pool_states_its_sizes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 100, 8, 10);
    expect_assert_failure(pool_init(&f.pool, &f.budget, 0, 8, 10));
    expect_assert_failure(pool_init(&f.pool, &f.budget, (1u << 20) + 1, 8, 10));
    expect_assert_failure(pool_init(&f.pool, &f.budget, 100, 0, 10));
    expect_assert_failure(pool_init(&f.pool, &f.budget, 100, 24, 10));
    expect_assert_failure(pool_init(&f.pool, &f.budget, 100, 8192, 10));
    expect_assert_failure(pool_init(&f.pool, &f.budget, 100, 8, 0));
    fixture_deinit(&f);
}

static void pool_poisons_what_is_not_in_use(void **state)
{
#ifndef ASAN_IS_ON
    (void)state;
    skip();
#else
    (void)state;
    struct fixture f;
    fixture_init(&f, 100, 8, 10);
    uint8_t *object = acquire(&f);
    assert_false(asan_is_poisoned(object + 99));
    assert_true(asan_is_poisoned(object + 100));
    assert_true(asan_is_poisoned(object + f.pool.tag_pos));
    assert_true(asan_is_poisoned(object + f.pool.stride_bytes)); /* the next object, free */
    pool_release(&f.pool, object);
    assert_true(asan_is_poisoned(object));
    fixture_deinit(&f);
#endif
}

static void pool_agrees_with_a_list(void **state)
{
    model_run(state, "pool against a list", 80, 600, pool_model_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_gives_zeroed_aligned_objects),
        cmocka_unit_test(pool_reuses_the_last_released_first),
        cmocka_unit_test(pool_is_full_at_its_capacity),
        cmocka_unit_test(pool_refuses_when_the_budget_does),
        cmocka_unit_test(pool_stops_a_double_release_and_a_stranger),
        cmocka_unit_test(pool_states_its_sizes),
        cmocka_unit_test(pool_poisons_what_is_not_in_use),
        MODEL_TEST(pool_agrees_with_a_list),
    };
    return cmocka_run_group_tests_name("base_pool", tests, NULL, NULL);
}
