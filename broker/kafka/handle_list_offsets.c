/* ListOffsets: ends of partitions, and offsets by time. */
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/offsets.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* A question on its way. */
struct kafka_list_offsets_item {
    struct core_offsets offsets;                          /* the question */
    struct kafka_list_offsets_response_partition *answer; /* where its answer goes */
};

/* Of one request. */
struct kafka_list_offsets {
    struct kafka_request *request;               /* whose */
    struct kafka_list_offsets_response response; /* being filled */
    struct kafka_list_offsets_item *items;       /* questions */
    uint32_t away_count;                         /* of them, not answered; and the handler itself */
};

static bool kafka_list_offsets_prepare(struct kafka_list_offsets *state,
                                       const struct kafka_list_offsets_request *body);
static void kafka_list_offsets_ask(struct kafka_list_offsets *state,
                                   struct kafka_list_offsets_item *item,
                                   const struct core_topic *topic,
                                   const struct kafka_list_offsets_request_partition *asked);
static void kafka_list_offsets_answered(struct core_offsets *offsets);
static void kafka_list_offsets_end(struct kafka_list_offsets *state);

void kafka_handle_list_offsets(struct kafka_request *request)
{
    const struct kafka_list_offsets_request *body = request->body;
    struct kafka_list_offsets *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->away_count = 1;
    if (!kafka_list_offsets_prepare(state, body)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    uint32_t next = 0;
    for (int32_t i = 0; i < body->topics.count; i++) {
        const struct kafka_list_offsets_request_topic *asked = &body->topics.items[i];
        const struct core_topic *topic = kafka_topic_named(request, asked->name);
        for (int32_t k = 0; k < asked->partitions.count; k++) {
            struct kafka_list_offsets_item *item = &state->items[next++];
            item->answer = &state->response.topics.items[i].partitions.items[k];
            kafka_list_offsets_ask(state, item, topic, &asked->partitions.items[k]);
        }
    }
    kafka_list_offsets_end(state);
}

/* Memory for all of it. */
static bool kafka_list_offsets_prepare(struct kafka_list_offsets *state,
                                       const struct kafka_list_offsets_request *body)
{
    struct arena *arena = &state->request->arena;
    size_t count = 0;
    kafka_reset(&kafka_struct_list_offsets_response, &state->response);
    state->response.topics.count = body->topics.count;
    state->response.topics.items =
        kafka_items(arena, &kafka_struct_list_offsets_response_topic, body->topics.count);
    if (state->response.topics.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        struct kafka_list_offsets_response_topic *topic = &state->response.topics.items[i];
        topic->name = body->topics.items[i].name;
        topic->partitions.count = body->topics.items[i].partitions.count;
        topic->partitions.items = kafka_items(arena, &kafka_struct_list_offsets_response_partition,
                                              topic->partitions.count);
        if (topic->partitions.items == NULL) {
            return false;
        }
        count += (size_t)topic->partitions.count;
    }
    state->items = arena_alloc_zeroed(arena, count * sizeof(*state->items), 16);
    return state->items != NULL;
}

static void kafka_list_offsets_ask(struct kafka_list_offsets *state,
                                   struct kafka_list_offsets_item *item,
                                   const struct core_topic *topic,
                                   const struct kafka_list_offsets_request_partition *asked)
{
    item->answer->partition_index = asked->partition_index;
    if (topic == NULL || asked->partition_index < 0 ||
        (uint32_t)asked->partition_index >= topic->partitions_count) {
        item->answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    item->offsets = (struct core_offsets){.done = kafka_list_offsets_answered,
                                          .ctx = state,
                                          .topic = topic->uuid,
                                          .partition = (uint32_t)asked->partition_index,
                                          .group = topic->groups[asked->partition_index],
                                          .epoch = asked->current_leader_epoch,
                                          .timestamp = asked->timestamp};
    state->away_count++;
    core_offsets_start(state->request->conn->door->cs, &item->offsets);
}

static void kafka_list_offsets_answered(struct core_offsets *offsets)
{
    struct kafka_list_offsets_item *item =
        CONTAINER_OF(offsets, struct kafka_list_offsets_item, offsets);
    item->answer->error_code = (int16_t)kafka_error_of(offsets->code);
    if (offsets->code == CORE_OK) {
        item->answer->offset = offsets->offset;
        item->answer->timestamp = offsets->timestamp_found;
        item->answer->leader_epoch = offsets->leader_epoch;
    }
    kafka_list_offsets_end(offsets->ctx);
}

/* One less is awaited. */
static void kafka_list_offsets_end(struct kafka_list_offsets *state)
{
    if (--state->away_count == 0) {
        kafka_request_answer(state->request, &state->response);
    }
}
