/* UTF-8 and what Unicode 14.0.0 says of its characters: simple case mappings (one character to one)
 * and which are letters or digits. That is what PostgreSQL does in a database with LC_CTYPE C.UTF-8
 * on Debian 12; nothing here depends on the machine's locale.
 *
 * Bytes that are no UTF-8 are characters of one byte each, with values of their own. */
#ifndef VIEWS_VEC_UNICODE_H
#define VIEWS_VEC_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* The most bytes of a character. */
#define VEC_UTF8_BYTES_MAX 4

/* What a byte that is no UTF-8 is read as: itself plus this, beyond all of Unicode. */
#define VEC_UTF8_INVALID 0x200000u

/* Characters that map to character + delta: first, first + stride, ... last. */
struct vec_unicode_run {
    uint32_t first;
    uint32_t last;
    int32_t delta;
    uint32_t stride;
};

/* Characters first to last. */
struct vec_unicode_range {
    uint32_t first;
    uint32_t last;
};

/* The tables, sorted. */
extern const struct vec_unicode_run vec_unicode_upper[];
extern const unsigned vec_unicode_upper_count;
extern const struct vec_unicode_run vec_unicode_lower[];
extern const unsigned vec_unicode_lower_count;
extern const struct vec_unicode_range vec_unicode_alnum[];
extern const unsigned vec_unicode_alnum_count;

/* The character at `at` (< end); *bytes is its length. */
uint32_t vec_utf8_decode(const char *at, const char *end, size_t *bytes);

/* Write `code` (of Unicode, no surrogate, or what vec_utf8_decode gave) to `out`; the bytes it
 * took. */
size_t vec_utf8_encode(uint32_t code, char out[VEC_UTF8_BYTES_MAX]);

/* The bytes of the character at `at` (< end): 1 where it is no UTF-8. */
static ALWAYS_INLINE size_t vec_utf8_step(const char *at, const char *end)
{
    size_t bytes = 1;
    if (UNLIKELY((unsigned char)*at >= 0x80)) {
        (void)vec_utf8_decode(at, end, &bytes);
    }
    return bytes;
}

/* The same in the other case; itself if it has none. */
uint32_t vec_unicode_to_upper(uint32_t code);
uint32_t vec_unicode_to_lower(uint32_t code);

/* Whether it is a letter or a digit. */
bool vec_unicode_is_alnum(uint32_t code);

#endif
