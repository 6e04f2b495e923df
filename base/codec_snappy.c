/* snappy by Google's library. See codec.h.
 *
 * A raw snappy block begins with its length. The Java client writes snappy-java's stream instead
 * (SnappyOutputStream): magic 82 "SNAPPY" 00, version, oldest compatible version, then blocks of
 * 32 KiB, each behind its compressed length; all integers big-endian. As raw snappy, the magic
 * would be a length of 10626 followed by a copy from before the beginning, which no encoder writes:
 * the two cannot be confused.
 *
 * Streams that snappy-java concatenates (a second header between blocks) are refused: no Kafka
 * client writes them, and librdkafka does not read them. */
#include <string.h>

#include <snappy-c.h>

#include "base/assert.h"
#include "base/codec_int.h"

#define CODEC_XERIAL_HEADER_BYTES 16
#define CODEC_XERIAL_BLOCK_BYTES  (32 * 1024)
#define CODEC_XERIAL_VERSION      1

static size_t codec_snappy_bound(size_t length);
static enum err codec_snappy_compress(struct codec_context *context, int level,
                                      struct codec_io *io);
static enum err codec_snappy_decompress(struct codec_context *context, struct codec_io *io);
static void codec_snappy_deinit(struct codec_context *context);
static enum err codec_snappy_decompress_xerial(struct codec_io *io);
static enum err codec_snappy_decompress_raw(struct codec_io *io, const uint8_t *block,
                                            size_t block_bytes);

const struct codec_ops codec_snappy = {
    .name = "snappy",
    .level_min = 1,
    .level_max = 0,
    .bound = codec_snappy_bound,
    .compress = codec_snappy_compress,
    .decompress = codec_snappy_decompress,
    .deinit = codec_snappy_deinit,
};

static const uint8_t codec_xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

static size_t codec_snappy_bound(size_t length)
{
    size_t whole = length / CODEC_XERIAL_BLOCK_BYTES;
    size_t rest = length % CODEC_XERIAL_BLOCK_BYTES;
    return CODEC_XERIAL_HEADER_BYTES +
           whole * (4 + snappy_max_compressed_length(CODEC_XERIAL_BLOCK_BYTES)) +
           (rest > 0 ? 4 + snappy_max_compressed_length(rest) : 0);
}

static enum err codec_snappy_compress(struct codec_context *context, int level, struct codec_io *io)
{
    (void)context;
    (void)level;
    struct bytes_writer w = bytes_writer(io->dst, io->dst_max_bytes);
    bytes_put_copy(&w, codec_xerial_magic, sizeof(codec_xerial_magic));
    bytes_put_u32be(&w, CODEC_XERIAL_VERSION);
    bytes_put_u32be(&w, CODEC_XERIAL_VERSION);
    for (size_t pos = 0; pos < io->src_bytes;) {
        size_t left = io->src_bytes - pos;
        size_t block = left < CODEC_XERIAL_BLOCK_BYTES ? left : CODEC_XERIAL_BLOCK_BYTES;
        size_t length_pos = w.pos;
        bytes_put_u32be(&w, 0); /* the length, once it is known */
        size_t length = bytes_writer_left(&w);
        snappy_status status =
            snappy_compress((const char *)io->src + pos, block, (char *)w.data + w.pos, &length);
        ASSERT(status == SNAPPY_OK); /* there is room for the bound */
        w.pos += length;
        bytes_patch_u32be(&w, length_pos, (uint32_t)length);
        pos += block;
    }
    ASSERT(w.err == ERR_OK);
    io->dst_bytes = w.pos;
    return ERR_OK;
}

static enum err codec_snappy_decompress(struct codec_context *context, struct codec_io *io)
{
    (void)context;
    if (io->src_bytes == 0) {
        return ERR_TRUNCATED; /* even the empty value has a length */
    }
    size_t magic_bytes = sizeof(codec_xerial_magic);
    if (io->src_bytes >= magic_bytes && memcmp(io->src, codec_xerial_magic, magic_bytes) == 0) {
        return codec_snappy_decompress_xerial(io);
    }
    return codec_snappy_decompress_raw(io, io->src, io->src_bytes);
}

static enum err codec_snappy_decompress_xerial(struct codec_io *io)
{
    struct bytes_reader r = bytes_reader(io->src, io->src_bytes);
    bytes_skip(&r, sizeof(codec_xerial_magic));
    uint32_t version = bytes_get_u32be(&r);
    bytes_skip(&r, 4); /* the oldest version that can read this: snappy-java ignores it too */
    if (r.err == ERR_OK && version < CODEC_XERIAL_VERSION) {
        return ERR_CORRUPT;
    }
    while (r.err == ERR_OK && bytes_reader_left(&r) > 0) {
        uint32_t length = bytes_get_u32be(&r);
        const uint8_t *block = bytes_get_view(&r, length);
        if (block != NULL) {
            enum err err = codec_snappy_decompress_raw(io, block, length);
            if (err != ERR_OK) {
                return err;
            }
        }
    }
    return r.err;
}

/* Append one raw block's value to the output. */
static enum err codec_snappy_decompress_raw(struct codec_io *io, const uint8_t *block,
                                            size_t block_bytes)
{
    const char *compressed = (const char *)block;
    size_t length;
    if (snappy_uncompressed_length(compressed, block_bytes, &length) != SNAPPY_OK) {
        return ERR_CORRUPT;
    }
    size_t left = io->dst_max_bytes - io->dst_bytes;
    if (length > left) {
        return ERR_TOO_LARGE;
    }
    char *dst = (char *)io->dst + io->dst_bytes;
    if (snappy_uncompress(compressed, block_bytes, dst, &left) != SNAPPY_OK) {
        return ERR_CORRUPT;
    }
    ASSERT(left == length);
    io->dst_bytes += length;
    return ERR_OK;
}

static void codec_snappy_deinit(struct codec_context *context)
{
    (void)context; /* its C interface keeps nothing */
}
