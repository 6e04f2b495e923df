/* SORT: keeps all rows, then gives them in order. The work is that of runs.c. */
#include "views/exec/runs.h"

/* A sort. */
struct exec_sort {
    struct exec_op op;
    struct exec_runs runs;
    struct exec_scratch scratch;
    struct vec_batch batch; /* the last one; columns in the query's arena */
};

static enum exec_result exec_sort_next(struct exec_op *op, const struct vec_batch **out);
static enum exec_result exec_sort_give(struct exec_sort *sort, const struct vec_batch **out);
static void exec_sort_close(struct exec_op *op);

struct exec_op *exec_sort_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_sort_next, exec_sort_close};
    struct exec_sort *sort = exec_alloc(query, sizeof(*sort));
    struct vec_vector *columns = exec_alloc(query, node->outputs_count * sizeof(*columns));
    struct vec_type *types = exec_types(query, node->outputs, node->outputs_count);
    if (sort == NULL || columns == NULL || types == NULL ||
        !exec_runs_init(&sort->runs, query, &node->sort, types, node->outputs_count)) {
        return NULL;
    }
    sort->op.ops = &ops;
    sort->op.kept[0] = &sort->runs.arena;
    sort->batch.columns = columns;
    exec_scratch_init(&sort->scratch, query);
    return &sort->op;
}

static enum exec_result exec_sort_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_sort *sort = CONTAINER_OF(op, struct exec_sort, op);
    if (sort->runs.is_merging) {
        return exec_sort_give(sort, out);
    }
    const struct vec_batch *batch;
    enum exec_result result = exec_op_next(op->input, &batch);
    bool is_fine = true;
    if (result == EXEC_ROWS) {
        exec_scratch_begin(&sort->scratch, op->query);
        is_fine = exec_runs_add(&sort->runs, op->query, batch);
    } else if (result == EXEC_END) {
        is_fine = exec_runs_merge(&sort->runs, op->query);
    } else {
        return result;
    }
    return is_fine ? EXEC_AGAIN : EXEC_FAILED;
}

static enum exec_result exec_sort_give(struct exec_sort *sort, const struct vec_batch **out)
{
    struct exec_query *query = sort->op.query;
    exec_scratch_begin(&sort->scratch, query);
    struct arena *a = &sort->scratch.arena;
    const uint8_t **rows = arena_alloc(a, VEC_ROWS_MAX * sizeof(*rows), sizeof(*rows));
    if (rows == NULL) {
        return exec_fail_memory(query);
    }
    uint32_t count = exec_runs_next(&sort->runs, rows);
    if (count == 0) {
        return EXEC_END;
    }
    if (exec_rows_batch(&sort->runs.layout, rows, count, a, &sort->batch) != ERR_OK) {
        return exec_fail_memory(query);
    }
    *out = &sort->batch;
    return EXEC_ROWS;
}

static void exec_sort_close(struct exec_op *op)
{
    struct exec_sort *sort = CONTAINER_OF(op, struct exec_sort, op);
    exec_scratch_deinit(&sort->scratch);
}
