/* One group's part in a round: what is written of its segments. Private to storage/log. */
#ifndef STORAGE_LOG_SETTLE_JOB_H
#define STORAGE_LOG_SETTLE_JOB_H

#include "base/sm.h"
#include "storage/log/gather.h"
#include "storage/log/place.h"
#include "storage/log/shard.h"

/* A job's memory: a chunk to write, and what is read of the journal for it. */
#define LOG_JOB_READ_BYTES (LOG_SETTLE_CHUNK_BYTES + 2 * LIMIT_BLOCK_BYTES)
#define LOG_JOB_BYTES      (LOG_SETTLE_CHUNK_BYTES + LOG_JOB_READ_BYTES)

struct log_remnant;
struct log_round;

extern const struct sm_decl log_job_decl;

/* What a job has written to one segment. It counts when it is synced. */
struct log_part {
    struct log *log;           /* whose */
    struct log_segment *seg;   /* which; only while log->cut_epoch is cut_epoch */
    uint64_t cut_epoch;        /* of the log when the job began */
    struct log_file *file_log; /* in use until synced */
    struct log_file *file_idx; /* likewise */
    uint32_t number;           /* of the job's parts, from 1 */
    bool is_log_touched;       /* it has to be synced */
    bool is_idx_touched;       /* likewise */
    bool is_dir_touched;       /* files got their names: its directory, too */
    bool is_finished;          /* all of a sealed segment is written */
    bool is_failed;            /* a flush of it was */
    bool is_apart;             /* written in the place of `seg`: log->apart */
    uint32_t written_bytes;    /* whole blocks of the .log */
    uint32_t recs_count;       /* records in whole blocks of the .idx */
    uint64_t recs_index;       /* behind the last of these */
    uint8_t *rest;             /* bytes behind written_bytes, for a direct write; NULL: none */
    uint32_t rest_bytes;       /* of them */
};

enum log_job_mode {
    LOG_JOB_BLOCKS,  /* write whole blocks and sealed segments */
    LOG_JOB_REMNANT, /* journal what fills no block */
};

/* One group's. */
struct log_job {
    struct log_round *round;        /* whose */
    struct sm sm;                   /* stages */
    enum log_job_mode mode;         /* what for */
    struct log *log;                /* which group */
    uint64_t cut_epoch;             /* of it when the job began */
    enum err err;                   /* the first failure */
    int saved_errno;                /* behind it */
    const char *failed_kind;        /* the segment's file that it is of; NULL: none of them */
    bool is_source_failed;          /* it could not be read, to be written to another */
    uint8_t *memory;                /* LOG_JOB_BYTES, aligned; NULL: none now */
    struct log_place place;         /* of the segment in hand */
    struct rt_op op;                /* a request on a file */
    struct log_file_get get;        /* a journal file */
    struct log_segment *seg;        /* in hand */
    struct log_segment *apart;      /* written in its place: log->apart; NULL: itself */
    uint32_t apart_pos;             /* where that one begins in it; 0 */
    struct log_part *part;          /* of it */
    struct log_gather gather;       /* of its bytes */
    struct log_gather_run run;      /* being read of the journal */
    struct log_gather_idx idx;      /* of its records */
    uint64_t last_index;            /* of the last durable entry in it when the job came to it */
    uint32_t last_end;              /* where that one ends */
    uint64_t next_index;            /* of the next record to encode */
    uint32_t ok_count;              /* records whose bytes are written */
    uint32_t chunk_pos;             /* where the chunk in hand begins in the .log */
    uint32_t idx_bytes;             /* of idx.data, that are written now */
    uint32_t parts_count;           /* segments it has written */
    bool is_snap;                   /* only the .snap of the segment in hand is made */
    bool is_finishing;              /* the segment in hand is sealed for good */
    bool is_rest;                   /* gathers what a direct write will want in memory */
    bool is_written;                /* the chunk in hand, and idx_bytes, went out */
    bool is_last_chunk;             /* no record is left to encode */
    struct list_node in_waiting;    /* log_round.waiting: for credit */
    struct log_remnant *remnant;    /* being gathered */
    char path[LIMIT_PATH_BYTES];    /* of a file that gets its name */
    char path_to[LIMIT_PATH_BYTES]; /* that name */
};

/* Whether there is something for a job in `log`. */
bool log_job_is_due(const struct log *log);

/* Make the jobs; the first has memory for good, from its first work on but charged at once, so that
 * one can always run. */
MUST_USE enum err log_jobs_init(struct log_round *round);
void log_jobs_deinit(struct log_round *round);

/* A job that is idle and has memory, or NULL. Give the memory of all but the first back. */
struct log_job *log_job_idle(struct log_round *round);
void log_jobs_trim(struct log_round *round);

/* Begin; log_round_job_done follows, never within. `remnant`: of LOG_JOB_REMNANT. */
void log_job_start(struct log_job *job, struct log *log, enum log_job_mode mode,
                   struct log_remnant *remnant);

/* Credit has come, or a direct write has ended: go on where it waits for that. */
void log_job_wake(struct log_job *job);

/* Whether the segment has begun for good: the record that began it is durable. Where its last
 * durable entry ends. */
bool log_segment_is_begun(const struct log_segment *seg);
uint32_t log_segment_durable_end(const struct log_segment *seg);

#endif
