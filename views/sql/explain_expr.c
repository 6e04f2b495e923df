/* Expressions as SQL would have them: everything that was derived is written out, and parentheses
 * stand around whatever is made of parts. */
#include <string.h>

#include "base/assert.h"
#include "views/plan/value.h"
#include "views/sql/explain.h"
#include "views/sql/explain_int.h"
#include "views/sql/keyword.h"
#include "views/vec/function.h"
#include "views/vec/integer.h"

/* Of a long text constant so many bytes are shown. */
#define EXPLAIN_TEXT_BYTES_MAX 128u

/* An expression being written. */
struct explain {
    struct bytes_writer *w;
    const struct plan_output *inputs;
    uint32_t inputs_count;
};

static void explain_expr(struct explain *x, const struct vec_expr *expr, bool is_inner);
static void explain_constant(struct explain *x, const struct vec_expr *expr);
static void explain_string(struct explain *x, const struct vec_expr *expr);
static void explain_call(struct explain *x, const struct vec_expr *expr, bool is_inner);
static void explain_form(struct explain *x, const struct vec_expr *expr, bool is_inner);
static void explain_case(struct explain *x, const struct vec_expr *expr);
static void explain_args(struct explain *x, const char *name, const struct vec_expr *expr,
                         uint32_t first);
static bool explain_is_declare(const struct vec_expr *expr);

void sql_explain_expr(struct bytes_writer *w, const struct vec_expr *expr,
                      const struct plan_output *inputs, uint32_t inputs_count)
{
    struct explain x = {w, inputs, inputs_count};
    explain_expr(&x, expr, false);
}

/* `is_inner`: part of another one. */
static void explain_expr(struct explain *x, const struct vec_expr *expr, bool is_inner)
{
    if (expr->kind == VEC_EXPR_CONSTANT) {
        explain_constant(x, expr);
    } else if (expr->kind == VEC_EXPR_COLUMN) {
        if (expr->u.number < x->inputs_count) {
            explain_name(x->w, x->inputs[expr->u.number].name);
        } else {
            explain_put(x->w, "#");
            vec_int8_write(x->w, expr->u.number);
        }
    } else if (expr->kind == VEC_EXPR_PARAM) {
        explain_put(x->w, "$");
        vec_int8_write(x->w, (int64_t)expr->u.number + 1);
    } else if (expr->kind == VEC_EXPR_CALL) {
        explain_call(x, expr, is_inner);
    } else {
        explain_form(x, expr, is_inner);
    }
}

/* A number as it is, anything else as a string of its type. */
static void explain_constant(struct explain *x, const struct vec_expr *expr)
{
    enum vec_kind kind = (enum vec_kind)expr->type.kind;
    if (expr->u.value.is_null) {
        explain_put(x->w, "NULL");
        return;
    }
    switch (kind) {
    case VEC_BOOLEAN:
    case VEC_INTEGER:
    case VEC_BIGINT:
    case VEC_NUMERIC: plan_value_write(x->w, kind, &expr->u.value); return;
    case VEC_TEXT: explain_string(x, expr); return;
    case VEC_DOUBLE:
    case VEC_DATE:
    case VEC_TIMESTAMP:
    case VEC_TIMESTAMPTZ:
    case VEC_INTERVAL:
    case VEC_JSONB:
        explain_string(x, expr);
        explain_put(x->w, "::");
        explain_put(x->w, vec_kind_name(kind));
        return;
    case VEC_NONE:
    case VEC_KIND_COUNT: break;
    }
    UNREACHABLE();
}

static void explain_string(struct explain *x, const struct vec_expr *expr)
{
    char text[EXPLAIN_TEXT_BYTES_MAX + 1];
    enum vec_kind kind = (enum vec_kind)expr->type.kind;
    struct bytes_writer part = bytes_writer(text, sizeof(text));
    bool is_text = kind == VEC_TEXT;
    const char *from = is_text ? expr->u.value.u.bytes.data : text;
    size_t length = expr->u.value.u.bytes.length;
    bool is_cut = is_text && length > EXPLAIN_TEXT_BYTES_MAX;
    if (!is_text) {
        plan_value_write(&part, kind, &expr->u.value);
        is_cut = part.err != ERR_OK;
        length = part.pos;
    }
    length = length < EXPLAIN_TEXT_BYTES_MAX ? length : EXPLAIN_TEXT_BYTES_MAX;
    while (is_cut && length > 0 && ((uint8_t)from[length] & 0xc0) == 0x80 && is_text) {
        length--;
    }
    explain_put(x->w, "'");
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)from[i];
        bytes_put_u8(x->w, byte < 0x20 ? ' ' : byte);
        if (byte == '\'') {
            bytes_put_u8(x->w, byte);
        }
    }
    explain_put(x->w, is_cut ? "...'" : "'");
}

static void explain_call(struct explain *x, const struct vec_expr *expr, bool is_inner)
{
    const char *name = expr->u.function->name;
    char type[VEC_TYPE_TEXT_BYTES];
    struct bytes_writer w = bytes_writer(type, sizeof(type) - 1);
    bool is_word = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    if (explain_is_declare(expr) || strcmp(name, "cast") == 0) {
        vec_type_write(&w, expr->type);
        type[w.pos] = '\0';
        explain_expr(x, expr->args[0], true);
        explain_put(x->w, "::");
        explain_put(x->w, type);
        return;
    }
    if (is_word) {
        explain_args(x, name, expr, 0);
        return;
    }
    explain_put(x->w, is_inner ? "(" : "");
    if (expr->args_count == 2) {
        explain_expr(x, expr->args[0], true);
        explain_put(x->w, " ");
    }
    explain_put(x->w, name);
    explain_put(x->w, expr->args_count == 2 || name[1] != '\0' ? " " : "");
    explain_expr(x, expr->args[expr->args_count - 1], true);
    explain_put(x->w, is_inner ? ")" : "");
}

/* tidy: dispatcher */
static void explain_form(struct explain *x, const struct vec_expr *expr, bool is_inner)
{
    const char *between = NULL;
    const char *behind = NULL;
    bool is_not = expr->is_not;
    switch ((enum vec_expr_kind)expr->kind) {
    case VEC_EXPR_AND: between = " AND "; break;
    case VEC_EXPR_OR: between = " OR "; break;
    case VEC_EXPR_DISTINCT:
        between = is_not ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ";
        break;
    case VEC_EXPR_NOT: break;
    case VEC_EXPR_IS_NULL: behind = is_not ? " IS NOT NULL" : " IS NULL"; break;
    case VEC_EXPR_IS_TRUE: behind = is_not ? " IS NOT TRUE" : " IS TRUE"; break;
    case VEC_EXPR_IS_FALSE: behind = is_not ? " IS NOT FALSE" : " IS FALSE"; break;
    case VEC_EXPR_IN: break;
    case VEC_EXPR_CASE: explain_case(x, expr); return;
    case VEC_EXPR_COALESCE: explain_args(x, "COALESCE", expr, 0); return;
    case VEC_EXPR_NULLIF: explain_args(x, "NULLIF", expr, 0); return;
    case VEC_EXPR_GREATEST: explain_args(x, "GREATEST", expr, 0); return;
    case VEC_EXPR_LEAST: explain_args(x, "LEAST", expr, 0); return;
    case VEC_EXPR_CONSTANT:
    case VEC_EXPR_COLUMN:
    case VEC_EXPR_PARAM:
    case VEC_EXPR_CALL:
    case VEC_EXPR_KIND_COUNT: UNREACHABLE();
    }
    explain_put(x->w, is_inner ? "(" : "");
    if (between != NULL) {
        for (uint32_t i = 0; i < expr->args_count; i++) {
            explain_put(x->w, i > 0 ? between : "");
            explain_expr(x, expr->args[i], true);
        }
    } else if (expr->kind == VEC_EXPR_IN) {
        explain_expr(x, expr->args[0], true);
        explain_args(x, is_not ? " NOT IN " : " IN ", expr, 1);
    } else {
        explain_put(x->w, expr->kind == VEC_EXPR_NOT ? "NOT " : "");
        explain_expr(x, expr->args[0], true);
        explain_put(x->w, behind != NULL ? behind : "");
    }
    explain_put(x->w, is_inner ? ")" : "");
}

static void explain_case(struct explain *x, const struct vec_expr *expr)
{
    explain_put(x->w, "CASE");
    for (uint32_t i = 0; i + 1 < expr->args_count; i += 2) {
        explain_put(x->w, " WHEN ");
        explain_expr(x, expr->args[i], false);
        explain_put(x->w, " THEN ");
        explain_expr(x, expr->args[i + 1], false);
    }
    explain_put(x->w, " ELSE ");
    explain_expr(x, expr->args[expr->args_count - 1], false);
    explain_put(x->w, " END");
}

static void explain_args(struct explain *x, const char *name, const struct vec_expr *expr,
                         uint32_t first)
{
    explain_put(x->w, name);
    explain_put(x->w, "(");
    for (uint32_t i = first; i < expr->args_count; i++) {
        explain_put(x->w, i > first ? ", " : "");
        explain_expr(x, expr->args[i], false);
    }
    explain_put(x->w, ")");
}

static bool explain_is_declare(const struct vec_expr *expr)
{
    return expr->type.precision != 0 && expr->args_count == 3 &&
           strcmp(expr->u.function->name, PLAN_NUMERIC_DECLARE) == 0;
}

void explain_name(struct bytes_writer *w, const char *name)
{
    bool is_plain = ((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z') || name[0] == '_';
    for (const char *c = name; is_plain && *c != '\0'; c++) {
        is_plain =
            ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || (*c >= '0' && *c <= '9') || *c == '_';
    }
    is_plain = is_plain && sql_keyword_is_column_name(sql_keyword_find(name, strlen(name)));
    explain_put(w, is_plain ? "" : "\"");
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"') {
            bytes_put_u8(w, '"');
        }
        bytes_put_u8(w, (uint8_t)*c < 0x20 ? ' ' : (uint8_t)*c);
    }
    explain_put(w, is_plain ? "" : "\"");
}
