/* A connection and the requests on it. Private to broker/kafka.
 *
 * **Receiving.** A frame that has arrived whole in one receive buffer is copied into the door's
 * inbox, behind others; any other into a buffer of its own, which grows with what has arrived: its
 * length is believed for so much only, or for as much as an earlier one has brought. The rest of a
 * long one is received there at once. No byte is copied twice but the first ones of a connection's
 * longest frame.
 * **Order.** Requests are carried out as they come, several at a time; each answer waits for those
 * before it. **Bounds.** So many requests and bytes of a connection, of requests and of answers,
 * are held; then nothing is taken before an answer has been sent, but for the frame that has begun,
 * and one receive buffer's bytes are kept. */
#ifndef BROKER_KAFKA_CONN_H
#define BROKER_KAFKA_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/sock.h"
#include "base/rt/timer.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/door.h"

struct kafka_api;
struct kafka_request;

/* Requests of one connection that are carried out at a time. */
#define KAFKA_CONN_REQUESTS_MAX 64u

/* Bytes of requests and their answers that are held before a connection is read no more. */
#define KAFKA_CONN_BYTES_MAX (8u << 20)

/* Pieces of one send. */
#define KAFKA_IOV_MAX 64u

/* Pieces being sent: of door.iov_pool. */
struct kafka_iov {
    struct iovec items[KAFKA_IOV_MAX]; /* the pieces */
    uint32_t count;                    /* how many */
    size_t bytes;                      /* of them */
};

/* A connection. */
struct kafka_conn {
    struct kafka_door *door;     /* whose */
    struct rt_sock sock;         /* its socket */
    struct rt_op recv_op;        /* the receive that waits */
    struct rt_op send_op;        /* the send that waits */
    struct rt_op close_op;       /* the close */
    struct rt_timer timer;       /* runs until the peer has been waited for too long */
    uint64_t active_ns;          /* when bytes were last received or sent, rt_now_ns */
    struct list_node in_door;    /* kafka_door.conns */
    struct list_node in_starved; /* kafka_door.starved */
    struct rt_chunk chunk;       /* received and not all taken; length 0: none */
    uint32_t chunk_pos;          /* the first byte of it not taken */
    struct buf *kept;          /* where `chunk` was copied to, to wait; NULL: it is the runtime's */
    uint32_t head_bytes;       /* of the length in front of a frame, as far as taken */
    uint32_t frame_bytes;      /* of the frame being taken; valid when head_bytes is 4 */
    uint32_t known_bytes;      /* what is believed of a frame's length before it has come */
    uint8_t head[4];           /* that length */
    uint64_t frame_ns;         /* when it must be there, if it has a buffer of its own */
    struct buf *buf;           /* the frame being taken, as long as it may get; NULL: none yet */
    uint32_t have_bytes;       /* of it, have come */
    struct buf *into;          /* that buffer while recv_op receives into it: a reference */
    uint64_t copied_bytes;     /* sock.copied_bytes, as far as counted */
    struct list_node in_begun; /* kafka_door.begun: it has such a buffer */
    struct list requests;      /* kafka_request.in_conn: not sent, in order */
    uint32_t requests_count;   /* of them, and those being sent */
    uint64_t held_bytes;       /* kafka_request.held_bytes of them */
    struct list sending;       /* kafka_request.in_conn: all gathered in the send under way */
    struct kafka_iov *iov;     /* of the send under way; NULL: none */
    bool is_valid;             /* a valid request came: it may hold more */
    bool is_receiving;         /* recv_op waits */
    bool is_taking;            /* kafka_conn_take runs */
    bool is_ended;             /* nothing more is received */
    bool is_dead;              /* nothing more is sent */
    bool is_peer_done;         /* the peer has ended its side, or the connection broke */
    bool is_lingering;         /* our side is ended, the peer's is waited for */
    bool is_closing;           /* the close has begun */
    bool is_closed;            /* it has ended; requests may be under way still */
};

typedef void kafka_request_fn(struct kafka_request *request);

/* A request. */
struct kafka_request {
    struct list_node in_conn;    /* kafka_conn.requests or sending; kafka_door.idle_requests */
    struct kafka_conn *conn;     /* where it came from */
    const struct kafka_api *api; /* what it asks for */
    struct kafka_request_header header; /* decoded; client_id is a view of the frame */
    int16_t version;                    /* of the request */
    struct buf *buf;                    /* holds the frame; a reference */
    uint32_t pos;                       /* of the frame there, behind its length */
    uint32_t length;                    /* of it */
    uint64_t held_bytes;       /* the frame's, the arena's, and what its answer takes or may take */
    struct arena arena;        /* what belongs to the request */
    void *body;                /* decoded: struct kafka_<name>_request; in the arena */
    void *state;               /* the handler's; in the arena */
    kafka_request_fn *cancel;  /* wait no longer; NULL: it does not wait */
    kafka_request_fn *release; /* give back what is not the arena's; NULL: nothing */
    struct buf *out;           /* the answer; NULL: none */
    uint32_t out_length;       /* of it, without what stands in gaps */
    struct kafka_gaps gaps;    /* records between its bytes; source: struct buf_loan */
    uint32_t out_pos;          /* sent, or in the send under way, up to here */
    uint32_t gap_next;         /* the next gap */
    const struct buf_loan *loan_next; /* within a gap: the next piece */
    bool is_in_gap;                   /* loan_next says where */
    bool is_answered;                 /* `out` stands, or there is no answer */
};

/* A connection was taken: begin. */
void kafka_conn_open(struct kafka_conn *conn);

/* The server closes: take no more requests, end waits. */
void kafka_conn_stop(struct kafka_conn *conn);

/* There may be memory now. */
void kafka_conn_feed(struct kafka_conn *conn);

/* Others want the memory of a request that has begun: if nothing of it came for a while the
 * connection is closed. False: something did. */
bool kafka_conn_yield(struct kafka_conn *conn, uint64_t now_ns);

/* The answer to `request` is `response`, the struct of its api's response; what is in it stays
 * until `release` was called. From a turn of the loop, once for each request. */
void kafka_request_answer(struct kafka_request *request, const void *response);

/* As kafka_request_answer, in another version than the request's (ApiVersions). */
void kafka_request_answer_in(struct kafka_request *request, int16_t version, const void *response);

/* It is carried out and gets no answer (acks=0). */
void kafka_request_end(struct kafka_request *request);

/* Nothing sensible can be answered: close the connection, once requests under way have ended. */
void kafka_request_fail(struct kafka_request *request, const char *why);

/* Its answer may take so many bytes besides its memory now: before it is sent no more is taken than
 * the connection may hold. */
void kafka_request_hold(struct kafka_request *request, uint64_t answer_bytes);

/* Zeroed memory of the request; NULL: it has been failed for lack of it. */
void *kafka_request_alloc(struct kafka_request *request, size_t bytes);

#endif
