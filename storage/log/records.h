/* The records inside a Kafka RecordBatch v2: a batch built from records, and a batch's records read
 * one after another. Not the journal's records, which are record.h's.
 *
 * A record: length varint; attributes 1; timestamp delta varlong; offset delta varint; key and
 * value, each a varint length (-1: null) and bytes; headers: varint count, then each a key (varint
 * length, bytes) and a value as above. Deltas are those from the batch's base timestamp and base
 * offset. Source: Apache Kafka, DefaultRecord, DefaultRecordBatch; KIP-98. Pure. */
#ifndef STORAGE_LOG_RECORDS_H
#define STORAGE_LOG_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/codec.h"
#include "storage/log/batch.h"

/* Kafka's bits of a batch's attributes. */
#define LOG_BATCH_COMPRESSION   0x0007u /* enum codec_kind */
#define LOG_BATCH_APPEND_TIME   0x0008u /* all its records have the batch's max timestamp */
#define LOG_BATCH_TRANSACTIONAL 0x0010u /* part of a transaction */
#define LOG_BATCH_CONTROL       0x0020u /* its records end transactions and are not for people */

/* What a record takes beside its key, value and headers at most: attributes and varints. */
#define LOG_RECORDS_ITEM_BYTES_MAX 40u

/* A record. Bytes are the caller's, or stand in the batch. */
struct log_records_item {
    uint64_t offset;        /* read: the record's. Ignored when one is added */
    int64_t timestamp;      /* ms */
    const uint8_t *key;     /* NULL: null */
    uint32_t key_bytes;     /* of it */
    const uint8_t *value;   /* NULL: null */
    uint32_t value_bytes;   /* of it */
    uint32_t headers_count; /* headers in `headers` */
    const uint8_t *headers; /* encoded, one after another: log_records_header_get */
    uint32_t headers_bytes; /* of them */
};

/* A record's header: a name and a value. */
struct log_records_header {
    const uint8_t *key;   /* never NULL */
    uint32_t key_bytes;   /* of it */
    const uint8_t *value; /* NULL: null */
    uint32_t value_bytes; /* of it */
};

/* A batch being built. */
struct log_records_writer {
    struct bytes_writer w;  /* at the batch's first byte, then behind its last record */
    int64_t base_timestamp; /* of the first record, ms */
    int64_t max_timestamp;  /* largest, ms */
    uint32_t count;         /* records */
};

/* A batch being read. */
struct log_records_reader {
    struct log_batch batch; /* its header */
    struct bytes_reader r;  /* at the next record; its bytes are the batch's or the room's */
    uint32_t index;         /* records read */
};

/* Begin a batch in the `capacity` (>= LOG_BATCH_HEADER_BYTES, asserted) bytes at `data`, the
 * caller's until the end. */
void log_records_begin(struct log_records_writer *rw, void *data, size_t capacity);

/* The bytes that `item` would take as the next record. */
size_t log_records_size(const struct log_records_writer *rw, const struct log_records_item *item);

/* The most bytes that `item` could take, wherever it stood. */
static inline size_t log_records_bound(const struct log_records_item *item)
{
    return LOG_RECORDS_ITEM_BYTES_MAX + (size_t)item->key_bytes + item->value_bytes +
           item->headers_bytes;
}

/* Add `item`; its bytes are copied. ERR_TOO_LARGE: it does not fit whole, and nothing was added. */
MUST_USE enum err log_records_add(struct log_records_writer *rw,
                                  const struct log_records_item *item);

/* Write the header: no compression, no producer, base offset 0 and leader epoch -1 (log_batch_patch
 * sets both). At least one record (asserted). Returns the batch's bytes. */
uint32_t log_records_end(struct log_records_writer *rw, const struct crc32c *kernels);

/* Begin to read the records of the batch of `length` bytes at `data`; its header is decoded here.
 * The records of a compressed batch are decompressed to the `room_bytes` at `room` with `codec`;
 * others stay where they are. Both must live as long as what is read. Errors: log_batch_decode's;
 * ERR_INVALID: an internal entry, which has no records; ERR_TRUNCATED: `length` is not the batch's;
 * codec_decompress's, ERR_TOO_LARGE among them: more room is needed. The CRC is not looked at. */
MUST_USE enum err log_records_open(struct log_records_reader *rr, const void *data, size_t length,
                                   struct codec_context *codec, void *room, size_t room_bytes);

/* The next record. ERR_END: there was none left; ERR_CORRUPT: not a record, a delta outside the
 * batch, or bytes behind the last one; the same then for every later call. *out is zero after an
 * error. */
MUST_USE enum err log_records_next(struct log_records_reader *rr, struct log_records_item *out);

/* Read the next of a record's headers from a reader over `headers`; write one, for a record to be
 * added. Errors are the reader's (ERR_TRUNCATED, ERR_CORRUPT) and the writer's. */
struct log_records_header log_records_header_get(struct bytes_reader *r);
void log_records_header_put(struct bytes_writer *w, const struct log_records_header *header);

#endif
