/* The trace of a simulated run: one row per thing that happens, folded into a hash, and on wish one
 * line of text each. Two runs are the same run exactly when their hashes are equal.
 *
 *     time (ns)   who    what                       target            where, how much, content
 *     1000123456  n1.0   > file_write               /data/journal     @4096 +4096 #5d3c66a1
 *     1000153002  n1.0   < file_write               /data/journal     @4096 =4096
 *     1000153002  n1.0   . turn
 *     1000201977  n1     ! crash                                      =2
 *     1000250000  n1     - cut                      n1-n2
 *
 * who: node.shard, or the node alone. `>` an operation begins, `<` it has ended, `.` a shard does
 * something, `!` a process or a machine does, `-` the network does, `~` the disk fails. @ position,
 * + length, # the first 32 bits of the content's checksum, = result, and the error's name where
 * there is one. */
#ifndef TESTS_SIM_SIM_TRACE_H
#define TESTS_SIM_SIM_TRACE_H

#include <stdint.h>

#include "base/err.h"

/* What a row tells. mark, name. Operations of base/rt are SUBMIT and DONE with their kind, FAULT
 * has the kind of fault. */
#define SIM_ROWS(X)                                                                                \
    X(SUBMIT, '>', "")                                                                             \
    X(DONE, '<', "")                                                                               \
    X(TURN, '.', "turn")                                                                           \
    X(START, '!', "start")                                                                         \
    X(STOP, '!', "stop")                                                                           \
    X(END, '!', "end")                                                                             \
    X(CRASH, '!', "crash")                                                                         \
    X(PAUSE, '!', "pause")                                                                         \
    X(RESUME, '!', "resume")                                                                       \
    X(JUMP, '!', "clock_jump")                                                                     \
    X(WIPE, '!', "wipe_disk")                                                                      \
    X(CALL, '!', "call")                                                                           \
    X(FAULT, '~', "")                                                                              \
    X(LISTEN, '-', "listen")                                                                       \
    X(SHUTDOWN, '-', "shutdown")                                                                   \
    X(CUT, '-', "cut")                                                                             \
    X(HEAL, '-', "heal")                                                                           \
    X(SENT, '-', "sent")                                                                           \
    X(LOST, '-', "lost")                                                                           \
    X(ARRIVED, '-', "arrived")                                                                     \
    X(AGAIN, '-', "arrived_again")                                                                 \
    X(ACKED, '-', "acked")                                                                         \
    X(RECEIVED, '-', "received")                                                                   \
    X(RESET, '-', "reset")                                                                         \
    X(GIVEN_UP, '-', "given_up")

enum sim_row_kind {
#define SIM_ROW_ENUM(name, mark, text) SIM_ROW_##name,
    SIM_ROWS(SIM_ROW_ENUM)
#undef SIM_ROW_ENUM
        SIM_ROW_COUNT
};

/* Where a row has no shard. */
#define SIM_NO_SHARD UINT32_MAX

/* One row. Fields that say nothing are 0. */
struct sim_row {
    enum sim_row_kind kind; /* what */
    uint32_t what;          /* SUBMIT, DONE: enum rt_op_kind; FAULT: enum sim_fault */
    uint32_t node;          /* who; 0: the world */
    uint32_t shard;         /* of it; SIM_NO_SHARD: all of it */
    const char *target;     /* a path, or "10.0.0.1:40000>10.0.0.2:9092"; NULL: none */
    uint64_t pos;           /* where in the target */
    uint64_t length;        /* bytes moved or asked for */
    uint64_t checksum;      /* of the bytes */
    int64_t result;         /* DONE: op->result; else what the row's maker says */
    enum err err;           /* DONE: op->err */
};

struct sim_trace {
    uint64_t hash;       /* of all rows so far */
    uint64_t rows_count; /* how many */
    void (*line)(void *ctx,
                 const char *line); /* gets each row as text, without a newline; or NULL */
    void *ctx;                      /* for line */
};

/* An empty trace. */
void sim_trace_init(struct sim_trace *trace, void (*line)(void *ctx, const char *line), void *ctx);

/* Add a row that happened at virtual `time_ns`. */
void sim_trace_add(struct sim_trace *trace, uint64_t time_ns, const struct sim_row *row);

#endif
