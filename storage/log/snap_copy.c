/* Copying a .snap. See snap_copy.h.
 *
 *     IDLE -> OPEN -> READ -> CLOSE -> MAKE -> WRITE -> SYNC -> END -> IDLE
 *
 * All of the old one is in memory at a time: it has a bound, and is small next to its segment. */
#include "storage/log/snap_copy.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "storage/log/shard.h"
#include "storage/log/snap.h"

enum {
    LOG_SNAP_COPY_IDLE,  /* none's */
    LOG_SNAP_COPY_OPEN,  /* the old one is opened */
    LOG_SNAP_COPY_READ,  /* read */
    LOG_SNAP_COPY_CLOSE, /* closed */
    LOG_SNAP_COPY_MAKE,  /* the new one is made */
    LOG_SNAP_COPY_WRITE, /* written */
    LOG_SNAP_COPY_SYNC,  /* synced */
    LOG_SNAP_COPY_END,   /* closed */
};

static const struct sm_conf log_snap_copy_stages[] = {
    [LOG_SNAP_COPY_IDLE] = {"IDLE", SM_BIT(LOG_SNAP_COPY_OPEN), SM_INITIAL | SM_FINAL},
    [LOG_SNAP_COPY_OPEN] = {"OPEN",
                            SM_BIT(LOG_SNAP_COPY_READ) | SM_BIT(LOG_SNAP_COPY_CLOSE) |
                                SM_BIT(LOG_SNAP_COPY_IDLE),
                            0},
    [LOG_SNAP_COPY_READ] = {"READ", SM_BIT(LOG_SNAP_COPY_CLOSE), 0},
    [LOG_SNAP_COPY_CLOSE] = {"CLOSE", SM_BIT(LOG_SNAP_COPY_MAKE) | SM_BIT(LOG_SNAP_COPY_IDLE), 0},
    [LOG_SNAP_COPY_MAKE] = {"MAKE", SM_BIT(LOG_SNAP_COPY_WRITE) | SM_BIT(LOG_SNAP_COPY_IDLE), 0},
    [LOG_SNAP_COPY_WRITE] = {"WRITE", SM_BIT(LOG_SNAP_COPY_SYNC) | SM_BIT(LOG_SNAP_COPY_END), 0},
    [LOG_SNAP_COPY_SYNC] = {"SYNC", SM_BIT(LOG_SNAP_COPY_END), 0},
    [LOG_SNAP_COPY_END] = {"END", SM_BIT(LOG_SNAP_COPY_IDLE), 0},
};
const struct sm_decl log_snap_copy_decl = {"log_snap_copy", log_snap_copy_stages,
                                           ARRAY_COUNT(log_snap_copy_stages), NULL};

static void log_snap_copy_done(struct rt_op *op);
static void log_snap_copy_opened(struct log_snap_copy *copy);
static void log_snap_copy_make(struct log_snap_copy *copy);
static enum err log_snap_copy_encode(struct log_snap_copy *copy);
static void log_snap_copy_end(struct log_snap_copy *copy);

void log_snap_copy_start(struct log_snap_copy *copy, struct log_segment *seg,
                         uint32_t generation_old, void (*done)(struct log_snap_copy *copy))
{
    struct log_shard *ls = seg->log->ls;
    copy->seg = seg;
    copy->generation_old = generation_old;
    copy->done = done;
    copy->err = ERR_OK;
    copy->saved_errno = 0;
    copy->data = NULL;
    copy->out = NULL;
    sm_init(&copy->sm, &log_snap_copy_decl, LOG_SNAP_COPY_IDLE, NULL, seg->log->group);
    rt_op_init(&copy->op, ls->shard, log_snap_copy_done);
    log_path_segment(copy->path, seg->log, seg->start.index, generation_old, "snap");
    sm_move(&copy->sm, LOG_SNAP_COPY_OPEN);
    rt_file_open(&copy->file, &copy->op, ls->shard, copy->path, RT_FILE_READ, 0);
}

static void log_snap_copy_done(struct rt_op *op)
{
    struct log_snap_copy *copy = CONTAINER_OF(op, struct log_snap_copy, op);
    uint32_t stage = sm_stage(&copy->sm);
    bool is_reading = stage == LOG_SNAP_COPY_OPEN || stage == LOG_SNAP_COPY_READ;
    bool is_missing = is_reading && (op->err == ERR_IO || op->err == ERR_NOT_FOUND);
    if (op->err != ERR_OK && !is_missing && copy->err == ERR_OK) {
        copy->err = op->err;
        copy->saved_errno = op->saved_errno;
    }
    switch (stage) {
    case LOG_SNAP_COPY_OPEN:
        if (op->err != ERR_OK) {
            log_snap_copy_end(copy);
            return;
        }
        log_snap_copy_opened(copy);
        return;
    case LOG_SNAP_COPY_READ:
        copy->data_bytes = op->err == ERR_OK ? (uint32_t)op->result : 0;
        sm_move(&copy->sm, LOG_SNAP_COPY_CLOSE);
        rt_file_close(&copy->file, &copy->op);
        return;
    case LOG_SNAP_COPY_CLOSE: log_snap_copy_make(copy); return;
    case LOG_SNAP_COPY_MAKE:
        if (copy->err != ERR_OK) {
            log_snap_copy_end(copy);
            return;
        }
        sm_move(&copy->sm, LOG_SNAP_COPY_WRITE);
        rt_file_write(&copy->file, &copy->op, copy->out, copy->out_bytes, 0);
        return;
    case LOG_SNAP_COPY_WRITE:
        if (copy->err == ERR_OK) {
            sm_move(&copy->sm, LOG_SNAP_COPY_SYNC);
            rt_file_flush(&copy->file, &copy->op);
            return;
        }
        FALLTHROUGH;
    case LOG_SNAP_COPY_SYNC:
        sm_move(&copy->sm, LOG_SNAP_COPY_END);
        rt_file_close(&copy->file, &copy->op);
        return;
    case LOG_SNAP_COPY_END: log_snap_copy_end(copy); return;
    default: UNREACHABLE();
    }
}

/* Read all of it, if it is no larger than one may be. */
static void log_snap_copy_opened(struct log_snap_copy *copy)
{
    struct log_shard *ls = copy->seg->log->ls;
    uint64_t bytes = copy->file.size_bytes;
    void *made = NULL;
    if (bytes > 0 && bytes <= LOG_SNAP_BYTES_MAX) {
        copy->err = budget_alloc(&ls->budget, (size_t)bytes, sizeof(uint64_t), &made);
    }
    copy->data = made;
    copy->data_bytes = 0;
    if (made == NULL) {
        sm_move(&copy->sm, LOG_SNAP_COPY_CLOSE);
        rt_file_close(&copy->file, &copy->op);
        return;
    }
    sm_move(&copy->sm, LOG_SNAP_COPY_READ);
    rt_file_read(&copy->file, &copy->op, copy->data, (size_t)bytes, 0);
}

static void log_snap_copy_make(struct log_snap_copy *copy)
{
    const struct log_segment *seg = copy->seg;
    if (copy->err == ERR_OK) {
        copy->err = log_snap_copy_encode(copy);
    }
    if (copy->err != ERR_OK || copy->out == NULL) {
        log_snap_copy_end(copy);
        return;
    }
    log_path_segment(copy->path, seg->log, seg->start.index, seg->generation, "snap");
    sm_move(&copy->sm, LOG_SNAP_COPY_MAKE);
    rt_file_open(&copy->file, &copy->op, seg->log->ls->shard, copy->path,
                 RT_FILE_WRITE | RT_FILE_CREATE, 0600);
}

/* copy->out = the new one; NULL: the old one is not readable. */
static enum err log_snap_copy_encode(struct log_snap_copy *copy)
{
    const struct log_segment *seg = copy->seg;
    const struct crc32c *kernels = seg->log->ls->store->kernels;
    struct log_snap snap;
    if (copy->data == NULL ||
        log_snap_decode(copy->data, copy->data_bytes, kernels, &snap) != ERR_OK ||
        snap.group != seg->log->group || snap.first_index != seg->start.index ||
        snap.generation != copy->generation_old) {
        return ERR_OK;
    }
    void *made = NULL;
    snap.generation = seg->generation;
    size_t bytes = log_snap_bytes(&snap);
    enum err err = budget_alloc(&seg->log->ls->budget, bytes, sizeof(uint64_t), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct bytes_writer w = bytes_writer(made, bytes);
    log_snap_put(&w, &snap, kernels);
    ASSERT(w.err == ERR_OK);
    copy->out = made;
    copy->out_bytes = (uint32_t)w.pos;
    return ERR_OK;
}

static void log_snap_copy_end(struct log_snap_copy *copy)
{
    struct budget *budget = &copy->seg->log->ls->budget;
    budget_free(budget, copy->data);
    budget_free(budget, copy->out);
    copy->data = NULL;
    copy->out = NULL;
    sm_move(&copy->sm, LOG_SNAP_COPY_IDLE);
    sm_deinit(&copy->sm);
    copy->done(copy);
}
