/* What becomes of entries that cannot be read (LOG §5). They are quarantined, by index, until
 * another replica gives them back, or an operator accepts that they are lost: then a gap stands for
 * them, which readers pass over, and offsets stay. A group that does not know what it has answered
 * is read-only until an operator, or a leader of a later term, ends that. Own shard only; nothing
 * blocks. */
#ifndef STORAGE_LOG_REPAIR_H
#define STORAGE_LOG_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rt/timer.h"
#include "base/sm.h"
#include "storage/log/generation.h"
#include "storage/log/log.h"

/* Why entries are quarantined, as far as it is known. */
enum log_quarantine_why {
    LOG_QUARANTINE_UNREADABLE, /* in a segment: record or batch does not verify, or is not there */
    LOG_QUARANTINE_LOST,       /* not settled: the frames that held them are rot */
    LOG_QUARANTINE_ROTTEN,     /* not settled: the batch does not verify in the journal */
};

/* Entries that cannot be read. */
struct log_quarantine {
    uint64_t first_index;        /* of them */
    uint64_t last_index;         /* likewise */
    uint64_t next_offset;        /* behind them; 0: not known */
    enum log_quarantine_why why; /* of the first */
};

/* *out = the first range that ends at or behind `index`; false: none does. To list all: from 0,
 * then from last_index + 1. What nobody has tried to read since the start may not be known yet. */
bool log_quarantine_next(const struct log *log, uint64_t index, struct log_quarantine *out);

/* Entry `index` (of the log, asserted) cannot be read: the device said so again and again, which a
 * read tells as ERR_IO and leaves at that. Now it is quarantined. ERR_BUDGET. */
MUST_USE enum err log_quarantine_add(struct log *log, uint64_t index);

/* A repair. In place, the caller's until submitted. */
struct log_repair {
    /* Answered. */
    void (*done)(struct log_repair *repair); /* fires once, from the ready queue */
    void *ctx;                               /* the caller's */
    enum err err;                            /* how it ended; what was done until then stays done */
    int saved_errno;                         /* behind it */
    bool was_amnesiac;                       /* the group is writable again */
    uint32_t segments_count;                 /* that got new files */
    uint64_t healed_count;                   /* entries that are not quarantined any more */
    uint64_t lost_count;                     /* of them, for which a gap stands now */
    uint64_t lost_bytes;                     /* of their batches, as far as known */

    /* Private. */
    struct log *log;                  /* which group */
    struct sm sm;                     /* stages */
    struct log_op op;                 /* the mark, the roll */
    struct log_load load;             /* the group's older segments */
    struct log_generation generation; /* the segment in hand */
    struct rt_timer timer;            /* looks whether it is settled */
    uint32_t ticks_count;             /* how often it has */
    uint64_t first_index;             /* what is to be healed: the next of it */
    uint64_t last_index;              /* the last of it */
    uint64_t segment_last;            /* the last of it in the segment in hand */
    const struct buf_slice *batches; /* what was lost, from batches_index on; NULL: it stays lost */
    uint64_t batches_index;          /* of the first */
    bool is_rolling;                 /* the active segment has been sealed for this */
};

extern const struct sm_decl log_repair_decl;

/* An operator accepts the loss: an amnesiac group goes on from what it has; of every quarantined
 * range what is readable after all stays, for the rest there is a gap. Where a range is not settled
 * yet its segment is sealed and settled first. Entries of the same segments that are found
 * unreadable on the way go with them. Nothing to repair: done with ERR_OK. ERR_BUSY: another repair
 * of the group is under way; ERR_ACCESS: the group is unavailable; ERR_TIMEOUT: it does not settle;
 * else as log_generation. */
void log_repair_accept(struct log_repair *repair, struct log *log,
                       void (*done)(struct log_repair *repair));

/* Put entries back that another replica has: `batches` (`count` sealed ones, as they were appended,
 * the caller's until done) are those of first_index and what follows. Each is held against what is
 * recorded of it, and against the chain: ERR_CORRUPT, and nothing of its segment is changed, where
 * one is not what was lost, or where another entry of the segment is unreadable and not given.
 * ERR_NOT_FOUND: not entries of the log; else as above. */
void log_repair_range(struct log_repair *repair, struct log *log, uint64_t first_index,
                      const struct buf_slice *batches, uint32_t count,
                      void (*done)(struct log_repair *repair));

#endif
