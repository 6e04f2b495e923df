/* A view's ticks on a shard where somebody follows it. See follow.h.
 *
 *     FIRST   the view can be read (news)
 *     KEEP    the logs of all shards are kept
 *     REACH   a tick that all of them reach (news): who follows begins behind it
 *     READY   news -> what changed is read from all logs -> it is given -> ...
 *     LEAVE   nobody follows: the logs are left
 *
 * **Rounds** are one after the other: those of news for who is current, those of net differences
 * for who is behind, in turn where both are due. News of one round are asked for while the round
 * before is read and given: the way from the home here costs nothing then. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "broker/core/follow_net.h"
#include "broker/core/view.h"

/* How often those are told how far they have come for whom nothing was changed, and how many of
 * their crowds at a time. */
#define CORE_FOLLOW_REFRESH_NS    (30 * RT_NS_PER_S)
#define CORE_FOLLOW_REFRESH_COUNT 64u

static void core_follow_tail_ask_news(struct core_follow_tail *tail);
static void core_follow_tail_heard(struct core_upkeep_hold *hold);
static void core_follow_tail_keep(struct core_follow_tail *tail);
static void core_follow_tail_ready(struct core_follow_tail *tail);
static void core_follow_tail_asked(struct core_changes_ask *ask);
static void core_follow_tail_answered(struct core_follow_tail *tail);
static void core_follow_tail_kept(struct core_follow_tail *tail);
static void core_follow_tail_read_done(struct core_follow_tail *tail);
static void core_follow_tail_out_of_reach(struct core_follow_tail *tail);
static void core_follow_tail_fail(struct core_follow_tail *tail, enum core_code code,
                                  const char *why);
static bool core_follow_tail_leave(struct core_follow_tail *tail);
static bool core_follow_tail_rest(struct core_follow_tail *tail);
static void core_follow_tail_settle(struct core_follow_tail *tail);
static bool core_follow_tail_diffs(struct core_follow_tail *tail);
static bool core_follow_tail_begin(struct core_follow_tail *tail);
static bool core_follow_tail_catch_up(struct core_follow_tail *tail);
static void core_follow_tail_read(struct core_follow_tail *tail, uint64_t from);
static void core_follow_tail_given(struct core_follow_tail *tail);
static void core_follow_tail_extend(struct core_follow_tail *tail);
static bool core_follow_tail_refresh(struct core_follow_tail *tail);
static void core_follow_tail_refresh_crowd(struct core_follow_tail *tail,
                                           struct core_follow_crowd *crowd);

struct core_follow_tail *core_follow_tail_find(struct core_follows *follows,
                                               const struct core_subscribe_plan *plan)
{
    const struct core_view_relation *view = plan->relation->owner;
    uint32_t shards_count = follows->cs->core->shards_count;
    void *memory;
    list_for_each (node, &follows->tails) {
        struct core_follow_tail *tail = CONTAINER_OF(node, struct core_follow_tail, in_follows);
        if (!tail->is_failed && tail->stage != CORE_FOLLOW_TAIL_LEAVE &&
            log_uuid_is_equal(&tail->view, &view->uuid) && tail->incarnation == view->incarnation) {
            return tail;
        }
    }
    if (budget_alloc(&follows->budget,
                     sizeof(struct core_follow_tail) +
                         shards_count * sizeof(struct core_changes_ask),
                     16, &memory) != ERR_OK) {
        return NULL;
    }
    struct core_follow_tail *tail = memory;
    tail->follows = follows;
    tail->view = view->uuid;
    tail->lineage = view->lineage;
    tail->incarnation = view->incarnation;
    tail->asks = (struct core_changes_ask *)(void *)(tail + 1);
    tail->asks_count = shards_count;
    list_init(&tail->members);
    list_init(&tail->starting);
    list_init(&tail->shown);
    list_init(&tail->blocked);
    list_init(&tail->behind);
    list_init(&tail->diffs);
    list_init(&tail->told);
    for (uint32_t i = 0; i < shards_count; i++) {
        tail->asks[i] = (struct core_changes_ask){
            .done = core_follow_tail_asked, .ctx = tail, .shard = i, .view = view->uuid};
    }
    list_push_back(&follows->tails, &tail->in_follows);
    core_follow_tail_ask_news(tail);
    return tail;
}

/* --- News --- */

/* Wait for rows that are newer. */
static void core_follow_tail_ask_news(struct core_follow_tail *tail)
{
    ASSERT(!tail->is_news_away);
    tail->is_news_away = true;
    tail->news = (struct core_upkeep_hold){.done = core_follow_tail_heard,
                                           .ctx = tail,
                                           .view = tail->view,
                                           .deadline_ns = UINT64_MAX,
                                           .is_news = true};
    switch ((enum core_follow_tail_stage)tail->stage) {
    case CORE_FOLLOW_TAIL_FIRST: break;
    case CORE_FOLLOW_TAIL_KEEP:
    case CORE_FOLLOW_TAIL_REACH: tail->news.rows_min = tail->reach; break;
    case CORE_FOLLOW_TAIL_READY:
    case CORE_FOLLOW_TAIL_LEAVE: tail->news.rows_min = tail->next + 1; break;
    }
    core_upkeep_hold_start(tail->follows->cs, &tail->news);
}

static void core_follow_tail_heard(struct core_upkeep_hold *hold)
{
    struct core_follow_tail *tail = hold->ctx;
    tail->is_news_away = false;
    if (tail->stage == CORE_FOLLOW_TAIL_LEAVE || tail->is_failed) {
        core_follow_tail_wake(tail);
    } else if (hold->code != CORE_OK) {
        core_follow_tail_fail(tail, hold->code, hold->why);
    } else if (tail->stage == CORE_FOLLOW_TAIL_FIRST) {
        core_follow_tail_keep(tail);
    } else if (tail->stage == CORE_FOLLOW_TAIL_REACH) {
        tail->last = hold->tick;
        tail->next = hold->tick;
        tail->position = hold->position;
        core_follow_tail_ready(tail);
    } else {
        ASSERT(hold->tick > tail->next);
        tail->has_next = true;
        tail->next = hold->tick;
        tail->next_position = hold->position;
        core_follow_tail_wake(tail);
    }
}

static void core_follow_tail_keep(struct core_follow_tail *tail)
{
    tail->stage = CORE_FOLLOW_TAIL_KEEP;
    tail->asks_away_count = tail->asks_count;
    for (uint32_t i = 0; i < tail->asks_count; i++) {
        struct core_changes_ask *ask = &tail->asks[i];
        if (core_changes_start(tail->follows->cs, ask, CORE_CHANGES_KEEP)) {
            core_follow_tail_asked(ask);
        }
    }
}

static void core_follow_tail_ready(struct core_follow_tail *tail)
{
    struct list_node *node;
    tail->stage = CORE_FOLLOW_TAIL_READY;
    tail->refreshed_ns = rt_now_ns(tail->follows->cs->shard);
    while ((node = list_pop_front(&tail->starting)) != NULL) {
        core_follow_wake(CONTAINER_OF(node, struct core_follow, in_wait));
    }
    core_follow_tail_ask_news(tail);
    core_follow_tail_wake(tail);
}

/* --- The logs --- */

/* One of them has answered. */
static void core_follow_tail_asked(struct core_changes_ask *ask)
{
    struct core_follow_tail *tail = ask->ctx;
    tail->asks_away_count--;
    if (tail->asks_away_count == 0) {
        core_follow_tail_answered(tail);
    }
}

static void core_follow_tail_answered(struct core_follow_tail *tail)
{
    core_follow_tail_wake(tail);
    if (tail->is_failed || tail->stage == CORE_FOLLOW_TAIL_LEAVE) {
        return;
    }
    bool is_short = false;
    for (uint32_t i = 0; i < tail->asks_count; i++) {
        const struct core_changes_ask *ask = &tail->asks[i];
        if (ask->code != CORE_OK && ask->code != CORE_OFFSET_OUT_OF_RANGE) {
            core_follow_tail_fail(tail, ask->code, NULL);
            return;
        }
        is_short = is_short || ask->code != CORE_OK;
        tail->reach = ask->reach > tail->reach ? ask->reach : tail->reach;
    }
    if (tail->stage == CORE_FOLLOW_TAIL_KEEP) {
        core_follow_tail_kept(tail);
    } else if (is_short) {
        core_follow_tail_out_of_reach(tail);
    } else {
        core_follow_tail_read_done(tail);
    }
}

static void core_follow_tail_kept(struct core_follow_tail *tail)
{
    for (uint32_t i = 0; i < tail->asks_count; i++) {
        tail->begun = tail->asks[i].begun > tail->begun ? tail->asks[i].begun : tail->begun;
    }
    tail->stage = CORE_FOLLOW_TAIL_REACH;
    core_follow_tail_ask_news(tail);
}

/* What the round gives is here. */
static void core_follow_tail_read_done(struct core_follow_tail *tail)
{
    ASSERT(tail->round == CORE_FOLLOW_ROUND_READ);
    core_follow_tail_rewind(tail);
    if (!tail->is_main) {
        tail->round = CORE_FOLLOW_ROUND_NET;
        return;
    }
    struct map_node *first = tail->shapes.buckets != NULL ? map_first(&tail->shapes.map) : NULL;
    tail->shape = first != NULL ? CONTAINER_OF(first, struct core_follow_shape, in_tail) : NULL;
    tail->is_telling = false;
    tail->round = CORE_FOLLOW_ROUND_GIVE;
}

/* A log does not reach the round's beginning any more. */
static void core_follow_tail_out_of_reach(struct core_follow_tail *tail)
{
    struct core_follow_diff *diff = tail->making;
    tail->round = CORE_FOLLOW_ROUND_NONE;
    if (tail->is_main) {
        list_for_each (member, &tail->members) {
            struct core_follow *follow = CONTAINER_OF(member, struct core_follow, in_tail);
            if (!list_is_linked(&follow->in_now)) {
                continue;
            }
            list_remove(&follow->in_now);
            if (follow->is_ended || core_follow_has_room(follow)) {
                core_follow_anew(follow, CORE_FOLLOW_OUT_OF_REACH);
            } else {
                core_follow_block(follow, tail->position.tick);
            }
        }
        core_follow_tail_given(tail);
        return;
    }
    tail->making = NULL;
    core_follow_diff_leave(diff, CORE_FOLLOW_OUT_OF_REACH);
    core_follow_diff_free(diff);
}

void core_follow_tail_rewind(struct core_follow_tail *tail)
{
    tail->ask_at = 0;
    tail->chunk = NULL;
}

bool core_follow_tail_chunk(struct core_follow_tail *tail, const struct core_changes_chunk **chunk)
{
    while (!tail->is_empty && tail->ask_at < tail->asks_count) {
        const struct core_changes_ask *ask = &tail->asks[tail->ask_at];
        if (ask->first == NULL || tail->chunk == ask->last) {
            tail->ask_at++;
            tail->chunk = NULL;
            continue;
        }
        tail->chunk = tail->chunk == NULL ? ask->first : tail->chunk->next;
        *chunk = tail->chunk;
        return true;
    }
    return false;
}

/* --- Its turn --- */

bool core_follow_tail_run(struct core_follow_tail *tail)
{
    if (list_is_empty(&tail->members)) {
        tail->stage = CORE_FOLLOW_TAIL_LEAVE;
    }
    if (tail->stage == CORE_FOLLOW_TAIL_LEAVE) {
        return core_follow_tail_leave(tail);
    }
    if (tail->stage != CORE_FOLLOW_TAIL_READY || tail->is_failed) {
        return false;
    }
    switch ((enum core_follow_round)tail->round) {
    case CORE_FOLLOW_ROUND_READ: return false;
    case CORE_FOLLOW_ROUND_GIVE:
        if (core_follow_give(tail)) {
            core_follow_tail_given(tail);
        }
        return true;
    case CORE_FOLLOW_ROUND_NET:
        if (core_follow_diff_make(tail->making)) {
            list_push_back(&tail->diffs, &tail->making->in_tail);
            tail->making = NULL;
            tail->round = CORE_FOLLOW_ROUND_NONE;
        }
        return true;
    case CORE_FOLLOW_ROUND_NONE: break;
    }
    return core_follow_tail_rest(tail);
}

/* Between two rounds. */
static bool core_follow_tail_rest(struct core_follow_tail *tail)
{
    struct list_node *node;
    while ((node = list_pop_front(&tail->starting)) != NULL) {
        core_follow_wake(CONTAINER_OF(node, struct core_follow, in_wait));
    }
    core_follow_tail_settle(tail);
    bool is_more = core_follow_tail_diffs(tail);
    is_more = core_follow_tail_refresh(tail) || is_more;
    bool is_main = tail->has_next && (!tail->is_main_last || list_is_empty(&tail->behind));
    if (is_main || !core_follow_tail_catch_up(tail)) {
        return (tail->has_next && core_follow_tail_begin(tail)) || is_more;
    }
    return tail->round != CORE_FOLLOW_ROUND_READ || is_more;
}

/* The round of news. True: there is more at once. */
static bool core_follow_tail_begin(struct core_follow_tail *tail)
{
    tail->is_main = true;
    tail->is_main_last = true;
    tail->has_next = false;
    tail->to = tail->next;
    tail->to_position = tail->next_position;
    core_follow_tail_ask_news(tail);
    core_follow_tail_read(tail, tail->last);
    return tail->round != CORE_FOLLOW_ROUND_READ;
}

static void core_follow_tail_read(struct core_follow_tail *tail, uint64_t from)
{
    tail->round = CORE_FOLLOW_ROUND_READ;
    tail->from = from;
    tail->is_empty = false;
    tail->asks_away_count = tail->asks_count;
    for (uint32_t i = 0; i < tail->asks_count; i++) {
        tail->asks[i].from = from;
        tail->asks[i].to = tail->to;
        if (core_changes_start(tail->follows->cs, &tail->asks[i], CORE_CHANGES_READ)) {
            core_follow_tail_asked(&tail->asks[i]);
        }
    }
}

/* All who were current have the round's tick. */
static void core_follow_tail_given(struct core_follow_tail *tail)
{
    ASSERT(list_is_empty(&tail->told));
    uint64_t now_ns = rt_now_ns(tail->follows->cs->shard);
    tail->round = CORE_FOLLOW_ROUND_NONE;
    tail->last = tail->to;
    tail->position = tail->to_position;
    core_follow_tail_extend(tail);
    if (now_ns - tail->refreshed_ns >= CORE_FOLLOW_REFRESH_NS && tail->refresh == NULL &&
        tail->crowds.buckets != NULL) {
        tail->refreshed_ns = now_ns;
        tail->refresh = map_first(&tail->crowds.map);
    }
}

void core_follow_tail_seen(struct core_follow_tail *tail, const struct core_upkeep_hold *hold)
{
    if (hold->position.tick > tail->seen_position.tick) {
        tail->seen = hold->tick;
        tail->seen_position = hold->position;
    }
    if (tail->stage == CORE_FOLLOW_TAIL_READY && tail->round != CORE_FOLLOW_ROUND_GIVE) {
        core_follow_tail_extend(tail);
    }
}

/* Rows that it has may hold more ticks than was known when it was told of them. */
static void core_follow_tail_extend(struct core_follow_tail *tail)
{
    if (tail->seen == tail->last && tail->seen_position.tick > tail->position.tick) {
        tail->position = tail->seen_position;
    }
}

/* Some crowds that nothing was changed for are told how far they have come: a log reaches back only
 * so far. True: there is more at once. */
static bool core_follow_tail_refresh(struct core_follow_tail *tail)
{
    for (uint32_t i = 0; i < CORE_FOLLOW_REFRESH_COUNT && tail->refresh != NULL; i++) {
        struct core_follow_crowd *crowd =
            CONTAINER_OF(tail->refresh, struct core_follow_crowd, in_tail);
        tail->refresh = map_next(&tail->crowds.map, tail->refresh);
        ASSERT(list_is_empty(&crowd->now));
        if (crowd->told_tick < tail->position.tick) {
            core_follow_tail_refresh_crowd(tail, crowd);
            crowd->told_tick = tail->position.tick;
        }
    }
    return tail->refresh != NULL;
}

/* Those of a crowd who were not told by themselves. */
static void core_follow_tail_refresh_crowd(struct core_follow_tail *tail,
                                           struct core_follow_crowd *crowd)
{
    list_for_each_safe (node, next, &crowd->current) {
        if (CONTAINER_OF(node, struct core_follow, in_now)->at < tail->position.tick) {
            list_remove(node);
            list_push_back(&crowd->now, node);
        }
    }
    if (!list_is_empty(&crowd->now)) {
        core_follow_progress(crowd, &tail->position);
        list_append_all(&crowd->current, &crowd->now);
    }
}

/* Those whose snapshots were given have progress now. */
static void core_follow_tail_settle(struct core_follow_tail *tail)
{
    struct list_node *node;
    while ((node = list_pop_front(&tail->shown)) != NULL) {
        struct core_follow *follow = CONTAINER_OF(node, struct core_follow, in_wait);
        struct core_follow_crowd *crowd = follow->crowd;
        ASSERT(list_is_empty(&crowd->now));
        if (!follow->is_ended) {
            list_push_back(&crowd->now, &follow->in_now);
            core_follow_progress(crowd, &follow->hold.position);
            list_remove(&follow->in_now);
        }
        core_follow_place(follow, follow->hold.position.tick);
    }
}

/* A piece of the net difference whose turn it is. True: there may be more at once. */
static bool core_follow_tail_diffs(struct core_follow_tail *tail)
{
    list_for_each_safe (node, next, &tail->diffs) {
        struct core_follow_diff *diff = CONTAINER_OF(node, struct core_follow_diff, in_tail);
        bool is_given = core_follow_diff_give(diff);
        if (list_is_empty(&diff->members)) {
            list_remove(&diff->in_tail);
            core_follow_diff_free(diff);
        } else if (is_given) {
            list_remove(&diff->in_tail);
            list_push_back(&tail->diffs, &diff->in_tail);
        }
        if (is_given) {
            return true;
        }
    }
    return false;
}

/* Have those that are behind at one tick, of one crowd, be given the net difference. False: there
 * are none. */
static bool core_follow_tail_catch_up(struct core_follow_tail *tail)
{
    struct core_follow_crowd *crowd = NULL;
    uint64_t at = 0;
    list_for_each_safe (node, following, &tail->behind) {
        struct core_follow_crowd *next = CONTAINER_OF(node, struct core_follow_crowd, in_behind);
        list_for_each_safe (waits, later, &next->behind) {
            struct core_follow *follow = CONTAINER_OF(waits, struct core_follow, in_wait);
            if (follow->at > tail->position.tick || follow->is_ended) {
                continue;
            }
            if (follow->is_begun && follow->at >= tail->last) { /* it was ahead */
                list_remove(waits);
                core_follow_place(follow, follow->at);
                continue;
            }
            crowd = next;
            at = follow->at;
            break;
        }
        if (list_is_empty(&next->behind)) {
            list_remove(node);
        }
        if (crowd != NULL) {
            break;
        }
    }
    if (crowd == NULL) {
        return false;
    }
    struct core_follow_diff *diff = core_follow_diff_new(crowd, at);
    if (diff == NULL) {
        return true;
    }
    tail->is_main = false;
    tail->is_main_last = false;
    tail->making = diff;
    tail->to = tail->last;
    if (at >= tail->last) { /* nothing was changed */
        tail->is_empty = true;
        tail->round = CORE_FOLLOW_ROUND_NET;
    } else {
        core_follow_tail_read(tail, at);
    }
    return true;
}

/* --- The end --- */

enum core_code core_follow_tail_code(const struct core_follow_tail *tail, enum core_code code)
{
    const struct core_catalog *catalog = tail->follows->cs->catalog;
    bool is_replaced = code == CORE_UNKNOWN_VIEW && catalog != NULL &&
                       core_catalog_find_lineage(catalog, &tail->lineage) != NULL;
    return is_replaced ? CORE_VIEW_CHANGED : code;
}

static void core_follow_tail_fail(struct core_follow_tail *tail, enum core_code code,
                                  const char *why)
{
    code = core_follow_tail_code(tail, code);
    tail->is_failed = true;
    list_for_each (node, &tail->members) {
        core_follow_fail(CONTAINER_OF(node, struct core_follow, in_tail), code, NULL, why);
    }
    core_follow_tail_wake(tail);
}

/* Give it up as far as can be done. */
static bool core_follow_tail_leave(struct core_follow_tail *tail)
{
    struct core_follows *follows = tail->follows;
    if (tail->is_news_away && !tail->is_news_canceled) {
        tail->is_news_canceled = true;
        core_upkeep_hold_cancel(follows->cs, &tail->news);
    }
    if (tail->making != NULL && tail->asks_away_count == 0) {
        core_follow_diff_free(tail->making);
        tail->making = NULL;
    }
    (void)core_follow_tail_diffs(tail);
    for (uint32_t i = 0; i < tail->asks_count && tail->asks_away_count == 0; i++) {
        if (tail->asks[i].is_kept) {
            tail->asks_away_count = 1; /* one after the other */
            if (core_changes_start(follows->cs, &tail->asks[i], CORE_CHANGES_LEAVE)) {
                tail->asks_away_count = 0;
            }
        }
    }
    if (tail->is_news_away || tail->asks_away_count > 0) {
        return false;
    }
    ASSERT(list_is_empty(&tail->diffs));
    ASSERT(tail->crowds.buckets == NULL);
    ASSERT(tail->shapes.buckets == NULL);
    if (list_is_linked(&tail->in_ready)) {
        list_remove(&tail->in_ready);
    }
    list_remove(&tail->in_follows);
    budget_free(&follows->budget, tail);
    return false;
}
