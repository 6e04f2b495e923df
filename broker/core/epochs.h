/* Leader epochs: up to where the records of one reach (Kafka's OffsetForLeaderEpoch, KIP-101,
 * KIP-279, KIP-320). A client that holds records of an epoch learns by it whether they are still
 * those of the log.
 *
 * The answer to epoch E, as Kafka's LeaderEpochFileCache gives it, over the epochs that own records
 * from the log start on (others are not shown, LOG §8):
 *
 *   the epoch    the highest one <= E; E itself where there is none: its records were deleted
 *   the offset   the first record of the lowest epoch above E; none is above: the log's end
 *   -1, -1       E is above the leader's epoch
 *
 * Epochs are the log's terms, so the table is the log's own: it is there after a start, and trims
 * take only what no record is left of. */
#ifndef BROKER_CORE_EPOCHS_H
#define BROKER_CORE_EPOCHS_H

#include <stdint.h>

#include "base/err.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "storage/log/format.h"

struct core_epochs;
struct core_partition;
typedef void core_epochs_fn(struct core_epochs *epochs);

/* A question about one partition. In place, the caller's until start and from `done` on. */
struct core_epochs {
    /* Asked. */
    core_epochs_fn *done;  /* once, from a turn of the loop of the shard that started it */
    void *ctx;             /* the caller's */
    struct log_uuid topic; /* which partition */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise */
    int32_t epoch_known;   /* leader epoch the client knows, -1: none */
    int32_t epoch;         /* which epoch's end is asked for */

    /* Answered. */
    enum core_code code;  /* how it ended */
    int32_t leader_epoch; /* the essay's epoch; -1: none, and with an error */
    int64_t end_offset;   /* the essay's offset; -1: likewise */

    /* Private to epochs.c. */
    struct core_call call; /* there and back */
};

/* Ask. */
void core_epochs_start(struct core_shard *cs, struct core_epochs *epochs);

/* The answer for a partition of this shard, from memory. ERR_AGAIN: its older segments are not
 * loaded yet, which any read of the oldest entry does. */
MUST_USE enum err core_epochs_end(const struct core_partition *part, int32_t epoch,
                                  int32_t *leader_epoch, int64_t *end_offset);

#endif
