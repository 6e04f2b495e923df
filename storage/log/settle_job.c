/* Settling one group: its segments one after another, then what is left of it. See settle_int.h.
 *
 *     clean -> dir -> pick -> open -> grow -> log -> idx -> flush -> cut -> pick ... -> rest ->
 * tail -> sync
 *
 * A cut of the log in the meantime (cut_epoch) ends the job at its next step: what it has written
 * lies behind the cut or is the same bytes again. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/settle_int.h"

/* Growth of a .log: at least, at most. */
#define SETTLE_GROW_MIN (64u << 10)
#define SETTLE_GROW_MAX (16u << 20)

/* A remnant larger than this belongs to a group that is written to: the next round has less of it.
 */
#define SETTLE_REST_MAX (64u << 10)

static void settle_job_op_done(struct rt_op *op);
static void settle_job_idx_done(struct rt_op *op);
static void settle_job_got(struct log_file_get *get);
static void settle_job_tail_done(struct log_op *op);
static bool settle_job_dir(struct settle_job *job);
static bool settle_job_pick(struct settle_job *job);
static bool settle_job_open(struct settle_job *job);
static bool settle_job_grow(struct settle_job *job);
static bool settle_job_write_log(struct settle_job *job);
static bool settle_job_fill(struct settle_job *job);
static bool settle_job_write_idx(struct settle_job *job);
static bool settle_job_flush(struct settle_job *job);
static bool settle_job_cut(struct settle_job *job);
static void settle_job_written(struct settle_job *job);
static bool settle_job_rest(struct settle_job *job);
static bool settle_job_tail(struct settle_job *job);
static bool settle_job_sync(struct settle_job *job);
static void settle_job_end(struct settle_job *job);

#define SETTLE_END (SM_BIT(SETTLE_STEP_SYNC) | SM_BIT(SETTLE_STEP_IDLE))

static const struct sm_conf settle_job_steps[] = {
    [SETTLE_STEP_IDLE] = {"IDLE", SM_BIT(SETTLE_STEP_CLEAN), SM_INITIAL | SM_FINAL},
    [SETTLE_STEP_CLEAN] = {"CLEAN", SM_BIT(SETTLE_STEP_DIR) | SETTLE_END, 0},
    [SETTLE_STEP_DIR] = {"DIR", SM_BIT(SETTLE_STEP_PICK) | SETTLE_END, 0},
    [SETTLE_STEP_PICK] = {"PICK", SM_BIT(SETTLE_STEP_OPEN) | SM_BIT(SETTLE_STEP_REST) | SETTLE_END,
                          0},
    [SETTLE_STEP_OPEN] = {"OPEN", SM_BIT(SETTLE_STEP_GROW) | SETTLE_END, 0},
    [SETTLE_STEP_GROW] = {"GROW", SM_BIT(SETTLE_STEP_LOG) | SETTLE_END, 0},
    [SETTLE_STEP_LOG] = {"LOG", SM_BIT(SETTLE_STEP_IDX) | SETTLE_END, 0},
    [SETTLE_STEP_IDX] = {"IDX", SM_BIT(SETTLE_STEP_FLUSH) | SETTLE_END, 0},
    [SETTLE_STEP_FLUSH] = {"FLUSH", SM_BIT(SETTLE_STEP_CUT) | SETTLE_END, 0},
    [SETTLE_STEP_CUT] = {"CUT", SM_BIT(SETTLE_STEP_PICK) | SETTLE_END, 0},
    [SETTLE_STEP_REST] = {"REST", SM_BIT(SETTLE_STEP_TAIL) | SETTLE_END, 0},
    [SETTLE_STEP_TAIL] = {"TAIL", SETTLE_END, 0},
    [SETTLE_STEP_SYNC] = {"SYNC", SM_BIT(SETTLE_STEP_IDLE), 0},
};

const struct sm_decl settle_job_decl = {"settle_job", settle_job_steps,
                                        ARRAY_COUNT(settle_job_steps), NULL};

enum err settle_job_init(struct settle_job *job, struct settle_state *state)
{
    struct log_shard *ls = state->settle->ls;
    job->state = state;
    sm_init(&job->sm, &settle_job_decl, SETTLE_STEP_IDLE, NULL, 0);
    rt_op_init(&job->op, ls->shard, settle_job_op_done);
    rt_op_init(&job->op_idx, ls->shard, settle_job_idx_done);
    job->get.done = settle_job_got;
    return ERR_OK;
}

void settle_job_deinit(struct settle_job *job)
{
    ASSERT(job->log == NULL);
    budget_free(&job->state->settle->ls->budget, job->data);
    budget_free(&job->state->settle->ls->budget, job->bounce);
    job->data = NULL;
    job->bounce = NULL;
}

/* Buffers are made with the first use of a job: a shard that settles little has few. */
static enum err settle_job_buffers(struct settle_job *job)
{
    struct budget *budget = &job->state->settle->ls->budget;
    void *made = NULL;
    enum err err = ERR_OK;
    if (job->data == NULL) {
        err = budget_alloc(budget, LOG_SETTLE_CHUNK_BYTES, LIMIT_BLOCK_BYTES, &made);
        job->data = made;
    }
    if (err == ERR_OK && job->bounce == NULL) {
        err = budget_alloc(budget, LOG_SETTLE_CHUNK_BYTES, LIMIT_BLOCK_BYTES, &made);
        job->bounce = made;
    }
    return err;
}

void settle_job_start(struct settle_job *job, struct log *log)
{
    ASSERT(job->log == NULL);
    job->log = log;
    job->cut_epoch = log->cut_epoch;
    job->seg = NULL;
    job->err = settle_job_buffers(job);
    job->saved_errno = 0;
    job->dir_step = 0;
    job->does_sync_dir = false;
    job->did_sync_dir = false;
    job->tail = NULL;
    log->is_settling = true;
    sm_move(&job->sm, SETTLE_STEP_CLEAN);
    settle_job_run(job);
}

/* Whether the log was cut since the job began: what it holds of it may be gone. */
static bool settle_job_is_stale(const struct settle_job *job)
{
    return job->log->cut_epoch != job->cut_epoch && sm_stage(&job->sm) != SETTLE_STEP_SYNC &&
           sm_stage(&job->sm) != SETTLE_STEP_CLEAN;
}

/* Reads top to bottom; each step returns true while something is under way. */
void settle_job_run(struct settle_job *job)
{
    for (;;) {
        bool does_wait = false;
        if ((job->err != ERR_OK || settle_job_is_stale(job)) &&
            sm_stage(&job->sm) != SETTLE_STEP_IDLE) {
            settle_job_end(job);
            return;
        }
        switch (sm_stage(&job->sm)) {
        case SETTLE_STEP_CLEAN:
            does_wait = settle_clean(job);
            if (!does_wait && job->err == ERR_OK) {
                job->dir_step = 0;
                sm_move(&job->sm, job->log->is_delete_durable ? SETTLE_STEP_SYNC : SETTLE_STEP_DIR);
            }
            break;
        case SETTLE_STEP_DIR: does_wait = settle_job_dir(job); break;
        case SETTLE_STEP_PICK: does_wait = settle_job_pick(job); break;
        case SETTLE_STEP_OPEN: does_wait = settle_job_open(job); break;
        case SETTLE_STEP_GROW: does_wait = settle_job_grow(job); break;
        case SETTLE_STEP_LOG: does_wait = settle_job_write_log(job); break;
        case SETTLE_STEP_IDX: does_wait = settle_job_write_idx(job); break;
        case SETTLE_STEP_FLUSH: does_wait = settle_job_flush(job); break;
        case SETTLE_STEP_CUT: does_wait = settle_job_cut(job); break;
        case SETTLE_STEP_REST: does_wait = settle_job_rest(job); break;
        case SETTLE_STEP_TAIL: does_wait = settle_job_tail(job); break;
        case SETTLE_STEP_SYNC: does_wait = settle_job_sync(job); break;
        case SETTLE_STEP_IDLE: return;
        default: UNREACHABLE();
        }
        if (does_wait) {
            return;
        }
    }
}

static void settle_job_fail(struct settle_job *job, enum err err, int saved_errno)
{
    if (job->err == ERR_OK) {
        job->err = err;
        job->saved_errno = saved_errno;
    }
}

static void settle_job_op_done(struct rt_op *op)
{
    struct settle_job *job = CONTAINER_OF(op, struct settle_job, op);
    bool is_harmless = (op->kind == RT_OP_PATH_MKDIR && op->err == ERR_EXISTS) ||
                       (op->kind == RT_OP_PATH_UNLINK && op->err == ERR_NOT_FOUND) ||
                       (op->kind == RT_OP_FILE_ALLOCATE && op->err == ERR_UNSUPPORTED) ||
                       op->kind == RT_OP_PATH_RMDIR || op->kind == RT_OP_PATH_LIST;
    if (op->err != ERR_OK && !is_harmless) {
        settle_job_fail(job, op->err, op->saved_errno);
    }
    if (job->waits_count > 0 && --job->waits_count > 0) {
        return;
    }
    settle_job_run(job);
}

static void settle_job_idx_done(struct rt_op *op)
{
    struct settle_job *job = CONTAINER_OF(op, struct settle_job, op_idx);
    if (op->err != ERR_OK) {
        settle_job_fail(job, op->err, op->saved_errno);
    }
    ASSERT(job->waits_count > 0);
    if (--job->waits_count == 0) {
        settle_job_run(job);
    }
}

/* The partition's directory, made once per start; each name is synced in its parent. */
static bool settle_job_dir(struct settle_job *job)
{
    struct log *log = job->log;
    const struct log_store *store = log->ls->store;
    bool has_work = settle_first(log) != NULL;
    if (log->is_dir_made || !has_work) {
        sm_move(&job->sm, SETTLE_STEP_PICK);
        return false;
    }
    switch (job->dir_step++) {
    case 0:
        log_path_topic(job->path, store, &log->topic);
        rt_path_mkdir(&job->op, job->path, 0700);
        return true;
    case 1:
        *strrchr(job->path, '/') = '\0';
        rt_path_sync_dir(&job->op, job->path);
        return true;
    case 2:
        log_path_partition(job->path, store, &log->topic, log->partition);
        rt_path_mkdir(&job->op, job->path, 0700);
        return true;
    case 3:
        *strrchr(job->path, '/') = '\0';
        rt_path_sync_dir(&job->op, job->path);
        return true;
    default: log->is_dir_made = true; return false;
    }
}

/* What can be settled of `seg`: job->target, recs_target, is_finishing. False: nothing. */
static bool settle_job_target(struct settle_job *job, struct log_segment *seg)
{
    struct log *log = job->log;
    struct log_slot *slot = settle_first(log);
    uint32_t end = seg->written_bytes;
    uint32_t recs = seg->recs_count < seg->recs_total ? seg->recs_count : seg->recs_total;
    bool is_all = seg->end_pos > 0 || seg->recs_total > 0;
    while (slot != NULL && slot->seg != seg) {
        slot = log_tail_next(log, slot);
    }
    for (; slot != NULL && slot->seg == seg; slot = log_tail_next(log, slot)) {
        if (!slot->is_durable) {
            is_all = false;
            break;
        }
        end = slot->rec.pos + slot->rec.length;
        recs = slot->rec_number + 1;
    }
    job->is_finishing = seg->is_sealed && is_all && recs == seg->recs_total;
    if (job->is_finishing) {
        job->target =
            (seg->end_pos + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        job->target = job->target < seg->written_bytes ? seg->written_bytes : job->target;
        job->recs_target = seg->recs_total;
        return true;
    }
    job->target = end / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    job->target = job->target < seg->written_bytes ? seg->written_bytes : job->target;
    for (slot = settle_first(log); slot != NULL && slot->seg == seg;
         slot = log_tail_next(log, slot)) { /* only records of bytes that are there */
        if (!slot->is_durable || slot->rec.pos + slot->rec.length > job->target) {
            recs = slot->rec_number < recs ? slot->rec_number : recs;
            break;
        }
    }
    uint64_t blocks = ((uint64_t)recs + 1) * LOG_SIDECAR_BYTES / LIMIT_BLOCK_BYTES;
    uint64_t whole = blocks * LIMIT_BLOCK_BYTES / LOG_SIDECAR_BYTES;
    job->recs_target = whole > 0 ? (uint32_t)whole - 1 : 0;
    job->recs_target = job->recs_target < seg->recs_count ? seg->recs_count : job->recs_target;
    return job->target > seg->written_bytes || job->recs_target > seg->recs_count ||
           (!seg->has_files && seg->end_pos > 0); /* a direct write waits for its names */
}

static bool settle_job_pick(struct settle_job *job)
{
    struct log *log = job->log;
    job->seg = NULL;
    if (log->direct_count > 0) { /* it writes its segment itself now */
        sm_move(&job->sm, SETTLE_STEP_SYNC);
        return false;
    }
    list_for_each (node, &log->segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (!seg->is_finished && settle_job_target(job, seg)) {
            job->seg = seg;
            job->seg_index = seg->start.index;
            break;
        }
    }
    sm_move(&job->sm, job->seg != NULL ? SETTLE_STEP_OPEN : SETTLE_STEP_REST);
    return false;
}

static void settle_job_got(struct log_file_get *get)
{
    struct settle_job *job = CONTAINER_OF(get, struct settle_job, get);
    if (get->err != ERR_OK) {
        settle_job_fail(job, get->err, get->saved_errno);
    } else if (get->file->kind == LOG_FILE_JOURNAL) {
        job->journal = get->file;
    } else if (get->file->kind == LOG_FILE_LOG) {
        job->file_log = get->file;
    } else {
        job->file_idx = get->file;
    }
    settle_job_run(job);
}

static bool settle_job_open(struct settle_job *job)
{
    if (job->file_log == NULL || job->file_idx == NULL) {
        log_file_get_segment(&job->get, job->seg,
                             job->file_log == NULL ? LOG_FILE_LOG : LOG_FILE_IDX, true);
        return true;
    }
    struct log_segment *seg = job->seg;
    if (seg->allocated_bytes == 0) {
        uint64_t size = job->file_log->file.size_bytes;
        seg->allocated_bytes = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    }
    seg->has_files = true;
    job->write_pos = seg->written_bytes;
    sm_move(&job->sm, SETTLE_STEP_GROW);
    return false;
}

static bool settle_job_grow(struct settle_job *job)
{
    struct log_segment *seg = job->seg;
    if (seg->allocated_bytes >= job->target) {
        sm_move(&job->sm, SETTLE_STEP_LOG);
        return false;
    }
    uint64_t step = seg->allocated_bytes < SETTLE_GROW_MIN   ? SETTLE_GROW_MIN
                    : seg->allocated_bytes > SETTLE_GROW_MAX ? SETTLE_GROW_MAX
                                                             : seg->allocated_bytes;
    uint64_t size = seg->allocated_bytes + step;
    while (size < job->target) {
        size += SETTLE_GROW_MAX;
    }
    size = job->is_finishing ? job->target : size; /* it will not grow further */
    size = size / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    size = size > UINT32_MAX - LIMIT_BLOCK_BYTES ? job->target : size;
    rt_file_allocate(&job->file_log->file, &job->op, RT_ALLOCATE_EXTEND, seg->allocated_bytes,
                     size - seg->allocated_bytes);
    seg->allocated_bytes = (uint32_t)size;
    return true;
}

/* Chunk after chunk: gather, write. */
static bool settle_job_write_log(struct settle_job *job)
{
    struct log_segment *seg = job->seg;
    if (job->copy.seg == seg && job->copy.out != NULL) { /* a chunk is being gathered, or written */
        if (job->copy.pos < job->copy.end) {
            return settle_job_fill(job);
        }
        job->write_pos = job->copy.end;
        job->copy = (struct settle_copy){.seg = NULL};
    }
    if (job->write_pos >= job->target) {
        job->write_pos = (uint32_t)((((uint64_t)seg->recs_count + 2) * LOG_SIDECAR_BYTES - 1) /
                                    LIMIT_BLOCK_BYTES) *
                         LIMIT_BLOCK_BYTES;
        sm_move(&job->sm, SETTLE_STEP_IDX);
        return false;
    }
    uint32_t bytes = job->target - job->write_pos;
    bytes = bytes > LOG_SETTLE_CHUNK_BYTES ? LOG_SETTLE_CHUNK_BYTES : bytes;
    if (!settle_may_write(job->state, bytes)) {
        return true; /* settle.c runs it when there is credit */
    }
    settle_copy_begin(&job->copy, seg, job->write_pos, job->write_pos + bytes, job->data);
    return settle_job_fill(job);
}

/* Gather the chunk in hand; when it is whole, write it. */
static bool settle_job_fill(struct settle_job *job)
{
    struct log_shard *ls = job->log->ls;
    struct settle_copy *copy = &job->copy;
    if (job->bounce_bytes > 0) { /* the journal has been read */
        if ((uint64_t)job->op.result < (uint64_t)job->bounce_skip + job->bounce_bytes) {
            settle_job_fail(job, ERR_CORRUPT, 0);
            return false;
        }
        settle_copy_take(copy, job->bounce + job->bounce_skip, job->bounce_bytes);
        job->bounce_bytes = 0;
        log_file_put(ls, job->journal);
        job->journal = NULL;
    }
    enum settle_copied copied = settle_copy_run(copy);
    if (copied == SETTLE_NOWHERE) {
        settle_job_fail(job, ERR_CORRUPT, 0);
        return false;
    }
    if (copied == SETTLE_JOURNAL) {
        const struct log_slot *slot = copy->slot;
        if (job->journal == NULL) {
            log_file_get_journal(&job->get, ls, slot->journal_slot);
            return true;
        }
        uint64_t pos = slot->journal_pos + (copy->pos - slot->rec.pos);
        uint64_t aligned = pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        uint32_t wanted = slot->rec.pos + slot->rec.length < copy->end
                              ? slot->rec.pos + slot->rec.length - copy->pos
                              : copy->end - copy->pos;
        job->bounce_skip = (uint32_t)(pos - aligned);
        uint32_t room = LOG_SETTLE_CHUNK_BYTES - job->bounce_skip;
        job->bounce_bytes = wanted < room ? wanted : room;
        uint32_t length = job->bounce_skip + job->bounce_bytes;
        length = (length + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
        rt_file_read(&job->journal->file, &job->op, job->bounce, length, aligned);
        return true;
    }
    if (sm_stage(&job->sm) != SETTLE_STEP_LOG) {
        return false;
    }
    uint32_t bytes = copy->end - job->write_pos;
    rt_file_write(&job->file_log->file, &job->op, job->data, bytes, job->write_pos);
    job->state->settle->settled_bytes += bytes;
    return true;
}

static bool settle_job_write_idx(struct settle_job *job)
{
    struct log_segment *seg = job->seg;
    uint64_t end = ((uint64_t)job->recs_target + 1) * LOG_SIDECAR_BYTES;
    end = job->is_finishing ? (end + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES
          : job->recs_target > 0
              ? (end + LOG_SIDECAR_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES
              : 0;
    if (job->recs_target == seg->recs_count && !job->is_finishing) {
        end = 0;
    }
    if (job->write_pos >= end) {
        sm_move(&job->sm, SETTLE_STEP_FLUSH);
        return false;
    }
    uint32_t bytes = (uint32_t)(end - job->write_pos);
    bytes = bytes > LOG_SETTLE_CHUNK_BYTES ? LOG_SETTLE_CHUNK_BYTES : bytes;
    settle_encode_idx(seg, job->write_pos, bytes,
                      job->is_finishing ? job->recs_target : seg->recs_total, job->data);
    rt_file_write(&job->file_idx->file, &job->op, job->data, bytes, job->write_pos);
    job->state->settle->settled_bytes += bytes;
    job->write_pos += bytes;
    return true;
}

static bool settle_job_flush(struct settle_job *job)
{
    sm_move(&job->sm, SETTLE_STEP_CUT);
    job->waits_count = 2;
    rt_file_flush(&job->file_log->file, &job->op);
    rt_file_flush(&job->file_idx->file, &job->op_idx);
    return true;
}

/* A finished segment gives back what it did not use. Not synced: a start may find it longer, with
 * zeros. */
static bool settle_job_cut(struct settle_job *job)
{
    struct log_segment *seg = job->seg;
    if (job->is_finishing && seg->allocated_bytes > job->target) {
        seg->allocated_bytes = job->target;
        rt_file_truncate(&job->file_log->file, &job->op, job->target);
        return true;
    }
    settle_job_written(job);
    sm_move(&job->sm, SETTLE_STEP_PICK);
    return false;
}

static void settle_job_put(struct settle_job *job)
{
    struct log_shard *ls = job->state->settle->ls;
    if (job->file_log != NULL) {
        log_file_put(ls, job->file_log);
        job->file_log = NULL;
    }
    if (job->file_idx != NULL) {
        log_file_put(ls, job->file_idx);
        job->file_idx = NULL;
    }
    if (job->journal != NULL) {
        log_file_put(ls, job->journal);
        job->journal = NULL;
    }
}

/* It is synced: memory says so. */
static void settle_job_written(struct settle_job *job)
{
    struct log_segment *seg = job->seg;
    uint32_t rest_end = seg->written_bytes + seg->rest_bytes;
    if (seg->rest != NULL && job->target >= rest_end) {
        budget_free(&job->log->ls->budget, seg->rest);
        seg->rest = NULL;
        seg->rest_bytes = 0;
    } else if (seg->rest != NULL && job->target > seg->written_bytes) {
        uint32_t gone = job->target - seg->written_bytes;
        memmove(seg->rest, seg->rest + gone, seg->rest_bytes - gone);
        seg->rest_bytes -= gone;
    }
    seg->written_bytes = job->target;
    seg->recs_count = job->recs_target;
    seg->is_finished = job->is_finishing;
    settle_job_put(job);
}

/* Whether what is left of the group must be journaled again: it is in a file that is to be let go,
 * and all of it in one segment. */
static struct log_slot *settle_job_remnant(const struct settle_job *job)
{
    struct log *log = job->log;
    struct log_slot *slot = settle_first(log);
    const struct log_segment *seg = log_segment_active(log);
    if (slot == NULL || slot->file_number == 0 || slot->file_number > job->state->file_target ||
        slot->seg != seg || seg->end_pos - seg->written_bytes > SETTLE_REST_MAX ||
        seg->recs_total - slot->rec_number > LOG_SETTLE_CHUNK_BYTES / 2 / LOG_SIDECAR_BYTES ||
        log->direct_count > 0 || log->pending_count > 0) {
        return NULL; /* what waits may wait for this job: a tail behind it would wait for both */
    }
    return slot;
}

/* Where the rest ends that a direct write waits for: what left memory lies behind written_bytes. 0:
 * none does. */
static uint32_t settle_job_wanted(const struct settle_job *job)
{
    const struct log *log = job->log;
    const struct log_slot *first = settle_first(log);
    uint32_t end = 0;
    if (!log->wants_rest || first == NULL || log->direct_count > 0) {
        return 0;
    }
    const struct log_segment *seg = first->seg;
    for (const struct log_slot *slot = first; slot != NULL && slot->is_durable && slot->seg == seg;
         slot = log_tail_next(log, slot)) {
        end = slot->rec.pos + slot->rec.length;
    }
    return end > seg->written_bytes && end - seg->written_bytes <= SETTLE_REST_MAX ? end : 0;
}

/* Keep the gathered rest with the segment. */
static void settle_job_keep(struct settle_job *job, struct log_segment *seg, uint32_t end)
{
    struct budget *budget = &job->log->ls->budget;
    uint32_t bytes = end - seg->written_bytes;
    void *made = NULL;
    enum err err = budget_alloc(budget, bytes, sizeof(uint64_t), &made);
    if (err != ERR_OK) {
        settle_job_fail(job, err, 0);
        return;
    }
    memcpy(made, job->data, bytes);
    budget_free(budget, seg->rest);
    seg->rest = made;
    seg->rest_bytes = bytes;
    job->log->wants_rest = false;
}

/* Gather the rest: bytes behind written_bytes, to be journaled again or for a direct write. It may
 * grow while the journal is read. */
static bool settle_job_rest(struct settle_job *job)
{
    struct log *log = job->log;
    const struct log_slot *first = settle_first(log);
    struct log_segment *seg = first != NULL ? first->seg : NULL;
    bool is_remnant = settle_job_remnant(job) != NULL;
    uint32_t end = is_remnant ? seg->end_pos : settle_job_wanted(job);
    if (end == 0 || (job->copy.out != NULL && job->copy.seg != seg) ||
        (job->copy.out != NULL && job->copy.pos > end)) {
        if (job->journal != NULL) {
            log_file_put(log->ls, job->journal);
            job->journal = NULL;
        }
        job->bounce_bytes = 0;
        job->copy = (struct settle_copy){.seg = NULL};
        sm_move(&job->sm, SETTLE_STEP_SYNC);
        return false;
    }
    if (job->copy.out == NULL) {
        settle_copy_begin(&job->copy, seg, seg->written_bytes, end, job->data);
    }
    job->copy.end = end;
    if (settle_job_fill(job)) {
        return true;
    }
    if (job->err != ERR_OK) {
        return false;
    }
    ASSERT(job->copy.pos == end);
    if (is_remnant) {
        sm_move(&job->sm, SETTLE_STEP_TAIL);
        return false;
    }
    settle_job_keep(job, seg, end);
    job->copy = (struct settle_copy){.seg = NULL};
    sm_move(&job->sm, SETTLE_STEP_SYNC);
    return false;
}

/* Journal it; wait for that. */
static bool settle_job_tail(struct settle_job *job)
{
    struct log *log = job->log;
    struct log_shard *ls = log->ls;
    if (job->tail != NULL) {
        return true;
    }
    if (job->rest != NULL) { /* it has come back */
        job->rest = NULL;
        sm_move(&job->sm, SETTLE_STEP_SYNC);
        return false;
    }
    struct log_slot *slot = settle_job_remnant(job);
    ASSERT(slot != NULL); /* nothing has happened since it was gathered */
    struct log_segment *seg = slot->seg;
    uint32_t seed = log_sidecar_seed(ls->store->kernels, log->group, seg->generation);
    uint32_t recs_count = seg->recs_total - slot->rec_number;
    uint32_t rest_bytes = seg->end_pos - seg->written_bytes;
    uint32_t bytes = recs_count * LOG_SIDECAR_BYTES + rest_bytes;
    struct buf *buf = NULL;
    void *made = NULL;
    enum err err = buf_new(&ls->bufs, &ls->budget, bytes, &buf);
    if (err == ERR_OK) {
        err = pool_acquire(&ls->ops, &made);
    }
    if (err != ERR_OK) {
        if (buf != NULL) {
            buf_unref(buf);
        }
        settle_job_fail(job, err, 0);
        return false;
    }
    uint8_t *out = buf_append(buf, bytes);
    struct log_record record = {.kind = LOG_RECORD_TAIL};
    record.tail.segment_index = seg->start.index;
    record.tail.generation = seg->generation;
    record.tail.recs_count = recs_count;
    record.tail.first_index = slot->rec.index;
    record.tail.recs_before = slot->rec_number;
    record.tail.written_bytes = seg->written_bytes;
    record.tail.rest_bytes = rest_bytes;
    for (; slot != NULL; slot = log_tail_next(log, slot)) {
        log_sidecar_encode(&slot->rec, ls->store->kernels, seed, out);
        out += LOG_SIDECAR_BYTES;
        job->tail_last_index = slot->rec.last_index;
    }
    memcpy(out, job->data, rest_bytes);
    job->copy = (struct settle_copy){.seg = NULL};
    buf_seal(buf, bytes);
    job->tail = made;
    job->rest = buf;
    *job->tail = (struct log_op){.done = settle_job_tail_done, .ctx = job, .is_pooled = true};
    log_submit(log, job->tail, &record, buf_slice(buf, 0, bytes));
    return true;
}

/* What the tail holds is nowhere else needed: its slots' bytes are in the segment and in its rest.
 */
static void settle_job_tail_done(struct log_op *op)
{
    struct settle_job *job = op->ctx;
    struct log *log = job->log;
    struct log_shard *ls = log->ls;
    struct log_slot *slot = settle_first(log);
    uint32_t rest_bytes = op->record.tail.rest_bytes;
    uint32_t recs_bytes = op->record.tail.recs_count * LOG_SIDECAR_BYTES;
    job->tail = NULL;
    if (op->err != ERR_OK) {
        settle_job_fail(job, op->err, 0);
    } else if (log->cut_epoch == job->cut_epoch && slot != NULL) {
        struct log_segment *seg = slot->seg;
        void *made = NULL;
        enum err err = rest_bytes == 0
                           ? ERR_OK
                           : budget_alloc(&ls->budget, rest_bytes, sizeof(uint64_t), &made);
        if (err != ERR_OK) {
            settle_job_fail(job, err, 0);
        } else {
            budget_free(&ls->budget, seg->rest);
            seg->rest = made;
            seg->rest_bytes = rest_bytes;
            if (rest_bytes > 0) {
                memcpy(seg->rest, job->rest->data + recs_bytes, rest_bytes);
            }
            for (; slot != NULL && slot->rec.index <= job->tail_last_index;
                 slot = log_tail_next(log, slot)) {
                ASSERT(slot->is_durable);
                ls->lane.unsettled_bytes -= slot->unsettled_bytes;
                slot->unsettled_bytes = LOG_SIDECAR_BYTES;
                ls->lane.unsettled_bytes += slot->unsettled_bytes;
                slot->where = LOG_SLOT_SEGMENT;
                slot->file_number = op->file_number;
                slot->seq = op->record.seq;
            }
        }
    }
    buf_unref(job->rest); /* log_op_done has let the op's own reference go; the pointer says that it
                             was there */
    settle_job_run(job);
}

static bool settle_job_sync(struct settle_job *job)
{
    struct log *log = job->log;
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        job->does_sync_dir |= seg->has_files && !seg->is_made && !job->did_sync_dir;
    }
    if (job->does_sync_dir && log->is_dir_made && !log->is_delete_durable) {
        job->does_sync_dir = false;
        job->did_sync_dir = true;
        log_path_partition(job->path, log->ls->store, &log->topic, log->partition);
        rt_path_sync_dir(&job->op, job->path);
        return true;
    }
    if (job->did_sync_dir) {
        list_for_each (node, &log->segments.list) {
            struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
            seg->is_made |= seg->has_files;
        }
    }
    settle_job_end(job);
    return true; /* the job is over, perhaps another one has begun in it */
}

static void settle_job_end(struct settle_job *job)
{
    settle_job_put(job);
    job->copy = (struct settle_copy){.seg = NULL};
    job->bounce_bytes = 0;
    job->rest = NULL;
    job->seg = NULL;
    sm_move(&job->sm, SETTLE_STEP_IDLE);
    settle_job_done(job);
}
