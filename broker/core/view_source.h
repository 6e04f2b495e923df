/* A feed's part on the shard of its partition: what reads the log, and the pin. See view_feed.h.
 *
 * Private to broker/core, but for the pins, which are shown. Own shard only; nothing blocks. */
#ifndef BROKER_CORE_VIEW_SOURCE_H
#define BROKER_CORE_VIEW_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/rt/file.h"
#include "base/rt/op.h"
#include "broker/core/code.h"
#include "raft/driver/feed.h"
#include "storage/log/log.h"

struct core_call;
struct core_catalog;
struct core_partition;
struct core_shard;
struct core_view_feed;

/* Feeds from one shard's partitions at most. */
#define CORE_VIEW_SOURCES_MAX 4096u

/* A feed's part, or a pin that waits for one. Of core_views.pool. */
struct core_view_source {
    struct core_shard *cs;         /* where */
    struct core_partition *part;   /* of which partition; NULL: it is gone */
    struct list_node in_partition; /* core_partition.sources */
    struct list_node in_shard;     /* core_views.sources */
    struct core_view_feed *feed;   /* whose step is in hand; NULL: none is */
    struct raft_feed entries;      /* reads them */
    struct raft_entry held;        /* given by `entries`, and not given on */
    uint64_t next_index;           /* entries below it were given by `entries` */
    struct log_pin pin;            /* keeps what was not read */
    uint64_t pinned_bytes;         /* what that keeps below the log start */
    const char *owner;             /* of the pin */
    struct log_uuid view;          /* whose feed it is for; zero: nobody else's */
    const char *pin_why;           /* why it broke; NULL: it did not */
    enum core_code gone;           /* why the partition is gone */
    bool is_taken;                 /* a feed has it; else it is a view's that has none yet */
    bool is_placed;                /* where it began is known */
    bool is_open;                  /* `entries` is */
    bool is_held;                  /* `held` is there */
    bool is_pinned;                /* `pin` is set */
    bool is_canceled;              /* the step in hand is to end */
};

/* A shard's. */
struct core_views {
    struct pool pool;      /* of struct core_view_source */
    struct list sources;   /* core_view_source.in_shard, oldest first */
    struct rt_op op_space; /* shard 0: asks how large the disk is */
    struct rt_space space; /* likewise */
};

/* A pin, for people. */
struct core_view_pin {
    const char *owner;  /* whose */
    uint64_t group;     /* of the partition */
    uint32_t partition; /* its number in the topic */
    uint64_t index;     /* entries from here on are kept */
    uint64_t bytes;     /* what that keeps below the log start */
    uint64_t age_ns;    /* since it was set */
    const char *why;    /* it broke; NULL: it holds */
};

/* Make it empty. On shard 0, when the data directory is there: find out what a quarter of the disk
 * is, where the config does not say how much pins may keep. End it, when it is idle: every feed has
 * been closed (asserted). */
void core_views_open(struct core_shard *cs);
void core_views_size(struct core_shard *cs);
bool core_views_is_idle(const struct core_shard *cs);
void core_views_close(struct core_shard *cs);

/* Pins of this shard's partitions, oldest first, `max` at most. Returns how many. */
uint32_t core_view_pins(const struct core_shard *cs, struct core_view_pin *out, uint32_t max);

/* The shard takes the catalog `next` after `old` (NULL: it is the first one), and its partitions
 * are open: partitions that views read are pinned from now on for views, and for partitions, that
 * are new in it; pins that wait for a view that is gone go. */
void core_views_adopt(struct core_shard *cs, const struct core_catalog *old,
                      const struct core_catalog *next);

/* The view is kept up no more: its pins that wait for a feed go. */
void core_views_leave(struct core_shard *cs, const struct log_uuid *view);

/* Calls of a feed: a step, its cancel, its close. */
void core_view_source_step(struct core_shard *at, struct core_call *call);
void core_view_source_cancel(struct core_shard *at, struct core_call *call);
void core_view_source_close(struct core_shard *at, struct core_call *call);

/* An index of the partition, or its log start, moved; it is being closed. */
void core_view_sources_moved(struct core_partition *part);
void core_view_sources_gone(struct core_partition *part, enum core_code code);

#endif
