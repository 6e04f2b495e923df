/* Exact sums of doubles (VIEWS §5). See accumulator_int.h.
 *
 * A double is a whole number of units of 2^-1074; so is any sum of them. The state has three limbs
 * in units of 2^-104: values from 2^-52 up to 2^74, and smaller ones of fewer digits, are added
 * there with a shift and three additions. What lies outside of that window, and what the window is
 * about to overflow with, goes to 35 limbs outside of the state, which hold any sum of 2^63
 * doubles. The sum is what both hold together; it is rounded once, to nearest even, when it is
 * read. So it does not depend on the order of rows, and rows can be taken away again.
 *
 * A row that is NaN or infinite decides alone, as in aggregate_tree.c: they are counted. A sum that
 * no double holds is VEC_FAULT_OVERFLOW. A sum of nothing but negative zeros is one. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/accumulator_int.h"
#include "views/vec/wide.h"

/* Lowest bits of vec_exact.outside. */
#define VEC_EXACT_HAS_ROW   UINT64_C(1) /* a row was folded */
#define VEC_EXACT_HAS_OTHER UINT64_C(2) /* one that is not -0 */
#define VEC_EXACT_FLAGS     UINT64_C(7)

/* Units: of the window, and outside. The window's first limb is a whole one there. */
#define VEC_EXACT_UNIT         (-104)
#define VEC_EXACT_UNIT_OUTSIDE (-1128)
#define VEC_EXACT_LIMBS        3
#define VEC_EXACT_LIMBS_ALL    35
#define VEC_EXACT_FIRST        ((VEC_EXACT_UNIT - VEC_EXACT_UNIT_OUTSIDE) / 64)

static_assert((VEC_EXACT_UNIT - VEC_EXACT_UNIT_OUTSIDE) % 64 == 0, "limbs stand on limbs");
static_assert(VEC_EXACT_UNIT_OUTSIDE <= -1074, "every double is a whole number of units");
static_assert(VEC_EXACT_LIMBS_ALL * 64 + VEC_EXACT_UNIT_OUTSIDE > 1024 + 63 + 1,
              "2^63 of the largest doubles, and a sign");

/* Bits of a double: an exponent counts units of 2^-1075 from 1 on. */
#define VEC_EXACT_DIGITS 52
#define VEC_EXACT_BIAS   1075
/* The exponent whose last digit is the window's unit, and how many exponents are served. */
#define VEC_EXACT_EXPONENT  (VEC_EXACT_BIAS + VEC_EXACT_UNIT)
#define VEC_EXACT_EXPONENTS 126

/* What stands outside of a state. */
struct vec_exact_outside {
    int64_t nan_count;                  /* rows that are NaN */
    int64_t infinite_count[2];          /* rows that are infinity, -infinity */
    uint64_t limb[VEC_EXACT_LIMBS_ALL]; /* two's complement, in units of 2^-1128 */
};

static NOINLINE bool vec_exact_add_rare(struct vec_accumulation *acc, const struct vec_expr *call,
                                        struct vec_exact *sum, double value);
static NOINLINE bool vec_exact_spill(struct vec_accumulation *acc, const struct vec_expr *call,
                                     struct vec_exact *sum);

static struct vec_exact_outside *vec_exact_outside_of(const struct vec_exact *sum)
{
    return (struct vec_exact_outside *)(uintptr_t)(sum->outside & ~VEC_EXACT_FLAGS);
}

/* Whether the window holds a fourth of what it can, so that the next value might be too much. */
static ALWAYS_INLINE bool vec_exact_is_full(const struct vec_exact *sum)
{
    return sum->limb[2] + (UINT64_C(1) << 61) >= UINT64_C(1) << 62;
}

/* Add digits * 2^shift units, or take them away; shift < 126. */
static ALWAYS_INLINE void vec_exact_put(struct vec_exact *sum, uint64_t digits, uint32_t shift,
                                        bool is_negative)
{
    uint64_t sign = -(uint64_t)is_negative;
    unsigned __int128 wide = (unsigned __int128)digits << (shift % 64);
    bool is_high = shift >= 64;
    uint64_t low = is_high ? 0 : (uint64_t)wide;
    uint64_t middle = is_high ? (uint64_t)wide : (uint64_t)(wide >> 64);
    uint64_t high = is_high ? (uint64_t)(wide >> 64) : 0;
    unsigned __int128 carry = (unsigned __int128)sum->limb[0] + (low ^ sign) + is_negative;
    sum->limb[0] = (uint64_t)carry;
    carry = (unsigned __int128)sum->limb[1] + (middle ^ sign) + (uint64_t)(carry >> 64);
    sum->limb[1] = (uint64_t)carry;
    sum->limb[2] += (high ^ sign) + (uint64_t)(carry >> 64);
}

static ALWAYS_INLINE bool vec_exact_add(struct vec_accumulation *acc, const struct vec_expr *call,
                                        struct vec_exact *sum, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t exponent = (uint32_t)(bits >> VEC_EXACT_DIGITS) & 0x7ff;
    uint32_t shift = exponent - VEC_EXACT_EXPONENT;
    if (UNLIKELY(shift >= VEC_EXACT_EXPONENTS)) {
        return vec_exact_add_rare(acc, call, sum, value);
    }
    uint64_t one = UINT64_C(1) << VEC_EXACT_DIGITS;
    vec_exact_put(sum, (bits & (one - 1)) | one, shift, bits >> 63 != 0);
    sum->outside |= VEC_EXACT_HAS_ROW | VEC_EXACT_HAS_OTHER;
    return LIKELY(!vec_exact_is_full(sum)) || vec_exact_spill(acc, call, sum);
}

/* *out = what is outside, to be written. False: vec_fail was called; nothing was changed. */
static bool vec_exact_own(struct vec_accumulation *acc, const struct vec_expr *call,
                          struct vec_exact *sum, struct vec_exact_outside **out)
{
    struct vec_exact_outside *before = vec_exact_outside_of(sum);
    if (before != NULL && acc->is_alone) {
        *out = before;
        return true;
    }
    uint32_t capacity;
    *out = vec_accumulator_room(acc, call, sizeof(**out), &capacity);
    if (*out == NULL) {
        return false;
    }
    **out = before != NULL ? *before : (struct vec_exact_outside){.nan_count = 0};
    vec_accumulator_leave(acc, before, capacity);
    sum->outside = (sum->outside & VEC_EXACT_FLAGS) | (uint64_t)(uintptr_t)*out;
    return true;
}

/* limb += the window, whose sign goes on. */
static void vec_exact_add_window(uint64_t limb[VEC_EXACT_LIMBS_ALL], const struct vec_exact *sum)
{
    uint64_t sign = (uint64_t)((int64_t)sum->limb[VEC_EXACT_LIMBS - 1] >> 63);
    unsigned __int128 carry = 0;
    for (uint32_t i = VEC_EXACT_FIRST; i < VEC_EXACT_LIMBS_ALL; i++) {
        uint32_t at = i - VEC_EXACT_FIRST;
        carry += limb[i];
        carry += at < VEC_EXACT_LIMBS ? sum->limb[at] : sign;
        limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

/* Empty the window. */
static bool vec_exact_spill(struct vec_accumulation *acc, const struct vec_expr *call,
                            struct vec_exact *sum)
{
    struct vec_exact_outside *outside;
    if (!vec_exact_own(acc, call, sum, &outside)) {
        return false;
    }
    vec_exact_add_window(outside->limb, sum);
    memset(sum->limb, 0, sizeof(sum->limb));
    return true;
}

/* Add a finite number (not 0). */
static void vec_exact_add_outside(struct vec_exact_outside *outside, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t exponent = (uint32_t)(bits >> VEC_EXACT_DIGITS) & 0x7ff;
    uint64_t digits = (bits & ((UINT64_C(1) << VEC_EXACT_DIGITS) - 1)) | (uint64_t)(exponent > 0)
                                                                             << VEC_EXACT_DIGITS;
    uint32_t shift =
        (exponent > 0 ? exponent : 1) + (uint32_t)(-VEC_EXACT_UNIT_OUTSIDE - VEC_EXACT_BIAS);
    uint64_t wide[VEC_EXACT_LIMBS_ALL] = {0};
    unsigned __int128 pair = (unsigned __int128)digits << (shift % 64);
    ASSERT(shift / 64 + 1 < VEC_EXACT_LIMBS_ALL);
    wide[shift / 64] = (uint64_t)pair;
    wide[shift / 64 + 1] = (uint64_t)(pair >> 64);
    if (bits >> 63 != 0) {
        (void)vec_wide_sub(outside->limb, outside->limb, wide, VEC_EXACT_LIMBS_ALL);
    } else {
        (void)vec_wide_add(outside->limb, outside->limb, wide, VEC_EXACT_LIMBS_ALL);
    }
}

/* A value out of the window's exponents. */
static bool vec_exact_add_rare(struct vec_accumulation *acc, const struct vec_expr *call,
                               struct vec_exact *sum, double value)
{
    struct vec_exact_outside *outside;
    bool is_other = value != 0 || !signbit(value);
    double units = value != 0 && fabs(value) < 1 ? ldexp(value, -VEC_EXACT_UNIT) : 0;
    if (value == 0) {
        MAYBE(is_other);
    } else if (units != 0 && fabs(units) < 0x1p63 && units == trunc(units)) {
        vec_exact_put(sum, (uint64_t)fabs(units), 0, units < 0);
    } else if (!vec_exact_own(acc, call, sum, &outside)) {
        return false;
    } else if (isnan(value)) {
        outside->nan_count++;
    } else if (isinf(value)) {
        outside->infinite_count[value < 0]++;
    } else {
        vec_exact_add_outside(outside, value);
    }
    sum->outside |= VEC_EXACT_HAS_ROW | (is_other ? VEC_EXACT_HAS_OTHER : 0);
    return true; /* so little has the window room for until the next value of the common kind */
}

/* The bits that are one of a number below 2^(64 * count): the place of the highest, or -1. */
static int vec_exact_top(const uint64_t *limb, uint32_t count)
{
    uint32_t length = (uint32_t)vec_wide_length(limb, count);
    return length == 0 ? -1 : (int)(length * 64) - 1 - __builtin_clzll(limb[length - 1]);
}

/* Bits from `from` on, 64 of them. */
static uint64_t vec_exact_bits(const uint64_t *limb, uint32_t count, uint32_t from)
{
    uint64_t low = limb[from / 64] >> (from % 64);
    bool has_more = from % 64 != 0 && from / 64 + 1 < count;
    return has_more ? low | limb[from / 64 + 1] << (64 - from % 64) : low;
}

/* Whether one of the first `count` bits is one. */
static bool vec_exact_has_below(const uint64_t *limb, uint32_t count)
{
    for (uint32_t i = 0; i < count / 64; i++) {
        if (limb[i] != 0) {
            return true;
        }
    }
    return count % 64 != 0 && (limb[count / 64] & ((UINT64_C(1) << (count % 64)) - 1)) != 0;
}

/* The double nearest to a number in two's complement, not 0, in units of 2^unit; infinite when
 * there is none. `limb` is used up. */
static double vec_exact_round(uint64_t *limb, uint32_t count, int unit)
{
    bool is_negative = limb[count - 1] >> 63 != 0;
    if (is_negative) {
        uint64_t carry = 1;
        for (uint32_t i = 0; i < count; i++) {
            limb[i] = ~limb[i] + carry;
            carry = carry != 0 && limb[i] == 0;
        }
    }
    int top = vec_exact_top(limb, count);
    int cut = top - VEC_EXACT_DIGITS > 0 ? top - VEC_EXACT_DIGITS : 0;
    ASSERT(top >= 0);
    /* Of what is subnormal the digits below 2^-1074 are zeros. */
    uint64_t digits = vec_exact_bits(limb, count, (uint32_t)cut);
    if (cut > 0 && (vec_exact_bits(limb, count, (uint32_t)cut - 1) & 1) != 0) {
        digits += (digits & 1) != 0 || vec_exact_has_below(limb, (uint32_t)cut - 1);
    }
    double value = ldexp((double)digits, cut + unit);
    return is_negative ? -value : value;
}

/* *out = the sum of rows of which there are. False: it overflowed. */
static bool vec_exact_sum(const struct vec_exact *sum, double *out)
{
    const struct vec_exact_outside *outside = vec_exact_outside_of(sum);
    uint64_t limb[VEC_EXACT_LIMBS_ALL];
    uint32_t count = outside != NULL ? VEC_EXACT_LIMBS_ALL : VEC_EXACT_LIMBS;
    memcpy(limb, outside != NULL ? outside->limb : sum->limb, count * sizeof(limb[0]));
    if (outside != NULL) {
        bool has_infinity[2] = {outside->infinite_count[0] > 0, outside->infinite_count[1] > 0};
        if (outside->nan_count > 0 || (has_infinity[0] && has_infinity[1])) {
            *out = (double)NAN;
            return true;
        }
        if (has_infinity[0] || has_infinity[1]) {
            *out = has_infinity[0] ? (double)INFINITY : -(double)INFINITY;
            return true;
        }
        vec_exact_add_window(limb, sum);
    }
    if (vec_wide_length(limb, count) == 0) {
        *out = (sum->outside & VEC_EXACT_HAS_OTHER) != 0 ? 0.0 : -0.0;
        return true;
    }
    *out = vec_exact_round(limb, count, outside != NULL ? VEC_EXACT_UNIT_OUTSIDE : VEC_EXACT_UNIT);
    return isfinite(*out);
}

bool vec_exact_finish_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                          const void *state, struct vec_value *out)
{
    const struct vec_exact *sum = state;
    *out = (struct vec_value){.is_null = (sum->outside & VEC_EXACT_HAS_ROW) == 0};
    return out->is_null || vec_exact_sum(sum, &out->u.real) ||
           vec_fail(acc->ev, call, VEC_FAULT_OVERFLOW, NULL, NULL, 0);
}

/* The sum of what is in the window only, and not 0: its 64 highest digits, the lowest of them one
 * where any below is, round as all of them do; such a number is never subnormal. */
static ALWAYS_INLINE double vec_exact_window(const struct vec_exact *sum)
{
    uint64_t sign = (uint64_t)((int64_t)sum->limb[2] >> 63);
    unsigned __int128 carry = sign & 1;
    uint64_t limb[VEC_EXACT_LIMBS];
    for (uint32_t i = 0; i < VEC_EXACT_LIMBS; i++) {
        carry += sum->limb[i] ^ sign;
        limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    uint64_t zeros = limb[2] == 0 ? UINT64_MAX : 0; /* up by a limb */
    uint64_t high = (limb[2] & ~zeros) | (limb[1] & zeros);
    uint64_t middle = (limb[1] & ~zeros) | (limb[0] & zeros);
    uint64_t low = limb[0] & ~zeros;
    int place = VEC_EXACT_UNIT + 128 - (int)(zeros & 64);
    if (UNLIKELY(high == 0)) {
        high = middle;
        middle = 0;
        place -= 64;
    }
    uint32_t shift = (uint32_t)__builtin_clzll(high);
    unsigned __int128 digits = ((unsigned __int128)high << 64 | middle) << shift;
    low |= (uint64_t)digits;
    uint64_t bits = (uint64_t)(place - (int)shift + 1023) << VEC_EXACT_DIGITS;
    double unit;
    memcpy(&unit, &bits, sizeof(unit));
    double value = (double)((uint64_t)(digits >> 64) | (low != 0)) * unit;
    return sign != 0 ? -value : value;
}

bool vec_exact_finish_all_sum(const uint8_t *const *states, size_t pos, uint32_t count, void *data)
{
    double *values = data;
    for (uint32_t i = 0; i < count; i++) {
        const struct vec_exact *sum = (const struct vec_exact *)(const void *)(states[i] + pos);
        bool is_common = (sum->outside & VEC_EXACT_HAS_ROW) != 0 &&
                         vec_exact_outside_of(sum) == NULL &&
                         (sum->limb[0] | sum->limb[1] | sum->limb[2]) != 0;
        if (LIKELY(is_common)) {
            values[i] = vec_exact_window(sum);
        } else if ((sum->outside & VEC_EXACT_HAS_ROW) == 0 || !vec_exact_sum(sum, &values[i])) {
            return false;
        }
    }
    return true;
}

bool vec_exact_finish_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                          const void *state, struct vec_value *out)
{
    const struct vec_exact_average *average = state;
    if (!vec_exact_finish_sum(acc, call, &average->sum, out)) {
        return false;
    }
    /* PostgreSQL's begins with 0: the average of negative zeros is none. */
    out->u.real = out->is_null ? 0 : (out->u.real + 0.0) / (double)average->count;
    return true;
}

bool vec_exact_merge_sum(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                         const void *from)
{
    struct vec_exact *sum = into;
    const struct vec_exact *other = from;
    const struct vec_exact_outside *theirs = vec_exact_outside_of(other);
    struct vec_exact total = *sum;
    (void)vec_wide_add(total.limb, sum->limb, other->limb, VEC_EXACT_LIMBS);
    total.outside |= other->outside & VEC_EXACT_FLAGS;
    bool is_full = vec_exact_is_full(&total);
    if (theirs != NULL || is_full) {
        struct vec_exact_outside *ours;
        if (!vec_exact_own(acc, call, &total, &ours)) {
            return false;
        }
        if (theirs != NULL) {
            ours->nan_count += theirs->nan_count;
            ours->infinite_count[0] += theirs->infinite_count[0];
            ours->infinite_count[1] += theirs->infinite_count[1];
            (void)vec_wide_add(ours->limb, ours->limb, theirs->limb, VEC_EXACT_LIMBS_ALL);
        }
        if (is_full) {
            vec_exact_add_window(ours->limb, &total);
            memset(total.limb, 0, sizeof(total.limb));
        }
    }
    *sum = total;
    return true;
}

bool vec_exact_merge_avg(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                         const void *from)
{
    struct vec_exact_average *average = into;
    const struct vec_exact_average *other = from;
    if (!vec_exact_merge_sum(acc, call, &average->sum, &other->sum)) {
        return false;
    }
    average->count += other->count;
    return true;
}

/* Fold values side by side into one state. */
static bool vec_exact_add_dense(struct vec_accumulation *acc, const struct vec_expr *call,
                                struct vec_exact *sum, const double *values, uint32_t count)
{
    struct vec_exact local = *sum;
    bool is_fine = true;
    for (uint32_t i = 0; i < count && is_fine; i++) {
        is_fine = vec_exact_add(acc, call, &local, values[i]);
    }
    *sum = local;
    return is_fine;
}

static ALWAYS_INLINE bool vec_exact_update(struct vec_accumulation *acc,
                                           const struct vec_expr *call,
                                           const struct vec_vector *arg,
                                           struct vec_selection selection, uint8_t *const *states,
                                           bool has_count)
{
    struct vec_view view = vec_view(arg);
    bool is_dense = arg->form == VEC_FLAT && arg->valid == NULL && selection.rows == NULL;
    if (is_dense && selection.count > 0 && vec_aggregate_is_one(states, selection.count)) {
        if (has_count) {
            ((struct vec_exact_average *)(void *)states[0])->count += selection.count;
        }
        return vec_exact_add_dense(acc, call, (struct vec_exact *)(void *)states[0], arg->data,
                                   selection.count);
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        if (!is_dense && !vec_view_is_valid(&view, row)) {
            continue;
        }
        double value = is_dense ? ((const double *)arg->data)[i] : VEC_AT(&view, double, row);
        if (has_count) {
            ((struct vec_exact_average *)(void *)states[i])->count++;
        }
        if (!vec_exact_add(acc, call, (struct vec_exact *)(void *)states[i], value)) {
            return false;
        }
    }
    return true;
}

bool vec_exact_update_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                          const struct vec_vector *args, const struct vec_origin *origin,
                          struct vec_selection selection, uint8_t *const *states)
{
    (void)origin;
    return vec_exact_update(acc, call, &args[0], selection, states, false);
}

bool vec_exact_update_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                          const struct vec_vector *args, const struct vec_origin *origin,
                          struct vec_selection selection, uint8_t *const *states)
{
    (void)origin;
    return vec_exact_update(acc, call, &args[0], selection, states, true);
}

uint32_t vec_exact_outside(const void *state)
{
    return vec_exact_outside_of(state) != NULL ? (uint32_t)sizeof(struct vec_exact_outside) : 0;
}
