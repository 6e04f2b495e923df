/* DATE, TIMESTAMP and TIMESTAMPTZ: the proleptic Gregorian calendar in UTC.
 *
 * A date counts days and a timestamp microseconds from 2000-01-01, as PostgreSQL's do (its binary
 * form is ours, and its whole range fits: 4714-11-24 BC to 5874897-12-31, and to 294276-12-31
 * 23:59:59.999999). The least and the largest number stand for -infinity and infinity. TIMESTAMP
 * and TIMESTAMPTZ hold the same; TimeZone is UTC, so they differ in text only.
 *
 * Text is read as PostgreSQL reads it with DateStyle ISO, MDY: ISO 8601 ("2020-01-02",
 * "2020-01-02T03:04:05.678+05:30", "20200102", "20200102T030405Z", "2020-123" for a day of the
 * year), "January 2, 2020", "2-Jan-2020", "1/2/2020", times with AM and PM, BC, 'infinity',
 * 'epoch'. Not read: 'now', 'today' and their like (DATETIME_CLOCK: the clock is the caller's),
 * zones by name ("Europe/Paris": ZONE_NAMED) and abbreviations beyond a few dozen, Julian days,
 * "y2020m01d02".
 *
 * Pure; *out is untouched unless VEC_FAULT_NONE is returned. */
#ifndef VIEWS_VEC_CALENDAR_H
#define VIEWS_VEC_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/interval.h"
#include "views/vec/unit.h"

#define VEC_DATE_INFINITY            INT32_MAX
#define VEC_DATE_MINUS_INFINITY      INT32_MIN
#define VEC_TIMESTAMP_INFINITY       INT64_MAX
#define VEC_TIMESTAMP_MINUS_INFINITY INT64_MIN

/* What is finite: from the least up to below the end. */
#define VEC_DATE_MIN      (-2451545)
#define VEC_DATE_END      2145031949
#define VEC_TIMESTAMP_MIN (-211813488000000000)
#define VEC_TIMESTAMP_END 9223371331200000000

/* 1970-01-01 in microseconds: Unix time is value - VEC_EPOCH_US. */
#define VEC_EPOCH_US   (-946684800000000)
#define VEC_EPOCH_DAYS (-10957)

/* Room for what the writers below write. */
#define VEC_CALENDAR_TEXT_BYTES 48

/* A day. */
struct vec_civil {
    int32_t year;  /* 0 is 1 BC, -1 is 2 BC */
    int32_t month; /* 1 to 12 */
    int32_t day;   /* 1 to 31 */
};

/* The day `date` (finite) is, and back (any year of PostgreSQL's; a month and a day that exist). */
struct vec_civil vec_date_civil(int64_t date);
int64_t vec_date_of(struct vec_civil civil);

/* The days of a month. */
int32_t vec_month_days(int32_t year, int32_t month);

/* Whether it is neither infinity. */
static inline bool vec_date_is_finite(int32_t date)
{
    return date != VEC_DATE_INFINITY && date != VEC_DATE_MINUS_INFINITY;
}

/* The same of a timestamp. */
static inline bool vec_timestamp_is_finite(int64_t at)
{
    return at != VEC_TIMESTAMP_INFINITY && at != VEC_TIMESTAMP_MINUS_INFINITY;
}

/* Text to a date; what it says of a time is checked and dropped. DATETIME_SYNTAX (type "date"),
 * DATETIME_FIELD, DATETIME_ZONE, DATETIME_CLOCK, ZONE_NAMED, DATE_TEXT. */
MUST_USE enum vec_fault vec_date_parse(const char *text, size_t length, int32_t *out);

/* Text to a timestamp. `is_zoned`: an offset counts (none is UTC), and the type is "timestamp with
 * time zone"; else it is dropped, and the type is "timestamp". The same faults, TIMESTAMP_TEXT for
 * DATE_TEXT. */
MUST_USE enum vec_fault vec_timestamp_parse(const char *text, size_t length, bool is_zoned,
                                            int64_t *out);

/* Write as PostgreSQL's ISO DateStyle: "2020-01-02", "0044-03-15 BC", "2020-01-02 03:04:05.678",
 * with "+00" when `is_zoned`. */
void vec_date_write(struct bytes_writer *w, int32_t date);
void vec_timestamp_write(struct bytes_writer *w, int64_t at, bool is_zoned);

/* Write for JSON: RFC 3339 with six digits behind the second, "2020-01-02T03:04:05.678000Z" (the Z
 * when `is_zoned`); years outside 0000 to 9999 with a sign and six digits, as ECMAScript has them,
 * year 0 being 1 BC. "infinity" and "-infinity". */
void vec_date_write_iso(struct bytes_writer *w, int32_t date);
void vec_timestamp_write_iso(struct bytes_writer *w, int64_t at, bool is_zoned);

/* date + days, date - date. DATE, DATE_INFINITE. */
MUST_USE enum vec_fault vec_date_add(int32_t date, int32_t days, int32_t *out);
MUST_USE enum vec_fault vec_date_sub_days(int32_t date, int32_t days, int32_t *out);
MUST_USE enum vec_fault vec_date_sub(int32_t a, int32_t b, int32_t *days);

/* Casts. DATE_FOR_TIMESTAMP; the other cuts the time of day off. */
MUST_USE enum vec_fault vec_date_to_timestamp(int32_t date, int64_t *out);
int32_t vec_timestamp_to_date(int64_t at);

/* make_date and make_timestamp; a negative year is BC. MAKE_DATE, MAKE_TIME: %v is "y-mm-dd" or
 * "h:mm:ss"; MAKE_DATE_RANGE: %v is "y-mm-dd", where 1 BC is 0 and 2 BC is -1; TIMESTAMP. */
MUST_USE enum vec_fault vec_date_make(int32_t year, int32_t month, int32_t day, int32_t *out);
MUST_USE enum vec_fault vec_timestamp_make(int32_t year, int32_t month, int32_t day, int32_t hour,
                                           int32_t minute, double second, int64_t *out);

/* to_timestamp(seconds since 1970). TIMESTAMP_NAN, TIMESTAMP_TEXT (%v is the number). */
MUST_USE enum vec_fault vec_timestamp_from_seconds(double seconds, int64_t *out);

/* The timestamp of Unix time in microseconds. TIMESTAMP. */
MUST_USE enum vec_fault vec_timestamp_from_unix(int64_t unix_us, int64_t *out);

/* at + interval, at - interval: months first (the day is the month's last one at most), then days,
 * then the rest. TIMESTAMP. */
MUST_USE enum vec_fault vec_timestamp_add(int64_t at, const struct vec_interval *interval,
                                          int64_t *out);
MUST_USE enum vec_fault vec_timestamp_sub_interval(int64_t at, const struct vec_interval *interval,
                                                   int64_t *out);

/* a - b, in days and less. TIMESTAMP_INFINITE, INTERVAL. */
MUST_USE enum vec_fault vec_timestamp_sub(int64_t a, int64_t b, struct vec_interval *out);

/* age(a, b): the same in years, months, days and less. TIMESTAMP. */
MUST_USE enum vec_fault vec_timestamp_age(int64_t a, int64_t b, struct vec_interval *out);

/* date_trunc(unit, at), the unit found without extract's own ones. UNIT_UNKNOWN, UNIT_UNSUPPORTED
 * (%v is the unit's name), TIMESTAMP. An infinity stays, whatever the unit. */
MUST_USE enum vec_fault vec_timestamp_trunc(enum vec_unit unit, int64_t at, int64_t *out);

/* date_bin(stride, at, origin). BIN_MONTHS, BIN_STRIDE, BIN_ORIGIN, INTERVAL, TIMESTAMP. */
MUST_USE enum vec_fault vec_timestamp_bin(const struct vec_interval *stride, int64_t at,
                                          int64_t origin, int64_t *out);

/* extract(unit FROM ...), the unit found with extract's own ones. UNIT_UNKNOWN, UNIT_UNSUPPORTED
 * (%v is the unit's name); INFINITE_PART for any field of an infinity. */
MUST_USE enum vec_fault vec_date_extract(enum vec_unit unit, int32_t date, struct vec_numeric *out);
MUST_USE enum vec_fault vec_timestamp_extract(enum vec_unit unit, int64_t at, bool is_zoned,
                                              struct vec_numeric *out);

/* The offset, in seconds east of UTC, of the zone that AT TIME ZONE is given as text: UTC and its
 * names, a few dozen abbreviations, and "+02:00" or "UTC+2", which by POSIX count WEST of UTC, as
 * in PostgreSQL. ZONE_NAMED, ZONE_UNKNOWN: %v is the zone. */
MUST_USE enum vec_fault vec_zone_parse(const char *text, size_t length, int32_t *offset_s);

/* The wall clock of that zone at a TIMESTAMPTZ, and the TIMESTAMPTZ at which it shows that.
 * TIMESTAMP. */
MUST_USE enum vec_fault vec_timestamp_to_zone(int64_t at, int32_t offset_s, int64_t *out);
MUST_USE enum vec_fault vec_timestamp_from_zone(int64_t at, int32_t offset_s, int64_t *out);

#endif
