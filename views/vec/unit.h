/* Units of time by their names: the fields of date_trunc and extract, the words of an interval.
 *
 * Names are compared without case and by their first ten characters, as PostgreSQL does:
 * "milliseconds" is the unit whose name begins "millisecon". */
#ifndef VIEWS_VEC_UNIT_H
#define VIEWS_VEC_UNIT_H

#include <stdbool.h>
#include <stddef.h>

/* Those above VEC_UNIT_EPOCH are of extract only. */
enum vec_unit {
    VEC_UNIT_NONE, /* no such name */
    VEC_UNIT_MICROSECOND,
    VEC_UNIT_MILLISECOND,
    VEC_UNIT_SECOND,
    VEC_UNIT_MINUTE,
    VEC_UNIT_HOUR,
    VEC_UNIT_DAY,
    VEC_UNIT_WEEK,
    VEC_UNIT_MONTH,
    VEC_UNIT_QUARTER,
    VEC_UNIT_YEAR,
    VEC_UNIT_DECADE,
    VEC_UNIT_CENTURY,
    VEC_UNIT_MILLENNIUM,
    VEC_UNIT_ZONE,
    VEC_UNIT_ZONE_HOUR,
    VEC_UNIT_ZONE_MINUTE,
    VEC_UNIT_EPOCH,
    VEC_UNIT_DOW,
    VEC_UNIT_ISODOW,
    VEC_UNIT_DOY,
    VEC_UNIT_ISOYEAR,
    VEC_UNIT_JULIAN,
};

/* The unit of that name; with `is_part`, of extract's own ones as well. */
enum vec_unit vec_unit_find(const char *name, size_t length, bool is_part);

#endif
