/* Timers: a hierarchical wheel per shard (Varghese and Lauck, 1987, scheme 6).
 *
 * 8 levels of 64 slots; a slot of level 0 is one tick of 2^16 ns (65.5 us), of level n 64^n ticks.
 * Adding and removing are O(1); a timer far away moves down a level at most 7 times. Bitmaps of
 * occupied slots give the next expiry without walking, so an idle shard sleeps until there is
 * something to do. A timer never fires early; it fires at most a tick late plus the time the shard
 * is busy. The wheel is pure: the time is handed in, expired timers come out as a list. */
#ifndef BASE_RT_TIMER_H
#define BASE_RT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define RT_TICK_NS_LOG2                                                                            \
    16 /* 65,536 ns: well under the 1 ms within which a commit advance leaves (LOG §8) */
#define RT_WHEEL_SLOTS_LOG2  6
#define RT_WHEEL_SLOTS_COUNT (1 << RT_WHEEL_SLOTS_LOG2)
#define RT_WHEEL_LEVELS      8 /* 64^8 ticks of 2^16 ns: the whole 64-bit range of ns */

struct rt_shard;
struct rt_timer;

typedef void rt_timer_fn(struct rt_timer *timer);

struct rt_timer {
    struct list_node in_wheel; /* a slot of rt_wheel.slots, or the list of expired ones */
    uint64_t deadline_ns;      /* when to fire, rt_now_ns scale */
    rt_timer_fn *
        fire; /* called from the shard's turn; the timer is stopped then and may be started again */
    struct rt_shard *shard; /* owner; NULL for a wheel driven by hand */
    uint16_t slot;          /* level * 64 + slot, while in the wheel */
};

struct rt_wheel {
    uint64_t now_tick;                  /* every tick before this one has been expired */
    struct list due;                    /* timers added when their deadline was past already */
    uint64_t count;                     /* timers in the wheel */
    uint64_t occupied[RT_WHEEL_LEVELS]; /* bit s of level l: slots[l][s] is not empty */
    struct list slots[RT_WHEEL_LEVELS]
                     [RT_WHEEL_SLOTS_COUNT]; /* timers, in the order they were added */
};

/* A stopped timer that calls `fire` on `shard`. Call once; it has no resources, so there is no
 * deinit. */
void rt_timer_init(struct rt_timer *timer, struct rt_shard *shard, rt_timer_fn *fire);

/* Fire once at `deadline_ns`, or on the next turn when that is past. A running timer is moved. Own
 * shard only. */
void rt_timer_start(struct rt_timer *timer, uint64_t deadline_ns);

/* Do not fire. A stopped timer is left alone. After this the timer's memory is the caller's. */
void rt_timer_stop(struct rt_timer *timer);

/* Whether it will fire. False inside its own `fire`. */
bool rt_timer_is_running(const struct rt_timer *timer);

/* An empty wheel at `now_ns`. */
void rt_wheel_init(struct rt_wheel *wheel, uint64_t now_ns);

/* Put a timer that is in no wheel into this one; timer->deadline_ns says when. */
void rt_wheel_add(struct rt_wheel *wheel, struct rt_timer *timer);

/* Take a timer out of the wheel it is in. */
void rt_wheel_remove(struct rt_wheel *wheel, struct rt_timer *timer);

/* A time by which rt_wheel_expire should be called next: not after the earliest deadline's tick
 * begins. 0: a timer is due already; UINT64_MAX: there is none. For a far timer it may be early (a
 * cascade is due), never late. */
uint64_t rt_wheel_next_ns(const struct rt_wheel *wheel);

/* Move every timer whose deadline is <= `now_ns` to the end of `expired`, earlier ticks first, and
 * within a tick in the order they were added. `now_ns` never goes back. */
void rt_wheel_expire(struct rt_wheel *wheel, uint64_t now_ns, struct list *expired);

#endif
