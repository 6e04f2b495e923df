/* Functions and operators of JSONB. See function_int.h.
 *
 * What is found in a value is a piece of its bytes, and so is the text of a string or a number that
 * ->> answers: only arrays and objects are written out.
 *
 * jsonb_build_array and jsonb_build_object take JSONB only: whoever binds them puts to_jsonb around
 * arguments of other types, which is what PostgreSQL does inside. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "views/vec/calendar.h"
#include "views/vec/function_int.h"
#include "views/vec/integer.h"
#include "views/vec/jsonb_int.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

/* JSON text is made in so many bytes of scratch, and in more where it needs them. */
#define VEC_JSON_ROOM_BYTES 1024u

/* What is asked of a value: whether it is there, and what it is. */
typedef bool vec_json_find_fn(struct vec_rows *r, uint32_t row, struct vec_jsonb *out);

static ALWAYS_INLINE bool vec_json_key_find(struct vec_rows *r, uint32_t row, struct vec_jsonb *out)
{
    return vec_jsonb_get(VEC_JSONB_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row), out);
}

static ALWAYS_INLINE bool vec_json_index_find(struct vec_rows *r, uint32_t row,
                                              struct vec_jsonb *out)
{
    return vec_jsonb_at(VEC_JSONB_ARG(r, 0, row), VEC_ARG(r, 1, int32_t, row), out);
}

/* Along all arguments behind the first. */
static ALWAYS_INLINE bool vec_json_path_find(struct vec_rows *r, uint32_t row,
                                             struct vec_jsonb *out)
{
    bool is_found = true;
    *out = VEC_JSONB_ARG(r, 0, row);
    for (uint32_t i = 1; i < r->call->args_count && is_found; i++) {
        struct vec_text step = VEC_TEXT_ARG(r, i, row);
        is_found = vec_jsonb_path(*out, &step, 1, out);
    }
    return is_found;
}

/* The value found, or null. */
#define VEC_JSON_VALUE(name)                                                                       \
    static ALWAYS_INLINE enum vec_fault vec_json_##name##_row(struct vec_rows *r, uint32_t row,    \
                                                              struct vec_bytes *out)               \
    {                                                                                              \
        struct vec_jsonb found;                                                                    \
        if (!vec_json_##name##_find(r, row, &found)) {                                             \
            return vec_rows_null(r, row);                                                          \
        }                                                                                          \
        *out = vec_json_bytes(found);                                                              \
        return VEC_FAULT_NONE;                                                                     \
    }                                                                                              \
    VEC_APPLY(vec_json_##name, struct vec_bytes)

static ALWAYS_INLINE struct vec_bytes vec_json_bytes(struct vec_jsonb value)
{
    return (struct vec_bytes){.data = (const char *)value.data, .length = (uint32_t)value.length};
}

VEC_JSON_VALUE(key)
VEC_JSON_VALUE(index)
VEC_JSON_VALUE(path)

/* Write the text of an array or an object found. */
#define VEC_JSON_WRITE(name)                                                                       \
    static enum vec_fault vec_json_##name##_write(struct vec_rows *r, uint32_t row,                \
                                                  struct bytes_writer *w)                          \
    {                                                                                              \
        struct vec_jsonb found;                                                                    \
        bool is_found = vec_json_##name##_find(r, row, &found);                                    \
        ASSERT(is_found);                                                                          \
        vec_jsonb_write(w, found, true);                                                           \
        return VEC_FAULT_NONE;                                                                     \
    }

VEC_JSON_WRITE(key)
VEC_JSON_WRITE(index)
VEC_JSON_WRITE(path)

/* The text of what `find` finds: ->> and its like. */
static ALWAYS_INLINE bool vec_json_text(struct vec_eval *ev, const struct vec_expr *call,
                                        const struct vec_vector *args,
                                        struct vec_selection selection, struct vec_vector *out,
                                        vec_json_find_fn *find, vec_rows_text_fn *put)
{
    struct vec_rows r;
    if (!vec_rows_begin(&r, ev, call, args, selection)) {
        return false;
    }
    struct vec_bytes *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);
    if (data == NULL) {
        return vec_rows_fail(&r, VEC_FAULT_MEMORY);
    }
    struct bytes_writer w = bytes_writer(NULL, 0);
    for (VEC_ROWS_EACH(selection, i, row)) {
        struct vec_jsonb found;
        enum vec_fault fault = VEC_FAULT_NONE;
        enum vec_jsonb_kind kind = find(&r, row, &found) ? vec_jsonb_kind(found) : VEC_JSONB_NULL;
        switch (kind) {
        case VEC_JSONB_STRING:
        case VEC_JSONB_NUMBER: data[row] = vec_bytes_of(vec_jsonb_characters(found)); break;
        case VEC_JSONB_TRUE: data[row] = (struct vec_bytes){.data = "true", .length = 4}; break;
        case VEC_JSONB_FALSE: data[row] = (struct vec_bytes){.data = "false", .length = 5}; break;
        case VEC_JSONB_NULL: fault = vec_rows_null(&r, row); break;
        case VEC_JSONB_ARRAY:
        case VEC_JSONB_OBJECT:
        default: fault = vec_rows_write_one(&r, row, &w, put, &data[row]); break;
        }
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {
            return vec_rows_fail(&r, fault);
        }
    }
    out->valid = r.valid;
    return true;
}

#define VEC_JSON_TEXT(name)                                                                        \
    static bool vec_json_##name##_text_apply(                                                      \
        struct vec_eval *ev, const struct vec_expr *call, const struct vec_vector *args,           \
        struct vec_selection selection, struct vec_vector *out)                                    \
    {                                                                                              \
        return vec_json_text(ev, call, args, selection, out, vec_json_##name##_find,               \
                             vec_json_##name##_write);                                             \
    }

VEC_JSON_TEXT(key)
VEC_JSON_TEXT(index)
VEC_JSON_TEXT(path)

/* Questions. */

static ALWAYS_INLINE enum vec_fault vec_json_contains_row(struct vec_rows *r, uint32_t row,
                                                          uint8_t *out)
{
    uint64_t *steps = &r->ev->steps_left;
    *out = vec_jsonb_contains(VEC_JSONB_ARG(r, 0, row), VEC_JSONB_ARG(r, 1, row), steps);
    return *steps > 0 ? VEC_FAULT_NONE : VEC_FAULT_JSON_STEPS;
}

static ALWAYS_INLINE enum vec_fault vec_json_contained_row(struct vec_rows *r, uint32_t row,
                                                           uint8_t *out)
{
    uint64_t *steps = &r->ev->steps_left;
    *out = vec_jsonb_contains(VEC_JSONB_ARG(r, 1, row), VEC_JSONB_ARG(r, 0, row), steps);
    return *steps > 0 ? VEC_FAULT_NONE : VEC_FAULT_JSON_STEPS;
}

static ALWAYS_INLINE enum vec_fault vec_json_exists_row(struct vec_rows *r, uint32_t row,
                                                        uint8_t *out)
{
    *out = vec_jsonb_exists(VEC_JSONB_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row));
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_json_typeof_row(struct vec_rows *r, uint32_t row,
                                                        struct vec_bytes *out)
{
    const char *name = vec_jsonb_typeof(VEC_JSONB_ARG(r, 0, row));
    *out = (struct vec_bytes){.data = name, .length = (uint32_t)strlen(name)};
    return VEC_FAULT_NONE;
}

static ALWAYS_INLINE enum vec_fault vec_json_array_length_row(struct vec_rows *r, uint32_t row,
                                                              int32_t *out)
{
    return vec_jsonb_array_length(VEC_JSONB_ARG(r, 0, row), out);
}

VEC_APPLY(vec_json_contains, uint8_t)
VEC_APPLY(vec_json_contained, uint8_t)
VEC_APPLY(vec_json_exists, uint8_t)
VEC_APPLY(vec_json_typeof, struct vec_bytes)
VEC_APPLY(vec_json_array_length, int32_t)

/* Values of other types as JSON, and values put together: as JSON text, which is then read. */

enum vec_fault vec_json_make(struct vec_rows *r, uint32_t row, struct bytes_writer *w,
                             vec_rows_text_fn *put)
{
    struct arena *scratch = r->ev->scratch;
    struct arena_mark mark = arena_mark(scratch);
    for (size_t room = VEC_JSON_ROOM_BYTES;; room *= 2) {
        char *text = arena_alloc(scratch, room, 1);
        if (text == NULL) {
            return VEC_FAULT_MEMORY;
        }
        struct bytes_writer written = bytes_writer(text, room);
        enum vec_fault fault = put(r, row, &written);
        if (fault != VEC_FAULT_NONE) {
            return fault; /* whose text stands in scratch */
        }
        if (written.err == ERR_OK) {
            fault = vec_jsonb_parse(text, written.pos, scratch, w);
            arena_rewind(scratch, mark);
            return fault;
        }
        arena_rewind(scratch, mark);
    }
}

static void vec_json_write_double(struct bytes_writer *w, double value)
{
    if (!isfinite(value)) {
        bytes_put_u8(w, '"');
    }
    vec_real_write(w, value);
    if (!isfinite(value)) {
        bytes_put_u8(w, '"');
    }
}

/* "2020-01-02T03:04:05.678+00:00": as text, but for a T and a whole zone. */
static void vec_json_write_timestamp(struct bytes_writer *w, int64_t at, bool is_zoned)
{
    char text[VEC_CALENDAR_TEXT_BYTES];
    struct bytes_writer plain = bytes_writer(text, sizeof(text));
    vec_timestamp_write(&plain, at, false);
    ASSERT(plain.err == ERR_OK);
    char *space = memchr(text, ' ', plain.pos);
    bytes_put_u8(w, '"');
    if (space == NULL) {
        bytes_put_copy(w, text, plain.pos); /* an infinity */
    } else {
        *space = 'T';
        char *era = memchr(text, ' ', plain.pos); /* of " BC" */
        size_t clock = era != NULL ? (size_t)(era - text) : plain.pos;
        bytes_put_copy(w, text, clock);
        if (is_zoned) {
            bytes_put_copy(w, "+00:00", 6);
        }
        bytes_put_copy(w, text + clock, plain.pos - clock);
    }
    bytes_put_u8(w, '"');
}

static enum vec_fault vec_json_write_value(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    switch ((enum vec_kind)r->args[0].type.kind) {
    case VEC_BOOLEAN: {
        bool is_true = VEC_ARG(r, 0, uint8_t, row) != 0;
        bytes_put_copy(w, is_true ? "true" : "false", is_true ? 4 : 5);
        break;
    }
    case VEC_INTEGER: vec_int8_write(w, VEC_ARG(r, 0, int32_t, row)); break;
    case VEC_BIGINT: vec_int8_write(w, VEC_ARG(r, 0, int64_t, row)); break;
    case VEC_DOUBLE: vec_json_write_double(w, VEC_ARG(r, 0, double, row)); break;
    case VEC_NUMERIC: vec_numeric_write(w, &VEC_ARG(r, 0, struct vec_numeric, row)); break;
    case VEC_TEXT: vec_jsonb_write_string(w, VEC_TEXT_ARG(r, 0, row)); break;
    case VEC_DATE:
        bytes_put_u8(w, '"');
        vec_date_write(w, VEC_ARG(r, 0, int32_t, row));
        bytes_put_u8(w, '"');
        break;
    case VEC_TIMESTAMP: vec_json_write_timestamp(w, VEC_ARG(r, 0, int64_t, row), false); break;
    case VEC_TIMESTAMPTZ: vec_json_write_timestamp(w, VEC_ARG(r, 0, int64_t, row), true); break;
    case VEC_INTERVAL:
        bytes_put_u8(w, '"');
        vec_interval_write(w, &VEC_ARG(r, 0, struct vec_interval, row));
        bytes_put_u8(w, '"');
        break;
    case VEC_JSONB:
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_to_jsonb_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_json_make(r, row, w, vec_json_write_value);
}

static ALWAYS_INLINE enum vec_fault vec_json_same_row(struct vec_rows *r, uint32_t row,
                                                      struct vec_bytes *out)
{
    *out = VEC_ARG(r, 0, struct vec_bytes, row);
    return VEC_FAULT_NONE;
}

/* Argument `n` as JSON; null is JSON's. */
static void vec_json_write_arg(struct vec_rows *r, uint32_t n, uint32_t row, struct bytes_writer *w)
{
    if (vec_view_is_valid(&r->views[n], row)) {
        vec_jsonb_write(w, VEC_JSONB_ARG(r, n, row), false);
    } else {
        bytes_put_copy(w, "null", 4);
    }
}

static enum vec_fault vec_json_write_array(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    bytes_put_u8(w, '[');
    for (uint32_t i = 0; i < r->call->args_count; i++) {
        if (i > 0) {
            bytes_put_u8(w, ',');
        }
        vec_json_write_arg(r, i, row, w);
    }
    bytes_put_u8(w, ']');
    return VEC_FAULT_NONE;
}

/* Key, value, key, value: a key is a scalar, whose text counts. */
static enum vec_fault vec_json_write_object(struct vec_rows *r, uint32_t row,
                                            struct bytes_writer *w)
{
    if (r->call->args_count % 2 != 0) {
        return VEC_FAULT_JSON_BUILD_ODD;
    }
    bytes_put_u8(w, '{');
    for (uint32_t i = 0; i < r->call->args_count; i += 2) {
        bool is_valid = vec_view_is_valid(&r->views[i], row);
        struct vec_jsonb key = {0};
        if (is_valid) {
            key = VEC_JSONB_ARG(r, i, row);
        }
        if (!is_valid || vec_jsonb_kind(key) == VEC_JSONB_NULL) {
            vec_rows_name(r, "%u", (unsigned)i + 1);
            return VEC_FAULT_JSON_KEY_NULL;
        }
        if (i > 0) {
            bytes_put_u8(w, ',');
        }
        switch (vec_jsonb_kind(key)) {
        case VEC_JSONB_STRING: vec_jsonb_write(w, key, false); break;
        case VEC_JSONB_NUMBER:
        case VEC_JSONB_TRUE:
        case VEC_JSONB_FALSE:
            bytes_put_u8(w, '"');
            vec_jsonb_write(w, key, false);
            bytes_put_u8(w, '"');
            break;
        case VEC_JSONB_NULL:
        case VEC_JSONB_ARRAY:
        case VEC_JSONB_OBJECT:
        default: return VEC_FAULT_JSON_KEY_KIND;
        }
        bytes_put_u8(w, ':');
        vec_json_write_arg(r, i + 1, row, w);
    }
    bytes_put_u8(w, '}');
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_build_array_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_json_make(r, row, w, vec_json_write_array);
}

static enum vec_fault vec_build_object_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_json_make(r, row, w, vec_json_write_object);
}

VEC_APPLY_TEXT(vec_to_jsonb)
VEC_APPLY(vec_json_same, struct vec_bytes)
VEC_APPLY_TEXT(vec_build_array)
VEC_APPLY_TEXT(vec_build_object)

const struct vec_function vec_functions_json[] = {
    VEC_FUNCTION_2("->", JSONB, TEXT, JSONB, vec_json_key_apply),
    VEC_FUNCTION_2("->", JSONB, INTEGER, JSONB, vec_json_index_apply),
    VEC_FUNCTION_2("->>", JSONB, TEXT, TEXT, vec_json_key_text_apply),
    VEC_FUNCTION_2("->>", JSONB, INTEGER, TEXT, vec_json_index_text_apply),
    VEC_FUNCTION_2("<@", JSONB, JSONB, BOOLEAN, vec_json_contained_apply),
    VEC_FUNCTION_2("?", JSONB, TEXT, BOOLEAN, vec_json_exists_apply),
    VEC_FUNCTION_2("@>", JSONB, JSONB, BOOLEAN, vec_json_contains_apply),
    VEC_FUNCTION_1("jsonb_array_length", JSONB, INTEGER, vec_json_array_length_apply),
    VEC_FUNCTION_0("jsonb_build_array", JSONB, vec_build_array_apply),
    VEC_FUNCTION_1("jsonb_build_array", JSONB, JSONB, vec_build_array_apply, .is_variadic = true,
                   .is_not_strict = true),
    VEC_FUNCTION_0("jsonb_build_object", JSONB, vec_build_object_apply),
    VEC_FUNCTION_1("jsonb_build_object", JSONB, JSONB, vec_build_object_apply, .is_variadic = true,
                   .is_not_strict = true),
    VEC_FUNCTION_2("jsonb_extract_path", JSONB, TEXT, JSONB, vec_json_path_apply,
                   .is_variadic = true),
    VEC_FUNCTION_2("jsonb_extract_path_text", JSONB, TEXT, TEXT, vec_json_path_text_apply,
                   .is_variadic = true),
    VEC_FUNCTION_1("jsonb_text", JSONB, TEXT, vec_json_path_text_apply), /* of the value itself */
    VEC_FUNCTION_1("jsonb_typeof", JSONB, TEXT, vec_json_typeof_apply),
    VEC_FUNCTION_1("to_jsonb", BOOLEAN, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", INTEGER, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", BIGINT, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", DOUBLE, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", NUMERIC, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", TEXT, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", DATE, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", TIMESTAMP, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", TIMESTAMPTZ, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", INTERVAL, JSONB, vec_to_jsonb_apply),
    VEC_FUNCTION_1("to_jsonb", JSONB, JSONB, vec_json_same_apply),
};
const size_t vec_functions_json_count = ARRAY_COUNT(vec_functions_json);
