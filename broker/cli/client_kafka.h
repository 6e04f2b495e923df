/* librdkafka behind one door: only client_kafka*.c include its headers. It allocates for itself and
 * runs threads of its own; all calls here are made from the thread that opened the handle, and
 * so are the functions it calls back.
 *
 * Consumers read assigned partitions from explicit offsets through librdkafka's simple consumer,
 * without a group: no coordinator is ever asked for.
 *
 * Whatever fails returns an `enum err` and leaves a text for people, escaped, in `why`. */
#ifndef BROKER_CLI_CLIENT_KAFKA_H
#define BROKER_CLI_CLIENT_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "broker/cli/client_record.h"

/* Room for `why`. */
#define CLIENT_WHY_BYTES 512

/* librdkafka's (rdkafka.h). */
struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_message_s;
struct rd_kafka_queue_s;
struct rd_kafka_topic_s;

/* A setting of librdkafka: its name and its value. */
struct client_property {
    const char *name;  /* "acks" */
    const char *value; /* "all" */
};

enum client_kafka_kind {
    CLIENT_KAFKA_CONSUMER, /* reads; also asks and changes, and never makes a topic by asking */
    CLIENT_KAFKA_PRODUCER, /* writes; its first mention of a topic may make it */
};

/* How a produced record fared. */
struct client_delivery {
    uint64_t number;   /* as client_kafka_produce was given */
    enum err err;      /* ERR_OK: it is stored as far as `acks` asks */
    const char *why;   /* for people, when it is not; lives during the call */
    int32_t partition; /* where */
    int64_t offset;    /* -1: not known (acks=0) */
    size_t bytes;      /* of key and value */
};

/* A handle. Zeroed before client_kafka_open. */
struct client_kafka {
    struct rd_kafka_s *handle;          /* NULL: not open */
    struct rd_kafka_queue_s *queue;     /* records fetched, answers to admin requests */
    struct rd_kafka_topic_s *topic;     /* of produce and consume; NULL: none named yet */
    struct rd_kafka_message_s *message; /* behind the record given out last; NULL: none */
    FILE *log;                          /* where librdkafka's debug lines go */
    uint64_t timeout_ns;                /* the most that a request may take */
    void *ctx;                          /* of `delivered` */
    void (*delivered)(void *ctx, const struct client_delivery *delivery); /* a producer's; once a
                                                                             record */
    uint64_t down_ns;               /* when no server could be reached; 0: some may be */
    uint64_t errors_count;          /* connections lost or refused */
    char network[CLIENT_WHY_BYTES]; /* the last of them; "": none yet */
    char why[CLIENT_WHY_BYTES];     /* the last failure of a call */
};

/* Open `k` with the properties, in order: later ones win. k->log, timeout_ns, ctx and delivered are
 * the caller's to set before. Connects to nobody yet. ERR_INVALID: a property is unknown or its
 * value is wrong. */
MUST_USE enum err client_kafka_open(struct client_kafka *k, enum client_kafka_kind kind,
                                    const struct client_property *properties,
                                    size_t properties_count);

/* Let go of everything, records not delivered included. Nothing when it is not open. */
void client_kafka_close(struct client_kafka *k);

/* Wait until a server has answered. ERR_UNREACHABLE: none can be reached, as shows within a second
 * when they refuse; ERR_TIMEOUT. */
MUST_USE enum err client_kafka_connect(struct client_kafka *k);

/* Serve callbacks for up to `wait_ms`. Returns when one was served or the time is up. */
void client_kafka_poll(struct client_kafka *k, int wait_ms);

struct client_broker {
    int32_t id;       /* of the node */
    const char *host; /* as it advertises itself */
    int port;         /* likewise */
};

struct client_partition {
    int32_t id;              /* from 0 */
    int32_t leader;          /* -1: none */
    enum err err;            /* ERR_OK, or why it cannot be used */
    size_t replicas_count;   /* of `replicas` */
    const int32_t *replicas; /* node ids */
    size_t in_sync_count;    /* of `in_sync` */
    const int32_t *in_sync;  /* node ids */
};

struct client_topic {
    const char *name;                          /* of the topic */
    enum err err;                              /* ERR_OK, or why it cannot be used */
    size_t partitions_count;                   /* of `partitions` */
    const struct client_partition *partitions; /* by id */
};

struct client_cluster {
    const char *id;                      /* NULL: the server names none */
    int32_t controller;                  /* -1: not known */
    int32_t answered_by;                 /* the node that was asked */
    size_t brokers_count;                /* of `brokers` */
    const struct client_broker *brokers; /* by id */
    size_t topics_count;                 /* of `topics` */
    const struct client_topic *topics;   /* by name */
};

/* *out = what the servers say of themselves and of `topic` (NULL: of all topics), in `arena`, which
 * it lives in. An unknown topic is ERR_NOT_FOUND. Blocks. */
MUST_USE enum err client_kafka_describe(struct client_kafka *k, struct arena *arena,
                                        const char *topic, struct client_cluster *out);

/* Fill in the id and the controller. Blocks. */
void client_kafka_identify(struct client_kafka *k, struct arena *arena, struct client_cluster *out);

/* What an offset is asked for with, beside a moment in ms since 1970. */
#define CLIENT_TIME_END   (-1)
#define CLIENT_TIME_START (-2)

/* offsets[i] = of partition partitions[i] of `topic` the offset of the first record at or after
 * `time`, or -1 when there is none; `count` of them. Blocks. */
MUST_USE enum err client_kafka_offsets(struct client_kafka *k, const char *topic,
                                       const int32_t *partitions, size_t count, int64_t time,
                                       int64_t *offsets);

/* Produce a copy of `record` to `topic`, always the same one; `number` comes back with its
 * delivery. ERR_FULL: poll, and try again; ERR_TOO_LARGE. Does not block. */
MUST_USE enum err client_kafka_produce(struct client_kafka *k, const char *topic,
                                       const struct client_record *record, uint64_t number);

/* Records whose delivery has not been reported. */
size_t client_kafka_undelivered(const struct client_kafka *k);

/* Give up what was not sent yet: it is reported as ERR_CANCELED. */
void client_kafka_purge(struct client_kafka *k);

/* Read partition `partition` of `topic`, always the same one, from `offset` on. */
MUST_USE enum err client_kafka_consume(struct client_kafka *k, const char *topic, int32_t partition,
                                       int64_t offset);

/* Read it no more. Blocks for a moment. */
void client_kafka_consume_stop(struct client_kafka *k, int32_t partition);

/* *record = the next record of what is consumed, but for its headers; it lives until the next call.
 * ERR_AGAIN: none within `wait_ms`; ERR_END: record->partition has no more at present, and
 * record->offset is its end; others: of record->partition, -1 when not of one. */
MUST_USE enum err client_kafka_fetch(struct client_kafka *k, int wait_ms,
                                     struct client_record *record);

/* *header = header number `index` of the record given out last. False: it has fewer. */
bool client_kafka_header(const struct client_kafka *k, size_t index, struct client_header *header);

/* A topic to be made. */
struct client_new_topic {
    const char *name;                      /* of the topic */
    int32_t partitions_count;              /* -1: as the server has it */
    int32_t replication;                   /* -1: as the server has it */
    const struct client_property *configs; /* set from the start */
    size_t configs_count;                  /* of `configs` */
};

/* Make a topic. ERR_EXISTS. Blocks. */
MUST_USE enum err client_kafka_create(struct client_kafka *k, const struct client_new_topic *topic);

/* Delete a topic. ERR_NOT_FOUND. Blocks. */
MUST_USE enum err client_kafka_delete(struct client_kafka *k, const char *topic);

/* One setting of a topic. */
struct client_config {
    const char *name;   /* "retention.ms" */
    const char *value;  /* NULL: secret, or none */
    const char *source; /* Kafka's name: "DYNAMIC_TOPIC_CONFIG", "DEFAULT_CONFIG" */
    bool is_of_topic;   /* set on the topic itself */
    bool is_sensitive;  /* the server does not show its value */
};

/* *out = all settings of `topic`, *count of them, by name, in `arena`. ERR_NOT_FOUND. Blocks. */
MUST_USE enum err client_kafka_configs(struct client_kafka *k, struct arena *arena,
                                       const char *topic, const struct client_config **out,
                                       size_t *count);

/* Let `configs` be all that is set on `topic` itself. Blocks. */
MUST_USE enum err client_kafka_alter(struct client_kafka *k, const char *topic,
                                     const struct client_property *configs, size_t configs_count);

#endif
