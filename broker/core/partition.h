/* A partition, on the shard of its group: what it lets in, how far it may be read, who waits for
 * it.
 *
 * **Acknowledgement** (LOG §6). A batch that was let in is *pending* until its entry is committed
 * or failed. Three indexes, computed from the group's, decide what clients see:
 *
 *   acks=1 is answered at     durable_here; under quorum-memory received_here; or committed,
 *                             whichever comes first
 *   the high watermark        min(committed, durable_on(min.insync.replicas)); under quorum-memory
 *   follows                   received_majority
 *   acks=all is answered      with the high watermark; under `leader` as acks=1
 *
 * The high watermark is an offset; the entry it stands behind is hw_index. Nothing at or above it
 * is shown to a consumer.
 *
 * Private to broker/core; doors use append.h, fetch.h, offsets.h. Own shard only. */
#ifndef BROKER_CORE_PARTITION_H
#define BROKER_CORE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/rt/timer.h"
#include "broker/core/code.h"
#include "broker/core/retention.h"
#include "broker/core/ticks.h"
#include "broker/core/topic_config.h"
#include "broker/core/trim.h"
#include "raft/driver/group.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/read.h"

struct core_append;
struct core_idempotence;
struct core_partition;
struct core_shard;
struct core_topic;

/* A partition. */
struct core_partition {
    struct map_node in_map;          /* core_shard.partitions, by its group */
    struct core_shard *cs;           /* where it is */
    struct log_uuid topic;           /* whose */
    uint32_t index;                  /* which of the topic's */
    struct core_topic_config config; /* the topic's, as the newest catalog here says */
    struct raft_group group;         /* its replication */
    struct raft_watch watch;         /* tells when something of it moved */
    struct list pendings;     /* core_pending.in_partition: let in and not committed, in order */
    struct list waiters;      /* core_waiter.in_partition: parked fetches */
    struct list sources;      /* core_view_source.in_partition: feeds of views */
    uint64_t sources_start;   /* the log start that their pins were counted with */
    uint64_t pinned_bytes;    /* what their pins keep below it */
    uint64_t hw_index;        /* the last entry below the high watermark */
    uint64_t hw_offset;       /* the high watermark */
    int64_t max_timestamp;    /* of the records below it, deleted ones included, or more, ms;
                                 -1: none */
    int64_t newest_timestamp; /* the largest of the last batch that was let in here and is below it,
                                 ms; -1: none was */
    struct core_ticks_mark ticks;         /* what the timeline was told of it */
    struct core_trimmer trimmer;          /* moves the log start */
    struct core_retained retained;        /* what retention knows of it */
    uint32_t readings_count;              /* reads under way */
    struct core_idempotence *idempotence; /* its producers; NULL: nothing is known of them */
    uint32_t plain_term;                  /* all entries were appended in this term, here, none of a
                                             producer; 0: that is not known (idempotence.h) */
    bool wants_producers;                 /* a segment began without their section */
    bool is_placing;                      /* `place` looks up an offset */
    bool is_closing;                      /* deleted, or the shard closes: nothing new */
    bool is_deleted;                      /* its log goes when it is closed */
    bool is_closed;                       /* its group is */
    struct list_node in_closing;          /* core_shard.closing */
    struct log_read place; /* finds the offset behind an entry that was not let in here */
    struct log_op log_op;  /* creates its log, deletes it */
};

/* A batch on its way into the log; or one that repeats another, in core_idempotence.repeats: then
 * `proposal` is idle but for the index of the other, 0 where that is committed. */
struct core_pending {
    struct list_node in_partition; /* core_partition.pendings, or .repeats */
    struct core_partition *part;   /* where */
    struct core_append *append;    /* who waits for the answer; NULL: it was given */
    struct raft_proposal proposal; /* its entry */
    uint64_t next_offset;          /* behind its last record */
    int64_t max_timestamp;         /* of its records, ms */
    struct rt_timer deadline;      /* runs while an answer is due */
};

/* A fetch that waits for more. */
struct core_waiter {
    struct list_node in_partition;            /* core_partition.waiters; unlinked: waits no more */
    void (*wake)(struct core_waiter *waiter); /* the high watermark moved, or the partition goes:
                                                 called with the waiter unlinked */
};

/* The partition of `group` on this shard that is `index` of `topic`, or NULL. */
struct core_partition *core_partition_find(struct core_shard *cs, uint64_t group,
                                           const struct log_uuid *topic, uint32_t index);

/* Make the partition whose group is `group` there, or take the topic's new config. ERR_BUDGET and
 * errors of log_create. */
MUST_USE enum err core_partition_open(struct core_shard *cs, const struct core_topic *topic,
                                      uint32_t index);

/* End it: waiting appends are answered, parked fetches are woken. With `is_deleted` its log is
 * removed; else it stays. It leaves core_shard.partitions at once and memory when nothing of it is
 * under way. */
void core_partition_close(struct core_partition *part, bool is_deleted);

/* Delete `log`, which no topic has. */
void core_partition_drop(struct core_shard *cs, struct log *log);

/* A read of it ended, or anything else that kept a closing one. */
void core_partition_release(struct core_partition *part);

/* A batch is let in: core_append's. */
void core_partition_append(struct core_partition *part, struct core_append *append);

/* `append` was not let in: its bytes go home, and it is answered append->code. */
void core_partition_refuse(struct core_partition *part, struct core_append *append);

/* The last entry for which a producer that asked for `acks` may be answered; for -1 it is what the
 * high watermark follows. */
uint64_t core_partition_acks_index(const struct core_partition *part, int16_t acks);

/* Whoever waits for it is told; nothing to do where it was. It stays. */
void core_pending_answer(struct core_pending *pending, enum core_code code);

/* It failed: whoever waits is told so. It is gone. */
void core_pending_fail(struct core_pending *pending, enum err err);

/* It was answered and is of no use any more. */
void core_pending_free(struct core_pending *pending);

/* Its time is up: core_pending.deadline's. */
void core_pending_late(struct rt_timer *timer);

/* What log_status says: end and start. */
struct log_status core_partition_status(const struct core_partition *part);

/* The offset of the first record that clients are shown; it may lie within a batch. */
uint64_t core_partition_log_start(const struct core_partition *part);

/* Whether a client that knows leader epoch `epoch` (-1: none) may go on: CORE_OK, CORE_FENCED_EPOCH
 * (it knows an older one), CORE_UNKNOWN_EPOCH. */
enum core_code core_partition_check_epoch(const struct core_partition *part, int32_t epoch);

#endif
