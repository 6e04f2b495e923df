/* What this machine does with a file of events: checksums, codecs, durable appends and reading them
 * back. A staged operation on one shard, for `tdb doctor`. */
#ifndef BROKER_APP_DOCTOR_EVENTS_H
#define BROKER_APP_DOCTOR_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/sm.h"

/* The largest file of events that is looked at. */
#define DOCTOR_EVENTS_BYTES_MAX (256u << 20)

/* Events of one append, and its bytes unless one event is larger: what a producer batches. */
#define DOCTOR_BATCH_EVENTS 100u
#define DOCTOR_BATCH_BYTES  (256u << 10)

/* One codec's figures, over all batches. */
struct doctor_codec {
    uint64_t compressed_bytes; /* of all batches */
    uint64_t compress_ns;      /* time to compress them */
    uint64_t decompress_ns;    /* and to decompress */
};

/* In place, the caller's until done. */
struct doctor_events {
    /* Set by the caller. */
    const char *text;                           /* events, one per line, not NUL-terminated */
    size_t text_bytes;                          /* <= DOCTOR_EVENTS_BYTES_MAX */
    const char *dir;                            /* where to append; the caller's until done */
    void (*done)(struct doctor_events *events); /* fires once, from the ready queue */

    /* The figures, in done. */
    enum err err;          /* ERR_CORRUPT: other bytes came back; ERR_CANCELED: told to stop */
    int saved_errno;       /* the system's errno behind err */
    uint64_t events_count; /* lines that are not empty */
    uint64_t events_bytes; /* their bytes, line ends included */
    uint64_t checksum_ns;  /* time of one CRC-32C over all batches */
    struct doctor_codec codecs[CODEC_KIND_COUNT]; /* by enum codec_kind; CODEC_NONE unused */
    uint32_t batches_count;                       /* durable appends, one at a time */
    uint64_t append_ns;                           /* all of them */
    uint64_t append_p50_ns;                       /* one */
    uint64_t append_p99_ns;
    uint64_t stored_bytes; /* written, padding included */
    uint64_t read_ns;      /* reading all back, checksums included */

    /* Its own. */
    struct rt_shard *shard;      /* on whose thread */
    struct sm sm;                /* where it stands */
    struct rt_op op;             /* its one request under way */
    struct rt_file file;         /* scratch file, unlinked at the end */
    char path[LIMIT_PATH_BYTES]; /* its name */
    struct codec_context codec;  /* the libraries' contexts */
    uint64_t *samples_ns;        /* one per batch; shard's budget, as the next three */
    uint8_t *block;              /* the batch being written or read, aligned */
    uint8_t *packed;             /* a batch compressed */
    uint8_t *unpacked;           /* and decompressed again */
    size_t block_bytes;          /* room of each: the largest batch, header and padding */
    struct iovec iov;            /* over block */
    uint32_t appended_count;     /* batches appended so far */
    size_t text_pos;             /* next event to append, or to expect when reading */
    uint64_t file_pos;           /* where it goes, or comes from */
    uint64_t began_ns;           /* of the step in flight */
};

/* Start on `shard`; the fields of the first group are set, the others zero. Computes for as long as
 * the codecs take, then writes. */
void doctor_events_start(struct doctor_events *events, struct rt_shard *shard);

#endif
