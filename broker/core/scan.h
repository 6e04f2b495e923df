/* The rows of relations, for the executor: a stream's records parsed into columns, up to what was
 * committed when the scan began; system tables. Sources of exec.h.
 *
 * A partition is read after the other, in order, by steps of a feed (view_feed.h), from the first
 * offset that the scan's bounds allow to the last one; the next step is under way while the rows of
 * one are parsed. Who has a stream read by several scans asks for its bounds once, for all of them.
 * Only columns that the scan names are parsed. A value that does not fit its column is NULL there
 * and an error row (errors.h); a record that is not JSON has NULL in all of its value's columns.
 * Where no column needs a record, rows are counted by the batches' headers.
 *
 * Records deleted meanwhile are left out, or given where they still stood. What a query fails by:
 * 42P01 the topic is gone; XX001 a batch is damaged, where it says topic, partition and offset;
 * 53200 no memory; 57P01, 57P03, 58030 as the partition answers.
 *
 * Own shard only; nothing blocks. */
#ifndef BROKER_CORE_SCAN_H
#define BROKER_CORE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/position.h"
#include "views/exec/exec.h"

struct core_bounds_item;
struct core_shard;

/* What the scans of one query have in common: the source_ctx of exec_open. The owner fills the
 * first part. */
struct core_scans {
    struct core_shard *cs;     /* where the query runs */
    void (*ready)(void *ctx);  /* a source that answered BLOCKED can go on: called from a turn of
                                  the loop, never within next; perhaps more often than asked */
    void (*closed)(void *ctx); /* every source is gone: memory may go. From a turn of the loop,
                                  never within close: who closes looks at open_count first */
    void *ctx;                 /* the caller's */
    const struct core_bounds_item
        *bounds; /* of every partition of the one stream that is read: where it begins and ends;
                    NULL: that is asked for. Lives as long */

    struct core_position position_min; /* of a view: wait until it has this; epoch 0: any */
    uint64_t deadline_ns;              /* of a view: wait so long for it */
    bool is_any;                       /* of a view: as it is, and do not wait */
    struct exec_source *awaited;       /* reads a view that is not there yet; NULL: none does */

    struct core_position position; /* of views: what the rows of all hold; epoch 0: not known */
    uint64_t records_count;        /* looked at */
    uint64_t bytes;                /* of batches as they lie in the log */
    uint64_t errors_count;         /* error rows found, and of views: those of what was folded */
    uint64_t duplicates_count;     /* names that objects had again on the way of a column's path */
    bool is_changed;               /* a view that is read was replaced, or dropped, before it gave
                                      rows: the statement means another one */
    uint32_t open_count;           /* sources that are not gone; 0: `closed` has nothing to tell */
};

/* The sources. */
extern const struct exec_source_ops core_scan_ops;

/* The time is over. True: a view is waited for, and is not any more: `ready` is called soon. */
bool core_scans_hurry(struct core_scans *scans);

/* Whether a view is waited for, or was until the time was over; `failure` says which, and how far
 * it is. */
bool core_scans_is_late(const struct core_scans *scans, struct exec_failure *failure);

#endif
