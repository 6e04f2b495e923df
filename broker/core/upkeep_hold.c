/* Readers' holds on ticks of views: at who asks, and at the home. See upkeep.h, upkeep_ask.h.
 *
 *     start -> home: waits for its tick -> held there -> done ... release -> home
 *
 * A hold waits at its view until all shards have the tick that it asks for, or it ends with the
 * reason. While it is held no step gives that tick up. One that comes before its view has a
 * timeline, or with another catalog than the home's, tries again. */
#include <stdio.h>

#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/catalog_view.h"
#include "broker/core/core.h"
#include "broker/core/upkeep_home.h"

static void core_upkeep_hold_run(struct core_shard *at, struct core_call *call);
static void core_upkeep_hold_cancel_run(struct core_shard *at, struct core_call *call);
static void core_upkeep_hold_cancel_done(struct core_shard *home, struct core_call *call);
static void core_upkeep_hold_done(struct core_shard *home, struct core_call *call);
static void core_upkeep_hold_wait(struct core_upkeep_hold *hold);
static void core_upkeep_hold_again(struct rt_timer *timer);
static void core_upkeep_release_run(struct core_shard *at, struct core_call *call);
static void core_upkeep_release_done(struct core_shard *home, struct core_call *call);
static bool core_upkeep_view_is_readable(const struct core_upkeep_view *view);
static struct core_position core_upkeep_view_position(const struct core_upkeep_view *view);

void core_upkeep_hold_start(struct core_shard *cs, struct core_upkeep_hold *hold)
{
    hold->cs = cs;
    hold->code = CORE_OK;
    hold->why[0] = '\0';
    hold->of = NULL;
    hold->is_canceled = false;
    uint32_t home = core_ticks_home(cs);
    if (home == UINT32_MAX) { /* the view is so new that there is no timeline yet */
        core_upkeep_hold_wait(hold);
        return;
    }
    hold->is_away = true;
    core_call_start(cs, home, &hold->call, core_upkeep_hold_run, core_upkeep_hold_done);
}

/* Try again soon. */
static void core_upkeep_hold_wait(struct core_upkeep_hold *hold)
{
    rt_timer_init(&hold->timer, hold->cs->shard, core_upkeep_hold_again);
    rt_timer_start(&hold->timer, rt_now_ns(hold->cs->shard) + CORE_UPKEEP_RETRY_NS);
}

static void core_upkeep_hold_again(struct rt_timer *timer)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(timer, struct core_upkeep_hold, timer);
    struct core_shard *cs = hold->cs;
    if (hold->is_canceled || cs->upkeep.is_stopping) {
        hold->code = CORE_CLOSING;
    } else if (rt_now_ns(cs->shard) >= hold->deadline_ns) {
        hold->code = CORE_TIMEOUT;
    } else {
        core_upkeep_hold_start(cs, hold);
        return;
    }
    hold->done(hold);
}

static void core_upkeep_hold_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, call);
    struct core_upkeep *upkeep = &at->upkeep;
    struct core_upkeep_view *view = core_upkeep_view_find(upkeep, &hold->view);
    hold->at = at;
    if (upkeep->is_stopping) {
        core_upkeep_hold_end(hold, CORE_CLOSING);
        return;
    }
    if (view == NULL) { /* its first tick is still to come */
        const struct core_view *defined = core_catalog_find_view_uuid(at->catalog, &hold->view);
        view = defined != NULL ? core_upkeep_view_new(upkeep, defined) : NULL;
        if (view == NULL) {
            core_upkeep_hold_end(hold, defined != NULL ? CORE_OVERLOADED : CORE_UNKNOWN_VIEW);
            return;
        }
    }
    list_push_back(&view->waiting, &hold->in_view);
    if (!core_upkeep_hold_try(view, hold) && hold->deadline_ns != UINT64_MAX) {
        core_upkeep_look_soon(upkeep);
    }
}

/* One that stops for its heir has no later tick than it had then. */
uint64_t core_upkeep_view_complete(const struct core_upkeep_view *view)
{
    uint64_t still = view->still > view->applied ? view->still : view->applied;
    uint64_t complete = view->moved <= view->applied ? view->upkeep->newest : still;
    return view->is_frozen && view->ceiling != UINT64_MAX ? view->ceiling : complete;
}

static bool core_upkeep_view_is_readable(const struct core_upkeep_view *view)
{
    return view->status == CORE_UPKEEP_LIVE || view->status == CORE_UPKEEP_LAGGING;
}

/* What its rows hold: ticks that did not move its source, too. */
static struct core_position core_upkeep_view_position(const struct core_upkeep_view *view)
{
    return (struct core_position){.epoch = core_ticks_position(view->upkeep->cs).epoch,
                                  .tick = core_upkeep_view_complete(view)};
}

/* What it waits for is there, or will not come: it is answered. */
bool core_upkeep_hold_try(struct core_upkeep_view *view, struct core_upkeep_hold *hold)
{
    struct core_upkeep *upkeep = view->upkeep;
    struct core_position position = core_upkeep_view_position(view);
    uint64_t complete = position.tick;
    if (view->is_dropped || upkeep->is_stopping) {
        list_remove(&hold->in_view);
        core_upkeep_hold_end(hold, upkeep->is_stopping ? CORE_CLOSING : CORE_UNKNOWN_VIEW);
    } else if (view->status == CORE_UPKEEP_BROKEN) {
        list_remove(&hold->in_view);
        snprintf(hold->why, sizeof(hold->why), "%s", view->why);
        core_upkeep_hold_end(hold, CORE_VIEW_BROKEN);
    } else if (view->is_swapped && view->order == CORE_UPKEEP_FREE) {
        list_remove(&hold->in_view);
        core_upkeep_hold_end(hold, CORE_VIEW_CHANGED);
    } else if (core_upkeep_view_is_readable(view) && complete >= hold->tick_min &&
               view->applied >= hold->rows_min) {
        list_remove(&hold->in_view);
        if (!hold->is_news) {
            list_push_back(&view->holds, &hold->in_view); /* ticks only grow */
            hold->of = view;
        }
        hold->tick = view->applied;
        hold->position = position;
        hold->errors_count = view->errors_count;
        core_upkeep_hold_end(hold, CORE_OK);
    } else if (view->is_swapped) { /* it has no later tick */
        list_remove(&hold->in_view);
        core_upkeep_hold_end(hold, CORE_VIEW_CHANGED);
    } else if (hold->is_canceled || rt_now_ns(upkeep->cs->shard) >= hold->deadline_ns) {
        list_remove(&hold->in_view);
        if (view->status == CORE_UPKEEP_BUILDING) {
            snprintf(hold->why, sizeof(hold->why), "it is being built");
        } else {
            snprintf(hold->why, sizeof(hold->why), "it has tick %llu, not %llu yet",
                     (unsigned long long)complete, (unsigned long long)hold->tick_min);
        }
        core_upkeep_hold_end(hold, hold->is_canceled ? CORE_CLOSING : CORE_TIMEOUT);
    } else {
        return false;
    }
    return true;
}

/* Orders that give up older ticks than `applied` go out later, and none has gone out before. */
bool core_upkeep_newest(struct core_upkeep *upkeep, const struct log_uuid *uuid, uint64_t *tick,
                        struct core_position *position, uint64_t *errors_count)
{
    const struct core_upkeep_view *view = core_upkeep_view_find(upkeep, uuid);
    if (upkeep->is_stopping || view == NULL || view->is_dropped || view->is_swapped ||
        !core_upkeep_view_is_readable(view)) {
        return false;
    }
    *tick = view->applied;
    *position = core_upkeep_view_position(view);
    *errors_count = view->errors_count;
    return true;
}

void core_upkeep_hold_end(struct core_upkeep_hold *hold, enum core_code code)
{
    hold->code = code;
    core_call_end(hold->at, &hold->call);
}

static void core_upkeep_hold_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, call);
    hold->is_away = false;
    if (hold->is_cancel_away) {
        return;
    }
    if (hold->code == CORE_UNKNOWN_VIEW && !home->upkeep.is_stopping &&
        core_catalog_find_view_uuid(home->catalog, &hold->view) != NULL) {
        core_upkeep_hold_wait(hold); /* this shard's catalog is newer, or older */
        return;
    }
    hold->done(hold);
}

void core_upkeep_hold_cancel(struct core_shard *cs, struct core_upkeep_hold *hold)
{
    if (!hold->is_away) {
        hold->is_canceled = true; /* the timer ends it */
    } else if (!hold->is_cancel_away) {
        hold->is_cancel_away = true;
        core_call_start(cs, core_ticks_home(cs), &hold->cancel, core_upkeep_hold_cancel_run,
                        core_upkeep_hold_cancel_done);
    }
}

static void core_upkeep_hold_cancel_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, cancel);
    list_for_each (node, &at->upkeep.views) {
        struct core_upkeep_view *view = CONTAINER_OF(node, struct core_upkeep_view, in_views);
        list_for_each_safe (waits, next, &view->waiting) {
            if (CONTAINER_OF(waits, struct core_upkeep_hold, in_view) == hold) {
                hold->is_canceled = true;
                (void)core_upkeep_hold_try(view, hold);
            }
        }
    }
    core_call_end(at, call);
}

static void core_upkeep_hold_cancel_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, cancel);
    (void)home;
    hold->is_cancel_away = false;
    if (!hold->is_away) {
        hold->done(hold);
    }
}

void core_upkeep_hold_release(struct core_shard *cs, struct core_upkeep_hold *hold,
                              core_upkeep_hold_fn *released)
{
    hold->released = released;
    core_call_start(cs, core_ticks_home(cs), &hold->call, core_upkeep_release_run,
                    core_upkeep_release_done);
}

static void core_upkeep_release_run(struct core_shard *at, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, call);
    struct core_upkeep_view *view = hold->of;
    list_remove(&hold->in_view);
    core_call_end(at, call);
    core_upkeep_view_run(view); /* it may have waited for that */
}

static void core_upkeep_release_done(struct core_shard *home, struct core_call *call)
{
    struct core_upkeep_hold *hold = CONTAINER_OF(call, struct core_upkeep_hold, call);
    (void)home;
    hold->of = NULL;
    hold->released(hold);
}
