/* A lane: one shard's stream of journal frames (LOG §4). Records wait in `pending`; once a turn
 * those there are go into one frame, one write, one flush, whatever the number of groups. At most
 * two frames are in flight; frame k is answered when all up to k are durable, its direct writes
 * included. Idle for config.seal_ns after a frame, it writes one empty seal frame. Private to
 * storage/log. */
#ifndef STORAGE_LOG_LANE_H
#define STORAGE_LOG_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/file.h"
#include "base/rt/mailbox.h"
#include "base/rt/op.h"
#include "base/rt/timer.h"
#include "storage/log/frame.h"
#include "storage/log/keeper.h"

struct log;
struct log_op;
struct log_shard;

/* Frames in flight. */
#define LOG_LANE_FRAMES 2u

/* Files in a lane's hands: the current one, two that are full, and the next. */
#define LOG_LANE_FILES 4u

/* Direct writes of one frame. */
#define LOG_LANE_DIRECTS 4u

/* Pending bytes of a group above which it begins to write directly, and below which it ends. */
#define LOG_DIRECT_ENTER_BYTES (128u << 10)
#define LOG_DIRECT_LEAVE_BYTES (32u << 10)

/* A direct write takes no further batch once it has so much: while it is on its way the next one
 * is got ready. */
#define LOG_DIRECT_FRAME_BYTES (2u << 20)

/* Pending bytes from which on the disk is behind. */
#define LOG_LANE_BEHIND_BYTES (4u << 20)

/* A batch above this always goes directly. */
#define LOG_DIRECT_BATCH_BYTES (1u << 20)

/* What a lane does with a journal file. */
enum log_journal_state {
    LOG_JOURNAL_FREE,    /* a place for one */
    LOG_JOURNAL_OPENING, /* given by the keeper */
    LOG_JOURNAL_NEXT,    /* ready */
    LOG_JOURNAL_CURRENT, /* frames go there */
    LOG_JOURNAL_OLD,     /* full; frames of it may be in flight */
    LOG_JOURNAL_CLOSING, /* its close is under way */
};

/* A journal file in the hands of a lane. */
struct log_journal_file {
    struct log_shard *ls;         /* whose */
    enum log_journal_state state; /* what is done with it */
    struct rt_op op;              /* its open, its close */
    struct rt_file file;          /* for writing */
    uint32_t slot;                /* its name */
    uint64_t number;              /* of this life */
    uint64_t file_bytes;          /* its size */
    uint64_t pos;                 /* where the next frame goes; 0: not even the header */
    char path[LIMIT_PATH_BYTES];  /* its name */
};

/* A direct write: whole blocks of one group's segment, along with a frame. settle.c's log_direct_*.
 */
struct log_direct;

/* A frame being written. */
struct log_lane_frame {
    struct log_shard *ls;             /* whose */
    struct rt_op op;                  /* the durable write */
    struct iovec iov;                 /* of it */
    uint8_t *data;                    /* aligned; room for data_bytes */
    size_t data_bytes;                /* grows to LIMIT_JOURNAL_FRAME_BYTES and a header block */
    uint64_t number;                  /* of the frame; 0: not in flight */
    struct log_journal_file *journal; /* where it goes */
    struct list ops;                  /* log_op.in_queue: its records, in order */
    struct log_frame_row *rows; /* its directory, copied into the next frame; room for rows_max */
    uint32_t rows_count;        /* rows used */
    uint32_t rows_max;          /* room */
    uint32_t directs_count;     /* direct writes that go along with it */
    uint32_t waits_count;       /* its write, and direct writes, that are not done */
    uint64_t records_bytes;     /* of its records */
    uint64_t durable_through;   /* as it says */
    enum err err;               /* of any of these */
    int saved_errno;            /* the system's behind it */
};

struct log_lane {
    struct log_shard *ls;     /* whose */
    uint64_t next_number;     /* of the next frame */
    uint64_t durable_through; /* frames up to here are durable */
    uint64_t known_through;   /* and up to here a durable one says so: a start does not doubt them,
                                 nor look at what they wrote directly */
    struct list pending;      /* log_op.in_queue: not in a frame yet */
    struct list failed;       /* log_op.in_queue: end without having been written */
    struct list finished; /* log_op.in_queue: durable, or failed with their frame; `done` is due */
    struct rt_op op_finish;      /* calls it, when what was built first is on its way */
    uint64_t pending_bytes;      /* what they take in frames */
    uint32_t urgent_count;       /* of them, those that are not relaxed: they go out at once */
    bool is_relaxed_full;        /* of one group LOG_RELAX_BYTES wait: all go out */
    uint64_t relaxed_ns;         /* when the others do; 0: none has waited since the last frame */
    struct rt_timer relax_timer; /* runs until then, or longer */
    struct log_lane_frame frames[LOG_LANE_FRAMES]; /* frame n is frames[n % 2] */
    struct log_journal_file files[LOG_LANE_FILES]; /* in whatever state */
    struct log_journal_file *current;              /* the one frames go to; NULL: none yet */
    struct log_file_request request;               /* for the next one */
    bool is_waiting_file;                          /* the request is under way */
    struct log_room_request room;                  /* for a direct write that has none */
    uint64_t previous_number;              /* number of the lane's file before the current one */
    uint64_t direct_batch_bytes;           /* a batch above this never goes through the journal */
    struct rt_op op_turn;                  /* builds a frame at the end of the turn */
    struct rt_timer seal_timer;            /* idle since the last frame; or something waits */
    bool is_sealed;                        /* the last frame was a seal, or there was none */
    bool is_closing;                       /* ends when nothing is pending */
    uint64_t unsettled_bytes;              /* of records not settled: log_settle keeps it */
    uint64_t written_bytes;                /* statistics: of frames */
    uint64_t builds_count;                 /* attempts to build one */
    uint64_t frames_count;                 /* statistics */
    void (*closed)(struct log_lane *lane); /* end of log_lane_close */
};

/* Make the lane empty. It asks for its first file at once. */
MUST_USE enum err log_lane_init(struct log_lane *lane, struct log_shard *ls);

/* Put a record behind those pending (op->kind, seq, ... are filled in). */
void log_lane_submit(struct log_lane *lane, struct log_op *op);

/* Take `op` out of those pending, which takes `bytes` there. */
void log_lane_withdraw(struct log_lane *lane, struct log_op *op, uint64_t bytes);

/* Look whether a frame can be built: a direct write or a settle has ended, a file has come. */
void log_lane_kick(struct log_lane *lane);

/* The device failed: every pending operation ends with ERR_FENCED. */
void log_lane_fence(struct log_lane *lane, enum err err, int saved_errno);

/* Flush what is pending, seal, close files; then `closed`. */
void log_lane_close(struct log_lane *lane, void (*closed)(struct log_lane *lane));

/* Give its memory back. */
void log_lane_deinit(struct log_lane *lane);

/* A direct write of frame `number` has ended. */
void log_lane_direct_done(struct log_lane *lane, uint64_t number, enum err err, int saved_errno);

/* The file number of the frame being written or of the current file: no record pending now will be
 * in an earlier one. */
uint64_t log_lane_file_number(const struct log_lane *lane);

#endif
