/* groups.tab: the input is the header's 60 bytes, then rows. As they are they are refused unless
 * their checksums are right; with right checksums and zeros in what is reserved, what decodes
 * encodes to the same bytes, and not under another table's seed. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/table.h"
#include "tests/fuzz/fuzz.h"

/* The header's fields, their checksum last. */
#define FUZZ_FIELDS_BYTES 60u

/* Reserved bytes of a row. */
static const struct {
    size_t pos;
    size_t bytes;
} fuzz_reserved[] = {{30, 2}, {76, 4}, {116, 4}, {156, 4}, {188, 64}};

/* Put the checksum of all but the last 4 of `bytes` bytes there. */
static void fuzz_seal(const struct crc32c *kernels, uint32_t seed, uint8_t *data, size_t bytes)
{
    struct bytes_writer w = bytes_writer(data, bytes);
    w.pos = bytes - 4;
    log_crc_put(&w, kernels, seed, 0);
    ASSERT(w.err == ERR_OK);
}

/* Decode; where that succeeds, *seed is that of the rows. */
static void fuzz_header(const struct crc32c *kernels, const uint8_t *data, size_t size,
                        uint32_t *seed)
{
    struct log_table_header header;
    enum err err = log_table_header_decode(data, size, kernels, false, &header);
    ASSERT((err == ERR_TRUNCATED) == (size < FUZZ_FIELDS_BYTES));
    if (err != ERR_OK) {
        ASSERT(header.number == 0);
        ASSERT(header.rows_count == 0);
        return;
    }
    ASSERT(log_table_bytes(header.rows_count) % LIMIT_BLOCK_BYTES == 0);
    *seed = log_table_seed(kernels, &header.disk, header.number);
    uint8_t out[LOG_TABLE_HEADER_BYTES];
    log_table_header_encode(&header, kernels, out);
    ASSERT(memcmp(out, data, FUZZ_FIELDS_BYTES) == 0);
    struct log_table_header again;
    enum err write = log_table_header_decode(data, size, kernels, true, &again);
    ASSERT(write == (header.features.ro == 0 ? ERR_OK : ERR_UNSUPPORTED));
}

static void fuzz_row(const struct crc32c *kernels, const uint8_t *data, size_t size)
{
    struct log_row row;
    enum err err = log_row_decode(data, size, kernels, 0, &row);
    ASSERT((err == ERR_TRUNCATED) == (size < LOG_TABLE_ROW_BYTES));
    ASSERT(IMPLIES(err != ERR_OK, row.group == 0 && row.seq == 0));
}

/* A whole row with its reserved bytes zero and its checksum right. */
static void fuzz_row_sealed(const struct crc32c *kernels, uint32_t seed, const uint8_t *data)
{
    uint8_t copy[LOG_TABLE_ROW_BYTES];
    memcpy(copy, data, sizeof(copy));
    for (size_t i = 0; i < ARRAY_COUNT(fuzz_reserved); i++) {
        memset(copy + fuzz_reserved[i].pos, 0, fuzz_reserved[i].bytes);
    }
    fuzz_seal(kernels, seed, copy, sizeof(copy));
    struct log_row row;
    enum err err = log_row_decode(copy, sizeof(copy), kernels, seed, &row);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT);
    if (err == ERR_OK) {
        ASSERT(row.start.index <= LOG_NUMBER_MAX);
        ASSERT(row.end.offset <= LOG_NUMBER_MAX);
        ASSERT(row.written_bytes % LIMIT_BLOCK_BYTES == 0);
        uint8_t out[LOG_TABLE_ROW_BYTES];
        log_row_encode(&row, kernels, seed, out);
        ASSERT(memcmp(out, copy, sizeof(out)) == 0);
    }
    err = log_row_decode(copy, sizeof(copy), kernels, seed ^ 1, &row);
    ASSERT(err == ERR_CORRUPT);
    size_t pos = data[0]; /* any byte of the row */
    copy[pos] ^= (uint8_t)(1u << data[1] % 8);
    err = log_row_decode(copy, sizeof(copy), kernels, seed, &row);
    ASSERT(err == ERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    uint32_t seed = 0;
    fuzz_header(kernels, data, size, &seed);
    if (size < FUZZ_FIELDS_BYTES) {
        return 0;
    }
    uint8_t header[FUZZ_FIELDS_BYTES];
    memcpy(header, data, sizeof(header));
    fuzz_seal(kernels, 0, header, sizeof(header));
    fuzz_header(kernels, header, sizeof(header), &seed);
    for (size_t pos = FUZZ_FIELDS_BYTES; pos < size; pos += LOG_TABLE_ROW_BYTES) {
        size_t left = size - pos;
        fuzz_row(kernels, data + pos, left);
        if (left >= LOG_TABLE_ROW_BYTES) {
            fuzz_row_sealed(kernels, seed, data + pos);
        }
    }
    return 0;
}
