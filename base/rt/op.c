/* The life of an op: idle -> waiting -> ready -> idle, and the books kept at each step. See op.h.
 *
 * rt_op_submit and rt_op_complete are the only two functions that change op->state, but for the
 * turn (shard.c), which makes a ready op idle before it calls done. What belongs to the target (a
 * file's or connection's count of waiting ops) is kept by file.c and sock.c: rt_file_settle and
 * rt_sock_settle when an op is complete, rt_file_ended and rt_sock_ended just before the done of a
 * close. */
#include "base/rt/op.h"

#include "base/assert.h"
#include "base/rt/backend.h"
#include "base/rt/op_int.h"
#include "base/rt/worker.h"

/* What takes a device longer than anybody polls for. */
#define RT_POLL_BYTES_MAX (64u << 10)

static void rt_op_deadline_passed(struct rt_timer *timer);
static void rt_op_stop(struct rt_op *op, enum err why);

void rt_op_init(struct rt_op *op, struct rt_shard *shard, rt_done_fn *done)
{
    ASSERT(done != NULL);
    *op = (struct rt_op){.done = done, .shard = shard};
    rt_timer_init(&op->deadline, shard, rt_op_deadline_passed);
}

void rt_op_set_deadline(struct rt_op *op, uint64_t deadline_ns)
{
    ASSERT(rt_op_is_idle(op));
    op->deadline_ns = deadline_ns;
}

bool rt_op_is_idle(const struct rt_op *op)
{
    return op->state == RT_OP_IDLE;
}

void rt_op_cancel(struct rt_op *op)
{
    rt_op_stop(op, ERR_CANCELED);
}

void rt_op_defer(struct rt_op *op)
{
    rt_op_submit(op, RT_OP_DEFER);
    rt_op_complete(op, ERR_OK, 0, 0);
}

void rt_job_submit(struct rt_op *op, rt_work_fn *work)
{
    rt_op_submit(op, RT_OP_JOB);
    op->args.job.work = work;
    rt_op_start(op);
}

const char *rt_op_kind_name(enum rt_op_kind kind)
{
    static const char *const names[RT_OP_KIND_COUNT] = {
#define RT_OP_KIND_NAME(name, text) [RT_OP_##name] = text,
        RT_OP_KINDS(RT_OP_KIND_NAME)
#undef RT_OP_KIND_NAME
    };
    ASSERT((unsigned)kind < RT_OP_KIND_COUNT);
    return names[kind];
}

bool rt_op_is_ending(enum rt_op_kind kind)
{
    return kind == RT_OP_FILE_CLOSE || kind == RT_OP_SOCK_CLOSE || kind == RT_OP_SOCK_DETACH ||
           kind == RT_OP_LISTENER_CLOSE;
}

bool rt_op_is_file_io(enum rt_op_kind kind)
{
    return kind == RT_OP_FILE_READ || kind == RT_OP_FILE_WRITE ||
           kind == RT_OP_FILE_WRITE_DURABLE || kind == RT_OP_FILE_FLUSH;
}

void rt_op_submit(struct rt_op *op, enum rt_op_kind kind)
{
    struct rt_shard *shard = op->shard;
    ASSERT(op->done != NULL); /* rt_op_init was called */
    ASSERT(op->state == RT_OP_IDLE);
    ASSERT(!shard->is_finished);
    op->kind = kind;
    op->state = RT_OP_WAITING;
    op->err = ERR_OK;
    op->stop_err = ERR_OK;
    op->saved_errno = 0;
    op->result = 0;
    op->progress = 0;
    op->backend_flags = 0;
    op->backend = NULL;
    op->file = NULL;
    op->sock = NULL;
    op->listener = NULL;
    op->chunk = NULL;
    shard->waiting_count++;
}

void rt_op_start(struct rt_op *op)
{
    ASSERT(op->state == RT_OP_WAITING);
    struct rt_shard *shard = op->shard;
    if (op->deadline_ns != 0 && !rt_op_is_ending(op->kind)) {
        if (op->deadline_ns <= shard->now_ns) {
            rt_op_complete(op, ERR_TIMEOUT, 0, 0);
            return;
        }
        rt_timer_start(&op->deadline, op->deadline_ns);
    }
    if (rt_op_is_file_io(op->kind) &&
        (op->kind == RT_OP_FILE_FLUSH || op->args.io.length <= RT_POLL_BYTES_MAX)) {
        shard->io_count++;
        op->is_io_counted = true;
    }
    op->is_started = true;
    shard->backend->submit(shard, op);
}

void rt_op_start_ending(struct rt_op *op)
{
    ASSERT(rt_op_is_ending(op->kind));
    if (op->state == RT_OP_WAITING && !op->is_started) {
        rt_op_start(op);
    }
}

void rt_op_complete(struct rt_op *op, enum err err, int64_t result, int saved_errno)
{
    struct rt_shard *shard = op->shard;
    ASSERT(op->state == RT_OP_WAITING);
    op->state = RT_OP_READY;
    op->err = err == ERR_CANCELED && op->stop_err != ERR_OK ? op->stop_err : err;
    op->result = result;
    op->saved_errno = saved_errno;
    op->is_started = false;
    rt_timer_stop(&op->deadline);
    if (op->is_io_counted) {
        ASSERT(shard->io_count > 0);
        shard->io_count--;
        op->is_io_counted = false;
    }
    if (list_is_linked(&op->in_queue)) { /* a list of the backend, or a listener's accepts */
        list_remove(&op->in_queue);
    }
    list_push_back(&shard->ready, &op->in_queue);
    if (op->file != NULL) {
        rt_file_settle(op);
    } else if (op->sock != NULL || op->listener != NULL) {
        rt_sock_settle(op);
    }
}

void rt_op_close_now(struct rt_op *op, enum err why)
{
    rt_op_stop(op, why);
}

static void rt_op_deadline_passed(struct rt_timer *timer)
{
    rt_op_stop(CONTAINER_OF(timer, struct rt_op, deadline), ERR_TIMEOUT);
}

/* The first reason to stop is kept; an op that is idle, ready, or closing something goes on. */
static void rt_op_stop(struct rt_op *op, enum err why)
{
    if (op->state != RT_OP_WAITING || op->stop_err != ERR_OK || rt_op_is_ending(op->kind)) {
        return;
    }
    op->stop_err = why;
    if (op->is_started) {
        op->shard->backend->cancel(op->shard, op);
    }
}
