/* A feed's part on its own shard: calls there and back. See view_feed.h, view_source.h. */
#include "broker/core/view_feed.h"

#include "base/assert.h"
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/view_source.h"

static void core_view_feed_start(struct core_view_feed *feed, struct core_call *call,
                                 core_call_fn *run, core_call_fn *done);
static void core_view_feed_came_home(struct core_shard *home, struct core_call *call);
static void core_view_feed_cancel_came_home(struct core_shard *home, struct core_call *call);
static void core_view_feed_end(struct core_view_feed *feed);
static void core_view_feed_closed(struct core_shard *home, struct core_call *call);

void core_view_feed_open(struct core_view_feed *feed, struct core_shard *cs)
{
    ASSERT(feed->done != NULL);
    ASSERT(feed->owner != NULL);
    feed->home = cs;
    feed->source = NULL;
    feed->closed = NULL;
    feed->is_away = false;
    feed->is_cancel_away = false;
}

void core_view_feed_next(struct core_view_feed *feed)
{
    ASSERT(!feed->is_away);
    ASSERT(!feed->is_cancel_away);
    feed->code = CORE_OK;
    feed->first_offset = feed->offset;
    feed->loans = NULL;
    feed->is_away = true;
    core_view_feed_start(feed, &feed->call, core_view_source_step, core_view_feed_came_home);
}

void core_view_feed_cancel(struct core_view_feed *feed)
{
    if (feed->is_away && !feed->is_cancel_away && feed->closed == NULL) {
        feed->is_cancel_away = true;
        core_view_feed_start(feed, &feed->cancel, core_view_source_cancel,
                             core_view_feed_cancel_came_home);
    }
}

void core_view_feed_close(struct core_view_feed *feed, core_view_feed_fn *closed)
{
    ASSERT(!feed->is_away);
    ASSERT(!feed->is_cancel_away);
    feed->closed = closed;
    feed->is_away = true;
    core_view_feed_start(feed, &feed->call, core_view_source_close, core_view_feed_closed);
}

static void core_view_feed_start(struct core_view_feed *feed, struct core_call *call,
                                 core_call_fn *run, core_call_fn *done)
{
    core_call_start(feed->home, core_shard_of(feed->home->core, feed->group), call, run, done);
}

static void core_view_feed_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, call);
    feed->is_away = false;
    core_view_feed_end(feed);
}

static void core_view_feed_cancel_came_home(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, cancel);
    feed->is_cancel_away = false;
    core_view_feed_end(feed);
}

/* The step has ended when nothing of it is away any more. */
static void core_view_feed_end(struct core_view_feed *feed)
{
    if (!feed->is_away && !feed->is_cancel_away) {
        feed->done(feed);
    }
}

static void core_view_feed_closed(struct core_shard *home, struct core_call *call)
{
    (void)home;
    struct core_view_feed *feed = CONTAINER_OF(call, struct core_view_feed, call);
    feed->is_away = false;
    feed->closed(feed);
}
