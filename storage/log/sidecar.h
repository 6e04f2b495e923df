/* The .idx file beside a segment: a header and one record of 96 bytes per entry (storage/README.md,
 * "Entry"). Pure. */
#ifndef STORAGE_LOG_SIDECAR_H
#define STORAGE_LOG_SIDECAR_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/log/batch.h"
#include "storage/log/format.h"

/* Header and record alike. */
#define LOG_SIDECAR_BYTES 96u

/* struct log_sidecar.flags */
#define LOG_SIDECAR_GAP         1u
#define LOG_SIDECAR_QUARANTINED 2u
#define LOG_SIDECAR_REWRITTEN   4u

/* The header: which segment this is, and what stands before it. */
struct log_sidecar_header {
    struct log_features features; /* of the segment */
    uint64_t group;               /* whose log */
    struct log_uuid topic;        /* of the partition */
    uint32_t partition;           /* its number */
    uint32_t generation;          /* of the segment */
    uint32_t origin;              /* 1 + the generation it began with, if these files have replaced
                                     others; 0: they are the first */
    struct log_point start;       /* first index, base offset, previous term and chain */
};

/* What is known of an entry. */
struct log_sidecar {
    uint64_t index;            /* of a gap: its first */
    uint64_t last_index;       /* = index but for a gap */
    uint64_t base_offset;      /* of its first record */
    uint32_t term;             /* of a gap: of its last entry, as far as known */
    int32_t last_offset_delta; /* -1: takes no offset */
    uint32_t pos;              /* in the .log */
    uint32_t length;           /* bytes of the batch; 0 for a gap */
    int64_t
        max_timestamp;   /* ms: the largest of this and all earlier entries of the log, -1: none */
    int64_t producer_id; /* -1: none; of a gap: none */
    int16_t producer_epoch; /* -1: none */
    enum log_kind kind;     /* data or internal */
    uint8_t flags;          /* LOG_SIDECAR_* */
    int32_t base_sequence;  /* -1: none */
    uint32_t records_count; /* of the batch */
    uint16_t key_id;        /* 0: not encrypted */
    uint32_t crc;           /* Kafka's, as first appended */
    uint32_t header_crc;    /* of the 61 bytes, as first appended */
    struct hash128 chain;   /* up to this entry */
    uint32_t rewritten_crc; /* Kafka's of a rewritten batch */
};

/* The seed of a segment's record checksums. */
uint32_t log_sidecar_seed(const struct crc32c *kernels, uint64_t group, uint32_t generation);

/* Write and read the header. Decode: ERR_TRUNCATED, ERR_CORRUPT, ERR_UNSUPPORTED; *out is zero
 * then. Unknown ro bits are accepted: who writes asks log_features_check again. */
void log_sidecar_header_encode(const struct log_sidecar_header *header,
                               const struct crc32c *kernels, uint8_t out[LOG_SIDECAR_BYTES]);
MUST_USE enum err log_sidecar_header_decode(const void *data, size_t length,
                                            const struct crc32c *kernels,
                                            struct log_sidecar_header *out);

/* Write and read one record. Decode: ERR_TRUNCATED, ERR_CORRUPT (checksum, unknown kind or flag, a
 * number out of range, pos + length >= 4 GiB, a gap that ends before it begins or has a batch, a
 * data batch that takes no offset or another that does); *out is zero then. */
void log_sidecar_encode(const struct log_sidecar *rec, const struct crc32c *kernels, uint32_t seed,
                        uint8_t out[LOG_SIDECAR_BYTES]);
MUST_USE enum err log_sidecar_decode(const void *data, size_t length, const struct crc32c *kernels,
                                     uint32_t seed, struct log_sidecar *out);

/* The record of entry `index` from its place, its batch's decoded and patched header, its chain,
 * and the running maximum timestamp of the entry before it (-1: none in the whole log). */
void log_sidecar_fill(struct log_sidecar *out, uint64_t index, uint32_t pos,
                      const struct log_batch *batch, uint32_t header_crc, struct hash128 chain,
                      int64_t max_timestamp_before);

/* The offset behind the entry's last record. */
uint64_t log_sidecar_next_offset(const struct log_sidecar *rec);

#endif
