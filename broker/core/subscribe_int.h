/* Between subscribe.c (lives of subscriptions), subscribe_read.c (a topic's records become rows)
 * and subscribe_tail.c (who is given them). */
#ifndef BROKER_CORE_SUBSCRIBE_INT_H
#define BROKER_CORE_SUBSCRIBE_INT_H

#include "base/arena.h"
#include "broker/core/bounds.h"
#include "broker/core/offsets.h"
#include "broker/core/scan_columns.h"
#include "broker/core/scan_records.h"
#include "broker/core/subscribe.h"
#include "broker/core/view_feed.h"
#include "views/vec/expr.h"

/* A partition that is read. */
struct core_subscribe_lane {
    struct core_view_feed feed;
    struct core_subscribe_reader *reader; /* whose */
    uint32_t partition;                   /* which */
    uint64_t group;                       /* likewise */
    uint64_t next;                        /* the next record to be given */
    uint64_t end;                         /* where the log ended when it was last asked */
    struct buf_loan *loans;               /* batches that came */
    bool is_open;                         /* the feed is */
    bool is_away;                         /* a step of it is in hand */
    bool is_closing;                      /* its close is */
};

/* Reads a topic on from somewhere: the tail of a source, or one subscription's own. */
struct core_subscribe_reader {
    struct list_node in_subs;  /* core_subscribes.readers */
    struct list_node in_ready; /* core_subscribes.ready */
    struct core_subscribes *subs;
    struct arena arena;                   /* of lanes */
    struct log_uuid topic;                /* what is read */
    struct core_subscribe_source *source; /* makes rows of it; NULL: nothing is known of it yet */
    struct core_subscribe *sub;           /* whose it is; NULL: the tail's, or it ends */
    struct core_subscribe_crowd solo;     /* that one alone */
    struct core_subscribe_lane **lanes;   /* lanes_count: of each partition */
    uint32_t lanes_count;
    struct core_scan_records records; /* of the lane being read */
    struct buf_loan *spent;           /* batches that rows taken point into */
    uint32_t lane;                    /* being read */
    uint32_t steps;                   /* batches given since the last progress */
    bool is_news;                     /* something was told since then, or progress is due */
    bool is_moved;                    /* records were passed since then */
    bool is_live;                     /* it has come to where the log ended */
    bool is_ending;                   /* it goes when its feeds are closed */
};

/* Who has a bound of rows stands with others only while so many are left. */
#define CORE_SUBSCRIBE_CREDIT_MIN 8192u

/* Batches of rows without progress at most. */
#define CORE_SUBSCRIBE_STEPS_MAX 4u

/* What is asked alike of a stream: rows are made for all who ask it. */
struct core_subscribe_source {
    struct list_node in_subs; /* core_subscribes.sources */
    uint32_t refs;            /* subscriptions and readers */
    struct arena arena;       /* of the plan */
    struct core_subscribe_plan plan;
    struct core_scan_columns columns;
    struct vec_eval eval;               /* of filter and projections */
    struct arena scratch;               /* of one batch */
    struct vec_vector *vectors;         /* of the batch given */
    struct vec_batch batch;             /* that */
    struct sql_error failure;           /* what a row failed by */
    bool is_plain;                      /* projections are the columns as they are */
    bool has_columns;                   /* `columns` is to be ended */
    struct core_subscribe_reader *tail; /* NULL: nobody stands at the end */
    struct core_subscribe_crowd *crowd; /* those who do; NULL: likewise */
    struct list ahead;                  /* core_subscribe.in_ahead: wait for the tail */
};

/* What a subscription has to know before it reads. Freed when it does. */
struct core_subscribe_setup {
    struct core_subscribe *sub;
    struct arena arena;
    struct core_subscribe_plan plan; /* of one that has no source yet */
    struct core_bounds bounds;
    struct core_offsets *offsets;              /* of each partition, by time; NULL: not asked */
    const struct core_subscribe_place *places; /* places_count */
    uint32_t places_count;
    enum core_subscribe_from from; /* of other partitions */
    struct arena_mark asked; /* of core_subscribe.blank: behind what is asked, in its memory */
    bool is_again;           /* `asked` was set by the first look */
    bool is_planning;        /* the plan is away */
    uint32_t away_count;     /* questions under way */
};

/* subscribe.c */

/* Have a turn come. */
void core_subscribes_wake(struct core_subscribes *subs);

/* It fails, or ends well: `message` is static, or lives as long. */
void core_subscribe_fail(struct core_subscribe *sub, enum core_code code, const char *message,
                         const struct sql_error *error);

/* It waits for nothing, and has no reader: it gets one, when it is known where the log ends. */
void core_subscribe_go_on(struct core_subscribe *sub);

/* Nothing was known of its stream, and the first record has come. */
void core_subscribe_look_again(struct core_subscribe *sub);

/* subscribe_read.c */

/* *out = a reader of the partitions with those groups, its lanes not placed. `source` may be NULL.
 * ERR_BUDGET. */
MUST_USE enum err core_subscribe_reader_new(struct core_subscribes *subs,
                                            const struct log_uuid *topic, const uint64_t *groups,
                                            uint32_t count, struct core_subscribe_source *source,
                                            struct core_subscribe_reader **out);

/* Partitions that came: they are read from 0 on. False: there is no memory. */
MUST_USE bool core_subscribe_reader_widen(struct core_subscribe_reader *reader,
                                          const uint64_t *groups, uint32_t count);

/* It reads no more, and is gone when its feeds are. */
void core_subscribe_reader_end(struct core_subscribe_reader *reader);

/* Have it run soon. */
void core_subscribe_reader_wake(struct core_subscribe_reader *reader);

/* Some work. True: there is more at once. False: it waits, or is gone. */
MUST_USE bool core_subscribe_reader_run(struct core_subscribe_reader *reader);

/* What the lane has not given below `offset` is no more. */
void core_subscribe_reader_skip(struct core_subscribe_reader *reader,
                                struct core_subscribe_lane *lane, uint64_t offset);

/* subscribe_tail.c */

/* *out = the source of what the setup's plan asks: one that is there, or a new one to which the
 * plan's memory goes. With a reference for the caller. ERR_BUDGET. */
MUST_USE enum err core_subscribe_source_take(struct core_subscribes *subs,
                                             struct core_subscribe_setup *setup,
                                             struct core_subscribe_source **out);

/* One reference less. */
void core_subscribe_source_unref(struct core_subscribes *subs,
                                 struct core_subscribe_source *source);

/* Give the `count` rows taken, of that partition. False: the reader is not to go on. */
bool core_subscribe_give(struct core_subscribe_reader *reader, uint32_t partition, uint32_t count);

/* Tell a gap. */
void core_subscribe_tell_gap(struct core_subscribe_reader *reader, uint32_t partition,
                             uint64_t from, uint64_t to);

/* Tell progress; who is paused or has no credit leaves. The reader may end by it. */
void core_subscribe_progress(struct core_subscribe_reader *reader);

/* Records of the tail were passed: who waits for that looks. */
void core_subscribe_tail_moved(struct core_subscribe_reader *reader);

/* All who are given the reader's rows fail. */
void core_subscribe_reader_fail(struct core_subscribe_reader *reader, enum core_code code,
                                const char *message, const struct sql_error *error);

/* A reader of one subscription: meet the tail, or become it. True: it has. */
MUST_USE bool core_subscribe_join(struct core_subscribe_reader *reader);

/* Up to where that reader may give the lane's records now: where the tail stands; else UINT64_MAX.
 */
uint64_t core_subscribe_cap(const struct core_subscribe_reader *reader, uint32_t lane);

/* The subscription goes out of its crowd, if it is in one, and keeps where it stands in sub->next;
 * a reader that nobody is left with ends. Where there is no memory to keep that in it has failed.
 */
void core_subscribe_leave(struct core_subscribe *sub);

/* The reader is the subscription's own from now on. */
void core_subscribe_stand_alone(struct core_subscribe *sub, struct core_subscribe_reader *reader);

#endif
