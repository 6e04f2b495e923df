/* Calls: f(...), and those with a grammar of their own, which become calls of plain functions. See
 * parse_int.h. */
#include <string.h>

#include "base/assert.h"
#include "views/sql/parse_int.h"

static bool sql_parse_call_args(struct sql_parser *p, struct sql_call *call);
static bool sql_parse_call_arg(struct sql_parser *p, struct sql_call *call);
static bool sql_parse_call_tail(struct sql_parser *p, struct sql_call *call);
static bool sql_parse_call_is_type(struct sql_parser *p, const struct sql_call *call);
static bool sql_parse_call_raise(struct sql_parser *p, struct sql_expr *expr);
static struct sql_expr *sql_parse_value_call(struct sql_parser *p);
static struct sql_expr *sql_parse_list_call(struct sql_parser *p);
static struct sql_expr *sql_parse_cast_call(struct sql_parser *p);
static struct sql_expr *sql_parse_extract(struct sql_parser *p);
static struct sql_expr *sql_parse_position(struct sql_parser *p);
static struct sql_expr *sql_parse_substring(struct sql_parser *p);
static bool sql_parse_substring_words(struct sql_parser *p, struct sql_exprs *args,
                                      struct sql_expr **from, struct sql_expr **length);
static struct sql_expr *sql_parse_overlay(struct sql_parser *p);
static struct sql_expr *sql_parse_trim(struct sql_parser *p);

/* call = path '(' ['*' | ['ALL' | 'DISTINCT'] exprs] ')' ['FILTER' '(' 'WHERE' expr ')'] */
struct sql_expr *sql_parse_call(struct sql_parser *p, const struct sql_names *name)
{
    struct sql_call *call = sql_parse_alloc(p, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->name = *name;
    call->form = SQL_CALL_PLAIN;
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (!sql_parse_call_args(p, call) || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_STRING) && sql_parse_call_is_type(p, call)) {
        return sql_parse_typed_call(p, name, &call->args);
    }
    if (!sql_parse_call_tail(p, call)) {
        return NULL;
    }
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_CALL, name->at);
    if (expr == NULL) {
        return NULL;
    }
    expr->u.call = call;
    return sql_parse_call_raise(p, expr) ? expr : NULL;
}

struct sql_expr *sql_parse_call_node(struct sql_parser *p, struct sql_at begin, const char *name,
                                     enum sql_call_form form, struct sql_exprs args)
{
    struct sql_call *call = sql_parse_alloc(p, sizeof(*call));
    struct sql_name *names = sql_parse_alloc(p, sizeof(*names));
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_CALL, begin);
    if (expr == NULL || call == NULL || names == NULL) {
        return NULL;
    }
    names[0] = (struct sql_name){name, (uint32_t)strlen(name), false, begin};
    call->name = (struct sql_names){names, 1, begin};
    call->args = args;
    call->form = form;
    expr->u.call = call;
    return sql_parse_call_raise(p, expr) ? expr : NULL;
}

/* Special calls by their word, which is a keyword that a function cannot be named. */
struct sql_expr *sql_parse_special(struct sql_parser *p, bool *is_special)
{
    bool is_called = sql_parse_is_ahead_kind(p, SQL_TOKEN_LEFT_PAREN);
    *is_special = true;
    switch (p->token.kind == SQL_TOKEN_NAME ? (int)p->token.keyword : SQL_NO_KEYWORD) {
    case SQL_KW_CURRENT_DATE:
    case SQL_KW_CURRENT_TIME:
    case SQL_KW_CURRENT_TIMESTAMP:
    case SQL_KW_LOCALTIME:
    case SQL_KW_LOCALTIMESTAMP:
    case SQL_KW_CURRENT_ROLE:
    case SQL_KW_CURRENT_USER:
    case SQL_KW_SESSION_USER:
    case SQL_KW_USER:
    case SQL_KW_CURRENT_CATALOG: return sql_parse_value_call(p);
    case SQL_KW_CAST: return sql_parse_cast_call(p);
    default: break;
    }
    switch (p->token.kind == SQL_TOKEN_NAME ? (int)p->token.keyword : SQL_NO_KEYWORD) {
    case SQL_KW_CURRENT_SCHEMA:
        if (!is_called) {
            return sql_parse_value_call(p);
        }
        break;
    case SQL_KW_COALESCE:
    case SQL_KW_GREATEST:
    case SQL_KW_LEAST:
    case SQL_KW_NULLIF:
        if (is_called) {
            return sql_parse_list_call(p);
        }
        break;
    case SQL_KW_EXTRACT:
        if (is_called) {
            return sql_parse_extract(p);
        }
        break;
    case SQL_KW_POSITION:
        if (is_called) {
            return sql_parse_position(p);
        }
        break;
    case SQL_KW_SUBSTRING:
        if (is_called) {
            return sql_parse_substring(p);
        }
        break;
    case SQL_KW_OVERLAY:
        if (is_called) {
            return sql_parse_overlay(p);
        }
        break;
    case SQL_KW_TRIM:
        if (is_called) {
            return sql_parse_trim(p);
        }
        break;
    default: break;
    }
    *is_special = false;
    return NULL;
}

/* Between a call's parentheses. */
static bool sql_parse_call_args(struct sql_parser *p, struct sql_call *call)
{
    if (p->err != ERR_OK || sql_parse_is_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return p->err == ERR_OK;
    }
    bool is_star = p->token.kind == SQL_TOKEN_OPERATOR && p->token.op == SQL_OP_MUL;
    if (is_star) {
        call->is_star = true;
        return sql_parse_advance(p);
    }
    call->is_distinct = sql_parse_take(p, SQL_KW_DISTINCT);
    if (!call->is_distinct) {
        sql_parse_take(p, SQL_KW_ALL);
    }
    do {
        if (!sql_parse_call_arg(p, call)) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    if (sql_parse_is(p, SQL_KW_ORDER)) {
        return sql_parse_refuse(p, p->token.at, "ORDER BY in a call is not supported",
                                "first(value, time) and last(value, time) take their own order.");
    }
    return p->err == ERR_OK;
}

static bool sql_parse_call_arg(struct sql_parser *p, struct sql_call *call)
{
    if (sql_parse_is(p, SQL_KW_VARIADIC)) {
        return sql_parse_refuse(p, p->token.at, "VARIADIC is not supported",
                                "Write the arguments one by one.");
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_NAME) && (sql_parse_is_ahead_kind(p, SQL_TOKEN_ARROW) ||
                                                 sql_parse_is_ahead_kind(p, SQL_TOKEN_ASSIGN))) {
        return sql_parse_refuse(p, p->token.at, "named arguments are not supported",
                                "Write the arguments in their order.");
    }
    return sql_parse_add(p, &call->args, sql_parse_expr(p, SQL_PRECEDENCE_NONE, false));
}

/* Behind a call: FILTER; WITHIN GROUP and OVER are refused. */
static bool sql_parse_call_tail(struct sql_parser *p, struct sql_call *call)
{
    if (sql_parse_is(p, SQL_KW_WITHIN)) {
        return sql_parse_refuse(p, p->token.at, "WITHIN GROUP is not supported",
                                "ORDER BY with OFFSET and LIMIT 1 finds the row at a place.");
    }
    if (sql_parse_take(p, SQL_KW_FILTER)) {
        if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN) || !sql_parse_expect(p, SQL_KW_WHERE)) {
            return false;
        }
        call->filter = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (call->filter == NULL || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
            return false;
        }
    }
    if (sql_parse_is(p, SQL_KW_OVER)) {
        return sql_parse_refuse(p, p->token.at, "window functions are not supported",
                                "TUMBLE in FROM makes windows of time: FROM TUMBLE(stream, column, "
                                "INTERVAL '1 minute').");
    }
    return p->err == ERR_OK;
}

/* Whether what looks like a call is a type with modifiers, as the string behind it says. */
static bool sql_parse_call_is_type(struct sql_parser *p, const struct sql_call *call)
{
    bool is_type = !call->is_star && !call->is_distinct && call->args.count > 0 &&
                   call->args.count <= SQL_TYPE_MODS_MAX && p->err == ERR_OK;
    for (uint32_t i = 0; is_type && i < call->args.count; i++) {
        is_type = call->args.items[i]->kind == SQL_EXPR_INTEGER;
    }
    return is_type;
}

static bool sql_parse_call_raise(struct sql_parser *p, struct sql_expr *expr)
{
    const struct sql_call *call = expr->u.call;
    for (uint32_t i = 0; i < call->args.count; i++) {
        if (!sql_parse_raise(p, expr, call->args.items[i])) {
            return false;
        }
    }
    return sql_parse_raise(p, expr, call->filter);
}

/* value_call = 'CURRENT_DATE' | ('CURRENT_TIMESTAMP' | ...) ['(' n ')'] */
static struct sql_expr *sql_parse_value_call(struct sql_parser *p)
{
    static const struct {
        enum sql_keyword word;
        const char *name;
        bool has_precision;
    } rows[] = {
        {SQL_KW_CURRENT_DATE, "current_date", false},
        {SQL_KW_CURRENT_TIME, "current_time", true},
        {SQL_KW_CURRENT_TIMESTAMP, "current_timestamp", true},
        {SQL_KW_LOCALTIME, "localtime", true},
        {SQL_KW_LOCALTIMESTAMP, "localtimestamp", true},
        {SQL_KW_CURRENT_ROLE, "current_role", false},
        {SQL_KW_CURRENT_USER, "current_user", false},
        {SQL_KW_SESSION_USER, "session_user", false},
        {SQL_KW_USER, "current_user", false},
        {SQL_KW_CURRENT_CATALOG, "current_catalog", false},
        {SQL_KW_CURRENT_SCHEMA, "current_schema", false},
    };
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    size_t i = 0;
    while (rows[i].word != p->token.keyword) {
        i++;
        ASSERT(i < ARRAY_COUNT(rows));
    }
    sql_parse_advance(p);
    if (rows[i].has_precision && sql_parse_take_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        if (!sql_parse_is_kind(p, SQL_TOKEN_INTEGER)) {
            sql_parse_fail(p, NULL);
            return NULL;
        }
        if (!sql_parse_add(p, &args, sql_parse_constant(p, SQL_EXPR_INTEGER)) ||
            !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
            return NULL;
        }
    }
    return sql_parse_call_node(p, begin, rows[i].name, SQL_CALL_VALUE, args);
}

/* list_call = ('COALESCE' | 'GREATEST' | 'LEAST') '(' exprs ')' | 'NULLIF' '(' expr ',' expr ')' */
static struct sql_expr *sql_parse_list_call(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    bool is_nullif = sql_parse_is(p, SQL_KW_NULLIF);
    const char *name = is_nullif                          ? "nullif"
                       : sql_parse_is(p, SQL_KW_COALESCE) ? "coalesce"
                       : sql_parse_is(p, SQL_KW_GREATEST) ? "greatest"
                                                          : "least";
    sql_parse_advance(p);
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    do {
        if (!sql_parse_add(p, &args, sql_parse_expr(p, SQL_PRECEDENCE_NONE, false))) {
            return NULL;
        }
        if (is_nullif && args.count == 1 && !sql_parse_is_kind(p, SQL_TOKEN_COMMA)) {
            sql_parse_fail(p, NULL);
            return NULL;
        }
    } while (!(is_nullif && args.count == 2) && sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    if (!sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, name, SQL_CALL_PLAIN, args);
}

/* cast_call = 'CAST' '(' expr 'AS' type ')' */
static struct sql_expr *sql_parse_cast_call(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    sql_parse_advance(p);
    struct sql_expr *operand = sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)
                                   ? sql_parse_expr(p, SQL_PRECEDENCE_NONE, false)
                                   : NULL;
    struct sql_type *type =
        operand != NULL && sql_parse_expect(p, SQL_KW_AS) ? sql_parse_type(p) : NULL;
    if (type == NULL || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_CAST, begin);
    if (expr == NULL || !sql_parse_raise(p, expr, operand)) {
        return NULL;
    }
    expr->u.cast.operand = operand;
    expr->u.cast.type = type;
    return expr;
}

/* extract = 'EXTRACT' '(' (name | string) 'FROM' expr ')' */
static struct sql_expr *sql_parse_extract(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    struct sql_text text = {NULL, 0};
    sql_parse_advance(p);
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    struct sql_token token = p->token;
    bool is_name = token.kind == SQL_TOKEN_QUOTED_NAME ||
                   (token.kind == SQL_TOKEN_NAME && sql_keyword_is_field(token.keyword));
    if (p->err != ERR_OK || (!is_name && token.kind != SQL_TOKEN_STRING)) {
        sql_parse_fail(p, NULL);
        return NULL;
    }
    p->err = sql_lex_text(&p->lex, &token, p->arena, &text, p->error);
    if (p->err != ERR_OK) {
        return NULL;
    }
    char *folded = arena_copy(p->arena, text.text, text.length);
    for (uint32_t i = 0; folded != NULL && token.kind == SQL_TOKEN_NAME && i < text.length; i++) {
        bool is_capital = folded[i] >= 'A' && folded[i] <= 'Z';
        folded[i] = is_capital ? (char)(folded[i] - 'A' + 'a') : folded[i];
    }
    if (folded == NULL) {
        sql_parse_fail_at(p, SQL_STATE_OUT_OF_MEMORY, token.at, "out of memory");
        return NULL;
    }
    sql_parse_advance(p);
    struct sql_expr *field = sql_parse_node(p, SQL_EXPR_STRING, token.at);
    if (!sql_parse_add(p, &args, field)) {
        return NULL;
    }
    field->u.text = (struct sql_text){folded, text.length};
    if (!sql_parse_expect(p, SQL_KW_FROM) ||
        !sql_parse_add(p, &args, sql_parse_expr(p, SQL_PRECEDENCE_NONE, false)) ||
        !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, "extract", SQL_CALL_EXTRACT, args);
}

/* position = 'POSITION' '(' b_expr 'IN' b_expr ')': position(of, in), the other way round */
static struct sql_expr *sql_parse_position(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    sql_parse_advance(p);
    struct sql_expr *part = sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)
                                ? sql_parse_expr(p, SQL_PRECEDENCE_NONE, true)
                                : NULL;
    if (part == NULL || !sql_parse_expect(p, SQL_KW_IN) ||
        !sql_parse_add(p, &args, sql_parse_expr(p, SQL_PRECEDENCE_NONE, true)) ||
        !sql_parse_add(p, &args, part) || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, "position", SQL_CALL_POSITION, args);
}

/* substring = 'SUBSTRING' '(' [exprs | expr words] ')' */
static struct sql_expr *sql_parse_substring(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    struct sql_expr *from = NULL, *length = NULL;
    sql_parse_advance(p);
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (p->err == ERR_OK && !sql_parse_is_kind(p, SQL_TOKEN_RIGHT_PAREN) &&
        (!sql_parse_exprs(p, &args) || !sql_parse_substring_words(p, &args, &from, &length))) {
        return NULL;
    }
    if ((from != NULL && !sql_parse_add(p, &args, from)) ||
        (length != NULL && !sql_parse_add(p, &args, length)) ||
        !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, "substring", SQL_CALL_PLAIN, args);
}

/* words = ['FROM' expr] ['FOR' expr], in either order, behind one argument */
static bool sql_parse_substring_words(struct sql_parser *p, struct sql_exprs *args,
                                      struct sql_expr **from, struct sql_expr **length)
{
    if (args->count > 1) {
        return true;
    }
    for (;;) {
        struct sql_at at = p->token.at;
        if (*from == NULL && sql_parse_take(p, SQL_KW_FROM)) {
            *from = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        } else if (*length == NULL && sql_parse_take(p, SQL_KW_FOR)) {
            *length = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        } else {
            break;
        }
        if (p->err == ERR_OK && *from == NULL && !sql_parse_is(p, SQL_KW_FROM)) {
            *from = sql_parse_node(p, SQL_EXPR_INTEGER, at); /* FOR alone counts from the first */
            if (*from != NULL) {
                (*from)->u.text = (struct sql_text){"1", 1};
            }
            break;
        }
    }
    return p->err == ERR_OK;
}

/* overlay = 'OVERLAY' '(' [exprs | expr 'PLACING' expr 'FROM' expr ['FOR' expr]] ')' */
static struct sql_expr *sql_parse_overlay(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {SQL_KW_PLACING, SQL_KW_FROM, SQL_KW_FOR};
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    sql_parse_advance(p);
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (p->err == ERR_OK && !sql_parse_is_kind(p, SQL_TOKEN_RIGHT_PAREN) &&
        !sql_parse_exprs(p, &args)) {
        return NULL;
    }
    bool has_words = args.count == 1 && sql_parse_is(p, SQL_KW_PLACING);
    for (size_t i = 0; has_words && i < ARRAY_COUNT(words); i++) {
        if (words[i] == SQL_KW_FOR && !sql_parse_is(p, SQL_KW_FOR)) {
            break;
        }
        if (!sql_parse_expect(p, words[i]) ||
            !sql_parse_add(p, &args, sql_parse_expr(p, SQL_PRECEDENCE_NONE, false))) {
            return NULL;
        }
    }
    if (!sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, "overlay", SQL_CALL_PLAIN, args);
}

/* trim = 'TRIM' '(' ['BOTH' | 'LEADING' | 'TRAILING'] [expr] ['FROM'] exprs ')' */
static struct sql_expr *sql_parse_trim(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_exprs args = {NULL, 0};
    struct sql_expr *signs = NULL;
    const char *name = "btrim";
    sql_parse_advance(p);
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (sql_parse_take(p, SQL_KW_LEADING)) {
        name = "ltrim";
    } else if (sql_parse_take(p, SQL_KW_TRAILING)) {
        name = "rtrim";
    } else {
        sql_parse_take(p, SQL_KW_BOTH);
    }
    if (p->err == ERR_OK && !sql_parse_is(p, SQL_KW_FROM)) {
        signs = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (signs == NULL) {
            return NULL;
        }
        if (!sql_parse_is(p, SQL_KW_FROM)) {
            sql_parse_add(p, &args, signs);
            signs = NULL;
        }
    }
    bool has_more = args.count == 0 ? sql_parse_expect(p, SQL_KW_FROM)
                                    : sql_parse_take_kind(p, SQL_TOKEN_COMMA);
    if ((has_more && !sql_parse_exprs(p, &args)) ||
        (signs != NULL && !sql_parse_add(p, &args, signs)) ||
        !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_call_node(p, begin, name, SQL_CALL_PLAIN, args);
}
