/* Which form of durable write is fastest on a device (LOG §4, end): measured at start in the
 * directory that will be written, on a file that was written before, as the journal's are. Takes
 * some 50 ms. */
#ifndef BASE_RT_PROBE_H
#define BASE_RT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rt/file.h"
#include "base/rt/op.h"
#include "base/sm.h"

#define RT_PROBE_WRITES_MAX 64 /* measured writes per form */

/* One form's figures. */
struct rt_probe_form {
    uint64_t samples_ns[RT_PROBE_WRITES_MAX]; /* sorted when done */
    uint32_t samples_count;                   /* how many */
    uint64_t p50_ns;                          /* of one 4 KiB durable write, one at a time */
    uint64_t p99_ns;
};

/* A staged operation; in place, the caller's until done. */
struct rt_probe {
    void (*done)(struct rt_probe *probe);       /* fires once, from the ready queue */
    void *owner;                                /* the caller's */
    enum err err;                               /* in done: why it failed; ERR_OK: the rest holds */
    enum rt_flush_form best;                    /* lowest p50 */
    struct rt_probe_form forms[RT_FLUSH_COUNT]; /* figures */
    bool is_direct;                             /* O_DIRECT worked there */
    struct sm sm;                               /* where it stands */
    struct rt_op op;                            /* its one request under way */
    struct rt_file file;                        /* scratch file, unlinked at the end */
    char path[512];                             /* its name */
    uint8_t *block;                             /* what is written; from the shard's budget */
    struct iovec iov;                           /* over block */
    uint32_t form;                              /* being measured */
    uint32_t write;                             /* number within the form */
    uint64_t began_ns;                          /* of this write */
    uint64_t budget_ns;                         /* when to stop measuring this form */
};

/* Measure in directory `dir` (the caller's until done). Errors: those of open, write and flush. */
void rt_probe_start(struct rt_probe *probe, struct rt_shard *shard, const char *dir,
                    void (*done)(struct rt_probe *probe));

/* "linked", "dsync", "thread": for log lines. Static storage. */
const char *rt_flush_form_name(enum rt_flush_form form);

#endif
