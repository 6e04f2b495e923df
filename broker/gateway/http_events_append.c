/* Appending events. Items of one partition become batches, in order; those without key and
 * partition go to one partition together, another one with each request, so that batches stay
 * large. A stream that is not there is made where topics are made when they are first used.
 * Answered when every batch is, each event with its own result. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/units.h"
#include "broker/core/append.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/partitioner.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/events.h"
#include "broker/gateway/handlers.h"
#include "broker/gateway/http_media.h"
#include "storage/log/records.h"

/* How long an append may take. */
#define HTTP_APPEND_TIMEOUT_MS 30000

/* No event. */
#define HTTP_APPEND_NONE UINT32_MAX

/* Bytes of events that are read, or sent in batches, in one turn of the loop: others wait for no
 * large body. */
#define HTTP_APPEND_TURN_BYTES (64u << 10)

/* Events of one partition on their way together. */
struct http_append_batch {
    struct core_append append;     /* into the partition */
    struct core_records_info info; /* what was found in it */
    struct http_append *state;     /* whose */
    uint32_t first;                /* event; others by http_event.next */
};

/* Of one request. */
struct http_append {
    struct http_call *call;    /* whose */
    struct http_events events; /* what is appended */
    struct core_change change; /* makes the stream */
    struct core_change_item wish;
    struct rt_op turn;         /* goes on in the next one */
    struct log_uuid topic;     /* the stream's, once it is there */
    uint32_t *firsts;          /* of each partition, the first event not sent yet */
    uint32_t *lasts;           /* and the last */
    uint32_t partitions_count; /* of both */
    uint32_t partition;        /* the first that may have events not sent yet */
    uint32_t away_count;       /* batches that are not answered; and the handler itself */
};

static bool http_append_form(struct http_call *call, enum http_events_form *form);
static void http_append_read(struct rt_op *op);
static void http_append_make(struct http_append *state);
static void http_append_made(struct core_change *change);
static void http_append_begin(struct http_append *state, const struct core_topic *topic);
static bool http_append_place(struct http_append *state, const struct core_topic *topic);
static bool http_append_check(struct http_append *state, const struct core_topic *topic,
                              struct http_event *event, uint32_t unkeyed);
static void http_append_send(struct rt_op *op);
static uint64_t http_append_send_one(struct http_append *state, const struct core_topic *topic,
                                     uint32_t partition);
static void http_append_start(struct http_append *state, const struct core_topic *topic,
                              uint32_t partition, struct http_append_batch *batch, struct buf *buf,
                              uint32_t length);
static struct log_records_item http_append_item(const struct http_event *event);
static void http_append_fail(struct http_append *state, uint32_t first, enum http_error error,
                             const char *detail);
static void http_append_done(struct core_append *append);
static void http_append_end(struct http_append *state);
static void http_append_put_all(struct http_append *state, const struct http_event *failed,
                                uint32_t failed_count, bool has_results);
static void http_append_put_place(struct http_call *call, const struct http_event *event,
                                  bool has_before);
static void http_append_put_error(struct http_call *call, const struct http_event *event,
                                  bool has_before);

void http_handle_events_append(struct http_call *call)
{
    enum http_events_form form;
    struct http_text unused;
    if (!http_query_only(call, NULL, 0)) {
        return;
    }
    if (http1_find(&call->head, "Idempotency-Key", &unused) > 0) {
        http_problem(call, HTTP_IDEMPOTENCY_NOT_SERVED, NULL);
        return;
    }
    if (!http_append_form(call, &form)) {
        return;
    }
    struct http_append *state = http_alloc(call, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->call = call;
    state->away_count = 1;
    http_events_begin(&state->events, &call->conn->door->json, &call->arena, form, call->body);
    rt_op_init(&state->turn, call->cs->shard, http_append_read);
    http_append_read(&state->turn);
}

/* Read the body, a piece in each turn. */
static void http_append_read(struct rt_op *op)
{
    struct http_append *state = CONTAINER_OF(op, struct http_append, turn);
    struct http_call *call = state->call;
    if (!http_events_step(&state->events, HTTP_APPEND_TURN_BYTES)) {
        rt_op_defer(op);
        return;
    }
    if (state->events.error != HTTP_ERRORS_COUNT) {
        http_problem(call, state->events.error,
                     state->events.detail[0] != '\0' ? state->events.detail : NULL);
        return;
    }
    const struct http_text *name = &call->params[0];
    bool has_any = false;
    for (uint32_t i = 0; i < state->events.count && !has_any; i++) {
        has_any = state->events.items[i].error == HTTP_ERRORS_COUNT;
    }
    if (!has_any) { /* no stream is made for that */
        http_append_end(state);
    } else if (core_topic_is_reserved(name->data, name->length)) {
        http_problem(call, HTTP_STREAM_RESERVED, NULL);
    } else if (core_catalog_find(call->cs->catalog, name->data, name->length) == NULL &&
               call->cs->core->config.is_auto_create) {
        http_append_make(state);
    } else {
        const struct core_topic *topic = http_stream(call);
        if (topic != NULL) {
            http_append_begin(state, topic);
        }
    }
}

/* What the body is. False: not known, and answered. */
static bool http_append_form(struct http_call *call, enum http_events_form *form)
{
    struct http_media media;
    struct http_text text = {.data = ""};
    uint32_t count = http1_find(&call->head, "Content-Type", &text);
    if (count != 1 || http_media_read(text, &media) != ERR_OK) {
        http_problem(call, HTTP_MEDIA_TYPE_UNSUPPORTED,
                     count == 0 ? "There is no Content-Type." : "The Content-Type cannot be read.");
        return false;
    }
    *form = http_media_is(&media, HTTP_MEDIA_JSON)     ? HTTP_EVENTS_JSON
            : http_media_is(&media, HTTP_MEDIA_NDJSON) ? HTTP_EVENTS_NDJSON
                                                       : HTTP_EVENTS_ENVELOPE;
    if ((*form == HTTP_EVENTS_ENVELOPE && !http_media_is(&media, HTTP_MEDIA_EVENTS)) ||
        !http_media_is_utf8(&media)) {
        http_problem(call, HTTP_MEDIA_TYPE_UNSUPPORTED, NULL);
        return false;
    }
    return true;
}

/* --- A stream that is not there --- */

static void http_append_make(struct http_append *state)
{
    const struct http_text *name = &state->call->params[0];
    state->wish = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                            .name = name->data,
                                            .name_bytes = (uint32_t)name->length,
                                            .partitions_count = -1,
                                            .replicas_count = -1};
    state->change = (struct core_change){
        .done = http_append_made, .ctx = state, .items = &state->wish, .items_count = 1};
    core_change_start(state->call->cs, &state->change);
}

/* Or somebody else has made it meanwhile. */
static void http_append_made(struct core_change *change)
{
    struct http_append *state = change->ctx;
    struct http_call *call = state->call;
    enum core_code code = state->wish.code;
    if (code != CORE_OK && code != CORE_TOPIC_EXISTS) {
        const char *why = state->wish.text.text;
        http_problem(call, http_error_of(code), why[0] != '\0' ? why : core_code_text(code));
        return;
    }
    const struct core_topic *topic = http_stream(call);
    if (topic != NULL) {
        http_append_begin(state, topic);
    }
}

/* --- Batches --- */

static void http_append_begin(struct http_append *state, const struct core_topic *topic)
{
    if (!http_append_place(state, topic)) {
        http_problem(state->call, HTTP_OVERLOADED, NULL);
        return;
    }
    state->topic = topic->uuid;
    state->turn.done = http_append_send;
    http_append_send(&state->turn);
}

/* Send batches, some in each turn: the stream may have gone since the last one. */
static void http_append_send(struct rt_op *op)
{
    struct http_append *state = CONTAINER_OF(op, struct http_append, turn);
    const struct core_topic *topic =
        core_catalog_find_uuid(state->call->cs->catalog, &state->topic);
    uint64_t bytes = 0;
    while (state->partition < state->partitions_count) {
        uint32_t *first = &state->firsts[state->partition];
        if (*first == HTTP_APPEND_NONE) {
            state->partition++;
        } else if (topic == NULL) {
            http_append_fail(state, *first, HTTP_STREAM_NOT_FOUND, NULL);
            *first = HTTP_APPEND_NONE;
        } else if (bytes > HTTP_APPEND_TURN_BYTES) {
            rt_op_defer(op);
            return;
        } else {
            bytes += http_append_send_one(state, topic, state->partition);
        }
    }
    http_append_end(state);
}

/* Each event in its partition's list. False: no memory. */
static bool http_append_place(struct http_append *state, const struct core_topic *topic)
{
    struct http_events *events = &state->events;
    uint32_t unkeyed = (uint32_t)(state->call->number % topic->partitions_count);
    size_t bytes = topic->partitions_count * sizeof(uint32_t);
    state->firsts = arena_alloc(&state->call->arena, bytes, 16);
    state->lasts = arena_alloc(&state->call->arena, bytes, 16);
    if (state->firsts == NULL || state->lasts == NULL) {
        return false;
    }
    state->partitions_count = topic->partitions_count;
    memset(state->firsts, 0xff, bytes);
    for (uint32_t i = 0; i < events->count; i++) {
        struct http_event *event = &events->items[i];
        if (event->error != HTTP_ERRORS_COUNT || !http_append_check(state, topic, event, unkeyed)) {
            continue;
        }
        uint32_t partition = (uint32_t)event->partition;
        event->next = HTTP_APPEND_NONE;
        if (state->firsts[partition] == HTTP_APPEND_NONE) {
            state->firsts[partition] = i;
        } else {
            events->items[state->lasts[partition]].next = i;
        }
        state->lasts[partition] = i;
    }
    return true;
}

/* Where it goes, and whether it may. */
static bool http_append_check(struct http_append *state, const struct core_topic *topic,
                              struct http_event *event, uint32_t unkeyed)
{
    const struct core_topic_config *config = &topic->config;
    int64_t now_ms = core_now_ms(state->call->cs);
    if (event->partition < 0) {
        event->partition = event->key.data == NULL
                               ? unkeyed
                               : core_partition_of_key(event->key.data, event->key.length,
                                                       topic->partitions_count);
    }
    if (event->partition >= topic->partitions_count) {
        event->error = HTTP_PARTITION_NOT_FOUND;
        return false;
    }
    if (event->timestamp < 0) {
        event->timestamp = now_ms;
    } else if (!config->is_append_time &&
               (now_ms - event->timestamp > config->timestamp_before_max_ms ||
                event->timestamp - now_ms > config->timestamp_after_max_ms)) {
        event->error = HTTP_TIMESTAMP_OUT_OF_RANGE;
        return false;
    }
    struct log_records_writer none = {.base_timestamp = event->timestamp};
    struct log_records_item item = http_append_item(event);
    size_t most = LOG_BATCH_HEADER_BYTES + log_records_bound(&item);
    if (most > config->message_bytes_max &&
        LOG_BATCH_HEADER_BYTES + log_records_size(&none, &item) > config->message_bytes_max) {
        event->error = HTTP_EVENT_TOO_LARGE;
        return false;
    }
    return true;
}

static struct log_records_item http_append_item(const struct http_event *event)
{
    return (struct log_records_item){.timestamp = event->timestamp,
                                     .key = (const uint8_t *)event->key.data,
                                     .key_bytes = (uint32_t)event->key.length,
                                     .value = (const uint8_t *)event->value.data,
                                     .value_bytes = (uint32_t)event->value.length,
                                     .headers_count = event->headers_count,
                                     .headers = event->headers,
                                     .headers_bytes = event->headers_bytes};
}

/* The next batch of a partition: as many events as one takes. Returns its bytes. */
static uint64_t http_append_send_one(struct http_append *state, const struct core_topic *topic,
                                     uint32_t partition)
{
    struct core_shard *cs = state->call->cs;
    struct http_event *items = state->events.items;
    uint64_t bytes = LOG_BATCH_HEADER_BYTES;
    uint32_t first = state->firsts[partition];
    uint32_t next = first;
    uint32_t last = HTTP_APPEND_NONE;
    struct buf *buf;
    for (; next != HTTP_APPEND_NONE; last = next, next = items[next].next) {
        struct log_records_item item = http_append_item(&items[next]);
        size_t size = log_records_bound(&item);
        if (bytes + size > topic->config.message_bytes_max && last != HTTP_APPEND_NONE) {
            break;
        }
        bytes += size;
    }
    ASSERT(last != HTTP_APPEND_NONE);
    items[last].next = HTTP_APPEND_NONE;
    state->firsts[partition] = next;
    struct http_append_batch *batch =
        arena_alloc_zeroed(&state->call->arena, sizeof(*batch), _Alignof(struct http_append_batch));
    if (batch == NULL || buf_new(&cs->bufs, &cs->budget, bytes, &buf) != ERR_OK) {
        http_append_fail(state, first, HTTP_OVERLOADED, NULL);
        return bytes;
    }
    struct log_records_writer writer;
    log_records_begin(&writer, buf_append(buf, (uint32_t)bytes), bytes);
    for (uint32_t i = first; i != HTTP_APPEND_NONE; i = items[i].next) {
        struct log_records_item item = http_append_item(&items[i]);
        enum err err = log_records_add(&writer, &item);
        ASSERT(err == ERR_OK); /* there is room for its bound */
    }
    batch->state = state;
    batch->first = first;
    http_append_start(state, topic, partition, batch, buf,
                      log_records_end(&writer, cs->core->kernels));
    buf_unref(buf);
    return bytes;
}

static void http_append_start(struct http_append *state, const struct core_topic *topic,
                              uint32_t partition, struct http_append_batch *batch, struct buf *buf,
                              uint32_t length)
{
    struct core_shard *cs = state->call->cs;
    const struct core_topic_config *config = &topic->config;
    struct bytes_reader crc = bytes_reader(buf->data + CORE_RECORDS_CRC_FROM - 4, 4);
    struct core_records_config wanted = {.batch_bytes_max = config->message_bytes_max,
                                         .is_append_time = config->is_append_time,
                                         .has_crc = true, /* made a moment ago */
                                         .crc = bytes_get_u32be(&crc),
                                         .now_ms = core_now_ms(cs),
                                         .before_max_ms = config->timestamp_before_max_ms,
                                         .after_max_ms = config->timestamp_after_max_ms};
    enum core_records_fault fault = core_records_validate(&wanted, &cs->room, cs->core->kernels,
                                                          buf->data, length, &batch->info);
    if (fault != CORE_RECORDS_FAULT_NONE) {
        char detail[256];
        size_t bytes = core_records_describe(&batch->info, detail, sizeof(detail));
        http_append_fail(state, batch->first, http_error_of_records(fault),
                         arena_copy(&state->call->arena, detail, bytes));
        return;
    }
    batch->append = (struct core_append){.done = http_append_done,
                                         .ctx = batch,
                                         .topic = topic->uuid,
                                         .partition = partition,
                                         .group = topic->groups[partition],
                                         .info = &batch->info,
                                         .acks = -1,
                                         .timeout_ms = HTTP_APPEND_TIMEOUT_MS};
    enum err err = buf_lend_written(buf, 0, length, &batch->append.loan);
    if (err != ERR_OK) {
        http_append_fail(state, batch->first, HTTP_OVERLOADED, NULL);
        return;
    }
    state->away_count++;
    core_append_start(cs, &batch->append);
}

static void http_append_fail(struct http_append *state, uint32_t first, enum http_error error,
                             const char *detail)
{
    struct http_event *items = state->events.items;
    for (uint32_t i = first; i != HTTP_APPEND_NONE; i = items[i].next) {
        items[i].error = error;
        items[i].detail = detail;
    }
}

static void http_append_done(struct core_append *append)
{
    struct http_append_batch *batch = append->ctx;
    struct http_append *state = batch->state;
    struct http_event *items = state->events.items;
    if (append->code != CORE_OK) {
        http_append_fail(state, batch->first, http_error_of(append->code),
                         append->code != CORE_TIMEOUT ? core_code_text(append->code) : NULL);
    } else {
        uint64_t offset = append->base_offset;
        for (uint32_t i = batch->first; i != HTTP_APPEND_NONE; i = items[i].next) {
            items[i].offset = offset++;
        }
    }
    http_append_end(state);
}

/* One less is awaited. */
static void http_append_end(struct http_append *state)
{
    struct http_call *call = state->call;
    const struct http_events *events = &state->events;
    uint32_t failed_count = 0;
    const struct http_event *failed = NULL;
    if (--state->away_count > 0) {
        return;
    }
    for (uint32_t i = 0; i < events->count; i++) {
        const struct http_event *event = &events->items[i];
        failed = failed == NULL && event->error != HTTP_ERRORS_COUNT ? event : failed;
        failed_count += event->error != HTTP_ERRORS_COUNT;
    }
    bool is_none = failed_count > 0 && failed_count == events->count;
    http_append_put_all(state, is_none ? failed : NULL, failed_count, true);
    if (call->err != ERR_OK) { /* it is done: who is told that it is not does it again */
        http_put_again(call);
        http_append_put_all(state, is_none ? failed : NULL, failed_count, false);
    }
    if (is_none) {
        http_answer(call, http_error_row(failed->error)->status, HTTP_MEDIA_PROBLEM);
    } else {
        http_answer(call, failed_count > 0 ? 207 : 200, HTTP_MEDIA_JSON);
    }
}

/* The answer; `failed` is the problem that it is, NULL: none. */
static void http_append_put_all(struct http_append *state, const struct http_event *failed,
                                uint32_t failed_count, bool has_results)
{
    struct http_call *call = state->call;
    const struct http_events *events = &state->events;
    http_put_text(call, "{");
    if (failed != NULL) {
        http_put_problem(call, failed->error, failed->detail, NULL);
        http_put_text(call, ",");
    }
    http_put_text(call, "\"appended\":");
    http_put_u64(call, events->count - failed_count);
    http_put_text(call, ",\"failed\":");
    http_put_u64(call, failed_count);
    http_put_text(call, ",\"results\":[");
    for (uint32_t i = 0; has_results && i < events->count; i++) {
        const struct http_event *event = &events->items[i];
        if (event->error == HTTP_ERRORS_COUNT) {
            http_append_put_place(call, event, i > 0);
        } else {
            http_append_put_error(call, event, i > 0);
        }
    }
    http_put_text(call, "]}\n");
}

/* Where it stands: at once, for there are many. */
static void http_append_put_place(struct http_call *call, const struct http_event *event,
                                  bool has_before)
{
    char text[64 + 2 * UNITS_U64_BYTES];
    static const char partition[] = ",{\"partition\":";
    static const char offset[] = ",\"offset\":";
    size_t length = sizeof(partition) - 1;
    memcpy(text, partition, length);
    length += units_write_u64(text + length, (uint64_t)event->partition);
    memcpy(text + length, offset, sizeof(offset) - 1);
    length += sizeof(offset) - 1;
    length += units_write_u64(text + length, event->offset);
    text[length++] = '}';
    http_put(call, text + !has_before, length - !has_before);
}

static void http_append_put_error(struct http_call *call, const struct http_event *event,
                                  bool has_before)
{
    const struct http_error_row *row = http_error_row(event->error);
    const char *detail = event->detail != NULL ? event->detail : row->title;
    http_put_text(call, has_before ? ",{\"error\":{\"code\":\"" : "{\"error\":{\"code\":\"");
    http_put_text(call, row->code);
    http_put_text(call, "\",\"detail\":");
    http_put_string(call, detail, strlen(detail));
    http_put_text(call, row->is_retriable ? ",\"retriable\":true}}" : ",\"retriable\":false}}");
}
