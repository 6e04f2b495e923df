/* What settle.c, settle_job.c, settle_row.c, place.c, clean.c and direct.c share: a round and its
 * parts. */
#ifndef STORAGE_LOG_SETTLE_INT_H
#define STORAGE_LOG_SETTLE_INT_H

#include "base/sm.h"
#include "storage/log/gather.h"
#include "storage/log/shard.h"

/* Segments written before they are synced, and those of one group at a time. */
#define LOG_SETTLE_PARTS     64u
#define LOG_SETTLE_JOB_PARTS 4u

/* Flushes at a time: a device merges a few, and more would hold up the journal's. */
#define LOG_SETTLE_SYNCS 4u

/* Remnants that are being journaled at a time, and the largest that is. */
#define LOG_SETTLE_REMNANTS      32u
#define LOG_SETTLE_REMNANT_BYTES (16u << 10)

/* Groups that are looked at before other work of the shard has its turn. */
#define LOG_SETTLE_SCAN 256u

/* A job's memory: a chunk to write, and what is read of the journal for it. */
#define LOG_JOB_READ_BYTES (LOG_SETTLE_CHUNK_BYTES + 2 * LIMIT_BLOCK_BYTES)
#define LOG_JOB_BYTES      (LOG_SETTLE_CHUNK_BYTES + LOG_JOB_READ_BYTES)

/* Files of one direct write's staging memory. */
#define LOG_DIRECT_PIECES 64u

/* Direct writes under way: as many as the frames in flight may have. */
#define LOG_DIRECTS (LOG_LANE_FRAMES * LOG_LANE_DIRECTS)

struct log_round;

/* --- Opening a segment's files for writing (place.c) --- */

/* In place, its user's until done. */
struct log_place {
    struct log *log;                       /* whose */
    struct log_round *round;               /* the shard's */
    void (*done)(struct log_place *place); /* fires once, never within log_place_start */
    enum err err;                          /* in done; ERR_CANCELED: the segment is gone */
    int saved_errno;                       /* behind it */
    struct log_file *file_log;             /* in done: open, the user's to put */
    struct log_file *file_idx;             /* likewise */

    struct sm sm;                /* stages */
    struct rt_op op;             /* its one request */
    struct log_file_get get;     /* or this one */
    uint64_t first_index;        /* of the segment, in case it goes meanwhile */
    uint32_t generation;         /* likewise */
    uint32_t step;               /* directories made, or synced, so far */
    uint32_t tries_count;        /* how often the directories were made */
    bool does_make_dirs;         /* the directories above are not known to be durable */
    bool has_made_dirs;          /* they have been made in this run */
    char path[LIMIT_PATH_BYTES]; /* of the request */
};

/* Open both files of `seg`. Where its names are not durable yet they are made so, directories
 * included, and seg->is_made is set. */
void log_place_start(struct log_place *place, struct log_segment *seg,
                     void (*done)(struct log_place *place));

/* The segment of `log` that begins at `first_index` with `generation`, or NULL: cut off or gone. */
struct log_segment *log_segment_of(const struct log *log, uint64_t first_index,
                                   uint32_t generation);

/* The size to give a .log so that `need_bytes` fit: in steps of 64 KiB doubling to 16 MiB. */
uint32_t log_segment_grown(const struct log_segment *seg, uint32_t need_bytes);

/* --- Writing a group's segments (settle_job.c) --- */

/* What a job has written to one segment. It counts when it is synced. */
struct log_part {
    struct log *log;           /* whose */
    struct log_segment *seg;   /* which; only while log->cut_epoch is cut_epoch */
    uint64_t cut_epoch;        /* of the log when the job began */
    struct log_file *file_log; /* in use until synced */
    struct log_file *file_idx; /* likewise */
    bool is_log_touched;       /* it has to be synced */
    bool is_idx_touched;       /* likewise */
    bool is_dir_touched;       /* a .snap was made: its directory, too */
    bool is_finished;          /* all of a sealed segment is written */
    bool is_failed;            /* a flush of it was */
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
    struct log_round *round;     /* whose */
    struct sm sm;                /* stages */
    enum log_job_mode mode;      /* what for */
    struct log *log;             /* which group */
    uint64_t cut_epoch;          /* of it when the job began */
    enum err err;                /* the first failure */
    int saved_errno;             /* behind it */
    uint8_t *memory;             /* LOG_JOB_BYTES, aligned; NULL: none now */
    struct log_place place;      /* of the segment in hand */
    struct rt_op op;             /* a request on a file */
    struct log_file_get get;     /* a journal file */
    struct log_segment *seg;     /* in hand */
    struct log_part *part;       /* of it */
    struct log_gather gather;    /* of its bytes */
    struct log_gather_run run;   /* being read of the journal */
    struct log_gather_idx idx;   /* of its records */
    uint64_t last_index;         /* of the last durable entry in it when the job came to it */
    uint32_t last_end;           /* where that one ends */
    uint64_t next_index;         /* of the next record to encode */
    uint32_t ok_count;           /* records whose bytes are written */
    uint32_t chunk_pos;          /* where the chunk in hand begins in the .log */
    uint32_t idx_bytes;          /* of idx.data, that are written now */
    uint32_t snap_bytes;         /* of the .snap */
    uint32_t parts_count;        /* segments it has written */
    bool is_finishing;           /* the segment in hand is sealed for good */
    bool is_rest;                /* gathers what a direct write will want in memory */
    bool is_written;             /* the chunk in hand, and idx_bytes, went out */
    bool is_last_chunk;          /* no record is left to encode */
    struct list_node in_waiting; /* log_round.waiting: for credit */
    struct log_remnant *remnant; /* being gathered */
    struct rt_file snap;         /* the .snap */
    char path[LIMIT_PATH_BYTES]; /* of it */
};

/* Whether there is something for a job in `log`. */
bool log_job_is_due(const struct log *log);

/* Make the jobs; the first has memory for good, so that one can always run. */
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

/* --- Journaling a remnant (settle_row.c) --- */

/* A whole `tail` record on its way. */
struct log_remnant {
    struct log_round *round; /* whose; NULL: not in use */
    struct log *log;         /* which group */
    uint64_t cut_epoch;      /* of it at the submit */
    struct log_op op;        /* the record */
    uint64_t first_index;    /* entries in it */
    uint64_t last_index;     /* likewise */
    uint8_t *rest;           /* bytes behind the segment's written ones, to be kept */
    uint32_t rest_bytes;     /* of them */
};

/* Whether `log` needs a journal file up to `file_target` for entries that no job can settle now,
 * and whether they can be journaled again now. */
bool log_remnant_is_needed(const struct log *log, uint64_t file_target);
bool log_remnant_is_possible(const struct log *log);

/* Where the bytes of the active segment that are in frames end, or its written ones if these do.
 * Only where a remnant is possible. */
uint32_t log_remnant_end(const struct log *log);

/* Submit it: `bytes` are those up to log_remnant_end. False: no memory, nothing done. */
bool log_remnant_submit(struct log_remnant *remnant, struct log *log, const uint8_t *bytes);

/* --- Rows (settle_row.c) --- */

/* The first entry that is not settled. */
uint64_t log_row_next_index(const struct log *log, const struct log_segment *seg);

/* A synced part counts: segment and row move on. Puts nothing back. */
void log_row_apply(struct log_part *part);

/* Bring log->row and log->file_lowest up to date. False: not now, the table's row stays true. */
bool log_row_update(struct log *log);

/* The table says log->row: let go of what it settles. */
void log_row_synced(struct log *log);

/* --- Files that go (clean.c) --- */

/* One group's at a time. */
struct log_clean {
    struct log_round *round;     /* whose */
    struct sm sm;                /* stages */
    struct log *log;             /* which group */
    struct rt_op op;             /* its one request */
    struct log_load load;        /* or this one */
    struct rt_dir_list list;     /* a deleted group's directory */
    char *names;                 /* its names; names_max bytes */
    size_t names_max;            /* grows */
    size_t at;                   /* of the next name */
    uint64_t cut_epoch;          /* of the log when it began */
    uint32_t kind;               /* which file of the first garbage is next */
    bool is_failed;              /* something is left: look again later */
    char dir[LIMIT_PATH_BYTES];  /* the directory */
    char path[LIMIT_PATH_BYTES]; /* of the request */
};

/* Whether files of `log` can go now; look for them, as soon as no frame that a start would doubt
 * refers to them. */
bool log_clean_is_due(const struct log *log);
void log_clean_want(struct log *log);

/* Remove them; a deleted group ends. log_round_clean_done follows, never within. */
void log_clean_init(struct log_clean *clean, struct log_round *round);
void log_clean_deinit(struct log_clean *clean);
void log_clean_start(struct log_clean *clean, struct log *log);

/* --- Direct writes (direct.c) --- */

struct log_direct {
    struct log_shard *ls;                /* whose; NULL: not in use */
    struct log *log;                     /* which group */
    struct sm sm;                        /* stages */
    uint64_t number;                     /* of the frame */
    uint64_t first_index;                /* of the segment, in case it goes meanwhile */
    uint32_t generation;                 /* likewise */
    uint32_t pos;                        /* where it writes */
    uint32_t end;                        /* behind it */
    uint8_t *rest;                       /* bytes behind `end`; NULL: none */
    uint32_t rest_bytes;                 /* of them */
    uint32_t grow_bytes;                 /* the .log is to grow by so much; 0: not */
    uint32_t grow_pos;                   /* from here */
    bool is_done;                        /* written and flushed; those before it are not */
    enum err err;                        /* how it ended */
    int saved_errno;                     /* behind it */
    struct rt_op op;                     /* its one request */
    struct log_file_get get;             /* the .log */
    struct buf *bufs[LOG_DIRECT_PIECES]; /* staging */
    struct iovec iov[LOG_DIRECT_PIECES]; /* of them */
    uint32_t pieces_count;               /* used */
};

/* --- The round (settle.c) --- */

/* A flush under way. */
struct log_sync {
    struct log_round *round;     /* whose */
    struct rt_op op;             /* the flush */
    struct log_part *part;       /* of what */
    struct log_file *file;       /* which file of it; NULL: its directory */
    char path[LIMIT_PATH_BYTES]; /* of that */
};

/* A shard's rounds, one after the other. */
struct log_round {
    struct log_shard *ls;      /* whose */
    struct log_settle *settle; /* its contract */
    struct sm sm;              /* stages */
    struct rt_op op_turn;      /* goes on behind other work */
    struct list scan;          /* log.in_dirty: not looked at yet in this stage */
    struct list waiting;       /* log_job.in_waiting, longest first */
    uint64_t number;           /* of the round */
    uint64_t file_target;      /* journal files up to here are to be let go by it */
    enum err err;              /* why it ends early: nothing new is begun */
    uint32_t looked_count;     /* groups looked at in this turn */
    bool is_pressed;           /* the next round's rows go to the keeper whatever it settles */
    bool has_ended;            /* the shard is closing and has settled all: no round any more */
    bool is_told;              /* its rows go to the keeper whatever it settles */
    bool has_work;             /* it has done something a table should say */
    bool is_unsatisfied;       /* some group could not be helped: again soon */
    bool has_news;             /* something was noted since the last round began */
    bool does_flush;           /* this round began after settle->flushed was asked for */
    uint64_t noted_ns;         /* when something was noted last */
    uint64_t retry_ns;         /* begin a round at this time; 0: no */
    uint32_t entries_count;    /* noted since the last round began */

    struct log_job jobs[LOG_SETTLE_JOBS];             /* groups in hand */
    uint32_t jobs_count;                              /* of them, not idle */
    struct log_part parts[LOG_SETTLE_PARTS];          /* written, not synced */
    uint32_t parts_count;                             /* used */
    struct log_sync syncs[LOG_SETTLE_SYNCS];          /* flushes */
    uint32_t syncs_count;                             /* under way */
    uint32_t sync_next;                               /* what is flushed next: 3 per part */
    struct log_remnant remnants[LOG_SETTLE_REMNANTS]; /* on their way */
    uint32_t remnants_count;                          /* in use */
    struct log_clean clean;                           /* files that go */
    struct log_rows rows;                             /* to the keeper and back */
    uint32_t rows_max;                                /* room in rows.rows */
    struct log_direct directs[LOG_DIRECTS];           /* of the frames in flight */
};

/* The shard's. */
static inline struct log_round *log_round_of(const struct log_shard *ls)
{
    return ls->settle.state;
}

/* Go on, from wherever something has ended. */
void log_round_run(struct log_round *round);

/* A job, a remnant, the cleaning has ended. */
void log_round_job_done(struct log_job *job);
void log_round_remnant_done(struct log_remnant *remnant);
void log_round_clean_done(struct log_clean *clean);

/* A part for a job; there is one (a job begins only when there are enough). */
struct log_part *log_round_part(struct log_round *round);

/* Whether `bytes` may be written now; if so they are taken off the credit. */
bool log_round_may_write(struct log_round *round, uint32_t bytes);

/* A request on a file failed: the round ends early, to be tried again, or the device is fenced. */
void log_round_failed(struct log_round *round, const char *what, enum err err, int saved_errno);

/* A direct write of `log` cannot be made until a job has been there. */
void log_settle_ask(struct log *log);

#endif
