/* The tables of messages.h, made from its rows. */
#include "broker/kafka/messages.h"

/* A row does not name its struct, and no macro can be given half of its arguments. So what stands
 * for F in a KAFKA_FIELDS_ table is two macros, the first of which opens what the second closes:
 *
 *     KAFKA_IN(produce_request) KAFKA_ROW(INT16, acks, 0)
 *     {.offset = offsetof(struct kafka_produce_request, acks), .name = "acks", ...}, */
/* clang-format off */
#define KAFKA_IN(struct_name) {.offset = __builtin_offsetof(struct kafka_##struct_name,
#define KAFKA_ROW(type_name, member, ...) \
    member), .name = #member, .type = KAFKA_TYPE_##type_name, .first = __VA_ARGS__},
/* clang-format on */
#define KAFKA_ROW_ARRAY(sub_name, member, ...)                                                     \
    KAFKA_ROW(STRUCT_ARRAY, member, __VA_ARGS__, .sub = &kafka_struct_##sub_name)
#define KAFKA_ROW_STRUCT(sub_name, member, ...)                                                    \
    KAFKA_ROW(STRUCT, member, __VA_ARGS__, .sub = &kafka_struct_##sub_name)
#define KAFKA_ROW_POINTER(sub_name, member, ...)                                                   \
    KAFKA_ROW(STRUCT_POINTER, member, __VA_ARGS__, .sub = &kafka_struct_##sub_name)

#define KAFKA_STRUCT_TABLE(struct_name, kafka_name)                                                \
    static const struct kafka_field kafka_fields_##struct_name[] = {KAFKA_FIELDS_##struct_name(    \
        KAFKA_IN(struct_name) KAFKA_ROW, KAFKA_IN(struct_name) KAFKA_ROW_ARRAY,                    \
        KAFKA_IN(struct_name) KAFKA_ROW_STRUCT, KAFKA_IN(struct_name) KAFKA_ROW_POINTER)};         \
    const struct kafka_struct kafka_struct_##struct_name = {                                       \
        .name = kafka_name,                                                                        \
        .fields = kafka_fields_##struct_name,                                                      \
        .fields_count = ARRAY_COUNT(kafka_fields_##struct_name),                                   \
        .size_bytes = sizeof(struct kafka_##struct_name),                                          \
    };
KAFKA_STRUCTS(KAFKA_STRUCT_TABLE)

#define KAFKA_MESSAGE_TABLE(struct_name, key, first_version, last_version, flexible_version)       \
    const struct kafka_message kafka_message_##struct_name = {                                     \
        .body = &kafka_struct_##struct_name,                                                       \
        .api_key = (key),                                                                          \
        .first = (first_version),                                                                  \
        .last = (last_version),                                                                    \
        .flexible_first = (flexible_version),                                                      \
    };
KAFKA_MESSAGES(KAFKA_MESSAGE_TABLE)

#define KAFKA_MESSAGE_ADDRESS(struct_name, ...) &kafka_message_##struct_name,
const struct kafka_message *const kafka_messages[KAFKA_MESSAGES_COUNT] = {
    KAFKA_MESSAGES(KAFKA_MESSAGE_ADDRESS)};
