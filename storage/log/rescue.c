/* Segments whose files cannot be written. See rescue.h.
 *
 * Rejected: another generation of the whole segment, which copies up to 1 GiB to save what is at
 * most a round's; and going on in the old file, of which a failed flush leaves nothing certain that
 * was not synced before.
 *
 * The new files get their names when they are synced, and nobody believes them before. Where
 * nothing of the segment is settled they take the place of the old ones: the .log then says what
 * the old one did and more, and of the old .idx nothing counted; so any of the two may come first.
 */
#include "storage/log/rescue.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"

static void log_rescue_failed(struct log_round *round, struct log_segment *seg,
                              const struct log_segment *file, const char *kind, enum err err,
                              int saved_errno);
static bool log_rescue_has_ended(const struct log_segment *seg);
static enum err log_rescue_end(struct log_segment *seg);
static enum err log_rescue_roll(struct log *log, struct log_segment *seg, struct log_slot *first);
static void log_rescue_split(struct log_segment *seg, struct log_segment *new,
                             struct log_slot *first);
static void log_rescue_move(struct log_slot *slot, struct log_segment *to, uint32_t pos,
                            uint32_t number);
static void log_rescue_rolled(struct log_op *op);
static void log_rescue_leave(struct log_segment *seg);

/* --- A failure --- */

void log_rescue_job_failed(struct log_job *job)
{
    struct log *log = job->log;
    bool is_there = job->seg != NULL && log->cut_epoch == job->cut_epoch;
    if (job->failed_kind == NULL || job->err == ERR_CANCELED) {
        log_round_failed(job->round, "a segment's blocks", job->err, job->saved_errno);
    } else if (!is_there) {
        job->round->is_unsatisfied = true; /* cut meanwhile: another job finds out */
    } else {
        const struct log_segment *file =
            log->apart != NULL && !job->is_source_failed ? log->apart : job->seg;
        log_rescue_failed(job->round, job->seg, file, job->failed_kind, job->err, job->saved_errno);
    }
}

void log_rescue_part_failed(struct log_round *round, struct log_part *part, const char *kind,
                            enum err err, int saved_errno)
{
    struct log *log = part->log;
    bool is_known = part->is_failed;
    part->is_failed = true;
    if (is_known) {
        return; /* its other file is counted with it */
    }
    if (part->cut_epoch != log->cut_epoch) {
        round->is_unsatisfied = true;
        return;
    }
    log_rescue_failed(round, part->seg, part->is_apart ? log->apart : part->seg, kind, err,
                      saved_errno);
}

/* `kind` of the files of `file`: of `seg`, or what is written in its place. */
static void log_rescue_failed(struct log_round *round, struct log_segment *seg,
                              const struct log_segment *file, const char *kind, enum err err,
                              int saved_errno)
{
    struct log_shard *ls = round->ls;
    char path[LIMIT_PATH_BYTES];
    if (err_is_retriable(err) || atomic_load(&ls->store->is_fenced)) {
        log_round_failed(round, "a segment's blocks", err, saved_errno);
        return;
    }
    log_path_segment(path, seg->log, file->start.index, file->generation, kind);
    if (seg->is_failed) {
        if (ls->diag != NULL) {
            DIAG_ERROR(ls->diag, "log", "a segment cannot be written, in a new file neither",
                       DIAG_STRING("file", path), DIAG_ERR("error", err),
                       DIAG_I64("errno", saved_errno));
        }
        round->err = err;
        log_lane_fence(&ls->lane, err, saved_errno);
        return;
    }
    if (ls->diag != NULL) {
        DIAG_ERROR(ls->diag, "log", "a segment cannot be written: once more, in a new file",
                   DIAG_STRING("file", path), DIAG_ERR("error", err),
                   DIAG_I64("errno", saved_errno));
    }
    seg->is_failed = true;
    round->is_unsatisfied = true;
    log_files_forget_segment(seg);
    (void)log_rescue_end(seg); /* else a job does, when there is memory */
}

/* --- It takes no more entries --- */

bool log_rescue_is_fresh(const struct log_segment *seg)
{
    const struct log_slot *first = log_tail_find(seg->log, seg->start.index);
    return seg->end_pos == 0 || (first != NULL && first->seq == 0 && first->op != NULL);
}

/* Whether it is sealed, and all of it is in frames. */
static bool log_rescue_has_ended(const struct log_segment *seg)
{
    const struct log_slot *last = log_tail_find(seg->log, seg->last_index);
    return seg->is_sealed &&
           (last == NULL || last->seg != seg || last->is_durable || last->seq > 0);
}

bool log_rescue_is_due(const struct log_segment *seg)
{
    const struct log *log = seg->log;
    const struct list_node *next = list_next(&log->segments.list, &seg->in_log);
    if (!log_rescue_has_ended(seg)) {
        return !log->ls->is_closing;
    }
    return next != NULL && seg->last_index <= log->durable_index &&
           log_segment_is_begun(CONTAINER_OF(next, struct log_segment, in_log));
}

/* End it behind what is in frames. What is in none yet begins the next segment: a direct write of
 * it could not be made here. */
static enum err log_rescue_end(struct log_segment *seg)
{
    struct log *log = seg->log;
    if (log_rescue_has_ended(seg) || log_rescue_is_fresh(seg) || log->ls->is_closing) {
        return ERR_OK;
    }
    struct log_slot *first = log_tail_last(log);
    while (first != NULL && first->seg != seg) {
        first = log_tail_find(log, first->rec.index - 1);
    }
    bool is_pending = first != NULL && first->seq == 0 && first->op != NULL;
    while (is_pending) {
        struct log_slot *before = log_tail_find(log, first->rec.index - 1);
        if (before == NULL || before->seg != seg || before->seq > 0 || before->op == NULL) {
            break;
        }
        first = before;
    }
    return log_rescue_roll(log, seg, is_pending ? first : NULL);
}

/* A segment begins at `first`, NULL: behind the end of `seg`, the active one. */
static enum err log_rescue_roll(struct log *log, struct log_segment *seg, struct log_slot *first)
{
    struct log_shard *ls = log->ls;
    void *made = NULL;
    uint64_t index = first != NULL ? first->rec.index : log->end.index + 1;
    struct log_point start = log->end;
    const struct log_slot *before = log_tail_find(log, index - 1);
    if (first != NULL && before != NULL) {
        start.offset = log_sidecar_next_offset(&before->rec);
        start.term = before->rec.term;
        start.chain = before->rec.chain;
    } else if (first != NULL) {
        ASSERT(log->row.end.index + 1 == index); /* it left memory since it is settled */
        start = log->row.end;
    }
    start.index = index;
    enum err err = pool_acquire(&ls->ops, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_op *roll = made;
    err = pool_acquire(&ls->segments, &made);
    if (err != ERR_OK) {
        pool_release(&ls->ops, roll);
        return err;
    }
    struct log_segment *new = made;
    new->log = log;
    new->start = start;
    new->generation = log->generation;
    new->last_index = index - 1;
    new->next_offset = start.offset;
    new->max_timestamp = seg->max_timestamp;
    new->membership_index = log->membership_index;
    new->is_known = true;
    list_insert_before(seg->in_log.next, &new->in_log);
    log->segments.count++;
    if (first != NULL) {
        log_rescue_split(seg, new, first);
    }
    seg->is_sealed = true;
    roll->is_pooled = true;
    roll->done = log_rescue_rolled;
    struct log_record record = {.kind = LOG_RECORD_ROLL};
    record.segment.segment_index = new->start.index;
    record.segment.generation = new->generation;
    log_submit(log, roll, &record, (struct buf_slice){0});
    if (first != NULL) { /* in front of the entry that it stands before */
        list_remove(&roll->in_queue);
        list_insert_before(&first->op->in_queue, &roll->in_queue);
    }
    return ERR_OK;
}

/* Entries from `first` on are the new segment's. */
static void log_rescue_split(struct log_segment *seg, struct log_segment *new,
                             struct log_slot *first)
{
    struct log *log = seg->log;
    const struct log_slot *before = log_tail_find(log, first->rec.index - 1);
    uint32_t pos = first->rec.pos;
    uint32_t number = first->rec_number;
    new->last_index = seg->last_index;
    new->next_offset = seg->next_offset;
    new->end_pos = seg->end_pos - pos;
    new->recs_total = seg->recs_total - number;
    new->is_sealed = seg->is_sealed;
    for (struct log_slot *slot = first; slot != NULL && slot->seg == seg;
         slot = log_tail_next(log, slot)) {
        log_rescue_move(slot, new, pos, number);
    }
    seg->last_index = first->rec.index - 1;
    seg->next_offset = first->rec.base_offset;
    seg->max_timestamp = before != NULL ? before->rec.max_timestamp : log->row.max_timestamp;
    seg->end_pos = pos;
    seg->recs_total = number;
}

/* `pos` and `number` are those of the first entry of `to` where it stood. */
static void log_rescue_move(struct log_slot *slot, struct log_segment *to, uint32_t pos,
                            uint32_t number)
{
    ASSERT(slot->rec.pos >= pos);
    ASSERT(slot->rec_number >= number);
    slot->seg = to;
    slot->rec.pos -= pos;
    slot->rec_number -= number;
}

static void log_rescue_rolled(struct log_op *op)
{
    (void)op; /* a failure fences the lane, which tells everybody who waits */
}

/* --- Once more --- */

bool log_rescue_begin(struct log_job *job)
{
    struct log *log = job->log;
    struct log_segment *seg = job->seg;
    uint64_t first_index = log_row_next_index(log, seg);
    job->err = log_rescue_end(seg);
    if (job->err != ERR_OK || !log_rescue_has_ended(seg) || !log_rescue_is_due(seg)) {
        return false;
    }
    if (first_index > seg->last_index) { /* only its end was to be made */
        log_rescue_leave(seg);
        return false;
    }
    const struct log_slot *first = log_tail_find(log, first_index);
    ASSERT(first != NULL);
    ASSERT(first->seg == seg);
    void *made = NULL;
    job->err = pool_acquire(&log->ls->segments, &made);
    if (job->err != ERR_OK) {
        return false;
    }
    struct log_segment *apart = made;
    apart->log = log;
    apart->start = first_index > seg->start.index ? log->row.end : seg->start;
    apart->start.index = first_index;
    apart->generation = seg->generation;
    apart->last_index = seg->last_index;
    apart->next_offset = seg->next_offset;
    apart->max_timestamp = seg->max_timestamp;
    apart->end_pos = seg->end_pos - first->rec.pos;
    apart->recs_total = seg->recs_total - first->rec_number;
    apart->membership_index = seg->membership_index;
    if (first_index > seg->start.index) {
        apart->membership_index = log->membership_index < first_index ? log->membership_index : 0;
    } else {
        apart->has_snap = seg->has_snap;
    }
    apart->is_known = true;
    apart->is_sealed = true;
    apart->is_begun = true;
    job->apart = apart;
    job->apart_pos = first->rec.pos;
    log->apart = apart;
    return true;
}

/* All of it is settled, but for what a finished segment has besides: it goes without. */
static void log_rescue_leave(struct log_segment *seg)
{
    seg->is_failed = false;
    budget_free(&seg->log->ls->budget, seg->rest);
    seg->rest = NULL;
    seg->rest_bytes = 0;
    seg->recs_count = seg->recs_count < seg->recs_total ? seg->recs_count : seg->recs_total;
    seg->is_finished = true;
    seg->log->is_row_old = true;
}

void log_rescue_apply(struct log_part *part)
{
    struct log *log = part->log;
    struct log_segment *seg = part->seg;
    struct log_segment *apart = log->apart;
    struct log_segment *new = seg;
    struct log_slot *slot = log_tail_find(log, apart->start.index);
    uint64_t last_index = apart->last_index;
    uint32_t pos = slot->rec.pos;
    uint32_t number = slot->rec_number;
    ASSERT(part->is_apart);
    seg->is_failed = false;
    log_files_forget_segment(apart);
    if (apart->start.index > seg->start.index) {
        new = apart;
        list_insert_before(seg->in_log.next, &new->in_log);
        log->segments.count++;
        seg->last_index = apart->start.index - 1;
        seg->next_offset = apart->start.offset;
        seg->max_timestamp = log->row.max_timestamp;
        seg->end_pos = pos;
        seg->recs_total = number;
        log_rescue_leave(seg);
    } else {
        seg->written_bytes = 0;
        seg->recs_count = 0;
        seg->allocated_bytes = apart->allocated_bytes;
        pool_release(&log->ls->segments, apart);
    }
    new->has_files = true;
    new->has_snap = true;
    new->is_made = true;
    log_sections_drop(new);
    for (; slot != NULL && slot->seg == seg && slot->rec.index <= last_index;
         slot = log_tail_next(log, slot)) {
        log_rescue_move(slot, new, pos, number);
        slot->where = LOG_SLOT_SEGMENT;
    }
    part->seg = new;
    log->apart = NULL;
}

void log_rescue_drop(struct log *log)
{
    struct log_segment *apart = log->apart;
    if (apart == NULL) {
        return;
    }
    log_files_forget_segment(apart);
    pool_release(&log->ls->segments, apart);
    log->apart = NULL;
}

bool log_rescue_has_part(const struct log_job *job)
{
    const struct log_round *round = job->round;
    for (uint32_t i = 0; i < round->parts_count; i++) {
        if (round->parts[i].log == job->log && round->parts[i].is_apart) {
            return true;
        }
    }
    return false;
}
