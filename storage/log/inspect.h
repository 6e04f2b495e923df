/* A node's directory read beside its server: what stands in it, and what is wrong with it
 * (`tdb log dump`, `verify`, `read`). No lock is taken and nothing is written.
 *
 * What is believed follows recover.h's decision table, as a start would; beyond that every sidecar
 * record, chain and, if asked, every batch is checked. A server that works meanwhile replaces
 * tables, recycles journal files and removes segments: whatever does not fit is looked at again
 * before it is called a fault (LOG §2).
 *
 * One staged operation on one shard, over base/rt. Memory: one journal file or batch at a time, the
 * rows of the tables, what log_recover needs, and, where a server was seen to work, a copy of the
 * journal; all from the shard's budget. */
#ifndef STORAGE_LOG_INSPECT_H
#define STORAGE_LOG_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/rt/op.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/meta.h"
#include "storage/log/recover.h"
#include "storage/log/sidecar.h"
#include "storage/log/table.h"

struct log_inspect;
struct rt_shard;

/* Room for a file's name below the directory, and its NUL. */
#define LOG_INSPECT_NAME_BYTES 96u

/* No group: all of them are looked at; a fault is the node's. */
#define LOG_INSPECT_NONE UINT64_MAX

/* Faults kept with their place; more are only counted. */
#define LOG_INSPECT_FAULTS_MAX 4096u

/* Where to begin. */
enum log_inspect_from {
    LOG_INSPECT_START,     /* with the oldest entry there is */
    LOG_INSPECT_OFFSET,    /* with the entry that holds offset `at`, or the next one */
    LOG_INSPECT_TIMESTAMP, /* with the first entry by which a timestamp >= `at` ms was seen */
};

/* Something that is wrong. */
struct log_inspect_fault {
    char
        file[LOG_INSPECT_NAME_BYTES]; /* below the directory; the journal's as journal/<slot>.jnl */
    uint64_t pos;                     /* byte in it */
    uint64_t group;                   /* whose; LOG_INSPECT_NONE: the node's */
    uint64_t index;                   /* of the entry; 0: none in particular */
    uint64_t last_index;              /* of a range, else = index */
    const char *what;                 /* a sentence without a full stop; static storage */
    enum err err;                     /* ERR_CORRUPT, or what the system said */
};

/* A segment, after its entries. */
struct log_inspect_segment {
    char file[LOG_INSPECT_NAME_BYTES]; /* its .log */
    struct log_point start;            /* first index, offset, previous term and chain */
    uint32_t generation;               /* of its files */
    uint64_t last_index;               /* of its last settled entry; first - 1: none */
    uint64_t entries_count;            /* of its settled entries, from the first looked at on */
    uint32_t end_pos;                  /* behind the last settled batch */
    uint64_t log_bytes;                /* size of the .log; 0: none yet */
    uint64_t idx_bytes;                /* size of the .idx */
    uint64_t snap_bytes;               /* size of the .snap; 0: none */
    bool is_active;                    /* the row's */
};

/* An entry. */
struct log_inspect_entry {
    const struct log_sidecar *rec; /* what is known of it; a gap or a quarantined one is flagged */
    const char *file;              /* where its bytes begin: a .log or a journal file */
    uint64_t pos;                  /* and where in it */
    bool is_settled;               /* in segment and table */
    const uint8_t *data;           /* its batch, verified; NULL: not asked for, or not readable */
};

/* Who is told. NULL members are not called. What is given lives during the call. Faults come last,
 * when they have been looked at again; with `from` other than the start, or a group, along with the
 * entries. */
struct log_inspect_visitor {
    void (*meta)(void *ctx, const struct log_meta *meta);
    /* Each readable table; `counts`: the one that is believed. */
    void (*table)(void *ctx, const char *file, const struct log_table_header *header, bool counts);
    /* Each journal file; header NULL: never used, or unreadable. */
    void (*journal)(void *ctx, const char *file, uint64_t bytes,
                    const struct log_journal_header *header);
    /* Each frame's decision; frame and file NULL: it is missing. */
    void (*frame)(void *ctx, enum log_recover_row row, uint64_t boot_epoch, uint32_t lane,
                  uint64_t number, const struct log_frame *frame, const char *file, uint64_t pos);
    /* Each group, before its segments and entries. */
    void (*group)(void *ctx, const struct log_found *found);
    void (*segment)(void *ctx, const struct log_found *found,
                    const struct log_inspect_segment *segment);
    /* Each entry in order; false: enough of this group. */
    bool (*entry)(void *ctx, const struct log_found *found, const struct log_inspect_entry *entry);
    void (*fault)(void *ctx, const struct log_inspect_fault *fault);
};

typedef void log_inspect_fn(struct log_inspect *inspect);

/* An inspection. Zero it and fill the first part; in place, the operation's until done. */
struct log_inspect {
    /* Asked. */
    log_inspect_fn *done;                      /* fires once, from the ready queue */
    void *ctx;                                 /* the caller's; the visitor's */
    struct rt_shard *shard;                    /* where it runs */
    const char *dir;                           /* DATA; <= LIMIT_PATH_BYTES - 100 bytes */
    const char *journal_dir;                   /* where journal files are; NULL: DATA/journal */
    const struct log_inspect_visitor *visitor; /* who is told */
    uint64_t group;                            /* this one only; LOG_INSPECT_NONE: all */
    enum log_inspect_from from;                /* with `group`: where to begin */
    int64_t at;                                /* offset, or ms */
    bool does_read_bodies;                     /* every batch is read and verified */

    /* Answered. ERR_OK: all was looked at, whatever was found. ERR_NOT_FOUND: no such directory, or
     * not a log's; with `group`: no such group. ERR_UNSUPPORTED: of a newer version. ERR_CANCELED:
     * the shard is stopping. ERR_BUDGET, ERR_IO, ERR_ACCESS ...: `file` says where. */
    enum err err;
    int saved_errno;                         /* the system's behind it */
    char file[LOG_INSPECT_NAME_BYTES];       /* what it is about, "" for the directory */
    uint64_t counts[LOG_RECOVER_ROWS_COUNT]; /* decisions of recovery */
    uint64_t groups_count;                   /* groups looked at */
    uint64_t segments_count;                 /* segments */
    uint64_t entries_count;                  /* entries, unsettled ones included */
    uint64_t unsettled_count;                /* of these, in the journal only */
    uint64_t bytes;                          /* of their batches */
    uint64_t journal_bytes;                  /* of journal files */
    uint64_t faults_count;                   /* faults */
    uint64_t looks_count; /* times it looked: 1, more when something did not fit */

    struct rt_op op; /* to be done from the ready queue where there is no memory for more */
    void *state;     /* inspect*.c's */
};

/* Begin. */
void log_inspect_start(struct log_inspect *inspect);

#endif
