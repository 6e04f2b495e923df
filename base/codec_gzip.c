/* gzip by zlib. See codec.h.
 *
 * Compression with zlib's gzip wrapper (RFC 1952; windowBits 15 + 16), memory level 8 as
 * everywhere. Decompression takes members one after another, as gzip(1), Java's GZIPInputStream and
 * Go's reader do; bytes after the last member that are not one more are an error, because those
 * readers disagree about them. */
#include <assert.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/codec_int.h"

/* windowBits: the largest window, and 16 for the gzip wrapper instead of zlib's. */
#define CODEC_GZIP_WINDOW_BITS (15 + 16)
#define CODEC_GZIP_MEM_LEVEL   8

/* A gzip wrapper (10 + 8 bytes) is this much longer than zlib's (2 + 4), which compressBound
 * counts. */
#define CODEC_GZIP_WRAPPER_BYTES 12

static_assert(sizeof(z_stream) <= CODEC_ZLIB_STREAM_BYTES, "CODEC_ZLIB_STREAM_BYTES is too small");

static size_t codec_gzip_bound(size_t length);
static enum err codec_gzip_compress(struct codec_context *context, int level, struct codec_io *io);
static enum err codec_gzip_decompress(struct codec_context *context, struct codec_io *io);
static void codec_gzip_deinit(struct codec_context *context);
static enum err codec_gzip_open_deflate(struct codec_zlib *zlib, int level);
static enum err codec_gzip_open_inflate(struct codec_zlib *zlib);
static z_stream *codec_gzip_stream(struct codec_zlib *zlib);
static enum err codec_gzip_error(int code);

const struct codec_ops codec_gzip = {
    .name = "gzip",
    .level_min = Z_BEST_SPEED,
    .level_max = Z_BEST_COMPRESSION,
    .bound = codec_gzip_bound,
    .compress = codec_gzip_compress,
    .decompress = codec_gzip_decompress,
    .deinit = codec_gzip_deinit,
};

static size_t codec_gzip_bound(size_t length)
{
    return compressBound(length) + CODEC_GZIP_WRAPPER_BYTES;
}

static enum err codec_gzip_compress(struct codec_context *context, int level, struct codec_io *io)
{
    struct codec_zlib *zlib = &context->gzip_compress;
    enum err err =
        codec_gzip_open_deflate(zlib, level == CODEC_LEVEL_DEFAULT ? Z_DEFAULT_COMPRESSION : level);
    if (err != ERR_OK) {
        return err;
    }
    z_stream *stream = codec_gzip_stream(zlib);
    size_t room = io->dst_max_bytes < UINT_MAX ? io->dst_max_bytes : UINT_MAX;
    stream->next_in = (z_const Bytef *)io->src;
    stream->avail_in = (uInt)io->src_bytes;
    stream->next_out = io->dst;
    stream->avail_out = (uInt)room;
    int code = deflate(stream, Z_FINISH);
    ASSERT(code == Z_STREAM_END); /* there is room for the bound */
    io->dst_bytes = room - stream->avail_out;
    return ERR_OK;
}

static enum err codec_gzip_decompress(struct codec_context *context, struct codec_io *io)
{
    struct codec_zlib *zlib = &context->gzip_decompress;
    z_stream *stream = codec_gzip_stream(zlib);
    size_t src_pos = 0;
    do { /* one member each */
        enum err err = codec_gzip_open_inflate(zlib);
        if (err != ERR_OK) {
            return err;
        }
        size_t src_left = io->src_bytes - src_pos;
        size_t dst_left = io->dst_max_bytes - io->dst_bytes;
        stream->next_in = (z_const Bytef *)io->src + src_pos;
        stream->avail_in = (uInt)src_left;
        stream->next_out = io->dst + io->dst_bytes;
        stream->avail_out = (uInt)dst_left;
        int code = inflate(stream, Z_FINISH);
        src_pos += src_left - stream->avail_in;
        io->dst_bytes += dst_left - stream->avail_out;
        if (code == Z_BUF_ERROR || code == Z_OK) { /* it wants more of one of the two */
            return stream->avail_in == 0 ? ERR_TRUNCATED : ERR_TOO_LARGE;
        }
        if (code != Z_STREAM_END) {
            return codec_gzip_error(code);
        }
    } while (src_pos < io->src_bytes);
    return ERR_OK;
}

static void codec_gzip_deinit(struct codec_context *context)
{
    if (context->gzip_compress.is_open) {
        (void)deflateEnd(codec_gzip_stream(&context->gzip_compress));
        context->gzip_compress.is_open = false;
    }
    if (context->gzip_decompress.is_open) {
        (void)inflateEnd(codec_gzip_stream(&context->gzip_decompress));
        context->gzip_decompress.is_open = false;
    }
}

/* Make the stream ready for a new value at `level`. */
static enum err codec_gzip_open_deflate(struct codec_zlib *zlib, int level)
{
    z_stream *stream = codec_gzip_stream(zlib);
    if (zlib->is_open && zlib->level == level) {
        int code = deflateReset(stream);
        ASSERT(code == Z_OK);
        return ERR_OK;
    }
    if (zlib->is_open) {
        (void)deflateEnd(stream);
    }
    *stream = (z_stream){0};
    int code = deflateInit2(stream, level, Z_DEFLATED, CODEC_GZIP_WINDOW_BITS, CODEC_GZIP_MEM_LEVEL,
                            Z_DEFAULT_STRATEGY);
    zlib->is_open = code == Z_OK;
    zlib->level = level;
    return codec_gzip_error(code);
}

/* Make the stream ready for a new member. */
static enum err codec_gzip_open_inflate(struct codec_zlib *zlib)
{
    z_stream *stream = codec_gzip_stream(zlib);
    if (zlib->is_open) {
        int code = inflateReset(stream);
        ASSERT(code == Z_OK);
        return ERR_OK;
    }
    *stream = (z_stream){0};
    int code = inflateInit2(stream, CODEC_GZIP_WINDOW_BITS);
    zlib->is_open = code == Z_OK;
    return codec_gzip_error(code);
}

static z_stream *codec_gzip_stream(struct codec_zlib *zlib)
{
    return (z_stream *)(void *)zlib->stream;
}

static enum err codec_gzip_error(int code)
{
    switch (code) {
    case Z_OK: return ERR_OK;
    case Z_MEM_ERROR: return ERR_BUDGET;
    default: return ERR_CORRUPT; /* Z_DATA_ERROR, Z_NEED_DICT */
    }
}
