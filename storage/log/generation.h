/* A new generation of a segment: its files are written anew beside the old ones, synced, and become
 * the segment's by one `switch` record (LOG §3). Repair, compaction and recompression say entry by
 * entry what is to stand there; indexes, offsets and the chain stay what they are.
 *
 *     a crash before the record is durable     the old files are the segment, the new ones void
 *     ... behind it                            the new ones are; a start removes the old ones
 *
 * The old files go as garbage does, and no table is told of the group before their removal is
 * durable: the record is in the journal as long as there is something that it makes void.
 * Own shard only; nothing blocks. Private to storage/log but for what a user fills in and reads. */
#ifndef STORAGE_LOG_GENERATION_H
#define STORAGE_LOG_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sm.h"
#include "storage/log/copy.h"
#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "storage/log/snap_copy.h"

struct log_garbage;
struct log_generation;

extern const struct sm_decl log_generation_decl;

/* In place, the caller's until submitted. Zero it, fill the first part. */
struct log_generation {
    /* Asked. */
    struct log *log;         /* which group */
    uint64_t segment_index;  /* first index of the segment */
    log_copy_choose *choose; /* what is to stand there: called once for each entry, in order */
    void *ctx;               /* the caller's */
    void (*done)(struct log_generation *g); /* fires once, from the ready queue */

    /* Answered. */
    enum err err;      /* how it ended */
    int saved_errno;   /* behind it */
    bool is_submitted; /* the record was: a failure then fences the node */

    /* Private. `copy.counts` may be read in done. */
    struct sm sm;                /* stages */
    struct rt_op op;             /* its one request */
    struct log_load load;        /* or this one */
    struct log_file_get get;     /* or this one */
    struct log_snap_copy snap;   /* or this one */
    struct log_op op_switch;     /* or the record */
    struct log_copy copy;        /* old files and new ones */
    struct log_segment seg;      /* the new one: its files' names follow from it */
    struct log_garbage *garbage; /* what is to be removed at the end; NULL: nothing was made */
    uint32_t generation_old;     /* of the files that are replaced */
    uint64_t cut_epoch;          /* of the log when it began */
    uint32_t step;               /* which of a stage's files */
    char path[LIMIT_PATH_BYTES]; /* of the directory */
};

/* Whether the segment that holds `index` can be replaced now: all of it is settled, and the table
 * says so, and has said something of the group since one was replaced last. Others are rolled and
 * settled first. */
bool log_generation_is_possible(const struct log *log, uint64_t index);

/* Begin. At most one of a group at a time (asserted). Errors, nothing changed then: ERR_AGAIN it is
 * not possible now (see above), or the log is being cut; ERR_NOT_FOUND no such segment;
 * ERR_CANCELED the log was cut or trimmed meanwhile; ERR_CORRUPT an entry was to be kept that does
 * not verify, or restored as what was not there; what `choose` says; ERR_DISK_FULL, ERR_BUDGET,
 * ERR_IO, and those common to all operations. */
void log_generation_start(struct log_generation *g);

#endif
