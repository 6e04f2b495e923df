/* A shard's part of the broker: how it opens, takes catalogs, and closes. See core.h.
 *
 *     open:   log -> (shard 0: controller folds) -> first catalog: partitions open -> ready
 *     close:  (shard 0: its own changes are answered -> controller closes) -> partitions close ->
 *             lent bytes are back -> log closes, on all shards -> bytes received here are back ->
 *             closed */
#include "broker/core/core.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core_int.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"
#include "broker/core/ticks_home.h"

/* Of a shard's memory, what is kept for the next bytes received: one in so many. Memory that is
 * touched for the first time costs a page fault every 4 KiB, a quarter of what an append takes. */
#define CORE_BUFS_IDLE_PART 8u

/* Batches let in and not committed, and reads under way, of one shard. */
#define CORE_PENDINGS_MAX 65536u
#define CORE_READINGS_MAX 4096u

/* What producers may take of a shard's memory: one in so many bytes. */
#define CORE_PRODUCERS_PART 8u

/* How often a closing shard looks whether what it lent is back. */
#define CORE_CLOSE_RETRY_NS RT_NS_PER_MS

enum {
    CORE_NEW,        /* nothing done */
    CORE_LOG,        /* its log opens */
    CORE_CATALOG,    /* until the first catalog comes */
    CORE_READY,      /* in use */
    CORE_UPKEEP,     /* closing: until views are given up, on all shards */
    CORE_CHANGING,   /* closing: until shard 0's own changes are answered */
    CORE_CONTROLLER, /* closing: until shard 0's controller is closed */
    CORE_PARTITIONS, /* until the partitions are */
    CORE_LENT,       /* until what the log lent is back */
    CORE_LOG_CLOSE,  /* until all logs are closed */
    CORE_RECEIVED,   /* until what was received here is back */
    CORE_CLOSED,     /* nothing of it is under way */
};

static const struct sm_conf core_stages[] = {
    [CORE_NEW] = {"NEW", SM_BIT(CORE_LOG), SM_INITIAL},
    [CORE_LOG] = {"LOG", SM_BIT(CORE_CATALOG) | SM_BIT(CORE_RECEIVED), 0},
    [CORE_CATALOG] = {"CATALOG", SM_BIT(CORE_READY), 0},
    [CORE_READY] = {"READY", SM_BIT(CORE_UPKEEP), 0},
    [CORE_UPKEEP] = {"UPKEEP", SM_BIT(CORE_CHANGING) | SM_BIT(CORE_PARTITIONS), 0},
    [CORE_CHANGING] = {"CHANGING", SM_BIT(CORE_CONTROLLER), 0},
    [CORE_CONTROLLER] = {"CONTROLLER", SM_BIT(CORE_PARTITIONS), 0},
    [CORE_PARTITIONS] = {"PARTITIONS", SM_BIT(CORE_LENT), 0},
    [CORE_LENT] = {"LENT", SM_BIT(CORE_LOG_CLOSE), 0},
    [CORE_LOG_CLOSE] = {"LOG_CLOSE", SM_BIT(CORE_RECEIVED), 0},
    [CORE_RECEIVED] = {"RECEIVED", SM_BIT(CORE_CLOSED), 0},
    [CORE_CLOSED] = {"CLOSED", 0, SM_FINAL},
};

static const struct sm_decl core_decl = {"core", core_stages, ARRAY_COUNT(core_stages), NULL};

static void core_shard_give_back(void *ctx, struct buf_loan *loan);
static enum err core_shard_make(struct core_shard *cs);
static void core_shard_log_opened(struct log_shard *ls);
static void core_shard_adopt(struct core_shard *cs, struct core_publication *publication);
static enum err core_shard_take(struct core_shard *cs, const struct core_catalog *new,
                                const struct core_publication *publication);
static enum err core_shard_take_topic(struct core_shard *cs, const struct core_topic *old,
                                      const struct core_topic *new);
static enum err core_shard_take_all(struct core_shard *cs, const struct core_catalog *new);
static void core_shard_drop_logs(struct core_shard *cs, const struct core_deleted *deleted);
static void core_shard_pin(struct core_shard *cs, const struct core_catalog *old,
                           const struct core_publication *publication);
static void core_shard_ready(struct core_shard *cs);
static void core_shard_close_changes(struct core_shard *cs);
static bool core_shard_upkeep_is_over(struct core_shard *cs);
static void core_shard_close_rest(struct core_shard *cs);
static void core_shard_close_partitions(struct core_shard *cs);
static void core_shard_look(struct rt_timer *timer);
static void core_shard_log_closed(struct log_shard *ls);
static void core_shard_end(struct core_shard *cs);

void core_init(struct core *core, const struct core_config *config, const struct crc32c *kernels,
               uint32_t shards_count)
{
    *core = (struct core){.config = *config, .kernels = kernels, .shards_count = shards_count};
    atomic_store(&core->pin_bytes_max,
                 config->view_pin_bytes_max != 0 ? config->view_pin_bytes_max : UINT64_MAX);
    if (core->config.indexer == NULL) {
        core->config.indexer = json_indexer_for(&(struct cpu){.level = CPU_SCALAR});
    }
    log_store_init(&core->store, &config->log, kernels);
}

uint32_t core_shard_of(const struct core *core, uint64_t group)
{
    return (uint32_t)(group % core->shards_count);
}

int64_t core_now_ms(struct core_shard *cs)
{
    return (int64_t)(rt_wall_ns(cs->shard) / RT_NS_PER_MS);
}

struct log_uuid core_uuid_new(struct core_shard *cs)
{
    struct log_uuid uuid;
    for (size_t i = 0; i < sizeof(uuid.bytes); i += sizeof(uint64_t)) {
        uint64_t bits = rt_random(cs->shard);
        memcpy(uuid.bytes + i, &bits, sizeof(bits));
    }
    uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

/* --- Opening --- */

void core_shard_open(struct core_shard *cs, struct rt_shard *shard, struct core *core,
                     struct diag *diag, core_shard_done_fn *done)
{
    *cs = (struct core_shard){.core = core, .shard = shard, .diag = diag, .done = done};
    core->shards[shard->id] = cs;
    metric_registry_init(&cs->metrics, shard->id);
    list_init(&cs->closing);
    core_producer_ids_init(&cs->producer_ids);
    rt_outbox_init(&cs->outbox, shard);
    rt_timer_init(&cs->timer, shard, core_shard_look);
    sm_init(&cs->sm, &core_decl, CORE_NEW, NULL, 0);
    budget_init(&cs->budget, "core", SIZE_MAX, rt_shard_budget(shard));
    buf_pool_init(&cs->bufs, &cs->budget, (uint16_t)shard->id,
                  rt_shard_budget(shard)->limit_bytes / CORE_BUFS_IDLE_PART);
    buf_pool_set_give_back(&cs->bufs, core_shard_give_back, cs);
    pool_init(&cs->partition_pool, &cs->budget, sizeof(struct core_partition), 64,
              LIMIT_PARTITIONS_COUNT);
    pool_init(&cs->pending_pool, &cs->budget, sizeof(struct core_pending), 64, CORE_PENDINGS_MAX);
    pool_init(&cs->reading_pool, &cs->budget, sizeof(struct core_reading), 64, CORE_READINGS_MAX);
    core_idempotence_shared_init(&cs->idempotence, &cs->budget,
                                 rt_shard_budget(shard)->limit_bytes / CORE_PRODUCERS_PART,
                                 CORE_PENDINGS_MAX, rt_random(shard));
    core_records_room_init(&cs->room, &cs->budget, CORE_RECORDS_ROOM_KEEP_BYTES,
                           CORE_RECORDS_ROOM_BYTES_MAX);
    core_views_open(cs);
    core_ticks_open(cs);
    core_upkeep_open(&cs->upkeep, cs);
    core_follows_open(&cs->follows, cs);
    core_lookups_open(&cs->lookups, cs);
    core_looks_init(&cs->looks, &cs->budget, rt_random(shard));
    core_subscriptions_init(&cs->subscriptions);
    core_errors_init(&cs->errors, &cs->budget, rt_random(shard));
    core_retention_open(&cs->retention, cs, core->config.retention_check_ms);
    cs->err = core_shard_make(cs);
    sm_move(&cs->sm, CORE_LOG);
    log_shard_open(&cs->log, shard, &core->store, diag, core_shard_log_opened);
    log_shard_keep_trimmed(&cs->log, true);
}

/* What may be refused; the log is opened all the same, for the other shards' sake. */
static enum err core_shard_make(struct core_shard *cs)
{
    uint32_t capacity = map_capacity(LIMIT_PARTITIONS_COUNT);
    void *buckets;
    enum err err = core_loans_init(&cs->loans, cs, &cs->budget, cs->core->shards_count);
    if (err == ERR_OK) {
        err = budget_alloc(&cs->budget, capacity * sizeof(struct map_node *), 64, &buckets);
    }
    if (err == ERR_OK) {
        cs->buckets = buckets;
        map_init(&cs->partitions, cs->buckets, capacity);
    }
    enum err queries_err = core_queries_open(&cs->queries, cs, &cs->core->config.queries);
    return err == ERR_OK ? queries_err : err;
}

static void core_shard_give_back(void *ctx, struct buf_loan *loan)
{
    core_loans_return(&((struct core_shard *)ctx)->loans, loan);
}

static void core_shard_log_opened(struct log_shard *ls)
{
    struct core_shard *cs = CONTAINER_OF(ls, struct core_shard, log);
    if (ls->err != ERR_OK) { /* on all shards */
        cs->err = ls->err;
        snprintf(cs->why, sizeof(cs->why), "%s", ls->why);
        sm_move(&cs->sm, CORE_RECEIVED);
        cs->done(cs);
        return;
    }
    raft_shard_open(&cs->raft, cs->shard, cs->core->kernels, cs->core->config.node_id);
    cs->is_raft_open = true;
    sm_move(&cs->sm, CORE_CATALOG);
    if (cs->shard->id == 0) {
        core_views_size(cs);
        core_controller_open(&cs->core->controller, cs);
    }
    if (cs->published != NULL) {
        core_shard_adopt(cs, cs->published);
    }
}

void core_shard_published(struct rt_shard *shard, struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    struct core_publication *publication = CONTAINER_OF(letter, struct core_publication, mail);
    struct core_shard *cs = publication->controller->cs->core->shards[shard->id];
    if (sm_stage(&cs->sm) == CORE_LOG) {
        cs->published = publication; /* taken when the log is open here, too */
    } else {
        core_shard_adopt(cs, publication);
    }
}

static void core_shard_adopt(struct core_shard *cs, struct core_publication *publication)
{
    struct core_catalog *old = cs->catalog;
    cs->published = NULL;
    if (publication->err != ERR_OK) {
        cs->err = publication->err;
        snprintf(cs->why, sizeof(cs->why), "%s", publication->controller->why);
    } else {
        uint32_t stage = sm_stage(&cs->sm);
        if (cs->err == ERR_OK && (stage == CORE_CATALOG || stage == CORE_READY)) {
            publication->err = core_shard_take(cs, publication->catalog, publication);
            if (publication->err != ERR_OK) {
                cs->has_missed = true;
            }
        }
        cs->catalog = publication->catalog;
        publication->catalog = old;
        if (cs->err == ERR_OK && (stage == CORE_CATALOG || stage == CORE_READY)) {
            core_shard_pin(cs, old, publication);
            core_ticks_catalog(cs);
            core_upkeep_adopted(&cs->upkeep);
        }
    }
    if (sm_stage(&cs->sm) == CORE_CATALOG && cs->err == ERR_OK && !cs->has_missed) {
        core_shard_drop_logs(cs, &publication->controller->deleted);
    }
    core_publication_return(cs, publication);
    if (sm_stage(&cs->sm) == CORE_CATALOG) {
        core_shard_ready(cs);
    }
}

/* What views read stays, where this catalog has other views, or other partitions. What earlier ones
 * left may go from the first catalog on. */
static void core_shard_pin(struct core_shard *cs, const struct core_catalog *old,
                           const struct core_publication *publication)
{
    const struct core_catalog *catalog = cs->catalog;
    bool has_views = catalog->views_count > 0 || (old != NULL && old->views_count > 0);
    bool has_changed =
        old == NULL || publication->is_all || old->views_version != catalog->views_version;
    for (uint32_t i = 0; !has_changed && i < publication->changes_count; i++) {
        const struct core_topic *was = core_catalog_find_uuid(old, &publication->changes[i]);
        const struct core_topic *is = core_catalog_find_uuid(catalog, &publication->changes[i]);
        has_changed = was != NULL && is != NULL && is->partitions_count > was->partitions_count;
    }
    if (has_views && has_changed) {
        core_views_adopt(cs, old, catalog);
    }
    log_shard_keep_trimmed(&cs->log, false);
}

static void core_shard_ready(struct core_shard *cs)
{
    sm_move(&cs->sm, CORE_READY);
    cs->done(cs);
}

/* --- Catalogs --- */

/* Partitions of this shard become what `new` says. A partition that cannot be opened leaves the
 * others alone. */
static enum err core_shard_take(struct core_shard *cs, const struct core_catalog *new,
                                const struct core_publication *publication)
{
    enum err first = ERR_OK;
    if (publication->is_all || cs->catalog == NULL) {
        return core_shard_take_all(cs, new);
    }
    for (uint32_t i = 0; i < publication->changes_count; i++) {
        const struct log_uuid *uuid = &publication->changes[i];
        enum err err = core_shard_take_topic(cs, core_catalog_find_uuid(cs->catalog, uuid),
                                             core_catalog_find_uuid(new, uuid));
        first = first == ERR_OK ? err : first;
    }
    return first;
}

static enum err core_shard_take_all(struct core_shard *cs, const struct core_catalog *new)
{
    struct core_tree_walk walk;
    const struct core_topic *topic;
    enum err first = ERR_OK;
    if (cs->catalog != NULL) {
        core_catalog_walk(&walk, cs->catalog, NULL, 0);
        while ((topic = core_catalog_next(&walk)) != NULL) {
            if (core_catalog_find_uuid(new, &topic->uuid) == NULL) {
                enum err err = core_shard_take_topic(cs, topic, NULL);
                ASSERT(err == ERR_OK); /* nothing is opened */
            }
        }
    }
    core_catalog_walk(&walk, new, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        enum err err = core_shard_take_topic(cs, NULL, topic);
        first = first == ERR_OK ? err : first;
    }
    return first;
}

/* `old` became `new`; NULL: it was, or is, not there. */
static enum err core_shard_take_topic(struct core_shard *cs, const struct core_topic *old,
                                      const struct core_topic *new)
{
    enum err first = ERR_OK;
    for (uint32_t i = 0; new != NULL &&i < new->partitions_count; i++) {
        if (core_shard_of(cs->core, new->groups[i]) != cs->shard->id) {
            continue;
        }
        enum err err = core_partition_open(cs, new, i);
        if (err != ERR_OK) {
            DIAG_ERROR(cs->diag, "core", "a partition cannot be opened",
                       DIAG_STRING("topic", new->name), DIAG_U64("partition", i),
                       DIAG_ERR("error", err));
            first = first == ERR_OK ? err : first;
        }
    }
    for (uint32_t i = 0; new == NULL &&old != NULL &&i < old->partitions_count; i++) {
        struct core_partition *part = core_partition_find(cs, old->groups[i], &old->uuid, i);
        if (part != NULL) {
            core_partition_close(part, true);
        }
    }
    return first;
}

/* Logs of topics that were deleted when the last process ended, before these were. */
static void core_shard_drop_logs(struct core_shard *cs, const struct core_deleted *deleted)
{
    struct log *next;
    for (struct log *log = log_first(&cs->log); log != NULL; log = next) {
        struct log_uuid topic;
        uint32_t index;
        uint64_t group = log_group(log);
        next = log_next(&cs->log, log);
        if (group == 0 || map_find(&cs->partitions, group) != NULL) {
            continue;
        }
        log_partition(log, &topic, &index);
        if (core_deleted_has(deleted, &topic)) {
            core_partition_drop(cs, log);
        } else {
            DIAG_ERROR(cs->diag, "core", "a log that no topic names is left alone",
                       DIAG_U64("group", group));
        }
    }
}

/* --- Closing --- */

void core_shard_close(struct core_shard *cs, core_shard_done_fn *done)
{
    cs->done = done;
    log_shard_keep_trimmed(&cs->log, true); /* the pins go now, the views do not */
    core_upkeep_stop(&cs->upkeep);
    if (sm_stage(&cs->sm) == CORE_READY) {
        sm_move(&cs->sm, CORE_UPKEEP);
        core_shard_look(&cs->timer);
    } else {
        (void)core_shard_upkeep_is_over(cs); /* others wait for that */
        core_shard_close_rest(cs);
    }
}

/* Views are given up: whether on all shards. */
static bool core_shard_upkeep_is_over(struct core_shard *cs)
{
    if (!cs->is_upkeep_over && core_upkeep_is_idle(&cs->upkeep) &&
        core_follows_is_idle(&cs->follows)) {
        cs->is_upkeep_over = true;
        atomic_fetch_add(&cs->core->upkeeps_over_count, 1);
    }
    return atomic_load(&cs->core->upkeeps_over_count) == cs->core->shards_count;
}

static void core_shard_close_rest(struct core_shard *cs)
{
    ASSERT(cs->calls_count == cs->ticks.calls_count);
    core_ticks_close(cs);
    core_retention_close(&cs->retention);
    if (sm_stage(&cs->sm) == CORE_RECEIVED) { /* its log never opened */
        rt_timer_start(&cs->timer, rt_now_ns(cs->shard));
    } else if (cs->shard->id == 0) {
        core_shard_close_changes(cs);
    } else {
        core_shard_close_partitions(cs);
    }
}

static void core_shard_close_changes(struct core_shard *cs)
{
    if (sm_stage(&cs->sm) != CORE_CHANGING) {
        sm_move(&cs->sm, CORE_CHANGING);
    }
    if (core_ticks_is_changing(cs)) {
        rt_timer_start(&cs->timer, rt_now_ns(cs->shard) + CORE_CLOSE_RETRY_NS);
    } else {
        sm_move(&cs->sm, CORE_CONTROLLER);
        core_controller_close(&cs->core->controller, core_shard_close_partitions);
    }
}

static void core_shard_close_partitions(struct core_shard *cs)
{
    struct map_node *node;
    sm_move(&cs->sm, CORE_PARTITIONS);
    while (cs->buckets != NULL && (node = map_first(&cs->partitions)) != NULL) {
        core_partition_close(CONTAINER_OF(node, struct core_partition, in_map), false);
    }
    core_shard_released(cs);
}

void core_shard_released(struct core_shard *cs)
{
    bool is_empty = cs->buckets == NULL || cs->partitions.count == 0;
    if (sm_stage(&cs->sm) == CORE_PARTITIONS && is_empty && list_is_empty(&cs->closing)) {
        sm_move(&cs->sm, CORE_LENT);
        rt_timer_start(&cs->timer, rt_now_ns(cs->shard));
    }
}

/* Is everything back? */
static void core_shard_look(struct rt_timer *timer)
{
    struct core_shard *cs = CONTAINER_OF(timer, struct core_shard, timer);
    bool is_back =
        core_loans_is_idle(&cs->loans) && core_views_is_idle(cs) && core_ticks_is_idle(cs);
    if (sm_stage(&cs->sm) == CORE_UPKEEP && core_shard_upkeep_is_over(cs)) {
        core_shard_close_rest(cs);
        return;
    }
    if (sm_stage(&cs->sm) == CORE_CHANGING) {
        core_shard_close_changes(cs);
        return;
    }
    if (sm_stage(&cs->sm) == CORE_LENT) {
        if (is_back && cs->log.bufs.loans.in_use_count == 0) {
            sm_move(&cs->sm, CORE_LOG_CLOSE);
            log_shard_close(&cs->log, core_shard_log_closed);
            return;
        }
    } else if (sm_stage(&cs->sm) == CORE_RECEIVED && is_back &&
               cs->bufs.bufs_count == (cs->packed != NULL ? 1 : 0)) {
        core_shard_end(cs);
        return;
    }
    rt_timer_start(&cs->timer, rt_now_ns(cs->shard) + CORE_CLOSE_RETRY_NS);
}

static void core_shard_log_closed(struct log_shard *ls)
{
    struct core_shard *cs = CONTAINER_OF(ls, struct core_shard, log);
    if (ls->err != ERR_OK) {
        DIAG_ERROR(cs->diag, "core", "the log did not close cleanly", DIAG_ERR("error", ls->err),
                   DIAG_STRING("why", ls->why));
    }
    sm_move(&cs->sm, CORE_RECEIVED);
    core_shard_look(&cs->timer);
}

static void core_shard_end(struct core_shard *cs)
{
    if (cs->packed != NULL) {
        buf_unref(cs->packed);
    }
    if (cs->is_raft_open) {
        if (cs->shard->id == 0) {
            core_controller_deinit(&cs->core->controller);
        }
        raft_shard_close(&cs->raft);
    }
    core_queries_close(&cs->queries);
    core_loans_deinit(&cs->loans, &cs->budget);
    budget_free(&cs->budget, cs->buckets);
    core_records_room_deinit(&cs->room);
    pool_deinit(&cs->partition_pool);
    pool_deinit(&cs->pending_pool);
    pool_deinit(&cs->reading_pool);
    core_views_close(cs);
    core_follows_close(&cs->follows);
    core_lookups_close(&cs->lookups);
    core_upkeep_close(&cs->upkeep);
    core_ticks_deinit(cs);
    core_looks_deinit(&cs->looks);
    core_errors_deinit(&cs->errors);
    core_idempotence_shared_deinit(&cs->idempotence);
    buf_pool_deinit(&cs->bufs);
    budget_deinit(&cs->budget);
    sm_move(&cs->sm, CORE_CLOSED);
    cs->done(cs);
}
