/* Appending a body of events to a stream, for whoever takes such bodies. */
#ifndef BROKER_GATEWAY_HTTP_APPEND_H
#define BROKER_GATEWAY_HTTP_APPEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rt/op.h"
#include "broker/core/change.h"
#include "broker/gateway/events.h"
#include "broker/gateway/out.h"
#include "storage/log/format.h"

struct core_shard;
struct http_append;
struct http_append_lane;
struct http_append_place;
struct json_lines;
struct json_reader;

typedef void http_append_fn(struct http_append *append);

/* In place, the caller's until start and from `done` on. Zero it, fill the first part. */
struct http_append {
    /* Asked. */
    http_append_fn *done;          /* once, from a turn of the loop, perhaps within start */
    void *ctx;                     /* the caller's */
    struct core_shard *cs;         /* the broker's part on this shard */
    struct json_reader *json;      /* as http_events_begin has them */
    struct json_lines *json_lines; /* likewise */
    struct arena *arena;           /* all memory; it outlives what is answered */
    struct http_text stream;       /* its name, checked here; lives until done */
    struct http_text body;         /* likewise */
    enum http_events_form form;    /* of the body */
    uint64_t number;               /* another one each time: events without key and partition go by
                                      it */

    /* Answered. */
    enum http_error error; /* why nothing was begun; HTTP_ERRORS_COUNT: each event has its result */
    const char *detail;    /* of it; NULL: as its row says */
    uint32_t count;        /* events */
    uint32_t failed_count; /* of them */

    /* Private to http_append.c. */
    struct http_events events; /* what is appended */
    struct core_change change; /* makes the stream */
    struct core_change_item wish;
    struct rt_op turn;                 /* goes on in the next one */
    struct log_uuid topic;             /* the stream's, once it is there */
    int64_t now_ms;                    /* the time of events that have none */
    struct http_append_place *places;  /* of each event; NULL: none goes anywhere */
    struct http_append_lane *lanes;    /* in the order of their first events */
    struct http_append_lane *lane;     /* the first that may have events not sent yet */
    struct http_append_lane **by_part; /* the lane of each partition; NULL: there is one lane at
                                          most */
    uint32_t away_count;               /* batches that are not answered; and the start itself */
};

/* Begin. It cannot be ended early. */
void http_append_start(struct http_append *append);

/* Once done: why nothing at all was appended, and *detail (NULL: as the row says);
 * HTTP_ERRORS_COUNT: something was, or there was nothing. */
enum http_error http_append_why(struct http_append *append, const char **detail);

/* Write how it went, where append->error is none: "appended":1,"failed":0,"results":[...]; without
 * `has_results` an empty list of them. */
void http_append_put(struct http_append *append, struct http_out *out, bool has_results);

#endif
