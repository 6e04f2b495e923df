/* The trimmer of a partition. See trim.h.
 *
 * A wish goes through three steps: the entry that holds its offset is looked up; it waits in
 * `waiting` until the log start is durable there; it is answered. What is proposed is the furthest
 * place wanted when the last entry was committed, so any number of wishes costs two entries at
 * most. Rejected: an entry for each; a client that deletes after every record would write twice as
 * many entries as it keeps. */
#include "broker/core/trim.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"

static void core_trim_run(struct core_shard *at, struct core_call *call);
static void core_trim_came_home(struct core_shard *home, struct core_call *call);
static enum core_code core_trim_check(struct core_trim *trim, const struct core_partition *part);
static void core_trim_find(struct core_trim *trim);
static void core_trim_found(struct log_retention_find *find);
static void core_trim_wait_start(struct core_trim *trim);
static void core_trim_wait(struct core_trim *trim);
static void core_trim_late(struct rt_timer *timer);
static void core_trim_answer(struct core_trim *trim, enum core_code code);
static bool core_trimmer_is_before(uint64_t index, uint32_t skip, uint64_t other_index,
                                   uint32_t other_skip);
static void core_trimmer_want_place(struct core_partition *part, uint64_t first_index,
                                    uint32_t skip_count);
static bool core_trimmer_is_busy(struct core_partition *part);
static void core_trimmer_propose(struct core_partition *part);
static void core_trimmer_answer(struct core_partition *part);
static void core_trimmer_failed(struct raft_proposal *proposal);
static void core_trimmer_fail(struct core_partition *part, enum core_code code);

/* --- A client's wish --- */

void core_trim_start(struct core_shard *cs, struct core_trim *trim)
{
    trim->log_start_offset = 0;
    list_node_init(&trim->in_partition);
    core_call_start(cs, core_shard_of(cs->core, trim->group), &trim->call, core_trim_run,
                    core_trim_came_home);
}

static void core_trim_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_trim *trim = CONTAINER_OF(call, struct core_trim, call);
    trim->done(trim);
}

static void core_trim_run(struct core_shard *at, struct core_call *call)
{
    struct core_trim *trim = CONTAINER_OF(call, struct core_trim, call);
    struct core_partition *part =
        core_partition_find(at, trim->group, &trim->topic, trim->partition);
    trim->part = part;
    if (part == NULL || part->is_closed) {
        trim->code = part == NULL ? CORE_UNKNOWN_TOPIC : CORE_NOT_AVAILABLE;
        core_call_end(at, call);
        return;
    }
    trim->code = core_trim_check(trim, part);
    if (trim->code != CORE_OK) {
        core_trim_answer(trim, trim->code);
    } else if ((uint64_t)trim->offset <= core_partition_log_start(part)) {
        core_trim_wait_start(trim);
    } else if ((uint64_t)trim->offset == part->hw_offset) {
        trim->first_index = part->hw_index + 1;
        trim->skip_count = 0;
        core_trim_wait(trim);
    } else {
        core_trim_find(trim);
    }
}

/* Whether the offset may be asked for; CORE_TRIM_ALL becomes one. */
static enum core_code core_trim_check(struct core_trim *trim, const struct core_partition *part)
{
    if (raft_group_leader(&part->group) != part->cs->core->config.node_id) {
        return CORE_NOT_LEADER;
    }
    if (trim->offset == CORE_TRIM_ALL) {
        trim->offset = (int64_t)part->hw_offset;
    }
    bool is_there = trim->offset >= 0 && (uint64_t)trim->offset <= part->hw_offset;
    return is_there ? CORE_OK : CORE_OFFSET_OUT_OF_RANGE;
}

static void core_trim_find(struct core_trim *trim)
{
    struct core_partition *part = trim->part;
    struct core_reading *reading;
    enum err err = core_reading_new(part, trim, &reading);
    if (err != ERR_OK) {
        core_trim_answer(trim, core_code_of(err));
        return;
    }
    reading->find = (struct log_retention_find){.done = core_trim_found, .ctx = reading};
    log_retention_find(&reading->find, part->group.log, (uint64_t)trim->offset, part->hw_index);
}

static void core_trim_found(struct log_retention_find *find)
{
    struct core_reading *reading = find->ctx;
    struct core_trim *trim = reading->ctx;
    struct core_partition *part = trim->part;
    enum err err = find->err;
    trim->first_index = find->first_index;
    trim->skip_count = find->skip_count;
    if (part->is_closing) {
        core_trim_answer(trim, part->is_deleted ? CORE_UNKNOWN_TOPIC : CORE_CLOSING);
    } else if (err == ERR_RANGE) { /* another wish has gone further meanwhile */
        core_trim_wait_start(trim);
    } else if (err != ERR_OK) {
        core_trim_answer(trim, core_code_of(err));
    } else {
        core_trim_wait(trim);
    }
    core_reading_free(reading);
}

/* It is gone, which is durable in a moment. */
static void core_trim_wait_start(struct core_trim *trim)
{
    struct log_status status = core_partition_status(trim->part);
    trim->first_index = status.start.index;
    trim->skip_count = status.start.skip_count;
    core_trim_wait(trim);
}

static void core_trim_wait(struct core_trim *trim)
{
    struct core_partition *part = trim->part;
    struct rt_shard *shard = part->cs->shard;
    int64_t wait_ms = trim->timeout_ms > 0 ? trim->timeout_ms : 0;
    list_push_back(&part->trimmer.waiting, &trim->in_partition);
    rt_timer_init(&trim->deadline, shard, core_trim_late);
    rt_timer_start(&trim->deadline, rt_now_ns(shard) + (uint64_t)wait_ms * RT_NS_PER_MS);
    core_trimmer_want_place(part, trim->first_index, trim->skip_count);
    core_trimmer_answer(part);
}

static void core_trim_late(struct rt_timer *timer)
{
    core_trim_answer(CONTAINER_OF(timer, struct core_trim, deadline), CORE_TIMEOUT);
}

static void core_trim_answer(struct core_trim *trim, enum core_code code)
{
    if (list_is_linked(&trim->in_partition)) {
        list_remove(&trim->in_partition);
        rt_timer_stop(&trim->deadline);
    }
    trim->code = code;
    trim->log_start_offset = core_partition_log_start(trim->part);
    core_call_end(trim->part->cs, &trim->call);
}

/* --- The trimmer --- */

void core_trimmer_init(struct core_partition *part)
{
    part->trimmer = (struct core_trimmer){.wanted_index = 0};
    list_init(&part->trimmer.waiting);
}

void core_trimmer_close(struct core_partition *part, enum core_code code)
{
    core_trimmer_fail(part, code);
}

void core_trimmer_want(struct core_partition *part, uint64_t first_index)
{
    core_trimmer_want_place(part, first_index, 0);
}

void core_trimmer_moved(struct core_partition *part)
{
    core_trimmer_propose(part);
    core_trimmer_answer(part);
}

/* Whether one place in the log lies before another. */
static bool core_trimmer_is_before(uint64_t index, uint32_t skip, uint64_t other_index,
                                   uint32_t other_skip)
{
    return index < other_index || (index == other_index && skip < other_skip);
}

static void core_trimmer_want_place(struct core_partition *part, uint64_t first_index,
                                    uint32_t skip_count)
{
    struct core_trimmer *t = &part->trimmer;
    if (core_trimmer_is_before(t->wanted_index, t->wanted_skip, first_index, skip_count)) {
        t->wanted_index = first_index;
        t->wanted_skip = skip_count;
    }
    t->term = raft_group_term(&part->group);
    if (!core_trimmer_is_busy(part)) { /* what was asked for may have come to nothing */
        t->asked_index = 0;
        t->asked_skip = 0;
    }
    core_trimmer_propose(part);
}

/* Whether the entry proposed is not committed. */
static bool core_trimmer_is_busy(struct core_partition *part)
{
    struct core_trimmer *t = &part->trimmer;
    t->is_proposed =
        t->is_proposed && t->proposal.index > raft_group_indexes(&part->group)->committed;
    return t->is_proposed;
}

/* Propose what is wanted, when what was proposed is committed, and what is to go as well. Entries
 * that wait for that may be others in a later term. */
static void core_trimmer_propose(struct core_partition *part)
{
    struct core_trimmer *t = &part->trimmer;
    struct log_point start = core_partition_status(part).start;
    uint64_t needed = t->wanted_index - (t->wanted_skip == 0 ? 1 : 0);
    bool is_more =
        core_trimmer_is_before(t->asked_index, t->asked_skip, t->wanted_index, t->wanted_skip) &&
        core_trimmer_is_before(start.index, start.skip_count, t->wanted_index, t->wanted_skip);
    if (core_trimmer_is_busy(part) || !is_more) {
        return;
    }
    if (raft_group_term(&part->group) != t->term) {
        core_trimmer_fail(part, CORE_NOT_LEADER);
        return;
    }
    if (needed > raft_group_indexes(&part->group)->committed) {
        return;
    }
    t->proposal = (struct raft_proposal){.failed = core_trimmer_failed, .ctx = part};
    enum err err =
        raft_group_propose_trim(&part->group, &t->proposal, t->wanted_index, t->wanted_skip);
    if (err != ERR_OK) {
        core_trimmer_fail(part, core_code_of(err));
        return;
    }
    t->asked_index = t->wanted_index;
    t->asked_skip = t->wanted_skip;
    t->is_proposed = true;
}

/* Whoever wanted no more than what is durably gone. */
static void core_trimmer_answer(struct core_partition *part)
{
    const struct raft_group_indexes *at = raft_group_indexes(&part->group);
    list_for_each_safe (node, next, &part->trimmer.waiting) {
        struct core_trim *trim = CONTAINER_OF(node, struct core_trim, in_partition);
        if (!core_trimmer_is_before(at->trimmed + 1, at->trimmed_skip, trim->first_index,
                                    trim->skip_count)) {
            core_trim_answer(trim, CORE_OK);
        }
    }
}

static void core_trimmer_failed(struct raft_proposal *proposal)
{
    struct core_partition *part = proposal->ctx;
    part->trimmer.is_proposed = false;
    core_trimmer_fail(part, core_code_of(proposal->err));
}

/* Nobody gets what he waits for. The next wish begins anew. */
static void core_trimmer_fail(struct core_partition *part, enum core_code code)
{
    struct core_trimmer *t = &part->trimmer;
    t->wanted_index = 0;
    t->wanted_skip = 0;
    t->asked_index = 0;
    t->asked_skip = 0;
    list_for_each_safe (node, next, &t->waiting) {
        core_trim_answer(CONTAINER_OF(node, struct core_trim, in_partition), code);
    }
}
