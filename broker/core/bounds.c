/* See bounds.h. */
#include "broker/core/bounds.h"

#include "base/assert.h"
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"

static void core_bounds_run(struct core_shard *at, struct core_call *call);
static void core_bounds_came_home(struct core_shard *home, struct core_call *call);

void core_bounds_start(struct core_shard *cs, struct core_bounds *bounds)
{
    ASSERT(bounds->count >= 1);
    bool is_asked[LIMIT_SHARDS_COUNT] = {false};
    bounds->away_count = 0;
    for (uint32_t i = 0; i < bounds->count; i++) {
        uint32_t to = core_shard_of(cs->core, bounds->groups[i]);
        bounds->away_count += !is_asked[to];
        is_asked[to] = true;
    }
    for (uint32_t to = 0; to < cs->core->shards_count; to++) {
        if (is_asked[to]) {
            bounds->parts[to].bounds = bounds;
            core_call_start(cs, to, &bounds->parts[to].call, core_bounds_run,
                            core_bounds_came_home);
        }
    }
}

static void core_bounds_run(struct core_shard *at, struct core_call *call)
{
    const struct core_bounds *bounds = CONTAINER_OF(call, struct core_bounds_part, call)->bounds;
    for (uint32_t i = 0; i < bounds->count; i++) {
        if (core_shard_of(at->core, bounds->groups[i]) != at->shard->id) {
            continue;
        }
        const struct core_partition *part =
            core_partition_find(at, bounds->groups[i], &bounds->topic, bounds->first + i);
        struct core_bounds_item *item = &bounds->items[i];
        *item = (struct core_bounds_item){.code = part == NULL      ? CORE_UNKNOWN_TOPIC
                                                  : part->is_closed ? CORE_NOT_AVAILABLE
                                                                    : CORE_OK};
        if (item->code == CORE_OK) {
            item->start = core_partition_log_start(part);
            item->end = part->hw_offset;
        }
    }
    core_call_end(at, call);
}

static void core_bounds_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_bounds *bounds = CONTAINER_OF(call, struct core_bounds_part, call)->bounds;
    if (--bounds->away_count == 0) {
        bounds->done(bounds);
    }
}
