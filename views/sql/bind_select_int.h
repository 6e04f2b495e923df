/* What the files of the binder share that make nodes: see bind_int.h. */
#ifndef VIEWS_SQL_BIND_SELECT_INT_H
#define VIEWS_SQL_BIND_SELECT_INT_H

#include "views/sql/bind_int.h"

/* bind_select.c: a SELECT with all that is in it. */
const struct plan_node *bind_select(struct binder *b, const struct sql_select *select);

/* The same node, its first columns renamed. */
const struct plan_node *bind_rename(struct binder *b, const struct plan_node *node,
                                    const struct sql_names *names);

/* bind_from.c: what is read; *scope = what may be named of it. */
const struct plan_node *bind_from(struct binder *b, const struct sql_from *from,
                                  struct bind_scope *scope);

/* A column of the select list, or one that only ORDER BY wants. */
struct bind_target {
    struct vec_expr *expr;
    const char *name; /* of the answer's column */
};

/* A SELECT's clauses, bound. */
struct bind_targets {
    struct bind_target *items; /* count; those from visible_count on are only sorted by */
    uint32_t count;
    uint32_t visible_count;
    uint32_t *order; /* of each key of ORDER BY: the item */
    uint32_t order_count;
    const struct vec_expr **group; /* keys of GROUP BY, each once */
    uint32_t group_count;
};

/* The select list; then the keys of ORDER BY, which may add to it; those of GROUP BY; and whether
 * what is sorted by is in the list of SELECT DISTINCT. In this order. */
bool bind_targets(struct binder *b, const struct sql_select *select, struct bind_targets *targets);
bool bind_order(struct binder *b, const struct sql_select *select, struct bind_targets *targets);
bool bind_group(struct binder *b, const struct sql_select *select, struct bind_targets *targets);
bool bind_distinct(struct binder *b, const struct sql_select *select, struct bind_targets *targets);

/* bind_group.c */

/* `node` grouped: by targets->group with the query's aggregates; the items of targets and *having
 * become expressions over it. */
const struct plan_node *bind_aggregation(struct binder *b, const struct plan_node *node,
                                         struct bind_targets *targets, struct vec_expr **having);

#endif
