/* Expressions, types and names as text. See print.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/sql/lex.h"
#include "views/sql/parse_int.h"
#include "views/sql/print.h"

/* Where an operand stands. */
enum sql_print_side {
    SQL_PRINT_LEFT,  /* before its operator */
    SQL_PRINT_RIGHT, /* behind it */
};

static void sql_print_put(struct bytes_writer *w, const char *text);
static void sql_print_open(struct bytes_writer *w, const struct sql_expr *expr, bool is_b);
static void sql_print_operand(struct bytes_writer *w, const struct sql_expr *expr,
                              enum sql_precedence of, enum sql_print_side side, bool is_b);
static enum sql_precedence sql_print_precedence(const struct sql_expr *expr);
static bool sql_print_is_constant_cast(const struct sql_expr *expr);
static bool sql_print_is_b(const struct sql_expr *expr);
static void sql_print_list(struct bytes_writer *w, const struct sql_exprs *list);
static void sql_print_unary(struct bytes_writer *w, const struct sql_expr *expr, bool is_b);
static void sql_print_binary(struct bytes_writer *w, const struct sql_expr *expr, bool is_b);
static void sql_print_logic(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_is(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_distinct(struct bytes_writer *w, const struct sql_expr *expr, bool is_b);
static void sql_print_between(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_in(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_like(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_cast(struct bytes_writer *w, const struct sql_expr *expr, bool is_b);
static void sql_print_case(struct bytes_writer *w, const struct sql_expr *expr);
static void sql_print_call(struct bytes_writer *w, const struct sql_call *call);
static void sql_print_value_call(struct bytes_writer *w, const struct sql_call *call);
static void sql_print_field(struct bytes_writer *w, struct sql_text field);
static void sql_print_type_name(struct bytes_writer *w, const struct sql_names *names);
static void sql_print_type_fields(struct bytes_writer *w, const struct sql_type *type);
static void sql_print_mods(struct bytes_writer *w, const struct sql_type *type);

void sql_print_expr(struct bytes_writer *w, const struct sql_expr *expr)
{
    sql_print_open(w, expr, false);
}

/* `expr` as it stands where nothing binds; `is_b`: where PostgreSQL's b_expr must. */
static void sql_print_open(struct bytes_writer *w, const struct sql_expr *expr, bool is_b)
{
    char number[16];
    ASSERT(expr->height <= SQL_DEPTH_MAX);
    switch (expr->kind) {
    case SQL_EXPR_NULL: sql_print_put(w, "NULL"); break;
    case SQL_EXPR_BOOLEAN: sql_print_put(w, expr->u.boolean ? "TRUE" : "FALSE"); break;
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_DECIMAL: bytes_put_copy(w, expr->u.text.text, expr->u.text.length); break;
    case SQL_EXPR_STRING: sql_print_string(w, expr->u.text); break;
    case SQL_EXPR_PARAM:
        snprintf(number, sizeof(number), "$%u", expr->u.param);
        sql_print_put(w, number);
        break;
    case SQL_EXPR_COLUMN: sql_print_names(w, &expr->u.column, "."); break;
    case SQL_EXPR_UNARY: sql_print_unary(w, expr, is_b); break;
    case SQL_EXPR_BINARY: sql_print_binary(w, expr, is_b); break;
    case SQL_EXPR_AND:
    case SQL_EXPR_OR: sql_print_logic(w, expr); break;
    case SQL_EXPR_NOT:
        sql_print_put(w, "NOT ");
        sql_print_operand(w, expr->u.operand, SQL_PRECEDENCE_NOT, SQL_PRINT_RIGHT, false);
        break;
    case SQL_EXPR_IS: sql_print_is(w, expr); break;
    case SQL_EXPR_DISTINCT: sql_print_distinct(w, expr, is_b); break;
    case SQL_EXPR_BETWEEN: sql_print_between(w, expr); break;
    case SQL_EXPR_IN: sql_print_in(w, expr); break;
    case SQL_EXPR_LIKE: sql_print_like(w, expr); break;
    case SQL_EXPR_AT_TIME_ZONE:
        sql_print_operand(w, expr->u.at_time_zone.operand, SQL_PRECEDENCE_AT, SQL_PRINT_LEFT,
                          false);
        sql_print_put(w, " AT TIME ZONE ");
        sql_print_operand(w, expr->u.at_time_zone.zone, SQL_PRECEDENCE_AT, SQL_PRINT_RIGHT, false);
        break;
    case SQL_EXPR_CAST: sql_print_cast(w, expr, is_b); break;
    case SQL_EXPR_CASE: sql_print_case(w, expr); break;
    case SQL_EXPR_CALL: sql_print_call(w, expr->u.call); break;
    case SQL_EXPR_KIND_COUNT: UNREACHABLE();
    }
}

/* `expr` beside an operator that binds as `of`, in parentheses if it would not stay together. */
static void sql_print_operand(struct bytes_writer *w, const struct sql_expr *expr,
                              enum sql_precedence of, enum sql_print_side side, bool is_b)
{
    enum sql_precedence own = sql_print_precedence(expr);
    bool is_prefix = expr->kind == SQL_EXPR_UNARY || expr->kind == SQL_EXPR_NOT;
    bool is_none =
        of == SQL_PRECEDENCE_IS || of == SQL_PRECEDENCE_COMPARE || of == SQL_PRECEDENCE_LIKE;
    bool is_equal_fine = is_prefix || (side == SQL_PRINT_LEFT && !is_none);
    bool stays = (is_equal_fine ? own >= of : own > of) && (!is_b || sql_print_is_b(expr));
    if (stays) {
        sql_print_open(w, expr, is_b);
        return;
    }
    sql_print_put(w, "(");
    sql_print_open(w, expr, false);
    sql_print_put(w, ")");
}

static enum sql_precedence sql_print_precedence(const struct sql_expr *expr)
{
    switch (expr->kind) {
    case SQL_EXPR_UNARY:
        return sql_op_precedence(expr->u.op.op) == SQL_PRECEDENCE_ADD ? SQL_PRECEDENCE_SIGN
                                                                      : SQL_PRECEDENCE_OTHER;
    case SQL_EXPR_BINARY: return sql_op_precedence(expr->u.op.op);
    case SQL_EXPR_AND: return SQL_PRECEDENCE_AND;
    case SQL_EXPR_OR: return SQL_PRECEDENCE_OR;
    case SQL_EXPR_NOT: return SQL_PRECEDENCE_NOT;
    case SQL_EXPR_IS:
    case SQL_EXPR_DISTINCT: return SQL_PRECEDENCE_IS;
    case SQL_EXPR_BETWEEN:
    case SQL_EXPR_IN:
    case SQL_EXPR_LIKE: return SQL_PRECEDENCE_LIKE;
    case SQL_EXPR_AT_TIME_ZONE: return SQL_PRECEDENCE_AT;
    case SQL_EXPR_CAST:
        return sql_print_is_constant_cast(expr) ? SQL_PRECEDENCE_PRIMARY : SQL_PRECEDENCE_CAST;
    case SQL_EXPR_NULL:
    case SQL_EXPR_BOOLEAN:
    case SQL_EXPR_INTEGER:
    case SQL_EXPR_DECIMAL:
    case SQL_EXPR_STRING:
    case SQL_EXPR_PARAM:
    case SQL_EXPR_COLUMN:
    case SQL_EXPR_CASE:
    case SQL_EXPR_CALL: return SQL_PRECEDENCE_PRIMARY;
    case SQL_EXPR_KIND_COUNT: break;
    }
    UNREACHABLE();
}

/* Whether a cast is written as a constant of its type: DATE '2020-02-29'. */
static bool sql_print_is_constant_cast(const struct sql_expr *expr)
{
    enum sql_type_kind kind = expr->u.cast.type->kind;
    return expr->u.cast.operand->kind == SQL_EXPR_STRING &&
           (kind == SQL_TYPE_DATE || kind == SQL_TYPE_TIME || kind == SQL_TYPE_TIMETZ ||
            kind == SQL_TYPE_TIMESTAMP || kind == SQL_TYPE_TIMESTAMPTZ ||
            kind == SQL_TYPE_INTERVAL);
}

static bool sql_print_is_b(const struct sql_expr *expr)
{
    return expr->kind == SQL_EXPR_UNARY || expr->kind == SQL_EXPR_BINARY ||
           expr->kind == SQL_EXPR_DISTINCT || expr->kind == SQL_EXPR_CAST ||
           sql_print_precedence(expr) == SQL_PRECEDENCE_PRIMARY;
}

static void sql_print_list(struct bytes_writer *w, const struct sql_exprs *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        sql_print_put(w, i > 0 ? ", " : "");
        sql_print_open(w, list->items[i], false);
    }
}

/* A sign stands at its operand unless another sign follows: two minuses are a comment. */
static void sql_print_unary(struct bytes_writer *w, const struct sql_expr *expr, bool is_b)
{
    enum sql_precedence own = sql_print_precedence(expr);
    const struct sql_expr *operand = expr->u.op.right;
    bytes_put_copy(w, expr->u.op.sign.text, expr->u.op.sign.length);
    if (own != SQL_PRECEDENCE_SIGN || operand->kind == SQL_EXPR_UNARY) {
        sql_print_put(w, " ");
    }
    sql_print_operand(w, operand, own, SQL_PRINT_RIGHT, is_b);
}

static void sql_print_binary(struct bytes_writer *w, const struct sql_expr *expr, bool is_b)
{
    enum sql_precedence own = sql_print_precedence(expr);
    bool is_known = expr->u.op.op != SQL_OP_OTHER;
    sql_print_operand(w, expr->u.op.left, own, SQL_PRINT_LEFT, is_b);
    sql_print_put(w, " ");
    sql_print_put(w, is_known ? sql_op_text(expr->u.op.op) : expr->u.op.sign.text);
    sql_print_put(w, " ");
    sql_print_operand(w, expr->u.op.right, own, SQL_PRINT_RIGHT, is_b);
}

static void sql_print_logic(struct bytes_writer *w, const struct sql_expr *expr)
{
    bool is_and = expr->kind == SQL_EXPR_AND;
    for (uint32_t i = 0; i < expr->u.list.count; i++) {
        if (i > 0) {
            sql_print_put(w, is_and ? " AND " : " OR ");
        }
        sql_print_operand(w, expr->u.list.items[i], is_and ? SQL_PRECEDENCE_AND : SQL_PRECEDENCE_OR,
                          SQL_PRINT_RIGHT, false);
    }
}

static void sql_print_is(struct bytes_writer *w, const struct sql_expr *expr)
{
    static const char *const tests[] = {
        [SQL_IS_NULL] = "NULL",
        [SQL_IS_TRUE] = "TRUE",
        [SQL_IS_FALSE] = "FALSE",
        [SQL_IS_UNKNOWN] = "UNKNOWN",
    };
    sql_print_operand(w, expr->u.is.operand, SQL_PRECEDENCE_IS, SQL_PRINT_LEFT, false);
    sql_print_put(w, expr->u.is.is_not ? " IS NOT " : " IS ");
    sql_print_put(w, tests[expr->u.is.test]);
}

static void sql_print_distinct(struct bytes_writer *w, const struct sql_expr *expr, bool is_b)
{
    sql_print_operand(w, expr->u.distinct.left, SQL_PRECEDENCE_IS, SQL_PRINT_LEFT, is_b);
    sql_print_put(w, expr->u.distinct.is_not ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
    sql_print_operand(w, expr->u.distinct.right, SQL_PRECEDENCE_IS, SQL_PRINT_RIGHT, is_b);
}

static void sql_print_between(struct bytes_writer *w, const struct sql_expr *expr)
{
    sql_print_operand(w, expr->u.between.operand, SQL_PRECEDENCE_LIKE, SQL_PRINT_LEFT, false);
    sql_print_put(w, expr->u.between.is_not ? " NOT BETWEEN " : " BETWEEN ");
    sql_print_put(w, expr->u.between.is_symmetric ? "SYMMETRIC " : "");
    sql_print_operand(w, expr->u.between.low, SQL_PRECEDENCE_NONE, SQL_PRINT_RIGHT, true);
    sql_print_put(w, " AND ");
    sql_print_operand(w, expr->u.between.high, SQL_PRECEDENCE_LIKE, SQL_PRINT_RIGHT, false);
}

static void sql_print_in(struct bytes_writer *w, const struct sql_expr *expr)
{
    sql_print_operand(w, expr->u.in.operand, SQL_PRECEDENCE_LIKE, SQL_PRINT_LEFT, false);
    sql_print_put(w, expr->u.in.is_not ? " NOT IN (" : " IN (");
    sql_print_list(w, &expr->u.in.list);
    sql_print_put(w, ")");
}

static void sql_print_like(struct bytes_writer *w, const struct sql_expr *expr)
{
    sql_print_operand(w, expr->u.like.operand, SQL_PRECEDENCE_LIKE, SQL_PRINT_LEFT, false);
    sql_print_put(w, expr->u.like.is_not ? " NOT" : "");
    sql_print_put(w, expr->u.like.is_caseless ? " ILIKE " : " LIKE ");
    sql_print_operand(w, expr->u.like.pattern, SQL_PRECEDENCE_LIKE, SQL_PRINT_RIGHT, false);
    if (expr->u.like.escape != NULL) {
        sql_print_put(w, " ESCAPE ");
        sql_print_operand(w, expr->u.like.escape, SQL_PRECEDENCE_LIKE, SQL_PRINT_RIGHT, false);
    }
}

static void sql_print_cast(struct bytes_writer *w, const struct sql_expr *expr, bool is_b)
{
    const struct sql_type *type = expr->u.cast.type;
    if (!sql_print_is_constant_cast(expr)) {
        sql_print_operand(w, expr->u.cast.operand, SQL_PRECEDENCE_CAST, SQL_PRINT_LEFT, is_b);
        sql_print_put(w, "::");
        sql_print_type(w, type);
        return;
    }
    if (type->kind == SQL_TYPE_INTERVAL && type->fields != SQL_FIELDS_ALL) {
        sql_print_put(w, "INTERVAL ");
        sql_print_string(w, expr->u.cast.operand->u.text);
        sql_print_type_fields(w, type);
        sql_print_mods(w, type);
        return;
    }
    sql_print_type(w, type);
    sql_print_put(w, " ");
    sql_print_string(w, expr->u.cast.operand->u.text);
}

static void sql_print_case(struct bytes_writer *w, const struct sql_expr *expr)
{
    sql_print_put(w, "CASE");
    if (expr->u.cases.operand != NULL) {
        sql_print_put(w, " ");
        sql_print_open(w, expr->u.cases.operand, false);
    }
    for (uint32_t i = 0; i < expr->u.cases.arms_count; i++) {
        sql_print_put(w, " WHEN ");
        sql_print_open(w, expr->u.cases.arms[i].when, false);
        sql_print_put(w, " THEN ");
        sql_print_open(w, expr->u.cases.arms[i].then, false);
    }
    if (expr->u.cases.otherwise != NULL) {
        sql_print_put(w, " ELSE ");
        sql_print_open(w, expr->u.cases.otherwise, false);
    }
    sql_print_put(w, " END");
}

static void sql_print_call(struct bytes_writer *w, const struct sql_call *call)
{
    switch (call->form) {
    case SQL_CALL_VALUE: sql_print_value_call(w, call); return;
    case SQL_CALL_EXTRACT:
        ASSERT(call->args.count == 2);
        sql_print_put(w, "EXTRACT(");
        sql_print_field(w, call->args.items[0]->u.text);
        sql_print_put(w, " FROM ");
        sql_print_open(w, call->args.items[1], false);
        sql_print_put(w, ")");
        return;
    case SQL_CALL_POSITION:
        ASSERT(call->args.count == 2);
        sql_print_put(w, "POSITION(");
        sql_print_operand(w, call->args.items[1], SQL_PRECEDENCE_NONE, SQL_PRINT_RIGHT, true);
        sql_print_put(w, " IN ");
        sql_print_operand(w, call->args.items[0], SQL_PRECEDENCE_NONE, SQL_PRINT_RIGHT, true);
        sql_print_put(w, ")");
        return;
    case SQL_CALL_PLAIN: break;
    }
    sql_print_names(w, &call->name, ".");
    sql_print_put(w, call->is_star ? "(*" : call->is_distinct ? "(DISTINCT " : "(");
    sql_print_list(w, &call->args);
    sql_print_put(w, ")");
    if (call->filter != NULL) {
        sql_print_put(w, " FILTER (WHERE ");
        sql_print_open(w, call->filter, false);
        sql_print_put(w, ")");
    }
}

/* CURRENT_TIMESTAMP(3) */
static void sql_print_value_call(struct bytes_writer *w, const struct sql_call *call)
{
    const struct sql_name *name = &call->name.items[0];
    sql_print_put(w, sql_keyword_text(sql_keyword_find(name->text, name->length)));
    if (call->args.count > 0) {
        sql_print_put(w, "(");
        sql_print_list(w, &call->args);
        sql_print_put(w, ")");
    }
}

/* A field of EXTRACT: bare if it reads back as it is. */
static void sql_print_field(struct bytes_writer *w, struct sql_text field)
{
    bool is_bare =
        field.length > 0 && sql_keyword_is_field(sql_keyword_find(field.text, field.length));
    for (uint32_t i = 0; i < field.length; i++) {
        is_bare = is_bare && field.text[i] >= 'a' && field.text[i] <= 'z';
    }
    if (is_bare) {
        bytes_put_copy(w, field.text, field.length);
    } else {
        sql_print_string(w, field);
    }
}

void sql_print_type(struct bytes_writer *w, const struct sql_type *type)
{
    static const char *const texts[SQL_TYPE_COUNT] = {[SQL_TYPE_NAMED] = "",
#define SQL_PRINT_TYPE(name, text) [SQL_TYPE_##name] = text,
                                                      SQL_TYPE_TABLE(SQL_PRINT_TYPE)
#undef SQL_PRINT_TYPE
    };
    ASSERT(type->kind < SQL_TYPE_COUNT);
    if (type->kind == SQL_TYPE_NAMED) {
        sql_print_type_name(w, &type->name);
    } else {
        sql_print_put(w, texts[type->kind]);
    }
    if (type->fields != SQL_FIELDS_ALL) {
        sql_print_type_fields(w, type);
    }
    sql_print_mods(w, type);
}

/* A type's path. Before a constant its first name may be one that behind :: begins another type. */
static void sql_print_type_name(struct bytes_writer *w, const struct sql_names *names)
{
    struct sql_name first = names->items[0];
    const struct sql_names rest = {names->items + 1, names->count - 1, names->at};
    enum sql_keyword keyword = sql_keyword_find(first.text, first.length);
    bool is_ours = keyword == SQL_KW_BIT && names->count == 1;
    first.is_quoted = first.is_quoted || (!sql_keyword_is_function_name(keyword) && !is_ours);
    sql_print_name(w, &first);
    sql_print_put(w, rest.count > 0 ? "." : "");
    sql_print_names(w, &rest, ".");
}

/* " DAY TO SECOND" */
static void sql_print_type_fields(struct bytes_writer *w, const struct sql_type *type)
{
    static const char *const texts[SQL_FIELDS_COUNT] = {
        [SQL_FIELDS_ALL] = "",
        [SQL_FIELDS_YEAR] = " YEAR",
        [SQL_FIELDS_MONTH] = " MONTH",
        [SQL_FIELDS_DAY] = " DAY",
        [SQL_FIELDS_HOUR] = " HOUR",
        [SQL_FIELDS_MINUTE] = " MINUTE",
        [SQL_FIELDS_SECOND] = " SECOND",
        [SQL_FIELDS_YEAR_TO_MONTH] = " YEAR TO MONTH",
        [SQL_FIELDS_DAY_TO_HOUR] = " DAY TO HOUR",
        [SQL_FIELDS_DAY_TO_MINUTE] = " DAY TO MINUTE",
        [SQL_FIELDS_DAY_TO_SECOND] = " DAY TO SECOND",
        [SQL_FIELDS_HOUR_TO_MINUTE] = " HOUR TO MINUTE",
        [SQL_FIELDS_HOUR_TO_SECOND] = " HOUR TO SECOND",
        [SQL_FIELDS_MINUTE_TO_SECOND] = " MINUTE TO SECOND",
    };
    ASSERT(type->fields < SQL_FIELDS_COUNT);
    sql_print_put(w, texts[type->fields]);
}

static void sql_print_mods(struct bytes_writer *w, const struct sql_type *type)
{
    char number[16];
    for (uint32_t i = 0; i < type->mods_count; i++) {
        snprintf(number, sizeof(number), "%s%d", i == 0 ? "(" : ", ", type->mods[i]);
        sql_print_put(w, number);
    }
    sql_print_put(w, type->mods_count > 0 ? ")" : "");
}

void sql_print_name(struct bytes_writer *w, const struct sql_name *name)
{
    if (!name->is_quoted) {
        bytes_put_copy(w, name->text, name->length);
        return;
    }
    bytes_put_u8(w, '"');
    for (uint32_t i = 0; i < name->length; i++) {
        sql_print_put(w, name->text[i] == '"' ? "\"" : "");
        bytes_put_u8(w, (uint8_t)name->text[i]);
    }
    bytes_put_u8(w, '"');
}

void sql_print_names(struct bytes_writer *w, const struct sql_names *names, const char *between)
{
    for (uint32_t i = 0; i < names->count; i++) {
        sql_print_put(w, i > 0 ? between : "");
        sql_print_name(w, &names->items[i]);
    }
}

void sql_print_string(struct bytes_writer *w, struct sql_text text)
{
    bytes_put_u8(w, '\'');
    for (uint32_t i = 0; i < text.length; i++) {
        sql_print_put(w, text.text[i] == '\'' ? "'" : "");
        bytes_put_u8(w, (uint8_t)text.text[i]);
    }
    bytes_put_u8(w, '\'');
}

static void sql_print_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}
