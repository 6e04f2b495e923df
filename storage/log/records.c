/* Records of a batch. See records.h. */
#include "storage/log/records.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/varint.h"

/* Where the CRC of a batch's header stands, and what it covers from. */
#define LOG_RECORDS_CRC_POS  17
#define LOG_RECORDS_CRC_FROM 21

/* Bytes before a record's key where no varint is longer than three: there are four of them. */
#define LOG_RECORDS_HEAD_BYTES_MAX 13

/* How far ahead of a reader memory is fetched, and of how many bytes of a record. */
#define LOG_RECORDS_AHEAD_BYTES 2048u
#define LOG_RECORDS_LINES_BYTES 256u

static int64_t log_records_delta(const struct log_records_writer *rw, int64_t timestamp);
static void log_records_put_bytes(struct bytes_writer *w, const uint8_t *data, uint32_t length);
static const uint8_t *log_records_get_bytes(struct bytes_reader *r, uint32_t *length);
static void log_records_get_item(struct log_records_reader *rr, struct bytes_reader *body,
                                 struct log_records_item *out);

void log_records_begin(struct log_records_writer *rw, void *data, size_t capacity)
{
    ASSERT(capacity >= LOG_BATCH_HEADER_BYTES);
    *rw = (struct log_records_writer){.w = bytes_writer(data, capacity), .max_timestamp = -1};
    bytes_put_zeros(&rw->w, LOG_BATCH_HEADER_BYTES);
}

static ALWAYS_INLINE size_t log_records_bytes_size(const uint8_t *data, uint32_t length)
{
    return data == NULL ? varint_size_i64(-1) : varint_size_i64(length) + length;
}

static ALWAYS_INLINE size_t log_records_body_size(const struct log_records_writer *rw,
                                                  const struct log_records_item *item)
{
    return 1 + varint_size_i64(log_records_delta(rw, item->timestamp)) +
           varint_size_i64(rw->count) + log_records_bytes_size(item->key, item->key_bytes) +
           log_records_bytes_size(item->value, item->value_bytes) +
           varint_size_i64(item->headers_count) + item->headers_bytes;
}

size_t log_records_size(const struct log_records_writer *rw, const struct log_records_item *item)
{
    size_t body_bytes = log_records_body_size(rw, item);
    return varint_size_i64((int64_t)body_bytes) + body_bytes;
}

/* Write the zigzag varint of `value` where there is room; returns what follows it. */
static ALWAYS_INLINE uint8_t *log_records_write(uint8_t *at, int64_t value)
{
    uint64_t bits = varint_zigzag64(value);
    for (; bits >= 0x80; bits >>= 7) {
        *at++ = (uint8_t)(bits | 0x80);
    }
    *at++ = (uint8_t)bits;
    return at;
}

/* Likewise a length and its bytes, or null. */
static ALWAYS_INLINE uint8_t *log_records_write_bytes(uint8_t *at, const uint8_t *data,
                                                      uint32_t length)
{
    at = log_records_write(at, data == NULL ? -1 : (int64_t)length);
    if (data != NULL && length > 0) {
        memcpy(at, data, length);
        at += length;
    }
    return at;
}

enum err log_records_add(struct log_records_writer *rw, const struct log_records_item *item)
{
    struct bytes_writer *w = &rw->w;
    size_t body_bytes = log_records_body_size(rw, item);
    size_t size = varint_size_i64((int64_t)body_bytes) + body_bytes;
    if (w->err != ERR_OK || bytes_writer_left(w) < size || w->pos + size > LIMIT_BATCH_BYTES) {
        return ERR_TOO_LARGE;
    }
    size_t end = w->pos + size;
    if (rw->count == 0) {
        rw->base_timestamp = item->timestamp;
    }
    uint8_t *at = log_records_write(w->data + w->pos, (int64_t)body_bytes);
    *at++ = 0; /* attributes: none are defined */
    at = log_records_write(at, log_records_delta(rw, item->timestamp));
    at = log_records_write(at, rw->count);
    at = log_records_write_bytes(at, item->key, item->key_bytes);
    at = log_records_write_bytes(at, item->value, item->value_bytes);
    at = log_records_write(at, item->headers_count);
    if (item->headers_bytes > 0) {
        memcpy(at, item->headers, item->headers_bytes);
    }
    ASSERT(at + item->headers_bytes == w->data + end);
    w->pos = end;
    rw->count++;
    if (rw->count == 1 || item->timestamp > rw->max_timestamp) {
        rw->max_timestamp = item->timestamp;
    }
    return ERR_OK;
}

uint32_t log_records_end(struct log_records_writer *rw, const struct crc32c *kernels)
{
    ASSERT(rw->count > 0);
    ASSERT(rw->count <= INT32_MAX);
    struct bytes_writer header = bytes_writer(rw->w.data, LOG_BATCH_HEADER_BYTES);
    uint32_t length = (uint32_t)rw->w.pos;
    bytes_put_u64be(&header, 0); /* base offset */
    bytes_put_u32be(&header, length - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&header, UINT32_MAX); /* leader epoch -1 */
    bytes_put_u8(&header, 2);             /* magic */
    bytes_put_u32be(&header, 0);          /* CRC, below */
    bytes_put_u16be(&header, 0);          /* attributes */
    bytes_put_u32be(&header, rw->count - 1);
    bytes_put_u64be(&header, (uint64_t)rw->base_timestamp);
    bytes_put_u64be(&header, (uint64_t)rw->max_timestamp);
    bytes_put_u64be(&header, UINT64_MAX); /* producer id -1 */
    bytes_put_u16be(&header, UINT16_MAX); /* producer epoch -1 */
    bytes_put_u32be(&header, UINT32_MAX); /* base sequence -1 */
    bytes_put_u32be(&header, rw->count);
    ASSERT(header.err == ERR_OK);
    ASSERT(header.pos == LOG_BATCH_HEADER_BYTES);
    bytes_patch_u32be(
        &header, LOG_RECORDS_CRC_POS,
        crc32c(kernels, 0, rw->w.data + LOG_RECORDS_CRC_FROM, length - LOG_RECORDS_CRC_FROM));
    return length;
}

enum err log_records_open(struct log_records_reader *rr, const void *data, size_t length,
                          struct codec_context *codec, void *room, size_t room_bytes)
{
    *rr = (struct log_records_reader){.index = 0};
    enum err err = log_batch_decode(data, length, &rr->batch);
    if (err != ERR_OK) {
        return err;
    }
    if (rr->batch.kind != LOG_KIND_DATA) {
        return ERR_INVALID;
    }
    if (rr->batch.length_bytes != length) {
        return ERR_TRUNCATED;
    }
    const uint8_t *records = (const uint8_t *)data + LOG_BATCH_HEADER_BYTES;
    size_t records_bytes = length - LOG_BATCH_HEADER_BYTES;
    enum codec_kind kind = CODEC_NONE;
    err = codec_kind_of_id(rr->batch.attributes & LOG_BATCH_COMPRESSION, &kind);
    if (err == ERR_OK && kind != CODEC_NONE) {
        err =
            codec_decompress(codec, kind, records, records_bytes, room, room_bytes, &records_bytes);
        records = room;
    }
    if (err == ERR_OK) {
        rr->r = bytes_reader(records, records_bytes);
    }
    return err;
}

/* The next zigzag varint at *at, where three bytes are left, moved past. False: it is longer. */
static ALWAYS_INLINE bool log_records_short(const uint8_t **at, int32_t *value)
{
    const uint8_t *p = *at;
    uint32_t bits = p[0] & 0x7fu;
    uint32_t length = 1;
    if (p[0] >= 0x80) {
        bits |= (p[1] & 0x7fu) << 7;
        length = 2;
        if (p[1] >= 0x80) {
            bits |= (uint32_t)p[2] << 14;
            length = 3;
            if (p[2] >= 0x80) {
                return false;
            }
        }
    }
    *at = p + length;
    *value = varint_unzigzag32(bits);
    return true;
}

/* Fetch what lies some records ahead, as many bytes as this one has: a walk from record to record
 * takes no notice of most bytes, and waits for memory at the end of each. */
static ALWAYS_INLINE void log_records_ahead(const uint8_t *next, uint32_t bytes)
{
    uint32_t most = bytes < LOG_RECORDS_LINES_BYTES ? bytes : LOG_RECORDS_LINES_BYTES;
    uintptr_t ahead = (uintptr_t)next + LOG_RECORDS_AHEAD_BYTES; /* perhaps behind the batch */
    for (uint32_t i = 0; i < most; i += 64) {
        __builtin_prefetch((const void *)(ahead + i));
    }
}

/* As log_records_next for what nearly all records are: fields that are not long, no headers. False:
 * it may be another one, or none; nothing has moved. */
static ALWAYS_INLINE bool log_records_next_plain(struct log_records_reader *rr,
                                                 struct log_records_item *out)
{
    const uint8_t *at = rr->r.data + rr->r.pos;
    const uint8_t *end = rr->r.data + rr->r.length;
    int32_t body_bytes, timestamp_delta, offset_delta, key_bytes, value_bytes, headers_count;
    if (rr->r.err != ERR_OK || rr->index == rr->batch.records_count ||
        end - at < LOG_RECORDS_HEAD_BYTES_MAX || !log_records_short(&at, &body_bytes) ||
        body_bytes < 1 || body_bytes > end - at) {
        return false;
    }
    const uint8_t *next = at + body_bytes;
    log_records_ahead(next, (uint32_t)body_bytes);
    at++; /* attributes */
    if (!log_records_short(&at, &timestamp_delta) || !log_records_short(&at, &offset_delta) ||
        !log_records_short(&at, &key_bytes) || key_bytes < -1 || key_bytes > end - at) {
        return false;
    }
    out->key = key_bytes < 0 ? NULL : at;
    out->key_bytes = key_bytes < 0 ? 0 : (uint32_t)key_bytes;
    at += out->key_bytes;
    if (end - at < 3 || !log_records_short(&at, &value_bytes) || value_bytes < -1 ||
        value_bytes > end - at) {
        return false;
    }
    out->value = value_bytes < 0 ? NULL : at;
    out->value_bytes = value_bytes < 0 ? 0 : (uint32_t)value_bytes;
    at += out->value_bytes;
    /* The last record's count of headers is the last byte there is. */
    headers_count = at < end ? *at++ : -1;
    if (headers_count != 0 || at != next || offset_delta < 0 ||
        offset_delta > rr->batch.last_offset_delta) {
        return false;
    }
    out->headers_count = 0;
    out->headers = at;
    out->headers_bytes = 0;
    out->offset = rr->batch.base_offset + (uint64_t)(uint32_t)offset_delta;
    bool is_append_time = (rr->batch.attributes & LOG_BATCH_APPEND_TIME) != 0;
    out->timestamp =
        is_append_time
            ? rr->batch.max_timestamp
            : (int64_t)((uint64_t)rr->batch.base_timestamp + (uint64_t)(int64_t)timestamp_delta);
    rr->r.pos = (size_t)(next - rr->r.data);
    rr->index++;
    return true;
}

enum err log_records_next(struct log_records_reader *rr, struct log_records_item *out)
{
    if (LIKELY(log_records_next_plain(rr, out))) {
        return ERR_OK;
    }
    *out = (struct log_records_item){.offset = 0};
    if (rr->r.err == ERR_OK && rr->index == rr->batch.records_count) {
        bytes_reader_fail(&rr->r, bytes_reader_left(&rr->r) == 0 ? ERR_END : ERR_CORRUPT);
    }
    int32_t body_bytes = varint_get_i32(&rr->r);
    if (body_bytes < 0) {
        bytes_reader_fail(&rr->r, ERR_CORRUPT);
    }
    struct bytes_reader body = bytes_get_sub(&rr->r, (uint64_t)(uint32_t)body_bytes);
    if (rr->r.err == ERR_OK) {
        log_records_get_item(rr, &body, out);
    }
    if (rr->r.err == ERR_TRUNCATED) { /* the batch is there whole: what it says is wrong */
        rr->r.err = ERR_CORRUPT;
    }
    if (rr->r.err != ERR_OK) {
        *out = (struct log_records_item){.offset = 0};
        return rr->r.err;
    }
    rr->index++;
    return ERR_OK;
}

struct log_records_header log_records_header_get(struct bytes_reader *r)
{
    struct log_records_header header = {.key = NULL};
    header.key = log_records_get_bytes(r, &header.key_bytes);
    if (r->err == ERR_OK && header.key == NULL) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    header.value = log_records_get_bytes(r, &header.value_bytes);
    return r->err == ERR_OK ? header : (struct log_records_header){.key = NULL};
}

void log_records_header_put(struct bytes_writer *w, const struct log_records_header *header)
{
    ASSERT(header->key != NULL);
    log_records_put_bytes(w, header->key, header->key_bytes);
    log_records_put_bytes(w, header->value, header->value_bytes);
}

/* Wraps as Java's long does: whoever reads it adds it back. */
static int64_t log_records_delta(const struct log_records_writer *rw, int64_t timestamp)
{
    int64_t base = rw->count == 0 ? timestamp : rw->base_timestamp;
    return (int64_t)((uint64_t)timestamp - (uint64_t)base);
}

static void log_records_put_bytes(struct bytes_writer *w, const uint8_t *data, uint32_t length)
{
    if (data == NULL) {
        varint_put_i64(w, -1);
        return;
    }
    varint_put_i64(w, length);
    bytes_put_copy(w, data, length);
}

/* NULL: null, or a failure. */
static const uint8_t *log_records_get_bytes(struct bytes_reader *r, uint32_t *length)
{
    int32_t bytes = varint_get_i32(r);
    if (bytes < -1) {
        bytes_reader_fail(r, ERR_CORRUPT);
    }
    *length = 0;
    if (bytes < 0 || r->err != ERR_OK) {
        return NULL;
    }
    const uint8_t *data = bytes_get_view(r, (uint32_t)bytes);
    *length = data != NULL ? (uint32_t)bytes : 0;
    return data;
}

/* Errors go to rr->r. */
static void log_records_get_item(struct log_records_reader *rr, struct bytes_reader *body,
                                 struct log_records_item *out)
{
    bytes_get_u8(body);
    int64_t timestamp_delta = varint_get_i64(body);
    int32_t offset_delta = varint_get_i32(body);
    out->key = log_records_get_bytes(body, &out->key_bytes);
    out->value = log_records_get_bytes(body, &out->value_bytes);
    int32_t headers_count = varint_get_i32(body);
    size_t left_bytes = bytes_reader_left(body);
    struct bytes_reader headers = *body;
    for (int32_t i = 0; i < headers_count && headers.err == ERR_OK; i++) {
        log_records_header_get(&headers);
    }
    if (body->err != ERR_OK || headers.err != ERR_OK || headers_count < 0 ||
        bytes_reader_left(&headers) != 0 || offset_delta < 0 ||
        offset_delta > rr->batch.last_offset_delta) {
        bytes_reader_fail(&rr->r, ERR_CORRUPT);
        return;
    }
    out->headers_count = (uint32_t)headers_count;
    out->headers = body->data + body->pos;
    out->headers_bytes = (uint32_t)left_bytes;
    out->offset = rr->batch.base_offset + (uint64_t)(uint32_t)offset_delta;
    bool is_append_time = (rr->batch.attributes & LOG_BATCH_APPEND_TIME) != 0;
    out->timestamp =
        is_append_time ? rr->batch.max_timestamp
                       : (int64_t)((uint64_t)rr->batch.base_timestamp + (uint64_t)timestamp_delta);
}
