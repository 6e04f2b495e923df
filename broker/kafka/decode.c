/* From bytes to a message's struct: one walk over the tables. See codec.h.
 *
 * The reader's sticky error ends everything: a step that finds it set does nothing more, and on the
 * way out each struct notes which of its fields it was in.
 *
 * Invariant: what the arena has given out for arrays is paid by bytes of the frame, each of which
 * pays once. An array of n items, the smallest of which takes m bytes, needs n * m bytes that no
 * outer array counts on: `reserved_bytes` is what the outer ones still need for the items behind
 * the present one. */
#include <string.h>

#include "base/varint.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/codec_int.h"

/* One message being decoded. */
struct kafka_decoder {
    struct bytes_reader *r;    /* the frame, or the tagged field that is being read */
    struct arena *arena;       /* for arrays and pointed-to structs */
    struct kafka_place *place; /* where it failed; may be NULL */
    size_t reserved_bytes;     /* of `r`, for items behind those being read */
    uint32_t depth;            /* structs being read */
    int32_t failed_index;      /* the item that failed, on its way to the struct with the array */
    int16_t version;           /* of the message */
    bool is_flexible;          /* whether that is a flexible one */
};

static void kafka_decode_struct(struct kafka_decoder *d, const struct kafka_struct *table,
                                uint8_t *out);
static void kafka_decode_fail_at(struct kafka_decoder *d, uint32_t depth,
                                 const struct kafka_field *field);
static void kafka_decode_field(struct kafka_decoder *d, const struct kafka_field *field,
                               void *member);
static void kafka_decode_string(struct kafka_decoder *d, bool is_compact, bool has_null,
                                struct kafka_string *out);
static void kafka_decode_bytes(struct kafka_decoder *d, const struct kafka_field *field,
                               struct kafka_span *out);
static void kafka_decode_pointer(struct kafka_decoder *d, const struct kafka_field *field,
                                 void **out);
static void kafka_decode_array(struct kafka_decoder *d, const struct kafka_field *field,
                               struct kafka_array *out);
static void kafka_decode_items(struct kafka_decoder *d, const struct kafka_field *field,
                               size_t item_bytes_min, const struct kafka_array *array);
static void kafka_decode_int32s(struct bytes_reader *r, const struct kafka_array *array);
static void kafka_decode_tags(struct kafka_decoder *d, const struct kafka_struct *table,
                              uint8_t *out);
static void kafka_decode_tagged(struct kafka_decoder *d, const struct kafka_field *field,
                                uint32_t size, uint8_t *out);
static int32_t kafka_decode_length(struct bytes_reader *r, bool is_compact, bool is_short,
                                   bool has_null);
static size_t kafka_decode_item_bytes_min(const struct kafka_decoder *d,
                                          const struct kafka_field *field);
static size_t kafka_decode_struct_bytes_min(const struct kafka_decoder *d,
                                            const struct kafka_struct *table);
static size_t kafka_decode_bytes_min(const struct kafka_decoder *d,
                                     const struct kafka_field *field);

enum err kafka_decode(const struct kafka_message *message, int16_t version, struct bytes_reader *r,
                      struct arena *arena, void *out, struct kafka_place *place)
{
    ASSERT(kafka_is_valid(message, version));
    struct kafka_decoder d = {
        .r = r,
        .arena = arena,
        .place = place,
        .failed_index = -1,
        .version = version,
        .is_flexible = version >= message->flexible_first,
    };
    if (place != NULL) {
        place->depth = 0;
    }
    kafka_decode_struct(&d, message->body, out);
    return r->err;
}

static void kafka_decode_struct(struct kafka_decoder *d, const struct kafka_struct *table,
                                uint8_t *out)
{
    uint32_t depth = d->depth++;
    ASSERT(depth < KAFKA_DEPTH_MAX);
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        void *member = out + field->offset;
        if (field->is_tagged || !kafka_field_is_in(field, d->version)) {
            kafka_field_reset(field, member);
            continue;
        }
        kafka_decode_field(d, field, member);
        if (UNLIKELY(d->r->err != ERR_OK)) {
            kafka_decode_fail_at(d, depth, field);
            return;
        }
    }
    if (d->is_flexible) {
        kafka_decode_tags(d, table, out);
    }
    d->depth = depth;
}

/* `field` of the struct at `depth` failed; what is further in has been noted before. */
static void kafka_decode_fail_at(struct kafka_decoder *d, uint32_t depth,
                                 const struct kafka_field *field)
{
    struct kafka_place *place = d->place;
    if (place != NULL) {
        place->fields[depth] = field;
        place->indexes[depth] = d->failed_index;
        place->depth = place->depth > depth ? place->depth : depth + 1;
    }
    d->failed_index = -1;
}

/* tidy: dispatcher */
static void kafka_decode_field(struct kafka_decoder *d, const struct kafka_field *field,
                               void *member)
{
    struct bytes_reader *r = d->r;
    switch (field->type) {
    case KAFKA_TYPE_BOOL: *(bool *)member = bytes_get_u8(r) != 0; break;
    case KAFKA_TYPE_INT8: *(uint8_t *)member = bytes_get_u8(r); break;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: *(uint16_t *)member = bytes_get_u16be(r); break;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: *(uint32_t *)member = bytes_get_u32be(r); break;
    case KAFKA_TYPE_INT64: *(uint64_t *)member = bytes_get_u64be(r); break;
    case KAFKA_TYPE_FLOAT64: *(double *)member = bytes_get_f64be(r); break;
    case KAFKA_TYPE_UUID: *(struct log_uuid *)member = log_uuid_get(r); break;
    case KAFKA_TYPE_STRING:
        kafka_decode_string(d, d->is_flexible && !field->is_plain,
                            kafka_field_has_null(field, d->version), member);
        break;
    case KAFKA_TYPE_BYTES: kafka_decode_bytes(d, field, member); break;
    case KAFKA_TYPE_RECORDS:
        ((struct kafka_records *)member)->source = NULL;
        kafka_decode_bytes(d, field, member);
        break;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: kafka_decode_array(d, field, member); break;
    case KAFKA_TYPE_STRUCT: kafka_decode_struct(d, field->sub, member); break;
    case KAFKA_TYPE_STRUCT_POINTER: kafka_decode_pointer(d, field, member); break;
    }
}

/* A length or a count: KAFKA_NULL where that is allowed, else >= 0. On failure 0. */
static int32_t kafka_decode_length(struct bytes_reader *r, bool is_compact, bool is_short,
                                   bool has_null)
{
    int64_t length = is_compact ? (int64_t)varint_get_u32(r) - 1
                     : is_short ? (int16_t)bytes_get_u16be(r)
                                : (int32_t)bytes_get_u32be(r);
    if (UNLIKELY(r->err != ERR_OK)) {
        return 0;
    }
    if (UNLIKELY(length < (has_null ? KAFKA_NULL : 0) || length > INT32_MAX)) {
        bytes_reader_fail(r, ERR_CORRUPT);
        return 0;
    }
    return (int32_t)length;
}

static void kafka_decode_string(struct kafka_decoder *d, bool is_compact, bool has_null,
                                struct kafka_string *out)
{
    int32_t length = kafka_decode_length(d->r, is_compact, true, has_null);
    if (UNLIKELY(length > INT16_MAX)) {
        bytes_reader_fail(d->r, ERR_CORRUPT);
    }
    out->length = length;
    out->data = length > 0 ? (const char *)bytes_get_view(d->r, (uint64_t)length) : NULL;
}

static void kafka_decode_bytes(struct kafka_decoder *d, const struct kafka_field *field,
                               struct kafka_span *out)
{
    out->length = kafka_decode_length(d->r, d->is_flexible && !field->is_plain, false,
                                      kafka_field_has_null(field, d->version));
    out->data = out->length > 0 ? bytes_get_view(d->r, (uint64_t)out->length) : NULL;
}

/* A byte says whether it is there; as with Kafka, any negative one says that it is not. */
static void kafka_decode_pointer(struct kafka_decoder *d, const struct kafka_field *field,
                                 void **out)
{
    ASSERT(kafka_field_has_null(field, d->version));
    *out = NULL;
    bool is_null = (int8_t)bytes_get_u8(d->r) < 0;
    if (d->r->err != ERR_OK || is_null) {
        return;
    }
    *out = arena_alloc(d->arena, field->sub->size_bytes, KAFKA_ALIGN);
    if (*out == NULL) {
        bytes_reader_fail(d->r, d->arena->err);
        return;
    }
    kafka_decode_struct(d, field->sub, *out);
}

/* Bytes that no outer array counts on. */
static size_t kafka_decode_left(const struct kafka_decoder *d)
{
    size_t left = bytes_reader_left(d->r);
    return left > d->reserved_bytes ? left - d->reserved_bytes : 0;
}

static void kafka_decode_array(struct kafka_decoder *d, const struct kafka_field *field,
                               struct kafka_array *out)
{
    int32_t count = kafka_decode_length(d->r, d->is_flexible && !field->is_plain, false,
                                        kafka_field_has_null(field, d->version));
    *out = (struct kafka_array){.count = count};
    if (count <= 0) {
        return;
    }
    size_t item_bytes_min = kafka_decode_item_bytes_min(d, field);
    ASSERT(item_bytes_min > 0);
    if ((size_t)count > kafka_decode_left(d) / item_bytes_min) {
        bytes_reader_fail(d->r, ERR_TRUNCATED);
        return;
    }
    size_t bytes = (size_t)count * kafka_item_bytes(field);
    out->items = arena_alloc(d->arena, bytes, KAFKA_ALIGN);
    if (out->items == NULL) {
        bytes_reader_fail(d->r, d->arena->err);
        return;
    }
    if (field->type == KAFKA_TYPE_INT32_ARRAY) {
        kafka_decode_int32s(d->r, out);
    } else {
        kafka_decode_items(d, field, item_bytes_min, out);
    }
}

static void kafka_decode_int32s(struct bytes_reader *r, const struct kafka_array *array)
{
    int32_t *items = array->items;
    for (int32_t i = 0; i < array->count; i++) {
        items[i] = (int32_t)bytes_get_u32be(r);
    }
}

static void kafka_decode_items(struct kafka_decoder *d, const struct kafka_field *field,
                               size_t item_bytes_min, const struct kafka_array *array)
{
    uint8_t *item = array->items;
    d->reserved_bytes += (size_t)array->count * item_bytes_min;
    for (int32_t i = 0; i < array->count; i++, item += kafka_item_bytes(field)) {
        d->reserved_bytes -= item_bytes_min;
        if (field->type == KAFKA_TYPE_STRUCT_ARRAY) {
            kafka_decode_struct(d, field->sub, item);
        } else {
            kafka_decode_string(d, d->is_flexible, false, (struct kafka_string *)(void *)item);
        }
        if (UNLIKELY(d->r->err != ERR_OK)) {
            d->failed_index = i;
            return;
        }
    }
}

static const struct kafka_field *kafka_decode_find_tag(const struct kafka_decoder *d,
                                                       const struct kafka_struct *table,
                                                       uint32_t tag)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (field->is_tagged && field->tag == tag && kafka_field_is_in(field, d->version)) {
            return field;
        }
    }
    return NULL;
}

/* The tagged fields of a struct. Their order is not checked, as Kafka does not. */
static void kafka_decode_tags(struct kafka_decoder *d, const struct kafka_struct *table,
                              uint8_t *out)
{
    uint32_t count = varint_get_u32(d->r);
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count && d->r->err == ERR_OK; i++) {
        uint32_t tag = varint_get_u32(d->r);
        uint32_t size = varint_get_u32(d->r);
        const struct kafka_field *field = kafka_decode_find_tag(d, table, tag);
        if (field == NULL) {
            bytes_skip(d->r, size);
            continue;
        }
        if ((seen & 1u << field->tag) != 0) {
            bytes_reader_fail(d->r, ERR_CORRUPT);
        }
        seen |= 1u << field->tag;
        kafka_decode_tagged(d, field, size, out + field->offset);
    }
}

/* A tagged field is a frame of its own: its reader ends where its size says. */
static void kafka_decode_tagged(struct kafka_decoder *d, const struct kafka_field *field,
                                uint32_t size, uint8_t *member)
{
    struct bytes_reader *outer = d->r;
    size_t outer_reserved_bytes = d->reserved_bytes;
    uint32_t depth = d->depth - 1; /* of the struct whose field it is */
    if (size > kafka_decode_left(d)) {
        bytes_reader_fail(outer, ERR_TRUNCATED);
    }
    struct bytes_reader inner = bytes_get_sub(outer, size);
    d->r = &inner;
    d->reserved_bytes = 0;
    kafka_decode_field(d, field, member);
    if (inner.err == ERR_OK && bytes_reader_left(&inner) > 0) {
        bytes_reader_fail(&inner, ERR_CORRUPT);
    }
    d->r = outer;
    d->reserved_bytes = outer_reserved_bytes;
    if (inner.err != ERR_OK) {
        bytes_reader_fail(outer, inner.err);
        kafka_decode_fail_at(d, depth, field);
    }
}

static size_t kafka_decode_item_bytes_min(const struct kafka_decoder *d,
                                          const struct kafka_field *field)
{
    if (field->type == KAFKA_TYPE_STRUCT_ARRAY) {
        return kafka_decode_struct_bytes_min(d, field->sub);
    }
    return field->type == KAFKA_TYPE_INT32_ARRAY ? sizeof(int32_t) : d->is_flexible ? 1 : 2;
}

/* The bytes of a struct whose texts and arrays are empty and which has no tagged field. */
static size_t kafka_decode_struct_bytes_min(const struct kafka_decoder *d,
                                            const struct kafka_struct *table)
{
    size_t bytes = d->is_flexible ? 1 : 0;
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (!field->is_tagged && kafka_field_is_in(field, d->version)) {
            bytes += kafka_decode_bytes_min(d, field);
        }
    }
    return bytes;
}

/* tidy: dispatcher */
static size_t kafka_decode_bytes_min(const struct kafka_decoder *d, const struct kafka_field *field)
{
    bool is_compact = d->is_flexible && !field->is_plain;
    switch (field->type) {
    case KAFKA_TYPE_BOOL:
    case KAFKA_TYPE_INT8:
    case KAFKA_TYPE_STRUCT_POINTER: return 1;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: return 2;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: return 4;
    case KAFKA_TYPE_INT64:
    case KAFKA_TYPE_FLOAT64: return 8;
    case KAFKA_TYPE_UUID: return sizeof(struct log_uuid);
    case KAFKA_TYPE_STRING: return is_compact ? 1 : 2;
    case KAFKA_TYPE_BYTES:
    case KAFKA_TYPE_RECORDS:
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: return is_compact ? 1 : 4;
    case KAFKA_TYPE_STRUCT: return kafka_decode_struct_bytes_min(d, field->sub);
    }
    UNREACHABLE();
}
