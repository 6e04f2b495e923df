/* Following a stream: its rows from somewhere on, filtered and projected, in batches as they are
 * appended, to whoever subscribes. Each partition's come in order, each once.
 *
 * What may be asked is in subscribe_plan.h. A stream of which nothing is known yet, and whose
 * columns are asked for (by its name, or with a star), is looked at again when the first record
 * comes. Partitions that the topic gets later are followed from their beginning.
 *
 * **Crowds.** Rows that are asked for alike are read, filtered and projected once on a shard: by
 * the *tail*, which stands at the log's end. All who stand there, too, are one crowd: what they are
 * given is told once for all. Who is behind reads by itself until it meets the tail, as a crowd of
 * its own.
 *
 * **Waiting.** A subscription that is paused or has no credit holds nothing of the log: records
 * that are deleted meanwhile are told as a gap. All subscriptions of a shard together work half a
 * millisecond of a turn.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_SUBSCRIBE_H
#define BROKER_CORE_SUBSCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "broker/core/code.h"
#include "broker/core/subscribe_plan.h"
#include "storage/log/format.h"
#include "views/plan/plan.h"
#include "views/vec/vector.h"

struct core_shard;
struct core_subscribe;
struct core_subscribe_crowd;
struct core_subscribe_reader;
struct core_subscribe_setup;
struct core_subscribe_source;

/* Where partitions begin that no place is given for. */
enum core_subscribe_from {
    CORE_SUBSCRIBE_EARLIEST,  /* with the first record there is */
    CORE_SUBSCRIBE_LATEST,    /* with the next one that comes */
    CORE_SUBSCRIBE_TIMESTAMP, /* with the first one that is not older than a time, or the next */
};

/* Where a partition begins. */
struct core_subscribe_place {
    uint32_t partition;
    uint64_t offset;
};

/* Who takes what subscriptions give; all are called from turns of the loop. They may end and resume
 * any. */
struct core_subscribe_ops {
    /* Once, where nothing failed: it has begun; `topic` and partitions_count are known. */
    void (*begun)(struct core_subscribe *sub);
    /* Once, before any rows: what the columns are. */
    void (*columns)(struct core_subscribe *sub, const struct plan_output *outputs, uint32_t count);
    /* Some rows of one partition for the crowd's `now`; the batch lives until this returns. */
    void (*rows)(struct core_subscribe_crowd *crowd, const struct vec_batch *batch);
    /* Records of `partition` from `from` on, below `to`, are no more. */
    void (*gap)(struct core_subscribe_crowd *crowd, uint32_t partition, uint64_t from, uint64_t to);
    /* What was told of the crowd since its last progress is for each of `now` as it is now; the
     * token (core_subscribe_crowd_token) says how far that is. Whoever has no room for more is
     * paused within this (core_subscribe_pause). Once behind `begun`, too. */
    void (*progress)(struct core_subscribe_crowd *crowd);
    /* Nobody is left in it: what `ctx` holds is given up. Called where that is not NULL. */
    void (*crowd_gone)(struct core_subscribe_crowd *crowd);
    /* Once, the end: the subscription is the caller's again. sub->code says why: CORE_OK, it was
     * ended; else it failed. */
    void (*done)(struct core_subscribe *sub);
};

/* Subscribers who are given the same. */
struct core_subscribe_crowd {
    void *ctx;                         /* the caller's; NULL at first */
    struct list now;                   /* core_subscribe.in_now: whom it is for; not empty while
                                          anything is told */
    const struct plan_output *outputs; /* of its rows; NULL: not known yet */
    uint32_t outputs_count;

    /* Private to subscribe_tail.c. */
    struct core_subscribe_reader *reader; /* whose rows; NULL: none comes now */
    uint64_t rows_count;                  /* given to it */
    uint32_t credit_count;                /* members that have a bound of rows */
};

/* A subscription. In place, the caller's until start and from `done` on. Zero it, fill the first
 * part. */
struct core_subscribe {
    /* Asked; start takes what it needs of what it points to. */
    const struct core_subscribe_ops *ops;
    void *ctx;                        /* the caller's */
    struct core_subscribe_plan *plan; /* what is asked: of a stream */
    struct arena *arena;              /* its memory and nothing else: start takes it, an empty one
                                         is left */
    enum core_subscribe_from from;
    int64_t timestamp_ms;                      /* of CORE_SUBSCRIBE_TIMESTAMP: since 1970 */
    const struct core_subscribe_place *places; /* places_count */
    uint32_t places_count;
    struct log_uuid must_be; /* the topic's uuid; zero: any */
    uint64_t rows_left;      /* give so many, then wait for core_subscribe_credit; UINT64_MAX: no
                                such bound */
    uint64_t stall_ns_max;   /* who is paused for longer is given up: CORE_TIMEOUT; 0: never */

    /* Answered. */
    enum core_code code;
    const char *message;           /* why it failed; "": the code says it; until done returns */
    const struct sql_error *error; /* likewise, where the plan or a row failed; NULL: no such */
    char *name;                    /* of the stream; until done */
    struct log_uuid topic;         /* what is followed */
    uint32_t partitions_count;     /* when it began */
    uint64_t rows_given;           /* as of the last progress that it left a crowd by; for all:
                                      core_subscribe_rows_given */

    /* Private to subscribe*.c. */
    struct core_subscribes *subs;         /* of which shard */
    struct list_node in_subs;             /* core_subscribes.all */
    struct list_node in_ended;            /* core_subscribes.ended */
    struct list_node in_paused;           /* core_subscribes.leaving, then .paused */
    struct list_node in_now;              /* core_subscribe_crowd.now */
    struct list_node in_ahead;            /* core_subscribe_source.ahead */
    struct core_subscribe_setup *setup;   /* what is being found out; NULL: nothing is */
    struct core_subscribe_setup *blank;   /* the SELECT, until its stream is looked at again */
    struct core_subscribe_source *source; /* what it gives; NULL: not known yet */
    struct core_subscribe_reader *reader; /* its own; NULL: it has none */
    struct core_subscribe_crowd *crowd;   /* it is in; NULL: it waits */
    uint64_t *next;                       /* next_count: where it stands while it has no reader */
    uint32_t next_count;
    uint64_t rows_joined; /* the crowd's rows_count when that was looked at last */
    uint64_t paused_ns;   /* since when */
    bool is_paused;       /* until resume */
    bool is_begun;        /* `begun` was called */
    bool has_columns;     /* `columns` was */
    bool is_ended;        /* `done` is due */
};

/* A shard's. Embedded in who serves subscriptions there. */
struct core_subscribes {
    struct core_shard *cs; /* where */
    struct list all;       /* core_subscribe.in_subs */
    struct list ended;     /* core_subscribe.in_ended: their end is to be told */
    struct list leaving;   /* core_subscribe.in_paused: of those paused within a progress */
    struct list paused;    /* core_subscribe.in_paused */
    struct list ready;     /* core_subscribe_reader.in_ready */
    struct list readers;   /* core_subscribe_reader.in_subs */
    struct list sources;   /* core_subscribe_source.in_subs */
    struct budget *budget; /* of what they hold */
    struct rt_op op;       /* gives them turns */
    struct rt_timer timer; /* looks after them */
    uint64_t version;      /* of the catalog that was looked at */
    bool is_op_away;
};

/* Make it ready, what it holds is charged to `budget`; end it: there is no subscription (asserted).
 */
void core_subscribes_init(struct core_subscribes *subs, struct core_shard *cs,
                          struct budget *budget);
void core_subscribes_deinit(struct core_subscribes *subs);

/* Begin. Nothing of `ops` is called within. */
void core_subscribe_start(struct core_subscribes *subs, struct core_subscribe *sub);

/* It has no room for more until core_subscribe_resume. Within `progress` of its crowd alone. */
void core_subscribe_pause(struct core_subscribe *sub);

/* Go on. Nothing to do when it is not paused. */
void core_subscribe_resume(struct core_subscribe *sub);

/* Give `rows` more of it. */
void core_subscribe_credit(struct core_subscribe *sub, uint64_t rows);

/* End it: no more is given, and done fires soon, not within. Nothing to do when it ends already. */
void core_subscribe_end(struct core_subscribe *sub);

/* Rows given to it so far. */
uint64_t core_subscribe_rows_given(const struct core_subscribe *sub);

/* The next offsets of its partitions from number 0 on, `max` at most, into `out`. Returns how many.
 */
uint32_t core_subscribe_offsets(const struct core_subscribe *sub, uint64_t *out, uint32_t max);

/* Room for the token of where the crowd stands, and the token (token.h). Within `progress`. */
size_t core_subscribe_crowd_token_bytes(const struct core_subscribe_crowd *crowd);
void core_subscribe_crowd_token(const struct core_subscribe_crowd *crowd, struct bytes_writer *w);

#endif
