/* Casts between types, as pg_cast of PostgreSQL 15 has them, and those by way of text that it has
 * for all types: to TEXT where a column takes it, from TEXT where it is written. See
 * function_int.h. */
#include "base/assert.h"
#include "views/vec/boolean.h"
#include "views/vec/calendar.h"
#include "views/vec/function_int.h"
#include "views/vec/integer.h"
#include "views/vec/interval.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

#define VEC_CAST_ROW(name, c_type)                                                                 \
    static ALWAYS_INLINE enum vec_fault name##_row(struct vec_rows *r, uint32_t row, c_type *out)

/* --- Between numbers ----------------------------------------------------------------------- */

VEC_CAST_ROW(vec_cast_boolean_int4, int32_t)
{
    *out = VEC_ARG(r, 0, uint8_t, row);
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int4_boolean, uint8_t)
{
    *out = VEC_ARG(r, 0, int32_t, row) != 0;
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int4_int8, int64_t)
{
    *out = VEC_ARG(r, 0, int32_t, row);
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int4_double, double)
{
    *out = VEC_ARG(r, 0, int32_t, row);
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int4_numeric, struct vec_numeric)
{
    *out = vec_numeric_from_int8(VEC_ARG(r, 0, int32_t, row));
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int8_int4, int32_t)
{
    return vec_int8_to_int4(VEC_ARG(r, 0, int64_t, row), out);
}

VEC_CAST_ROW(vec_cast_int8_double, double)
{
    *out = (double)VEC_ARG(r, 0, int64_t, row);
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_int8_numeric, struct vec_numeric)
{
    *out = vec_numeric_from_int8(VEC_ARG(r, 0, int64_t, row));
    return VEC_FAULT_NONE;
}

VEC_CAST_ROW(vec_cast_double_int4, int32_t)
{
    return vec_real_to_int4(VEC_ARG(r, 0, double, row), out);
}

VEC_CAST_ROW(vec_cast_double_int8, int64_t)
{
    return vec_real_to_int8(VEC_ARG(r, 0, double, row), out);
}

VEC_CAST_ROW(vec_cast_double_numeric, struct vec_numeric)
{
    return vec_numeric_from_double(VEC_ARG(r, 0, double, row), out);
}

VEC_CAST_ROW(vec_cast_numeric_int4, int32_t)
{
    return vec_numeric_to_int4(&VEC_ARG(r, 0, struct vec_numeric, row), out);
}

VEC_CAST_ROW(vec_cast_numeric_int8, int64_t)
{
    return vec_numeric_to_int8(&VEC_ARG(r, 0, struct vec_numeric, row), out);
}

VEC_CAST_ROW(vec_cast_numeric_double, double)
{
    *out = vec_numeric_to_double(&VEC_ARG(r, 0, struct vec_numeric, row));
    return VEC_FAULT_NONE;
}

/* NUMERIC to NUMERIC(p, s); the binder has seen to it that p and s are sane, a plan from outside
 * may not have. */
VEC_CAST_ROW(vec_numeric_declare, struct vec_numeric)
{
    int32_t precision = VEC_ARG(r, 1, int32_t, row);
    int32_t scale = VEC_ARG(r, 2, int32_t, row);
    if (precision < 1 || precision > VEC_NUMERIC_DIGITS_MAX || scale < 0 || scale > precision) {
        return VEC_FAULT_NUMERIC_FIELD;
    }
    return vec_numeric_declare(&VEC_ARG(r, 0, struct vec_numeric, row), (unsigned)precision,
                               (unsigned)scale, out);
}

VEC_APPLY(vec_cast_boolean_int4, int32_t)
VEC_APPLY(vec_cast_int4_boolean, uint8_t)
VEC_APPLY(vec_cast_int4_int8, int64_t)
VEC_APPLY(vec_cast_int4_double, double)
VEC_APPLY(vec_cast_int4_numeric, struct vec_numeric)
VEC_APPLY(vec_cast_int8_int4, int32_t)
VEC_APPLY(vec_cast_int8_double, double)
VEC_APPLY(vec_cast_int8_numeric, struct vec_numeric)
VEC_APPLY(vec_cast_double_int4, int32_t)
VEC_APPLY(vec_cast_double_int8, int64_t)
VEC_APPLY(vec_cast_double_numeric, struct vec_numeric)
VEC_APPLY(vec_cast_numeric_int4, int32_t)
VEC_APPLY(vec_cast_numeric_int8, int64_t)
VEC_APPLY(vec_cast_numeric_double, double)
VEC_APPLY(vec_numeric_declare, struct vec_numeric)

/* --- Between dates and moments ------------------------------------------------------------- */

VEC_CAST_ROW(vec_cast_date_timestamp, int64_t)
{
    return vec_date_to_timestamp(VEC_ARG(r, 0, int32_t, row), out);
}

VEC_CAST_ROW(vec_cast_timestamp_date, int32_t)
{
    *out = vec_timestamp_to_date(VEC_ARG(r, 0, int64_t, row));
    return VEC_FAULT_NONE;
}

VEC_APPLY(vec_cast_date_timestamp, int64_t)
VEC_APPLY(vec_cast_timestamp_date, int32_t)

/* TIMESTAMP and TIMESTAMPTZ hold the same numbers: TimeZone is UTC. */
static bool vec_cast_same_apply(struct vec_eval *ev, const struct vec_expr *call,
                                const struct vec_vector *args, struct vec_selection selection,
                                struct vec_vector *out)
{
    (void)ev, (void)selection;
    *out = args[0];
    out->type = call->type;
    return true;
}

/* --- From JSONB ---------------------------------------------------------------------------- */

/* What a number that does not fit is named by. */
static void vec_cast_jsonb_names(struct vec_rows *r, uint32_t row)
{
    struct vec_text value = VEC_TEXT_ARG(r, 0, row);
    r->fault_type = vec_kind_sql((enum vec_kind)r->call->type.kind);
    r->fault_text = vec_text(value.data + 1, value.length - 1);
}

#define VEC_CAST_JSONB(noun, c_type, convert_type, convert)                                        \
    VEC_CAST_ROW(vec_cast_jsonb_##noun, c_type)                                                    \
    {                                                                                              \
        convert_type value;                                                                        \
        enum vec_fault fault = convert(VEC_JSONB_ARG(r, 0, row), &value);                          \
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {                                                   \
            vec_cast_jsonb_names(r, row);                                                          \
            return fault;                                                                          \
        }                                                                                          \
        *out = value;                                                                              \
        return VEC_FAULT_NONE;                                                                     \
    }                                                                                              \
    VEC_APPLY(vec_cast_jsonb_##noun, c_type)

VEC_CAST_JSONB(boolean, uint8_t, bool, vec_jsonb_to_boolean)
VEC_CAST_JSONB(int4, int32_t, int32_t, vec_jsonb_to_int4)
VEC_CAST_JSONB(int8, int64_t, int64_t, vec_jsonb_to_int8)
VEC_CAST_JSONB(double, double, double, vec_jsonb_to_double)
VEC_CAST_JSONB(numeric, struct vec_numeric, struct vec_numeric, vec_jsonb_to_numeric)

/* --- From TEXT ----------------------------------------------------------------------------- */

/* PostgreSQL's words for the type in messages of its input functions. */
static const char *vec_cast_text_type(enum vec_kind kind)
{
    switch ((int)kind) {
    case VEC_TIMESTAMP: return "timestamp";
    case VEC_JSONB: return "json";
    default: return vec_kind_sql(kind);
    }
}

/* A number out of the range of DOUBLE is named without the white space around it. */
static struct vec_text vec_cast_text_named(enum vec_fault fault, struct vec_text text)
{
    static const char spaces[] = " \t\n\v\f\r";
    if (fault == VEC_FAULT_DOUBLE_RANGE) {
        fault = vec_text_trim(text, vec_text(spaces, sizeof(spaces) - 1), true, true, &text);
        ASSERT(fault == VEC_FAULT_NONE); /* a small set */
    }
    return text;
}

#define VEC_CAST_TEXT(noun, c_type, convert_type, ...)                                             \
    VEC_CAST_ROW(vec_cast_text_##noun, c_type)                                                     \
    {                                                                                              \
        convert_type value;                                                                        \
        struct vec_text text = VEC_TEXT_ARG(r, 0, row);                                            \
        enum vec_fault fault = __VA_ARGS__;                                                        \
        if (UNLIKELY(fault != VEC_FAULT_NONE)) {                                                   \
            r->fault_type = vec_cast_text_type((enum vec_kind)r->call->type.kind);                 \
            r->fault_text = vec_cast_text_named(fault, text);                                      \
            return fault;                                                                          \
        }                                                                                          \
        *out = value;                                                                              \
        return VEC_FAULT_NONE;                                                                     \
    }                                                                                              \
    VEC_APPLY(vec_cast_text_##noun, c_type)

VEC_CAST_TEXT(boolean, uint8_t, bool, vec_boolean_parse(text.data, text.length, &value))
VEC_CAST_TEXT(int4, int32_t, int32_t, vec_int4_parse(text.data, text.length, &value))
VEC_CAST_TEXT(int8, int64_t, int64_t, vec_int8_parse(text.data, text.length, &value))
VEC_CAST_TEXT(double, double, double, vec_real_parse(text.data, text.length, &value))
VEC_CAST_TEXT(numeric, struct vec_numeric, struct vec_numeric,
              vec_numeric_parse(text.data, text.length, &value))
VEC_CAST_TEXT(date, int32_t, int32_t, vec_date_parse(text.data, text.length, &value))
VEC_CAST_TEXT(timestamp, int64_t, int64_t,
              vec_timestamp_parse(text.data, text.length, false, &value))
VEC_CAST_TEXT(timestamptz, int64_t, int64_t,
              vec_timestamp_parse(text.data, text.length, true, &value))
VEC_CAST_TEXT(interval, struct vec_interval, struct vec_interval,
              vec_interval_parse(text.data, text.length, &value))

static enum vec_fault vec_cast_text_jsonb_row(struct vec_rows *r, uint32_t row,
                                              struct bytes_writer *w)
{
    struct vec_text text = VEC_TEXT_ARG(r, 0, row);
    r->fault_type = vec_cast_text_type(VEC_JSONB);
    r->fault_text = text;
    r->room = text.length;
    return vec_jsonb_parse(text.data, text.length, r->ev->scratch, w);
}

VEC_APPLY_TEXT(vec_cast_text_jsonb)

/* --- To TEXT ------------------------------------------------------------------------------- */

enum vec_fault vec_rows_put_text(const struct vec_view *view, enum vec_kind kind, uint32_t row,
                                 struct bytes_writer *w)
{
    switch (kind) {
    case VEC_BOOLEAN: vec_boolean_write(w, VEC_AT(view, uint8_t, row) != 0); break;
    case VEC_INTEGER: vec_int8_write(w, VEC_AT(view, int32_t, row)); break;
    case VEC_BIGINT: vec_int8_write(w, VEC_AT(view, int64_t, row)); break;
    case VEC_DOUBLE: vec_real_write(w, VEC_AT(view, double, row)); break;
    case VEC_NUMERIC: vec_numeric_write(w, &VEC_AT(view, struct vec_numeric, row)); break;
    case VEC_TEXT: {
        struct vec_bytes text = VEC_AT(view, struct vec_bytes, row);
        bytes_put_copy(w, text.data, text.length);
        break;
    }
    case VEC_DATE: vec_date_write(w, VEC_AT(view, int32_t, row)); break;
    case VEC_TIMESTAMP: vec_timestamp_write(w, VEC_AT(view, int64_t, row), false); break;
    case VEC_TIMESTAMPTZ: vec_timestamp_write(w, VEC_AT(view, int64_t, row), true); break;
    case VEC_INTERVAL: vec_interval_write(w, &VEC_AT(view, struct vec_interval, row)); break;
    case VEC_JSONB:
        vec_jsonb_write(w, vec_jsonb_of(VEC_AT(view, struct vec_bytes, row)), true);
        break;
    case VEC_NONE:
    case VEC_KIND_COUNT:
    default: UNREACHABLE();
    }
    return VEC_FAULT_NONE;
}

static enum vec_fault vec_cast_to_text_row(struct vec_rows *r, uint32_t row, struct bytes_writer *w)
{
    return vec_rows_put_text(&r->views[0], (enum vec_kind)r->args[0].type.kind, row, w);
}

VEC_APPLY_TEXT(vec_cast_to_text)

#define VEC_CAST(from, to, fn, when) VEC_FUNCTION_1("cast", from, to, fn, .cast = VEC_CAST_##when)

const struct vec_function vec_functions_cast[] = {
    VEC_CAST(BOOLEAN, INTEGER, vec_cast_boolean_int4_apply, EXPLICIT),
    VEC_CAST(BOOLEAN, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(INTEGER, BOOLEAN, vec_cast_int4_boolean_apply, EXPLICIT),
    VEC_CAST(INTEGER, BIGINT, vec_cast_int4_int8_apply, IMPLICIT),
    VEC_CAST(INTEGER, DOUBLE, vec_cast_int4_double_apply, IMPLICIT),
    VEC_CAST(INTEGER, NUMERIC, vec_cast_int4_numeric_apply, IMPLICIT),
    VEC_CAST(INTEGER, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(BIGINT, INTEGER, vec_cast_int8_int4_apply, ASSIGNMENT),
    VEC_CAST(BIGINT, DOUBLE, vec_cast_int8_double_apply, IMPLICIT),
    VEC_CAST(BIGINT, NUMERIC, vec_cast_int8_numeric_apply, IMPLICIT),
    VEC_CAST(BIGINT, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(DOUBLE, INTEGER, vec_cast_double_int4_apply, ASSIGNMENT),
    VEC_CAST(DOUBLE, BIGINT, vec_cast_double_int8_apply, ASSIGNMENT),
    VEC_CAST(DOUBLE, NUMERIC, vec_cast_double_numeric_apply, ASSIGNMENT),
    VEC_CAST(DOUBLE, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(NUMERIC, INTEGER, vec_cast_numeric_int4_apply, ASSIGNMENT),
    VEC_CAST(NUMERIC, BIGINT, vec_cast_numeric_int8_apply, ASSIGNMENT),
    VEC_CAST(NUMERIC, DOUBLE, vec_cast_numeric_double_apply, IMPLICIT),
    VEC_CAST(NUMERIC, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(TEXT, BOOLEAN, vec_cast_text_boolean_apply, EXPLICIT),
    VEC_CAST(TEXT, INTEGER, vec_cast_text_int4_apply, EXPLICIT),
    VEC_CAST(TEXT, BIGINT, vec_cast_text_int8_apply, EXPLICIT),
    VEC_CAST(TEXT, DOUBLE, vec_cast_text_double_apply, EXPLICIT),
    VEC_CAST(TEXT, NUMERIC, vec_cast_text_numeric_apply, EXPLICIT),
    VEC_CAST(TEXT, DATE, vec_cast_text_date_apply, EXPLICIT),
    VEC_CAST(TEXT, TIMESTAMP, vec_cast_text_timestamp_apply, EXPLICIT),
    VEC_CAST(TEXT, TIMESTAMPTZ, vec_cast_text_timestamptz_apply, EXPLICIT),
    VEC_CAST(TEXT, INTERVAL, vec_cast_text_interval_apply, EXPLICIT),
    VEC_CAST(TEXT, JSONB, vec_cast_text_jsonb_apply, EXPLICIT),
    VEC_CAST(DATE, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(DATE, TIMESTAMP, vec_cast_date_timestamp_apply, IMPLICIT),
    VEC_CAST(DATE, TIMESTAMPTZ, vec_cast_date_timestamp_apply, IMPLICIT),
    VEC_CAST(TIMESTAMP, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(TIMESTAMP, DATE, vec_cast_timestamp_date_apply, ASSIGNMENT),
    VEC_CAST(TIMESTAMP, TIMESTAMPTZ, vec_cast_same_apply, IMPLICIT),
    VEC_CAST(TIMESTAMPTZ, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(TIMESTAMPTZ, DATE, vec_cast_timestamp_date_apply, ASSIGNMENT),
    VEC_CAST(TIMESTAMPTZ, TIMESTAMP, vec_cast_same_apply, ASSIGNMENT),
    VEC_CAST(INTERVAL, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_CAST(JSONB, BOOLEAN, vec_cast_jsonb_boolean_apply, EXPLICIT),
    VEC_CAST(JSONB, INTEGER, vec_cast_jsonb_int4_apply, EXPLICIT),
    VEC_CAST(JSONB, BIGINT, vec_cast_jsonb_int8_apply, EXPLICIT),
    VEC_CAST(JSONB, DOUBLE, vec_cast_jsonb_double_apply, EXPLICIT),
    VEC_CAST(JSONB, NUMERIC, vec_cast_jsonb_numeric_apply, EXPLICIT),
    VEC_CAST(JSONB, TEXT, vec_cast_to_text_apply, ASSIGNMENT),
    VEC_FUNCTION_3("numeric_declare", NUMERIC, INTEGER, INTEGER, NUMERIC,
                   vec_numeric_declare_apply),
};
const size_t vec_functions_cast_count = ARRAY_COUNT(vec_functions_cast);
