/* See upkeep_pace.h. */
#include "broker/core/upkeep_pace.h"

#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

/* A step that is paced folds, while producers are busy, one part in so many of the time, and pauses
 * so long at most. Producers are busy where appends take a part in so many of a shard's time, by
 * what they cost about, looked at so often. */
#define CORE_UPKEEP_PACE_PARTS      8u
#define CORE_UPKEEP_PACE_NS_MAX     (50 * RT_NS_PER_MS)
#define CORE_UPKEEP_PACE_BUSY_PARTS 20u
#define CORE_UPKEEP_PACE_LOOK_NS    (10 * RT_NS_PER_MS)
#define CORE_UPKEEP_APPEND_NS       (20 * RT_NS_PER_US)
#define CORE_UPKEEP_APPEND_BYTE_NS  2u

static void core_upkeep_pace_look(struct core_upkeep_pace *pace, uint64_t now_ns);

void core_upkeep_pace_init(struct core_upkeep_pace *pace, struct core_shard *cs,
                           void (*over)(struct rt_timer *timer))
{
    *pace = (struct core_upkeep_pace){.cs = cs};
    rt_timer_init(&pace->timer, cs->shard, over);
}

void core_upkeep_pace_stop(struct core_upkeep_pace *pace)
{
    pace->is_over = true;
    rt_timer_stop(&pace->timer);
}

bool core_upkeep_pace_may(struct core_upkeep_pace *pace)
{
    uint64_t now_ns = rt_now_ns(pace->cs->shard);
    if (pace->next_ns <= now_ns || pace->is_over) {
        return true;
    }
    if (!rt_timer_is_running(&pace->timer)) {
        rt_timer_start(&pace->timer, pace->next_ns);
    }
    return false;
}

void core_upkeep_pace_took(struct core_upkeep_pace *pace, uint64_t since_ns)
{
    uint64_t now_ns = rt_now_precise_ns(pace->cs->shard);
    uint64_t pause_ns = (CORE_UPKEEP_PACE_PARTS - 1) * (now_ns - since_ns);
    core_upkeep_pace_look(pace, now_ns);
    pause_ns = pause_ns < CORE_UPKEEP_PACE_NS_MAX ? pause_ns : CORE_UPKEEP_PACE_NS_MAX;
    pace->next_ns = pace->has_producers ? now_ns + pause_ns : 0;
}

/* What appends cost is guessed from their number and bytes: time that other threads had in between
 * is not theirs. */
static void core_upkeep_pace_look(struct core_upkeep_pace *pace, uint64_t now_ns)
{
    const struct core_shard *cs = pace->cs;
    uint64_t passed_ns = now_ns - pace->looked_ns;
    if (passed_ns < CORE_UPKEEP_PACE_LOOK_NS) {
        return;
    }
    uint64_t appends_ns =
        cs->appends_count * CORE_UPKEEP_APPEND_NS + cs->appends_bytes * CORE_UPKEEP_APPEND_BYTE_NS;
    pace->has_producers = (appends_ns - pace->appends_ns) * CORE_UPKEEP_PACE_BUSY_PARTS > passed_ns;
    pace->looked_ns = now_ns;
    pace->appends_ns = appends_ns;
}
