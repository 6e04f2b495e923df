/* LIMIT: leaves out the first rows, ends after so many, and asks its input no more then. */
#include "views/exec/exec_int.h"

/* A limit. */
struct exec_limit {
    struct exec_op op;
    bool is_known;      /* count and offset have been evaluated */
    int64_t left_count; /* rows that may still go out */
    int64_t skip_count; /* rows to be left out before */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the input's, cut */
    uint16_t *rows;         /* of it, where the input has no selection; VEC_ROWS_MAX, when needed */
};

static enum exec_result exec_limit_next(struct exec_op *op, const struct vec_batch **out);
static enum exec_result exec_limit_cut(struct exec_limit *limit, const struct vec_batch *batch);
static void exec_limit_close(struct exec_op *op);
static bool exec_limit_part(struct exec_query *query, const struct vec_expr *expr, int64_t none,
                            const char *state, const char *sentence, int64_t *out);

struct exec_op *exec_limit_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_limit_next, exec_limit_close};
    (void)node;
    struct exec_limit *limit = exec_alloc(query, sizeof(*limit));
    if (limit == NULL) {
        return NULL;
    }
    limit->op.ops = &ops;
    exec_scratch_init(&limit->scratch, query);
    return &limit->op;
}

static enum exec_result exec_limit_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_limit *limit = CONTAINER_OF(op, struct exec_limit, op);
    if (!limit->is_known) {
        exec_scratch_begin(&limit->scratch, op->query);
        if (!exec_limit_eval(op->query, &op->node->limit, &limit->left_count, &limit->skip_count)) {
            return EXEC_FAILED;
        }
        limit->is_known = true;
    }
    if (limit->left_count == 0) {
        return EXEC_END;
    }
    const struct vec_batch *batch;
    enum exec_result result = exec_op_next(op->input, &batch);
    if (result != EXEC_ROWS) {
        return result;
    }
    if (batch->selection.count <= limit->skip_count) {
        limit->skip_count -= batch->selection.count;
        return EXEC_AGAIN;
    }
    *out = &limit->batch;
    return exec_limit_cut(limit, batch);
}

/* limit->batch = the rows of `batch` that go out; there is one. */
static enum exec_result exec_limit_cut(struct exec_limit *limit, const struct vec_batch *batch)
{
    limit->batch = *batch;
    uint32_t skip = (uint32_t)limit->skip_count;
    uint32_t count = batch->selection.count - skip;
    count = count < limit->left_count ? count : (uint32_t)limit->left_count;
    limit->batch.selection.count = count;
    if (skip > 0 && batch->selection.rows != NULL) {
        limit->batch.selection.rows = batch->selection.rows + skip;
    } else if (skip > 0) {
        if (limit->rows == NULL) {
            limit->rows = exec_alloc(limit->op.query, VEC_ROWS_MAX * sizeof(*limit->rows));
        }
        if (limit->rows == NULL) {
            return EXEC_FAILED;
        }
        for (uint32_t i = 0; i < count; i++) {
            limit->rows[i] = (uint16_t)(skip + i);
        }
        limit->batch.selection.rows = limit->rows;
    }
    limit->skip_count = 0;
    limit->left_count -= count;
    return EXEC_ROWS;
}

static void exec_limit_close(struct exec_op *op)
{
    exec_scratch_deinit(&CONTAINER_OF(op, struct exec_limit, op)->scratch);
}

bool exec_limit_eval(struct exec_query *query, const struct plan_limit *limit, int64_t *count,
                     int64_t *offset)
{
    return exec_limit_part(query, limit->offset, 0, "2201X", "OFFSET must not be negative",
                           offset) &&
           exec_limit_part(query, limit->count, INT64_MAX, "2201W", "LIMIT must not be negative",
                           count);
}

static bool exec_limit_part(struct exec_query *query, const struct vec_expr *expr, int64_t none,
                            const char *state, const char *sentence, int64_t *out)
{
    *out = none;
    if (expr == NULL) {
        return true;
    }
    ASSERT(expr->type.kind == VEC_BIGINT);
    struct vec_value value;
    if (!vec_eval_value(&query->eval, expr, &value)) {
        exec_fail_eval(query);
        return false;
    }
    *out = value.is_null ? none : value.u.int8;
    if (*out < 0) {
        exec_fail(query, state, sentence);
        return false;
    }
    return true;
}
