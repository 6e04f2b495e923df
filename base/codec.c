/* Compression: what is common to all types, and the type "none". See codec.h.
 *
 * Limits are checked here once, so that an adapter only ever sees lengths its library can count and
 * pointers it may give to it. */
#include "base/codec.h"

#include <string.h>

#include "base/assert.h"
#include "base/codec_int.h"

static size_t codec_none_bound(size_t length);
static enum err codec_none_compress(struct codec_context *context, int level, struct codec_io *io);
static enum err codec_none_decompress(struct codec_context *context, struct codec_io *io);
static void codec_none_deinit(struct codec_context *context);
static const struct codec_ops *codec_ops_of(enum codec_kind kind);

static const struct codec_ops codec_none = {
    .name = "none",
    .level_min = 1,
    .level_max = 0,
    .bound = codec_none_bound,
    .compress = codec_none_compress,
    .decompress = codec_none_decompress,
    .deinit = codec_none_deinit,
};

static const struct codec_ops *const codec_table[CODEC_KIND_COUNT] = {
    [CODEC_NONE] = &codec_none, [CODEC_GZIP] = &codec_gzip, [CODEC_SNAPPY] = &codec_snappy,
    [CODEC_LZ4] = &codec_lz4,   [CODEC_ZSTD] = &codec_zstd,
};

void codec_context_init(struct codec_context *context)
{
    *context = (struct codec_context){0};
}

void codec_context_deinit(struct codec_context *context)
{
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        codec_table[kind]->deinit(context);
    }
    codec_context_init(context);
}

enum err codec_kind_of_id(unsigned id, enum codec_kind *kind)
{
    if (id >= CODEC_KIND_COUNT) {
        return ERR_UNSUPPORTED;
    }
    *kind = (enum codec_kind)id;
    return ERR_OK;
}

const char *codec_kind_name(enum codec_kind kind)
{
    return codec_ops_of(kind)->name;
}

bool codec_level_is_valid(enum codec_kind kind, int level)
{
    const struct codec_ops *ops = codec_ops_of(kind);
    return level == CODEC_LEVEL_DEFAULT || (level >= ops->level_min && level <= ops->level_max);
}

size_t codec_bound(enum codec_kind kind, size_t length)
{
    ASSERT(length <= CODEC_BYTES_MAX);
    size_t bound = codec_ops_of(kind)->bound(length);
    ASSERT(bound >= length);
    return bound;
}

enum err codec_compress(struct codec_context *context, enum codec_kind kind, int level,
                        const void *src, size_t src_bytes, struct bytes_writer *dst)
{
    ASSERT(IMPLIES(src == NULL, src_bytes == 0));
    if (dst->err != ERR_OK) {
        return dst->err;
    }
    if (!codec_level_is_valid(kind, level)) {
        dst->err = ERR_INVALID;
        return dst->err;
    }
    if (src_bytes > CODEC_BYTES_MAX || bytes_writer_left(dst) < codec_bound(kind, src_bytes)) {
        dst->err = ERR_TOO_LARGE;
        return dst->err;
    }
    uint8_t nothing[1] = {0};
    struct codec_io io = {
        .src = src != NULL ? src : nothing,
        .src_bytes = src_bytes,
        .dst = dst->data != NULL ? dst->data + dst->pos : nothing,
        .dst_max_bytes = bytes_writer_left(dst),
    };
    dst->err = codec_ops_of(kind)->compress(context, level, &io);
    if (dst->err == ERR_OK) {
        ASSERT(io.dst_bytes <= io.dst_max_bytes);
        dst->pos += io.dst_bytes; /* written in place */
    }
    return dst->err;
}

enum err codec_decompress(struct codec_context *context, enum codec_kind kind, const void *src,
                          size_t src_bytes, void *dst, size_t dst_max_bytes, size_t *dst_bytes)
{
    ASSERT(IMPLIES(src == NULL, src_bytes == 0));
    ASSERT(IMPLIES(dst == NULL, dst_max_bytes == 0));
    *dst_bytes = 0;
    if (src_bytes > CODEC_BYTES_MAX) {
        return ERR_TOO_LARGE;
    }
    uint8_t nothing[1] = {0};
    struct codec_io io = {
        .src = src != NULL ? src : nothing,
        .src_bytes = src_bytes,
        .dst = dst != NULL ? dst : nothing,
        .dst_max_bytes = dst_max_bytes < CODEC_BYTES_MAX ? dst_max_bytes : CODEC_BYTES_MAX,
    };
    enum err err = codec_ops_of(kind)->decompress(context, &io);
    if (err == ERR_OK) {
        ASSERT(io.dst_bytes <= dst_max_bytes);
        *dst_bytes = io.dst_bytes;
    }
    return err;
}

static const struct codec_ops *codec_ops_of(enum codec_kind kind)
{
    ASSERT(kind < CODEC_KIND_COUNT);
    return codec_table[kind];
}

static size_t codec_none_bound(size_t length)
{
    return length;
}

static enum err codec_none_compress(struct codec_context *context, int level, struct codec_io *io)
{
    (void)level;
    return codec_none_decompress(context, io);
}

static enum err codec_none_decompress(struct codec_context *context, struct codec_io *io)
{
    (void)context;
    if (io->src_bytes > io->dst_max_bytes) {
        return ERR_TOO_LARGE;
    }
    memcpy(io->dst, io->src, io->src_bytes);
    io->dst_bytes = io->src_bytes;
    return ERR_OK;
}

static void codec_none_deinit(struct codec_context *context)
{
    (void)context;
}
