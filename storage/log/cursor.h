/* What a read needs that is not served from memory: the open files of a segment, a window of its
 * sidecar, and runs of batches read with one request each. A log_reader keeps its cursor from step
 * to step and reads one run ahead. Private to storage/log: read.c asks, cursor.c has and fetches.
 *
 * Whatever has to be fetched is asked for and answered as "wait"; the completion resumes the read,
 * which asks again and finds it. So nothing here depends on the order of requests, and a read whose
 * log was cut meanwhile asks from the start. */
#ifndef STORAGE_LOG_CURSOR_H
#define STORAGE_LOG_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rt/op.h"
#include "storage/log/read.h"
#include "storage/log/segment.h"
#include "storage/log/sidecar.h"

struct log_slot;

/* The sidecar bytes held: 681 records, and twice that to slide in for a reader. */
#define LOG_WINDOW_BYTES       (64u << 10)
#define LOG_WINDOW_AHEAD_BYTES (128u << 10)

/* One run, unless a single batch is larger. */
#define LOG_RUN_BYTES (1u << 20)

/* The run in hand and those ahead: two requests keep a device busy, and one more is on its way
 * while a run is verified, since a turn hands its requests over at its end. */
#define LOG_CURSOR_RUNS 4u

/* What a read waits for. */
enum log_read_stage {
    LOG_READ_IDLE,   /* the caller's */
    LOG_READ_PLACE,  /* CPU only: what comes next, and where is it */
    LOG_READ_LOAD,   /* the group's older segments */
    LOG_READ_FILES,  /* files to be opened */
    LOG_READ_WINDOW, /* sidecar records */
    LOG_READ_BYTES,  /* batches */
    LOG_READ_DONE,   /* its turn in the ready queue */
};

/* A batch of a run. */
struct log_run_item {
    uint64_t index;       /* of the entry */
    uint64_t base_offset; /* of its first record */
    uint64_t next_offset; /* behind its last */
    uint32_t at;          /* its first byte in the run's buffer */
    uint32_t length;      /* its bytes */
    uint32_t term;        /* of the entry */
    uint32_t header_crc;  /* of its 61 bytes; of a rewritten one Kafka's CRC */
    struct hash128 chain; /* at the entry */
    bool is_rewritten;    /* it is not what was first appended */
};

/* Batches read with one request. */
struct log_run {
    struct log_cursor *cursor;  /* whose */
    struct rt_op op;            /* the request */
    struct log_run_item *items; /* room for cursor.items_max */
    uint32_t items_count;       /* batches in it */
    uint64_t first_index;       /* where it was to begin */
    uint64_t next_index;        /* where it ends: gaps and internal entries passed over included */
    uint64_t next_slot;         /* the sidecar record that follows; UINT64_MAX: of slots */
    uint64_t cut_epoch;         /* of the log when it was planned */
    uint64_t pos;               /* of the buffer's first byte in the file, whole blocks */
    uint32_t read_bytes;        /* whole blocks to read from there */
    const uint8_t *rest;        /* what follows them in memory: copied when the request is made */
    uint32_t rest_bytes;        /* of it */
    uint32_t batches_bytes;     /* of the items */
    struct buf *buf;            /* the bytes; NULL: none */
    uint32_t valid_bytes;       /* of the buffer, once it is read */
    uint64_t file_number;       /* of the journal file; 0: from the segment */
    enum err err;               /* of the request */
    bool is_reading;            /* the request is under way */
    bool is_ready;              /* it has ended */
    bool is_sound;              /* all of it is known to be: it was kept in memory */
    bool is_full;               /* the batch behind it would have passed the bytes asked for */
};

/* What is looked for in a segment, and how much of it. */
struct log_want {
    struct log_segment *seg; /* which */
    enum log_read_from from; /* what `key` is */
    uint64_t key;            /* index, offset or timestamp */
    uint64_t last_index;     /* the last entry of the segment that no slot holds */
    uint64_t last_offset;    /* behind it */
    uint64_t index_max;      /* the last that is wanted, <= last_index */
    uint32_t bytes_left;     /* stop before the batch that would pass it */
    bool is_first;           /* nothing was given out yet: the first batch is taken in any case */
    bool does_skip_internal; /* leave internal entries out */
};

/* What a search or a plan comes to. */
enum log_got {
    LOG_GOT_IT,      /* there */
    LOG_GOT_WAIT,    /* sidecar records were asked for: LOG_READ_WINDOW */
    LOG_GOT_NOTHING, /* not in this segment; or nothing to read: go on at run->next_index */
    LOG_GOT_CORRUPT, /* cursor.bad_* cannot be read */
};

struct log_cursor {
    struct log_shard *ls;                 /* where */
    struct log *log;                      /* of which group; not used any more without a read */
    struct log_read *read;                /* who is served; NULL: it ends with its last request */
    bool is_ahead;                        /* reads ahead */
    bool does_keep;                       /* what it reads may be wanted again (warm.h) */
    uint32_t items_max;                   /* batches of a run */
    uint32_t run_bytes;                   /* bytes of a run, whole blocks */
    struct log_run runs[LOG_CURSOR_RUNS]; /* a ring; the first only unless it reads ahead */
    struct log_run *run;                  /* the one in hand */
    uint32_t ahead_count;                 /* those behind it that are read, or being read */
    struct log_load load;                 /* the group's older segments */
    bool is_loading;                      /* that is under way */
    bool has_loaded;                      /* it has ended: what is not known now is not there */
    uint32_t waits_count;                 /* requests under way: gets, reads, load */
    enum err err;                         /* of what the read waited for */

    /* Files. */
    struct log_file_get get_log;     /* .log */
    struct log_file_get get_idx;     /* .idx */
    struct log_file_get get_journal; /* journal file of the run in hand */
    uint32_t gets_count;             /* gets under way */
    bool has_segment;                /* the segment below is the one in hand */
    bool lacks_file;                 /* one of its files was asked for, and is not there */
    uint64_t segment_index;          /* its first index */
    uint32_t generation;             /* of its files */
    uint32_t seed;                   /* of its records' checksums */

    /* The window. */
    struct rt_op op_window;     /* fills it */
    uint8_t *window;            /* its bytes, aligned; NULL: none yet */
    uint32_t window_max;        /* room */
    uint32_t window_bytes;      /* valid ones */
    uint32_t window_asked;      /* being read, behind them */
    uint64_t window_pos;        /* of its first byte in the .idx, whole blocks */
    uint64_t window_last_index; /* entries up to here were in the sidecar when it was read */
    bool is_window_reading;     /* op_window is under way */
    bool is_window_end;         /* it reaches the end of the file */

    /* The search. */
    bool is_searching;            /* the following is of the search in hand */
    enum log_read_from find_from; /* what for */
    uint64_t find_key;            /* likewise */
    uint64_t find_last;           /* the last entry that may be it */
    uint64_t low;                 /* records before this one lie before the key */
    uint64_t high;                /* this one and those behind do not */
    uint64_t low_key;             /* offset or timestamp at low, for guesses between */
    uint64_t high_key;            /* at high */
    uint64_t end;                 /* behind the last record there can be */
    uint32_t guesses_count;       /* made so far */
    uint64_t hint_index;          /* the entry whose record is hint_slot; 0: none */
    uint64_t hint_slot;           /* see there */

    /* What cannot be read, after LOG_GOT_CORRUPT. */
    uint64_t bad_first;  /* first index */
    uint64_t bad_last;   /* last */
    uint64_t bad_offset; /* behind it */
};

/* *out = a cursor for `read`; one that reads ahead in steps of `run_bytes` for a reader.
 * ERR_BUDGET.
 */
MUST_USE enum err log_cursor_new(struct log_read *read, struct log_cursor **out);

/* Its read has ended: give everything back, at once or when the last request has ended. */
void log_cursor_free(struct log_cursor *c);

/* Load the group's older segments: LOG_READ_LOAD. */
void log_cursor_load(struct log_cursor *c);

/* Whether the files of `seg` are open (its .idx too if `needs_idx`). False: LOG_READ_FILES; they
 * are asked for, or requests on another segment end first. */
bool log_cursor_has_files(struct log_cursor *c, struct log_segment *seg, bool needs_idx);

/* Whether journal file `slot` is open; false: LOG_READ_FILES. The run's drop puts it back. */
bool log_cursor_has_journal(struct log_cursor *c, uint32_t slot);

/* *slot = the first record that is not before the key. The files are open. */
enum log_got log_cursor_search(struct log_cursor *c, const struct log_want *want, uint64_t *slot);

/* Choose what `run` reads: records from `slot` on, of which the first is for run->first_index. */
enum log_got log_cursor_plan(struct log_cursor *c, struct log_run *run, const struct log_want *want,
                             uint64_t slot);

/* Choose what the run in hand reads of slots that are not in memory, from `slot` on: all in one
 * journal file, or all in the segment. */
void log_cursor_plan_slots(struct log_cursor *c, struct log_slot *slot,
                           const struct log_want *want);

/* Read what was chosen: LOG_READ_BYTES. ERR_BUDGET. */
MUST_USE enum err log_cursor_read(struct log_cursor *c, struct log_run *run);

/* Keep the run, all of it sound, if all of it was read from its segment. */
void log_cursor_keep(struct log_cursor *c, const struct log_run *run);

/* Let the run's bytes go; it is not being read. */
void log_cursor_drop_run(struct log_cursor *c, struct log_run *run);

/* The last run that was planned: where reading ahead goes on. */
struct log_run *log_cursor_last_run(struct log_cursor *c);

/* Plan and read one more run behind the last, if it is to be and its records are there. `want`: as
 * for a step of its own. False: no more now. */
bool log_cursor_ahead(struct log_cursor *c, const struct log_want *want);

/* The first run ahead, NULL: none; take it in hand in place of the present one. */
struct log_run *log_cursor_next_run(struct log_cursor *c);
void log_cursor_take_next(struct log_cursor *c);

/* Let all runs ahead go; false: some are being read, which wakes the read when they have been. */
bool log_cursor_drop_ahead(struct log_cursor *c);

/* Record `slot` of the sidecar, from the window, which must be as new as entry `index`. ERR_AGAIN:
 * it must be read; ERR_END: there is none; ERR_CORRUPT. */
MUST_USE enum err log_cursor_record(const struct log_cursor *c, uint64_t slot, uint64_t index,
                                    struct log_sidecar *out);

/* Whether the slot's bytes are read from the journal, not from its segment. */
bool log_slot_is_in_journal(const struct log_slot *slot);

/* A request has ended: the read looks again. cursor.c's and window.c's. */
void log_cursor_wake(struct log_cursor *c);

/* window.c: an empty window, no search; all of it on another segment. */
void log_window_init(struct log_cursor *c);
void log_window_reset(struct log_cursor *c, const struct log_segment *seg);

/* Read the records from `slot` on (`is_guess`: and some before it). Always LOG_GOT_WAIT. */
enum log_got log_window_fetch(struct log_cursor *c, const struct log_want *want, uint64_t slot,
                              bool is_guess);

/* Fill bad_*: record `slot`, which should be that of entry `index` (0: unknown), and those behind
 * it that cannot be read either. Always LOG_GOT_CORRUPT. */
enum log_got log_window_bad(struct log_cursor *c, const struct log_want *want, uint64_t slot,
                            uint64_t index);

/* Records before `slot` are done with: read on behind those there are, unless half of the window is
 * still ahead. */
void log_window_slide(struct log_cursor *c, const struct log_want *want, uint64_t slot);

/* read.c's: what the read waits for has come; a reader's step ends with `err`, its log is gone. */
void log_read_run(struct log_read *read);
void log_read_refuse(struct log_read *read, enum err err);

/* reader.c's: the log of an open reader, no step of which is under way, leaves. */
void log_reader_leave(struct log_read *read);

#endif
