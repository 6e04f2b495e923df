/* Worker threads: one queue for the whole runtime, and the only place in the house with a lock
 * (worker.h, DESIGN §3).
 *
 * An op is handed in by its shard and comes back to it by mail. Two kinds of work share the
 * threads: jobs, which may take seconds in a foreign library, and file work, on which durable
 * writes wait. File work goes first, and jobs never occupy the last thread (unless it is the only
 * one), so a slow LDAP server cannot stop the journal. */
#ifndef BASE_RT_POOL_INT_H
#define BASE_RT_POOL_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"

struct rt_op;

/* One of the threads. */
struct rt_pool_thread {
    struct rt_pool *pool;     /* whose */
    pthread_t id;             /* valid while it is counted in running_count */
    pthread_cond_t work;      /* it was taken out of `idle` */
    struct list_node in_idle; /* rt_pool.idle, while it waits for `work` */
};

struct rt_pool {
    /* Config. */
    uint32_t threads_count; /* 1 .. LIMIT_WORKERS_COUNT */

    /* Under `lock`. */
    pthread_mutex_t lock;
    struct list files;           /* rt_op.in_queue: FILE_*, PATH_* that wait, oldest first */
    struct list jobs;            /* rt_op.in_queue: JOBs that wait, oldest first */
    uint32_t jobs_count;         /* of these, at most LIMIT_JOBS_COUNT */
    uint32_t jobs_running_count; /* JOBs that run */
    struct list idle; /* rt_pool_thread.in_idle: threads that wait, last used first: its caches
                         are warm, and little work keeps to one thread */
    bool is_stopping; /* threads end when nothing waits any more */

    /* Read by any thread. */
    atomic_uint busy_count; /* threads that run something */

    /* The starting thread's. */
    uint32_t running_count; /* threads started and not joined */
    struct rt_pool_thread threads[LIMIT_WORKERS_COUNT];
};

/* A pool of `threads_count` threads (1 .. LIMIT_WORKERS_COUNT), none of which runs. */
void rt_pool_init(struct rt_pool *pool, uint32_t threads_count);

/* Release what rt_pool_init made. Asserted: nothing waits, no thread runs. */
void rt_pool_deinit(struct rt_pool *pool);

/* Start the threads, with all signals blocked. ERR_RESOURCES when the system refuses one: then none
 * runs. */
MUST_USE enum err rt_pool_start(struct rt_pool *pool);

/* Run what waits, then end the threads; returns when they have ended. The shards' inboxes must
 * still be there. */
void rt_pool_stop(struct rt_pool *pool);

/* Run `op` (a JOB, FILE_* or PATH_*) on a worker; on its shard's thread, rt_op_complete follows. A
 * JOB is completed at once with ERR_FULL when LIMIT_JOBS_COUNT wait. Own thread of the op's shard.
 */
void rt_pool_submit(struct rt_pool *pool, struct rt_op *op);

/* op->stop_err is set: complete `op` with it if no worker has begun it, else leave it alone. Own
 * thread of the op's shard. */
void rt_pool_cancel(struct rt_pool *pool, struct rt_op *op);

/* Threads that run something at this moment. Any thread. */
uint32_t rt_pool_busy_count(const struct rt_pool *pool);

#endif
