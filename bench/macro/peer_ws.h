/* A WebSocket client as load needs one (RFC 6455): it connects, says texts and takes what comes in
 * pieces as they are received, without keeping messages. Pings are answered. Any failure ends the
 * program with what it was. */
#ifndef BENCH_MACRO_PEER_WS_H
#define BENCH_MACRO_PEER_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest head of a frame that a server sends. */
#define PEER_WS_HEAD_BYTES 10u

/* The longest payload of a control frame. */
#define PEER_WS_CONTROL_BYTES 125u

/* One connection. In place. */
struct peer_ws {
    int fd;                                 /* its socket, which does not block */
    uint32_t head_bytes;                    /* of the frame that is coming in, of its head, */
    uint8_t head[PEER_WS_HEAD_BYTES];       /* which is this */
    uint64_t left;                          /* of its payload, once has_head */
    bool has_head;                          /* the head is whole */
    uint8_t opcode;                         /* the frame's */
    uint8_t control[PEER_WS_CONTROL_BYTES]; /* the payload of a control frame, */
    uint32_t control_bytes;                 /* so much of it */
};

/* A piece of a message; `is_end`: with it the message is whole. */
typedef void peer_ws_fn(void *ctx, const uint8_t *data, size_t length, bool is_end);

/* Connect to a port of this machine and ask for `path`; `protocol`: the subprotocol, or NULL. Waits
 * for the answer. */
void peer_ws_open(struct peer_ws *ws, uint16_t port, const char *path, const char *protocol);

/* Say a text, as one message. */
void peer_ws_say(struct peer_ws *ws, const char *text, size_t length);

/* Receive once, up to `size` bytes into `buffer`, and give what came of messages to `fn`. False:
 * nothing was there. */
bool peer_ws_take(struct peer_ws *ws, uint8_t *buffer, size_t size, peer_ws_fn *fn, void *ctx);

#endif
