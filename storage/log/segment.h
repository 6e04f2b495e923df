/* A group's segments, and the files behind them (LOG §3). Private to storage/log. */
#ifndef STORAGE_LOG_SEGMENT_H
#define STORAGE_LOG_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "storage/log/format.h"
#include "storage/log/warm.h"

/* Segment positions are 32 bits, and one batch may pass what a segment is meant to be. */
#define LOG_SEGMENT_BYTES_MAX (UINT32_MAX - 2ull * LIMIT_BUF_BYTES)

struct log;
struct log_files;
struct log_shard;
struct sm_decl;

/* The generation that a segment began with, whose files have this one. `origin` as in log_segment.
 */
static inline uint32_t log_segment_began(uint32_t origin, uint32_t generation)
{
    return origin != 0 ? origin - 1 : generation;
}

/* A segment. */
struct log_segment {
    struct list_node in_log; /* log_segments.list, by first index */
    struct log *log;         /* whose */
    struct log_point start;  /* first index, base offset, previous term and chain */
    uint32_t generation;     /* of its files */
    uint32_t origin;         /* 1 + the generation it began with, if they were replaced; or 0 */
    uint64_t last_index;     /* of its last entry; first - 1: empty */
    uint64_t next_offset;    /* behind it */
    int64_t max_timestamp;   /* running maximum at its end */
    uint32_t end_pos;        /* bytes of all its batches */
    uint32_t written_bytes;  /* whole blocks of the .log that are synced */
    uint32_t recs_total;     /* sidecar records that there are to be */
    uint32_t
        recs_count; /* sidecar records that are synced, in whole blocks (or all, once finished) */
    uint32_t allocated_bytes;     /* size the .log was grown to */
    uint64_t idx_allocated_bytes; /* likewise the .idx */
    uint8_t *rest;                /* bytes behind written_bytes that no slot can give; NULL: none */
    uint32_t rest_bytes;          /* of them */
    bool is_rest_lost;            /* they could not be read: zeros stand for them */
    uint64_t
        membership_index; /* newest membership entry when it began; 0, or not before it: unknown
                           */
    struct buf_slice sections; /* for its .snap, until that is made (snaps.h); buf NULL: none */
    bool is_begun;             /* the roll or cut that began it is known to be durable */
    bool is_sealed;            /* no entry will be added */
    bool is_finished;          /* sealed, and wholly on disk */
    bool has_files;            /* they have been opened, so they are there */
    bool has_snap;             /* its .snap is synced, or was when it was looked for */
    bool is_made;              /* its names are durable */
    bool is_failed;            /* a write of its files failed: see rescue.h */
    bool is_known;             /* end and offsets are known: not a segment only listed so far */
};

/* A group's segments. */
struct log_segments {
    struct list list; /* log_segment.in_log, by first index; the last is the active one */
    uint32_t count;   /* of them */
};

enum log_file_kind {
    LOG_FILE_LOG,     /* a segment's */
    LOG_FILE_IDX,     /* likewise */
    LOG_FILE_LOG_NEW, /* what is to get that name when it is whole */
    LOG_FILE_IDX_NEW, /* likewise */
    LOG_FILE_JOURNAL,
};

/* An open file, shared by who uses it. */
struct log_file {
    struct map_node
        in_map; /* log_files.map, by hash of group, first index, generation, kind; journal: slot */
    struct log_files *files;     /* where it is kept */
    struct list_node in_lru;     /* log_files.lru while nobody uses it */
    struct list waiters;         /* log_file_get.in_file: wait for the open */
    struct list warm;            /* log_warm_run.in_file: what is kept of it in memory (warm.h) */
    struct rt_op op;             /* its open or close */
    struct rt_file file;         /* valid once open */
    uint64_t group;              /* whose segment; 0 for the journal, too */
    uint64_t first_index;        /* of the segment; journal: the slot */
    uint32_t generation;         /* of the segment */
    enum log_file_kind kind;     /* which file of it */
    uint32_t users_count;        /* gets not put */
    bool is_ready;               /* open */
    bool is_closing;             /* its close is under way */
    bool is_stale;               /* to be closed at the last put: replaced or deleted */
    char path[LIMIT_PATH_BYTES]; /* its name */
};

/* A shard's open files, the unused ones in an LRU. */
struct log_files {
    struct log_shard *ls;                    /* whose */
    struct map map;                          /* log_file.in_map */
    struct map_node **buckets;               /* of it */
    struct pool pool;                        /* of struct log_file */
    struct list lru;                         /* log_file.in_lru, longest unused first */
    uint32_t count;                          /* open or opening */
    uint32_t closing_count;                  /* whose close is under way */
    uint32_t count_max;                      /* above it unused ones are closed */
    struct log_warm warm;                    /* what is kept of them in memory */
    void (*closed)(struct log_files *files); /* end of log_files_close */
};

/* A wish for an open file. Zero it; fill `done`. */
struct log_file_get {
    struct list_node in_file;               /* log_file.waiters */
    struct rt_op op;                        /* to be done from the ready queue */
    void (*done)(struct log_file_get *get); /* fires once, from the ready queue */
    struct log_file *file; /* in done: open, until log_file_put; NULL after an error */
    enum err err;          /* in done */
    int saved_errno;       /* behind err */
};

/* Make the cache empty; close all (nobody uses any), then `closed`; give its memory back. */
MUST_USE enum err log_files_init(struct log_files *files, struct log_shard *ls, uint32_t count_max);
void log_files_close(struct log_files *files, void (*closed)(struct log_files *files));
void log_files_deinit(struct log_files *files);

/* How the kind ends a segment's file name. Static storage. */
const char *log_file_suffix(enum log_file_kind kind);

/* Get a segment's file (read and write, direct; made if missing when `does_make`) or journal file
 * `slot` for reading. */
void log_file_get_segment(struct log_file_get *get, struct log_segment *seg,
                          enum log_file_kind kind, bool does_make);
void log_file_get_journal(struct log_file_get *get, struct log_shard *ls, uint32_t slot);

/* The segment's file if it is open, with one more user; NULL: it is not, get it. */
struct log_file *log_file_try(const struct log_segment *seg, enum log_file_kind kind);

/* One more user of a file that is in use. */
void log_file_share(struct log_file *file);

/* Done with it. */
void log_file_put(struct log_shard *ls, struct log_file *file);

/* The segment's files, or the journal file, are replaced or deleted: what is cached of them goes at
 * its last put. */
void log_files_forget_segment(struct log_segment *seg);
void log_files_forget_journal(struct log_shard *ls, uint32_t slot);

/* The active segment, or NULL. */
struct log_segment *log_segment_active(const struct log *log);

/* The segment that holds `index`, or NULL. */
struct log_segment *log_segment_find(const struct log *log, uint64_t index);

/* *out = a new segment behind the last, beginning at the log's end + 1 with `generation`; the
 * former active one is sealed. ERR_BUDGET. */
MUST_USE enum err log_segment_push(struct log *log, const struct log_point *start,
                                   uint32_t generation, struct log_segment **out);

/* Take it out of the log and give its memory back. */
void log_segment_free(struct log_segment *seg);

/* A wish for the older segments of a group. */
struct log_load {
    struct log *log;                     /* which */
    void (*done)(struct log_load *load); /* the caller's */
    enum err err;                /* in done; ERR_CORRUPT: something is damaged, the rest is there.
                                    Others: nothing has changed, and may be tried again */
    int saved_errno;             /* behind it */
    struct list_node in_loading; /* log_loading.loads */
    struct rt_op op;             /* to be done from the ready queue */
};

/* Load them: the group's directory is listed, of each sidecar the header and the end are read, term
 * runs are built (load.c says how files are chosen). Entries that a damaged sidecar does not hold
 * any more are quarantined, files of void segments are removed. `done` fires once, from the ready
 * queue. Loads of one group at a time are one; the group is not freed meanwhile (log->loading).
 * ERR_CLOSING: it is deleted. A store that closes still loads, since it settles. */
void log_load_start(struct log_load *load, struct log *log, void (*done)(struct log_load *load));

/* Its stages, for tests. */
extern const struct sm_decl log_load_decl;

#endif
