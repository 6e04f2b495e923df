/* Projections within each other become one, unless that would compute something twice; one that
 * hands on all columns in their order only renames them. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/optimise_int.h"

/* Uses of a projection's columns. */
struct optimise_uses {
    const struct plan_node *below; /* the projection */
    uint32_t *counts;              /* of each column */
    struct arena *arena;
    bool is_too_high; /* an expression would be */
};

static bool optimise_merge(struct optimise *o, struct plan_node *node, bool *is_merged);
static bool optimise_merge_count(void *ctx, const struct vec_expr **expr);
static bool optimise_merge_replace(void *ctx, const struct vec_expr **expr);
static void optimise_count(const struct vec_expr *expr, uint32_t *counts);
static uint32_t optimise_height(const struct vec_expr *expr, const struct plan_node *below);
static const struct vec_expr *optimise_leaf(void *ctx, const struct vec_expr *column);
static void optimise_one_row(struct plan_node *node);
static bool optimise_is_late(const struct plan_node *top);
static bool optimise_is_rename(const struct plan_node *node);

bool optimise_projects(struct optimise *o)
{
    for (struct plan_node *node = o->root; node != NULL; node = optimise_input(node)) {
        bool is_merged = node->kind == PLAN_PROJECT || node->kind == PLAN_AGGREGATE;
        while (is_merged && node->input->kind == PLAN_PROJECT) {
            if (!optimise_merge(o, node, &is_merged)) {
                return false;
            }
        }
        if (node->kind == PLAN_PROJECT && node->input->kind == PLAN_VALUES) {
            optimise_one_row(node);
        }
    }
    return true;
}

/* The node over what the projection below it reads, if nothing is computed twice by that. */
static bool optimise_merge(struct optimise *o, struct plan_node *node, bool *is_merged)
{
    struct plan_node *below = optimise_input(node);
    struct optimise_uses uses = {.below = below, .arena = o->arena};
    uses.counts =
        arena_alloc_zeroed(o->arena, below->outputs_count * sizeof(uint32_t), _Alignof(uint32_t));
    if (uses.counts == NULL) {
        return false;
    }
    optimise_each(o, node, false, false, optimise_merge_count, &uses);
    *is_merged = !uses.is_too_high;
    for (uint32_t i = 0; i < below->outputs_count && *is_merged; i++) {
        *is_merged = uses.counts[i] <= 1 || below->project[i]->args_count == 0;
    }
    if (!*is_merged) {
        return true;
    }
    node->input = below->input;
    return optimise_each(o, node, true, false, optimise_merge_replace, &uses);
}

static bool optimise_merge_count(void *ctx, const struct vec_expr **expr)
{
    struct optimise_uses *uses = ctx;
    optimise_count(*expr, uses->counts);
    uses->is_too_high = uses->is_too_high || optimise_height(*expr, uses->below) > PLAN_HEIGHT_MAX;
    return true;
}

static bool optimise_merge_replace(void *ctx, const struct vec_expr **expr)
{
    struct optimise_uses *uses = ctx;
    struct vec_type type = (*expr)->type;
    *expr = plan_expr_replace(uses->arena, *expr, optimise_leaf, uses);
    ASSERT(*expr == NULL || (*expr)->type.kind == type.kind);
    return *expr != NULL;
}

static void optimise_count(const struct vec_expr *expr, uint32_t *counts)
{
    if (expr->kind == VEC_EXPR_COLUMN) {
        counts[expr->u.number]++;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        optimise_count(expr->args[i], counts);
    }
}

/* How high it will be. */
static uint32_t optimise_height(const struct vec_expr *expr, const struct plan_node *below)
{
    uint32_t height = 0;
    if (expr->kind == VEC_EXPR_COLUMN) {
        return below->project[expr->u.number]->height;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        uint32_t arg = optimise_height(expr->args[i], below);
        height = arg > height ? arg : height;
    }
    return height + 1;
}

/* What the column is made of; where it was looked at without the modifiers of its type, so is
 * this. */
static const struct vec_expr *optimise_leaf(void *ctx, const struct vec_expr *column)
{
    struct optimise_uses *uses = ctx;
    const struct vec_expr *expr = uses->below->project[column->u.number];
    if (vec_type_equal(expr->type, column->type)) {
        return expr;
    }
    struct vec_expr *same =
        plan_expr_over(uses->arena, expr, (const struct vec_expr *const *)expr->args);
    if (same != NULL) {
        same->type = column->type;
    }
    return same;
}

/* SELECT without FROM: its columns are the one row. */
static void optimise_one_row(struct plan_node *node)
{
    const struct plan_node *values = node->input;
    if (values->values.rows_count == 1 && values->outputs_count == 0) {
        const struct vec_expr *const *exprs = node->project;
        node->kind = PLAN_VALUES;
        node->input = NULL;
        node->values = (struct plan_values){exprs, 1};
    }
}

/* What is only some rows of a projection is the projection of these rows: a LIMIT, as PostgreSQL
 * never computes rows behind it; a top if it is not sorted by what is computed, and if that never
 * faults, as PostgreSQL would compute all rows. */
bool optimise_late(struct optimise *o)
{
    bool is_changed = false;
    for (struct plan_node **link = &o->root; *link != NULL;
         link = (struct plan_node **)(uintptr_t) & (*link)->input) {
        struct plan_node *top = *link;
        bool is_some = top->kind == PLAN_LIMIT || top->kind == PLAN_TOP;
        if (!is_some || top->input->kind != PLAN_PROJECT || !optimise_is_late(top)) {
            continue;
        }
        struct plan_node *project = optimise_input(top);
        struct optimise_uses uses = {.below = project, .arena = o->arena};
        if (!optimise_each(o, top, true, false, optimise_merge_replace, &uses)) {
            return false;
        }
        project->outputs = top->outputs;
        top->input = project->input;
        top->outputs = project->input->outputs;
        top->outputs_count = project->input->outputs_count;
        project->input = top;
        *link = project;
        is_changed = true;
    }
    return !is_changed || optimise_projects(o);
}

/* Of a top: whether its keys are columns of the projection that are columns of its input, and the
 * others never fault. */
static bool optimise_is_late(const struct plan_node *top)
{
    bool is_late = true;
    if (top->kind == PLAN_LIMIT) {
        return true;
    }
    for (uint32_t i = 0; i < top->input->outputs_count && is_late; i++) {
        is_late = optimise_is_safe(top->input->project[i]);
    }
    for (uint32_t i = 0; i < top->sort.keys_count && is_late; i++) {
        const struct vec_expr *key = top->sort.keys[i];
        is_late = key->kind == VEC_EXPR_COLUMN &&
                  top->input->project[key->u.number]->kind == VEC_EXPR_COLUMN;
    }
    return is_late;
}

void optimise_renames(struct optimise *o)
{
    for (struct plan_node **link = &o->root; *link != NULL;
         link = (struct plan_node **)(uintptr_t) & (*link)->input) {
        while ((*link)->kind == PLAN_PROJECT && optimise_is_rename(*link)) {
            struct plan_node *below = optimise_input(*link);
            below->outputs = (*link)->outputs;
            *link = below;
        }
    }
}

/* Whether it hands on every column in its place. */
static bool optimise_is_rename(const struct plan_node *node)
{
    bool is_rename = node->outputs_count == node->input->outputs_count;
    for (uint32_t i = 0; i < node->outputs_count && is_rename; i++) {
        const struct vec_expr *expr = node->project[i];
        is_rename = expr->kind == VEC_EXPR_COLUMN && expr->u.number == i &&
                    vec_type_equal(expr->type, node->input->outputs[i].type);
    }
    return is_rename;
}
