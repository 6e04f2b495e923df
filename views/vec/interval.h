/* INTERVAL: months, days and microseconds, kept apart because neither a month nor a day has a fixed
 * length. Each part has its own sign and range.
 *
 * For comparing, a month is 30 days and a day 24 hours: '1 mon' equals '30 days' and prints
 * differently.
 *
 * Pure; *out is untouched unless VEC_FAULT_NONE is returned; it may be an argument. */
#ifndef VIEWS_VEC_INTERVAL_H
#define VIEWS_VEC_INTERVAL_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/fault.h"
#include "views/vec/numeric.h"
#include "views/vec/unit.h"

#define VEC_SECOND_US ((int64_t)1000000)
#define VEC_MINUTE_US (60 * VEC_SECOND_US)
#define VEC_HOUR_US   (60 * VEC_MINUTE_US)
#define VEC_DAY_US    (24 * VEC_HOUR_US)

/* Room for what the writers below write. */
#define VEC_INTERVAL_TEXT_BYTES 96

/* A value; all zero is '00:00:00'. */
struct vec_interval {
    int64_t us;     /* microseconds, which need not stay below a day */
    int32_t days;   /* days */
    int32_t months; /* months, 12 to a year */
};

/* PostgreSQL's words ("1 year 2 mons -3 days 04:05:06.7", "@ 3 hours ago", a number alone counts
 * seconds), SQL's ("1-2", "3 4:05:06", "-1-2 +3 -4:05:06"), ISO 8601 ("P1Y2M3DT4H5M6.7S", "P2W",
 * "P0001-02-03T04:05:06"). DATETIME_SYNTAX (type "interval"), INTERVAL_TEXT, INTERVAL. */
MUST_USE enum vec_fault vec_interval_parse(const char *text, size_t length,
                                           struct vec_interval *out);

/* Write `a` in PostgreSQL's words (intervalstyle postgres): "1 year 2 mons 3 days 04:05:06.7". */
void vec_interval_write(struct bytes_writer *w, const struct vec_interval *a);

/* Write `a` as ISO 8601 (intervalstyle iso_8601): "P1Y2M3DT4H5M6.7S", "PT0S". */
void vec_interval_write_iso(struct bytes_writer *w, const struct vec_interval *a);

/* Write `seconds` of a minute with `us` of a second, two digits at least, and no zeros at the end
 * of the fraction: "06", "06.7". */
void vec_interval_write_seconds(struct bytes_writer *w, unsigned seconds, unsigned us);

/* <0, 0, >0 by length. */
int vec_interval_compare(const struct vec_interval *a, const struct vec_interval *b);

/* The length that comparing goes by, in microseconds: equal for equal intervals, for hashing. */
__int128 vec_interval_length(const struct vec_interval *a);

/* Part by part. INTERVAL. */
MUST_USE enum vec_fault vec_interval_add(const struct vec_interval *a, const struct vec_interval *b,
                                         struct vec_interval *out);
MUST_USE enum vec_fault vec_interval_sub(const struct vec_interval *a, const struct vec_interval *b,
                                         struct vec_interval *out);
MUST_USE enum vec_fault vec_interval_neg(const struct vec_interval *a, struct vec_interval *out);

/* Every part times or through `factor`; what is not a whole month becomes days, what is not a whole
 * day microseconds. INTERVAL, DIVISION. */
MUST_USE enum vec_fault vec_interval_mul(const struct vec_interval *a, double factor,
                                         struct vec_interval *out);
MUST_USE enum vec_fault vec_interval_div(const struct vec_interval *a, double factor,
                                         struct vec_interval *out);

/* Whole 24 hours become days; whole 30 days months; both, with one sign for all parts. INTERVAL. */
MUST_USE enum vec_fault vec_interval_justify_hours(const struct vec_interval *a,
                                                   struct vec_interval *out);
MUST_USE enum vec_fault vec_interval_justify_days(const struct vec_interval *a,
                                                  struct vec_interval *out);
MUST_USE enum vec_fault vec_interval_justify(const struct vec_interval *a,
                                             struct vec_interval *out);

/* date_trunc(unit, a), the unit found without extract's own ones. UNIT_UNKNOWN, UNIT_UNSUPPORTED:
 * %v is the unit's name, the type is "interval". */
MUST_USE enum vec_fault vec_interval_trunc(enum vec_unit unit, const struct vec_interval *a,
                                           struct vec_interval *out);

/* extract(unit FROM a), the unit found with extract's own ones. The same faults. */
MUST_USE enum vec_fault vec_interval_extract(enum vec_unit unit, const struct vec_interval *a,
                                             struct vec_numeric *out);

/* make_interval(...). INTERVAL. */
MUST_USE enum vec_fault vec_interval_make(int32_t years, int32_t months, int32_t weeks,
                                          int32_t days, int32_t hours, int32_t minutes,
                                          double seconds, struct vec_interval *out);

#endif
