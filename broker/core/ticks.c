/* A shard's part of the timeline: who follows what, ends told to the home, listeners. See ticks.h.
 *
 * Ends are told at the end of a turn, all that moved in it together, with one mail under way at a
 * time: what moves meanwhile waits for it to come back, so a partition costs one line of a mail
 * however often it moves. A mail that comes back refused (the home has not begun, or has no memory)
 * makes everything be told again. */
#include "broker/core/ticks.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/ticks_home.h"
#include "broker/core/view.h"

/* Topics followed, and views known, on one shard at most. */
#define CORE_TICKS_FOLLOWED_MAX CORE_TIMELINE_TOPICS_MAX
#define CORE_TICKS_VIEWS_MAX    CORE_TIMELINE_STARTS_MAX

/* The topic is made within this, and tried again after it. */
#define CORE_TICKS_MAKE_NS RT_NS_PER_S

/* What the topic of ticks is, whatever the defaults say: kept whole, for trims of its own, in small
 * segments. */
#define CORE_TICKS_PAIR(key, text)                                                                 \
    {                                                                                              \
        .name = key, .name_bytes = sizeof(key) - 1, .value = text, .value_bytes = sizeof(text) - 1 \
    }
static const struct core_topic_config_pair core_ticks_pairs[] = {
    CORE_TICKS_PAIR("durability", "quorum-fsync"), CORE_TICKS_PAIR("min.insync.replicas", "1"),
    CORE_TICKS_PAIR("retention.bytes", "-1"),      CORE_TICKS_PAIR("retention.ms", "-1"),
    CORE_TICKS_PAIR("segment.bytes", "16777216"),
};

/* The making of that topic. */
struct core_ticks_making {
    struct core_change change;
    struct core_change_item item;
    struct core_shard *cs;
};

static const struct metric_family core_ticks_count_family = {
    .name = "tdb_ticks_total", .help = "Ticks of the timeline.", .type = METRIC_COUNTER};
static const struct metric_family core_ticks_bytes_family = {
    .name = "tdb_tick_bytes",
    .help = "Length of a tick in the tick log.",
    .type = METRIC_HISTOGRAM,
    .bounds = &metric_bounds_bytes};
static const struct metric_family core_ticks_lag_family = {
    .name = "tdb_tick_lag_seconds",
    .help = "From the first record that waits for a tick until the tick is committed.",
    .type = METRIC_HISTOGRAM,
    .unit = METRIC_UNIT_NS,
    .bounds = &metric_bounds_ns};
static const struct metric_family core_ticks_interval_family = {
    .name = "tdb_tick_interval_seconds",
    .help = "What lies between two ticks at least.",
    .type = METRIC_GAUGE,
    .unit = METRIC_UNIT_NS};

static struct core_ticks_followed *core_ticks_followed_find(struct core_shard *cs,
                                                            const struct log_uuid *topic);
static void core_ticks_mark_topic(struct core_shard *cs, const struct log_uuid *uuid,
                                  bool is_followed);
static void core_ticks_mark_partition(struct core_partition *part, bool is_followed);
static uint64_t core_ticks_end_of(const struct core_partition *part);
static void core_ticks_tell(struct core_shard *cs);
static void core_ticks_report_soon(struct core_shard *cs);
static void core_ticks_report_go(struct rt_op *op);
static void core_ticks_report_arrived(struct rt_shard *shard, struct rt_mail *mail);
static void core_ticks_report_back(struct rt_shard *shard, struct rt_mail *mail);
static void core_ticks_again(struct rt_timer *timer);
static void core_ticks_retry(struct core_shard *cs, uint64_t after_ns);
static enum err core_ticks_catalog_views(struct core_shard *cs);
static struct core_ticks_view core_ticks_view_of(const struct core_catalog *catalog,
                                                 const struct core_view *view);
static void core_ticks_make(struct core_shard *cs);
static void core_ticks_made(struct core_change *change);

/* --- Life --- */

void core_ticks_open(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    *ticks = (struct core_ticks){.home = UINT32_MAX};
    list_init(&ticks->listeners);
    list_init(&ticks->early);
    list_init(&ticks->followed);
    list_init(&ticks->views);
    list_init(&ticks->moved);
    pool_init(&ticks->follow_pool, &cs->budget, sizeof(struct core_ticks_followed), 8,
              CORE_TICKS_FOLLOWED_MAX);
    pool_init(&ticks->view_pool, &cs->budget, sizeof(struct core_ticks_known), 8,
              CORE_TICKS_VIEWS_MAX);
    rt_op_init(&ticks->op_report, cs->shard, core_ticks_report_go);
    rt_timer_init(&ticks->retry, cs->shard, core_ticks_again);
    ticks->report.from = cs;
    metric_counter_init(&ticks->ticks_count, &cs->metrics, &core_ticks_count_family, NULL, 0);
    metric_histogram_init(&ticks->tick_bytes, &cs->metrics, &core_ticks_bytes_family, NULL, 0);
    metric_histogram_init(&ticks->tick_lag, &cs->metrics, &core_ticks_lag_family, NULL, 0);
    metric_gauge_init(&ticks->interval, &cs->metrics, &core_ticks_interval_family, NULL, 0);
}

void core_ticks_close(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    ASSERT(list_is_empty(&ticks->listeners));
    ticks->is_closing = true;
    rt_timer_stop(&ticks->retry);
    core_tick_news_early(cs);
}

bool core_ticks_is_changing(const struct core_shard *cs)
{
    return cs->ticks.change != NULL;
}

bool core_ticks_is_idle(const struct core_shard *cs)
{
    const struct core_ticks *ticks = &cs->ticks;
    return !ticks->is_report_away && rt_op_is_idle(&ticks->op_report) && ticks->calls_count == 0 &&
           (ticks->at_home == NULL || core_ticks_home_is_idle(ticks->at_home));
}

void core_ticks_deinit(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    struct list_node *node;
    ASSERT(core_ticks_is_idle(cs));
    ASSERT(ticks->change == NULL);
    if (ticks->at_home != NULL) {
        core_ticks_home_free(ticks->at_home);
        ticks->at_home = NULL;
    }
    while ((node = list_pop_front(&ticks->followed)) != NULL) {
        pool_release(&ticks->follow_pool, CONTAINER_OF(node, struct core_ticks_followed, in_ticks));
    }
    while ((node = list_pop_front(&ticks->views)) != NULL) {
        pool_release(&ticks->view_pool, CONTAINER_OF(node, struct core_ticks_known, in_ticks));
    }
    pool_deinit(&ticks->follow_pool);
    pool_deinit(&ticks->view_pool);
}

/* --- Listeners --- */

void core_ticks_listen(struct core_shard *cs, struct core_ticks_listener *listener)
{
    ASSERT(!list_is_linked(&listener->in_ticks));
    list_push_back(&cs->ticks.listeners, &listener->in_ticks);
}

void core_ticks_unlisten(struct core_shard *cs, struct core_ticks_listener *listener)
{
    (void)cs;
    list_remove(&listener->in_ticks);
}

struct core_position core_ticks_position(const struct core_shard *cs)
{
    return cs->ticks.position;
}

int64_t core_ticks_wall_ms(const struct core_shard *cs)
{
    return cs->ticks.wall_ms;
}

const char *core_ticks_why(const struct core_shard *cs)
{
    return cs->ticks.why;
}

uint32_t core_ticks_home(const struct core_shard *cs)
{
    return cs->ticks.home;
}

void core_ticks_busy(struct core_shard *cs, bool is_busy)
{
    if (cs->ticks.at_home != NULL) {
        cs->ticks.at_home->is_busy = is_busy;
    }
}

void core_ticks_want(struct core_shard *cs)
{
    struct core_ticks_home *home = cs->ticks.at_home;
    if (home != NULL) {
        home->is_wanted = true;
        core_ticks_home_soon(home);
    }
}

void core_ticks_news(struct core_shard *cs, const struct core_tick_news *news)
{
    struct core_ticks *ticks = &cs->ticks;
    const struct core_tick *tick = &news->tick;
    ASSERT(tick->number > ticks->position.tick);
    ASSERT(tick->wall_ms >= ticks->wall_ms);
    ticks->position = (struct core_position){.epoch = (uint32_t)tick->epoch, .tick = tick->number};
    ticks->wall_ms = tick->wall_ms;
    list_for_each_safe (node, next, &ticks->listeners) {
        struct core_ticks_listener *listener =
            CONTAINER_OF(node, struct core_ticks_listener, in_ticks);
        listener->tick(listener, news);
    }
}

void core_ticks_failed(struct core_shard *cs, enum core_code code, const char *why)
{
    struct core_ticks *ticks = &cs->ticks;
    ticks->code = code;
    ticks->why = why;
    list_for_each_safe (node, next, &ticks->listeners) {
        struct core_ticks_listener *listener =
            CONTAINER_OF(node, struct core_ticks_listener, in_ticks);
        listener->failed(listener, code, why);
    }
}

/* --- Who follows what --- */

static struct core_ticks_followed *core_ticks_followed_find(struct core_shard *cs,
                                                            const struct log_uuid *topic)
{
    list_for_each (node, &cs->ticks.followed) {
        struct core_ticks_followed *followed =
            CONTAINER_OF(node, struct core_ticks_followed, in_ticks);
        if (log_uuid_is_equal(&followed->topic, topic)) {
            return followed;
        }
    }
    return NULL;
}

enum err core_ticks_follow(struct core_shard *cs, const struct log_uuid *topic)
{
    struct core_ticks *ticks = &cs->ticks;
    struct core_ticks_followed *followed = core_ticks_followed_find(cs, topic);
    void *object;
    if (followed != NULL) {
        followed->count++;
        return ERR_OK;
    }
    enum err err = pool_acquire(&ticks->follow_pool, &object);
    if (err == ERR_OK && ticks->at_home != NULL) {
        err = core_timeline_follow(&ticks->at_home->timeline, topic);
        if (err != ERR_OK) {
            pool_release(&ticks->follow_pool, object);
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    followed = object;
    followed->topic = *topic;
    followed->count = 1;
    list_push_back(&ticks->followed, &followed->in_ticks);
    core_ticks_mark_topic(cs, topic, true);
    if (ticks->home == UINT32_MAX) {
        core_ticks_retry(cs, 0); /* it is to be made: not from within a catalog's turn */
    } else if (ticks->at_home != NULL) {
        core_ticks_home_soon(ticks->at_home);
    }
    return ERR_OK;
}

void core_ticks_unfollow(struct core_shard *cs, const struct log_uuid *topic)
{
    struct core_ticks *ticks = &cs->ticks;
    struct core_ticks_followed *followed = core_ticks_followed_find(cs, topic);
    ASSERT(followed != NULL);
    if (--followed->count > 0) {
        return;
    }
    core_ticks_mark_topic(cs, topic, false);
    list_remove(&followed->in_ticks);
    if (ticks->at_home != NULL) {
        core_timeline_unfollow(&ticks->at_home->timeline, topic);
        core_ticks_covers_moved(ticks->at_home);
    }
    pool_release(&ticks->follow_pool, followed);
}

static void core_ticks_mark_topic(struct core_shard *cs, const struct log_uuid *uuid,
                                  bool is_followed)
{
    const struct core_topic *topic =
        cs->catalog != NULL ? core_catalog_find_uuid(cs->catalog, uuid) : NULL;
    for (uint32_t i = 0; topic != NULL && i < topic->partitions_count; i++) {
        struct core_partition *part = core_partition_find(cs, topic->groups[i], uuid, i);
        if (part != NULL) {
            core_ticks_mark_partition(part, is_followed);
        }
    }
}

static void core_ticks_mark_partition(struct core_partition *part, bool is_followed)
{
    if (part->ticks.is_followed == is_followed || part->is_closed) {
        return;
    }
    part->ticks.is_followed = is_followed;
    part->ticks.is_told = false;
    if (is_followed) {
        core_ticks_moved(part);
    } else if (list_is_linked(&part->ticks.in_moved)) {
        list_remove(&part->ticks.in_moved);
    }
}

/* --- Views --- */

struct core_ticks_known *core_ticks_view_find(struct core_shard *cs, const struct log_uuid *view)
{
    list_for_each (node, &cs->ticks.views) {
        struct core_ticks_known *known = CONTAINER_OF(node, struct core_ticks_known, in_ticks);
        if (log_uuid_is_equal(&known->view.view, view)) {
            return known;
        }
    }
    return NULL;
}

enum err core_ticks_view_put(struct core_shard *cs, const struct core_ticks_view *view)
{
    struct core_ticks *ticks = &cs->ticks;
    void *object;
    ASSERT(core_ticks_view_find(cs, &view->view) == NULL);
    enum err err = pool_acquire(&ticks->view_pool, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct core_ticks_known *known = object;
    known->view = *view;
    list_push_back(&ticks->views, &known->in_ticks);
    err = core_ticks_follow(cs, &view->topic);
    if (err != ERR_OK) {
        list_remove(&known->in_ticks);
        pool_release(&ticks->view_pool, known);
    } else if (ticks->at_home != NULL) {
        core_ticks_views_look(ticks->at_home);
    }
    return err;
}

void core_ticks_view_drop(struct core_shard *cs, const struct log_uuid *view)
{
    struct core_ticks_known *known = core_ticks_view_find(cs, view);
    ASSERT(known != NULL);
    list_remove(&known->in_ticks);
    core_ticks_unfollow(cs, &known->view.topic);
    pool_release(&cs->ticks.view_pool, known);
    if (cs->ticks.at_home != NULL) {
        core_ticks_views_look(cs->ticks.at_home);
    }
}

/* --- Catalogs --- */

void core_ticks_catalog(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    if (ticks->is_closing) {
        return;
    }
    enum err err = core_ticks_catalog_views(cs);
    const struct core_topic *topic =
        core_catalog_find(cs->catalog, CORE_TOPIC_TICKS, sizeof(CORE_TOPIC_TICKS) - 1);
    if (topic == NULL && cs->shard->id == 0 && !list_is_empty(&ticks->followed)) {
        core_ticks_make(cs);
    }
    if (topic != NULL) {
        ticks->home = core_shard_of(cs->core, topic->groups[0]);
        struct core_partition *part = core_partition_find(cs, topic->groups[0], &topic->uuid, 0);
        if (part != NULL && ticks->at_home == NULL && err == ERR_OK) {
            err = core_ticks_home_open(cs, part);
        }
        core_ticks_report_soon(cs);
    }
    core_tick_news_early(cs);
    if (err != ERR_OK) {
        core_ticks_retry(cs, CORE_TICKS_RETRY_NS);
    }
}

/* The catalog's views are known here, and no others of it. */
static enum err core_ticks_catalog_views(struct core_shard *cs)
{
    const struct core_catalog *catalog = cs->catalog;
    struct core_ticks *ticks = &cs->ticks;
    struct core_tree_walk walk;
    const struct core_view *view;
    enum err err = ERR_OK;
    if (ticks->catalog_version == catalog->views_version) {
        return ERR_OK;
    }
    core_catalog_walk_heirs(&walk, catalog);
    while (err == ERR_OK && (view = core_catalog_next_view(&walk)) != NULL) {
        if (core_ticks_view_find(cs, &view->uuid) == NULL) {
            struct core_ticks_view made = core_ticks_view_of(catalog, view);
            err = core_ticks_view_put(cs, &made);
        }
    }
    list_for_each_safe (node, next, &ticks->views) {
        struct log_uuid uuid = CONTAINER_OF(node, struct core_ticks_known, in_ticks)->view.view;
        if (core_catalog_find_view_uuid(catalog, &uuid) == NULL) {
            core_ticks_view_drop(cs, &uuid);
        }
    }
    if (err == ERR_OK) {
        ticks->catalog_version = catalog->views_version;
    }
    return err;
}

/* An heir begins where the view begins whose place it takes: a fold of the same records. */
static struct core_ticks_view core_ticks_view_of(const struct core_catalog *catalog,
                                                 const struct core_view *view)
{
    const struct core_view *before =
        view->is_heir ? core_catalog_find_view(catalog, view->name, strlen(view->name)) : NULL;
    enum core_ticks_origin origin = view->origin == CORE_VIEW_EARLIEST ? CORE_TICKS_EARLIEST
                                    : view->origin == CORE_VIEW_LATEST ? CORE_TICKS_LATEST
                                                                       : CORE_TICKS_TIMESTAMP;
    struct core_ticks_view out = {.view = view->uuid,
                                  .topic = view->source->topic,
                                  .origin = origin,
                                  .origin_ms = view->origin_ms};
    if (before != NULL) {
        out.before = before->uuid;
    }
    return out;
}

static void core_ticks_retry(struct core_shard *cs, uint64_t after_ns)
{
    if (!cs->ticks.is_closing && !rt_timer_is_running(&cs->ticks.retry)) {
        rt_timer_start(&cs->ticks.retry, rt_now_ns(cs->shard) + after_ns);
    }
}

static void core_ticks_again(struct rt_timer *timer)
{
    struct core_shard *cs = CONTAINER_OF(timer, struct core_shard, ticks.retry);
    if (cs->catalog != NULL) {
        core_ticks_catalog(cs);
    }
    core_ticks_report_soon(cs);
}

/* Shard 0 asks the controller for the topic. */
static void core_ticks_make(struct core_shard *cs)
{
    void *block;
    if (cs->ticks.change != NULL) {
        return;
    }
    enum err err = budget_alloc(&cs->budget, sizeof(struct core_ticks_making), 64, &block);
    if (err != ERR_OK) {
        core_ticks_retry(cs, CORE_TICKS_RETRY_NS);
        return;
    }
    struct core_ticks_making *making = block;
    making->cs = cs;
    making->item = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                             .name = CORE_TOPIC_TICKS,
                                             .name_bytes = sizeof(CORE_TOPIC_TICKS) - 1,
                                             .partitions_count = 1,
                                             .replicas_count = -1,
                                             .pairs = core_ticks_pairs,
                                             .pairs_count = ARRAY_COUNT(core_ticks_pairs),
                                             .may_be_reserved = true};
    making->change = (struct core_change){.done = core_ticks_made,
                                          .ctx = making,
                                          .items = &making->item,
                                          .items_count = 1,
                                          .deadline_ns = rt_now_ns(cs->shard) + CORE_TICKS_MAKE_NS};
    cs->ticks.change = &making->change;
    cs->ticks.calls_count++;
    core_change_start(cs, &making->change);
}

static void core_ticks_made(struct core_change *change)
{
    struct core_ticks_making *making = change->ctx;
    struct core_shard *cs = making->cs;
    enum core_code code = making->item.code;
    cs->ticks.change = NULL;
    cs->ticks.calls_count--;
    if (code != CORE_OK && code != CORE_TOPIC_EXISTS && !cs->ticks.is_closing) {
        DIAG_WARN(cs->diag, "core", "the topic of ticks cannot be made now: views wait",
                  DIAG_STRING("reason", core_code_text(code)),
                  DIAG_STRING("text", making->item.text.text));
        core_ticks_retry(cs, CORE_TICKS_MAKE_NS);
    }
    budget_free(&cs->budget, making);
}

/* --- Ends --- */

void core_ticks_opened(struct core_partition *part)
{
    struct core_shard *cs = part->cs;
    if (!list_is_empty(&cs->ticks.followed) && core_ticks_followed_find(cs, &part->topic) != NULL) {
        core_ticks_mark_partition(part, true);
    }
}

/* What lies below the high watermark and is committed. */
static uint64_t core_ticks_end_of(const struct core_partition *part)
{
    uint64_t committed = raft_group_indexes(&part->group)->committed;
    uint64_t offset = part->hw_offset;
    if (part->hw_index > committed && part->ticks.committed_offset < offset) {
        offset = part->ticks.committed_offset; /* quorum-memory: the high watermark is ahead */
    }
    return offset;
}

void core_ticks_moved(struct core_partition *part)
{
    struct core_ticks *ticks = &part->cs->ticks;
    ASSERT(part->ticks.is_followed);
    if (list_is_linked(&part->ticks.in_moved) ||
        (part->ticks.is_told && core_ticks_end_of(part) <= part->ticks.told)) {
        return;
    }
    list_push_back(&ticks->moved, &part->ticks.in_moved);
    core_ticks_report_soon(part->cs);
}

void core_ticks_gone(struct core_partition *part)
{
    struct core_ticks_home *home = part->cs->ticks.at_home;
    if (list_is_linked(&part->ticks.in_moved)) {
        list_remove(&part->ticks.in_moved);
    }
    part->ticks.is_followed = false;
    if (home != NULL && home->part == part) {
        core_ticks_home_gone(home);
    }
}

void core_ticks_group_closed(struct core_partition *part)
{
    struct core_ticks_home *home = part->cs->ticks.at_home;
    if (home != NULL && home->part == part) {
        core_ticks_home_closed(home);
    }
}

static void core_ticks_report_soon(struct core_shard *cs)
{
    struct core_ticks *ticks = &cs->ticks;
    if (ticks->home != UINT32_MAX && !ticks->is_report_away && !ticks->is_closing &&
        !list_is_empty(&ticks->moved) && rt_op_is_idle(&ticks->op_report)) {
        rt_op_defer(&ticks->op_report);
    }
}

static void core_ticks_report_go(struct rt_op *op)
{
    struct core_shard *cs = CONTAINER_OF(op, struct core_shard, ticks.op_report);
    struct core_ticks *ticks = &cs->ticks;
    struct core_ticks_report *report = &ticks->report;
    if (ticks->is_report_away || list_is_empty(&ticks->moved) || ticks->is_closing) {
        return;
    }
    report->count = 0;
    report->is_refused = false;
    while (report->count < CORE_TICKS_REPORT_MAX && !list_is_empty(&ticks->moved)) {
        struct list_node *node = list_pop_front(&ticks->moved);
        struct core_partition *part = CONTAINER_OF(node, struct core_partition, ticks.in_moved);
        part->ticks.told = core_ticks_end_of(part);
        part->ticks.is_told = true;
        report->ends[report->count++] = (struct core_tick_moved){
            .topic = part->topic, .partition = part->index, .end = part->ticks.told};
    }
    ticks->is_report_away = true;
    rt_outbox_send(&cs->outbox, ticks->home, &report->mail, core_ticks_report_arrived);
}

static struct core_ticks_report *core_ticks_report_of(struct rt_mail *mail)
{
    struct rt_outbox_mail *letter = CONTAINER_OF(mail, struct rt_outbox_mail, mail);
    return CONTAINER_OF(letter, struct core_ticks_report, mail);
}

/* At the home. */
static void core_ticks_report_arrived(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_ticks_report *report = core_ticks_report_of(mail);
    struct core_shard *cs = report->from->core->shards[shard->id];
    struct core_ticks_home *home = cs->ticks.at_home;
    report->is_refused = home == NULL;
    for (uint32_t i = 0; i < report->count && !report->is_refused; i++) {
        const struct core_tick_moved *end = &report->ends[i];
        report->is_refused =
            core_timeline_tell(&home->timeline, &end->topic, end->partition, end->end) != ERR_OK;
    }
    if (home != NULL) {
        core_ticks_home_soon(home);
    }
    rt_outbox_send(&cs->outbox, report->from->shard->id, &report->mail, core_ticks_report_back);
}

static void core_ticks_report_back(struct rt_shard *shard, struct rt_mail *mail)
{
    struct core_ticks_report *report = core_ticks_report_of(mail);
    struct core_shard *cs = report->from;
    (void)shard;
    cs->ticks.is_report_away = false;
    if (report->is_refused) {
        core_ticks_tell(cs);
        core_ticks_retry(cs, CORE_TICKS_RETRY_NS);
    } else {
        core_ticks_report_soon(cs);
    }
}

/* All ends are to be told again. */
static void core_ticks_tell(struct core_shard *cs)
{
    list_for_each (node, &cs->ticks.followed) {
        const struct core_ticks_followed *followed =
            CONTAINER_OF(node, struct core_ticks_followed, in_ticks);
        const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &followed->topic);
        for (uint32_t i = 0; topic != NULL && i < topic->partitions_count; i++) {
            struct core_partition *part =
                core_partition_find(cs, topic->groups[i], &topic->uuid, i);
            if (part != NULL && part->ticks.is_followed) {
                part->ticks.is_told = false;
                if (!list_is_linked(&part->ticks.in_moved)) {
                    list_push_back(&cs->ticks.moved, &part->ticks.in_moved);
                }
            }
        }
    }
}
