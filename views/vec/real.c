/* DOUBLE PRECISION. See real.h. */
#include "views/vec/real.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "views/vec/numeric_int.h"
#include "views/vec/real_int.h"
#include "views/vec/scan.h"

/* Significant digits of a text that are read; one more stands for all behind. */
#define VEC_REAL_DIGITS_MAX 100

/* Exponents are counted up to here: far outside what a double has, far inside an int. */
#define VEC_REAL_EXPONENT_MAX 1000000

/* Integers of so many digits, and powers of ten up to so far, are exact doubles: one operation on
 * two of them gives the nearest double (Clinger, 1990). */
#define VEC_REAL_EXACT_DIGITS   15
#define VEC_REAL_EXACT_EXPONENT 22

static const double vec_real_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* A number being read: 0.<digits> * 10^exponent. */
struct vec_real_reading {
    char digits[VEC_REAL_DIGITS_MAX + 1]; /* significant ones, no leading zero */
    size_t count;                         /* how many */
    int64_t exponent;                     /* of the first digit's place, plus one */
    bool is_negative;                     /* has a minus sign */
};

static bool vec_real_read(struct vec_scan *s, struct vec_real_reading *n);
static bool vec_real_read_exponent(struct vec_scan *s, struct vec_real_reading *n);
static enum vec_fault vec_real_finish(const struct vec_real_reading *n, double *out);
static bool vec_real_special(struct vec_scan s, double *out);
static enum vec_fault vec_real_exp(double a, double *out);

enum vec_fault vec_real_parse(const char *text, size_t length, double *out)
{
    struct vec_scan s = vec_scan(text, length);
    struct vec_real_reading n = {.count = 0};
    vec_scan_trim(&s);
    if (vec_real_special(s, out)) {
        return VEC_FAULT_NONE;
    }
    if (!vec_real_read(&s, &n)) {
        return VEC_FAULT_SYNTAX;
    }
    enum vec_fault fault = vec_real_finish(&n, out);
    if (fault == VEC_FAULT_NONE && s.at != s.end) {
        return VEC_FAULT_SYNTAX;
    }
    return fault;
}

static bool vec_real_special(struct vec_scan s, double *out)
{
    bool is_negative = vec_scan_byte(&s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(&s, '+');
    }
    if (vec_scan_word_is(s, "nan")) {
        *out = (double)NAN;
        return true;
    }
    if (vec_scan_word_is(s, "infinity") || vec_scan_word_is(s, "inf")) {
        *out = is_negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return false;
}

static bool vec_real_read(struct vec_scan *s, struct vec_real_reading *n)
{
    bool has_point = false;
    bool has_digit = false;
    n->is_negative = vec_scan_byte(s, '-');
    if (!n->is_negative) {
        (void)vec_scan_byte(s, '+');
    }
    for (; s->at < s->end; s->at++) {
        char c = *s->at;
        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (!vec_scan_is_digit(c)) {
            break;
        }
        has_digit = true;
        if (n->count == 0 && c == '0') {
            n->exponent -= has_point;
            continue;
        }
        n->exponent += !has_point;
        if (n->count < VEC_REAL_DIGITS_MAX) {
            n->digits[n->count++] = c;
        } else if (c != '0') {
            n->digits[VEC_REAL_DIGITS_MAX] = '1';
            n->count = VEC_REAL_DIGITS_MAX + 1;
        }
    }
    return has_digit && vec_real_read_exponent(s, n);
}

/* An 'e' without digits is not part of the number, so something follows it: false. */
static bool vec_real_read_exponent(struct vec_scan *s, struct vec_real_reading *n)
{
    if (!vec_scan_byte(s, 'e') && !vec_scan_byte(s, 'E')) {
        return true;
    }
    bool is_negative = vec_scan_byte(s, '-');
    if (!is_negative) {
        (void)vec_scan_byte(s, '+');
    }
    if (s->at == s->end || !vec_scan_is_digit(*s->at)) {
        return false;
    }
    int64_t exponent = 0;
    for (; s->at < s->end && vec_scan_is_digit(*s->at); s->at++) {
        if (exponent < (int64_t)1 << 40) {
            exponent = exponent * 10 + (*s->at - '0');
        }
    }
    n->exponent += is_negative ? -exponent : exponent;
    return true;
}

static enum vec_fault vec_real_finish(const struct vec_real_reading *n, double *out)
{
    char text[UNITS_DOUBLE_BYTES_MAX];
    double value = 0;
    int64_t scale = n->exponent - (int64_t)n->count; /* digits * 10^scale */
    if (n->count <= VEC_REAL_EXACT_DIGITS && scale >= -VEC_REAL_EXACT_EXPONENT &&
        scale <= VEC_REAL_EXACT_EXPONENT) {
        uint64_t digits = 0;
        for (size_t i = 0; i < n->count; i++) {
            digits = digits * 10 + (uint64_t)(n->digits[i] - '0');
        }
        value = scale < 0 ? (double)digits / vec_real_powers[-scale]
                          : (double)digits * vec_real_powers[scale];
    } else if (n->count > 0) {
        int64_t exponent = n->exponent;
        exponent = exponent > VEC_REAL_EXPONENT_MAX ? VEC_REAL_EXPONENT_MAX : exponent;
        exponent = exponent < -VEC_REAL_EXPONENT_MAX ? -VEC_REAL_EXPONENT_MAX : exponent;
        int length =
            snprintf(text, sizeof(text), "0.%.*se%d", (int)n->count, n->digits, (int)exponent);
        ASSERT(length > 0);
        ASSERT((size_t)length < sizeof(text));
        if (units_parse_double(text, (size_t)length, &value) != ERR_OK || value == 0) {
            return VEC_FAULT_DOUBLE_RANGE;
        }
    }
    *out = n->is_negative ? -value : value;
    return VEC_FAULT_NONE;
}

/* Significant digits that tell every double from its neighbours. */
#define VEC_REAL_DIGITS 17

/* Decimal digits and exponent of a double: d.ddd * 10^exponent. */
struct vec_real_decimal {
    char digits[VEC_REAL_DIGITS + 1]; /* without trailing zeros */
    int count;                        /* >= 1 */
    int exponent;                     /* of the first digit */
};

/* Powers of five up to here times a double's integer fit 128 bits; a decimal with a larger exponent
 * is never half way between two doubles. */
#define VEC_REAL_TIE_EXPONENT_MAX 27

/* Whether digits * 10^exponent is exactly half way between `value` and its neighbour above
 * (direction 1) or below (-1). */
static bool vec_real_is_tie(double value, uint64_t digits, int exponent, int direction)
{
    int binary;
    uint64_t whole = (uint64_t)ldexp(frexp(value, &binary), 53);
    binary -= 53;
    if (abs(exponent) > VEC_REAL_TIE_EXPONENT_MAX) {
        return false;
    }
    /* Half a step further; below a power of two a step is half as wide. */
    bool is_narrow = direction < 0 && whole == (uint64_t)1 << 52;
    unsigned __int128 tie = (unsigned __int128)whole * (is_narrow ? 4 : 2);
    tie = direction < 0 ? tie - 1 : tie + 1;
    binary -= is_narrow ? 2 : 1;
    unsigned __int128 decimal = digits;
    for (int i = abs(exponent); i > 0; i--) {
        if (exponent > 0) {
            decimal *= 5;
        } else {
            tie *= 5;
        }
    }
    int decimal_binary = exponent;
    while ((decimal & 1) == 0) {
        decimal >>= 1;
        decimal_binary++;
    }
    return decimal == tie && decimal_binary == binary; /* `tie` is odd */
}

/* Whether `text`, digits with a point and an exponent, reads back as `value` (positive, finite) and
 * is no tie: what the rounding of ties decides is not told from its neighbour. */
static bool vec_real_tells(const char *text, size_t length, double value,
                           struct vec_real_decimal *out)
{
    double again = 0;
    enum err err = units_parse_double(text, length, &again);
    const char *mark = strchr(text, 'e');
    ASSERT(mark != NULL);
    if (err != ERR_OK || again != value) {
        return false;
    }
    out->exponent = 0;
    for (const char *at = mark + 2; *at != '\0'; at++) {
        out->exponent = out->exponent * 10 + (*at - '0');
    }
    out->exponent = mark[1] == '-' ? -out->exponent : out->exponent;
    out->count = 0;
    for (const char *at = text; at < mark; at++) {
        if (*at != '.') {
            out->digits[out->count++] = *at;
        }
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0') {
        out->count--;
    }
    uint64_t digits = 0;
    for (int i = 0; i < out->count; i++) {
        digits = digits * 10 + (uint64_t)(out->digits[i] - '0');
    }
    int exponent = out->exponent - (out->count - 1);
    return !vec_real_is_tie(value, digits, exponent, 1) &&
           !vec_real_is_tie(value, digits, exponent, -1);
}

/* Add one to the last digit before the exponent; false: it would carry over the first. */
static bool vec_real_step_up(char *text)
{
    for (char *at = strchr(text, 'e') - 1; at >= text; at--) {
        if (*at == '.') {
            continue;
        }
        if (*at != '9') {
            (*at)++;
            return true;
        }
        *at = '0';
    }
    return false;
}

/* The shortest decimal that tells `value` from its neighbours, of these the nearest. Fifteen digits
 * or fewer that do are what 15 digits of a normal double show, so it is enough to begin there. At a
 * power of two the room below is half as wide as above: there the second nearest may do where the
 * nearest does not. */
static void vec_real_shortest(double value, struct vec_real_decimal *out)
{
    int binary;
    bool is_power = frexp(value, &binary) == 0.5;
    for (int digits = value < 0x1p-1022 ? 1 : 15;; digits++) {
        char text[UNITS_TEXT_BYTES];
        ASSERT(digits <= VEC_REAL_DIGITS);
        int length = snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        ASSERT(length > 0);
        ASSERT((size_t)length < sizeof(text));
        if (vec_real_tells(text, (size_t)length, value, out) ||
            (is_power && vec_real_step_up(text) &&
             vec_real_tells(text, (size_t)length, value, out))) {
            return;
        }
    }
}

bool vec_real_as_decimal(double value, uint64_t *whole, unsigned *scale)
{
    if (!(value >= 1e-3 && value < 1e15)) {
        return false;
    }
    for (unsigned i = 0; i <= VEC_REAL_SCALE_MAX; i++) {
        double scaled = rint(value * vec_real_powers[i]);
        if (scaled >= 1e15) {
            return false;
        }
        if (scaled / vec_real_powers[i] == value) {
            *whole = (uint64_t)scaled;
            *scale = i;
            return true;
        }
    }
    return false;
}

/* `whole` * 10^exponent without the zeros it ends with. */
static void vec_real_set(struct vec_real_decimal *out, uint64_t whole, int exponent)
{
    char digits[20];
    size_t first = sizeof(digits);
    for (; whole > 0; whole /= 10) {
        digits[--first] = (char)('0' + whole % 10);
    }
    out->count = (int)(sizeof(digits) - first);
    ASSERT(out->count >= 1);
    ASSERT(out->count <= VEC_REAL_DIGITS + 1); /* 10^17 is one digit in the end */
    out->exponent = exponent + out->count - 1;
    while (out->count > 1 && digits[first + (size_t)out->count - 1] == '0') {
        out->count--;
    }
    memcpy(out->digits, digits + first, (size_t)out->count);
}

/* The double as whole * 2^-shift, whole of 53 bits, and the place of its first decimal digit. */
static uint64_t vec_real_split(double value, unsigned *shift, int *place)
{
    static const double decades[] = {1e-2, 1e-1, 1e0, 1e1,  1e2,  1e3,  1e4,  1e5, 1e6,
                                     1e7,  1e8,  1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    *shift = 1075 - (unsigned)(bits >> 52);
    *place = -3;
    for (size_t i = 0; i < ARRAY_COUNT(decades) && value >= decades[i]; i++) {
        ++*place;
    }
    return (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
}

/* vec_real_shortest in whole numbers, for what lies between 1e-3 and 1e15: there the value at 17
 * digits and the room around it fit 128 bits exactly. All are in quarters of 2^-shift units of the
 * seventeenth digit. False: it does not lie there. */
static bool vec_real_exact(double value, struct vec_real_decimal *out)
{
    if (!(value >= 1e-3 && value < 1e15)) {
        return false;
    }
    unsigned shift;
    int place;
    uint64_t whole = vec_real_split(value, &shift, &place);
    ASSERT(shift >= 3);
    ASSERT(shift <= 62);
    int power = VEC_REAL_DIGITS - 1 - place;
    unsigned __int128 ten = vec_numeric_powers[power][0];
    unsigned __int128 x = whole * ten * 4;
    unsigned __int128 above = ten * 2;
    unsigned __int128 below = whole == (uint64_t)1 << 52 ? ten : above;
    for (int dropped = 2;; dropped--) {
        ASSERT(dropped >= 0);
        unsigned __int128 step = (unsigned __int128)(4 * vec_numeric_powers[dropped][0]) << shift;
        uint64_t q = (uint64_t)(x / step);
        unsigned __int128 down = x % step;
        unsigned __int128 up = step - down;
        bool is_down = down < below;
        bool is_up = up < above;
        if (is_down && is_up) {
            is_up = up < down || (up == down && q % 2 == 1);
        }
        if (is_down || is_up) {
            vec_real_set(out, q + is_up, dropped - power);
            return true;
        }
    }
}

/* The shortest decimal of a number that has few digits. */
static bool vec_real_plain(double value, struct vec_real_decimal *out)
{
    uint64_t whole;
    unsigned scale;
    if (!vec_real_as_decimal(value, &whole, &scale)) {
        return vec_real_exact(value, out);
    }
    vec_real_set(out, whole, -(int)scale);
    return true;
}

/* From this exponent on, and below the other, a number is written with one. */
#define VEC_REAL_PLAIN_EXPONENT_END 15
#define VEC_REAL_PLAIN_EXPONENT_MIN (-4)

void vec_real_write(struct bytes_writer *w, double value)
{
    struct vec_real_decimal d;
    if (isnan(value)) {
        bytes_put_copy(w, "NaN", 3);
        return;
    }
    if (signbit(value)) {
        bytes_put_u8(w, '-');
    }
    if (isinf(value)) {
        bytes_put_copy(w, "Infinity", 8);
        return;
    }
    if (value == 0) {
        bytes_put_u8(w, '0');
        return;
    }
    if (!vec_real_plain(fabs(value), &d)) {
        vec_real_shortest(fabs(value), &d);
    }
    bool is_plain =
        d.exponent >= VEC_REAL_PLAIN_EXPONENT_MIN && d.exponent < VEC_REAL_PLAIN_EXPONENT_END;
    int before = is_plain ? d.exponent + 1 : 1; /* digits before the point */
    if (before <= 0) {
        bytes_put_copy(w, "0.0000", (size_t)(2 - before));
        bytes_put_copy(w, d.digits, (size_t)d.count);
    } else if (before >= d.count) {
        bytes_put_copy(w, d.digits, (size_t)d.count);
        bytes_put_copy(w, "000000000000000", (size_t)(before - d.count));
    } else {
        bytes_put_copy(w, d.digits, (size_t)before);
        bytes_put_u8(w, '.');
        bytes_put_copy(w, d.digits + before, (size_t)(d.count - before));
    }
    if (!is_plain) {
        char text[8];
        int length = snprintf(text, sizeof(text), "e%+03d", d.exponent);
        bytes_put_copy(w, text, (size_t)length);
    }
}

enum vec_fault vec_real_to_int4(double a, int32_t *out)
{
    a = rint(a);
    if (!(a >= -0x1p31 && a < 0x1p31)) {
        return VEC_FAULT_INTEGER;
    }
    *out = (int32_t)a;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_real_to_int8(double a, int64_t *out)
{
    a = rint(a);
    if (!(a >= -0x1p63 && a < 0x1p63)) {
        return VEC_FAULT_BIGINT;
    }
    *out = (int64_t)a;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_real_exp(double a, double *out)
{
    if (isnan(a) || isinf(a)) {
        *out = a < 0 ? 0 : a;
        return VEC_FAULT_NONE;
    }
    *out = exp(a);
    if (isinf(*out)) {
        return VEC_FAULT_OVERFLOW;
    }
    return *out == 0 ? VEC_FAULT_UNDERFLOW : VEC_FAULT_NONE;
}

/* Functions whose argument has a domain. */
static enum vec_fault vec_real_domain(enum vec_real_function function, double a)
{
    switch ((int)function) {
    case VEC_REAL_SQRT: return a < 0 ? VEC_FAULT_ROOT : VEC_FAULT_NONE;
    case VEC_REAL_LN:
    case VEC_REAL_LOG10:
        return a == 0 ? VEC_FAULT_LOG_ZERO : a < 0 ? VEC_FAULT_LOG_NEGATIVE : VEC_FAULT_NONE;
    case VEC_REAL_SIN:
    case VEC_REAL_COS:
    case VEC_REAL_TAN:
    case VEC_REAL_COT: return isinf(a) ? VEC_FAULT_INPUT : VEC_FAULT_NONE;
    case VEC_REAL_ASIN:
    case VEC_REAL_ACOS:
    case VEC_REAL_ATANH: return a < -1 || a > 1 ? VEC_FAULT_INPUT : VEC_FAULT_NONE;
    case VEC_REAL_ACOSH: return a < 1 ? VEC_FAULT_INPUT : VEC_FAULT_NONE;
    default: return VEC_FAULT_NONE;
    }
}

/* tidy: dispatcher */
enum vec_fault vec_real_apply(enum vec_real_function function, double a, double *out)
{
    enum vec_fault fault = vec_real_domain(function, a);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    switch (function) {
    case VEC_REAL_ROUND: *out = rint(a); break;
    case VEC_REAL_TRUNC: *out = trunc(a); break;
    case VEC_REAL_CEIL: *out = ceil(a); break;
    case VEC_REAL_FLOOR: *out = floor(a); break;
    case VEC_REAL_ABS: *out = fabs(a); break;
    case VEC_REAL_SIGN: *out = a > 0 ? 1 : a < 0 ? -1 : 0; break;
    case VEC_REAL_SQRT: *out = sqrt(a); break;
    case VEC_REAL_CBRT: *out = cbrt(a); break;
    case VEC_REAL_EXP: return vec_real_exp(a, out);
    case VEC_REAL_LN: *out = log(a); break;
    case VEC_REAL_LOG10: *out = log10(a); break;
    case VEC_REAL_SIN: *out = sin(a); break;
    case VEC_REAL_COS: *out = cos(a); break;
    case VEC_REAL_TAN: *out = tan(a); break;
    case VEC_REAL_COT: *out = 1.0 / tan(a); break;
    case VEC_REAL_ASIN: *out = asin(a); break;
    case VEC_REAL_ACOS: *out = acos(a); break;
    case VEC_REAL_ATAN: *out = atan(a); break;
    case VEC_REAL_SINH: *out = sinh(a); break;
    case VEC_REAL_COSH: *out = cosh(a); break;
    case VEC_REAL_TANH: *out = tanh(a); break;
    case VEC_REAL_ASINH: *out = asinh(a); break;
    case VEC_REAL_ACOSH: *out = acosh(a); break;
    case VEC_REAL_ATANH: *out = atanh(a); break;
    case VEC_REAL_DEGREES: return vec_real_div(a, M_PI / 180.0, out);
    case VEC_REAL_RADIANS: return vec_real_mul(a, M_PI / 180.0, out);
    default: UNREACHABLE();
    }
    return VEC_FAULT_NONE;
}

/* Powers with an infinity. */
static double vec_real_power_infinite(double a, double b)
{
    if (isinf(b)) {
        double size = fabs(a);
        if (size == 1) {
            return 1;
        }
        return (b > 0) == (size > 1) ? (double)INFINITY : 0;
    }
    if (b == 0) {
        return 1;
    }
    if (a > 0) {
        return b > 0 ? a : 0;
    }
    bool is_odd = fmod(b, 2) != 0;
    double value = b > 0 ? (double)INFINITY : 0;
    return is_odd ? -value : value;
}

enum vec_fault vec_real_power(double a, double b, double *out)
{
    if (isnan(a) || isnan(b)) {
        *out = (isnan(b) ? a == 1 : b == 0) ? 1 : (double)NAN;
        return VEC_FAULT_NONE;
    }
    if (a == 0 && b < 0) {
        return VEC_FAULT_POWER_ZERO;
    }
    if (a < 0 && floor(b) != b) {
        return VEC_FAULT_POWER_COMPLEX;
    }
    if (isinf(a) || isinf(b)) {
        *out = vec_real_power_infinite(a, b);
        return VEC_FAULT_NONE;
    }
    *out = pow(a, b);
    if (isinf(*out)) {
        return VEC_FAULT_OVERFLOW;
    }
    return *out == 0 && a != 0 ? VEC_FAULT_UNDERFLOW : VEC_FAULT_NONE;
}

enum vec_fault vec_real_atan2(double y, double x, double *out)
{
    *out = atan2(y, x);
    return VEC_FAULT_NONE;
}
