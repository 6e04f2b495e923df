/* The timing wheel. See timer.h.
 *
 * A timer that is due at tick T (its deadline rounded up to whole ticks) hangs in the level of the
 * highest 6-bit digit in which T and the wheel's own tick differ, in the slot that this digit of T
 * names. So all timers of a level-0 slot are due at one tick, and a slot of level n holds ticks
 * that begin where the lower digits are zero: when the wheel's tick arrives there, the slot is
 * emptied into the levels below (a cascade).
 *
 * Invariants between calls: (1) every tick below now_tick has been expired; (2) no slot of a level
 * n >= 1 whose index equals digit n of now_tick holds a timer: its cascade is over; (3) bit s of
 * occupied[l] is set exactly when slots[l][s] has a timer. */
#include "base/rt/timer.h"

#include <stddef.h>

#include "base/assert.h"
#include "base/rt/shard.h"

#define RT_WHEEL_SLOT_MASK (RT_WHEEL_SLOTS_COUNT - 1u)
#define RT_WHEEL_TICK_MAX  ((1ull << (RT_WHEEL_SLOTS_LOG2 * RT_WHEEL_LEVELS)) - 1)

/* Values of rt_timer.slot outside the wheel's slots. */
#define RT_TIMER_DUE     0xfffe /* in rt_wheel.due */
#define RT_TIMER_EXPIRED 0xffff /* in the list that rt_wheel_expire filled */

static uint64_t rt_wheel_tick_of(uint64_t deadline_ns);
static void rt_wheel_place(struct rt_wheel *wheel, struct rt_timer *timer, uint64_t tick);
static uint64_t rt_wheel_next_tick(const struct rt_wheel *wheel);
static void rt_wheel_cascade(struct rt_wheel *wheel);
static void rt_wheel_take_slot(struct rt_wheel *wheel, uint32_t level, uint32_t slot,
                               struct list *out);

void rt_timer_init(struct rt_timer *timer, struct rt_shard *shard, rt_timer_fn *fire)
{
    ASSERT(fire != NULL);
    *timer = (struct rt_timer){.fire = fire, .shard = shard};
}

void rt_timer_start(struct rt_timer *timer, uint64_t deadline_ns)
{
    rt_timer_stop(timer);
    timer->deadline_ns = deadline_ns;
    rt_wheel_add(&timer->shard->timers, timer);
}

void rt_timer_stop(struct rt_timer *timer)
{
    if (rt_timer_is_running(timer)) {
        rt_wheel_remove(&timer->shard->timers, timer);
    }
}

bool rt_timer_is_running(const struct rt_timer *timer)
{
    return list_is_linked(&timer->in_wheel);
}

void rt_wheel_init(struct rt_wheel *wheel, uint64_t now_ns)
{
    wheel->now_tick = now_ns >> RT_TICK_NS_LOG2;
    wheel->count = 0;
    list_init(&wheel->due);
    for (uint32_t level = 0; level < RT_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (uint32_t slot = 0; slot < RT_WHEEL_SLOTS_COUNT; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

void rt_wheel_add(struct rt_wheel *wheel, struct rt_timer *timer)
{
    ASSERT(!list_is_linked(&timer->in_wheel));
    uint64_t tick = rt_wheel_tick_of(timer->deadline_ns);
    if (tick < wheel->now_tick) {
        timer->slot = RT_TIMER_DUE;
        list_push_back(&wheel->due, &timer->in_wheel);
    } else {
        rt_wheel_place(wheel, timer, tick);
    }
    wheel->count++;
}

void rt_wheel_remove(struct rt_wheel *wheel, struct rt_timer *timer)
{
    list_remove(&timer->in_wheel);
    if (timer->slot == RT_TIMER_EXPIRED) {
        return;
    }
    wheel->count--;
    if (timer->slot == RT_TIMER_DUE) {
        return;
    }
    uint32_t level = timer->slot >> RT_WHEEL_SLOTS_LOG2;
    uint32_t slot = timer->slot & RT_WHEEL_SLOT_MASK;
    ASSERT(level < RT_WHEEL_LEVELS);
    if (list_is_empty(&wheel->slots[level][slot])) {
        wheel->occupied[level] &= ~(1ull << slot);
    }
}

uint64_t rt_wheel_next_ns(const struct rt_wheel *wheel)
{
    if (!list_is_empty(&wheel->due)) {
        return 0;
    }
    uint64_t tick = rt_wheel_next_tick(wheel);
    return tick == UINT64_MAX ? UINT64_MAX : tick << RT_TICK_NS_LOG2;
}

void rt_wheel_expire(struct rt_wheel *wheel, uint64_t now_ns, struct list *expired)
{
    uint64_t target = now_ns >> RT_TICK_NS_LOG2;
    struct list_node *node;
    while ((node = list_pop_front(&wheel->due)) != NULL) {
        CONTAINER_OF(node, struct rt_timer, in_wheel)->slot = RT_TIMER_EXPIRED;
        list_push_back(expired, node);
        wheel->count--;
    }
    while (wheel->now_tick <= target) {
        uint64_t tick = rt_wheel_next_tick(wheel);
        ASSERT(tick >= wheel->now_tick);
        if (tick > target) {
            wheel->now_tick = target + 1;
        } else {
            wheel->now_tick = tick;
            rt_wheel_cascade(wheel);
            struct list due;
            list_init(&due);
            rt_wheel_take_slot(wheel, 0, (uint32_t)(tick & RT_WHEEL_SLOT_MASK), &due);
            while ((node = list_pop_front(&due)) != NULL) {
                CONTAINER_OF(node, struct rt_timer, in_wheel)->slot = RT_TIMER_EXPIRED;
                list_push_back(expired, node);
                wheel->count--;
            }
            wheel->now_tick = tick + 1;
        }
        rt_wheel_cascade(wheel);
    }
}

/* The first tick at or after `deadline_ns`. */
static uint64_t rt_wheel_tick_of(uint64_t deadline_ns)
{
    uint64_t tick = deadline_ns >> RT_TICK_NS_LOG2;
    if ((deadline_ns & ((1ull << RT_TICK_NS_LOG2) - 1)) != 0) {
        tick++;
    }
    return tick < RT_WHEEL_TICK_MAX ? tick : RT_WHEEL_TICK_MAX;
}

static void rt_wheel_place(struct rt_wheel *wheel, struct rt_timer *timer, uint64_t tick)
{
    uint64_t differing = tick ^ wheel->now_tick;
    uint32_t level = 0;
    if (differing != 0) {
        level = (63u - (uint32_t)__builtin_clzll(differing)) / RT_WHEEL_SLOTS_LOG2;
    }
    ASSERT(level < RT_WHEEL_LEVELS);
    uint32_t slot = (uint32_t)(tick >> (level * RT_WHEEL_SLOTS_LOG2)) & RT_WHEEL_SLOT_MASK;
    timer->slot = (uint16_t)(level << RT_WHEEL_SLOTS_LOG2 | slot);
    list_push_back(&wheel->slots[level][slot], &timer->in_wheel);
    wheel->occupied[level] |= 1ull << slot;
}

/* The next tick at which a slot is due, to expire (level 0) or to cascade (above); UINT64_MAX:
 * none. The lowest level with a timer decides: all of its slots come before the next digit of the
 * levels above it changes. */
static uint64_t rt_wheel_next_tick(const struct rt_wheel *wheel)
{
    for (uint32_t level = 0; level < RT_WHEEL_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            uint32_t shift = level * RT_WHEEL_SLOTS_LOG2;
            uint64_t slot = (uint64_t)__builtin_ctzll(wheel->occupied[level]);
            uint64_t above = wheel->now_tick >> shift >> RT_WHEEL_SLOTS_LOG2;
            return (above << RT_WHEEL_SLOTS_LOG2 | slot) << shift;
        }
    }
    return UINT64_MAX;
}

/* Restore invariant 2 at a now_tick just reached: empty the slots that begin here, from the top,
 * each into the levels below. */
static void rt_wheel_cascade(struct rt_wheel *wheel)
{
    for (uint32_t level = RT_WHEEL_LEVELS - 1; level >= 1; level--) {
        uint32_t shift = level * RT_WHEEL_SLOTS_LOG2;
        uint32_t slot = (uint32_t)(wheel->now_tick >> shift) & RT_WHEEL_SLOT_MASK;
        if ((wheel->now_tick & ((1ull << shift) - 1)) != 0 ||
            (wheel->occupied[level] & 1ull << slot) == 0) {
            continue;
        }
        struct list moving;
        list_init(&moving);
        rt_wheel_take_slot(wheel, level, slot, &moving);
        struct list_node *node;
        while ((node = list_pop_front(&moving)) != NULL) {
            struct rt_timer *timer = CONTAINER_OF(node, struct rt_timer, in_wheel);
            rt_wheel_place(wheel, timer, rt_wheel_tick_of(timer->deadline_ns));
        }
    }
}

static void rt_wheel_take_slot(struct rt_wheel *wheel, uint32_t level, uint32_t slot,
                               struct list *out)
{
    list_append_all(out, &wheel->slots[level][slot]);
    wheel->occupied[level] &= ~(1ull << slot);
}
