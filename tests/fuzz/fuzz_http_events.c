/* Any bytes as a body of events, in each form, with much memory and with little. Then holds:
 *
 *  - an item of JSON or of lines that is taken is JSON, and a slice of the body, in order; a body
 *    or a line that is refused is none, unless memory or its depth is the reason;
 *  - what is read of an event is within bounds, and its headers can be read back;
 *  - with little memory the same is read, or it is said that there was none: never that a good item
 *    is a bad one.
 *
 *     form    & 3: enum http_events_form, 3: the first; the rest: hundreds of bytes of little
 * memory the rest  the body */
#include <string.h>

#include "base/cpu.h"
#include "base/limits.h"
#include "broker/gateway/events.h"
#include "schemas/json/lines.h"
#include "schemas/json/reader.h"
#include "storage/log/records.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/json_strict.h"

/* Up to here both readers of JSON go as deep. */
#define FUZZ_DEPTH_MAX 500u

/* Of a body of the driver's and libFuzzer's largest input. */
#define FUZZ_ARENA_BYTES ((size_t)256 << 20)

/* Whether the text could be deeper than that. */
static bool fuzz_is_deep(struct http_text text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.length; i++) {
        count += text.data[i] == '[' || text.data[i] == '{';
    }
    return count > FUZZ_DEPTH_MAX;
}

static bool fuzz_is_json(struct http_text text)
{
    return json_strict_is_valid(text.data, text.length);
}

static void fuzz_check_event(const struct http_event *event)
{
    struct bytes_reader r = bytes_reader(event->more->headers, event->more->headers_bytes);
    ASSERT(event->more->timestamp >= -1);
    ASSERT(event->more->partition >= -1);
    ASSERT(event->more->partition < (int64_t)LIMIT_PARTITIONS_COUNT);
    for (uint32_t i = 0; i < event->more->headers_count; i++) {
        ASSERT(log_records_header_get(&r).key != NULL);
    }
    ASSERT(bytes_reader_left(&r) == 0);
    ASSERT(r.err == ERR_OK);
}

static void fuzz_check_items(enum http_events_form form, struct http_text body,
                             const struct http_events *events)
{
    const char *at = body.data;
    for (uint32_t i = 0; i < events->count; i++) {
        const struct http_event *event = &events->items[i];
        bool is_taken = event->more->error == HTTP_ERRORS_COUNT;
        if (form != HTTP_EVENTS_ENVELOPE) {
            struct http_text value = event->value;
            ASSERT(value.data >= at);
            ASSERT(value.data + value.length <= body.data + body.length);
            ASSERT(is_taken == fuzz_is_json(value) || fuzz_is_deep(value));
            at = value.data + value.length;
        }
        if (is_taken) {
            fuzz_check_event(event);
        } else {
            ASSERT(event->more->error ==
                   (form == HTTP_EVENTS_NDJSON ? HTTP_JSON_INVALID : HTTP_EVENT_INVALID));
        }
    }
}

static bool fuzz_same(struct http_text a, struct http_text b)
{
    return (a.data == NULL) == (b.data == NULL) && a.length == b.length &&
           (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* `few` were read with little memory, `all` with enough. */
static void fuzz_compare(const struct http_events *few, const struct http_events *all)
{
    ASSERT(few->count == all->count);
    for (uint32_t i = 0; i < few->count; i++) {
        const struct http_event *a = &few->items[i];
        const struct http_event *b = &all->items[i];
        if (a->more->error == HTTP_ERRORS_COUNT) {
            ASSERT(b->more->error == HTTP_ERRORS_COUNT);
            ASSERT(fuzz_same(a->more->key, b->more->key));
            ASSERT(fuzz_same(a->value, b->value));
            ASSERT(a->more->headers_bytes == b->more->headers_bytes);
            ASSERT(a->more->timestamp == b->more->timestamp);
        } else {
            ASSERT(a->more->error == HTTP_OVERLOADED || a->more->error == b->more->error);
        }
    }
}

/* Read all of `body` in steps. */
static enum http_error fuzz_read(struct json_reader *json, struct arena *arena,
                                 enum http_events_form form, struct http_text body,
                                 size_t step_bytes, struct http_events *events)
{
    static struct json_lines lines; /* others' between two steps */
    http_events_begin(events, json, &lines, arena, form, body);
    while (!http_events_step(events, step_bytes)) {
    }
    return events->error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct budget budget;
    struct arena arena;
    struct arena little;
    struct arena json_arena;
    struct http_events events;
    struct http_events few;
    struct cpu cpu;
    struct json_paths paths;
    struct json_fault fault;
    size_t failed;
    static struct json_reader json; /* large; made anew each time */
    if (size == 0) {
        return 0;
    }
    enum http_events_form form = (enum http_events_form)((data[0] & 3) % 3);
    size_t little_bytes = 300 + 100 * (size_t)(data[0] >> 2);
    struct http_text body = {(const char *)data + 1, size - 1};
    budget_init(&budget, "fuzz", SIZE_MAX, NULL);
    arena_init(&arena, &budget, 4096, FUZZ_ARENA_BYTES);
    arena_init(&little, &budget, 256, little_bytes);
    arena_init(&json_arena, &budget, 4096, 4096);
    cpu_detect(&cpu);
    ASSERT(json_paths_compile(&json_arena, NULL, 0, &paths, &failed, &fault) == ERR_OK);
    ASSERT(json_reader_init(&json, json_indexer_for(&cpu), &paths, JSON_LIMITS_DEFAULT, &budget) ==
           ERR_OK);
    enum http_error error = fuzz_read(&json, &arena, form, body, SIZE_MAX, &events);
    if (error == HTTP_ERRORS_COUNT) {
        ASSERT(form == HTTP_EVENTS_NDJSON || fuzz_is_json(body) || fuzz_is_deep(body));
        fuzz_check_items(form, body, &events);
    } else {
        ASSERT(error == HTTP_JSON_INVALID || error == HTTP_BODY_TOO_LARGE);
        ASSERT(error == HTTP_BODY_TOO_LARGE || form != HTTP_EVENTS_NDJSON);
        ASSERT(error == HTTP_BODY_TOO_LARGE || !fuzz_is_json(body));
        ASSERT(events.detail[0] != '\0');
    }
    enum http_error little_error = fuzz_read(&json, &little, form, body, data[0] >> 2, &few);
    ASSERT(little_error == error || little_error == HTTP_OVERLOADED);
    if (little_error == HTTP_ERRORS_COUNT) {
        fuzz_compare(&few, &events);
    }
    arena_deinit(&arena);
    arena_deinit(&little);
    json_reader_deinit(&json);
    arena_deinit(&json_arena);
    ASSERT(budget.used_bytes == 0);
    budget_deinit(&budget);
    return 0;
}
