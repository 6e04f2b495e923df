/* See describe_node.h. Settings of the node itself come first, then what topics have by default,
 * under the names that Kafka's brokers have for it (core_topic_config_key.synonyms). */
#include "broker/kafka/describe_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/addr.h"
#include "base/units.h"
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* Room for a value: log.dirs and a host name are the longest. */
#define KAFKA_NODE_VALUE_BYTES 512u

/* Types that topics' settings do not have (DescribeConfigsResponse.ConfigType). */
#define KAFKA_CONFIG_SHORT 4

/* Which value. */
enum kafka_node_value {
    KAFKA_NODE_ADVERTISED,
    KAFKA_NODE_AUTO_CREATE,
    KAFKA_NODE_DELETE,
    KAFKA_NODE_DIR,
    KAFKA_NODE_FETCH_BYTES,
    KAFKA_NODE_ID,
    KAFKA_NODE_LISTEN,
    KAFKA_NODE_PAGE,
    KAFKA_NODE_PARTITIONS,
    KAFKA_NODE_REPLICAS,
    KAFKA_NODE_REQUEST_BYTES,
    KAFKA_NODE_ROLES,
};

/* A setting. */
static const struct kafka_node_key {
    const char *name;                /* Kafka's */
    int8_t type;                     /* as DescribeConfigs numbers them */
    enum kafka_node_value value;     /* what to show */
    enum kafka_config_source source; /* whether it is given at a start or fixed */
    const char *documentation;       /* one sentence */
} kafka_node_keys[] = {
    {"advertised.listeners", CORE_TOPIC_CONFIG_STRING, KAFKA_NODE_ADVERTISED,
     KAFKA_CONFIG_OF_BROKER, "Where clients are told to connect."},
    {"auto.create.topics.enable", CORE_TOPIC_CONFIG_BOOLEAN, KAFKA_NODE_AUTO_CREATE,
     KAFKA_CONFIG_OF_BROKER, "Whether a topic that a client asks for by name is made."},
    {"broker.id", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_ID, KAFKA_CONFIG_OF_BROKER,
     "This node's number in the cluster."},
    {"default.replication.factor", KAFKA_CONFIG_SHORT, KAFKA_NODE_REPLICAS, KAFKA_CONFIG_OF_DEFAULT,
     "Replicas of a topic that is made without a number."},
    {"delete.topic.enable", CORE_TOPIC_CONFIG_BOOLEAN, KAFKA_NODE_DELETE, KAFKA_CONFIG_OF_DEFAULT,
     "Whether topics can be deleted."},
    {"fetch.max.bytes", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_FETCH_BYTES, KAFKA_CONFIG_OF_DEFAULT,
     "The most bytes of records in one answer to a fetch."},
    {"listeners", CORE_TOPIC_CONFIG_STRING, KAFKA_NODE_LISTEN, KAFKA_CONFIG_OF_BROKER,
     "Where the node listens."},
    {"log.dir", CORE_TOPIC_CONFIG_STRING, KAFKA_NODE_DIR, KAFKA_CONFIG_OF_BROKER,
     "The directory of all that is kept."},
    {"log.dirs", CORE_TOPIC_CONFIG_STRING, KAFKA_NODE_DIR, KAFKA_CONFIG_OF_BROKER,
     "The directory of all that is kept."},
    {"max.request.partition.size.limit", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_PAGE,
     KAFKA_CONFIG_OF_DEFAULT, "The most partitions in one answer to DescribeTopicPartitions."},
    {"node.id", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_ID, KAFKA_CONFIG_OF_BROKER,
     "This node's number in the cluster."},
    {"num.partitions", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_PARTITIONS, KAFKA_CONFIG_OF_BROKER,
     "Partitions of a topic that is made without a number."},
    {"process.roles", CORE_TOPIC_CONFIG_LIST, KAFKA_NODE_ROLES, KAFKA_CONFIG_OF_DEFAULT,
     "What the node does."},
    {"socket.request.max.bytes", CORE_TOPIC_CONFIG_INT, KAFKA_NODE_REQUEST_BYTES,
     KAFKA_CONFIG_OF_DEFAULT, "The largest request that is taken."},
};

static size_t kafka_node_format(const struct kafka_door *door, enum kafka_node_value value,
                                char text[KAFKA_NODE_VALUE_BYTES]);
static bool kafka_describe_node_own(struct kafka_request *request,
                                    struct kafka_describe_configs_response_config_array *out);
static bool kafka_describe_node_topics(struct kafka_request *request,
                                       struct kafka_describe_configs_response_config_array *out);
static bool kafka_describe_node_finish(struct kafka_request *request,
                                       struct kafka_describe_configs_response_config *config,
                                       const char *documentation);

bool kafka_describe_node_is_here(const struct kafka_request *request, struct kafka_string name)
{
    int64_t number;
    return units_parse_i64(name.data, (size_t)name.length, &number) == ERR_OK &&
           number == request->conn->door->cs->core->config.node_id;
}

bool kafka_describe_node(struct kafka_request *request,
                         struct kafka_describe_configs_response_config_array *out)
{
    size_t keys_count;
    core_topic_config_keys(&keys_count);
    size_t most = ARRAY_COUNT(kafka_node_keys) + keys_count * CORE_TOPIC_CONFIG_SYNONYMS_MAX;
    out->count = 0;
    out->items =
        kafka_items(&request->arena, &kafka_struct_describe_configs_response_config, (int32_t)most);
    return out->items != NULL && kafka_describe_node_own(request, out) &&
           kafka_describe_node_topics(request, out);
}

static bool kafka_describe_node_own(struct kafka_request *request,
                                    struct kafka_describe_configs_response_config_array *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(kafka_node_keys); i++) {
        const struct kafka_node_key *key = &kafka_node_keys[i];
        struct kafka_describe_configs_response_config *config = &out->items[out->count++];
        char text[KAFKA_NODE_VALUE_BYTES];
        size_t bytes = kafka_node_format(request->conn->door, key->value, text);
        config->name = kafka_text(key->name);
        config->value = kafka_text_copy(request, text, bytes);
        config->config_source = (int8_t)key->source;
        config->config_type = key->type;
        if (config->value.data == NULL ||
            !kafka_describe_node_finish(request, config, key->documentation)) {
            return false;
        }
    }
    return true;
}

static size_t kafka_node_format(const struct kafka_door *door, enum kafka_node_value value,
                                char text[KAFKA_NODE_VALUE_BYTES])
{
    const struct core_config *config = &door->cs->core->config;
    char addr[RT_ADDR_TEXT_BYTES];
    const char *host = door->config.advertised_host;
    bool is_numbers = strchr(host, ':') != NULL; /* an IPv6 address */
    int64_t number = 0;
    const char *word = NULL;
    int bytes;
    switch (value) {
    case KAFKA_NODE_ADVERTISED:
        bytes =
            snprintf(text, KAFKA_NODE_VALUE_BYTES, "PLAINTEXT://%s%s%s:%u", is_numbers ? "[" : "",
                     host, is_numbers ? "]" : "", door->config.advertised_port);
        ASSERT(bytes > 0);
        return (size_t)bytes < KAFKA_NODE_VALUE_BYTES ? (size_t)bytes : KAFKA_NODE_VALUE_BYTES - 1;
    case KAFKA_NODE_LISTEN:
        rt_addr_format(&door->config.listen, addr);
        bytes = snprintf(text, KAFKA_NODE_VALUE_BYTES, "PLAINTEXT://%s", addr);
        ASSERT(bytes > 0);
        return (size_t)bytes;
    case KAFKA_NODE_AUTO_CREATE: word = config->is_auto_create ? "true" : "false"; break;
    case KAFKA_NODE_DELETE: word = "true"; break;
    case KAFKA_NODE_DIR: word = config->log.dir; break;
    case KAFKA_NODE_ROLES: word = "broker,controller"; break;
    case KAFKA_NODE_FETCH_BYTES: number = KAFKA_FETCH_BYTES_MAX; break;
    case KAFKA_NODE_ID: number = config->node_id; break;
    case KAFKA_NODE_PAGE: number = KAFKA_DESCRIBE_PARTITIONS_MAX; break;
    case KAFKA_NODE_PARTITIONS: number = config->partitions_count; break;
    case KAFKA_NODE_REPLICAS: number = 1; break;
    case KAFKA_NODE_REQUEST_BYTES: number = door->config.request_bytes_max; break;
    }
    bytes = word != NULL ? snprintf(text, KAFKA_NODE_VALUE_BYTES, "%s", word)
                         : snprintf(text, KAFKA_NODE_VALUE_BYTES, "%" PRId64, number);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < KAFKA_NODE_VALUE_BYTES);
    return (size_t)bytes;
}

/* What topics have by default. The first name of a key has this node's value if that is another
 * than Kafka's; the others, in other units, have Kafka's. */
static bool kafka_describe_node_topics(struct kafka_request *request,
                                       struct kafka_describe_configs_response_config_array *out)
{
    const struct core_topic_config *base = &request->conn->door->cs->core->config.topics;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count * CORE_TOPIC_CONFIG_SYNONYMS_MAX; i++) {
        const struct core_topic_config_key *key = &keys[i / CORE_TOPIC_CONFIG_SYNONYMS_MAX];
        size_t place = i % CORE_TOPIC_CONFIG_SYNONYMS_MAX;
        const struct core_topic_config_synonym *synonym = &key->synonyms[place];
        if (synonym->name == NULL) {
            continue;
        }
        struct kafka_describe_configs_response_config *config = &out->items[out->count++];
        struct kafka_config_value value = kafka_config_value(request, key, base, NULL, 0);
        config->name = kafka_text(synonym->name);
        config->config_type =
            synonym->scale == 1 ? (int8_t)key->type : (int8_t)CORE_TOPIC_CONFIG_INT;
        config->config_source = KAFKA_CONFIG_OF_DEFAULT;
        config->value = synonym->default_text != NULL ? kafka_text(synonym->default_text)
                                                      : (struct kafka_string){NULL, KAFKA_NULL};
        if (place == 0 && value.source == KAFKA_CONFIG_OF_BROKER) {
            config->value = value.text;
            config->config_source = KAFKA_CONFIG_OF_BROKER;
        }
        if ((value.text.data == NULL) ||
            !kafka_describe_node_finish(request, config, key->documentation)) {
            return false;
        }
    }
    return true;
}

/* What all have in common. */
static bool kafka_describe_node_finish(struct kafka_request *request,
                                       struct kafka_describe_configs_response_config *config,
                                       const char *documentation)
{
    const struct kafka_describe_configs_request *body = request->body;
    config->read_only = true;
    config->documentation = body->include_documentation ? kafka_text(documentation)
                                                        : (struct kafka_string){NULL, KAFKA_NULL};
    if (!body->include_synonyms || config->value.length == KAFKA_NULL) {
        return true;
    }
    config->synonyms.items =
        kafka_items(&request->arena, &kafka_struct_describe_configs_response_synonym, 1);
    if (config->synonyms.items == NULL) {
        return false;
    }
    config->synonyms.count = 1;
    config->synonyms.items[0] = (struct kafka_describe_configs_response_synonym){
        config->name, config->value, config->config_source};
    return true;
}
