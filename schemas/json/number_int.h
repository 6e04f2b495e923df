/* Numbers, the fast way.
 *
 * Most numbers have up to 16 characters. Those are read eight at a time, from the right: the words
 * before the number's end, with zeros for what does not belong to it, and later the point taken out
 * by moving the integer part over it. So a number costs the same few instructions whatever its
 * length, and no branch depends on its digits (eight at a time: Lemire, "Number Parsing at a
 * Gigabyte per Second", 2021). All others, and all that are wrong, are read byte by byte. */
#ifndef SCHEMAS_JSON_NUMBER_INT_H
#define SCHEMAS_JSON_NUMBER_INT_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "schemas/json/number.h"

#define JSON_NUMBER_ZEROS UINT64_C(0x3030303030303030)
#define JSON_NUMBER_TOPS  UINT64_C(0x8080808080808080)

/* json_number_read, byte by byte. number.c. */
bool json_number_read_slow(const char *text, uint32_t pos, uint32_t end, struct json_number *out,
                           uint32_t *fault);

/* Eight characters XOR '0', the first one lowest. */
static ALWAYS_INLINE uint64_t json_number_load(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return le64toh(word) ^ JSON_NUMBER_ZEROS;
}

/* The top bit of each byte of `digits` (characters XOR '0') that is no digit. */
static ALWAYS_INLINE uint64_t json_number_strays(uint64_t digits)
{
    return (((digits & ~JSON_NUMBER_TOPS) + UINT64_C(0x7676767676767676)) | digits) &
           JSON_NUMBER_TOPS;
}

/* A number's characters XOR '0', the last one highest; zeros before the first. */
struct json_number_words {
    uint64_t high;           /* the last eight */
    uint64_t low;            /* those before */
    uint32_t count;          /* characters, the sign not counted */
    uint32_t fraction_count; /* of them behind the point; 0: there is none */
};

/* The words of a number of up to 16 digits and perhaps a point, which stands in them yet. False: it
 * is anything else, or has not enough text before it. */
static ALWAYS_INLINE bool json_number_split(const char *text, uint32_t begin, uint32_t end,
                                            struct json_number_words *w)
{
    w->count = end - begin;
    w->low = 0;
    w->fraction_count = 0;
    uint64_t low_strays = 0;
    if (w->count - 1 < 8 && end >= 8) {
        unsigned blank = 64 - 8 * w->count; /* bits of what stands before the number */
        w->high = json_number_load(text + end - 8) >> blank << blank;
    } else if (w->count - 1 < 16 && end >= 16) {
        unsigned blank = 128 - 8 * w->count;
        w->high = json_number_load(text + end - 8);
        w->low = json_number_load(text + end - 16) >> blank << blank;
        low_strays = json_number_strays(w->low);
    } else {
        return false;
    }
    uint64_t high_strays = json_number_strays(w->high);
    uint32_t integer_count = w->count;
    if ((high_strays | low_strays) != 0) {
        uint64_t strays = low_strays != 0 ? low_strays : high_strays;
        uint32_t point = end - (low_strays != 0 ? 16 : 8) + (uint32_t)__builtin_ctzll(strays) / 8;
        if ((strays & (strays - 1)) != 0 || (low_strays != 0 && high_strays != 0) ||
            text[point] != '.' || point == begin || point == end - 1) {
            return false;
        }
        w->fraction_count = end - 1 - point;
        integer_count = point - begin;
    }
    return text[begin] != '0' || integer_count == 1; /* a first zero stands alone */
}

/* As json_number_read of a number that nobody wants. */
static ALWAYS_INLINE bool json_number_check(const char *text, uint32_t pos, uint32_t end,
                                            uint32_t *fault)
{
    struct json_number_words w;
    struct json_number unwanted;
    return LIKELY(json_number_split(text, pos + (text[pos] == '-'), end, &w)) ||
           json_number_read_slow(text, pos, end, &unwanted, fault);
}

#endif
