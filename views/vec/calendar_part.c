/* Fields of dates and timestamps: date_trunc, date_bin, extract, age. See calendar.h. */
#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/calendar_int.h"

/* 0 for Sunday. 2000-01-01 was a Saturday. */
static int64_t vec_date_weekday(int64_t date)
{
    return date + 6 - vec_floor_div(date + 6, 7) * 7;
}

/* The Monday of the week. */
static int64_t vec_date_monday(int64_t date)
{
    return date - (vec_date_weekday(date) + 6) % 7;
}

/* The year whose ISO week that is: the one its Thursday is in. */
static int32_t vec_date_iso_year(int64_t date)
{
    return vec_date_civil(vec_date_monday(date) + 3).year;
}

static int64_t vec_date_iso_week(int64_t date)
{
    struct vec_civil fourth = {.year = vec_date_iso_year(date), .month = 1, .day = 4};
    return (vec_date_monday(date) - vec_date_monday(vec_date_of(fourth))) / 7 + 1;
}

/* The first year of the `span` years that `year` is in, counted from year 1 of either side. */
static int32_t vec_year_of_span(int32_t year, int32_t span)
{
    return year > 0 ? (year + span - 1) / span * span - (span - 1)
                    : -((span - 1 - (year - 1)) / span) * span + 1;
}

/* date_trunc to a day's unit or a longer one. */
static enum vec_fault vec_moment_trunc(enum vec_unit unit, const struct vec_moment *moment,
                                       int64_t *date)
{
    struct vec_civil civil = moment->civil;
    int32_t year = civil.year;
    switch ((int)unit) {
    case VEC_UNIT_DAY: *date = moment->date; return VEC_FAULT_NONE;
    case VEC_UNIT_WEEK: *date = vec_date_monday(moment->date); return VEC_FAULT_NONE;
    case VEC_UNIT_MONTH: *date = moment->date - (civil.day - 1); return VEC_FAULT_NONE;
    case VEC_UNIT_QUARTER:
        civil.month = (civil.month - 1) / 3 * 3 + 1;
        civil.day = 1;
        break;
    case VEC_UNIT_MILLENNIUM: year = vec_year_of_span(year, 1000); break;
    case VEC_UNIT_CENTURY: year = vec_year_of_span(year, 100); break;
    case VEC_UNIT_DECADE: year = (int32_t)vec_floor_div(year, 10) * 10; break;
    case VEC_UNIT_YEAR: break;
    default: return VEC_FAULT_UNIT_UNSUPPORTED;
    }
    if (unit >= VEC_UNIT_YEAR) {
        civil = (struct vec_civil){.year = year, .month = 1, .day = 1};
    }
    *date = vec_date_of(civil);
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_trunc(enum vec_unit unit, int64_t at, int64_t *out)
{
    static const int64_t clock_us[] = {
        [VEC_UNIT_MICROSECOND] = 1,        [VEC_UNIT_MILLISECOND] = 1000,
        [VEC_UNIT_SECOND] = VEC_SECOND_US, [VEC_UNIT_MINUTE] = VEC_MINUTE_US,
        [VEC_UNIT_HOUR] = VEC_HOUR_US,
    };
    if (!vec_timestamp_is_finite(at)) {
        *out = at; /* whatever the unit: PostgreSQL looks at the time first */
        return VEC_FAULT_NONE;
    }
    if (unit == VEC_UNIT_NONE) {
        return VEC_FAULT_UNIT_UNKNOWN;
    }
    if (unit <= VEC_UNIT_HOUR) {
        *out = vec_floor_div(at, clock_us[unit]) * clock_us[unit];
        return VEC_FAULT_NONE;
    }
    struct vec_moment moment = vec_timestamp_split(at);
    int64_t date;
    enum vec_fault fault = vec_moment_trunc(unit, &moment, &date);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    if (date < VEC_DATE_MIN) {
        return VEC_FAULT_TIMESTAMP;
    }
    *out = date * VEC_DAY_US;
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_bin(const struct vec_interval *stride, int64_t at, int64_t origin,
                                 int64_t *out)
{
    int64_t stride_us;
    int64_t difference;
    if (!vec_timestamp_is_finite(at)) {
        *out = at;
        return VEC_FAULT_NONE;
    }
    if (!vec_timestamp_is_finite(origin)) {
        return VEC_FAULT_BIN_ORIGIN;
    }
    if (stride->months != 0) {
        return VEC_FAULT_BIN_MONTHS;
    }
    if (__builtin_mul_overflow(stride->days, VEC_DAY_US, &stride_us) ||
        __builtin_add_overflow(stride_us, stride->us, &stride_us)) {
        return VEC_FAULT_INTERVAL;
    }
    if (stride_us <= 0) {
        return VEC_FAULT_BIN_STRIDE;
    }
    if (__builtin_sub_overflow(at, origin, &difference)) {
        return VEC_FAULT_INTERVAL;
    }
    __int128 binned = (__int128)vec_floor_div(difference, stride_us) * stride_us + origin;
    if (binned < VEC_TIMESTAMP_MIN || binned >= VEC_TIMESTAMP_END) {
        return VEC_FAULT_TIMESTAMP;
    }
    *out = (int64_t)binned;
    return VEC_FAULT_NONE;
}

/* Centuries and such: 1 begins with year 1, -1 ends with year 0 (1 BC). */
static int64_t vec_year_span(int32_t year, int32_t span)
{
    return year > 0 ? (year + span - 1) / span : -((span - 1 - (year - 1)) / span);
}

/* Fields of a day. False: the unit is none. */
static bool vec_date_field(enum vec_unit unit, int64_t date, const struct vec_civil *civil,
                           int64_t *out)
{
    int32_t year = civil->year;
    switch ((int)unit) {
    case VEC_UNIT_DAY: *out = civil->day; break;
    case VEC_UNIT_WEEK: *out = vec_date_iso_week(date); break;
    case VEC_UNIT_MONTH: *out = civil->month; break;
    case VEC_UNIT_QUARTER: *out = (civil->month - 1) / 3 + 1; break;
    case VEC_UNIT_YEAR: *out = year > 0 ? year : year - 1; break;
    case VEC_UNIT_DECADE: *out = vec_floor_div(year, 10); break;
    case VEC_UNIT_CENTURY: *out = vec_year_span(year, 100); break;
    case VEC_UNIT_MILLENNIUM: *out = vec_year_span(year, 1000); break;
    case VEC_UNIT_ISOYEAR:
        year = vec_date_iso_year(date);
        *out = year > 0 ? year : year - 1;
        break;
    case VEC_UNIT_DOW: *out = vec_date_weekday(date); break;
    case VEC_UNIT_ISODOW: *out = (vec_date_weekday(date) + 6) % 7 + 1; break;
    case VEC_UNIT_DOY: {
        struct vec_civil first = {.year = year, .month = 1, .day = 1};
        *out = date - vec_date_of(first) + 1;
        break;
    }
    default: return false;
    }
    return true;
}

enum vec_fault vec_date_extract(enum vec_unit unit, int32_t date, struct vec_numeric *out)
{
    int64_t value;
    if (unit == VEC_UNIT_NONE) {
        return VEC_FAULT_UNIT_UNKNOWN;
    }
    if (!vec_date_is_finite(date)) {
        return unit <= VEC_UNIT_HOUR || (unit >= VEC_UNIT_ZONE && unit < VEC_UNIT_EPOCH)
                   ? VEC_FAULT_UNIT_UNSUPPORTED
                   : VEC_FAULT_INFINITE_PART;
    }
    struct vec_civil civil = vec_date_civil(date);
    if (unit == VEC_UNIT_EPOCH) {
        value = (date - (int64_t)VEC_EPOCH_DAYS) * (VEC_DAY_US / VEC_SECOND_US);
    } else if (unit == VEC_UNIT_JULIAN) {
        value = date + (int64_t)VEC_JULIAN_DAYS;
    } else if (!vec_date_field(unit, date, &civil, &value)) {
        return VEC_FAULT_UNIT_UNSUPPORTED;
    }
    *out = vec_numeric_from_int8(value);
    return VEC_FAULT_NONE;
}

/* The Julian day with the time of day as its fraction. */
static enum vec_fault vec_moment_julian(const struct vec_moment *moment, struct vec_numeric *out)
{
    struct vec_numeric us = vec_numeric_from_int8(moment->us);
    struct vec_numeric day_us = vec_numeric_from_int8(VEC_DAY_US);
    struct vec_numeric day = vec_numeric_from_int8(moment->date + VEC_JULIAN_DAYS);
    enum vec_fault fault = vec_numeric_div(&us, &day_us, &us);
    return fault != VEC_FAULT_NONE ? fault : vec_numeric_add(&day, &us, out);
}

enum vec_fault vec_timestamp_extract(enum vec_unit unit, int64_t at, bool is_zoned,
                                     struct vec_numeric *out)
{
    if (unit == VEC_UNIT_NONE) {
        return VEC_FAULT_UNIT_UNKNOWN;
    }
    bool is_zone = unit >= VEC_UNIT_ZONE && unit < VEC_UNIT_EPOCH;
    if (is_zone && !is_zoned) {
        return VEC_FAULT_UNIT_UNSUPPORTED;
    }
    if (!vec_timestamp_is_finite(at)) {
        return VEC_FAULT_INFINITE_PART;
    }
    struct vec_moment moment = vec_timestamp_split(at);
    int64_t value = 0;
    unsigned scale = 0;
    switch ((int)unit) {
    case VEC_UNIT_MICROSECOND: value = moment.us % VEC_MINUTE_US; break;
    case VEC_UNIT_MILLISECOND:
        value = moment.us % VEC_MINUTE_US;
        scale = 3;
        break;
    case VEC_UNIT_SECOND:
        value = moment.us % VEC_MINUTE_US;
        scale = 6;
        break;
    case VEC_UNIT_MINUTE: value = moment.us / VEC_MINUTE_US % 60; break;
    case VEC_UNIT_HOUR: value = moment.us / VEC_HOUR_US; break;
    case VEC_UNIT_EPOCH:
        *out = vec_numeric_from_int16((__int128)at - VEC_EPOCH_US);
        out->scale = 6;
        return VEC_FAULT_NONE;
    case VEC_UNIT_JULIAN: return vec_moment_julian(&moment, out);
    default:
        if (!is_zone) {
            bool is_field = vec_date_field(unit, moment.date, &moment.civil, &value);
            ASSERT(is_field);
        }
        break;
    }
    *out = vec_numeric_from_scaled(value, scale);
    return VEC_FAULT_NONE;
}

enum vec_fault vec_timestamp_age(int64_t a, int64_t b, struct vec_interval *out)
{
    if (!vec_timestamp_is_finite(a) || !vec_timestamp_is_finite(b)) {
        return VEC_FAULT_TIMESTAMP;
    }
    /* The larger less the smaller; days are borrowed from the smaller one's month. */
    bool is_negative = a < b;
    struct vec_moment high = vec_timestamp_split(is_negative ? b : a);
    struct vec_moment low = vec_timestamp_split(is_negative ? a : b);
    int64_t us = high.us - low.us;
    int32_t days = high.civil.day - low.civil.day;
    int32_t months = (high.civil.year - low.civil.year) * 12 + high.civil.month - low.civil.month;
    if (us < 0) {
        us += VEC_DAY_US;
        days--;
    }
    while (days < 0) {
        /* The month borrowed from is the earlier argument's, whichever is the first. */
        days += vec_month_days(low.civil.year, low.civil.month);
        months--;
    }
    int32_t sign = is_negative ? -1 : 1;
    *out = (struct vec_interval){.us = sign * us, .days = sign * days, .months = sign * months};
    return VEC_FAULT_NONE;
}
