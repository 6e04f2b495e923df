/* FILTER: the rows for which a condition is true, by narrowing the selection. */
#include "views/exec/exec_int.h"

/* A filter. */
struct exec_filter {
    struct exec_op op;
    struct exec_pieces pieces; /* of the input */
    uint32_t rows_max;         /* of a piece */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the input's, with fewer rows */
};

static enum exec_result exec_filter_next(struct exec_op *op, const struct vec_batch **out);
static void exec_filter_close(struct exec_op *op);

struct exec_op *exec_filter_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_filter_next, exec_filter_close};
    struct exec_filter *filter = exec_alloc(query, sizeof(*filter));
    if (filter == NULL) {
        return NULL;
    }
    filter->op.ops = &ops;
    filter->rows_max = exec_rows_max(&node->filter, 1);
    exec_scratch_init(&filter->scratch, query);
    return &filter->op;
}

static enum exec_result exec_filter_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_filter *filter = CONTAINER_OF(op, struct exec_filter, op);
    const struct vec_batch *batch;
    enum exec_result result =
        exec_pieces_next(&filter->pieces, op->input, filter->rows_max, &batch);
    if (result != EXEC_ROWS) {
        return result;
    }
    struct vec_eval *ev = exec_scratch_begin(&filter->scratch, op->query);
    filter->batch = *batch;
    if (!vec_eval_filter(ev, op->node->filter, batch, batch->selection, &filter->batch.selection)) {
        return exec_fail_eval(op->query);
    }
    *out = &filter->batch;
    return filter->batch.selection.count > 0 ? EXEC_ROWS : EXEC_AGAIN;
}

static void exec_filter_close(struct exec_op *op)
{
    exec_scratch_deinit(&CONTAINER_OF(op, struct exec_filter, op)->scratch);
}
