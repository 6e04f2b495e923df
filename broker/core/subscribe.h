/* Following a stream: its rows from somewhere on, in batches as they are appended, to whoever
 * subscribes. Each partition's come in order, each once.
 *
 * Rows have the stream's columns as they are known when the subscription begins, and behind them
 * _key, _partition, _offset and _timestamp; a stream of which nothing is known yet is looked at
 * again when the first record comes. Partitions that the topic gets later are followed from their
 * beginning.
 *
 * **Waiting.** A subscription that is paused holds nothing of the log: records that are deleted
 * meanwhile are told as a gap. All subscriptions of a shard together work half a millisecond of a
 * turn.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_SUBSCRIBE_H
#define BROKER_CORE_SUBSCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/bounds.h"
#include "broker/core/code.h"
#include "broker/core/resolve.h"
#include "broker/core/scan_columns.h"
#include "broker/core/scan_records.h"
#include "broker/core/view_feed.h"
#include "views/plan/plan.h"
#include "views/vec/vector.h"

struct core_shard;
struct core_subscribe;

/* Columns behind the stream's own. */
#define CORE_SUBSCRIBE_SYSTEM_COUNT 4u

/* Where partitions begin that no place is given for. */
enum core_subscribe_from {
    CORE_SUBSCRIBE_EARLIEST, /* with the first record there is */
    CORE_SUBSCRIBE_LATEST,   /* with the next one that comes */
};

/* Where a partition begins. */
struct core_subscribe_place {
    uint32_t partition;
    uint64_t offset;
};

/* Who takes what a subscription gives; all are called from turns of the loop. They may end and
 * resume it. */
struct core_subscribe_ops {
    /* Once, where nothing failed: it has begun, its partitions' offsets are known. */
    void (*begun)(struct core_subscribe *sub);
    /* Once, before any rows: what the columns are; they live until done. */
    void (*columns)(struct core_subscribe *sub, const struct plan_output *outputs, uint32_t count);
    /* Some rows of one partition; the batch lives until this returns. False: no more until
     * core_subscribe_resume. */
    bool (*rows)(struct core_subscribe *sub, const struct vec_batch *batch);
    /* Records of `partition` from `from` on, below `to`, are no more. */
    void (*gap)(struct core_subscribe *sub, uint32_t partition, uint64_t from, uint64_t to);
    /* What there was has been given, or it has been a while: the offsets of all partitions are how
     * far it has come. Once behind `begun`, too. */
    void (*progress)(struct core_subscribe *sub);
    /* Once, the end: the subscription is the caller's again. sub->code says why: CORE_OK, it was
     * ended; else it failed. */
    void (*done)(struct core_subscribe *sub);
};

/* A partition that is followed. */
struct core_subscribe_lane {
    struct core_view_feed feed;
    struct core_subscribe *sub; /* whose */
    uint32_t partition;         /* which */
    uint64_t group;             /* likewise */
    uint64_t next;              /* the next record to be given */
    struct buf_loan *loans;     /* batches that came */
    bool is_open;               /* the feed is */
    bool is_away;               /* a step of it is in hand */
    bool is_closing;            /* its close is */
};

/* Rows of a stream made into columns, for all subscriptions of a shard that have the same ones. */
struct core_subscribe_source {
    struct list_node in_subs; /* core_subscribes.sources */
    uint32_t refs;            /* subscriptions */
    struct arena arena;       /* of what follows */
    struct core_stream_relation *relation;
    struct plan_output *outputs; /* outputs_count */
    uint32_t outputs_count;
    struct core_scan_columns columns;
};

/* A subscription. In place, the caller's until start and from `done` on. Zero it, fill the first
 * part. */
struct core_subscribe {
    /* Asked. */
    const struct core_subscribe_ops *ops;
    void *ctx;             /* the caller's */
    struct arena *arena;   /* memory that lives as long as it does; what is given up in it is not
                              given back before */
    struct budget *budget; /* likewise */
    const char *name;      /* of the stream */
    uint32_t name_bytes;
    enum core_subscribe_from from;
    const struct core_subscribe_place *places; /* places_count; live until begun */
    uint32_t places_count;
    struct log_uuid must_be; /* the topic's uuid; zero: any */
    uint64_t rows_left;      /* give so many, then wait for core_subscribe_credit; UINT64_MAX: no
                                such bound */
    uint64_t stall_ns_max; /* who is asked to resume for longer is given up: CORE_TIMEOUT; 0: never
                            */

    /* Answered. */
    enum core_code code;
    const char *state;     /* the SQLSTATE of what the stream's columns failed with; NULL: none */
    char message[256];     /* why it failed; "": the code says it */
    struct log_uuid topic; /* what is followed */
    struct core_subscribe_lane **lanes; /* lanes_count: of each partition */
    uint32_t lanes_count;

    /* Private to subscribe.c. */
    struct core_subscribes *subs; /* of which shard */
    struct list_node in_subs;     /* core_subscribes.all */
    struct list_node in_ready;    /* core_subscribes.ready */
    uint8_t stage;                /* enum core_subscribe_stage */
    struct core_resolve resolve;
    struct sql_reference reference;
    struct core_bounds bounds;
    const struct core_stream_relation *relation; /* what is read */
    struct core_subscribe_source *source;        /* makes columns; NULL: not yet */
    struct core_scan_records records;
    struct buf_loan *spent; /* batches that rows taken point into */
    uint32_t lane;          /* being read */
    uint32_t steps;         /* batches given since the last progress */
    uint64_t paused_ns;     /* since when */
    bool is_asking;         /* `resolve` or `bounds` is away */
    bool is_paused;         /* until resume */
    bool is_blank;          /* nothing is known of the stream: look when a record comes */
    bool is_news;           /* progress is due */
};

/* A shard's. Embedded in who serves subscriptions there. */
struct core_subscribes {
    struct core_shard *cs; /* where */
    struct list all;       /* core_subscribe.in_subs */
    struct list ready;     /* core_subscribe.in_ready */
    struct list sources;   /* core_subscribe_source.in_subs */
    struct budget *budget; /* of those */
    struct rt_op op;       /* gives them turns */
    struct rt_timer timer; /* looks after them */
    uint64_t version;      /* of the catalog that was looked at */
    bool is_op_away;
};

/* Make it ready, what it shares is charged to `budget`; end it: there is no subscription
 * (asserted).
 */
void core_subscribes_init(struct core_subscribes *subs, struct core_shard *cs,
                          struct budget *budget);
void core_subscribes_deinit(struct core_subscribes *subs);

/* Begin. Nothing of `ops` is called within. */
void core_subscribe_start(struct core_subscribes *subs, struct core_subscribe *sub);

/* Go on, after `rows` answered false. Nothing to do when it is not paused. */
void core_subscribe_resume(struct core_subscribe *sub);

/* Give `rows` more of it. */
void core_subscribe_credit(struct core_subscribe *sub, uint64_t rows);

/* End it: no more is given, and done fires soon, not within. Nothing to do when it ends already. */
void core_subscribe_end(struct core_subscribe *sub);

#endif
