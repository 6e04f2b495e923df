/* lz4 frames by liblz4. See codec.h.
 *
 * Written as Kafka's Lz4BlockOutputStream writes: frame version 1, independent blocks of 64 KiB, no
 * content size, no checksums (the batch has its own). Its counterpart Lz4BlockInputStream reads
 * independent blocks only; liblz4 reads all.
 *
 * One frame is one value. What follows it is refused: Java ignores it, librdkafka fails on it,
 * franz-go would read one more frame; a batch must not mean different records to different clients.
 */
#include <string.h>

#include <lz4frame.h>

#include "base/assert.h"
#include "base/codec_int.h"

/* Levels above are accepted, since KIP-390 has them, and mean this one: LZ4HC_CLEVEL_MAX. */
#define CODEC_LZ4_LEVEL_MOST 12
#define CODEC_LZ4_LEVEL_MAX  17

static size_t codec_lz4_bound(size_t length);
static enum err codec_lz4_compress(struct codec_context *context, int level, struct codec_io *io);
static enum err codec_lz4_decompress(struct codec_context *context, struct codec_io *io);
static enum err codec_lz4_decompress_frame(LZ4F_dctx *dctx, struct codec_io *io);
static void codec_lz4_deinit(struct codec_context *context);
static LZ4F_preferences_t codec_lz4_preferences(int level);
static enum err codec_lz4_error(size_t code);

const struct codec_ops codec_lz4 = {
    .name = "lz4",
    .level_min = 1,
    .level_max = CODEC_LZ4_LEVEL_MAX,
    .bound = codec_lz4_bound,
    .compress = codec_lz4_compress,
    .decompress = codec_lz4_decompress,
    .deinit = codec_lz4_deinit,
};

/* Lz4 Frame Format, "Magic Number". Skippable and legacy frames have others: Kafka has neither. */
static const uint8_t codec_lz4_magic[4] = {0x04, 0x22, 0x4d, 0x18};

static size_t codec_lz4_bound(size_t length)
{
    LZ4F_preferences_t preferences = codec_lz4_preferences(CODEC_LEVEL_DEFAULT);
    return LZ4F_compressFrameBound(length, &preferences);
}

static enum err codec_lz4_compress(struct codec_context *context, int level, struct codec_io *io)
{
    if (context->lz4_compress == NULL) {
        size_t code = LZ4F_createCompressionContext(&context->lz4_compress, LZ4F_VERSION);
        if (LZ4F_isError(code)) {
            return codec_lz4_error(code);
        }
    }
    /* Begin, update and end rather than LZ4F_compressFrame, which makes its tables anew each time.
     */
    LZ4F_preferences_t preferences = codec_lz4_preferences(level);
    LZ4F_compressOptions_t options = {.stableSrc = 1}; /* compress in place, buffer nothing */
    LZ4F_cctx *cctx = context->lz4_compress;
    size_t pos = LZ4F_compressBegin(cctx, io->dst, io->dst_max_bytes, &preferences);
    if (LZ4F_isError(pos)) {
        return codec_lz4_error(pos);
    }
    size_t body = LZ4F_compressUpdate(cctx, io->dst + pos, io->dst_max_bytes - pos, io->src,
                                      io->src_bytes, &options);
    ASSERT(!LZ4F_isError(body)); /* there is room for the bound */
    pos += body;
    size_t end = LZ4F_compressEnd(cctx, io->dst + pos, io->dst_max_bytes - pos, &options);
    ASSERT(!LZ4F_isError(end));
    io->dst_bytes = pos + end;
    return ERR_OK;
}

static enum err codec_lz4_decompress(struct codec_context *context, struct codec_io *io)
{
    size_t magic_bytes = io->src_bytes < 4 ? io->src_bytes : sizeof(codec_lz4_magic);
    if (memcmp(io->src, codec_lz4_magic, magic_bytes) != 0) {
        return ERR_CORRUPT;
    }
    if (context->lz4_decompress == NULL) {
        size_t code = LZ4F_createDecompressionContext(&context->lz4_decompress, LZ4F_VERSION);
        if (LZ4F_isError(code)) {
            return codec_lz4_error(code);
        }
    }
    enum err err = codec_lz4_decompress_frame(context->lz4_decompress, io);
    if (err != ERR_OK) {
        /* A context that stopped inside a frame is not used again. LZ4F_resetDecompressionContext
         * of liblz4 before 1.10 keeps the frame's remaining content size, and then rejects the next
         * good frame that has none: one hostile batch would make honest ones look corrupt. */
        (void)LZ4F_freeDecompressionContext(context->lz4_decompress);
        context->lz4_decompress = NULL;
    }
    return err;
}

/* Decompress with a context that stands at the beginning of a frame. */
static enum err codec_lz4_decompress_frame(LZ4F_dctx *dctx, struct codec_io *io)
{
    LZ4F_decompressOptions_t options = {.stableDst = 1}; /* the output itself is the window */
    size_t src_pos = 0;
    for (;;) {
        size_t taken = io->src_bytes - src_pos;
        size_t given = io->dst_max_bytes - io->dst_bytes;
        size_t code = LZ4F_decompress(dctx, io->dst + io->dst_bytes, &given, io->src + src_pos,
                                      &taken, &options);
        if (LZ4F_isError(code)) {
            return codec_lz4_error(code);
        }
        src_pos += taken;
        io->dst_bytes += given;
        if (code == 0) { /* the frame is complete, and the context back at a beginning */
            return src_pos == io->src_bytes ? ERR_OK : ERR_CORRUPT;
        }
        if (taken == 0 && given == 0) { /* it wants more of one of the two */
            return src_pos == io->src_bytes ? ERR_TRUNCATED : ERR_TOO_LARGE;
        }
    }
}

static void codec_lz4_deinit(struct codec_context *context)
{
    (void)LZ4F_freeCompressionContext(context->lz4_compress); /* NULL is fine for both */
    (void)LZ4F_freeDecompressionContext(context->lz4_decompress);
    context->lz4_compress = NULL;
    context->lz4_decompress = NULL;
}

static LZ4F_preferences_t codec_lz4_preferences(int level)
{
    if (level == CODEC_LEVEL_DEFAULT) {
        level = 0; /* the fast mode */
    }
    return (LZ4F_preferences_t){
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level < CODEC_LZ4_LEVEL_MOST ? level : CODEC_LZ4_LEVEL_MOST,
        .autoFlush = 1,
    };
}

/* liblz4 1.9 publishes names of its errors, not their numbers. */
static enum err codec_lz4_error(size_t code)
{
    bool is_memory = strcmp(LZ4F_getErrorName(code), "ERROR_allocation_failed") == 0;
    return is_memory ? ERR_BUDGET : ERR_CORRUPT;
}
