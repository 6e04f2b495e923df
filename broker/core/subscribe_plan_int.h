/* Between subscribe_plan.c and subscribe_shape.c. */
#ifndef BROKER_CORE_SUBSCRIBE_PLAN_INT_H
#define BROKER_CORE_SUBSCRIBE_PLAN_INT_H

#include "broker/core/subscribe_plan.h"

/* It ends so: with the SQLSTATE `state` at that place of a statement. Returns false. */
bool core_subscribe_plan_fail(struct core_subscribe_plan *plan, enum core_code code,
                              const char *state, struct sql_at at, const char *format, ...)
    PRINTF(5, 6);

/* Its arena refuses. Returns false. */
bool core_subscribe_plan_fail_memory(struct core_subscribe_plan *plan);

/* Fill what is answered from the plan that its statement became, plan->relation being known; or,
 * where that is NULL, by the relation alone. False: it has failed. */
bool core_subscribe_plan_take(struct core_subscribe_plan *plan, const struct plan *bound);

#endif
