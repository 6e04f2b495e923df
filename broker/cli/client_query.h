/* A statement asked of a server over HTTP, and its answer printed as it comes: what the commands
 * that speak SQL share. */
#ifndef BROKER_CLI_CLIENT_QUERY_H
#define BROKER_CLI_CLIENT_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/cli/client_answer.h"
#include "broker/cli/client_http.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_table.h"

/* The longest statement. */
#define CLIENT_QUERY_BYTES_MAX (1u << 20)

enum client_query_format {
    CLIENT_QUERY_ALIGNED, /* a table for people */
    CLIENT_QUERY_CSV,     /* RFC 4180, names first; null is nothing, an empty text "" */
    CLIENT_QUERY_JSON,    /* a row is a line, an object */
};

/* What asks, one statement after the other. In place; the first part is the caller's to fill. */
struct client_query {
    struct client *c;                /* complaints, results, signals, memory */
    enum client_query_format format; /* how rows are printed */
    bool is_expanded;                /* columns below each other (aligned) */
    bool is_timed;                   /* say how long each took */

    struct client_http http;     /* open between client_query_open and _close */
    struct arena arena;          /* of an answer */
    struct arena held;           /* of rows that wait for their width */
    struct client_answer answer; /* the one that is coming */
    struct client_table table;   /* likewise, when it is aligned */
    bool has_table;              /* it has columns */
    bool is_progress_shown;      /* a line about it stands on the terminal */
    uint64_t began_ns;           /* it was asked then */
    char *line;                  /* a line of it that is not whole; the budget's */
    size_t line_length;          /* bytes there */
    size_t line_capacity;        /* room there */
    enum err err;                /* why it was given up */
};

/* Make ready to ask c->server. Else `err` was told why not. */
enum client_exit client_query_open(struct client_query *query);

/* Ask the `length` bytes of `sql`, print what is answered. CLIENT_EXIT_FAILED: it went wrong, or
 * was interrupted, and `err` was told. */
enum client_exit client_query_run(struct client_query *query, const char *sql, size_t length);

/* Let go of everything. */
void client_query_close(struct client_query *query);

#endif
