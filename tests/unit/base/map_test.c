/* The map: look-up by number and by bytes, the order of iteration, its bound. */
#include "base/map.h"

#include <string.h>

#include "tests/fuzz/map_model.h"
#include "tests/support/cmocka.h"
#include "tests/support/model.h"

#define TOPICS_MAX 8

/* Something with a name. */
struct topic {
    const char *name;       /* its key */
    struct map_node in_map; /* the map of the test */
};

static bool topic_is(const struct map_node *node, const void *wanted)
{
    return strcmp(CONTAINER_OF(node, const struct topic, in_map)->name, wanted) == 0;
}

static void map_finds_by_number(void **state)
{
    (void)state;
    static const uint64_t keys[] = {
        0, 1, 2, UINT64_MAX, 1ull << 32, 1ull << 63, 0x9e3779b97f4a7c15u};
    struct map map;
    struct map_node *buckets[TOPICS_MAX];
    struct topic topics[ARRAY_COUNT(keys)] = {0};
    map_init(&map, buckets, TOPICS_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_null(map_find(&map, keys[i]));
        assert_int_equal(map_insert(&map, &topics[i].in_map, keys[i]), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_ptr_equal(map_find(&map, keys[i]), &topics[i].in_map);
        map_remove(&map, &topics[i].in_map);
        assert_null(map_find(&map, keys[i]));
    }
    assert_int_equal(map.count, 0);
}

static void map_tells_byte_strings_of_one_hash_apart(void **state)
{
    (void)state;
    struct map map;
    struct map_node *buckets[TOPICS_MAX];
    struct topic topics[] = {{.name = "orders"}, {.name = "payments"}, {.name = "users"}};
    map_init(&map, buckets, TOPICS_MAX);
    for (size_t i = 0; i < ARRAY_COUNT(topics); i++) {
        assert_int_equal(map_insert(&map, &topics[i].in_map, 42), ERR_OK);
    }
    assert_ptr_equal(map_find_equal(&map, 42, topic_is, "payments"), &topics[1].in_map);
    assert_ptr_equal(map_find_equal(&map, 42, topic_is, "orders"), &topics[0].in_map);
    assert_null(map_find_equal(&map, 42, topic_is, "invoices"));
    assert_null(map_find_equal(&map, 43, topic_is, "orders"));
    map_remove(&map, &topics[1].in_map); /* from the middle of the chain */
    assert_null(map_find_equal(&map, 42, topic_is, "payments"));
    assert_ptr_equal(map_find_equal(&map, 42, topic_is, "users"), &topics[2].in_map);
    assert_ptr_equal(map_find_equal(&map, 42, topic_is, "orders"), &topics[0].in_map);
}

static void map_compares_bytes_only_where_the_hash_is_the_wanted_one(void **state)
{
    (void)state;
    struct map map;
    struct map_node *bucket[1]; /* every hash is in it */
    struct topic topic = {.name = "orders"};
    map_init(&map, bucket, 1);
    assert_int_equal(map_insert(&map, &topic.in_map, 42), ERR_OK);
    assert_null(map_find_equal(&map, 43, topic_is, "orders"));
    assert_null(map_find(&map, 43));
}

static void map_iterates_in_order_of_insertion(void **state)
{
    (void)state;
    struct map map;
    struct map_node *buckets[TOPICS_MAX];
    struct topic topics[TOPICS_MAX] = {0};
    map_init(&map, buckets, TOPICS_MAX);
    assert_null(map_first(&map));
    for (size_t i = 0; i < TOPICS_MAX; i++) { /* 7, 6, ... 0 */
        assert_int_equal(map_insert(&map, &topics[i].in_map, TOPICS_MAX - 1 - i), ERR_OK);
    }
    map_remove(&map, &topics[2].in_map);
    assert_int_equal(map_insert(&map, &topics[2].in_map, 5), ERR_OK); /* now the last */
    static const uint64_t want[TOPICS_MAX] = {7, 6, 4, 3, 2, 1, 0, 5};
    const struct map_node *node = map_first(&map);
    for (size_t i = 0; i < TOPICS_MAX; i++) {
        assert_non_null(node);
        assert_true(node->key == want[i]);
        node = map_next(&map, node);
    }
    assert_null(node);
}

static void map_is_full_at_its_capacity(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= TOPICS_MAX; capacity *= 2) {
        struct map map;
        struct map_node *buckets[TOPICS_MAX];
        struct topic topics[TOPICS_MAX + 1] = {0};
        map_init(&map, buckets, capacity);
        for (uint32_t i = 0; i < capacity; i++) {
            assert_int_equal(map_insert(&map, &topics[i].in_map, i), ERR_OK);
        }
        assert_int_equal(map_insert(&map, &topics[capacity].in_map, capacity), ERR_FULL);
        assert_false(map_is_linked(&topics[capacity].in_map));
        assert_null(map_find(&map, capacity));
        map_remove(&map, &topics[0].in_map);
        assert_int_equal(map_insert(&map, &topics[capacity].in_map, capacity), ERR_OK);
        assert_ptr_equal(map_find(&map, capacity), &topics[capacity].in_map);
    }
}

static void map_capacity_rounds_up_to_a_power_of_two(void **state)
{
    (void)state;
    static const uint32_t rows[][2] = {
        {1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {100000, 131072}, {1u << 31, 1u << 31},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(map_capacity(rows[i][0]), rows[i][1]);
    }
    expect_assert_failure((void)map_capacity(0));
    expect_assert_failure((void)map_capacity((1u << 31) + 1));
}

static void map_spreads_numbers_in_a_row_over_its_buckets(void **state)
{
    (void)state;
    static const uint64_t steps[] = {1, 2, 64, 1000, 4096, 1ull << 32, 1ull << 40};
    enum { COUNT = 1024 };
    struct map_node *buckets[COUNT];
    struct topic topics[COUNT];
    for (size_t s = 0; s < ARRAY_COUNT(steps); s++) {
        struct map map;
        size_t longest = 0;
        map_init(&map, buckets, COUNT);
        memset(topics, 0, sizeof(topics));
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(map_insert(&map, &topics[i].in_map, i * steps[s]), ERR_OK);
        }
        for (size_t i = 0; i < COUNT; i++) {
            size_t length = 0;
            for (const struct map_node *node = buckets[i]; node != NULL; node = node->chain) {
                length++;
            }
            longest = length > longest ? length : longest;
        }
        assert_true(longest <= 8); /* a random function's longest of 1,024 is 6 or so */
    }
}

static void map_stops_a_node_that_is_in_twice_or_in_another(void **state)
{
    (void)state;
    struct map map;
    struct map other;
    struct map_node *buckets[TOPICS_MAX];
    struct map_node *other_buckets[TOPICS_MAX];
    struct topic topic = {0};
    struct topic loose = {0};
    map_init(&map, buckets, TOPICS_MAX);
    map_init(&other, other_buckets, TOPICS_MAX);
    assert_int_equal(map_insert(&map, &topic.in_map, 1), ERR_OK);
    expect_assert_failure(assert_int_equal(map_insert(&map, &topic.in_map, 2), ERR_OK));
    expect_assert_failure(assert_int_equal(map_insert(&other, &topic.in_map, 2), ERR_OK));
    expect_assert_failure(map_remove(&other, &topic.in_map));
    expect_assert_failure(map_remove(&map, &loose.in_map));
    expect_assert_failure(map_init(&map, buckets, 6));
    expect_assert_failure(map_init(&map, buckets, 0));
}

static void map_agrees_with_an_array(void **state)
{
    model_run(state, "map against an array", 80, 600, map_model_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_finds_by_number),
        cmocka_unit_test(map_tells_byte_strings_of_one_hash_apart),
        cmocka_unit_test(map_compares_bytes_only_where_the_hash_is_the_wanted_one),
        cmocka_unit_test(map_iterates_in_order_of_insertion),
        cmocka_unit_test(map_is_full_at_its_capacity),
        cmocka_unit_test(map_capacity_rounds_up_to_a_power_of_two),
        cmocka_unit_test(map_spreads_numbers_in_a_row_over_its_buckets),
        cmocka_unit_test(map_stops_a_node_that_is_in_twice_or_in_another),
        MODEL_TEST(map_agrees_with_an_array),
    };
    return cmocka_run_group_tests_name("base_map", tests, NULL, NULL);
}
