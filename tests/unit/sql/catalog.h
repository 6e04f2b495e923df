/* Relations that statements of tests are bound over: as pg_bind.py makes them in PostgreSQL, with
 * the columns that only streams have. */
#ifndef TESTS_UNIT_SQL_CATALOG_H
#define TESTS_UNIT_SQL_CATALOG_H

#include "base/arena.h"
#include "views/plan/plan.h"
#include "views/sql/bind.h"

/* The relation of that name (schema NULL or "": any), as plan_find_fn. `ctx` is not looked at. */
const struct plan_relation *catalog_find(void *ctx, const char *schema, const char *name);

/* *out = the plan of the SELECT (or EXPLAIN of one) that `text` is, with parameters of `params`.
 * Nothing but the plan is in `arena`: the tree is gone. Errors as sql_parse and sql_bind. */
enum err catalog_bind(const char *text, size_t length, const struct vec_type *params,
                      uint32_t params_count, struct arena *arena, struct plan *out,
                      struct sql_error *error);

#endif
