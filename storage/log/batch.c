/* Kafka's RecordBatch v2 header and what is shaped like one. See batch.h.
 *
 * What an append gives a batch (base offset, leader epoch) stands outside Kafka's checksum, so a
 * patch recomputes nothing. A batch is refused where its next offset would be no offset: that
 * number is kept in points and rows, whose readers refuse it too. */
#include "storage/log/batch.h"

#include "base/assert.h"
#include "storage/log/format.h"

/* Kafka's name for the layout. */
#define LOG_BATCH_MAGIC 2u

/* Fields of the header that are reached without decoding it. */
#define LOG_BATCH_EPOCH_POS      12u
#define LOG_BATCH_MAGIC_POS      16u
#define LOG_BATCH_CRC_POS        17u
#define LOG_BATCH_ATTRIBUTES_POS 21u

/* Where an internal entry's kind stands in the attributes. */
#define LOG_BATCH_KIND_SHIFT 8
#define LOG_BATCH_KIND_MASK  15u

/* A partition leader epoch of -1: the batch has not been appended. */
#define LOG_BATCH_TERM_NONE UINT32_MAX

/* What a chain is made of. */
#define LOG_CHAIN_BYTES     60u
#define LOG_CHAIN_GAP_BYTES 32u

static struct log_batch log_batch_get(struct bytes_reader *r);
static bool log_batch_is_valid(const struct log_batch *batch);
static bool log_batch_is_internal_valid(const struct log_batch *batch);

enum err log_batch_decode(const void *data, size_t length, struct log_batch *out)
{
    *out = (struct log_batch){0};
    struct bytes_reader r = bytes_reader(data, length);
    const uint8_t *header = bytes_get_view(&r, LOG_BATCH_HEADER_BYTES);
    if (header == NULL) {
        return r.err;
    }
    if (header[LOG_BATCH_MAGIC_POS] != LOG_BATCH_MAGIC) {
        return ERR_UNSUPPORTED;
    }
    struct bytes_reader fields = bytes_reader(header, LOG_BATCH_HEADER_BYTES);
    struct log_batch batch = log_batch_get(&fields);
    ASSERT(fields.err == ERR_OK);
    if (!log_batch_is_valid(&batch)) {
        return ERR_CORRUPT;
    }
    *out = batch;
    return ERR_OK;
}

bool log_batch_is_sound(const struct crc32c *kernels, const void *data, size_t length)
{
    ASSERT(length >= LOG_BATCH_HEADER_BYTES);
    struct bytes_reader r = bytes_reader(data, length);
    bytes_skip(&r, LOG_BATCH_CRC_POS);
    uint32_t crc = bytes_get_u32be(&r);
    ASSERT(r.pos == LOG_BATCH_ATTRIBUTES_POS);
    return crc == crc32c(kernels, 0, r.data + r.pos, bytes_reader_left(&r));
}

uint32_t log_batch_header_crc(const struct crc32c *kernels, const void *data)
{
    return crc32c(kernels, 0, data, LOG_BATCH_HEADER_BYTES);
}

void log_batch_patch(uint8_t *data, uint64_t base_offset, uint32_t term)
{
    ASSERT(base_offset <= LOG_NUMBER_MAX);
    ASSERT(term <= LIMIT_TERM);
    struct bytes_writer offset = bytes_writer(data, 8);
    bytes_put_u64be(&offset, base_offset);
    struct bytes_writer epoch = bytes_writer(data + LOG_BATCH_EPOCH_POS, 4);
    bytes_put_u32be(&epoch, term);
    ASSERT(offset.err == ERR_OK);
    ASSERT(epoch.err == ERR_OK);
}

uint64_t log_batch_next_offset(const struct log_batch *batch)
{
    ASSERT(batch->last_offset_delta >= -1);
    return batch->base_offset + (uint64_t)(batch->last_offset_delta + INT64_C(1));
}

void log_batch_put_internal(struct bytes_writer *w, const struct crc32c *kernels,
                            enum log_kind kind, const void *payload, size_t payload_bytes,
                            uint64_t offset, uint32_t term, int64_t timestamp_ms)
{
    ASSERT(kind > LOG_KIND_DATA);
    ASSERT(kind < LOG_KIND_COUNT);
    ASSERT(offset <= LOG_NUMBER_MAX);
    ASSERT(term <= LIMIT_TERM);
    if (w->err != ERR_OK) {
        return;
    }
    if (payload_bytes > LIMIT_BATCH_BYTES - LOG_BATCH_HEADER_BYTES ||
        payload_bytes + LOG_BATCH_HEADER_BYTES > bytes_writer_left(w)) {
        w->err = ERR_TOO_LARGE;
        return;
    }
    size_t start = w->pos;
    bytes_put_u64be(w, offset);
    bytes_put_u32be(w, (uint32_t)(LOG_BATCH_HEADER_BYTES - LOG_BATCH_PREFIX_BYTES + payload_bytes));
    bytes_put_u32be(w, term);
    bytes_put_u8(w, LOG_BATCH_MAGIC);
    bytes_put_u32be(w, 0); /* checksum, patched below */
    bytes_put_u16be(w, (uint16_t)(LOG_BATCH_INTERNAL | (uint32_t)kind << LOG_BATCH_KIND_SHIFT));
    bytes_put_u32be(w, UINT32_MAX); /* last offset delta -1 */
    bytes_put_u64be(w, (uint64_t)timestamp_ms);
    bytes_put_u64be(w, (uint64_t)timestamp_ms);
    bytes_put_u64be(w, UINT64_MAX); /* no producer */
    bytes_put_u16be(w, UINT16_MAX);
    bytes_put_u32be(w, UINT32_MAX);
    bytes_put_u32be(w, 0);
    ASSERT(w->pos == start + LOG_BATCH_HEADER_BYTES);
    bytes_put_copy(w, payload, payload_bytes);
    ASSERT(w->err == ERR_OK);
    size_t covered = start + LOG_BATCH_ATTRIBUTES_POS;
    uint32_t crc = crc32c(kernels, 0, w->data + covered, w->pos - covered);
    bytes_patch_u32be(w, start + LOG_BATCH_CRC_POS, crc);
}

struct hash128 log_chain(struct hash128 previous, uint64_t index, uint32_t term,
                         const struct log_batch *batch, uint32_t header_crc)
{
    uint8_t bytes[LOG_CHAIN_BYTES];
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
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == sizeof(bytes));
    return hash128(bytes, sizeof(bytes), 0);
}

struct hash128 log_chain_gap(struct hash128 previous, uint64_t first_index, uint64_t last_index)
{
    ASSERT(first_index <= last_index);
    uint8_t bytes[LOG_CHAIN_GAP_BYTES];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    hash128_put(&w, previous);
    bytes_put_u64le(&w, first_index);
    bytes_put_u64le(&w, last_index);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == sizeof(bytes));
    return hash128(bytes, sizeof(bytes), 0);
}

/* The fields as they stand, none of them believed. */
static struct log_batch log_batch_get(struct bytes_reader *r)
{
    struct log_batch batch = {0};
    batch.base_offset = bytes_get_u64be(r);
    uint32_t counted_bytes = bytes_get_u32be(r);
    /* What leaves 32 bits is above LIMIT_BATCH_BYTES: kept at the largest number, which is too. */
    batch.length_bytes = counted_bytes <= UINT32_MAX - LOG_BATCH_PREFIX_BYTES
                             ? counted_bytes + LOG_BATCH_PREFIX_BYTES
                             : UINT32_MAX;
    batch.term = bytes_get_u32be(r);
    bytes_skip(r, 1); /* magic */
    batch.crc = bytes_get_u32be(r);
    batch.attributes = bytes_get_u16be(r);
    if ((batch.attributes & LOG_BATCH_INTERNAL) != 0) {
        uint32_t kind = (uint32_t)batch.attributes >> LOG_BATCH_KIND_SHIFT & LOG_BATCH_KIND_MASK;
        batch.kind = (enum log_kind)kind;
    }
    batch.last_offset_delta = (int32_t)bytes_get_u32be(r);
    batch.base_timestamp = (int64_t)bytes_get_u64be(r);
    batch.max_timestamp = (int64_t)bytes_get_u64be(r);
    batch.producer_id = (int64_t)bytes_get_u64be(r);
    batch.producer_epoch = (int16_t)bytes_get_u16be(r);
    batch.base_sequence = (int32_t)bytes_get_u32be(r);
    batch.records_count = bytes_get_u32be(r);
    return batch;
}

static bool log_batch_is_valid(const struct log_batch *batch)
{
    if (batch->length_bytes < LOG_BATCH_HEADER_BYTES || batch->length_bytes > LIMIT_BATCH_BYTES ||
        batch->base_offset > LOG_NUMBER_MAX || batch->records_count > INT32_MAX ||
        (batch->term > LIMIT_TERM && batch->term != LOG_BATCH_TERM_NONE)) {
        return false;
    }
    if ((batch->attributes & LOG_BATCH_INTERNAL) != 0) {
        return log_batch_is_internal_valid(batch);
    }
    return batch->last_offset_delta >= 0 && log_batch_next_offset(batch) <= LOG_NUMBER_MAX;
}

static bool log_batch_is_internal_valid(const struct log_batch *batch)
{
    uint32_t kind = (uint32_t)batch->kind;
    return kind > LOG_KIND_DATA && kind < LOG_KIND_COUNT &&
           batch->attributes == (LOG_BATCH_INTERNAL | kind << LOG_BATCH_KIND_SHIFT) &&
           batch->last_offset_delta == -1 && batch->records_count == 0;
}
