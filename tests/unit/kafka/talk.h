/* The requests that tests of the broker send most, and what comes back, in few words. Each waits
 * for its answer, but for the _ask forms. */
#ifndef TESTS_UNIT_KAFKA_TALK_H
#define TESTS_UNIT_KAFKA_TALK_H

#include "tests/support/batch_build.h"
#include "tests/unit/kafka/town.h"

/* Versions that talk uses: names, no ids. */
#define TALK_PRODUCE_VERSION      9
#define TALK_FETCH_VERSION        12
#define TALK_METADATA_VERSION     9
#define TALK_LIST_OFFSETS_VERSION 7

/* Room for a batch of talk_batch. */
#define TALK_BATCH_BYTES 4096u

/* A batch of records. */
struct talk_batch {
    size_t length;                  /* of data */
    uint8_t data[TALK_BATCH_BYTES]; /* as a client sends it */
};

/* A record that a fetch found. */
struct talk_record {
    uint64_t offset;   /* its offset */
    uint64_t serial;   /* the number that talk_batch wrote */
    int64_t timestamp; /* its time */
};

/* Text as a field of a request. */
struct kafka_string talk_text(const char *text);

/* A batch of `count` records with the serials from `serial` on, their times `timestamp` and each
 * 1 ms later, their values padded to `value_bytes` (>= 16). */
void talk_batch(const struct town *t, struct talk_batch *out, uint64_t serial, uint32_t count,
                int64_t timestamp, uint32_t value_bytes);

/* Make a topic by asking for it; returns the error of the answer. */
int16_t talk_topic(struct town_client *c, const char *topic);

/* Ask for one topic by name, or by id where the name is NULL (`count` 1), for none (0) or for all
 * (KAFKA_NULL). The answer stands until the next one. */
const struct kafka_metadata_response *talk_metadata(struct town_client *c, int16_t version,
                                                    const char *name, const struct log_uuid *id,
                                                    int32_t count);

/* Create or delete `topic`, from within; with configs. It is done (asserted). */
void talk_change(struct town *t, enum core_change_kind kind, const char *topic,
                 const struct core_topic_config_pair *pairs, uint32_t pairs_count);

/* Produce one batch; the partition's answer, which stands until the next one. */
void talk_produce_ask(struct town_client *c, int16_t version, const char *topic, int32_t partition,
                      int16_t acks, const void *batch, size_t length);
const uint8_t *talk_produce_frame(struct town_client *c, int16_t version, const char *topic,
                                  int32_t partition, int16_t acks, const void *batch, size_t length,
                                  size_t *frame_bytes);
const struct kafka_produce_response_partition *talk_produce_answer(struct town_client *c);
const struct kafka_produce_response_partition *talk_produce(struct town_client *c,
                                                            const char *topic, int32_t partition,
                                                            int16_t acks,
                                                            const struct talk_batch *batch);

/* What a fetch asks of one partition. */
struct talk_fetch {
    const char *topic;     /* its name */
    int32_t partition;     /* which */
    uint64_t offset;       /* from where */
    int32_t epoch;         /* leader epoch known, plus 1; 0: none */
    int32_t epoch_fetched; /* of the record before, plus 1; likewise */
    int32_t bytes_max;     /* of the answer and the partition; 0: 1 MiB */
    int32_t bytes_min;     /* waits for so much */
    int32_t max_wait_ms;   /* how long */
    int16_t version;       /* 0: TALK_FETCH_VERSION */
};

/* Fetch from one partition; its answer, which stands until the next one. */
void talk_fetch_ask(struct town_client *c, const struct talk_fetch *fetch);
const struct kafka_fetch_response_partition *talk_fetch_answer(struct town_client *c);
const struct kafka_fetch_response_partition *talk_fetch(struct town_client *c,
                                                        const struct talk_fetch *fetch);

/* The records in `records` from offset `from` on, batches as talk_batch made them: how many, the
 * first `capacity` of them in `out`. Checksums, lengths and offsets are held to each other. */
uint32_t talk_records(const struct town *t, const struct kafka_records *records, uint64_t from,
                      struct talk_record *out, uint32_t capacity);

/* The offset that ListOffsets tells for `timestamp` (-1 latest, -2 earliest ...), asserted to be
 * without error. */
int64_t talk_offset(struct town_client *c, const char *topic, int32_t partition, int64_t timestamp);

/* The same, which may fail: the error of the answer. */
int16_t talk_list_offset(struct town_client *c, const char *topic, int32_t partition,
                         int64_t timestamp, int64_t *offset);

#endif
