/* Gathering a segment's bytes, and its sidecar's. See settle_int.h. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/settle_int.h"

void settle_copy_begin(struct settle_copy *copy, struct log_segment *seg, uint32_t pos,
                       uint32_t end, uint8_t *out)
{
    *copy = (struct settle_copy){.seg = seg, .pos = pos, .end = end, .out = out};
}

/* The slot of the segment that holds byte `pos`, or NULL. */
static struct log_slot *settle_slot_at(const struct log_segment *seg, uint32_t pos)
{
    struct log *log = seg->log;
    struct log_slot *slot = log_tail_find(log, seg->start.index);
    if (slot == NULL) {
        slot = log_tail_first(log);
    }
    while (slot != NULL && (slot->seg != seg || slot->rec.pos + slot->rec.length <= pos)) {
        slot = slot->seg == seg || slot->rec.index < seg->start.index ? log_tail_next(log, slot)
                                                                      : NULL;
    }
    return slot;
}

enum settle_copied settle_copy_run(struct settle_copy *copy)
{
    struct log_segment *seg = copy->seg;
    while (copy->pos < copy->end) {
        uint32_t rest_end = seg->written_bytes + seg->rest_bytes;
        const uint8_t *from = NULL;
        uint32_t until = copy->end;
        if (copy->pos >= seg->end_pos) { /* behind the last entry: zeros */
            memset(copy->out, 0, copy->end - copy->pos);
            copy->out += copy->end - copy->pos;
            copy->pos = copy->end;
            break;
        }
        if (seg->rest != NULL && copy->pos >= seg->written_bytes && copy->pos < rest_end) {
            from = seg->rest + (copy->pos - seg->written_bytes);
            until = rest_end < until ? rest_end : until;
        } else {
            if (copy->slot == NULL || copy->slot->rec.pos + copy->slot->rec.length <= copy->pos) {
                copy->slot =
                    copy->slot != NULL && copy->slot->rec.pos + copy->slot->rec.length == copy->pos
                        ? log_tail_next(seg->log, copy->slot)
                        : settle_slot_at(seg, copy->pos);
                while (copy->slot != NULL && copy->slot->seg == seg &&
                       copy->slot->rec.length == 0) {
                    copy->slot = log_tail_next(seg->log, copy->slot);
                }
            }
            struct log_slot *slot = copy->slot;
            if (slot == NULL || slot->seg != seg || slot->rec.pos > copy->pos) {
                return SETTLE_NOWHERE;
            }
            if (slot->slice.buf == NULL) {
                return slot->where == LOG_SLOT_JOURNAL ? SETTLE_JOURNAL : SETTLE_NOWHERE;
            }
            uint32_t slot_end = slot->rec.pos + slot->rec.length;
            from = buf_slice_data(slot->slice) + (copy->pos - slot->rec.pos);
            until = slot_end < until ? slot_end : until;
        }
        until = until < seg->end_pos ? until : seg->end_pos;
        memcpy(copy->out, from, until - copy->pos);
        copy->out += until - copy->pos;
        copy->pos = until;
    }
    return SETTLE_COPIED;
}

void settle_copy_take(struct settle_copy *copy, const uint8_t *data, uint32_t bytes)
{
    ASSERT(bytes <= copy->end - copy->pos);
    memcpy(copy->out, data, bytes);
    copy->out += bytes;
    copy->pos += bytes;
}

void settle_encode_idx(const struct log_segment *seg, uint32_t pos, uint32_t bytes,
                       uint32_t recs_count, uint8_t *out)
{
    const struct log *log = seg->log;
    const struct crc32c *kernels = log->ls->store->kernels;
    uint32_t seed = log_sidecar_seed(kernels, log->group, seg->generation);
    const struct log_slot *slot = NULL;
    memset(out, 0, bytes);
    /* Place 0 is the header, place n + 1 record n; the first and the last one may be cut. */
    for (uint64_t place = pos / LOG_SIDECAR_BYTES;
         place * LOG_SIDECAR_BYTES < (uint64_t)pos + bytes && place <= recs_count; place++) {
        uint8_t one[LOG_SIDECAR_BYTES];
        if (place == 0) {
            struct log_sidecar_header header = {
                .group = log->group,
                .topic = log->topic,
                .partition = log->partition,
                .generation = seg->generation,
                .start = seg->start,
            };
            log_sidecar_header_encode(&header, kernels, one);
        } else {
            slot = slot != NULL ? log_tail_next(log, slot) : log_tail_first(log);
            while (slot != NULL && (slot->seg != seg || slot->rec_number + 1 < place)) {
                slot = log_tail_next(log, slot);
            }
            ASSERT(slot != NULL);
            ASSERT(slot->rec_number + 1 == place);
            log_sidecar_encode(&slot->rec, kernels, seed, one);
        }
        uint64_t at = place * LOG_SIDECAR_BYTES;
        uint64_t from = at < pos ? pos - at : 0;
        uint64_t until = at + LOG_SIDECAR_BYTES < (uint64_t)pos + bytes
                             ? LOG_SIDECAR_BYTES
                             : (uint64_t)pos + bytes - at;
        memcpy(out + (at + from - pos), one + from, until - from);
    }
}
