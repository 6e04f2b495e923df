/* Making durable what a round has written: the SYNC stage. See round.h.
 *
 * File by file, a few flushes at a time; or, where there are many, all of the file system in one
 * request: 2,000 flushes of files took 44 to 88 ms and 20 to 47 ms of processor time, a sync of all
 * 3 ms and 1. What other programs have written goes along, so that it may take long: then
 * rounds go file by file for a while. One file is flushed behind it: that empties the device's
 * cache where the file system, having nothing of its own to write, has not.
 *
 * An error of a sync of all may be anybody's. It says nothing of a single file, so these are
 * flushed then after all, and tell of their own. The file it goes through stays open from one round
 * to the next: an error that came up between two calls is told by the second. */
#include <stdio.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/rescue.h"
#include "storage/log/round.h"

/* One that takes longer is slow, and so many rounds go file by file afterwards. */
#define LOG_SYNC_SLOW_NS    (100 * RT_NS_PER_MS)
#define LOG_SYNC_REST_COUNT 64u

enum {
    LOG_SYNC_CLOSED,  /* no file */
    LOG_SYNC_OPENING, /* rounds do not wait for it */
    LOG_SYNC_OPEN,    /* ready */
    LOG_SYNC_ALL,     /* a sync of all is under way */
    LOG_SYNC_CLOSING, /* the shard ends */
};

static const struct sm_conf log_sync_stages[] = {
    [LOG_SYNC_CLOSED] = {"CLOSED", SM_BIT(LOG_SYNC_OPENING), SM_INITIAL | SM_FINAL},
    [LOG_SYNC_OPENING] = {"OPENING", SM_BIT(LOG_SYNC_OPEN) | SM_BIT(LOG_SYNC_CLOSED), 0},
    [LOG_SYNC_OPEN] = {"OPEN", SM_BIT(LOG_SYNC_ALL) | SM_BIT(LOG_SYNC_CLOSING), 0},
    [LOG_SYNC_ALL] = {"ALL", SM_BIT(LOG_SYNC_OPEN), 0},
    [LOG_SYNC_CLOSING] = {"CLOSING", SM_BIT(LOG_SYNC_CLOSED), 0},
};
const struct sm_decl log_sync_decl = {"log_sync", log_sync_stages, ARRAY_COUNT(log_sync_stages),
                                      NULL};

static bool log_sync_is_one(const struct log_round *round);
static void log_sync_all_done(struct rt_op *op);
static void log_sync_all_ended(struct log_sync_all *all);
static void log_sync_open(struct log_sync_all *all);
static bool log_sync_next(struct log_round *round);
static void log_sync_done(struct rt_op *op);

void log_sync_init(struct log_round *round)
{
    struct rt_shard *shard = round->ls->shard;
    for (uint32_t i = 0; i < LOG_SETTLE_SYNCS_TIGHT; i++) {
        round->syncs[i].round = round;
        rt_op_init(&round->syncs[i].op, shard, log_sync_done);
    }
    round->sync_all.round = round;
    sm_init(&round->sync_all.sm, &log_sync_decl, LOG_SYNC_CLOSED, NULL, shard->id);
    rt_op_init(&round->sync_all.op, shard, log_sync_all_done);
}

void log_sync_deinit(struct log_round *round)
{
    sm_deinit(&round->sync_all.sm);
}

void log_sync_begin(struct log_round *round)
{
    struct log_sync_all *all = &round->sync_all;
    round->sync_next = 0;
    round->sync_end = 3 * round->parts_count;
    round->is_all_synced = false;
    bool is_wanted = round->parts_count >= round->ls->store->config.sync_all_parts &&
                     !atomic_load(&round->ls->store->is_fenced) && log_sync_is_one(round);
    if (is_wanted && all->rest_count > 0) {
        all->rest_count--;
    } else if (is_wanted && sm_stage(&all->sm) == LOG_SYNC_CLOSED) {
        log_sync_open(all);
    } else if (is_wanted && sm_stage(&all->sm) == LOG_SYNC_OPEN &&
               round->number > all->opened_number) {
        round->sync_end = 0; /* no file before it has ended */
        all->began_ns = rt_now_ns(round->ls->shard);
        sm_move(&all->sm, LOG_SYNC_ALL);
        rt_file_sync_all(&all->file, &all->op);
    }
}

/* Whether all segments are where the file is that a sync of all goes through. */
static bool log_sync_is_one(const struct log_round *round)
{
    const struct log_sync_all *all = &round->sync_all;
    bool is_one = true;
    for (uint32_t i = 0; i < round->parts_count && sm_stage(&all->sm) == LOG_SYNC_OPEN; i++) {
        const struct log_part *part = &round->parts[i];
        is_one &= part->log == NULL || part->file_log->file.device_id == all->file.device_id;
    }
    return is_one;
}

bool log_sync_run(struct log_round *round, uint32_t syncs_max)
{
    while (round->syncs_count < syncs_max && log_sync_next(round)) {
    }
    return round->syncs_count == 0 && sm_stage(&round->sync_all.sm) != LOG_SYNC_ALL;
}

/* --- All at once --- */

static void log_sync_open(struct log_sync_all *all)
{
    const struct log_shard *ls = all->round->ls;
    int length = snprintf(all->path, LIMIT_PATH_BYTES, "%s/node.meta", ls->store->config.dir);
    ASSERT(length > 0 && length < (int)LIMIT_PATH_BYTES);
    sm_move(&all->sm, LOG_SYNC_OPENING);
    rt_file_open(&all->file, &all->op, ls->shard, all->path, RT_FILE_READ, 0);
}

static void log_sync_all_done(struct rt_op *op)
{
    struct log_sync_all *all = CONTAINER_OF(op, struct log_sync_all, op);
    struct log_round *round = all->round;
    switch (sm_stage(&all->sm)) {
    case LOG_SYNC_OPENING:
        sm_move(&all->sm, op->err == ERR_OK ? LOG_SYNC_OPEN : LOG_SYNC_CLOSED);
        all->rest_count = op->err == ERR_OK ? 0 : LOG_SYNC_REST_COUNT;
        all->opened_number = round->number; /* an error before it was open would not be told */
        if (all->closed != NULL) {
            log_sync_close(round, all->closed);
        }
        return;
    case LOG_SYNC_ALL:
        sm_move(&all->sm, LOG_SYNC_OPEN);
        log_sync_all_ended(all);
        log_round_run(round);
        return;
    case LOG_SYNC_CLOSING:
        sm_move(&all->sm, LOG_SYNC_CLOSED);
        all->closed(round);
        return;
    default: UNREACHABLE();
    }
}

/* One of the files is left to flush; all of them where that has failed. */
static void log_sync_all_ended(struct log_sync_all *all)
{
    struct log_round *round = all->round;
    bool is_slow = rt_now_ns(round->ls->shard) - all->began_ns > LOG_SYNC_SLOW_NS;
    all->rest_count = is_slow || all->op.err != ERR_OK ? LOG_SYNC_REST_COUNT : 0;
    round->sync_end = 3 * round->parts_count;
    if (all->op.err != ERR_OK) {
        return;
    }
    round->is_all_synced = true;
    for (uint32_t i = 0; i < round->parts_count; i++) {
        const struct log_part *part = &round->parts[i];
        if (part->log != NULL && (part->is_log_touched || part->is_idx_touched)) {
            round->sync_next = 3 * i + !part->is_log_touched;
            round->sync_end = round->sync_next + 1;
            return;
        }
    }
    round->sync_end = 0; /* names alone */
}

void log_sync_close(struct log_round *round, void (*closed)(struct log_round *round))
{
    struct log_sync_all *all = &round->sync_all;
    all->closed = closed;
    if (sm_stage(&all->sm) == LOG_SYNC_CLOSED) {
        closed(round);
    } else if (sm_stage(&all->sm) == LOG_SYNC_OPEN) {
        sm_move(&all->sm, LOG_SYNC_CLOSING);
        rt_file_close(&all->file, &all->op);
    }
}

/* --- File by file --- */

/* Begin the next flush. False: there is none. */
static bool log_sync_next(struct log_round *round)
{
    struct log_sync *sync = round->syncs;
    while (!rt_op_is_idle(&sync->op)) {
        sync++;
    }
    while (round->sync_next < round->sync_end && !atomic_load(&round->ls->store->is_fenced)) {
        struct log_part *part = &round->parts[round->sync_next / 3];
        uint32_t which = round->sync_next++ % 3;
        bool is_touched = which == 0   ? part->is_log_touched
                          : which == 1 ? part->is_idx_touched
                                       : part->is_dir_touched;
        if (part->log == NULL || part->is_failed || !is_touched) {
            continue;
        }
        sync->part = part;
        sync->file = which == 0 ? part->file_log : which == 1 ? part->file_idx : NULL;
        round->syncs_count++;
        if (sync->file != NULL) {
            rt_file_flush(&sync->file->file, &sync->op);
        } else {
            log_path_partition(sync->path, round->ls->store, &part->log->topic,
                               part->log->partition);
            rt_path_sync_dir(&sync->op, sync->path);
        }
        return true;
    }
    return false;
}

static void log_sync_done(struct rt_op *op)
{
    struct log_sync *sync = CONTAINER_OF(op, struct log_sync, op);
    struct log_round *round = sync->round;
    round->syncs_count--;
    if (op->err != ERR_OK) {
        bool is_idx = sync->file != NULL && sync->file == sync->part->file_idx;
        log_rescue_part_failed(round, sync->part, is_idx ? "idx" : "log", op->err, op->saved_errno);
        if (round->is_all_synced) { /* it stood for all of them */
            round->is_all_synced = false;
            round->sync_next = 0;
            round->sync_end = 3 * round->parts_count;
        }
    }
    log_round_run(round);
}

/* --- What is synced --- */

void log_sync_apply(struct log_round *round)
{
    struct log_shard *ls = round->ls;
    bool is_fenced = atomic_load(&ls->store->is_fenced);
    for (uint32_t i = 0; i < round->parts_count; i++) {
        struct log_part *part = &round->parts[i];
        struct log *log = part->log;
        if (log == NULL) {
            continue;
        }
        bool is_stale = part->cut_epoch != log->cut_epoch;
        if (!is_stale && !part->is_failed && !is_fenced) {
            if (part->is_apart) {
                log_rescue_apply(part);
            }
            log_row_apply(part);
        } else if (!is_stale && part->is_failed) {
            /* What its files hold since the last good flush is unknown: they are opened anew. The
             * parts behind it of the same group build on it. */
            log_files_forget_segment(part->seg);
            for (uint32_t n = i + 1; n < round->parts_count; n++) {
                round->parts[n].is_failed |= round->parts[n].log == log;
            }
        }
        if (part->is_apart) {
            log_rescue_drop(log); /* nothing, if it counts */
        }
        log_file_put(ls, part->file_log);
        log_file_put(ls, part->file_idx);
        budget_free(&ls->budget, part->rest);
        log->is_settling = false;
        log->is_direct_wanted = false;
        if (part->number == LOG_SETTLE_JOB_PARTS) { /* there may be more of it */
            list_remove(&log->in_dirty);
            list_push_back(&round->scan, &log->in_dirty);
        }
    }
    round->parts_count = 0;
    log_lane_kick(&ls->lane);
    log_clean_go(&round->clean, false); /* they may have been in the way */
}
