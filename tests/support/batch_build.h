/* Record batches for tests, as any client might send them, wrong ones included. Written from the
 * format's description and base alone, so that it agrees with storage/log only where both are
 * right.
 *
 *     struct batch_build b;
 *     batch_build_init(&b, raw, sizeof(raw));
 *     b.codec = CODEC_LZ4;
 *     batch_build_add(&b, &(struct batch_build_record){.timestamp = 5, .value = "v"});
 *     size_t length = batch_build_end(&b, &codec, kernels, batch, sizeof(batch));
 *
 * Every field of the header may be set between the last add and the end; what add counted is there
 * to be changed. Source: KIP-98; Apache Kafka's protocol guide, "Record Batch". */
#ifndef TESTS_SUPPORT_BATCH_BUILD_H
#define TESTS_SUPPORT_BATCH_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/crc32c.h"

/* A record's header. */
struct batch_build_header {
    const char *key;   /* text */
    const char *value; /* text; NULL: null */
};

/* A record. Texts end at their NUL unless a length is given. */
struct batch_build_record {
    int64_t timestamp;                        /* ms */
    const char *key;                          /* NULL: null */
    size_t key_bytes;                         /* 0: strlen */
    const char *value;                        /* NULL: null */
    size_t value_bytes;                       /* 0: strlen */
    const struct batch_build_header *headers; /* `headers_count` of them */
    size_t headers_count;                     /* of `headers` */
};

/* A batch being built: the header's fields by their names in the protocol, and the records. */
struct batch_build {
    struct bytes_writer raw;   /* the records, not compressed */
    enum codec_kind codec;     /* what `end` compresses with and says in the attributes */
    uint16_t attributes;       /* other bits, or-ed */
    uint64_t base_offset;      /* 0 */
    uint32_t leader_epoch;     /* UINT32_MAX: -1 */
    uint8_t magic;             /* 2 */
    int32_t last_offset_delta; /* records - 1 */
    int64_t base_timestamp;    /* the first record's */
    int64_t max_timestamp;     /* the largest */
    int64_t producer_id;       /* -1 */
    int16_t producer_epoch;    /* -1 */
    int32_t base_sequence;     /* -1 */
    int32_t records_count;     /* records */
};

/* Begin a batch whose records go to the `capacity` bytes at `raw`. */
void batch_build_init(struct batch_build *b, void *raw, size_t capacity);

/* Add a record. It fits (asserted). */
void batch_build_add(struct batch_build *b, const struct batch_build_record *record);

/* Write the batch to `out`: header, records compressed by `codec` (may be NULL for CODEC_NONE), the
 * right length and checksum. Returns its bytes, which fit (asserted: codec_bound of the records).
 * The builder is unchanged. */
size_t batch_build_end(const struct batch_build *b, struct codec_context *codec,
                       const struct crc32c *kernels, void *out, size_t capacity);

/* The same of records that are compressed already, or pretend to be: `length` bytes at `records`.
 */
size_t batch_build_seal(const struct batch_build *b, const struct crc32c *kernels,
                        const void *records, size_t length, void *out, size_t capacity);

/* Make the checksum of the `length` (>= 61) bytes at `batch` right again. */
void batch_build_fix(const struct crc32c *kernels, void *batch, size_t length);

#endif
