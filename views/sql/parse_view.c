/* Statements about materialized views. See parse_int.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "views/sql/parse_int.h"

static bool sql_parse_view_options(struct sql_parser *p, struct sql_create_view *create);
static bool sql_parse_view_option(struct sql_parser *p, struct sql_create_view *create);
static bool sql_parse_view_option_name(struct sql_parser *p, const struct sql_name *name);
static bool sql_parse_view_value(struct sql_parser *p, struct sql_create_view *create);
static bool sql_parse_view_refuse(struct sql_parser *p);
static bool sql_parse_view_select(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_view_data(struct sql_parser *p);
static struct sql_at sql_parse_view_param(const struct sql_parser *p, struct sql_at in);
static bool sql_parse_alter_refuse(struct sql_parser *p);

/* create_view = 'CREATE' 'MATERIALIZED' 'VIEW' ['IF' 'NOT' 'EXISTS'] path ['(' name (',' name)*
 * ')']
 *               ['WITH' '(' option (',' option)* ')'] 'AS' select ['WITH' 'DATA'] */
bool sql_parse_create_view(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const enum sql_keyword words[] = {SQL_KW_AS, SQL_KW_WITH, SQL_NO_KEYWORD};
    struct sql_create_view *create = sql_parse_alloc(p, sizeof(*create));
    if (create == NULL) {
        return false;
    }
    stmt->create_view = create;
    sql_parse_take(p, SQL_KW_CREATE);
    sql_parse_take(p, SQL_KW_MATERIALIZED);
    if (!sql_parse_expect(p, SQL_KW_VIEW)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_IF) && sql_parse_is_ahead(p, SQL_KW_NOT)) {
        sql_parse_take(p, SQL_KW_IF);
        sql_parse_take(p, SQL_KW_NOT);
        sql_parse_expect(p, SQL_KW_EXISTS);
        create->if_not_exists = true;
    }
    if (p->err != ERR_OK || !sql_parse_path(p, SQL_NAME_COLUMN, &create->name)) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) && !sql_parse_names(p, &create->columns)) {
        return false;
    }
    if (sql_parse_take(p, SQL_KW_WITH) && !sql_parse_view_options(p, create)) {
        return false;
    }
    if (p->err != ERR_OK || sql_parse_view_refuse(p)) {
        return false;
    }
    return sql_parse_take(p, SQL_KW_AS) ? sql_parse_view_select(p, stmt)
                                        : p->err == ERR_OK && sql_parse_fail(p, words);
}

/* options = '(' option (',' option)* ')' */
static bool sql_parse_view_options(struct sql_parser *p, struct sql_create_view *create)
{
    if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return false;
    }
    do {
        if (p->err != ERR_OK || !sql_parse_view_option(p, create)) {
            return false;
        }
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN);
}

/* option = 'origin' '=' (string | name) */
static bool sql_parse_view_option(struct sql_parser *p, struct sql_create_view *create)
{
    struct sql_name name;
    if (!sql_parse_name(p, SQL_NAME_LABEL, &name) || !sql_parse_view_option_name(p, &name)) {
        return false;
    }
    if (create->has_origin) {
        return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, name.at,
                                 "parameter \"origin\" specified more than once");
    }
    create->has_origin = true;
    if (!sql_parse_is_kind(p, SQL_TOKEN_OPERATOR) || p->token.op != SQL_OP_EQ) {
        sql_parse_fail(p, NULL);
        sql_error_hint(p->error, "For example, WITH (origin = 'earliest').");
        return false;
    }
    return sql_parse_advance(p) && sql_parse_view_value(p, create);
}

/* Options that come with windows that close, with views that forget, and with column files are
 * refused by their name; others are none. */
static bool sql_parse_view_option_name(struct sql_parser *p, const struct sql_name *name)
{
    static const char *const refused[] = {"emit",    "late",      "idle",     "delay",
                                          "columns", "retention", "state_ttl"};
    static const char *const known[] = {"origin"};
    char what[64];
    if (strcasecmp(name->text, known[0]) == 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (strcasecmp(name->text, refused[i]) == 0) {
            snprintf(what, sizeof(what), "the option %s of a view is not supported", refused[i]);
            return sql_parse_refuse(p, name->at, what, "The option there is: origin.");
        }
    }
    sql_parse_fail_at(p, SQL_STATE_INVALID_PARAMETER_VALUE, name->at,
                      "unrecognized parameter \"%s\"", name->text);
    const char *nearest = suggest_nearest(name->text, known, ARRAY_COUNT(known));
    if (nearest != NULL) {
        sql_error_hint(p->error, "Did you mean %s?", nearest);
    } else {
        sql_error_hint(p->error, "The option there is: origin.");
    }
    return false;
}

static bool sql_parse_view_value(struct sql_parser *p, struct sql_create_view *create)
{
    struct sql_name name;
    create->origin_at = p->token.at;
    if (sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        return sql_parse_string(p, &create->origin);
    }
    if (!sql_parse_is_name(p, SQL_NAME_COLUMN)) {
        sql_parse_fail(p, NULL);
        sql_error_hint(
            p->error, "The origin is 'earliest', 'latest', or a time like '2026-01-31T00:00:00Z'.");
        return false;
    }
    if (!sql_parse_name(p, SQL_NAME_COLUMN, &name)) {
        return false;
    }
    create->origin = (struct sql_text){name.text, name.length};
    return true;
}

/* What PostgreSQL, Materialize and RisingWave let stand before AS. True: it did, and is refused. */
static bool sql_parse_view_refuse(struct sql_parser *p)
{
    static const struct {
        const char *word;
        const char *what;
        const char *hint;
    } rows[] = {
        {"tablespace", "TABLESPACE is not supported", "Leave it out."},
        {"using", "USING is not supported on CREATE MATERIALIZED VIEW", "Leave it out."},
        {"in", "IN CLUSTER is not supported", "A server is one cluster: leave it out."},
        {"emit", "EMIT is not supported",
         "A view gives out each change as it comes; filter by window_end for windows that are "
         "over."},
    };
    for (size_t i = 0; sql_parse_is_kind(p, SQL_TOKEN_NAME) && i < ARRAY_COUNT(rows); i++) {
        if (p->token.at.length == strlen(rows[i].word) &&
            strncasecmp(p->lex.text + p->token.at.pos, rows[i].word, p->token.at.length) == 0) {
            sql_parse_refuse(p, p->token.at, rows[i].what, rows[i].hint);
            return true;
        }
    }
    return p->err != ERR_OK;
}

static bool sql_parse_view_select(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const enum sql_keyword words[] = {SQL_KW_SELECT, SQL_KW_WITH, SQL_KW_VALUES,
                                             SQL_NO_KEYWORD};
    struct sql_at begin = p->token.at;
    if (!sql_parse_is_select(p) && !sql_parse_is(p, SQL_KW_VALUES)) {
        return p->err == ERR_OK && sql_parse_fail(p, words);
    }
    stmt->select = sql_parse_select(p);
    if (stmt->select == NULL || !sql_parse_view_data(p) || sql_parse_view_refuse(p)) {
        return false;
    }
    if (p->params_count > 0) {
        struct sql_at in = sql_parse_since(p, begin);
        sql_parse_fail_at(p, SQL_STATE_FEATURE_NOT_SUPPORTED, sql_parse_view_param(p, in),
                          "materialized views may not be defined using bound parameters");
        sql_error_hint(p->error, "Write the value, or filter by it when you ask the view.");
        return false;
    }
    return true;
}

/* data = ['WITH' 'DATA']: what a view has anyway */
static bool sql_parse_view_data(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {SQL_KW_DATA, SQL_NO_KEYWORD};
    if (!sql_parse_take(p, SQL_KW_WITH)) {
        return p->err == ERR_OK;
    }
    if (sql_parse_is(p, SQL_KW_NO) && sql_parse_is_ahead(p, SQL_KW_DATA)) {
        return sql_parse_refuse(p, p->token.at, "WITH NO DATA is not supported",
                                "A view fills itself; WITH (origin = 'latest') before AS begins "
                                "with what comes from now on.");
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        sql_parse_fail(p, NULL);
        sql_error_hint(p->error, "Options stand before AS.");
        return false;
    }
    return sql_parse_take(p, SQL_KW_DATA) || (p->err == ERR_OK && sql_parse_fail(p, words));
}

/* The first parameter in a stretch of the text that has one. */
static struct sql_at sql_parse_view_param(const struct sql_parser *p, struct sql_at in)
{
    struct sql_lex lex = {p->lex.text, p->lex.length, in.pos};
    struct sql_token token = {.kind = SQL_TOKEN_OTHER};
    struct sql_error ignored;
    while (token.kind != SQL_TOKEN_PARAM && token.kind != SQL_TOKEN_END) {
        if (sql_lex_next(&lex, true, &token, &ignored) != ERR_OK) {
            break;
        }
    }
    return token.kind == SQL_TOKEN_PARAM ? token.at : in;
}

/* drop_view = 'DROP' 'MATERIALIZED' 'VIEW' ['IF' 'EXISTS'] path ['RESTRICT'] */
bool sql_parse_drop_view(struct sql_parser *p, struct sql_stmt *stmt)
{
    stmt->kind = SQL_STMT_DROP_VIEW;
    sql_parse_take(p, SQL_KW_DROP);
    sql_parse_take(p, SQL_KW_MATERIALIZED);
    if (!sql_parse_expect(p, SQL_KW_VIEW) || !sql_parse_if_exists(p, stmt) ||
        !sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name)) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_COMMA)) {
        return sql_parse_refuse(p, p->token.at,
                                "DROP MATERIALIZED VIEW of several views is not supported",
                                "Drop one view at a time.");
    }
    if (sql_parse_is(p, SQL_KW_CASCADE)) {
        return sql_parse_refuse(p, p->token.at,
                                "DROP MATERIALIZED VIEW ... CASCADE is not supported",
                                "Nothing depends on a view: leave CASCADE out.");
    }
    sql_parse_take(p, SQL_KW_RESTRICT);
    return p->err == ERR_OK;
}

/* alter_view = 'ALTER' 'MATERIALIZED' 'VIEW' ['IF' 'EXISTS'] path ('RENAME' 'TO' name | 'REBIND')
 */
bool sql_parse_alter_view(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const enum sql_keyword words[] = {SQL_KW_RENAME, SQL_KW_REBIND, SQL_NO_KEYWORD};
    sql_parse_take(p, SQL_KW_ALTER);
    sql_parse_take(p, SQL_KW_MATERIALIZED);
    if (!sql_parse_expect(p, SQL_KW_VIEW) || !sql_parse_if_exists(p, stmt) ||
        !sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name)) {
        return false;
    }
    if (sql_parse_take(p, SQL_KW_REBIND)) {
        stmt->kind = SQL_STMT_REBIND_VIEW;
        return true;
    }
    if (sql_parse_is(p, SQL_KW_RENAME) && sql_parse_is_ahead(p, SQL_KW_TO)) {
        stmt->kind = SQL_STMT_RENAME_VIEW;
        return sql_parse_take(p, SQL_KW_RENAME) && sql_parse_take(p, SQL_KW_TO) &&
               sql_parse_name(p, SQL_NAME_COLUMN, &stmt->rename);
    }
    if (p->err != ERR_OK || sql_parse_alter_refuse(p)) {
        return false;
    }
    return sql_parse_fail(p, words);
}

/* What else PostgreSQL alters of a view. True: it is refused. */
static bool sql_parse_alter_refuse(struct sql_parser *p)
{
    static const struct {
        enum sql_keyword word;
        const char *what;
    } rows[] = {
        {SQL_KW_RENAME, "renaming a column of a view is not supported"},
        {SQL_KW_ALTER, "ALTER COLUMN of a view is not supported"},
        {SQL_KW_SET, "SET of a view is not supported"},
        {SQL_KW_RESET, "RESET of a view is not supported"},
        {SQL_KW_OWNER, "OWNER TO is not supported"},
        {SQL_KW_CLUSTER, "CLUSTER ON is not supported"},
        {SQL_KW_DEPENDS, "DEPENDS ON is not supported"},
        {SQL_KW_NO, "DEPENDS ON is not supported"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (sql_parse_is(p, rows[i].word)) {
            sql_parse_refuse(p, p->token.at, rows[i].what,
                             "There are RENAME TO and REBIND; else DROP the view and CREATE it "
                             "anew.");
            return true;
        }
    }
    return false;
}
