/* Which offset stands where: the ends of a partition, and its first record of a time (Kafka's
 * ListOffsets). Answers are as of the high watermark. */
#ifndef BROKER_CORE_OFFSETS_H
#define BROKER_CORE_OFFSETS_H

#include <stdint.h>

#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"

struct core_offsets;
typedef void core_offsets_fn(struct core_offsets *offsets);

/* Instead of a timestamp, KIP-396, KIP-405, KIP-734. */
#define CORE_OFFSETS_LATEST         (-1)
#define CORE_OFFSETS_EARLIEST       (-2)
#define CORE_OFFSETS_MAX_TIMESTAMP  (-3)
#define CORE_OFFSETS_EARLIEST_LOCAL (-4)
#define CORE_OFFSETS_LATEST_TIERED  (-5)

/* A question about one partition. In place, the caller's until start and from `done` on. */
struct core_offsets {
    /* Asked. */
    core_offsets_fn *done; /* once, from a turn of the loop of the shard that started it */
    void *ctx;             /* the caller's */
    struct log_uuid topic; /* which partition */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise */
    int32_t epoch;         /* leader epoch the client knows, -1: none */
    int64_t timestamp;     /* ms >= 0, or one of the above; others: CORE_INVALID_REQUEST */

    /* Answered. */
    enum core_code code;     /* how it ended */
    int64_t offset;          /* -1: no record has such a time, nothing is tiered */
    int64_t timestamp_found; /* of the record, ms; -1: none was looked for or found */
    int32_t leader_epoch;    /* of the entry found; of the partition for its end; -1: not known */

    /* Private to offsets.c. */
    struct core_call call;  /* there and back */
    uint64_t best_offset;   /* of the batch with the largest timestamp seen so far, */
    int64_t best_timestamp; /* and that; -1: none */
    bool is_scanning;       /* all batches are being looked at */
    bool is_scanned;        /* they were, or are */
};

/* Ask. */
void core_offsets_start(struct core_shard *cs, struct core_offsets *offsets);

#endif
