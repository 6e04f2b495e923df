/* Installing a range of entries. See install.h.
 *
 * Two passes over the batches: the first checks them and counts what they will take, which is then
 * seen to be there; the second appends them and cannot fail. Rejected: appending as they are
 * checked and cutting off what was appended when one is refused; a follower would journal a cut for
 * every frame that was damaged on its way. */
#include "storage/log/install.h"

#include <string.h>

#include "base/assert.h"
#include "storage/log/shard.h"

/* What the batches come to. */
struct log_install_plan {
    struct log_point end;   /* behind those checked so far */
    uint64_t bytes;         /* of them */
    uint64_t segment_pos;   /* bytes of the segment that the next one goes to */
    uint64_t rolls_count;   /* segments that begin */
    uint64_t terms_count;   /* term runs that do */
    uint64_t entries_count; /* batches */
    bool has_segment;       /* there is one that is not sealed */
    bool has_data;          /* one of them is a client's */
};

static enum err log_install_writable(const struct log *log);
static enum err log_install_check(const struct log_install *in, struct log_install_plan *plan);
static enum err log_install_batch(const struct log *log, struct buf_slice rest,
                                  struct log_install_plan *plan, struct log_batch *batch);
static enum err log_install_reserve(struct log *log, const struct log_install_plan *plan);
static enum err log_install_reserve_pool(struct pool *pool, uint64_t count);
static void log_install_append(struct log_install *in, struct buf_slice slice, bool is_direct);
static void log_install_done(struct log_op *op);

enum err log_install_range(struct log_install *in)
{
    struct log *log = in->log;
    ASSERT(in->done != NULL);
    in->end = log->end;
    enum err err = log_install_writable(log);
    if (err != ERR_OK) {
        return err;
    }
    if (in->previous.index != log->end.index || in->previous.term != log->end.term ||
        !hash128_is_equal(in->previous.chain, log->end.chain)) {
        return ERR_NOT_FOUND;
    }
    struct log_install_plan plan = {0};
    err = log_install_check(in, &plan);
    if (err == ERR_OK && plan.has_data && atomic_load(&log->ls->store->is_full)) {
        err = ERR_DISK_FULL;
    }
    if (err == ERR_OK) {
        err = log_install_reserve(log, &plan);
    }
    if (err != ERR_OK) {
        return err;
    }
    in->err = ERR_OK;
    in->first_index = log->end.index + 1;
    in->waits_count = 0;
    for (uint32_t i = 0; i < in->slices_count; i++) {
        for (uint32_t pos = 0; pos < in->slices[i].length;) {
            struct buf_slice rest = buf_slice_sub(in->slices[i], pos, in->slices[i].length - pos);
            struct log_batch batch;
            err = log_batch_decode(buf_slice_data(rest), rest.length, &batch);
            ASSERT(err == ERR_OK); /* it was a moment ago, and sealed bytes do not change */
            log_install_append(in, buf_slice_sub(rest, 0, batch.length_bytes),
                               plan.bytes >= LOG_INSTALL_DIRECT_BYTES);
            pos += batch.length_bytes;
        }
    }
    in->entries_count = in->waits_count;
    in->last_index = log->end.index;
    in->end = log->end;
    ASSERT(in->entries_count == plan.entries_count);
    ASSERT(hash128_is_equal(in->end.chain, in->chain));
    return ERR_OK;
}

static enum err log_install_writable(const struct log *log)
{
    enum err err = log_writable(log);
    if (err == ERR_ACCESS && log->is_available) {
        err = ERR_OK; /* amnesiac: this is how it learns what it has forgotten */
    }
    return err == ERR_OK && log->is_cutting ? ERR_AGAIN : err;
}

/* --- Checking --- */

static enum err log_install_check(const struct log_install *in, struct log_install_plan *plan)
{
    const struct log *log = in->log;
    const struct log_segment *seg = log_segment_active(log);
    plan->end = log->end;
    plan->has_segment = seg != NULL && !seg->is_sealed;
    plan->segment_pos = plan->has_segment ? seg->end_pos : 0;
    plan->terms_count = 1; /* the log may have none of its end yet */
    for (uint32_t i = 0; i < in->slices_count; i++) {
        for (uint32_t pos = 0; pos < in->slices[i].length;) {
            struct log_batch batch;
            enum err err = log_install_batch(
                log, buf_slice_sub(in->slices[i], pos, in->slices[i].length - pos), plan, &batch);
            if (err != ERR_OK) {
                return err;
            }
            pos += batch.length_bytes;
        }
    }
    if (plan->entries_count == 0 || plan->entries_count > UINT32_MAX) {
        return ERR_INVALID;
    }
    return hash128_is_equal(plan->end.chain, in->chain) ? ERR_OK : ERR_CORRUPT;
}

/* The batch that `rest` begins with. */
static enum err log_install_batch(const struct log *log, struct buf_slice rest,
                                  struct log_install_plan *plan, struct log_batch *batch)
{
    const struct log_store *store = log->ls->store;
    const uint8_t *data = buf_slice_data(rest);
    struct log_point *end = &plan->end;
    if (log_batch_decode(data, rest.length, batch) != ERR_OK || batch->length_bytes > rest.length ||
        batch->base_offset != end->offset || batch->term > LIMIT_TERM || batch->term < end->term ||
        end->index >= LOG_NUMBER_MAX) {
        return ERR_INVALID;
    }
    if (!log_batch_is_sound(store->kernels, data, batch->length_bytes)) {
        return ERR_CORRUPT;
    }
    uint64_t behind = plan->segment_pos + batch->length_bytes;
    bool has_room = plan->segment_pos == 0 || behind <= log->segment_bytes_max;
    if (!plan->has_segment || !has_room) {
        plan->rolls_count++;
        behind = batch->length_bytes;
    }
    plan->has_segment = true;
    plan->segment_pos = behind;
    plan->terms_count += batch->term != end->term;
    plan->has_data |= batch->kind == LOG_KIND_DATA;
    plan->bytes += batch->length_bytes;
    plan->entries_count++;
    end->index++;
    end->chain = log_chain(end->chain, end->index, batch->term, batch,
                           log_batch_header_crc(store->kernels, data));
    end->offset = log_batch_next_offset(batch);
    end->term = batch->term;
    return ERR_OK;
}

/* --- Room --- */

/* See that all they take is there: what was acquired and released is there for the appends. */
static enum err log_install_reserve(struct log *log, const struct log_install_plan *plan)
{
    struct log_shard *ls = log->ls;
    uint64_t chunks_count = plan->entries_count / LOG_CHUNK_SLOTS + 1;
    enum err err = log_install_reserve_pool(&ls->ops, plan->entries_count + plan->rolls_count);
    if (err == ERR_OK) {
        err = log_install_reserve_pool(&ls->segments, plan->rolls_count);
    }
    if (err == ERR_OK) {
        err = log_install_reserve_pool(&ls->small, plan->terms_count);
    }
    if (err == ERR_OK) {
        err = log_install_reserve_pool(&ls->chunks, chunks_count);
    }
    return err == ERR_OK ? log_tail_reserve(log, chunks_count) : err;
}

/* Those acquired are linked through their first bytes meanwhile. */
static enum err log_install_reserve_pool(struct pool *pool, uint64_t count)
{
    enum err err = ERR_OK;
    void *first = NULL;
    void *made = NULL;
    ASSERT(pool->object_bytes >= sizeof(void *));
    for (uint64_t i = 0; i < count && err == ERR_OK; i++) {
        err = pool_acquire(pool, &made);
        if (err == ERR_OK) {
            memcpy(made, &first, sizeof(first));
            first = made;
        }
    }
    while (first != NULL) {
        made = first;
        memcpy(&first, made, sizeof(first));
        pool_release(pool, made);
    }
    return err;
}

/* --- Appending --- */

static void log_install_append(struct log_install *in, struct buf_slice slice, bool is_direct)
{
    struct log *log = in->log;
    void *made = NULL;
    struct log_batch batch;
    enum err err = pool_acquire(&log->ls->ops, &made);
    ASSERT(err == ERR_OK);
    err = log_batch_decode(buf_slice_data(slice), slice.length, &batch);
    ASSERT(err == ERR_OK);
    struct log_op *op = made;
    op->done = log_install_done;
    op->ctx = in;
    op->is_pooled = true;
    op->is_direct = is_direct;
    in->waits_count++;
    err = log_append_checked(log, op, slice, &batch);
    ASSERT(err == ERR_OK); /* reserved */
}

static void log_install_done(struct log_op *op)
{
    struct log_install *in = op->ctx;
    ASSERT(in->waits_count > 0);
    if (op->err != ERR_OK && in->err == ERR_OK) {
        in->err = op->err;
    }
    if (--in->waits_count == 0) {
        in->done(in);
    }
}
