/* Reading a group's log. See read.h; cursor.h for what is not in memory.
 *
 * A read goes on from place to place until it has what was asked for:
 *
 *     PLACE -- in memory: given out, next place -------------------------- DONE
 *       |  \-- LOAD, FILES, WINDOW: something is missing; then PLACE again
 *       `----- BYTES: a run of batches is read; verified, given out, then PLACE again
 *
 * So it may begin in a segment, go on in the journal and end with hot entries. A cut while it waits
 * makes it begin anew: nothing of what it gave out so far has been seen by anybody. */
#include "storage/log/read.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/cursor.h"
#include "storage/log/range.h"
#include "storage/log/ref.h"
#include "storage/log/shard.h"

static const struct sm_conf log_read_stages[] = {
    [LOG_READ_IDLE] = {"IDLE", SM_BIT(LOG_READ_PLACE), SM_INITIAL | SM_FINAL},
    [LOG_READ_PLACE] = {"PLACE",
                        SM_BIT(LOG_READ_LOAD) | SM_BIT(LOG_READ_FILES) | SM_BIT(LOG_READ_WINDOW) |
                            SM_BIT(LOG_READ_BYTES) | SM_BIT(LOG_READ_DONE),
                        0},
    [LOG_READ_LOAD] = {"LOAD", SM_BIT(LOG_READ_PLACE), 0},
    [LOG_READ_FILES] = {"FILES", SM_BIT(LOG_READ_PLACE), 0},
    [LOG_READ_WINDOW] = {"WINDOW", SM_BIT(LOG_READ_PLACE), 0},
    [LOG_READ_BYTES] = {"BYTES", SM_BIT(LOG_READ_PLACE), 0},
    [LOG_READ_DONE] = {"DONE", SM_BIT(LOG_READ_IDLE), 0},
};

static const struct sm_decl log_read_decl = {"log_read", log_read_stages,
                                             ARRAY_COUNT(log_read_stages), NULL};

static void log_read_clear(struct log_read *read);
static void log_read_done(struct rt_op *op);
static enum err log_read_resume(struct log_read *read);
static bool log_read_has_lost_files(const struct log_read *read);
static enum err log_read_lost(struct log_read *read);
static enum err log_read_place(struct log_read *read, enum log_read_stage *stage);
static void log_read_finish(struct log_read *read, enum err err);
static bool log_read_needs_load(struct log_read *read, bool is_known);
static enum err log_read_load(struct log_read *read, enum log_read_stage *stage);
static enum err log_read_find(struct log_read *read, enum log_read_stage *stage);
static enum err log_read_find_cold(struct log_read *read, enum log_read_stage *stage);
static enum err log_read_search(struct log_read *read, struct log_segment *seg,
                                enum log_read_stage *stage);
static struct log_segment *log_read_find_segment(const struct log_read *read);
static void log_want_segment(struct log_want *want, struct log_segment *seg);
static enum err log_read_placed(struct log_read *read, uint64_t index, uint64_t base_offset);
static bool log_read_want(const struct log_read *read, uint64_t index, struct log_want *want);
static enum err log_read_segment(struct log_read *read, enum log_read_stage *stage);
static bool log_read_takes_ahead(struct log_read *read, const struct log_want *want);
static enum err log_read_hole(struct log_read *read);
static enum err log_read_tail(struct log_read *read, uint64_t limit, enum log_read_stage *stage);
static void log_read_hot(struct log_read *read, const struct log_slot *slot, uint64_t limit);
static enum err log_read_slots(struct log_read *read, struct log_slot *slot, uint64_t limit,
                               enum log_read_stage *stage);
static enum err log_read_cursor(struct log_read *read);
static enum err log_read_take(struct log_read *read);
static void log_read_ahead(struct log_read *read);
static uint32_t log_read_verify(const struct log_read *read, struct log_run *run);
static void log_read_keep(const struct log_read *read, const struct log_run *run);
static bool log_run_item_is_sound(const struct log_read *read, const struct log_run *run,
                                  const struct log_run_item *item);
static bool log_run_has_moved(const struct log_read *read, const struct log_run *run,
                              const struct log_run_item *item);
static bool log_read_is_older(const struct log_read *read, struct buf_slice slice);
static bool log_read_give(struct log_read *read, struct buf_slice slice,
                          const struct log_point *at);
static bool log_read_add_part(struct log_read *read, struct buf_slice slice);
static void log_read_given(struct log_read *read, const struct log_point *at, uint32_t length);
static void log_read_refer(struct log_read *read, struct log_run *run);
static enum err log_read_corrupt(struct log_read *read, uint64_t first_index, uint64_t last_index,
                                 uint64_t next_offset);
static enum err log_read_bad(struct log_read *read, uint64_t first_index, uint64_t last_index,
                             uint64_t next_offset);

void log_read(struct log_read *read)
{
    struct log *log = read->log;
    ASSERT(read->done != NULL);
    ASSERT(read->parts_count == 0);
    read->shard = log->ls->shard;
    rt_op_init(&read->op_defer, read->shard, log_read_done);
    sm_init(&read->sm, &log_read_decl, LOG_READ_IDLE, NULL, 0);
    if (!read->is_reader) {
        read->cursor = NULL;
        list_push_back(&log->reads, &read->in_log);
    }
    log_read_clear(read);
    sm_move(&read->sm, LOG_READ_PLACE);
    log_read_run(read);
}

void log_read_release(struct log_read *read)
{
    for (uint32_t i = 0; i < read->parts_count; i++) {
        buf_unref(read->parts[i].buf);
    }
    read->parts_count = 0;
}

void log_read_refuse(struct log_read *read, enum err err)
{
    ASSERT(read->is_reader);
    rt_op_init(&read->op_defer, read->shard, log_read_done);
    sm_init(&read->sm, &log_read_decl, LOG_READ_IDLE, NULL, 0);
    log_read_release(read);
    read->entries_count = 0;
    sm_move(&read->sm, LOG_READ_PLACE);
    log_read_finish(read, err);
}

/* Nothing found, nothing given out. */
static void log_read_clear(struct log_read *read)
{
    log_read_release(read);
    read->err = ERR_OK;
    read->first_index = 0;
    read->last_index = 0;
    read->next_offset = 0;
    read->entries_count = 0;
    read->given_bytes = 0;
    read->is_hot = true;
    read->is_placed = false;
    read->is_full = false;
    read->cut_epoch = read->log->cut_epoch;
}

void log_read_run(struct log_read *read)
{
    enum log_read_stage stage = (enum log_read_stage)sm_stage(&read->sm);
    struct log_cursor *c = read->cursor;
    if (stage == LOG_READ_BYTES && !c->run->is_ready) {
        return; /* woken by another request */
    }
    enum err err = log_read_resume(read);
    if (stage != LOG_READ_PLACE) {
        sm_move(&read->sm, LOG_READ_PLACE);
    }
    while (err == ERR_OK) {
        stage = LOG_READ_PLACE;
        err = log_read_place(read, &stage);
        if (err == ERR_OK && stage != LOG_READ_PLACE) {
            sm_move(&read->sm, stage);
            return;
        }
    }
    log_read_finish(read, err);
}

/* What it waited for has come, or it begins. */
static enum err log_read_resume(struct log_read *read)
{
    const struct log *log = read->log;
    struct log_cursor *c = read->cursor;
    if (log->ls->is_closing || log->is_deleted) {
        return ERR_CLOSING;
    }
    if (!log->is_available) {
        return ERR_ACCESS;
    }
    if (read->cut_epoch != log->cut_epoch && read->ref != NULL) {
        return ERR_CANCELED; /* what stands before the first entry may have changed, too */
    }
    if (read->cut_epoch != log->cut_epoch) { /* from the start: entries have changed */
        log_read_clear(read);
        if (c != NULL) {
            c->is_searching = false;
            log_cursor_drop_run(c, c->run);
        }
        return ERR_OK;
    }
    switch ((enum log_read_stage)sm_stage(&read->sm)) {
    case LOG_READ_BYTES: return log_read_take(read);
    case LOG_READ_FILES:
        if (log_read_has_lost_files(read)) {
            c->is_searching = false;
            return ERR_OK;
        }
        return c->lacks_file ? log_read_lost(read) : c->err;
    case LOG_READ_LOAD:
    case LOG_READ_WINDOW: return c->err;
    case LOG_READ_PLACE: return log->move != NULL ? ERR_AGAIN : ERR_OK; /* it begins */
    case LOG_READ_IDLE:
    case LOG_READ_DONE: break;
    }
    return ERR_OK;
}

/* Whether the files asked for are not there because their segment was trimmed meanwhile: what
 * stands in its place now is looked at anew. */
static bool log_read_has_lost_files(const struct log_read *read)
{
    const struct log_cursor *c = read->cursor;
    const struct log_segment *seg = log_segment_find(read->log, c->segment_index);
    bool is_there =
        seg != NULL && seg->start.index == c->segment_index && seg->generation == c->generation;
    return c->lacks_file && !is_there;
}

/* A file of a segment that is the log's is not there: as if none of it could be read. A reset or
 * cut whose record was lost to rot may have let it go. */
static enum err log_read_lost(struct log_read *read)
{
    const struct log *log = read->log;
    struct log_want want;
    struct log_segment *seg = log_segment_find(log, read->cursor->segment_index);
    const struct log_slot *slot = read->is_placed ? log_tail_find(log, read->next_index) : NULL;
    if (slot != NULL) {
        return log_read_bad(read, read->next_index, slot->rec.last_index,
                            log_sidecar_next_offset(&slot->rec));
    }
    log_want_segment(&want, seg);
    uint64_t first_index =
        seg->start.index > log->start.index ? seg->start.index : log->start.index;
    if (read->is_placed && read->next_index > first_index) {
        first_index = read->next_index;
    }
    return first_index <= want.last_index
               ? log_read_bad(read, first_index, want.last_index, want.last_offset)
               : ERR_CORRUPT;
}

/* One step: gives out what is in memory, or asks for what is missing and says what to wait for.
 * ERR_END: that was all. */
static enum err log_read_place(struct log_read *read, enum log_read_stage *stage)
{
    const struct log *log = read->log;
    if (!read->is_placed) {
        return log_read_find(read, stage);
    }
    uint64_t limit = read->index_max < log->end.index ? read->index_max : log->end.index;
    if (read->is_full || read->next_index > limit) {
        return ERR_END;
    }
    const struct log_range *range = log_range_find(log, read->next_index);
    if (range != NULL && range->first_index <= read->next_index) {
        return log_read_corrupt(read, read->next_index, range->last_index, range->next_offset);
    }
    if (range != NULL && range->first_index <= limit) {
        limit = range->first_index - 1;
    }
    const struct log_slot *first = log_tail_first(log);
    if (first != NULL && read->next_index >= first->rec.index) {
        return log_read_tail(read, limit, stage);
    }
    return log_read_segment(read, stage);
}

static void log_read_finish(struct log_read *read, enum err err)
{
    bool is_void = err == ERR_CLOSING || err == ERR_ACCESS || err == ERR_CANCELED;
    if (read->entries_count > 0 && !is_void) {
        err = ERR_OK; /* the next read meets it again */
    } else {
        log_read_release(read);
        read->entries_count = 0;
    }
    if (!read->is_reader && read->cursor != NULL) {
        log_cursor_free(read->cursor);
        read->cursor = NULL;
    }
    read->err = err;
    sm_move(&read->sm, LOG_READ_DONE);
    rt_op_defer(&read->op_defer);
}

static void log_read_done(struct rt_op *op)
{
    struct log_read *read = CONTAINER_OF(op, struct log_read, op_defer);
    sm_move(&read->sm, LOG_READ_IDLE);
    sm_deinit(&read->sm);
    if (!read->is_reader) {
        list_remove(&read->in_log);
    }
    read->done(read);
}

/* --- Where to begin --- */

static enum err log_read_find(struct log_read *read, enum log_read_stage *stage)
{
    const struct log *log = read->log;
    if (read->from == LOG_READ_INDEX) {
        return read->at == 0 ? ERR_RANGE : log_read_placed(read, read->at, 0);
    }
    bool is_offset = read->from == LOG_READ_OFFSET;
    const struct log_slot *first = log_tail_first(log);
    const struct log_slot *slot = is_offset ? log_tail_find_offset(log, read->at)
                                            : log_tail_find_timestamp(log, (int64_t)read->at);
    bool is_trimmed = is_offset && read->at < log->start.offset; /* a pin may hold it */
    if (slot == NULL && (first != NULL || (log->end.index < log->start.index && !is_trimmed))) {
        return ERR_END; /* the newest entry lies before it, or there is none */
    }
    bool is_it =
        slot != NULL && (slot != first || (is_offset && slot->rec.base_offset <= read->at));
    if (is_it) {
        return log_read_placed(read, slot->rec.index, slot->rec.base_offset);
    }
    return log_read_find_cold(read, stage);
}

/* It lies before the tail, if anywhere. */
static enum err log_read_find_cold(struct log_read *read, enum log_read_stage *stage)
{
    const struct log *log = read->log;
    const struct log_slot *first = log_tail_first(log);
    struct log_segment *seg = log_read_find_segment(read);
    const struct list_node *node = list_first(&log->segments.list);
    const struct log_segment *oldest =
        node != NULL ? CONTAINER_OF(node, const struct log_segment, in_log) : NULL;
    bool is_offset = read->from == LOG_READ_OFFSET;
    bool is_known = seg == NULL || seg->is_known;
    bool is_enough = is_offset && oldest != NULL && oldest->start.offset <= read->at;
    if (log_read_needs_load(read, is_known && is_enough)) {
        return log_read_load(read, stage);
    }
    if (is_offset && oldest != NULL && read->at < oldest->start.offset) {
        return read->at < log->start.offset
                   ? ERR_RANGE
                   : log_read_placed(read, oldest->start.index, oldest->start.offset);
    }
    if (seg == NULL || (first != NULL && seg->start.index >= first->rec.index)) {
        return first != NULL ? log_read_placed(read, first->rec.index, first->rec.base_offset)
               : is_offset && read->at < log->start.offset ? ERR_RANGE
                                                           : ERR_END;
    }
    enum err err = log_read_cursor(read);
    if (err != ERR_OK) {
        return err;
    }
    if (!log_cursor_has_files(read->cursor, seg, true)) {
        *stage = LOG_READ_FILES;
        return ERR_OK;
    }
    return log_read_search(read, seg, stage);
}

/* It is in `seg`, or the first behind it. */
static enum err log_read_search(struct log_read *read, struct log_segment *seg,
                                enum log_read_stage *stage)
{
    struct log_cursor *c = read->cursor;
    struct log_want want = {.from = read->from, .key = read->at, .bytes_left = read->bytes_max};
    log_want_segment(&want, seg);
    uint64_t slot = 0;
    struct log_sidecar rec;
    switch (log_cursor_search(c, &want, &slot)) {
    case LOG_GOT_WAIT: *stage = LOG_READ_WINDOW; return ERR_OK;
    case LOG_GOT_NOTHING:
        if (c->find_last < want.last_index) {
            return ERR_OK; /* more has left the tail meanwhile: it may be there */
        }
        return log_read_placed(read, want.last_index + 1, want.last_offset);
    case LOG_GOT_CORRUPT: return log_read_bad(read, c->bad_first, c->bad_last, c->bad_offset);
    case LOG_GOT_IT: break;
    }
    enum err err = log_cursor_record(c, slot, 0, &rec);
    ASSERT(err == ERR_OK); /* the search has just looked at it */
    c->hint_index = rec.index;
    c->hint_slot = slot;
    return log_read_placed(read, rec.index, rec.base_offset);
}

/* The first segment that ends behind the offset, or at or behind the timestamp: from the newest
 * back, as most is asked of the newest. One that is not known yet counts. */
static struct log_segment *log_read_find_segment(const struct log_read *read)
{
    const struct list *list = &read->log->segments.list;
    struct log_segment *found = NULL;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->is_known && seg->last_index < seg->start.index) {
            continue;
        }
        bool is_behind = !seg->is_known ||
                         (read->from == LOG_READ_OFFSET ? seg->next_offset > read->at
                                                        : seg->max_timestamp >= (int64_t)read->at);
        if (!is_behind) {
            break;
        }
        found = seg;
    }
    return found;
}

/* The entry is found. An offset that only a later entry is behind of may be in what cannot be read.
 */
static enum err log_read_placed(struct log_read *read, uint64_t index, uint64_t base_offset)
{
    const struct log *log = read->log;
    if (read->from == LOG_READ_OFFSET && base_offset > read->at && index > 1) {
        const struct log_range *range = log_range_find(log, index - 1);
        if (range != NULL && range->first_index < index && range->next_offset > read->at) {
            return log_read_corrupt(read, range->first_index, range->last_index,
                                    range->next_offset);
        }
    }
    if (read->from == LOG_READ_TIMESTAMP && index < log->start.index) {
        index = log->start.index; /* what was trimmed is not found any more */
    }
    read->next_index = index;
    read->is_placed = true;
    return ERR_OK;
}

/* Whether the group's older segments must be known first. */
static bool log_read_needs_load(struct log_read *read, bool is_known)
{
    bool has_loaded = read->cursor != NULL && read->cursor->has_loaded;
    return !is_known && !read->log->is_loaded && !has_loaded;
}

static enum err log_read_load(struct log_read *read, enum log_read_stage *stage)
{
    enum err err = log_read_cursor(read);
    if (err == ERR_OK) {
        log_cursor_load(read->cursor);
        *stage = LOG_READ_LOAD;
    }
    return err;
}

static enum err log_read_cursor(struct log_read *read)
{
    return read->cursor != NULL ? ERR_OK : log_cursor_new(read, &read->cursor);
}

/* --- From segments --- */

/* The part of `seg` that no slot holds. */
static void log_want_segment(struct log_want *want, struct log_segment *seg)
{
    const struct log_slot *first = log_tail_first(seg->log);
    want->seg = seg;
    want->last_index = seg->last_index;
    want->last_offset = seg->next_offset;
    if (first != NULL && want->last_index >= first->rec.index) {
        want->last_index = first->rec.index - 1;
        want->last_offset = first->rec.base_offset;
    }
}

/* What may be read with one run from `index` on, which no slot holds. False: no known segment holds
 * it, or it is not to be given out. */
static bool log_read_want(const struct log_read *read, uint64_t index, struct log_want *want)
{
    const struct log *log = read->log;
    struct log_segment *seg = log_segment_find(log, index);
    const struct log_slot *first = log_tail_first(log);
    if (seg == NULL || !seg->is_known || (first != NULL && index >= first->rec.index)) {
        return false;
    }
    *want = (struct log_want){
        .from = LOG_READ_INDEX,
        .key = index,
        .bytes_left = read->bytes_max,
        .does_skip_internal = read->does_skip_internal,
    };
    log_want_segment(want, seg);
    want->index_max = read->index_max < want->last_index ? read->index_max : want->last_index;
    const struct log_range *range = log_range_find(log, index);
    if (range != NULL && range->first_index <= want->index_max) {
        want->index_max = range->first_index - 1;
    }
    return index <= want->index_max;
}

static enum err log_read_segment(struct log_read *read, enum log_read_stage *stage)
{
    struct log_want want;
    if (!log_read_want(read, read->next_index, &want)) {
        return log_read_needs_load(read, false) ? log_read_load(read, stage) : log_read_hole(read);
    }
    want.bytes_left = read->bytes_max > read->given_bytes ? read->bytes_max - read->given_bytes : 0;
    want.is_first = read->entries_count == 0;
    enum err err = log_read_cursor(read);
    if (err != ERR_OK) {
        return err;
    }
    struct log_cursor *c = read->cursor;
    if (log_read_takes_ahead(read, &want)) {
        *stage = c->run->is_ready ? LOG_READ_PLACE : LOG_READ_BYTES;
        return c->run->is_ready ? log_read_take(read) : ERR_OK;
    }
    if (!log_cursor_drop_ahead(c) || !log_cursor_has_files(c, want.seg, true)) {
        *stage = LOG_READ_FILES;
        return ERR_OK;
    }
    uint64_t slot = 0;
    enum log_got got = log_cursor_search(c, &want, &slot);
    if (got == LOG_GOT_NOTHING) { /* its segment ends before it */
        return log_read_bad(read, read->next_index, want.last_index, want.last_offset);
    }
    struct log_run *run = c->run;
    if (got == LOG_GOT_IT) {
        run->first_index = read->next_index;
        got = log_cursor_plan(c, run, &want, slot);
    }
    switch (got) {
    case LOG_GOT_WAIT: *stage = LOG_READ_WINDOW; return ERR_OK;
    case LOG_GOT_CORRUPT: return log_read_bad(read, c->bad_first, c->bad_last, c->bad_offset);
    case LOG_GOT_NOTHING: /* all of it was passed over, or it would be too much */
        read->next_index = run->next_index;
        read->is_full = run->is_full;
        c->hint_index = run->next_index;
        c->hint_slot = run->next_slot;
        return ERR_OK;
    case LOG_GOT_IT: break;
    }
    if (read->ref != NULL) {
        log_read_refer(read, run);
        return ERR_OK;
    }
    *stage = LOG_READ_BYTES;
    return log_cursor_read(c, run);
}

/* Whether the first run ahead is what comes next; it is in hand then. */
static bool log_read_takes_ahead(struct log_read *read, const struct log_want *want)
{
    struct log_cursor *c = read->cursor;
    const struct log_run *run = log_cursor_next_run(c);
    bool is_it = run != NULL && run->first_index == read->next_index &&
                 run->cut_epoch == read->log->cut_epoch && run->next_index - 1 <= want->index_max &&
                 want->is_first && c->segment_index == want->seg->start.index &&
                 c->generation == want->seg->generation;
    if (is_it) {
        log_cursor_take_next(c);
    }
    return is_it;
}

/* No segment and no slot holds the next index: it is below what is there, or was lost. */
static enum err log_read_hole(struct log_read *read)
{
    const struct log *log = read->log;
    const struct log_slot *first = log_tail_first(log);
    uint64_t last_index = first != NULL ? first->rec.index - 1 : log->end.index;
    uint64_t next_offset = first != NULL ? first->rec.base_offset : log->end.offset;
    bool is_below = true;
    for (struct list_node *node = log->segments.list.head.prev; node != &log->segments.list.head;
         node = node->prev) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        if (seg->start.index <= read->next_index) {
            is_below = false;
            break;
        }
        last_index = seg->start.index - 1;
        next_offset = seg->start.offset;
    }
    if (is_below && read->next_index < log->start.index) {
        return ERR_RANGE;
    }
    return log_read_bad(read, read->next_index, last_index, next_offset);
}

/* --- From the tail --- */

static enum err log_read_tail(struct log_read *read, uint64_t limit, enum log_read_stage *stage)
{
    struct log_slot *slot = log_tail_find(read->log, read->next_index);
    ASSERT(slot != NULL); /* slots have no holes */
    if (slot->slice.buf != NULL) {
        log_read_hot(read, slot, limit);
        return ERR_OK;
    }
    const struct log_sidecar *rec = &slot->rec;
    if ((rec->flags & LOG_SIDECAR_QUARANTINED) != 0) {
        return log_read_bad(read, read->next_index, rec->last_index, log_sidecar_next_offset(rec));
    }
    if ((rec->flags & LOG_SIDECAR_GAP) != 0) {
        read->next_index = rec->last_index + 1;
        return ERR_OK;
    }
    return log_read_slots(read, slot, limit, stage);
}

/* Give out what is in memory from `slot` on. */
static void log_read_hot(struct log_read *read, const struct log_slot *slot, uint64_t limit)
{
    const struct log *log = read->log;
    while (slot != NULL && slot->rec.index <= limit && slot->slice.buf != NULL && !read->is_full) {
        bool is_wanted = slot->rec.kind == LOG_KIND_DATA || !read->does_skip_internal;
        struct log_point at = {.index = slot->rec.index,
                               .offset = log_sidecar_next_offset(&slot->rec),
                               .term = slot->rec.term,
                               .chain = slot->rec.chain};
        if (is_wanted && !log_read_is_older(read, slot->slice) &&
            !log_read_give(read, slot->slice, &at)) {
            return;
        }
        read->next_index = slot->rec.last_index + 1;
        slot = log_tail_next(log, slot);
    }
}

/* Read slots whose bytes have left memory. */
static enum err log_read_slots(struct log_read *read, struct log_slot *slot, uint64_t limit,
                               enum log_read_stage *stage)
{
    enum err err = log_read_cursor(read);
    if (err != ERR_OK) {
        return err;
    }
    struct log_cursor *c = read->cursor;
    bool is_there = log_slot_is_in_journal(slot) ? log_cursor_has_journal(c, slot->journal_slot)
                                                 : log_cursor_has_files(c, slot->seg, false);
    if (!is_there) {
        *stage = LOG_READ_FILES;
        return ERR_OK;
    }
    struct log_want want = {
        .seg = slot->seg,
        .index_max = limit,
        .bytes_left = read->bytes_max > read->given_bytes ? read->bytes_max - read->given_bytes : 0,
        .is_first = read->entries_count == 0,
        .does_skip_internal = read->does_skip_internal,
    };
    struct log_run *run = c->run;
    run->first_index = read->next_index;
    log_cursor_plan_slots(c, slot, &want);
    if (run->items_count > 0 && read->ref != NULL && run->file_number == 0 &&
        run->rest_bytes == 0) {
        log_read_refer(read, run);
        return ERR_OK;
    }
    if (run->items_count > 0) {
        *stage = LOG_READ_BYTES;
        return log_cursor_read(c, run);
    }
    bool has_moved = run->next_index > read->next_index;
    read->next_index = run->next_index;
    read->is_full = run->is_full;
    log_cursor_drop_run(c, run);
    return has_moved || read->is_full ? ERR_OK : ERR_IO;
}

/* --- A run that is not read --- */

/* Its batches are given out as they lie in the segment. */
static void log_read_refer(struct log_read *read, struct log_run *run)
{
    struct log_cursor *c = read->cursor;
    bool is_sidecar = run->next_slot != UINT64_MAX;
    read->is_hot = false;
    for (uint32_t i = 0; i < run->items_count && !read->is_full; i++) {
        const struct log_run_item *item = &run->items[i];
        struct log_point at = {.index = item->index,
                               .offset = item->next_offset,
                               .term = item->term,
                               .chain = item->chain};
        if (!log_ref_add_range(read->ref, c->get_log.file, (uint32_t)run->pos + item->at,
                               item->length, &at)) {
            read->is_full = true;
            break;
        }
        log_read_given(read, &at, item->length);
        read->next_index = item->index + 1;
    }
    if (!read->is_full) {
        read->next_index = run->next_index;
        read->is_full = run->is_full;
        c->hint_index = is_sidecar ? run->next_index : 0;
        c->hint_slot = run->next_slot;
    }
    log_cursor_drop_run(c, run);
}

/* --- A run has been read --- */

/* Verify it and give it out; a reader reads on meanwhile. */
static enum err log_read_take(struct log_read *read)
{
    struct log_cursor *c = read->cursor;
    struct log_run *run = c->run;
    enum err err = run->err;
    if (err != ERR_OK) {
        log_cursor_drop_run(c, run);
        return err;
    }
    bool is_sidecar = run->next_slot != UINT64_MAX;
    if (c->is_ahead && is_sidecar) {
        log_read_ahead(read);
    }
    uint32_t sound_count = log_read_verify(read, run);
    uint32_t older_count = 0;
    read->is_hot = false;
    for (uint32_t i = 0; i < sound_count && !read->is_full; i++) {
        const struct log_run_item *item = &run->items[i];
        struct buf_slice slice = buf_slice(run->buf, item->at, item->length);
        bool is_older = log_read_is_older(read, slice);
        older_count += is_older ? 1 : 0;
        struct log_point at = {.index = item->index,
                               .offset = item->next_offset,
                               .term = item->term,
                               .chain = item->chain};
        bool is_past = is_older || log_read_give(read, slice, &at);
        read->next_index = is_past ? item->index + 1 : item->index;
    }
    if (sound_count < run->items_count) {
        const struct log_run_item bad = run->items[sound_count];
        if (!read->is_full && !log_run_has_moved(read, run, &bad)) {
            err = log_read_bad(read, bad.index, bad.index, bad.next_offset);
        }
    } else if (!read->is_full) {
        read->next_index = run->next_index;
        read->is_full = run->is_full && older_count == 0;
        c->hint_index = is_sidecar ? run->next_index : 0;
        c->hint_slot = run->next_slot;
    }
    if (read->is_reader && read->entries_count > 0) {
        read->is_full = true; /* a step; what is read ahead is the next */
    }
    log_cursor_drop_run(c, run);
    return err;
}

/* Keep the segment's next runs under way, and its next sidecar records. */
static void log_read_ahead(struct log_read *read)
{
    struct log_cursor *c = read->cursor;
    struct log_want want;
    bool does_go_on = true;
    while (does_go_on) {
        const struct log_run *last = log_cursor_last_run(c);
        if (!log_read_want(read, last->next_index, &want) ||
            want.seg->start.index != c->segment_index || want.seg->generation != c->generation) {
            return;
        }
        want.is_first = true;
        does_go_on = log_cursor_ahead(c, &want);
    }
    log_window_slide(c, &want, log_cursor_last_run(c)->next_slot);
}

/* How many batches verify, from the first on. Those of a journal file, which others stand between,
 * are moved together: one piece for the caller. */
static uint32_t log_read_verify(const struct log_read *read, struct log_run *run)
{
    uint32_t count = 0;
    uint32_t end = 0;
    if (run->is_sound) {
        return run->items_count;
    }
    while (count < run->items_count && log_run_item_is_sound(read, run, &run->items[count])) {
        struct log_run_item *item = &run->items[count++];
        if (run->file_number != 0) {
            memmove(run->buf->data + end, run->buf->data + item->at, item->length);
            item->at = end;
            end += item->length;
        }
    }
    buf_seal(run->buf, run->read_bytes + run->rest_bytes);
    if (count == run->items_count) {
        log_read_keep(read, run);
    }
    return count;
}

/* Others may want it, too: it is kept where its blocks are not written any more. */
static void log_read_keep(const struct log_read *read, const struct log_run *run)
{
    struct log_cursor *c = read->cursor;
    const struct log_segment *seg = log_segment_find(read->log, run->items[0].index);
    bool is_its =
        seg != NULL && seg->start.index == c->segment_index && seg->generation == c->generation;
    if (is_its && (seg->is_finished || run->pos + run->read_bytes <= seg->written_bytes)) {
        log_cursor_keep(c, run);
    }
}

/* Header and body are what was appended, or what a rewrite made of it. */
static bool log_run_item_is_sound(const struct log_read *read, const struct log_run *run,
                                  const struct log_run_item *item)
{
    const struct crc32c *kernels = read->log->ls->store->kernels;
    const uint8_t *data = run->buf->data + item->at;
    struct log_batch batch;
    if ((uint64_t)item->at + item->length > run->valid_bytes ||
        log_batch_decode(data, item->length, &batch) != ERR_OK ||
        batch.length_bytes != item->length || batch.base_offset != item->base_offset ||
        batch.term != item->term) { /* of a rewritten header nothing else covers these */
        return false;
    }
    uint32_t crc = item->is_rewritten ? batch.crc : log_batch_header_crc(kernels, data);
    return crc == item->header_crc && log_batch_is_sound(kernels, data, item->length);
}

/* Whether the entry is not any more where the run was read: its segment has other files, or its
 * journal file may have been written anew. */
static bool log_run_has_moved(const struct log_read *read, const struct log_run *run,
                              const struct log_run_item *item)
{
    if (run->file_number == 0) {
        const struct log_segment *seg = log_segment_find(read->log, item->index);
        return seg == NULL || seg->generation != read->cursor->generation;
    }
    const struct log_slot *slot = log_tail_find(read->log, item->index);
    return slot == NULL || slot->slice.buf != NULL || !log_slot_is_in_journal(slot) ||
           slot->file_number != run->file_number || slot->journal_pos != run->pos + item->at;
}

/* Whether it lies before the timestamp looked for, though an earlier, trimmed one did not: the
 * sidecar knows running maxima only. */
static bool log_read_is_older(const struct log_read *read, struct buf_slice slice)
{
    if (read->from != LOG_READ_TIMESTAMP || read->entries_count > 0) {
        return false;
    }
    struct log_batch batch;
    enum err err = log_batch_decode(buf_slice_data(slice), slice.length, &batch);
    return err == ERR_OK && batch.max_timestamp < (int64_t)read->at;
}

/* One more batch, that of entry `at`. False: it is too much. */
static bool log_read_give(struct log_read *read, struct buf_slice slice, const struct log_point *at)
{
    bool is_too_much =
        read->entries_count > 0 && (uint64_t)read->given_bytes + slice.length > read->bytes_max;
    bool is_given = !is_too_much && (read->ref != NULL ? log_ref_add_slice(read->ref, slice, at)
                                                       : log_read_add_part(read, slice));
    if (!is_given) {
        read->is_full = true;
        return false;
    }
    log_read_given(read, at, slice.length);
    return true;
}

/* In the last part if it stands right behind it. */
static bool log_read_add_part(struct log_read *read, struct buf_slice slice)
{
    struct buf_slice *last = read->parts_count > 0 ? &read->parts[read->parts_count - 1] : NULL;
    bool is_adjacent =
        last != NULL && last->buf == slice.buf && last->pos + last->length == slice.pos;
    if (!is_adjacent && read->parts_count == LOG_READ_PARTS_MAX) {
        return false;
    }
    if (is_adjacent) {
        last->length += slice.length;
    } else {
        buf_ref(slice.buf);
        read->parts[read->parts_count++] = slice;
    }
    return true;
}

static void log_read_given(struct log_read *read, const struct log_point *at, uint32_t length)
{
    if (read->entries_count == 0) {
        read->first_index = at->index;
    }
    read->entries_count++;
    read->last_index = at->index;
    read->next_offset = at->offset;
    read->given_bytes += length;
}

/* --- What cannot be read --- */

/* Known to be so. */
static enum err log_read_corrupt(struct log_read *read, uint64_t first_index, uint64_t last_index,
                                 uint64_t next_offset)
{
    if (first_index > read->index_max) {
        return ERR_END;
    }
    if (read->entries_count == 0) {
        read->first_index = first_index;
        read->last_index = last_index;
        read->next_offset = next_offset;
    }
    return ERR_CORRUPT;
}

/* Found now. */
static enum err log_read_bad(struct log_read *read, uint64_t first_index, uint64_t last_index,
                             uint64_t next_offset)
{
    uint32_t term = 0;
    if (log_term_of(read->log, last_index, &term) != ERR_OK) {
        term = 0;
    }
    log_range_quarantine(read->log, first_index, last_index, next_offset, term);
    return log_read_corrupt(read, first_index, last_index, next_offset);
}
