/* PROJECT: columns computed from those of the input; rows stay what they are. */
#include "views/exec/exec_int.h"

/* A projection. */
struct exec_project {
    struct exec_op op;
    struct exec_pieces pieces; /* of the input */
    uint32_t rows_max;         /* of a piece */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the last one; columns in the query's arena */
};

static enum exec_result exec_project_next(struct exec_op *op, const struct vec_batch **out);
static void exec_project_close(struct exec_op *op);

struct exec_op *exec_project_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_project_next, exec_project_close};
    struct exec_project *project = exec_alloc(query, sizeof(*project));
    struct vec_vector *columns = exec_alloc(query, node->outputs_count * sizeof(*columns));
    if (project == NULL || columns == NULL) {
        return NULL;
    }
    project->op.ops = &ops;
    project->rows_max = exec_rows_max(node->project, node->outputs_count);
    project->batch.columns = columns;
    project->batch.columns_count = node->outputs_count;
    exec_scratch_init(&project->scratch, query);
    return &project->op;
}

static enum exec_result exec_project_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_project *project = CONTAINER_OF(op, struct exec_project, op);
    const struct vec_batch *batch;
    enum exec_result result =
        exec_pieces_next(&project->pieces, op->input, project->rows_max, &batch);
    if (result != EXEC_ROWS) {
        return result;
    }
    struct vec_eval *ev = exec_scratch_begin(&project->scratch, op->query);
    for (uint32_t i = 0; i < op->node->outputs_count; i++) {
        if (!vec_eval(ev, op->node->project[i], batch, batch->selection,
                      &project->batch.columns[i])) {
            return exec_fail_eval(op->query);
        }
    }
    project->batch.rows_count = batch->rows_count;
    project->batch.selection = batch->selection;
    project->batch.stretch = batch->stretch;
    *out = &project->batch;
    return EXEC_ROWS;
}

static void exec_project_close(struct exec_op *op)
{
    exec_scratch_deinit(&CONTAINER_OF(op, struct exec_project, op)->scratch);
}
