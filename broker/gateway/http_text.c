/* Pieces of HTTP text. See http_text.h. */
#include "broker/gateway/http_text.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/assert.h"

/* Classes that go together, so that the table below is one name for each character. */
#define TEXT_VALUE  (HTTP_CLASS_FIELD | HTTP_CLASS_QUOTED)
#define TEXT_NAME   (TEXT_VALUE | HTTP_CLASS_TOKEN)
#define TEXT_QUERY  (TEXT_VALUE | HTTP_CLASS_QUERY)
#define TEXT_PATH   (TEXT_QUERY | HTTP_CLASS_PATH)
#define TEXT_DELIM  (TEXT_PATH | HTTP_CLASS_HOST)
#define TEXT_LETTER (TEXT_DELIM | HTTP_CLASS_TOKEN)
#define TEXT_HEX    (TEXT_LETTER | HTTP_CLASS_HEX)
#define TEXT_DIGIT  (TEXT_HEX | HTTP_CLASS_DIGIT)

const uint8_t http_text_classes[256] = {
    ['\t'] = TEXT_VALUE,
    [' '] = TEXT_VALUE,
    ['!'] = TEXT_LETTER,
    ['"'] = HTTP_CLASS_FIELD | HTTP_CLASS_QUERY,
    ['#'] = TEXT_NAME,
    ['$'] = TEXT_LETTER,
    ['%'] = TEXT_PATH | HTTP_CLASS_TOKEN,
    ['&'] = TEXT_LETTER,
    ['\''] = TEXT_LETTER,
    ['(' ... ')'] = TEXT_DELIM,
    ['*' ... '+'] = TEXT_LETTER,
    [','] = TEXT_DELIM,
    ['-' ... '.'] = TEXT_LETTER,
    ['/'] = TEXT_PATH,
    ['0' ... '9'] = TEXT_DIGIT,
    [':'] = TEXT_PATH,
    [';'] = TEXT_DELIM,
    ['<'] = TEXT_VALUE,
    ['='] = TEXT_DELIM,
    ['>'] = TEXT_VALUE,
    ['?'] = TEXT_QUERY,
    ['@'] = TEXT_PATH,
    ['A' ... 'F'] = TEXT_HEX,
    ['G' ... 'Z'] = TEXT_LETTER,
    ['['] = TEXT_QUERY,
    ['\\'] = HTTP_CLASS_FIELD | HTTP_CLASS_QUERY,
    [']'] = TEXT_QUERY,
    ['^'] = TEXT_QUERY | HTTP_CLASS_TOKEN,
    ['_'] = TEXT_LETTER,
    ['`'] = TEXT_QUERY | HTTP_CLASS_TOKEN,
    ['a' ... 'f'] = TEXT_HEX,
    ['g' ... 'z'] = TEXT_LETTER,
    ['{'] = TEXT_QUERY,
    ['|'] = TEXT_QUERY | HTTP_CLASS_TOKEN,
    ['}'] = TEXT_QUERY,
    ['~'] = TEXT_LETTER,
    [0x80 ... 0xff] = TEXT_VALUE,
};

static bool http_text_is_letter(uint8_t byte);

struct http_text http_text(const char *literal)
{
    ASSERT(literal != NULL);
    return (struct http_text){.data = literal, .length = strlen(literal)};
}

bool http_text_is(struct http_text text, const char *literal)
{
    return text.length == strlen(literal) && memcmp(text.data, literal, text.length) == 0;
}

bool http_text_is_nocase(struct http_text text, const char *literal)
{
    return http_text_same_nocase(text, http_text(literal));
}

bool http_text_same_nocase(struct http_text a, struct http_text b)
{
    if (a.length != b.length) {
        return false;
    }
    for (size_t i = 0; i < a.length; i++) {
        uint8_t differs = (uint8_t)(a.data[i] ^ b.data[i]);
        if (differs != 0 && (differs != 0x20 || !http_text_is_letter((uint8_t)a.data[i]))) {
            return false;
        }
    }
    return true;
}

size_t http_text_span(struct http_text text, unsigned classes)
{
    size_t i = 0;
    while (i < text.length && http_text_has_class((uint8_t)text.data[i], classes)) {
        i++;
    }
    return i;
}

size_t http_text_span_field(struct http_text text)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; text.length - i >= 16; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.data + i));
        __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        __m128i is_bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), is_low),
                                      _mm_cmpeq_epi8(bytes, del));
        unsigned mask = (unsigned)_mm_movemask_epi8(is_bad);
        if (mask != 0) {
            return i + (unsigned)__builtin_ctz(mask);
        }
    }
#endif
    while (i < text.length && http_text_has_class((uint8_t)text.data[i], HTTP_CLASS_FIELD)) {
        i++;
    }
    return i;
}

bool http_text_is_token(struct http_text text)
{
    return text.length > 0 && http_text_span(text, HTTP_CLASS_TOKEN) == text.length;
}

struct http_text http_text_trim(struct http_text text)
{
    while (text.length > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t')) {
        text.length--;
    }
    return text;
}

int http_text_hex(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool http_text_is_letter(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'z';
}
