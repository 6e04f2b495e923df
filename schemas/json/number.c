/* Numbers of JSON. See number.h; the fast way is in number_int.h. */
#include "schemas/json/number.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/units.h"
#include "schemas/json/number_int.h"

/* Exponents written with more digits are left to the text, as are those that end up larger. */
#define JSON_NUMBER_EXPONENT_DIGITS 4u
#define JSON_NUMBER_EXPONENT_MAX    20000

const double json_number_powers[JSON_NUMBER_POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static uint32_t json_number_count(const char *text, uint32_t pos, uint32_t end);
static bool json_number_append(int64_t *digits, const char *text, uint32_t count, bool is_minus);
static int16_t json_number_exponent(const char *text, uint32_t count, bool is_minus,
                                    uint32_t fraction_count);

bool json_number_read(const char *text, uint32_t pos, uint32_t end, struct json_number *out,
                      uint32_t *fault)
{
    ASSERT(pos < end);
    return json_number_read_short(text, pos, end, out) ||
           json_number_read_slow(text, pos, end, out, fault);
}

enum err json_number_double(const struct json_number *number, const char *text, uint32_t length,
                            double *out)
{
    if (json_number_double_short(number, out)) {
        return ERR_OK;
    }
    int exponent = number->exponent;
    bool is_exact = number->digits <= JSON_NUMBER_EXACT && number->digits >= -JSON_NUMBER_EXACT &&
                    exponent >= -JSON_NUMBER_POWER_MAX && exponent <= JSON_NUMBER_POWER_MAX;
    if (!is_exact && exponent != 0) {
        return units_parse_double(text, length, out);
    }
    if (number->digits == 0) {
        *out = text[0] == '-' ? -0.0 : 0.0;
        return ERR_OK;
    }
    /* Exact times exact, or a large integer by itself, rounded by its conversion: once. */
    ASSERT(exponent >= 0);
    *out = (double)number->digits * json_number_powers[exponent];
    return ERR_OK;
}

bool json_number_read_slow(const char *text, uint32_t pos, uint32_t end, struct json_number *out,
                           uint32_t *fault)
{
    bool is_minus = text[pos] == '-';
    uint32_t begin = pos + is_minus;
    uint32_t count = json_number_count(text, begin, end);
    uint32_t at = begin + count;
    uint32_t fraction_count = 0;
    *out = (struct json_number){.form = JSON_INTEGER};
    bool is_exact = json_number_append(&out->digits, text + begin, count, is_minus);
    if (count == 0 || (count > 1 && text[begin] == '0')) {
        *fault = begin + (count > 0);
        return false;
    }
    if (at < end && text[at] == '.') {
        out->form = JSON_FRACTION;
        fraction_count = json_number_count(text, ++at, end);
        is_exact =
            is_exact && json_number_append(&out->digits, text + at, fraction_count, is_minus);
        at += fraction_count;
        *fault = at;
        if (fraction_count == 0) {
            return false;
        }
    }
    out->exponent = json_number_exponent(NULL, 0, false, fraction_count);
    if (at < end && (text[at] | 0x20) == 'e') {
        out->form = JSON_EXPONENT;
        at++;
        bool is_negative = at < end && text[at] == '-';
        at += at < end && (text[at] == '-' || text[at] == '+');
        count = json_number_count(text, at, end);
        out->exponent = json_number_exponent(text + at, count, is_negative, fraction_count);
        at += count;
        *fault = at;
        if (count == 0) {
            return false;
        }
    }
    if (!is_exact || out->exponent == JSON_EXPONENT_NONE) {
        out->form = out->form == JSON_INTEGER ? JSON_LARGE : out->form;
        out->exponent = JSON_EXPONENT_NONE;
        out->digits = 0;
    }
    *fault = at;
    return at == end;
}

/* How many digits begin at `pos`. */
static uint32_t json_number_count(const char *text, uint32_t pos, uint32_t end)
{
    uint32_t at = pos;
    while (at < end && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at - pos;
}

/* *digits with `count` more behind it, away from zero; false: it does not fit. */
static bool json_number_append(int64_t *digits, const char *text, uint32_t count, bool is_minus)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t digit = is_minus ? '0' - text[i] : text[i] - '0';
        if (__builtin_mul_overflow(*digits, 10, digits) ||
            __builtin_add_overflow(*digits, digit, digits)) {
            return false;
        }
    }
    return true;
}

/* The exponent that `count` digits at `text` say of a number with `fraction_count` digits behind
 * its point. */
static int16_t json_number_exponent(const char *text, uint32_t count, bool is_minus,
                                    uint32_t fraction_count)
{
    int64_t exponent = 0;
    if (count > JSON_NUMBER_EXPONENT_DIGITS ||
        !json_number_append(&exponent, text, count, is_minus)) {
        return JSON_EXPONENT_NONE;
    }
    exponent -= fraction_count;
    bool fits = exponent >= -JSON_NUMBER_EXPONENT_MAX && exponent <= JSON_NUMBER_EXPONENT_MAX;
    return fits ? (int16_t)exponent : JSON_EXPONENT_NONE;
}
