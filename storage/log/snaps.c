/* Making and reading a segment's .snap. See snaps.h.
 *
 * A read tries one segment after the other, from the newest back:
 *
 *     LOAD -> (OPEN -> READ -> CLOSE)* -> done
 */
#include "storage/log/snaps.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "storage/log/shard.h"

/* The log's own. */
#define LOG_SNAP_OWN_SECTIONS 2u

enum { LOG_SNAP_LOAD, LOG_SNAP_OPEN, LOG_SNAP_READ, LOG_SNAP_CLOSE, LOG_SNAP_DONE };

static bool log_section_get(struct bytes_reader *r, struct log_snap_section *out);
static uint32_t log_snap_runs(const struct log_segment *seg, struct bytes_writer *w);
static void log_snap_loaded(struct log_load *load);
static void log_snap_run(struct rt_op *op);
static void log_snap_next(struct log_snap_read *read, uint64_t index);
static void log_snap_opened(struct log_snap_read *read);
static void log_snap_judge(struct log_snap_read *read);
static void log_snap_end(struct log_snap_read *read, enum err err);

/* --- The owner's sections --- */

void log_sections_set(struct log *log, log_sections_fn *give, void *ctx)
{
    log->sections_give = give;
    log->sections_ctx = ctx;
}

void log_sections_put(struct bytes_writer *w, uint16_t kind, const void *data, uint32_t bytes)
{
    log_sections_begin(w, kind, bytes);
    bytes_put_copy(w, data, bytes);
}

/* kind 2, zeros 2, bytes 4 */
void log_sections_begin(struct bytes_writer *w, uint16_t kind, uint32_t bytes)
{
    ASSERT(kind > LOG_SNAP_TERM_RUNS);
    bytes_put_u16le(w, kind);
    bytes_put_u16le(w, 0);
    bytes_put_u32le(w, bytes);
}

/* The next of what log_sections_put wrote; false: no more. */
static bool log_section_get(struct bytes_reader *r, struct log_snap_section *out)
{
    if (bytes_reader_left(r) == 0) {
        return false;
    }
    out->kind = bytes_get_u16le(r);
    bytes_skip(r, 2);
    out->bytes = bytes_get_u32le(r);
    out->data = bytes_get_view(r, out->bytes);
    ASSERT(r->err == ERR_OK); /* the owner's, of this shard's memory */
    return true;
}

void log_sections_take(struct log_segment *seg)
{
    struct log *log = seg->log;
    struct log_shard *ls = log->ls;
    if (log->sections_give == NULL) {
        return;
    }
    struct buf_slice slice = log->sections_give(log->sections_ctx, log, seg->start.index);
    if (slice.buf == NULL) {
        return;
    }
    ASSERT(slice.length <= LOG_SECTIONS_BYTES_MAX);
    if (ls->sections_bytes + slice.length > LOG_SECTIONS_KEPT_MAX) {
        buf_unref(slice.buf); /* a reader goes one segment further back */
        return;
    }
    ls->sections_bytes += slice.length;
    seg->sections = slice;
}

void log_sections_drop(struct log_segment *seg)
{
    if (seg->sections.buf == NULL) {
        return;
    }
    ASSERT(seg->log->ls->sections_bytes >= seg->sections.length);
    seg->log->ls->sections_bytes -= seg->sections.length;
    buf_unref(seg->sections.buf);
    seg->sections = (struct buf_slice){0};
}

/* --- Making --- */

/* The newest term runs that begin before the segment. */
static uint32_t log_snap_runs(const struct log_segment *seg, struct bytes_writer *w)
{
    const struct list *terms = &seg->log->terms;
    uint32_t count = 0;
    list_for_each (node, terms) {
        count += CONTAINER_OF(node, struct log_term, in_log)->first_index < seg->start.index;
    }
    uint32_t skip = count > LOG_SNAP_RUNS_MAX ? count - LOG_SNAP_RUNS_MAX : 0;
    uint32_t at = 0;
    list_for_each (node, terms) {
        const struct log_term *term = CONTAINER_OF(node, struct log_term, in_log);
        if (at >= skip && at < count && w != NULL) {
            struct log_term_run run = {term->first_index, term->first_offset, term->term};
            log_term_run_put(w, &run);
        }
        at++;
    }
    return count - skip;
}

enum err log_snap_build(const struct log_segment *seg, struct buf_slice *out)
{
    struct buf *buf = NULL;
    struct log_shard *ls = seg->log->ls;
    struct log_snap snap = {
        .generation = seg->generation,
        .group = seg->log->group,
        .first_index = seg->start.index,
    };
    uint8_t membership[sizeof(uint64_t)];
    if (seg->membership_index > 0 && seg->membership_index < seg->start.index) {
        struct bytes_writer w = bytes_writer(membership, sizeof(membership));
        bytes_put_u64le(&w, seg->membership_index);
        snap.sections[snap.sections_count++] =
            (struct log_snap_section){LOG_SNAP_MEMBERSHIP, membership, sizeof(membership)};
    }
    uint32_t runs_bytes = log_snap_runs(seg, NULL) * LOG_TERM_RUN_BYTES;
    if (seg->log->is_loaded) { /* else the older ones are not known */
        snap.sections[snap.sections_count++] =
            (struct log_snap_section){LOG_SNAP_TERM_RUNS, membership, runs_bytes};
    }
    if (seg->sections.buf != NULL) {
        struct bytes_reader r = bytes_reader(buf_slice_data(seg->sections), seg->sections.length);
        while (snap.sections_count < LOG_SNAP_SECTIONS_MAX &&
               log_section_get(&r, &snap.sections[snap.sections_count])) {
            snap.sections_count++;
        }
    }
    uint32_t bytes = (uint32_t)log_snap_bytes(&snap); /* its parts are bounded far below that */
    enum err err = buf_new(&ls->bufs, &ls->budget, bytes + runs_bytes, &buf);
    *out = (struct buf_slice){0};
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *data = buf_append(buf, bytes + runs_bytes);
    struct bytes_writer runs = bytes_writer(data + bytes, runs_bytes);
    (void)log_snap_runs(seg, &runs);
    ASSERT(runs.err == ERR_OK);
    for (uint32_t i = 0; i < snap.sections_count; i++) {
        if (snap.sections[i].kind == LOG_SNAP_TERM_RUNS) {
            snap.sections[i].data = data + bytes;
        }
    }
    struct bytes_writer w = bytes_writer(data, bytes);
    log_snap_put(&w, &snap, ls->store->kernels);
    ASSERT(w.err == ERR_OK);
    buf_seal(buf, bytes + runs_bytes);
    *out = buf_slice(buf, 0, bytes); /* the reference is its own now */
    return ERR_OK;
}

/* --- Reading --- */

void log_snap_read(struct log_snap_read *read)
{
    struct log *log = read->log;
    ASSERT(read->done != NULL);
    log->snap_reads_count++;
    read->stage = LOG_SNAP_LOAD;
    rt_op_init(&read->op, log->ls->shard, log_snap_run);
    log_load_start(&read->load, log, log_snap_loaded);
}

void log_snap_release(struct log_snap_read *read)
{
    budget_free(&read->log->ls->budget, read->data);
    read->data = NULL;
    read->snap = (struct log_snap){0};
}

static void log_snap_loaded(struct log_load *load)
{
    struct log_snap_read *read = CONTAINER_OF(load, struct log_snap_read, load);
    if (load->err != ERR_OK && load->err != ERR_CORRUPT) {
        log_snap_end(read, load->err);
        return;
    }
    log_snap_next(read, read->index);
}

/* Reads top to bottom; return: a request is under way. */
static void log_snap_run(struct rt_op *op)
{
    struct log_snap_read *read = CONTAINER_OF(op, struct log_snap_read, op);
    struct log *log = read->log;
    switch (read->stage) {
    case LOG_SNAP_OPEN:
        if (op->err == ERR_OK) {
            log_snap_opened(read);
        } else if (op->err == ERR_NOT_FOUND) {
            read->skipped_count++;
            log_snap_next(read, read->first_index - 1);
        } else {
            log_snap_end(read, op->err);
        }
        return;
    case LOG_SNAP_READ:
        read->data_bytes = op->err == ERR_OK ? (size_t)op->result : 0;
        read->err = op->err == ERR_IO ? ERR_OK : op->err; /* unreadable, as one that is corrupt */
        read->stage = LOG_SNAP_CLOSE;
        rt_file_close(&read->file, &read->op);
        return;
    case LOG_SNAP_CLOSE:
        if (read->err != ERR_OK || log->is_deleted) {
            log_snap_end(read, read->err != ERR_OK ? read->err : ERR_CLOSING);
        } else {
            log_snap_judge(read);
        }
        return;
    case LOG_SNAP_DONE:
        log->snap_reads_count--;
        read->done(read);
        return;
    default: UNREACHABLE();
    }
}

/* The newest segment at or before `index` that has files. */
static void log_snap_next(struct log_snap_read *read, uint64_t index)
{
    struct log *log = read->log;
    const struct list *list = &log->segments.list;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        const struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index > index || !seg->is_made) {
            continue;
        }
        read->first_index = seg->start.index;
        read->generation = seg->generation;
        read->stage = LOG_SNAP_OPEN;
        log_path_segment(read->path, log, seg->start.index, seg->generation, "snap");
        rt_file_open(&read->file, &read->op, log->ls->shard, read->path, RT_FILE_READ, 0);
        return;
    }
    log_snap_end(read, ERR_NOT_FOUND);
}

static void log_snap_opened(struct log_snap_read *read)
{
    void *made = NULL;
    uint64_t bytes = read->file.size_bytes;
    log_snap_release(read);
    read->data_bytes = 0;
    read->err = ERR_OK;
    if (bytes > 0 && bytes <= LOG_SNAP_BYTES_MAX) {
        read->err = budget_alloc(&read->log->ls->budget, (size_t)bytes, 1, &made);
    }
    read->data = made;
    if (made == NULL) {
        read->stage = LOG_SNAP_CLOSE;
        rt_file_close(&read->file, &read->op);
        return;
    }
    read->stage = LOG_SNAP_READ;
    rt_file_read(&read->file, &read->op, read->data, (size_t)bytes, 0);
}

/* Whether it is what was asked for; else the one before. */
static void log_snap_judge(struct log_snap_read *read)
{
    struct log *log = read->log;
    struct log_snap *snap = &read->snap;
    enum err err = log_snap_decode(read->data, read->data_bytes, log->ls->store->kernels, snap);
    bool is_sound = err == ERR_OK && snap->group == log->group &&
                    snap->first_index == read->first_index && snap->generation == read->generation;
    if (!is_sound && log->ls->diag != NULL) {
        DIAG_ERROR(log->ls->diag, "log", "a .snap does not verify", DIAG_STRING("file", read->path),
                   DIAG_U64("group", log->group));
    }
    if (is_sound && (read->kind == 0 || log_snap_find(snap, read->kind) != NULL)) {
        log_snap_end(read, ERR_OK);
        return;
    }
    log_snap_release(read);
    read->skipped_count++;
    log_snap_next(read, read->first_index - 1);
}

static void log_snap_end(struct log_snap_read *read, enum err err)
{
    if (err != ERR_OK) {
        log_snap_release(read);
    }
    read->err = err;
    read->stage = LOG_SNAP_DONE;
    rt_op_defer(&read->op);
}
