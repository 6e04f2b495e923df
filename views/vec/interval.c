/* INTERVAL: arithmetic and fields. See interval.h. */
#include "views/vec/interval.h"

#include <math.h>
#include <stdbool.h>

#include "base/assert.h"

/* For comparing and spilling: a month as days. */
#define VEC_MONTH_DAYS 30

/* Seconds of a year of 365.25 days. */
#define VEC_YEAR_SECONDS ((int64_t)31557600)

#define VEC_DAY_SECONDS 86400

__int128 vec_interval_length(const struct vec_interval *a)
{
    __int128 days = (__int128)a->months * VEC_MONTH_DAYS + a->days;
    return days * VEC_DAY_US + a->us;
}

int vec_interval_compare(const struct vec_interval *a, const struct vec_interval *b)
{
    __int128 a_length = vec_interval_length(a);
    __int128 b_length = vec_interval_length(b);
    return (a_length > b_length) - (a_length < b_length);
}

enum vec_fault vec_interval_add(const struct vec_interval *a, const struct vec_interval *b,
                                struct vec_interval *out)
{
    struct vec_interval sum;
    if (__builtin_add_overflow(a->months, b->months, &sum.months) ||
        __builtin_add_overflow(a->days, b->days, &sum.days) ||
        __builtin_add_overflow(a->us, b->us, &sum.us)) {
        return VEC_FAULT_INTERVAL;
    }
    *out = sum;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_sub(const struct vec_interval *a, const struct vec_interval *b,
                                struct vec_interval *out)
{
    struct vec_interval difference;
    if (__builtin_sub_overflow(a->months, b->months, &difference.months) ||
        __builtin_sub_overflow(a->days, b->days, &difference.days) ||
        __builtin_sub_overflow(a->us, b->us, &difference.us)) {
        return VEC_FAULT_INTERVAL;
    }
    *out = difference;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_neg(const struct vec_interval *a, struct vec_interval *out)
{
    static const struct vec_interval zero = {.us = 0};
    return vec_interval_sub(&zero, a, out);
}

/* Rounded to a millionth. */
static double vec_interval_millionth(double value)
{
    return rint(value * 1000000.0) / 1000000.0;
}

/* Whether a double fits the integer it is cast to. */
static bool vec_interval_fits4(double value)
{
    return value >= -0x1p31 && value < 0x1p31;
}

static bool vec_interval_fits8(double value)
{
    return value >= -0x1p63 && value < 0x1p63;
}

/* The parts of `a` scaled, in doubles: each is cut, and what was cut off goes to the next. */
static enum vec_fault vec_interval_spill(double months, double days, double us,
                                         struct vec_interval *out)
{
    struct vec_interval result;
    if (!vec_interval_fits4(months) || !vec_interval_fits4(days)) {
        return VEC_FAULT_INTERVAL;
    }
    result.months = (int32_t)months;
    result.days = (int32_t)days;
    double month_days = vec_interval_millionth((months - result.months) * VEC_MONTH_DAYS);
    double seconds = (days - result.days + month_days - (int)month_days) * VEC_DAY_SECONDS;
    seconds = vec_interval_millionth(seconds);
    if (fabs(seconds) >= VEC_DAY_SECONDS) {
        int whole = (int)(seconds / VEC_DAY_SECONDS);
        if (__builtin_add_overflow(result.days, whole, &result.days)) {
            return VEC_FAULT_INTERVAL;
        }
        seconds -= whole * VEC_DAY_SECONDS;
    }
    us = rint(us + seconds * 1000000.0);
    if (__builtin_add_overflow(result.days, (int32_t)month_days, &result.days) ||
        !vec_interval_fits8(us)) {
        return VEC_FAULT_INTERVAL;
    }
    result.us = (int64_t)us;
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_mul(const struct vec_interval *a, double factor,
                                struct vec_interval *out)
{
    return vec_interval_spill(a->months * factor, a->days * factor, (double)a->us * factor, out);
}

enum vec_fault vec_interval_div(const struct vec_interval *a, double factor,
                                struct vec_interval *out)
{
    if (factor == 0) {
        return VEC_FAULT_DIVISION;
    }
    return vec_interval_spill(a->months / factor, a->days / factor, (double)a->us / factor, out);
}

enum vec_fault vec_interval_justify_hours(const struct vec_interval *a, struct vec_interval *out)
{
    struct vec_interval result = *a;
    result.us = a->us % VEC_DAY_US;
    if (__builtin_add_overflow(a->days, (int32_t)(a->us / VEC_DAY_US), &result.days)) {
        return VEC_FAULT_INTERVAL;
    }
    if (result.days > 0 && result.us < 0) {
        result.us += VEC_DAY_US;
        result.days--;
    } else if (result.days < 0 && result.us > 0) {
        result.us -= VEC_DAY_US;
        result.days++;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_justify_days(const struct vec_interval *a, struct vec_interval *out)
{
    struct vec_interval result = *a;
    result.days = a->days % VEC_MONTH_DAYS;
    if (__builtin_add_overflow(a->months, a->days / VEC_MONTH_DAYS, &result.months)) {
        return VEC_FAULT_INTERVAL;
    }
    if (result.months > 0 && result.days < 0) {
        result.days += VEC_MONTH_DAYS;
        result.months--;
    } else if (result.months < 0 && result.days > 0) {
        result.days -= VEC_MONTH_DAYS;
        result.months++;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_justify(const struct vec_interval *a, struct vec_interval *out)
{
    struct vec_interval result = *a;
    /* Days of one sign with the time go to months first, lest the sum overflow. */
    if ((result.days > 0 && result.us > 0) || (result.days < 0 && result.us < 0)) {
        if (__builtin_add_overflow(result.months, result.days / VEC_MONTH_DAYS, &result.months)) {
            return VEC_FAULT_INTERVAL;
        }
        result.days %= VEC_MONTH_DAYS;
    }
    int32_t days = (int32_t)(result.us / VEC_DAY_US);
    result.us %= VEC_DAY_US;
    if (__builtin_add_overflow(result.days, days, &result.days) ||
        __builtin_add_overflow(result.months, result.days / VEC_MONTH_DAYS, &result.months)) {
        return VEC_FAULT_INTERVAL;
    }
    result.days %= VEC_MONTH_DAYS;
    if (result.months > 0 && (result.days < 0 || (result.days == 0 && result.us < 0))) {
        result.days += VEC_MONTH_DAYS;
        result.months--;
    } else if (result.months < 0 && (result.days > 0 || (result.days == 0 && result.us > 0))) {
        result.days -= VEC_MONTH_DAYS;
        result.months++;
    }
    if (result.days > 0 && result.us < 0) {
        result.us += VEC_DAY_US;
        result.days--;
    } else if (result.days < 0 && result.us > 0) {
        result.us -= VEC_DAY_US;
        result.days++;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_trunc(enum vec_unit unit, const struct vec_interval *a,
                                  struct vec_interval *out)
{
    struct vec_interval result = *a;
    int64_t clock_us = 1;
    int32_t months = 1;
    switch ((int)unit) {
    case VEC_UNIT_MILLENNIUM: months = 12000; break;
    case VEC_UNIT_CENTURY: months = 1200; break;
    case VEC_UNIT_DECADE: months = 120; break;
    case VEC_UNIT_YEAR: months = 12; break;
    case VEC_UNIT_QUARTER: months = 3; break;
    case VEC_UNIT_MONTH: break;
    case VEC_UNIT_DAY: months = 0; break;
    case VEC_UNIT_HOUR: clock_us = VEC_HOUR_US; break;
    case VEC_UNIT_MINUTE: clock_us = VEC_MINUTE_US; break;
    case VEC_UNIT_SECOND: clock_us = VEC_SECOND_US; break;
    case VEC_UNIT_MILLISECOND: clock_us = 1000; break;
    case VEC_UNIT_MICROSECOND: break;
    case VEC_UNIT_NONE: return VEC_FAULT_UNIT_UNKNOWN;
    default: return VEC_FAULT_UNIT_UNSUPPORTED;
    }
    if (unit >= VEC_UNIT_DAY) {
        result.us = 0;
        result.days = months == 0 ? a->days : 0;
        result.months -= months == 0 ? 0 : a->months % months;
    } else {
        result.us -= a->us % clock_us;
    }
    *out = result;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_extract(enum vec_unit unit, const struct vec_interval *a,
                                    struct vec_numeric *out)
{
    int64_t years = a->months / 12;
    int64_t months = a->months % 12;
    int64_t value = 0;
    unsigned scale = 0;
    switch (unit) {
    case VEC_UNIT_MICROSECOND: value = a->us % VEC_MINUTE_US; break;
    case VEC_UNIT_MILLISECOND:
        value = a->us % VEC_MINUTE_US;
        scale = 3;
        break;
    case VEC_UNIT_SECOND:
        value = a->us % VEC_MINUTE_US;
        scale = 6;
        break;
    case VEC_UNIT_MINUTE: value = a->us / VEC_MINUTE_US % 60; break;
    case VEC_UNIT_HOUR: value = a->us / VEC_HOUR_US; break;
    case VEC_UNIT_DAY: value = a->days; break;
    case VEC_UNIT_MONTH: value = months; break;
    case VEC_UNIT_QUARTER: value = months / 3 + 1; break;
    case VEC_UNIT_YEAR: value = years; break;
    case VEC_UNIT_DECADE: value = years / 10; break;
    case VEC_UNIT_CENTURY: value = years / 100; break;
    case VEC_UNIT_MILLENNIUM: value = years / 1000; break;
    case VEC_UNIT_EPOCH: {
        __int128 seconds = (__int128)years * VEC_YEAR_SECONDS +
                           (__int128)(months * VEC_MONTH_DAYS + a->days) * VEC_DAY_SECONDS;
        *out = vec_numeric_from_int16(seconds * 1000000 + a->us);
        out->scale = 6;
        return VEC_FAULT_NONE;
    }
    case VEC_UNIT_NONE: return VEC_FAULT_UNIT_UNKNOWN;
    case VEC_UNIT_WEEK:
    case VEC_UNIT_ZONE:
    case VEC_UNIT_ZONE_HOUR:
    case VEC_UNIT_ZONE_MINUTE:
    case VEC_UNIT_DOW:
    case VEC_UNIT_ISODOW:
    case VEC_UNIT_DOY:
    case VEC_UNIT_ISOYEAR:
    case VEC_UNIT_JULIAN:
    default: return VEC_FAULT_UNIT_UNSUPPORTED;
    }
    *out = vec_numeric_from_scaled(value, scale);
    return VEC_FAULT_NONE;
}

enum vec_fault vec_interval_make(int32_t years, int32_t months, int32_t weeks, int32_t days,
                                 int32_t hours, int32_t minutes, double seconds,
                                 struct vec_interval *out)
{
    int64_t all_months = (int64_t)years * 12 + months;
    int64_t all_days = (int64_t)weeks * 7 + days;
    seconds = rint(seconds * 1000000.0);
    if (all_months < INT32_MIN || all_months > INT32_MAX || all_days < INT32_MIN ||
        all_days > INT32_MAX || !vec_interval_fits8(seconds)) {
        return VEC_FAULT_INTERVAL;
    }
    int64_t us = hours * VEC_HOUR_US + minutes * VEC_MINUTE_US;
    if (__builtin_add_overflow(us, (int64_t)seconds, &us)) {
        return VEC_FAULT_INTERVAL;
    }
    *out =
        (struct vec_interval){.us = us, .days = (int32_t)all_days, .months = (int32_t)all_months};
    return VEC_FAULT_NONE;
}
