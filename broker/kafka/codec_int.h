/* What decode.c, encode.c and codec.c share: how a row applies to a version, and how the members
 * that have a length look in memory. */
#ifndef BROKER_KAFKA_CODEC_INT_H
#define BROKER_KAFKA_CODEC_INT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/kafka/messages.h"

/* The alignment of every struct of a message and of every item of an array. */
#define KAFKA_ALIGN 8

/* Every array: kafka_int32_array, kafka_string_array and those of structs. */
struct kafka_array {
    void *items;   /* the first */
    int32_t count; /* how many, or KAFKA_NULL */
};

/* How kafka_string, kafka_bytes and kafka_records begin. */
struct kafka_span {
    const void *data; /* first byte */
    int32_t length;   /* bytes, or KAFKA_NULL */
};

static_assert(sizeof(struct kafka_array) == sizeof(struct kafka_int32_array), "same layout");
static_assert(sizeof(struct kafka_array) == sizeof(struct kafka_string_array), "same layout");
static_assert(offsetof(struct kafka_array, count) == offsetof(struct kafka_int32_array, count),
              "same layout");
static_assert(offsetof(struct kafka_span, length) == offsetof(struct kafka_string, length),
              "same beginning");
static_assert(offsetof(struct kafka_span, length) == offsetof(struct kafka_bytes, length),
              "same beginning");
static_assert(offsetof(struct kafka_span, length) == offsetof(struct kafka_records, length),
              "same beginning");

/* Whether the version has the field. */
static inline bool kafka_field_is_in(const struct kafka_field *field, int16_t version)
{
    return version >= field->first && (field->end == 0 || version < field->end);
}

/* Whether it may be null there. */
static inline bool kafka_field_has_null(const struct kafka_field *field, int16_t version)
{
    return field->is_nullable && version >= field->null_first;
}

/* The items of an array field: their size in memory. */
static inline size_t kafka_item_bytes(const struct kafka_field *field)
{
    return field->type == KAFKA_TYPE_STRUCT_ARRAY   ? field->sub->size_bytes
           : field->type == KAFKA_TYPE_STRING_ARRAY ? sizeof(struct kafka_string)
                                                    : sizeof(int32_t);
}

/* Set the member at `member` to its default. */
void kafka_field_reset(const struct kafka_field *field, void *member);

#endif
