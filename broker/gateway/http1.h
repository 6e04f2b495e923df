/* HTTP/1.1 as bytes, the reading side: the head of a request, and a body in chunks. The writing
 * side is http1_write.h.
 *
 *     http1_reader_reset(&reader);
 *     ... bytes have arrived: `data` are all that came since the reset, `length` of them ...
 *     switch (http1_read_head(&reader, data, length, &request)) {
 *     case HTTP1_MORE:    receive more, call again with the old bytes in front
 *     case HTTP1_REFUSED: answer reader.status, close
 *     case HTTP1_DONE:    the body begins at data + request.head_bytes; request.body says how long
 *     }
 *
 * The bytes may move between two calls, and after the last (then set request.data): what the reader
 * remembers are positions. Each byte is looked at once, however it arrives, and what results does
 * not depend on where the stream was cut.
 *
 * **Strict.** Whoever stands between us and a client must not read other messages than we do, so
 * what a careful sender would not write is refused and the connection closed (VIEWS section 8;
 * RFC 9112 section 11.2): a line ends with CR LF; no CR, LF, NUL or other control character within
 * a line but a tab in a value; no folded line; no space before a colon or around the target; one
 * Content-Length, of digits; one Transfer-Encoding, `chunked`, in HTTP/1.1, without Content-Length;
 * one Host. One empty line before a request is stepped over, a second is not.
 *
 * Left to the door: which hosts, origins, methods and paths it serves, and how large a body.
 *
 * Source: RFC 9112, RFC 9110. Pure: nothing allocates, blocks or keeps a pointer but request.data.
 */
#ifndef BROKER_GATEWAY_HTTP1_H
#define BROKER_GATEWAY_HTTP1_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "broker/gateway/http_text.h"

/* A whole head with its empty line, and what stands before it: a browser's with large cookies fits,
 * and four of them in what an unauthenticated connection may make us hold. Past it 431. */
#define HTTP1_HEAD_BYTES_MAX 16384u

/* The request line without CR LF; RFC 9112 section 3 wants at least 8000. Past it 414. */
#define HTTP1_REQUEST_LINE_BYTES_MAX 8192u

/* A header line without CR LF: half a head, more than the longest tokens people send. Past it 431.
 */
#define HTTP1_HEADER_BYTES_MAX 8192u

/* Header lines of one head; browsers send about 20, proxies add a few. More are refused with 431.
 */
#define HTTP1_HEADERS_COUNT_MAX 64u

/* The line with a chunk's size, without CR LF. Nobody sends extensions of use (RFC 9112 section
 * 7.1.1); what is there is checked and dropped. Past it 400. */
#define HTTP1_CHUNK_LINE_BYTES_MAX 256u

/* Extensions of all chunks of one body: they are not counted as body, so they need a bound of their
 * own (CVE-2023-39326). Past it 400. */
#define HTTP1_CHUNK_EXTENSIONS_BYTES_MAX 4096u

/* All lines behind the last chunk. Past it 431. */
#define HTTP1_TRAILERS_BYTES_MAX 8192u

static_assert(HTTP1_HEAD_BYTES_MAX <= UINT16_MAX, "a position in a head is a uint16");

/* What a reader has found. */
enum http1_result {
    HTTP1_MORE,    /* all bytes are used up and more are needed */
    HTTP1_BODY,    /* (of chunks) bytes of the body */
    HTTP1_DONE,    /* the head, or the body, is complete */
    HTTP1_REFUSED, /* malformed or too large: answer with `status`, close */
};

/* Methods the house has a use for. Names are matched with case (RFC 9110 section 9.1). */
enum http1_method {
    HTTP1_OTHER, /* any other token: http1_method_text says which; not CONNECT, which is refused */
    HTTP1_GET,
    HTTP1_HEAD,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_DELETE,
    HTTP1_PATCH,
    HTTP1_OPTIONS,
};

/* How the body after a request's head ends. */
enum http1_body {
    HTTP1_BODY_NONE,    /* there is none */
    HTTP1_BODY_LENGTH,  /* after content_length bytes, at least one */
    HTTP1_BODY_CHUNKED, /* as struct http1_chunks reads it */
};

/* A part of a head, by its position in the bytes given. */
struct http1_span {
    uint16_t pos;    /* first byte */
    uint16_t length; /* bytes */
};

/* A header line; the value is without the white space around it. */
struct http1_header {
    struct http1_span name;  /* as sent: match without case */
    struct http1_span value; /* may be empty */
};

/* A request's head. Whoever moves the bytes sets `data`; the texts of the functions below live as
 * long as the bytes stay. */
struct http1_request {
    const uint8_t *data;           /* the bytes of the last http1_read_head */
    enum http1_method method;      /* known once the request line is there; HTTP1_OTHER before */
    enum http1_body body;          /* how the body ends */
    uint64_t content_length;       /* bytes of the body when `body` is HTTP1_BODY_LENGTH, else 0 */
    uint32_t head_bytes;           /* where the body begins, in `data` */
    uint32_t headers_count;        /* of `headers` */
    uint8_t minor;                 /* 0: HTTP/1.0; 1: HTTP/1.1, and what calls itself 1.2 to 1.9 */
    bool keep_alive;               /* the client wants the connection kept (RFC 9112 section 9.3) */
    bool expects_continue;         /* a body follows only after `100 Continue` (or some time) */
    bool wants_upgrade;            /* an Upgrade header that Connection names, in 1.1 */
    bool is_asterisk;              /* the target is `*` (OPTIONS only): path and query are empty */
    struct http1_span method_span; /* see http1_method_text; likewise the next four */
    struct http1_span target;
    struct http1_span path;
    struct http1_span query;
    struct http1_span host;
    struct http1_header headers[HTTP1_HEADERS_COUNT_MAX]; /* as they came */
};

/* Reads heads, one after another. All fields but `status` and `why` are http1_read.c's own. */
struct http1_reader {
    uint16_t line_pos;   /* where the line begins that is being read */
    uint16_t looked_pos; /* up to here there is no line end, from line_pos on */
    uint16_t seen;       /* framing headers seen: bits of http1_read.c */
    uint16_t status;     /* refused: what to answer, 400, 413, 414, 417, 431, 501 or 505; else 0 */
    uint8_t stage;       /* which line comes next */
    const char *why;     /* refused: what is wrong, for people; static storage */
};

/* Ready for the first byte of a head. */
void http1_reader_reset(struct http1_reader *reader);

/* Read on in a head of which `data` are all the `length` bytes since the reset, those of the calls
 * before unchanged in front. `out` is the same struct in every call for one head, and whole at
 * HTTP1_DONE; at HTTP1_REFUSED only its `method` says anything. Bytes behind the head are not
 * looked at. Never HTTP1_BODY. After HTTP1_DONE the next call is http1_reader_reset (asserted);
 * HTTP1_REFUSED stays. */
MUST_USE enum http1_result http1_read_head(struct http1_reader *reader, const uint8_t *data,
                                           size_t length, struct http1_request *out);

/* Parts of a complete head: the method as sent; the target as sent; its path, which begins with `/`
 * ("/" also where an absolute target has none; empty for `*`); the query behind `?`; the host with
 * its port, if any, of the target or else of the Host header (empty: HTTP/1.0 without one). Path
 * and query are not decoded (http_uri.h). */
struct http_text http1_method_text(const struct http1_request *request);
struct http_text http1_target(const struct http1_request *request);
struct http_text http1_path(const struct http1_request *request);
struct http_text http1_query(const struct http1_request *request);
struct http_text http1_host(const struct http1_request *request);

/* Name and value of header line `i` (< headers_count, asserted). */
struct http_text http1_header_name(const struct http1_request *request, uint32_t i);
struct http_text http1_header_value(const struct http1_request *request, uint32_t i);

/* How many header lines are called `name` (any case); *value = the first one's value, and untouched
 * where there is none. Who uses a value that must be one asks for exactly 1. */
uint32_t http1_find(const struct http1_request *request, const char *name, struct http_text *value);

/* Reads one body in chunks. All fields but `body_bytes`, `status` and `why` are http1_chunks.c's
 * own. */
struct http1_chunks {
    uint64_t left_bytes;       /* of the chunk being read */
    uint64_t body_bytes;       /* of the chunks whose size was read: what the body has so far */
    uint64_t body_bytes_max;   /* the most it may have */
    uint32_t line_bytes;       /* of the size line, or of the trailers */
    uint32_t extensions_bytes; /* of all size lines */
    uint16_t status;           /* refused: 400, 413 or 431; else 0 */
    uint8_t stage;             /* what the next byte must be */
    uint8_t digits_count;      /* of the size */
    const char *why;           /* refused: what is wrong, for people; static storage */
};

/* Ready for the first byte of a body that may have `body_bytes_max` (a chunk that passes it is
 * refused with 413 when its size is read). */
void http1_chunks_init(struct http1_chunks *chunks, uint64_t body_bytes_max);

/* Read on: `data` are the `length` bytes that follow those consumed so far. HTTP1_BODY: *body is a
 * run of body bytes, at least one, within `data`; HTTP1_MORE: everything was framing; HTTP1_DONE:
 * the body has ended, with its trailers, which are checked as headers are and dropped. *consumed =
 * bytes that need not be given again, at HTTP1_MORE all of them; call again with the others.
 * HTTP1_REFUSED stays; *consumed is then 0. After HTTP1_DONE not to be called (asserted). `body`
 * is written at HTTP1_BODY only. */
MUST_USE enum http1_result http1_chunks_read(struct http1_chunks *chunks, const uint8_t *data,
                                             size_t length, struct http_text *body,
                                             size_t *consumed);

#endif
