/* Room on the disk. See keeper.h; LOG §5, "disk full".
 *
 * While something happens the free space is looked at every 200 ms. Below what settling may still
 * need, one table and config.free_bytes_min, producers are refused and the reserve is let go, for
 * those who must go on; when there is as much again and the reserve besides, all is as before. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "storage/log/keeper_int.h"

/* How often, and for how long after the last report or request. */
#define LOG_SPACE_POLL_NS (200 * RT_NS_PER_MS)
#define LOG_SPACE_POLLS   10u

enum {
    LOG_SPACE_IDLE,     /* nothing asked */
    LOG_SPACE_POLL,     /* how much is free? */
    LOG_SPACE_OPEN,     /* the reserve */
    LOG_SPACE_ALLOCATE, /* its blocks */
    LOG_SPACE_CLOSE,    /* done, or it did not fit */
    LOG_SPACE_UNLINK,   /* it is let go, */
    LOG_SPACE_SYNC,     /* and with its name its blocks */
};

static const struct sm_conf log_space_stages[] = {
    [LOG_SPACE_IDLE] = {"IDLE", SM_BIT(LOG_SPACE_POLL) | SM_BIT(LOG_SPACE_UNLINK),
                        SM_INITIAL | SM_FINAL},
    [LOG_SPACE_POLL] = {"POLL",
                        SM_BIT(LOG_SPACE_OPEN) | SM_BIT(LOG_SPACE_UNLINK) | SM_BIT(LOG_SPACE_IDLE),
                        0},
    [LOG_SPACE_OPEN] =
        {"OPEN", SM_BIT(LOG_SPACE_ALLOCATE) | SM_BIT(LOG_SPACE_CLOSE) | SM_BIT(LOG_SPACE_IDLE), 0},
    [LOG_SPACE_ALLOCATE] = {"ALLOCATE", SM_BIT(LOG_SPACE_CLOSE), 0},
    [LOG_SPACE_CLOSE] = {"CLOSE", SM_BIT(LOG_SPACE_UNLINK) | SM_BIT(LOG_SPACE_IDLE), 0},
    [LOG_SPACE_UNLINK] = {"UNLINK", SM_BIT(LOG_SPACE_SYNC), 0},
    [LOG_SPACE_SYNC] = {"SYNC", SM_BIT(LOG_SPACE_IDLE), 0},
};
const struct sm_decl log_space_decl = {"log_space", log_space_stages, ARRAY_COUNT(log_space_stages),
                                       NULL};

static void log_space_requested(struct rt_shard *at, struct rt_mail *mail);
static void log_space_told(struct rt_shard *at, struct rt_mail *mail);
static void log_space_tick(struct rt_timer *timer);
static void log_space_run(struct rt_op *op);
static bool log_space_polled(struct log_keeper *keeper);
static uint64_t log_space_least(const struct log_keeper *keeper);
static void log_space_reserve_step(struct log_keeper *keeper, const struct rt_op *op);
static void log_space_release(struct log_keeper *keeper);
static void log_space_end(struct log_keeper *keeper);

void log_keeper_space_init(struct log_keeper *keeper)
{
    rt_op_init(&keeper->space_op, keeper->ls->shard, log_space_run);
    rt_timer_init(&keeper->space_timer, keeper->ls->shard, log_space_tick);
    sm_init(&keeper->space_sm, &log_space_decl, LOG_SPACE_IDLE, NULL, 0);
    keeper->is_reserve_wanted = keeper->store->config.reserve_bytes != UINT64_MAX;
}

bool log_keeper_space_is_idle(const struct log_keeper *keeper)
{
    return sm_stage(&keeper->space_sm) == LOG_SPACE_IDLE;
}

void log_keeper_space_wake(struct log_keeper *keeper)
{
    keeper->polls_left = LOG_SPACE_POLLS;
    if (sm_stage(&keeper->space_sm) == LOG_SPACE_IDLE && !keeper->is_closing &&
        !rt_timer_is_running(&keeper->space_timer)) {
        rt_timer_start(&keeper->space_timer, rt_now_ns(keeper->ls->shard));
    }
}

bool log_keeper_space_full(struct log_keeper *keeper)
{
    struct log_store *store = keeper->store;
    if (!atomic_exchange(&store->is_full, true) && keeper->ls->diag != NULL) {
        DIAG_WARN(keeper->ls->diag, "log", "disk full: producers are refused");
    }
    bool is_idle = sm_stage(&keeper->space_sm) == LOG_SPACE_IDLE;
    keeper->is_release_wanted |= store->config.reserve_bytes != UINT64_MAX && !keeper->is_released;
    if (keeper->is_release_wanted && is_idle) {
        rt_timer_stop(&keeper->space_timer);
        log_space_release(keeper);
    } else if (is_idle && keeper->is_begun && !rt_timer_is_running(&keeper->space_timer)) {
        rt_timer_start(&keeper->space_timer, rt_now_ns(keeper->ls->shard) + LOG_SPACE_POLL_NS);
    }
    return sm_stage(&keeper->space_sm) != LOG_SPACE_IDLE;
}

/* --- Requests --- */

void log_keeper_room_request(struct log_room_request *request)
{
    if (!request->is_away) {
        request->is_away = true;
        rt_outbox_send(&request->ls->mails, 0, &request->mail, log_space_requested);
    }
}

static struct log_room_request *log_space_request_of(struct rt_mail *mail)
{
    return CONTAINER_OF(CONTAINER_OF(mail, struct rt_outbox_mail, mail), struct log_room_request,
                        mail);
}

static void log_space_requested(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_room_request *request = log_space_request_of(mail);
    struct log_keeper *keeper = log_keeper_of(request->ls->store);
    ASSERT(keeper->ls->shard == at);
    (void)log_keeper_space_full(keeper);
    rt_outbox_send(&keeper->ls->mails, request->ls->shard->id, &request->mail, log_space_told);
}

static void log_space_told(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_room_request *request = log_space_request_of(mail);
    ASSERT(request->ls->shard == at);
    request->is_away = false;
    log_lane_kick(&request->ls->lane); /* its close waits for this */
}

/* --- The free space --- */

/* Let the reserve go. */
static void log_space_release(struct log_keeper *keeper)
{
    keeper->is_release_wanted = false;
    keeper->is_released = true;
    sm_move(&keeper->space_sm, LOG_SPACE_UNLINK);
    snprintf(keeper->space_path, LIMIT_PATH_BYTES, "%s/reserve", keeper->store->config.dir);
    rt_path_unlink(&keeper->space_op, keeper->space_path);
}

static void log_space_tick(struct rt_timer *timer)
{
    struct log_keeper *keeper = CONTAINER_OF(timer, struct log_keeper, space_timer);
    sm_move(&keeper->space_sm, LOG_SPACE_POLL);
    keeper->polls_left -= keeper->polls_left > 0;
    snprintf(keeper->space_path, LIMIT_PATH_BYTES, "%s", keeper->store->config.dir);
    rt_path_space(&keeper->space_op, keeper->space_path, &keeper->space);
}

static void log_space_run(struct rt_op *op)
{
    struct log_keeper *keeper = CONTAINER_OF(op, struct log_keeper, space_op);
    switch (sm_stage(&keeper->space_sm)) {
    case LOG_SPACE_POLL:
        if (op->err == ERR_OK && !keeper->is_closing && log_space_polled(keeper)) {
            sm_move(&keeper->space_sm, LOG_SPACE_OPEN);
            snprintf(keeper->space_path, LIMIT_PATH_BYTES, "%s/reserve", keeper->store->config.dir);
            rt_file_open(&keeper->space_file, op, keeper->ls->shard, keeper->space_path,
                         RT_FILE_WRITE | RT_FILE_CREATE, 0600);
            return;
        }
        break;
    case LOG_SPACE_OPEN:
    case LOG_SPACE_ALLOCATE: log_space_reserve_step(keeper, op); return;
    case LOG_SPACE_UNLINK:
        sm_move(&keeper->space_sm, LOG_SPACE_SYNC);
        snprintf(keeper->space_path, LIMIT_PATH_BYTES, "%s", keeper->store->config.dir);
        rt_path_sync_dir(op, keeper->space_path);
        return;
    case LOG_SPACE_CLOSE:
    case LOG_SPACE_SYNC: break;
    default: UNREACHABLE();
    }
    if (keeper->is_release_wanted && sm_stage(&keeper->space_sm) != LOG_SPACE_SYNC) {
        log_space_release(keeper);
        return;
    }
    log_space_end(keeper);
}

/* What the free space means. True: the reserve is to be made. */
static bool log_space_polled(struct log_keeper *keeper)
{
    struct log_store *store = keeper->store;
    uint64_t free_bytes = keeper->space.free_bytes;
    uint64_t least = log_space_least(keeper);
    bool has_config = store->config.reserve_bytes != UINT64_MAX;
    uint64_t reserve = has_config ? store->config.reserve_bytes : 0;
    bool is_full = atomic_load(&store->is_full);
    if (!is_full && free_bytes < least) {
        (void)log_keeper_space_full(keeper);
    } else if (is_full && free_bytes >= least + reserve) {
        atomic_store(&store->is_full, false);
        is_full = false;
        keeper->is_reserve_wanted = has_config && keeper->is_released;
        if (keeper->ls->diag != NULL) {
            DIAG_INFO(keeper->ls->diag, "log", "disk has room again",
                      DIAG_BYTES("free", free_bytes));
        }
    }
    if (!keeper->is_reserve_wanted || is_full || free_bytes < least + reserve) {
        return false;
    }
    keeper->is_reserve_wanted = false;
    keeper->is_released = false;
    return true;
}

/* What must be free for producers: what is not settled yet goes to segments, then there is a table.
 */
static uint64_t log_space_least(const struct log_keeper *keeper)
{
    const struct log_config *config = &keeper->store->config;
    uint64_t used = log_keeper_files_used(keeper);
    uint64_t unsettled = config->unsettled_bytes_max * keeper->shards_count;
    return (used < unsettled ? used : unsettled) + config->free_bytes_min +
           log_table_bytes(keeper->rows.count);
}

/* The reserve is open, or has its blocks. Without it the store does as well as it can. */
static void log_space_reserve_step(struct log_keeper *keeper, const struct rt_op *op)
{
    uint64_t bytes = keeper->store->config.reserve_bytes;
    bool is_opened = sm_stage(&keeper->space_sm) == LOG_SPACE_OPEN;
    if (op->err != ERR_OK && keeper->ls->diag != NULL) {
        DIAG_WARN(keeper->ls->diag, "log", "no reserve for a full disk", DIAG_BYTES("bytes", bytes),
                  DIAG_ERR("error", op->err), DIAG_I64("errno", op->saved_errno));
    }
    if (is_opened && op->err != ERR_OK) {
        log_space_end(keeper);
        return;
    }
    if (is_opened && keeper->space_file.size_bytes < bytes && !keeper->is_closing) {
        sm_move(&keeper->space_sm, LOG_SPACE_ALLOCATE);
        rt_file_allocate(&keeper->space_file, &keeper->space_op, RT_ALLOCATE_EXTEND, 0, bytes);
        return;
    }
    keeper->is_release_wanted |= op->err == ERR_DISK_FULL;
    sm_move(&keeper->space_sm, LOG_SPACE_CLOSE);
    rt_file_close(&keeper->space_file, &keeper->space_op);
}

/* Until the next look. What waits for room is tried again. */
static void log_space_end(struct log_keeper *keeper)
{
    if (sm_stage(&keeper->space_sm) != LOG_SPACE_IDLE) {
        sm_move(&keeper->space_sm, LOG_SPACE_IDLE);
    }
    if (keeper->is_closing) {
        log_keeper_close_step(keeper);
        return;
    }
    if (keeper->is_begun && (keeper->polls_left > 0 || atomic_load(&keeper->store->is_full))) {
        rt_timer_start(&keeper->space_timer, rt_now_ns(keeper->ls->shard) + LOG_SPACE_POLL_NS);
    }
    if (!list_is_empty(&keeper->queue)) {
        log_keeper_write(keeper);
    }
    log_keeper_files_serve(keeper);
}
