/* Deleting the oldest records of a partition: a client's wish (Kafka's DeleteRecords), and what
 * retention lets go.
 *
 * A partition has one *trimmer*: it proposes one trim entry at a time (LOG §8), for the furthest
 * place that anyone asked for. Once that entry is committed the log start moves, and with it what
 * clients are shown; the files go later, when no pin holds them. The start may lie within a batch:
 * the batch stays whole, records below the start are not counted as there. */
#ifndef BROKER_CORE_TRIM_H
#define BROKER_CORE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/rt/timer.h"
#include "broker/core/call.h"
#include "broker/core/code.h"
#include "raft/driver/group.h"
#include "storage/log/format.h"

struct core_partition;
struct core_trim;
typedef void core_trim_fn(struct core_trim *trim);

/* Instead of an offset: all below the high watermark. */
#define CORE_TRIM_ALL (-1)

/* A client's wish. In place, the caller's until start and from `done` on. */
struct core_trim {
    /* Asked. */
    core_trim_fn *done;    /* once, from a turn of the loop of the shard that started it */
    void *ctx;             /* the caller's */
    struct log_uuid topic; /* which partition */
    uint32_t partition;    /* likewise */
    uint64_t group;        /* likewise */
    int64_t offset;        /* records below it go; CORE_TRIM_ALL */
    int64_t timeout_ms;    /* answer CORE_TIMEOUT after it; they may be deleted all the same */

    /* Answered. */
    enum core_code code;       /* CORE_OK: they are gone, durably */
    uint64_t log_start_offset; /* of the partition now; with CORE_OK >= the offset asked for, unless
                                  what stands there cannot be read: then the start of that */

    /* Private to trim.c. */
    struct core_call call;         /* there and back */
    struct core_partition *part;   /* which, while it waits there */
    struct list_node in_partition; /* core_trimmer.waiting */
    struct rt_timer deadline;      /* runs while it is in there */
    uint64_t first_index;          /* the place: the first entry that stays, */
    uint32_t skip_count;           /* and records of it that go */
};

/* A partition's trimmer: embedded in it. */
struct core_trimmer {
    struct list waiting;           /* core_trim.in_partition: not answered */
    struct raft_proposal proposal; /* the entry under way */
    uint64_t wanted_index;         /* the furthest place asked for, */
    uint32_t wanted_skip;          /* and its skip count */
    uint64_t asked_index;          /* the place of the newest entry proposed, */
    uint32_t asked_skip;           /* and its skip count */
    uint32_t term;                 /* of the group when the newest wish came */
    bool is_proposed;              /* `proposal` is the group's */
};

/* Ask for it, from the shard of `cs`. CORE_OFFSET_OUT_OF_RANGE: a negative offset, or one above the
 * high watermark; one below the log start changes nothing. */
void core_trim_start(struct core_shard *cs, struct core_trim *trim);

/* --- Within broker/core --- */

/* Make the partition's trimmer empty; answer what waits with `code` and take nothing more. */
void core_trimmer_init(struct core_partition *part);
void core_trimmer_close(struct core_partition *part, enum core_code code);

/* The partition is to begin at entry `first_index`, for nobody who waits (retention). */
void core_trimmer_want(struct core_partition *part, uint64_t first_index);

/* An index of the group moved: propose, answer. */
void core_trimmer_moved(struct core_partition *part);

#endif
