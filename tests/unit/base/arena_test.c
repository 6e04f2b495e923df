/* The arena: what it gives, what it refuses, and how it is taken back. */
#include "base/arena.h"

#include <string.h>

#include "tests/fuzz/arena_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

#define CHUNK_BYTES 1024

/* An arena with a budget of its own. */
struct fixture {
    struct budget budget;
    struct arena arena;
};

static void fixture_init(struct fixture *f, size_t budget_bytes, size_t limit_bytes)
{
    budget_init(&f->budget, "request", budget_bytes, NULL);
    arena_init(&f->arena, &f->budget, CHUNK_BYTES, limit_bytes);
}

static void fixture_deinit(struct fixture *f)
{
    arena_deinit(&f->arena);
    budget_deinit(&f->budget);
}

static void arena_takes_nothing_before_its_first_use(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    arena_reset(&f.arena);
    arena_rewind(&f.arena, arena_mark(&f.arena));
    assert_int_equal(f.budget.used_bytes, 0);
    assert_non_null(arena_alloc(&f.arena, 0, 1));
    assert_int_equal(f.arena.held_bytes, CHUNK_BYTES);
    fixture_deinit(&f);
}

static void arena_alloc_aligns_in_one_chunk(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    const uint8_t *before = arena_alloc(&f.arena, 1, 1);
    for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
        uint8_t *ptr = arena_alloc(&f.arena, 3, align);
        assert_true((uintptr_t)ptr % align == 0);
        assert_true(ptr > before);
        before = ptr;
    }
    assert_int_equal(f.arena.held_bytes, CHUNK_BYTES);
    expect_assert_failure((void)arena_alloc(&f.arena, 1, 128));
    expect_assert_failure((void)arena_alloc(&f.arena, 1, 0));
    expect_assert_failure((void)arena_alloc(&f.arena, 1, 12));
    expect_assert_failure(arena_init(&f.arena, &f.budget, 100, 1000));
    fixture_deinit(&f);
}

static void arena_gives_a_large_need_its_own_chunk(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    assert_non_null(arena_alloc(&f.arena, 10000, 8));
    assert_int_equal(f.arena.held_bytes, 10000 + ARENA_ALIGN_MAX);
    assert_non_null(arena_alloc(&f.arena, 10, 8));
    assert_int_equal(f.arena.held_bytes, 10000 + ARENA_ALIGN_MAX + CHUNK_BYTES);
    arena_reset(&f.arena); /* keeps the regular one, whichever came first */
    assert_int_equal(f.arena.held_bytes, CHUNK_BYTES);
    fixture_deinit(&f);
}

static void arena_refuses_past_its_limit_until_reset(void **state)
{
    (void)state;
    static const size_t too_large[] = {2 * CHUNK_BYTES, SIZE_MAX, SIZE_MAX - ARENA_ALIGN_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(too_large); i++) {
        struct fixture f;
        fixture_init(&f, 1u << 20, CHUNK_BYTES + 300); /* the second chunk is a small one */
        assert_non_null(arena_alloc(&f.arena, 900, 1));
        assert_non_null(arena_alloc(&f.arena, 236, 1));
        assert_int_equal(f.arena.held_bytes, CHUNK_BYTES + 300);
        assert_null(arena_alloc(&f.arena, too_large[i], 1));
        assert_int_equal(f.arena.err, ERR_TOO_LARGE);
        assert_null(arena_alloc(&f.arena, 0, 1));
        assert_null(arena_alloc_zeroed(&f.arena, 1, 1));
        assert_null(arena_copy(&f.arena, "x", 1));
        arena_rewind(&f.arena, arena_mark(&f.arena));
        assert_int_equal(f.arena.err, ERR_TOO_LARGE);
        arena_reset(&f.arena);
        assert_int_equal(f.arena.err, ERR_OK);
        assert_non_null(arena_alloc(&f.arena, 900, 1));
        fixture_deinit(&f);
    }
}

static void arena_refuses_when_the_budget_does(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 3 * CHUNK_BYTES, 1u << 20);
    assert_non_null(arena_alloc(&f.arena, 900, 1));
    assert_non_null(arena_alloc(&f.arena, 900, 1));
    assert_null(arena_alloc(&f.arena, 900, 1));
    assert_int_equal(f.arena.err, ERR_BUDGET);
    assert_int_equal(f.arena.held_bytes, 2 * CHUNK_BYTES);
    fixture_deinit(&f);
}

static void arena_copy_ends_with_nul(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    assert_string_equal(arena_copy(&f.arena, "order-42", 5), "order");
    assert_string_equal(arena_copy(&f.arena, NULL, 0), "");
    assert_memory_equal(arena_copy(&f.arena, "a\0b", 3), "a\0b", 4);
    assert_null(arena_copy(&f.arena, "x", SIZE_MAX));
    assert_int_equal(f.arena.err, ERR_TOO_LARGE);
    fixture_deinit(&f);
}

static void arena_rewind_takes_back_what_came_after(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    char *kept = arena_copy(&f.arena, "kept", 4);
    struct arena_mark mark = arena_mark(&f.arena);
    uint8_t *scratch = arena_alloc(&f.arena, 100, 1);
    for (int i = 0; i < 20; i++) {
        assert_non_null(arena_alloc(&f.arena, 1000, 1));
    }
    arena_rewind(&f.arena, mark);
    assert_int_equal(f.arena.held_bytes, CHUNK_BYTES);
    assert_ptr_equal(arena_alloc(&f.arena, 100, 1), scratch); /* the same bytes again */
    assert_string_equal(kept, "kept");
    fixture_deinit(&f);
}

static void arena_reset_makes_the_next_request_free_of_allocations(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    for (int request = 0; request < 10; request++) {
        for (int i = 0; i < 9; i++) {
            assert_non_null(arena_alloc(&f.arena, 100, 8));
        }
        arena_reset(&f.arena);
    }
    assert_int_equal(f.budget.allocs_count, 1);
    fixture_deinit(&f);
}

static void arena_can_be_given_back_in_pieces(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 20);
    for (uint32_t i = 0; i < 100; i++) {
        assert_non_null(arena_alloc(&f.arena, CHUNK_BYTES / 2, 8));
    }
    size_t held_bytes = f.arena.held_bytes;
    uint32_t calls_count = 1;
    while (!arena_deinit_some(&f.arena, 3 * CHUNK_BYTES)) {
        held_bytes -= 3 * CHUNK_BYTES;
        assert_int_equal(f.arena.held_bytes, held_bytes);
        calls_count++;
    }
    assert_int_equal(calls_count, 34);
    assert_int_equal(f.budget.used_bytes, 0);
    assert_true(arena_deinit_some(&f.arena, 1));
    fixture_deinit(&f);
}

static void arena_stops_a_mark_of_another_arena_or_a_dead_one(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture other;
    fixture_init(&f, 1u << 20, 1u << 16);
    fixture_init(&other, 1u << 20, 1u << 16);
    struct arena_mark early = arena_mark(&f.arena);
    assert_non_null(arena_alloc(&f.arena, 10, 1));
    struct arena_mark late = arena_mark(&f.arena);
    arena_rewind(&f.arena, early);
    expect_assert_failure(arena_rewind(&f.arena, late));
    assert_non_null(arena_alloc(&other.arena, 10, 1));
    expect_assert_failure(arena_rewind(&other.arena, late));
    fixture_deinit(&other);
    fixture_deinit(&f);
}

static void arena_poisons_what_is_not_given_out(void **state)
{
#ifndef ASAN_IS_ON
    (void)state;
    skip();
#else
    (void)state;
    struct fixture f;
    fixture_init(&f, 1u << 20, 1u << 16);
    const uint8_t *ptr = arena_alloc(&f.arena, 13, 8);
    assert_false(asan_is_poisoned(ptr + 12));
    assert_true(asan_is_poisoned(ptr + 13));
    arena_reset(&f.arena);
    assert_true(asan_is_poisoned(ptr));
    fixture_deinit(&f);
#endif
}

static void arena_agrees_with_a_list(void **state)
{
    model_run(state, "arena against a list", 80, 600, arena_model_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_takes_nothing_before_its_first_use),
        cmocka_unit_test(arena_alloc_aligns_in_one_chunk),
        cmocka_unit_test(arena_gives_a_large_need_its_own_chunk),
        cmocka_unit_test(arena_refuses_past_its_limit_until_reset),
        cmocka_unit_test(arena_refuses_when_the_budget_does),
        cmocka_unit_test(arena_copy_ends_with_nul),
        cmocka_unit_test(arena_rewind_takes_back_what_came_after),
        cmocka_unit_test(arena_reset_makes_the_next_request_free_of_allocations),
        cmocka_unit_test(arena_can_be_given_back_in_pieces),
        cmocka_unit_test(arena_stops_a_mark_of_another_arena_or_a_dead_one),
        cmocka_unit_test(arena_poisons_what_is_not_given_out),
        MODEL_TEST(arena_agrees_with_a_list),
    };
    return cmocka_run_group_tests_name("base_arena", tests, NULL, NULL);
}
