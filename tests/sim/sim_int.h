/* The inside of the simulated world: events, nodes, shards, links. For sim*.c only. */
#ifndef TESTS_SIM_SIM_INT_H
#define TESTS_SIM_SIM_INT_H

#include "base/budget.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/rt/backend.h"
#include "base/rt/mailbox.h"
#include "tests/sim/sim.h"

/* Something that will happen. Embedded in what it happens to. */
struct sim_event {
    struct heap_node in_heap;                               /* sim.events, by time */
    uint64_t sequence;                                      /* among those of one time */
    void (*fire)(struct sim *sim, struct sim_event *event); /* it happens: no longer in the heap */
};

/* A scenario's call. */
struct sim_call {
    struct sim_event event;
    struct list_node in_sim; /* sim.calls */
    void (*call)(struct sim *sim, void *ctx);
    void *ctx;
};

/* A scenario's call on a shard. */
struct sim_posted {
    struct rt_mail mail;
    void (*call)(struct rt_shard *shard, void *ctx);
    void *ctx;
};

struct sim {
    uint64_t now_ns;         /* virtual time */
    struct heap events;      /* sim_event.in_heap */
    struct heap_entry *rows; /* of events; grown as needed */
    uint64_t sequence;       /* events ever scheduled */
    uint64_t events_count;   /* events that happened */
    struct budget budget;    /* all memory but disks' */
    struct sim_options options;
    struct sim_trace trace;
    struct prng prng;        /* the scenario's */
    struct prng prng_host;   /* turns, wakes, jobs, cancels */
    struct prng prng_net;    /* links and connections */
    struct cpu cpu;          /* this machine's: kernels give the same on all */
    struct sim_node **nodes; /* by id - 1; nodes_count, room for nodes_max */
    uint32_t nodes_count;
    uint32_t nodes_max;
    struct sim_shard *turning; /* whose turn it is just now; NULL: nobody's */
    struct list conns;         /* sim_conn.in_sim: oldest first */
    struct list dead_conns;    /* sim_conn.in_sim: to be freed after the event */
    struct list calls;         /* sim_call.in_sim */
    struct list free_ops;      /* sim_op.in_shard: to be used again */
};

/* One direction between two nodes. */
struct sim_link {
    bool is_cut;                     /* nothing passes */
    bool has_options;                /* its own; else the world's */
    struct sim_link_options options; /* its own */
    uint64_t clogged_until_ns;       /* nothing arrives before */
};

struct sim_node {
    struct sim *sim;
    uint32_t id;             /* 1, 2, ... */
    struct sim_disk *disk;   /* owned */
    struct prng prng;        /* seeds of what runs here */
    uint64_t clock_ahead_ns; /* monotonic clock minus virtual time */
    uint64_t wall_ahead_ns;  /* wall clock minus virtual time; wraps */
    uint32_t slow_factor;    /* turns take so many times as long */
    bool is_machine_up;      /* its kernel answers */
    bool is_paused;          /* its process gets no time */
    bool reads_ahead;        /* receives before it is asked */
    bool sends_late;         /* a send is done when the peer has the bytes */
    uint16_t port_next;      /* for connections and port 0 */
    struct list listeners;   /* sim_listener.in_node, oldest first */
    struct sim_link **links; /* to node id - 1; links_count, NULL: nothing special yet */
    uint32_t links_count;

    /* The process, while it runs. */
    struct sim_app app;       /* what runs, or ran last */
    struct rt_group group;    /* shards NULL: nothing runs */
    struct sim_shard *shards; /* beside group.shards */
    uint32_t running_count;   /* shards that have not ended */
    bool is_stopping;         /* sim_node_stop was called */
};

/* One simulated shard: rt_shard.backend_state. */
struct sim_shard {
    struct sim_node *node;
    struct rt_shard *shard;
    struct sim_event turn; /* its next turn */
    struct rt_mail stop;   /* tells the app to end */
    uint64_t free_ns;      /* no turn before: the last one took until then */
    uint64_t ahead_ns;     /* in a turn: how far its clock was read on */
    bool is_started;       /* app.start was called */
    bool is_ended;         /* the app has finished */
    bool is_held;          /* a turn was due while the node was paused */
    struct list ops;       /* sim_op.in_shard: submitted disk work and jobs */
    struct list bufs;      /* sim_buf.in_shard: receive buffers that are out */
    uint32_t bufs_count;   /* how many */
    struct list starved;   /* rt_sock.in_backend: receive when a buffer comes back */
};

/* Disk work or a job under way. */
struct sim_op {
    struct sim_event event;    /* it takes effect */
    struct list_node in_shard; /* sim_shard.ops, or sim.free_ops */
    struct sim_shard *shard;
    struct rt_op *op;
    uint64_t checksum; /* of what is to be written, at submit */
    uint64_t sequence; /* flush: what it covers; durable write: the write */
    bool is_written;   /* durable write: the first half is done */
};

/* A receive buffer that is out, exactly as long as what was received. */
struct sim_buf {
    struct rt_recv_buf buf;
    struct list_node in_shard; /* sim_shard.bufs */
};

/* --- sim.c --- */

void *sim_alloc(struct sim *sim, size_t bytes);
void sim_free_block(struct sim *sim, void *ptr);

/* Let `event` happen at `time_ns` (>= now), after all that is due then already. */
void sim_event_schedule(struct sim *sim, struct sim_event *event, uint64_t time_ns,
                        void (*fire)(struct sim *sim, struct sim_event *event));

/* Let it not happen. */
void sim_event_cancel(struct sim *sim, struct sim_event *event);

/* When it happens; UINT64_MAX: it does not. */
uint64_t sim_event_ns(const struct sim *sim, const struct sim_event *event);

/* A row of a node or shard. */
void sim_trace_node(struct sim_node *node, enum sim_row_kind kind, const char *target,
                    int64_t result);

/* The checksum of `length` bytes from `skip` on in the buffers. */
uint64_t sim_checksum(const struct iovec *iov, uint32_t iov_count, uint64_t skip, uint64_t length);

/* --- sim_node.c --- */

/* Give the shard a turn at `time_ns`, or when it is free; an earlier turn stays. */
void sim_shard_kick(struct sim_shard *ss, uint64_t time_ns);

/* Virtual time as the shard sees it: within a turn its clock may have been read on. */
uint64_t sim_shard_now_ns(const struct sim_shard *ss);

/* --- sim_backend.c --- */

const struct rt_backend *sim_backend(void);

static inline struct sim_shard *sim_shard_of(const struct rt_shard *shard)
{
    return shard->backend_state;
}

/* Rows of an op's begin and end. `target` and `pos`, `length`, `checksum` as in sim_row. */
void sim_trace_submit(struct sim_shard *ss, const struct rt_op *op, const char *target,
                      uint64_t pos, uint64_t length, uint64_t checksum);

/* End `op`, with a row, and give its shard a turn. */
void sim_complete(struct sim_shard *ss, struct rt_op *op, const char *target, uint64_t checksum,
                  enum err err, int64_t result);

/* The process crashes: what disk work was under way happens in part, or not. */
void sim_ops_crash(struct sim_shard *ss);

/* --- sim_net.c, sim_listen.c --- */

void sim_net_submit(struct sim_shard *ss, struct rt_op *op);
void sim_net_cancel(struct sim_shard *ss, struct rt_op *op);
enum err sim_net_listen(struct rt_listener *listener, bool is_shared);
void sim_net_release(struct rt_shard *shard, struct rt_recv_buf *buf);
void sim_net_shutdown_send(struct rt_sock *sock);

/* The process on `node` is gone; `is_power`: the machine too. */
void sim_net_crash(struct sim_node *node, bool is_power);

/* Free connections that both ends have forgotten. After every event. */
void sim_net_reap(struct sim *sim);

/* Everything ends: free all connections. */
void sim_net_free(struct sim *sim);

/* The link from one node to another; made when first asked for. */
struct sim_link *sim_link(struct sim_node *from, struct sim_node *to);

/* Draw whether a segment sent now from `from` to `to` is lost (a cut link loses all), whether it
 * arrives twice, and how long it travels. */
bool sim_link_loses(struct sim_node *from, struct sim_node *to);
bool sim_link_doubles(struct sim_node *from, struct sim_node *to);
uint64_t sim_link_delay_ns(struct sim_node *from, struct sim_node *to);

/* The node with this address as seen from `from`; NULL: none. */
struct sim_node *sim_node_find(struct sim_node *from, const struct rt_addr *addr);

#endif
