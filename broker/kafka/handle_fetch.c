/* Fetch: what consumers may see of many partitions, waiting for it if there is less than they want
 * (broker/core/fetch.h). Record bytes are sent from where the log has them. Sessions (KIP-227) are
 * declined: every answer says session 0, so every request names all its partitions. A batch goes to
 * every reader as its producer compressed it: Kafka up to 3.9 refuses zstd below version 10
 * (KIP-110) only where the topic's compression.type is zstd, 4.3 not even there, and clients that
 * send version 4 do read it. */
#include "base/list.h"
#include "base/rt/shard.h"
#include "broker/core/core.h"
#include "broker/core/fetch.h"
#include "broker/kafka/errors.h"
#include "broker/kafka/handlers.h"

/* Topics are named by their ids from this version on (KIP-516). */
#define KAFKA_FETCH_IDS_FIRST 13

/* Who sends this version knows KAFKA_STORAGE_ERROR (KIP-112). */
#define KAFKA_FETCH_STORAGE_FIRST 6

/* Of one request. */
struct kafka_fetch {
    struct kafka_request *request;        /* whose */
    struct kafka_fetch_response response; /* being filled */
    struct core_fetch fetch;              /* what is asked of the partitions, in their order */
};

static uint32_t kafka_fetch_bytes_max(const struct kafka_request *request);
static bool kafka_fetch_prepare(struct kafka_fetch *state, const struct kafka_fetch_request *body);
static void kafka_fetch_ask(struct kafka_fetch *state, const struct kafka_fetch_request *body);
static struct core_fetch_item kafka_fetch_item(const struct core_topic *topic, bool is_by_id,
                                               const struct kafka_fetch_request_partition *asked);
static void kafka_fetch_done(struct core_fetch *fetch);
static void kafka_fetch_answer_item(struct kafka_fetch *state,
                                    struct kafka_fetch_response_partition *answer,
                                    struct core_fetch_item *item);
static void kafka_fetch_cancel(struct kafka_request *request);
static void kafka_fetch_release(struct kafka_request *request);

void kafka_handle_fetch(struct kafka_request *request)
{
    const struct kafka_fetch_request *body = request->body;
    struct kafka_fetch *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    if (!kafka_fetch_prepare(state, body)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    if (body->session_id != 0) {
        state->response.error_code = KAFKA_FETCH_SESSION_ID_NOT_FOUND;
        state->response.responses.count = 0;
        kafka_request_answer(request, &state->response);
        return;
    }
    request->state = state;
    request->cancel = kafka_fetch_cancel;
    request->release = kafka_fetch_release;
    kafka_fetch_ask(state, body);
    state->fetch.done = kafka_fetch_done;
    state->fetch.ctx = state;
    state->fetch.bytes_min = body->min_bytes > 0 ? (uint32_t)body->min_bytes : 0;
    state->fetch.bytes_max = body->max_bytes <= 0 ? 0
                             : (uint32_t)body->max_bytes < kafka_fetch_bytes_max(request)
                                 ? (uint32_t)body->max_bytes
                                 : kafka_fetch_bytes_max(request);
    if (state->fetch.bytes_min > state->fetch.bytes_max) { /* as Kafka: more can never come */
        state->fetch.bytes_min = state->fetch.bytes_max;
    }
    state->fetch.max_wait_ms = body->max_wait_ms;
    kafka_request_hold(request, state->fetch.bytes_max);
    core_fetch_start(request->conn->door->cs, &state->fetch);
}

/* Kafka's bound, or less where a few answers that nobody reads would be all memory there is. */
static uint32_t kafka_fetch_bytes_max(const struct kafka_request *request)
{
    size_t share = rt_shard_budget(request->conn->door->cs->shard)->limit_bytes / 64;
    return share < KAFKA_FETCH_BYTES_MAX ? (uint32_t)share : KAFKA_FETCH_BYTES_MAX;
}

/* Memory for all of it. */
static bool kafka_fetch_prepare(struct kafka_fetch *state, const struct kafka_fetch_request *body)
{
    struct arena *arena = &state->request->arena;
    size_t count = 0;
    kafka_reset(&kafka_struct_fetch_response, &state->response);
    state->response.responses.count = body->topics.count;
    state->response.responses.items =
        kafka_items(arena, &kafka_struct_fetch_response_topic, body->topics.count);
    if (state->response.responses.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        struct kafka_fetch_response_topic *topic = &state->response.responses.items[i];
        topic->topic = body->topics.items[i].topic;
        topic->topic_id = body->topics.items[i].topic_id;
        topic->partitions.count = body->topics.items[i].partitions.count;
        topic->partitions.items =
            kafka_items(arena, &kafka_struct_fetch_response_partition, topic->partitions.count);
        if (topic->partitions.items == NULL) {
            return false;
        }
        count += (size_t)topic->partitions.count;
    }
    state->fetch.items_count = (uint32_t)count;
    state->fetch.items = arena_alloc_zeroed(arena, count * sizeof(*state->fetch.items), 16);
    state->fetch.parts = arena_alloc_zeroed(
        arena, state->request->conn->door->cs->core->shards_count * sizeof(*state->fetch.parts),
        16);
    return state->fetch.items != NULL && state->fetch.parts != NULL;
}

static void kafka_fetch_ask(struct kafka_fetch *state, const struct kafka_fetch_request *body)
{
    const struct kafka_request *request = state->request;
    bool is_by_id = request->version >= KAFKA_FETCH_IDS_FIRST;
    uint32_t next = 0;
    for (int32_t i = 0; i < body->topics.count; i++) {
        const struct kafka_fetch_request_topic *asked = &body->topics.items[i];
        const struct core_topic *topic =
            is_by_id ? core_catalog_find_uuid(request->conn->door->cs->catalog, &asked->topic_id)
                     : kafka_topic_named(request, asked->topic);
        for (int32_t k = 0; k < asked->partitions.count; k++) {
            state->fetch.items[next++] =
                kafka_fetch_item(topic, is_by_id, &asked->partitions.items[k]);
        }
    }
}

static struct core_fetch_item kafka_fetch_item(const struct core_topic *topic, bool is_by_id,
                                               const struct kafka_fetch_request_partition *asked)
{
    struct core_fetch_item item = {
        .partition = (uint32_t)asked->partition,
        .offset = (uint64_t)asked->fetch_offset,
        .epoch = asked->current_leader_epoch,
        .epoch_fetched = asked->last_fetched_epoch,
        .bytes_max = asked->partition_max_bytes > 0 ? (uint32_t)asked->partition_max_bytes : 1};
    if (topic == NULL) {
        item.code = is_by_id ? CORE_UNKNOWN_TOPIC_ID : CORE_UNKNOWN_TOPIC;
    } else if (asked->partition < 0 || (uint32_t)asked->partition >= topic->partitions_count) {
        item.code = CORE_UNKNOWN_TOPIC;
    } else if (asked->fetch_offset < 0) {
        item.code = CORE_OFFSET_OUT_OF_RANGE;
    } else {
        item.topic = topic->uuid;
        item.group = topic->groups[asked->partition];
    }
    return item;
}

static void kafka_fetch_done(struct core_fetch *fetch)
{
    struct kafka_fetch *state = fetch->ctx;
    uint32_t next = 0;
    for (int32_t i = 0; i < state->response.responses.count; i++) {
        struct kafka_fetch_response_topic *topic = &state->response.responses.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            kafka_fetch_answer_item(state, &topic->partitions.items[k], &fetch->items[next++]);
        }
    }
    kafka_request_answer(state->request, &state->response);
}

static void kafka_fetch_answer_item(struct kafka_fetch *state,
                                    struct kafka_fetch_response_partition *answer,
                                    struct core_fetch_item *item)
{
    const struct kafka_fetch_request *body = state->request->body;
    enum kafka_error error = item->code == CORE_OVERLOADED ? KAFKA_STORAGE_ERROR /* see errors.c */
                                                           : kafka_error_of(item->code);
    error = kafka_error_known(error, state->request->version >= KAFKA_FETCH_STORAGE_FIRST);
    answer->partition_index = (int32_t)item->partition;
    answer->error_code = (int16_t)error;
    answer->high_watermark = -1;
    answer->aborted_transactions.count = body->isolation_level == 0 ? KAFKA_NULL : 0;
    answer->records = (struct kafka_records){.length = 0};
    if (error == KAFKA_FENCED_LEADER_EPOCH || error == KAFKA_NOT_LEADER_OR_FOLLOWER) {
        answer->current_leader.leader_id = item->leader;
        answer->current_leader.leader_epoch = item->leader_epoch;
    }
    if (error != KAFKA_NONE) {
        return;
    }
    answer->high_watermark = (int64_t)item->high_watermark;
    answer->last_stable_offset = (int64_t)item->high_watermark; /* no transactions are served */
    answer->log_start_offset = (int64_t)item->log_start_offset;
    if (item->diverging_epoch >= 0) {
        answer->diverging_epoch.epoch = item->diverging_epoch;
        answer->diverging_epoch.end_offset = item->diverging_offset;
    }
    if (item->bytes > 0) {
        answer->records =
            (struct kafka_records){.length = (int32_t)item->bytes, .source = item->loans};
    }
}

static void kafka_fetch_cancel(struct kafka_request *request)
{
    struct kafka_fetch *state = request->state;
    core_fetch_cancel(&state->fetch);
}

static void kafka_fetch_release(struct kafka_request *request)
{
    struct kafka_fetch *state = request->state;
    for (uint32_t i = 0; i < state->fetch.items_count; i++) {
        core_loans_return_all(&request->conn->door->cs->loans, state->fetch.items[i].loans);
        state->fetch.items[i].loans = NULL;
    }
}
