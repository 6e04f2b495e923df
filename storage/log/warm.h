/* Runs that readers have read from segments, kept in memory: who folds a log again, as statements
 * do, finds them there, verified, and neither the disk nor the checksums are asked once more.
 *
 * A run is found by its file and where it lies in there, and goes with the file: what is written
 * once never changes, and whatever replaces, removes or moves a segment forgets its files
 * (files.c).
 *
 * Of a log that is larger than the room, a part stays and is found each time, the rest is read: a
 * run makes room for another only when nobody has wanted it for LOG_WARM_NS. Were it the longest
 * unused one at once, who reads in a circle would find none.
 *
 * Own shard only. Private to storage/log. */
#ifndef STORAGE_LOG_WARM_H
#define STORAGE_LOG_WARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

struct log_file;
struct log_shard;

/* Where runs that may be kept end: the first batch that begins behind a multiple of it begins a new
 * run, so that reads which begin in different places have the same ones soon. With a batch of some
 * size at its end one fills a buffer of 512 KiB. */
#define LOG_WARM_PIECE_BYTES (384u << 10)

/* How long a run stays that nobody wants while others wait for room. */
#define LOG_WARM_NS (10 * UINT64_C(1000000000))

/* The batches of a run that are known to be sound. Others may stand in its blocks, before and
 * behind them. */
struct log_warm_items {
    uint32_t count; /* of them */
    uint32_t begin; /* where the first begins, in the run */
    uint32_t end;   /* where the last ends */
};

/* A run in memory. */
struct log_warm_run {
    struct map_node in_map;      /* log_warm.map, by hash of file and pos */
    struct list_node in_shard;   /* log_warm.runs */
    struct list_node in_file;    /* log_file.warm */
    struct log_file *file;       /* whose bytes; NULL: forgotten, in shard's list only */
    uint64_t pos;                /* of the first in the file, whole blocks */
    uint32_t bytes;              /* whole blocks */
    struct log_warm_items items; /* what in it is known to be sound */
    struct buf *buf;             /* them; a reference */
    uint64_t used_ns;            /* when it was last wanted */
};

/* A shard's. */
struct log_warm {
    struct log_shard *ls;      /* whose */
    struct map map;            /* log_warm_run.in_map */
    struct map_node **buckets; /* of it; NULL: nothing is kept */
    struct pool pool;          /* of struct log_warm_run */
    struct list runs;     /* log_warm_run.in_shard, forgotten ones, then longest unused first */
    uint64_t bytes;       /* capacity of their buffers */
    uint64_t bytes_max;   /* at most; 0: nothing is kept */
    uint64_t found_count; /* runs that were found, for tests */
};

/* Make it empty, of buffers of `bytes_max` in all. ERR_BUDGET. */
MUST_USE enum err log_warm_init(struct log_warm *warm, struct log_shard *ls, uint64_t bytes_max);

/* Give all its memory back. Files are gone (asserted). Nothing to do when it was not made. */
void log_warm_deinit(struct log_warm *warm);

/* The run of `bytes` at `pos` of `file`, wanted now; NULL: it is not kept. It lives until anything
 * else is done with the log: who needs its bytes for longer takes a reference on `buf`. */
const struct log_warm_run *log_warm_find(struct log_warm *warm, const struct log_file *file,
                                         uint64_t pos, uint32_t bytes);

/* Keep a run, all of whose batches `items` are sound and whose blocks will not be written any more,
 * if there is room, and the shard has as much memory left as may be kept in all. `buf` is sealed; a
 * reference is taken. */
void log_warm_keep(struct log_warm *warm, struct log_file *file, uint64_t pos, uint32_t bytes,
                   struct log_warm_items items, struct buf *buf);

/* Nothing of `file` is found any more. Its memory goes bit by bit: a gigabyte at once would be a
 * long turn. */
void log_warm_forget(struct log_warm *warm, struct log_file *file);

/* Memory is short: let the run go that was wanted least lately. False: there is none. */
bool log_warm_yield(struct log_warm *warm);

#endif
