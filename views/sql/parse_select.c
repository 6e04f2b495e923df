/* SELECT, VALUES and what stands around them. See parse_int.h. */
#include "base/assert.h"
#include "views/sql/parse_int.h"

static struct sql_select *sql_parse_select_here(struct sql_parser *p);
static bool sql_parse_with(struct sql_parser *p, struct sql_select *with);
static bool sql_parse_cte(struct sql_parser *p, struct sql_cte *cte);
static struct sql_select *sql_parse_select_body(struct sql_parser *p);
static bool sql_parse_simple(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_from_clause(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_distinct(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_items(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_item(struct sql_parser *p, struct sql_item *item);
static bool sql_parse_item_label(struct sql_parser *p, struct sql_item *item);
static bool sql_parse_is_star(const struct sql_parser *p);
static bool sql_parse_has_items(struct sql_parser *p);
static bool sql_parse_group(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_group_refuse(struct sql_parser *p);
static bool sql_parse_values(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_tail(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_order(struct sql_parser *p, struct sql_select *select);
static bool sql_parse_order_key(struct sql_parser *p, struct sql_order *key);
static bool sql_parse_limits(struct sql_parser *p, struct sql_select *select);
static struct sql_expr *sql_parse_limit(struct sql_parser *p);
static struct sql_expr *sql_parse_fetch(struct sql_parser *p);
static struct sql_expr *sql_parse_fetch_count(struct sql_parser *p);
static struct sql_expr *sql_parse_offset(struct sql_parser *p);
static bool sql_parse_refuse_tail(struct sql_parser *p);
static bool sql_parse_select_raise(struct sql_parser *p, struct sql_select *select,
                                   const struct sql_expr *expr);

/* select = [with] ('(' select ')' | simple | values) [order] [limits] */
struct sql_select *sql_parse_select(struct sql_parser *p)
{
    if (!sql_parse_enter(p)) {
        return NULL;
    }
    struct sql_select *select = sql_parse_select_here(p);
    p->depth--;
    ASSERT((select != NULL) == (p->err == ERR_OK));
    return select;
}

bool sql_parse_is_select(struct sql_parser *p)
{
    if (p->err != ERR_OK) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        bool is_known = p->token.at.pos >= p->parens_begin && p->token.at.pos < p->parens_end;
        if (!is_known) {
            struct sql_lex lex = {p->lex.text, p->lex.length, p->token.at.pos};
            struct sql_token token;
            struct sql_error ignored;
            enum err err;
            do {
                err = sql_lex_next(&lex, true, &token, &ignored);
            } while (err == ERR_OK && token.kind == SQL_TOKEN_LEFT_PAREN);
            p->parens_begin = p->token.at.pos;
            p->parens_end = err == ERR_OK ? token.at.pos : lex.length;
            p->parens_are_select = err == ERR_OK && token.kind == SQL_TOKEN_NAME &&
                                   (token.keyword == SQL_KW_SELECT ||
                                    token.keyword == SQL_KW_WITH || token.keyword == SQL_KW_VALUES);
        }
        return p->parens_are_select;
    }
    return sql_parse_is(p, SQL_KW_SELECT) || sql_parse_is(p, SQL_KW_WITH) ||
           (sql_parse_is(p, SQL_KW_VALUES) && sql_parse_is_ahead_kind(p, SQL_TOKEN_LEFT_PAREN));
}

static struct sql_select *sql_parse_select_here(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_select with = {.height = 1};
    if (sql_parse_is(p, SQL_KW_WITH) && !sql_parse_with(p, &with)) {
        return NULL;
    }
    if (!sql_parse_is(p, SQL_KW_SELECT) && !sql_parse_is(p, SQL_KW_VALUES) &&
        !sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        if (p->err == ERR_OK && !sql_parse_refuse_stmt(p)) {
            sql_parse_fail(p, (const enum sql_keyword[]){SQL_KW_SELECT, SQL_NO_KEYWORD});
        }
        return NULL;
    }
    bool is_in_parens = sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN);
    struct sql_select *select = sql_parse_select_body(p);
    struct sql_at last = p->last;
    if (select == NULL || !sql_parse_tail(p, select)) {
        return NULL;
    }
    if (!is_in_parens || p->last.pos != last.pos) {
        select->at = sql_parse_since(p, select->at);
    }
    if (with.ctes_count > 0 && select->ctes_count > 0) {
        sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, begin, "multiple WITH clauses not allowed");
        return NULL;
    }
    if (with.ctes_count > 0) {
        select->ctes = with.ctes;
        select->ctes_count = with.ctes_count;
        select->height = with.height > select->height ? with.height : select->height;
        select->at = sql_parse_since(p, begin);
    }
    return select;
}

/* with = 'WITH' cte (',' cte)* */
static bool sql_parse_with(struct sql_parser *p, struct sql_select *with)
{
    sql_parse_take(p, SQL_KW_WITH);
    if (sql_parse_is(p, SQL_KW_RECURSIVE)) {
        return sql_parse_refuse(p, p->token.at, "WITH RECURSIVE is not supported",
                                "WITH without RECURSIVE names a SELECT for the query behind it.");
    }
    do {
        struct sql_cte cte = {.select = NULL};
        if (!sql_parse_cte(p, &cte)) {
            return false;
        }
        struct sql_cte *ctes = sql_parse_grow(p, with->ctes, with->ctes_count, sizeof(cte));
        if (ctes == NULL) {
            return false;
        }
        ctes[with->ctes_count++] = cte;
        with->ctes = ctes;
        uint32_t height = cte.select->height + 1;
        with->height = height > with->height ? height : with->height;
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    if (with->height > SQL_DEPTH_MAX) {
        return sql_parse_fail_at(p, SQL_STATE_STATEMENT_TOO_COMPLEX, p->token.at,
                                 "statement is nested too deep");
    }
    return p->err == ERR_OK;
}

/* cte = name [names] 'AS' [['NOT'] 'MATERIALIZED'] '(' select ')' */
static bool sql_parse_cte(struct sql_parser *p, struct sql_cte *cte)
{
    if (!sql_parse_name(p, SQL_NAME_COLUMN, &cte->name)) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) && !sql_parse_names(p, &cte->columns)) {
        return false;
    }
    if (!sql_parse_expect(p, SQL_KW_AS)) {
        return false;
    }
    if (sql_parse_take(p, SQL_KW_MATERIALIZED)) {
        cte->materialized = SQL_MATERIALIZED_ALWAYS;
    } else if (sql_parse_take(p, SQL_KW_NOT)) {
        cte->materialized = SQL_MATERIALIZED_NEVER;
        sql_parse_expect(p, SQL_KW_MATERIALIZED);
    }
    if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return false;
    }
    cte->select = sql_parse_select(p);
    if (cte->select == NULL || !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_SEARCH) || sql_parse_is(p, SQL_KW_CYCLE)) {
        return sql_parse_refuse(p, p->token.at, "SEARCH and CYCLE are not supported", NULL);
    }
    return true;
}

static struct sql_select *sql_parse_select_body(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    if (sql_parse_take_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        struct sql_select *inner = sql_parse_select(p);
        return inner != NULL && sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN) ? inner : NULL;
    }
    struct sql_select *select = sql_parse_alloc(p, sizeof(*select));
    if (select == NULL) {
        return NULL;
    }
    select->height = 1;
    select->at = begin;
    bool is_right =
        sql_parse_is(p, SQL_KW_VALUES) ? sql_parse_values(p, select) : sql_parse_simple(p, select);
    return is_right ? select : NULL;
}

/* simple = 'SELECT' ['ALL' | 'DISTINCT'] items ['FROM' from] ['WHERE' expr] [group] ['HAVING' expr]
 */
static bool sql_parse_simple(struct sql_parser *p, struct sql_select *select)
{
    if (!sql_parse_expect(p, SQL_KW_SELECT) || !sql_parse_distinct(p, select) ||
        !sql_parse_items(p, select)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_INTO)) {
        return sql_parse_refuse(p, p->token.at, "SELECT INTO is not supported",
                                "The answer of a query is given to who asked.");
    }
    if (!sql_parse_from_clause(p, select)) {
        return false;
    }
    if (sql_parse_take(p, SQL_KW_WHERE)) {
        select->where = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (!sql_parse_select_raise(p, select, select->where)) {
            return false;
        }
    }
    if (sql_parse_is(p, SQL_KW_GROUP) && !sql_parse_group(p, select)) {
        return false;
    }
    if (sql_parse_take(p, SQL_KW_HAVING)) {
        select->having = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (!sql_parse_select_raise(p, select, select->having)) {
            return false;
        }
    }
    if (sql_parse_is(p, SQL_KW_WINDOW)) {
        return sql_parse_refuse(p, p->token.at, "window functions are not supported",
                                "TUMBLE in FROM makes windows of time.");
    }
    return p->err == ERR_OK;
}

/* from_clause = ['FROM' from]; without it no * may stand among the columns */
static bool sql_parse_from_clause(struct sql_parser *p, struct sql_select *select)
{
    if (sql_parse_take(p, SQL_KW_FROM)) {
        select->from = sql_parse_from(p);
        if (select->from == NULL) {
            return false;
        }
        const struct sql_select *inner = select->from->select;
        if (inner != NULL && inner->height >= select->height) {
            select->height = inner->height + 1;
        }
        return sql_parse_select_raise(p, select, select->from->width);
    }
    for (uint32_t i = 0; p->err == ERR_OK && i < select->items_count; i++) {
        if (select->items[i].expr == NULL && select->items[i].table.count == 0) {
            p->bare_star = select->items[i].at;
            p->has_bare_star = true;
        }
    }
    return p->err == ERR_OK;
}

static bool sql_parse_distinct(struct sql_parser *p, struct sql_select *select)
{
    if (sql_parse_take(p, SQL_KW_DISTINCT)) {
        select->is_distinct = true;
        if (sql_parse_is(p, SQL_KW_ON)) {
            return sql_parse_refuse(p, p->token.at, "DISTINCT ON is not supported",
                                    "Group by its columns: first(value, time) or last(value, time) "
                                    "picks a row's value.");
        }
        return p->err == ERR_OK;
    }
    sql_parse_take(p, SQL_KW_ALL);
    if (p->err == ERR_OK && !sql_parse_has_items(p)) {
        return sql_parse_refuse(p, p->token.at, "SELECT without columns is not supported",
                                "Name columns, or * for all.");
    }
    return p->err == ERR_OK;
}

/* items = item (',' item)* */
static bool sql_parse_items(struct sql_parser *p, struct sql_select *select)
{
    do {
        struct sql_item item = {.expr = NULL};
        if (!sql_parse_item(p, &item) || !sql_parse_select_raise(p, select, item.expr)) {
            return false;
        }
        struct sql_item *items =
            sql_parse_grow(p, select->items, select->items_count, sizeof(item));
        if (items == NULL) {
            return false;
        }
        items[select->items_count++] = item;
        select->items = items;
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return p->err == ERR_OK;
}

/* item = '*' | path '.' '*' | expr [['AS'] label] */
static bool sql_parse_item(struct sql_parser *p, struct sql_item *item)
{
    struct sql_at begin = p->token.at;
    bool is_all = p->token.kind == SQL_TOKEN_OPERATOR && p->token.op == SQL_OP_MUL;
    if (is_all) {
        sql_parse_advance(p);
    } else if (sql_parse_is_star(p)) {
        if (!sql_parse_path_star(p, &item->table)) {
            return false;
        }
    } else {
        item->expr = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (item->expr == NULL || !sql_parse_item_label(p, item)) {
            return false;
        }
    }
    item->at = sql_parse_since(p, begin);
    return p->err == ERR_OK;
}

static bool sql_parse_item_label(struct sql_parser *p, struct sql_item *item)
{
    if (sql_parse_take(p, SQL_KW_AS)) {
        return sql_parse_name(p, SQL_NAME_LABEL, &item->alias);
    }
    bool is_label =
        p->token.kind == SQL_TOKEN_QUOTED_NAME ||
        (p->token.kind == SQL_TOKEN_NAME && sql_keyword_is_bare_label(p->token.keyword));
    if (!is_label) {
        return p->err == ERR_OK;
    }
    p->label = p->token.kind == SQL_TOKEN_NAME ? p->token.at : p->label;
    return sql_parse_name(p, SQL_NAME_LABEL, &item->alias);
}

/* Whether name ('.' name)* '.' '*' stands here. */
static bool sql_parse_is_star(const struct sql_parser *p)
{
    struct sql_lex lex = {p->lex.text, p->lex.length, p->token.at.pos};
    struct sql_token token;
    struct sql_error ignored;
    if (!sql_parse_is_name(p, SQL_NAME_COLUMN)) {
        return false;
    }
    do {
        if (sql_lex_next(&lex, false, &token, &ignored) != ERR_OK) {
            return false;
        }
        if (token.kind == SQL_TOKEN_OPERATOR) {
            return token.op == SQL_OP_MUL;
        }
        if (token.kind != SQL_TOKEN_NAME && token.kind != SQL_TOKEN_QUOTED_NAME) {
            return false;
        }
    } while (sql_lex_next(&lex, false, &token, &ignored) == ERR_OK && token.kind == SQL_TOKEN_DOT);
    return false;
}

/* Whether a list of columns begins here, as opposed to what follows one. */
static bool sql_parse_has_items(struct sql_parser *p)
{
    switch ((int)p->token.kind) {
    case SQL_TOKEN_END:
    case SQL_TOKEN_SEMICOLON:
    case SQL_TOKEN_RIGHT_PAREN: return false;
    case SQL_TOKEN_NAME: break;
    default: return true;
    }
    switch ((int)p->token.keyword) {
    case SQL_KW_FROM:
    case SQL_KW_WHERE:
    case SQL_KW_HAVING:
    case SQL_KW_UNION:
    case SQL_KW_INTERSECT:
    case SQL_KW_EXCEPT:
    case SQL_KW_INTO: return false;
    case SQL_KW_GROUP:
    case SQL_KW_ORDER: return !sql_parse_is_ahead(p, SQL_KW_BY);
    default: return true;
    }
}

/* group = 'GROUP' 'BY' ['ALL'] exprs */
static bool sql_parse_group(struct sql_parser *p, struct sql_select *select)
{
    sql_parse_take(p, SQL_KW_GROUP);
    if (!sql_parse_expect(p, SQL_KW_BY)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_DISTINCT)) {
        return sql_parse_refuse(p, p->token.at, "GROUP BY DISTINCT is not supported",
                                "GROUP BY takes expressions and ordinals.");
    }
    sql_parse_take(p, SQL_KW_ALL);
    do {
        if (sql_parse_group_refuse(p)) {
            return false;
        }
        struct sql_expr *expr = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
        if (!sql_parse_add(p, &select->group, expr) || !sql_parse_select_raise(p, select, expr)) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return p->err == ERR_OK;
}

static bool sql_parse_group_refuse(struct sql_parser *p)
{
    bool is_called = sql_parse_is_ahead_kind(p, SQL_TOKEN_LEFT_PAREN);
    bool is_sets = sql_parse_is(p, SQL_KW_GROUPING) && sql_parse_is_ahead(p, SQL_KW_SETS);
    bool is_empty = sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) &&
                    sql_parse_is_ahead_kind(p, SQL_TOKEN_RIGHT_PAREN);
    if (is_sets || is_empty || (sql_parse_is(p, SQL_KW_ROLLUP) && is_called) ||
        (sql_parse_is(p, SQL_KW_CUBE) && is_called)) {
        sql_parse_refuse(p, p->token.at, "grouping sets are not supported",
                         "GROUP BY takes expressions and ordinals.");
    }
    return p->err != ERR_OK;
}

/* values = 'VALUES' '(' exprs ')' (',' '(' exprs ')')*, all of one length */
static bool sql_parse_values(struct sql_parser *p, struct sql_select *select)
{
    sql_parse_take(p, SQL_KW_VALUES);
    do {
        struct sql_exprs row = {NULL, 0};
        if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN) || !sql_parse_exprs(p, &row) ||
            !sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
            return false;
        }
        for (uint32_t i = 0; i < row.count; i++) {
            if (!sql_parse_select_raise(p, select, row.items[i])) {
                return false;
            }
        }
        if (select->rows_count > 0 && row.count != select->rows[0].count) {
            return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, row.items[0]->at,
                                     "VALUES lists must all be the same length");
        }
        struct sql_exprs *rows = sql_parse_grow(p, select->rows, select->rows_count, sizeof(row));
        if (rows == NULL) {
            return false;
        }
        rows[select->rows_count++] = row;
        select->rows = rows;
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return p->err == ERR_OK;
}

/* tail = [order] [limits]; a SELECT in parentheses takes what stands behind them for its own */
static bool sql_parse_tail(struct sql_parser *p, struct sql_select *select)
{
    if (sql_parse_refuse_tail(p)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_ORDER) && !sql_parse_order(p, select)) {
        return false;
    }
    return sql_parse_limits(p, select) && !sql_parse_refuse_tail(p);
}

/* order = 'ORDER' 'BY' key (',' key)* */
static bool sql_parse_order(struct sql_parser *p, struct sql_select *select)
{
    sql_parse_take(p, SQL_KW_ORDER);
    if (!sql_parse_expect(p, SQL_KW_BY)) {
        return false;
    }
    bool had_order = select->order_count > 0;
    struct sql_at begin = p->token.at;
    do {
        struct sql_order key = {.expr = NULL};
        if (!sql_parse_order_key(p, &key) || !sql_parse_select_raise(p, select, key.expr)) {
            return false;
        }
        struct sql_order *order =
            sql_parse_grow(p, select->order, select->order_count, sizeof(key));
        if (order == NULL) {
            return false;
        }
        order[select->order_count++] = key;
        select->order = order;
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    if (p->err == ERR_OK && had_order) {
        return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, begin,
                                 "multiple ORDER BY clauses not allowed");
    }
    return p->err == ERR_OK;
}

/* key = expr ['ASC' | 'DESC'] ['NULLS' ('FIRST' | 'LAST')] */
static bool sql_parse_order_key(struct sql_parser *p, struct sql_order *key)
{
    key->expr = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    if (sql_parse_is(p, SQL_KW_USING)) {
        return sql_parse_refuse(p, p->token.at, "ORDER BY ... USING is not supported",
                                "Use ASC or DESC.");
    }
    key->is_descending = sql_parse_take(p, SQL_KW_DESC);
    if (!key->is_descending) {
        sql_parse_take(p, SQL_KW_ASC);
    }
    if (sql_parse_is(p, SQL_KW_NULLS)) {
        bool is_first = sql_parse_is_ahead(p, SQL_KW_FIRST);
        if (!is_first && !sql_parse_is_ahead(p, SQL_KW_LAST)) {
            sql_parse_fail(p, NULL);
            sql_error_hint(p->error, "It is NULLS FIRST or NULLS LAST.");
            return false;
        }
        key->nulls = is_first ? SQL_NULLS_FIRST : SQL_NULLS_LAST;
        sql_parse_advance(p);
        sql_parse_advance(p);
    }
    return p->err == ERR_OK;
}

/* limits = [limit | fetch] [offset], in either order */
static bool sql_parse_limits(struct sql_parser *p, struct sql_select *select)
{
    bool has_limit = false, has_offset = false;
    while (p->err == ERR_OK) {
        bool is_fetch = sql_parse_is(p, SQL_KW_FETCH);
        struct sql_expr *expr = NULL;
        if (!has_offset && sql_parse_is(p, SQL_KW_OFFSET)) {
            has_offset = true;
            expr = sql_parse_offset(p);
            if (expr != NULL && select->offset != NULL) {
                return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, expr->at,
                                         "multiple OFFSET clauses not allowed");
            }
            select->offset = expr;
        } else if (!has_limit && (is_fetch || sql_parse_is(p, SQL_KW_LIMIT))) {
            has_limit = true;
            expr = is_fetch ? sql_parse_fetch(p) : sql_parse_limit(p);
            if (expr != NULL && select->limit != NULL) {
                return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, expr->at,
                                         "multiple LIMIT clauses not allowed");
            }
            select->limit = expr;
        } else {
            return p->err == ERR_OK;
        }
        if (!sql_parse_select_raise(p, select, expr)) {
            return false;
        }
    }
    return false;
}

/* limit = 'LIMIT' ('ALL' | expr) */
static struct sql_expr *sql_parse_limit(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_expr *expr = NULL;
    sql_parse_take(p, SQL_KW_LIMIT);
    struct sql_at all = p->token.at;
    if (sql_parse_take(p, SQL_KW_ALL)) {
        expr = sql_parse_node(p, SQL_EXPR_NULL, all);
    } else if (p->err == ERR_OK) {
        expr = sql_parse_expr(p, SQL_PRECEDENCE_NONE, false);
    }
    if (sql_parse_take_kind(p, SQL_TOKEN_COMMA)) {
        if (sql_parse_expr(p, SQL_PRECEDENCE_NONE, false) == NULL) {
            return NULL;
        }
        sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, begin, "LIMIT #,# syntax is not supported");
        sql_error_hint(p->error, "Use separate LIMIT and OFFSET clauses.");
        return NULL;
    }
    return expr;
}

/* fetch = 'FETCH' ('FIRST' | 'NEXT') [count] ('ROW' | 'ROWS') 'ONLY' */
static struct sql_expr *sql_parse_fetch(struct sql_parser *p)
{
    sql_parse_take(p, SQL_KW_FETCH);
    if (!sql_parse_take(p, SQL_KW_FIRST) && !sql_parse_take(p, SQL_KW_NEXT)) {
        sql_parse_fail(p, (const enum sql_keyword[]){SQL_KW_FIRST, SQL_KW_NEXT, SQL_NO_KEYWORD});
        return NULL;
    }
    struct sql_expr *count = sql_parse_fetch_count(p);
    if (count == NULL) {
        return NULL;
    }
    if (!sql_parse_take(p, SQL_KW_ROW) && !sql_parse_expect(p, SQL_KW_ROWS)) {
        return NULL;
    }
    if (sql_parse_is(p, SQL_KW_WITH) && sql_parse_is_ahead(p, SQL_KW_TIES)) {
        sql_parse_refuse(p, p->token.at, "FETCH FIRST ... WITH TIES is not supported",
                         "Use ROWS ONLY, or LIMIT.");
        return NULL;
    }
    return sql_parse_expect(p, SQL_KW_ONLY) ? count : NULL;
}

/* count = primary | ('+' | '-') number; one if it is missing */
static struct sql_expr *sql_parse_fetch_count(struct sql_parser *p)
{
    struct sql_token token = p->token;
    if (sql_parse_is(p, SQL_KW_ROW) || sql_parse_is(p, SQL_KW_ROWS)) {
        struct sql_expr *one = sql_parse_node(p, SQL_EXPR_INTEGER, token.at);
        if (one != NULL) {
            one->u.text = (struct sql_text){"1", 1};
        }
        return one;
    }
    bool is_sign =
        token.kind == SQL_TOKEN_OPERATOR && (token.op == SQL_OP_ADD || token.op == SQL_OP_SUB);
    if (is_sign && !sql_parse_is_ahead_kind(p, SQL_TOKEN_INTEGER) &&
        !sql_parse_is_ahead_kind(p, SQL_TOKEN_DECIMAL)) {
        sql_parse_advance(p);
        sql_parse_fail(p, NULL);
        return NULL;
    }
    return is_sign ? sql_parse_expr(p, SQL_PRECEDENCE_CAST, false) : sql_parse_primary(p);
}

/* offset = 'OFFSET' expr ['ROW' | 'ROWS'] */
static struct sql_expr *sql_parse_offset(struct sql_parser *p)
{
    sql_parse_take(p, SQL_KW_OFFSET);
    struct sql_expr *expr = p->err == ERR_OK ? sql_parse_expr(p, SQL_PRECEDENCE_NONE, false) : NULL;
    if (!sql_parse_take(p, SQL_KW_ROW)) {
        sql_parse_take(p, SQL_KW_ROWS);
    }
    return p->err == ERR_OK ? expr : NULL;
}

/* What may follow a SELECT in PostgreSQL and is not served. True: it did. */
static bool sql_parse_refuse_tail(struct sql_parser *p)
{
    if (sql_parse_is(p, SQL_KW_UNION) || sql_parse_is(p, SQL_KW_INTERSECT) ||
        sql_parse_is(p, SQL_KW_EXCEPT)) {
        sql_parse_refuse(p, p->token.at, "UNION, INTERSECT and EXCEPT are not supported",
                         "Ask two queries, or one with OR between the conditions.");
    } else if (sql_parse_is(p, SQL_KW_FOR)) {
        sql_parse_refuse(p, p->token.at, "row locks (FOR UPDATE and the like) are not supported",
                         "A query reads a log, which does not change under it.");
    }
    return p->err != ERR_OK;
}

/* Give `select` its height from that of `expr` (NULL: nothing, and p->err tells). */
static bool sql_parse_select_raise(struct sql_parser *p, struct sql_select *select,
                                   const struct sql_expr *expr)
{
    if (expr != NULL && expr->height >= select->height) {
        select->height = expr->height + 1;
    }
    if (select->height > SQL_DEPTH_MAX) {
        return sql_parse_fail_at(p, SQL_STATE_STATEMENT_TOO_COMPLEX, select->at,
                                 "statement is nested more than %d deep", SQL_DEPTH_MAX);
    }
    return p->err == ERR_OK;
}
