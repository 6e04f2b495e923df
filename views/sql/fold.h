/* Expressions that are known before they run, computed once. */
#ifndef VIEWS_SQL_FOLD_H
#define VIEWS_SQL_FOLD_H

#include "base/arena.h"
#include "views/vec/expr.h"

/* `expr` with every part computed that is constant and cannot change: calls of functions that are
 * not stable, and what is clear without them (x AND false). What faults when it is computed stays
 * as it is: whether it is ever asked for is for the query to say. Types stay. NULL: `a` refuses. */
const struct vec_expr *sql_fold(struct arena *a, const struct vec_expr *expr);

#endif
