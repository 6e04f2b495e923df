/* Reading a whole file while a store opens: node.meta, a table, a journal file. Staged, several
 * large reads in flight; a block that the device cannot read is zeros, or zeros behind a mark, so
 * that whoever decodes the bytes decides what its loss means. Private to storage/log. */
#ifndef STORAGE_LOG_FETCH_H
#define STORAGE_LOG_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/sm.h"

struct log_fetch;

/* The least that is read at once, and how many reads are in flight: a large file is read in so many
 * larger ones, so that all of it is on its way while the caller looks at another. */
#define LOG_FETCH_CHUNK_BYTES (1u << 20)
#define LOG_FETCH_READS       8u

/* The stages of a fetch. */
extern const struct sm_decl log_fetch_decl;

/* A read in flight. */
struct log_fetch_read {
    struct log_fetch *fetch; /* whose */
    struct rt_op op;         /* the request */
    size_t pos;              /* of what is being read */
    size_t end;              /* of the chunk: behind `pos` it goes on block by block */
    bool is_by_block;        /* the chunk could not be read at once */
};

/* In place; made by log_fetch_init, used again and again. */
struct log_fetch {
    /* Config. */
    struct rt_shard *shard;                     /* where it runs */
    struct budget *budget;                      /* pays for `data` */
    void (*done)(struct log_fetch *fetch);      /* fires once per start, from the ready queue */
    bool (*is_wanted)(struct log_fetch *fetch); /* asked when the first chunk is there: false ends
                                                   it; NULL: all is wanted */
    bool does_mark;                             /* LOG_UNREADABLE begins what could not be read */
    bool does_flush; /* what has been read whole is made durable as well: a process that was killed
                        may have left it in a cache */
    void *ctx;       /* the caller's */

    /* Asked, then answered. */
    char path[LIMIT_PATH_BYTES]; /* of the file; filled in before the start */
    enum err err;                /* in done: of opening, of memory, of the system; ERR_IO of a
                                    flush only */
    int saved_errno;             /* behind it */
    uint8_t *data;               /* its bytes; kept for the next file, see log_fetch_take */
    size_t capacity;             /* room, whole blocks */
    size_t length;               /* bytes that are there: the file's, or the first chunk's */
    uint64_t file_bytes;         /* the file's size */
    uint32_t bad_blocks_count;   /* blocks that could not be read */
    bool is_direct;              /* the system does direct I/O there */

    /* Private. */
    struct sm sm;                                 /* see fetch.c */
    struct rt_op op;                              /* open and close */
    struct rt_file file;                          /* the file */
    size_t next_pos;                              /* of the next chunk */
    size_t chunk_bytes;                           /* of one */
    uint32_t reads_count;                         /* in flight */
    struct log_fetch_read reads[LOG_FETCH_READS]; /* them */
};

/* Make it, idle. */
void log_fetch_init(struct log_fetch *fetch, struct rt_shard *shard, struct budget *budget,
                    void (*done)(struct log_fetch *fetch));

/* Read the file fetch->path. Only while idle. */
void log_fetch_start(struct log_fetch *fetch);

/* The bytes become the caller's, who frees them to the budget. */
uint8_t *log_fetch_take(struct log_fetch *fetch);

/* Give the memory back. Only while idle. */
void log_fetch_deinit(struct log_fetch *fetch);

#endif
