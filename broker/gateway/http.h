/* What a handler sees of HTTP: a request that is here whole, and an answer that it writes. Handlers
 * know no transport.
 *
 *     void http_handle_hello(struct http_call *call)
 *     {
 *         http_put_text(call, "{\"hello\":");
 *         http_put_string(call, call->params[0].data, call->params[0].length);
 *         http_put_text(call, "}");
 *         http_answer(call, 200, HTTP_MEDIA_JSON);
 *     }
 *
 * A handler is called once for a request, from a turn of the loop, and ends it then or later with
 * one of http_answer, http_problem, http_end and http_break. What it allocates from call->arena and
 * what the request consists of lives until then and through `release`.
 *
 * **An answer whose length is not known** is begun, and what was written leaves with each flush:
 *
 *     http_begin(call, 200, HTTP_MEDIA_NDJSON, more);
 *     http_wait(call, stop);
 *     ... http_put, and while http_flush(call) says that there is room, more of it;
 *         else `more` is called when the client has taken enough ...
 *     http_end(call);
 *
 * An answer of which nothing was flushed before its end is an ordinary one, with its length.
 * Nothing here blocks; own shard only. */
#ifndef BROKER_GATEWAY_HTTP_H
#define BROKER_GATEWAY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/list.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http1.h"
#include "broker/gateway/out.h"

struct core_shard;
struct http_call;
struct http_conn;
struct http_door;
struct http_route;

typedef void http_call_fn(struct http_call *call);

/* Parameters in a route's path. */
#define HTTP_PARAMS_MAX 4u

/* Headers that a handler adds to its answer. */
#define HTTP_ANSWER_HEADERS_MAX 8u

/* Pieces of one send. */
#define HTTP_IOV_MAX 16u

/* Room for an answer's head. */
#define HTTP_ANSWER_HEAD_BYTES 1024u

/* Media types. */
#define HTTP_MEDIA_JSON    "application/json"
#define HTTP_MEDIA_NDJSON  "application/x-ndjson"
#define HTTP_MEDIA_EVENTS  "application/vnd.tdb.events+json"
#define HTTP_MEDIA_PROBLEM "application/problem+json"
#define HTTP_MEDIA_CSV     "text/csv"
#define HTTP_MEDIA_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* A header of an answer. */
struct http_answer_header {
    const char *name;  /* static */
    const char *value; /* in the arena */
};

/* A request and its answer. */
struct http_call {
    /* Asked. */
    struct core_shard *cs;                    /* the broker's part on this shard */
    const struct http_route *route;           /* what it asks for; NULL: nothing that is served */
    struct http1_request head;                /* method, query, headers */
    struct http_text params[HTTP_PARAMS_MAX]; /* of the route's path, decoded, UTF-8 */
    struct http_text body;                    /* as sent, without chunks; length 0: none */
    struct arena arena;                       /* the handler's memory */

    /* The handler's. */
    void *state;           /* whatever it keeps, in the arena */
    http_call_fn *release; /* give back what is not the arena's; NULL: nothing */

    /* Private to broker/gateway: the answer. */
    http_call_fn *cancel;                                       /* of http_wait; NULL: none */
    http_call_fn *drained;                                      /* of http_begin; NULL: none */
    struct list_node in_idle;                                   /* http_door.idle_calls */
    struct http_conn *conn;                                     /* where it goes */
    struct http_piece *sending;                                 /* pieces in the send under way */
    uint64_t sending_bytes;                                     /* of `sending` */
    struct http_answer_header headers[HTTP_ANSWER_HEADERS_MAX]; /* besides the usual ones */
    uint32_t headers_count;                                     /* of them */
    uint16_t status;                                            /* of the answer */
    const char *media;                                          /* of its body */
    struct iovec iov[HTTP_IOV_MAX];                             /* of the send under way */
    uint64_t number;                                            /* of this request on its shard */
    bool has_head;                                              /* `head` is whole */
    bool is_begun;    /* http_begin: status and media are set */
    bool has_left;    /* bytes of the answer have: it cannot become another one */
    bool is_full;     /* http_flush has answered false: `drained` is due */
    bool is_answered; /* the answer stands */

    /* Likewise. */
    struct http_out out; /* the body: what is to be sent; its bytes: with those being sent */
    uint8_t head_bytes[HTTP_ANSWER_HEAD_BYTES]; /* the head */
};

/* Zeroed memory from the arena. NULL: there is none, and the call has been ended with that. */
void *http_alloc(struct http_call *call, size_t bytes);

/* Write to the answer's body, as out.h has it. Once memory is short the rest is dropped and
 * http_answer answers that instead. */
static inline void http_put(struct http_call *call, const void *data, size_t length)
{
    http_out_put(&call->out, data, length);
}
static inline void http_put_text(struct http_call *call, const char *text)
{
    http_out_put_text(&call->out, text);
}
static inline void http_put_string(struct http_call *call, const void *text, size_t length)
{
    http_out_put_string(&call->out, text, length);
}
static inline void http_put_base64(struct http_call *call, const void *data, size_t length)
{
    http_out_put_base64(&call->out, data, length);
}
static inline void http_put_i64(struct http_call *call, int64_t number)
{
    http_out_put_i64(&call->out, number);
}
static inline void http_put_u64(struct http_call *call, uint64_t number)
{
    http_out_put_u64(&call->out, number);
}

/* Whether memory was short for what was written: no more of it counts. */
static inline bool http_is_short(const struct http_call *call)
{
    return http_out_is_short(&call->out);
}

/* Bytes written that no send has taken. */
static inline uint64_t http_unsent_bytes(const struct http_call *call)
{
    return call->out.bytes - call->sending_bytes;
}

/* Forget the body written so far. */
void http_put_again(struct http_call *call);

/* A header of the answer: `name` static, `value` copied. At most HTTP_ANSWER_HEADERS_MAX
 * (asserted); where they do not fit and memory is short, those that are added last are left out. */
void http_header(struct http_call *call, const char *name, const char *value);

/* The answer stands: `status`, the body written so far, its media type. The call may be gone when
 * this returns. */
void http_answer(struct http_call *call, uint16_t status, const char *media);

/* Bytes of a begun answer that may be written and not sent, before it has no room. */
#define HTTP_STREAM_BYTES_MAX (256u << 10)

/* The answer is written piece by piece: its status and media type. `drained` is called from a turn
 * of the loop when there is room again, after http_flush found none. Nothing leaves before the
 * first http_flush: until then http_problem may still answer instead. */
void http_begin(struct http_call *call, uint16_t status, const char *media, http_call_fn *drained);

/* Send what was written, in a chunk, as soon as what was sent before has left. Whether there is
 * room for more: more may be written all the same, as far as memory goes. The client is gone: what
 * is written is dropped, and there is room. Who flushes has called http_wait, to be told. */
bool http_flush(struct http_call *call);

/* The answer is whole. Memory was short: it is cut, as by http_break. The call may be gone when
 * this returns; likewise after http_break. */
void http_end(struct http_call *call);

/* End an answer of which bytes have left (asserted), in a way that shows that it is cut: without
 * the last chunk. A client of HTTP/1.0 cannot tell. What was not flushed is dropped. */
void http_break(struct http_call *call);

/* It failed: answer the problem `error` (RFC 9457) with `detail`, NULL: what its row says; a body
 * written so far is dropped. */
void http_problem(struct http_call *call, enum http_error error, const char *detail);
void http_problem_of(struct http_call *call, enum http_error error, const char *format, ...)
    PRINTF(3, 4);

/* A problem's members behind its opening brace, without the closing one: for answers that go on.
 * `hint`: what to do, NULL: what its row says. */
void http_put_problem(struct http_call *call, enum http_error error, const char *detail,
                      const char *hint);

/* The handler waits for something that may take long: `cancel` is called once, perhaps within this
 * call, when the client is gone or the server closes, unless the call was ended before; the handler
 * then ends it soon, as ever. */
void http_wait(struct http_call *call, http_call_fn *cancel);

/* Whether the server ends: why a handler was canceled. */
bool http_is_closing(const struct http_call *call);

/* *value = the parameter `name` of the query, decoded, in the arena; ERR_NOT_FOUND: there is none.
 * ERR_INVALID: it cannot be decoded, or stands there twice; ERR_BUDGET. */
MUST_USE enum err http_query(struct http_call *call, const char *name, struct http_text *value);

/* Whether the query has no other parameters than the `count` `names`. False: it has, and the call
 * was ended with that. */
bool http_query_only(struct http_call *call, const char *const *names, size_t count);

/* *out = the number in the query's `name`, within min..max; `fallback` where there is none. False:
 * the call was ended with what is wrong. */
bool http_query_u64(struct http_call *call, const char *name, uint64_t min, uint64_t max,
                    uint64_t fallback, uint64_t *out);

#endif
