/* Aggregates: states that rows are folded into, merged, and read. Views that are kept up to date
 * fold with the same states.
 *
 * A state is plain bytes of a fixed size, in memory of whoever groups; what does not fit (texts of
 * min and max) lives in the aggregation's arena. A state that was folded from the same rows in the
 * same order, by stretches of a scan, is the same whatever the batches were and whoever folded the
 * stretches: sums of doubles follow the tree of VIEWS §5. */
#ifndef VIEWS_VEC_AGGREGATE_H
#define VIEWS_VEC_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "views/vec/expr.h"

#define VEC_AGGREGATE_ARGS_MAX 2u

/* Where states are folded. Embedded in its owner. */
struct vec_aggregation {
    struct vec_eval *ev; /* fails there */
    struct arena *arena; /* what states point to */
};

/* A row of the table. */
struct vec_aggregate {
    const char *name;                     /* lower case */
    uint8_t args[VEC_AGGREGATE_ARGS_MAX]; /* enum vec_kind; VEC_NONE behind the last */
    uint8_t args_count;                   /* 0: count(*) */
    uint8_t result;                       /* enum vec_kind */
    uint8_t version;                      /* of what it answers, from 1 */
    uint16_t state_bytes;                 /* of a state, a multiple of 16; aligned to 16 */
    /* Make a state that no row was folded into. */
    void (*init)(void *state);
    /* Fold the rows of `selection`, in order; states[i] is the state of the i-th of them (not of
     * row number i). `stretch`: vec_batch.stretch. An aggregate leaves out rows whose first
     * argument is null by itself (first and last: whose time is). `call` is what a fault points
     * to; its type is not looked at. */
    bool (*update)(struct vec_aggregation *agg, const struct vec_expr *call,
                   const struct vec_vector *args, struct vec_selection selection, uint32_t stretch,
                   uint8_t *const *states);
    /* Fold into `into` what was folded into `from`, whose stretches all come later. */
    bool (*merge)(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                  const void *from);
    /* *out = what it answers. Bytes live as long as the state, or in ev->scratch. */
    bool (*finish)(struct vec_aggregation *agg, const struct vec_expr *call, const void *state,
                   struct vec_value *out);
};

/* The rows called `name`, one after the other: *out the first. Returns how many. */
size_t vec_aggregates(const char *name, size_t length, const struct vec_aggregate **out);

/* The row of that name with exactly these kinds of arguments, or NULL. */
const struct vec_aggregate *vec_aggregate_find(const char *name, size_t length, const uint8_t *args,
                                               size_t args_count);

/* Every row there is; NULL behind the last. */
const struct vec_aggregate *vec_aggregate_at(size_t i);

#endif
