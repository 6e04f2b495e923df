/* Units of time. See unit.h. */
#include "views/vec/unit.h"

#include "base/compiler.h"
#include "views/vec/scan.h"

/* Characters of a name that count. */
#define VEC_UNIT_NAME_MAX 10

static const struct vec_unit_row {
    char name[VEC_UNIT_NAME_MAX + 1]; /* in lower case, cut */
    enum vec_unit unit;
} vec_unit_rows[] = {
    {"us", VEC_UNIT_MICROSECOND},
    {"usec", VEC_UNIT_MICROSECOND},
    {"usecs", VEC_UNIT_MICROSECOND},
    {"usecond", VEC_UNIT_MICROSECOND},
    {"useconds", VEC_UNIT_MICROSECOND},
    {"microsecon", VEC_UNIT_MICROSECOND},
    {"ms", VEC_UNIT_MILLISECOND},
    {"msec", VEC_UNIT_MILLISECOND},
    {"msecs", VEC_UNIT_MILLISECOND},
    {"msecond", VEC_UNIT_MILLISECOND},
    {"mseconds", VEC_UNIT_MILLISECOND},
    {"millisecon", VEC_UNIT_MILLISECOND},
    {"s", VEC_UNIT_SECOND},
    {"sec", VEC_UNIT_SECOND},
    {"secs", VEC_UNIT_SECOND},
    {"second", VEC_UNIT_SECOND},
    {"seconds", VEC_UNIT_SECOND},
    {"m", VEC_UNIT_MINUTE},
    {"min", VEC_UNIT_MINUTE},
    {"mins", VEC_UNIT_MINUTE},
    {"minute", VEC_UNIT_MINUTE},
    {"minutes", VEC_UNIT_MINUTE},
    {"h", VEC_UNIT_HOUR},
    {"hr", VEC_UNIT_HOUR},
    {"hrs", VEC_UNIT_HOUR},
    {"hour", VEC_UNIT_HOUR},
    {"hours", VEC_UNIT_HOUR},
    {"d", VEC_UNIT_DAY},
    {"day", VEC_UNIT_DAY},
    {"days", VEC_UNIT_DAY},
    {"w", VEC_UNIT_WEEK},
    {"week", VEC_UNIT_WEEK},
    {"weeks", VEC_UNIT_WEEK},
    {"mon", VEC_UNIT_MONTH},
    {"mons", VEC_UNIT_MONTH},
    {"month", VEC_UNIT_MONTH},
    {"months", VEC_UNIT_MONTH},
    {"qtr", VEC_UNIT_QUARTER},
    {"quarter", VEC_UNIT_QUARTER},
    {"y", VEC_UNIT_YEAR},
    {"yr", VEC_UNIT_YEAR},
    {"yrs", VEC_UNIT_YEAR},
    {"year", VEC_UNIT_YEAR},
    {"years", VEC_UNIT_YEAR},
    {"dec", VEC_UNIT_DECADE},
    {"decs", VEC_UNIT_DECADE},
    {"decade", VEC_UNIT_DECADE},
    {"decades", VEC_UNIT_DECADE},
    {"c", VEC_UNIT_CENTURY},
    {"cent", VEC_UNIT_CENTURY},
    {"century", VEC_UNIT_CENTURY},
    {"centuries", VEC_UNIT_CENTURY},
    {"mil", VEC_UNIT_MILLENNIUM},
    {"mils", VEC_UNIT_MILLENNIUM},
    {"millennia", VEC_UNIT_MILLENNIUM},
    {"millennium", VEC_UNIT_MILLENNIUM},
    {"timezone", VEC_UNIT_ZONE},
    {"timezone_h", VEC_UNIT_ZONE_HOUR},
    {"timezone_m", VEC_UNIT_ZONE_MINUTE},
    {"epoch", VEC_UNIT_EPOCH},
    {"dow", VEC_UNIT_DOW},
    {"isodow", VEC_UNIT_ISODOW},
    {"doy", VEC_UNIT_DOY},
    {"isoyear", VEC_UNIT_ISOYEAR},
    {"j", VEC_UNIT_JULIAN},
    {"jd", VEC_UNIT_JULIAN},
    {"julian", VEC_UNIT_JULIAN},
};

static bool vec_unit_is(const char *row, const char *name, size_t length)
{
    size_t compared = length < VEC_UNIT_NAME_MAX ? length : VEC_UNIT_NAME_MAX;
    for (size_t i = 0; i < compared; i++) {
        if (row[i] == '\0' || row[i] != vec_scan_lower(name[i])) {
            return false;
        }
    }
    return row[compared] == '\0';
}

enum vec_unit vec_unit_find(const char *name, size_t length, bool is_part)
{
    for (size_t i = 0; i < ARRAY_COUNT(vec_unit_rows); i++) {
        const struct vec_unit_row *row = &vec_unit_rows[i];
        if (vec_unit_is(row->name, name, length) && (is_part || row->unit < VEC_UNIT_EPOCH)) {
            return row->unit;
        }
    }
    return VEC_UNIT_NONE;
}
