/* Looking through one sidecar without reading it: its header, the last record up to an index, where
 * terms change. Private to storage/log.
 *
 *     log_probe_start(p, first, generation, end_index)   done: header and end
 *     log_probe_terms(p)                                 if wanted; done: p->terms
 *     log_probe_stop(p)                                  the file is put back
 *
 * Records stand in the order of their index and terms do not fall, so each question is a binary
 * search of a few reads. Records that do not verify are passed over; behind the first that is all
 * zeros there is nothing. */
#ifndef STORAGE_LOG_PROBE_H
#define STORAGE_LOG_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/op.h"
#include "base/sm.h"
#include "storage/log/segment.h"
#include "storage/log/sidecar.h"

/* Blocks of a sidecar that are looked at with one read. */
#define LOG_PROBE_BLOCKS 4u

enum log_probe_stage {
    LOG_PROBE_IDLE,   /* nothing is open */
    LOG_PROBE_OPEN,   /* the file */
    LOG_PROBE_HEADER, /* its header; the first record where that is unreadable */
    LOG_PROBE_END,    /* the last record up to end_index */
    LOG_PROBE_FOUND,  /* answered; the file is open, or it could not be */
    LOG_PROBE_TERMS,  /* where terms change */
};

/* A binary search for the end of those records that lie before something. */
struct log_probe_search {
    uint64_t low;              /* records before it lie before, as far as they can be read */
    uint64_t high;             /* this one and those behind do not */
    uint64_t middle;           /* where the look in hand began */
    uint64_t at;               /* where it is: records between did not verify */
    struct log_sidecar before; /* the last that lies before */
    uint64_t before_slot;      /* where it stands */
    struct log_sidecar behind; /* the first that does not */
    uint64_t behind_slot;      /* where it stands */
    bool has_before;           /* there is one */
    bool has_behind;           /* likewise */
};

/* In place; made by log_probe_init, used again and again. */
struct log_probe {
    /* Asked. */
    struct log *log;                  /* whose segment */
    void (*done)(struct log_probe *); /* fires once per question, from the ready queue */
    struct log_segment seg;           /* which: first index and generation only; in no list */
    uint64_t end_index;               /* the last entry that counts */

    /* Answered. */
    enum err err;                     /* of memory or the system; what is unreadable is no error */
    int saved_errno;                  /* behind it */
    struct log_sidecar_header header; /* zero: unreadable, or of another segment */
    struct log_sidecar first;         /* without a header: the first record, if has_first */
    struct log_sidecar end;           /* the last record that ends at or before end_index */
    uint64_t end_slot;                /* where it stands */
    bool has_header;                  /* the header is there */
    bool has_first;                   /* see there */
    bool has_end;                     /* there is such a record */
    struct list terms;                /* log_term.in_log: runs from the first entry to `end` */
    struct list holes;                /* log_range.in_log: whose term is unknown, between runs */

    /* Private. */
    struct sm sm;                   /* see probe.c */
    struct log_file_get get;        /* the sidecar */
    struct rt_op op;                /* reads it */
    struct rt_op op_done;           /* to be done from the ready queue */
    uint32_t seed;                  /* of its records' checksums */
    struct log_probe_search search; /* in hand */
    bool is_searching;              /* it has begun */
    int64_t term;                   /* of the last run found; -1: none */
    uint64_t term_slot;             /* records before it are in a run */
    uint64_t term_index;            /* entries up to this one are, too */
    uint8_t *blocks;                /* room for LOG_PROBE_BLOCKS, aligned */
    uint64_t pos;                   /* of the first in the file */
    bool is_read;                   /* they are there */
    uint32_t bad_blocks;            /* a bit for each that the device cannot read */
    uint32_t asked_block;           /* LOG_PROBE_BLOCKS: all at once; else the one being read */
};

/* Stages, for tests. */
extern const struct sm_decl log_probe_decl;

/* Make it for `log`, idle. ERR_BUDGET. */
MUST_USE enum err log_probe_init(struct log_probe *p, struct log *log,
                                 void (*done)(struct log_probe *));

/* Give its memory back. Idle. */
void log_probe_deinit(struct log_probe *p);

/* Look at the sidecar of the segment that begins at `first_index`, up to `end_index` (>=
 * first_index). A file that is not there is unreadable. Idle. */
void log_probe_start(struct log_probe *p, uint64_t first_index, uint32_t generation,
                     uint64_t end_index);

/* Find its term runs; has_end. */
void log_probe_terms(struct log_probe *p);

/* Put the file back; runs and holes, where the caller has not taken them, too. */
void log_probe_stop(struct log_probe *p);

#endif
