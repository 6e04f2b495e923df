/* JSON numbers: checked, and taken apart as far as 64 bits go. What a column wants of them is made
 * from the parts, or from the text where they do not suffice: nothing is rounded here. */
#ifndef SCHEMAS_JSON_NUMBER_H
#define SCHEMAS_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The form of a number. */
enum json_number_form {
    JSON_INTEGER,  /* digits alone, and its value fits int64: json_number.digits is it */
    JSON_LARGE,    /* digits alone, past int64 */
    JSON_FRACTION, /* with a point, without an exponent: 1.50 */
    JSON_EXPONENT, /* with an exponent: 1e3, -1.5E-7 */
};

/* json_number.exponent: only the text says it. */
#define JSON_EXPONENT_NONE INT16_MIN

/* A number: digits * 10^exponent, exactly. "1.50" is 150 * 10^-2. */
struct json_number {
    int64_t digits;   /* all digits as written, the sign included; "-0" is 0 */
    int16_t exponent; /* of ten; JSON_EXPONENT_NONE: digits or exponent do not fit here, and digits
                         is 0 */
    uint8_t form;     /* enum json_number_form */
};

/* Read the bytes from `pos` up to `end` (pos < end, both within `text`) as one number; bytes before
 * `pos` are looked at, none behind `end`. False: they are none, and *fault is the position that
 * shows it (`end`: digits are missing there). */
MUST_USE bool json_number_read(const char *text, uint32_t pos, uint32_t end,
                               struct json_number *out, uint32_t *fault);

/* Integers up to this are exact as doubles, and so are powers of ten up to 10^22. */
#define JSON_NUMBER_EXACT     (INT64_C(1) << 53)
#define JSON_NUMBER_POWER_MAX 22

/* Those powers. */
extern const double json_number_powers[JSON_NUMBER_POWER_MAX + 1];

/* As json_number_double of what most numbers are: not zero, not large, without a positive
 * exponent. False: it is another one. */
static inline bool json_number_double_short(const struct json_number *number, double *out)
{
    uint32_t places = (uint32_t)-number->exponent;
    if ((uint64_t)number->digits + JSON_NUMBER_EXACT > 2 * (uint64_t)JSON_NUMBER_EXACT ||
        number->digits == 0 || places > JSON_NUMBER_POWER_MAX) {
        return false;
    }
    /* Both sides are exact, so this rounds once (Clinger, "How to Read Floating Point Numbers
     * Accurately", 1990). */
    *out = (double)number->digits / json_number_powers[places];
    return true;
}

/* *out = the double nearest to a number that json_number_read has read and whose text is the
 * `length` bytes at `text` (what stands in a found value). ERR_RANGE: larger than every finite
 * double. ERR_TOO_LARGE: the text is longer than units_parse_double takes. */
MUST_USE enum err json_number_double(const struct json_number *number, const char *text,
                                     uint32_t length, double *out);

#endif
