/* A node's log directory, as one running program has it (storage/README.md, "Places").
 *
 * One `struct log_store` per process, shared by all shards, and one `struct log_shard` on each.
 * Opening is done on every shard; shard 0 does the work that is the node's (lock, node.meta,
 * reading the journal, groups.tab) and deals the groups out, the others wait for it:
 *
 *     log_store_init(&store, &config)              main thread, before the shards run
 *     log_shard_open(&ls, shard, &store, diag, done)      on each shard; done: its groups can be
 * used
 *     ... log.h ...
 *     log_shard_close(&ls, done)                   on each shard; what is pending is flushed first
 *
 * Afterwards no thread of the runtime touches the store any more and its memory is the caller's. */
#ifndef STORAGE_LOG_STORE_H
#define STORAGE_LOG_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/rt/shard.h"
#include "storage/log/format.h"
#include "storage/log/recover.h"

struct log_shard;

/* Room for the reason of a failure, in words. */
#define LOG_WHY_BYTES 160

/* How a directory is used. Zero fields take the default said there. */
struct log_config {
    const char *dir;         /* DATA; lives as long as the store, <= LIMIT_DATA_DIR_BYTES */
    const char *journal_dir; /* where journal files are; NULL: DATA/journal */
    uint64_t
        unsettled_bytes_max; /* per shard; 0: the least of 128 MiB and an eighth of its memory */
    uint64_t hot_bytes_max;  /* per shard, newest entries kept in memory, with what keeps account of
                                them; 0: a quarter of its memory */
    uint64_t warm_bytes_max; /* per shard, what readers have read and others may want again
                                (warm.h); 0: none */
    uint64_t journal_first_bytes; /* the first journal file; 0: 4 MiB */
    uint64_t journal_file_bytes;  /* later ones; 0: a quarter of unsettled_bytes_max, 4 to 32 MiB */
    uint64_t segment_bytes;       /* a segment rolls when its .log would pass it; 0: 1 GiB */
    uint64_t reserve_bytes;  /* kept in DATA/reserve for a full disk; 0: 64 MiB, UINT64_MAX: none */
    uint64_t free_bytes_min; /* below it, unsettled bytes and a table added, producers are refused;
                                0: 256 MiB */
    uint64_t seal_ns;        /* a lane idle for so long writes a seal frame; 0: 5 ms */
    uint64_t settle_ns;      /* a shard idle for so long settles what it has; 0: 1 s */
    uint32_t groups_max;     /* of the node; 0: LIMIT_PARTITIONS_COUNT */
    uint32_t files_max;      /* open segment files of a shard; 0: 512 */
    uint32_t sync_all_parts; /* segments written by a round from which on the whole file system is
                                synced, not each file; 0: 32 */
};

/* What a start found, for a log line, a table and tests. */
struct log_store_report {
    uint64_t counts[LOG_RECOVER_ROWS_COUNT]; /* decisions, by row of the table */
    uint64_t journal_bytes;                  /* read */
    uint64_t entries_count;                  /* not settled yet */
    uint32_t groups_count;                   /* live */
    uint32_t unavailable_count;              /* groups that cannot be served */
    uint32_t amnesiac_count;                 /* groups that do not vote */
    uint32_t torn_count;  /* groups whose tail may have lost what was not answered */
    uint64_t duration_ns; /* of the start */
};

/* The node's part, shared. Private to storage/log but for `report`, `disk`, `boot_epoch`. */
struct log_store {
    struct log_config config;                     /* defaults filled in by shard 0 */
    const struct crc32c *kernels;                 /* for checksums */
    struct log_shard *shards[LIMIT_SHARDS_COUNT]; /* each shard's, set when it opens */
    struct log_uuid disk;                         /* from node.meta */
    uint64_t boot_epoch;                          /* of this start */
    struct log_store_report report;               /* what the start found; constant once open */
    _Atomic uint64_t file_number;                 /* the last journal file number given out */
    _Atomic uint32_t groups_count;   /* groups there are, and deleted ones that are not forgotten */
    _Atomic uint32_t rows_count;     /* groups that have a row in the table, or will have one */
    _Atomic uint64_t topics_removed; /* directories of topics that may have been removed */
    uint32_t rows_max;               /* rows there may be; constant once groups are dealt */
    _Atomic uint64_t ends_lost_count; /* G8, found when older segments are first asked for */
    atomic_bool is_fenced;            /* a journal write failed: nothing is written any more */
    atomic_bool is_full;              /* the disk is full: producers are refused */

    /* Shard 0's; the others read what is said before it mails them. */
    void *keeper;                    /* struct log_keeper */
    void *start;                     /* struct log_start, while opening */
    const struct log_recover *found; /* what the start found, while groups are dealt */
    uint32_t joined_count;           /* shards that have called log_shard_open */
    uint32_t dealt_count;            /* shards that have made their groups */
    uint32_t left_count;             /* shards that have closed their part */
    bool is_ended;                   /* nothing is open any more, the lock is given back */
    enum err err;                    /* how the open ended, for all shards */
    struct err_info info;            /* where */
    char why[LOG_WHY_BYTES];         /* in words */
    struct rt_file lock;             /* DATA/lock, held while the store is open */
    struct rt_op op_lock;            /* its close */
};

typedef void log_shard_done_fn(struct log_shard *ls);

/* Fill in what is zero, for shards of `memory_bytes` each; round what must be whole blocks. */
void log_config_fill(struct log_config *config, uint64_t memory_bytes);

/* Make `store` of `config` (copied; strings stay the caller's). */
void log_store_init(struct log_store *store, const struct log_config *config,
                    const struct crc32c *kernels);

/* Open the store on `shard`. `ls` is in place, the store's until log_shard_close is done. `diag`
 * (or NULL) gets log lines. `done` fires once, from the ready queue; ls->err then says how it went,
 * ls->info where, ls->why in words: ERR_BUSY another process has the directory; ERR_UNSUPPORTED it
 * is of a newer version; ERR_CORRUPT node.meta or all tables are unreadable; ERR_FENCED the first
 * frame could not be written; ERR_BUDGET; ERR_IO, ERR_DISK_FULL, ERR_ACCESS ... of the system. The
 * same on all shards. After an error the shard is closed already. A missing directory is made. */
void log_shard_open(struct log_shard *ls, struct rt_shard *shard, struct log_store *store,
                    struct diag *diag, log_shard_done_fn *done);

/* Whether what lies below log starts stays, pinned or not: where it is not known yet who pins what,
 * after log_shard_open, or not any more, before log_shard_close. */
void log_shard_keep_trimmed(struct log_shard *ls, bool is_kept);

/* Flush what is pending, seal the lane, close the files, give the lock back. Operations that wait
 * end as log.h says, new ones end with ERR_CLOSING. On every shard, in any order; done fires when
 * all have closed. Reads must have ended. */
void log_shard_close(struct log_shard *ls, log_shard_done_fn *done);

/* Memory is short: let entries that cost `bytes` in all leave it, the oldest first, as far as they
 * have another home. */
void log_shard_cool(struct log_shard *ls, uint64_t bytes);

/* Settle everything that fills whole blocks now and write the table: before a clean end, and for
 * tests. done as above. */
void log_shard_settle(struct log_shard *ls, log_shard_done_fn *done);

#endif
