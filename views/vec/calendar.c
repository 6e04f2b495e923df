/* Dates and timestamps: days, arithmetic, text out. See calendar.h.
 *
 * Days are counted in eras of 400 years that begin on a first of March, so that a leap day is the
 * last of its year. Source: the proleptic Gregorian calendar, ISO 8601. */
#include "views/vec/calendar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/vec/calendar_int.h"

#define VEC_ERA_DAYS   146097
#define VEC_ERA_YEARS  400
#define VEC_MARCH_2000 60 /* days from 2000-01-01 to 2000-03-01 */

int64_t vec_date_of(struct vec_civil civil)
{
    int64_t year = (int64_t)civil.year - (civil.month <= 2) - 2000;
    int64_t month = civil.month <= 2 ? civil.month + 9 : civil.month - 3; /* March is 0 */
    int64_t era = vec_floor_div(year, VEC_ERA_YEARS);
    int64_t year_of_era = year - era * VEC_ERA_YEARS;
    int64_t day = (153 * month + 2) / 5 + civil.day - 1;
    return era * VEC_ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day +
           VEC_MARCH_2000;
}

struct vec_civil vec_date_civil(int64_t date)
{
    int64_t days = date - VEC_MARCH_2000;
    int64_t era = vec_floor_div(days, VEC_ERA_DAYS);
    int64_t day_of_era = days - era * VEC_ERA_DAYS;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day + 2) / 153;
    return (struct vec_civil){
        .year = (int32_t)(2000 + era * VEC_ERA_YEARS + year + (month >= 10)),
        .month = (int32_t)(month >= 10 ? month - 9 : month + 3),
        .day = (int32_t)(day - (153 * month + 2) / 5 + 1),
    };
}

int32_t vec_month_days(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    ASSERT(month >= 1);
    ASSERT(month <= 12);
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

bool vec_timestamp_is_in_range(int64_t at)
{
    return at >= VEC_TIMESTAMP_MIN && at < VEC_TIMESTAMP_END;
}

struct vec_moment vec_timestamp_split(int64_t at)
{
    ASSERT(vec_timestamp_is_finite(at));
    int64_t days = vec_floor_div(at, VEC_DAY_US);
    return (struct vec_moment){
        .date = days, .civil = vec_date_civil(days), .us = at - days * VEC_DAY_US};
}

enum vec_fault vec_date_add(int32_t date, int32_t days, int32_t *out)
{
    int32_t result = date;
    if (vec_date_is_finite(date) && (__builtin_add_overflow(date, days, &result) ||
                                     result < VEC_DATE_MIN || result >= VEC_DATE_END)) {
        return VEC_FAULT_DATE;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_date_sub_days(int32_t date, int32_t days, int32_t *out)
{
    int32_t result = date;
    if (vec_date_is_finite(date) && (__builtin_sub_overflow(date, days, &result) ||
                                     result < VEC_DATE_MIN || result >= VEC_DATE_END)) {
        return VEC_FAULT_DATE;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_date_sub(int32_t a, int32_t b, int32_t *days)
{
    if (!vec_date_is_finite(a) || !vec_date_is_finite(b)) {
        return VEC_FAULT_DATE_INFINITE;
    }
    *days = (int32_t)((int64_t)a - b);
    return VEC_FAULT_NONE;
}

enum vec_fault vec_date_to_timestamp(int32_t date, int64_t *out)
{
    if (!vec_date_is_finite(date)) {
        *out = date < 0 ? VEC_TIMESTAMP_MINUS_INFINITY : VEC_TIMESTAMP_INFINITY;
        return VEC_FAULT_NONE;
    }
    if (date >= VEC_TIMESTAMP_END / VEC_DAY_US) {
        return VEC_FAULT_DATE_FOR_TIMESTAMP;
    }
    *out = date * VEC_DAY_US;
    return VEC_FAULT_NONE;
}

int32_t vec_timestamp_to_date(int64_t at)
{
    if (!vec_timestamp_is_finite(at)) {
        return at < 0 ? VEC_DATE_MINUS_INFINITY : VEC_DATE_INFINITY;
    }
    return (int32_t)vec_floor_div(at, VEC_DAY_US);
}

bool vec_civil_is_counted(int64_t year, int32_t month)
{
    return (year > -4713 || (year == -4713 && month >= 11)) &&
           (year < 5874898 || (year == 5874898 && month < 6));
}

/* A year as SQL gives it, BC negative. False: no such day. */
static bool vec_civil_make(int32_t year, int32_t month, int32_t day, struct vec_civil *out)
{
    int64_t counted = year < 0 ? (int64_t)year + 1 : year;
    if (year == 0 || month < 1 || month > 12 || day < 1 || counted < INT32_MIN / 2 ||
        counted > INT32_MAX / 2 || day > vec_month_days((int32_t)counted, month)) {
        return false;
    }
    *out = (struct vec_civil){.year = (int32_t)counted, .month = month, .day = day};
    return true;
}

enum vec_fault vec_date_make(int32_t year, int32_t month, int32_t day, int32_t *out)
{
    struct vec_civil civil;
    if (!vec_civil_make(year, month, day, &civil)) {
        return VEC_FAULT_MAKE_DATE;
    }
    if (!vec_civil_is_counted(civil.year, month)) {
        return VEC_FAULT_MAKE_DATE_RANGE;
    }
    int64_t date = vec_date_of(civil);
    if (date < VEC_DATE_MIN || date >= VEC_DATE_END) {
        return VEC_FAULT_MAKE_DATE_RANGE;
    }
    *out = (int32_t)date;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_make(int32_t year, int32_t month, int32_t day, int32_t hour,
                                  int32_t minute, double second, int64_t *out)
{
    struct vec_civil civil;
    if (!vec_civil_make(year, month, day, &civil)) {
        return VEC_FAULT_MAKE_DATE;
    }
    if (!vec_civil_is_counted(civil.year, month)) {
        return VEC_FAULT_MAKE_DATE_RANGE;
    }
    second = rint(second * 1000000.0);
    int64_t us;
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(second >= 0) || second > 60e6) {
        return VEC_FAULT_MAKE_TIME;
    }
    us = hour * VEC_HOUR_US + minute * VEC_MINUTE_US + (int64_t)second;
    if (us > VEC_DAY_US) {
        return VEC_FAULT_MAKE_TIME;
    }
    int64_t at;
    if (__builtin_mul_overflow(vec_date_of(civil), VEC_DAY_US, &at) ||
        __builtin_add_overflow(at, us, &at) || !vec_timestamp_is_in_range(at)) {
        return VEC_FAULT_TIMESTAMP;
    }
    *out = at;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_from_seconds(double seconds, int64_t *out)
{
    if (isnan(seconds)) {
        return VEC_FAULT_TIMESTAMP_NAN;
    }
    if (isinf(seconds)) {
        *out = seconds < 0 ? VEC_TIMESTAMP_MINUS_INFINITY : VEC_TIMESTAMP_INFINITY;
        return VEC_FAULT_NONE;
    }
    seconds -= 946684800.0;
    double us = rint(seconds * 1000000.0);
    if (!(us >= (double)VEC_TIMESTAMP_MIN && us < (double)VEC_TIMESTAMP_END)) {
        return VEC_FAULT_TIMESTAMP_TEXT;
    }
    *out = (int64_t)us;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_from_unix(int64_t unix_us, int64_t *out)
{
    int64_t at;
    if (__builtin_add_overflow(unix_us, VEC_EPOCH_US, &at) || !vec_timestamp_is_in_range(at)) {
        return VEC_FAULT_TIMESTAMP;
    }
    *out = at;
    return VEC_FAULT_NONE;
}

/* at + months, days and microseconds, each of which may be as large as an interval's negated. */
static enum vec_fault vec_timestamp_move(int64_t at, int64_t months, int64_t days, __int128 us,
                                         int64_t *out)
{
    if (!vec_timestamp_is_finite(at)) {
        *out = at;
        return VEC_FAULT_NONE;
    }
    struct vec_moment moment = vec_timestamp_split(at);
    if (months != 0) {
        int64_t month = moment.civil.month - 1 + months;
        int64_t year = moment.civil.year + vec_floor_div(month, 12);
        struct vec_civil civil = {.year = (int32_t)year,
                                  .month = (int32_t)(month - vec_floor_div(month, 12) * 12) + 1};
        int32_t last = vec_month_days(civil.year, civil.month);
        civil.day = moment.civil.day < last ? moment.civil.day : last;
        moment.date = vec_date_of(civil);
        if (moment.date < VEC_DATE_MIN || moment.date * (__int128)VEC_DAY_US >= VEC_TIMESTAMP_END) {
            return VEC_FAULT_TIMESTAMP;
        }
    }
    __int128 moved = (__int128)(moment.date + days) * VEC_DAY_US + moment.us;
    if (moved < VEC_TIMESTAMP_MIN || moved >= VEC_TIMESTAMP_END) {
        return VEC_FAULT_TIMESTAMP;
    }
    moved += us;
    if (moved < VEC_TIMESTAMP_MIN || moved >= VEC_TIMESTAMP_END) {
        return VEC_FAULT_TIMESTAMP;
    }
    *out = (int64_t)moved;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_add(int64_t at, const struct vec_interval *interval, int64_t *out)
{
    return vec_timestamp_move(at, interval->months, interval->days, interval->us, out);
}

enum vec_fault vec_timestamp_sub_interval(int64_t at, const struct vec_interval *interval,
                                          int64_t *out)
{
    return vec_timestamp_move(at, -(int64_t)interval->months, -(int64_t)interval->days,
                              -(__int128)interval->us, out);
}

enum vec_fault vec_timestamp_sub(int64_t a, int64_t b, struct vec_interval *out)
{
    struct vec_interval difference = {.days = 0};
    if (!vec_timestamp_is_finite(a) || !vec_timestamp_is_finite(b)) {
        return VEC_FAULT_TIMESTAMP_INFINITE;
    }
    if (__builtin_sub_overflow(a, b, &difference.us)) {
        return VEC_FAULT_INTERVAL;
    }
    return vec_interval_justify_hours(&difference, out);
}

enum vec_fault vec_timestamp_to_zone(int64_t at, int32_t offset_s, int64_t *out)
{
    return vec_timestamp_move(at, 0, 0, offset_s * VEC_SECOND_US, out);
}

enum vec_fault vec_timestamp_from_zone(int64_t at, int32_t offset_s, int64_t *out)
{
    return vec_timestamp_move(at, 0, 0, -(offset_s * VEC_SECOND_US), out);
}
