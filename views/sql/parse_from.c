/* What a SELECT reads: one table, subquery or window function. See parse_int.h. */
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "views/sql/parse_int.h"

static bool sql_parse_from_element(struct sql_parser *p, struct sql_from *from);
static bool sql_parse_from_parens(struct sql_parser *p);
static bool sql_parse_from_select(struct sql_parser *p, struct sql_from *from);
static bool sql_parse_from_joined(struct sql_parser *p);
static bool sql_parse_from_call(struct sql_parser *p, struct sql_from *from);
static bool sql_parse_tumble(struct sql_parser *p, struct sql_from *from);
static bool sql_parse_from_alias(struct sql_parser *p, struct sql_from *from);
static bool sql_parse_is_join(const struct sql_parser *p);
static bool sql_parse_refuse_join(struct sql_parser *p);

/* from = element [alias]; commas and joins are refused */
struct sql_from *sql_parse_from(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_from *from = sql_parse_alloc(p, sizeof(*from));
    if (from == NULL || !sql_parse_from_element(p, from)) {
        return NULL;
    }
    from->at = sql_parse_since(p, begin);
    if (sql_parse_is(p, SQL_KW_TABLESAMPLE)) {
        sql_parse_refuse(p, p->token.at, "TABLESAMPLE is not supported",
                         "Use WHERE on _offset, or LIMIT.");
        return NULL;
    }
    if (sql_parse_is_join(p)) {
        sql_parse_refuse_join(p);
        return NULL;
    }
    return from;
}

static bool sql_parse_refuse_join(struct sql_parser *p)
{
    return sql_parse_refuse(p, p->token.at, "joins are not supported",
                            "FROM takes one stream, subquery or TUMBLE(...).");
}

/* element = '(' select ')' alias | path [alias] | tumble [alias] */
static bool sql_parse_from_element(struct sql_parser *p, struct sql_from *from)
{
    if (sql_parse_is(p, SQL_KW_LATERAL)) {
        return sql_parse_refuse(p, p->token.at, "LATERAL is not supported",
                                "FROM takes one stream, subquery or TUMBLE(...).");
    }
    if (sql_parse_is(p, SQL_KW_ONLY)) {
        return sql_parse_refuse(p, p->token.at, "ONLY is not supported",
                                "Streams do not inherit: leave ONLY out.");
    }
    if (sql_parse_is(p, SQL_KW_ROWS) && sql_parse_is_ahead(p, SQL_KW_FROM)) {
        return sql_parse_refuse(p, p->token.at, "ROWS FROM is not supported", NULL);
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        bool is_select = sql_parse_is_select(p) || sql_parse_is_ahead(p, SQL_KW_VALUES);
        return is_select ? sql_parse_from_select(p, from) : sql_parse_from_parens(p);
    }
    from->kind = SQL_FROM_TABLE;
    if (!sql_parse_path(p, SQL_NAME_COLUMN, &from->table)) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) && !sql_parse_from_call(p, from)) {
        return false;
    }
    if (p->token.kind == SQL_TOKEN_OPERATOR && p->token.op == SQL_OP_MUL) {
        return sql_parse_refuse(p, p->token.at, "a star behind a table is not supported",
                                "Streams do not inherit: leave the star out.");
    }
    return sql_parse_from_alias(p, from);
}

/* Parentheses around anything but a SELECT: a join, or wrong. */
static bool sql_parse_from_parens(struct sql_parser *p)
{
    sql_parse_take_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (!sql_parse_enter(p)) {
        return false;
    }
    struct sql_from *inner = sql_parse_from(p); /* refuses the join, if it is one */
    p->depth--;
    return inner != NULL && sql_parse_fail(p, NULL);
}

static bool sql_parse_from_select(struct sql_parser *p, struct sql_from *from)
{
    struct sql_at begin = p->token.at;
    from->kind = SQL_FROM_SELECT;
    sql_parse_take_kind(p, SQL_TOKEN_LEFT_PAREN);
    bool is_nested = sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN);
    from->select = sql_parse_select(p);
    if (from->select != NULL && is_nested && !sql_parse_is_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return sql_parse_from_joined(p);
    }
    if (from->select == NULL || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN) ||
        !sql_parse_from_alias(p, from)) {
        return false;
    }
    if (from->alias.text == NULL) {
        bool is_values = from->select->rows_count > 0;
        sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, begin, "%s in FROM must have an alias",
                          is_values ? "VALUES" : "subquery");
        sql_error_hint(p->error, "For example, FROM (%s ...) [AS] foo.",
                       is_values ? "VALUES" : "SELECT");
        return false;
    }
    return true;
}

/* Behind ((SELECT ...): the subquery's alias and a join, or wrong. */
static bool sql_parse_from_joined(struct sql_parser *p)
{
    struct sql_from first = {.kind = SQL_FROM_SELECT};
    if (sql_parse_from_alias(p, &first) && sql_parse_is_join(p)) {
        return sql_parse_refuse_join(p);
    }
    return sql_parse_fail(p, NULL);
}

/* The call that follows the name from->table: TUMBLE, or refused. */
static bool sql_parse_from_call(struct sql_parser *p, struct sql_from *from)
{
    const struct sql_name *name = &from->table.items[0];
    bool is_own = from->table.count == 1 && !name->is_quoted;
    if (is_own && strcasecmp(name->text, "TUMBLE") == 0) {
        return sql_parse_tumble(p, from);
    }
    bool is_window =
        is_own && (strcasecmp(name->text, "HOP") == 0 || strcasecmp(name->text, "SESSION") == 0);
    return sql_parse_refuse(p, from->table.at,
                            is_window ? "HOP and SESSION windows are not supported"
                                      : "functions in FROM are not supported",
                            "TUMBLE(stream, column, INTERVAL '1 minute') is the one there is.");
}

/* tumble = 'TUMBLE' '(' path ',' path ',' expr ')' */
static bool sql_parse_tumble(struct sql_parser *p, struct sql_from *from)
{
    struct sql_names column;
    from->kind = SQL_FROM_TUMBLE;
    sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN);
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) || sql_parse_is(p, SQL_KW_SELECT)) {
        return sql_parse_refuse(p, p->token.at, "TUMBLE of a subquery is not supported",
                                "TUMBLE takes a stream's name, a column and a width.");
    }
    if (!sql_parse_path(p, SQL_NAME_COLUMN, &from->table) ||
        !sql_parse_expect_kind(p, SQL_TOKEN_COMMA)) {
        return false;
    }
    struct sql_at begin = p->token.at;
    if (!sql_parse_path(p, SQL_NAME_COLUMN, &column)) {
        return false;
    }
    from->time = sql_parse_node(p, SQL_EXPR_COLUMN, begin);
    if (from->time == NULL || !sql_parse_expect_kind(p, SQL_TOKEN_COMMA)) {
        return false;
    }
    from->time->u.column = column;
    from->width = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    if (sql_parse_is_kind(p, SQL_TOKEN_COMMA) && p->err == ERR_OK) {
        return sql_parse_refuse(p, p->token.at, "TUMBLE with an offset is not supported",
                                "TUMBLE takes a stream's name, a column and a width.");
    }
    return from->width != NULL && sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN);
}

/* alias = ['AS'] name [names] */
static bool sql_parse_from_alias(struct sql_parser *p, struct sql_from *from)
{
    bool has_as = sql_parse_take(p, SQL_KW_AS);
    if (!has_as && !sql_parse_is_name(p, SQL_NAME_COLUMN)) {
        return p->err == ERR_OK;
    }
    if (!has_as && p->token.kind == SQL_TOKEN_NAME) {
        p->label = p->token.at;
    }
    if (!sql_parse_name(p, SQL_NAME_COLUMN, &from->alias)) {
        return false;
    }
    return !sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) || sql_parse_names(p, &from->columns);
}

static bool sql_parse_is_join(const struct sql_parser *p)
{
    return sql_parse_is_kind(p, SQL_TOKEN_COMMA) || sql_parse_is(p, SQL_KW_JOIN) ||
           sql_parse_is(p, SQL_KW_INNER) || sql_parse_is(p, SQL_KW_LEFT) ||
           sql_parse_is(p, SQL_KW_RIGHT) || sql_parse_is(p, SQL_KW_FULL) ||
           sql_parse_is(p, SQL_KW_CROSS) || sql_parse_is(p, SQL_KW_NATURAL);
}
