/* See upkeep_pace.h. */
#include "broker/core/upkeep_pace.h"

#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"

/* What is late has one part of the time in so many, in hundredths, L being the level: L * L, where
 * appends take little, else sixteen times as many as appends; eight at most where the machine has
 * room, up to that load, and where it has been late for long. */
#define CORE_UPKEEP_PACE_ALL       100u
#define CORE_UPKEEP_PACE_SIXTEENTH (16u * 1000 * CORE_UPKEEP_PACE_ALL)
#define CORE_UPKEEP_PACE_EIGHTH    (8u * CORE_UPKEEP_PACE_ALL)
#define CORE_UPKEEP_PACE_ROOM      500u

/* What a view is late for doubles its part, to an eighth. */
#define CORE_UPKEEP_PACE_DOUBLE_NS (30 * RT_NS_PER_S)

/* Of a view that lags, so long: it may keep up again. */
#define CORE_UPKEEP_PACE_GRACE_NS (500 * RT_NS_PER_MS)

/* It pauses so long at most: more than its part it has only where it was itself interrupted. */
#define CORE_UPKEEP_PACE_NS_MAX (100 * RT_NS_PER_MS)

/* Between two looks at what appends take, by what they cost about: a request of its own, of few
 * bytes, and a byte of a large one; and a level is forgotten after so long. */
#define CORE_UPKEEP_PACE_LOOK_NS   (10 * RT_NS_PER_MS)
#define CORE_UPKEEP_PACE_FORGET_NS (128 * RT_NS_PER_MS)
#define CORE_UPKEEP_APPEND_NS      (50 * RT_NS_PER_US)
#define CORE_UPKEEP_APPEND_BYTE_NS 2u

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

void core_upkeep_pace_took(struct core_upkeep_pace *pace, uint64_t since_ns, uint64_t late_since_ns)
{
    uint64_t now_ns = rt_now_precise_ns(pace->cs->shard);
    core_upkeep_pace_look(pace, now_ns);
    uint64_t late_ns = now_ns > late_since_ns ? now_ns - late_since_ns : 0;
    uint64_t pause_ns =
        core_upkeep_pace_pause_ns(pace->level, pace->load, late_ns, now_ns - since_ns);
    pace->next_ns = pause_ns > 0 ? now_ns + pause_ns : 0;
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
    pace->level = core_upkeep_pace_level(pace->level, appends_ns - pace->appends_ns, passed_ns);
    pace->load = rt_shard_load(cs->shard);
    pace->looked_ns = now_ns;
    pace->appends_ns = appends_ns;
}

bool core_upkeep_pace_is_wanted(bool is_building, uint64_t lagging_ns)
{
    return is_building || lagging_ns > CORE_UPKEEP_PACE_GRACE_NS;
}

uint32_t core_upkeep_pace_level(uint32_t level, uint64_t appends_ns, uint64_t passed_ns)
{
    uint64_t seen = appends_ns < passed_ns ? appends_ns / (passed_ns / 1000 + 1) : 1000;
    uint64_t left_ns =
        passed_ns < CORE_UPKEEP_PACE_FORGET_NS ? CORE_UPKEEP_PACE_FORGET_NS - passed_ns : 0;
    uint64_t kept = level * left_ns / CORE_UPKEEP_PACE_FORGET_NS;
    return (uint32_t)(seen > kept ? seen : kept);
}

uint64_t core_upkeep_pace_pause_ns(uint32_t level, uint32_t load, uint64_t late_ns,
                                   uint64_t took_ns)
{
    uint64_t parts = (uint64_t)level * level;
    if (parts <= CORE_UPKEEP_PACE_ALL) {
        return 0;
    }
    uint64_t most =
        load < CORE_UPKEEP_PACE_ROOM ? CORE_UPKEEP_PACE_EIGHTH : CORE_UPKEEP_PACE_SIXTEENTH / level;
    uint64_t doubled = late_ns / CORE_UPKEEP_PACE_DOUBLE_NS;
    most >>= doubled < 16 ? doubled : 16;
    most = most > CORE_UPKEEP_PACE_EIGHTH ? most : CORE_UPKEEP_PACE_EIGHTH;
    parts = parts < most ? parts : most;
    uint64_t worked_ns = took_ns < CORE_UPKEEP_PACE_NS_MAX ? took_ns : CORE_UPKEEP_PACE_NS_MAX;
    uint64_t pause_ns = worked_ns * (parts - CORE_UPKEEP_PACE_ALL) / CORE_UPKEEP_PACE_ALL;
    return pause_ns < CORE_UPKEEP_PACE_NS_MAX ? pause_ns : CORE_UPKEEP_PACE_NS_MAX;
}
