/* Kafka's messages as data: for every struct of every served message one table of its fields, from
 * which both the C struct and what codec.h reads and writes it by are made. One struct serves all
 * versions; there is no code per message or version. tests/unit/kafka/messages_test.c holds the
 * tables equal to Kafka's JSON definitions, which say what each field means.
 *
 *     #define KAFKA_FIELDS_produce_request(F, A, S, P)
 *         F(STRING, transactional_id, 3, KAFKA_NULLABLE(3), KAFKA_DEFAULT_NULL)
 *         A(produce_request_topic, topic_data, 0)
 *
 * gives `struct kafka_produce_request` with `struct kafka_string transactional_id` and `struct
 * kafka_produce_request_topic_array topic_data`, and the table kafka_struct_produce_request. A row:
 *
 *   F(type, name, first, ...)    a value of one of KAFKA_TYPES
 *   A(struct, name, first, ...)  an array of structs
 *   S(struct, name, first, ...)  a struct, embedded
 *   P(struct, name, first, ...)  a struct that may be null: a pointer
 *
 * `name` is Kafka's name in snake_case (TopicData: topic_data), `first` the first version with the
 * field, and behind it stand, where they apply, in this order:
 *
 *   KAFKA_UNTIL(v)        v is the last version with it; otherwise every later one has it
 *   KAFKA_NULLABLE(v)     it may be null from version v on
 *   KAFKA_PLAIN           its length is never compact, not even in flexible versions
 *   KAFKA_TAG(n)          it is a tagged field
 *   KAFKA_DEFAULT(n)      its value where it is absent, if not 0, false or empty
 *   KAFKA_DEFAULT_NULL    it is null where it is absent
 *
 * The tables stand in messages_<theme>.h. Adding a message: its KAFKA_FIELDS_ tables, a line for
 * each in KAFKA_STRUCTS_ (a struct before who contains it), one in KAFKA_MESSAGES_. */
#ifndef BROKER_KAFKA_MESSAGES_H
#define BROKER_KAFKA_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/kafka/messages_admin.h"
#include "broker/kafka/messages_data.h"
#include "broker/kafka/messages_meta.h"
#include "broker/kafka/messages_offsets.h"
#include "storage/log/format.h"

/* The length of a null string, bytes or records; the count of a null array. */
#define KAFKA_NULL (-1)

/* Text, not NUL-terminated and not checked to be UTF-8: from a decoder a view of the frame. */
struct kafka_string {
    const char *data; /* first byte; NULL is allowed when length <= 0 */
    int32_t length;   /* bytes, 0..INT16_MAX, or KAFKA_NULL */
};

/* Bytes: from a decoder a view of the frame. */
struct kafka_bytes {
    const uint8_t *data; /* first byte; NULL is allowed when length <= 0 */
    int32_t length;      /* bytes, or KAFKA_NULL */
};

/* Record batches. From a decoder a view of the frame. An encoder copies them from `data`, or, with
 * a `source`, leaves them out: whoever sends the frame puts them in (codec.h). */
struct kafka_records {
    const uint8_t *data; /* first byte; not looked at when `source` is set */
    int32_t length;      /* bytes, or KAFKA_NULL */
    const void *source;  /* what the sender takes the bytes from, its own affair; NULL: `data` */
};

/* Arrays of numbers and texts; those of structs look the same and are made with each struct. */
struct kafka_int32_array {
    int32_t *items; /* the first; NULL is allowed when count <= 0 */
    int32_t count;  /* how many, or KAFKA_NULL */
};
struct kafka_string_array {
    struct kafka_string *items; /* the first; NULL is allowed when count <= 0 */
    int32_t count;              /* how many, or KAFKA_NULL */
};

/* name, C type: the types of F rows. The names are Kafka's; X_ARRAY is Kafka's []X. */
#define KAFKA_TYPES(X)                                                                             \
    X(BOOL, bool)                                                                                  \
    X(INT8, int8_t)                                                                                \
    X(INT16, int16_t)                                                                              \
    X(INT32, int32_t)                                                                              \
    X(INT64, int64_t)                                                                              \
    X(UINT16, uint16_t)                                                                            \
    X(UINT32, uint32_t)                                                                            \
    X(FLOAT64, double)                                                                             \
    X(UUID, struct log_uuid)                                                                       \
    X(STRING, struct kafka_string)                                                                 \
    X(BYTES, struct kafka_bytes)                                                                   \
    X(RECORDS, struct kafka_records)                                                               \
    X(INT32_ARRAY, struct kafka_int32_array)                                                       \
    X(STRING_ARRAY, struct kafka_string_array)

/* What a field is: a type of F, or what an A, S or P row makes. */
enum kafka_type {
#define KAFKA_TYPE_ENUM(name, c_type) KAFKA_TYPE_##name,
    KAFKA_TYPES(KAFKA_TYPE_ENUM)
#undef KAFKA_TYPE_ENUM
        KAFKA_TYPE_STRUCT_ARRAY,
    KAFKA_TYPE_STRUCT,
    KAFKA_TYPE_STRUCT_POINTER,
};

#define KAFKA_TYPE_C(name, c_type) typedef c_type kafka_c_##name;
KAFKA_TYPES(KAFKA_TYPE_C)
#undef KAFKA_TYPE_C

/* A row, as the codec sees it. */
struct kafka_field {
    const char *name;               /* in snake_case, as the member */
    const struct kafka_struct *sub; /* of A, S and P; NULL: an F row */
    int64_t fallback;               /* value where absent; KAFKA_NULL of what has a length: null */
    uint32_t offset;                /* of the member in its struct */
    enum kafka_type type;           /* what the member is */
    int16_t first;                  /* first version with it */
    int16_t end;                    /* first version without it again; 0: none */
    int16_t null_first;             /* first version in which it may be null, if is_nullable */
    uint8_t tag;                    /* its number, if is_tagged */
    bool is_nullable;               /* may be null in some version */
    bool is_plain;                  /* never a compact length */
    bool is_tagged;                 /* a tagged field, in all its versions */
};

/* A struct's table. */
struct kafka_struct {
    const char *name;                 /* Kafka's, in CamelCase */
    const struct kafka_field *fields; /* in the order of the JSON definition */
    uint32_t fields_count;            /* how many */
    uint32_t size_bytes;              /* sizeof the C struct */
};

/* The API key of a header. */
#define KAFKA_NO_KEY (-1)

/* A message. */
struct kafka_message {
    const struct kafka_struct *body; /* its fields */
    int16_t api_key;                 /* KAFKA_NO_KEY: a header */
    int16_t first;                   /* first valid version */
    int16_t last;                    /* last valid version; what is served is the api table's */
    int16_t flexible_first;          /* first version with compact lengths and tagged fields */
};

#define KAFKA_UNTIL(last)     .end = (last) + 1
#define KAFKA_NULLABLE(first) .is_nullable = true, .null_first = (first)
#define KAFKA_PLAIN           .is_plain = true
#define KAFKA_TAG(number)     .is_tagged = true, .tag = (number)
#define KAFKA_DEFAULT(number) .fallback = (number)
#define KAFKA_DEFAULT_NULL    .fallback = KAFKA_NULL

/* name, Kafka's name: every struct, each before those that contain it. */
#define KAFKA_STRUCTS(X)                                                                           \
    KAFKA_STRUCTS_META(X)                                                                          \
    KAFKA_STRUCTS_DATA(X)                                                                          \
    KAFKA_STRUCTS_OFFSETS(X)                                                                       \
    KAFKA_STRUCTS_ADMIN(X)

/* struct, API key, first and last valid version, first flexible version: every message. */
#define KAFKA_MESSAGES(X)                                                                          \
    KAFKA_MESSAGES_META(X)                                                                         \
    KAFKA_MESSAGES_DATA(X)                                                                         \
    KAFKA_MESSAGES_OFFSETS(X)                                                                      \
    KAFKA_MESSAGES_ADMIN(X)

/* struct kafka_<name>, struct kafka_<name>_array and the table kafka_struct_<name>. */
#define KAFKA_MEMBER(type, name, ...)        kafka_c_##type name;
#define KAFKA_MEMBER_ARRAY(sub, name, ...)   struct kafka_##sub##_array name;
#define KAFKA_MEMBER_STRUCT(sub, name, ...)  struct kafka_##sub name;
#define KAFKA_MEMBER_POINTER(sub, name, ...) struct kafka_##sub *name;
#define KAFKA_STRUCT_DEFINE(name, kafka_name)                                                      \
    struct kafka_##name {                                                                          \
        KAFKA_FIELDS_##name(KAFKA_MEMBER, KAFKA_MEMBER_ARRAY, KAFKA_MEMBER_STRUCT,                 \
                            KAFKA_MEMBER_POINTER)                                                  \
    };                                                                                             \
    struct kafka_##name##_array {                                                                  \
        struct kafka_##name *items;                                                                \
        int32_t count;                                                                             \
    };                                                                                             \
    extern const struct kafka_struct kafka_struct_##name;
KAFKA_STRUCTS(KAFKA_STRUCT_DEFINE)

/* kafka_message_<name>: kafka_message_produce_request and so on. */
#define KAFKA_MESSAGE_DECLARE(name, ...) extern const struct kafka_message kafka_message_##name;
KAFKA_MESSAGES(KAFKA_MESSAGE_DECLARE)
#undef KAFKA_MESSAGE_DECLARE

/* Every message, in the order of KAFKA_MESSAGES. */
#define KAFKA_MESSAGE_COUNT_ONE(...) +1
#define KAFKA_MESSAGES_COUNT         (0 KAFKA_MESSAGES(KAFKA_MESSAGE_COUNT_ONE))
extern const struct kafka_message *const kafka_messages[KAFKA_MESSAGES_COUNT];

#endif
