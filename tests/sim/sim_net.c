/* The simulated network, from the sockets' side.
 *
 * The contract of base/rt/sock.h is a reliable stream of bytes; below it stands this model of TCP,
 * in which everything a bad network does to packets becomes what a program sees of it: delay, and
 * in the end a broken connection.
 *
 *  - A send is cut into segments. Each travels by itself, is lost, delayed, overtaken or doubled as
 *    its link's options say, and is sent again until acknowledged, after retry_ns and then twice as
 *    long each time. Acknowledgements travel the other direction and are lost there. So loss shows
 *    as delay, and overtaking as data that comes in bursts; what arrives is handed over in order,
 *    once, in chunks that may begin and end anywhere.
 *  - At most window_count segments are under way, and no more than buffer_bytes that the receiving
 *    process has not read: who does not read holds the sender back.
 *  - After retries_count repetitions the sender gives up: ERR_TIMEOUT there; the other side is not
 *    told and learns it when it sends. A direction that is cut for long thus ends connections one
 *    way after the other. A segment for a connection that its machine does not know is answered by
 * a reset, which is never repeated.
 *  - A process that ends or is killed has its connections closed by its kernel: what it sent still
 *    arrives, then the end of the stream; or a reset, if it left something unread. A machine that
 *    loses power says nothing; that its peers get a reset after a while (unless silent_ppm says
 *    otherwise) stands for the restarted machine answering what they send.
 *  - A connect is answered by the kernel as soon as somebody listens, whether he accepts or not.
 *
 * Packets as such, without a connection, do not exist. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_net_int.h"

static void sim_send(struct sim_end *end, struct rt_op *op);
static void sim_end_leave(struct sim_end *end);
static void sim_end_reset_fire(struct sim *sim, struct sim_event *event);
static void sim_end_crash(struct sim_end *end, bool is_power, bool is_silent);
static struct sim_end *sim_end_other(struct sim_end *end);
static void sim_conn_free(struct sim_conn *conn);

/* tidy: dispatcher */
void sim_net_submit(struct sim_shard *ss, struct rt_op *op)
{
    struct sim_end *end = op->sock != NULL ? op->sock->backend : NULL;
    const char *name = end != NULL ? end->conn->name : NULL;
    switch (op->kind) {
    case RT_OP_SOCK_ACCEPT:
        sim_trace_submit(ss, op, name, 0, 0, 0);
        sim_accept(op->listener->backend);
        break;
    case RT_OP_SOCK_CONNECT: sim_connect(ss, op); break;
    case RT_OP_SOCK_RECV:
        sim_trace_submit(ss, op, name, 0, 0, 0);
        sim_flow_deliver(end->in);
        break;
    case RT_OP_SOCK_SEND: sim_send(end, op); break;
    case RT_OP_SOCK_CLOSE:
        sim_trace_submit(ss, op, name, 0, 0, 0);
        sim_end_close(end);
        sim_complete(ss, op, name, 0, ERR_OK, 0);
        break;
    case RT_OP_SOCK_DETACH:
        sim_trace_submit(ss, op, name, 0, 0, 0);
        sim_complete(ss, op, name, 0, ERR_UNSUPPORTED, 0);
        break;
    case RT_OP_LISTENER_CLOSE:
        sim_trace_submit(ss, op, name, 0, 0, 0);
        sim_listener_free(op->listener->backend);
        sim_complete(ss, op, name, 0, ERR_OK, 0);
        break;
    case RT_OP_DEFER:
    case RT_OP_JOB:
    case RT_OP_FILE_OPEN:
    case RT_OP_FILE_CLOSE:
    case RT_OP_FILE_READ:
    case RT_OP_FILE_WRITE:
    case RT_OP_FILE_WRITE_DURABLE:
    case RT_OP_FILE_FLUSH:
    case RT_OP_FILE_ALLOCATE:
    case RT_OP_FILE_TRUNCATE:
    case RT_OP_FILE_LOCK:
    case RT_OP_FILE_SYNC_ALL:
    case RT_OP_PATH_RENAME:
    case RT_OP_PATH_UNLINK:
    case RT_OP_PATH_MKDIR:
    case RT_OP_PATH_RMDIR:
    case RT_OP_PATH_LIST:
    case RT_OP_PATH_SYNC_DIR:
    case RT_OP_PATH_SPACE:
    case RT_OP_KIND_COUNT: UNREACHABLE();
    }
}

void sim_net_cancel(struct sim_shard *ss, struct rt_op *op)
{
    struct sim_end *end = op->sock != NULL ? op->sock->backend : NULL;
    if (op->kind == RT_OP_SOCK_RECV && list_is_linked(&op->sock->in_backend)) {
        list_remove(&op->sock->in_backend);
    }
    if (op->kind == RT_OP_SOCK_RECV && op->args.net.data != NULL) { /* it is the runtime's still */
        memset(op->args.net.data, 0xEE, op->args.net.data_max);
    }
    sim_complete(ss, op, end != NULL ? end->conn->name : NULL, 0, op->stop_err, 0);
    if (op->kind == RT_OP_SOCK_CONNECT && end != NULL) {
        sim_end_send_reset(sim_end_other(end));
        sim_end_kill(end);
    }
}

void sim_net_release(struct rt_shard *shard, struct rt_recv_buf *recv_buf)
{
    struct sim_shard *ss = sim_shard_of(shard);
    struct sim_buf *buf = CONTAINER_OF(recv_buf, struct sim_buf, buf);
    list_remove(&buf->in_shard);
    sim_free_block(ss->node->sim, buf);
    ss->bufs_count--;
    uint32_t buffers_count = ss->node->sim->options.host.recv_buffers_count;
    struct list_node *node;
    while (ss->bufs_count < buffers_count && (node = list_pop_front(&ss->starved)) != NULL) {
        struct sim_end *end = CONTAINER_OF(node, struct rt_sock, in_backend)->backend;
        sim_flow_deliver(end->in);
    }
}

void sim_net_shutdown_send(struct rt_sock *sock)
{
    struct sim_end *end = sock->backend;
    sim_end_trace(end, SIM_ROW_SHUTDOWN, end->out->queued_pos, 0, 0);
    if (end->reset_err == ERR_OK) {
        sim_flow_end(end->out);
    }
}

void sim_net_crash(struct sim_node *node, bool is_power)
{
    struct sim *sim = node->sim;
    bool is_silent = prng_chance(&sim->prng_net, sim->options.host.silent_ppm, 1000000);
    list_for_each_safe (conn_link, following, &sim->conns) {
        struct sim_conn *conn = CONTAINER_OF(conn_link, struct sim_conn, in_sim);
        for (size_t side = 0; side < 2; side++) {
            struct sim_end *end = &conn->ends[side];
            if (end->is_alive && end->node == node) {
                sim_end_crash(end, is_power, is_silent);
            }
        }
    }
    struct list_node *link;
    while ((link = list_first(&node->listeners)) != NULL) {
        sim_listener_free(CONTAINER_OF(link, struct sim_listener, in_node));
    }
    sim_net_reap(sim);
}

void sim_net_reap(struct sim *sim)
{
    struct list_node *node;
    while ((node = list_first(&sim->dead_conns)) != NULL) {
        sim_conn_free(CONTAINER_OF(node, struct sim_conn, in_sim));
    }
}

void sim_net_free(struct sim *sim)
{
    sim_net_reap(sim);
    struct list_node *node;
    while ((node = list_first(&sim->conns)) != NULL) {
        sim_conn_free(CONTAINER_OF(node, struct sim_conn, in_sim));
    }
}

void sim_end_trace(const struct sim_end *end, enum sim_row_kind kind, uint64_t pos, uint64_t length,
                   uint64_t checksum)
{
    struct sim *sim = end->conn->sim;
    struct sim_row row = {.kind = kind,
                          .node = end->node->id,
                          .shard = end->shard != NULL ? end->shard->shard->id : SIM_NO_SHARD,
                          .target = end->conn->name,
                          .pos = pos,
                          .length = length,
                          .checksum = checksum};
    sim_trace_add(&sim->trace, sim->now_ns, &row);
}

void sim_end_send_reset(struct sim_end *end)
{
    struct sim *sim = end->conn->sim;
    struct sim_node *from = sim_end_other(end)->node;
    if (end->is_alive && !heap_is_linked(&end->reset.in_heap) && !sim_link_loses(from, end->node)) {
        uint64_t delay_ns = sim_link_delay_ns(from, end->node);
        sim_event_schedule(sim, &end->reset, sim->now_ns + delay_ns, sim_end_reset_fire);
    }
}

void sim_end_break(struct sim_end *end, enum err err)
{
    struct rt_sock *sock = end->sock;
    if (end->reset_err != ERR_OK) {
        return;
    }
    end->reset_err = err;
    sim_end_trace(end, SIM_ROW_RESET, 0, 0, 0);
    sim_flow_drop_sender(end->out);
    if (sock == NULL) {
        return; /* waits to be accepted */
    }
    if (end->connect_op != NULL) {
        sim_connect_fail(end->conn, err);
        return;
    }
    if (list_is_linked(&sock->in_backend)) {
        list_remove(&sock->in_backend);
    }
    struct sim_shard *ss = end->shard;
    rt_sock_recv_end(sock, err);
    if (sock->send_op != NULL && sock->send_op->state == RT_OP_WAITING) {
        sim_complete(ss, sock->send_op, end->conn->name, 0, err, 0);
    }
    sim_shard_kick(ss, ss->node->sim->now_ns);
}

void sim_end_close(struct sim_end *end)
{
    sim_end_leave(end);
    if (end->reset_err != ERR_OK) {
        sim_end_kill(end);
    } else if (sim_flow_has_unread(end->in)) {
        sim_end_send_reset(sim_end_other(end));
        sim_end_kill(end);
    } else {
        sim_flow_end(end->out);
        sim_end_settle(end);
    }
}

void sim_end_kill(struct sim_end *end)
{
    if (!end->is_alive) {
        return;
    }
    struct sim_conn *conn = end->conn;
    sim_end_leave(end);
    end->is_alive = false;
    sim_event_cancel(conn->sim, &end->reset);
    sim_flow_drop_sender(end->out);
    if (end == &conn->ends[0]) {
        sim_event_cancel(conn->sim, &conn->handshake);
    }
    if (!sim_end_other(end)->is_alive) {
        list_remove(&conn->in_sim);
        list_push_back(&conn->sim->dead_conns, &conn->in_sim);
    }
}

void sim_end_settle(struct sim_end *end)
{
    if (end->is_alive && !sim_end_is_owned(end) && sim_flow_is_done(end->out)) {
        sim_end_kill(end);
    }
}

bool sim_end_is_owned(const struct sim_end *end)
{
    return end->sock != NULL || list_is_linked(&end->in_backlog);
}

uint64_t sim_retry_ns(const struct sim *sim, uint32_t tries)
{
    ASSERT(tries >= 1);
    uint32_t doublings = tries - 1 < 6 ? tries - 1 : 6;
    return sim->options.host.retry_ns << doublings;
}

static void sim_send(struct sim_end *end, struct rt_op *op)
{
    uint64_t length = op->args.io.length;
    uint64_t checksum = sim_checksum(op->args.io.iov, op->args.io.iov_count, 0, length);
    sim_trace_submit(end->shard, op, end->conn->name, end->out->queued_pos, length, checksum);
    if (end->reset_err != ERR_OK || end->out->is_ended) {
        sim_complete(end->shard, op, end->conn->name, 0, ERR_RESET, 0); /* EPIPE, ECONNRESET */
        return;
    }
    end->send_checksum = checksum;
    sim_flow_push(end->out);
}

/* No process has it any more. */
static void sim_end_leave(struct sim_end *end)
{
    if (end->sock != NULL && list_is_linked(&end->sock->in_backend)) {
        list_remove(&end->sock->in_backend);
    }
    if (end->sock != NULL) {
        end->sock->backend = NULL;
    }
    if (list_is_linked(&end->in_backlog)) {
        list_remove(&end->in_backlog);
        end->listener->backlog_count--;
    }
    end->sock = NULL;
    end->shard = NULL;
    end->connect_op = NULL;
}

static void sim_end_reset_fire(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    struct sim_end *end = CONTAINER_OF(event, struct sim_end, reset);
    ASSERT(end->is_alive);
    if (sim_link(sim_end_other(end)->node, end->node)->is_cut) {
        return; /* lost */
    }
    if (!sim_end_is_owned(end)) {
        sim_end_kill(end);
    } else {
        sim_end_break(end, ERR_RESET);
    }
}

static void sim_end_crash(struct sim_end *end, bool is_power, bool is_silent)
{
    struct sim_end *other = sim_end_other(end);
    struct sim *sim = end->conn->sim;
    if (is_power) {
        sim_end_kill(end);
        sim_event_cancel(sim, &other->reset);
        if (other->is_alive && !is_silent) {
            uint64_t delay_ns = sim_delay_draw(&sim->options.host.reset, &sim->prng_net);
            sim_event_schedule(sim, &other->reset, sim->now_ns + delay_ns, sim_end_reset_fire);
        }
    } else if (end->sock != NULL) {
        bool is_unread = end->sock->unread_count > 0 || end->sock->held_count > 0;
        if (is_unread || !end->is_established) {
            sim_end_send_reset(other);
            sim_end_kill(end);
        } else {
            sim_end_close(end);
        }
    }
}

static struct sim_end *sim_end_other(struct sim_end *end)
{
    struct sim_conn *conn = end->conn;
    return end == &conn->ends[0] ? &conn->ends[1] : &conn->ends[0];
}

static void sim_conn_free(struct sim_conn *conn)
{
    struct sim *sim = conn->sim;
    sim_event_cancel(sim, &conn->handshake);
    for (size_t side = 0; side < 2; side++) {
        sim_event_cancel(sim, &conn->ends[side].reset);
        sim_flow_deinit(&conn->flows[side]);
    }
    list_remove(&conn->in_sim);
    sim_free_block(sim, conn);
}
