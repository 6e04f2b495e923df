/* DescribeTopicPartitions (KIP-966): topics and who leads their partitions, in the order of names,
 * a page of partitions at a time. Where the page ends the answer has a cursor, with which the
 * client asks again.
 *
 * The page is taken from the catalog of this turn (copied: after the wait it may be another one),
 * then the partitions' leaders are asked for. */
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "broker/core/describe.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* Of one request. */
struct kafka_describe_partitions {
    struct kafka_request *request;                              /* whose */
    struct kafka_describe_topic_partitions_response response;   /* being filled */
    struct kafka_describe_topic_partitions_response_cursor end; /* where the page ends */
    struct core_describe describe;                              /* asks for leaders */
    struct kafka_name *names;                                   /* asked for, sorted */
    int32_t left_count;                                         /* room in the page */
    int32_t node_id; /* this node's: the only replica of everything */
};

static bool kafka_describe_partitions_collect(struct kafka_describe_partitions *state);
static bool kafka_describe_partitions_cursor_is_fine(const struct kafka_describe_partitions *state);
static bool kafka_describe_partitions_all(struct kafka_describe_partitions *state);
static bool kafka_describe_partitions_asked(struct kafka_describe_partitions *state);
static bool kafka_describe_partitions_topic(struct kafka_describe_partitions *state,
                                            const struct core_topic *topic);
static bool kafka_describe_partitions_fill(
    struct kafka_describe_partitions *state, const struct core_topic *topic, uint32_t first,
    struct kafka_describe_topic_partitions_response_partition_array *out);
static void kafka_describe_partitions_end_at(struct kafka_describe_partitions *state,
                                             struct kafka_string name, int32_t partition);
static bool kafka_describe_partitions_ask(struct kafka_describe_partitions *state);
static void kafka_describe_partitions_done(struct core_describe *describe);

void kafka_handle_describe_topic_partitions(struct kafka_request *request)
{
    const struct kafka_describe_topic_partitions_request *body = request->body;
    int32_t limit = body->response_partition_limit;
    struct kafka_describe_partitions *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    state->node_id = request->conn->door->cs->core->config.node_id;
    state->left_count = limit < 1                               ? 1
                        : limit > KAFKA_DESCRIBE_PARTITIONS_MAX ? KAFKA_DESCRIBE_PARTITIONS_MAX
                                                                : limit;
    kafka_reset(&kafka_struct_describe_topic_partitions_response, &state->response);
    if (!kafka_describe_partitions_collect(state) || !kafka_describe_partitions_ask(state)) {
        kafka_request_fail(request, "no memory for the request");
    }
}

/* --- The page --- */

/* False: no memory. */
static bool kafka_describe_partitions_collect(struct kafka_describe_partitions *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_describe_topic_partitions_request *body = request->body;
    bool is_all = body->topics.count == 0;
    /* Each has a partition in the page, but for the cursor's, which may have fewer by now. */
    int32_t most = is_all ? state->left_count + 1 : body->topics.count;
    state->names =
        arena_alloc(&request->arena, (size_t)body->topics.count * sizeof(struct kafka_name), 16);
    state->response.topics.items =
        kafka_items(&request->arena, &kafka_struct_describe_topic_partitions_response_topic, most);
    if (state->names == NULL || state->response.topics.items == NULL) {
        return false;
    }
    for (int32_t i = 0; i < body->topics.count; i++) {
        state->names[i] = (struct kafka_name){body->topics.items[i].name, i};
    }
    kafka_names_sort(state->names, body->topics.count);
    if (kafka_describe_partitions_cursor_is_fine(state)) {
        return is_all ? kafka_describe_partitions_all(state)
                      : kafka_describe_partitions_asked(state);
    }
    /* There is no error of the whole answer: each topic has it, as in Kafka. */
    state->response.topics.count = body->topics.count;
    for (int32_t i = 0; i < body->topics.count; i++) {
        state->response.topics.items[i].name = body->topics.items[i].name;
        state->response.topics.items[i].error_code = KAFKA_INVALID_REQUEST;
    }
    return true;
}

/* A cursor names one of the topics asked for, and a partition. */
static bool kafka_describe_partitions_cursor_is_fine(const struct kafka_describe_partitions *state)
{
    const struct kafka_describe_topic_partitions_request *body = state->request->body;
    if (body->cursor == NULL) {
        return true;
    }
    bool is_there = body->topics.count == 0;
    for (int32_t i = 0; i < body->topics.count && !is_there; i++) {
        struct kafka_string name = body->topics.items[i].name;
        is_there = name.length == body->cursor->topic_name.length && name.length > 0 &&
                   memcmp(name.data, body->cursor->topic_name.data, (size_t)name.length) == 0;
    }
    return is_there && body->cursor->partition_index >= 0;
}

/* Every topic from the cursor on. */
static bool kafka_describe_partitions_all(struct kafka_describe_partitions *state)
{
    const struct kafka_describe_topic_partitions_request *body = state->request->body;
    const struct core_catalog *catalog = state->request->conn->door->cs->catalog;
    struct kafka_string from = {.data = NULL};
    struct core_tree_walk walk;
    const struct core_topic *topic;
    if (body->cursor != NULL && body->cursor->topic_name.length > 0) {
        from = body->cursor->topic_name;
    }
    core_catalog_walk(&walk, catalog, from.data, (size_t)from.length);
    while (state->response.next_cursor == NULL && (topic = core_catalog_next(&walk)) != NULL) {
        if (!kafka_describe_partitions_topic(state, topic)) {
            return false;
        }
    }
    return true;
}

/* The topics asked for, from the cursor on; one that is named twice once. */
static bool kafka_describe_partitions_asked(struct kafka_describe_partitions *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_describe_topic_partitions_request *body = request->body;
    bool is_begun = body->cursor == NULL;
    for (int32_t i = 0; i < body->topics.count && state->response.next_cursor == NULL; i++) {
        struct kafka_string name = state->names[i].text;
        const struct kafka_string *before = i > 0 ? &state->names[i - 1].text : NULL;
        is_begun = is_begun || kafka_names_compare_texts(&name, &body->cursor->topic_name) >= 0;
        if (!is_begun || (before != NULL && kafka_names_compare_texts(before, &name) == 0)) {
            continue;
        }
        const struct core_topic *topic = kafka_topic_named(request, name);
        if (topic != NULL || state->left_count == 0) {
            if (topic == NULL) {
                kafka_describe_partitions_end_at(state, name, 0);
            } else if (!kafka_describe_partitions_topic(state, topic)) {
                return false;
            }
            continue;
        }
        struct kafka_describe_topic_partitions_response_topic *answer =
            &state->response.topics.items[state->response.topics.count++];
        bool is_legal = core_topic_is_legal(name.data, (size_t)name.length);
        answer->name = name;
        answer->error_code =
            is_legal ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
    }
    return true;
}

/* As much of a topic as the page has room for. */
static bool kafka_describe_partitions_topic(struct kafka_describe_partitions *state,
                                            const struct core_topic *topic)
{
    const struct kafka_describe_topic_partitions_request *body = state->request->body;
    struct kafka_string name = kafka_text_copy(state->request, topic->name, topic->name_bytes);
    uint32_t first = 0;
    if (name.data == NULL) {
        return false;
    }
    if (state->left_count == 0) {
        kafka_describe_partitions_end_at(state, name, 0);
        return true;
    }
    if (body->cursor != NULL && kafka_names_compare_texts(&name, &body->cursor->topic_name) == 0) {
        first = (uint32_t)body->cursor->partition_index;
    }
    struct kafka_describe_topic_partitions_response_topic *answer =
        &state->response.topics.items[state->response.topics.count++];
    answer->name = name;
    answer->topic_id = topic->uuid;
    answer->is_internal = topic->is_internal;
    return kafka_describe_partitions_fill(state, topic, first, &answer->partitions);
}

/* The partitions from `first` on; leaders are filled in later. */
static bool kafka_describe_partitions_fill(
    struct kafka_describe_partitions *state, const struct core_topic *topic, uint32_t first,
    struct kafka_describe_topic_partitions_response_partition_array *out)
{
    struct arena *arena = &state->request->arena;
    uint32_t there = first < topic->partitions_count ? topic->partitions_count - first : 0;
    uint32_t count = there < (uint32_t)state->left_count ? there : (uint32_t)state->left_count;
    struct core_describe_item *items = arena_alloc_zeroed(arena, count * sizeof(*items), 16);
    out->items = kafka_items(arena, &kafka_struct_describe_topic_partitions_response_partition,
                             (int32_t)count);
    out->count = (int32_t)count;
    if (items == NULL || out->items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kafka_describe_topic_partitions_response_partition *part = &out->items[i];
        part->partition_index = (int32_t)(first + i);
        part->leader_id = -1;
        part->replica_nodes = (struct kafka_int32_array){&state->node_id, 1};
        part->isr_nodes = part->replica_nodes;
        part->eligible_leader_replicas.count = 0;
        part->last_known_elr.count = 0;
        items[i].topic = topic->uuid;
        items[i].partition = first + i;
        items[i].group = topic->groups[first + i];
        core_describe_add(&state->describe, &items[i]);
    }
    state->left_count -= (int32_t)count;
    if (count < there) {
        struct kafka_string name =
            state->response.topics.items[state->response.topics.count - 1].name;
        kafka_describe_partitions_end_at(state, name, (int32_t)(first + count));
    }
    return true;
}

/* The page is full: the next one begins there. */
static void kafka_describe_partitions_end_at(struct kafka_describe_partitions *state,
                                             struct kafka_string name, int32_t partition)
{
    state->end.topic_name = name;
    state->end.partition_index = partition;
    state->response.next_cursor = &state->end;
}

/* --- Leaders --- */

/* False: no memory. */
static bool kafka_describe_partitions_ask(struct kafka_describe_partitions *state)
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
    state->describe.done = kafka_describe_partitions_done;
    state->describe.ctx = state;
    core_describe_start(cs, &state->describe);
    return true;
}

static void kafka_describe_partitions_done(struct core_describe *describe)
{
    struct kafka_describe_partitions *state = describe->ctx;
    const struct core_describe_item *item = describe->items;
    for (int32_t i = 0; i < state->response.topics.count; i++) {
        struct kafka_describe_topic_partitions_response_topic *topic =
            &state->response.topics.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            struct kafka_describe_topic_partitions_response_partition *part =
                &topic->partitions.items[k];
            ASSERT(item != NULL);
            part->leader_id = item->leader;
            part->leader_epoch = item->leader_epoch;
            part->error_code = item->leader == -1 ? KAFKA_LEADER_NOT_AVAILABLE : KAFKA_NONE;
            item = item->next;
        }
    }
    kafka_request_answer(state->request, &state->response);
}
