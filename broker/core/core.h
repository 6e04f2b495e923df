/* The broker without its doors: one `struct core` a process, one `struct core_shard` on each shard.
 *
 *     core_init(&core, &config, kernels, shards_count)     main thread, before the shards run
 *     core_shard_open(&cs, shard, &core, diag, done)       on each; done: topics can be used
 *         ... append.h, fetch.h, offsets.h, change.h, describe.h ...
 *     core_shard_close(&cs, done)                          on each, when its doors are closed
 *
 * What a partition is stands on the shard of its group (core_shard_of); requests go there and come
 * back (call.h). Which topics there are is the catalog's (catalog.h), of which every shard holds
 * one snapshot; shard 0 has the controller (controller.h), which writes them. No protocol is known
 * here. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "base/sm.h"
#include "broker/core/catalog.h"
#include "broker/core/controller.h"
#include "broker/core/errors.h"
#include "broker/core/follow.h"
#include "broker/core/idempotence.h"
#include "broker/core/loans.h"
#include "broker/core/looks.h"
#include "broker/core/lookup.h"
#include "broker/core/producer_ids.h"
#include "broker/core/queries.h"
#include "broker/core/records.h"
#include "broker/core/retention.h"
#include "broker/core/subscriptions.h"
#include "broker/core/ticks.h"
#include "broker/core/upkeep.h"
#include "broker/core/view_source.h"
#include "raft/driver/shard.h"
#include "schemas/json/index.h"
#include "storage/log/shard.h"
#include "storage/log/store.h"

struct core;
struct core_shard;

typedef void core_shard_done_fn(struct core_shard *cs);

/* How a node is run. */
struct core_config {
    struct log_config log;           /* of the store; log.dir is the data directory */
    struct core_topic_config topics; /* what a topic is that says nothing else */
    int32_t node_id;                 /* this node's: 1 .. RAFT_NODE_ID_MAX */
    uint64_t view_pin_bytes_max;   /* what pins of feeds may keep below log starts; 0: a quarter of
                                      the disk */
    uint64_t view_total_bytes_max; /* what views may take of a shard's memory; 0: a quarter */
    uint64_t view_changes_bytes_max; /* what the change log of a view may take, on all shards
                                        together; 0: CORE_CHANGES_BYTES_MAX */
    uint64_t retention_check_ms; /* how often partitions are looked at for what may go; 0: not */
    uint32_t ticks_whole_count;  /* after so many ticks one says everything again; 0: 4096 */
    struct core_queries_config queries; /* of statements in SQL */
    uint32_t partitions_count;          /* of a topic that is created without a number */
    uint32_t connections_max;           /* of clients, on each shard */
    const struct json_indexer *indexer; /* how JSON is read; NULL: the way of any machine */
    bool is_auto_create;                /* a topic that is asked for by name is made */
    bool is_replication_clamped; /* more replicas than nodes are taken for as many as there are */
};

struct core {
    /* Config: constant once the shards run. */
    struct core_config config;    /* as given */
    const struct crc32c *kernels; /* for checksums */
    uint32_t shards_count;        /* of the runtime */

    /* Shared. */
    _Atomic uint64_t pin_bytes_max;      /* what pins of feeds may keep below log starts, */
    _Atomic uint64_t pinned_bytes;       /* and what they do */
    _Atomic uint32_t upkeeps_over_count; /* closing: shards that have given views up */
    struct log_store store;              /* the node's logs */
    struct core_shard
        *shards[LIMIT_SHARDS_COUNT]; /* set by each as it opens, before it is mailed to */

    /* Shard 0's. */
    struct core_controller controller; /* group 0 */
};

/* A shard's part. `catalog`, `bufs`, `room`, `err`, `why` are for the doors to use. */
struct core_shard {
    struct core *core;        /* whose */
    struct rt_shard *shard;   /* where */
    struct diag *diag;        /* log lines */
    core_shard_done_fn *done; /* of the open or close under way */
    enum err err;             /* how that ended */
    char why[LOG_WHY_BYTES];  /* in words, "" if there is nothing to say */
    struct sm sm;             /* where opening and closing stand: core.c's */
    struct rt_timer timer;    /* looks whether closing can go on */
    bool is_raft_open;        /* `raft` is in use */
    _Atomic bool has_missed;  /* a partition could not be opened; any thread reads */

    struct log_shard log;                  /* its part of the store */
    struct raft_shard raft;                /* its part of replication */
    struct rt_outbox outbox;               /* what it sends to other shards' parts */
    uint32_t calls_count;                  /* calls of its own that have not come home */
    struct core_producer_ids producer_ids; /* to be given out here */
    struct core_loans loans;               /* other shards' bytes, on their way back */

    struct metric_registry metrics; /* what is counted here, the doors' too; any thread reads */
    uint32_t connections_count;     /* of clients, at all doors together: entry.h */
    struct budget budget;           /* all of it, below the shard's */
    struct buf_pool bufs;           /* bytes received here, and of other shards, adopted */
    struct buf *packed; /* small batches of its partitions, one behind the other; or NULL */
    struct core_records_room room; /* for looking into compressed batches */

    struct core_catalog *catalog;       /* newest here, to be read; NULL: none came yet */
    struct core_publication *published; /* one that came before the log was open; NULL: none */
    struct map partitions;              /* core_partition.in_map: of groups on this shard */
    struct map_node **buckets;          /* of `partitions` */
    struct pool partition_pool;         /* of struct core_partition */
    struct pool pending_pool;           /* of struct core_pending */
    struct pool reading_pool;           /* of struct core_reading */
    struct list closing;                /* core_partition.in_closing: being deleted */
    struct core_idempotence_shared idempotence; /* producers of its partitions */
    struct core_retention retention;            /* what partitions keep */
    struct core_views views;                    /* feeds of its partitions */
    struct core_ticks ticks;                    /* the timeline, as far as it is here */
    struct core_upkeep upkeep;                  /* materialized views, likewise */
    struct core_follows follows;                /* those who follow them */
    struct core_lookups lookups;                /* rows of them that are asked for here */
    bool is_upkeep_over;                        /* closing: nothing of them is under way here */
    struct core_looks looks;                    /* topics whose columns were inferred here */
    struct core_queries queries;                /* statements in SQL */
    struct core_errors errors;                  /* error rows that queries here found */
    struct core_subscriptions subscriptions;    /* who subscribes at the doors here */
    uint64_t appends_count; /* batches that came here, or to a partition here, */
    uint64_t appends_bytes; /* and the bytes of these, ever */
};

/* Make `core` of `config` (copied; strings stay the caller's) for `shards_count` shards. */
void core_init(struct core *core, const struct core_config *config, const struct crc32c *kernels,
               uint32_t shards_count);

/* Open the shard's part: its log, and, when the controller's log has been read, its partitions.
 * `done` fires once, from a turn of the loop; cs->err then says how it went and cs->why in words:
 * log_shard_open's errors, ERR_BUDGET, and of the controller's log ERR_CORRUPT, ERR_UNSUPPORTED (a
 * newer version wrote it), ERR_DISK_FULL ... After an error it is to be closed all the same. */
void core_shard_open(struct core_shard *cs, struct rt_shard *shard, struct core *core,
                     struct diag *diag, core_shard_done_fn *done);

/* Close it, after open is done: every call has come home (asserted), on all shards, and none is
 * started any more. On every shard; done fires when the logs of all are closed. */
void core_shard_close(struct core_shard *cs, core_shard_done_fn *done);

/* The shard whose a group is. */
uint32_t core_shard_of(const struct core *core, uint64_t group);

/* Wall clock, ms since 1970. */
int64_t core_now_ms(struct core_shard *cs);

#endif
