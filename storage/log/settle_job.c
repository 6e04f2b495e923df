/* One group's part in a round: its segments' whole blocks, and what is left of sealed ones. See
 * settle_job.h.
 *
 *     IDLE -> WAIT -> (PLACE -> GROW -> (OPEN -> READ -> ... LOG)* -> IDX* ->
 *          [CUT_LOG -> CUT_IDX -> SNAP_OPEN -> SNAP -> SNAP_SYNC -> SNAP_CLOSE])* -> IDLE
 *
 * Bytes come from memory, or are read back from the journal a run at a time. Only durable entries
 * are written: an entry's bytes leave the journal after they have been in it. A record goes into
 * the .idx only when its entry's bytes are in the .log, so the settled end is where the records
 * end. A job whose group is cut meanwhile stops; what it wrote does not count, the blocks are
 * written again with what is there then. */
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/round.h"
#include "storage/log/snap.h"

enum {
    LOG_JOB_IDLE,       /* none's */
    LOG_JOB_WAIT,       /* direct writes of the group are under way */
    LOG_JOB_PLACE,      /* the segment's files are opened, made if need be */
    LOG_JOB_GROW,       /* the .log gets room */
    LOG_JOB_OPEN,       /* a journal file is opened */
    LOG_JOB_READ,       /* and read */
    LOG_JOB_LOG,        /* a chunk of the .log is written, or waits for credit */
    LOG_JOB_IDX,        /* blocks of the .idx are written, or wait for credit */
    LOG_JOB_CUT_LOG,    /* finishing: the .log gets its size */
    LOG_JOB_CUT_IDX,    /* likewise the .idx */
    LOG_JOB_SNAP_OPEN,  /* the .snap is made */
    LOG_JOB_SNAP,       /* written */
    LOG_JOB_SNAP_SYNC,  /* synced */
    LOG_JOB_SNAP_CLOSE, /* closed */
};

static const struct sm_conf log_job_stages[] = {
    [LOG_JOB_IDLE] = {"IDLE", SM_BIT(LOG_JOB_WAIT), SM_INITIAL | SM_FINAL},
    [LOG_JOB_WAIT] = {"WAIT", SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_IDLE),
                      0},
    [LOG_JOB_PLACE] = {"PLACE",
                       SM_BIT(LOG_JOB_GROW) | SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_LOG) |
                           SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_IDLE),
                       0},
    [LOG_JOB_GROW] = {"GROW", SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_OPEN] = {"OPEN", SM_BIT(LOG_JOB_READ) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_READ] = {"READ",
                      SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_IDX) |
                          SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE),
                      0},
    [LOG_JOB_LOG] = {"LOG",
                     SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_IDX) |
                         SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE),
                     0},
    [LOG_JOB_IDX] = {"IDX",
                     SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_PLACE) |
                         SM_BIT(LOG_JOB_IDLE),
                     0},
    [LOG_JOB_CUT_LOG] = {"CUT_LOG", SM_BIT(LOG_JOB_CUT_IDX) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_CUT_IDX] = {"CUT_IDX", SM_BIT(LOG_JOB_SNAP_OPEN) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_SNAP_OPEN] = {"SNAP_OPEN",
                           SM_BIT(LOG_JOB_SNAP) | SM_BIT(LOG_JOB_SNAP_CLOSE) | SM_BIT(LOG_JOB_IDLE),
                           0},
    [LOG_JOB_SNAP] = {"SNAP", SM_BIT(LOG_JOB_SNAP_SYNC) | SM_BIT(LOG_JOB_SNAP_CLOSE), 0},
    [LOG_JOB_SNAP_SYNC] = {"SNAP_SYNC", SM_BIT(LOG_JOB_SNAP_CLOSE), 0},
    [LOG_JOB_SNAP_CLOSE] = {"SNAP_CLOSE", SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE), 0},
};
const struct sm_decl log_job_decl = {"log_job", log_job_stages, ARRAY_COUNT(log_job_stages), NULL};

/* What can be done for a segment now. */
struct log_plan {
    bool is_finishing;   /* all of it: it is sealed for good */
    uint64_t last_index; /* its last durable entry; below the first: none */
    uint32_t last_end;   /* where that one ends */
    uint32_t target;     /* the .log's whole blocks afterwards */
    bool has_work;       /* blocks of either file to write, or an end to make */
};

static struct log_segment *log_job_first(const struct log *log);
static struct log_plan log_job_plan(const struct log_segment *seg);
static bool log_job_has_recs(const struct log_segment *seg, const struct log_plan *plan);
static void log_job_done(struct rt_op *op);
static void log_job_got(struct log_file_get *get);
static void log_job_placed(struct log_place *place);
static void log_job_stop(struct log_job *job);
static void log_job_run(struct log_job *job);
static void log_job_segment(struct log_job *job, struct log_segment *seg);
static void log_job_blocks(struct log_job *job);
static void log_job_chunk(struct log_job *job);
static void log_job_fill(struct log_job *job);
static void log_job_filled(struct log_job *job);
static void log_job_write_log(struct log_job *job);
static void log_job_keep_rest(struct log_job *job);
static void log_job_records(struct log_job *job);
static void log_job_encode(struct log_job *job);
static void log_job_write_idx(struct log_job *job);
static void log_job_idx_written(struct log_job *job);
static void log_job_segment_end(struct log_job *job);
static void log_job_cut_log(struct log_job *job);
static void log_job_snap(struct log_job *job);
static void log_job_remnant(struct log_job *job);
static void log_job_end(struct log_job *job);
static enum err log_job_reserve(struct log_round *round);

enum err log_jobs_init(struct log_round *round)
{
    struct log_shard *ls = round->ls;
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        struct log_job *job = &round->jobs[i];
        job->round = round;
        sm_init(&job->sm, &log_job_decl, LOG_JOB_IDLE, NULL, i + 1);
        rt_op_init(&job->op, ls->shard, log_job_done);
    }
    return log_job_reserve(round);
}

/* The first job's memory is spoken for from the start, and taken when there is work. */
static enum err log_job_reserve(struct log_round *round)
{
    enum err err =
        budget_charge(&round->ls->budget, budget_block_bytes(LOG_JOB_BYTES, LIMIT_BLOCK_BYTES));
    round->is_reserved = err == ERR_OK;
    return err;
}

static void log_job_unreserve(struct log_round *round)
{
    if (round->is_reserved) {
        budget_uncharge(&round->ls->budget, budget_block_bytes(LOG_JOB_BYTES, LIMIT_BLOCK_BYTES));
        round->is_reserved = false;
    }
}

void log_jobs_deinit(struct log_round *round)
{
    log_jobs_trim(round);
    ASSERT(sm_is_final(&round->jobs[0].sm));
    log_job_unreserve(round);
    budget_free(&round->ls->budget, round->jobs[0].memory);
    round->jobs[0].memory = NULL;
}

struct log_job *log_job_idle(struct log_round *round)
{
    for (uint32_t i = 0; i < LOG_SETTLE_JOBS; i++) {
        struct log_job *job = &round->jobs[i];
        if (!sm_is_final(&job->sm)) {
            continue;
        }
        if (job->memory == NULL) {
            void *made = NULL;
            if (i == 0) {
                log_job_unreserve(round);
            }
            if (budget_alloc(&round->ls->budget, LOG_JOB_BYTES, LIMIT_BLOCK_BYTES, &made) !=
                ERR_OK) {
                if (i == 0) {
                    (void)log_job_reserve(round);
                }
                return NULL; /* the first one goes on */
            }
            job->memory = made;
        }
        return job;
    }
    return NULL;
}

void log_jobs_trim(struct log_round *round)
{
    for (uint32_t i = 1; i < LOG_SETTLE_JOBS; i++) {
        ASSERT(sm_is_final(&round->jobs[i].sm));
        budget_free(&round->ls->budget, round->jobs[i].memory);
        round->jobs[i].memory = NULL;
    }
}

/* --- What there is to do --- */

bool log_segment_is_begun(const struct log_segment *seg)
{
    const struct log *log = seg->log;
    return seg->is_begun || log->durable_index >= seg->start.index || log->pending_count == 0;
}

/* The first segment that is not finished: those behind it are not either. */
static struct log_segment *log_job_first(const struct log *log)
{
    const struct list *list = &log->segments.list;
    struct log_segment *first = NULL;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->is_finished) {
            break;
        }
        first = seg;
    }
    return first;
}

uint32_t log_segment_durable_end(const struct log_segment *seg)
{
    const struct log *log = seg->log;
    if (seg->last_index <= log->durable_index) {
        return seg->end_pos;
    }
    const struct log_slot *slot = log_tail_find(log, log->durable_index);
    if (slot != NULL) {
        return slot->seg == seg ? slot->rec.pos + slot->rec.length : 0;
    }
    return log->row.segment_index == seg->start.index && log->row.end.index == log->durable_index
               ? log->row.end_pos /* settled, and not in memory any more */
               : 0;
}

static struct log_plan log_job_plan(const struct log_segment *seg)
{
    const struct log *log = seg->log;
    struct log_plan plan = {
        .last_index = seg->last_index,
        .last_end = log_segment_durable_end(seg),
    };
    const struct list_node *next = list_next(&log->segments.list, &seg->in_log);
    if (plan.last_index > log->durable_index) {
        plan.last_index = log->durable_index;
    } else {
        plan.is_finishing = seg->is_sealed && next != NULL && plan.last_index >= seg->start.index &&
                            log_segment_is_begun(CONTAINER_OF(next, struct log_segment, in_log));
    }
    plan.target = plan.is_finishing ? log_block_up(plan.last_end) : log_block_down(plan.last_end);
    if (plan.target < seg->written_bytes) {
        plan.target = seg->written_bytes; /* what was cut off stays behind the end */
    }
    plan.has_work =
        plan.is_finishing || plan.target > seg->written_bytes || log_job_has_recs(seg, &plan);
    return plan;
}

/* Whether one more block of the .idx is full: of records of entries that are in the .log, the last
 * one's other part belonging to a durable entry. Indexes tell, but for gaps, of which there are
 * few: then it is found out in the encoding. */
static bool log_job_has_recs(const struct log_segment *seg, const struct log_plan *plan)
{
    const struct log *log = seg->log;
    uint64_t block = log_gather_blocks(seg->recs_count) + 1;
    uint64_t whole = log_gather_recs(block) - seg->recs_count; /* records that are then inside */
    uint64_t last_whole = log_row_next_index(log, seg) + whole - 1;
    bool does_cross = block * LIMIT_BLOCK_BYTES % LOG_SIDECAR_BYTES != 0;
    if (last_whole + does_cross > plan->last_index) {
        return false;
    }
    const struct log_slot *slot = log_tail_find(log, last_whole);
    return slot != NULL && slot->rec.pos + slot->rec.length <= plan->target;
}

bool log_job_is_due(const struct log *log)
{
    if (!log->is_available || log->is_delete_durable || log->is_settling) {
        return false;
    }
    if (log->row.end.index > log->end.index) {
        return false; /* a cut of settled entries is on its way */
    }
    const struct log_segment *first = log_job_first(log);
    return first != NULL && (log->is_direct_wanted || log_job_plan(first).has_work);
}

/* --- Running --- */

void log_job_start(struct log_job *job, struct log *log, enum log_job_mode mode,
                   struct log_remnant *remnant)
{
    ASSERT(!log->is_settling);
    ASSERT(job->memory != NULL);
    log->is_settling = true; /* no direct write begins */
    job->mode = mode;
    job->log = log;
    job->cut_epoch = log->cut_epoch;
    job->err = ERR_OK;
    job->saved_errno = 0;
    job->seg = NULL;
    job->part = NULL;
    job->parts_count = 0;
    job->is_rest = false;
    job->remnant = remnant;
    job->get.file = NULL;
    job->snap.is_open = false;
    sm_move(&job->sm, LOG_JOB_WAIT);
    rt_op_defer(&job->op);
}

void log_job_wake(struct log_job *job)
{
    uint32_t stage = sm_stage(&job->sm);
    bool is_waiting = list_is_linked(&job->in_waiting);
    if (is_waiting) {
        list_remove(&job->in_waiting);
    }
    if (is_waiting || (stage == LOG_JOB_WAIT && rt_op_is_idle(&job->op))) {
        rt_op_defer(&job->op);
    }
}

static void log_job_done(struct rt_op *op)
{
    struct log_job *job = CONTAINER_OF(op, struct log_job, op);
    if (op->err != ERR_OK && job->err == ERR_OK) {
        job->err = op->err;
        job->saved_errno = op->saved_errno;
    }
    log_job_run(job);
}

static void log_job_got(struct log_file_get *get)
{
    struct log_job *job = CONTAINER_OF(get, struct log_job, get);
    if (get->err != ERR_OK && job->err == ERR_OK) {
        job->err = get->err;
        job->saved_errno = get->saved_errno;
    }
    log_job_run(job);
}

static void log_job_placed(struct log_place *place)
{
    struct log_job *job = CONTAINER_OF(place, struct log_job, place);
    if (place->err != ERR_OK && job->err == ERR_OK) {
        job->err = place->err;
        job->saved_errno = place->saved_errno;
    }
    log_job_run(job);
}

/* Whether to stop: the group was cut or deleted, the device failed, a request did. */
static bool log_job_is_over(struct log_job *job)
{
    if (job->err == ERR_OK &&
        (job->log->cut_epoch != job->cut_epoch || atomic_load(&job->round->ls->store->is_fenced))) {
        job->err = ERR_CANCELED;
    }
    return job->err != ERR_OK;
}

/* Give back what the stage in hand has. */
static void log_job_stop(struct log_job *job)
{
    struct log_shard *ls = job->round->ls;
    uint32_t stage = sm_stage(&job->sm);
    if (stage == LOG_JOB_PLACE && job->place.file_log != NULL) {
        log_file_put(ls, job->place.file_log);
        log_file_put(ls, job->place.file_idx);
    }
    if (job->get.file != NULL) {
        log_file_put(ls, job->get.file);
        job->get.file = NULL;
    }
    if (stage == LOG_JOB_GROW && job->log->cut_epoch == job->cut_epoch) {
        job->seg->allocated_bytes = job->seg->written_bytes; /* it did not get the room */
    }
    if (job->snap.is_open) {
        sm_move(&job->sm, LOG_JOB_SNAP_CLOSE);
        rt_file_close(&job->snap, &job->op);
        return;
    }
    log_job_end(job);
}

/* Go on behind what has ended. */
/* tidy: dispatcher */
static void log_job_run(struct log_job *job)
{
    uint32_t stage = sm_stage(&job->sm);
    if (stage == LOG_JOB_GROW && job->err == ERR_UNSUPPORTED) {
        job->err = ERR_OK; /* it grows by being written */
    }
    if (log_job_is_over(job) && stage != LOG_JOB_SNAP_CLOSE) {
        log_job_stop(job);
        return;
    }
    switch (stage) {
    case LOG_JOB_WAIT:
        if (job->log->direct_count > 0) {
            return; /* its end wakes us */
        }
        if (job->mode == LOG_JOB_REMNANT) {
            log_job_remnant(job);
        } else {
            log_job_segment(job, log_job_first(job->log));
        }
        return;
    case LOG_JOB_PLACE: log_job_blocks(job); return;
    case LOG_JOB_GROW: log_job_chunk(job); return;
    case LOG_JOB_OPEN:
        sm_move(&job->sm, LOG_JOB_READ);
        rt_file_read(&job->get.file->file, &job->op, job->memory + LOG_SETTLE_CHUNK_BYTES,
                     job->run.bytes, job->run.pos);
        return;
    case LOG_JOB_READ:
        log_file_put(job->round->ls, job->get.file);
        job->get.file = NULL;
        log_job_fill(job);
        return;
    case LOG_JOB_LOG: log_job_write_log(job); return;
    case LOG_JOB_IDX: log_job_write_idx(job); return;
    case LOG_JOB_CUT_LOG:
        sm_move(&job->sm, LOG_JOB_CUT_IDX);
        rt_file_truncate(&job->part->file_idx->file, &job->op, job->idx.pos);
        return;
    case LOG_JOB_CUT_IDX: log_job_snap(job); return;
    case LOG_JOB_SNAP_OPEN:
        sm_move(&job->sm, LOG_JOB_SNAP);
        rt_file_write(&job->snap, &job->op, job->memory, job->snap_bytes, 0);
        return;
    case LOG_JOB_SNAP:
        sm_move(&job->sm, LOG_JOB_SNAP_SYNC);
        rt_file_flush(&job->snap, &job->op);
        return;
    case LOG_JOB_SNAP_SYNC:
        sm_move(&job->sm, LOG_JOB_SNAP_CLOSE);
        rt_file_close(&job->snap, &job->op);
        return;
    case LOG_JOB_SNAP_CLOSE:
        if (job->err != ERR_OK) {
            log_job_end(job);
            return;
        }
        job->part->is_finished = true;
        job->part->is_dir_touched = true;
        log_job_segment_end(job);
        return;
    default: UNREACHABLE();
    }
}

/* --- The .log --- */

/* Begin with a segment, if there is something to do for it. */
static void log_job_segment(struct log_job *job, struct log_segment *seg)
{
    bool is_wanted = job->log->is_direct_wanted && seg != NULL; /* names, or bytes in memory */
    if (seg == NULL || job->parts_count == LOG_SETTLE_JOB_PARTS ||
        (!is_wanted && !log_job_plan(seg).has_work)) {
        log_job_end(job);
        return;
    }
    if (log_gather_recs(log_gather_blocks(seg->recs_count)) != seg->recs_count) {
        if (job->round->ls->diag != NULL) { /* a row that no settle has written */
            DIAG_ERROR(job->round->ls->diag, "log", "group unavailable: its row makes no sense",
                       DIAG_U64("group", job->log->group), DIAG_U64("recs_count", seg->recs_count));
        }
        job->log->is_available = false;
        log_job_end(job);
        return;
    }
    job->seg = seg;
    sm_move(&job->sm, LOG_JOB_PLACE);
    log_place_start(&job->place, seg, log_job_placed);
}

/* Its files are open: what is there to write is decided now. */
static void log_job_blocks(struct log_job *job)
{
    struct log_segment *seg = job->seg;
    struct log_part *part = log_round_part(job->round);
    struct log_plan plan = log_job_plan(seg);
    uint64_t size_bytes = job->place.file_log->file.size_bytes;
    if (size_bytes > seg->allocated_bytes && size_bytes <= UINT32_MAX) {
        seg->allocated_bytes = (uint32_t)size_bytes;
    }
    *part = (struct log_part){
        .log = job->log,
        .seg = seg,
        .cut_epoch = job->cut_epoch,
        .file_log = job->place.file_log,
        .file_idx = job->place.file_idx,
        .written_bytes = plan.target,
        .recs_count = seg->recs_count,
        .recs_index = log_row_next_index(job->log, seg),
    };
    job->part = part;
    job->parts_count++;
    job->last_index = plan.last_index;
    job->last_end = plan.last_end;
    job->is_finishing = plan.is_finishing;
    job->chunk_pos = seg->written_bytes;
    uint32_t size = log_segment_grown(seg, plan.target);
    if (size > seg->allocated_bytes && !plan.is_finishing) {
        uint32_t pos = seg->allocated_bytes;
        seg->allocated_bytes = size;
        sm_move(&job->sm, LOG_JOB_GROW);
        rt_file_allocate(&part->file_log->file, &job->op, RT_ALLOCATE_EXTEND, pos, size - pos);
        return;
    }
    log_job_chunk(job);
}

/* Gather the next chunk; behind the last, what a direct write wants to have in memory. */
static void log_job_chunk(struct log_job *job)
{
    const struct log_segment *seg = job->seg;
    struct log_rest rest = {seg->rest, seg->written_bytes, seg->rest_bytes};
    uint32_t pos = job->chunk_pos;
    uint32_t end = job->part->written_bytes;
    job->is_rest = pos >= end;
    if (job->is_rest) {
        bool is_wanted = job->log->is_direct_wanted && !job->is_finishing && job->last_end > end;
        if (!is_wanted) {
            log_job_records(job);
            return;
        }
        pos = end;
        end = job->last_end;
        ASSERT(end - pos < LIMIT_BLOCK_BYTES);
    } else {
        end = end - pos > LOG_SETTLE_CHUNK_BYTES ? pos + LOG_SETTLE_CHUNK_BYTES : end;
        end = end < job->last_end ? end : job->last_end; /* zeros follow, at the seal */
    }
    job->chunk_pos = pos;
    log_gather_begin(&job->gather, job->log, seg, &rest, pos, end);
    job->run.bytes = 0;
    log_job_fill(job);
}

/* Copy what is there; read what is not. */
static void log_job_fill(struct log_job *job)
{
    struct log_gather *g = &job->gather;
    const struct log_gather_run *run = job->run.bytes > 0 ? &job->run : NULL;
    g->slot = NULL; /* looked up again: others went on while this was read */
    (void)log_gather_copy(g, job->memory + (g->pos - job->chunk_pos), run,
                          job->memory + LOG_SETTLE_CHUNK_BYTES);
    if (job->mode == LOG_JOB_REMNANT && g->pos == g->end) {
        if (!log_remnant_is_possible(job->log) || log_segment_active(job->log) != g->seg) {
            log_job_end(job);
            return;
        }
        g->end = log_remnant_end(job->log); /* what came meanwhile is in memory */
        (void)log_gather_copy(g, job->memory + (g->pos - job->chunk_pos), NULL, NULL);
    }
    if (g->pos == g->end) {
        log_job_filled(job);
        return;
    }
    log_gather_run(g, LOG_JOB_READ_BYTES, &job->run);
    sm_move(&job->sm, LOG_JOB_OPEN);
    job->get.done = log_job_got;
    log_file_get_journal(&job->get, job->round->ls, job->run.slot);
}

static void log_job_filled(struct log_job *job)
{
    if (job->mode == LOG_JOB_REMNANT) {
        if (!log_remnant_submit(job->remnant, job->log, job->memory)) {
            job->err = ERR_BUDGET;
        }
        log_job_end(job);
        return;
    }
    if (job->is_rest) {
        log_job_keep_rest(job);
        return;
    }
    uint32_t bytes = job->gather.pos - job->chunk_pos;
    if (job->gather.holes_bytes > 0 && job->round->ls->diag != NULL) {
        DIAG_ERROR(job->round->ls->diag, "log", "entries that nobody has are zeros in the segment",
                   DIAG_U64("group", job->log->group),
                   DIAG_BYTES("bytes", job->gather.holes_bytes));
    }
    memset(job->memory + bytes, 0, log_block_up(bytes) - bytes);
    job->is_written = false;
    sm_move(&job->sm, LOG_JOB_LOG);
    log_job_write_log(job);
}

/* Write the chunk when there is credit; when it is written, the next. */
static void log_job_write_log(struct log_job *job)
{
    uint32_t bytes = log_block_up(job->gather.end - job->chunk_pos);
    if (job->is_written) {
        job->chunk_pos += bytes;
        job->part->is_log_touched = true;
        job->round->settle->settled_bytes += bytes;
        log_job_chunk(job);
        return;
    }
    if (!log_round_may_write(job->round, bytes)) {
        list_push_back(&job->round->waiting, &job->in_waiting);
        return;
    }
    job->is_written = true;
    rt_file_write(&job->part->file_log->file, &job->op, job->memory, bytes, job->chunk_pos);
}

/* The bytes behind the whole blocks stay in memory. */
static void log_job_keep_rest(struct log_job *job)
{
    uint32_t bytes = job->gather.end - job->chunk_pos;
    void *made = NULL;
    if (budget_alloc(&job->round->ls->budget, bytes, sizeof(uint64_t), &made) == ERR_OK) {
        memcpy(made, job->memory, bytes);
        job->part->rest = made;
        job->part->rest_bytes = bytes;
    }
    log_job_records(job);
}

/* --- The .idx --- */

static void log_job_records(struct log_job *job)
{
    log_gather_idx_begin(&job->idx, job->log, job->seg, job->memory, LOG_SETTLE_CHUNK_BYTES);
    job->next_index = job->part->recs_index;
    job->ok_count = job->seg->recs_count;
    log_job_encode(job);
}

/* Encode up to the chunk's end, or to the last record that may be written and the one whose first
 * part fills its block. */
static void log_job_encode(struct log_job *job)
{
    struct log_gather_idx *idx = &job->idx;
    struct log_slot *slot =
        job->next_index <= job->last_index ? log_tail_find(job->log, job->next_index) : NULL;
    bool is_full = false;
    while (slot != NULL && slot->seg == job->seg && slot->rec.index <= job->last_index) {
        is_full = !log_gather_idx_has_room(idx);
        if (is_full) {
            break;
        }
        bool is_written =
            job->is_finishing || slot->rec.pos + slot->rec.length <= job->part->written_bytes;
        log_gather_idx_put(idx, &slot->rec);
        job->next_index = slot->rec.last_index + 1;
        if (!is_written) {
            break;
        }
        job->ok_count++;
        slot = log_tail_next(job->log, slot);
    }
    job->is_last_chunk = !is_full;
    if (job->is_last_chunk && job->is_finishing) {
        log_gather_idx_pad(idx);
    }
    job->idx_bytes = job->is_last_chunk && job->is_finishing
                         ? idx->fill_bytes
                         : log_gather_idx_whole(idx, job->ok_count);
    if (job->idx_bytes == 0) {
        log_job_idx_written(job);
        return;
    }
    job->is_written = false;
    sm_move(&job->sm, LOG_JOB_IDX);
    log_job_write_idx(job);
}

static void log_job_write_idx(struct log_job *job)
{
    if (job->is_written) {
        job->part->is_idx_touched = true;
        job->round->settle->settled_bytes += job->idx_bytes;
        log_gather_idx_written(&job->idx, job->idx_bytes);
        if (!job->is_last_chunk) {
            log_job_encode(job);
            return;
        }
        log_job_idx_written(job);
        return;
    }
    if (!log_round_may_write(job->round, job->idx_bytes)) {
        list_push_back(&job->round->waiting, &job->in_waiting);
        return;
    }
    job->is_written = true;
    rt_file_write(&job->part->file_idx->file, &job->op, job->memory, job->idx_bytes, job->idx.pos);
}

/* How many records are in whole blocks now, and behind which index they end. */
static void log_job_idx_written(struct log_job *job)
{
    struct log_part *part = job->part;
    struct log_gather_idx *idx = &job->idx;
    if (job->is_finishing) {
        part->recs_count = idx->recs_count;
        part->recs_index = job->last_index + 1;
        log_job_cut_log(job);
        return;
    }
    if (part->is_idx_touched) {
        part->recs_count = log_gather_recs(idx->pos / LIMIT_BLOCK_BYTES);
        part->recs_index = job->next_index;
        ASSERT(part->recs_count <= job->ok_count);
        for (uint32_t i = part->recs_count; i < idx->recs_count; i++) {
            part->recs_index = log_tail_find(job->log, part->recs_index - 1)->rec.index;
        }
    }
    log_job_segment_end(job);
}

/* --- The end of a segment --- */

/* A sealed segment gets its size: room that was not used goes back. */
static void log_job_cut_log(struct log_job *job)
{
    job->part->is_log_touched = true;
    job->part->is_idx_touched = true;
    job->seg->allocated_bytes = job->part->written_bytes;
    sm_move(&job->sm, LOG_JOB_CUT_LOG);
    rt_file_truncate(&job->part->file_log->file, &job->op, job->part->written_bytes);
}

/* The .snap: term runs as of the segment's first index, as far as they are known and fit. */
static void log_job_snap(struct log_job *job)
{
    const struct log_segment *seg = job->seg;
    const uint32_t half = LOG_SETTLE_CHUNK_BYTES / 2;
    struct bytes_writer runs = bytes_writer(job->memory + half, half - LIMIT_BLOCK_BYTES);
    const struct list *terms = &job->log->terms;
    struct list_node *node = list_first(terms);
    uint32_t count = 0;
    list_for_each (term, terms) {
        count += CONTAINER_OF(term, struct log_term, in_log)->first_index < seg->start.index;
    }
    for (; node != NULL && count > 0; node = list_next(terms, node), count--) {
        const struct log_term *term = CONTAINER_OF(node, struct log_term, in_log);
        if (count > bytes_writer_left(&runs) / LOG_TERM_RUN_BYTES) {
            continue; /* the newest matter most */
        }
        struct log_term_run run = {term->first_index, term->first_offset, term->term};
        log_term_run_put(&runs, &run);
    }
    ASSERT(runs.err == ERR_OK);
    struct log_snap snap = {
        .generation = seg->generation,
        .group = job->log->group,
        .first_index = seg->start.index,
        .sections_count = 1,
    };
    snap.sections[0] = (struct log_snap_section){
        .kind = LOG_SNAP_TERM_RUNS,
        .data = job->memory + half,
        .bytes = (uint32_t)runs.pos,
    };
    struct bytes_writer w = bytes_writer(job->memory, half);
    log_snap_put(&w, &snap, job->round->ls->store->kernels);
    ASSERT(w.err == ERR_OK);
    job->snap_bytes = (uint32_t)w.pos;
    log_path_segment(job->path, job->log, seg->start.index, seg->generation, "snap");
    sm_move(&job->sm, LOG_JOB_SNAP_OPEN);
    rt_file_open(&job->snap, &job->op, job->round->ls->shard, job->path,
                 RT_FILE_WRITE | RT_FILE_CREATE, 0600);
}

/* On to the next segment, if this one is done with. */
static void log_job_segment_end(struct log_job *job)
{
    struct list_node *next = list_next(&job->log->segments.list, &job->seg->in_log);
    bool is_next = job->part->is_finished && next != NULL;
    job->part = NULL;
    if (is_next) {
        log_job_segment(job, CONTAINER_OF(next, struct log_segment, in_log));
        return;
    }
    log_job_end(job);
}

/* --- A remnant --- */

static void log_job_remnant(struct log_job *job)
{
    const struct log_segment *seg = log_segment_active(job->log);
    if (!log_remnant_is_possible(job->log)) {
        log_job_end(job);
        return;
    }
    struct log_rest rest = {seg->rest, seg->written_bytes, seg->rest_bytes};
    job->chunk_pos = seg->written_bytes;
    job->run.bytes = 0;
    log_gather_begin(&job->gather, job->log, seg, &rest, seg->written_bytes,
                     log_remnant_end(job->log));
    log_job_fill(job);
}

/* --- The end --- */

static void log_job_end(struct log_job *job)
{
    struct log_part *part = job->part;
    if (part != NULL) { /* it did not get through */
        log_file_put(job->round->ls, part->file_log);
        log_file_put(job->round->ls, part->file_idx);
        budget_free(&job->round->ls->budget, part->rest);
        *part = (struct log_part){0};
        job->part = NULL;
        job->parts_count--;
    }
    sm_move(&job->sm, LOG_JOB_IDLE);
    log_round_job_done(job);
}
