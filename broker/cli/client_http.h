/* HTTP requests behind one door: only client_http.c includes libcurl's headers. It allocates for
 * itself; one thread, one request at a time, on a connection that is kept. Redirects are not
 * followed, proxies not asked.
 *
 * Whatever fails returns an `enum err` and leaves a text for people, escaped, in `why`. */
#ifndef BROKER_CLI_CLIENT_HTTP_H
#define BROKER_CLI_CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

/* Room for `why`. */
#define CLIENT_HTTP_WHY_BYTES 512

/* The longest URL. */
#define CLIENT_HTTP_URL_BYTES 2048

/* A server to ask. Zeroed before client_http_open. */
struct client_http {
    void *easy;                       /* libcurl's; NULL: not open */
    void *multi;                      /* likewise */
    char base[CLIENT_HTTP_URL_BYTES]; /* "http://127.0.0.1:8080", without a slash at its end */
    char why[CLIENT_HTTP_WHY_BYTES];  /* the last failure of a call */
};

/* A POST. */
struct client_http_request {
    const char *path;    /* "/api/v1/query" */
    const char *accept;  /* media types */
    const char *content; /* of the body */
    const char *body;    /* body_length; lives during the call */
    size_t body_length;
    int watch_fd; /* `tick` is called as soon as it can be read; -1: none */
    void *ctx;    /* of the functions, called during the call */
    /* Some bytes of the answer, whose status is `status`. False: no more, ERR_CANCELED. */
    bool (*data)(void *ctx, long status, const char *bytes, size_t length);
    /* Some time has gone by, a fifth of a second at most. False: no more, ERR_CANCELED. */
    bool (*tick)(void *ctx);
};

/* Make ready to ask `url`: "http://HOST:PORT" or "HOST:PORT". ERR_INVALID: it is none. */
MUST_USE enum err client_http_open(struct client_http *http, const char *url);

/* Let go of everything. Nothing when it is not open. */
void client_http_close(struct client_http *http);

/* Send it, take the answer; *status is its. An answer that is given up closes the connection.
 * ERR_UNREACHABLE: no connection; ERR_RESET: it broke; ERR_CANCELED. */
MUST_USE enum err client_http_post(struct client_http *http,
                                   const struct client_http_request *request, long *status);

#endif
