/* How inspect*.c read files: see inspect_file.c. Private to them. */
#ifndef STORAGE_LOG_INSPECT_FILE_INT_H
#define STORAGE_LOG_INSPECT_FILE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/file.h"
#include "base/rt/op.h"
#include "storage/log/inspect.h"
#include "storage/log/table.h"

struct log_inspect_state;

/* A file for reading, open while file.is_open, and the part of it in memory: log_inspect_get. */
struct log_inspect_view {
    struct log_inspect_state *state; /* whose */
    struct rt_op op;                 /* its one request under way */
    struct rt_file file;             /* read only */
    char path[LIMIT_PATH_BYTES];     /* of the open file */
    uint8_t *data;                   /* the part in memory; aligned */
    size_t capacity;                 /* room at `data` */
    uint64_t pos;                    /* of its first byte in the file, whole blocks */
    size_t length;                   /* bytes there */
    size_t wanted_bytes;             /* bytes the read under way is to give */
    size_t window_bytes;             /* what is read at once, at least */
    bool is_loaded;                  /* `data` holds what pos and length say */
    bool is_end;                     /* and the file ends there */
    bool is_stale;                   /* the name may be another file's by now: open it anew */
    bool is_by_block;                /* the device failed: read what it still gives */
    bool has_failed;                 /* `err` is an answer that was not given yet */
    enum err err;                    /* answer to the last question */
    int saved_errno;                 /* behind it */
};

/* Whether `bytes` bytes at `pos` of the file `path` are in memory, or it is known why not; if not,
 * what is needed is under way and log_inspect_run is called again. view->err: the answer; with
 * ERR_OK the bytes are at log_inspect_at(view, pos), as many as log_inspect_have. Blocks that the
 * device does not give are zeros, and a fault. */
bool log_inspect_get(struct log_inspect_view *view, const char *path, uint64_t pos, size_t bytes);

/* Where byte `pos` is (in memory), and how many are there from it on. */
uint8_t *log_inspect_at(const struct log_inspect_view *view, uint64_t pos);
size_t log_inspect_have(const struct log_inspect_view *view, uint64_t pos);

/* What is in memory may have changed on disk: forget it. Nothing is under way. */
void log_inspect_forget(struct log_inspect_view *view);

/* Whether nothing of it is open; if not its close is under way, as log_inspect_get. */
bool log_inspect_shut(struct log_inspect_view *view);

/* Begin, and give memory back. */
void log_inspect_view_init(struct log_inspect_view *view, struct log_inspect_state *state,
                           size_t window_bytes);
void log_inspect_view_deinit(struct log_inspect_view *view);

/* Whether the names in directory `path` are in state->list, or state->list_err says why not; else
 * they are under way. The next call lists anew. */
bool log_inspect_list(struct log_inspect_state *state, const char *path);

/* Paths: below the directory, of a segment's file ("log", "idx", "snap"), of a journal file. */
void log_inspect_path(const struct log_inspect_state *state, const char *name,
                      char out[LIMIT_PATH_BYTES]);
void log_inspect_name_segment(const struct log_row *row, uint64_t first_index, uint32_t generation,
                              const char *kind, char out[LOG_INSPECT_NAME_BYTES]);
void log_inspect_name_journal(uint32_t slot, char out[LOG_INSPECT_NAME_BYTES]);
void log_inspect_path_journal(const struct log_inspect_state *state, uint32_t slot,
                              char out[LIMIT_PATH_BYTES]);

/* *data = room for `bytes`, aligned; what was there goes. ERR_BUDGET. */
MUST_USE enum err log_inspect_grow(struct log_inspect_state *state, uint8_t **data,
                                   size_t *capacity, size_t bytes);

#endif
