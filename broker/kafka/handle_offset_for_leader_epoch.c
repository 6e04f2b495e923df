/* OffsetForLeaderEpoch: up to where the records of a leader epoch reach. */
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/epochs.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* A question on its way. */
struct kafka_epochs_item {
    struct core_epochs epochs;                                       /* the question */
    struct kafka_offset_for_leader_epoch_response_partition *answer; /* where its answer goes */
};

/* Of one request. */
struct kafka_epochs {
    struct kafka_request *request;                          /* whose */
    struct kafka_offset_for_leader_epoch_response response; /* being filled */
    struct kafka_epochs_item *items;                        /* questions */
    uint32_t away_count; /* of them, not answered; and the handler itself */
};

static bool kafka_epochs_prepare(struct kafka_epochs *state,
                                 const struct kafka_offset_for_leader_epoch_request *body);
static void kafka_epochs_ask(struct kafka_epochs *state, struct kafka_epochs_item *item,
                             const struct core_topic *topic,
                             const struct kafka_offset_for_leader_epoch_request_partition *asked);
static void kafka_epochs_answered(struct core_epochs *epochs);
static void kafka_epochs_end(struct kafka_epochs *state);

void kafka_handle_offset_for_leader_epoch(struct kafka_request *request)
{
    const struct kafka_offset_for_leader_epoch_request *body = request->body;
    struct kafka_epochs *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->away_count = 1;
    if (!kafka_epochs_prepare(state, body)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    uint32_t next = 0;
    for (int32_t i = 0; i < body->topics.count; i++) {
        const struct kafka_offset_for_leader_epoch_request_topic *asked = &body->topics.items[i];
        const struct core_topic *topic = kafka_topic_named(request, asked->topic);
        for (int32_t k = 0; k < asked->partitions.count; k++) {
            struct kafka_epochs_item *item = &state->items[next++];
            item->answer = &state->response.topics.items[i].partitions.items[k];
            kafka_epochs_ask(state, item, topic, &asked->partitions.items[k]);
        }
    }
    kafka_epochs_end(state);
}

/* Memory for all of it. */
static bool kafka_epochs_prepare(struct kafka_epochs *state,
                                 const struct kafka_offset_for_leader_epoch_request *body)
{
    struct arena *arena = &state->request->arena;
    size_t count = 0;
    kafka_reset(&kafka_struct_offset_for_leader_epoch_response, &state->response);
    state->response.topics.count = body->topics.count;
    state->response.topics.items = kafka_items(
        arena, &kafka_struct_offset_for_leader_epoch_response_topic, body->topics.count);
    if (state->response.topics.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        struct kafka_offset_for_leader_epoch_response_topic *topic =
            &state->response.topics.items[i];
        topic->topic = body->topics.items[i].topic;
        topic->partitions.count = body->topics.items[i].partitions.count;
        topic->partitions.items =
            kafka_items(arena, &kafka_struct_offset_for_leader_epoch_response_partition,
                        topic->partitions.count);
        if (topic->partitions.items == NULL) {
            return false;
        }
        count += (size_t)topic->partitions.count;
    }
    state->items = arena_alloc_zeroed(arena, count * sizeof(*state->items), 16);
    return state->items != NULL;
}

static void kafka_epochs_ask(struct kafka_epochs *state, struct kafka_epochs_item *item,
                             const struct core_topic *topic,
                             const struct kafka_offset_for_leader_epoch_request_partition *asked)
{
    item->answer->partition = asked->partition;
    if (topic == NULL || asked->partition < 0 ||
        (uint32_t)asked->partition >= topic->partitions_count) {
        item->answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    item->epochs = (struct core_epochs){.done = kafka_epochs_answered,
                                        .ctx = state,
                                        .topic = topic->uuid,
                                        .partition = (uint32_t)asked->partition,
                                        .group = topic->groups[asked->partition],
                                        .epoch_known = asked->current_leader_epoch,
                                        .epoch = asked->leader_epoch};
    state->away_count++;
    core_epochs_start(state->request->conn->door->cs, &item->epochs);
}

static void kafka_epochs_answered(struct core_epochs *epochs)
{
    struct kafka_epochs_item *item = CONTAINER_OF(epochs, struct kafka_epochs_item, epochs);
    item->answer->error_code = (int16_t)kafka_error_of(epochs->code);
    if (epochs->code == CORE_OK) {
        item->answer->leader_epoch = epochs->leader_epoch;
        item->answer->end_offset = epochs->end_offset;
    }
    kafka_epochs_end(epochs->ctx);
}

/* One less is awaited. */
static void kafka_epochs_end(struct kafka_epochs *state)
{
    if (--state->away_count == 0) {
        kafka_request_answer(state->request, &state->response);
    }
}
