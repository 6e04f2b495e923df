/* Filters go down: each condition of a conjunction by itself, as far as it can, so that rows are
 * dropped where they come from and a scan may know its bounds.
 *
 * A condition on a projection's columns becomes one on what they are made of, as long as it stays
 * small: what it computes is then computed twice for the rows that pass. */
#include "views/sql/optimise_int.h"

#include <string.h>

#include "base/assert.h"

/* Nodes of a condition that has gone below a projection. */
#define OPTIMISE_CONDITION_NODES_MAX 64u

/* Expressions that stand for columns. */
struct optimise_below {
    const struct vec_expr *const *exprs;
};

static bool optimise_filter(struct optimise *o, struct plan_node **link);
static bool optimise_sink(struct optimise *o, struct plan_node *above, const struct vec_expr *part,
                          bool *is_sunk);
static bool optimise_sink_through(struct optimise *o, struct plan_node *node,
                                  const struct vec_expr *const *exprs, const struct vec_expr *part,
                                  bool *is_sunk);
static bool optimise_place(struct optimise *o, struct plan_node *above,
                           const struct vec_expr *part);
static const struct vec_expr *optimise_and(struct optimise *o, const struct vec_expr *const *parts,
                                           uint32_t count);
static const struct vec_expr *optimise_and_too(struct optimise *o, const struct vec_expr *filter,
                                               const struct vec_expr *part);
static uint32_t optimise_parts(const struct vec_expr *expr, const struct vec_expr **parts);
static uint32_t optimise_column_max(const struct vec_expr *expr);
static const struct vec_expr *optimise_leaf_below(void *ctx, const struct vec_expr *column);

bool optimise_filters(struct optimise *o)
{
    struct plan_node **links[PLAN_DEPTH_MAX];
    uint32_t count = 0;
    for (struct plan_node **link = &o->root; *link != NULL;
         link = (struct plan_node **)(uintptr_t) & (*link)->input) {
        ASSERT(count < PLAN_DEPTH_MAX);
        links[count++] = link;
    }
    while (count > 0) { /* the lowest first: those above then find it where it went */
        count--;
        if ((*links[count])->kind == PLAN_FILTER && !optimise_filter(o, links[count])) {
            return false;
        }
    }
    return true;
}

/* What cannot go down stays; a condition that may fault stays behind one that did. */
static bool optimise_filter(struct optimise *o, struct plan_node **link)
{
    struct plan_node *node = *link;
    uint32_t count = optimise_parts(node->filter, NULL), kept = 0;
    const struct vec_expr **parts =
        arena_alloc(o->arena, count * sizeof(*parts), _Alignof(struct vec_expr *));
    if (parts == NULL) {
        return false;
    }
    optimise_parts(node->filter, parts);
    for (uint32_t i = 0; i < count; i++) {
        bool is_sunk = false;
        bool may_sink = kept == 0 || optimise_is_safe(parts[i]);
        if (may_sink && !optimise_sink(o, node, parts[i], &is_sunk)) {
            return false;
        }
        if (!is_sunk) {
            parts[kept++] = parts[i];
        }
    }
    if (kept == 0) {
        *link = optimise_input(node);
        return true;
    }
    if (kept < count || node->filter->kind == VEC_EXPR_AND) {
        node->filter = optimise_and(o, parts, kept);
    }
    return node->filter != NULL;
}

/* Put the condition, which is over what `above` is given, below the node there, or into the filter
 * that it is. */
static bool optimise_sink(struct optimise *o, struct plan_node *above, const struct vec_expr *part,
                          bool *is_sunk)
{
    struct plan_node *node = optimise_input(above);
    switch (node->kind) {
    case PLAN_FILTER:
        if (!optimise_sink(o, node, part, is_sunk)) {
            return false;
        }
        if (!*is_sunk && part->height < PLAN_HEIGHT_MAX && node->filter->height < PLAN_HEIGHT_MAX) {
            node->filter = optimise_and_too(o, node->filter, part);
            *is_sunk = true;
        }
        return node->filter != NULL;
    case PLAN_PROJECT: return optimise_sink_through(o, node, node->project, part, is_sunk);
    case PLAN_AGGREGATE:
        if (optimise_column_max(part) >= node->aggregate.keys_count) {
            return true; /* on an aggregate, or on nothing: without keys there is always a row */
        }
        return optimise_sink_through(o, node, node->aggregate.keys, part, is_sunk);
    case PLAN_DISTINCT:
    case PLAN_SORT: *is_sunk = true; return optimise_place(o, node, part);
    case PLAN_SCAN:
    case PLAN_VALUES:
    case PLAN_TOP:
    case PLAN_LIMIT: return true;
    case PLAN_KIND_COUNT: break;
    }
    UNREACHABLE();
    return false;
}

/* Below a node whose first columns are `exprs`. */
static bool optimise_sink_through(struct optimise *o, struct plan_node *node,
                                  const struct vec_expr *const *exprs, const struct vec_expr *part,
                                  bool *is_sunk)
{
    struct optimise_below below = {exprs};
    const struct vec_expr *moved = plan_expr_replace(o->arena, part, optimise_leaf_below, &below);
    if (moved == NULL) {
        return false;
    }
    if (moved->height > PLAN_HEIGHT_MAX ||
        plan_expr_count(moved, OPTIMISE_CONDITION_NODES_MAX + 1) > OPTIMISE_CONDITION_NODES_MAX) {
        return true;
    }
    *is_sunk = true;
    return optimise_place(o, node, moved);
}

/* Below `above`, as deep as it goes. */
static bool optimise_place(struct optimise *o, struct plan_node *above, const struct vec_expr *part)
{
    bool is_sunk = false;
    if (!optimise_sink(o, above, part, &is_sunk)) {
        return false;
    }
    if (is_sunk) {
        return true;
    }
    struct plan_node *filter =
        arena_alloc_zeroed(o->arena, sizeof(*filter), _Alignof(struct plan_node));
    if (filter == NULL) {
        return false;
    }
    filter->kind = PLAN_FILTER;
    filter->input = above->input;
    filter->outputs = above->input->outputs;
    filter->outputs_count = above->input->outputs_count;
    filter->filter = part;
    above->input = filter;
    return true;
}

/* All of `parts`, taken apart, as one condition. */
static const struct vec_expr *optimise_and(struct optimise *o, const struct vec_expr *const *parts,
                                           uint32_t count)
{
    uint32_t all_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        all_count += optimise_parts(parts[i], NULL);
    }
    if (all_count == 1) {
        return parts[0];
    }
    const struct vec_expr **all =
        arena_alloc(o->arena, all_count * sizeof(*all), _Alignof(struct vec_expr *));
    if (all == NULL) {
        return NULL;
    }
    all_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        all_count += optimise_parts(parts[i], all + all_count);
    }
    struct vec_expr *expr =
        plan_expr(o->arena, VEC_EXPR_AND, vec_type(VEC_BOOLEAN), all, all_count);
    if (expr != NULL) {
        expr->pos = all[0]->pos;
        expr->length = all[0]->length;
    }
    return expr;
}

/* `filter` and `part`, which may be the same node, grown. */
static const struct vec_expr *optimise_and_too(struct optimise *o, const struct vec_expr *filter,
                                               const struct vec_expr *part)
{
    struct vec_expr *grown = o->grown;
    if (filter == grown && part->kind != VEC_EXPR_AND && grown->args_count < o->grown_room) {
        grown->args[grown->args_count++] = part;
        grown->height = part->height >= grown->height ? part->height + 1 : grown->height;
        return grown;
    }
    const struct vec_expr *both[] = {filter, part};
    grown = (struct vec_expr *)(uintptr_t)optimise_and(o, both, 2);
    uint32_t room = grown != NULL ? 2 * grown->args_count : 0;
    const struct vec_expr **args =
        arena_alloc(o->arena, room * sizeof(*args), _Alignof(struct vec_expr *));
    if (grown == NULL || args == NULL) {
        return NULL;
    }
    memcpy(args, grown->args, grown->args_count * sizeof(*args));
    grown->args = args;
    o->grown = grown;
    o->grown_room = room;
    return grown;
}

/* The conditions of a conjunction, those within each other too; `parts` NULL: only counted. */
static uint32_t optimise_parts(const struct vec_expr *expr, const struct vec_expr **parts)
{
    uint32_t count = 0;
    if (expr->kind != VEC_EXPR_AND) {
        if (parts != NULL) {
            parts[0] = expr;
        }
        return 1;
    }
    for (uint32_t i = 0; i < expr->args_count; i++) {
        count += optimise_parts(expr->args[i], parts != NULL ? parts + count : NULL);
    }
    return count;
}

/* The largest number of a COLUMN; without any UINT32_MAX. */
static uint32_t optimise_column_max(const struct vec_expr *expr)
{
    uint32_t most = expr->kind == VEC_EXPR_COLUMN ? expr->u.number : UINT32_MAX;
    for (uint32_t i = 0; i < expr->args_count; i++) {
        uint32_t next = optimise_column_max(expr->args[i]);
        most = most == UINT32_MAX || (next != UINT32_MAX && next > most) ? next : most;
    }
    return most;
}

static const struct vec_expr *optimise_leaf_below(void *ctx, const struct vec_expr *column)
{
    const struct optimise_below *below = ctx;
    return below->exprs[column->u.number];
}
