/* Whether a tree is a plan: the executor asserts what this promises. */
#ifndef VIEWS_PLAN_VALIDATE_H
#define VIEWS_PLAN_VALIDATE_H

#include "base/compiler.h"
#include "base/err.h"
#include "views/plan/plan.h"

/* Why not. */
struct plan_fault {
    char text[160]; /* "aggregate: key 2: column 7 of 3" */
};

/* Heights, counts, column and parameter numbers, types of arguments, conditions and outputs, that
 * aggregates stand nowhere else. ERR_INVALID, and *fault says why. */
MUST_USE enum err plan_validate(const struct plan *plan, struct plan_fault *fault);

#endif
