/* The bare ring of rt_file: what a programmer writes with liburing who wants just this load. See
 * rt_file.h.
 *
 * The ring has the flags of ours, the file is registered, everything that became possible is handed
 * over with one system call, and the completion queue is polled for LIMIT_POLL_NS before the thread
 * sleeps. */
#include <errno.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "bench/macro/rt_file.h"

#define FILE_RAW_ENTRIES_COUNT 64u

/* Bit of user_data: the second half of a linked write. The rest is the slot. */
#define FILE_RAW_FLUSH (1ull << 32)

static void *file_raw_thread(void *context);
static void file_raw_ring_open(struct file_raw *raw);
static void file_raw_loop(struct file_raw *raw);
static void file_raw_next(struct file_raw *raw, uint32_t slot);
static bool file_raw_ended(struct file_raw *raw, const struct io_uring_cqe *cqe);
static void file_raw_enter(struct file_raw *raw);
static void file_raw_poll(struct file_raw *raw);
static void file_raw_flush(struct file_raw *raw);
static void *file_raw_flusher(void *context);
static void file_raw_await(sem_t *sem);

void file_raw_open(struct file_raw *raw, const struct file_load *load)
{
    *raw = (struct file_raw){.load = load};
    raw->fd = file_load_open(load);
    sem_init(&raw->go, 0, 0);
    sem_init(&raw->ended, 0, 0);
    sem_init(&raw->flush_go, 0, 0);
    sem_init(&raw->flush_ended, 0, 0);
    int error = pthread_create(&raw->flusher_id, NULL, file_raw_flusher, raw);
    if (error == 0) {
        error = pthread_create(&raw->id, NULL, file_raw_thread, raw);
    }
    if (error != 0) {
        file_fail("a thread", error);
    }
    file_raw_await(&raw->ended);
}

struct file_run file_raw_run(void *context)
{
    struct file_raw *raw = context;
    sem_post(&raw->go);
    file_raw_await(&raw->ended);
    return file_load_run(raw->load, &raw->times);
}

void file_raw_close(struct file_raw *raw)
{
    raw->is_stopping = true;
    sem_post(&raw->go);
    sem_post(&raw->flush_go);
    pthread_join(raw->id, NULL);
    pthread_join(raw->flusher_id, NULL);
    close(raw->fd);
    sem_destroy(&raw->go);
    sem_destroy(&raw->ended);
    sem_destroy(&raw->flush_go);
    sem_destroy(&raw->flush_ended);
}

static void *file_raw_thread(void *context)
{
    struct file_raw *raw = context;
    file_raw_ring_open(raw);
    for (;;) {
        sem_post(&raw->ended);
        file_raw_await(&raw->go);
        if (raw->is_stopping) {
            break;
        }
        file_raw_loop(raw);
    }
    io_uring_queue_exit(&raw->ring);
    return NULL;
}

static void file_raw_ring_open(struct file_raw *raw)
{
    static const unsigned tries[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    };
    int result = -EINVAL;
    for (size_t i = 0; i < ARRAY_COUNT(tries) && result == -EINVAL; i++) {
        result = io_uring_queue_init(FILE_RAW_ENTRIES_COUNT, &raw->ring, tries[i]);
    }
    if (result == 0) {
        result = io_uring_register_files(&raw->ring, &raw->fd, 1);
    }
    if (result < 0) {
        file_fail("a ring", -result);
    }
}

/* One run: as many in flight as the load says, until all its operations have ended. */
static void file_raw_loop(struct file_raw *raw)
{
    const uint64_t index_end = raw->index + raw->load->ops_count;
    uint32_t waiting_count = raw->load->depth;
    file_load_bind(raw->load);
    file_times_begin(&raw->times);
    for (uint32_t i = 0; i < raw->load->depth; i++) {
        file_raw_next(raw, i);
    }
    while (waiting_count > 0) {
        file_raw_poll(raw);
        struct io_uring_cqe *cqe;
        unsigned head;
        unsigned seen_count = 0;
        io_uring_for_each_cqe(&raw->ring, head, cqe)
        {
            seen_count++;
            if (!file_raw_ended(raw, cqe)) {
                continue;
            }
            if (file_times_ended(&raw->times) && raw->index < index_end) {
                file_raw_next(raw, (uint32_t)cqe->user_data);
            } else {
                waiting_count--;
            }
        }
        io_uring_cq_advance(&raw->ring, seen_count);
    }
}

static void file_raw_next(struct file_raw *raw, uint32_t slot)
{
    const struct file_load *load = raw->load;
    uint64_t pos = file_load_pos(load, raw->index++);
    uint8_t *data = load->data + (size_t)slot * load->block_bytes;
    bool is_durable = load->act == FILE_ACT_WRITE_DURABLE;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&raw->ring);
    if (load->act == FILE_ACT_READ) {
        io_uring_prep_read(sqe, 0, data, load->block_bytes, pos);
    } else {
        io_uring_prep_write(sqe, 0, data, load->block_bytes, pos);
        sqe->rw_flags = is_durable && load->form == RT_FLUSH_DSYNC ? RWF_DSYNC : 0;
    }
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = slot;
    if (is_durable && load->form == RT_FLUSH_LINKED) {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = io_uring_get_sqe(&raw->ring);
        io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
        sqe->flags |= IOSQE_FIXED_FILE;
        sqe->user_data = slot | FILE_RAW_FLUSH;
    }
}

/* Whether `cqe` ends an operation. */
static bool file_raw_ended(struct file_raw *raw, const struct io_uring_cqe *cqe)
{
    const struct file_load *load = raw->load;
    bool is_flush = (cqe->user_data & FILE_RAW_FLUSH) != 0;
    if (cqe->res != (is_flush ? 0 : (int)load->block_bytes)) {
        file_fail("an operation of the bare ring", -cqe->res);
    }
    if (load->act != FILE_ACT_WRITE_DURABLE || load->form == RT_FLUSH_DSYNC) {
        return true;
    }
    if (load->form == RT_FLUSH_THREAD) {
        file_raw_flush(raw);
        return true;
    }
    return is_flush;
}

/* Hand over what waits, and poll until something has ended; sleep when that takes too long. */
static void file_raw_poll(struct file_raw *raw)
{
    file_raw_enter(raw);
    uint64_t until_ns = 0;
    while (io_uring_cq_ready(&raw->ring) == 0) {
        uint64_t now_ns = bench_now_ns();
        if (until_ns == 0) {
            until_ns = now_ns + LIMIT_POLL_NS;
        }
        if (now_ns >= until_ns) {
            int result = io_uring_submit_and_wait(&raw->ring, 1);
            ASSERT(result >= 0 || result == -EINTR);
            continue;
        }
        for (int i = 0; i < FILE_SPIN_POLLS_COUNT && io_uring_cq_ready(&raw->ring) == 0; i++) {
            file_raw_enter(raw);
            __builtin_ia32_pause();
        }
    }
}

/* At most one system call: submit, or produce completions where the kernel says there are some. */
static void file_raw_enter(struct file_raw *raw)
{
    int result = 0;
    if (io_uring_sq_ready(&raw->ring) > 0) {
        result = io_uring_submit_and_get_events(&raw->ring);
    } else if (atomic_load_explicit((_Atomic unsigned *)raw->ring.sq.kflags, memory_order_relaxed) &
               IORING_SQ_TASKRUN) {
        result = io_uring_get_events(&raw->ring);
    }
    ASSERT(result >= 0);
}

/* RT_FLUSH_THREAD: have the other thread flush, one write being in flight. */
static void file_raw_flush(struct file_raw *raw)
{
    ASSERT(raw->load->depth == 1);
    sem_post(&raw->flush_go);
    uint64_t until_ns = bench_now_ns() + LIMIT_POLL_NS;
    do {
        for (int i = 0; i < FILE_SPIN_POLLS_COUNT; i++) {
            if (sem_trywait(&raw->flush_ended) == 0) {
                return;
            }
            __builtin_ia32_pause();
        }
    } while (bench_now_ns() < until_ns);
    file_raw_await(&raw->flush_ended);
}

static void *file_raw_flusher(void *context)
{
    struct file_raw *raw = context;
    for (;;) {
        file_raw_await(&raw->flush_go);
        if (raw->is_stopping) {
            return NULL;
        }
        if (fdatasync(raw->fd) != 0) {
            file_fail("a flush of the bare ring", errno);
        }
        sem_post(&raw->flush_ended);
    }
}

static void file_raw_await(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
    }
}
