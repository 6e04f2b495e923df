/* Looking at a topic's records to infer the columns of its implicit stream (VIEWS §4).
 *
 * The first look reads up to CORE_LOOK_RECORDS of the oldest and as many of the newest records of
 * CORE_LOOK_PARTITIONS partitions; a later one, where a partition's end has moved, the newest of
 * those that came since. All of it within CORE_LOOK_BYTES. What comes of it is folded upon the
 * columns that are known, and where they change, they become the stream's next version by a command
 * of the controller: a look is answered when every shard has it. Of two that race one is told that
 * the stream has changed, and who asked looks at the catalog again.
 *
 * How far was looked is kept per shard, for the topics that were looked at last. It is a memory,
 * not a state: without it more is read.
 *
 * Of a topic with many partitions, those are looked at that the first records are found in.
 *
 * Own shard only; nothing blocks; turns are short. */
#ifndef BROKER_CORE_LOOK_H
#define BROKER_CORE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rt/op.h"
#include "broker/core/bounds.h"
#include "broker/core/change.h"
#include "broker/core/fetch.h"
#include "broker/core/looks.h"
#include "broker/core/payload.h"
#include "broker/core/records.h"
#include "schemas/infer.h"

struct core_look;
struct core_shard;
struct core_topic;
typedef void core_look_fn(struct core_look *look);

/* Bounds of a look: records of each end of a partition, bytes of values. */
#define CORE_LOOK_RECORDS 1000u
#define CORE_LOOK_BYTES   (8u << 20)

/* Larger values are not looked at: a turn of the loop would be long. */
#define CORE_LOOK_VALUE_BYTES_MAX (1u << 20)

/* Offsets of a partition that are to be read. */
struct core_look_range {
    uint32_t partition; /* which */
    bool is_read;       /* this round has got something of it */
    uint64_t from;      /* the next one */
    uint64_t to;        /* behind the last one */
};

/* A look. In place, the caller's until start and from `done` on. */
struct core_look {
    /* Asked. */
    core_look_fn *done;   /* once, from a turn of the loop of the shard that started it */
    void *ctx;            /* the caller's */
    struct arena *arena;  /* memory: the caller's to rewind when it is done */
    uint64_t deadline_ns; /* of rt_now_ns; past it: CORE_TIMEOUT */

    /* Answered. */
    enum core_code code;   /* CORE_OK: what the catalog has now is what there is to know;
                              CORE_STREAM_CHANGED: somebody else was faster; or why it failed */
    const char *state;     /* the SQLSTATE of a failure; static storage */
    char message[256];     /* in words */
    bool has_changed;      /* the stream has another version for it */
    uint64_t values_count; /* looked at */

    /* Private to look.c. */
    struct core_shard *cs;     /* where */
    struct log_uuid topic;     /* of which topic, */
    const char *name;          /* its name, */
    const uint64_t *groups;    /* its groups, */
    uint32_t partitions_count; /* so many */
    struct log_uuid uuid;      /* of the stream as it is known; zero: it is not */
    uint32_t version;          /* its version; 0 likewise */
    struct infer infer;        /* the fold */
    uint8_t stage;             /* enum core_look_stage */
    bool is_canceled;          /* nobody wants it any more */
    struct rt_op op;           /* goes on in another turn, or answers */
    uint32_t first;            /* the partitions in hand: from this one on, */
    uint32_t count;            /* so many */
    struct core_bounds bounds; /* asks where they end */
    struct core_bounds_item items[CORE_LOOK_PARTITIONS];
    struct core_look_range ranges[2 * CORE_LOOK_PARTITIONS]; /* to be read, in turns */
    uint32_t ranges_count;                                   /* so many are left */
    struct core_fetch fetch;                                 /* reads a piece of each */
    struct core_fetch_item *fetched;                         /* of each range */
    uint32_t fetched_at;                                     /* the answer in hand */
    uint32_t pos;                      /* the byte of its loan where the next batch begins */
    bool is_open;                      /* a batch is being read: */
    struct log_records_reader records; /* its records, */
    struct core_records_room room;     /* decompressed here */
    uint64_t bytes_left;               /* of CORE_LOOK_BYTES */
    struct core_payload payload;       /* the first value that was no JSON; kind JSON: none */
    enum core_code missed;             /* why a partition could not be looked at */
    struct core_change change;         /* publishes */
    struct core_change_item item;
    struct core_stream stream; /* what is published */
};

/* Look at `topic`, of cs->catalog, whose implicit stream is `stream` as far as it is known (NULL:
 * it is not). Both are read before this returns only. */
void core_look_start(struct core_shard *cs, struct core_look *look, const struct core_topic *topic,
                     const struct core_stream *stream);

/* End it early: done fires soon, with CORE_TIMEOUT unless it had ended. */
void core_look_cancel(struct core_look *look);

#endif
