/* The bytes of a connection read as a server would, and what it has read as one line of text:
 *
 *     GET /a?b=c example.org | POST / h [body] close
 *
 * Method, target's path and query, host, the body in brackets; `continue` where the client waits
 * for an interim response, `upgrade`, `close` where the connection is not kept, a status where
 * something is refused, `...` at the end where bytes are missing. Bytes behind a close are not
 * read. */
#ifndef TESTS_UNIT_GATEWAY_EXCHANGE_H
#define TESTS_UNIT_GATEWAY_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "broker/gateway/http1.h"

/* The most a chunked body may have. */
#define EXCHANGE_BODY_BYTES_MAX (1u << 20)

/* A connection, up to what it has received. */
struct exchange {
    struct http1_reader reader;   /* of heads */
    struct http1_request request; /* the head being read, or read */
    struct http1_chunks chunks;   /* of its body */
    struct bytes_writer *w;       /* where the text goes */
    size_t pos;                   /* of all bytes: where the head begins, or the rest of the body */
    uint64_t left_bytes;          /* of a body with a length */
    enum { EXCHANGE_HEAD, EXCHANGE_LENGTH, EXCHANGE_CHUNKS, EXCHANGE_ENDED } stage;
};

/* Nothing received yet; the text goes to `w`, as far as it has room. */
void exchange_init(struct exchange *x, struct bytes_writer *w);

/* `data` are all `length` bytes received so far: those of the last call and more, perhaps at
 * another place. */
void exchange_receive(struct exchange *x, const uint8_t *data, size_t length);

/* No more bytes come. */
void exchange_end(struct exchange *x, size_t length);

/* Read `length` bytes that arrive in pieces: up to cuts[0], to cuts[1] and so on (ascending), then
 * the rest. Each arrival is at a place of its own, with nothing readable behind it. */
void exchange_read(const uint8_t *data, size_t length, const size_t *cuts, size_t count,
                   struct bytes_writer *w);

#endif
