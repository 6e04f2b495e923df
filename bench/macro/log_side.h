/* A log store inside a benchmark program: opened on a runtime of one shard, loaded with appends
 * that keep so many outstanding, read. What every log_* benchmark shares. Ends the program, saying
 * why, when something fails. */
#ifndef BENCH_MACRO_LOG_SIDE_H
#define BENCH_MACRO_LOG_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rt/probe.h"
#include "base/rt/timer.h"
#include "bench/macro/rt_side.h"
#include "bench/micro/bench.h"
#include "storage/log/shard.h"

/* The most appends outstanding. */
#define LOG_SIDE_OUTSTANDING_MAX 4096u

/* Latencies: 16 buckets for each power of two of nanoseconds. */
#define LOG_SIDE_BUCKETS 1024u

/* The longest load, in seconds. */
#define LOG_SIDE_SECONDS_MAX 900u

/* The latencies of one second of a load. */
struct log_second {
    uint32_t buckets[LOG_SIDE_BUCKETS]; /* appends by latency */
    uint64_t count;                     /* of them */
};

/* What to append. */
struct log_load_plan {
    uint64_t first_group;   /* groups first .. first + count - 1, made if missing */
    uint32_t groups_count;  /* appended to in turn */
    uint32_t batch_bytes;   /* of each batch, header included */
    uint32_t records_count; /* it says that it has */
    uint32_t outstanding;   /* appends at a time, over all groups */
    uint64_t duration_ns;   /* no more appends after this long; 0: see bytes_max */
    uint64_t bytes_max;     /* no more appends after so many bytes; 0: no bound */
    uint64_t rate_max;      /* appends per second; 0: as fast as it goes */
    uint64_t
        retention_bytes; /* a group larger than this is trimmed, checked once a second; 0: never */
};

/* What came of it. */
struct log_load_result {
    uint64_t appends_count;      /* durable ones */
    uint64_t bytes;              /* of them */
    uint64_t elapsed_ns;         /* first submit to last done */
    uint64_t cpu_ns;             /* of the process, meanwhile */
    uint64_t device_bytes;       /* written by the process, settling included as far as it went */
    uint64_t journal_bytes;      /* of frames */
    uint64_t settled_bytes;      /* to segments */
    uint64_t frames_count;       /* frames */
    uint64_t latency_max_ns;     /* the slowest append */
    uint32_t seconds_count;      /* whole seconds */
    double p50_ns;               /* of all */
    double p99_ns;               /* of all */
    double p99_second_median_ns; /* median over the seconds of their p99 */
    double p99_second_worst_ns;  /* worst second */
};

/* An append in flight. */
struct log_side_append {
    struct log_op op;      /* the store's */
    struct log_side *side; /* whose */
    uint64_t began_ns;     /* when it was submitted */
};

/* In place, the caller's from open to close. */
struct log_side {
    struct rt_side side;           /* the runtime */
    struct rt_probe probe;         /* of the flush forms */
    struct log_config config;      /* of the store */
    struct log_store store;        /* the store */
    struct log_shard ls;           /* its shard */
    struct log_load_plan plan;     /* in hand */
    struct log_load_result result; /* of it */
    struct buf_pool bufs;          /* what is appended */
    struct buf *buf;               /* filled from front to back */
    struct budget bufs_budget;     /* of both */
    uint8_t *batch;                /* the batch that is copied for each append */
    struct log **logs;             /* plan.groups_count */
    struct log *rolled[8];         /* the benchmark that rolls them */
    uint32_t turn;                 /* whose turn it is */
    uint32_t waiting_count;        /* appends in flight */
    uint32_t trims_count;          /* trims in flight */
    uint64_t submitted_count;      /* appends begun */
    uint64_t began_ns;             /* the load */
    struct rt_timer timer;         /* paces, and ends a wait for memory */
    struct rt_timer retention;     /* once a second */
    struct log_side_append appends[LOG_SIDE_OUTSTANDING_MAX]; /* all of them */
    struct log_side_append *idle[LOG_SIDE_OUTSTANDING_MAX];   /* those not in flight */
    uint32_t idle_count;                                      /* of these */
    struct log_second *seconds;                               /* LOG_SIDE_SECONDS_MAX */
    uint64_t io_before;                                       /* device bytes when the load began */
    uint64_t cpu_before;                                      /* processor time then */
    uint64_t lane_before[3]; /* journal bytes, settled bytes, frames then */
};

/* Start a runtime of `kind` with one shard, measure the flush forms in `dir`, open the store there.
 * `config` (copied) may leave out its dir. */
void log_side_open(struct log_side *side, enum rt_kind kind, const char *dir,
                   const struct log_config *config);

/* Append as `plan` says, and wait for the end. */
struct log_load_result log_side_load(struct log_side *side, const struct log_load_plan *plan);

/* Settle all that fills whole blocks. */
void log_side_settle(struct log_side *side);

/* Close the store and end the runtime. */
void log_side_close(struct log_side *side);

/* Bytes this process has had written to devices (/proc/self/io). */
uint64_t log_side_device_bytes(void);

/* An empty directory `dir`/`name`, its content removed first; the path is written to `out`. */
void log_side_dir(char out[BENCH_PATH_BYTES], const char *dir, const char *name);

/* End the program. */
_Noreturn void log_side_fail(const char *what, enum err err);

#endif
