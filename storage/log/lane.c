/* The lane: pending records become frames, frames become durable, in order. See lane.h.
 *
 *     submit -> pending -> (end of the turn) frame -> write, flush -> done
 *
 * A frame is built by lane_build.c; here is when it is built, what happens when it is durable, and
 * where it goes: files are asked for one ahead. */
#include "storage/log/lane.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/lane_int.h"
#include "storage/log/shard.h"

static void log_lane_turn(struct rt_op *op);
static bool log_lane_build_all(struct log_lane *lane);
static bool log_lane_can_build(const struct log_lane *lane);
static bool log_lane_is_due(const struct log_lane *lane);
static void log_lane_write(struct log_lane *lane, struct log_lane_frame *frame);
static void log_lane_end_failed(struct log_lane *lane);
static void log_lane_end_all(struct log_lane *lane, struct list *ended);
static void log_lane_finish(struct rt_op *op);
static void log_lane_written(struct rt_op *op);
static void log_lane_complete(struct log_lane *lane);
static void log_lane_go_on(struct log_lane *lane);
static void log_lane_complete_frame(struct log_lane *lane, struct log_lane_frame *frame);
static void log_lane_complete_op(struct log_lane *lane, struct log_lane_frame *frame,
                                 struct log_op *op);
static void log_lane_relaxed(struct rt_timer *timer);
static void log_lane_seal(struct rt_timer *timer);
static void log_lane_close_step(struct log_lane *lane);

enum err log_lane_init(struct log_lane *lane, struct log_shard *ls)
{
    *lane = (struct log_lane){0};
    lane->ls = ls;
    lane->next_number = 1;
    lane->is_sealed = true;
    list_init(&lane->pending);
    list_init(&lane->failed);
    list_init(&lane->finished);
    rt_op_init(&lane->op_finish, ls->shard, log_lane_finish);
    rt_op_init(&lane->op_turn, ls->shard, log_lane_turn);
    rt_timer_init(&lane->seal_timer, ls->shard, log_lane_seal);
    rt_timer_init(&lane->relax_timer, ls->shard, log_lane_relaxed);
    const struct log_config *config = &ls->store->config;
    lane->direct_batch_bytes = config->journal_first_bytes / 8 < LOG_DIRECT_BATCH_BYTES
                                   ? config->journal_first_bytes / 8
                                   : LOG_DIRECT_BATCH_BYTES;
    for (uint32_t i = 0; i < LOG_LANE_FRAMES; i++) {
        struct log_lane_frame *frame = &lane->frames[i];
        frame->ls = ls;
        list_init(&frame->ops);
        rt_op_init(&frame->op, ls->shard, log_lane_written);
    }
    log_lane_files_init(lane);
    return ERR_OK;
}

void log_lane_deinit(struct log_lane *lane)
{
    ASSERT(list_is_empty(&lane->pending));
    ASSERT(list_is_empty(&lane->failed));
    ASSERT(list_is_empty(&lane->finished));
    rt_timer_stop(&lane->relax_timer);
    for (uint32_t i = 0; i < LOG_LANE_FRAMES; i++) {
        budget_free(&lane->ls->budget, lane->frames[i].data);
        budget_free(&lane->ls->budget, lane->frames[i].rows);
        lane->frames[i].data = NULL;
        lane->frames[i].rows = NULL;
    }
}

void log_lane_submit(struct log_lane *lane, struct log_op *op)
{
    op->file_number = 0;
    list_push_back(&lane->pending, &op->in_queue);
    lane->pending_bytes += log_op_bytes(op);
    lane->urgent_count += !op->is_relaxed;
    lane->is_relaxed_full |= op->log != NULL && op->log->pending_bytes >= LOG_RELAX_BYTES;
    if (op->is_relaxed && lane->relaxed_ns == 0) {
        lane->relaxed_ns = rt_now_ns(lane->ls->shard) + LOG_RELAX_NS;
        if (!rt_timer_is_running(&lane->relax_timer)) {
            rt_timer_start(&lane->relax_timer, lane->relaxed_ns);
        }
    }
    if (op->log != NULL) {
        op->log->pending_count++;
    }
    log_lane_kick(lane);
}

void log_lane_withdraw(struct log_lane *lane, struct log_op *op, uint64_t bytes)
{
    ASSERT(lane->pending_bytes >= bytes);
    list_remove(&op->in_queue);
    lane->pending_bytes -= bytes;
    lane->urgent_count -= !op->is_relaxed;
}

bool log_is_behind(const struct log *log)
{
    return log->ls->lane.pending_bytes >= LOG_LANE_BEHIND_BYTES;
}

void log_lane_kick(struct log_lane *lane)
{
    if (rt_op_is_idle(&lane->op_turn)) {
        rt_op_defer(&lane->op_turn);
    }
}

/* The end of a turn in which something happened: as many frames as may be in flight. */
static void log_lane_turn(struct rt_op *op)
{
    struct log_lane *lane = CONTAINER_OF(op, struct log_lane, op_turn);
    log_lane_end_all(lane, &lane->finished); /* these were submitted before */
    log_lane_end_failed(lane);
    if (atomic_load(&lane->ls->store->is_fenced)) {
        log_lane_fence(lane, ERR_FENCED, 0);
        log_lane_end_failed(lane);
    }
    (void)log_lane_build_all(lane);
    log_lane_close_step(lane);
}

/* Build and write as many frames as may be in flight. Whether one of them has direct writes. */
static bool log_lane_build_all(struct log_lane *lane)
{
    bool has_directs = false;
    while (log_lane_can_build(lane)) {
        struct log_lane_frame *frame = &lane->frames[lane->next_number % LOG_LANE_FRAMES];
        enum log_built built = log_lane_build(lane, frame, 0);
        if (built == LOG_BUILT_NO_ROOM && log_lane_files_switch(lane)) {
            continue;
        }
        if (built != LOG_BUILT_FRAME) {
            break;
        }
        has_directs |= frame->directs_count > 0;
        log_lane_write(lane, frame);
        lane->is_sealed = false;
        if (list_is_empty(&lane->pending)) { /* what a frame leaves keeps its time, or is due */
            lane->relaxed_ns = 0;
            lane->is_relaxed_full = false;
        }
    }
    /* Neither memory nor room that comes free brings a turn by itself. */
    bool is_stuck = log_lane_can_build(lane) && lane->durable_through + 1 == lane->next_number;
    if (is_stuck && !rt_timer_is_running(&lane->seal_timer)) {
        rt_timer_start(&lane->seal_timer,
                       rt_now_ns(lane->ls->shard) + lane->ls->store->config.seal_ns);
    }
    return has_directs;
}

static bool log_lane_can_build(const struct log_lane *lane)
{
    return !list_is_empty(&lane->pending) && lane->current != NULL && log_lane_is_due(lane) &&
           !atomic_load(&lane->ls->store->is_fenced) &&
           lane->frames[lane->next_number % LOG_LANE_FRAMES].number == 0;
}

/* Whether what is pending goes out now. */
static bool log_lane_is_due(const struct log_lane *lane)
{
    return lane->urgent_count > 0 || lane->is_relaxed_full || lane->is_closing ||
           lane->pending_bytes >= LOG_RELAX_SHARD_BYTES ||
           rt_now_ns(lane->ls->shard) >= lane->relaxed_ns;
}

/* Relaxed ones have waited for long enough, unless a frame has taken them. */
static void log_lane_relaxed(struct rt_timer *timer)
{
    struct log_lane *lane = CONTAINER_OF(timer, struct log_lane, relax_timer);
    if (lane->relaxed_ns > rt_now_ns(lane->ls->shard)) {
        rt_timer_start(timer, lane->relaxed_ns);
    } else if (lane->relaxed_ns != 0) {
        log_lane_kick(lane);
    }
}

/* End what was refused or canceled. */
static void log_lane_end_failed(struct log_lane *lane)
{
    log_lane_end_all(lane, &lane->failed);
}

/* What their `done` adds waits for the next turn. */
static void log_lane_end_all(struct log_lane *lane, struct list *ended)
{
    struct list ops;
    list_init(&ops);
    list_append_all(&ops, ended);
    for (struct list_node *node = list_pop_front(&ops); node != NULL; node = list_pop_front(&ops)) {
        log_op_done(lane->ls, CONTAINER_OF(node, struct log_op, in_queue));
    }
}

static void log_lane_finish(struct rt_op *op)
{
    struct log_lane *lane = CONTAINER_OF(op, struct log_lane, op_finish);
    log_lane_end_all(lane, &lane->finished);
    log_lane_kick(lane);
}

void log_op_done(struct log_shard *ls, struct log_op *op)
{
    if (op->data.buf != NULL) {
        buf_unref(op->data.buf);
        op->data = (struct buf_slice){0};
    }
    bool is_pooled = op->is_pooled;
    op->done(op);
    if (is_pooled) {
        pool_release(&ls->ops, op);
    }
}

/* A built frame goes out; those who want to know are told that it has. */
static void log_lane_write(struct log_lane *lane, struct log_lane_frame *frame)
{
    struct log_journal_file *journal = lane->current;
    ASSERT(frame->iov.iov_len % LIMIT_BLOCK_BYTES == 0);
    ASSERT(journal->pos + frame->iov.iov_len <= journal->file_bytes);
    frame->number = lane->next_number++;
    frame->journal = journal;
    frame->err = ERR_OK;
    frame->waits_count++; /* direct writes have counted themselves */
    rt_timer_stop(&lane->seal_timer);
    rt_file_write_durable(&journal->file, &frame->op, &frame->iov, 1, journal->pos);
    journal->pos += frame->iov.iov_len;
    lane->written_bytes += frame->iov.iov_len;
    lane->frames_count++;
    list_for_each (node, &frame->ops) {
        struct log_op *op = CONTAINER_OF(node, struct log_op, in_queue);
        if (op->received != NULL) {
            op->received(op);
        }
    }
}

static void log_lane_written(struct rt_op *op)
{
    struct log_lane_frame *frame = CONTAINER_OF(op, struct log_lane_frame, op);
    log_lane_direct_done(&frame->ls->lane, frame->number, op->err, op->saved_errno);
}

/* The frame's write, or one of its direct writes, has ended. */
void log_lane_direct_done(struct log_lane *lane, uint64_t number, enum err err, int saved_errno)
{
    struct log_lane_frame *frame = &lane->frames[number % LOG_LANE_FRAMES];
    ASSERT(frame->number == number);
    ASSERT(frame->waits_count > 0);
    frame->waits_count--;
    if (err != ERR_OK && frame->err == ERR_OK) {
        frame->err = err;
        frame->saved_errno = saved_errno;
        log_lane_fence(lane, err, saved_errno);
    }
    log_lane_complete(lane);
    log_lane_kick(lane);
}

/* Frames are durable in order. */
static void log_lane_complete(struct log_lane *lane)
{
    for (;;) {
        uint64_t number = lane->durable_through + 1;
        struct log_lane_frame *frame = &lane->frames[number % LOG_LANE_FRAMES];
        if (frame->number != number || frame->waits_count > 0) {
            break;
        }
        lane->durable_through = number;
        log_lane_complete_frame(lane, frame);
    }
    log_lane_go_on(lane);
    bool is_idle = lane->durable_through + 1 == lane->next_number && list_is_empty(&lane->pending);
    if (is_idle && !lane->is_sealed && !lane->is_closing) {
        rt_timer_start(&lane->seal_timer,
                       rt_now_ns(lane->ls->shard) + lane->ls->store->config.seal_ns);
    }
}

/* What waits is written before those that are done hear of it: large writes are on their way while
 * their owners get the next ones ready. */
static void log_lane_go_on(struct log_lane *lane)
{
    bool has_directs = !list_is_empty(&lane->finished) && log_lane_build_all(lane);
    if (!has_directs) {
        log_lane_end_all(lane, &lane->finished);
    } else if (rt_op_is_idle(&lane->op_finish)) {
        rt_op_defer(&lane->op_finish);
    }
}

static void log_lane_complete_frame(struct log_lane *lane, struct log_lane_frame *frame)
{
    struct list ops;
    list_init(&ops);
    list_append_all(&ops, &frame->ops);
    for (struct list_node *node = list_pop_front(&ops); node != NULL; node = list_pop_front(&ops)) {
        log_lane_complete_op(lane, frame, CONTAINER_OF(node, struct log_op, in_queue));
    }
    lane->known_through = frame->durable_through;
    frame->number = 0; /* its rows stay for the copy in the next one */
    log_lane_files_retire(lane);
}

static void log_lane_complete_op(struct log_lane *lane, struct log_lane_frame *frame,
                                 struct log_op *op)
{
    struct log *log = op->log;
    bool is_fenced = atomic_load(&lane->ls->store->is_fenced);
    if (log != NULL) {
        log->pending_count--;
    }
    op->file_number = frame->journal->number;
    if (is_fenced) {
        op->err = op->err == ERR_OK ? ERR_FENCED : op->err;
        if (op->slot != NULL) {
            op->slot->op = NULL;
        }
    } else if (op->record.kind == LOG_RECORD_ENTRY) {
        struct log_slot *slot = op->slot;
        if (slot != NULL) { /* else it was cut meanwhile: op->err says so */
            slot->op = NULL;
            slot->is_durable = true;
            log->durable_index = slot->rec.last_index;
        }
        if (op->record.seq > log->durable_seq) {
            log->durable_seq = op->record.seq;
        }
        log_settle_note(log, frame->journal->number, slot != NULL ? log_slot_cost(slot) : 0);
    } else if (log != NULL) {
        if (op->record.seq > log->durable_seq) {
            log_record_durable(log, op);
        }
        log_settle_note(log, frame->journal->number, 0);
    }
    op->slot = NULL;
    list_push_back(&lane->finished, &op->in_queue);
}

void log_lane_fence(struct log_lane *lane, enum err err, int saved_errno)
{
    struct log_shard *ls = lane->ls;
    if (!atomic_exchange(&ls->store->is_fenced, true) && ls->diag != NULL) {
        DIAG_ERROR(ls->diag, "log", "journal failed: nothing is written until a restart",
                   DIAG_ERR("error", err), DIAG_I64("errno", saved_errno));
    }
    lane->relaxed_ns = 0;
    lane->is_relaxed_full = false;
    while (!list_is_empty(&lane->pending)) {
        struct log_op *op = CONTAINER_OF(list_first(&lane->pending), struct log_op, in_queue);
        log_lane_withdraw(lane, op, log_op_bytes(op)); /* while its slot is known */
        if (op->log != NULL) {
            op->log->pending_count--;
            if (op->record.kind == LOG_RECORD_ENTRY && op->slot != NULL) {
                op->log->pending_bytes -= log_slot_cost(op->slot);
            }
        }
        if (op->slot != NULL) {
            op->slot->op = NULL;
            op->slot = NULL;
        }
        log_end(ls, op, ERR_FENCED);
    }
}

/* Idle for long enough: say that all of it is durable. Or what waits is tried again. */
static void log_lane_seal(struct rt_timer *timer)
{
    struct log_lane *lane = CONTAINER_OF(timer, struct log_lane, seal_timer);
    struct log_lane_frame *frame = &lane->frames[lane->next_number % LOG_LANE_FRAMES];
    if (lane->current == NULL) {
        (void)log_lane_files_switch(lane); /* asks for one once more */
        return;
    }
    if (!list_is_empty(&lane->pending)) {
        log_lane_kick(lane);
        return;
    }
    if (lane->durable_through + 1 != lane->next_number || lane->is_sealed ||
        atomic_load(&lane->ls->store->is_fenced)) {
        return;
    }
    enum log_built built = log_lane_build(lane, frame, LOG_FRAME_SEAL);
    if (built == LOG_BUILT_NO_ROOM) {
        if (!log_lane_files_switch(lane)) {
            return; /* the file on its way brings a turn */
        }
        built = log_lane_build(lane, frame, LOG_FRAME_SEAL);
    }
    if (built != LOG_BUILT_FRAME) { /* no memory */
        rt_timer_start(&lane->seal_timer,
                       rt_now_ns(lane->ls->shard) + lane->ls->store->config.seal_ns);
        return;
    }
    log_lane_write(lane, frame);
    lane->is_sealed = true;
}

void log_lane_close(struct log_lane *lane, void (*closed)(struct log_lane *lane))
{
    lane->closed = closed;
    lane->is_closing = true;
    rt_timer_stop(&lane->seal_timer);
    log_lane_kick(lane);
}

/* What is pending goes out first, then a seal, then the files. */
static void log_lane_close_step(struct log_lane *lane)
{
    bool is_idle = list_is_empty(&lane->pending) && list_is_empty(&lane->failed) &&
                   list_is_empty(&lane->finished) && rt_op_is_idle(&lane->op_finish) &&
                   lane->durable_through + 1 == lane->next_number;
    if (!lane->is_closing || lane->closed == NULL || !is_idle) {
        return;
    }
    if (!lane->is_sealed && lane->current != NULL && !atomic_load(&lane->ls->store->is_fenced)) {
        log_lane_seal(&lane->seal_timer);
    }
    if (lane->durable_through + 1 != lane->next_number) {
        return;
    }
    rt_timer_stop(&lane->seal_timer);
    rt_timer_stop(&lane->relax_timer);
    log_lane_files_close(lane);
    if (log_lane_files_are_closed(lane)) {
        void (*closed)(struct log_lane * lane) = lane->closed;
        lane->closed = NULL;
        closed(lane);
    }
}
