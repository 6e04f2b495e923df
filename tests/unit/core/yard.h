/* The broker's core on a simulated machine, one topic in it, as straight code: each call lets the
 * world run until it is answered. No door: calls are made as a door makes them, from any shard.
 *
 *     struct yard *y = yard_new(seed, NULL);
 *     yard_start(y, 2);                     on two shards; the topic is made at the first start
 *     yard_append(y, 0, 10, 5);             10 records of timestamp 5 to partition 0
 *     struct core_trim trim = yard_trim(y, 0, 3);
 *     yard_crash(y, SIM_CRASH_LOSE);
 *     yard_start(y, 3);
 *     yard_close(y);
 *     yard_free(y);
 */
#ifndef TESTS_UNIT_CORE_YARD_H
#define TESTS_UNIT_CORE_YARD_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/append.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/epochs.h"
#include "broker/core/fetch.h"
#include "broker/core/offsets.h"
#include "broker/core/partition.h"
#include "broker/core/trim.h"
#include "tests/sim/sim.h"

struct batch_build;

#define YARD_SHARDS     4u
#define YARD_PARTITIONS 3u

/* A world with one core. */
struct yard {
    /* To be changed before a start. */
    struct core_config config;                              /* small files, little memory */
    void (*opened)(struct yard *y, struct core_shard *cs);  /* NULL; called when a shard's part has
                                                               begun to open, */
    void (*closing)(struct yard *y, struct core_shard *cs); /* and before it closes */

    /* To be read. */
    struct sim *sim;
    struct sim_node *node;
    const struct crc32c *kernels;
    struct core core;
    struct core_shard shards[YARD_SHARDS];
    uint32_t shards_count;   /* of this start */
    enum err err;            /* how it went, */
    char why[LOG_WHY_BYTES]; /* in words */
    char said[32768];        /* log lines since it began, as many as fit */

    /* The harness's own. */
    struct diag_levels levels; /* all log lines are wanted */
    struct diag_sink sink;     /* keeps them */
    struct diag diags[YARD_SHARDS];
    uint32_t pending_count;        /* what has not answered */
    uint32_t home;                 /* the shard that calls next: each in turn */
    void (*call)(struct yard *y);  /* what it calls */
    struct core_change change;     /* makes the topic */
    struct core_change_item item;  /* likewise */
    struct core_stream stream;     /* being declared */
    struct core_records_info info; /* of the batch being appended */
    struct core_append append;     /* the newest one, */
    uint32_t records_count;        /* its records, */
    int64_t timestamp;             /* theirs: of the first; each is later by `step_ms` */
    int64_t step_ms;               /* 0; to be set: what lies between the records of a batch */
    uint32_t value_bytes;          /* 8; to be set: of a record's value */
    void (*build)(struct yard *y, struct batch_build *b); /* NULL; to be set: adds the records of a
                                       batch, and sets its codec, in the place of equal ones */
    void *build_ctx;                                      /* whoever sets it */
    struct core_trim trim;                                /* the newest */
    struct core_epochs epochs;                            /* the newest */
    struct core_offsets offsets;                          /* the newest */
    struct core_fetch fetch;                              /* the newest */
    struct core_fetch_item fetched;                       /* its item */
    struct core_fetch_part parts[YARD_SHARDS];
};

/* A world whose core was never started. */
struct yard *yard_new(uint64_t seed, const struct sim_options *options);
void yard_free(struct yard *y);

/* Start on so many shards; make the topic if there is none. */
void yard_start(struct yard *y, uint32_t shards_count);

/* Start, which may fail; no topic is made. It is to be closed all the same. */
MUST_USE enum err yard_try_start(struct yard *y, uint32_t shards_count);

/* End it: nothing is left anywhere. */
void yard_close(struct yard *y);
void yard_crash(struct yard *y, enum sim_crash how);

/* Let it run for so long. */
void yard_run(struct yard *y, uint64_t ms);

/* The topic, as shard 0 has it; a partition of it, where it is. */
const struct core_topic *yard_topic(struct yard *y);
struct core_partition *yard_partition(struct yard *y, uint32_t partition);

/* Append a batch and see it acknowledged with acks=all; its base offset. */
uint64_t yard_append(struct yard *y, uint32_t partition, uint32_t records, int64_t timestamp);

/* Begin to; y->append.code will say how it went. */
void yard_append_start(struct yard *y, uint32_t partition, uint32_t records, int64_t timestamp);

/* Delete records below `offset`; begin to, with a timeout. */
struct core_trim yard_trim(struct yard *y, uint32_t partition, int64_t offset);
void yard_trim_start(struct yard *y, uint32_t partition, int64_t offset, int64_t timeout_ms);

/* Ask for the end of an epoch; for an offset by time; fetch from an offset (its loans are given
 * back, y->fetched.bytes says how much came). */
struct core_epochs yard_epochs(struct yard *y, uint32_t partition, int32_t epoch);
struct core_offsets yard_offsets(struct yard *y, uint32_t partition, int64_t timestamp);
struct core_fetch_item yard_fetch(struct yard *y, uint32_t partition, uint64_t offset,
                                  int32_t epoch_fetched);

/* Declare a stream over the topic. */
void yard_declare(struct yard *y, const char *name, const struct core_stream_column *columns,
                  uint32_t columns_count);

/* Delete the topic. */
void yard_delete(struct yard *y);

/* Roll the partition's active segment. */
void yard_roll(struct yard *y, uint32_t partition);

/* Settle all logs: afterwards nothing is needed of the journal. */
void yard_settle(struct yard *y);

/* Let the world run until what was begun has answered. */
void yard_wait(struct yard *y);

#endif
