/* EXPLAIN: a plan as text for people, a node per line, as PostgreSQL draws it. */
#ifndef VIEWS_SQL_EXPLAIN_H
#define VIEWS_SQL_EXPLAIN_H

#include "base/bytes.h"
#include "views/plan/plan.h"

/* Write the lines, each with its newline. */
void sql_explain(struct bytes_writer *w, const struct plan *plan);

/* Write an expression as SQL would have it, columns by the names of `inputs`. */
void sql_explain_expr(struct bytes_writer *w, const struct vec_expr *expr,
                      const struct plan_output *inputs, uint32_t inputs_count);

#endif
