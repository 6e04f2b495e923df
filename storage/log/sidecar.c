/* The .idx file beside a segment. See sidecar.h. */
#include "storage/log/sidecar.h"

#include "base/assert.h"

/* "TDBI", read as a little-endian number. */
#define LOG_SIDECAR_MAGIC 0x49424454u

/* The seed's input: group and generation. */
#define LOG_SIDECAR_SEED_BYTES 12u

#define LOG_SIDECAR_FLAGS (LOG_SIDECAR_GAP | LOG_SIDECAR_QUARANTINED | LOG_SIDECAR_REWRITTEN)

static bool log_sidecar_header_is_valid(const struct log_sidecar_header *header);
static bool log_sidecar_is_valid(const struct log_sidecar *rec);
static bool log_sidecar_is_shape_valid(const struct log_sidecar *rec);

uint32_t log_sidecar_seed(const struct crc32c *kernels, uint64_t group, uint32_t generation)
{
    uint8_t bytes[LOG_SIDECAR_SEED_BYTES];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    bytes_put_u64le(&w, group);
    bytes_put_u32le(&w, generation);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == sizeof(bytes));
    return crc32c(kernels, 0, bytes, sizeof(bytes));
}

void log_sidecar_header_encode(const struct log_sidecar_header *header,
                               const struct crc32c *kernels, uint8_t out[LOG_SIDECAR_BYTES])
{
    ASSERT(log_sidecar_header_is_valid(header));
    struct bytes_writer w = bytes_writer(out, LOG_SIDECAR_BYTES);
    bytes_put_u32le(&w, LOG_SIDECAR_MAGIC);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION);
    bytes_put_u16le(&w, 0);
    log_features_put(&w, &header->features);
    bytes_put_u32le(&w, header->partition);
    bytes_put_u64le(&w, header->group);
    log_uuid_put(&w, &header->topic);
    bytes_put_u64le(&w, header->start.index);
    bytes_put_u64le(&w, header->start.offset);
    hash128_put(&w, header->start.chain);
    bytes_put_u32le(&w, header->start.term);
    bytes_put_u32le(&w, header->generation);
    bytes_put_u32le(&w, header->origin);
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_SIDECAR_BYTES);
}

enum err log_sidecar_header_decode(const void *data, size_t length, const struct crc32c *kernels,
                                   struct log_sidecar_header *out)
{
    *out = (struct log_sidecar_header){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_sidecar_header header;
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    bytes_skip(&r, 2);
    header.features = log_features_get(&r);
    header.partition = bytes_get_u32le(&r);
    header.group = bytes_get_u64le(&r);
    header.topic = log_uuid_get(&r);
    header.start.index = bytes_get_u64le(&r);
    header.start.offset = bytes_get_u64le(&r);
    header.start.chain = hash128_get(&r);
    header.start.term = bytes_get_u32le(&r);
    header.generation = bytes_get_u32le(&r);
    header.origin = bytes_get_u32le(&r);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    /* The checksum before the version: a flipped bit is not a newer program. */
    if (magic != LOG_SIDECAR_MAGIC || crc != crc32c(kernels, 0, data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &header.features, false);
    if (err != ERR_OK) {
        return err;
    }
    if (!log_sidecar_header_is_valid(&header)) {
        return ERR_CORRUPT;
    }
    *out = header;
    return ERR_OK;
}

void log_sidecar_encode(const struct log_sidecar *rec, const struct crc32c *kernels, uint32_t seed,
                        uint8_t out[LOG_SIDECAR_BYTES])
{
    ASSERT(log_sidecar_is_valid(rec));
    bool is_gap = (rec->flags & LOG_SIDECAR_GAP) != 0;
    struct bytes_writer w = bytes_writer(out, LOG_SIDECAR_BYTES);
    bytes_put_u64le(&w, rec->index);
    bytes_put_u64le(&w, rec->base_offset);
    bytes_put_u32le(&w, rec->term);
    bytes_put_u32le(&w, (uint32_t)rec->last_offset_delta);
    bytes_put_u32le(&w, rec->pos);
    bytes_put_u32le(&w, rec->length);
    bytes_put_u64le(&w, (uint64_t)rec->max_timestamp);
    bytes_put_u64le(&w, is_gap ? rec->last_index : (uint64_t)rec->producer_id);
    bytes_put_u16le(&w, (uint16_t)rec->producer_epoch);
    bytes_put_u8(&w, (uint8_t)rec->kind);
    bytes_put_u8(&w, rec->flags);
    bytes_put_u32le(&w, (uint32_t)rec->base_sequence);
    bytes_put_u32le(&w, rec->records_count);
    bytes_put_u16le(&w, rec->key_id);
    bytes_put_u16le(&w, 0);
    bytes_put_u32le(&w, rec->crc);
    bytes_put_u32le(&w, rec->header_crc);
    hash128_put(&w, rec->chain);
    bytes_put_u32le(&w, rec->rewritten_crc);
    log_crc_put(&w, kernels, seed, 0);
    ASSERT(w.err == ERR_OK);
    ASSERT(w.pos == LOG_SIDECAR_BYTES);
}

enum err log_sidecar_decode(const void *data, size_t length, const struct crc32c *kernels,
                            uint32_t seed, struct log_sidecar *out)
{
    *out = (struct log_sidecar){0};
    struct bytes_reader r = bytes_reader(data, length);
    struct log_sidecar rec;
    rec.index = bytes_get_u64le(&r);
    rec.base_offset = bytes_get_u64le(&r);
    rec.term = bytes_get_u32le(&r);
    rec.last_offset_delta = (int32_t)bytes_get_u32le(&r);
    rec.pos = bytes_get_u32le(&r);
    rec.length = bytes_get_u32le(&r);
    rec.max_timestamp = (int64_t)bytes_get_u64le(&r);
    uint64_t producer_or_last = bytes_get_u64le(&r);
    rec.producer_epoch = (int16_t)bytes_get_u16le(&r);
    rec.kind = (enum log_kind)bytes_get_u8(&r);
    rec.flags = bytes_get_u8(&r);
    rec.base_sequence = (int32_t)bytes_get_u32le(&r);
    rec.records_count = bytes_get_u32le(&r);
    rec.key_id = bytes_get_u16le(&r);
    bytes_skip(&r, 2);
    rec.crc = bytes_get_u32le(&r);
    rec.header_crc = bytes_get_u32le(&r);
    rec.chain = hash128_get(&r);
    rec.rewritten_crc = bytes_get_u32le(&r);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (crc != crc32c(kernels, seed, data, covered)) {
        return ERR_CORRUPT;
    }
    bool is_gap = (rec.flags & LOG_SIDECAR_GAP) != 0;
    rec.last_index = is_gap ? producer_or_last : rec.index;
    rec.producer_id = is_gap ? -1 : (int64_t)producer_or_last;
    if (!log_sidecar_is_valid(&rec)) {
        return ERR_CORRUPT;
    }
    *out = rec;
    return ERR_OK;
}

void log_sidecar_fill(struct log_sidecar *out, uint64_t index, uint32_t pos,
                      const struct log_batch *batch, uint32_t header_crc, struct hash128 chain,
                      int64_t max_timestamp_before)
{
    *out = (struct log_sidecar){
        .index = index,
        .last_index = index,
        .base_offset = batch->base_offset,
        .term = batch->term,
        .last_offset_delta = batch->last_offset_delta,
        .pos = pos,
        .length = batch->length_bytes,
        .max_timestamp = batch->max_timestamp > max_timestamp_before ? batch->max_timestamp
                                                                     : max_timestamp_before,
        .producer_id = batch->producer_id,
        .producer_epoch = batch->producer_epoch,
        .kind = batch->kind,
        .base_sequence = batch->base_sequence,
        .records_count = batch->records_count,
        .crc = batch->crc,
        .header_crc = header_crc,
        .chain = chain,
    };
    ASSERT(max_timestamp_before >= -1);
    ASSERT(log_sidecar_is_valid(out));
}

uint64_t log_sidecar_next_offset(const struct log_sidecar *rec)
{
    ASSERT(rec->last_offset_delta >= -1);
    return rec->base_offset + (uint64_t)(rec->last_offset_delta + 1LL);
}

static bool log_sidecar_header_is_valid(const struct log_sidecar_header *header)
{
    return header->start.index >= 1 && header->start.index <= LOG_NUMBER_MAX &&
           header->start.offset <= LOG_NUMBER_MAX && header->start.term <= LIMIT_TERM;
}

/* What every written record satisfies: encoding asserts it, decoding refuses the rest. */
static bool log_sidecar_is_valid(const struct log_sidecar *rec)
{
    return rec->index >= 1 && rec->index <= rec->last_index && rec->last_index <= LOG_NUMBER_MAX &&
           rec->term <= LIMIT_TERM && rec->last_offset_delta >= -1 &&
           rec->base_offset <= LOG_NUMBER_MAX && log_sidecar_next_offset(rec) <= LOG_NUMBER_MAX &&
           (uint64_t)rec->pos + rec->length <= UINT32_MAX && rec->max_timestamp >= -1 &&
           rec->records_count <= INT32_MAX && rec->kind < LOG_KIND_COUNT &&
           (rec->flags & ~LOG_SIDECAR_FLAGS) == 0 && log_sidecar_is_shape_valid(rec);
}

/* A gap has no batch; an entry has one, which takes offsets exactly when it is data. */
static bool log_sidecar_is_shape_valid(const struct log_sidecar *rec)
{
    if ((rec->flags & LOG_SIDECAR_GAP) != 0) {
        return rec->length == 0;
    }
    return rec->last_index == rec->index && rec->length >= LOG_BATCH_HEADER_BYTES &&
           rec->length <= LIMIT_BATCH_BYTES &&
           (rec->kind == LOG_KIND_DATA) == (rec->last_offset_delta >= 0);
}
