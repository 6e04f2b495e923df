/* The framing table: bytes on a connection and what a server must read in them, each row with where
 * it comes from: the RFC that says so, or a server, by project and advisory, that once read it
 * otherwise. */
#ifndef TESTS_UNIT_GATEWAY_FRAMING_H
#define TESTS_UNIT_GATEWAY_FRAMING_H

#include <stddef.h>

/* One case. */
struct framing_row {
    const char *name;   /* what is sent */
    const char *source; /* where it comes from; RFC numbers without "RFC" are 9112 */
    const char *bytes;  /* what is sent, NULs perhaps included */
    size_t length;      /* of it */
    const char *want;   /* as tests/unit/gateway/exchange.h writes it */
};

/* Rows of one file. */
struct framing_table {
    const struct framing_row *rows; /* `count` of them */
    size_t count;                   /* how many */
};

/* A row from string literals. */
#define FRAMING(name, source, bytes, want)                                                         \
    {                                                                                              \
        (name), (source), (bytes), sizeof(bytes) - 1, (want)                                       \
    }

/* What most rows begin with. */
#define FRAMING_GET  "GET / HTTP/1.1\r\n"
#define FRAMING_POST "POST / HTTP/1.1\r\n"
#define FRAMING_HOST "Host: h\r\n"
#define FRAMING_END  "\r\n"

/* Request lines, targets, hosts, header lines and connections. */
struct framing_table framing_lines(void);
struct framing_table framing_heads(void);

/* Bodies with a length, transfer codings, chunks and trailers. */
struct framing_table framing_bodies(void);
struct framing_table framing_chunks(void);

#endif
