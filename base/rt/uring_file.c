/* io_uring: files. Reads, writes and flushes go to the ring; what is rare and may block for long
 * (open, close, rename, allocate ...) goes to the worker threads, which run the same code as the
 * epoll backend. See uring_int.h.
 *
 * op->backend is the ring while the kernel has the request, NULL while a worker has it.
 *
 * A durable write has three forms (file.h). Linked: a write and an fdatasync in one submit, the
 * second waits for the first; a short write breaks the chain (the flush ends -ECANCELED) and the
 * rest is written as a new chain. Two completions per round: the op ends with the second. Thread:
 * the write's completion hands the op to a worker, which flushes. */
#include <errno.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/op_int.h"
#include "base/rt/pool_int.h"
#include "base/rt/posix_int.h"
#include "base/rt/uring_int.h"

/* rt_op.backend_flags of a durable write. */
enum {
    RT_URING_WRITE_PENDING = 1 << 0, /* the write's completion has yet to come */
    RT_URING_FLUSH_PENDING = 1 << 1, /* the linked flush's */
    RT_URING_WRITE_FAILED = 1 << 2,  /* the write ended with an error; saved_errno says which */
};

static void rt_uring_file_io(struct rt_uring *u, struct rt_op *op);
static void rt_uring_prep_part(struct rt_uring *u, struct rt_op *op, struct io_uring_sqe *sqe);
static void rt_uring_durable_round(struct rt_uring *u, struct rt_op *op);
static bool rt_uring_is_end_of_file(const struct rt_op *op, int result);

void rt_uring_file_submit(struct rt_uring *u, struct rt_op *op)
{
    struct rt_file *file = op->file;
    if (rt_op_is_file_io(op->kind)) {
        if (file->slot == -1) {
            file->slot = rt_uring_slot_take(u, file->fd);
        }
        rt_uring_file_io(u, op);
        return;
    }
    if (op->kind == RT_OP_FILE_CLOSE) {
        rt_uring_slot_give(u, file->slot);
        file->slot = -1;
    }
    rt_pool_submit(u->shard->group->workers, op);
}

void rt_uring_file_done(struct rt_uring *u, struct rt_op *op, int result)
{
    op->backend_flags &= ~(uint32_t)RT_URING_WRITE_PENDING;
    bool is_again = result == -EINTR || result == -EAGAIN; /* nothing moved: once more */
    bool is_write = op->kind == RT_OP_FILE_WRITE || op->kind == RT_OP_FILE_WRITE_DURABLE;
    if (is_again && !is_write) {
        rt_uring_file_io(u, op);
        return;
    }
    if (!is_again && (result < 0 || (result == 0 && is_write))) {
        op->saved_errno = result < 0 ? -result : EIO;
        op->backend_flags |= RT_URING_WRITE_FAILED;
    } else if (!is_again) {
        op->progress += (uint64_t)result;
    }
    if (op->backend_flags & RT_URING_FLUSH_PENDING) {
        return; /* the linked flush decides */
    }
    bool is_failed = (op->backend_flags & RT_URING_WRITE_FAILED) != 0;
    bool is_whole = op->progress == op->args.io.length;
    if (is_failed || op->kind == RT_OP_FILE_FLUSH) {
        rt_op_complete(op, is_failed ? rt_err_from_errno(op->saved_errno) : ERR_OK, 0,
                       op->saved_errno);
    } else if (op->kind == RT_OP_FILE_WRITE_DURABLE) {
        rt_uring_durable_round(u, op);
    } else if (is_whole || rt_uring_is_end_of_file(op, result)) {
        rt_op_complete(op, ERR_OK, (int64_t)op->progress, 0);
    } else {
        rt_uring_file_io(u, op);
    }
}

void rt_uring_file_flushed(struct rt_uring *u, struct rt_op *op, int result)
{
    op->backend_flags &= ~(uint32_t)RT_URING_FLUSH_PENDING;
    ASSERT(!(op->backend_flags & RT_URING_WRITE_PENDING)); /* a link's halves end in order */
    if (op->backend_flags & RT_URING_WRITE_FAILED) {
        rt_op_complete(op, rt_err_from_errno(op->saved_errno), 0, op->saved_errno);
    } else if (result == 0 && op->progress == op->args.io.length) {
        rt_op_complete(op, ERR_OK, (int64_t)op->progress, 0);
    } else if (op->progress < op->args.io.length && (result == 0 || result == -ECANCELED) &&
               op->stop_err == ERR_OK) {
        rt_uring_file_io(u, op); /* a short write broke the chain */
    } else {
        rt_op_complete(op, rt_err_from_errno(-result), 0, -result);
    }
}

/* Give the kernel the next part of `op`. */
static void rt_uring_file_io(struct rt_uring *u, struct rt_op *op)
{
    struct rt_file *file = op->file;
    bool is_linked = op->kind == RT_OP_FILE_WRITE_DURABLE && file->form == RT_FLUSH_LINKED;
    struct io_uring_sqe *sqe = rt_uring_sqe(u, is_linked ? 2 : 1);
    op->backend = u;
    op->backend_flags = RT_URING_WRITE_PENDING;
    if (op->kind == RT_OP_FILE_FLUSH) {
        io_uring_prep_fsync(sqe, -1, IORING_FSYNC_DATASYNC);
    } else {
        rt_uring_prep_part(u, op, sqe);
    }
    rt_uring_target(sqe, file->fd, file->slot);
    rt_uring_tag(sqe, op, RT_URING_OP);
    if (is_linked) {
        sqe->flags |= IOSQE_IO_LINK;
        op->backend_flags |= RT_URING_FLUSH_PENDING;
        struct io_uring_sqe *flush = rt_uring_sqe(u, 1);
        io_uring_prep_fsync(flush, -1, IORING_FSYNC_DATASYNC);
        rt_uring_target(flush, file->fd, file->slot);
        rt_uring_tag(flush, op, RT_URING_OP_FLUSH);
    } else if (op->kind == RT_OP_FILE_WRITE_DURABLE && file->form == RT_FLUSH_DSYNC) {
        sqe->rw_flags = RWF_DSYNC;
    }
}

/* Fill `sqe` with what is left of a read or write: all of it the first time, a window of buffers
 * after a short one. */
static void rt_uring_prep_part(struct rt_uring *u, struct rt_op *op, struct io_uring_sqe *sqe)
{
    const struct iovec *iov = op->args.io.iov;
    uint32_t iov_count = op->args.io.iov_count;
    uint64_t pos = op->args.io.pos + op->progress;
    if (op->progress > 0) {
        struct iovec *window = rt_uring_window(u, sqe);
        iov_count =
            rt_posix_iov_window(iov, iov_count, op->progress, window, RT_URING_WINDOW_COUNT);
        iov = window;
    }
    bool is_read = op->kind == RT_OP_FILE_READ;
    if (iov_count == 1 && is_read) {
        io_uring_prep_read(sqe, -1, iov->iov_base, (unsigned)iov->iov_len, pos);
    } else if (iov_count == 1) {
        io_uring_prep_write(sqe, -1, iov->iov_base, (unsigned)iov->iov_len, pos);
    } else if (is_read) {
        io_uring_prep_readv(sqe, -1, iov, iov_count, pos);
    } else {
        io_uring_prep_writev(sqe, -1, iov, iov_count, pos);
    }
}

/* A write of a durable write has ended without an error, and no linked flush is under way. */
static void rt_uring_durable_round(struct rt_uring *u, struct rt_op *op)
{
    if (op->progress < op->args.io.length) {
        rt_uring_file_io(u, op);
    } else if (op->file->form == RT_FLUSH_DSYNC) {
        rt_op_complete(op, ERR_OK, (int64_t)op->progress, 0);
    } else {
        op->backend = NULL;
        rt_pool_submit(u->shard->group->workers, op); /* all is written: it only flushes */
    }
}

/* A read that moved nothing, or that a direct file ended inside a block: past there is nothing. */
static bool rt_uring_is_end_of_file(const struct rt_op *op, int result)
{
    return op->kind == RT_OP_FILE_READ &&
           (result == 0 || (op->file->is_direct && result % RT_BLOCK_BYTES != 0));
}
