/* Rounds: what of a shard's groups is in the journal goes to segments, the table says so, and the
 * journal's files are free. See settle.h.
 *
 *     IDLE -> WRITE <-> SYNC,  -> REMNANTS -> ROWS -> TABLE -> FREE -> CLEAN -> IDLE
 *
 * A round goes through the dirty groups once per stage, a bounded number per turn. WRITE starts
 * jobs, SYNC makes durable what they wrote, as often as there are segments for it: a group with
 * many of them is written a few at a time. Where appends are about to wait, the round ends with
 * the first SYNC, and the next one begins with the groups that are left: what a round settles is
 * let go only at its end. REMNANTS journals again what holds files that are
 * wanted; ROWS collects what the table is to say, TABLE waits for it, FREE lets go of what it
 * settles, CLEAN finds groups whose files are to go: they do so beside the rounds that follow. One
 * round is under way at a time. */
#include "storage/log/settle.h"

#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/move_int.h"
#include "storage/log/rescue.h"
#include "storage/log/round.h"

/* Bytes that may be written per byte appended: a round begun at half of what may be unsettled ends
 * before the other half is used up, and the device's time is the journal's first. */
#define LOG_SETTLE_PACE 2u

/* What a round may write at once, and how much of what was appended before may be made up for. */
#define LOG_SETTLE_CREDIT_MIN (1u << 20)
#define LOG_SETTLE_CREDIT_MAX (4u << 20)

/* Entries that begin a round, however small they are: each takes memory until it is settled. */
#define LOG_SETTLE_ENTRIES 65536u

/* A round that ends early has settled so many times the bytes of the table it writes. */
#define LOG_SETTLE_TABLE_WORTH 2u

/* How soon a round follows one that could not help a group, or a close that waits for the lane. */
#define LOG_SETTLE_AGAIN_NS (5 * RT_NS_PER_MS)
#define LOG_SETTLE_CLOSE_NS RT_NS_PER_MS

enum {
    LOG_ROUND_IDLE,
    LOG_ROUND_WRITE,
    LOG_ROUND_SYNC,
    LOG_ROUND_REMNANTS,
    LOG_ROUND_ROWS,
    LOG_ROUND_TABLE,
    LOG_ROUND_FREE,
    LOG_ROUND_CLEAN
};

static const struct sm_conf log_round_stages[] = {
    [LOG_ROUND_IDLE] = {"IDLE", SM_BIT(LOG_ROUND_WRITE), SM_INITIAL | SM_FINAL},
    [LOG_ROUND_WRITE] = {"WRITE", SM_BIT(LOG_ROUND_SYNC) | SM_BIT(LOG_ROUND_REMNANTS), 0},
    [LOG_ROUND_SYNC] = {"SYNC", SM_BIT(LOG_ROUND_WRITE) | SM_BIT(LOG_ROUND_REMNANTS), 0},
    [LOG_ROUND_REMNANTS] = {"REMNANTS", SM_BIT(LOG_ROUND_ROWS) | SM_BIT(LOG_ROUND_CLEAN), 0},
    [LOG_ROUND_ROWS] = {"ROWS", SM_BIT(LOG_ROUND_TABLE) | SM_BIT(LOG_ROUND_CLEAN), 0},
    [LOG_ROUND_TABLE] = {"TABLE", SM_BIT(LOG_ROUND_FREE), 0},
    [LOG_ROUND_FREE] = {"FREE", SM_BIT(LOG_ROUND_CLEAN), 0},
    [LOG_ROUND_CLEAN] = {"CLEAN", SM_BIT(LOG_ROUND_IDLE), 0},
};
const struct sm_decl log_round_decl = {"log_round", log_round_stages, ARRAY_COUNT(log_round_stages),
                                       NULL};

static void log_settle_begin(struct log_settle *settle);
static void log_settle_fire(struct rt_timer *timer);
static void log_settle_watch(struct log_settle *settle, uint64_t deadline_ns);
static void log_settle_dirty(struct log *log);
static void log_round_wake(struct log_round *round, bool is_all);
static void log_round_turn(struct rt_op *op);
static void log_round_start(struct log_round *round);
static void log_round_enter(struct log_round *round, uint32_t stage);
static struct log *log_round_next(struct log_round *round);
static bool log_round_is_over(const struct log_round *round);
static bool log_round_is_much(const struct log_round *round);
static bool log_round_is_tight(const struct log_round *round);
static bool log_round_write(struct log_round *round);
static bool log_round_sync(struct log_round *round);
static bool log_round_ends_early(const struct log_round *round);
static bool log_round_skips(struct log_round *round, struct log *log);
static bool log_round_remnants(struct log_round *round);
static struct log_remnant *log_round_remnant(struct log_round *round);
static bool log_round_rows(struct log_round *round);
static void log_round_answered(struct log_rows *rows);
static bool log_round_free(struct log_round *round);
static bool log_round_clean(struct log_round *round);
static void log_round_end(struct log_round *round);
static void log_round_flushed(struct log_round *round);
static void log_round_again(struct log_round *round);

/* --- The contract --- */

enum err log_settle_init(struct log_settle *settle, struct log_shard *ls)
{
    *settle = (struct log_settle){0};
    settle->ls = ls;
    list_init(&settle->dirty);
    rt_timer_init(&settle->timer, ls->shard, log_settle_fire);
    void *made = NULL;
    enum err err =
        budget_alloc(&ls->budget, sizeof(struct log_round), _Alignof(struct log_round), &made);
    if (err != ERR_OK) {
        return err;
    }
    struct log_round *round = made;
    round->ls = ls;
    round->settle = settle;
    sm_init(&round->sm, &log_round_decl, LOG_ROUND_IDLE, NULL, ls->shard->id + 1ull);
    rt_op_init(&round->op_turn, ls->shard, log_round_turn);
    list_init(&round->scan);
    list_init(&round->waiting);
    log_clean_init(&round->clean, round);
    log_sync_init(round);
    uint32_t parts_max = ls->store->config.files_max / 2;
    parts_max = parts_max < LOG_SETTLE_PARTS ? parts_max : LOG_SETTLE_PARTS;
    round->parts_max = parts_max > LOG_SETTLE_JOB_PARTS ? parts_max : LOG_SETTLE_JOB_PARTS;
    err = log_jobs_init(round);
    if (err != ERR_OK) {
        budget_free(&ls->budget, round);
        return err;
    }
    settle->state = round;
    return ERR_OK;
}

void log_settle_deinit(struct log_settle *settle)
{
    struct log_round *round = settle->state;
    if (round == NULL) {
        return;
    }
    ASSERT(!settle->is_running);
    rt_timer_stop(&settle->timer);
    log_clean_deinit(&round->clean);
    log_sync_deinit(round);
    log_jobs_deinit(round);
    budget_free(&settle->ls->budget, round->rows.rows);
    budget_free(&settle->ls->budget, round);
    settle->state = NULL;
}

/* Linked while something of it is in the journal and needed, or is to be done. */
static void log_settle_dirty(struct log *log)
{
    if (!list_is_linked(&log->in_dirty)) {
        list_push_back(&log->ls->settle.dirty, &log->in_dirty);
    }
}

void log_settle_note(struct log *log, uint64_t file_number, uint64_t bytes)
{
    struct log_shard *ls = log->ls;
    struct log_settle *settle = &ls->settle;
    struct log_round *round = log_round_of(ls);
    if (file_number < log->file_lowest) {
        log->file_lowest = file_number;
    }
    log->is_row_old = true;
    log_settle_dirty(log);
    struct log_segment *active = log->pending_count == 0 ? log_segment_active(log) : NULL;
    if (active != NULL) {
        active->is_begun = true; /* all that was submitted is durable */
    }
    round->has_news = true;
    round->noted_ns = rt_now_ns(ls->shard);
    round->entries_count += bytes > 0;
    settle->credit_bytes += bytes * LOG_SETTLE_PACE;
    if (!settle->is_running && settle->credit_bytes > LOG_SETTLE_CREDIT_MAX) {
        settle->credit_bytes = LOG_SETTLE_CREDIT_MAX;
    }
    log_round_wake(round, false);
    if (log_round_is_much(round) && !settle->is_running && round->retry_ns == 0) {
        round->is_pressed = true;
        log_settle_begin(settle);
    }
    log_settle_watch(settle, round->noted_ns + ls->store->config.settle_ns);
}

void log_settle_want(struct log_settle *settle, uint64_t file_number)
{
    struct log_round *round = settle->state;
    if (file_number > settle->file_target) {
        settle->file_target = file_number;
    }
    round->is_pressed = true;
    settle->is_urgent = true;
    log_round_wake(round, true);
    log_settle_begin(settle);
}

void log_settle_all(struct log_settle *settle, void (*flushed)(struct log_settle *settle))
{
    struct log_round *round = settle->state;
    ASSERT(settle->flushed == NULL);
    settle->flushed = flushed;
    settle->is_urgent = true;
    round->is_pressed = true;
    round->retry_ns = 0;
    log_round_wake(round, true);
    log_settle_begin(settle);
}

void log_settle_attached(struct log *log)
{
    struct log_settle *settle = &log->ls->settle;
    struct log_round *round = log_round_of(log->ls);
    if (sm_stage(&round->sm) == LOG_ROUND_ROWS && log->file_lowest < round->rows.file_needed) {
        round->rows.file_needed = log->file_lowest; /* this stage does not come to it any more */
    }
    if (log->file_lowest == UINT64_MAX && !log->is_row_old && !log->wants_clean) {
        return;
    }
    log_settle_note(log, log->file_lowest, 0);
    if (log->file_lowest <= settle->file_target) {
        log_settle_want(settle, settle->file_target);
    }
}

void log_settle_changed(struct log *log)
{
    struct log_settle *settle = &log->ls->settle;
    struct log_round *round = log_round_of(log->ls);
    if (log->table_index > log->end.index) {
        log->table_index = log->end.index;
    }
    if (log->table_segment > log->end.index + 1) {
        log->table_segment = 0;
    }
    if (!log->is_loaded || log_clean_is_due(log)) {
        log_clean_want(log);
        log_settle_dirty(log);
        round->has_news = true;
        log_settle_watch(settle, rt_now_ns(log->ls->shard) + log->ls->store->config.settle_ns);
    }
}

void log_settle_snaps(struct log *log)
{
    struct log_settle *settle = &log->ls->settle;
    struct log_round *round = log_round_of(log->ls);
    if (round != NULL) {
        log_settle_dirty(log);
        round->has_news = true;
        log_settle_watch(settle, rt_now_ns(log->ls->shard) + log->ls->store->config.settle_ns);
    }
}

void log_settle_ask(struct log *log)
{
    struct log_settle *settle = &log->ls->settle;
    struct log_round *round = log_round_of(log->ls);
    log->is_direct_wanted = true;
    log_settle_dirty(log);
    settle->is_urgent = true;
    log_round_wake(round, true);
    log_settle_begin(settle);
}

/* --- When --- */

/* A round as soon as there is none, but not before a failed one is to be tried again. */
static void log_settle_begin(struct log_settle *settle)
{
    struct log_round *round = settle->state;
    settle->is_wanted = true;
    if (settle->is_running || round->has_ended || round->retry_ns != 0) {
        return;
    }
    if (rt_op_is_idle(&round->op_turn)) {
        rt_op_defer(&round->op_turn);
    }
}

/* Have the timer fire by `deadline_ns`. */
static void log_settle_watch(struct log_settle *settle, uint64_t deadline_ns)
{
    const struct log_round *round = settle->state;
    bool is_later = rt_timer_is_running(&settle->timer) && settle->timer.deadline_ns <= deadline_ns;
    if (!is_later && !round->has_ended) {
        rt_timer_start(&settle->timer, deadline_ns);
    }
}

/* Appends pause: nothing is in the way. Or it is time to try again. */
static void log_settle_fire(struct rt_timer *timer)
{
    struct log_settle *settle = CONTAINER_OF(timer, struct log_settle, timer);
    struct log_round *round = settle->state;
    uint64_t now_ns = rt_now_ns(settle->ls->shard);
    uint64_t idle_ns = round->noted_ns + settle->ls->store->config.settle_ns;
    if (round->retry_ns != 0 && now_ns >= round->retry_ns) {
        round->retry_ns = 0;
        log_settle_begin(settle);
    }
    if (now_ns >= idle_ns) {
        settle->is_urgent |= settle->is_running;
        log_round_wake(round, true);
        if (round->has_news) {
            settle->is_urgent = true;
            log_settle_begin(settle);
        }
    } else if (round->has_news || settle->is_running) {
        log_settle_watch(settle, idle_ns);
    }
    if (round->retry_ns != 0) {
        log_settle_watch(settle, round->retry_ns);
    }
}

/* --- Pace --- */

/* Whether there is enough for a round, though appends go on. */
static bool log_round_is_much(const struct log_round *round)
{
    const struct log_shard *ls = round->ls;
    return ls->lane.unsettled_bytes >= ls->store->config.unsettled_bytes_max / 2 ||
           round->entries_count >= LOG_SETTLE_ENTRIES;
}

/* Whether appends are about to wait for this round. */
static bool log_round_is_tight(const struct log_round *round)
{
    const struct log_shard *ls = round->ls;
    return ls->lane.unsettled_bytes >= ls->store->config.unsettled_bytes_max / 4 * 3;
}

bool log_round_may_write(struct log_round *round, uint32_t bytes)
{
    struct log_settle *settle = round->settle;
    const struct log_shard *ls = round->ls;
    if (!settle->is_urgent && !log_round_is_tight(round) && settle->credit_bytes < bytes) {
        log_settle_watch(settle, rt_now_ns(ls->shard) + ls->store->config.settle_ns);
        return false;
    }
    settle->credit_bytes -= settle->credit_bytes < bytes ? settle->credit_bytes : bytes;
    return true;
}

/* Jobs that wait for credit go on: the first when there is some for a chunk, or all. */
static void log_round_wake(struct log_round *round, bool is_all)
{
    uint64_t credit_bytes = round->settle->credit_bytes;
    while (!list_is_empty(&round->waiting) && (is_all || credit_bytes >= LOG_SETTLE_CHUNK_BYTES)) {
        credit_bytes -= is_all ? 0 : LOG_SETTLE_CHUNK_BYTES;
        log_job_wake(CONTAINER_OF(list_first(&round->waiting), struct log_job, in_waiting));
    }
}

/* --- The round --- */

static void log_round_turn(struct rt_op *op)
{
    struct log_round *round = CONTAINER_OF(op, struct log_round, op_turn);
    if (sm_stage(&round->sm) == LOG_ROUND_IDLE) {
        bool is_held_up = round->settle->flushed != NULL && !sm_is_final(&round->clean.sm);
        if (!round->settle->is_wanted || round->has_ended || is_held_up) {
            return; /* held up: every group is to be settled, log_round_clean_done begins */
        }
        log_round_start(round);
    }
    log_round_run(round);
}

static void log_round_start(struct log_round *round)
{
    struct log_settle *settle = round->settle;
    struct log_shard *ls = round->ls;
    uint64_t lane_number = log_lane_file_number(&ls->lane);
    settle->is_running = true;
    settle->is_wanted = false;
    round->number++;
    round->err = ERR_OK;
    round->is_told = round->is_pressed;
    round->is_pressed = false;
    round->does_flush = settle->flushed != NULL;
    round->has_work = false;
    round->is_unsatisfied = false;
    round->has_news = false;
    round->entries_count = 0;
    round->is_cut_short = false;
    round->settled_bytes = settle->settled_bytes;
    round->file_target = settle->file_target;
    if (round->file_target >= lane_number) { /* not the one that frames go to */
        round->file_target = lane_number > 0 ? lane_number - 1 : 0;
    }
    if (settle->credit_bytes < LOG_SETTLE_CREDIT_MIN) {
        settle->credit_bytes = LOG_SETTLE_CREDIT_MIN;
    }
    log_round_enter(round, LOG_ROUND_WRITE);
    list_append_all(&round->scan, &settle->dirty);
}

void log_round_run(struct log_round *round)
{
    bool does_go_on = true;
    while (does_go_on) {
        switch (sm_stage(&round->sm)) {
        case LOG_ROUND_WRITE: does_go_on = log_round_write(round); break;
        case LOG_ROUND_SYNC: does_go_on = log_round_sync(round); break;
        case LOG_ROUND_REMNANTS: does_go_on = log_round_remnants(round); break;
        case LOG_ROUND_ROWS: does_go_on = log_round_rows(round); break;
        case LOG_ROUND_FREE: does_go_on = log_round_free(round); break;
        case LOG_ROUND_CLEAN: does_go_on = log_round_clean(round); break;
        default: does_go_on = false; break; /* IDLE; TABLE: its answer moves on */
        }
    }
}

/* Into a stage that looks at every dirty group. */
static void log_round_enter(struct log_round *round, uint32_t stage)
{
    sm_move(&round->sm, stage);
    round->looked_count = 0;
}

/* Into one that begins with the first again. */
static void log_round_rescan(struct log_round *round, uint32_t stage)
{
    log_round_enter(round, stage);
    ASSERT(list_is_empty(&round->scan));
    list_append_all(&round->scan, &round->settle->dirty);
}

/* The next group of this stage, NULL: none now. It is among the dirty ones again. */
static struct log *log_round_next(struct log_round *round)
{
    if (list_is_empty(&round->scan)) {
        return NULL;
    }
    if (++round->looked_count > LOG_SETTLE_SCAN) {
        if (rt_op_is_idle(&round->op_turn)) {
            round->looked_count = 0;
            rt_op_defer(&round->op_turn);
        }
        return NULL;
    }
    struct list_node *node = list_pop_front(&round->scan);
    list_push_back(&round->settle->dirty, node);
    return CONTAINER_OF(node, struct log, in_dirty);
}

/* Whether nothing new is begun: the device failed, or the disk is full. */
static bool log_round_is_over(const struct log_round *round)
{
    return round->err != ERR_OK || atomic_load(&round->ls->store->is_fenced);
}

void log_round_failed(struct log_round *round, const char *what, enum err err, int saved_errno)
{
    struct log_shard *ls = round->ls;
    bool is_first = round->err == ERR_OK;
    if (err == ERR_CANCELED || atomic_load(&ls->store->is_fenced)) {
        return;
    }
    round->err = err;
    if (err_is_retriable(err)) { /* ERR_DISK_FULL, ERR_BUDGET, ... */
        if (is_first && ls->diag != NULL) {
            DIAG_WARN(ls->diag, "log", "settling stopped, the journal keeps what it has",
                      DIAG_STRING("what", what), DIAG_ERR("error", err),
                      DIAG_I64("errno", saved_errno));
        }
        return;
    }
    if (ls->diag != NULL) {
        DIAG_ERROR(ls->diag, "log", "a segment cannot be written", DIAG_STRING("what", what),
                   DIAG_ERR("error", err), DIAG_I64("errno", saved_errno));
    }
    log_lane_fence(&ls->lane, err, saved_errno);
}

/* --- WRITE --- */

static bool log_round_write(struct log_round *round)
{
    bool has_room = true;
    while (has_room && !log_round_is_over(round)) {
        has_room = round->parts_count + LOG_SETTLE_JOB_PARTS * (round->jobs_count + 1) <=
                       round->parts_max &&
                   round->jobs_count < LOG_SETTLE_JOBS;
        struct log *log = has_room ? log_round_next(round) : NULL;
        if (log == NULL) {
            break;
        }
        round->has_work |= log->is_deleted && log->row.state == LOG_ROW_LIVE;
        if (log_round_skips(round, log) || !log_job_is_due(log)) {
            continue;
        }
        struct log_job *job = log_job_idle(round);
        if (job == NULL) { /* no memory for another */
            list_remove(&log->in_dirty);
            list_push_front(&round->scan, &log->in_dirty);
            if (round->jobs_count == 0) {
                round->err = ERR_BUDGET; /* nor for the first: a later round tries again */
            }
            break;
        }
        round->jobs_count++;
        round->has_work = true;
        log_job_start(job, log, LOG_JOB_BLOCKS, NULL);
    }
    if (round->jobs_count > 0) {
        return false;
    }
    if (log_round_is_over(round)) {
        list_append_all(&round->settle->dirty, &round->scan);
    }
    if (round->parts_count > 0) {
        sm_move(&round->sm, LOG_ROUND_SYNC);
        log_sync_begin(round);
        return true;
    }
    if (list_is_empty(&round->scan)) {
        log_round_rescan(round, LOG_ROUND_REMNANTS);
        return true;
    }
    return false; /* on behind other work */
}

struct log_part *log_round_part(struct log_round *round)
{
    ASSERT(round->parts_count < LOG_SETTLE_PARTS);
    return &round->parts[round->parts_count++];
}

void log_round_job_done(struct log_job *job)
{
    struct log_round *round = job->round;
    struct log *log = job->log;
    if (job->err != ERR_OK) {
        log_rescue_job_failed(job);
    }
    if (job->apart != NULL && !log_rescue_has_part(job)) {
        log_rescue_drop(log);
    }
    if (job->parts_count == 0 && (job->remnant == NULL || job->remnant->log == NULL)) {
        log->is_settling = false;
        log->is_direct_wanted = false;
        log_lane_kick(&round->ls->lane);
    }
    if (job->remnant != NULL && job->remnant->log == NULL) {
        job->remnant->round = NULL; /* nothing was submitted */
        round->remnants_count--;
    }
    round->jobs_count--;
    log_round_run(round);
}

/* --- SYNC --- */

static bool log_round_sync(struct log_round *round)
{
    if (!log_sync_run(round,
                      log_round_is_tight(round) ? LOG_SETTLE_SYNCS_TIGHT : LOG_SETTLE_SYNCS)) {
        return false;
    }
    log_sync_apply(round);
    if (log_round_ends_early(round)) {
        round->is_cut_short = true;
        round->settle->is_wanted = true;
        log_round_enter(round, LOG_ROUND_REMNANTS);
        list_append_all(&round->scan, &round->settle->dirty); /* behind those that are left */
        return true;
    }
    log_round_enter(round, LOG_ROUND_WRITE);
    return true;
}

/* Whether appends are about to wait, and what is synced is worth a table. */
static bool log_round_ends_early(const struct log_round *round)
{
    const struct log_store *store = round->ls->store;
    uint64_t settled_bytes = round->settle->settled_bytes - round->settled_bytes;
    size_t table_bytes = log_table_bytes(atomic_load(&store->rows_count));
    return !round->does_flush && log_round_is_tight(round) && !list_is_empty(&round->scan) &&
           settled_bytes >= store->config.unsettled_bytes_max / 16 &&
           settled_bytes >= LOG_SETTLE_TABLE_WORTH * (uint64_t)table_bytes;
}

/* Whether a round leaves `log` out because its files are being removed. Another follows then. */
static bool log_round_skips(struct log_round *round, struct log *log)
{
    bool is_skipped = log_clean_is_at(log);
    round->has_skipped |= is_skipped;
    log->is_skipped |= is_skipped;
    return is_skipped;
}

/* --- REMNANTS --- */

static bool log_round_remnants(struct log_round *round)
{
    bool has_room = round->file_target > 0;
    while (has_room && !atomic_load(&round->ls->store->is_fenced)) {
        has_room =
            round->remnants_count < LOG_SETTLE_REMNANTS && round->jobs_count < LOG_SETTLE_JOBS;
        struct log *log = has_room ? log_round_next(round) : NULL;
        if (log == NULL) {
            break;
        }
        bool is_left = round->is_cut_short && log_job_is_due(log); /* to the next round */
        if (is_left || !log_remnant_is_needed(log, round->file_target) || log_is_held(log)) {
            continue;
        }
        struct log_job *job = log_job_idle(round);
        if (job == NULL && round->jobs_count > 0) {
            list_remove(&log->in_dirty);
            list_push_front(&round->scan, &log->in_dirty);
            break;
        }
        if (job == NULL || log->is_settling || log_clean_is_at(log) ||
            !log_remnant_is_possible(log)) {
            round->is_unsatisfied = true;
            continue;
        }
        round->jobs_count++;
        log_job_start(job, log, LOG_JOB_REMNANT, log_round_remnant(round));
    }
    if (round->jobs_count > 0 || round->remnants_count > 0) {
        return false;
    }
    log_jobs_trim(round); /* the table wants memory, too */
    if (round->file_target == 0 || atomic_load(&round->ls->store->is_fenced)) {
        list_append_all(&round->settle->dirty, &round->scan);
    }
    if (!list_is_empty(&round->scan)) {
        return false; /* on behind other work */
    }
    bool is_worth = round->has_work || round->is_told;
    if (!is_worth || atomic_load(&round->ls->store->is_fenced)) {
        log_round_rescan(round, LOG_ROUND_CLEAN);
        return true;
    }
    round->rows.rows_count = 0;
    uint64_t number = log_lane_file_number(&round->ls->lane);
    bool is_closed = round->ls->lane.is_closing && round->ls->lane.current == NULL;
    round->rows.file_needed = is_closed ? UINT64_MAX : number; /* of what is not durable yet */
    log_round_rescan(round, LOG_ROUND_ROWS);
    return true;
}

static struct log_remnant *log_round_remnant(struct log_round *round)
{
    struct log_remnant *remnant = round->remnants;
    while (remnant->round != NULL) {
        remnant++;
    }
    ASSERT(remnant < round->remnants + LOG_SETTLE_REMNANTS);
    *remnant = (struct log_remnant){.round = round};
    round->remnants_count++;
    return remnant;
}

void log_round_remnant_done(struct log_remnant *remnant)
{
    struct log_round *round = remnant->round;
    remnant->log->is_settling = false;
    remnant->log->is_direct_wanted = false;
    remnant->log = NULL;
    remnant->round = NULL;
    round->remnants_count--;
    log_lane_kick(&round->ls->lane);
    log_round_run(round);
}

/* --- ROWS, TABLE --- */

static bool log_round_rows(struct log_round *round)
{
    struct log_rows *rows = &round->rows;
    for (struct log *log = log_round_next(round); log != NULL; log = log_round_next(round)) {
        bool is_due = log->is_available && log->is_row_old && !log_is_held(log);
        if (log_round_skips(round, log)) {
            is_due = false;
        } else {
            log->is_skipped = false; /* all of this round was for it */
        }
        if (is_due && !log_row_collect(round, log)) {
            round->is_unsatisfied = true;
        }
        if (log->file_lowest < rows->file_needed) {
            rows->file_needed = log->file_lowest;
        }
    }
    if (!list_is_empty(&round->scan)) {
        return false;
    }
    uint64_t away = log_moves_file(round->ls);
    rows->file_needed = away < rows->file_needed ? away : rows->file_needed;
    bool is_worth = rows->rows_count > 0 || round->is_told;
    if (!is_worth || atomic_load(&round->ls->store->is_fenced)) {
        log_round_rescan(round, LOG_ROUND_CLEAN);
        return true;
    }
    rows->ls = round->ls;
    rows->err = ERR_OK;
    rows->done = log_round_answered;
    sm_move(&round->sm, LOG_ROUND_TABLE);
    log_keeper_rows(rows);
    return false;
}

static void log_round_answered(struct log_rows *rows)
{
    struct log_round *round = CONTAINER_OF(rows, struct log_round, rows);
    ASSERT(sm_stage(&round->sm) == LOG_ROUND_TABLE);
    if (rows->err != ERR_OK) {
        log_round_failed(round, "groups.tab", rows->err, rows->saved_errno);
    }
    log_round_rescan(round, LOG_ROUND_FREE);
    log_round_run(round);
}

/* --- FREE, CLEAN --- */

static bool log_round_free(struct log_round *round)
{
    bool is_said = round->rows.err == ERR_OK;
    for (struct log *log = log_round_next(round); log != NULL; log = log_round_next(round)) {
        if (log->row_round != round->number) {
            continue;
        }
        if (is_said) {
            log_row_synced(log);
            continue;
        }
        log->is_row_old = true; /* the former row holds, and all that it needs */
        log->table_segment = 0;
        log->file_lowest = 0;
    }
    if (!list_is_empty(&round->scan)) {
        return false;
    }
    log_lane_kick(&round->ls->lane); /* it may have waited for room */
    log_round_rescan(round, LOG_ROUND_CLEAN);
    return true;
}

static bool log_round_clean(struct log_round *round)
{
    bool is_fenced = atomic_load(&round->ls->store->is_fenced);
    for (struct log *log = log_round_next(round); log != NULL; log = log_round_next(round)) {
        if (log->wants_clean && !is_fenced && !log_is_held(log)) {
            log_clean_add(&round->clean, log);
        } else if (!log->wants_clean && !log->is_row_old && !log->is_direct_wanted &&
                   log->file_lowest == UINT64_MAX) {
            list_remove(&log->in_dirty);
        }
    }
    if (!list_is_empty(&round->scan)) {
        return false;
    }
    log_clean_go(&round->clean, round->does_flush);
    if (round->does_flush && !sm_is_final(&round->clean.sm)) {
        return false;
    }
    if (round->does_flush && !is_fenced && !list_is_empty(&round->clean.queue)) {
        if (rt_op_is_idle(&round->op_turn)) {
            rt_op_defer(&round->op_turn); /* it has looked at many */
        }
        return false;
    }
    log_round_end(round);
    return false;
}

void log_round_clean_done(struct log_clean *clean)
{
    struct log_round *round = clean->round;
    log_clean_go(clean, round->settle->is_running && round->does_flush);
    if (round->has_skipped) {
        round->has_skipped = false;
        round->is_pressed = true;
        round->settle->is_wanted = true;
    }
    if (round->settle->is_wanted) {
        log_settle_begin(round->settle);
    }
    log_round_run(round);
}

void log_round_clean_later(struct log_clean *clean)
{
    struct log_round *round = clean->round;
    round->has_news = true;
    log_settle_watch(round->settle,
                     rt_now_ns(round->ls->shard) + round->ls->store->config.settle_ns);
}

bool log_round_is_telling(const struct log *log)
{
    const struct log_round *round = log_round_of(log->ls);
    uint32_t stage = sm_stage(&round->sm);
    return log->row_round == round->number &&
           (stage == LOG_ROUND_ROWS || stage == LOG_ROUND_TABLE || stage == LOG_ROUND_FREE);
}

static void log_round_end(struct log_round *round)
{
    struct log_settle *settle = round->settle;
    struct log_shard *ls = round->ls;
    const struct log_lane *lane = &ls->lane;
    bool is_fenced = atomic_load(&ls->store->is_fenced);
    bool is_drained = list_is_empty(&lane->pending) && list_is_empty(&lane->failed) &&
                      list_is_empty(&lane->finished) &&
                      lane->durable_through + 1 == lane->next_number;
    settle->rounds_count++;
    settle->is_running = false;
    settle->is_urgent = settle->is_wanted;
    sm_move(&round->sm, LOG_ROUND_IDLE);
    if (!round->does_flush || (ls->is_closing && !is_drained && !is_fenced)) {
        log_round_again(round);
        return;
    }
    if (ls->is_closing) {
        round->has_ended = true;
        rt_timer_stop(&settle->timer);
        log_sync_close(round, log_round_flushed);
        return;
    }
    void (*flushed)(struct log_settle * settle) = settle->flushed;
    settle->flushed = NULL;
    log_round_again(round);
    flushed(settle);
}

/* The last round has ended. */
static void log_round_flushed(struct log_round *round)
{
    void (*flushed)(struct log_settle * settle) = round->settle->flushed;
    round->settle->flushed = NULL;
    flushed(round->settle);
}

/* Whether another round follows, and when. */
static void log_round_again(struct log_round *round)
{
    struct log_settle *settle = round->settle;
    struct log_shard *ls = round->ls;
    uint64_t now_ns = rt_now_ns(ls->shard);
    bool is_fenced = atomic_load(&ls->store->is_fenced);
    bool is_much = log_round_is_much(round);
    if (settle->flushed != NULL) { /* asked for meanwhile, or the lane is not empty yet */
        round->is_pressed = true;
        settle->is_urgent = true;
        if (!round->does_flush || is_fenced) {
            log_settle_begin(settle);
            return;
        }
        round->retry_ns = now_ns + LOG_SETTLE_CLOSE_NS;
    } else if (is_fenced) {
        return;
    } else if (round->err != ERR_OK) {
        round->is_pressed = true;
        round->retry_ns = now_ns + ls->store->config.settle_ns;
    } else if (settle->is_wanted || (is_much && round->has_work)) {
        round->is_pressed |= is_much;
        log_settle_begin(settle);
    } else if (round->is_unsatisfied) {
        round->is_pressed = true;
        round->retry_ns = now_ns + LOG_SETTLE_AGAIN_NS;
    } else if (round->has_news) {
        log_settle_watch(settle, now_ns + ls->store->config.settle_ns);
    }
    if (round->retry_ns != 0) {
        settle->is_wanted = true;
        log_settle_watch(settle, round->retry_ns);
    }
}
