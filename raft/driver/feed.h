/* The committed feed: a group's entries from any index on, in order, none left out, none twice,
 * never one that is not committed. What every fold above is fed by: the controller's catalogue,
 * producers' states, views. Entries that an operator has given up (`tdb log repair --accept-loss`)
 * are no more: indexes go on behind them.
 *
 * A feed is asked step by step. A step gives out at least one whole entry, internal ones included,
 * or waits until there is one. Own shard only; nothing blocks. */
#ifndef RAFT_DRIVER_FEED_H
#define RAFT_DRIVER_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "raft/driver/group.h"
#include "storage/log/batch.h"
#include "storage/log/read.h"

struct raft_feed;
typedef void raft_feed_fn(struct raft_feed *feed);

/* A feed. In place, from open until closed. */
struct raft_feed {
    /* Answered: valid from done until the next step or the close. */
    enum err err;         /* how the step ended: see raft_feed_next */
    uint64_t first_index; /* of the first entry given out; ERR_CORRUPT: of what cannot be read;
                             ERR_RANGE: where the log begins now */
    uint64_t last_index;  /* of the last one; ERR_CORRUPT: likewise, the next step goes on behind */
    uint64_t next_offset; /* of the record behind it; of no use where no entry is given */

    /* Private to feed.c. */
    struct raft_group *group;  /* whose entries */
    raft_feed_fn *done;        /* of each step */
    void *ctx;                 /* the caller's: raft_feed_ctx */
    struct list_node in_group; /* raft_group.feeds */
    struct rt_op op_defer;     /* to end a step from the ready queue */
    struct log_reader reader;  /* what reads the log; its parts are what is given out */
    uint64_t next_index;       /* where the next step begins */
    uint64_t index_max;        /* the caller's bound */
    uint64_t read_max;         /* what the read under way goes up to */
    uint64_t single_index;     /* up to here one entry a step: indexes are missing among them */
    uint32_t bytes_max;        /* of a step */
    uint32_t part;             /* where raft_feed_entry stands: the piece, */
    uint32_t pos;              /* the byte in it, */
    uint64_t entry_index;      /* and the index of the entry there */
    uint8_t stage;             /* enum raft_feed_stage: what the step waits for */
    bool is_canceled;          /* asked to end early */
    bool is_given;             /* the step's answer holds entries */
    bool is_cold;              /* the reader has read from the disk: it holds memory */
    bool is_single;            /* the reader gives one entry a step */
};

/* An entry given out. Its bytes live as long as the step's answer; who keeps them takes a reference
 * on bytes.buf. */
struct raft_entry {
    uint64_t index;         /* of the group's log */
    struct buf_slice bytes; /* the whole batch, verified */
    struct log_batch batch; /* its header */
};

/* Make `feed` one of `group` from entry `first_index` (>= 1, asserted) on, `bytes_max` a step; a
 * step's first entry is given in any case. `done` fires once for each step, from the ready queue.
 * Nothing is read yet. The index may be one that is not there yet. */
void raft_feed_open(struct raft_feed *feed, struct raft_group *group, uint64_t first_index,
                    uint32_t bytes_max, raft_feed_fn *done, void *ctx);

/* Give out nothing above `index_max`, committed or not (views: below the last stable offset).
 * UINT64_MAX, as after open: no bound but commit. May be called at any time, and wakes a step that
 * waits; a step whose read has begun keeps the bound it began with. */
void raft_feed_limit(struct raft_feed *feed, uint64_t index_max);

/* Begin the next step; the last one has ended (asserted). It waits as long as there is nothing to
 * give out. In done, feed->err:
 *
 *     ERR_OK        entries first_index..last_index: raft_feed_entry gives them out one by one;
 *                   none where an operator gave all of them up
 *     ERR_RANGE     the entry is below what the log still has; first_index: where it begins. The
 *                   feed stays where it is: close it, open another
 *     ERR_CORRUPT   first_index..last_index cannot be read here; the next step goes on behind
 *                   last_index. Who may not leave out anything closes the feed
 *     ERR_CANCELED  raft_feed_cancel
 *     ERR_CLOSING   the group: close the feed, its close waits for that
 *     ERR_AGAIN     the log is on its way to another shard: close the feed
 *     ERR_ACCESS    the log is unavailable: close the feed
 *     ERR_BUDGET, ERR_IO   the next step tries again; where the device never gives it,
 *                   log_quarantine_add makes it ERR_CORRUPT */
void raft_feed_next(struct raft_feed *feed);

/* *out = the next entry of the step's answer; false: that was all of it. */
bool raft_feed_entry(struct raft_feed *feed, struct raft_entry *out);

/* Ask the step in hand to end early: done still fires once, with ERR_CANCELED or with what it had
 * read by then. Nothing to do when there is none. */
void raft_feed_cancel(struct raft_feed *feed);

/* Whether no step is in hand. */
bool raft_feed_is_idle(const struct raft_feed *feed);

/* Where the next step begins; the caller's pointer. */
uint64_t raft_feed_position(const struct raft_feed *feed);
void *raft_feed_ctx(const struct raft_feed *feed);

/* Give back what it holds, at once; no step is in hand (asserted): cancel it and wait for done. */
void raft_feed_close(struct raft_feed *feed);

#endif
