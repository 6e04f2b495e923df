/* The pace of what is late: of the time of a shard whose producers are busy, its views that lag or
 * are being built have a small part, which goes by what appends take.
 *
 *     what appends take of the time    1 % or less    2 %    4 %     10 %     25 %    50 %    all
 *     what late views have of it       all            1/4    1/16    1/100    1/64    1/32    1/16
 *     on a machine that has room       all            1/4    1/8     1/8      1/8     1/8     1/8
 *
 * That is a sixteenth of what appends take. Producers that take little leave room, the more the
 * less they take: by the square, so that a fold that makes appends late, and so fewer, does not
 * gain what they lose. What a view is late for doubles its part every half a minute, to an eighth:
 * one that can keep up does so in the end, beside producers that never rest, too.
 *
 * Appends are counted, not timed, and what is late may not take whatever is idle here: who sends is
 * often on the same processors, and what looks idle is where he works. So it is the machine that is
 * asked for room: half of its processors idle over the last minute. Own shard only. */
#ifndef BROKER_CORE_UPKEEP_PACE_H
#define BROKER_CORE_UPKEEP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/timer.h"

struct core_shard;

/* Of a shard. The fields are private to upkeep_pace.c. */
struct core_upkeep_pace {
    struct core_shard *cs;
    struct rt_timer timer; /* what is late goes on */
    uint64_t next_ns;      /* when, rt_now_ns; 0: at once */
    uint64_t looked_ns;    /* when appends were looked at last, */
    uint64_t appends_ns;   /* what they had taken by then, about, */
    uint32_t level;        /* and what they take, in thousandths of the time */
    uint32_t load;         /* of the machine then, rt_shard_load */
    bool is_over;
};

/* Make it ready: `over` is called when what had to pause may go on. */
void core_upkeep_pace_init(struct core_upkeep_pace *pace, struct core_shard *cs,
                           void (*over)(struct rt_timer *timer));

/* Nothing pauses any more. */
void core_upkeep_pace_stop(struct core_upkeep_pace *pace);

/* Whether what is paced may go on now; else `over` tells. */
bool core_upkeep_pace_may(struct core_upkeep_pace *pace);

/* It has worked since then, rt_now_precise_ns, for a view that is late since `late_since_ns`. */
void core_upkeep_pace_took(struct core_upkeep_pace *pace, uint64_t since_ns,
                           uint64_t late_since_ns);

/* Pure. Whether a view's next step is paced: of one that is being built, or has lagged for so long
 * (0: it does not) that it will not keep up again by itself. A hiccup is made good at once. */
bool core_upkeep_pace_is_wanted(bool is_building, uint64_t lagging_ns);

/* Pure. The level after a look: appends took `appends_ns` of the `passed_ns` (> 0) since the last
 * one. It rises at once, and falls within an eighth of a second. */
uint32_t core_upkeep_pace_level(uint32_t level, uint64_t appends_ns, uint64_t passed_ns);

/* Pure. How long what has worked for `took_ns` pauses at that level, on a machine of that load, for
 * a view that has been late for `late_ns`. */
uint64_t core_upkeep_pace_pause_ns(uint32_t level, uint32_t load, uint64_t late_ns,
                                   uint64_t took_ns);

#endif
