/* Opening a segment's files for writing, and making their names durable. See place.h.
 *
 *     IDLE -> LOG -> IDX -> [LOAD ->] [SNAP_GONE ->] SNAP_OPEN -> SNAP -> SNAP_SYNC
 *             ^                                                                  |
 *             |                                              IDLE <- SYNC <- SNAP_CLOSE
 *             |      directories that are missing: MKDIR, then LOG again
 *
 * A file's name is durable when its directory is synced, and that one's when its own is.
 * Directories that exist may have been made a moment ago by another shard, so they are synced by
 * everybody who needs them, unless a segment of the same partition has proven them already; that of
 * the topic, and what is above it, where the shard has done so since one was removed. */
#include <stdio.h>

#include "base/assert.h"
#include "storage/log/place.h"

/* .log files grow by their size, within these. */
#define LOG_GROW_MIN (64u << 10)
#define LOG_GROW_MAX (16u << 20)

/* And of a .idx. */
#define LOG_GROW_IDX_MIN (16u << 10)
#define LOG_GROW_IDX_MAX (1u << 20)

/* Directories from DATA down: DATA, p, topic, partition. DATA is there. */
#define LOG_PLACE_DIRS 4u

/* A directory is removed under our hands only when its last partition is deleted just then. */
#define LOG_PLACE_TRIES 8u

enum {
    LOG_PLACE_IDLE,       /* its user's */
    LOG_PLACE_LOG,        /* the .log is opened */
    LOG_PLACE_MKDIR,      /* its directories are made */
    LOG_PLACE_IDX,        /* the .idx is opened */
    LOG_PLACE_LOAD,       /* older segments: term runs are wanted */
    LOG_PLACE_SNAP_GONE,  /* a .snap that could not be written goes: the next one is a new file */
    LOG_PLACE_SNAP_OPEN,  /* the .snap is made */
    LOG_PLACE_SNAP,       /* written */
    LOG_PLACE_SNAP_SYNC,  /* synced */
    LOG_PLACE_SNAP_CLOSE, /* closed */
    LOG_PLACE_SYNC,       /* directories are synced */
};

static const struct sm_conf log_place_stages[] = {
    [LOG_PLACE_IDLE] = {"IDLE", SM_BIT(LOG_PLACE_LOG), SM_INITIAL | SM_FINAL},
    [LOG_PLACE_LOG] = {"LOG",
                       SM_BIT(LOG_PLACE_MKDIR) | SM_BIT(LOG_PLACE_IDX) | SM_BIT(LOG_PLACE_IDLE), 0},
    [LOG_PLACE_MKDIR] = {"MKDIR", SM_BIT(LOG_PLACE_LOG) | SM_BIT(LOG_PLACE_IDLE), 0},
    [LOG_PLACE_IDX] = {"IDX",
                       SM_BIT(LOG_PLACE_LOAD) | SM_BIT(LOG_PLACE_SNAP_GONE) |
                           SM_BIT(LOG_PLACE_SNAP_OPEN) | SM_BIT(LOG_PLACE_SYNC) |
                           SM_BIT(LOG_PLACE_IDLE),
                       0},
    [LOG_PLACE_LOAD] = {"LOAD",
                        SM_BIT(LOG_PLACE_SNAP_GONE) | SM_BIT(LOG_PLACE_SNAP_OPEN) |
                            SM_BIT(LOG_PLACE_IDLE),
                        0},
    [LOG_PLACE_SNAP_GONE] = {"SNAP_GONE", SM_BIT(LOG_PLACE_SNAP_OPEN) | SM_BIT(LOG_PLACE_IDLE), 0},
    [LOG_PLACE_SNAP_OPEN] = {"SNAP_OPEN", SM_BIT(LOG_PLACE_SNAP) | SM_BIT(LOG_PLACE_IDLE), 0},
    [LOG_PLACE_SNAP] = {"SNAP", SM_BIT(LOG_PLACE_SNAP_SYNC) | SM_BIT(LOG_PLACE_SNAP_CLOSE), 0},
    [LOG_PLACE_SNAP_SYNC] = {"SNAP_SYNC", SM_BIT(LOG_PLACE_SNAP_CLOSE), 0},
    [LOG_PLACE_SNAP_CLOSE] = {"SNAP_CLOSE", SM_BIT(LOG_PLACE_SYNC) | SM_BIT(LOG_PLACE_IDLE), 0},
    [LOG_PLACE_SYNC] = {"SYNC", SM_BIT(LOG_PLACE_IDLE), 0},
};
const struct sm_decl log_place_decl = {"log_place", log_place_stages, ARRAY_COUNT(log_place_stages),
                                       NULL};

static void log_place_begin(struct log_place *place, struct log_segment *seg,
                            struct log_segment *apart, void (*done)(struct log_place *place));
static struct log_segment *log_place_segment(const struct log_place *place);
static void log_place_got(struct log_file_get *get);
static void log_place_done(struct rt_op *op);
static void log_place_run(struct log_place *place);
static void log_place_open(struct log_place *place, enum log_file_kind kind);
static bool log_place_check_log(struct log_place *place);
static bool log_place_dirs(struct log_place *place);
static void log_place_dir(struct log_place *place, uint32_t level);
static void log_place_loaded(struct log_load *load);
static void log_place_snap(struct log_place *place, const struct log_segment *seg);
static void log_place_snap_open(struct log_place *place);
static void log_place_snap_step(struct log_place *place);
static void log_place_snapped(struct log_place *place, struct log_segment *seg);
static uint32_t log_place_syncs(const struct log_place *place);
static void log_place_sync(struct log_place *place);
static void log_place_end(struct log_place *place, enum err err, int saved_errno);

struct log_segment *log_segment_of(const struct log *log, uint64_t first_index, uint32_t generation)
{
    const struct list *list = &log->segments.list;
    for (struct list_node *node = list->head.prev; node != &list->head; node = node->prev) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg->start.index <= first_index) {
            bool is_it = seg->start.index == first_index && seg->generation == generation;
            return is_it ? seg : NULL;
        }
    }
    return NULL;
}

uint32_t log_segment_grown(const struct log_segment *seg, uint32_t need_bytes)
{
    uint64_t bytes = seg->allocated_bytes;
    while (bytes < need_bytes) {
        uint64_t step = bytes < LOG_GROW_MIN ? LOG_GROW_MIN : bytes;
        bytes += step < LOG_GROW_MAX ? step : LOG_GROW_MAX;
    }
    uint64_t most = seg->log->segment_bytes_max;
    most = (most + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    most = most < need_bytes ? need_bytes : most;
    bytes = bytes < most ? bytes : most;
    return bytes > seg->allocated_bytes ? (uint32_t)bytes : seg->allocated_bytes;
}

uint64_t log_segment_idx_grown(const struct log_segment *seg, uint64_t need_bytes)
{
    uint64_t bytes = seg->idx_allocated_bytes;
    while (bytes < need_bytes) {
        uint64_t step = bytes < LOG_GROW_IDX_MIN ? LOG_GROW_IDX_MIN : bytes;
        bytes += step < LOG_GROW_IDX_MAX ? step : LOG_GROW_IDX_MAX;
    }
    return bytes;
}

void log_place_start(struct log_place *place, struct log_segment *seg,
                     void (*done)(struct log_place *place))
{
    log_place_begin(place, seg, NULL, done);
}

void log_place_start_apart(struct log_place *place, struct log_segment *seg,
                           void (*done)(struct log_place *place))
{
    log_place_begin(place, seg, seg, done);
}

static void log_place_begin(struct log_place *place, struct log_segment *seg,
                            struct log_segment *apart, void (*done)(struct log_place *place))
{
    struct log *log = seg->log;
    if (place->sm.decl == NULL) {
        sm_init(&place->sm, &log_place_decl, LOG_PLACE_IDLE, NULL, 0);
        rt_op_init(&place->op, log->ls->shard, log_place_done);
    }
    place->log = log;
    place->done = done;
    place->err = ERR_OK;
    place->saved_errno = 0;
    place->kind = "log";
    place->snap_data = (struct buf_slice){0};
    place->file_log = NULL;
    place->file_idx = NULL;
    place->first_index = seg->start.index;
    place->generation = seg->generation;
    place->apart = apart;
    place->step = 0;
    place->tries_count = 0;
    place->does_make_dirs = true;
    list_for_each (node, &log->segments.list) {
        place->does_make_dirs &= !CONTAINER_OF(node, struct log_segment, in_log)->is_made;
    }
    sm_move(&place->sm, LOG_PLACE_LOG);
    log_place_open(place, LOG_FILE_LOG);
}

/* NULL: it is gone. */
static struct log_segment *log_place_segment(const struct log_place *place)
{
    return place->apart != NULL ? place->apart
                                : log_segment_of(place->log, place->first_index, place->generation);
}

static void log_place_got(struct log_file_get *get)
{
    struct log_place *place = CONTAINER_OF(get, struct log_place, get);
    place->err = get->err;
    place->saved_errno = get->saved_errno;
    log_place_run(place);
}

static void log_place_done(struct rt_op *op)
{
    struct log_place *place = CONTAINER_OF(op, struct log_place, op);
    bool is_closed = sm_stage(&place->sm) == LOG_PLACE_SNAP_CLOSE;
    place->err = is_closed && op->err == ERR_OK ? place->snap_err : op->err;
    place->saved_errno = is_closed && op->err == ERR_OK ? place->snap_errno : op->saved_errno;
    log_place_run(place);
}

static void log_place_loaded(struct log_load *load)
{
    log_place_run(CONTAINER_OF(load, struct log_place, load)); /* what failed is not known then */
}

/* tidy: dispatcher */
static void log_place_run(struct log_place *place)
{
    struct log_segment *seg = log_place_segment(place);
    switch (sm_stage(&place->sm)) {
    case LOG_PLACE_LOG:
        if (log_place_check_log(place)) {
            sm_move(&place->sm, LOG_PLACE_IDX);
            log_place_open(place, LOG_FILE_IDX);
        }
        return;
    case LOG_PLACE_MKDIR:
        if (log_place_dirs(place)) {
            sm_move(&place->sm, LOG_PLACE_LOG);
            log_place_open(place, LOG_FILE_LOG);
        }
        return;
    case LOG_PLACE_IDX:
        place->file_idx = place->get.file;
        if (place->err == ERR_OK && seg != NULL) {
            seg->has_files = true;
        }
        place->kind = "idx";
        if (place->err != ERR_OK || seg == NULL || (seg->is_made && seg->has_snap)) {
            break;
        }
        if (seg->has_snap) {
            log_place_snapped(place, seg);
            return;
        }
        if (!place->log->is_loaded) {
            sm_move(&place->sm, LOG_PLACE_LOAD);
            log_load_start(&place->load, place->log, log_place_loaded);
            return;
        }
        log_place_snap(place, seg);
        return;
    case LOG_PLACE_LOAD:
        if (seg == NULL) {
            break;
        }
        log_place_snap(place, seg);
        return;
    case LOG_PLACE_SNAP_GONE:
        if (place->err != ERR_OK && place->err != ERR_NOT_FOUND) {
            break;
        }
        log_place_snap_open(place);
        return;
    case LOG_PLACE_SNAP_OPEN:
        if (place->err != ERR_OK) {
            break;
        }
        sm_move(&place->sm, LOG_PLACE_SNAP);
        rt_file_write(&place->snap, &place->op, buf_slice_data(place->snap_data),
                      place->snap_data.length, 0);
        return;
    case LOG_PLACE_SNAP:
    case LOG_PLACE_SNAP_SYNC: log_place_snap_step(place); return;
    case LOG_PLACE_SNAP_CLOSE:
        if (seg == NULL || place->err != ERR_OK) {
            break;
        }
        seg->has_snap = true;
        log_sections_drop(seg);
        log_place_snapped(place, seg);
        return;
    case LOG_PLACE_SYNC:
        place->step++;
        if (place->err == ERR_OK && place->step < place->syncs_count) {
            log_place_sync(place);
            return;
        }
        if (place->err == ERR_OK && place->syncs_count == LOG_PLACE_DIRS) {
            place->log->ls->topic_made = place->log->topic;
            place->log->ls->topic_made_at = place->topics_removed + 1;
        }
        if (place->err == ERR_OK && seg != NULL) {
            seg->is_made = true;
        }
        break;
    default: UNREACHABLE();
    }
    log_place_end(place, seg == NULL ? ERR_CANCELED : place->err, place->saved_errno);
}

/* Get one of its files; it may have gone meanwhile. */
static void log_place_open(struct log_place *place, enum log_file_kind kind)
{
    struct log_segment *seg = log_place_segment(place);
    if (seg == NULL || place->log->is_delete_durable) {
        log_place_end(place, ERR_CANCELED, 0);
        return;
    }
    if (place->apart != NULL) {
        kind = kind == LOG_FILE_LOG ? LOG_FILE_LOG_NEW : LOG_FILE_IDX_NEW;
    }
    place->get.done = log_place_got;
    log_file_get_segment(&place->get, seg, kind, !seg->is_made);
}

/* The .log's open has ended. True: go on with the .idx. */
static bool log_place_check_log(struct log_place *place)
{
    place->file_log = place->get.file;
    if (place->err == ERR_OK) {
        return true;
    }
    if (place->err != ERR_NOT_FOUND || !place->does_make_dirs ||
        place->tries_count == LOG_PLACE_TRIES) {
        log_place_end(place, place->err, place->saved_errno);
        return false;
    }
    place->tries_count++;
    place->step = 1;
    sm_move(&place->sm, LOG_PLACE_MKDIR);
    log_place_dir(place, place->step);
    rt_path_mkdir(&place->op, place->path, 0700);
    return false;
}

/* A directory is made, or was there. True: all are. */
static bool log_place_dirs(struct log_place *place)
{
    bool is_gone = place->err == ERR_NOT_FOUND && place->tries_count < LOG_PLACE_TRIES;
    if (is_gone) { /* the one above was removed: from the top */
        place->tries_count++;
        place->step = 0;
    } else if (place->err != ERR_OK && place->err != ERR_EXISTS) {
        log_place_end(place, place->err, place->saved_errno);
        return false;
    }
    place->step++;
    if (place->step == LOG_PLACE_DIRS) {
        place->step = 0;
        return true;
    }
    log_place_dir(place, place->step);
    rt_path_mkdir(&place->op, place->path, 0700);
    return false;
}

/* --- The .snap --- */

/* Its bytes are as of now: what the log knows of entries before the segment does not change. */
static void log_place_snap(struct log_place *place, const struct log_segment *seg)
{
    place->kind = "snap";
    enum err err = log_snap_build(seg, &place->snap_data);
    if (err != ERR_OK) {
        log_place_end(place, err, 0);
        return;
    }
    log_path_segment(place->path, place->log, place->first_index, place->generation, "snap");
    if (place->apart != NULL || seg->is_failed) {
        sm_move(&place->sm, LOG_PLACE_SNAP_GONE);
        rt_path_unlink(&place->op, place->path);
        return;
    }
    log_place_snap_open(place);
}

static void log_place_snap_open(struct log_place *place)
{
    sm_move(&place->sm, LOG_PLACE_SNAP_OPEN);
    rt_file_open(&place->snap, &place->op, place->log->ls->shard, place->path,
                 RT_FILE_WRITE | RT_FILE_CREATE, 0600);
}

/* It is written, or synced, or that has failed. */
static void log_place_snap_step(struct log_place *place)
{
    if (place->err == ERR_OK && sm_stage(&place->sm) == LOG_PLACE_SNAP) {
        sm_move(&place->sm, LOG_PLACE_SNAP_SYNC);
        rt_file_flush(&place->snap, &place->op);
        return;
    }
    place->snap_err = place->err;
    place->snap_errno = place->saved_errno;
    sm_move(&place->sm, LOG_PLACE_SNAP_CLOSE);
    rt_file_close(&place->snap, &place->op);
}

/* On to the names. */
static void log_place_snapped(struct log_place *place, struct log_segment *seg)
{
    place->kind = "log";
    place->does_make_dirs &= !seg->is_made;
    place->topics_removed = atomic_load(&place->log->ls->store->topics_removed);
    place->syncs_count = log_place_syncs(place);
    sm_move(&place->sm, LOG_PLACE_SYNC);
    log_place_sync(place);
}

/* --- Directories --- */

/* The path of a directory, by how far it is below DATA. */
static void log_place_dir(struct log_place *place, uint32_t level)
{
    const struct log_store *store = place->log->ls->store;
    const struct log *log = place->log;
    int length = 0;
    switch (level) {
    case 3: log_path_partition(place->path, store, &log->topic, log->partition); return;
    case 2: log_path_topic(place->path, store, &log->topic); return;
    case 1: length = snprintf(place->path, LIMIT_PATH_BYTES, "%s/p", store->config.dir); break;
    default: length = snprintf(place->path, LIMIT_PATH_BYTES, "%s", store->config.dir); break;
    }
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
}

/* How many directories to sync, from the partition's up. The name of the topic's is durable where
 * this shard has made sure of it and no topic's was removed since. */
static uint32_t log_place_syncs(const struct log_place *place)
{
    const struct log_shard *ls = place->log->ls;
    bool is_topic_made = ls->topic_made_at == place->topics_removed + 1 &&
                         log_uuid_is_equal(&ls->topic_made, &place->log->topic);
    if (!place->does_make_dirs) {
        return 1;
    }
    return is_topic_made ? 2 : LOG_PLACE_DIRS;
}

/* Sync the next directory, from the partition's up. */
static void log_place_sync(struct log_place *place)
{
    log_place_dir(place, LOG_PLACE_DIRS - 1 - place->step);
    rt_path_sync_dir(&place->op, place->path);
}

static void log_place_end(struct log_place *place, enum err err, int saved_errno)
{
    struct log_shard *ls = place->log->ls;
    if (place->snap_data.buf != NULL) {
        buf_unref(place->snap_data.buf);
        place->snap_data = (struct buf_slice){0};
    }
    if (err != ERR_OK) {
        if (place->file_log != NULL) {
            log_file_put(ls, place->file_log);
        }
        if (place->file_idx != NULL) {
            log_file_put(ls, place->file_idx);
        }
        place->file_log = NULL;
        place->file_idx = NULL;
    }
    place->err = err;
    place->saved_errno = saved_errno;
    sm_move(&place->sm, LOG_PLACE_IDLE);
    place->done(place);
}
