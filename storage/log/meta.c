/* node.meta. See meta.h. */
#include "storage/log/meta.h"

#include <string.h>

#include "base/assert.h"

#define LOG_META_MAGIC        0x4e424454u /* "TDBN" */
#define LOG_META_BLOCK_FIELDS 68u

static enum err log_meta_block(const uint8_t *data, size_t length, const struct crc32c *kernels,
                               bool is_write, struct log_meta *out);

void log_meta_encode(const struct log_meta *meta, const struct crc32c *kernels,
                     uint8_t out[LOG_META_BYTES])
{
    memset(out, 0, LOG_META_BYTES);
    struct bytes_writer w = bytes_writer(out, LIMIT_BLOCK_BYTES);
    bytes_put_u32le(&w, LOG_META_MAGIC);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION);
    bytes_put_u16le(&w, LOG_FORMAT_VERSION_OLDEST);
    log_features_put(&w, &meta->features);
    bytes_put_u32le(&w, meta->node_id);
    log_uuid_put(&w, &meta->cluster);
    log_uuid_put(&w, &meta->disk);
    bytes_put_u64le(&w, meta->boot_epoch);
    log_crc_put(&w, kernels, 0, 0);
    ASSERT(w.pos == LOG_META_BLOCK_FIELDS);
    memcpy(out + LIMIT_BLOCK_BYTES, out, LIMIT_BLOCK_BYTES);
}

enum err log_meta_decode(const void *data, size_t length, const struct crc32c *kernels,
                         bool is_write, struct log_meta *out)
{
    const uint8_t *bytes = data;
    struct log_meta first;
    struct log_meta second;
    enum err first_err = log_meta_block(bytes, length, kernels, is_write, &first);
    enum err second_err = ERR_CORRUPT;
    *out = (struct log_meta){0};
    if (length > LIMIT_BLOCK_BYTES) {
        second_err = log_meta_block(bytes + LIMIT_BLOCK_BYTES, length - LIMIT_BLOCK_BYTES, kernels,
                                    is_write, &second);
    }
    if (first_err == ERR_UNSUPPORTED || second_err == ERR_UNSUPPORTED) {
        return ERR_UNSUPPORTED;
    }
    if (first_err == ERR_OK && (second_err != ERR_OK || second.boot_epoch <= first.boot_epoch)) {
        *out = first;
        return ERR_OK;
    }
    if (second_err == ERR_OK) {
        *out = second;
        return ERR_OK;
    }
    return ERR_CORRUPT;
}

/* Decode one of the two blocks. */
static enum err log_meta_block(const uint8_t *data, size_t length, const struct crc32c *kernels,
                               bool is_write, struct log_meta *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    bytes_skip(&r, 2);
    out->features = log_features_get(&r);
    out->node_id = bytes_get_u32le(&r);
    out->cluster = log_uuid_get(&r);
    out->disk = log_uuid_get(&r);
    out->boot_epoch = bytes_get_u64le(&r);
    size_t summed = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK || magic != LOG_META_MAGIC || crc != crc32c(kernels, 0, data, summed) ||
        log_uuid_is_zero(&out->disk)) {
        return ERR_CORRUPT;
    }
    return log_features_check(version, &out->features, is_write);
}
