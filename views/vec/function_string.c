/* Operators of TEXT: || and LIKE. See function_int.h. */
#include <string.h>

#include "base/assert.h"
#include "views/vec/function_int.h"
#include "views/vec/like.h"

/* Both arguments as text: a TEXT, and what is none as its cast to TEXT. */
static enum vec_fault vec_string_join_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    for (uint32_t i = 0; i < 2; i++) {
        enum vec_kind kind = (enum vec_kind)r->args[i].type.kind;
        r->room += kind == VEC_TEXT ? VEC_TEXT_ARG(r, i, row).length : 0;
        enum vec_fault fault = vec_rows_put_text(&r->views[i], kind, row, w);
        if (fault != VEC_FAULT_NONE) {
            return fault;
        }
    }
    return VEC_FAULT_NONE;
}

VEC_APPLY_TEXT(vec_string_join)

/* How a LIKE is asked. */
static ALWAYS_INLINE enum vec_fault vec_string_like(struct vec_rows *r, uint32_t row,
                                                    uint32_t escape, bool ignores_case, bool is_not,
                                                    uint8_t *out)
{
    bool is_match = false;
    enum vec_fault fault = vec_like(VEC_TEXT_ARG(r, 0, row), VEC_TEXT_ARG(r, 1, row), escape,
                                    ignores_case, &r->ev->steps_left, &is_match);
    *out = is_match != is_not;
    return fault;
}

/* What LIKE comes down to for most patterns: is it, does it begin or end with, has it a text in it.
 */
enum vec_string_shape {
    VEC_STRING_ANY, /* none of these */
    VEC_STRING_WHOLE,
    VEC_STRING_BEGIN,
    VEC_STRING_END,
    VEC_STRING_PART,
};

/* The shape of a pattern, and *literal that text: of ASCII, so that a byte is a character. */
static enum vec_string_shape vec_string_shape(struct vec_text pattern, struct vec_text *literal)
{
    size_t begin = 0;
    size_t end = pattern.length;
    while (begin < end && pattern.data[begin] == '%') {
        begin++;
    }
    while (end > begin && pattern.data[end - 1] == '%') {
        end--;
    }
    for (size_t i = begin; i < end; i++) {
        char c = pattern.data[i];
        if (c == '%' || c == '_' || c == VEC_LIKE_ESCAPE || (unsigned char)c >= 0x80) {
            return VEC_STRING_ANY;
        }
    }
    *literal = vec_text(pattern.data + begin, end - begin);
    bool is_open = end < pattern.length; /* at its end */
    if (begin > 0) {
        return is_open || begin == pattern.length ? VEC_STRING_PART : VEC_STRING_END;
    }
    return is_open ? VEC_STRING_BEGIN : VEC_STRING_WHOLE;
}

static ALWAYS_INLINE bool vec_string_has_shape(enum vec_string_shape shape, struct vec_text a,
                                               struct vec_text literal)
{
    if (a.length < literal.length || (shape == VEC_STRING_WHOLE && a.length > literal.length)) {
        return false;
    }
    if (literal.length == 0) {
        return true;
    }
    if (shape == VEC_STRING_PART) {
        return memmem(a.data, a.length, literal.data, literal.length) != NULL;
    }
    size_t skip = shape == VEC_STRING_END ? a.length - literal.length : 0;
    return memcmp(a.data + skip, literal.data, literal.length) == 0;
}

/* LIKE with one pattern for all rows, if it has a shape. */
static bool vec_string_like_shaped(const struct vec_vector *args, struct vec_selection selection,
                                   bool is_not, uint8_t *truth)
{
    struct vec_text literal;
    enum vec_string_shape shape =
        vec_string_shape(vec_text_of(*(const struct vec_bytes *)args[1].data), &literal);
    if (shape == VEC_STRING_ANY) {
        return false;
    }
    struct vec_view view = vec_view(&args[0]);
    for (VEC_ROWS_EACH(selection, i, row)) {
        struct vec_text a = vec_text_of(VEC_AT(&view, struct vec_bytes, row));
        truth[row] = vec_string_has_shape(shape, a, literal) != is_not;
    }
    return true;
}

#define VEC_STRING_LIKE(name, ignores_case, is_not)                                                \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, uint8_t *out) \
    {                                                                                              \
        return vec_string_like(r, row, VEC_LIKE_ESCAPE, ignores_case, is_not, out);                \
    }                                                                                              \
    VEC_APPLY(name, uint8_t)

/* The same, shaped where that can be. */
#define VEC_STRING_LIKE_CASED(name, is_not)                                                        \
    VEC_STRING_LIKE(name##_any, false, is_not)                                                     \
    static bool name##_apply(struct vec_eval *ev, const struct vec_expr *call,                     \
                             const struct vec_vector *args, struct vec_selection selection,        \
                             struct vec_vector *out)                                               \
    {                                                                                              \
        if (args[1].form != VEC_CONSTANT) {                                                        \
            return name##_any_apply(ev, call, args, selection, out);                               \
        }                                                                                          \
        uint8_t *truth = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);        \
        if (truth == NULL) {                                                                       \
            return vec_fail(ev, call, VEC_FAULT_MEMORY, NULL, NULL, 0);                            \
        }                                                                                          \
        return vec_string_like_shaped(args, selection, is_not, truth) ||                           \
               name##_any_apply(ev, call, args, selection, out);                                   \
    }

/* With ESCAPE as a third argument. */
#define VEC_STRING_LIKE_ESCAPE(name, ignores_case)                                                 \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, uint8_t *out) \
    {                                                                                              \
        uint32_t escape;                                                                           \
        enum vec_fault fault = vec_like_escape(VEC_TEXT_ARG(r, 2, row), &escape);                  \
        return fault != VEC_FAULT_NONE                                                             \
                   ? fault                                                                         \
                   : vec_string_like(r, row, escape, ignores_case, false, out);                    \
    }                                                                                              \
    VEC_APPLY(name, uint8_t)

VEC_STRING_LIKE_CASED(vec_string_like_plain, false)
VEC_STRING_LIKE_CASED(vec_string_not_like, true)
VEC_STRING_LIKE(vec_string_ilike, true, false)
VEC_STRING_LIKE(vec_string_not_ilike, true, true)
VEC_STRING_LIKE_ESCAPE(vec_string_like_escape, false)
VEC_STRING_LIKE_ESCAPE(vec_string_ilike_escape, true)

/* TEXT || anything, and the reverse: PostgreSQL's text || anynonarray. */
#define VEC_STRING_JOIN(kind)                                                                      \
    VEC_FUNCTION_2("||", TEXT, kind, TEXT, vec_string_join_apply),                                 \
        VEC_FUNCTION_2("||", kind, TEXT, TEXT, vec_string_join_apply)

const struct vec_function vec_functions_string[] = {
    VEC_FUNCTION_2("!~~", TEXT, TEXT, BOOLEAN, vec_string_not_like_apply),
    VEC_FUNCTION_2("!~~*", TEXT, TEXT, BOOLEAN, vec_string_not_ilike_apply),
    VEC_FUNCTION_3("ilike", TEXT, TEXT, TEXT, BOOLEAN, vec_string_ilike_escape_apply),
    VEC_FUNCTION_3("like", TEXT, TEXT, TEXT, BOOLEAN, vec_string_like_escape_apply),
    VEC_FUNCTION_2("||", TEXT, TEXT, TEXT, vec_string_join_apply),
    VEC_STRING_JOIN(BOOLEAN),
    VEC_STRING_JOIN(INTEGER),
    VEC_STRING_JOIN(BIGINT),
    VEC_STRING_JOIN(DOUBLE),
    VEC_STRING_JOIN(NUMERIC),
    VEC_STRING_JOIN(DATE),
    VEC_STRING_JOIN(TIMESTAMP),
    VEC_STRING_JOIN(TIMESTAMPTZ),
    VEC_STRING_JOIN(INTERVAL),
    VEC_STRING_JOIN(JSONB),
    VEC_FUNCTION_2("||", JSONB, JSONB, JSONB, vec_document_join_apply),
    VEC_FUNCTION_2("~~", TEXT, TEXT, BOOLEAN, vec_string_like_plain_apply),
    VEC_FUNCTION_2("~~*", TEXT, TEXT, BOOLEAN, vec_string_ilike_apply),
};
const size_t vec_functions_string_count = ARRAY_COUNT(vec_functions_string);
