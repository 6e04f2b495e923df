/* NUMERIC to a whole power. See numeric.h.
 *
 * By squaring, with as many digits on the way as a result has and some forty more: what is cut off
 * then is far from any digit that is shown, however many steps there are. */
#include <string.h>

#include "base/assert.h"
#include "views/vec/numeric.h"
#include "views/vec/numeric_int.h"

/* Digits kept on the way: a product of two fits the room. */
#define VEC_POWER_DIGITS 115

/* Digits of a divisor: 10^t / it stays within the room for every result that fits. */
#define VEC_POWER_DIVISOR_DIGITS 80

/* The scale of a power is at least this. */
#define VEC_POWER_SCALE_MIN 16

/* A number on the way: room / 10^scale, >= 0. */
struct vec_power {
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS];
    int64_t scale;
};

/* Decimal digits of the integer in `room`. */
static unsigned vec_power_digits(const uint64_t *room)
{
    uint64_t rest[VEC_NUMERIC_ROOM_LIMBS];
    unsigned digits = 0;
    memcpy(rest, room, sizeof(rest));
    while (vec_wide_length(rest, VEC_NUMERIC_ROOM_LIMBS) > 1) {
        (void)vec_wide_div_small(rest, VEC_NUMERIC_ROOM_LIMBS, vec_numeric_powers[18][0]);
        digits += 18;
    }
    return digits + vec_numeric_digits(rest);
}

/* Drop `digits` digits, rounded. */
static void vec_power_drop(struct vec_power *a, unsigned digits)
{
    uint64_t rest = 0;
    bool is_last = false;
    a->scale -= digits;
    while (digits > 0) {
        unsigned step = digits < 18 ? digits : 18;
        uint64_t power = vec_numeric_powers[step][0];
        rest = vec_wide_div_small(a->room, VEC_NUMERIC_ROOM_LIMBS, power);
        digits -= step;
        is_last = digits == 0 && rest >= power - rest;
    }
    if (is_last) {
        static const uint64_t one[VEC_NUMERIC_ROOM_LIMBS] = {1};
        (void)vec_wide_add(a->room, a->room, one, VEC_NUMERIC_ROOM_LIMBS);
    }
}

static void vec_power_trim(struct vec_power *a, unsigned digits_max)
{
    unsigned digits = vec_power_digits(a->room);
    if (digits > digits_max) {
        vec_power_drop(a, digits - digits_max);
    }
}

/* a = a * b. False: nobody could show so large or small a number. */
static bool vec_power_mul(struct vec_power *a, const struct vec_power *b)
{
    uint64_t product[VEC_NUMERIC_ROOM_LIMBS * 2];
    size_t a_count = vec_wide_length(a->room, VEC_NUMERIC_ROOM_LIMBS);
    size_t b_count = vec_wide_length(b->room, VEC_NUMERIC_ROOM_LIMBS);
    ASSERT(a_count + b_count <= VEC_NUMERIC_ROOM_LIMBS);
    vec_wide_mul(product, a->room, a_count, b->room, b_count);
    memset(a->room, 0, sizeof(a->room));
    memcpy(a->room, product, (a_count + b_count) * sizeof(uint64_t));
    a->scale += b->scale;
    vec_power_trim(a, VEC_POWER_DIGITS);
    return a->scale > -INT32_MAX && a->scale < INT32_MAX;
}

/* The power at `scale`. */
static enum vec_fault vec_power_finish(struct vec_power *a, unsigned scale, bool is_negative,
                                       struct vec_numeric *out)
{
    if (a->scale > (int64_t)scale) {
        int64_t dropped = a->scale - scale;
        vec_power_drop(a, dropped > 300 ? 300 : (unsigned)dropped); /* 231 leave nothing */
    } else if ((int64_t)scale - a->scale > 3 * VEC_NUMERIC_DIGITS_MAX ||
               !vec_numeric_room_scale(a->room, (unsigned)(scale - a->scale))) {
        return VEC_FAULT_NUMERIC;
    }
    return vec_numeric_pack(a->room, scale, is_negative, out);
}

/* a = 1 / a at `scale`. */
static enum vec_fault vec_power_invert(struct vec_power *a, unsigned scale)
{
    struct vec_power one = {.room = {1}, .scale = scale};
    uint64_t quotient[VEC_NUMERIC_ROOM_LIMBS];
    vec_power_trim(a, VEC_POWER_DIVISOR_DIGITS);
    int64_t up = a->scale + scale + 1; /* one digit more, to round by */
    if (up < 0) {
        *a = (struct vec_power){.scale = scale}; /* less than half of the last digit */
        return VEC_FAULT_NONE;
    }
    if (up > 3 * VEC_NUMERIC_DIGITS_MAX || !vec_numeric_room_scale(one.room, (unsigned)up)) {
        return VEC_FAULT_NUMERIC;
    }
    vec_wide_divide(quotient, one.room, VEC_NUMERIC_ROOM_LIMBS, a->room, VEC_NUMERIC_ROOM_LIMBS);
    memcpy(a->room, quotient, sizeof(quotient));
    a->scale = (int64_t)scale + 1;
    return VEC_FAULT_NONE;
}

/* a^times by squaring. Where it leaves what can be shown it is let go: *is_out. */
static struct vec_power vec_power_raise(const struct vec_numeric *a, uint64_t times, bool *is_out)
{
    struct vec_power base = {.scale = a->scale};
    struct vec_power result = {.room = {1}};
    memcpy(base.room, a->limb, sizeof(a->limb));
    *is_out = false;
    for (; times > 0 && !*is_out; times >>= 1) {
        if ((times & 1) != 0) {
            *is_out = !vec_power_mul(&result, &base);
        }
        if (times > 1 && !vec_power_mul(&base, &base)) {
            *is_out = true;
        }
    }
    return result;
}

/* What both arguments must be. */
static enum vec_fault vec_power_check(const struct vec_numeric *a, const struct vec_numeric *b,
                                      int64_t *exponent)
{
    struct vec_numeric whole;
    enum vec_fault fault = vec_numeric_trunc(b, 0, &whole);
    ASSERT(fault == VEC_FAULT_NONE);
    bool is_whole = vec_numeric_compare(&whole, b) == 0;
    if (vec_numeric_is_zero(a) && b->is_negative) {
        return VEC_FAULT_POWER_ZERO;
    }
    if (a->is_negative && !is_whole) {
        return VEC_FAULT_POWER_COMPLEX;
    }
    if (!is_whole || vec_numeric_to_int8(&whole, exponent) != VEC_FAULT_NONE ||
        *exponent < -INT32_MAX || *exponent > INT32_MAX) {
        return VEC_FAULT_POWER_FRACTION;
    }
    return VEC_FAULT_NONE;
}

enum vec_fault vec_numeric_power(const struct vec_numeric *a, const struct vec_numeric *b,
                                 struct vec_numeric *out)
{
    int64_t exponent;
    enum vec_fault fault = vec_power_check(a, b, &exponent);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    unsigned scale = a->scale > VEC_POWER_SCALE_MIN ? a->scale : VEC_POWER_SCALE_MIN;
    bool is_negative = a->is_negative && exponent % 2 != 0;
    bool is_out;
    uint64_t times = (uint64_t)(exponent < 0 ? -exponent : exponent);
    struct vec_power result = vec_power_raise(a, times, &is_out);
    if (is_out) {
        /* Beyond 10^(10^9), one way or the other. */
        if ((result.scale < 0) == (exponent > 0)) {
            return VEC_FAULT_NUMERIC;
        }
        result = (struct vec_power){.scale = scale};
    } else if (exponent < 0) {
        fault = vec_power_invert(&result, scale);
    }
    return fault != VEC_FAULT_NONE ? fault : vec_power_finish(&result, scale, is_negative, out);
}
