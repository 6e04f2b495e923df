/* A connection's life: bytes become requests, answers become bytes. See conn_int.h. */
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/gateway/conn_int.h"
#include "broker/gateway/route.h"
#include "broker/gateway/ws_int.h"

/* A body's first buffer, and how much more than has arrived its length is believed for. */
#define HTTP_BODY_FIRST_BYTES (64u << 10)
#define HTTP_BODY_GROWTH      4u

/* How long a client may ask nothing; take to send a head; to send a body, and a second more for
 * each of so many bytes; to read a send's bytes, likewise; to end its side. */
#define HTTP_IDLE_NS     (75 * RT_NS_PER_S)
#define HTTP_HEAD_NS     (10 * RT_NS_PER_S)
#define HTTP_BODY_NS     (30 * RT_NS_PER_S)
#define HTTP_SEND_NS     (60 * RT_NS_PER_S)
#define HTTP_LINGER_NS   (500 * RT_NS_PER_MS)
#define HTTP_BYTES_PER_S 100000u

/* Of a head, what is not the handler's headers; and of that what stands behind them. */
#define HTTP_HEAD_USUAL_BYTES 512u
#define HTTP_HEAD_FRAME_BYTES 128u

/* How long a client may take when the server ends. */
#define HTTP_STOP_NS (2 * RT_NS_PER_S)

static void http_conn_run(struct http_conn *conn);
static bool http_conn_step(struct http_conn *conn);
static bool http_conn_read_head(struct http_conn *conn);
static bool http_conn_head_done(struct http_conn *conn);
static bool http_conn_take_body(struct http_conn *conn, const uint8_t *data, size_t length,
                                size_t *taken);
static bool http_conn_put_body(struct http_conn *conn, const void *data, size_t length);
static bool http_conn_grow_body(struct http_conn *conn, uint64_t needed_bytes);
static void http_conn_set_body(struct http_conn *conn, struct buf *body);
static void http_conn_call(struct http_conn *conn);
static void http_conn_refuse(struct http_conn *conn, enum http_error error, const char *detail);
static void http_conn_receive(struct http_conn *conn);
static void http_conn_cancel(struct http_conn *conn);
static size_t http_conn_head_bytes(const struct http_conn *conn, struct rt_chunk chunk);
static void http_conn_received(struct rt_op *op);
static void http_conn_ended(struct http_conn *conn, enum err err);
static enum err http_conn_keep(struct http_conn *conn, const uint8_t *data, size_t length);
static enum err http_conn_append(struct http_conn *conn, const uint8_t *data, size_t length);
static void http_conn_continue(struct http_conn *conn);
static void http_conn_count(struct http_conn *conn);
static void http_conn_write_head(struct http_conn *conn, uint64_t body_bytes);
static struct bytes_writer http_conn_head_room(struct http_call *call);
static bool http_conn_has_more(const struct http_conn *conn);
static void http_conn_send(struct http_conn *conn);
static uint64_t http_conn_take(struct http_conn *conn, uint32_t *count);
static void http_conn_sent(struct rt_op *op);
static void http_conn_go_on(struct http_conn *conn);
static void http_conn_next(struct http_conn *conn);
static void http_conn_wait(struct http_conn *conn, uint64_t wait_ns);
static void http_conn_late(struct rt_timer *timer);
static void http_conn_close(struct http_conn *conn);
static void http_conn_leave(struct http_conn *conn);
static void http_conn_closed(struct rt_op *op);
static void http_conn_free(struct http_conn *conn);
static void http_conn_pass(struct http_conn *conn);
static void http_conn_detached(struct rt_op *op);

void http_conn_open(struct http_conn *conn)
{
    struct rt_shard *shard = conn->door->cs->shard;
    conn->stage = HTTP_CONN_HEAD;
    rt_op_init(&conn->recv_op, shard, http_conn_received);
    rt_op_init(&conn->send_op, shard, http_conn_sent);
    rt_op_init(&conn->close_op, shard, http_conn_closed);
    rt_timer_init(&conn->timer, shard, http_conn_late);
    http1_reader_reset(&conn->reader);
    http_conn_wait(conn, HTTP_IDLE_NS);
    rt_sock_set_flags(&conn->sock, RT_SOCK_NODELAY);
    http_conn_receive(conn);
}

/* --- Bytes in --- */

/* Go on with what has come, then wait for more. */
static void http_conn_run(struct http_conn *conn)
{
    if (conn->is_running) { /* an answer within a step of it */
        return;
    }
    conn->is_running = true;
    while (http_conn_step(conn)) {
    }
    conn->is_running = false;
    if (conn->upgraded != NULL) {
        http_conn_pass(conn);
    } else {
        http_conn_receive(conn);
    }
}

/* Whether there may be another step at once. */
static bool http_conn_step(struct http_conn *conn)
{
    uint32_t length = conn->in != NULL ? conn->in->length - conn->in_pos : 0;
    size_t taken;
    switch (conn->stage) {
    case HTTP_CONN_HEAD: return length > 0 && http_conn_read_head(conn);
    case HTTP_CONN_BODY:
        if (length == 0) {
            return false;
        }
        bool is_more = http_conn_take_body(conn, conn->in->data + conn->in_pos, length, &taken);
        conn->in_pos += (uint32_t)taken;
        return is_more;
    case HTTP_CONN_CALL:
    case HTTP_CONN_STREAM:
    case HTTP_CONN_SEND:
    case HTTP_CONN_LINGER:
    case HTTP_CONN_CLOSE: return false;
    }
    UNREACHABLE();
}

static bool http_conn_read_head(struct http_conn *conn)
{
    if (conn->call == NULL) {
        conn->call = http_call_new(conn);
        if (conn->call == NULL) {
            http_conn_leave(conn);
            return false;
        }
        http_conn_wait(conn, HTTP_HEAD_NS);
    }
    switch (http1_read_head(&conn->reader, conn->in->data + conn->in_pos,
                            conn->in->length - conn->in_pos, &conn->call->head)) {
    case HTTP1_MORE: return false;
    case HTTP1_REFUSED:
        conn->is_last = true;
        http_conn_refuse(
            conn, http_error_of_status(conn->reader.status, conn->call->head.method != HTTP1_OTHER),
            conn->reader.why);
        return false;
    case HTTP1_DONE: break;
    case HTTP1_BODY: UNREACHABLE();
    }
    http1_reader_reset(&conn->reader);
    conn->in_pos += conn->call->head.head_bytes;
    conn->call->has_head = true;
    return http_conn_head_done(conn);
}

/* Who it is for, and how its body comes. */
static bool http_conn_head_done(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    const struct http1_request *head = &call->head;
    const char *detail = NULL;
    uint32_t left = conn->in->length - conn->in_pos;
    enum http_error error = http_route_find(call, &detail);
    uint64_t body_bytes_max = call->route != NULL ? call->route->body_bytes_max : 0;
    body_bytes_max = body_bytes_max < conn->door->config.body_bytes_max
                         ? body_bytes_max
                         : conn->door->config.body_bytes_max;
    if (error == HTTP_ERRORS_COUNT && head->content_length > body_bytes_max) {
        error = HTTP_BODY_TOO_LARGE;
    }
    if (error != HTTP_ERRORS_COUNT) {
        conn->is_last = conn->is_last || head->body != HTTP1_BODY_NONE; /* it is not read */
        http_conn_refuse(conn, error, detail);
        return false;
    }
    if (head->body == HTTP1_BODY_NONE ||
        (head->body == HTTP1_BODY_LENGTH && head->content_length <= left)) {
        call->body = (struct http_text){.data = (const char *)conn->in->data + conn->in_pos,
                                        .length = (size_t)head->content_length};
        conn->in_pos += (uint32_t)head->content_length;
        http_conn_call(conn);
        return false;
    }
    if (head->body == HTTP1_BODY_CHUNKED) {
        http1_chunks_init(&conn->chunks, body_bytes_max);
    }
    conn->stage = HTTP_CONN_BODY;
    conn->body_ns = rt_now_ns(conn->door->cs->shard);
    http_conn_wait(conn, HTTP_BODY_NS);
    if (head->expects_continue && left == 0) {
        http_conn_continue(conn);
    }
    return true;
}

/* Take of the body what is there: *taken bytes. True: of what is left there is more to take. */
static bool http_conn_take_body(struct http_conn *conn, const uint8_t *data, size_t length,
                                size_t *taken)
{
    const struct http1_request *head = &conn->call->head;
    struct http_text run = {.data = (const char *)data};
    if (head->body == HTTP1_BODY_LENGTH) {
        uint64_t left = head->content_length - conn->body_bytes;
        *taken = length < left ? length : (size_t)left;
        if (http_conn_put_body(conn, data, *taken) && *taken == left) {
            http_conn_call(conn);
        }
        return false;
    }
    switch (http1_chunks_read(&conn->chunks, data, length, &run, taken)) {
    case HTTP1_MORE: return false;
    case HTTP1_BODY: return http_conn_put_body(conn, run.data, run.length) && *taken < length;
    case HTTP1_DONE: http_conn_call(conn); return false;
    case HTTP1_REFUSED: break;
    }
    conn->is_last = true;
    http_conn_refuse(conn, http_error_of_status(conn->chunks.status, true), conn->chunks.why);
    return false;
}

/* False: there is no room, and that is answered. */
static bool http_conn_put_body(struct http_conn *conn, const void *data, size_t length)
{
    uint64_t needed_bytes = conn->body_bytes + length;
    if ((conn->body == NULL || needed_bytes > conn->body->length) &&
        !http_conn_grow_body(conn, needed_bytes)) {
        conn->is_last = true;
        http_conn_refuse(conn, HTTP_OVERLOADED, NULL);
        return false;
    }
    memcpy(buf_write(conn->body, conn->body_bytes, (uint32_t)length), data, length);
    conn->body_bytes += (uint32_t)length;
    return true;
}

/* A buffer that has room for `needed_bytes`, and for some of what is to come. */
static bool http_conn_grow_body(struct http_conn *conn, uint64_t needed_bytes)
{
    struct http_door *door = conn->door;
    struct core_shard *cs = door->cs;
    const struct http1_request *head = &conn->call->head;
    struct buf *body;
    uint64_t bytes = needed_bytes * HTTP_BODY_GROWTH;
    uint64_t bytes_max =
        head->body == HTTP1_BODY_LENGTH ? head->content_length : conn->chunks.body_bytes_max;
    bytes = bytes > HTTP_BODY_FIRST_BYTES ? bytes : HTTP_BODY_FIRST_BYTES;
    bytes = bytes < bytes_max ? bytes : bytes_max;
    ASSERT(bytes >= needed_bytes);
    if (door->body_bytes + bytes > door->held_bytes_max ||
        buf_new(&cs->bufs, &cs->budget, (size_t)bytes, &body) != ERR_OK) {
        return false;
    }
    uint8_t *data = buf_append(body, body->capacity);
    if (conn->body != NULL) {
        memcpy(data, conn->body->data, conn->body_bytes);
    }
    http_conn_set_body(conn, body);
    return true;
}

/* The body is in `body`, NULL: in none; the door counts it. */
static void http_conn_set_body(struct http_conn *conn, struct buf *body)
{
    if (conn->body != NULL) {
        conn->door->body_bytes -= conn->body->capacity;
        buf_unref(conn->body);
    }
    conn->body = body;
    if (body != NULL) {
        conn->door->body_bytes += body->capacity;
    }
}

/* The request is whole. */
static void http_conn_call(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    if (conn->body != NULL) {
        call->body = (struct http_text){(const char *)conn->body->data, conn->body_bytes};
    } else if (call->body.data == NULL) { /* chunks, but for the last one none */
        call->body = http_text("");
    }
    conn->stage = HTTP_CONN_CALL;
    conn->whole_ns = rt_now_ns(conn->door->cs->shard);
    conn->deadline_ns = UINT64_MAX; /* the handler's own */
    http_route_call(call);
}

/* It is answered with a problem, without a handler. */
static void http_conn_refuse(struct http_conn *conn, enum http_error error, const char *detail)
{
    conn->stage = HTTP_CONN_CALL;
    conn->whole_ns = rt_now_ns(conn->door->cs->shard);
    conn->deadline_ns = UINT64_MAX;
    http_problem(conn->call, error, detail);
}

static void http_conn_receive(struct http_conn *conn)
{
    bool is_wanted = conn->stage == HTTP_CONN_HEAD || conn->stage == HTTP_CONN_BODY ||
                     conn->stage == HTTP_CONN_LINGER;
    bool is_called = conn->stage == HTTP_CONN_CALL || conn->stage == HTTP_CONN_STREAM;
    if (is_called && conn->call->cancel != NULL) { /* until the peer goes */
        is_wanted = conn->ahead == NULL && conn->in_pos == conn->in->length;
    }
    if (is_wanted && !conn->is_receiving && !conn->is_peer_done) {
        conn->is_receiving = true;
        rt_sock_recv(&conn->sock, &conn->recv_op);
    }
}

void http_conn_watch(struct http_conn *conn)
{
    ASSERT(conn->stage == HTTP_CONN_CALL || conn->stage == HTTP_CONN_STREAM);
    if (conn->door->is_closing || conn->is_peer_done) {
        http_conn_cancel(conn);
    } else if (!conn->is_running) { /* else that goes on with it */
        http_conn_receive(conn);
    }
}

/* The handler, if it waits, is to wait no longer. */
static void http_conn_cancel(struct http_conn *conn)
{
    http_call_fn *cancel = conn->call->cancel;
    conn->call->cancel = NULL;
    if (cancel != NULL) {
        cancel(conn->call);
    }
}

/* A full buffer that begins with a head is the begin of a long body: so many bytes are the head,
 * and what is behind them goes where the body is to stand, not by way of `in`. 0: it is anything
 * else, or a head as long as that. */
static size_t http_conn_head_bytes(const struct http_conn *conn, struct rt_chunk chunk)
{
    static const char end[] = "\r\n\r\n";
    if (conn->stage != HTTP_CONN_HEAD || conn->in != NULL ||
        chunk.length < LIMIT_RECV_BUFFER_BYTES) {
        return 0;
    }
    const uint8_t *at = memmem(chunk.data, chunk.length, end, sizeof(end) - 1);
    return at != NULL ? (size_t)(at - chunk.data) + sizeof(end) - 1 : 0;
}

static void http_conn_received(struct rt_op *op)
{
    struct http_conn *conn = CONTAINER_OF(op, struct http_conn, recv_op);
    conn->is_receiving = false;
    if (op->err != ERR_OK || op->result == 0) {
        http_conn_ended(conn, op->err);
        return;
    }
    struct rt_chunk chunk = rt_sock_chunk(op);
    size_t taken = http_conn_head_bytes(conn, chunk);
    enum err err = taken > 0 ? http_conn_keep(conn, chunk.data, taken) : ERR_OK;
    conn->is_running = true; /* what is answered here goes on below */
    while (taken > 0 && err == ERR_OK && http_conn_step(conn)) {
    }
    while (err == ERR_OK && conn->stage == HTTP_CONN_BODY && taken < chunk.length) {
        size_t step;
        bool is_more = http_conn_take_body(conn, chunk.data + taken, chunk.length - taken, &step);
        taken += step;
        if (!is_more) {
            break;
        }
    }
    conn->is_running = false;
    bool is_wanted = conn->upgraded != NULL || (!conn->is_last && conn->stage < HTTP_CONN_LINGER);
    if (err == ERR_OK && taken < chunk.length && is_wanted) {
        err = http_conn_keep(conn, chunk.data + taken, chunk.length - taken);
    }
    rt_sock_release(&conn->sock, chunk);
    if (conn->upgraded != NULL && err != ERR_OK) { /* what came behind the request is lost */
        ws_conn_drop(conn->upgraded);
        conn->upgraded = NULL;
        http_conn_leave(conn);
        return;
    }
    if (err != ERR_OK && conn->stage >= HTTP_CONN_CALL && conn->stage <= HTTP_CONN_SEND) {
        conn->is_last = true; /* the answer is due; of the next request bytes are lost */
        err = ERR_OK;
    }
    if (err == ERR_OK) {
        http_conn_run(conn);
    } else {
        http_conn_ended(conn, err);
    }
}

/* The peer sends no more, or is gone; or there is no memory for what it sends. */
static void http_conn_ended(struct http_conn *conn, enum err err)
{
    conn->is_peer_done = true;
    conn->is_dead = conn->is_dead || err != ERR_OK;
    if (conn->is_closing) {
        return;
    }
    switch (conn->stage) {
    case HTTP_CONN_HEAD:
    case HTTP_CONN_BODY:
    case HTTP_CONN_LINGER: http_conn_leave(conn); return;
    case HTTP_CONN_CALL:
    case HTTP_CONN_STREAM:
        conn->is_last = true;
        http_conn_cancel(conn);
        return;
    case HTTP_CONN_SEND: conn->is_last = true; return;
    case HTTP_CONN_CLOSE: return;
    }
    UNREACHABLE();
}

/* Bytes of the next request, or of the head that has begun. */
static enum err http_conn_keep(struct http_conn *conn, const uint8_t *data, size_t length)
{
    struct core_shard *cs = conn->door->cs;
    if (conn->stage == HTTP_CONN_HEAD) {
        return http_conn_append(conn, data, length);
    }
    ASSERT(conn->ahead == NULL);
    enum err err = buf_new(&cs->bufs, &cs->budget, length, &conn->ahead);
    if (err == ERR_OK) {
        memcpy(buf_append(conn->ahead, (uint32_t)length), data, length);
    }
    return err;
}

/* Behind what `in` has, which may move. */
static enum err http_conn_append(struct http_conn *conn, const uint8_t *data, size_t length)
{
    struct core_shard *cs = conn->door->cs;
    struct buf *old = conn->in;
    uint8_t *room = old != NULL ? buf_append(old, (uint32_t)length) : NULL;
    if (room == NULL) {
        struct buf *in;
        uint32_t kept_bytes = old != NULL ? old->length - conn->in_pos : 0;
        size_t bytes = kept_bytes + length;
        bytes = old == NULL ? length : 2 * bytes; /* each byte moves but a few times */
        enum err err = buf_new(&cs->bufs, &cs->budget, bytes, &in);
        if (err != ERR_OK) {
            return err;
        }
        if (old != NULL) {
            memcpy(buf_append(in, kept_bytes), old->data + conn->in_pos, kept_bytes);
            buf_unref(old);
        }
        conn->in = in;
        conn->in_pos = 0;
        room = buf_append(in, (uint32_t)length);
    }
    memcpy(room, data, length);
    return ERR_OK;
}

/* --- Bytes out --- */

/* The body may come. */
static void http_conn_continue(struct http_conn *conn)
{
    static const char text[] = HTTP1_CONTINUE;
    conn->call->iov[0] =
        (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = sizeof(text) - 1};
    conn->is_sending = true;
    rt_sock_send(&conn->sock, &conn->send_op, conn->call->iov, 1);
}

void http_conn_answer(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    ASSERT(conn->stage == HTTP_CONN_CALL);
    conn->stage = HTTP_CONN_SEND;
    http_conn_count(conn);
    if (conn->is_dead) {
        http_conn_leave(conn);
        return;
    }
    http_conn_write_head(conn, call->out.bytes);
    if (conn->is_sending) { /* behind `100 Continue`, which may never be read */
        http_conn_wait(conn, HTTP_SEND_NS);
    } else {
        http_conn_send(conn);
    }
}

void http_conn_flush(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    ASSERT(conn->stage == HTTP_CONN_CALL || conn->stage == HTTP_CONN_STREAM);
    if (conn->is_dead) {
        http_call_drop(call);
    }
    if (call->out.first == NULL) {
        return;
    }
    if (!call->has_left) {
        call->has_left = true;
        conn->stage = HTTP_CONN_STREAM;
        http_conn_write_head(conn, HTTP1_LENGTH_UNKNOWN);
        if (conn->is_sending) { /* behind `100 Continue` */
            http_conn_wait(conn, HTTP_SEND_NS);
        }
    }
    if (!conn->frame.has_body) {
        http_call_drop(call);
    }
    if (!conn->is_sending && http_conn_has_more(conn)) {
        http_conn_send(conn);
    }
}

void http_conn_end(struct http_conn *conn, bool is_whole)
{
    ASSERT(conn->stage == HTTP_CONN_STREAM);
    conn->stage = HTTP_CONN_SEND;
    http_conn_count(conn);
    if (!is_whole) {
        http_call_drop(conn->call);
        conn->has_end = false;
        conn->is_last = true;
    }
    if (!conn->frame.has_body) {
        http_call_drop(conn->call);
    }
    if (conn->is_dead) {
        http_conn_leave(conn);
    } else if (!conn->is_sending) {
        http_conn_go_on(conn);
    }
}

/* The answer stands: so much for the door's counters. */
static void http_conn_count(struct http_conn *conn)
{
    struct http_door *door = conn->door;
    uint16_t status = conn->call->status;
    metric_add(&door->metrics.requests, 1);
    metric_add(&door->metrics.refused, status >= 400 && status < 500);
    metric_add(&door->metrics.failed, status >= 500);
    metric_observe(&door->metrics.time, rt_now_ns(door->cs->shard) - conn->whole_ns);
}

/* Bytes of a handler's header as a line. */
static size_t http_conn_line_bytes(const struct http_answer_header *header)
{
    return strlen(header->name) + strlen(header->value) + 4;
}

/* Where the head goes: it fits, unless memory is short. */
static struct bytes_writer http_conn_head_room(struct http_call *call)
{
    size_t bytes = HTTP_HEAD_USUAL_BYTES;
    void *room = call->head_bytes;
    for (uint32_t i = 0; i < call->headers_count; i++) {
        bytes += http_conn_line_bytes(&call->headers[i]);
    }
    if (bytes > sizeof(call->head_bytes)) {
        room = arena_alloc(&call->arena, bytes, 1);
    }
    return room != NULL ? bytes_writer(room, bytes)
                        : bytes_writer(call->head_bytes, sizeof(call->head_bytes));
}

/* The head of an answer whose body has so many bytes. */
static void http_conn_write_head(struct http_conn *conn, uint64_t body_bytes)
{
    struct http_call *call = conn->call;
    struct bytes_writer w = http_conn_head_room(call);
    conn->frame = http1_frame(call->has_head ? &call->head : NULL, call->status, body_bytes,
                              conn->is_last || conn->door->is_closing);
    conn->frame.has_body = conn->frame.has_body && call->head.method != HTTP1_HEAD; /* refused */
    conn->has_end = conn->frame.has_body && conn->frame.is_chunked;
    http1_write_status(&w, call->status);
    http1_write_header(&w, "Date", http_door_date(conn->door));
    if (call->media != NULL) {
        http1_write_header(&w, "Content-Type", http_text(call->media));
    }
    for (uint32_t i = 0; i < call->headers_count; i++) {
        const struct http_answer_header *header = &call->headers[i];
        if (bytes_writer_left(&w) >= http_conn_line_bytes(header) + HTTP_HEAD_FRAME_BYTES) {
            http1_write_header(&w, header->name, http_text(header->value));
        }
    }
    http1_write_frame(&w, &conn->frame);
    ASSERT(w.err == ERR_OK); /* names and values are ours */
    conn->head = (struct iovec){.iov_base = w.data, .iov_len = w.pos};
    conn->is_last = !conn->frame.keep_alive;
    if (!conn->frame.has_body) {
        http_call_drop(call);
    }
}

/* Whether there is something that a send could take. */
static bool http_conn_has_more(const struct http_conn *conn)
{
    return conn->head.iov_len > 0 || conn->call->out.first != NULL ||
           (conn->has_end && conn->call->is_answered);
}

static struct iovec http_conn_text(const char *text, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = length};
}

/* As much of the answer as one send takes; a chunk, where it goes in chunks. */
static void http_conn_send(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    struct iovec *iov = call->iov;
    uint32_t count = 0;
    ASSERT(call->sending == NULL);
    if (conn->head.iov_len > 0) {
        iov[count++] = conn->head;
        conn->head.iov_len = 0;
    }
    bool is_chunk = conn->frame.is_chunked && call->out.first != NULL;
    struct iovec *line = &iov[count];
    count += is_chunk;
    uint64_t bytes = http_conn_take(conn, &count);
    if (is_chunk) {
        size_t length = http1_chunk_head(conn->chunk_head, bytes);
        *line = (struct iovec){.iov_base = conn->chunk_head + HTTP1_CHUNK_HEAD_BYTES - length,
                               .iov_len = length};
        iov[count++] = http_conn_text(HTTP1_CHUNK_TAIL, HTTP1_CHUNK_TAIL_BYTES);
    }
    if (conn->has_end && call->is_answered && call->out.first == NULL) {
        conn->has_end = false;
        iov[count++] = http_conn_text(HTTP1_LAST_CHUNK, HTTP1_LAST_CHUNK_BYTES);
    }
    ASSERT(count > 0);
    ASSERT(count <= HTTP_IOV_MAX);
    conn->is_sending = true;
    http_conn_wait(conn, HTTP_SEND_NS + bytes / HTTP_BYTES_PER_S * RT_NS_PER_S);
    rt_sock_send(&conn->sock, &conn->send_op, iov, count);
}

/* Take pieces of the body to be sent, behind the *count entries there are, and leave room for what
 * may follow. Returns their bytes. */
static uint64_t http_conn_take(struct http_conn *conn, uint32_t *count)
{
    struct http_call *call = conn->call;
    struct http_piece **end = &call->sending;
    uint64_t bytes = 0;
    while (call->out.first != NULL && *count < HTTP_IOV_MAX - 2) {
        struct http_piece *piece = call->out.first;
        call->iov[(*count)++] = (struct iovec){.iov_base = piece->data, .iov_len = piece->length};
        bytes += piece->length;
        call->out.first = piece->next;
        *end = piece;
        end = &piece->next;
    }
    *end = NULL;
    call->out.last = call->out.first != NULL ? call->out.last : NULL;
    call->sending_bytes = bytes;
    return bytes;
}

static void http_conn_sent(struct rt_op *op)
{
    struct http_conn *conn = CONTAINER_OF(op, struct http_conn, send_op);
    conn->is_sending = false;
    conn->is_dead = conn->is_dead || op->err != ERR_OK;
    if (conn->stage != HTTP_CONN_SEND && conn->stage != HTTP_CONN_STREAM) {
        MAYBE(conn->is_dead); /* `100 Continue`: the receive that waits will tell */
        return;
    }
    http_call_sent(conn->call);
    if (!conn->is_dead) {
        http_conn_go_on(conn);
    } else if (conn->stage == HTTP_CONN_SEND) {
        http_conn_leave(conn);
    } else {
        conn->deadline_ns = UINT64_MAX; /* the handler ends it soon */
        http_conn_cancel(conn);
    }
}

/* Nothing is being sent: what is to be done next. */
static void http_conn_go_on(struct http_conn *conn)
{
    struct http_call *call = conn->call;
    if (http_conn_has_more(conn)) {
        http_conn_send(conn);
    } else if (conn->stage == HTTP_CONN_SEND) {
        http_conn_next(conn);
        return;
    } else {
        conn->deadline_ns = UINT64_MAX; /* the handler's own */
    }
    if (conn->stage == HTTP_CONN_STREAM && call->is_full &&
        call->out.bytes <= HTTP_STREAM_BYTES_MAX / 2) {
        call->is_full = false;
        call->drained(call);
    }
}

/* The answer has left: the next request, or the end. */
static void http_conn_next(struct http_conn *conn)
{
    http_call_free(conn->call);
    conn->call = NULL;
    http_conn_set_body(conn, NULL);
    conn->body_bytes = 0;
    if (conn->is_last || conn->door->is_closing) {
        http_conn_close(conn);
        return;
    }
    if (conn->in_pos == conn->in->length) {
        buf_unref(conn->in);
        conn->in = conn->ahead;
        conn->in_pos = 0;
        conn->ahead = NULL;
    }
    ASSERT(conn->ahead == NULL); /* nothing is received while `in` has more */
    conn->stage = HTTP_CONN_HEAD;
    http_conn_wait(conn, HTTP_IDLE_NS);
    http_conn_run(conn);
}

/* --- The end --- */

void http_conn_stop(struct http_conn *conn)
{
    switch (conn->stage) {
    case HTTP_CONN_HEAD:
        if (conn->call == NULL) {
            http_conn_close(conn);
            return;
        }
        break;
    case HTTP_CONN_CALL:
        http_conn_cancel(conn);
        return; /* the answer's send has a deadline of its own */
    case HTTP_CONN_STREAM:
        if (conn->is_sending) {
            http_conn_wait(conn, HTTP_STOP_NS);
        }
        http_conn_cancel(conn);
        return;
    case HTTP_CONN_BODY:
    case HTTP_CONN_SEND: break;
    case HTTP_CONN_LINGER:
    case HTTP_CONN_CLOSE: return;
    }
    http_conn_wait(conn, HTTP_STOP_NS);
}

/* The peer has so long for what it is to do now. */
static void http_conn_wait(struct http_conn *conn, uint64_t wait_ns)
{
    wait_ns = conn->door->is_closing && wait_ns > HTTP_STOP_NS ? HTTP_STOP_NS : wait_ns;
    conn->deadline_ns = rt_now_ns(conn->door->cs->shard) + wait_ns;
    if (!rt_timer_is_running(&conn->timer) || conn->timer_ns > conn->deadline_ns) {
        conn->timer_ns = conn->deadline_ns;
        rt_timer_start(&conn->timer, conn->timer_ns);
    }
}

static void http_conn_late(struct rt_timer *timer)
{
    struct http_conn *conn = CONTAINER_OF(timer, struct http_conn, timer);
    uint64_t now_ns = rt_now_ns(conn->door->cs->shard);
    if (conn->deadline_ns == UINT64_MAX) { /* the next wait starts it again */
        return;
    }
    if (conn->stage == HTTP_CONN_BODY && !conn->door->is_closing) {
        conn->deadline_ns =
            conn->body_ns + HTTP_BODY_NS + conn->body_bytes / HTTP_BYTES_PER_S * RT_NS_PER_S;
    }
    if (now_ns < conn->deadline_ns) {
        conn->timer_ns = conn->deadline_ns;
        rt_timer_start(&conn->timer, conn->timer_ns);
        return;
    }
    if (conn->stage == HTTP_CONN_STREAM) { /* the handler ends it soon */
        conn->is_dead = true;
        conn->deadline_ns = UINT64_MAX;
        http_conn_cancel(conn);
        return;
    }
    bool has_begun =
        conn->stage == HTTP_CONN_BODY || (conn->stage == HTTP_CONN_HEAD && conn->call != NULL);
    if (has_begun) {
        conn->is_last = true;
        http_conn_refuse(conn, HTTP_REQUEST_TIMEOUT, NULL);
    } else {
        http_conn_leave(conn);
    }
}

/* All is answered. A close with bytes unread makes the peer's system forget an answer that it has
 * not given out yet: so the sending side is ended first, and the rest of what comes is read. */
static void http_conn_close(struct http_conn *conn)
{
    if (conn->is_dead || conn->is_peer_done) {
        http_conn_leave(conn);
        return;
    }
    conn->stage = HTTP_CONN_LINGER;
    rt_sock_shutdown_send(&conn->sock);
    http_conn_wait(conn, HTTP_LINGER_NS);
    http_conn_receive(conn);
}

/* At once. Its call, if there is one, is answered or has no handler. */
static void http_conn_leave(struct http_conn *conn)
{
    if (conn->is_closing) {
        return;
    }
    conn->stage = HTTP_CONN_CLOSE;
    conn->is_closing = true;
    rt_timer_stop(&conn->timer);
    rt_sock_close(&conn->sock, &conn->close_op);
}

static void http_conn_closed(struct rt_op *op)
{
    struct http_conn *conn = CONTAINER_OF(op, struct http_conn, close_op);
    http_conn_free(conn);
    http_door_left(conn->door, conn);
}

/* What it holds. */
static void http_conn_free(struct http_conn *conn)
{
    if (conn->call != NULL) {
        http_call_free(conn->call);
    }
    http_conn_set_body(conn, NULL);
    if (conn->in != NULL) {
        buf_unref(conn->in);
    }
    if (conn->ahead != NULL) {
        buf_unref(conn->ahead);
    }
}

/* --- Another protocol --- */

size_t http_conn_ahead_bytes(const struct http_conn *conn)
{
    return conn->in->length - conn->in_pos + (conn->ahead != NULL ? conn->ahead->length : 0);
}

void http_conn_detach(struct http_conn *conn, struct ws_conn *upgraded)
{
    ASSERT(conn->stage == HTTP_CONN_CALL);
    ASSERT(conn->is_running); /* which goes on with it when all that has come is kept */
    conn->upgraded = upgraded;
    conn->stage = HTTP_CONN_CLOSE;
}

/* The socket goes to `upgraded`. */
static void http_conn_pass(struct http_conn *conn)
{
    ASSERT(!conn->is_receiving);
    ASSERT(!conn->is_sending);
    struct rt_shard *shard = conn->door->cs->shard;
    struct ws_conn *upgraded = conn->upgraded;
    size_t ahead_bytes = http_conn_ahead_bytes(conn);
    struct bytes_writer w = bytes_writer(upgraded->unread, ahead_bytes);
    bytes_put_copy(&w, conn->in->data + conn->in_pos, conn->in->length - conn->in_pos);
    if (conn->ahead != NULL) {
        bytes_put_copy(&w, conn->ahead->data, conn->ahead->length);
    }
    ASSERT(w.err == ERR_OK);
    conn->is_closing = true;
    rt_timer_stop(&conn->timer);
    rt_op_init(&conn->close_op, shard, http_conn_detached);
    rt_sock_detach(&conn->sock, &conn->close_op, upgraded->unread + ahead_bytes,
                   LIMIT_CONNECTION_BYTES_UNAUTHENTICATED);
}

static void http_conn_detached(struct rt_op *op)
{
    struct http_conn *conn = CONTAINER_OF(op, struct http_conn, close_op);
    struct http_door *door = conn->door;
    struct ws_conn *upgraded = conn->upgraded;
    if (op->err == ERR_OK) {
        metric_add(&door->metrics.requests, 1);
        ws_conn_begin(upgraded, (int)op->result,
                      http_conn_ahead_bytes(conn) + conn->sock.unread_bytes);
        http_conn_free(conn);
        http_door_passed(door, conn);
        return;
    }
    ws_conn_drop(upgraded);
    if (op->err == ERR_UNSUPPORTED) { /* the connection stays as it was */
        rt_op_init(&conn->close_op, door->cs->shard, http_conn_closed);
        rt_sock_close(&conn->sock, &conn->close_op);
        return;
    }
    http_conn_free(conn);
    http_door_left(door, conn);
}
