/* See ws_from.h. */
#include "broker/gateway/ws_from.h"

#include "base/assert.h"
#include "base/units.h"
#include "broker/gateway/http_text.h"

static const char *ws_from_text(struct arena *arena, const struct json_value *value,
                                struct ws_from *out);
static const char *ws_from_object(struct arena *arena, const struct json_value *value,
                                  struct ws_from *out);
static const char *ws_from_timestamp(const struct json_value *value, struct ws_from *out);
static const char *ws_from_token(struct arena *arena, const struct json_value *value,
                                 uint32_t count, struct ws_from *out);
static const char *ws_from_offsets(struct arena *arena, const struct json_value *value,
                                   uint32_t count, struct ws_from *out);

const char ws_from_short[] = "";

const char *ws_from_read(struct arena *arena, const struct json_value *value, struct ws_from *out)
{
    *out = (struct ws_from){.kind = WS_FROM_NONE};
    if (value->text == NULL) {
        return NULL;
    }
    switch (value->kind) {
    case JSON_STRING: return ws_from_text(arena, value, out);
    case JSON_OBJECT: return ws_from_object(arena, value, out);
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_ARRAY: break;
    }
    return "\"from\" is \"earliest\", \"latest\", a token, {\"PARTITION\": OFFSET} or "
           "{\"timestamp\": TIME}.";
}

static const char *ws_from_text(struct arena *arena, const struct json_value *value,
                                struct ws_from *out)
{
    struct http_text text = {value->text, value->length};
    uint32_t count;
    if (http_text_is(text, "latest") || http_text_is(text, "earliest")) {
        out->kind = http_text_is(text, "latest") ? WS_FROM_LATEST : WS_FROM_EARLIEST;
        return NULL;
    }
    if (core_view_token_get(value->text, value->length, &out->view) == ERR_OK) {
        out->kind = WS_FROM_VIEW_TOKEN;
        return NULL;
    }
    if (core_token_get(value->text, value->length, &out->topic, NULL, 0, &count) == ERR_OK) {
        return ws_from_token(arena, value, count, out);
    }
    return "\"from\" is neither \"earliest\", \"latest\" nor a token.";
}

static const char *ws_from_token(struct arena *arena, const struct json_value *value,
                                 uint32_t count, struct ws_from *out)
{
    uint64_t *offsets = arena_alloc(arena, count * sizeof(*offsets), 16);
    struct core_subscribe_place *places = arena_alloc(arena, count * sizeof(*places), 16);
    if (offsets == NULL || places == NULL) {
        return ws_from_short;
    }
    enum err err = core_token_get(value->text, value->length, &out->topic, offsets, count, &count);
    ASSERT(err == ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = (struct core_subscribe_place){.partition = i, .offset = offsets[i]};
    }
    out->kind = WS_FROM_STREAM_TOKEN;
    out->places = places;
    out->places_count = count;
    return NULL;
}

static const char *ws_from_object(struct arena *arena, const struct json_value *value,
                                  struct ws_from *out)
{
    struct json_items items = json_items(value);
    struct json_value name;
    struct json_value member;
    struct json_value timestamp = {.text = NULL};
    uint32_t count = 0;
    while (json_items_next(&items, &name, &member)) {
        if (http_text_is((struct http_text){name.text, name.length}, "timestamp")) {
            timestamp = member;
        }
        count++;
    }
    if (timestamp.text == NULL) {
        return ws_from_offsets(arena, value, count, out);
    }
    return count == 1 ? ws_from_timestamp(&timestamp, out)
                      : "\"from\" has a \"timestamp\" or offsets, not both.";
}

static const char *ws_from_timestamp(const struct json_value *value, struct ws_from *out)
{
    bool is_number = value->kind == JSON_NUMBER;
    uint64_t number;
    int64_t moment = -1;
    if (is_number && units_parse_u64(value->text, value->length, &number) == ERR_OK &&
        number <= INT64_MAX) {
        moment = (int64_t)number;
    } else if (value->kind == JSON_STRING &&
               units_parse_time_ms(value->text, value->length, &moment) != ERR_OK) {
        moment = -1;
    }
    out->kind = WS_FROM_TIMESTAMP;
    out->timestamp_ms = moment;
    return moment >= 0 ? NULL
                       : "\"timestamp\" is a time since 1970 as RFC 3339 has it, or in "
                         "milliseconds.";
}

static const char *ws_from_offsets(struct arena *arena, const struct json_value *value,
                                   uint32_t count, struct ws_from *out)
{
    struct json_items items = json_items(value);
    struct json_value name;
    struct json_value member;
    struct core_subscribe_place *places = arena_alloc(arena, count * sizeof(*places), 16);
    if (places == NULL) {
        return ws_from_short;
    }
    for (uint32_t i = 0; json_items_next(&items, &name, &member); i++) {
        uint64_t partition;
        uint64_t offset;
        if (member.kind != JSON_NUMBER ||
            units_parse_u64(name.text, name.length, &partition) != ERR_OK ||
            units_parse_u64(member.text, member.length, &offset) != ERR_OK ||
            partition > INT32_MAX || offset > INT64_MAX) {
            return "\"from\" names partitions and their offsets: {\"0\": 12}.";
        }
        places[i] =
            (struct core_subscribe_place){.partition = (uint32_t)partition, .offset = offset};
    }
    out->kind = WS_FROM_OFFSETS;
    out->places = places;
    out->places_count = count;
    return NULL;
}
