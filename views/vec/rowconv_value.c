/* What a JSON value becomes in a column, the long way. See rowconv.h.
 *
 * Every number is m * 10^e here, m of up to 38 digits: enough for whatever fits an integer, a
 * NUMERIC(38, s) or a timestamp, so that all of these are exact with 128 bits. Digits behind the
 * 38th that are not zero are told apart (is_cut): such a number is no integer and no NUMERIC of
 * that size, and for a timestamp they do not count. */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/calendar.h"
#include "views/vec/interval.h"
#include "views/vec/jsonb.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"
#include "views/vec/rowconv_int.h"
#include "views/vec/scan.h"

/* Digits of m. */
#define VEC_ROWCONV_DIGITS_MAX 38

/* An exponent beyond this says no more. */
#define VEC_ROWCONV_EXPONENT_MAX 1000000000

/* The most bytes that a JSONB takes for each of its text, exponents apart, and beside. */
#define VEC_ROWCONV_JSONB_PART 4u
#define VEC_ROWCONV_JSONB_MORE 64u

/* With exponents it may take so many, and beside: 1e131071, which PostgreSQL keeps with all its
 * digits, is out of range here, or a batch of such records would not fit any query. */
#define VEC_ROWCONV_JSONB_PART_MAX 32u
#define VEC_ROWCONV_JSONB_MORE_MAX 4096u

/* A number: m * 10^e. */
struct vec_rowconv_decimal {
    __int128 m;  /* 0: e is 0 */
    int64_t e;   /* of ten */
    int64_t low; /* of ten, of the last digit that is not zero, or of a zero before it */
    bool is_cut; /* there are more digits */
};

static enum vec_fault vec_rowconv_mismatch(const struct json_found *found);
static struct vec_rowconv_decimal vec_rowconv_decimal(const struct json_found *found);
static struct vec_rowconv_decimal vec_rowconv_scan(const char *text, size_t length);
static enum vec_fault vec_rowconv_integer(const struct json_found *found, int64_t *out);
static enum vec_fault vec_rowconv_real(const struct json_found *found, double *out);
static enum vec_fault vec_rowconv_numeric(const struct json_found *found, struct vec_type type,
                                          struct vec_numeric *out);
static enum vec_fault vec_rowconv_unix(const struct json_found *found, uint8_t unit, int64_t *out);
static enum vec_fault vec_rowconv_string(struct vec_rowconv *rc, const struct json_found *found,
                                         struct vec_bytes *out);
static enum vec_fault vec_rowconv_time(struct vec_rowconv *rc, const struct vec_rowconv_slot *slot,
                                       uint32_t row, const struct json_found *found);
static enum vec_fault vec_rowconv_interval(struct vec_rowconv *rc, const struct json_found *found,
                                           struct vec_interval *out);
static enum vec_fault vec_rowconv_jsonb(struct vec_rowconv *rc, const struct json_found *found,
                                        struct vec_bytes *out);

enum vec_fault vec_rowconv_convert(struct vec_rowconv *rc, const struct vec_rowconv_slot *slot,
                                   uint32_t row, const struct json_found *found)
{
    bool is_number = found->kind == JSON_NUMBER;
    bool is_string = found->kind == JSON_STRING;
    enum vec_fault fault = VEC_FAULT_NONE;
    int64_t integer = 0;
    switch ((enum vec_kind)slot->type.kind) {
    case VEC_INTEGER:
        fault = is_number ? vec_rowconv_integer(found, &integer) : vec_rowconv_mismatch(found);
        ((int32_t *)slot->data)[row] = (int32_t)integer;
        if (fault == VEC_FAULT_BIGINT || (int32_t)integer != integer) {
            fault = VEC_FAULT_INTEGER;
        }
        return fault;
    case VEC_BIGINT:
        return is_number ? vec_rowconv_integer(found, &((int64_t *)slot->data)[row])
                         : vec_rowconv_mismatch(found);
    case VEC_DOUBLE:
        return is_number ? vec_rowconv_real(found, &((double *)slot->data)[row])
                         : vec_rowconv_mismatch(found);
    case VEC_NUMERIC:
        return is_number ? vec_rowconv_numeric(found, slot->type,
                                               &((struct vec_numeric *)slot->data)[row])
                         : vec_rowconv_mismatch(found);
    case VEC_TEXT:
        return is_string ? vec_rowconv_string(rc, found, &((struct vec_bytes *)slot->data)[row])
                         : vec_rowconv_mismatch(found);
    case VEC_DATE:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return vec_rowconv_time(rc, slot, row, found);
    case VEC_INTERVAL:
        return is_string
                   ? vec_rowconv_interval(rc, found, &((struct vec_interval *)slot->data)[row])
                   : vec_rowconv_mismatch(found);
    case VEC_JSONB: return vec_rowconv_jsonb(rc, found, &((struct vec_bytes *)slot->data)[row]);
    case VEC_BOOLEAN: return vec_rowconv_mismatch(found);
    case VEC_NONE:
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* A value of this kind is none of the column's. */
static enum vec_fault vec_rowconv_mismatch(const struct json_found *found)
{
    static const enum vec_fault faults[] = {
        [JSON_NULL] = VEC_FAULT_JSON_CAST_NULL,     [JSON_FALSE] = VEC_FAULT_JSON_CAST_BOOLEAN,
        [JSON_TRUE] = VEC_FAULT_JSON_CAST_BOOLEAN,  [JSON_NUMBER] = VEC_FAULT_JSON_CAST_NUMBER,
        [JSON_STRING] = VEC_FAULT_JSON_CAST_STRING, [JSON_ARRAY] = VEC_FAULT_JSON_CAST_ARRAY,
        [JSON_OBJECT] = VEC_FAULT_JSON_CAST_OBJECT};
    return faults[found->kind];
}

/* --- Numbers --- */

/* Powers of ten that 64 bits hold. */
#define VEC_ROWCONV_POWER_MAX 18

static const int64_t vec_rowconv_powers[VEC_ROWCONV_POWER_MAX + 1] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

/* 10^count, count <= VEC_ROWCONV_DIGITS_MAX. */
static __int128 vec_rowconv_power(int64_t count)
{
    __int128 power = 1;
    for (; count > VEC_ROWCONV_POWER_MAX; count -= VEC_ROWCONV_POWER_MAX) {
        power *= vec_rowconv_powers[VEC_ROWCONV_POWER_MAX];
    }
    return power * vec_rowconv_powers[count];
}

static struct vec_rowconv_decimal vec_rowconv_decimal(const struct json_found *found)
{
    const struct json_number *number = &found->number;
    if (number->exponent == JSON_EXPONENT_NONE) {
        return vec_rowconv_scan(found->text, found->length);
    }
    int64_t e = number->digits == 0 ? 0 : number->exponent;
    return (struct vec_rowconv_decimal){.m = number->digits, .e = e, .low = e};
}

/* A number of JSON that its parts do not say. */
static struct vec_rowconv_decimal vec_rowconv_scan(const char *text, size_t length)
{
    struct vec_rowconv_decimal d = {.m = 0};
    struct vec_scan s = vec_scan(text, length);
    bool is_negative = vec_scan_byte(&s, '-');
    bool is_fraction = false;
    uint32_t count = 0; /* digits in m, and zeros that follow them */
    int64_t zeros = 0;  /* behind those of m: to be taken as a power of ten */
    int64_t tail = 0;   /* zeros behind the last digit that is none */
    for (; s.at < s.end && (*s.at | 0x20) != 'e'; s.at++) {
        if (*s.at == '.') {
            is_fraction = true;
            continue;
        }
        d.e -= is_fraction;
        tail = *s.at == '0' ? tail + 1 : 0;
        if (*s.at == '0') { /* perhaps none of m's */
            zeros += d.m != 0;
            continue;
        }
        if (count + zeros + 1 > VEC_ROWCONV_DIGITS_MAX) {
            d.is_cut = true;
            zeros++;
            continue;
        }
        d.m = d.m * vec_rowconv_power(zeros + 1) + (*s.at - '0');
        count += (uint32_t)zeros + 1;
        zeros = 0;
    }
    d.low = d.e + tail;
    d.e += zeros;
    if (s.at < s.end) {
        s.at++;
        bool is_below = vec_scan_byte(&s, '-');
        int64_t exponent = 0;
        for (s.at += !is_below && *s.at == '+'; s.at < s.end; s.at++) {
            exponent =
                exponent < VEC_ROWCONV_EXPONENT_MAX ? exponent * 10 + (*s.at - '0') : exponent;
        }
        exponent = is_below ? -exponent : exponent;
        d.e += exponent;
        d.low += exponent;
    }
    d.m = is_negative ? -d.m : d.m;
    d.e = d.m == 0 ? 0 : d.e;
    return d;
}

/* *out = d * 10^digits as an integer, exactly. False: it is none, or too large. */
static bool vec_rowconv_scaled(struct vec_rowconv_decimal d, unsigned digits, __int128 *out)
{
    int64_t e = d.e + digits;
    for (; e < 0 && d.m % 10 == 0 && d.m != 0; e++) {
        d.m /= 10;
    }
    *out = d.m;
    return !d.is_cut && e >= 0 && (d.m == 0 || e <= VEC_ROWCONV_DIGITS_MAX) &&
           (d.m == 0 || !__builtin_mul_overflow(d.m, vec_rowconv_power(e), out));
}

/* PostgreSQL's two faults: it has a fraction, or it is out of range. */
static enum vec_fault vec_rowconv_integer(const struct json_found *found, int64_t *out)
{
    struct vec_rowconv_decimal d = vec_rowconv_decimal(found);
    __int128 integer;
    if (vec_rowconv_scaled(d, 0, &integer)) {
        *out = (int64_t)integer;
        return *out == integer ? VEC_FAULT_NONE : VEC_FAULT_BIGINT;
    }
    return d.low >= 0 ? VEC_FAULT_BIGINT : VEC_FAULT_SYNTAX;
}

/* The short way refused: too large, or a long text. What is too small is 0, as in the short way. */
static enum vec_fault vec_rowconv_real(const struct json_found *found, double *out)
{
    enum vec_fault fault = vec_real_parse(found->text, found->length, out);
    if (fault == VEC_FAULT_DOUBLE_RANGE && vec_rowconv_decimal(found).e < 0) {
        *out = found->text[0] == '-' ? -0.0 : 0.0;
        return VEC_FAULT_NONE;
    }
    return fault;
}

static enum vec_fault vec_rowconv_numeric(const struct json_found *found, struct vec_type type,
                                          struct vec_numeric *out)
{
    if (type.precision == 0) {
        return vec_numeric_parse(found->text, found->length, out);
    }
    /* What nearly all are: no digits to drop, and 64 bits are enough. */
    int64_t places = (int64_t)type.scale + found->number.exponent;
    int64_t small;
    if (LIKELY(found->number.exponent <= 0 && places >= 0 && type.precision <= 18 &&
               !__builtin_mul_overflow(found->number.digits, vec_rowconv_powers[places], &small) &&
               small < vec_rowconv_powers[type.precision] &&
               small > -vec_rowconv_powers[type.precision])) {
        *out = vec_numeric_from_scaled(small, type.scale);
        return VEC_FAULT_NONE;
    }
    __int128 value;
    if (!vec_rowconv_scaled(vec_rowconv_decimal(found), type.scale, &value) ||
        (value < 0 ? -value : value) >= vec_rowconv_power(type.precision)) {
        return VEC_FAULT_NUMERIC_FIELD;
    }
    *out = vec_numeric_from_column(value, type.scale);
    return VEC_FAULT_NONE;
}

/* --- Strings and times --- */

/* The characters of a string, where they stand or unescaped. */
static enum vec_fault vec_rowconv_string(struct vec_rowconv *rc, const struct json_found *found,
                                         struct vec_bytes *out)
{
    *out = (struct vec_bytes){found->text, found->length};
    if (!found->has_escapes) {
        return VEC_FAULT_NONE;
    }
    char *at = vec_rowconv_room(rc, found->length);
    if (at == NULL) {
        return VEC_FAULT_MEMORY;
    }
    struct bytes_writer w = bytes_writer(at, found->length);
    struct json_value string = json_found_value(found);
    if (json_unescape(&w, &string) != ERR_OK || memchr(at, '\0', w.pos) != NULL) {
        return VEC_FAULT_JSON_ESCAPE;
    }
    *out = (struct vec_bytes){at, (uint32_t)w.pos};
    rc->at += w.pos;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_rowconv_time(struct vec_rowconv *rc, const struct vec_rowconv_slot *slot,
                                       uint32_t row, const struct json_found *found)
{
    bool is_date = slot->type.kind == VEC_DATE;
    int64_t instant = 0;
    int32_t date = 0;
    enum vec_fault fault;
    if (found->kind == JSON_NUMBER && slot->unit != VEC_ROWCONV_NO_UNIT) {
        fault = vec_rowconv_unix(found, slot->unit, &instant);
        date = fault == VEC_FAULT_NONE && is_date ? vec_timestamp_to_date(instant) : 0;
    } else if (found->kind == JSON_STRING) {
        struct vec_bytes text;
        fault = vec_rowconv_string(rc, found, &text);
        if (fault == VEC_FAULT_NONE) {
            fault = is_date ? vec_date_parse(text.data, text.length, &date)
                            : vec_timestamp_parse(text.data, text.length,
                                                  slot->type.kind == VEC_TIMESTAMPTZ, &instant);
        }
    } else {
        return vec_rowconv_mismatch(found);
    }
    if (is_date) {
        ((int32_t *)slot->data)[row] = date;
    } else {
        ((int64_t *)slot->data)[row] = instant;
    }
    return fault;
}

/* Time since 1970 in `unit`, to the nearest microsecond. */
static enum vec_fault vec_rowconv_unix(const struct json_found *found, uint8_t unit, int64_t *out)
{
    static const int64_t digits[] = {
        [VEC_ROWCONV_S] = 6, [VEC_ROWCONV_MS] = 3, [VEC_ROWCONV_US] = 0, [VEC_ROWCONV_NS] = -3};
    struct vec_rowconv_decimal d = vec_rowconv_decimal(found);
    int64_t e = d.e + digits[unit];
    __int128 us = d.m;
    if (d.m == 0 || e < -VEC_ROWCONV_DIGITS_MAX) {
        us = 0;
    } else if (e >= 0) {
        if (e > VEC_ROWCONV_DIGITS_MAX || __builtin_mul_overflow(d.m, vec_rowconv_power(e), &us)) {
            return VEC_FAULT_TIMESTAMP;
        }
    } else {
        unsigned __int128 power = (unsigned __int128)vec_rowconv_power(-e);
        unsigned __int128 size = (unsigned __int128)(d.m < 0 ? -d.m : d.m);
        us = (__int128)(size / power + (size % power * 2 >= power));
        us = d.m < 0 ? -us : us;
    }
    if (us / 2 != (int64_t)(us / 2)) {
        return VEC_FAULT_TIMESTAMP;
    }
    us += VEC_EPOCH_US; /* past 64 bits before that, perhaps */
    *out = (int64_t)us;
    return us >= VEC_TIMESTAMP_MIN && us < VEC_TIMESTAMP_END ? VEC_FAULT_NONE : VEC_FAULT_TIMESTAMP;
}

static enum vec_fault vec_rowconv_interval(struct vec_rowconv *rc, const struct json_found *found,
                                           struct vec_interval *out)
{
    struct vec_bytes text;
    enum vec_fault fault = vec_rowconv_string(rc, found, &text);
    return fault == VEC_FAULT_NONE ? vec_interval_parse(text.data, text.length, out) : fault;
}

/* --- JSONB --- */

/* A value without anything in it: its kind and bytes that stand in the text. False: another. */
static bool vec_rowconv_jsonb_plain(struct vec_rowconv *rc, const struct json_found *found,
                                    struct vec_bytes *out)
{
    bool is_string = found->kind == JSON_STRING && !found->has_escapes;
    bool is_number = found->kind == JSON_NUMBER && found->number.form == JSON_INTEGER &&
                     found->number.digits != 0; /* -0 is written 0 */
    bool is_word = found->kind == JSON_TRUE || found->kind == JSON_FALSE;
    if (!is_string && !is_number && !is_word) {
        return false;
    }
    size_t length = is_word ? 0 : found->length;
    char *at = vec_rowconv_bytes(rc, 1 + length);
    if (at == NULL) {
        return false;
    }
    *at = (char)(is_string                   ? VEC_JSONB_STRING
                 : is_number                 ? VEC_JSONB_NUMBER
                 : found->kind == JSON_FALSE ? VEC_JSONB_FALSE
                                             : VEC_JSONB_TRUE);
    memcpy(at + 1, found->text, length);
    *out = (struct vec_bytes){at, (uint32_t)(1 + length)};
    return true;
}

/* Exponents make a value longer than its text: then there is a second go with more room. What does
 * not fit that, either, is refused. */
static enum vec_fault vec_rowconv_jsonb(struct vec_rowconv *rc, const struct json_found *found,
                                        struct vec_bytes *out)
{
    if (vec_rowconv_jsonb_plain(rc, found, out)) {
        return VEC_FAULT_NONE;
    }
    bool is_string = found->kind == JSON_STRING; /* with its quotes */
    const char *text = found->text - is_string;
    size_t length = found->length + (is_string ? 2 : 0);
    size_t bytes = length * VEC_ROWCONV_JSONB_PART + VEC_ROWCONV_JSONB_MORE;
    size_t bytes_max = length * VEC_ROWCONV_JSONB_PART_MAX + VEC_ROWCONV_JSONB_MORE_MAX;
    for (;; bytes = bytes_max) {
        char *at = rc->err == ERR_OK ? vec_rowconv_room(rc, bytes) : NULL;
        if (at == NULL) {
            return VEC_FAULT_MEMORY;
        }
        struct bytes_writer w = bytes_writer(at, bytes);
        enum vec_fault fault = vec_jsonb_parse(text, length, &rc->scratch, &w);
        if (fault == VEC_FAULT_MEMORY) {
            rc->err = rc->scratch.err;
            return fault;
        }
        if (fault != VEC_FAULT_NONE || w.err == ERR_OK) {
            *out = (struct vec_bytes){at, (uint32_t)w.pos};
            rc->at += fault == VEC_FAULT_NONE ? w.pos : 0;
            return fault;
        }
        if (bytes == bytes_max) {
            return VEC_FAULT_NUMERIC;
        }
    }
}
