/* Metadata: the nodes, the topics, who leads their partitions. A topic that is asked for by name
 * and is not there is made where that is allowed; the answer then has it.
 *
 * Three steps: what is wanted is collected from the catalog (copied: the catalog may be another one
 * after a wait), missing topics are made, the partitions' leaders are asked for. */
#include "base/assert.h"
#include "base/list.h"
#include "broker/core/change.h"
#include "broker/core/core.h"
#include "broker/core/describe.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Topics are asked for by their ids from this version on (KIP-516). */
#define KAFKA_METADATA_IDS_FIRST 12

/* Of one request. */
struct kafka_metadata {
    struct kafka_request *request;           /* whose */
    struct kafka_metadata_response response; /* being filled */
    struct core_change change;               /* makes topics */
    struct core_describe describe;           /* asks for leaders */
    int32_t node_id;                         /* this node's: the only replica of everything */
};

static void kafka_metadata_make(struct kafka_metadata *state);
static void kafka_metadata_made(struct core_change *change);
static void kafka_metadata_collect(struct kafka_metadata *state);
static bool kafka_metadata_collect_all(struct kafka_metadata *state);
static bool kafka_metadata_collect_asked(struct kafka_metadata *state);
static const uint8_t *kafka_metadata_repeats(struct kafka_metadata *state);
static bool kafka_metadata_topic(struct kafka_metadata *state,
                                 struct kafka_metadata_response_topic *answer,
                                 const struct core_topic *topic);
static bool kafka_metadata_describe(struct kafka_metadata *state);
static void kafka_metadata_described(struct core_describe *describe);
static bool kafka_metadata_nodes(struct kafka_metadata *state);
static enum kafka_error kafka_metadata_error(const struct kafka_metadata *state,
                                             const struct kafka_metadata_request_topic *asked);

void kafka_handle_metadata(struct kafka_request *request)
{
    struct kafka_metadata *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->node_id = request->conn->door->cs->core->config.node_id;
    kafka_reset(&kafka_struct_metadata_response, &state->response);
    kafka_metadata_make(state);
}

/* --- Topics that are to be made --- */

static bool kafka_metadata_is_missing(const struct kafka_metadata *state,
                                      const struct kafka_metadata_request_topic *asked)
{
    struct kafka_string name = asked->name;
    return name.length > 0 && kafka_topic_named(state->request, name) == NULL &&
           core_topic_is_legal(name.data, (size_t)name.length) &&
           !core_topic_is_reserved(name.data, (size_t)name.length);
}

static void kafka_metadata_make(struct kafka_metadata *state)
{
    const struct kafka_metadata_request *body = state->request->body;
    struct core_shard *cs = state->request->conn->door->cs;
    uint32_t count = 0;
    bool may = cs->core->config.is_auto_create && body->allow_auto_topic_creation;
    for (int32_t i = 0; may && i < body->topics.count; i++) {
        count += kafka_metadata_is_missing(state, &body->topics.items[i]);
    }
    if (count == 0) {
        kafka_metadata_collect(state);
        return;
    }
    state->change = (struct core_change){.done = kafka_metadata_made, .ctx = state};
    state->change.items =
        kafka_request_alloc(state->request, count * sizeof(struct core_change_item));
    if (state->change.items == NULL) {
        return;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        if (kafka_metadata_is_missing(state, &body->topics.items[i])) {
            state->change.items[state->change.items_count++] =
                (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                          .name = body->topics.items[i].name.data,
                                          .name_bytes = (uint32_t)body->topics.items[i].name.length,
                                          .partitions_count = -1,
                                          .replicas_count = -1};
        }
    }
    core_change_start(cs, &state->change);
}

/* What could not be made is missing still: the answer says so. */
static void kafka_metadata_made(struct core_change *change)
{
    kafka_metadata_collect(change->ctx);
}

/* --- What is wanted --- */

static void kafka_metadata_collect(struct kafka_metadata *state)
{
    const struct kafka_metadata_request *body = state->request->body;
    bool is_all = body->topics.count == KAFKA_NULL ||
                  (state->request->version == 0 && body->topics.count == 0);
    bool is_fine = kafka_metadata_nodes(state) && (is_all ? kafka_metadata_collect_all(state)
                                                          : kafka_metadata_collect_asked(state));
    if (!is_fine || !kafka_metadata_describe(state)) {
        kafka_request_fail(state->request, "no memory for the request");
    }
}

static bool kafka_metadata_collect_all(struct kafka_metadata *state)
{
    const struct core_catalog *catalog = state->request->conn->door->cs->catalog;
    struct core_tree_walk walk;
    const struct core_topic *topic;
    state->response.topics.items =
        kafka_items(&state->request->arena, &kafka_struct_metadata_response_topic,
                    (int32_t)catalog->topics_count);
    if (state->response.topics.items == NULL) {
        return false;
    }
    core_catalog_walk(&walk, catalog, NULL, 0);
    while ((topic = core_catalog_next(&walk)) != NULL) {
        ASSERT(state->response.topics.count < (int32_t)catalog->topics_count);
        if (!kafka_metadata_topic(
                state, &state->response.topics.items[state->response.topics.count++], topic)) {
            return false;
        }
    }
    return true;
}

static bool kafka_metadata_collect_asked(struct kafka_metadata *state)
{
    const struct kafka_metadata_request *body = state->request->body;
    const struct core_catalog *catalog = state->request->conn->door->cs->catalog;
    const uint8_t *repeats = kafka_metadata_repeats(state);
    state->response.topics.items = kafka_items(
        &state->request->arena, &kafka_struct_metadata_response_topic, body->topics.count);
    if (repeats == NULL || state->response.topics.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        const struct kafka_metadata_request_topic *asked = &body->topics.items[i];
        if (repeats[i] == KAFKA_REPEAT_LATER) {
            continue;
        }
        struct kafka_metadata_response_topic *answer =
            &state->response.topics.items[state->response.topics.count++];
        const struct core_topic *topic = asked->name.length == KAFKA_NULL
                                             ? core_catalog_find_uuid(catalog, &asked->topic_id)
                                             : kafka_topic_named(state->request, asked->name);
        bool may_be_null = state->request->version >= KAFKA_METADATA_IDS_FIRST;
        answer->name =
            asked->name.length == KAFKA_NULL && !may_be_null ? kafka_text("") : asked->name;
        answer->topic_id = asked->topic_id;
        answer->error_code = (int16_t)kafka_metadata_error(state, asked);
        if (topic != NULL && answer->error_code == KAFKA_NONE &&
            !kafka_metadata_topic(state, answer, topic)) {
            return false;
        }
        if (topic == NULL && answer->error_code == KAFKA_NONE) {
            answer->error_code = asked->name.length == KAFKA_NULL
                                     ? KAFKA_UNKNOWN_TOPIC_ID
                                     : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
    return true;
}

/* What is asked for twice is answered once, as in Kafka: a topic with many partitions makes a long
 * answer. NULL: no memory. */
static const uint8_t *kafka_metadata_repeats(struct kafka_metadata *state)
{
    const struct kafka_metadata_request *body = state->request->body;
    struct kafka_name *names = arena_alloc(
        &state->request->arena, (size_t)body->topics.count * sizeof(struct kafka_name), 16);
    for (int32_t i = 0; names != NULL && i < body->topics.count; i++) {
        const struct kafka_metadata_request_topic *asked = &body->topics.items[i];
        names[i] = (struct kafka_name){asked->name, i};
        if (asked->name.length == KAFKA_NULL) {
            names[i].text = (struct kafka_string){(const char *)asked->topic_id.bytes,
                                                  sizeof(asked->topic_id.bytes)};
        }
    }
    return names != NULL ? kafka_names_repeats(state->request, names, body->topics.count) : NULL;
}

/* Whether it can be asked for at all. */
static enum kafka_error kafka_metadata_error(const struct kafka_metadata *state,
                                             const struct kafka_metadata_request_topic *asked)
{
    if (asked->name.length == KAFKA_NULL) {
        return state->request->version < KAFKA_METADATA_IDS_FIRST ? KAFKA_INVALID_REQUEST
                                                                  : KAFKA_NONE;
    }
    return core_topic_is_legal(asked->name.data, (size_t)asked->name.length)
               ? KAFKA_NONE
               : KAFKA_INVALID_TOPIC_EXCEPTION;
}

/* The answer's topic; leaders are filled in later. */
static bool kafka_metadata_topic(struct kafka_metadata *state,
                                 struct kafka_metadata_response_topic *answer,
                                 const struct core_topic *topic)
{
    struct kafka_request *request = state->request;
    answer->name = kafka_text_copy(request, topic->name, topic->name_bytes);
    answer->topic_id = topic->uuid;
    answer->is_internal = topic->is_internal;
    answer->partitions.count = (int32_t)topic->partitions_count;
    answer->partitions.items = kafka_items(
        &request->arena, &kafka_struct_metadata_response_partition, answer->partitions.count);
    struct core_describe_item *items = arena_alloc_zeroed(
        &request->arena, topic->partitions_count * sizeof(struct core_describe_item), 16);
    if (answer->name.data == NULL || answer->partitions.items == NULL || items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < topic->partitions_count; i++) {
        struct kafka_metadata_response_partition *part = &answer->partitions.items[i];
        part->partition_index = (int32_t)i;
        part->leader_id = -1;
        part->replica_nodes = (struct kafka_int32_array){&state->node_id, 1};
        part->isr_nodes = part->replica_nodes;
        items[i].topic = topic->uuid;
        items[i].partition = i;
        items[i].group = topic->groups[i];
        core_describe_add(&state->describe, &items[i]);
    }
    return true;
}

/* --- Leaders --- */

/* False: no memory. */
static bool kafka_metadata_describe(struct kafka_metadata *state)
{
    struct core_shard *cs = state->request->conn->door->cs;
    if (state->describe.items == NULL) {
        kafka_request_answer(state->request, &state->response);
        return true;
    }
    state->describe.parts = arena_alloc_zeroed(
        &state->request->arena, cs->core->shards_count * sizeof(*state->describe.parts), 16);
    if (state->describe.parts == NULL) {
        return false;
    }
    kafka_request_hold(state->request, 0); /* the answer to many partitions is in memory now */
    state->describe.done = kafka_metadata_described;
    state->describe.ctx = state;
    core_describe_start(cs, &state->describe);
    return true;
}

static void kafka_metadata_described(struct core_describe *describe)
{
    struct kafka_metadata *state = describe->ctx;
    const struct core_describe_item *item = describe->items;
    for (int32_t i = 0; i < state->response.topics.count; i++) {
        struct kafka_metadata_response_topic *topic = &state->response.topics.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            struct kafka_metadata_response_partition *part = &topic->partitions.items[k];
            part->leader_id = item->leader;
            part->leader_epoch = item->leader_epoch;
            part->error_code = item->leader == -1 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE;
            item = item->next;
        }
    }
    kafka_request_answer(state->request, &state->response);
}

/* --- Nodes --- */

static bool kafka_metadata_nodes(struct kafka_metadata *state)
{
    struct kafka_request *request = state->request;
    struct kafka_door *door = request->conn->door;
    struct kafka_metadata_response *response = &state->response;
    char cluster[KAFKA_UUID_TEXT_BYTES];
    response->brokers.count = 1;
    response->brokers.items =
        kafka_items(&request->arena, &kafka_struct_metadata_response_broker, 1);
    kafka_uuid_format(&door->cs->catalog->cluster, cluster);
    response->cluster_id = kafka_text_copy(request, cluster, KAFKA_UUID_TEXT_BYTES - 1);
    if (response->brokers.items == NULL || response->cluster_id.data == NULL) {
        return false;
    }
    response->controller_id = state->node_id;
    response->brokers.items[0].node_id = state->node_id;
    response->brokers.items[0].host = kafka_text(door->config.advertised_host);
    response->brokers.items[0].port = door->config.advertised_port;
    return true;
}
