/* Functions of numbers. See function_int.h.
 *
 * exp, ln and logarithms are refused of NUMERIC (numeric.h says why); their rows are here so that
 * nobody gets those of DOUBLE PRECISION without having asked for them. */
#include <math.h>

#include "views/vec/function_int.h"
#include "views/vec/integer.h"
#include "views/vec/numeric_int.h"
#include "views/vec/real.h"

/* <name>_apply of `compute`, which takes one `type` and may fault. */
#define VEC_MATH_1(name, type, compute)                                                            \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, type *out)    \
    {                                                                                              \
        return compute(VEC_ARG(r, 0, type, row), out);                                             \
    }                                                                                              \
    VEC_APPLY(name, type)

/* The same of two. */
#define VEC_MATH_2(name, type, compute)                                                            \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, type *out)    \
    {                                                                                              \
        return compute(VEC_ARG(r, 0, type, row), VEC_ARG(r, 1, type, row), out);                   \
    }                                                                                              \
    VEC_APPLY(name, type)

/* The same of one and of two NUMERIC, which go by their addresses; and of a NUMERIC and a count of
 * digits. */
#define VEC_MATH_NUMERIC_1(name, compute)                                                          \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row,               \
                                                   struct vec_numeric *out)                        \
    {                                                                                              \
        return compute(&VEC_ARG(r, 0, struct vec_numeric, row), out);                              \
    }                                                                                              \
    VEC_APPLY(name, struct vec_numeric)

#define VEC_MATH_NUMERIC_2(name, compute)                                                          \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row,               \
                                                   struct vec_numeric *out)                        \
    {                                                                                              \
        return compute(&VEC_ARG(r, 0, struct vec_numeric, row),                                    \
                       &VEC_ARG(r, 1, struct vec_numeric, row), out);                              \
    }                                                                                              \
    VEC_APPLY(name, struct vec_numeric)

#define VEC_MATH_NUMERIC_DIGITS(name, compute)                                                     \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row,               \
                                                   struct vec_numeric *out)                        \
    {                                                                                              \
        return compute(&VEC_ARG(r, 0, struct vec_numeric, row), VEC_ARG(r, 1, int32_t, row), out); \
    }                                                                                              \
    VEC_APPLY(name, struct vec_numeric)

/* INTEGER and BIGINT. */

/* The greatest common divisor, and the least common multiple, both not negative. */
#define VEC_MATH_DIVISORS(name, type, unsigned_type, fault)                                        \
    static unsigned_type vec_##name##_divisor(unsigned_type a, unsigned_type b)                    \
    {                                                                                              \
        while (b != 0) {                                                                           \
            unsigned_type rest = a % b;                                                            \
            a = b;                                                                                 \
            b = rest;                                                                              \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    static unsigned_type vec_##name##_size(type a)                                                 \
    {                                                                                              \
        return a < 0 ? (unsigned_type)0 - (unsigned_type)a : (unsigned_type)a;                     \
    }                                                                                              \
    static enum vec_fault vec_##name##_gcd_of(type a, type b, type *out)                           \
    {                                                                                              \
        *out = (type)vec_##name##_divisor(vec_##name##_size(a), vec_##name##_size(b));             \
        return *out < 0 ? fault : VEC_FAULT_NONE;                                                  \
    }                                                                                              \
    static enum vec_fault vec_##name##_lcm_of(type a, type b, type *out)                           \
    {                                                                                              \
        unsigned_type divisor = vec_##name##_divisor(vec_##name##_size(a), vec_##name##_size(b));  \
        unsigned_type whole = divisor == 0 ? 0 : vec_##name##_size(a) / divisor;                   \
        return __builtin_mul_overflow(whole, vec_##name##_size(b), out) ? fault : VEC_FAULT_NONE;  \
    }

VEC_MATH_DIVISORS(int4, int32_t, uint32_t, VEC_FAULT_INTEGER)
VEC_MATH_DIVISORS(int8, int64_t, uint64_t, VEC_FAULT_BIGINT)

VEC_MATH_1(vec_abs_int4, int32_t, vec_int4_abs)
VEC_MATH_1(vec_abs_int8, int64_t, vec_int8_abs)
VEC_MATH_2(vec_mod_int4, int32_t, vec_int4_mod)
VEC_MATH_2(vec_mod_int8, int64_t, vec_int8_mod)
VEC_MATH_2(vec_gcd_int4, int32_t, vec_int4_gcd_of)
VEC_MATH_2(vec_gcd_int8, int64_t, vec_int8_gcd_of)
VEC_MATH_2(vec_lcm_int4, int32_t, vec_int4_lcm_of)
VEC_MATH_2(vec_lcm_int8, int64_t, vec_int8_lcm_of)

/* NUMERIC. */

static enum vec_fault vec_abs_numeric_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    *out = vec_numeric_abs(a);
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_sign_numeric_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    *out = vec_numeric_sign(a);
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_round_numeric_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    return vec_numeric_round(a, 0, out);
}

static enum vec_fault vec_trunc_numeric_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    return vec_numeric_trunc(a, 0, out);
}

static enum vec_fault vec_trim_scale_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    *out = vec_numeric_trim(a);
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_log_numeric_of(const struct vec_numeric *a, struct vec_numeric *out)
{
    (void)a, (void)out;
    return VEC_FAULT_NUMERIC_LOG;
}

static enum vec_fault vec_log_numeric_base_of(const struct vec_numeric *a,
                                              const struct vec_numeric *b, struct vec_numeric *out)
{
    (void)a, (void)b, (void)out;
    return VEC_FAULT_NUMERIC_LOG;
}

/* The greatest common divisor has the larger scale; so has the least common multiple. */
static enum vec_fault vec_gcd_numeric_of(const struct vec_numeric *a, const struct vec_numeric *b,
                                         struct vec_numeric *out)
{
    struct vec_numeric x = vec_numeric_abs(a);
    struct vec_numeric y = vec_numeric_abs(b);
    int32_t scale = x.scale > y.scale ? x.scale : y.scale;
    while (!vec_numeric_is_zero(&y)) {
        struct vec_numeric rest;
        enum vec_fault fault = vec_numeric_mod(&x, &y, &rest);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        x = y;
        y = rest;
    }
    return vec_numeric_round(&x, scale, out);
}

static enum vec_fault vec_lcm_numeric_of(const struct vec_numeric *a, const struct vec_numeric *b,
                                         struct vec_numeric *out)
{
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    struct vec_numeric x = vec_numeric_abs(a);
    struct vec_numeric y = vec_numeric_abs(b);
    struct vec_numeric divisor;
    enum vec_fault fault = vec_gcd_numeric_of(a, b, &divisor);
    if (fault == VEC_FAULT_NONE && !vec_numeric_is_zero(&divisor)) {
        fault = vec_numeric_div_whole(&x, &divisor, &x);
    }
    if (fault == VEC_FAULT_NONE) {
        fault = vec_numeric_mul(&x, &y, &x);
    }
    return fault == VEC_FAULT_NONE ? vec_numeric_round(&x, scale, out) : fault;
}

VEC_MATH_NUMERIC_1(vec_abs_numeric, vec_abs_numeric_of)
VEC_MATH_NUMERIC_1(vec_sign_numeric, vec_sign_numeric_of)
VEC_MATH_NUMERIC_1(vec_round_numeric, vec_round_numeric_of)
VEC_MATH_NUMERIC_1(vec_trunc_numeric, vec_trunc_numeric_of)
VEC_MATH_NUMERIC_1(vec_trim_scale, vec_trim_scale_of)
VEC_MATH_NUMERIC_1(vec_ceil_numeric, vec_numeric_ceil)
VEC_MATH_NUMERIC_1(vec_floor_numeric, vec_numeric_floor)
VEC_MATH_NUMERIC_1(vec_sqrt_numeric, vec_numeric_sqrt)
VEC_MATH_NUMERIC_1(vec_log_numeric, vec_log_numeric_of)
VEC_MATH_NUMERIC_2(vec_log_numeric_base, vec_log_numeric_base_of)
VEC_MATH_NUMERIC_2(vec_mod_numeric, vec_numeric_mod)
VEC_MATH_NUMERIC_2(vec_div_numeric, vec_numeric_div_whole)
VEC_MATH_NUMERIC_2(vec_power_numeric, vec_numeric_power)
VEC_MATH_NUMERIC_2(vec_gcd_numeric, vec_gcd_numeric_of)
VEC_MATH_NUMERIC_2(vec_lcm_numeric, vec_lcm_numeric_of)
VEC_MATH_NUMERIC_DIGITS(vec_round_digits, vec_numeric_round)
VEC_MATH_NUMERIC_DIGITS(vec_trunc_digits, vec_numeric_trunc)

static ALWAYS_INLINE enum vec_fault vec_scale_row(struct vec_rows *r, uint32_t row, int32_t *out)
{
    *out = VEC_ARG(r, 0, struct vec_numeric, row).scale;
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_min_scale_row(struct vec_rows *r, uint32_t row,
                                                      int32_t *out)
{
    *out = vec_numeric_trim(&VEC_ARG(r, 0, struct vec_numeric, row)).scale;
    return VEC_FAULT_NONE;
}

VEC_APPLY(vec_scale, int32_t)
VEC_APPLY(vec_min_scale, int32_t)

/* DOUBLE PRECISION. */

#define VEC_MATH_REAL(name, function)                                                              \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, double *out)  \
    {                                                                                              \
        return vec_real_apply(function, VEC_ARG(r, 0, double, row), out);                          \
    }                                                                                              \
    VEC_APPLY(name, double)

static ALWAYS_INLINE enum vec_fault vec_abs_real_of(double a, double *out)
{
    *out = fabs(a);
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_pi_row(struct vec_rows *r, uint32_t row, double *out)
{
    (void)r, (void)row;
    *out = M_PI;
    return VEC_FAULT_NONE;
}

VEC_MATH_1(vec_abs_real, double, vec_abs_real_of)
VEC_MATH_2(vec_power_real, double, vec_real_power)
VEC_MATH_2(vec_atan2, double, vec_real_atan2)
VEC_APPLY(vec_pi, double)
VEC_MATH_REAL(vec_round_real, VEC_REAL_ROUND)
VEC_MATH_REAL(vec_trunc_real, VEC_REAL_TRUNC)
VEC_MATH_REAL(vec_ceil_real, VEC_REAL_CEIL)
VEC_MATH_REAL(vec_floor_real, VEC_REAL_FLOOR)
VEC_MATH_REAL(vec_sign_real, VEC_REAL_SIGN)
VEC_MATH_REAL(vec_sqrt_real, VEC_REAL_SQRT)
VEC_MATH_REAL(vec_cbrt, VEC_REAL_CBRT)
VEC_MATH_REAL(vec_exp, VEC_REAL_EXP)
VEC_MATH_REAL(vec_ln, VEC_REAL_LN)
VEC_MATH_REAL(vec_log10, VEC_REAL_LOG10)
VEC_MATH_REAL(vec_sin, VEC_REAL_SIN)
VEC_MATH_REAL(vec_cos, VEC_REAL_COS)
VEC_MATH_REAL(vec_tan, VEC_REAL_TAN)
VEC_MATH_REAL(vec_cot, VEC_REAL_COT)
VEC_MATH_REAL(vec_asin, VEC_REAL_ASIN)
VEC_MATH_REAL(vec_acos, VEC_REAL_ACOS)
VEC_MATH_REAL(vec_atan, VEC_REAL_ATAN)
VEC_MATH_REAL(vec_sinh, VEC_REAL_SINH)
VEC_MATH_REAL(vec_cosh, VEC_REAL_COSH)
VEC_MATH_REAL(vec_tanh, VEC_REAL_TANH)
VEC_MATH_REAL(vec_asinh, VEC_REAL_ASINH)
VEC_MATH_REAL(vec_acosh, VEC_REAL_ACOSH)
VEC_MATH_REAL(vec_atanh, VEC_REAL_ATANH)
VEC_MATH_REAL(vec_degrees, VEC_REAL_DEGREES)
VEC_MATH_REAL(vec_radians, VEC_REAL_RADIANS)

const struct vec_function vec_functions_math[] = {
    VEC_FUNCTION_1("abs", INTEGER, INTEGER, vec_abs_int4_apply),
    VEC_FUNCTION_1("abs", BIGINT, BIGINT, vec_abs_int8_apply),
    VEC_FUNCTION_1("abs", DOUBLE, DOUBLE, vec_abs_real_apply),
    VEC_FUNCTION_1("abs", NUMERIC, NUMERIC, vec_abs_numeric_apply),
    VEC_FUNCTION_1("acos", DOUBLE, DOUBLE, vec_acos_apply),
    VEC_FUNCTION_1("acosh", DOUBLE, DOUBLE, vec_acosh_apply),
    VEC_FUNCTION_1("asin", DOUBLE, DOUBLE, vec_asin_apply),
    VEC_FUNCTION_1("asinh", DOUBLE, DOUBLE, vec_asinh_apply),
    VEC_FUNCTION_1("atan", DOUBLE, DOUBLE, vec_atan_apply),
    VEC_FUNCTION_2("atan2", DOUBLE, DOUBLE, DOUBLE, vec_atan2_apply),
    VEC_FUNCTION_1("atanh", DOUBLE, DOUBLE, vec_atanh_apply),
    VEC_FUNCTION_1("cbrt", DOUBLE, DOUBLE, vec_cbrt_apply),
    VEC_FUNCTION_1("ceil", DOUBLE, DOUBLE, vec_ceil_real_apply),
    VEC_FUNCTION_1("ceil", NUMERIC, NUMERIC, vec_ceil_numeric_apply),
    VEC_FUNCTION_1("ceiling", DOUBLE, DOUBLE, vec_ceil_real_apply),
    VEC_FUNCTION_1("ceiling", NUMERIC, NUMERIC, vec_ceil_numeric_apply),
    VEC_FUNCTION_1("cos", DOUBLE, DOUBLE, vec_cos_apply),
    VEC_FUNCTION_1("cosh", DOUBLE, DOUBLE, vec_cosh_apply),
    VEC_FUNCTION_1("cot", DOUBLE, DOUBLE, vec_cot_apply),
    VEC_FUNCTION_1("degrees", DOUBLE, DOUBLE, vec_degrees_apply),
    VEC_FUNCTION_2("div", NUMERIC, NUMERIC, NUMERIC, vec_div_numeric_apply),
    VEC_FUNCTION_1("exp", DOUBLE, DOUBLE, vec_exp_apply),
    VEC_FUNCTION_1("exp", NUMERIC, NUMERIC, vec_log_numeric_apply),
    VEC_FUNCTION_1("floor", DOUBLE, DOUBLE, vec_floor_real_apply),
    VEC_FUNCTION_1("floor", NUMERIC, NUMERIC, vec_floor_numeric_apply),
    VEC_FUNCTION_2("gcd", INTEGER, INTEGER, INTEGER, vec_gcd_int4_apply),
    VEC_FUNCTION_2("gcd", BIGINT, BIGINT, BIGINT, vec_gcd_int8_apply),
    VEC_FUNCTION_2("gcd", NUMERIC, NUMERIC, NUMERIC, vec_gcd_numeric_apply),
    VEC_FUNCTION_2("lcm", INTEGER, INTEGER, INTEGER, vec_lcm_int4_apply),
    VEC_FUNCTION_2("lcm", BIGINT, BIGINT, BIGINT, vec_lcm_int8_apply),
    VEC_FUNCTION_2("lcm", NUMERIC, NUMERIC, NUMERIC, vec_lcm_numeric_apply),
    VEC_FUNCTION_1("ln", DOUBLE, DOUBLE, vec_ln_apply),
    VEC_FUNCTION_1("ln", NUMERIC, NUMERIC, vec_log_numeric_apply),
    VEC_FUNCTION_1("log", DOUBLE, DOUBLE, vec_log10_apply),
    VEC_FUNCTION_1("log", NUMERIC, NUMERIC, vec_log_numeric_apply),
    VEC_FUNCTION_2("log", NUMERIC, NUMERIC, NUMERIC, vec_log_numeric_base_apply),
    VEC_FUNCTION_1("log10", DOUBLE, DOUBLE, vec_log10_apply),
    VEC_FUNCTION_1("log10", NUMERIC, NUMERIC, vec_log_numeric_apply),
    VEC_FUNCTION_1("min_scale", NUMERIC, INTEGER, vec_min_scale_apply),
    VEC_FUNCTION_2("mod", INTEGER, INTEGER, INTEGER, vec_mod_int4_apply),
    VEC_FUNCTION_2("mod", BIGINT, BIGINT, BIGINT, vec_mod_int8_apply),
    VEC_FUNCTION_2("mod", NUMERIC, NUMERIC, NUMERIC, vec_mod_numeric_apply),
    VEC_FUNCTION_0("pi", DOUBLE, vec_pi_apply),
    VEC_FUNCTION_2("pow", DOUBLE, DOUBLE, DOUBLE, vec_power_real_apply),
    VEC_FUNCTION_2("pow", NUMERIC, NUMERIC, NUMERIC, vec_power_numeric_apply),
    VEC_FUNCTION_2("power", DOUBLE, DOUBLE, DOUBLE, vec_power_real_apply),
    VEC_FUNCTION_2("power", NUMERIC, NUMERIC, NUMERIC, vec_power_numeric_apply),
    VEC_FUNCTION_1("radians", DOUBLE, DOUBLE, vec_radians_apply),
    VEC_FUNCTION_1("round", DOUBLE, DOUBLE, vec_round_real_apply),
    VEC_FUNCTION_1("round", NUMERIC, NUMERIC, vec_round_numeric_apply),
    VEC_FUNCTION_2("round", NUMERIC, INTEGER, NUMERIC, vec_round_digits_apply),
    VEC_FUNCTION_1("scale", NUMERIC, INTEGER, vec_scale_apply),
    VEC_FUNCTION_1("sign", DOUBLE, DOUBLE, vec_sign_real_apply),
    VEC_FUNCTION_1("sign", NUMERIC, NUMERIC, vec_sign_numeric_apply),
    VEC_FUNCTION_1("sin", DOUBLE, DOUBLE, vec_sin_apply),
    VEC_FUNCTION_1("sinh", DOUBLE, DOUBLE, vec_sinh_apply),
    VEC_FUNCTION_1("sqrt", DOUBLE, DOUBLE, vec_sqrt_real_apply),
    VEC_FUNCTION_1("sqrt", NUMERIC, NUMERIC, vec_sqrt_numeric_apply),
    VEC_FUNCTION_1("tan", DOUBLE, DOUBLE, vec_tan_apply),
    VEC_FUNCTION_1("tanh", DOUBLE, DOUBLE, vec_tanh_apply),
    VEC_FUNCTION_1("trim_scale", NUMERIC, NUMERIC, vec_trim_scale_apply),
    VEC_FUNCTION_1("trunc", DOUBLE, DOUBLE, vec_trunc_real_apply),
    VEC_FUNCTION_1("trunc", NUMERIC, NUMERIC, vec_trunc_numeric_apply),
    VEC_FUNCTION_2("trunc", NUMERIC, INTEGER, NUMERIC, vec_trunc_digits_apply),
};
const size_t vec_functions_math_count = ARRAY_COUNT(vec_functions_math);
