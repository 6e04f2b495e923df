/* A node: the broker's core and its doors, on every shard of the runtime. Shard 0 leads: what is
 * done is done on all shards before the next step begins.
 *
 *     node_init(&node, ...)      main thread, before the shards run
 *     node_shard_init(&node, shard)    on each shard's thread, first of all
 *     node_open(&node, done)     shard 0: logs, controller, partitions, then the doors
 *     node_close(&node, done)    shard 0: doors, partitions, logs; after it every shard may finish
 */
#ifndef BROKER_APP_NODE_H
#define BROKER_APP_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rt/outbox.h"
#include "broker/core/core.h"
#include "broker/gateway/door.h"
#include "broker/kafka/door.h"

struct node;
struct node_shard;

typedef void node_done_fn(struct node *node);

/* A step on one shard: ends with node_shard_end, at once or later. */
typedef void node_shard_fn(struct node_shard *here);

/* What a shard of the node has. */
struct node_shard {
    struct node *node;          /* whose */
    struct rt_shard *shard;     /* where */
    struct diag *diag;          /* its log */
    struct core_shard core;     /* the broker's part */
    struct kafka_door kafka;    /* the Kafka door */
    struct http_door http;      /* the HTTP door */
    struct rt_outbox outbox;    /* what it sends to the others' parts */
    struct rt_outbox_mail mail; /* carries `step` from shard 0 and its end back */
    node_shard_fn *step;        /* what it is to do */
    enum err err;               /* how that ended */
    bool is_core_open;          /* to be closed */
    bool is_kafka_open;         /* likewise */
    bool is_http_open;          /* likewise */
    uint32_t closing_count;     /* doors that are not closed yet */
};

struct node {
    /* Config: constant once the shards run. */
    struct core core;          /* the broker */
    struct kafka_config kafka; /* of the doors; shard 0 sets the real port before the others */
    struct http_config http;   /* likewise */
    bool has_http;             /* there is an HTTP door */
    struct node_shard *shards; /* one for each shard */
    uint32_t shards_count;     /* of the runtime */

    /* Shard 0's. */
    node_done_fn *done;              /* of the open or close under way */
    void (*next)(struct node *node); /* when all shards have done their step */
    uint32_t away_count;             /* shards that have not */
    bool is_open;                    /* every door is open */

    /* How the open ended: set before done. */
    enum err err;               /* ERR_OK, or the first error */
    char why[LOG_WHY_BYTES];    /* in words, "" if there is nothing to say */
    const struct rt_addr *port; /* it is this address that cannot be listened on; NULL: it is not */
};

/* Make `node` for `shards_count` shards at `shards`. Configs are copied, strings stay the caller's;
 * `http` NULL: without an HTTP door. */
void node_init(struct node *node, struct node_shard *shards, uint32_t shards_count,
               const struct core_config *core, const struct kafka_config *kafka,
               const struct http_config *http, const struct crc32c *kernels);

/* Make the shard's part ready for what shard 0 sends. Its own thread, before any mail can come. */
void node_shard_init(struct node *node, struct rt_shard *shard, struct diag *diag);

/* Open everything. done: node->err. After an error it is to be closed all the same. */
void node_open(struct node *node, node_done_fn *done);

/* Close what is open, requests under way being carried out. done: every shard may finish. */
void node_close(struct node *node, node_done_fn *done);

#endif
