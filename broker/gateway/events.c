/* The items of a body. See events.h. */
#include "broker/gateway/events.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/units.h"
#include "schemas/json/reader.h"
#include "storage/log/records.h"

/* The longest name of a member that an error quotes. */
#define HTTP_EVENTS_NAME_BYTES 40

/* What is being read. */
struct http_events_reader {
    struct json_reader *json;   /* checks texts */
    struct arena *arena;        /* where it goes */
    enum http_events_form form; /* of the body */
    struct http_events *out;    /* the items */
    uint32_t capacity;          /* of out->items */
};

static enum http_error http_events_lines(struct http_events_reader *reader, struct http_text body);
static enum http_error http_events_values(struct http_events_reader *reader, struct http_text body);
static bool http_events_check(struct http_events_reader *reader, struct http_text text,
                              uint64_t line);
static enum err http_events_passed(void *context, size_t record, const struct json_found *found,
                                   uint32_t duplicates_count);
static enum err http_events_refused(void *context, size_t record, const struct json_fault *fault);
static struct json_value http_events_value(struct http_text text);
static struct http_event *http_events_add(struct http_events_reader *reader);
static bool http_event_read(struct http_events_reader *reader, struct http_event *event,
                            const struct json_value *item);
static bool http_event_member(struct http_events_reader *reader, struct http_event *event,
                              struct http_text name, const struct json_value *value);
static bool http_event_text(struct http_events_reader *reader, struct http_event *event,
                            const struct json_value *value, struct http_text *out);
static bool http_event_base64(struct http_events_reader *reader, struct http_event *event,
                              const struct json_value *value, struct http_text *out);
static bool http_event_timestamp(struct http_event *event, const struct json_value *value);
static bool http_event_headers(struct http_events_reader *reader, struct http_event *event,
                               const struct json_value *value);
static bool http_event_header(struct http_events_reader *reader, struct http_event *event,
                              const struct json_value *item, struct log_records_header *header);
static bool http_event_wrong(struct http_event *event, const char *detail);

enum http_error http_events_read(struct json_reader *json, struct arena *arena,
                                 enum http_events_form form, struct http_text body,
                                 struct http_events *out)
{
    *out = (struct http_events){.count = 0};
    struct http_events_reader reader = {.json = json, .arena = arena, .form = form, .out = out};
    return form == HTTP_EVENTS_NDJSON ? http_events_lines(&reader, body)
                                      : http_events_values(&reader, body);
}

/* --- Items --- */

/* A line that is not JSON is that line's error: the others can be told apart from it. */
static enum http_error http_events_lines(struct http_events_reader *reader, struct http_text body)
{
    const char *at = body.data;
    const char *end = body.data + body.length;
    for (uint64_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct http_text text = {at, (size_t)((newline != NULL ? newline : end) - at)};
        at = newline != NULL ? newline + 1 : end;
        text.length -= text.length > 0 && text.data[text.length - 1] == '\r';
        if (http_text_trim(text).length == 0) {
            continue;
        }
        struct http_event *event = http_events_add(reader);
        if (event == NULL) {
            return reader->out->count == HTTP_EVENTS_MAX ? HTTP_BODY_TOO_LARGE : HTTP_OVERLOADED;
        }
        event->value = text;
        if (!http_events_check(reader, text, line)) {
            event->error = HTTP_JSON_INVALID;
            event->detail =
                arena_copy(reader->arena, reader->out->detail, strlen(reader->out->detail));
            reader->out->detail[0] = '\0'; /* the line's, not the body's */
        }
    }
    return HTTP_ERRORS_COUNT;
}

/* A value, or an array of them. */
static enum http_error http_events_values(struct http_events_reader *reader, struct http_text body)
{
    if (!http_events_check(reader, body, 0)) {
        return HTTP_JSON_INVALID;
    }
    struct json_value whole = http_events_value(body);
    struct json_value value;
    bool is_array = whole.kind == JSON_ARRAY;
    struct json_items items = is_array ? json_items(&whole) : (struct json_items){.at = NULL};
    for (bool is_first = true; is_array ? json_items_next(&items, NULL, &value) : is_first;
         is_first = false) {
        struct http_event *event = http_events_add(reader);
        value = is_array ? value : whole;
        if (event == NULL) {
            return reader->out->count == HTTP_EVENTS_MAX ? HTTP_BODY_TOO_LARGE : HTTP_OVERLOADED;
        }
        if (reader->form == HTTP_EVENTS_JSON) {
            uint32_t quote = value.kind == JSON_STRING; /* a string's text is without them */
            event->value = (struct http_text){value.text - quote, value.length + 2 * quote};
        } else if (!http_event_read(reader, event, &value)) {
            event->error = event->error != HTTP_ERRORS_COUNT ? event->error : HTTP_OVERLOADED;
        }
    }
    return HTTP_ERRORS_COUNT;
}

/* Whether `text`, that line of the body or (0) all of it, is JSON; if not, out->detail says why. */
static bool http_events_check(struct http_events_reader *reader, struct http_text text,
                              uint64_t line)
{
    static const struct json_sink_ops ops = {http_events_passed, http_events_refused};
    struct json_text record = {text.data, text.length};
    struct json_fault fault = {.err = ERR_OK};
    size_t done_count;
    enum err err = json_reader_read(reader->json, &record, 1, &ops, &fault, &done_count);
    ASSERT(err == ERR_OK);
    char *detail = reader->out->detail;
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

/* One more, of which nothing is known. NULL: too many, or no memory. */
static struct http_event *http_events_add(struct http_events_reader *reader)
{
    struct http_events *out = reader->out;
    if (out->count == HTTP_EVENTS_MAX) {
        snprintf(out->detail, sizeof(out->detail), "The body has more than %u events.",
                 HTTP_EVENTS_MAX);
        return NULL;
    }
    if (out->count == reader->capacity) {
        uint32_t capacity = reader->capacity > 0 ? 4 * reader->capacity : 16;
        struct http_event *items =
            arena_alloc(reader->arena, capacity * sizeof(*items), _Alignof(struct http_event));
        if (items == NULL) {
            return NULL;
        }
        if (out->count > 0) {
            memcpy(items, out->items, out->count * sizeof(*items));
        }
        out->items = items;
        reader->capacity = capacity;
    }
    struct http_event *event = &out->items[out->count++];
    *event = (struct http_event){.timestamp = -1, .partition = -1, .error = HTTP_ERRORS_COUNT};
    return event;
}

/* --- An envelope --- */

/* False: it is none, and event->error says so; or there was no memory. */
static bool http_event_read(struct http_events_reader *reader, struct http_event *event,
                            const struct json_value *item)
{
    static const char wrong[] = "An event is an object with value, value_text or value_base64.";
    struct json_value name;
    struct json_value value;
    bool has_value = false;
    if (item->kind != JSON_OBJECT) {
        return http_event_wrong(event, wrong);
    }
    struct json_items members = json_items(item);
    while (json_items_next(&members, &name, &value)) {
        struct http_text text = {name.text, name.length};
        has_value = has_value || (text.length >= 5 && memcmp(text.data, "value", 5) == 0);
        if (!http_event_member(reader, event, text, &value)) {
            return false;
        }
    }
    return has_value || http_event_wrong(event, wrong);
}

static bool http_event_member(struct http_events_reader *reader, struct http_event *event,
                              struct http_text name, const struct json_value *value)
{
    uint32_t quote = value->kind == JSON_STRING;
    bool is_null = value->kind == JSON_NULL;
    struct http_text none = {.data = NULL};
    struct http_text raw = {value->text - quote, value->length + 2 * quote};
    uint64_t partition;
    if (http_text_is(name, "value")) {
        event->value = is_null ? none : raw;
        return true;
    }
    if (http_text_is(name, "key")) {
        event->key = is_null ? none : raw;
        return value->kind != JSON_STRING || http_event_text(reader, event, value, &event->key);
    }
    if (http_text_is(name, "value_text")) {
        return http_event_text(reader, event, value, &event->value);
    }
    if (http_text_is(name, "value_base64")) {
        return http_event_base64(reader, event, value, &event->value);
    }
    if (http_text_is(name, "key_base64")) {
        return http_event_base64(reader, event, value, &event->key);
    }
    if (http_text_is(name, "headers")) {
        return is_null || http_event_headers(reader, event, value);
    }
    if (http_text_is(name, "timestamp")) {
        return is_null || http_event_timestamp(event, value);
    }
    if (http_text_is(name, "partition")) {
        if (!is_null && (value->kind != JSON_NUMBER ||
                         units_parse_u64(value->text, value->length, &partition) != ERR_OK ||
                         partition >= LIMIT_PARTITIONS_COUNT)) {
            return http_event_wrong(event, "partition is not the number of a partition.");
        }
        event->partition = is_null ? -1 : (int64_t)partition;
        return true;
    }
    char detail[128];
    int shown = name.length < HTTP_EVENTS_NAME_BYTES ? (int)name.length : HTTP_EVENTS_NAME_BYTES;
    int length = snprintf(detail, sizeof(detail),
                          "An event has no member %.*s; see application/vnd.tdb.events+json.",
                          shown, name.data);
    return http_event_wrong(event, arena_copy(reader->arena, detail, (size_t)length));
}

/* The characters that a JSON string stands for. */
static bool http_event_text(struct http_events_reader *reader, struct http_event *event,
                            const struct json_value *value, struct http_text *out)
{
    if (value->kind != JSON_STRING) {
        return http_event_wrong(event, "A text is wanted where there is another value.");
    }
    char *text = arena_alloc(reader->arena, value->length + 1, 1);
    if (text == NULL) {
        return false;
    }
    struct bytes_writer w = bytes_writer(text, value->length);
    if (json_unescape(&w, value) != ERR_OK) {
        return http_event_wrong(event, "An escape names half a character.");
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
static bool http_event_base64(struct http_events_reader *reader, struct http_event *event,
                              const struct json_value *value, struct http_text *out)
{
    static const char wrong[] = "base64 (RFC 4648, padded) is wanted where there is another value.";
    struct http_text text;
    if (value->kind != JSON_STRING) {
        return http_event_wrong(event, wrong);
    }
    if (!http_event_text(reader, event, value, &text)) {
        return false;
    }
    size_t padding = text.length > 0 && text.data[text.length - 1] == '=';
    padding += padding > 0 && text.length > 1 && text.data[text.length - 2] == '=';
    uint8_t *data = arena_alloc(reader->arena, text.length / 4 * 3 + 1, 1);
    if (data == NULL) {
        return false;
    }
    size_t length = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.length - padding; i++) {
        int digit = http_event_digit(text.data[i]);
        if (digit < 0 || text.length % 4 != 0) {
            return http_event_wrong(event, wrong);
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0) {
            uint32_t left = 6 - 2 * (uint32_t)(i % 4);
            data[length++] = (uint8_t)(bits >> left);
            bits &= (1u << left) - 1;
        }
    }
    if (bits != 0 || (text.length % 4 != 0) || (padding > 0 && text.length < 4)) {
        return http_event_wrong(event, wrong);
    }
    *out = (struct http_text){(const char *)data, length};
    return true;
}

static bool http_event_timestamp(struct http_event *event, const struct json_value *value)
{
    uint64_t ms;
    if (value->kind == JSON_STRING &&
        units_parse_time_ms(value->text, value->length, &event->timestamp) == ERR_OK &&
        event->timestamp >= 0) {
        return true;
    }
    if (value->kind == JSON_NUMBER && units_parse_u64(value->text, value->length, &ms) == ERR_OK &&
        ms <= INT64_MAX) {
        event->timestamp = (int64_t)ms;
        return true;
    }
    event->timestamp = -1;
    return http_event_wrong(event, "timestamp is neither milliseconds since 1970 nor RFC 3339.");
}

/* Names and values, in order, as a record has them. */
static bool http_event_headers(struct http_events_reader *reader, struct http_event *event,
                               const struct json_value *value)
{
    struct json_value name;
    struct json_value item;
    if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY) {
        return http_event_wrong(event, "headers are neither an object nor an array.");
    }
    size_t count = 0;
    struct json_items items = json_items(value);
    while (json_items_next(&items, NULL, &item)) {
        if (++count > HTTP_EVENT_HEADERS_MAX) {
            return http_event_wrong(event, "An event has 1,000 headers at most.");
        }
    }
    /* Two lengths of 5 bytes at most, and texts that get no longer. */
    size_t capacity = value->length + 10 * count;
    uint8_t *data = arena_alloc(reader->arena, capacity + 1, 1);
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
            if (!http_event_header(reader, event, &item, &header)) {
                return false;
            }
        } else {
            if (!http_event_text(reader, event, &name, &key) ||
                (item.kind != JSON_NULL && !http_event_text(reader, event, &item, &text))) {
                return false;
            }
            header = (struct log_records_header){(const uint8_t *)key.data, (uint32_t)key.length,
                                                 (const uint8_t *)text.data, (uint32_t)text.length};
        }
        log_records_header_put(&w, &header);
    }
    ASSERT(w.err == ERR_OK);
    event->headers = data;
    event->headers_bytes = (uint32_t)w.pos;
    event->headers_count = (uint32_t)count;
    return true;
}

/* {name, value | value_base64} */
static bool http_event_header(struct http_events_reader *reader, struct http_event *event,
                              const struct json_value *item, struct log_records_header *header)
{
    static const char wrong[] = "A header is an object with name and value or value_base64.";
    struct http_text key = {.data = NULL};
    struct http_text text = {.data = NULL};
    struct json_value name;
    struct json_value value;
    if (item->kind != JSON_OBJECT) {
        return http_event_wrong(event, wrong);
    }
    struct json_items members = json_items(item);
    while (json_items_next(&members, &name, &value)) {
        struct http_text member = {name.text, name.length};
        bool is_read =
            http_text_is(member, "name")           ? http_event_text(reader, event, &value, &key)
            : http_text_is(member, "value_base64") ? http_event_base64(reader, event, &value, &text)
            : !http_text_is(member, "value")
                ? http_event_wrong(event, wrong)
                : value.kind == JSON_NULL || http_event_text(reader, event, &value, &text);
        if (!is_read) {
            return false;
        }
    }
    if (key.data == NULL) {
        return http_event_wrong(event, wrong);
    }
    *header = (struct log_records_header){(const uint8_t *)key.data, (uint32_t)key.length,
                                          (const uint8_t *)text.data, (uint32_t)text.length};
    return true;
}

static bool http_event_wrong(struct http_event *event, const char *detail)
{
    event->error = HTTP_EVENT_INVALID;
    event->detail = detail;
    return false;
}
