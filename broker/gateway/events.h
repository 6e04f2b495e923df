/* Events as clients send them by HTTP: the items of a body. Pure; what is found stands in the body
 * or in the arena.
 *
 *   application/json               one value, or an array of them: each is an event's value
 *   application/x-ndjson           a value on each line; empty lines are passed over
 *   application/vnd.tdb.events+json  one object, or an array of them:
 *       value         any JSON, kept as it is; null: an event without a value (a tombstone)
 *       value_text    a text, whose characters are the value
 *       value_base64  bytes
 *       key           a text, whose characters are the key; other JSON is kept as it is; null: none
 *       key_base64    bytes
 *       headers       an object of texts and nulls, or an array of {name, value | value_base64}
 *       timestamp     milliseconds since 1970, or RFC 3339; absent: now
 *       partition     a number; absent: by the key, as Java clients choose; without one, any
 *
 * A value is kept byte for byte. What is wrong with one item is that item's error, where the items
 * can be told apart; else it is the body's. */
#ifndef BROKER_GATEWAY_EVENTS_H
#define BROKER_GATEWAY_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http_text.h"

struct json_lines;
struct json_reader;

/* Items of one body. */
#define HTTP_EVENTS_MAX 65536u

/* Headers of one event. */
#define HTTP_EVENT_HEADERS_MAX 1000u

/* Room for the words on what is wrong with a body. */
#define HTTP_EVENTS_DETAIL_BYTES 200

enum http_events_form {
    HTTP_EVENTS_JSON,     /* values */
    HTTP_EVENTS_NDJSON,   /* likewise, by lines */
    HTTP_EVENTS_ENVELOPE, /* objects */
};

/* What few events have besides their value. */
struct http_event_more {
    struct http_text key;   /* data NULL: none */
    struct http_text value; /* as the event's */
    const uint8_t *headers; /* as storage/log/records.h has them */
    uint32_t headers_bytes; /* of them */
    uint32_t headers_count; /* of them */
    int64_t timestamp;      /* ms since 1970; -1: now */
    int64_t partition;      /* -1: by the key */
    enum http_error error;  /* why it is no event; HTTP_ERRORS_COUNT: it is */
    const char *detail;     /* in words; NULL: as the error's row says */
};

/* An event. Most are but a value, and bodies have many: so they are short. */
struct http_event {
    struct http_text value;             /* data NULL: none */
    const struct http_event_more *more; /* never NULL; &http_event_plain: a value alone */
};

extern const struct http_event_more http_event_plain;

/* The items of a body, read step by step. */
struct http_events {
    struct http_event *items;              /* in the arena */
    uint32_t count;                        /* of them */
    uint32_t failed_count;                 /* of them that are no events */
    enum http_error error;                 /* of the body; HTTP_ERRORS_COUNT: none */
    char detail[HTTP_EVENTS_DETAIL_BYTES]; /* what is wrong with the body */

    /* Private to events.c. */
    struct json_reader *json;   /* checks texts */
    struct json_lines *lines;   /* and lines; begun anew in each step */
    const char *lines_from;     /* where they began */
    struct arena *arena;        /* where items go */
    enum http_events_form form; /* of the body */
    uint32_t capacity;          /* of items */
    const char *at;             /* NDJSON: the next line */
    const char *end;            /* and where the last one ends */
    uint64_t line;              /* and which it is, from 1 */
    struct json_items values;   /* else: the items that are left */
    struct json_value whole;    /* or the body as the only one */
    bool is_array;              /* which of both */
    bool is_done;               /* nothing is left */
};

/* Begin to read `body`; `json`, whatever paths it has, checks it: what is not JSON as a whole is
 * found out at once, but for lines. Both `json` and `lines` are others' between two steps. `arena`
 * and `body` stay until the last step. */
void http_events_begin(struct http_events *events, struct json_reader *json,
                       struct json_lines *lines, struct arena *arena, enum http_events_form form,
                       struct http_text body);

/* Read on, about `bytes_max` of the body, less where lines are no JSON. True: it is done; then
 * events->error is HTTP_ERRORS_COUNT and the items are there, each with its own error, or it is the
 * body's, with its detail: HTTP_JSON_INVALID, HTTP_BODY_TOO_LARGE (too many items), HTTP_OVERLOADED
 * (the arena refuses). */
bool http_events_step(struct http_events *events, size_t bytes_max);

/* `event`, one of `events` and good so far, is none because of `error`; `detail` lives as long as
 * the arena, or is NULL. Without memory for that it is HTTP_OVERLOADED. */
void http_events_refuse(struct http_events *events, struct http_event *event, enum http_error error,
                        const char *detail);

#endif
