/* The least a server can do that pushes to many: whoever asks for a WebSocket gets everything from
 * then on. What a publisher (a connection whose first byte is no G) sends are messages of a fixed
 * size; those that were read at once are framed once and sent to each connection with one send.
 * epoll_wait, recv, send; one thread. A connection whose socket is full is an error: readers keep
 * up.
 *
 *   bare_push PORT BYTES    messages of so many bytes (1..125); ends with its parent */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"

#define PUSH_EVENTS          256
#define PUSH_CONNECTIONS_MAX 65536u
#define PUSH_READ_BYTES      65536u
#define PUSH_HEAD_BYTES      2u

/* Everything. */
struct push {
    size_t message_bytes;
    int listener;
    int epoll;
    int publisher;  /* or 0 */
    size_t partial; /* bytes of a message that is not whole */
    uint8_t in[PUSH_READ_BYTES];
    uint8_t out[2 * PUSH_READ_BYTES];
    uint32_t count; /* of subscribers */
    int subscribers[PUSH_CONNECTIONS_MAX];
};

static void push_die(const char *what)
{
    perror(what);
    exit(1);
}

static void push_accept(struct push *p)
{
    int one = 1;
    int fd;
    while ((fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            push_die("epoll_ctl");
        }
    }
}

static void push_gone(struct push *p, int fd)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->subscribers[i] == fd) {
            p->subscribers[i] = p->subscribers[--p->count];
            break;
        }
    }
    p->publisher = p->publisher == fd ? 0 : p->publisher;
    close(fd);
}

/* Messages of the publisher, framed, to all. */
static void push_all(struct push *p, size_t bytes)
{
    size_t there = p->partial + bytes;
    size_t messages = there / p->message_bytes;
    uint8_t *to = p->out;
    for (size_t i = 0; i < messages; i++) {
        *to++ = 0x82;
        *to++ = (uint8_t)p->message_bytes;
        memcpy(to, p->in + i * p->message_bytes, p->message_bytes);
        to += p->message_bytes;
    }
    p->partial = there - messages * p->message_bytes;
    memmove(p->in, p->in + messages * p->message_bytes, p->partial);
    size_t length = (size_t)(to - p->out);
    for (uint32_t i = 0; i < p->count && length > 0; i++) {
        if (send(p->subscribers[i], p->out, length, MSG_NOSIGNAL) != (ssize_t)length) {
            push_die("send");
        }
    }
}

/* A subscriber asks: its head comes in one piece. */
static void push_upgrade(struct push *p, int fd)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\n\r\n";
    if (p->count == PUSH_CONNECTIONS_MAX ||
        send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0) {
        push_die("subscriber");
    }
    p->subscribers[p->count++] = fd;
}

static void push_serve(struct push *p, int fd)
{
    size_t room = sizeof(p->in) - p->partial;
    uint8_t other[4096];
    bool is_publisher = fd == p->publisher;
    ssize_t bytes =
        recv(fd, is_publisher ? p->in + p->partial : other, is_publisher ? room : sizeof(other), 0);
    if (bytes <= 0) {
        push_gone(p, fd);
    } else if (is_publisher) {
        push_all(p, (size_t)bytes);
    } else if (other[0] == 'G') {
        push_upgrade(p, fd);
    } else if ((other[0] & 0x80) == 0) { /* no frame of a subscriber: the first messages */
        p->publisher = fd;
        memcpy(p->in, other, (size_t)bytes);
        push_all(p, (size_t)bytes);
    }
}

int main(int argc, char **argv)
{
    uint64_t port;
    uint64_t bytes;
    int one = 1;
    struct epoll_event events[PUSH_EVENTS];
    struct push *p = calloc(1, sizeof(*p));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (p == NULL || argc != 3 || units_parse_u64(argv[1], strlen(argv[1]), &port) != ERR_OK ||
        units_parse_u64(argv[2], strlen(argv[2]), &bytes) != ERR_OK || bytes == 0 || bytes > 125) {
        fprintf(stderr, "bare_push PORT BYTES\n");
        return 2;
    }
    p->message_bytes = bytes;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    p->epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = p->listener}};
    setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(p->listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(p->listener, 4096) != 0 ||
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->listener, &event) != 0) {
        push_die("listen");
    }
    for (;;) {
        int count = epoll_wait(p->epoll, events, PUSH_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == p->listener) {
                push_accept(p);
            } else {
                push_serve(p, events[i].data.fd);
            }
        }
    }
}
