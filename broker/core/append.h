/* Appending a client's batch to a partition. */
#ifndef BROKER_CORE_APPEND_H
#define BROKER_CORE_APPEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "broker/core/records.h"
#include "storage/log/format.h"

struct core_append;
typedef void core_append_fn(struct core_append *append);

/* One batch. In place, the caller's until core_append_start and from `done` on. */
struct core_append {
    /* Asked. */
    core_append_fn *done;  /* once, from a turn of the loop of the shard that started it */
    void *ctx;             /* the caller's */
    struct log_uuid topic; /* where to */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise: core_topic.groups */
    struct buf_loan *loan; /* the batch's bytes, writable (buf_lend_written), validated; the
                              partition's from start on */
    struct core_records_info *info; /* what core_records_validate found */
    int16_t acks;                   /* -1, 0 or 1 (asserted) */
    int64_t timeout_ms;             /* for acks -1: answer CORE_TIMEOUT after it; it may be appended
                                       all the same */

    /* Answered. */
    enum core_code code;       /* CORE_OK: as safe as acks asks for */
    uint64_t base_offset;      /* of the first record; acks 0 too */
    int64_t append_time_ms;    /* the time set by the broker, -1: the client's stand */
    uint64_t log_start_offset; /* of the partition */
    int32_t leader;            /* with CORE_NOT_LEADER: the node to ask, -1: not known */
    int32_t leader_epoch;      /* and its epoch */

    /* Private to broker/core. */
    struct core_call call;       /* there and back */
    struct list_node in_waiting; /* core_idempotence.waiting: until its producers are known */
};

/* Append: from the shard of `cs`. Appends that one shard starts to one partition are let in in that
 * order; but after a start those of idempotent producers, in order among themselves, may be let in
 * behind others. A batch that an idempotent producer sends again is answered as it was the first
 * time, once that is as safe as `acks` asks for. */
void core_append_start(struct core_shard *cs, struct core_append *append);

#endif
