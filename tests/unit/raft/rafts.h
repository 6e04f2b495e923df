/* Groups on a simulated machine, for tests that start, use and end them: each call lets the machine
 * run until it is answered. What was proposed is written down and held against what comes. */
#ifndef TESTS_UNIT_RAFT_RAFTS_H
#define TESTS_UNIT_RAFT_RAFTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "raft/driver/feed.h"
#include "raft/driver/group.h"
#include "raft/driver/shard.h"
#include "storage/log/repair.h"
#include "storage/log/shard.h"
#include "tests/sim/sim.h"

#define RAFTS_SHARDS    3u
#define RAFTS_GROUPS    4u
#define RAFTS_ENTRIES   4096u
#define RAFTS_PROPOSALS 4096u

/* What an entry is, in rafts_group.serials; serials of batches count from 1. */
#define RAFTS_NOOP 0xfffffffeu
#define RAFTS_TRIM 0xfffffffdu

struct rafts;
struct rafts_group;

/* What was proposed. */
struct rafts_proposal {
    struct raft_proposal proposal;
    struct rafts_group *g;
    uint32_t serial;
    bool is_out; /* the group has it, as far as it was told */
    bool is_failed;
    bool is_committed; /* as the watch was told */
};

/* A group, open or not. */
struct rafts_group {
    struct rafts *rafts;
    uint64_t id;
    uint32_t shard; /* where it is */
    struct raft_group group;
    bool is_open;

    struct raft_watch watch;
    uint64_t told_turn;             /* when the watch was told last */
    uint32_t told_count;            /* how often */
    struct raft_group_indexes last; /* as it was told */

    uint32_t serials[RAFTS_ENTRIES + 1]; /* by index: what was proposed there last; 0: nothing */
    uint64_t end_index;                  /* of the log, as the model has it */
    uint64_t next_offset;                /* likewise */
    uint32_t term;                       /* likewise */
    uint64_t start_index;                /* no entry below it is asked for */
    uint64_t acked_index;                /* told as committed, in this run or an earlier one */
    uint32_t serial;                     /* last one given */
    bool is_relaxed;                     /* what is proposed from now on is */
    struct rafts_proposal proposals[RAFTS_PROPOSALS]; /* a ring: of this run */
    uint32_t proposals_count;
    uint32_t failed_count; /* of this run */
    enum err failed_err;   /* the last of them */
    enum err refusal;      /* of the last call */

    struct raft_barrier barrier;
    uint32_t barriers_count; /* done */

    struct raft_feed feed;
    bool has_feed;
    bool is_asking;       /* a step is in hand */
    bool does_go_on;      /* done asks for the next one */
    uint32_t steps_count; /* done */
    uint64_t fed_index;   /* entries up to here were given out, and compared */
    uint64_t fed_count;
    enum err fed_err;   /* of the last step */
    uint64_t fed_first; /* its first_index, */
    uint64_t fed_last;  /* and its last_index */
};

/* A machine. */
struct rafts {
    struct sim *sim;
    struct sim_node *node;
    struct log_config config;
    struct log_store store;
    struct rafts_shard {
        struct rafts *rafts;
        struct log_shard ls;
        struct raft_shard raft;
        struct buf_pool bufs;
        struct log_op ops[RAFTS_GROUPS];
    } shards[RAFTS_SHARDS];
    uint32_t shards_count;
    struct rafts_group groups[RAFTS_GROUPS];
    uint32_t pending_count; /* what has not answered */
    uint64_t arg;           /* of the call under way */
    void (*call)(struct rafts_group *g);
    uint64_t compared_count; /* entries given out by feeds */
};

/* A machine that was never started. Few options: the log keeps little in memory and has small
 * segments. */
struct rafts *rafts_new(uint64_t seed, const struct sim_options *options);
void rafts_free(struct rafts *r);

/* Start on so many shards: the store is opened, the groups are made if they are not there, opened,
 * and held against the model. */
void rafts_start(struct rafts *r, uint32_t shards_count);

/* Close groups and store, end. */
void rafts_close(struct rafts *r);

/* Crash; then rafts_start. Feeds are gone. */
void rafts_crash(struct rafts *r, enum sim_crash how);

/* Call `call` on the shard of group `i`, in a turn, with r->arg = arg; it has returned. */
struct rafts_group *rafts_on(struct rafts *r, uint32_t i, void (*call)(struct rafts_group *g),
                             uint64_t arg);

/* Let the machine run until nothing is under way. */
void rafts_settle(struct rafts *r);

/* For rafts_on, unless said otherwise with what comes of it in g->refusal. */
void rafts_propose(struct rafts_group *g);      /* arg batches */
void rafts_propose_trim(struct rafts_group *g); /* arg: first index */
void rafts_activate(struct rafts_group *g);
void rafts_barrier(struct rafts_group *g);
void rafts_feed_open(struct rafts_group *g);  /* from index arg */
void rafts_feed_next(struct rafts_group *g);  /* one step */
void rafts_feed_run(struct rafts_group *g);   /* steps until it waits */
void rafts_feed_close(struct rafts_group *g); /* no step is in hand */
void rafts_feed_cancel(struct rafts_group *g);
void rafts_close_group(struct rafts_group *g);
void rafts_open_group(struct rafts_group *g);

/* *out = a reference on a new batch of `serial` with `records` records, patched. */
struct buf_slice rafts_batch(struct rafts_shard *rs, uint32_t serial, uint64_t offset,
                             uint32_t term);

/* Records in the batch of that serial; its bytes. */
uint32_t rafts_records(uint32_t serial);
uint32_t rafts_batch_bytes(uint32_t serial);

/* The shard group `g` is on. */
struct rafts_shard *rafts_shard(struct rafts_group *g);

/* Read all of every group from its start by a feed of its own and compare. */
void rafts_check_all(struct rafts *r);

/* The status of its log. */
struct log_status rafts_status(const struct rafts_group *g);

/* Close and free. */
void rafts_end(struct rafts *r);

/* All indexes of the group are `index`. */
void rafts_check_at(const struct rafts_group *g, uint64_t index);

#endif
