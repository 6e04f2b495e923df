/* The least an HTTP server can do: for each empty line in what a connection sends, one and the same
 * answer. epoll_wait, recv, send; one thread. Bodies must hold no empty line.
 *
 *   bare_http PORT BYTES    answers of so many bytes, head included; ends with its parent */
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

#define BARE_ANSWER_BYTES 65536
#define BARE_EVENTS       256

static void bare_die(const char *what)
{
    perror(what);
    exit(1);
}

/* An answer of `bytes`, its head as short as it can be. */
static size_t bare_make(char answer[BARE_ANSWER_BYTES], uint64_t bytes)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    int length = 0;
    for (uint64_t body = bytes; body > 0; body--) { /* the length's digits count, too */
        length = snprintf(answer, BARE_ANSWER_BYTES, "%sContent-Length: %llu\r\n\r\n", head,
                          (unsigned long long)body);
        if ((uint64_t)length + body <= bytes) {
            memset(answer + length, '1', body);
            return (size_t)length + body;
        }
    }
    bare_die("too short an answer");
    return 0;
}

static void bare_accept(int epoll, int listener)
{
    int one = 1;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            bare_die("epoll_ctl");
        }
    }
}

static void bare_serve(int fd, const char *answer, size_t answer_bytes)
{
    char in[8192];
    ssize_t bytes = recv(fd, in, sizeof(in) - 1, 0);
    if (bytes <= 0) {
        close(fd);
        return;
    }
    in[bytes] = '\0';
    for (const char *at = in; (at = strstr(at, "\r\n\r\n")) != NULL; at += 4) {
        if (send(fd, answer, answer_bytes, MSG_NOSIGNAL) < 0) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t port;
    uint64_t bytes;
    int one = 1;
    struct epoll_event events[BARE_EVENTS];
    char answer[BARE_ANSWER_BYTES];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc != 3 || units_parse_u64(argv[1], strlen(argv[1]), &port) != ERR_OK ||
        units_parse_u64(argv[2], strlen(argv[2]), &bytes) != ERR_OK || bytes > BARE_ANSWER_BYTES) {
        fprintf(stderr, "bare_http PORT BYTES\n");
        return 2;
    }
    size_t answer_bytes = bare_make(answer, bytes);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listener}};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 4096) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        bare_die("listen");
    }
    for (;;) {
        int count = epoll_wait(epoll, events, BARE_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                bare_accept(epoll, listener);
            } else {
                bare_serve(events[i].data.fd, answer, answer_bytes);
            }
        }
    }
}
