/* Produce: one batch for each partition is looked at here, on the connection's shard, and let in
 * where the partition is. Answered when every partition has answered; acks=0: never, and a fault
 * ends the connection, for there is no other way to tell. */
#include "base/list.h"
#include "broker/core/append.h"
#include "broker/core/core.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* zstd needs this version of the request (KIP-110). */
#define KAFKA_PRODUCE_ZSTD_FIRST 7

/* Who sends this version knows KAFKA_STORAGE_ERROR (KIP-112). */
#define KAFKA_PRODUCE_STORAGE_FIRST 4

/* A batch on its way. */
struct kafka_produce_item {
    struct core_append append;                       /* into the partition */
    struct core_records_info info;                   /* what was found in it */
    struct kafka_produce_response_partition *answer; /* where its answer goes */
};

/* Of one request. */
struct kafka_produce {
    struct kafka_request *request;          /* whose */
    struct kafka_produce_response response; /* being filled */
    struct kafka_produce_item *items;       /* batches */
    uint32_t away_count;                    /* of them, not answered; and the handler itself */
    bool has_failed;                        /* one was not let in */
};

static bool kafka_produce_prepare(struct kafka_produce *state,
                                  const struct kafka_produce_request *body);
static enum kafka_error kafka_produce_topic(const struct kafka_produce *state,
                                            const struct kafka_produce_request_topic *asked,
                                            const struct core_topic **topic);
static void kafka_produce_partition(struct kafka_produce *state, struct kafka_produce_item *item,
                                    const struct core_topic *topic,
                                    const struct kafka_produce_request_partition *asked);
static bool kafka_produce_look(struct kafka_produce *state, struct kafka_produce_item *item,
                               const struct core_topic *topic,
                               const struct kafka_produce_request_partition *asked);
static void kafka_produce_refuse(struct kafka_produce *state, struct kafka_produce_item *item,
                                 enum kafka_error error);
static void kafka_produce_appended(struct core_append *append);
static void kafka_produce_end(struct kafka_produce *state);

void kafka_handle_produce(struct kafka_request *request)
{
    const struct kafka_produce_request *body = request->body;
    struct kafka_produce *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->away_count = 1;
    if (!kafka_produce_prepare(state, body)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    uint32_t next = 0;
    for (int32_t i = 0; i < body->topic_data.count; i++) {
        const struct kafka_produce_request_topic *asked = &body->topic_data.items[i];
        const struct core_topic *topic;
        enum kafka_error error = kafka_produce_topic(state, asked, &topic);
        for (int32_t k = 0; k < asked->partition_data.count; k++) {
            struct kafka_produce_item *item = &state->items[next++];
            item->answer = &state->response.responses.items[i].partition_responses.items[k];
            item->answer->index = asked->partition_data.items[k].index;
            item->answer->base_offset = -1;
            if (error != KAFKA_NONE) {
                kafka_produce_refuse(state, item, error);
            } else {
                kafka_produce_partition(state, item, topic, &asked->partition_data.items[k]);
            }
        }
    }
    kafka_produce_end(state);
}

/* Memory for all of it. */
static bool kafka_produce_prepare(struct kafka_produce *state,
                                  const struct kafka_produce_request *body)
{
    struct arena *arena = &state->request->arena;
    size_t count = 0;
    kafka_reset(&kafka_struct_produce_response, &state->response);
    state->response.responses.count = body->topic_data.count;
    state->response.responses.items =
        kafka_items(arena, &kafka_struct_produce_response_topic, body->topic_data.count);
    if (state->response.responses.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topic_data.count; i++) {
        struct kafka_produce_response_topic *topic = &state->response.responses.items[i];
        topic->name = body->topic_data.items[i].name;
        topic->topic_id = body->topic_data.items[i].topic_id;
        topic->partition_responses.count = body->topic_data.items[i].partition_data.count;
        topic->partition_responses.items = kafka_items(
            arena, &kafka_struct_produce_response_partition, topic->partition_responses.count);
        if (topic->partition_responses.items == NULL) {
            return false;
        }
        count += (size_t)topic->partition_responses.count;
    }
    state->items = arena_alloc_zeroed(arena, count * sizeof(*state->items), 16);
    return state->items != NULL;
}

/* What is true of all partitions of a topic. */
static enum kafka_error kafka_produce_topic(const struct kafka_produce *state,
                                            const struct kafka_produce_request_topic *asked,
                                            const struct core_topic **topic)
{
    const struct kafka_request *request = state->request;
    const struct kafka_produce_request *body = request->body;
    bool is_by_id = request->version >= 13;
    *topic = is_by_id ? core_catalog_find_uuid(request->conn->door->cs->catalog, &asked->topic_id)
                      : kafka_topic_named(request, asked->name);
    if (body->transactional_id.length != KAFKA_NULL) {
        return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    if (body->acks < -1 || body->acks > 1) {
        return KAFKA_INVALID_REQUIRED_ACKS;
    }
    if (!is_by_id && asked->name.length > 0 &&
        core_topic_is_reserved(asked->name.data, (size_t)asked->name.length)) {
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    if (*topic == NULL) {
        return is_by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    return core_topic_is_reserved((*topic)->name, (*topic)->name_bytes)
               ? KAFKA_INVALID_TOPIC_EXCEPTION
               : KAFKA_NONE;
}

static void kafka_produce_partition(struct kafka_produce *state, struct kafka_produce_item *item,
                                    const struct core_topic *topic,
                                    const struct kafka_produce_request_partition *asked)
{
    struct kafka_request *request = state->request;
    const struct kafka_produce_request *body = request->body;
    struct core_append *append = &item->append;
    if (asked->index < 0 || (uint32_t)asked->index >= topic->partitions_count) {
        kafka_produce_refuse(state, item, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    if (!kafka_produce_look(state, item, topic, asked)) {
        return;
    }
    *append = (struct core_append){.done = kafka_produce_appended,
                                   .ctx = state,
                                   .topic = topic->uuid,
                                   .partition = (uint32_t)asked->index,
                                   .group = topic->groups[asked->index],
                                   .info = &item->info,
                                   .acks = body->acks,
                                   .timeout_ms = body->timeout_ms > 0 ? body->timeout_ms : 0};
    enum err err =
        buf_lend_written(request->buf, (uint32_t)(asked->records.data - request->buf->data),
                         (uint32_t)asked->records.length, &append->loan);
    if (err != ERR_OK) {
        kafka_produce_refuse(state, item, kafka_error_of(core_code_of(err)));
        return;
    }
    state->away_count++;
    core_append_start(request->conn->door->cs, append);
}

/* Whether the bytes may be appended; if not, the answer says why. */
static bool kafka_produce_look(struct kafka_produce *state, struct kafka_produce_item *item,
                               const struct core_topic *topic,
                               const struct kafka_produce_request_partition *asked)
{
    struct kafka_request *request = state->request;
    struct core_shard *cs = request->conn->door->cs;
    const struct core_topic_config *config = &topic->config;
    struct core_records_config wanted = {.batch_bytes_max = config->message_bytes_max,
                                         .is_append_time = config->is_append_time,
                                         .may_zstd = request->version >= KAFKA_PRODUCE_ZSTD_FIRST,
                                         .now_ms = core_now_ms(cs),
                                         .before_max_ms = config->timestamp_before_max_ms,
                                         .after_max_ms = config->timestamp_after_max_ms};
    size_t length = asked->records.length > 0 ? (size_t)asked->records.length : 0;
    enum core_records_fault fault = core_records_validate(&wanted, &cs->room, cs->core->kernels,
                                                          asked->records.data, length, &item->info);
    if (fault == CORE_RECORDS_FAULT_NONE && !item->info.is_transactional) {
        return true;
    }
    char text[256];
    enum kafka_error error = fault == CORE_RECORDS_FAULT_NONE
                                 ? KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                                 : kafka_error_of_records(core_records_answer_of(fault));
    if (fault != CORE_RECORDS_FAULT_NONE) {
        size_t bytes = core_records_describe(&item->info, text, sizeof(text));
        item->answer->error_message = kafka_text_copy(request, text, bytes);
    }
    if (fault != CORE_RECORDS_FAULT_NONE && item->info.record_index >= 0) {
        item->answer->record_errors.items =
            kafka_items(&request->arena, &kafka_struct_produce_response_record_error, 1);
        if (item->answer->record_errors.items != NULL) {
            item->answer->record_errors.count = 1;
            item->answer->record_errors.items[0].batch_index = item->info.record_index;
            item->answer->record_errors.items[0].batch_index_error_message =
                item->answer->error_message;
        }
    }
    kafka_produce_refuse(state, item, error);
    return false;
}

static void kafka_produce_refuse(struct kafka_produce *state, struct kafka_produce_item *item,
                                 enum kafka_error error)
{
    bool knows_storage_error = state->request->version >= KAFKA_PRODUCE_STORAGE_FIRST;
    item->answer->error_code = (int16_t)kafka_error_known(error, knows_storage_error);
    state->has_failed = true;
}

static void kafka_produce_appended(struct core_append *append)
{
    struct kafka_produce_item *item = CONTAINER_OF(append, struct kafka_produce_item, append);
    struct kafka_produce *state = append->ctx;
    struct kafka_produce_response_partition *answer = item->answer;
    if (append->code != CORE_OK) {
        kafka_produce_refuse(state, item, kafka_error_of(append->code));
        answer->error_message = kafka_text(core_code_text(append->code));
        answer->current_leader.leader_id = append->leader;
        answer->current_leader.leader_epoch = append->leader_epoch;
    } else {
        answer->base_offset = (int64_t)append->base_offset;
        answer->log_append_time_ms = append->append_time_ms;
        answer->log_start_offset = (int64_t)append->log_start_offset;
    }
    kafka_produce_end(state);
}

/* One less is awaited. */
static void kafka_produce_end(struct kafka_produce *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_produce_request *body = request->body;
    if (--state->away_count > 0) {
        return;
    }
    if (body->acks != 0) {
        kafka_request_answer(request, &state->response);
    } else if (state->has_failed) {
        kafka_request_fail(request, "a batch with acks=0 was refused");
    } else {
        kafka_request_end(request);
    }
}
