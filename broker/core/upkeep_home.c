/* The lead of the upkeep, at the timeline's home: which view steps to which tick, which tick all
 * shards have, who reads at one. See upkeep.h.
 *
 * **Steps.** A view has one step at a time. While the home still has the ticks that come next (it
 * keeps CORE_UPKEEP_NEWS of them) and the view is not behind for long, the next step goes to the
 * next tick that has moved its source; else to the newest. Ticks that did not move its source cost
 * it nothing: it has them when it has those before.
 *
 * **Orders.** A view's life is a row of orders to all shards (enum core_upkeep_order), each given
 * when all shards are done with the one before: so parcels always find a part, and none is left
 * when parts are given up. One that is broken is given up like one that was dropped; it is known
 * here until it is dropped.
 *
 * **Floors.** A step tells the shards the oldest tick that may still be asked for: that of the
 * lowest hold (upkeep_hold.c), or the last one applied. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"

/* Behind for so long a view goes to the newest tick at once; for so long, ticks come slower. */
#define CORE_UPKEEP_LAG_NS  (50 * RT_NS_PER_MS)
#define CORE_UPKEEP_BUSY_NS (5 * RT_NS_PER_MS)

/* Bytes of ticks that are kept, but for the newest one. */
#define CORE_UPKEEP_NEWS_BYTES (1u << 20)

static void core_upkeep_heard(struct core_ticks_listener *listener,
                              const struct core_tick_news *news);
static void core_upkeep_keep(struct core_upkeep *upkeep, const struct core_tick_news *news);
static void core_upkeep_forget(struct core_upkeep *upkeep);
static void core_upkeep_forget_some(struct core_upkeep *upkeep);
static void core_upkeep_failed(struct core_ticks_listener *listener, enum core_code code,
                               const char *why);
static void core_upkeep_take_starts(struct core_upkeep *upkeep, const struct core_tick *tick);
static void core_upkeep_take_moves(struct core_upkeep *upkeep, const struct core_tick *tick);
static bool core_upkeep_grow(struct budget *budget, uint64_t **array, uint32_t from, uint32_t to);
static bool core_upkeep_view_see(struct core_upkeep_view *view, uint32_t count);
static bool core_upkeep_view_widen(struct core_upkeep_view *view);
static void core_upkeep_view_break(struct core_upkeep_view *view, const char *why);
static bool core_upkeep_view_is_over(const struct core_upkeep_view *view);
static enum core_upkeep_order core_upkeep_view_due(struct core_upkeep_view *view);
static enum core_code core_upkeep_view_over(const struct core_upkeep_view *view);
static bool core_upkeep_view_aim(struct core_upkeep_view *view);
static uint64_t core_upkeep_view_next(const struct core_upkeep_view *view);
static void core_upkeep_view_send(struct core_upkeep_view *view);
static void core_upkeep_step_done(struct core_shard *home, struct core_call *call);
static void core_upkeep_view_done(struct core_upkeep_view *view);
static void core_upkeep_view_stepped(struct core_upkeep_view *view);
static void core_upkeep_view_free(struct core_upkeep_view *view);
static void core_upkeep_view_define(struct core_upkeep_view *view);
static void core_upkeep_look_late(struct rt_timer *timer);

void core_upkeep_home_open(struct core_upkeep *upkeep)
{
    list_init(&upkeep->views);
    rt_timer_init(&upkeep->timer, upkeep->cs->shard, core_upkeep_look_late);
    upkeep->listener.tick = core_upkeep_heard;
    upkeep->listener.failed = core_upkeep_failed;
    upkeep->is_listening = true;
    core_ticks_listen(upkeep->cs, &upkeep->listener);
}

void core_upkeep_home_stop(struct core_upkeep *upkeep)
{
    if (upkeep->is_listening) {
        upkeep->is_listening = false;
        core_ticks_unlisten(upkeep->cs, &upkeep->listener);
    }
    while (upkeep->newest != 0 && upkeep->oldest <= upkeep->newest) {
        core_upkeep_forget(upkeep);
    }
    core_upkeep_look(upkeep);
}

bool core_upkeep_home_is_idle(const struct core_upkeep *upkeep)
{
    return list_is_empty(&upkeep->views);
}

void core_upkeep_home_close(struct core_upkeep *upkeep)
{
    rt_timer_stop(&upkeep->timer);
}

/* Whether this shard leads. */
static bool core_upkeep_is_home(const struct core_upkeep *upkeep)
{
    return core_ticks_home(upkeep->cs) == upkeep->cs->shard->id;
}

/* --- Ticks --- */

static void core_upkeep_heard(struct core_ticks_listener *listener,
                              const struct core_tick_news *news)
{
    struct core_upkeep *upkeep = CONTAINER_OF(listener, struct core_upkeep, listener);
    const struct core_tick *tick = core_tick_news_tick(news);
    if (!core_upkeep_is_home(upkeep)) {
        return;
    }
    core_upkeep_keep(upkeep, news);
    core_upkeep_take_starts(upkeep, tick);
    core_upkeep_take_moves(upkeep, tick);
    core_upkeep_look(upkeep);
}

static size_t core_upkeep_news_bytes(const struct core_tick_news *news)
{
    const struct core_tick *tick = core_tick_news_tick(news);
    return CORE_TICK_HEAD_BYTES + (size_t)tick->moved_count * CORE_TICK_MOVED_BYTES +
           tick->starts_bytes;
}

/* The newest tick is kept, and some before it. */
static void core_upkeep_keep(struct core_upkeep *upkeep, const struct core_tick_news *news)
{
    uint64_t number = core_tick_news_tick(news)->number;
    size_t bytes = core_upkeep_news_bytes(news);
    bool is_next = upkeep->newest != 0 && number == upkeep->newest + 1;
    while (upkeep->newest != 0 && upkeep->oldest <= upkeep->newest &&
           (!is_next || number - upkeep->oldest >= CORE_UPKEEP_NEWS ||
            upkeep->news_bytes + bytes > CORE_UPKEEP_NEWS_BYTES)) {
        core_upkeep_forget(upkeep);
    }
    uint32_t at = (uint32_t)(number % CORE_UPKEEP_NEWS);
    core_tick_news_ref(upkeep->cs, news);
    upkeep->news[at] = news;
    upkeep->news_ns[at] = rt_now_ns(upkeep->cs->shard);
    upkeep->news_bytes += bytes;
    upkeep->oldest = is_next ? upkeep->oldest : number;
    upkeep->newest = number;
}

/* Ticks that no view goes over alone are kept no more. */
static void core_upkeep_forget_some(struct core_upkeep *upkeep)
{
    uint64_t least = upkeep->newest;
    list_for_each (node, &upkeep->views) {
        const struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        if (view->status == CORE_UPKEEP_LIVE && view->moved > view->applied && !view->is_frozen) {
            least = view->applied < least ? view->applied : least;
        }
    }
    while (upkeep->newest != 0 && upkeep->oldest <= least) {
        core_upkeep_forget(upkeep);
    }
}

/* The oldest tick is kept no more. */
static void core_upkeep_forget(struct core_upkeep *upkeep)
{
    const struct core_tick_news **news = &upkeep->news[upkeep->oldest % CORE_UPKEEP_NEWS];
    upkeep->news_bytes -= core_upkeep_news_bytes(*news);
    core_tick_news_unref(upkeep->cs, *news);
    *news = NULL;
    upkeep->oldest++;
}

static void core_upkeep_failed(struct core_ticks_listener *listener, enum core_code code,
                               const char *why)
{
    struct core_upkeep *upkeep = CONTAINER_OF(listener, struct core_upkeep, listener);
    upkeep->ticks_why = why != NULL ? why : core_code_text(code);
    list_for_each (node, &upkeep->views) {
        struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        core_upkeep_view_break(view, upkeep->ticks_why);
    }
    core_upkeep_look(upkeep);
}

/* Views begin. */
static void core_upkeep_take_starts(struct core_upkeep *upkeep, const struct core_tick *tick)
{
    struct bytes_reader r = core_tick_starts(tick);
    struct core_tick_start start;
    while (core_tick_next_start(&r, &start)) {
        const struct core_view *defined =
            core_catalog_find_view_uuid(upkeep->cs->catalog, &start.view);
        struct core_upkeep_view *view = core_upkeep_view_find(upkeep, &start.view);
        if (view == NULL && defined != NULL) {
            view = core_upkeep_view_new(upkeep, defined);
        }
        if (view == NULL || view->begun != 0) {
            continue;
        }
        view->begun = tick->number;
        view->moved = tick->number;
        view->behind_ns = rt_now_ns(upkeep->cs->shard);
        if (!core_upkeep_view_see(view, start.partitions_count) || !core_upkeep_view_widen(view)) {
            continue;
        }
        for (uint32_t i = 0; i < start.partitions_count; i++) {
            view->origins[i] = core_tick_origin(&start, i);
            view->ends[i] = view->origins[i];
        }
    }
}

/* Sources have moved. */
static void core_upkeep_take_moves(struct core_upkeep *upkeep, const struct core_tick *tick)
{
    uint64_t now_ns = rt_now_ns(upkeep->cs->shard);
    for (uint32_t i = 0; i < tick->moved_count; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        list_for_each (node, &upkeep->views) {
            struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
            if (view->begun == 0 || !log_uuid_is_equal(&view->topic, &moved.topic)) {
                continue;
            }
            if (!core_upkeep_view_see(view, moved.partition + 1)) {
                continue;
            }
            if (tick->is_whole && moved.end == view->ends[moved.partition]) {
                continue; /* it is told again */
            }
            if (view->moved <= view->applied) {
                view->still = tick->number - 1;
            }
            view->ends[moved.partition] = moved.end;
            view->moved = tick->number;
            view->behind_ns = view->behind_ns != 0 ? view->behind_ns : now_ns;
            view->since_ns = view->since_ns != 0 ? view->since_ns : now_ns;
        }
    }
}

/* --- Views --- */

void core_upkeep_adopted(struct core_upkeep *upkeep)
{
    const struct core_catalog *catalog = upkeep->cs->catalog;
    if (catalog->views_version != upkeep->views_version) {
        upkeep->views_version = catalog->views_version;
        core_upkeep_look(upkeep);
    }
}

struct core_upkeep_view *core_upkeep_view_find(const struct core_upkeep *upkeep,
                                               const struct log_uuid *uuid)
{
    list_for_each (node, &upkeep->views) {
        struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        if (log_uuid_is_equal(&view->uuid, uuid)) {
            return view;
        }
    }
    return NULL;
}

/* NULL: there is no memory. */
struct core_upkeep_view *core_upkeep_view_new(struct core_upkeep *upkeep,
                                              const struct core_view *defined)
{
    struct core_shard *cs = upkeep->cs;
    uint32_t shards_count = cs->core->shards_count;
    void *memory;
    void *steps;
    if (budget_alloc(&cs->budget, sizeof(struct core_upkeep_view), 16, &memory) != ERR_OK) {
        return NULL;
    }
    if (budget_alloc(&cs->budget, shards_count * sizeof(struct core_upkeep_step), 16, &steps) !=
        ERR_OK) {
        budget_free(&cs->budget, memory);
        return NULL;
    }
    struct core_upkeep_view *view = memory;
    view->upkeep = upkeep;
    view->uuid = defined->uuid;
    view->lineage = defined->lineage;
    view->is_heir = defined->is_heir;
    view->topic = defined->source->topic;
    view->late_ns = rt_now_ns(cs->shard);
    view->steps = steps;
    list_init(&view->holds);
    list_init(&view->waiting);
    for (uint32_t i = 0; i < shards_count; i++) {
        view->steps[i].view = view;
    }
    list_push_back(&upkeep->views, &view->in_views);
    if (upkeep->ticks_why != NULL) {
        core_upkeep_view_break(view, upkeep->ticks_why);
    }
    return view;
}

/* `*array` of `from` numbers becomes one of `to`, new ones 0. False: there is no memory. */
static bool core_upkeep_grow(struct budget *budget, uint64_t **array, uint32_t from, uint32_t to)
{
    void *fresh;
    if (to <= from) {
        return true;
    }
    if (budget_alloc(budget, to * sizeof(uint64_t), 16, &fresh) != ERR_OK) {
        return false;
    }
    if (from > 0) {
        memcpy(fresh, *array, from * sizeof(uint64_t));
    }
    budget_free(budget, *array);
    *array = fresh;
    return true;
}

/* There are `count` partitions. False: there is no memory, and it is broken. */
static bool core_upkeep_view_see(struct core_upkeep_view *view, uint32_t count)
{
    if (!core_upkeep_grow(&view->upkeep->cs->budget, &view->ends, view->ends_count, count)) {
        core_upkeep_view_break(view, "out of budget: its partitions do not fit");
        return false;
    }
    view->ends_count = count > view->ends_count ? count : view->ends_count;
    return true;
}

/* The next step knows all partitions there are: no step is under way. The same. */
static bool core_upkeep_view_widen(struct core_upkeep_view *view)
{
    struct budget *budget = &view->upkeep->cs->budget;
    uint32_t from = view->partitions_count;
    if (!core_upkeep_grow(budget, &view->origins, from, view->ends_count) ||
        !core_upkeep_grow(budget, &view->goals, from, view->ends_count)) {
        core_upkeep_view_break(view, "out of budget: its partitions do not fit");
        return false;
    }
    view->partitions_count = view->ends_count;
    return true;
}

/* It is kept up no more. */
static void core_upkeep_view_break(struct core_upkeep_view *view, const char *why)
{
    if (view->status != CORE_UPKEEP_BROKEN) {
        view->status = CORE_UPKEEP_BROKEN;
        snprintf(view->why, sizeof(view->why), "%s", why);
    }
}

/* Do what is due for it. */
void core_upkeep_view_run(struct core_upkeep_view *view)
{
    list_for_each_safe (node, next, &view->waiting) {
        struct core_upkeep_hold *hold = CONTAINER_OF(node, struct core_upkeep_hold, in_view);
        (void)core_upkeep_hold_try(view, hold);
    }
    if (view->away_count > 0 || view->undone_count > 0) {
        return;
    }
    bool is_stopping = view->upkeep->is_stopping;
    enum core_upkeep_order order = is_stopping ? CORE_UPKEEP_NONE : core_upkeep_view_due(view);
    if (order != CORE_UPKEEP_NONE) {
        view->order = order;
        view->undone_count = view->upkeep->cs->core->shards_count;
        for (uint32_t i = 0; i < view->undone_count; i++) {
            view->steps[i].is_undone = true;
        }
        core_upkeep_view_send(view);
    } else if (core_upkeep_view_is_over(view)) {
        core_upkeep_view_free(view);
    }
}

/* Nothing of it is left anywhere. No order is under way, and none is due. */
static bool core_upkeep_view_is_over(const struct core_upkeep_view *view)
{
    bool is_swapped = view->is_swapped && view->order != CORE_UPKEEP_LEAVE;
    return (view->upkeep->is_stopping || view->is_dropped || is_swapped) && !view->is_changing &&
           list_is_empty(&view->holds);
}

/* The next order; NONE: there is none now. */
static enum core_upkeep_order core_upkeep_view_due(struct core_upkeep_view *view)
{
    switch (view->order) {
    case CORE_UPKEEP_LEAVE: /* who has a hold of one that was replaced will read it yet */
        return view->is_swapped && !list_is_empty(&view->holds) ? CORE_UPKEEP_NONE
                                                                : CORE_UPKEEP_FREE;
    case CORE_UPKEEP_FREE: return CORE_UPKEEP_NONE;
    case CORE_UPKEEP_NONE:
        return core_upkeep_view_over(view) == CORE_OK && view->begun != 0 ? CORE_UPKEEP_MAKE
                                                                          : CORE_UPKEEP_NONE;
    case CORE_UPKEEP_MAKE:
    case CORE_UPKEEP_GO:
        return core_upkeep_view_over(view) != CORE_OK ? CORE_UPKEEP_LEAVE
               : core_upkeep_view_aim(view)           ? CORE_UPKEEP_GO
                                                      : CORE_UPKEEP_NONE;
    }
    return CORE_UPKEEP_NONE;
}

/* Why nothing is done for it any more; CORE_OK: it is kept up. */
static enum core_code core_upkeep_view_over(const struct core_upkeep_view *view)
{
    return view->is_dropped                     ? CORE_UNKNOWN_VIEW
           : view->status == CORE_UPKEEP_BROKEN ? CORE_VIEW_BROKEN
           : view->is_swapped                   ? CORE_VIEW_CHANGED
                                                : CORE_OK;
}

/* Choose the next step. False: there is none. */
static bool core_upkeep_view_aim(struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = view->upkeep;
    uint64_t now_ns = rt_now_ns(upkeep->cs->shard);
    if (view->moved <= view->applied || view->is_frozen ||
        (view->applied == 0 && core_upkeep_heir_waits(view)) || !core_upkeep_view_widen(view)) {
        return false;
    }
    bool is_late = view->behind_ns != 0 && now_ns - view->behind_ns > CORE_UPKEEP_LAG_NS;
    uint64_t next = core_upkeep_view_next(view);
    if (view->applied == 0 || is_late || next == 0) {
        if (view->status == CORE_UPKEEP_LIVE && is_late) {
            view->status = CORE_UPKEEP_LAGGING;
            view->late_ns = now_ns;
            snprintf(view->why, sizeof(view->why), "its ticks take longer than they come");
        }
        memcpy(view->goals, view->ends, view->partitions_count * sizeof(uint64_t));
        view->tick = upkeep->newest;
        view->since_ns = 0;
    } else {
        const struct core_tick *tick = core_tick_news_tick(upkeep->news[next % CORE_UPKEEP_NEWS]);
        for (uint32_t i = 0; i < tick->moved_count; i++) {
            struct core_tick_moved moved = core_tick_moved(tick, i);
            if (log_uuid_is_equal(&moved.topic, &view->topic)) {
                view->goals[moved.partition] = moved.end;
            }
        }
        view->tick = next;
    }
    view->is_paced = core_upkeep_pace_is_wanted(
        view->status == CORE_UPKEEP_BUILDING,
        view->status == CORE_UPKEEP_LAGGING ? now_ns - view->late_ns : 0);
    view->step_ns = now_ns;
    view->step_records = 0;
    for (uint32_t i = 0; i < upkeep->cs->core->shards_count; i++) {
        view->step_records += view->steps[i].told.records;
    }
    const struct core_upkeep_hold *lowest =
        list_is_empty(&view->holds)
            ? NULL
            : CONTAINER_OF(list_first(&view->holds), struct core_upkeep_hold, in_view);
    view->floor = lowest != NULL && lowest->tick < view->applied ? lowest->tick : view->applied;
    return true;
}

/* The next tick that moved its source; 0: it is not among those that are kept. */
static uint64_t core_upkeep_view_next(const struct core_upkeep_view *view)
{
    const struct core_upkeep *upkeep = view->upkeep;
    if (view->applied + 1 < upkeep->oldest) {
        return 0;
    }
    for (uint64_t number = view->applied + 1; number <= upkeep->newest; number++) {
        const struct core_tick *tick = core_tick_news_tick(upkeep->news[number % CORE_UPKEEP_NEWS]);
        for (uint32_t i = 0; i < tick->moved_count; i++) {
            struct core_tick_moved moved = core_tick_moved(tick, i);
            if (log_uuid_is_equal(&moved.topic, &view->topic)) {
                return number;
            }
        }
    }
    return 0;
}

/* The order to every shard that is not done and does not have it. */
static void core_upkeep_view_send(struct core_upkeep_view *view)
{
    struct core_shard *cs = view->upkeep->cs;
    for (uint32_t i = 0; i < cs->core->shards_count; i++) {
        struct core_upkeep_step *step = &view->steps[i];
        if (step->is_undone && !step->is_away) {
            step->over = core_upkeep_view_over(view);
            step->is_heir = view->is_heir;
            memcpy(step->why, view->why, sizeof(step->why));
            step->is_away = true;
            view->away_count++;
            core_call_start(cs, i, &step->call, core_upkeep_step_run, core_upkeep_step_done);
        }
    }
}

static void core_upkeep_step_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_step *step = CONTAINER_OF(call, struct core_upkeep_step, call);
    struct core_upkeep_view *view = step->view;
    (void)home;
    step->is_away = false;
    view->away_count--;
    if (step->is_done || step->code == CORE_OK) {
        step->told = step->count;
        view->is_degraded = view->is_degraded || step->told.faults.count > 0;
    }
    if (step->is_done) {
        step->is_undone = false;
        view->undone_count--;
    }
    if (step->code == CORE_VIEW_BROKEN) {
        core_upkeep_view_break(view, step->why);
    }
    if (step->is_undone && step->code == CORE_OK) { /* it told how far it is */
        core_upkeep_view_send(view);
    } else if (step->is_undone) { /* the shard has no catalog with it, or no memory, yet */
        core_upkeep_look_soon(view->upkeep);
    }
    core_upkeep_view_done(view);
}

/* An order came home: all may be done with it. */
static void core_upkeep_view_done(struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = view->upkeep;
    if (view->away_count > 0 || view->undone_count > 0) {
        return;
    }
    if (view->order == CORE_UPKEEP_GO && !upkeep->is_stopping &&
        core_upkeep_view_over(view) == CORE_OK) {
        core_upkeep_view_stepped(view);
    }
    if (upkeep->is_busy || upkeep->has_heirs || upkeep->oldest <= upkeep->newest) {
        core_upkeep_look(upkeep); /* ticks may be kept no more, and need not be slow */
    } else {
        core_upkeep_view_run(view);
    }
}

/* All shards have the step's tick. */
static void core_upkeep_view_stepped(struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = view->upkeep;
    uint64_t now_ns = rt_now_ns(upkeep->cs->shard);
    view->applied = view->tick;
    view->errors_count = 0; /* all are done with that tick, and none with more */
    for (uint32_t i = 0; i < upkeep->cs->core->shards_count; i++) {
        view->errors_count += view->steps[i].told.faults.count;
    }
    view->fresh_ns = view->behind_ns != 0 ? now_ns - view->behind_ns : 0;
    uint64_t next = view->moved > view->applied ? core_upkeep_view_next(view) : 0;
    if (view->moved <= view->applied) {
        view->behind_ns = 0;
    } else if (next != 0) {
        view->behind_ns = upkeep->news_ns[next % CORE_UPKEEP_NEWS];
    } else {
        view->behind_ns = view->since_ns != 0 ? view->since_ns : now_ns;
    }
    bool is_late = view->behind_ns != 0 && now_ns - view->behind_ns > CORE_UPKEEP_LAG_NS;
    if (view->status != CORE_UPKEEP_BROKEN && !is_late) {
        view->status = CORE_UPKEEP_LIVE;
        view->why[0] = '\0';
    }
}

static void core_upkeep_view_free(struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = view->upkeep;
    struct list_node *node;
    while ((node = list_pop_front(&view->waiting)) != NULL) {
        struct core_upkeep_hold *hold = CONTAINER_OF(node, struct core_upkeep_hold, in_view);
        core_upkeep_hold_end(hold, upkeep->is_stopping ? CORE_CLOSING : CORE_UNKNOWN_VIEW);
    }
    list_remove(&view->in_views);
    budget_free(&upkeep->cs->budget, view->origins);
    budget_free(&upkeep->cs->budget, view->goals);
    budget_free(&upkeep->cs->budget, view->ends);
    budget_free(&upkeep->cs->budget, view->steps);
    budget_free(&upkeep->cs->budget, view);
}

/* --- Looking --- */

/* Whether somebody waits who will not wait for ever. */
static bool core_upkeep_is_waited(const struct core_upkeep_view *view)
{
    list_for_each (node, &view->waiting) {
        if (CONTAINER_OF(node, struct core_upkeep_hold, in_view)->deadline_ns != UINT64_MAX) {
            return true;
        }
    }
    return false;
}

/* What the catalog says of it by now. */
static void core_upkeep_view_define(struct core_upkeep_view *view)
{
    struct core_upkeep *upkeep = view->upkeep;
    const struct core_catalog *catalog = upkeep->cs->catalog;
    const struct core_view *defined =
        catalog != NULL ? core_catalog_find_view_uuid(catalog, &view->uuid) : NULL;
    if (defined != NULL) {
        view->is_heir = defined->is_heir;
    } else if (catalog != NULL && !view->is_dropped) {
        core_upkeep_heir_gone(view);
    }
    upkeep->has_heirs = upkeep->has_heirs || view->is_heir;
    if (view->is_heir) {
        core_upkeep_heir_look(view);
    }
}

void core_upkeep_look(struct core_upkeep *upkeep)
{
    struct core_shard *cs = upkeep->cs;
    uint64_t now_ns = rt_now_ns(cs->shard);
    bool is_busy = false;
    bool is_waited = false;
    upkeep->has_heirs = false;
    list_for_each_safe (node, next, &upkeep->views) {
        struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        core_upkeep_view_define(view);
        is_busy = is_busy || (view->status == CORE_UPKEEP_LIVE && view->behind_ns != 0 &&
                              !view->is_frozen && now_ns - view->behind_ns > CORE_UPKEEP_BUSY_NS);
        is_waited = is_waited || core_upkeep_is_waited(view);
        core_upkeep_view_run(view); /* it may be gone after it */
    }
    if (!upkeep->is_stopping && core_upkeep_is_home(upkeep)) {
        core_upkeep_forget_some(upkeep);
        upkeep->is_busy = is_busy;
        core_ticks_busy(cs, is_busy);
    }
    if (is_waited) {
        core_upkeep_look_soon(upkeep);
    }
}

void core_upkeep_look_soon(struct core_upkeep *upkeep)
{
    if (!rt_timer_is_running(&upkeep->timer)) {
        rt_timer_start(&upkeep->timer, rt_now_ns(upkeep->cs->shard) + CORE_UPKEEP_RETRY_NS);
    }
}

static void core_upkeep_look_late(struct rt_timer *timer)
{
    struct core_upkeep *upkeep = CONTAINER_OF(timer, struct core_upkeep, timer);
    list_for_each (node, &upkeep->views) {
        core_upkeep_view_send(CONTAINER_OF(node, struct core_upkeep_view, in_views));
    }
    core_upkeep_look(upkeep);
}

/* --- What there is --- */

const char *core_upkeep_status_name(enum core_upkeep_status status)
{
    static const char *const names[CORE_UPKEEP_STATUS_COUNT] = {[CORE_UPKEEP_BUILDING] = "building",
                                                                [CORE_UPKEEP_LIVE] = "live",
                                                                [CORE_UPKEEP_LAGGING] = "lagging",
                                                                [CORE_UPKEEP_BROKEN] = "broken"};
    return names[status];
}

uint32_t core_upkeep_rows(const struct core_upkeep *upkeep, struct core_upkeep_row *out,
                          uint32_t max)
{
    uint32_t count = 0;
    list_for_each (node, &upkeep->views) {
        if (count == max) {
            break;
        }
        core_upkeep_view_row(CONTAINER_OF(node, struct core_upkeep_view, in_views), &out[count++]);
    }
    return count;
}

void core_upkeep_view_row(const struct core_upkeep_view *view, struct core_upkeep_row *row)
{
    const struct core_upkeep *upkeep = view->upkeep;
    uint64_t now_ns = rt_now_ns(upkeep->cs->shard);
    *row = (struct core_upkeep_row){.view = view->uuid,
                                    .lineage = view->lineage,
                                    .status = view->status,
                                    .is_degraded = view->is_degraded,
                                    .tick = core_upkeep_view_complete(view),
                                    .lag_ns = view->behind_ns != 0 ? now_ns - view->behind_ns : 0,
                                    .fresh_ns = view->fresh_ns};
    memcpy(row->why, view->why, sizeof(row->why));
    core_upkeep_heir_row(view, &row->rebind);
    for (uint32_t i = 0; i < upkeep->cs->core->shards_count; i++) {
        const struct core_upkeep_step *step = &view->steps[i];
        row->rows_count += step->told.rows;
        row->bytes += step->told.bytes;
        row->records_count += step->told.records;
        row->left_count += step->told.left;
        core_faults_join(&row->faults, &step->told.faults);
    }
    uint64_t folded = row->records_count - view->step_records;
    uint64_t took_ns = now_ns - view->step_ns;
    if (view->order == CORE_UPKEEP_GO && view->undone_count > 0 && folded > 0) {
        row->eta_ns = (uint64_t)((double)took_ns / (double)folded * (double)row->left_count);
    }
}
