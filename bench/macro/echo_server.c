/* Echo servers. See echo_server.h. */
#include "bench/macro/echo_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/sock.h"
#include "bench/macro/rt_side.h"

#define ECHO_CONNECTIONS_MAX 1024

/* One read of the bare loop: as large as a receive buffer of ours. */
#define ECHO_BARE_BYTES 8192

/* --- On the runtime. --- */

/* One connection: receive, send it back, receive. */
struct echo_conn {
    struct rt_sock sock;
    struct rt_op recv;
    struct rt_op send;
    struct rt_op close;
    struct rt_chunk chunk; /* being sent back */
    struct iovec iov;      /* over chunk */
    struct echo_conn *next_free;
};

/* The server: all in one block, no allocation while it runs. */
struct echo_app {
    struct rt_side side;
    struct rt_listener listener;
    struct rt_op accept;
    struct echo_conn *accepting; /* where the next connection goes */
    struct echo_conn *free;      /* unused connections */
    int ready_fd;                /* the port is written here */
    struct echo_conn conns[ECHO_CONNECTIONS_MAX];
};

static void echo_serve_rt(enum rt_kind kind, int ready_fd);
static void echo_begin(struct rt_shard *shard);
static void echo_accept_next(struct echo_app *app);
static void echo_accepted(struct rt_op *op);
static void echo_received(struct rt_op *op);
static void echo_sent(struct rt_op *op);
static void echo_closed(struct rt_op *op);
static struct echo_app *echo_app_of(struct rt_shard *shard);
static void echo_serve_bare(int ready_fd);
static void echo_bare_accept(int epoll_fd, int listener_fd);
static void echo_bare_answer(int fd);
static void echo_pin(size_t cpu);
static void echo_fail(const char *what);

struct echo_server echo_server_start(enum echo_kind kind)
{
    int ends[2];
    if (pipe(ends) != 0) {
        echo_fail("pipe");
    }
    struct echo_server server = {.pid = fork()};
    if (server.pid < 0) {
        echo_fail("fork");
    }
    if (server.pid == 0) {
        close(ends[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        echo_pin(0);
        if (kind == ECHO_BARE) {
            echo_serve_bare(ends[1]);
        } else {
            echo_serve_rt(kind == ECHO_URING ? RT_KIND_URING : RT_KIND_EPOLL, ends[1]);
        }
        exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &server.port, sizeof(server.port)) != sizeof(server.port)) {
        fprintf(stderr, "rt_echo: the %s server did not start\n", echo_kind_name(kind));
        exit(1);
    }
    close(ends[0]);
    return server;
}

uint64_t echo_server_cpu_ns(const struct echo_server *server)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(server->pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        echo_fail("the server's processor time");
    }
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

void echo_server_stop(const struct echo_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

const char *echo_kind_name(enum echo_kind kind)
{
    static const char *const names[ECHO_KIND_COUNT] = {"uring", "epoll", "bare"};
    return names[kind];
}

static void echo_serve_rt(enum rt_kind kind, int ready_fd)
{
    struct echo_app *app = calloc(1, sizeof(*app));
    if (app == NULL) {
        echo_fail("memory");
    }
    app->ready_fd = ready_fd;
    for (size_t i = 0; i < ECHO_CONNECTIONS_MAX; i++) {
        app->conns[i].next_free = app->free;
        app->free = &app->conns[i];
    }
    rt_side_start(&app->side, kind, 1);
    app->side.context = app;
    rt_side_run(&app->side, echo_begin); /* until it is killed */
}

static struct echo_app *echo_app_of(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    return side->context;
}

static void echo_begin(struct rt_shard *shard)
{
    struct echo_app *app = echo_app_of(shard);
    struct rt_addr addr;
    enum err err = rt_addr_parse("127.0.0.1:0", 0, &addr);
    ASSERT(err == ERR_OK);
    err = rt_listen(&app->listener, shard, &addr, false);
    ASSERT(err == ERR_OK);
    rt_op_init(&app->accept, shard, echo_accepted);
    echo_accept_next(app);
    uint16_t port = app->listener.addr.port;
    if (write(app->ready_fd, &port, sizeof(port)) != sizeof(port)) {
        echo_fail("pipe");
    }
}

static void echo_accept_next(struct echo_app *app)
{
    app->accepting = app->free;
    ASSERT(app->accepting != NULL);
    app->free = app->accepting->next_free;
    rt_sock_accept(&app->listener, &app->accept, &app->accepting->sock);
}

static void echo_accepted(struct rt_op *op)
{
    struct echo_app *app = echo_app_of(op->shard);
    struct echo_conn *conn = app->accepting;
    ASSERT(op->err == ERR_OK);
    rt_sock_set_flags(&conn->sock, RT_SOCK_NODELAY);
    rt_op_init(&conn->recv, op->shard, echo_received);
    rt_op_init(&conn->send, op->shard, echo_sent);
    rt_op_init(&conn->close, op->shard, echo_closed);
    rt_sock_recv(&conn->sock, &conn->recv);
    echo_accept_next(app);
}

static void echo_received(struct rt_op *op)
{
    struct echo_conn *conn = CONTAINER_OF(op, struct echo_conn, recv);
    if (op->err != ERR_OK || op->result == 0) {
        rt_sock_close(&conn->sock, &conn->close);
        return;
    }
    conn->chunk = rt_sock_chunk(op);
    conn->iov = (struct iovec){conn->chunk.data, conn->chunk.length};
    rt_sock_send(&conn->sock, &conn->send, &conn->iov, 1);
}

static void echo_sent(struct rt_op *op)
{
    struct echo_conn *conn = CONTAINER_OF(op, struct echo_conn, send);
    rt_sock_release(&conn->sock, conn->chunk);
    if (op->err != ERR_OK) {
        rt_sock_close(&conn->sock, &conn->close);
    } else {
        rt_sock_recv(&conn->sock, &conn->recv);
    }
}

static void echo_closed(struct rt_op *op)
{
    struct echo_conn *conn = CONTAINER_OF(op, struct echo_conn, close);
    struct echo_app *app = echo_app_of(op->shard);
    conn->next_free = app->free;
    app->free = conn;
}

/* --- Bare. --- */

static void echo_serve_bare(int ready_fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t addr_bytes = sizeof(addr);
    int listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener_fd};
    if (listener_fd < 0 || epoll_fd < 0 ||
        bind(listener_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(listener_fd, 4096) != 0 ||
        getsockname(listener_fd, (struct sockaddr *)&addr, &addr_bytes) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener_fd, &event) != 0) {
        echo_fail("listen");
    }
    uint16_t port = ntohs(addr.sin_port);
    if (write(ready_fd, &port, sizeof(port)) != sizeof(port)) {
        echo_fail("pipe");
    }
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener_fd) {
                echo_bare_accept(epoll_fd, listener_fd);
            } else {
                echo_bare_answer(events[i].data.fd);
            }
        }
    }
}

static void echo_bare_accept(int epoll_fd, int listener_fd)
{
    int fd;
    while ((fd = accept4(listener_fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            echo_fail("epoll_ctl");
        }
    }
}

static void echo_bare_answer(int fd)
{
    char data[ECHO_BARE_BYTES];
    ssize_t length = recv(fd, data, sizeof(data), 0);
    if (length <= 0 || send(fd, data, (size_t)length, MSG_NOSIGNAL) != length) {
        close(fd);
    }
}

static void echo_pin(size_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set); /* a wish: one CPU may be all there is */
}

static void echo_fail(const char *what)
{
    fprintf(stderr, "rt_echo: %s: %s\n", what, strerrordesc_np(errno));
    exit(1);
}
