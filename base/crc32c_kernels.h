/* The kernels crc32c.c chooses among, and the constants they compute with.
 *
 * Polynomials over GF(2) are written reflected, as the crc32 instruction has them: bit 0 of a
 * 32-bit value is the coefficient of x^31. P is the Castagnoli polynomial. Multiplying by x shifts
 * right. */
#ifndef BASE_CRC32C_KERNELS_H
#define BASE_CRC32C_KERNELS_H

#include "base/crc32c.h"

/* P without its x^32. */
#define CRC32C_POLY 0x82f63b78u

/* The bytes of each of the three streams the SSE4.2 kernel reads side by side, in large blocks and
 * in small ones. */
#define CRC32C_LONG_BYTES  4096
#define CRC32C_SHORT_BYTES 256

/* x^exponent mod P, for the carry-less products. name, exponent, value.
 *
 * pclmulqdq multiplies reflected 64-bit values; the product of two of them is reflected in 127
 * bits, so it comes out multiplied by x. With the constant c in the low half of its register (that
 * is, multiplied by x^32), a product means a * c * x^33. Moving a value over D bits of the message
 * then takes c = x^(D-33); the low half of a 128-bit value, which stands 64 bits higher, takes
 * x^(D+64-33).
 *
 * FOLD_* move 128 bits: over the four accumulators of the AVX-512 kernel (2048 bits), over one
 * (512) and over the lanes of one (384, 256, 128). MERGE_* move the first and second of three
 * streams over what follows them. tests/unit/base/crc32c_test.c recomputes every value by long
 * division. Method: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction" and "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2009
 * and 2011. */
#define CRC32C_CONSTANTS(X)                                                                        \
    X(FOLD_2048_LOW, 2048 + 31, 0xdcb17aa4u)                                                       \
    X(FOLD_2048_HIGH, 2048 - 33, 0xb9e02b86u)                                                      \
    X(FOLD_512_LOW, 512 + 31, 0x740eef02u)                                                         \
    X(FOLD_512_HIGH, 512 - 33, 0x9e4addf8u)                                                        \
    X(FOLD_384_LOW, 384 + 31, 0x1c291d04u)                                                         \
    X(FOLD_384_HIGH, 384 - 33, 0xddc0152bu)                                                        \
    X(FOLD_256_LOW, 256 + 31, 0x3da6d0cbu)                                                         \
    X(FOLD_256_HIGH, 256 - 33, 0xba4fc28eu)                                                        \
    X(FOLD_128_LOW, 128 + 31, 0xf20c0dfeu)                                                         \
    X(FOLD_128_HIGH, 128 - 33, 0x493c7d27u)                                                        \
    X(MERGE_LONG_2, 2 * 8 * CRC32C_LONG_BYTES - 33, 0x54a86326u)                                   \
    X(MERGE_LONG_1, 8 * CRC32C_LONG_BYTES - 33, 0x82f89c77u)                                       \
    X(MERGE_SHORT_2, 2 * 8 * CRC32C_SHORT_BYTES - 33, 0xdd7e3b0cu)                                 \
    X(MERGE_SHORT_1, 8 * CRC32C_SHORT_BYTES - 33, 0xb9e02b86u)

enum {
#define CRC32C_CONSTANT_ENUM(name, exponent, value) CRC32C_##name = (value),
    CRC32C_CONSTANTS(CRC32C_CONSTANT_ENUM)
#undef CRC32C_CONSTANT_ENUM
};

/* x^(2^n) mod P for n = 0..30. The sequence repeats from there: x^(2^31) = x, because P is (x + 1)
 * times a primitive polynomial of degree 31. */
#define CRC32C_SQUARES 31
extern const uint32_t crc32c_squares[CRC32C_SQUARES];

/* The kernels, slowest first. Only crc32c_scalar exists on other architectures than x86-64. */
extern const struct crc32c crc32c_scalar;
extern const struct crc32c crc32c_sse42;
extern const struct crc32c crc32c_avx512;

#endif
