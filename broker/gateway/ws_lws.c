/* WebSocket connections' sockets: libwebsockets 4.1.6 on a libev loop of our own thread. See
 * ws_port.h and ws_int.h.
 *
 * **The loop is ours** (a foreign one to libwebsockets): its own would take SIGINT from the
 * process. Orders are pushed onto a list, and an ev_async tells the loop.
 *
 * **What comes in** is the library's: handshake, masks, fragments, pings, UTF-8, closes. A message
 * is put together in `in`, handed to the shard whole, and the connection's receiving stops until
 * the shard has taken it.
 *
 * **What goes out** is not: lws_write is called for each message, has each copied behind LWS_PRE
 * bytes, and costs five times what a gathered send of framed messages costs. So we send on the
 * socket ourselves, as long as the library has nothing half-sent (its pongs and closes go out
 * between our frames, never within one): what a send leaves of a frame is given to the library as
 * raw bytes, which it keeps until the socket takes them.
 *
 * **Who is silent** is asked by us, too: the library has a timer for each connection in one sorted
 * list, and walks it for each message; with ten thousand of them that took a millisecond a message.
 *
 * The library takes frames that RFC 6455 forbids (unmasked ones, and others): README.md lists them.
 */
#include <ev.h>
#include <libwebsockets.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/foreign.h"
#include "broker/gateway/ws_int.h"
#include "broker/gateway/ws_port.h"

/* Frames of one send at most. */
#define WS_SEND_FRAMES 64u

/* What the library keeps for each connection, whatever it does: messages come in such pieces. */
#define WS_RX_BYTES 256u

/* It sends so much at a time of what it has to keep for a socket that takes no more. */
#define WS_TX_BYTES (64u << 10)

/* A message's first room. */
#define WS_IN_BYTES 256u

/* A client that says nothing is asked whether it is there, and is gone when it does not answer. */
#define WS_PING_S   25u
#define WS_HANGUP_S 55u
#define WS_LOOK_S   1u

/* A ping, with something in it: the library does not tell of an answer without. */
#define WS_PING_BYTES 5u

/* The thread. */
struct ws_lws {
    struct ws_port port;         /* what shards have */
    struct rt_foreign thread;    /* it */
    struct ev_loop *loop;        /* its loop */
    struct ev_async wake;        /* orders have come */
    struct ev_timer look;        /* at who is silent, while anybody is there */
    uint32_t look_s;             /* seconds by `look` */
    struct list heard;           /* ws_conn.in_heard: were not asked since, longest ago first */
    struct list asked;           /* likewise, that were asked */
    struct lws_context *context; /* the library */
    struct lws_vhost *vhost;     /* likewise */
    _Atomic(struct ws_order *) posted; /* the newest one */
    struct ws_order stop;              /* the last one */
    struct ws_conn *adopted;           /* whose handshake is being read; NULL: none */
    struct budget budget;              /* of messages that come in; the thread's */
    bool is_started;                   /* `thread` is to be joined */
    struct ws_conn *due;               /* conn->next_due: have something to send; the thread's */
    struct ws_conn **due_end;          /* where the next one goes */
    struct ws_door *homes;             /* ws_door.next_due: have something to go home; likewise */
};

static void ws_lws_order(struct ws_port *port, struct ws_order *order);
static void ws_lws_run(void *context);
static void ws_lws_woken(struct ev_loop *loop, struct ev_async *wake, int events);
static void ws_lws_look(struct ev_loop *loop, struct ev_timer *look, int events);
static void ws_lws_heard(struct ws_lws *lws, struct ws_conn *conn);
static bool ws_lws_ask(struct ws_conn *conn);
static void ws_lws_carry_out(struct ws_lws *lws, struct ws_order *order);
static void ws_lws_open(struct ws_lws *lws, struct ws_conn *conn);
static void ws_lws_queue(struct ws_lws *lws, struct ws_item *item);
static void ws_lws_send_due(struct ws_lws *lws);
static void ws_lws_pump(struct ws_lws *lws, struct ws_conn *conn);
static bool ws_lws_send(struct ws_lws *lws, struct ws_conn *conn);
static void ws_lws_drop(struct ws_lws *lws, struct ws_conn *conn);
static void ws_lws_drop_all(struct ws_lws *lws, struct ws_conn *conn);
static void ws_lws_home_due(struct ws_lws *lws, struct ws_door *door);
static void ws_lws_send_home(struct ws_lws *lws);
static int ws_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length);
static int ws_lws_received(struct ws_lws *lws, struct ws_conn *conn, const void *data,
                           size_t length);
static int ws_lws_refuse(struct ws_lws *lws, struct ws_conn *conn, enum ws_code code,
                         const char *why);
static void ws_lws_give_back(struct ws_lws *lws, struct ws_conn *conn);
static void ws_lws_kill(struct ws_conn *conn);
static void ws_lws_closed(struct ws_lws *lws, struct ws_conn *conn);

static const struct ws_port_ops ws_lws_ops = {ws_lws_order};

/* Of a connection, as the library keeps it. */
struct ws_lws_user {
    struct ws_conn *conn; /* NULL: closed */
};

static const struct lws_protocols ws_lws_protocols[] = {
    {.name = WS_PROTOCOL,
     .callback = ws_lws_callback,
     .per_session_data_size = sizeof(struct ws_lws_user),
     .rx_buffer_size = WS_RX_BYTES,
     .tx_packet_size = WS_TX_BYTES},
    {.name = NULL},
};

/* The library asks nobody. */
static const lws_retry_bo_t ws_lws_idle = {.secs_since_valid_ping = 0};

enum err ws_lws_new(struct budget *budget, size_t memory_bytes, struct ws_lws **out)
{
    void *memory;
    *out = NULL;
    enum err err = budget_alloc(budget, sizeof(struct ws_lws), 64, &memory);
    if (err != ERR_OK) {
        return err;
    }
    struct ws_lws *lws = memory;
    lws->port.ops = &ws_lws_ops;
    lws->due_end = &lws->due;
    list_init(&lws->heard);
    list_init(&lws->asked);
    budget_init(&lws->budget, "websocket", memory_bytes, NULL);
    lws_set_log_level(0, NULL); /* an adopted connection is an error line to it */
    lws->loop = ev_loop_new(EVFLAG_AUTO);
    if (lws->loop != NULL) {
        void *loops[] = {lws->loop};
        struct lws_context_creation_info info = {
            .port = CONTEXT_PORT_NO_LISTEN_SERVER,
            .protocols = ws_lws_protocols,
            .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                       LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
            .foreign_loops = loops,
            .gid = -1,
            .uid = -1,
            .user = lws,
            .retry_and_idle_policy = &ws_lws_idle,
        };
        lws->context = lws_create_context(&info);
        lws->vhost = lws->context != NULL ? lws_create_vhost(lws->context, &info) : NULL;
    }
    if (lws->vhost == NULL) {
        ws_lws_free(budget, lws);
        return ERR_UNSUPPORTED;
    }
    ev_async_init(&lws->wake, ws_lws_woken);
    lws->wake.data = lws;
    ev_async_start(lws->loop, &lws->wake);
    ev_timer_init(&lws->look, ws_lws_look, WS_LOOK_S, WS_LOOK_S);
    lws->look.data = lws;
    *out = lws;
    return ERR_OK;
}

enum err ws_lws_start(struct ws_lws *lws)
{
    enum err err = rt_foreign_start(&lws->thread, "tdb-websocket", ws_lws_run, lws);
    lws->is_started = err == ERR_OK;
    return err;
}

struct ws_port *ws_lws_port(struct ws_lws *lws)
{
    return &lws->port;
}

void ws_lws_free(struct budget *budget, struct ws_lws *lws)
{
    if (lws == NULL) {
        return;
    }
    if (lws->is_started) {
        lws->stop.kind = WS_ORDER_STOP;
        ws_lws_order(&lws->port, &lws->stop);
        rt_foreign_join(&lws->thread);
    }
    if (lws->vhost != NULL) {
        ev_async_stop(lws->loop, &lws->wake);
        ev_timer_stop(lws->loop, &lws->look);
    }
    if (lws->context != NULL) {
        lws_context_destroy(lws->context);
    }
    if (lws->loop != NULL) {
        ev_loop_destroy(lws->loop);
    }
    budget_deinit(&lws->budget);
    budget_free(budget, lws);
}

/* --- Orders --- */

static void ws_lws_order(struct ws_port *port, struct ws_order *order)
{
    struct ws_lws *lws = CONTAINER_OF(port, struct ws_lws, port);
    struct ws_order *newest = atomic_load_explicit(&lws->posted, memory_order_relaxed);
    do {
        order->next = newest;
    } while (!atomic_compare_exchange_weak(&lws->posted, &newest, order));
    if (newest == NULL) { /* else the loop has been told and has not looked yet */
        ev_async_send(lws->loop, &lws->wake);
    }
}

static void ws_lws_run(void *context)
{
    struct ws_lws *lws = context;
    ev_run(lws->loop, 0);
}

static void ws_lws_woken(struct ev_loop *loop, struct ev_async *wake, int events)
{
    struct ws_lws *lws = wake->data;
    (void)loop;
    (void)events;
    struct ws_order *newest = atomic_exchange(&lws->posted, NULL);
    struct ws_order *oldest = NULL;
    while (newest != NULL) {
        struct ws_order *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct ws_order *next = oldest->next; /* what is carried out may be gone */
        ws_lws_carry_out(lws, oldest);
        oldest = next;
    }
    ws_lws_send_due(lws);
    ws_lws_send_home(lws);
}

static void ws_lws_carry_out(struct ws_lws *lws, struct ws_order *order)
{
    struct ws_conn *conn;
    struct ws_door *door;
    switch ((enum ws_order_kind)order->kind) {
    case WS_ORDER_OPEN: ws_lws_open(lws, CONTAINER_OF(order, struct ws_conn, order_open)); return;
    case WS_ORDER_BATCH: ws_lws_queue(lws, CONTAINER_OF(order, struct ws_item, order)); return;
    case WS_ORDER_HOME:
        door = CONTAINER_OF(order, struct ws_door, home.order);
        door->is_home_away = false;
        ws_lws_home_due(lws, door);
        return;
    case WS_ORDER_TAKEN:
        conn = CONTAINER_OF(order, struct ws_conn, order_taken);
        conn->is_away = false;
        conn->in_bytes = 0;
        ws_lws_give_back(lws, conn);
        if (conn->wsi != NULL) {
            lws_rx_flow_control(conn->wsi, 1);
        }
        return;
    case WS_ORDER_CLOSE:
        conn = CONTAINER_OF(order, struct ws_conn, order_close);
        conn->is_closing = true;
        if (conn->wsi != NULL) {
            lws_rx_flow_control(conn->wsi, 1); /* the client's close is to be read */
            lws_callback_on_writable(conn->wsi);
        }
        return;
    case WS_ORDER_KILL:
        conn = CONTAINER_OF(order, struct ws_conn, order_kill);
        if (conn->wsi != NULL) {
            ws_lws_kill(conn);
        }
        return;
    case WS_ORDER_FORGET:
        conn = CONTAINER_OF(order, struct ws_conn, order_forget);
        ASSERT(conn->wsi == NULL);
        ASSERT(conn->first == NULL);
        ws_lws_give_back(lws, conn);
        rt_mail_post(conn->shard, &conn->mail_gone);
        return;
    case WS_ORDER_STOP: ev_break(lws->loop, EVBREAK_ALL); return;
    }
    UNREACHABLE();
}

/* --- Connections --- */

/* The request is whole: the library answers it within. */
static void ws_lws_open(struct ws_lws *lws, struct ws_conn *conn)
{
    lws->adopted = conn;
    struct lws *wsi = lws_adopt_socket_vhost_readbuf(lws->vhost, conn->fd,
                                                     (const char *)conn->begun, conn->begun_bytes);
    (void)wsi;                  /* it may be gone already: the callbacks have told */
    if (lws->adopted != NULL) { /* no handshake came of it; the socket is closed, or will be */
        lws->adopted = NULL;
        rt_mail_post(conn->shard, &conn->mail_closed);
    }
}

static int ws_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                           size_t length)
{
    struct ws_lws_user *its = user;
    struct ws_lws *lws = lws_context_user(lws_get_context(wsi));
    struct ws_conn *conn = its != NULL ? its->conn : NULL;
    switch ((int)reason) {
    case LWS_CALLBACK_ESTABLISHED:
        conn = lws->adopted;
        if (conn == NULL) {
            return -1;
        }
        lws->adopted = NULL;
        its->conn = conn;
        conn->wsi = wsi;
        ws_lws_heard(lws, conn);
        ev_timer_start(lws->loop, &lws->look);
        rt_mail_post(conn->shard, &conn->mail_open);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (conn != NULL) {
            ws_lws_heard(lws, conn);
        }
        return 0;
    case LWS_CALLBACK_RECEIVE: return conn != NULL ? ws_lws_received(lws, conn, in, length) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (conn == NULL) {
            return -1;
        }
        ws_lws_pump(lws, conn);
        ws_lws_send_home(lws);
        if (conn->is_closing && conn->first == NULL && !lws_partial_buffered(wsi)) {
            lws_close_reason(wsi, (enum lws_close_status)conn->close_code,
                             (unsigned char *)(uintptr_t)conn->close_why, strlen(conn->close_why));
            return -1;
        }
        return 0;
    case LWS_CALLBACK_CLOSED:
        if (conn != NULL) {
            its->conn = NULL;
            ws_lws_closed(lws, conn);
        }
        return 0;
    default: return 0;
    }
}

/* Part of a message, or all of it. */
static int ws_lws_received(struct ws_lws *lws, struct ws_conn *conn, const void *data,
                           size_t length)
{
    struct lws *wsi = conn->wsi;
    ws_lws_heard(lws, conn);
    if (conn->is_closing || conn->is_refused) { /* nobody reads it any more */
        return 0;
    }
    if (lws_frame_is_binary(wsi)) {
        return ws_lws_refuse(lws, conn, WS_UNSUPPORTED, "messages are JSON texts");
    }
    ASSERT(!conn->is_away); /* receiving has stopped */
    if (length > WS_TEXT_BYTES_MAX - conn->in_bytes) {
        return ws_lws_refuse(lws, conn, WS_MESSAGE_TOO_BIG, "a message has at most 1 MiB");
    }
    uint32_t needed_bytes = conn->in_bytes + (uint32_t)length;
    if (needed_bytes > conn->in_capacity) {
        uint32_t capacity = conn->in_capacity > 0 ? conn->in_capacity : WS_IN_BYTES;
        while (capacity < needed_bytes) {
            capacity *= 2;
        }
        void *room;
        if (budget_alloc(&lws->budget, capacity, 16, &room) != ERR_OK) {
            return ws_lws_refuse(lws, conn, WS_OVERLOADED, "no memory for the message");
        }
        if (conn->in_bytes > 0) {
            memcpy(room, conn->in, conn->in_bytes);
        }
        budget_free(&lws->budget, conn->in);
        conn->in = room;
        conn->in_capacity = capacity;
    }
    if (length > 0) {
        memcpy(conn->in + conn->in_bytes, data, length);
    }
    conn->in_bytes = needed_bytes;
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        conn->is_away = true;
        lws_rx_flow_control(wsi, 0);
        rt_mail_post(conn->shard, &conn->mail_text);
    }
    return 0;
}

/* Close it: what to answer the library. Nothing may follow a close, nor is there anybody who reads
 * what was to be sent. */
static int ws_lws_refuse(struct ws_lws *lws, struct ws_conn *conn, enum ws_code code,
                         const char *why)
{
    lws_close_reason(conn->wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)why,
                     strlen(why));
    conn->is_refused = true;
    ws_lws_drop_all(lws, conn);
    ws_lws_send_home(lws);
    return -1;
}

static void ws_lws_give_back(struct ws_lws *lws, struct ws_conn *conn)
{
    budget_free(&lws->budget, conn->in);
    conn->in = NULL;
    conn->in_capacity = 0;
}

/* It is closed soon, whatever it is doing: a timeout that is over, which the library looks at after
 * each event of its sockets; so there is one, of this socket. */
static void ws_lws_kill(struct ws_conn *conn)
{
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    lws_callback_on_writable(conn->wsi);
    rt_foreign_shutdown(conn->fd);
}

static void ws_lws_closed(struct ws_lws *lws, struct ws_conn *conn)
{
    conn->wsi = NULL;
    list_remove(&conn->in_heard);
    ws_lws_drop_all(lws, conn);
    ws_lws_send_home(lws);
    if (!conn->is_away) { /* an idle one's memory is the shard's to give back with FORGET */
        ws_lws_give_back(lws, conn);
    }
    rt_mail_post(conn->shard, &conn->mail_closed);
}

/* --- Who is silent --- */

/* The client has said something. */
static void ws_lws_heard(struct ws_lws *lws, struct ws_conn *conn)
{
    if (list_is_linked(&conn->in_heard)) {
        list_remove(&conn->in_heard);
    }
    conn->heard_s = lws->look_s;
    list_push_back(&lws->heard, &conn->in_heard);
}

/* Ask those that are silent, and close those that have not answered. */
static void ws_lws_look(struct ev_loop *loop, struct ev_timer *look, int events)
{
    struct ws_lws *lws = look->data;
    uint32_t now_s = lws->look_s += WS_LOOK_S;
    (void)events;
    list_for_each_safe (node, next, &lws->heard) {
        struct ws_conn *conn = CONTAINER_OF(node, struct ws_conn, in_heard);
        if (now_s - conn->heard_s < WS_PING_S) {
            break;
        }
        if (ws_lws_ask(conn)) {
            conn->heard_s = now_s - WS_PING_S; /* it has time to answer */
            list_remove(node);
            list_push_back(&lws->asked, node);
        } else if (now_s - conn->heard_s >= WS_HANGUP_S && now_s - conn->took_s >= WS_HANGUP_S) {
            ws_lws_kill(conn);
        }
    }
    list_for_each_safe (node, next, &lws->asked) {
        struct ws_conn *conn = CONTAINER_OF(node, struct ws_conn, in_heard);
        if (now_s - conn->heard_s < WS_HANGUP_S) {
            break;
        }
        ws_lws_kill(conn);
    }
    if (list_is_empty(&lws->heard) && list_is_empty(&lws->asked)) {
        ev_timer_stop(loop, look);
    }
}

/* A ping. False: something is being sent, and it is asked behind that; whether it reads shows. */
static bool ws_lws_ask(struct ws_conn *conn)
{
    static const uint8_t frame[WS_PING_BYTES] = {0x89, WS_PING_BYTES - 2, 't', 'd', 'b'};
    uint8_t ping[LWS_PRE + WS_PING_BYTES];
    struct iovec iov = {.iov_base = ping + LWS_PRE, .iov_len = WS_PING_BYTES};
    size_t sent = 0;
    memcpy(ping + LWS_PRE, frame, WS_PING_BYTES);
    if (conn->is_closing || conn->is_refused || conn->first != NULL ||
        lws_partial_buffered(conn->wsi)) {
        return false;
    }
    enum err err = rt_foreign_send(conn->fd, &iov, 1, &sent);
    if (err == ERR_AGAIN) {
        return false;
    }
    bool is_lost = err != ERR_OK;
    if (err == ERR_OK && sent < WS_PING_BYTES) {
        is_lost =
            lws_write(conn->wsi, ping + LWS_PRE + sent, WS_PING_BYTES - sent, LWS_WRITE_RAW) < 0;
    }
    if (is_lost) {
        ws_lws_kill(conn);
    }
    return true;
}

/* --- Sending --- */

/* Put each frame of a row behind what its connection has to send; all of them send when all orders
 * at hand are carried out. */
static void ws_lws_queue(struct ws_lws *lws, struct ws_item *item)
{
    for (struct ws_item *next; item != NULL; item = next) {
        struct ws_conn *conn = item->conn;
        next = item->next;
        item->next = NULL;
        if (conn->last != NULL) {
            conn->last->next = item;
        } else {
            conn->first = item;
        }
        conn->last = item;
        if (conn->wsi == NULL || conn->is_refused) {
            ws_lws_drop_all(lws, conn);
        } else if (!conn->is_due) {
            conn->is_due = true;
            conn->next_due = NULL;
            *lws->due_end = conn;
            lws->due_end = &conn->next_due;
        }
    }
}

/* Connections that were given something send, once each. */
static void ws_lws_send_due(struct ws_lws *lws)
{
    struct ws_conn *conn = lws->due;
    lws->due = NULL;
    lws->due_end = &lws->due;
    for (struct ws_conn *next; conn != NULL; conn = next) {
        next = conn->next_due;
        conn->is_due = false;
        if (conn->wsi != NULL) {
            ws_lws_pump(lws, conn);
        }
    }
}

/* Send what there is, as far as the socket takes it; the rest when it takes more. */
static void ws_lws_pump(struct ws_lws *lws, struct ws_conn *conn)
{
    while (conn->first != NULL) {
        if (lws_partial_buffered(conn->wsi) || !ws_lws_send(lws, conn)) {
            lws_callback_on_writable(conn->wsi);
            return;
        }
    }
}

/* One send. False: the socket takes no more now, or is gone. */
static bool ws_lws_send(struct ws_lws *lws, struct ws_conn *conn)
{
    struct iovec iov[WS_SEND_FRAMES];
    uint32_t count = 0;
    size_t wanted = 0;
    size_t sent;
    for (struct ws_item *item = conn->first; item != NULL && count < WS_SEND_FRAMES;
         item = item->next) {
        iov[count++] =
            (struct iovec){.iov_base = item->frame->data, .iov_len = item->frame->length};
        wanted += item->frame->length;
    }
    enum err err = rt_foreign_send(conn->fd, iov, count, &sent);
    if (err != ERR_OK) {
        if (err != ERR_AGAIN) {
            ws_lws_kill(conn);
        }
        return false;
    }
    conn->took_s = lws->look_s;
    size_t left = sent;
    while (left > 0) {
        struct ws_frame *frame = conn->first->frame;
        if (left < frame->length) { /* the rest of a frame that has begun is the library's */
            int taken =
                lws_write(conn->wsi, frame->data + left, frame->length - left, LWS_WRITE_RAW);
            ws_lws_drop(lws, conn);
            if (taken < 0) {
                ws_lws_kill(conn);
            }
            return false;
        }
        left -= frame->length;
        ws_lws_drop(lws, conn);
    }
    return sent == wanted;
}

/* The first frame of the queue has left, or never will. */
static void ws_lws_drop(struct ws_lws *lws, struct ws_conn *conn)
{
    struct ws_item *item = conn->first;
    struct ws_door *door = conn->door;
    conn->first = item->next;
    conn->last = conn->first != NULL ? conn->last : NULL;
    item->next = NULL;
    if (door->done != NULL) {
        door->done_last->next = item;
    } else {
        door->done = item;
    }
    door->done_last = item;
    ws_lws_home_due(lws, door);
}

static void ws_lws_drop_all(struct ws_lws *lws, struct ws_conn *conn)
{
    while (conn->first != NULL) {
        ws_lws_drop(lws, conn);
    }
}

/* Something of that shard's may have to go home. */
static void ws_lws_home_due(struct ws_lws *lws, struct ws_door *door)
{
    if (!door->is_due && !door->is_home_away && door->done != NULL) {
        door->is_due = true;
        door->next_due = lws->homes;
        lws->homes = door;
    }
}

/* What has left goes home: each shard's together. */
static void ws_lws_send_home(struct ws_lws *lws)
{
    struct ws_door *door = lws->homes;
    lws->homes = NULL;
    for (struct ws_door *next; door != NULL; door = next) {
        next = door->next_due;
        door->is_due = false;
        door->is_home_away = true;
        door->home.first = door->done;
        door->done = NULL;
        rt_mail_post(door->home.first->conn->shard, &door->home.mail);
    }
}
