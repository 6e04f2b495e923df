/* The rewrites: each a pass over the chain of a plan's nodes, which are this plan's own and are
 * changed in place; expressions are not. False: the arena refuses. */
#ifndef VIEWS_SQL_OPTIMISE_INT_H
#define VIEWS_SQL_OPTIMISE_INT_H

#include "views/plan/build.h"
#include "views/plan/plan.h"

/* A plan being rewritten: nodes[0] is the root, each one's input the next. */
struct optimise {
    struct arena *arena;
    struct plan_node *root;
    struct vec_expr *grown; /* the last condition that was put together, and */
    uint32_t grown_room;    /* parts it has room for: a thousand come one by one */
};

/* The node below, which is this plan's own. */
static inline struct plan_node *optimise_input(const struct plan_node *node)
{
    return (struct plan_node *)(uintptr_t)node->input;
}

/* Passes, in the order in which they run. */
bool optimise_fold(struct optimise *o);     /* optimise.c */
bool optimise_filters(struct optimise *o);  /* optimise_filter.c */
bool optimise_projects(struct optimise *o); /* optimise_project.c */
bool optimise_columns(struct optimise *o);  /* optimise_column.c */
void optimise_renames(struct optimise *o);  /* optimise_project.c */
void optimise_bounds(struct optimise *o);   /* optimise_bound.c */
void optimise_limits(struct optimise *o);   /* optimise_bound.c */
bool optimise_late(struct optimise *o);     /* optimise_project.c, and renames again */
bool optimise_paths(struct optimise *o);    /* optimise_path.c */

/* Called for a place of a node where an expression over its input stands; false ends it. */
typedef bool optimise_expr_fn(void *ctx, const struct vec_expr **expr);

/* Call `fn` for each of `node`, in copies of the node's arrays when `is_changing`. LIMIT's are not
 * over its input, VALUES' neither: they are left out unless `with_all`. */
bool optimise_each(struct optimise *o, struct plan_node *node, bool is_changing, bool with_all,
                   optimise_expr_fn *fn, void *ctx);

/* Whether computing it never faults: columns, constants, comparisons, logic, a few functions. */
bool optimise_is_safe(const struct vec_expr *expr);

#endif
