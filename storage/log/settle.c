/* Rounds of settling. See settle.h and settle_int.h.
 *
 *     IDLE -> WRITE (a job per dirty group, LOG_SETTLE_JOBS at a time) -> TABLE (rows at the
 * keeper) -> IDLE
 *
 * What a round may not do is believe what it has not seen synced: a slot is settled when the table
 * that says so is. */
#include "storage/log/settle.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "base/sm.h"
#include "storage/log/keeper.h"
#include "storage/log/settle_int.h"

/* Pacing: so many bytes may be written for each byte that was appended; so many, so often, besides.
 */
#define SETTLE_PACE       4u
#define SETTLE_TICK_NS    (2 * RT_NS_PER_MS)
#define SETTLE_TICK_BYTES (1u << 20)
#define SETTLE_CREDIT_MAX (8u << 20)
#define SETTLE_RETRY_NS   (100 * RT_NS_PER_MS)

static void settle_begin(struct rt_op *op);
static void settle_wish(struct log_settle *settle);
static void settle_next(struct settle_state *state);
static void settle_table(struct settle_state *state);
static void settle_tabled(struct log_rows *rows);
static void settle_commit(struct settle_state *state, struct log *log);
static void settle_end(struct settle_state *state);
static void settle_timer(struct rt_timer *timer);
static bool settle_row(struct settle_state *state, struct log *log, struct log_row *row);
static void settle_row_end(const struct log *log, const struct log_slot *first,
                           struct log_row *row);

static const struct sm_conf settle_stages[] = {
    [SETTLE_IDLE] = {"IDLE", SM_BIT(SETTLE_WRITE), SM_INITIAL | SM_FINAL},
    [SETTLE_WRITE] = {"WRITE", SM_BIT(SETTLE_TABLE) | SM_BIT(SETTLE_IDLE), 0},
    [SETTLE_TABLE] = {"TABLE", SM_BIT(SETTLE_IDLE), 0},
};

static const struct sm_decl settle_decl = {"settle", settle_stages, ARRAY_COUNT(settle_stages),
                                           NULL};

enum err log_settle_init(struct log_settle *settle, struct log_shard *ls)
{
    *settle = (struct log_settle){0};
    settle->ls = ls;
    list_init(&settle->dirty);
    rt_timer_init(&settle->timer, ls->shard, settle_timer);
    void *made = NULL;
    enum err err = budget_alloc(&ls->budget, sizeof(struct settle_state), 64, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct settle_state *state = made;
    settle->state = state;
    state->settle = settle;
    list_init(&state->waiting);
    list_init(&state->settled);
    sm_init(&state->sm, &settle_decl, SETTLE_IDLE, NULL, 0);
    rt_op_init(&state->op_begin, ls->shard, settle_begin);
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        err = settle_job_init(&state->jobs[i], state);
        ASSERT(err == ERR_OK);
    }
    return ERR_OK;
}

void log_settle_deinit(struct log_settle *settle)
{
    struct settle_state *state = settle->state;
    if (state == NULL) {
        return;
    }
    ASSERT(!settle->is_running);
    rt_timer_stop(&settle->timer);
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        settle_job_deinit(&state->jobs[i]);
    }
    budget_free(&settle->ls->budget, state->rows.rows);
    budget_free(&settle->ls->budget, state);
    settle->state = NULL;
}

void log_settle_note(struct log *log, uint64_t file_number, uint64_t bytes)
{
    struct log_settle *settle = &log->ls->settle;
    struct settle_state *state = settle->state;
    if (log->file_lowest == UINT64_MAX) {
        log->file_lowest = file_number;
    }
    if (!list_is_linked(&log->in_dirty)) {
        list_push_back(&settle->dirty, &log->in_dirty);
    }
    state->last_note_ns = rt_now_ns(log->ls->shard);
    uint64_t credit = settle->credit_bytes + bytes * SETTLE_PACE;
    settle->credit_bytes = credit < SETTLE_CREDIT_MAX ? credit : SETTLE_CREDIT_MAX;
    if (log->ls->lane.unsettled_bytes >= log->ls->store->config.unsettled_bytes_max / 2) {
        uint64_t previous = log->ls->lane.previous_number;
        if (previous > 0 && previous - 1 > settle->file_target) {
            settle->file_target = previous - 1;
        }
        settle_wish(settle);
    } else if (!settle->is_running && !rt_timer_is_running(&settle->timer)) {
        rt_timer_start(&settle->timer, state->last_note_ns + log->ls->store->config.settle_ns);
    }
}

void log_settle_want(struct log_settle *settle, uint64_t file_number)
{
    if (file_number > settle->file_target) {
        settle->file_target = file_number;
    }
    settle_wish(settle);
}

void log_settle_all(struct log_settle *settle, void (*flushed)(struct log_settle *settle))
{
    settle->flushed = flushed;
    settle->is_urgent = true;
    settle_wish(settle);
    if (settle->is_running) {
        settle->is_wanted = true; /* a round that sees all that is durable now */
    }
}

void log_settle_changed(struct log *log)
{
    log->wants_clean = true;
    log_settle_note(log, log_lane_file_number(&log->ls->lane), 0);
}

/* A round from the ready queue, now or after the present one. */
static void settle_wish(struct log_settle *settle)
{
    struct settle_state *state = settle->state;
    if (settle->is_running) {
        return;
    }
    if (rt_op_is_idle(&state->op_begin)) {
        rt_op_defer(&state->op_begin);
    }
}

static void settle_begin(struct rt_op *op)
{
    struct settle_state *state = CONTAINER_OF(op, struct settle_state, op_begin);
    struct log_settle *settle = state->settle;
    if (settle->is_running) {
        return;
    }
    settle->is_running = true;
    settle->is_wanted = false;
    settle->rounds_count++;
    state->has_failed = false;
    state->file_target = settle->file_target;
    list_for_each (node, &settle->dirty) {
        struct log *log = CONTAINER_OF(node, struct log, in_dirty);
        list_push_back(&state->waiting, &log->in_round);
    }
    sm_move(&state->sm, SETTLE_WRITE);
    rt_timer_start(&settle->timer, rt_now_ns(settle->ls->shard) + SETTLE_TICK_NS);
    settle_next(state);
}

/* Idle jobs take the next groups; when all have ended, the table. */
static void settle_next(struct settle_state *state)
{
    bool is_fenced = atomic_load(&state->settle->ls->store->is_fenced);
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        struct settle_job *job = &state->jobs[i];
        while (job->log == NULL && !list_is_empty(&state->waiting) && !state->has_failed &&
               !is_fenced) {
            struct log *log = CONTAINER_OF(list_pop_front(&state->waiting), struct log, in_round);
            state->running_count++;
            settle_job_start(job, log); /* may have ended when it returns */
        }
    }
    if (state->running_count == 0 && sm_stage(&state->sm) == SETTLE_WRITE) {
        while (!list_is_empty(&state->waiting)) {
            list_pop_front(&state->waiting);
        }
        settle_table(state);
    }
}

void settle_job_done(struct settle_job *job)
{
    struct settle_state *state = job->state;
    struct log *log = job->log;
    struct log_shard *ls = log->ls;
    job->log = NULL;
    log->is_settling = false;
    list_push_back(&state->settled, &log->in_round);
    if (job->err != ERR_OK) {
        state->has_failed = true;
        bool is_passing = err_is_retriable(job->err) || job->err == ERR_CLOSING;
        if (ls->diag != NULL) {
            DIAG_WARN(ls->diag, "log", "cannot settle", DIAG_U64("group", log->group),
                      DIAG_ERR("error", job->err), DIAG_I64("errno", job->saved_errno));
        }
        if (!is_passing && job->err != ERR_CORRUPT && job->err != ERR_FENCED) {
            log_lane_fence(&ls->lane, job->err, job->saved_errno);
        }
    }
    log_lane_kick(&ls->lane); /* a direct write may have waited for it */
    ASSERT(state->running_count > 0);
    state->running_count--;
    if (rt_op_is_idle(&job->op)) {
        rt_op_init(&job->op, ls->shard, job->op.done);
    }
    if (rt_op_is_idle(&state->op_begin)) {
        state->op_begin.done = settle_continue;
        rt_op_defer(&state->op_begin);
    }
}

/* From the ready queue: jobs that end at once do not nest. */
void settle_continue(struct rt_op *op)
{
    struct settle_state *state = CONTAINER_OF(op, struct settle_state, op_begin);
    op->done = settle_begin;
    settle_next(state);
}

bool settle_may_write(struct settle_state *state, uint32_t bytes)
{
    struct log_settle *settle = state->settle;
    if (settle->is_urgent || settle->credit_bytes >= bytes) {
        settle->credit_bytes -= settle->credit_bytes < bytes ? settle->credit_bytes : bytes;
        return true;
    }
    return false;
}

/* During a round: credit for those that wait. Otherwise: appends have paused. */
static void settle_timer(struct rt_timer *timer)
{
    struct log_settle *settle = CONTAINER_OF(timer, struct log_settle, timer);
    struct settle_state *state = settle->state;
    if (!settle->is_running) {
        settle_wish(settle);
        return;
    }
    uint64_t credit = settle->credit_bytes + SETTLE_TICK_BYTES;
    settle->credit_bytes = credit < SETTLE_CREDIT_MAX ? credit : SETTLE_CREDIT_MAX;
    rt_timer_start(timer, rt_now_ns(settle->ls->shard) + SETTLE_TICK_NS);
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        struct settle_job *job = &state->jobs[i];
        bool is_waiting = job->log != NULL && sm_stage(&job->sm) == SETTLE_STEP_LOG &&
                          job->copy.seg == NULL && rt_op_is_idle(&job->op) &&
                          rt_op_is_idle(&job->get.op);
        if (is_waiting) {
            settle_job_run(job);
        }
    }
}

/* --- The table --- */

static void settle_table(struct settle_state *state)
{
    struct log_settle *settle = state->settle;
    struct log_shard *ls = settle->ls;
    uint32_t count = (uint32_t)list_count(&state->settled);
    struct log_rows *rows = &state->rows;
    sm_move(&state->sm, SETTLE_TABLE);
    if (count > state->rows_max) {
        void *made = NULL;
        if (budget_alloc(&ls->budget, count * sizeof(*rows->rows), 8, &made) != ERR_OK) {
            state->has_failed = true;
            settle_end(state);
            return;
        }
        budget_free(&ls->budget, rows->rows);
        rows->rows = made;
        state->rows_max = count;
    }
    rows->rows_count = 0;
    rows->ls = ls;
    rows->done = settle_tabled;
    state->later_file = log_lane_file_number(&ls->lane);
    rows->file_needed = state->later_file;
    list_for_each (node, &state->settled) {
        struct log *log = CONTAINER_OF(node, struct log, in_round);
        log->has_round_row = settle_row(state, log, &log->round_row);
        if (log->has_round_row) {
            rows->rows[rows->rows_count++] = log->round_row;
        }
        log->cut_epoch_of_round = log->cut_epoch;
        if (log->round_file < rows->file_needed) {
            rows->file_needed = log->round_file;
        }
    }
    list_for_each (node, &settle->dirty) { /* those that are not in this round, or failed */
        const struct log *log = CONTAINER_OF(node, struct log, in_dirty);
        if (!list_is_linked(&log->in_round) && log->file_lowest < rows->file_needed) {
            rows->file_needed = log->file_lowest;
        }
    }
    if (atomic_load(&ls->store->is_fenced)) {
        settle_end(state);
        return;
    }
    log_keeper_rows(rows);
}

/* What the table is to say of `log`, as far as it is durable. False: nothing new; log->round_file
 * is what it still needs. */
static bool settle_row(struct settle_state *state, struct log *log, struct log_row *row)
{
    log->round_file = log->file_lowest;
    if (log->cuts_pending > 0 || (log->is_deleted && !log->is_delete_durable)) {
        return false;
    }
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->has_files && !seg->is_made) {
            return false; /* a job ended before their names were durable */
        }
    }
    *row = log->row;
    row->group = log->group;
    row->topic = log->topic;
    row->partition = log->partition;
    row->state = log->is_deleted ? LOG_ROW_DELETED : LOG_ROW_LIVE;
    row->flags = log->is_amnesiac ? LOG_ROW_AMNESIAC : 0;
    row->hard = log->durable_hard;
    row->start = log->durable_start;
    if (log->membership_index <= log->durable_index) {
        row->membership_index = log->membership_index;
    }
    row->quarantine_index = 0;
    row->quarantine_count = 0;
    list_for_each (node, &log->ranges) {
        const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
        row->quarantine_index =
            row->quarantine_count++ == 0 ? range->first_index : row->quarantine_index;
    }
    const struct log_slot *first = log->is_delete_durable ? NULL : settle_first(log);
    row->seq = log->durable_seq;
    log->round_file = UINT64_MAX;
    if (first != NULL) {
        row->seq = first->seq != 0 && first->seq - 1 < row->seq ? first->seq - 1 : row->seq;
        log->round_file = first->file_number != 0 ? first->file_number : state->later_file;
    }
    if (!log->is_deleted) {
        settle_row_end(log, first, row);
    }
    return true;
}

/* The settled end: just before `first`, or the end of the log. */
static void settle_row_end(const struct log *log, const struct log_slot *first, struct log_row *row)
{
    const struct log_segment *seg = first != NULL ? first->seg : log_segment_active(log);
    const struct log_slot *before = NULL;
    for (const struct log_slot *slot = log_tail_first(log); slot != first;
         slot = log_tail_next(log, slot)) {
        before = slot;
    }
    if (before != NULL) {
        row->end = (struct log_point){
            .index = before->rec.last_index,
            .offset = log_sidecar_next_offset(&before->rec),
            .term = before->rec.term,
            .chain = before->rec.chain,
        };
        row->max_timestamp = before->rec.max_timestamp;
    }
    if (seg == NULL) {
        return;
    }
    row->segment_index = seg->start.index;
    row->segment_generation = seg->generation;
    row->recs_count = first != NULL ? first->rec_number : seg->recs_total;
    row->end_pos = first != NULL ? first->rec.pos : seg->end_pos;
    row->written_bytes = seg->written_bytes;
}

static void settle_tabled(struct log_rows *rows)
{
    struct settle_state *state = CONTAINER_OF(rows, struct settle_state, rows);
    struct log_shard *ls = state->settle->ls;
    if (rows->err != ERR_OK) {
        state->has_failed = true;
        if (!err_is_retriable(rows->err) && rows->err != ERR_CLOSING) {
            log_lane_fence(&ls->lane, rows->err, rows->saved_errno);
        }
        settle_end(state);
        return;
    }
    list_for_each_safe (node, following, &state->settled) {
        struct log *log = CONTAINER_OF(node, struct log, in_round);
        list_remove(node);
        if (log->has_round_row) {
            settle_commit(state, log);
        }
    }
    settle_end(state);
}

/* The table says it: slots are settled, and what a file still holds of the group is known anew. */
static void settle_commit(struct settle_state *state, struct log *log)
{
    struct log_lane *lane = &log->ls->lane;
    if (log->is_deleted) {
        list_remove(&log->in_dirty);
        log_free(log);
        return;
    }
    if (log->cut_epoch != log->cut_epoch_of_round) {
        return; /* the next round says more */
    }
    log->row = log->round_row;
    for (struct log_slot *slot = log_tail_first(log);
         slot != NULL && slot->rec.last_index <= log->row.end.index;
         slot = log_tail_next(log, slot)) {
        if (!slot->is_settled) {
            lane->unsettled_bytes -= slot->unsettled_bytes;
            slot->unsettled_bytes = 0;
            slot->is_settled = true;
        }
    }
    log_tail_trim(log);
    bool is_clean = log->durable_seq == log->row.seq && log->pending_count == 0 &&
                    settle_first(log) == NULL && !log->wants_clean;
    log->file_lowest = is_clean                        ? UINT64_MAX
                       : log->round_file == UINT64_MAX ? state->later_file
                                                       : log->round_file;
    if (is_clean) {
        list_remove(&log->in_dirty);
    }
}

static void settle_end(struct settle_state *state)
{
    struct log_settle *settle = state->settle;
    struct log_shard *ls = settle->ls;
    while (!list_is_empty(&state->settled)) {
        list_pop_front(&state->settled);
    }
    sm_move(&state->sm, SETTLE_IDLE);
    settle->is_running = false;
    rt_timer_stop(&settle->timer);
    log_lane_kick(&ls->lane);
    bool is_fenced = atomic_load(&ls->store->is_fenced);
    if (settle->flushed != NULL && (!settle->is_wanted || is_fenced)) {
        void (*flushed)(struct log_settle * settle) = settle->flushed;
        settle->flushed = NULL;
        settle->is_urgent = false;
        flushed(settle);
        return;
    }
    bool is_full = ls->lane.unsettled_bytes >= ls->store->config.unsettled_bytes_max / 2;
    if (is_fenced) {
        return;
    }
    if (state->has_failed) {
        rt_timer_start(&settle->timer, rt_now_ns(ls->shard) + SETTLE_RETRY_NS);
    } else if (settle->is_wanted || (is_full && settle->flushed == NULL)) {
        settle_wish(settle);
    } else if (state->last_note_ns + ls->store->config.settle_ns > rt_now_ns(ls->shard)) {
        rt_timer_start(&settle->timer, state->last_note_ns + ls->store->config.settle_ns);
    }
}

/* --- Slots --- */

bool settle_is_written(const struct log_slot *slot)
{
    const struct log_segment *seg = slot->seg;
    bool is_synced = seg->is_finished || (slot->rec.pos + slot->rec.length <= seg->written_bytes &&
                                          slot->rec_number < seg->recs_count);
    return slot->is_settled ||
           (is_synced && seg->is_made); /* a name may be lost without its file */
}

struct log_slot *settle_first(const struct log *log)
{
    struct log_slot *slot = log_tail_first(log);
    while (slot != NULL && settle_is_written(slot)) {
        slot = log_tail_next(log, slot);
    }
    return slot;
}
