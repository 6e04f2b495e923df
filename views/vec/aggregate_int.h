/* What the files of aggregates share.
 *
 * An aggregate stands in one file, all its rows one after the other in that file's table;
 * aggregate.c finds them. An update has a loop over dense values for the case that all rows have
 * one state (no GROUP BY), and one that goes from state to state. */
#ifndef VIEWS_VEC_AGGREGATE_INT_H
#define VIEWS_VEC_AGGREGATE_INT_H

#include "views/vec/aggregate.h"

/* A file's rows. */
struct vec_aggregate_table {
    const struct vec_aggregate *rows; /* in order of their names */
    size_t count;                     /* of them */
};

extern const struct vec_aggregate_table vec_aggregate_counts;    /* count, bool_and, ... */
extern const struct vec_aggregate_table vec_aggregate_sums;      /* sum, avg */
extern const struct vec_aggregate_table vec_aggregate_variances; /* variance, stddev, ... */
extern const struct vec_aggregate_table vec_aggregate_extremes;  /* min, max */
extern const struct vec_aggregate_table vec_aggregate_bookends;  /* first, last */

/* Bytes of a state of that struct. */
#define VEC_AGGREGATE_BYTES(type) ((sizeof(type) + 15) / 16 * 16)

/* Define vec_<name>_each, which calls vec_<name>_fold(state, value) for every row that has a value,
 * in order. */
#define VEC_AGGREGATE_EACH(name, state_type, value_type)                                           \
    static void vec_##name##_each(const struct vec_vector *arg, struct vec_selection selection,    \
                                  uint8_t *const *states)                                          \
    {                                                                                              \
        struct vec_view view = vec_view(arg);                                                      \
        if (arg->form == VEC_FLAT && arg->valid == NULL && selection.rows == NULL) {               \
            const value_type *values = arg->data;                                                  \
            for (uint32_t i = 0; i < selection.count; i++) {                                       \
                vec_##name##_fold((state_type *)(void *)states[i], values[i]);                     \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (uint32_t i = 0; i < selection.count; i++) {                                           \
            uint32_t row = vec_row(selection, i);                                                  \
            if (vec_view_is_valid(&view, row)) {                                                   \
                vec_##name##_fold((state_type *)(void *)states[i],                                 \
                                  VEC_AT(&view, value_type, row));                                 \
            }                                                                                      \
        }                                                                                          \
    }

/* Whether all rows (>= 1) have one state. */
bool vec_aggregate_is_one(uint8_t *const *states, uint32_t count);

/* Values side by side. */
struct vec_dense {
    const void *values; /* of those rows that have one, in their order */
    uint32_t count;     /* of them */
};

/* *out = the values (of 4 or 8 bytes, asserted) of `selection`: where they are, or copied into
 * ev->scratch. False: vec_fail was called. */
MUST_USE bool vec_aggregate_dense(struct vec_aggregation *agg, const struct vec_expr *call,
                                  const struct vec_vector *arg, struct vec_selection selection,
                                  struct vec_dense *out);

/* Bytes that a state keeps, in the aggregation's arena. All zero: none. */
struct vec_kept {
    char *data;        /* its own room */
    uint32_t length;   /* bytes kept */
    uint32_t capacity; /* of the room */
};

/* Keep a copy of `bytes`. False: vec_fail was called. */
MUST_USE bool vec_aggregate_keep(struct vec_aggregation *agg, const struct vec_expr *call,
                                 struct vec_kept *kept, struct vec_bytes bytes);

/* What stretches came to, in their order, `width` doubles each: added up only when the answer is
 * read, so that it does not matter who folded which stretches. All zero: none. */
struct vec_stretches {
    double *sums;      /* in the aggregation's arena */
    uint32_t count;    /* stretches */
    uint32_t capacity; /* of `sums`, in stretches */
};

/* Append `count` stretches. False: vec_fail was called. */
MUST_USE bool vec_stretches_append(struct vec_aggregation *agg, const struct vec_expr *call,
                                   struct vec_stretches *list, const double *sums, uint32_t count,
                                   uint32_t width);

/* The sum of doubles (aggregate_tree.c). */
struct vec_tree {
    double lane[8];              /* accumulators of the open block */
    double blocks;               /* the closed blocks of the open stretch */
    struct vec_stretches closed; /* the closed stretches */
    int64_t count;               /* rows, of all stretches */
    uint32_t stretch;            /* the open one; UINT32_MAX: none */
    uint16_t block_count;        /* rows of the open block, < VEC_TREE_BLOCK */
    bool has_nan;                /* a row is NaN */
    bool has_infinity[2];        /* a row is infinity, -infinity */
};

/* As in struct vec_aggregate. Nothing of a state is owned but in the aggregation's arena. update
 * and merge fail for want of memory only, finish_sum and finish_avg with OVERFLOW. */

/* An empty one. */
void vec_tree_init(void *state);

/* Fold doubles. */
bool vec_tree_update(struct vec_aggregation *agg, const struct vec_expr *call,
                     const struct vec_vector *args, struct vec_selection selection,
                     uint32_t stretch, uint8_t *const *states);

/* Fold another one, whose stretches all come later. */
bool vec_tree_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                    const void *from);

/* sum(double), a DOUBLE. */
bool vec_tree_finish_sum(struct vec_aggregation *agg, const struct vec_expr *call,
                         const void *state, struct vec_value *out);

/* avg(double), a DOUBLE. */
bool vec_tree_finish_avg(struct vec_aggregation *agg, const struct vec_expr *call,
                         const void *state, struct vec_value *out);

#endif
