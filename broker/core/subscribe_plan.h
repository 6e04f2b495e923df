/* What a subscription asks: the rows of one stream or one view, by its name, or by a SELECT that
 * filters and projects them. It is found, bound and rewritten as a query is (query.h), and then
 * taken apart:
 *
 *     SELECT b, a + 1 FROM v WHERE a > 2 AND k = $1
 *     relation v; columns a, b, k; filter a > 2 AND k = 'x'; projections b, a + 1
 *
 * What takes more than one row to answer is refused by name (0A000), with what to use instead; so
 * is what depends on the time of day, since rows that are shown have to stay what they are. Values
 * of parameters are constants in all of this.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_SUBSCRIBE_PLAN_H
#define BROKER_CORE_SUBSCRIBE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rt/op.h"
#include "broker/core/code.h"
#include "broker/core/resolve.h"
#include "views/plan/plan.h"
#include "views/sql/error.h"
#include "views/vec/type.h"

struct core_shard;
struct core_subscribe_plan;
typedef void core_subscribe_plan_fn(struct core_subscribe_plan *plan);

/* How it is asked. */
enum core_subscribe_what {
    CORE_SUBSCRIBE_STREAM, /* the stream's name: its columns, behind them _key, _partition, _offset,
                              _timestamp */
    CORE_SUBSCRIBE_VIEW,   /* the view's: its columns */
    CORE_SUBSCRIBE_SQL,    /* a SELECT over either */
};

/* A condition `column = value`, which rows have to meet. */
struct core_subscribe_equality {
    uint32_t column;        /* of core_subscribe_plan.columns */
    struct vec_value value; /* of the column's type, not null */
};

/* A subscription being read. In place, the caller's until start and from `done` on; what is
 * answered lives in the arena. Zero it, fill the first part. */
struct core_subscribe_plan {
    /* Asked. */
    core_subscribe_plan_fn *done; /* once, from a turn of the loop, not within start */
    void *ctx;                    /* the caller's */
    enum core_subscribe_what what;
    const char *text;               /* the name, exactly as it is, or the statement; lives until
                                       done, and as long as errors are to be shown */
    size_t length;                  /* bytes of it */
    const struct vec_value *params; /* params_count, of a statement; live as long as the arena */
    const struct vec_type *types;   /* of each; as core_query.types */
    uint32_t params_count;
    struct arena *arena;
    uint64_t deadline_ns; /* as core_resolve.deadline_ns */

    /* Answered. */
    enum core_code code;    /* CORE_OK, or why not: */
    struct sql_error error; /* in words, with a place where it is a statement's */

    const struct plan_relation *relation; /* a STREAM or a VIEW; a copy, `owner` with it */
    const uint32_t *columns;              /* of the relation, columns_count: what a batch has, each
                                             once; COLUMN i of expressions is columns[i] */
    const struct plan_path *paths;        /* paths_count, of a stream: columns behind those */
    uint32_t columns_count;
    uint32_t paths_count;
    const struct vec_expr *filter;             /* of the rows that are wanted; NULL: all are */
    const struct vec_expr *const *projections; /* outputs_count */
    const struct plan_output *outputs;         /* outputs_count: what is given */
    uint32_t outputs_count;
    const uint32_t *keys; /* of a view whose keys are all shown: the output that shows each, in the
                             order of its keys; keys_count; 0: not all are */
    uint32_t keys_count;

    /* Conditions by which rows may be found: a part of `filter`. */
    const struct core_subscribe_equality *equalities; /* equalities_count, of columns each once */
    uint32_t equalities_count;
    bool is_indexed; /* there is one, and what remains of the filter, and the projections, cannot
                        fail for any row: whoever asks the same but for the value of equalities[0]
                        is of the same shape, for which rest and projections are computed once */
    const struct vec_expr *rest; /* is_indexed: `filter` without equalities[0]; NULL: nothing */

    /* Bytes that are the same where the same is asked of the same version of a relation (which they
     * do not name); and without the value of equalities[0]: the shape. */
    struct vec_bytes identity;
    struct vec_bytes shape; /* is_indexed; else empty */

    /* Private to subscribe_plan.c. */
    struct core_shard *cs;
    struct rt_op op; /* tells what is known at once */
    struct sql_stmt *stmt;
    struct sql_reference reference; /* of a name */
    struct core_resolve resolve;
};

/* Begin. What may be answered: 0A000, what is not served; CORE_UNKNOWN_STREAM, CORE_UNKNOWN_VIEW,
 * CORE_INVALID_STREAM (a view), CORE_INVALID_VIEW (a stream) of a name; what binding says of a
 * statement (CORE_INVALID_REQUEST), what finding the relation ends with (core_resolve_start);
 * CORE_OVERLOADED. */
void core_subscribe_plan_start(struct core_shard *cs, struct core_subscribe_plan *plan);

/* End it early: done fires soon, with CORE_TIMEOUT unless it had ended. */
void core_subscribe_plan_cancel(struct core_subscribe_plan *plan);

/* Of what was asked (identity), for tokens: as long as it is asked of the same relation. */
uint64_t core_subscribe_plan_hash(const struct core_subscribe_plan *plan);

#endif
