/* librdkafka's C API as the driver wants its clients (../README.md): requests in, one JSON object a
 * line, answers out. Written as a stranger's program would be, without our own client.
 *
 * agent.c reads requests and answers them, agent_records.c has those about records, agent_admin.c
 * those about topics. Their calls find the request and leave the answer's members in the agent. */
#ifndef TESTS_INTEROP_LIBRDKAFKA_AGENT_H
#define TESTS_INTEROP_LIBRDKAFKA_AGENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"

/* Of an error's text. */
#define AGENT_WHY_BYTES 1024u

/* How long one request to the server may take. */
#define AGENT_CALL_MS 15000

/* Five codecs, idempotent or not. */
#define AGENT_PRODUCERS_MAX 10u

/* How a request ends. */
enum agent_end {
    AGENT_DONE,    /* the answer's members are written */
    AGENT_REFUSED, /* `why` is what the server or the library said */
    AGENT_CANNOT,  /* `why` is what the library has no call for */
};

/* A setting of librdkafka. */
struct agent_setting {
    const char *name;  /* as CONFIGURATION.md of librdkafka has it */
    const char *value; /* likewise */
};

/* A producer that lives on: its connections go through the server's ends. */
struct agent_producer {
    rd_kafka_t *handle; /* owned */
    const char *codec;  /* of all it sends, static storage */
    bool is_idempotent; /* likewise */
};

/* The adapter. */
struct agent {
    const char *address;                                  /* the server's */
    rd_kafka_t *reader;                                   /* consumer; NULL: not wanted yet */
    rd_kafka_t *admin;                                    /* client of the rest; likewise */
    rd_kafka_queue_t *events;                             /* of `admin` */
    struct agent_producer producers[AGENT_PRODUCERS_MAX]; /* `producers_count` of them */
    size_t producers_count;                               /* of producers */

    /* Of the request. */
    const char *line;          /* the request */
    size_t line_bytes;         /* of it */
    struct arena arena;        /* what is made of it */
    int64_t *offsets;          /* of records that are being sent, by number; -1: not acknowledged */
    FILE *out;                 /* members of the answer */
    char why[AGENT_WHY_BYTES]; /* the first failure; empty: none */
};

/* A client of the kind, with settings beside those that all have. NULL: refused. */
rd_kafka_t *agent_open(struct agent *a, rd_kafka_type_t type, const struct agent_setting *settings,
                       size_t settings_count);

/* Keep the first failure: the code's name, and `text` (NULL: the library's for the code). Returns
 * AGENT_REFUSED. */
enum agent_end agent_fail(struct agent *a, rd_kafka_resp_err_t code, const char *text);

/* The request's member: a text (asserted to be there), or a number, `otherwise` where it is not
 * there, or anything. Texts end with NUL and live as long as the request. */
const char *agent_text(struct agent *a, const char *name);
int64_t agent_number(struct agent *a, const char *name, int64_t otherwise);
bool agent_find(struct agent *a, const char *name, struct json_value *value);

/* The characters of `value`, a string or null, with NUL behind them; null gives NULL. */
char *agent_characters(struct agent *a, const struct json_value *value, size_t *bytes);

/* The number that `value` is, null 0. */
int64_t agent_integer(const struct json_value *value);

/* Write `bytes` of text as a string of JSON, NULL as null. */
void agent_put(FILE *out, const char *text, size_t bytes);

/* The requests, by the names of ../README.md. */
enum agent_end agent_produce(struct agent *a);
enum agent_end agent_consume(struct agent *a);
enum agent_end agent_time(struct agent *a);
enum agent_end agent_ends(struct agent *a);
enum agent_end agent_group(struct agent *a);
enum agent_end agent_transaction(struct agent *a);
enum agent_end agent_topics(struct agent *a);
enum agent_end agent_cluster(struct agent *a);
enum agent_end agent_create(struct agent *a);
enum agent_end agent_delete(struct agent *a);
enum agent_end agent_grow(struct agent *a);
enum agent_end agent_trim(struct agent *a);
enum agent_end agent_configs(struct agent *a);
enum agent_end agent_set(struct agent *a);
enum agent_end agent_set_one(struct agent *a);

#endif
