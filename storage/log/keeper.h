/* The keeper: what shard 0 does for the node while it runs: groups.tab, the journal files that are
 * free, the space on the disk. Other shards reach it by mail. Private to storage/log. */
#ifndef STORAGE_LOG_KEEPER_H
#define STORAGE_LOG_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/rt/mailbox.h"

struct log_rows;
struct log_shard;
struct log_recover;

/* A lane asks for a journal file to write into. */
struct log_file_request {
    struct rt_mail mail;  /* carries it */
    struct log_shard *ls; /* who asks */
    uint64_t
        holding_number;  /* lowest file number the lane itself still writes into: never reused */
    uint32_t slot;       /* answer: the file's slot */
    uint64_t number;     /* answer: its new number */
    uint64_t file_bytes; /* answer: its size, zero-filled and synced, its name durable */
    enum err err;        /* answer: ERR_DISK_FULL, ERR_IO ...: none */
    int saved_errno;     /* behind it */
    struct list_node in_keeper;                     /* log_keeper's queue */
    void (*done)(struct log_file_request *request); /* on the asking shard */
};

/* Files found by the start: slot, size, and the number of its last life. */
struct log_keeper_file {
    uint32_t slot;       /* its name */
    uint64_t number;     /* 0: never used */
    uint64_t file_bytes; /* its size */
};

/* Begin on shard 0 with the table's rows and the journal's files as the start found them.
 * `table_number`: of the last table written. */
MUST_USE enum err log_keeper_new(struct log_shard *ls, const struct log_recover *found,
                                 const struct log_keeper_file *files, uint32_t files_count,
                                 uint64_t table_number);

/* From any shard: the answer comes as request->done, rows->done on that shard. */
void log_keeper_file_request(struct log_file_request *request);
void log_keeper_rows(struct log_rows *rows);

/* End: the table in flight is finished, the reserve stays; then `closed`. Only on shard 0, when all
 * other shards have closed. */
void log_keeper_close(struct log_shard *ls, void (*closed)(struct log_shard *ls));

#endif
