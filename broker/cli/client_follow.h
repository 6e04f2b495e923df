/* A stream or a view followed over WebSocket, printed as it changes; resumed behind the last token
 * when the connection is lost: what `tdb subscribe` and SUBSCRIBE in the shell share.
 *
 * Rows are held until the progress behind them, and printed then: what was printed and the token
 * that is told at the end belong together, and nothing is printed twice. Rows of a snapshot, which
 * has no token within, are printed as they come. */
#ifndef BROKER_CLI_CLIENT_FOLLOW_H
#define BROKER_CLI_CLIENT_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "broker/cli/client_changes.h"
#include "broker/cli/client_event.h"
#include "broker/cli/client_int.h"
#include "broker/cli/client_ws.h"

/* The longest text that is asked for, and a token. */
#define CLIENT_FOLLOW_TEXT_BYTES_MAX  (64u << 10)
#define CLIENT_FOLLOW_TOKEN_BYTES_MAX (16u << 10)

/* What `text` is. */
enum client_follow_what {
    CLIENT_FOLLOW_NAME, /* of a stream or a view */
    CLIENT_FOLLOW_SQL,  /* SELECT ... */
};

/* In place; zeroed but for the first part, the caller's to fill. */
struct client_follow {
    struct client *c;                /* complaints, results, signals, memory */
    enum client_follow_what what;    /* what is followed: */
    const char *text;                /* text_length bytes, UTF-8 */
    size_t text_length;              /* <= CLIENT_FOLLOW_TEXT_BYTES_MAX */
    const char *from;                /* where it begins, as JSON; NULL: as the server has it */
    const char *token;               /* likewise, a token; NULL: none */
    uint64_t credit;                 /* rows on the way at most; 0: as the connection holds */
    bool is_disconnect;              /* who reads too slowly is sent away */
    uint64_t limit;                  /* ends behind so many rows and changes; 0: never */
    uint64_t patience_ns;            /* so long a lost server is tried again */
    enum client_query_format format; /* how it is printed */
    bool is_expanded;                /* columns below each other (aligned) */

    struct client_ws_address address; /* the server */
    struct client_ws ws;              /* the connection */
    struct client_changes changes;    /* what is printed */
    struct client_shape shape;        /* columns */
    struct arena arena;               /* of a message */
    struct arena shape_arena;         /* of the shape */
    struct arena resume_arena;        /* of the last token, CLIENT_FOLLOW_TOKEN_BYTES_MAX */
    char *held;                       /* messages that wait for their progress; the budget's */
    size_t held_bytes;                /* bytes there */
    size_t held_capacity;             /* room there */
    bool is_stream;                   /* it is asked for as a stream, else as a SELECT */
    bool was_begun;                   /* it was answered at least once */
    bool is_begun;                    /* in this connection */
    bool has_shape;                   /* likewise */
    bool is_in_snapshot;              /* rows are printed at once */
    bool is_ahead;                    /* rows behind the token were printed */
    uint64_t ungranted;               /* rows that came since credit was given */
    uint64_t granted;                 /* rows that the server may send, in this connection */
    uint64_t granted_max;             /* they are never more; UINT64_MAX: without limit */
    uint64_t lost_ns;                 /* the server is away since; 0: it is not */
    enum client_exit status;          /* how it ended */
};

/* Follow until a signal comes, the limit is reached, or it goes wrong; `err` is told, and at last
 * how to go on. Blocks. Of wrong flags CLIENT_EXIT_USAGE. */
enum client_exit client_follow_run(struct client_follow *follow);

#endif
