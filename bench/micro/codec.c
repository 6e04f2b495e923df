/* What base/codec adds to the libraries under it: the same 64 KiB of records, compressed and
 * decompressed through codec.h and by the library called bare, with a context it keeps as well and
 * the same parameters. Frames, bounds and the choice of type are all that differs. */
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/prng.h"
#include "bench/micro/bench.h"

#define CODEC_SOURCE_BYTES 65536
#define CODEC_ROOM_BYTES   (CODEC_SOURCE_BYTES * 2)
#define CODEC_BLOCK_BYTES  32768 /* of codec_snappy.c */
#define CODEC_PAIRS        41

/* What all sides work on, and the contexts the bare ones keep. */
struct codec_work {
    enum codec_kind kind;                 /* the type measured */
    struct codec_context context;         /* ours */
    ZSTD_CCtx *zstd_compress;             /* the bare sides' */
    ZSTD_DCtx *zstd_decompress;           /* likewise */
    LZ4F_cctx *lz4_compress;              /* likewise */
    LZ4F_dctx *lz4_decompress;            /* likewise */
    z_stream deflate;                     /* likewise */
    z_stream inflate;                     /* likewise */
    size_t compressed_bytes;              /* of `compressed` */
    uint8_t source[CODEC_SOURCE_BYTES];   /* records */
    uint8_t compressed[CODEC_ROOM_BYTES]; /* source, compressed by us: what both sides decompress */
    uint8_t out[CODEC_ROOM_BYTES];        /* where output goes */
};

static void codec_fill(uint8_t out[CODEC_SOURCE_BYTES]);
static void codec_open_bare(struct codec_work *work);
static void codec_close_bare(struct codec_work *work);
static void codec_loop_compress(void *context, uint64_t ops_count);
static void codec_loop_compress_bare(void *context, uint64_t ops_count);
static void codec_loop_decompress(void *context, uint64_t ops_count);
static void codec_loop_decompress_bare(void *context, uint64_t ops_count);
static size_t codec_compress_bare(struct codec_work *work);
static size_t codec_decompress_bare(struct codec_work *work);
static size_t codec_snappy_blocks(struct codec_work *work, bool is_compressing);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct codec_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    codec_fill(work->source);
    codec_context_init(&work->context);
    codec_open_bare(work);
    static const enum codec_kind kinds[] = {CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP};
    for (size_t i = 0; i < ARRAY_COUNT(kinds) * 2; i++) {
        bool is_compressing = i % 2 == 0;
        work->kind = kinds[i / 2];
        struct bytes_writer w = bytes_writer(work->compressed, sizeof(work->compressed));
        enum err err = codec_compress(&work->context, work->kind, CODEC_LEVEL_DEFAULT, work->source,
                                      sizeof(work->source), &w);
        ASSERT(err == ERR_OK);
        work->compressed_bytes = w.pos;
        bench_note(&b, "%s: 64 KiB become %zu bytes", codec_kind_name(work->kind), w.pos);
        struct bench_side ours = {
            .loop = is_compressing ? codec_loop_compress : codec_loop_decompress, .context = work};
        struct bench_side bare = {.loop = is_compressing ? codec_loop_compress_bare
                                                         : codec_loop_decompress_bare,
                                  .context = work};
        char name[64];
        snprintf(name, sizeof(name), "%s: %s 64 KiB", codec_kind_name(work->kind),
                 is_compressing ? "compress" : "decompress");
        struct bench_pair pair = bench_pair(&b, name, &ours, &bare, CODEC_PAIRS);
        bench_row(&b, &(struct bench_row){.name = name,
                                          .value = CODEC_SOURCE_BYTES * 1e3 / pair.ours,
                                          .unit = "MB/s",
                                          .peer = "the library, bare",
                                          .ratio = pair.ratio,
                                          .bar = ">= 0.95"});
    }
    codec_close_bare(work);
    codec_context_deinit(&work->context);
    free(work);
    return bench_finish(&b);
}

/* JSON records of a plain event stream. */
static void codec_fill(uint8_t out[CODEC_SOURCE_BYTES])
{
    static const char *const places[] = {"Alaska", "Chile", "Japan", "Nevada", "Tonga"};
    struct prng prng;
    prng_init(&prng, 1);
    size_t pos = 0;
    for (unsigned id = 0; pos < CODEC_SOURCE_BYTES; id++) {
        char line[128];
        snprintf(line, sizeof(line),
                 "{\"id\":%u,\"place\":\"%s\",\"magnitude\":%.2f,\"depth\":%u}\n", id,
                 places[prng_below(&prng, ARRAY_COUNT(places))], prng_unit(&prng) * 9,
                 (unsigned)prng_below(&prng, 700));
        size_t length = strlen(line);
        size_t room = CODEC_SOURCE_BYTES - pos;
        memcpy(out + pos, line, length < room ? length : room);
        pos += length < room ? length : room;
    }
}

static void codec_open_bare(struct codec_work *work)
{
    work->zstd_compress = ZSTD_createCCtx();
    work->zstd_decompress = ZSTD_createDCtx();
    ASSERT(work->zstd_compress != NULL);
    ASSERT(work->zstd_decompress != NULL);
    ASSERT(!LZ4F_isError(LZ4F_createCompressionContext(&work->lz4_compress, LZ4F_VERSION)));
    ASSERT(!LZ4F_isError(LZ4F_createDecompressionContext(&work->lz4_decompress, LZ4F_VERSION)));
    ASSERT(deflateInit2(&work->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    ASSERT(inflateInit2(&work->inflate, 15 + 16) == Z_OK);
}

static void codec_close_bare(struct codec_work *work)
{
    ZSTD_freeCCtx(work->zstd_compress);
    ZSTD_freeDCtx(work->zstd_decompress);
    LZ4F_freeCompressionContext(work->lz4_compress);
    LZ4F_freeDecompressionContext(work->lz4_decompress);
    deflateEnd(&work->deflate);
    inflateEnd(&work->inflate);
}

static void codec_loop_compress(void *context, uint64_t ops_count)
{
    struct codec_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        struct bytes_writer w = bytes_writer(work->out, sizeof(work->out));
        enum err err = codec_compress(&work->context, work->kind, CODEC_LEVEL_DEFAULT, work->source,
                                      sizeof(work->source), &w);
        ASSERT(err == ERR_OK);
    }
}

static void codec_loop_compress_bare(void *context, uint64_t ops_count)
{
    struct codec_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        ASSERT(codec_compress_bare(work) > 0);
    }
}

static void codec_loop_decompress(void *context, uint64_t ops_count)
{
    struct codec_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        size_t got;
        enum err err =
            codec_decompress(&work->context, work->kind, work->compressed, work->compressed_bytes,
                             work->out, CODEC_SOURCE_BYTES, &got);
        ASSERT(err == ERR_OK);
        ASSERT(got == CODEC_SOURCE_BYTES);
    }
}

static void codec_loop_decompress_bare(void *context, uint64_t ops_count)
{
    struct codec_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        ASSERT(codec_decompress_bare(work) == CODEC_SOURCE_BYTES);
    }
}

static size_t codec_compress_bare(struct codec_work *work)
{
    size_t room = sizeof(work->out);
    if (work->kind == CODEC_ZSTD) {
        return ZSTD_compressCCtx(work->zstd_compress, work->out, room, work->source,
                                 sizeof(work->source), ZSTD_CLEVEL_DEFAULT);
    }
    if (work->kind == CODEC_LZ4) {
        LZ4F_preferences_t preferences = {
            .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
            .autoFlush = 1};
        LZ4F_compressOptions_t options = {.stableSrc = 1};
        LZ4F_cctx *cctx = work->lz4_compress;
        size_t pos = LZ4F_compressBegin(cctx, work->out, room, &preferences);
        pos += LZ4F_compressUpdate(cctx, work->out + pos, room - pos, work->source,
                                   sizeof(work->source), &options);
        return pos + LZ4F_compressEnd(cctx, work->out + pos, room - pos, &options);
    }
    if (work->kind == CODEC_SNAPPY) {
        return codec_snappy_blocks(work, true);
    }
    z_stream *stream = &work->deflate;
    deflateReset(stream);
    stream->next_in = work->source;
    stream->avail_in = sizeof(work->source);
    stream->next_out = work->out;
    stream->avail_out = (uInt)room;
    ASSERT(deflate(stream, Z_FINISH) == Z_STREAM_END);
    return room - stream->avail_out;
}

static size_t codec_decompress_bare(struct codec_work *work)
{
    size_t room = CODEC_SOURCE_BYTES;
    if (work->kind == CODEC_ZSTD) {
        return ZSTD_decompressDCtx(work->zstd_decompress, work->out, room, work->compressed,
                                   work->compressed_bytes);
    }
    if (work->kind == CODEC_LZ4) {
        LZ4F_decompressOptions_t options = {.stableDst = 1};
        size_t taken = work->compressed_bytes;
        ASSERT(LZ4F_decompress(work->lz4_decompress, work->out, &room, work->compressed, &taken,
                               &options) == 0);
        return room;
    }
    if (work->kind == CODEC_SNAPPY) {
        return codec_snappy_blocks(work, false);
    }
    z_stream *stream = &work->inflate;
    inflateReset(stream);
    stream->next_in = work->compressed;
    stream->avail_in = (uInt)work->compressed_bytes;
    stream->next_out = work->out;
    stream->avail_out = (uInt)room;
    ASSERT(inflate(stream, Z_FINISH) == Z_STREAM_END);
    return room - stream->avail_out;
}

/* Every 32 KiB block of the source compressed, or every block of our own output decompressed. */
static size_t codec_snappy_blocks(struct codec_work *work, bool is_compressing)
{
    size_t out_pos = 0;
    size_t src_pos = is_compressing ? 0 : 16; /* after the stream's header */
    size_t src_bytes = is_compressing ? sizeof(work->source) : work->compressed_bytes;
    while (src_pos < src_bytes) {
        size_t room = sizeof(work->out) - out_pos;
        char *out = (char *)work->out + out_pos;
        if (is_compressing) {
            const char *block = (const char *)work->source + src_pos;
            ASSERT(snappy_compress(block, CODEC_BLOCK_BYTES, out, &room) == SNAPPY_OK);
            src_pos += CODEC_BLOCK_BYTES;
        } else {
            const uint8_t *p = work->compressed + src_pos;
            size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
            ASSERT(snappy_uncompress((const char *)p + 4, length, out, &room) == SNAPPY_OK);
            src_pos += 4 + length;
        }
        out_pos += room;
    }
    return out_pos;
}
