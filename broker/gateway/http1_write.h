/* HTTP/1.1 as bytes, the writing side: heads of responses, and the frame around a body.
 *
 *     struct http1_frame frame = http1_frame(&request, 200, body_bytes, is_closing);
 *     http1_write_status(&w, 200);
 *     http1_write_date(&w, wall_ms);
 *     http1_write_header(&w, "Content-Type", http_text("application/json"));
 *     http1_write_frame(&w, &frame);           ends the head
 *     if (frame.has_body) { the body follows: as it is, or in chunks when frame.is_chunked }
 *     if (!frame.keep_alive) { close behind it }
 *
 * What does not fit leaves ERR_TOO_LARGE in the writer, a name or value that would break the head
 * ERR_INVALID: ask once, at the end. Nothing that comes from outside can end a line here.
 *
 * A payload is not copied into its chunk: the sender leaves HTTP1_CHUNK_HEAD_BYTES in front of it
 * and two bytes behind it, or gathers three pieces.
 *
 * Source: RFC 9112, RFC 9110. Pure: nothing allocates or blocks, and no clock is read. */
#ifndef BROKER_GATEWAY_HTTP1_WRITE_H
#define BROKER_GATEWAY_HTTP1_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "broker/gateway/http1.h"
#include "broker/gateway/http_text.h"

/* A length not known when the head is written. */
#define HTTP1_LENGTH_UNKNOWN UINT64_MAX

/* Bytes of a date, "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL. */
#define HTTP1_DATE_BYTES 29u

/* Room for the longest line before a chunk: 16 digits, CR LF. */
#define HTTP1_CHUNK_HEAD_BYTES 18u

/* What follows a chunk's payload, and what ends a body in chunks. */
#define HTTP1_CHUNK_TAIL       "\r\n"
#define HTTP1_CHUNK_TAIL_BYTES 2u
#define HTTP1_LAST_CHUNK       "0\r\n\r\n"
#define HTTP1_LAST_CHUNK_BYTES 5u

/* The whole interim response to a request that expects_continue. */
#define HTTP1_CONTINUE       "HTTP/1.1 100 Continue\r\n\r\n"
#define HTTP1_CONTINUE_BYTES 25u

/* How a response's body is framed, and whether the connection goes on behind it. */
struct http1_frame {
    uint64_t length;    /* of the body, for Content-Length; or HTTP1_LENGTH_UNKNOWN */
    bool has_length;    /* a Content-Length is written */
    bool is_chunked;    /* the body, if it has one, goes in chunks; HTTP1_LAST_CHUNK ends it */
    bool has_body;      /* body bytes follow; false: none, whatever the length (HEAD, 204, 304) */
    bool keep_alive;    /* false: the connection is closed behind the response */
    bool is_connection; /* a Connection header says so: always but for 1.1 kept alive */
};

/* The standard phrase of `status` ("Not Found"), or "" of one that RFC 9110 does not name. Static
 * storage. */
const char *http1_reason(uint16_t status);

/* How the response `status` (100 to 599, asserted) to `request` is framed when its body has
 * `length` bytes or HTTP1_LENGTH_UNKNOWN. `request` may be NULL: its head was refused, then the
 * connection is closed. `is_closing`: the server wants it closed, too. RFC 9112 section 6.3:
 * - no body to HEAD, nor with 1xx, 204, 304; a Content-Length with HEAD only says what GET's would
 *   be, with 1xx, 204 and 304 none is written;
 * - unknown length: chunks in 1.1, up to the close of the connection in 1.0. */
struct http1_frame http1_frame(const struct http1_request *request, uint16_t status,
                               uint64_t length, bool is_closing);

/* Write the status line; always HTTP/1.1, whatever the request said (RFC 9110 section 2.5).
 * `status` is 100 to 599 (asserted). */
void http1_write_status(struct bytes_writer *w, uint16_t status);

/* Write a header line. ERR_INVALID in the writer, nothing written: `name` is not a token, or
 * `value` has a character that a value cannot have (any control character but a tab). Asserted: not
 * one of those that http1_write_frame writes. */
void http1_write_header(struct bytes_writer *w, const char *name, struct http_text value);

/* Write Content-Length, Transfer-Encoding and Connection as `frame` says, and the empty line that
 * ends the head. */
void http1_write_frame(struct bytes_writer *w, const struct http1_frame *frame);

/* Write `wall_ms` (since 1970, UTC) as an IMF-fixdate (RFC 9110 section 5.6.7), to the second,
 * rounded down, without a NUL. Times outside the years 1970 to 9999 become the nearest end. */
void http1_format_date(int64_t wall_ms, char out[HTTP1_DATE_BYTES]);

/* Write the line before a chunk of `payload_bytes` (> 0, asserted: an empty chunk ends the body) so
 * that it ends where `room` ends. Returns its length, at most HTTP1_CHUNK_HEAD_BYTES: the chunk
 * begins that many bytes before room + HTTP1_CHUNK_HEAD_BYTES. */
size_t http1_chunk_head(uint8_t room[HTTP1_CHUNK_HEAD_BYTES], uint64_t payload_bytes);

#endif
