/* Text to INTERVAL. See interval.h.
 *
 * Words are read from the last to the first, so that a unit is known before its number. A text in
 * which that finds no sense is tried as ISO 8601. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/units.h"
#include "views/vec/datetime_int.h"
#include "views/vec/interval.h"
#include "views/vec/scan.h"
#include "views/vec/unit.h"

/* An interval being read: each part wider than it may be in the end. */
struct vec_interval_reading {
    int64_t us;     /* microseconds */
    int32_t days;   /* days */
    int32_t months; /* months */
    int32_t years;  /* years */
};

/* What has been seen, for finding it twice: one bit per unit. */
#define VEC_SEEN(unit) (1u << (unit))
#define VEC_SEEN_SECONDS                                                                           \
    (VEC_SEEN(VEC_UNIT_SECOND) | VEC_SEEN(VEC_UNIT_MILLISECOND) | VEC_SEEN(VEC_UNIT_MICROSECOND))
#define VEC_SEEN_CLOCK (VEC_SEEN(VEC_UNIT_HOUR) | VEC_SEEN(VEC_UNIT_MINUTE) | VEC_SEEN_SECONDS)

static enum vec_fault vec_interval_words(struct vec_tokens *tokens, struct vec_interval_reading *n);
static enum vec_fault vec_interval_token(const struct vec_token *token, enum vec_unit *unit,
                                         struct vec_interval_reading *n, unsigned *seen);
static enum vec_fault vec_interval_number(const struct vec_token *token, enum vec_unit *unit,
                                          struct vec_interval_reading *n, unsigned *seen);
static bool vec_interval_put(enum vec_unit unit, int64_t value, double fraction,
                             struct vec_interval_reading *n);
static enum vec_fault vec_interval_iso(const char *text, struct vec_interval_reading *n);
static enum vec_fault vec_interval_finish(const struct vec_interval_reading *n,
                                          struct vec_interval *out);

enum vec_fault vec_interval_parse(const char *text, size_t length, struct vec_interval *out)
{
    struct vec_tokens tokens;
    struct vec_interval_reading n = {.us = 0};
    enum vec_fault fault = VEC_FAULT_DATETIME_SYNTAX;
    if (vec_tokens_cut(text, length, &tokens)) {
        fault = vec_interval_words(&tokens, &n);
    }
    if (fault == VEC_FAULT_DATETIME_SYNTAX && length < sizeof(tokens.buffer) && length > 0 &&
        text[0] == 'P') {
        memcpy(tokens.buffer, text + 1, length - 1);
        tokens.buffer[length - 1] = '\0';
        n = (struct vec_interval_reading){.us = 0};
        fault = vec_interval_iso(tokens.buffer, &n);
    }
    if (fault != VEC_FAULT_NONE) {
        return fault == VEC_FAULT_DATETIME_FIELD ? VEC_FAULT_INTERVAL_TEXT : fault;
    }
    return vec_interval_finish(&n, out);
}

static enum vec_fault vec_interval_finish(const struct vec_interval_reading *n,
                                          struct vec_interval *out)
{
    int64_t months = (int64_t)n->years * 12 + n->months;
    if (months < INT32_MIN || months > INT32_MAX) {
        return VEC_FAULT_INTERVAL;
    }
    *out = (struct vec_interval){.us = n->us, .days = n->days, .months = (int32_t)months};
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_interval_words(struct vec_tokens *tokens, struct vec_interval_reading *n)
{
    enum vec_unit unit = VEC_UNIT_NONE;
    unsigned seen = 0;
    bool is_ago = false;
    for (size_t i = tokens->count; i-- > 0;) {
        const struct vec_token *token = &tokens->token[i];
        if (token->kind == VEC_TOKEN_WORD && strcmp(token->text, "ago") == 0) {
            is_ago = true;
            unit = VEC_UNIT_EPOCH; /* none that a number may have */
            continue;
        }
        unsigned seen_before = seen;
        seen = 0;
        enum vec_fault fault = vec_interval_token(token, &unit, n, &seen);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        if ((seen & seen_before) != 0) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        seen |= seen_before;
    }
    if (seen == 0) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (is_ago && (__builtin_sub_overflow((int64_t)0, n->us, &n->us) ||
                   __builtin_sub_overflow(0, n->days, &n->days) ||
                   __builtin_sub_overflow(0, n->months, &n->months) ||
                   __builtin_sub_overflow(0, n->years, &n->years))) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    return VEC_FAULT_NONE;
}

/* hh:mm:ss as the microseconds, which nothing else may have given. */
static enum vec_fault vec_interval_clock(const char *text, struct vec_interval_reading *n)
{
    struct vec_datetime_clock clock;
    enum vec_fault fault = vec_datetime_clock(text, &clock);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    int64_t us = clock.us + clock.seconds * VEC_SECOND_US + clock.minutes * VEC_MINUTE_US;
    int64_t hours_us;
    if (__builtin_mul_overflow(clock.hours, VEC_HOUR_US, &hours_us) ||
        __builtin_add_overflow(us, hours_us, &us)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    n->us = us;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_interval_token(const struct vec_token *token, enum vec_unit *unit,
                                         struct vec_interval_reading *n, unsigned *seen)
{
    enum vec_fault fault;
    switch (token->kind) {
    case VEC_TOKEN_TIME:
        *seen = VEC_SEEN_CLOCK;
        *unit = VEC_UNIT_DAY;
        return vec_interval_clock(token->text, n);
    case VEC_TOKEN_SIGNED:
        fault = VEC_FAULT_DATETIME_SYNTAX;
        if (strchr(token->text, ':') != NULL) {
            fault = vec_interval_clock(token->text + 1, n);
        }
        if (fault != VEC_FAULT_NONE) {
            return vec_interval_number(token, unit, n, seen);
        }
        n->us = token->text[0] == '-' ? -n->us : n->us;
        *seen = VEC_SEEN_CLOCK;
        *unit = VEC_UNIT_DAY;
        return VEC_FAULT_NONE;
    case VEC_TOKEN_DATE:
    case VEC_TOKEN_NUMBER: return vec_interval_number(token, unit, n, seen);
    case VEC_TOKEN_WORD:
    case VEC_TOKEN_SPECIAL:
        *unit = vec_unit_find(token->text, token->length, false);
        return *unit == VEC_UNIT_NONE ? VEC_FAULT_DATETIME_SYNTAX : VEC_FAULT_NONE;
    default: UNREACHABLE();
    }
}

/* A number of the unit that stands behind it, or years-months. */
static enum vec_fault vec_interval_number(const struct vec_token *token, enum vec_unit *unit,
                                          struct vec_interval_reading *n, unsigned *seen)
{
    const char *at = token->text;
    int64_t value;
    double fraction = 0;
    bool is_negative = token->text[0] == '-';
    if (*unit == VEC_UNIT_NONE) {
        *unit = VEC_UNIT_SECOND;
    }
    if (!vec_datetime_number(&at, INT64_MIN, INT64_MAX, &value)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    if (*at == '-') {
        int64_t months;
        at++;
        if (!vec_datetime_number(&at, 0, 11, &months)) {
            return VEC_FAULT_DATETIME_FIELD;
        }
        if (*at != '\0') {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        *unit = VEC_UNIT_MONTH;
        if (__builtin_mul_overflow(value, 12, &value) ||
            __builtin_add_overflow(value, is_negative ? -months : months, &value)) {
            return VEC_FAULT_DATETIME_FIELD;
        }
    } else if (*at == '.') {
        if (!vec_datetime_fraction(at, &fraction)) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        fraction = is_negative ? -fraction : fraction;
    } else if (*at != '\0') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (*unit == VEC_UNIT_QUARTER || *unit >= VEC_UNIT_ZONE) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (!vec_interval_put(*unit, value, fraction, n)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    *seen = *unit == VEC_UNIT_SECOND && fraction != 0 ? VEC_SEEN_SECONDS : VEC_SEEN(*unit);
    *unit = *unit == VEC_UNIT_HOUR ? VEC_UNIT_DAY : *unit;
    return VEC_FAULT_NONE;
}

/* us += fraction * scale, rounded. */
static bool vec_interval_put_us(double fraction, int64_t scale, struct vec_interval_reading *n)
{
    fraction *= (double)scale;
    int64_t us = (int64_t)fraction;
    fraction -= (double)us;
    us += fraction > 0.5 ? 1 : fraction < -0.5 ? -1 : 0;
    return !__builtin_add_overflow(n->us, us, &n->us);
}

static bool vec_interval_put_clock(int64_t value, double fraction, int64_t scale,
                                   struct vec_interval_reading *n)
{
    return !__builtin_mul_overflow(value, scale, &value) &&
           !__builtin_add_overflow(n->us, value, &n->us) && vec_interval_put_us(fraction, scale, n);
}

/* days += value * scale, and what is left of the fraction as microseconds. */
static bool vec_interval_put_days(int64_t value, double fraction, int32_t scale,
                                  struct vec_interval_reading *n)
{
    int32_t days;
    if (value < INT32_MIN || value > INT32_MAX ||
        __builtin_mul_overflow((int32_t)value, scale, &days) ||
        __builtin_add_overflow(n->days, days, &n->days)) {
        return false;
    }
    if (scale == 1) {
        return vec_interval_put_us(fraction, VEC_DAY_US, n);
    }
    fraction *= scale;
    days = (int32_t)fraction;
    return !__builtin_add_overflow(n->days, days, &n->days) &&
           vec_interval_put_us(fraction - days, VEC_DAY_US, n);
}

static bool vec_interval_put_years(int64_t value, double fraction, int32_t scale,
                                   struct vec_interval_reading *n)
{
    int32_t years;
    int32_t months = (int32_t)rint(fraction * scale * 12);
    return value >= INT32_MIN && value <= INT32_MAX &&
           !__builtin_mul_overflow((int32_t)value, scale, &years) &&
           !__builtin_add_overflow(n->years, years, &n->years) &&
           !__builtin_add_overflow(n->months, months, &n->months);
}

/* value + fraction of a unit; a fraction of a month is one of 30 days, a fraction of a year is
 * rounded to months. False: out of range. */
static bool vec_interval_put(enum vec_unit unit, int64_t value, double fraction,
                             struct vec_interval_reading *n)
{
    switch ((int)unit) {
    case VEC_UNIT_MICROSECOND: return vec_interval_put_clock(value, fraction, 1, n);
    case VEC_UNIT_MILLISECOND: return vec_interval_put_clock(value, fraction, 1000, n);
    case VEC_UNIT_SECOND: return vec_interval_put_clock(value, fraction, VEC_SECOND_US, n);
    case VEC_UNIT_MINUTE: return vec_interval_put_clock(value, fraction, VEC_MINUTE_US, n);
    case VEC_UNIT_HOUR: return vec_interval_put_clock(value, fraction, VEC_HOUR_US, n);
    case VEC_UNIT_DAY: return vec_interval_put_days(value, fraction, 1, n);
    case VEC_UNIT_WEEK: return vec_interval_put_days(value, fraction, 7, n);
    case VEC_UNIT_MONTH:
        return value >= INT32_MIN && value <= INT32_MAX &&
               !__builtin_add_overflow(n->months, (int32_t)value, &n->months) &&
               vec_interval_put_days(0, fraction, 30, n);
    case VEC_UNIT_YEAR: return vec_interval_put_years(value, fraction, 1, n);
    case VEC_UNIT_DECADE: return vec_interval_put_years(value, fraction, 10, n);
    case VEC_UNIT_CENTURY: return vec_interval_put_years(value, fraction, 100, n);
    case VEC_UNIT_MILLENNIUM: return vec_interval_put_years(value, fraction, 1000, n);
    default: UNREACHABLE();
    }
}

/* Numbers of ISO 8601 are not larger. */
#define VEC_ISO_NUMBER_MAX 1e15

/* The number at *at, whole and fraction; *digits is how many stand before its point. */
static enum vec_fault vec_iso_number(const char **at, int64_t *value, double *fraction,
                                     size_t *digits)
{
    const char *first = *at;
    const char *next = first;
    bool is_negative = *next == '-';
    double number = 0;
    next += is_negative;
    *digits = strspn(next, "0123456789");
    const char *point = next + *digits;
    size_t behind = *point == '.' ? strspn(point + 1, "0123456789") : 0;
    if (*digits + behind == 0) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    *at = point + (*point == '.') + behind;
    if (*digits > 18) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    char text[UNITS_DOUBLE_BYTES_MAX];
    size_t length = *digits > 0 ? *digits : 1;
    memcpy(text, *digits > 0 ? next : "0", length);
    behind = behind < 80 ? behind : 80;
    if (behind > 0) {
        memcpy(text + length, point, 1 + behind);
        length += 1 + behind;
    }
    enum err err = units_parse_double(text, length, &number);
    ASSERT(err == ERR_OK);
    if (number > VEC_ISO_NUMBER_MAX) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    *value = (int64_t)number;
    *fraction = number - (double)*value;
    if (is_negative) {
        *value = -*value;
        *fraction = -*fraction;
    }
    return VEC_FAULT_NONE;
}

/* An ISO 8601 interval being read. */
struct vec_iso {
    const char *at;                 /* next byte */
    bool is_clock;                  /* behind the T */
    bool has_field;                 /* a designator was read in this half */
    struct vec_interval_reading *n; /* what is read */
};

static enum vec_fault vec_iso_put(struct vec_iso *iso, enum vec_unit unit, int64_t value,
                                  double fraction)
{
    return vec_interval_put(unit, value, fraction, iso->n) ? VEC_FAULT_NONE
                                                           : VEC_FAULT_DATETIME_FIELD;
}

/* Without designators: "2001-02-03" and "04:05:06", or both without marks. The first number has
 * been read. */
static enum vec_fault vec_iso_alternative(struct vec_iso *iso, int64_t value, double fraction,
                                          size_t digits)
{
    static const enum vec_unit units[2][3] = {{VEC_UNIT_YEAR, VEC_UNIT_MONTH, VEC_UNIT_DAY},
                                              {VEC_UNIT_HOUR, VEC_UNIT_MINUTE, VEC_UNIT_SECOND}};
    const enum vec_unit *unit = units[iso->is_clock];
    char mark = iso->is_clock ? ':' : '-';
    enum vec_fault fault = VEC_FAULT_NONE;
    if (iso->has_field) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (*iso->at != mark && digits == (iso->is_clock ? 6 : 8)) {
        fault = vec_iso_put(iso, unit[0], value / 10000, 0);
        fault = fault != VEC_FAULT_NONE ? fault : vec_iso_put(iso, unit[1], value / 100 % 100, 0);
        return fault != VEC_FAULT_NONE ? fault : vec_iso_put(iso, unit[2], value % 100, fraction);
    }
    for (int i = 0;; i++) {
        fault = vec_iso_put(iso, unit[i], value, fraction);
        if (fault != VEC_FAULT_NONE || *iso->at == '\0' || (*iso->at == 'T' && !iso->is_clock)) {
            return fault;
        }
        if (*iso->at != mark || i == 2) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        iso->at++;
        fault = vec_iso_number(&iso->at, &value, &fraction, &digits);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
    }
}

/* `text` behind the P. */
static enum vec_fault vec_interval_iso(const char *text, struct vec_interval_reading *n)
{
    static const char designators[2][5] = {"YMWD", "HMS"};
    static const enum vec_unit units[2][4] = {
        {VEC_UNIT_YEAR, VEC_UNIT_MONTH, VEC_UNIT_WEEK, VEC_UNIT_DAY},
        {VEC_UNIT_HOUR, VEC_UNIT_MINUTE, VEC_UNIT_SECOND}};
    struct vec_iso iso = {.at = text, .n = n};
    if (*iso.at == '\0') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    while (*iso.at != '\0') {
        int64_t value;
        double fraction;
        size_t digits;
        if (*iso.at == 'T') {
            iso.is_clock = true;
            iso.has_field = false;
            iso.at++;
            continue;
        }
        enum vec_fault fault = vec_iso_number(&iso.at, &value, &fraction, &digits);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        const char *found = *iso.at != '\0' ? strchr(designators[iso.is_clock], *iso.at) : NULL;
        if (found == NULL) {
            fault = vec_iso_alternative(&iso, value, fraction, digits);
        } else {
            iso.at++;
            iso.has_field = true;
            fault = vec_iso_put(&iso, units[iso.is_clock][found - designators[iso.is_clock]], value,
                                fraction);
        }
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
    }
    return VEC_FAULT_NONE;
}
