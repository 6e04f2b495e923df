/* The epoll backend, as rt.c sees it: for kernels and containers that refuse io_uring. */
#ifndef BASE_RT_EPOLL_H
#define BASE_RT_EPOLL_H

#include "base/err.h"
#include "base/rt/backend.h"

/* The backend; a constant table. */
const struct rt_backend *rt_epoll(void);

/* Make `shard`'s epoll instance, wake descriptor and receive buffers (which cost address space
 * until they are used; all of them are charged to the shard's budget), from any thread; sets
 * shard->backend_state. On an error nothing is left, and `saved_errno` says what the system
 * refused. ERR_BUDGET: the shard's memory is too small. */
MUST_USE enum err rt_epoll_open(struct rt_shard *shard, int *saved_errno);

/* Give all back. Nothing may be waiting. */
void rt_epoll_close(struct rt_shard *shard);

#endif
