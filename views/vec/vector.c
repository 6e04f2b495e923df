/* Making vectors and reading a value of one. See vector.h. */
#include "views/vec/vector.h"

#include <string.h>

/* Where a value of a kind stands in a struct vec_value. */
static const void *vec_value_at(enum vec_kind kind, const struct vec_value *value)
{
    switch (kind) {
    case VEC_BOOLEAN: return &value->u.boolean;
    case VEC_INTEGER:
    case VEC_DATE: return &value->u.int4;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return &value->u.int8;
    case VEC_DOUBLE: return &value->u.real;
    case VEC_NUMERIC: return &value->u.numeric;
    case VEC_TEXT:
    case VEC_JSONB: return &value->u.bytes;
    case VEC_INTERVAL: return &value->u.interval;
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: return &value->u;
    }
}

void *vec_flat(struct arena *a, struct vec_type type, uint32_t rows_count, struct vec_vector *out)
{
    ASSERT(rows_count <= VEC_ROWS_MAX);
    size_t bytes = vec_kind_bytes((enum vec_kind)type.kind);
    void *data = arena_alloc(a, bytes * rows_count, ARENA_ALIGN_MAX);
    *out = (struct vec_vector){.type = type, .form = VEC_FLAT, .data = data};
    return data;
}

uint64_t *vec_valid(struct arena *a, bool has_values)
{
    uint64_t *valid = arena_alloc(a, VEC_VALID_WORDS * sizeof(*valid), ARENA_ALIGN_MAX);
    if (valid != NULL) {
        memset(valid, has_values ? 0xff : 0, VEC_VALID_WORDS * sizeof(*valid));
    }
    return valid;
}

void vec_constant(struct vec_type type, const struct vec_value *value, struct vec_vector *out)
{
    static const uint64_t none = 0;
    *out = (struct vec_vector){
        .type = type,
        .form = VEC_CONSTANT,
        .data = vec_value_at((enum vec_kind)type.kind, value),
        .valid = value->is_null ? &none : NULL,
    };
}

void vec_get(const struct vec_vector *v, uint32_t row, struct vec_value *out)
{
    struct vec_view view = vec_view(v);
    *out = (struct vec_value){.is_null = !vec_view_is_valid(&view, row)};
    if (!out->is_null) {
        size_t bytes = vec_kind_bytes((enum vec_kind)v->type.kind);
        memcpy(&out->u, (const uint8_t *)v->data + bytes * vec_view_at(&view, row), bytes);
    }
}
