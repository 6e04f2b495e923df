/* node.meta: who this node is (storage/README.md). Pure. */
#ifndef STORAGE_LOG_META_H
#define STORAGE_LOG_META_H

#include <stdint.h>

#include "storage/log/format.h"

/* Two equal blocks. */
#define LOG_META_BYTES (2 * LIMIT_BLOCK_BYTES)

struct log_meta {
    struct log_features features; /* of the directory */
    uint32_t node_id;             /* in its cluster; 0: not given yet */
    struct log_uuid cluster;      /* zero: not given yet */
    struct log_uuid disk;         /* of this directory, made at its first start */
    uint64_t boot_epoch;          /* of the newest start that wrote */
};

/* Write all LOG_META_BYTES of the file to `out`. */
void log_meta_encode(const struct log_meta *meta, const struct crc32c *kernels,
                     uint8_t out[LOG_META_BYTES]);

/* Decode the file, of which `length` bytes were read: of two blocks that verify the one of the
 * higher boot epoch. ERR_CORRUPT: neither block does; ERR_UNSUPPORTED: one that verifies has a
 * newer version, or features that `is_write` may not have. *out is zero then. */
MUST_USE enum err log_meta_decode(const void *data, size_t length, const struct crc32c *kernels,
                                  bool is_write, struct log_meta *out);

#endif
