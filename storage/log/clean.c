/* Files that go: of segments wholly below the log start that no pin holds, of segments that were
 * cut off, of deleted groups. See settle_int.h.
 *
 *     IDLE -> LIST -> UNLINK -> ... -> IDLE
 *                       a deleted group: -> RMDIR -> RMDIR_TOPIC -> SYNC -> IDLE
 *
 * The directory says what there is, the group what of it counts: older segments may not have been
 * looked at since the start, and of what was cut off only the files are left. Nothing goes that the
 * table, or a record that is not durable yet, may still be believed about. A removal is not synced:
 * a file that comes back after a crash is found again by the same rule. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/settle_int.h"

/* Names of a directory, at first and at most. */
#define LOG_CLEAN_NAMES_MIN (16u << 10)
#define LOG_CLEAN_NAMES_MAX (16u << 20)

/* "<first index>-<generation>." and the kind behind it. */
#define LOG_CLEAN_KIND_AT 26u

enum {
    LOG_CLEAN_IDLE,
    LOG_CLEAN_LIST,
    LOG_CLEAN_UNLINK,
    LOG_CLEAN_RMDIR,
    LOG_CLEAN_RMDIR_TOPIC,
    LOG_CLEAN_SYNC
};

static const struct sm_conf log_clean_stages[] = {
    [LOG_CLEAN_IDLE] = {"IDLE", SM_BIT(LOG_CLEAN_LIST), SM_INITIAL | SM_FINAL},
    [LOG_CLEAN_LIST] = {"LIST",
                        SM_BIT(LOG_CLEAN_UNLINK) | SM_BIT(LOG_CLEAN_RMDIR) | SM_BIT(LOG_CLEAN_IDLE),
                        0},
    [LOG_CLEAN_UNLINK] = {"UNLINK", SM_BIT(LOG_CLEAN_RMDIR) | SM_BIT(LOG_CLEAN_IDLE), 0},
    [LOG_CLEAN_RMDIR] = {"RMDIR", SM_BIT(LOG_CLEAN_RMDIR_TOPIC), 0},
    [LOG_CLEAN_RMDIR_TOPIC] = {"RMDIR_TOPIC", SM_BIT(LOG_CLEAN_SYNC), 0},
    [LOG_CLEAN_SYNC] = {"SYNC", SM_BIT(LOG_CLEAN_IDLE), 0},
};
static const struct sm_decl log_clean_decl = {"log_clean", log_clean_stages,
                                              ARRAY_COUNT(log_clean_stages), NULL};

/* A name that is a segment's file. */
struct log_name {
    uint64_t first_index; /* of the segment */
    uint32_t generation;  /* of its files */
};

static uint64_t log_clean_floor(const struct log *log);
static bool log_clean_has_trimmed(const struct log *log);
static void log_clean_segments(struct log *log);
static bool log_clean_may_begin(const struct log *log);
static void log_clean_done(struct rt_op *op);
static void log_clean_list(struct log_clean *clean);
static void log_clean_listed(struct log_clean *clean);
static void log_clean_next(struct log_clean *clean);
static bool log_clean_parse(const char *name, struct log_name *out);
static uint64_t log_clean_following(const struct log_clean *clean, uint64_t first_index);
static bool log_clean_goes(struct log_clean *clean, const struct log_name *name);
static void log_clean_emptied(struct log_clean *clean);
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
    if (following == NULL || !CONTAINER_OF(node, struct log_segment, in_log)->is_finished) {
        return false;
    }
    uint64_t next_index = CONTAINER_OF(following, struct log_segment, in_log)->start.index;
    return next_index <= log_clean_floor(log) && next_index <= log->table_segment;
}

bool log_clean_is_due(const struct log *log)
{
    return log->is_available &&
           (log->is_deleted || log->cut_index != 0 || log_clean_has_trimmed(log));
}

/* Segments in memory whose files go. Their entries that are still hot go with them. */
static void log_clean_segments(struct log *log)
{
    while (log_clean_has_trimmed(log)) {
        struct log_segment *seg =
            CONTAINER_OF(list_first(&log->segments.list), struct log_segment, in_log);
        for (struct log_slot *slot = log_tail_first(log); slot != NULL && slot->seg == seg;
             slot = log_tail_first(log)) {
            ASSERT(slot->is_settled);
            log_tail_pop_first(log);
        }
        log_files_forget_segment(seg);
        log_segment_free(seg);
    }
}

/* Whether nothing of the group is under way that its files, or a deleted one itself, are for. */
static bool log_clean_may_begin(const struct log *log)
{
    if (log->is_settling || log->direct_count > 0 || !log->is_available) {
        return false;
    }
    if (log->is_deleted) {
        return log->row.state == LOG_ROW_DELETED && !log->is_row_old && log->pending_count == 0 &&
               list_is_empty(&log->reads) && list_is_empty(&log->pins) &&
               log->ls->lookups.in_use_count == 0;
    }
    const struct log_segment *active = log_segment_active(log);
    return log->cut_index == 0 || active == NULL || log_segment_is_begun(active);
}

/* --- Running --- */

void log_clean_init(struct log_clean *clean, struct log_round *round)
{
    clean->round = round;
    sm_init(&clean->sm, &log_clean_decl, LOG_CLEAN_IDLE, NULL, 0);
    rt_op_init(&clean->op, round->ls->shard, log_clean_done);
}

void log_clean_deinit(struct log_clean *clean)
{
    budget_free(&clean->round->ls->budget, clean->names);
    clean->names = NULL;
    sm_deinit(&clean->sm);
}

void log_clean_start(struct log_clean *clean, struct log *log)
{
    clean->log = log;
    clean->is_failed = !log_clean_may_begin(log);
    clean->cut_epoch = log->cut_epoch;
    sm_move(&clean->sm, LOG_CLEAN_LIST);
    if (clean->is_failed) {
        clean->list.count = 0;
        rt_op_defer(&clean->op);
        return;
    }
    log_clean_segments(log);
    log_clean_list(clean);
}

static void log_clean_done(struct rt_op *op)
{
    struct log_clean *clean = CONTAINER_OF(op, struct log_clean, op);
    struct log *log = clean->log;
    switch (sm_stage(&clean->sm)) {
    case LOG_CLEAN_LIST:
        if (clean->is_failed) {
            log_clean_end(clean);
        } else {
            log_clean_listed(clean);
        }
        return;
    case LOG_CLEAN_UNLINK:
        clean->is_failed |= op->err != ERR_OK && op->err != ERR_NOT_FOUND;
        log_clean_next(clean);
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
    log_path_partition(clean->path, log->ls->store, &log->topic, log->partition);
    rt_path_list(&clean->op, clean->path, &clean->list);
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
    if (err != ERR_OK) { /* missing: nothing was ever written */
        clean->list.count = 0;
        clean->list.names_bytes = 0;
        clean->is_failed = err != ERR_NOT_FOUND;
    }
    clean->at = 0;
    if (clean->log->cut_epoch != clean->cut_epoch) {
        clean->is_failed = true; /* cut meanwhile: its record is not durable */
        log_clean_end(clean);
        return;
    }
    log_clean_next(clean);
}

/* Remove the next file that goes. */
static void log_clean_next(struct log_clean *clean)
{
    struct log *log = clean->log;
    bool is_cut = log->cut_epoch != clean->cut_epoch;
    while (clean->at < clean->list.names_bytes && !is_cut) {
        const char *text = clean->names + clean->at;
        struct log_name name;
        clean->at += strlen(text) + 1;
        if (log_clean_parse(text, &name) && log_clean_goes(clean, &name)) {
            const char *kind = text + LOG_CLEAN_KIND_AT;
            log_path_segment(clean->path, log, name.first_index, name.generation, kind);
            if (sm_stage(&clean->sm) != LOG_CLEAN_UNLINK) {
                sm_move(&clean->sm, LOG_CLEAN_UNLINK);
            }
            rt_path_unlink(&clean->op, clean->path);
            return;
        }
    }
    clean->is_failed |= is_cut;
    log_clean_emptied(clean);
}

/* The first index and generation that a file's name says. */
static bool log_clean_parse(const char *name, struct log_name *out)
{
    uint64_t words[2] = {0, 0};
    if (strlen(name) < LOG_CLEAN_KIND_AT || name[16] != '-' || name[25] != '.') {
        return false;
    }
    for (size_t i = 0; i < LOG_CLEAN_KIND_AT - 1; i++) {
        char c = name[i];
        if (i == 16) {
            continue;
        }
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f')) {
            return false;
        }
        uint64_t digit = (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
        words[i > 16] = words[i > 16] << 4 | digit;
    }
    *out = (struct log_name){.first_index = words[0], .generation = (uint32_t)words[1]};
    const char *kind = name + LOG_CLEAN_KIND_AT;
    return strcmp(kind, "log") == 0 || strcmp(kind, "idx") == 0 || strcmp(kind, "snap") == 0;
}

/* The first index of the segment behind that of the names before clean->at, as the names tell. */
static uint64_t log_clean_following(const struct log_clean *clean, uint64_t first_index)
{
    for (size_t at = clean->at; at < clean->list.names_bytes; at += strlen(clean->names + at) + 1) {
        struct log_name name;
        if (log_clean_parse(clean->names + at, &name) && name.first_index > first_index) {
            return name.first_index;
        }
    }
    return UINT64_MAX;
}

/* Whether a file is of no use any more. */
static bool log_clean_goes(struct log_clean *clean, const struct log_name *name)
{
    const struct log *log = clean->log;
    struct list_node *node = list_first(&log->segments.list);
    if (log->is_deleted) {
        return true;
    }
    if (node == NULL || log_segment_of(log, name->first_index, name->generation) != NULL) {
        return false;
    }
    if (log->cut_index != 0 && name->first_index >= log->cut_index) {
        return true;
    }
    uint64_t first_known = CONTAINER_OF(node, struct log_segment, in_log)->start.index;
    if (name->first_index >= first_known) {
        return false; /* what cannot be read is no reason to remove it */
    }
    uint64_t following = log_clean_following(clean, name->first_index);
    following = following < first_known ? following : first_known;
    return following <= log_clean_floor(log) && following <= log->table_segment;
}

/* All that goes has gone: a deleted group's directory follows. */
static void log_clean_emptied(struct log_clean *clean)
{
    struct log *log = clean->log;
    if (!log->is_deleted || clean->is_failed) {
        log_clean_end(clean);
        return;
    }
    sm_move(&clean->sm, LOG_CLEAN_RMDIR);
    log_path_partition(clean->path, log->ls->store, &log->topic, log->partition);
    rt_path_rmdir(&clean->op, clean->path);
}

static void log_clean_end(struct log_clean *clean)
{
    struct log *log = clean->log;
    sm_move(&clean->sm, LOG_CLEAN_IDLE);
    log->is_unclean = clean->is_failed;
    if (!clean->is_failed) {
        log->cut_index = 0;
    }
    if (log->is_deleted && !clean->is_failed) {
        list_for_each (node, &log->segments.list) {
            log_files_forget_segment(CONTAINER_OF(node, struct log_segment, in_log));
        }
        log_free(log);
    }
    log_round_clean_done(clean);
}
