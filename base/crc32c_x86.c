/* CRC-32C by the crc32 instruction and by carry-less multiplication. See crc32c.h.
 *
 * SSE4.2: the crc32 instruction takes eight bytes, but the next one waits three cycles for its
 * result. Three independent streams side by side hide the wait; their states are brought together
 * by moving the first two over what follows them, one pclmulqdq each, which the crc32 instruction
 * itself reduces.
 *
 * AVX-512: a message is a polynomial, and any 128 bits of it may be replaced by something congruent
 * further on. Four accumulators of 512 bits are moved over 256 bytes per turn by two carry-less
 * products each, with no table and no dependency between neighbours; at the end the crc32
 * instruction reduces what is left of 128 bits. This is as fast as memory: three crc32 streams are
 * not, one crc32 a cycle bounds them to eight bytes.
 *
 * Functions carry their target themselves, so this file needs no flags and may be linked into a
 * program for any x86-64. The copying forms are the same loops with a store: instantiated from one
 * always-inline body each. */
#include "base/crc32c.h"

#ifdef __x86_64__

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "base/crc32c_kernels.h"

#define CRC32C_SSE42 __attribute__((target("sse4.2,pclmul")))
#define CRC32C_AVX512                                                                              \
    __attribute__((target("sse4.2,pclmul,avx512f,avx512bw,avx512dq,avx512vl,vpclmulqdq")))

/* Below this a serial loop is as fast as setting up the reduction. */
#define CRC32C_AVX512_BYTES_MIN 128

static CRC32C_SSE42 uint32_t crc32c_sse42_extend(uint32_t state, const void *data, size_t length);
static CRC32C_SSE42 uint32_t crc32c_sse42_copy(uint32_t state, void *dst, const void *src,
                                               size_t length);
static CRC32C_AVX512 uint32_t crc32c_avx512_extend(uint32_t state, const void *data, size_t length);
static CRC32C_AVX512 uint32_t crc32c_avx512_copy(uint32_t state, void *dst, const void *src,
                                                 size_t length);

const struct crc32c crc32c_sse42 = {
    .name = "sse42",
    .extend = crc32c_sse42_extend,
    .copy = crc32c_sse42_copy,
};

const struct crc32c crc32c_avx512 = {
    .name = "avx512",
    .extend = crc32c_avx512_extend,
    .copy = crc32c_avx512_copy,
};

/* The eight bytes at `pos`, stored in the copy as well. */
static ALWAYS_INLINE uint64_t crc32c_take64(uint8_t *dst, const uint8_t *src, size_t pos,
                                            bool is_copy)
{
    uint64_t word;
    memcpy(&word, src + pos, sizeof(word));
    if (is_copy) {
        memcpy(dst + pos, &word, sizeof(word));
    }
    return word;
}

/* Bytes `pos` to `length` one after another: what is left below the smallest block. */
static CRC32C_SSE42 ALWAYS_INLINE uint32_t crc32c_serial(uint32_t state, uint8_t *dst,
                                                         const uint8_t *src, size_t pos,
                                                         size_t length, bool is_copy)
{
    uint64_t wide = state;
    for (; length - pos >= 8; pos += 8) {
        wide = _mm_crc32_u64(wide, crc32c_take64(dst, src, pos, is_copy));
    }
    state = (uint32_t)wide;
    for (; pos < length; pos++) {
        if (is_copy) {
            dst[pos] = src[pos];
        }
        state = _mm_crc32_u8(state, src[pos]);
    }
    return state;
}

/* `state` moved over the distance of `constant`, not yet reduced: 64 bits. */
static CRC32C_SSE42 ALWAYS_INLINE uint64_t crc32c_move(uint64_t state, uint32_t constant)
{
    __m128i a = _mm_cvtsi64_si128((long long)state);
    __m128i b = _mm_cvtsi64_si128((long long)constant);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(a, b, 0));
}

/* Three streams of `bytes` each from `pos` on. `merge_2` moves a state over two of them, `merge_1`
 * over one. */
static CRC32C_SSE42 ALWAYS_INLINE uint32_t crc32c_three(uint32_t state, uint8_t *dst,
                                                        const uint8_t *src, size_t pos,
                                                        size_t bytes, uint32_t merge_2,
                                                        uint32_t merge_1, bool is_copy)
{
    uint64_t a = state;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t end = pos + bytes; pos < end; pos += 8) {
        a = _mm_crc32_u64(a, crc32c_take64(dst, src, pos, is_copy));
        b = _mm_crc32_u64(b, crc32c_take64(dst, src, pos + bytes, is_copy));
        c = _mm_crc32_u64(c, crc32c_take64(dst, src, pos + 2 * bytes, is_copy));
    }
    return (uint32_t)(_mm_crc32_u64(0, crc32c_move(a, merge_2) ^ crc32c_move(b, merge_1)) ^ c);
}

static CRC32C_SSE42 ALWAYS_INLINE uint32_t crc32c_sse42_run(uint32_t state, uint8_t *dst,
                                                            const uint8_t *src, size_t length,
                                                            bool is_copy)
{
    size_t pos = 0;
    for (; length - pos >= 3 * CRC32C_LONG_BYTES; pos += 3 * CRC32C_LONG_BYTES) {
        state = crc32c_three(state, dst, src, pos, CRC32C_LONG_BYTES, CRC32C_MERGE_LONG_2,
                             CRC32C_MERGE_LONG_1, is_copy);
    }
    for (; length - pos >= 3 * CRC32C_SHORT_BYTES; pos += 3 * CRC32C_SHORT_BYTES) {
        state = crc32c_three(state, dst, src, pos, CRC32C_SHORT_BYTES, CRC32C_MERGE_SHORT_2,
                             CRC32C_MERGE_SHORT_1, is_copy);
    }
    return crc32c_serial(state, dst, src, pos, length, is_copy);
}

static CRC32C_SSE42 uint32_t crc32c_sse42_extend(uint32_t state, const void *data, size_t length)
{
    return crc32c_sse42_run(state, NULL, data, length, false);
}

static CRC32C_SSE42 uint32_t crc32c_sse42_copy(uint32_t state, void *dst, const void *src,
                                               size_t length)
{
    return crc32c_sse42_run(state, dst, src, length, true);
}

/* The 64 bytes at `pos`, stored in the copy as well. */
static CRC32C_AVX512 ALWAYS_INLINE __m512i crc32c_take512(uint8_t *dst, const uint8_t *src,
                                                          size_t pos, bool is_copy)
{
    __m512i block = _mm512_loadu_si512(src + pos);
    if (is_copy) {
        _mm512_storeu_si512(dst + pos, block);
    }
    return block;
}

/* The constants for one distance in all four lanes. */
static CRC32C_AVX512 ALWAYS_INLINE __m512i crc32c_constants(uint32_t low, uint32_t high)
{
    return _mm512_broadcast_i32x4(_mm_set_epi64x((long long)high, (long long)low));
}

/* `acc` moved over the distance of `constants`, and what stands there added. */
static CRC32C_AVX512 ALWAYS_INLINE __m512i crc32c_fold(__m512i acc, __m512i constants,
                                                       __m512i there)
{
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(acc, constants, 0x00),
                                     _mm512_clmulepi64_epi128(acc, constants, 0x11), there, 0x96);
}

/* The state after the 64 bytes that `acc` is congruent to: its first three lanes moved over the
 * others, then 128 bits by the crc32 instruction. */
static CRC32C_AVX512 ALWAYS_INLINE uint32_t crc32c_reduce(__m512i acc)
{
    __m512i constants =
        _mm512_set_epi64(0, 0, CRC32C_FOLD_128_HIGH, CRC32C_FOLD_128_LOW, CRC32C_FOLD_256_HIGH,
                         CRC32C_FOLD_256_LOW, CRC32C_FOLD_384_HIGH, CRC32C_FOLD_384_LOW);
    __m512i last = _mm512_maskz_mov_epi64(0xc0, acc);
    __m512i moved = crc32c_fold(acc, constants, last);
    __m256i half =
        _mm256_xor_si256(_mm512_castsi512_si256(moved), _mm512_extracti64x4_epi64(moved, 1));
    __m128i rest = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    uint64_t state = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(rest, 0));
    return (uint32_t)_mm_crc32_u64(state, (uint64_t)_mm_extract_epi64(rest, 1));
}

/* 64 bytes congruent to `bytes` bytes (a multiple of 256, at least 256) with `state` added in
 * front. Four named accumulators: in an array gcc 12 keeps them in memory and loses a quarter of
 * the speed.
 */
static CRC32C_AVX512 ALWAYS_INLINE __m512i crc32c_fold_large(__m512i state, uint8_t *dst,
                                                             const uint8_t *src, size_t bytes,
                                                             bool is_copy)
{
    __m512i constants = crc32c_constants(CRC32C_FOLD_2048_LOW, CRC32C_FOLD_2048_HIGH);
    __m512i acc_0 = _mm512_xor_si512(crc32c_take512(dst, src, 0, is_copy), state);
    __m512i acc_1 = crc32c_take512(dst, src, 64, is_copy);
    __m512i acc_2 = crc32c_take512(dst, src, 128, is_copy);
    __m512i acc_3 = crc32c_take512(dst, src, 192, is_copy);
    for (size_t pos = 256; pos < bytes; pos += 256) {
        acc_0 = crc32c_fold(acc_0, constants, crc32c_take512(dst, src, pos, is_copy));
        acc_1 = crc32c_fold(acc_1, constants, crc32c_take512(dst, src, pos + 64, is_copy));
        acc_2 = crc32c_fold(acc_2, constants, crc32c_take512(dst, src, pos + 128, is_copy));
        acc_3 = crc32c_fold(acc_3, constants, crc32c_take512(dst, src, pos + 192, is_copy));
    }
    constants = crc32c_constants(CRC32C_FOLD_512_LOW, CRC32C_FOLD_512_HIGH);
    acc_1 = crc32c_fold(acc_0, constants, acc_1);
    acc_2 = crc32c_fold(acc_1, constants, acc_2);
    return crc32c_fold(acc_2, constants, acc_3);
}

static CRC32C_AVX512 ALWAYS_INLINE uint32_t crc32c_avx512_run(uint32_t state, uint8_t *dst,
                                                              const uint8_t *src, size_t length,
                                                              bool is_copy)
{
    if (length < CRC32C_AVX512_BYTES_MIN) {
        return crc32c_serial(state, dst, src, 0, length, is_copy);
    }
    __m512i acc = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state));
    size_t pos;
    if (length >= 256) {
        pos = length / 256 * 256;
        acc = crc32c_fold_large(acc, dst, src, pos, is_copy);
    } else {
        pos = 64;
        acc = _mm512_xor_si512(crc32c_take512(dst, src, 0, is_copy), acc);
    }
    __m512i constants = crc32c_constants(CRC32C_FOLD_512_LOW, CRC32C_FOLD_512_HIGH);
    for (; length - pos >= 64; pos += 64) {
        acc = crc32c_fold(acc, constants, crc32c_take512(dst, src, pos, is_copy));
    }
    return crc32c_serial(crc32c_reduce(acc), dst, src, pos, length, is_copy);
}

static CRC32C_AVX512 uint32_t crc32c_avx512_extend(uint32_t state, const void *data, size_t length)
{
    return crc32c_avx512_run(state, NULL, data, length, false);
}

static CRC32C_AVX512 uint32_t crc32c_avx512_copy(uint32_t state, void *dst, const void *src,
                                                 size_t length)
{
    return crc32c_avx512_run(state, dst, src, length, true);
}

#endif
