/* See optimise.h. */
#include "views/sql/optimise.h"

#include <string.h>

#include "base/assert.h"
#include "views/sql/fold.h"
#include "views/sql/optimise_int.h"
#include "views/vec/function.h"

static bool optimise_copy(struct optimise *o, const struct plan_node *root);
static bool optimise_fold_expr(void *ctx, const struct vec_expr **expr);
static void optimise_fold_filter(struct optimise *o, struct plan_node **link);
static bool optimise_each_of(struct optimise *o, const struct vec_expr *const **exprs, size_t count,
                             bool is_changing, optimise_expr_fn *fn, void *ctx);
static bool optimise_each_aggregate(struct optimise *o, struct plan_node *node, bool is_changing,
                                    optimise_expr_fn *fn, void *ctx);
static bool optimise_is_safe_call(const struct vec_expr *expr);

enum err sql_optimise(struct arena *a, struct plan *plan, bool has_paths)
{
    struct optimise o = {.arena = a};
    if (!optimise_copy(&o, plan->root) || !optimise_fold(&o) || !optimise_filters(&o) ||
        !optimise_projects(&o) || !optimise_columns(&o)) {
        return a->err != ERR_OK ? a->err : ERR_TOO_LARGE;
    }
    if (a->err != ERR_OK) {
        return a->err;
    }
    optimise_renames(&o);
    optimise_bounds(&o);
    optimise_limits(&o);
    if (!optimise_late(&o) || a->err != ERR_OK) {
        return a->err != ERR_OK ? a->err : ERR_TOO_LARGE;
    }
    optimise_renames(&o);
    if ((has_paths && !optimise_paths(&o)) || a->err != ERR_OK) {
        return a->err != ERR_OK ? a->err : ERR_TOO_LARGE;
    }
    plan->root = o.root;
    return ERR_OK;
}

static bool optimise_copy(struct optimise *o, const struct plan_node *root)
{
    const struct plan_node **link = (const struct plan_node **)&o->root;
    for (const struct plan_node *node = root; node != NULL; node = node->input) {
        struct plan_node *copy = arena_alloc(o->arena, sizeof(*copy), _Alignof(struct plan_node));
        if (copy == NULL) {
            return false;
        }
        *copy = *node;
        *link = copy;
        link = &copy->input;
    }
    return true;
}

bool optimise_fold(struct optimise *o)
{
    struct plan_node **link = &o->root;
    while (*link != NULL) {
        struct plan_node *node = *link;
        if (!optimise_each(o, node, true, true, optimise_fold_expr, o)) {
            return false;
        }
        if (node->kind == PLAN_FILTER) {
            optimise_fold_filter(o, link);
        }
        if (*link == node) {
            link = (struct plan_node **)(uintptr_t)&node->input;
        }
    }
    return true;
}

static bool optimise_fold_expr(void *ctx, const struct vec_expr **expr)
{
    struct optimise *o = ctx;
    *expr = sql_fold(o->arena, *expr);
    return *expr != NULL;
}

/* A filter that is always true is gone; below one that never is nothing is read. */
static void optimise_fold_filter(struct optimise *o, struct plan_node **link)
{
    struct plan_node *node = *link;
    (void)o;
    if (node->filter->kind != VEC_EXPR_CONSTANT) {
        return;
    }
    if (!node->filter->u.value.is_null && node->filter->u.value.u.boolean != 0) {
        *link = optimise_input(node);
        return;
    }
    node->kind = PLAN_VALUES;
    node->input = NULL;
    node->values = (struct plan_values){NULL, 0};
}

bool optimise_each(struct optimise *o, struct plan_node *node, bool is_changing, bool with_all,
                   optimise_expr_fn *fn, void *ctx)
{
    bool is_good = true;
    switch (node->kind) {
    case PLAN_SCAN:
    case PLAN_DISTINCT: return true;
    case PLAN_VALUES:
        return !with_all || optimise_each_of(o, &node->values.exprs,
                                             (size_t)node->values.rows_count * node->outputs_count,
                                             is_changing, fn, ctx);
    case PLAN_FILTER: return fn(ctx, &node->filter);
    case PLAN_PROJECT:
        return optimise_each_of(o, &node->project, node->outputs_count, is_changing, fn, ctx);
    case PLAN_AGGREGATE: return optimise_each_aggregate(o, node, is_changing, fn, ctx);
    case PLAN_SORT:
    case PLAN_TOP:
        is_good =
            optimise_each_of(o, &node->sort.keys, node->sort.keys_count, is_changing, fn, ctx);
        break;
    case PLAN_LIMIT: break;
    case PLAN_KIND_COUNT: UNREACHABLE();
    }
    if (node->kind != PLAN_SORT && with_all && is_good) {
        is_good = (node->limit.count == NULL || fn(ctx, &node->limit.count)) &&
                  (node->limit.offset == NULL || fn(ctx, &node->limit.offset));
    }
    return is_good;
}

static bool optimise_each_of(struct optimise *o, const struct vec_expr *const **exprs, size_t count,
                             bool is_changing, optimise_expr_fn *fn, void *ctx)
{
    const struct vec_expr **own = (const struct vec_expr **)(uintptr_t)*exprs;
    if (is_changing && count > 0) {
        own = arena_alloc(o->arena, count * sizeof(*own), _Alignof(struct vec_expr *));
        if (own == NULL) {
            return false;
        }
        memcpy(own, *exprs, count * sizeof(*own));
        *exprs = own;
    }
    for (size_t i = 0; i < count; i++) {
        if (!fn(ctx, &own[i])) {
            return false;
        }
    }
    return true;
}

static bool optimise_each_aggregate(struct optimise *o, struct plan_node *node, bool is_changing,
                                    optimise_expr_fn *fn, void *ctx)
{
    struct plan_aggregate *aggregate = &node->aggregate;
    uint32_t count = aggregate->aggregations_count;
    struct plan_aggregation *own = (struct plan_aggregation *)(uintptr_t)aggregate->aggregations;
    if (!optimise_each_of(o, &aggregate->keys, aggregate->keys_count, is_changing, fn, ctx)) {
        return false;
    }
    if (is_changing && count > 0) {
        own = arena_alloc(o->arena, count * sizeof(*own), _Alignof(struct plan_aggregation));
        if (own == NULL) {
            return false;
        }
        memcpy(own, aggregate->aggregations, count * sizeof(*own));
        aggregate->aggregations = own;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!optimise_each_of(o, &own[i].args, own[i].function->args_count, is_changing, fn, ctx) ||
            (own[i].filter != NULL && !fn(ctx, &own[i].filter))) {
            return false;
        }
    }
    return true;
}

bool sql_is_safe(const struct vec_expr *expr)
{
    return optimise_is_safe(expr);
}

bool optimise_is_safe(const struct vec_expr *expr)
{
    bool is_safe = expr->kind != VEC_EXPR_CALL || optimise_is_safe_call(expr);
    for (uint32_t i = 0; i < expr->args_count && is_safe; i++) {
        is_safe = optimise_is_safe(expr->args[i]);
    }
    return is_safe;
}

/* Comparisons, functions of texts and JSON values that answer anything, casts that lose nothing. */
static bool optimise_is_safe_call(const struct vec_expr *expr)
{
    static const char *const names[] = {
        "=",     "<>",    "<",      "<=",    ">",     ">=",    "->",           "->>",
        "lower", "upper", "length", "btrim", "ltrim", "rtrim", "jsonb_typeof", "char_length",
    };
    const struct vec_function *function = expr->u.function;
    bool is_safe = false;
    if (strcmp(function->name, "cast") == 0) {
        bool is_number = function->result == VEC_BIGINT || function->result == VEC_DOUBLE ||
                         function->result == VEC_NUMERIC;
        return function->result == VEC_TEXT || (is_number && function->cast == VEC_CAST_IMPLICIT);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names) && !is_safe; i++) {
        is_safe = strcmp(names[i], function->name) == 0;
    }
    return is_safe;
}
