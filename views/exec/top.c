/* TOP: the first rows of a sort, without keeping the others.
 *
 * Kept are the best rows so far, in order, at most offset + count. Of a batch only rows better than
 * the worst kept one are looked at further (eight bytes against eight bytes decide that for nearly
 * all); those are sorted, and merged into the kept ones. Only rows that stay are copied. A heap
 * would save the merge where single rows come in, and copy every row that is good for a moment.
 *
 * Rows that are driven out leave their memory behind; when that is more than what is kept, the kept
 * ones move to new memory. Above EXEC_TOP_ROWS_MAX rows the merges would cost more than sorting
 * all, and a sort is what runs. */
#include "views/exec/runs.h"

/* Rows that are kept. */
#define EXEC_TOP_ROWS_MAX 4096u

/* Memory that is lost before anybody looks at it. */
#define EXEC_TOP_LOST_BYTES (256u << 10)

/* A top. */
struct exec_top {
    struct exec_op op;
    bool is_known;            /* count and offset have been evaluated, and how it is done */
    bool is_large;            /* by a sort */
    bool is_giving;           /* the input has ended */
    int64_t left_count;       /* rows that may still go out */
    int64_t skip_count;       /* rows to be left out before */
    struct exec_runs runs;    /* is_large: all rows. Else its order and layout are used */
    struct arena arena;       /* kept rows and their keys */
    size_t live_bytes;        /* of the arena when all in it was kept */
    struct exec_entry *kept;  /* kept_count of keep_max, in order; given_count have gone out */
    struct exec_entry *spare; /* keep_max: for merging */
    uint32_t keep_max;
    uint32_t kept_count;
    uint32_t given_count;
    struct exec_scratch scratch;
    struct vec_batch batch; /* the last one; columns in the query's arena */
};

static enum exec_result exec_top_next(struct exec_op *op, const struct vec_batch **out);
static void exec_top_close(struct exec_op *op);
static bool exec_top_begin(struct exec_top *top);
static bool exec_top_add(struct exec_top *top, const struct vec_batch *batch);
static enum exec_result exec_top_give(struct exec_top *top, const struct vec_batch **out);
static uint32_t exec_top_choose(struct exec_top *top, struct exec_ranks *ranks);
static enum err exec_top_keep(struct exec_top *top, const struct vec_batch *batch,
                              const struct exec_ranks *ranks, uint32_t count);
static enum err exec_top_tidy(struct exec_top *top);

struct exec_op *exec_top_make(struct exec_query *query, const struct plan_node *node)
{
    static const struct exec_op_ops ops = {exec_top_next, exec_top_close};
    struct exec_top *top = exec_alloc(query, sizeof(*top));
    struct vec_vector *columns = exec_alloc(query, node->outputs_count * sizeof(*columns));
    struct vec_type *types = exec_types(query, node->outputs, node->outputs_count);
    if (top == NULL || columns == NULL || types == NULL ||
        !exec_runs_init(&top->runs, query, &node->sort, types, node->outputs_count)) {
        return NULL;
    }
    top->op.ops = &ops;
    top->op.kept[0] = &top->runs.arena;
    top->op.kept[1] = &top->arena;
    top->batch.columns = columns;
    arena_init(&top->arena, query->setting.budget, EXEC_ARENA_BYTES, SIZE_MAX);
    exec_scratch_init(&top->scratch, query);
    return &top->op;
}

static enum exec_result exec_top_next(struct exec_op *op, const struct vec_batch **out)
{
    struct exec_top *top = CONTAINER_OF(op, struct exec_top, op);
    if (!top->is_known && !exec_top_begin(top)) {
        return EXEC_FAILED;
    }
    if (top->left_count == 0) {
        return EXEC_END;
    }
    if (top->is_giving) {
        return exec_top_give(top, out);
    }
    const struct vec_batch *batch;
    enum exec_result result = exec_op_next(op->input, &batch);
    bool is_fine = true;
    if (result == EXEC_ROWS) {
        exec_scratch_begin(&top->scratch, op->query);
        is_fine =
            top->is_large ? exec_runs_add(&top->runs, op->query, batch) : exec_top_add(top, batch);
    } else if (result == EXEC_END) {
        top->is_giving = true;
        is_fine = !top->is_large || exec_runs_merge(&top->runs, op->query);
    } else {
        return result;
    }
    return is_fine ? EXEC_AGAIN : EXEC_FAILED;
}

static void exec_top_close(struct exec_op *op)
{
    struct exec_top *top = CONTAINER_OF(op, struct exec_top, op);
    exec_scratch_deinit(&top->scratch);
}

/* Look what is asked for. False: the query has failed. */
static bool exec_top_begin(struct exec_top *top)
{
    struct exec_query *query = top->op.query;
    exec_scratch_begin(&top->scratch, query);
    if (!exec_limit_eval(query, &top->op.node->limit, &top->left_count, &top->skip_count)) {
        return false;
    }
    top->is_known = true;
    top->is_large = top->left_count > EXEC_TOP_ROWS_MAX || top->skip_count > EXEC_TOP_ROWS_MAX ||
                    top->left_count + top->skip_count > EXEC_TOP_ROWS_MAX;
    if (top->is_large) {
        return true;
    }
    top->keep_max = (uint32_t)(top->left_count + top->skip_count);
    top->kept = exec_alloc(query, top->keep_max * sizeof(*top->kept));
    top->spare = exec_alloc(query, top->keep_max * sizeof(*top->spare));
    return top->kept != NULL && top->spare != NULL;
}

/* Keep what is good of `batch`. False: the query has failed. */
static bool exec_top_add(struct exec_top *top, const struct vec_batch *batch)
{
    struct exec_query *query = top->op.query;
    struct exec_ranks ranks;
    if (!exec_order_rank(&top->runs.order, &query->eval, batch, &ranks)) {
        exec_fail_eval(query);
        return false;
    }
    uint32_t count = exec_top_choose(top, &ranks);
    if (count == 0) {
        return true;
    }
    exec_order_sort(&top->runs.order, &ranks, count);
    if (exec_top_keep(top, batch, &ranks, count) != ERR_OK || exec_top_tidy(top) != ERR_OK) {
        exec_fail_memory(query);
        return false;
    }
    return true;
}

/* Leave of `ranks` the entries that come before the worst kept row. Returns how many. */
static uint32_t exec_top_choose(struct exec_top *top, struct exec_ranks *ranks)
{
    if (top->kept_count < top->keep_max) {
        return ranks->count;
    }
    const struct exec_order *order = &top->runs.order;
    const struct exec_entry *worst = &top->kept[top->kept_count - 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ranks->count; i++) {
        struct exec_entry entry = ranks->entries[i];
        bool is_good = exec_entry_is_after(order, worst, &entry);
        ranks->entries[count] = entry;
        count += is_good;
    }
    return count;
}

/* A place for a row and its key in the arena. NULL: it refuses. */
static struct exec_ranked *exec_top_place(struct exec_top *top, const struct exec_ranked *from)
{
    size_t bytes = sizeof(struct exec_ranked) + top->runs.layout.row_bytes;
    struct exec_ranked *ranked = arena_alloc(&top->arena, bytes, 8);
    uint8_t *key = arena_alloc(&top->arena, from->length, 1);
    if (ranked == NULL || key == NULL) {
        return NULL;
    }
    if (from->length > 0) {
        memcpy(key, from->key, from->length);
    }
    *ranked = (struct exec_ranked){.key = key, .length = from->length};
    return ranked;
}

/* Merge the first `count` entries, sorted, of a batch into the kept ones, and copy those that stay.
 * Of equal rows the kept ones come first. */
static enum err exec_top_keep(struct exec_top *top, const struct vec_batch *batch,
                              const struct exec_ranks *ranks, uint32_t count)
{
    struct arena *scratch = &top->scratch.arena;
    uint8_t **to = arena_alloc_zeroed(scratch, ranks->count * sizeof(*to), sizeof(*to));
    uint8_t **rows = arena_alloc(scratch, ranks->count * sizeof(*rows), sizeof(*rows));
    uint16_t *numbers = arena_alloc(scratch, ranks->count * sizeof(*numbers), sizeof(*numbers));
    if (to == NULL || rows == NULL || numbers == NULL) {
        return ERR_BUDGET;
    }
    uint32_t merged = 0;
    uint32_t old = 0;
    for (uint32_t new = 0; merged < top->keep_max && (old < top->kept_count || new < count);) {
        const struct exec_entry *entry = &ranks->entries[new];
        if (new == count || (old < top->kept_count &&
                             !exec_entry_is_after(&top->runs.order, &top->kept[old], entry))) {
            top->spare[merged++] = top->kept[old++];
            continue;
        }
        struct exec_ranked *ranked = exec_top_place(top, entry->rank);
        if (ranked == NULL) {
            return ERR_BUDGET;
        }
        to[entry->rank - ranks->ranked] = (uint8_t *)(ranked + 1);
        top->spare[merged++] = (struct exec_entry){.prefix = entry->prefix, .rank = ranked};
        new ++;
    }
    struct exec_entry *swapped = top->kept;
    top->kept = top->spare;
    top->spare = swapped;
    top->kept_count = merged;

    struct vec_selection stay = {.rows = numbers};
    for (uint32_t i = 0; i < ranks->count; i++) {
        if (to[i] != NULL) {
            rows[stay.count] = to[i];
            numbers[stay.count++] = (uint16_t)ranks->ranked[i].row;
        }
    }
    return exec_rows_write(&top->runs.layout, batch->columns, stay, rows, &top->arena);
}

/* Move the kept rows to new memory when most of the old is lost. */
static enum err exec_top_tidy(struct exec_top *top)
{
    if (top->arena.held_bytes < 2 * top->live_bytes + EXEC_TOP_LOST_BYTES) {
        return ERR_OK;
    }
    struct arena old = top->arena;
    arena_init(&top->arena, old.budget, EXEC_ARENA_BYTES_LARGE, SIZE_MAX);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < top->kept_count && err == ERR_OK; i++) {
        const struct exec_ranked *from = top->kept[i].rank;
        struct exec_ranked *ranked = exec_top_place(top, from);
        err = ERR_BUDGET;
        if (ranked != NULL) {
            err = exec_rows_copy(&top->runs.layout, (const uint8_t *)(from + 1),
                                 (uint8_t *)(ranked + 1), &top->arena);
            top->kept[i].rank = ranked;
        }
    }
    arena_deinit(&old);
    top->live_bytes = top->arena.held_bytes;
    return err;
}

/* The next rows of the result, from the kept ones or from the sort. */
static enum exec_result exec_top_give(struct exec_top *top, const struct vec_batch **out)
{
    struct exec_query *query = top->op.query;
    exec_scratch_begin(&top->scratch, query);
    struct arena *a = &top->scratch.arena;
    const uint8_t **rows = arena_alloc(a, VEC_ROWS_MAX * sizeof(*rows), sizeof(*rows));
    if (rows == NULL) {
        return exec_fail_memory(query);
    }
    uint32_t count = 0;
    if (top->is_large) {
        count = exec_runs_next(&top->runs, rows);
    } else {
        while (count < VEC_ROWS_MAX && top->given_count < top->kept_count) {
            rows[count++] = (const uint8_t *)(top->kept[top->given_count++].rank + 1);
        }
    }
    if (count == 0) {
        return EXEC_END;
    }
    uint32_t skip = count < top->skip_count ? count : (uint32_t)top->skip_count;
    top->skip_count -= skip;
    count -= skip;
    if (count == 0) {
        return EXEC_AGAIN;
    }
    count = count < top->left_count ? count : (uint32_t)top->left_count;
    top->left_count -= count;
    if (exec_rows_batch(&top->runs.layout, rows + skip, count, a, &top->batch) != ERR_OK) {
        return exec_fail_memory(query);
    }
    *out = &top->batch;
    return EXEC_ROWS;
}
