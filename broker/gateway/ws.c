/* WebSocket connections, a shard's part: frames, batches of them on their way to the thread and
 * home, lives of connections. See ws.h, ws_int.h. */
#include "broker/gateway/ws.h"

#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/op.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/gateway/ws_int.h"

/* How long a client may take to close when the server ends. */
#define WS_STOP_NS (2 * RT_NS_PER_S)

/* Pieces of messages that are sent at once. */
#define WS_OUT_CHUNK_BYTES 1024u

/* The request that the thread's library reads: what it needs of the one that was checked. */
#define WS_REQUEST_FIRST                                                                           \
    "GET /api/v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"  \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " WS_PROTOCOL "\r\nSec-WebSocket-Key: "
#define WS_REQUEST_LAST "\r\n\r\n"

static size_t ws_frame_head(uint8_t *data, size_t length, enum ws_part part);
static void ws_conn_opened(struct rt_shard *at, struct rt_mail *mail);
static void ws_conn_received(struct rt_shard *at, struct rt_mail *mail);
static void ws_conn_was_closed(struct rt_shard *at, struct rt_mail *mail);
static void ws_conn_gone(struct rt_shard *at, struct rt_mail *mail);
static void ws_conn_release(struct ws_conn *conn);
static void ws_conn_trim(struct ws_conn *conn);
static void ws_conn_order(struct ws_conn *conn, struct ws_order *order, enum ws_order_kind kind);
static void ws_door_flush(struct ws_door *ws);
static void ws_door_flush_due(struct rt_op *op);
static void ws_door_home(struct rt_shard *at, struct rt_mail *mail);
static void ws_item_home(struct ws_item *item);
static void ws_door_give_home(struct ws_door *ws);
static void ws_door_late(struct rt_timer *timer);

/* --- Frames --- */

enum err ws_frame_new(struct budget *budget, size_t bytes_max, struct ws_frame **out)
{
    void *memory;
    *out = NULL;
    enum err err = budget_alloc(budget, sizeof(struct ws_frame) + WS_FRAME_HEAD_BYTES + bytes_max,
                                16, &memory);
    if (err == ERR_OK) {
        struct ws_frame *frame = memory;
        frame->refs = 1;
        frame->budget = budget;
        frame->data = (uint8_t *)(frame + 1) + WS_FRAME_HEAD_BYTES;
        *out = frame;
    }
    return err;
}

void ws_frame_seal(struct ws_frame *frame, size_t length, enum ws_part part)
{
    ASSERT(frame->length == 0);
    uint8_t *data = frame->data - ws_frame_head(frame->data, length, part);
    frame->length = (uint32_t)((size_t)(frame->data - data) + length);
    frame->data = data;
}

size_t ws_frame_bytes(size_t bytes, size_t head_bytes, uint32_t count)
{
    return bytes + count * (WS_FRAME_HEAD_BYTES + head_bytes);
}

/* The last one goes to the end of the room first. */
void ws_frame_seal_all(struct ws_frame *frame, const char *head, size_t head_bytes,
                       const uint32_t *lengths, uint32_t count)
{
    size_t bytes = 0;
    ASSERT(frame->length == 0);
    for (uint32_t i = 0; i < count; i++) {
        bytes += lengths[i];
    }
    uint8_t *end = frame->data + ws_frame_bytes(bytes, head_bytes, count);
    uint8_t *to = end;
    const uint8_t *from = frame->data + bytes;
    for (uint32_t i = count; i > 0; i--) {
        to -= lengths[i - 1];
        from -= lengths[i - 1];
        memmove(to, from, lengths[i - 1]);
        to -= head_bytes;
        memcpy(to, head, head_bytes);
        to -= ws_frame_head(to, head_bytes + lengths[i - 1], WS_WHOLE);
    }
    frame->data = to;
    frame->length = (uint32_t)(end - to);
}

/* Write the head of a frame of `length` bytes before `data`, so many bytes. RFC 6455 section 5.2:
 * FIN but for a first fragment, opcode 1 but for a second one, no mask, the length in the shortest
 * form. */
static size_t ws_frame_head(uint8_t *data, size_t length, enum ws_part part)
{
    static const uint8_t firsts[] = {[WS_WHOLE] = 0x81, [WS_FIRST] = 0x01, [WS_SECOND] = 0x80};
    size_t head = length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10;
    data -= head;
    data[0] = firsts[part];
    data[1] = (uint8_t)(length < 126 ? length : head == 4 ? 126 : 127);
    for (size_t i = 2; i < head; i++) {
        data[i] = (uint8_t)((uint64_t)length >> (8 * (head - 1 - i)));
    }
    return head;
}

void ws_frame_ref(struct ws_frame *frame)
{
    frame->refs++;
}

void ws_frame_unref(struct ws_frame *frame)
{
    ASSERT(frame->refs > 0);
    if (--frame->refs == 0) {
        budget_free(frame->budget, frame);
    }
}

/* --- A shard's part --- */

void ws_door_open(struct ws_door *ws, struct http_door *door, struct ws_port *port,
                  const struct ws_ops *ops)
{
    struct core_shard *cs = door->cs;
    *ws = (struct ws_door){.door = door, .port = port, .ops = ops};
    budget_init(&ws->budget, "ws", door->held_bytes_max, &door->budget);
    list_init(&ws->conns);
    list_init(&ws->waiting);
    for (uint32_t i = 0; i < WS_PLANS; i++) {
        list_init(&ws->plans[i]);
    }
    arena_init(&ws->arena, &door->budget, WS_OUT_CHUNK_BYTES, SIZE_MAX);
    http_out_init(&ws->out, &ws->arena, &cs->bufs, &cs->budget, &door->answer_bytes,
                  door->held_bytes_max);
    core_subscribes_init(&ws->subscribes, cs, &ws->budget);
    pool_init(&ws->conn_pool, &door->budget, sizeof(struct ws_conn), 64,
              cs->core->config.connections_max);
    pool_init(&ws->item_pool, &door->budget, sizeof(struct ws_item), 256, UINT32_MAX);
    ws->home.mail.deliver = ws_door_home;
    rt_op_init(&ws->flush_op, cs->shard, ws_door_flush_due);
    rt_timer_init(&ws->timer, cs->shard, ws_door_late);
}

void ws_door_deinit(struct ws_door *ws)
{
    ASSERT(ws->conns_count == 0);
    ASSERT(ws->items_count == 0);
    ASSERT(ws->open == NULL);
    ASSERT(list_is_empty(&ws->waiting));
    ASSERT(ws->asking_count == 0);
    core_subscribes_deinit(&ws->subscribes);
    http_out_drop(&ws->out);
    arena_deinit(&ws->arena);
    pool_deinit(&ws->conn_pool);
    pool_deinit(&ws->item_pool);
    budget_deinit(&ws->budget);
}

void ws_door_close(struct ws_door *ws)
{
    ws->is_closing = true;
    list_for_each (node, &ws->conns) {
        struct ws_conn *conn = CONTAINER_OF(node, struct ws_conn, in_door);
        ws_conn_close(conn, WS_GOING_AWAY, "the server is shutting down");
    }
    if (ws->conns_count > 0) {
        rt_timer_start(&ws->timer, rt_now_ns(ws->door->cs->shard) + WS_STOP_NS);
    }
}

/* Who has not closed by now is closed. */
static void ws_door_late(struct rt_timer *timer)
{
    struct ws_door *ws = CONTAINER_OF(timer, struct ws_door, timer);
    list_for_each (node, &ws->conns) {
        ws_conn_kill(CONTAINER_OF(node, struct ws_conn, in_door));
    }
}

/* --- A connection's life --- */

enum err ws_conn_new(struct ws_door *ws, const char *key, size_t key_bytes, size_t unread_bytes_max,
                     struct ws_conn **out)
{
    struct http_door *door = ws->door;
    void *object;
    void *begun;
    size_t request_bytes = sizeof(WS_REQUEST_FIRST) - 1 + key_bytes + sizeof(WS_REQUEST_LAST) - 1;
    enum err err = pool_acquire(&ws->conn_pool, &object);
    *out = NULL;
    if (err != ERR_OK) {
        return err;
    }
    err = budget_alloc(&door->budget, request_bytes + unread_bytes_max, 16, &begun);
    if (err != ERR_OK) {
        pool_release(&ws->conn_pool, object);
        return err;
    }
    struct ws_conn *conn = object;
    struct bytes_writer w = bytes_writer(begun, request_bytes);
    bytes_put_copy(&w, WS_REQUEST_FIRST, sizeof(WS_REQUEST_FIRST) - 1);
    bytes_put_copy(&w, key, key_bytes);
    bytes_put_copy(&w, WS_REQUEST_LAST, sizeof(WS_REQUEST_LAST) - 1);
    ASSERT(w.err == ERR_OK);
    conn->door = ws;
    conn->begun = begun;
    conn->unread = conn->begun + request_bytes;
    conn->shard = door->cs->shard;
    conn->mail_open.deliver = ws_conn_opened;
    conn->mail_text.deliver = ws_conn_received;
    conn->mail_closed.deliver = ws_conn_was_closed;
    conn->mail_gone.deliver = ws_conn_gone;
    *out = conn;
    return ERR_OK;
}

void ws_conn_drop(struct ws_conn *conn)
{
    budget_free(&conn->door->door->budget, conn->begun);
    pool_release(&conn->door->conn_pool, conn);
}

void ws_conn_begin(struct ws_conn *conn, int fd, size_t unread_bytes)
{
    struct ws_door *ws = conn->door;
    conn->fd = fd;
    conn->begun_bytes = (uint32_t)((size_t)(conn->unread - conn->begun) + unread_bytes);
    ws_conn_trim(conn);
    list_push_back(&ws->conns, &conn->in_door);
    ws->conns_count++;
    ws->alive_count++;
    metric_move(&ws->connections, 1);
    if (ws->is_home_kept) {
        ws_door_give_home(ws);
    }
    ws_conn_order(conn, &conn->order_open, WS_ORDER_OPEN);
}

/* Few bytes came behind the request, as a rule none: the room for more is given back, if there is
 * memory for that. */
static void ws_conn_trim(struct ws_conn *conn)
{
    struct budget *budget = &conn->door->door->budget;
    void *begun;
    if (budget_alloc(budget, conn->begun_bytes, 16, &begun) == ERR_OK) {
        memcpy(begun, conn->begun, conn->begun_bytes);
        budget_free(budget, conn->begun);
        conn->begun = begun;
        conn->unread = NULL;
    }
}

static void ws_conn_order(struct ws_conn *conn, struct ws_order *order, enum ws_order_kind kind)
{
    struct ws_port *port = conn->door->port;
    order->kind = (uint8_t)kind;
    ws_door_flush(conn->door); /* what was sent before goes before */
    port->ops->order(port, order);
}

static void ws_conn_opened(struct rt_shard *at, struct rt_mail *mail)
{
    struct ws_conn *conn = CONTAINER_OF(mail, struct ws_conn, mail_open);
    conn->is_open = true;
    budget_free(&conn->door->door->budget, conn->begun); /* it was read */
    conn->begun = NULL;
    conn->door->ops->open(conn);
    if (conn->door->is_closing) { /* its socket was on its way */
        ws_conn_close(conn, WS_GOING_AWAY, "the server is shutting down");
        rt_timer_start(&conn->door->timer, rt_now_ns(at) + WS_STOP_NS);
    }
}

static void ws_conn_received(struct rt_shard *at, struct rt_mail *mail)
{
    struct ws_conn *conn = CONTAINER_OF(mail, struct ws_conn, mail_text);
    (void)at;
    conn->is_text = true;
    if (conn->is_close_asked || conn->door->ops->text(conn, conn->in, conn->in_bytes)) {
        ws_conn_resume(conn);
    }
}

void ws_conn_resume(struct ws_conn *conn)
{
    if (conn->is_text && !conn->is_closed) { /* else FORGET was the last order */
        conn->is_text = false;
        ws_conn_order(conn, &conn->order_taken, WS_ORDER_TAKEN);
    }
}

static void ws_conn_was_closed(struct rt_shard *at, struct rt_mail *mail)
{
    struct ws_conn *conn = CONTAINER_OF(mail, struct ws_conn, mail_closed);
    (void)at;
    conn->is_closed = true;
    if (conn->is_open) {
        conn->door->ops->closed(conn);
    }
    conn->door->alive_count--;
    ws_conn_order(conn, &conn->order_forget, WS_ORDER_FORGET);
}

static void ws_conn_gone(struct rt_shard *at, struct rt_mail *mail)
{
    struct ws_conn *conn = CONTAINER_OF(mail, struct ws_conn, mail_gone);
    (void)at;
    conn->is_gone = true;
    if (conn->items_count == 0 && conn->holds_count == 0) {
        ws_conn_release(conn);
    }
}

void ws_conn_hold(struct ws_conn *conn)
{
    ASSERT(!conn->is_gone);
    conn->holds_count++;
}

void ws_conn_let_go(struct ws_conn *conn)
{
    ASSERT(conn->holds_count > 0);
    if (--conn->holds_count == 0 && conn->is_gone && conn->items_count == 0) {
        ws_conn_release(conn);
    }
}

/* Nothing of it is in use. */
static void ws_conn_release(struct ws_conn *conn)
{
    struct ws_door *ws = conn->door;
    struct http_door *door = ws->door;
    list_remove(&conn->in_door);
    ws->conns_count--;
    metric_move(&ws->connections, -1);
    ws_conn_drop(conn);
    if (ws->conns_count == 0) {
        rt_timer_stop(&ws->timer);
    }
    core_entry_left(&door->entry); /* may be the end of all */
}

void ws_conn_close(struct ws_conn *conn, enum ws_code code, const char *reason)
{
    ASSERT(strlen(reason) <= WS_REASON_BYTES_MAX);
    if (!conn->is_open || conn->is_closed || conn->is_close_asked) {
        return;
    }
    conn->is_close_asked = true;
    conn->close_code = (uint16_t)code;
    conn->close_why = reason;
    ws_conn_order(conn, &conn->order_close, WS_ORDER_CLOSE);
}

void ws_conn_kill(struct ws_conn *conn)
{
    if (conn->is_open && !conn->is_closed && !conn->is_killed) {
        conn->is_killed = true;
        ws_conn_order(conn, &conn->order_kill, WS_ORDER_KILL);
    }
}

void ws_conn_set(struct ws_conn *conn, void *ctx)
{
    conn->ctx = ctx;
}

void *ws_conn_get(const struct ws_conn *conn)
{
    return conn->ctx;
}

struct core_shard *ws_conn_shard(const struct ws_conn *conn)
{
    return conn->door->door->cs;
}

struct http_door *ws_conn_door(const struct ws_conn *conn)
{
    return conn->door->door;
}

struct budget *ws_conn_budget(const struct ws_conn *conn)
{
    return &conn->door->budget;
}

uint64_t ws_conn_queued_bytes(const struct ws_conn *conn)
{
    return conn->queued_bytes;
}

/* --- Frames on their way --- */

/* What a frame counts for, for each connection that it goes to. */
static uint64_t ws_frame_cost(const struct ws_frame *frame)
{
    return frame->length + sizeof(struct ws_item) + sizeof(struct ws_frame) + WS_FRAME_HEAD_BYTES;
}

void ws_conn_send(struct ws_conn *conn, struct ws_frame *frame)
{
    struct ws_door *ws = conn->door;
    void *object;
    ASSERT(frame->length > 0);
    if (!conn->is_open || conn->is_closed || conn->is_close_asked) {
        return;
    }
    if (pool_acquire(&ws->item_pool, &object) != ERR_OK) { /* it cannot have all: none */
        ws_conn_close(conn, WS_OVERLOADED, "no memory for what is to be sent");
        return;
    }
    struct ws_item *item = object;
    item->conn = conn;
    item->frame = frame;
    item->next = NULL;
    ws_frame_ref(frame);
    conn->items_count++;
    ws->items_count++;
    conn->queued_bytes += ws_frame_cost(frame);
    conn->is_over = conn->is_over || conn->queued_bytes > WS_DRAINED_BYTES;
    if (ws->open != NULL) {
        ws->open_last->next = item;
    } else {
        ws->open = item;
    }
    ws->open_last = item;
    if (++ws->open_count == WS_BATCH_ITEMS) {
        ws_door_flush(ws);
    } else if (!ws->is_flush_due) {
        ws->is_flush_due = true;
        rt_op_defer(&ws->flush_op);
    }
}

static void ws_door_flush(struct ws_door *ws)
{
    struct ws_item *first = ws->open;
    if (first != NULL) {
        ws->open = NULL;
        ws->open_count = 0;
        first->order.kind = WS_ORDER_BATCH;
        ws->port->ops->order(ws->port, &first->order);
    }
}

static void ws_door_flush_due(struct rt_op *op)
{
    struct ws_door *ws = CONTAINER_OF(op, struct ws_door, flush_op);
    ws->is_flush_due = false;
    ws_door_flush(ws);
}

/* Let others come home. */
static void ws_door_give_home(struct ws_door *ws)
{
    ws->is_home_kept = false;
    ws->home.order.kind = WS_ORDER_HOME;
    ws->port->ops->order(ws->port, &ws->home.order);
}

/* Items came home; with the last one the door may end. The thread looks at nothing of it then:
 * where HOME is ordered more is to come, an item or that a connection is gone. */
static void ws_door_home(struct rt_shard *at, struct rt_mail *mail)
{
    struct ws_door *ws = CONTAINER_OF(mail, struct ws_door, home.mail);
    struct ws_item *item = ws->home.first;
    uint32_t count = 0;
    (void)at;
    for (const struct ws_item *each = item; each != NULL; each = each->next) {
        count++;
    }
    ASSERT(count <= ws->items_count);
    ws->items_count -= count;
    if (ws->items_count > 0 || ws->alive_count > 0) {
        ws_door_give_home(ws);
    } else {
        ws->is_home_kept = true;
    }
    for (struct ws_item *next; item != NULL; item = next) {
        next = item->next;
        ws_item_home(item);
    }
}

static void ws_item_home(struct ws_item *item)
{
    struct ws_conn *conn = item->conn;
    struct ws_door *ws = conn->door;
    uint64_t cost = ws_frame_cost(item->frame);
    ws_frame_unref(item->frame);
    pool_release(&ws->item_pool, item);
    ASSERT(conn->queued_bytes >= cost);
    conn->queued_bytes -= cost;
    if (--conn->items_count == 0 && conn->is_gone) {
        if (conn->holds_count == 0) {
            ws_conn_release(conn);
        }
    } else if (conn->is_over && conn->queued_bytes <= WS_DRAINED_BYTES) {
        conn->is_over = false;
        if (!conn->is_closed && !conn->is_close_asked) {
            ws->ops->drained(conn);
        }
    }
}
