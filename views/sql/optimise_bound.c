/* What a scan need not read: by the conditions right above it, and by how many rows are wanted.
 * Bounds that are no constants are found where the query begins (exec/scan.c). */
#include "views/plan/bound.h"
#include "views/sql/optimise_int.h"

static int64_t optimise_wanted(const struct plan_limit *limit);
static bool optimise_count_of(const struct vec_expr *expr, int64_t none, int64_t *out);

void optimise_bounds(struct optimise *o)
{
    struct plan_bound bound;
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        if (node->kind != PLAN_FILTER || node->input->kind != PLAN_SCAN) {
            continue;
        }
        for (uint32_t i = 0; i < plan_bound_parts(node); i++) {
            if (plan_bound_of(node, i, &bound) && bound.value->kind == VEC_EXPR_CONSTANT) {
                plan_bound_narrow(&optimise_input(node)->scan, &bound, &bound.value->u.value);
            }
        }
    }
}

void optimise_limits(struct optimise *o)
{
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        if (node->kind != PLAN_LIMIT || node->limit.count == NULL) {
            continue;
        }
        struct plan_node *below = optimise_input(node);
        if (below->kind == PLAN_SORT) {
            node->kind = PLAN_TOP;
            node->sort = below->sort;
            node->input = below->input;
            continue;
        }
        while (below->kind == PLAN_PROJECT) {
            below = optimise_input(below);
        }
        if (below->kind == PLAN_SCAN) {
            int64_t wanted = optimise_wanted(&node->limit);
            below->scan.rows_max = wanted < below->scan.rows_max ? wanted : below->scan.rows_max;
        }
    }
}

/* The rows that are looked at; INT64_MAX: nobody knows. */
static int64_t optimise_wanted(const struct plan_limit *limit)
{
    int64_t count, offset, wanted;
    if (!optimise_count_of(limit->count, INT64_MAX, &count) ||
        !optimise_count_of(limit->offset, 0, &offset) ||
        __builtin_add_overflow(count, offset, &wanted)) {
        return INT64_MAX;
    }
    return wanted;
}

static bool optimise_count_of(const struct vec_expr *expr, int64_t none, int64_t *out)
{
    *out = none;
    if (expr == NULL) {
        return true;
    }
    if (expr->kind != VEC_EXPR_CONSTANT) {
        return false;
    }
    *out = expr->u.value.is_null ? none : expr->u.value.u.int8;
    return *out >= 0;
}
