/* A walk like that of reader.c, without paths. See lines.h.
 *
 * The index takes line feeds for white space. That a value ends where its line does is seen by
 * where its tokens stand; a string that does not end there has a line feed in it, which is a fault
 * of the index. Behind a fault nothing is known: lines whose line feed the index has passed before
 * are told, the others are not.
 *
 * Members of objects whose values are neither objects nor arrays make up most of most lines. Their
 * tokens are four bytes each: a quote, a colon, the value's first byte, a comma. Sixteen such bytes
 * are compared at once, and of the values only those that are no strings are looked at. */
#include "schemas/json/lines.h"

#include <endian.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "schemas/json/number_int.h"

static void json_lines_refill(struct json_lines *l, uint32_t token);
static bool json_lines_is_alone(const struct json_lines *l, uint32_t last, size_t end);

void json_lines_begin(struct json_lines *lines, const struct json_reader *reader, const char *text,
                      size_t length)
{
    lines->indexer = reader->indexer;
    lines->depth_max = reader->limits.depth_max;
    json_index_begin(&lines->index, text, length <= reader->limits.bytes_max ? length : 0);
    lines->token = 0;
    lines->tokens_count = 0;
    lines->tokens_sure = 0;
}

/* The end of the number or word that begins at `token`: where the next token is, but for white
 * space before that. */
static ALWAYS_INLINE uint32_t json_lines_end(const struct json_lines *l, uint32_t token)
{
    uint32_t end = l->positions[token + 1];
    while (UNLIKELY((uint8_t)l->index.text[end - 1] <= ' ')) {
        end--;
    }
    return end;
}

static bool json_lines_is_word(const char *text, uint32_t length)
{
    return (length == 4 && (memcmp(text, "true", 4) == 0 || memcmp(text, "null", 4) == 0)) ||
           (length == 5 && memcmp(text, "false", 5) == 0);
}

/* Whether a number or word begins at `token`. */
static ALWAYS_INLINE bool json_lines_other(const struct json_lines *l, uint32_t token)
{
    const char *text = l->index.text;
    uint8_t first = l->bytes[token];
    uint32_t pos = l->positions[token];
    uint32_t fault;
    if (first == '-' || (first >= '0' && first <= '9')) {
        return json_number_check(text, pos, json_lines_end(l, token), &fault);
    }
    return first != 0 && json_lines_is_word(text + pos, json_lines_end(l, token) - pos);
}

static ALWAYS_INLINE bool json_lines_is_open(uint8_t byte)
{
    return (byte | 0x20) == '{';
}

#ifdef __SSE2__
/* As json_lines_members, sixteen tokens at a time as long as so many are there. */
static ALWAYS_INLINE bool json_lines_members_fast(const struct json_lines *l, uint32_t *token)
{
    const __m128i shape = _mm_set1_epi32('"' | ':' << 8 | ',' << 24);
    const uint32_t values = 0x4444;
    uint32_t at = *token;
    for (uint32_t taken = JSON_LINES_TOKENS;
         taken == JSON_LINES_TOKENS && at + JSON_LINES_TOKENS <= l->tokens_count; at += taken) {
        __m128i all = _mm_loadu_si128((const __m128i *)(const void *)(l->bytes + at));
        __m128i quotes = _mm_cmpeq_epi8(all, _mm_set1_epi8('"'));
        uint32_t wrong = ~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(all, shape)) & ~values;
        taken = (uint32_t)__builtin_ctz(wrong) & ~3u; /* bit 16 is set */
        uint32_t others = ~(uint32_t)_mm_movemask_epi8(quotes) & values & ((1u << taken) - 1);
        for (; others != 0; others &= others - 1) {
            if (UNLIKELY(!json_lines_other(l, at + (uint32_t)__builtin_ctz(others)))) {
                return false;
            }
        }
    }
    *token = at;
    return true;
}
#endif

/* As many members, from the name at *token on, as have a value that is neither an object nor an
 * array, and a comma behind them (an open bracket never has). False: a value is none. */
static ALWAYS_INLINE bool json_lines_members(const struct json_lines *l, uint32_t *token)
{
    const uint32_t four_mask = 0xff00ffff;
    const uint32_t four_wanted = '"' | ':' << 8 | ',' << 24;
#ifdef __SSE2__
    if (UNLIKELY(!json_lines_members_fast(l, token))) {
        return false;
    }
#endif
    uint32_t at = *token;
    for (; at < l->tokens_sure; at += JSON_READER_TOKENS) {
        uint32_t four;
        memcpy(&four, l->bytes + at, sizeof(four));
        four = le32toh(four);
        if ((four & four_mask) != four_wanted) {
            break;
        }
        if ((uint8_t)(four >> 16) != '"' && UNLIKELY(!json_lines_other(l, at + 2))) {
            return false;
        }
    }
    *token = at;
    return true;
}

/* Let JSON_READER_TOKENS be there from *token on, or all there are; they may move. */
static ALWAYS_INLINE void json_lines_ready(struct json_lines *l, uint32_t *token)
{
    if (UNLIKELY(*token >= l->tokens_sure)) {
        json_lines_refill(l, *token);
        *token = 0;
    }
}

bool json_lines_next(struct json_lines *lines, size_t end)
{
    struct json_lines *l = lines;
    uint32_t token = l->token;
    uint32_t depth = 0;
    uint32_t last;
    for (;;) {
        json_lines_ready(l, &token);
        bool is_whole = true; /* a value has ended, and with it perhaps what holds it */
        uint8_t first = l->bytes[token];
        last = l->positions[token];
        if (json_lines_is_open(first)) {
            if (UNLIKELY(depth == l->depth_max)) {
                return false;
            }
            l->closing[++depth] = (uint8_t)(first + 2);
            is_whole = l->bytes[++token] == l->closing[depth];
        } else if (UNLIKELY(first != '"' && !json_lines_other(l, token))) {
            return false;
        } else {
            token++;
        }
        while (is_whole && depth > 0) {
            uint8_t next = l->bytes[token];
            last = l->positions[token++];
            is_whole = next == l->closing[depth];
            if (UNLIKELY(!is_whole && next != ',')) {
                return false;
            }
            depth -= is_whole;
            json_lines_ready(l, &token);
        }
        if (is_whole) {
            break;
        }
        if (l->closing[depth] == '}') {
            if (UNLIKELY(!json_lines_members(l, &token))) {
                return false;
            }
            json_lines_ready(l, &token);
            if (UNLIKELY(l->bytes[token] != '"' || l->bytes[token + 1] != ':')) {
                return false;
            }
            token += 2;
        }
    }
    json_lines_ready(l, &token);
    l->token = token;
    return json_lines_is_alone(l, last, end);
}

/* Whether a value whose last token is at `last` is in the line that ends at `end`, and nothing else
 * is: that the next token is behind it. At the text's end there is none. */
static bool json_lines_is_alone(const struct json_lines *l, uint32_t last, size_t end)
{
    uint32_t next = l->positions[l->token];
    bool is_last = next == l->index.length && l->index.fault.err == ERR_OK;
    return last < end && (next > end || is_last);
}

/* Bring in more tokens behind those from `token` on, which become the first. Where the text ends,
 * or what is known of it, stand bytes that are no tokens. */
static NOINLINE void json_lines_refill(struct json_lines *l, uint32_t token)
{
    struct json_index *index = &l->index;
    uint32_t count = l->tokens_count - token;
    ASSERT(count < JSON_READER_TOKENS);
    for (uint32_t i = 0; i < count; i++) {
        l->positions[i] = l->positions[token + i];
        l->bytes[i] = l->bytes[token + i];
    }
    bool is_over = index->pos == index->length || index->fault.err != ERR_OK;
    while (count < JSON_READER_TOKENS && !is_over) {
        count += l->indexer->step(index, l->positions + count, l->bytes + count);
        is_over = index->pos == index->length || index->fault.err != ERR_OK;
    }
    l->tokens_count = count;
    l->tokens_sure = is_over ? UINT32_MAX : count - (JSON_READER_TOKENS - 1);
    for (uint32_t i = count; is_over && i < count + JSON_LINES_TOKENS; i++) {
        l->positions[i] = index->pos;
        l->bytes[i] = 0;
    }
}
