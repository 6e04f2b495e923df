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

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* The value of eight digits, the first in the lowest byte: pairs, then fours, then eight. */
static ALWAYS_INLINE uint64_t json_number_eight(uint64_t digits)
{
    digits = digits * 10 + (digits >> 8);
    return ((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (digits >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* `word` without its byte `at`, over which those before it move. */
static ALWAYS_INLINE uint64_t json_number_close_up(uint64_t word, unsigned at)
{
    uint64_t before = word & ((UINT64_C(1) << 8 * at) - 1);
    return before << 8 | word >> 8 * at >> 8 << 8 << 8 * at;
}

/* As json_number_read of a number of up to 16 digits and perhaps a point. False: it is anything
 * else, or has not enough text before it. */
static ALWAYS_INLINE bool json_number_read_short(const char *text, uint32_t pos, uint32_t end,
                                                 struct json_number *out)
{
    bool is_minus = text[pos] == '-';
    struct json_number_words w;
    if (UNLIKELY(!json_number_split(text, pos + is_minus, end, &w))) {
        return false;
    }
    if (w.fraction_count >= 8) {
        w.low = json_number_close_up(w.low, 15 - w.fraction_count);
    } else if (w.fraction_count > 0) {
        w.high = json_number_close_up(w.high, 7 - w.fraction_count) | w.low >> 56;
        w.low <<= 8;
    }
    int64_t digits = (int64_t)json_number_eight(w.high);
    if (w.count > 8) {
        digits += (int64_t)json_number_eight(w.low) * 100000000;
    }
    out->digits = is_minus ? -digits : digits;
    out->exponent = (int16_t) - (int32_t)w.fraction_count;
    out->form = w.fraction_count > 0 ? JSON_FRACTION : JSON_INTEGER;
    return true;
}

/* Whether bytes `begin` to `end` are a number of up to 16 characters, digits and perhaps a point
 * among them. Without enough text before them, of up to eight, all digits. False: perhaps all the
 * same. */
static ALWAYS_INLINE bool json_number_is_plain(const char *text, uint32_t begin, uint32_t end)
{
    uint32_t count = end - begin;
#ifdef __SSE2__
    if (LIKELY(count - 1 < 16 && end >= 16)) {
        __m128i all = _mm_loadu_si128((const __m128i *)(const void *)(text + end - 16));
        __m128i values = _mm_sub_epi8(all, _mm_set1_epi8('0'));
        __m128i are_digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
        uint32_t first = UINT32_C(0x10000) >> count; /* bit i of 16 is byte i */
        uint32_t others = ~(uint32_t)_mm_movemask_epi8(are_digits) & (0x10000 - first);
        if (others == 0) {
            return text[begin] != '0' || count == 1;
        }
        uint32_t point = end - 16 + (uint32_t)__builtin_ctz(others);
        return (others & ((others - 1) | first | 0x8000)) == 0 && text[point] == '.' &&
               (text[begin] != '0' || point == begin + 1);
    }
#endif
    return count - 1 < 8 && end >= 8 &&
           json_number_strays(json_number_load(text + end - 8)) >> (64 - 8 * count) == 0 &&
           (text[begin] != '0' || count == 1);
}

/* As json_number_read of a number that nobody wants. */
static ALWAYS_INLINE bool json_number_check(const char *text, uint32_t pos, uint32_t end,
                                            uint32_t *fault)
{
    struct json_number unwanted;
    if (LIKELY(json_number_is_plain(text, pos + (text[pos] == '-'), end)) ||
        json_number_read_short(text, pos, end, &unwanted)) {
        return true;
    }
    return json_number_read_slow(text, pos, end, &unwanted, fault);
}

#endif
