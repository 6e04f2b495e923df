/* Settling: from the journal into segments (LOG §4). In rounds: each round writes, for every group
 * that has something in the journal, the whole blocks of its .log and .idx; syncs the files it
 * touched, once, or their file system; journals again (a whole `tail` record) the remnants of
 * groups that hold a file that is to be reused; hands the rows to the keeper, which writes
 * groups.tab; then frees what is settled. Paced by bytes appended. Direct writes use the same
 * gathering of blocks. Private to storage/log. */
#ifndef STORAGE_LOG_SETTLE_H
#define STORAGE_LOG_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/op.h"
#include "base/rt/outbox.h"
#include "base/rt/timer.h"
#include "storage/log/table.h"

struct log;
struct log_lane;
struct log_op;
struct log_shard;

/* Groups that are written at a time. */
#define LOG_SETTLE_JOBS 24u

/* One write of a job. */
#define LOG_SETTLE_CHUNK_BYTES (256u << 10)

/* Rows of a round, on their way to the keeper and back. */
struct log_rows {
    struct rt_outbox_mail mail; /* carries it */
    struct log_shard *ls;       /* whose */
    struct log_row *rows;       /* changed ones; the sender's until it is back */
    uint32_t rows_count;        /* of them */
    uint64_t file_needed; /* lowest journal file number this shard's groups still need once the rows
                             are written */
    enum err err;         /* in the answer: whether the table is synced */
    int saved_errno;      /* behind it */
    struct list_node in_keeper;          /* log_keeper's queue */
    void (*done)(struct log_rows *rows); /* on the sender's shard */
};

struct log_settle {
    struct log_shard *ls;   /* whose */
    struct list dirty;      /* log.in_dirty: something of it is in the journal and needed */
    struct rt_timer timer;  /* settles what is there when appends pause */
    bool is_running;        /* a round is under way */
    bool is_wanted;         /* another one as soon as it ends */
    uint64_t file_target;   /* journal files up to this number are to be let go */
    uint64_t credit_bytes;  /* what may be written now: raised by appends */
    bool is_urgent;         /* no pacing: closing, the journal is full, or a flush was asked for */
    uint64_t rounds_count;  /* statistics */
    uint64_t settled_bytes; /* statistics: bytes written to segments */
    void (*flushed)(struct log_settle *settle); /* end of log_settle_all */
    void *state;                                /* settle.c's */
};

/* Begin with nothing to settle; give its memory back, no round running. ERR_BUDGET. */
MUST_USE enum err log_settle_init(struct log_settle *settle, struct log_shard *ls);

/* Give its memory back; no round is running. */
void log_settle_deinit(struct log_settle *settle);

/* Records of `log` are in the journal, in file `file_number`: it is dirty. `bytes` were appended:
 * pacing. */
void log_settle_note(struct log *log, uint64_t file_number, uint64_t bytes);

/* Let journal files up to `file_number` go: the keeper is short of files. */
void log_settle_want(struct log_settle *settle, uint64_t file_number);

/* Settle all that fills whole blocks, write the table, then `flushed`; for closing, too. */
void log_settle_all(struct log_settle *settle, void (*flushed)(struct log_settle *settle));

/* The group was cut, trimmed, deleted: what a round in flight does for it no longer counts
 * (cut_epoch), files below the start or of the deleted group go when the next round has found them.
 */
void log_settle_changed(struct log *log);

/* The group has come from another shard: what it needs is reported from now on, and settled. */
void log_settle_attached(struct log *log);
/* Segments of it lack their .snap: a round makes them. Nothing to do where no rounds are made. */
void log_settle_snaps(struct log *log);

/* Begin a direct write for frame `number`: all whole blocks behind its written bytes of the segment
 * that holds entries first .. last, up to the last's end, from memory. Fills *op_tail as the `tail`
 * record (direct) that goes into the frame in place of these entries: their sidecar records, and
 * the rest. When written and flushed, calls log_lane_direct_done. ERR_AGAIN: not possible now (a
 * settle writes the segment, its names are not durable, bytes are not in memory, there is no memory
 * for it): the journal is used, or it waits. */
MUST_USE enum err log_direct_start(struct log *log, uint64_t number, uint64_t first_index,
                                   uint64_t last_index, struct log_op *op_tail);

#endif
