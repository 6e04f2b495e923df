/* UTF-8 and characters. See unicode.h. */
#include "views/vec/unicode.h"

#include "base/assert.h"

static bool vec_utf8_is_tail(const char *at)
{
    return ((unsigned char)*at & 0xc0) == 0x80;
}

uint32_t vec_utf8_decode(const char *at, const char *end, size_t *bytes)
{
    ASSERT(at < end);
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)*at;
    size_t length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *bytes = 1;
    if (length == 1) {
        return lead;
    }
    if (length == 0 || lead >= 0xf8 || (size_t)(end - at) < length) {
        return VEC_UTF8_INVALID + lead;
    }
    uint32_t code = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (!vec_utf8_is_tail(at + i)) {
            return VEC_UTF8_INVALID + lead;
        }
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return VEC_UTF8_INVALID + lead;
    }
    *bytes = length;
    return code;
}

size_t vec_utf8_encode(uint32_t code, char out[VEC_UTF8_BYTES_MAX])
{
    if (code >= VEC_UTF8_INVALID) {
        out[0] = (char)(code - VEC_UTF8_INVALID);
        return 1;
    }
    ASSERT(code <= 0x10ffff);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1;) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[length] | code);
    return length;
}

static uint32_t vec_unicode_map(const struct vec_unicode_run *runs, unsigned count, uint32_t code)
{
    unsigned low = 0;
    unsigned high = count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (runs[middle].last < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == count || code < runs[low].first ||
        (code - runs[low].first) % runs[low].stride != 0) {
        return code;
    }
    return (uint32_t)((int32_t)code + runs[low].delta);
}

uint32_t vec_unicode_to_upper(uint32_t code)
{
    if (code < 0x80) {
        return code >= 'a' && code <= 'z' ? code - ('a' - 'A') : code;
    }
    return vec_unicode_map(vec_unicode_upper, vec_unicode_upper_count, code);
}

uint32_t vec_unicode_to_lower(uint32_t code)
{
    if (code < 0x80) {
        return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
    }
    return vec_unicode_map(vec_unicode_lower, vec_unicode_lower_count, code);
}

bool vec_unicode_is_alnum(uint32_t code)
{
    unsigned low = 0;
    unsigned high = vec_unicode_alnum_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (vec_unicode_alnum[middle].last < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < vec_unicode_alnum_count && code >= vec_unicode_alnum[low].first;
}
