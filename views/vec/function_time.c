/* Functions of DATE, TIMESTAMP, TIMESTAMPTZ and INTERVAL. See function_int.h.
 *
 * A unit is looked up once where it is a constant, which it nearly always is; fields of the clock,
 * weekdays and units up to the week then come from a division, without taking the day apart.
 *
 * now() and its like answer ev->now_us, the same throughout a statement. */
#include <math.h>

#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/calendar_int.h"
#include "views/vec/function_int.h"

#define VEC_PLAIN "timestamp without time zone"
#define VEC_ZONED "timestamp with time zone"

/* 2000-01-03, the first Monday from 0 on. */
#define VEC_MONDAY_US (2 * VEC_DAY_US)

/* The unit that argument 0 names in row `row`; `constant` where it is no VEC_UNIT_NONE. */
static ALWAYS_INLINE enum vec_unit vec_unit_at(struct vec_rows *r, uint32_t row,
                                               enum vec_unit constant, bool is_part)
{
    if (LIKELY(constant != VEC_UNIT_NONE)) {
        return constant;
    }
    struct vec_text name = VEC_TEXT_ARG(r, 0, row);
    return vec_unit_find(name.data, name.length, is_part);
}

/* The unit for all rows, VEC_UNIT_NONE if each row has its own, or there is none of that name. */
static enum vec_unit vec_unit_constant(struct vec_rows *r, bool is_part)
{
    bool is_constant = r->args[0].form == VEC_CONSTANT;
    return is_constant ? vec_unit_at(r, 0, VEC_UNIT_NONE, is_part) : VEC_UNIT_NONE;
}

/* Make <name>_apply of <name>_row, which is given the unit. */
#define VEC_APPLY_UNIT(name, c_type, is_part)                                                      \
    static bool name##_apply(struct vec_eval *ev, const struct vec_expr *call,                     \
                             const struct vec_vector *args, struct vec_selection selection,        \
                             struct vec_vector *out)                                               \
    {                                                                                              \
        struct vec_rows r;                                                                         \
        if (!vec_rows_begin(&r, ev, call, args, selection)) {                                      \
            return false;                                                                          \
        }                                                                                          \
        c_type *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);          \
        if (data == NULL) {                                                                        \
            return vec_rows_fail(&r, VEC_FAULT_MEMORY);                                            \
        }                                                                                          \
        enum vec_unit constant = vec_unit_constant(&r, is_part);                                   \
        for (VEC_ROWS_EACH(selection, i, row)) {                                                   \
            enum vec_unit unit = vec_unit_at(&r, row, constant, is_part);                          \
            enum vec_fault fault = name##_row(&r, row, unit, &data[row]);                          \
            if (UNLIKELY(fault != VEC_FAULT_NONE)) {                                               \
                return vec_rows_fail(&r, fault);                                                   \
            }                                                                                      \
        }                                                                                          \
        out->valid = r.valid;                                                                      \
        return true;                                                                               \
    }

/* A fault about argument 0 of row `row`, of that type. Returns it. */
static enum vec_fault vec_unit_fault(struct vec_rows *r, uint32_t row, enum vec_fault fault,
                                     const char *type)
{
    r->fault_type = type;
    r->fault_text = VEC_TEXT_ARG(r, 0, row);
    return fault;
}

/* date_trunc. */

/* at, less what is beyond a multiple of `stride` from `origin`. */
static ALWAYS_INLINE int64_t vec_trunc_stride(int64_t at, int64_t stride, int64_t origin)
{
    int64_t beyond = (at - origin) % stride;
    return at - beyond - (beyond < 0 ? stride : 0);
}

static ALWAYS_INLINE void vec_trunc_rows(struct vec_rows *r, int64_t *out, int64_t stride,
                                         int64_t origin)
{
    for (VEC_ROWS_EACH(r->selection, i, row)) {
        int64_t at = VEC_ARG(r, 1, int64_t, row);
        out[row] = vec_timestamp_is_finite(at) ? vec_trunc_stride(at, stride, origin) : at;
    }
}

/* Whether all rows of that unit were done by division. */
static bool vec_trunc_fast(struct vec_rows *r, enum vec_unit unit, int64_t *out)
{
    switch ((int)unit) {
    case VEC_UNIT_MILLISECOND: vec_trunc_rows(r, out, 1000, 0); return true;
    case VEC_UNIT_SECOND: vec_trunc_rows(r, out, VEC_SECOND_US, 0); return true;
    case VEC_UNIT_MINUTE: vec_trunc_rows(r, out, VEC_MINUTE_US, 0); return true;
    case VEC_UNIT_HOUR: vec_trunc_rows(r, out, VEC_HOUR_US, 0); return true;
    case VEC_UNIT_DAY: vec_trunc_rows(r, out, VEC_DAY_US, 0); return true;
    case VEC_UNIT_WEEK: vec_trunc_rows(r, out, 7 * VEC_DAY_US, VEC_MONDAY_US); break;
    default: return false;
    }
    /* The first week begins before the first timestamp. */
    for (VEC_ROWS_EACH(r->selection, i, row)) {
        if (UNLIKELY(out[row] < VEC_TIMESTAMP_MIN) && vec_timestamp_is_finite(out[row])) {
            return false;
        }
    }
    return true;
}

static bool vec_date_trunc_apply(struct vec_eval *ev, const struct vec_expr *call,
                                 const struct vec_vector *args, struct vec_selection selection,
                                 struct vec_vector *out)
{
    struct vec_rows r;
    if (!vec_rows_begin(&r, ev, call, args, selection)) {
        return false;
    }
    int64_t *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);
    if (data == NULL) {
        return vec_rows_fail(&r, VEC_FAULT_MEMORY);
    }
    enum vec_unit constant = vec_unit_constant(&r, false);
    if (vec_trunc_fast(&r, constant, data)) {
        return true;
    }
    for (VEC_ROWS_EACH(selection, i, row)) {
        enum vec_fault fault = vec_timestamp_trunc(vec_unit_at(&r, row, constant, false),
                                                   VEC_ARG(&r, 1, int64_t, row), &data[row]);
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {
            const char *type = call->type.kind == VEC_TIMESTAMP ? VEC_PLAIN : VEC_ZONED;
            return vec_rows_fail(&r, vec_unit_fault(&r, row, fault, type));
        }
    }
    return true;
}

static ALWAYS_INLINE enum vec_fault vec_trunc_interval_row(struct vec_rows *r, uint32_t row,
                                                           enum vec_unit unit,
                                                           struct vec_interval *out)
{
    enum vec_fault fault = vec_interval_trunc(unit, &VEC_ARG(r, 1, struct vec_interval, row), out);
    return fault == VEC_FAULT_NONE ? fault : vec_unit_fault(r, row, fault, "interval");
}

/* The offset of the zone that argument `n` names. */
static enum vec_fault vec_zone_at(struct vec_rows *r, uint32_t n, uint32_t row, int32_t *offset_s)
{
    struct vec_text zone = VEC_TEXT_ARG(r, n, row);
    enum vec_fault fault = vec_zone_parse(zone.data, zone.length, offset_s);
    if (fault != VEC_FAULT_NONE) {
        r->fault_text = zone;
    }
    return fault;
}

/* date_trunc(unit, at, zone): by that zone's wall clock, which may show what is no timestamp. */
static ALWAYS_INLINE enum vec_fault vec_trunc_zone_row(struct vec_rows *r, uint32_t row,
                                                       enum vec_unit unit, int64_t *out)
{
    int64_t at = VEC_ARG(r, 1, int64_t, row);
    int32_t offset_s;
    *out = at;
    if (!vec_timestamp_is_finite(at)) {
        return VEC_FAULT_NONE; /* no zone is looked up, as in PostgreSQL */
    }
    enum vec_fault fault = vec_zone_at(r, 2, row, &offset_s);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    int64_t offset_us = offset_s * VEC_SECOND_US;
    fault = vec_timestamp_trunc(unit, at + offset_us, out);
    if (fault != VEC_FAULT_NONE) {
        return vec_unit_fault(r, row, fault, VEC_ZONED);
    }
    *out -= offset_us;
    return vec_timestamp_is_in_range(*out) ? VEC_FAULT_NONE : VEC_FAULT_TIMESTAMP;
}

static ALWAYS_INLINE enum vec_fault vec_date_bin_row(struct vec_rows *r, uint32_t row, int64_t *out)
{
    return vec_timestamp_bin(&VEC_ARG(r, 0, struct vec_interval, row), VEC_ARG(r, 1, int64_t, row),
                             VEC_ARG(r, 2, int64_t, row), out);
}

VEC_APPLY_UNIT(vec_trunc_interval, struct vec_interval, false)
VEC_APPLY_UNIT(vec_trunc_zone, int64_t, false)
VEC_APPLY(vec_date_bin, int64_t)

/* extract and date_part. */

/* A field that a division gives: value / 10^scale. False: it is another one. */
static ALWAYS_INLINE bool vec_part_fast(enum vec_unit unit, int64_t at, int64_t *value,
                                        unsigned *scale)
{
    *scale = 0;
    if (UNLIKELY(!vec_timestamp_is_finite(at))) {
        return false;
    }
    switch ((int)unit) {
    case VEC_UNIT_MICROSECOND: *value = at - vec_trunc_stride(at, VEC_MINUTE_US, 0); return true;
    case VEC_UNIT_MILLISECOND:
        *value = at - vec_trunc_stride(at, VEC_MINUTE_US, 0);
        *scale = 3;
        return true;
    case VEC_UNIT_SECOND:
        *value = at - vec_trunc_stride(at, VEC_MINUTE_US, 0);
        *scale = 6;
        return true;
    case VEC_UNIT_MINUTE:
        *value = (at - vec_trunc_stride(at, VEC_HOUR_US, 0)) / VEC_MINUTE_US;
        return true;
    case VEC_UNIT_HOUR:
        *value = (at - vec_trunc_stride(at, VEC_DAY_US, 0)) / VEC_HOUR_US;
        return true;
    case VEC_UNIT_ISODOW:
    case VEC_UNIT_DOW:
        *value = (at - vec_trunc_stride(at, 7 * VEC_DAY_US, VEC_MONDAY_US)) / VEC_DAY_US + 1;
        *value = unit == VEC_UNIT_DOW ? *value % 7 : *value;
        return true;
    case VEC_UNIT_EPOCH: *scale = 6; return !__builtin_sub_overflow(at, VEC_EPOCH_US, value);
    default: return false;
    }
}

/* extract(unit FROM a TIMESTAMP or TIMESTAMPTZ). */
static bool vec_extract_apply(struct vec_eval *ev, const struct vec_expr *call,
                              const struct vec_vector *args, struct vec_selection selection,
                              struct vec_vector *out)
{
    struct vec_rows r;
    if (!vec_rows_begin(&r, ev, call, args, selection)) {
        return false;
    }
    struct vec_numeric *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);
    if (data == NULL) {
        return vec_rows_fail(&r, VEC_FAULT_MEMORY);
    }
    bool is_zoned = args[1].type.kind == VEC_TIMESTAMPTZ;
    enum vec_unit constant = vec_unit_constant(&r, true);
    for (VEC_ROWS_EACH(selection, i, row)) {
        enum vec_unit unit = vec_unit_at(&r, row, constant, true);
        int64_t at = VEC_ARG(&r, 1, int64_t, row);
        int64_t value;
        unsigned scale;
        if (LIKELY(vec_part_fast(unit, at, &value, &scale))) {
            data[row] = (struct vec_numeric){
                .limb = {(uint64_t)(value < 0 ? -value : value)},
                .scale = (uint8_t)scale,
                .is_negative = value < 0,
            };
            continue;
        }
        enum vec_fault fault = vec_timestamp_extract(unit, at, is_zoned, &data[row]);
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {
            const char *type = is_zoned ? VEC_ZONED : VEC_PLAIN;
            return vec_rows_fail(&r, vec_unit_fault(&r, row, fault, type));
        }
    }
    return true;
}

static ALWAYS_INLINE enum vec_fault vec_extract_date_row(struct vec_rows *r, uint32_t row,
                                                         enum vec_unit unit,
                                                         struct vec_numeric *out)
{
    enum vec_fault fault = vec_date_extract(unit, VEC_ARG(r, 1, int32_t, row), out);
    return fault == VEC_FAULT_NONE ? fault : vec_unit_fault(r, row, fault, "date");
}

static ALWAYS_INLINE enum vec_fault vec_extract_interval_row(struct vec_rows *r, uint32_t row,
                                                             enum vec_unit unit,
                                                             struct vec_numeric *out)
{
    enum vec_fault fault =
        vec_interval_extract(unit, &VEC_ARG(r, 1, struct vec_interval, row), out);
    return fault == VEC_FAULT_NONE ? fault : vec_unit_fault(r, row, fault, "interval");
}

VEC_APPLY_UNIT(vec_extract_date, struct vec_numeric, true)
VEC_APPLY_UNIT(vec_extract_interval, struct vec_numeric, true)

/* Parts of a second as date_part adds them up: in doubles, step by step as PostgreSQL does. `us` is
 * of a minute. */
static double vec_part_second(enum vec_unit unit, int64_t us)
{
    double seconds = (double)(us / VEC_SECOND_US);
    double fraction_us = (double)(us % VEC_SECOND_US);
    return unit == VEC_UNIT_SECOND ? seconds + fraction_us / 1000000.0
                                   : seconds * 1000.0 + fraction_us / 1000.0;
}

/* date_part(unit, an infinity): what grows without end is infinite, what comes round is null. */
static enum vec_fault vec_part_infinite(struct vec_rows *r, uint32_t row, enum vec_unit unit,
                                        int64_t at, const char *type, double *out)
{
    switch (unit) {
    case VEC_UNIT_YEAR:
    case VEC_UNIT_DECADE:
    case VEC_UNIT_CENTURY:
    case VEC_UNIT_MILLENNIUM:
    case VEC_UNIT_JULIAN:
    case VEC_UNIT_ISOYEAR:
    case VEC_UNIT_EPOCH:
        *out = at < 0 ? -(double)INFINITY : (double)INFINITY;
        return VEC_FAULT_NONE;
    case VEC_UNIT_MICROSECOND:
    case VEC_UNIT_MILLISECOND:
    case VEC_UNIT_SECOND:
    case VEC_UNIT_MINUTE:
    case VEC_UNIT_HOUR:
    case VEC_UNIT_DAY:
    case VEC_UNIT_WEEK:
    case VEC_UNIT_MONTH:
    case VEC_UNIT_QUARTER:
    case VEC_UNIT_ZONE:
    case VEC_UNIT_ZONE_HOUR:
    case VEC_UNIT_ZONE_MINUTE:
    case VEC_UNIT_DOW:
    case VEC_UNIT_ISODOW:
    case VEC_UNIT_DOY: return vec_rows_null(r, row);
    case VEC_UNIT_NONE:
    default: return vec_unit_fault(r, row, VEC_FAULT_UNIT_UNKNOWN, type);
    }
}

/* date_part(unit, timestamp). */
static enum vec_fault vec_part_timestamp(struct vec_rows *r, uint32_t row, enum vec_unit unit,
                                         int64_t at, bool is_zoned, double *out)
{
    struct vec_numeric field;
    const char *type = is_zoned ? VEC_ZONED : VEC_PLAIN;
    if (!vec_timestamp_is_finite(at)) {
        return vec_part_infinite(r, row, unit, at, type, out);
    }
    int64_t value;
    unsigned scale;
    if (vec_part_fast(unit, at, &value, &scale) && scale == 0) {
        *out = (double)value;
        return VEC_FAULT_NONE;
    }
    int64_t day_us = at - vec_trunc_stride(at, VEC_DAY_US, 0);
    switch ((int)unit) {
    case VEC_UNIT_SECOND:
    case VEC_UNIT_MILLISECOND:
        *out = vec_part_second(unit, day_us % VEC_MINUTE_US);
        return VEC_FAULT_NONE;
    case VEC_UNIT_EPOCH:
        *out = at < INT64_MAX + VEC_EPOCH_US ? (double)(at - VEC_EPOCH_US)
                                             : (double)at - (double)VEC_EPOCH_US;
        *out /= 1000000.0;
        return VEC_FAULT_NONE;
    case VEC_UNIT_JULIAN:
        *out = (double)(day_us / VEC_SECOND_US) + (double)(day_us % VEC_SECOND_US) / 1000000.0;
        *out = (double)((at - day_us) / VEC_DAY_US + VEC_JULIAN_DAYS) + *out / 86400.0;
        return VEC_FAULT_NONE;
    default: break;
    }
    enum vec_fault fault = vec_timestamp_extract(unit, at, is_zoned, &field);
    if (fault != VEC_FAULT_NONE) {
        return vec_unit_fault(r, row, fault, type);
    }
    *out = vec_numeric_to_double(&field);
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_date_part_row(struct vec_rows *r, uint32_t row,
                                                      enum vec_unit unit, double *out)
{
    bool is_zoned = r->args[1].type.kind == VEC_TIMESTAMPTZ;
    return vec_part_timestamp(r, row, unit, VEC_ARG(r, 1, int64_t, row), is_zoned, out);
}

/* Of a date, as a timestamp. */
static ALWAYS_INLINE enum vec_fault vec_part_date_row(struct vec_rows *r, uint32_t row,
                                                      enum vec_unit unit, double *out)
{
    int64_t at;
    enum vec_fault fault = vec_date_to_timestamp(VEC_ARG(r, 1, int32_t, row), &at);
    return fault == VEC_FAULT_NONE ? vec_part_timestamp(r, row, unit, at, false, out) : fault;
}

static ALWAYS_INLINE enum vec_fault vec_part_interval_row(struct vec_rows *r, uint32_t row,
                                                          enum vec_unit unit, double *out)
{
    const struct vec_interval *a = &VEC_ARG(r, 1, struct vec_interval, row);
    if (unit == VEC_UNIT_SECOND || unit == VEC_UNIT_MILLISECOND) {
        *out = vec_part_second(unit, a->us % VEC_MINUTE_US);
        return VEC_FAULT_NONE;
    }
    if (unit == VEC_UNIT_EPOCH) {
        *out = (double)a->us / 1000000.0;
        *out += 365.25 * 86400.0 * (a->months / 12);
        *out += 30.0 * 86400.0 * (a->months % 12);
        *out += 86400.0 * a->days;
        return VEC_FAULT_NONE;
    }
    struct vec_numeric field;
    enum vec_fault fault = vec_interval_extract(unit, a, &field);
    if (fault != VEC_FAULT_NONE) {
        return vec_unit_fault(r, row, fault, "interval");
    }
    *out = vec_numeric_to_double(&field);
    return VEC_FAULT_NONE;
}

VEC_APPLY_UNIT(vec_date_part, double, true)
VEC_APPLY_UNIT(vec_part_date, double, true)
VEC_APPLY_UNIT(vec_part_interval, double, true)

/* The time of day of the statement. */

static enum vec_fault vec_now_row(struct vec_rows *r, uint32_t row, int64_t *out)
{
    (void)row;
    *out = r->ev->now_us;
    return VEC_FAULT_NONE;
}

/* current_timestamp(digits): half away from 2000; more than six digits are six. */
static enum vec_fault vec_now_digits_row(struct vec_rows *r, uint32_t row, int64_t *out)
{
    int64_t step = VEC_SECOND_US;
    for (int32_t digits = VEC_ARG(r, 0, int32_t, row); digits > 0 && step > 1; digits--) {
        step /= 10;
    }
    int64_t half = r->ev->now_us < 0 ? -(step / 2) : step / 2;
    *out = (r->ev->now_us + half) / step * step;
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_today_row(struct vec_rows *r, uint32_t row, int32_t *out)
{
    (void)row;
    *out = vec_timestamp_to_date(r->ev->now_us);
    return VEC_FAULT_NONE;
}

VEC_APPLY(vec_now, int64_t)
VEC_APPLY(vec_now_digits, int64_t)
VEC_APPLY(vec_today, int32_t)

/* The rest. */

static ALWAYS_INLINE enum vec_fault vec_age_row(struct vec_rows *r, uint32_t row,
                                                struct vec_interval *out)
{
    return vec_timestamp_age(VEC_ARG(r, 0, int64_t, row), VEC_ARG(r, 1, int64_t, row), out);
}

/* Of one timestamp: from it to the beginning of the statement's day. */
static ALWAYS_INLINE enum vec_fault vec_age_today_row(struct vec_rows *r, uint32_t row,
                                                      struct vec_interval *out)
{
    int64_t today;
    enum vec_fault fault = vec_date_to_timestamp(vec_timestamp_to_date(r->ev->now_us), &today);
    return fault == VEC_FAULT_NONE ? vec_timestamp_age(today, VEC_ARG(r, 0, int64_t, row), out)
                                   : fault;
}

static ALWAYS_INLINE enum vec_fault vec_isfinite_date_row(struct vec_rows *r, uint32_t row,
                                                          uint8_t *out)
{
    *out = vec_date_is_finite(VEC_ARG(r, 0, int32_t, row));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_isfinite_row(struct vec_rows *r, uint32_t row, uint8_t *out)
{
    *out = vec_timestamp_is_finite(VEC_ARG(r, 0, int64_t, row));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_isfinite_interval_row(struct vec_rows *r, uint32_t row,
                                                              uint8_t *out)
{
    (void)r, (void)row;
    *out = true;
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_justify_hours_row(struct vec_rows *r, uint32_t row,
                                                          struct vec_interval *out)
{
    return vec_interval_justify_hours(&VEC_ARG(r, 0, struct vec_interval, row), out);
}

static ALWAYS_INLINE enum vec_fault vec_justify_days_row(struct vec_rows *r, uint32_t row,
                                                         struct vec_interval *out)
{
    return vec_interval_justify_days(&VEC_ARG(r, 0, struct vec_interval, row), out);
}

static ALWAYS_INLINE enum vec_fault vec_justify_row(struct vec_rows *r, uint32_t row,
                                                    struct vec_interval *out)
{
    return vec_interval_justify(&VEC_ARG(r, 0, struct vec_interval, row), out);
}

/* What a date's fault names. */
static void vec_make_date_name(struct vec_rows *r, uint32_t row, int32_t year)
{
    vec_rows_name(r, "%d-%02d-%02d", year, VEC_ARG(r, 1, int32_t, row),
                  VEC_ARG(r, 2, int32_t, row));
}

static ALWAYS_INLINE enum vec_fault vec_make_date_row(struct vec_rows *r, uint32_t row,
                                                      int32_t *out)
{
    enum vec_fault fault = vec_date_make(VEC_ARG(r, 0, int32_t, row), VEC_ARG(r, 1, int32_t, row),
                                         VEC_ARG(r, 2, int32_t, row), out);
    if (UNLIKELY(fault != VEC_FAULT_NONE)) {
        int32_t year = VEC_ARG(r, 0, int32_t, row);
        vec_make_date_name(r, row, year + (year < 0)); /* 1 BC is 0 there */
    }
    return fault;
}

static ALWAYS_INLINE enum vec_fault vec_make_timestamp_row(struct vec_rows *r, uint32_t row,
                                                           int64_t *out)
{
    int32_t hour = VEC_ARG(r, 3, int32_t, row);
    int32_t minute = VEC_ARG(r, 4, int32_t, row);
    double second = VEC_ARG(r, 5, double, row);
    enum vec_fault fault =
        vec_timestamp_make(VEC_ARG(r, 0, int32_t, row), VEC_ARG(r, 1, int32_t, row),
                           VEC_ARG(r, 2, int32_t, row), hour, minute, second, out);
    if (UNLIKELY(fault == VEC_FAULT_MAKE_TIME)) {
        vec_rows_name(r, "%d:%02d:%02g", hour, minute, second);
    } else if (UNLIKELY(fault != VEC_FAULT_NONE)) {
        vec_make_date_name(r, row, VEC_ARG(r, 0, int32_t, row));
    }
    return fault;
}

/* make_interval(years, months, weeks, days, hours, minutes, seconds): those behind the last that is
 * given are 0. */
static enum vec_fault vec_make_interval_row(struct vec_rows *r, uint32_t row,
                                            struct vec_interval *out)
{
    int32_t fields[6] = {0};
    uint32_t count = r->call->args_count;
    for (uint32_t i = 0; i < count && i < ARRAY_COUNT(fields); i++) {
        fields[i] = VEC_ARG(r, i, int32_t, row);
    }
    double seconds = count > ARRAY_COUNT(fields) ? VEC_ARG(r, ARRAY_COUNT(fields), double, row) : 0;
    return vec_interval_make(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5],
                             seconds, out);
}

static ALWAYS_INLINE enum vec_fault vec_to_timestamp_row(struct vec_rows *r, uint32_t row,
                                                         int64_t *out)
{
    double seconds = VEC_ARG(r, 0, double, row);
    enum vec_fault fault = vec_timestamp_from_seconds(seconds, out);
    if (UNLIKELY(fault != VEC_FAULT_NONE)) {
        vec_rows_name(r, "%g", seconds);
    }
    return fault;
}

/* x AT TIME ZONE zone is timezone(zone, x). No zone is looked up for an infinity. */
static ALWAYS_INLINE enum vec_fault vec_zone_row(struct vec_rows *r, uint32_t row, bool is_zoned,
                                                 int64_t *out)
{
    int64_t at = VEC_ARG(r, 1, int64_t, row);
    int32_t offset_s;
    if (!vec_timestamp_is_finite(at)) {
        *out = at;
        return VEC_FAULT_NONE;
    }
    enum vec_fault fault = vec_zone_at(r, 0, row, &offset_s);
    if (fault != VEC_FAULT_NONE) {
        return fault;
    }
    return is_zoned ? vec_timestamp_to_zone(at, offset_s, out)
                    : vec_timestamp_from_zone(at, offset_s, out);
}

static enum vec_fault vec_to_zone_row(struct vec_rows *r, uint32_t row, int64_t *out)
{
    return vec_zone_row(r, row, true, out);
}

static enum vec_fault vec_from_zone_row(struct vec_rows *r, uint32_t row, int64_t *out)
{
    return vec_zone_row(r, row, false, out);
}

VEC_APPLY(vec_age, struct vec_interval)
VEC_APPLY(vec_age_today, struct vec_interval)
VEC_APPLY(vec_isfinite, uint8_t)
VEC_APPLY(vec_isfinite_date, uint8_t)
VEC_APPLY(vec_isfinite_interval, uint8_t)
VEC_APPLY(vec_justify_hours, struct vec_interval)
VEC_APPLY(vec_justify_days, struct vec_interval)
VEC_APPLY(vec_justify, struct vec_interval)
VEC_APPLY(vec_make_date, int32_t)
VEC_APPLY(vec_make_timestamp, int64_t)
VEC_APPLY(vec_make_interval, struct vec_interval)
VEC_APPLY(vec_to_timestamp, int64_t)
VEC_APPLY(vec_to_zone, int64_t)
VEC_APPLY(vec_from_zone, int64_t)

/* make_interval with its first `count` arguments. */
#define VEC_MAKE_INTERVAL(count)                                                                   \
    VEC_FUNCTION_0(                                                                                \
        "make_interval", INTERVAL, vec_make_interval_apply,                                        \
        .args = {(count) > 0 ? VEC_INTEGER : VEC_NONE, (count) > 1 ? VEC_INTEGER : VEC_NONE,       \
                 (count) > 2 ? VEC_INTEGER : VEC_NONE, (count) > 3 ? VEC_INTEGER : VEC_NONE,       \
                 (count) > 4 ? VEC_INTEGER : VEC_NONE, (count) > 5 ? VEC_INTEGER : VEC_NONE,       \
                 (count) > 6 ? VEC_DOUBLE : VEC_NONE},                                             \
        .args_count = (count))

/* make_timestamp and make_timestamptz. */
#define VEC_MAKE_TIMESTAMP(text, out)                                                              \
    VEC_FUNCTION_0(                                                                                \
        text, out, vec_make_timestamp_apply,                                                       \
        .args = {VEC_INTEGER, VEC_INTEGER, VEC_INTEGER, VEC_INTEGER, VEC_INTEGER, VEC_DOUBLE},     \
        .args_count = 6)

const struct vec_function vec_functions_time[] = {
    VEC_FUNCTION_1("age", TIMESTAMP, INTERVAL, vec_age_today_apply, .is_stable = true),
    VEC_FUNCTION_1("age", TIMESTAMPTZ, INTERVAL, vec_age_today_apply, .is_stable = true),
    VEC_FUNCTION_2("age", TIMESTAMP, TIMESTAMP, INTERVAL, vec_age_apply),
    VEC_FUNCTION_2("age", TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL, vec_age_apply),
    VEC_FUNCTION_0("current_date", DATE, vec_today_apply, .is_stable = true),
    VEC_FUNCTION_0("current_timestamp", TIMESTAMPTZ, vec_now_apply, .is_stable = true),
    VEC_FUNCTION_1("current_timestamp", INTEGER, TIMESTAMPTZ, vec_now_digits_apply,
                   .is_stable = true),
    VEC_FUNCTION_3("date_bin", INTERVAL, TIMESTAMP, TIMESTAMP, TIMESTAMP, vec_date_bin_apply),
    VEC_FUNCTION_3("date_bin", INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, vec_date_bin_apply),
    VEC_FUNCTION_2("date_part", TEXT, DATE, DOUBLE, vec_part_date_apply),
    VEC_FUNCTION_2("date_part", TEXT, INTERVAL, DOUBLE, vec_part_interval_apply),
    VEC_FUNCTION_2("date_part", TEXT, TIMESTAMP, DOUBLE, vec_date_part_apply),
    VEC_FUNCTION_2("date_part", TEXT, TIMESTAMPTZ, DOUBLE, vec_date_part_apply),
    VEC_FUNCTION_2("date_trunc", TEXT, INTERVAL, INTERVAL, vec_trunc_interval_apply),
    VEC_FUNCTION_2("date_trunc", TEXT, TIMESTAMP, TIMESTAMP, vec_date_trunc_apply),
    VEC_FUNCTION_2("date_trunc", TEXT, TIMESTAMPTZ, TIMESTAMPTZ, vec_date_trunc_apply),
    VEC_FUNCTION_3("date_trunc", TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, vec_trunc_zone_apply),
    VEC_FUNCTION_2("extract", TEXT, DATE, NUMERIC, vec_extract_date_apply),
    VEC_FUNCTION_2("extract", TEXT, INTERVAL, NUMERIC, vec_extract_interval_apply),
    VEC_FUNCTION_2("extract", TEXT, TIMESTAMP, NUMERIC, vec_extract_apply),
    VEC_FUNCTION_2("extract", TEXT, TIMESTAMPTZ, NUMERIC, vec_extract_apply),
    VEC_FUNCTION_1("isfinite", DATE, BOOLEAN, vec_isfinite_date_apply),
    VEC_FUNCTION_1("isfinite", INTERVAL, BOOLEAN, vec_isfinite_interval_apply),
    VEC_FUNCTION_1("isfinite", TIMESTAMP, BOOLEAN, vec_isfinite_apply),
    VEC_FUNCTION_1("isfinite", TIMESTAMPTZ, BOOLEAN, vec_isfinite_apply),
    VEC_FUNCTION_1("justify_days", INTERVAL, INTERVAL, vec_justify_days_apply),
    VEC_FUNCTION_1("justify_hours", INTERVAL, INTERVAL, vec_justify_hours_apply),
    VEC_FUNCTION_1("justify_interval", INTERVAL, INTERVAL, vec_justify_apply),
    VEC_FUNCTION_0("localtimestamp", TIMESTAMP, vec_now_apply, .is_stable = true),
    VEC_FUNCTION_1("localtimestamp", INTEGER, TIMESTAMP, vec_now_digits_apply, .is_stable = true),
    VEC_FUNCTION_3("make_date", INTEGER, INTEGER, INTEGER, DATE, vec_make_date_apply),
    VEC_MAKE_INTERVAL(0),
    VEC_MAKE_INTERVAL(1),
    VEC_MAKE_INTERVAL(2),
    VEC_MAKE_INTERVAL(3),
    VEC_MAKE_INTERVAL(4),
    VEC_MAKE_INTERVAL(5),
    VEC_MAKE_INTERVAL(6),
    VEC_MAKE_INTERVAL(7),
    VEC_MAKE_TIMESTAMP("make_timestamp", TIMESTAMP),
    VEC_MAKE_TIMESTAMP("make_timestamptz", TIMESTAMPTZ),
    VEC_FUNCTION_0("now", TIMESTAMPTZ, vec_now_apply, .is_stable = true),
    VEC_FUNCTION_0("statement_timestamp", TIMESTAMPTZ, vec_now_apply, .is_stable = true),
    VEC_FUNCTION_2("timezone", TEXT, TIMESTAMP, TIMESTAMPTZ, vec_from_zone_apply),
    VEC_FUNCTION_2("timezone", TEXT, TIMESTAMPTZ, TIMESTAMP, vec_to_zone_apply),
    VEC_FUNCTION_1("to_timestamp", DOUBLE, TIMESTAMPTZ, vec_to_timestamp_apply),
    VEC_FUNCTION_0("transaction_timestamp", TIMESTAMPTZ, vec_now_apply, .is_stable = true),
};
const size_t vec_functions_time_count = ARRAY_COUNT(vec_functions_time);
