/* Numbers and quantities as text. See units.h.
 *
 * Quantities are exact integers throughout: a number is (whole, fraction / 10^digits) and meets its
 * unit in 128 bits. Doubles go through the C library, whose rounding is right; it is given text
 * whose form was checked here first, in the "C" locale, so that neither hexadecimal nor a decimal
 * comma can get in. */
#include "base/units.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Digits of a fraction that count: 10^18 times the largest unit still fits 128 bits. */
#define UNITS_FRACTION_DIGITS_MAX 18

#define UNITS_US_NS     1000u
#define UNITS_MS_NS     1000000u
#define UNITS_SECOND_NS 1000000000u
#define UNITS_MINUTE_NS (60 * (uint64_t)UNITS_SECOND_NS)
#define UNITS_HOUR_NS   (60 * UNITS_MINUTE_NS)
#define UNITS_DAY_NS    (24 * UNITS_HOUR_NS)

/* Text not read yet. */
struct units_text {
    const char *at;  /* next byte */
    const char *end; /* one past the last */
};

/* whole + fraction / scale */
struct units_number {
    uint64_t whole;    /* the digits before the point */
    uint64_t fraction; /* the digits behind it, as many as count */
    uint64_t scale;    /* 10 to the number of digits in `fraction` */
};

/* A unit's name and how many of the smallest unit it is. */
struct units_unit {
    const char *name;
    uint64_t factor;
};

static const struct units_unit units_byte_units[] = {
    {"b", 1},
    {"kb", 1000},
    {"mb", 1000000},
    {"gb", 1000000000},
    {"tb", 1000000000000},
    {"pb", 1000000000000000},
    {"eb", 1000000000000000000},
    {"kib", (uint64_t)1 << 10},
    {"mib", (uint64_t)1 << 20},
    {"gib", (uint64_t)1 << 30},
    {"tib", (uint64_t)1 << 40},
    {"pib", (uint64_t)1 << 50},
    {"eib", (uint64_t)1 << 60},
};

static const struct units_unit units_duration_units[] = {
    {"ns", 1},
    {"us", UNITS_US_NS},
    {"\xc2\xb5s", UNITS_US_NS}, /* U+00B5 micro sign */
    {"\xce\xbcs", UNITS_US_NS}, /* U+03BC Greek letter mu */
    {"ms", UNITS_MS_NS},
    {"s", UNITS_SECOND_NS},
    {"m", UNITS_MINUTE_NS},
    {"h", UNITS_HOUR_NS},
    {"d", UNITS_DAY_NS},
};

static enum err units_scan_digits(struct units_text *text, uint64_t *out);
static enum err units_scan_number(struct units_text *text, struct units_number *number);
static const struct units_unit *units_scan_unit(struct units_text *text,
                                                const struct units_unit *units, size_t count,
                                                bool ignores_case);
static enum err units_scan_duration(struct units_text *text, uint64_t *duration_ns);
static enum err units_scale(const struct units_number *number, uint64_t factor, uint64_t *out);
static void units_skip_spaces(struct units_text *text);
static bool units_scan_date(struct units_text *text, int64_t *days);
static bool units_scan_clock(struct units_text *text, int64_t *time_ms);
static bool units_scan_zone(struct units_text *text, int64_t *minutes);
static bool units_scan_pair(struct units_text *text, unsigned max, unsigned *out);
static bool units_scan_byte(struct units_text *text, const char *wanted);
static bool units_is_digit(char c);
static bool units_is_letter(char c);
static char units_lower(char c);
static bool units_is_double(const char *text, size_t length);
static double units_read_double(const char *text);
static uint64_t units_round(uint64_t value, uint64_t unit);
static size_t units_format_tenths(uint64_t value, const struct units_unit *units, size_t count,
                                  uint64_t limit, char out[UNITS_TEXT_BYTES]);

/* Two digits at a time, from behind. */
size_t units_write_u64(char out[UNITS_U64_BYTES], uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[UNITS_U64_BYTES];
    size_t at = sizeof(digits);
    while (value >= 100) {
        at -= 2;
        memcpy(digits + at, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + 2 * value, 2);
    } else {
        digits[--at] = (char)('0' + value);
    }
    size_t length = sizeof(digits) - at;
    memcpy(out, digits + at, length);
    return length;
}

enum err units_parse_u64(const char *text, size_t length, uint64_t *out)
{
    struct units_text left = {text, text + length};
    uint64_t value;
    enum err err = units_scan_digits(&left, &value);
    if (err == ERR_INVALID || left.at != left.end) {
        return ERR_INVALID;
    }
    if (err == ERR_OK) {
        *out = value;
    }
    return err;
}

enum err units_parse_i64(const char *text, size_t length, int64_t *out)
{
    bool is_negative = length > 0 && text[0] == '-';
    uint64_t magnitude;
    enum err err = units_parse_u64(text + is_negative, length - is_negative, &magnitude);
    if (err != ERR_OK) {
        return err;
    }
    if (magnitude > (uint64_t)INT64_MAX + is_negative) {
        return ERR_RANGE;
    }
    *out = (int64_t)(is_negative ? -magnitude : magnitude);
    return ERR_OK;
}

enum err units_parse_double(const char *text, size_t length, double *out)
{
    if (length > UNITS_DOUBLE_BYTES_MAX) {
        return ERR_TOO_LARGE;
    }
    if (!units_is_double(text, length)) {
        return ERR_INVALID;
    }
    char copy[UNITS_DOUBLE_BYTES_MAX + 1];
    memcpy(copy, text, length);
    copy[length] = '\0';
    double value = units_read_double(copy);
    if (!isfinite(value)) {
        return ERR_RANGE;
    }
    *out = value;
    return ERR_OK;
}

enum err units_parse_bytes(const char *text, size_t length, uint64_t *bytes)
{
    struct units_text left = {text, text + length};
    struct units_number number;
    enum err err = units_scan_number(&left, &number);
    if (err == ERR_INVALID) {
        return err;
    }
    uint64_t factor = 1;
    if (left.at == left.end) {
        if (number.scale != 1) {
            return ERR_INVALID; /* "1.5" of what? */
        }
    } else {
        units_skip_spaces(&left);
        const struct units_unit *unit =
            units_scan_unit(&left, units_byte_units, ARRAY_COUNT(units_byte_units), true);
        if (unit == NULL || left.at != left.end) {
            return ERR_INVALID;
        }
        factor = unit->factor;
    }
    return err != ERR_OK ? err : units_scale(&number, factor, bytes);
}

enum err units_parse_duration_ns(const char *text, size_t length, uint64_t *duration_ns)
{
    if (length == 1 && text[0] == '0') {
        *duration_ns = 0;
        return ERR_OK;
    }
    struct units_text left = {text, text + length};
    uint64_t sum_ns = 0;
    bool is_out_of_range = false;
    do {
        uint64_t term_ns = 0;
        if (left.at != text) {
            units_skip_spaces(&left);
        }
        enum err err = units_scan_duration(&left, &term_ns);
        if (err == ERR_INVALID) {
            return err;
        }
        is_out_of_range |= err != ERR_OK || __builtin_add_overflow(sum_ns, term_ns, &sum_ns);
    } while (left.at != left.end);
    if (is_out_of_range) {
        return ERR_RANGE;
    }
    *duration_ns = sum_ns;
    return ERR_OK;
}

size_t units_format_bytes(uint64_t bytes, char out[UNITS_TEXT_BYTES])
{
    static const struct units_unit units[] = {
        {" B", 1},
        {" KiB", (uint64_t)1 << 10},
        {" MiB", (uint64_t)1 << 20},
        {" GiB", (uint64_t)1 << 30},
        {" TiB", (uint64_t)1 << 40},
        {" PiB", (uint64_t)1 << 50},
        {" EiB", (uint64_t)1 << 60},
    };
    return units_format_tenths(bytes, units, ARRAY_COUNT(units), 1024, out);
}

size_t units_format_count(uint64_t count, char out[UNITS_TEXT_BYTES])
{
    static const struct units_unit units[] = {
        {"", 1},
        {"k", 1000},
        {"M", 1000000},
        {"G", 1000000000},
        {"T", 1000000000000},
        {"P", 1000000000000000},
        {"E", 1000000000000000000},
    };
    return units_format_tenths(count, units, ARRAY_COUNT(units), 1000, out);
}

size_t units_format_duration(uint64_t duration_ns, char out[UNITS_TEXT_BYTES])
{
    static const struct units_unit units[] = {
        {" ns", 1}, {" us", UNITS_US_NS}, {" ms", UNITS_MS_NS}, {" s", UNITS_SECOND_NS}};
    static const struct {
        uint64_t big_ns, small_ns, limit_ns;
        char big, small;
    } pairs[] = {
        {UNITS_MINUTE_NS, UNITS_SECOND_NS, UNITS_HOUR_NS, 'm', 's'},
        {UNITS_HOUR_NS, UNITS_MINUTE_NS, UNITS_DAY_NS, 'h', 'm'},
        {UNITS_DAY_NS, UNITS_HOUR_NS, 0, 'd', 'h'}, /* the last one: no limit */
    };
    /* Below 59.95 s, from where one decimal of a second would be rounded to 60. */
    if (duration_ns < UNITS_MINUTE_NS - UNITS_SECOND_NS / 20) {
        return units_format_tenths(duration_ns, units, ARRAY_COUNT(units), 1000, out);
    }
    size_t i = 0;
    while (i + 1 < ARRAY_COUNT(pairs) &&
           units_round(duration_ns, pairs[i].small_ns) >= pairs[i].limit_ns / pairs[i].small_ns) {
        i++;
    }
    uint64_t small_count = units_round(duration_ns, pairs[i].small_ns);
    uint64_t small_per_big = pairs[i].big_ns / pairs[i].small_ns;
    int length = snprintf(out, UNITS_TEXT_BYTES, "%llu%c",
                          (unsigned long long)(small_count / small_per_big), pairs[i].big);
    if (small_count % small_per_big != 0) {
        length += snprintf(out + length, UNITS_TEXT_BYTES - (size_t)length, "%llu%c",
                           (unsigned long long)(small_count % small_per_big), pairs[i].small);
    }
    return (size_t)length;
}

size_t units_format_double(double value, char out[UNITS_TEXT_BYTES])
{
    if (!isfinite(value)) {
        const char *text = isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";
        return (size_t)snprintf(out, UNITS_TEXT_BYTES, "%s", text);
    }
    for (int digits = 15;; digits++) {
        int length = snprintf(out, UNITS_TEXT_BYTES, "%.*g", digits, value);
        ASSERT(length > 0 && length < UNITS_TEXT_BYTES);
        size_t kept = 0;
        for (size_t i = 0; i < (size_t)length; i++) {
            /* What is neither digit, sign nor exponent is the locale's decimal separator, perhaps
             * of several bytes. */
            bool is_number = units_is_digit(out[i]) || strchr("+-e", out[i]) != NULL;
            if (is_number) {
                out[kept++] = out[i];
            } else if (kept > 0 && out[kept - 1] != '.') {
                out[kept++] = '.';
            }
        }
        out[kept] = '\0';
        if (digits == 17 || units_read_double(out) == value) {
            return kept;
        }
    }
}

enum err units_parse_time_ms(const char *text, size_t length, int64_t *time_ms)
{
    struct units_text left = {text, text + length};
    int64_t days = 0, clock_ms = 0, zone_minutes = 0;
    if (!units_scan_date(&left, &days)) {
        return ERR_INVALID;
    }
    if (left.at != left.end &&
        (!units_scan_byte(&left, "Tt ") || !units_scan_clock(&left, &clock_ms) ||
         !units_scan_zone(&left, &zone_minutes) || left.at != left.end)) {
        return ERR_INVALID;
    }
    *time_ms = days * 86400000 + clock_ms - zone_minutes * 60000;
    return ERR_OK;
}

/* Days to a date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days:
 * years begin in March, so that the leap day is a year's last. */
size_t units_format_time(uint64_t wall_ns, char out[UNITS_TEXT_BYTES])
{
    unsigned milliseconds = (unsigned)(wall_ns / UNITS_MS_NS % 1000);
    unsigned seconds = (unsigned)(wall_ns / UNITS_SECOND_NS % 86400);
    unsigned days = (unsigned)(wall_ns / UNITS_DAY_NS) + 719468; /* since 0000-03-01 */
    unsigned era = days / 146097;                                /* 400 years each */
    unsigned day_of_era = days % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    unsigned year = year_of_era + era * 400 + (month <= 2);
    int length = snprintf(out, UNITS_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
                          day, seconds / 3600, seconds / 60 % 60, seconds % 60, milliseconds);
    return (size_t)length;
}

/* A date to days, as days_from_civil of the same source. */
static bool units_scan_date(struct units_text *text, int64_t *days)
{
    static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned century, year_of_century, month, day;
    if (!units_scan_pair(text, 99, &century) || !units_scan_pair(text, 99, &year_of_century) ||
        !units_scan_byte(text, "-") || !units_scan_pair(text, 12, &month) ||
        !units_scan_byte(text, "-") || !units_scan_pair(text, 31, &day) || month == 0 || day == 0 ||
        day > month_days[month - 1]) {
        return false;
    }
    unsigned year = century * 100 + year_of_century;
    if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) {
        return false;
    }
    unsigned shifted = year + 400 - (month <= 2); /* never below 0 */
    unsigned era = shifted / 400;
    unsigned year_of_era = shifted % 400;
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    *days = (int64_t)era * 146097 + day_of_era - 146097 - 719468;
    return true;
}

/* hh:mm, seconds if there are any, a fraction if there is one. */
static bool units_scan_clock(struct units_text *text, int64_t *time_ms)
{
    unsigned hour, minute, second = 0, milliseconds = 0;
    if (!units_scan_pair(text, 23, &hour) || !units_scan_byte(text, ":") ||
        !units_scan_pair(text, 59, &minute)) {
        return false;
    }
    if (units_scan_byte(text, ":")) {
        if (!units_scan_pair(text, 60, &second)) {
            return false;
        }
        if (units_scan_byte(text, ".,")) {
            unsigned scale = 100;
            if (text->at == text->end || !units_is_digit(*text->at)) {
                return false;
            }
            for (; text->at != text->end && units_is_digit(*text->at); text->at++, scale /= 10) {
                milliseconds += (unsigned)(*text->at - '0') * scale;
            }
        }
    }
    *time_ms = ((int64_t)(hour * 60 + minute) * 60 + second) * 1000 + milliseconds;
    return true;
}

/* Minutes ahead of UTC. */
static bool units_scan_zone(struct units_text *text, int64_t *minutes)
{
    unsigned hour, minute = 0;
    if (text->at == text->end || units_scan_byte(text, "Zz")) {
        return true;
    }
    bool is_behind = *text->at == '-';
    if (!units_scan_byte(text, "+-") || !units_scan_pair(text, 23, &hour)) {
        return false;
    }
    bool has_colon = units_scan_byte(text, ":");
    if ((has_colon || text->at != text->end) && !units_scan_pair(text, 59, &minute)) {
        return false;
    }
    *minutes = (int64_t)(hour * 60 + minute) * (is_behind ? -1 : 1);
    return true;
}

/* Two digits. */
static bool units_scan_pair(struct units_text *text, unsigned max, unsigned *out)
{
    if (text->end - text->at < 2 || !units_is_digit(text->at[0]) || !units_is_digit(text->at[1])) {
        return false;
    }
    *out = (unsigned)(text->at[0] - '0') * 10 + (unsigned)(text->at[1] - '0');
    text->at += 2;
    return *out <= max;
}

/* Step over the next byte if it is one of `wanted`. */
static bool units_scan_byte(struct units_text *text, const char *wanted)
{
    if (text->at == text->end || *text->at == '\0' || strchr(wanted, *text->at) == NULL) {
        return false;
    }
    text->at++;
    return true;
}

/* The digits that come next. ERR_INVALID: none; ERR_RANGE, after all of them: over 2^64 - 1. */
static enum err units_scan_digits(struct units_text *text, uint64_t *out)
{
    if (text->at == text->end || !units_is_digit(*text->at)) {
        return ERR_INVALID;
    }
    uint64_t value = 0;
    bool is_out_of_range = false;
    for (; text->at != text->end && units_is_digit(*text->at); text->at++) {
        uint64_t digit = (uint64_t)(*text->at - '0');
        is_out_of_range |= __builtin_mul_overflow(value, 10, &value) ||
                           __builtin_add_overflow(value, digit, &value);
    }
    *out = value;
    return is_out_of_range ? ERR_RANGE : ERR_OK;
}

/* Digits, and a point with digits if there is one. */
static enum err units_scan_number(struct units_text *text, struct units_number *number)
{
    *number = (struct units_number){.scale = 1};
    enum err err = units_scan_digits(text, &number->whole);
    if (err == ERR_INVALID || text->at == text->end || *text->at != '.') {
        return err;
    }
    text->at++;
    if (text->at == text->end || !units_is_digit(*text->at)) {
        return ERR_INVALID;
    }
    for (int digits = 0; text->at != text->end && units_is_digit(*text->at); digits++, text->at++) {
        if (digits < UNITS_FRACTION_DIGITS_MAX) {
            number->fraction = number->fraction * 10 + (uint64_t)(*text->at - '0');
            number->scale *= 10;
        }
    }
    return err;
}

/* The unit whose name is the run of letters (and bytes over 127) that comes next; NULL: no such
 * unit. */
static const struct units_unit *units_scan_unit(struct units_text *text,
                                                const struct units_unit *units, size_t count,
                                                bool ignores_case)
{
    char name[4];
    size_t length = 0;
    for (; text->at != text->end && units_is_letter(*text->at); text->at++) {
        if (length == sizeof(name) - 1) {
            return NULL;
        }
        name[length++] = ignores_case ? units_lower(*text->at) : *text->at;
    }
    name[length] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

/* One term of a duration: a number, spaces, a unit. */
static enum err units_scan_duration(struct units_text *text, uint64_t *duration_ns)
{
    struct units_number number;
    enum err err = units_scan_number(text, &number);
    if (err == ERR_INVALID) {
        return err;
    }
    units_skip_spaces(text);
    const struct units_unit *unit =
        units_scan_unit(text, units_duration_units, ARRAY_COUNT(units_duration_units), false);
    if (unit == NULL) {
        return ERR_INVALID;
    }
    return err != ERR_OK ? err : units_scale(&number, unit->factor, duration_ns);
}

/* number * factor, its fraction rounded to the nearest. */
static enum err units_scale(const struct units_number *number, uint64_t factor, uint64_t *out)
{
    unsigned __int128 value = (unsigned __int128)number->whole * factor;
    value += ((unsigned __int128)number->fraction * factor + number->scale / 2) / number->scale;
    if (value > UINT64_MAX) {
        return ERR_RANGE;
    }
    *out = (uint64_t)value;
    return ERR_OK;
}

static void units_skip_spaces(struct units_text *text)
{
    while (text->at != text->end && *text->at == ' ') {
        text->at++;
    }
}

static bool units_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool units_is_letter(char c)
{
    return (units_lower(c) >= 'a' && units_lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

static char units_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* -?D+(.D+)?([eE][+-]?D+)? */
static bool units_is_double(const char *text, size_t length)
{
    struct units_text left = {text, text + length};
    struct units_number number;
    uint64_t exponent;
    if (left.at != left.end && *left.at == '-') {
        left.at++;
    }
    if (units_scan_number(&left, &number) == ERR_INVALID) {
        return false;
    }
    if (left.at != left.end && units_lower(*left.at) == 'e') {
        left.at++;
        if (left.at != left.end && (*left.at == '+' || *left.at == '-')) {
            left.at++;
        }
        if (units_scan_digits(&left, &exponent) == ERR_INVALID) {
            return false;
        }
    }
    return left.at == left.end;
}

/* `text` has a double's form. The "C" locale is built into the C library: making it allocates
 * nothing and cannot fail. */
static double units_read_double(const char *text)
{
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(c_locale != (locale_t)0);
    double value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

/* value / unit, rounded to the nearest. */
static uint64_t units_round(uint64_t value, uint64_t unit)
{
    return value / unit + (value % unit >= (unit + 1) / 2);
}

/* `value` with one decimal in the largest unit that leaves it at 1 or more; rounding up to `limit`
 * of a unit is 1 of the next. Units of factor 1 have no decimals. */
static size_t units_format_tenths(uint64_t value, const struct units_unit *units, size_t count,
                                  uint64_t limit, char out[UNITS_TEXT_BYTES])
{
    size_t i = 0;
    unsigned __int128 tenths = (unsigned __int128)value * 10;
    while (i + 1 < count && tenths >= (unsigned __int128)limit * 10) {
        i++;
        tenths = ((unsigned __int128)value * 10 + units[i].factor / 2) / units[i].factor;
    }
    int length = tenths % 10 == 0 ? snprintf(out, UNITS_TEXT_BYTES, "%llu%s",
                                             (unsigned long long)(tenths / 10), units[i].name)
                                  : snprintf(out, UNITS_TEXT_BYTES, "%llu.%u%s",
                                             (unsigned long long)(tenths / 10),
                                             (unsigned)(tenths % 10), units[i].name);
    ASSERT(length > 0 && length < UNITS_TEXT_BYTES);
    return (size_t)length;
}
