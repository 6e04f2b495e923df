/* The heap: what leaves first, and what is a bug of the caller. */
#include "base/heap.h"

#include <string.h>

#include "tests/fuzz/heap_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

#define TIMERS_MAX 8

/* Something with a deadline. */
struct timer {
    char letter;              /* its name in the expected strings */
    struct heap_node in_heap; /* the heap of the test */
};

static bool timer_is_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct timer, in_heap)->letter <
           CONTAINER_OF(b, const struct timer, in_heap)->letter;
}

/* Pop everything: the letters in the order they left. */
static void heap_drain(struct heap *heap, char *out)
{
    struct heap_node *node;
    while ((node = heap_pop_min(heap)) != NULL) {
        *out++ = CONTAINER_OF(node, struct timer, in_heap)->letter;
    }
    *out = '\0';
}

/* Push timers a, b, c, ... with the given keys. */
static void heap_of(struct heap *heap, struct heap_entry *entries, struct timer *timers,
                    const uint64_t *keys, size_t count)
{
    heap_init(heap, entries, TIMERS_MAX, timer_is_before);
    for (size_t i = 0; i < count; i++) {
        timers[i] = (struct timer){.letter = (char)('a' + i)};
        assert_int_equal(heap_push(heap, &timers[i].in_heap, keys[i]), ERR_OK);
    }
}

static void heap_pops_in_order_of_key_then_of_is_before(void **state)
{
    (void)state;
    static const struct {
        uint64_t keys[TIMERS_MAX];
        size_t count;
        const char *want;
    } rows[] = {
        {{0}, 0, ""},
        {{5}, 1, "a"},
        {{1, 2, 3, 4, 5, 6, 7, 8}, 8, "abcdefgh"},
        {{8, 7, 6, 5, 4, 3, 2, 1}, 8, "hgfedcba"},
        {{3, 1, 4, 1, 5, 9, 2, 6}, 8, "bdgacehf"},
        {{7, 7, 7, 7, 7, 7, 7, 7}, 8, "abcdefgh"},
        {{UINT64_MAX, 0, UINT64_MAX, 0}, 4, "bdac"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct heap heap;
        struct heap_entry entries[TIMERS_MAX];
        struct timer timers[TIMERS_MAX];
        char text[TIMERS_MAX + 1];
        heap_of(&heap, entries, timers, rows[i].keys, rows[i].count);
        heap_drain(&heap, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void heap_update_moves_up_and_down(void **state)
{
    (void)state;
    static const struct {
        size_t timer;
        uint64_t key;
        const char *want;
    } rows[] = {
        {0, 25, "bacdef"}, {0, 100, "bcdefa"}, {5, 5, "fabcde"},
        {5, 35, "abcfde"}, {2, 30, "abcdef"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct heap heap;
        struct heap_entry entries[TIMERS_MAX];
        struct timer timers[TIMERS_MAX];
        char text[TIMERS_MAX + 1];
        heap_of(&heap, entries, timers, (uint64_t[]){10, 20, 30, 40, 50, 60}, 6);
        heap_update(&heap, &timers[rows[i].timer].in_heap, rows[i].key);
        assert_true(heap_key(&heap, &timers[rows[i].timer].in_heap) == rows[i].key);
        heap_drain(&heap, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void heap_remove_takes_any_node_out(void **state)
{
    (void)state;
    static const char *const want[] = {"bcdef", "acdef", "abdef", "abcef", "abcdf", "abcde"};
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        struct heap heap;
        struct heap_entry entries[TIMERS_MAX];
        struct timer timers[TIMERS_MAX];
        char text[TIMERS_MAX + 1];
        heap_of(&heap, entries, timers, (uint64_t[]){10, 20, 30, 40, 50, 60}, 6);
        heap_remove(&heap, &timers[i].in_heap);
        assert_false(heap_is_linked(&timers[i].in_heap));
        heap_drain(&heap, text);
        assert_string_equal(text, want[i]);
    }
}

static void heap_is_full_at_its_capacity(void **state)
{
    (void)state;
    struct heap heap;
    struct heap_entry entries[TIMERS_MAX];
    struct timer timers[TIMERS_MAX];
    struct timer extra = {.letter = 'x'};
    heap_of(&heap, entries, timers, (uint64_t[TIMERS_MAX]){0}, TIMERS_MAX);
    assert_int_equal(heap_push(&heap, &extra.in_heap, 0), ERR_FULL);
    assert_false(heap_is_linked(&extra.in_heap));
    heap_remove(&heap, &timers[3].in_heap);
    assert_int_equal(heap_push(&heap, &extra.in_heap, 0), ERR_OK);
}

static void heap_min_of_nothing_is_null_and_never_due(void **state)
{
    (void)state;
    struct heap heap;
    struct heap_entry entries[1];
    struct timer timer = {0};
    heap_init(&heap, entries, 1, NULL);
    assert_null(heap_min(&heap));
    assert_null(heap_pop_min(&heap));
    assert_true(heap_min_key(&heap) == UINT64_MAX);
    assert_int_equal(heap_push(&heap, &timer.in_heap, 7), ERR_OK);
    assert_ptr_equal(heap_min(&heap), &timer.in_heap);
    assert_true(heap_min_key(&heap) == 7);
}

static void heap_stops_a_node_that_is_in_twice_or_in_another(void **state)
{
    (void)state;
    struct heap heap;
    struct heap other;
    struct heap_entry entries[TIMERS_MAX];
    struct heap_entry other_entries[TIMERS_MAX];
    struct timer timers[TIMERS_MAX];
    struct timer other_timers[TIMERS_MAX];
    struct timer loose = {0};
    heap_of(&heap, entries, timers, (uint64_t[]){1, 2, 3}, 3);
    heap_of(&other, other_entries, other_timers, (uint64_t[]){1}, 1);
    expect_assert_failure(assert_int_equal(heap_push(&other, &timers[0].in_heap, 1), ERR_OK));
    expect_assert_failure(heap_remove(&heap, &loose.in_heap));
    expect_assert_failure(heap_remove(&other, &timers[0].in_heap));
    expect_assert_failure(heap_remove(&other, &timers[2].in_heap));
    expect_assert_failure(heap_update(&heap, &loose.in_heap, 1));
    expect_assert_failure(heap_update(&other, &timers[0].in_heap, 1));
    expect_assert_failure(assert_true(heap_key(&heap, &loose.in_heap) == 1));
    expect_assert_failure(heap_init(&heap, entries, 0, NULL));
}

static void heap_agrees_with_a_scan(void **state)
{
    model_run(state, "heap against a scan", 80, 1000, heap_model_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_pops_in_order_of_key_then_of_is_before),
        cmocka_unit_test(heap_update_moves_up_and_down),
        cmocka_unit_test(heap_remove_takes_any_node_out),
        cmocka_unit_test(heap_is_full_at_its_capacity),
        cmocka_unit_test(heap_min_of_nothing_is_null_and_never_due),
        cmocka_unit_test(heap_stops_a_node_that_is_in_twice_or_in_another),
        MODEL_TEST(heap_agrees_with_a_scan),
    };
    return cmocka_run_group_tests_name("base_heap", tests, NULL, NULL);
}
