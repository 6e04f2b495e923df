/* A plan made cheaper: the same rows, names and types, fewer of them on the way.
 *
 *     constants     what is known is computed (fold.h); a filter that is never true reads nothing
 *     filters       go down to where rows come from, as far as they can
 *     projections   within each other become one; those that only rename are gone
 *     columns       that nobody asks for are not read
 *     bounds        of a scan: by offset, partition and timestamp; by rows where LIMIT is all
 *     top           a sort of which a few rows are wanted
 *     late          what LIMIT leaves out is not computed
 *     paths         of a JSONB of which only texts within are wanted no more than those is read
 *
 * A part that may fault is never moved before one that stood before it and may have kept it from
 * the rows on which it faults. */
#ifndef VIEWS_SQL_OPTIMISE_H
#define VIEWS_SQL_OPTIMISE_H

#include "base/arena.h"
#include "base/compiler.h"
#include "views/plan/plan.h"

/* Rewrite plan->root, whose nodes are left as they are; at most PLAN_DEPTH_MAX of them.
 * `has_paths`: a scan may give paths. ERR_BUDGET or ERR_TOO_LARGE: `a` refuses. */
MUST_USE enum err sql_optimise(struct arena *a, struct plan *plan, bool has_paths);

/* Whether `expr` is known to fault for no row. */
bool sql_is_safe(const struct vec_expr *expr);

#endif
