/* The timing wheel: never early, at most a tick late, in order, and equal to a naive list of
 * deadlines over any course of starts, stops and passing time. */
#include "base/rt/timer.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define TIMER_TICK_NS     (1ull << RT_TICK_NS_LOG2)
#define TIMER_MODEL_COUNT 64
#define TIMER_MODEL_STEPS 400

static void timer_unused(struct rt_timer *timer)
{
    (void)timer;
    fail();
}

static void timer_set(struct rt_timer *timer, uint64_t deadline_ns)
{
    rt_timer_init(timer, NULL, timer_unused);
    timer->deadline_ns = deadline_ns;
}

/* How many of `expired` there are; they leave the list. */
static size_t timer_take(struct list *expired)
{
    size_t count = 0;
    while (list_pop_front(expired) != NULL) {
        count++;
    }
    return count;
}

static void timer_fires_at_its_deadline_and_never_before(void **state)
{
    (void)state;
    static const uint64_t deadlines_ns[] = {
        1,
        TIMER_TICK_NS - 1,
        TIMER_TICK_NS,
        TIMER_TICK_NS + 1,
        63 * TIMER_TICK_NS,
        64 * TIMER_TICK_NS,
        65 * TIMER_TICK_NS + 7,
        4095 * TIMER_TICK_NS,
        4096 * TIMER_TICK_NS,
        1000000007,
        3600ull * 1000000000,
        400ull * 24 * 3600 * 1000000000,
    };
    for (size_t i = 0; i < ARRAY_COUNT(deadlines_ns); i++) {
        struct rt_wheel wheel;
        struct rt_timer timer;
        struct list expired;
        list_init(&expired);
        rt_wheel_init(&wheel, 0);
        timer_set(&timer, deadlines_ns[i]);
        rt_wheel_add(&wheel, &timer);
        assert_int_equal(wheel.count, 1);
        rt_wheel_expire(&wheel, deadlines_ns[i] - 1, &expired);
        assert_int_equal(timer_take(&expired), 0);
        rt_wheel_expire(&wheel, deadlines_ns[i] + TIMER_TICK_NS - 1, &expired);
        assert_int_equal(timer_take(&expired), 1);
        assert_int_equal(wheel.count, 0);
        assert_true(rt_wheel_next_ns(&wheel) == UINT64_MAX);
    }
}

static void timer_with_a_past_deadline_is_due_at_once(void **state)
{
    (void)state;
    struct rt_wheel wheel;
    struct rt_timer timer;
    struct list expired;
    list_init(&expired);
    rt_wheel_init(&wheel, 1000 * TIMER_TICK_NS);
    timer_set(&timer, 5 * TIMER_TICK_NS);
    rt_wheel_add(&wheel, &timer);
    assert_true(rt_wheel_next_ns(&wheel) == 0);
    rt_wheel_expire(&wheel, 1000 * TIMER_TICK_NS, &expired);
    assert_int_equal(timer_take(&expired), 1);
}

static void timer_for_the_end_of_time_never_fires(void **state)
{
    (void)state;
    struct rt_wheel wheel;
    struct rt_timer timer;
    struct list expired;
    list_init(&expired);
    rt_wheel_init(&wheel, 77);
    timer_set(&timer, UINT64_MAX);
    rt_wheel_add(&wheel, &timer);
    rt_wheel_expire(&wheel, 1ull << 62, &expired);
    assert_int_equal(timer_take(&expired), 0);
    rt_wheel_remove(&wheel, &timer);
    assert_int_equal(wheel.count, 0);
}

static void timers_of_one_tick_fire_in_the_order_they_were_added(void **state)
{
    (void)state;
    struct rt_wheel wheel;
    struct rt_timer timers[3];
    struct list expired;
    list_init(&expired);
    rt_wheel_init(&wheel, 0);
    uint64_t deadline_ns = 5000 * TIMER_TICK_NS;
    timer_set(&timers[0], deadline_ns); /* two levels up */
    rt_wheel_add(&wheel, &timers[0]);
    rt_wheel_expire(&wheel, 4990 * TIMER_TICK_NS, &expired);
    timer_set(&timers[1], deadline_ns - 1); /* one level up, the same tick */
    rt_wheel_add(&wheel, &timers[1]);
    rt_wheel_expire(&wheel, 4999 * TIMER_TICK_NS, &expired);
    timer_set(&timers[2], deadline_ns);
    rt_wheel_add(&wheel, &timers[2]);
    assert_true(list_is_empty(&expired));
    rt_wheel_expire(&wheel, deadline_ns, &expired);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(CONTAINER_OF(list_pop_front(&expired), struct rt_timer, in_wheel),
                         &timers[i]);
    }
}

static void timer_removed_from_the_expired_list_is_stopped(void **state)
{
    (void)state;
    struct rt_wheel wheel;
    struct rt_timer timer;
    struct list expired;
    list_init(&expired);
    rt_wheel_init(&wheel, 0);
    timer_set(&timer, 10);
    rt_wheel_add(&wheel, &timer);
    rt_wheel_expire(&wheel, TIMER_TICK_NS, &expired);
    assert_true(rt_timer_is_running(&timer));
    rt_wheel_remove(&wheel, &timer);
    assert_false(rt_timer_is_running(&timer));
    assert_true(list_is_empty(&expired));
}

/* A timer and what the naive model knows of it. */
struct timer_model {
    struct rt_timer timer;
    bool is_running;
};

/* What must have expired by `now_ns`, and no more; earlier ticks first. */
static void timer_model_expire(struct rt_wheel *wheel, struct timer_model *models, uint64_t now_ns,
                               uint64_t seed)
{
    struct list expired;
    list_init(&expired);
    rt_wheel_expire(wheel, now_ns, &expired);
    uint64_t last_tick = 0;
    struct list_node *node;
    while ((node = list_pop_front(&expired)) != NULL) {
        struct timer_model *model = CONTAINER_OF(node, struct timer_model, timer.in_wheel);
        uint64_t tick = (model->timer.deadline_ns + TIMER_TICK_NS - 1) / TIMER_TICK_NS;
        bool is_in_order = tick >= last_tick;
        if (!model->is_running || model->timer.deadline_ns > now_ns || !is_in_order) {
            fail_msg("seed %llu: a timer fired that must not", (unsigned long long)seed);
        }
        last_tick = tick;
        model->is_running = false;
    }
    for (size_t i = 0; i < TIMER_MODEL_COUNT; i++) {
        uint64_t tick = (models[i].timer.deadline_ns + TIMER_TICK_NS - 1) / TIMER_TICK_NS;
        if (models[i].is_running && tick <= now_ns / TIMER_TICK_NS) {
            fail_msg("seed %llu: a timer is late", (unsigned long long)seed);
        }
    }
}

static void timer_model_case(uint64_t seed)
{
    struct prng prng;
    struct rt_wheel wheel;
    struct timer_model models[TIMER_MODEL_COUNT] = {0};
    prng_init(&prng, seed);
    uint64_t now_ns = prng_below(&prng, 1ull << (20 + prng_below(&prng, 40)));
    rt_wheel_init(&wheel, now_ns);
    for (size_t i = 0; i < TIMER_MODEL_COUNT; i++) {
        rt_timer_init(&models[i].timer, NULL, timer_unused);
    }
    for (size_t step = 0; step < TIMER_MODEL_STEPS; step++) {
        struct timer_model *model = &models[prng_below(&prng, TIMER_MODEL_COUNT)];
        uint64_t reach_ns = 1ull << prng_below(&prng, 45); /* up to ten hours */
        if (prng_chance(&prng, 1, 4)) {
            uint64_t next_ns = rt_wheel_next_ns(&wheel);
            now_ns += prng_below(&prng, reach_ns);
            if (prng_chance(&prng, 1, 2) && next_ns != UINT64_MAX && next_ns > now_ns) {
                now_ns = next_ns; /* what a sleeping shard does */
            }
            timer_model_expire(&wheel, models, now_ns, seed);
        } else if (model->is_running) {
            rt_wheel_remove(&wheel, &model->timer);
            model->is_running = false;
        } else {
            model->timer.deadline_ns = now_ns + prng_below(&prng, reach_ns);
            rt_wheel_add(&wheel, &model->timer);
            model->is_running = true;
        }
        uint64_t earliest_ns = UINT64_MAX;
        for (size_t i = 0; i < TIMER_MODEL_COUNT; i++) {
            if (models[i].is_running && models[i].timer.deadline_ns < earliest_ns) {
                earliest_ns = models[i].timer.deadline_ns;
            }
        }
        uint64_t next_ns = rt_wheel_next_ns(&wheel);
        if (earliest_ns != UINT64_MAX && next_ns > earliest_ns + TIMER_TICK_NS) {
            fail_msg("seed %llu: a sleeping shard would oversleep", (unsigned long long)seed);
        }
        if (earliest_ns == UINT64_MAX && next_ns != UINT64_MAX) {
            fail_msg("seed %llu: an idle shard would wake", (unsigned long long)seed);
        }
    }
}

static void timer_wheel_equals_a_naive_list(void **state)
{
    (void)state;
    struct share share = share_open("wheel against a list", 100);
    while (share_more(&share)) {
        timer_model_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer_fires_at_its_deadline_and_never_before),
        cmocka_unit_test(timer_with_a_past_deadline_is_due_at_once),
        cmocka_unit_test(timer_for_the_end_of_time_never_fires),
        cmocka_unit_test(timers_of_one_tick_fire_in_the_order_they_were_added),
        cmocka_unit_test(timer_removed_from_the_expired_list_is_stopped),
        cmocka_unit_test(timer_wheel_equals_a_naive_list),
    };
    return cmocka_run_group_tests_name("rt_timer", tests, NULL, NULL);
}
