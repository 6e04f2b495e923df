/* The servers that rt_echo measures: whatever a connection sends comes back. Each runs in a process
 * of its own, on CPU 0, so that its processor time can be told from the client's. */
#ifndef BENCH_MACRO_ECHO_SERVER_H
#define BENCH_MACRO_ECHO_SERVER_H

#include <stdint.h>
#include <sys/types.h>

enum echo_kind {
    ECHO_URING, /* the runtime on io_uring */
    ECHO_EPOLL, /* the runtime on epoll */
    ECHO_BARE,  /* epoll_wait, recv, send: the least a server can do */
    ECHO_KIND_COUNT
};

/* A running server. */
struct echo_server {
    pid_t pid;     /* its process */
    uint16_t port; /* on 127.0.0.1 */
};

/* Start a server and wait until it listens. Ends the program when it cannot. Call it before threads
 * start. */
struct echo_server echo_server_start(enum echo_kind kind);

/* Processor time its process has used, in nanoseconds. */
uint64_t echo_server_cpu_ns(const struct echo_server *server);

/* End it. */
void echo_server_stop(const struct echo_server *server);

/* "uring", "epoll", "bare". Static storage. */
const char *echo_kind_name(enum echo_kind kind);

#endif
