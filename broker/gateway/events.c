/* The items of a body. See events.h. */
#include "broker/gateway/events.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/units.h"
#include "schemas/json/lines.h"
#include "schemas/json/reader.h"
#include "storage/log/records.h"

/* Room for items at first. */
#define HTTP_EVENTS_FIRST 128u

/* The longest name of a member that an error quotes. */
#define HTTP_EVENTS_NAME_BYTES 40

static void http_events_fail(struct http_events *events, enum http_error error);
static void http_events_look_ahead(struct http_events *events);
static size_t http_events_line(struct http_events *events);
static void http_events_line_alone(struct http_events *events, struct http_event *event,
                                   uint64_t line);
static size_t http_events_item(struct http_events *events);
static bool http_events_check(struct http_events *events, struct http_text text, uint64_t line);
static enum err http_events_passed(void *context, size_t record, const struct json_found *found,
                                   uint32_t duplicates_count);
static enum err http_events_refused(void *context, size_t record, const struct json_fault *fault);
static struct json_value http_events_value(struct http_text text);
static void http_events_envelope(struct http_events *events, struct http_event *event,
                                 const struct json_value *item);
static struct http_event *http_events_add(struct http_events *events);
static bool http_event_read(struct http_events *events, struct http_event_more *more,
                            const struct json_value *item);
static bool http_event_member(struct http_events *events, struct http_event_more *more,
                              struct http_text name, const struct json_value *value);
static bool http_event_text(struct http_events *events, struct http_event_more *more,
                            const struct json_value *value, struct http_text *out);
static bool http_event_base64(struct http_events *events, struct http_event_more *more,
                              const struct json_value *value, struct http_text *out);
static bool http_event_timestamp(struct http_event_more *more, const struct json_value *value);
static bool http_event_headers(struct http_events *events, struct http_event_more *more,
                               const struct json_value *value);
static bool http_event_header(struct http_events *events, struct http_event_more *more,
                              const struct json_value *item, struct log_records_header *header);
static bool http_event_wrong(struct http_event_more *more, const char *detail);

const struct http_event_more http_event_plain = {
    .timestamp = -1, .partition = -1, .error = HTTP_ERRORS_COUNT};

void http_events_begin(struct http_events *events, struct json_reader *json,
                       struct json_lines *lines, struct arena *arena, enum http_events_form form,
                       struct http_text body)
{
    *events = (struct http_events){.error = HTTP_ERRORS_COUNT,
                                   .json = json,
                                   .lines = lines,
                                   .arena = arena,
                                   .form = form,
                                   .line = 1};
    if (form == HTTP_EVENTS_NDJSON) {
        events->at = body.data;
        events->end = body.data + body.length;
    } else if (!http_events_check(events, body, 0)) {
        http_events_fail(events, HTTP_JSON_INVALID);
    } else {
        events->whole = http_events_value(body);
        events->is_array = events->whole.kind == JSON_ARRAY;
        if (events->is_array) {
            events->values = json_items(&events->whole);
        }
    }
}

bool http_events_step(struct http_events *events, size_t bytes_max)
{
    if (events->form == HTTP_EVENTS_NDJSON) {
        http_events_look_ahead(events);
    }
    for (size_t bytes = 0; !events->is_done && bytes <= bytes_max;) {
        bytes += events->form == HTTP_EVENTS_NDJSON ? http_events_line(events)
                                                    : http_events_item(events);
    }
    return events->is_done;
}

/* The body cannot be read. */
static void http_events_fail(struct http_events *events, enum http_error error)
{
    events->error = error;
    events->is_done = true;
}

/* --- Items --- */

/* Lines are checked from here on. */
static void http_events_look_ahead(struct http_events *events)
{
    events->lines_from = events->at;
    json_lines_begin(events->lines, events->json, events->at, (size_t)(events->end - events->at));
}

/* The next line; returns its bytes, and those behind it that are looked at again. One that is not
 * JSON is that line's error: the others can be told apart from it. */
static size_t http_events_line(struct http_events *events)
{
    const char *at = events->at;
    if (at == events->end) {
        events->is_done = true;
        return 0;
    }
    const char *newline = memchr(at, '\n', (size_t)(events->end - at));
    const char *end = newline != NULL ? newline : events->end;
    struct http_text text = {at, (size_t)(end - at)};
    events->at = newline != NULL ? newline + 1 : events->end;
    uint64_t line = events->line++;
    text.length -= text.length > 0 && text.data[text.length - 1] == '\r';
    if (http_text_trim(text).length == 0) {
        return text.length + 1;
    }
    struct http_event *event = http_events_add(events);
    if (event == NULL) {
        return 0;
    }
    event->value = text;
    if (UNLIKELY(!json_lines_next(events->lines, (size_t)(end - events->lines_from)))) {
        http_events_line_alone(events, event, line);
        return text.length + 1 + JSON_INDEX_STEP_BYTES;
    }
    return text.length + 1;
}

/* A line that is perhaps no JSON. */
static void http_events_line_alone(struct http_events *events, struct http_event *event,
                                   uint64_t line)
{
    if (!http_events_check(events, event->value, line)) {
        http_events_refuse(events, event, HTTP_JSON_INVALID,
                           arena_copy(events->arena, events->detail, strlen(events->detail)));
        events->detail[0] = '\0'; /* the line's, not the body's */
    }
    http_events_look_ahead(events);
}

/* The next of an array, or the value that is alone; returns its bytes. */
static size_t http_events_item(struct http_events *events)
{
    struct json_value value = events->whole;
    if (events->is_array ? !json_items_next(&events->values, NULL, &value) : events->count > 0) {
        events->is_done = true;
        return 0;
    }
    struct http_event *event = http_events_add(events);
    if (event == NULL) {
        return 0;
    }
    if (events->form == HTTP_EVENTS_JSON) {
        uint32_t quote = value.kind == JSON_STRING; /* a string's text is without them */
        event->value = (struct http_text){value.text - quote, value.length + 2 * quote};
    } else {
        http_events_envelope(events, event, &value);
    }
    return value.length + 1;
}

/* An envelope. */
static void http_events_envelope(struct http_events *events, struct http_event *event,
                                 const struct json_value *item)
{
    struct http_event_more *more =
        arena_alloc(events->arena, sizeof(*more), _Alignof(struct http_event_more));
    if (more == NULL) {
        http_events_refuse(events, event, HTTP_OVERLOADED, NULL);
        return;
    }
    *more = http_event_plain;
    if (!http_event_read(events, more, item)) {
        more->error = more->error != HTTP_ERRORS_COUNT ? more->error : HTTP_OVERLOADED;
        events->failed_count++;
    }
    event->value = more->value;
    event->more = more;
}

void http_events_refuse(struct http_events *events, struct http_event *event, enum http_error error,
                        const char *detail)
{
    static const struct http_event_more overloaded = {
        .timestamp = -1, .partition = -1, .error = HTTP_OVERLOADED};
    struct http_event_more *more =
        arena_alloc(events->arena, sizeof(*more), _Alignof(struct http_event_more));
    ASSERT(event->more->error == HTTP_ERRORS_COUNT);
    if (more != NULL) {
        *more = *event->more;
        more->error = error;
        more->detail = detail;
    }
    event->more = more != NULL ? more : &overloaded;
    events->failed_count++;
}

/* Whether `text`, that line of the body or (0) all of it, is JSON; if not, out->detail says why. */
static bool http_events_check(struct http_events *events, struct http_text text, uint64_t line)
{
    static const struct json_sink_ops ops = {http_events_passed, http_events_refused};
    struct json_text record = {text.data, text.length};
    struct json_fault fault = {.err = ERR_OK};
    size_t done_count;
    enum err err = json_reader_read(events->json, &record, 1, &ops, &fault, &done_count);
    ASSERT(err == ERR_OK);
    char *detail = events->detail;
    if (fault.err != ERR_OK && line > 0) {
        snprintf(detail, HTTP_EVENTS_DETAIL_BYTES, "Line %llu, byte %zu: %s.",
                 (unsigned long long)line, fault.pos + 1, fault.what);
    } else if (fault.err != ERR_OK) {
        snprintf(detail, HTTP_EVENTS_DETAIL_BYTES, "Byte %zu: %s.", fault.pos + 1, fault.what);
    }
    return fault.err == ERR_OK;
}

static enum err http_events_passed(void *context, size_t record, const struct json_found *found,
                                   uint32_t duplicates_count)
{
    (void)context;
    (void)record;
    (void)found;
    (void)duplicates_count;
    return ERR_OK;
}

static enum err http_events_refused(void *context, size_t record, const struct json_fault *fault)
{
    (void)record;
    *(struct json_fault *)context = *fault;
    return ERR_OK;
}

/* The value that `text`, known to be JSON, is. */
static struct json_value http_events_value(struct http_text text)
{
    static const char space[] = " \t\r\n";
    while (strchr(space, text.data[0]) != NULL) {
        text.data++;
        text.length--;
    }
    while (strchr(space, text.data[text.length - 1]) != NULL) {
        text.length--;
    }
    switch (text.data[0]) {
    case '{': return (struct json_value){JSON_OBJECT, text.data, text.length};
    case '[': return (struct json_value){JSON_ARRAY, text.data, text.length};
    case '"': return (struct json_value){JSON_STRING, text.data + 1, text.length - 2};
    case 't': return (struct json_value){JSON_TRUE, text.data, text.length};
    case 'f': return (struct json_value){JSON_FALSE, text.data, text.length};
    case 'n': return (struct json_value){JSON_NULL, text.data, text.length};
    default: return (struct json_value){JSON_NUMBER, text.data, text.length};
    }
}

/* One more, whose value is to be set. NULL: too many, or no memory, and that is the body's error.
 */
static struct http_event *http_events_add(struct http_events *events)
{
    if (events->count == HTTP_EVENTS_MAX) {
        snprintf(events->detail, sizeof(events->detail), "The body has more than %u events.",
                 HTTP_EVENTS_MAX);
        http_events_fail(events, HTTP_BODY_TOO_LARGE);
        return NULL;
    }
    if (events->count == events->capacity) {
        uint32_t capacity = events->capacity > 0 ? 4 * events->capacity : HTTP_EVENTS_FIRST;
        struct http_event *items =
            arena_alloc(events->arena, capacity * sizeof(*items), _Alignof(struct http_event));
        if (items == NULL) {
            http_events_fail(events, HTTP_OVERLOADED);
            return NULL;
        }
        if (events->count > 0) {
            memcpy(items, events->items, events->count * sizeof(*items));
        }
        events->items = items;
        events->capacity = capacity;
    }
    struct http_event *event = &events->items[events->count++];
    *event = (struct http_event){.more = &http_event_plain};
    return event;
}

/* --- An envelope --- */

/* False: it is none, and more->error says so; or there was no memory. */
static bool http_event_read(struct http_events *events, struct http_event_more *more,
                            const struct json_value *item)
{
    static const char wrong[] = "An event is an object with value, value_text or value_base64.";
    struct json_value name;
    struct json_value value;
    bool has_value = false;
    if (item->kind != JSON_OBJECT) {
        return http_event_wrong(more, wrong);
    }
    struct json_items members = json_items(item);
    while (json_items_next(&members, &name, &value)) {
        struct http_text text = {name.text, name.length};
        has_value = has_value || (text.length >= 5 && memcmp(text.data, "value", 5) == 0);
        if (!http_event_member(events, more, text, &value)) {
            return false;
        }
    }
    return has_value || http_event_wrong(more, wrong);
}

static bool http_event_member(struct http_events *events, struct http_event_more *more,
                              struct http_text name, const struct json_value *value)
{
    uint32_t quote = value->kind == JSON_STRING;
    bool is_null = value->kind == JSON_NULL;
    struct http_text none = {.data = NULL};
    struct http_text raw = {value->text - quote, value->length + 2 * quote};
    uint64_t partition;
    if (http_text_is(name, "value")) {
        more->value = is_null ? none : raw;
        return true;
    }
    if (http_text_is(name, "key")) {
        more->key = is_null ? none : raw;
        return value->kind != JSON_STRING || http_event_text(events, more, value, &more->key);
    }
    if (http_text_is(name, "value_text")) {
        return http_event_text(events, more, value, &more->value);
    }
    if (http_text_is(name, "value_base64")) {
        return http_event_base64(events, more, value, &more->value);
    }
    if (http_text_is(name, "key_base64")) {
        return http_event_base64(events, more, value, &more->key);
    }
    if (http_text_is(name, "headers")) {
        return is_null || http_event_headers(events, more, value);
    }
    if (http_text_is(name, "timestamp")) {
        return is_null || http_event_timestamp(more, value);
    }
    if (http_text_is(name, "partition")) {
        if (!is_null && (value->kind != JSON_NUMBER ||
                         units_parse_u64(value->text, value->length, &partition) != ERR_OK ||
                         partition >= LIMIT_PARTITIONS_COUNT)) {
            return http_event_wrong(more, "partition is not the number of a partition.");
        }
        more->partition = is_null ? -1 : (int64_t)partition;
        return true;
    }
    char detail[128];
    int shown = name.length < HTTP_EVENTS_NAME_BYTES ? (int)name.length : HTTP_EVENTS_NAME_BYTES;
    int length = snprintf(detail, sizeof(detail),
                          "An event has no member %.*s; see application/vnd.tdb.events+json.",
                          shown, name.data);
    return http_event_wrong(more, arena_copy(events->arena, detail, (size_t)length));
}

/* The characters that a JSON string stands for. */
static bool http_event_text(struct http_events *events, struct http_event_more *more,
                            const struct json_value *value, struct http_text *out)
{
    if (value->kind != JSON_STRING) {
        return http_event_wrong(more, "A text is wanted where there is another value.");
    }
    char *text = arena_alloc(events->arena, value->length + 1, 1);
    if (text == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(text, value->length);
    if (json_unescape(&w, value) != ERR_OK) {
        return http_event_wrong(more, "An escape names half a character.");
    }
    *out = (struct http_text){text, w.pos};
    return true;
}

/* The value of a base64 digit, RFC 4648 section 4; -1: none. */
static int http_event_digit(char digit)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Padded, and with no bits set that stand for nothing: each string of bytes has one form. */
static bool http_event_base64(struct http_events *events, struct http_event_more *more,
                              const struct json_value *value, struct http_text *out)
{
    static const char wrong[] = "base64 (RFC 4648, padded) is wanted where there is another value.";
    struct http_text text;
    if (value->kind != JSON_STRING) {
        return http_event_wrong(more, wrong);
    }
    if (!http_event_text(events, more, value, &text)) {
        return false;
    }
    size_t padding = text.length > 0 && text.data[text.length - 1] == '=';
    padding += padding > 0 && text.length > 1 && text.data[text.length - 2] == '=';
    uint8_t *data = arena_alloc(events->arena, text.length / 4 * 3 + 1, 1);
    if (data == NULL) {
        return false;
    }
    size_t length = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.length - padding; i++) {
        int digit = http_event_digit(text.data[i]);
        if (digit < 0 || text.length % 4 != 0) {
            return http_event_wrong(more, wrong);
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0) {
            uint32_t left = 6 - 2 * (uint32_t)(i % 4);
            data[length++] = (uint8_t)(bits >> left);
            bits &= (1u << left) - 1;
        }
    }
    if (bits != 0 || (text.length % 4 != 0) || (padding > 0 && text.length < 4)) {
        return http_event_wrong(more, wrong);
    }
    *out = (struct http_text){(const char *)data, length};
    return true;
}

static bool http_event_timestamp(struct http_event_more *more, const struct json_value *value)
{
    uint64_t ms;
    if (value->kind == JSON_STRING &&
        units_parse_time_ms(value->text, value->length, &more->timestamp) == ERR_OK &&
        more->timestamp >= 0) {
        return true;
    }
    if (value->kind == JSON_NUMBER && units_parse_u64(value->text, value->length, &ms) == ERR_OK &&
        ms <= INT64_MAX) {
        more->timestamp = (int64_t)ms;
        return true;
    }
    more->timestamp = -1;
    return http_event_wrong(more, "timestamp is neither milliseconds since 1970 nor RFC 3339.");
}

/* Names and values, in order, as a record has them. */
static bool http_event_headers(struct http_events *events, struct http_event_more *more,
                               const struct json_value *value)
{
    struct json_value name;
    struct json_value item;
    if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY) {
        return http_event_wrong(more, "headers are neither an object nor an array.");
    }
    size_t count = 0;
    struct json_items items = json_items(value);
    while (json_items_next(&items, NULL, &item)) {
        if (++count > HTTP_EVENT_HEADERS_MAX) {
            return http_event_wrong(more, "An event has 1,000 headers at most.");
        }
    }
    /* Two lengths of 5 bytes at most, and texts that get no longer. */
    size_t capacity = value->length + 10 * count;
    uint8_t *data = arena_alloc(events->arena, capacity + 1, 1);
    if (data == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(data, capacity);
    items = json_items(value);
    while (json_items_next(&items, &name, &item)) {
        struct log_records_header header = {.key = NULL};
        struct http_text key;
        struct http_text text = {.data = NULL};
        if (value->kind == JSON_ARRAY) {
            if (!http_event_header(events, more, &item, &header)) {
                return false;
            }
        } else {
            if (!http_event_text(events, more, &name, &key) ||
                (item.kind != JSON_NULL && !http_event_text(events, more, &item, &text))) {
                return false;
            }
            header = (struct log_records_header){(const uint8_t *)key.data, (uint32_t)key.length,
                                                 (const uint8_t *)text.data, (uint32_t)text.length};
        }
        log_records_header_put(&w, &header);
    }
    ASSERT(w.err == ERR_OK);
    more->headers = data;
    more->headers_bytes = (uint32_t)w.pos;
    more->headers_count = (uint32_t)count;
    return true;
}

/* {name, value | value_base64} */
static bool http_event_header(struct http_events *events, struct http_event_more *more,
                              const struct json_value *item, struct log_records_header *header)
{
    static const char wrong[] = "A header is an object with name and value or value_base64.";
    struct http_text key = {.data = NULL};
    struct http_text text = {.data = NULL};
    struct json_value name;
    struct json_value value;
    if (item->kind != JSON_OBJECT) {
        return http_event_wrong(more, wrong);
    }
    struct json_items members = json_items(item);
    while (json_items_next(&members, &name, &value)) {
        struct http_text member = {name.text, name.length};
        bool is_read =
            http_text_is(member, "name")           ? http_event_text(events, more, &value, &key)
            : http_text_is(member, "value_base64") ? http_event_base64(events, more, &value, &text)
            : !http_text_is(member, "value")
                ? http_event_wrong(more, wrong)
                : value.kind == JSON_NULL || http_event_text(events, more, &value, &text);
        if (!is_read) {
            return false;
        }
    }
    if (key.data == NULL) {
        return http_event_wrong(more, wrong);
    }
    *header = (struct log_records_header){(const uint8_t *)key.data, (uint32_t)key.length,
                                          (const uint8_t *)text.data, (uint32_t)text.length};
    return true;
}

static bool http_event_wrong(struct http_event_more *more, const char *detail)
{
    more->error = HTTP_EVENT_INVALID;
    more->detail = detail;
    return false;
}
