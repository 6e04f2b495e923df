/* The steps of an op's life, for the front of base/rt (op.c, file.c, sock.c, shard.c). */
#ifndef BASE_RT_OP_INT_H
#define BASE_RT_OP_INT_H

#include "base/rt/op.h"

/* Step 1: `op` is idle and becomes a waiting op of `kind` with nothing filled in. The caller sets
 * target and args, then either rt_op_start or rt_op_complete. */
void rt_op_submit(struct rt_op *op, enum rt_op_kind kind);

/* Step 2: hand it to the backend, its deadline running. A deadline already past ends it here. */
void rt_op_start(struct rt_op *op);

/* Step 2 of an op that closes its target, when nothing else of the target waits any more. An op
 * that was refused meanwhile makes that true again: the second call does nothing. */
void rt_op_start_ending(struct rt_op *op);

/* Ask a waiting op to end because its target is being closed: it ends with `why`. */
void rt_op_close_now(struct rt_op *op, enum err why);

/* Whether `kind` closes its target: such an op is neither canceled nor given up. */
bool rt_op_is_ending(enum rt_op_kind kind);

/* Whether `kind` keeps a disk busy: worth polling for. */
bool rt_op_is_file_io(enum rt_op_kind kind);

/* `op` is complete: take it off its file's books; a close that waited for it may start. */
void rt_file_settle(struct rt_op *op);

/* The same for connections and listeners. */
void rt_sock_settle(struct rt_op *op);

/* The `done` of `op`, which closed its file, is about to be called: from here on it is not open.
 * (Until then, requests are answered ERR_CLOSING.) */
void rt_file_ended(struct rt_op *op);

/* The same for connections and listeners. */
void rt_sock_ended(struct rt_op *op);

#endif
