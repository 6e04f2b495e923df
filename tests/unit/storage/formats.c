/* See formats.h. */
#include "tests/unit/storage/formats.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

const struct crc32c *formats_kernels(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

void formats_cut_is_truncated(const void *data, size_t length, formats_decode decode)
{
    assert_int_equal(decode(formats_kernels(), data, length), ERR_OK);
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, data, cut);
        enum err err = decode(formats_kernels(), copy, cut);
        free(copy);
        if (err != ERR_TRUNCATED) {
            fail_msg("cut at %zu: %s", cut, err_name(err));
        }
    }
}

void formats_flip_is_corrupt(const void *data, size_t length, size_t from, size_t to,
                             formats_decode decode)
{
    assert_true(from < to);
    assert_true(to <= length);
    uint8_t *copy = malloc(length);
    assert_non_null(copy);
    memcpy(copy, data, length);
    assert_int_equal(decode(formats_kernels(), copy, length), ERR_OK);
    for (size_t bit = from * 8; bit < to * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum err err = decode(formats_kernels(), copy, length);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (err != ERR_CORRUPT) {
            free(copy);
            fail_msg("bit %zu of byte %zu: %s", bit % 8, bit / 8, err_name(err));
        }
    }
    free(copy);
}

void formats_poke(uint8_t *data, size_t pos, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        data[pos + i] = (uint8_t)(value >> 8 * i);
    }
}

void formats_seal(uint8_t *data, size_t covered, uint32_t seed)
{
    formats_poke(data, covered, crc32c(formats_kernels(), seed, data, covered), 4);
}
