/* The io_uring backend, as rt.c sees it. */
#ifndef BASE_RT_URING_H
#define BASE_RT_URING_H

#include "base/err.h"
#include "base/rt/backend.h"

/* The backend; a constant table. */
const struct rt_backend *rt_uring(void);

/* Make `shard`'s ring and tables, disabled, from any thread; sets shard->backend_state. On an error
 * nothing is left, and `saved_errno` says what the system refused. ERR_BUDGET: the shard's memory
 * is too small. */
MUST_USE enum err rt_uring_open(struct rt_shard *shard, int *saved_errno);

/* Enable the ring: first thing on the shard's own thread. */
void rt_uring_enable(struct rt_shard *shard);

/* Give all back. Nothing may be waiting. */
void rt_uring_close(struct rt_shard *shard);

#endif
