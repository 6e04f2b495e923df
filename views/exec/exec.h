/* Running a plan: batches of rows, pulled one after the other, in steps that stay short.
 *
 *     exec_open(&query, &plan, &setting, source_ops, source_ctx)
 *     switch (exec_next(&query, &batch)) {
 *     case EXEC_ROWS:    use batch, ask again
 *     case EXEC_AGAIN:   nothing yet: ask again, now or after others had their turn
 *     case EXEC_BLOCKED: a source waits: ask again when it said that it is ready
 *     case EXEC_END:     that was all
 *     case EXEC_FAILED:  query.failure says why
 *     }
 *     exec_close(&query), or exec_stop(&query) and exec_free(&query) until it is done
 *
 * One call looks at one batch of input at most and takes some hundred microseconds; who runs
 * queries looks at the clock between calls. An operator that needs all its input (sort, aggregate)
 * answers AGAIN until it has it, and then gives its result in steps, too.
 *
 * Each operator is a file, made from its plan node; they know each other by `struct exec_op` alone.
 * Memory: one arena for what lives as long as the query and one for what lives as long as a batch,
 * per operator where it must; all charged to the query's budget. Past it: 53200, never a crash.
 *
 * **Parts.** An aggregation right over the rows of a stream can be folded partition by partition,
 * each wherever its records are, and joined in their order (exec_parts_node). A part is a query of
 * its own that gives no rows: when it is at its end, its states stand ready. The query that joins
 * them asks struct exec_parts for one after the other instead of a source. The answer is the same
 * bit for bit; a sum of NUMERIC that only on its way has more than 76 digits may fail either way.
 *
 * Pure: no clock, no I/O; rows come from sources (struct exec_source_ops). The result enum is
 * DuckDB's (operator_result_type.hpp) for operators that are pulled. */
#ifndef VIEWS_EXEC_EXEC_H
#define VIEWS_EXEC_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "views/plan/plan.h"
#include "views/vec/vector.h"

enum exec_result {
    EXEC_ROWS,
    EXEC_AGAIN,
    EXEC_BLOCKED,
    EXEC_END,
    EXEC_FAILED,
};

/* Why a query failed: one of both. Lives as long as the query. */
struct exec_failure {
    struct vec_failure vec; /* of a value; vec.fault VEC_FAULT_NONE: it is the other */
    char text[256];         /* vec.text points here */
    const char *state;      /* SQLSTATE of anything else; NULL: nothing else. Static storage */
    char message[256];      /* and its sentence */
};

/* *to = `from`, whose query may go then. */
void exec_failure_copy(struct exec_failure *to, const struct exec_failure *from);

/* Where a scan's rows come from: one per SCAN node, opened by the executor. */
struct exec_source; /* whoever opened it knows what it is */

struct exec_source_ops {
    /* *out = rows of `scan`. The source charges `budget` for what it holds. ERR_OK, or `failure` is
     * filled (state and message). */
    enum err (*open)(void *ctx, const struct plan_scan *scan, uint32_t outputs_count,
                     struct budget *budget, struct exec_failure *failure, struct exec_source **out);
    /* The next batch, columns as the scan lists them; it lives until the next call. BLOCKED: the
     * source will tell its owner (not the executor) when to ask again. */
    enum exec_result (*next)(struct exec_source *source, struct exec_failure *failure,
                             const struct vec_batch **out);
    /* No more is wanted. Never waits: what is under way goes on and frees itself. */
    void (*close)(struct exec_source *source);
};

struct exec_op;
struct exec_query;

/* What an operator does. */
struct exec_op_ops {
    /* The next batch, as exec_next; it has rows. Not asked again after END. */
    enum exec_result (*next)(struct exec_op *op, const struct vec_batch **out);
    /* Give back what is not in the query's arena, nor in op->kept; inputs are closed by who made
     * them. */
    void (*close)(struct exec_op *op);
};

/* An operator: the head of each one's own struct. */
struct exec_op {
    const struct exec_op_ops *ops;
    struct exec_query *query;     /* whose */
    const struct plan_node *node; /* made from */
    struct exec_op *input;        /* NULL: none */
    struct arena *kept[2];        /* what may be large, given back in pieces; NULL: none */
    uint64_t rows_count;          /* given so far, for EXPLAIN ANALYZE and progress */
    bool is_ended;                /* it has answered END */
};

/* Where a query's parts come from. */
struct exec_parts {
    /* The part of the next partition, which is at its end: ROWS. BLOCKED: it is not yet; `ctx` will
     * tell its owner when to ask again. END: that was all. FAILED: it has failed, and `failure` is
     * filled. */
    enum exec_result (*next)(void *ctx, struct exec_failure *failure, struct exec_query **out);
    /* It has been joined and is no more looked at. Not called for one that is not joined whole when
     * the query is closed. */
    void (*joined)(void *ctx, struct exec_query *part);
    void *ctx;
};

/* What a query runs with. */
struct exec_setting {
    struct budget *budget;          /* the query's own: its limit is the query's */
    const struct vec_value *params; /* plan->params_count, of its types; live as long */
    int64_t now_us;                 /* now() */
    const struct exec_parts *parts; /* join these; NULL: read the source. Lives as long */
    bool is_part;                   /* be the part of `partition`: exec_next never gives rows */
    uint32_t partition;             /* is_part: which */
};

/* A query that runs. Embedded in its owner. */
struct exec_query {
    struct exec_failure failure; /* once it has failed */

    /* Private to views/exec. */
    const struct plan *plan;
    struct exec_setting setting;
    const struct exec_source_ops *source_ops;
    void *source_ctx;
    struct arena arena;   /* as long as the query */
    struct vec_eval eval; /* scratch NULL here: each operator has its own */
    struct exec_op *root;
    struct exec_op *last; /* made last: all are chained for the close */
};

/* Make it ready to run `plan` (valid; it outlives the query). ERR_BUDGET: memory is refused;
 * ERR_INVALID: a source is; then query->failure is filled, and it has been closed. */
MUST_USE enum err exec_open(struct exec_query *query, const struct plan *plan,
                            const struct exec_setting *setting,
                            const struct exec_source_ops *source_ops, void *source_ctx);

/* The next batch, which lives until the next call. */
MUST_USE enum exec_result exec_next(struct exec_query *query, const struct vec_batch **out);

/* The AGGREGATE of `plan` that can be folded in parts, NULL: there is none. It is the lowest one.
 * Below it stand a SCAN of a stream that asks for all rows of all partitions, and what looks at a
 * row alone; DISTINCT aggregates see rows of all partitions and are none. */
const struct plan_node *exec_parts_node(const struct plan *plan);

/* End it, whether it is at its end or not. query->failure stays. */
void exec_close(struct exec_query *query);

/* The same in short steps: its sources are closed and nothing is asked of it any more; then memory
 * is given back, `bytes` of it in each call or a little more, until that answers true. */
void exec_stop(struct exec_query *query);
MUST_USE bool exec_free(struct exec_query *query, size_t bytes);

#endif
