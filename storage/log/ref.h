/* References to entries: what is needed to send a range of them to a follower without copying it
 * (LOG §8). Own shard only; nothing blocks. */
#ifndef STORAGE_LOG_REF_H
#define STORAGE_LOG_REF_H

#include "storage/log/lookup.h"
#include "storage/log/read.h"

/* Pieces of one reference at most. */
#define LOG_REF_PIECES_MAX 64u

struct log_file;
struct log_ref;
typedef void log_ref_fn(struct log_ref *ref);

/* Whole batches back to back: bytes in memory, or of a segment's .log. */
struct log_ref_piece {
    struct buf_slice slice; /* a reference is held; buf NULL: of the file */
    struct log_file *file;  /* open for direct reading, file->file is what to read; NULL: memory */
    uint32_t pos;           /* in the file, of any alignment */
    uint32_t bytes;         /* how many, wherever they are */
};

/* One range. In place, the caller's until submitted. Zero it, fill the first part. */
struct log_ref {
    /* Asked. */
    log_ref_fn *done;     /* fires once, from the ready queue */
    void *ctx;            /* the caller's */
    struct log *log;      /* which group */
    uint64_t first_index; /* the first entry, from log start on */
    uint64_t index_max;   /* the last that may be given out: commit, or durable_index */
    uint32_t bytes_max;   /* stop before the batch that would pass it; the first is in any case */

    /* Answered. What log_install_range wants to know of the bytes is in `previous` and `end`;
     * index, term and offset of every entry follow from them and its header. */
    enum err err;
    struct log_point
        previous;           /* the entry before the first: index, offset behind it, term, chain */
    struct log_point end;   /* the last one */
    uint32_t entries_count; /* previous.index + 1 .. end.index */
    uint32_t bytes;         /* of all pieces */
    uint32_t pieces_count;  /* used */
    struct log_ref_piece pieces[LOG_REF_PIECES_MAX]; /* in order */
    uint64_t bad_first;                              /* ERR_CORRUPT: what cannot be read, */
    uint64_t bad_last;                               /* and up to where */

    /* Private to ref.c and read.c. */
    struct log_read read;     /* finds the entries */
    struct log_lookup lookup; /* what stands before the first */
    struct log_pin pin;       /* holds segments and, should it be deleted, the log */
    struct rt_op op;          /* to be done from the ready queue */
    uint64_t cut_epoch;       /* of the log when it began */
    bool is_held;             /* the pin is set */
};

/* Begin. Entries in memory are given out as slices of their buffers; settled ones as ranges of
 * their segment's .log, which are not read: who gets them verifies them, as log_install_range does.
 * What is in neither place is read from the journal into memory. All stays where it is until
 * log_ref_release: files are open, segments are not trimmed away; a cut or reset later changes
 * nothing of what was given out.
 *
 * Errors in done, nothing given out: ERR_END (nothing there from first_index on up to index_max),
 * ERR_RANGE (below the log start), ERR_NOT_FOUND (the first entry was given up: a gap stands
 * there), ERR_CORRUPT (it cannot be read: bad_first, bad_last), ERR_CANCELED (cut or reset
 * meanwhile: ask again), ERR_CLOSING, ERR_ACCESS, ERR_BUDGET, ERR_IO. What cannot be given out
 * further on ends the range before it. */
void log_ref_read(struct log_ref *ref);

/* Let all of it go. Once, after done, whatever that said, and before the store is closed. */
void log_ref_release(struct log_ref *ref);

/* Give out one more batch: `slice`, or `length` bytes at `pos` of `file`; `at` is its entry, with
 * the offset behind it. False: it takes no more, or an entry is missing before it. read.c's. */
bool log_ref_add_slice(struct log_ref *ref, struct buf_slice slice, const struct log_point *at);
bool log_ref_add_range(struct log_ref *ref, struct log_file *file, uint32_t pos, uint32_t length,
                       const struct log_point *at);

#endif
