/* A partition's committed records for whoever folds them (views), asked for on any shard.
 *
 * Step by step: a step gives whole batches, in order, each record once; or it waits until there are
 * some. Nothing is given that is not committed, and nothing at or above the high watermark (the
 * last stable offset is the same as long as there are no transactions). Records that are no more
 * are told as a gap before the batches that follow.
 *
 * **The pin.** DeleteRecords and retention move the log start that clients see at once; what a feed
 * has not read stays for it, and for feeds alone, until its pin moves on: a step tells by
 * `keep_index` from where on its owner would read again after a restart. Pins of all feeds of the
 * node keep at most `view.pin.max.bytes` below the log starts. Past that the pin of the partition
 * whose start moved breaks, the one that lies lowest first: the feed goes on and is told why; what
 * it did not get comes as a gap.
 *
 * **Views of the catalog** have their pins before their feeds: from the turn in which a shard takes
 * a catalog with a new view, or opens its partitions, until the view's feed takes the pin over, or
 * the view goes. So whatever is trimmed first after a start, or while a view is being made, stays.
 *
 * A feed is closed before its shard's part of the broker is. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_VIEW_FEED_H
#define BROKER_CORE_VIEW_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"

struct core_view_feed;
struct core_view_source;
typedef void core_view_feed_fn(struct core_view_feed *feed);

/* In place, from open until closed. Zero it, fill the first part. */
struct core_view_feed {
    /* Asked. */
    core_view_feed_fn *done; /* once for each step, from a turn of the loop of the feed's shard */
    void *ctx;               /* the caller's */
    const char *owner;       /* of the pin, for people; static storage */
    struct log_uuid view;    /* whose pin it takes over; zero: it has one of its own */
    struct log_uuid topic;   /* which partition */
    uint32_t partition;      /* likewise */
    uint64_t group;          /* likewise */
    uint64_t offset;         /* the next record wanted; each step moves it on */
    uint64_t keep_index;     /* entries below it are not needed again: the next_index of an earlier
                                answer; 0: all that was given may be. Acts with the next step */
    uint32_t bytes_max;      /* of a step; a batch is given in any case */

    /* Answered: the caller's from done until the next step or the close. */
    enum core_code code;    /* CORE_OK; CORE_OFFSET_OUT_OF_RANGE: the offset is above the log's
                               end; CORE_CORRUPT_MESSAGE: what stands there cannot be read. The
                               next step tries again. Of a partition that is gone
                               CORE_UNKNOWN_TOPIC or CORE_CLOSING: for good */
    uint64_t first_offset;  /* of the first record given; above what was wanted: those between are
                               no more */
    uint64_t next_index;    /* of the entry behind the last one given */
    struct buf_loan *loans; /* the batches, chained by buf_loan.next: the caller's to give back
                               (core_loans_return_all). The first may begin below what was wanted.
                               NULL with CORE_OK: canceled, or first_offset is above what was
                               wanted, and no record stands behind those that are no more yet */
    const char *pin_why;    /* why the pin broke; NULL: it holds. Static storage */

    /* Private to view_feed.c and view_source.c. */
    struct core_shard *home;         /* who opened it */
    struct core_call call;           /* a step, or the close */
    struct core_call cancel;         /* ends a step early */
    core_view_feed_fn *closed;       /* of the close */
    struct core_view_source *source; /* its part on the partition's shard; NULL: none. Touched there
                                        alone */
    bool is_away;                    /* `call` is */
    bool is_cancel_away;             /* `cancel` is */
};

/* Make it ready, from the shard of `cs`. Nothing is asked yet, nothing is pinned before the first
 * step. */
void core_view_feed_open(struct core_view_feed *feed, struct core_shard *cs);

/* Begin the next step; no step is in hand (asserted). */
void core_view_feed_next(struct core_view_feed *feed);

/* Ask the step in hand to end early: done still fires once, with what it had by then. Nothing to do
 * when there is none. */
void core_view_feed_cancel(struct core_view_feed *feed);

/* End it; no step is in hand (asserted), its loans have been given back. `closed` fires once, from
 * a turn of the loop; its pin is gone then. */
void core_view_feed_close(struct core_view_feed *feed, core_view_feed_fn *closed);

#endif
