/* Reading a group's log: by index, by offset, by timestamp; hot entries from memory, unsettled ones
 * that left it from the journal, the rest from segments. Own shard only; nothing blocks. Every
 * batch given out verifies (header CRC, Kafka CRC); a hot one was verified when it came. */
#ifndef STORAGE_LOG_READ_H
#define STORAGE_LOG_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rt/op.h"
#include "base/sm.h"
#include "storage/log/log.h"

/* Pieces one read gives out at most. */
#define LOG_READ_PARTS_MAX 64u

struct log_cursor;
struct log_read;
struct log_ref;
typedef void log_read_fn(struct log_read *read);

/* Where to begin. */
enum log_read_from {
    LOG_READ_INDEX,     /* at entry `at` */
    LOG_READ_OFFSET,    /* at the batch that contains offset `at`, or the next one */
    LOG_READ_TIMESTAMP, /* at the first batch whose max timestamp is >= `at` (ms) */
};

/* One read: entries in order from the place asked for, whole batches back to back. In place, the
 * caller's until submitted. */
struct log_read {
    /* Asked. */
    log_read_fn *done;       /* fires once, from the ready queue */
    void *ctx;               /* the caller's */
    struct log *log;         /* which group */
    enum log_read_from from; /* what `at` is */
    uint64_t at;             /* index, offset or timestamp in ms */
    uint64_t index_max;      /* last index that may be given out: commit, or durable_index */
    uint32_t
        bytes_max; /* stop before the batch that would pass it; the first is given in any case */
    bool does_skip_internal; /* leave internal entries out */

    /* Answered. ERR_END: nothing at or behind the place up to index_max; ERR_RANGE: index or offset
     * below what is there; ERR_CORRUPT: the entry at first_index cannot be read (it is quarantined;
     * go on behind last_index); ERR_AGAIN: the group is on its way to another shard (move.h);
     * ERR_BUDGET, ERR_IO. */
    enum err err;
    uint64_t first_index;   /* of the first entry given out, or of what is corrupt */
    uint64_t last_index;    /* of the last */
    uint64_t next_offset;   /* behind it */
    uint32_t entries_count; /* given out */
    uint32_t parts_count;   /* pieces */
    struct buf_slice parts[LOG_READ_PARTS_MAX]; /* bytes in order; a batch never spans two; each
                                                   holds a reference */
    bool is_hot;                                /* all of it was in memory */

    /* Private to read.c, cursor.c, reader.c and move.c. */
    struct rt_shard *shard;  /* where it is done */
    struct sm sm;            /* enum log_read_stage: what it waits for */
    struct rt_op op_defer;   /* to be done from the ready queue */
    struct list_node in_log; /* log.reads */
    struct log_cursor
        *cursor;          /* files and buffers of what is not in memory; NULL: none needed yet */
    struct log_ref *ref;  /* a log_ref's: it gets the pieces; NULL: parts are filled */
    uint64_t cut_epoch;   /* of the log when it began */
    uint64_t next_index;  /* where it goes on */
    uint32_t given_bytes; /* in parts */
    bool is_placed;       /* next_index is known: offset or timestamp was looked up */
    bool is_full;         /* takes no more */
    bool is_reader;       /* a log_reader's: the cursor outlives it */
};

/* Begin. Zero the struct, fill the first part. */
void log_read(struct log_read *read);

/* Drop the references of the parts. After done, before it is used again. */
void log_read_release(struct log_read *read);

/* A sequential reader: log_read again and again, with the next reads of the segment under way
 * before it is asked for. Where the log is deleted meanwhile, steps end with ERR_CLOSING; it leaves
 * memory when the reader is closed. Where it moves to another shard meanwhile, steps end with
 * ERR_AGAIN for good. */
struct log_reader {
    struct log_read read; /* the step in hand: parts are valid until the next log_reader_next */
};

/* Prepare to read from `from`/`at`, up to bytes_max bytes a step; `done` as log_read's, once for
 * each step. Nothing is read yet. */
void log_reader_open(struct log_reader *reader, struct log *log, enum log_read_from from,
                     uint64_t at, uint32_t bytes_max, log_read_fn *done, void *ctx);

/* Begin the next step, the first one included, up to `index_max`; the last one has ended. It goes
 * on behind what was given out; after ERR_CORRUPT behind what is corrupt; after any other error
 * where it was. Memory for what is not hot is kept over steps, two chunks of bytes_max or 1 MiB,
 * whichever is less. */
void log_reader_next(struct log_reader *reader, uint64_t index_max);

/* Give back what it holds; its read has ended. What is being read ahead ends by itself. */
void log_reader_close(struct log_reader *reader);

#endif
