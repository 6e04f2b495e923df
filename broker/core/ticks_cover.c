/* See ticks_cover.h.
 *
 * A question waits in two steps: until all its records are said by ticks that have closed, which
 * the timeline knows; then until the newest of these is committed. The first tick that covers them
 * is looked for among the ticks in memory, newest first, as far as that takes a bounded time. */
#include "broker/core/ticks_cover.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/ticks_home.h"

/* Moved partitions looked at for one answer. */
#define CORE_TICKS_LOOK_MAX 65536u

static void core_ticks_cover_run(struct core_shard *at, struct core_call *call);
static void core_ticks_cover_came_home(struct core_shard *home, struct core_call *call);
static void core_ticks_cover_cancel_run(struct core_shard *at, struct core_call *call);
static void core_ticks_cover_cancel_done(struct core_shard *home, struct core_call *call);
static void core_ticks_cover_finish(struct core_ticks_cover *cover);
static enum core_code core_ticks_cover_check(struct core_ticks_home *home,
                                             struct core_ticks_cover *cover);
static bool core_ticks_cover_is_said(const struct core_ticks_home *home,
                                     struct core_ticks_cover *cover);
static bool core_ticks_cover_look(struct core_ticks_home *home, struct core_ticks_cover *cover);
static uint64_t core_ticks_cover_first(const struct core_ticks_home *home,
                                       const struct core_ticks_want *want, uint32_t *looks_left);
static uint64_t core_ticks_cover_end(const struct core_tick *tick,
                                     const struct core_ticks_want *want);
static void core_ticks_cover_late(struct rt_timer *timer);
static void core_ticks_cover_answer(struct core_shard *at, struct core_ticks_cover *cover,
                                    enum core_code code);

/* --- Who asks --- */

void core_ticks_cover(struct core_shard *cs, struct core_ticks_cover *cover)
{
    cover->to = cs->ticks.home != UINT32_MAX ? cs->ticks.home : cs->shard->id;
    cover->code = CORE_OK;
    cover->want = 0;
    cover->position = (struct core_position){0};
    cover->at_home = NULL;
    cover->wait_tick = 0;
    cover->is_away = true;
    cover->is_cancel_away = false;
    list_node_init(&cover->in_home);
    core_call_start(cs, cover->to, &cover->call, core_ticks_cover_run, core_ticks_cover_came_home);
}

void core_ticks_cover_cancel(struct core_shard *cs, struct core_ticks_cover *cover)
{
    if (!cover->is_away || cover->is_cancel_away) {
        return;
    }
    cover->is_cancel_away = true;
    core_call_start(cs, cover->to, &cover->cancel, core_ticks_cover_cancel_run,
                    core_ticks_cover_cancel_done);
}

static void core_ticks_cover_came_home(struct core_shard *home, struct core_call *call)
{
    struct core_ticks_cover *cover = CONTAINER_OF(call, struct core_ticks_cover, call);
    (void)home;
    cover->is_away = false;
    core_ticks_cover_finish(cover);
}

static void core_ticks_cover_cancel_done(struct core_shard *home, struct core_call *call)
{
    struct core_ticks_cover *cover = CONTAINER_OF(call, struct core_ticks_cover, cancel);
    (void)home;
    cover->is_cancel_away = false;
    core_ticks_cover_finish(cover);
}

static void core_ticks_cover_finish(struct core_ticks_cover *cover)
{
    if (!cover->is_away && !cover->is_cancel_away) {
        cover->done(cover);
    }
}

/* --- At the home --- */

static void core_ticks_cover_run(struct core_shard *at, struct core_call *call)
{
    struct core_ticks_cover *cover = CONTAINER_OF(call, struct core_ticks_cover, call);
    struct core_ticks_home *home = at->ticks.at_home;
    enum core_code code = home != NULL && home->code != CORE_OK ? home->code : CORE_OK;
    if (home == NULL && list_is_empty(&at->ticks.followed)) {
        code = cover->wants_count > 0 ? CORE_NOT_FOLLOWED : CORE_OK;
        core_ticks_cover_answer(at, cover, code);
        return;
    }
    if (home == NULL) {
        code = CORE_NOT_AVAILABLE; /* it has not begun */
    }
    if (code != CORE_OK) {
        core_ticks_cover_answer(at, cover, code);
        return;
    }
    if (core_ticks_cover_look(home, cover)) {
        return;
    }
    cover->at_home = home;
    list_push_back(&home->covers, &cover->in_home);
    rt_timer_init(&cover->deadline, at->shard, core_ticks_cover_late);
    rt_timer_start(&cover->deadline, cover->deadline_ns);
}

static void core_ticks_cover_cancel_run(struct core_shard *at, struct core_call *call)
{
    struct core_ticks_cover *cover = CONTAINER_OF(call, struct core_ticks_cover, cancel);
    if (list_is_linked(&cover->in_home)) {
        core_ticks_cover_answer(at, cover, CORE_CLOSING);
    }
    core_call_end(at, call);
}

static void core_ticks_cover_late(struct rt_timer *timer)
{
    struct core_ticks_cover *cover = CONTAINER_OF(timer, struct core_ticks_cover, deadline);
    core_ticks_cover_answer(cover->at_home->cs, cover, CORE_TIMEOUT);
}

static void core_ticks_cover_answer(struct core_shard *at, struct core_ticks_cover *cover,
                                    enum core_code code)
{
    if (list_is_linked(&cover->in_home)) {
        list_remove(&cover->in_home);
        rt_timer_stop(&cover->deadline);
    }
    cover->code = code;
    core_call_end(at, &cover->call);
}

void core_ticks_covers_moved(struct core_ticks_home *home)
{
    list_for_each_safe (node, next, &home->covers) {
        (void)core_ticks_cover_look(home, CONTAINER_OF(node, struct core_ticks_cover, in_home));
    }
}

void core_ticks_covers_end(struct core_ticks_home *home, enum core_code code)
{
    list_for_each_safe (node, next, &home->covers) {
        core_ticks_cover_answer(home->cs, CONTAINER_OF(node, struct core_ticks_cover, in_home),
                                code);
    }
}

/* Whether it was answered. While the log is read nothing is known yet. */
static bool core_ticks_cover_look(struct core_ticks_home *home, struct core_ticks_cover *cover)
{
    uint32_t looks_left = CORE_TICKS_LOOK_MAX;
    uint64_t tick = cover->wants_count > 0 ? 0 : home->committed;
    if (home->stage == CORE_TICKS_READING) {
        return false;
    }
    enum core_code code = core_ticks_cover_check(home, cover);
    if (code != CORE_OK) {
        core_ticks_cover_answer(home->cs, cover, code);
        return true;
    }
    if (cover->wait_tick == 0 && core_ticks_cover_is_said(home, cover)) {
        cover->wait_tick = home->timeline.number;
    }
    if (cover->wants_count > 0 && (cover->wait_tick == 0 || cover->wait_tick > home->committed)) {
        return false;
    }
    for (uint32_t i = 0; i < cover->wants_count; i++) {
        uint64_t first = core_ticks_cover_first(home, &cover->wants[i], &looks_left);
        tick = first > tick ? first : tick;
    }
    cover->position = (struct core_position){.epoch = (uint32_t)home->timeline.epoch, .tick = tick};
    core_ticks_cover_answer(home->cs, cover, CORE_OK);
    return true;
}

/* Whether there can be such records, and they are followed. */
static enum core_code core_ticks_cover_check(struct core_ticks_home *home,
                                             struct core_ticks_cover *cover)
{
    const struct core_catalog *catalog = home->cs->catalog;
    for (uint32_t i = 0; i < cover->wants_count; i++) {
        const struct core_ticks_want *want = &cover->wants[i];
        const struct core_topic *topic = core_catalog_find_uuid(catalog, &want->topic);
        cover->want = i;
        if (topic == NULL || want->partition >= topic->partitions_count) {
            return CORE_UNKNOWN_TOPIC;
        }
        if (!core_timeline_is_followed(&home->timeline, &want->topic)) {
            return CORE_NOT_FOLLOWED;
        }
    }
    cover->want = 0;
    return CORE_OK;
}

static bool core_ticks_cover_is_said(const struct core_ticks_home *home,
                                     struct core_ticks_cover *cover)
{
    for (uint32_t i = 0; i < cover->wants_count; i++) {
        const struct core_ticks_want *want = &cover->wants[i];
        const struct core_timeline_end *end =
            core_timeline_find(&home->timeline, &want->topic, want->partition);
        if (end == NULL || !end->is_said || end->said <= want->offset) {
            cover->want = i;
            return false;
        }
    }
    return true;
}

/* The first tick in memory that covers `want`, which the newest committed one does. */
static uint64_t core_ticks_cover_first(const struct core_ticks_home *home,
                                       const struct core_ticks_want *want, uint32_t *looks_left)
{
    uint64_t first = 0;
    uint64_t oldest = home->committed;
    for (struct list_node *node = home->recent.head.prev; node != &home->recent.head;
         node = node->prev) {
        const struct core_tick *tick = &CONTAINER_OF(node, struct core_tick_news, in_home)->tick;
        if (tick->moved_count > *looks_left) {
            return first != 0 ? first : home->committed;
        }
        *looks_left -= tick->moved_count;
        oldest = tick->number;
        uint64_t end = core_ticks_cover_end(tick, want);
        if (end != 0 && end <= want->offset) { /* it is in a later one */
            break;
        }
        first = end != 0 ? tick->number : first;
    }
    return first != 0 ? first : oldest;
}

/* What `tick` says of the partition of `want`; 0: nothing. */
static uint64_t core_ticks_cover_end(const struct core_tick *tick,
                                     const struct core_ticks_want *want)
{
    for (uint32_t i = 0; i < tick->moved_count; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        if (moved.partition == want->partition && log_uuid_is_equal(&moved.topic, &want->topic)) {
            return moved.end;
        }
    }
    return 0;
}
