/* Worker threads. See pool_int.h.
 *
 * An op is in exactly one place: linked in `files` or `jobs` (the lock guards its link), being run
 * by one worker, or on its way home as a mail. The worker writes op->err, result and saved_errno,
 * which its shard reads after the mail's delivery; the mailbox orders the two. A cancel finds the
 * op linked, under the lock, or leaves it alone. */
#include "base/rt/pool_int.h"

#include <signal.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/rt/backend.h"

static bool rt_pool_start_thread(struct rt_pool *pool, uint32_t index);
static void *rt_pool_thread_main(void *context);
static struct rt_pool_thread *rt_pool_take_idle(struct rt_pool *pool);
static void rt_pool_wake_all(struct rt_pool *pool);
static struct rt_op *rt_pool_next(struct rt_pool *pool);
static void rt_pool_run(struct rt_op *op);
static void rt_pool_deliver(struct rt_shard *shard, struct rt_mail *mail);
static bool rt_pool_job_may_run(const struct rt_pool *pool);

void rt_pool_init(struct rt_pool *pool, uint32_t threads_count)
{
    ASSERT(threads_count >= 1);
    ASSERT(threads_count <= LIMIT_WORKERS_COUNT);
    *pool = (struct rt_pool){.threads_count = threads_count};
    list_init(&pool->files);
    list_init(&pool->jobs);
    list_init(&pool->idle);
    int error = pthread_mutex_init(&pool->lock, NULL);
    ASSERT(error == 0); /* glibc's cannot fail with default attributes */
    for (uint32_t i = 0; i < threads_count; i++) {
        pool->threads[i].pool = pool;
        error = pthread_cond_init(&pool->threads[i].work, NULL);
        ASSERT(error == 0);
    }
}

void rt_pool_deinit(struct rt_pool *pool)
{
    ASSERT(pool->running_count == 0);
    ASSERT(list_is_empty(&pool->files));
    ASSERT(list_is_empty(&pool->jobs));
    for (uint32_t i = 0; i < pool->threads_count; i++) {
        pthread_cond_destroy(&pool->threads[i].work);
    }
    pthread_mutex_destroy(&pool->lock);
}

enum err rt_pool_start(struct rt_pool *pool)
{
    ASSERT(pool->running_count == 0);
    for (uint32_t i = 0; i < pool->threads_count; i++) {
        if (!rt_pool_start_thread(pool, i)) {
            rt_pool_stop(pool);
            return ERR_RESOURCES;
        }
    }
    return ERR_OK;
}

void rt_pool_stop(struct rt_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    rt_pool_wake_all(pool);
    pthread_mutex_unlock(&pool->lock);
    while (pool->running_count > 0) {
        pool->running_count--;
        int error = pthread_join(pool->threads[pool->running_count].id, NULL);
        ASSERT(error == 0);
    }
    pool->is_stopping = false;
}

void rt_pool_submit(struct rt_pool *pool, struct rt_op *op)
{
    bool is_job = op->kind == RT_OP_JOB;
    bool is_full = false;
    struct rt_pool_thread *thread = NULL;
    pthread_mutex_lock(&pool->lock);
    if (is_job && pool->jobs_count == LIMIT_JOBS_COUNT) {
        is_full = true;
    } else {
        list_push_back(is_job ? &pool->jobs : &pool->files, &op->in_queue);
        pool->jobs_count += is_job;
        thread = rt_pool_take_idle(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_full) {
        rt_op_complete(op, ERR_FULL, 0, 0);
    } else if (thread != NULL) {
        pthread_cond_signal(&thread->work);
    }
}

void rt_pool_cancel(struct rt_pool *pool, struct rt_op *op)
{
    ASSERT(op->stop_err != ERR_OK);
    pthread_mutex_lock(&pool->lock);
    bool is_waiting = list_is_linked(&op->in_queue);
    if (is_waiting) {
        list_remove(&op->in_queue);
        pool->jobs_count -= op->kind == RT_OP_JOB;
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_waiting) {
        rt_op_complete(op, op->stop_err, 0, 0);
    }
}

uint32_t rt_pool_busy_count(const struct rt_pool *pool)
{
    return atomic_load_explicit(&pool->busy_count, memory_order_relaxed);
}

/* Workers take no signals: those are for the thread that main chose, and SIGXFSZ of a file limit
 * must not end the process (the write then fails with EFBIG). */
static bool rt_pool_start_thread(struct rt_pool *pool, uint32_t index)
{
    ASSERT(index == pool->running_count);
    struct rt_pool_thread *thread = &pool->threads[index];
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread->id, NULL, rt_pool_thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        return false;
    }
    char name[16];
    snprintf(name, sizeof(name), "tdb-work-%u", index);
    pthread_setname_np(thread->id, name);
    pool->running_count++;
    return true;
}

static void *rt_pool_thread_main(void *context)
{
    struct rt_pool_thread *thread = context;
    struct rt_pool *pool = thread->pool;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct rt_op *op = rt_pool_next(pool);
        if (op != NULL) {
            bool is_job = op->kind == RT_OP_JOB;
            pool->jobs_running_count += is_job;
            pthread_mutex_unlock(&pool->lock);
            atomic_fetch_add_explicit(&pool->busy_count, 1, memory_order_relaxed);
            rt_pool_run(op); /* from here on `op` is its shard's */
            atomic_fetch_sub_explicit(&pool->busy_count, 1, memory_order_relaxed);
            pthread_mutex_lock(&pool->lock);
            pool->jobs_running_count -= is_job;
        } else if (pool->is_stopping && list_is_empty(&pool->jobs)) {
            break;
        } else {
            list_push_front(&pool->idle, &thread->in_idle);
            while (list_is_linked(&thread->in_idle)) {
                pthread_cond_wait(&thread->work, &pool->lock);
            }
        }
    }
    rt_pool_wake_all(pool); /* those that could not take the last jobs */
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under the lock: the idle thread to wake for one more op, NULL: none. The caller signals it. */
static struct rt_pool_thread *rt_pool_take_idle(struct rt_pool *pool)
{
    struct list_node *node = list_pop_front(&pool->idle);
    return node != NULL ? CONTAINER_OF(node, struct rt_pool_thread, in_idle) : NULL;
}

/* Under the lock: have every idle thread look again. */
static void rt_pool_wake_all(struct rt_pool *pool)
{
    struct rt_pool_thread *thread;
    while ((thread = rt_pool_take_idle(pool)) != NULL) {
        pthread_cond_signal(&thread->work);
    }
}

/* Unlink what to run next, NULL: nothing this thread may run now. */
static struct rt_op *rt_pool_next(struct rt_pool *pool)
{
    struct list_node *node = list_pop_front(&pool->files);
    if (node == NULL && rt_pool_job_may_run(pool)) {
        node = list_pop_front(&pool->jobs);
        pool->jobs_count -= node != NULL;
    }
    return node != NULL ? CONTAINER_OF(node, struct rt_op, in_queue) : NULL;
}

/* One thread is left to file work. */
static bool rt_pool_job_may_run(const struct rt_pool *pool)
{
    uint32_t jobs_max = pool->threads_count > 1 ? pool->threads_count - 1 : 1;
    return pool->jobs_running_count < jobs_max;
}

static void rt_pool_run(struct rt_op *op)
{
    op->err = op->kind == RT_OP_JOB ? op->args.job.work(op) : rt_blocking_run(op);
    op->mail.deliver = rt_pool_deliver;
    rt_mail_post(op->shard, &op->mail);
}

static void rt_pool_deliver(struct rt_shard *shard, struct rt_mail *mail)
{
    struct rt_op *op = CONTAINER_OF(mail, struct rt_op, mail);
    ASSERT(op->shard == shard);
    rt_op_complete(op, op->err, op->result, op->saved_errno);
}
