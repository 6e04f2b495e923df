/* DISTINCT: of rows that are equal in their first columns the first one, as it comes. */
#include "views/exec/exec_int.h"
#include "views/exec/table.h"

/* A distinct. */
struct exec_distinct {
    struct exec_op op;
    struct arena arena;        /* keys of the rows that were given */
    struct exec_table table;   /* likewise */
    struct exec_pieces pieces; /* of the input */
    uint32_t rows_max;         /* of a piece: by how many of the last rows were new */
    struct exec_scratch scratch;
    struct vec_batch batch; /* the input's, with fewer rows */
};

static enum exec_result exec_distinct_next(struct exec_op *op, const struct vec_batch **out);
static void exec_distinct_close(struct exec_op *op);

struct exec_op *exec_distinct_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_distinct_next, exec_distinct_close};
    struct exec_distinct *distinct = exec_alloc(query, sizeof(*distinct));
    struct vec_type *types = exec_types(query, node->outputs, node->distinct);
    if (distinct == NULL || types == NULL) {
        return NULL;
    }
    distinct->op.ops = &ops;
    distinct->op.kept[0] = &distinct->arena;
    distinct->rows_max = VEC_ROWS_MAX;
    arena_init(&distinct->arena, query->setting.budget, EXEC_ARENA_BYTES_LARGE, SIZE_MAX);
    exec_scratch_init(&distinct->scratch, query);
    if (node->distinct > 0) {
        exec_table_init(&distinct->table, types, node->distinct, 0, exec_seed(query),
                        &distinct->arena);
    }
    return &distinct->op;
}

static enum exec_result exec_distinct_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_distinct *distinct = CONTAINER_OF(op, struct exec_distinct, op);
    if (op->node->distinct == 0 && op->rows_count > 0) {
        return EXEC_END; /* rows without columns are all equal */
    }
    const struct vec_batch *batch;
    enum exec_result result =
        exec_pieces_next(&distinct->pieces, op->input, distinct->rows_max, &batch);
    if (result != EXEC_ROWS) {
        return result;
    }
    distinct->batch = *batch;
    *out = &distinct->batch;
    if (op->node->distinct == 0) {
        distinct->batch.selection.count = 1;
        return EXEC_ROWS;
    }
    exec_scratch_begin(&distinct->scratch, op->query);
    struct arena *a = &distinct->scratch.arena;
    struct exec_lookup lookup = {
        .columns = batch->columns,
        .selection = batch->selection,
        .groups = arena_alloc(a, batch->rows_count * sizeof(struct exec_group *), 8),
        .new_rows = arena_alloc(a, batch->selection.count * sizeof(uint16_t), 8),
    };
    if (lookup.groups == NULL || lookup.new_rows == NULL ||
        exec_table_find(&distinct->table, a, &lookup) != ERR_OK) {
        return exec_fail_memory(op->query);
    }
    distinct->rows_max =
        2 * lookup.new_count > batch->selection.count ? EXEC_PIECE_ROWS : VEC_ROWS_MAX;
    distinct->batch.selection =
        (struct vec_selection){.rows = lookup.new_rows, .count = lookup.new_count};
    return lookup.new_count > 0 ? EXEC_ROWS : EXEC_AGAIN;
}

static void exec_distinct_close(struct exec_op *op)
{
    struct exec_distinct *distinct = CONTAINER_OF(op, struct exec_distinct, op);
    exec_scratch_deinit(&distinct->scratch);
}
