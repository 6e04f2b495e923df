/* Sidecars. The input's first byte says what follows: a header, records (group 8 and generation 4
 * first), or batch headers to fill records from. As they are they are refused unless their
 * checksums are right; with right ones and zeros in what is reserved, what decodes encodes to the
 * same bytes, and of another segment nothing decodes. */
#include <string.h>

#include "storage/log/sidecar.h"
#include "tests/fuzz/fuzz.h"

/* Put the checksum of the first 92 bytes behind them. */
static void fuzz_seal(const struct crc32c *kernels, uint32_t seed, uint8_t data[LOG_SIDECAR_BYTES])
{
    struct bytes_writer w = bytes_writer(data, LOG_SIDECAR_BYTES);
    w.pos = LOG_SIDECAR_BYTES - 4;
    log_crc_put(&w, kernels, seed, 0);
    ASSERT(w.err == ERR_OK);
}

static void fuzz_header(const struct crc32c *kernels, const uint8_t *data, size_t size,
                        bool is_sealed)
{
    struct log_sidecar_header header;
    enum err err = log_sidecar_header_decode(data, size, kernels, &header);
    ASSERT((err == ERR_TRUNCATED) == (size < LOG_SIDECAR_BYTES));
    if (err != ERR_OK) {
        ASSERT(header.group == 0);
        ASSERT(header.start.index == 0);
        return;
    }
    ASSERT(header.start.index >= 1);
    ASSERT(header.features.incompat == 0);
    uint8_t out[LOG_SIDECAR_BYTES];
    log_sidecar_header_encode(&header, kernels, out);
    ASSERT(IMPLIES(is_sealed, memcmp(out, data, sizeof(out)) == 0));
}

static void fuzz_record(const struct crc32c *kernels, uint32_t seed, const uint8_t *data,
                        size_t size, bool is_sealed)
{
    struct log_sidecar rec;
    enum err err = log_sidecar_decode(data, size, kernels, seed, &rec);
    ASSERT((err == ERR_TRUNCATED) == (size < LOG_SIDECAR_BYTES));
    if (err != ERR_OK) {
        ASSERT(rec.index == 0);
        ASSERT(rec.length == 0);
        return;
    }
    ASSERT(rec.index >= 1);
    ASSERT(rec.last_index >= rec.index);
    ASSERT(log_sidecar_next_offset(&rec) >= rec.base_offset);
    ASSERT(log_sidecar_next_offset(&rec) <= LOG_NUMBER_MAX);
    ASSERT((uint64_t)rec.pos + rec.length <= UINT32_MAX);
    uint8_t out[LOG_SIDECAR_BYTES];
    log_sidecar_encode(&rec, kernels, seed, out);
    ASSERT(IMPLIES(is_sealed, memcmp(out, data, sizeof(out)) == 0));
    err = log_sidecar_decode(data, size, kernels, seed ^ 1, &rec);
    ASSERT(err == ERR_CORRUPT);
}

static void fuzz_records(const struct crc32c *kernels, const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    uint64_t group = bytes_get_u64le(&r);
    uint32_t generation = bytes_get_u32le(&r);
    uint32_t seed = log_sidecar_seed(kernels, group, generation);
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0) {
        fuzz_record(kernels, seed, data + r.pos, bytes_reader_left(&r), false);
        uint8_t copy[LOG_SIDECAR_BYTES];
        bytes_get_copy(&r, copy, sizeof(copy));
        if (r.err == ERR_OK) {
            memset(copy + 62, 0, 2);
            fuzz_seal(kernels, seed, copy);
            fuzz_record(kernels, seed, copy, sizeof(copy), true);
        }
    }
}

/* Batches as a log appends them: what one of them is, its record says. */
static void fuzz_batches(const struct crc32c *kernels, const uint8_t *data, size_t size)
{
    struct bytes_reader r = bytes_reader(data, size);
    struct hash128 chain = {0};
    uint64_t index = 1;
    uint32_t pos = 0;
    int64_t max_timestamp = -1;
    while (bytes_reader_left(&r) >= LOG_BATCH_HEADER_BYTES) {
        const uint8_t *header = bytes_get_view(&r, LOG_BATCH_HEADER_BYTES);
        struct log_batch batch;
        enum err err = log_batch_decode(header, LOG_BATCH_HEADER_BYTES, &batch);
        if (err != ERR_OK || batch.term > LIMIT_TERM || batch.length_bytes > UINT32_MAX - pos) {
            continue;
        }
        uint32_t header_crc = log_batch_header_crc(kernels, header);
        chain = log_chain(chain, index, batch.term, &batch, header_crc);
        struct log_sidecar rec;
        log_sidecar_fill(&rec, index, pos, &batch, header_crc, chain, max_timestamp);
        ASSERT(rec.max_timestamp >= max_timestamp);
        ASSERT(rec.max_timestamp >= batch.max_timestamp);
        ASSERT(log_sidecar_next_offset(&rec) == log_batch_next_offset(&batch));
        uint8_t out[LOG_SIDECAR_BYTES];
        log_sidecar_encode(&rec, kernels, 0, out);
        fuzz_record(kernels, 0, out, sizeof(out), true);
        max_timestamp = rec.max_timestamp;
        pos += batch.length_bytes;
        index++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    unsigned what = data[0] % 3;
    data++;
    size--;
    if (what == 0) {
        fuzz_header(kernels, data, size, false);
        if (size >= LOG_SIDECAR_BYTES) {
            uint8_t copy[LOG_SIDECAR_BYTES];
            memcpy(copy, data, sizeof(copy));
            memset(copy + 6, 0, 2);
            memset(copy + 88, 0, 4);
            fuzz_seal(kernels, 0, copy);
            fuzz_header(kernels, copy, sizeof(copy), true);
        }
    } else if (what == 1) {
        fuzz_records(kernels, data, size);
    } else {
        fuzz_batches(kernels, data, size);
    }
    return 0;
}
