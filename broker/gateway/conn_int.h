/* A connection of the HTTP door and the request on it. Between door.c, conn.c, call.c, route.c.
 *
 * **One request at a time.** What follows it waits in the kernel, or, where it came along, in `in`.
 * A connection on which nothing is asked holds no buffer. **Receiving.** A head stands in `in`, and
 * a body that came along with it behind it; a longer one in `body`, which grows with what has
 * arrived: its length is believed for so much only. **Time.** A head, a body, an answer that is not
 * read, a client that asks nothing: each has its deadline, and then the connection ends. */
#ifndef BROKER_GATEWAY_CONN_INT_H
#define BROKER_GATEWAY_CONN_INT_H

#include "broker/gateway/door.h"
#include "broker/gateway/http.h"

/* Room for the id of a request: 8 and 16 hexadecimal digits, a hyphen between, a NUL. */
#define HTTP_REQUEST_ID_BYTES 26

/* What a connection is at. */
enum http_conn_stage {
    HTTP_CONN_HEAD,   /* a head is awaited, or has begun */
    HTTP_CONN_BODY,   /* its body */
    HTTP_CONN_CALL,   /* the handler has it */
    HTTP_CONN_STREAM, /* likewise, and what it has written of the answer leaves */
    HTTP_CONN_SEND,   /* the answer leaves */
    HTTP_CONN_LINGER, /* the last one has left: what comes is read and dropped */
    HTTP_CONN_CLOSE,  /* nothing more */
};

struct http_conn {
    struct http_door *door;     /* whose */
    enum http_conn_stage stage; /* what it is at */
    struct rt_sock sock;        /* its socket */
    struct rt_op recv_op;       /* the receive that waits */
    struct rt_op send_op;       /* the send that waits */
    struct rt_op close_op;      /* the close, or the detach */
    struct ws_conn *upgraded;   /* who gets the socket */
    struct rt_timer timer;      /* looks at the deadline */
    uint64_t timer_ns;          /* when it fires */
    uint64_t deadline_ns;       /* when the connection has waited too long, rt_now_ns */
    struct list_node in_door;   /* http_door.conns */
    struct buf *in;             /* received: the request, what follows it; NULL: nothing */
    uint32_t in_pos;            /* where the request begins there; once its head is read, where
                                   what follows begins */
    struct buf *ahead;          /* what came while a request was under way; NULL: nothing did */
    struct http1_reader reader; /* of the head that has begun */
    struct http_call *call;     /* the request, from its first byte on; NULL: none */
    struct buf *body;           /* its body, where that is not in `in`; NULL */
    uint32_t body_bytes;        /* of it, have come */
    uint64_t body_ns;           /* when it began */
    struct http1_chunks chunks; /* reads a body in chunks */
    uint64_t whole_ns;          /* when the request was there */
    struct http1_frame frame;   /* of the answer */
    struct iovec head;          /* of it; length 0: in the send under way, or sent */
    uint8_t chunk_head[HTTP1_CHUNK_HEAD_BYTES]; /* the line before the chunk in that send */
    bool is_receiving;                          /* recv_op waits */
    bool is_sending;                            /* send_op waits */
    bool is_running;                            /* http_conn_run runs */
    bool has_end;                               /* the last chunk is to be sent behind the answer */
    bool is_last;                               /* the connection ends behind this answer */
    bool is_peer_done;                          /* the peer sends no more */
    bool is_dead;                               /* nothing can be sent any more */
    bool is_closing;                            /* close_op waits */
};

/* A connection was taken: begin. */
void http_conn_open(struct http_conn *conn);

/* The server closes: no more requests, waits end. */
void http_conn_stop(struct http_conn *conn);

/* The handler of its call waits, call->cancel: look whether the client goes. */
void http_conn_watch(struct http_conn *conn);

/* The answer of its call stands. */
void http_conn_answer(struct http_conn *conn);

/* Its call has written some of its answer; and all of it, or all there will be. */
void http_conn_flush(struct http_conn *conn);
void http_conn_end(struct http_conn *conn, bool is_whole);

/* Bytes that came behind the request of its call. */
size_t http_conn_ahead_bytes(const struct http_conn *conn);

/* Its call is an upgrade that was checked: the socket goes to `upgraded`, with what came behind the
 * request, and the connection is forgotten. */
void http_conn_detach(struct http_conn *conn, struct ws_conn *upgraded);

/* `conn` is closed and may be forgotten; its socket has gone elsewhere, and counts there. */
void http_door_left(struct http_door *door, struct http_conn *conn);
void http_door_passed(struct http_door *door, struct http_conn *conn);

/* A call for a request on `conn`; NULL: no memory. And its end. */
struct http_call *http_call_new(struct http_conn *conn);
void http_call_free(struct http_call *call);

/* Forget what is to be sent of its answer; what was being sent has left. */
void http_call_drop(struct http_call *call);
void http_call_sent(struct http_call *call);

/* The id of the request, as answers and log lines have it. Returns `out`. */
const char *http_call_id(const struct http_call *call, char out[HTTP_REQUEST_ID_BYTES]);

/* The head is there: whose it is, and whether it may come in. HTTP_ERRORS_COUNT: it may, and
 * call->route is set, or NULL for an answer without one (OPTIONS); else what is wrong, with *detail
 * in words or NULL. */
enum http_error http_route_find(struct http_call *call, const char **detail);

/* What `*` or a path takes, for the header Allow, in the call's arena. */
const char *http_route_allow(struct http_call *call);

/* Now, as the header Date says it. */
struct http_text http_door_date(struct http_door *door);

#endif
