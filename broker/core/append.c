/* See append.h. */
#include "broker/core/append.h"

#include "base/assert.h"
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"

static void core_append_run(struct core_shard *at, struct core_call *call);
static void core_append_done(struct core_shard *home, struct core_call *call);

static void core_append_count(struct core_shard *cs, const struct core_append *append)
{
    cs->appends_count++;
    cs->appends_bytes += append->loan->length;
}

void core_append_start(struct core_shard *cs, struct core_append *append)
{
    ASSERT(append->acks >= -1);
    ASSERT(append->acks <= 1);
    ASSERT(append->info->fault == CORE_RECORDS_FAULT_NONE);
    append->append_time_ms = -1;
    append->leader = RAFT_NO_LEADER;
    append->leader_epoch = -1;
    append->base_offset = 0;
    append->log_start_offset = 0;
    append->in_waiting = (struct list_node){0};
    core_append_count(cs, append);
    core_call_start(cs, core_shard_of(cs->core, append->group), &append->call, core_append_run,
                    core_append_done);
}

static void core_append_run(struct core_shard *at, struct core_call *call)
{
    struct core_append *append = CONTAINER_OF(call, struct core_append, call);
    core_append_count(at, append);
    struct core_partition *part =
        core_partition_find(at, append->group, &append->topic, append->partition);
    if (part == NULL) {
        core_loans_return(&at->loans, append->loan);
        append->code = CORE_UNKNOWN_TOPIC;
        core_call_end(at, call);
        return;
    }
    core_partition_append(part, append);
}

static void core_append_done(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_append *append = CONTAINER_OF(call, struct core_append, call);
    append->done(append);
}
