/* Which form of durable write is fastest on a device (LOG §4, end): measured at start in the
 * directory that will be written, on a file that was written before, as the journal's are. Takes
 * the time it is given; longer where twelve writes take longer. */
#ifndef BASE_RT_PROBE_H
#define BASE_RT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/sm.h"

/* Measured writes per form. They are made in rounds, the fewest of each form in a row; after the
 * time given no round begins: slow disks give fewer samples. */
#define RT_PROBE_WRITES_MAX 64
#define RT_PROBE_WRITES_MIN 4

/* Time for exact figures, and where a server is waited for. */
#define RT_PROBE_NS       (90 * 1000000ull)
#define RT_PROBE_NS_QUICK (20 * 1000000ull)

/* One form's figures. */
struct rt_probe_form {
    uint64_t samples_ns[RT_PROBE_WRITES_MAX]; /* one durable 4 KiB write each; sorted when done */
    uint32_t samples_count;                   /* how many, RT_PROBE_WRITES_MIN at least */
    uint64_t p50_ns;                          /* median */
    uint64_t p99_ns;                          /* 99th percentile: of 64, the largest */
};

/* A staged operation; in place, the caller's until done. */
struct rt_probe {
    void (*done)(struct rt_probe *probe);       /* fires once, from the ready queue */
    void *owner;                                /* the caller's */
    enum err err;                               /* in done: why it failed; ERR_OK: the rest holds */
    int saved_errno;                            /* the system's errno behind err */
    enum rt_flush_form best;                    /* lowest median; linked unless clearly beaten */
    uint64_t device_id;                         /* the device of `dir`, for rt_set_flush_form */
    bool is_direct;                             /* O_DIRECT works there */
    struct rt_probe_form forms[RT_FLUSH_COUNT]; /* figures, by enum rt_flush_form */
    struct sm sm;                               /* where it stands */
    struct rt_shard *shard;                     /* on whose thread */
    struct rt_op op;                            /* its one request under way */
    struct rt_file file;                        /* scratch file, unlinked at the end */
    char path[LIMIT_PATH_BYTES];                /* its name */
    void *region;                               /* what is written; from the shard's budget */
    struct iovec iov;                           /* one block of it */
    uint32_t form;                              /* being measured */
    uint64_t budget_ns;                         /* time given */
    uint64_t began_ns;                          /* start of the first measured write */
    uint64_t write_began_ns;                    /* start of this write */
};

/* Measure for `budget_ns` in directory `dir` (copied). done: errors are those of open, write and
 * flush, ERR_BUDGET, or ERR_INVALID for a name too long; nothing stays behind in `dir` but after a
 * crash. */
void rt_probe_start(struct rt_probe *probe, struct rt_shard *shard, const char *dir,
                    uint64_t budget_ns, void (*done)(struct rt_probe *probe));

/* "linked", "dsync", "thread": for log lines. Static storage. */
const char *rt_flush_form_name(enum rt_flush_form form);

#endif
