/* The forms of dates and timestamps that programs write: "2020-01-02" and
 * "2020-01-02T03:04:05.678Z", read without cutting the text up. See calendar_int.h. */
#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/calendar_int.h"
#include "views/vec/scan.h"

/* Bytes of "2020-01-02" and of "T03:04:05". */
#define VEC_FAST_DATE_BYTES  10
#define VEC_FAST_CLOCK_BYTES 9

/* The largest hour of an offset. */
#define VEC_FAST_ZONE_HOUR_MAX 15

/* `count` digits at `at`; negative: not all are. */
static int32_t vec_fast_digits(const char *at, int count)
{
    int32_t value = 0;
    bool is_number = true;
    for (int i = 0; i < count; i++) {
        is_number = is_number && vec_scan_is_digit(at[i]);
        value = value * 10 + (at[i] - '0');
    }
    return is_number ? value : -1;
}

bool vec_date_fast(const char *text, size_t length, int64_t *date)
{
    if (length < VEC_FAST_DATE_BYTES || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int32_t year = vec_fast_digits(text, 4);
    int32_t month = vec_fast_digits(text + 5, 2);
    int32_t day = vec_fast_digits(text + 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > vec_month_days(year, month)) {
        return false;
    }
    *date = vec_date_of((struct vec_civil){.year = year, .month = month, .day = day});
    return true;
}

/* ".678": microseconds; *at goes behind it. */
static bool vec_fast_fraction(const char **at, const char *end, int32_t *us)
{
    static const int32_t scales[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *first = *at + 1;
    const char *next = first;
    *us = 0;
    while (next < end && next - first < 6 && vec_scan_is_digit(*next)) {
        *us = *us * 10 + (*next++ - '0');
    }
    *us *= scales[next - first];
    *at = next;
    return next > first && (next == end || !vec_scan_is_digit(*next));
}

/* "Z", "+05", "+05:30", or nothing: seconds east of UTC. */
static bool vec_fast_zone(const char *at, const char *end, int32_t *offset_s)
{
    *offset_s = 0;
    if (at == end || (*at == 'Z' && at + 1 == end)) {
        return true;
    }
    bool has_minutes = end - at == 6;
    if ((*at != '+' && *at != '-') || (end - at != 3 && !has_minutes)) {
        return false;
    }
    int32_t hours = vec_fast_digits(at + 1, 2);
    int32_t minutes = has_minutes && at[3] == ':' ? vec_fast_digits(at + 4, 2)
                      : has_minutes               ? -1
                                                  : 0;
    if (hours < 0 || hours > VEC_FAST_ZONE_HOUR_MAX || minutes < 0 || minutes > 59) {
        return false;
    }
    *offset_s = (hours * 60 + minutes) * (*at == '-' ? -60 : 60);
    return true;
}

bool vec_timestamp_fast(const char *text, size_t length, bool is_zoned, int64_t *out)
{
    const char *end = text + length;
    const char *at = text + VEC_FAST_DATE_BYTES;
    int64_t date;
    int64_t us = 0;
    int32_t fraction_us = 0;
    int32_t offset_s = 0;
    if (!vec_date_fast(text, length, &date)) {
        return false;
    }
    if (at < end) {
        if (end - at < VEC_FAST_CLOCK_BYTES || (*at != 'T' && *at != ' ') || at[3] != ':' ||
            at[6] != ':') {
            return false;
        }
        int32_t hours = vec_fast_digits(at + 1, 2);
        int32_t minutes = vec_fast_digits(at + 4, 2);
        int32_t seconds = vec_fast_digits(at + 7, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) {
            return false;
        }
        us = hours * VEC_HOUR_US + minutes * VEC_MINUTE_US + seconds * VEC_SECOND_US;
        at += VEC_FAST_CLOCK_BYTES;
        if (at < end && *at == '.' && !vec_fast_fraction(&at, end, &fraction_us)) {
            return false;
        }
        if (!vec_fast_zone(at, end, &offset_s)) {
            return false;
        }
    }
    *out = date * VEC_DAY_US + us + fraction_us - (is_zoned ? offset_s * VEC_SECOND_US : 0);
    ASSERT(vec_timestamp_is_in_range(*out)); /* years 1 to 9999 */
    return true;
}
