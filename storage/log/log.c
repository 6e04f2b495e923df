/* A group's log: what is asked of it besides appends. See log.h.
 *
 * State changes when an operation is submitted; its record follows in the lane's order, and
 * log_record_durable moves what a table row may say. A cut or trim whose place stands in a sidecar
 * looks it up first; both go back into line then. */
#include "storage/log/log.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/range.h"
#include "storage/log/reset.h"
#include "storage/log/shard.h"

static void log_point_wait(struct log *log, struct log_op *op, uint64_t first_index,
                           void (*done)(struct log_lookup *lookup));
static void log_cut_found(struct log_lookup *lookup);
static void log_cut_at(struct log *log, struct log_op *op, const struct log_lookup *at);
static void log_trim_found(struct log_lookup *lookup);
static bool log_trim_is_ahead(const struct log *log, uint64_t first_index, uint32_t skip_count);
static void log_trim_at(struct log *log, struct log_op *op, const struct log_point *point);
static void log_begun(struct log *log, uint64_t first_index, uint32_t generation);
static uint64_t log_cut_membership(const struct log *log, uint64_t first_index);
static void log_cut_row(struct log *log, const struct log_segment *seg);

struct log *log_find(struct log_shard *ls, uint64_t group)
{
    struct map_node *node = map_find(&ls->groups, group);
    if (node == NULL) {
        return NULL;
    }
    struct log *log = CONTAINER_OF(node, struct log, in_map);
    return log->is_deleted ? NULL : log;
}

static struct log *log_live(const struct log_shard *ls, struct map_node *node)
{
    while (node != NULL && CONTAINER_OF(node, struct log, in_map)->is_deleted) {
        node = map_next(&ls->groups, node);
    }
    return node != NULL ? CONTAINER_OF(node, struct log, in_map) : NULL;
}

struct log *log_first(struct log_shard *ls)
{
    return log_live(ls, map_first(&ls->groups));
}

struct log *log_next(struct log_shard *ls, struct log *log)
{
    return log_live(ls, map_next(&ls->groups, &log->in_map));
}

void log_set_reserve(struct log *log, bool may_use_reserve)
{
    log->may_use_reserve = may_use_reserve;
}

uint64_t log_group(const struct log *log)
{
    return log->group;
}

void log_set_segment_bytes(struct log *log, uint64_t bytes)
{
    bytes = bytes != 0 ? bytes : log->ls->store->config.segment_bytes;
    log->segment_bytes_max = bytes < LOG_SEGMENT_BYTES_MAX ? bytes : LOG_SEGMENT_BYTES_MAX;
}

void log_partition(const struct log *log, struct log_uuid *topic, uint32_t *partition)
{
    *topic = log->topic;
    *partition = log->partition;
}

void log_status(const struct log *log, struct log_status *out)
{
    *out = (struct log_status){
        .start = log->start,
        .end = log->end,
        .durable_index = log->durable_index,
        .settled_index = log->row.end.index,
        .hard = log->hard,
        .membership_index = log->membership_index,
        .max_timestamp = log->max_timestamp,
        .is_amnesiac = log->is_amnesiac,
        .is_available = log->is_available,
        .is_tail_torn = log->is_tail_torn,
    };
    const struct log_segment *active = log_segment_active(log);
    if (active != NULL && !active->is_sealed && active->last_index >= active->start.index) {
        out->segment_index = active->start.index;
    }
    list_for_each (node, &log->segments.list) {
        out->segments_bytes += CONTAINER_OF(node, struct log_segment, in_log)->end_pos;
    }
    list_for_each (node, &log->ranges) {
        const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
        if (out->quarantine_index == 0) {
            out->quarantine_index = range->first_index;
        }
        out->quarantine_count++;
    }
}

enum err log_writable(const struct log *log)
{
    enum err err = log_goes_on(log);
    bool is_leaving = log->move != NULL && (err == ERR_OK || err == ERR_ACCESS);
    return is_leaving ? ERR_AGAIN : err;
}

enum err log_goes_on(const struct log *log)
{
    if (log->ls->is_closing || log->is_deleted) {
        return ERR_CLOSING;
    }
    if (atomic_load(&log->ls->store->is_fenced)) {
        return ERR_FENCED;
    }
    return log->is_amnesiac || !log->is_available ? ERR_ACCESS : ERR_OK;
}

void log_end(struct log_shard *ls, struct log_op *op, enum err err)
{
    op->err = err;
    list_push_back(&ls->lane.failed, &op->in_queue);
    log_lane_kick(&ls->lane);
}

void log_submit(struct log *log, struct log_op *op, const struct log_record *record,
                struct buf_slice data)
{
    op->err = ERR_OK;
    op->log = log;
    op->slot = NULL;
    op->record = *record;
    op->record.group = log->group;
    op->data = data;
    if (data.buf != NULL) {
        buf_ref(data.buf);
        op->record.data = buf_slice_data(data);
        op->record.data_bytes = data.length;
    }
    log_lane_submit(&log->ls->lane, op);
}

void log_create(struct log_shard *ls, struct log_op *op, uint64_t group,
                const struct log_uuid *topic, uint32_t partition)
{
    op->log = NULL;
    struct log *log = NULL;
    enum err err = ls->is_closing                         ? ERR_CLOSING
                   : atomic_load(&ls->store->is_fenced)   ? ERR_FENCED
                   : map_find(&ls->groups, group) != NULL ? ERR_EXISTS
                                                          : ERR_OK;
    if (err == ERR_OK) {
        err = log_new(ls, group, topic, partition, &log);
    }
    if (err != ERR_OK) {
        log_end(ls, op, err);
        return;
    }
    struct log_record record = {.kind = LOG_RECORD_CREATE};
    record.create.topic = *topic;
    record.create.partition = partition;
    log_submit(log, op, &record, (struct buf_slice){0});
}

void log_delete(struct log *log, struct log_op *op)
{
    op->log = log;
    enum err err = log_writable(log);
    if (err != ERR_OK && err != ERR_ACCESS) {
        log_end(log->ls, op, err);
        return;
    }
    log->is_deleted = true;
    log->cut_epoch++;
    struct log_record record = {.kind = LOG_RECORD_DELETE};
    log_submit(log, op, &record, (struct buf_slice){0});
}

void log_set_hard_state(struct log *log, struct log_op *op, const struct log_hard_state *hard)
{
    op->log = log;
    enum err err = log_writable(log);
    bool is_vote_kept =
        hard->term != log->hard.term || log->hard.vote == 0 || hard->vote == log->hard.vote;
    if (err == ERR_OK &&
        (hard->term > LIMIT_TERM || hard->term < log->hard.term || !is_vote_kept)) {
        err = ERR_INVALID;
    }
    if (err != ERR_OK) {
        log_end(log->ls, op, err);
        return;
    }
    log->hard = *hard;
    struct log_record record = {.kind = LOG_RECORD_HARD, .hard = *hard};
    log_submit(log, op, &record, (struct buf_slice){0});
}

/* --- What stands before an entry --- */

enum err log_point_before(const struct log *log, uint64_t first_index, struct log_lookup *out)
{
    ASSERT(first_index >= log->start.index);
    ASSERT(first_index <= log->end.index + 1);
    out->point = (struct log_point){0};
    out->max_timestamp = -1;
    out->end_pos = 0;
    if (first_index == log->start.index) {
        out->point = log->start;
        out->point.index = first_index - 1;
        out->point.skip_count = 0;
        return ERR_OK;
    }
    const struct log_slot *slot = log_tail_find(log, first_index - 1);
    if (slot == NULL || slot->rec.last_index != first_index - 1) {
        return ERR_AGAIN;
    }
    out->point = (struct log_point){
        .index = first_index - 1,
        .offset = log_sidecar_next_offset(&slot->rec),
        .term = slot->rec.term,
        .chain = slot->rec.chain,
    };
    out->max_timestamp = slot->rec.max_timestamp;
    out->end_pos = slot->rec.pos + slot->rec.length;
    out->recs_total = slot->rec_number + 1;
    return ERR_OK;
}

/* Look up what stands before `first_index`, then go on in `done`. */
static void log_point_wait(struct log *log, struct log_op *op, uint64_t first_index,
                           void (*done)(struct log_lookup *lookup))
{
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->lookups, &made);
    if (err != ERR_OK) {
        log->is_cutting = log->is_cutting && done != log_cut_found;
        log_end(log->ls, op, err);
        return;
    }
    struct log_lookup *lookup = made;
    lookup->log = log;
    lookup->op = op;
    lookup->first_index = first_index;
    lookup->done = done;
    log->lookups_count++;
    log_lookup_start(lookup);
}

/* --- Cut --- */

void log_cut(struct log *log, struct log_op *op, uint64_t first_index)
{
    op->log = log;
    enum err err = log->is_cutting ? ERR_AGAIN : log_writable(log);
    if (err != ERR_OK) {
        log_end(log->ls, op, err);
        return;
    }
    ASSERT(first_index > log->start.index || (log->start.index == 1 && log->start.skip_count == 0));
    struct log_lookup at = {.first_index = first_index};
    bool is_first = first_index == log->start.index; /* files of that name must be known */
    if ((!is_first || log->is_loaded) && log_point_before(log, first_index, &at) == ERR_OK) {
        log_cut_at(log, op, &at);
        return;
    }
    log->is_cutting = true;
    log_point_wait(log, op, first_index, log_cut_found);
}

static void log_cut_found(struct log_lookup *lookup)
{
    struct log *log = lookup->log;
    log->is_cutting = false;
    log->lookups_count--;
    enum err err = lookup->err;
    if (err == ERR_NOT_FOUND && lookup->first_index == log->start.index) {
        err = log_point_before(log, lookup->first_index, lookup); /* all of the log goes */
    }
    err = err != ERR_OK ? err : log_goes_on(log);
    if (err != ERR_OK) {
        log_end(log->ls, lookup->op, err);
    } else {
        log_cut_at(log, lookup->op, lookup);
    }
    pool_release(&log->ls->lookups, lookup);
}

/* Everything behind at->point goes; the next entry begins a segment of a new generation. */
static void log_cut_at(struct log *log, struct log_op *op, const struct log_lookup *at)
{
    uint64_t first_index = at->first_index;
    void *spare = NULL;
    enum err err = pool_acquire(&log->ls->segments, &spare);
    if (err != ERR_OK) { /* before anything has changed; released, it is there for the push below */
        log_end(log->ls, op, err);
        return;
    }
    pool_release(&log->ls->segments, spare);
    struct log_point start = at->point;
    start.index = first_index;
    log->cut_epoch++;
    log->generation++;
    log_withdraw(log, LOG_RECORD_TAIL); /* it speaks of entries that may go: it must not be what is
                                           left of a frame that has the cut, too */
    log_slots_cut(log, first_index);
    struct list_node *node = list_last(&log->segments.list);
    while (node != NULL) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index < first_index) {
            seg->last_index = first_index - 1 < seg->last_index ? first_index - 1 : seg->last_index;
            seg->next_offset = at->point.offset;
            seg->max_timestamp = at->max_timestamp;
            seg->end_pos = at->end_pos;
            seg->recs_total = at->recs_total;
            seg->is_sealed = true;
            break;
        }
        log_segment_discard(seg);
        node = list_last(&log->segments.list);
    }
    log->end = at->point;
    log->max_timestamp = at->max_timestamp;
    log_terms_cut(log, first_index);
    log_ranges_cut(log, first_index);
    if (log->membership_index >= first_index) {
        log->membership_index = log_cut_membership(log, first_index);
        log->membership_before = 0;
    }
    log->durable_index = log->durable_index < first_index ? log->durable_index : first_index - 1;
    struct log_segment *pushed = NULL;
    err = log_segment_push(log, &start, log->generation, &pushed);
    ASSERT(err == ERR_OK);
    struct log_record record = {.kind = LOG_RECORD_CUT, .flags = LOG_CUT_TIME};
    record.cut.end = at->point;
    record.cut.max_timestamp = at->max_timestamp;
    record.cut.generation = log->generation;
    log->cuts_pending++;
    log_cut_row(log, pushed);
    log_submit(log, op, &record, (struct buf_slice){0});
    log_settle_changed(log);
}

/* The newest membership entry before `first_index`, where the log was cut: by what is in memory.
 * 0: none, or not known. */
static uint64_t log_cut_membership(const struct log *log, uint64_t first_index)
{
    if (log->membership_before != 0 && log->membership_before < first_index) {
        return log->membership_before;
    }
    uint64_t index = 0;
    const struct log_slot *first = log_tail_first(log);
    for (const struct log_slot *slot = first; slot != NULL; slot = log_tail_next(log, slot)) {
        bool is_gap = (slot->rec.flags & LOG_SIDECAR_GAP) != 0;
        index = slot->rec.kind == LOG_KIND_MEMBERSHIP && !is_gap ? slot->rec.index : index;
    }
    uint64_t tail_index = first != NULL ? first->rec.index : first_index;
    const struct list *segments = &log->segments.list;
    for (struct list_node *node = segments->head.prev; node != &segments->head && index == 0;
         node = node->prev) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        if (seg->start.index < tail_index) {
            break; /* one in it may have left memory */
        }
        index = seg->membership_index < seg->start.index ? seg->membership_index : 0;
    }
    return index;
}

/* A settled end behind the cut, or a segment that it cut off, is none any more: what lies before
 * the cut is settled then. No row goes out before the cut is durable. */
static void log_cut_row(struct log *log, const struct log_segment *seg)
{
    struct log_row *row = &log->row;
    uint64_t first_index = seg->start.index;
    if (row->end.index < first_index && row->segment_index < first_index) {
        return;
    }
    bool is_in_gap = row->gap_index != 0 && row->gap_index < first_index;
    row->gap_index = is_in_gap ? row->gap_index : log_tail_gap(log, log->end.index);
    row->end = log->end;
    row->segment_index = first_index;
    row->segment_generation = seg->generation;
    row->recs_count = 0;
    row->written_bytes = 0;
    row->end_pos = 0;
    if (seg->in_log.prev != &log->segments.list.head) {
        row->max_timestamp =
            CONTAINER_OF(seg->in_log.prev, struct log_segment, in_log)->max_timestamp;
    }
}

/* Take the slots from `first_index` on out; appends that wait for a frame end now, those in one
 * when it does. */
void log_slots_cut(struct log *log, uint64_t first_index)
{
    struct log_lane *lane = &log->ls->lane;
    for (struct log_slot *slot = log_tail_last(log); slot != NULL && slot->rec.index >= first_index;
         slot = log_tail_last(log)) {
        struct log_op *op = slot->op;
        uint64_t cost = log_slot_cost(slot);
        if (slot->seq == 0 && op != NULL) { /* in no frame yet; a gap never is */
            log_lane_withdraw(lane, op, cost);
            log->pending_bytes -= cost;
            log->pending_count--;
            log_end(log->ls, op, ERR_CANCELED);
        } else {
            ASSERT(lane->unsettled_bytes >= slot->unsettled_bytes);
            lane->unsettled_bytes -= slot->unsettled_bytes;
        }
        if (op != NULL) {
            op->err = ERR_CANCELED;
        }
        log_tail_pop_last(log);
    }
}

void log_withdraw(struct log *log, enum log_record_kind kind)
{
    struct log_lane *lane = &log->ls->lane;
    if (log->pending_count == 0) {
        return;
    }
    list_for_each_safe (node, following, &lane->pending) {
        struct log_op *op = CONTAINER_OF(node, struct log_op, in_queue);
        if (op->log == log && op->record.kind == kind) {
            log_lane_withdraw(lane, op, log_record_bytes(&op->record));
            log->pending_count--;
            log_end(log->ls, op, ERR_CANCELED);
        }
    }
}

/* --- Trim --- */

void log_trim(struct log *log, struct log_op *op, uint64_t first_index)
{
    log_trim_records(log, op, first_index, 0);
}

void log_trim_records(struct log *log, struct log_op *op, uint64_t first_index, uint32_t skip_count)
{
    op->log = log;
    enum err err = log_writable(log);
    if (err != ERR_OK || !log_trim_is_ahead(log, first_index, skip_count)) {
        log_end(log->ls, op, err);
        return;
    }
    ASSERT(first_index <= log->end.index + (skip_count == 0 ? 1 : 0));
    struct log_lookup at = {.first_index = first_index};
    op->record.trim.start.skip_count = skip_count; /* kept there while what it needs is looked up */
    if (log_point_before(log, first_index, &at) == ERR_OK) {
        log_trim_at(log, op, &at.point);
        return;
    }
    log_point_wait(log, op, first_index, log_trim_found);
}

/* Whether that lies behind the log start. */
static bool log_trim_is_ahead(const struct log *log, uint64_t first_index, uint32_t skip_count)
{
    return first_index > log->start.index ||
           (first_index == log->start.index && skip_count > log->start.skip_count);
}

static void log_trim_found(struct log_lookup *lookup)
{
    struct log *log = lookup->log;
    log->lookups_count--;
    enum err err = lookup->err != ERR_OK ? lookup->err : log_goes_on(log);
    uint32_t skip_count = lookup->op->record.trim.start.skip_count;
    if (err == ERR_OK && log_trim_is_ahead(log, lookup->first_index, skip_count)) {
        log_trim_at(log, lookup->op, &lookup->point);
    } else {
        log_end(log->ls, lookup->op, err);
    }
    pool_release(&log->ls->lookups, lookup);
}

/* The log starts behind `point`, and behind the records that `op` says. */
static void log_trim_at(struct log *log, struct log_op *op, const struct log_point *point)
{
    log->start = *point;
    log->start.index++;
    log->start.skip_count = op->record.trim.start.skip_count;
    log_terms_trim(log);
    log_ranges_trim(log);
    struct log_record record = {.kind = LOG_RECORD_TRIM};
    record.trim.start = log->start;
    log_submit(log, op, &record, (struct buf_slice){0});
}

/* --- Durable --- */

void log_record_durable(struct log *log, struct log_op *op)
{
    const struct log_record *record = &op->record;
    ASSERT(record->seq > log->durable_seq);
    log->durable_seq = record->seq;
    switch (record->kind) {
    case LOG_RECORD_HARD: log->durable_hard = record->hard; break;
    case LOG_RECORD_TRIM:
        log->durable_start = record->trim.start;
        log_settle_changed(log);
        break;
    case LOG_RECORD_CUT:
        ASSERT(log->cuts_pending > 0);
        log->cuts_pending--;
        log_begun(log, record->cut.end.index + 1, record->cut.generation);
        break;
    case LOG_RECORD_RESET: log_reset_durable(log, record); break;
    case LOG_RECORD_ROLL:
        log_begun(log, record->segment.segment_index, record->segment.generation);
        break;
    case LOG_RECORD_DELETE:
        log->is_delete_durable = true;
        log_settle_changed(log);
        break;
    case LOG_RECORD_SWITCH: log->switches_pending++; break; /* until clean.c removed the files */
    case LOG_RECORD_MARK: log->is_amnesiac &= record->mark.what != LOG_MARK_ACCEPTED; break;
    case LOG_RECORD_ENTRY:
    case LOG_RECORD_TAIL:
    case LOG_RECORD_CREATE:
    case LOG_RECORD_LANES: break;
    }
}

/* The segment has begun for good, unless it was cut off meanwhile. */
static void log_begun(struct log *log, uint64_t first_index, uint32_t generation)
{
    for (struct list_node *node = log->segments.list.head.prev; node != &log->segments.list.head;
         node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index == first_index && seg->generation == generation) {
            seg->is_begun = true;
            return;
        }
    }
}

/* --- Pins --- */

uint64_t log_bytes_below(const struct log *log, uint64_t index)
{
    uint64_t bytes = 0;
    list_for_each (node, &log->segments.list) {
        const struct log_segment *seg = CONTAINER_OF(node, const struct log_segment, in_log);
        bytes += seg->last_index >= index && seg->last_index < log->start.index ? seg->end_pos : 0;
    }
    return bytes;
}

void log_pin_set(struct log *log, struct log_pin *pin, const char *owner, uint64_t index)
{
    pin->owner = owner;
    pin->index = index;
    pin->since_ns = rt_now_ns(log->ls->shard);
    pin->is_carried = false;
    list_node_init(&pin->in_log);
    list_push_back(&log->pins, &pin->in_log);
}

void log_pin_move(struct log_pin *pin, uint64_t index)
{
    ASSERT(index >= pin->index);
    pin->index = index;
}

void log_pin_clear(struct log *log, struct log_pin *pin)
{
    list_remove(&pin->in_log);
    log_settle_changed(log);
}
