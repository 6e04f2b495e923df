/* The operators of comparing. What they do stands in compare.h: one function for each sign serves
 * all types. See function_int.h. */
#include "base/assert.h"
#include "views/vec/compare.h"
#include "views/vec/function_int.h"

#define VEC_FUNCTION_COMPARE(name, comparison)                                                     \
    static bool name(struct vec_eval *ev, const struct vec_expr *call,                             \
                     const struct vec_vector *args, struct vec_selection selection,                \
                     struct vec_vector *out)                                                       \
    {                                                                                              \
        uint8_t *truth = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);        \
        if (truth == NULL) {                                                                       \
            return vec_fail(ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);                            \
        }                                                                                          \
        vec_compare(comparison, &args[0], &args[1], selection, truth);                             \
        return true;                                                                               \
    }

VEC_FUNCTION_COMPARE(vec_less_apply, VEC_LESS)
VEC_FUNCTION_COMPARE(vec_less_equal_apply, VEC_LESS_EQUAL)
VEC_FUNCTION_COMPARE(vec_not_equal_apply, VEC_NOT_EQUAL)
VEC_FUNCTION_COMPARE(vec_equal_apply, VEC_EQUAL)
VEC_FUNCTION_COMPARE(vec_greater_apply, VEC_GREATER)
VEC_FUNCTION_COMPARE(vec_greater_equal_apply, VEC_GREATER_EQUAL)

/* The pairs of types that have an order, as PostgreSQL has operators for them. */
#define VEC_COMPARE_PAIRS(sign, fn)                                                                \
    VEC_FUNCTION_2(sign, BOOLEAN, BOOLEAN, BOOLEAN, fn),                                           \
        VEC_FUNCTION_2(sign, INTEGER, INTEGER, BOOLEAN, fn),                                       \
        VEC_FUNCTION_2(sign, INTEGER, BIGINT, BOOLEAN, fn),                                        \
        VEC_FUNCTION_2(sign, BIGINT, INTEGER, BOOLEAN, fn),                                        \
        VEC_FUNCTION_2(sign, BIGINT, BIGINT, BOOLEAN, fn),                                         \
        VEC_FUNCTION_2(sign, DOUBLE, DOUBLE, BOOLEAN, fn),                                         \
        VEC_FUNCTION_2(sign, NUMERIC, NUMERIC, BOOLEAN, fn),                                       \
        VEC_FUNCTION_2(sign, TEXT, TEXT, BOOLEAN, fn),                                             \
        VEC_FUNCTION_2(sign, DATE, DATE, BOOLEAN, fn),                                             \
        VEC_FUNCTION_2(sign, DATE, TIMESTAMP, BOOLEAN, fn),                                        \
        VEC_FUNCTION_2(sign, DATE, TIMESTAMPTZ, BOOLEAN, fn),                                      \
        VEC_FUNCTION_2(sign, TIMESTAMP, DATE, BOOLEAN, fn),                                        \
        VEC_FUNCTION_2(sign, TIMESTAMP, TIMESTAMP, BOOLEAN, fn),                                   \
        VEC_FUNCTION_2(sign, TIMESTAMP, TIMESTAMPTZ, BOOLEAN, fn),                                 \
        VEC_FUNCTION_2(sign, TIMESTAMPTZ, DATE, BOOLEAN, fn),                                      \
        VEC_FUNCTION_2(sign, TIMESTAMPTZ, TIMESTAMP, BOOLEAN, fn),                                 \
        VEC_FUNCTION_2(sign, TIMESTAMPTZ, TIMESTAMPTZ, BOOLEAN, fn),                               \
        VEC_FUNCTION_2(sign, INTERVAL, INTERVAL, BOOLEAN, fn),                                     \
        VEC_FUNCTION_2(sign, JSONB, JSONB, BOOLEAN, fn)

const struct vec_function vec_functions_compare[] = {
    VEC_COMPARE_PAIRS("<", vec_less_apply),       VEC_COMPARE_PAIRS("<=", vec_less_equal_apply),
    VEC_COMPARE_PAIRS("<>", vec_not_equal_apply), VEC_COMPARE_PAIRS("=", vec_equal_apply),
    VEC_COMPARE_PAIRS(">", vec_greater_apply),    VEC_COMPARE_PAIRS(">=", vec_greater_equal_apply),
};
const size_t vec_functions_compare_count = ARRAY_COUNT(vec_functions_compare);
