/* What partitions keep: old records go (retention.ms, retention.bytes), and segments are rolled so
 * that they can (segment.ms). What goes is decided by the log (storage/log/retention.h) and done by
 * the trimmer (trim.h).
 *
 * Each shard looks at its partitions every `retention_check_ms`, one after the other: at most one
 * read is under way, and a turn looks at few. A partition that has nothing to do is not used (no
 * entry, no new term) and, where its older segments are known, not read.
 *
 * Ages are those of records, as Kafka has them: a segment goes when its largest timestamp is older
 * than retention.ms; the active one is rolled when the batch let in last is later than its first
 * one by segment.ms. Records without timestamps do neither. A clock that a client has set wrong
 * makes its records go early or late, nobody else's. */
#ifndef BROKER_CORE_RETENTION_H
#define BROKER_CORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/timer.h"
#include "storage/log/log.h"

struct core_partition;
struct core_shard;

/* A shard's. */
struct core_retention {
    struct core_shard *cs;       /* whose */
    struct list partitions;      /* core_retained.in_shard: those looked at last are last */
    struct rt_timer timer;       /* the next look */
    struct log_op roll;          /* of the partition in hand */
    struct core_partition *part; /* in hand: a read or a roll of it is under way; NULL: none */
    uint32_t count;              /* partitions there are */
    uint32_t left_count;         /* to be looked at in this round */
    bool is_closed;              /* no more */

    /* Statistics. */
    uint64_t rounds_count; /* that were begun */
    uint64_t trims_count;  /* log starts that were to move */
    uint64_t rolls_count;  /* segments rolled */
};

/* A partition's part: embedded in it. */
struct core_retained {
    struct list_node in_shard;    /* core_retention.partitions */
    uint64_t segment_index;       /* the active segment of which the next is known; 0: none */
    int64_t segment_timestamp_ms; /* of its first batch; -1: it has none */
    bool is_loaded;               /* older segments were asked for in this look */
};

/* Make it empty, and look every `interval_ms` (0: never). End it: what is under way ends by itself,
 * and keeps its partition until then. */
void core_retention_open(struct core_retention *retention, struct core_shard *cs,
                         uint64_t interval_ms);
void core_retention_close(struct core_retention *retention);

/* The shard has this partition now; has it no more. */
void core_retention_add(struct core_retention *retention, struct core_partition *part);
void core_retention_remove(struct core_retention *retention, struct core_partition *part);

#endif
