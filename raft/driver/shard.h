/* A shard's part of replication: what its groups share, so that an idle group is a few hundred
 * bytes. Embedded by the root object of the shard (broker/core).
 *
 *     log_shard_open ... done
 *         raft_shard_open(&raft, shard, kernels, node_id)
 *             raft_group_open(&group, &raft, log)
 *             ...
 *             raft_group_close(&group, done) ... of every group
 *     log_shard_close ... done
 *         raft_shard_close(&raft)
 *
 * Everything in raft/driver is called on its own shard, in a turn; nothing blocks. */
#ifndef RAFT_DRIVER_SHARD_H
#define RAFT_DRIVER_SHARD_H

#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "base/rt/shard.h"

/* A node's id, as Kafka's clients see it and as a vote is stored: 1 .. RAFT_NODE_ID_MAX. */
#define RAFT_NODE_ID_MAX INT32_MAX

struct raft_shard {
    /* Config: constant. */
    struct rt_shard *shard;       /* where it runs */
    const struct crc32c *kernels; /* for the entries it writes itself */
    int32_t node_id;              /* this node */

    /* State: private to raft/driver. */
    struct list moved;     /* raft_group.in_moved: to be told of in this turn */
    struct rt_op op_moved; /* tells them, from the ready queue */
    uint32_t groups_count; /* open ones */
    struct budget budget;  /* all of it, below the shard's */
    struct pool writes;    /* of struct raft_write: appends, terms and trims under way */
    struct buf_pool bufs;  /* for the entries it writes itself */
    struct buf *bytes;     /* the one that is being filled; many small entries share one; or NULL */
};

/* Make `raft` the part of `shard`; `node_id` is 1 .. RAFT_NODE_ID_MAX (asserted). Takes no memory
 * yet. */
void raft_shard_open(struct raft_shard *raft, struct rt_shard *shard, const struct crc32c *kernels,
                     int32_t node_id);

/* End it, at once. Every group has been closed, and so has the shard's store (asserted: its log
 * holds bytes of ours until then). */
void raft_shard_close(struct raft_shard *raft);

#endif
