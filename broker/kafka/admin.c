/* See admin.h. */
#include "broker/kafka/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/kafka/handlers.h"

static int kafka_names_compare(const void *a, const void *b);

/* --- Names --- */

void kafka_names_sort(struct kafka_name *names, int32_t count)
{
    if (count > 0) {
        qsort(names, (size_t)count, sizeof(*names), kafka_names_compare);
    }
}

static int kafka_names_compare(const void *a, const void *b)
{
    const struct kafka_name *name_a = a;
    const struct kafka_name *name_b = b;
    int order = kafka_names_compare_texts(&name_a->text, &name_b->text);
    return order != 0 ? order : (name_a->index > name_b->index) - (name_a->index < name_b->index);
}

int kafka_names_compare_texts(const struct kafka_string *a, const struct kafka_string *b)
{
    int32_t shorter = a->length < b->length ? a->length : b->length;
    int order = shorter > 0 ? memcmp(a->data, b->data, (size_t)shorter) : 0;
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

const uint8_t *kafka_names_repeats(struct kafka_request *request, struct kafka_name *names,
                                   int32_t count)
{
    uint8_t *repeats = arena_alloc_zeroed(&request->arena, (size_t)count, 1);
    if (repeats == NULL) {
        return NULL;
    }
    kafka_names_sort(names, count);
    for (int32_t i = 1; i < count; i++) {
        const struct kafka_name *before = &names[i - 1];
        if (names[i].text.length != KAFKA_NULL &&
            kafka_names_compare_texts(&before->text, &names[i].text) == 0) {
            repeats[names[i].index] = KAFKA_REPEAT_LATER;
            if (repeats[before->index] == KAFKA_REPEAT_NONE) {
                repeats[before->index] = KAFKA_REPEAT_FIRST;
            }
        }
    }
    return repeats;
}

/* --- Changes --- */

bool kafka_change_init(struct kafka_request *request, struct core_change *change, int32_t count,
                       core_change_fn *done, void *ctx)
{
    *change = (struct core_change){.done = done, .ctx = ctx};
    change->items =
        arena_alloc(&request->arena, (size_t)count * sizeof(struct core_change_item), 16);
    return change->items != NULL;
}

void kafka_change_limit(struct kafka_request *request, struct core_change *change,
                        int32_t timeout_ms)
{
    if (timeout_ms > 0) {
        change->deadline_ns =
            rt_now_ns(request->conn->door->cs->shard) + (uint32_t)timeout_ms * RT_NS_PER_MS;
    }
}

struct core_change_item *kafka_change_add(struct core_change *change, enum core_change_kind kind,
                                          struct kafka_string name)
{
    struct core_change_item *item = &change->items[change->items_count++];
    *item = (struct core_change_item){.kind = kind};
    if (name.length != KAFKA_NULL) {
        item->name = name.length > 0 ? name.data : "";
        item->name_bytes = (uint32_t)name.length;
    }
    return item;
}

struct core_change_item *kafka_change_add_resource(struct core_change *change,
                                                   enum core_change_kind kind, int8_t type,
                                                   struct kafka_string name,
                                                   enum kafka_repeat repeat)
{
    struct core_change_item *item = kafka_change_add(change, kind, name);
    if (repeat != KAFKA_REPEAT_NONE) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST, "the request names the topic twice");
    } else if (type == KAFKA_RESOURCE_BROKER) {
        kafka_change_refuse(
            item, CORE_INVALID_REQUEST,
            "a node's settings are given to it when it starts: see tdb config keys");
    } else if (type != KAFKA_RESOURCE_TOPIC) {
        kafka_change_refuse(item, CORE_INVALID_REQUEST,
                            "configs of resource type %d are not served; those of topics (2) are",
                            type);
    }
    return item;
}

void kafka_change_refuse(struct core_change_item *item, enum core_code code, const char *format,
                         ...)
{
    va_list arguments;
    ASSERT(code != CORE_OK);
    item->code = code;
    va_start(arguments, format);
    vsnprintf(item->text.text, sizeof(item->text.text), format, arguments);
    va_end(arguments);
}

/* What another node would do now, or this one later, is NOT_CONTROLLER: clients look for the
 * controller and try again. */
enum kafka_error kafka_change_error(const struct core_change_item *item)
{
    bool is_elsewhere = item->code == CORE_NOT_LEADER || item->code == CORE_NOT_AVAILABLE ||
                        item->code == CORE_CLOSING;
    return is_elsewhere ? KAFKA_NOT_CONTROLLER : kafka_error_of(item->code);
}

struct kafka_string kafka_change_words(const struct core_change_item *item)
{
    if (item->code == CORE_OK) {
        return (struct kafka_string){.length = KAFKA_NULL};
    }
    return kafka_text(item->text.text[0] != '\0' ? item->text.text : core_code_text(item->code));
}

/* --- Settings --- */

struct core_topic_config_pair kafka_config_pair(struct kafka_string name, struct kafka_string value)
{
    struct core_topic_config_pair pair = {.name = name.length > 0 ? name.data : "",
                                          .name_bytes = (uint16_t)name.length};
    if (value.length != KAFKA_NULL) {
        pair.value = value.length > 0 ? value.data : "";
        pair.value_bytes = (uint16_t)value.length;
    }
    return pair;
}

struct kafka_config_value kafka_config_value(struct kafka_request *request,
                                             const struct core_topic_config_key *key,
                                             const struct core_topic_config *config,
                                             const struct core_topic_config_pair *pairs,
                                             uint32_t pairs_count)
{
    char text[CORE_TOPIC_CONFIG_VALUE_BYTES];
    size_t bytes = core_topic_config_format(config, key, text);
    bool is_default = strcmp(text, key->default_text) == 0;
    struct kafka_config_value value = {.source = is_default ? KAFKA_CONFIG_OF_DEFAULT
                                                            : KAFKA_CONFIG_OF_BROKER};
    value.text = is_default ? kafka_text(key->default_text) : kafka_text_copy(request, text, bytes);
    for (uint32_t i = 0; i < pairs_count; i++) {
        if (pairs[i].name_bytes != strlen(key->name) ||
            memcmp(pairs[i].name, key->name, pairs[i].name_bytes) != 0) {
            continue;
        }
        value.source = KAFKA_CONFIG_OF_TOPIC;
        if (key->field == 0) { /* not in `config`: as it was set */
            value.text = (struct kafka_string){pairs[i].value, pairs[i].value_bytes};
        }
    }
    return value;
}
