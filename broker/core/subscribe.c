/* Subscriptions to streams, their lives. See subscribe.h, subscribe_int.h.
 *
 *     what is asked is known ---> where the log begins and ends (bounds, offsets by time)
 *                                   |                                       ^
 *                                   v                                       | go on
 *          a reader of its own, a crowd alone ---- it waits for room or credit, and keeps
 *                     ^             |                 where it stands
 *            credit   |             v meets the tail      ^
 *                  one of a crowd of the tail ------------'
 *
 * The end is told when nothing that was asked for it is away; the last one of a shard waits for all
 * readers, whose feeds have to be closed before the shard is. */
#include "broker/core/subscribe.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/subscribe_int.h"
#include "views/sql/stmt.h"

/* What all of a shard work in a turn of the loop. */
#define CORE_SUBSCRIBE_TURN_NS (RT_NS_PER_MS / 2)

/* Chunks of what is being found out. */
#define CORE_SUBSCRIBE_SETUP_CHUNK_BYTES 1024u

/* How often they are looked after. */
#define CORE_SUBSCRIBE_LOOK_NS (500 * RT_NS_PER_MS)

/* Inference may take so long. */
#define CORE_SUBSCRIBE_RESOLVE_NS (10 * RT_NS_PER_S)

static void core_subscribes_turn(struct rt_op *op);
static void core_subscribes_look(struct rt_timer *timer);
static void core_subscribes_look_topics(struct core_subscribes *subs);
static bool core_subscribe_setup_new(struct core_subscribe *sub);
static void core_subscribe_setup_free(struct core_subscribes *subs,
                                      struct core_subscribe_setup *setup);
static void core_subscribe_planned(struct core_subscribe_plan *plan);
static void core_subscribe_settle(struct core_subscribe *sub);
static void core_subscribe_ask_bounds(struct core_subscribe *sub);
static void core_subscribe_bounded(struct core_bounds *bounds);
static void core_subscribe_ask_offsets(struct core_subscribe *sub, const struct core_topic *topic);
static void core_subscribe_offset_found(struct core_offsets *offsets);
static void core_subscribe_begin(struct core_subscribe *sub);
static const char *core_subscribe_place(struct core_subscribe *sub,
                                        struct core_subscribe_reader *reader);
static bool core_subscribe_is_blank(const struct core_subscribe *sub);
static void core_subscribe_finish(struct core_subscribe *sub);

/* --- A shard's --- */

void core_subscribes_init(struct core_subscribes *subs, struct core_shard *cs,
                          struct budget *budget)
{
    *subs = (struct core_subscribes){.cs = cs, .budget = budget};
    list_init(&subs->all);
    list_init(&subs->ended);
    list_init(&subs->leaving);
    list_init(&subs->paused);
    list_init(&subs->ready);
    list_init(&subs->readers);
    list_init(&subs->sources);
    rt_op_init(&subs->op, cs->shard, core_subscribes_turn);
    rt_timer_init(&subs->timer, cs->shard, core_subscribes_look);
}

void core_subscribes_deinit(struct core_subscribes *subs)
{
    ASSERT(list_is_empty(&subs->all));
    ASSERT(list_is_empty(&subs->readers));
    ASSERT(list_is_empty(&subs->sources));
    ASSERT(!rt_timer_is_running(&subs->timer));
}

void core_subscribes_wake(struct core_subscribes *subs)
{
    if (!subs->is_op_away) {
        subs->is_op_away = true;
        rt_op_defer(&subs->op);
    }
}

static void core_subscribes_turn(struct rt_op *op)
{
    struct core_subscribes *subs = CONTAINER_OF(op, struct core_subscribes, op);
    struct rt_shard *shard = subs->cs->shard;
    uint64_t end_ns = rt_now_ns(shard) + CORE_SUBSCRIBE_TURN_NS;
    struct list_node *node;
    bool is_over = false;
    subs->is_op_away = false;
    while (!is_over && (node = list_pop_front(&subs->ready)) != NULL) {
        struct core_subscribe_reader *reader =
            CONTAINER_OF(node, struct core_subscribe_reader, in_ready);
        if (core_subscribe_reader_run(reader)) {
            core_subscribe_reader_wake(reader);
        }
        is_over = rt_now_precise_ns(shard) >= end_ns;
    }
    list_for_each_safe (ended, next, &subs->ended) {
        core_subscribe_finish(CONTAINER_OF(ended, struct core_subscribe, in_ended));
    }
    if (!list_is_empty(&subs->ready)) {
        core_subscribes_wake(subs);
    }
}

/* Subscribers may have been asleep, filters may have let nothing pass for a while. */
static void core_subscribes_look(struct rt_timer *timer)
{
    struct core_subscribes *subs = CONTAINER_OF(timer, struct core_subscribes, timer);
    uint64_t now_ns = rt_now_ns(subs->cs->shard);
    core_subscribes_look_topics(subs);
    list_for_each_safe (node, next, &subs->paused) {
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_paused);
        if (sub->stall_ns_max > 0 && now_ns - sub->paused_ns > sub->stall_ns_max) {
            core_subscribe_fail(sub, CORE_TIMEOUT, "what was sent was not read", NULL);
        }
    }
    list_for_each (node, &subs->readers) {
        struct core_subscribe_reader *reader =
            CONTAINER_OF(node, struct core_subscribe_reader, in_subs);
        if (reader->is_moved && !reader->is_ending) {
            reader->is_news = true;
            core_subscribe_reader_wake(reader);
        }
    }
    rt_timer_start(&subs->timer, now_ns + CORE_SUBSCRIBE_LOOK_NS);
}

/* Partitions may have come, topics gone. */
static void core_subscribes_look_topics(struct core_subscribes *subs)
{
    struct core_shard *cs = subs->cs;
    uint64_t version = core_resolve_version(cs);
    if (version == subs->version) {
        return;
    }
    subs->version = version;
    list_for_each (node, &subs->all) {
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_subs);
        if (sub->is_begun && core_catalog_find_uuid(cs->catalog, &sub->topic) == NULL) {
            core_subscribe_fail(sub, CORE_UNKNOWN_TOPIC, "", NULL);
        }
    }
    list_for_each (node, &subs->readers) {
        struct core_subscribe_reader *reader =
            CONTAINER_OF(node, struct core_subscribe_reader, in_subs);
        const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &reader->topic);
        if (!reader->is_ending && topic != NULL && topic->partitions_count > reader->lanes_count) {
            if (!core_subscribe_reader_widen(reader, topic->groups, topic->partitions_count)) {
                core_subscribe_reader_fail(reader, CORE_OVERLOADED, "", NULL);
            }
            core_subscribe_reader_wake(reader);
        }
    }
}

/* --- The subscriber's --- */

void core_subscribe_start(struct core_subscribes *subs, struct core_subscribe *sub)
{
    ASSERT(sub->plan->code == CORE_OK);
    ASSERT(sub->plan->relation->kind == PLAN_RELATION_STREAM);
    const struct core_stream_relation *relation = sub->plan->relation->owner;
    sub->subs = subs;
    sub->code = CORE_OK;
    sub->message = "";
    sub->topic = relation->stream.topic;
    if (list_is_empty(&subs->all)) {
        subs->version = core_resolve_version(subs->cs);
        rt_timer_start(&subs->timer, rt_now_ns(subs->cs->shard) + CORE_SUBSCRIBE_LOOK_NS);
    }
    list_push_back(&subs->all, &sub->in_subs);
    const char *name = relation->relation.name;
    void *memory;
    if (!core_subscribe_setup_new(sub) ||
        budget_alloc(subs->budget, strlen(name) + 1, 1, &memory) != ERR_OK) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    sub->name = memory;
    memcpy(sub->name, name, strlen(name) + 1);
    struct core_subscribe_setup *setup = sub->setup;
    setup->arena = *sub->arena;
    arena_init(sub->arena, sub->arena->budget, sub->arena->chunk_bytes, sub->arena->limit_bytes);
    setup->plan = *sub->plan;
    setup->plan.arena = &setup->arena;
    setup->from = sub->from;
    setup->places_count = sub->places_count;
    struct core_subscribe_place *places =
        arena_alloc(&setup->arena, sub->places_count * sizeof(*places), 16);
    if (places == NULL) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    if (sub->places_count > 0) {
        memcpy(places, sub->places, sub->places_count * sizeof(*places));
    }
    setup->places = places;
    core_subscribe_settle(sub);
}

void core_subscribe_pause(struct core_subscribe *sub)
{
    if (!sub->is_paused && !sub->is_ended) {
        sub->is_paused = true;
        sub->paused_ns = rt_now_ns(sub->subs->cs->shard);
        list_push_back(&sub->subs->leaving, &sub->in_paused);
    }
}

void core_subscribe_resume(struct core_subscribe *sub)
{
    if (sub->is_paused) {
        sub->is_paused = false;
        list_remove(&sub->in_paused);
        core_subscribe_go_on(sub);
    }
}

void core_subscribe_credit(struct core_subscribe *sub, uint64_t rows)
{
    if (sub->rows_left != UINT64_MAX) {
        sub->rows_left += rows < INT64_MAX - sub->rows_left ? rows : INT64_MAX - sub->rows_left;
    }
    core_subscribe_go_on(sub);
}

void core_subscribe_end(struct core_subscribe *sub)
{
    core_subscribe_fail(sub, CORE_OK, "", NULL);
}

void core_subscribe_fail(struct core_subscribe *sub, enum core_code code, const char *message,
                         const struct sql_error *error)
{
    if (!sub->is_ended) {
        sub->is_ended = true;
        sub->code = code;
        sub->message = message;
        sub->error = error;
        list_push_back(&sub->subs->ended, &sub->in_ended);
        core_subscribes_wake(sub->subs);
        if (sub->setup != NULL && sub->setup->is_planning) {
            core_subscribe_plan_cancel(&sub->setup->plan);
        }
    }
}

/* --- What is followed, and from where --- */

static bool core_subscribe_setup_new(struct core_subscribe *sub)
{
    struct budget *budget = sub->subs->budget;
    void *memory;
    ASSERT(sub->setup == NULL);
    if (budget_alloc(budget, sizeof(struct core_subscribe_setup), 64, &memory) != ERR_OK) {
        return false;
    }
    sub->setup = memory;
    sub->setup->sub = sub;
    sub->setup->from = CORE_SUBSCRIBE_EARLIEST;
    arena_init(&sub->setup->arena, budget, CORE_SUBSCRIBE_SETUP_CHUNK_BYTES, SIZE_MAX);
    return true;
}

static void core_subscribe_setup_free(struct core_subscribes *subs,
                                      struct core_subscribe_setup *setup)
{
    if (setup != NULL) {
        arena_deinit(&setup->arena);
        budget_free(subs->budget, setup);
    }
}

void core_subscribe_go_on(struct core_subscribe *sub)
{
    if (sub->is_ended || sub->is_paused || sub->rows_left == 0 || sub->setup != NULL ||
        sub->crowd != NULL) {
        return;
    }
    if (!core_subscribe_setup_new(sub)) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    core_subscribe_ask_bounds(sub);
}

void core_subscribe_look_again(struct core_subscribe *sub)
{
    core_subscribe_leave(sub);
    if (sub->is_ended) {
        return;
    }
    if (!core_subscribe_setup_new(sub)) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    struct core_shard *cs = sub->subs->cs;
    struct core_subscribe_setup *setup = sub->setup;
    struct core_subscribe_plan plan = {
        .what = CORE_SUBSCRIBE_STREAM, .text = sub->name, .length = strlen(sub->name)};
    if (sub->blank != NULL) { /* the statement is in its memory */
        plan.what = CORE_SUBSCRIBE_SQL;
        plan.text = sub->blank->plan.text;
        plan.length = sub->blank->plan.length;
        plan.params = sub->blank->plan.params;
        plan.types = sub->blank->plan.types;
        plan.params_count = sub->blank->plan.params_count;
        setup->arena = sub->blank->arena;
        setup->asked = sub->blank->asked;
        setup->is_again = true;
        arena_rewind(&setup->arena, setup->asked);
        budget_free(sub->subs->budget, sub->blank);
        sub->blank = NULL;
    }
    plan.done = core_subscribe_planned;
    plan.ctx = sub;
    plan.arena = &setup->arena;
    plan.deadline_ns = rt_now_ns(cs->shard) + CORE_SUBSCRIBE_RESOLVE_NS;
    setup->is_planning = true;
    setup->plan = plan;
    core_subscribe_plan_start(cs, &setup->plan);
}

static void core_subscribe_planned(struct core_subscribe_plan *plan)
{
    struct core_subscribe *sub = plan->ctx;
    sub->setup->is_planning = false;
    core_subscribes_wake(sub->subs);
    if (sub->is_ended) {
        return;
    }
    if (plan->code != CORE_OK) {
        core_subscribe_fail(sub, plan->code, "", &plan->error);
        return;
    }
    core_subscribe_settle(sub);
}

/* It is known what is asked. */
static void core_subscribe_settle(struct core_subscribe *sub)
{
    const struct core_stream_relation *relation = sub->setup->plan.relation->owner;
    const struct log_uuid *topic = &relation->stream.topic;
    const struct log_uuid *must_be = sub->is_begun ? &sub->topic : &sub->must_be;
    if (!log_uuid_is_zero(must_be) && !log_uuid_is_equal(must_be, topic)) {
        core_subscribe_fail(sub, CORE_INCONSISTENT_TOPIC_ID,
                            "the topic of that time is no more, another one has its name", NULL);
        return;
    }
    core_subscribe_ask_bounds(sub);
}

static void core_subscribe_ask_bounds(struct core_subscribe *sub)
{
    struct core_shard *cs = sub->subs->cs;
    struct core_subscribe_setup *setup = sub->setup;
    const struct core_topic *topic = core_catalog_find_uuid(cs->catalog, &sub->topic);
    if (topic == NULL) {
        core_subscribe_fail(sub, CORE_UNKNOWN_TOPIC, "", NULL);
        return;
    }
    uint32_t count = topic->partitions_count;
    uint64_t *groups = arena_alloc(&setup->arena, count * sizeof(*groups), 16);
    setup->bounds = (struct core_bounds){
        .done = core_subscribe_bounded,
        .ctx = sub,
        .topic = sub->topic,
        .count = count,
        .groups = groups,
        .items = arena_alloc_zeroed(&setup->arena, count * sizeof(struct core_bounds_item), 16),
        .parts = arena_alloc_zeroed(&setup->arena,
                                    cs->core->shards_count * sizeof(struct core_bounds_part), 16)};
    if (groups == NULL || setup->bounds.items == NULL || setup->bounds.parts == NULL) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    memcpy(groups, topic->groups, count * sizeof(*groups));
    setup->away_count = 1;
    core_bounds_start(cs, &setup->bounds);
}

static void core_subscribe_bounded(struct core_bounds *bounds)
{
    struct core_subscribe *sub = bounds->ctx;
    const struct core_topic *topic = core_catalog_find_uuid(sub->subs->cs->catalog, &sub->topic);
    sub->setup->away_count = 0;
    core_subscribes_wake(sub->subs);
    if (sub->is_ended) {
        return;
    }
    for (uint32_t i = 0; i < bounds->count; i++) {
        if (bounds->items[i].code != CORE_OK) {
            core_subscribe_fail(sub, bounds->items[i].code, "", NULL);
            return;
        }
    }
    if (sub->setup->from == CORE_SUBSCRIBE_TIMESTAMP && topic != NULL) {
        core_subscribe_ask_offsets(sub, topic);
    } else {
        core_subscribe_begin(sub);
    }
}

/* The first record of each partition that is not older. */
static void core_subscribe_ask_offsets(struct core_subscribe *sub, const struct core_topic *topic)
{
    struct core_subscribe_setup *setup = sub->setup;
    uint32_t count = setup->bounds.count;
    setup->offsets = arena_alloc_zeroed(&setup->arena, count * sizeof(*setup->offsets),
                                        _Alignof(struct core_offsets));
    if (setup->offsets == NULL) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    setup->away_count = count;
    for (uint32_t i = 0; i < count; i++) {
        setup->offsets[i] = (struct core_offsets){.done = core_subscribe_offset_found,
                                                  .ctx = sub,
                                                  .topic = sub->topic,
                                                  .partition = i,
                                                  .group = topic->groups[i],
                                                  .epoch = -1,
                                                  .timestamp = sub->timestamp_ms};
        core_offsets_start(sub->subs->cs, &setup->offsets[i]);
    }
}

static void core_subscribe_offset_found(struct core_offsets *offsets)
{
    struct core_subscribe *sub = offsets->ctx;
    struct core_subscribe_setup *setup = sub->setup;
    core_subscribes_wake(sub->subs);
    if (--setup->away_count > 0 || sub->is_ended) {
        return;
    }
    for (uint32_t i = 0; i < setup->bounds.count; i++) {
        if (setup->offsets[i].code != CORE_OK) {
            core_subscribe_fail(sub, setup->offsets[i].code, "", NULL);
            return;
        }
    }
    core_subscribe_begin(sub);
}

/* It is known where the log begins and ends: a reader of its own. */
static void core_subscribe_begin(struct core_subscribe *sub)
{
    struct core_subscribe_setup *setup = sub->setup;
    const struct core_bounds *bounds = &setup->bounds;
    struct core_subscribe_reader *reader;
    bool is_blank = sub->source == NULL && core_subscribe_is_blank(sub);
    if (sub->source == NULL && !is_blank &&
        core_subscribe_source_take(sub->subs, setup, &sub->source) != ERR_OK) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    if (core_subscribe_reader_new(sub->subs, &sub->topic, bounds->groups, bounds->count,
                                  sub->source, &reader) != ERR_OK) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "", NULL);
        return;
    }
    const char *wrong = core_subscribe_place(sub, reader);
    core_subscribe_stand_alone(sub, reader);
    if (wrong != NULL) {
        core_subscribe_fail(sub, CORE_OFFSET_OUT_OF_RANGE, wrong, NULL);
        return;
    }
    if (!sub->is_begun) {
        sub->is_begun = true;
        sub->partitions_count = bounds->count;
        reader->is_news = true;
        sub->ops->begun(sub);
    }
    if (sub->source != NULL && !sub->has_columns) {
        sub->has_columns = true;
        sub->ops->columns(sub, sub->source->plan.outputs, sub->source->plan.outputs_count);
    }
    for (uint32_t i = 0; i < bounds->count; i++) { /* what is deleted may still be on the disk */
        core_subscribe_reader_skip(reader, reader->lanes[i], bounds->items[i].start);
    }
    sub->setup = NULL;
    if (is_blank && sub->blank == NULL && setup->plan.what == CORE_SUBSCRIBE_SQL) {
        setup->asked = setup->is_again ? setup->asked : arena_mark(&setup->arena);
        sub->blank = setup;
    } else {
        core_subscribe_setup_free(sub->subs, setup);
    }
}

/* Where each partition begins. NULL: it is well; else what is wrong with a place. */
static const char *core_subscribe_place(struct core_subscribe *sub,
                                        struct core_subscribe_reader *reader)
{
    const struct core_subscribe_setup *setup = sub->setup;
    for (uint32_t i = 0; i < reader->lanes_count; i++) {
        struct core_subscribe_lane *lane = reader->lanes[i];
        const struct core_bounds_item *item = &setup->bounds.items[i];
        lane->end = item->end;
        lane->next = setup->from == CORE_SUBSCRIBE_EARLIEST ? item->start : item->end;
        if (setup->offsets != NULL && setup->offsets[i].offset >= 0) {
            lane->next = (uint64_t)setup->offsets[i].offset;
        }
        if (sub->next != NULL) {
            lane->next = i < sub->next_count ? sub->next[i] : 0;
        }
    }
    for (uint32_t i = 0; i < setup->places_count; i++) {
        if (setup->places[i].partition >= reader->lanes_count) {
            return "there is no such partition";
        }
        reader->lanes[setup->places[i].partition]->next = setup->places[i].offset;
    }
    budget_free(sub->subs->budget, sub->next);
    sub->next = NULL;
    for (uint32_t i = 0; i < reader->lanes_count; i++) { /* nobody would read so far */
        if (reader->lanes[i]->next > reader->lanes[i]->end) {
            return "the offset is behind the end of its partition";
        }
    }
    return NULL;
}

/* Nothing is known yet of the columns that it asks for. */
static bool core_subscribe_is_blank(const struct core_subscribe *sub)
{
    const struct core_subscribe_plan *plan = &sub->setup->plan;
    if (plan->relation == NULL) { /* it goes on: nothing was looked at since it was */
        return true;
    }
    const struct core_stream_relation *relation = plan->relation->owner;
    bool is_asked = plan->what == CORE_SUBSCRIBE_STREAM;
    for (uint32_t i = 0; plan->stmt != NULL && i < plan->stmt->select->items_count; i++) {
        is_asked = is_asked || plan->stmt->select->items[i].expr == NULL; /* a star */
    }
    return relation->stream.columns_count == 0 && is_asked;
}

/* --- The end --- */

/* It is the subscriber's again, unless something of it is away. */
static void core_subscribe_finish(struct core_subscribe *sub)
{
    struct core_subscribes *subs = sub->subs;
    struct core_subscribe_setup *setup = sub->setup;
    core_subscribe_leave(sub);
    bool is_last =
        list_first(&subs->all) == &sub->in_subs && list_last(&subs->all) == &sub->in_subs;
    if ((setup != NULL && (setup->is_planning || setup->away_count > 0)) ||
        (is_last && !list_is_empty(&subs->readers))) {
        return;
    }
    list_remove(&sub->in_ended);
    list_remove(&sub->in_subs);
    if (list_is_linked(&sub->in_paused)) {
        list_remove(&sub->in_paused);
    }
    if (list_is_empty(&subs->all)) {
        rt_timer_stop(&subs->timer);
    }
    struct sql_error error; /* its memory goes before: with the last one the shard's part may end */
    if (sub->error != NULL) {
        error = *sub->error;
        sub->error = &error;
        sub->message = error.message;
    }
    budget_free(subs->budget, sub->next);
    budget_free(subs->budget, sub->name);
    core_subscribe_setup_free(subs, setup);
    core_subscribe_setup_free(subs, sub->blank);
    if (sub->source != NULL) {
        core_subscribe_source_unref(subs, sub->source);
    }
    sub->ops->done(sub); /* it may be gone */
}
