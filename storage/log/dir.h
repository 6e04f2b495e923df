/* A partition's directory as a start finds it: which segments have files there, and removing those
 * that are void. Private to storage/log. */
#ifndef STORAGE_LOG_DIR_H
#define STORAGE_LOG_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rt/file.h"
#include "base/rt/op.h"

struct log;

/* struct log_dir_file.kinds: which files there are. */
#define LOG_DIR_LOG  1u
#define LOG_DIR_IDX  2u
#define LOG_DIR_SNAP 4u

/* The files of one first index and generation. */
struct log_dir_file {
    uint64_t first_index; /* from the name */
    uint64_t last_index;  /* of the segment, once it is used */
    uint32_t generation;  /* from the name */
    uint8_t kinds;        /* LOG_DIR_* */
    bool is_used;         /* it is a segment of the log */
    bool is_proven; /* and leads to what follows it: whatever else lies in its range is void */
    bool is_void;   /* to be removed */
};

/* In place; made by log_dir_init. */
struct log_dir {
    struct log *log;                /* whose */
    void (*done)(struct log_dir *); /* fires once per request, from the ready queue */
    enum err err;                   /* in done; a directory that is not there is empty */
    int saved_errno;                /* behind it */
    struct log_dir_file *files;     /* by first index, then generation */
    uint32_t files_count;           /* of them */
    uint32_t removed_count;         /* by log_dir_clean */

    /* Private. */
    uint32_t files_max;          /* room */
    uint32_t at;                 /* clean: the file in hand */
    size_t new_at;               /* clean: the name in hand, of those that never got theirs */
    struct rt_op op;             /* the request */
    struct rt_dir_list list;     /* names as the system gives them */
    char path[LIMIT_PATH_BYTES]; /* of what is listed or removed */
};

/* Make it for `log`, idle and empty. */
void log_dir_init(struct log_dir *dir, struct log *log, void (*done)(struct log_dir *));

/* Give its memory back. Nothing is under way. */
void log_dir_deinit(struct log_dir *dir);

/* Read the names. Others than those of segment files are not looked at. ERR_BUDGET, or the
 * system's. */
void log_dir_list(struct log_dir *dir);

/* Whether the listed names have a sidecar of that generation of the segment. */
bool log_dir_has(const struct log_dir *dir, uint64_t first_index, uint32_t generation);

/* Remove the files that are void, and what was to get a segment's name and never did. One that
 * cannot be removed is named in a log line, and stays. Nothing is made durable: what comes back
 * after a crash is void again. */
void log_dir_clean(struct log_dir *dir);

#endif
