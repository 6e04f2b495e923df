/* The ring: first in, first out, bounded, copied or in place. */
#include "base/ring.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/model.h"
#include "tests/support/ops.h"

/* An element of a size that is no power of two. */
struct triple {
    uint32_t a, b, c;
};

static void ring_gives_elements_back_in_order(void **state)
{
    (void)state;
    struct triple memory[4];
    struct ring ring;
    ring_init(&ring, memory, sizeof(struct triple), 4);
    for (uint32_t i = 0; i < 10; i++) { /* round and round, two at a time */
        struct triple in[2] = {{i, i + 1, i + 2}, {~i, 0, i}};
        struct triple out;
        assert_int_equal(ring_push(&ring, &in[0]), ERR_OK);
        assert_int_equal(ring_push(&ring, &in[1]), ERR_OK);
        assert_int_equal(ring_count(&ring), 2);
        assert_int_equal(ring_pop(&ring, &out), ERR_OK);
        assert_memory_equal(&out, &in[0], sizeof(out));
        assert_int_equal(ring_pop(&ring, &out), ERR_OK);
        assert_memory_equal(&out, &in[1], sizeof(out));
        assert_true(ring_is_empty(&ring));
    }
}

static void ring_refuses_past_its_capacity_and_when_empty(void **state)
{
    (void)state;
    for (uint32_t capacity = 1; capacity <= 8; capacity *= 2) {
        uint32_t memory[8];
        uint32_t value = 77;
        struct ring ring;
        ring_init(&ring, memory, sizeof(uint32_t), capacity);
        assert_int_equal(ring_pop(&ring, &value), ERR_AGAIN);
        assert_int_equal(value, 77);
        assert_null(ring_peek(&ring));
        for (uint32_t i = 0; i < capacity; i++) {
            assert_false(ring_is_full(&ring));
            assert_int_equal(ring_push(&ring, &i), ERR_OK);
        }
        assert_true(ring_is_full(&ring));
        assert_int_equal(ring_push(&ring, &value), ERR_FULL);
        assert_null(ring_claim(&ring));
        assert_int_equal(ring_pop(&ring, &value), ERR_OK);
        assert_int_equal(value, 0);
    }
}

static void ring_builds_and_reads_elements_in_place(void **state)
{
    (void)state;
    struct triple memory[2];
    struct ring ring;
    ring_init(&ring, memory, sizeof(struct triple), 2);
    struct triple *place = ring_claim(&ring);
    assert_ptr_equal(place, &memory[0]);
    *place = (struct triple){1, 2, 3};
    place = ring_claim(&ring);
    *place = (struct triple){4, 5, 6};
    assert_ptr_equal(ring_peek(&ring), &memory[0]);
    assert_int_equal(((struct triple *)ring_at(&ring, 1))->b, 5);
    ring_drop(&ring);
    assert_ptr_equal(ring_peek(&ring), &memory[1]);
    ring_drop(&ring);
    assert_true(ring_is_empty(&ring));
}

static void ring_numbers_wrap_without_notice(void **state)
{
    (void)state;
    uint16_t memory[8];
    struct ring ring;
    ring_init(&ring, memory, sizeof(uint16_t), 8);
    ring.head = ring.tail = UINT32_MAX - 2; /* as after 2^32 - 3 elements */
    for (uint16_t i = 0; i < 8; i++) {
        assert_int_equal(ring_push(&ring, &i), ERR_OK);
    }
    assert_true(ring_is_full(&ring));
    for (uint16_t i = 0; i < 8; i++) {
        uint16_t out;
        assert_int_equal(ring_pop(&ring, &out), ERR_OK);
        assert_int_equal(out, i);
    }
    assert_true(ring_is_empty(&ring));
}

static void ring_states_its_bounds(void **state)
{
    (void)state;
    uint8_t memory[8];
    struct ring ring;
    expect_assert_failure(ring_init(&ring, memory, 1, 6));
    expect_assert_failure(ring_init(&ring, memory, 1, 0));
    expect_assert_failure(ring_init(&ring, memory, 0, 8));
    expect_assert_failure(ring_init(&ring, NULL, 1, 8));
    ring_init(&ring, memory, 1, 8);
    expect_assert_failure(ring_drop(&ring));
    expect_assert_failure((void)ring_at(&ring, 0));
}

static void model_ring(const uint8_t *data, size_t size)
{
    struct ops ops = {.data = data, .length = size};
    uint32_t capacity = 1u << ops_u8(&ops) % 5;
    uint32_t memory[16];
    uint32_t model[16];
    uint32_t count = 0;
    struct ring ring;
    ring_init(&ring, memory, sizeof(uint32_t), capacity);
    for (uint32_t value = 0; ops_more(&ops); value++) {
        uint8_t op = ops_u8(&ops) % 4;
        if (op == 0) {
            ASSERT(ring_push(&ring, &value) == (count == capacity ? ERR_FULL : ERR_OK));
        } else if (op == 1) {
            uint32_t *place = ring_claim(&ring);
            ASSERT((place == NULL) == (count == capacity));
            if (place != NULL) {
                *place = value;
            }
        } else if (count > 0 || op == 2) {
            uint32_t out = model[0];
            ASSERT(ring_pop(&ring, &out) == (count == 0 ? ERR_AGAIN : ERR_OK));
            ASSERT(IMPLIES(count > 0, out == model[0]));
        }
        if (op < 2 && count < capacity) {
            model[count++] = value;
        } else if (op >= 2 && count > 0) {
            memmove(model, model + 1, --count * sizeof(model[0]));
        }
        ASSERT(ring_count(&ring) == count);
        for (uint32_t i = 0; i < count; i++) {
            ASSERT(*(uint32_t *)ring_at(&ring, i) == model[i]);
        }
    }
}

static void ring_agrees_with_an_array(void **state)
{
    model_run(state, "ring against an array", 80, 1000, model_ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_gives_elements_back_in_order),
        cmocka_unit_test(ring_refuses_past_its_capacity_and_when_empty),
        cmocka_unit_test(ring_builds_and_reads_elements_in_place),
        cmocka_unit_test(ring_numbers_wrap_without_notice),
        cmocka_unit_test(ring_states_its_bounds),
        MODEL_TEST(ring_agrees_with_an_array),
    };
    return cmocka_run_group_tests_name("base_ring", tests, NULL, NULL);
}
