/* The simulated runtime: whole clusters on one thread, from one seed.
 *
 * A world (`struct sim`) has a virtual clock, a heap of events, and nodes: machines with a disk, an
 * address, and a process of any number of shards. The product's objects run there unchanged: the
 * same base/rt front, with a backend (sim_backend.c) behind it whose disk and network are models.
 * Nothing happens but events, in the order (virtual time, sequence); all chance comes from the
 * seed; so a seed is a run, and the trace's hash says whether two runs were the same. An idle world
 * has no events: a year without work costs nothing.
 *
 *     struct sim_options options = sim_options_calm();          or sim_swarm(seed)
 *     struct sim *sim = sim_new(seed, &options);
 *     struct sim_node *node = sim_node_add(sim);
 *     sim_node_start(node, 3, &app);                            app.start on each of 3 shards
 *     sim_run_for(sim, 10 * RT_NS_PER_S);
 *     sim_node_crash(node, SIM_CRASH_SEEDED);                   no done fires after this
 *     sim_node_start(node, 64, &app);
 *     ...
 *     sim_free(sim);
 *
 * Nodes may be crashed, paused and cut off between runs and in sim_at's calls, not from inside an
 * app's own callbacks: a turn cannot lose the shard it runs on. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/addr.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_trace.h"

struct sim;
struct sim_node;

/* What a direction between two nodes does to segments. TCP above it is described in sim_net.c. */
struct sim_link_options {
    struct sim_delay delay;   /* of every segment */
    uint32_t loss_ppm;        /* segments and acknowledgements that never arrive, in a million */
    uint32_t duplicate_ppm;   /* segments that arrive twice */
    uint32_t reorder_ppm;     /* segments that others overtake, */
    struct sim_delay reorder; /* by this much */
    uint32_t clog_ppm;        /* segments with which the link clogs: nothing passes */
    struct sim_delay clog;    /* for so long */
};

/* What machines and their systems are like. */
struct sim_host_options {
    uint64_t memory_bytes;       /* budget of each shard */
    const struct cpu *cpu;       /* the processor; NULL: detected, which is slow in a guest */
    struct sim_delay turn;       /* what a turn of a shard's loop takes */
    struct sim_delay wake;       /* from a doorbell to the turn of the shard it wakes */
    struct sim_delay job;        /* of a job on a worker thread */
    uint32_t cancel_ppm;         /* how often canceling disk work or a job comes in time */
    uint32_t recv_buffers_count; /* receive buffers of a shard, <= LIMIT_RECV_BUFFERS_COUNT */
    uint32_t recv_split_ppm;     /* received chunks that are cut at a random place */
    uint32_t reads_ahead_ppm;    /* nodes that receive before they are asked, as io_uring does */
    uint32_t sends_late_ppm;     /* nodes whose sends are done when the peer has the bytes */
    uint32_t segment_bytes;      /* largest segment */
    uint32_t window_count;       /* segments under way per direction of a connection */
    uint32_t buffer_bytes;       /* a connection's send buffer, and its receive buffer */
    uint32_t backlog_count;      /* connections that wait for an accept */
    uint64_t retry_ns;           /* first retransmission; each later one waits twice as long */
    uint32_t retries_count;      /* then the connection is given up */
    struct sim_delay reset;      /* from a crash until its peers are told */
    uint32_t silent_ppm;         /* power failures after which peers are told nothing */
};

struct sim_options {
    struct sim_disk_options disk;               /* of nodes added from now on */
    struct sim_link_options link;               /* of links that have none of their own */
    struct sim_host_options host;               /* of all nodes */
    void (*trace)(void *ctx, const char *line); /* every row of the trace as text; NULL: none */
    void *trace_ctx;                            /* for trace */
};

/* What runs on a node. */
struct sim_app {
    void (*start)(struct rt_shard *shard); /* on each shard, in its first turn */
    void (*stop)(struct rt_shard *shard);  /* after sim_node_stop; ends with rt_shard_finish */
    void *ctx;                             /* shard->app at first */
};

/* Nothing goes wrong: a fast disk, a fast network. */
struct sim_options sim_options_calm(void);

/* An empty world at virtual time 0. All of it, nodes and disks included, is freed by sim_free. */
struct sim *sim_new(uint64_t seed, const struct sim_options *options);
void sim_free(struct sim *sim);

/* The options, which may be changed between events: those of hosts and links hold at once. */
struct sim_options *sim_options(struct sim *sim);

/* Virtual nanoseconds since sim_new. */
uint64_t sim_now_ns(const struct sim *sim);

/* The trace so far; events so far. */
uint64_t sim_hash(const struct sim *sim);
uint64_t sim_events_count(const struct sim *sim);

/* A generator of the world's, for scenarios to draw from. */
struct prng *sim_prng(struct sim *sim);

/* Call `call` at virtual `time_ns` (or now, if that is past): a scenario's own event. */
void sim_at(struct sim *sim, uint64_t time_ns, void (*call)(struct sim *sim, void *ctx), void *ctx);

/* Let every event until `time_ns` happen; then it is `time_ns`. */
void sim_run_until(struct sim *sim, uint64_t time_ns);
void sim_run_for(struct sim *sim, uint64_t duration_ns);

/* Let `count` events happen; false when there were not as many. */
bool sim_run_steps(struct sim *sim, uint64_t count);

/* Run until nothing is left to happen, or until `limit_ns`; whether it is idle. */
bool sim_run_until_idle(struct sim *sim, uint64_t limit_ns);

/* Run until `is_true` says so after some event, or until `limit_ns`; whether it did. */
bool sim_run_until_true(struct sim *sim, bool (*is_true)(void *ctx), void *ctx, uint64_t limit_ns);

/* Whether scenario `run` does the same for `seed` twice, the second time among other addresses: the
 * heap is littered so that blocks come in another order. *hash = that of the first run. `run` makes
 * and frees its world and returns its hash. A scenario that lets an address, the clock or memory
 * nobody set decide anything is caught here. */
bool sim_check_repeatable(uint64_t (*run)(uint64_t seed, void *ctx), void *ctx, uint64_t seed,
                          uint64_t *hash);

/* --- Nodes --- */

/* A machine with an empty disk and the address 10.0.0.id (ids count from 1); nothing runs. */
struct sim_node *sim_node_add(struct sim *sim);

/* The node's number, and its address with `port`. */
uint32_t sim_node_id(const struct sim_node *node);
struct rt_addr sim_node_addr(const struct sim_node *node, uint16_t port);

/* Its disk. sim_node_swap_disk puts another one in, an image for example, while nothing runs; it
 * belongs to the node then, and the old one to the caller. */
struct sim_disk *sim_node_disk(struct sim_node *node);
MUST_USE struct sim_disk *sim_node_swap_disk(struct sim_node *node, struct sim_disk *disk);

/* Start `app` (copied) on `shards_count` shards; nothing runs there yet. Their first turns are
 * events. */
void sim_node_start(struct sim_node *node, uint32_t shards_count, const struct sim_app *app);

/* Ask the app to end; it takes its time. sim_node_is_running says when it has. */
void sim_node_stop(struct sim_node *node);
bool sim_node_is_running(const struct sim_node *node);

/* End it in the middle of everything: no done fires, all memory of its shards is gone, connections
 * break, and `how` says what the disk keeps. A node that does not run may lose power too. */
void sim_node_crash(struct sim_node *node, enum sim_crash how);

/* Crash, then start with the same app on `shards_count` shards. */
void sim_node_restart(struct sim_node *node, enum sim_crash how, uint32_t shards_count);

/* The process gets no time, while its kernel, disk and network go on; and again. */
void sim_node_pause(struct sim_node *node);
void sim_node_resume(struct sim_node *node);

/* Set the wall clock forward or back. The monotonic clock never jumps. */
void sim_node_clock_jump(struct sim_node *node, int64_t by_ns);

/* Make its turns take `factor` (>= 1) times as long. */
void sim_node_set_slow(struct sim_node *node, uint32_t factor);

/* An empty disk in place of its own. Nothing runs. */
void sim_node_wipe_disk(struct sim_node *node);

/* Shard `id` of what runs there. */
struct rt_shard *sim_node_shard(struct sim_node *node, uint32_t id);

/* Call `call` on `shard`, in a turn: how a scenario acts on what runs there. Not called when the
 * node crashes before. */
void sim_post(struct rt_shard *shard, void (*call)(struct rt_shard *shard, void *ctx), void *ctx);

/* --- Network --- */

/* Nothing passes from `from` to `to`; and again. One way only. */
void sim_net_cut(struct sim_node *from, struct sim_node *to);
void sim_net_heal(struct sim_node *from, struct sim_node *to);
void sim_net_heal_all(struct sim *sim);
bool sim_net_is_cut(struct sim_node *from, struct sim_node *to);

/* How nodes are parted in two. */
enum sim_partition {
    SIM_PARTITION_SIZES, /* every size of a part equally likely */
    SIM_PARTITION_COINS, /* each node for itself */
    SIM_PARTITION_ONE,   /* one node alone */
    SIM_PARTITION_COUNT
};

/* Heal all, then cut all links between two parts of the nodes, drawn as `how` says; unless
 * `is_symmetric` only from one part to the other. */
void sim_net_part(struct sim *sim, enum sim_partition how, bool is_symmetric);

/* Give one direction options of its own. */
void sim_net_set_link(struct sim_node *from, struct sim_node *to,
                      const struct sim_link_options *options);

#endif
