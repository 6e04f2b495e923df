/* What a condition right above a scan says about the rows that need be read: a column that scans
 * know, compared with what has no columns. Bounds only save work: the condition stays. */
#ifndef VIEWS_PLAN_BOUND_H
#define VIEWS_PLAN_BOUND_H

#include <stdbool.h>

#include "views/plan/plan.h"

/* A part of a condition. */
struct plan_bound {
    uint8_t role;                 /* PLAN_ROLE_OFFSET, PLAN_ROLE_PARTITION, PLAN_ROLE_TIMESTAMP */
    const char *sign;             /* < <= = >= >, the column being on the left. Static storage */
    const struct vec_expr *value; /* what it is compared with, without columns */
};

/* The conditions of `filter`, a FILTER right above a SCAN: how many parts it has, and whether part
 * `i` is a bound, which is *out then. */
uint32_t plan_bound_parts(const struct plan_node *filter);
bool plan_bound_of(const struct plan_node *filter, uint32_t i, struct plan_bound *out);

/* Whether its value may be computed where a query begins: few nodes, and no texts but constants and
 * parameters. */
bool plan_bound_is_cheap(const struct plan_bound *bound);

/* Narrow the scan's bounds by what the value is. Null, and what bounds nothing, leave them. */
void plan_bound_narrow(struct plan_scan *scan, const struct plan_bound *bound,
                       const struct vec_value *value);

/* What a condition says of a key of the scan's relation: it is equal to one of some values, which
 * have no columns. */
struct plan_bound_key {
    const struct vec_expr *const *values; /* values_count, 1 .. PLAN_LOOKUPS_MAX */
    uint32_t values_count;
    bool is_null_equal; /* IS NOT DISTINCT FROM: null finds null; else it finds nothing */
};

/* Whether some part of `filter`, a FILTER right above a SCAN, says that of key number `key`, by
 * values that are cheap as above: *out then. */
bool plan_bound_key_of(const struct plan_node *filter, uint32_t key, struct plan_bound_key *out);

/* How many rows at most have these values of all keys: the conditions of all say it; 0: they do
 * not, or it were more than PLAN_LOOKUPS_MAX. */
uint32_t plan_bound_lookups(const struct plan_node *filter);

/* *value, which `expr` came to, as the column `type` has it. False: none is equal to it. */
bool plan_bound_key_value(struct vec_type type, const struct vec_expr *expr,
                          struct vec_value *value);

#endif
