/* Intrusive lists: order, links, and what is a bug of the caller. */
#include "base/list.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/model.h"
#include "tests/support/ops.h"

#define ITEMS_COUNT 8

/* An object that is listed. */
struct item {
    char letter;                 /* its name in the expected strings */
    struct list_node in_letters; /* the list of the test */
};

/* The letters of `list` in order, e.g. "abc", read forwards and checked backwards. */
static void list_read(const struct list *list, char *out)
{
    size_t count = 0;
    list_for_each (node, list) {
        out[count++] = CONTAINER_OF(node, struct item, in_letters)->letter;
    }
    out[count] = '\0';
    assert_int_equal(list_count(list), count);
    const struct list_node *node = list->head.prev;
    for (size_t i = count; i > 0; i--, node = node->prev) {
        assert_int_equal(CONTAINER_OF(node, struct item, in_letters)->letter, out[i - 1]);
    }
}

static void list_of(struct list *list, struct item *items, const char *letters)
{
    list_init(list);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        items[i] = (struct item){.letter = letters[i]};
        list_push_back(list, &items[i].in_letters);
    }
}

static void list_push_puts_at_either_end(void **state)
{
    (void)state;
    struct item items[ITEMS_COUNT];
    struct item extra = {.letter = 'x'};
    struct list list;
    char text[ITEMS_COUNT + 1];
    list_of(&list, items, "abc");
    list_push_front(&list, &extra.in_letters);
    list_read(&list, text);
    assert_string_equal(text, "xabc");
    list_remove(&extra.in_letters);
    assert_false(list_is_linked(&extra.in_letters));
    list_push_back(&list, &extra.in_letters);
    list_read(&list, text);
    assert_string_equal(text, "abcx");
}

static void list_insert_before_puts_in_the_middle(void **state)
{
    (void)state;
    static const char *const want[] = {"xabc", "axbc", "abxc"};
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        struct item items[ITEMS_COUNT];
        struct item extra = {.letter = 'x'};
        struct list list;
        char text[ITEMS_COUNT + 1];
        list_of(&list, items, "abc");
        list_insert_before(&items[i].in_letters, &extra.in_letters);
        list_read(&list, text);
        assert_string_equal(text, want[i]);
    }
}

static void list_first_last_and_next_end_with_null(void **state)
{
    (void)state;
    struct item items[ITEMS_COUNT];
    struct list list;
    list_of(&list, items, "ab");
    assert_ptr_equal(list_first(&list), &items[0].in_letters);
    assert_ptr_equal(list_last(&list), &items[1].in_letters);
    assert_ptr_equal(list_next(&list, &items[0].in_letters), &items[1].in_letters);
    assert_null(list_next(&list, &items[1].in_letters));
    assert_ptr_equal(list_pop_front(&list), &items[0].in_letters);
    assert_ptr_equal(list_pop_front(&list), &items[1].in_letters);
    assert_null(list_pop_front(&list));
    assert_null(list_first(&list));
    assert_null(list_last(&list));
    assert_true(list_is_empty(&list));
}

static void list_append_all_moves_everything_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *dst, *src, *want;
    } rows[] = {{"ab", "cd", "abcd"}, {"", "cd", "cd"}, {"ab", "", "ab"}, {"", "", ""}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct item dst_items[ITEMS_COUNT];
        struct item src_items[ITEMS_COUNT];
        struct list dst;
        struct list src;
        char text[ITEMS_COUNT + 1];
        list_of(&dst, dst_items, rows[i].dst);
        list_of(&src, src_items, rows[i].src);
        list_append_all(&dst, &src);
        list_read(&dst, text);
        assert_string_equal(text, rows[i].want);
        assert_true(list_is_empty(&src));
    }
}

static void list_for_each_safe_lets_the_body_unlink(void **state)
{
    (void)state;
    struct item items[ITEMS_COUNT];
    struct list list;
    char text[ITEMS_COUNT + 1];
    list_of(&list, items, "abcdef");
    list_for_each_safe (node, following, &list) {
        struct item *item = CONTAINER_OF(node, struct item, in_letters);
        if ((item->letter - 'a') % 2 == 0) {
            list_remove(node);
            *item = (struct item){.letter = '?', .in_letters = {node, node}}; /* as if reused */
        }
    }
    list_read(&list, text);
    assert_string_equal(text, "bdf");
}

static void list_stops_a_node_linked_twice_or_removed_twice(void **state)
{
    (void)state;
    struct item items[ITEMS_COUNT];
    struct item extra = {.letter = 'x'};
    struct item other = {.letter = 'y'};
    struct list list;
    list_of(&list, items, "ab");
    expect_assert_failure(list_push_back(&list, &items[0].in_letters));
    expect_assert_failure(list_push_front(&list, &items[1].in_letters));
    expect_assert_failure(list_insert_before(&extra.in_letters, &other.in_letters));
    expect_assert_failure(list_remove(&extra.in_letters));
    expect_assert_failure(list_append_all(&list, &list));
    expect_assert_failure((void)list_next(&list, &extra.in_letters));
    extra.in_letters.next = &items[0].in_letters; /* garbage, not a link */
    list_node_init(&extra.in_letters);
    list_push_back(&list, &extra.in_letters);
    assert_int_equal(list_count(&list), 3);
}

/* Two lists against two arrays of item numbers. */
static void model_list(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    struct item items[ITEMS_COUNT] = {0};
    struct list lists[2];
    size_t model[2][ITEMS_COUNT];
    size_t counts[2] = {0, 0};
    list_init(&lists[0]);
    list_init(&lists[1]);
    while (ops_more(&ops)) {
        uint8_t op = ops_u8(&ops);
        size_t which = op / 4 % 2;
        size_t i = ops_below(&ops, ITEMS_COUNT);
        size_t *in = model[which];
        size_t *count = &counts[which];
        if (op % 4 == 0 && !list_is_linked(&items[i].in_letters)) { /* insert at a place */
            size_t at = ops_below(&ops, (uint32_t)*count + 1);
            list_insert_before(at == *count ? &lists[which].head : &items[in[at]].in_letters,
                               &items[i].in_letters);
            memmove(in + at + 1, in + at, (*count - at) * sizeof(*in));
            in[at] = i;
            (*count)++;
        } else if (op % 4 == 1 && *count > 0) { /* remove at a place */
            size_t at = ops_below(&ops, (uint32_t)*count);
            list_remove(&items[in[at]].in_letters);
            memmove(in + at, in + at + 1, (*count - at - 1) * sizeof(*in));
            (*count)--;
        } else if (op % 4 == 2 && *count > 0) {
            ASSERT(list_pop_front(&lists[which]) == &items[in[0]].in_letters);
            memmove(in, in + 1, (*count - 1) * sizeof(*in));
            (*count)--;
        } else if (op % 4 == 3 && op >= 192) { /* move all to the other */
            memcpy(model[!which] + counts[!which], in, *count * sizeof(*in));
            counts[!which] += *count;
            *count = 0;
            list_append_all(&lists[!which], &lists[which]);
        }
        for (which = 0; which < 2; which++) {
            ASSERT(list_count(&lists[which]) == counts[which]);
            const struct list_node *node = list_first(&lists[which]);
            for (i = 0; i < counts[which]; i++) {
                ASSERT(node == &items[model[which][i]].in_letters);
                node = list_next(&lists[which], node);
            }
            ASSERT(node == NULL);
        }
    }
}

static void list_agrees_with_arrays(void **state)
{
    model_run(state, "lists against arrays", 80, 500, model_list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_push_puts_at_either_end),
        cmocka_unit_test(list_insert_before_puts_in_the_middle),
        cmocka_unit_test(list_first_last_and_next_end_with_null),
        cmocka_unit_test(list_append_all_moves_everything_in_order),
        cmocka_unit_test(list_for_each_safe_lets_the_body_unlink),
        cmocka_unit_test(list_stops_a_node_linked_twice_or_removed_twice),
        MODEL_TEST(list_agrees_with_arrays),
    };
    return cmocka_run_group_tests_name("base_list", tests, NULL, NULL);
}
