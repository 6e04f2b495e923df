/* DeleteRecords: the oldest records of partitions go. */
#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/trim.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Where nothing could be deleted. */
#define KAFKA_NO_LOW_WATERMARK (-1)

/* A wish on its way. */
struct kafka_delete_records_item {
    struct core_trim trim;                                  /* the wish */
    struct kafka_delete_records_response_partition *answer; /* where its answer goes */
};

/* Of one request. */
struct kafka_delete_records {
    struct kafka_request *request;                 /* whose */
    struct kafka_delete_records_response response; /* being filled */
    struct kafka_delete_records_item *items;       /* wishes */
    uint32_t away_count; /* of them, not answered; and the handler itself */
};

static bool kafka_delete_records_prepare(struct kafka_delete_records *state,
                                         const struct kafka_delete_records_request *body);
static void kafka_delete_records_ask(struct kafka_delete_records *state,
                                     struct kafka_delete_records_item *item,
                                     const struct core_topic *topic,
                                     const struct kafka_delete_records_request_partition *asked);
static void kafka_delete_records_answered(struct core_trim *trim);
static void kafka_delete_records_end(struct kafka_delete_records *state);

void kafka_handle_delete_records(struct kafka_request *request)
{
    const struct kafka_delete_records_request *body = request->body;
    struct kafka_delete_records *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->away_count = 1;
    if (!kafka_delete_records_prepare(state, body)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    uint32_t next = 0;
    for (int32_t i = 0; i < body->topics.count; i++) {
        const struct kafka_delete_records_request_topic *asked = &body->topics.items[i];
        const struct core_topic *topic = kafka_topic_named(request, asked->name);
        for (int32_t k = 0; k < asked->partitions.count; k++) {
            struct kafka_delete_records_item *item = &state->items[next++];
            item->answer = &state->response.topics.items[i].partitions.items[k];
            kafka_delete_records_ask(state, item, topic, &asked->partitions.items[k]);
        }
    }
    kafka_delete_records_end(state);
}

/* Memory for all of it. */
static bool kafka_delete_records_prepare(struct kafka_delete_records *state,
                                         const struct kafka_delete_records_request *body)
{
    struct arena *arena = &state->request->arena;
    size_t count = 0;
    kafka_reset(&kafka_struct_delete_records_response, &state->response);
    state->response.topics.count = body->topics.count;
    state->response.topics.items =
        kafka_items(arena, &kafka_struct_delete_records_response_topic, body->topics.count);
    if (state->response.topics.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        struct kafka_delete_records_response_topic *topic = &state->response.topics.items[i];
        topic->name = body->topics.items[i].name;
        topic->partitions.count = body->topics.items[i].partitions.count;
        topic->partitions.items = kafka_items(
            arena, &kafka_struct_delete_records_response_partition, topic->partitions.count);
        if (topic->partitions.items == NULL) {
            return false;
        }
        count += (size_t)topic->partitions.count;
    }
    state->items = arena_alloc_zeroed(arena, count * sizeof(*state->items), 16);
    return state->items != NULL;
}

static void kafka_delete_records_ask(struct kafka_delete_records *state,
                                     struct kafka_delete_records_item *item,
                                     const struct core_topic *topic,
                                     const struct kafka_delete_records_request_partition *asked)
{
    const struct kafka_delete_records_request *body = state->request->body;
    item->answer->partition_index = asked->partition_index;
    item->answer->low_watermark = KAFKA_NO_LOW_WATERMARK;
    if (topic != NULL && topic->is_internal) {
        item->answer->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        return;
    }
    if (topic == NULL || asked->partition_index < 0 ||
        (uint32_t)asked->partition_index >= topic->partitions_count) {
        item->answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    item->trim = (struct core_trim){.done = kafka_delete_records_answered,
                                    .ctx = state,
                                    .topic = topic->uuid,
                                    .partition = (uint32_t)asked->partition_index,
                                    .group = topic->groups[asked->partition_index],
                                    .offset = asked->offset,
                                    .timeout_ms = body->timeout_ms};
    state->away_count++;
    core_trim_start(state->request->conn->door->cs, &item->trim);
}

static void kafka_delete_records_answered(struct core_trim *trim)
{
    struct kafka_delete_records_item *item =
        CONTAINER_OF(trim, struct kafka_delete_records_item, trim);
    item->answer->error_code = (int16_t)kafka_error_of(trim->code);
    if (trim->code == CORE_OK) {
        item->answer->low_watermark = (int64_t)trim->log_start_offset;
    }
    kafka_delete_records_end(trim->ctx);
}

/* One less is awaited. */
static void kafka_delete_records_end(struct kafka_delete_records *state)
{
    if (--state->away_count == 0) {
        kafka_request_answer(state->request, &state->response);
    }
}
