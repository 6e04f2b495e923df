/* RecordBatch v2 headers. See batch.h. */
#include "storage/log/batch.h"

#include "base/assert.h"
#include "base/limits.h"
#include "storage/log/format.h"

/* Where the fields begin that are patched or summed up. */
#define LOG_BATCH_TERM_POS       12u
#define LOG_BATCH_CRC_POS        17u
#define LOG_BATCH_ATTRIBUTES_POS 21u

static bool log_batch_is_valid(const struct log_batch *batch);

enum err log_batch_decode(const void *data, size_t length, struct log_batch *out)
{
    *out = (struct log_batch){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_batch batch = {0};
    batch.base_offset = bytes_get_u64be(&r);
    uint64_t batch_length = bytes_get_u32be(&r);
    batch.term = bytes_get_u32be(&r);
    uint8_t magic = bytes_get_u8(&r);
    batch.crc = bytes_get_u32be(&r);
    batch.attributes = bytes_get_u16be(&r);
    batch.last_offset_delta = (int32_t)bytes_get_u32be(&r);
    batch.base_timestamp = (int64_t)bytes_get_u64be(&r);
    batch.max_timestamp = (int64_t)bytes_get_u64be(&r);
    batch.producer_id = (int64_t)bytes_get_u64be(&r);
    batch.producer_epoch = (int16_t)bytes_get_u16be(&r);
    batch.base_sequence = (int32_t)bytes_get_u32be(&r);
    batch.records_count = bytes_get_u32be(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != 2) {
        return ERR_UNSUPPORTED;
    }
    batch_length += LOG_BATCH_PREFIX_BYTES;
    if (batch_length < LOG_BATCH_HEADER_BYTES || batch_length > LIMIT_BATCH_BYTES) {
        return ERR_CORRUPT;
    }
    batch.length_bytes = (uint32_t)batch_length;
    if (!log_batch_is_valid(&batch)) {
        return ERR_CORRUPT;
    }
    batch.kind = (batch.attributes & LOG_BATCH_INTERNAL) != 0
                     ? (enum log_kind)(batch.attributes >> 8 & 0xf)
                     : LOG_KIND_DATA;
    *out = batch;
    return ERR_OK;
}

/* Whether offsets, counts and kind go together. */
static bool log_batch_is_valid(const struct log_batch *batch)
{
    if (batch->base_offset > LOG_NUMBER_MAX || batch->records_count > INT32_MAX) {
        return false;
    }
    if ((batch->attributes & LOG_BATCH_INTERNAL) != 0) {
        unsigned kind = batch->attributes >> 8 & 0xf;
        return kind > LOG_KIND_DATA && kind < LOG_KIND_COUNT && batch->last_offset_delta == -1 &&
               batch->records_count == 0;
    }
    return batch->last_offset_delta >= 0 &&
           (uint64_t)batch->last_offset_delta < LOG_NUMBER_MAX - batch->base_offset;
}

bool log_batch_is_sound(const struct crc32c *kernels, const void *data, size_t length)
{
    ASSERT(length >= LOG_BATCH_HEADER_BYTES);
    const uint8_t *bytes = data;
    struct bytes_reader r = bytes_reader(bytes + LOG_BATCH_CRC_POS, 4);
    return bytes_get_u32be(&r) ==
           crc32c(kernels, 0, bytes + LOG_BATCH_ATTRIBUTES_POS, length - LOG_BATCH_ATTRIBUTES_POS);
}

uint32_t log_batch_header_crc(const struct crc32c *kernels, const void *data)
{
    return crc32c(kernels, 0, data, LOG_BATCH_HEADER_BYTES);
}

void log_batch_patch(uint8_t *data, uint64_t base_offset, uint32_t term)
{
    struct bytes_writer offset = bytes_writer(data, 8);
    bytes_put_u64be(&offset, base_offset);
    struct bytes_writer epoch = bytes_writer(data + LOG_BATCH_TERM_POS, 4);
    bytes_put_u32be(&epoch, term);
}

uint64_t log_batch_next_offset(const struct log_batch *batch)
{
    return (uint64_t)((int64_t)batch->base_offset + batch->last_offset_delta + 1);
}

void log_batch_put_internal(struct bytes_writer *w, const struct crc32c *kernels,
                            enum log_kind kind, const void *payload, size_t payload_bytes,
                            uint64_t offset, uint32_t term, int64_t timestamp_ms)
{
    ASSERT(kind > LOG_KIND_DATA);
    ASSERT(kind < LOG_KIND_COUNT);
    if (payload_bytes > LIMIT_BATCH_BYTES - LOG_BATCH_HEADER_BYTES ||
        bytes_writer_left(w) < LOG_BATCH_HEADER_BYTES + payload_bytes) {
        w->err = w->err == ERR_OK ? ERR_TOO_LARGE : w->err;
        return;
    }
    size_t start = w->pos;
    bytes_put_u64be(w, offset);
    bytes_put_u32be(w, (uint32_t)(LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload_bytes));
    bytes_put_u32be(w, term);
    bytes_put_u8(w, 2);
    bytes_put_u32be(w, 0); /* the CRC, below */
    bytes_put_u16be(w, (uint16_t)(LOG_BATCH_INTERNAL | (unsigned)kind << 8));
    bytes_put_u32be(w, UINT32_MAX);
    bytes_put_u64be(w, (uint64_t)timestamp_ms);
    bytes_put_u64be(w, (uint64_t)timestamp_ms);
    bytes_put_u64be(w, UINT64_MAX);
    bytes_put_u16be(w, UINT16_MAX);
    bytes_put_u32be(w, UINT32_MAX);
    bytes_put_u32be(w, 0);
    bytes_put_copy(w, payload, payload_bytes);
    if (w->err == ERR_OK) {
        const uint8_t *summed = w->data + start + LOG_BATCH_ATTRIBUTES_POS;
        uint32_t crc = crc32c(kernels, 0, summed, w->pos - start - LOG_BATCH_ATTRIBUTES_POS);
        bytes_patch_u32be(w, start + LOG_BATCH_CRC_POS, crc);
    }
}

struct hash128 log_chain(struct hash128 previous, uint64_t index, uint32_t term,
                         const struct log_batch *batch, uint32_t header_crc)
{
    uint8_t bytes[60];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    hash128_put(&w, previous);
    bytes_put_u64le(&w, index);
    bytes_put_u64le(&w, batch->base_offset);
    bytes_put_u32le(&w, term);
    bytes_put_u32le(&w, (uint32_t)batch->kind);
    bytes_put_u32le(&w, (uint32_t)batch->last_offset_delta);
    bytes_put_u32le(&w, batch->records_count);
    bytes_put_u32le(&w, batch->length_bytes);
    bytes_put_u32le(&w, batch->crc);
    bytes_put_u32le(&w, header_crc);
    ASSERT(w.pos == sizeof(bytes));
    return hash128(bytes, sizeof(bytes), 0);
}

struct hash128 log_chain_gap(struct hash128 previous, uint64_t first_index, uint64_t last_index)
{
    uint8_t bytes[32];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    hash128_put(&w, previous);
    bytes_put_u64le(&w, first_index);
    bytes_put_u64le(&w, last_index);
    ASSERT(w.pos == sizeof(bytes));
    return hash128(bytes, sizeof(bytes), 0);
}
