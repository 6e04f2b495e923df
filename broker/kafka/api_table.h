/* What is served: one row for each API, and nothing else is advertised. */
#ifndef BROKER_KAFKA_API_TABLE_H
#define BROKER_KAFKA_API_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/kafka/conn.h"
#include "broker/kafka/messages.h"

/* A row. */
struct kafka_api {
    const char *name;                     /* Kafka's */
    const struct kafka_message *request;  /* its definition; the key is there */
    const struct kafka_message *response; /* likewise */
    int16_t advertised_first;             /* first version that clients are told of */
    int16_t first;                        /* first version served: lower ones are refused */
    int16_t last;                         /* last version served and told of */
    kafka_request_fn *handle;             /* carries it out */
};

/* All rows, by key ascending; *count of them. Static storage. */
const struct kafka_api *kafka_apis(size_t *count);

/* The row of this key, or NULL. */
const struct kafka_api *kafka_api_find(int16_t key);

#endif
