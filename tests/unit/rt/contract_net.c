/* Connections for the contract's tests. See contract_net.h. */
#include "tests/unit/rt/contract_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void net_listen(struct rt_harness *h, struct rt_listener *listener)
{
    struct rt_addr addr = {.ip = {127, 0, 0, 1}};
    RT_CHECK_ERR(rt_listen(listener, h->shard, &addr, false), ERR_OK);
    RT_CHECK(listener->addr.port != 0);
}

void net_listener_close(struct rt_harness *h, struct rt_listener *listener)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_listener_close(listener, &op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(!listener->is_open);
}

void net_pair_open(struct rt_harness *h, struct net_pair *pair)
{
    net_listen(h, &pair->listener);
    rt_harness_op_init(h, &pair->server_op);
    rt_harness_op_init(h, &pair->client_op);
    rt_sock_accept(&pair->listener, &pair->server_op.op, &pair->server);
    rt_sock_connect(&pair->client, &pair->client_op.op, h->shard, &pair->listener.addr);
    RT_CHECK_ERR(rt_harness_wait(&pair->client_op), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&pair->server_op), ERR_OK);
    RT_CHECK(pair->client.is_open);
    RT_CHECK(pair->server.is_open);
}

void net_pair_close(struct rt_harness *h, struct net_pair *pair)
{
    if (pair->client.is_open) {
        net_close(h, &pair->client);
    }
    if (pair->server.is_open) {
        net_close(h, &pair->server);
    }
    net_listener_close(h, &pair->listener);
}

void net_close(struct rt_harness *h, struct rt_sock *sock)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_sock_close(sock, &op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK(!sock->is_open);
}

enum err net_send(struct rt_harness_op *op, struct rt_sock *sock, const void *data, size_t length)
{
    struct iovec iov = {(void *)(uintptr_t)data, length};
    rt_sock_send(sock, &op->op, &iov, 1);
    enum err err = rt_harness_wait(op);
    RT_CHECK(err != ERR_OK || op->op.result == (int64_t)length);
    return err;
}

enum err net_recv(struct rt_harness_op *op, struct rt_sock *sock, void *out, size_t *length)
{
    rt_sock_recv(sock, &op->op);
    enum err err = rt_harness_wait(op);
    *length = 0;
    if (err == ERR_OK && op->op.result > 0) {
        struct rt_chunk chunk = rt_sock_chunk(&op->op);
        RT_CHECK_INT(chunk.length, op->op.result);
        RT_CHECK(chunk.length <= LIMIT_RECV_BUFFER_BYTES);
        memcpy(out, chunk.data, chunk.length);
        *length = chunk.length;
        rt_sock_release(sock, chunk);
    }
    return err;
}

void net_recv_all(struct rt_harness_op *op, struct rt_sock *sock, void *out, size_t length)
{
    uint8_t chunk[LIMIT_RECV_BUFFER_BYTES];
    for (size_t at = 0; at < length;) {
        size_t got;
        RT_CHECK_ERR(net_recv(op, sock, chunk, &got), ERR_OK);
        RT_CHECK(got > 0);
        RT_CHECK(got <= length - at);
        memcpy((uint8_t *)out + at, chunk, got);
        at += got;
    }
}

int net_plain_connect(const struct rt_addr *addr, uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&name.sin_addr, addr->ip, sizeof(name.sin_addr));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    RT_CHECK(fd >= 0);
    RT_CHECK_INT(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    socklen_t length = sizeof(name);
    RT_CHECK_INT(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    if (port != NULL) {
        *port = ntohs(name.sin_port);
    }
    return fd;
}

int net_plain_accept(struct rt_harness *h, struct rt_listener *listener, struct rt_harness_op *op,
                     struct rt_sock *sock)
{
    rt_harness_op_init(h, op);
    int fd = net_plain_connect(&listener->addr, NULL);
    rt_sock_accept(listener, &op->op, sock);
    RT_CHECK_ERR(rt_harness_wait(op), ERR_OK);
    return fd;
}

void net_plain_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    RT_CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    RT_CHECK_INT(close(fd), 0);
}
