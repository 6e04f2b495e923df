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
 * one of http_answer and http_problem. What it allocates from call->arena and what the request
 * consists of lives until then and through `release`. Nothing here blocks; own shard only. */
#ifndef BROKER_GATEWAY_HTTP_H
#define BROKER_GATEWAY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/list.h"
#include "broker/gateway/errors.h"
#include "broker/gateway/http1.h"

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

/* Room for an answer's head, and for its body's first piece: a problem fits. */
#define HTTP_ANSWER_HEAD_BYTES 1024u
#define HTTP_PIECE_FIRST_BYTES 1024u

/* Media types. */
#define HTTP_MEDIA_JSON    "application/json"
#define HTTP_MEDIA_NDJSON  "application/x-ndjson"
#define HTTP_MEDIA_EVENTS  "application/vnd.tdb.events+json"
#define HTTP_MEDIA_PROBLEM "application/problem+json"
#define HTTP_MEDIA_METRICS "text/plain; version=0.0.4; charset=utf-8"

/* Bytes of an answer's body, one of a chain. */
struct http_piece {
    uint8_t *data;           /* the bytes */
    uint32_t length;         /* written */
    uint32_t capacity;       /* room */
    struct buf *buf;         /* whose they are; NULL: the call's */
    struct http_piece *next; /* NULL: the last */
};

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
    struct list_node in_idle;                                   /* http_door.idle_calls */
    struct http_conn *conn;                                     /* where it goes */
    struct http_piece *first;                                   /* the body */
    struct http_piece *last;                                    /* its last piece */
    struct http_piece *next;                                    /* the first that was not sent */
    uint64_t body_bytes;                                        /* of all pieces */
    struct http_answer_header headers[HTTP_ANSWER_HEADERS_MAX]; /* besides the usual ones */
    uint32_t headers_count;                                     /* of them */
    uint16_t status;                                            /* of the answer */
    const char *media;                                          /* of its body */
    struct iovec iov[HTTP_IOV_MAX];                             /* of the send under way */
    uint64_t number;                                            /* of this request on its shard */
    enum err err;     /* why the body cannot be written on: ERR_BUDGET, ERR_TOO_LARGE */
    bool has_head;    /* `head` is whole */
    bool is_answered; /* the answer stands */

    /* Likewise; for an answer that needs no memory. */
    struct http_piece piece;                     /* the body's first */
    uint8_t piece_bytes[HTTP_PIECE_FIRST_BYTES]; /* its bytes */
    uint8_t head_bytes[HTTP_ANSWER_HEAD_BYTES];  /* the head */
};

/* The largest body of an answer. */
#define HTTP_ANSWER_BYTES_MAX (64u << 20)

/* Zeroed memory from the arena. NULL: there is none, and the call has been ended with that. */
void *http_alloc(struct http_call *call, size_t bytes);

/* Write to the answer's body: bytes, a text, a JSON string with its quotes (`text` is UTF-8; or
 * every byte that is none is written as U+FFFD), a number. Once memory is short the rest is dropped
 * and http_answer answers that instead. */
void http_put(struct http_call *call, const void *data, size_t length);
void http_put_text(struct http_call *call, const char *text);
void http_put_string(struct http_call *call, const void *text, size_t length);
void http_put_base64(struct http_call *call, const void *data, size_t length);
void http_put_i64(struct http_call *call, int64_t number);
void http_put_u64(struct http_call *call, uint64_t number);

/* Forget the body written so far. */
void http_put_again(struct http_call *call);

/* A header of the answer: `name` static, `value` copied. At most HTTP_ANSWER_HEADERS_MAX
 * (asserted). */
void http_header(struct http_call *call, const char *name, const char *value);

/* The answer stands: `status`, the body written so far, its media type. The call may be gone when
 * this returns. */
void http_answer(struct http_call *call, uint16_t status, const char *media);

/* It failed: answer the problem `error` (RFC 9457) with `detail`, NULL: what its row says; a body
 * written so far is dropped. */
void http_problem(struct http_call *call, enum http_error error, const char *detail);
void http_problem_of(struct http_call *call, enum http_error error, const char *format, ...)
    PRINTF(3, 4);

/* A problem's members behind its opening brace, without the closing one: for answers that go on. */
void http_put_problem(struct http_call *call, enum http_error error, const char *detail);

/* The handler waits for something that may take long: `cancel` is called once, perhaps within this
 * call, when the client is gone or the server closes, unless the call was ended before; the handler
 * then ends it soon, as ever. */
void http_wait(struct http_call *call, http_call_fn *cancel);

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
