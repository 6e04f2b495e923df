/* Direct writes: whole blocks of a group's segment, along with a frame. Private to storage/log. */
#ifndef STORAGE_LOG_DIRECT_H
#define STORAGE_LOG_DIRECT_H

#include "base/rt/timer.h"
#include "base/sm.h"
#include "storage/log/shard.h"

/* Staging memory of one direct write, in so many pieces at most. */
#define LOG_DIRECT_PIECES 64u

/* Direct writes under way: as many as the frames in flight may have. */
#define LOG_DIRECTS (LOG_LANE_FRAMES * LOG_LANE_DIRECTS)

extern const struct sm_decl log_direct_decl;

/* One of them; log_direct_start (settle.h) begins it. */
struct log_direct {
    struct log_shard *ls;                /* whose; NULL: not in use */
    struct log *log;                     /* which group */
    struct sm sm;                        /* stages */
    uint64_t number;                     /* of the frame */
    uint64_t first_index;                /* of the segment, in case it goes meanwhile */
    uint32_t generation;                 /* likewise */
    uint32_t pos;                        /* where it writes */
    uint32_t end;                        /* behind it */
    uint32_t crc;                        /* of what is between */
    uint8_t *rest;                       /* bytes behind `end`; NULL: none */
    uint32_t rest_bytes;                 /* of them */
    uint32_t grow_bytes;                 /* the .log is to grow by so much; 0: not */
    uint32_t grow_pos;                   /* from here */
    uint64_t waits_since_ns;             /* for room, or a descriptor; 0: it has not */
    enum err wait_err;                   /* why */
    bool is_done;                        /* written and flushed; those before it are not */
    enum err err;                        /* how it ended */
    int saved_errno;                     /* behind it */
    struct rt_op op;                     /* its one request */
    struct rt_timer timer;               /* looks again whether there is room on the disk */
    struct log_file_get get;             /* the .log */
    struct buf *bufs[LOG_DIRECT_PIECES]; /* staging */
    struct iovec iov[LOG_DIRECT_PIECES]; /* of them */
    uint32_t pieces_count;               /* used */
};

#endif
