/* NUMERIC: exact decimal numbers, as PostgreSQL computes them.
 *
 * A value is an integer of up to 76 digits and a scale, the count of its digits behind the point,
 * which is part of what is shown (1.50 and 1.5 are equal and print differently). Stored columns are
 * declared NUMERIC(p <= 38, s); the other half is for what expressions make of them, so that a
 * product of two averages is exact. A result that needs more, its scale's digits included, is
 * VEC_FAULT_NUMERIC, never rounded. There is no NaN and no infinity here.
 *
 * Every result has PostgreSQL's scale: the larger one for sums, the sum of both for products, at
 * least 16 significant digits for quotients and roots. Ties are rounded away from zero.
 *
 * Not here, refused by name: ln, log, exp and powers that are not whole (their last digit depends
 * on how PostgreSQL computes inside); a cast to DOUBLE PRECISION serves them.
 *
 * Pure; *out is untouched unless VEC_FAULT_NONE is returned; it may be an argument. */
#ifndef VIEWS_VEC_NUMERIC_H
#define VIEWS_VEC_NUMERIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"

#define VEC_NUMERIC_LIMBS        4
#define VEC_NUMERIC_DIGITS_MAX   76 /* of any value, those behind the point included */
#define VEC_NUMERIC_DECLARED_MAX 38 /* the p of a declared NUMERIC(p, s) */
#define VEC_NUMERIC_TEXT_BYTES   80 /* room for what vec_numeric_write writes */

/* A value: (-1)^is_negative * limb / 10^scale. */
struct vec_numeric {
    uint64_t limb[VEC_NUMERIC_LIMBS]; /* least significant first, < 10^VEC_NUMERIC_DIGITS_MAX */
    uint8_t scale;                    /* digits behind the point, <= VEC_NUMERIC_DIGITS_MAX */
    bool is_negative;                 /* false for zero */
};

/* "12.50", "-.5e3", " 7 ": the scale is that of the digits written. SYNTAX for other text,
 * NUMERIC_SPECIAL for 'NaN' and 'Infinity', NUMERIC for more than fits. */
MUST_USE enum vec_fault vec_numeric_parse(const char *text, size_t length, struct vec_numeric *out);

/* Write `a` with all digits of its scale; less than VEC_NUMERIC_TEXT_BYTES. */
void vec_numeric_write(struct bytes_writer *w, const struct vec_numeric *a);

/* The number of that value, of scale 0. */
struct vec_numeric vec_numeric_from_int8(int64_t value);

/* The same of 128 bits: what sums of BIGINT are kept in. */
struct vec_numeric vec_numeric_from_int16(__int128 value);

/* value / 10^scale (scale <= 18, asserted): microseconds as seconds and such. */
struct vec_numeric vec_numeric_from_scaled(int64_t value, unsigned scale);

/* The number nearest to `value` of 15 significant digits. NUMERIC_SPECIAL for NaN and infinities,
 * NUMERIC for what is too large or too small. */
MUST_USE enum vec_fault vec_numeric_from_double(double value, struct vec_numeric *out);

/* Rounded to an integer. INTEGER or BIGINT when it does not fit. */
MUST_USE enum vec_fault vec_numeric_to_int4(const struct vec_numeric *a, int32_t *out);
MUST_USE enum vec_fault vec_numeric_to_int8(const struct vec_numeric *a, int64_t *out);

/* The nearest double. */
double vec_numeric_to_double(const struct vec_numeric *a);

/* The 128-bit integer and scale that a column of NUMERIC(38, scale) holds. False: more digits. */
MUST_USE bool vec_numeric_to_int16(const struct vec_numeric *a, __int128 *value);

/* The reverse: value / 10^scale. |value| < 10^38, scale <= 38 (asserted). */
struct vec_numeric vec_numeric_from_column(__int128 value, unsigned scale);

/* <0, 0, >0: by value, whatever the scales. */
int vec_numeric_compare(const struct vec_numeric *a, const struct vec_numeric *b);

/* `a` without trailing zeros behind the point: equal values have equal fields, for hashing. */
struct vec_numeric vec_numeric_trim(const struct vec_numeric *a);

/* Arithmetic. NUMERIC when the result does not fit, DIVISION by zero. vec_numeric_mod has the sign
 * of `a`; vec_numeric_div_whole is SQL's div(): the quotient cut to an integer. */
MUST_USE enum vec_fault vec_numeric_add(const struct vec_numeric *a, const struct vec_numeric *b,
                                        struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_sub(const struct vec_numeric *a, const struct vec_numeric *b,
                                        struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_mul(const struct vec_numeric *a, const struct vec_numeric *b,
                                        struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_div(const struct vec_numeric *a, const struct vec_numeric *b,
                                        struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_div_whole(const struct vec_numeric *a,
                                              const struct vec_numeric *b, struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_mod(const struct vec_numeric *a, const struct vec_numeric *b,
                                        struct vec_numeric *out);

/* -a, |a|, and sign() as -1, 0 or 1. */
struct vec_numeric vec_numeric_neg(const struct vec_numeric *a);
struct vec_numeric vec_numeric_abs(const struct vec_numeric *a);
struct vec_numeric vec_numeric_sign(const struct vec_numeric *a);

/* To `digits` behind the point (before it, when negative): half away from zero, or cut. The result
 * has that scale, or 0. NUMERIC when it does not fit. */
MUST_USE enum vec_fault vec_numeric_round(const struct vec_numeric *a, int32_t digits,
                                          struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_trunc(const struct vec_numeric *a, int32_t digits,
                                          struct vec_numeric *out);

/* The nearest integer not below, and not above. NUMERIC when it does not fit. */
MUST_USE enum vec_fault vec_numeric_ceil(const struct vec_numeric *a, struct vec_numeric *out);
MUST_USE enum vec_fault vec_numeric_floor(const struct vec_numeric *a, struct vec_numeric *out);

/* As a cast to NUMERIC(precision, scale): rounded; NUMERIC_FIELD when more than precision - scale
 * digits stand before the point. scale <= precision <= VEC_NUMERIC_DIGITS_MAX (asserted). */
MUST_USE enum vec_fault vec_numeric_declare(const struct vec_numeric *a, unsigned precision,
                                            unsigned scale, struct vec_numeric *out);

/* The square root. ROOT of what is negative. */
MUST_USE enum vec_fault vec_numeric_sqrt(const struct vec_numeric *a, struct vec_numeric *out);

/* a to the power of `b`, a whole number of any scale. POWER_FRACTION: it is none, or beyond 32
 * bits; POWER_ZERO, POWER_COMPLEX, NUMERIC. */
MUST_USE enum vec_fault vec_numeric_power(const struct vec_numeric *a, const struct vec_numeric *b,
                                          struct vec_numeric *out);

/* What var_pop, var_samp, stddev_pop and stddev_samp answer for `count` (> 0; > 1 for a sample,
 * asserted) numbers of that sum and sum of squares. NUMERIC when something on the way does not fit.
 */
MUST_USE enum vec_fault vec_numeric_variance(int64_t count, const struct vec_numeric *sum,
                                             const struct vec_numeric *squares, bool is_sample,
                                             bool is_root, struct vec_numeric *out);

#endif
