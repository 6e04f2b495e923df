/* What stands alone between operators. See parse_int.h. */
#include "base/assert.h"
#include "views/sql/parse_int.h"

static struct sql_expr *sql_parse_parens(struct sql_parser *p);
static struct sql_expr *sql_parse_word(struct sql_parser *p);
static struct sql_expr *sql_parse_named(struct sql_parser *p);
static struct sql_expr *sql_parse_typed(struct sql_parser *p);
static struct sql_expr *sql_parse_typed_string(struct sql_parser *p, struct sql_type *type,
                                               struct sql_at begin);
static struct sql_expr *sql_parse_case(struct sql_parser *p);
static bool sql_parse_case_arm(struct sql_parser *p, struct sql_expr *expr);
static bool sql_parse_refuse_word(struct sql_parser *p);
static bool sql_parse_refuse_subscript(struct sql_parser *p, bool is_in_parens);

/* primary = constant | '$' n | parens | word */
struct sql_expr *sql_parse_primary(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_expr *expr = NULL;
    switch ((int)p->token.kind) {
    case SQL_TOKEN_INTEGER: expr = sql_parse_constant(p, SQL_EXPR_INTEGER); break;
    case SQL_TOKEN_DECIMAL: expr = sql_parse_constant(p, SQL_EXPR_DECIMAL); break;
    case SQL_TOKEN_STRING: expr = sql_parse_constant(p, SQL_EXPR_STRING); break;
    case SQL_TOKEN_PARAM: {
        uint32_t param = p->token.param;
        expr = sql_parse_advance(p) ? sql_parse_node(p, SQL_EXPR_PARAM, begin) : NULL;
        if (expr != NULL) {
            expr->u.param = param;
            p->params_count = param > p->params_count ? param : p->params_count;
        }
        break;
    }
    case SQL_TOKEN_LEFT_PAREN: return sql_parse_parens(p);
    case SQL_TOKEN_NAME:
    case SQL_TOKEN_QUOTED_NAME: expr = sql_parse_word(p); break;
    default: sql_parse_fail(p, NULL); break;
    }
    return expr != NULL && !sql_parse_refuse_subscript(p, false) ? expr : NULL;
}

struct sql_expr *sql_parse_constant(struct sql_parser *p, enum sql_expr_kind kind)
{
    struct sql_at begin = p->token.at;
    struct sql_text text = {NULL, 0};
    if (kind == SQL_EXPR_STRING) {
        if (!sql_parse_string(p, &text)) {
            return NULL;
        }
    } else {
        text.text = arena_copy(p->arena, p->lex.text + begin.pos, begin.length);
        text.length = begin.length;
        if (text.text == NULL) {
            sql_parse_fail_at(p, SQL_STATE_OUT_OF_MEMORY, begin, "out of memory");
            return NULL;
        }
        sql_parse_advance(p);
    }
    struct sql_expr *expr = sql_parse_node(p, kind, begin);
    if (expr != NULL) {
        expr->u.text = text;
    }
    return expr;
}

/* parens = '(' expr ')'; subqueries and rows are refused */
static struct sql_expr *sql_parse_parens(struct sql_parser *p)
{
    if (sql_parse_is_select(p)) {
        sql_parse_refuse(p, p->token.at, "subqueries in expressions are not supported",
                         "Put the subquery into FROM: FROM (SELECT ...) AS name.");
        return NULL;
    }
    struct sql_at begin = p->token.at;
    sql_parse_advance(p);
    struct sql_expr *expr = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    if (expr == NULL) {
        return NULL;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_COMMA)) {
        sql_parse_refuse(p, begin, "row values are not supported",
                         "Compare the columns one by one, with AND between them.");
        return NULL;
    }
    if (!sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    return sql_parse_refuse_subscript(p, true) ? NULL : expr;
}

/* word = 'TRUE' | 'FALSE' | 'NULL' | case | special | typed | named */
static struct sql_expr *sql_parse_word(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    enum sql_keyword keyword = p->token.kind == SQL_TOKEN_NAME ? p->token.keyword : SQL_NO_KEYWORD;
    if (keyword == SQL_KW_TRUE || keyword == SQL_KW_FALSE || keyword == SQL_KW_NULL) {
        sql_parse_advance(p);
        struct sql_expr *expr =
            sql_parse_node(p, keyword == SQL_KW_NULL ? SQL_EXPR_NULL : SQL_EXPR_BOOLEAN, begin);
        if (expr != NULL && keyword != SQL_KW_NULL) {
            expr->u.boolean = keyword == SQL_KW_TRUE;
        }
        return expr;
    }
    if (keyword == SQL_KW_CASE) {
        return sql_parse_case(p);
    }
    if (sql_parse_refuse_word(p)) {
        return NULL;
    }
    bool is_special = false;
    struct sql_expr *special = sql_parse_special(p, &is_special);
    if (is_special || p->err != ERR_OK) {
        return special;
    }
    return sql_parse_is_typed(p) ? sql_parse_typed(p) : sql_parse_named(p);
}

/* named = path | path call | path string (a type and its constant) */
static struct sql_expr *sql_parse_named(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_names path;
    bool is_column = sql_parse_is_name(p, SQL_NAME_COLUMN);
    bool is_function = sql_parse_is_name(p, SQL_NAME_FUNCTION);
    const struct sql_token *ahead = sql_parse_ahead(p);
    bool is_called = ahead->kind == SQL_TOKEN_LEFT_PAREN || ahead->kind == SQL_TOKEN_STRING;
    if (sql_parse_is(p, SQL_KW_NULLS) &&
        (ahead->keyword == SQL_KW_FIRST || ahead->keyword == SQL_KW_LAST)) {
        sql_parse_fail(p, NULL); /* NULLS FIRST without a key of ORDER BY before it */
        return NULL;
    }
    if (!is_column && is_function && !is_called) {
        sql_parse_advance(p); /* LEFT and its like: no column, the error is what follows */
        sql_parse_fail(p, NULL);
        return NULL;
    }
    if (!sql_parse_path(p, is_column ? SQL_NAME_COLUMN : SQL_NAME_FUNCTION, &path)) {
        return NULL;
    }
    if (!is_function && path.count == 1 && is_called) {
        sql_parse_fail(p, NULL);
        return NULL;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return sql_parse_call(p, &path);
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        struct sql_type *type = sql_parse_type_of(p, &path, NULL);
        return type != NULL ? sql_parse_typed_string(p, type, begin) : NULL;
    }
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_COLUMN, begin);
    if (expr != NULL) {
        expr->u.column = path;
    }
    return expr;
}

/* typed = type string, fields of an interval behind it */
static struct sql_expr *sql_parse_typed(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    bool is_interval = sql_parse_is(p, SQL_KW_INTERVAL);
    struct sql_type *type = sql_parse_type(p);
    if (type == NULL) {
        return NULL;
    }
    if (is_interval && type->fields != SQL_FIELDS_ALL) {
        sql_parse_fail(p, NULL);
        return NULL;
    }
    return sql_parse_typed_string(p, type, begin);
}

/* The string of `type` that stands at the current token: a cast. */
static struct sql_expr *sql_parse_typed_string(struct sql_parser *p, struct sql_type *type,
                                               struct sql_at begin)
{
    struct sql_expr *operand = NULL;
    if (!sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        sql_parse_fail(p, NULL);
        return NULL;
    }
    operand = sql_parse_constant(p, SQL_EXPR_STRING);
    if (operand != NULL && type->kind == SQL_TYPE_INTERVAL && type->mods_count == 0 &&
        !sql_parse_interval_fields(p, type)) {
        return NULL;
    }
    struct sql_expr *expr = operand != NULL ? sql_parse_node(p, SQL_EXPR_CAST, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, operand)) {
        return NULL;
    }
    expr->u.cast.operand = operand;
    expr->u.cast.type = type;
    return expr;
}

struct sql_expr *sql_parse_typed_call(struct sql_parser *p, const struct sql_names *name,
                                      const struct sql_exprs *args)
{
    struct sql_type *type = sql_parse_type_of(p, name, args);
    return type != NULL ? sql_parse_typed_string(p, type, name->at) : NULL;
}

/* case = 'CASE' [expr] ('WHEN' expr 'THEN' expr)* ['ELSE' expr] 'END', with one WHEN or more */
static struct sql_expr *sql_parse_case(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {SQL_KW_WHEN, SQL_KW_THEN, SQL_KW_ELSE, SQL_KW_END,
                                             SQL_NO_KEYWORD};
    struct sql_at begin = p->token.at;
    sql_parse_advance(p);
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_CASE, begin);
    if (expr == NULL) {
        return NULL;
    }
    if (!sql_parse_is(p, SQL_KW_WHEN)) {
        expr->u.cases.operand = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (expr->u.cases.operand == NULL || !sql_parse_raise(p, expr, expr->u.cases.operand)) {
            return NULL;
        }
    }
    do {
        if (!sql_parse_is(p, SQL_KW_WHEN)) {
            sql_parse_fail(p, words);
            return NULL;
        }
        if (!sql_parse_case_arm(p, expr)) {
            return NULL;
        }
    } while (sql_parse_is(p, SQL_KW_WHEN));
    if (sql_parse_take(p, SQL_KW_ELSE)) {
        expr->u.cases.otherwise = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (expr->u.cases.otherwise == NULL || !sql_parse_raise(p, expr, expr->u.cases.otherwise)) {
            return NULL;
        }
    }
    if (!sql_parse_is(p, SQL_KW_END)) {
        sql_parse_fail(p, words);
        return NULL;
    }
    sql_parse_advance(p);
    expr->at = sql_parse_since(p, begin);
    return p->err == ERR_OK ? expr : NULL;
}

/* arm = 'WHEN' expr 'THEN' expr */
static bool sql_parse_case_arm(struct sql_parser *p, struct sql_expr *expr)
{
    struct sql_arm arm;
    sql_parse_take(p, SQL_KW_WHEN);
    arm.when = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    if (arm.when == NULL || !sql_parse_expect(p, SQL_KW_THEN)) {
        return false;
    }
    arm.then = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    if (arm.then == NULL || !sql_parse_raise(p, expr, arm.when) ||
        !sql_parse_raise(p, expr, arm.then)) {
        return false;
    }
    struct sql_arm *arms =
        sql_parse_grow(p, expr->u.cases.arms, expr->u.cases.arms_count, sizeof(*arms));
    if (arms == NULL) {
        return false;
    }
    arms[expr->u.cases.arms_count++] = arm;
    expr->u.cases.arms = arms;
    return true;
}

/* Words that begin what is not served. True: it was one. */
static bool sql_parse_refuse_word(struct sql_parser *p)
{
    static const struct {
        enum sql_keyword word;
        enum sql_token_kind next; /* what makes it one; END: whatever follows */
        const char *what;
        const char *hint;
    } rows[] = {
        {SQL_KW_EXISTS, SQL_TOKEN_LEFT_PAREN, "EXISTS is not supported",
         "Put a subquery into FROM, or use IN (...) with a list of values."},
        {SQL_KW_ARRAY, SQL_TOKEN_LEFT_BRACKET, "arrays are not supported",
         "Keep arrays as JSONB and read them with -> and ->>."},
        {SQL_KW_ARRAY, SQL_TOKEN_LEFT_PAREN, "arrays are not supported",
         "Keep arrays as JSONB and read them with -> and ->>."},
        {SQL_KW_ROW, SQL_TOKEN_LEFT_PAREN, "row values are not supported",
         "Compare the columns one by one, with AND between them."},
        {SQL_KW_UNIQUE, SQL_TOKEN_LEFT_PAREN, "UNIQUE is not supported", NULL},
        {SQL_KW_GROUPING, SQL_TOKEN_LEFT_PAREN, "GROUPING is not supported",
         "GROUP BY takes expressions and ordinals."},
        {SQL_KW_TREAT, SQL_TOKEN_LEFT_PAREN, "TREAT is not supported", "Use CAST(x AS type)."},
        {SQL_KW_NORMALIZE, SQL_TOKEN_LEFT_PAREN, "NORMALIZE is not supported", NULL},
        {SQL_KW_XMLCONCAT, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLELEMENT, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLEXISTS, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLFOREST, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLPARSE, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLPI, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLROOT, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
        {SQL_KW_XMLSERIALIZE, SQL_TOKEN_LEFT_PAREN, "XML is not supported", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (sql_parse_is(p, rows[i].word) && sql_parse_is_ahead_kind(p, rows[i].next)) {
            sql_parse_refuse(p, p->token.at, rows[i].what, rows[i].hint);
            return true;
        }
    }
    if (sql_parse_is(p, SQL_KW_COLLATION) && sql_parse_is_ahead(p, SQL_KW_FOR)) {
        sql_parse_refuse(p, p->token.at, "COLLATION FOR is not supported", NULL);
        return true;
    }
    return false;
}

/* a[1], (a).b: true and refused. */
static bool sql_parse_refuse_subscript(struct sql_parser *p, bool is_in_parens)
{
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_BRACKET)) {
        sql_parse_refuse(p, p->token.at, "subscripts are not supported",
                         "An element of a JSONB array is x -> 0.");
        return true;
    }
    if (is_in_parens && sql_parse_is_kind(p, SQL_TOKEN_DOT)) {
        sql_parse_refuse(p, p->token.at, "fields of row values are not supported",
                         "A member of a JSONB object is x -> 'name'.");
        return true;
    }
    return p->err != ERR_OK;
}
