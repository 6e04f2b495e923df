/* What lane.c, lane_build.c and lane_files.c share. */
#ifndef STORAGE_LOG_LANE_INT_H
#define STORAGE_LOG_LANE_INT_H

#include <stdbool.h>
#include <stdint.h>

struct log_lane;
struct log_lane_frame;
struct log_op;
struct log_shard;

/* What came of building a frame. */
enum log_built {
    LOG_BUILT_FRAME,   /* frame->iov is to be written */
    LOG_BUILT_NOTHING, /* what is pending waits for something else */
    LOG_BUILT_NO_ROOM, /* the file is full */
};

/* Make frame number lane->next_number of what is pending, in `frame`, which is not in flight.
 * `flags`: LOG_FRAME_SEAL for an empty one. Chosen ops move from lane.pending to frame->ops, direct
 * writes begin. */
enum log_built log_lane_build(struct log_lane *lane, struct log_lane_frame *frame, uint16_t flags);

/* The bytes of the record of `op` in a frame, padding included. */
uint64_t log_op_bytes(const struct log_op *op);

/* Call its `done`; a pooled one goes back. */
void log_op_done(struct log_shard *ls, struct log_op *op);

/* Begin with the files; go on in the next one (false: it is not there yet); close what is full and
 * no longer written to; close all (none is written to), and whether none is open. */
void log_lane_files_init(struct log_lane *lane);
bool log_lane_files_switch(struct log_lane *lane);
void log_lane_files_retire(struct log_lane *lane);
void log_lane_files_close(struct log_lane *lane);
bool log_lane_files_are_closed(const struct log_lane *lane);

#endif
