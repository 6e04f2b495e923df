/* Between a shard's part of WebSocket connections (ws.c) and the thread that has their sockets
 * (ws_port.h). A connection is one struct that both sides use, each its own fields; what one has to
 * tell the other travels as an order (to the thread) or as a mail (to the shard).
 *
 *     shard                                     thread
 *     OPEN fd, bytes that came       ------>    adopted, handshake
 *                                    <------    mail_open
 *                                    <------    mail_text: a message; no other until
 *     TAKEN                          ------>
 *     a batch: frames for connections ----->    each queued, sent
 *                                    <------    the batch, when all its frames have left or are
 *                                               dropped
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
#include "base/rt/mailbox.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/subscribe.h"
#include "broker/gateway/ws.h"
#include "broker/gateway/ws_port.h"

struct core_shard;
struct http_door;
struct lws;

/* Frames that travel together at most. */
#define WS_BATCH_ITEMS 16u

/* Bytes in front of a message for the frame's head. */
#define WS_FRAME_HEAD_BYTES 16u

/* What a thread is asked. */
enum ws_order_kind {
    WS_ORDER_OPEN,
    WS_ORDER_BATCH,
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

/* A frame for a connection. */
struct ws_item {
    struct ws_conn *conn;
    struct ws_frame *frame;
    struct ws_item *next;   /* the thread's: behind it in the connection's queue */
    struct ws_batch *batch; /* of which it is one */
};

/* Frames on their way, and home again. */
struct ws_batch {
    struct ws_order order;
    struct rt_mail mail;
    struct ws_door *door;
    struct list_node in_door; /* ws_door.batches: to be used again */
    uint32_t count;           /* of items */
    uint32_t left;            /* the thread's: items that have not left */
    struct ws_item items[WS_BATCH_ITEMS];
};

/* A connection. */
struct ws_conn {
    /* The shard's. */
    struct ws_door *door;
    void *ctx;                /* of the ops */
    struct list_node in_door; /* ws_door.conns */
    uint64_t queued_bytes; /* given, not left; with each frame a batch, which it may be alone in */
    uint32_t items_count;  /* of batches that have not come home */
    uint32_t holds_count;  /* ws_conn_hold */
    bool is_open;          /* the handshake is done */
    bool is_text;          /* a message is in hand */
    bool is_close_asked;   /* CLOSE was ordered */
    bool is_killed;        /* KILL likewise */
    bool is_closed;        /* told by the thread */
    bool is_gone;          /* likewise, that it has forgotten it */
    bool is_over;          /* queued_bytes were above WS_DRAINED_BYTES */

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
    uint8_t *in;          /* the message that is coming */
    uint32_t in_bytes;    /* of it */
    uint32_t in_capacity; /* room */
    bool is_away;         /* the message is the shard's */
    bool is_closing;      /* CLOSE came */
    bool is_refused;      /* it closes, for what the client has sent */
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
    struct pool batch_pool;            /* of struct ws_batch */
    uint32_t batches_count;            /* on their way */
    struct ws_batch *open;             /* being filled; sent at the end of the turn */
    struct rt_op flush_op;             /* does that */
    bool is_flush_due;                 /* it is on its way */
    struct rt_timer timer;             /* of the end: kills what does not close */
    struct metric_gauge connections;   /* that there are */
    struct core_subscribes subscribes; /* of them */
    bool is_closing;
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
