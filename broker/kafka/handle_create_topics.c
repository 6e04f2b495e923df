/* CreateTopics: each topic is one item of a change (broker/core/change.h), answered when it is
 * durable and every shard knows it. */
#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* The answer has the topic's settings from this version on (KIP-525). */
#define KAFKA_CREATE_CONFIGS_FIRST 5

/* Of one request. */
struct kafka_create_topics {
    struct kafka_request *request;                           /* whose */
    struct kafka_create_topics_response response;            /* a topic for each item */
    struct core_change change;                               /* makes them */
    struct kafka_create_topics_response_config_array common; /* of topics that set nothing; count 0:
                                                                not made yet */
};

static bool kafka_create_topics_prepare(struct kafka_create_topics *state);
static bool kafka_create_topics_ask(struct kafka_create_topics *state,
                                    const struct kafka_create_topics_request_topic *asked,
                                    enum kafka_repeat repeat);
static bool kafka_create_topics_assign(struct kafka_create_topics *state,
                                       struct core_change_item *item,
                                       const struct kafka_create_topics_request_topic *asked);
static void kafka_create_topics_done(struct core_change *change);
static bool kafka_create_topics_configs(struct kafka_create_topics *state,
                                        const struct core_change_item *item,
                                        struct kafka_create_topics_response_config_array *out);

void kafka_handle_create_topics(struct kafka_request *request)
{
    const struct kafka_create_topics_request *body = request->body;
    struct kafka_create_topics *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    kafka_reset(&kafka_struct_create_topics_response, &state->response);
    if (!kafka_create_topics_prepare(state)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_change_limit(request, &state->change, body->timeout_ms);
    core_change_start(request->conn->door->cs, &state->change);
}

/* An item and an answer for each name. False: no memory. */
static bool kafka_create_topics_prepare(struct kafka_create_topics *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_create_topics_request *body = request->body;
    int32_t count = body->topics.count;
    struct kafka_name *names =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct kafka_name), 16);
    state->response.topics.items =
        kafka_items(&request->arena, &kafka_struct_create_topics_response_topic, count);
    if (names == NULL || state->response.topics.items == NULL ||
        !kafka_change_init(request, &state->change, count, kafka_create_topics_done, state)) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        names[i] = (struct kafka_name){body->topics.items[i].name, i};
    }
    const uint8_t *repeats = kafka_names_repeats(request, names, count);
    for (int32_t i = 0; repeats != NULL && i < count; i++) {
        if (repeats[i] != KAFKA_REPEAT_LATER &&
            !kafka_create_topics_ask(state, &body->topics.items[i],
                                     (enum kafka_repeat)repeats[i])) {
            return false;
        }
    }
    return repeats != NULL;
}

static bool kafka_create_topics_ask(struct kafka_create_topics *state,
                                    const struct kafka_create_topics_request_topic *asked,
                                    enum kafka_repeat repeat)
{
    const struct kafka_create_topics_request *body = state->request->body;
    struct core_change_item *item =
        kafka_change_add(&state->change, CORE_CHANGE_CREATE, asked->name);
    struct core_topic_config_pair *pairs =
        arena_alloc(&state->request->arena, (size_t)asked->configs.count * sizeof(*pairs), 16);
    if (pairs == NULL) {
        return false;
    }
    for (int32_t i = 0; i < asked->configs.count; i++) {
        pairs[i] = kafka_config_pair(asked->configs.items[i].name, asked->configs.items[i].value);
    }
    state->response.topics.items[state->response.topics.count++].name = asked->name;
    item->pairs = pairs;
    item->pairs_count = (uint32_t)asked->configs.count;
    item->partitions_count = asked->num_partitions;
    item->replicas_count = asked->replication_factor;
    item->is_validate_only = body->validate_only;
    if (repeat == KAFKA_REPEAT_FIRST) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "the request names the topic twice");
    }
    return asked->assignments.count == 0 || kafka_create_topics_assign(state, item, asked);
}

/* The client says itself where each partition is: here there is one node. False: no memory. */
static bool kafka_create_topics_assign(struct kafka_create_topics *state,
                                       struct core_change_item *item,
                                       const struct kafka_create_topics_request_topic *asked)
{
    int32_t node_id = state->request->conn->door->cs->core->config.node_id;
    int32_t count = asked->assignments.count;
    bool *seen = arena_alloc_zeroed(&state->request->arena, (size_t)count, 1);
    if (seen == NULL) {
        return false;
    }
    if (asked->num_partitions != -1 || asked->replication_factor != -1) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST,
                            "with an assignment of its own, a topic takes -1 for partitions and "
                            "for replication factor");
    }
    for (int32_t i = 0; i < count && item->code == CORE_OK; i++) {
        const struct kafka_create_topics_request_assignment *one = &asked->assignments.items[i];
        if (one->partition_index < 0 || one->partition_index >= count ||
            seen[one->partition_index]) {
            kafka_change_refuse(item, CORE_INVALID_ASSIGNMENT,
                                "partitions are to be numbered from 0 on, each once: %d of %d",
                                one->partition_index, count);
        } else if (one->broker_ids.count != 1 || one->broker_ids.items[0] != node_id) {
            kafka_change_refuse(item, CORE_INVALID_ASSIGNMENT,
                                "partition %d: its one replica can only be on node %d",
                                one->partition_index, node_id);
        } else {
            seen[one->partition_index] = true;
        }
    }
    item->partitions_count = count;
    item->replicas_count = 1;
    return true;
}

static void kafka_create_topics_done(struct core_change *change)
{
    struct kafka_create_topics *state = change->ctx;
    struct kafka_request *request = state->request;
    for (uint32_t i = 0; i < change->items_count; i++) {
        const struct core_change_item *item = &change->items[i];
        struct kafka_create_topics_response_topic *answer = &state->response.topics.items[i];
        answer->error_code = (int16_t)kafka_change_error(item);
        answer->error_message = kafka_change_words(item);
        if (item->code != CORE_OK) {
            continue;
        }
        if (!item->is_validate_only) {
            answer->topic_id = item->uuid_made;
        }
        answer->num_partitions = (int32_t)item->partitions_made;
        answer->replication_factor = 1;
        if (request->version >= KAFKA_CREATE_CONFIGS_FIRST &&
            !kafka_create_topics_configs(state, item, &answer->configs)) {
            kafka_request_fail(request, "no memory for its answer");
            return;
        }
    }
    kafka_request_answer(request, &state->response);
}

/* The settings of a topic that was made, from what it was made of: it may be gone again. */
static bool kafka_create_topics_configs(struct kafka_create_topics *state,
                                        const struct core_change_item *item,
                                        struct kafka_create_topics_response_config_array *out)
{
    struct kafka_request *request = state->request;
    const struct core_topic_config *base = &request->conn->door->cs->core->config.topics;
    struct core_topic_config config;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    if (item->pairs_count == 0 && state->common.count > 0) {
        *out = state->common;
        return true;
    }
    enum err err = core_topic_config_read(base, item->pairs, item->pairs_count, &config, NULL);
    ASSERT(err == ERR_OK); /* it was made of them */
    out->count = (int32_t)count;
    out->items =
        kafka_items(&request->arena, &kafka_struct_create_topics_response_config, out->count);
    for (size_t i = 0; out->items != NULL && i < count; i++) {
        struct kafka_config_value value =
            kafka_config_value(request, &keys[i], &config, item->pairs, item->pairs_count);
        if (value.text.data == NULL) {
            return false;
        }
        out->items[i].name = kafka_text(keys[i].name);
        out->items[i].value = value.text;
        out->items[i].config_source = (int8_t)value.source;
    }
    if (item->pairs_count == 0) {
        state->common = *out;
    }
    return out->items != NULL;
}
