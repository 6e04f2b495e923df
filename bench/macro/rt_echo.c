/* Echo of 64 bytes over loopback: 1, 64 and 1,000 connections, one message of each under way at a
 * time.
 *
 * Three servers wait, each in its own process on CPU 0: the runtime on io_uring, on epoll, and a
 * bare epoll loop (level-triggered, one recv and one send per message), which is the peer. One
 * client, on CPU 1, the same for all, drives one of them at a time, in turns. Nobody polls: a
 * server with nothing to do sleeps, as the runtime does while only sockets are open. The figures
 * are the messages per second that client and server reach together and the processor time the
 * server spends on one. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/macro/echo_server.h"
#include "bench/micro/bench.h"

#define ECHO_MESSAGE_BYTES   64
#define ECHO_CONNECTIONS_MAX 1000

/* One server and the connections the client has open to it. */
struct echo_side {
    struct echo_server server;
    uint64_t run_ns;       /* length of a run */
    int connections_count; /* of this measurement */
    int epoll_fd;          /* the client's */
    int fds[ECHO_CONNECTIONS_MAX];
    double cpu_ns[BENCH_RUNS_MAX + 1]; /* server's processor time per message, of each run */
    size_t runs_count;                 /* how many */
};

static void echo_measure(struct bench *b, struct echo_side sides[ECHO_KIND_COUNT], int count);
static void echo_open(struct echo_side *side, int count);
static void echo_close(struct echo_side *side);
static double echo_cost(void *context);
static void echo_send(int fd);
static void echo_receive(int fd);
static void echo_die(const char *what);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct echo_side *sides = calloc(ECHO_KIND_COUNT, sizeof(*sides));
    if (sides == NULL) {
        return 1;
    }
    for (int kind = 0; kind < ECHO_KIND_COUNT; kind++) {
        sides[kind].server = echo_server_start((enum echo_kind)kind);
        sides[kind].run_ns = b.is_quick ? 50000000 : 200000000;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
    static const int counts[] = {1, 64, 1000};
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        echo_measure(&b, sides, counts[i]);
    }
    for (int kind = 0; kind < ECHO_KIND_COUNT; kind++) {
        echo_server_stop(&sides[kind].server);
    }
    free(sides);
    return bench_finish(&b);
}

/* Both runtimes against the bare loop with `count` connections. */
static void echo_measure(struct bench *b, struct echo_side sides[ECHO_KIND_COUNT], int count)
{
    struct echo_side *bare = &sides[ECHO_BARE];
    echo_open(bare, count);
    for (int kind = ECHO_URING; kind <= ECHO_EPOLL; kind++) {
        struct echo_side *side = &sides[kind];
        char name[64], cpu_name[96];
        snprintf(name, sizeof(name), "%s, %d connection%s", echo_kind_name((enum echo_kind)kind),
                 count, count == 1 ? "" : "s");
        snprintf(cpu_name, sizeof(cpu_name), "%s: server CPU per message", name);
        echo_open(side, count);
        bare->runs_count = 0;
        struct bench_pair pair =
            bench_pair(b, name, &(struct bench_side){.cost = echo_cost, .context = side},
                       &(struct bench_side){.cost = echo_cost, .context = bare}, 21);
        bool has_bar = kind == ECHO_EPOLL || count != 1000;
        bench_row(b, &(struct bench_row){.name = name,
                                         .value = 1e9 / pair.ours,
                                         .unit = "messages/s",
                                         .peer = "a bare epoll loop",
                                         .ratio = pair.ratio,
                                         .bar = !has_bar                            ? NULL
                                                : kind == ECHO_URING && count == 64 ? ">= 1.00"
                                                                                    : ">= 0.90"});
        double ours_cpu_ns = bench_quantile(side->cpu_ns, side->runs_count, 0.5);
        double bare_cpu_ns = bench_quantile(bare->cpu_ns, bare->runs_count, 0.5);
        bench_row(b, &(struct bench_row){.name = cpu_name,
                                         .value = ours_cpu_ns,
                                         .unit = "ns",
                                         .peer = "a bare epoll loop",
                                         .ratio = bare_cpu_ns / ours_cpu_ns});
        echo_close(side);
    }
    echo_close(bare);
}

static void echo_open(struct echo_side *side, int count)
{
    side->connections_count = count;
    side->runs_count = 0;
    side->epoll_fd = epoll_create1(0);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(side->server.port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
            echo_die("connect");
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(side->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            echo_die("epoll_ctl");
        }
        side->fds[i] = fd;
    }
}

static void echo_close(struct echo_side *side)
{
    for (int i = 0; i < side->connections_count; i++) {
        close(side->fds[i]);
    }
    close(side->epoll_fd);
}

/* One run: nanoseconds per message. Every connection has one message under way until the time is
 * up; then the last ones are read. */
static double echo_cost(void *context)
{
    struct echo_side *side = context;
    uint64_t cpu_began_ns = echo_server_cpu_ns(&side->server);
    uint64_t began_ns = bench_now_ns();
    uint64_t messages_count = 0;
    int waiting_count = side->connections_count;
    bool is_over = false;
    for (int i = 0; i < side->connections_count; i++) {
        echo_send(side->fds[i]);
    }
    while (waiting_count > 0) {
        struct epoll_event events[256];
        int count = epoll_wait(side->epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            echo_receive(events[i].data.fd);
            messages_count++;
            if (is_over) {
                waiting_count--;
            } else {
                echo_send(events[i].data.fd);
            }
        }
        is_over = bench_now_ns() - began_ns >= side->run_ns;
    }
    uint64_t cost_ns = bench_now_ns() - began_ns;
    ASSERT(side->runs_count < ARRAY_COUNT(side->cpu_ns));
    side->cpu_ns[side->runs_count++] =
        (double)(echo_server_cpu_ns(&side->server) - cpu_began_ns) / (double)messages_count;
    return (double)cost_ns / (double)messages_count;
}

static void echo_send(int fd)
{
    static const char message[ECHO_MESSAGE_BYTES] = "sixty-four bytes";
    if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message)) {
        echo_die("send");
    }
}

static void echo_receive(int fd)
{
    char message[ECHO_MESSAGE_BYTES];
    if (recv(fd, message, sizeof(message), MSG_WAITALL) != sizeof(message)) {
        echo_die("receive");
    }
}

static void echo_die(const char *what)
{
    fprintf(stderr, "rt_echo: client: %s: %s\n", what, strerrordesc_np(errno));
    exit(1);
}
