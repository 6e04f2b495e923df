/* Above an aggregation: what was an expression over its input becomes one over what it gives, its
 * keys and its aggregates. A column that is in neither has no one value there (42803). */
#include <string.h>

#include "base/assert.h"
#include "views/sql/bind_select_int.h"

/* A select whose expressions are moved above its aggregation. */
struct bind_grouping {
    struct binder *b;
    const struct bind_targets *targets;
};

static bool bind_group_keys(struct binder *b, const struct bind_targets *targets,
                            struct plan_node *node, struct plan_output *outputs);
static bool bind_group_aggregates(struct binder *b, const struct bind_targets *targets,
                                  struct plan_node *node, struct plan_output *outputs);
static const char *bind_group_name(struct binder *b, const struct bind_targets *targets,
                                   const struct vec_expr *key);
static struct vec_expr *bind_regroup(struct bind_grouping *g, struct vec_expr *expr);
static bool bind_is_key(const struct vec_expr *key, const struct vec_expr *expr);
static struct vec_expr *bind_regroup_column(struct bind_grouping *g, struct vec_expr *expr);

const struct plan_node *bind_aggregation(struct binder *b, const struct plan_node *node,
                                         struct bind_targets *targets, struct vec_expr **having)
{
    struct bind_grouping g = {b, targets};
    size_t count = (size_t)targets->group_count + b->query->aggregates_count;
    struct plan_node *aggregate = bind_plan(b, PLAN_AGGREGATE, node);
    struct plan_output *outputs = bind_alloc(b, count, sizeof(*outputs));
    if (aggregate == NULL || outputs == NULL || !bind_group_keys(b, targets, aggregate, outputs) ||
        !bind_group_aggregates(b, targets, aggregate, outputs)) {
        return NULL;
    }
    aggregate->outputs = outputs;
    aggregate->outputs_count = (uint32_t)count;
    for (uint32_t i = 0; i < targets->count; i++) {
        targets->items[i].expr = bind_regroup(&g, targets->items[i].expr);
        if (targets->items[i].expr == NULL) {
            return NULL;
        }
    }
    if (*having != NULL) {
        *having = bind_regroup(&g, *having);
    }
    return b->err == ERR_OK ? aggregate : NULL;
}

static bool bind_group_keys(struct binder *b, const struct bind_targets *targets,
                            struct plan_node *node, struct plan_output *outputs)
{
    for (uint32_t i = 0; i < targets->group_count; i++) {
        outputs[i].name = bind_group_name(b, targets, targets->group[i]);
        outputs[i].type = targets->group[i]->type;
    }
    node->aggregate.keys = targets->group;
    node->aggregate.keys_count = targets->group_count;
    return true;
}

/* A key is called as the column of the answer that it is, or the column that it is. */
static const char *bind_group_name(struct binder *b, const struct bind_targets *targets,
                                   const struct vec_expr *key)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        if (targets->items[i].expr == key || plan_expr_equal(targets->items[i].expr, key)) {
            return targets->items[i].name;
        }
    }
    return key->kind == VEC_EXPR_COLUMN ? b->query->scope->columns[key->u.number].name : "?column?";
}

static bool bind_group_aggregates(struct binder *b, const struct bind_targets *targets,
                                  struct plan_node *node, struct plan_output *outputs)
{
    uint32_t count = b->query->aggregates_count, i = count;
    struct plan_aggregation *aggregations = bind_alloc(b, count, sizeof(*aggregations));
    if (aggregations == NULL) {
        return false;
    }
    for (const struct bind_aggregate *a = b->query->aggregates; a != NULL; a = a->next) {
        i--;
        aggregations[i] = a->aggregation;
        outputs[targets->group_count + i] =
            (struct plan_output){a->aggregation.function->name, a->aggregation.call->type};
    }
    ASSERT(i == 0);
    node->aggregate.aggregations = aggregations;
    node->aggregate.aggregations_count = count;
    return true;
}

/* From the top down: a part that is a key as a whole is that key. */
static struct vec_expr *bind_regroup(struct bind_grouping *g, struct vec_expr *expr)
{
    if (expr->kind == VEC_EXPR_CONSTANT || expr->kind == VEC_EXPR_PARAM) {
        return expr;
    }
    for (uint32_t i = 0; i < g->targets->group_count; i++) {
        if (bind_is_key(g->targets->group[i], expr)) {
            struct vec_expr *column = bind_node(g->b, VEC_EXPR_COLUMN, expr->type, NULL, 0, NULL);
            if (column != NULL) {
                column->u.number = i;
                column->pos = expr->pos;
                column->length = expr->length;
            }
            return column;
        }
    }
    if (expr->kind == VEC_EXPR_COLUMN) {
        return bind_regroup_column(g, expr);
    }
    struct vec_expr *copy =
        plan_expr_over(g->b->arena, expr, (const struct vec_expr *const *)expr->args);
    if (copy == NULL) {
        return bind_fail(g->b, SQL_STATE_OUT_OF_MEMORY, bind_place(expr), "out of memory");
    }
    uint32_t height = 1;
    for (uint32_t i = 0; i < expr->args_count; i++) {
        struct vec_expr *arg = bind_regroup(g, (struct vec_expr *)(uintptr_t)expr->args[i]);
        if (arg == NULL) {
            return NULL;
        }
        copy->args[i] = arg;
        height = arg->height >= height ? arg->height + 1 : height;
    }
    copy->height = height;
    return copy;
}

/* Perhaps looked at without the modifiers of its type: n::numeric of GROUP BY n. */
static bool bind_is_key(const struct vec_expr *key, const struct vec_expr *expr)
{
    if (key->kind != expr->kind || key->height != expr->height ||
        (key->kind == VEC_EXPR_COLUMN && key->u.number != expr->u.number)) {
        return false; /* nearly always: each node is compared with each key */
    }
    struct vec_expr same = *expr;
    same.type =
        expr->type.precision == 0 && expr->type.kind == key->type.kind ? key->type : expr->type;
    return plan_expr_equal(key, &same);
}

static struct vec_expr *bind_regroup_column(struct bind_grouping *g, struct vec_expr *expr)
{
    if (expr->u.number >= BIND_AGGREGATE) {
        struct vec_expr *column = bind_node(g->b, VEC_EXPR_COLUMN, expr->type, NULL, 0, NULL);
        if (column != NULL) {
            column->u.number = g->targets->group_count + (expr->u.number - BIND_AGGREGATE);
            column->pos = expr->pos;
            column->length = expr->length;
        }
        return column;
    }
    const struct bind_scope *scope = g->b->query->scope;
    return bind_fail(g->b, SQL_STATE_GROUPING_ERROR, bind_place(expr),
                     "column \"%s.%s\" must appear in the GROUP BY clause or be used in an "
                     "aggregate function",
                     scope->name, scope->columns[expr->u.number].name);
}
