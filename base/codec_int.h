/* What codec.c and its adapters share: one table of functions per type. */
#ifndef BASE_CODEC_INT_H
#define BASE_CODEC_INT_H

#include "base/codec.h"

/* One call's input and output. Neither pointer is NULL, both lengths are <= CODEC_BYTES_MAX. */
struct codec_io {
    const uint8_t *src;   /* all of the input */
    size_t src_bytes;     /* its length */
    uint8_t *dst;         /* where the output goes */
    size_t dst_max_bytes; /* room there; compressing: at least bound(src_bytes) */
    size_t dst_bytes;     /* the output's length, set on success */
};

/* One type. The contracts are those of the functions of codec.h. */
struct codec_ops {
    const char *name; /* Kafka's name */
    int level_min;    /* least level besides the default; without levels level_min > level_max */
    int level_max;    /* largest level */
    size_t (*bound)(size_t length);
    enum err (*compress)(struct codec_context *context, int level, struct codec_io *io);
    enum err (*decompress)(struct codec_context *context, struct codec_io *io);
    void (*deinit)(struct codec_context *context); /* free this type's contexts, if any */
};

extern const struct codec_ops codec_gzip;
extern const struct codec_ops codec_snappy;
extern const struct codec_ops codec_lz4;
extern const struct codec_ops codec_zstd;

#endif
