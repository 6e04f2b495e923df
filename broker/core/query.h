/* A statement in SQL, carried out: parsed, bound, run in short turns, its rows handed over as they
 * come. What every door that speaks SQL starts.
 *
 *     SELECT, VALUES       rows of a plan; "SELECT"
 *     EXPLAIN              the plan, a line a row, or one row of JSON; "EXPLAIN"
 *     SHOW ...             rows of a system table; "SHOW"
 *     SHOW CREATE          one row: the statement that declares a stream, or would, or that makes a
 *                          view, and beside it the one that declares what it reads; "SHOW"
 *     DESCRIBE             a row for each column; "DESCRIBE"
 *     EXPLAIN MATERIALIZED VIEW, EXPLAIN CREATE MATERIALIZED VIEW   what is kept, the plan;
 *                          "EXPLAIN"
 *     CREATE STREAM, DROP STREAM; CREATE, ALTER, DROP MATERIALIZED VIEW   no columns, no rows
 *
 * Plans of SELECTs are kept per shard under their normalised text (views/sql/normal.h) and the
 * types of their parameters. All statements of a shard together work half a millisecond of a turn
 * at most; one that reads relations waits while too many others do.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_QUERY_H
#define BROKER_CORE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/list.h"
#include "broker/core/position.h"
#include "views/plan/plan.h"
#include "views/sql/error.h"
#include "views/vec/vector.h"

struct core_query;
struct core_shard;

/* Room for notices: they name a topic, and say what a view reads. */
#define CORE_QUERY_NOTICE_BYTES 1024u

/* Who takes what a query gives; all are called from turns of the loop. */
struct core_query_ops {
    /* Once, before any rows: what the columns are. */
    void (*columns)(struct core_query *query, const struct plan_output *outputs, uint32_t count);
    /* Some rows, at least one. True: go on; the batch lives until this returns. False: no more
     * until core_query_resume; the batch lives as long as query->is_paused. */
    bool (*rows)(struct core_query *query, const struct vec_batch *batch);
    /* Once, the end: query->error says how it went. The query is the caller's again. */
    void (*done)(struct core_query *query);
};

/* In place, the caller's until start and from `done` on. Zero it, fill the first part. */
struct core_query {
    /* Asked. */
    const struct core_query_ops *ops;
    void *ctx;                      /* the caller's */
    const char *text;               /* one statement; lives until done */
    size_t length;                  /* bytes of it */
    const struct vec_value *params; /* params_count; live until done */
    const struct vec_type *types;   /* of each; VEC_NONE: a text whose type follows from where it
                                       stands */
    uint32_t params_count;
    uint64_t deadline_ns; /* of rt_now_ns: past it, 57014; 0: the server's default; UINT64_MAX: none
                           */
    size_t bytes_max;     /* of memory: past it, 53200; 0: the server's default */
    struct core_position position_min; /* of a view: wait until its rows hold all that this says;
                                          55T02 at the end of the time, 55T01: it is of another
                                          timeline; epoch 0: any */
    bool is_any; /* of a view: do not wait, neither until it is built nor for a position */

    /* Answered. */
    struct sql_error error; /* SQL_STATE_NONE: it went well */
    const char *tag;        /* "SELECT", "CREATE STREAM", ...: static storage; NULL: not known */
    char notice[CORE_QUERY_NOTICE_BYTES]; /* what goes with it, for people, a line each; "":
                                             nothing */
    uint64_t rows_count;                  /* handed over */
    uint64_t errors_count;                /* error rows that the scans found, and those of
                                             the views that are read, as of `position` */
    uint64_t records_count;               /* that the scans looked at */
    uint64_t scanned_bytes;               /* likewise */
    struct core_position position; /* of a view's rows: what they hold; epoch 0: not known, or they
                                      are no view's. Known before the first rows */
    bool has_columns;              /* `columns` was called */
    bool is_paused; /* `rows` answered false, and the batch is there: until resume, cancel, or
                       the end of its time, of which `done` tells later */

    /* Private to query.c. */
    struct core_query_run *run;  /* what carries it out; NULL: there is no memory for one */
    struct list_node in_refused; /* core_queries.refused: those are told so */
};

/* Begin. False: nothing of `ops` was called yet, nor will be within resume or cancel. True: it is
 * over, and `done` was called within: so ends what need not wait, a statement whose plan is kept
 * and reads nothing. (Of a thousand clients who ask at once each is answered while what it takes is
 * in the cache, instead of all being begun before the first is answered.) */
bool core_query_start(struct core_shard *cs, struct core_query *query);

/* Go on, after `rows` answered false. Nothing to do when it is not paused any more. */
void core_query_resume(struct core_query *query);

/* End it: done fires soon, with 57014 unless it had ended; a change that has begun is made all the
 * same. */
void core_query_cancel(struct core_query *query);

#endif
