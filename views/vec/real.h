/* DOUBLE PRECISION: text, arithmetic and functions, with PostgreSQL's errors.
 *
 * Text is the shortest that reads back as the same value, written with an exponent below 1e-4 and
 * from 1e15 on. NaN equals itself and is larger than all else. A result that overflows to infinity
 * or underflows to zero is a fault. Results of functions beyond square roots are those of the C
 * library, which PostgreSQL uses too.
 *
 * Pure; *out is undefined unless VEC_FAULT_NONE is returned. */
#ifndef VIEWS_VEC_REAL_H
#define VIEWS_VEC_REAL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"

/* Room for what vec_real_write writes. */
#define VEC_REAL_TEXT_BYTES 32

/* "1.5", "-.5e3", " 7 ", "NaN", "Infinity", "-inf": the nearest double. Of more than 100
 * significant digits, those behind count as one that is not zero. SYNTAX (type "double precision");
 * DOUBLE_RANGE (its %v is the number without white space) when it would be infinite, or zero
 * though it is not. */
MUST_USE enum vec_fault vec_real_parse(const char *text, size_t length, double *out);

/* Write `value`, less than VEC_REAL_TEXT_BYTES. */
void vec_real_write(struct bytes_writer *w, double value);

/* <0, 0, >0: NaN is the largest and equals itself; -0 equals 0. */
static ALWAYS_INLINE int vec_real_compare(double a, double b)
{
    int order = (a > b) - (a < b);
    return LIKELY(a == a && b == b) ? order : (a != a) - (b != b);
}

/* a + b. OVERFLOW. */
static ALWAYS_INLINE enum vec_fault vec_real_add(double a, double b, double *out)
{
    *out = a + b;
    return UNLIKELY(isinf(*out)) && !isinf(a) && !isinf(b) ? VEC_FAULT_OVERFLOW : VEC_FAULT_NONE;
}

/* a - b. OVERFLOW. */
static ALWAYS_INLINE enum vec_fault vec_real_sub(double a, double b, double *out)
{
    *out = a - b;
    return UNLIKELY(isinf(*out)) && !isinf(a) && !isinf(b) ? VEC_FAULT_OVERFLOW : VEC_FAULT_NONE;
}

/* a * b. OVERFLOW, UNDERFLOW. */
static ALWAYS_INLINE enum vec_fault vec_real_mul(double a, double b, double *out)
{
    *out = a * b;
    if (UNLIKELY(isinf(*out)) && !isinf(a) && !isinf(b)) {
        return VEC_FAULT_OVERFLOW;
    }
    return UNLIKELY(*out == 0.0) && a != 0.0 && b != 0.0 ? VEC_FAULT_UNDERFLOW : VEC_FAULT_NONE;
}

/* a / b. DIVISION, OVERFLOW, UNDERFLOW. */
static ALWAYS_INLINE enum vec_fault vec_real_div(double a, double b, double *out)
{
    if (UNLIKELY(b == 0.0) && !isnan(a)) {
        return VEC_FAULT_DIVISION;
    }
    *out = a / b;
    if (UNLIKELY(isinf(*out)) && !isinf(a)) {
        return VEC_FAULT_OVERFLOW;
    }
    return UNLIKELY(*out == 0.0) && a != 0.0 && !isinf(b) ? VEC_FAULT_UNDERFLOW : VEC_FAULT_NONE;
}

/* Casts: half to even. INTEGER or BIGINT for what does not fit, NaN too. */
MUST_USE enum vec_fault vec_real_to_int4(double a, int32_t *out);
MUST_USE enum vec_fault vec_real_to_int8(double a, int64_t *out);

/* A function of one argument. */
enum vec_real_function {
    VEC_REAL_ROUND, /* half to even */
    VEC_REAL_TRUNC,
    VEC_REAL_CEIL,
    VEC_REAL_FLOOR,
    VEC_REAL_ABS,
    VEC_REAL_SIGN,
    VEC_REAL_SQRT, /* ROOT */
    VEC_REAL_CBRT,
    VEC_REAL_EXP,   /* OVERFLOW, UNDERFLOW */
    VEC_REAL_LN,    /* LOG_ZERO, LOG_NEGATIVE */
    VEC_REAL_LOG10, /* the same */
    VEC_REAL_SIN,   /* INPUT: of an infinity */
    VEC_REAL_COS,
    VEC_REAL_TAN,
    VEC_REAL_COT,
    VEC_REAL_ASIN, /* INPUT: outside [-1, 1] */
    VEC_REAL_ACOS,
    VEC_REAL_ATAN,
    VEC_REAL_SINH, /* OVERFLOW-free: infinite where too large */
    VEC_REAL_COSH,
    VEC_REAL_TANH,
    VEC_REAL_ASINH,
    VEC_REAL_ACOSH, /* INPUT: below 1 */
    VEC_REAL_ATANH, /* INPUT: outside [-1, 1] */
    VEC_REAL_DEGREES,
    VEC_REAL_RADIANS,
};

/* *out = that function of `a`, with the faults its row names. */
MUST_USE enum vec_fault vec_real_apply(enum vec_real_function function, double a, double *out);

/* a to the power of b. POWER_ZERO, POWER_COMPLEX, OVERFLOW, UNDERFLOW. */
MUST_USE enum vec_fault vec_real_power(double a, double b, double *out);

/* The angle of the point (x, y). */
MUST_USE enum vec_fault vec_real_atan2(double y, double x, double *out);

#endif
