/* A broker's core on a simulated machine: the store, the controller and partitions of one node, for
 * tests that start, use and end it, and the batches of its clients. Each call lets the machine run
 * until it is answered, unless it says otherwise. */
#ifndef TESTS_UNIT_CORE_CORES_H
#define TESTS_UNIT_CORE_CORES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "broker/core/append.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/trim.h"
#include "tests/sim/sim.h"

#define CORES_SHARDS      3u
#define CORES_PARTITIONS  4u
#define CORES_BATCH_BYTES 2048u
#define CORES_FOUND       8192u

struct cores;

/* A batch of a client, and how it was answered. Set the first part, send. */
struct cores_append {
    int64_t producer_id;   /* -1: none */
    int16_t epoch;         /* with a producer */
    int32_t base_sequence; /* likewise */
    uint32_t records;      /* 1 and more */
    uint32_t value_bytes;  /* of the first record */
    uint32_t partition;    /* of the topic */
    uint32_t home;         /* shard whose connection it came by */
    int16_t acks;          /* -1, 0, 1 */
    int64_t timeout_ms;    /* 0: 30 s */

    struct core_append append; /* the request: code, base_offset ... when is_done */
    struct core_records_info info;
    struct cores *cores;
    bool is_out;             /* sent and not answered */
    bool is_done;            /* answered; asserted once */
    uint32_t answered_count; /* all in all */
};

/* A batch as a consumer finds it. */
struct cores_batch {
    uint64_t base_offset;
    int64_t producer_id;
    int64_t max_timestamp;
    int32_t base_sequence;
    uint32_t records;
    int16_t epoch;
};

/* The machine. */
struct cores {
    struct sim *sim;
    struct sim_node *node;
    struct core_config config; /* may be changed between starts */
    struct core core;
    struct cores_shard {
        struct cores *cores;
        struct core_shard cs;
        struct diag diag;
    } shards[CORES_SHARDS];
    uint32_t shards_count;
    uint32_t answers_count;    /* shards that have answered what was asked last */
    uint32_t pending_count;    /* requests that are not answered */
    uint32_t producers_max;    /* of a partition's fold; 0: the default */
    uint32_t entries_max;      /* producers of a shard; 0: the default */
    struct core_change change; /* makes the topic, deletes it */
    struct core_change_item item;
    enum core_change_kind kind;
    struct core_trim trim; /* deletes records */
    struct log_uuid topic; /* the topic's */
    uint64_t groups[CORES_PARTITIONS];
    struct diag_levels levels;
    struct diag_sink sink;
    char said[32768]; /* log lines since the start */

    struct cores_batch found[CORES_FOUND]; /* by cores_read */
    uint32_t found_count;
    uint64_t high_watermark;
};

/* A machine that was never started, with small segments and little memory for the log's tail. */
struct cores *cores_new(uint64_t seed, const struct sim_options *options);
void cores_free(struct cores *c);

/* Start on so many shards; the topic of CORES_PARTITIONS is made if it is not there. */
void cores_start(struct cores *c, uint32_t shards_count);

/* Delete the topic; what waits for it is answered. */
void cores_delete(struct cores *c);

/* Close it all, and end. Nothing is under way. */
void cores_close(struct cores *c);

/* Crash: what was sent is never answered. */
void cores_crash(struct cores *c, enum sim_crash how);

/* Send; not waited for. */
void cores_send(struct cores *c, struct cores_append *ca);

/* Wait until all that was sent is answered. */
void cores_wait(struct cores *c);

/* A batch of a producer with acks=all, sent and answered: its code; ca->append has the rest. */
enum core_code cores_produce(struct cores *c, struct cores_append *ca, int64_t producer_id,
                             int16_t epoch, int32_t base_sequence, uint32_t records);

/* Delete the records of a partition below `offset`. */
void cores_trim(struct cores *c, uint32_t partition, int64_t offset);

/* Write the batch's bytes, as any client does, to the CORES_BATCH_BYTES at `out`; how many. */
uint32_t cores_build(const struct cores_append *ca, uint8_t *out);

/* Read partition `partition` from its log start as a consumer does, into c->found. */
void cores_read(struct cores *c, uint32_t partition);

/* The partition, and the shard it is on. */
struct core_partition *cores_partition(struct cores *c, uint32_t partition);
struct core_shard *cores_shard_of(struct cores *c, uint32_t partition);

/* A statistic, summed over the shards: its place in struct core_idempotence_shared. */
uint64_t cores_sum(const struct cores *c, size_t field_pos);

#endif
