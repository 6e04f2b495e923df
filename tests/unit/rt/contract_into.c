/* sock.h, rt_sock_recv_into: bytes that go where the caller says. */
#include "base/rt/sock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/prng.h"
#include "base/rt/clock.h"
#include "tests/unit/rt/contract.h"
#include "tests/unit/rt/contract_net.h"

#define INTO_BYTES (1u << 20)

/* Byte `pos` of a stream. */
static uint8_t into_byte(size_t pos)
{
    return (uint8_t)(pos * 7 + pos / 253);
}

/* The first `length` bytes of the stream, in memory of their own. */
static uint8_t *into_stream(size_t length)
{
    uint8_t *data = malloc(length);
    RT_CHECK(data != NULL);
    for (size_t i = 0; i < length; i++) {
        data[i] = into_byte(i);
    }
    return data;
}

static void into_is_next(const uint8_t *data, int64_t length, size_t *pos)
{
    for (int64_t i = 0; i < length; i++) {
        RT_CHECK_INT(data[i], into_byte((*pos)++));
    }
}

/* Receive into memory of `max` bytes, which must go on at `*pos`. */
static enum err into_recv(struct rt_harness_op *op, struct rt_sock *sock, size_t max, size_t *pos)
{
    uint8_t *data = malloc(max);
    RT_CHECK(data != NULL);
    rt_sock_recv_into(sock, &op->op, data, max);
    enum err err = rt_harness_wait(op);
    if (err == ERR_OK) {
        RT_CHECK(op->op.result <= (int64_t)max);
        into_is_next(data, op->op.result, pos);
    }
    free(data);
    return err;
}

/* A receive into the runtime's buffers, which must go on at `*pos`. */
static void into_recv_chunk(struct net_pair *pair, size_t *pos)
{
    uint8_t chunk[LIMIT_RECV_BUFFER_BYTES];
    size_t got;
    RT_CHECK_ERR(net_recv(&pair->server_op, &pair->server, chunk, &got), ERR_OK);
    RT_CHECK(got > 0);
    into_is_next(chunk, (int64_t)got, pos);
}

/* Whether the next bytes are the rest of a buffer of which some were given out. */
static bool into_is_half(const struct rt_sock *sock)
{
    const struct list_node *node = list_first(&sock->unread);
    return node != NULL && CONTAINER_OF(node, const struct rt_recv_buf, in_unread)->start > 0;
}

/* In any order with receives into the runtime's buffers, some of which are half given out where the
 * backend receives ahead. */
static void into_takes_turns_with_chunks(struct rt_harness *h)
{
    struct prng prng;
    uint32_t halves_count = 0;
    uint64_t copied_bytes = 0;
    prng_init(&prng, 7);
    for (uint32_t round = 0; round < 20; round++) {
        struct net_pair pair;
        struct rt_harness_op send;
        net_pair_open(h, &pair);
        rt_harness_op_init(h, &send);
        uint8_t *data = into_stream(INTO_BYTES);
        struct iovec iov = {data, INTO_BYTES};
        size_t pos = 0;
        rt_sock_send(&pair.client, &send.op, &iov, 1);
        into_recv_chunk(&pair, &pos); /* what receives ahead begins to */
        while (pos < INTO_BYTES) {
            halves_count += into_is_half(&pair.server);
            if (prng_chance(&prng, 1 + round % 6, 8)) {
                into_recv_chunk(&pair, &pos);
            } else {
                size_t max = 1 + prng_below(&prng, round % 2 == 0 ? 1000 : 20000);
                RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, max, &pos), ERR_OK);
                RT_CHECK(pair.server_op.op.result > 0);
            }
        }
        RT_CHECK_ERR(rt_harness_wait(&send), ERR_OK);
        copied_bytes += pair.server.copied_bytes;
        free(data);
        net_pair_close(h, &pair);
    }
    bool is_ahead = h->kind == RT_KIND_URING;
    RT_CHECK((halves_count > 0) == is_ahead);
    RT_CHECK((copied_bytes > 0) == is_ahead);
}

/* From its second receive on, such a connection copies nothing. */
static void into_is_without_a_copy(struct rt_harness *h)
{
    struct net_pair pair;
    struct rt_harness_op send;
    uint8_t *data = into_stream(INTO_BYTES);
    struct iovec iov = {data, INTO_BYTES};
    uint8_t byte[LIMIT_RECV_BUFFER_BYTES];
    size_t pos = 0, got;
    net_pair_open(h, &pair);
    rt_harness_op_init(h, &send);
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "x", 1), ERR_OK);
    RT_CHECK_ERR(net_recv(&pair.server_op, &pair.server, byte, &got), ERR_OK);
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, data, 1), ERR_OK);
    RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, 1, &pos), ERR_OK);
    uint64_t copied = pair.server.copied_bytes;
    pos = 0;
    rt_sock_send(&pair.client, &send.op, &iov, 1);
    while (pos < INTO_BYTES) {
        RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, INTO_BYTES, &pos), ERR_OK);
    }
    RT_CHECK_ERR(rt_harness_wait(&send), ERR_OK);
    RT_CHECK_INT(pair.server.copied_bytes, copied);
    free(data);
    net_pair_close(h, &pair);
}

static void into_canceled_or_late_loses_no_bytes(struct rt_harness *h)
{
    struct net_pair pair;
    size_t pos = 0;
    net_pair_open(h, &pair);
    for (uint32_t round = 0; round < 20; round++) {
        uint8_t *data = malloc(64);
        RT_CHECK(data != NULL);
        rt_sock_recv_into(&pair.server, &pair.server_op.op, data, 64);
        rt_harness_turns(h, round % 3);
        rt_op_cancel(&pair.server_op.op);
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CANCELED);
        free(data);
        rt_op_set_deadline(&pair.server_op.op, h->shard->now_ns + RT_NS_PER_MS);
        RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, 64, &pos), ERR_TIMEOUT);
        rt_op_set_deadline(&pair.server_op.op, 0);
        uint8_t bytes[] = {into_byte(pos), into_byte(pos + 1)};
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, bytes, 2), ERR_OK);
        RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, 1, &pos), ERR_OK);
        RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, 64, &pos), ERR_OK);
        RT_CHECK_INT(pos, 2 * (round + 1));
    }
    net_pair_close(h, &pair);
}

/* The cancel meets bytes that are on their way: either the receive has them, or the next one; its
 * memory is the caller's from then on. */
static void into_canceled_while_bytes_arrive_loses_none(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    uint8_t idle[64];
    size_t pos = 0;
    net_listen(h, &listener);
    int fd = net_plain_accept(h, &listener, &op, &sock);
    memset(idle, 0xEE, sizeof(idle));
    for (uint32_t round = 0; round < 1000; round++) {
        uint8_t byte = into_byte(pos);
        uint8_t data[64] = {0};
        rt_sock_recv_into(&sock, &op.op, data, sizeof(data));
        rt_harness_turns(h, round % 3);
        RT_CHECK_INT(send(fd, &byte, 1, 0), 1);
        rt_harness_turns(h, round % 5 / 4);
        rt_op_cancel(&op.op);
        enum err err = rt_harness_wait(&op);
        if (err == ERR_OK) {
            into_is_next(data, op.op.result, &pos);
        } else {
            RT_CHECK_ERR(err, ERR_CANCELED);
            memcpy(data, idle, sizeof(data));
            RT_CHECK_ERR(into_recv(&op, &sock, sizeof(data), &pos), ERR_OK);
            RT_CHECK(memcmp(data, idle, sizeof(data)) == 0);
        }
        RT_CHECK_INT(pos, round + 1);
    }
    close(fd);
    net_close(h, &sock);
    net_listener_close(h, &listener);
}

static void into_sees_the_end_and_a_reset(struct rt_harness *h)
{
    struct rt_listener listener;
    net_listen(h, &listener);
    for (uint32_t round = 0; round < 4; round++) {
        struct rt_sock sock;
        struct rt_harness_op op;
        uint8_t *data = malloc(64);
        RT_CHECK(data != NULL);
        int fd = net_plain_accept(h, &listener, &op, &sock);
        rt_sock_recv_into(&sock, &op.op, data, 64);
        rt_harness_turns(h, 2);
        if (round % 2 == 1) { /* bytes before it */
            RT_CHECK_INT(send(fd, "abc", 3, 0), 3);
            RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
            RT_CHECK_INT(op.op.result, 3);
            RT_CHECK(memcmp(data, "abc", 3) == 0);
            rt_sock_recv_into(&sock, &op.op, data, 64);
            rt_harness_turns(h, 2);
        }
        if (round < 2) {
            close(fd);
        } else {
            net_plain_reset(fd);
        }
        for (uint32_t i = 0; i < 2; i++) { /* and it stays so */
            RT_CHECK_ERR(rt_harness_wait(&op), round < 2 ? ERR_OK : ERR_RESET);
            RT_CHECK_INT(op.op.result, 0);
            rt_sock_recv_into(&sock, &op.op, data, 64);
        }
        RT_CHECK_ERR(rt_harness_wait(&op), round < 2 ? ERR_OK : ERR_RESET);
        free(data);
        net_close(h, &sock);
    }
    net_listener_close(h, &listener);
}

/* Its memory is the caller's again when it is done, which is before the close is. */
static void into_ends_with_the_connection(struct rt_harness *h)
{
    for (uint32_t round = 0; round < 3; round++) {
        struct net_pair pair;
        struct rt_harness_op close_op;
        uint8_t *data = malloc(64);
        RT_CHECK(data != NULL);
        net_pair_open(h, &pair);
        rt_harness_op_init(h, &close_op);
        rt_sock_recv_into(&pair.server, &pair.server_op.op, data, 64);
        rt_harness_turns(h, round);
        rt_sock_close(&pair.server, &close_op.op);
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CLOSING);
        free(data);
        RT_CHECK_ERR(rt_harness_wait(&close_op), ERR_OK);
        RT_CHECK(pair.server_op.order < close_op.order);
        net_pair_close(h, &pair);
    }
}

/* What of a buffer was not given out yet follows a detached connection. */
static void into_leaves_the_rest_to_a_detach(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t unread[LIMIT_CONNECTION_BYTES_UNAUTHENTICATED];
    uint8_t *data = into_stream(100);
    size_t pos = 0;
    net_pair_open(h, &pair);
    rt_sock_recv(&pair.server, &pair.server_op.op);
    rt_harness_turns(h, 2);
    rt_op_cancel(&pair.server_op.op);
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CANCELED);
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, data, 100), ERR_OK);
    rt_harness_sleep(h, RT_NS_PER_MS);
    RT_CHECK_ERR(into_recv(&pair.server_op, &pair.server, 30, &pos), ERR_OK);
    rt_sock_detach(&pair.server, &pair.server_op.op, unread, sizeof(unread));
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    int fd = (int)pair.server_op.op.result;
    size_t length = pair.server.unread_bytes;
    if (length < 70) { /* it was not received ahead */
        ssize_t got = recv(fd, unread + length, sizeof(unread) - length, 0);
        RT_CHECK(got > 0);
        length += (size_t)got;
    }
    RT_CHECK_INT(length, 70);
    into_is_next(unread, 70, &pos);
    close(fd);
    free(data);
    net_pair_close(h, &pair);
}

const struct rt_harness_test contract_into_tests[] = {
    RT_HARNESS_TEST(into_takes_turns_with_chunks),
    RT_HARNESS_TEST(into_is_without_a_copy),
    RT_HARNESS_TEST(into_canceled_or_late_loses_no_bytes),
    RT_HARNESS_TEST(into_canceled_while_bytes_arrive_loses_none),
    RT_HARNESS_TEST(into_sees_the_end_and_a_reset),
    RT_HARNESS_TEST(into_ends_with_the_connection),
    RT_HARNESS_TEST(into_leaves_the_rest_to_a_detach),
    {0},
};
