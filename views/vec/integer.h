/* INTEGER (int4) and BIGINT (int8): arithmetic that says when it overflows, in line for kernels.
 *
 * *out is undefined unless VEC_FAULT_NONE is returned. Division cuts toward zero, a remainder has
 * the sign of the dividend; x % -1 is 0 for every x, as PostgreSQL has it. */
#ifndef VIEWS_VEC_INTEGER_H
#define VIEWS_VEC_INTEGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "views/vec/fault.h"

/* The operations of one width: vec_<name>_add, sub, mul, div, mod, neg, abs. */
#define VEC_INTEGER_OPERATIONS(name, type, fault)                                                  \
    static ALWAYS_INLINE enum vec_fault vec_##name##_add(type a, type b, type *out)                \
    {                                                                                              \
        return __builtin_add_overflow(a, b, out) ? fault : VEC_FAULT_NONE;                         \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_sub(type a, type b, type *out)                \
    {                                                                                              \
        return __builtin_sub_overflow(a, b, out) ? fault : VEC_FAULT_NONE;                         \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_mul(type a, type b, type *out)                \
    {                                                                                              \
        return __builtin_mul_overflow(a, b, out) ? fault : VEC_FAULT_NONE;                         \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_neg(type a, type *out)                        \
    {                                                                                              \
        return __builtin_sub_overflow((type)0, a, out) ? fault : VEC_FAULT_NONE;                   \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_abs(type a, type *out)                        \
    {                                                                                              \
        *out = a;                                                                                  \
        return a < 0 ? vec_##name##_neg(a, out) : VEC_FAULT_NONE;                                  \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_div(type a, type b, type *out)                \
    {                                                                                              \
        if (UNLIKELY(b == 0)) {                                                                    \
            return VEC_FAULT_DIVISION;                                                             \
        }                                                                                          \
        if (UNLIKELY(b == -1)) {                                                                   \
            return vec_##name##_neg(a, out);                                                       \
        }                                                                                          \
        *out = (type)(a / b);                                                                      \
        return VEC_FAULT_NONE;                                                                     \
    }                                                                                              \
    static ALWAYS_INLINE enum vec_fault vec_##name##_mod(type a, type b, type *out)                \
    {                                                                                              \
        if (UNLIKELY(b == 0)) {                                                                    \
            return VEC_FAULT_DIVISION;                                                             \
        }                                                                                          \
        *out = (type)(b == -1 ? 0 : a % b);                                                        \
        return VEC_FAULT_NONE;                                                                     \
    }

/* vec_int4_... and vec_int8_... */
VEC_INTEGER_OPERATIONS(int4, int32_t, VEC_FAULT_INTEGER)
VEC_INTEGER_OPERATIONS(int8, int64_t, VEC_FAULT_BIGINT)

#undef VEC_INTEGER_OPERATIONS

/* BIGINT to INTEGER. */
static ALWAYS_INLINE enum vec_fault vec_int8_to_int4(int64_t a, int32_t *out)
{
    *out = (int32_t)a;
    return *out == a ? VEC_FAULT_NONE : VEC_FAULT_INTEGER;
}

/* Text to a number: a sign, digits, white space around. SYNTAX (type "integer" or "bigint"), or
 * TEXT_RANGE as soon as the digits read pass the range, whatever follows. */
MUST_USE enum vec_fault vec_int4_parse(const char *text, size_t length, int32_t *out);
MUST_USE enum vec_fault vec_int8_parse(const char *text, size_t length, int64_t *out);

/* Write `value` in decimal. */
void vec_int8_write(struct bytes_writer *w, int64_t value);

#endif
