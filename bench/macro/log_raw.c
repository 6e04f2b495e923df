/* See log_raw.h. */
#include "bench/macro/log_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/clock.h"
#include "bench/macro/log_side.h"

#define LOG_RAW_SAMPLES_MAX 4000000u
#define LOG_RAW_FILL_BYTES  (1u << 20)
#define LOG_RAW_SPIN_COUNT  32

/* Bit of user_data: the second half of a linked write. */
#define LOG_RAW_FLUSH (1ull << 32)

/* A run. */
struct log_raw {
    const struct log_raw_plan *plan; /* what */
    struct io_uring ring;            /* through this */
    int *fds;                        /* files_count */
    uint64_t *positions;             /* next write of each */
    uint64_t *began_ns;              /* of each slot */
    uint8_t *data;                   /* what is written, or room for reads */
    double *samples_ns;              /* LOG_RAW_SAMPLES_MAX */
    uint64_t samples_count;          /* used */
    double max_ns;                   /* the slowest, of all */
    uint64_t begun_count;            /* writes begun */
    uint32_t waiting_count;          /* in flight */
    uint64_t last_ns;                /* when the last write was due */
};

static void log_raw_check(const char *what, int error)
{
    if (error != 0) {
        fprintf(stderr, "refused: %s: %s\n", what, strerror(error));
        exit(1);
    }
}

static void log_raw_name(const struct log_raw *raw, uint32_t i, char out[BENCH_PATH_BYTES])
{
    snprintf(out, BENCH_PATH_BYTES, "%s/raw-%u", raw->plan->dir, i);
}

static void log_raw_fill(const struct log_raw *raw, int fd)
{
    const struct log_raw_plan *plan = raw->plan;
    for (uint64_t pos = 0; pos < plan->file_bytes; pos += LOG_RAW_FILL_BYTES) {
        uint64_t left = plan->file_bytes - pos;
        size_t length = left < LOG_RAW_FILL_BYTES ? (size_t)left : LOG_RAW_FILL_BYTES;
        log_raw_check("filling a file",
                      pwrite(fd, raw->data, length, (off_t)pos) == (ssize_t)length ? 0 : errno);
    }
}

static void log_raw_open(struct log_raw *raw)
{
    const struct log_raw_plan *plan = raw->plan;
    char path[BENCH_PATH_BYTES];
    for (uint32_t i = 0; i < plan->files_count; i++) {
        log_raw_name(raw, i, path);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        log_raw_check("making a file", fd < 0 ? errno : 0);
        if (plan->is_direct) {
            (void)fcntl(fd, F_SETFL, O_DIRECT);
        }
        if (plan->file_bytes > 0) {
            log_raw_check("allocating a file", posix_fallocate(fd, 0, (off_t)plan->file_bytes));
            if (plan->is_zeroed || plan->is_read) {
                log_raw_fill(raw, fd);
            }
            log_raw_check("flushing a file", fsync(fd) == 0 ? 0 : errno);
        }
        raw->fds[i] = fd;
    }
}

/* Wait for the time of the next write; one that is late is not made up for. */
static void log_raw_pace(struct log_raw *raw)
{
    uint64_t due_ns = raw->last_ns + raw->plan->interval_ns;
    uint64_t now_ns = bench_now_ns();
    if (now_ns < due_ns) {
        struct timespec due = {.tv_sec = (time_t)(due_ns / RT_NS_PER_S),
                               .tv_nsec = (long)(due_ns % RT_NS_PER_S)};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
    raw->last_ns = now_ns < due_ns ? due_ns : now_ns;
}

static void log_raw_next(struct log_raw *raw, uint32_t slot)
{
    const struct log_raw_plan *plan = raw->plan;
    if (plan->interval_ns > 0) {
        log_raw_pace(raw);
    }
    uint32_t i = (uint32_t)(raw->begun_count++ % plan->files_count);
    uint64_t pos = raw->positions[i];
    raw->positions[i] += plan->write_bytes;
    if (plan->file_bytes > 0 && raw->positions[i] + plan->write_bytes > plan->file_bytes) {
        raw->positions[i] = 0;
    }
    size_t stride = plan->is_read ? plan->write_bytes : 0;
    uint8_t *data = raw->data + slot * stride;
    bool is_linked = plan->does_flush && plan->form != RT_FLUSH_DSYNC;
    raw->began_ns[slot] = bench_now_ns();
    struct io_uring_sqe *sqe = io_uring_get_sqe(&raw->ring);
    ASSERT(sqe != NULL);
    if (plan->is_read) {
        io_uring_prep_read(sqe, raw->fds[i], data, plan->write_bytes, pos);
    } else {
        io_uring_prep_write(sqe, raw->fds[i], data, plan->write_bytes, pos);
        sqe->rw_flags = plan->does_flush && !is_linked ? RWF_DSYNC : 0;
    }
    sqe->user_data = slot;
    if (is_linked) {
        sqe->flags |= IOSQE_IO_LINK;
        sqe = io_uring_get_sqe(&raw->ring);
        ASSERT(sqe != NULL);
        io_uring_prep_fsync(sqe, raw->fds[i], IORING_FSYNC_DATASYNC);
        sqe->user_data = slot | LOG_RAW_FLUSH;
    }
    raw->waiting_count++;
}

/* Hand over what waits; then poll, or sleep, until something has ended. */
static void log_raw_wait(struct log_raw *raw)
{
    uint64_t until_ns = bench_now_ns() + (raw->plan->does_poll ? LIMIT_POLL_NS : 0);
    while (io_uring_cq_ready(&raw->ring) == 0) {
        if (bench_now_ns() >= until_ns) {
            int result = io_uring_submit_and_wait(&raw->ring, 1);
            ASSERT(result >= 0 || result == -EINTR);
            continue;
        }
        for (int i = 0; i < LOG_RAW_SPIN_COUNT && io_uring_cq_ready(&raw->ring) == 0; i++) {
            int result = io_uring_submit_and_get_events(&raw->ring);
            ASSERT(result >= 0);
            __builtin_ia32_pause();
        }
    }
}

static bool log_raw_is_over(const struct log_raw *raw, uint64_t began_ns)
{
    const struct log_raw_plan *plan = raw->plan;
    return (plan->duration_ns > 0 && bench_now_ns() - began_ns >= plan->duration_ns) ||
           (plan->bytes_max > 0 && raw->begun_count * plan->write_bytes >= plan->bytes_max);
}

static void log_raw_loop(struct log_raw *raw, struct log_raw_result *result)
{
    const struct log_raw_plan *plan = raw->plan;
    bool is_linked = plan->does_flush && plan->form != RT_FLUSH_DSYNC;
    uint64_t began_ns = bench_now_ns();
    for (uint32_t i = 0; i < plan->depth; i++) {
        log_raw_next(raw, i);
    }
    while (raw->waiting_count > 0) {
        log_raw_wait(raw);
        struct io_uring_cqe *cqe;
        while (io_uring_peek_cqe(&raw->ring, &cqe) == 0) {
            uint32_t slot = (uint32_t)cqe->user_data;
            bool is_flush = (cqe->user_data & LOG_RAW_FLUSH) != 0;
            log_raw_check("a write", cqe->res < 0 ? -cqe->res : 0);
            io_uring_cqe_seen(&raw->ring, cqe);
            if (is_linked && !is_flush) {
                continue;
            }
            raw->waiting_count--;
            result->ops_count++;
            double sample_ns = (double)(bench_now_ns() - raw->began_ns[slot]);
            raw->max_ns = sample_ns > raw->max_ns ? sample_ns : raw->max_ns;
            if (raw->samples_count < LOG_RAW_SAMPLES_MAX) {
                raw->samples_ns[raw->samples_count++] = sample_ns;
            }
            if (!log_raw_is_over(raw, began_ns)) {
                log_raw_next(raw, slot);
            }
        }
    }
    result->elapsed_ns = bench_now_ns() - began_ns;
    result->bytes = result->ops_count * plan->write_bytes;
}

struct log_raw_result log_raw_run(const struct log_raw_plan *plan)
{
    struct log_raw raw = {.plan = plan};
    struct log_raw_result result = {0};
    size_t data_bytes = plan->is_read ? (size_t)plan->write_bytes * plan->depth : plan->write_bytes;
    data_bytes = data_bytes < LOG_RAW_FILL_BYTES ? LOG_RAW_FILL_BYTES : data_bytes;
    raw.fds = calloc(plan->files_count, sizeof(*raw.fds));
    raw.positions = calloc(plan->files_count, sizeof(*raw.positions));
    raw.began_ns = calloc(plan->depth, sizeof(*raw.began_ns));
    raw.samples_ns = calloc(LOG_RAW_SAMPLES_MAX, sizeof(*raw.samples_ns));
    raw.data = aligned_alloc(LIMIT_BLOCK_BYTES, data_bytes);
    ASSERT(raw.fds != NULL && raw.positions != NULL && raw.began_ns != NULL);
    ASSERT(raw.samples_ns != NULL && raw.data != NULL);
    memset(raw.data, 0x5a, data_bytes);
    int error = io_uring_queue_init(2 * plan->depth < 64 ? 64 : 2 * plan->depth, &raw.ring,
                                    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    log_raw_check("a ring", -error);
    log_raw_open(&raw);
    uint64_t device_bytes = log_side_device_bytes();
    log_raw_loop(&raw, &result);
    result.device_bytes = log_side_device_bytes() - device_bytes;
    result.p50_ns = bench_quantile(raw.samples_ns, raw.samples_count, 0.5);
    result.p99_ns = bench_quantile(raw.samples_ns, raw.samples_count, 0.99);
    result.max_ns = raw.max_ns;
    char path[BENCH_PATH_BYTES];
    for (uint32_t i = 0; i < plan->files_count; i++) {
        close(raw.fds[i]);
        log_raw_name(&raw, i, path);
        unlink(path);
    }
    io_uring_queue_exit(&raw.ring);
    free(raw.fds);
    free(raw.positions);
    free(raw.began_ns);
    free(raw.samples_ns);
    free(raw.data);
    return result;
}
