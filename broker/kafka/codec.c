/* What decoding and encoding stand on: versions, defaults, places. See codec.h. */
#include "broker/kafka/codec.h"

#include <stdio.h>
#include <string.h>

#include "broker/kafka/codec_int.h"

bool kafka_is_valid(const struct kafka_message *message, int16_t version)
{
    return version >= message->first && version <= message->last;
}

int16_t kafka_request_header_version(const struct kafka_message *request, int16_t version)
{
    return version >= request->flexible_first ? 2 : 1;
}

int16_t kafka_response_header_version(const struct kafka_message *response, int16_t version)
{
    bool is_plain = response->api_key == kafka_message_api_versions_response.api_key;
    return !is_plain && version >= response->flexible_first ? 1 : 0;
}

void kafka_reset(const struct kafka_struct *table, void *out)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        kafka_field_reset(&table->fields[i], (uint8_t *)out + table->fields[i].offset);
    }
}

/* tidy: dispatcher */
void kafka_field_reset(const struct kafka_field *field, void *member)
{
    switch (field->type) {
    case KAFKA_TYPE_BOOL: *(bool *)member = field->fallback != 0; break;
    case KAFKA_TYPE_INT8: *(int8_t *)member = (int8_t)field->fallback; break;
    case KAFKA_TYPE_INT16: *(int16_t *)member = (int16_t)field->fallback; break;
    case KAFKA_TYPE_INT32: *(int32_t *)member = (int32_t)field->fallback; break;
    case KAFKA_TYPE_INT64: *(int64_t *)member = field->fallback; break;
    case KAFKA_TYPE_UINT16: *(uint16_t *)member = (uint16_t)field->fallback; break;
    case KAFKA_TYPE_UINT32: *(uint32_t *)member = (uint32_t)field->fallback; break;
    case KAFKA_TYPE_FLOAT64: *(double *)member = (double)field->fallback; break;
    case KAFKA_TYPE_UUID: *(struct log_uuid *)member = (struct log_uuid){.bytes = {0}}; break;
    case KAFKA_TYPE_STRING:
    case KAFKA_TYPE_BYTES:
        *(struct kafka_span *)member = (struct kafka_span){.length = (int32_t)field->fallback};
        break;
    case KAFKA_TYPE_RECORDS:
        *(struct kafka_records *)member =
            (struct kafka_records){.length = (int32_t)field->fallback};
        break;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY:
        *(struct kafka_array *)member = (struct kafka_array){.count = (int32_t)field->fallback};
        break;
    case KAFKA_TYPE_STRUCT: kafka_reset(field->sub, member); break;
    case KAFKA_TYPE_STRUCT_POINTER: *(void **)member = NULL; break;
    }
}

void *kafka_items(struct arena *arena, const struct kafka_struct *table, int32_t count)
{
    ASSERT(count >= 0);
    size_t bytes;
    uint8_t *items = bytes_size_mul((size_t)count, table->size_bytes, &bytes)
                         ? arena_alloc(arena, bytes, KAFKA_ALIGN)
                         : NULL;
    for (int32_t i = 0; items != NULL && i < count; i++) {
        kafka_reset(table, items + (size_t)i * table->size_bytes);
    }
    return items;
}

const char *kafka_place_format(const struct kafka_place *place, char out[KAFKA_PLACE_TEXT_BYTES])
{
    ASSERT(place->depth <= KAFKA_DEPTH_MAX);
    snprintf(out, KAFKA_PLACE_TEXT_BYTES, "end");
    size_t length = 0;
    for (uint32_t i = 0; i < place->depth && length < KAFKA_PLACE_TEXT_BYTES; i++) {
        char index[16] = "";
        if (place->indexes[i] >= 0) {
            snprintf(index, sizeof(index), "[%d]", (int)place->indexes[i]);
        }
        int written = snprintf(out + length, KAFKA_PLACE_TEXT_BYTES - length, "%s%s%s",
                               i > 0 ? "." : "", place->fields[i]->name, index);
        ASSERT(written > 0);
        length += (size_t)written;
    }
    return out;
}
