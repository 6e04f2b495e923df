/* Where views begin: origins are found partition by partition, one view at a time, and go into the
 * next tick. See ticks.h.
 *
 * A view that goes while its origins are found costs what was asked and nothing else. What cannot
 * be answered (a partition that is being opened, no memory) is asked again later, from the first
 * partition on. */
#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/ticks_home.h"

static bool core_ticks_views_begin(struct core_ticks_home *home,
                                   const struct core_ticks_known *known);
static bool core_ticks_views_begin_alike(struct core_ticks_home *home,
                                         const struct core_ticks_known *known);
static void core_ticks_views_ask(struct core_ticks_home *home, const struct core_topic *topic,
                                 const struct core_ticks_known *known);
static void core_ticks_views_answered(struct core_offsets *offsets);
static void core_ticks_views_found(struct core_ticks_home *home,
                                   const struct core_ticks_known *known);
static void core_ticks_views_forget(struct core_ticks_home *home);
static void core_ticks_views_again(struct rt_timer *timer);
static void core_ticks_views_later(struct core_ticks_home *home);

void core_ticks_views_init(struct core_ticks_home *home)
{
    rt_timer_init(&home->finding_retry, home->cs->shard, core_ticks_views_again);
}

void core_ticks_views_end(struct core_ticks_home *home)
{
    rt_timer_stop(&home->finding_retry);
    if (!home->is_finding) {
        core_ticks_views_forget(home);
    }
}

void core_ticks_views_sweep(struct core_ticks_home *home)
{
    list_for_each (node, &home->cs->ticks.views) {
        const struct core_ticks_known *known =
            CONTAINER_OF(node, struct core_ticks_known, in_ticks);
        struct core_timeline_start *start = core_timeline_start(&home->timeline, &known->view.view);
        if (start != NULL) {
            start->is_kept = true;
        }
    }
    core_timeline_sweep(&home->timeline);
}

void core_ticks_views_look(struct core_ticks_home *home)
{
    if (home->stage != CORE_TICKS_OPEN) {
        return;
    }
    core_ticks_views_sweep(home);
    bool is_going = true;
    list_for_each (node, &home->cs->ticks.views) {
        const struct core_ticks_known *known =
            CONTAINER_OF(node, struct core_ticks_known, in_ticks);
        is_going = is_going && log_uuid_is_zero(&home->finding) &&
                   !rt_timer_is_running(&home->finding_retry);
        if (is_going && core_timeline_start(&home->timeline, &known->view.view) == NULL) {
            is_going = core_ticks_views_begin(home, known);
        }
    }
    core_ticks_home_soon(home);
}

/* Its origins are known at once, or looked for. False: later. */
static bool core_ticks_views_begin(struct core_ticks_home *home,
                                   const struct core_ticks_known *known)
{
    struct core_shard *cs = home->cs;
    const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &known->view.topic);
    void *block;
    if (topic == NULL) {
        return true; /* it goes with its views */
    }
    enum err err = budget_alloc(&cs->budget, topic->partitions_count * sizeof(uint64_t),
                                sizeof(uint64_t), &block);
    if (err != ERR_OK) {
        core_ticks_views_later(home);
        return false;
    }
    home->finding = known->view.view;
    home->origins = block;
    home->origins_count = topic->partitions_count;
    home->origin_next = 0;
    if (!log_uuid_is_zero(&known->view.before)) {
        return core_ticks_views_begin_alike(home, known);
    }
    if (known->view.origin != CORE_TICKS_LATEST) {
        core_ticks_views_ask(home, topic, known);
        return false;
    }
    for (uint32_t i = 0; i < home->origins_count; i++) {
        home->origins[i] = CORE_TIMELINE_LATEST;
    }
    core_ticks_views_found(home, known);
    return true;
}

/* Where the view before it begins, once the ticks have said that. Of a topic that has got more
 * partitions since, those begin at 0 for both. */
static bool core_ticks_views_begin_alike(struct core_ticks_home *home,
                                         const struct core_ticks_known *known)
{
    const struct core_timeline_start *start =
        core_timeline_start(&home->timeline, &known->view.before);
    if (start == NULL || !start->is_said || start->partitions_count > home->origins_count) {
        struct core_ticks_known *late = core_ticks_view_find(home->cs, &known->view.view);
        list_remove(&late->in_ticks); /* others need not wait for it, least of all that one */
        list_push_back(&home->cs->ticks.views, &late->in_ticks);
        core_ticks_views_forget(home);
        core_ticks_views_later(home);
        return false;
    }
    home->origins_count = start->partitions_count;
    for (uint32_t i = 0; i < home->origins_count; i++) {
        home->origins[i] = start->origins[i];
    }
    core_ticks_views_found(home, known);
    return true;
}

static void core_ticks_views_ask(struct core_ticks_home *home, const struct core_topic *topic,
                                 const struct core_ticks_known *known)
{
    int64_t timestamp = CORE_OFFSETS_EARLIEST;
    if (known->view.origin == CORE_TICKS_TIMESTAMP) {
        timestamp = known->view.origin_ms > 0 ? known->view.origin_ms : 0;
    }
    ASSERT(!home->is_finding);
    home->is_finding = true;
    home->cs->ticks.calls_count++;
    home->offsets = (struct core_offsets){.done = core_ticks_views_answered,
                                          .ctx = home,
                                          .topic = topic->uuid,
                                          .partition = home->origin_next,
                                          .group = topic->groups[home->origin_next],
                                          .epoch = -1,
                                          .timestamp = timestamp};
    core_offsets_start(home->cs, &home->offsets);
}

static void core_ticks_views_answered(struct core_offsets *offsets)
{
    struct core_ticks_home *home = offsets->ctx;
    struct core_shard *cs = home->cs;
    home->is_finding = false;
    cs->ticks.calls_count--;
    struct core_ticks_known *known = core_ticks_view_find(cs, &home->finding);
    if (home->stage != CORE_TICKS_OPEN || known == NULL) {
        core_ticks_views_forget(home);
        core_ticks_views_look(home);
        return;
    }
    const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &known->view.topic);
    if (offsets->code != CORE_OK || topic == NULL) {
        list_remove(&known->in_ticks); /* others need not wait for it */
        list_push_back(&cs->ticks.views, &known->in_ticks);
        core_ticks_views_forget(home);
        core_ticks_views_later(home);
        return;
    }
    home->origins[home->origin_next++] =
        offsets->offset >= 0 ? (uint64_t)offsets->offset : CORE_TIMELINE_LATEST;
    if (home->origin_next < home->origins_count) {
        core_ticks_views_ask(home, topic, known);
    } else {
        core_ticks_views_found(home, known);
        core_ticks_views_look(home);
    }
}

static void core_ticks_views_found(struct core_ticks_home *home,
                                   const struct core_ticks_known *known)
{
    enum err err = core_timeline_begin(&home->timeline, &known->view.view, &known->view.topic,
                                       home->origins_count, home->origins);
    core_ticks_views_forget(home);
    if (err != ERR_OK) {
        core_ticks_views_later(home);
    }
}

static void core_ticks_views_forget(struct core_ticks_home *home)
{
    budget_free(&home->cs->budget, home->origins);
    home->origins = NULL;
    home->finding = (struct log_uuid){0};
}

static void core_ticks_views_later(struct core_ticks_home *home)
{
    rt_timer_start(&home->finding_retry, rt_now_ns(home->cs->shard) + CORE_TICKS_RETRY_NS);
}

static void core_ticks_views_again(struct rt_timer *timer)
{
    core_ticks_views_look(CONTAINER_OF(timer, struct core_ticks_home, finding_retry));
}
