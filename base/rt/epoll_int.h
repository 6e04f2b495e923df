/* The epoll backend's state and the seams between its files: epoll_loop.c (instance, submit, poll),
 * epoll_sock.c (connections). */
#ifndef BASE_RT_EPOLL_INT_H
#define BASE_RT_EPOLL_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/rt/backend.h"

/* What an event's data points at: the low two bits. */
enum rt_epoll_tag {
    RT_EPOLL_SOCK,     /* struct rt_sock */
    RT_EPOLL_LISTENER, /* struct rt_listener */
    RT_EPOLL_WAKE,     /* the wake descriptor */
};

/* rt_sock.backend_flags and rt_listener.backend_flags: what the kernel has said, which with edges
 * it says once. */
enum rt_epoll_flags {
    RT_EPOLL_READABLE = 1 << 0, /* a read (an accept) may find something: try before waiting */
    RT_EPOLL_WRITABLE = 1 << 1, /* a send may find room */
    RT_EPOLL_ENDED =
        1
        << 2, /* the peer's end or an error stands behind the bytes: a short read is not the last */
};

/* One epoll instance per shard; all fields are its thread's, but for the wake descriptor, which
 * anyone writes to. */
struct rt_epoll {
    struct rt_shard *shard; /* whose instance */
    int fd;                 /* the epoll instance */
    int wake_fd;            /* eventfd, never read: each write is an edge */
    uint32_t skips_count;   /* turns in a row without a look at the kernel */
    bool has_no_pwait2;     /* waits are in milliseconds here */

    uint8_t *buf_data; /* LIMIT_RECV_BUFFERS_COUNT x LIMIT_RECV_BUFFER_BYTES, mapped, touched when
                          used */
    struct rt_recv_buf *bufs; /* one per buffer; the shard's budget */
    struct list free;    /* rt_recv_buf.in_unread: last used first, so that few pages stay warm */
    struct list starved; /* rt_sock.in_backend: their receive waits for a buffer, oldest first */
};

/* The state of `shard`. */
struct rt_epoll *rt_epoll_of(struct rt_shard *shard);

/* --- epoll_sock.c --- */

/* Begin a SOCK_* or LISTENER_CLOSE request. */
void rt_epoll_sock_submit(struct rt_epoll *e, struct rt_op *op);

/* op->stop_err is set: end a SOCK_* request early. */
void rt_epoll_sock_cancel(struct rt_epoll *e, struct rt_op *op);

/* What epoll_wait said about a connection or a listener (EPOLL* bits). */
void rt_epoll_sock_event(struct rt_epoll *e, struct rt_sock *sock, uint32_t events);
void rt_epoll_listener_event(struct rt_epoll *e, struct rt_listener *listener);

/* rt_backend.listen and rt_backend.release. */
enum err rt_epoll_listen(struct rt_listener *listener, bool is_shared);
void rt_epoll_release(struct rt_shard *shard, struct rt_recv_buf *buf);

#endif
