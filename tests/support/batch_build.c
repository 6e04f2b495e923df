/* Record batches for tests. See batch_build.h. */
#include "tests/support/batch_build.h"

#include <string.h>

#include "base/assert.h"
#include "base/varint.h"

#define BATCH_BUILD_HEADER_BYTES 61
#define BATCH_BUILD_PREFIX_BYTES 12
#define BATCH_BUILD_CRC_POS      17
#define BATCH_BUILD_CRC_FROM     21

static void batch_build_put(struct bytes_writer *w, const char *data, size_t length);
static size_t batch_build_length(const char *data, size_t length);
static size_t batch_build_size(const char *data, size_t length);
static void batch_build_put_header(const struct batch_build *b, struct bytes_writer *w,
                                   size_t records_bytes);

void batch_build_init(struct batch_build *b, void *raw, size_t capacity)
{
    *b = (struct batch_build){
        .raw = bytes_writer(raw, capacity),
        .leader_epoch = UINT32_MAX,
        .magic = 2,
        .last_offset_delta = -1,
        .producer_id = -1,
        .producer_epoch = -1,
        .base_sequence = -1,
    };
}

void batch_build_add(struct batch_build *b, const struct batch_build_record *record)
{
    if (b->records_count == 0) {
        b->base_timestamp = record->timestamp;
        b->max_timestamp = record->timestamp;
    }
    if (record->timestamp > b->max_timestamp) {
        b->max_timestamp = record->timestamp;
    }
    int64_t delta = (int64_t)((uint64_t)record->timestamp - (uint64_t)b->base_timestamp);
    size_t body = 1 + varint_size_i64(delta) + varint_size_i64(b->records_count) +
                  batch_build_size(record->key, record->key_bytes) +
                  batch_build_size(record->value, record->value_bytes) +
                  varint_size_i64((int64_t)record->headers_count);
    for (size_t i = 0; i < record->headers_count; i++) {
        body += batch_build_size(record->headers[i].key, 0);
        body += batch_build_size(record->headers[i].value, 0);
    }
    varint_put_i64(&b->raw, (int64_t)body);
    size_t from = b->raw.pos;
    bytes_put_u8(&b->raw, 0);
    varint_put_i64(&b->raw, delta);
    varint_put_i64(&b->raw, b->records_count);
    batch_build_put(&b->raw, record->key, record->key_bytes);
    batch_build_put(&b->raw, record->value, record->value_bytes);
    varint_put_i64(&b->raw, (int64_t)record->headers_count);
    for (size_t i = 0; i < record->headers_count; i++) {
        batch_build_put(&b->raw, record->headers[i].key, 0);
        batch_build_put(&b->raw, record->headers[i].value, 0);
    }
    ASSERT(b->raw.err == ERR_OK);
    ASSERT(b->raw.pos == from + body);
    b->records_count++;
    b->last_offset_delta = b->records_count - 1;
}

size_t batch_build_end(const struct batch_build *b, struct codec_context *codec,
                       const struct crc32c *kernels, void *out, size_t capacity)
{
    if (b->codec == CODEC_NONE) {
        return batch_build_seal(b, kernels, b->raw.data, b->raw.pos, out, capacity);
    }
    ASSERT(capacity > BATCH_BUILD_HEADER_BYTES);
    struct bytes_writer w = bytes_writer((uint8_t *)out + BATCH_BUILD_HEADER_BYTES,
                                         capacity - BATCH_BUILD_HEADER_BYTES);
    enum err err =
        codec_compress(codec, b->codec, CODEC_LEVEL_DEFAULT, b->raw.data, b->raw.pos, &w);
    ASSERT(err == ERR_OK);
    struct bytes_writer header = bytes_writer(out, BATCH_BUILD_HEADER_BYTES);
    batch_build_put_header(b, &header, w.pos);
    batch_build_fix(kernels, out, BATCH_BUILD_HEADER_BYTES + w.pos);
    return BATCH_BUILD_HEADER_BYTES + w.pos;
}

size_t batch_build_seal(const struct batch_build *b, const struct crc32c *kernels,
                        const void *records, size_t length, void *out, size_t capacity)
{
    struct bytes_writer w = bytes_writer(out, capacity);
    batch_build_put_header(b, &w, length);
    bytes_put_copy(&w, records, length);
    ASSERT(w.err == ERR_OK);
    batch_build_fix(kernels, out, w.pos);
    return w.pos;
}

void batch_build_fix(const struct crc32c *kernels, void *batch, size_t length)
{
    ASSERT(length >= BATCH_BUILD_HEADER_BYTES);
    const uint8_t *data = batch;
    uint32_t crc = crc32c(kernels, 0, data + BATCH_BUILD_CRC_FROM, length - BATCH_BUILD_CRC_FROM);
    struct bytes_writer w = bytes_writer((uint8_t *)batch + BATCH_BUILD_CRC_POS, 4);
    bytes_put_u32be(&w, crc);
}

static void batch_build_put(struct bytes_writer *w, const char *data, size_t length)
{
    if (data == NULL) {
        varint_put_i64(w, -1);
        return;
    }
    length = batch_build_length(data, length);
    varint_put_i64(w, (int64_t)length);
    bytes_put_copy(w, data, length);
}

static size_t batch_build_length(const char *data, size_t length)
{
    return length > 0 ? length : strlen(data);
}

static size_t batch_build_size(const char *data, size_t length)
{
    if (data == NULL) {
        return 1;
    }
    length = batch_build_length(data, length);
    return varint_size_i64((int64_t)length) + length;
}

/* The checksum is set when all is there. */
static void batch_build_put_header(const struct batch_build *b, struct bytes_writer *w,
                                   size_t records_bytes)
{
    bytes_put_u64be(w, b->base_offset);
    bytes_put_u32be(
        w, (uint32_t)(BATCH_BUILD_HEADER_BYTES - BATCH_BUILD_PREFIX_BYTES + records_bytes));
    bytes_put_u32be(w, b->leader_epoch);
    bytes_put_u8(w, b->magic);
    bytes_put_u32be(w, 0);
    bytes_put_u16be(w, (uint16_t)(b->attributes | (uint16_t)b->codec));
    bytes_put_u32be(w, (uint32_t)b->last_offset_delta);
    bytes_put_u64be(w, (uint64_t)b->base_timestamp);
    bytes_put_u64be(w, (uint64_t)b->max_timestamp);
    bytes_put_u64be(w, (uint64_t)b->producer_id);
    bytes_put_u16be(w, (uint16_t)b->producer_epoch);
    bytes_put_u32be(w, (uint32_t)b->base_sequence);
    bytes_put_u32be(w, (uint32_t)b->records_count);
    ASSERT(w->err == ERR_OK);
    ASSERT(w->pos == BATCH_BUILD_HEADER_BYTES);
}
