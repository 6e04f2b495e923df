/* Structs of any message. See values.h. */
#include "tests/unit/kafka/values.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "broker/kafka/codec.h"

/* Lengths on both sides of what a one-byte varint holds. */
static const int32_t values_lengths[] = {0, 0, 1, 2, 7, 126, 127, 128, 300};

/* A struct being filled. */
struct values {
    struct prng *prng;      /* where choices come from; NULL: `r` */
    struct bytes_reader *r; /* likewise: a byte or a few each, 0 when there are no more */
    struct arena *arena;    /* for arrays, texts and pointed-to structs */
    int16_t version;        /* of the message */
};

static void values_struct(struct values *v, const struct kafka_struct *table, void *out);

static size_t values_below(struct values *v, size_t n)
{
    return v->prng != NULL ? (size_t)prng_below(v->prng, n) : bytes_get_u8(v->r) % n;
}

/* One time in `n`. */
static bool values_chance(struct values *v, uint8_t n)
{
    return v->prng != NULL ? prng_chance(v->prng, 1, n) : bytes_get_u8(v->r) % n == n - 1;
}

/* Content: of bytes that are read, the same all through. */
static void values_content(struct values *v, void *out, size_t length)
{
    if (v->prng != NULL) {
        prng_fill(v->prng, out, length);
    } else {
        memset(out, bytes_get_u8(v->r), length);
    }
}

static int32_t values_length(struct values *v, bool may_be_null)
{
    if (may_be_null && values_chance(v, 4)) {
        return KAFKA_NULL;
    }
    return values_lengths[values_below(v, ARRAY_COUNT(values_lengths))];
}

static int32_t values_count(struct values *v, bool may_be_null)
{
    return (int32_t)values_below(v, 5) - (may_be_null && values_chance(v, 2) ? 1 : 0);
}

static void *values_bytes(struct values *v, int32_t length)
{
    if (length <= 0) {
        return NULL;
    }
    void *data = arena_alloc(v->arena, (size_t)length, 1);
    ASSERT(data != NULL);
    values_content(v, data, (size_t)length);
    return data;
}

/* Small, large and edge values of any width. */
static uint64_t values_number(struct values *v)
{
    static const uint64_t edges[] = {
        0,         1,         UINT64_MAX,          INT16_MAX,
        INT32_MAX, INT64_MAX, (uint64_t)INT32_MIN, (uint64_t)INT64_MIN};
    if (v->prng != NULL) {
        return prng_chance(v->prng, 1, 2) ? prng_u64(v->prng)
                                          : edges[prng_below(v->prng, ARRAY_COUNT(edges))];
    }
    uint8_t byte = bytes_get_u8(v->r);
    return byte < ARRAY_COUNT(edges) ? edges[byte] : byte < 0x80 ? byte : bytes_get_u64be(v->r);
}

static size_t values_item_bytes(const struct kafka_field *field)
{
    return field->sub != NULL                       ? field->sub->size_bytes
           : field->type == KAFKA_TYPE_STRING_ARRAY ? sizeof(struct kafka_string)
                                                    : sizeof(int32_t);
}

/* Arrays are a pointer and an int32; the offsets of the second are the same in all. */
static void values_array(struct values *v, const struct kafka_field *field, bool may_be_null,
                         struct kafka_int32_array *array)
{
    size_t item_bytes = values_item_bytes(field);
    array->count = values_count(v, may_be_null);
    array->items = NULL;
    if (array->count <= 0) {
        array->count = array->count < 0 && !may_be_null ? 0 : array->count;
        return;
    }
    uint8_t *item = arena_alloc_zeroed(v->arena, (size_t)array->count * item_bytes, 8);
    ASSERT(item != NULL);
    array->items = (int32_t *)(void *)item;
    for (int32_t i = 0; i < array->count; i++, item += item_bytes) {
        if (field->type == KAFKA_TYPE_STRUCT_ARRAY) {
            values_struct(v, field->sub, item);
        } else if (field->type == KAFKA_TYPE_STRING_ARRAY) {
            struct kafka_string *string = (void *)item;
            string->length = values_length(v, false);
            string->data = values_bytes(v, string->length);
        } else {
            array->items[i] = (int32_t)values_number(v);
        }
    }
}

/* tidy: dispatcher */
static void values_field(struct values *v, const struct kafka_field *field, void *member)
{
    bool may_be_null = field->is_nullable && v->version >= field->null_first;
    struct kafka_string *string = member;
    struct kafka_records *records = member;
    switch (field->type) {
    case KAFKA_TYPE_BOOL: *(bool *)member = values_chance(v, 2); break;
    case KAFKA_TYPE_INT8: *(int8_t *)member = (int8_t)values_number(v); break;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: *(uint16_t *)member = (uint16_t)values_number(v); break;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: *(uint32_t *)member = (uint32_t)values_number(v); break;
    case KAFKA_TYPE_INT64: *(uint64_t *)member = values_number(v); break;
    case KAFKA_TYPE_FLOAT64: *(double *)member = (double)values_number(v) / 3; break;
    case KAFKA_TYPE_UUID: values_content(v, member, sizeof(struct log_uuid)); break;
    case KAFKA_TYPE_STRING:
    case KAFKA_TYPE_BYTES:
        string->length = values_length(v, may_be_null);
        string->data = values_bytes(v, string->length);
        break;
    case KAFKA_TYPE_RECORDS:
        records->length = values_length(v, may_be_null);
        records->data = values_bytes(v, records->length);
        break;
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: values_array(v, field, may_be_null, member); break;
    case KAFKA_TYPE_STRUCT: values_struct(v, field->sub, member); break;
    case KAFKA_TYPE_STRUCT_POINTER:
        if (!may_be_null || values_chance(v, 2)) {
            *(void **)member = arena_alloc_zeroed(v->arena, field->sub->size_bytes, 8);
            values_struct(v, field->sub, *(void **)member);
        }
        break;
    }
}

static void values_struct(struct values *v, const struct kafka_struct *table, void *out)
{
    kafka_reset(table, out);
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        bool is_in = v->version >= field->first && (field->end == 0 || v->version < field->end);
        if (is_in && (!field->is_tagged || values_chance(v, 2))) {
            values_field(v, field, (uint8_t *)out + field->offset);
        }
    }
}

void values_fill(struct prng *prng, struct arena *arena, const struct kafka_struct *table,
                 int16_t version, void *out)
{
    struct values v = {.prng = prng, .arena = arena, .version = version};
    values_struct(&v, table, out);
}

void values_read(struct bytes_reader *r, struct arena *arena, const struct kafka_struct *table,
                 int16_t version, void *out)
{
    struct values v = {.r = r, .arena = arena, .version = version};
    values_struct(&v, table, out);
}

static bool values_is_span_equal(const void *a, int32_t a_length, const void *b, int32_t b_length)
{
    return a_length == b_length && (a_length <= 0 || memcmp(a, b, (size_t)a_length) == 0);
}

static bool values_is_array_equal(const struct kafka_field *field,
                                  const struct kafka_int32_array *a,
                                  const struct kafka_int32_array *b)
{
    bool is_equal = a->count == b->count;
    for (int32_t i = 0; is_equal && i < a->count; i++) {
        const uint8_t *x = (const uint8_t *)a->items + (size_t)i * values_item_bytes(field);
        const uint8_t *y = (const uint8_t *)b->items + (size_t)i * values_item_bytes(field);
        const struct kafka_string *s = (const void *)x;
        const struct kafka_string *t = (const void *)y;
        is_equal = field->type == KAFKA_TYPE_STRUCT_ARRAY ? values_is_equal(field->sub, x, y)
                   : field->type == KAFKA_TYPE_STRING_ARRAY
                       ? values_is_span_equal(s->data, s->length, t->data, t->length)
                       : memcmp(x, y, sizeof(int32_t)) == 0;
    }
    return is_equal;
}

/* tidy: dispatcher */
static bool values_is_field_equal(const struct kafka_field *field, const void *a, const void *b)
{
    const struct kafka_string *s = a;
    const struct kafka_string *t = b;
    switch (field->type) {
    case KAFKA_TYPE_BOOL:
    case KAFKA_TYPE_INT8: return memcmp(a, b, 1) == 0;
    case KAFKA_TYPE_INT16:
    case KAFKA_TYPE_UINT16: return memcmp(a, b, 2) == 0;
    case KAFKA_TYPE_INT32:
    case KAFKA_TYPE_UINT32: return memcmp(a, b, 4) == 0;
    case KAFKA_TYPE_INT64:
    case KAFKA_TYPE_FLOAT64: return memcmp(a, b, 8) == 0;
    case KAFKA_TYPE_UUID: return log_uuid_is_equal(a, b);
    case KAFKA_TYPE_STRING:
    case KAFKA_TYPE_BYTES:
    case KAFKA_TYPE_RECORDS: return values_is_span_equal(s->data, s->length, t->data, t->length);
    case KAFKA_TYPE_INT32_ARRAY:
    case KAFKA_TYPE_STRING_ARRAY:
    case KAFKA_TYPE_STRUCT_ARRAY: return values_is_array_equal(field, a, b);
    case KAFKA_TYPE_STRUCT: return values_is_equal(field->sub, a, b);
    case KAFKA_TYPE_STRUCT_POINTER: {
        const void *x = *(void *const *)a;
        const void *y = *(void *const *)b;
        return x == NULL || y == NULL ? x == y : values_is_equal(field->sub, x, y);
    }
    }
    return false;
}

bool values_is_equal(const struct kafka_struct *table, const void *a, const void *b)
{
    for (uint32_t i = 0; i < table->fields_count; i++) {
        const struct kafka_field *field = &table->fields[i];
        if (!values_is_field_equal(field, (const uint8_t *)a + field->offset,
                                   (const uint8_t *)b + field->offset)) {
            return false;
        }
    }
    return true;
}
