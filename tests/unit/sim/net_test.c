/* The simulated network through base/rt/sock.h: streams arrive whole and in order or not at all,
 * whatever the links do; cuts, crashes and slow readers are seen as TCP shows them. */
#include "base/rt/sock.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_swarm.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define PORT 9092

/* One end of a connection in a test. It sends a stream of its own, and checks the other's. */
struct peer {
    struct rt_shard *shard;
    struct rt_addr addr; /* whom to connect to */
    struct rt_sock sock;
    struct rt_op open; /* connect or accept */
    struct rt_op recv;
    struct rt_op send;
    struct rt_op close;
    uint8_t id;       /* of the stream it sends */
    uint8_t other_id; /* of the stream it expects */
    uint64_t to_send; /* bytes; then it ends its side */
    uint64_t sent;
    uint64_t received;
    uint8_t piece[5000]; /* what is being sent */
    uint8_t into[3000];  /* where every other receive goes */
    bool is_into;        /* the one that waits does */
    struct iovec iov[2];
    bool does_read;     /* receives as long as anything comes */
    bool closes_at_end; /* closes when both directions are over */
    bool is_open;
    bool is_closed;
    bool is_end_seen; /* the other has ended its side */
    enum err open_err;
    enum err recv_err;
    enum err send_err;
};

/* A world of two nodes, each running nothing but what tests do there. */
struct pair {
    struct sim *sim;
    struct sim_node *server_node;
    struct sim_node *client_node;
    struct rt_listener listener;
    struct peer server;
    struct peer client;
};

static void peer_read(struct peer *p);
static void peer_send(struct peer *p);

static uint8_t stream_byte(uint8_t id, uint64_t pos)
{
    return (uint8_t)(pos ^ pos >> 8 ^ pos >> 16 ^ id * 37u);
}

static void quiet_start(struct rt_shard *shard)
{
    (void)shard;
}

static void quiet_stop(struct rt_shard *shard)
{
    rt_shard_finish(shard);
}

static void peer_maybe_close(struct peer *p)
{
    bool is_sent = p->sent == p->to_send || p->send_err != ERR_OK;
    bool is_read = p->is_end_seen || p->recv_err != ERR_OK;
    if (p->closes_at_end && p->is_open && is_sent && is_read && !p->sock.is_closing) {
        rt_sock_close(&p->sock, &p->close);
    }
}

static void peer_opened(struct rt_op *op)
{
    struct peer *p = CONTAINER_OF(op, struct peer, open);
    p->open_err = op->err;
    p->is_open = op->err == ERR_OK;
    if (p->is_open) {
        assert_true(p->sock.is_open);
        if (p->does_read) {
            peer_read(p);
        }
        peer_send(p);
    }
}

static void peer_read(struct peer *p)
{
    p->is_into = !p->is_into;
    if (p->is_into) {
        rt_sock_recv_into(&p->sock, &p->recv, p->into, sizeof(p->into));
    } else {
        rt_sock_recv(&p->sock, &p->recv);
    }
}

static void peer_received(struct rt_op *op)
{
    struct peer *p = CONTAINER_OF(op, struct peer, recv);
    p->recv_err = op->err;
    if (op->err == ERR_OK && op->result > 0) {
        struct rt_chunk chunk = {.data = p->into, .length = (uint32_t)op->result};
        chunk = p->is_into ? chunk : rt_sock_chunk(op);
        assert_int_equal(chunk.length, op->result);
        for (uint32_t i = 0; i < chunk.length; i++) {
            if (chunk.data[i] != stream_byte(p->other_id, p->received + i)) {
                fail_msg("byte %llu of stream %u is wrong", (unsigned long long)(p->received + i),
                         p->other_id);
            }
        }
        p->received += chunk.length;
        if (!p->is_into) {
            rt_sock_release(&p->sock, chunk);
        }
        if (p->does_read) {
            peer_read(p);
        }
        return;
    }
    p->is_end_seen |= op->err == ERR_OK;
    peer_maybe_close(p);
}

static void peer_send(struct peer *p)
{
    uint64_t left = p->to_send - p->sent;
    if (left == 0) {
        if (p->to_send > 0) {
            rt_sock_shutdown_send(&p->sock);
        }
        peer_maybe_close(p);
        return;
    }
    size_t length = left < sizeof(p->piece) ? left : 1 + (size_t)p->sent % sizeof(p->piece);
    length = length < left ? length : left;
    for (size_t i = 0; i < length; i++) {
        p->piece[i] = stream_byte(p->id, p->sent + i);
    }
    p->iov[0] = (struct iovec){p->piece, length / 3};
    p->iov[1] = (struct iovec){p->piece + length / 3, length - length / 3};
    rt_sock_send(&p->sock, &p->send, p->iov, 2);
}

static void peer_sent(struct rt_op *op)
{
    struct peer *p = CONTAINER_OF(op, struct peer, send);
    p->send_err = op->err;
    if (op->err == ERR_OK) {
        p->sent += (uint64_t)op->result;
        memset(p->piece, 0, sizeof(p->piece)); /* it is ours again */
        peer_send(p);
    } else {
        peer_maybe_close(p);
    }
}

static void peer_closed(struct rt_op *op)
{
    struct peer *p = CONTAINER_OF(op, struct peer, close);
    p->is_closed = true;
    p->is_open = false;
}

static void peer_init(struct peer *p, struct rt_shard *shard, uint8_t id, uint8_t other_id)
{
    *p = (struct peer){.shard = shard, .id = id, .other_id = other_id, .does_read = true};
    rt_op_init(&p->open, shard, peer_opened);
    rt_op_init(&p->recv, shard, peer_received);
    rt_op_init(&p->send, shard, peer_sent);
    rt_op_init(&p->close, shard, peer_closed);
}

static void peer_connect(struct rt_shard *shard, void *ctx)
{
    struct peer *p = ctx;
    rt_sock_connect(&p->sock, &p->open, shard, &p->addr);
}

static void peer_close(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct peer *p = ctx;
    rt_sock_close(&p->sock, &p->close);
}

static void peer_read_on(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    struct peer *p = ctx;
    p->does_read = true;
    peer_read(p);
}

static void peer_cancel_read(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    rt_op_cancel(&((struct peer *)ctx)->recv);
}

static struct sim_node *start_quiet_node(struct sim *sim, uint32_t shards_count)
{
    struct sim_node *node = sim_node_add(sim);
    struct sim_app app = {.start = quiet_start, .stop = quiet_stop};
    sim_node_start(node, shards_count, &app);
    return node;
}

/* Two nodes, and a connection that is to carry so many bytes each way; nothing has happened yet. */
static struct pair *pair_new(uint64_t seed, const struct sim_options *options,
                             uint64_t client_bytes, uint64_t server_bytes)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    pair->sim = sim_new(seed, options);
    pair->server_node = start_quiet_node(pair->sim, 1);
    pair->client_node = start_quiet_node(pair->sim, 1);
    sim_run_for(pair->sim, RT_NS_PER_MS);
    struct rt_shard *server = sim_node_shard(pair->server_node, 0);
    struct rt_addr addr = sim_node_addr(pair->server_node, PORT);
    peer_init(&pair->server, server, 1, 2);
    peer_init(&pair->client, sim_node_shard(pair->client_node, 0), 2, 1);
    pair->server.to_send = server_bytes;
    pair->client.to_send = client_bytes;
    pair->client.addr = addr;
    assert_int_equal(rt_listen(&pair->listener, server, &addr, false), ERR_OK);
    rt_sock_accept(&pair->listener, &pair->server.open, &pair->server.sock);
    sim_post(pair->client.shard, peer_connect, &pair->client);
    return pair;
}

static void pair_free(struct pair *pair)
{
    sim_free(pair->sim);
    free(pair);
}

static bool pair_is_idle(struct pair *pair)
{
    return sim_run_until_idle(pair->sim, sim_now_ns(pair->sim) + 10000 * RT_NS_PER_S);
}

/* --- Connections --- */

static void net_streams_go_both_ways_and_end(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 300000, 100000);
    pair->server.closes_at_end = pair->client.closes_at_end = true;
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->server.received, 300000);
    assert_int_equal(pair->client.received, 100000);
    assert_true(pair->server.is_end_seen);
    assert_true(pair->client.is_end_seen);
    assert_true(pair->server.is_closed);
    assert_true(pair->client.is_closed);
    struct rt_addr client = sim_node_addr(pair->client_node, 0);
    assert_memory_equal(pair->server.sock.peer.ip, client.ip, 4);
    assert_true(pair->server.sock.peer.port >= 32768);
    assert_true(rt_addr_is_equal(&pair->client.sock.peer, &pair->client.addr));
    pair_free(pair);
}

static void net_node_reaches_itself_by_loopback(void **state)
{
    (void)state;
    static const char *const addrs[] = {"127.0.0.1:9092", "10.0.0.1:9092", "[::1]:9092"};
    for (size_t i = 0; i < ARRAY_COUNT(addrs); i++) {
        struct sim_options options = sim_options_calm();
        options.link.loss_ppm = 1000000; /* which no loopback has */
        struct pair *pair = pair_new(1, &options, 0, 0);
        struct rt_shard *shard = pair->server.shard;
        struct peer *client = &pair->client;
        struct rt_addr any = {.port = 9092, .is_v6 = addrs[i][0] == '['};
        rt_listener_close(&pair->listener, &pair->server.close);
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->server.open_err, ERR_CLOSING);
        assert_int_equal(client->open_err, ERR_TIMEOUT);
        peer_init(&pair->server, shard, 1, 2);
        assert_int_equal(rt_listen(&pair->listener, shard, &any, false), ERR_OK);
        rt_sock_accept(&pair->listener, &pair->server.open, &pair->server.sock);
        peer_init(client, shard, 2, 1);
        client->to_send = 1000;
        assert_int_equal(rt_addr_parse(addrs[i], 0, &client->addr), ERR_OK);
        sim_post(shard, peer_connect, client);
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->server.received, 1000);
        pair_free(pair);
    }
}

static void net_connect_fails_as_tcp_does(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *addr;
        bool is_cut;
        bool is_down;
        enum err want;
    } rows[] = {
        {"nobody listens", "10.0.0.1:9093", false, false, ERR_REFUSED},
        {"no such machine", "10.0.0.9:9092", false, false, ERR_UNREACHABLE},
        {"another network", "192.168.0.1:9092", false, false, ERR_UNREACHABLE},
        {"cut off", "10.0.0.1:9092", true, false, ERR_TIMEOUT},
        {"without power", "10.0.0.1:9092", false, true, ERR_TIMEOUT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sim_options options = sim_options_calm();
        struct pair *pair = pair_new(i, &options, 0, 0);
        assert_int_equal(rt_addr_parse(rows[i].addr, 0, &pair->client.addr), ERR_OK);
        if (rows[i].is_cut) {
            sim_net_cut(pair->server_node, pair->client_node); /* the way back */
        }
        if (rows[i].is_down) {
            sim_node_crash(pair->server_node, SIM_CRASH_LOSE);
        }
        assert_true(pair_is_idle(pair));
        if (pair->client.open_err != rows[i].want) {
            fail_msg("%s: %s", rows[i].name, err_name(pair->client.open_err));
        }
        pair_free(pair);
    }
}

static void net_connect_can_be_canceled_or_time_out(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(3, &options, 0, 0);
    sim_net_cut(pair->client_node, pair->server_node);
    rt_op_set_deadline(&pair->client.open, rt_now_ns(pair->client.shard) + RT_NS_PER_S);
    sim_run_for(pair->sim, 2 * RT_NS_PER_S);
    assert_int_equal(pair->client.open_err, ERR_TIMEOUT);
    assert_true(pair_is_idle(pair));
    sim_net_heal_all(pair->sim);
    rt_op_set_deadline(&pair->client.open, 0);
    sim_post(pair->client.shard, peer_connect, &pair->client);
    assert_true(pair_is_idle(pair));
    assert_true(pair->client.is_open);
    pair_free(pair);
}

static void net_listen_says_what_is_wrong(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 0, 0);
    static const struct {
        const char *addr;
        bool is_shared;
        enum err want;
    } rows[] = {
        {"10.0.0.1:9092", false, ERR_BUSY},  {"10.0.0.1:9092", true, ERR_BUSY},
        {"0.0.0.0:9092", false, ERR_BUSY},   {"10.0.0.2:9093", false, ERR_INVALID},
        {"127.0.0.1:80", false, ERR_ACCESS}, {"10.0.0.1:9094", true, ERR_OK},
        {"10.0.0.1:9094", true, ERR_OK},     {"10.0.0.1:9094", false, ERR_BUSY},
        {"127.0.0.1:9094", false, ERR_OK},   {"10.0.0.1:0", false, ERR_OK},
        {"10.0.0.1:0", false, ERR_OK},
    };
    static struct rt_listener listeners[ARRAY_COUNT(rows)];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct rt_addr addr;
        assert_int_equal(rt_addr_parse(rows[i].addr, 0, &addr), ERR_OK);
        enum err err = rt_listen(&listeners[i], pair->server.shard, &addr, rows[i].is_shared);
        if (err != rows[i].want) {
            fail_msg("row %zu: %s", i, err_name(err));
        }
        assert_true(IMPLIES(err == ERR_OK, listeners[i].addr.port != 0));
    }
    pair_free(pair);
}

static void net_shared_listeners_share_connections(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *server = start_quiet_node(sim, 4);
    struct sim_node *client = start_quiet_node(sim, 1);
    sim_run_for(sim, RT_NS_PER_MS);
    struct rt_addr addr = sim_node_addr(server, PORT);
    static struct rt_listener listeners[4];
    static struct peer servers[4][40];
    static struct peer clients[40];
    for (uint32_t i = 0; i < 4; i++) {
        struct rt_shard *shard = sim_node_shard(server, i);
        assert_int_equal(rt_listen(&listeners[i], shard, &addr, true), ERR_OK);
        for (size_t k = 0; k < 40; k++) {
            peer_init(&servers[i][k], shard, 1, 2);
            rt_sock_accept(&listeners[i], &servers[i][k].open, &servers[i][k].sock);
        }
    }
    for (size_t k = 0; k < 40; k++) {
        peer_init(&clients[k], sim_node_shard(client, 0), 2, 1);
        clients[k].addr = addr;
        sim_post(clients[k].shard, peer_connect, &clients[k]);
    }
    assert_true(sim_run_until_idle(sim, 100 * RT_NS_PER_S));
    for (uint32_t i = 0; i < 4; i++) {
        size_t open_count = 0;
        for (size_t k = 0; k < 40; k++) {
            open_count += servers[i][k].is_open;
        }
        assert_true(open_count >= 2);
    }
    sim_free(sim);
}

static void net_listener_that_closes_ends_what_waits(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 0, 0);
    struct peer *more = calloc(2, sizeof(*more));
    assert_non_null(more);
    for (size_t i = 0; i < 2; i++) { /* connected by the kernel, never accepted */
        peer_init(&more[i], pair->client.shard, 2, 1);
        more[i].addr = pair->client.addr;
        sim_post(more[i].shard, peer_connect, &more[i]);
    }
    assert_true(pair_is_idle(pair));
    assert_true(more[0].is_open);
    rt_listener_close(&pair->listener, &pair->server.close);
    assert_true(pair_is_idle(pair));
    assert_true(pair->server.is_closed);
    struct peer *clients[3] = {&pair->client, &more[0], &more[1]};
    size_t lives_count = 0;
    for (size_t i = 0; i < 3; i++) {
        lives_count += clients[i]->recv_err == ERR_OK;
        assert_true(clients[i]->recv_err == ERR_OK || clients[i]->recv_err == ERR_RESET);
    }
    assert_int_equal(lives_count, 1); /* the one that was accepted */
    pair_free(pair);
    free(more);
}

/* --- Holding back --- */

static void net_reader_who_does_not_read_holds_the_sender_back(void **state)
{
    (void)state;
    for (uint32_t reads_ahead = 0; reads_ahead < 2; reads_ahead++) {
        struct sim_options options = sim_options_calm();
        options.host.reads_ahead_ppm = reads_ahead * 1000000;
        struct pair *pair = pair_new(1, &options, 4 << 20, 0);
        pair->server.does_read = false;
        assert_true(pair_is_idle(pair));
        uint64_t unread = pair->server.sock.unread_bytes;
        assert_int_equal(unread > 0, reads_ahead);
        assert_true(unread <= RT_SOCK_CHUNKS_MAX * LIMIT_RECV_BUFFER_BYTES);
        assert_true(pair->client.sent <= 2 * options.host.buffer_bytes + unread + 5000);
        sim_post(pair->server.shard, peer_read_on, &pair->server);
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->server.received, 4 << 20);
        assert_true(pair->server.is_end_seen);
        pair_free(pair);
    }
}

static void net_canceled_receive_loses_no_bytes(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 20000, 0);
    sim_run_for(pair->sim, RT_NS_PER_MS);
    for (int i = 0; i < 20; i++) {
        sim_post(pair->server.shard, peer_cancel_read, &pair->server);
        sim_run_for(pair->sim, 100 * RT_NS_PER_US);
        if (pair->server.recv_err == ERR_CANCELED) {
            pair->server.recv_err = ERR_OK;
            sim_post(pair->server.shard, peer_read_on, &pair->server);
        }
        sim_run_for(pair->sim, 100 * RT_NS_PER_US);
    }
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->server.received, 20000);
    pair_free(pair);
}

static void net_few_receive_buffers_are_enough(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.recv_buffers_count = 1;
    struct sim *sim = sim_new(1, &options);
    struct sim_node *server = start_quiet_node(sim, 1);
    struct sim_node *client = start_quiet_node(sim, 1);
    sim_run_for(sim, RT_NS_PER_MS);
    struct rt_addr addr = sim_node_addr(server, PORT);
    static struct rt_listener listener;
    static struct peer servers[10];
    static struct peer clients[10];
    assert_int_equal(rt_listen(&listener, sim_node_shard(server, 0), &addr, false), ERR_OK);
    for (size_t k = 0; k < 10; k++) {
        peer_init(&servers[k], sim_node_shard(server, 0), 1, 2);
        peer_init(&clients[k], sim_node_shard(client, 0), 2, 1);
        clients[k].addr = addr;
        clients[k].to_send = 50000;
        rt_sock_accept(&listener, &servers[k].open, &servers[k].sock);
        sim_post(clients[k].shard, peer_connect, &clients[k]);
    }
    assert_true(sim_run_until_idle(sim, 1000 * RT_NS_PER_S));
    for (size_t k = 0; k < 10; k++) {
        assert_int_equal(servers[k].received, 50000);
    }
    sim_free(sim);
}

/* --- Breaking --- */

static void net_short_cut_is_a_delay(void **state)
{
    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        struct sim_options options = sim_options_calm();
        struct pair *pair = pair_new(1, &options, 1 << 20, 1 << 20);
        struct sim_node *nodes[2] = {pair->client_node, pair->server_node};
        sim_run_for(pair->sim, 2 * RT_NS_PER_MS);
        sim_net_cut(nodes[direction], nodes[1 - direction]);
        sim_run_for(pair->sim, 2 * RT_NS_PER_S);
        uint64_t received = pair->server.received;
        assert_true(received < 1 << 20);
        sim_net_heal(nodes[direction], nodes[1 - direction]);
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->server.received, 1 << 20);
        assert_int_equal(pair->client.received, 1 << 20);
        pair_free(pair);
    }
}

static void net_long_cut_breaks_the_sender_and_leaves_the_reader_waiting(void **state)
{
    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        struct sim_options options = sim_options_calm();
        struct pair *pair = pair_new(1, &options, 1 << 20, 0);
        sim_run_for(pair->sim, 2 * RT_NS_PER_MS);
        if (direction == 0) {
            sim_net_cut(pair->client_node, pair->server_node); /* data */
        } else {
            sim_net_cut(pair->server_node, pair->client_node); /* acknowledgements */
        }
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->client.recv_err, ERR_TIMEOUT);
        assert_int_equal(pair->server.recv_err, ERR_OK);
        assert_false(pair->server.is_end_seen); /* nobody told it: half open */
        sim_net_heal_all(pair->sim);
        sim_post(pair->client.shard, peer_close, &pair->client);
        assert_true(pair_is_idle(pair));
        assert_true(pair->client.is_closed);
        pair->server.to_send = 10; /* it finds out when it sends */
        peer_send(&pair->server);
        assert_true(pair_is_idle(pair));
        assert_int_equal(pair->server.recv_err, ERR_RESET);
        pair_free(pair);
    }
}

static void net_killed_process_ends_its_connections(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 0, 1000);
    assert_true(pair_is_idle(pair));
    pair->client.to_send = 0;
    sim_node_crash(pair->client_node, SIM_CRASH_KEEP);
    assert_true(pair_is_idle(pair));
    assert_true(pair->server.is_end_seen); /* nothing was unread: an orderly end */
    pair_free(pair);

    pair = pair_new(1, &options, 1000, 0);
    pair->server.does_read = false;
    assert_true(pair_is_idle(pair));
    sim_node_crash(pair->server_node, SIM_CRASH_KEEP);
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->client.recv_err, ERR_RESET); /* it had not read all */
    pair_free(pair);
}

static void net_power_failure_is_noticed_late_or_when_sending(void **state)
{
    (void)state;
    for (uint32_t is_silent = 0; is_silent < 2; is_silent++) {
        struct sim_options options = sim_options_calm();
        options.host.silent_ppm = is_silent * 1000000;
        struct pair *pair = pair_new(1, &options, 0, 0);
        assert_true(pair_is_idle(pair));
        uint64_t crash_ns = sim_now_ns(pair->sim);
        sim_node_crash(pair->server_node, SIM_CRASH_SEEDED);
        sim_run_for(pair->sim, options.host.reset.min_ns);
        assert_int_equal(pair->client.recv_err, ERR_OK);
        assert_true(pair_is_idle(pair));
        assert_true(sim_now_ns(pair->sim) >= crash_ns);
        assert_int_equal(pair->client.recv_err, is_silent ? ERR_OK : ERR_RESET);
        struct sim_app app = {.start = quiet_start, .stop = quiet_stop};
        sim_node_start(pair->server_node, 1, &app);
        if (is_silent) {
            pair->client.to_send = 10;
            peer_send(&pair->client);
            assert_true(pair_is_idle(pair));
            assert_int_equal(pair->client.recv_err, ERR_RESET);
        }
        pair_free(pair);
    }
}

static void net_send_on_a_broken_connection_fails(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 0, 0);
    assert_true(pair_is_idle(pair));
    sim_node_crash(pair->server_node, SIM_CRASH_LOSE);
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->client.recv_err, ERR_RESET);
    pair->client.to_send = 10;
    peer_send(&pair->client);
    sim_post(pair->client.shard, peer_close, &pair->client);
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->client.send_err, ERR_RESET);
    assert_true(pair->client.is_closed);
    pair_free(pair);
}

static void net_detach_is_refused_and_leaves_the_socket(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct pair *pair = pair_new(1, &options, 0, 1000);
    pair->client.does_read = false;
    assert_true(pair_is_idle(pair));
    static uint8_t unread[LIMIT_CONNECTION_BYTES_UNAUTHENTICATED];
    rt_sock_detach(&pair->client.sock, &pair->client.send, unread, sizeof(unread));
    sim_run_for(pair->sim, 1);
    assert_int_equal(pair->client.send.err, ERR_UNSUPPORTED);
    sim_post(pair->client.shard, peer_read_on, &pair->client);
    assert_true(pair_is_idle(pair));
    assert_int_equal(pair->client.received, 1000);
    pair_free(pair);
}

static void net_parts_are_as_drawn(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    struct sim *sim = sim_new(1, &options);
    struct sim_node *nodes[5];
    for (size_t i = 0; i < 5; i++) {
        nodes[i] = sim_node_add(sim);
    }
    size_t sizes[26] = {0}; /* links cut */
    for (uint32_t k = 0; k < 300; k++) {
        bool is_symmetric = k % 2 == 0;
        enum sim_partition how = (enum sim_partition)(k / 2 % SIM_PARTITION_COUNT);
        sim_net_part(sim, how, is_symmetric);
        size_t cuts = 0;
        for (size_t i = 0; i < 25; i++) {
            bool is_cut = sim_net_is_cut(nodes[i / 5], nodes[i % 5]);
            bool is_back_cut = sim_net_is_cut(nodes[i % 5], nodes[i / 5]);
            assert_true(IMPLIES(is_cut, is_back_cut == is_symmetric));
            cuts += is_cut;
        }
        sizes[is_symmetric ? cuts / 2 : cuts]++;
        assert_true(IMPLIES(how == SIM_PARTITION_ONE, cuts == (is_symmetric ? 8 : 4)));
    }
    assert_true(sizes[4] > 150); /* 1 x 4 nodes; 2 x 3 */
    assert_true(sizes[6] > 60);
    assert_true(sizes[0] > 0); /* coins may put all on one side */
    assert_int_equal(sizes[0] + sizes[4] + sizes[6], 300);
    sim_net_heal_all(sim);
    assert_false(sim_net_is_cut(nodes[0], nodes[1]));
    sim_free(sim);
}

/* --- Whatever the links do --- */

static void net_case(uint64_t seed)
{
    struct sim_options options = sim_swarm(seed, SIM_SWARM_ALL);
    struct prng prng;
    prng_init(&prng, seed);
    uint64_t client_bytes = prng_below(&prng, 200000);
    uint64_t server_bytes = prng_below(&prng, 200000);
    struct pair *pair = pair_new(seed, &options, client_bytes, server_bytes);
    pair->server.closes_at_end = pair->client.closes_at_end = true;
    for (int i = 0; i < 4; i++) {
        sim_run_for(pair->sim, prng_below(&prng, 2 * RT_NS_PER_S));
        switch (prng_below(&prng, 6)) {
        case 0: sim_net_cut(pair->server_node, pair->client_node); break;
        case 1: sim_net_cut(pair->client_node, pair->server_node); break;
        case 2: sim_net_part(pair->sim, SIM_PARTITION_COINS, true); break;
        case 3:
            sim_node_pause(pair->client_node);
            sim_run_for(pair->sim, prng_below(&prng, RT_NS_PER_S));
            sim_node_resume(pair->client_node);
            break;
        default: break;
        }
    }
    sim_net_heal_all(pair->sim);
    sim_swarm_heal(sim_options(pair->sim));
    bool is_idle = pair_is_idle(pair);
    struct peer *peers[2] = {&pair->client, &pair->server};
    uint64_t wanted[2] = {server_bytes, client_bytes};
    bool is_broken = false;
    bool is_whole = true;
    bool is_true = true; /* nobody is told of an end that is none */
    for (size_t i = 0; i < 2; i++) {
        const struct peer *p = peers[i];
        const struct peer *other = peers[1 - i];
        /* Closed by its process, then given up by its kernel: the other end waits for ever. */
        bool is_half_open = other->is_closed && !p->is_end_seen;
        is_broken |=
            p->open_err != ERR_OK || p->recv_err != ERR_OK || p->send_err != ERR_OK || is_half_open;
        is_whole &= p->received == wanted[i];
        is_true &= IMPLIES(p->is_end_seen, p->received == other->sent);
    }
    if (!is_idle || !is_true || !(is_whole || is_broken)) {
        fail_msg("seed %llu: %llu of %llu and %llu of %llu bytes, and no error",
                 (unsigned long long)seed, (unsigned long long)pair->server.received,
                 (unsigned long long)client_bytes, (unsigned long long)pair->client.received,
                 (unsigned long long)server_bytes);
    }
    pair_free(pair);
}

static void net_stream_is_whole_or_broken(void **state)
{
    (void)state;
    struct share share = share_open("streams over bad links", 70);
    while (share_more(&share)) {
        net_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(net_streams_go_both_ways_and_end),
        cmocka_unit_test(net_node_reaches_itself_by_loopback),
        cmocka_unit_test(net_connect_fails_as_tcp_does),
        cmocka_unit_test(net_connect_can_be_canceled_or_time_out),
        cmocka_unit_test(net_listen_says_what_is_wrong),
        cmocka_unit_test(net_shared_listeners_share_connections),
        cmocka_unit_test(net_listener_that_closes_ends_what_waits),
        cmocka_unit_test(net_reader_who_does_not_read_holds_the_sender_back),
        cmocka_unit_test(net_canceled_receive_loses_no_bytes),
        cmocka_unit_test(net_few_receive_buffers_are_enough),
        cmocka_unit_test(net_short_cut_is_a_delay),
        cmocka_unit_test(net_long_cut_breaks_the_sender_and_leaves_the_reader_waiting),
        cmocka_unit_test(net_killed_process_ends_its_connections),
        cmocka_unit_test(net_power_failure_is_noticed_late_or_when_sending),
        cmocka_unit_test(net_send_on_a_broken_connection_fails),
        cmocka_unit_test(net_detach_is_refused_and_leaves_the_socket),
        cmocka_unit_test(net_parts_are_as_drawn),
        cmocka_unit_test(net_stream_is_whole_or_broken),
    };
    return cmocka_run_group_tests_name("sim_net", tests, NULL, NULL);
}
