/* Direct writes: a group with much to write goes straight to its segment, along with a frame that
 * refers to it (LOG §4). See settle.h.
 *
 *     IDLE -> OPEN -> GROW -> WRITE -> IDLE, and from each of the three to WAIT and back
 *
 * All bytes are copied to staging memory at once: what the frame says must come true even if the
 * group is cut meanwhile. Two of a group may be under way, the second where the first ends; they
 * count in order, whichever is flushed first.
 *
 * A full disk: nothing that needs room is written directly while producers are refused, but for
 * what they had proposed before and is too large for the journal. If there is no room after all,
 * because somebody else took it meanwhile, the write waits until there is: the reserve is let go.
 * So it does for a descriptor. */
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/round.h"

/* Staging memory is asked for in pieces of this, or of the largest buffer. */
#define LOG_DIRECT_PIECE_BYTES (1u << 20)

/* How often what could not be done is tried again. */
#define LOG_DIRECT_RETRY_NS (20 * RT_NS_PER_MS)

/* How long a store that closes waits for that. */
#define LOG_DIRECT_CLOSE_NS (5 * RT_NS_PER_S)

enum { LOG_DIRECT_IDLE, LOG_DIRECT_OPEN, LOG_DIRECT_GROW, LOG_DIRECT_WRITE, LOG_DIRECT_WAIT };

static const struct sm_conf log_direct_stages[] = {
    [LOG_DIRECT_IDLE] = {"IDLE", SM_BIT(LOG_DIRECT_OPEN), SM_INITIAL | SM_FINAL},
    [LOG_DIRECT_OPEN] = {"OPEN",
                         SM_BIT(LOG_DIRECT_GROW) | SM_BIT(LOG_DIRECT_WRITE) |
                             SM_BIT(LOG_DIRECT_WAIT) | SM_BIT(LOG_DIRECT_IDLE),
                         0},
    [LOG_DIRECT_GROW] = {"GROW", SM_BIT(LOG_DIRECT_WRITE) | SM_BIT(LOG_DIRECT_WAIT), 0},
    [LOG_DIRECT_WRITE] = {"WRITE", SM_BIT(LOG_DIRECT_WAIT) | SM_BIT(LOG_DIRECT_IDLE), 0},
    [LOG_DIRECT_WAIT] = {"WAIT",
                         SM_BIT(LOG_DIRECT_OPEN) | SM_BIT(LOG_DIRECT_GROW) |
                             SM_BIT(LOG_DIRECT_WRITE) | SM_BIT(LOG_DIRECT_IDLE),
                         0},
};
const struct sm_decl log_direct_decl = {"log_direct", log_direct_stages,
                                        ARRAY_COUNT(log_direct_stages), NULL};

static struct log_direct *log_direct_idle(struct log_round *round);
static const struct log_direct *log_direct_last(const struct log *log,
                                                const struct log_segment *seg);
static enum err log_direct_gather(struct log_direct *d, const struct log_segment *seg,
                                  const struct log_rest *rest);
static enum err log_direct_tail(struct log_direct *d, const struct log_segment *seg,
                                uint64_t first_index, uint64_t last_index, struct log_op *op_tail);
static void log_direct_drop(struct log_direct *d);
static void log_direct_framed(struct log_op *op);
static void log_direct_open(struct log_direct *d);
static void log_direct_opened(struct log_file_get *get);
static void log_direct_done(struct rt_op *op);
static void log_direct_grow(struct log_direct *d);
static void log_direct_write(struct log_direct *d);
static void log_direct_wait(struct log_direct *d, enum err err);
static void log_direct_again(struct rt_timer *timer);
static void log_direct_end(struct log_direct *d, enum err err, int saved_errno);
static void log_direct_apply(struct log *log);
static void log_direct_count(struct log_direct *d);

enum err log_direct_start(struct log *log, uint64_t number, uint64_t first_index,
                          uint64_t last_index, struct log_op *op_tail)
{
    struct log_shard *ls = log->ls;
    struct log_direct *d = log_direct_idle(log_round_of(ls));
    const struct log_slot *slot = log_tail_find(log, last_index);
    ASSERT(d != NULL); /* as many as frames in flight may have */
    ASSERT(slot != NULL);
    ASSERT(first_index <= last_index);
    struct log_segment *seg = slot->seg;
    uint32_t bytes_end = slot->rec.pos + slot->rec.length;
    if (log->is_settling) {
        return ERR_AGAIN; /* its end brings a turn */
    }
    if (!seg->is_made || seg->is_failed) {
        log_settle_ask(log);
        return ERR_AGAIN;
    }
    const struct log_direct *last = log_direct_last(log, seg);
    struct log_rest rest = {seg->rest, seg->written_bytes, seg->rest_bytes};
    if (last != NULL) {
        rest = (struct log_rest){last->rest, last->end, last->rest_bytes};
    }
    d->log = log;
    d->number = number;
    d->first_index = seg->start.index;
    d->generation = seg->generation;
    d->pos = rest.pos;
    d->end = log_block_down(bytes_end);
    d->rest_bytes = bytes_end - d->end;
    if (d->end < d->pos) {
        return ERR_AGAIN; /* what was cut off is in the way */
    }
    uint32_t size = log_segment_grown(seg, d->end);
    bool is_large = log_tail_find(log, first_index)->rec.length > ls->lane.direct_batch_bytes;
    if (size > seg->allocated_bytes && !is_large && atomic_load(&ls->store->is_full)) {
        return ERR_AGAIN; /* the journal has its room already */
    }
    enum err err = log_direct_gather(d, seg, &rest);
    if (err == ERR_OK) {
        err = log_direct_tail(d, seg, first_index, last_index, op_tail);
    }
    if (err != ERR_OK) {
        log_direct_drop(d);
        return ERR_AGAIN;
    }
    d->ls = ls;
    d->grow_pos = seg->allocated_bytes;
    d->grow_bytes = size - seg->allocated_bytes;
    seg->allocated_bytes = size;
    log->direct_count++;
    log_direct_open(d);
    return ERR_OK;
}

static struct log_direct *log_direct_idle(struct log_round *round)
{
    for (uint32_t i = 0; i < LOG_DIRECTS; i++) {
        struct log_direct *d = &round->directs[i];
        if (d->ls == NULL) {
            *d = (struct log_direct){0};
            sm_init(&d->sm, &log_direct_decl, LOG_DIRECT_IDLE, NULL, i + 1);
            rt_op_init(&d->op, round->ls->shard, log_direct_done);
            rt_timer_init(&d->timer, round->ls->shard, log_direct_again);
            return d;
        }
    }
    return NULL;
}

/* The newest under way in `seg`, or NULL. */
static const struct log_direct *log_direct_last(const struct log *log,
                                                const struct log_segment *seg)
{
    const struct log_round *round = log_round_of(log->ls);
    const struct log_direct *last = NULL;
    for (uint32_t i = 0; i < LOG_DIRECTS; i++) {
        const struct log_direct *d = &round->directs[i];
        if (d->ls != NULL && d->log == log && d->first_index == seg->start.index &&
            d->generation == seg->generation && (last == NULL || d->number > last->number)) {
            last = d;
        }
    }
    return last;
}

/* Whole blocks to staging memory, what is behind them to the rest. ERR_AGAIN: not all of it is in
 * memory, which a settle changes. */
static enum err log_direct_gather(struct log_direct *d, const struct log_segment *seg,
                                  const struct log_rest *rest)
{
    struct log_shard *ls = d->log->ls;
    uint32_t left = d->end - d->pos;
    uint32_t piece_bytes = LOG_DIRECT_PIECE_BYTES;
    if (left / piece_bytes >= LOG_DIRECT_PIECES) {
        piece_bytes = LIMIT_BATCH_BYTES;
    }
    struct log_gather g;
    log_gather_begin(&g, d->log, seg, rest, d->pos, d->pos);
    while (left > 0) {
        uint32_t bytes = left < piece_bytes ? left : piece_bytes;
        struct buf *buf = NULL;
        if (d->pieces_count == LOG_DIRECT_PIECES ||
            buf_new(&ls->bufs, &ls->budget, bytes, &buf) != ERR_OK) {
            return ERR_BUDGET;
        }
        d->bufs[d->pieces_count] = buf;
        d->iov[d->pieces_count++] = (struct iovec){buf_append(buf, bytes), bytes};
        g.end = g.pos + bytes;
        uint8_t *piece = buf_write(buf, 0, bytes);
        if (log_gather_copy(&g, piece, NULL, NULL) < bytes) {
            log_settle_ask(d->log);
            return ERR_AGAIN;
        }
        d->crc = crc32c(ls->store->kernels, d->crc, piece, bytes);
        left -= bytes;
    }
    if (d->rest_bytes == 0) {
        return ERR_OK;
    }
    void *made = NULL;
    enum err err = budget_alloc(&ls->budget, d->rest_bytes, sizeof(uint64_t), &made);
    if (err != ERR_OK) {
        return err;
    }
    d->rest = made;
    g.end = d->end + d->rest_bytes;
    if (log_gather_copy(&g, d->rest, NULL, NULL) < d->rest_bytes) {
        log_settle_ask(d->log);
        return ERR_AGAIN;
    }
    return ERR_OK;
}

/* The record that stands for it in the frame. */
static enum err log_direct_tail(struct log_direct *d, const struct log_segment *seg,
                                uint64_t first_index, uint64_t last_index, struct log_op *op_tail)
{
    struct log *log = d->log;
    struct log_shard *ls = log->ls;
    const struct crc32c *kernels = ls->store->kernels;
    uint32_t seed = log_sidecar_seed(kernels, log->group, seg->generation);
    uint64_t recs_bytes = (last_index - first_index + 1) * LOG_SIDECAR_BYTES;
    struct buf *buf = NULL;
    if (recs_bytes + d->rest_bytes > LIMIT_BATCH_BYTES) {
        return ERR_TOO_LARGE;
    }
    enum err err = buf_new(&ls->bufs, &ls->budget, recs_bytes + d->rest_bytes, &buf);
    if (err != ERR_OK) {
        return err;
    }
    struct log_record record = {.kind = LOG_RECORD_TAIL, .flags = LOG_TAIL_DIRECT};
    for (const struct log_slot *slot = log_tail_find(log, first_index);
         slot != NULL && slot->rec.index <= last_index; slot = log_tail_next(log, slot)) {
        log_sidecar_encode(&slot->rec, kernels, seed, buf_append(buf, LOG_SIDECAR_BYTES));
        record.tail.recs_count++;
    }
    if (d->rest_bytes > 0) {
        memcpy(buf_append(buf, d->rest_bytes), d->rest, d->rest_bytes);
    }
    buf_seal(buf, buf->length);
    record.tail.segment_index = seg->start.index;
    record.tail.generation = seg->generation;
    record.tail.first_index = first_index;
    record.tail.recs_before = seg->recs_count;
    record.tail.written_bytes = d->end;
    record.tail.rest_bytes = d->rest_bytes;
    record.tail.direct_pos = d->pos;
    record.tail.direct_crc = d->crc;
    op_tail->done = log_direct_framed;
    op_tail->record = record;
    op_tail->data = buf_slice(buf, 0, buf->length); /* the reference is its own now */
    op_tail->record.data = buf_slice_data(op_tail->data);
    op_tail->record.data_bytes = op_tail->data.length;
    return ERR_OK;
}

/* Nothing came of it. */
static void log_direct_drop(struct log_direct *d)
{
    for (uint32_t i = 0; i < d->pieces_count; i++) {
        buf_unref(d->bufs[i]);
    }
    d->pieces_count = 0;
    budget_free(&d->log->ls->budget, d->rest);
    d->rest = NULL;
}

static void log_direct_framed(struct log_op *op)
{
    (void)op; /* the entries it stands for have their own */
}

/* --- Writing --- */

/* The segment may have been cut off since: its file stays until that is durable, behind this. */
static void log_direct_open(struct log_direct *d)
{
    struct log_segment seg = {
        .log = d->log, .start.index = d->first_index, .generation = d->generation};
    sm_move(&d->sm, LOG_DIRECT_OPEN);
    d->get.file = log_file_try(&seg, LOG_FILE_LOG);
    if (d->get.file != NULL) {
        d->get.err = ERR_OK;
        log_direct_opened(&d->get);
    } else {
        d->get.done = log_direct_opened;
        log_file_get_segment(&d->get, &seg, LOG_FILE_LOG, false);
    }
}

static void log_direct_opened(struct log_file_get *get)
{
    struct log_direct *d = CONTAINER_OF(get, struct log_direct, get);
    if (get->err == ERR_OK) {
        log_direct_grow(d);
    } else if (err_is_retriable(get->err)) {
        log_direct_wait(d, get->err);
    } else {
        log_direct_end(d, get->err, get->saved_errno);
    }
}

static void log_direct_grow(struct log_direct *d)
{
    if (d->grow_bytes == 0) {
        log_direct_write(d);
        return;
    }
    sm_move(&d->sm, LOG_DIRECT_GROW);
    rt_file_allocate(&d->get.file->file, &d->op, RT_ALLOCATE_EXTEND, d->grow_pos, d->grow_bytes);
}

static void log_direct_done(struct rt_op *op)
{
    struct log_direct *d = CONTAINER_OF(op, struct log_direct, op);
    bool may_wait = sm_stage(&d->sm) == LOG_DIRECT_GROW || d->get.file->file.is_direct;
    if (op->err == ERR_DISK_FULL && may_wait) { /* a cache's error tells of any write */
        log_direct_wait(d, op->err);
    } else if (sm_stage(&d->sm) == LOG_DIRECT_GROW) {
        log_direct_write(d); /* where that failed the write tells */
    } else {
        log_direct_end(d, op->err, op->saved_errno);
    }
}

/* The frame says that it is written, so it is, as soon as that can be done. */
static void log_direct_wait(struct log_direct *d, enum err err)
{
    struct log_shard *ls = d->ls;
    if (d->waits_since_ns == 0 && ls->diag != NULL) {
        DIAG_WARN(ls->diag, "log", "a direct write waits", DIAG_U64("group", d->log->group),
                  DIAG_BYTES("bytes", d->end - d->pos), DIAG_ERR("error", err));
    }
    d->waits_since_ns = d->waits_since_ns != 0 ? d->waits_since_ns : rt_now_ns(ls->shard);
    d->wait_err = err;
    sm_move(&d->sm, LOG_DIRECT_WAIT);
    if (err == ERR_DISK_FULL) {
        log_keeper_room_request(&ls->lane.room);
    }
    rt_timer_start(&d->timer, rt_now_ns(ls->shard) + LOG_DIRECT_RETRY_NS);
}

static void log_direct_again(struct rt_timer *timer)
{
    struct log_direct *d = CONTAINER_OF(timer, struct log_direct, timer);
    uint64_t now_ns = rt_now_ns(d->ls->shard);
    if (atomic_load(&d->ls->store->is_fenced)) {
        log_direct_end(d, ERR_FENCED, 0);
    } else if (d->ls->is_closing && now_ns >= d->waits_since_ns + LOG_DIRECT_CLOSE_NS) {
        log_direct_end(d, d->wait_err, 0); /* nobody was told that it is written */
    } else if (d->get.file != NULL) {
        log_direct_grow(d);
    } else {
        log_direct_open(d);
    }
}

static void log_direct_write(struct log_direct *d)
{
    sm_move(&d->sm, LOG_DIRECT_WRITE);
    if (d->pieces_count == 0) { /* it all stands in the rest */
        rt_op_defer(&d->op);
        return;
    }
    rt_file_write_durable(&d->get.file->file, &d->op, d->iov, d->pieces_count, d->pos);
}

/* What is durable counts before the frame may be. */
static void log_direct_end(struct log_direct *d, enum err err, int saved_errno)
{
    struct log *log = d->log;
    struct log_shard *ls = d->ls;
    uint64_t number = d->number;
    if (d->get.file != NULL) {
        log_file_put(ls, d->get.file);
    }
    for (uint32_t i = 0; i < d->pieces_count; i++) {
        buf_unref(d->bufs[i]);
    }
    d->pieces_count = 0;
    d->is_done = true;
    d->err = err;
    sm_move(&d->sm, LOG_DIRECT_IDLE);
    log_direct_apply(log);
    log_lane_direct_done(&ls->lane, number, err, saved_errno);
}

/* Those of `log` that are done, as far as none before them is under way. */
static void log_direct_apply(struct log *log)
{
    struct log_round *round = log_round_of(log->ls);
    for (;;) {
        struct log_direct *first = NULL;
        for (uint32_t i = 0; i < LOG_DIRECTS; i++) {
            struct log_direct *d = &round->directs[i];
            if (d->ls != NULL && d->log == log && (first == NULL || d->number < first->number)) {
                first = d;
            }
        }
        if (first == NULL || !first->is_done) {
            break;
        }
        log_direct_count(first);
        first->ls = NULL;
        log->direct_count--;
    }
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS && log->direct_count == 0; i++) {
        if (round->jobs[i].log == log) {
            log_job_wake(&round->jobs[i]);
        }
    }
}

/* Its segment is written so far, if it is there still; behind a cut nothing is kept. */
static void log_direct_count(struct log_direct *d)
{
    struct budget *budget = &d->ls->budget;
    struct log_segment *seg = log_segment_of(d->log, d->first_index, d->generation);
    if (d->err != ERR_OK || seg == NULL) {
        budget_free(budget, d->rest);
        return;
    }
    ASSERT(d->end >= seg->written_bytes);
    uint32_t behind = seg->end_pos > d->end ? seg->end_pos - d->end : 0;
    seg->written_bytes = d->end;
    budget_free(budget, seg->rest);
    seg->rest = d->rest;
    seg->rest_bytes = d->rest_bytes < behind ? d->rest_bytes : behind;
    if (seg->rest_bytes == 0) {
        budget_free(budget, seg->rest);
        seg->rest = NULL;
    }
    d->rest = NULL;
}
