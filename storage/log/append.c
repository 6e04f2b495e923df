/* Appending: an entry gets its index, its chain and its slot at once, and waits for the lane's next
 * frame. See log.h.
 *
 * All that can fail is done before anything of the log changes; a roll that was made on the way
 * stays, an empty segment harms nobody. */
#include "base/assert.h"
#include "storage/log/shard.h"

static enum err log_append_check(const struct log *log, struct buf_slice slice,
                                 struct log_batch *batch);
static enum err log_append_segment(struct log *log, uint32_t length);
static enum err log_append_slot(struct log *log, const struct log_batch *batch, uint32_t header_crc,
                                struct log_slot **out);
static void log_rolled(struct log_op *op);

enum err log_append(struct log *log, struct log_op *op, struct buf_slice slice)
{
    struct log_batch batch;
    enum err err = log_append_check(log, slice, &batch);
    return err == ERR_OK ? log_append_checked(log, op, slice, &batch) : err;
}

enum err log_append_checked(struct log *log, struct log_op *op, struct buf_slice slice,
                            const struct log_batch *batch)
{
    struct log_shard *ls = log->ls;
    enum err err = log_append_segment(log, slice.length);
    if (err != ERR_OK) {
        return err;
    }
    uint32_t header_crc = log_batch_header_crc(ls->store->kernels, buf_slice_data(slice));
    struct log_slot *slot = NULL;
    err = log_append_slot(log, batch, header_crc, &slot);
    if (err != ERR_OK) {
        return err;
    }
    slot->op = op;
    slot->rec_number = slot->seg->recs_total++;
    log_slot_heat(slot, slice);
    struct log_segment *seg = slot->seg;
    seg->last_index = slot->rec.index;
    seg->next_offset = log_sidecar_next_offset(&slot->rec);
    seg->max_timestamp = slot->rec.max_timestamp;
    seg->end_pos += slice.length;
    log->end = (struct log_point){
        .index = slot->rec.index,
        .offset = seg->next_offset,
        .term = slot->rec.term,
        .chain = slot->rec.chain,
    };
    log->max_timestamp = slot->rec.max_timestamp;
    if (batch->kind == LOG_KIND_MEMBERSHIP) {
        log->membership_before = log->membership_index;
        log->membership_index = slot->rec.index;
    }
    op->err = ERR_OK;
    op->index = slot->rec.index;
    op->log = log;
    op->slot = slot;
    op->data = (struct buf_slice){0};
    op->record = (struct log_record){.kind = LOG_RECORD_ENTRY, .group = log->group};
    log->pending_bytes += log_slot_cost(slot);
    log_lane_submit(&ls->lane, op);
    return ERR_OK;
}

/* Whether `slice` may be the next entry. */
static enum err log_append_check(const struct log *log, struct buf_slice slice,
                                 struct log_batch *batch)
{
    enum err err = log_writable(log);
    if (err != ERR_OK) {
        return err;
    }
    if (log->is_cutting) {
        return ERR_AGAIN;
    }
    if (log_batch_decode(buf_slice_data(slice), slice.length, batch) != ERR_OK ||
        batch->length_bytes != slice.length || batch->base_offset != log->end.offset ||
        batch->term > LIMIT_TERM || batch->term < log->end.term ||
        log->end.index >= LOG_NUMBER_MAX) {
        return ERR_INVALID;
    }
    bool is_producers = batch->kind == LOG_KIND_DATA && !log->may_use_reserve;
    if (is_producers && atomic_load(&log->ls->store->is_full)) {
        return ERR_DISK_FULL;
    }
    return ERR_OK;
}

/* A segment with room for `length` more bytes at the end of `log`. */
static enum err log_append_segment(struct log *log, uint32_t length)
{
    const struct log_segment *seg = log_segment_active(log);
    bool is_new = seg == NULL || seg->is_sealed;
    if (!is_new && seg->end_pos + (uint64_t)length <= log->segment_bytes_max) {
        return ERR_OK;
    }
    if (!is_new && seg->end_pos == 0) {
        return ERR_OK; /* one batch is larger than a segment is meant to be */
    }
    void *made = NULL;
    enum err err = pool_acquire(&log->ls->ops, &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_op *roll = made;
    roll->is_pooled = true;
    roll->done = log_rolled;
    struct log_point start = log->end;
    start.index++;
    struct log_segment *pushed = NULL;
    err = log_segment_push(log, &start, log->generation, &pushed);
    if (err != ERR_OK) {
        pool_release(&log->ls->ops, roll);
        return err;
    }
    struct log_record record = {.kind = LOG_RECORD_ROLL};
    record.segment.segment_index = pushed->start.index;
    record.segment.generation = pushed->generation;
    log_submit(log, roll, &record, (struct buf_slice){0});
    return ERR_OK;
}

static void log_rolled(struct log_op *op)
{
    (void)op; /* a failure fences the lane, which tells everybody who waits */
}

/* The slot of the next entry, filled in. */
static enum err log_append_slot(struct log *log, const struct log_batch *batch, uint32_t header_crc,
                                struct log_slot **out)
{
    struct log_slot *slot = NULL;
    enum err err = log_tail_push(log, &slot);
    if (err != ERR_OK) {
        return err;
    }
    uint64_t index = log->end.index + 1;
    slot->seg = log_segment_active(log);
    struct hash128 chain = log_chain(log->end.chain, index, batch->term, batch, header_crc);
    log_sidecar_fill(&slot->rec, index, slot->seg->end_pos, batch, header_crc, chain,
                     log->max_timestamp);
    err = log_terms_add(log, index, batch->base_offset, batch->term);
    if (err != ERR_OK) {
        log_tail_pop_last(log);
        return err;
    }
    *out = slot;
    return ERR_OK;
}

void log_roll(struct log *log, struct log_op *op)
{
    op->log = log;
    enum err err = log_writable(log);
    const struct log_segment *seg = log_segment_active(log);
    if (err != ERR_OK || seg == NULL || seg->is_sealed || seg->last_index < seg->start.index) {
        log_end(log->ls, op, err);
        return;
    }
    struct log_point start = log->end;
    start.index++;
    struct log_segment *pushed = NULL;
    err = log_segment_push(log, &start, log->generation, &pushed);
    if (err != ERR_OK) {
        log_end(log->ls, op, err);
        return;
    }
    struct log_record record = {.kind = LOG_RECORD_ROLL};
    record.segment.segment_index = pushed->start.index;
    record.segment.generation = pushed->generation;
    log_submit(log, op, &record, (struct buf_slice){0});
}
