/* Expressions by precedence climbing. PostgreSQL 15's table, tightest first:
 *
 *     .                     left     names
 *     ::                    left     cast
 *     + -                   prefix   signs
 *     COLLATE               left     (refused)
 *     AT TIME ZONE          left
 *     ^                     left
 *     * / %                 left
 *     + -                   left
 *     any other operator    left, prefix      || -> ->> #>> ~ & | ...
 *     BETWEEN IN LIKE ILIKE SIMILAR, with NOT   none
 *     < > = <= >= <>        none
 *     IS ISNULL NOTNULL     none
 *     NOT                   prefix
 *     AND                   left
 *     OR                    left
 *
 * `none`: a < b < c is an error; but what ends in a word or a parenthesis may be followed by its
 * like, as a IS NULL IS NULL. A prefix operator may stand wherever an operand may, however tightly
 * what stands before it binds: a + NOT b = c is a + (NOT (b = c)). */
#include <string.h>

#include "base/assert.h"
#include "views/sql/parse_int.h"

/* An operator between operands, and how it is read. */
struct sql_infix {
    enum sql_precedence precedence; /* NONE: the token is no operator here */
    bool is_not;                    /* NOT stands before it */
};

static struct sql_expr *sql_parse_prefix(struct sql_parser *p, bool is_b);
static struct sql_expr *sql_parse_prefix_op(struct sql_parser *p, bool is_b);
static struct sql_infix sql_parse_infix_of(struct sql_parser *p, bool is_b);
static enum sql_precedence sql_parse_infix_word(struct sql_parser *p, enum sql_keyword keyword,
                                                bool is_b);
static struct sql_expr *sql_parse_infix(struct sql_parser *p, struct sql_infix infix,
                                        struct sql_expr *left, struct sql_at begin, bool is_b,
                                        bool *is_open);
static struct sql_expr *sql_parse_binary(struct sql_parser *p, enum sql_precedence precedence,
                                         struct sql_expr *left, struct sql_at begin, bool is_b);
static struct sql_expr *sql_parse_logic(struct sql_parser *p, enum sql_expr_kind kind,
                                        struct sql_expr *left, struct sql_at begin);
static struct sql_expr *sql_parse_is_test(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, bool is_b, bool *is_open);
static struct sql_expr *sql_parse_is_word(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, struct sql_at point, bool is_not);
static struct sql_expr *sql_parse_range(struct sql_parser *p, struct sql_expr *left,
                                        struct sql_at begin, bool is_not, bool *is_open);
static struct sql_expr *sql_parse_between(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, bool is_not);
static struct sql_expr *sql_parse_in(struct sql_parser *p, struct sql_expr *left,
                                     struct sql_at begin, bool is_not);
static struct sql_expr *sql_parse_like(struct sql_parser *p, struct sql_expr *left,
                                       struct sql_at begin, bool is_not);
static struct sql_expr *sql_parse_at_time_zone(struct sql_parser *p, struct sql_expr *left,
                                               struct sql_at begin);
static struct sql_expr *sql_parse_cast(struct sql_parser *p, struct sql_expr *left,
                                       struct sql_at begin);

struct sql_expr *sql_parse_expr(struct sql_parser *p, enum sql_precedence above, bool is_b)
{
    struct sql_at begin = p->token.at;
    enum sql_precedence open =
        SQL_PRECEDENCE_NONE; /* of a none-operator that ended in an operand */
    if (!sql_parse_enter(p)) {
        return NULL;
    }
    struct sql_expr *left = sql_parse_prefix(p, is_b);
    while (left != NULL) {
        struct sql_infix infix = sql_parse_infix_of(p, is_b);
        if (infix.precedence <= above) {
            break;
        }
        if (infix.precedence == open) {
            sql_parse_fail(p, NULL);
            return NULL;
        }
        bool is_open = false;
        left = sql_parse_infix(p, infix, left, begin, is_b, &is_open);
        open = is_open ? infix.precedence : SQL_PRECEDENCE_NONE;
    }
    p->depth--;
    ASSERT((left != NULL) == (p->err == ERR_OK));
    return left;
}

/* exprs = expr (',' expr)* */
bool sql_parse_exprs(struct sql_parser *p, struct sql_exprs *out)
{
    do {
        if (!sql_parse_add(p, out, sql_parse_expr(p, SQL_PRECEDENCE_NONE, false))) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return p->err == ERR_OK;
}

struct sql_expr *sql_parse_node(struct sql_parser *p, enum sql_expr_kind kind, struct sql_at begin)
{
    struct sql_expr *expr = sql_parse_alloc(p, sizeof(*expr));
    if (expr == NULL) {
        return NULL;
    }
    expr->kind = kind;
    expr->height = 1;
    expr->at = sql_parse_since(p, begin);
    expr->point_pos = begin.pos;
    return expr;
}

bool sql_parse_raise(struct sql_parser *p, struct sql_expr *expr, const struct sql_expr *operand)
{
    if (operand == NULL || operand->height < expr->height) {
        return true;
    }
    if (operand->height >= SQL_DEPTH_MAX) {
        return sql_parse_fail_at(p, SQL_STATE_STATEMENT_TOO_COMPLEX, expr->at,
                                 "expression is nested more than %d deep", SQL_DEPTH_MAX);
    }
    expr->height = operand->height + 1;
    return true;
}

/* prefix = ('+' | '-') expr | 'NOT' expr | operator expr | primary */
static struct sql_expr *sql_parse_prefix(struct sql_parser *p, bool is_b)
{
    if (sql_parse_is_kind(p, SQL_TOKEN_OPERATOR)) {
        return sql_parse_prefix_op(p, is_b);
    }
    if (!sql_parse_is(p, SQL_KW_NOT) || is_b) {
        return sql_parse_primary(p);
    }
    struct sql_at begin = p->token.at;
    sql_parse_advance(p);
    struct sql_expr *operand = sql_parse_expr(p, SQL_PRECEDENCE_NOT, false);
    struct sql_expr *expr = operand != NULL ? sql_parse_node(p, SQL_EXPR_NOT, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, operand)) {
        return NULL;
    }
    expr->u.operand = operand;
    return expr;
}

static struct sql_expr *sql_parse_prefix_op(struct sql_parser *p, bool is_b)
{
    struct sql_token token = p->token;
    enum sql_precedence precedence = sql_op_precedence(token.op);
    bool is_sign = precedence == SQL_PRECEDENCE_ADD;
    if (!is_sign && precedence != SQL_PRECEDENCE_OTHER) {
        sql_parse_fail(p, NULL); /* = * and the like stand between operands only */
        return NULL;
    }
    const char *sign = arena_copy(p->arena, p->lex.text + token.at.pos, token.at.length);
    if (sign == NULL) {
        sql_parse_fail_at(p, SQL_STATE_OUT_OF_MEMORY, token.at, "out of memory");
        return NULL;
    }
    sql_parse_advance(p);
    struct sql_expr *right =
        sql_parse_expr(p, is_sign ? SQL_PRECEDENCE_SIGN : SQL_PRECEDENCE_OTHER, is_b);
    struct sql_expr *expr = right != NULL ? sql_parse_node(p, SQL_EXPR_UNARY, token.at) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, right)) {
        return NULL;
    }
    expr->u.op.op = token.op;
    expr->u.op.sign = (struct sql_text){sign, token.at.length};
    expr->u.op.right = right;
    return expr;
}

enum sql_precedence sql_op_precedence(enum sql_op op)
{
    switch ((int)op) {
    case SQL_OP_ADD:
    case SQL_OP_SUB: return SQL_PRECEDENCE_ADD;
    case SQL_OP_MUL:
    case SQL_OP_DIV:
    case SQL_OP_MOD: return SQL_PRECEDENCE_MUL;
    case SQL_OP_POW: return SQL_PRECEDENCE_POW;
    case SQL_OP_EQ:
    case SQL_OP_NE:
    case SQL_OP_LT:
    case SQL_OP_LE:
    case SQL_OP_GT:
    case SQL_OP_GE: return SQL_PRECEDENCE_COMPARE;
    default: return SQL_PRECEDENCE_OTHER;
    }
}

static struct sql_infix sql_parse_infix_of(struct sql_parser *p, bool is_b)
{
    struct sql_infix infix = {SQL_PRECEDENCE_NONE, false};
    if (p->token.kind == SQL_TOKEN_OPERATOR) {
        infix.precedence = sql_op_precedence(p->token.op);
    } else if (p->token.kind == SQL_TOKEN_CAST) {
        infix.precedence = SQL_PRECEDENCE_CAST;
    } else if (p->token.kind == SQL_TOKEN_NAME) {
        enum sql_keyword keyword = p->token.keyword;
        if (keyword == SQL_KW_NOT && !is_b) {
            enum sql_keyword next = sql_parse_ahead(p)->keyword;
            infix.is_not = next == SQL_KW_BETWEEN || next == SQL_KW_IN || next == SQL_KW_LIKE ||
                           next == SQL_KW_ILIKE || next == SQL_KW_SIMILAR;
            infix.precedence = infix.is_not ? SQL_PRECEDENCE_LIKE : SQL_PRECEDENCE_NONE;
        } else {
            infix.precedence = sql_parse_infix_word(p, keyword, is_b);
        }
    }
    return infix;
}

static enum sql_precedence sql_parse_infix_word(struct sql_parser *p, enum sql_keyword keyword,
                                                bool is_b)
{
    switch ((int)keyword) {
    case SQL_KW_OR: return is_b ? SQL_PRECEDENCE_NONE : SQL_PRECEDENCE_OR;
    case SQL_KW_AND: return is_b ? SQL_PRECEDENCE_NONE : SQL_PRECEDENCE_AND;
    case SQL_KW_IS: return SQL_PRECEDENCE_IS;
    case SQL_KW_ISNULL:
    case SQL_KW_NOTNULL: return is_b ? SQL_PRECEDENCE_NONE : SQL_PRECEDENCE_IS;
    case SQL_KW_BETWEEN:
    case SQL_KW_IN:
    case SQL_KW_LIKE:
    case SQL_KW_ILIKE:
    case SQL_KW_SIMILAR: return is_b ? SQL_PRECEDENCE_NONE : SQL_PRECEDENCE_LIKE;
    case SQL_KW_OPERATOR:
        return sql_parse_is_ahead_kind(p, SQL_TOKEN_LEFT_PAREN) ? SQL_PRECEDENCE_OTHER
                                                                : SQL_PRECEDENCE_NONE;
    case SQL_KW_AT:
        return !is_b && sql_parse_is_ahead(p, SQL_KW_TIME) ? SQL_PRECEDENCE_AT
                                                           : SQL_PRECEDENCE_NONE;
    case SQL_KW_COLLATE: return is_b ? SQL_PRECEDENCE_NONE : SQL_PRECEDENCE_COLLATE;
    default: return SQL_PRECEDENCE_NONE;
    }
}

/* `left` and the operator at the current token, with what belongs to it. *is_open = it is of those
 * that may not be followed by their like. */
static struct sql_expr *sql_parse_infix(struct sql_parser *p, struct sql_infix infix,
                                        struct sql_expr *left, struct sql_at begin, bool is_b,
                                        bool *is_open)
{
    struct sql_at at = p->token.at;
    switch (infix.precedence) {
    case SQL_PRECEDENCE_OR: return sql_parse_logic(p, SQL_EXPR_OR, left, begin);
    case SQL_PRECEDENCE_AND: return sql_parse_logic(p, SQL_EXPR_AND, left, begin);
    case SQL_PRECEDENCE_IS: return sql_parse_is_test(p, left, begin, is_b, is_open);
    case SQL_PRECEDENCE_LIKE:
        if (infix.is_not) {
            sql_parse_advance(p);
        }
        return sql_parse_range(p, left, begin, infix.is_not, is_open);
    case SQL_PRECEDENCE_AT: return sql_parse_at_time_zone(p, left, begin);
    case SQL_PRECEDENCE_COLLATE:
        sql_parse_refuse(p, at, "COLLATE is not supported",
                         "Texts are compared byte by byte, as UTF-8 (collation C).");
        return NULL;
    case SQL_PRECEDENCE_CAST: return sql_parse_cast(p, left, begin);
    case SQL_PRECEDENCE_COMPARE: *is_open = true; break;
    case SQL_PRECEDENCE_OTHER:
        if (sql_parse_is(p, SQL_KW_OPERATOR)) {
            sql_parse_refuse(p, at, "OPERATOR(...) is not supported", "Write the operator itself.");
            return NULL;
        }
        break;
    case SQL_PRECEDENCE_ADD:
    case SQL_PRECEDENCE_MUL:
    case SQL_PRECEDENCE_POW: break;
    case SQL_PRECEDENCE_NONE:
    case SQL_PRECEDENCE_NOT:
    case SQL_PRECEDENCE_SIGN:
    case SQL_PRECEDENCE_PRIMARY: UNREACHABLE();
    }
    return sql_parse_binary(p, infix.precedence, left, begin, is_b);
}

/* binary = left operator expr; ANY, ALL and SOME behind it are refused */
static struct sql_expr *sql_parse_binary(struct sql_parser *p, enum sql_precedence precedence,
                                         struct sql_expr *left, struct sql_at begin, bool is_b)
{
    struct sql_token token = p->token;
    const char *sign = token.op != SQL_OP_OTHER
                           ? sql_op_text(token.op)
                           : arena_copy(p->arena, p->lex.text + token.at.pos, token.at.length);
    if (sign == NULL) {
        sql_parse_fail_at(p, SQL_STATE_OUT_OF_MEMORY, token.at, "out of memory");
        return NULL;
    }
    sql_parse_advance(p);
    if (sql_parse_is(p, SQL_KW_ANY) || sql_parse_is(p, SQL_KW_SOME) ||
        sql_parse_is(p, SQL_KW_ALL)) {
        sql_parse_refuse(p, p->token.at, "ANY, SOME and ALL are not supported",
                         "Use IN (...) or NOT IN (...) with a list of values.");
        return NULL;
    }
    struct sql_expr *right = sql_parse_expr(p, precedence, is_b);
    struct sql_expr *expr = right != NULL ? sql_parse_node(p, SQL_EXPR_BINARY, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left) || !sql_parse_raise(p, expr, right)) {
        return NULL;
    }
    expr->point_pos = token.at.pos;
    expr->u.op.op = token.op;
    expr->u.op.sign = (struct sql_text){sign, (uint32_t)strlen(sign)};
    expr->u.op.left = left;
    expr->u.op.right = right;
    return expr;
}

/* logic = left ('AND' | 'OR') expr; a row of them is one node */
static struct sql_expr *sql_parse_logic(struct sql_parser *p, enum sql_expr_kind kind,
                                        struct sql_expr *left, struct sql_at begin)
{
    uint32_t point_pos = p->token.at.pos;
    sql_parse_advance(p);
    struct sql_expr *right =
        sql_parse_expr(p, kind == SQL_EXPR_AND ? SQL_PRECEDENCE_AND : SQL_PRECEDENCE_OR, false);
    if (right == NULL) {
        return NULL;
    }
    struct sql_expr *expr = left;
    if (left->kind != kind) {
        expr = sql_parse_node(p, kind, begin);
        if (expr == NULL || !sql_parse_raise(p, expr, left) ||
            !sql_parse_add(p, &expr->u.list, left)) {
            return NULL;
        }
        expr->point_pos = point_pos;
    }
    if (!sql_parse_raise(p, expr, right) || !sql_parse_add(p, &expr->u.list, right)) {
        return NULL;
    }
    expr->at = sql_parse_since(p, begin);
    return expr;
}

/* is_test = left ('ISNULL' | 'NOTNULL' | 'IS' ['NOT'] (word | 'DISTINCT' 'FROM' expr)) */
static struct sql_expr *sql_parse_is_test(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, bool is_b, bool *is_open)
{
    struct sql_at point = p->token.at;
    if (!sql_parse_is(p, SQL_KW_IS)) {
        bool is_not = sql_parse_is(p, SQL_KW_NOTNULL);
        p->token.keyword = SQL_KW_NULL; /* as IS [NOT] NULL */
        return sql_parse_is_word(p, left, begin, point, is_not);
    }
    sql_parse_advance(p);
    bool is_not = sql_parse_take(p, SQL_KW_NOT);
    if (!sql_parse_take(p, SQL_KW_DISTINCT)) {
        if (is_b) {
            sql_parse_fail(p, NULL);
            return NULL;
        }
        return sql_parse_is_word(p, left, begin, point, is_not);
    }
    *is_open = true;
    struct sql_expr *right =
        sql_parse_expect(p, SQL_KW_FROM) ? sql_parse_expr(p, SQL_PRECEDENCE_IS, is_b) : NULL;
    struct sql_expr *expr = right != NULL ? sql_parse_node(p, SQL_EXPR_DISTINCT, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left) || !sql_parse_raise(p, expr, right)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.distinct.left = left;
    expr->u.distinct.right = right;
    expr->u.distinct.is_not = is_not;
    return expr;
}

/* word = 'NULL' | 'TRUE' | 'FALSE' | 'UNKNOWN'; DOCUMENT, NORMALIZED are refused */
static struct sql_expr *sql_parse_is_word(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, struct sql_at point, bool is_not)
{
    static const enum sql_keyword words[] = {SQL_KW_NULL,    SQL_KW_TRUE,     SQL_KW_FALSE,
                                             SQL_KW_UNKNOWN, SQL_KW_DISTINCT, SQL_NO_KEYWORD};
    enum sql_is test = SQL_IS_NULL;
    switch (p->token.kind == SQL_TOKEN_NAME ? (int)p->token.keyword : SQL_NO_KEYWORD) {
    case SQL_KW_NULL: test = SQL_IS_NULL; break;
    case SQL_KW_TRUE: test = SQL_IS_TRUE; break;
    case SQL_KW_FALSE: test = SQL_IS_FALSE; break;
    case SQL_KW_UNKNOWN: test = SQL_IS_UNKNOWN; break;
    case SQL_KW_DOCUMENT:
    case SQL_KW_NORMALIZED:
    case SQL_KW_NFC:
    case SQL_KW_NFD:
    case SQL_KW_NFKC:
    case SQL_KW_NFKD:
        sql_parse_refuse(p, p->token.at, "IS DOCUMENT and IS NORMALIZED are not supported", NULL);
        return NULL;
    default: sql_parse_fail(p, words); return NULL;
    }
    sql_parse_advance(p);
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_IS, begin);
    if (expr == NULL || !sql_parse_raise(p, expr, left)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.is.operand = left;
    expr->u.is.test = test;
    expr->u.is.is_not = is_not;
    return expr;
}

/* range = left ['NOT'] (between | in | like); SIMILAR TO is refused */
static struct sql_expr *sql_parse_range(struct sql_parser *p, struct sql_expr *left,
                                        struct sql_at begin, bool is_not, bool *is_open)
{
    if (sql_parse_is(p, SQL_KW_SIMILAR)) {
        sql_parse_refuse(p, p->token.at, "SIMILAR TO is not supported",
                         "Use LIKE, or ~ with a regular expression.");
        return NULL;
    }
    if (sql_parse_is(p, SQL_KW_IN)) {
        return sql_parse_in(p, left, begin, is_not);
    }
    *is_open = true;
    return sql_parse_is(p, SQL_KW_BETWEEN) ? sql_parse_between(p, left, begin, is_not)
                                           : sql_parse_like(p, left, begin, is_not);
}

/* between = 'BETWEEN' ['SYMMETRIC' | 'ASYMMETRIC'] b_expr 'AND' expr */
static struct sql_expr *sql_parse_between(struct sql_parser *p, struct sql_expr *left,
                                          struct sql_at begin, bool is_not)
{
    struct sql_at point = p->token.at;
    sql_parse_advance(p);
    bool is_symmetric = sql_parse_take(p, SQL_KW_SYMMETRIC);
    if (!is_symmetric) {
        sql_parse_take(p, SQL_KW_ASYMMETRIC);
    }
    struct sql_expr *low = sql_parse_expr(p, SQL_PRECEDENCE_NONE, true);
    struct sql_expr *high = low != NULL && sql_parse_expect(p, SQL_KW_AND)
                                ? sql_parse_expr(p, SQL_PRECEDENCE_LIKE, false)
                                : NULL;
    struct sql_expr *expr = high != NULL ? sql_parse_node(p, SQL_EXPR_BETWEEN, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left) || !sql_parse_raise(p, expr, low) ||
        !sql_parse_raise(p, expr, high)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.between.operand = left;
    expr->u.between.low = low;
    expr->u.between.high = high;
    expr->u.between.is_not = is_not;
    expr->u.between.is_symmetric = is_symmetric;
    return expr;
}

/* in = 'IN' '(' exprs ')' */
static struct sql_expr *sql_parse_in(struct sql_parser *p, struct sql_expr *left,
                                     struct sql_at begin, bool is_not)
{
    struct sql_at point = p->token.at;
    struct sql_exprs list = {NULL, 0};
    sql_parse_advance(p);
    if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return NULL;
    }
    if (sql_parse_is_select(p)) {
        sql_parse_refuse(p, p->token.at, "IN with a subquery is not supported",
                         "Use IN (...) with a list of values.");
        return NULL;
    }
    if (!sql_parse_exprs(p, &list) || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return NULL;
    }
    struct sql_expr *expr = sql_parse_node(p, SQL_EXPR_IN, begin);
    if (expr == NULL || !sql_parse_raise(p, expr, left)) {
        return NULL;
    }
    for (uint32_t i = 0; i < list.count; i++) {
        if (!sql_parse_raise(p, expr, list.items[i])) {
            return NULL;
        }
    }
    expr->point_pos = point.pos;
    expr->u.in.operand = left;
    expr->u.in.list = list;
    expr->u.in.is_not = is_not;
    return expr;
}

/* like = ('LIKE' | 'ILIKE') expr ['ESCAPE' expr] */
static struct sql_expr *sql_parse_like(struct sql_parser *p, struct sql_expr *left,
                                       struct sql_at begin, bool is_not)
{
    struct sql_at point = p->token.at;
    bool is_caseless = sql_parse_is(p, SQL_KW_ILIKE);
    sql_parse_advance(p);
    if (sql_parse_is(p, SQL_KW_ANY) || sql_parse_is(p, SQL_KW_SOME) ||
        sql_parse_is(p, SQL_KW_ALL)) {
        sql_parse_refuse(p, p->token.at, "ANY, SOME and ALL are not supported",
                         "Write one LIKE for each pattern, with OR or AND between them.");
        return NULL;
    }
    struct sql_expr *pattern = sql_parse_expr(p, SQL_PRECEDENCE_LIKE, false), *escape = NULL;
    if (pattern != NULL && sql_parse_take(p, SQL_KW_ESCAPE)) {
        escape = sql_parse_expr(p, SQL_PRECEDENCE_LIKE, false);
    }
    struct sql_expr *expr = p->err == ERR_OK ? sql_parse_node(p, SQL_EXPR_LIKE, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left) || !sql_parse_raise(p, expr, pattern) ||
        !sql_parse_raise(p, expr, escape)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.like.operand = left;
    expr->u.like.pattern = pattern;
    expr->u.like.escape = escape;
    expr->u.like.is_not = is_not;
    expr->u.like.is_caseless = is_caseless;
    return expr;
}

/* at_time_zone = left 'AT' 'TIME' 'ZONE' expr */
static struct sql_expr *sql_parse_at_time_zone(struct sql_parser *p, struct sql_expr *left,
                                               struct sql_at begin)
{
    struct sql_at point = p->token.at;
    struct sql_expr *zone = sql_parse_expect(p, SQL_KW_AT) && sql_parse_expect(p, SQL_KW_TIME) &&
                                    sql_parse_expect(p, SQL_KW_ZONE)
                                ? sql_parse_expr(p, SQL_PRECEDENCE_AT, false)
                                : NULL;
    struct sql_expr *expr = zone != NULL ? sql_parse_node(p, SQL_EXPR_AT_TIME_ZONE, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left) || !sql_parse_raise(p, expr, zone)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.at_time_zone.operand = left;
    expr->u.at_time_zone.zone = zone;
    return expr;
}

/* cast = left '::' type */
static struct sql_expr *sql_parse_cast(struct sql_parser *p, struct sql_expr *left,
                                       struct sql_at begin)
{
    struct sql_at point = p->token.at;
    struct sql_type *type = sql_parse_advance(p) ? sql_parse_type(p) : NULL;
    struct sql_expr *expr = type != NULL ? sql_parse_node(p, SQL_EXPR_CAST, begin) : NULL;
    if (expr == NULL || !sql_parse_raise(p, expr, left)) {
        return NULL;
    }
    expr->point_pos = point.pos;
    expr->u.cast.operand = left;
    expr->u.cast.type = type;
    return expr;
}
