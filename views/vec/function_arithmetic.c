/* Arithmetic: of numbers, of dates, moments and intervals, of bits. See function_int.h.
 *
 * Sums, differences and products of numbers of the machine have loops of their own. A loop has no
 * branch, so that the compiler makes vector instructions of it: it computes what wraps around (or
 * is infinite), and gathers whether that may have happened anywhere. Only then a second pass asks
 * each row that counts, with the operation that knows, and finds the first one at fault, or none:
 * the doubt may come from rows that nobody asked for. */
#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/function_int.h"
#include "views/vec/integer.h"
#include "views/vec/interval.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

/* +a. */
static bool vec_arithmetic_same_apply(struct vec_eval *ev, const struct vec_expr *call,
                                      const struct vec_vector *args, struct vec_selection selection,
                                      struct vec_vector *out)
{
    (void)ev, (void)call, (void)selection;
    *out = args[0];
    return true;
}

/* date + interval and date - interval, which are a TIMESTAMP. */
static enum vec_fault vec_arithmetic_day(int32_t date, const struct vec_interval *interval,
                                         bool is_sub, int64_t *out)
{
    int64_t at;
    enum vec_fault fault = vec_date_to_timestamp(date, &at);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    return is_sub ? vec_timestamp_sub_interval(at, interval, out)
                  : vec_timestamp_add(at, interval, out);
}

/* A function whose loop is fast: `compute` sets r from a and b (of r_type) and gathers doubt in
 * `bad`, a doubt_type; `is_bad` asks it; `exact` is the operation that knows. */
#define VEC_FAST(name, a_type, b_type, r_type, doubt_type, compute, is_bad, exact)                 \
    static bool name##_check(struct vec_eval *ev, const struct vec_expr *call, struct vec_view va, \
                             struct vec_view vb, struct vec_selection selection)                   \
    {                                                                                              \
        for (VEC_ROWS_EACH(selection, i, row)) {                                                   \
            r_type r;                                                                              \
            enum vec_fault fault = exact(VEC_AT(&va, a_type, row), VEC_AT(&vb, b_type, row), &r);  \
            if (fault != VEC_FAULT_NONE) {                                                         \
                return vec_fail(ev, call, fault, NULL, NULL, 0);                                   \
            }                                                                                      \
        }                                                                                          \
        return true;                                                                               \
    }                                                                                              \
                                                                                                   \
    static bool name##_apply(struct vec_eval *ev, const struct vec_expr *call,                     \
                             const struct vec_vector *args, struct vec_selection selection,        \
                             struct vec_vector *out)                                               \
    {                                                                                              \
        r_type *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);          \
        if (data == NULL) {                                                                        \
            return vec_fail(ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);                            \
        }                                                                                          \
        struct vec_view va = vec_view(&args[0]);                                                   \
        struct vec_view vb = vec_view(&args[1]);                                                   \
        uint32_t count = va.codes == NULL && vb.codes == NULL ? vec_rows_dense(selection) : 0;     \
        const a_type *a_data = va.data;                                                            \
        const b_type *b_data = vb.data;                                                            \
        doubt_type bad = 0;                                                                        \
        if (count == 0) {                                                                          \
            for (VEC_ROWS_EACH(selection, i, row)) {                                               \
                VEC_FAST_ONE(r_type, VEC_AT(&va, a_type, row), VEC_AT(&vb, b_type, row), compute)  \
            }                                                                                      \
        } else if (va.row_mask == 0) {                                                             \
            const r_type a_one = (r_type)a_data[0];                                                \
            for (uint32_t row = 0; row < count; row++) {                                           \
                VEC_FAST_ONE(r_type, a_one, b_data[row], compute)                                  \
            }                                                                                      \
        } else if (vb.row_mask == 0) {                                                             \
            const r_type b_one = (r_type)b_data[0];                                                \
            for (uint32_t row = 0; row < count; row++) {                                           \
                VEC_FAST_ONE(r_type, a_data[row], b_one, compute)                                  \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t row = 0; row < count; row++) {                                           \
                VEC_FAST_ONE(r_type, a_data[row], b_data[row], compute)                            \
            }                                                                                      \
        }                                                                                          \
        return LIKELY(!(is_bad)) || name##_check(ev, call, va, vb, selection);                     \
    }

#define VEC_FAST_ONE(r_type, left, right, compute)                                                 \
    const r_type a = (r_type)(left);                                                               \
    const r_type b = (r_type)(right);                                                              \
    r_type r;                                                                                      \
    compute;                                                                                       \
    data[row] = r;

/* --- Integers and doubles ------------------------------------------------------------------ */

/* In wrap-around arithmetic a sum overflowed where its sign is that of neither operand. */
#define VEC_WRAP_ADD(type)                                                                         \
    r = (type)((u##type)a + (u##type)b);                                                           \
    bad |= (a ^ r) & (b ^ r)
#define VEC_WRAP_SUB(type)                                                                         \
    r = (type)((u##type)a - (u##type)b);                                                           \
    bad |= (a ^ b) & (a ^ r)
#define VEC_WRAP_MUL_INT4                                                                          \
    const int64_t product = (int64_t)a * b;                                                        \
    r = (int32_t)product;                                                                          \
    bad |= product ^ r
#define VEC_WRAP_MUL_INT8 bad |= __builtin_mul_overflow(a, b, &r)

#define VEC_FAST_INTEGER(name, a_type, b_type, type, noun)                                         \
    VEC_FAST(name##_add, a_type, b_type, type, type, VEC_WRAP_ADD(type), bad < 0, noun##_add)      \
    VEC_FAST(name##_sub, a_type, b_type, type, type, VEC_WRAP_SUB(type), bad < 0, noun##_sub)

VEC_FAST_INTEGER(vec_arithmetic_int4, int32_t, int32_t, int32_t, vec_int4)
VEC_FAST_INTEGER(vec_arithmetic_int48, int32_t, int64_t, int64_t, vec_int8)
VEC_FAST_INTEGER(vec_arithmetic_int84, int64_t, int32_t, int64_t, vec_int8)
VEC_FAST_INTEGER(vec_arithmetic_int8, int64_t, int64_t, int64_t, vec_int8)

VEC_FAST(vec_arithmetic_int4_mul, int32_t, int32_t, int32_t, int64_t, VEC_WRAP_MUL_INT4, bad != 0,
         vec_int4_mul)
VEC_FAST(vec_arithmetic_int48_mul, int32_t, int64_t, int64_t, bool, VEC_WRAP_MUL_INT8, bad,
         vec_int8_mul)
VEC_FAST(vec_arithmetic_int84_mul, int64_t, int32_t, int64_t, bool, VEC_WRAP_MUL_INT8, bad,
         vec_int8_mul)
VEC_FAST(vec_arithmetic_int8_mul, int64_t, int64_t, int64_t, bool, VEC_WRAP_MUL_INT8, bad,
         vec_int8_mul)

/* Doubts about doubles are gathered in the highest bit of their patterns. */
#define VEC_DOUBT_ADD                                                                              \
    r = a + b;                                                                                     \
    bad |= vec_bits_infinite(r)
#define VEC_DOUBT_SUB                                                                              \
    r = a - b;                                                                                     \
    bad |= vec_bits_infinite(r)
#define VEC_DOUBT_MUL                                                                              \
    r = a * b;                                                                                     \
    bad |= vec_bits_infinite(r) | (~vec_bits_nonzero(r) & vec_bits_nonzero(a) & vec_bits_nonzero(b))
#define VEC_DOUBT_DIV                                                                              \
    r = a / b;                                                                                     \
    bad |=                                                                                         \
        vec_bits_infinite(r) | ~vec_bits_nonzero(b) | (~vec_bits_nonzero(r) & vec_bits_nonzero(a))
#define VEC_FAST_DOUBLE(name, doubt, exact)                                                        \
    VEC_FAST(name, double, double, double, uint64_t, doubt, (bad >> 63) != 0, exact)

VEC_FAST_DOUBLE(vec_arithmetic_double_add, VEC_DOUBT_ADD, vec_real_add)
VEC_FAST_DOUBLE(vec_arithmetic_double_sub, VEC_DOUBT_SUB, vec_real_sub)
VEC_FAST_DOUBLE(vec_arithmetic_double_mul, VEC_DOUBT_MUL, vec_real_mul)
VEC_FAST_DOUBLE(vec_arithmetic_double_div, VEC_DOUBT_DIV, vec_real_div)

/* --- Functions of one and two values, row by row --------------------------------------------- */

#define VEC_UNARY(name, a_type, r_type, ...)                                                       \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, r_type *out)  \
    {                                                                                              \
        const a_type a = VEC_ARG(r, 0, a_type, row);                                               \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    VEC_APPLY(name, r_type)

#define VEC_BINARY(name, a_type, b_type, r_type, ...)                                              \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, r_type *out)  \
    {                                                                                              \
        const a_type a = VEC_ARG(r, 0, a_type, row);                                               \
        const b_type b = VEC_ARG(r, 1, b_type, row);                                               \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    VEC_APPLY(name, r_type)

/* What cannot fail. */
#define VEC_IS(value)                                                                              \
    *out = (value);                                                                                \
    return VEC_FAULT_NONE

VEC_BINARY(vec_arithmetic_int4_div, int32_t, int32_t, int32_t, return vec_int4_div(a, b, out))
VEC_BINARY(vec_arithmetic_int48_div, int32_t, int64_t, int64_t, return vec_int8_div(a, b, out))
VEC_BINARY(vec_arithmetic_int84_div, int64_t, int32_t, int64_t, return vec_int8_div(a, b, out))
VEC_BINARY(vec_arithmetic_int8_div, int64_t, int64_t, int64_t, return vec_int8_div(a, b, out))
VEC_BINARY(vec_arithmetic_int4_mod, int32_t, int32_t, int32_t, return vec_int4_mod(a, b, out))
VEC_BINARY(vec_arithmetic_int8_mod, int64_t, int64_t, int64_t, return vec_int8_mod(a, b, out))
VEC_UNARY(vec_arithmetic_int4_neg, int32_t, int32_t, return vec_int4_neg(a, out))
VEC_UNARY(vec_arithmetic_int8_neg, int64_t, int64_t, return vec_int8_neg(a, out))
VEC_UNARY(vec_arithmetic_int4_abs, int32_t, int32_t, return vec_int4_abs(a, out))
VEC_UNARY(vec_arithmetic_int8_abs, int64_t, int64_t, return vec_int8_abs(a, out))

VEC_UNARY(vec_arithmetic_double_neg, double, double, VEC_IS(-a))
VEC_UNARY(vec_arithmetic_double_abs, double, double, VEC_IS(fabs(a)))
VEC_UNARY(vec_arithmetic_double_sqrt, double, double, return vec_real_apply(VEC_REAL_SQRT, a, out))
VEC_UNARY(vec_arithmetic_double_cbrt, double, double, return vec_real_apply(VEC_REAL_CBRT, a, out))
VEC_BINARY(vec_arithmetic_double_power, double, double, double, return vec_real_power(a, b, out))

#define VEC_BINARY_NUMERIC(name, operation)                                                        \
    VEC_BINARY(name, struct vec_numeric, struct vec_numeric, struct vec_numeric,                   \
               return operation(&a, &b, out))

VEC_BINARY_NUMERIC(vec_arithmetic_numeric_add, vec_numeric_add)
VEC_BINARY_NUMERIC(vec_arithmetic_numeric_sub, vec_numeric_sub)
VEC_BINARY_NUMERIC(vec_arithmetic_numeric_mul, vec_numeric_mul)
VEC_BINARY_NUMERIC(vec_arithmetic_numeric_div, vec_numeric_div)
VEC_BINARY_NUMERIC(vec_arithmetic_numeric_mod, vec_numeric_mod)
VEC_BINARY_NUMERIC(vec_arithmetic_numeric_power, vec_numeric_power)
VEC_UNARY(vec_arithmetic_numeric_neg, struct vec_numeric, struct vec_numeric,
          VEC_IS(vec_numeric_neg(&a)))
VEC_UNARY(vec_arithmetic_numeric_abs, struct vec_numeric, struct vec_numeric,
          VEC_IS(vec_numeric_abs(&a)))

/* --- Bits ------------------------------------------------------------------------------------ */

/* A shift counts modulo the width, as the processors do that PostgreSQL leaves this to. */
#define VEC_BITS(noun, type)                                                                       \
    VEC_BINARY(vec_arithmetic_##noun##_and, type, type, type, VEC_IS(a &b))                        \
    VEC_BINARY(vec_arithmetic_##noun##_or, type, type, type, VEC_IS(a | b))                        \
    VEC_BINARY(vec_arithmetic_##noun##_xor, type, type, type, VEC_IS(a ^ b))                       \
    VEC_BINARY(vec_arithmetic_##noun##_left, type, int32_t, type,                                  \
               VEC_IS((type)((u##type)a << ((uint32_t)b % (8 * sizeof(type))))))                   \
    VEC_BINARY(vec_arithmetic_##noun##_right, type, int32_t, type,                                 \
               VEC_IS(a >> ((uint32_t)b % (8 * sizeof(type)))))                                    \
    VEC_UNARY(vec_arithmetic_##noun##_not, type, type, VEC_IS(~a))

VEC_BITS(int4, int32_t)
VEC_BITS(int8, int64_t)

/* --- Dates, moments, intervals --------------------------------------------------------------- */

VEC_BINARY(vec_arithmetic_date_add, int32_t, int32_t, int32_t, return vec_date_add(a, b, out))
VEC_BINARY(vec_arithmetic_days_add, int32_t, int32_t, int32_t, return vec_date_add(b, a, out))
VEC_BINARY(vec_arithmetic_date_sub, int32_t, int32_t, int32_t, return vec_date_sub(a, b, out))
VEC_BINARY(vec_arithmetic_date_days, int32_t, int32_t, int32_t, return vec_date_sub_days(a, b, out))
VEC_BINARY(vec_arithmetic_day_add, int32_t, struct vec_interval, int64_t,
           return vec_arithmetic_day(a, &b, false, out))
VEC_BINARY(vec_arithmetic_day_sub, int32_t, struct vec_interval, int64_t,
           return vec_arithmetic_day(a, &b, true, out))
VEC_BINARY(vec_arithmetic_add_day, struct vec_interval, int32_t, int64_t,
           return vec_arithmetic_day(b, &a, false, out))
VEC_BINARY(vec_arithmetic_at_add, int64_t, struct vec_interval, int64_t,
           return vec_timestamp_add(a, &b, out))
VEC_BINARY(vec_arithmetic_add_at, struct vec_interval, int64_t, int64_t,
           return vec_timestamp_add(b, &a, out))
VEC_BINARY(vec_arithmetic_at_minus, int64_t, struct vec_interval, int64_t,
           return vec_timestamp_sub_interval(a, &b, out))
VEC_BINARY(vec_arithmetic_at_sub, int64_t, int64_t, struct vec_interval,
           return vec_timestamp_sub(a, b, out))
VEC_BINARY(vec_arithmetic_interval_add, struct vec_interval, struct vec_interval,
           struct vec_interval, return vec_interval_add(&a, &b, out))
VEC_BINARY(vec_arithmetic_interval_sub, struct vec_interval, struct vec_interval,
           struct vec_interval, return vec_interval_sub(&a, &b, out))
VEC_BINARY(vec_arithmetic_interval_mul, struct vec_interval, double, struct vec_interval,
           return vec_interval_mul(&a, b, out))
VEC_BINARY(vec_arithmetic_mul_interval, double, struct vec_interval, struct vec_interval,
           return vec_interval_mul(&b, a, out))
VEC_BINARY(vec_arithmetic_interval_div, struct vec_interval, double, struct vec_interval,
           return vec_interval_div(&a, b, out))
VEC_UNARY(vec_arithmetic_interval_neg, struct vec_interval, struct vec_interval,
          return vec_interval_neg(&a, out))

/* --- The table ------------------------------------------------------------------------------- */

#define VEC_ROW_1(sign, a, out, noun) VEC_FUNCTION_1(sign, a, out, vec_arithmetic_##noun##_apply)
#define VEC_ROW_2(sign, a, b, out, noun)                                                           \
    VEC_FUNCTION_2(sign, a, b, out, vec_arithmetic_##noun##_apply)

/* Integers of both widths, as PostgreSQL mixes them. */
#define VEC_ROW_INTEGERS(sign, noun)                                                               \
    VEC_ROW_2(sign, INTEGER, INTEGER, INTEGER, int4_##noun),                                       \
        VEC_ROW_2(sign, INTEGER, BIGINT, BIGINT, int48_##noun),                                    \
        VEC_ROW_2(sign, BIGINT, INTEGER, BIGINT, int84_##noun),                                    \
        VEC_ROW_2(sign, BIGINT, BIGINT, BIGINT, int8_##noun)

const struct vec_function vec_functions_arithmetic[] = {
    VEC_ROW_2("#", INTEGER, INTEGER, INTEGER, int4_xor),
    VEC_ROW_2("#", BIGINT, BIGINT, BIGINT, int8_xor),
    VEC_ROW_2("%", INTEGER, INTEGER, INTEGER, int4_mod),
    VEC_ROW_2("%", BIGINT, BIGINT, BIGINT, int8_mod),
    VEC_ROW_2("%", NUMERIC, NUMERIC, NUMERIC, numeric_mod),
    VEC_ROW_2("&", INTEGER, INTEGER, INTEGER, int4_and),
    VEC_ROW_2("&", BIGINT, BIGINT, BIGINT, int8_and),
    VEC_ROW_INTEGERS("*", mul),
    VEC_ROW_2("*", DOUBLE, DOUBLE, DOUBLE, double_mul),
    VEC_ROW_2("*", NUMERIC, NUMERIC, NUMERIC, numeric_mul),
    VEC_ROW_2("*", INTERVAL, DOUBLE, INTERVAL, interval_mul),
    VEC_ROW_2("*", DOUBLE, INTERVAL, INTERVAL, mul_interval),
    VEC_ROW_1("+", INTEGER, INTEGER, same),
    VEC_ROW_1("+", BIGINT, BIGINT, same),
    VEC_ROW_1("+", DOUBLE, DOUBLE, same),
    VEC_ROW_1("+", NUMERIC, NUMERIC, same),
    VEC_ROW_INTEGERS("+", add),
    VEC_ROW_2("+", DOUBLE, DOUBLE, DOUBLE, double_add),
    VEC_ROW_2("+", NUMERIC, NUMERIC, NUMERIC, numeric_add),
    VEC_ROW_2("+", DATE, INTEGER, DATE, date_add),
    VEC_ROW_2("+", INTEGER, DATE, DATE, days_add),
    VEC_ROW_2("+", DATE, INTERVAL, TIMESTAMP, day_add),
    VEC_ROW_2("+", INTERVAL, DATE, TIMESTAMP, add_day),
    VEC_ROW_2("+", TIMESTAMP, INTERVAL, TIMESTAMP, at_add),
    VEC_ROW_2("+", INTERVAL, TIMESTAMP, TIMESTAMP, add_at),
    VEC_ROW_2("+", TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, at_add),
    VEC_ROW_2("+", INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ, add_at),
    VEC_ROW_2("+", INTERVAL, INTERVAL, INTERVAL, interval_add),
    VEC_ROW_1("-", INTEGER, INTEGER, int4_neg),
    VEC_ROW_1("-", BIGINT, BIGINT, int8_neg),
    VEC_ROW_1("-", DOUBLE, DOUBLE, double_neg),
    VEC_ROW_1("-", NUMERIC, NUMERIC, numeric_neg),
    VEC_ROW_1("-", INTERVAL, INTERVAL, interval_neg),
    VEC_ROW_INTEGERS("-", sub),
    VEC_ROW_2("-", DOUBLE, DOUBLE, DOUBLE, double_sub),
    VEC_ROW_2("-", NUMERIC, NUMERIC, NUMERIC, numeric_sub),
    VEC_ROW_2("-", DATE, INTEGER, DATE, date_days),
    VEC_ROW_2("-", DATE, DATE, INTEGER, date_sub),
    VEC_ROW_2("-", DATE, INTERVAL, TIMESTAMP, day_sub),
    VEC_ROW_2("-", TIMESTAMP, INTERVAL, TIMESTAMP, at_minus),
    VEC_ROW_2("-", TIMESTAMPTZ, INTERVAL, TIMESTAMPTZ, at_minus),
    VEC_ROW_2("-", TIMESTAMP, TIMESTAMP, INTERVAL, at_sub),
    VEC_ROW_2("-", TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL, at_sub),
    VEC_ROW_2("-", INTERVAL, INTERVAL, INTERVAL, interval_sub),
    VEC_ROW_INTEGERS("/", div),
    VEC_ROW_2("/", DOUBLE, DOUBLE, DOUBLE, double_div),
    VEC_ROW_2("/", NUMERIC, NUMERIC, NUMERIC, numeric_div),
    VEC_ROW_2("/", INTERVAL, DOUBLE, INTERVAL, interval_div),
    VEC_ROW_2("<<", INTEGER, INTEGER, INTEGER, int4_left),
    VEC_ROW_2("<<", BIGINT, INTEGER, BIGINT, int8_left),
    VEC_ROW_2(">>", INTEGER, INTEGER, INTEGER, int4_right),
    VEC_ROW_2(">>", BIGINT, INTEGER, BIGINT, int8_right),
    VEC_ROW_1("@", INTEGER, INTEGER, int4_abs),
    VEC_ROW_1("@", BIGINT, BIGINT, int8_abs),
    VEC_ROW_1("@", DOUBLE, DOUBLE, double_abs),
    VEC_ROW_1("@", NUMERIC, NUMERIC, numeric_abs),
    VEC_ROW_2("^", DOUBLE, DOUBLE, DOUBLE, double_power),
    VEC_ROW_2("^", NUMERIC, NUMERIC, NUMERIC, numeric_power),
    VEC_ROW_2("|", INTEGER, INTEGER, INTEGER, int4_or),
    VEC_ROW_2("|", BIGINT, BIGINT, BIGINT, int8_or),
    VEC_ROW_1("|/", DOUBLE, DOUBLE, double_sqrt),
    VEC_ROW_1("||/", DOUBLE, DOUBLE, double_cbrt),
    VEC_ROW_1("~", INTEGER, INTEGER, int4_not),
    VEC_ROW_1("~", BIGINT, BIGINT, int8_not),
};
const size_t vec_functions_arithmetic_count = ARRAY_COUNT(vec_functions_arithmetic);
