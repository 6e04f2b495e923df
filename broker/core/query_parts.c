/* Parts of an aggregation. See query_parts.h. */
#include "broker/core/query_parts.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/plans.h"
#include "broker/core/query_run.h"
#include "broker/core/stream.h"

static bool core_query_parts_make(struct core_query_parts *parts, struct core_query_run *run);
static void core_query_parts_bounded(struct core_bounds *bounds);
static void core_query_parts_start(struct core_query_parts *parts);
static enum exec_result core_query_parts_next(void *ctx, struct exec_failure *failure,
                                              struct exec_query **out);
static void core_query_parts_joined(void *ctx, struct exec_query *exec);
static void core_query_part_run(struct core_shard *at, struct core_call *call);
static void core_query_part_ended(struct core_shard *at, struct core_call *call);
static void core_query_part_ready(void *ctx);
static void core_query_part_close(struct core_query_part *part);
static void core_query_part_close_run(struct core_shard *at, struct core_call *call);
static void core_query_part_free(struct core_query_part *part, uint64_t end_ns);
static void core_query_part_closed(void *ctx);
static void core_query_part_gone(struct core_shard *at, struct core_call *call);

/* The stream below the aggregation. */
static const struct core_stream_relation *core_query_parts_stream(const struct plan_node *node)
{
    while (node->kind != PLAN_SCAN) {
        node = node->input;
    }
    return node->scan.relation->owner;
}

bool core_query_parts_begin(struct core_query_run *run, const struct exec_setting *setting)
{
    struct core_query_parts *parts = &run->parts;
    struct core_shard *cs = run->queries->cs;
    const struct plan *plan = &run->plan->plan;
    const struct plan_node *node = exec_parts_node(plan);
    *parts = (struct core_query_parts){.run = NULL};
    if (cs->core->shards_count < 2 || node == NULL) {
        return false;
    }
    const struct core_stream_relation *stream = core_query_parts_stream(node);
    parts->partitions_count = stream->partitions_count;
    parts->groups = stream->groups;
    if (!core_query_parts_make(parts, run)) {
        return false;
    }
    parts->run = run;
    run->queries->slots_count += parts->slots_count;
    parts->ops = (struct exec_parts){core_query_parts_next, core_query_parts_joined, parts};
    parts->plan = plan;
    parts->setting = *setting;
    parts->setting.is_part = true;
    parts->bytes_max = run->budget.limit_bytes;
    parts->bounds.done = core_query_parts_bounded;
    parts->bounds.ctx = parts;
    parts->bounds.topic = stream->stream.topic;
    parts->bounds.count = parts->partitions_count;
    parts->bounds.groups = parts->groups;
    parts->bounds.items = parts->items;
    parts->busy_count = 1;
    core_bounds_start(cs, &parts->bounds);
    return true;
}

/* Slots, and room for bounds. False: there is no memory, or it would be one slot. */
static bool core_query_parts_make(struct core_query_parts *parts, struct core_query_run *run)
{
    struct arena *a = &run->arena;
    const struct core_queries *queries = run->queries;
    uint32_t shards_count = queries->cs->core->shards_count;
    uint32_t left_count = queries->running_max > queries->slots_count
                              ? queries->running_max - queries->slots_count
                              : 0;
    uint32_t count = CORE_QUERY_PARTS_PER_SHARD * shards_count;
    count = count < parts->partitions_count ? count : parts->partitions_count;
    count = count < left_count ? count : left_count;
    if (count < 2) {
        return false;
    }
    parts->slots_count = count;
    parts->slots =
        arena_alloc_zeroed(a, count * sizeof(*parts->slots), _Alignof(struct core_query_part));
    parts->items = arena_alloc_zeroed(a, parts->partitions_count * sizeof(*parts->items),
                                      _Alignof(struct core_bounds_item));
    parts->bounds.parts = arena_alloc_zeroed(a, shards_count * sizeof(*parts->bounds.parts),
                                             _Alignof(struct core_bounds_part));
    return parts->slots != NULL && parts->items != NULL && parts->bounds.parts != NULL;
}

/* At home: all partitions have said where they begin and end. */
static void core_query_parts_bounded(struct core_bounds *bounds)
{
    struct core_query_parts *parts = bounds->ctx;
    parts->busy_count--;
    core_query_parts_start(parts);
    if (parts->busy_count == 0) {
        core_query_parts_gone(parts->run);
    }
}

/* Begin with partitions whose slots are free. */
static void core_query_parts_start(struct core_query_parts *parts)
{
    struct core_shard *cs = parts->run->queries->cs;
    while (parts->next_start < parts->partitions_count && !atomic_load(&parts->is_stopped)) {
        struct core_query_part *part = &parts->slots[parts->next_start % parts->slots_count];
        if (part->stage != CORE_QUERY_PART_IDLE) {
            return;
        }
        part->parts = parts;
        part->stage = CORE_QUERY_PART_AWAY;
        part->partition = parts->next_start;
        parts->busy_count++;
        core_call_start(cs, core_shard_of(cs->core, parts->groups[parts->next_start++]),
                        &part->call, core_query_part_run, core_query_part_ended);
    }
}

static enum exec_result core_query_parts_next(void *ctx, struct exec_failure *failure,
                                              struct exec_query **out)
{
    struct core_query_parts *parts = ctx;
    if (parts->next_join == parts->partitions_count) {
        return EXEC_END;
    }
    struct core_query_part *part = &parts->slots[parts->next_join % parts->slots_count];
    if (part->stage != CORE_QUERY_PART_READY || part->partition != parts->next_join) {
        return EXEC_BLOCKED;
    }
    const struct exec_failure *from = &part->exec.failure;
    if (from->state != NULL || from->vec.fault != VEC_FAULT_NONE) {
        exec_failure_copy(failure, from);
        return EXEC_FAILED;
    }
    parts->next_join++;
    *out = &part->exec;
    return EXEC_ROWS;
}

static void core_query_parts_joined(void *ctx, struct exec_query *exec)
{
    struct core_query_parts *parts = ctx;
    struct core_query_part *part = CONTAINER_OF(exec, struct core_query_part, exec);
    ASSERT(part->parts == parts);
    core_query_part_close(part);
}

void core_query_parts_end(struct core_query_parts *parts)
{
    atomic_store(&parts->is_stopped, true);
    for (uint32_t i = 0; i < parts->slots_count; i++) {
        if (parts->slots[i].stage == CORE_QUERY_PART_READY) {
            core_query_part_close(&parts->slots[i]);
        }
    }
}

void core_query_parts_forget(struct core_query_parts *parts)
{
    ASSERT(parts->busy_count == 0);
    if (parts->run != NULL) {
        parts->run->queries->slots_count -= parts->slots_count;
        parts->run = NULL;
    }
}

/* --- On the partition's shard --- */

static void core_query_part_run(struct core_shard *at, struct core_call *call)
{
    struct core_query_part *part = CONTAINER_OF(call, struct core_query_part, call);
    struct core_query_parts *parts = part->parts;
    struct exec_setting setting = parts->setting;
    ASSERT(part->scans.open_count == 0);
    part->is_blocked = false;
    part->is_closing = false;
    budget_init(&part->budget, "query", parts->bytes_max, &at->queries.budget);
    setting.budget = &part->budget;
    setting.partition = part->partition;
    part->scans = (struct core_scans){.cs = at,
                                      .ready = core_query_part_ready,
                                      .closed = core_query_part_closed,
                                      .ctx = part,
                                      .bounds = parts->items};
    part->is_open =
        !atomic_load(&parts->is_stopped) &&
        exec_open(&part->exec, parts->plan, &setting, &core_scan_ops, &part->scans) == ERR_OK;
    if (part->is_open) {
        core_queries_wake_part(&at->queries, part);
    } else {
        core_call_end(at, call);
    }
}

void core_query_part_go(struct core_query_part *part, uint64_t end_ns)
{
    struct core_shard *at = part->scans.cs;
    if (part->is_closing) {
        core_query_part_free(part, end_ns);
        return;
    }
    const struct vec_batch *batch;
    enum exec_result result = EXEC_AGAIN;
    while (result == EXEC_AGAIN && !atomic_load(&part->parts->is_stopped)) {
        result = exec_next(&part->exec, &batch);
        if (rt_now_precise_ns(at->shard) >= end_ns) {
            break;
        }
    }
    ASSERT(result != EXEC_ROWS);
    bool is_stopped = atomic_load(&part->parts->is_stopped);
    if (result == EXEC_BLOCKED && !is_stopped) {
        part->is_blocked = true;
    } else if (result == EXEC_AGAIN && !is_stopped) {
        core_queries_wake_part(&at->queries, part);
    } else {
        core_call_end(at, &part->call);
    }
}

/* A source has something for it; in a turn of the loop, perhaps unasked. */
static void core_query_part_ready(void *ctx)
{
    struct core_query_part *part = ctx;
    if (part->is_blocked) {
        part->is_blocked = false;
        core_queries_wake_part(&part->scans.cs->queries, part);
    }
}

static void core_query_part_close_run(struct core_shard *at, struct core_call *call)
{
    struct core_query_part *part = CONTAINER_OF(call, struct core_query_part, call);
    if (part->is_open) {
        exec_stop(&part->exec);
        part->is_open = false;
        part->is_held = true;
    }
    part->is_closing = true;
    core_query_part_free(part, rt_now_precise_ns(at->shard));
}

/* Give its memory back until `end_ns`, a piece at least; it is closed when all has gone. */
static void core_query_part_free(struct core_query_part *part, uint64_t end_ns)
{
    struct core_shard *at = part->scans.cs;
    while (part->is_held) {
        part->is_held = !exec_free(&part->exec, CORE_QUERY_FREE_BYTES);
        if (part->is_held && rt_now_precise_ns(at->shard) >= end_ns) {
            core_queries_wake_part(&at->queries, part);
            return;
        }
    }
    core_query_part_closed(part);
}

/* Its memory or the last of its sources is gone: it goes home when both are. */
static void core_query_part_closed(void *ctx)
{
    struct core_query_part *part = ctx;
    if (part->is_closing && !part->is_held && part->scans.open_count == 0) {
        budget_deinit(&part->budget);
        core_call_end(part->scans.cs, &part->call);
    }
}

/* --- At home --- */

static void core_query_part_ended(struct core_shard *at, struct core_call *call)
{
    struct core_query_part *part = CONTAINER_OF(call, struct core_query_part, call);
    struct core_query_parts *parts = part->parts;
    (void)at;
    ASSERT(part->stage == CORE_QUERY_PART_AWAY);
    part->stage = CORE_QUERY_PART_READY;
    if (atomic_load(&parts->is_stopped)) {
        core_query_part_close(part);
    } else {
        core_query_parts_ready(parts->run);
    }
}

static void core_query_part_close(struct core_query_part *part)
{
    struct core_query_parts *parts = part->parts;
    struct core_shard *cs = parts->run->queries->cs;
    ASSERT(part->stage == CORE_QUERY_PART_READY);
    part->stage = CORE_QUERY_PART_CLOSE;
    core_call_start(cs, core_shard_of(cs->core, parts->groups[part->partition]), &part->call,
                    core_query_part_close_run, core_query_part_gone);
}

static void core_query_part_gone(struct core_shard *at, struct core_call *call)
{
    struct core_query_part *part = CONTAINER_OF(call, struct core_query_part, call);
    struct core_query_parts *parts = part->parts;
    struct core_scans *scans = &parts->run->scans;
    (void)at;
    scans->records_count += part->scans.records_count;
    scans->bytes += part->scans.bytes;
    scans->errors_count += part->scans.errors_count;
    scans->duplicates_count += part->scans.duplicates_count;
    part->stage = CORE_QUERY_PART_IDLE;
    parts->busy_count--;
    core_query_parts_start(parts);
    if (parts->busy_count == 0) {
        core_query_parts_gone(parts->run);
    }
}
