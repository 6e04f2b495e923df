/* What a server says of a subscription, message by message (VIEWS §7, subprotocol tdb.v1.json).
 * Knows no transport and prints nothing. */
#ifndef BROKER_CLI_CLIENT_EVENT_H
#define BROKER_CLI_CLIENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/json.h"
#include "broker/cli/client_answer.h"

/* name, what "ev" says. */
#define CLIENT_EVENTS(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(SCHEMA, "schema")                                                                            \
    X(ROWS, "rows")                                                                                \
    X(SNAPSHOT_END, "snapshot_end")                                                                \
    X(CHANGES, "changes")                                                                          \
    X(PROGRESS, "progress")                                                                        \
    X(GAP, "gap")                                                                                  \
    X(CLOSED, "closed")                                                                            \
    X(ERROR, "error")

enum client_event_kind {
#define CLIENT_EVENT_ENUM(name, text) CLIENT_EVENT_##name,
    CLIENT_EVENTS(CLIENT_EVENT_ENUM)
#undef CLIENT_EVENT_ENUM
        CLIENT_EVENT_OTHER /* one of a later server: passed over */
};

/* A message. What it points to is in the text or in the arena. */
struct client_event {
    enum client_event_kind kind;

    uint64_t id; /* whose it is; 0: none that is a whole number */

    /* OK; of a view that was bound anew also SCHEMA */
    bool is_view;           /* it is a view that is followed */
    bool is_snapshot;       /* of which all rows come first */
    const char *resume_why; /* why, where a token was given; "": not said */

    /* SCHEMA */
    struct json_value columns; /* an array */
    struct json_value key;     /* an array of the key's column numbers; text NULL: there is none */

    struct json_value items; /* ROWS, CHANGES: an array */

    /* PROGRESS */
    const char *token; /* not empty */

    /* GAP: events that are gone */
    uint64_t partition; /* where */
    uint64_t from;      /* the first one */
    uint64_t to;        /* behind the last one */

    /* ERROR, CLOSED */
    bool has_problem; /* CLOSED: else it ended as it was told to */
    bool is_retriable;
    const char *code; /* "unknown_stream" */
    struct client_problem problem;
};

/* What becomes of a row. */
enum client_change {
    CLIENT_CHANGE_INSERT, /* there is one more such row */
    CLIENT_CHANGE_DELETE, /* one less */
    CLIENT_CHANGE_UPSERT, /* the row of its key is this one now */
    CLIENT_CHANGE_REMOVE, /* there is none of its key any more; only the key is known */
};

/* The character that stands for one: '+', '-', 'u', 'd'. */
char client_change_mark(enum client_change change);

/* Columns of what is followed. In place; filled by client_shape_read. */
struct client_shape {
    struct client_answer_column *columns; /* columns_count */
    struct client_answer_cell *cells;     /* likewise: of the row that is being read */
    size_t columns_count;
    uint32_t *key; /* key_count numbers of columns, each once */
    size_t key_count;
};

/* Who takes rows: each lives during the call. Of REMOVE only the key's cells are set; the others
 * have json NULL. False: no more. */
typedef bool client_event_take(void *ctx, enum client_change change,
                               const struct client_answer_cell *cells, size_t count);

/* *out = the message in `length` bytes of `text`. ERR_INVALID: it is none; ERR_TOO_LARGE,
 * ERR_BUDGET: no memory for it. */
MUST_USE enum err client_event_read(struct client_event *out, const char *text, size_t length,
                                    struct arena *arena);

/* *out = the shape that a SCHEMA tells, in `arena`. ERR_INVALID, ERR_TOO_LARGE, ERR_BUDGET. */
MUST_USE enum err client_shape_read(struct client_shape *out, const struct client_event *event,
                                    struct arena *arena);

/* Give the rows of a ROWS or CHANGES to `take`, *count of them; cells lie in the text or in
 * `arena`, which is rewound after each. ERR_INVALID: one is not of that shape; ERR_CANCELED: `take`
 * wanted no more; ERR_TOO_LARGE, ERR_BUDGET. */
MUST_USE enum err client_event_rows(const struct client_event *event, struct client_shape *shape,
                                    struct arena *arena, client_event_take *take, void *ctx,
                                    size_t *count);

#endif
