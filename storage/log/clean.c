/* Files that go: of segments wholly below the log start that no pin holds, of segments that were
 * cut off, of deleted groups. Rounds of settling find such groups, which wait in a queue; their
 * files go one group after the other, beside the rounds: a removal may take long. See clean.h.
 *
 *     IDLE -> [LOAD ->] UNLINK -> ... -> [SYNC_DIR ->] IDLE
 *          a deleted group: LIST -> EMPTY -> ... -> RMDIR -> RMDIR_TOPIC -> SYNC -> IDLE
 *
 * A segment goes when its end is durable (the cut, the trim) and the table names a later one or the
 * cut has voided what it says; and when no frame with a direct write to it could still be taken for
 * torn, because its bytes are not there (lane.known_through). A removal is not synced: what comes
 * back after a crash is void, and is removed by who loads the group's segments, or by the deleted
 * group's row. But that files were replaced only the journal tells, and it does until their removal
 * is synced: no row of the group is written before. So these go first, and at once: all that was
 * written directly to them was settled before they were replaced, and their copies no frame names.
 */
#include <string.h>

#include "base/assert.h"
#include "storage/log/move_int.h"
#include "storage/log/round.h"

/* Names of a directory, at first and at most. */
#define LOG_CLEAN_NAMES_MIN (16u << 10)
#define LOG_CLEAN_NAMES_MAX (16u << 20)

/* Segments of a group that go before it, and others, have their turn: it is not settled meanwhile.
 */
#define LOG_CLEAN_SEGMENTS 8u

enum {
    LOG_CLEAN_IDLE,
    LOG_CLEAN_LOAD,        /* the group's older segments */
    LOG_CLEAN_UNLINK,      /* files of segments */
    LOG_CLEAN_SYNC_DIR,    /* that is made durable, where a table waits for it */
    LOG_CLEAN_LIST,        /* the deleted group's directory */
    LOG_CLEAN_EMPTY,       /* its files */
    LOG_CLEAN_RMDIR,       /* itself */
    LOG_CLEAN_RMDIR_TOPIC, /* the one above, if that was the last */
    LOG_CLEAN_SYNC,        /* and the one above that */
};

static const struct sm_conf log_clean_stages[] = {
    [LOG_CLEAN_IDLE] = {"IDLE",
                        SM_BIT(LOG_CLEAN_LOAD) | SM_BIT(LOG_CLEAN_UNLINK) | SM_BIT(LOG_CLEAN_LIST),
                        SM_INITIAL | SM_FINAL},
    [LOG_CLEAN_LOAD] = {"LOAD", SM_BIT(LOG_CLEAN_UNLINK) | SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_UNLINK] = {"UNLINK", SM_BIT(LOG_CLEAN_SYNC_DIR) | SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_SYNC_DIR] = {"SYNC_DIR", SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_LIST] = {"LIST", SM_BIT(LOG_CLEAN_EMPTY) | SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_EMPTY] = {"EMPTY", SM_BIT(LOG_CLEAN_RMDIR) | SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_RMDIR] = {"RMDIR", SM_BIT(LOG_CLEAN_RMDIR_TOPIC), 0},
    [LOG_CLEAN_RMDIR_TOPIC] = {"RMDIR_TOPIC", SM_BIT(LOG_CLEAN_SYNC), 0},
    [LOG_CLEAN_SYNC] = {"SYNC", SM_BIT(LOG_CLEAN_IDLE), 0},
};
const struct sm_decl log_clean_decl = {"log_clean", log_clean_stages, ARRAY_COUNT(log_clean_stages),
                                       NULL};

/* A segment's files. */
static const char *const log_clean_kinds[] = {"log", "idx", "snap"};

static uint64_t log_clean_floor(const struct log *log);
static bool log_clean_has_trimmed(const struct log *log);
static void log_clean_trimmed(struct log *log);
static bool log_clean_may_begin(const struct log *log);
static void log_clean_start(struct log_clean *clean, struct log *log);
static void log_clean_loaded(struct log_load *load);
static void log_clean_done(struct rt_op *op);
static void log_clean_segments(struct log_clean *clean);
static void log_clean_unlink(struct log_clean *clean);
static void log_clean_sync(struct log_clean *clean);
static void log_clean_synced(struct log_clean *clean, enum err err);
static void log_clean_list(struct log_clean *clean);
static void log_clean_listed(struct log_clean *clean);
static void log_clean_empty(struct log_clean *clean);
static void log_clean_end(struct log_clean *clean);

/* --- What may go --- */

/* Entries below it go: the log start, or what is pinned below that. */
static uint64_t log_clean_floor(const struct log *log)
{
    uint64_t index = log->durable_start.index;
    list_for_each (node, &log->pins) {
        const struct log_pin *pin = CONTAINER_OF(node, struct log_pin, in_log);
        index = pin->index < index ? pin->index : index;
    }
    return index;
}

/* Whether the first segment known is finished, below the floor, and before the table's. */
static bool log_clean_has_trimmed(const struct log *log)
{
    const struct list *list = &log->segments.list;
    struct list_node *node = list_first(list);
    struct list_node *following = node != NULL ? list_next(list, node) : NULL;
    if (log->ls->keeps_trimmed || following == NULL ||
        !CONTAINER_OF(node, struct log_segment, in_log)->is_finished) {
        return false;
    }
    uint64_t next_index = CONTAINER_OF(following, struct log_segment, in_log)->start.index;
    return next_index <= log_clean_floor(log) && next_index <= log->table_segment;
}

bool log_clean_is_due(const struct log *log)
{
    return log->is_available && (log->is_deleted || !list_is_empty(&log->garbage) ||
                                 log->switches_removed > 0 || log_clean_has_trimmed(log));
}

void log_clean_want(struct log *log)
{
    log->wants_clean = true;
    log->clean_frame = log->ls->lane.next_number - 1;
}

/* Segments that were trimmed become garbage. Their entries that are still hot go with them. */
static void log_clean_trimmed(struct log *log)
{
    while (log_clean_has_trimmed(log)) {
        struct log_segment *seg =
            CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log);
        for (struct log_slot *slot = log_tail_first(log); slot != NULL && slot->seg == seg;
             slot = log_tail_first(log)) {
            if (!slot->is_settled) {
                return; /* it is when the table has been written once more */
            }
            log_tail_pop_first(log);
        }
        log_segment_discard(seg);
    }
}

/* Whether a frame that a start would doubt may refer to files that are to go. What copies of
 * segments leave does not wait for that (log_garbage.is_early): no row is written meanwhile, so
 * that the journal may fill up, and then no frame comes that makes another known. */
static bool log_clean_is_early(const struct log *log)
{
    return log->clean_frame > log->ls->lane.known_through;
}

/* Whether there is such work that does not wait. */
static bool log_clean_has_early(const struct log *log)
{
    const struct list_node *node = list_first(&log->garbage);
    return log->switches_removed > 0 ||
           (node != NULL && CONTAINER_OF(node, const struct log_garbage, in_log)->is_early);
}

/* Whether nothing of the group is under way that its files, or a deleted one itself, are for. */
static bool log_clean_may_begin(const struct log *log)
{
    if (log->is_settling || log->direct_count > 0 || log->cuts_pending > 0 || !log->is_available) {
        return false;
    }
    if (log_clean_is_early(log)) {
        return !log->is_deleted && log_clean_has_early(log);
    }
    return !log->is_deleted ||
           (log->row.state == LOG_ROW_DELETED && !log->is_row_old && log->pending_count == 0 &&
            log->loading == NULL && log->snap_reads_count == 0 && !log->is_replacing &&
            !log->is_repairing && list_is_empty(&log->reads) && list_is_empty(&log->pins) &&
            log->ls->lookups.in_use_count == 0);
}

/* --- Running --- */

void log_clean_init(struct log_clean *clean, struct log_round *round)
{
    clean->round = round;
    list_init(&clean->queue);
    sm_init(&clean->sm, &log_clean_decl, LOG_CLEAN_IDLE, NULL, 0);
    rt_op_init(&clean->op, round->ls->shard, log_clean_done);
}

void log_clean_deinit(struct log_clean *clean)
{
    budget_free(&clean->round->ls->budget, clean->names);
    clean->names = NULL;
    sm_deinit(&clean->sm);
}

void log_clean_add(struct log_clean *clean, struct log *log)
{
    if (!list_is_linked(&log->in_clean) && !log_clean_is_at(log)) {
        list_push_back(&clean->queue, &log->in_clean);
    }
}

bool log_clean_is_at(const struct log *log)
{
    const struct log_clean *clean = &log_round_of(log->ls)->clean;
    return !sm_is_final(&clean->sm) && clean->log == log;
}

void log_clean_go(struct log_clean *clean, bool is_last)
{
    uint32_t looked_count = 0;
    if (clean->round->settle->flushed != NULL && !is_last) {
        return; /* the round that settles all waits for no other */
    }
    list_for_each_safe (node, following, &clean->queue) {
        struct log *log = CONTAINER_OF(node, struct log, in_clean);
        if (!sm_is_final(&clean->sm) || looked_count++ == LOG_SETTLE_SCAN ||
            atomic_load(&log->ls->store->is_fenced)) {
            return;
        }
        bool is_busy = log->is_settling || log->direct_count > 0 || log_round_is_telling(log);
        if ((is_busy || log->is_skipped) && !is_last) {
            continue;
        }
        list_remove(node);
        if (log->wants_clean && !log_is_held(log) && log_clean_may_begin(log)) {
            log_clean_start(clean, log);
        } else if (log->wants_clean) {
            log_round_clean_later(clean);
        }
    }
}

static void log_clean_start(struct log_clean *clean, struct log *log)
{
    clean->log = log;
    clean->is_failed = false;
    clean->is_paused = false;
    clean->removed_count = 0;
    clean->cut_epoch = log->cut_epoch;
    clean->kind = 0;
    if (log->is_deleted) {
        sm_move(&clean->sm, LOG_CLEAN_LIST);
        log_clean_list(clean);
    } else if (!log->is_loaded) {
        sm_move(&clean->sm, LOG_CLEAN_LOAD);
        log_load_start(&clean->load, log, log_clean_loaded);
    } else {
        sm_move(&clean->sm, LOG_CLEAN_UNLINK);
        rt_op_defer(&clean->op);
    }
}

static void log_clean_loaded(struct log_load *load)
{
    struct log_clean *clean = CONTAINER_OF(load, struct log_clean, load);
    if (load->err != ERR_OK && load->err != ERR_CORRUPT) {
        clean->is_failed = true;
        log_clean_end(clean);
        return;
    }
    sm_move(&clean->sm, LOG_CLEAN_UNLINK);
    log_clean_segments(clean);
}

static void log_clean_done(struct rt_op *op)
{
    struct log_clean *clean = CONTAINER_OF(op, struct log_clean, op);
    struct log *log = clean->log;
    bool is_gone = op->err == ERR_OK || op->err == ERR_NOT_FOUND;
    switch (sm_stage(&clean->sm)) {
    case LOG_CLEAN_UNLINK:
        clean->is_failed |= !is_gone;
        log_clean_segments(clean);
        return;
    case LOG_CLEAN_SYNC_DIR: log_clean_synced(clean, op->err); return;
    case LOG_CLEAN_LIST: log_clean_listed(clean); return;
    case LOG_CLEAN_EMPTY:
        clean->is_failed |= !is_gone;
        log_clean_empty(clean);
        return;
    case LOG_CLEAN_RMDIR:
        sm_move(&clean->sm, LOG_CLEAN_RMDIR_TOPIC);
        log_path_topic(clean->path, log->ls->store, &log->topic);
        rt_path_rmdir(&clean->op, clean->path);
        return;
    case LOG_CLEAN_RMDIR_TOPIC: /* it stays while another partition is in it */
        sm_move(&clean->sm, LOG_CLEAN_SYNC);
        rt_path_sync_dir(&clean->op, clean->path);
        return;
    case LOG_CLEAN_SYNC: log_clean_end(clean); return;
    default: UNREACHABLE();
    }
}

/* --- Segments --- */

/* The next file of what is garbage, unless the group was cut meanwhile. More may have come to the
 * front of the list since. */
static void log_clean_segments(struct log_clean *clean)
{
    struct log *log = clean->log;
    clean->is_failed |= log->cut_epoch != clean->cut_epoch || log->is_deleted;
    if (clean->is_failed) {
        log_clean_end(clean);
        return;
    }
    bool is_early = log_clean_is_early(log);
    if (!is_early) {
        log_clean_trimmed(log);
    }
    if (clean->kind == ARRAY_COUNT(log_clean_kinds)) {
        clean->kind = 0;
        log->switches_removed += clean->garbage->generation_new != 0;
        list_remove(&clean->garbage->in_log);
        pool_release(&log->ls->small, clean->garbage);
        clean->removed_count++;
    }
    if (clean->kind == 0) {
        struct list_node *node = list_first(&log->garbage);
        clean->garbage = node != NULL ? CONTAINER_OF(node, struct log_garbage, in_log) : NULL;
    }
    bool is_next = clean->kind == 0 && clean->garbage != NULL;
    clean->is_paused = is_next && clean->removed_count == LOG_CLEAN_SEGMENTS;
    bool is_left = clean->is_paused || (is_next && is_early && !clean->garbage->is_early);
    if (clean->garbage != NULL && !is_left) {
        log_clean_unlink(clean);
        return;
    }
    clean->is_failed = is_left; /* the rest later */
    if (log->switches_removed > 0) {
        log_clean_sync(clean);
    } else {
        log_clean_end(clean);
    }
}

/* Files that were replaced do not come back any more. */
static void log_clean_sync(struct log_clean *clean)
{
    const struct log *log = clean->log;
    sm_move(&clean->sm, LOG_CLEAN_SYNC_DIR);
    clean->synced_count = log->switches_removed;
    log_path_partition(clean->dir, log->ls->store, &log->topic, log->partition);
    rt_path_sync_dir(&clean->op, clean->dir);
}

static void log_clean_synced(struct log_clean *clean, enum err err)
{
    struct log *log = clean->log;
    clean->is_failed |= err != ERR_OK || log->is_deleted; /* meanwhile: all of it goes, later */
    if (err == ERR_OK) {
        ASSERT(log->switches_pending >= clean->synced_count);
        log->switches_pending -= clean->synced_count;
        log->switches_removed -= clean->synced_count;
        log->is_row_old = true;
    }
    log_clean_end(clean);
}

static void log_clean_unlink(struct log_clean *clean)
{
    const struct log *log = clean->log;
    log_path_segment(clean->path, log, clean->garbage->first_index, clean->garbage->generation,
                     log_clean_kinds[clean->kind++]);
    rt_path_unlink(&clean->op, clean->path);
}

/* --- A deleted group --- */

static void log_clean_list(struct log_clean *clean)
{
    struct log *log = clean->log;
    if (clean->names == NULL) {
        size_t bytes = clean->names_max == 0 ? LOG_CLEAN_NAMES_MIN : clean->names_max;
        void *made = NULL;
        if (budget_alloc(&log->ls->budget, bytes, 1, &made) != ERR_OK) {
            clean->is_failed = true;
            rt_op_defer(&clean->op);
            return;
        }
        clean->names = made;
        clean->names_max = bytes;
    }
    clean->list = (struct rt_dir_list){.names = clean->names, .names_max = clean->names_max};
    log_path_partition(clean->dir, log->ls->store, &log->topic, log->partition);
    rt_path_list(&clean->op, clean->dir, &clean->list);
}

static void log_clean_listed(struct log_clean *clean)
{
    enum err err = clean->op.err;
    if (err == ERR_TOO_LARGE && clean->names_max < LOG_CLEAN_NAMES_MAX) {
        budget_free(&clean->log->ls->budget, clean->names);
        clean->names = NULL;
        clean->names_max *= 2;
        log_clean_list(clean);
        return;
    }
    clean->is_failed |= err != ERR_OK && err != ERR_NOT_FOUND;
    if (clean->is_failed) {
        log_clean_end(clean);
        return;
    }
    list_for_each (node, &clean->log->segments.list) {
        log_files_forget_segment(CONTAINER_OF(node, struct log_segment, in_log));
    }
    if (err == ERR_NOT_FOUND) { /* nothing was ever written */
        clean->list.names_bytes = 0;
    }
    clean->at = 0;
    sm_move(&clean->sm, LOG_CLEAN_EMPTY);
    log_clean_empty(clean);
}

/* Remove the next file; behind the last, the directory. */
static void log_clean_empty(struct log_clean *clean)
{
    while (clean->at < clean->list.names_bytes) {
        const char *name = clean->names + clean->at;
        size_t length = strlen(name);
        size_t dir_length = strlen(clean->dir);
        clean->at += length + 1;
        if (dir_length + length + 2 > sizeof(clean->path)) {
            clean->is_failed = true; /* no file of ours has such a name */
            continue;
        }
        memcpy(clean->path, clean->dir, dir_length);
        clean->path[dir_length] = '/';
        memcpy(clean->path + dir_length + 1, name, length + 1);
        rt_path_unlink(&clean->op, clean->path);
        return;
    }
    if (clean->is_failed) {
        log_clean_end(clean);
        return;
    }
    /* Before anything has gone: then no rmdir of the topic's, however late, is missed. */
    atomic_fetch_add(&clean->log->ls->store->topics_removed, 1);
    sm_move(&clean->sm, LOG_CLEAN_RMDIR);
    rt_path_rmdir(&clean->op, clean->dir);
}

static void log_clean_end(struct log_clean *clean)
{
    struct log *log = clean->log;
    sm_move(&clean->sm, LOG_CLEAN_IDLE);
    log->wants_clean = clean->is_failed || log_clean_is_due(log); /* it may have come meanwhile */
    if (log->is_deleted && !clean->is_failed) {
        log_free(log);
    } else if (clean->is_paused) {
        log_clean_add(clean, log);
    } else if (log->wants_clean) {
        log_round_clean_later(clean);
    }
    log_round_clean_done(clean);
}
