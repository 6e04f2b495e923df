/* IncrementalAlterConfigs (KIP-339): single settings of topics set, taken away, and lists edited.
 * Each topic is one item of a change (broker/core/change.h). */
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* AlterConfigOp.OpType. */
enum kafka_config_operation {
    KAFKA_CONFIG_SET = 0,
    KAFKA_CONFIG_DELETE = 1,
    KAFKA_CONFIG_APPEND = 2,
    KAFKA_CONFIG_SUBTRACT = 3,
};

/* Of one request. */
struct kafka_incremental {
    struct kafka_request *request;                            /* whose */
    struct kafka_incremental_alter_configs_response response; /* a resource for each item */
    struct core_change change;                                /* sets them */
};

static bool kafka_incremental_prepare(struct kafka_incremental *state);
static bool kafka_incremental_ask(
    struct kafka_incremental *state,
    const struct kafka_incremental_alter_configs_request_resource *asked, enum kafka_repeat repeat);
static bool kafka_incremental_pairs(
    struct kafka_incremental *state, struct core_change_item *item,
    const struct kafka_incremental_alter_configs_request_resource *asked);
static void kafka_incremental_done(struct core_change *change);

void kafka_handle_incremental_alter_configs(struct kafka_request *request)
{
    struct kafka_incremental *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    kafka_reset(&kafka_struct_incremental_alter_configs_response, &state->response);
    if (!kafka_incremental_prepare(state)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_change_limit(request, &state->change, KAFKA_CHANGE_TIMEOUT_MS);
    core_change_start(request->conn->door->cs, &state->change);
}

/* An item and an answer for each resource. False: no memory. */
static bool kafka_incremental_prepare(struct kafka_incremental *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_incremental_alter_configs_request *body = request->body;
    int32_t count = body->resources.count;
    struct kafka_name *names =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct kafka_name), 16);
    state->response.responses.items = kafka_items(
        &request->arena, &kafka_struct_incremental_alter_configs_response_resource, count);
    if (names == NULL || state->response.responses.items == NULL ||
        !kafka_change_init(request, &state->change, count, kafka_incremental_done, state)) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        names[i] = (struct kafka_name){body->resources.items[i].resource_name, i};
        if (body->resources.items[i].resource_type != KAFKA_RESOURCE_TOPIC) {
            names[i].text.length = KAFKA_NULL;
        }
    }
    const uint8_t *repeats = kafka_names_repeats(request, names, count);
    for (int32_t i = 0; repeats != NULL && i < count; i++) {
        if (!kafka_incremental_ask(state, &body->resources.items[i],
                                   (enum kafka_repeat)repeats[i])) {
            return false;
        }
    }
    return repeats != NULL;
}

static bool kafka_incremental_ask(
    struct kafka_incremental *state,
    const struct kafka_incremental_alter_configs_request_resource *asked, enum kafka_repeat repeat)
{
    const struct kafka_incremental_alter_configs_request *body = state->request->body;
    struct kafka_incremental_alter_configs_response_resource *answer =
        &state->response.responses.items[state->response.responses.count++];
    struct core_change_item *item = kafka_change_add_resource(
        &state->change, CORE_CHANGE_CONFIG, asked->resource_type, asked->resource_name, repeat);
    answer->resource_type = asked->resource_type;
    answer->resource_name = asked->resource_name;
    item->is_validate_only = body->validate_only;
    if (item->code == CORE_OK && asked->configs.count > (int32_t)CORE_TOPIC_CONFIG_PAIRS_MAX) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "more configs than there are");
    }
    return item->code != CORE_OK || kafka_incremental_pairs(state, item, asked);
}

/* False: no memory. */
static bool kafka_incremental_pairs(
    struct kafka_incremental *state, struct core_change_item *item,
    const struct kafka_incremental_alter_configs_request_resource *asked)
{
    struct arena *arena = &state->request->arena;
    size_t count = (size_t)asked->configs.count;
    struct core_topic_config_pair *pairs = arena_alloc(arena, count * sizeof(*pairs), 16);
    struct core_change_edit *edits = arena_alloc_zeroed(arena, count * sizeof(*edits), 16);
    if (pairs == NULL || edits == NULL) {
        return false;
    }
    item->pairs = pairs;
    item->pairs_count = (uint32_t)count;
    item->edits = edits;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_incremental_alter_configs_request_config *config =
            &asked->configs.items[i];
        bool is_delete = config->config_operation == KAFKA_CONFIG_DELETE;
        pairs[i] = kafka_config_pair(config->name, config->value);
        if (is_delete) {
            pairs[i].value = NULL;
            pairs[i].value_bytes = 0;
        } else if (config->value.length == KAFKA_NULL) {
            kafka_change_refuse(item, CORE_INVALID_REQUEST, "a config without a value");
        }
        switch ((enum kafka_config_operation)config->config_operation) {
        case KAFKA_CONFIG_SET:
        case KAFKA_CONFIG_DELETE: edits[i].operation = CORE_CHANGE_SET; break;
        case KAFKA_CONFIG_APPEND: edits[i].operation = CORE_CHANGE_APPEND; break;
        case KAFKA_CONFIG_SUBTRACT: edits[i].operation = CORE_CHANGE_SUBTRACT; break;
        default:
            kafka_change_refuse(item, CORE_INVALID_REQUEST,
                                "operation %d: there are 0 (set), 1 (delete), 2 (append) and 3 "
                                "(subtract)",
                                config->config_operation);
            break;
        }
    }
    return true;
}

static void kafka_incremental_done(struct core_change *change)
{
    struct kafka_incremental *state = change->ctx;
    for (uint32_t i = 0; i < change->items_count; i++) {
        struct kafka_incremental_alter_configs_response_resource *answer =
            &state->response.responses.items[i];
        answer->error_code = (int16_t)kafka_change_error(&change->items[i]);
        answer->error_message = kafka_change_words(&change->items[i]);
    }
    kafka_request_answer(state->request, &state->response);
}
