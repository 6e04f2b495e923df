/* io_uring: connections. See uring_int.h.
 *
 * Receiving: a multishot receive per connection takes buffers from the first group. It is armed
 * when the product first asks and stays armed; what comes unasked queues (sock.c). It ends, with a
 * last completion without IORING_CQE_F_MORE, when
 *   - the peer ends its side or the connection fails: rt_sock_recv_end;
 *   - too much waits unread: we cancel it (RT_URING_PAUSED). The kernel may have handed over far
 *     more by then, so this connection receives singly from now on (RT_URING_SINGLE): each request
 *     of the product takes one buffer of the second group;
 *   - no buffer of its group is free (-ENOBUFS): one single receive helps out; when the second
 *     group is empty too, the connection waits in `starved` until a buffer comes back;
 *   - bytes are to go into the product's own memory: we cancel it, and this connection receives
 *     singly from now on, each request where its bytes are to go (RT_URING_INTO: then no buffer);
 *   - the connection is closed or detached: we cancel it, and go on when it has ended.
 *
 * Sending: one request per send, MSG_WAITALL, so that the kernel goes on after a short one. From
 * RT_URING_ZC_BYTES_MIN on, zero-copy where it pays; its first completion tells the result,
 * its second (IORING_CQE_F_NOTIF) that the bytes are free, and whether the kernel copied them after
 * all: then this connection sends plainly from now on.
 *
 * Accepting: one request at a time per listener, while somebody waits. What nobody has asked for
 * stays with the kernel: a multishot accept takes all that come, out of descriptors or not. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/posix_int.h"
#include "base/rt/uring_int.h"

/* From this size on a send goes zero-copy. Where the kernel copies after all (loopback, veth) a
 * send of 4 or 16 KiB takes over 10 times as long that way, of 64 KiB and more about twice, once
 * per connection (bench/run zerocopy). */
#define RT_URING_ZC_BYTES_MIN (64u << 10)

/* Mappings: the buffers of both groups, and the ring of one. */
#define RT_URING_DATA_BYTES ((size_t)LIMIT_RECV_BUFFERS_COUNT * LIMIT_RECV_BUFFER_BYTES)
#define RT_URING_RING_BYTES (RT_URING_GROUP_COUNT * sizeof(struct io_uring_buf))

/* rt_op.backend_flags of a send. */
enum {
    RT_URING_ZC = 1 << 0,         /* sent without copying: a notification follows */
    RT_URING_ZC_FAILED = 1 << 1,  /* its result was an error: saved_errno */
    RT_URING_ZC_TAKEN = 1 << 2,   /* its result is known, the notification has yet to come */
    RT_URING_ZC_ABORTED = 1 << 3, /* the connection was dissolved to get it */
};

/* Of linux/io_uring.h of 6.2: not in Debian 12's headers. Older kernels refuse the flag with EINVAL
 * (retried without zero-copy). */
#define RT_URING_SEND_ZC_REPORT_USAGE (1u << 3)
#define RT_URING_ZC_COPIED            (1u << 31)

static void rt_uring_accept(struct rt_uring *u, struct rt_listener *listener);
static void rt_uring_accepted(struct rt_uring *u, struct rt_op *op, int fd);
static void rt_uring_listener_end(struct rt_uring *u, struct rt_listener *listener);
static void rt_uring_connect(struct rt_uring *u, struct rt_op *op);
static void rt_uring_recv_arm(struct rt_uring *u, struct rt_sock *sock);
static void rt_uring_into(struct rt_uring *u, struct rt_sock *sock);
static void rt_uring_recv_arm_starved(struct rt_uring *u);
static void rt_uring_recv_stop(struct rt_uring *u, struct rt_sock *sock);
static void rt_uring_recv_ended(struct rt_uring *u, struct rt_sock *sock, int result);
static void rt_uring_into_done(struct rt_sock *sock, int result);
static void rt_uring_send(struct rt_uring *u, struct rt_op *op);
static void rt_uring_send_done(struct rt_uring *u, struct rt_op *op, int result, unsigned flags);
static bool rt_uring_is_zc_refused(const struct rt_op *op, int result);
static void rt_uring_sock_end(struct rt_uring *u, struct rt_sock *sock, struct rt_op *op);
static void rt_uring_abort(struct rt_op *op);
static enum rt_uring_group rt_uring_group_of(const struct rt_recv_buf *buf);
static void rt_uring_buf_free(struct rt_uring *u, struct rt_recv_buf *buf);
static void *rt_uring_map(size_t bytes);

void rt_uring_sock_submit(struct rt_uring *u, struct rt_op *op)
{
    struct rt_listener *listener = op->listener;
    switch ((int)op->kind) { /* the kinds that are not connections' never come here */
    case RT_OP_SOCK_ACCEPT:
        if (listener->pending_fd >= 0) {
            int fd = listener->pending_fd;
            listener->pending_fd = -1;
            rt_uring_accepted(u, rt_listener_next_accept(listener), fd);
        } else {
            rt_uring_accept(u, listener);
        }
        break;
    case RT_OP_LISTENER_CLOSE:
        if (listener->backend_flags & RT_URING_ARMED) {
            listener->backend_flags |= RT_URING_PAUSED;
            rt_uring_cancel_tagged(u, listener, RT_URING_ACCEPT);
        } else {
            rt_uring_listener_end(u, listener);
        }
        break;
    case RT_OP_SOCK_CONNECT: rt_uring_connect(u, op); break;
    case RT_OP_SOCK_RECV: rt_uring_recv_arm(u, op->sock); break;
    case RT_OP_SOCK_SEND: rt_uring_send(u, op); break;
    case RT_OP_SOCK_CLOSE:
    case RT_OP_SOCK_DETACH:
        if (op->sock->backend_flags & RT_URING_ARMED) {
            rt_uring_recv_stop(u, op->sock);
        } else {
            rt_uring_sock_end(u, op->sock, op);
        }
        break;
    default: UNREACHABLE();
    }
}

void rt_uring_sock_cancel(struct rt_uring *u, struct rt_op *op)
{
    bool is_into = op->kind == RT_OP_SOCK_RECV && (op->sock->backend_flags & RT_URING_INTO);
    if (is_into) {
        rt_uring_recv_stop(u, op->sock); /* its memory is the kernel's until that has ended */
    } else if (op->kind == RT_OP_SOCK_ACCEPT || op->kind == RT_OP_SOCK_RECV) {
        rt_op_complete(op, ERR_CANCELED, 0, 0); /* nothing of it is in the kernel */
    } else if (op->kind == RT_OP_SOCK_SEND && (op->backend_flags & RT_URING_ZC_TAKEN)) {
        rt_uring_abort(op); /* there is no request any more that could be canceled */
    } else {
        rt_uring_cancel_tagged(u, op, RT_URING_OP);
    }
}

void rt_uring_sock_done(struct rt_uring *u, struct rt_op *op, int result, unsigned flags)
{
    if (op->kind == RT_OP_SOCK_SEND) {
        rt_uring_send_done(u, op, result, flags);
        return;
    }
    ASSERT(op->kind == RT_OP_SOCK_CONNECT);
    struct rt_sock *sock = op->sock;
    if (result == 0) {
        sock->slot = rt_uring_slot_take(u, sock->fd);
        rt_op_complete(op, ERR_OK, 0, 0);
    } else {
        close(sock->fd);
        sock->fd = -1;
        rt_op_complete(op, result == -ECANCELED ? ERR_CANCELED : rt_posix_connect_err(-result), 0,
                       -result);
    }
}

void rt_uring_recv_done(struct rt_uring *u, struct rt_sock *sock, int result, unsigned flags)
{
    if (flags & IORING_CQE_F_BUFFER) {
        struct rt_recv_buf *buf = &u->bufs[flags >> IORING_CQE_BUFFER_SHIFT];
        ASSERT(u->free_counts[rt_uring_group_of(buf)] > 0);
        u->free_counts[rt_uring_group_of(buf)]--;
        if (result > 0) {
            buf->length = (uint32_t)result;
            rt_sock_received(sock, buf);
        } else {
            rt_uring_release(u->shard, buf);
        }
    }
    if (flags & IORING_CQE_F_MORE) {
        if (sock->unread_count >= RT_SOCK_CHUNKS_MAX) {
            sock->backend_flags |= RT_URING_SINGLE;
            rt_uring_recv_stop(u, sock);
        }
        return;
    }
    bool is_into = (sock->backend_flags & RT_URING_INTO) != 0;
    sock->backend_flags &= ~(uint32_t)(RT_URING_ARMED | RT_URING_PAUSED | RT_URING_INTO);
    if (is_into) {
        rt_uring_into_done(sock, result);
    }
    rt_uring_recv_ended(u, sock, result);
}

/* A receive into the caller's memory ends with bytes, or because it was asked to stop. */
static void rt_uring_into_done(struct rt_sock *sock, int result)
{
    struct rt_op *op = sock->recv_op;
    if (result > 0) {
        rt_op_complete(op, ERR_OK, result, 0);
    } else if (op->stop_err != ERR_OK) {
        rt_op_complete(op, ERR_CANCELED, 0, 0);
    }
}

void rt_uring_accept_done(struct rt_uring *u, struct rt_listener *listener, int result)
{
    listener->backend_flags &= ~(uint32_t)(RT_URING_ARMED | RT_URING_PAUSED);
    struct rt_op *op = rt_listener_next_accept(listener);
    if (result >= 0 && op != NULL) {
        rt_uring_accepted(u, op, result);
    } else if (result >= 0) {
        ASSERT(listener->pending_fd < 0);
        listener->pending_fd = result; /* who asked was canceled meanwhile: it is the next one's */
    } else if (op != NULL && (result == -EMFILE || result == -ENFILE || result == -ENOMEM ||
                              result == -ENOBUFS)) {
        rt_op_complete(op, ERR_RESOURCES, 0, -result);
    }
    if (listener->end_op != NULL && listener->waiting_count == 0) {
        rt_uring_listener_end(u, listener);
    } else if (rt_listener_next_accept(listener) != NULL) {
        rt_uring_accept(u, listener); /* ECONNABORTED and the like concern one connection */
    }
}

void rt_uring_release(struct rt_shard *shard, struct rt_recv_buf *buf)
{
    struct rt_uring *u = rt_uring_of(shard);
    rt_uring_buf_free(u, buf);
    if (u->free_counts[rt_uring_group_of(buf)] == 1) {
        rt_uring_recv_arm_starved(u);
    }
}

enum err rt_uring_bufs_open(struct rt_uring *u)
{
    void *bufs = NULL;
    struct budget *budget = &u->shard->budget;
    enum err err =
        budget_alloc(budget, LIMIT_RECV_BUFFERS_COUNT * sizeof(struct rt_recv_buf), 8, &bufs);
    if (err == ERR_OK) {
        err = budget_charge(budget, RT_URING_DATA_BYTES);
    }
    if (err != ERR_OK) {
        budget_free(budget, bufs);
        return err;
    }
    u->bufs = bufs;
    u->buf_data = rt_uring_map(RT_URING_DATA_BYTES);
    int result = u->buf_data != NULL ? 0 : -ENOMEM;
    for (int group = 0; group < RT_URING_GROUPS_COUNT && result == 0; group++) {
        u->buf_rings[group] = rt_uring_map(RT_URING_RING_BYTES);
        struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)u->buf_rings[group],
                                       .ring_entries = RT_URING_GROUP_COUNT,
                                       .bgid = (uint16_t)group};
        result =
            u->buf_rings[group] != NULL ? io_uring_register_buf_ring(&u->ring, &reg, 0) : -ENOMEM;
    }
    if (result != 0) {
        rt_uring_bufs_close(u);
        errno = -result;
        return rt_err_from_errno(-result);
    }
    io_uring_buf_ring_init(u->buf_rings[RT_URING_MANY]);
    io_uring_buf_ring_init(u->buf_rings[RT_URING_ONE]);
    for (uint32_t i = 0; i < LIMIT_RECV_BUFFERS_COUNT; i++) {
        u->bufs[i].index = i;
        u->bufs[i].data = u->buf_data + (size_t)i * LIMIT_RECV_BUFFER_BYTES;
        rt_uring_buf_free(u, &u->bufs[i]);
    }
    return ERR_OK;
}

void rt_uring_bufs_close(struct rt_uring *u)
{
    for (int group = 0; group < RT_URING_GROUPS_COUNT; group++) {
        if (u->buf_rings[group] != NULL) {
            munmap(u->buf_rings[group], RT_URING_RING_BYTES);
        }
    }
    if (u->buf_data != NULL) {
        munmap(u->buf_data, RT_URING_DATA_BYTES);
    }
    budget_uncharge(&u->shard->budget, RT_URING_DATA_BYTES);
    budget_free(&u->shard->budget, u->bufs);
}

/* `bytes` of address space that read as zeros, NULL: refused. */
static void *rt_uring_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static enum rt_uring_group rt_uring_group_of(const struct rt_recv_buf *buf)
{
    return buf->index < RT_URING_GROUP_COUNT ? RT_URING_MANY : RT_URING_ONE;
}

/* Give a buffer to the kernel. */
static void rt_uring_buf_free(struct rt_uring *u, struct rt_recv_buf *buf)
{
    enum rt_uring_group group = rt_uring_group_of(buf);
    io_uring_buf_ring_add(u->buf_rings[group], buf->data, LIMIT_RECV_BUFFER_BYTES,
                          (unsigned short)buf->index, io_uring_buf_ring_mask(RT_URING_GROUP_COUNT),
                          0);
    io_uring_buf_ring_advance(u->buf_rings[group], 1);
    u->free_counts[group]++;
}

/* Have the kernel accept a connection, unless it is asked for one already. */
static void rt_uring_accept(struct rt_uring *u, struct rt_listener *listener)
{
    if (listener->backend_flags & RT_URING_ARMED) {
        return; /* its completion asks again */
    }
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    io_uring_prep_accept(sqe, listener->fd, NULL, NULL, SOCK_CLOEXEC);
    rt_uring_tag(sqe, listener, RT_URING_ACCEPT);
    listener->backend_flags = RT_URING_ARMED;
}

static void rt_uring_accepted(struct rt_uring *u, struct rt_op *op, int fd)
{
    struct rt_sock *sock = op->args.net.sock;
    struct sockaddr_storage peer = {0};
    socklen_t peer_bytes = sizeof(peer);
    sock->fd = fd;
    sock->slot = rt_uring_slot_take(u, fd);
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_bytes) == 0) {
        sock->peer = rt_posix_addr(&peer);
    } /* else it is gone already: the first receive says so */
    rt_op_complete(op, ERR_OK, 0, 0);
}

static void rt_uring_listener_end(struct rt_uring *u, struct rt_listener *listener)
{
    (void)u;
    if (listener->pending_fd >= 0) {
        rt_posix_abort(listener->pending_fd);
        close(listener->pending_fd);
        listener->pending_fd = -1;
    }
    close(listener->fd);
    listener->fd = -1;
    rt_op_complete(listener->end_op, ERR_OK, 0, 0);
}

static void rt_uring_connect(struct rt_uring *u, struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    int family = op->args.net.addr->is_v6 ? AF_INET6 : AF_INET;
    sock->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sock->fd < 0) {
        rt_op_complete(op, rt_err_from_errno(errno), 0, errno);
        return;
    }
    struct sockaddr_storage addr;
    socklen_t addr_bytes = rt_posix_sockaddr(op->args.net.addr, &addr);
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    /* The kernel copies the address when the entry is submitted: it waits beside it until then. */
    struct iovec *window = rt_uring_window(u, sqe);
    static_assert(sizeof(struct sockaddr_in6) <= RT_URING_WINDOW_COUNT * sizeof(struct iovec),
                  "an address fits where a window does");
    memcpy(window, &addr, addr_bytes);
    io_uring_prep_connect(sqe, sock->fd, (struct sockaddr *)window, addr_bytes);
    rt_uring_tag(sqe, op, RT_URING_OP);
}

/* Have the kernel receive: all that comes, or (RT_URING_SINGLE, or no buffer of the first group is
 * free) the next bytes only, into a buffer or where the product says. */
static void rt_uring_recv_arm(struct rt_uring *u, struct rt_sock *sock)
{
    const struct rt_op *op = sock->recv_op;
    bool is_into = op != NULL && op->args.net.data != NULL;
    if (is_into && !(sock->backend_flags & RT_URING_SINGLE)) {
        sock->backend_flags |= RT_URING_SINGLE;
        if (sock->backend_flags & RT_URING_ARMED) {
            rt_uring_recv_stop(u, sock);
        }
    }
    if (sock->backend_flags & RT_URING_ARMED) {
        return; /* or it ends soon, and is armed then */
    }
    if (is_into) {
        rt_uring_into(u, sock);
        return;
    }
    if (list_is_linked(&sock->in_backend)) {
        return;
    }
    bool is_single = (sock->backend_flags & RT_URING_SINGLE) || u->free_counts[RT_URING_MANY] == 0;
    if (is_single && u->free_counts[RT_URING_ONE] == 0) {
        list_push_back(&u->starved, &sock->in_backend);
        return;
    }
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    if (is_single) {
        io_uring_prep_recv(sqe, -1, NULL, LIMIT_RECV_BUFFER_BYTES, 0);
    } else {
        io_uring_prep_recv_multishot(sqe, -1, NULL, 0, 0);
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = is_single ? RT_URING_ONE : RT_URING_MANY;
    rt_uring_target(sqe, sock->fd, sock->slot);
    rt_uring_tag(sqe, sock, RT_URING_RECV);
    sock->backend_flags |= RT_URING_ARMED;
}

/* No buffer is needed: a place in the line for one is given up. */
static void rt_uring_into(struct rt_uring *u, struct rt_sock *sock)
{
    const struct rt_op *op = sock->recv_op;
    if (list_is_linked(&sock->in_backend)) {
        list_remove(&sock->in_backend);
    }
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    io_uring_prep_recv(sqe, -1, op->args.net.data, op->args.net.data_max, 0);
    rt_uring_target(sqe, sock->fd, sock->slot);
    rt_uring_tag(sqe, sock, RT_URING_RECV);
    sock->backend_flags |= RT_URING_ARMED | RT_URING_INTO;
}

/* The first buffer of a group is free again: arm all that wait. An armed receive takes a buffer
 * only when bytes come, and nobody knows whose will; who comes too late is told so (-ENOBUFS) and
 * waits again, behind the others. So nobody waits while a buffer that serves him is free. */
static void rt_uring_recv_arm_starved(struct rt_uring *u)
{
    struct list line;
    list_init(&line);
    list_append_all(&line, &u->starved);
    struct list_node *node;
    while ((node = list_pop_front(&line)) != NULL) {
        rt_uring_recv_arm(u, CONTAINER_OF(node, struct rt_sock, in_backend));
    }
}

static void rt_uring_recv_stop(struct rt_uring *u, struct rt_sock *sock)
{
    ASSERT(sock->backend_flags & RT_URING_ARMED);
    if (!(sock->backend_flags & RT_URING_PAUSED)) {
        sock->backend_flags |= RT_URING_PAUSED;
        rt_uring_cancel_tagged(u, sock, RT_URING_RECV);
    }
}

/* The receive is over, with `result` of its last completion. */
static void rt_uring_recv_ended(struct rt_uring *u, struct rt_sock *sock, int result)
{
    if (result == 0) {
        rt_sock_recv_end(sock, ERR_OK);
    } else if (result < 0 && result != -ECANCELED && result != -ENOBUFS && result != -EINTR &&
               result != -EAGAIN) {
        rt_sock_recv_end(sock, rt_err_from_errno(-result));
    }
    if (sock->end_op != NULL && sock->waiting_count == 0) {
        rt_uring_sock_end(u, sock, sock->end_op);
    } else if (sock->recv_op != NULL) {
        rt_uring_recv_arm(u, sock);
    }
}

static void rt_uring_send(struct rt_uring *u, struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    const struct iovec *iov = op->args.io.iov;
    uint32_t iov_count = op->args.io.iov_count;
    bool is_zc = u->has_send_zc && !sock->is_copied && op->progress == 0 &&
                 op->args.io.length >= RT_URING_ZC_BYTES_MIN;
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    struct msghdr *msg = rt_uring_msg(u, sqe);
    if (op->progress > 0) {
        struct iovec *window = rt_uring_window(u, sqe);
        iov_count =
            rt_posix_iov_window(iov, iov_count, op->progress, window, RT_URING_WINDOW_COUNT);
        iov = window;
    }
    msg->msg_iov = (struct iovec *)(uintptr_t)iov;
    msg->msg_iovlen = iov_count;
    op->backend_flags = is_zc ? RT_URING_ZC : 0;
    if (is_zc) {
        io_uring_prep_sendmsg_zc(sqe, -1, msg, MSG_NOSIGNAL | MSG_WAITALL);
        sqe->ioprio |= RT_URING_SEND_ZC_REPORT_USAGE;
    } else if (iov_count == 1) {
        io_uring_prep_send(sqe, -1, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_WAITALL);
    } else {
        io_uring_prep_sendmsg(sqe, -1, msg, MSG_NOSIGNAL | MSG_WAITALL);
    }
    rt_uring_target(sqe, sock->fd, sock->slot);
    rt_uring_tag(sqe, op, RT_URING_OP);
}

static void rt_uring_send_done(struct rt_uring *u, struct rt_op *op, int result, unsigned flags)
{
    if (flags & IORING_CQE_F_NOTIF) { /* the bytes are free; the result came before */
        op->sock->is_copied |= ((unsigned)result & RT_URING_ZC_COPIED) != 0;
        bool is_failed = (op->backend_flags & RT_URING_ZC_FAILED) != 0;
        bool is_aborted = (op->backend_flags & RT_URING_ZC_ABORTED) != 0;
        result = is_failed ? -op->saved_errno : is_aborted ? -ECANCELED : 0;
    } else if (flags & IORING_CQE_F_MORE) { /* the notification will end it */
        op->backend_flags |= RT_URING_ZC_TAKEN;
        if (op->stop_err != ERR_OK) {
            rt_uring_abort(op);
        }
        if (result < 0) {
            op->saved_errno = -result;
            op->backend_flags |= RT_URING_ZC_FAILED;
        } else {
            op->progress += (uint64_t)result;
        }
        return;
    } else if (result > 0) {
        op->progress += (uint64_t)result;
    }
    if (rt_uring_is_zc_refused(op, result)) {
        op->sock->is_copied = true; /* send plainly */
        result = 0;
    }
    if (result < 0 && result != -EINTR && result != -EAGAIN) {
        rt_op_complete(op, result == -ECANCELED ? ERR_CANCELED : rt_err_from_errno(-result),
                       (int64_t)op->progress, -result);
    } else if (op->progress == op->args.io.length) {
        rt_op_complete(op, ERR_OK, (int64_t)op->progress, 0);
    } else if (op->stop_err != ERR_OK) {
        rt_op_complete(op, ERR_CANCELED, (int64_t)op->progress, 0);
    } else {
        rt_uring_send(u, op);
    }
}

/* A zero-copy send of which nothing went, for a reason that is zero-copy's own: this kernel does
 * not report copies (EINVAL), or the pages of all sends under way would exceed RLIMIT_MEMLOCK, to
 * which the kernel charges them unless the process has CAP_IPC_LOCK (ENOMEM, ENOBUFS). */
static bool rt_uring_is_zc_refused(const struct rt_op *op, int result)
{
    return (op->backend_flags & RT_URING_ZC) && op->progress == 0 &&
           (result == -EINVAL || result == -ENOMEM || result == -ENOBUFS);
}

/* Close or detach: nothing of the connection is in the kernel any more. */
static void rt_uring_sock_end(struct rt_uring *u, struct rt_sock *sock, struct rt_op *op)
{
    ASSERT(!(sock->backend_flags & RT_URING_ARMED));
    if (list_is_linked(&sock->in_backend)) {
        list_remove(&sock->in_backend);
    }
    rt_uring_slot_give(u, sock->slot);
    sock->slot = -1;
    sock->end_op = NULL;
    int fd = sock->fd;
    sock->fd = -1;
    if (op->kind == RT_OP_SOCK_DETACH && sock->unread_bytes <= op->args.net.data_max) {
        int flags = fcntl(fd, F_GETFL);
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        rt_op_complete(op, ERR_OK, fd, 0);
        return;
    }
    close(fd);
    rt_op_complete(op, op->kind == RT_OP_SOCK_CLOSE ? ERR_OK : ERR_TOO_LARGE, 0, 0);
}

/* Drop what the connection of a zero-copy send has not sent yet, with a reset to the peer: the send
 * is notified only when nothing of it waits in the kernel any more, and a peer that reads nothing
 * would make that never. */
static void rt_uring_abort(struct rt_op *op)
{
    op->backend_flags |= RT_URING_ZC_ABORTED;
    rt_posix_abort(op->sock->fd);
}
