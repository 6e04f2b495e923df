/* Reading events of one partition: from an offset, or from the first event of a time; at once, or
 * when there is one, within a time. The answer says where to go on. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/list.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/core/fetch.h"
#include "broker/core/offsets.h"
#include "broker/core/records.h"
#include "broker/gateway/handlers.h"
#include "storage/log/records.h"

/* Events of one answer: asked for, unless the query says, and at most. */
#define HTTP_READ_LIMIT     100u
#define HTTP_READ_LIMIT_MAX 10000u

/* Bytes of batches for one answer; one batch at least. */
#define HTTP_READ_BYTES (1u << 20)

/* No event is added to an answer that is so long: what a batch decompresses to can be much more
 * than the batch. */
#define HTTP_READ_ANSWER_BYTES (4u << 20)

/* The longest wait. */
#define HTTP_READ_WAIT_NS_MAX 60000000000u

/* In the place of what core_offsets is asked: the offset is given. */
#define HTTP_READ_FROM_OFFSET 0

/* Of one request. */
struct http_read {
    struct http_call *call;      /* whose */
    struct core_offsets offsets; /* finds where to begin */
    struct core_fetch fetch;     /* reads */
    struct core_fetch_item item; /* from the partition */
    int64_t from;                /* CORE_OFFSETS_..., or HTTP_READ_FROM_OFFSET */
    int64_t time;                /* begins with the first event of it, ms; -1: not asked */
    uint64_t limit;              /* events at most */
    uint64_t wait_ns;            /* how long */
    uint64_t next_offset;        /* where to go on */
    uint64_t events_count;       /* of the answer */
    bool is_lines;               /* an event on each line */
};

static bool http_read_asked(struct http_read *state);
static bool http_read_partition(struct http_read *state);
static bool http_read_start(struct http_read *state);
static void http_read_ask(struct http_read *state, int64_t timestamp);
static void http_read_found(struct core_offsets *offsets);
static void http_read_fetch(struct http_read *state);
static void http_read_cancel(struct http_call *call);
static void http_read_release(struct http_call *call);
static void http_read_fetched(struct core_fetch *fetch);
static enum err http_read_batches(struct http_read *state);
static enum err http_read_batch(struct http_read *state, const struct buf_loan *loan);
static void http_read_event(struct http_read *state, const struct log_records_item *item);
static void http_read_bytes(struct http_call *call, const char *name, const uint8_t *data,
                            uint32_t length);
static void http_read_value(struct http_read *state, const struct log_records_item *item);
static void http_read_json(struct http_read *state, const char *text, size_t length);
static void http_read_headers(struct http_call *call, const struct log_records_item *item);
static void http_read_answer(struct http_read *state);

void http_handle_events_read(struct http_call *call)
{
    static const char *const offers[] = {HTTP_MEDIA_JSON, HTTP_MEDIA_NDJSON};
    static const char *const names[] = {"partition", "offset", "timestamp", "limit", "wait"};
    struct http_read *state = http_alloc(call, sizeof(*state));
    if (state == NULL) {
        return;
    }
    const char *media = http_accepted(call, offers, ARRAY_COUNT(offers));
    if (media == NULL || !http_query_only(call, names, ARRAY_COUNT(names))) {
        return;
    }
    state->call = call;
    state->time = -1;
    state->is_lines = media == offers[1];
    if (!http_read_asked(state)) {
        return;
    }
    state->fetch.parts =
        http_alloc(call, call->cs->core->shards_count * sizeof(*state->fetch.parts));
    if (state->fetch.parts == NULL) {
        return;
    }
    if (state->from == HTTP_READ_FROM_OFFSET) {
        http_read_fetch(state);
    } else {
        http_read_ask(state, state->from);
    }
}

/* What the query wants. False: it cannot be, and that is answered. */
static bool http_read_asked(struct http_read *state)
{
    struct http_call *call = state->call;
    struct http_text wait;
    if (!http_query_u64(call, "limit", 1, HTTP_READ_LIMIT_MAX, HTTP_READ_LIMIT, &state->limit)) {
        return false;
    }
    enum err err = http_query(call, "wait", &wait);
    if (err == ERR_OK) {
        err = units_parse_duration_ns(wait.data, wait.length, &state->wait_ns);
        err = err == ERR_OK && state->wait_ns > HTTP_READ_WAIT_NS_MAX ? ERR_RANGE : err;
    }
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        http_problem(call, HTTP_PARAMETER_INVALID, "wait is not a time like 5s, 60s at most.");
        return false;
    }
    return http_read_partition(state) && http_read_start(state);
}

static bool http_read_partition(struct http_read *state)
{
    struct http_call *call = state->call;
    struct http_text unused;
    uint64_t partition;
    const struct core_topic *topic = http_stream(call);
    if (topic == NULL || !http_query_u64(call, "partition", 0, INT32_MAX, 0, &partition)) {
        return false;
    }
    if (topic->partitions_count > 1 && http_query(call, "partition", &unused) == ERR_NOT_FOUND) {
        http_problem_of(call, HTTP_PARAMETER_INVALID,
                        "The stream has %u partitions: say partition=0 to %u.",
                        topic->partitions_count, topic->partitions_count - 1);
        return false;
    }
    if (partition >= topic->partitions_count) {
        http_problem(call, HTTP_PARTITION_NOT_FOUND, NULL);
        return false;
    }
    state->item = (struct core_fetch_item){.topic = topic->uuid,
                                           .partition = (uint32_t)partition,
                                           .group = topic->groups[partition],
                                           .epoch = -1,
                                           .bytes_max = HTTP_READ_BYTES};
    return true;
}

/* Where it begins: an offset, or what an offset is to be found for. */
static bool http_read_start(struct http_read *state)
{
    struct http_call *call = state->call;
    struct http_text offset = {.data = NULL};
    struct http_text timestamp = {.data = NULL};
    uint64_t number;
    enum err err = http_query(call, "offset", &offset);
    enum err timestamp_err = http_query(call, "timestamp", &timestamp);
    if ((err != ERR_OK && err != ERR_NOT_FOUND) ||
        (timestamp_err != ERR_OK && timestamp_err != ERR_NOT_FOUND)) {
        http_problem(call, HTTP_PARAMETER_INVALID, "offset or timestamp cannot be read.");
        return false;
    }
    if (offset.data != NULL && timestamp.data != NULL) {
        http_problem(call, HTTP_PARAMETER_INVALID, "Say offset or timestamp, not both.");
        return false;
    }
    if (timestamp.data != NULL) {
        if (units_parse_u64(timestamp.data, timestamp.length, &number) == ERR_OK &&
            number <= INT64_MAX) {
            state->time = (int64_t)number;
        } else if (units_parse_time_ms(timestamp.data, timestamp.length, &state->time) != ERR_OK ||
                   state->time < 0) {
            http_problem(call, HTTP_PARAMETER_INVALID,
                         "timestamp is neither milliseconds since 1970 nor RFC 3339.");
            return false;
        }
        state->from = CORE_OFFSETS_LATEST;
        return true;
    }
    state->from = CORE_OFFSETS_EARLIEST;
    if (offset.data == NULL || http_text_is(offset, "earliest")) {
        return true;
    }
    if (http_text_is(offset, "latest")) {
        state->from = CORE_OFFSETS_LATEST;
        return true;
    }
    if (units_parse_u64(offset.data, offset.length, &state->item.offset) != ERR_OK ||
        state->item.offset > INT64_MAX) {
        http_problem(call, HTTP_PARAMETER_INVALID, "offset is a number, earliest or latest.");
        return false;
    }
    state->from = HTTP_READ_FROM_OFFSET;
    return true;
}

/* Which offset has it? */
static void http_read_ask(struct http_read *state, int64_t timestamp)
{
    state->offsets = (struct core_offsets){.done = http_read_found,
                                           .ctx = state,
                                           .topic = state->item.topic,
                                           .partition = state->item.partition,
                                           .group = state->item.group,
                                           .epoch = -1,
                                           .timestamp = timestamp};
    core_offsets_start(state->call->cs, &state->offsets);
}

/* Behind the last event of a time there is none yet: what was appended next when the search had not
 * begun, so that none is missed that came meanwhile. */
static void http_read_found(struct core_offsets *offsets)
{
    struct http_read *state = offsets->ctx;
    if (offsets->code != CORE_OK) {
        http_problem(state->call, http_error_of(offsets->code), NULL);
        return;
    }
    if (offsets->timestamp == CORE_OFFSETS_LATEST && state->time >= 0) {
        state->item.offset = (uint64_t)offsets->offset;
        http_read_ask(state, state->time);
        return;
    }
    if (offsets->offset >= 0) {
        state->item.offset = (uint64_t)offsets->offset;
    }
    http_read_fetch(state);
}

static void http_read_fetch(struct http_read *state)
{
    struct http_call *call = state->call;
    state->fetch.done = http_read_fetched;
    state->fetch.ctx = state;
    state->fetch.items = &state->item;
    state->fetch.items_count = 1;
    state->fetch.bytes_min = state->wait_ns > 0 ? 1 : 0;
    state->fetch.bytes_max = HTTP_READ_BYTES;
    state->fetch.max_wait_ms = (int64_t)(state->wait_ns / 1000000);
    call->state = state;
    call->release = http_read_release;
    core_fetch_start(call->cs, &state->fetch);
    if (state->wait_ns > 0) {
        http_wait(call, http_read_cancel);
    }
}

static void http_read_cancel(struct http_call *call)
{
    struct http_read *state = call->state;
    core_fetch_cancel(&state->fetch);
}

static void http_read_release(struct http_call *call)
{
    struct http_read *state = call->state;
    core_loans_return_all(&call->cs->loans, state->item.loans);
    state->item.loans = NULL;
}

static void http_read_fetched(struct core_fetch *fetch)
{
    struct http_read *state = fetch->ctx;
    struct http_call *call = state->call;
    if (state->item.code != CORE_OK) {
        http_problem_of(call, http_error_of(state->item.code),
                        "%s: offset %llu, log_start_offset %llu, high_watermark %llu.",
                        core_code_text(state->item.code), (unsigned long long)state->item.offset,
                        (unsigned long long)state->item.log_start_offset,
                        (unsigned long long)state->item.high_watermark);
        return;
    }
    state->next_offset = state->item.offset;
    if (!state->is_lines) {
        http_put_text(call, "{\"stream\":");
        http_put_string(call, call->params[0].data, call->params[0].length);
        http_put_text(call, ",\"partition\":");
        http_put_u64(call, state->item.partition);
        http_put_text(call, ",\"events\":[");
    }
    enum err err = http_read_batches(state);
    http_read_release(call);                         /* all of it was copied */
    if (err != ERR_OK && state->events_count == 0) { /* else the next request will meet it */
        http_problem_of(call,
                        err == ERR_BUDGET      ? HTTP_OVERLOADED
                        : err == ERR_TOO_LARGE ? HTTP_ANSWER_TOO_LARGE
                                               : HTTP_STORAGE_FAILED,
                        "The batch at offset %llu cannot be read: %s.",
                        (unsigned long long)state->next_offset, err_text(err));
        return;
    }
    http_read_answer(state);
}

static void http_read_answer(struct http_read *state)
{
    struct http_call *call = state->call;
    char next[24];
    if (state->is_lines) {
        snprintf(next, sizeof(next), "%llu", (unsigned long long)state->next_offset);
        http_header(call, "TDB-Next-Offset", next);
        http_answer(call, 200, HTTP_MEDIA_NDJSON);
        return;
    }
    http_put_text(call, "],\"next_offset\":");
    http_put_u64(call, state->next_offset);
    http_put_text(call, ",\"high_watermark\":");
    http_put_u64(call, state->item.high_watermark);
    http_put_text(call, ",\"log_start_offset\":");
    http_put_u64(call, state->item.log_start_offset);
    http_put_text(call, "}\n");
    http_answer(call, 200, HTTP_MEDIA_JSON);
}

/* --- Events --- */

static bool http_read_may_add(const struct http_read *state)
{
    return state->events_count < state->limit && state->call->out.err == ERR_OK &&
           state->call->out.bytes < HTTP_READ_ANSWER_BYTES;
}

/* A loan is some batches, whole. */
static enum err http_read_batches(struct http_read *state)
{
    enum err err = ERR_OK;
    for (const struct buf_loan *loan = state->item.loans;
         err == ERR_OK && loan != NULL && http_read_may_add(state); loan = loan->next) {
        err = http_read_batch(state, loan);
    }
    return err;
}

static enum err http_read_batch(struct http_read *state, const struct buf_loan *loan)
{
    struct core_shard *cs = state->call->cs;
    enum err err = ERR_OK;
    for (uint32_t pos = 0; err == ERR_OK && pos < loan->length;) {
        struct log_batch batch;
        struct log_records_reader rr;
        struct log_records_item item;
        err = log_batch_decode(loan->data + pos, loan->length - pos, &batch);
        if (err != ERR_OK || batch.length_bytes > loan->length - pos) {
            return err != ERR_OK ? err : ERR_CORRUPT;
        }
        err = core_records_open(&cs->room, &rr, loan->data + pos, batch.length_bytes);
        while (err == ERR_OK && http_read_may_add(state) &&
               (err = log_records_next(&rr, &item)) == ERR_OK) {
            if (item.offset >= state->next_offset) {
                http_read_event(state, &item);
                state->next_offset = item.offset + 1;
            }
        }
        core_records_close(&cs->room);
        if (err == ERR_OK) { /* the limit */
            return ERR_OK;
        }
        if (err == ERR_END) {
            state->next_offset = log_batch_next_offset(&batch);
            err = ERR_OK;
        }
        pos += batch.length_bytes;
    }
    return err;
}

static void http_read_event(struct http_read *state, const struct log_records_item *item)
{
    struct http_call *call = state->call;
    http_put_text(call,
                  state->events_count > 0 && !state->is_lines ? ",{\"offset\":" : "{\"offset\":");
    http_put_u64(call, item->offset);
    http_put_text(call, ",\"timestamp\":");
    http_put_i64(call, item->timestamp);
    http_read_bytes(call, "key", item->key, item->key_bytes);
    http_read_value(state, item);
    http_read_headers(call, item);
    http_put_text(call, state->is_lines ? "}\n" : "}");
    state->events_count++;
}

/* As a text where it is one. */
static void http_read_bytes(struct http_call *call, const char *name, const uint8_t *data,
                            uint32_t length)
{
    http_put_text(call, ",\"");
    http_put_text(call, name);
    if (data == NULL) {
        http_put_text(call, "\":null");
    } else if (json_is_utf8(data, length)) {
        http_put_text(call, "\":");
        http_put_string(call, data, length);
    } else {
        http_put_text(call, "_base64\":\"");
        http_put_base64(call, data, length);
        http_put_text(call, "\"");
    }
}

/* As it is where it is JSON. */
static void http_read_value(struct http_read *state, const struct log_records_item *item)
{
    struct json_value value;
    size_t fault;
    const char *text = (const char *)item->value;
    bool is_utf8 = text != NULL && json_is_utf8(text, item->value_bytes);
    bool is_json = is_utf8 && json_read(text, item->value_bytes, &value, &fault) == ERR_OK;
    bool is_null = is_json && value.kind == JSON_NULL; /* four letters, which is not no value */
    if (is_json && !is_null) {
        http_put_text(state->call, ",\"value\":");
        http_read_json(state, text, item->value_bytes);
    } else {
        http_read_bytes(state->call, is_utf8 ? "value_text" : "value", item->value,
                        item->value_bytes);
    }
}

/* Byte for byte; but where a line is an event, line ends, which in JSON can only be white space,
 * become spaces. */
static void http_read_json(struct http_read *state, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const char *newline = state->is_lines ? memchr(text, '\n', (size_t)(end - text)) : NULL;
        const char *stop = newline != NULL ? newline : end;
        http_put(state->call, text, (size_t)(stop - text));
        if (newline != NULL) {
            http_put_text(state->call, " ");
        }
        text = stop + (newline != NULL);
    }
}

static void http_read_headers(struct http_call *call, const struct log_records_item *item)
{
    struct bytes_reader r = bytes_reader(item->headers, item->headers_bytes);
    if (item->headers_count == 0) {
        return;
    }
    http_put_text(call, ",\"headers\":[");
    for (uint32_t i = 0; i < item->headers_count; i++) {
        struct log_records_header header = log_records_header_get(&r);
        http_put_text(call, i > 0 ? ",{\"name\":" : "{\"name\":");
        http_put_string(call, header.key, header.key_bytes);
        http_read_bytes(call, "value", header.value, header.value_bytes);
        http_put_text(call, "}");
    }
    http_put_text(call, "]");
}
