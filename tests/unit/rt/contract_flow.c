/* sock.h under load: large transfers, many connections, peers held back, buffers and descriptors
 * used up. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rt/clock.h"
#include "base/rt/file.h"
#include "base/rt/sock.h"
#include "tests/support/allocs.h"
#include "tests/unit/rt/contract.h"
#include "tests/unit/rt/contract_net.h"

#define FLOW_TRANSFER_BYTES (64u << 20)
#define FLOW_PART_BYTES     (1u << 20)

/* Sends FLOW_TRANSFER_BYTES of one connection, part by part, and receives as many. */
struct flow_end {
    struct rt_sock *sock;        /* the connection */
    struct rt_harness_op send;   /* the part under way */
    struct rt_harness_op recv;   /* the chunk under way */
    struct rt_harness_op *ended; /* deferred when both directions are through */
    uint8_t *part;               /* FLOW_PART_BYTES of the pattern, from position 0 */
    uint64_t sent_bytes;         /* of whole parts */
    uint64_t received_bytes;     /* checked */
    struct iovec iov[3];         /* over `part` */
    bool has_wrong_bytes;        /* something came that was not sent */
};

/* The byte at `pos` of every stream; FLOW_PART_BYTES is a whole number of periods. */
static uint8_t flow_byte(uint64_t pos)
{
    uint64_t at = pos % FLOW_PART_BYTES;
    return (uint8_t)(at * 131 + (at >> 8) * 17 + (at >> 16));
}

static void flow_send(struct flow_end *end)
{
    static const size_t cuts[] = {1, 70000};
    end->iov[0] = (struct iovec){end->part, cuts[0]};
    end->iov[1] = (struct iovec){end->part + cuts[0], cuts[1] - cuts[0]};
    end->iov[2] = (struct iovec){end->part + cuts[1], FLOW_PART_BYTES - cuts[1]};
    rt_sock_send(end->sock, &end->send.op, end->iov, 3);
}

static void flow_sent(struct rt_harness_op *op)
{
    struct flow_end *end = CONTAINER_OF(op, struct flow_end, send);
    RT_CHECK_ERR(op->op.err, ERR_OK);
    RT_CHECK_INT(op->op.result, FLOW_PART_BYTES);
    end->sent_bytes += FLOW_PART_BYTES;
    if (end->sent_bytes < FLOW_TRANSFER_BYTES) {
        flow_send(end);
    } else {
        rt_sock_shutdown_send(end->sock);
    }
}

static void flow_received(struct rt_harness_op *op)
{
    struct flow_end *end = CONTAINER_OF(op, struct flow_end, recv);
    RT_CHECK_ERR(op->op.err, ERR_OK);
    if (op->op.result == 0) {
        rt_op_defer(&end->ended->op);
        return;
    }
    struct rt_chunk chunk = rt_sock_chunk(&op->op);
    for (uint32_t i = 0; i < chunk.length; i++) {
        end->has_wrong_bytes |= chunk.data[i] != flow_byte(end->received_bytes + i);
    }
    end->received_bytes += chunk.length;
    rt_sock_release(end->sock, chunk);
    rt_sock_recv(end->sock, &op->op);
}

static void flow_end_start(struct rt_harness *h, struct flow_end *end, struct rt_sock *sock,
                           uint8_t *part, struct rt_harness_op *ended)
{
    *end = (struct flow_end){.sock = sock, .part = part, .ended = ended};
    rt_harness_op_init(h, &end->send);
    rt_harness_op_init(h, &end->recv);
    rt_harness_op_init(h, ended);
    end->send.then = flow_sent;
    end->recv.then = flow_received;
    flow_send(end);
    rt_sock_recv(sock, &end->recv.op);
}

static uint8_t *flow_part(struct rt_harness *h)
{
    void *memory;
    RT_CHECK_ERR(budget_alloc(rt_shard_budget(h->shard), FLOW_PART_BYTES, 64, &memory), ERR_OK);
    uint8_t *part = memory;
    for (uint32_t i = 0; i < FLOW_PART_BYTES; i++) {
        part[i] = flow_byte(i);
    }
    return part;
}

static void flow_large_transfers_go_both_ways_at_once(struct rt_harness *h)
{
    struct net_pair pair;
    struct flow_end client, server;
    struct rt_harness_op client_ended, server_ended;
    uint8_t *part = flow_part(h);
    net_pair_open(h, &pair);
    flow_end_start(h, &client, &pair.client, part, &client_ended);
    flow_end_start(h, &server, &pair.server, part, &server_ended);
    RT_CHECK_ERR(rt_harness_wait(&client_ended), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&server_ended), ERR_OK);
    RT_CHECK_INT(client.received_bytes, FLOW_TRANSFER_BYTES);
    RT_CHECK_INT(server.received_bytes, FLOW_TRANSFER_BYTES);
    RT_CHECK(!client.has_wrong_bytes);
    RT_CHECK(!server.has_wrong_bytes);
    net_pair_close(h, &pair);
    budget_free(rt_shard_budget(h->shard), part);
}

/* One of many connections to one listener. */
struct flow_conn {
    struct rt_sock server, client;
    struct rt_harness_op server_op, client_op;
    uint32_t number; /* what it sends */
    struct iovec iov;
};

static void flow_thousand_connections_echo(struct rt_harness *h)
{
    enum { COUNT = 1000 };
    struct rt_listener listener;
    void *memory;
    RT_CHECK_ERR(
        budget_alloc(rt_shard_budget(h->shard), COUNT * sizeof(struct flow_conn), 64, &memory),
        ERR_OK);
    struct flow_conn *conns = memory;
    net_listen(h, &listener);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct flow_conn *conn = &conns[i];
        rt_harness_op_init(h, &conn->server_op);
        rt_harness_op_init(h, &conn->client_op);
        rt_sock_accept(&listener, &conn->server_op.op, &conn->server);
        rt_sock_connect(&conn->client, &conn->client_op.op, h->shard, &listener.addr);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        RT_CHECK_ERR(rt_harness_wait(&conns[i].client_op), ERR_OK);
        RT_CHECK_ERR(rt_harness_wait(&conns[i].server_op), ERR_OK);
        rt_sock_recv(&conns[i].server, &conns[i].server_op.op);
    }
    for (uint32_t round = 0; round < 3; round++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            struct flow_conn *conn = &conns[i];
            conn->number = i + round;
            conn->iov = (struct iovec){&conn->number, sizeof(conn->number)};
            rt_sock_send(&conn->client, &conn->client_op.op, &conn->iov, 1);
        }
        for (uint32_t i = 0; i < COUNT; i++) {
            struct flow_conn *conn = &conns[i];
            RT_CHECK_ERR(rt_harness_wait(&conn->client_op), ERR_OK);
            RT_CHECK_ERR(rt_harness_wait(&conn->server_op), ERR_OK);
            struct rt_chunk chunk = rt_sock_chunk(&conn->server_op.op);
            RT_CHECK_INT(chunk.length, sizeof(uint32_t));
            uint32_t number;
            memcpy(&number, chunk.data, sizeof(number));
            sum += number;
            rt_sock_release(&conn->server, chunk);
            rt_sock_recv(&conn->server, &conn->server_op.op);
        }
        RT_CHECK_INT(sum, COUNT * (COUNT - 1) / 2 + round * COUNT);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        net_close(h, &conns[i].client);
        RT_CHECK_ERR(rt_harness_wait(&conns[i].server_op), ERR_OK);
        RT_CHECK_INT(conns[i].server_op.op.result, 0);
        net_close(h, &conns[i].server);
    }
    net_listener_close(h, &listener);
    budget_free(rt_shard_budget(h->shard), conns);
}

/* A connection nobody reads: what waits unread stays near its bound, and the sender waits; once it
 * is read, all arrives. */
static void flow_peer_is_held_back_when_nobody_reads(struct rt_harness *h)
{
    struct net_pair pair;
    uint8_t *part = flow_part(h);
    struct iovec iov[64];
    uint8_t in[LIMIT_RECV_BUFFER_BYTES];
    size_t length;
    net_pair_open(h, &pair);
    for (uint32_t i = 0; i < ARRAY_COUNT(iov); i++) {
        iov[i] = (struct iovec){part, FLOW_PART_BYTES};
    }
    RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, "x", 1), ERR_OK);
    net_recv_all(&pair.server_op, &pair.server, in, 1); /* reading has begun, and stops */
    rt_sock_send(&pair.client, &pair.client_op.op, iov, ARRAY_COUNT(iov));
    rt_harness_sleep(h, 200 * RT_NS_PER_MS);
    RT_CHECK_INT(pair.client_op.dones_count, 0);
    /* "what the kernel has handed over by then still counts": at most half of the buffers, so that
     * other connections go on */
    RT_CHECK(pair.server.unread_count <= LIMIT_RECV_BUFFERS_COUNT / 2);
    struct net_pair other;
    net_pair_open(h, &other);
    for (uint32_t i = 0; i < 100; i++) {
        RT_CHECK_ERR(net_send(&other.client_op, &other.client, "ping", 4), ERR_OK);
        net_recv_all(&other.server_op, &other.server, in, 4);
        RT_CHECK_ERR(net_send(&other.server_op, &other.server, "pong", 4), ERR_OK);
        net_recv_all(&other.client_op, &other.client, in, 4);
    }
    net_pair_close(h, &other);
    bool has_wrong_bytes = false;
    for (uint64_t at = 0; at < FLOW_TRANSFER_BYTES; at += length) {
        RT_CHECK_ERR(net_recv(&pair.server_op, &pair.server, in, &length), ERR_OK);
        RT_CHECK(length > 0);
        for (size_t i = 0; i < length; i += 61) {
            has_wrong_bytes |= in[i] != flow_byte(at + i);
        }
    }
    RT_CHECK(!has_wrong_bytes);
    RT_CHECK_ERR(rt_harness_wait(&pair.client_op), ERR_OK);
    RT_CHECK_INT(pair.client_op.op.result, FLOW_TRANSFER_BYTES);
    net_pair_close(h, &pair);
    budget_free(rt_shard_budget(h->shard), part);
}

static void flow_send_that_waits_can_be_canceled_and_time_out(struct rt_harness *h)
{
    for (uint32_t round = 0; round < 2; round++) {
        struct net_pair pair;
        uint8_t *part = flow_part(h);
        struct iovec iov[64];
        net_pair_open(h, &pair);
        for (uint32_t i = 0; i < ARRAY_COUNT(iov); i++) {
            iov[i] = (struct iovec){part, FLOW_PART_BYTES};
        }
        if (round == 0) {
            rt_op_set_deadline(&pair.client_op.op, h->shard->now_ns + 20 * RT_NS_PER_MS);
        }
        rt_sock_send(&pair.client, &pair.client_op.op, iov, ARRAY_COUNT(iov));
        if (round == 1) {
            rt_harness_sleep(h, 20 * RT_NS_PER_MS);
            rt_op_cancel(&pair.client_op.op);
        }
        RT_CHECK_ERR(rt_harness_wait(&pair.client_op), round == 0 ? ERR_TIMEOUT : ERR_CANCELED);
        net_pair_close(h, &pair);
        budget_free(rt_shard_budget(h->shard), part);
    }
}

/* The kernel has taken all bytes of a send, but not sent them: the peer's window is closed. Whether
 * the send is done by then is the backend's affair; what is not done yet ends when asked to. */
static void flow_send_that_waits_in_the_kernel_does_not_hold_up_a_close(struct rt_harness *h)
{
    for (uint32_t round = 0; round < 3; round++) {
        struct net_pair pair;
        uint8_t *part = flow_part(h);
        struct iovec iov = {part, FLOW_PART_BYTES};
        net_pair_open(h, &pair);
        if (round == 0) {
            rt_op_set_deadline(&pair.client_op.op, h->shard->now_ns + 40 * RT_NS_PER_MS);
        }
        rt_sock_send(&pair.client, &pair.client_op.op, &iov, 1);
        rt_harness_sleep(h, 20 * RT_NS_PER_MS);
        rt_harness_turns(h, 1); /* what is ready is done: timers come before it in a turn */
        bool is_done = pair.client_op.dones_count == 1;
        if (round == 1) {
            rt_op_cancel(&pair.client_op.op);
        }
        if (round == 2) {
            net_close(h, &pair.client);
        }
        static const enum err stopped[] = {ERR_TIMEOUT, ERR_CANCELED, ERR_CLOSING};
        enum err err = rt_harness_wait(&pair.client_op);
        RT_CHECK_ERR(err, is_done ? ERR_OK : stopped[round]); /* its bytes are dropped then */
        RT_CHECK(IMPLIES(err == ERR_OK, pair.client_op.op.result == FLOW_PART_BYTES));
        net_pair_close(h, &pair);
        budget_free(rt_shard_budget(h->shard), part);
    }
}

/* Hold every receive buffer of the shard; `chunks` has room for LIMIT_RECV_BUFFERS_COUNT. Returns
 * how many. */
static uint32_t flow_hold_all_buffers(struct rt_harness *h, struct net_pair *pair,
                                      struct rt_chunk *chunks)
{
    for (uint32_t count = 0;; count++) {
        rt_sock_recv(&pair->server, &pair->server_op.op);
        RT_CHECK_ERR(net_send(&pair->client_op, &pair->client, "x", 1), ERR_OK);
        if (count >= LIMIT_RECV_BUFFERS_COUNT / 2) { /* it may be the one that has to wait */
            rt_harness_sleep(h, count == LIMIT_RECV_BUFFERS_COUNT ? 20 * RT_NS_PER_MS : 0);
        }
        if (count == LIMIT_RECV_BUFFERS_COUNT) {
            RT_CHECK_INT(pair->server_op.dones_count, 0);
            return count;
        }
        RT_CHECK_ERR(rt_harness_wait(&pair->server_op), ERR_OK);
        chunks[count] = rt_sock_chunk(&pair->server_op.op);
    }
}

static void flow_receive_without_buffers_waits_for_one(struct rt_harness *h)
{
    struct net_pair pair, other;
    struct rt_chunk chunks[LIMIT_RECV_BUFFERS_COUNT];
    net_pair_open(h, &pair);
    net_pair_open(h, &other);
    uint32_t count = flow_hold_all_buffers(h, &pair, chunks);
    RT_CHECK_INT(count, LIMIT_RECV_BUFFERS_COUNT);
    rt_sock_recv(&other.server, &other.server_op.op); /* behind it in the line */
    RT_CHECK_ERR(net_send(&other.client_op, &other.client, "y", 1), ERR_OK);
    rt_harness_sleep(h, 20 * RT_NS_PER_MS);
    RT_CHECK_INT(other.server_op.dones_count, 0);
    rt_op_cancel(&other.server_op.op); /* a receive in the line can be canceled, no byte is lost */
    RT_CHECK_ERR(rt_harness_wait(&other.server_op), ERR_CANCELED);
    rt_sock_recv(&other.server, &other.server_op.op);
    for (uint32_t i = 0; i < 2; i++) {
        rt_sock_release(&pair.server, chunks[i]);
    }
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    RT_CHECK_ERR(rt_harness_wait(&other.server_op), ERR_OK);
    struct rt_chunk chunk = rt_sock_chunk(&other.server_op.op);
    RT_CHECK_INT(chunk.data[0], 'y');
    rt_sock_release(&other.server, chunk);
    rt_sock_release(&pair.server, rt_sock_chunk(&pair.server_op.op));
    for (uint32_t i = 2; i < count; i++) {
        RT_CHECK_INT(chunks[i].data[0], 'x');
        rt_sock_release(&pair.server, chunks[i]);
    }
    net_pair_close(h, &other);
    net_pair_close(h, &pair);
}

/* A buffer that comes back is for whoever has bytes: the oldest in the line may be silent for ever.
 */
static void flow_silent_connection_in_the_line_does_not_block_those_behind(struct rt_harness *h)
{
    struct net_pair pair, silent, other;
    struct rt_chunk chunks[LIMIT_RECV_BUFFERS_COUNT];
    net_pair_open(h, &pair);
    net_pair_open(h, &silent);
    net_pair_open(h, &other);
    uint32_t count = flow_hold_all_buffers(h, &pair, chunks);
    rt_sock_recv(&silent.server, &silent.server_op.op);
    rt_sock_recv(&other.server, &other.server_op.op);
    RT_CHECK_ERR(net_send(&other.client_op, &other.client, "y", 1), ERR_OK);
    rt_harness_sleep(h, 20 * RT_NS_PER_MS);
    RT_CHECK_INT(other.server_op.dones_count, 0);
    for (uint32_t i = 0; i < 2; i++) { /* one for `pair`, which is first, one for `other` */
        rt_sock_release(&pair.server, chunks[i]);
    }
    RT_CHECK_ERR(rt_harness_wait(&other.server_op), ERR_OK);
    rt_sock_release(&other.server, rt_sock_chunk(&other.server_op.op));
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    rt_sock_release(&pair.server, rt_sock_chunk(&pair.server_op.op));
    RT_CHECK_INT(silent.server_op.dones_count, 0);
    rt_op_cancel(&silent.server_op.op);
    RT_CHECK_ERR(rt_harness_wait(&silent.server_op), ERR_CANCELED);
    for (uint32_t i = 2; i < count; i++) {
        rt_sock_release(&pair.server, chunks[i]);
    }
    net_pair_close(h, &other);
    net_pair_close(h, &silent);
    net_pair_close(h, &pair);
}

static void flow_connection_in_the_line_for_buffers_can_be_closed(struct rt_harness *h)
{
    struct net_pair pair, other;
    struct rt_chunk chunks[LIMIT_RECV_BUFFERS_COUNT];
    net_pair_open(h, &pair);
    net_pair_open(h, &other);
    uint32_t count = flow_hold_all_buffers(h, &pair, chunks);
    rt_sock_recv(&other.server, &other.server_op.op);
    RT_CHECK_ERR(net_send(&other.client_op, &other.client, "y", 1), ERR_OK);
    rt_harness_sleep(h, 20 * RT_NS_PER_MS);
    net_close(h, &other.server);
    RT_CHECK_ERR(rt_harness_wait(&other.server_op), ERR_CLOSING);
    for (uint32_t i = 0; i < count; i++) {
        rt_sock_release(&pair.server, chunks[i]);
    }
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_OK);
    rt_sock_release(&pair.server, rt_sock_chunk(&pair.server_op.op));
    net_pair_close(h, &other);
    net_pair_close(h, &pair);
}

/* The lowest descriptor that is free. */
static int flow_free_descriptor(void)
{
    int fd = dup(0);
    RT_CHECK(fd > 0);
    close(fd);
    return fd;
}

/* The lowest free descriptor becomes the limit: nothing more can be opened. */
static struct rlimit flow_use_up_descriptors(void)
{
    struct rlimit before, limit;
    int free_fd = flow_free_descriptor();
    RT_CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)free_fd;
    RT_CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void flow_accept_without_descriptors_leaves_the_backlog(struct rt_harness *h)
{
    struct rt_listener listener;
    struct rt_sock sock;
    struct rt_harness_op op;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES];
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    int fd = net_plain_connect(&listener.addr, NULL);
    RT_CHECK_INT(send(fd, "still here", 10, 0), 10);
    struct rlimit before = flow_use_up_descriptors();
    rt_sock_accept(&listener, &op.op, &sock);
    enum err first = rt_harness_wait(&op);
    rt_sock_accept(&listener, &op.op, &sock);
    enum err second = rt_harness_wait(&op);
    RT_CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    RT_CHECK_ERR(first, ERR_RESOURCES);
    RT_CHECK_ERR(second, ERR_RESOURCES);
    RT_CHECK(!sock.is_open);
    rt_sock_accept(&listener, &op.op, &sock);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    net_recv_all(&op, &sock, in, 10);
    RT_CHECK(memcmp(in, "still here", 10) == 0);
    net_close(h, &sock);
    close(fd);
    net_listener_close(h, &listener);
}

/* Connections that nobody has asked for stay with the kernel: they take no descriptor, however many
 * there are, and none of them is turned away. */
static void flow_accept_takes_what_is_asked_for(struct rt_harness *h)
{
    enum { COUNT = 100 };
    static int fds[COUNT];
    static struct rt_sock socks[COUNT];
    struct rt_listener listener;
    struct rt_harness_op op;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES];
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    rt_sock_accept(&listener, &op.op, &socks[0]);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = net_plain_connect(&listener.addr, NULL);
        RT_CHECK_INT(send(fds[i], "here", 4, 0), 4);
    }
    int free_fd = flow_free_descriptor();
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_harness_turns(h, 100);
    RT_CHECK_INT(flow_free_descriptor(), free_fd + 1);
    for (int i = 0; i < COUNT; i++) {
        if (i > 0) {
            rt_sock_accept(&listener, &op.op, &socks[i]);
            RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        }
        net_recv_all(&op, &socks[i], in, 4);
    }
    for (int i = 0; i < COUNT; i++) {
        net_close(h, &socks[i]);
        close(fds[i]);
    }
    net_listener_close(h, &listener);
}

static void flow_connect_and_listen_without_descriptors(struct rt_harness *h)
{
    struct rt_listener listener, other;
    struct rt_sock sock;
    struct rt_harness_op op;
    net_listen(h, &listener);
    rt_harness_op_init(h, &op);
    struct rlimit before = flow_use_up_descriptors();
    rt_sock_connect(&sock, &op.op, h->shard, &listener.addr);
    enum err connect_err = rt_harness_wait(&op);
    enum err listen_err = rt_listen(&other, h->shard, &listener.addr, false);
    RT_CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    RT_CHECK_ERR(connect_err, ERR_RESOURCES);
    RT_CHECK_ERR(listen_err, ERR_RESOURCES);
    net_listener_close(h, &listener);
}

/* Messages, and reads and writes of a file, once each has been done before. */
static void flow_hot_paths_allocate_nothing(struct rt_harness *h)
{
    struct net_pair pair;
    struct rt_harness_op op;
    struct rt_file file;
    uint8_t in[LIMIT_RECV_BUFFER_BYTES], block[100] = {1};
    net_pair_open(h, &pair);
    rt_harness_op_init(h, &op);
    rt_file_open(&file, &op.op, h->shard, rt_harness_path(h, "a"),
                 RT_FILE_READ | RT_FILE_WRITE | RT_FILE_CREATE, 0644);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    struct allocs before = {0};
    for (uint32_t round = 0; round < 200; round++) {
        RT_CHECK_ERR(net_send(&pair.client_op, &pair.client, block, sizeof(block)), ERR_OK);
        net_recv_all(&pair.server_op, &pair.server, in, sizeof(block));
        rt_file_write(&file, &op.op, block, sizeof(block), round * sizeof(block));
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        rt_file_read(&file, &op.op, in, sizeof(block), 0);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
        if (round == 0) {
            before = allocs_now();
        }
    }
    RT_CHECK_INT(allocs_now().allocs_count, before.allocs_count);
    RT_CHECK_INT(allocs_now().frees_count, before.frees_count);
    rt_file_close(&file, &op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    net_pair_close(h, &pair);
}

/* Nothing to do is nothing done: open connections cost no turns. */
static void flow_idle_connections_cost_nothing(struct rt_harness *h)
{
    struct net_pair pair;
    net_pair_open(h, &pair);
    rt_sock_recv(&pair.server, &pair.server_op.op);
    rt_harness_sleep(h, RT_NS_PER_MS);
    uint64_t turns_count = h->shard->stats.turns_count;
    rt_harness_sleep(h, 100 * RT_NS_PER_MS);
    RT_CHECK(h->shard->stats.turns_count - turns_count < 20);
    rt_op_cancel(&pair.server_op.op);
    RT_CHECK_ERR(rt_harness_wait(&pair.server_op), ERR_CANCELED);
    net_pair_close(h, &pair);
}

const struct rt_harness_test contract_flow_tests[] = {
    RT_HARNESS_TEST(flow_large_transfers_go_both_ways_at_once),
    RT_HARNESS_TEST(flow_thousand_connections_echo),
    RT_HARNESS_TEST(flow_peer_is_held_back_when_nobody_reads),
    RT_HARNESS_TEST(flow_send_that_waits_can_be_canceled_and_time_out),
    RT_HARNESS_TEST(flow_send_that_waits_in_the_kernel_does_not_hold_up_a_close),
    RT_HARNESS_TEST(flow_receive_without_buffers_waits_for_one),
    RT_HARNESS_TEST(flow_silent_connection_in_the_line_does_not_block_those_behind),
    RT_HARNESS_TEST(flow_connection_in_the_line_for_buffers_can_be_closed),
    RT_HARNESS_TEST(flow_accept_takes_what_is_asked_for),
    RT_HARNESS_TEST(flow_accept_without_descriptors_leaves_the_backlog),
    RT_HARNESS_TEST(flow_connect_and_listen_without_descriptors),
    RT_HARNESS_TEST(flow_hot_paths_allocate_nothing),
    RT_HARNESS_TEST(flow_idle_connections_cost_nothing),
    {0},
};
