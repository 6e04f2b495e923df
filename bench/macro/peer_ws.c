/* See peer_ws.h. Frames are masked with the key 0, which leaves them as they are: a server unmasks
 * them all the same. */
#include "bench/macro/peer_ws.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_WS_CLOSE 8u
#define PEER_WS_PING  9u
#define PEER_WS_PONG  10u
#define PEER_WS_TEXT  1u

#define PEER_WS_WAIT_MS 60000

static void peer_ws_die(const char *what, const char *why)
{
    fprintf(stderr, "websocket: %s: %s\n", what, why);
    exit(1);
}

static void peer_ws_poll(const struct peer_ws *ws, short events)
{
    struct pollfd poll_fd = {.fd = ws->fd, .events = events};
    if (poll(&poll_fd, 1, PEER_WS_WAIT_MS) != 1) {
        peer_ws_die("waiting", "nothing comes");
    }
}

static void peer_ws_send(struct peer_ws *ws, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t bytes = send(ws->fd, data, length, MSG_NOSIGNAL);
        if (bytes < 0 && errno == EAGAIN) {
            peer_ws_poll(ws, POLLOUT);
        } else if (bytes < 0) {
            peer_ws_die("send", strerror(errno));
        } else {
            data += bytes;
            length -= (size_t)bytes;
        }
    }
}

static void peer_ws_frame(struct peer_ws *ws, uint8_t opcode, const void *data, size_t length)
{
    uint8_t frame[8 + 4096] = {(uint8_t)(0x80 | opcode)};
    size_t at = 2;
    if (length > 4096) {
        peer_ws_die("a frame", "too long");
    }
    if (length < 126) {
        frame[1] = (uint8_t)(0x80 | length);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
        at = 4;
    }
    at += 4; /* the key */
    memcpy(frame + at, data, length);
    peer_ws_send(ws, frame, at + length);
}

/* Receive once; 0: nothing is there. */
static size_t peer_ws_receive(struct peer_ws *ws, void *buffer, size_t size)
{
    ssize_t bytes = recv(ws->fd, buffer, size, 0);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN)) {
        peer_ws_die("receive", bytes == 0 ? "the server closed" : strerror(errno));
    }
    return bytes > 0 ? (size_t)bytes : 0;
}

void peer_ws_open(struct peer_ws *ws, uint16_t port, const char *path, const char *protocol)
{
    int one = 1;
    char text[1024];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *ws = (struct peer_ws){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (ws->fd < 0 || connect(ws->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        peer_ws_die("connect", strerror(errno));
    }
    int length = snprintf(text, sizeof(text),
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s%s%s\r\n",
                          path, protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
                          protocol != NULL ? protocol : "", protocol != NULL ? "\r\n" : "");
    peer_ws_send(ws, (uint8_t *)text, (size_t)length);
    size_t bytes = 0; /* one by one: what comes behind the head is a frame */
    while (bytes < 4 || memcmp(text + bytes - 4, "\r\n\r\n", 4) != 0) {
        if (bytes == sizeof(text) - 1 || peer_ws_receive(ws, text + bytes, 1) != 1) {
            peer_ws_die("handshake", "no answer, or a long one");
        }
        bytes++;
    }
    text[bytes] = '\0';
    if (strncmp(text, "HTTP/1.1 101", 12) != 0 || fcntl(ws->fd, F_SETFL, O_NONBLOCK) != 0) {
        peer_ws_die("handshake", text);
    }
}

void peer_ws_say(struct peer_ws *ws, const char *text, size_t length)
{
    peer_ws_frame(ws, PEER_WS_TEXT, text, length);
}

/* Take bytes of a frame's head; how many. */
static size_t peer_ws_head(struct peer_ws *ws, const uint8_t *data, size_t length)
{
    size_t taken = 0;
    while (taken < length && !ws->has_head) {
        ws->head[ws->head_bytes++] = data[taken++];
        uint8_t size = ws->head[1] & 0x7f;
        uint32_t more = size == 127 ? 8 : size == 126 ? 2 : 0;
        if (ws->head_bytes >= 2 && ws->head_bytes == 2 + more) {
            ws->left = more == 0 ? size : 0;
            for (uint32_t i = 0; i < more; i++) {
                ws->left = ws->left << 8 | ws->head[2 + i];
            }
            ws->has_head = true;
            ws->opcode = ws->head[0] & 0x0f;
            ws->control_bytes = 0;
            if (ws->opcode >= PEER_WS_CLOSE && ws->left > PEER_WS_CONTROL_BYTES) {
                peer_ws_die("a frame", "a long one that controls");
            }
        }
    }
    return taken;
}

/* Take bytes of a frame's payload. */
static void peer_ws_payload(struct peer_ws *ws, const uint8_t *data, size_t length, peer_ws_fn *fn,
                            void *ctx)
{
    ws->left -= length;
    if (ws->opcode < PEER_WS_CLOSE) {
        fn(ctx, data, length, ws->left == 0 && (ws->head[0] & 0x80) != 0);
    } else {
        memcpy(ws->control + ws->control_bytes, data, length);
        ws->control_bytes += (uint32_t)length;
    }
    if (ws->left > 0) {
        return;
    }
    if (ws->opcode == PEER_WS_CLOSE) {
        peer_ws_die("receive", "the server closes");
    }
    if (ws->opcode == PEER_WS_PING) {
        peer_ws_frame(ws, PEER_WS_PONG, ws->control, ws->control_bytes);
    }
    ws->has_head = false;
    ws->head_bytes = 0;
}

bool peer_ws_take(struct peer_ws *ws, uint8_t *buffer, size_t size, peer_ws_fn *fn, void *ctx)
{
    size_t bytes = peer_ws_receive(ws, buffer, size);
    for (size_t at = 0; at < bytes;) {
        at += peer_ws_head(ws, buffer + at, bytes - at);
        if (ws->has_head) { /* an empty payload, too */
            size_t there = bytes - at < ws->left ? bytes - at : (size_t)ws->left;
            if (there > 0 || ws->left == 0) {
                peer_ws_payload(ws, buffer + at, there, fn, ctx);
            }
            at += there;
        }
    }
    return bytes > 0;
}
