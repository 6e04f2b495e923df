/* One direction of a simulated TCP connection. See sim_net.c for the model.
 *
 * A segment is queued, sent (perhaps several times) and acknowledged; at the other side it arrives,
 * perhaps out of order, and is read when all before it has arrived. Its one event is whatever
 * happens to it next. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "tests/sim/sim_net_int.h"

static void sim_flow_fill(struct sim_flow *flow);
static struct sim_segment *sim_segment_new(struct sim_flow *flow, uint32_t length);
static void sim_segment_free(struct sim_segment *seg);
static void sim_segment_settle(struct sim_segment *seg);
static void sim_segment_send(struct sim_segment *seg);
static void sim_segment_arrive(struct sim *sim, struct sim_event *event);
static void sim_segment_acked(struct sim *sim, struct sim_event *event);
static void sim_segment_again(struct sim *sim, struct sim_event *event);
static void sim_segment_retry(struct sim_segment *seg);
static bool sim_end_is_open(const struct sim_end *end);
static bool sim_flow_wants(const struct sim_flow *flow);
static uint32_t sim_flow_ready(const struct sim_flow *flow, bool *is_end);
static struct sim_buf *sim_flow_read(struct sim_flow *flow, uint32_t length);
static void sim_flow_copy(struct sim_flow *flow, uint8_t *out, uint32_t length);
static void sim_flow_opened(struct sim *sim, struct sim_event *event);

void sim_flow_init(struct sim_flow *flow, struct sim_end *from, struct sim_end *to)
{
    flow->from = from;
    flow->to = to;
    list_init(&flow->segments);
}

void sim_flow_push(struct sim_flow *flow)
{
    const struct sim_host_options *host = &flow->from->conn->sim->options.host;
    sim_flow_fill(flow);
    while (flow->queued != NULL && flow->sent_count < host->window_count) {
        struct sim_segment *seg = flow->queued;
        uint64_t under_way = seg->pos - flow->read_pos;
        if (under_way > 0 && under_way + seg->length > host->buffer_bytes) {
            return; /* sim_flow_opened goes on */
        }
        struct list_node *next = list_next(&flow->segments, &seg->in_flow);
        flow->queued = next != NULL ? CONTAINER_OF(next, struct sim_segment, in_flow) : NULL;
        flow->sent_count++;
        seg->state = SIM_SEGMENT_SENT;
        sim_segment_send(seg);
    }
}

void sim_flow_end(struct sim_flow *flow)
{
    if (!flow->is_ended) {
        flow->is_ended = true;
        sim_segment_new(flow, 0);
        sim_flow_push(flow);
    }
}

void sim_flow_deliver(struct sim_flow *flow)
{
    struct sim_end *to = flow->to;
    struct sim_shard *ss = to->shard;
    if (!sim_end_is_open(to)) {
        return;
    }
    struct sim *sim = ss->node->sim;
    const struct sim_host_options *host = &sim->options.host;
    bool is_end = false;
    uint32_t ready;
    while ((ready = sim_flow_ready(flow, &is_end)) > 0 && sim_end_is_open(to) &&
           sim_flow_wants(flow)) {
        struct rt_op *op = to->sock->recv_op;
        bool is_into = op != NULL && op->state == RT_OP_WAITING && op->args.net.data != NULL;
        if (!is_into && ss->bufs_count >= host->recv_buffers_count) {
            if (!list_is_linked(&to->sock->in_backend)) {
                list_push_back(&ss->starved, &to->sock->in_backend);
            }
            return;
        }
        uint32_t length = ready < LIMIT_RECV_BUFFER_BYTES ? ready : LIMIT_RECV_BUFFER_BYTES;
        if (prng_chance(&sim->prng_net, host->recv_split_ppm, 1000000)) {
            length = (uint32_t)prng_range(&sim->prng_net, 1, length);
        }
        if (is_into) {
            length = length < op->args.net.data_max ? length : (uint32_t)op->args.net.data_max;
            sim_flow_copy(flow, op->args.net.data, length);
            rt_op_complete(op, ERR_OK, length, 0);
        } else {
            struct sim_buf *buf = sim_flow_read(flow, length);
            rt_sock_received(to->sock, &buf->buf);
        }
        sim_shard_kick(ss, sim->now_ns);
    }
    if (ready == 0 && is_end && sim_end_is_open(to) && !to->sock->is_recv_ended) {
        rt_sock_recv_end(to->sock, ERR_OK);
        sim_shard_kick(ss, sim->now_ns);
    }
}

bool sim_flow_has_unread(const struct sim_flow *flow)
{
    bool is_end;
    return sim_flow_ready(flow, &is_end) > 0;
}

void sim_flow_drop_sender(struct sim_flow *flow)
{
    sim_event_cancel(flow->from->conn->sim, &flow->opened);
    list_for_each_safe (node, following, &flow->segments) {
        struct sim_segment *seg = CONTAINER_OF(node, struct sim_segment, in_flow);
        sim_event_cancel(flow->from->conn->sim, &seg->event);
        seg->state = SIM_SEGMENT_ACKED;
        seg->is_read |= !seg->has_arrived;
        sim_segment_settle(seg);
    }
    flow->queued = NULL;
    flow->sent_count = 0;
    flow->unacked_bytes = 0;
}

bool sim_flow_is_done(const struct sim_flow *flow)
{
    return flow->is_ended && flow->queued == NULL && flow->sent_count == 0;
}

void sim_flow_deinit(struct sim_flow *flow)
{
    sim_event_cancel(flow->from->conn->sim, &flow->opened);
    list_for_each_safe (node, following, &flow->segments) {
        sim_segment_free(CONTAINER_OF(node, struct sim_segment, in_flow));
    }
}

/* Copy what the waiting send has into segments, as far as the send buffer goes; end the send when
 * all is copied, or all acknowledged, as the node's kind is. */
static void sim_flow_fill(struct sim_flow *flow)
{
    struct sim_end *from = flow->from;
    struct rt_op *op = from->sock != NULL ? from->sock->send_op : NULL;
    if (op == NULL || op->state != RT_OP_WAITING) {
        return;
    }
    const struct sim_host_options *host = &from->conn->sim->options.host;
    uint64_t length = op->args.io.length;
    while (op->progress < length && flow->unacked_bytes < host->buffer_bytes) {
        uint64_t room = host->buffer_bytes - flow->unacked_bytes;
        uint64_t part = length - op->progress < room ? length - op->progress : room;
        part = part < host->segment_bytes ? part : host->segment_bytes;
        struct sim_segment *seg = sim_segment_new(flow, (uint32_t)part);
        uint64_t skip = op->progress;
        uint32_t copied = 0;
        for (uint32_t i = 0; copied < part; i++) {
            const struct iovec *iov = &op->args.io.iov[i];
            if (skip >= iov->iov_len) {
                skip -= iov->iov_len;
                continue;
            }
            size_t here = iov->iov_len - skip < part - copied ? iov->iov_len - skip : part - copied;
            memcpy(seg->data + copied, (const uint8_t *)iov->iov_base + skip, here);
            copied += (uint32_t)here;
            skip = 0;
        }
        op->progress += part;
    }
    if (op->progress == length && (!from->node->sends_late || flow->unacked_bytes == 0)) {
        /* The caller leaves the buffers alone until done (op.h, rule 2). */
        ASSERT(sim_checksum(op->args.io.iov, op->args.io.iov_count, 0, length) ==
               from->send_checksum);
        sim_complete(from->shard, op, from->conn->name, 0, ERR_OK, (int64_t)length);
    }
}

static struct sim_segment *sim_segment_new(struct sim_flow *flow, uint32_t length)
{
    struct sim_segment *seg = sim_alloc(flow->from->conn->sim, sizeof(struct sim_segment) + length);
    seg->flow = flow;
    seg->pos = flow->queued_pos;
    seg->length = length;
    flow->queued_pos += length;
    flow->unacked_bytes += length;
    list_push_back(&flow->segments, &seg->in_flow);
    flow->queued = flow->queued != NULL ? flow->queued : seg;
    return seg;
}

static void sim_segment_free(struct sim_segment *seg)
{
    struct sim *sim = seg->flow->from->conn->sim;
    sim_event_cancel(sim, &seg->event);
    list_remove(&seg->in_flow);
    sim_free_block(sim, seg);
}

/* Free it when both sides are done with it. */
static void sim_segment_settle(struct sim_segment *seg)
{
    if (seg->state == SIM_SEGMENT_ACKED && seg->is_read) {
        sim_segment_free(seg);
    }
}

static void sim_segment_send(struct sim_segment *seg)
{
    struct sim_flow *flow = seg->flow;
    struct sim *sim = flow->from->conn->sim;
    seg->tries++;
    uint64_t checksum = hash64(seg->data, seg->length, 0);
    sim_end_trace(flow->from, SIM_ROW_SENT, seg->pos, seg->length, checksum);
    if (sim_link_loses(flow->from->node, flow->to->node)) {
        sim_end_trace(flow->from, SIM_ROW_LOST, seg->pos, seg->length, 0);
        sim_segment_retry(seg);
        return;
    }
    uint64_t delay_ns = sim_link_delay_ns(flow->from->node, flow->to->node);
    sim_event_schedule(sim, &seg->event, sim->now_ns + delay_ns, sim_segment_arrive);
}

static void sim_segment_arrive(struct sim *sim, struct sim_event *event)
{
    struct sim_segment *seg = CONTAINER_OF(event, struct sim_segment, event);
    struct sim_flow *flow = seg->flow;
    struct sim_end *to = flow->to;
    struct sim_node *here = to->node;
    struct sim_node *there = flow->from->node;
    if (!here->is_machine_up || sim_link(there, here)->is_cut) {
        sim_end_trace(flow->from, SIM_ROW_LOST, seg->pos, seg->length, 0);
        sim_segment_retry(seg);
        return;
    }
    bool is_orphan = !sim_end_is_owned(to);
    if (!to->is_alive || to->reset_err != ERR_OK || (is_orphan && seg->length > 0)) {
        sim_segment_retry(seg); /* in case that the reset gets lost */
        sim_end_send_reset(flow->from);
        if (to->is_alive && is_orphan) {
            sim_end_kill(to);
        }
        return;
    }
    sim_end_trace(to, seg->has_arrived ? SIM_ROW_AGAIN : SIM_ROW_ARRIVED, seg->pos, seg->length, 0);
    seg->has_arrived = true;
    seg->is_read |= is_orphan;
    if (sim_link_loses(here, there)) { /* the acknowledgement */
        sim_segment_retry(seg);
    } else {
        uint64_t delay_ns = sim_link_delay_ns(here, there);
        sim_event_schedule(sim, &seg->event, sim->now_ns + delay_ns, sim_segment_acked);
    }
    sim_flow_deliver(flow);
}

static void sim_segment_acked(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    struct sim_segment *seg = CONTAINER_OF(event, struct sim_segment, event);
    struct sim_flow *flow = seg->flow;
    struct sim_end *from = flow->from;
    ASSERT(seg->state == SIM_SEGMENT_SENT);
    sim_end_trace(from, SIM_ROW_ACKED, seg->pos, seg->length, 0);
    seg->state = SIM_SEGMENT_ACKED;
    flow->sent_count--;
    flow->unacked_bytes -= seg->length;
    if (sim_link_doubles(from->node, flow->to->node)) {
        sim_end_trace(flow->to, SIM_ROW_AGAIN, seg->pos, seg->length, 0); /* and is ignored */
    }
    sim_segment_settle(seg);
    sim_flow_push(flow);
    sim_end_settle(from);
}

static void sim_segment_again(struct sim *sim, struct sim_event *event)
{
    struct sim_segment *seg = CONTAINER_OF(event, struct sim_segment, event);
    struct sim_end *from = seg->flow->from;
    if (seg->tries <= sim->options.host.retries_count) {
        sim_segment_send(seg);
        return;
    }
    sim_end_trace(from, SIM_ROW_GIVEN_UP, seg->pos, seg->length, 0);
    if (sim_end_is_owned(from)) {
        sim_end_break(from, ERR_TIMEOUT);
    } else {
        sim_end_kill(from);
    }
}

static void sim_segment_retry(struct sim_segment *seg)
{
    struct sim *sim = seg->flow->from->conn->sim;
    sim_event_schedule(sim, &seg->event, sim->now_ns + sim_retry_ns(sim, seg->tries),
                       sim_segment_again);
}

/* Whether a process can receive from it. */
static bool sim_end_is_open(const struct sim_end *end)
{
    return end->sock != NULL && end->is_established && end->reset_err == ERR_OK;
}

/* Whether the socket takes bytes now: when asked, or ahead of that until it holds enough unread. */
static bool sim_flow_wants(const struct sim_flow *flow)
{
    const struct rt_sock *sock = flow->to->sock;
    bool is_asked = sock->recv_op != NULL && sock->recv_op->state == RT_OP_WAITING;
    return is_asked || (flow->to->node->reads_ahead && sock->unread_count < RT_SOCK_CHUNKS_MAX);
}

/* Bytes that have arrived in order and are not read; whether the end of the stream follows them. */
static uint32_t sim_flow_ready(const struct sim_flow *flow, bool *is_end)
{
    uint64_t pos = flow->read_pos;
    *is_end = false;
    list_for_each (node, &flow->segments) {
        const struct sim_segment *seg = CONTAINER_OF(node, struct sim_segment, in_flow);
        if (seg->is_read) {
            *is_end |= seg->length == 0;
            continue;
        }
        if (!seg->has_arrived || seg->pos > pos) { /* or one before it will never arrive */
            break;
        }
        *is_end |= seg->length == 0;
        pos = seg->pos + seg->length;
        if (pos - flow->read_pos >= LIMIT_RECV_BUFFER_BYTES) {
            break; /* as much as a buffer holds */
        }
    }
    return (uint32_t)(pos - flow->read_pos);
}

/* The next `length` bytes of the stream, which are there, in a buffer of their own. */
static struct sim_buf *sim_flow_read(struct sim_flow *flow, uint32_t length)
{
    struct sim_shard *ss = flow->to->shard;
    struct sim_buf *buf = sim_alloc(ss->node->sim, sizeof(*buf) + length);
    buf->buf.data = (uint8_t *)(buf + 1);
    buf->buf.length = length;
    list_push_back(&ss->bufs, &buf->in_shard);
    ss->bufs_count++;
    sim_flow_copy(flow, buf->buf.data, length);
    return buf;
}

/* The next `length` bytes of the stream, which are there. */
static void sim_flow_copy(struct sim_flow *flow, uint8_t *out, uint32_t length)
{
    struct sim_end *to = flow->to;
    struct sim *sim = to->shard->node->sim;
    uint64_t start_pos = flow->read_pos;
    uint32_t copied = 0;
    list_for_each_safe (node, following, &flow->segments) {
        struct sim_segment *seg = CONTAINER_OF(node, struct sim_segment, in_flow);
        if (seg->is_read || copied == length) {
            continue;
        }
        uint32_t skip = (uint32_t)(flow->read_pos - seg->pos);
        uint32_t part = seg->length - skip < length - copied ? seg->length - skip : length - copied;
        memcpy(out + copied, seg->data + skip, part);
        copied += part;
        flow->read_pos += part;
        seg->is_read = skip + part == seg->length;
        sim_segment_settle(seg);
    }
    ASSERT(copied == length);
    sim_end_trace(to, SIM_ROW_RECEIVED, start_pos, length, hash64(out, length, 0));
    if (flow->queued != NULL && !heap_is_linked(&flow->opened.in_heap)) {
        uint64_t delay_ns = sim_link_delay_ns(to->node, flow->from->node);
        sim_event_schedule(sim, &flow->opened, sim->now_ns + delay_ns, sim_flow_opened);
    }
}

static void sim_flow_opened(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    sim_flow_push(CONTAINER_OF(event, struct sim_flow, opened));
}
