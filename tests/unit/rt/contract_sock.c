/* sock.h: listening, accepting, connecting, one message at a time, and every way in which a
 * connection ends. */
#include "base/rt/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rt/clock.h"
#include "tests/unit/rt/contract.h"
#include "tests/unit/rt/contract_net.h"

static void sock_listen_errors_say_what_is_wrong(struct rt_harness *h)
{
    struct rt_listener a, b;
    net_listen(h, &a);
    RT_CHECK_ERR(rt_listen(&b, h->shard, &a.addr, false), ERR_BUSY);
    RT_CHECK(!b.is_open);
    struct rt_addr addr = {.ip = {192, 0, 2, 1}}; /* TEST-NET-1 (RFC 5737): nobody's */
    RT_CHECK_ERR(rt_listen(&b, h->shard, &addr, false), ERR_INVALID);
    net_listener_close(h, &a);
    RT_CHECK_ERR(rt_listen(&b, h->shard, &a.addr, false), ERR_OK); /* free again */
    net_listener_close(h, &b);
}

static void sock_listen_shared_takes_the_same_address_twice(struct rt_harness *h)
{
    struct rt_listener a, b, c;
    struct rt_addr addr = {.ip = {127, 0, 0, 1}};
    RT_CHECK_ERR(rt_listen(&a, h->shard, &addr, true), ERR_OK);
    RT_CHECK_ERR(rt_listen(&b, h->shard, &a.addr, true), ERR_OK);
    RT_CHECK_INT(a.addr.port, b.addr.port);
    RT_CHECK_ERR(rt_listen(&c, h->shard, &a.addr, false), ERR_BUSY);
    net_listener_close(h, &a);
    net_listener_close(h, &b);
}

static void sock_listen_ipv6(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_addr addr = {.ip = {[15] = 1}, .is_v6 = true};
    enum err err = rt_listen(&listener, h->shard, &addr, false);
    if (err != ERR_OK) {
        rt_harness_skip(h, "no IPv6 loopback here");
        return;
    }
    struct rt_sock server, client;
    struct rt_harness_op accept, connect;
    rt_harness_op_init(h, &accept);
    rt_harness_op_init(h, &connect);
    rt_sock_accept(&listener, &accept.op, &server);
    rt_sock_connect(&client, &connect.op, h->shard, &listener.addr);
    RT_CHECK_ERR(rt_harness_wait(&connect), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&accept), ERR_OK);
    RT_CHECK(rt_addr_is_loopback(&server.peer));
    RT_CHECK(server.peer.is_v6);
    RT_CHECK(rt_addr_is_equal(&client.peer, &listener.addr));
    net_close(h, &client);
    net_close(h, &server);
    net_listener_close(h, &listener);
}

/* Both when the accepts wait first and when the connections do. */
static void sock_accepts_are_served_in_order(struct rt_harness *h)
{
    enum { COUNT = 8 };
    for (uint32_t round = 0; round < 2; round++) {
        struct rt_listener listener;
        struct rt_sock socks[COUNT];
        struct rt_harness_op ops[COUNT];
        int fds[COUNT];
        uint16_t ports[COUNT];
        net_listen(h, &listener);
        for (uint32_t i = 0; i < COUNT; i++) {
            rt_harness_op_init(h, &ops[i]);
            if (round == 0) {
                rt_sock_accept(&listener, &ops[i].op, &socks[i]);
            }
        }
        rt_harness_turns(h, 2);
        for (uint32_t i = 0; i < COUNT; i++) {
            fds[i] = net_plain_connect(&listener.addr, &ports[i]);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            if (round == 1) {
                rt_sock_accept(&listener, &ops[i].op, &socks[i]);
            }
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            RT_CHECK_ERR(rt_harness_wait(&ops[i]), ERR_OK);
            RT_CHECK_INT(socks[i].peer.port, ports[i]);
            RT_CHECK(i == 0 || ops[i].order > ops[i - 1].order);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            net_close(h, &socks[i]);
            close(fds[i]);
        }
        net_listener_close(h, &listener);
    }
}

/* A listener whose backlog has been emptied goes on with what comes next. */
static void sock_accept_waits_again_when_the_backlog_is_empty(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    for (uint32_t round = 0; round < 5; round++) {
        uint16_t port;
        rt_sock_accept(&listener, &op.op, &sock);
        rt_harness_turns(h, round);
        RT_CHECK_INT(op.dones_count, 0);
        int fd = net_plain_connect(&listener.addr, &port);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        RT_CHECK_INT(sock.peer.port, port);
        net_close(h, &sock);
        close(fd);
    }
    net_listener_close(h, &listener);
}

static void sock_accept_can_be_canceled_and_time_out(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock, other;
    struct rt_harness_op op, next;
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    rt_harness_op_init(h, &next);
    rt_sock_accept(&listener, &op.op, &sock);
    rt_sock_accept(&listener, &next.op, &other);
    rt_harness_turns(h, 2);
    rt_op_cancel(&op.op);
    RT_CHECK_INT(op.dones_count, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_CANCELED);
    RT_CHECK(!sock.is_open);
    rt_op_set_deadline(&op.op, h->shard->now_ns + 5 * RT_NS_PER_MS);
    rt_sock_accept(&listener, &op.op, &sock);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_TIMEOUT);
    RT_CHECK(h->shard->now_ns >= op.op.deadline_ns);
    int fd = net_plain_connect(&listener.addr, NULL); /* not lost: the next in line has it */
    RT_CHECK_ERR(rt_harness_wait(&next), ERR_OK);
    net_close(h, &other);
    close(fd);
    net_listener_close(h, &listener);
}

static void sock_listener_close_ends_waiting_accepts(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock socks[3];
    struct rt_harness_op ops[3], close_op;
    net_listen(h, &listener);
    rt_harness_op_init(h, &close_op);
    for (uint32_t i = 0; i < 3; i++) {
        rt_harness_op_init(h, &ops[i]);
    }
    rt_sock_accept(&listener, &ops[0].op, &socks[0]);
    rt_sock_accept(&listener, &ops[1].op, &socks[1]);
    rt_harness_turns(h, 2);
    rt_listener_close(&listener, &close_op.op);
    rt_sock_accept(&listener, &ops[2].op, &socks[2]); /* too late */
    RT_CHECK_ERR(rt_harness_wait(&close_op), ERR_OK);
    for (uint32_t i = 0; i < 3; i++) {
        RT_CHECK_ERR(rt_harness_wait(&ops[i]), ERR_CLOSING);
        RT_CHECK(!socks[i].is_open);
    }
    RT_CHECK(ops[0].order < close_op.order);
    RT_CHECK(ops[1].order < close_op.order);
}

static void sock_listener_close_resets_what_was_not_accepted(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    char byte;
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    int accepted = net_plain_connect(&listener.addr, NULL);
    rt_sock_accept(&listener, &op.op, &sock);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    int waiting = net_plain_connect(&listener.addr, NULL);
    rt_harness_sleep(h, RT_NS_PER_MS);
    net_listener_close(h, &listener);
    RT_CHECK_INT(recv(waiting, &byte, 1, 0), -1);
    RT_CHECK_INT(errno, ECONNRESET);
    RT_CHECK_ERR(net_send(&op, &sock, "x", 1), ERR_OK); /* the accepted one lives on */
    RT_CHECK_INT(recv(accepted, &byte, 1, 0), 1);
    net_close(h, &sock);
    close(accepted);
    close(waiting);
}

static void sock_connect_refused(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    net_listen(h, &listener);
    net_listener_close(h, &listener);
    rt_harness_op_init(h, &op);
    rt_sock_connect(&sock, &op.op, h->shard, &listener.addr);
    RT_CHECK_INT(op.dones_count, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_REFUSED);
    RT_CHECK(!sock.is_open);
    RT_CHECK_INT(sock.fd, -1);
}

/* TCP has no peers behind a multicast address: tcp(7), RFC 9293 §3.9.2.3. */
static void sock_connect_unreachable(struct rt_harness *h)
{
    struct rt_addr addr = {.ip = {224, 0, 0, 1}, .port = 9};
    struct rt_sock sock;
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    rt_sock_connect(&sock, &op.op, h->shard, &addr);
    RT_CHECK_INT(op.dones_count, 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_UNREACHABLE);
    RT_CHECK_INT(op.op.saved_errno, ENETUNREACH);
    RT_CHECK(!sock.is_open);
}

/* A listener that never accepts and whose backlog is full: further connects get no answer (tcp(7)).
 */
static int sock_silent_listener(struct rt_addr *addr, int *fillers, uint32_t fillers_count)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    RT_CHECK_INT(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    RT_CHECK_INT(listen(fd, 0), 0);
    RT_CHECK_INT(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    *addr = (struct rt_addr){.ip = {127, 0, 0, 1}, .port = ntohs(name.sin_port)};
    for (uint32_t i = 0; i < fillers_count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&name, sizeof(name));
    }
    return fd;
}

static void sock_connect_can_be_canceled_and_time_out(struct rt_harness *h)
{
    struct rt_addr addr;
    struct rt_sock sock;
    struct rt_harness_op op;
    int fillers[4];
    int fd = sock_silent_listener(&addr, fillers, ARRAY_COUNT(fillers));
    rt_harness_op_init(h, &op);
    rt_sock_connect(&sock, &op.op, h->shard, &addr);
    rt_harness_sleep(h, RT_NS_PER_MS);
    RT_CHECK_INT(op.dones_count, 0);
    rt_op_cancel(&op.op);
    rt_op_cancel(&op.op); /* twice is once */
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_CANCELED);
    RT_CHECK(!sock.is_open);
    rt_op_set_deadline(&op.op, h->shard->now_ns + 5 * RT_NS_PER_MS);
    rt_sock_connect(&sock, &op.op, h->shard, &addr);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_TIMEOUT);
    RT_CHECK(h->shard->now_ns >= op.op.deadline_ns);
    RT_CHECK_INT(sock.fd, -1);
    for (uint32_t i = 0; i < ARRAY_COUNT(fillers); i++) {
        close(fillers[i]);
    }
    close(fd);
}

static void sock_messages_go_both_ways(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t out[3 * LIMIT_RECV_BUFFER_BYTES], in[sizeof(out)];
    static const size_t lengths[] = {1,
                                     2,
                                     100,
                                     LIMIT_RECV_BUFFER_BYTES - 1,
                                     LIMIT_RECV_BUFFER_BYTES,
                                     LIMIT_RECV_BUFFER_BYTES + 1,
                                     sizeof(out)};
    net_pair_open(h, &pair);
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, out, lengths[i]), ERR_OK);
        net_recv_all(&pair.server_op, &pair.server, in, lengths[i]);
        RT_CHECK(memcmp(in, out, lengths[i]) == 0);
        RT_CHECK_ERR(net_send(&pair.server_op, &pair.server, in, lengths[i]), ERR_OK);
        net_recv_all(&pair.client_op, &pair.client, in, lengths[i]);
        RT_CHECK(memcmp(in, out, lengths[i]) == 0);
    }
    net_pair_close(h, &pair);
}

/* A message that fills its buffer exactly says nothing about more; the next receive waits for the
 * next message. */
static void sock_message_of_exactly_one_buffer(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t out[LIMIT_RECV_BUFFER_BYTES] = {1}, in[sizeof(out)];
    net_pair_open(h, &pair);
    for (uint32_t round = 0; round < 3; round++) {
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, out, sizeof(out)), ERR_OK);
        net_recv_all(&pair.server_op, &pair.server, in, sizeof(out));
        rt_sock_recv(&pair.server, &pair.server_op.op);
        rt_harness_turns(h, 2);
        RT_CHECK_INT(pair.server_op.dones_count, 0);
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "x", 1), ERR_OK);
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
        RT_CHECK_INT(pair.server_op.op.result, 1);
        rt_sock_release(&pair.server, rt_sock_chunk(&pair.server_op.op));
    }
    net_pair_close(h, &pair);
}

static void sock_send_gathers_every_buffer(struct rt_harness *h)
{
    struct net_pair pair;
    struct iovec iov[LIMIT_IOV_COUNT], before[LIMIT_IOV_COUNT];
    uint8_t out[LIMIT_IOV_COUNT * 4], in[sizeof(out)];
    size_t length = 0;
    for (uint32_t i = 0; i < LIMIT_IOV_COUNT; i++) {
        iov[i] = (struct iovec){.iov_base = out + length, .iov_len = i % 5}; /* empty ones too */
        memset(out + length, (int)(i % 251), i % 5);
        length += i % 5;
    }
    memcpy(before, iov, sizeof(iov));
    net_pair_open(h, &pair);
    rt_sock_send(&pair.client, &pair.client_op.op, iov, LIMIT_IOV_COUNT);
    net_recv_all(&pair.server_op, &pair.server, in, length);
    RT_CHECK_ERR(rt_harness_wait(&pair.client_op), ERR_OK);
    RT_CHECK_INT(pair.client_op.op.result, length);
    RT_CHECK(memcmp(in, out, length) == 0);
    RT_CHECK(memcmp(before, iov, sizeof(iov)) == 0); /* the caller's array is as it was */
    net_pair_close(h, &pair);
}

static void sock_recv_canceled_or_late_loses_no_bytes(struct rt_harness *h)
{
    struct net_pair pair;
    char in[LIMIT_RECV_BUFFER_BYTES];
    size_t length;
    net_pair_open(h, &pair);
    for (uint32_t round = 0; round < 20; round++) {
        rt_sock_recv(&pair.server, &pair.server_op.op);
        rt_harness_turns(h, round % 3);
        rt_op_cancel(&pair.server_op.op);
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CANCELED);
        rt_op_set_deadline(&pair.server_op.op, h->shard->now_ns + RT_NS_PER_MS);
        RT_CHECK_ERR(net_recv(&pair.server_op, &pair.server, in, &length), ERR_TIMEOUT);
        rt_op_set_deadline(&pair.server_op.op, 0);
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, &round, sizeof(round)), ERR_OK);
        net_recv_all(&pair.server_op, &pair.server, in, sizeof(round));
        RT_CHECK(memcmp(in, &round, sizeof(round)) == 0);
    }
    net_pair_close(h, &pair);
}

/* The cancel meets bytes that are on their way: either the receive has them, or the next one. */
static void sock_recv_canceled_while_bytes_arrive_loses_none(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES];
    uint8_t want = 0;
    size_t length;
    net_pair_open(h, &pair);
    for (uint32_t round = 0; round < 200; round++) {
        uint8_t byte = (uint8_t)round;
        rt_sock_recv(&pair.server, &pair.server_op.op);
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, &byte, 1), ERR_OK);
        rt_op_cancel(&pair.server_op.op);
        enum err err = rt_harness_wait(&pair.server_op);
        if (err == ERR_OK) {
            struct rt_chunk chunk = rt_sock_chunk(&pair.server_op.op);
            length = chunk.length;
            memcpy(in, chunk.data, length);
            rt_sock_release(&pair.server, chunk);
        } else {
            RT_CHECK_ERR(err, ERR_CANCELED);
            RT_CHECK_ERR(net_recv(&pair.server_op, &pair.server, in, &length), ERR_OK);
        }
        RT_CHECK_INT(length, 1);
        RT_CHECK_INT(in[0], want++);
    }
    net_pair_close(h, &pair);
}

static void sock_half_closed_sends_on_the_other_half(struct rt_harness *h)
{
    struct net_pair pair;
    char in[LIMIT_RECV_BUFFER_BYTES];
    size_t length;
    net_pair_open(h, &pair);
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "last words", 10), ERR_OK);
    rt_sock_shutdown_send(&pair.client);
    net_recv_all(&pair.server_op, &pair.server, in, 10);
    for (uint32_t i = 0; i < 3; i++) { /* the end stays the end */
        RT_CHECK_ERR(net_recv(&pair.server_op, &pair.server, in, &length), ERR_OK);
        RT_CHECK_INT(length, 0);
    }
    RT_CHECK_ERR(net_send(&pair.server_op, &pair.server, "answer", 6), ERR_OK);
    net_recv_all(&pair.client_op, &pair.client, in, 6);
    RT_CHECK(memcmp(in, "answer", 6) == 0);
    net_pair_close(h, &pair);
}

/* The end comes in the same event as the bytes before it, and after it. */
static void sock_end_of_stream_is_seen_whenever_it_comes(struct rt_harness *h)
{
    struct rt_listener listener;
    net_listen(h, &listener);
    for (uint32_t round = 0; round < 4; round++) {
        struct rt_sock sock;
        struct rt_harness_op op;
        uint8_t in[LIMIT_RECV_BUFFER_BYTES];
        size_t length;
        int fd = net_plain_accept(h, &listener, &op, &sock);
        rt_sock_recv(&sock, &op.op); /* waits already when they come */
        if (round > 0) {
            RT_CHECK_INT(send(fd, "abc", 3, 0), 3);
        }
        rt_harness_sleep(h, round == 2 ? RT_NS_PER_MS : 0);
        close(fd);
        rt_harness_sleep(h, round == 3 ? RT_NS_PER_MS : 0);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        RT_CHECK_INT(op.op.result, round > 0 ? 3 : 0);
        if (round > 0) {
            rt_sock_release(&sock, rt_sock_chunk(&op.op));
            RT_CHECK_ERR(net_recv(&op, &sock, in, &length), ERR_OK);
            RT_CHECK_INT(length, 0);
        }
        net_close(h, &sock);
    }
    net_listener_close(h, &listener);
}

static void sock_reset_by_the_peer_ends_receive_and_send(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES];
    size_t length;
    net_listen(h, &listener);
    int fd = net_plain_accept(h, &listener, &op, &sock);
    rt_sock_recv(&sock, &op.op);
    rt_harness_turns(h, 2);
    net_plain_reset(fd);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_RESET);
    RT_CHECK_ERR(net_recv(&op, &sock, in, &length), ERR_RESET); /* and stays so */
    RT_CHECK_ERR(net_send(&op, &sock, "x", 1), ERR_RESET);
    rt_sock_shutdown_send(&sock); /* ignored */
    net_close(h, &sock);
    net_listener_close(h, &listener);
}

static void sock_send_to_a_peer_that_is_gone_is_no_signal(struct rt_harness *h)
{
    struct net_pair pair;
    net_pair_open(h, &pair);
    net_close(h, &pair.client);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < 100 && err == ERR_OK; i++) { /* the first is answered by a reset */
        err = net_send(&pair.server_op, &pair.server, "x", 1);
        rt_harness_sleep(h, RT_NS_PER_MS / 10);
    }
    RT_CHECK_ERR(err, ERR_RESET);
    net_pair_close(h, &pair);
}

static void sock_close_ends_what_waits_and_refuses_more(struct rt_harness *h)
{
    struct net_pair pair;
    struct rt_harness_op send, late, close_op;
    static uint8_t data[8 << 20];
    struct iovec iov = {data, sizeof(data)};
    net_pair_open(h, &pair);
    rt_harness_op_init(h, &send);
    rt_harness_op_init(h, &late);
    rt_harness_op_init(h, &close_op);
    rt_sock_recv(&pair.server, &pair.server_op.op);
    rt_sock_send(&pair.server, &send.op, &iov, 1); /* nobody reads: it waits */
    rt_harness_sleep(h, RT_NS_PER_MS);
    rt_sock_close(&pair.server, &close_op.op);
    RT_CHECK_INT(pair.server_op.dones_count, 0);
    rt_sock_recv(&pair.server, &late.op);
    RT_CHECK_ERR(rt_harness_wait(&late), ERR_CLOSING);
    RT_CHECK_ERR(rt_harness_wait(&close_op), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CLOSING);
    RT_CHECK_ERR(rt_harness_wait(&send), ERR_CLOSING);
    RT_CHECK(pair.server_op.order < close_op.order);
    RT_CHECK(send.order < close_op.order);
    RT_CHECK_INT(pair.server.fd, -1);
    net_pair_close(h, &pair);
}

/* With nothing under way the close is begun at once; it is still not open to more until it is done.
 */
static void sock_close_and_detach_refuse_more_until_done(struct rt_harness *h)
{
    for (uint32_t round = 0; round < 2; round++) {
        struct net_pair pair;
        struct rt_harness_op recv_op, send_op;
        uint8_t unread[LIMIT_CONNECTION_BYTES_UNAUTHENTICATED];
        struct iovec iov = {unread, 1};
        net_pair_open(h, &pair);
        rt_harness_op_init(h, &recv_op);
        rt_harness_op_init(h, &send_op);
        if (round == 0) {
            rt_sock_close(&pair.server, &pair.server_op.op);
        } else {
            rt_sock_detach(&pair.server, &pair.server_op.op, unread, sizeof(unread));
        }
        rt_sock_recv(&pair.server, &recv_op.op);
        rt_sock_send(&pair.server, &send_op.op, &iov, 1);
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
        RT_CHECK_ERR(rt_harness_wait(&recv_op), ERR_CLOSING);
        RT_CHECK_ERR(rt_harness_wait(&send_op), ERR_CLOSING);
        RT_CHECK(!pair.server.is_open);
        if (round == 1) {
            close((int)pair.server_op.op.result);
        }
        net_pair_close(h, &pair);
    }
}

static void sock_close_drops_what_was_not_read(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES], data[1000] = {0};
    size_t length;
    net_pair_open(h, &pair);
    rt_sock_recv(&pair.server, &pair.server_op.op);
    for (uint32_t i = 0; i < 5; i++) {
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, data, sizeof(data)), ERR_OK);
    }
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    rt_sock_release(&pair.server, rt_sock_chunk(&pair.server_op.op));
    rt_harness_sleep(h, RT_NS_PER_MS);
    net_close(h, &pair.server);
    enum err err = net_recv(&pair.client_op, &pair.client, in, &length);
    RT_CHECK(err == ERR_RESET || (err == ERR_OK && length == 0));
    net_pair_close(h, &pair);
}

/* Whatever was read ahead, and what the descriptor still yields, are the stream's next bytes. */
static void sock_detach_loses_no_bytes(struct rt_harness *h)
{
    for (uint32_t round = 0; round < 2; round++) {
        struct net_pair pair;
        uint8_t unread[LIMIT_CONNECTION_BYTES_UNAUTHENTICATED], in[64];
        net_pair_open(h, &pair);
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "first", 5), ERR_OK);
        net_recv_all(&pair.server_op, &pair.server, in, 5);
        if (round == 1) {
            RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "GET /chat", 9), ERR_OK);
            rt_harness_sleep(h, RT_NS_PER_MS);
        }
        rt_sock_detach(&pair.server, &pair.server_op.op, unread, sizeof(unread));
        RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
        RT_CHECK(!pair.server.is_open);
        int fd = (int)pair.server_op.op.result;
        RT_CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "!", 1), ERR_OK);
        size_t length = pair.server.unread_bytes;
        memcpy(in, unread, length);
        RT_CHECK_INT(fcntl(fd, F_SETFL, 0), 0); /* what was sent may take its time */
        ssize_t more = recv(fd, in + length, (round == 1 ? 10 : 1) - length, MSG_WAITALL);
        RT_CHECK(more > 0);
        RT_CHECK_INT((ssize_t)length + more, round == 1 ? 10 : 1);
        RT_CHECK(memcmp(in, round == 1 ? "GET /chat!" : "!", length + (size_t)more) == 0);
        RT_CHECK_INT(send(fd, "mine", 4, 0), 4); /* the descriptor is ours alone */
        net_recv_all(&pair.client_op, &pair.client, in, 4);
        close(fd);
        net_pair_close(h, &pair);
    }
}

static void sock_flags_reach_the_system(struct rt_harness *h)
{
    struct net_pair pair;
    int value;
    socklen_t length = sizeof(value);
    net_pair_open(h, &pair);
    rt_sock_set_flags(&pair.server, RT_SOCK_NODELAY);
    RT_CHECK_INT(getsockopt(pair.server.fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    RT_CHECK_INT(value != 0, true);
    rt_sock_set_flags(&pair.server, 0);
    RT_CHECK_INT(getsockopt(pair.server.fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    RT_CHECK_INT(value, 0);
    RT_CHECK(fcntl(pair.server.fd, F_GETFD) & FD_CLOEXEC);
    net_pair_close(h, &pair);
}

static void sock_misuse_is_an_assertion(struct rt_harness *h)
{
    struct net_pair pair;
    struct rt_harness_op op;
    net_pair_open(h, &pair);
    rt_harness_op_init(h, &op);
    rt_sock_recv(&pair.server, &pair.server_op.op);
    expect_assert_failure(rt_sock_recv(&pair.server, &op.op)); /* one at a time */
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "x", 1), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    struct rt_chunk chunk = rt_sock_chunk(&pair.server_op.op);
    rt_sock_release(&pair.server, chunk);
    expect_assert_failure(rt_sock_release(&pair.server, chunk)); /* once */
    struct iovec none = {NULL, 0};
    expect_assert_failure(rt_sock_send(&pair.server, &op.op, &none, 1)); /* no bytes */
    net_pair_close(h, &pair);
    expect_assert_failure(rt_sock_recv(&pair.server, &op.op)); /* closed */
}

const struct rt_harness_test contract_sock_tests[] = {
    RT_HARNESS_TEST(sock_listen_errors_say_what_is_wrong),
    RT_HARNESS_TEST(sock_listen_shared_takes_the_same_address_twice),
    RT_HARNESS_TEST(sock_listen_ipv6),
    RT_HARNESS_TEST(sock_accepts_are_served_in_order),
    RT_HARNESS_TEST(sock_accept_waits_again_when_the_backlog_is_empty),
    RT_HARNESS_TEST(sock_accept_can_be_canceled_and_time_out),
    RT_HARNESS_TEST(sock_listener_close_ends_waiting_accepts),
    RT_HARNESS_TEST(sock_listener_close_resets_what_was_not_accepted),
    RT_HARNESS_TEST(sock_connect_refused),
    RT_HARNESS_TEST(sock_connect_unreachable),
    RT_HARNESS_TEST(sock_connect_can_be_canceled_and_time_out),
    RT_HARNESS_TEST(sock_messages_go_both_ways),
    RT_HARNESS_TEST(sock_message_of_exactly_one_buffer),
    RT_HARNESS_TEST(sock_send_gathers_every_buffer),
    RT_HARNESS_TEST(sock_recv_canceled_or_late_loses_no_bytes),
    RT_HARNESS_TEST(sock_recv_canceled_while_bytes_arrive_loses_none),
    RT_HARNESS_TEST(sock_half_closed_sends_on_the_other_half),
    RT_HARNESS_TEST(sock_end_of_stream_is_seen_whenever_it_comes),
    RT_HARNESS_TEST(sock_reset_by_the_peer_ends_receive_and_send),
    RT_HARNESS_TEST(sock_send_to_a_peer_that_is_gone_is_no_signal),
    RT_HARNESS_TEST(sock_close_ends_what_waits_and_refuses_more),
    RT_HARNESS_TEST(sock_close_and_detach_refuse_more_until_done),
    RT_HARNESS_TEST(sock_close_drops_what_was_not_read),
    RT_HARNESS_TEST(sock_detach_loses_no_bytes),
    RT_HARNESS_TEST(sock_flags_reach_the_system),
    RT_HARNESS_TEST(sock_misuse_is_an_assertion),
    {0},
};
