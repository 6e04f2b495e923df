/* Opening a segment's files for writing, and making their names durable. Private to storage/log. */
#ifndef STORAGE_LOG_PLACE_H
#define STORAGE_LOG_PLACE_H

#include "base/sm.h"
#include "storage/log/shard.h"

extern const struct sm_decl log_place_decl;

/* In place, its user's until done. */
struct log_place {
    struct log *log;                       /* whose */
    void (*done)(struct log_place *place); /* fires once, never within log_place_start */
    enum err err;                          /* in done; ERR_CANCELED: the segment is gone */
    int saved_errno;                       /* behind it */
    const char *kind;                      /* of the file that it is of; "log": or a directory */
    struct log_file *file_log;             /* in done: open, the user's to put */
    struct log_file *file_idx;             /* likewise */

    struct sm sm;                /* stages */
    struct rt_op op;             /* its one request */
    struct log_file_get get;     /* or this one */
    struct log_load load;        /* or this one */
    struct rt_file snap;         /* the .snap */
    struct buf_slice snap_data;  /* its bytes, a reference held; buf NULL: none */
    enum err snap_err;           /* of the write or the flush, while it is closed */
    int snap_errno;              /* behind it */
    uint64_t first_index;        /* of the segment, in case it goes meanwhile */
    uint32_t generation;         /* likewise */
    uint32_t step;               /* directories made, or synced, so far */
    uint32_t syncs_count;        /* directories to sync */
    uint64_t topics_removed;     /* the store's when the first was */
    uint32_t tries_count;        /* how often the directories were made */
    struct log_segment *apart;   /* the segment, if it is in no log yet; NULL: looked up */
    bool does_make_dirs;         /* the directories above are not known to be durable */
    char path[LIMIT_PATH_BYTES]; /* of the request */
};

/* Open both files of `seg`. Where it has no .snap yet, that is written; where its names are not
 * durable they are made so, directories included, and seg->is_made is set. */
void log_place_start(struct log_place *place, struct log_segment *seg,
                     void (*done)(struct log_place *place));

/* The same for one that is in no log yet, which stays until done: its files have the names that are
 * changed when they are whole (LOG_FILE_LOG_NEW). */
void log_place_start_apart(struct log_place *place, struct log_segment *seg,
                           void (*done)(struct log_place *place));

/* The segment of `log` that begins at `first_index` with `generation`, or NULL: cut off or gone. */
struct log_segment *log_segment_of(const struct log *log, uint64_t first_index,
                                   uint32_t generation);

/* The size to give a .log so that `need_bytes` fit: in steps of 64 KiB doubling to 16 MiB. */
uint32_t log_segment_grown(const struct log_segment *seg, uint32_t need_bytes);

/* Likewise a .idx: 16 KiB doubling to 1 MiB. */
uint64_t log_segment_idx_grown(const struct log_segment *seg, uint64_t need_bytes);

#endif
