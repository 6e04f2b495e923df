/* Quarantined indexes. See range.h. A group has few ranges or none, so a list in order is searched
 * from its front. */
#include "storage/log/range.h"

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/shard.h"

static enum err log_range_new(struct log *log, struct log_range **out);
static void log_range_free(struct log *log, struct log_range *range);
static void log_range_mark(struct log *log, const struct log_range *range, uint32_t term);
static void log_range_marked(struct log_op *op);

/* The range at `node`; NULL for no node. */
static struct log_range *log_range_at(struct list_node *node)
{
    return node != NULL ? CONTAINER_OF(node, struct log_range, in_log) : NULL;
}

struct log_range *log_range_find(const struct log *log, uint64_t index)
{
    list_for_each (node, &log->ranges) {
        struct log_range *range = log_range_at(node);
        if (range->last_index >= index) {
            return range;
        }
    }
    return NULL;
}

enum err log_range_add(struct log *log, uint64_t first_index, uint64_t last_index,
                       uint64_t next_offset, bool *is_new)
{
    ASSERT(first_index > 0);
    ASSERT(first_index <= last_index);
    *is_new = false;
    struct log_range *range = log_range_find(log, first_index - 1); /* touching counts */
    if (range != NULL && range->first_index <= first_index && range->last_index >= last_index) {
        return ERR_OK;
    }
    if (range == NULL || range->first_index > last_index + 1) {
        struct log_range *made = NULL;
        enum err err = log_range_new(log, &made);
        if (err != ERR_OK) {
            return err;
        }
        made->first_index = first_index;
        list_insert_before(range != NULL ? &range->in_log : &log->ranges.head, &made->in_log);
        range = made;
    }
    *is_new = true;
    if (first_index < range->first_index) {
        range->first_index = first_index;
    }
    if (last_index > range->last_index) {
        range->last_index = last_index;
        range->next_offset = next_offset;
    }
    struct log_range *next = log_range_at(list_next(&log->ranges, &range->in_log));
    while (next != NULL && next->first_index <= range->last_index + 1) {
        if (next->last_index > range->last_index) {
            range->last_index = next->last_index;
            range->next_offset = next->next_offset;
        }
        log_range_free(log, next);
        next = log_range_at(list_next(&log->ranges, &range->in_log));
    }
    return ERR_OK;
}

void log_range_quarantine(struct log *log, uint64_t first_index, uint64_t last_index,
                          uint64_t next_offset, uint32_t term)
{
    bool is_new = false;
    enum err err = log_range_add(log, first_index, last_index, next_offset, &is_new);
    if (err == ERR_OK && !is_new) {
        return;
    }
    if (log->ls->diag != NULL) {
        DIAG_ERROR(log->ls->diag, "log", "unreadable entries quarantined",
                   DIAG_U64("group", log->group), DIAG_U64("first_index", first_index),
                   DIAG_U64("last_index", last_index), DIAG_U64("next_offset", next_offset));
    }
    if (err == ERR_OK && last_index >= log->start.index && log_goes_on(log) == ERR_OK) {
        struct log_range range = {
            .first_index = first_index, .last_index = last_index, .next_offset = next_offset};
        log_range_mark(log, &range, term);
    }
}

/* Journal it, if there is memory. */
static void log_mark(struct log *log, const struct log_record *record)
{
    void *made = NULL;
    if (pool_acquire(&log->ls->ops, &made) != ERR_OK) {
        return;
    }
    struct log_op *op = made;
    op->is_pooled = true;
    op->done = log_range_marked;
    log_submit(log, op, record, (struct buf_slice){0});
}

void log_mark_amnesiac(struct log *log)
{
    struct log_record record = {.kind = LOG_RECORD_MARK, .mark = {.what = LOG_MARK_AMNESIAC}};
    log_mark(log, &record);
}

/* Persist it. Should the memory be missing, or the node end first, whoever reads there next finds
 * it again. */
static void log_range_mark(struct log *log, const struct log_range *range, uint32_t term)
{
    struct log_record record = {.kind = LOG_RECORD_MARK};
    record.mark.first_index = range->first_index;
    record.mark.last_index = range->last_index;
    record.mark.next_offset = range->next_offset;
    record.mark.term = term;
    record.mark.what = LOG_MARK_QUARANTINE;
    log_mark(log, &record);
}

static void log_range_marked(struct log_op *op)
{
    (void)op; /* a failure fences the lane, which tells everybody who waits */
}

enum err log_range_heal(struct log *log, uint64_t first_index, uint64_t last_index)
{
    ASSERT(first_index <= last_index);
    struct log_range *range = log_range_find(log, first_index);
    if (range != NULL && range->first_index < first_index) {
        struct log_range *front = NULL;
        if (range->last_index <= last_index) {
            front = range;
            range = log_range_at(list_next(&log->ranges, &range->in_log));
        } else {
            enum err err = log_range_new(log, &front);
            if (err != ERR_OK) {
                return err;
            }
            front->first_index = range->first_index;
            list_insert_before(&range->in_log, &front->in_log);
        }
        front->last_index = first_index - 1;
        front->next_offset = 0; /* it was that of what is healed */
    }
    while (range != NULL && range->last_index <= last_index) {
        struct log_range *next = log_range_at(list_next(&log->ranges, &range->in_log));
        log_range_free(log, range);
        range = next;
    }
    if (range != NULL && range->first_index <= last_index) {
        range->first_index = last_index + 1;
    }
    return ERR_OK;
}

void log_ranges_cut(struct log *log, uint64_t first_index)
{
    struct log_range *range = log_range_at(list_last(&log->ranges));
    while (range != NULL && range->first_index >= first_index) {
        log_range_free(log, range);
        range = log_range_at(list_last(&log->ranges));
    }
    if (range != NULL && range->last_index >= first_index) {
        range->last_index = first_index - 1;
        range->next_offset = log->end.offset;
    }
}

void log_ranges_trim(struct log *log)
{
    struct log_range *range = log_range_at(list_first(&log->ranges));
    while (range != NULL && range->last_index < log->start.index) {
        log_range_free(log, range);
        range = log_range_at(list_first(&log->ranges));
    }
}

static enum err log_range_new(struct log *log, struct log_range **out)
{
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->small, &made);
    *out = made;
    return err;
}

static void log_range_free(struct log *log, struct log_range *range)
{
    list_remove(&range->in_log);
    pool_release(&log->ls->small, range);
}
