/* Between the files that give rows to the executor: scan.c (which opens), scan_stream.c and its
 * parts, scan_view.c, system_scan.c. */
#ifndef BROKER_CORE_SCAN_INT_H
#define BROKER_CORE_SCAN_INT_H

#include <stdint.h>

#include "broker/core/scan.h"

/* What a source does. */
struct core_source_ops {
    enum exec_result (*next)(struct exec_source *source, struct exec_failure *failure,
                             const struct vec_batch **out);
    void (*close)(struct exec_source *source);
};

/* The head of every source here. */
struct exec_source {
    const struct core_source_ops *ops;
    struct core_scans *scans; /* whose */
    struct budget *budget;    /* what all its memory is charged to, itself too */
};

/* Rows of a topic's records. */
MUST_USE enum err core_scan_stream_open(struct core_scans *scans, const struct plan_scan *scan,
                                        uint32_t outputs_count, struct budget *budget,
                                        struct exec_failure *failure, struct exec_source **out);

/* Rows of a system table. */
MUST_USE enum err core_scan_system_open(struct core_scans *scans, const struct plan_scan *scan,
                                        uint32_t outputs_count, struct budget *budget,
                                        struct exec_failure *failure, struct exec_source **out);

/* Rows of a materialized view. */
MUST_USE enum err core_scan_view_open(struct core_scans *scans, const struct plan_scan *scan,
                                      uint32_t outputs_count, struct budget *budget,
                                      struct exec_failure *failure, struct exec_source **out);

/* *out = zeroed memory of `bytes` for a source, counted as open. ERR_BUDGET: `failure` says so. */
MUST_USE enum err core_source_new(struct core_scans *scans, size_t bytes,
                                  const struct core_source_ops *ops, struct budget *budget,
                                  struct exec_failure *failure, void *out);

/* Nothing of it is under way: give it back. In a turn of the loop (not within close, where
 * `is_closing` is false) the owner is told when it was the last. */
void core_source_free(struct exec_source *source, bool is_turn);

/* failure = `state` and the sentence that the format gives. Returns EXEC_FAILED. */
enum exec_result core_source_fail(struct exec_failure *failure, const char *state,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

/* failure = no memory. Returns EXEC_FAILED. */
enum exec_result core_source_fail_memory(struct exec_failure *failure);

#endif
