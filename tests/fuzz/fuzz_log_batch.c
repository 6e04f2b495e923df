/* Batch headers: any bytes are decoded or refused; what was decoded encodes to the bytes it came
 * from, a patch changes what it says and nothing else, and with its checksum right a batch is sound
 * until one bit is not. */
#include <stdlib.h>
#include <string.h>

#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "tests/fuzz/fuzz.h"

/* Where Kafka's checksum stands, and what it covers from. */
#define FUZZ_CRC_POS     17
#define FUZZ_COVERED_POS 21

/* The header of `batch`, by the layout of Kafka's DefaultRecordBatch. */
static void fuzz_encode(const struct log_batch *batch, uint8_t out[LOG_BATCH_HEADER_BYTES])
{
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES);
    bytes_put_u64be(&w, batch->base_offset);
    bytes_put_u32be(&w, batch->length_bytes - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, batch->term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, batch->crc);
    bytes_put_u16be(&w, batch->attributes);
    bytes_put_u32be(&w, (uint32_t)batch->last_offset_delta);
    bytes_put_u64be(&w, (uint64_t)batch->base_timestamp);
    bytes_put_u64be(&w, (uint64_t)batch->max_timestamp);
    bytes_put_u64be(&w, (uint64_t)batch->producer_id);
    bytes_put_u16be(&w, (uint16_t)batch->producer_epoch);
    bytes_put_u32be(&w, (uint32_t)batch->base_sequence);
    bytes_put_u32be(&w, batch->records_count);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_BATCH_HEADER_BYTES);
}

static void fuzz_is_believable(const struct log_batch *batch)
{
    bool is_internal = (batch->attributes & LOG_BATCH_INTERNAL) != 0;
    ASSERT(batch->length_bytes >= LOG_BATCH_HEADER_BYTES);
    ASSERT(batch->length_bytes <= LIMIT_BATCH_BYTES);
    ASSERT(batch->kind < LOG_KIND_COUNT);
    ASSERT(is_internal == (batch->kind != LOG_KIND_DATA));
    ASSERT(is_internal == (batch->last_offset_delta == -1));
    ASSERT(IMPLIES(is_internal, log_batch_next_offset(batch) == batch->base_offset));
    ASSERT(log_batch_next_offset(batch) <= LOG_NUMBER_MAX);
    ASSERT(batch->records_count <= INT32_MAX);
}

/* An internal entry with the payload and the fields of a decoded one is that one, as far as these
 * fields go. */
static void fuzz_internal(const struct crc32c *kernels, const struct log_batch *batch,
                          const uint8_t *payload, size_t payload_bytes)
{
    uint8_t *out = malloc(LOG_BATCH_HEADER_BYTES + payload_bytes);
    ASSERT(out != NULL);
    uint32_t term = batch->term <= LIMIT_TERM ? batch->term : 0;
    struct bytes_writer w = bytes_writer(out, LOG_BATCH_HEADER_BYTES + payload_bytes);
    log_batch_put_internal(&w, kernels, batch->kind, payload, payload_bytes, batch->base_offset,
                           term, batch->max_timestamp);
    ASSERT(w.err == ERR_OK);
    struct log_batch back;
    enum err err = log_batch_decode(out, w.pos, &back);
    ASSERT(err == ERR_OK);
    ASSERT(back.length_bytes == w.pos);
    ASSERT(back.kind == batch->kind);
    ASSERT(back.attributes == batch->attributes);
    ASSERT(back.base_offset == batch->base_offset);
    ASSERT(back.term == term);
    ASSERT(back.max_timestamp == batch->max_timestamp);
    ASSERT(back.producer_id == -1);
    ASSERT(log_batch_is_sound(kernels, out, w.pos));
    ASSERT(memcmp(out + LOG_BATCH_HEADER_BYTES, payload, payload_bytes) == 0);
    free(out);
}

static void fuzz_header(const struct crc32c *kernels, uint8_t *data, size_t size)
{
    struct log_batch batch;
    if (log_batch_decode(data, size, &batch) != ERR_OK) {
        ASSERT(batch.length_bytes == 0);
        return;
    }
    fuzz_is_believable(&batch);
    uint8_t header[LOG_BATCH_HEADER_BYTES];
    fuzz_encode(&batch, header);
    ASSERT(memcmp(header, data, sizeof(header)) == 0);
    if (batch.kind != LOG_KIND_DATA) {
        fuzz_internal(kernels, &batch, data + LOG_BATCH_HEADER_BYTES,
                      size - LOG_BATCH_HEADER_BYTES);
    }
    bool was_sound = log_batch_is_sound(kernels, data, size);
    uint64_t offset = batch.base_offset / 2;
    log_batch_patch(data, offset, LIMIT_TERM);
    ASSERT(log_batch_is_sound(kernels, data, size) == was_sound);
    struct log_batch patched;
    enum err err = log_batch_decode(data, size, &patched);
    ASSERT(err == ERR_OK);
    ASSERT(patched.base_offset == offset);
    ASSERT(patched.term == LIMIT_TERM);
    batch.base_offset = offset;
    batch.term = LIMIT_TERM;
    fuzz_encode(&batch, header);
    ASSERT(memcmp(header, data, sizeof(header)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    struct log_batch batch;
    if (size < LOG_BATCH_HEADER_BYTES) {
        enum err err = log_batch_decode(data, size, &batch);
        ASSERT(err == ERR_TRUNCATED);
        return 0;
    }
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    fuzz_header(kernels, copy, size);
    memcpy(copy, data, size);
    uint32_t crc = crc32c(kernels, 0, copy + FUZZ_COVERED_POS, size - FUZZ_COVERED_POS);
    struct bytes_writer w = bytes_writer(copy + FUZZ_CRC_POS, 4);
    bytes_put_u32be(&w, crc);
    ASSERT(log_batch_is_sound(kernels, copy, size));
    size_t pos = FUZZ_CRC_POS + crc % (size - FUZZ_CRC_POS);
    copy[pos] ^= (uint8_t)(1u << data[0] % 8);
    ASSERT(!log_batch_is_sound(kernels, copy, size));
    copy[pos] ^= (uint8_t)(1u << data[0] % 8);
    fuzz_header(kernels, copy, size);
    free(copy);
    return 0;
}
