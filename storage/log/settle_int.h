/* What settle.c, settle_job.c, settle_clean.c and direct.c share. */
#ifndef STORAGE_LOG_SETTLE_INT_H
#define STORAGE_LOG_SETTLE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sm.h"
#include "storage/log/shard.h"

struct settle_state;

/* Copying a segment's bytes from where they are: rest, memory, journal. */
struct settle_copy {
    struct log_segment *seg; /* whose bytes */
    uint32_t pos;            /* next byte of the segment */
    uint32_t end;            /* behind the last one wanted */
    uint8_t *out;            /* where the next byte goes */
    struct log_slot *slot;   /* that holds `pos`; NULL: to be found */
};

/* What became of a copy. */
enum settle_copied {
    SETTLE_COPIED,  /* up to `end` */
    SETTLE_JOURNAL, /* the slot's bytes must be read from the journal */
    SETTLE_NOWHERE, /* they are nowhere: the journal lost them */
};

/* Where a job is. */
enum settle_step {
    SETTLE_STEP_IDLE,
    SETTLE_STEP_CLEAN,
    SETTLE_STEP_DIR,
    SETTLE_STEP_PICK,
    SETTLE_STEP_OPEN,
    SETTLE_STEP_GROW,
    SETTLE_STEP_LOG,
    SETTLE_STEP_IDX,
    SETTLE_STEP_FLUSH,
    SETTLE_STEP_CUT,
    SETTLE_STEP_REST,
    SETTLE_STEP_TAIL,
    SETTLE_STEP_SYNC,
    SETTLE_STEPS_COUNT,
};

/* One group being settled. */
struct settle_job {
    struct settle_state *state; /* whose */
    struct sm sm;               /* enum settle_step */
    struct log *log;            /* NULL: idle */
    uint64_t cut_epoch;         /* of the log when it began */
    struct log_segment *seg;    /* the segment in hand */
    uint64_t seg_index;         /* its first index, to find out whether it is still there */
    struct rt_op op;            /* the request under way */
    struct rt_op op_idx;        /* the other flush or truncate, beside it */
    uint32_t waits_count;       /* of these two, not done */
    enum err err;               /* first failure */
    int saved_errno;            /* behind it */
    struct log_file_get get;    /* a file on its way */
    struct log_file *file_log;  /* open */
    struct log_file *file_idx;  /* open */
    struct log_file *journal;   /* being read */
    struct settle_copy copy;    /* of the .log's bytes */
    uint8_t *data;              /* LOG_SETTLE_CHUNK_BYTES, aligned: what is written */
    uint8_t *bounce;            /* LOG_SETTLE_CHUNK_BYTES, aligned: what is read from the journal */
    uint32_t bounce_skip;       /* bytes before those wanted */
    uint32_t bounce_bytes;      /* wanted ones */
    uint32_t write_pos;         /* where `data` goes */
    uint32_t target;            /* written bytes after this */
    uint32_t recs_target;       /* sidecar records after this */
    bool is_finishing;          /* the segment is sealed and all of it is durable */
    bool does_sync_dir;         /* names changed in the partition's directory */
    bool did_sync_dir;          /* the directory has been synced */
    struct log_load load;       /* of a group whose older segments may go */
    uint32_t dir_step;          /* of making directories, or of a clean-up */
    char path[LIMIT_PATH_BYTES]; /* of those */
    struct log_op *tail;         /* the whole tail under way */
    uint64_t tail_last_index;    /* last entry it holds */
    struct buf *rest;            /* of it: sidecar records, then the rest */
    struct rt_dir_list list;     /* a deleted group's directory */
    uint32_t name_pos;           /* of the name in hand */
};

/* The stages of a round. */
enum settle_stage {
    SETTLE_IDLE,  /* nothing */
    SETTLE_WRITE, /* jobs */
    SETTLE_TABLE, /* rows at the keeper */
    SETTLE_STAGES_COUNT,
};

struct settle_state {
    struct log_settle *settle;               /* whose */
    struct sm sm;                            /* enum settle_stage */
    struct list waiting;                     /* log.in_round: no job yet */
    struct list settled;                     /* log.in_round: jobs done */
    struct settle_job jobs[LOG_SETTLE_JOBS]; /* all of them */
    uint32_t running_count;                  /* busy jobs */
    struct log_rows rows;                    /* on their way to the keeper */
    uint32_t rows_max;                       /* room */
    uint64_t file_target;                    /* of this round */
    uint64_t later_file;   /* records that are not in the rows are in files from here on */
    uint64_t last_note_ns; /* when something was appended last */
    bool has_failed;       /* a job could not write: again later */
    struct rt_op op_begin; /* begins a round from the ready queue */
};

extern const struct sm_decl settle_job_decl;

/* Whether the slot's bytes and record are synced in its segment. */
bool settle_is_written(const struct log_slot *slot);

/* The first slot that is not written, or NULL. */
struct log_slot *settle_first(const struct log *log);

/* Begin at byte `pos` of `seg`, up to `end`, to `out`. Copy as far as memory holds it. After
 * SETTLE_JOURNAL, settle_copy_journal says what to read; settle_copy_take goes on with `bytes`
 * bytes that were read. */
void settle_copy_begin(struct settle_copy *copy, struct log_segment *seg, uint32_t pos,
                       uint32_t end, uint8_t *out);
enum settle_copied settle_copy_run(struct settle_copy *copy);
void settle_copy_take(struct settle_copy *copy, const uint8_t *data, uint32_t bytes);

/* Encode the segment's sidecar bytes [pos, pos + bytes) (header, records, zeros behind `recs_count`
 * of them) to `out`. The records are in the tail, those before the first slot are not asked for. */
void settle_encode_idx(const struct log_segment *seg, uint32_t pos, uint32_t bytes,
                       uint32_t recs_count, uint8_t *out);

/* Set the job up, once; settle `log`; go on. settle_job_done (settle.c) is called at its end. */
MUST_USE enum err settle_job_init(struct settle_job *job, struct settle_state *state);
void settle_job_deinit(struct settle_job *job);
void settle_job_start(struct settle_job *job, struct log *log);
void settle_job_run(struct settle_job *job);
void settle_job_done(struct settle_job *job);

/* The next jobs, from the ready queue. */
void settle_continue(struct rt_op *op);

/* Whether the job may write `bytes` now, or waits for its pace. */
bool settle_may_write(struct settle_state *state, uint32_t bytes);

/* One step of removing files: true while an op of the job is under way. */
bool settle_clean(struct settle_job *job);

/* Segments below the log start that nothing pins become garbage. */
void settle_clean_find(struct log *log);

#endif
