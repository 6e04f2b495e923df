/* Groups that change shard. See move.h.
 *
 *     old shard:  DETACH (drained? no: look again) -> bundle ------------------------> home, freed
 *     new shard:                                    attach: a log of it -\             /
 *     shard 0:                                          the keeper hears what it needs
 *
 * The table's row of a group, and the journal files it needs, are always some shard's to report. A
 * row is not reported while the group is held, nor does it leave while one is on its way, so those
 * of the new shard come later. Its files: the old shard names them until the bundle is back, and it
 * comes back by way of the keeper, which has put them down as the new shard's then, in its last
 * report too should that not have been looked at yet.
 *
 * Lanes write to files whose numbers do not follow each other: what a group wrote first may stand
 * in a higher one. log.mixed_seq says up to where, and until all of that is settled its lowest file
 * stays.
 *
 * A group leaves only when its newest frame is known to be flushed (lane.known_through): files of
 * it that go later may be what a start would hold a direct write against, and it asks of frames of
 * the new lane only. */
#include "storage/log/move.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/cursor.h"
#include "storage/log/keeper_int.h"
#include "storage/log/move_int.h"
#include "storage/log/round.h"

/* How often a detach looks whether everything has ended. */
#define LOG_MOVE_RETRY_NS (RT_NS_PER_MS / 4)

static void log_detach_run(struct rt_op *op);
static void log_detach_again(struct rt_timer *timer);
static void log_detach_step(struct log_move *move);
static bool log_detach_is_drained(struct log *log);
static bool log_detach_is_busy(const struct log *log);
static bool log_detach_is_read(const struct log *log);
static void log_detach_seal(struct log_lane *lane);
static void log_detach_leave(struct log_move *move);
static void log_detach_end(struct log_move *move, enum err err);
static void log_bundle_needed(struct rt_shard *at, struct rt_mail *mail);
static void log_bundle_home(struct rt_shard *at, struct rt_mail *mail);

/* --- Detach --- */

void log_detach(struct log *log, struct log_move *move)
{
    struct log_shard *ls = log->ls;
    ASSERT(move->done != NULL);
    ASSERT(move->bundle == NULL);
    move->group = log->group;
    move->ls = ls;
    move->log = NULL;
    move->is_ended = false;
    rt_op_init(&move->op, ls->shard, log_detach_run);
    rt_timer_init(&move->timer, ls->shard, log_detach_again);
    enum err err = log_writable(log);
    move->err = err == ERR_ACCESS && log->is_available ? ERR_OK : err;
    if (move->err == ERR_OK) {
        move->log = log;
        log->move = move;
        list_push_back(&ls->moves, &move->in_shard);
    }
    rt_op_defer(&move->op);
}

static void log_detach_run(struct rt_op *op)
{
    struct log_move *move = CONTAINER_OF(op, struct log_move, op);
    if (move->log != NULL && !move->is_ended) {
        log_detach_step(move);
        return;
    }
    move->log = NULL;
    move->ls = NULL;
    move->done(move);
}

static void log_detach_again(struct rt_timer *timer)
{
    log_detach_step(CONTAINER_OF(timer, struct log_move, timer));
}

/* Whether it can leave now, or not at all. */
static void log_detach_step(struct log_move *move)
{
    struct log *log = move->log;
    enum err err = log_goes_on(log);
    if (err != ERR_OK && !(err == ERR_ACCESS && log->is_available)) {
        log_detach_end(move, err);
        return;
    }
    if (!log_detach_is_drained(log)) {
        log_detach_seal(&log->ls->lane);
        rt_timer_start(&move->timer, rt_now_ns(log->ls->shard) + LOG_MOVE_RETRY_NS);
        return;
    }
    err = log_bundle_new(log, &move->bundle);
    if (err == ERR_OK) {
        log_detach_leave(move);
    }
    log_detach_end(move, err);
}

bool log_is_held(const struct log *log)
{
    return log->move != NULL && log->pending_count == 0 && log->lookups_count == 0 &&
           log->ls->lane.known_through >= log->frame_newest;
}

/* Whether an operation of it waits in `ops` to be answered. */
static bool log_detach_is_in(const struct log *log, const struct list *ops)
{
    list_for_each (node, ops) {
        if (CONTAINER_OF(node, struct log_op, in_queue)->log == log) {
            return true;
        }
    }
    return false;
}

/* Whether nothing of it is under way: whoever comes to use a log over more than one turn counts
 * here. */
static bool log_detach_is_drained(struct log *log)
{
    if (!log_is_held(log) || log_detach_is_busy(log) || log->loading != NULL ||
        log_detach_is_read(log)) {
        return false;
    }
    const struct log_lane *lane = &log->ls->lane;
    if (log_detach_is_in(log, &lane->failed) || log_detach_is_in(log, &lane->finished)) {
        return false;
    }
    ASSERT(log->cuts_pending == 0);
    ASSERT(log->durable_index == log->end.index);
    ASSERT(log->durable_seq + 1 == log->next_seq);
    return true;
}

/* Whether a round, its cleaning, a direct write or a repair is at it, or a row of it may not be in
 * a table yet. */
static bool log_detach_is_busy(const struct log *log)
{
    const struct log_round *round = log_round_of(log->ls);
    bool is_told = log->ls->settle.is_running && log->row_round == round->number;
    bool is_changed = log->is_replacing || log->is_repairing;
    return log->is_settling || log->direct_count > 0 || log_clean_is_at(log) || is_told ||
           is_changed;
}

/* Whether a read, or a step of a reader, is under way. */
static bool log_detach_is_read(const struct log *log)
{
    list_for_each (node, &log->reads) {
        const struct log_read *read = CONTAINER_OF(node, struct log_read, in_log);
        if (!read->is_reader || sm_stage(&read->sm) != LOG_READ_IDLE) {
            return true;
        }
    }
    return false;
}

/* An idle lane says that its last frame is flushed. It may have found no room for that before. */
static void log_detach_seal(struct log_lane *lane)
{
    bool is_idle = list_is_empty(&lane->pending) && lane->durable_through + 1 == lane->next_number;
    if (is_idle && !lane->is_sealed && !lane->is_closing &&
        !rt_timer_is_running(&lane->seal_timer)) {
        rt_timer_start(&lane->seal_timer,
                       rt_now_ns(lane->ls->shard) + lane->ls->store->config.seal_ns);
    }
}

/* It is in the bundle: nothing of it stays on the shard but what the bundle says it needs. */
static void log_detach_leave(struct log_move *move)
{
    struct log *log = move->log;
    struct log_shard *ls = log->ls;
    list_push_back(&ls->bundles, &move->bundle->in_bundles);
    for (struct list_node *node; (node = list_first(&log->reads)) != NULL;) {
        log_reader_leave(CONTAINER_OF(node, struct log_read, in_log));
    }
    list_for_each (node, &log->segments.list) {
        log_files_forget_segment(CONTAINER_OF(node, struct log_segment, in_log));
    }
    atomic_fetch_add(&ls->store->groups_count, 1); /* it is still one of the node's */
    log->move = NULL;
    log_free(log);
    log_lane_kick(&ls->lane); /* others may have waited for room */
}

static void log_detach_end(struct log_move *move, enum err err)
{
    if (err != ERR_OK) {
        move->log->move = NULL;
    }
    move->err = err;
    move->is_ended = true;
    rt_timer_stop(&move->timer);
    list_remove(&move->in_shard);
    rt_op_defer(&move->op);
}

/* --- Attach --- */

enum err log_attach(struct log_shard *ls, struct log_move *move, struct log **out)
{
    struct log_bundle *bundle = move->bundle;
    *out = NULL;
    ASSERT(bundle != NULL);
    if (ls->is_closing || !ls->is_open) {
        return ERR_CLOSING;
    }
    enum err err = log_bundle_open(bundle, ls, out);
    if (err != ERR_OK) {
        return err;
    }
    atomic_fetch_sub(&ls->store->groups_count, 1);
    log_settle_attached(*out);
    move->bundle = NULL;
    bundle->taker = ls->shard->id;
    rt_outbox_send(&ls->mails, 0, &bundle->mail, log_bundle_needed);
    return ERR_OK;
}

void log_move_drop(struct log_shard *ls, struct log_move *move)
{
    struct log_bundle *bundle = move->bundle;
    ASSERT(bundle != NULL);
    move->bundle = NULL;
    bundle->is_dropped = true;
    rt_outbox_send(&ls->mails, bundle->home->shard->id, &bundle->mail, log_bundle_home);
}

static struct log_bundle *log_bundle_of_mail(struct rt_mail *mail)
{
    return CONTAINER_OF(CONTAINER_OF(mail, struct rt_outbox_mail, mail), struct log_bundle, mail);
}

/* Reports of `shard` that the keeper has taken up but not written, or not looked at, were made
 * before. */
static void log_bundle_amend(struct list *reports, uint32_t shard, uint64_t file)
{
    list_for_each (node, reports) {
        struct log_rows *rows = CONTAINER_OF(node, struct log_rows, in_keeper);
        if (rows->ls->shard->id == shard && file < rows->file_needed) {
            rows->file_needed = file;
        }
    }
}

/* On shard 0: the new shard needs the group's files. */
static void log_bundle_needed(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_bundle *bundle = log_bundle_of_mail(mail);
    struct log_keeper *keeper = log_keeper_of(bundle->home->store);
    struct log_kept_shard *taker = &keeper->shards[bundle->taker];
    uint64_t file = bundle->found.file_lowest;
    ASSERT(keeper->ls->shard == at);
    taker->file_needed = file < taker->file_needed ? file : taker->file_needed;
    log_bundle_amend(&keeper->queue, bundle->taker, file);
    log_bundle_amend(&keeper->writing, bundle->taker, file);
    rt_outbox_send(&keeper->ls->mails, bundle->home->shard->id, &bundle->mail, log_bundle_home);
}

static void log_bundle_home(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_bundle *bundle = log_bundle_of_mail(mail);
    struct log_shard *ls = bundle->home;
    ASSERT(ls->shard == at);
    if (bundle->is_dropped && bundle->found.file_lowest < ls->dropped_file) {
        ls->dropped_file = bundle->found.file_lowest;
    }
    list_remove(&bundle->in_bundles);
    log_bundle_free(bundle);
}

/* --- What the shard must not forget --- */

uint64_t log_moves_file(const struct log_shard *ls)
{
    uint64_t file = ls->dropped_file;
    list_for_each (node, &ls->bundles) {
        uint64_t needed = CONTAINER_OF(node, struct log_bundle, in_bundles)->found.file_lowest;
        file = needed < file ? needed : file;
    }
    return file;
}

bool log_moves_are_out(const struct log_shard *ls)
{
    return !list_is_empty(&ls->moves) || !list_is_empty(&ls->bundles);
}

/* --- Pins --- */

bool log_pin_take(struct log *log, struct log_pin *pin, const char *owner)
{
    list_for_each (node, &log->pins) {
        struct log_pin *carried = CONTAINER_OF(node, struct log_pin, in_log);
        if (!carried->is_carried || strcmp(carried->owner, owner) != 0) {
            continue;
        }
        log_pin_set(log, pin, owner, carried->index);
        pin->since_ns = carried->since_ns;
        list_remove(&carried->in_log);
        pool_release(&log->ls->small, carried);
        return true;
    }
    return false;
}

void log_pins_drop(struct log *log)
{
    list_for_each_safe (node, following, &log->pins) {
        struct log_pin *carried = CONTAINER_OF(node, struct log_pin, in_log);
        if (carried->is_carried) {
            list_remove(&carried->in_log);
            pool_release(&log->ls->small, carried);
        }
    }
    log_settle_changed(log);
}
