/* The index by AVX2, and by AVX-512 with VBMI2. See index.h.
 *
 * AVX2: 64 bytes are two registers. Sets of bytes are found by one shuffle each: a table of 16
 * holds, for every low half of a byte, the one member of the set that has it. The prefix XOR is a
 * carry-less product with all ones. The last block of a text is loaded from 64 bytes before its end
 * and its masks are shifted; texts below 64 bytes are copied.
 *
 * AVX-512: 64 bytes are one register, a comparison is a mask at once, the last block is a masked
 * load, and the tokens' positions and bytes are compressed out of the register instead of being
 * counted off bit by bit.
 *
 * Functions carry their target themselves, so this file needs no flags and may be linked into a
 * program for any x86-64. */
#include "schemas/json/index.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <string.h>

#include "schemas/json/index_int.h"

#define JSON_AVX2 __attribute__((target("avx2,pclmul,bmi,bmi2,popcnt")))
#define JSON_AVX512                                                                                \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,pclmul,bmi,bmi2,"        \
                          "popcnt")))

/* For each low half of a byte, the space of JSON that ends in it; else a byte that ends otherwise.
 * Likewise for structure: { } [ ] : , with bit 0x20 set, which makes braces of brackets. It makes
 * two control characters (0C, 1A) look like structure, but those are faults anyway. */
#define JSON_SPACES     ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0
#define JSON_STRUCTURES 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0

static JSON_AVX2 uint32_t json_avx2_step(struct json_index *x, uint32_t *positions, uint8_t *bytes);
static JSON_AVX512 uint32_t json_avx512_step(struct json_index *x, uint32_t *positions,
                                             uint8_t *bytes);

const struct json_indexer json_indexer_avx2 = {.name = "avx2", .step = json_avx2_step};

const struct json_indexer json_indexer_avx512 = {.name = "avx512", .step = json_avx512_step};

/* 64 bytes. */
struct json_avx2 {
    __m256i low;
    __m256i high;
};

/* The block at x->pos, and how far its masks are to be shifted: that many bytes before it were
 * loaded. Fewer than 64 bytes in all stand at the end of `copy`. */
static JSON_AVX2 ALWAYS_INLINE struct json_avx2 json_avx2_load(const struct json_index *x,
                                                               uint32_t block_bytes, char *copy)
{
    const char *from = x->text + x->pos;
    if (UNLIKELY(block_bytes < JSON_BLOCK_BYTES)) {
        from -= JSON_BLOCK_BYTES - block_bytes;
        if (x->length < JSON_BLOCK_BYTES) {
            memcpy(copy + JSON_BLOCK_BYTES - block_bytes, x->text, block_bytes);
            from = copy;
        }
    }
    return (struct json_avx2){_mm256_loadu_si256((const __m256i *)(const void *)from),
                              _mm256_loadu_si256((const __m256i *)(const void *)(from + 32))};
}

/* The top bits of 64 bytes. */
static JSON_AVX2 ALWAYS_INLINE uint64_t json_avx2_mask(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static JSON_AVX2 ALWAYS_INLINE uint64_t json_avx2_equal(struct json_avx2 b, char byte)
{
    __m256i wanted = _mm256_set1_epi8(byte);
    return json_avx2_mask(_mm256_cmpeq_epi8(b.low, wanted), _mm256_cmpeq_epi8(b.high, wanted));
}

/* The bytes from `least` to `most`, unsigned. */
static JSON_AVX2 ALWAYS_INLINE uint64_t json_avx2_between(struct json_avx2 b, uint8_t least,
                                                          uint8_t most)
{
    __m256i from = _mm256_set1_epi8((char)least);
    __m256i range = _mm256_set1_epi8((char)(most - least));
    __m256i low = _mm256_sub_epi8(b.low, from);
    __m256i high = _mm256_sub_epi8(b.high, from);
    return json_avx2_mask(_mm256_cmpeq_epi8(_mm256_min_epu8(low, range), low),
                          _mm256_cmpeq_epi8(_mm256_min_epu8(high, range), high));
}

/* The bytes that, with the bits of `set` added, are what `table` has for their low half. */
static JSON_AVX2 ALWAYS_INLINE uint64_t json_avx2_among(struct json_avx2 b, __m256i table, char set)
{
    __m256i bits = _mm256_set1_epi8(set);
    __m256i low =
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, b.low), _mm256_or_si256(b.low, bits));
    __m256i high =
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, b.high), _mm256_or_si256(b.high, bits));
    return json_avx2_mask(low, high);
}

static JSON_AVX2 ALWAYS_INLINE struct json_masks json_avx2_masks(struct json_avx2 b)
{
    return (struct json_masks){
        .quote = json_avx2_equal(b, '"'),
        .backslash = json_avx2_equal(b, '\\'),
        .structure = json_avx2_among(b, _mm256_setr_epi8(JSON_STRUCTURES, JSON_STRUCTURES), 0x20),
        .space = json_avx2_among(b, _mm256_setr_epi8(JSON_SPACES, JSON_SPACES), 0),
        .control = json_avx2_between(b, 0, 0x1f),
        .high = json_avx2_mask(b.low, b.high),
    };
}

static JSON_AVX2 NOINLINE void json_avx2_utf8(struct json_index *x, uint64_t high,
                                              struct json_avx2 b, uint32_t shift)
{
    struct json_utf8_masks m = {
        .below_90 = json_avx2_between(b, 0x80, 0x8f) >> shift,
        .below_a0 = json_avx2_between(b, 0x80, 0x9f) >> shift,
        .continuation = json_avx2_between(b, 0x80, 0xbf) >> shift,
        .two = json_avx2_between(b, 0xc2, 0xdf) >> shift,
        .three = json_avx2_between(b, 0xe0, 0xef) >> shift,
        .four = json_avx2_between(b, 0xf0, 0xf4) >> shift,
        .e0 = json_avx2_equal(b, (char)0xe0) >> shift,
        .ed = json_avx2_equal(b, (char)0xed) >> shift,
        .f0 = json_avx2_equal(b, (char)0xf0) >> shift,
        .f4 = json_avx2_equal(b, (char)0xf4) >> shift,
    };
    json_index_utf8(x, high, &m);
}

static JSON_AVX2 ALWAYS_INLINE uint64_t json_x86_prefix_xor(uint64_t bits)
{
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8((char)0xff), 0));
}

static JSON_AVX2 uint32_t json_avx2_step(struct json_index *x, uint32_t *positions, uint8_t *bytes)
{
    uint32_t count = 0;
    for (uint32_t from = x->pos; json_index_goes_on(x, from);) {
        char copy[JSON_BLOCK_BYTES];
        uint32_t block_bytes = json_index_block_bytes(x);
        uint32_t shift = JSON_BLOCK_BYTES - block_bytes;
        struct json_avx2 b = json_avx2_load(x, block_bytes, copy);
        struct json_masks m = json_avx2_masks(b);
        if (UNLIKELY(shift > 0)) {
            m = (struct json_masks){
                m.quote >> shift,     m.backslash >> shift,
                m.structure >> shift, m.space >> shift | UINT64_MAX << block_bytes,
                m.control >> shift,   m.high >> shift};
        }
        uint64_t quotes = json_index_quotes(x, &m);
        uint64_t tokens = json_index_tokens(x, &m, quotes, json_x86_prefix_xor(quotes));
        if (UNLIKELY((m.high | x->continuations) != 0)) {
            json_avx2_utf8(x, m.high, b, shift);
        }
        if (UNLIKELY(x->fault.err != ERR_OK)) {
            return count;
        }
        for (; tokens != 0; tokens &= tokens - 1, count++) {
            positions[count] = x->pos + (uint32_t)__builtin_ctzll(tokens);
            bytes[count] = (uint8_t)x->text[positions[count]];
        }
        x->pos += block_bytes;
    }
    json_index_end(x);
    return count;
}

/* The bytes from `least` to `most`, unsigned. */
static JSON_AVX512 ALWAYS_INLINE uint64_t json_avx512_between(__m512i b, uint8_t least,
                                                              uint8_t most)
{
    __m512i from = _mm512_sub_epi8(b, _mm512_set1_epi8((char)least));
    return _mm512_cmple_epu8_mask(from, _mm512_set1_epi8((char)(most - least)));
}

static JSON_AVX512 ALWAYS_INLINE uint64_t json_avx512_equal(__m512i b, char byte)
{
    return _mm512_cmpeq_epi8_mask(b, _mm512_set1_epi8(byte));
}

static JSON_AVX512 ALWAYS_INLINE struct json_masks json_avx512_masks(__m512i b)
{
    __m512i spaces = _mm512_broadcast_i32x4(_mm_setr_epi8(JSON_SPACES));
    __m512i structures = _mm512_broadcast_i32x4(_mm_setr_epi8(JSON_STRUCTURES));
    __m512i braces = _mm512_or_si512(b, _mm512_set1_epi8(0x20));
    return (struct json_masks){
        .quote = json_avx512_equal(b, '"'),
        .backslash = json_avx512_equal(b, '\\'),
        .structure = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(structures, b), braces),
        .space = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(spaces, b), b),
        .control = _mm512_cmplt_epu8_mask(b, _mm512_set1_epi8(0x20)),
        .high = _mm512_movepi8_mask(b),
    };
}

static JSON_AVX512 NOINLINE void json_avx512_utf8(struct json_index *x, uint64_t high, __m512i b)
{
    struct json_utf8_masks m = {
        .below_90 = json_avx512_between(b, 0x80, 0x8f),
        .below_a0 = json_avx512_between(b, 0x80, 0x9f),
        .continuation = json_avx512_between(b, 0x80, 0xbf),
        .two = json_avx512_between(b, 0xc2, 0xdf),
        .three = json_avx512_between(b, 0xe0, 0xef),
        .four = json_avx512_between(b, 0xf0, 0xf4),
        .e0 = json_avx512_equal(b, (char)0xe0),
        .ed = json_avx512_equal(b, (char)0xed),
        .f0 = json_avx512_equal(b, (char)0xf0),
        .f4 = json_avx512_equal(b, (char)0xf4),
    };
    json_index_utf8(x, high, &m);
}

/* Write the positions and the bytes of `tokens`; whole vectors, so up to JSON_INDEX_SLACK too many.
 */
static JSON_AVX512 ALWAYS_INLINE void json_avx512_put(__m512i b, uint64_t tokens, uint32_t pos,
                                                      uint32_t *positions, uint8_t *bytes)
{
    __m512i all = _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48,
                                  47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32,
                                  31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                  15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i at = _mm512_maskz_compress_epi8(tokens, all);
    __m512i base = _mm512_set1_epi32((int)pos);
    _mm512_storeu_si512(bytes, _mm512_maskz_compress_epi8(tokens, b));
    _mm512_storeu_si512(positions,
                        _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(at))));
    _mm512_storeu_si512(
        positions + 16,
        _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(at, 1))));
    if (UNLIKELY(__builtin_popcountll(tokens) > 32)) {
        _mm512_storeu_si512(
            positions + 32,
            _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(at, 2))));
        _mm512_storeu_si512(
            positions + 48,
            _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(at, 3))));
    }
}

static JSON_AVX512 uint32_t json_avx512_step(struct json_index *x, uint32_t *positions,
                                             uint8_t *bytes)
{
    uint32_t count = 0;
    for (uint32_t from = x->pos; json_index_goes_on(x, from);) {
        uint32_t block_bytes = json_index_block_bytes(x);
        __m512i b = _mm512_mask_loadu_epi8(_mm512_set1_epi8(' '),
                                           UINT64_MAX >> (JSON_BLOCK_BYTES - block_bytes),
                                           x->text + x->pos);
        struct json_masks m = json_avx512_masks(b);
        uint64_t quotes = json_index_quotes(x, &m);
        uint64_t tokens = json_index_tokens(x, &m, quotes, json_x86_prefix_xor(quotes));
        if (UNLIKELY((m.high | x->continuations) != 0)) {
            json_avx512_utf8(x, m.high, b);
        }
        if (UNLIKELY(x->fault.err != ERR_OK)) {
            return count;
        }
        json_avx512_put(b, tokens, x->pos, positions + count, bytes + count);
        count += (uint32_t)__builtin_popcountll(tokens);
        x->pos += block_bytes;
    }
    json_index_end(x);
    return count;
}

#endif
