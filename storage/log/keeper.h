/* The keeper: what shard 0 does for the node while it runs: groups.tab, the journal files that are
 * free, the space on the disk. Other shards reach it by mail. Private to storage/log. */
#ifndef STORAGE_LOG_KEEPER_H
#define STORAGE_LOG_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/rt/outbox.h"
#include "base/sm.h"

struct log_recover;
struct log_row;
struct log_rows;
struct log_shard;

/* The stages of writing a table, of making a file, of looking at the space. */
extern const struct sm_decl log_keeper_decl;
extern const struct sm_decl log_make_decl;
extern const struct sm_decl log_space_decl;

/* Files of fewer bytes are nothing but headers. */
#define LOG_JOURNAL_BYTES_MIN (16u << 10)

/* A lane asks for a journal file to write into. */
struct log_file_request {
    struct rt_outbox_mail mail; /* carries it */
    struct log_shard *ls;       /* who asks */
    uint64_t
        holding_number;  /* lowest file number the lane itself still writes into: never reused */
    uint32_t slot;       /* answer: the file's slot */
    uint64_t number;     /* answer: its new number */
    uint64_t file_bytes; /* answer: its size, zero-filled and synced, its name durable */
    enum err err;        /* answer: ERR_CLOSING, ERR_DISK_FULL, ERR_IO ...: none */
    int saved_errno;     /* behind it */
    struct list_node in_keeper;                     /* log_keeper's queue */
    void (*done)(struct log_file_request *request); /* on the asking shard */
};

/* A lane has something on its way that needs room on the disk, and there is none. */
struct log_room_request {
    struct rt_outbox_mail mail; /* carries it */
    struct log_shard *ls;       /* who asks */
    bool is_away;               /* it is on its way, or on its way back */
};

/* Files found by the start: slot, size, and the number of its last life. */
struct log_keeper_file {
    uint32_t slot;       /* its name */
    uint64_t number;     /* 0: never used, or not for certain: it is made again */
    uint64_t file_bytes; /* its size, as far as that is known to be durable */
};

/* What the start found. All of it is read by log_keeper_new only. */
struct log_keeper_found {
    const struct log_recover *recover;   /* groups */
    const struct log_keeper_file *files; /* journal files */
    uint32_t files_count;                /* of them */
    uint64_t table_number;               /* of the last table written, 0: none */
    uint64_t journal_floor;              /* its floor */
    bool has_table;                      /* DATA has a groups.tab */
    const struct log_row *lost;          /* rows that were lost, or are of deleted groups */
    uint32_t lost_count;                 /* of them */
};

/* Begin on shard 0, as store->keeper. ERR_BUDGET: nothing was begun. */
MUST_USE enum err log_keeper_new(struct log_shard *ls, const struct log_keeper_found *found);

/* Make sure that a journal file can be given out, whose name is durable; then `prepared`, in whose
 * call the keeper may be closed. Nothing but that file is written. */
void log_keeper_prepare(struct log_shard *ls,
                        void (*prepared)(struct log_shard *ls, enum err err, int saved_errno));

/* The store is open: the reserve, the space on the disk and what else happens in the background. */
void log_keeper_begin(struct log_shard *ls);

/* The store will not be open: no file is given out any more. */
void log_keeper_undo(struct log_shard *ls);

/* From any shard: the answer comes as request->done, rows->done on that shard. */
void log_keeper_file_request(struct log_file_request *request);
void log_keeper_rows(struct log_rows *rows);

/* From any shard: producers are refused and the reserve is let go. Nothing is answered; the lane
 * gets a turn when the request is back. One that is away is not sent again. */
void log_keeper_room_request(struct log_room_request *request);

/* End: what is under way is finished, the reserve stays; then `closed`, and store->keeper is NULL.
 * Only on shard 0, when all shards have closed their lanes. */
void log_keeper_close(struct log_shard *ls, void (*closed)(struct log_shard *ls));

#endif
