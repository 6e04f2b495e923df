/* A Kafka RecordBatch v2 header, and the internal entries that are shaped like one
 * (storage/README.md, "Entry").
 *
 * Source: Apache Kafka, DefaultRecordBatch; KIP-98. Kafka's CRC covers attributes to the end: base
 * offset, length, leader epoch and magic have no checksum of their own, hence log_batch_header_crc.
 * Pure. */
#ifndef STORAGE_LOG_BATCH_H
#define STORAGE_LOG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/hash.h"

/* The header, and the part of it in front of what `batch length` counts. */
#define LOG_BATCH_HEADER_BYTES 61u
#define LOG_BATCH_PREFIX_BYTES 12u

/* Attributes of an internal entry: this bit, and the kind in bits 8..11. Kafka uses bits 0..6. */
#define LOG_BATCH_INTERNAL 0x4000u

/* What an entry is. The values are stored. */
enum log_kind {
    LOG_KIND_DATA = 0,       /* a producer's batch, control batches of transactions included */
    LOG_KIND_NOOP = 1,       /* a new leader's first entry */
    LOG_KIND_MEMBERSHIP = 2, /* payload: a configuration, raft's */
    LOG_KIND_TRIM = 3,       /* payload: a new log start; acts when it is committed, by log_trim */
    LOG_KIND_CUT = 4,        /* payload: its user's */
    LOG_KIND_COUNT
};

/* A decoded header. */
struct log_batch {
    uint64_t base_offset;      /* of its first record; an internal entry: the next offset */
    uint32_t length_bytes;     /* whole batch, header included */
    uint32_t term;             /* partition leader epoch; UINT32_MAX: -1, not patched yet */
    uint32_t crc;              /* Kafka's, over attributes to the end */
    uint16_t attributes;       /* Kafka's bits, or LOG_BATCH_INTERNAL and the kind */
    enum log_kind kind;        /* from the attributes */
    int32_t last_offset_delta; /* records span base .. base + this; -1: takes no offset */
    int64_t base_timestamp;    /* ms */
    int64_t max_timestamp;     /* ms, -1: none */
    int64_t producer_id;       /* -1: none */
    int16_t producer_epoch;    /* -1: none */
    int32_t base_sequence;     /* -1: none */
    uint32_t records_count;    /* as the header says */
};

/* Decode the header at `data`, of which `length` bytes were received. ERR_TRUNCATED: fewer than a
 * header; ERR_UNSUPPORTED: magic other than 2; ERR_CORRUPT: a length below the header's or above
 * LIMIT_BATCH_BYTES, a negative offset, count or delta, a leader epoch below -1, a next offset
 * above LOG_NUMBER_MAX, an internal entry that takes offsets, counts records or has an unknown kind
 * or other attributes. *out is zero then. That the body is there is not looked at. */
MUST_USE enum err log_batch_decode(const void *data, size_t length, struct log_batch *out);

/* Whether Kafka's CRC holds over the batch at `data`, whose `length` bytes are all there (>= the
 * header, asserted). */
bool log_batch_is_sound(const struct crc32c *kernels, const void *data, size_t length);

/* The CRC of the 61 header bytes at `data`. */
uint32_t log_batch_header_crc(const struct crc32c *kernels, const void *data);

/* Patch the 12 bytes that an append changes: base offset (<= LOG_NUMBER_MAX) and leader epoch (<=
 * LIMIT_TERM). */
void log_batch_patch(uint8_t *data, uint64_t base_offset, uint32_t term);

/* The offset behind the batch's last record. */
uint64_t log_batch_next_offset(const struct log_batch *batch);

/* Write an internal entry (kind other than data) with `payload` at the writer; its CRC is right.
 * ERR_TOO_LARGE in `w` when it does not fit or would pass LIMIT_BATCH_BYTES. */
void log_batch_put_internal(struct bytes_writer *w, const struct crc32c *kernels,
                            enum log_kind kind, const void *payload, size_t payload_bytes,
                            uint64_t offset, uint32_t term, int64_t timestamp_ms);

/* The chain of an entry from the one before it: storage/README.md. */
struct hash128 log_chain(struct hash128 previous, uint64_t index, uint32_t term,
                         const struct log_batch *batch, uint32_t header_crc);

/* The chain of a gap first..last whose own chain is unknown. */
struct hash128 log_chain_gap(struct hash128 previous, uint64_t first_index, uint64_t last_index);

#endif
