/* What the files of the calendar share. */
#ifndef VIEWS_VEC_CALENDAR_INT_H
#define VIEWS_VEC_CALENDAR_INT_H

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/calendar.h"

/* Day 0 of the Julian count, in days before 2000-01-01. */
#define VEC_JULIAN_DAYS 2451545

/* A finite timestamp taken apart. */
struct vec_moment {
    int64_t date;           /* days from 2000-01-01 */
    struct vec_civil civil; /* the same as a day */
    int64_t us;             /* of the day */
};

/* `at`, which is finite (asserted), taken apart. */
struct vec_moment vec_timestamp_split(int64_t at);

/* Whether it is a finite timestamp. */
bool vec_timestamp_is_in_range(int64_t at);

/* a / b rounded down; b > 0 (asserted). In line, since most divisors are constants. */
static ALWAYS_INLINE int64_t vec_floor_div(int64_t a, int64_t b)
{
    ASSERT(b > 0);
    return a / b - (a % b < 0);
}

/* The forms that programs write: "2020-01-02" at the start of the text, and a whole
 * "2020-01-02T03:04:05.678+05:30" whose parts but the date may be missing from the end on. False:
 * another form, or no such day; vec_date_parse and vec_timestamp_parse read it or say why not. */
bool vec_date_fast(const char *text, size_t length, int64_t *date);
bool vec_timestamp_fast(const char *text, size_t length, bool is_zoned, int64_t *out);

/* Whether PostgreSQL counts days there at all: it does so a little beyond what a date holds. */
bool vec_civil_is_counted(int64_t year, int32_t month);

#endif
