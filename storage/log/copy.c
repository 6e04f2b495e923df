/* Copying a segment. See copy.h.
 *
 * Records are read a window at a time: 96 KiB hold 1,024 of them, so none crosses two windows. The
 * next index tells what is missing between the records that can be read; a missing entry is told by
 * its index alone. Batches are read a run at a time, each is verified before it is told. An error
 * of the device is met block by block, so that one bad sector takes no more with it than it holds.
 *
 * A gap is written when the entry behind it is known: that one's offset is where the gap ends. */
#include "storage/log/copy.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/batch.h"
#include "storage/log/shard.h"

/* Records in a window, with the header counted, and the blocks they take. */
#define LOG_COPY_WINDOW_RECS  1024u
#define LOG_COPY_WINDOW_BYTES (LOG_COPY_WINDOW_RECS * LOG_SIDECAR_BYTES)

/* Read, and written, at a time, unless a batch is larger. */
#define LOG_COPY_RUN_BYTES   (256u << 10)
#define LOG_COPY_CHUNK_BYTES (256u << 10)
#define LOG_COPY_IDX_BYTES   (64u << 10)

static_assert(LOG_COPY_WINDOW_BYTES % LIMIT_BLOCK_BYTES == 0, "windows are whole blocks");

static bool log_copy_writes(struct log_copy *c, struct rt_op *op);
static enum err log_copy_next(struct log_copy *c, struct rt_op *op);
static enum err log_copy_record(struct log_copy *c, struct rt_op *op, struct log_sidecar *out);
static void log_copy_lose(struct log_copy *c, uint64_t last_index, const struct log_point *end);
static bool log_copy_lose_gap(struct log_copy *c, const struct log_sidecar *rec);
static enum err log_copy_batch(struct log_copy *c, struct rt_op *op);
static bool log_copy_is_sound(const struct log_copy *c, const struct log_sidecar *rec,
                              const uint8_t *data);
static enum err log_copy_decide(struct log_copy *c);
static void log_copy_keep_gap(struct log_copy *c);
static enum err log_copy_restore(struct log_copy *c);
static enum err log_copy_rewrite(struct log_copy *c);
static enum err log_copy_put(struct log_copy *c, const struct log_sidecar *rec,
                             const uint8_t *bytes);
static void log_copy_gone(struct log_copy *c);
static void log_copy_gap_close(struct log_copy *c, uint64_t next_offset);
static enum err log_copy_end(struct log_copy *c);

enum err log_copy_init(struct log_copy *c)
{
    struct budget *budget = &c->log->ls->budget;
    void *memory = NULL, *bytes = NULL;
    enum err err =
        budget_alloc(budget, LOG_COPY_WINDOW_BYTES + LOG_COPY_CHUNK_BYTES + LOG_COPY_IDX_BYTES,
                     LIMIT_BLOCK_BYTES, &memory);
    if (err == ERR_OK) {
        err = budget_alloc(budget, LOG_COPY_RUN_BYTES, LIMIT_BLOCK_BYTES, &bytes);
    }
    if (err != ERR_OK) {
        budget_free(budget, memory);
        return err;
    }
    c->memory = memory;
    c->window = c->memory;
    c->chunk = c->window + LOG_COPY_WINDOW_BYTES;
    c->bytes = bytes;
    c->bytes_max = LOG_COPY_RUN_BYTES;
    c->window_first = UINT64_MAX;
    c->next_index = c->seg->start.index;
    c->at = c->seg->start;
    c->at.index--;
    c->is_chain_known = true;
    ASSERT(c->seg->recs_count == 0);
    log_gather_idx_begin(&c->idx, c->log, c->seg, c->chunk + LOG_COPY_CHUNK_BYTES,
                         LOG_COPY_IDX_BYTES);
    return ERR_OK;
}

void log_copy_deinit(struct log_copy *c)
{
    if (c->memory == NULL) {
        return;
    }
    budget_free(&c->log->ls->budget, c->bytes);
    budget_free(&c->log->ls->budget, c->memory);
    c->memory = NULL;
    c->bytes = NULL;
}

enum err log_copy_run(struct log_copy *c, struct rt_op *op)
{
    enum err err = ERR_OK;
    ASSERT(c->asked == LOG_COPY_NOTHING);
    while (err == ERR_OK) {
        if (c->left_bytes > 0) {
            uint32_t room = LOG_COPY_CHUNK_BYTES - c->chunk_bytes;
            uint32_t bytes = c->left_bytes < room ? c->left_bytes : room;
            memcpy(c->chunk + c->chunk_bytes, c->left, bytes);
            c->chunk_bytes += bytes;
            c->left += bytes;
            c->left_bytes -= bytes;
        }
        if (log_copy_writes(c, op)) {
            return ERR_AGAIN;
        }
        if (c->left_bytes > 0) {
            continue;
        }
        if (c->is_ended) {
            return ERR_OK;
        }
        err = log_copy_next(c, op);
    }
    return err;
}

/* Write what is full; at the end all. False: there is nothing to. */
static bool log_copy_writes(struct log_copy *c, struct rt_op *op)
{
    struct log_gather_idx *idx = &c->idx;
    bool is_last = c->is_ended && c->left_bytes == 0;
    uint32_t chunk_bytes = is_last ? log_block_up(c->chunk_bytes) : log_block_down(c->chunk_bytes);
    if (chunk_bytes > 0 && (is_last || c->chunk_bytes == LOG_COPY_CHUNK_BYTES)) {
        memset(c->chunk + c->chunk_bytes, 0, chunk_bytes - c->chunk_bytes);
        c->asked = LOG_COPY_LOG;
        rt_file_write(&c->new_log->file, op, c->chunk, chunk_bytes, c->chunk_pos);
        return true;
    }
    if (is_last) {
        log_gather_idx_pad(idx);
    }
    /* A step puts two records at most. */
    bool is_full = idx->data_bytes - idx->fill_bytes < 2 * LOG_SIDECAR_BYTES;
    if (idx->fill_bytes > 0 && (is_last || is_full)) {
        c->idx_bytes = log_block_down(idx->fill_bytes);
        c->asked = LOG_COPY_IDX;
        rt_file_write(&c->new_idx->file, op, idx->data, c->idx_bytes, idx->pos);
        return true;
    }
    return false;
}

enum err log_copy_answer(struct log_copy *c, const struct rt_op *op)
{
    enum log_copy_asked asked = c->asked;
    bool is_bad = op->err == ERR_IO;
    c->asked = LOG_COPY_NOTHING;
    if (op->err != ERR_OK && (!is_bad || asked == LOG_COPY_LOG || asked == LOG_COPY_IDX)) {
        return op->err;
    }
    switch (asked) {
    case LOG_COPY_LOG:
        c->chunk_pos += c->is_ended ? log_block_up(c->chunk_bytes) : c->chunk_bytes;
        c->chunk_bytes = 0;
        break;
    case LOG_COPY_IDX: log_gather_idx_written(&c->idx, c->idx_bytes); break;
    case LOG_COPY_WINDOW:
        if (c->window_block == UINT32_MAX) {
            c->window_block = is_bad ? 0 : UINT32_MAX;
            c->has_window = !is_bad;
        } else {
            if (is_bad) { /* unreadable records count as records that do not verify */
                memset(c->window + (size_t)c->window_block * LIMIT_BLOCK_BYTES, 0xff,
                       LIMIT_BLOCK_BYTES);
            }
            c->window_block++;
            c->has_window = c->window_block == LOG_COPY_WINDOW_BYTES / LIMIT_BLOCK_BYTES;
        }
        break;
    case LOG_COPY_BYTES:
        c->bytes_valid = is_bad ? 0 : (uint32_t)op->result;
        c->has_read = !is_bad;
        c->is_unreadable = is_bad && c->is_narrow;
        c->is_narrow = is_bad;
        break;
    case LOG_COPY_NOTHING: UNREACHABLE();
    }
    return ERR_OK;
}

/* --- What there is --- */

/* Take the next entry. ERR_AGAIN: something must be read for it. */
static enum err log_copy_next(struct log_copy *c, struct rt_op *op)
{
    struct log_copy_item *item = &c->item;
    enum err err = ERR_OK;
    if (c->has_rec) {
        err = log_copy_batch(c, op);
        return err == ERR_OK ? log_copy_decide(c) : err;
    }
    if (c->next_index > c->seg->last_index) {
        return log_copy_end(c);
    }
    if (c->lost_last >= c->next_index) {
        *item =
            (struct log_copy_item){.rec = {.index = c->next_index, .last_index = c->next_index}};
        return log_copy_decide(c);
    }
    struct log_sidecar rec;
    err = log_copy_record(c, op, &rec);
    if (err != ERR_OK && err != ERR_END) {
        return err;
    }
    if (err == ERR_END) {
        log_copy_lose(c, c->seg->last_index, NULL);
        return ERR_OK;
    }
    if (rec.index > c->next_index) {
        c->slot--; /* it is read again behind what is missing */
        log_copy_lose(c, rec.index - 1, NULL);
        return ERR_OK;
    }
    if (log_copy_lose_gap(c, &rec)) {
        return ERR_OK;
    }
    *item = (struct log_copy_item){.rec = rec, .is_known = true};
    item->rec.index = c->next_index; /* of a gap some may have been taken */
    if (item->rec.last_index > c->seg->last_index) {
        item->rec.last_index = c->seg->last_index;
    }
    c->has_rec = true;
    c->has_read = false;
    c->is_narrow = false;
    c->is_unreadable = false;
    return ERR_OK;
}

/* The next record of an entry that is still to come. ERR_END: there is none. */
static enum err log_copy_record(struct log_copy *c, struct rt_op *op, struct log_sidecar *out)
{
    const struct crc32c *kernels = c->log->ls->store->kernels;
    uint32_t seed = log_sidecar_seed(kernels, c->log->group, c->generation_old);
    uint64_t slots = c->seg->last_index - c->seg->start.index + 1;
    while (c->old_idx != NULL && c->slot < slots) {
        uint64_t number = c->slot + 1;
        uint64_t first = number / LOG_COPY_WINDOW_RECS * LOG_COPY_WINDOW_RECS;
        if (c->window_first != first) {
            c->has_window = false;
            c->window_first = first;
            c->window_block = UINT32_MAX;
            memset(c->window, 0, LOG_COPY_WINDOW_BYTES);
        }
        if (!c->has_window) {
            bool is_all = c->window_block == UINT32_MAX;
            uint32_t at = is_all ? 0 : c->window_block * LIMIT_BLOCK_BYTES;
            c->asked = LOG_COPY_WINDOW;
            rt_file_read(&c->old_idx->file, op, c->window + at,
                         is_all ? LOG_COPY_WINDOW_BYTES : LIMIT_BLOCK_BYTES,
                         first * LOG_SIDECAR_BYTES + at);
            return ERR_AGAIN;
        }
        const uint8_t *data = c->window + (size_t)(number - first) * LOG_SIDECAR_BYTES;
        c->slot++;
        enum err err = log_sidecar_decode(data, LOG_SIDECAR_BYTES, kernels, seed, out);
        if (err == ERR_OK && out->index > c->seg->last_index) {
            return ERR_END; /* a cut has made it void */
        }
        if (err == ERR_OK && out->last_index >= c->next_index) {
            return ERR_OK;
        }
    }
    return ERR_END;
}

/* Entries up to `last_index` have no record. `end`: what is known of the last. */
static void log_copy_lose(struct log_copy *c, uint64_t last_index, const struct log_point *end)
{
    ASSERT(last_index >= c->next_index);
    c->lost_last = last_index;
    c->has_lost_end = end != NULL;
    c->lost_end = end != NULL ? *end : (struct log_point){0};
}

/* A gap that is quarantined stands for entries that are lost, each of which may come back. */
static bool log_copy_lose_gap(struct log_copy *c, const struct log_sidecar *rec)
{
    const uint8_t both = LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED;
    if ((rec->flags & both) != both) {
        return false;
    }
    struct log_point end = {
        .index = rec->last_index,
        .offset = log_sidecar_next_offset(rec),
        .term = rec->term,
        .chain = rec->chain,
    };
    bool is_whole = rec->last_index <= c->seg->last_index;
    log_copy_lose(c, is_whole ? rec->last_index : c->seg->last_index, is_whole ? &end : NULL);
    return true;
}

/* Have the batch of the record in hand in memory, and verify it. */
static enum err log_copy_batch(struct log_copy *c, struct rt_op *op)
{
    struct log_copy_item *item = &c->item;
    const struct log_sidecar *rec = &item->rec;
    if ((rec->flags & LOG_SIDECAR_GAP) != 0) {
        item->is_sound = true;
        return ERR_OK;
    }
    bool is_possible = c->old_log != NULL && rec->length >= LOG_BATCH_HEADER_BYTES &&
                       rec->length <= LIMIT_BATCH_BYTES && !c->is_unreadable;
    if (!is_possible) {
        return ERR_OK;
    }
    uint64_t end = (uint64_t)rec->pos + rec->length;
    bool is_there = rec->pos >= c->bytes_pos && end <= c->bytes_pos + c->bytes_valid;
    if (is_there) {
        const uint8_t *data = c->bytes + (rec->pos - c->bytes_pos);
        item->is_sound = log_copy_is_sound(c, rec, data);
        item->batch = item->is_sound ? data : NULL;
        return ERR_OK;
    }
    if (c->has_read) {
        return ERR_OK; /* the file ends before it */
    }
    uint64_t pos = log_block_down(rec->pos);
    uint64_t need = end - pos + LIMIT_BLOCK_BYTES - 1;
    need = need / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    if (need > c->bytes_max) {
        void *made = NULL;
        enum err err = budget_alloc(&c->log->ls->budget, need, LIMIT_BLOCK_BYTES, &made);
        if (err != ERR_OK) {
            return err;
        }
        budget_free(&c->log->ls->budget, c->bytes);
        c->bytes = made;
        c->bytes_max = (uint32_t)need;
    }
    c->bytes_pos = pos;
    c->bytes_valid = 0;
    c->asked = LOG_COPY_BYTES;
    rt_file_read(&c->old_log->file, op, c->bytes, c->is_narrow ? need : c->bytes_max, pos);
    return ERR_AGAIN;
}

static bool log_copy_is_sound(const struct log_copy *c, const struct log_sidecar *rec,
                              const uint8_t *data)
{
    const struct crc32c *kernels = c->log->ls->store->kernels;
    bool is_rewritten = (rec->flags & LOG_SIDECAR_REWRITTEN) != 0;
    struct log_batch batch;
    if (log_batch_decode(data, rec->length, &batch) != ERR_OK ||
        batch.length_bytes != rec->length || batch.base_offset != rec->base_offset ||
        batch.term != rec->term) {
        return false;
    }
    bool is_its = is_rewritten ? batch.crc == rec->rewritten_crc
                               : batch.crc == rec->crc &&
                                     log_batch_header_crc(kernels, data) == rec->header_crc;
    return is_its && log_batch_is_sound(kernels, data, rec->length);
}

/* --- What comes of it --- */

static enum err log_copy_decide(struct log_copy *c)
{
    struct log_copy_item *item = &c->item;
    enum err err = c->choose(c->ctx, item);
    c->has_rec = false;
    c->counts.lost_count += item->is_sound ? 0 : item->rec.last_index - item->rec.index + 1;
    if (err != ERR_OK) {
        return err;
    }
    bool is_gap = item->is_known && (item->rec.flags & LOG_SIDECAR_GAP) != 0;
    if (item->verdict == LOG_COPY_KEEP && !item->is_sound) {
        return ERR_CORRUPT;
    }
    if (item->verdict == LOG_COPY_GAP) {
        log_copy_gone(c);
        return ERR_OK;
    }
    if (is_gap && item->verdict == LOG_COPY_KEEP) {
        log_copy_keep_gap(c);
        return ERR_OK;
    }
    if (is_gap) {
        return ERR_INVALID; /* what was given up does not come back */
    }
    switch (item->verdict) {
    case LOG_COPY_RESTORE: return log_copy_restore(c);
    case LOG_COPY_REWRITE: return log_copy_rewrite(c);
    case LOG_COPY_KEEP:
    case LOG_COPY_GAP: break;
    }
    return log_copy_put(c, &item->rec, item->batch);
}

/* A gap stays what it is: one that is not of this copy is never joined to another. */
static void log_copy_keep_gap(struct log_copy *c)
{
    struct log_sidecar rec = c->item.rec;
    log_copy_gap_close(c, rec.base_offset);
    bool is_derived =
        hash128_is_equal(rec.chain, log_chain_gap(c->at.chain, rec.index, rec.last_index));
    rec.pos = c->end_pos;
    rec.max_timestamp = rec.max_timestamp > c->max_timestamp ? rec.max_timestamp : c->max_timestamp;
    log_gather_idx_put(&c->idx, &rec);
    c->at = (struct log_point){
        .index = rec.last_index,
        .offset = log_sidecar_next_offset(&rec),
        .term = rec.term,
        .chain = rec.chain,
    };
    c->max_timestamp = rec.max_timestamp;
    c->is_chain_told = false;
    c->is_chain_known = !is_derived;
    c->next_index = rec.last_index + 1;
    c->counts.gone_count += rec.last_index - rec.index + 1;
}

/* The batch as it was first appended: by the record, or where that is lost by what is around it. */
static enum err log_copy_restore(struct log_copy *c)
{
    const struct crc32c *kernels = c->log->ls->store->kernels;
    const struct log_copy_item *item = &c->item;
    struct log_batch batch;
    if (log_batch_decode(item->bytes, item->bytes_length, &batch) != ERR_OK ||
        batch.length_bytes != item->bytes_length || batch.term > LIMIT_TERM ||
        !log_batch_is_sound(kernels, item->bytes, item->bytes_length)) {
        return ERR_CORRUPT;
    }
    uint32_t header_crc = log_batch_header_crc(kernels, item->bytes);
    struct log_sidecar rec = item->rec;
    if (item->is_known) {
        if (rec.crc != batch.crc || rec.header_crc != header_crc ||
            rec.base_offset != batch.base_offset || rec.term != batch.term) {
            return ERR_CORRUPT;
        }
        rec.length = batch.length_bytes;
        rec.flags = 0;
        rec.rewritten_crc = 0;
        return log_copy_put(c, &rec, item->bytes);
    }
    bool is_offset_known = !c->gap.is_open || c->gap.has_chain;
    uint64_t offset = c->gap.is_open ? c->gap.next_offset : c->at.offset;
    if (batch.term < c->at.term || batch.base_offset < offset ||
        (is_offset_known && batch.base_offset != offset)) {
        return ERR_CORRUPT;
    }
    log_copy_gap_close(c, batch.base_offset);
    if (!c->is_chain_known) {
        return ERR_CORRUPT; /* behind a gap of unknown chain nothing says what it was */
    }
    struct hash128 chain = log_chain(c->at.chain, rec.index, batch.term, &batch, header_crc);
    log_sidecar_fill(&rec, rec.index, 0, &batch, header_crc, chain, c->max_timestamp);
    enum err err = log_copy_put(c, &rec, item->bytes);
    c->is_chain_told = true;
    return err;
}

/* Another batch for the same offsets. */
static enum err log_copy_rewrite(struct log_copy *c)
{
    const struct crc32c *kernels = c->log->ls->store->kernels;
    const struct log_copy_item *item = &c->item;
    struct log_sidecar rec = item->rec;
    struct log_batch batch;
    if (!item->is_known || log_batch_decode(item->bytes, item->bytes_length, &batch) != ERR_OK ||
        batch.length_bytes != item->bytes_length || batch.base_offset != rec.base_offset ||
        log_batch_next_offset(&batch) != log_sidecar_next_offset(&rec) || batch.term != rec.term ||
        batch.kind != rec.kind || !log_batch_is_sound(kernels, item->bytes, item->bytes_length)) {
        return ERR_INVALID;
    }
    rec.length = batch.length_bytes;
    rec.flags |= LOG_SIDECAR_REWRITTEN;
    rec.rewritten_crc = batch.crc;
    return log_copy_put(c, &rec, item->bytes);
}

/* `rec` and its batch come next. */
static enum err log_copy_put(struct log_copy *c, const struct log_sidecar *rec,
                             const uint8_t *bytes)
{
    struct log_sidecar out = *rec;
    log_copy_gap_close(c, rec->base_offset);
    if (c->is_chain_told && (rec->flags & LOG_SIDECAR_REWRITTEN) == 0 && c->item.is_known) {
        struct log_batch batch = {
            .base_offset = rec->base_offset,
            .length_bytes = rec->length,
            .crc = rec->crc,
            .kind = rec->kind,
            .last_offset_delta = rec->last_offset_delta,
            .records_count = rec->records_count,
        };
        if (!hash128_is_equal(
                log_chain(c->at.chain, rec->index, rec->term, &batch, rec->header_crc),
                rec->chain)) {
            return ERR_CORRUPT; /* what was restored before it is not what was lost */
        }
    }
    if ((uint64_t)c->end_pos + rec->length > UINT32_MAX - LIMIT_BLOCK_BYTES) {
        return ERR_TOO_LARGE;
    }
    out.pos = c->end_pos;
    out.flags = (uint8_t)(out.flags & ~LOG_SIDECAR_QUARANTINED);
    if (out.max_timestamp < c->max_timestamp) {
        out.max_timestamp = c->max_timestamp;
    }
    log_gather_idx_put(&c->idx, &out);
    c->at = (struct log_point){
        .index = out.last_index,
        .offset = log_sidecar_next_offset(&out),
        .term = out.term,
        .chain = out.chain,
    };
    c->max_timestamp = out.max_timestamp;
    c->is_chain_told = false;
    c->is_chain_known = true;
    c->next_index = out.last_index + 1;
    c->left = bytes;
    c->left_bytes = out.length;
    c->end_pos += out.length;
    c->counts.entries_count++;
    c->counts.bytes += out.length;
    return ERR_OK;
}

/* The item in hand goes into a gap. */
static void log_copy_gone(struct log_copy *c)
{
    const struct log_copy_item *item = &c->item;
    const struct log_sidecar *rec = &item->rec;
    struct log_copy_gap *gap = &c->gap;
    if (!gap->is_open) {
        *gap = (struct log_copy_gap){
            .is_open = true,
            .first_index = rec->index,
            .next_offset = c->at.offset,
            .term = c->at.term,
            .max_timestamp = c->max_timestamp,
        };
    }
    gap->last_index = rec->last_index;
    gap->has_chain = false;
    if (item->is_known) {
        uint64_t next_offset = log_sidecar_next_offset(rec);
        gap->has_chain = true;
        gap->chain = rec->chain;
        gap->term = rec->term > gap->term ? rec->term : gap->term;
        gap->next_offset = next_offset > gap->next_offset ? next_offset : gap->next_offset;
        gap->max_timestamp =
            rec->max_timestamp > gap->max_timestamp ? rec->max_timestamp : gap->max_timestamp;
        c->counts.gone_bytes += rec->length;
    } else if (c->has_lost_end && c->lost_end.index == rec->last_index) {
        const struct log_point *end = &c->lost_end;
        gap->term = end->term > gap->term ? end->term : gap->term;
        gap->next_offset = end->offset > gap->next_offset ? end->offset : gap->next_offset;
    }
    c->counts.gone_count += rec->last_index - rec->index + 1;
    c->next_index = rec->last_index + 1;
}

/* Write the gap before what begins at `next_offset`. */
static void log_copy_gap_close(struct log_copy *c, uint64_t next_offset)
{
    struct log_copy_gap *gap = &c->gap;
    if (!gap->is_open) {
        return;
    }
    gap->is_open = false;
    if (next_offset < c->at.offset) {
        next_offset = gap->next_offset;
    }
    struct hash128 chain =
        gap->has_chain ? gap->chain : log_chain_gap(c->at.chain, gap->first_index, gap->last_index);
    uint64_t span = next_offset - c->at.offset;
    if (span > (uint64_t)INT32_MAX + 1) {
        span = (uint64_t)INT32_MAX + 1; /* a record has no room for more; what follows says it */
    }
    struct log_sidecar rec = {
        .index = gap->first_index,
        .last_index = gap->last_index,
        .base_offset = c->at.offset,
        .term = gap->term,
        .last_offset_delta = (int32_t)((int64_t)span - 1),
        .pos = c->end_pos,
        .max_timestamp = gap->max_timestamp,
        .producer_id = -1,
        .producer_epoch = -1,
        .kind = LOG_KIND_DATA,
        .flags = LOG_SIDECAR_GAP,
        .base_sequence = -1,
        .chain = chain,
    };
    log_gather_idx_put(&c->idx, &rec);
    c->at = (struct log_point){
        .index = gap->last_index, .offset = next_offset, .term = gap->term, .chain = chain};
    c->max_timestamp = gap->max_timestamp;
    c->is_chain_told = false;
    c->is_chain_known = gap->has_chain;
}

/* Behind the last entry: what follows the segment says where it ends. */
static enum err log_copy_end(struct log_copy *c)
{
    struct log_copy_gap *gap = &c->gap;
    bool is_end_known = !hash128_is_equal(c->end.chain, (struct hash128){0});
    ASSERT(c->next_index == c->seg->last_index + 1);
    if (is_end_known && gap->is_open && !gap->has_chain) {
        gap->has_chain = true;
        gap->chain = c->end.chain;
        gap->term = c->end.term;
    }
    log_copy_gap_close(c, c->seg->next_offset);
    if (is_end_known && c->is_chain_told && !hash128_is_equal(c->at.chain, c->end.chain)) {
        return ERR_CORRUPT;
    }
    c->is_ended = true;
    return ERR_OK;
}
