/* The timeline's state, as the fold of its ticks (tick.h), and what the next tick will say.
 *
 * Of each partition two ends are known: the one that the ticks have said, and the one that its
 * shard has told; where they differ the partition is *dirty*, and a tick is due. Of each view there
 * is a start that the ticks have said, or one that is ready: it goes into the next tick once all
 * its source's partitions have told their ends.
 *
 *     core_timeline_apply         a tick that the log has
 *     core_timeline_tell, ...     what happens
 *     core_timeline_measure, core_timeline_put    the next tick's bytes
 *     core_timeline_take          that tick is in the log: it has been said
 *
 * Pure but for memory, which is the budget's: no clock, no log. One thread. */
#ifndef BROKER_CORE_TIMELINE_H
#define BROKER_CORE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "broker/core/tick.h"
#include "storage/log/format.h"

/* Topics and views of a timeline, at most. */
#define CORE_TIMELINE_TOPICS_MAX 4096u
#define CORE_TIMELINE_STARTS_MAX 4096u

/* Instead of an origin: the end that the tick says. */
#define CORE_TIMELINE_LATEST UINT64_MAX

struct core_timeline_topic;

/* A partition. */
struct core_timeline_end {
    struct list_node in_dirty;         /* core_timeline.dirty */
    struct core_timeline_topic *topic; /* whose */
    uint64_t told;                     /* by its shard */
    uint64_t said;                     /* by the ticks, <= told where both are known */
    uint32_t partition;                /* which */
    bool is_told;                      /* `told` is known */
    bool is_said;                      /* `said` is */
};

/* A topic. Of core_timeline.topic_pool. */
struct core_timeline_topic {
    struct map_node in_topics;      /* core_timeline.topics */
    struct log_uuid uuid;           /* whose */
    struct core_timeline_end *ends; /* by partition */
    uint32_t capacity;              /* of `ends` */
    bool is_followed;               /* ticks say its ends */
};

/* A view's start. Of core_timeline.start_pool. */
struct core_timeline_start {
    struct list_node in_starts; /* core_timeline.starts */
    struct log_uuid view;       /* whose */
    struct log_uuid topic;      /* of its source, while it is ready */
    uint64_t *origins;          /* by partition; CORE_TIMELINE_LATEST while it is ready */
    uint32_t partitions_count;  /* of them */
    bool is_said;               /* by the ticks; else it is ready */
    bool is_next;               /* ready, and in the tick that was measured */
    bool is_kept;               /* for core_timeline_sweep */
};

/* What the next tick will be. */
struct core_timeline_next {
    struct core_tick tick; /* without bytes */
    size_t bytes;          /* of it */
    uint64_t records;      /* more than the ticks have said, of partitions of which they have */
};

struct core_timeline {
    struct budget *budget; /* all memory is charged to it */
    uint64_t epoch;        /* 0: no tick yet */
    uint64_t number;       /* of the newest tick, 0: none */
    int64_t wall_ms;       /* of it */
    struct map topics;     /* core_timeline_topic.in_topics, by uuid */
    struct map_node **buckets;
    struct pool topic_pool;
    struct pool start_pool;
    struct list dirty;     /* core_timeline_end.in_dirty, of followed topics, in the order told */
    uint32_t dirty_count;  /* of them */
    struct list starts;    /* core_timeline_start.in_starts */
    uint32_t said_count;   /* partitions of followed topics that the ticks have said */
    uint32_t starts_count; /* starts that the ticks have said */
    size_t starts_bytes;   /* of those */
    const char *why;       /* why core_timeline_apply gave ERR_CORRUPT */
};

/* Make it empty. ERR_BUDGET. */
MUST_USE enum err core_timeline_init(struct core_timeline *tl, struct budget *budget);
void core_timeline_deinit(struct core_timeline *tl);

/* Forget what ticks have said, and all starts; what was told and who is followed stays. */
void core_timeline_reset(struct core_timeline *tl);

/* The next tick that the log has. ERR_CORRUPT, tl->why: it contradicts those before (the first must
 * be whole; one epoch; numbers in a row; times and ends that do not fall; a start once).
 * ERR_BUDGET, ERR_FULL. After an error: reset. */
MUST_USE enum err core_timeline_apply(struct core_timeline *tl, const struct core_tick *tick);

/* All ticks that the log has were applied: what they say of topics that nobody follows and nobody
 * tells of is forgotten. */
void core_timeline_applied(struct core_timeline *tl);

/* The topic is followed from now on, or not: then all is forgotten of it. ERR_BUDGET, ERR_FULL: it
 * is not followed. */
MUST_USE enum err core_timeline_follow(struct core_timeline *tl, const struct log_uuid *topic);
void core_timeline_unfollow(struct core_timeline *tl, const struct log_uuid *topic);

/* The end of a partition (of any topic: who follows may be heard of later). One below what is known
 * changes nothing. ERR_BUDGET, ERR_FULL: it was not told. */
MUST_USE enum err core_timeline_tell(struct core_timeline *tl, const struct log_uuid *topic,
                                     uint32_t partition, uint64_t end);

/* The partition of a followed topic, or NULL: nothing was told or said of it. Whether the topic is
 * followed. */
const struct core_timeline_end *core_timeline_find(const struct core_timeline *tl,
                                                   const struct log_uuid *topic,
                                                   uint32_t partition);
bool core_timeline_is_followed(const struct core_timeline *tl, const struct log_uuid *topic);

/* A start for `view` (asserted: it has none) over `partitions_count` partitions of `topic`, is
 * ready. ERR_BUDGET, ERR_FULL. */
MUST_USE enum err core_timeline_begin(struct core_timeline *tl, const struct log_uuid *view,
                                      const struct log_uuid *topic, uint32_t partitions_count,
                                      const uint64_t *origins);

/* The start of `view`, said or ready, or NULL; it is to stay when others are swept; all that are
 * not to stay are forgotten. */
struct core_timeline_start *core_timeline_start(const struct core_timeline *tl,
                                                const struct log_uuid *view);
void core_timeline_sweep(struct core_timeline *tl);

/* Whether the next tick has something to say. */
bool core_timeline_is_due(const struct core_timeline *tl);

/* *out = the next tick, not before `wall_ms`; whole where asked for, or where it is the first.
 * `epoch` is that of a first one. Ready starts go into it as far as there is room. ERR_TOO_LARGE:
 * no whole one fits a batch. */
MUST_USE enum err core_timeline_measure(struct core_timeline *tl, bool is_whole, int64_t wall_ms,
                                        uint64_t epoch, struct core_timeline_next *out);

/* Write it: `next` as measured, nothing has happened since. It fits (asserted). */
void core_timeline_put(const struct core_timeline *tl, const struct core_timeline_next *next,
                       struct bytes_writer *w);

/* It is on its way into the log. */
void core_timeline_take(struct core_timeline *tl, const struct core_timeline_next *next);

/* *out, and its bytes: the newest tick again, as a whole one; there is one (asserted). */
void core_timeline_measure_state(const struct core_timeline *tl, struct core_timeline_next *out);
void core_timeline_put_state(const struct core_timeline *tl, const struct core_timeline_next *next,
                             struct bytes_writer *w);

#endif
