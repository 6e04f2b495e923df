/* Names, paths of names, and strings. See parse_int.h. */
#include "base/assert.h"
#include "views/sql/parse_int.h"

/* Names of a path: schema.table.column. */
#define SQL_PATH_NAMES_MAX 3

static bool sql_parse_names_add(struct sql_parser *p, enum sql_name_use use, struct sql_names *out);

bool sql_parse_is_name(const struct sql_parser *p, enum sql_name_use use)
{
    if (p->err != ERR_OK || p->token.kind != SQL_TOKEN_NAME) {
        return p->err == ERR_OK && p->token.kind == SQL_TOKEN_QUOTED_NAME;
    }
    switch (use) {
    case SQL_NAME_COLUMN: return sql_keyword_is_column_name(p->token.keyword);
    case SQL_NAME_FUNCTION: return sql_keyword_is_function_name(p->token.keyword);
    case SQL_NAME_LABEL: return true;
    }
    UNREACHABLE();
}

bool sql_parse_name(struct sql_parser *p, enum sql_name_use use, struct sql_name *out)
{
    struct sql_text text = {NULL, 0};
    if (!sql_parse_is_name(p, use)) {
        return sql_parse_fail(p, NULL);
    }
    bool is_quoted = p->token.kind == SQL_TOKEN_QUOTED_NAME;
    p->err = sql_lex_text(&p->lex, &p->token, p->arena, &text, p->error);
    *out = (struct sql_name){text.text, text.length, is_quoted, p->token.at};
    return sql_parse_advance(p);
}

bool sql_parse_path(struct sql_parser *p, enum sql_name_use use, struct sql_names *out)
{
    struct sql_at begin = p->token.at;
    *out = (struct sql_names){NULL, 0, begin};
    do {
        if (out->count == SQL_PATH_NAMES_MAX) {
            return sql_parse_refuse(p, p->token.at, "names of more than three parts are not known",
                                    "A column is [[schema.]table.]column.");
        }
        if (out->count > 0 && p->token.kind == SQL_TOKEN_OPERATOR && p->token.op == SQL_OP_MUL) {
            return sql_parse_refuse(p, p->token.at, "whole rows as values are not supported",
                                    "count(*) counts rows; otherwise name a column.");
        }
        if (!sql_parse_names_add(p, out->count == 0 ? use : SQL_NAME_LABEL, out)) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_DOT));
    out->at = sql_parse_since(p, begin);
    return p->err == ERR_OK;
}

bool sql_parse_path_star(struct sql_parser *p, struct sql_names *out)
{
    struct sql_at begin = p->token.at;
    *out = (struct sql_names){NULL, 0, begin};
    while (!sql_parse_is_kind(p, SQL_TOKEN_OPERATOR)) {
        if (out->count == SQL_PATH_NAMES_MAX - 1) {
            return sql_parse_refuse(p, p->token.at, "names of more than three parts are not known",
                                    "A column is [[schema.]table.]column.");
        }
        if (!sql_parse_names_add(p, out->count == 0 ? SQL_NAME_COLUMN : SQL_NAME_LABEL, out)) {
            return false;
        }
        out->at = sql_parse_since(p, begin);
        if (!sql_parse_expect_kind(p, SQL_TOKEN_DOT)) {
            return false;
        }
    }
    return sql_parse_advance(p);
}

bool sql_parse_names(struct sql_parser *p, struct sql_names *out)
{
    struct sql_at begin = p->token.at;
    *out = (struct sql_names){NULL, 0, begin};
    if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return false;
    }
    do {
        if (!sql_parse_names_add(p, SQL_NAME_COLUMN, out)) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    if (!sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return false;
    }
    out->at = sql_parse_since(p, begin);
    return true;
}

bool sql_parse_string(struct sql_parser *p, struct sql_text *out)
{
    if (!sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        return sql_parse_fail(p, NULL);
    }
    if (p->err == ERR_OK) {
        p->err = sql_lex_text(&p->lex, &p->token, p->arena, out, p->error);
    }
    return sql_parse_advance(p);
}

static bool sql_parse_names_add(struct sql_parser *p, enum sql_name_use use, struct sql_names *out)
{
    struct sql_name name;
    if (!sql_parse_name(p, use, &name)) {
        return false;
    }
    struct sql_name *items = sql_parse_grow(p, out->items, out->count, sizeof(struct sql_name));
    if (items == NULL) {
        return false;
    }
    items[out->count++] = name;
    out->items = items;
    return true;
}
