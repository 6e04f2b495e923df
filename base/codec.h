/* Compression: Kafka's five types behind one interface (RecordBatch attributes, bits 0..2). Record
 * batches, cold segments and column runs are compressed and decompressed through here; each foreign
 * library is known to exactly one codec_*.c.
 *
 * Formats, as Kafka's clients write and read them:
 *   gzip    RFC 1952; concatenated members are one value
 *   snappy  read: the raw block format (librdkafka, franz-go) and snappy-java's "xerial" stream of
 *           length-prefixed blocks (Java client), told apart by the magic; written: xerial, 32 KiB
 *           blocks, as the Java client does. All three clients read both.
 *   lz4     exactly one LZ4 frame, with or without content size and checksums, its blocks
 *           independent or linked (old clients); written: independent 64 KiB blocks, which is all
 *           Java reads
 *   zstd    RFC 8878, one or more frames, skippable ones ignored, no dictionary; window
 *           <= 128 MiB, which is what Kafka's Java client reads
 *
 * Memory: output goes only to the caller's buffer and never past its size, so a bomb costs its own
 * input. The libraries' contexts are kept in a struct codec_context, one per shard: they are made
 * at first use and used again, so a hot path allocates nothing for them (snappy's C interface has
 * no context: compressing with it allocates, decompressing does not).
 *
 * Nothing here blocks or keeps a pointer to the caller's bytes. `src` and `dst` never overlap. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The types; the values are Kafka's ids. */
enum codec_kind {
    CODEC_NONE = 0,
    CODEC_GZIP = 1,
    CODEC_SNAPPY = 2,
    CODEC_LZ4 = 3,
    CODEC_ZSTD = 4,
    CODEC_KIND_COUNT
};

/* The most bytes on either side of one call: the libraries count in 32 bits. */
#define CODEC_BYTES_MAX ((size_t)1 << 30)

/* The level of who has none: gzip 6, lz4's fast mode, zstd 3. */
#define CODEC_LEVEL_DEFAULT INT_MIN

/* The bytes of zlib's z_stream; checked in codec_gzip.c. */
#define CODEC_ZLIB_STREAM_BYTES 112

/* One zlib stream, kept between calls. zlib points back into it. */
struct codec_zlib {
    ALIGNED(16) uint8_t stream[CODEC_ZLIB_STREAM_BYTES]; /* a z_stream, private to codec_gzip.c */
    bool is_open;                                        /* the stream holds memory of zlib's */
    int level; /* of a compressing stream: the level it was opened with */
};

/* The libraries' contexts of one shard. Must not move or be copied once used. Private to codec*.c.
 */
struct codec_context {
    struct ZSTD_CCtx_s *zstd_compress;   /* NULL until first used, like the next three; at level 3
                                            up to 1.3 MiB, by the largest source */
    struct ZSTD_DCtx_s *zstd_decompress; /* 94 KiB */
    struct LZ4F_cctx_s *lz4_compress;    /* 16 KiB; 256 KiB from level 3 on */
    struct LZ4F_dctx_s *lz4_decompress;  /* up to twice the largest block met: 8 MiB at most */
    struct codec_zlib gzip_compress;     /* about 260 KiB once open */
    struct codec_zlib gzip_decompress;   /* about 40 KiB once open */
};

/* An empty context. Allocates nothing. */
void codec_context_init(struct codec_context *context);

/* Free what the libraries allocated. The context is empty again and may be used again. */
void codec_context_deinit(struct codec_context *context);

/* *kind = the type with Kafka's `id`; ERR_UNSUPPORTED for 5 and above, *kind then untouched. */
MUST_USE enum err codec_kind_of_id(unsigned id, enum codec_kind *kind);

/* Kafka's name of the type: "none", "gzip", "snappy", "lz4" or "zstd". Static storage. */
const char *codec_kind_name(enum codec_kind kind);

/* Whether codec_compress takes `level` for `kind`: CODEC_LEVEL_DEFAULT always; else gzip 1..9, lz4
 * 1..17 (above 12 as 12), zstd -131072..22. Source: KIP-390. */
bool codec_level_is_valid(enum codec_kind kind, int level);

/* The most bytes codec_compress writes for `length` (<= CODEC_BYTES_MAX, asserted) bytes. */
size_t codec_bound(enum codec_kind kind, size_t length);

/* Compress `src_bytes` bytes at `src` (may be NULL when 0) and append them to `dst`, which needs
 * room for codec_bound(kind, src_bytes). Errors, returned and kept in `dst`, of which nothing was
 * then used: ERR_TOO_LARGE (less room, or more than CODEC_BYTES_MAX), ERR_INVALID (level),
 * ERR_BUDGET (no memory for the context), or the error `dst` had. */
MUST_USE enum err codec_compress(struct codec_context *context, enum codec_kind kind, int level,
                                 const void *src, size_t src_bytes, struct bytes_writer *dst);

/* Decompress the whole of `src` to `dst` (may be NULL when `dst_max_bytes` is 0) and store the
 * length in *dst_bytes. Errors, with *dst_bytes = 0 and the content of `dst` undefined:
 * ERR_TOO_LARGE: would be longer than `dst_max_bytes`; nothing past it was written. Where the
 * format says the length in front (zstd, snappy) nothing was decompressed. ERR_TRUNCATED: the input
 * ends too early, where the format lets one tell; else ERR_CORRUPT. ERR_CORRUPT: not the format, a
 * checksum is wrong, or bytes follow the value. ERR_UNSUPPORTED: a zstd frame that needs a
 * dictionary or a larger window. ERR_BUDGET: no memory for the context. */
MUST_USE enum err codec_decompress(struct codec_context *context, enum codec_kind kind,
                                   const void *src, size_t src_bytes, void *dst,
                                   size_t dst_max_bytes, size_t *dst_bytes);

#endif
