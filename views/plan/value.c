/* See value.h. */
#include "views/plan/value.h"

#include <string.h>

#include "base/assert.h"
#include "views/vec/boolean.h"
#include "views/vec/calendar.h"
#include "views/vec/integer.h"
#include "views/vec/jsonb.h"
#include "views/vec/real.h"

static enum vec_fault plan_value_parse_text(const char *text, size_t length, struct arena *arena,
                                            struct vec_value *out);
static enum vec_fault plan_value_parse_jsonb(const char *text, size_t length, struct arena *arena,
                                             struct vec_value *out);
static bool plan_value_equal_bytes(const void *a, const void *b, size_t bytes);

enum vec_fault plan_value_parse(enum vec_kind kind, const char *text, size_t length,
                                struct arena *arena, struct vec_value *out)
{
    bool is_true = false;
    enum vec_fault fault = VEC_FAULT_NONE;
    *out = (struct vec_value){.is_null = false};
    switch (kind) {
    case VEC_BOOLEAN:
        fault = vec_boolean_parse(text, length, &is_true);
        out->u.boolean = is_true;
        return fault;
    case VEC_INTEGER: return vec_int4_parse(text, length, &out->u.int4);
    case VEC_BIGINT: return vec_int8_parse(text, length, &out->u.int8);
    case VEC_DOUBLE: return vec_real_parse(text, length, &out->u.real);
    case VEC_NUMERIC: return vec_numeric_parse(text, length, &out->u.numeric);
    case VEC_TEXT: return plan_value_parse_text(text, length, arena, out);
    case VEC_DATE: return vec_date_parse(text, length, &out->u.int4);
    case VEC_TIMESTAMP: return vec_timestamp_parse(text, length, false, &out->u.int8);
    case VEC_TIMESTAMPTZ: return vec_timestamp_parse(text, length, true, &out->u.int8);
    case VEC_INTERVAL: return vec_interval_parse(text, length, &out->u.interval);
    case VEC_JSONB: return plan_value_parse_jsonb(text, length, arena, out);
    case VEC_NONE:
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

enum vec_fault plan_value_of_param(enum vec_kind kind, const struct vec_value *given,
                                   enum vec_kind given_kind, struct arena *arena,
                                   struct vec_value *out, char *message, size_t message_bytes)
{
    *out = *given;
    if (given->is_null || given_kind != VEC_NONE) {
        ASSERT(given->is_null || given_kind == kind);
        return VEC_FAULT_NONE;
    }
    const char *text = given->u.bytes.data;
    size_t length = given->u.bytes.length;
    enum vec_fault fault = plan_value_parse(kind, text, length, arena, out);
    if (fault != VEC_FAULT_NONE) {
        struct bytes_writer w = bytes_writer(message, message_bytes - 1);
        vec_fault_message(&w, fault, plan_value_type_text(kind), text, length);
        message[w.pos] = '\0';
    }
    return fault;
}

static enum vec_fault plan_value_parse_text(const char *text, size_t length, struct arena *arena,
                                            struct vec_value *out)
{
    char *copy = arena_copy(arena, text, length);
    out->u.bytes = (struct vec_bytes){copy, (uint32_t)length};
    return copy != NULL ? VEC_FAULT_NONE : VEC_FAULT_MEMORY;
}

/* How long the value is shows only when it is written: an exponent may make many digits. */
static enum vec_fault plan_value_parse_jsonb(const char *text, size_t length, struct arena *arena,
                                             struct vec_value *out)
{
    struct arena_mark mark = arena_mark(arena);
    for (size_t room = 8 * length + 64;; room *= 8) {
        uint8_t *data = arena_alloc(arena, room, 8);
        if (data == NULL) {
            return VEC_FAULT_MEMORY;
        }
        struct bytes_writer w = bytes_writer(data, room);
        enum vec_fault fault = vec_jsonb_parse(text, length, arena, &w);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
        if (w.err == ERR_OK) {
            out->u.bytes = (struct vec_bytes){(const char *)data, (uint32_t)w.pos};
            return VEC_FAULT_NONE;
        }
        arena_rewind(arena, mark);
    }
}

const char *plan_value_type_text(enum vec_kind kind)
{
    return kind == VEC_TIMESTAMP ? "timestamp" : vec_kind_sql(kind);
}

void plan_value_write(struct bytes_writer *w, enum vec_kind kind, const struct vec_value *value)
{
    struct vec_jsonb jsonb;
    switch (kind) {
    case VEC_BOOLEAN: vec_boolean_write(w, value->u.boolean != 0); return;
    case VEC_INTEGER: vec_int8_write(w, value->u.int4); return;
    case VEC_BIGINT: vec_int8_write(w, value->u.int8); return;
    case VEC_DOUBLE: vec_real_write(w, value->u.real); return;
    case VEC_NUMERIC: vec_numeric_write(w, &value->u.numeric); return;
    case VEC_NONE:
    case VEC_TEXT: bytes_put_copy(w, value->u.bytes.data, value->u.bytes.length); return;
    case VEC_DATE: vec_date_write(w, value->u.int4); return;
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: vec_timestamp_write(w, value->u.int8, kind == VEC_TIMESTAMPTZ); return;
    case VEC_INTERVAL: vec_interval_write(w, &value->u.interval); return;
    case VEC_JSONB:
        jsonb = (struct vec_jsonb){(const uint8_t *)value->u.bytes.data, value->u.bytes.length};
        vec_jsonb_write(w, jsonb, true);
        return;
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

bool plan_value_equal(enum vec_kind kind, const struct vec_value *a, const struct vec_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    switch (kind) {
    case VEC_BOOLEAN: return a->u.boolean == b->u.boolean;
    case VEC_INTEGER:
    case VEC_DATE: return a->u.int4 == b->u.int4;
    case VEC_BIGINT:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ: return a->u.int8 == b->u.int8;
    case VEC_DOUBLE: return plan_value_equal_bytes(&a->u.real, &b->u.real, sizeof(double));
    case VEC_NUMERIC:
        return a->u.numeric.scale == b->u.numeric.scale &&
               vec_numeric_compare(&a->u.numeric, &b->u.numeric) == 0;
    case VEC_INTERVAL:
        return a->u.interval.us == b->u.interval.us && a->u.interval.days == b->u.interval.days &&
               a->u.interval.months == b->u.interval.months;
    case VEC_NONE:
    case VEC_TEXT:
    case VEC_JSONB:
        return a->u.bytes.length == b->u.bytes.length &&
               plan_value_equal_bytes(a->u.bytes.data, b->u.bytes.data, a->u.bytes.length);
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

static bool plan_value_equal_bytes(const void *a, const void *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}
