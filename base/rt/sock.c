/* Connections and listeners: arguments are checked and the books kept here, the backend moves the
 * bytes. See sock.h.
 *
 * A connection's life: accept or connect (waits) -> open -> closing (close or detach asked for;
 * receive and send are told to stop) -> the backend ends it once nothing waits. Received buffers
 * that nobody asked for queue in sock->unread; those that arrive while closing go back at once. */
#include "base/rt/sock.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/backend.h"
#include "base/rt/op_int.h"

static void rt_sock_init(struct rt_sock *sock, struct rt_shard *shard);
static void rt_sock_begin(struct rt_sock *sock, struct rt_op *op, enum rt_op_kind kind);
static void rt_sock_recv_start(struct rt_sock *sock, struct rt_op *op);
static void rt_sock_give(struct rt_sock *sock, struct rt_recv_buf *buf);
static void rt_sock_fill(struct rt_sock *sock, struct rt_recv_buf *buf);
static void rt_sock_drop_unread(struct rt_sock *sock);
static void rt_sock_copy_unread(struct rt_sock *sock, struct rt_op *op);
static void rt_listener_settle(struct rt_op *op);

enum err rt_listen(struct rt_listener *listener, struct rt_shard *shard, const struct rt_addr *addr,
                   bool is_shared)
{
    *listener =
        (struct rt_listener){.shard = shard, .fd = -1, .slot = -1, .pending_fd = -1, .addr = *addr};
    list_init(&listener->accepts);
    enum err err = shard->backend->listen(listener, is_shared);
    listener->is_open = err == ERR_OK;
    return err;
}

void rt_sock_accept(struct rt_listener *listener, struct rt_op *op, struct rt_sock *sock)
{
    ASSERT(listener->is_open);
    ASSERT(op->shard == listener->shard);
    rt_sock_init(sock, listener->shard);
    rt_op_submit(op, RT_OP_SOCK_ACCEPT);
    op->listener = listener;
    op->args.net.sock = sock;
    listener->waiting_count++;
    list_push_back(&listener->accepts, &op->in_queue);
    if (listener->is_closing) {
        rt_op_complete(op, ERR_CLOSING, 0, 0);
    } else {
        rt_op_start(op);
    }
}

void rt_listener_close(struct rt_listener *listener, struct rt_op *op)
{
    ASSERT(listener->is_open);
    ASSERT(!listener->is_closing);
    rt_op_submit(op, RT_OP_LISTENER_CLOSE);
    op->listener = listener;
    listener->is_closing = true;
    listener->end_op = op;
    if (listener->waiting_count == 0) {
        rt_op_start(op);
        return;
    }
    list_for_each_safe (node, following, &listener->accepts) {
        rt_op_close_now(CONTAINER_OF(node, struct rt_op, in_queue), ERR_CLOSING);
    }
}

struct rt_op *rt_listener_next_accept(struct rt_listener *listener)
{
    struct list_node *node = list_first(&listener->accepts);
    return node != NULL ? CONTAINER_OF(node, struct rt_op, in_queue) : NULL;
}

void rt_sock_connect(struct rt_sock *sock, struct rt_op *op, struct rt_shard *shard,
                     const struct rt_addr *addr)
{
    ASSERT(op->shard == shard);
    rt_sock_init(sock, shard);
    sock->peer = *addr;
    rt_op_submit(op, RT_OP_SOCK_CONNECT);
    op->sock = sock;
    op->args.net.addr = addr;
    sock->waiting_count++;
    rt_op_start(op);
}

void rt_sock_recv(struct rt_sock *sock, struct rt_op *op)
{
    ASSERT(sock->recv_op == NULL);
    rt_sock_begin(sock, op, RT_OP_SOCK_RECV);
    op->args.net.data = NULL;
    rt_sock_recv_start(sock, op);
}

void rt_sock_recv_into(struct rt_sock *sock, struct rt_op *op, uint8_t *data, size_t data_max)
{
    ASSERT(sock->recv_op == NULL);
    ASSERT(data_max > 0);
    rt_sock_begin(sock, op, RT_OP_SOCK_RECV);
    op->args.net.data = data;
    op->args.net.data_max = data_max;
    rt_sock_recv_start(sock, op);
}

static void rt_sock_recv_start(struct rt_sock *sock, struct rt_op *op)
{
    sock->recv_op = op;
    struct list_node *node = NULL;
    if (sock->is_closing) {
        rt_op_complete(op, ERR_CLOSING, 0, 0);
    } else if ((node = list_pop_front(&sock->unread)) != NULL) {
        struct rt_recv_buf *buf = CONTAINER_OF(node, struct rt_recv_buf, in_unread);
        sock->unread_count--;
        sock->unread_bytes -= buf->length - buf->start;
        rt_sock_give(sock, buf);
    } else if (sock->is_recv_ended) {
        rt_op_complete(op, sock->recv_err, 0, 0);
    } else {
        rt_op_start(op);
    }
}

struct rt_chunk rt_sock_chunk(const struct rt_op *op)
{
    ASSERT(op->kind == RT_OP_SOCK_RECV);
    ASSERT(op->chunk != NULL);
    return (struct rt_chunk){
        .data = op->chunk->data + op->chunk->start,
        .length = op->chunk->length - op->chunk->start,
        .buf = op->chunk,
    };
}

void rt_sock_release(struct rt_sock *sock, struct rt_chunk chunk)
{
    ASSERT(sock->held_count > 0);
    sock->held_count--;
    sock->shard->backend->release(sock->shard, chunk.buf);
}

void rt_sock_send(struct rt_sock *sock, struct rt_op *op, const struct iovec *iov,
                  uint32_t iov_count)
{
    ASSERT(sock->send_op == NULL);
    ASSERT(iov_count >= 1);
    ASSERT(iov_count <= LIMIT_IOV_COUNT);
    uint64_t length = 0;
    for (uint32_t i = 0; i < iov_count; i++) {
        length += iov[i].iov_len;
    }
    ASSERT(length > 0);
    ASSERT(length <= INT32_MAX);
    rt_sock_begin(sock, op, RT_OP_SOCK_SEND);
    sock->send_op = op;
    op->args.io.iov = iov;
    op->args.io.iov_count = iov_count;
    op->args.io.length = length;
    if (sock->is_closing) {
        rt_op_complete(op, ERR_CLOSING, 0, 0);
    } else {
        rt_op_start(op);
    }
}

void rt_sock_shutdown_send(struct rt_sock *sock)
{
    ASSERT(sock->is_open);
    ASSERT(sock->send_op == NULL);
    sock->shard->backend->shutdown_send(sock);
}

void rt_sock_set_flags(struct rt_sock *sock, uint32_t flags)
{
    ASSERT(sock->is_open);
    sock->shard->backend->set_flags(sock, flags);
}

void rt_sock_close(struct rt_sock *sock, struct rt_op *op)
{
    ASSERT(sock->is_open);
    ASSERT(!sock->is_closing);
    rt_op_submit(op, RT_OP_SOCK_CLOSE);
    op->sock = sock;
    sock->is_closing = true;
    sock->end_op = op;
    rt_sock_drop_unread(sock);
    if (sock->waiting_count == 0) {
        rt_op_start(op);
        return;
    }
    struct rt_op *send_op = sock->send_op; /* ending the receive may start the close */
    if (sock->recv_op != NULL) {
        rt_op_close_now(sock->recv_op, ERR_CLOSING);
    }
    if (send_op != NULL) {
        rt_op_close_now(send_op, ERR_CLOSING);
    }
}

void rt_sock_detach(struct rt_sock *sock, struct rt_op *op, uint8_t *unread, size_t unread_max)
{
    ASSERT(sock->is_open);
    ASSERT(!sock->is_closing);
    ASSERT(sock->waiting_count == 0);
    ASSERT(unread_max >= LIMIT_CONNECTION_BYTES_UNAUTHENTICATED);
    rt_op_submit(op, RT_OP_SOCK_DETACH);
    op->sock = sock;
    op->args.net.data = unread;
    op->args.net.data_max = unread_max;
    sock->is_closing = true;
    sock->end_op = op;
    rt_op_start(op);
}

void rt_sock_received(struct rt_sock *sock, struct rt_recv_buf *buf)
{
    ASSERT(buf->length > 0);
    buf->start = 0;
    if (sock->is_closing && sock->end_op->kind == RT_OP_SOCK_CLOSE) {
        sock->shard->backend->release(sock->shard, buf);
    } else if (sock->recv_op != NULL && sock->recv_op->state == RT_OP_WAITING) {
        rt_sock_give(sock, buf);
    } else {
        list_push_back(&sock->unread, &buf->in_unread);
        sock->unread_count++;
        sock->unread_bytes += buf->length;
    }
}

void rt_sock_recv_end(struct rt_sock *sock, enum err err)
{
    if (sock->is_recv_ended) {
        return;
    }
    sock->is_recv_ended = true;
    sock->recv_err = err;
    if (sock->recv_op != NULL && sock->recv_op->state == RT_OP_WAITING) {
        ASSERT(list_is_empty(&sock->unread));
        rt_op_complete(sock->recv_op, err, 0, 0);
    }
}

void rt_sock_settle(struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    if (sock == NULL) {
        rt_listener_settle(op);
        return;
    }
    if (op->kind == RT_OP_SOCK_CLOSE || op->kind == RT_OP_SOCK_DETACH) {
        ASSERT(sock->waiting_count == 0);
        return;
    }
    ASSERT(sock->waiting_count > 0);
    sock->waiting_count--;
    if (op->kind == RT_OP_SOCK_CONNECT) {
        sock->is_open = op->err == ERR_OK;
    } else if (op->kind == RT_OP_SOCK_RECV) {
        sock->recv_op = NULL;
    } else {
        ASSERT(op->kind == RT_OP_SOCK_SEND);
        sock->send_op = NULL;
    }
    if (sock->waiting_count == 0 && sock->end_op != NULL) {
        rt_op_start_ending(sock->end_op);
    }
}

void rt_sock_ended(struct rt_op *op)
{
    struct rt_sock *sock = op->sock;
    if (sock == NULL) {
        op->listener->is_open = false;
        return;
    }
    if (op->kind == RT_OP_SOCK_DETACH && op->err == ERR_UNSUPPORTED) {
        sock->is_closing = false;
        sock->end_op = NULL;
        return;
    }
    if (op->kind == RT_OP_SOCK_DETACH) {
        rt_sock_copy_unread(sock, op);
    }
    sock->is_open = false;
}

static void rt_listener_settle(struct rt_op *op)
{
    struct rt_listener *listener = op->listener;
    if (op->kind == RT_OP_LISTENER_CLOSE) {
        ASSERT(listener->waiting_count == 0);
        return;
    }
    ASSERT(op->kind == RT_OP_SOCK_ACCEPT);
    ASSERT(listener->waiting_count > 0);
    listener->waiting_count--;
    op->args.net.sock->is_open = op->err == ERR_OK;
    if (listener->waiting_count == 0 && listener->end_op != NULL) {
        rt_op_start_ending(listener->end_op);
    }
}

static void rt_sock_init(struct rt_sock *sock, struct rt_shard *shard)
{
    *sock = (struct rt_sock){.shard = shard, .fd = -1, .slot = -1};
    list_init(&sock->unread);
}

static void rt_sock_begin(struct rt_sock *sock, struct rt_op *op, enum rt_op_kind kind)
{
    ASSERT(sock->is_open);
    ASSERT(op->shard == sock->shard);
    rt_op_submit(op, kind);
    op->sock = sock;
    sock->waiting_count++;
}

/* The waiting receive ends with `buf`, or with bytes of it. */
static void rt_sock_give(struct rt_sock *sock, struct rt_recv_buf *buf)
{
    struct rt_op *op = sock->recv_op;
    if (op->args.net.data != NULL) {
        rt_sock_fill(sock, buf);
        return;
    }
    op->chunk = buf;
    sock->held_count++;
    rt_op_complete(op, ERR_OK, buf->length - buf->start, 0);
}

/* Copy as much as the receive has room for; what is left of `buf` is the first that is unread. */
static void rt_sock_fill(struct rt_sock *sock, struct rt_recv_buf *buf)
{
    struct rt_op *op = sock->recv_op;
    uint32_t left = buf->length - buf->start;
    uint32_t bytes = left < op->args.net.data_max ? left : (uint32_t)op->args.net.data_max;
    memcpy(op->args.net.data, buf->data + buf->start, bytes);
    buf->start += bytes;
    sock->copied_bytes += bytes;
    rt_op_complete(op, ERR_OK, bytes, 0); /* first: what a release lets receive is not for it */
    if (bytes < left) {
        list_push_front(&sock->unread, &buf->in_unread);
        sock->unread_count++;
        sock->unread_bytes += left - bytes;
    } else {
        sock->shard->backend->release(sock->shard, buf);
    }
}

static void rt_sock_drop_unread(struct rt_sock *sock)
{
    struct list_node *node;
    while ((node = list_pop_front(&sock->unread)) != NULL) {
        sock->shard->backend->release(sock->shard,
                                      CONTAINER_OF(node, struct rt_recv_buf, in_unread));
    }
    sock->unread_count = 0;
    sock->unread_bytes = 0;
}

/* What was received and not read follows the detached descriptor. The backend has checked that it
 * fits. */
static void rt_sock_copy_unread(struct rt_sock *sock, struct rt_op *op)
{
    uint32_t copied = 0;
    if (op->err == ERR_OK) {
        ASSERT(sock->unread_bytes <= op->args.net.data_max);
        list_for_each (node, &sock->unread) {
            struct rt_recv_buf *buf = CONTAINER_OF(node, struct rt_recv_buf, in_unread);
            memcpy(op->args.net.data + copied, buf->data + buf->start, buf->length - buf->start);
            copied += buf->length - buf->start;
        }
        ASSERT(copied == sock->unread_bytes);
    }
    rt_sock_drop_unread(sock);
    sock->unread_bytes = copied;
}
