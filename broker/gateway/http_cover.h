/* Where events stand that were appended becomes a position: `min_position` as offsets, in questions
 * by HTTP and WebSocket. What is so new that it is not on the timeline yet, or has none, is waited
 * for. Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_HTTP_COVER_H
#define BROKER_GATEWAY_HTTP_COVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/rt/timer.h"
#include "broker/core/ticks_cover.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http_question.h"

struct core_shard;
struct http_cover;

/* Room for what is wrong: it names a topic. */
#define HTTP_COVER_DETAIL_BYTES 512

typedef void http_cover_fn(struct http_cover *cover);

/* In place, the caller's until start and from `done` on. Zero it, fill the first part. */
struct http_cover {
    /* Asked. */
    http_cover_fn *done;                    /* once, from a turn of the loop */
    void *ctx;                              /* the caller's */
    struct core_shard *cs;                  /* where */
    struct arena *arena;                    /* of what is found out */
    const struct http_question_want *wants; /* wants_count: lives until `done` */
    uint32_t wants_count;
    uint64_t deadline_ns; /* rt_now_ns; 0: the server's default for statements */

    /* Answered. */
    enum http_error error;                /* HTTP_ERRORS_COUNT: `position` is there; not when it was
                                             canceled */
    struct core_position position;        /* that holds them all */
    char detail[HTTP_COVER_DETAIL_BYTES]; /* what is wrong; "": the error says it */
    bool is_canceled;

    /* Private to http_cover.c. */
    struct core_ticks_cover ticks;
    struct rt_timer retry; /* asks once more */
};

/* Begin. False: there is no such position; error and detail say why, and `done` is not called. */
MUST_USE bool http_cover_start(struct http_cover *cover);

/* End it early: `done` still fires once. */
void http_cover_cancel(struct http_cover *cover);

#endif
