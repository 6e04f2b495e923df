/* What the files of NUMERIC share. */
#ifndef VIEWS_VEC_NUMERIC_INT_H
#define VIEWS_VEC_NUMERIC_INT_H

#include "views/vec/numeric.h"
#include "views/vec/wide.h"

/* 10^0 to 10^VEC_NUMERIC_DIGITS_MAX. */
extern const uint64_t vec_numeric_powers[VEC_NUMERIC_DIGITS_MAX + 1][VEC_NUMERIC_LIMBS];

/* Limbs that hold whatever a quotient is made from: three powers of ten, 10^228. */
#define VEC_NUMERIC_ROOM_LIMBS 12

/* Whether `a` is 0. */
static inline bool vec_numeric_is_zero(const struct vec_numeric *a)
{
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

/* Decimal digits of the integer: 0 for 0. */
unsigned vec_numeric_digits(const uint64_t limb[VEC_NUMERIC_LIMBS]);

/* room *= 10^digits, in VEC_NUMERIC_ROOM_LIMBS limbs. False: it does not fit. */
MUST_USE bool vec_numeric_room_scale(uint64_t *room, unsigned digits);

/* *out = that integer with sign and scale. NUMERIC when the integer is too large or the scale is.
 */
MUST_USE enum vec_fault vec_numeric_pack(const uint64_t *room, unsigned scale, bool is_negative,
                                         struct vec_numeric *out);

/* The place of the first digit as PostgreSQL counts it, in groups of four digits, and that group's
 * value: what it takes the scale of a quotient from. 0 and 0 for zero. */
int vec_numeric_weight(const struct vec_numeric *a, unsigned *first);

/* The scale PostgreSQL gives a / b. */
unsigned vec_numeric_quotient_scale(const struct vec_numeric *a, const struct vec_numeric *b);

/* a / b rounded to `scale` digits, or cut when `is_cut`. `b` is not zero (asserted). */
MUST_USE enum vec_fault vec_numeric_quotient(const struct vec_numeric *a,
                                             const struct vec_numeric *b, unsigned scale,
                                             bool is_cut, struct vec_numeric *out);

#endif
