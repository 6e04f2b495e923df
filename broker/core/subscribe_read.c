/* Reading a topic for subscriptions: a feed for each partition (view_feed.h), batches of records
 * become rows. See subscribe_int.h.
 *
 * A feed waits for records by itself. It pins what it has not read, so a reader that is not to go
 * on ends, and another one begins where it stood. */
#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/subscribe_int.h"
#include "storage/log/batch.h"

/* Bytes of a step of a feed, and of the records of a batch of rows. */
#define CORE_SUBSCRIBE_FEED_BYTES (64u << 10)

/* Chunks of a reader's memory. */
#define CORE_SUBSCRIBE_CHUNK_BYTES 1024u

static bool core_subscribe_reader_may_read(const struct core_subscribe_reader *reader);
static void core_subscribe_ask(struct core_subscribe_lane *lane);
static void core_subscribe_fed(struct core_view_feed *feed);
static void core_subscribe_closed(struct core_view_feed *feed);
static bool core_subscribe_rest(struct core_subscribe_reader *reader);
static bool core_subscribe_gone(struct core_subscribe_reader *reader);
static bool core_subscribe_read(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane);
static bool core_subscribe_has_data(const struct core_subscribe_reader *reader, uint32_t lane);
static struct core_subscribe_lane *core_subscribe_next_lane(struct core_subscribe_reader *reader);
static uint32_t core_subscribe_collect(struct core_subscribe_reader *reader,
                                       struct core_subscribe_lane *lane);
static bool core_subscribe_open_batch(struct core_subscribe_reader *reader,
                                      struct core_subscribe_lane *lane, uint32_t rows);
static void core_subscribe_pass(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane);
static void core_subscribe_look_live(struct core_subscribe_reader *reader);

/* --- Its life --- */

enum err core_subscribe_reader_new(struct core_subscribes *subs, const struct log_uuid *topic,
                                   const uint64_t *groups, uint32_t count,
                                   struct core_subscribe_source *source,
                                   struct core_subscribe_reader **out)
{
    void *memory;
    *out = NULL;
    if (budget_alloc(subs->budget, sizeof(struct core_subscribe_reader), 64, &memory) != ERR_OK) {
        return ERR_BUDGET;
    }
    struct core_subscribe_reader *reader = memory;
    reader->subs = subs;
    reader->topic = *topic;
    arena_init(&reader->arena, subs->budget, CORE_SUBSCRIBE_CHUNK_BYTES, SIZE_MAX);
    core_scan_records_init(&reader->records, subs->budget);
    list_init(&reader->solo.now);
    list_push_back(&subs->readers, &reader->in_subs);
    if (!core_subscribe_reader_widen(reader, groups, count)) {
        (void)core_subscribe_gone(reader);
        return ERR_BUDGET;
    }
    reader->source = source;
    if (source != NULL) {
        source->refs++;
        reader->solo.outputs = source->plan.outputs;
        reader->solo.outputs_count = source->plan.outputs_count;
    }
    *out = reader;
    return ERR_OK;
}

bool core_subscribe_reader_widen(struct core_subscribe_reader *reader, const uint64_t *groups,
                                 uint32_t count)
{
    uint32_t more = count - reader->lanes_count;
    struct core_subscribe_lane **lanes =
        arena_alloc(&reader->arena, count * sizeof(*lanes), _Alignof(struct core_subscribe_lane *));
    struct core_subscribe_lane *fresh = arena_alloc_zeroed(&reader->arena, more * sizeof(*fresh),
                                                           _Alignof(struct core_subscribe_lane));
    if (lanes == NULL || fresh == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        lanes[i] = i < reader->lanes_count ? reader->lanes[i] : &fresh[i - reader->lanes_count];
        lanes[i]->reader = reader;
        lanes[i]->partition = i;
        lanes[i]->group = groups[i];
    }
    reader->lanes = lanes;
    reader->lanes_count = count;
    return true;
}

void core_subscribe_reader_end(struct core_subscribe_reader *reader)
{
    reader->is_ending = true;
    reader->sub = NULL;
    core_subscribe_reader_wake(reader);
}

void core_subscribe_reader_wake(struct core_subscribe_reader *reader)
{
    if (!list_is_linked(&reader->in_ready)) {
        list_push_back(&reader->subs->ready, &reader->in_ready);
    }
    core_subscribes_wake(reader->subs);
}

/* Its feeds are closed. Returns false. */
static bool core_subscribe_gone(struct core_subscribe_reader *reader)
{
    struct core_subscribes *subs = reader->subs;
    ASSERT(list_is_empty(&reader->solo.now));
    ASSERT(reader->solo.ctx == NULL);
    core_scan_records_deinit(&reader->records);
    if (reader->source != NULL) {
        core_subscribe_source_unref(subs, reader->source);
    }
    if (list_is_linked(&reader->in_ready)) {
        list_remove(&reader->in_ready);
    }
    list_remove(&reader->in_subs);
    arena_deinit(&reader->arena);
    budget_free(subs->budget, reader);
    core_subscribes_wake(subs); /* who ends waits for the last one */
    return false;
}

/* --- Feeds --- */

/* It is somebody's, and knows what to make of records. */
static bool core_subscribe_reader_may_read(const struct core_subscribe_reader *reader)
{
    return !reader->is_ending && (reader->sub == NULL || !reader->sub->is_ended);
}

/* Have the lane's next batches come, where that is wanted. */
static void core_subscribe_ask(struct core_subscribe_lane *lane)
{
    struct core_subscribe_reader *reader = lane->reader;
    if (lane->loans != NULL || lane->is_away || lane->is_closing) {
        return;
    }
    if (!lane->is_open) {
        lane->feed = (struct core_view_feed){.done = core_subscribe_fed,
                                             .ctx = lane,
                                             .owner = "subscription",
                                             .topic = reader->topic,
                                             .partition = lane->partition,
                                             .group = lane->group,
                                             .offset = lane->next,
                                             .bytes_max = CORE_SUBSCRIBE_FEED_BYTES};
        core_view_feed_open(&lane->feed, reader->subs->cs);
        lane->is_open = true;
    }
    lane->is_away = true;
    core_view_feed_next(&lane->feed);
}

static void core_subscribe_fed(struct core_view_feed *feed)
{
    struct core_subscribe_lane *lane = feed->ctx;
    struct core_subscribe_reader *reader = lane->reader;
    lane->is_away = false;
    ASSERT(lane->loans == NULL);
    lane->loans = feed->loans;
    feed->loans = NULL;
    feed->keep_index = feed->next_index;
    core_subscribe_reader_wake(reader);
    if (!core_subscribe_reader_may_read(reader)) {
        return;
    }
    if (feed->code != CORE_OK) {
        core_subscribe_reader_fail(reader, feed->code, "", NULL);
    } else { /* perhaps nothing stands behind those that are no more */
        core_subscribe_reader_skip(reader, lane, feed->first_offset);
    }
}

static void core_subscribe_closed(struct core_view_feed *feed)
{
    struct core_subscribe_lane *lane = feed->ctx;
    lane->is_closing = false;
    core_subscribe_reader_wake(lane->reader);
}

void core_subscribe_reader_skip(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane, uint64_t offset)
{
    if (lane->next < offset) {
        uint64_t from = lane->next;
        lane->next = offset;
        reader->is_news = true;
        core_subscribe_tell_gap(reader, lane->partition, from, offset);
    }
}

/* Give back what lanes hold. True: nothing of them is away any more. */
static bool core_subscribe_rest(struct core_subscribe_reader *reader)
{
    struct core_shard *cs = reader->subs->cs;
    bool is_quiet = true;
    for (uint32_t i = 0; i < reader->lanes_count; i++) {
        struct core_subscribe_lane *lane = reader->lanes[i];
        core_loans_return_all(&cs->loans, lane->loans);
        lane->loans = NULL;
        if (lane->is_away) {
            core_view_feed_cancel(&lane->feed);
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

bool core_subscribe_reader_run(struct core_subscribe_reader *reader)
{
    if (reader->is_ending) {
        return core_subscribe_rest(reader) && core_subscribe_gone(reader);
    }
    if (!core_subscribe_reader_may_read(reader)) {
        return false; /* its subscription's end is told, and ends it */
    }
    struct core_subscribe_lane *lane = core_subscribe_next_lane(reader);
    if (lane != NULL && reader->source == NULL) {
        core_subscribe_look_again(reader->sub);
        return false;
    }
    if (lane != NULL && !core_subscribe_read(reader, lane)) {
        return false;
    }
    bool is_more = core_subscribe_next_lane(reader) != NULL;
    core_subscribe_look_live(reader);
    uint32_t steps_max = reader->sub != NULL ? 1 : CORE_SUBSCRIBE_STEPS_MAX;
    if (reader->is_news && (!is_more || reader->steps >= steps_max)) {
        core_subscribe_progress(reader);
        if (!core_subscribe_reader_may_read(reader)) {
            return false;
        }
    }
    if (reader->sub != NULL && reader->source != NULL && core_subscribe_join(reader)) {
        return false;
    }
    for (uint32_t i = 0; i < reader->lanes_count; i++) {
        if (reader->lanes[i]->next < core_subscribe_cap(reader, i)) {
            core_subscribe_ask(reader->lanes[i]);
        }
    }
    return core_subscribe_next_lane(reader) != NULL;
}

/* A batch of rows of the lane. False: the reader is not to go on. */
static bool core_subscribe_read(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane)
{
    struct core_shard *cs = reader->subs->cs;
    uint32_t rows = core_subscribe_collect(reader, lane);
    bool is_well = core_subscribe_reader_may_read(reader);
    reader->is_moved = true;
    core_subscribe_tail_moved(reader);
    if (rows > 0 && is_well) {
        reader->steps++;
        is_well = core_subscribe_give(reader, lane->partition, rows);
    }
    core_loans_return_all(&cs->loans, reader->spent);
    reader->spent = NULL;
    core_scan_records_release(&reader->records);
    return is_well;
}

/* Whether the lane has records that may be given now. */
static bool core_subscribe_has_data(const struct core_subscribe_reader *reader, uint32_t lane)
{
    return reader->lanes[lane]->loans != NULL &&
           reader->lanes[lane]->next < core_subscribe_cap(reader, lane);
}

/* The one whose batch is open, or the next that has batches; of an open one that may not go on the
 * others wait. */
static struct core_subscribe_lane *core_subscribe_next_lane(struct core_subscribe_reader *reader)
{
    uint32_t count = reader->records.is_open ? 1 : reader->lanes_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (reader->lane + i) % reader->lanes_count;
        if (core_subscribe_has_data(reader, at)) {
            reader->lane = at;
            return reader->lanes[at];
        }
    }
    return NULL;
}

/* Take records of one lane; returns how many rows there are. */
static uint32_t core_subscribe_collect(struct core_subscribe_reader *reader,
                                       struct core_subscribe_lane *lane)
{
    struct core_scan_columns *columns = &reader->source->columns;
    uint64_t cap = core_subscribe_cap(reader, lane->partition);
    uint64_t credit = reader->sub != NULL ? reader->sub->rows_left : UINT64_MAX;
    uint32_t rows = 0;
    uint32_t rows_max = credit < columns->rows_max ? (uint32_t)credit : columns->rows_max;
    size_t bytes = 0;
    while (rows < rows_max && bytes < CORE_SUBSCRIBE_FEED_BYTES && lane->next < cap) {
        struct log_records_item item;
        if (!reader->records.is_open && !core_subscribe_open_batch(reader, lane, rows)) {
            break;
        }
        if (!reader->records.is_open) { /* one that has no records to give */
            continue;
        }
        enum err err = core_scan_records_next(&reader->records, &item);
        if (err == ERR_END) {
            core_subscribe_pass(reader, lane);
        } else if (err != ERR_OK) {
            core_subscribe_reader_fail(reader, CORE_CORRUPT_MESSAGE, "", NULL);
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
static bool core_subscribe_open_batch(struct core_subscribe_reader *reader,
                                      struct core_subscribe_lane *lane, uint32_t rows)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (loan == NULL) {
        return false;
    }
    enum err err = log_batch_decode(loan->data, loan->length, &head);
    if (err == ERR_OK && (head.kind != LOG_KIND_DATA || (head.attributes & LOG_BATCH_CONTROL) ||
                          log_batch_next_offset(&head) <= lane->next)) {
        core_subscribe_pass(reader, lane);
        return true;
    }
    if (err == ERR_OK) {
        err = core_scan_records_open(&reader->records, loan->data, loan->length);
    }
    if (err == ERR_AGAIN && rows > 0) {
        return false;
    }
    if (err == ERR_AGAIN) {
        core_scan_records_release(&reader->records);
        err = core_scan_records_open(&reader->records, loan->data, loan->length);
    }
    if (err != ERR_OK) {
        bool is_memory = err == ERR_BUDGET || err == ERR_TOO_LARGE;
        core_subscribe_reader_fail(reader, is_memory ? CORE_OVERLOADED : CORE_CORRUPT_MESSAGE, "",
                                   NULL);
        return false;
    }
    return true;
}

/* The lane's first batch has been read; rows may point into it. */
static void core_subscribe_pass(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane)
{
    struct buf_loan *loan = lane->loans;
    struct log_batch head;
    if (log_batch_decode(loan->data, loan->length, &head) == ERR_OK && head.kind == LOG_KIND_DATA) {
        uint64_t next = log_batch_next_offset(&head);
        lane->next = next > lane->next ? next : lane->next;
    }
    lane->loans = loan->next;
    loan->next = reader->spent;
    reader->spent = loan;
}

static void core_subscribe_look_live(struct core_subscribe_reader *reader)
{
    bool is_live = true;
    for (uint32_t i = 0; i < reader->lanes_count && is_live; i++) {
        is_live = reader->lanes[i]->next >= reader->lanes[i]->end;
    }
    reader->is_live = reader->is_live || is_live;
}
