/* Connections of the simulated network, for sim_net.c, sim_flow.c and sim_connect.c. */
#ifndef TESTS_SIM_SIM_NET_INT_H
#define TESTS_SIM_SIM_NET_INT_H

#include "tests/sim/sim_int.h"

/* Room for "10.0.0.1:40000>10.0.0.2:9092". */
#define SIM_CONN_NAME_BYTES (2 * RT_ADDR_TEXT_BYTES)

enum sim_segment_state {
    SIM_SEGMENT_QUEUED, /* waits for the window */
    SIM_SEGMENT_SENT,   /* on its way, or lost and to be sent again */
    SIM_SEGMENT_ACKED,  /* the sender is done with it */
};

/* A piece of one direction's stream, or its end. */
struct sim_segment {
    struct list_node in_flow;     /* sim_flow.segments */
    struct sim_event event;       /* it arrives, its acknowledgement does, or it is sent again */
    struct sim_flow *flow;        /* whose */
    uint64_t pos;                 /* of its first byte in the stream */
    uint32_t length;              /* bytes; 0: the end of the stream */
    uint32_t tries;               /* how often it was sent */
    enum sim_segment_state state; /* the sender's view */
    bool has_arrived;             /* the receiver's */
    bool is_read;                 /* and the receiver is done with it */
    uint8_t data[];               /* the bytes */
};

/* One direction of a connection. */
struct sim_flow {
    struct sim_end *from;       /* who sends */
    struct sim_end *to;         /* who receives */
    struct list segments;       /* sim_segment.in_flow: not acked, or not read; in order */
    struct sim_segment *queued; /* the first in state QUEUED: all behind it are; NULL: none */
    uint64_t queued_pos;        /* stream bytes put into segments */
    uint64_t read_pos;          /* stream bytes the receiver's process has got */
    uint64_t unacked_bytes;     /* in the send buffer */
    uint32_t sent_count;        /* segments in state SENT */
    bool is_ended;              /* the end of the stream was queued */
    struct sim_event opened;    /* the sender learns that the receiver has room again */
};

/* One end of a connection, in one machine's kernel. */
struct sim_end {
    struct sim_conn *conn;
    struct sim_node *node;
    struct sim_shard *shard;       /* who owns the socket; NULL: nobody yet, or no more */
    struct rt_sock *sock;          /* the socket; NULL likewise */
    struct sim_flow *out;          /* what it sends */
    struct sim_flow *in;           /* what it receives */
    struct rt_addr addr;           /* its address */
    bool is_alive;                 /* the kernel knows it */
    bool is_established;           /* the connection stands, as far as it knows */
    enum err reset_err;            /* why it is broken; ERR_OK: it is not */
    struct rt_op *connect_op;      /* the connect that waits, NULL: none */
    uint64_t send_checksum;        /* of the send that waits */
    struct list_node in_backlog;   /* sim_listener.backlog: not accepted yet */
    struct sim_listener *listener; /* whose backlog that is */
    struct sim_event reset;        /* word that the other end is gone */
};

struct sim_conn {
    struct list_node in_sim; /* sim.conns */
    struct sim *sim;
    struct sim_end ends[2];         /* who connected, who accepted */
    struct sim_flow flows[2];       /* from ends[0], from ends[1] */
    struct sim_event handshake;     /* the connect's next step */
    uint32_t tries;                 /* of the connect */
    char name[SIM_CONN_NAME_BYTES]; /* for the trace */
};

/* A listening socket. */
struct sim_listener {
    struct list_node in_node; /* sim_node.listeners */
    struct sim_shard *shard;
    struct rt_listener *listener; /* whose backend this is */
    bool is_shared;               /* others may listen on the same address */
    struct list backlog;          /* sim_end.in_backlog: oldest first */
    uint32_t backlog_count;       /* how many */
};

/* --- sim_net.c --- */

/* A row about a connection, seen from one end. */
void sim_end_trace(const struct sim_end *end, enum sim_row_kind kind, uint64_t pos, uint64_t length,
                   uint64_t checksum);

/* Tell `end` that its peer is gone: word travels, and may get lost. */
void sim_end_send_reset(struct sim_end *end);

/* The connection is broken as far as `end` knows: what waits there fails with `err`. */
void sim_end_break(struct sim_end *end, enum err err);

/* Its process has closed it: what was sent still goes out, then its end. */
void sim_end_close(struct sim_end *end);

/* The kernel forgets it. With the second end the connection goes, after the running event. */
void sim_end_kill(struct sim_end *end);

/* Forget it if its process has, and all it sent has been acknowledged. */
void sim_end_settle(struct sim_end *end);

/* Whether it belongs to a process, or waits to be accepted. */
bool sim_end_is_owned(const struct sim_end *end);

/* When a try is repeated that was the `tries`-th. */
uint64_t sim_retry_ns(const struct sim *sim, uint32_t tries);

/* --- sim_flow.c --- */

void sim_flow_init(struct sim_flow *flow, struct sim_end *from, struct sim_end *to);

/* Queue what the waiting send still has, as far as the buffer goes, and send what the window
 * allows. */
void sim_flow_push(struct sim_flow *flow);

/* Queue the end of the stream, once. */
void sim_flow_end(struct sim_flow *flow);

/* Hand what has arrived in order to the socket, as far as it wants it. */
void sim_flow_deliver(struct sim_flow *flow);

/* Whether bytes have arrived that the process has not got. */
bool sim_flow_has_unread(const struct sim_flow *flow);

/* Whether the end of the stream and all before it have been acknowledged. */
bool sim_flow_is_done(const struct sim_flow *flow);

/* The sender is gone: what has not arrived never will. */
void sim_flow_drop_sender(struct sim_flow *flow);

/* Free all. */
void sim_flow_deinit(struct sim_flow *flow);

/* --- sim_connect.c --- */

void sim_connect(struct sim_shard *ss, struct rt_op *op);
void sim_connect_fail(struct sim_conn *conn, enum err err);
void sim_accept(struct sim_listener *listener);
void sim_listener_free(struct sim_listener *listener);

#endif
