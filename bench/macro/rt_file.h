/* What both sides of the benchmark rt_file do, and the sides: ours on a runtime of one shard
 * (rt_file_ours.c), bare calls on threads of their own (rt_file_raw.c: a ring,
 * rt_file_threads.c: blocking calls). The main thread tells one side at a time to run and sleeps
 * meanwhile. All of them end the program, saying why, when the system refuses something. */
#ifndef BENCH_MACRO_RT_FILE_H
#define BENCH_MACRO_RT_FILE_H

#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/rt/file.h"
#include "base/rt/probe.h"
#include "bench/macro/rt_side.h"
#include "bench/micro/bench.h"

/* The most requests in flight. */
#define FILE_DEPTH_MAX 32u

/* The largest block, and the room for all blocks in flight. */
#define FILE_BLOCK_BYTES_MAX (1u << 20)
#define FILE_DATA_BYTES      (2u * FILE_BLOCK_BYTES_MAX)

/* Polls between two looks at the clock, as in base/rt/rt.c. */
#define FILE_SPIN_POLLS_COUNT 32

/* The most operations of one run. */
#define FILE_OPS_MAX 4096u

enum file_act {
    FILE_ACT_READ,
    FILE_ACT_WRITE,
    FILE_ACT_WRITE_DURABLE,
    FILE_ACT_HANDOVER, /* ours only: an empty job, to a worker thread and back */
};

/* The work of one run. Both sides read it; main changes it between cases. */
struct file_load {
    char path[BENCH_PATH_BYTES]; /* the file; blocks are allocated and were written once */
    cpu_set_t cpus;              /* where the process may run */
    uint64_t file_bytes;         /* its size, a multiple of every block */
    bool is_direct;              /* O_DIRECT works there */
    uint8_t *data;               /* FILE_DATA_BYTES, aligned; request i of the depth has block i */
    enum file_act act;           /* what */
    uint32_t block_bytes;        /* of one operation */
    uint32_t depth;              /* operations in flight */
    bool is_random;              /* blocks in random order, else one after another */
    enum rt_flush_form form;     /* of durable writes */
    uint64_t ops_count;          /* operations of one run, unless it takes too long */
    bool is_bound;               /* each side is one thread, and keeps to one CPU at a time */
    uint32_t run;                /* runs of this side so far: whose turn it is among the CPUs */
};

/* A run that has taken this long begins no more operations: a disk that others keep busy now and
 * then makes some runs shorter, not the benchmark longer. */
#define FILE_RUN_NS_MAX 20000000u

/* When the operations of one run ended. */
struct file_times {
    uint64_t began_ns;            /* the run began */
    uint64_t last_ns;             /* the latest end */
    uint64_t ended_count;         /* operations that have ended */
    double gaps_ns[FILE_OPS_MAX]; /* from one end to the next; sorted when the run is over */
};

/* What one run found. */
struct file_run {
    double cost_ns;     /* of one operation: the time of the run by their number; with one in flight
                           the median of its operations, which a flush that met another program's
                           does not spoil */
    uint64_t ops_count; /* operations done */
};

/* A run begins. */
void file_times_begin(struct file_times *times);

/* One of its operations has ended. Whether it may begin another one. */
bool file_times_ended(struct file_times *times);

/* Where operation `index` of a side works; both sides count theirs from 0 on, over all runs. */
uint64_t file_load_pos(const struct file_load *load, uint64_t index);

/* What the run found that is over. */
struct file_run file_load_run(const struct file_load *load, struct file_times *times);

/* Where each side is one thread, bind the calling thread to the CPU whose turn it is: the same for
 * both sides, because a disk's interrupts arrive at one CPU, and who sits there is ahead. Else let
 * it run anywhere. */
void file_load_bind(const struct file_load *load);

/* Open the load's file, with O_DIRECT where it works. */
int file_load_open(const struct file_load *load);

/* End the program: `what` was refused with `error`. */
_Noreturn void file_fail(const char *what, int error);

/* --- Ours. --- */

/* One request in flight. */
struct file_ours_slot {
    struct rt_op op;  /* used again and again */
    struct iovec iov; /* its block */
};

/* A runtime of one shard with the file open. */
struct file_ours {
    struct rt_side side;          /* the runtime */
    const struct file_load *load; /* what to do */
    struct rt_file file;          /* open between file_ours_open and file_ours_close */
    struct rt_op op;              /* open and close */
    struct rt_probe probe;        /* of the forms of durable writes */
    struct file_ours_slot slots[FILE_DEPTH_MAX]; /* as many as the load's depth are used */
    uint64_t index;                              /* operations begun, over all runs */
    uint64_t index_end;                          /* of this run */
    uint32_t waiting_count;                      /* operations in flight */
    struct file_times times;                     /* of this run */
};

/* Start a runtime of `kind` in place; it ends with file_ours_stop. */
void file_ours_start(struct file_ours *ours, enum rt_kind kind, const struct file_load *load);

/* Measure the forms of durable writes in directory `dir`: ours->probe. */
void file_ours_probe(struct file_ours *ours, const char *dir);

/* Open the file, with the load's form. */
void file_ours_open(struct file_ours *ours);

/* One run; `context` is a struct file_ours. */
struct file_run file_ours_run(void *context);

/* Close the file. */
void file_ours_close(struct file_ours *ours);

/* End the runtime; the file is closed. */
void file_ours_stop(struct file_ours *ours);

/* --- A bare ring. --- */

/* One thread with a ring, and one that flushes for it. */
struct file_raw {
    const struct file_load *load; /* what to do */
    pthread_t id;                 /* its thread */
    sem_t go;                     /* one run, or the end */
    sem_t ended;                  /* the run has, or the ring is open */
    bool is_stopping;             /* no run any more */
    struct io_uring ring;         /* made by the thread */
    int fd;                       /* the file, registered as number 0 */
    uint64_t index;               /* operations begun, over all runs */
    struct file_times times;      /* of the last run */
    pthread_t flusher_id;         /* RT_FLUSH_THREAD: who flushes */
    sem_t flush_go;               /* a write is to be flushed, or the end */
    sem_t flush_ended;            /* it is */
};

/* Open the ring and the file on a thread of their own. */
void file_raw_open(struct file_raw *raw, const struct file_load *load);

/* One run; `context` is a struct file_raw. */
struct file_run file_raw_run(void *context);

/* End the threads, close the ring and the file. */
void file_raw_close(struct file_raw *raw);

/* --- Bare blocking calls. --- */

/* Threads that make blocking calls. */
struct file_threads {
    const struct file_load *load;            /* what to do */
    uint32_t count;                          /* threads: each has one operation in flight */
    int fd;                                  /* the file */
    bool is_stopping;                        /* no run any more */
    pthread_t ids[FILE_DEPTH_MAX];           /* the threads */
    pthread_barrier_t go;                    /* all of them and main: a run begins */
    pthread_barrier_t ended;                 /* it is over */
    atomic_uint_fast64_t index;              /* operations begun, over all runs */
    uint64_t index_end;                      /* of this run */
    atomic_uint_fast64_t ids_count;          /* threads that have taken their number */
    struct file_times times[FILE_DEPTH_MAX]; /* of the last run, per thread */
};

/* Open the file and start `count` threads, 1 .. FILE_DEPTH_MAX. */
void file_threads_open(struct file_threads *threads, const struct file_load *load, uint32_t count);

/* One run; `context` is a struct file_threads. */
struct file_run file_threads_run(void *context);

/* End the threads and close the file. */
void file_threads_close(struct file_threads *threads);

#endif
