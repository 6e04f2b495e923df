/* epoll: connections and listeners. See epoll_int.h.
 *
 * A descriptor is registered once, for reading and writing, edge-triggered: the kernel reports a
 * change once, backend_flags remember it, and a flag is cleared only by a call that found nothing
 * more to do. A recv that fills less than its buffer has drained the socket and a send that takes
 * less than all has filled it (epoll(7), question 9), so neither is followed by a call that would
 * only say EAGAIN. The exception is the peer's end: it stands behind the bytes without an edge of
 * its own, hence RT_EPOLL_ENDED.
 *
 * Bytes are read only when a receive waits: what nobody asked for stays in the kernel, where TCP
 * holds the peer back, and rt_sock.unread is always empty. A receive that finds no free buffer
 * waits in `starved`; each release serves the oldest.
 *
 * Everything completes by rt_op_complete, which queues, so a connection cannot disappear under an
 * event; its descriptor can (a close that waited for the completion), hence the look at fd. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/rt/epoll_int.h"
#include "base/rt/posix_int.h"

/* Buffers of a continued send handed to the kernel at once. */
#define RT_EPOLL_WINDOW_COUNT 64

static enum err rt_epoll_register(struct rt_epoll *e, int fd, uint32_t events, const void *who,
                                  enum rt_epoll_tag tag);
static int rt_epoll_unregister(struct rt_epoll *e, int fd);
static enum err rt_epoll_sock_register(struct rt_epoll *e, struct rt_sock *sock);
static void rt_epoll_accept(struct rt_epoll *e, struct rt_listener *listener);
static bool rt_epoll_is_lost_before_accept(int error);
static void rt_epoll_connect(struct rt_epoll *e, struct rt_op *op);
static void rt_epoll_connect_end(struct rt_epoll *e, struct rt_sock *sock, enum err err, int error);
static void rt_epoll_recv(struct rt_epoll *e, struct rt_sock *sock);
static ssize_t rt_epoll_recv_some(struct rt_sock *sock, uint8_t *data, size_t data_max);
static void rt_epoll_send(struct rt_sock *sock);
static ssize_t rt_epoll_send_part(struct rt_op *op, uint64_t *asked_bytes);

void rt_epoll_sock_submit(struct rt_epoll *e, struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    switch ((int)op->kind) { /* the kinds that are not connections' never come here */
    case RT_OP_SOCK_ACCEPT:
        if (op->listener->backend_flags & RT_EPOLL_READABLE) {
            rt_epoll_accept(e, op->listener);
        }
        break;
    case RT_OP_SOCK_CONNECT: rt_epoll_connect(e, op); break;
    case RT_OP_SOCK_RECV:
        if (sock->backend_flags & RT_EPOLL_READABLE) {
            rt_epoll_recv(e, sock);
        }
        break;
    case RT_OP_SOCK_SEND:
        if (sock->backend_flags & RT_EPOLL_WRITABLE) {
            rt_epoll_send(sock);
        }
        break;
    case RT_OP_SOCK_DETACH: {
        int fd = rt_epoll_unregister(e, sock->fd);
        sock->fd = -1;
        rt_op_complete(op, ERR_OK, fd, 0);
        break;
    }
    case RT_OP_SOCK_CLOSE:
        close(rt_epoll_unregister(e, sock->fd));
        sock->fd = -1;
        rt_op_complete(op, ERR_OK, 0, 0);
        break;
    case RT_OP_LISTENER_CLOSE:
        close(rt_epoll_unregister(e, op->listener->fd));
        op->listener->fd = -1;
        rt_op_complete(op, ERR_OK, 0, 0);
        break;
    default: UNREACHABLE();
    }
}

void rt_epoll_sock_cancel(struct rt_epoll *e, struct rt_op *op)
{
    ASSERT(op->stop_err != ERR_OK);
    struct rt_sock *sock = op->sock;
    if (op->kind == RT_OP_SOCK_CONNECT) {
        rt_epoll_connect_end(e, sock, op->stop_err, 0);
        return;
    }
    if (op->kind == RT_OP_SOCK_RECV && list_is_linked(&sock->in_backend)) {
        list_remove(&sock->in_backend);
    }
    rt_op_complete(op, op->stop_err, 0, 0);
}

void rt_epoll_sock_event(struct rt_epoll *e, struct rt_sock *sock, uint32_t events)
{
    if (sock->fd < 0) { /* closed since the events were taken */
        return;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        sock->backend_flags |= RT_EPOLL_ENDED | RT_EPOLL_READABLE;
    }
    if (events & EPOLLIN) {
        sock->backend_flags |= RT_EPOLL_READABLE;
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        sock->backend_flags |= RT_EPOLL_WRITABLE;
    }
    if (sock->backend != NULL) { /* the connect */
        int error = 0;
        socklen_t error_bytes = sizeof(error);
        getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        if (error != 0 || (sock->backend_flags & RT_EPOLL_WRITABLE)) {
            rt_epoll_connect_end(e, sock, rt_posix_connect_err(error), error);
        }
        return;
    }
    if (sock->recv_op != NULL && (sock->backend_flags & RT_EPOLL_READABLE) &&
        !list_is_linked(&sock->in_backend)) {
        rt_epoll_recv(e, sock);
    }
    if (sock->send_op != NULL && (sock->backend_flags & RT_EPOLL_WRITABLE)) {
        rt_epoll_send(sock);
    }
}

void rt_epoll_listener_event(struct rt_epoll *e, struct rt_listener *listener)
{
    if (listener->fd >= 0) {
        listener->backend_flags |= RT_EPOLL_READABLE;
        rt_epoll_accept(e, listener);
    }
}

enum err rt_epoll_listen(struct rt_listener *listener, bool is_shared)
{
    struct rt_epoll *e = rt_epoll_of(listener->shard);
    enum err err = rt_posix_listen(listener, is_shared);
    if (err != ERR_OK) {
        return err;
    }
    err = rt_epoll_register(e, listener->fd, EPOLLIN | EPOLLET, listener, RT_EPOLL_LISTENER);
    if (err != ERR_OK) {
        close(listener->fd);
        listener->fd = -1;
    }
    return err;
}

void rt_epoll_release(struct rt_shard *shard, struct rt_recv_buf *buf)
{
    struct rt_epoll *e = rt_epoll_of(shard);
    asan_poison(buf->data, LIMIT_RECV_BUFFER_BYTES);
    list_push_front(&e->free, &buf->in_unread);
    while (!list_is_empty(&e->free) && !list_is_empty(&e->starved)) {
        struct list_node *node = list_pop_front(&e->starved);
        rt_epoll_recv(e, CONTAINER_OF(node, struct rt_sock, in_backend));
    }
}

/* Errors: ERR_RESOURCES (memory, or fs.epoll.max_user_watches). */
static enum err rt_epoll_register(struct rt_epoll *e, int fd, uint32_t events, const void *who,
                                  enum rt_epoll_tag tag)
{
    struct epoll_event event = {.events = events, .data.u64 = (uintptr_t)who | (uint64_t)tag};
    return epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_OK : ERR_RESOURCES;
}

/* Not left to close(2): a child process that was forked holds the descriptor open until it executes
 * its program. Returns `fd`. */
static int rt_epoll_unregister(struct rt_epoll *e, int fd)
{
    int result = epoll_ctl(e->fd, EPOLL_CTL_DEL, fd, NULL);
    ASSERT(result == 0);
    return fd;
}

static enum err rt_epoll_sock_register(struct rt_epoll *e, struct rt_sock *sock)
{
    return rt_epoll_register(e, sock->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, sock,
                             RT_EPOLL_SOCK);
}

/* Serve the waiting accepts as far as connections, or descriptors, go. Out of descriptors, the
 * listener stays READABLE: the next accept tries at once, for the connection in the backlog makes
 * no edge any more. */
static void rt_epoll_accept(struct rt_epoll *e, struct rt_listener *listener)
{
    struct rt_op *op;
    while ((listener->backend_flags & RT_EPOLL_READABLE) &&
           (op = rt_listener_next_accept(listener)) != NULL) {
        struct sockaddr_storage peer;
        socklen_t peer_bytes = sizeof(peer);
        int fd = accept4(listener->fd, (struct sockaddr *)&peer, &peer_bytes,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN) {
                listener->backend_flags &= ~(uint32_t)RT_EPOLL_READABLE;
            } else if (!rt_epoll_is_lost_before_accept(errno)) {
                rt_op_complete(op, rt_err_from_errno(errno), 0, errno);
            }
            continue;
        }
        struct rt_sock *sock = op->args.net.sock;
        sock->fd = fd;
        sock->peer = rt_posix_addr(&peer);
        sock->backend_flags = RT_EPOLL_WRITABLE;
        enum err err = rt_epoll_sock_register(e, sock);
        if (err != ERR_OK) {
            close(fd);
            sock->fd = -1;
        }
        rt_op_complete(op, err, 0, 0);
    }
}

/* Errors that belong to a connection which is gone already; the next one may be fine (accept(2),
 * "Error handling"). */
static bool rt_epoll_is_lost_before_accept(int error)
{
    return error == EINTR || error == ECONNABORTED || error == ENETDOWN || error == EPROTO ||
           error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
           error == EOPNOTSUPP || error == ENETUNREACH;
}

/* sock->backend is the connect op until it ends. The registration follows the connect(2): a
 * descriptor that is neither connected nor connecting reports a hang-up. */
static void rt_epoll_connect(struct rt_epoll *e, struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    struct sockaddr_storage name;
    socklen_t name_bytes = rt_posix_sockaddr(op->args.net.addr, &name);
    sock->backend = op;
    sock->fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sock->fd < 0) {
        rt_epoll_connect_end(e, sock, rt_err_from_errno(errno), errno);
        return;
    }
    int error = connect(sock->fd, (struct sockaddr *)&name, name_bytes) == 0 ? 0 : errno;
    if (error != 0 && error != EINPROGRESS) {
        close(sock->fd);
        sock->fd = -1;
        rt_epoll_connect_end(e, sock, rt_posix_connect_err(error), error);
        return;
    }
    enum err err = rt_epoll_sock_register(e, sock);
    if (err != ERR_OK) {
        close(sock->fd);
        sock->fd = -1;
        rt_epoll_connect_end(e, sock, err, 0);
    } else if (error == 0) {
        sock->backend_flags |= RT_EPOLL_WRITABLE;
        rt_epoll_connect_end(e, sock, ERR_OK, 0);
    }
}

/* The connect of `sock` ends; on an error its descriptor goes, if it has one (then it is
 * registered). */
static void rt_epoll_connect_end(struct rt_epoll *e, struct rt_sock *sock, enum err err, int error)
{
    struct rt_op *op = sock->backend;
    ASSERT(op->kind == RT_OP_SOCK_CONNECT);
    sock->backend = NULL;
    if (err != ERR_OK && sock->fd >= 0) {
        close(rt_epoll_unregister(e, sock->fd));
        sock->fd = -1;
    }
    rt_op_complete(op, err, 0, error);
}

/* Read for the waiting receive. */
static void rt_epoll_recv(struct rt_epoll *e, struct rt_sock *sock)
{
    ASSERT(sock->recv_op != NULL);
    struct rt_op *op = sock->recv_op;
    if (op->args.net.data != NULL) {
        ssize_t length = rt_epoll_recv_some(sock, op->args.net.data, op->args.net.data_max);
        if (length > 0) {
            rt_op_complete(op, ERR_OK, length, 0);
        }
        return;
    }
    struct list_node *node = list_pop_front(&e->free);
    if (node == NULL) {
        list_push_back(&e->starved, &sock->in_backend);
        return;
    }
    struct rt_recv_buf *buf = CONTAINER_OF(node, struct rt_recv_buf, in_unread);
    asan_unpoison(buf->data, LIMIT_RECV_BUFFER_BYTES);
    ssize_t length = rt_epoll_recv_some(sock, buf->data, LIMIT_RECV_BUFFER_BYTES);
    if (length > 0) {
        buf->length = (uint32_t)length;
        rt_sock_received(sock, buf);
        return;
    }
    asan_poison(buf->data, LIMIT_RECV_BUFFER_BYTES);
    list_push_front(&e->free, &buf->in_unread);
}

/* Read what is there. 0 or less: nothing; the waiting receive waits on, or has ended. */
static ssize_t rt_epoll_recv_some(struct rt_sock *sock, uint8_t *data, size_t data_max)
{
    ssize_t length;
    do {
        length = recv(sock->fd, data, data_max, 0);
    } while (length < 0 && errno == EINTR);
    if (length > 0) {
        if ((size_t)length < data_max && !(sock->backend_flags & RT_EPOLL_ENDED)) {
            sock->backend_flags &= ~(uint32_t)RT_EPOLL_READABLE;
        }
    } else if (length == 0) {
        rt_sock_recv_end(sock, ERR_OK);
    } else if (errno == EAGAIN) {
        sock->backend_flags &= ~(uint32_t)RT_EPOLL_READABLE;
    } else {
        rt_sock_recv_end(sock, rt_err_from_errno(errno));
    }
    return length;
}

/* Send for the waiting send, until all is sent or the socket is full. */
static void rt_epoll_send(struct rt_sock *sock)
{
    struct rt_op *op = sock->send_op;
    while (op->progress < op->args.io.length) {
        uint64_t asked_bytes = 0;
        ssize_t sent = rt_epoll_send_part(op, &asked_bytes);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno != EAGAIN) {
            rt_op_complete(op, rt_err_from_errno(errno), 0, errno);
            return;
        }
        op->progress += sent > 0 ? (uint64_t)sent : 0;
        if (sent < 0 || (uint64_t)sent < asked_bytes) {
            sock->backend_flags &= ~(uint32_t)RT_EPOLL_WRITABLE;
            return;
        }
    }
    rt_op_complete(op, ERR_OK, (int64_t)op->progress, 0);
}

/* One system call for what is left of a send. MSG_NOSIGNAL: a peer that is gone is an error, not a
 * signal. */
static ssize_t rt_epoll_send_part(struct rt_op *op, uint64_t *asked_bytes)
{
    int fd = op->sock->fd;
    const struct iovec *iov = op->args.io.iov;
    uint32_t iov_count = op->args.io.iov_count;
    *asked_bytes = op->args.io.length - op->progress;
    if (iov_count == 1) {
        return send(fd, (const uint8_t *)iov->iov_base + op->progress, *asked_bytes, MSG_NOSIGNAL);
    }
    struct iovec window[RT_EPOLL_WINDOW_COUNT];
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iov_count};
    if (op->progress > 0) {
        iov_count =
            rt_posix_iov_window(iov, iov_count, op->progress, window, RT_EPOLL_WINDOW_COUNT);
        msg.msg_iov = window;
        msg.msg_iovlen = iov_count;
        *asked_bytes = 0;
        for (uint32_t i = 0; i < iov_count; i++) {
            *asked_bytes += window[i].iov_len;
        }
    }
    return sendmsg(fd, &msg, MSG_NOSIGNAL);
}
