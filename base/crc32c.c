/* CRC-32C: choice of kernels, the portable one, joining of checksums. See crc32c.h; the fast
 * kernels are in crc32c_x86.c.
 *
 * The portable kernel is slicing-by-8 (Kounavis and Berry, "A Systematic Approach to Building High
 * Performance Software-Based CRC Generators", 2005): eight table look-ups for eight bytes, the
 * table of slice k giving what a byte contributes when k bytes follow it. Slices are linear, so the
 * compiler makes their 2048 entries from 64 powers of x, each one step from the one before: the
 * polynomial is the only number written down. */
#include "base/crc32c.h"

#include <endian.h>
#include <string.h>

#include "base/crc32c_kernels.h"

/* Copying goes through pieces that stay in the first-level cache between their copy and their
 * checksum. */
#define CRC32C_COPY_BYTES 4096

static uint32_t crc32c_scalar_extend(uint32_t state, const void *data, size_t length);
static uint32_t crc32c_scalar_copy(uint32_t state, void *dst, const void *src, size_t length);
static uint32_t crc32c_multiply(uint32_t a, uint32_t b);

const struct crc32c crc32c_scalar = {
    .name = "scalar",
    .extend = crc32c_scalar_extend,
    .copy = crc32c_scalar_copy,
};

const uint32_t crc32c_squares[CRC32C_SQUARES] = {
    0x40000000, 0x20000000, 0x08000000, 0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18,
    0x510ac59a, 0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a, 0x35d73a62,
    0x28461564, 0xbf455269, 0xe2ea32dc, 0xfe7740e6, 0xf946610b, 0x3c204f8f, 0x538586e3, 0x59726915,
    0x734d5309, 0xbc1ac763, 0x7d0722cc, 0xd289cabe, 0xe94ca9bc, 0x05b74f3f, 0xa51e1f42,
};

const struct crc32c *crc32c_for(const struct cpu *cpu)
{
#ifdef __x86_64__
    if (cpu->has_vpclmul) {
        return &crc32c_avx512;
    }
    if (cpu->has_sse42) {
        return &crc32c_sse42;
    }
#endif
    (void)cpu;
    return &crc32c_scalar;
}

uint32_t crc32c_combine(uint32_t a_crc, uint32_t b_crc, uint64_t b_bytes)
{
    uint32_t moved = a_crc; /* times x^(8 * b_bytes): 8 = 2^3, so bit i of b_bytes is x^(2^(i+3)) */
    for (unsigned i = 3; b_bytes != 0; i++, b_bytes >>= 1) {
        if (b_bytes & 1) {
            moved = crc32c_multiply(moved, crc32c_squares[i % CRC32C_SQUARES]);
        }
    }
    return moved ^ b_crc;
}

/* a * b mod P, bit by bit. */
static uint32_t crc32c_multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) { /* from x^0 upwards */
        product ^= (a & bit) != 0 ? b : 0;
        b = b >> 1 ^ (b & 1) * CRC32C_POLY;
    }
    return product;
}

/* CRC32C_<slice>_<bit>: the contribution of one bit of a byte that `slice` bytes follow. Bit 7 of
 * slice 0 is x^32 mod P; every next one down is one multiplication by x further. */
#define CRC32C_STEP(c) ((c) >> 1 ^ ((c)&1u) * CRC32C_POLY)
#define CRC32C_SLICE(k, before)                                                                    \
    CRC32C_##k##_7 = CRC32C_STEP(before), CRC32C_##k##_6 = CRC32C_STEP(CRC32C_##k##_7),            \
    CRC32C_##k##_5 = CRC32C_STEP(CRC32C_##k##_6), CRC32C_##k##_4 = CRC32C_STEP(CRC32C_##k##_5),    \
    CRC32C_##k##_3 = CRC32C_STEP(CRC32C_##k##_4), CRC32C_##k##_2 = CRC32C_STEP(CRC32C_##k##_3),    \
    CRC32C_##k##_1 = CRC32C_STEP(CRC32C_##k##_2), CRC32C_##k##_0 = CRC32C_STEP(CRC32C_##k##_1)

enum {
    CRC32C_SLICE(0, 1u),
    CRC32C_SLICE(1, CRC32C_0_0),
    CRC32C_SLICE(2, CRC32C_1_0),
    CRC32C_SLICE(3, CRC32C_2_0),
    CRC32C_SLICE(4, CRC32C_3_0),
    CRC32C_SLICE(5, CRC32C_4_0),
    CRC32C_SLICE(6, CRC32C_5_0),
    CRC32C_SLICE(7, CRC32C_6_0),
};

/* The entry for byte n: the sum of its bits' contributions. */
#define CRC32C_BIT(k, n, bit) (((n) >> bit & 1u) * CRC32C_##k##_##bit)
#define CRC32C_ENTRY(k, n)                                                                         \
    CRC32C_BIT(k, n, 0) ^ CRC32C_BIT(k, n, 1) ^ CRC32C_BIT(k, n, 2) ^ CRC32C_BIT(k, n, 3) ^        \
        CRC32C_BIT(k, n, 4) ^ CRC32C_BIT(k, n, 5) ^ CRC32C_BIT(k, n, 6) ^ CRC32C_BIT(k, n, 7)
#define CRC32C_ENTRIES_4(k, n)                                                                     \
    CRC32C_ENTRY(k, (n)), CRC32C_ENTRY(k, (n) + 1), CRC32C_ENTRY(k, (n) + 2),                      \
        CRC32C_ENTRY(k, (n) + 3)
#define CRC32C_ENTRIES_16(k, n)                                                                    \
    CRC32C_ENTRIES_4(k, (n)), CRC32C_ENTRIES_4(k, (n) + 4), CRC32C_ENTRIES_4(k, (n) + 8),          \
        CRC32C_ENTRIES_4(k, (n) + 12)
#define CRC32C_ENTRIES_64(k, n)                                                                    \
    CRC32C_ENTRIES_16(k, (n)), CRC32C_ENTRIES_16(k, (n) + 16), CRC32C_ENTRIES_16(k, (n) + 32),     \
        CRC32C_ENTRIES_16(k, (n) + 48)
#define CRC32C_TABLE(k)                                                                            \
    {                                                                                              \
        CRC32C_ENTRIES_64(k, 0u), CRC32C_ENTRIES_64(k, 64u), CRC32C_ENTRIES_64(k, 128u),           \
            CRC32C_ENTRIES_64(k, 192u)                                                             \
    }

static const uint32_t crc32c_slices[8][256] = {
    CRC32C_TABLE(0), CRC32C_TABLE(1), CRC32C_TABLE(2), CRC32C_TABLE(3),
    CRC32C_TABLE(4), CRC32C_TABLE(5), CRC32C_TABLE(6), CRC32C_TABLE(7),
};

static uint32_t crc32c_scalar_extend(uint32_t state, const void *data, size_t length)
{
    const uint32_t(*slices)[256] = crc32c_slices;
    const uint8_t *p = data;
    for (; length >= 8; length -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        word = le64toh(word) ^ state;
        state = slices[7][word & 0xff] ^ slices[6][word >> 8 & 0xff] ^
                slices[5][word >> 16 & 0xff] ^ slices[4][word >> 24 & 0xff] ^
                slices[3][word >> 32 & 0xff] ^ slices[2][word >> 40 & 0xff] ^
                slices[1][word >> 48 & 0xff] ^ slices[0][word >> 56];
    }
    for (; length > 0; length--, p++) {
        state = state >> 8 ^ slices[0][(state ^ *p) & 0xff];
    }
    return state;
}

static uint32_t crc32c_scalar_copy(uint32_t state, void *dst, const void *src, size_t length)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    while (length > 0) {
        size_t piece = length < CRC32C_COPY_BYTES ? length : CRC32C_COPY_BYTES;
        memcpy(to, from, piece);
        state = crc32c_scalar_extend(state, to, piece);
        to += piece;
        from += piece;
        length -= piece;
    }
    return state;
}
