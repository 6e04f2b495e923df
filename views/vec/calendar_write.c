/* Dates and timestamps as text. See calendar.h. */
#include <string.h>

#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/calendar_int.h"

/* Years RFC 3339 has. */
#define VEC_RFC_YEAR_MAX 9999

/* `value` in two digits. */
static void vec_write_two(struct bytes_writer *w, unsigned value)
{
    char text[2] = {(char)('0' + value / 10 % 10), (char)('0' + value % 10)};
    bytes_put_copy(w, text, sizeof(text));
}

/* `value` in at least `width` digits. */
static void vec_write_padded(struct bytes_writer *w, unsigned value, int width)
{
    char text[12];
    size_t first = sizeof(text);
    for (; value > 0 || width > 0; value /= 10, width--) {
        ASSERT(first > 0);
        text[--first] = (char)('0' + value % 10);
    }
    bytes_put_copy(w, text + first, sizeof(text) - first);
}

static void vec_write_month_day(struct bytes_writer *w, const struct vec_civil *civil)
{
    bytes_put_u8(w, '-');
    vec_write_two(w, (unsigned)civil->month);
    bytes_put_u8(w, '-');
    vec_write_two(w, (unsigned)civil->day);
}

/* The infinity of that sign. */
static void vec_write_infinity(struct bytes_writer *w, bool is_negative)
{
    const char *text = is_negative ? "-infinity" : "infinity";
    bytes_put_copy(w, text, strlen(text));
}

static void vec_write_civil(struct bytes_writer *w, const struct vec_civil *civil)
{
    vec_write_padded(w, (unsigned)(civil->year > 0 ? civil->year : 1 - civil->year), 4);
    vec_write_month_day(w, civil);
}

static void vec_write_civil_iso(struct bytes_writer *w, const struct vec_civil *civil)
{
    if (civil->year >= 0 && civil->year <= VEC_RFC_YEAR_MAX) {
        vec_write_padded(w, (unsigned)civil->year, 4);
    } else {
        bytes_put_u8(w, civil->year < 0 ? '-' : '+');
        vec_write_padded(w, (unsigned)(civil->year < 0 ? -civil->year : civil->year), 6);
    }
    vec_write_month_day(w, civil);
}

static void vec_write_clock(struct bytes_writer *w, int64_t us)
{
    vec_write_two(w, (unsigned)(us / VEC_HOUR_US));
    bytes_put_u8(w, ':');
    vec_write_two(w, (unsigned)(us / VEC_MINUTE_US % 60));
    bytes_put_u8(w, ':');
}

void vec_date_write(struct bytes_writer *w, int32_t date)
{
    if (!vec_date_is_finite(date)) {
        vec_write_infinity(w, date < 0);
        return;
    }
    struct vec_civil civil = vec_date_civil(date);
    vec_write_civil(w, &civil);
    if (civil.year <= 0) {
        bytes_put_copy(w, " BC", 3);
    }
}

void vec_timestamp_write(struct bytes_writer *w, int64_t at, bool is_zoned)
{
    if (!vec_timestamp_is_finite(at)) {
        vec_write_infinity(w, at < 0);
        return;
    }
    struct vec_moment moment = vec_timestamp_split(at);
    vec_write_civil(w, &moment.civil);
    bytes_put_u8(w, ' ');
    vec_write_clock(w, moment.us);
    vec_interval_write_seconds(w, (unsigned)(moment.us / VEC_SECOND_US % 60),
                               (unsigned)(moment.us % VEC_SECOND_US));
    if (is_zoned) {
        bytes_put_copy(w, "+00", 3);
    }
    if (moment.civil.year <= 0) {
        bytes_put_copy(w, " BC", 3);
    }
}

void vec_date_write_iso(struct bytes_writer *w, int32_t date)
{
    if (!vec_date_is_finite(date)) {
        vec_write_infinity(w, date < 0);
        return;
    }
    struct vec_civil civil = vec_date_civil(date);
    vec_write_civil_iso(w, &civil);
}

void vec_timestamp_write_iso(struct bytes_writer *w, int64_t at, bool is_zoned)
{
    if (!vec_timestamp_is_finite(at)) {
        vec_write_infinity(w, at < 0);
        return;
    }
    struct vec_moment moment = vec_timestamp_split(at);
    vec_write_civil_iso(w, &moment.civil);
    bytes_put_u8(w, 'T');
    vec_write_clock(w, moment.us);
    vec_write_two(w, (unsigned)(moment.us / VEC_SECOND_US % 60));
    bytes_put_u8(w, '.');
    vec_write_padded(w, (unsigned)(moment.us % VEC_SECOND_US), 6);
    if (is_zoned) {
        bytes_put_u8(w, 'Z');
    }
}
