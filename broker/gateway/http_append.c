/* Appending events. Items of one partition become batches, in order; those without key and
 * partition go to one partition together, another one with each request, so that batches stay
 * large. A stream that is not there is made where topics are made when they are first used.
 * It is done when every batch is, each event with its own result. See http_append.h. */
#include "broker/gateway/http_append.h"

#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/units.h"
#include "broker/core/append.h"
#include "broker/core/core.h"
#include "broker/core/partitioner.h"
#include "storage/log/records.h"

/* How long an append may take. */
#define HTTP_APPEND_TIMEOUT_MS 30000

/* No event. */
#define HTTP_APPEND_NONE UINT32_MAX

/* Room for the result of an event that was appended, of which all is copied whatever its length; as
 * many of them as are written at once. */
#define HTTP_APPEND_RESULT_BYTES 80u
#define HTTP_APPEND_RESULTS_MAX  32u

/* Bytes of events that are read, or sent in batches, in one turn of the loop: others wait for no
 * large body. */
#define HTTP_APPEND_TURN_BYTES (64u << 10)

/* Events of one partition on their way together. */
struct http_append_batch {
    struct core_append sent;        /* into the partition */
    struct core_records_info info;  /* what is known of it */
    struct http_append *whole;      /* whose */
    struct http_append_batch *next; /* of its lane, what is behind it; NULL: none yet */
    uint32_t count;                 /* events */
    enum http_error error;          /* once it is answered; HTTP_ERRORS_COUNT: none */
    const char *detail;             /* of the error; NULL: as its row says */
    uint64_t offset;                /* of its first event */
};

/* Events of one partition. */
struct http_append_lane {
    uint32_t partition;              /* which */
    uint32_t first;                  /* event not sent yet; others by http_append_place.next */
    uint32_t last;                   /* of these */
    uint32_t left_count;             /* how many they are */
    struct http_append_batch *begin; /* sent: the first; NULL: none */
    struct http_append_batch *end;   /* the last */
    struct http_append_batch *said;  /* in the answer, as far as it is written: the batch */
    uint32_t said_count;             /* and how many of its events */
    enum http_error error;           /* why what is left is not sent; HTTP_ERRORS_COUNT: it is */
    struct http_append_lane *next;   /* of the request; NULL: the last */
};

/* Where an event goes. */
struct http_append_place {
    struct http_append_lane *lane; /* NULL: nowhere, it is refused */
    uint32_t next;                 /* the next event there, HTTP_APPEND_NONE: none */
};

/* The result of an event that was appended, and those of the ones behind it: they differ in the
 * last digits of the offset. */
struct http_append_result {
    char text[1 + HTTP_APPEND_RESULT_BYTES]; /* with a comma before */
    size_t length;                           /* of the text */
    uint32_t partition;                      /* in the text */
    uint64_t offset;                         /* likewise */
};

static void http_append_read(struct rt_op *op);
static void http_append_find(struct http_append *append);
static void http_append_fail(struct http_append *append, enum http_error error, const char *detail);
static void http_append_make(struct http_append *append);
static void http_append_made(struct core_change *change);
static void http_append_begin(struct http_append *append, const struct core_topic *topic);
static bool http_append_place(struct http_append *append, const struct core_topic *topic);
static uint32_t http_append_partition(const struct http_event *event,
                                      const struct core_topic *topic, uint32_t unkeyed);
static enum http_error http_append_check(const struct http_append *append,
                                         const struct core_topic *topic,
                                         const struct http_event *event);
static struct http_append_lane *http_append_lane(struct http_append *append,
                                                 const struct core_topic *topic,
                                                 uint32_t partition);
static void http_append_send(struct rt_op *op);
static uint64_t http_append_send_one(struct http_append *append, const struct core_topic *topic,
                                     struct http_append_lane *lane);
static uint64_t http_append_measure(const struct http_append *append, uint32_t bytes_max,
                                    const struct http_append_lane *lane, uint32_t *count);
static uint32_t http_append_fill(struct http_append *append, struct http_append_lane *lane,
                                 struct http_append_batch *batch, struct buf *buf);
static void http_append_start_batch(struct http_append *append, const struct core_topic *topic,
                                    struct http_append_lane *lane, struct http_append_batch *batch,
                                    struct buf *buf, uint32_t length);
static struct log_records_item http_append_item(const struct http_append *append,
                                                const struct http_event *event);
static void http_append_batch_done(struct core_append *sent);
static void http_append_end(struct http_append *append);
static uint32_t http_append_failed(const struct http_append *append);
static void http_append_put_results(struct http_append *append, struct http_out *out);
static void http_append_rewind(struct http_append *append);
static enum http_error http_append_next(struct http_append *append, uint32_t i,
                                        struct http_append_result *result, const char **detail);
static void http_append_say(struct http_append_result *result, uint32_t partition, uint64_t offset);
static void http_append_put_error(struct http_out *out, enum http_error error, const char *detail,
                                  bool has_before);

void http_append_start(struct http_append *append)
{
    append->error = HTTP_ERRORS_COUNT;
    append->away_count = 1;
    http_events_begin(&append->events, append->json, append->json_lines, append->arena,
                      append->form, append->body);
    rt_op_init(&append->turn, append->cs->shard, http_append_read);
    http_append_read(&append->turn);
}

/* Read the body, a piece in each turn. */
static void http_append_read(struct rt_op *op)
{
    struct http_append *append = CONTAINER_OF(op, struct http_append, turn);
    if (!http_events_step(&append->events, HTTP_APPEND_TURN_BYTES)) {
        rt_op_defer(op);
        return;
    }
    if (append->events.error != HTTP_ERRORS_COUNT) {
        http_append_fail(append, append->events.error,
                         append->events.detail[0] != '\0' ? append->events.detail : NULL);
        return;
    }
    const struct http_text *name = &append->stream;
    if (append->events.failed_count == append->events.count) { /* no stream is made for that */
        http_append_end(append);
    } else if (core_topic_is_reserved(name->data, name->length)) {
        http_append_fail(append, HTTP_STREAM_RESERVED, NULL);
    } else if (core_catalog_find(append->cs->catalog, name->data, name->length) == NULL &&
               append->cs->core->config.is_auto_create) {
        http_append_make(append);
    } else {
        http_append_find(append);
    }
}

/* The stream, which is there or is not. */
static void http_append_find(struct http_append *append)
{
    const struct http_text *name = &append->stream;
    const struct core_topic *topic =
        core_catalog_find(append->cs->catalog, name->data, name->length);
    if (topic != NULL) {
        http_append_begin(append, topic);
    } else {
        bool is_legal = core_topic_is_legal(name->data, name->length);
        http_append_fail(append, is_legal ? HTTP_STREAM_NOT_FOUND : HTTP_STREAM_NAME_INVALID, NULL);
    }
}

/* Nothing is appended. */
static void http_append_fail(struct http_append *append, enum http_error error, const char *detail)
{
    append->error = error;
    append->detail = detail;
    append->done(append);
}

/* --- A stream that is not there --- */

static void http_append_make(struct http_append *append)
{
    const struct http_text *name = &append->stream;
    append->wish = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                             .name = name->data,
                                             .name_bytes = (uint32_t)name->length,
                                             .partitions_count = -1,
                                             .replicas_count = -1};
    append->change = (struct core_change){
        .done = http_append_made, .ctx = append, .items = &append->wish, .items_count = 1};
    core_change_start(append->cs, &append->change);
}

/* Or somebody else has made it meanwhile. */
static void http_append_made(struct core_change *change)
{
    struct http_append *append = change->ctx;
    enum core_code code = append->wish.code;
    if (code != CORE_OK && code != CORE_TOPIC_EXISTS) {
        const char *why = append->wish.text.text;
        http_append_fail(append, http_error_of(code), why[0] != '\0' ? why : core_code_text(code));
        return;
    }
    http_append_find(append);
}

/* --- Where events go --- */

static void http_append_begin(struct http_append *append, const struct core_topic *topic)
{
    if (!http_append_place(append, topic)) {
        http_append_fail(append, HTTP_OVERLOADED, NULL);
        return;
    }
    append->topic = topic->uuid;
    append->lane = append->lanes;
    append->turn.done = http_append_send;
    http_append_send(&append->turn);
}

/* Each event in its partition's lane. False: no memory. */
static bool http_append_place(struct http_append *append, const struct core_topic *topic)
{
    struct http_events *events = &append->events;
    uint32_t unkeyed = (uint32_t)(append->number % topic->partitions_count);
    struct http_append_lane *lane = NULL;
    append->now_ms = core_now_ms(append->cs);
    append->places = arena_alloc(append->arena, events->count * sizeof(*append->places),
                                 _Alignof(struct http_append_place));
    if (append->places == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < events->count; i++) {
        struct http_event *event = &events->items[i];
        struct http_append_place *place = &append->places[i];
        place->lane = NULL;
        place->next = HTTP_APPEND_NONE;
        if (event->more->error != HTTP_ERRORS_COUNT) {
            continue;
        }
        enum http_error error = http_append_check(append, topic, event);
        if (error != HTTP_ERRORS_COUNT) {
            http_events_refuse(events, event, error, NULL);
            continue;
        }
        uint32_t partition = http_append_partition(event, topic, unkeyed);
        if (lane == NULL || lane->partition != partition) {
            lane = http_append_lane(append, topic, partition);
            if (lane == NULL) {
                return false;
            }
        }
        if (lane->left_count++ == 0) {
            lane->first = i;
        } else {
            append->places[lane->last].next = i;
        }
        lane->last = i;
        place->lane = lane;
    }
    return true;
}

static uint32_t http_append_partition(const struct http_event *event,
                                      const struct core_topic *topic, uint32_t unkeyed)
{
    const struct http_event_more *more = event->more;
    if (more->partition >= 0) {
        return (uint32_t)more->partition;
    }
    return more->key.data == NULL
               ? unkeyed
               : core_partition_of_key(more->key.data, more->key.length, topic->partitions_count);
}

/* Whether it may go there: HTTP_ERRORS_COUNT. */
static enum http_error http_append_check(const struct http_append *append,
                                         const struct core_topic *topic,
                                         const struct http_event *event)
{
    const struct core_topic_config *config = &topic->config;
    const struct http_event_more *more = event->more;
    int64_t now_ms = append->now_ms;
    if (more == &http_event_plain &&
        LOG_BATCH_HEADER_BYTES + LOG_RECORDS_ITEM_BYTES_MAX + event->value.length <=
            config->message_bytes_max) { /* most, at a glance */
        return HTTP_ERRORS_COUNT;
    }
    if (more->partition >= (int64_t)topic->partitions_count) {
        return HTTP_PARTITION_NOT_FOUND;
    }
    if (more->timestamp >= 0 && !config->is_append_time &&
        (now_ms - more->timestamp > config->timestamp_before_max_ms ||
         more->timestamp - now_ms > config->timestamp_after_max_ms)) {
        return HTTP_TIMESTAMP_OUT_OF_RANGE;
    }
    struct log_records_item item = http_append_item(append, event);
    struct log_records_writer none = {.base_timestamp = item.timestamp};
    size_t most = LOG_BATCH_HEADER_BYTES + log_records_bound(&item);
    if (most > config->message_bytes_max &&
        LOG_BATCH_HEADER_BYTES + log_records_size(&none, &item) > config->message_bytes_max) {
        return HTTP_EVENT_TOO_LARGE;
    }
    return HTTP_ERRORS_COUNT;
}

/* The lane of `partition`, a new one at its first event. Most requests go to one partition: there
 * is no table before the second. NULL: no memory. */
static struct http_append_lane *http_append_lane(struct http_append *append,
                                                 const struct core_topic *topic, uint32_t partition)
{
    struct arena *arena = append->arena;
    if (append->lanes != NULL && append->by_part == NULL) {
        size_t bytes = topic->partitions_count * sizeof(struct http_append_lane *);
        append->by_part = arena_alloc_zeroed(arena, bytes, _Alignof(struct http_append_lane *));
        if (append->by_part == NULL) {
            return NULL;
        }
        append->by_part[append->lanes->partition] = append->lanes;
    }
    if (append->by_part != NULL && append->by_part[partition] != NULL) {
        return append->by_part[partition];
    }
    struct http_append_lane *lane =
        arena_alloc(arena, sizeof(*lane), _Alignof(struct http_append_lane));
    if (lane == NULL) {
        return NULL;
    }
    *lane = (struct http_append_lane){.partition = partition, .error = HTTP_ERRORS_COUNT};
    if (append->lanes == NULL) {
        append->lanes = lane;
    } else {
        append->lane->next = lane;
        append->by_part[partition] = lane;
    }
    append->lane = lane; /* the last, until they are sent */
    return lane;
}

/* --- Batches --- */

/* Send batches, some in each turn: the stream may have gone since the last one. */
static void http_append_send(struct rt_op *op)
{
    struct http_append *append = CONTAINER_OF(op, struct http_append, turn);
    const struct core_topic *topic = core_catalog_find_uuid(append->cs->catalog, &append->topic);
    uint64_t bytes = 0;
    while (append->lane != NULL) {
        struct http_append_lane *lane = append->lane;
        if (lane->left_count > 0 && topic == NULL) {
            lane->error = HTTP_STREAM_NOT_FOUND;
        }
        if (lane->left_count == 0 || lane->error != HTTP_ERRORS_COUNT) {
            append->lane = lane->next;
        } else if (bytes > HTTP_APPEND_TURN_BYTES) {
            rt_op_defer(op);
            return;
        } else {
            bytes += http_append_send_one(append, topic, lane);
        }
    }
    http_append_end(append);
}

static struct log_records_item http_append_item(const struct http_append *append,
                                                const struct http_event *event)
{
    const struct http_event_more *more = event->more;
    return (struct log_records_item){.timestamp =
                                         more->timestamp < 0 ? append->now_ms : more->timestamp,
                                     .key = (const uint8_t *)more->key.data,
                                     .key_bytes = (uint32_t)more->key.length,
                                     .value = (const uint8_t *)event->value.data,
                                     .value_bytes = (uint32_t)event->value.length,
                                     .headers_count = more->headers_count,
                                     .headers = more->headers,
                                     .headers_bytes = more->headers_bytes};
}

/* The next batch of a partition: as many events as one takes. Returns its bytes. */
static uint64_t http_append_send_one(struct http_append *append, const struct core_topic *topic,
                                     struct http_append_lane *lane)
{
    struct core_shard *cs = append->cs;
    uint32_t count;
    struct buf *buf;
    uint64_t bytes = http_append_measure(append, topic->config.message_bytes_max, lane, &count);
    struct http_append_batch *batch =
        arena_alloc_zeroed(append->arena, sizeof(*batch), _Alignof(struct http_append_batch));
    if (count == 0) { /* the stream takes less than it did */
        lane->error = HTTP_EVENT_TOO_LARGE;
        return bytes;
    }
    if (batch == NULL || buf_new(&cs->bufs, &cs->budget, bytes, &buf) != ERR_OK) {
        lane->error = HTTP_OVERLOADED;
        return bytes;
    }
    (void)buf_append(buf, (uint32_t)bytes); /* there is room for what was asked for */
    batch->whole = append;
    batch->count = count;
    batch->error = HTTP_ERRORS_COUNT;
    uint32_t length = http_append_fill(append, lane, batch, buf);
    ASSERT(length == bytes);
    if (lane->begin == NULL) {
        lane->begin = batch;
    } else {
        lane->end->next = batch;
    }
    lane->end = batch;
    http_append_start_batch(append, topic, lane, batch, buf, length);
    buf_unref(buf);
    return bytes;
}

/* *count events of a lane, from the first on, make a batch of at most `bytes_max`; its bytes. */
static uint64_t http_append_measure(const struct http_append *append, uint32_t bytes_max,
                                    const struct http_append_lane *lane, uint32_t *count)
{
    const struct http_event *items = append->events.items;
    struct log_records_writer none = {.count = 0};
    uint64_t bytes = LOG_BATCH_HEADER_BYTES;
    for (uint32_t i = lane->first; i != HTTP_APPEND_NONE; i = append->places[i].next) {
        struct log_records_item item = http_append_item(append, &items[i]);
        none.base_timestamp = none.count == 0 ? item.timestamp : none.base_timestamp;
        size_t size = log_records_size(&none, &item);
        if (bytes + size > bytes_max) {
            break;
        }
        bytes += size;
        none.count++;
    }
    *count = none.count;
    return bytes;
}

/* Write the batch's events, which the lane has left behind then. Returns its bytes. */
static uint32_t http_append_fill(struct http_append *append, struct http_append_lane *lane,
                                 struct http_append_batch *batch, struct buf *buf)
{
    const struct http_event *items = append->events.items;
    struct log_records_writer writer;
    log_records_begin(&writer, buf_write(buf, 0, buf->length), buf->length);
    for (uint32_t count = 0; count < batch->count; count++) {
        struct log_records_item item = http_append_item(append, &items[lane->first]);
        enum err err = log_records_add(&writer, &item);
        ASSERT(err == ERR_OK); /* it was measured */
        lane->first = append->places[lane->first].next;
    }
    lane->left_count -= batch->count;
    return log_records_end(&writer, append->cs->core->kernels);
}

static void http_append_start_batch(struct http_append *append, const struct core_topic *topic,
                                    struct http_append_lane *lane, struct http_append_batch *batch,
                                    struct buf *buf, uint32_t length)
{
    struct core_shard *cs = append->cs;
    core_records_built(buf->data, length, &batch->info);
    batch->sent = (struct core_append){.done = http_append_batch_done,
                                       .ctx = batch,
                                       .topic = topic->uuid,
                                       .partition = lane->partition,
                                       .group = topic->groups[lane->partition],
                                       .info = &batch->info,
                                       .acks = -1,
                                       .timeout_ms = HTTP_APPEND_TIMEOUT_MS};
    enum err err = buf_lend_written(buf, 0, length, &batch->sent.loan);
    if (err != ERR_OK) {
        batch->error = HTTP_OVERLOADED;
        return;
    }
    append->away_count++;
    core_append_start(cs, &batch->sent);
}

static void http_append_batch_done(struct core_append *sent)
{
    struct http_append_batch *batch = sent->ctx;
    if (sent->code != CORE_OK) {
        batch->error = http_error_of(sent->code);
        batch->detail = sent->code != CORE_TIMEOUT ? core_code_text(sent->code) : NULL;
    }
    batch->offset = sent->base_offset;
    http_append_end(batch->whole);
}

/* --- The answer --- */

/* One less is awaited. */
static void http_append_end(struct http_append *append)
{
    if (--append->away_count == 0) {
        append->count = append->events.count;
        append->failed_count = http_append_failed(append);
        append->done(append);
    }
}

/* How many events were not appended. */
static uint32_t http_append_failed(const struct http_append *append)
{
    uint32_t count = append->events.failed_count;
    for (const struct http_append_lane *lane = append->lanes; lane != NULL; lane = lane->next) {
        count += lane->left_count;
        for (const struct http_append_batch *batch = lane->begin; batch != NULL;
             batch = batch->next) {
            count += batch->error != HTTP_ERRORS_COUNT ? batch->count : 0;
        }
    }
    return count;
}

enum http_error http_append_why(struct http_append *append, const char **detail)
{
    *detail = append->detail;
    if (append->error != HTTP_ERRORS_COUNT) {
        return append->error;
    }
    if (append->failed_count == 0 || append->failed_count < append->count) {
        return HTTP_ERRORS_COUNT;
    }
    http_append_rewind(append);
    return http_append_next(append, 0, NULL, detail);
}

void http_append_put(struct http_append *append, struct http_out *out, bool has_results)
{
    http_out_put_text(out, "\"appended\":");
    http_out_put_u64(out, append->count - append->failed_count);
    http_out_put_text(out, ",\"failed\":");
    http_out_put_u64(out, append->failed_count);
    http_out_put_text(out, ",\"results\":[");
    if (has_results) {
        http_append_put_results(append, out);
    }
    http_out_put_text(out, "]");
}

/* Each event's, in their order. */
static void http_append_put_results(struct http_append *append, struct http_out *out)
{
    uint32_t count = append->events.count;
    struct http_append_result result = {.length = 0};
    const char *detail;
    http_append_rewind(append);
    for (uint32_t i = 0; i < count;) {
        uint32_t step = count - i < HTTP_APPEND_RESULTS_MAX ? count - i : HTTP_APPEND_RESULTS_MAX;
        uint8_t *room = http_out_room(out, step * HTTP_APPEND_RESULT_BYTES);
        if (room == NULL) {
            return;
        }
        size_t bytes = 0;
        enum http_error error = HTTP_ERRORS_COUNT;
        for (uint32_t end = i + step; i < end && error == HTTP_ERRORS_COUNT; i++) {
            error = http_append_next(append, i, &result, &detail);
            if (error == HTTP_ERRORS_COUNT) {
                size_t skipped = i == 0; /* the comma */
                memcpy(room + bytes, result.text + skipped, HTTP_APPEND_RESULT_BYTES);
                bytes += result.length - skipped;
            }
        }
        http_out_wrote(out, bytes);
        if (error != HTTP_ERRORS_COUNT) {
            http_append_put_error(out, error, detail, i > 1);
        }
    }
}

/* The next event whose result is asked for is the first. */
static void http_append_rewind(struct http_append *append)
{
    for (struct http_append_lane *lane = append->lanes; lane != NULL; lane = lane->next) {
        lane->said = lane->begin;
        lane->said_count = 0;
    }
}

/* What became of event `i`, which is the next: *result (NULL: it failed, that is known), or the
 * error and its *detail. */
static enum http_error http_append_next(struct http_append *append, uint32_t i,
                                        struct http_append_result *result, const char **detail)
{
    struct http_append_lane *lane = append->places != NULL ? append->places[i].lane : NULL;
    if (lane == NULL) {
        *detail = append->events.items[i].more->detail;
        return append->events.items[i].more->error;
    }
    if (lane->said != NULL && lane->said_count == lane->said->count) {
        lane->said = lane->said->next;
        lane->said_count = 0;
    }
    const struct http_append_batch *batch = lane->said;
    if (batch == NULL) {
        *detail = NULL;
        return lane->error;
    }
    uint64_t offset = batch->offset + lane->said_count++;
    if (batch->error != HTTP_ERRORS_COUNT) {
        *detail = batch->detail;
        return batch->error;
    }
    http_append_say(result, lane->partition, offset);
    return HTTP_ERRORS_COUNT;
}

/* Make `result` that of an event at `offset`. Mostly the one before stands there: then the number
 * is counted up as people do, a nine becoming a zero and the digit before it one more. */
static void http_append_say(struct http_append_result *result, uint32_t partition, uint64_t offset)
{
    static const char before[] = ",{\"partition\":";
    static const char between[] = ",\"offset\":";
    char *text = result->text;
    if (result->length > 0 && result->partition == partition && result->offset + 1 == offset) {
        size_t digit = result->length - 2; /* before the brace */
        while (text[digit] == '9') {
            text[digit--] = '0';
        }
        result->offset = offset;
        if (text[digit] != ':') {
            text[digit]++;
            return;
        }
    }
    size_t length = sizeof(before) - 1;
    memcpy(text, before, length);
    length += units_write_u64(text + length, partition);
    memcpy(text + length, between, sizeof(between) - 1);
    length += sizeof(between) - 1;
    length += units_write_u64(text + length, offset);
    text[length++] = '}';
    result->length = length;
    result->partition = partition;
    result->offset = offset;
}

static void http_append_put_error(struct http_out *out, enum http_error error, const char *detail,
                                  bool has_before)
{
    const struct http_error_row *row = http_error_row(error);
    detail = detail != NULL ? detail : row->title;
    http_out_put_text(out, has_before ? ",{\"error\":{\"code\":\"" : "{\"error\":{\"code\":\"");
    http_out_put_text(out, row->code);
    http_out_put_text(out, "\",\"detail\":");
    http_out_put_string(out, detail, strlen(detail));
    http_out_put_text(out, row->is_retriable ? ",\"retriable\":true}}" : ",\"retriable\":false}}");
}
