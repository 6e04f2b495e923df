/* What the table says of a group, and how it moves on. See round.h.
 *
 * The settled end is where the records in whole .idx blocks end: such a record's entry is in the
 * .log. `seq` says which records of the journal the row holds already, so row and seq move
 * together:
 *
 *     the first entry that is not settled is durable, in the row's segment:  its record's - 1
 *     none is, and no later segment has begun for good:                      all durable ones
 *     else a segment is left behind but not finished yet:                    its last entry's
 *
 * A remnant, what fills no block, is journaled again as a whole `tail` record when its file is
 * wanted: entries already in frames, behind which nothing of the group is needed any more. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/round.h"

static void log_row_end(struct log *log, const struct log_slot *slot);
static void log_row_name(struct log *log, const struct log_segment *seg);
static struct log_segment *log_row_segment(struct log *log);
static void log_row_rest(struct log_part *part);
static void log_row_seq(struct log *log, const struct log_segment *seg);
static void log_row_state(struct log *log);
static bool log_remnant_extent(const struct log *log, uint64_t *first_index, uint64_t *last_index,
                               uint32_t *end);
static void log_remnant_done(struct log_op *op);

/* The first entry that is not settled, NULL: none. */
static struct log_slot *log_row_first(const struct log *log)
{
    return log_tail_find(log, log->row.end.index + 1);
}

uint64_t log_row_next_index(const struct log *log, const struct log_segment *seg)
{
    const struct log_row *row = &log->row;
    if (row->segment_index == seg->start.index && row->segment_generation == seg->generation) {
        return row->end.index + 1 > seg->start.index ? row->end.index + 1 : seg->start.index;
    }
    return seg->start.index < row->segment_index ? seg->last_index + 1 : seg->start.index;
}

/* The lowest journal file that entries need of which `first` is the first that is not settled. What
 * another lane wrote may stand in a higher one than what followed here. */
static uint64_t log_row_file(const struct log *log, const struct log_slot *first)
{
    bool is_lower = log->row.seq < log->mixed_seq && log->file_lowest < first->file_number;
    return is_lower ? log->file_lowest : first->file_number;
}

/* --- A part counts --- */

void log_row_apply(struct log_part *part)
{
    struct log *log = part->log;
    struct log_segment *seg = part->seg;
    struct log_row *row = &log->row;
    ASSERT(log->cut_epoch == part->cut_epoch);
    ASSERT(part->written_bytes >= seg->written_bytes);
    log_row_rest(part);
    seg->written_bytes = part->written_bytes;
    seg->recs_count = part->recs_count;
    seg->is_finished = part->is_finished;
    log->is_row_old = true;
    if (row->segment_index > seg->start.index) {
        return; /* it was cut; the row names a later one */
    }
    if (row->segment_index != seg->start.index || row->segment_generation != seg->generation) {
        log_row_name(log, seg);
    }
    if (part->is_finished) {
        struct list_node *next = list_next(&log->segments.list, &seg->in_log);
        ASSERT(next != NULL);
        log_row_name(log, CONTAINER_OF(next, struct log_segment, in_log));
        return;
    }
    if (part->recs_index > row->end.index + 1) {
        const struct log_slot *slot = log_tail_find(log, part->recs_index - 1);
        ASSERT(slot != NULL);
        log_row_end(log, slot);
    }
}

/* The rest begins at the written bytes; what is written now leaves it. */
static void log_row_rest(struct log_part *part)
{
    struct log_segment *seg = part->seg;
    struct budget *budget = &part->log->ls->budget;
    uint32_t gone = part->written_bytes - seg->written_bytes;
    uint32_t kept = seg->rest_bytes > gone && !part->is_finished ? seg->rest_bytes - gone : 0;
    if (part->rest != NULL && part->rest_bytes >= kept) {
        budget_free(budget, seg->rest);
        seg->rest = part->rest;
        seg->rest_bytes = part->rest_bytes;
        part->rest = NULL;
        return;
    }
    if (kept == 0) {
        budget_free(budget, seg->rest);
        seg->rest = NULL;
    } else if (gone > 0) {
        memmove(seg->rest, seg->rest + gone, kept);
    }
    seg->rest_bytes = kept;
}

/* `slot` is the last settled entry. */
static void log_row_end(struct log *log, const struct log_slot *slot)
{
    struct log_row *row = &log->row;
    row->end = (struct log_point){
        .index = slot->rec.last_index,
        .offset = log_sidecar_next_offset(&slot->rec),
        .term = slot->rec.term,
        .chain = slot->rec.chain,
    };
    row->end_pos = slot->rec.pos + slot->rec.length;
    row->max_timestamp = slot->rec.max_timestamp;
    row->gap_index = log_tail_gap(log, row->end.index);
}

/* The row names `seg`, of which no entry is settled; all before it are. */
static void log_row_name(struct log *log, const struct log_segment *seg)
{
    struct log_row *row = &log->row;
    const struct list *list = &log->segments.list;
    if (row->end.index != seg->start.index - 1) {
        row->gap_index = log_tail_gap(log, seg->start.index - 1);
    }
    row->end = seg->start;
    row->end.index--;
    row->end_pos = 0;
    row->segment_index = seg->start.index;
    row->segment_generation = seg->generation;
    row->recs_count = 0;
    row->written_bytes = 0;
    if (seg->in_log.prev != &list->head) {
        row->max_timestamp =
            CONTAINER_OF(seg->in_log.prev, struct log_segment, in_log)->max_timestamp;
    }
}

/* --- The row --- */

/* Bring log->row and log->file_lowest up to date. False: not now, the table's row stays true. */
static bool log_row_update(struct log *log)
{
    struct log_row *row = &log->row;
    if (!log->is_available) {
        return false;
    }
    if (log->is_deleted) {
        if (!log->is_delete_durable) {
            return false;
        }
        log_row_state(log);
        row->state = LOG_ROW_DELETED;
        row->seq = log->durable_seq > row->seq ? log->durable_seq : row->seq;
        log->file_lowest = UINT64_MAX;
        return true;
    }
    if (log->cuts_pending > 0) {
        return false; /* the row says already what the cut leaves */
    }
    if (log->switches_pending > 0) {
        return false; /* a start must know which files are replaced while they may be there */
    }
    struct log_segment *seg = log_row_segment(log);
    if (seg == NULL && row->segment_index != 0) {
        return false; /* the same, of the segment the row names */
    }
    log_row_state(log);
    log_row_seq(log, seg);
    if (seg != NULL) {
        uint32_t durable_bytes = log_block_down(log_segment_durable_end(seg));
        row->recs_count = seg->recs_count;
        row->written_bytes =
            seg->written_bytes < durable_bytes ? seg->written_bytes : durable_bytes;
    }
    return true;
}

/* All of the row but where it ends. */
static void log_row_state(struct log *log)
{
    struct log_row *row = &log->row;
    row->group = log->group;
    row->topic = log->topic;
    row->partition = log->partition;
    row->state = LOG_ROW_LIVE;
    row->flags = log->is_amnesiac ? LOG_ROW_AMNESIAC : 0;
    row->hard = log->durable_hard;
    row->start = log->durable_start;
    if (log->membership_index <= log->durable_index) {
        row->membership_index = log->membership_index;
    } else if (log->membership_before != 0 && log->membership_before <= log->durable_index) {
        row->membership_index = log->membership_before;
    }
    row->quarantine_index = 0;
    row->quarantine_count = 0;
    list_for_each (node, &log->ranges) {
        const struct log_range *range = CONTAINER_OF(node, struct log_range, in_log);
        row->quarantine_index =
            row->quarantine_count == 0 ? range->first_index : row->quarantine_index;
        row->quarantine_count++;
    }
}

/* The segment the row is to name: the first that is not finished, as far as it has begun. NULL:
 * none yet, or the one it names was cut off. */
static struct log_segment *log_row_segment(struct log *log)
{
    struct log_row *row = &log->row;
    struct log_segment *seg = log_segment_of(log, row->segment_index, row->segment_generation);
    if (seg == NULL) {
        list_for_each (node, &log->segments.list) {
            struct log_segment *other = CONTAINER_OF(node, struct log_segment, in_log);
            if (other->start.index == row->end.index + 1 && log_segment_is_begun(other)) {
                seg = other;
                log_row_name(log, seg);
                break;
            }
        }
    }
    while (seg != NULL && seg->is_finished) {
        struct list_node *node = list_next(&log->segments.list, &seg->in_log);
        struct log_segment *next =
            node != NULL ? CONTAINER_OF(node, struct log_segment, in_log) : NULL;
        if (next == NULL || !log_segment_is_begun(next)) {
            break;
        }
        seg = next;
        log_row_name(log, seg);
    }
    return seg;
}

/* Which records the row holds, and the lowest journal file that has others. */
static void log_row_seq(struct log *log, const struct log_segment *seg)
{
    struct log_row *row = &log->row;
    uint64_t file_before = log->file_lowest;
    const struct log_slot *first = log_row_first(log);
    const struct list_node *node =
        seg != NULL ? list_next(&log->segments.list, &seg->in_log) : NULL;
    bool has_next =
        node != NULL && log_segment_is_begun(CONTAINER_OF(node, struct log_segment, in_log));
    uint64_t seq = row->seq;
    /* A gap has no record: the journal that explains it stays needed. */
    bool is_gap = first != NULL && first->is_durable && first->file_number == UINT64_MAX;
    if (first != NULL && first->is_durable && first->seg == seg) {
        seq = first->seq - 1;
        log->file_lowest = is_gap ? log->file_lowest : first->file_number;
    } else if ((first == NULL || !first->is_durable) && !has_next) {
        seq = log->durable_seq;
        log->file_lowest = UINT64_MAX;
    } else {
        const struct log_slot *last = log_tail_find(log, row->end.index);
        if (last != NULL && last->is_durable && last->seq > row->seq) {
            seq = last->seq;
            log->file_lowest = is_gap ? log->file_lowest : last->file_number;
        }
    }
    row->seq = seq > row->seq ? seq : row->seq;
    if (row->seq < log->mixed_seq && file_before < log->file_lowest) {
        log->file_lowest = file_before; /* files of several lanes: no order tells which it needs */
    }
}

bool log_row_collect(struct log_round *round, struct log *log)
{
    struct log_rows *rows = &round->rows;
    if (rows->rows_count == round->rows_max) {
        struct budget *budget = &round->ls->budget;
        uint32_t rows_max = round->rows_max == 0 ? 64 : round->rows_max * 2;
        void *made = NULL;
        if (budget_alloc(budget, rows_max * sizeof(*rows->rows), sizeof(uint64_t), &made) !=
            ERR_OK) {
            return false;
        }
        if (rows->rows_count > 0) {
            memcpy(made, rows->rows, rows->rows_count * sizeof(*rows->rows));
        }
        budget_free(budget, rows->rows);
        rows->rows = made;
        round->rows_max = rows_max;
    }
    if (!log_row_update(log)) {
        return false;
    }
    rows->rows[rows->rows_count++] = log->row;
    log->row_round = round->number;
    log->table_segment = log->row.segment_index;
    log->is_row_old = false;
    return true;
}

void log_row_synced(struct log *log)
{
    struct log_lane *lane = &log->ls->lane;
    struct log_slot *slot = log_tail_first(log);
    if (log->row.state == LOG_ROW_DELETED) {
        for (; slot != NULL; slot = log_tail_next(log, slot)) {
            lane->unsettled_bytes -= slot->unsettled_bytes;
            slot->unsettled_bytes = 0;
        }
        if (!log->wants_clean) {
            log_clean_want(log);
        }
        return;
    }
    if (slot != NULL && slot->rec.index <= log->table_index) {
        slot = log_tail_find(log, log->table_index + 1);
    }
    for (; slot != NULL && slot->rec.last_index <= log->row.end.index;
         slot = log_tail_next(log, slot)) {
        slot->is_settled = true;
        lane->unsettled_bytes -= slot->unsettled_bytes;
        slot->unsettled_bytes = 0;
    }
    log->table_index = log->row.end.index;
    if (log->cuts_pending > 0) {
        return; /* cut meanwhile, and so was the row's end: what is left below it is settled */
    }
    if (!log_job_is_due(log)) { /* what is left waits for more: no round can do anything for it */
        for (; slot != NULL && slot->is_durable; slot = log_tail_next(log, slot)) {
            lane->unsettled_bytes -= slot->unsettled_bytes;
            slot->unsettled_bytes = 0;
        }
    }
    log_tail_trim(log);
    if (!log->wants_clean && log_clean_is_due(log)) {
        log_clean_want(log);
    }
}

/* --- Remnants --- */

bool log_remnant_is_needed(const struct log *log, uint64_t file_target)
{
    const struct log_slot *first = log_row_first(log);
    return log->is_available && !log->is_deleted && log->row.end.index <= log->end.index &&
           first != NULL && first->is_durable && log_row_file(log, first) <= file_target;
}

/* From the first entry that is not settled to the last that is in a frame, if they are few. */
static bool log_remnant_extent(const struct log *log, uint64_t *first_index, uint64_t *last_index,
                               uint32_t *end)
{
    const struct log_segment *seg = log_segment_active(log);
    const struct log_slot *slot = log_row_first(log);
    uint64_t bytes = 0;
    if (slot == NULL || seg == NULL || seg->is_rest_lost) {
        return false;
    }
    *first_index = slot->rec.index;
    *last_index = 0;
    *end = seg->written_bytes;
    for (; slot != NULL && (slot->is_durable || slot->seq > 0); slot = log_tail_next(log, slot)) {
        uint32_t slot_end = slot->rec.pos + slot->rec.length;
        bytes += LOG_SIDECAR_BYTES;
        *end = slot_end > *end ? slot_end : *end;
        *last_index = slot->rec.last_index;
        if (slot->seg != seg || bytes + *end - seg->written_bytes > LOG_SETTLE_REMNANT_BYTES) {
            return false;
        }
    }
    return *last_index != 0;
}

bool log_remnant_is_possible(const struct log *log)
{
    const struct log_segment *seg = log_segment_active(log);
    uint64_t first_index = 0;
    uint64_t last_index = 0;
    uint32_t end = 0;
    return seg != NULL && log->row.segment_index == seg->start.index &&
           log->row.segment_generation == seg->generation && log_segment_is_begun(seg) &&
           log->direct_count == 0 && log_remnant_extent(log, &first_index, &last_index, &end);
}

uint32_t log_remnant_end(const struct log *log)
{
    uint64_t first_index = 0;
    uint64_t last_index = 0;
    uint32_t end = 0;
    bool is_possible = log_remnant_extent(log, &first_index, &last_index, &end);
    ASSERT(is_possible);
    return end;
}

bool log_remnant_submit(struct log_remnant *remnant, struct log *log, const uint8_t *bytes)
{
    struct log_shard *ls = log->ls;
    const struct log_segment *seg = log_segment_active(log);
    const struct crc32c *kernels = ls->store->kernels;
    uint32_t seed = log_sidecar_seed(kernels, log->group, seg->generation);
    uint32_t end = 0;
    bool is_possible = log_remnant_extent(log, &remnant->first_index, &remnant->last_index, &end);
    ASSERT(is_possible);
    remnant->rest_bytes = end - seg->written_bytes;
    struct buf *buf = NULL;
    if (buf_new(&ls->bufs, &ls->budget, LOG_SETTLE_REMNANT_BYTES, &buf) != ERR_OK) {
        return false;
    }
    void *made = NULL;
    if (remnant->rest_bytes > 0 &&
        budget_alloc(&ls->budget, remnant->rest_bytes, sizeof(uint64_t), &made) != ERR_OK) {
        buf_unref(buf);
        return false;
    }
    remnant->rest = made;
    struct log_record record = {.kind = LOG_RECORD_TAIL};
    for (const struct log_slot *slot = log_tail_find(log, remnant->first_index);
         slot != NULL && slot->rec.index <= remnant->last_index; slot = log_tail_next(log, slot)) {
        log_sidecar_encode(&slot->rec, kernels, seed, buf_append(buf, LOG_SIDECAR_BYTES));
        record.tail.recs_count++;
    }
    if (made != NULL) {
        memcpy(made, bytes, remnant->rest_bytes);
        memcpy(buf_append(buf, remnant->rest_bytes), bytes, remnant->rest_bytes);
    }
    buf_seal(buf, buf->length);
    record.tail.segment_index = seg->start.index;
    record.tail.generation = seg->generation;
    record.tail.first_index = remnant->first_index;
    record.tail.recs_before = seg->recs_count;
    record.tail.written_bytes = seg->written_bytes;
    record.tail.rest_bytes = remnant->rest_bytes;
    remnant->log = log;
    remnant->cut_epoch = log->cut_epoch;
    remnant->op = (struct log_op){.done = log_remnant_done, .index = remnant->last_index};
    log_submit(log, &remnant->op, &record, buf_slice(buf, 0, buf->length));
    buf_unref(buf);
    /* It speaks for what is in frames: what waits for one follows it. */
    list_remove(&remnant->op.in_queue);
    list_push_front(&ls->lane.pending, &remnant->op.in_queue);
    return true;
}

/* It is durable: its entries stand in it now, their bytes in segment and rest. Otherwise a cut came
 * between, and what it left is for another round. */
static void log_remnant_done(struct log_op *op)
{
    struct log_remnant *remnant = CONTAINER_OF(op, struct log_remnant, op);
    struct log *log = remnant->log;
    struct budget *budget = &log->ls->budget;
    if (op->err == ERR_OK && log->cut_epoch == remnant->cut_epoch) {
        struct log_slot *slot = log_tail_find(log, remnant->first_index);
        struct log_segment *seg = slot->seg;
        for (; slot != NULL && slot->rec.index <= remnant->last_index;
             slot = log_tail_next(log, slot)) {
            slot->seq = op->record.seq;
            slot->file_number = op->file_number;
            slot->where = LOG_SLOT_SEGMENT;
        }
        budget_free(budget, seg->rest);
        seg->rest = remnant->rest;
        seg->rest_bytes = remnant->rest_bytes;
    } else {
        budget_free(budget, remnant->rest);
        remnant->round->is_unsatisfied = true;
    }
    remnant->rest = NULL;
    log_round_remnant_done(remnant);
}
