/* Worker threads: where blocking calls of foreign libraries and of the system go (DESIGN §3).
 *
 * A job is an op whose work function runs on one of the runtime's worker threads; `done` then fires
 * on the shard that submitted it. Work functions touch only what the job owns until `done`. */
#ifndef BASE_RT_WORKER_H
#define BASE_RT_WORKER_H

#include "base/err.h"
#include "base/rt/op.h"

/* Runs on a worker thread, may block; its return value becomes op->err. It may set op->result and
 * op->saved_errno and touch what belongs to the job, nothing of the shard. */
typedef enum err rt_work_fn(struct rt_op *op);

/* Run `work` on a worker thread. done: op->err = what `work` returned, or ERR_FULL without running
 * it when LIMIT_JOBS_COUNT jobs wait already, or ERR_CANCELED / ERR_TIMEOUT without running it when
 * it was stopped while waiting. A job that has begun runs to its end: give foreign libraries time
 * limits of their own. */
void rt_job_submit(struct rt_op *op, rt_work_fn *work);

#endif
