/* Installing a range of entries: what a follower does with the entries that its leader sends it to
 * catch up (LOG §8). Own shard only; nothing blocks. */
#ifndef STORAGE_LOG_INSTALL_H
#define STORAGE_LOG_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "storage/log/format.h"

/* A range of at least so many bytes goes straight to its segment. */
#define LOG_INSTALL_DIRECT_BYTES (128u << 10)

struct log;
struct log_install;
typedef void log_install_fn(struct log_install *in);

/* A run of entries that follows the log's end. In place, the caller's until submitted. Zero it,
 * fill the first part. */
struct log_install {
    /* Asked. */
    log_install_fn *done;           /* fires once, from the ready queue */
    void *ctx;                      /* the caller's */
    struct log *log;                /* which group */
    struct log_point previous;      /* the entry before the first: index, term, chain; not offset */
    struct hash128 chain;           /* at the last entry */
    const struct buf_slice *slices; /* whole batches back to back, sealed, of this shard's buffers;
                                       not used after the submit */
    uint32_t slices_count;          /* of them */

    /* Answered. */
    struct log_point end;   /* from submit on: the log's end; ERR_NOT_FOUND: what is there */
    uint64_t first_index;   /* from submit on: of the first entry */
    uint64_t last_index;    /* likewise of the last: end.index */
    uint32_t entries_count; /* of them */
    enum err err;           /* in done: how it ended */

    /* Private to install.c. */
    uint32_t waits_count; /* entries that are not done */
};

/* Append them all, or none. They are checked as the entries of a leader are: `previous` must be the
 * log's end, offsets and terms must follow, header and Kafka CRC of every batch must hold, and the
 * chain computed on the way must end as `chain` says. Every batch becomes an entry, with a
 * reference on its buffer; LOG_INSTALL_DIRECT_BYTES and more go to the segment at once, with one
 * journal record per frame for all of them. `done` when the last is durable; a crash before that
 * leaves a part of them, from the first on. An amnesiac group takes them, unlike any other append.
 *
 * Refused at once, nothing submitted and done not called: ERR_NOT_FOUND (the log does not end with
 * `previous`: in->end says with what it ends), ERR_INVALID (not whole v2 batches, an offset or term
 * that does not follow), ERR_CORRUPT (a CRC, or the chain at the end, is another), ERR_AGAIN (a cut
 * or reset looks something up), ERR_DISK_FULL, ERR_BUDGET, ERR_FULL (retriable), ERR_FENCED,
 * ERR_CLOSING, ERR_ACCESS. In done: ERR_CANCELED (cut off meanwhile), ERR_FENCED. */
MUST_USE enum err log_install_range(struct log_install *in);

#endif
