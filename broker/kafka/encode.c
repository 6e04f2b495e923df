/* From a message's struct to bytes, twice the same walk: once to count, once to write. See codec.h.
 *
 * Both walks must agree to the byte; the second one measures again only what a tagged field's size
 * needs. What a caller may not hold in a struct is asserted while counting. */
#include <string.h>

#include "base/varint.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/codec_int.h"

/* A message being counted. */
struct kafka_meter {
    struct kafka_size size; /* so far */
    int16_t version;        /* of the message */
    bool is_flexible;       /* whether that is a flexible one */
};

/* A message being written. */
struct kafka_encoder {
    struct bytes_writer *w;  /* where to */
    struct kafka_gaps *gaps; /* what is left out; NULL: nothing may be */
    enum err err;            /* ERR_FULL: a gap found no room */
    int16_t version;         /* of the message */
    bool is_flexible;        /* whether that is a flexible one */
};

static void kafka_measure_struct(struct kafka_meter *m, const struct kafka_struct *table,
                                 const uint8_t *in);
static void kafka_measure_tags(struct kafka_meter *m, const struct kafka_struct *table,
                               const uint8_t *in);
static void kafka_measure_field(struct kafka_meter *m, const struct kafka_field *field,
                                const void *member);
static void kafka_measure_array(struct kafka_meter *m, const struct kafka_field *field,
                                const struct kafka_array *array);
static void kafka_measure_records(struct kafka_meter *m, const struct kafka_field *field,
                                  const struct kafka_records *records);
static size_t kafka_length_bytes(int16_t version, bool is_compact, size_t plain_bytes,
                                 const struct kafka_field *field, int32_t length);
static bool kafka_is_default(const struct kafka_field *field, const void *member);
static bool kafka_is_struct_default(const struct kafka_struct *table, const uint8_t *in);
static void kafka_encode_struct(struct kafka_encoder *e, const struct kafka_struct *table,
                                const uint8_t *in);
static void kafka_encode_tags(struct kafka_encoder *e, const struct kafka_struct *table,
                              const uint8_t *in);
static void kafka_encode_field(struct kafka_encoder *e, const struct kafka_field *field,
                               const void *member);
static void kafka_encode_string(struct kafka_encoder *e, bool is_compact,
                                const struct kafka_string *string);
static void kafka_encode_records(struct kafka_encoder *e, const struct kafka_field *field,
                                 const struct kafka_records *records);
static void kafka_encode_array(struct kafka_encoder *e, const struct kafka_field *field,
                               const struct kafka_array *array);
static void kafka_encode_length(struct kafka_encoder *e, bool is_compact, int32_t length);

struct kafka_size kafka_measure(const struct kafka_message *message, int16_t version,
                                const void *in)
{
    ASSERT(kafka_is_valid(message, version));
    struct kafka_meter m = {.version = version, .is_flexible = version >= message->flexible_first};
    kafka_measure_struct(&m, message->body, in);
    return m.size;
}

static void kafka_measure_struct(struct kafka_meter *m, const struct kafka_struct *table,
                                 const uint8_t *in)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (!field->is_tagged && kafka_field_is_in(field, m->version)) {
            kafka_measure_field(m, field, in + field->offset);
        }
    }
    if (m->is_flexible) {
        kafka_measure_tags(m, table, in);
    }
}

/* Whether a tagged field is written. */
static bool kafka_is_tag_sent(const struct kafka_field *field, int16_t version, const uint8_t *in)
{
    return field->is_tagged && kafka_field_is_in(field, version) &&
           !kafka_is_default(field, in + field->offset);
}

static void kafka_measure_tags(struct kafka_meter *m, const struct kafka_struct *table,
                               const uint8_t *in)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (kafka_is_tag_sent(field, m->version, in)) {
            size_t before_bytes = m->size.written_bytes;
            kafka_measure_field(m, field, in + field->offset);
            size_t bytes = m->size.written_bytes - before_bytes;
            m->size.written_bytes += varint_size_u64(field->tag) + varint_size_u64(bytes);
            count++;
        }
    }
    m->size.written_bytes += varint_size_u64(count);
}

/* tidy: dispatcher */
static void kafka_measure_field(struct kafka_meter *m, const struct kafka_field *field,
                                const void *member)
{
    size_t bytes = 0;
    const struct kafka_span *span = member;
    bool is_compact = m->is_flexible && !field->is_plain;
    switch (field->type) {
    case KAFKA_TYPE_BOOL:
    case KAFKA_TYPE_INT8: bytes = 1; break;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: bytes = 2; break;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: bytes = 4; break;
    case KAFKA_TYPE_INT64:
    case KAFKA_TYPE_FLOAT64: bytes = 8; break;
    case KAFKA_TYPE_UUID: bytes = sizeof(struct log_uuid); break;
    case KAFKA_TYPE_STRING:
        ASSERT(span->length <= INT16_MAX);
        bytes = kafka_length_bytes(m->version, is_compact, 2, field, span->length);
        bytes += span->length > 0 ? (size_t)span->length : 0;
        break;
    case KAFKA_TYPE_BYTES:
        bytes = kafka_length_bytes(m->version, is_compact, 4, field, span->length);
        bytes += span->length > 0 ? (size_t)span->length : 0;
        break;
    case KAFKA_TYPE_RECORDS: kafka_measure_records(m, field, member); break;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: kafka_measure_array(m, field, member); break;
    case KAFKA_TYPE_STRUCT: kafka_measure_struct(m, field->sub, member); break;
    case KAFKA_TYPE_STRUCT_POINTER:
        bytes = 1;
        ASSERT(*(void *const *)member != NULL || kafka_field_has_null(field, m->version));
        if (*(void *const *)member != NULL) {
            kafka_measure_struct(m, field->sub, *(void *const *)member);
        }
        break;
    }
    m->size.written_bytes += bytes;
}

/* The bytes of a length or count, which is asserted to be one. */
static size_t kafka_length_bytes(int16_t version, bool is_compact, size_t plain_bytes,
                                 const struct kafka_field *field, int32_t length)
{
    ASSERT(length >= KAFKA_NULL);
    ASSERT(IMPLIES(length == KAFKA_NULL, kafka_field_has_null(field, version)));
    return is_compact ? varint_size_u64((uint32_t)length + 1) : plain_bytes;
}

static void kafka_measure_records(struct kafka_meter *m, const struct kafka_field *field,
                                  const struct kafka_records *records)
{
    bool is_compact = m->is_flexible && !field->is_plain;
    m->size.written_bytes += kafka_length_bytes(m->version, is_compact, 4, field, records->length);
    if (records->length <= 0) {
        return;
    }
    if (records->source != NULL) {
        m->size.inserted_bytes += (size_t)records->length;
        m->size.gaps_count++;
    } else {
        m->size.written_bytes += (size_t)records->length;
    }
}

static void kafka_measure_array(struct kafka_meter *m, const struct kafka_field *field,
                                const struct kafka_array *array)
{
    bool is_compact = m->is_flexible && !field->is_plain;
    m->size.written_bytes += kafka_length_bytes(m->version, is_compact, 4, field, array->count);
    if (field->type == KAFKA_TYPE_INT32_ARRAY) {
        m->size.written_bytes += array->count > 0 ? (size_t)array->count * sizeof(int32_t) : 0;
        return;
    }
    const uint8_t *item = array->items;
    for (int32_t i = 0; i < array->count; i++, item += kafka_item_bytes(field)) {
        if (field->type == KAFKA_TYPE_STRUCT_ARRAY) {
            kafka_measure_struct(m, field->sub, item);
            continue;
        }
        int32_t length = ((const struct kafka_string *)(const void *)item)->length;
        ASSERT(length >= 0);
        ASSERT(length <= INT16_MAX);
        m->size.written_bytes +=
            (size_t)length + (m->is_flexible ? varint_size_u64((uint32_t)length + 1) : 2);
    }
}

/* tidy: dispatcher */
static bool kafka_is_default(const struct kafka_field *field, const void *member)
{
    switch (field->type) {
    case KAFKA_TYPE_BOOL: return *(const bool *)member == (field->fallback != 0);
    case KAFKA_TYPE_INT8: return *(const int8_t *)member == field->fallback;
    case KAFKA_TYPE_INT16: return *(const int16_t *)member == field->fallback;
    case KAFKA_TYPE_INT32: return *(const int32_t *)member == field->fallback;
    case KAFKA_TYPE_INT64: return *(const int64_t *)member == field->fallback;
    case KAFKA_TYPE_UINT16: return *(const uint16_t *)member == field->fallback;
    case KAFKA_TYPE_UINT32: return *(const uint32_t *)member == field->fallback;
    case KAFKA_TYPE_FLOAT64: {
        double fallback = (double)field->fallback;
        return memcmp(member, &fallback, sizeof(fallback)) == 0;
    }
    case KAFKA_TYPE_UUID: return log_uuid_is_zero(member);
    case KAFKA_TYPE_STRING:
    case KAFKA_TYPE_BYTES:
    case KAFKA_TYPE_RECORDS: return ((const struct kafka_span *)member)->length == field->fallback;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY:
        return ((const struct kafka_array *)member)->count == field->fallback;
    case KAFKA_TYPE_STRUCT: return kafka_is_struct_default(field->sub, member);
    case KAFKA_TYPE_STRUCT_POINTER: return *(void *const *)member == NULL;
    }
    UNREACHABLE();
}

static bool kafka_is_struct_default(const struct kafka_struct *table, const uint8_t *in)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        if (!kafka_is_default(&table->fields[i], in + table->fields[i].offset)) {
            return false;
        }
    }
    return true;
}

enum err kafka_encode(const struct kafka_message *message, int16_t version, const void *in,
                      struct bytes_writer *w, struct kafka_gaps *gaps)
{
    ASSERT(kafka_is_valid(message, version));
    struct kafka_encoder e = {
        .w = w,
        .gaps = gaps,
        .version = version,
        .is_flexible = version >= message->flexible_first,
    };
    kafka_encode_struct(&e, message->body, in);
    return w->err != ERR_OK ? w->err : e.err;
}

static void kafka_encode_struct(struct kafka_encoder *e, const struct kafka_struct *table,
                                const uint8_t *in)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (!field->is_tagged && kafka_field_is_in(field, e->version)) {
            kafka_encode_field(e, field, in + field->offset);
        }
    }
    if (e->is_flexible) {
        kafka_encode_tags(e, table, in);
    }
}

/* The tables have a struct's tagged fields in ascending order of their tags (messages_test.c). */
static void kafka_encode_tags(struct kafka_encoder *e, const struct kafka_struct *table,
                              const uint8_t *in)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->fields_count; i++) {
        count += kafka_is_tag_sent(&table->fields[i], e->version, in);
    }
    varint_put_u64(e->w, count);
    for (uint32_t i = 0; count > 0 && i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (kafka_is_tag_sent(field, e->version, in)) {
            struct kafka_meter m = {.version = e->version, .is_flexible = true};
            kafka_measure_field(&m, field, in + field->offset);
            varint_put_u64(e->w, field->tag);
            varint_put_u64(e->w, m.size.written_bytes);
            kafka_encode_field(e, field, in + field->offset);
        }
    }
}

/* tidy: dispatcher */
static void kafka_encode_field(struct kafka_encoder *e, const struct kafka_field *field,
                               const void *member)
{
    struct bytes_writer *w = e->w;
    const struct kafka_span *span = member;
    bool is_compact = e->is_flexible && !field->is_plain;
    switch (field->type) {
    case KAFKA_TYPE_BOOL: bytes_put_u8(w, *(const bool *)member); break;
    case KAFKA_TYPE_INT8: bytes_put_u8(w, *(const uint8_t *)member); break;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: bytes_put_u16be(w, *(const uint16_t *)member); break;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: bytes_put_u32be(w, *(const uint32_t *)member); break;
    case KAFKA_TYPE_INT64: bytes_put_u64be(w, *(const uint64_t *)member); break;
    case KAFKA_TYPE_FLOAT64: bytes_put_f64be(w, *(const double *)member); break;
    case KAFKA_TYPE_UUID: log_uuid_put(w, member); break;
    case KAFKA_TYPE_STRING: kafka_encode_string(e, is_compact, member); break;
    case KAFKA_TYPE_BYTES:
        kafka_encode_length(e, is_compact, span->length);
        bytes_put_copy(w, span->data, span->length > 0 ? (size_t)span->length : 0);
        break;
    case KAFKA_TYPE_RECORDS: kafka_encode_records(e, field, member); break;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: kafka_encode_array(e, field, member); break;
    case KAFKA_TYPE_STRUCT: kafka_encode_struct(e, field->sub, member); break;
    case KAFKA_TYPE_STRUCT_POINTER:
        bytes_put_u8(w, *(void *const *)member != NULL ? 1 : 0xff);
        if (*(void *const *)member != NULL) {
            kafka_encode_struct(e, field->sub, *(void *const *)member);
        }
        break;
    }
}

static void kafka_encode_length(struct kafka_encoder *e, bool is_compact, int32_t length)
{
    if (is_compact) {
        varint_put_u64(e->w, (uint32_t)length + 1);
    } else {
        bytes_put_u32be(e->w, (uint32_t)length);
    }
}

static void kafka_encode_string(struct kafka_encoder *e, bool is_compact,
                                const struct kafka_string *string)
{
    if (is_compact) {
        varint_put_u64(e->w, (uint32_t)string->length + 1);
    } else {
        bytes_put_u16be(e->w, (uint16_t)string->length);
    }
    bytes_put_copy(e->w, string->data, string->length > 0 ? (size_t)string->length : 0);
}

static void kafka_encode_records(struct kafka_encoder *e, const struct kafka_field *field,
                                 const struct kafka_records *records)
{
    kafka_encode_length(e, e->is_flexible && !field->is_plain, records->length);
    if (records->length <= 0) {
        return;
    }
    if (records->source == NULL) {
        bytes_put_copy(e->w, records->data, (size_t)records->length);
    } else if (e->gaps == NULL || e->gaps->count == e->gaps->capacity) {
        e->err = ERR_FULL;
    } else {
        e->gaps->items[e->gaps->count++] = (struct kafka_gap){.pos = e->w->pos, .records = records};
    }
}

static void kafka_encode_array(struct kafka_encoder *e, const struct kafka_field *field,
                               const struct kafka_array *array)
{
    kafka_encode_length(e, e->is_flexible && !field->is_plain, array->count);
    const uint8_t *item = array->items;
    for (int32_t i = 0; i < array->count; i++, item += kafka_item_bytes(field)) {
        if (field->type == KAFKA_TYPE_STRUCT_ARRAY) {
            kafka_encode_struct(e, field->sub, item);
        } else if (field->type == KAFKA_TYPE_STRING_ARRAY) {
            kafka_encode_string(e, e->is_flexible, (const struct kafka_string *)(const void *)item);
        } else {
            bytes_put_u32be(e->w, *(const uint32_t *)(const void *)item);
        }
    }
}
