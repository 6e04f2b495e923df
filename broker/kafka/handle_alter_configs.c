/* AlterConfigs: a topic's settings from now on; what is not named is taken away. Each topic is one
 * item of a change (broker/core/change.h). */
#include "broker/core/core.h"
#include "broker/kafka/admin.h"
#include "broker/kafka/handlers.h"

/* Of one request. */
struct kafka_alter_configs {
    struct kafka_request *request;                /* whose */
    struct kafka_alter_configs_response response; /* a resource for each item */
    struct core_change change;                    /* sets them */
};

static bool kafka_alter_configs_prepare(struct kafka_alter_configs *state);
static bool kafka_alter_configs_ask(struct kafka_alter_configs *state,
                                    const struct kafka_alter_configs_request_resource *asked,
                                    enum kafka_repeat repeat);
static void kafka_alter_configs_done(struct core_change *change);

void kafka_handle_alter_configs(struct kafka_request *request)
{
    struct kafka_alter_configs *state = kafka_request_alloc(request, sizeof(*state));
    if (state == NULL) {
        return;
    }
    state->request = request;
    kafka_reset(&kafka_struct_alter_configs_response, &state->response);
    if (!kafka_alter_configs_prepare(state)) {
        kafka_request_fail(request, "no memory for the request");
        return;
    }
    kafka_change_limit(request, &state->change, KAFKA_CHANGE_TIMEOUT_MS);
    core_change_start(request->conn->door->cs, &state->change);
}

/* An item and an answer for each resource. False: no memory. */
static bool kafka_alter_configs_prepare(struct kafka_alter_configs *state)
{
    struct kafka_request *request = state->request;
    const struct kafka_alter_configs_request *body = request->body;
    int32_t count = body->resources.count;
    struct kafka_name *names =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct kafka_name), 16);
    state->response.responses.items =
        kafka_items(&request->arena, &kafka_struct_alter_configs_response_resource, count);
    if (names == NULL || state->response.responses.items == NULL ||
        !kafka_change_init(request, &state->change, count, kafka_alter_configs_done, state)) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        const struct kafka_alter_configs_request_resource *asked = &body->resources.items[i];
        names[i] = (struct kafka_name){asked->resource_name, i};
        if (asked->resource_type != KAFKA_RESOURCE_TOPIC) {
            names[i].text.length = KAFKA_NULL;
        }
    }
    const uint8_t *repeats = kafka_names_repeats(request, names, count);
    for (int32_t i = 0; repeats != NULL && i < count; i++) {
        if (!kafka_alter_configs_ask(state, &body->resources.items[i],
                                     (enum kafka_repeat)repeats[i])) {
            return false;
        }
    }
    return repeats != NULL;
}

static bool kafka_alter_configs_ask(struct kafka_alter_configs *state,
                                    const struct kafka_alter_configs_request_resource *asked,
                                    enum kafka_repeat repeat)
{
    const struct kafka_alter_configs_request *body = state->request->body;
    struct kafka_alter_configs_response_resource *answer =
        &state->response.responses.items[state->response.responses.count++];
    struct core_change_item *item = kafka_change_add_resource(
        &state->change, CORE_CHANGE_CONFIG_ALL, asked->resource_type, asked->resource_name, repeat);
    struct core_topic_config_pair *pairs =
        arena_alloc(&state->request->arena, (size_t)asked->configs.count * sizeof(*pairs), 16);
    answer->resource_type = asked->resource_type;
    answer->resource_name = asked->resource_name;
    item->pairs = pairs;
    item->pairs_count = (uint32_t)asked->configs.count;
    item->is_validate_only = body->validate_only;
    for (int32_t i = 0; pairs != NULL && i < asked->configs.count; i++) {
        const struct kafka_alter_configs_request_config *config = &asked->configs.items[i];
        pairs[i] = kafka_config_pair(config->name, config->value);
        if (config->value.length == KAFKA_NULL && item->code == CORE_OK) {
            kafka_change_refuse(item, CORE_INVALID_REQUEST,
                                "a config without a value; what is not named is taken away");
        }
    }
    return pairs != NULL;
}

static void kafka_alter_configs_done(struct core_change *change)
{
    struct kafka_alter_configs *state = change->ctx;
    for (uint32_t i = 0; i < change->items_count; i++) {
        struct kafka_alter_configs_response_resource *answer = &state->response.responses.items[i];
        answer->error_code = (int16_t)kafka_change_error(&change->items[i]);
        answer->error_message = kafka_change_words(&change->items[i]);
    }
    kafka_request_answer(state->request, &state->response);
}
