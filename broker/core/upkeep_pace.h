/* The pace of folds that are late: while producers are busy, those of a shard's views that lag or
 * are being built have an eighth of its time. Own shard only. */
#ifndef BROKER_CORE_UPKEEP_PACE_H
#define BROKER_CORE_UPKEEP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/timer.h"

struct core_shard;

/* Of a shard. The fields are private to upkeep_pace.c. */
struct core_upkeep_pace {
    struct core_shard *cs;
    struct rt_timer timer; /* folds go on */
    uint64_t next_ns;      /* when, rt_now_ns; 0: at once */
    uint64_t looked_ns;    /* when producers were looked at last, */
    uint64_t appends_ns;   /* what appends had cost by then, about, */
    bool has_producers;    /* and whether they are busy */
    bool is_over;
};

/* Make it ready: `over` is called when folds that had to pause may go on. */
void core_upkeep_pace_init(struct core_upkeep_pace *pace, struct core_shard *cs,
                           void (*over)(struct rt_timer *timer));

/* No fold pauses any more. */
void core_upkeep_pace_stop(struct core_upkeep_pace *pace);

/* Whether a fold that is paced may go on now; else `over` tells. */
bool core_upkeep_pace_may(struct core_upkeep_pace *pace);

/* One has folded since then, rt_now_precise_ns. */
void core_upkeep_pace_took(struct core_upkeep_pace *pace, uint64_t since_ns);

#endif
