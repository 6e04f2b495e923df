/* What the log is held against: writes and flushes of plain files through a bare ring, as a
 * programmer writes them who wants just that. The completion queue is polled for LIMIT_POLL_NS
 * before the thread sleeps, as the runtime does. Ends the program when something fails. */
#ifndef BENCH_MACRO_LOG_RAW_H
#define BENCH_MACRO_LOG_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/file.h"

struct log_raw_plan {
    const char *dir;      /* where files are made */
    uint32_t files_count; /* written in turn */
    uint64_t file_bytes;  /* each; writes go from its start to its end, then from its start */
    uint32_t write_bytes; /* of one write */
    uint32_t depth;       /* in flight at a time */
    bool is_direct;       /* O_DIRECT, where it is granted */
    bool is_zeroed;  /* written once before; else only allocated; with file_bytes 0 neither: files
                        grow */
    bool is_read;    /* read instead of written; files are written before */
    bool does_flush; /* each write is flushed */
    bool does_poll;  /* as above; else it sleeps at once */
    enum rt_flush_form form; /* of a flush: linked, or RWF_DSYNC; a thread's is linked here */
    uint64_t duration_ns;    /* no more after this long; 0: see bytes_max */
    uint64_t bytes_max;      /* no more after so many; 0: no bound */
    uint64_t interval_ns;    /* from the begin of one to that of the next, at least (depth 1) */
};

struct log_raw_result {
    uint64_t ops_count;    /* done */
    uint64_t bytes;        /* of them */
    uint64_t elapsed_ns;   /* of all */
    uint64_t device_bytes; /* written by the process meanwhile */
    double p50_ns;         /* of one, flush included */
    double p99_ns;         /* likewise */
    double max_ns;         /* the slowest */
};

/* Run it, files made and removed. Blocks. */
struct log_raw_result log_raw_run(const struct log_raw_plan *plan);

#endif
