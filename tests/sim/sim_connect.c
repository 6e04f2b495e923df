/* How simulated connections begin: listening, connecting, accepting. See sim_net.c.
 *
 * The connecting end tries until somebody answers: each try may get lost on its way or on the way
 * back, so the other end may exist long before the connect knows. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_net_int.h"

#define SIM_PORTS_RESERVED 1024u
#define SIM_PORT_FIRST     32768u
#define SIM_PORT_LAST      60999u

static bool sim_addr_is_any(const struct rt_addr *addr);
static bool sim_listener_hears(const struct sim_listener *l, const struct rt_addr *addr);
static struct sim_listener *sim_listener_choose(struct sim_node *node, const struct rt_addr *addr);
static uint16_t sim_port_take(struct sim_node *node);
static void sim_connect_try(struct sim *sim, struct sim_event *event);
static void sim_connect_arrive(struct sim *sim, struct sim_event *event);
static void sim_connect_refused(struct sim *sim, struct sim_event *event);
static void sim_connect_done(struct sim *sim, struct sim_event *event);
static void sim_connect_again(struct sim_conn *conn);

enum err sim_net_listen(struct rt_listener *listener, bool is_shared)
{
    struct sim_shard *ss = sim_shard_of(listener->shard);
    struct sim_node *node = ss->node;
    struct rt_addr *addr = &listener->addr;
    if (!sim_addr_is_any(addr) && sim_node_find(node, addr) != node) {
        return ERR_INVALID;
    }
    if (addr->port > 0 && addr->port < SIM_PORTS_RESERVED) {
        return ERR_ACCESS;
    }
    if (addr->port == 0) {
        addr->port = sim_port_take(node);
    }
    list_for_each (link, &node->listeners) {
        const struct sim_listener *other = CONTAINER_OF(link, struct sim_listener, in_node);
        if ((sim_listener_hears(other, addr) ||
             (sim_addr_is_any(addr) && other->listener->addr.port == addr->port)) &&
            !(is_shared && other->is_shared)) {
            return ERR_BUSY;
        }
    }
    struct sim_listener *l = sim_alloc(node->sim, sizeof(*l));
    l->shard = ss;
    l->listener = listener;
    l->is_shared = is_shared;
    list_init(&l->backlog);
    list_push_back(&node->listeners, &l->in_node);
    listener->backend = l;
    char text[RT_ADDR_TEXT_BYTES];
    sim_trace_node(node, SIM_ROW_LISTEN, rt_addr_format(addr, text), ss->shard->id);
    return ERR_OK;
}

void sim_listener_free(struct sim_listener *l)
{
    struct list_node *link;
    while ((link = list_first(&l->backlog)) != NULL) {
        struct sim_end *end = CONTAINER_OF(link, struct sim_end, in_backlog);
        sim_end_send_reset(&end->conn->ends[0]);
        sim_end_kill(end);
    }
    list_remove(&l->in_node);
    sim_free_block(l->shard->node->sim, l);
}

void sim_accept(struct sim_listener *l)
{
    struct rt_op *op;
    while (!list_is_empty(&l->backlog) && (op = rt_listener_next_accept(l->listener)) != NULL) {
        struct sim_end *end = CONTAINER_OF(list_pop_front(&l->backlog), struct sim_end, in_backlog);
        l->backlog_count--;
        end->listener = NULL;
        struct rt_sock *sock = op->args.net.sock;
        sock->backend = end;
        sock->peer = end->conn->ends[0].addr;
        end->shard = l->shard;
        end->sock = sock;
        sim_complete(l->shard, op, end->conn->name, 0, ERR_OK, 0);
        if (end->reset_err != ERR_OK) {
            rt_sock_recv_end(sock, end->reset_err);
        } else {
            sim_flow_deliver(end->in);
        }
    }
}

void sim_connect(struct sim_shard *ss, struct rt_op *op)
{
    struct sim_node *node = ss->node;
    struct sim *sim = node->sim;
    const struct rt_addr *to = op->args.net.addr;
    struct sim_node *there = sim_node_find(node, to);
    char to_text[RT_ADDR_TEXT_BYTES];
    rt_addr_format(to, to_text);
    sim_trace_submit(ss, op, to_text, 0, 0, 0);
    if (there == NULL) {
        sim_complete(ss, op, to_text, 0, ERR_UNREACHABLE, 0);
        return;
    }
    struct sim_conn *conn = sim_alloc(sim, sizeof(*conn));
    conn->sim = sim;
    list_push_back(&sim->conns, &conn->in_sim);
    for (size_t side = 0; side < 2; side++) {
        struct sim_end *end = &conn->ends[side];
        end->conn = conn;
        end->node = side == 0 ? node : there;
        end->out = &conn->flows[side];
        end->in = &conn->flows[1 - side];
        sim_flow_init(end->out, end, &conn->ends[1 - side]);
    }
    struct sim_end *end = &conn->ends[0];
    end->addr = sim_node_addr(node, sim_port_take(node));
    if (rt_addr_is_loopback(to)) {
        end->addr = (struct rt_addr){.ip = {127, 0, 0, 1}, .port = end->addr.port};
    }
    conn->ends[1].addr = *to;
    end->is_alive = true;
    end->shard = ss;
    end->sock = op->sock;
    end->connect_op = op;
    op->sock->backend = end;
    char from_text[RT_ADDR_TEXT_BYTES];
    snprintf(conn->name, sizeof(conn->name), "%s>%s", rt_addr_format(&end->addr, from_text),
             to_text);
    sim_event_schedule(sim, &conn->handshake, sim_shard_now_ns(ss), sim_connect_try);
}

static bool sim_addr_is_any(const struct rt_addr *addr)
{
    static const uint8_t any[16] = {0};
    return memcmp(addr->ip, any, addr->is_v6 ? 16 : 4) == 0;
}

/* Whether connections to `addr` are for this listener. */
static bool sim_listener_hears(const struct sim_listener *l, const struct rt_addr *addr)
{
    const struct rt_addr *own = &l->listener->addr;
    return own->port == addr->port && (rt_addr_is_equal(own, addr) || sim_addr_is_any(own));
}

/* Who gets a connection to `addr`: one of those that listen there, drawn. */
static struct sim_listener *sim_listener_choose(struct sim_node *node, const struct rt_addr *addr)
{
    struct sim_listener *chosen = NULL;
    uint64_t count = 0;
    list_for_each (link, &node->listeners) {
        struct sim_listener *l = CONTAINER_OF(link, struct sim_listener, in_node);
        if (sim_listener_hears(l, addr) && prng_chance(&node->sim->prng_net, 1, ++count)) {
            chosen = l;
        }
    }
    return chosen;
}

static uint16_t sim_port_take(struct sim_node *node)
{
    uint16_t port = node->port_next;
    node->port_next = (uint16_t)(port < SIM_PORT_LAST ? port + 1u : SIM_PORT_FIRST);
    return port;
}

static void sim_connect_try(struct sim *sim, struct sim_event *event)
{
    struct sim_conn *conn = CONTAINER_OF(event, struct sim_conn, handshake);
    struct sim_node *here = conn->ends[0].node;
    struct sim_node *there = conn->ends[1].node;
    if (conn->tries > sim->options.host.retries_count) {
        sim_connect_fail(conn, ERR_TIMEOUT);
        return;
    }
    conn->tries++;
    sim_end_trace(&conn->ends[0], SIM_ROW_SENT, 0, 0, 0);
    if (sim_link_loses(here, there)) {
        sim_connect_again(conn);
        return;
    }
    sim_event_schedule(sim, event, sim->now_ns + sim_link_delay_ns(here, there),
                       sim_connect_arrive);
}

static void sim_connect_arrive(struct sim *sim, struct sim_event *event)
{
    struct sim_conn *conn = CONTAINER_OF(event, struct sim_conn, handshake);
    struct sim_end *end = &conn->ends[1];
    struct sim_node *here = conn->ends[0].node;
    struct sim_node *there = end->node;
    if (!there->is_machine_up || sim_link(here, there)->is_cut) {
        sim_connect_again(conn);
        return;
    }
    struct sim_listener *l = NULL;
    if (!end->is_established) {
        l = sim_listener_choose(there, &end->addr);
    }
    if (l != NULL && l->backlog_count >= sim->options.host.backlog_count) {
        sim_connect_again(conn); /* a full backlog does not answer */
        return;
    }
    bool is_known = l != NULL || (end->is_established && end->is_alive);
    if (l != NULL) {
        end->is_alive = true;
        end->is_established = true;
        end->listener = l;
        list_push_back(&l->backlog, &end->in_backlog);
        l->backlog_count++;
        sim_end_trace(end, SIM_ROW_ARRIVED, 0, 0, 0);
    }
    if (sim_link_loses(there, here)) {
        sim_connect_again(conn);
    } else {
        sim_event_schedule(sim, event, sim->now_ns + sim_link_delay_ns(there, here),
                           is_known ? sim_connect_done : sim_connect_refused);
    }
    if (l != NULL) {
        sim_accept(l);
    }
}

static void sim_connect_refused(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    sim_connect_fail(CONTAINER_OF(event, struct sim_conn, handshake), ERR_REFUSED);
}

static void sim_connect_done(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    struct sim_conn *conn = CONTAINER_OF(event, struct sim_conn, handshake);
    struct sim_end *end = &conn->ends[0];
    struct rt_op *op = end->connect_op;
    end->is_established = true;
    end->connect_op = NULL;
    sim_complete(end->shard, op, conn->name, 0, ERR_OK, 0);
    sim_flow_deliver(end->in);
}

static void sim_connect_again(struct sim_conn *conn)
{
    struct sim *sim = conn->sim;
    sim_end_trace(&conn->ends[0], SIM_ROW_LOST, 0, 0, 0);
    sim_event_schedule(sim, &conn->handshake, sim->now_ns + sim_retry_ns(sim, conn->tries),
                       sim_connect_try);
}

void sim_connect_fail(struct sim_conn *conn, enum err err)
{
    struct sim_end *end = &conn->ends[0];
    struct rt_op *op = end->connect_op;
    struct sim_shard *ss = end->shard;
    ASSERT(op != NULL);
    sim_end_trace(end, SIM_ROW_GIVEN_UP, 0, 0, 0);
    sim_end_send_reset(&conn->ends[1]); /* which may have answered without being heard */
    sim_end_kill(end);
    sim_complete(ss, op, conn->name, 0, err, 0);
}
