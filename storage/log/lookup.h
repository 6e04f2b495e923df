/* What stands just before an entry that lies in a segment: term, chain, offset, from the sidecar.
 * Private to storage/log. */
#ifndef STORAGE_LOG_LOOKUP_H
#define STORAGE_LOG_LOOKUP_H

#include "base/err.h"
#include "storage/log/format.h"
#include "storage/log/segment.h"
#include "storage/log/sidecar.h"

struct log_op;

/* In place, the caller's until done. */
struct log_lookup {
    struct log *log;                         /* which group */
    struct log_op *op;                       /* the cut or trim that waits; the caller's */
    uint64_t first_index;                    /* asked */
    void (*done)(struct log_lookup *lookup); /* fires once, from the ready queue */

    enum err err;           /* in done */
    struct log_point point; /* index = first_index - 1, and what is known there */
    int64_t max_timestamp;  /* running maximum there */
    uint32_t end_pos;       /* where that entry ends in its segment; 0: first_index begins one */

    uint32_t recs_total; /* records of the segment up to it */

    struct log_load load;    /* the group's older segments */
    struct log_file_get get; /* the sidecar */
    struct rt_op op_read;    /* reads it */
    uint8_t *block;          /* of it; two blocks, aligned */
    uint64_t low;            /* binary search: first record that may be it */
    uint64_t high;           /* behind the last one */
    uint64_t slot;           /* the record in hand */
    uint32_t generation;     /* of the segment, in case it goes meanwhile */
    uint64_t segment_index;  /* likewise */
    uint64_t cut_epoch;      /* of the log when it began */
};

/* Read the sidecar that holds `first_index` - 1. ERR_NOT_FOUND: no longer there; ERR_CORRUPT,
 * ERR_IO, ERR_BUDGET. */
void log_lookup_start(struct log_lookup *lookup);

#endif
