/* The thread that has the sockets of WebSocket connections: libwebsockets on its own loop
 * (DESIGN §3, §7), for the handshake's answer and for the frames that clients send; what is sent is
 * framed by the shards, and goes out by our own send.
 *
 * One for a process; in tests something else may stand in its place. */
#ifndef BROKER_GATEWAY_WS_PORT_H
#define BROKER_GATEWAY_WS_PORT_H

#include <stddef.h>

#include "base/budget.h"
#include "base/compiler.h"
#include "base/err.h"

struct ws_order;
struct ws_port;

struct ws_port_ops {
    /* Tell the thread: from any shard; orders of one shard arrive in order. Never fails, never
     * blocks. */
    void (*order)(struct ws_port *port, struct ws_order *order);
};

/* The head of whatever carries orders out. */
struct ws_port {
    const struct ws_port_ops *ops;
};

/* The one with libwebsockets. */
struct ws_lws;

/* *out = one that is ready, whose own struct is charged to `budget`; what comes in of messages that
 * are not whole yet may take `memory_bytes` together. ERR_BUDGET; ERR_UNSUPPORTED: libwebsockets
 * does not begin, its libev loop is not installed. Main thread, before shards run. */
MUST_USE enum err ws_lws_new(struct budget *budget, size_t memory_bytes, struct ws_lws **out);

/* Begin its thread. ERR_RESOURCES. */
MUST_USE enum err ws_lws_start(struct ws_lws *lws);

/* Where orders go. */
struct ws_port *ws_lws_port(struct ws_lws *lws);

/* End it, started or not, when no connection is left and no shard runs. Main thread; blocks until
 * the thread has returned, whose loop has nothing else to do. NULL is allowed and nothing. */
void ws_lws_free(struct budget *budget, struct ws_lws *lws);

#endif
