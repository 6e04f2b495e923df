/* A store on each shard: opening, settling on request, closing. See store.h, and start.h for who
 * tells whom.
 *
 *     JOINED -> DEALT -> OPEN -> SETTLE -> LANE -> FILES -> LEFT -> CLOSED
 *
 * A start that fails goes from JOINED to CLOSED, or from DEALT through LANE. */
#include "storage/log/store.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "storage/log/found.h"
#include "storage/log/move_int.h"
#include "storage/log/range.h"
#include "storage/log/shard.h"
#include "storage/log/start.h"

/* Idle buffers kept, at most. */
#define LOG_IDLE_BYTES_MAX (64u << 20)

/* What a shard needs at least: frames, files, a group settling. */
#define LOG_SHARD_BYTES_MIN (1u << 20)

/* How often a close looks whether look-ups have ended. */
#define LOG_CLOSE_RETRY_NS RT_NS_PER_MS

enum {
    LOG_SHARD_CLOSED, /* nothing of it is in use */
    LOG_SHARD_JOINED, /* shard 0 reads what there is */
    LOG_SHARD_DEALT,  /* makes its groups, then waits for the others */
    LOG_SHARD_OPEN,   /* in use */
    LOG_SHARD_SETTLE, /* closing: what fills blocks goes to segments */
    LOG_SHARD_LANE,   /* closing: the last frames */
    LOG_SHARD_FILES,  /* closing: files */
    LOG_SHARD_LEFT,   /* closing: waits for the others */
};

static const struct sm_conf log_shard_stages[] = {
    [LOG_SHARD_CLOSED] = {"CLOSED", SM_BIT(LOG_SHARD_JOINED), SM_INITIAL | SM_FINAL},
    [LOG_SHARD_JOINED] = {"JOINED", SM_BIT(LOG_SHARD_DEALT) | SM_BIT(LOG_SHARD_CLOSED), 0},
    [LOG_SHARD_DEALT] = {"DEALT",
                         SM_BIT(LOG_SHARD_OPEN) | SM_BIT(LOG_SHARD_LANE) | SM_BIT(LOG_SHARD_LEFT),
                         0},
    [LOG_SHARD_OPEN] = {"OPEN", SM_BIT(LOG_SHARD_SETTLE), 0},
    [LOG_SHARD_SETTLE] = {"SETTLE", SM_BIT(LOG_SHARD_LANE), 0},
    [LOG_SHARD_LANE] = {"LANE", SM_BIT(LOG_SHARD_FILES), 0},
    [LOG_SHARD_FILES] = {"FILES", SM_BIT(LOG_SHARD_LEFT), 0},
    [LOG_SHARD_LEFT] = {"LEFT", SM_BIT(LOG_SHARD_CLOSED), 0},
};
const struct sm_decl log_shard_decl = {"log_shard", log_shard_stages, ARRAY_COUNT(log_shard_stages),
                                       NULL};

static void log_shard_fire(struct rt_op *op);
static enum err log_shard_make(struct log_shard *ls);
static enum err log_shard_make_parts(struct log_shard *ls);
static void log_shard_unmake(struct log_shard *ls);
static void log_shard_made(struct log_shard *ls);
static void log_shard_settled(struct log_settle *settle);
static void log_shard_close_settled(struct log_settle *settle);
static void log_shard_close_lane(struct log_shard *ls);
static void log_shard_close_again(struct rt_timer *timer);
static void log_shard_close_files(struct log_lane *lane);
static void log_shard_leave(struct log_files *files);

void log_store_init(struct log_store *store, const struct log_config *config,
                    const struct crc32c *kernels)
{
    *store = (struct log_store){.config = *config, .kernels = kernels};
}

void log_config_fill(struct log_config *config, uint64_t memory_bytes)
{
    uint64_t block = LIMIT_BLOCK_BYTES;
    if (config->unsettled_bytes_max == 0) {
        uint64_t share = memory_bytes / 8;
        config->unsettled_bytes_max = share < 128u << 20 ? share : 128u << 20;
    }
    config->hot_bytes_max = config->hot_bytes_max == 0 ? memory_bytes / 4 : config->hot_bytes_max;
    if (config->journal_file_bytes == 0) {
        uint64_t share = config->unsettled_bytes_max / 4;
        share = share < 32u << 20 ? share : 32u << 20;
        config->journal_file_bytes = share > 4u << 20 ? share : 4u << 20;
    }
    if (config->journal_first_bytes == 0) {
        config->journal_first_bytes = 4u << 20;
    }
    uint64_t *const sizes[] = {&config->journal_first_bytes, &config->journal_file_bytes};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint64_t bytes = *sizes[i] < LOG_JOURNAL_BYTES_MIN ? LOG_JOURNAL_BYTES_MIN : *sizes[i];
        *sizes[i] = (bytes + block - 1) / block * block;
    }
    config->segment_bytes = config->segment_bytes == 0 ? 1u << 30 : config->segment_bytes;
    if (config->segment_bytes > LOG_SEGMENT_BYTES_MAX) {
        config->segment_bytes = LOG_SEGMENT_BYTES_MAX;
    }
    config->reserve_bytes = config->reserve_bytes == 0 ? 64u << 20 : config->reserve_bytes;
    config->free_bytes_min = config->free_bytes_min == 0 ? 256u << 20 : config->free_bytes_min;
    config->seal_ns = config->seal_ns == 0 ? 5 * RT_NS_PER_MS : config->seal_ns;
    config->settle_ns = config->settle_ns == 0 ? RT_NS_PER_S : config->settle_ns;
    if (config->groups_max == 0 || config->groups_max > LIMIT_PARTITIONS_COUNT) {
        config->groups_max = LIMIT_PARTITIONS_COUNT;
    }
    config->files_max = config->files_max == 0 ? 512 : config->files_max;
    config->sync_all_parts = config->sync_all_parts == 0 ? 32 : config->sync_all_parts;
}

/* --- Opening --- */

void log_shard_open(struct log_shard *ls, struct rt_shard *shard, struct log_store *store,
                    struct diag *diag, log_shard_done_fn *done)
{
    *ls = (struct log_shard){.shard = shard, .store = store, .diag = diag, .done = done};
    sm_init(&ls->sm, &log_shard_decl, LOG_SHARD_CLOSED, NULL, shard->id);
    rt_op_init(&ls->op_done, shard, log_shard_fire);
    rt_timer_init(&ls->close_timer, shard, log_shard_close_again);
    rt_outbox_init(&ls->mails, shard);
    list_init(&ls->moves);
    list_init(&ls->bundles);
    ls->dropped_file = UINT64_MAX;
    budget_init(&ls->budget, "log", SIZE_MAX, rt_shard_budget(shard));
    store->shards[shard->id] = ls;
    sm_move(&ls->sm, LOG_SHARD_JOINED);
    rt_outbox_send(&ls->mails, 0, &ls->mail, log_start_joined);
    if (shard->id == 0) {
        log_start_begin(ls);
    }
}

void log_shard_keep_trimmed(struct log_shard *ls, bool is_kept)
{
    ls->keeps_trimmed = is_kept;
}

static void log_shard_fire(struct rt_op *op)
{
    struct log_shard *ls = CONTAINER_OF(op, struct log_shard, op_done);
    ls->done(ls);
}

struct log_shard *log_shard_of_mail(struct rt_mail *mail)
{
    struct rt_outbox_mail *carrier = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(carrier, struct log_shard, mail);
}

void log_shard_deal(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_shard *ls = log_shard_of_mail(mail);
    ASSERT(ls->shard == at);
    sm_move(&ls->sm, LOG_SHARD_DEALT);
    ls->err = log_shard_make(ls);
    if (ls->err != ERR_OK) {
        log_shard_made(ls);
        return;
    }
    log_found_make(ls, ls->store->found, log_shard_made);
}

static void log_shard_made(struct log_shard *ls)
{
    rt_outbox_send(&ls->mails, 0, &ls->mail, log_start_dealt);
}

/* All that a shard of the store has. Nothing is left when it fails. */
static enum err log_shard_make(struct log_shard *ls)
{
    const struct log_config *config = &ls->store->config;
    uint32_t found = ls->store->found->groups_count;
    uint32_t capacity = map_capacity(config->groups_max > found ? config->groups_max : found);
    if (budget_left(&ls->budget) < LOG_SHARD_BYTES_MIN) {
        return ERR_BUDGET;
    }
    void *buckets = NULL;
    enum err err = budget_alloc(&ls->budget, capacity * sizeof(struct map_node *),
                                _Alignof(struct map_node *), &buckets);
    if (err != ERR_OK) {
        return err;
    }
    ls->buckets = buckets;
    map_init(&ls->groups, ls->buckets, capacity);
    size_t memory_bytes = rt_shard_budget(ls->shard)->limit_bytes;
    size_t idle_bytes =
        memory_bytes / 32 < LOG_IDLE_BYTES_MAX ? memory_bytes / 32 : LOG_IDLE_BYTES_MAX;
    union {
        struct log_term term;
        struct log_range range;
        struct log_garbage garbage;
        struct log_pin pin;
    } small;
    ls->hot_bytes_max = config->hot_bytes_max;
    budget_init(&ls->hot_budget, "log hot", (size_t)config->hot_bytes_max, &ls->budget);
    buf_pool_init(&ls->bufs, &ls->budget, (uint16_t)ls->shard->id, idle_bytes);
    pool_init(&ls->logs, &ls->budget, sizeof(struct log), _Alignof(struct log), capacity);
    pool_init(&ls->lookups, &ls->budget, sizeof(struct log_lookup), _Alignof(struct log_lookup),
              UINT32_MAX);
    pool_init(&ls->ops, &ls->budget, sizeof(struct log_op), _Alignof(struct log_op), UINT32_MAX);
    pool_init(&ls->chunks, &ls->budget, sizeof(struct log_chunk), _Alignof(struct log_chunk),
              UINT32_MAX);
    pool_init(&ls->segments, &ls->budget, sizeof(struct log_segment), _Alignof(struct log_segment),
              UINT32_MAX);
    pool_init(&ls->small, &ls->budget, sizeof(small), _Alignof(max_align_t), UINT32_MAX);
    list_init(&ls->hot);
    err = log_shard_make_parts(ls);
    ls->is_made = err == ERR_OK;
    if (err != ERR_OK) {
        budget_deinit(&ls->hot_budget);
        budget_free(&ls->budget, ls->buckets);
        ls->buckets = NULL;
    }
    return err;
}

/* Files, settling, and last the lane, which asks for its first file at once. */
static enum err log_shard_make_parts(struct log_shard *ls)
{
    enum err err = log_files_init(&ls->files, ls, ls->store->config.files_max);
    if (err != ERR_OK) {
        return err;
    }
    err = log_settle_init(&ls->settle, ls);
    if (err == ERR_OK) {
        err = log_lane_init(&ls->lane, ls);
        if (err != ERR_OK) {
            log_settle_deinit(&ls->settle);
        }
    }
    if (err != ERR_OK) {
        log_files_deinit(&ls->files);
    }
    return err;
}

void log_shard_go(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_shard *ls = log_shard_of_mail(mail);
    ASSERT(ls->shard == at);
    sm_move(&ls->sm, LOG_SHARD_OPEN);
    ls->err = ERR_OK;
    ls->is_open = true;
    for (struct map_node *node = map_first(&ls->groups); node != NULL;
         node = map_next(&ls->groups, node)) {
        struct log *log = CONTAINER_OF(node, struct log, in_map);
        if (log->is_available && log->wants_mark && !log->is_deleted) {
            log_mark_amnesiac(log);
        }
        if (log->is_available && (log->file_lowest != UINT64_MAX || log->wants_clean)) {
            log_settle_note(log, log->file_lowest, 0);
        }
    }
    rt_op_defer(&ls->op_done);
}

/* The start has failed: what was made is closed again. */
void log_shard_undo(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_shard *ls = log_shard_of_mail(mail);
    ASSERT(ls->shard == at);
    ls->is_closing = true;
    if (!ls->is_made) {
        sm_move(&ls->sm, LOG_SHARD_LEFT);
        rt_outbox_send(&ls->mails, 0, &ls->mail, log_start_left);
        return;
    }
    log_shard_close_lane(ls);
}

/* --- Settling on request --- */

void log_shard_settle(struct log_shard *ls, log_shard_done_fn *done)
{
    ASSERT(ls->is_open);
    ASSERT(!ls->is_closing);
    ls->done = done;
    log_settle_all(&ls->settle, log_shard_settled);
}

static void log_shard_settled(struct log_settle *settle)
{
    struct log_shard *ls = settle->ls;
    ls->err = atomic_load(&ls->store->is_fenced) ? ERR_FENCED : ERR_OK;
    rt_op_defer(&ls->op_done);
}

/* --- Closing --- */

void log_shard_close(struct log_shard *ls, log_shard_done_fn *done)
{
    ASSERT(ls->is_open);
    ASSERT(!ls->is_closing);
    ls->done = done;
    ls->is_closing = true;
    sm_move(&ls->sm, LOG_SHARD_SETTLE);
    log_settle_all(&ls->settle, log_shard_close_settled);
}

static void log_shard_close_settled(struct log_settle *settle)
{
    log_shard_close_lane(settle->ls);
}

static void log_shard_close_again(struct rt_timer *timer)
{
    log_shard_close_lane(CONTAINER_OF(timer, struct log_shard, close_timer));
}

/* Whether something is looked up, loaded, or replaced in segments. */
static bool log_shard_is_looking(const struct log_shard *ls)
{
    for (struct map_node *node = map_first(&ls->groups); node != NULL;
         node = map_next(&ls->groups, node)) {
        const struct log *log = CONTAINER_OF(node, struct log, in_map);
        if (log->loading != NULL || log->is_replacing || log->is_repairing) {
            return true;
        }
    }
    return ls->lookups.in_use_count > 0;
}

/* Cuts and trims that look something up end first: they are refused then, through the lane. Groups
 * that are on their way have come to another shard, or are given up. */
static void log_shard_close_lane(struct log_shard *ls)
{
    if (log_shard_is_looking(ls) || log_moves_are_out(ls)) {
        rt_timer_start(&ls->close_timer, rt_now_ns(ls->shard) + LOG_CLOSE_RETRY_NS);
        return;
    }
    sm_move(&ls->sm, LOG_SHARD_LANE);
    log_lane_close(&ls->lane, log_shard_close_files);
}

static void log_shard_close_files(struct log_lane *lane)
{
    struct log_shard *ls = CONTAINER_OF(lane, struct log_shard, lane);
    sm_move(&ls->sm, LOG_SHARD_FILES);
    log_files_close(&ls->files, log_shard_leave);
}

static void log_shard_leave(struct log_files *files)
{
    struct log_shard *ls = CONTAINER_OF(files, struct log_shard, files);
    sm_move(&ls->sm, LOG_SHARD_LEFT);
    rt_outbox_send(&ls->mails, 0, &ls->mail, log_start_left);
}

/* The store is closed, or the start failed before this shard had anything. */
void log_shard_gone(struct rt_shard *at, struct rt_mail *mail)
{
    struct log_shard *ls = log_shard_of_mail(mail);
    const struct log_store *store = ls->store;
    ASSERT(ls->shard == at);
    sm_move(&ls->sm, LOG_SHARD_CLOSED);
    if (ls->is_made) {
        log_shard_unmake(ls);
    }
    if (!ls->is_open) {
        ls->err = store->err;
        ls->info = store->info;
        memcpy(ls->why, store->why, sizeof(ls->why));
    } else {
        ls->err = atomic_load(&store->is_fenced) ? ERR_FENCED : ERR_OK;
    }
    ls->is_open = false;
    budget_deinit(&ls->budget);
    sm_deinit(&ls->sm);
    rt_op_defer(&ls->op_done);
}

static void log_shard_unmake(struct log_shard *ls)
{
    for (struct map_node *node = map_first(&ls->groups); node != NULL;
         node = map_first(&ls->groups)) {
        log_free(CONTAINER_OF(node, struct log, in_map));
    }
    ASSERT(list_is_empty(&ls->hot));
    log_lane_deinit(&ls->lane);
    log_settle_deinit(&ls->settle);
    log_files_deinit(&ls->files);
    pool_deinit(&ls->small);
    pool_deinit(&ls->segments);
    pool_deinit(&ls->chunks);
    pool_deinit(&ls->ops);
    pool_deinit(&ls->lookups);
    pool_deinit(&ls->logs);
    buf_pool_deinit(&ls->bufs);
    budget_deinit(&ls->hot_budget);
    budget_free(&ls->budget, ls->buckets);
    ls->buckets = NULL;
    ls->is_made = false;
}
