/* The tables of functions, and what their files share.
 *
 * How a function is added: each file function_<noun>.c ends with its table,
 *
 *     const struct vec_function vec_functions_text[] = {...};
 *     const size_t vec_functions_text_count = ARRAY_COUNT(vec_functions_text);
 *
 * whose rows stand sorted by name (strcmp), and a line in VEC_FUNCTION_FILES below. A name lives in
 * one table only, since its rows must stand one after the other: where several files compute rows
 * of one name ("-" of numbers and of dates), their vec_function_fn are declared here and the table
 * that has the name lists them. A test walks the table for order and doubles.
 *
 * What computes a row is made from a function of one row by a macro:
 *
 *     static ALWAYS_INLINE enum vec_fault vec_text_length_row(struct vec_rows *r, uint32_t row,
 *                                                            int32_t *out)
 *     {
 *         *out = vec_text_length(VEC_TEXT_ARG(r, 0, row));
 *         return VEC_FAULT_NONE;
 *     }
 *     VEC_APPLY(vec_text_length, int32_t)          makes vec_text_length_apply
 *
 * It reads arguments with VEC_ARG, answers null with vec_rows_null, and names type and text of its
 * fault in r->fault_type and r->fault_text. One that makes a text writes it to a bytes_writer
 * instead (VEC_APPLY_TEXT) and is called again with more room where that was too small. Bytes that
 * are a piece of an argument need no copy: VEC_APPLY with struct vec_bytes. Loops that must be fast
 * are written out (function_arithmetic.c). */
#ifndef VIEWS_VEC_FUNCTION_INT_H
#define VIEWS_VEC_FUNCTION_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "views/vec/function.h"
#include "views/vec/jsonb.h"
#include "views/vec/text.h"

/* The files with a table, by their noun. */
#define VEC_FUNCTION_FILES(X)                                                                      \
    X(arithmetic)                                                                                  \
    X(cast)                                                                                        \
    X(compare)                                                                                     \
    X(document)                                                                                    \
    X(json)                                                                                        \
    X(math)                                                                                        \
    X(string)                                                                                      \
    X(text)                                                                                        \
    X(time)

#define VEC_FUNCTION_FILE(noun)                                                                    \
    extern const struct vec_function vec_functions_##noun[];                                       \
    extern const size_t vec_functions_##noun##_count;
VEC_FUNCTION_FILES(VEC_FUNCTION_FILE)
#undef VEC_FUNCTION_FILE

/* A row of a table: VEC_FUNCTION_2("||", TEXT, TEXT, TEXT, vec_text_join_apply), the last kind
 * being the result's; what is more of it goes behind: `, .is_variadic = true`. */
#define VEC_FUNCTION_0(text, out, fn, ...)                                                         \
    {                                                                                              \
        .name = (text), .result = VEC_##out, .version = 1, .apply = (fn), ##__VA_ARGS__            \
    }
#define VEC_FUNCTION_1(text, a, out, fn, ...)                                                      \
    VEC_FUNCTION_0(text, out, fn, .args = {VEC_##a}, .args_count = 1, ##__VA_ARGS__)
#define VEC_FUNCTION_2(text, a, b, out, fn, ...)                                                   \
    VEC_FUNCTION_0(text, out, fn, .args = {VEC_##a, VEC_##b}, .args_count = 2, ##__VA_ARGS__)
#define VEC_FUNCTION_3(text, a, b, c, out, fn, ...)                                                \
    VEC_FUNCTION_0(text, out, fn, .args = {VEC_##a, VEC_##b, VEC_##c}, .args_count = 3,            \
                   ##__VA_ARGS__)
#define VEC_FUNCTION_4(text, a, b, c, d, out, fn, ...)                                             \
    VEC_FUNCTION_0(text, out, fn, .args = {VEC_##a, VEC_##b, VEC_##c, VEC_##d}, .args_count = 4,   \
                   ##__VA_ARGS__)

/* A call at work. */
struct vec_rows {
    struct vec_eval *ev;            /* whose scratch results stand in */
    const struct vec_expr *call;    /* what a fault points to */
    const struct vec_vector *args;  /* call->args_count of them */
    struct vec_view *views;         /* of them */
    struct vec_selection selection; /* the rows asked for */
    uint64_t *valid;                /* of the result; NULL: no row is null yet */
    size_t room;                    /* bytes that what is written now takes at least, where it is
                                       known: a block that is too small is tried once then */
    const char *fault_type;         /* what a fault's message names (%t); static storage */
    struct vec_text fault_text;     /* likewise (%v) */
};

/* One more than the last row of a selection. */
static inline uint32_t vec_rows_count(struct vec_selection selection)
{
    return selection.count == 0 ? 0 : vec_row(selection, selection.count - 1) + 1;
}

/* How many rows, from 0 on, a loop had better compute instead of those of `selection`: where these
 * are many among them, reading and writing all in a row is faster, whatever stands in the others.
 * 0: they are few. */
static inline uint32_t vec_rows_dense(struct vec_selection selection)
{
    uint32_t count = vec_rows_count(selection);
    return selection.rows == NULL || selection.count >= count / 4 ? count : 0;
}

/* The bytes of a TEXT. */
static ALWAYS_INLINE struct vec_text vec_text_of(struct vec_bytes bytes)
{
    return vec_text(bytes.data, bytes.length);
}

/* The value of a JSONB. */
static ALWAYS_INLINE struct vec_jsonb vec_jsonb_of(struct vec_bytes bytes)
{
    return (struct vec_jsonb){.data = (const uint8_t *)bytes.data, .length = bytes.length};
}

/* What a column holds of a text. */
static ALWAYS_INLINE struct vec_bytes vec_bytes_of(struct vec_text text)
{
    return (struct vec_bytes){.data = text.data, .length = (uint32_t)text.length};
}

/* The pattern of a double: whole numbers are what the compiler gathers in vectors. */
static ALWAYS_INLINE uint64_t vec_bits(double a)
{
    uint64_t bits;
    memcpy(&bits, &a, sizeof(bits));
    return bits;
}

/* The highest bit: whether it is infinite or NaN, its exponent being all ones. */
static ALWAYS_INLINE uint64_t vec_bits_infinite(double a)
{
    return (vec_bits(a) & UINT64_C(0x7ff0000000000000)) + UINT64_C(0x0010000000000000);
}

/* The highest bit: whether it is other than zero. */
static ALWAYS_INLINE uint64_t vec_bits_nonzero(double a)
{
    uint64_t size = vec_bits(a) << 1;
    return size | (0 - size);
}

/* Argument `n` in row `row`, of that type in C; as a text; as a JSONB. */
#define VEC_ARG(r, n, type, row) VEC_AT(&(r)->views[n], type, row)
#define VEC_TEXT_ARG(r, n, row)  vec_text_of(VEC_ARG(r, n, struct vec_bytes, row))
#define VEC_JSONB_ARG(r, n, row) vec_jsonb_of(VEC_ARG(r, n, struct vec_bytes, row))

/* Begin: fills *r. False: no memory. */
MUST_USE bool vec_rows_begin(struct vec_rows *r, struct vec_eval *ev, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection);

/* Row `row` of the result is null; whatever its data is then is not looked at. Returns
 * VEC_FAULT_NONE, or MEMORY. */
MUST_USE enum vec_fault vec_rows_null(struct vec_rows *r, uint32_t row);

/* r->fault_text = that text (cut at 63 bytes), in scratch. */
void vec_rows_name(struct vec_rows *r, const char *format, ...) PRINTF(2, 3);

/* Fail with what *r names. Returns false. */
bool vec_rows_fail(struct vec_rows *r, enum vec_fault fault);

/* Write row `row`'s text to `w`. */
typedef enum vec_fault vec_rows_text_fn(struct vec_rows *r, uint32_t row, struct bytes_writer *w);

/* *out = what `put` writes for row `row`, in the block of scratch that *w has room of, or in a
 * new one; at first *w has none. */
MUST_USE enum vec_fault vec_rows_write_one(struct vec_rows *r, uint32_t row, struct bytes_writer *w,
                                           vec_rows_text_fn *put, struct vec_bytes *out);

/* *out = a TEXT or a JSONB for each row, as `put` writes it; what it writes is kept in scratch.
 * VEC_APPLY_TEXT is this. */
MUST_USE bool vec_rows_write(struct vec_eval *ev, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection,
                             struct vec_vector *out, vec_rows_text_fn *put);

/* Write to `w` the JSONB of what `put` writes as JSON text. */
enum vec_fault vec_json_make(struct vec_rows *r, uint32_t row, struct bytes_writer *w,
                             vec_rows_text_fn *put);

/* jsonb || jsonb, whose row stands among those of that name. */
bool vec_document_join_apply(struct vec_eval *ev, const struct vec_expr *call,
                             const struct vec_vector *args, struct vec_selection selection,
                             struct vec_vector *out);

/* Write row `row` as the cast to TEXT does. */
enum vec_fault vec_rows_put_text(const struct vec_view *view, enum vec_kind kind, uint32_t row,
                                 struct bytes_writer *w);

/* Make <name>_apply of <name>_row, which gives one `c_type`. */
#define VEC_APPLY(name, c_type)                                                                    \
    static bool name##_apply(struct vec_eval *ev, const struct vec_expr *call,                     \
                             const struct vec_vector *args, struct vec_selection selection,        \
                             struct vec_vector *out)                                               \
    {                                                                                              \
        struct vec_rows r;                                                                         \
        if (!vec_rows_begin(&r, ev, call, args, selection)) {                                      \
            return false;                                                                          \
        }                                                                                          \
        c_type *data = vec_flat(ev->scratch, call->type, vec_rows_count(selection), out);          \
        if (data == NULL) {                                                                        \
            return vec_rows_fail(&r, VEC_FAULT_MEMORY);                                            \
        }                                                                                          \
        for (VEC_ROWS_EACH(selection, i, row)) {                                                   \
            enum vec_fault fault = name##_row(&r, row, &data[row]);                                \
            if (UNLIKELY(fault != VEC_FAULT_NONE)) {                                               \
                return vec_rows_fail(&r, fault);                                                   \
            }                                                                                      \
        }                                                                                          \
        out->valid = r.valid;                                                                      \
        return true;                                                                               \
    }

/* The same of one that writes a text, or a JSONB. */
#define VEC_APPLY_TEXT(name)                                                                       \
    static bool name##_apply(struct vec_eval *ev, const struct vec_expr *call,                     \
                             const struct vec_vector *args, struct vec_selection selection,        \
                             struct vec_vector *out)                                               \
    {                                                                                              \
        return vec_rows_write(ev, call, args, selection, out, name##_row);                         \
    }

#endif
