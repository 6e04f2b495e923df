/* Looking up what stands before an entry, in a sidecar. See lookup.h.
 *
 * The record is first looked for where it is when no record is missing before it (first index + n
 * stands n records in); compaction and gaps only move it to the front, so otherwise a binary search
 * between the header and that place finds it. */
#include "storage/log/lookup.h"

#include "base/assert.h"
#include "storage/log/shard.h"

/* Two blocks: a record may cross from one to the next. */
#define LOG_LOOKUP_BYTES (2 * LIMIT_BLOCK_BYTES)

static void log_lookup_loaded(struct log_load *load);
static void log_lookup_opened(struct log_file_get *get);
static void log_lookup_read(struct log_lookup *lookup);
static void log_lookup_read_done(struct rt_op *op);
static void log_lookup_end(struct log_lookup *lookup, enum err err);
static void log_lookup_found(struct log_lookup *lookup, const struct log_sidecar *rec);

void log_lookup_start(struct log_lookup *lookup)
{
    lookup->block = NULL;
    lookup->get.file = NULL;
    lookup->cut_epoch = lookup->log->cut_epoch;
    log_load_start(&lookup->load, lookup->log, log_lookup_loaded);
}

static void log_lookup_loaded(struct log_load *load)
{
    struct log_lookup *lookup = CONTAINER_OF(load, struct log_lookup, load);
    struct log *log = lookup->log;
    struct log_segment *seg = log_segment_find(log, lookup->first_index - 1);
    if (load->err != ERR_OK && load->err != ERR_CORRUPT) {
        log_lookup_end(lookup, load->err);
        return;
    }
    if (seg == NULL || lookup->cut_epoch != log->cut_epoch) {
        log_lookup_end(lookup, ERR_NOT_FOUND);
        return;
    }
    void *made = NULL;
    enum err err = budget_alloc(&log->ls->budget, LOG_LOOKUP_BYTES, LIMIT_BLOCK_BYTES, &made);
    if (err != ERR_OK) {
        log_lookup_end(lookup, err);
        return;
    }
    lookup->block = made;
    lookup->segment_index = seg->start.index;
    lookup->generation = seg->generation;
    lookup->low = 0;
    lookup->high = lookup->first_index - seg->start.index;
    lookup->slot = lookup->high - 1;
    rt_op_init(&lookup->op_read, log->ls->shard, log_lookup_read_done);
    lookup->get.done = log_lookup_opened;
    log_file_get_segment(&lookup->get, seg, LOG_FILE_IDX, false);
}

static void log_lookup_opened(struct log_file_get *get)
{
    struct log_lookup *lookup = CONTAINER_OF(get, struct log_lookup, get);
    if (get->err != ERR_OK) {
        log_lookup_end(lookup, get->err);
        return;
    }
    log_lookup_read(lookup);
}

/* The blocks that hold record `slot`. */
static void log_lookup_read(struct log_lookup *lookup)
{
    uint64_t pos = (lookup->slot + 1) * LOG_SIDECAR_BYTES / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    rt_file_read(&lookup->get.file->file, &lookup->op_read, lookup->block, LOG_LOOKUP_BYTES, pos);
}

static void log_lookup_read_done(struct rt_op *op)
{
    struct log_lookup *lookup = CONTAINER_OF(op, struct log_lookup, op_read);
    struct log_shard *ls = lookup->log->ls;
    if (op->err != ERR_OK) {
        log_lookup_end(lookup, op->err);
        return;
    }
    size_t at = (lookup->slot + 1) * LOG_SIDECAR_BYTES % LIMIT_BLOCK_BYTES;
    size_t length = (size_t)op->result > at ? (size_t)op->result - at : 0;
    uint32_t seed = log_sidecar_seed(ls->store->kernels, lookup->log->group, lookup->generation);
    struct log_sidecar rec;
    enum err err = log_sidecar_decode(lookup->block + at, length, ls->store->kernels, seed, &rec);
    uint64_t wanted = lookup->first_index - 1;
    if (err == ERR_OK && rec.last_index == wanted) {
        log_lookup_found(lookup, &rec);
        return;
    }
    if (err == ERR_OK && rec.last_index < wanted) {
        lookup->low = lookup->slot + 1;
    } else {
        lookup->high = lookup->slot; /* behind it, or behind the end of the records */
    }
    if (lookup->low >= lookup->high) {
        log_lookup_end(lookup, err != ERR_OK ? ERR_CORRUPT : ERR_NOT_FOUND);
        return;
    }
    lookup->slot = lookup->low + (lookup->high - lookup->low) / 2;
    log_lookup_read(lookup);
}

static void log_lookup_found(struct log_lookup *lookup, const struct log_sidecar *rec)
{
    if (lookup->cut_epoch != lookup->log->cut_epoch) {
        log_lookup_end(lookup, ERR_NOT_FOUND);
        return;
    }
    lookup->point = (struct log_point){
        .index = rec->last_index,
        .offset = log_sidecar_next_offset(rec),
        .term = rec->term,
        .chain = rec->chain,
    };
    lookup->max_timestamp = rec->max_timestamp;
    lookup->end_pos = rec->pos + rec->length;
    lookup->recs_total = (uint32_t)lookup->slot + 1;
    log_lookup_end(lookup, ERR_OK);
}

static void log_lookup_end(struct log_lookup *lookup, enum err err)
{
    struct log_shard *ls = lookup->log->ls;
    if (lookup->get.file != NULL) {
        log_file_put(ls, lookup->get.file);
        lookup->get.file = NULL;
    }
    budget_free(&ls->budget, lookup->block);
    lookup->block = NULL;
    lookup->err = err;
    lookup->done(lookup);
}
