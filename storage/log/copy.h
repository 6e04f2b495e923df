/* Copying a segment into files of another generation, a piece at a time: what is readable of the
 * old ones is told entry by entry, and the caller says what comes of it. Private to storage/log. */
#ifndef STORAGE_LOG_COPY_H
#define STORAGE_LOG_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rt/op.h"
#include "storage/log/gather.h"
#include "storage/log/segment.h"
#include "storage/log/sidecar.h"

struct log_copy;
struct log_copy_item;

/* What comes of an entry. */
enum log_copy_verdict {
    LOG_COPY_KEEP, /* as it is */
    LOG_COPY_GAP,  /* nothing: a gap record stands for it, and for those beside it that go, too */
    LOG_COPY_RESTORE, /* `bytes` take its place: what was first appended */
    LOG_COPY_REWRITE, /* `bytes` take its place: another batch of the same offsets; flagged */
};

/* An entry of the old files. */
struct log_copy_item {
    struct log_sidecar rec; /* its record. Not known: index and last_index only, one entry */
    bool is_known;          /* its record can be read */
    bool is_sound;          /* and its batch verifies, or it is a gap: it may be kept */
    const uint8_t *batch;   /* its rec.length bytes, if it is sound and no gap */

    enum log_copy_verdict verdict; /* the caller's answer */
    const uint8_t *bytes;          /* to restore or rewrite; live until the next call, or done */
    uint32_t bytes_length;         /* of them */
};

/* Fill in the answer. An error ends the copy. `ctx` is the copy's. */
typedef enum err log_copy_choose(void *ctx, struct log_copy_item *item);

/* What has been written. */
struct log_copy_counts {
    uint64_t entries_count; /* batches */
    uint64_t bytes;         /* of them */
    uint64_t gone_count;    /* entries that gap records stand for */
    uint64_t gone_bytes;    /* of their batches, as far as known */
    uint64_t lost_count;    /* entries told as not sound */
};

/* Entries that become one gap. */
struct log_copy_gap {
    bool is_open;          /* there is one */
    uint64_t first_index;  /* of it */
    uint64_t last_index;   /* of it */
    uint64_t next_offset;  /* behind it, as far as known */
    uint32_t term;         /* of its last entry, as far as known */
    int64_t max_timestamp; /* running maximum at it, as far as known */
    bool has_chain;        /* the chain of its last entry is known */
    struct hash128 chain;  /* that */
};

enum log_copy_asked {
    LOG_COPY_NOTHING, /* no request */
    LOG_COPY_WINDOW,  /* records are read */
    LOG_COPY_BYTES,   /* batches are */
    LOG_COPY_LOG,     /* a chunk is written */
    LOG_COPY_IDX,     /* records are */
};

struct log_copy {
    /* The caller's to fill in. */
    struct log *log;               /* whose */
    const struct log_segment *seg; /* the new one: start, generation, last_index, next_offset */
    uint32_t generation_old;       /* of the files copied from */
    struct log_point end;     /* what follows the segment says of its end; chain zero: nothing */
    int64_t max_timestamp;    /* running maximum before the segment */
    struct log_file *old_log; /* open; NULL: it is not there */
    struct log_file *old_idx; /* likewise */
    struct log_file *new_log; /* open, empty */
    struct log_file *new_idx; /* likewise */
    log_copy_choose *choose;  /* what comes of each entry */
    void *ctx;                /* for it */

    struct log_copy_counts counts; /* what has been done */

    /* Private. */
    enum log_copy_asked asked; /* which request is under way */
    uint8_t *memory;           /* of the buffers below but `bytes` */
    uint8_t *window;           /* records as they are read */
    uint64_t window_first;     /* the first of them, counted with the header */
    uint32_t window_block;     /* being read block by block, after an error; UINT32_MAX: no */
    bool has_window;           /* it holds that */
    uint8_t *bytes;            /* batches as they are read */
    uint32_t bytes_max;        /* room */
    uint64_t bytes_pos;        /* of the first in the .log */
    uint32_t bytes_valid;      /* of them */
    bool has_read;             /* what the batch in hand needs was read */
    bool is_narrow;            /* the batch in hand is read alone, after an error */
    bool is_unreadable;        /* it cannot be read */
    uint64_t slot;             /* the next record */
    uint64_t next_index;       /* the next entry */
    uint64_t lost_last;        /* entries from next_index to here have no record; 0: none */
    bool has_lost_end;         /* what follows is known of the last of these */
    struct log_point lost_end; /* see there */
    bool has_rec;              /* `item` waits for its batch */
    struct log_copy_item item; /* in hand */
    struct log_copy_gap gap;   /* not written yet */
    struct log_point at;       /* behind the last record written */
    bool is_chain_told;        /* the chain there was worked out, and nothing recorded yet
                                  confirms it */
    bool is_chain_known;       /* it is that of the entries as first appended */
    uint32_t end_pos;          /* where the batches end */
    const uint8_t *left;       /* of a batch being copied to the chunk */
    uint32_t left_bytes;       /* of that */
    uint8_t *chunk;            /* to be written to the .log */
    uint32_t chunk_bytes;      /* of it */
    uint64_t chunk_pos;        /* where it begins */
    struct log_gather_idx idx; /* to be written to the .idx */
    uint32_t idx_bytes;        /* of it, that are being written */
    bool is_ended;             /* the last entry has been taken */
};

/* Get memory; give it back, nothing under way. ERR_BUDGET. */
MUST_USE enum err log_copy_init(struct log_copy *c);
void log_copy_deinit(struct log_copy *c);

/* Go on. ERR_AGAIN: `op` is under way, log_copy_answer then says how it ended, and so on. ERR_OK:
 * all is written, not synced; c->chunk_pos and c->idx.pos are the sizes the files are to have. */
MUST_USE enum err log_copy_run(struct log_copy *c, struct rt_op *op);
MUST_USE enum err log_copy_answer(struct log_copy *c, const struct rt_op *op);

#endif
