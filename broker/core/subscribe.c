/* Following a stream. See subscribe.h.
 *
 *     RESOLVE   the stream's columns, as a statement would find them
 *     BOUNDS    where its partitions begin and end
 *     READ      a feed for each partition (view_feed.h); batches -> rows -> columns -> the
 * subscriber END       feeds are being closed
 *
 * A feed waits for records by itself. It pins what it has not read, so one that is not to be read
 * on is closed, and opened again where it stood. */
#include "broker/core/subscribe.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "storage/log/batch.h"

/* What all of a shard work in a turn of the loop. */
#define CORE_SUBSCRIBE_TURN_NS (RT_NS_PER_MS / 2)

/* Bytes of a step of a feed, and of the records of a batch of rows. */
#define CORE_SUBSCRIBE_FEED_BYTES (64u << 10)

/* Chunks of a source's arena. */
#define CORE_SUBSCRIBE_ARENA_BYTES 4096u

/* Batches of rows without progress at most. */
#define CORE_SUBSCRIBE_STEPS_MAX 16u

/* How often they are looked after. */
#define CORE_SUBSCRIBE_LOOK_NS (500 * RT_NS_PER_MS)

/* Inference may take so long. */
#define CORE_SUBSCRIBE_RESOLVE_NS (10 * RT_NS_PER_S)

enum core_subscribe_stage {
    CORE_SUBSCRIBE_RESOLVE,
    CORE_SUBSCRIBE_BOUNDS,
    CORE_SUBSCRIBE_READ,
    CORE_SUBSCRIBE_END,
};

static void core_subscribes_turn(struct rt_op *op);
static void core_subscribes_look(struct rt_timer *timer);
static void core_subscribe_wake(struct core_subscribe *sub);
static void core_subscribe_fail(struct core_subscribe *sub, enum core_code code,
                                const char *message);
static void core_subscribe_resolve(struct core_subscribe *sub);
static void core_subscribe_resolved(struct core_resolve *resolve);
static void core_subscribe_ask_bounds(struct core_subscribe *sub);
static void core_subscribe_bounded(struct core_bounds *bounds);
static bool core_subscribe_place(struct core_subscribe *sub);
static void core_subscribe_skip(struct core_subscribe *sub, struct core_subscribe_lane *lane,
                                uint64_t offset);
static bool core_subscribe_widen(struct core_subscribe *sub, const uint64_t *groups,
                                 uint32_t count);
static bool core_subscribe_make(struct core_subscribe *sub);
static struct core_subscribe_source *core_subscribe_find_source(const struct core_subscribe *sub);
static struct core_subscribe_source *core_subscribe_new_source(struct core_subscribe *sub);
static void core_subscribe_free_source(struct core_subscribes *subs,
                                       struct core_subscribe_source *source);
static bool core_subscribe_may_read(const struct core_subscribe *sub);
static void core_subscribe_ask(struct core_subscribe_lane *lane);
static void core_subscribe_fed(struct core_view_feed *feed);
static void core_subscribe_closed(struct core_view_feed *feed);
static bool core_subscribe_run(struct core_subscribe *sub);
static void core_subscribe_give(struct core_subscribe *sub, struct core_subscribe_lane *lane);
static struct core_subscribe_lane *core_subscribe_next_lane(struct core_subscribe *sub);
static uint32_t core_subscribe_collect(struct core_subscribe *sub,
                                       struct core_subscribe_lane *lane);
static bool core_subscribe_open_batch(struct core_subscribe *sub, struct core_subscribe_lane *lane,
                                      uint32_t rows);
static void core_subscribe_pass(struct core_subscribe *sub, struct core_subscribe_lane *lane);
static void core_subscribe_progress(struct core_subscribe *sub);
static bool core_subscribe_rest(struct core_subscribe *sub);
static void core_subscribe_finish(struct core_subscribe *sub);

/* --- A shard's --- */

void core_subscribes_init(struct core_subscribes *subs, struct core_shard *cs,
                          struct budget *budget)
{
    *subs = (struct core_subscribes){.cs = cs, .budget = budget};
    list_init(&subs->sources);
    list_init(&subs->all);
    list_init(&subs->ready);
    rt_op_init(&subs->op, cs->shard, core_subscribes_turn);
    rt_timer_init(&subs->timer, cs->shard, core_subscribes_look);
}

void core_subscribes_deinit(struct core_subscribes *subs)
{
    ASSERT(list_is_empty(&subs->all));
    ASSERT(list_is_empty(&subs->sources));
    ASSERT(!rt_timer_is_running(&subs->timer));
}

static void core_subscribe_wake(struct core_subscribe *sub)
{
    struct core_subscribes *subs = sub->subs;
    if (!list_is_linked(&sub->in_ready)) {
        list_push_back(&subs->ready, &sub->in_ready);
    }
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
    subs->is_op_away = false;
    while ((node = list_pop_front(&subs->ready)) != NULL) {
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_ready);
        if (core_subscribe_run(sub)) {
            core_subscribe_wake(sub);
        }
        if (rt_now_ns(shard) >= end_ns) {
            break;
        }
    }
    if (!list_is_empty(&subs->ready) && !subs->is_op_away) {
        subs->is_op_away = true;
        rt_op_defer(op);
    }
}

/* Partitions may have come, topics gone; subscribers may have been asleep. */
static void core_subscribes_look(struct rt_timer *timer)
{
    struct core_subscribes *subs = CONTAINER_OF(timer, struct core_subscribes, timer);
    struct core_shard *cs = subs->cs;
    uint64_t now_ns = rt_now_ns(cs->shard);
    uint64_t version = core_resolve_version(cs);
    bool is_changed = version != subs->version;
    subs->version = version;
    list_for_each (node, &subs->all) {
        struct core_subscribe *sub = CONTAINER_OF(node, struct core_subscribe, in_subs);
        if (sub->stage != CORE_SUBSCRIBE_READ) {
            continue;
        }
        const struct core_topic *topic =
            is_changed ? core_catalog_find_uuid(cs->catalog, &sub->topic) : NULL;
        if (is_changed && topic == NULL) {
            core_subscribe_fail(sub, CORE_UNKNOWN_TOPIC, "");
        } else if (is_changed && topic->partitions_count > sub->lanes_count &&
                   !core_subscribe_widen(sub, topic->groups, topic->partitions_count)) {
            core_subscribe_fail(sub, CORE_OVERLOADED, "");
        } else if (sub->is_paused && sub->stall_ns_max > 0 &&
                   now_ns - sub->paused_ns > sub->stall_ns_max) {
            core_subscribe_fail(sub, CORE_TIMEOUT, "what was sent was not read");
        }
    }
    rt_timer_start(&subs->timer, now_ns + CORE_SUBSCRIBE_LOOK_NS);
}

/* --- The subscriber's --- */

void core_subscribe_start(struct core_subscribes *subs, struct core_subscribe *sub)
{
    sub->subs = subs;
    sub->code = CORE_OK;
    sub->is_news = true;
    if (list_is_empty(&subs->all)) {
        subs->version = core_resolve_version(subs->cs);
        rt_timer_start(&subs->timer, rt_now_ns(subs->cs->shard) + CORE_SUBSCRIBE_LOOK_NS);
    }
    list_push_back(&subs->all, &sub->in_subs);
    core_scan_records_init(&sub->records, sub->budget);
    core_subscribe_resolve(sub);
}

void core_subscribe_resume(struct core_subscribe *sub)
{
    if (sub->is_paused) {
        sub->is_paused = false;
        core_subscribe_wake(sub);
    }
}

void core_subscribe_credit(struct core_subscribe *sub, uint64_t rows)
{
    if (sub->rows_left != UINT64_MAX) {
        sub->rows_left += rows < INT64_MAX - sub->rows_left ? rows : INT64_MAX - sub->rows_left;
    }
    core_subscribe_wake(sub);
}

void core_subscribe_end(struct core_subscribe *sub)
{
    core_subscribe_fail(sub, CORE_OK, "");
}

static void core_subscribe_fail(struct core_subscribe *sub, enum core_code code,
                                const char *message)
{
    if (sub->stage != CORE_SUBSCRIBE_END) {
        bool is_resolving = sub->stage == CORE_SUBSCRIBE_RESOLVE && sub->is_asking;
        sub->stage = CORE_SUBSCRIBE_END;
        sub->code = code;
        snprintf(sub->message, sizeof(sub->message), "%s", message);
        core_subscribe_wake(sub);
        if (is_resolving) {
            core_resolve_cancel(&sub->resolve);
        }
    }
}

/* --- What is followed --- */

static void core_subscribe_resolve(struct core_subscribe *sub)
{
    struct core_shard *cs = sub->subs->cs;
    sub->stage = CORE_SUBSCRIBE_RESOLVE;
    sub->is_asking = true;
    sub->reference = (struct sql_reference){
        .name = {.text = sub->name, .length = sub->name_bytes, .is_quoted = true}};
    sub->resolve =
        (struct core_resolve){.done = core_subscribe_resolved,
                              .ctx = sub,
                              .references = &sub->reference,
                              .references_count = 1,
                              .arena = sub->arena,
                              .deadline_ns = rt_now_ns(cs->shard) + CORE_SUBSCRIBE_RESOLVE_NS};
    core_resolve_start(cs, &sub->resolve);
}

static void core_subscribe_resolved(struct core_resolve *resolve)
{
    struct core_subscribe *sub = resolve->ctx;
    sub->is_asking = false;
    core_subscribe_wake(sub);
    if (sub->stage == CORE_SUBSCRIBE_END) {
        return;
    }
    if (resolve->code != CORE_OK) {
        sub->state = resolve->state;
        core_subscribe_fail(sub, resolve->code, resolve->message);
        return;
    }
    const struct plan_relation *relation = resolve->relations[0];
    if (relation == NULL) {
        core_subscribe_fail(sub, CORE_UNKNOWN_STREAM, "");
        return;
    }
    if (relation->kind != PLAN_RELATION_STREAM) {
        core_subscribe_fail(sub, CORE_INVALID_STREAM, "only streams can be subscribed to");
        return;
    }
    sub->relation = relation->owner;
    const struct log_uuid *topic = &sub->relation->stream.topic;
    const struct log_uuid *must_be = sub->is_blank ? &sub->topic : &sub->must_be;
    if (!log_uuid_is_zero(must_be) && !log_uuid_is_equal(must_be, topic)) {
        core_subscribe_fail(sub, CORE_INCONSISTENT_TOPIC_ID,
                            "the topic of that time is no more, another one has its name");
        return;
    }
    if (sub->is_blank) {
        sub->is_blank = false;
        sub->stage = CORE_SUBSCRIBE_READ;
        if (!core_subscribe_make(sub)) {
            core_subscribe_fail(sub, CORE_OVERLOADED, "");
        }
        return;
    }
    sub->topic = *topic;
    core_subscribe_ask_bounds(sub);
}

static void core_subscribe_ask_bounds(struct core_subscribe *sub)
{
    struct core_shard *cs = sub->subs->cs;
    uint32_t count = sub->relation->partitions_count;
    sub->stage = CORE_SUBSCRIBE_BOUNDS;
    sub->bounds = (struct core_bounds){
        .done = core_subscribe_bounded,
        .ctx = sub,
        .topic = sub->topic,
        .count = count,
        .groups = sub->relation->groups,
        .items = arena_alloc_zeroed(sub->arena, count * sizeof(struct core_bounds_item), 16),
        .parts = arena_alloc_zeroed(sub->arena,
                                    cs->core->shards_count * sizeof(struct core_bounds_part), 16)};
    if (sub->bounds.items == NULL || sub->bounds.parts == NULL) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "");
        return;
    }
    sub->is_asking = true;
    core_bounds_start(cs, &sub->bounds);
}

static void core_subscribe_bounded(struct core_bounds *bounds)
{
    struct core_subscribe *sub = bounds->ctx;
    sub->is_asking = false;
    core_subscribe_wake(sub);
    if (sub->stage == CORE_SUBSCRIBE_END) {
        return;
    }
    for (uint32_t i = 0; i < bounds->count; i++) {
        if (bounds->items[i].code != CORE_OK) {
            core_subscribe_fail(sub, bounds->items[i].code, "");
            return;
        }
    }
    if (!core_subscribe_widen(sub, bounds->groups, bounds->count)) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "");
        return;
    }
    if (!core_subscribe_place(sub)) {
        core_subscribe_fail(sub, CORE_OFFSET_OUT_OF_RANGE, "there is no such partition");
        return;
    }
    sub->is_blank = sub->relation->stream.columns_count == 0;
    sub->stage = CORE_SUBSCRIBE_READ;
    sub->ops->begun(sub);
    for (uint32_t i = 0; i < bounds->count; i++) { /* what is deleted may still be on the disk */
        core_subscribe_skip(sub, sub->lanes[i], bounds->items[i].start);
    }
    if (sub->stage == CORE_SUBSCRIBE_READ && !sub->is_blank && !core_subscribe_make(sub)) {
        core_subscribe_fail(sub, CORE_OVERLOADED, "");
    }
}

/* Where each partition begins. False: a place is of none. */
static bool core_subscribe_place(struct core_subscribe *sub)
{
    for (uint32_t i = 0; i < sub->lanes_count; i++) {
        const struct core_bounds_item *item = &sub->bounds.items[i];
        sub->lanes[i]->next = sub->from == CORE_SUBSCRIBE_LATEST ? item->end : item->start;
    }
    for (uint32_t i = 0; i < sub->places_count; i++) {
        if (sub->places[i].partition >= sub->lanes_count) {
            return false;
        }
        sub->lanes[sub->places[i].partition]->next = sub->places[i].offset;
    }
    return true;
}

/* What the lane has not given below `offset` is no more. */
static void core_subscribe_skip(struct core_subscribe *sub, struct core_subscribe_lane *lane,
                                uint64_t offset)
{
    if (lane->next < offset) {
        uint64_t from = lane->next;
        lane->next = offset;
        sub->is_news = true;
        sub->ops->gap(sub, lane->partition, from, offset);
    }
}

/* Lanes for all of the `count` partitions; new ones begin at 0. False: there is no memory. */
static bool core_subscribe_widen(struct core_subscribe *sub, const uint64_t *groups, uint32_t count)
{
    uint32_t more = count - sub->lanes_count;
    struct core_subscribe_lane **lanes =
        arena_alloc_zeroed(sub->arena, count * sizeof(struct core_subscribe_lane *), 16);
    struct core_subscribe_lane *fresh =
        arena_alloc_zeroed(sub->arena, more * sizeof(*fresh), _Alignof(struct core_subscribe_lane));
    if (lanes == NULL || fresh == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] = i < sub->lanes_count ? sub->lanes[i] : &fresh[i - sub->lanes_count];
        lanes[i]->sub = sub;
        lanes[i]->partition = i;
        lanes[i]->group = groups[i];
    }
    sub->lanes = lanes;
    sub->lanes_count = count;
    core_subscribe_wake(sub);
    return true;
}

/* Columns, and what they are. False: there is no memory. */
static bool core_subscribe_make(struct core_subscribe *sub)
{
    struct core_subscribe_source *source = core_subscribe_find_source(sub);
    if (source == NULL) {
        source = core_subscribe_new_source(sub);
    }
    if (source == NULL) {
        return false;
    }
    source->refs++;
    sub->source = source;
    sub->ops->columns(sub, source->outputs, source->outputs_count);
    return true;
}

static struct core_subscribe_source *core_subscribe_find_source(const struct core_subscribe *sub)
{
    const struct core_stream *stream = &sub->relation->stream;
    list_for_each (node, &sub->subs->sources) {
        struct core_subscribe_source *source =
            CONTAINER_OF(node, struct core_subscribe_source, in_subs);
        const struct core_stream *other = &source->relation->stream;
        if (log_uuid_is_equal(&stream->uuid, &other->uuid) &&
            log_uuid_is_equal(&stream->topic, &other->topic) && stream->version == other->version &&
            stream->columns_count == other->columns_count) {
            return source;
        }
    }
    return NULL;
}

/* NULL: there is no memory. */
static struct core_subscribe_source *core_subscribe_new_source(struct core_subscribe *sub)
{
    static const uint32_t system[CORE_SUBSCRIBE_SYSTEM_COUNT] = {0, 3, 2, 4}; /* see stream.h */
    struct core_subscribes *subs = sub->subs;
    const struct core_stream_relation *relation = sub->relation;
    uint32_t own = relation->stream.columns_count;
    uint32_t count = own + CORE_SUBSCRIBE_SYSTEM_COUNT;
    void *memory;
    ASSERT(relation->relation.columns_count == own + CORE_STREAM_SYSTEM_COUNT);
    if (budget_alloc(subs->budget, sizeof(struct core_subscribe_source), 64, &memory) != ERR_OK) {
        return NULL;
    }
    struct core_subscribe_source *source = memory;
    arena_init(&source->arena, subs->budget, CORE_SUBSCRIBE_ARENA_BYTES, SIZE_MAX);
    list_push_back(&subs->sources, &source->in_subs);
    uint32_t *numbers = arena_alloc(&source->arena, count * sizeof(*numbers), 16);
    source->outputs = arena_alloc(&source->arena, count * sizeof(*source->outputs), 16);
    source->outputs_count = count;
    enum err err =
        core_stream_relation_make(&source->arena, &relation->stream, relation->topic_name,
                                  relation->groups, relation->partitions_count, &source->relation);
    if (err != ERR_OK || numbers == NULL || source->outputs == NULL) {
        core_subscribe_free_source(subs, source);
        return NULL;
    }
    const struct plan_column *columns = source->relation->relation.columns;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = i < own ? i : own + system[i - own];
        source->outputs[i] = (struct plan_output){.name = columns[numbers[i]].name,
                                                  .type = columns[numbers[i]].type};
    }
    err = core_scan_columns_init(&source->columns, subs->cs, source->relation, numbers, count, NULL,
                                 0, subs->budget);
    if (err != ERR_OK) {
        core_subscribe_free_source(subs, source);
        return NULL;
    }
    return source;
}

static void core_subscribe_free_source(struct core_subscribes *subs,
                                       struct core_subscribe_source *source)
{
    list_remove(&source->in_subs);
    core_scan_columns_deinit(&source->columns);
    arena_deinit(&source->arena);
    budget_free(subs->budget, source);
}

/* --- Feeds --- */

static bool core_subscribe_may_read(const struct core_subscribe *sub)
{
    return sub->stage == CORE_SUBSCRIBE_READ && !sub->is_paused && sub->rows_left > 0;
}

/* Have the lane's next batches come, where that is wanted. */
static void core_subscribe_ask(struct core_subscribe_lane *lane)
{
    struct core_subscribe *sub = lane->sub;
    if (!core_subscribe_may_read(sub) || lane->loans != NULL || lane->is_away || lane->is_closing) {
        return;
    }
    if (!lane->is_open) {
        lane->feed = (struct core_view_feed){.done = core_subscribe_fed,
                                             .ctx = lane,
                                             .owner = "subscription",
                                             .topic = sub->topic,
                                             .partition = lane->partition,
                                             .group = lane->group,
                                             .offset = lane->next,
                                             .bytes_max = CORE_SUBSCRIBE_FEED_BYTES};
        core_view_feed_open(&lane->feed, sub->subs->cs);
        lane->is_open = true;
    }
    lane->is_away = true;
    core_view_feed_next(&lane->feed);
}

static void core_subscribe_fed(struct core_view_feed *feed)
{
    struct core_subscribe_lane *lane = feed->ctx;
    struct core_subscribe *sub = lane->sub;
    lane->is_away = false;
    ASSERT(lane->loans == NULL);
    lane->loans = feed->loans;
    feed->loans = NULL;
    feed->keep_index = feed->next_index;
    core_subscribe_wake(sub);
    if (sub->stage == CORE_SUBSCRIBE_END) {
        return;
    }
    if (feed->code != CORE_OK) {
        core_subscribe_fail(sub, feed->code, "");
    } else { /* perhaps nothing stands behind those that are no more */
        core_subscribe_skip(sub, lane, feed->first_offset);
    }
}

static void core_subscribe_closed(struct core_view_feed *feed)
{
    struct core_subscribe_lane *lane = feed->ctx;
    lane->is_closing = false;
    core_subscribe_wake(lane->sub);
}

/* Give back what lanes hold. True: nothing of them is away any more. */
static bool core_subscribe_rest(struct core_subscribe *sub)
{
    struct core_shard *cs = sub->subs->cs;
    bool is_quiet = true;
    if (sub->records.is_open) {
        core_scan_records_deinit(&sub->records);
        core_scan_records_init(&sub->records, sub->budget);
    }
    for (uint32_t i = 0; i < sub->lanes_count; i++) {
        struct core_subscribe_lane *lane = sub->lanes[i];
        core_loans_return_all(&cs->loans, lane->loans);
        lane->loans = NULL;
        if (lane->is_away) {
            if (sub->stage == CORE_SUBSCRIBE_END) {
                core_view_feed_cancel(&lane->feed);
            }
        } else if (lane->is_open) {
            lane->is_open = false;
            lane->is_closing = true;
            core_view_feed_close(&lane->feed, core_subscribe_closed);
        }
        is_quiet = is_quiet && !lane->is_away && !lane->is_closing;
    }
    return is_quiet;
}

/* --- Turns --- */

/* Some rows. True: there is more at once. */
static bool core_subscribe_run(struct core_subscribe *sub)
{
    if (sub->stage == CORE_SUBSCRIBE_END) {
        if (core_subscribe_rest(sub) && !sub->is_asking) {
            core_subscribe_finish(sub);
        }
        return false;
    }
    if (sub->stage != CORE_SUBSCRIBE_READ) {
        return false;
    }
    struct core_subscribe_lane *lane = core_subscribe_next_lane(sub);
    if (lane != NULL && sub->is_blank && core_subscribe_may_read(sub)) {
        (void)core_subscribe_rest(sub);
        core_subscribe_resolve(sub);
        return false;
    }
    if (lane != NULL && core_subscribe_may_read(sub)) {
        core_subscribe_give(sub, lane);
    }
    bool is_more = core_subscribe_may_read(sub) && core_subscribe_next_lane(sub) != NULL;
    if (sub->stage == CORE_SUBSCRIBE_READ && sub->is_news &&
        (!is_more || sub->steps >= CORE_SUBSCRIBE_STEPS_MAX)) {
        core_subscribe_progress(sub);
    }
    if (sub->stage != CORE_SUBSCRIBE_READ) {
        return true; /* `done` comes from another turn */
    }
    if (!core_subscribe_may_read(sub)) {
        (void)core_subscribe_rest(sub);
        return false;
    }
    for (uint32_t i = 0; i < sub->lanes_count; i++) {
        core_subscribe_ask(sub->lanes[i]);
    }
    return is_more;
}

static void core_subscribe_progress(struct core_subscribe *sub)
{
    sub->is_news = false;
    sub->steps = 0;
    sub->ops->progress(sub);
}

/* A batch of rows of the lane. */
static void core_subscribe_give(struct core_subscribe *sub, struct core_subscribe_lane *lane)
{
    struct core_shard *cs = sub->subs->cs;
    struct core_scan_columns *columns = &sub->source->columns; /* rows stay there for this alone */
    uint32_t rows = core_subscribe_collect(sub, lane);
    if (rows > 0 && sub->stage == CORE_SUBSCRIBE_READ) {
        struct vec_batch batch = {.columns_count = columns->columns_count,
                                  .rows_count = rows,
                                  .selection = {.rows = NULL, .count = rows},
                                  .stretch = lane->partition};
        if (core_scan_columns_fill(columns, lane->partition, rows, &batch.columns) != ERR_OK) {
            core_subscribe_fail(sub, CORE_OVERLOADED, "");
        } else {
            sub->rows_left -= sub->rows_left == UINT64_MAX ? 0 : rows;
            sub->steps++;
            sub->is_news = true;
            if (!sub->ops->rows(sub, &batch)) {
                sub->is_paused = true;
                sub->paused_ns = rt_now_ns(cs->shard);
            }
        }
    }
    core_loans_return_all(&cs->loans, sub->spent);
    sub->spent = NULL;
    core_scan_records_release(&sub->records);
}

/* The one whose batch is open, or the next that has batches. */
static struct core_subscribe_lane *core_subscribe_next_lane(struct core_subscribe *sub)
{
    for (uint32_t i = 0; i < sub->lanes_count; i++) {
        uint32_t at = (sub->lane + i) % sub->lanes_count;
        if (sub->records.is_open || sub->lanes[at]->loans != NULL) {
            sub->lane = at;
            return sub->lanes[at];
        }
    }
    return NULL;
}

/* Take records of one lane; returns how many rows there are. */
static uint32_t core_subscribe_collect(struct core_subscribe *sub, struct core_subscribe_lane *lane)
{
    struct core_scan_columns *columns = &sub->source->columns;
    uint32_t rows = 0;
    uint32_t rows_max =
        sub->rows_left < columns->rows_max ? (uint32_t)sub->rows_left : columns->rows_max;
    size_t bytes = 0;
    while (rows < rows_max && bytes < CORE_SUBSCRIBE_FEED_BYTES) {
        struct log_records_item item;
        if (!sub->records.is_open && !core_subscribe_open_batch(sub, lane, rows)) {
            break;
        }
        if (!sub->records.is_open) { /* one that has no records to give */
            continue;
        }
        enum err err = core_scan_records_next(&sub->records, &item);
        if (err == ERR_END) {
            core_subscribe_pass(sub, lane);
        } else if (err != ERR_OK) {
            core_subscribe_fail(sub, CORE_CORRUPT_MESSAGE, "");
            break;
        } else if (item.offset >= lane->next) {
            bytes += (size_t)item.key_bytes + item.value_bytes + item.headers_bytes;
            core_scan_columns_row(columns, rows++, &item);
            lane->next = item.offset + 1;
        }
    }
    return rows;
}

/* Open the lane's next batch. False: there is none, or none that goes with the rows there are. */
static bool core_subscribe_open_batch(struct core_subscribe *sub, struct core_subscribe_lane *lane,
                                      uint32_t rows)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (loan == NULL) {
        return false;
    }
    enum err err = log_batch_decode(loan->data, loan->length, &head);
    if (err == ERR_OK && (head.kind != LOG_KIND_DATA || (head.attributes & LOG_BATCH_CONTROL) ||
                          log_batch_next_offset(&head) <= lane->next)) {
        core_subscribe_pass(sub, lane);
        return true;
    }
    if (err == ERR_OK) {
        err = core_scan_records_open(&sub->records, loan->data, loan->length);
    }
    if (err == ERR_AGAIN && rows > 0) {
        return false;
    }
    if (err == ERR_AGAIN) {
        core_scan_records_release(&sub->records);
        err = core_scan_records_open(&sub->records, loan->data, loan->length);
    }
    if (err != ERR_OK) {
        bool is_memory = err == ERR_BUDGET || err == ERR_TOO_LARGE;
        core_subscribe_fail(sub, is_memory ? CORE_OVERLOADED : CORE_CORRUPT_MESSAGE, "");
        return false;
    }
    return true;
}

/* The lane's first batch has been read; rows may point into it. */
static void core_subscribe_pass(struct core_subscribe *sub, struct core_subscribe_lane *lane)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (log_batch_decode(loan->data, loan->length, &head) == ERR_OK && head.kind == LOG_KIND_DATA) {
        uint64_t next = log_batch_next_offset(&head);
        lane->next = next > lane->next ? next : lane->next;
    }
    lane->loans = loan->next;
    loan->next = sub->spent;
    sub->spent = loan;
}

/* Nothing of it is away: it is the subscriber's again. */
static void core_subscribe_finish(struct core_subscribe *sub)
{
    struct core_subscribes *subs = sub->subs;
    list_remove(&sub->in_subs);
    if (sub->source != NULL && --sub->source->refs == 0) {
        core_subscribe_free_source(subs, sub->source);
    }
    core_scan_records_deinit(&sub->records);
    if (list_is_empty(&subs->all)) {
        rt_timer_stop(&subs->timer);
    }
    ASSERT(!list_is_linked(&sub->in_ready));
    sub->ops->done(sub);
}
