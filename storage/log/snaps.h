/* A segment's .snap: made with the segment's files, read back after a restart.
 *
 * The log itself knows the newest membership entry and the term runs before the segment's first
 * index. What else belongs there (producers, transactions) is given by the group's owner when a
 * segment begins, kept in memory, and written when the segment's files are made: by the first round
 * that has blocks for them, which syncs the .snap, then the names of all three, before it writes
 * anything that counts. So wherever table or journal refer to written bytes of a segment, its .snap
 * is there, and a group without such bytes has no file. What a crash before that takes, or a move
 * to another shard, is the owner's sections: the .snap is then made without them, and log_snap_read
 * goes one segment further back. One that is missing later is damage: it is said so, and made anew
 * of what the log knows, when the directory is looked through; one that does not verify stays as it
 * is, for people. */
#ifndef STORAGE_LOG_SNAPS_H
#define STORAGE_LOG_SNAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/rt/file.h"
#include "storage/log/segment.h"
#include "storage/log/snap.h"

struct log;

/* The most that is kept of one segment, and of all of a shard: what is above it is not kept. */
#define LOG_SECTIONS_BYTES_MAX (4u << 20)
#define LOG_SECTIONS_KEPT_MAX  (16u << 20)

/* The newest term runs that a .snap holds at most. */
#define LOG_SNAP_RUNS_MAX 32768u

/* Give the sections of a segment of `log` that begins at `first_index` now, as of all entries
 * before it: written with log_sections_put, at most LOG_SECTIONS_BYTES_MAX, with a reference for
 * the log; .buf NULL: none. Called on the own shard from within log_append, log_roll and log_cut,
 * before the segment has an entry; calls nothing of the log. */
typedef struct buf_slice log_sections_fn(void *ctx, struct log *log, uint64_t first_index);

/* Ask `give` (NULL: nobody) for the sections of segments that begin from now on. */
void log_sections_set(struct log *log, log_sections_fn *give, void *ctx);

/* One section. `kind` is none of the log's own (asserted): see enum log_snap_kind. */
void log_sections_put(struct bytes_writer *w, uint16_t kind, const void *data, uint32_t bytes);

/* In front of a section's content. */
#define LOG_SECTION_HEAD_BYTES 8u

/* The same in two steps: its head, behind which the caller writes `bytes` of content. */
void log_sections_begin(struct bytes_writer *w, uint16_t kind, uint32_t bytes);

/* A wish for the newest .snap at or before an index. Zero it, fill the first part. */
struct log_snap_read {
    /* Asked. */
    void (*done)(struct log_snap_read *read); /* fires once, from the ready queue */
    void *ctx;                                /* the caller's */
    struct log *log;                          /* which group */
    uint64_t index;                           /* of an entry, or the end + 1 */
    uint16_t kind; /* it has a section of this kind (enum log_snap_kind); 0: any .snap */

    /* Answered. ERR_NOT_FOUND: no segment from the log start on has such a one: the state is that
     * before the oldest entry. ERR_CLOSING, ERR_BUDGET, ERR_IO and others of the system. */
    enum err err;
    struct log_snap snap;   /* sections point into memory of the read, until log_snap_release */
    uint32_t skipped_count; /* segments passed over: no .snap, not readable, without that section */

    /* Private. */
    struct rt_op op;             /* its one request */
    struct log_load load;        /* or this one */
    struct rt_file file;         /* the .snap in hand */
    uint8_t *data;               /* its bytes */
    size_t data_bytes;           /* how many */
    uint64_t first_index;        /* of the segment in hand */
    uint32_t generation;         /* of its files */
    uint32_t stage;              /* which request is under way */
    char path[LIMIT_PATH_BYTES]; /* of the file */
};

/* Begin. Own shard; older segments are loaded if they are not known yet. */
void log_snap_read(struct log_snap_read *read);

/* Give its memory back, after done. */
void log_snap_release(struct log_snap_read *read);

/* --- Private to storage/log --- */

/* A segment begins: ask for its sections. Let go of them. */
void log_sections_take(struct log_segment *seg);
void log_sections_drop(struct log_segment *seg);

/* *out = the file's bytes, with a reference. ERR_BUDGET: and none. */
MUST_USE enum err log_snap_build(const struct log_segment *seg, struct buf_slice *out);

#endif
