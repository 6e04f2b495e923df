/* NUMERIC: arithmetic. See numeric.h; text and casts are in numeric_text.c.
 *
 * Sums and comparisons bring both sides to the larger scale. That may take twice the digits of a
 * value, so it is done in a wider room, except where both fit (nearly always). */
#include "views/vec/numeric.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/numeric_int.h"

/* Significant digits PostgreSQL gives a quotient or a root at least. */
#define VEC_NUMERIC_SIGNIFICANT 16

/* Digits in one of PostgreSQL's groups, by which it counts weight. */
#define VEC_NUMERIC_GROUP 4

static void vec_numeric_align(const struct vec_numeric *a, unsigned scale, uint64_t *room);
static enum vec_fault vec_numeric_sum(const struct vec_numeric *a, const struct vec_numeric *b,
                                      bool b_is_negative, struct vec_numeric *out);
static enum vec_fault vec_numeric_shrink(const struct vec_numeric *a, int32_t digits, int direction,
                                         struct vec_numeric *out);

/* Nearly all numbers fit 128 bits: for them there are short ways, which give what the long ones do.
 */
typedef unsigned __int128 vec_numeric_pair;

static ALWAYS_INLINE bool vec_numeric_is_short(const struct vec_numeric *a)
{
    return (a->limb[2] | a->limb[3] | a->limb[1] >> 61) == 0;
}

static ALWAYS_INLINE vec_numeric_pair vec_numeric_magnitude(const uint64_t limb[VEC_NUMERIC_LIMBS])
{
    return (vec_numeric_pair)limb[1] << 64 | limb[0];
}

static ALWAYS_INLINE void vec_numeric_set(struct vec_numeric *out, vec_numeric_pair magnitude,
                                          unsigned scale, bool is_negative)
{
    *out = (struct vec_numeric){.limb = {(uint64_t)magnitude, (uint64_t)(magnitude >> 64)},
                                .scale = (uint8_t)scale,
                                .is_negative = is_negative && magnitude != 0};
}

/* Both as 128-bit integers of one scale, below 2^126. False: they may not fit. */
static ALWAYS_INLINE bool vec_numeric_short_pair(const struct vec_numeric *a,
                                                 const struct vec_numeric *b, __int128 *a_whole,
                                                 __int128 *b_whole)
{
    if (!vec_numeric_is_short(a) || !vec_numeric_is_short(b)) {
        return false;
    }
    int up = (int)a->scale - (int)b->scale;
    __int128 x = (__int128)vec_numeric_magnitude(a->limb);
    __int128 y = (__int128)vec_numeric_magnitude(b->limb);
    if (up != 0) {
        if (up > 18 || up < -18 ||
            (up < 0 ? __builtin_mul_overflow(x, (__int128)vec_numeric_powers[-up][0], &x)
                    : __builtin_mul_overflow(y, (__int128)vec_numeric_powers[up][0], &y)) ||
            (x | y) >> 126 != 0) {
            return false;
        }
    }
    *a_whole = a->is_negative ? -x : x;
    *b_whole = b->is_negative ? -y : y;
    return true;
}

unsigned vec_numeric_digits(const uint64_t limb[VEC_NUMERIC_LIMBS])
{
    if ((limb[1] | limb[2] | limb[3]) == 0) {
        unsigned bits_short = limb[0] == 0 ? 0 : 64 - (unsigned)__builtin_clzll(limb[0]);
        unsigned short_digits = bits_short * 1233 >> 12;
        return short_digits + (bits_short > 0 && limb[0] >= vec_numeric_powers[short_digits][0]);
    }
    size_t length = vec_wide_length(limb, VEC_NUMERIC_LIMBS);
    if (length == 0) {
        return 0;
    }
    unsigned bits = (unsigned)length * 64 - (unsigned)__builtin_clzll(limb[length - 1]);
    unsigned digits = bits * 1233 >> 12; /* log10(2), and never too large */
    ASSERT(digits <= VEC_NUMERIC_DIGITS_MAX + 1);
    if (digits <= VEC_NUMERIC_DIGITS_MAX &&
        vec_wide_compare(limb, vec_numeric_powers[digits], VEC_NUMERIC_LIMBS) >= 0) {
        digits++;
    }
    return digits;
}

bool vec_numeric_room_scale(uint64_t *room, unsigned digits)
{
    uint64_t lost = 0;
    for (; digits >= 19; digits -= 19) {
        lost |= vec_wide_mul_small(room, VEC_NUMERIC_ROOM_LIMBS, 10000000000000000000u, 0);
    }
    if (digits > 0) {
        lost |= vec_wide_mul_small(room, VEC_NUMERIC_ROOM_LIMBS, vec_numeric_powers[digits][0], 0);
    }
    return lost == 0;
}

enum vec_fault vec_numeric_pack(const uint64_t *room, unsigned scale, bool is_negative,
                                struct vec_numeric *out)
{
    if (vec_wide_length(room, VEC_NUMERIC_ROOM_LIMBS) > VEC_NUMERIC_LIMBS ||
        vec_wide_compare(room, vec_numeric_powers[VEC_NUMERIC_DIGITS_MAX], VEC_NUMERIC_LIMBS) >=
            0 ||
        scale > VEC_NUMERIC_DIGITS_MAX) {
        return VEC_FAULT_NUMERIC;
    }
    memcpy(out->limb, room, sizeof(out->limb));
    out->scale = (uint8_t)scale;
    out->is_negative = is_negative && !vec_numeric_is_zero(out);
    return VEC_FAULT_NONE;
}

/* room[VEC_NUMERIC_ROOM_LIMBS] = the integer `a` is at the larger scale `scale`: below 10^152, so
 * it fits. */
static void vec_numeric_align(const struct vec_numeric *a, unsigned scale, uint64_t *room)
{
    ASSERT(scale >= a->scale);
    memset(room, 0, VEC_NUMERIC_ROOM_LIMBS * sizeof(uint64_t));
    memcpy(room, a->limb, sizeof(a->limb));
    if (scale > a->scale) {
        bool fits = vec_numeric_room_scale(room, scale - a->scale);
        ASSERT(fits);
    }
}

int vec_numeric_compare(const struct vec_numeric *a, const struct vec_numeric *b)
{
    if (a->is_negative != b->is_negative) {
        return a->is_negative ? -1 : 1;
    }
    int order;
    __int128 a_whole;
    __int128 b_whole;
    if (LIKELY(vec_numeric_short_pair(a, b, &a_whole, &b_whole))) {
        return (a_whole > b_whole) - (a_whole < b_whole);
    }
    if (a->scale == b->scale) {
        order = vec_wide_compare(a->limb, b->limb, VEC_NUMERIC_LIMBS);
    } else {
        uint64_t a_room[VEC_NUMERIC_ROOM_LIMBS];
        uint64_t b_room[VEC_NUMERIC_ROOM_LIMBS];
        unsigned scale = a->scale > b->scale ? a->scale : b->scale;
        vec_numeric_align(a, scale, a_room);
        vec_numeric_align(b, scale, b_room);
        order = vec_wide_compare(a_room, b_room, VEC_NUMERIC_ROOM_LIMBS);
    }
    return a->is_negative ? -order : order;
}

/* a + b, the sign of `b` given apart. */
static enum vec_fault vec_numeric_sum(const struct vec_numeric *a, const struct vec_numeric *b,
                                      bool b_is_negative, struct vec_numeric *out)
{
    uint64_t a_room[VEC_NUMERIC_ROOM_LIMBS];
    uint64_t b_room[VEC_NUMERIC_ROOM_LIMBS];
    unsigned scale = a->scale > b->scale ? a->scale : b->scale;
    bool is_negative = a->is_negative;
    __int128 a_whole;
    __int128 b_whole;
    if (LIKELY(vec_numeric_short_pair(a, b, &a_whole, &b_whole))) {
        a_whole += b_is_negative == b->is_negative ? b_whole : -b_whole;
        vec_numeric_set(out, (vec_numeric_pair)(a_whole < 0 ? -a_whole : a_whole), scale,
                        a_whole < 0);
        return VEC_FAULT_NONE;
    }
    vec_numeric_align(a, scale, a_room);
    vec_numeric_align(b, scale, b_room);
    if (a->is_negative == b_is_negative) {
        uint64_t carry = vec_wide_add(a_room, a_room, b_room, VEC_NUMERIC_ROOM_LIMBS);
        ASSERT(carry == 0);
    } else if (vec_wide_compare(a_room, b_room, VEC_NUMERIC_ROOM_LIMBS) >= 0) {
        (void)vec_wide_sub(a_room, a_room, b_room, VEC_NUMERIC_ROOM_LIMBS);
    } else {
        (void)vec_wide_sub(a_room, b_room, a_room, VEC_NUMERIC_ROOM_LIMBS);
        is_negative = b_is_negative;
    }
    return vec_numeric_pack(a_room, scale, is_negative, out);
}

enum vec_fault vec_numeric_add(const struct vec_numeric *a, const struct vec_numeric *b,
                               struct vec_numeric *out)
{
    return vec_numeric_sum(a, b, b->is_negative, out);
}

enum vec_fault vec_numeric_sub(const struct vec_numeric *a, const struct vec_numeric *b,
                               struct vec_numeric *out)
{
    return vec_numeric_sum(a, b, !b->is_negative, out);
}

enum vec_fault vec_numeric_mul(const struct vec_numeric *a, const struct vec_numeric *b,
                               struct vec_numeric *out)
{
    unsigned scale = (unsigned)a->scale + b->scale;
    bool is_negative = a->is_negative != b->is_negative;
    if (LIKELY((a->limb[1] | a->limb[2] | a->limb[3] | b->limb[1] | b->limb[2] | b->limb[3]) == 0 &&
               scale <= VEC_NUMERIC_DIGITS_MAX)) {
        vec_numeric_set(out, (vec_numeric_pair)a->limb[0] * b->limb[0], scale, is_negative);
        return VEC_FAULT_NONE;
    }
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS] = {0};
    size_t a_count = vec_wide_length(a->limb, VEC_NUMERIC_LIMBS);
    size_t b_count = vec_wide_length(b->limb, VEC_NUMERIC_LIMBS);
    vec_wide_mul(room, a->limb, a_count, b->limb, b_count);
    return vec_numeric_pack(room, scale, is_negative, out);
}

int vec_numeric_weight(const struct vec_numeric *a, unsigned *first)
{
    int digits = (int)vec_numeric_digits(a->limb);
    *first = 0;
    if (digits == 0) {
        return 0;
    }
    int place = digits - 1 - a->scale; /* the first digit stands for 10^place */
    int weight = place >= 0 ? place / VEC_NUMERIC_GROUP
                            : -((VEC_NUMERIC_GROUP - 1 - place) / VEC_NUMERIC_GROUP);
    int taken = place - weight * VEC_NUMERIC_GROUP + 1;
    ASSERT(taken >= 1);
    ASSERT(taken <= VEC_NUMERIC_GROUP);
    if ((a->limb[1] | a->limb[2] | a->limb[3]) == 0 && digits > taken) {
        *first = (unsigned)(a->limb[0] / vec_numeric_powers[digits - taken][0]);
    } else if (digits <= taken) {
        *first = (unsigned)(a->limb[0] * vec_numeric_powers[taken - digits][0]);
    } else {
        uint64_t rest[VEC_NUMERIC_LIMBS];
        uint64_t quotient[VEC_NUMERIC_LIMBS];
        memcpy(rest, a->limb, sizeof(rest));
        vec_wide_divide(quotient, rest, VEC_NUMERIC_LIMBS, vec_numeric_powers[digits - taken],
                        VEC_NUMERIC_LIMBS);
        *first = (unsigned)quotient[0];
    }
    return weight;
}

unsigned vec_numeric_quotient_scale(const struct vec_numeric *a, const struct vec_numeric *b)
{
    unsigned a_first;
    unsigned b_first;
    int weight = vec_numeric_weight(a, &a_first) - vec_numeric_weight(b, &b_first);
    if (a_first <= b_first) {
        weight--;
    }
    int scale = VEC_NUMERIC_SIGNIFICANT - weight * VEC_NUMERIC_GROUP;
    scale = scale > a->scale ? scale : a->scale;
    scale = scale > b->scale ? scale : b->scale;
    ASSERT(scale >= 0);
    return (unsigned)scale;
}

enum vec_fault vec_numeric_quotient(const struct vec_numeric *a, const struct vec_numeric *b,
                                    unsigned scale, bool is_cut, struct vec_numeric *out)
{
    ASSERT(!vec_numeric_is_zero(b));
    if (scale > VEC_NUMERIC_DIGITS_MAX) {
        return VEC_FAULT_NUMERIC;
    }
    unsigned up = scale + b->scale;
    if (vec_numeric_is_short(a) && vec_numeric_is_short(b) && up >= a->scale &&
        vec_numeric_digits(a->limb) + up - a->scale <= 37) {
        vec_numeric_pair divisor = vec_numeric_magnitude(b->limb);
        vec_numeric_pair whole = vec_numeric_magnitude(a->limb) *
                                 vec_numeric_magnitude(vec_numeric_powers[up - a->scale]);
        vec_numeric_pair rest = whole % divisor;
        bool is_up = !is_cut && rest * 2 >= divisor;
        vec_numeric_set(out, whole / divisor + is_up, scale, a->is_negative != b->is_negative);
        return VEC_FAULT_NONE;
    }
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS] = {0};
    uint64_t below[VEC_NUMERIC_ROOM_LIMBS] = {0};
    uint64_t quotient[VEC_NUMERIC_ROOM_LIMBS];
    memcpy(room, a->limb, sizeof(a->limb));
    memcpy(below, b->limb, sizeof(b->limb));
    bool fits = up >= a->scale ? vec_numeric_room_scale(room, up - a->scale)
                               : vec_numeric_room_scale(below, a->scale - up);
    ASSERT(fits);
    vec_wide_divide(quotient, room, VEC_NUMERIC_ROOM_LIMBS, below, VEC_NUMERIC_ROOM_LIMBS);
    uint64_t out_bit = vec_wide_double(room, VEC_NUMERIC_ROOM_LIMBS, 0);
    ASSERT(out_bit == 0);
    if (!is_cut && vec_wide_compare(room, below, VEC_NUMERIC_ROOM_LIMBS) >= 0) {
        static const uint64_t one[VEC_NUMERIC_ROOM_LIMBS] = {1};
        (void)vec_wide_add(quotient, quotient, one, VEC_NUMERIC_ROOM_LIMBS);
    }
    return vec_numeric_pack(quotient, scale, a->is_negative != b->is_negative, out);
}

enum vec_fault vec_numeric_div(const struct vec_numeric *a, const struct vec_numeric *b,
                               struct vec_numeric *out)
{
    if (vec_numeric_is_zero(b)) {
        return VEC_FAULT_DIVISION;
    }
    return vec_numeric_quotient(a, b, vec_numeric_quotient_scale(a, b), false, out);
}

enum vec_fault vec_numeric_div_whole(const struct vec_numeric *a, const struct vec_numeric *b,
                                     struct vec_numeric *out)
{
    if (vec_numeric_is_zero(b)) {
        return VEC_FAULT_DIVISION;
    }
    return vec_numeric_quotient(a, b, 0, true, out);
}

enum vec_fault vec_numeric_mod(const struct vec_numeric *a, const struct vec_numeric *b,
                               struct vec_numeric *out)
{
    if (vec_numeric_is_zero(b)) {
        return VEC_FAULT_DIVISION;
    }
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS];
    uint64_t below[VEC_NUMERIC_ROOM_LIMBS];
    uint64_t quotient[VEC_NUMERIC_ROOM_LIMBS];
    unsigned scale = a->scale > b->scale ? a->scale : b->scale;
    vec_numeric_align(a, scale, room);
    vec_numeric_align(b, scale, below);
    vec_wide_divide(quotient, room, VEC_NUMERIC_ROOM_LIMBS, below, VEC_NUMERIC_ROOM_LIMBS);
    return vec_numeric_pack(room, scale, a->is_negative, out);
}

struct vec_numeric vec_numeric_neg(const struct vec_numeric *a)
{
    struct vec_numeric out = *a;
    out.is_negative = !a->is_negative && !vec_numeric_is_zero(a);
    return out;
}

struct vec_numeric vec_numeric_abs(const struct vec_numeric *a)
{
    struct vec_numeric out = *a;
    out.is_negative = false;
    return out;
}

struct vec_numeric vec_numeric_sign(const struct vec_numeric *a)
{
    int sign = a->is_negative ? -1 : !vec_numeric_is_zero(a);
    return vec_numeric_from_int8(sign);
}

/* `a` at `digits` behind the point: fewer than it has, cut off; one is added to what is left when
 * direction is 0 and what was cut off is at least half, or when direction is 1 and it is not zero.
 */
static enum vec_fault vec_numeric_shrink(const struct vec_numeric *a, int32_t digits, int direction,
                                         struct vec_numeric *out)
{
    int32_t cut = a->scale - digits;
    uint64_t quotient[VEC_NUMERIC_ROOM_LIMBS] = {0};
    uint64_t rest[VEC_NUMERIC_LIMBS];
    ASSERT(cut > 0);
    ASSERT(cut <= VEC_NUMERIC_DIGITS_MAX);
    if (vec_numeric_is_short(a) && cut <= 37 && digits >= 0) {
        vec_numeric_pair power = vec_numeric_magnitude(vec_numeric_powers[cut]);
        vec_numeric_pair magnitude = vec_numeric_magnitude(a->limb);
        vec_numeric_pair left = magnitude % power;
        bool is_up = direction == 0 ? left * 2 >= power : direction == 1 && left != 0;
        vec_numeric_set(out, magnitude / power + is_up, (unsigned)digits, a->is_negative);
        return VEC_FAULT_NONE;
    }
    memcpy(rest, a->limb, sizeof(rest));
    vec_wide_divide(quotient, rest, VEC_NUMERIC_LIMBS, vec_numeric_powers[cut], VEC_NUMERIC_LIMBS);
    bool has_rest = vec_wide_length(rest, VEC_NUMERIC_LIMBS) > 0;
    uint64_t lost = vec_wide_double(rest, VEC_NUMERIC_LIMBS, 0);
    ASSERT(lost == 0); /* twice 10^76 is below 2^256 */
    bool is_half = vec_wide_compare(rest, vec_numeric_powers[cut], VEC_NUMERIC_LIMBS) >= 0;
    if ((direction == 0 && is_half) || (direction == 1 && has_rest)) {
        static const uint64_t one[VEC_NUMERIC_ROOM_LIMBS] = {1};
        (void)vec_wide_add(quotient, quotient, one, VEC_NUMERIC_ROOM_LIMBS);
    }
    if (digits < 0 && !vec_numeric_room_scale(quotient, (unsigned)-digits)) {
        return VEC_FAULT_NUMERIC;
    }
    return vec_numeric_pack(quotient, digits < 0 ? 0 : (unsigned)digits, a->is_negative, out);
}

/* Places PostgreSQL rounds to at most. */
#define VEC_NUMERIC_PLACES_MAX 2000

/* round and trunc. */
static enum vec_fault vec_numeric_places(const struct vec_numeric *a, int32_t digits, int direction,
                                         struct vec_numeric *out)
{
    digits = digits > VEC_NUMERIC_PLACES_MAX ? VEC_NUMERIC_PLACES_MAX : digits;
    digits = digits < -VEC_NUMERIC_PLACES_MAX ? -VEC_NUMERIC_PLACES_MAX : digits;
    if (a->scale - digits > VEC_NUMERIC_DIGITS_MAX) {
        *out = vec_numeric_from_int8(0); /* all digits are behind the place, and below its half */
        return VEC_FAULT_NONE;
    }
    if (digits < a->scale) {
        return vec_numeric_shrink(a, digits, direction, out);
    }
    if (digits > VEC_NUMERIC_DIGITS_MAX) {
        return VEC_FAULT_NUMERIC;
    }
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS];
    vec_numeric_align(a, (unsigned)digits, room);
    return vec_numeric_pack(room, (unsigned)digits, a->is_negative, out);
}

enum vec_fault vec_numeric_round(const struct vec_numeric *a, int32_t digits,
                                 struct vec_numeric *out)
{
    return vec_numeric_places(a, digits, 0, out);
}

enum vec_fault vec_numeric_trunc(const struct vec_numeric *a, int32_t digits,
                                 struct vec_numeric *out)
{
    return vec_numeric_places(a, digits, -1, out);
}

enum vec_fault vec_numeric_ceil(const struct vec_numeric *a, struct vec_numeric *out)
{
    if (a->scale == 0) {
        *out = *a;
        return VEC_FAULT_NONE;
    }
    return vec_numeric_shrink(a, 0, a->is_negative ? -1 : 1, out);
}

enum vec_fault vec_numeric_floor(const struct vec_numeric *a, struct vec_numeric *out)
{
    if (a->scale == 0) {
        *out = *a;
        return VEC_FAULT_NONE;
    }
    return vec_numeric_shrink(a, 0, a->is_negative ? 1 : -1, out);
}

enum vec_fault vec_numeric_declare(const struct vec_numeric *a, unsigned precision, unsigned scale,
                                   struct vec_numeric *out)
{
    ASSERT(scale <= precision);
    ASSERT(precision <= VEC_NUMERIC_DIGITS_MAX);
    struct vec_numeric rounded;
    if (vec_numeric_places(a, (int32_t)scale, 0, &rounded) != VEC_FAULT_NONE ||
        vec_numeric_digits(rounded.limb) > precision) {
        return VEC_FAULT_NUMERIC_FIELD;
    }
    *out = rounded;
    return VEC_FAULT_NONE;
}

/* The integer square root of room (below 10^228), rounded to nearest: Newton from above. */
static void vec_numeric_root(const uint64_t *room, uint64_t *root)
{
    uint64_t guess[VEC_NUMERIC_ROOM_LIMBS] = {0};
    uint64_t next[VEC_NUMERIC_ROOM_LIMBS];
    size_t length = vec_wide_length(room, VEC_NUMERIC_ROOM_LIMBS);
    if (length == 0) {
        memset(root, 0, VEC_NUMERIC_ROOM_LIMBS * sizeof(uint64_t));
        return;
    }
    unsigned bits = (unsigned)length * 64 - (unsigned)__builtin_clzll(room[length - 1]);
    unsigned half = (bits + 1) / 2; /* 2^half > root */
    guess[half / 64] = (uint64_t)1 << (half % 64);
    for (;;) {
        uint64_t rest[VEC_NUMERIC_ROOM_LIMBS];
        memcpy(rest, room, sizeof(rest));
        vec_wide_divide(next, rest, VEC_NUMERIC_ROOM_LIMBS, guess, VEC_NUMERIC_ROOM_LIMBS);
        (void)vec_wide_add(next, next, guess, VEC_NUMERIC_ROOM_LIMBS);
        (void)vec_wide_div_small(next, VEC_NUMERIC_ROOM_LIMBS, 2);
        if (vec_wide_compare(next, guess, VEC_NUMERIC_ROOM_LIMBS) >= 0) {
            break;
        }
        memcpy(guess, next, sizeof(guess));
    }
    /* room - guess^2 > guess: the root is nearer to guess + 1. */
    uint64_t square[VEC_NUMERIC_ROOM_LIMBS * 2];
    uint64_t rest[VEC_NUMERIC_ROOM_LIMBS];
    vec_wide_mul(square, guess, VEC_NUMERIC_ROOM_LIMBS, guess, VEC_NUMERIC_ROOM_LIMBS);
    (void)vec_wide_sub(rest, room, square, VEC_NUMERIC_ROOM_LIMBS);
    if (vec_wide_compare(rest, guess, VEC_NUMERIC_ROOM_LIMBS) > 0) {
        static const uint64_t one[VEC_NUMERIC_ROOM_LIMBS] = {1};
        (void)vec_wide_add(guess, guess, one, VEC_NUMERIC_ROOM_LIMBS);
    }
    memcpy(root, guess, sizeof(guess));
}

/* sqrt(a) at `scale`. */
static enum vec_fault vec_numeric_root_at(const struct vec_numeric *a, unsigned scale,
                                          struct vec_numeric *out)
{
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS] = {0};
    memcpy(room, a->limb, sizeof(a->limb));
    ASSERT(2 * scale >= a->scale);
    if (scale > VEC_NUMERIC_DIGITS_MAX || !vec_numeric_room_scale(room, 2 * scale - a->scale)) {
        return VEC_FAULT_NUMERIC;
    }
    vec_numeric_root(room, room);
    return vec_numeric_pack(room, scale, false, out);
}

enum vec_fault vec_numeric_sqrt(const struct vec_numeric *a, struct vec_numeric *out)
{
    if (a->is_negative) {
        return VEC_FAULT_ROOT;
    }
    unsigned first;
    int weight = vec_numeric_weight(a, &first) * VEC_NUMERIC_GROUP / 2 + 1;
    int scale = VEC_NUMERIC_SIGNIFICANT - weight;
    scale = scale > a->scale ? scale : a->scale;
    return vec_numeric_root_at(a, (unsigned)scale, out);
}

enum vec_fault vec_numeric_variance(int64_t count, const struct vec_numeric *sum,
                                    const struct vec_numeric *squares, bool is_sample, bool is_root,
                                    struct vec_numeric *out)
{
    ASSERT(count > (is_sample ? 1 : 0));
    struct vec_numeric n = vec_numeric_from_int8(count);
    struct vec_numeric below = vec_numeric_from_int8(is_sample ? count - 1 : count);
    struct vec_numeric above;
    struct vec_numeric squared;
    enum vec_fault fault = vec_numeric_mul(sum, sum, &squared);
    fault = fault != VEC_FAULT_NONE ? fault : vec_numeric_mul(&n, squares, &above);
    fault = fault != VEC_FAULT_NONE ? fault : vec_numeric_sub(&above, &squared, &above);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    if (above.is_negative || vec_numeric_is_zero(&above)) {
        *out = vec_numeric_from_int8(0);
        return VEC_FAULT_NONE;
    }
    fault = vec_numeric_mul(&n, &below, &below);
    ASSERT(fault == VEC_FAULT_NONE);
    unsigned scale = vec_numeric_quotient_scale(&above, &below);
    fault = vec_numeric_quotient(&above, &below, scale, false, &squared);
    if (fault == VEC_FAULT_NONE && is_root) {
        fault = vec_numeric_root_at(&squared, scale, &squared);
    }
    if (fault == VEC_FAULT_NONE) {
        *out = squared;
    }
    return fault;
}
