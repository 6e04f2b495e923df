/* What doubles share with NUMERIC. */
#ifndef VIEWS_VEC_REAL_INT_H
#define VIEWS_VEC_REAL_INT_H

#include "views/vec/real.h"

/* Digits behind the point that are tried: people write no more. */
#define VEC_REAL_SCALE_MAX 9

/* `value` as whole / 10^scale, of at most 15 digits and the least scale: then these are the digits
 * of its shortest text as well as of its text in 15 digits. False: it is no such number, or not
 * between 1e-3 and 1e15. */
MUST_USE bool vec_real_as_decimal(double value, uint64_t *whole, unsigned *scale);

#endif
