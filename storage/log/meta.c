/* node.meta. See meta.h.
 *
 * A checksum is looked at before anything that stands under it is believed, the version too: else a
 * flipped bit would look like a newer program's file. So it keeps its place in every version. */
#include "storage/log/meta.h"

#include <string.h>

#include "base/assert.h"

/* "TDBN", read as a little-endian number. */
#define LOG_META_MAGIC 0x4e424454u

/* What of a block is not zeros. */
#define LOG_META_FIELDS_BYTES 68u

static enum err log_meta_decode_block(const void *data, size_t length, const struct crc32c *kernels,
                                      bool is_write, struct log_meta *out);

void log_meta_encode(const struct log_meta *meta, const struct crc32c *kernels,
                     uint8_t out[LOG_META_BYTES])
{
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
    ASSERT(w.pos == LOG_META_FIELDS_BYTES);
    bytes_put_zeros(&w, LIMIT_BLOCK_BYTES - LOG_META_FIELDS_BYTES);
    ASSERT(w.err == ERR_OK);
    memcpy(out + LIMIT_BLOCK_BYTES, out, LIMIT_BLOCK_BYTES);
}

enum err log_meta_decode(const void *data, size_t length, const struct crc32c *kernels,
                         bool is_write, struct log_meta *out)
{
    *out = (struct log_meta){0};
    enum err result = ERR_CORRUPT;
    for (size_t pos = 0; pos < LOG_META_BYTES; pos += LIMIT_BLOCK_BYTES) {
        struct log_meta meta;
        size_t left = length > pos ? length - pos : 0;
        const uint8_t *block = left > 0 ? (const uint8_t *)data + pos : NULL;
        enum err err = log_meta_decode_block(block, left, kernels, is_write, &meta);
        if (err == ERR_UNSUPPORTED) { /* a newer program was here: the other block is the past */
            *out = (struct log_meta){0};
            return err;
        }
        if (err == ERR_OK && (result != ERR_OK || meta.boot_epoch > out->boot_epoch)) {
            *out = meta;
            result = ERR_OK;
        }
    }
    return result;
}

/* One block; *out is written on ERR_OK only. */
static enum err log_meta_decode_block(const void *data, size_t length, const struct crc32c *kernels,
                                      bool is_write, struct log_meta *out)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct log_meta meta;
    uint32_t magic = bytes_get_u32le(&r);
    uint16_t version = bytes_get_u16le(&r);
    uint16_t version_oldest = bytes_get_u16le(&r);
    meta.features = log_features_get(&r);
    meta.node_id = bytes_get_u32le(&r);
    meta.cluster = log_uuid_get(&r);
    meta.disk = log_uuid_get(&r);
    meta.boot_epoch = bytes_get_u64le(&r);
    size_t covered = r.pos;
    uint32_t crc = bytes_get_u32le(&r);
    if (r.err != ERR_OK) {
        return r.err;
    }
    if (magic != LOG_META_MAGIC || crc != crc32c(kernels, 0, data, covered)) {
        return ERR_CORRUPT;
    }
    enum err err = log_features_check(version, &meta.features, is_write);
    if (err != ERR_OK) {
        return err;
    }
    if (version_oldest < LOG_FORMAT_VERSION_OLDEST) {
        return ERR_UNSUPPORTED;
    }
    if (version_oldest > version) {
        return ERR_CORRUPT;
    }
    *out = meta;
    return ERR_OK;
}
