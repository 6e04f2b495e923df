/* Between a shard's part of WebSocket connections (ws.c) and the thread that has their sockets
 * (ws_port.h). A connection is one struct that both sides use, each its own fields; what one has to
 * tell the other travels as an order (to the thread) or as a mail (to the shard).
 *
 *     shard                                     thread
 *     OPEN fd, bytes that came       ------>    adopted, handshake
 *                                    <------    mail_open
 *                                    <------    mail_text: a message; no other until
 *     TAKEN                          ------>
 *     a row of frames for connections ----->    each queued, sent
 *                                    <------    home: those that have left, or are dropped
 *     HOME                           ------>    others may come home
 *     CLOSE                          ------>    when the queue is sent
 *                                    <------    mail_closed: it was closed, by whomever
 *     FORGET                         ------>    nothing of it is in use any more
 *                                    <------    mail_gone
 *
 * Orders of one shard arrive in order, so do mails. */
#ifndef BROKER_GATEWAY_WS_INT_H
#define BROKER_GATEWAY_WS_INT_H

#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/addr.h"
#include "base/rt/mailbox.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/subscribe.h"
#include "broker/gateway/out.h"
#include "broker/gateway/ws.h"
#include "broker/gateway/ws_port.h"

struct core_shard;
struct http_door;
struct lws;

/* Frames that travel together at most. */
#define WS_BATCH_ITEMS 1024u

/* Lists of what is asked of views. */
#define WS_PLANS 256u

/* Bytes in front of a message for the frame's head. */
#define WS_FRAME_HEAD_BYTES 16u

/* What a thread is asked. */
enum ws_order_kind {
    WS_ORDER_OPEN,
    WS_ORDER_BATCH,
    WS_ORDER_HOME,
    WS_ORDER_TAKEN,
    WS_ORDER_CLOSE,
    WS_ORDER_KILL, /* close at once, whatever the client does */
    WS_ORDER_FORGET,
    WS_ORDER_STOP, /* the thread ends; no connection is left */
};

/* Something asked. Embedded in what it is about. */
struct ws_order {
    struct ws_order *next; /* towards older ones, then newer ones: the thread's */
    uint8_t kind;          /* enum ws_order_kind */
};

/* A frame for a connection: on its way with others, in the connection's queue, on its way home with
 * others. */
struct ws_item {
    struct ws_order order; /* of the first one of a row: BATCH */
    struct ws_conn *conn;
    struct ws_frame *frame;
    struct ws_item *next; /* behind it in the row, or in the queue */
};

/* What brings items home: it is the thread's, but from its mail until HOME. */
struct ws_home {
    struct rt_mail mail;
    struct ws_order order; /* HOME: the thread's again */
    struct ws_item *first; /* what it brings */
};

/* A connection. */
struct ws_conn {
    /* The shard's. */
    struct ws_door *door;
    void *ctx;                /* of the ops */
    struct rt_addr peer;      /* the client */
    struct list_node in_door; /* ws_door.conns */
    uint64_t queued_bytes;    /* given, not come home, and for each frame what carries it */
    uint32_t items_count;     /* likewise */
    uint32_t holds_count;     /* ws_conn_hold */
    bool is_open;             /* the handshake is done */
    bool is_text;             /* a message is in hand */
    bool is_close_asked;      /* CLOSE was ordered */
    bool is_killed;           /* KILL likewise */
    bool is_closed;           /* told by the thread */
    bool is_gone;             /* likewise, that it has forgotten it */
    bool is_over;             /* queued_bytes were above WS_DRAINED_BYTES */

    /* Set by the shard before OPEN, and before CLOSE. */
    int fd;                /* the socket */
    uint8_t *begun;        /* a request for the handshake and what came behind it; the shard's */
    uint8_t *unread;       /* in it: where that goes, until the socket is there */
    uint32_t begun_bytes;  /* of both */
    uint16_t close_code;   /* enum ws_code */
    const char *close_why; /* static */

    /* Orders and mails, each at most once under way. */
    struct ws_order order_open;
    struct ws_order order_taken;
    struct ws_order order_close;
    struct ws_order order_kill;
    struct ws_order order_forget;
    struct rt_mail mail_open;
    struct rt_mail mail_text;
    struct rt_mail mail_closed;
    struct rt_mail mail_gone;

    /* The thread's; `in` and in_bytes are the shard's between mail_text and TAKEN. */
    struct rt_shard *shard; /* where mails go */
    struct lws *wsi;        /* NULL: not adopted yet, or closed */
    struct ws_item *first;  /* to be sent */
    struct ws_item *last;
    struct ws_conn *next_due;  /* behind it among those that send when all orders are taken */
    struct list_node in_heard; /* of those that are open, by when they said something last */
    uint32_t heard_s;          /* that, in seconds of the thread */
    uint32_t took_s;           /* likewise, when its socket took something last */
    uint8_t *in;               /* the message that is coming */
    uint32_t in_bytes;         /* of it */
    uint32_t in_capacity;      /* room */
    bool is_due;               /* it is among those */
    bool is_away;              /* the message is the shard's */
    bool is_closing;           /* CLOSE came */
    bool is_refused;           /* it closes, for what the client has sent */
};

/* A shard's part. Embedded in its HTTP door. */
struct ws_door {
    struct http_door *door;
    struct ws_port *port;     /* the thread; NULL: WebSocket is not served */
    const struct ws_ops *ops; /* of all connections */
    struct budget budget;     /* of what is kept and sent for them */
    struct list conns;        /* ws_conn.in_door */
    uint32_t conns_count;
    struct pool conn_pool;             /* of struct ws_conn */
    struct pool item_pool;             /* of struct ws_item */
    uint32_t items_count;              /* that are not at home */
    uint32_t alive_count;              /* connections that are not to be forgotten yet */
    struct ws_item *open;              /* the row being made; sent at the end of the turn */
    struct ws_item *open_last;         /* its last one */
    uint32_t open_count;               /* of it */
    bool is_home_kept;                 /* `home` is here: nothing is to come by it now */
    struct rt_op flush_op;             /* does that */
    bool is_flush_due;                 /* it is on its way */
    struct rt_timer timer;             /* of the end: kills what does not close */
    struct metric_gauge connections;   /* that there are */
    struct ws_home home;               /* brings items */
    struct core_subscribes subscribes; /* of them */
    struct arena arena;                /* of `out` */
    struct http_out out;               /* messages that are written and sent at once */
    struct list plans[WS_PLANS];       /* ws_plan.in_door, by what is asked */
    struct list waiting;               /* ws_subscribe.in_waiting: to be begun */
    uint32_t asking_count;             /* being begun */
    bool is_closing;

    /* The thread's. */
    struct ws_item *done; /* to come home */
    struct ws_item *done_last;
    struct ws_door *next_due; /* behind it among those with such */
    bool is_due;              /* it is among those */
    bool is_home_away;        /* `home` is the shard's */
};

/* Make it ready, end it: no connection is left (asserted). */
void ws_door_open(struct ws_door *ws, struct http_door *door, struct ws_port *port,
                  const struct ws_ops *ops);
void ws_door_deinit(struct ws_door *ws);

/* A connection whose upgrade request was checked, with room for `unread_bytes_max` that came behind
 * it; `key` is its Sec-WebSocket-Key. Then it is either given its socket, `unread_bytes` at
 * conn->unread standing there, and http_door's entry counts it until it is gone; or it is dropped.
 * ERR_BUDGET, ERR_FULL. */
MUST_USE enum err ws_conn_new(struct ws_door *ws, const char *key, size_t key_bytes,
                              size_t unread_bytes_max, struct ws_conn **out);
void ws_conn_begin(struct ws_conn *conn, int fd, size_t unread_bytes);
void ws_conn_drop(struct ws_conn *conn);

/* Close all: WS_GOING_AWAY. They go one after the other. */
void ws_door_close(struct ws_door *ws);

#endif
