/* VALUES: rows of expressions, evaluated as they are asked for, some hundred values in a step. */
#include <string.h>

#include "views/exec/exec_int.h"

/* Rows given by VALUES. */
struct exec_values {
    struct exec_op op;
    uint32_t next_row; /* of the node's */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the last one; columns in the query's arena */
};

static enum exec_result exec_values_next(struct exec_op *op, const struct vec_batch **out);
static void exec_values_close(struct exec_op *op);
static bool exec_values_column(struct exec_values *values, uint32_t column, uint32_t rows_count);

struct exec_op *exec_values_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_values_next, exec_values_close};
    struct exec_values *values = exec_alloc(query, sizeof(*values));
    struct vec_vector *columns = exec_alloc(query, node->outputs_count * sizeof(*columns));
    if (values == NULL || columns == NULL) {
        return NULL;
    }
    values->op.ops = &ops;
    values->batch.columns = columns;
    values->batch.columns_count = node->outputs_count;
    exec_scratch_init(&values->scratch, query);
    return &values->op;
}

static enum exec_result exec_values_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_values *values = CONTAINER_OF(op, struct exec_values, op);
    const struct plan_node *node = op->node;
    uint32_t count = node->values.rows_count - values->next_row;
    if (count == 0) {
        return EXEC_END;
    }
    uint32_t columns_count = node->outputs_count;
    uint32_t count_max = columns_count == 0 ? VEC_ROWS_MAX : EXEC_VALUES_PER_CALL / columns_count;
    count_max = count_max == 0 ? 1 : count_max;
    count = count < count_max ? count : count_max;

    exec_scratch_begin(&values->scratch, op->query);
    for (uint32_t i = 0; i < columns_count; i++) {
        if (!exec_values_column(values, i, count)) {
            return EXEC_FAILED;
        }
    }
    values->next_row += count;
    values->batch.rows_count = count;
    values->batch.selection = (struct vec_selection){.count = count};
    *out = &values->batch;
    return EXEC_ROWS;
}

/* Column `column` of the next `rows_count` rows. */
static bool exec_values_column(struct exec_values *values, uint32_t column, uint32_t rows_count)
{
    struct exec_query *query = values->op.query;
    const struct plan_node *node = values->op.node;
    struct arena *a = &values->scratch.arena;
    struct vec_type type = node->outputs[column].type;
    size_t bytes = vec_kind_bytes((enum vec_kind)type.kind);
    uint8_t *data = vec_flat(a, type, rows_count, &values->batch.columns[column]);
    uint64_t *valid = vec_valid(a, true);
    if (data == NULL || valid == NULL) {
        exec_fail_memory(query);
        return false;
    }
    for (uint32_t i = 0; i < rows_count; i++) {
        const struct vec_expr *expr =
            node->values.exprs[(size_t)(values->next_row + i) * node->outputs_count + column];
        struct vec_value value;
        if (!vec_eval_value(&query->eval, expr, &value)) {
            exec_fail_eval(query);
            return false;
        }
        if (value.is_null) {
            vec_valid_clear(valid, i);
            values->batch.columns[column].valid = valid;
        } else {
            memcpy(data + bytes * i, &value.u, bytes);
        }
    }
    return true;
}

static void exec_values_close(struct exec_op *op)
{
    exec_scratch_deinit(&CONTAINER_OF(op, struct exec_values, op)->scratch);
}
