/* A shard's part of the upkeep: its views' parts have their turns. See upkeep.h. */
#include "broker/core/upkeep.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"
#include "broker/core/upkeep_int.h"

/* What all parts together work in a turn of the loop. */
#define CORE_UPKEEP_TURN_NS (RT_NS_PER_MS / 2)

/* Of a shard's memory, what views may take that nobody has said: a quarter. */
#define CORE_UPKEEP_MEMORY_PART 4u

static void core_upkeep_turn(struct rt_op *op);
static void core_upkeep_pace_over(struct rt_timer *timer);

void core_upkeep_open(struct core_upkeep *upkeep, struct core_shard *cs)
{
    *upkeep = (struct core_upkeep){.cs = cs};
    size_t shard_bytes = rt_shard_budget(cs->shard)->limit_bytes;
    uint64_t asked_bytes = cs->core->config.view_total_bytes_max;
    uint64_t most_bytes = asked_bytes == 0            ? shard_bytes / CORE_UPKEEP_MEMORY_PART
                          : asked_bytes < shard_bytes ? asked_bytes
                                                      : shard_bytes;
    budget_init(&upkeep->budget, "views", most_bytes, &cs->budget);
    maint_scratch_init(&upkeep->scratch, &upkeep->budget);
    list_init(&upkeep->parts);
    list_init(&upkeep->ready);
    list_init(&upkeep->shorts);
    rt_op_init(&upkeep->op, cs->shard, core_upkeep_turn);
    core_upkeep_pace_init(&upkeep->pace, cs, core_upkeep_pace_over);
    for (uint32_t i = 0; i < STORE_SLICES; i++) {
        upkeep->slice_target[i] = (uint8_t)(i % cs->core->shards_count);
    }
    core_upkeep_metrics_open(upkeep);
    core_upkeep_home_open(upkeep);
}

void core_upkeep_stop(struct core_upkeep *upkeep)
{
    upkeep->is_stopping = true;
    core_upkeep_pace_stop(&upkeep->pace);
    core_upkeep_home_stop(upkeep);
    list_for_each (node, &upkeep->parts) {
        core_upkeep_wake(CONTAINER_OF(node, struct core_upkeep_part, in_parts));
    }
}

bool core_upkeep_is_idle(const struct core_upkeep *upkeep)
{
    return list_is_empty(&upkeep->parts) && !upkeep->is_op_away && upkeep->parcels_away == 0 &&
           core_upkeep_home_is_idle(upkeep);
}

void core_upkeep_close(struct core_upkeep *upkeep)
{
    ASSERT(core_upkeep_is_idle(upkeep));
    core_upkeep_home_close(upkeep);
    arena_deinit(&upkeep->scratch);
    budget_deinit(&upkeep->budget);
}

struct core_upkeep_part *core_upkeep_find(const struct core_upkeep *upkeep,
                                          const struct log_uuid *view)
{
    list_for_each (node, &upkeep->parts) {
        struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_parts);
        if (log_uuid_is_equal(&part->view, view)) {
            return part;
        }
    }
    return NULL;
}

/* --- Turns --- */

void core_upkeep_wake(struct core_upkeep_part *part)
{
    struct core_upkeep *upkeep = part->upkeep;
    if (!list_is_linked(&part->in_ready)) {
        list_push_back(&upkeep->ready, &part->in_ready);
    }
    if (!upkeep->is_op_away) {
        upkeep->is_op_away = true;
        rt_op_defer(&upkeep->op);
    }
}

static void core_upkeep_turn(struct rt_op *op)
{
    struct core_upkeep *upkeep = CONTAINER_OF(op, struct core_upkeep, op);
    struct rt_shard *shard = upkeep->cs->shard;
    uint64_t end_ns = rt_now_precise_ns(shard) + CORE_UPKEEP_TURN_NS;
    struct list_node *node;
    upkeep->is_op_away = false;
    while ((node = list_pop_front(&upkeep->ready)) != NULL) {
        struct core_upkeep_part *part = CONTAINER_OF(node, struct core_upkeep_part, in_ready);
        if (core_upkeep_part_run(part)) {
            core_upkeep_wake(part);
        }
        if (rt_now_precise_ns(shard) >= end_ns) {
            break;
        }
    }
    core_upkeep_tell_used(upkeep);
    if (!list_is_empty(&upkeep->ready) && !upkeep->is_op_away) {
        upkeep->is_op_away = true;
        rt_op_defer(op);
    }
}

/* What had to pause goes on. */
static void core_upkeep_pace_over(struct rt_timer *timer)
{
    struct core_upkeep *upkeep = CONTAINER_OF(timer, struct core_upkeep, pace.timer);
    list_for_each (node, &upkeep->parts) {
        core_upkeep_wake(CONTAINER_OF(node, struct core_upkeep_part, in_parts));
    }
}
