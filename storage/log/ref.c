/* References to entries. See ref.h.
 *
 * A read whose bytes stay where they are: read.c finds the entries and gives out pieces here in
 * place of buffers. What stands before the first entry is known from memory, from its segment's
 * header, or looked up in the sidecar before. */
#include "storage/log/ref.h"

#include "base/assert.h"
#include "storage/log/shard.h"

static void log_ref_begin(struct log_ref *ref);
static enum err log_ref_previous(struct log_ref *ref);
static void log_ref_looked_up(struct log_lookup *lookup);
static void log_ref_read_done(struct log_read *read);
static void log_ref_done(struct rt_op *op);
static bool log_ref_follows(struct log_ref *ref, const struct log_point *at, uint32_t length);
static void log_ref_drop(struct log_ref *ref);

void log_ref_read(struct log_ref *ref)
{
    struct log *log = ref->log;
    ASSERT(ref->done != NULL);
    ASSERT(!ref->is_held);
    ref->cut_epoch = log->cut_epoch;
    ref->pieces_count = 0;
    ref->entries_count = 0;
    ref->bytes = 0;
    rt_op_init(&ref->op, log->ls->shard, log_ref_done);
    log_pin_set(log, &ref->pin, "read_ref", ref->first_index);
    ref->is_held = true;
    ref->err = log->ls->is_closing || log->is_deleted ? ERR_CLOSING
               : !log->is_available                   ? ERR_ACCESS
               : ref->first_index < log->start.index  ? ERR_RANGE
               : ref->first_index > log->end.index || ref->first_index > ref->index_max
                   ? ERR_END
                   : log_ref_previous(ref);
    if (ref->err == ERR_OK) {
        log_ref_begin(ref);
    } else if (ref->err == ERR_AGAIN) {
        ref->lookup = (struct log_lookup){
            .log = log, .first_index = ref->first_index, .done = log_ref_looked_up};
        log_lookup_start(&ref->lookup);
    } else {
        rt_op_defer(&ref->op);
    }
}

/* What stands before the first entry. ERR_AGAIN: it is in the sidecar of the segment before. */
static enum err log_ref_previous(struct log_ref *ref)
{
    const struct log *log = ref->log;
    const struct log_segment *seg = log_segment_find(log, ref->first_index);
    struct log_lookup at = {.first_index = ref->first_index};
    enum err err = log_point_before(log, ref->first_index, &at);
    ref->previous = at.point;
    bool is_first = seg != NULL && seg->is_known && seg->start.index == ref->first_index &&
                    !hash128_is_equal(seg->start.chain, (struct hash128){0});
    if (err == ERR_AGAIN && is_first) {
        ref->previous = seg->start;
        ref->previous.index--;
        err = ERR_OK;
    }
    return err;
}

static void log_ref_looked_up(struct log_lookup *lookup)
{
    struct log_ref *ref = CONTAINER_OF(lookup, struct log_ref, lookup);
    ref->err = ref->log->is_deleted                    ? ERR_CLOSING
               : ref->cut_epoch != ref->log->cut_epoch ? ERR_CANCELED
                                                       : lookup->err;
    if (ref->err == ERR_CORRUPT) {
        ref->bad_first = ref->first_index - 1;
        ref->bad_last = ref->first_index - 1;
    }
    if (ref->err != ERR_OK) {
        rt_op_defer(&ref->op);
        return;
    }
    ref->previous = lookup->point;
    log_ref_begin(ref);
}

static void log_ref_begin(struct log_ref *ref)
{
    ref->end = ref->previous;
    ref->read = (struct log_read){.done = log_ref_read_done,
                                  .log = ref->log,
                                  .from = LOG_READ_INDEX,
                                  .at = ref->first_index,
                                  .index_max = ref->index_max,
                                  .bytes_max = ref->bytes_max,
                                  .ref = ref};
    log_read(&ref->read);
}

static void log_ref_read_done(struct log_read *read)
{
    struct log_ref *ref = CONTAINER_OF(read, struct log_ref, read);
    const struct log *log = ref->log;
    bool is_cut = ref->cut_epoch != log->cut_epoch && !log->is_deleted;
    ref->err = is_cut ? ERR_CANCELED : read->err;
    if (ref->err == ERR_OK && ref->entries_count == 0) {
        ref->err = ERR_NOT_FOUND;
    } else if (ref->err == ERR_END) { /* it was there: what is there now is a gap up to the end */
        ref->err = ERR_NOT_FOUND;
    }
    ref->bad_first = read->first_index;
    ref->bad_last = read->last_index;
    if (ref->err != ERR_OK) {
        log_ref_drop(ref);
    }
    ref->done(ref);
}

static void log_ref_done(struct rt_op *op)
{
    struct log_ref *ref = CONTAINER_OF(op, struct log_ref, op);
    ref->done(ref);
}

void log_ref_release(struct log_ref *ref)
{
    ASSERT(ref->is_held);
    log_ref_drop(ref);
    ref->is_held = false;
    log_pin_clear(ref->log, &ref->pin);
}

static void log_ref_drop(struct log_ref *ref)
{
    for (uint32_t i = 0; i < ref->pieces_count; i++) {
        if (ref->pieces[i].file != NULL) {
            log_file_put(ref->log->ls, ref->pieces[i].file);
        } else {
            buf_unref(ref->pieces[i].slice.buf);
        }
    }
    ref->pieces_count = 0;
    ref->entries_count = 0;
    ref->bytes = 0;
}

/* --- Pieces --- */

/* Whether the batch of `at` is the next one; it counts then. */
static bool log_ref_follows(struct log_ref *ref, const struct log_point *at, uint32_t length)
{
    if (at->index != ref->end.index + 1) {
        return false;
    }
    ref->end = *at;
    ref->entries_count++;
    ref->bytes += length;
    return true;
}

/* The last piece, or NULL. */
static struct log_ref_piece *log_ref_last(struct log_ref *ref)
{
    return ref->pieces_count > 0 ? &ref->pieces[ref->pieces_count - 1] : NULL;
}

bool log_ref_add_slice(struct log_ref *ref, struct buf_slice slice, const struct log_point *at)
{
    struct log_ref_piece *last = log_ref_last(ref);
    bool is_adjacent = last != NULL && last->slice.buf == slice.buf &&
                       last->slice.pos + last->slice.length == slice.pos;
    if ((!is_adjacent && ref->pieces_count == LOG_REF_PIECES_MAX) ||
        !log_ref_follows(ref, at, slice.length)) {
        return false;
    }
    if (is_adjacent) {
        last->slice.length += slice.length;
        last->bytes += slice.length;
        return true;
    }
    buf_ref(slice.buf);
    ref->pieces[ref->pieces_count++] =
        (struct log_ref_piece){.slice = slice, .bytes = slice.length};
    return true;
}

bool log_ref_add_range(struct log_ref *ref, struct log_file *file, uint32_t pos, uint32_t length,
                       const struct log_point *at)
{
    struct log_ref_piece *last = log_ref_last(ref);
    bool is_adjacent = last != NULL && last->file == file && last->pos + last->bytes == pos;
    if ((!is_adjacent && ref->pieces_count == LOG_REF_PIECES_MAX) ||
        !log_ref_follows(ref, at, length)) {
        return false;
    }
    if (is_adjacent) {
        last->bytes += length;
        return true;
    }
    log_file_share(file);
    ref->pieces[ref->pieces_count++] =
        (struct log_ref_piece){.file = file, .pos = pos, .bytes = length};
    return true;
}
