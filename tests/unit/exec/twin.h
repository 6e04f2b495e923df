/* The executor's naive twin: all rows of each node at once, one row at a time, no hashes, no keys.
 * Expressions and aggregates are those of views/vec, asked for one row each. */
#ifndef TESTS_UNIT_EXEC_TWIN_H
#define TESTS_UNIT_EXEC_TWIN_H

#include "views/exec/exec.h"

/* Rows that a node gives. */
struct twin_rows {
    struct vec_value *values; /* count * columns_count, row after row */
    uint32_t *stretches;      /* of each row */
    uint32_t columns_count;
    uint32_t count;
};

/* A run. */
struct twin {
    struct vec_eval ev;    /* params and now filled by the owner */
    struct arena *arena;   /* what lives as long as the answer */
    struct arena *scratch; /* likewise, but for what evaluation gives up by itself */
};

/* *out = the rows of `node`, in the twin's arena. False: an expression failed (of any row, whether
 * a LIMIT would have asked for it or not), twin->ev.failure says why; or a LIMIT is negative. */
bool twin_run(struct twin *twin, const struct plan_node *node, struct twin_rows *out);

#endif
