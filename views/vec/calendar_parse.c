/* Text to DATE, TIMESTAMP and TIMESTAMPTZ. See calendar.h.
 *
 * Tokens are taken from the first to the last. What a number is follows from its length and from
 * what is there already: PostgreSQL's rules with DateStyle ISO, MDY. Nothing may be said twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/calendar_int.h"
#include "views/vec/datetime_int.h"
#include "views/vec/scan.h"

/* What has been said, as bits. */
enum vec_said {
    VEC_SAID_YEAR = 1u << 0,
    VEC_SAID_MONTH = 1u << 1,
    VEC_SAID_DAY = 1u << 2,
    VEC_SAID_DOY = 1u << 3,
    VEC_SAID_TIME = 1u << 4,
    VEC_SAID_ZONE = 1u << 5,
    VEC_SAID_HALF = 1u << 6, /* AM or PM */
    VEC_SAID_ERA = 1u << 7,  /* BC or AD */
    VEC_SAID_WEEKDAY = 1u << 8,
    VEC_SAID_DATE = VEC_SAID_YEAR | VEC_SAID_MONTH | VEC_SAID_DAY,
};

/* What a text is. */
enum vec_date_form {
    VEC_FORM_MOMENT,
    VEC_FORM_EPOCH,
    VEC_FORM_INFINITY,
    VEC_FORM_MINUS_INFINITY,
};

/* The largest hour of an offset. */
#define VEC_ZONE_HOUR_MAX 15

/* A text being read. */
struct vec_date_reading {
    unsigned said;           /* enum vec_said */
    enum vec_date_form form; /* what it is */
    int64_t year;            /* as written; then as counted */
    int64_t month;
    int64_t day;
    int64_t doy;           /* day of the year */
    int64_t us;            /* of the day; may pass its end where it is written without marks */
    int64_t hour;          /* for AM and PM */
    int32_t offset_s;      /* seconds east of UTC */
    bool has_month_name;   /* the month was a word */
    bool is_short_year;    /* of one or two digits */
    bool is_bc;            /* BC */
    bool is_pm;            /* PM, if said */
    bool is_time_expected; /* a T came before */
};

static enum vec_fault vec_reading_token(struct vec_date_reading *n, const struct vec_tokens *tokens,
                                        size_t i);
static enum vec_fault vec_reading_date(struct vec_date_reading *n, const struct vec_token *token);
static enum vec_fault vec_reading_parts(struct vec_date_reading *n, const char *text,
                                        unsigned *said);
static enum vec_fault vec_reading_number(struct vec_date_reading *n, const char *text,
                                         size_t length, unsigned before, unsigned *said);
static enum vec_fault vec_reading_field(struct vec_date_reading *n, const char *text, size_t length,
                                        unsigned before, unsigned *said);
static enum vec_fault vec_reading_word(struct vec_date_reading *n, const struct vec_tokens *tokens,
                                       size_t i, unsigned *said);
static enum vec_fault vec_reading_zone(const char *text, int32_t *offset_s);
static enum vec_fault vec_reading_check(struct vec_date_reading *n);

static enum vec_fault vec_reading(const char *text, size_t length, struct vec_date_reading *n)
{
    struct vec_tokens tokens;
    if (!vec_tokens_cut(text, length, &tokens)) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    for (size_t i = 0; i < tokens.count; i++) {
        enum vec_fault fault = vec_reading_token(n, &tokens, i);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
    }
    return vec_reading_check(n);
}

enum vec_fault vec_date_parse(const char *text, size_t length, int32_t *out)
{
    struct vec_date_reading n = {.said = 0};
    int64_t date;
    if (length == strlen("2020-01-02") && vec_date_fast(text, length, &date)) {
        *out = (int32_t)date;
        return VEC_FAULT_NONE;
    }
    enum vec_fault fault = vec_reading(text, length, &n);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    if (n.form == VEC_FORM_INFINITY || n.form == VEC_FORM_MINUS_INFINITY) {
        *out = n.form == VEC_FORM_INFINITY ? VEC_DATE_INFINITY : VEC_DATE_MINUS_INFINITY;
        return VEC_FAULT_NONE;
    }
    if (n.form == VEC_FORM_EPOCH) {
        *out = VEC_EPOCH_DAYS;
        return VEC_FAULT_NONE;
    }
    if (!vec_civil_is_counted(n.year, (int32_t)n.month)) {
        return VEC_FAULT_DATE_TEXT;
    }
    date = vec_date_of((struct vec_civil){
        .year = (int32_t)n.year, .month = (int32_t)n.month, .day = (int32_t)n.day});
    if (date < VEC_DATE_MIN || date >= VEC_DATE_END) {
        return VEC_FAULT_DATE_TEXT;
    }
    *out = (int32_t)date;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_parse(const char *text, size_t length, bool is_zoned, int64_t *out)
{
    struct vec_date_reading n = {.said = 0};
    if (LIKELY(vec_timestamp_fast(text, length, is_zoned, out))) {
        return VEC_FAULT_NONE;
    }
    enum vec_fault fault = vec_reading(text, length, &n);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    switch (n.form) {
    case VEC_FORM_INFINITY: *out = VEC_TIMESTAMP_INFINITY; return VEC_FAULT_NONE;
    case VEC_FORM_MINUS_INFINITY: *out = VEC_TIMESTAMP_MINUS_INFINITY; return VEC_FAULT_NONE;
    case VEC_FORM_EPOCH: *out = VEC_EPOCH_US; return VEC_FAULT_NONE;
    case VEC_FORM_MOMENT: break;
    default: UNREACHABLE();
    }
    if (!vec_civil_is_counted(n.year, (int32_t)n.month)) {
        return VEC_FAULT_TIMESTAMP_TEXT;
    }
    __int128 at = vec_date_of((struct vec_civil){
        .year = (int32_t)n.year, .month = (int32_t)n.month, .day = (int32_t)n.day});
    at = at * VEC_DAY_US + n.us;
    if (is_zoned) {
        at -= n.offset_s * VEC_SECOND_US;
    }
    if (at < VEC_TIMESTAMP_MIN || at >= VEC_TIMESTAMP_END) {
        return VEC_FAULT_TIMESTAMP_TEXT;
    }
    *out = (int64_t)at;
    return VEC_FAULT_NONE;
}

/* "hh:mm:ss" as the time of day. */
static enum vec_fault vec_reading_time(struct vec_date_reading *n, const char *text)
{
    struct vec_datetime_clock clock;
    enum vec_fault fault = vec_datetime_clock(text, &clock);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    int64_t minute_us = clock.minutes * VEC_MINUTE_US + clock.seconds * VEC_SECOND_US + clock.us;
    if (clock.hours > 24 || clock.hours * VEC_HOUR_US + minute_us > VEC_DAY_US) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    n->hour = clock.hours;
    n->us = clock.hours * VEC_HOUR_US + minute_us;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_reading_token(struct vec_date_reading *n, const struct vec_tokens *tokens,
                                        size_t i)
{
    const struct vec_token *token = &tokens->token[i];
    unsigned said = 0;
    enum vec_fault fault = VEC_FAULT_NONE;
    switch (token->kind) {
    case VEC_TOKEN_DATE: return vec_reading_date(n, token);
    case VEC_TOKEN_TIME:
        n->is_time_expected = false;
        said = VEC_SAID_TIME;
        fault = vec_reading_time(n, token->text);
        break;
    case VEC_TOKEN_SIGNED:
        said = VEC_SAID_ZONE;
        fault = vec_reading_zone(token->text, &n->offset_s);
        break;
    case VEC_TOKEN_NUMBER: {
        const char *point = strchr(token->text, '.');
        bool has_date = (n->said & VEC_SAID_DATE) == VEC_SAID_DATE;
        if (n->is_time_expected) {
            n->is_time_expected = false;
            fault = vec_reading_field(n, token->text, token->length, VEC_SAID_DATE, &said);
            if (fault == VEC_FAULT_NONE && said != VEC_SAID_TIME) {
                fault = VEC_FAULT_DATETIME_SYNTAX;
            }
        } else if (point != NULL && (n->said & VEC_SAID_DATE) == 0) {
            fault = vec_reading_parts(n, token->text, &said);
        } else if ((point != NULL && point - token->text > 2) ||
                   (point == NULL && token->length >= 6 &&
                    (!has_date || (n->said & VEC_SAID_TIME) == 0))) {
            fault = vec_reading_field(n, token->text, token->length, n->said, &said);
        } else {
            fault = vec_reading_number(n, token->text, token->length, n->said, &said);
        }
        break;
    }
    case VEC_TOKEN_WORD:
    case VEC_TOKEN_SPECIAL: fault = vec_reading_word(n, tokens, i, &said); break;
    default: UNREACHABLE();
    }
    if (fault == VEC_FAULT_NONE && (n->said & said) != 0) {
        fault = VEC_FAULT_DATETIME_SYNTAX;
    }
    n->said |= said;
    return fault;
}

/* A token with marks: a date; a time run together with a zone ("040506-08"); a zone's name. */
static enum vec_fault vec_reading_date(struct vec_date_reading *n, const struct vec_token *token)
{
    unsigned said = 0;
    enum vec_fault fault;
    bool has_day = (n->said & (VEC_SAID_MONTH | VEC_SAID_DAY)) == (VEC_SAID_MONTH | VEC_SAID_DAY);
    if (!n->is_time_expected && !has_day) {
        fault = vec_reading_parts(n, token->text, &said);
    } else if (n->is_time_expected || vec_scan_is_digit(token->text[0])) {
        char digits[VEC_TOKEN_TEXT_BYTES];
        const char *zone = strchr(token->text, '-');
        n->is_time_expected = false;
        if ((n->said & VEC_SAID_TIME) != 0 || zone == NULL) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        size_t length = (size_t)(zone - token->text);
        memcpy(digits, token->text, length);
        digits[length] = '\0';
        fault = vec_reading_zone(zone, &n->offset_s);
        if (fault == VEC_FAULT_NONE) {
            fault = vec_reading_field(n, digits, length, n->said, &said);
        }
        said |= VEC_SAID_ZONE;
    } else {
        return VEC_FAULT_ZONE_NAMED;
    }
    if (fault == VEC_FAULT_NONE && (n->said & said) != 0) {
        fault = VEC_FAULT_DATETIME_SYNTAX;
    }
    n->said |= said;
    return fault;
}

/* The next run of digits or of letters, NUL-terminated in `part`; *at goes behind the mark that
 * follows it. */
static size_t vec_reading_part(const char **at, char part[VEC_TOKEN_TEXT_BYTES])
{
    const char *next = *at;
    size_t length = 0;
    while (*next != '\0' && !vec_scan_is_digit(*next) && !vec_scan_is_letter(*next)) {
        next++;
    }
    bool is_number = vec_scan_is_digit(*next);
    while (is_number ? vec_scan_is_digit(next[length]) : vec_scan_is_letter(next[length])) {
        length++;
    }
    memcpy(part, next, length);
    part[length] = '\0';
    next += length;
    *at = next + (*next != '\0');
    return length;
}

/* Year, month and day with marks between. Letters are looked at first: they can only be the month.
 */
static enum vec_fault vec_reading_parts(struct vec_date_reading *n, const char *text,
                                        unsigned *said)
{
    char part[VEC_TOKEN_TEXT_BYTES];
    unsigned before = n->said;
    n->has_month_name = false;
    for (const char *at = text; *at != '\0';) {
        size_t length = vec_reading_part(&at, part);
        if (length == 0) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        if (!vec_scan_is_letter(part[0])) {
            continue;
        }
        n->month = vec_datetime_month(part);
        if (n->month == 0 || ((before | *said) & VEC_SAID_MONTH) != 0) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        n->has_month_name = true;
        *said |= VEC_SAID_MONTH;
    }
    for (const char *at = text; *at != '\0';) {
        unsigned number = 0;
        size_t length = vec_reading_part(&at, part);
        if (vec_scan_is_letter(part[0])) {
            continue;
        }
        enum vec_fault fault = vec_reading_number(n, part, length, before | *said, &number);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        if (((before | *said) & number) != 0) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        *said |= number;
    }
    if (((before | *said) & ~(unsigned)(VEC_SAID_DOY | VEC_SAID_ZONE)) != VEC_SAID_DATE) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    return VEC_FAULT_NONE;
}

/* What a lone number is, by what is there `before` it. */
static enum vec_fault vec_reading_place(struct vec_date_reading *n, int64_t value, size_t length,
                                        unsigned before, unsigned *said)
{
    unsigned date = before & VEC_SAID_DATE;
    bool is_long = length >= 3;
    if (date == (VEC_SAID_YEAR | VEC_SAID_MONTH) && n->has_month_name && is_long &&
        n->is_short_year) {
        n->day = n->year; /* what was taken for the year is the day: 02-Jan-2020 */
        n->year = value;
        *said = VEC_SAID_DAY;
        n->is_short_year = false;
        return VEC_FAULT_NONE;
    }
    switch (date) {
    case 0: *said = is_long ? VEC_SAID_YEAR : VEC_SAID_MONTH; break;
    case VEC_SAID_YEAR:
    case VEC_SAID_DAY: *said = VEC_SAID_MONTH; break;
    case VEC_SAID_MONTH: *said = n->has_month_name && is_long ? VEC_SAID_YEAR : VEC_SAID_DAY; break;
    case VEC_SAID_YEAR | VEC_SAID_MONTH: *said = VEC_SAID_DAY; break;
    case VEC_SAID_MONTH | VEC_SAID_DAY: *said = VEC_SAID_YEAR; break;
    default: return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (*said == VEC_SAID_YEAR) {
        n->year = value;
        n->is_short_year = length <= 2;
    } else if (*said == VEC_SAID_MONTH) {
        n->month = value;
    } else {
        n->day = value;
    }
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_reading_number(struct vec_date_reading *n, const char *text,
                                         size_t length, unsigned before, unsigned *said)
{
    const char *at = text;
    int64_t value;
    if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &value)) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    if (at == text) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (*at == '.') {
        int64_t us;
        if (at - text > 2) {
            return vec_reading_field(n, text, length, before | VEC_SAID_DATE, said);
        }
        if (!vec_datetime_fraction_us(at, &us)) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        n->us += us;
    } else if (*at != '\0') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (length == 3 && (before & VEC_SAID_DATE) == VEC_SAID_YEAR && value >= 1 && value <= 366) {
        n->doy = value;
        *said = VEC_SAID_DOY | VEC_SAID_MONTH | VEC_SAID_DAY;
        return VEC_FAULT_NONE;
    }
    if ((before & VEC_SAID_DATE) == VEC_SAID_DATE) {
        return vec_reading_field(n, text, length, before, said);
    }
    return vec_reading_place(n, value, length, before, said);
}

/* Digits without marks: yyyymmdd, yymmdd, hhmmss with a fraction, hhmm. */
static enum vec_fault vec_reading_field(struct vec_date_reading *n, const char *text, size_t length,
                                        unsigned before, unsigned *said)
{
    char digits[VEC_TOKEN_TEXT_BYTES];
    int64_t us = 0;
    const char *point = strchr(text, '.');
    ASSERT(length < sizeof(digits));
    memcpy(digits, text, length + 1);
    if (point != NULL) {
        if (!vec_datetime_fraction_us(point, &us)) {
            return VEC_FAULT_DATETIME_SYNTAX;
        }
        length = (size_t)(point - text);
        digits[length] = '\0';
    } else if ((before & VEC_SAID_DATE) != VEC_SAID_DATE && length >= 6) {
        const char *at = digits;
        *said = VEC_SAID_DATE;
        n->day = (digits[length - 2] - '0') * 10 + digits[length - 1] - '0';
        n->month = (digits[length - 4] - '0') * 10 + digits[length - 3] - '0';
        digits[length - 4] = '\0';
        if (!vec_datetime_number(&at, 0, INT32_MAX, &n->year)) {
            n->year = INT32_MAX;
        }
        n->is_short_year = length == 6;
        return VEC_FAULT_NONE;
    }
    if ((before & VEC_SAID_TIME) != 0 || (length != 4 && length != 6)) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    int64_t pair[3] = {0, 0, 0};
    for (size_t i = 0; i < length / 2; i++) {
        pair[i] = (digits[i * 2] - '0') * 10 + digits[i * 2 + 1] - '0';
    }
    *said = VEC_SAID_TIME;
    n->hour = pair[0];
    n->us = pair[0] * VEC_HOUR_US + pair[1] * VEC_MINUTE_US + pair[2] * VEC_SECOND_US + us;
    return VEC_FAULT_NONE;
}

/* "+hh", "+hhmm", "+hh:mm", "+hh:mm:ss": seconds east of UTC. */
static enum vec_fault vec_reading_zone(const char *text, int32_t *offset_s)
{
    const char *at = text + 1;
    int64_t hours;
    int64_t minutes = 0;
    int64_t seconds = 0;
    if (*text != '+' && *text != '-') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &hours)) {
        return VEC_FAULT_DATETIME_ZONE;
    }
    if (*at == ':') {
        at++;
        if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &minutes)) {
            return VEC_FAULT_DATETIME_ZONE;
        }
        if (*at == ':') {
            at++;
            if (!vec_datetime_number(&at, INT32_MIN, INT32_MAX, &seconds)) {
                return VEC_FAULT_DATETIME_ZONE;
            }
        }
    } else if (*at == '\0' && at - text > 3) {
        minutes = hours % 100;
        hours = hours / 100;
    }
    if (hours < 0 || hours > VEC_ZONE_HOUR_MAX || minutes < 0 || minutes > 59 || seconds < 0 ||
        seconds > 59) {
        return VEC_FAULT_DATETIME_ZONE;
    }
    if (*at != '\0') {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    int32_t offset = (int32_t)(hours * 3600 + minutes * 60 + seconds);
    *offset_s = *text == '-' ? -offset : offset;
    return VEC_FAULT_NONE;
}

/* Words that are a whole value, or none here. */
static enum vec_fault vec_reading_special(struct vec_date_reading *n, const char *word,
                                          unsigned *said)
{
    static const char *const clocks[] = {"now", "today", "tomorrow", "yesterday"};
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++) {
        if (strcmp(word, clocks[i]) == 0) {
            return VEC_FAULT_DATETIME_CLOCK;
        }
    }
    *said = VEC_SAID_DATE | VEC_SAID_TIME;
    if (strcmp(word, "infinity") == 0) {
        n->form = VEC_FORM_INFINITY;
    } else if (strcmp(word, "-infinity") == 0) {
        n->form = VEC_FORM_MINUS_INFINITY;
    } else if (strcmp(word, "epoch") == 0) {
        n->form = VEC_FORM_EPOCH;
    } else if (strcmp(word, "allballs") == 0) {
        *said = VEC_SAID_TIME | VEC_SAID_ZONE;
        n->us = 0;
    } else {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    return VEC_FAULT_NONE;
}

/* A T, behind which a time has to follow. */
static enum vec_fault vec_reading_t(struct vec_date_reading *n, const struct vec_tokens *tokens,
                                    size_t i)
{
    if ((n->said & VEC_SAID_DATE) != VEC_SAID_DATE || i + 1 >= tokens->count ||
        (tokens->token[i + 1].kind != VEC_TOKEN_NUMBER &&
         tokens->token[i + 1].kind != VEC_TOKEN_TIME &&
         tokens->token[i + 1].kind != VEC_TOKEN_DATE)) {
        return VEC_FAULT_DATETIME_SYNTAX;
    }
    n->is_time_expected = true;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_reading_word(struct vec_date_reading *n, const struct vec_tokens *tokens,
                                       size_t i, unsigned *said)
{
    const char *word = tokens->token[i].text;
    int month = vec_datetime_month(word);
    if (strcmp(word, "at") == 0 || strcmp(word, "on") == 0) {
        return VEC_FAULT_NONE;
    }
    if (vec_datetime_zone(word, &n->offset_s)) {
        *said = VEC_SAID_ZONE;
    } else if (month != 0) {
        *said = VEC_SAID_MONTH;
        if ((n->said & VEC_SAID_MONTH) != 0 && !n->has_month_name &&
            (n->said & VEC_SAID_DAY) == 0 && n->month >= 1 && n->month <= 31) {
            n->day = n->month; /* what was taken for the month is the day: 2 January 2020 */
            *said = VEC_SAID_DAY;
        }
        n->has_month_name = true;
        n->month = month;
    } else if (vec_datetime_is_weekday(word)) {
        *said = VEC_SAID_WEEKDAY;
    } else if (strcmp(word, "am") == 0 || strcmp(word, "pm") == 0) {
        *said = VEC_SAID_HALF;
        n->is_pm = word[0] == 'p';
    } else if (strcmp(word, "bc") == 0 || strcmp(word, "ad") == 0) {
        *said = VEC_SAID_ERA;
        n->is_bc = word[0] == 'b';
    } else if (strcmp(word, "t") == 0) {
        return vec_reading_t(n, tokens, i);
    } else {
        return vec_reading_special(n, word, said);
    }
    return VEC_FAULT_NONE;
}

/* The year as it is counted: BC, and years of two digits. */
static enum vec_fault vec_reading_year(struct vec_date_reading *n)
{
    if ((n->said & VEC_SAID_YEAR) == 0) {
        return VEC_FAULT_NONE;
    }
    if (n->is_bc) {
        if (n->year <= 0) {
            return VEC_FAULT_DATETIME_FIELD;
        }
        n->year = 1 - n->year;
    } else if (n->is_short_year && n->year >= 0) {
        n->year += n->year < 70 ? 2000 : n->year < 100 ? 1900 : 0;
    } else if (n->year <= 0) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    return VEC_FAULT_NONE;
}

/* What was read makes a moment that exists. */
static enum vec_fault vec_reading_check(struct vec_date_reading *n)
{
    if (n->form != VEC_FORM_MOMENT) {
        return VEC_FAULT_NONE;
    }
    enum vec_fault fault = vec_reading_year(n);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    bool has_date = (n->said & VEC_SAID_DATE) == VEC_SAID_DATE;
    if ((n->said & VEC_SAID_DOY) != 0) {
        struct vec_civil first = {.year = (int32_t)n->year, .month = 1, .day = 1};
        struct vec_civil civil = vec_date_civil(vec_date_of(first) + n->doy - 1);
        n->year = civil.year;
        n->month = civil.month;
        n->day = civil.day;
    }
    if (((n->said & VEC_SAID_MONTH) != 0 && (n->month < 1 || n->month > 12)) ||
        ((n->said & VEC_SAID_DAY) != 0 && (n->day < 1 || n->day > 31)) ||
        (has_date && n->day > vec_month_days((int32_t)n->year, (int32_t)n->month))) {
        return VEC_FAULT_DATETIME_FIELD;
    }
    if ((n->said & VEC_SAID_HALF) != 0) {
        if (n->hour > 12) {
            return VEC_FAULT_DATETIME_FIELD;
        }
        n->us += n->is_pm && n->hour != 12 ? 12 * VEC_HOUR_US : 0;
        n->us -= !n->is_pm && n->hour == 12 ? 12 * VEC_HOUR_US : 0;
    }
    return has_date ? VEC_FAULT_NONE : VEC_FAULT_DATETIME_SYNTAX;
}

/* A zone as POSIX writes it: "UTC+2", "+2", "-05:30", seconds WEST of UTC. */
static bool vec_zone_posix(const char *text, int32_t *offset_s)
{
    const char *at = text;
    while (vec_scan_is_letter(*at)) {
        at++;
    }
    if (at - text > 0 && at - text < 3) {
        return false;
    }
    int32_t sign = *at == '-' ? 1 : -1;
    int32_t value = 0;
    at += *at == '-' || *at == '+';
    for (int32_t scale = 3600; scale > 0; scale /= 60) {
        int64_t part;
        const char *digits = at;
        if (!vec_scan_is_digit(*at) ||
            !vec_datetime_number(&at, 0, scale == 3600 ? 167 : 59, &part)) {
            return false;
        }
        value += (int32_t)part * scale;
        if (*at == '\0') {
            *offset_s = sign * value;
            return true;
        }
        if (*at++ != ':' || at == digits) {
            return false;
        }
    }
    return false;
}

enum vec_fault vec_zone_parse(const char *text, size_t length, int32_t *offset_s)
{
    static const char *const names[] = {"etc/utc",   "etc/gmt",       "etc/zulu",  "etc/uct",
                                        "universal", "etc/universal", "greenwich", "etc/greenwich"};
    char zone[VEC_TOKEN_TEXT_BYTES];
    if (length == 0 || length >= sizeof(zone) || memchr(text, '\0', length) != NULL) {
        return VEC_FAULT_ZONE_UNKNOWN;
    }
    for (size_t i = 0; i < length; i++) {
        zone[i] = vec_scan_lower(text[i]);
    }
    zone[length] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(zone, names[i]) == 0) {
            *offset_s = 0;
            return VEC_FAULT_NONE;
        }
    }
    if (vec_datetime_zone(zone, offset_s) || vec_zone_posix(zone, offset_s)) {
        return VEC_FAULT_NONE;
    }
    return strchr(zone, '/') != NULL ? VEC_FAULT_ZONE_NAMED : VEC_FAULT_ZONE_UNKNOWN;
}
