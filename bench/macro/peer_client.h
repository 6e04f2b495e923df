/* What the clients of bench/peers share: programs over librdkafka that load a broker, whichever it
 * is. Each is told its work by flags, prints "begin" and "end" on a line when what it measures
 * begins and ends (bench/peers takes processor time of broker and machine at these), then one JSON
 * object. A client that cannot do its work ends with status 1 and says why. */
#ifndef BENCH_MACRO_PEER_CLIENT_H
#define BENCH_MACRO_PEER_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/macro/peer_histogram.h"

/* The most topics of --topic. */
#define PEER_TOPICS_MAX 64u

/* What the flags say. */
struct peer_options {
    const char *program;                 /* the program's name, for its complaints */
    const char *broker;                  /* --broker HOST:PORT */
    char topics_text[4096];              /* --topic, its commas replaced by ends */
    const char *topics[PEER_TOPICS_MAX]; /* into it */
    uint32_t topics_count;               /* of them */
    uint32_t partitions_count;           /* --partitions: of each topic */
    uint32_t record_bytes;               /* --record-bytes: of each value */
    uint64_t users_count;                /* --users: values are events of so many (peer_event.h) */
    uint64_t seed;                       /* --seed: of events */
    const char *codec;                   /* --codec: as librdkafka names it */
    const char *linger_ms;               /* --linger-ms */
    const char *batch_bytes;             /* --batch-bytes */
    const char *in_flight;               /* --in-flight: requests at a time to a broker */
    uint32_t consumers_count;            /* --consumers: of the tail */
    uint64_t rate;                       /* --rate: records a second; 0: as fast as it goes */
    uint64_t bytes_max;                  /* --bytes: no more after so many of values; 0: no bound */
    uint64_t warm_ns;                    /* --warm-ms: before "begin" */
    uint64_t measure_ns;                 /* --measure-ms: from "begin" to "end" */
    uint64_t ws_port;                    /* --ws-port: of the WebSocket door */
    const char *view;                    /* --view: followed there */
    const char *changelog;               /* --changelog: a topic of rows */
    uint64_t before;                     /* --before: events that came earlier */
    bool is_endless;                     /* --endless: read again and again, until SIGTERM */
};

/* Read the flags. Ends the program (status 2) at one it does not know, and without --broker and
 * --topic. */
void peer_options_read(struct peer_options *o, int argc, char **argv);

/* A producer: acks=all, not idempotent (librdkafka's default), its reports as events of
 * rd_kafka_queue_get_main. Never fails: it ends the program. The caller destroys it. */
rd_kafka_t *peer_producer_new(const struct peer_options *o);

/* A consumer without a group: nobody coordinates it, nothing is committed. As above. */
rd_kafka_t *peer_consumer_new(const struct peer_options *o);

/* The first topic, of `client`. The caller destroys it, before the client. */
rd_kafka_topic_t *peer_topic_new(const struct peer_options *o, rd_kafka_t *client);

/* Let the messages of all partitions of `topic` come to `queue`, from the begin on. */
void peer_consume_start(const struct peer_options *o, rd_kafka_topic_t *topic,
                        rd_kafka_queue_t *queue);

/* Wait `timeout_ms` for a message and take it, and all that are there with it, `max` at most; how
 * many. (librdkafka's own call for several waits until they are `max`.) The caller destroys them.
 */
size_t peer_take(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_message_t **messages,
                 size_t max);

/* Let no more come; what waits in the queue is gone. */
void peer_consume_stop(const struct peer_options *o, rd_kafka_topic_t *topic);

/* Values of letters, `count` of o->record_bytes one after another, the same in every run: what
 * Java's performance producer sends. The caller frees them. */
uint8_t *peer_values_new(const struct peer_options *o, uint32_t count);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t peer_now_ns(void);

/* Sleep until then, on an exact timer; at once if it is past. */
void peer_sleep_until(uint64_t then_ns);

/* Say `what` ("begin", "end") on a line of stdout, at once. */
void peer_say(const char *what);

/* The fields of a JSON object that tell `h` in microseconds, without braces. */
void peer_print_latencies(const struct peer_histogram *h);

/* End the program with status 0, its output written. Clients are not closed: that waits for what is
 * on its way, which a slow broker takes a minute for and nobody wants any more. */
_Noreturn void peer_end(void);

/* End the program with status 1. */
_Noreturn void peer_die(const struct peer_options *o, const char *what, const char *why);

/* The same, if `error` is one. */
void peer_check(const struct peer_options *o, const char *what, rd_kafka_resp_err_t error);

#endif
