/* One group's part in a round: its segments' whole blocks, and what is left of sealed ones. See
 * settle_job.h.
 *
 *     IDLE -> WAIT -> (PLACE -> GROW -> (OPEN -> READ -> ... LOG)* -> ([GROW_IDX ->] IDX)* ->
 *          [CUT_LOG -> CUT_IDX -> [FLUSH_LOG -> FLUSH_IDX -> NAME_LOG -> NAME_IDX]])* -> IDLE
 *
 * Bytes come from memory, or are read back from the journal a run at a time. Only durable entries
 * are written: an entry's bytes leave the journal after they have been in it. A record goes into
 * the .idx only when its entry's bytes are in the .log, so the settled end is where the records
 * end. A job whose group is cut meanwhile stops; what it wrote does not count, the blocks are
 * written again with what is there then. */
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/move_int.h"
#include "storage/log/rescue.h"
#include "storage/log/round.h"

enum {
    LOG_JOB_IDLE,      /* none's */
    LOG_JOB_WAIT,      /* direct writes of the group are under way */
    LOG_JOB_PLACE,     /* the segment's files are opened, made if need be */
    LOG_JOB_GROW,      /* the .log gets room */
    LOG_JOB_OPEN,      /* a journal file is opened */
    LOG_JOB_READ,      /* and read */
    LOG_JOB_LOG,       /* a chunk of the .log is written, or waits for credit */
    LOG_JOB_GROW_IDX,  /* the .idx gets room */
    LOG_JOB_IDX,       /* blocks of the .idx are written, or wait for credit */
    LOG_JOB_CUT_LOG,   /* finishing: the .log gets its size */
    LOG_JOB_CUT_IDX,   /* likewise the .idx */
    LOG_JOB_FLUSH_LOG, /* written apart: it is synced */
    LOG_JOB_FLUSH_IDX, /* likewise */
    LOG_JOB_NAME_LOG,  /* and gets its name */
    LOG_JOB_NAME_IDX,  /* likewise */
};

static const struct sm_conf log_job_stages[] = {
    [LOG_JOB_IDLE] = {"IDLE", SM_BIT(LOG_JOB_WAIT), SM_INITIAL | SM_FINAL},
    [LOG_JOB_WAIT] = {"WAIT", SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_IDLE),
                      0},
    [LOG_JOB_PLACE] = {"PLACE",
                       SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_GROW) | SM_BIT(LOG_JOB_OPEN) |
                           SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_GROW_IDX) | SM_BIT(LOG_JOB_IDX) |
                           SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_IDLE),
                       0},
    [LOG_JOB_GROW] = {"GROW", SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_OPEN] = {"OPEN", SM_BIT(LOG_JOB_READ) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_READ] = {"READ",
                      SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_GROW_IDX) |
                          SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_PLACE) |
                          SM_BIT(LOG_JOB_IDLE),
                      0},
    [LOG_JOB_LOG] = {"LOG",
                     SM_BIT(LOG_JOB_LOG) | SM_BIT(LOG_JOB_OPEN) | SM_BIT(LOG_JOB_GROW_IDX) |
                         SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_CUT_LOG) | SM_BIT(LOG_JOB_PLACE) |
                         SM_BIT(LOG_JOB_IDLE),
                     0},
    [LOG_JOB_GROW_IDX] = {"GROW_IDX", SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_IDX] = {"IDX",
                     SM_BIT(LOG_JOB_GROW_IDX) | SM_BIT(LOG_JOB_IDX) | SM_BIT(LOG_JOB_CUT_LOG) |
                         SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE),
                     0},
    [LOG_JOB_CUT_LOG] = {"CUT_LOG", SM_BIT(LOG_JOB_CUT_IDX) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_CUT_IDX] = {"CUT_IDX",
                         SM_BIT(LOG_JOB_FLUSH_LOG) | SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE),
                         0},
    [LOG_JOB_FLUSH_LOG] = {"FLUSH_LOG", SM_BIT(LOG_JOB_FLUSH_IDX) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_FLUSH_IDX] = {"FLUSH_IDX", SM_BIT(LOG_JOB_NAME_LOG) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_NAME_LOG] = {"NAME_LOG", SM_BIT(LOG_JOB_NAME_IDX) | SM_BIT(LOG_JOB_IDLE), 0},
    [LOG_JOB_NAME_IDX] = {"NAME_IDX", SM_BIT(LOG_JOB_PLACE) | SM_BIT(LOG_JOB_IDLE), 0},
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
static void log_job_snaps(struct log_job *job);
static void log_job_segment(struct log_job *job, struct log_segment *seg);
static void log_job_blocks(struct log_job *job);
static void log_job_chunk(struct log_job *job);
static void log_job_fill(struct log_job *job);
static void log_job_filled(struct log_job *job);
static void log_job_write_log(struct log_job *job);
static void log_job_keep_rest(struct log_job *job);
static void log_job_records(struct log_job *job);
static void log_job_encode(struct log_job *job);
static bool log_job_grow_idx(struct log_job *job);
static void log_job_write_idx(struct log_job *job);
static void log_job_idx_written(struct log_job *job);
static void log_job_finished(struct log_job *job);
static void log_job_segment_end(struct log_job *job);
static void log_job_cut_log(struct log_job *job);
static void log_job_name(struct log_job *job, uint32_t stage, enum log_file_kind kind);
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
    if (!log->is_available || log->is_delete_durable || log->is_settling || log_is_held(log)) {
        return false;
    }
    if (log->resets_pending > 0) {
        return false; /* all of it goes when that is durable */
    }
    const struct log_segment *first = log_job_first(log);
    if (log->lacks_snaps) {
        return true;
    }
    if (first != NULL && first->is_failed && !log_rescue_is_fresh(first)) {
        return log_rescue_is_due(first);
    }
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
    job->failed_kind = NULL;
    job->is_source_failed = false;
    job->is_snap = false;
    job->seg = NULL;
    job->apart = NULL;
    job->apart_pos = 0;
    job->part = NULL;
    job->parts_count = 0;
    job->is_rest = false;
    job->remnant = remnant;
    job->get.file = NULL;
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

/* The stage in hand has ended with `err`: which of the segment's files that concerns. */
static void log_job_note(struct log_job *job, enum err err, int saved_errno)
{
    uint32_t stage = sm_stage(&job->sm);
    bool is_read = stage == LOG_JOB_OPEN || stage == LOG_JOB_READ;
    bool is_idx = stage == LOG_JOB_GROW_IDX || stage == LOG_JOB_IDX || stage == LOG_JOB_CUT_IDX ||
                  stage == LOG_JOB_FLUSH_IDX || stage == LOG_JOB_NAME_IDX;
    if (err == ERR_OK || job->err != ERR_OK) {
        return;
    }
    job->err = err;
    job->saved_errno = saved_errno;
    job->is_source_failed = is_read && job->run.slot == LOG_GATHER_SEGMENT;
    if (!is_read || job->is_source_failed) {
        job->failed_kind = stage == LOG_JOB_PLACE ? job->place.kind : is_idx ? "idx" : "log";
    }
}

static void log_job_done(struct rt_op *op)
{
    struct log_job *job = CONTAINER_OF(op, struct log_job, op);
    uint32_t stage = sm_stage(&job->sm);
    bool is_growing = stage == LOG_JOB_GROW || stage == LOG_JOB_GROW_IDX;
    if (!is_growing || op->err != ERR_UNSUPPORTED) { /* else it grows by being written */
        log_job_note(job, op->err, op->saved_errno);
    }
    log_job_run(job);
}

static void log_job_got(struct log_file_get *get)
{
    struct log_job *job = CONTAINER_OF(get, struct log_job, get);
    log_job_note(job, get->err, get->saved_errno);
    log_job_run(job);
}

static void log_job_placed(struct log_place *place)
{
    struct log_job *job = CONTAINER_OF(place, struct log_job, place);
    log_job_note(job, place->err, place->saved_errno);
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
    if (job->is_snap && job->err != ERR_CANCELED) {
        job->log->lacks_snaps = false;
        job->failed_kind = NULL;
        job->err = ERR_CANCELED; /* nothing is to be rescued */
        job->round->is_unsatisfied = true;
    }
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
    } else if (stage == LOG_JOB_GROW_IDX && job->log->cut_epoch == job->cut_epoch) {
        job->seg->idx_allocated_bytes = 0;
    }
    log_job_end(job);
}

/* Go on behind what has ended. */
/* tidy: dispatcher */
static void log_job_run(struct log_job *job)
{
    uint32_t stage = sm_stage(&job->sm);
    if (log_job_is_over(job)) {
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
            log_job_snaps(job);
        }
        return;
    case LOG_JOB_PLACE:
        if (job->is_snap) {
            log_file_put(job->round->ls, job->place.file_log);
            log_file_put(job->round->ls, job->place.file_idx);
            log_job_snaps(job);
        } else {
            log_job_blocks(job);
        }
        return;
    case LOG_JOB_GROW: log_job_chunk(job); return;
    case LOG_JOB_OPEN:
        sm_move(&job->sm, LOG_JOB_READ);
        rt_file_read(&job->get.file->file, &job->op, job->memory + LOG_SETTLE_CHUNK_BYTES,
                     job->run.bytes, job->run.pos);
        return;
    case LOG_JOB_READ:
        if ((uint64_t)job->op.result <
            job->run.bytes) { /* what is missing is found so by readers */
            memset(job->memory + LOG_SETTLE_CHUNK_BYTES + job->op.result, 0,
                   job->run.bytes - (size_t)job->op.result);
        }
        log_file_put(job->round->ls, job->get.file);
        job->get.file = NULL;
        log_job_fill(job);
        return;
    case LOG_JOB_LOG: log_job_write_log(job); return;
    case LOG_JOB_GROW_IDX:
    case LOG_JOB_IDX: log_job_write_idx(job); return;
    case LOG_JOB_CUT_LOG:
        sm_move(&job->sm, LOG_JOB_CUT_IDX);
        rt_file_truncate(&job->part->file_idx->file, &job->op, job->idx.pos);
        return;
    case LOG_JOB_CUT_IDX:
        if (job->apart == NULL) {
            log_job_finished(job);
            return;
        }
        sm_move(&job->sm, LOG_JOB_FLUSH_LOG);
        rt_file_flush(&job->part->file_log->file, &job->op);
        return;
    case LOG_JOB_FLUSH_LOG:
        sm_move(&job->sm, LOG_JOB_FLUSH_IDX);
        rt_file_flush(&job->part->file_idx->file, &job->op);
        return;
    case LOG_JOB_FLUSH_IDX: log_job_name(job, LOG_JOB_NAME_LOG, LOG_FILE_LOG); return;
    case LOG_JOB_NAME_LOG: log_job_name(job, LOG_JOB_NAME_IDX, LOG_FILE_IDX); return;
    case LOG_JOB_NAME_IDX:
        job->part->is_log_touched = false; /* they are synced, their directory is not */
        job->part->is_idx_touched = false;
        job->part->is_dir_touched = true;
        log_job_finished(job);
        return;
    default: UNREACHABLE();
    }
}

/* --- Missing .snap files --- */

/* The first segment that lacks one gets it; behind the last on to what is to be written. One that
 * cannot be made is not tried again in this life: what it would say is in others, too. */
static void log_job_snaps(struct log_job *job)
{
    struct log *log = job->log;
    struct log_segment *seg = NULL;
    for (struct list_node *node = list_first(&log->segments.list);
         node != NULL && log->lacks_snaps && seg == NULL;
         node = list_next(&log->segments.list, node)) {
        struct log_segment *other = CONTAINER_OF(node, struct log_segment, in_log);
        seg = other->is_made && !other->has_snap ? other : NULL;
    }
    log->lacks_snaps = seg != NULL;
    job->is_snap = seg != NULL;
    if (seg == NULL) {
        log_job_segment(job, log_job_first(log));
        return;
    }
    if (job->round->ls->diag != NULL) {
        DIAG_WARN(job->round->ls->diag, "log", "a .snap is missing: it is made anew",
                  DIAG_U64("group", log->group), DIAG_U64("first_index", seg->start.index),
                  DIAG_U64("generation", seg->generation));
    }
    job->seg = seg;
    sm_move(&job->sm, LOG_JOB_PLACE);
    log_place_start(&job->place, seg, log_job_placed);
}

/* --- The .log --- */

/* Begin with a segment, if there is something to do for it. */
static void log_job_segment(struct log_job *job, struct log_segment *seg)
{
    bool is_wanted = job->log->is_direct_wanted && seg != NULL; /* names, or bytes in memory */
    bool is_failed = seg != NULL && seg->is_failed && !log_rescue_is_fresh(seg);
    if (seg == NULL || job->parts_count == LOG_SETTLE_JOB_PARTS ||
        (!is_wanted && !is_failed && !log_job_plan(seg).has_work)) {
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
    if (is_failed && !log_rescue_begin(job)) {
        log_job_end(job);
        return;
    }
    sm_move(&job->sm, LOG_JOB_PLACE); /* from there, too, where a .snap was missing */
    if (job->apart != NULL) {
        log_place_start_apart(&job->place, job->apart, log_job_placed);
    } else {
        log_place_start(&job->place, seg, log_job_placed);
    }
}

/* What is written. */
static struct log_segment *log_job_out(const struct log_job *job)
{
    return job->apart != NULL ? job->apart : job->seg;
}

/* Its files are open: what is there to write is decided now. */
static void log_job_blocks(struct log_job *job)
{
    struct log_segment *seg = log_job_out(job);
    struct log_part *part = log_round_part(job->round);
    struct log_plan plan = log_job_plan(job->seg);
    uint64_t size_bytes = job->place.file_log->file.size_bytes;
    if (size_bytes > seg->allocated_bytes && size_bytes <= UINT32_MAX) {
        seg->allocated_bytes = (uint32_t)size_bytes;
    }
    if (job->place.file_idx->file.size_bytes > seg->idx_allocated_bytes) {
        seg->idx_allocated_bytes = job->place.file_idx->file.size_bytes;
    }
    if (job->apart != NULL) {
        ASSERT(plan.is_finishing);
        plan.target = log_block_up(plan.last_end - job->apart_pos);
    } else {
        seg->is_failed = false; /* nothing of it was in a frame, and its names are there now */
    }
    *part = (struct log_part){
        .log = job->log,
        .seg = job->seg,
        .is_apart = job->apart != NULL,
        .cut_epoch = job->cut_epoch,
        .file_log = job->place.file_log,
        .file_idx = job->place.file_idx,
        .written_bytes = plan.target,
        .recs_count = seg->recs_count,
        .recs_index = log_row_next_index(job->log, job->seg),
        .number = ++job->parts_count,
    };
    job->part = part;
    job->last_index = plan.last_index;
    job->last_end = plan.last_end;
    job->is_finishing = plan.is_finishing;
    job->chunk_pos = job->apart_pos + seg->written_bytes;
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
    uint32_t end = job->apart_pos + job->part->written_bytes;
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
    if (job->run.slot == LOG_GATHER_SEGMENT) {
        log_file_get_segment(&job->get, job->seg, LOG_FILE_LOG, false);
        return;
    }
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
    rt_file_write(&job->part->file_log->file, &job->op, job->memory, bytes,
                  job->chunk_pos - job->apart_pos);
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
    const struct log_segment *seg = log_job_out(job);
    log_gather_idx_begin(&job->idx, job->log, seg, job->memory, LOG_SETTLE_CHUNK_BYTES);
    job->next_index = job->part->recs_index;
    job->ok_count = seg->recs_count;
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
        struct log_sidecar rec = slot->rec;
        rec.pos -= job->apart_pos;
        log_gather_idx_put(idx, &rec);
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
    if (!log_job_grow_idx(job)) {
        log_job_write_idx(job);
    }
}

/* Room first: a write that moves a file's end takes several times as long as one in front of it.
 * False: there is enough, or the file is about to get its size. */
static bool log_job_grow_idx(struct log_job *job)
{
    struct log_segment *seg = job->seg;
    uint64_t pos = seg->idx_allocated_bytes;
    uint64_t size = log_segment_idx_grown(seg, job->idx.pos + job->idx_bytes);
    if (job->is_finishing || size == pos) {
        return false;
    }
    seg->idx_allocated_bytes = size;
    sm_move(&job->sm, LOG_JOB_GROW_IDX);
    rt_file_allocate(&job->part->file_idx->file, &job->op, RT_ALLOCATE_EXTEND, pos, size - pos);
    return true;
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
    sm_move(&job->sm, LOG_JOB_IDX);
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
    log_job_out(job)->allocated_bytes = job->part->written_bytes;
    sm_move(&job->sm, LOG_JOB_CUT_LOG);
    rt_file_truncate(&job->part->file_log->file, &job->op, job->part->written_bytes);
}

/* A file that was written apart gets its name. */
static void log_job_name(struct log_job *job, uint32_t stage, enum log_file_kind kind)
{
    const struct log_segment *seg = job->apart;
    enum log_file_kind from = kind == LOG_FILE_LOG ? LOG_FILE_LOG_NEW : LOG_FILE_IDX_NEW;
    sm_move(&job->sm, stage);
    log_path_segment(job->path, job->log, seg->start.index, seg->generation, log_file_suffix(from));
    log_path_segment(job->path_to, job->log, seg->start.index, seg->generation,
                     log_file_suffix(kind));
    rt_path_rename(&job->op, job->path, job->path_to);
}

/* All of it is written. */
static void log_job_finished(struct log_job *job)
{
    job->part->is_finished = true;
    log_job_segment_end(job);
}

/* On to the next segment, if this one is done with. */
static void log_job_segment_end(struct log_job *job)
{
    struct list_node *next = list_next(&job->log->segments.list, &job->seg->in_log);
    bool is_next = job->part->is_finished && next != NULL && job->apart == NULL;
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
