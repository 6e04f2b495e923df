/* A connection's life: bytes become frames. See conn.h. */
#include "broker/kafka/conn.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/diag.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/kafka/conn_int.h"

/* The door's inbox: as many small requests as fit. */
#define KAFKA_INBOX_BYTES (64u << 10)

/* A frame's own buffer at first, and how much more than has arrived its length is believed for. */
#define KAFKA_FRAME_FIRST_BYTES (128u << 10)
#define KAFKA_FRAME_GROWTH      4u

/* A peer that has sent a frame of so many bytes is believed as many at once, up to this: what a
 * steady producer sends is received where it is to stand, however long. */
#define KAFKA_FRAME_KNOWN_BYTES (2u << 20)

/* When a frame that has begun must be there: so much, and a second for each of these. */
#define KAFKA_FRAME_NS          (30 * RT_NS_PER_S)
#define KAFKA_FRAME_BYTES_PER_S 100000u

/* How long nothing may come of a request that has begun while others wait for its memory. */
#define KAFKA_STALLED_NS (1 * RT_NS_PER_S)

/* How long a peer that is told of the end may take to end its own side. */
#define KAFKA_LINGER_NS (500 * RT_NS_PER_MS)

/* How long nothing may move on a connection: Kafka's connections.max.idle.ms. Peers that are gone
 * without a word, and those that never read, hold memory no longer. */
#define KAFKA_IDLE_NS (600 * RT_NS_PER_S)

/* How long a peer may take to read its last answers when the server ends. */
#define KAFKA_STOP_NS (2 * RT_NS_PER_S)

static void kafka_conn_receive(struct kafka_conn *conn);
static void kafka_conn_received(struct rt_op *op);
static void kafka_conn_take(struct kafka_conn *conn);
static void kafka_conn_drop(struct kafka_conn *conn);
static enum err kafka_conn_keep(struct kafka_conn *conn);
static enum err kafka_conn_take_some(struct kafka_conn *conn);
static bool kafka_conn_take_head(struct kafka_conn *conn);
static enum err kafka_conn_take_whole(struct kafka_conn *conn);
static enum err kafka_conn_take_part(struct kafka_conn *conn);
static enum err kafka_conn_begin(struct kafka_conn *conn);
static enum err kafka_conn_grow(struct kafka_conn *conn);
static void kafka_conn_set_buf(struct kafka_conn *conn, struct buf *buf);
static void kafka_conn_cancel(struct kafka_conn *conn);
static void kafka_conn_close(struct kafka_conn *conn);
static void kafka_conn_linger(struct kafka_conn *conn);
static void kafka_conn_late(struct rt_timer *timer);
static void kafka_conn_leave(struct kafka_conn *conn);
static void kafka_conn_close_now(struct kafka_conn *conn);
static void kafka_conn_closed(struct rt_op *op);
static void kafka_conn_sent(struct rt_op *op);
static bool kafka_conn_gather(struct kafka_request *request, struct kafka_iov *iov);

void kafka_conn_open(struct kafka_conn *conn)
{
    struct rt_shard *shard = conn->door->cs->shard;
    conn->known_bytes = KAFKA_FRAME_FIRST_BYTES;
    list_init(&conn->requests);
    list_init(&conn->sending);
    rt_op_init(&conn->recv_op, shard, kafka_conn_received);
    rt_op_init(&conn->send_op, shard, kafka_conn_sent);
    rt_op_init(&conn->close_op, shard, kafka_conn_closed);
    rt_timer_init(&conn->timer, shard, kafka_conn_late);
    conn->active_ns = rt_now_ns(shard);
    rt_timer_start(&conn->timer, conn->active_ns + KAFKA_IDLE_NS);
    rt_sock_set_flags(&conn->sock, RT_SOCK_NODELAY);
    kafka_conn_receive(conn);
}

/* --- Bytes in --- */

static bool kafka_conn_may_take(const struct kafka_conn *conn)
{
    return !conn->is_ended && conn->requests_count < KAFKA_CONN_REQUESTS_MAX &&
           conn->held_bytes < KAFKA_CONN_BYTES_MAX;
}

/* Whether all of the frame being taken is in its buffer: it is to be carried out. */
static bool kafka_conn_has_whole(const struct kafka_conn *conn)
{
    return conn->buf != NULL && conn->have_bytes == conn->frame_bytes;
}

static void kafka_conn_receive(struct kafka_conn *conn)
{
    if (conn->is_receiving || conn->chunk.length > 0 || conn->is_ended ||
        kafka_conn_has_whole(conn)) {
        return;
    }
    uint32_t room = conn->buf != NULL ? conn->buf->length - conn->have_bytes : 0;
    conn->is_receiving = true;
    if (room >= LIMIT_RECV_BUFFER_BYTES) {
        conn->into = buf_ref(conn->buf);
        rt_sock_recv_into(&conn->sock, &conn->recv_op, buf_write(conn->buf, conn->have_bytes, room),
                          room);
    } else {
        rt_sock_recv(&conn->sock, &conn->recv_op);
    }
}

/* What the receive has put into a buffer of ours. Whether it has. */
static bool kafka_conn_received_into(struct kafka_conn *conn, int64_t result)
{
    struct buf *into = conn->into;
    if (into == NULL) {
        return false;
    }
    conn->into = NULL;
    metric_add(&conn->door->metrics.copied, conn->sock.copied_bytes - conn->copied_bytes);
    conn->copied_bytes = conn->sock.copied_bytes;
    if (conn->buf == into) {
        conn->have_bytes += (uint32_t)result;
        kafka_conn_set_buf(conn, into); /* the last of door.begun now */
    }
    buf_unref(into);
    return true;
}

static void kafka_conn_received(struct rt_op *op)
{
    struct kafka_conn *conn = CONTAINER_OF(op, struct kafka_conn, recv_op);
    conn->is_receiving = false;
    conn->active_ns = rt_now_ns(op->shard);
    bool is_into = kafka_conn_received_into(conn, op->result);
    if (op->err != ERR_OK || op->result == 0) {
        conn->is_ended = true;
        conn->is_peer_done = true;
        conn->is_dead = conn->is_dead || op->err != ERR_OK;
        kafka_conn_cancel(conn);
        kafka_conn_go_on(conn);
        return;
    }
    if (!is_into) {
        conn->chunk = rt_sock_chunk(op);
        conn->chunk_pos = 0;
    }
    if (conn->is_ended) { /* it arrived while the connection was ending */
        kafka_conn_drop(conn);
        kafka_conn_linger(conn);
        return;
    }
    kafka_conn_take(conn);
}

void kafka_conn_feed(struct kafka_conn *conn)
{
    kafka_conn_take(conn);
}

void kafka_conn_go_on(struct kafka_conn *conn)
{
    if (conn->is_ended && conn->requests_count == 0) {
        kafka_conn_close(conn);
    } else if (!list_is_linked(&conn->in_starved)) {
        kafka_conn_take(conn);
    }
}

/* Take what was received, then wait for more. */
static void kafka_conn_take(struct kafka_conn *conn)
{
    if (conn->is_taking) { /* a request was answered within its arrival */
        return;
    }
    conn->is_taking = true;
    enum err err = ERR_OK;
    if (kafka_conn_has_whole(conn) && kafka_conn_may_take(conn)) { /* now, or it waited */
        err = kafka_conn_begin(conn);
    }
    while (conn->chunk.length > 0 && err == ERR_OK && kafka_conn_may_take(conn)) {
        err = kafka_conn_take_some(conn);
        if (conn->chunk.length > 0 && conn->chunk_pos == conn->chunk.length) {
            kafka_conn_drop(conn);
        }
    }
    enum err kept = kafka_conn_keep(conn);
    err = err != ERR_OK ? err : kept;
    conn->is_taking = false;
    if (err != ERR_OK) {
        kafka_door_starve(conn->door, conn);
    } else if (conn->is_ended && conn->requests_count == 0) {
        kafka_conn_close(conn);
    } else {
        kafka_conn_receive(conn);
    }
}

/* What is received is not needed any more. */
static void kafka_conn_drop(struct kafka_conn *conn)
{
    if (conn->kept != NULL) {
        buf_unref(conn->kept);
        conn->kept = NULL;
    } else if (conn->chunk.length > 0) {
        rt_sock_release(&conn->sock, conn->chunk);
    }
    conn->chunk.length = 0;
}

/* What cannot be taken now may wait for long: not in a receive buffer, of which all connections of
 * the shard together have a few. */
static enum err kafka_conn_keep(struct kafka_conn *conn)
{
    struct core_shard *cs = conn->door->cs;
    struct buf *kept;
    uint32_t bytes = conn->chunk.length - conn->chunk_pos;
    if (conn->chunk.length == 0 || conn->kept != NULL || conn->is_ended) {
        return ERR_OK;
    }
    enum err err = buf_new(&cs->bufs, &cs->budget, bytes, &kept);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *data = buf_append(kept, bytes);
    memcpy(data, conn->chunk.data + conn->chunk_pos, bytes);
    metric_add(&conn->door->metrics.copied, bytes);
    kafka_conn_drop(conn);
    conn->kept = kept;
    conn->chunk = (struct rt_chunk){.data = data, .length = bytes};
    conn->chunk_pos = 0;
    return ERR_OK;
}

/* ERR_BUDGET: nothing more before there is memory. */
static enum err kafka_conn_take_some(struct kafka_conn *conn)
{
    if (conn->head_bytes < sizeof(conn->head) && !kafka_conn_take_head(conn)) {
        return ERR_OK;
    }
    uint32_t left = conn->chunk.length - conn->chunk_pos;
    return conn->buf == NULL && conn->frame_bytes <= left ? kafka_conn_take_whole(conn)
                                                          : kafka_conn_take_part(conn);
}

/* The length in front of a frame. False: it is not whole, or not to be believed. */
static bool kafka_conn_take_head(struct kafka_conn *conn)
{
    const struct kafka_door *door = conn->door;
    while (conn->head_bytes < sizeof(conn->head) && conn->chunk_pos < conn->chunk.length) {
        conn->head[conn->head_bytes++] = conn->chunk.data[conn->chunk_pos++];
    }
    if (conn->head_bytes < sizeof(conn->head)) {
        return false;
    }
    struct bytes_reader r = bytes_reader(conn->head, sizeof(conn->head));
    uint32_t bytes_max =
        conn->is_valid ? door->config.request_bytes_max : LIMIT_CONNECTION_BYTES_UNAUTHENTICATED;
    conn->frame_bytes = bytes_get_u32be(&r);
    if (conn->frame_bytes > bytes_max) {
        kafka_conn_refuse(conn, conn->frame_bytes > INT32_MAX ? "a request of negative length"
                                : conn->is_valid ? "a request is larger than requests may be"
                                                 : "the first request is larger than 64 KiB");
        return false;
    }
    if (conn->frame_bytes == 0) {
        kafka_conn_refuse(conn, "a request of no bytes");
        return false;
    }
    return true;
}

/* A frame that is in the chunk as a whole: behind others into the inbox. */
static enum err kafka_conn_take_whole(struct kafka_conn *conn)
{
    struct kafka_door *door = conn->door;
    uint32_t length = conn->frame_bytes;
    uint8_t *data = door->inbox != NULL ? buf_append(door->inbox, length) : NULL;
    if (data == NULL) {
        struct buf *inbox;
        enum err err = buf_new(&door->cs->bufs, &door->cs->budget, KAFKA_INBOX_BYTES, &inbox);
        if (err != ERR_OK) {
            return err;
        }
        if (door->inbox != NULL) {
            buf_unref(door->inbox);
        }
        door->inbox = inbox;
        data = buf_append(inbox, length);
    }
    struct buf *buf = buf_ref(door->inbox);
    uint32_t pos = (uint32_t)(data - buf->data);
    memcpy(data, conn->chunk.data + conn->chunk_pos, length);
    metric_add(&door->metrics.copied, length);
    enum err err = kafka_request_begin(conn, buf, pos, length);
    if (err != ERR_OK) { /* its room in the inbox is lost; the bytes are still in the chunk */
        buf_unref(buf);
        return err;
    }
    conn->chunk_pos += length;
    conn->head_bytes = 0;
    return ERR_OK;
}

/* A part of a frame: into its own buffer. */
static enum err kafka_conn_take_part(struct kafka_conn *conn)
{
    if (conn->buf == NULL ||
        (conn->have_bytes == conn->buf->length && conn->have_bytes < conn->frame_bytes)) {
        enum err err = kafka_conn_grow(conn);
        if (err != ERR_OK) {
            return err;
        }
    }
    struct buf *buf = conn->buf;
    uint32_t left = conn->chunk.length - conn->chunk_pos;
    uint32_t room = buf->length - conn->have_bytes;
    uint32_t bytes = left < room ? left : room;
    memcpy(buf_write(buf, conn->have_bytes, bytes), conn->chunk.data + conn->chunk_pos, bytes);
    metric_add(&conn->door->metrics.copied, bytes);
    conn->chunk_pos += bytes;
    conn->have_bytes += bytes;
    kafka_conn_set_buf(conn, buf); /* the last of door.begun now */
    return conn->have_bytes < conn->frame_bytes ? ERR_OK : kafka_conn_begin(conn);
}

/* The frame in the buffer is whole. */
static enum err kafka_conn_begin(struct kafka_conn *conn)
{
    struct buf *buf = conn->buf;
    kafka_conn_set_buf(conn, NULL); /* the request's: with it the connection may end */
    uint32_t known_bytes =
        conn->frame_bytes < KAFKA_FRAME_KNOWN_BYTES ? conn->frame_bytes : KAFKA_FRAME_KNOWN_BYTES;
    conn->known_bytes = known_bytes > conn->known_bytes ? known_bytes : conn->known_bytes;
    enum err err = kafka_request_begin(conn, buf, 0, conn->frame_bytes);
    if (err != ERR_OK) {
        kafka_conn_set_buf(conn, buf);
        return err;
    }
    conn->head_bytes = 0;
    return ERR_OK;
}

/* The frame's first buffer, or a larger one. */
static enum err kafka_conn_grow(struct kafka_conn *conn)
{
    struct core_shard *cs = conn->door->cs;
    struct buf *old = conn->buf;
    struct buf *buf;
    const struct kafka_door *door = conn->door;
    bool is_plenty = door->partial_bytes < door->partial_bytes_max / 2;
    uint64_t first_bytes = is_plenty ? conn->known_bytes : KAFKA_FRAME_FIRST_BYTES;
    uint64_t bytes = old == NULL ? first_bytes : (uint64_t)conn->have_bytes * KAFKA_FRAME_GROWTH;
    bytes = bytes < conn->frame_bytes ? bytes : conn->frame_bytes;
    if (conn->door->partial_bytes + bytes > conn->door->partial_bytes_max) {
        return ERR_BUDGET; /* others have begun requests and do not end them */
    }
    enum err err = buf_new(&cs->bufs, &cs->budget, (size_t)bytes, &buf);
    if (err != ERR_OK) {
        return err;
    }
    kafka_conn_set_buf(conn, buf);
    uint8_t *data =
        buf_append(buf, buf->capacity < conn->frame_bytes ? buf->capacity : conn->frame_bytes);
    if (old != NULL) {
        memcpy(data, old->data, conn->have_bytes);
        metric_add(&conn->door->metrics.copied, conn->have_bytes);
        buf_unref(old);
    } else {
        conn->have_bytes = 0;
        conn->frame_ns = rt_now_ns(cs->shard) + KAFKA_FRAME_NS +
                         conn->frame_bytes / KAFKA_FRAME_BYTES_PER_S * RT_NS_PER_S;
        rt_timer_start(&conn->timer, conn->frame_ns);
    }
    return ERR_OK;
}

/* The frame being taken is in `buf`, NULL: in none; the door counts it. */
static void kafka_conn_set_buf(struct kafka_conn *conn, struct buf *buf)
{
    struct kafka_door *door = conn->door;
    if (conn->buf != NULL) {
        door->partial_bytes -= conn->buf->capacity;
        list_remove(&conn->in_begun);
    }
    conn->buf = buf;
    if (buf != NULL) {
        door->partial_bytes += buf->capacity;
        list_push_back(&door->begun, &conn->in_begun);
    }
}

bool kafka_conn_yield(struct kafka_conn *conn, uint64_t now_ns)
{
    if (now_ns < conn->active_ns + KAFKA_STALLED_NS) {
        return false;
    }
    if (conn->is_receiving && !list_is_linked(&conn->in_starved)) { /* else we let it wait */
        kafka_conn_refuse(conn, "a request did not come on, and others waited for its memory");
        if (!conn->is_closing) {
            kafka_conn_close_now(conn);
        }
    }
    return true;
}

/* --- Answers out --- */

void kafka_conn_send(struct kafka_conn *conn)
{
    void *object = NULL;
    struct list_node *node;
    if (conn->iov != NULL) {
        return;
    }
    while ((node = list_first(&conn->requests)) != NULL) {
        struct kafka_request *request = CONTAINER_OF(node, struct kafka_request, in_conn);
        if (!request->is_answered) {
            break;
        }
        if (request->out == NULL || conn->is_dead) {
            kafka_request_free(request);
            continue;
        }
        if (conn->iov == NULL) {
            if (pool_acquire(&conn->door->iov_pool, &object) != ERR_OK) {
                kafka_conn_refuse(conn, "no memory to answer");
                continue;
            }
            conn->iov = object;
        }
        if (!kafka_conn_gather(request, conn->iov)) {
            break;
        }
        list_remove(node);
        list_push_back(&conn->sending, node);
    }
    if (conn->iov != NULL) {
        rt_sock_send(&conn->sock, &conn->send_op, conn->iov->items, conn->iov->count);
    }
}

/* As many pieces of the answer as fit; true: that was all of it. */
static bool kafka_conn_gather(struct kafka_request *request, struct kafka_iov *iov)
{
    struct kafka_door_metrics *metrics = &request->conn->door->metrics;
    for (;;) {
        bool is_last = request->gap_next == request->gaps.count;
        uint32_t end =
            is_last ? request->out_length : (uint32_t)request->gaps.items[request->gap_next].pos;
        if (request->out_pos < end) {
            if (iov->count == KAFKA_IOV_MAX) {
                return false;
            }
            iov->items[iov->count++] =
                (struct iovec){.iov_base = request->out->data + request->out_pos,
                               .iov_len = end - request->out_pos};
            metric_add(&metrics->sent, end - request->out_pos);
            request->out_pos = end;
        }
        if (is_last) {
            return true;
        }
        if (!request->is_in_gap) {
            request->is_in_gap = true;
            request->loan_next = request->gaps.items[request->gap_next].records->source;
        }
        while (request->loan_next != NULL) {
            const struct buf_loan *loan = request->loan_next;
            if (iov->count == KAFKA_IOV_MAX) {
                return false;
            }
            iov->items[iov->count++] =
                (struct iovec){.iov_base = loan->data, .iov_len = loan->length};
            metric_add(&metrics->sent, loan->length);
            metric_add(&metrics->gathered, loan->length);
            request->loan_next = loan->next;
        }
        request->is_in_gap = false;
        request->gap_next++;
    }
}

static void kafka_conn_sent(struct rt_op *op)
{
    struct kafka_conn *conn = CONTAINER_OF(op, struct kafka_conn, send_op);
    struct list_node *node;
    pool_release(&conn->door->iov_pool, conn->iov);
    conn->iov = NULL;
    conn->active_ns = rt_now_ns(op->shard);
    if (op->err != ERR_OK) {
        conn->is_dead = true;
        conn->is_ended = true;
        kafka_conn_cancel(conn);
    }
    while ((node = list_first(&conn->sending)) != NULL) {
        kafka_request_free(CONTAINER_OF(node, struct kafka_request, in_conn));
    }
    kafka_conn_send(conn);
    kafka_conn_go_on(conn);
}

/* --- The end --- */

void kafka_conn_stop(struct kafka_conn *conn)
{
    conn->is_ended = true;
    if (!conn->is_lingering && !conn->is_closing) {
        rt_timer_start(&conn->timer, rt_now_ns(conn->door->cs->shard) + KAFKA_STOP_NS);
    }
    kafka_conn_cancel(conn);
    kafka_conn_go_on(conn);
}

/* Requests that wait for something to happen wait no longer. */
static void kafka_conn_cancel(struct kafka_conn *conn)
{
    list_for_each (node, &conn->requests) {
        struct kafka_request *request = CONTAINER_OF(node, struct kafka_request, in_conn);
        if (!request->is_answered && request->cancel != NULL) {
            request->cancel(request);
        }
    }
}

void kafka_conn_refuse(struct kafka_conn *conn, const char *why)
{
    char peer[RT_ADDR_TEXT_BYTES];
    rt_addr_format(&conn->sock.peer, peer);
    metric_add(&conn->door->metrics.refused, 1);
    DIAG_WARN(conn->door->diag, "kafka", "connection closed", DIAG_STRING("peer", peer),
              DIAG_STRING("reason", why));
    conn->is_ended = true;
    conn->is_dead = true;
    kafka_conn_cancel(conn);
}

/* All is answered. A close with bytes unread makes the peer's system forget answers that it has not
 * given out yet: so the sending side is ended first, and the rest of what comes is read. */
static void kafka_conn_close(struct kafka_conn *conn)
{
    if (conn->is_closing) {
        kafka_conn_leave(conn);
        return;
    }
    if (conn->iov != NULL) {
        return;
    }
    if (conn->is_dead || conn->is_peer_done) {
        kafka_conn_close_now(conn);
    } else if (!conn->is_lingering) {
        conn->is_lingering = true;
        rt_sock_shutdown_send(&conn->sock);
        rt_timer_start(&conn->timer, rt_now_ns(conn->door->cs->shard) + KAFKA_LINGER_NS);
        kafka_conn_linger(conn);
    }
}

static void kafka_conn_linger(struct kafka_conn *conn)
{
    if (conn->is_lingering && !conn->is_closing && !conn->is_receiving) {
        kafka_conn_drop(conn);
        conn->is_receiving = true;
        rt_sock_recv(&conn->sock, &conn->recv_op);
    }
}

/* The peer lets wait: for the end of its side, for its reading while the server ends, for anything.
 */
static void kafka_conn_late(struct rt_timer *timer)
{
    struct kafka_conn *conn = CONTAINER_OF(timer, struct kafka_conn, timer);
    bool is_stopping = conn->door->is_closing;
    uint64_t now_ns = rt_now_ns(conn->door->cs->shard);
    if (conn->is_lingering) {
        kafka_conn_close_now(conn);
    } else if (is_stopping && conn->iov == NULL) { /* it waits for us */
        rt_timer_start(&conn->timer, now_ns + KAFKA_STOP_NS);
    } else if (!is_stopping && conn->buf != NULL && now_ns < conn->frame_ns) {
        rt_timer_start(&conn->timer, conn->frame_ns);
    } else if (!is_stopping && conn->buf == NULL && now_ns < conn->active_ns + KAFKA_IDLE_NS) {
        rt_timer_start(&conn->timer, conn->active_ns + KAFKA_IDLE_NS);
    } else {
        kafka_conn_refuse(conn, is_stopping         ? "the server ends and the peer does not read"
                                : conn->buf != NULL ? "a request did not arrive in time"
                                                    : "nothing came or went for 10 minutes");
        kafka_conn_close_now(conn);
    }
}

static void kafka_conn_close_now(struct kafka_conn *conn)
{
    conn->is_closing = true;
    rt_timer_stop(&conn->timer);
    kafka_conn_drop(conn);
    struct buf *buf = conn->buf;
    if (buf != NULL) {
        kafka_conn_set_buf(conn, NULL);
        buf_unref(buf);
    }
    if (list_is_linked(&conn->in_starved)) {
        list_remove(&conn->in_starved);
    }
    rt_sock_close(&conn->sock, &conn->close_op);
}

static void kafka_conn_closed(struct rt_op *op)
{
    struct kafka_conn *conn = CONTAINER_OF(op, struct kafka_conn, close_op);
    conn->is_closed = true;
    kafka_conn_leave(conn);
}

/* Requests of a connection that was cut are carried out to their end. */
static void kafka_conn_leave(struct kafka_conn *conn)
{
    if (conn->is_closed && conn->requests_count == 0) {
        kafka_door_left(conn->door, conn);
    }
}
