/* The statements of a shard: whose turn it is, what memory they have, the plans that are kept.
 * query.h starts one. Own shard only. */
#ifndef BROKER_CORE_QUERIES_H
#define BROKER_CORE_QUERIES_H

#include <stdint.h>

#include "base/budget.h"
#include "base/list.h"
#include "base/metric.h"
#include "base/pool.h"
#include "base/rt/op.h"
#include "broker/core/plans.h"

struct core_query_part;
struct core_shard;

/* What statements may take. */
struct core_queries_config {
    uint64_t bytes_max;       /* of one, and of each of its parts; 0: 64 MiB */
    uint64_t total_bytes_max; /* of all of a shard; 0: half of its memory */
    uint32_t running_max;     /* that read at a time on a shard; 0: 64 */
    uint64_t timeout_ms;      /* of one that does not say; 0: none */
};

/* How a statement ended, for the counters. */
enum core_queries_outcome {
    CORE_QUERIES_OK,
    CORE_QUERIES_FAILED,
    CORE_QUERIES_CANCELED, /* by its client, or past its time */
    CORE_QUERIES_OUTCOMES_COUNT
};

/* Counters of a shard. */
struct core_queries_metrics {
    struct metric_counter ended[CORE_QUERIES_OUTCOMES_COUNT]; /* by outcome */
    struct metric_histogram time;                             /* from start to end */
    struct metric_gauge running;                              /* begun and not ended */
    struct metric_counter rows;                               /* handed over */
    struct metric_counter records;                            /* looked at */
    struct metric_counter
        duplicates; /* names that objects of them had again: the last one counts */
    struct metric_counter plans_kept; /* statements whose plan was there */
};

struct core_queries {
    struct core_shard *cs;               /* whose */
    uint64_t bytes_max;                  /* of one statement, of each of its parts */
    uint32_t running_max;                /* that read */
    struct budget budget;                /* of all of them, their plans too */
    struct pool pool;                    /* of struct core_query_run */
    struct list idle;                    /* core_query_run.in_list: to be used again */
    uint32_t idle_count;                 /* of them */
    struct list ready;                   /* likewise: can go on */
    struct list parts;                   /* core_query_part.in_list: of any shard's statements, can
                                            go on here */
    struct list waiting;                 /* core_query_run.in_list: for others that read to end */
    uint32_t waiting_count;              /* of them */
    struct list refused;                 /* core_query.in_refused: there is no memory for them */
    uint32_t admitted_count;             /* that may read */
    uint32_t slots_count;                /* core_query_parts.slots_count of all its statements; no
                                            more than running_max */
    uint32_t count;                      /* begun and not ended */
    struct list running;                 /* core_query_run.in_running: those that have a run, by
                                            number */
    uint64_t begun_count;                /* numbers given */
    struct rt_op op;                     /* the next turn */
    struct core_plans plans;             /* kept */
    struct core_queries_metrics metrics; /* what is counted */
};

/* Ready for statements. ERR_BUDGET; then it is to be closed all the same. */
MUST_USE enum err core_queries_open(struct core_queries *queries, struct core_shard *cs,
                                    const struct core_queries_config *config);

/* A part is to have its turn. Private to broker/core. */
void core_queries_wake_part(struct core_queries *queries, struct core_query_part *part);

/* None is running (asserted). */
void core_queries_close(struct core_queries *queries);

#endif
