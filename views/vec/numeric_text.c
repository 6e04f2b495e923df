/* NUMERIC: text, and casts from and to other numbers. See numeric.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "views/vec/numeric.h"
#include "views/vec/numeric_int.h"
#include "views/vec/real_int.h"
#include "views/vec/scan.h"

/* Digits of a number that go into one multiplication. */
#define VEC_NUMERIC_CHUNK 18

/* PostgreSQL takes no larger exponent. */
#define VEC_NUMERIC_EXPONENT_MAX (INT32_MAX / 2)

/* A number being read: digits gathered in `room`, the last few in `chunk`. */
struct vec_numeric_reading {
    uint64_t room[VEC_NUMERIC_LIMBS + 1]; /* the digits, but those in `chunk` */
    uint64_t chunk;                       /* the newest digits */
    unsigned chunk_digits;                /* how many */
    unsigned digits;                      /* significant ones seen; past the limit, only counted */
    int64_t zeros;    /* that follow them: they count when another digit comes */
    int64_t fraction; /* digits behind the point */
    bool is_too_long; /* more than a value has: it cannot be read unless it is no number at all */
};

static void vec_numeric_digit(struct vec_numeric_reading *n, unsigned digit);
static void vec_numeric_flush(struct vec_numeric_reading *n);
static bool vec_numeric_read_digits(struct vec_scan *s, struct vec_numeric_reading *n);
static enum vec_fault vec_numeric_read_exponent(struct vec_scan *s, int64_t *exponent);
static enum vec_fault vec_numeric_finish(struct vec_numeric_reading *n, int64_t exponent,
                                         bool is_negative, struct vec_numeric *out);
static bool vec_numeric_is_special(struct vec_scan s);

enum vec_fault vec_numeric_parse(const char *text, size_t length, struct vec_numeric *out)
{
    struct vec_scan s = vec_scan(text, length);
    vec_scan_trim(&s);
    if (vec_numeric_is_special(s)) {
        return VEC_FAULT_NUMERIC_SPECIAL;
    }
    bool is_negative = vec_scan_byte(&s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(&s, '+');
    }
    struct vec_numeric_reading n = {.chunk = 0};
    int64_t exponent = 0;
    if (!vec_numeric_read_digits(&s, &n)) {
        return VEC_FAULT_SYNTAX;
    }
    if (vec_scan_byte(&s, 'e') || vec_scan_byte(&s, 'E')) {
        enum vec_fault fault = vec_numeric_read_exponent(&s, &exponent);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
    }
    if (s.at != s.end) {
        return VEC_FAULT_SYNTAX;
    }
    return vec_numeric_finish(&n, exponent, is_negative, out);
}

static bool vec_numeric_is_special(struct vec_scan s)
{
    if (vec_scan_word_is(s, "nan")) {
        return true;
    }
    if (!vec_scan_byte(&s, '-')) {
        (void)vec_scan_byte(&s, '+');
    }
    return vec_scan_word_is(s, "infinity") || vec_scan_word_is(s, "inf");
}

static bool vec_numeric_read_digits(struct vec_scan *s, struct vec_numeric_reading *n)
{
    bool has_point = false;
    bool has_digit = false;
    for (; s->at < s->end; s->at++) {
        if (*s->at == '.' && !has_point) {
            has_point = true;
        } else if (vec_scan_is_digit(*s->at)) {
            has_digit = true;
            n->fraction += has_point;
            vec_numeric_digit(n, (unsigned)(*s->at - '0'));
        } else {
            break;
        }
    }
    return has_digit;
}

/* Zeros wait: trailing ones before an exponent may not be digits of the value at all. */
static void vec_numeric_digit(struct vec_numeric_reading *n, unsigned digit)
{
    if (digit == 0) {
        n->zeros += n->digits > 0;
        return;
    }
    if (n->digits + n->zeros >= VEC_NUMERIC_DIGITS_MAX) {
        n->is_too_long = true;
        return;
    }
    for (;; n->zeros--) {
        unsigned next = n->zeros > 0 ? 0 : digit;
        n->chunk = n->chunk * 10 + next;
        n->chunk_digits++;
        n->digits++;
        if (n->chunk_digits == VEC_NUMERIC_CHUNK) {
            vec_numeric_flush(n);
        }
        if (n->zeros == 0) {
            return;
        }
    }
}

static void vec_numeric_flush(struct vec_numeric_reading *n)
{
    uint64_t lost = vec_wide_mul_small(n->room, VEC_NUMERIC_LIMBS,
                                       vec_numeric_powers[n->chunk_digits][0], n->chunk);
    ASSERT(lost == 0); /* VEC_NUMERIC_DIGITS_MAX digits fit */
    n->chunk = 0;
    n->chunk_digits = 0;
}

/* As strtol reads it: white space may stand before the sign. */
static enum vec_fault vec_numeric_read_exponent(struct vec_scan *s, int64_t *exponent)
{
    vec_scan_spaces(s);
    bool is_negative = vec_scan_byte(s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(s, '+');
    }
    const char *first = s->at;
    int64_t value = 0;
    for (; s->at < s->end && vec_scan_is_digit(*s->at); s->at++) {
        value = value > VEC_NUMERIC_EXPONENT_MAX ? value : value * 10 + (*s->at - '0');
    }
    if (s->at == first) {
        return VEC_FAULT_SYNTAX;
    }
    if (value >= VEC_NUMERIC_EXPONENT_MAX) {
        return VEC_FAULT_NUMERIC;
    }
    *exponent = is_negative ? -value : value;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_numeric_finish(struct vec_numeric_reading *n, int64_t exponent,
                                         bool is_negative, struct vec_numeric *out)
{
    if (n->is_too_long) {
        return VEC_FAULT_NUMERIC;
    }
    vec_numeric_flush(n);
    int64_t scale = n->fraction - exponent;
    int64_t up = n->zeros;
    if (scale < 0) {
        up -= scale;
        scale = 0;
    }
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS] = {0};
    memcpy(room, n->room, VEC_NUMERIC_LIMBS * sizeof(uint64_t));
    if (n->digits == 0) {
        up = 0;
    }
    if (scale > VEC_NUMERIC_DIGITS_MAX || up > VEC_NUMERIC_DIGITS_MAX ||
        !vec_numeric_room_scale(room, (unsigned)up)) {
        return VEC_FAULT_NUMERIC;
    }
    return vec_numeric_pack(room, (unsigned)scale, is_negative, out);
}

void vec_numeric_write(struct bytes_writer *w, const struct vec_numeric *a)
{
    char digits[VEC_NUMERIC_DIGITS_MAX + 2];
    uint64_t rest[VEC_NUMERIC_LIMBS];
    size_t first = sizeof(digits);
    size_t least = sizeof(digits) - a->scale - 1; /* a digit stands before the point */
    size_t length = vec_wide_length(a->limb, VEC_NUMERIC_LIMBS);
    memcpy(rest, a->limb, sizeof(rest));
    while (length > 0) {
        uint64_t chunk = vec_wide_div_small(rest, length, vec_numeric_powers[VEC_NUMERIC_CHUNK][0]);
        length = vec_wide_length(rest, length);
        for (unsigned i = 0; length > 0 ? i < VEC_NUMERIC_CHUNK : chunk > 0; i++) {
            ASSERT(first > 0);
            digits[--first] = (char)('0' + chunk % 10);
            chunk /= 10;
        }
    }
    while (first > least) {
        digits[--first] = '0';
    }
    if (a->is_negative) {
        bytes_put_u8(w, '-');
    }
    bytes_put_copy(w, digits + first, sizeof(digits) - a->scale - first);
    if (a->scale > 0) {
        bytes_put_u8(w, '.');
        bytes_put_copy(w, digits + sizeof(digits) - a->scale, a->scale);
    }
}

struct vec_numeric vec_numeric_from_int16(__int128 value)
{
    unsigned __int128 magnitude = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    return (struct vec_numeric){
        .limb = {(uint64_t)magnitude, (uint64_t)(magnitude >> 64)},
        .is_negative = value < 0,
    };
}

struct vec_numeric vec_numeric_from_int8(int64_t value)
{
    return vec_numeric_from_int16(value);
}

struct vec_numeric vec_numeric_from_scaled(int64_t value, unsigned scale)
{
    ASSERT(scale <= VEC_NUMERIC_CHUNK);
    struct vec_numeric out = vec_numeric_from_int16(value);
    out.scale = (uint8_t)scale;
    return out;
}

struct vec_numeric vec_numeric_from_column(__int128 value, unsigned scale)
{
    ASSERT(scale <= VEC_NUMERIC_DECLARED_MAX);
    struct vec_numeric out = vec_numeric_from_int16(value);
    ASSERT(vec_numeric_digits(out.limb) <= VEC_NUMERIC_DECLARED_MAX);
    out.scale = (uint8_t)scale;
    return out;
}

bool vec_numeric_to_int16(const struct vec_numeric *a, __int128 *value)
{
    if (vec_wide_compare(a->limb, vec_numeric_powers[VEC_NUMERIC_DECLARED_MAX],
                         VEC_NUMERIC_LIMBS) >= 0) {
        return false;
    }
    unsigned __int128 magnitude = (unsigned __int128)a->limb[1] << 64 | a->limb[0];
    *value = a->is_negative ? -(__int128)magnitude : (__int128)magnitude;
    return true;
}

enum vec_fault vec_numeric_from_double(double value, struct vec_numeric *out)
{
    char text[UNITS_TEXT_BYTES];
    uint64_t whole;
    unsigned scale;
    if (!isfinite(value)) {
        return VEC_FAULT_NUMERIC_SPECIAL;
    }
    if (vec_real_as_decimal(fabs(value), &whole, &scale)) {
        *out = vec_numeric_from_scaled(value < 0 ? -(int64_t)whole : (int64_t)whole, scale);
        return VEC_FAULT_NONE;
    }
    int length = snprintf(text, sizeof(text), "%.15g", value);
    ASSERT(length > 0);
    ASSERT((size_t)length < sizeof(text));
    return vec_numeric_parse(text, (size_t)length, out);
}

enum vec_fault vec_numeric_to_int8(const struct vec_numeric *a, int64_t *out)
{
    struct vec_numeric whole;
    enum vec_fault fault = vec_numeric_round(a, 0, &whole);
    ASSERT(fault == VEC_FAULT_NONE); /* fewer digits than it had, or one more of 76 */
    uint64_t limit = (uint64_t)INT64_MAX + whole.is_negative;
    if (vec_wide_length(whole.limb, VEC_NUMERIC_LIMBS) > 1 || whole.limb[0] > limit) {
        return VEC_FAULT_BIGINT;
    }
    *out = whole.is_negative ? (int64_t)(0 - whole.limb[0]) : (int64_t)whole.limb[0];
    return VEC_FAULT_NONE;
}

enum vec_fault vec_numeric_to_int4(const struct vec_numeric *a, int32_t *out)
{
    int64_t wide;
    if (vec_numeric_to_int8(a, &wide) != VEC_FAULT_NONE || wide < INT32_MIN || wide > INT32_MAX) {
        return VEC_FAULT_INTEGER;
    }
    *out = (int32_t)wide;
    return VEC_FAULT_NONE;
}

double vec_numeric_to_double(const struct vec_numeric *a)
{
    char text[VEC_NUMERIC_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(text, sizeof(text));
    double value = 0;
    if (vec_wide_length(a->limb, VEC_NUMERIC_LIMBS) <= 1 && a->limb[0] < (uint64_t)1 << 53 &&
        a->scale <= 22) {
        /* Both are exact, so the quotient is the nearest double. */
        static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
        value = (double)a->limb[0] / powers[a->scale];
        return a->is_negative ? -value : value;
    }
    vec_numeric_write(&w, a);
    ASSERT(w.err == ERR_OK);
    enum err err = units_parse_double(text, w.pos, &value);
    ASSERT(err == ERR_OK);
    return value;
}

struct vec_numeric vec_numeric_trim(const struct vec_numeric *a)
{
    struct vec_numeric out = *a;
    while (out.scale > 0) {
        uint64_t tenth[VEC_NUMERIC_LIMBS];
        memcpy(tenth, out.limb, sizeof(tenth));
        if (vec_wide_div_small(tenth, VEC_NUMERIC_LIMBS, 10) != 0) {
            break;
        }
        memcpy(out.limb, tenth, sizeof(tenth));
        out.scale--;
    }
    return out;
}
