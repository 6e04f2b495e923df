/* Direct writes: whole blocks of a group's active segment, along with a frame. See settle.h.
 *
 * The bytes are gathered from memory into a buffer of their own, since their place in the file has
 * another alignment than their place in memory; written durably; and the frame's tail record says
 * what was written and holds the block that is not whole. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/lane.h"
#include "storage/log/settle_int.h"

/* The most one direct write gathers. */
#define LOG_DIRECT_BYTES_MAX LIMIT_BUF_BYTES

struct log_direct {
    struct log *log;             /* whose */
    struct log_segment *seg;     /* the segment; gone if the log was cut */
    uint64_t cut_epoch;          /* of the log when it began */
    uint64_t number;             /* of the frame */
    uint64_t last_index;         /* last entry in it */
    struct log_file_get get;     /* the .log */
    struct rt_op op;             /* making the directory, growing, writing */
    struct buf *data;            /* blocks from seg->written_bytes on, then the rest */
    struct iovec iov;            /* of the whole blocks */
    uint32_t from;               /* position of the first */
    uint32_t target;             /* behind the last */
    uint32_t rest_bytes;         /* behind it */
    uint32_t step;               /* of making names */
    char path[LIMIT_PATH_BYTES]; /* of those */
};

static void log_direct_say(const struct log_direct *direct, const struct log_slot *slot,
                           uint32_t recs_count, struct buf *tail, struct log_op *op_tail);
static void log_direct_got(struct log_file_get *get);
static void log_direct_run(struct rt_op *op);
static void log_direct_end(struct log_direct *direct, enum err err, int saved_errno);
static void log_direct_done(struct log_op *op);
static bool log_direct_is_possible(struct log *log, const struct log_slot *slot);

/* Whether all of the segment that is not written is in memory, and nobody else writes it. */
static bool log_direct_is_possible(struct log *log, const struct log_slot *slot)
{
    const struct log_segment *seg = slot->seg;
    uint32_t have = seg->written_bytes + seg->rest_bytes;
    if (log->is_settling || log->direct_count > 0 || !log->is_dir_made || !seg->is_made ||
        (uint64_t)seg->end_pos - seg->written_bytes > LOG_DIRECT_BYTES_MAX) {
        return false;
    }
    for (const struct log_slot *each = log_tail_first(log); each != NULL;
         each = log_tail_next(log, each)) {
        if (each->seg == seg && each->rec.pos + each->rec.length > have &&
            each->slice.buf == NULL) {
            log->wants_rest = true;
            return false;
        }
    }
    return true;
}

enum err log_direct_start(struct log *log, uint64_t number, uint64_t first_index,
                          struct log_op *op_tail)
{
    struct log_shard *ls = log->ls;
    struct log_slot *slot = log_tail_find(log, first_index);
    ASSERT(slot != NULL);
    struct log_segment *seg = slot->seg;
    void *made = NULL;
    if (!log_direct_is_possible(log, slot)) {
        log_settle_note(log, log_lane_file_number(&ls->lane), 0);
        log_settle_want(&ls->settle, 0); /* a round makes names, and writes what left memory */
        return ERR_AGAIN;
    }
    uint32_t recs_count = seg->recs_total - slot->rec_number;
    uint32_t bytes = seg->end_pos - seg->written_bytes;
    struct buf *data = NULL;
    struct buf *tail = NULL;
    enum err err = budget_alloc(&ls->budget, sizeof(struct log_direct), 8, &made);
    if (err == ERR_OK) {
        err = buf_new(&ls->bufs, &ls->budget, bytes, &data);
    }
    if (err == ERR_OK) {
        err = buf_new(&ls->bufs, &ls->budget,
                      (size_t)recs_count * LOG_SIDECAR_BYTES + LIMIT_BLOCK_BYTES, &tail);
    }
    if (err != ERR_OK) {
        budget_free(&ls->budget, made);
        if (data != NULL) {
            buf_unref(data);
        }
        return ERR_AGAIN;
    }
    struct log_direct *direct = made;
    struct settle_copy copy;
    uint8_t *out = buf_append(data, bytes);
    settle_copy_begin(&copy, seg, seg->written_bytes, seg->end_pos, out);
    enum settle_copied copied = settle_copy_run(&copy);
    ASSERT(copied == SETTLE_COPIED);
    direct->log = log;
    direct->seg = seg;
    direct->cut_epoch = log->cut_epoch;
    direct->number = number;
    direct->last_index = seg->last_index;
    direct->data = data;
    direct->from = seg->written_bytes;
    direct->target = seg->end_pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    direct->rest_bytes = seg->end_pos - direct->target;
    direct->iov = (struct iovec){data->data, direct->target - direct->from};
    rt_op_init(&direct->op, ls->shard, log_direct_run);
    log_direct_say(direct, slot, recs_count, tail, op_tail);
    log->direct_count++;
    direct->get.done = log_direct_got;
    log_file_get_segment(&direct->get, seg, LOG_FILE_LOG, true);
    return ERR_OK;
}

/* The tail record: what is written, and in `tail` (whose reference the op takes) the sidecar
 * records from `slot` on and the rest. */
static void log_direct_say(const struct log_direct *direct, const struct log_slot *slot,
                           uint32_t recs_count, struct buf *tail, struct log_op *op_tail)
{
    const struct log *log = direct->log;
    const struct log_shard *ls = log->ls;
    const struct log_segment *seg = direct->seg;
    *op_tail = (struct log_op){.done = log_direct_done};
    op_tail->record.kind = LOG_RECORD_TAIL;
    op_tail->record.flags = LOG_TAIL_DIRECT;
    op_tail->record.tail.segment_index = seg->start.index;
    op_tail->record.tail.generation = seg->generation;
    op_tail->record.tail.recs_count = recs_count;
    op_tail->record.tail.first_index = slot->rec.index;
    op_tail->record.tail.recs_before = slot->rec_number;
    op_tail->record.tail.written_bytes = direct->target;
    op_tail->record.tail.rest_bytes = direct->rest_bytes;
    uint32_t tail_bytes = recs_count * LOG_SIDECAR_BYTES + direct->rest_bytes;
    uint32_t seed = log_sidecar_seed(ls->store->kernels, log->group, seg->generation);
    uint8_t *out = buf_append(tail, tail_bytes);
    for (; slot != NULL && slot->seg == seg; slot = log_tail_next(log, slot)) {
        log_sidecar_encode(&slot->rec, ls->store->kernels, seed, out);
        out += LOG_SIDECAR_BYTES;
    }
    memcpy(out, direct->data->data + direct->iov.iov_len, direct->rest_bytes);
    buf_seal(tail, tail_bytes);
    op_tail->data = buf_slice(tail, 0, tail_bytes); /* its first reference */
    op_tail->record.data = buf_slice_data(op_tail->data);
    op_tail->record.data_bytes = tail_bytes;
}

static void log_direct_done(struct log_op *op)
{
    (void)op; /* who waits for the entries is told by their own ops */
}

static void log_direct_got(struct log_file_get *get)
{
    struct log_direct *direct = CONTAINER_OF(get, struct log_direct, get);
    struct log_segment *seg = direct->seg;
    if (get->err != ERR_OK) {
        log_direct_end(direct, get->err, get->saved_errno);
        return;
    }
    bool is_stale = direct->log->cut_epoch != direct->cut_epoch;
    uint64_t size = get->file->file.size_bytes;
    if (!is_stale && seg->allocated_bytes < size) {
        seg->allocated_bytes = (uint32_t)size;
    }
    if (!is_stale && seg->allocated_bytes < direct->target) {
        uint64_t grown = direct->target + (16u << 20);
        grown = grown > UINT32_MAX - LIMIT_BLOCK_BYTES ? direct->target : grown;
        uint32_t before = seg->allocated_bytes;
        seg->allocated_bytes = (uint32_t)(grown / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES);
        rt_file_allocate(&get->file->file, &direct->op, RT_ALLOCATE_EXTEND, before,
                         seg->allocated_bytes - before);
        return;
    }
    if (direct->iov.iov_len == 0) {
        log_direct_end(direct, ERR_OK, 0);
        return;
    }
    rt_file_write_durable(&get->file->file, &direct->op, &direct->iov, 1, direct->from);
}

static void log_direct_run(struct rt_op *op)
{
    struct log_direct *direct = CONTAINER_OF(op, struct log_direct, op);
    if (op->kind == RT_OP_FILE_ALLOCATE && (op->err == ERR_OK || op->err == ERR_UNSUPPORTED) &&
        direct->iov.iov_len > 0) {
        rt_file_write_durable(&direct->get.file->file, op, &direct->iov, 1, direct->from);
        return;
    }
    log_direct_end(direct, op->err, op->saved_errno);
}

static void log_direct_end(struct log_direct *direct, enum err err, int saved_errno)
{
    struct log *log = direct->log;
    struct log_shard *ls = log->ls;
    uint64_t number = direct->number;
    if (direct->get.file != NULL) {
        log_file_put(ls, direct->get.file);
    }
    if (err == ERR_OK && log->cut_epoch == direct->cut_epoch) {
        struct log_segment *seg = direct->seg;
        void *made = NULL;
        if (direct->rest_bytes > 0 &&
            budget_alloc(&ls->budget, LIMIT_BLOCK_BYTES, 8, &made) != ERR_OK) {
            err =
                ERR_BUDGET; /* the block's bytes must be somewhere: as if it had not been written */
        } else {
            budget_free(&ls->budget, seg->rest);
            seg->rest = made;
            seg->rest_bytes = direct->rest_bytes;
            seg->written_bytes = direct->target;
            if (made != NULL) {
                memcpy(seg->rest, direct->data->data + direct->iov.iov_len, direct->rest_bytes);
            }
        }
    }
    ls->settle.settled_bytes += direct->iov.iov_len;
    log->direct_count--;
    buf_unref(direct->data);
    budget_free(&ls->budget, direct);
    log_lane_direct_done(&ls->lane, number, err, saved_errno);
}
