/* A shard's rounds of settling: what settle.c, settle_sync.c, settle_job.c, settle_row.c, clean.c
 * and direct.c share. Private to storage/log. */
#ifndef STORAGE_LOG_ROUND_H
#define STORAGE_LOG_ROUND_H

#include "base/sm.h"
#include "storage/log/clean.h"
#include "storage/log/direct.h"
#include "storage/log/settle_job.h"
#include "storage/log/shard.h"

/* Segments written before they are synced, at most, and those of one group at a time. */
#define LOG_SETTLE_PARTS     192u
#define LOG_SETTLE_JOB_PARTS 4u

/* Flushes at a time: a device merges a few, and more would hold up the journal's, unless that is
 * about to stand still anyway. */
#define LOG_SETTLE_SYNCS       4u
#define LOG_SETTLE_SYNCS_TIGHT 16u

/* Remnants that are being journaled at a time, and the largest that is. */
#define LOG_SETTLE_REMNANTS      32u
#define LOG_SETTLE_REMNANT_BYTES (16u << 10)

/* Groups that are looked at before other work of the shard has its turn. */
#define LOG_SETTLE_SCAN 256u

extern const struct sm_decl log_round_decl;
extern const struct sm_decl log_sync_decl;

struct log_round;

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

/* Bring log->row and log->file_lowest up to date, and put the row to those that go to the keeper.
 * False: not now, or no memory; the table's row stays true. */
bool log_row_collect(struct log_round *round, struct log *log);

/* The table says log->row: let go of what it settles. */
void log_row_synced(struct log *log);

/* --- Syncs (settle_sync.c) --- */

/* A flush under way. */
struct log_sync {
    struct log_round *round;     /* whose */
    struct rt_op op;             /* the flush */
    struct log_part *part;       /* of what */
    struct log_file *file;       /* which file of it; NULL: its directory */
    char path[LIMIT_PATH_BYTES]; /* of that */
};

/* A sync of all that is on the file system of the segments. */
struct log_sync_all {
    struct log_round *round;                 /* whose */
    struct sm sm;                            /* stages */
    struct rt_op op;                         /* its one request */
    struct rt_file file;                     /* through which it goes */
    uint64_t began_ns;                       /* when */
    uint64_t opened_number;                  /* of the round when it was open; later ones use it */
    uint32_t rest_count;                     /* rounds that go file by file, since it is slow */
    void (*closed)(struct log_round *round); /* end of log_sync_close; NULL: not asked for */
    char path[LIMIT_PATH_BYTES];             /* of the file */
};

/* A shard's rounds, one after the other. */
struct log_round {
    struct log_shard *ls;      /* whose */
    struct log_settle *settle; /* its contract */
    struct sm sm;              /* stages */
    struct rt_op op_turn;      /* goes on behind other work */
    struct list scan;          /* log.in_dirty: to be looked at in this stage */
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
    bool has_skipped;          /* a group is being cleaned: another round follows that */
    bool is_cut_short;         /* it ends with its first sync */
    bool does_flush;           /* this round began after settle->flushed was asked for */
    uint64_t noted_ns;         /* when something was noted last */
    uint64_t retry_ns;         /* begin a round at this time; 0: no */
    uint32_t entries_count;    /* noted since the last round began */
    uint64_t settled_bytes;    /* settle->settled_bytes when it began */

    struct log_job jobs[LOG_SETTLE_JOBS];             /* groups in hand */
    uint32_t jobs_count;                              /* of them, not idle */
    bool is_reserved;                                 /* the first one's memory, not taken yet */
    struct log_part parts[LOG_SETTLE_PARTS];          /* written, not synced */
    uint32_t parts_count;                             /* used */
    uint32_t parts_max;                               /* their files stay open until synced */
    struct log_sync syncs[LOG_SETTLE_SYNCS_TIGHT];    /* flushes */
    uint32_t syncs_count;                             /* under way */
    uint32_t sync_next;                               /* what is flushed next: 3 per part */
    uint32_t sync_end;                                /* behind what is to be flushed */
    struct log_sync_all sync_all;                     /* instead */
    bool is_all_synced;                               /* by that: one flush stands for all */
    struct log_remnant remnants[LOG_SETTLE_REMNANTS]; /* on their way */
    uint32_t remnants_count;                          /* in use */
    struct log_clean clean;                           /* files that go */
    struct log_rows rows;                             /* to the keeper and back */
    uint32_t rows_max;                                /* room in rows.rows */
    struct log_direct directs[LOG_DIRECTS];           /* of the frames in flight */
};

/* Make what they need; no round is under way, and what was open is closed. */
void log_sync_init(struct log_round *round);
void log_sync_deinit(struct log_round *round);

/* Make all parts durable: begin, then call log_sync_run until it says that it is done; each time
 * that there is something new log_round_run follows. `syncs_max`: flushes at a time. A part of
 * which one fails is is_failed. */
void log_sync_begin(struct log_round *round);
bool log_sync_run(struct log_round *round, uint32_t syncs_max);

/* What is synced counts, unless its group was cut meanwhile; the round has no parts any more. */
void log_sync_apply(struct log_round *round);

/* No round follows: close what is open, then `closed`, possibly within. */
void log_sync_close(struct log_round *round, void (*closed)(struct log_round *round));

/* --- The round (settle.c) --- */

/* The shard's. */
static inline struct log_round *log_round_of(const struct log_shard *ls)
{
    return ls->settle.state;
}

/* Go on, from wherever something has ended. */
void log_round_run(struct log_round *round);

/* A job, a remnant, the cleaning of a group has ended. */
void log_round_job_done(struct log_job *job);
void log_round_remnant_done(struct log_remnant *remnant);
void log_round_clean_done(struct log_clean *clean);

/* Something is left to be cleaned: look again when the shard is idle. */
void log_round_clean_later(struct log_clean *clean);

/* Whether a row of `log` is on its way into the table, or is what it says not acted upon yet. */
bool log_round_is_telling(const struct log *log);

/* A part for a job; there is one (a job begins only when there are enough). */
struct log_part *log_round_part(struct log_round *round);

/* Whether `bytes` may be written now; if so they are taken off the credit. */
bool log_round_may_write(struct log_round *round, uint32_t bytes);

/* A request on a file failed: the round ends early, to be tried again, or the device is fenced. */
void log_round_failed(struct log_round *round, const char *what, enum err err, int saved_errno);

/* A direct write of `log` cannot be made until a job has been there. */
void log_settle_ask(struct log *log);

#endif
