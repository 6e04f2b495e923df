/* What operators share: how each is made, asks its input, evaluates, and fails. */
#ifndef VIEWS_EXEC_EXEC_INT_H
#define VIEWS_EXEC_EXEC_INT_H

#include "views/exec/exec.h"

/* Chunks of arenas: what a small query takes, what a large one grows to. */
#define EXEC_ARENA_BYTES       (4u << 10)
#define EXEC_ARENA_BYTES_LARGE (32u << 10)
#define EXEC_SCRATCH_BYTES_MAX (4u << 20)

/* Values that one call computes one by one at most (VALUES, results of aggregates). */
#define EXEC_VALUES_PER_CALL 2048u

/* Memory of one batch: an arena whose chunk becomes as large as a batch needs, so that it is not
 * asked of the budget again for each. */
struct exec_scratch {
    struct arena arena;
};

/* Make it empty. Takes nothing yet. */
void exec_scratch_init(struct exec_scratch *scratch, struct exec_query *query);

/* Forget the batch before and make this the scratch of query->eval, which is returned. */
struct vec_eval *exec_scratch_begin(struct exec_scratch *scratch, struct exec_query *query);

/* Give it all back. */
void exec_scratch_deinit(struct exec_scratch *scratch);

/* The next batch of `op`: as exec_next. Batches have rows, END stays END. */
MUST_USE enum exec_result exec_op_next(struct exec_op *op, const struct vec_batch **out);

/* Batches of an input taken in pieces, by who may have much to do for a row. All zero: none yet. */
struct exec_pieces {
    const struct vec_batch *from; /* what is being cut; NULL: nothing */
    uint32_t pos;                 /* rows of it that were given */
    uint16_t *rows;               /* row numbers 0, 1, ... of batches without a selection */
    struct vec_batch piece;       /* the last one */
};

/* Rows of a piece where each row means new memory: a new group costs as much as fifty known ones.
 */
#define EXEC_PIECE_ROWS 512u

/* How many rows of a batch expressions are evaluated for at a time: all, unless the nodes they have
 * together are many. Never so few that a node costs more than its rows. */
uint32_t exec_rows_max(const struct vec_expr *const *exprs, uint32_t count);

/* The same of expressions that have so many nodes together; the nodes of one that compute
 * something. */
uint32_t exec_rows_of_nodes(uint32_t nodes);
uint32_t exec_nodes(const struct vec_expr *expr);

/* The next rows of `input`, at most `rows_max`: as exec_op_next. */
MUST_USE enum exec_result exec_pieces_next(struct exec_pieces *pieces, struct exec_op *input,
                                           uint32_t rows_max, const struct vec_batch **out);

/* Fail: query->failure is filled, FAILED returned. By SQLSTATE (static storage) and a sentence; by
 * what query->eval says; because an arena or the budget refused. */
enum exec_result exec_fail(struct exec_query *query, const char *state, const char *sentence);
enum exec_result exec_fail_eval(struct exec_query *query);
enum exec_result exec_fail_memory(struct exec_query *query);

/* Zeroed memory in the query's arena, of an operator and what it keeps. NULL: exec_fail_memory was
 * called. */
MUST_USE void *exec_alloc(struct exec_query *query, size_t bytes);

/* The types of `count` outputs, in the query's arena. NULL: the query has failed. */
MUST_USE struct vec_type *exec_types(struct exec_query *query, const struct plan_output *outputs,
                                     uint32_t count);

/* What hashes of this query begin with: known to nobody who sent its data. */
static inline uint64_t exec_seed(const struct exec_query *query)
{
    return ((uint64_t)query->setting.now_us + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Whether `node` is where this query joins its parts: it has no input then. */
static inline bool exec_is_joint(const struct exec_query *query, const struct plan_node *node)
{
    return query->setting.parts != NULL && node == exec_parts_node(query->plan);
}

/* *out = what `limit` says, evaluated with query->eval's scratch: rows wanted (INT64_MAX: all) and
 * rows to leave out before. False: the query has failed. */
MUST_USE bool exec_limit_eval(struct exec_query *query, const struct plan_limit *limit,
                              int64_t *count, int64_t *offset);

/* Make the operator of a node: its head filled but for what exec_open knows. NULL: the query has
 * failed, and nothing is to be closed. */
typedef struct exec_op *exec_make_fn(struct exec_query *query, const struct plan_node *node);

/* The SCAN of exec_make_fn. */
struct exec_op *exec_scan_make(struct exec_query *query, const struct plan_node *node);

/* The VALUES of exec_make_fn. */
struct exec_op *exec_values_make(struct exec_query *query, const struct plan_node *node);

/* The FILTER of exec_make_fn. */
struct exec_op *exec_filter_make(struct exec_query *query, const struct plan_node *node);

/* The PROJECT of exec_make_fn. */
struct exec_op *exec_project_make(struct exec_query *query, const struct plan_node *node);

/* The AGGREGATE of exec_make_fn. */
struct exec_op *exec_aggregate_make(struct exec_query *query, const struct plan_node *node);

/* The DISTINCT of exec_make_fn. */
struct exec_op *exec_distinct_make(struct exec_query *query, const struct plan_node *node);

/* The SORT of exec_make_fn. */
struct exec_op *exec_sort_make(struct exec_query *query, const struct plan_node *node);

/* The TOP of exec_make_fn. */
struct exec_op *exec_top_make(struct exec_query *query, const struct plan_node *node);

/* The LIMIT of exec_make_fn. */
struct exec_op *exec_limit_make(struct exec_query *query, const struct plan_node *node);

#endif
