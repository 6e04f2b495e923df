/* A query from open to close, and what all operators do alike. See exec.h.
 *
 * A plan is a chain: each node has one input. Its operators are made from the leaf upwards and
 * closed from the root downwards, however far making them came.
 *
 * Nobody loops: an operator asks its input once per call and passes on that there is nothing yet.
 * So a call does the work of one batch in each operator at most. */
#include "views/exec/exec.h"

#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/units.h"
#include "views/exec/exec_int.h"

static exec_make_fn *const exec_makers[PLAN_KIND_COUNT] = {
    [PLAN_SCAN] = exec_scan_make,           [PLAN_VALUES] = exec_values_make,
    [PLAN_FILTER] = exec_filter_make,       [PLAN_PROJECT] = exec_project_make,
    [PLAN_AGGREGATE] = exec_aggregate_make, [PLAN_DISTINCT] = exec_distinct_make,
    [PLAN_SORT] = exec_sort_make,           [PLAN_TOP] = exec_top_make,
    [PLAN_LIMIT] = exec_limit_make,
};

/* Nodes of expressions that are evaluated for whole batches, and the rows that are left for the
 * largest. */
#define EXEC_NODES_FEW  512u
#define EXEC_ROWS_LEAST 128u

static bool exec_open_ops(struct exec_query *query, const struct plan_node *node);

enum err exec_open(struct exec_query *query, const struct plan *plan,
                   const struct exec_setting *setting, const struct exec_source_ops *source_ops,
                   void *source_ctx)
{
    *query = (struct exec_query){
        .plan = plan,
        .setting = *setting,
        .source_ops = source_ops,
        .source_ctx = source_ctx,
        .eval = {.params = setting->params,
                 .params_types = plan->params,
                 .params_count = plan->params_count,
                 .now_us = setting->now_us},
    };
    arena_init(&query->arena, setting->budget, EXEC_ARENA_BYTES, SIZE_MAX);
    query->eval.kept = &query->arena;
    ASSERT(IMPLIES(setting->is_part || setting->parts != NULL, exec_parts_node(plan) != NULL));
    if (!exec_open_ops(query, setting->is_part ? exec_parts_node(plan) : plan->root)) {
        ASSERT(query->failure.state != NULL || query->failure.vec.fault != VEC_FAULT_NONE);
        exec_close(query);
        return query->failure.state != NULL && strcmp(query->failure.state, "53200") == 0
                   ? ERR_BUDGET
                   : ERR_INVALID;
    }
    query->root = query->last;
    return ERR_OK;
}

/* Make the operator of `node` and those below it, the lowest first: PLAN_DEPTH_MAX deep at most. */
static bool exec_open_ops(struct exec_query *query, const struct plan_node *node)
{
    ASSERT(node->kind < PLAN_KIND_COUNT);
    if (node->input != NULL && !exec_is_joint(query, node) && !exec_open_ops(query, node->input)) {
        return false;
    }
    struct exec_op *op = exec_makers[node->kind](query, node);
    if (op == NULL) {
        return false;
    }
    ASSERT(op->ops != NULL);
    op->query = query;
    op->node = node;
    op->input = query->last;
    query->last = op;
    return true;
}

const struct plan_node *exec_parts_node(const struct plan *plan)
{
    const struct plan_node *lowest = NULL;
    for (const struct plan_node *node = plan->root; node != NULL; node = node->input) {
        lowest = node->kind == PLAN_AGGREGATE ? node : lowest;
    }
    if (lowest == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < lowest->aggregate.aggregations_count; i++) {
        if (lowest->aggregate.aggregations[i].is_distinct) {
            return NULL;
        }
    }
    const struct plan_node *leaf = lowest->input;
    while (leaf->kind == PLAN_FILTER || leaf->kind == PLAN_PROJECT) {
        leaf = leaf->input;
    }
    bool is_stream = leaf->kind == PLAN_SCAN && leaf->scan.relation->kind == PLAN_RELATION_STREAM;
    return is_stream && leaf->scan.partition < 0 && leaf->scan.rows_max == INT64_MAX ? lowest
                                                                                     : NULL;
}

void exec_failure_copy(struct exec_failure *to, const struct exec_failure *from)
{
    *to = *from;
    to->vec.text = from->vec.text != NULL ? to->text : NULL;
}

enum exec_result exec_next(struct exec_query *query, const struct vec_batch **out)
{
    ASSERT(query->root != NULL);
    if (query->failure.state != NULL || query->failure.vec.fault != VEC_FAULT_NONE) {
        return EXEC_FAILED;
    }
    query->eval.steps_left = VEC_EVAL_STEPS;
    enum exec_result result = exec_op_next(query->root, out);
    ASSERT((result == EXEC_FAILED) ==
           (query->failure.state != NULL || query->failure.vec.fault != VEC_FAULT_NONE));
    return result;
}

void exec_close(struct exec_query *query)
{
    exec_stop(query);
    bool is_done = exec_free(query, SIZE_MAX);
    ASSERT(is_done);
}

void exec_stop(struct exec_query *query)
{
    for (struct exec_op *op = query->last; op != NULL; op = op->input) {
        op->ops->close(op);
    }
    query->root = NULL;
    query->eval.scratch = NULL;
    query->eval.lists = NULL;
}

bool exec_free(struct exec_query *query, size_t bytes)
{
    size_t left = bytes;
    while (query->last != NULL) {
        struct exec_op *op = query->last;
        for (size_t i = 0; i < ARRAY_COUNT(op->kept); i++) {
            struct arena *a = op->kept[i];
            size_t held_bytes = a != NULL ? a->held_bytes : 0;
            if (a != NULL && !arena_deinit_some(a, left)) {
                return false;
            }
            left -= held_bytes < left ? held_bytes : left;
        }
        query->last = op->input;
    }
    return arena_deinit_some(&query->arena, left);
}

enum exec_result exec_op_next(struct exec_op *op, const struct vec_batch **out)
{
    if (op->is_ended) {
        return EXEC_END;
    }
    enum exec_result result = op->ops->next(op, out);
    if (result == EXEC_ROWS) {
        ASSERT((*out)->selection.count > 0);
        ASSERT((*out)->selection.count <= (*out)->rows_count);
        ASSERT((*out)->rows_count <= VEC_ROWS_MAX);
        ASSERT((*out)->columns_count == op->node->outputs_count);
        op->rows_count += (*out)->selection.count;
    }
    op->is_ended = result == EXEC_END;
    return result;
}

uint32_t exec_nodes(const struct vec_expr *expr)
{
    uint32_t count = expr->args_count > 0;
    for (uint32_t i = 0; i < expr->args_count; i++) {
        count += exec_nodes(expr->args[i]);
    }
    return count;
}

uint32_t exec_rows_max(const struct vec_expr *const *exprs, uint32_t count)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < count; i++) {
        nodes += exec_nodes(exprs[i]);
    }
    return exec_rows_of_nodes(nodes);
}

uint32_t exec_rows_of_nodes(uint32_t nodes)
{
    if (nodes <= EXEC_NODES_FEW) {
        return VEC_ROWS_MAX;
    }
    uint32_t rows_max = VEC_ROWS_MAX * EXEC_NODES_FEW / nodes;
    return rows_max > EXEC_ROWS_LEAST ? rows_max : EXEC_ROWS_LEAST;
}

enum exec_result exec_pieces_next(struct exec_pieces *pieces, struct exec_op *input,
                                  uint32_t rows_max, const struct vec_batch **out)
{
    if (pieces->from == NULL) {
        enum exec_result result = exec_op_next(input, out);
        if (result != EXEC_ROWS || (*out)->selection.count <= rows_max) {
            return result;
        }
        pieces->from = *out;
        pieces->pos = 0;
    }
    const struct vec_selection all = pieces->from->selection;
    if (all.rows == NULL && pieces->rows == NULL) {
        pieces->rows = exec_alloc(input->query, VEC_ROWS_MAX * sizeof(*pieces->rows));
        if (pieces->rows == NULL) {
            return EXEC_FAILED;
        }
        for (uint32_t i = 0; i < VEC_ROWS_MAX; i++) {
            pieces->rows[i] = (uint16_t)i;
        }
    }
    uint32_t left = all.count - pieces->pos;
    uint32_t count = left < rows_max ? left : rows_max;
    const uint16_t *rows = all.rows != NULL ? all.rows : pieces->rows;
    pieces->piece = *pieces->from;
    pieces->piece.selection = (struct vec_selection){.rows = rows + pieces->pos, .count = count};
    pieces->pos += count;
    pieces->from = count == left ? NULL : pieces->from;
    *out = &pieces->piece;
    return EXEC_ROWS;
}

void exec_scratch_init(struct exec_scratch *scratch, struct exec_query *query)
{
    arena_init(&scratch->arena, query->setting.budget, EXEC_ARENA_BYTES, SIZE_MAX);
}

struct vec_eval *exec_scratch_begin(struct exec_scratch *scratch, struct exec_query *query)
{
    struct arena *a = &scratch->arena;
    size_t chunk_bytes = a->chunk_bytes;
    while (chunk_bytes < a->held_bytes && chunk_bytes < EXEC_SCRATCH_BYTES_MAX) {
        chunk_bytes *= 2;
    }
    if (chunk_bytes > a->chunk_bytes) {
        struct budget *budget = a->budget;
        arena_deinit(a);
        arena_init(a, budget, chunk_bytes, SIZE_MAX);
    } else {
        arena_reset(a);
    }
    query->eval.scratch = a;
    return &query->eval;
}

void exec_scratch_deinit(struct exec_scratch *scratch)
{
    arena_deinit(&scratch->arena);
}

void *exec_alloc(struct exec_query *query, size_t bytes)
{
    void *ptr = arena_alloc_zeroed(&query->arena, bytes, ARENA_ALIGN_MAX);
    if (ptr == NULL) {
        exec_fail_memory(query);
    }
    return ptr;
}

struct vec_type *exec_types(struct exec_query *query, const struct plan_output *outputs,
                            uint32_t count)
{
    struct vec_type *types = exec_alloc(query, count * sizeof(*types));
    for (uint32_t i = 0; types != NULL && i < count; i++) {
        types[i] = outputs[i].type;
    }
    return types;
}

enum exec_result exec_fail(struct exec_query *query, const char *state, const char *sentence)
{
    struct exec_failure *failure = &query->failure;
    failure->state = state;
    snprintf(failure->message, sizeof(failure->message), "%s", sentence);
    return EXEC_FAILED;
}

enum exec_result exec_fail_eval(struct exec_query *query)
{
    const struct vec_failure *from = &query->eval.failure;
    struct exec_failure *failure = &query->failure;
    ASSERT(from->fault != VEC_FAULT_NONE);
    if (from->fault == VEC_FAULT_MEMORY) {
        return exec_fail_memory(query);
    }
    failure->vec = *from;
    if (from->text != NULL) {
        size_t length = from->text_length;
        length = length < sizeof(failure->text) ? length : sizeof(failure->text) - 1;
        memcpy(failure->text, from->text, length);
        failure->text[length] = '\0';
        failure->vec.text = failure->text;
        failure->vec.text_length = length;
    }
    return EXEC_FAILED;
}

enum exec_result exec_fail_memory(struct exec_query *query)
{
    /* Whose limit it was: the one with the least left. */
    const struct budget *own = query->setting.budget;
    const struct budget *tight = own;
    for (const struct budget *b = own; b != NULL; b = b->parent) {
        bool is_over = b->used_bytes >= b->limit_bytes;
        size_t left = is_over ? 0 : b->limit_bytes - b->used_bytes;
        bool tight_is_over = tight->used_bytes >= tight->limit_bytes;
        size_t tight_left = tight_is_over ? 0 : tight->limit_bytes - tight->used_bytes;
        tight = left < tight_left ? b : tight;
    }
    char limit[UNITS_TEXT_BYTES];
    units_format_bytes(tight->limit_bytes, limit);
    struct exec_failure *failure = &query->failure;
    failure->state = "53200";
    if (tight == own) {
        snprintf(
            failure->message, sizeof(failure->message),
            "out of memory: a query may hold %s; filter more rows, select fewer columns, group "
            "by fewer values, or sort with a small LIMIT",
            limit);
    } else {
        snprintf(failure->message, sizeof(failure->message),
                 "out of memory: all %s together may hold %s; try again when others have ended",
                 tight->name, limit);
    }
    return EXEC_FAILED;
}
