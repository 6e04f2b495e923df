/* DescribeConfigs: every setting of topics, with where its value comes from, what else it could
 * have come from, and what it means; and those settings of this node that clients look at. What is
 * shown is the catalog of this turn: nothing is waited for. */
#include <string.h>

#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/describe_node.h"
#include "broker/kafka/handlers.h"

/* Synonyms of a key: the topic's own value, the node's, and the defaults. */
#define KAFKA_SYNONYMS_MAX (CORE_TOPIC_CONFIG_SYNONYMS_MAX + 2)

/* Of one request. */
struct kafka_describe_configs {
    struct kafka_request *request;                        /* whose */
    struct kafka_describe_configs_response response;      /* being filled */
    struct kafka_describe_configs_response_config *plain; /* every key of a topic that sets none;
                                                             NULL: not made yet */
};

static bool kafka_describe_configs_resource(
    struct kafka_describe_configs *state,
    const struct kafka_describe_configs_request_resource *asked,
    struct kafka_describe_configs_response_resource *answer);
static bool kafka_describe_configs_topic(
    struct kafka_describe_configs *state,
    const struct kafka_describe_configs_request_resource *asked,
    struct kafka_describe_configs_response_resource *answer);
static bool kafka_describe_configs_plain(struct kafka_describe_configs *state);
static bool kafka_describe_configs_key(struct kafka_describe_configs *state,
                                       const struct core_topic_config_key *key,
                                       const struct core_topic *topic,
                                       struct kafka_describe_configs_response_config *config);
static bool kafka_describe_configs_synonyms(struct kafka_describe_configs *state,
                                            const struct core_topic_config_key *key,
                                            struct kafka_describe_configs_response_config *config);
static bool kafka_describe_configs_node(struct kafka_describe_configs *state,
                                        const struct kafka_describe_configs_request_resource *asked,
                                        struct kafka_describe_configs_response_resource *answer);

void kafka_handle_describe_configs(struct kafka_request *request)
{
    const struct kafka_describe_configs_request *body = request->body;
    struct kafka_describe_configs state = {.request = request};
    struct kafka_describe_configs_response *response = &state.response;
    int32_t count = body->resources.count;
    kafka_reset(&kafka_struct_describe_configs_response, response);
    response->results.items =
        kafka_items(&request->arena, &kafka_struct_describe_configs_response_resource, count);
    bool is_fine = response->results.items != NULL;
    for (int32_t i = 0; is_fine && i < count; i++) {
        response->results.count++;
        is_fine = kafka_describe_configs_resource(&state, &body->resources.items[i],
                                                  &response->results.items[i]);
    }
    if (is_fine) {
        kafka_request_answer(request, response);
    } else {
        kafka_request_fail(request, "no memory for the request");
    }
}

static void kafka_describe_configs_refuse(struct kafka_describe_configs_response_resource *answer,
                                          enum kafka_error error, const char *text)
{
    answer->error_code = (int16_t)error;
    answer->error_message = kafka_text(text);
}

/* False: no memory. */
static bool kafka_describe_configs_resource(
    struct kafka_describe_configs *state,
    const struct kafka_describe_configs_request_resource *asked,
    struct kafka_describe_configs_response_resource *answer)
{
    answer->resource_type = asked->resource_type;
    answer->resource_name = asked->resource_name;
    switch (asked->resource_type) {
    case KAFKA_RESOURCE_TOPIC: return kafka_describe_configs_topic(state, asked, answer);
    case KAFKA_RESOURCE_BROKER: return kafka_describe_configs_node(state, asked, answer);
    default:
        kafka_describe_configs_refuse(
            answer, KAFKA_INVALID_REQUEST,
            "configs of this resource type are not served; those of topics (2) and nodes (4) are");
        return true;
    }
}

/* Whether the key of this name is wanted. */
static bool kafka_describe_configs_wants(
    const struct kafka_describe_configs_request_resource *asked, struct kafka_string name)
{
    for (int32_t i = 0; i < asked->configuration_keys.count; i++) {
        struct kafka_string wanted = asked->configuration_keys.items[i];
        if (wanted.length == name.length &&
            memcmp(wanted.data, name.data, (size_t)name.length) == 0) {
            return true;
        }
    }
    return asked->configuration_keys.count <= 0;
}

/* --- Topics --- */

static bool kafka_describe_configs_topic(
    struct kafka_describe_configs *state,
    const struct kafka_describe_configs_request_resource *asked,
    struct kafka_describe_configs_response_resource *answer)
{
    struct kafka_request *request = state->request;
    struct kafka_string name = asked->resource_name;
    const struct core_topic *topic = kafka_topic_named(request, name);
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    if (topic == NULL) {
        bool is_legal = name.length > 0 && core_topic_is_legal(name.data, (size_t)name.length);
        kafka_describe_configs_refuse(
            answer, is_legal ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION,
            is_legal ? "no such topic" : "not a legal topic name");
        return true;
    }
    if (!kafka_describe_configs_plain(state)) {
        return false;
    }
    bool is_plain = topic->pairs_count == 0 && /* and not our own, which no pairs made what it is */
                    !core_topic_is_reserved(topic->name, topic->name_bytes);
    if (is_plain && asked->configuration_keys.count <= 0) {
        answer->configs.items = state->plain; /* of one copy: many ask for thousands of topics */
        answer->configs.count = (int32_t)count;
        return true;
    }
    answer->configs.items = kafka_items(
        &request->arena, &kafka_struct_describe_configs_response_config, (int32_t)count);
    for (size_t i = 0; answer->configs.items != NULL && i < count; i++) {
        if (kafka_describe_configs_wants(asked, state->plain[i].name)) {
            struct kafka_describe_configs_response_config *config =
                &answer->configs.items[answer->configs.count++];
            *config = state->plain[i];
            if (!is_plain && !kafka_describe_configs_key(state, &keys[i], topic, config)) {
                return false;
            }
        }
    }
    return answer->configs.items != NULL;
}

/* Make state->plain. */
static bool kafka_describe_configs_plain(struct kafka_describe_configs *state)
{
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    if (state->plain != NULL) {
        return true;
    }
    state->plain = kafka_items(&state->request->arena,
                               &kafka_struct_describe_configs_response_config, (int32_t)count);
    for (size_t i = 0; state->plain != NULL && i < count; i++) {
        if (!kafka_describe_configs_key(state, &keys[i], NULL, &state->plain[i])) {
            return false;
        }
    }
    return state->plain != NULL;
}

/* Fill *config with a key of `topic`; with NULL, with what is true where nobody set it. A topic's
 * is filled over that. */
static bool kafka_describe_configs_key(struct kafka_describe_configs *state,
                                       const struct core_topic_config_key *key,
                                       const struct core_topic *topic,
                                       struct kafka_describe_configs_response_config *config)
{
    struct kafka_request *request = state->request;
    const struct kafka_describe_configs_request *body = request->body;
    const struct core_topic_config *base = &request->conn->door->cs->core->config.topics;
    struct kafka_config_value value = kafka_config_value(
        request, key, topic != NULL ? &topic->config : base, topic != NULL ? topic->pairs : NULL,
        topic != NULL ? topic->pairs_count : 0);
    config->value = value.text;
    config->config_source = (int8_t)value.source;
    if (topic == NULL) {
        config->name = kafka_text(key->name);
        config->config_type = (int8_t)key->type;
        config->documentation.length = KAFKA_NULL;
        if (body->include_documentation) {
            config->documentation = kafka_text(key->documentation);
        }
    }
    bool has_new = topic == NULL || value.source != KAFKA_CONFIG_OF_DEFAULT;
    return value.text.data != NULL && (!body->include_synonyms || !has_new ||
                                       kafka_describe_configs_synonyms(state, key, config));
}

/* Put what is new in front of the synonyms *config has: the topic's or the node's own value, or, if
 * it has none, the defaults. */
static bool kafka_describe_configs_synonyms(struct kafka_describe_configs *state,
                                            const struct core_topic_config_key *key,
                                            struct kafka_describe_configs_response_config *config)
{
    struct kafka_describe_configs_response_synonym_array before = config->synonyms;
    struct kafka_describe_configs_response_synonym_array *out = &config->synonyms;
    out->count = 0;
    out->items = kafka_items(&state->request->arena,
                             &kafka_struct_describe_configs_response_synonym, KAFKA_SYNONYMS_MAX);
    if (out->items == NULL) {
        return false;
    }
    if (config->config_source != KAFKA_CONFIG_OF_DEFAULT) {
        bool is_topic = config->config_source == KAFKA_CONFIG_OF_TOPIC;
        const char *name =
            is_topic || key->synonyms[0].name == NULL ? key->name : key->synonyms[0].name;
        out->items[out->count++] = (struct kafka_describe_configs_response_synonym){
            kafka_text(name), config->value, config->config_source};
        for (int32_t i = 0; is_topic && i < before.count; i++) {
            out->items[out->count++] = before.items[i];
        }
        if (is_topic) {
            return true;
        }
    }
    for (size_t i = 0; i < CORE_TOPIC_CONFIG_SYNONYMS_MAX && key->synonyms[i].name != NULL; i++) {
        if (key->synonyms[i].default_text != NULL) {
            out->items[out->count++] = (struct kafka_describe_configs_response_synonym){
                kafka_text(key->synonyms[i].name), kafka_text(key->synonyms[i].default_text),
                KAFKA_CONFIG_OF_DEFAULT};
        }
    }
    return true;
}

/* --- Nodes --- */

/* As in Kafka: without a name, what was set for all nodes while they ran, which is nothing. */
static bool kafka_describe_configs_node(struct kafka_describe_configs *state,
                                        const struct kafka_describe_configs_request_resource *asked,
                                        struct kafka_describe_configs_response_resource *answer)
{
    struct kafka_request *request = state->request;
    struct kafka_describe_configs_response_config_array all;
    if (asked->resource_name.length == 0) {
        return true;
    }
    if (!kafka_describe_node_is_here(request, asked->resource_name)) {
        kafka_describe_configs_refuse(
            answer, KAFKA_INVALID_REQUEST,
            "a node tells its own settings only, and this is another one");
        return true;
    }
    if (!kafka_describe_node(request, &all)) {
        return false;
    }
    answer->configs.items = all.items;
    for (int32_t i = 0; i < all.count; i++) {
        if (kafka_describe_configs_wants(asked, all.items[i].name)) {
            answer->configs.items[answer->configs.count++] = all.items[i];
        }
    }
    return true;
}
