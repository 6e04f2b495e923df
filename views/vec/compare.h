/* Comparing two columns: what the operators, IN, DISTINCT, NULLIF and GREATEST share. */
#ifndef VIEWS_VEC_COMPARE_H
#define VIEWS_VEC_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "views/vec/vector.h"

enum vec_comparison {
    VEC_EQUAL,
    VEC_NOT_EQUAL,
    VEC_LESS,
    VEC_LESS_EQUAL,
    VEC_GREATER,
    VEC_GREATER_EQUAL,
};

/* Whether there is an order between values of these kinds: equal ones, INTEGER and BIGINT, and
 * DATE, TIMESTAMP and TIMESTAMPTZ. */
bool vec_is_comparable(enum vec_kind a, enum vec_kind b);

/* out[row] = 1 where a is equal to (less than, ...) b, else 0, for the rows of `selection`, in
 * which neither is null. The kinds of both are comparable (asserted). Other rows up to the last of
 * them may be written, too. */
void vec_compare(enum vec_comparison comparison, const struct vec_vector *a,
                 const struct vec_vector *b, struct vec_selection selection, uint8_t *out);

#endif
