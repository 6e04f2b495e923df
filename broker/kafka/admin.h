/* What the handlers that change topics and settings have in common: names that a request has twice,
 * a change's fate in words, what a topic's settings are. Private to broker/kafka. */
#ifndef BROKER_KAFKA_ADMIN_H
#define BROKER_KAFKA_ADMIN_H

#include <stdint.h>

#include "base/compiler.h"
#include "broker/core/change.h"
#include "broker/core/topic_config.h"
#include "broker/kafka/conn.h"
#include "broker/kafka/errors.h"

/* How long a change is waited for whose request does not say it: Kafka's default. */
#define KAFKA_CHANGE_TIMEOUT_MS 60000

/* What is done with configs is done to these (ConfigResource.Type). */
enum kafka_resource {
    KAFKA_RESOURCE_TOPIC = 2,
    KAFKA_RESOURCE_BROKER = 4,
};

/* Where a config's value comes from (DescribeConfigsResponse.ConfigSource). */
enum kafka_config_source {
    KAFKA_CONFIG_OF_TOPIC = 1,   /* set on the topic */
    KAFKA_CONFIG_OF_BROKER = 4,  /* the node is started with it */
    KAFKA_CONFIG_OF_DEFAULT = 5, /* nobody said anything */
};

/* Whether a request names something twice. */
enum kafka_repeat {
    KAFKA_REPEAT_NONE,  /* it does not */
    KAFKA_REPEAT_FIRST, /* it does, and this is the first */
    KAFKA_REPEAT_LATER, /* one of the others */
};

/* A name in a request. */
struct kafka_name {
    struct kafka_string text; /* the name; KAFKA_NULL: none, which is never a repeat */
    int32_t index;            /* its place in the request */
};

/* A topic's value of a key. */
struct kafka_config_value {
    struct kafka_string text;        /* lives as long as the request and the pairs */
    enum kafka_config_source source; /* where it comes from */
};

/* Sort names by their bytes, those alike by their places, none first. */
void kafka_names_sort(struct kafka_name *names, int32_t count);

/* Order of bytes; the shorter of two that begin alike comes first. */
int kafka_names_compare_texts(const struct kafka_string *a, const struct kafka_string *b);

/* Sort `names`, whose places are 0 .. count - 1, and give for each place an enum kafka_repeat: an
 * array of the request's memory, or NULL. */
const uint8_t *kafka_names_repeats(struct kafka_request *request, struct kafka_name *names,
                                   int32_t count);

/* Room in the change for `count` items. False: no memory, the request is untouched. */
bool kafka_change_init(struct kafka_request *request, struct core_change *change, int32_t count,
                       core_change_fn *done, void *ctx);

/* The client waits for so long. 0 or less is taken for no limit: Kafka would answer
 * REQUEST_TIMED_OUT and carry it out, which clients that ask for 0 (librdkafka) take for done. */
void kafka_change_limit(struct kafka_request *request, struct core_change *change,
                        int32_t timeout_ms);

/* The change's next item, of this kind, for the topic of this name (null: none). */
struct core_change_item *kafka_change_add(struct core_change *change, enum core_change_kind kind,
                                          struct kafka_string name);

/* An item of this kind for the settings of a resource, or one that is refused: only topics' can be
 * changed. */
struct core_change_item *kafka_change_add_resource(struct core_change *change,
                                                   enum core_change_kind kind, int8_t type,
                                                   struct kafka_string name,
                                                   enum kafka_repeat repeat);

/* The item is not to be done: `code`, and words for people. */
void kafka_change_refuse(struct core_change_item *item, enum core_code code, const char *format,
                         ...) PRINTF(3, 4);

/* How it went: the error, and words that live as long as the item; null where it is done. */
enum kafka_error kafka_change_error(const struct core_change_item *item);
struct kafka_string kafka_change_words(const struct core_change_item *item);

/* A setting as a request has it. */
struct core_topic_config_pair kafka_config_pair(struct kafka_string name,
                                                struct kafka_string value);

/* The value of `key` on a topic whose settings are `config`, of which `pairs` were set on it. A
 * text of NULL data: no memory. */
struct kafka_config_value kafka_config_value(struct kafka_request *request,
                                             const struct core_topic_config_key *key,
                                             const struct core_topic_config *config,
                                             const struct core_topic_config_pair *pairs,
                                             uint32_t pairs_count);

#endif
