/* Wide unsigned integers. See wide.h. */
#include "views/vec/wide.h"

#include <string.h>

#include "base/assert.h"

typedef unsigned __int128 vec_wide_pair;

static void vec_wide_divide_long(uint64_t *quotient, uint64_t *a, size_t a_count, const uint64_t *b,
                                 size_t b_count);
static uint64_t vec_wide_digit(uint64_t *a, const uint64_t *b, size_t b_count);

size_t vec_wide_length(const uint64_t *a, size_t count)
{
    while (count > 0 && a[count - 1] == 0) {
        count--;
    }
    return count;
}

int vec_wide_compare(const uint64_t *a, const uint64_t *b, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

uint64_t vec_wide_add(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t count)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < count; i++) {
        vec_wide_pair sum = (vec_wide_pair)a[i] + b[i] + carry;
        out[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

uint64_t vec_wide_sub(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t count)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < count; i++) {
        vec_wide_pair difference = (vec_wide_pair)a[i] - b[i] - borrow;
        out[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
}

void vec_wide_mul(uint64_t *out, const uint64_t *a, size_t a_count, const uint64_t *b,
                  size_t b_count)
{
    memset(out, 0, (a_count + b_count) * sizeof(uint64_t));
    for (size_t i = 0; i < a_count; i++) {
        uint64_t carry = 0;
        for (size_t j = 0; j < b_count; j++) {
            vec_wide_pair sum = (vec_wide_pair)a[i] * b[j] + out[i + j] + carry;
            out[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out[i + b_count] = carry;
    }
}

uint64_t vec_wide_mul_small(uint64_t *a, size_t count, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < count; i++) {
        vec_wide_pair sum = (vec_wide_pair)a[i] * factor + carry;
        a[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

uint64_t vec_wide_div_small(uint64_t *a, size_t count, uint64_t divisor)
{
    ASSERT(divisor != 0);
    uint64_t rest = 0;
    for (size_t i = count; i-- > 0;) {
        vec_wide_pair part = (vec_wide_pair)rest << 64 | a[i];
        a[i] = (uint64_t)(part / divisor);
        rest = (uint64_t)(part % divisor);
    }
    return rest;
}

uint64_t vec_wide_double(uint64_t *a, size_t count, uint64_t bit)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t out = a[i] >> 63;
        a[i] = a[i] << 1 | bit;
        bit = out;
    }
    return bit;
}

void vec_wide_divide(uint64_t *quotient, uint64_t *a, size_t a_count, const uint64_t *b,
                     size_t b_count)
{
    ASSERT(a_count <= VEC_WIDE_LIMBS_MAX);
    memset(quotient, 0, a_count * sizeof(uint64_t));
    b_count = vec_wide_length(b, b_count);
    a_count = vec_wide_length(a, a_count);
    ASSERT(b_count > 0);
    if (a_count < b_count) {
        return;
    }
    if (a_count <= 2) {
        vec_wide_pair n = a_count == 2 ? (vec_wide_pair)a[1] << 64 | a[0] : a[0];
        vec_wide_pair d = b_count == 2 ? (vec_wide_pair)b[1] << 64 | b[0] : b[0];
        vec_wide_pair q = n / d;
        vec_wide_pair r = n % d;
        for (size_t i = 0; i < a_count; i++) {
            quotient[i] = (uint64_t)(q >> (64 * i));
            a[i] = (uint64_t)(r >> (64 * i));
        }
    } else if (b_count == 1) {
        uint64_t divisor = b[0];
        memcpy(quotient, a, a_count * sizeof(uint64_t));
        uint64_t rest = vec_wide_div_small(quotient, a_count, divisor);
        memset(a, 0, a_count * sizeof(uint64_t));
        a[0] = rest;
    } else {
        vec_wide_divide_long(quotient, a, a_count, b, b_count);
    }
}

/* Both are shifted so that the divisor's highest bit is set: then a digit guessed from two limbs is
 * at most two too large. */
static void vec_wide_divide_long(uint64_t *quotient, uint64_t *a, size_t a_count, const uint64_t *b,
                                 size_t b_count)
{
    uint64_t n[VEC_WIDE_LIMBS_MAX + 1] = {0};
    uint64_t d[VEC_WIDE_LIMBS_MAX];
    unsigned shift = (unsigned)__builtin_clzll(b[b_count - 1]);
    memcpy(n, a, a_count * sizeof(uint64_t));
    memcpy(d, b, b_count * sizeof(uint64_t));
    n[a_count] = vec_wide_mul_small(n, a_count, (uint64_t)1 << shift, 0);
    uint64_t lost = vec_wide_mul_small(d, b_count, (uint64_t)1 << shift, 0);
    ASSERT(lost == 0);
    for (size_t i = a_count - b_count + 1; i-- > 0;) {
        quotient[i] = vec_wide_digit(n + i, d, b_count);
    }
    uint64_t rest = vec_wide_div_small(n, b_count, (uint64_t)1 << shift);
    ASSERT(rest == 0);
    memset(a, 0, a_count * sizeof(uint64_t));
    memcpy(a, n, b_count * sizeof(uint64_t));
}

/* One digit of a[b_count + 1] / b, whose product is taken from a. */
static uint64_t vec_wide_digit(uint64_t *a, const uint64_t *b, size_t b_count)
{
    vec_wide_pair top = (vec_wide_pair)a[b_count] << 64 | a[b_count - 1];
    uint64_t high = b[b_count - 1];
    vec_wide_pair guess = a[b_count] >= high ? UINT64_MAX : top / high;
    vec_wide_pair rest = top - guess * high;
    while (rest >> 64 == 0 && guess * b[b_count - 2] > (rest << 64 | a[b_count - 2])) {
        guess--;
        rest += high;
    }
    uint64_t digit = (uint64_t)guess;
    uint64_t carry = 0;
    uint64_t borrow = 0;
    for (size_t i = 0; i < b_count; i++) {
        vec_wide_pair product = (vec_wide_pair)digit * b[i] + carry;
        carry = (uint64_t)(product >> 64);
        vec_wide_pair difference = (vec_wide_pair)a[i] - (uint64_t)product - borrow;
        a[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    vec_wide_pair last = (vec_wide_pair)a[b_count] - carry - borrow;
    a[b_count] = (uint64_t)last;
    if (last >> 64 != 0) {
        digit--;
        a[b_count] += vec_wide_add(a, a, b, b_count);
    }
    return digit;
}
