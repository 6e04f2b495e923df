/* Columns that nobody asks for are not read, computed or aggregated.
 *
 * From the root down each node learns which of its outputs are wanted and says what it wants of its
 * input; from the source up outputs are left out and expressions get the new numbers. */
#include "views/sql/optimise_int.h"

#include "base/assert.h"

/* What became of a node's outputs. */
struct optimise_kept {
    struct plan_node *node;
    bool *wanted;     /* of each output */
    uint32_t *number; /* the new one */
    bool is_whole;    /* none was left out */
};

/* Expressions being renumbered. */
struct optimise_renumber {
    struct arena *arena;
    const uint32_t *number;
};

static bool optimise_want(struct optimise *o, struct optimise_kept *kept,
                          struct optimise_kept *below);
static void optimise_want_aggregate(const struct optimise_kept *kept, bool *wanted);
static bool optimise_want_expr(void *ctx, const struct vec_expr **expr);
static void optimise_want_columns(const struct vec_expr *expr, bool *wanted);
static bool optimise_keep(struct optimise *o, struct optimise_kept *kept,
                          const struct optimise_kept *below);
static bool optimise_keep_outputs(struct optimise *o, struct optimise_kept *kept);
static bool optimise_keep_source(struct optimise *o, struct optimise_kept *kept, uint32_t count);
static bool optimise_keep_exprs(struct optimise *o, struct optimise_kept *kept);
static bool optimise_renumber_expr(void *ctx, const struct vec_expr **expr);
static const struct vec_expr *optimise_renumber_leaf(void *ctx, const struct vec_expr *column);

bool optimise_columns(struct optimise *o)
{
    struct optimise_kept kept[PLAN_DEPTH_MAX];
    uint32_t count = 0;
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        ASSERT(count < PLAN_DEPTH_MAX);
        struct optimise_kept *own = &kept[count++];
        own->node = node;
        own->wanted = arena_alloc_zeroed(o->arena, node->outputs_count, 1);
        own->number =
            arena_alloc(o->arena, node->outputs_count * sizeof(uint32_t), _Alignof(uint32_t));
        if (own->wanted == NULL || own->number == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; i < o->root->outputs_count; i++) {
        kept[0].wanted[i] = true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!optimise_want(o, &kept[i], i + 1 < count ? &kept[i + 1] : NULL)) {
            return false;
        }
    }
    for (uint32_t i = count; i > 0; i--) {
        if (!optimise_keep(o, &kept[i - 1], i < count ? &kept[i] : NULL)) {
            return false;
        }
    }
    return true;
}

/* What the node wants of the one below. */
static bool optimise_want(struct optimise *o, struct optimise_kept *kept,
                          struct optimise_kept *below)
{
    struct plan_node *node = kept->node;
    if (below == NULL) {
        return true;
    }
    if (node->kind == PLAN_PROJECT) {
        for (uint32_t i = 0; i < node->outputs_count; i++) {
            if (kept->wanted[i]) {
                optimise_want_columns(node->project[i], below->wanted);
            }
        }
        return true;
    }
    if (node->kind == PLAN_AGGREGATE) {
        optimise_want_aggregate(kept, below->wanted);
        return true;
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        below->wanted[i] = kept->wanted[i] || node->kind == PLAN_DISTINCT;
    }
    return optimise_each(o, node, false, false, optimise_want_expr, below->wanted);
}

/* Keys make the groups, wanted or not. */
static void optimise_want_aggregate(const struct optimise_kept *kept, bool *wanted)
{
    const struct plan_aggregate *aggregate = &kept->node->aggregate;
    for (uint32_t i = 0; i < aggregate->keys_count; i++) {
        kept->wanted[i] = true;
        optimise_want_columns(aggregate->keys[i], wanted);
    }
    for (uint32_t i = 0; i < aggregate->aggregations_count; i++) {
        const struct plan_aggregation *aggregation = &aggregate->aggregations[i];
        if (!kept->wanted[aggregate->keys_count + i]) {
            continue;
        }
        for (uint32_t arg = 0; arg < aggregation->function->args_count; arg++) {
            optimise_want_columns(aggregation->args[arg], wanted);
        }
        if (aggregation->filter != NULL) {
            optimise_want_columns(aggregation->filter, wanted);
        }
    }
}

static bool optimise_want_expr(void *ctx, const struct vec_expr **expr)
{
    optimise_want_columns(*expr, ctx);
    return true;
}

static void optimise_want_columns(const struct vec_expr *expr, bool *wanted)
{
    if (expr->kind == VEC_EXPR_COLUMN) {
        wanted[expr->u.number] = true;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        optimise_want_columns(expr->args[i], wanted);
    }
}

/* Leave out what is not wanted; `below` has been. */
static bool optimise_keep(struct optimise *o, struct optimise_kept *kept,
                          const struct optimise_kept *below)
{
    struct plan_node *node = kept->node;
    bool is_handed_on = below != NULL && node->kind != PLAN_PROJECT && node->kind != PLAN_AGGREGATE;
    if (is_handed_on) { /* its outputs are the input's */
        kept->number = below->number;
        kept->is_whole = below->is_whole;
        kept->wanted = below->wanted;
    }
    if (!optimise_keep_exprs(o, kept) || !optimise_keep_outputs(o, kept)) {
        return false;
    }
    if (below == NULL) {
        return true;
    }
    if (node->kind == PLAN_DISTINCT) {
        node->distinct = node->outputs_count;
    }
    struct optimise_renumber renumber = {o->arena, below->number};
    return below->is_whole ||
           optimise_each(o, node, true, false, optimise_renumber_expr, &renumber);
}

static bool optimise_keep_outputs(struct optimise *o, struct optimise_kept *kept)
{
    struct plan_node *node = kept->node;
    uint32_t count = 0;
    if (kept->is_whole) {
        return true;
    }
    struct plan_output *outputs =
        arena_alloc(o->arena, node->outputs_count * sizeof(*outputs), _Alignof(struct plan_output));
    if (outputs == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        if (kept->wanted[i]) {
            kept->number[i] = count;
            outputs[count++] = node->outputs[i];
        }
    }
    node->outputs = outputs;
    node->outputs_count = count;
    return true;
}

/* The expressions, columns and aggregates that make outputs. */
static bool optimise_keep_exprs(struct optimise *o, struct optimise_kept *kept)
{
    struct plan_node *node = kept->node;
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->outputs_count; i++) {
        count += kept->wanted[i];
    }
    kept->is_whole = count == node->outputs_count;
    if (kept->is_whole) {
        return true;
    }
    if (node->kind == PLAN_SCAN || node->kind == PLAN_VALUES) {
        return optimise_keep_source(o, kept, count);
    }
    if (node->kind == PLAN_PROJECT) {
        const struct vec_expr **exprs =
            arena_alloc(o->arena, count * sizeof(*exprs), _Alignof(struct vec_expr *));
        for (uint32_t i = 0, next = 0; exprs != NULL && i < node->outputs_count; i++) {
            if (kept->wanted[i]) {
                exprs[next++] = node->project[i];
            }
        }
        node->project = exprs;
        return exprs != NULL;
    }
    if (node->kind == PLAN_AGGREGATE) {
        struct plan_aggregate *aggregate = &node->aggregate;
        struct plan_aggregation *own =
            arena_alloc(o->arena, aggregate->aggregations_count * sizeof(*own),
                        _Alignof(struct plan_aggregation));
        uint32_t next = 0;
        for (uint32_t i = 0; own != NULL && i < aggregate->aggregations_count; i++) {
            if (kept->wanted[aggregate->keys_count + i]) {
                own[next++] = aggregate->aggregations[i];
            }
        }
        aggregate->aggregations = own;
        aggregate->aggregations_count = next;
        return own != NULL;
    }
    return true;
}

static bool optimise_keep_source(struct optimise *o, struct optimise_kept *kept, uint32_t count)
{
    struct plan_node *node = kept->node;
    if (node->kind == PLAN_SCAN) {
        uint32_t *columns = arena_alloc(o->arena, count * sizeof(*columns), _Alignof(uint32_t));
        for (uint32_t i = 0, next = 0; columns != NULL && i < node->outputs_count; i++) {
            if (kept->wanted[i]) {
                columns[next++] = node->scan.columns[i];
            }
        }
        node->scan.columns = columns;
        return columns != NULL;
    }
    size_t all = (size_t)node->values.rows_count * count, next = 0;
    const struct vec_expr **exprs =
        arena_alloc(o->arena, all * sizeof(*exprs), _Alignof(struct vec_expr *));
    for (size_t i = 0; exprs != NULL && i < (size_t)node->values.rows_count * node->outputs_count;
         i++) {
        if (kept->wanted[i % node->outputs_count]) {
            exprs[next++] = node->values.exprs[i];
        }
    }
    node->values.exprs = exprs;
    return exprs != NULL;
}

static bool optimise_renumber_expr(void *ctx, const struct vec_expr **expr)
{
    struct optimise_renumber *renumber = ctx;
    *expr = plan_expr_replace(renumber->arena, *expr, optimise_renumber_leaf, renumber);
    return *expr != NULL;
}

static const struct vec_expr *optimise_renumber_leaf(void *ctx, const struct vec_expr *column)
{
    const struct optimise_renumber *renumber = ctx;
    uint32_t number = renumber->number[column->u.number];
    return number == column->u.number ? NULL
                                      : plan_column(renumber->arena, column->type, number, column);
}
