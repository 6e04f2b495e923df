/* node.meta: the input is what stands at the beginning of each of the two blocks, 68 bytes, and the
 * file ends where the input does. A block whose checksum is right is believed or refused, the other
 * one never; of two the later boot counts; what was decoded encodes to the block it came from. */
#include <string.h>

#include "storage/log/meta.h"
#include "tests/fuzz/fuzz.h"

/* A block's fields, their checksum last; and where the boot epoch stands. */
#define FUZZ_FIELDS_BYTES   68u
#define FUZZ_BOOT_EPOCH_POS 56u

/* Bytes of the file when `size` bytes of input are there. */
static size_t fuzz_file(const uint8_t *data, size_t size, uint8_t file[LOG_META_BYTES])
{
    memset(file, 0, LOG_META_BYTES);
    size_t first = size < FUZZ_FIELDS_BYTES ? size : FUZZ_FIELDS_BYTES;
    memcpy(file, data, first);
    if (size <= FUZZ_FIELDS_BYTES) {
        return size;
    }
    size_t second = size - first < FUZZ_FIELDS_BYTES ? size - first : FUZZ_FIELDS_BYTES;
    memcpy(file + LIMIT_BLOCK_BYTES, data + first, second);
    return LIMIT_BLOCK_BYTES + second;
}

static void fuzz_seal(const struct crc32c *kernels, uint8_t *block)
{
    struct bytes_writer w = bytes_writer(block, FUZZ_FIELDS_BYTES);
    w.pos = FUZZ_FIELDS_BYTES - 4;
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.err == ERR_OK);
}

static uint64_t fuzz_boot_epoch(const uint8_t *block)
{
    struct bytes_reader r = bytes_reader(block + FUZZ_BOOT_EPOCH_POS, 8);
    return bytes_get_u64le(&r);
}

/* Decode for writing; where that succeeds, the file's blocks say so. */
static enum err fuzz_decode(const struct crc32c *kernels, const uint8_t *file, size_t length)
{
    struct log_meta meta;
    enum err err = log_meta_decode(file, length, kernels, true, &meta);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
    if (err != ERR_OK) {
        ASSERT(meta.boot_epoch == 0);
        ASSERT(log_uuid_is_zero(&meta.disk));
        return err;
    }
    ASSERT(meta.features.ro == 0);
    ASSERT(meta.features.incompat == 0);
    uint8_t out[LOG_META_BYTES];
    log_meta_encode(&meta, kernels, out);
    bool is_first = memcmp(out, file, FUZZ_FIELDS_BYTES) == 0;
    bool is_second = length >= LIMIT_BLOCK_BYTES + FUZZ_FIELDS_BYTES &&
                     memcmp(out, file + LIMIT_BLOCK_BYTES, FUZZ_FIELDS_BYTES) == 0;
    ASSERT(is_first || is_second);
    ASSERT(memcmp(out, out + LIMIT_BLOCK_BYTES, LIMIT_BLOCK_BYTES) == 0);
    struct log_meta reading;
    enum err read = log_meta_decode(file, length, kernels, false, &reading);
    ASSERT(read == ERR_OK);
    ASSERT(reading.boot_epoch == meta.boot_epoch);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    uint8_t file[LOG_META_BYTES];
    size_t length = fuzz_file(data, size, file);
    enum err plain = fuzz_decode(kernels, file, length);
    MAYBE(plain == ERR_OK);
    if (size < 2 * FUZZ_FIELDS_BYTES) {
        return 0;
    }
    enum err alone[2];
    for (size_t i = 0; i < 2; i++) { /* one block right, the other damaged */
        fuzz_file(data, size, file);
        uint8_t *block = file + i * LIMIT_BLOCK_BYTES;
        uint8_t *other = file + (1 - i) * LIMIT_BLOCK_BYTES;
        fuzz_seal(kernels, other);
        other[data[0] % FUZZ_FIELDS_BYTES] ^= 1;
        fuzz_seal(kernels, block);
        alone[i] = fuzz_decode(kernels, file, length);
    }
    fuzz_file(data, size, file);
    fuzz_seal(kernels, file);
    fuzz_seal(kernels, file + LIMIT_BLOCK_BYTES);
    enum err both = fuzz_decode(kernels, file, length);
    bool is_refused = alone[0] == ERR_UNSUPPORTED || alone[1] == ERR_UNSUPPORTED;
    ASSERT(is_refused == (both == ERR_UNSUPPORTED));
    if (alone[0] == ERR_OK && alone[1] == ERR_OK) {
        struct log_meta meta;
        enum err err = log_meta_decode(file, length, kernels, true, &meta);
        ASSERT(err == ERR_OK);
        ASSERT(meta.boot_epoch >= fuzz_boot_epoch(file));
        ASSERT(meta.boot_epoch >= fuzz_boot_epoch(file + LIMIT_BLOCK_BYTES));
    }
    return 0;
}
