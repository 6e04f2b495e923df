/* io_uring: one ring per shard, one submit per turn. See backend.h for the contract, uring_int.h
 * for the state.
 *
 * Requests made during a turn queue in the submission ring; poll hands them over and reaps what has
 * ended, in one system call. The ring is made for one issuing thread with deferred task work
 * (Linux 6.1) where the kernel has that: completions are then produced only when this thread asks,
 * and IORING_SQ_TASKRUN says, in memory, whether there is any reason to ask; that makes busy
 * polling free of system calls. Kernels older than 6.0 (no multishot receive) are left to epoll.
 *
 * Data a request points at is consumed by the submit (IORING_FEAT_SUBMIT_STABLE), so message
 * headers and windows of buffers live in arrays beside the submission entries. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "base/rt/pool_int.h"
#include "base/rt/posix_int.h"
#include "base/rt/uring.h"
#include "base/rt/uring_int.h"

#define RT_URING_TAG_MASK 7ull

/* IORING_FEAT_RW_ATTR, of linux/io_uring.h of 6.14: not in Debian 12's headers. Where it is missing
 * (the kernel is older than 6.13, or just that), registered files are left alone: those kernels
 * drop a file that was taken out of the table only when every request on any registered file that
 * was issued before has ended. One receive of a silent connection would keep all that is closed
 * after it open: no end of stream reaches the peers, no lock and no block of a file is given back
 * (axboe/liburing issue 1192). */
#define RT_URING_FEAT_RW_ATTR (1u << 16)

static enum err rt_uring_ring_open(struct rt_uring *u);
static enum err rt_uring_tables_open(struct rt_uring *u);
static void rt_uring_submit(struct rt_shard *shard, struct rt_op *op);
static void rt_uring_cancel(struct rt_shard *shard, struct rt_op *op);
static bool rt_uring_poll(struct rt_shard *shard, uint64_t until_ns);
static void rt_uring_wake(struct rt_shard *shard);
static void rt_uring_arm_wake(struct rt_uring *u);
static void rt_uring_enter(struct rt_uring *u, uint64_t until_ns);
static uint32_t rt_uring_reap(struct rt_uring *u);
static void rt_uring_dispatch(struct rt_uring *u, const struct io_uring_cqe *cqe);

static const struct rt_backend rt_uring_backend = {
    .name = "uring",
    .submit = rt_uring_submit,
    .cancel = rt_uring_cancel,
    .poll = rt_uring_poll,
    .wake = rt_uring_wake,
    .now_ns = rt_posix_now_ns,
    .wall_ns = rt_posix_wall_ns,
    .load = rt_posix_load,
    .listen = rt_posix_listen,
    .release = rt_uring_release,
    .shutdown_send = rt_posix_shutdown_send,
    .set_flags = rt_posix_set_flags,
};

const struct rt_backend *rt_uring(void)
{
    return &rt_uring_backend;
}

enum err rt_uring_open(struct rt_shard *shard, int *saved_errno)
{
    void *memory = NULL;
    enum err err = budget_alloc(&shard->budget, sizeof(struct rt_uring), 64, &memory);
    if (err != ERR_OK) {
        return err;
    }
    struct rt_uring *u = memory;
    u->shard = shard;
    u->wake_fd = -1;
    list_init(&u->starved);
    shard->backend_state = u;
    errno = 0;
    err = rt_uring_ring_open(u);
    if (err == ERR_OK) {
        err = rt_uring_tables_open(u);
        if (err == ERR_OK) {
            return ERR_OK;
        }
        *saved_errno = errno;
        io_uring_queue_exit(&u->ring);
    } else {
        *saved_errno = errno;
    }
    if (u->wake_fd >= 0) {
        close(u->wake_fd);
    }
    budget_free(&shard->budget, u);
    shard->backend_state = NULL;
    return err;
}

void rt_uring_enable(struct rt_shard *shard)
{
    struct rt_uring *u = rt_uring_of(shard);
    /* liburing 2.3 declares io_uring_enable_rings and does not export it. */
    long result =
        syscall(SYS_io_uring_register, u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    ASSERT(result == 0);
    rt_uring_arm_wake(u);
}

void rt_uring_close(struct rt_shard *shard)
{
    struct rt_uring *u = rt_uring_of(shard);
    io_uring_queue_exit(&u->ring); /* cancels the armed read of the wake descriptor */
    rt_uring_bufs_close(u);
    close(u->wake_fd);
    budget_free(&shard->budget, u->slots);
    budget_free(&shard->budget, u->msgs);
    budget_free(&shard->budget, u->windows);
    budget_free(&shard->budget, u);
    shard->backend_state = NULL;
}

struct rt_uring *rt_uring_of(struct rt_shard *shard)
{
    ASSERT(shard->backend == &rt_uring_backend);
    return shard->backend_state;
}

struct io_uring_sqe *rt_uring_sqe(struct rt_uring *u, unsigned count)
{
    if (io_uring_sq_space_left(&u->ring) < count) {
        (void)io_uring_submit(&u->ring);
        /* The kernel takes all entries of a submit (IORING_SETUP_SUBMIT_ALL). A second submit
         * between the entries of a link would cut it. */
        ASSERT(io_uring_sq_space_left(&u->ring) >= count);
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    ASSERT(sqe != NULL);
    return sqe;
}

void rt_uring_target(struct io_uring_sqe *sqe, int fd, int slot)
{
    if (slot >= 0) {
        sqe->fd = slot;
        sqe->flags |= IOSQE_FIXED_FILE;
    } else {
        sqe->fd = fd;
    }
}

void rt_uring_tag(struct io_uring_sqe *sqe, const void *who, enum rt_uring_tag tag)
{
    ASSERT(((uintptr_t)who & RT_URING_TAG_MASK) == 0);
    sqe->user_data = (uintptr_t)who | (uint64_t)tag;
}

struct msghdr *rt_uring_msg(struct rt_uring *u, const struct io_uring_sqe *sqe)
{
    struct msghdr *msg = &u->msgs[sqe - u->ring.sq.sqes];
    *msg = (struct msghdr){0};
    return msg;
}

struct iovec *rt_uring_window(struct rt_uring *u, const struct io_uring_sqe *sqe)
{
    return &u->windows[(size_t)(sqe - u->ring.sq.sqes) * RT_URING_WINDOW_COUNT];
}

void rt_uring_cancel_tagged(struct rt_uring *u, const void *who, enum rt_uring_tag tag)
{
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    io_uring_prep_cancel64(sqe, (uintptr_t)who | (uint64_t)tag, 0);
    rt_uring_tag(sqe, NULL, RT_URING_NOBODY);
}

int rt_uring_slot_take(struct rt_uring *u, int fd)
{
    if (u->slots_count == 0) {
        return -1;
    }
    uint32_t slot = u->slots[--u->slots_count];
    if (io_uring_register_files_update(&u->ring, slot, &fd, 1) != 1) {
        u->slots_count++;
        return -1;
    }
    return (int)slot;
}

void rt_uring_slot_give(struct rt_uring *u, int slot)
{
    if (slot < 0) {
        return;
    }
    int none = -1;
    int result = io_uring_register_files_update(&u->ring, (unsigned)slot, &none, 1);
    ASSERT(result == 1);
    u->slots[u->slots_count++] = (uint32_t)slot;
}

/* The best set of flags that this kernel knows; disabled until the shard's own thread enables it.
 */
static enum err rt_uring_ring_open(struct rt_uring *u)
{
    static const unsigned tries[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    };
    int result = -EINVAL;
    for (size_t i = 0; i < ARRAY_COUNT(tries) && result == -EINVAL; i++) {
        struct io_uring_params params = {.cq_entries = RT_URING_CQ_COUNT};
        params.flags =
            tries[i] | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
        result = io_uring_queue_init_params(RT_URING_SQ_COUNT, &u->ring, &params);
    }
    if (result < 0) {
        errno = -result;
        return rt_err_from_errno(-result);
    }
    ASSERT(u->ring.features & IORING_FEAT_SUBMIT_STABLE); /* 5.5 */
    ASSERT(u->ring.features & IORING_FEAT_EXT_ARG);       /* 5.11 */
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->ring);
    if (probe != NULL) {
        u->has_send_zc = io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC);
        io_uring_free_probe(probe);
    }
    return ERR_OK;
}

static enum err rt_uring_tables_open(struct rt_uring *u)
{
    struct budget *budget = &u->shard->budget;
    void *slots = NULL, *msgs = NULL, *windows = NULL;
    enum err err = ERR_RESOURCES;
    u->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (u->wake_fd < 0) {
        return rt_err_from_errno(errno);
    }
    unsigned sq_count = u->ring.sq.ring_entries;
    if (budget_alloc(budget, RT_URING_FILE_COUNT * sizeof(uint32_t), 8, &slots) != ERR_OK ||
        budget_alloc(budget, sq_count * sizeof(struct msghdr), 8, &msgs) != ERR_OK ||
        budget_alloc(budget, sq_count * RT_URING_WINDOW_COUNT * sizeof(struct iovec), 8,
                     &windows) != ERR_OK) {
        err = ERR_BUDGET;
        goto out;
    }
    u->slots = slots;
    u->msgs = msgs;
    u->windows = windows;
    if ((u->ring.features & RT_URING_FEAT_RW_ATTR) &&
        io_uring_register_files_sparse(&u->ring, RT_URING_FILE_COUNT) == 0) {
        for (uint32_t i = 0; i < RT_URING_FILE_COUNT; i++) {
            u->slots[i] = RT_URING_FILE_COUNT - 1 - i;
        }
        u->slots_count = RT_URING_FILE_COUNT;
    }
    /* Bounded workers do file work, unbounded ones the rest: at most LIMIT_IOWQ_WORKERS_COUNT. */
    unsigned workers[2] = {LIMIT_IOWQ_WORKERS_COUNT - 1, 1};
    (void)io_uring_register_iowq_max_workers(&u->ring, workers);
    err = rt_uring_bufs_open(u);
out:
    if (err != ERR_OK) {
        budget_free(budget, slots);
        budget_free(budget, msgs);
        budget_free(budget, windows);
    }
    return err;
}

static void rt_uring_submit(struct rt_shard *shard, struct rt_op *op)
{
    struct rt_uring *u = rt_uring_of(shard);
    if (op->kind == RT_OP_JOB) {
        rt_pool_submit(shard->group->workers, op);
    } else if (op->kind >= RT_OP_FILE_OPEN && op->kind <= RT_OP_PATH_SPACE) {
        rt_uring_file_submit(u, op);
    } else {
        rt_uring_sock_submit(u, op);
    }
}

static void rt_uring_cancel(struct rt_shard *shard, struct rt_op *op)
{
    struct rt_uring *u = rt_uring_of(shard);
    if (op->kind >= RT_OP_LISTENER_CLOSE) {
        rt_uring_sock_cancel(u, op);
    } else if (op->backend == u) { /* with the kernel */
        rt_uring_cancel_tagged(u, op, RT_URING_OP);
    } else {
        rt_pool_cancel(shard->group->workers, op);
    }
}

static bool rt_uring_poll(struct rt_shard *shard, uint64_t until_ns)
{
    struct rt_uring *u = rt_uring_of(shard);
    if (!u->is_wake_armed) {
        rt_uring_arm_wake(u);
    }
    rt_uring_enter(u, until_ns);
    return rt_uring_reap(u) > 0;
}

static void rt_uring_wake(struct rt_shard *shard)
{
    struct rt_uring *u = rt_uring_of(shard);
    uint64_t one = 1;
    ssize_t written = write(u->wake_fd, &one, sizeof(one));
    ASSERT(written == sizeof(one)); /* the counter is read long before it is full */
}

static void rt_uring_arm_wake(struct rt_uring *u)
{
    struct io_uring_sqe *sqe = rt_uring_sqe(u, 1);
    io_uring_prep_read(sqe, u->wake_fd, &u->wake_value, sizeof(u->wake_value), 0);
    rt_uring_tag(sqe, NULL, RT_URING_WAKE);
    u->is_wake_armed = true;
}

/* One system call at most: submit, let deferred work run, and wait if asked to and nothing has
 * ended yet. */
static void rt_uring_enter(struct rt_uring *u, uint64_t until_ns)
{
    int result = 0;
    if (until_ns == 0 || io_uring_cq_ready(&u->ring) > 0) {
        unsigned kernel_flags =
            atomic_load_explicit((_Atomic unsigned *)u->ring.sq.kflags, memory_order_relaxed);
        if (io_uring_sq_ready(&u->ring) > 0) {
            result = io_uring_submit_and_get_events(&u->ring);
        } else if (kernel_flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) {
            result = io_uring_get_events(&u->ring);
        }
    } else {
        struct __kernel_timespec wait = {0};
        if (until_ns != UINT64_MAX) {
            uint64_t now_ns = rt_posix_now_ns(u->shard);
            uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
            wait.tv_sec = (int64_t)(left_ns / RT_NS_PER_S);
            wait.tv_nsec = (long long)(left_ns % RT_NS_PER_S);
        }
        struct io_uring_cqe *cqe;
        result = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1,
                                                  until_ns != UINT64_MAX ? &wait : NULL, NULL);
    }
    /* A signal, the timeout, and a completion ring that must be reaped first are all normal. */
    ASSERT(result >= 0 || result == -EINTR || result == -ETIME || result == -EBUSY ||
           result == -EAGAIN);
}

static uint32_t rt_uring_reap(struct rt_uring *u)
{
    uint32_t count = 0;
    struct io_uring_cqe *cqes[64];
    unsigned batch;
    while ((batch = io_uring_peek_batch_cqe(&u->ring, cqes, ARRAY_COUNT(cqes))) > 0) {
        for (unsigned i = 0; i < batch; i++) {
            rt_uring_dispatch(u, cqes[i]);
        }
        io_uring_cq_advance(&u->ring, batch);
        count += batch;
        if (count >= RT_URING_TURN_COUNT) { /* the turn has enough to do */
            break;
        }
    }
    return count;
}

static void rt_uring_dispatch(struct rt_uring *u, const struct io_uring_cqe *cqe)
{
    void *who = (void *)(uintptr_t)(cqe->user_data & ~RT_URING_TAG_MASK);
    enum rt_uring_tag tag = (enum rt_uring_tag)(cqe->user_data & RT_URING_TAG_MASK);
    struct rt_op *op = who;
    switch (tag) {
    case RT_URING_OP:
        if (op->kind >= RT_OP_LISTENER_CLOSE) {
            rt_uring_sock_done(u, op, cqe->res, cqe->flags);
        } else {
            rt_uring_file_done(u, op, cqe->res);
        }
        break;
    case RT_URING_OP_FLUSH: rt_uring_file_flushed(u, op, cqe->res); break;
    case RT_URING_RECV: rt_uring_recv_done(u, who, cqe->res, cqe->flags); break;
    case RT_URING_ACCEPT: rt_uring_accept_done(u, who, cqe->res); break;
    case RT_URING_WAKE: u->is_wake_armed = false; break;
    case RT_URING_NOBODY: break;
    default: UNREACHABLE();
    }
}
