/* A segment's bytes and records, in order. See gather.h.
 *
 * Bytes come from the rest, from slots in memory, or from journal files, in this order of belief: a
 * slot's bytes are the same wherever they are, and what is in memory costs no read. A block of the
 * .idx may end within a record, whose other part then begins the next block; so a run of blocks
 * begins with the part of a record that the blocks before have not. */
#include "storage/log/gather.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/shard.h"

/* The next bytes that stand together. */
struct log_piece {
    const uint8_t *data; /* in memory; NULL: not there */
    uint32_t bytes;      /* of them */
    bool is_file;        /* they are in a file; neither there nor in memory: a hole */
    uint32_t slot;       /* the journal file, or LOG_GATHER_SEGMENT */
    uint64_t pos;        /* in it */
};

static struct log_slot *log_gather_find(const struct log *log, const struct log_segment *seg,
                                        uint32_t pos);
static struct log_piece log_gather_piece(struct log_gather *g);
static void log_gather_put(struct log_gather_idx *idx, uint64_t pos, const uint8_t *data);

void log_gather_begin(struct log_gather *g, const struct log *log, const struct log_segment *seg,
                      const struct log_rest *rest, uint32_t pos, uint32_t end)
{
    ASSERT(pos <= end);
    *g = (struct log_gather){.log = log, .seg = seg, .pos = pos, .end = end};
    if (rest != NULL) {
        g->rest = *rest;
    }
}

/* The first slot of `seg` that ends behind `pos`, by binary search: positions grow along the log.
 */
static struct log_slot *log_gather_find(const struct log *log, const struct log_segment *seg,
                                        uint32_t pos)
{
    struct log_slot *found = log_tail_first(log);
    if (found == NULL || seg->last_index < seg->start.index) {
        return NULL;
    }
    uint64_t low = found->rec.index > seg->start.index ? found->rec.index : seg->start.index;
    uint64_t high = seg->last_index;
    found = NULL;
    while (low <= high) {
        struct log_slot *slot = log_tail_find(log, low + (high - low) / 2);
        if (slot == NULL) {
            return NULL;
        }
        if (slot->rec.pos + (uint64_t)slot->rec.length > pos) {
            found = slot;
            high = slot->rec.index - 1;
        } else {
            low = slot->rec.last_index + 1;
        }
    }
    return found;
}

/* What stands at g->pos. */
static struct log_piece log_gather_piece(struct log_gather *g)
{
    struct log_piece piece = {.bytes = g->end - g->pos};
    const struct log_rest *rest = &g->rest;
    if (rest->data != NULL && g->pos >= rest->pos && g->pos - rest->pos < rest->bytes) {
        uint32_t at = g->pos - rest->pos;
        piece.data = rest->data + at;
        piece.bytes = piece.bytes < rest->bytes - at ? piece.bytes : rest->bytes - at;
        return piece;
    }
    if (g->slot == NULL) {
        g->slot = log_gather_find(g->log, g->seg, g->pos);
    }
    struct log_slot *slot = g->slot;
    while (slot != NULL && slot->seg == g->seg &&
           slot->rec.pos + (uint64_t)slot->rec.length <= g->pos) {
        slot = log_tail_next(g->log, slot);
    }
    g->slot = slot;
    if (slot == NULL || slot->seg != g->seg) {
        return piece; /* a hole up to the end */
    }
    if (slot->rec.pos > g->pos) {
        uint32_t hole = slot->rec.pos - g->pos;
        piece.bytes = piece.bytes < hole ? piece.bytes : hole;
        return piece;
    }
    uint32_t at = g->pos - slot->rec.pos;
    uint32_t left = slot->rec.length - at;
    piece.bytes = piece.bytes < left ? piece.bytes : left;
    if (slot->slice.buf != NULL) {
        piece.data = buf_slice_data(slot->slice) + at;
    } else if (slot->where == LOG_SLOT_JOURNAL) {
        piece.is_file = true;
        piece.slot = slot->journal_slot;
        piece.pos = slot->journal_pos + at;
    } else if (slot->where == LOG_SLOT_SEGMENT && g->pos < g->seg->written_bytes) {
        uint32_t written = g->seg->written_bytes - g->pos;
        piece.is_file = true;
        piece.slot = LOG_GATHER_SEGMENT;
        piece.pos = g->pos;
        piece.bytes = piece.bytes < written ? piece.bytes : written;
    }
    return piece;
}

uint32_t log_gather_copy(struct log_gather *g, uint8_t *out, const struct log_gather_run *run,
                         const uint8_t *data)
{
    uint32_t copied = 0;
    while (g->pos < g->end) {
        struct log_piece piece = log_gather_piece(g);
        const uint8_t *from = piece.data;
        if (piece.is_file) {
            bool is_there = run != NULL && run->slot == piece.slot && piece.pos >= run->pos &&
                            piece.pos - run->pos < run->bytes;
            if (!is_there) {
                break;
            }
            uint32_t at = (uint32_t)(piece.pos - run->pos);
            from = data + at;
            piece.bytes = piece.bytes < run->bytes - at ? piece.bytes : run->bytes - at;
        }
        if (from != NULL) {
            memcpy(out + copied, from, piece.bytes);
        } else {
            memset(out + copied, 0, piece.bytes);
            g->holes_bytes += piece.bytes;
        }
        copied += piece.bytes;
        g->pos += piece.bytes;
    }
    return copied;
}

void log_gather_run(const struct log_gather *g, uint32_t bytes_max, struct log_gather_run *out)
{
    struct log_gather ahead = *g;
    struct log_piece piece = log_gather_piece(&ahead);
    ASSERT(piece.is_file);
    ASSERT(bytes_max % LIMIT_BLOCK_BYTES == 0);
    uint64_t first = piece.pos / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    uint64_t end = piece.pos;
    uint32_t slot = piece.slot;
    while (piece.is_file && piece.slot == slot && piece.pos >= end &&
           piece.pos - first < bytes_max) {
        end = piece.pos + piece.bytes;
        if (end - first >= bytes_max) {
            end = first + bytes_max;
            break;
        }
        ahead.pos += piece.bytes;
        if (ahead.pos == ahead.end) {
            break;
        }
        piece = log_gather_piece(&ahead);
    }
    end = (end + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    *out = (struct log_gather_run){.slot = slot, .pos = first, .bytes = (uint32_t)(end - first)};
    ASSERT(out->bytes > 0);
    ASSERT(out->bytes <= bytes_max);
}

/* --- Sidecar --- */

uint32_t log_gather_recs(uint64_t blocks_count)
{
    uint64_t records = blocks_count * LIMIT_BLOCK_BYTES / LOG_SIDECAR_BYTES;
    return records == 0 ? 0 : (uint32_t)(records - 1); /* without the header */
}

uint64_t log_gather_blocks(uint32_t recs_count)
{
    return (recs_count + 2ull) * LOG_SIDECAR_BYTES / LIMIT_BLOCK_BYTES;
}

void log_gather_idx_begin(struct log_gather_idx *idx, const struct log *log,
                          const struct log_segment *seg, uint8_t *data, uint32_t data_bytes)
{
    const struct crc32c *kernels = log->ls->store->kernels;
    ASSERT(data_bytes % LIMIT_BLOCK_BYTES == 0);
    *idx = (struct log_gather_idx){
        .data = data,
        .data_bytes = data_bytes,
        .pos = log_gather_blocks(seg->recs_count) * LIMIT_BLOCK_BYTES,
        .recs_count = seg->recs_count,
        .seed = log_sidecar_seed(kernels, log->group, seg->generation),
        .log = log,
    };
    if (idx->pos > 0) {
        return;
    }
    struct log_sidecar_header header = {
        .group = log->group,
        .topic = log->topic,
        .partition = log->partition,
        .generation = seg->generation,
        .origin = seg->origin,
        .start = seg->start,
    };
    uint8_t bytes[LOG_SIDECAR_BYTES];
    log_sidecar_header_encode(&header, kernels, bytes);
    log_gather_put(idx, 0, bytes);
}

bool log_gather_idx_has_room(const struct log_gather_idx *idx)
{
    return idx->data_bytes - idx->fill_bytes >= LOG_SIDECAR_BYTES;
}

void log_gather_idx_put(struct log_gather_idx *idx, const struct log_sidecar *rec)
{
    uint8_t bytes[LOG_SIDECAR_BYTES];
    log_sidecar_encode(rec, idx->log->ls->store->kernels, idx->seed, bytes);
    log_gather_put(idx, (idx->recs_count + 1ull) * LOG_SIDECAR_BYTES, bytes);
    idx->recs_count++;
}

/* The part of 96 bytes at `pos` of the file that is not in the blocks before. */
static void log_gather_put(struct log_gather_idx *idx, uint64_t pos, const uint8_t *data)
{
    uint32_t skip = pos < idx->pos ? (uint32_t)(idx->pos - pos) : 0;
    ASSERT(skip < LOG_SIDECAR_BYTES);
    ASSERT(pos + skip == idx->pos + idx->fill_bytes);
    ASSERT(log_gather_idx_has_room(idx));
    memcpy(idx->data + idx->fill_bytes, data + skip, LOG_SIDECAR_BYTES - skip);
    idx->fill_bytes += LOG_SIDECAR_BYTES - skip;
}

uint32_t log_gather_idx_whole(const struct log_gather_idx *idx, uint32_t recs_max)
{
    uint32_t bytes = log_block_down(idx->fill_bytes);
    while (bytes > 0 && log_gather_recs((idx->pos + bytes) / LIMIT_BLOCK_BYTES) > recs_max) {
        bytes -= LIMIT_BLOCK_BYTES;
    }
    return bytes;
}

void log_gather_idx_pad(struct log_gather_idx *idx)
{
    uint32_t bytes = log_block_up(idx->fill_bytes);
    memset(idx->data + idx->fill_bytes, 0, bytes - idx->fill_bytes);
    idx->fill_bytes = bytes;
}

void log_gather_idx_written(struct log_gather_idx *idx, uint32_t bytes)
{
    ASSERT(bytes <= idx->fill_bytes);
    idx->fill_bytes -= bytes;
    idx->pos += bytes;
    memmove(idx->data, idx->data + bytes, idx->fill_bytes);
}
