/* Which entries a topic's retention lets go (Kafka's retention.bytes, retention.ms, DeleteRecords).
 * Decides only: the leader proposes a trim entry (LOG §8), log_trim acts when it is committed. */
#ifndef STORAGE_LOG_RETENTION_H
#define STORAGE_LOG_RETENTION_H

#include <stdint.h>

#include "storage/log/read.h"

/* What is to be kept. */
struct log_retention {
    uint64_t bytes_max; /* of batches, the newest; UINT64_MAX: all */
    int64_t age_ms;     /* since a segment's largest timestamp; -1: for ever */
    int64_t now_ms;     /* the time it is, since 1970 */
    uint64_t index_max; /* entries up to here may go: the commit index */
};

/* *first_index = where the log should start, >= its start now: the first segment that is to be
 * kept, or what follows index_max when all are too old. By bytes, whole segments go from the oldest
 * while at least bytes_max remain; by age, while a segment's largest timestamp (of it and all
 * before it) is older; segments without timestamps stay. From memory. ERR_AGAIN: older segments are
 * not loaded yet, which any read of the oldest entry does. */
MUST_USE enum err log_retention_index(const struct log *log, const struct log_retention *want,
                                      uint64_t *first_index);

/* The entry that holds an offset, for DeleteRecords. In place, the caller's until submitted. */
struct log_retention_find {
    void (*done)(struct log_retention_find *find); /* fires once, from the ready queue */
    void *ctx;                                     /* the caller's */
    enum err err;         /* in done: as log_read's, but ERR_END and ERR_CORRUPT are none */
    uint64_t first_index; /* in done: the entry that holds the offset, or the first behind it; all
                             up to index_max lie before it: index_max + 1 */
    uint32_t skip_count;  /* in done: offsets of that entry below it; 0 where it cannot be read */
    struct log_read read; /* looks it up */
};

/* Begin. Zero the struct, fill `done`. Entries before find->first_index hold offsets below `offset`
 * only. */
void log_retention_find(struct log_retention_find *find, struct log *log, uint64_t offset,
                        uint64_t index_max);

#endif
