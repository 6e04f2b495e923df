/* Random plans over a relation in memory: valid ones, of all nodes there are. */
#ifndef TESTS_UNIT_EXEC_PLANS_H
#define TESTS_UNIT_EXEC_PLANS_H

#include "tests/unit/exec/memory.h"

#define PLANS_PARAMS_COUNT 3u

/* *plan = a plan over `relation`, in `a`; *params = its parameters' values. */
void plans_random(struct chance *chance, const struct memory_relation *relation, struct arena *a,
                  struct plan *plan, const struct vec_value **params);

/* The same, whose lowest aggregation can be folded in parts. */
void plans_folded(struct chance *chance, const struct memory_relation *relation, struct arena *a,
                  struct plan *plan, const struct vec_value **params);

/* A scan of all columns; a node of that kind over `input` with its outputs: the caller fills the
 * rest. In `a`. */
struct plan_node *plans_scan(const struct memory_relation *relation, struct arena *a);
struct plan_node *plans_over(enum plan_kind kind, const struct plan_node *input, struct arena *a);

/* A BIGINT. */
const struct vec_expr *plans_bigint(int64_t value, struct arena *a);

/* Column `number` of what `input` gives. */
const struct vec_expr *plans_column(const struct plan_node *input, uint32_t number,
                                    struct arena *a);

/* An aggregation `name` of `args_count` columns of `input`, as an aggregation. */
struct plan_aggregation plans_aggregation(const char *name, const struct vec_expr *const *args,
                                          uint32_t args_count, struct arena *a);

#endif
