/* See describe.h. */
#include "broker/core/describe.h"

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"

static void core_describe_run(struct core_shard *at, struct core_call *call);
static void core_describe_came_home(struct core_shard *home, struct core_call *call);

void core_describe_add(struct core_describe *describe, struct core_describe_item *item)
{
    item->next = NULL;
    if (describe->items == NULL) {
        describe->items = item;
    } else {
        describe->last->next = item;
    }
    describe->last = item;
}

void core_describe_start(struct core_shard *cs, struct core_describe *describe)
{
    ASSERT(describe->items != NULL);
    describe->away_count = 0;
    for (struct core_describe_item *item = describe->items; item != NULL; item = item->next) {
        struct core_describe_part *part = &describe->parts[core_shard_of(cs->core, item->group)];
        item->next_of_part = part->items;
        part->items = item;
        part->describe = describe;
    }
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        if (describe->parts[i].items != NULL) {
            describe->away_count++;
            core_call_start(cs, i, &describe->parts[i].call, core_describe_run,
                            core_describe_came_home);
        }
    }
}

static void core_describe_run(struct core_shard *at, struct core_call *call)
{
    struct core_describe_part *part = CONTAINER_OF(call, struct core_describe_part, call);
    for (struct core_describe_item *item = part->items; item != NULL; item = item->next_of_part) {
        struct core_partition *p =
            core_partition_find(at, item->group, &item->topic, item->partition);
        item->leader = RAFT_NO_LEADER;
        item->leader_epoch = -1;
        item->code = p == NULL ? CORE_UNKNOWN_TOPIC : p->is_closed ? CORE_NOT_AVAILABLE : CORE_OK;
        if (item->code == CORE_OK) {
            item->leader = raft_group_leader(&p->group);
            item->leader_epoch = (int32_t)raft_group_term_shown(&p->group);
        }
    }
    core_call_end(at, call);
}

static void core_describe_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_describe_part *part = CONTAINER_OF(call, struct core_describe_part, call);
    struct core_describe *describe = part->describe;
    if (--describe->away_count == 0) {
        describe->done(describe);
    }
}
