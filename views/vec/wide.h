/* Unsigned integers of several 64-bit limbs, least significant first: what NUMERIC is made of.
 *
 * Lengths are in limbs and given by the caller, who owns the memory; nothing is kept. Schoolbook
 * methods: at a dozen limbs nothing else pays. Source of the division: Knuth, TAOCP 2, 4.3.1 D. */
#ifndef VIEWS_VEC_WIDE_H
#define VIEWS_VEC_WIDE_H

#include <stddef.h>
#include <stdint.h>

/* The most limbs any operand here has. */
#define VEC_WIDE_LIMBS_MAX 24

/* Limbs up to the highest one that is not 0. */
size_t vec_wide_length(const uint64_t *a, size_t count);

/* <0, 0, >0 as a is less than, equal to or greater than b, of `count` limbs each. */
int vec_wide_compare(const uint64_t *a, const uint64_t *b, size_t count);

/* out = a + b, and the carry (0 or 1). `out` may be an operand. */
uint64_t vec_wide_add(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t count);

/* out = a - b, and the borrow (0 or 1). `out` may be an operand. */
uint64_t vec_wide_sub(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t count);

/* out[a_count + b_count] = a * b. `out` is none of the operands. */
void vec_wide_mul(uint64_t *out, const uint64_t *a, size_t a_count, const uint64_t *b,
                  size_t b_count);

/* a = a * factor + addend, and the limb that did not fit. */
uint64_t vec_wide_mul_small(uint64_t *a, size_t count, uint64_t factor, uint64_t addend);

/* a = a / divisor (not 0, asserted), and the remainder. */
uint64_t vec_wide_div_small(uint64_t *a, size_t count, uint64_t divisor);

/* quotient[a_count] = a / b, and a becomes the remainder. b is not 0 (asserted); `quotient` is none
 * of the operands. */
void vec_wide_divide(uint64_t *quotient, uint64_t *a, size_t a_count, const uint64_t *b,
                     size_t b_count);

/* a = a shifted left by one bit, with `bit` coming in, and the bit that went out. */
uint64_t vec_wide_double(uint64_t *a, size_t count, uint64_t bit);

#endif
