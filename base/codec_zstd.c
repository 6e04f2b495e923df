/* zstd frames by libzstd. See codec.h.
 *
 * Decompression is one-shot per frame: the output buffer is the window, so whatever window a frame
 * asks for, libzstd allocates none. The limit on the window is for the readers behind us, who
 * stream and refuse more. Frames are walked here, because the one-shot call would also read the
 * formats of libzstd before 0.8, which no Kafka client knows. */
#include <endian.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "base/codec_int.h"

/* The largest window a reader must have: ZSTD_WINDOWLOG_LIMIT_DEFAULT, which zstd-jni keeps. */
#define CODEC_ZSTD_WINDOW_BYTES_MAX ((uint64_t)1 << 27)

/* Magic, frame header descriptor and window descriptor. */
#define CODEC_ZSTD_PREFIX_BYTES 6

static size_t codec_zstd_bound(size_t length);
static enum err codec_zstd_compress(struct codec_context *context, int level, struct codec_io *io);
static enum err codec_zstd_decompress(struct codec_context *context, struct codec_io *io);
static void codec_zstd_deinit(struct codec_context *context);
static enum err codec_zstd_check_frame(const uint8_t *frame, size_t length, bool *is_skippable);
static uint64_t codec_zstd_window_bytes(const uint8_t *frame);
static enum err codec_zstd_error(size_t code);

const struct codec_ops codec_zstd = {
    .name = "zstd",
    .level_min = -131072, /* ZSTD_minCLevel() and ZSTD_maxCLevel(), which are functions */
    .level_max = 22,
    .bound = codec_zstd_bound,
    .compress = codec_zstd_compress,
    .decompress = codec_zstd_decompress,
    .deinit = codec_zstd_deinit,
};

static size_t codec_zstd_bound(size_t length)
{
    return ZSTD_compressBound(length);
}

static enum err codec_zstd_compress(struct codec_context *context, int level, struct codec_io *io)
{
    if (context->zstd_compress == NULL) {
        context->zstd_compress = ZSTD_createCCtx();
        if (context->zstd_compress == NULL) {
            return ERR_BUDGET;
        }
    }
    /* The content size goes into the header, no checksum behind: what is compressed here stands
     * under a checksum of its own. */
    size_t code = ZSTD_compressCCtx(context->zstd_compress, io->dst, io->dst_max_bytes, io->src,
                                    io->src_bytes,
                                    level == CODEC_LEVEL_DEFAULT ? ZSTD_CLEVEL_DEFAULT : level);
    if (ZSTD_isError(code)) {
        return codec_zstd_error(code);
    }
    io->dst_bytes = code;
    return ERR_OK;
}

static enum err codec_zstd_decompress(struct codec_context *context, struct codec_io *io)
{
    if (context->zstd_decompress == NULL) {
        context->zstd_decompress = ZSTD_createDCtx();
        if (context->zstd_decompress == NULL) {
            return ERR_BUDGET;
        }
    }
    size_t src_pos = 0;
    do {
        const uint8_t *frame = io->src + src_pos;
        bool is_skippable;
        enum err err = codec_zstd_check_frame(frame, io->src_bytes - src_pos, &is_skippable);
        if (err != ERR_OK) {
            return err;
        }
        size_t frame_bytes = ZSTD_findFrameCompressedSize(frame, io->src_bytes - src_pos);
        if (ZSTD_isError(frame_bytes)) {
            return codec_zstd_error(frame_bytes);
        }
        src_pos += frame_bytes;
        if (is_skippable) {
            continue;
        }
        size_t left = io->dst_max_bytes - io->dst_bytes;
        unsigned long long content_bytes = ZSTD_getFrameContentSize(frame, frame_bytes);
        if (content_bytes != ZSTD_CONTENTSIZE_UNKNOWN && content_bytes > left) {
            return ERR_TOO_LARGE;
        }
        size_t code = ZSTD_decompressDCtx(context->zstd_decompress, io->dst + io->dst_bytes, left,
                                          frame, frame_bytes);
        if (ZSTD_isError(code)) {
            return codec_zstd_error(code);
        }
        io->dst_bytes += code;
    } while (src_pos < io->src_bytes);
    return ERR_OK;
}

static void codec_zstd_deinit(struct codec_context *context)
{
    (void)ZSTD_freeCCtx(context->zstd_compress); /* NULL is fine for both */
    (void)ZSTD_freeDCtx(context->zstd_decompress);
    context->zstd_compress = NULL;
    context->zstd_decompress = NULL;
}

/* Whether a frame we read starts here, as far as its first bytes tell. */
static enum err codec_zstd_check_frame(const uint8_t *frame, size_t length, bool *is_skippable)
{
    uint32_t magic;
    if (length < sizeof(magic)) {
        return ERR_TRUNCATED;
    }
    memcpy(&magic, frame, sizeof(magic));
    magic = le32toh(magic);
    *is_skippable = (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
    if (*is_skippable) {
        return ERR_OK;
    }
    if (magic != ZSTD_MAGICNUMBER) {
        return ERR_CORRUPT;
    }
    if (length < CODEC_ZSTD_PREFIX_BYTES) {
        return ERR_TRUNCATED;
    }
    return codec_zstd_window_bytes(frame) > CODEC_ZSTD_WINDOW_BYTES_MAX ? ERR_UNSUPPORTED : ERR_OK;
}

/* RFC 8878, 3.1.1.1.1.2: a single-segment frame has no window descriptor; its window is its
 * content, which is compared with the room for it. */
static uint64_t codec_zstd_window_bytes(const uint8_t *frame)
{
    bool is_single_segment = (frame[4] >> 5 & 1) != 0;
    uint8_t descriptor = frame[5];
    uint64_t base = (uint64_t)1 << (10 + (descriptor >> 3));
    return is_single_segment ? 0 : base + base / 8 * (descriptor & 7);
}

static enum err codec_zstd_error(size_t code)
{
    switch ((int)ZSTD_getErrorCode(code)) { /* the four that say more than "corrupt" */
    case ZSTD_error_memory_allocation: return ERR_BUDGET;
    case ZSTD_error_dstSize_tooSmall: return ERR_TOO_LARGE;
    case ZSTD_error_srcSize_wrong: return ERR_TRUNCATED;
    case ZSTD_error_dictionary_wrong: return ERR_UNSUPPORTED;
    default: return ERR_CORRUPT; /* tidy: every other one says so */
    }
}
