/* What is written for a client: the body of an answer of HTTP, or a message of WebSocket. It stands
 * in pieces, a chain of buffers; who sends takes them from the front, or copies all.
 *
 * Once memory is short, or HTTP_ANSWER_BYTES_MAX are there, the rest is dropped and `err` says so.
 * Own shard only; nothing blocks. */
#ifndef BROKER_GATEWAY_OUT_H
#define BROKER_GATEWAY_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "broker/gateway/errors.h"

/* Room for the first piece: a problem fits. */
#define HTTP_PIECE_FIRST_BYTES 1024u

/* The largest body. */
#define HTTP_ANSWER_BYTES_MAX (64u << 20)

/* Bytes of a body, one of a chain. */
struct http_piece {
    uint8_t *data;           /* the bytes */
    uint32_t length;         /* written */
    uint32_t capacity;       /* room */
    struct buf *buf;         /* whose they are; NULL: the out's own */
    struct http_piece *next; /* NULL: the last */
};

/* In place; to be dropped in the end. */
struct http_out {
    struct http_piece *first; /* what is written and not taken */
    struct http_piece *last;  /* its last piece */
    struct http_piece *spare; /* to be used again */
    uint64_t bytes;           /* written and not freed */
    enum err err;             /* why it cannot be written on: ERR_BUDGET, ERR_TOO_LARGE */
    bool has_piece;           /* `piece` is in use */
    struct arena *arena;      /* where pieces come from */
    struct buf_pool *bufs;    /* and their bytes */
    struct budget *budget;    /* of those */
    uint64_t *held_bytes;     /* of buffers, with others' */
    uint64_t held_bytes_max;  /* of them */

    /* For what needs no memory. */
    struct http_piece piece;                     /* the first */
    uint8_t piece_bytes[HTTP_PIECE_FIRST_BYTES]; /* its bytes */
};

/* Make it ready, whatever it was; `piece` and its bytes are left as they are. Pieces come from
 * `arena`, their bytes from `bufs` and `budget`; they count in *held_bytes, which stays at or below
 * `held_bytes_max`: what nobody reads must not take all memory there is. */
void http_out_init(struct http_out *out, struct arena *arena, struct buf_pool *bufs,
                   struct budget *budget, uint64_t *held_bytes, uint64_t held_bytes_max);

/* Write bytes, a text, a JSON string with its quotes (`text` is UTF-8; or every byte that is none
 * is written as U+FFFD), bytes in base64, a number. */
void http_out_put(struct http_out *out, const void *data, size_t length);
void http_out_put_text(struct http_out *out, const char *text);
void http_out_put_string(struct http_out *out, const void *text, size_t length);
void http_out_put_base64(struct http_out *out, const void *data, size_t length);
void http_out_put_i64(struct http_out *out, int64_t number);
void http_out_put_u64(struct http_out *out, uint64_t number);

/* A problem's members without braces (RFC 9457), and without the request's id. `detail` NULL: none;
 * `hint`: what to do, NULL: what its row says. */
void http_out_put_problem(struct http_out *out, enum http_error error, const char *detail,
                          const char *hint);

/* Room for at least `bytes` more, to be written at once and then told with http_out_wrote, how much
 * of it; for writers who know what they write. NULL: memory is short. */
uint8_t *http_out_room(struct http_out *out, size_t bytes);
void http_out_wrote(struct http_out *out, size_t bytes);

/* Whether memory was short for what was written: no more of it counts. */
static inline bool http_out_is_short(const struct http_out *out)
{
    return out->err != ERR_OK;
}

/* Forget what is written and not taken. */
void http_out_drop(struct http_out *out);

/* Free pieces that were taken: a chain. */
void http_out_free(struct http_out *out, struct http_piece *piece);

/* Copy what is written and not taken to `to`; with none taken it is out->bytes. Or `length` bytes
 * from `at` on, which are there. */
void http_out_copy(const struct http_out *out, uint8_t *to);
void http_out_copy_some(const struct http_out *out, uint64_t at, size_t length, uint8_t *to);

#endif
