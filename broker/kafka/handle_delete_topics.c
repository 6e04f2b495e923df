/* DeleteTopics: by name, from version 6 on also by id (KIP-516). Each topic is one item of a change
 * (broker/core/change.h). */
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* Topics stand in an array of structs from this version on. */
#define KAFKA_DELETE_IDS_FIRST 6

/* Of one request. */
struct kafka_delete_topics {
    struct kafka_request *request;                /* whose */
    struct kafka_delete_topics_response response; /* a topic for each item */
    struct core_change change;                    /* deletes them */
};

static bool kafka_delete_topics_prepare(struct kafka_delete_topics *state);
static struct kafka_delete_topics_request_topic kafka_delete_topics_asked(
    const struct kafka_request *request, int32_t index);
static bool kafka_delete_topics_ask(struct kafka_delete_topics *state,
                                    const struct kafka_delete_topics_request_topic *asked,
                                    enum kafka_repeat repeat);
static void kafka_delete_topics_done(struct core_change *change);

void kafka_handle_delete_topics(struct kafka_request *request)
{
    const struct kafka_delete_topics_request *body = request->body;
    struct kafka_delete_topics *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    kafka_reset(&kafka_struct_delete_topics_response, &state->response);
    if (!kafka_delete_topics_prepare(state)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_change_limit(request, &state->change, body->timeout_ms);
    core_change_start(request->conn->door->cs, &state->change);
}

/* An item and an answer for each name and each id. False: no memory. */
static bool kafka_delete_topics_prepare(struct kafka_delete_topics *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_delete_topics_request *body = request->body;
    int32_t count =
        request->version >= KAFKA_DELETE_IDS_FIRST ? body->topics.count : body->topic_names.count;
    size_t bytes = (size_t)count * sizeof(struct kafka_name);
    struct kafka_name *names = arena_alloc(&request->arena, bytes, 16);
    struct kafka_name *ids = arena_alloc(&request->arena, bytes, 16);
    struct log_uuid *uuids =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct log_uuid), 16);
    state->response.responses.items =
        kafka_items(&request->arena, &kafka_struct_delete_topics_response_topic, count);
    if (names == NULL || ids == NULL || uuids == NULL || state->response.responses.items == NULL ||
        !kafka_change_init(request, &state->change, count, kafka_delete_topics_done, state)) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        struct kafka_delete_topics_request_topic asked = kafka_delete_topics_asked(request, i);
        bool is_named = asked.name.length != KAFKA_NULL;
        uuids[i] = asked.topic_id;
        names[i] = (struct kafka_name){asked.name, i};
        ids[i] = (struct kafka_name){{(const char *)uuids[i].bytes, sizeof(uuids[i].bytes)}, i};
        ids[i].text.length = is_named ? KAFKA_NULL : ids[i].text.length;
    }
    const uint8_t *name_repeats = kafka_names_repeats(request, names, count);
    const uint8_t *id_repeats = kafka_names_repeats(request, ids, count);
    if (name_repeats == NULL || id_repeats == NULL) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        struct kafka_delete_topics_request_topic asked = kafka_delete_topics_asked(request, i);
        enum kafka_repeat repeat = (enum kafka_repeat)(name_repeats[i] | id_repeats[i]);
        if (repeat != KAFKA_REPEAT_LATER && !kafka_delete_topics_ask(state, &asked, repeat)) {
            return false;
        }
    }
    return true;
}

/* The topic at `index` of the request. */
static struct kafka_delete_topics_request_topic kafka_delete_topics_asked(
    const struct kafka_request *request, int32_t index)
{
    const struct kafka_delete_topics_request *body = request->body;
    struct kafka_delete_topics_request_topic asked = {.topic_id = {{0}}};
    if (request->version >= KAFKA_DELETE_IDS_FIRST) {
        return body->topics.items[index];
    }
    asked.name = body->topic_names.items[index];
    return asked;
}

static bool kafka_delete_topics_ask(struct kafka_delete_topics *state,
                                    const struct kafka_delete_topics_request_topic *asked,
                                    enum kafka_repeat repeat)
{
    struct kafka_request *request = state->request;
    struct core_change_item *item =
        kafka_change_add(&state->change, CORE_CHANGE_DELETE, asked->name);
    struct kafka_delete_topics_response_topic *answer =
        &state->response.responses.items[state->response.responses.count++];
    bool is_named = asked->name.length != KAFKA_NULL;
    bool has_id = !log_uuid_is_zero(&asked->topic_id);
    const struct core_topic *topic =
        is_named ? NULL
                 : core_catalog_find_uuid(request->conn->door->cs->catalog, &asked->topic_id);
    item->uuid = asked->topic_id;
    answer->name = asked->name;
    answer->topic_id = asked->topic_id;
    if (topic != NULL) {
        answer->name = kafka_text_copy(request, topic->name, topic->name_bytes);
    }
    if (is_named && has_id) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "a topic's name or its id, not both");
    } else if (!is_named && !has_id) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "neither a topic's name nor its id");
    } else if (repeat == KAFKA_REPEAT_FIRST) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "the request names the topic twice");
    }
    return topic == NULL || answer->name.data != NULL;
}

static void kafka_delete_topics_done(struct core_change *change)
{
    struct kafka_delete_topics *state = change->ctx;
    for (uint32_t i = 0; i < change->items_count; i++) {
        const struct core_change_item *item = &change->items[i];
        struct kafka_delete_topics_response_topic *answer = &state->response.responses.items[i];
        answer->error_code = (int16_t)kafka_change_error(item);
        answer->error_message = kafka_change_words(item);
        if (item->code == CORE_OK) {
            answer->topic_id = item->uuid_made;
        }
    }
    kafka_request_answer(state->request, &state->response);
}
