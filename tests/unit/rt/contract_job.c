/* worker.h: jobs run elsewhere and end here; those that wait can be stopped, those that run cannot;
 * the queue is bounded and fair, and jobs leave a thread to files. */
#include <semaphore.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/rt/clock.h"
#include "base/rt/file.h"
#include "base/rt/worker.h"
#include "tests/unit/rt/contract.h"

/* One worker is left to file work. */
#define JOBS_AT_ONCE (RT_HARNESS_WORKERS_COUNT - 1)

struct job {
    struct rt_harness_op wait; /* to submit and wait for */
    sem_t begun;               /* posted when the work begins */
    sem_t go;                  /* waited for before it ends; only by job_block */
    pid_t thread;              /* where it ran, 0: it did not */
    atomic_uint *runs_count;   /* counts the jobs that ran, NULL: nobody counts */
    uint32_t run;              /* its number among them */
};

static void job_init(struct rt_harness *h, struct job *job)
{
    *job = (struct job){0};
    rt_harness_op_init(h, &job->wait);
    sem_init(&job->begun, 0, 0);
    sem_init(&job->go, 0, 0);
}

static struct job *job_of(struct rt_op *op)
{
    return CONTAINER_OF(op, struct job, wait.op);
}

static enum err job_note(struct rt_op *op)
{
    struct job *job = job_of(op);
    job->thread = gettid();
    if (job->runs_count != NULL) {
        job->run = atomic_fetch_add(job->runs_count, 1);
    }
    sem_post(&job->begun);
    op->result = 7;
    op->saved_errno = 11;
    return ERR_CORRUPT;
}

static enum err job_block(struct rt_op *op)
{
    struct job *job = job_of(op);
    (void)job_note(op);
    sem_wait(&job->go);
    return ERR_OK;
}

/* Occupy `count` workers. */
static void job_block_start(struct rt_harness *h, struct job *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        job_init(h, &jobs[i]);
        rt_job_submit(&jobs[i].wait.op, job_block);
        sem_wait(&jobs[i].begun);
    }
}

static void job_block_end(struct job *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sem_post(&jobs[i].go);
        RT_CHECK_ERR(rt_harness_wait(&jobs[i].wait), ERR_OK);
    }
}

static void job_runs_elsewhere_and_is_done_here(struct rt_harness *h)
{
    struct job job;
    job_init(h, &job);
    for (uint32_t i = 0; i < 100; i++) {
        job.thread = 0;
        rt_job_submit(&job.wait.op, job_note);
        RT_CHECK_ERR(rt_harness_wait(&job.wait), ERR_CORRUPT); /* what the work returned */
        RT_CHECK_INT(job.wait.op.result, 7);
        RT_CHECK_INT(job.wait.op.saved_errno, 11);
        RT_CHECK(job.thread != 0);
        RT_CHECK(job.thread != gettid());
    }
}

static void job_that_has_begun_runs_to_its_end(struct rt_harness *h)
{
    struct job job;
    job_block_start(h, &job, 1);
    rt_op_cancel(&job.wait.op);
    rt_harness_turns(h, 10);
    RT_CHECK_INT(job.wait.dones_count, 0);
    sem_post(&job.go);
    RT_CHECK_ERR(rt_harness_wait(&job.wait), ERR_OK); /* the true result */
    RT_CHECK_INT(job.wait.op.result, 7);
}

static void job_that_waits_can_be_canceled(struct rt_harness *h)
{
    struct job blockers[JOBS_AT_ONCE], job;
    job_block_start(h, blockers, JOBS_AT_ONCE);
    job_init(h, &job);
    rt_job_submit(&job.wait.op, job_note);
    rt_op_cancel(&job.wait.op);
    RT_CHECK_INT(job.wait.dones_count, 0);
    RT_CHECK_ERR(rt_harness_wait(&job.wait), ERR_CANCELED);
    job_block_end(blockers, JOBS_AT_ONCE);
    rt_harness_turns(h, 3);
    RT_CHECK_INT(job.thread, 0);
    RT_CHECK_INT(job.wait.dones_count, 0);
}

static void job_that_waits_ends_at_its_deadline(struct rt_harness *h)
{
    struct job blockers[JOBS_AT_ONCE], job;
    job_block_start(h, blockers, JOBS_AT_ONCE);
    job_init(h, &job);
    uint64_t deadline_ns = rt_now_ns(h->shard) + 5 * RT_NS_PER_MS;
    rt_op_set_deadline(&job.wait.op, deadline_ns);
    rt_job_submit(&job.wait.op, job_note);
    RT_CHECK_ERR(rt_harness_wait(&job.wait), ERR_TIMEOUT);
    RT_CHECK(rt_now_ns(h->shard) >= deadline_ns);
    RT_CHECK_INT(job.thread, 0);
    job_block_end(blockers, JOBS_AT_ONCE);
}

/* With one free worker, jobs run in the order they were submitted; past the bound they are refused
 * without running. */
static void job_queue_is_fair_and_bounded(struct rt_harness *h)
{
    struct job blockers[JOBS_AT_ONCE];
    job_block_start(h, blockers, JOBS_AT_ONCE);
    void *memory;
    RT_CHECK_ERR(budget_alloc(rt_shard_budget(h->shard),
                              (LIMIT_JOBS_COUNT + 1) * sizeof(struct job), 16, &memory),
                 ERR_OK);
    struct job *jobs = memory;
    atomic_uint runs_count = 0;
    for (uint32_t i = 0; i <= LIMIT_JOBS_COUNT; i++) {
        job_init(h, &jobs[i]);
        jobs[i].runs_count = &runs_count;
        rt_job_submit(&jobs[i].wait.op, job_note);
    }
    RT_CHECK_ERR(rt_harness_wait(&jobs[LIMIT_JOBS_COUNT].wait), ERR_FULL);
    RT_CHECK_INT(jobs[LIMIT_JOBS_COUNT].thread, 0);
    sem_post(&blockers[0].go);
    for (uint32_t i = 0; i < LIMIT_JOBS_COUNT; i++) {
        RT_CHECK_ERR(rt_harness_wait(&jobs[i].wait), ERR_CORRUPT);
        RT_CHECK_INT(jobs[i].run, i);
        RT_CHECK(i == 0 || jobs[i].wait.order > jobs[i - 1].wait.order);
    }
    job_block_end(blockers, JOBS_AT_ONCE);
    budget_free(rt_shard_budget(h->shard), memory);
}

static void job_leaves_a_worker_to_files(struct rt_harness *h)
{
    struct job blockers[2 * RT_HARNESS_WORKERS_COUNT];
    for (uint32_t i = 0; i < ARRAY_COUNT(blockers); i++) {
        job_init(h, &blockers[i]);
        rt_job_submit(&blockers[i].wait.op, job_block);
    }
    struct rt_harness_op op;
    struct rt_file file;
    char block[100] = "what was written";
    rt_harness_op_init(h, &op);
    rt_file_open(&file, &op.op, h->shard, rt_harness_path(h, "a"), RT_FILE_WRITE | RT_FILE_CREATE,
                 0644);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_file_write(&file, &op.op, block, sizeof(block), 0);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_file_flush(&file, &op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    rt_file_close(&file, &op.op);
    RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    RT_CHECK_INT(blockers[JOBS_AT_ONCE].thread, 0); /* still waits for a thread */
    job_block_end(blockers, ARRAY_COUNT(blockers));
}

const struct rt_harness_test contract_job_tests[] = {
    RT_HARNESS_TEST(job_runs_elsewhere_and_is_done_here),
    RT_HARNESS_TEST(job_that_has_begun_runs_to_its_end),
    RT_HARNESS_TEST(job_that_waits_can_be_canceled),
    RT_HARNESS_TEST(job_that_waits_ends_at_its_deadline),
    RT_HARNESS_TEST(job_queue_is_fair_and_bounded),
    RT_HARNESS_TEST(job_leaves_a_worker_to_files),
    {0},
};
