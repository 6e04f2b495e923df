/* Beginning a group's log anew elsewhere. See reset.h.
 *
 * A reset is a cut of everything, and the new log has a place of its own: so no name of a file may
 * be one that was in use, which is known when the directory has been read. In memory the new log
 * stands at once. What the table says stays the old log until the record is durable; rows and
 * settles of the group pause meanwhile, since a row that mixes both would be neither. */
#include "storage/log/reset.h"

#include "base/assert.h"
#include "storage/log/place.h"
#include "storage/log/range.h"
#include "storage/log/shard.h"

static enum err log_reset_check(const struct log *log, const struct log_point *start);
static void log_reset_loaded(struct log_load *load);
static void log_reset_at(struct log *log, struct log_op *op, const struct log_point *start);
static uint32_t log_reset_generation(const struct log *log);
static void log_reset_drop(struct log *log);
static void log_reset_row(struct log *log);

void log_reset_to(struct log *log, struct log_op *op, const struct log_point *start)
{
    struct log_shard *ls = log->ls;
    op->log = log;
    enum err err = log->is_cutting ? ERR_AGAIN : log_reset_check(log, start);
    if (err == ERR_OK && log->is_loaded) {
        log_reset_at(log, op, start);
        return;
    }
    void *made = NULL;
    if (err == ERR_OK) {
        err = pool_acquire(&ls->lookups, &made);
    }
    if (err != ERR_OK) {
        log_end(ls, op, err);
        return;
    }
    struct log_lookup *lookup = made;
    lookup->log = log;
    lookup->op = op;
    lookup->point = *start;
    log->is_cutting = true;
    log_load_start(&lookup->load, log, log_reset_loaded);
}

/* Why `log` may not be reset, or ERR_OK. */
static enum err log_reset_check(const struct log *log, const struct log_point *start)
{
    enum err err = log_writable(log);
    if (err == ERR_ACCESS && log->is_available) {
        err = ERR_OK; /* amnesiac: nobody relies on what it has */
    }
    if (err == ERR_OK && (start->index == 0 || start->index > LOG_NUMBER_MAX ||
                          start->offset > LOG_NUMBER_MAX || start->term > LIMIT_TERM)) {
        err = ERR_INVALID;
    }
    return err;
}

/* Damaged segments go like all others. */
static void log_reset_loaded(struct log_load *load)
{
    struct log_lookup *lookup = CONTAINER_OF(load, struct log_lookup, load);
    struct log *log = lookup->log;
    struct log_shard *ls = log->ls;
    enum err err = load->err == ERR_CORRUPT ? ERR_OK : load->err;
    log->is_cutting = false;
    if (err == ERR_OK) {
        err = log_reset_check(log, &lookup->point);
    }
    if (err != ERR_OK) {
        log_end(ls, lookup->op, err);
    } else {
        log_reset_at(log, lookup->op, &lookup->point);
    }
    pool_release(&ls->lookups, lookup);
}

static void log_reset_at(struct log *log, struct log_op *op, const struct log_point *start)
{
    struct log_shard *ls = log->ls;
    void *spare = NULL;
    enum err err = pool_acquire(&ls->segments, &spare);
    if (err != ERR_OK) { /* before anything has changed; released, it is there for the push below */
        log_end(ls, op, err);
        return;
    }
    pool_release(&ls->segments, spare);
    log->generation = log_reset_generation(log);
    log->cut_epoch++;
    log_withdraw(log, LOG_RECORD_TRIM); /* its place may be behind what a start finds, since the
                                           entries before it go now */
    log_reset_drop(log);
    log->start = *start;
    log->end = *start;
    log->end.index--;
    log->end.skip_count = 0;
    log->max_timestamp = -1;
    log->membership_index = 0;
    log->membership_before = 0;
    log->durable_index = 0; /* nothing of the new log is until the record is */
    log->is_tail_torn = false;
    struct log_segment *pushed = NULL;
    err = log_segment_push(log, start, log->generation, &pushed);
    ASSERT(err == ERR_OK);
    struct log_record record = {.kind = LOG_RECORD_RESET};
    record.trim.start = *start;
    record.trim.generation = log->generation;
    log->cuts_pending++;
    log->resets_pending++;
    log_reset_row(log);
    log_submit(log, op, &record, (struct buf_slice){0});
    log_settle_changed(log);
}

/* One that no file of the group has, or had and is still to lose. */
static uint32_t log_reset_generation(const struct log *log)
{
    uint32_t generation = log->generation;
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        generation = seg->generation > generation ? seg->generation : generation;
    }
    list_for_each (node, &log->garbage) {
        const struct log_garbage *garbage = CONTAINER_OF(node, struct log_garbage, in_log);
        generation = garbage->generation > generation ? garbage->generation : generation;
    }
    return generation + 1;
}

static void log_reset_drop(struct log *log)
{
    log_slots_cut(log, 0);
    for (struct list_node *node; (node = list_last(&log->segments.list)) != NULL;) {
        log_segment_discard(CONTAINER_OF(node, struct log_segment, in_log));
    }
    log_terms_cut(log, 0);
    log_ranges_cut(log, 0);
}

/* All before the log's start counts as settled. No row goes out before the reset is durable. */
static void log_reset_row(struct log *log)
{
    struct log_row *row = &log->row;
    row->end = log->end;
    row->gap_index = 0;
    row->segment_index = log->start.index;
    row->segment_generation = log->generation;
    row->recs_count = 0;
    row->written_bytes = 0;
    row->end_pos = 0;
    row->max_timestamp = -1;
    row->membership_index = 0;
}

void log_reset_durable(struct log *log, const struct log_record *record)
{
    const struct log_point *start = &record->trim.start;
    ASSERT(log->cuts_pending > 0);
    ASSERT(log->resets_pending > 0);
    log->cuts_pending--;
    log->resets_pending--;
    log->durable_start = *start;
    if (log->resets_pending == 0) {
        log->durable_index = start->index - 1;
    }
    struct log_segment *seg = log_segment_of(log, start->index, record->trim.generation);
    if (seg != NULL) {
        seg->is_begun = true;
    }
    log_settle_changed(log);
}
