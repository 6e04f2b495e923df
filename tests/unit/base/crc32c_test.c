/* CRC-32C: the RFC's vectors, the constants by long division, every kernel against the definition.
 */
#include "base/crc32c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c_kernels.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define CRC32C_TEST_BYTES (3 * 3 * CRC32C_LONG_BYTES + 3 * CRC32C_SHORT_BYTES + 128)
#define CRC32C_ALIGNS     64

/* The kernels this machine can run, by lowering its level step by step. */
static size_t crc32c_test_kernels(const struct crc32c *out[CPU_LEVEL_COUNT])
{
    size_t count = 0;
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct cpu cpu;
        cpu_detect(&cpu);
        if (cpu_force(&cpu, cpu_level_name(level)) == ERR_OK) {
            out[count++] = crc32c_for(&cpu);
        }
    }
    return count;
}

/* The definition (RFC 3720, 12.1), a bit at a time. */
static uint32_t crc32c_naive(uint32_t crc, const uint8_t *data, size_t length)
{
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ CRC32C_POLY : crc >> 1;
        }
    }
    return ~crc;
}

/* RFC 3720, appendix B.4 (the RFC prints the bytes as sent, least significant first); the last row
 * is the check value of the catalogue of parametrised CRC algorithms (CRC-32/ISCSI). */
static const uint8_t crc32c_zeros[32];
static const uint8_t crc32c_ones[32] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};
static const uint8_t crc32c_up[32] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
};
static const uint8_t crc32c_down[32] = {
    31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
    15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1,  0,
};
static const uint8_t crc32c_read_pdu[48] = {
    0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
    0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,    0,
};
static const struct {
    const void *data;
    size_t length;
    uint32_t crc;
} crc32c_rows[] = {
    {crc32c_zeros, 32, 0x8a9136aa},
    {crc32c_ones, 32, 0x62a8ab43},
    {crc32c_up, 32, 0x46dd794e},
    {crc32c_down, 32, 0x113fdb5c},
    {crc32c_read_pdu, 48, 0xd9963a56},
    {"123456789", 9, 0xe3069283},
    {NULL, 0, 0},
};

static void crc32c_gives_the_vectors_of_rfc_3720(void **state)
{
    (void)state;
    const struct crc32c *kernels[CPU_LEVEL_COUNT];
    size_t count = crc32c_test_kernels(kernels);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < ARRAY_COUNT(crc32c_rows); i++) {
            uint8_t copy[48];
            size_t length = crc32c_rows[i].length;
            assert_int_equal(crc32c(kernels[k], 0, crc32c_rows[i].data, length),
                             crc32c_rows[i].crc);
            assert_int_equal(crc32c_copy(kernels[k], copy, crc32c_rows[i].data, length, 0),
                             crc32c_rows[i].crc);
            assert_memory_equal(copy, length > 0 ? crc32c_rows[i].data : copy, length);
        }
    }
}

static void crc32c_kernels_follow_the_instruction_set(void **state)
{
    (void)state;
    static const struct {
        struct cpu cpu;
        const char *name;
    } rows[] = {
        {{.level = CPU_SCALAR}, "scalar"},
        {{.level = CPU_SSE42, .has_sse42 = true, .has_pclmul = true}, "sse42"},
        {{.level = CPU_AVX2, .has_sse42 = true, .has_pclmul = true, .has_avx2 = true}, "sse42"},
        {{.level = CPU_AVX512, .has_sse42 = true, .has_pclmul = true, .has_avx512 = true}, "sse42"},
        {{.level = CPU_AVX512, .has_sse42 = true, .has_avx512 = true, .has_vpclmul = true},
         "avx512"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_string_equal(crc32c_for(&rows[i].cpu)->name, rows[i].name);
    }
}

/* x^exponent mod P, reflected: one multiplication by x at a time, as in long division. */
static uint32_t crc32c_power(unsigned long exponent)
{
    uint64_t value = 1; /* not reflected: bit n is x^n; P = 0x11EDC6F41 */
    for (unsigned long i = 0; i < exponent; i++) {
        value <<= 1;
        value ^= (value >> 32) * 0x11edc6f41u;
    }
    uint32_t reflected = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        reflected |= (uint32_t)(value >> bit & 1) << (31 - bit);
    }
    return reflected;
}

static void crc32c_constants_are_powers_of_x(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned long exponent;
        uint32_t value;
    } rows[] = {
#define CRC32C_CONSTANT_ROW(name, exponent, value) {#name, exponent, value},
        CRC32C_CONSTANTS(CRC32C_CONSTANT_ROW)
#undef CRC32C_CONSTANT_ROW
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (crc32c_power(rows[i].exponent) != rows[i].value) {
            fail_msg("%s: want 0x%08x", rows[i].name, crc32c_power(rows[i].exponent));
        }
    }
    for (unsigned n = 0; n < 20; n++) { /* the others by the lengths they join, below */
        assert_int_equal(crc32c_squares[n], crc32c_power(1ul << n));
    }
}

static void crc32c_of_every_short_length_is_by_definition(void **state)
{
    (void)state;
    const struct crc32c *kernels[CPU_LEVEL_COUNT];
    size_t count = crc32c_test_kernels(kernels);
    uint8_t data[3 * CRC32C_SHORT_BYTES + 80];
    struct prng prng;
    prng_init(&prng, 1);
    prng_fill(&prng, data, sizeof(data));
    uint32_t want = 0;
    for (size_t length = 0; length <= sizeof(data); length++) {
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(crc32c(kernels[k], 0, data, length), want);
        }
        want = length < sizeof(data) ? crc32c_naive(want, data + length, 1) : want;
    }
}

/* One property case: `length` bytes at `data`, to be copied to `target`; both end where their
 * memory ends, so that ASan sees a byte too many. */
struct crc32c_case {
    const uint8_t *data;
    uint8_t *target;
    size_t length;
    size_t split;  /* 0..length: where the bytes are cut in two */
    uint32_t want; /* their checksum by definition */
};

static bool crc32c_case_holds(const struct crc32c_case *c, const struct crc32c *kernels)
{
    const uint8_t *rest = c->data + c->split;
    size_t rest_bytes = c->length - c->split;
    uint32_t whole = crc32c(kernels, 0, c->data, c->length);
    uint32_t first = crc32c(kernels, 0, c->data, c->split);
    uint32_t parts = crc32c(kernels, first, rest, rest_bytes);
    uint32_t joined = crc32c_combine(first, crc32c(kernels, 0, rest, rest_bytes), rest_bytes);
    memset(c->target, 0xa5, c->length);
    uint32_t copied = crc32c_copy(kernels, c->target, c->data, c->split, 0);
    copied = crc32c_copy(kernels, c->target + c->split, rest, rest_bytes, copied);
    return whole == c->want && parts == c->want && joined == c->want && copied == c->want &&
           memcmp(c->target, c->data, c->length) == 0;
}

static void crc32c_case_run(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    size_t length_max = prng_chance(&prng, 1, 4) ? CRC32C_TEST_BYTES : 1200;
    struct crc32c_case c = {.length = (size_t)prng_range(&prng, 0, length_max)};
    c.split = (size_t)prng_range(&prng, 0, c.length);
    size_t at = (size_t)prng_below(&prng, CRC32C_ALIGNS);
    size_t to = (size_t)prng_below(&prng, CRC32C_ALIGNS);
    uint8_t *source = malloc(at + c.length + 1);
    uint8_t *target = malloc(to + c.length + 1);
    assert_non_null(source);
    assert_non_null(target);
    prng_fill(&prng, source + at + 1, c.length);
    c.data = source + at + 1;
    c.target = target + to + 1;
    c.want = crc32c_naive(0, c.data, c.length);
    const struct crc32c *kernels[CPU_LEVEL_COUNT];
    size_t count = crc32c_test_kernels(kernels);
    for (size_t k = 0; k < count; k++) {
        if (!crc32c_case_holds(&c, kernels[k])) {
            fail_msg("%s: %zu bytes split at %zu: seed %llu", kernels[k]->name, c.length, c.split,
                     (unsigned long long)seed);
        }
    }
    free(source);
    free(target);
}

static void crc32c_kernels_agree_on_any_length_alignment_and_split(void **state)
{
    (void)state;
    struct share share = share_open("kernels against the definition", 90);
    while (share_more(&share)) {
        crc32c_case_run(share_case_seed(&share));
    }
    share_close(&share);
}

static void crc32c_combine_takes_any_length(void **state)
{
    (void)state;
    assert_int_equal(crc32c_combine(0x12345678, 0, 0), 0x12345678);
    assert_int_equal(crc32c_combine(0, 0x12345678, UINT64_MAX), 0x12345678);
    /* The order of x divides 2^31 - 1, so that many bytes more change nothing: Castagnoli et al.,
     * "Optimization of Cyclic Redundancy-Check Codes with 24 and 32 Parity Bits", 1993. */
    for (uint64_t length = 1; length < (uint64_t)1 << 62; length = length * 3 + 1) {
        uint32_t once = crc32c_combine(0xdeadbeef, 0x12345678, length);
        assert_int_equal(crc32c_combine(0xdeadbeef, 0x12345678, length + INT32_MAX), once);
        /* A step at a time is as good as all at once. */
        uint32_t half = crc32c_combine(0xdeadbeef, 0, length / 2);
        assert_int_equal(crc32c_combine(half, 0x12345678, length - length / 2), once);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_vectors_of_rfc_3720),
        cmocka_unit_test(crc32c_kernels_follow_the_instruction_set),
        cmocka_unit_test(crc32c_constants_are_powers_of_x),
        cmocka_unit_test(crc32c_of_every_short_length_is_by_definition),
        cmocka_unit_test(crc32c_kernels_agree_on_any_length_alignment_and_split),
        cmocka_unit_test(crc32c_combine_takes_any_length),
    };
    return cmocka_run_group_tests_name("base_crc32c", tests, NULL, NULL);
}
