/* Checksums: every kernel this machine runs equals the portable one, whole, in two parts, copying
 * and joined. The first three bytes of an input say where it is cut and how the copy is aligned. */
#include "base/crc32c.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_kernels(const struct crc32c *kernels, const uint8_t *data, size_t length,
                         size_t cut, size_t align, uint32_t want)
{
    uint8_t *copy = malloc(align + length + 1);
    ASSERT(copy != NULL);
    uint32_t first = crc32c_copy(kernels, copy + align, data, cut, 0);
    uint32_t rest = crc32c(kernels, 0, data + cut, length - cut);
    ASSERT(crc32c(kernels, 0, data, length) == want);
    ASSERT(crc32c(kernels, first, data + cut, length - cut) == want);
    ASSERT(crc32c_combine(first, rest, length - cut) == want);
    ASSERT(crc32c_copy(kernels, copy + align + cut, data + cut, length - cut, first) == want);
    ASSERT(memcmp(copy + align, data, length) == 0);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    size_t cut = bytes_get_u16be(&r);
    size_t align = bytes_get_u8(&r) % 64;
    if (r.err != ERR_OK) {
        return 0;
    }
    size_t length = bytes_reader_left(&r);
    cut = cut < length ? cut : length;
    const uint8_t *body = bytes_get_view(&r, length);
    uint32_t want = 0;
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct cpu cpu;
        cpu_detect(&cpu);
        if (cpu_force(&cpu, cpu_level_name(level)) == ERR_OK) {
            const struct crc32c *kernels = crc32c_for(&cpu);
            want = level == CPU_SCALAR ? crc32c(kernels, 0, body, length) : want;
            fuzz_kernels(kernels, body, length, cut, align, want);
        }
    }
    return 0;
}
