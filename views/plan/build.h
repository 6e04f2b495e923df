/* Nodes of expressions, made and compared: for the binder, rewrites, and whoever reads plans. All
 * of it lives in the arena that is given; NULL: the arena refuses (its err says why). */
#ifndef VIEWS_PLAN_BUILD_H
#define VIEWS_PLAN_BUILD_H

#include "base/arena.h"
#include "views/plan/plan.h"

/* A node over `args_count` args (copied; their heights count), without `is_not`, its place 0. */
struct vec_expr *plan_expr(struct arena *a, enum vec_expr_kind kind, struct vec_type type,
                           const struct vec_expr *const *args, uint32_t args_count);

/* The same node over other args: kind, type, place and what it holds are those of `like`. */
struct vec_expr *plan_expr_over(struct arena *a, const struct vec_expr *like,
                                const struct vec_expr *const *args);

/* Leaves and calls, at the place of `like` (NULL: 0). `value` is copied, its bytes are not. */
struct vec_expr *plan_constant(struct arena *a, struct vec_type type, const struct vec_value *value,
                               const struct vec_expr *like);
struct vec_expr *plan_column(struct arena *a, struct vec_type type, uint32_t number,
                             const struct vec_expr *like);
struct vec_expr *plan_call(struct arena *a, const struct vec_function *function,
                           const struct vec_expr *const *args, uint32_t args_count,
                           const struct vec_expr *like);

/* Whether both are the same tree: everything but places. */
bool plan_expr_equal(const struct vec_expr *a, const struct vec_expr *b);

/* Nodes of a tree, counted up to `limit`. */
uint32_t plan_expr_count(const struct vec_expr *expr, uint32_t limit);

/* Whether a COLUMN is in it. */
bool plan_expr_has_column(const struct vec_expr *expr);

/* What stands for a leaf: NULL keeps it. */
typedef const struct vec_expr *plan_expr_leaf_fn(void *ctx, const struct vec_expr *column);

/* `expr` with each COLUMN replaced by what `leaf` gives for it. A part without any stays itself. */
const struct vec_expr *plan_expr_replace(struct arena *a, const struct vec_expr *expr,
                                         plan_expr_leaf_fn *leaf, void *ctx);

/* Nodes below `node` and itself. */
uint32_t plan_node_count(const struct plan_node *node);

/* "scan". Static storage; "" for what is no kind. */
const char *plan_kind_name(enum plan_kind kind);
const char *plan_expr_kind_name(enum vec_expr_kind kind);

#endif
