/* Numbers of JSON. See number.h.
 *
 * Most numbers have up to 16 characters. Those are read eight at a time, from the right: the 16
 * bytes before the number's end, what does not belong to it blanked with zeros, the point taken out
 * by shifting the integer part over it. So a number costs the same few instructions whatever its
 * length, and no branch depends on its digits (Lemire, "Number Parsing at a Gigabyte per Second",
 * 2021, for the eight at a time). All others, and all that are wrong, are read byte by byte. */
#include "schemas/json/number.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/units.h"

/* Exponents written with more digits are left to the text, as are those that end up larger. */
#define JSON_NUMBER_EXPONENT_DIGITS 4u
#define JSON_NUMBER_EXPONENT_MAX    20000

/* Integers up to this are exact as doubles, and so are powers of ten up to 10^22. */
#define JSON_NUMBER_EXACT     (INT64_C(1) << 53)
#define JSON_NUMBER_POWER_MAX 22

#define JSON_NUMBER_ZEROS UINT64_C(0x3030303030303030)
#define JSON_NUMBER_TOPS  UINT64_C(0x8080808080808080)

static bool json_number_read_slow(const char *text, uint32_t pos, uint32_t end,
                                  struct json_number *out, uint32_t *fault);
static uint32_t json_number_count(const char *text, uint32_t pos, uint32_t end);
static bool json_number_append(int64_t *digits, const char *text, uint32_t count, bool is_minus);
static int16_t json_number_exponent(const char *text, uint32_t count, bool is_minus,
                                    uint32_t fraction_count);

static ALWAYS_INLINE uint64_t json_number_load(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return le64toh(word);
}

/* The top bit of each byte of `digits` (characters XOR '0') that is no digit. */
static ALWAYS_INLINE uint64_t json_number_strays(uint64_t digits)
{
    return (((digits & ~JSON_NUMBER_TOPS) + UINT64_C(0x7676767676767676)) | digits) &
           JSON_NUMBER_TOPS;
}

/* The value of eight digits, the first in the lowest byte: pairs, then fours, then eight. */
static ALWAYS_INLINE uint64_t json_number_eight(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8);
    return ((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (digits >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* Up to 16 characters before `end` (>= 16): digits with perhaps a point among them. False: anything
 * else. */
static ALWAYS_INLINE bool json_number_read_fast(const char *text, uint32_t pos, uint32_t end,
                                                struct json_number *out)
{
    bool is_minus = text[pos] == '-';
    uint32_t begin = pos + is_minus;
    uint32_t count = end - begin;
    if (count - 1 >= 16 || end < 16) {
        return false;
    }
    unsigned blank = 8 * (16 - count); /* bits of what stands before the number */
    unsigned __int128 word = (unsigned __int128)json_number_load(text + end - 8) << 64 |
                             json_number_load(text + end - 16);
    unsigned __int128 zeros = (unsigned __int128)JSON_NUMBER_ZEROS << 64 | JSON_NUMBER_ZEROS;
    word = (word ^ zeros) >> blank << blank;
    uint64_t low_strays = json_number_strays((uint64_t)word);
    uint64_t high_strays = json_number_strays((uint64_t)(word >> 64));
    uint32_t fraction_count = 0;
    out->form = JSON_INTEGER;
    if ((low_strays | high_strays) != 0) {
        unsigned at = low_strays != 0 ? (unsigned)__builtin_ctzll(low_strays) / 8
                                      : 8 + (unsigned)__builtin_ctzll(high_strays) / 8;
        if (__builtin_popcountll(low_strays) + __builtin_popcountll(high_strays) != 1 ||
            text[end - 16 + at] != '.' || at == 16 - count || at == 15) {
            return false;
        }
        /* What stands before the point moves up by a byte, over it. */
        unsigned __int128 before = word & (((unsigned __int128)1 << 8 * at) - 1);
        unsigned __int128 behind = word >> 8 * at >> 8 << 8 << 8 * at;
        word = before << 8 | behind;
        fraction_count = 15 - at;
        out->form = JSON_FRACTION;
    }
    /* A zero comes first only where it stands alone, or alone before the point. */
    uint32_t integer_count = fraction_count > 0 ? count - fraction_count - 1 : count;
    if (text[begin] == '0' && integer_count != 1) {
        return false;
    }
    int64_t digits = (int64_t)(json_number_eight((uint64_t)word) * 100000000 +
                               json_number_eight((uint64_t)(word >> 64)));
    out->digits = is_minus ? -digits : digits;
    out->exponent = (int16_t) - (int32_t)fraction_count;
    return true;
}

bool json_number_read(const char *text, uint32_t pos, uint32_t end, struct json_number *out,
                      uint32_t *fault)
{
    ASSERT(pos < end);
    if (LIKELY(json_number_read_fast(text, pos, end, out))) {
        return true;
    }
    return json_number_read_slow(text, pos, end, out, fault);
}

enum err json_number_double(const struct json_number *number, const char *text, uint32_t length,
                            double *out)
{
    static const double powers[JSON_NUMBER_POWER_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };
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
    /* Both sides are exact, so this rounds once (Clinger, "How to Read Floating Point Numbers
     * Accurately", 1990); a large integer by itself is rounded once by its conversion. */
    double digits = (double)number->digits;
    *out = exponent < 0 ? digits / powers[-exponent] : digits * powers[exponent];
    return ERR_OK;
}

static NOINLINE bool json_number_read_slow(const char *text, uint32_t pos, uint32_t end,
                                           struct json_number *out, uint32_t *fault)
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
