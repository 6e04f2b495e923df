/* From shard 0's start to all shards, and the end of a store. See start.h.
 *
 * The keeper begins, with a journal file to give out; the shards make their groups; the `lanes`
 * record goes out as the first frame. A start that fails, and a store that closes, come to the same
 * end: keeper, lock, and word to all. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/start.h"
#include "storage/log/start_int.h"

static void log_start_prepared(struct log_shard *ls, enum err err, int saved_errno);
static void log_start_lanes(struct log_start *start);
static void log_start_lanes_done(struct log_op *op);
static void log_start_opened(struct log_start *start);
static void log_start_report(struct log_start *start);
static void log_start_free(struct log_start *start);
static void log_start_mail_all(struct log_shard *ls, rt_mail_fn *deliver);
static void log_start_unlock(struct log_shard *ls);
static void log_start_gone(struct log_store *store);

/* --- From one shard to all --- */

/* Rows that a table being written had, of groups that the journal has all of: not lost at all. */
static void log_start_drop_found(struct log_start *start)
{
    struct log_tables_lost *lost = &start->lost;
    uint32_t rows_count = lost->rows_count;
    lost->rows_count = 0;
    for (uint32_t i = 0; i < rows_count; i++) {
        const struct log_found *found = log_recover_find(&start->recover, lost->rows[i].group);
        bool is_lost = (lost->rows[i].flags & LOG_ROW_LOST) != 0;
        if (!is_lost || found == NULL || !found->is_available) {
            lost->rows[lost->rows_count++] = lost->rows[i];
        }
    }
}

/* The keeper begins; a journal file is there before any shard wants one. */
void log_start_prepare(struct log_start *start)
{
    const struct log_tables_read *table = start->tables.chosen;
    log_start_drop_found(start);
    struct log_keeper_found found = {
        .recover = &start->recover,
        .files = start->files,
        .files_count = start->files_count,
        .table_number = table != NULL ? table->header.number : 0,
        .journal_floor = table != NULL ? table->header.journal_floor : 0,
        .has_table = start->has_table[LOG_TABLES_NOW],
        .lost = start->lost.rows,
        .lost_count = start->lost.rows_count,
    };
    sm_move(&start->sm, LOG_START_PREPARE);
    enum err err = log_keeper_new(start->ls, &found);
    if (err != ERR_OK) {
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    log_keeper_prepare(start->ls, log_start_prepared);
}

static void log_start_prepared(struct log_shard *ls, enum err err, int saved_errno)
{
    struct log_start *start = ls->store->start;
    if (err != ERR_OK) {
        log_start_journal_path(start, start->path);
        log_start_fail(start, err, saved_errno, start->path, "making a journal file");
        return;
    }
    sm_move(&start->sm, LOG_START_JOIN);
    if (start->store->joined_count == rt_shard_count(ls->shard)) {
        log_start_run(start);
    }
}

void log_start_joined(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_store *store = log_shard_of_mail(mail)->store;
    struct log_start *start = store->start;
    store->joined_count++;
    if (store->joined_count < rt_shard_count(at)) {
        return;
    }
    if (start != NULL && sm_stage(&start->sm) == LOG_START_JOIN) {
        log_start_run(start);
    } else if (store->is_ended) {
        log_start_gone(store);
    }
}

void log_start_deal(struct log_start *start)
{
    sm_move(&start->sm, LOG_START_DEAL);
    start->store->found = &start->recover;
    start->is_dealing = true;
    log_start_mail_all(start->ls, log_shard_deal);
}

void log_start_dealt(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_shard *ls = log_shard_of_mail(mail);
    struct log_store *store = ls->store;
    struct log_start *start = store->start;
    if (ls->err != ERR_OK && start->file_err == ERR_OK) {
        start->file_err = ls->err;
        start->file_errno = ls->info.saved_errno;
    }
    store->dealt_count++;
    if (store->dealt_count < rt_shard_count(at)) {
        return;
    }
    store->found = NULL;
    if (start->file_err != ERR_OK) {
        log_start_path(start, "", start->path);
        log_start_fail(start, start->file_err, start->file_errno, start->path,
                       "making the groups in memory");
        return;
    }
    log_start_lanes(start);
}

/* What this start believed of earlier lanes: the first frame of the first lane, and until it is
 * durable the only one. */
static void log_start_lanes(struct log_start *start)
{
    uint32_t count = log_recover_ends(&start->recover, NULL, 0);
    void *ends = NULL, *data = NULL;
    enum err err = ERR_OK;
    if (count > 0) {
        err = budget_alloc(&start->budget, count * sizeof(struct log_lane_end),
                           _Alignof(struct log_lane_end), &ends);
        if (err == ERR_OK) {
            err = budget_alloc(&start->budget, count * LOG_LANE_END_BYTES, 1, &data);
        }
    }
    if (err != ERR_OK) {
        budget_free(&start->budget, ends);
        log_start_fail(start, err, 0, start->path, NULL);
        return;
    }
    (void)log_recover_ends(&start->recover, ends, count);
    struct bytes_writer w = bytes_writer(data, count * LOG_LANE_END_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        log_lane_end_put(&w, (struct log_lane_end *)ends + i);
    }
    ASSERT(w.err == ERR_OK);
    budget_free(&start->budget, ends);
    start->lanes_data = data;
    start->lanes.done = log_start_lanes_done;
    start->lanes.ctx = start;
    start->lanes.record = (struct log_record){
        .kind = LOG_RECORD_LANES, .data = data, .data_bytes = count * LOG_LANE_END_BYTES};
    sm_move(&start->sm, LOG_START_LANES);
    log_lane_submit(&start->ls->lane, &start->lanes);
}

static void log_start_lanes_done(struct log_op *op)
{
    struct log_start *start = op->ctx;
    if (op->err != ERR_OK) {
        log_start_path(start, "", start->path);
        log_start_fail(start, op->err, 0, start->path, "writing the first frame");
        return;
    }
    log_start_opened(start);
}

static void log_start_opened(struct log_start *start)
{
    struct log_shard *ls = start->ls;
    log_start_report(start);
    sm_move(&start->sm, LOG_START_END);
    log_start_free(start);
    log_keeper_begin(ls);
    log_start_mail_all(ls, log_shard_go);
}

/* What was found, as figures and as a line. */
static void log_start_report(struct log_start *start)
{
    struct log_store_report *report = &start->store->report;
    const struct log_recover *r = &start->recover;
    memcpy(report->counts, r->counts, sizeof(report->counts));
    report->journal_bytes = start->bytes;
    list_for_each (node, &r->groups) {
        const struct log_found *found = CONTAINER_OF(node, struct log_found, in_recover);
        if (!found->is_available) {
            report->unavailable_count++;
        } else if (found->row.state == LOG_ROW_LIVE) {
            report->groups_count++;
            report->amnesiac_count += (found->row.flags & LOG_ROW_AMNESIAC) != 0;
            report->torn_count += found->is_tail_torn;
            list_for_each (entry, &found->entries) {
                report->entries_count++;
            }
        }
    }
    report->duration_ns = rt_now_precise_ns(start->ls->shard) - start->begin_ns;
    if (start->ls->diag != NULL) {
        DIAG_INFO(
            start->ls->diag, "log", "log open", DIAG_U64("boot_epoch", start->store->boot_epoch),
            DIAG_U64("groups", report->groups_count), DIAG_U64("entries", report->entries_count),
            DIAG_U64("unavailable", report->unavailable_count),
            DIAG_U64("amnesiac", report->amnesiac_count), DIAG_U64("torn", report->torn_count),
            DIAG_BYTES("journal", report->journal_bytes),
            DIAG_DURATION("took", report->duration_ns));
    }
}

/* --- The end --- */

void log_start_fail(struct log_start *start, enum err err, int saved_errno, const char *path,
                    const char *what)
{
    struct log_store *store = start->store;
    struct log_shard *ls = start->ls;
    ASSERT(err != ERR_OK);
    store->err =
        err_record(&store->info, err, saved_errno, __FILE__, __LINE__, sm_stage(&start->sm), 0);
    snprintf(store->why, sizeof(store->why), "%s: %s", path, what != NULL ? what : err_text(err));
    if (ls->diag != NULL) {
        DIAG_ERROR(ls->diag, "log", "log cannot be opened", DIAG_STRING("path", path),
                   DIAG_STRING("why", what != NULL ? what : err_text(err)), DIAG_ERR("error", err),
                   DIAG_I64("errno", saved_errno));
    }
    bool is_dealing = start->is_dealing;
    sm_move(&start->sm, LOG_START_END);
    log_start_free(start);
    if (is_dealing) {
        log_keeper_undo(ls);
        log_start_mail_all(ls, log_shard_undo);
    } else {
        log_start_end(ls);
    }
}

static void log_start_free(struct log_start *start)
{
    struct log_shard *ls = start->ls;
    struct budget *budget = &start->budget;
    ls->store->start = NULL;
    log_start_files_free(start);
    if (start->is_recovering) {
        log_recover_deinit(&start->recover);
    }
    budget_free(budget, start->list.names);
    budget_free(budget, start->block);
    budget_free(budget, start->check.window);
    budget_free(budget, start->again.places);
    budget_free(budget, start->again.window);
    budget_free(budget, start->lanes_data);
    budget_deinit(budget);
    sm_deinit(&start->sm);
    budget_free(&ls->budget, start);
}

/* Send every shard its mail, which is here; the own one last, so that none is left unsent when
 * this shard is gone. */
static void log_start_mail_all(struct log_shard *ls, rt_mail_fn *deliver)
{
    struct log_store *store = ls->store;
    for (uint32_t i = rt_shard_count(ls->shard); i > 0; i--) {
        rt_outbox_send(&ls->mails, i - 1, &store->shards[i - 1]->mail, deliver);
    }
}

void log_start_left(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_store *store = log_shard_of_mail(mail)->store;
    if (++store->left_count == rt_shard_count(at)) {
        log_start_end(store->shards[0]);
    }
}

/* No shard has anything open any more: the keeper ends, then the lock is given back. */
void log_start_end(struct log_shard *ls)
{
    if (ls->store->keeper != NULL) {
        log_keeper_close(ls, log_start_unlock);
    } else {
        log_start_unlock(ls);
    }
}

static void log_start_unlock(struct log_shard *ls)
{
    struct log_store *store = ls->store;
    if (store->lock.is_open) {
        rt_file_close(&store->lock, &store->op_lock);
        return;
    }
    store->is_ended = true;
    if (store->joined_count == rt_shard_count(ls->shard)) {
        log_start_gone(store);
    }
}

void log_start_unlocked(struct rt_op *op)
{
    struct log_store *store = CONTAINER_OF(op, struct log_store, op_lock);
    ASSERT(!store->lock.is_open);
    log_start_unlock(store->shards[0]);
}

static void log_start_gone(struct log_store *store)
{
    log_start_mail_all(store->shards[0], log_shard_gone);
}
