/* Removing files: of segments below the log start, of those that a cut took, of deleted groups. See
 * settle_int.h.
 *
 * A file goes when the record that ended it is durable, and before the table says so: a start that
 * finds the record finds no file, or one that it removes. */
#include <string.h>

#include "base/assert.h"
#include "storage/log/settle_int.h"

#define SETTLE_NAMES_BYTES (256u << 10)

static bool settle_clean_garbage(struct settle_job *job);
static bool settle_clean_deleted(struct settle_job *job);

static void settle_clean_loaded(struct log_load *load)
{
    struct settle_job *job = CONTAINER_OF(load, struct settle_job, load);
    if (load->err != ERR_OK && load->err != ERR_CORRUPT && job->err == ERR_OK) {
        job->err = load->err;
        job->saved_errno = load->saved_errno;
    }
    settle_job_run(job);
}

bool settle_clean(struct settle_job *job)
{
    struct log *log = job->log;
    if (log->is_delete_durable) {
        return settle_clean_deleted(job);
    }
    if (!log->wants_clean || log->cuts_pending > 0) {
        return false;
    }
    if (job->dir_step == 0) {
        job->dir_step = 1;
        if (!log->is_loaded) {
            log_load_start(&job->load, log, settle_clean_loaded);
            return true;
        }
    }
    if (job->dir_step == 1) {
        settle_clean_find(log);
        job->dir_step = 2;
    }
    if (settle_clean_garbage(job)) {
        return true;
    }
    log->wants_clean = false;
    return false;
}

/* Whether nothing needs entries up to `last_index`. */
static bool settle_clean_is_free(const struct log *log, uint64_t last_index)
{
    list_for_each (node, &log->pins) {
        if (CONTAINER_OF(node, struct log_pin, in_log)->index <= last_index) {
            return false;
        }
    }
    return list_is_empty(&log->reads);
}

void settle_clean_find(struct log *log)
{
    list_for_each_safe (node, following, &log->segments.list) {
        struct log_segment *seg = CONTAINER_OF(node, struct log_segment, in_log);
        if (seg == log_segment_active(log) || !seg->is_finished ||
            seg->last_index >= log->durable_start.index || seg->last_index > log->row.end.index ||
            !settle_clean_is_free(log, seg->last_index)) {
            return;
        }
        for (struct log_slot *slot = log_tail_first(log); slot != NULL && slot->seg == seg;
             slot = log_tail_first(log)) {
            if (!slot->is_settled) {
                return;
            }
            if (slot->slice.buf != NULL) {
                log_slot_cool(slot);
            }
            log_tail_pop_first(log);
        }
        log_segment_discard(seg);
    }
}

/* Three files per segment, one after another. */
static bool settle_clean_garbage(struct settle_job *job)
{
    static const char *const kinds[] = {"log", "idx", "snap"};
    struct log *log = job->log;
    struct list_node *node = list_first(&log->garbage);
    if (job->dir_step == 2 + ARRAY_COUNT(kinds)) {
        struct log_garbage *garbage =
            CONTAINER_OF(list_pop_front(&log->garbage), struct log_garbage, in_log);
        pool_release(&log->ls->small, garbage);
        job->does_sync_dir = true;
        job->dir_step = 2;
        node = list_first(&log->garbage);
    }
    if (node == NULL) {
        return false;
    }
    const struct log_garbage *garbage = CONTAINER_OF(node, struct log_garbage, in_log);
    log_path_segment(job->path, log, garbage->first_index, garbage->generation,
                     kinds[job->dir_step - 2]);
    job->dir_step++;
    rt_path_unlink(&job->op, job->path);
    return true;
}

/* Everything in the partition's directory, then the directory; the topic's, if it is the last. */
static bool settle_clean_deleted(struct settle_job *job)
{
    struct log *log = job->log;
    struct log_shard *ls = log->ls;
    char dir[LIMIT_PATH_BYTES];
    log_path_partition(dir, ls->store, &log->topic, log->partition);
    if (job->dir_step == 0) {
        void *made = NULL;
        job->err = budget_alloc(&ls->budget, SETTLE_NAMES_BYTES, 1, &made);
        job->list = (struct rt_dir_list){.names = made, .names_max = SETTLE_NAMES_BYTES};
        job->name_pos = 0;
        job->dir_step = 1;
        if (job->err != ERR_OK) {
            return false;
        }
        while (!list_is_empty(&log->segments.list)) {
            struct log_segment *seg = log_segment_active(log);
            log_files_forget_segment(seg);
            while (log_tail_last(log) != NULL && log_tail_last(log)->seg == seg) {
                ls->lane.unsettled_bytes -= log_tail_last(log)->unsettled_bytes;
                log_tail_pop_last(log);
            }
            log_segment_free(seg);
        }
        memcpy(job->path, dir, sizeof(dir));
        rt_path_list(&job->op, job->path, &job->list);
        return true;
    }
    if (job->dir_step == 1 && job->op.kind == RT_OP_PATH_LIST && job->op.err != ERR_OK) {
        job->list.names_bytes = 0; /* there never was one */
    }
    if (job->dir_step == 1 && job->name_pos < job->list.names_bytes) {
        const char *name = job->list.names + job->name_pos;
        job->name_pos += (uint32_t)strlen(name) + 1;
        size_t length = strlen(dir);
        if (length + 1 + strlen(name) < sizeof(job->path)) {
            memcpy(job->path, dir, length);
            job->path[length] = '/';
            memcpy(job->path + length + 1, name, strlen(name) + 1);
            rt_path_unlink(&job->op, job->path);
            return true;
        }
    }
    switch (job->dir_step++) {
    case 1:
        budget_free(&ls->budget, job->list.names);
        job->list.names = NULL;
        memcpy(job->path, dir, sizeof(dir));
        rt_path_rmdir(&job->op, job->path);
        return true;
    case 2:
        log_path_topic(job->path, ls->store, &log->topic);
        rt_path_rmdir(&job->op, job->path);
        return true;
    default: log->is_dir_made = false; return false;
    }
}
