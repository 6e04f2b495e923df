/* Functions that make a JSONB, or a text, of whole ones: put together, without nulls, laid out. See
 * function_int.h. What becomes a JSONB is written as JSON text and read. */
#include "views/vec/function_int.h"

/* Spaces before a line of jsonb_pretty, for each array or object around it. */
#define VEC_DOCUMENT_INDENT 4u

/* The elements of an array or the members of an object, without what stands around them. */
static void vec_document_items(struct bytes_writer *w, struct vec_jsonb value, bool has_more)
{
    bool is_object = vec_jsonb_kind(value) == VEC_JSONB_OBJECT;
    uint32_t count = vec_jsonb_count(value);
    for (uint32_t i = 0; i < count && w->err == ERR_OK; i++) {
        if (i > 0 || has_more) {
            bytes_put_u8(w, ',');
        }
        if (is_object) {
            vec_jsonb_write_string(w, vec_jsonb_key(value, i));
            bytes_put_u8(w, ':');
        }
        vec_jsonb_write(w, is_object ? vec_jsonb_value(value, i) : vec_jsonb_element(value, i),
                        false);
    }
}

/* Objects become one, in which the second's members count; all else two arrays, of which what is
 * none is the one element. */
static enum vec_fault vec_document_write_join(struct vec_rows *r, uint32_t row,
                                              struct bytes_writer *w)
{
    struct vec_jsonb sides[2] = {VEC_JSONB_ARG(r, 0, row), VEC_JSONB_ARG(r, 1, row)};
    bool is_object = vec_jsonb_kind(sides[0]) == VEC_JSONB_OBJECT &&
                     vec_jsonb_kind(sides[1]) == VEC_JSONB_OBJECT;
    bool has_some = false;
    bytes_put_u8(w, is_object ? '{' : '[');
    for (int i = 0; i < 2; i++) {
        bool is_array = vec_jsonb_kind(sides[i]) == VEC_JSONB_ARRAY;
        if (is_object || is_array) {
            vec_document_items(w, sides[i], has_some);
            has_some = has_some || vec_jsonb_count(sides[i]) > 0;
            continue;
        }
        if (has_some) {
            bytes_put_u8(w, ',');
        }
        vec_jsonb_write(w, sides[i], false);
        has_some = true;
    }
    bytes_put_u8(w, is_object ? '}' : ']');
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_document_join_row(struct vec_rows *r, uint32_t row,
                                            struct bytes_writer *w)
{
    return vec_json_make(r, row, w, vec_document_write_join);
}

bool vec_document_join_apply(struct vec_eval *ev, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection,
                             struct vec_vector *out)
{
    return vec_rows_write(ev, call, args, selection, out, vec_document_join_row);
}

/* Without members that are null, at any depth; elements stay. */
static void vec_document_strip(struct bytes_writer *w, struct vec_jsonb value)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    bool is_object = kind == VEC_JSONB_OBJECT;
    bool has_some = false;
    if (!is_object && kind != VEC_JSONB_ARRAY) {
        vec_jsonb_write(w, value, false);
        return;
    }
    uint32_t count = vec_jsonb_count(value);
    bytes_put_u8(w, is_object ? '{' : '[');
    for (uint32_t i = 0; i < count && w->err == ERR_OK; i++) {
        struct vec_jsonb item = is_object ? vec_jsonb_value(value, i) : vec_jsonb_element(value, i);
        if (is_object && vec_jsonb_kind(item) == VEC_JSONB_NULL) {
            continue;
        }
        if (has_some) {
            bytes_put_u8(w, ',');
        }
        has_some = true;
        if (is_object) {
            vec_jsonb_write_string(w, vec_jsonb_key(value, i));
            bytes_put_u8(w, ':');
        }
        vec_document_strip(w, item);
    }
    bytes_put_u8(w, is_object ? '}' : ']');
}

static enum vec_fault vec_document_write_strip(struct vec_rows *r, uint32_t row,
                                               struct bytes_writer *w)
{
    vec_document_strip(w, VEC_JSONB_ARG(r, 0, row));
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_document_strip_row(struct vec_rows *r, uint32_t row,
                                             struct bytes_writer *w)
{
    return vec_json_make(r, row, w, vec_document_write_strip);
}

static void vec_document_line(struct bytes_writer *w, uint32_t depth)
{
    bytes_put_u8(w, '\n');
    for (uint32_t i = 0; i < VEC_DOCUMENT_INDENT * depth; i++) {
        bytes_put_u8(w, ' ');
    }
}

/* A line for each element and member. */
static void vec_document_pretty(struct bytes_writer *w, struct vec_jsonb value, uint32_t depth)
{
    enum vec_jsonb_kind kind = vec_jsonb_kind(value);
    bool is_object = kind == VEC_JSONB_OBJECT;
    if (!is_object && kind != VEC_JSONB_ARRAY) {
        vec_jsonb_write(w, value, true);
        return;
    }
    uint32_t count = vec_jsonb_count(value);
    bytes_put_u8(w, is_object ? '{' : '[');
    for (uint32_t i = 0; i < count && w->err == ERR_OK; i++) {
        if (i > 0) {
            bytes_put_u8(w, ',');
        }
        vec_document_line(w, depth + 1);
        if (is_object) {
            vec_jsonb_write_string(w, vec_jsonb_key(value, i));
            bytes_put_copy(w, ": ", 2);
        }
        vec_document_pretty(w, is_object ? vec_jsonb_value(value, i) : vec_jsonb_element(value, i),
                            depth + 1);
    }
    vec_document_line(w, depth);
    bytes_put_u8(w, is_object ? '}' : ']');
}

static enum vec_fault vec_document_pretty_row(struct vec_rows *r, uint32_t row,
                                              struct bytes_writer *w)
{
    vec_document_pretty(w, VEC_JSONB_ARG(r, 0, row), 0);
    return VEC_FAULT_NONE;
}

VEC_APPLY_TEXT(vec_document_strip)
VEC_APPLY_TEXT(vec_document_pretty)

const struct vec_function vec_functions_document[] = {
    VEC_FUNCTION_1("jsonb_pretty", JSONB, TEXT, vec_document_pretty_apply),
    VEC_FUNCTION_1("jsonb_strip_nulls", JSONB, JSONB, vec_document_strip_apply),
};
const size_t vec_functions_document_count = ARRAY_COUNT(vec_functions_document);
