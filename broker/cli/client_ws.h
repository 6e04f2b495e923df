/* A WebSocket connection to a server (RFC 6455, subprotocol tdb.v1.json) behind one door: only
 * client_ws.c includes libwebsockets' header and libev's. They allocate for themselves; messages
 * lie in the budget. One thread; whole text messages, one at a time: what comes behind one that is
 * being looked at waits at the server.
 *
 * Whatever fails returns an `enum err` and leaves a text for people, escaped, in `why`. */
#ifndef BROKER_CLI_CLIENT_WS_H
#define BROKER_CLI_CLIENT_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/compiler.h"
#include "base/err.h"

/* The longest message of a server, and of ours. */
#define CLIENT_WS_TEXT_BYTES_MAX (64u << 20)
#define CLIENT_WS_SENT_BYTES_MAX (1u << 20)

/* Room for `why`, and for the name of a host. */
#define CLIENT_WS_WHY_BYTES  512
#define CLIENT_WS_HOST_BYTES 256

/* Close codes from here on say that the same would happen again (VIEWS §7). */
#define CLIENT_WS_CODE_FINAL 3500

struct client_ws_message;

/* Where a server is. */
struct client_ws_address {
    char host[CLIENT_WS_HOST_BYTES]; /* a name or an address, without brackets */
    uint16_t port;                   /* its */
    bool is_bracketed;               /* it stood in brackets: IPv6 */
};

/* A connection. Zeroed but for the first part, the caller's to fill. */
struct client_ws {
    struct budget *budget; /* pays for messages */
    int watch_fd;          /* waiting ends as soon as it can be read; -1: none */

    void *loop;      /* libev's; NULL: not begun */
    void *context;   /* libwebsockets' */
    void *wsi;       /* likewise; NULL: there is no connection */
    void *watch;     /* libev's, of watch_fd */
    bool is_open;    /* the handshake was done */
    bool is_over;    /* it has ended, or never came about */
    bool is_closing; /* a close is to be sent, or was */
    bool is_woken;   /* watch_fd can be read */

    char *in;                        /* the message that comes; the budget's */
    size_t in_bytes;                 /* bytes there */
    size_t in_capacity;              /* room there */
    bool is_whole;                   /* it is a message; nothing more is taken meanwhile */
    bool is_given;                   /* and it was given */
    enum err in_err;                 /* why it was not taken: memory, size, not text */
    struct client_ws_message *first; /* to be sent, in order */
    struct client_ws_message *last;  /* the last of them */

    uint16_t close_code;           /* the server's; 0: it ended without one */
    char why[CLIENT_WS_WHY_BYTES]; /* the last failure */
};

/* *out = the server that `url` names: "http://HOST:PORT", "ws://[::1]:8080/", "HOST"; the port is
 * 80 where there is none. ERR_INVALID: none of these, or a scheme that is not spoken. Pure. */
MUST_USE enum err client_ws_address(struct client_ws_address *out, const char *url);

/* Begin to connect to `address`; what goes wrong later is told by client_ws_next. ERR_BUDGET,
 * ERR_UNSUPPORTED: the libraries refuse. May block while a name is looked up. */
MUST_USE enum err client_ws_begin(struct client_ws *ws, const struct client_ws_address *address);

/* Send `length` bytes (UTF-8, <= CLIENT_WS_SENT_BYTES_MAX) of `text`, a message, as soon as there
 * is a connection that takes it. ERR_BUDGET. */
MUST_USE enum err client_ws_send(struct client_ws *ws, const char *text, size_t length);

/* *text = the next message, *length its bytes; it lives until the next call. ERR_AGAIN: none
 * within `wait_ms`, or watch_fd can be read; ERR_UNREACHABLE: no connection came about; ERR_RESET:
 * it has ended, and close_code may say why; ERR_TOO_LARGE, ERR_INVALID, ERR_BUDGET: a message that
 * is not taken, and the connection has ended. */
MUST_USE enum err client_ws_next(struct client_ws *ws, int wait_ms, const char **text,
                                 size_t *length);

/* Say goodbye, wait a moment for the server to do so, and let go of everything. Nothing when it was
 * not begun. */
void client_ws_end(struct client_ws *ws);

#endif
