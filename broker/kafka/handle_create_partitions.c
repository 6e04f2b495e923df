/* CreatePartitions: more partitions for topics. Each topic is one item of a change
 * (broker/core/change.h). */
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* Of one request. */
struct kafka_create_partitions {
    struct kafka_request *request;                    /* whose */
    struct kafka_create_partitions_response response; /* a topic for each item */
    struct core_change change;                        /* makes them */
};

static bool kafka_create_partitions_prepare(struct kafka_create_partitions *state);
static void kafka_create_partitions_ask(struct kafka_create_partitions *state,
                                        const struct kafka_create_partitions_request_topic *asked,
                                        enum kafka_repeat repeat);
static void kafka_create_partitions_done(struct core_change *change);

void kafka_handle_create_partitions(struct kafka_request *request)
{
    const struct kafka_create_partitions_request *body = request->body;
    struct kafka_create_partitions *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    kafka_reset(&kafka_struct_create_partitions_response, &state->response);
    if (!kafka_create_partitions_prepare(state)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_change_limit(request, &state->change, body->timeout_ms);
    core_change_start(request->conn->door->cs, &state->change);
}

/* An item and an answer for each name. False: no memory. */
static bool kafka_create_partitions_prepare(struct kafka_create_partitions *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_create_partitions_request *body = request->body;
    int32_t count = body->topics.count;
    struct kafka_name *names =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct kafka_name), 16);
    state->response.results.items =
        kafka_items(&request->arena, &kafka_struct_create_partitions_response_topic, count);
    if (names == NULL || state->response.results.items == NULL ||
        !kafka_change_init(request, &state->change, count, kafka_create_partitions_done, state)) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        names[i] = (struct kafka_name){body->topics.items[i].name, i};
    }
    const uint8_t *repeats = kafka_names_repeats(request, names, count);
    for (int32_t i = 0; repeats != NULL && i < count; i++) {
        if (repeats[i] != KAFKA_REPEAT_LATER) {
            kafka_create_partitions_ask(state, &body->topics.items[i],
                                        (enum kafka_repeat)repeats[i]);
        }
    }
    return repeats != NULL;
}

static void kafka_create_partitions_ask(struct kafka_create_partitions *state,
                                        const struct kafka_create_partitions_request_topic *asked,
                                        enum kafka_repeat repeat)
{
    const struct kafka_create_partitions_request *body = state->request->body;
    int32_t node_id = state->request->conn->door->cs->core->config.node_id;
    struct core_change_item *item =
        kafka_change_add(&state->change, CORE_CHANGE_PARTITIONS, asked->name);
    state->response.results.items[state->response.results.count++].name = asked->name;
    item->partitions_count = asked->count;
    item->is_validate_only = body->validate_only;
    for (int32_t i = 0; i < asked->assignments.count && item->code == CORE_OK; i++) {
        const struct kafka_int32_array *nodes = &asked->assignments.items[i].broker_ids;
        item->assigned_count++;
        if (nodes->count != 1 || nodes->items[0] != node_id) {
            kafka_change_refuse(item, CORE_INVALID_ASSIGNMENT,
                                "new partition %d: its one replica can only be on node %d", i,
                                node_id);
        }
    }
    if (repeat == KAFKA_REPEAT_FIRST) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "the request names the topic twice");
    }
}

static void kafka_create_partitions_done(struct core_change *change)
{
    struct kafka_create_partitions *state = change->ctx;
    for (uint32_t i = 0; i < change->items_count; i++) {
        const struct core_change_item *item = &change->items[i];
        struct kafka_create_partitions_response_topic *answer = &state->response.results.items[i];
        answer->error_code = (int16_t)kafka_change_error(item);
        answer->error_message = kafka_change_words(item);
    }
    kafka_request_answer(state->request, &state->response);
}
