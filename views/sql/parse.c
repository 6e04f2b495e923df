/* Tokens, failures and memory of a parse, and the statements around SELECT. See parse.h. */
#include "views/sql/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/suggest.h"
#include "views/sql/parse_int.h"

/* Candidates of one suggestion. */
#define SQL_PARSE_WORDS_MAX 48

/* How much of a token an error repeats, in bytes. */
#define SQL_PARSE_NEAR_BYTES 64

/* A name of fewer letters is like too many words. */
#define SQL_PARSE_LIKE_LETTERS_MIN 4

/* How a statement may begin. */
static const enum sql_keyword sql_stmt_words[] = {
    SQL_KW_SELECT, SQL_KW_WITH,   SQL_KW_VALUES, SQL_KW_CREATE,   SQL_KW_DROP,
    SQL_KW_ALTER,  SQL_KW_SHOW,   SQL_KW_INSERT, SQL_KW_DESCRIBE, SQL_KW_EXPLAIN,
    SQL_KW_UPDATE, SQL_KW_DELETE, SQL_NO_KEYWORD};

static enum err sql_parse_begin(struct sql_parser *p, const char *text, size_t length,
                                struct arena *arena, struct sql_error *error);
static struct sql_stmt *sql_parse_stmt(struct sql_parser *p);
static bool sql_parse_stmt_body(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_explain(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_explain_option(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_explain_format(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_drop(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_show(struct sql_parser *p, struct sql_stmt *stmt);
static bool sql_parse_show_create(struct sql_parser *p, struct sql_stmt *stmt);
static void sql_parse_suggest(struct sql_parser *p, const enum sql_keyword *words);
static bool sql_parse_suggest_for(struct sql_parser *p, struct sql_at at,
                                  const enum sql_keyword *words);
static void sql_parse_suggest_quotes(struct sql_parser *p);

enum err sql_parse(const char *text, size_t length, struct arena *arena, struct sql_stmt **out,
                   struct sql_error *error)
{
    struct sql_parser p;
    *out = NULL;
    if (sql_parse_begin(&p, text, length, arena, error) != ERR_OK) {
        return p.err;
    }
    struct sql_stmt *stmt = sql_parse_stmt(&p);
    bool has_end = false;
    while (p.err == ERR_OK && sql_parse_take_kind(&p, SQL_TOKEN_SEMICOLON)) {
        has_end = true;
    }
    if (p.err == ERR_OK && !sql_parse_is_kind(&p, SQL_TOKEN_END)) {
        if (has_end) {
            sql_parse_fail_at(&p, SQL_STATE_SYNTAX_ERROR, p.token.at,
                              "only one statement is taken at a time");
        } else {
            sql_parse_fail(&p, NULL);
        }
    }
    *out = p.err == ERR_OK ? stmt : NULL;
    ASSERT((*out != NULL) == (p.err == ERR_OK));
    return p.err;
}

/* list = [stmt] (';' [stmt])* */
enum err sql_parse_list(const char *text, size_t length, struct arena *arena, struct sql_stmts *out,
                        struct sql_error *error)
{
    struct sql_parser p;
    struct sql_stmts stmts = {NULL, 0};
    *out = stmts;
    if (sql_parse_begin(&p, text, length, arena, error) != ERR_OK) {
        return p.err;
    }
    while (p.err == ERR_OK && !sql_parse_is_kind(&p, SQL_TOKEN_END)) {
        if (sql_parse_take_kind(&p, SQL_TOKEN_SEMICOLON) || p.err != ERR_OK) {
            continue;
        }
        struct sql_stmt **items =
            sql_parse_grow(&p, stmts.items, stmts.count, sizeof(struct sql_stmt *));
        struct sql_stmt *stmt = items != NULL ? sql_parse_stmt(&p) : NULL;
        if (stmt == NULL) {
            break;
        }
        items[stmts.count++] = stmt;
        stmts.items = items;
        if (!sql_parse_is_kind(&p, SQL_TOKEN_SEMICOLON) && !sql_parse_is_kind(&p, SQL_TOKEN_END)) {
            sql_parse_fail(&p, NULL);
        }
    }
    if (p.err == ERR_OK) {
        *out = stmts;
    }
    return p.err;
}

enum err sql_parse_expression(const char *text, size_t length, struct arena *arena,
                              struct sql_expr **out, struct sql_error *error)
{
    struct sql_parser p;
    *out = NULL;
    if (sql_parse_begin(&p, text, length, arena, error) != ERR_OK) {
        return p.err;
    }
    struct sql_expr *expr = sql_parse_expr(&p, SQL_PRECEDENCE_NONE, false);
    if (expr != NULL && !sql_parse_is_kind(&p, SQL_TOKEN_END)) {
        sql_parse_fail(&p, NULL);
    }
    *out = p.err == ERR_OK ? expr : NULL;
    return p.err;
}

static enum err sql_parse_begin(struct sql_parser *p, const char *text, size_t length,
                                struct arena *arena, struct sql_error *error)
{
    sql_error_clear(error);
    *p = (struct sql_parser){.arena = arena, .error = error};
    p->err = sql_lex_check(text, length, error);
    if (p->err == ERR_OK) {
        p->lex = sql_lex(text, length);
        sql_parse_advance(p);
    }
    return p->err;
}

/* stmt = select | explain | 'CREATE' 'STREAM' ... | drop | create_view | drop_view | alter_view |
 * show | 'DESCRIBE' path */
static struct sql_stmt *sql_parse_stmt(struct sql_parser *p)
{
    struct sql_at begin = p->token.at;
    struct sql_stmt *stmt = sql_parse_alloc(p, sizeof(*stmt));
    p->params_count = 0;
    p->has_bare_star = false;
    if (stmt == NULL || !sql_parse_stmt_body(p, stmt)) {
        ASSERT(p->err != ERR_OK);
        return NULL;
    }
    bool is_end = sql_parse_is_kind(p, SQL_TOKEN_END) || sql_parse_is_kind(p, SQL_TOKEN_SEMICOLON);
    if (p->has_bare_star && is_end) {
        sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, p->bare_star,
                          "SELECT * with no tables specified is not valid");
        return NULL;
    }
    ASSERT(p->depth == 0);
    stmt->at = sql_parse_since(p, begin);
    stmt->params_count = p->params_count;
    return stmt;
}

static bool sql_parse_stmt_body(struct sql_parser *p, struct sql_stmt *stmt)
{
    if (sql_parse_is_select(p) || sql_parse_is(p, SQL_KW_VALUES) ||
        sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        stmt->kind = SQL_STMT_SELECT;
        stmt->select = sql_parse_select(p);
        return stmt->select != NULL;
    }
    if (sql_parse_is(p, SQL_KW_CREATE) && sql_parse_is_ahead(p, SQL_KW_STREAM)) {
        stmt->kind = SQL_STMT_CREATE_STREAM;
        return sql_parse_create_stream(p, stmt);
    }
    if (sql_parse_is(p, SQL_KW_DROP) && sql_parse_is_ahead(p, SQL_KW_STREAM)) {
        return sql_parse_drop(p, stmt);
    }
    if (sql_parse_is(p, SQL_KW_CREATE) && sql_parse_is_ahead(p, SQL_KW_MATERIALIZED)) {
        stmt->kind = SQL_STMT_CREATE_VIEW;
        return sql_parse_create_view(p, stmt);
    }
    if (sql_parse_is(p, SQL_KW_DROP) && sql_parse_is_ahead(p, SQL_KW_MATERIALIZED)) {
        return sql_parse_drop_view(p, stmt);
    }
    if (sql_parse_is(p, SQL_KW_ALTER) && sql_parse_is_ahead(p, SQL_KW_MATERIALIZED)) {
        return sql_parse_alter_view(p, stmt);
    }
    if (sql_parse_take(p, SQL_KW_EXPLAIN)) {
        return sql_parse_explain(p, stmt);
    }
    if (sql_parse_take(p, SQL_KW_SHOW)) {
        return sql_parse_show(p, stmt);
    }
    if (sql_parse_take(p, SQL_KW_DESCRIBE)) {
        stmt->kind = SQL_STMT_DESCRIBE;
        return sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name);
    }
    if (p->err != ERR_OK || sql_parse_refuse_stmt(p)) {
        return false;
    }
    return sql_parse_fail(p, sql_stmt_words);
}

/* explain = 'EXPLAIN' ['(' option (',' option)* ')']
 *           (select | create_view | 'MATERIALIZED' 'VIEW' path) */
static bool sql_parse_explain(struct sql_parser *p, struct sql_stmt *stmt)
{
    stmt->kind = SQL_STMT_EXPLAIN;
    if (sql_parse_is(p, SQL_KW_ANALYZE) || sql_parse_is(p, SQL_KW_ANALYSE)) {
        return sql_parse_refuse(p, p->token.at, "EXPLAIN ANALYZE is not supported",
                                "EXPLAIN shows the plan; the answer of a query says what it took.");
    }
    if (sql_parse_is(p, SQL_KW_VERBOSE)) {
        return sql_parse_refuse(p, p->token.at, "EXPLAIN VERBOSE is not supported",
                                "Use EXPLAIN (FORMAT JSON) for all details.");
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_LEFT_PAREN) && !sql_parse_is_select(p)) {
        sql_parse_take_kind(p, SQL_TOKEN_LEFT_PAREN);
        do {
            if (p->err != ERR_OK || !sql_parse_explain_option(p, stmt)) {
                return false;
            }
        } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
        if (!sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
            return false;
        }
    }
    if (sql_parse_is_select(p) || sql_parse_is(p, SQL_KW_VALUES)) {
        stmt->select = sql_parse_select(p);
        return stmt->select != NULL;
    }
    if (sql_parse_is(p, SQL_KW_CREATE) && sql_parse_is_ahead(p, SQL_KW_MATERIALIZED)) {
        stmt->kind = SQL_STMT_EXPLAIN_MAKE;
        return sql_parse_create_view(p, stmt);
    }
    if (sql_parse_take(p, SQL_KW_MATERIALIZED)) {
        stmt->kind = SQL_STMT_EXPLAIN_VIEW;
        return sql_parse_expect(p, SQL_KW_VIEW) && sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name);
    }
    if (sql_parse_is(p, SQL_KW_CREATE) || sql_parse_is(p, SQL_KW_DROP) ||
        sql_parse_is(p, SQL_KW_ALTER)) {
        return sql_parse_refuse(p, p->token.at, "EXPLAIN of this statement is not supported",
                                "EXPLAIN takes a SELECT, CREATE MATERIALIZED VIEW ... or "
                                "MATERIALIZED VIEW name.");
    }
    if (p->err != ERR_OK || sql_parse_refuse_stmt(p)) {
        return false;
    }
    return sql_parse_fail(p, sql_stmt_words);
}

/* option = 'FORMAT' ('TEXT' | 'JSON'); the others of PostgreSQL are refused */
static bool sql_parse_explain_option(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const char *const known[] = {"ANALYZE", "ANALYSE", "VERBOSE", "COSTS",  "SETTINGS",
                                        "BUFFERS", "WAL",     "TIMING",  "SUMMARY"};
    char name[32];
    if (sql_parse_take(p, SQL_KW_FORMAT)) {
        return sql_parse_explain_format(p, stmt);
    }
    if (p->err != ERR_OK || !sql_parse_is_kind(p, SQL_TOKEN_NAME)) {
        return p->err == ERR_OK && sql_parse_fail(p, NULL);
    }
    struct sql_at at = p->token.at;
    snprintf(name, sizeof(name), "%.*s", (int)at.length, p->lex.text + at.pos);
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (strcasecmp(name, known[i]) == 0) {
            return sql_parse_refuse(p, at, "this option of EXPLAIN is not supported",
                                    "The option there is: FORMAT TEXT or FORMAT JSON.");
        }
    }
    sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, at, "unrecognized EXPLAIN option \"%s\"", name);
    sql_error_hint(p->error, "The option there is: FORMAT TEXT or FORMAT JSON.");
    return false;
}

static bool sql_parse_explain_format(struct sql_parser *p, struct sql_stmt *stmt)
{
    struct sql_text value = {"", 0};
    struct sql_at at = p->token.at;
    if (sql_parse_is_kind(p, SQL_TOKEN_NAME) || sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        p->err = sql_lex_text(&p->lex, &p->token, p->arena, &value, p->error);
    } else {
        sql_parse_fail(p, NULL);
    }
    if (p->err != ERR_OK || !sql_parse_advance(p)) {
        return false;
    }
    if (strcasecmp(value.text, "text") == 0 || strcasecmp(value.text, "json") == 0) {
        bool is_text = strcasecmp(value.text, "text") == 0;
        stmt->format = is_text ? SQL_EXPLAIN_TEXT : SQL_EXPLAIN_JSON;
        return true;
    }
    if (strcasecmp(value.text, "xml") == 0 || strcasecmp(value.text, "yaml") == 0) {
        return sql_parse_refuse(p, at, "this format of EXPLAIN is not supported",
                                "Use FORMAT TEXT or FORMAT JSON.");
    }
    return sql_parse_fail_at(p, SQL_STATE_INVALID_PARAMETER_VALUE, at,
                             "unrecognized value for EXPLAIN option \"format\": \"%s\"",
                             value.text);
}

/* drop = 'DROP' 'STREAM' ['IF' 'EXISTS'] path ['RESTRICT'] */
static bool sql_parse_drop(struct sql_parser *p, struct sql_stmt *stmt)
{
    stmt->kind = SQL_STMT_DROP_STREAM;
    sql_parse_take(p, SQL_KW_DROP);
    sql_parse_take(p, SQL_KW_STREAM);
    if (!sql_parse_if_exists(p, stmt) || !sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name)) {
        return false;
    }
    if (sql_parse_is_kind(p, SQL_TOKEN_COMMA)) {
        return sql_parse_refuse(p, p->token.at, "DROP STREAM of several streams is not supported",
                                "Drop one stream at a time.");
    }
    if (sql_parse_is(p, SQL_KW_CASCADE)) {
        return sql_parse_refuse(p, p->token.at, "DROP STREAM ... CASCADE is not supported",
                                "Drop the views that read it first, and leave CASCADE out.");
    }
    sql_parse_take(p, SQL_KW_RESTRICT);
    return p->err == ERR_OK;
}

bool sql_parse_if_exists(struct sql_parser *p, struct sql_stmt *stmt)
{
    if (sql_parse_is(p, SQL_KW_IF) && sql_parse_is_ahead(p, SQL_KW_EXISTS)) {
        sql_parse_take(p, SQL_KW_IF);
        sql_parse_take(p, SQL_KW_EXISTS);
        stmt->if_exists = true;
    }
    return p->err == ERR_OK;
}

/* show = 'SHOW' ('STREAMS' | ... | ['MATERIALIZED'] 'VIEWS' | show_create | 'COLUMNS' 'FROM' path)
 */
static bool sql_parse_show(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const enum sql_keyword words[] = {
#define SQL_PARSE_SHOW(name) SQL_KW_##name,
        SQL_SHOW_TABLE(SQL_PARSE_SHOW)
#undef SQL_PARSE_SHOW
            SQL_KW_CREATE,
        SQL_NO_KEYWORD};
    stmt->kind = SQL_STMT_SHOW;
    for (int i = 0; i < SQL_SHOW_COUNT; i++) {
        if (sql_parse_take(p, words[i])) {
            stmt->show = (enum sql_show)i;
            return true;
        }
    }
    if (sql_parse_take(p, SQL_KW_MATERIALIZED)) {
        stmt->show = SQL_SHOW_VIEWS;
        return sql_parse_expect(p, SQL_KW_VIEWS);
    }
    if (sql_parse_take(p, SQL_KW_CREATE)) {
        return sql_parse_show_create(p, stmt);
    }
    if (sql_parse_is(p, SQL_KW_COLUMNS) && sql_parse_is_ahead(p, SQL_KW_FROM)) {
        stmt->kind = SQL_STMT_DESCRIBE;
        return sql_parse_take(p, SQL_KW_COLUMNS) && sql_parse_take(p, SQL_KW_FROM) &&
               sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name);
    }
    if (p->err != ERR_OK || !sql_parse_is_kind(p, SQL_TOKEN_NAME)) {
        return p->err == ERR_OK && sql_parse_fail(p, words);
    }
    sql_parse_refuse(p, p->token.at, "SHOW of this is not supported",
                     "There are SHOW STREAMS, VIEWS, TABLES, TOPICS, ERRORS, and SHOW CREATE.");
    sql_parse_suggest(p, words);
    return false;
}

/* show_create = 'CREATE' ['STREAM' | 'MATERIALIZED' 'VIEW'] path */
static bool sql_parse_show_create(struct sql_parser *p, struct sql_stmt *stmt)
{
    static const enum sql_keyword words[] = {SQL_KW_STREAM, SQL_KW_MATERIALIZED, SQL_NO_KEYWORD};
    stmt->kind = SQL_STMT_SHOW_CREATE;
    bool is_more = sql_parse_is_ahead_kind(p, SQL_TOKEN_NAME) || /* a kind, then the name */
                   sql_parse_is_ahead_kind(p, SQL_TOKEN_QUOTED_NAME);
    if ((is_more || sql_parse_is(p, SQL_KW_STREAM)) && sql_parse_take(p, SQL_KW_STREAM)) {
        stmt->object = SQL_OBJECT_STREAM;
    } else if (sql_parse_is(p, SQL_KW_MATERIALIZED) && sql_parse_is_ahead(p, SQL_KW_VIEW)) {
        stmt->object = SQL_OBJECT_VIEW;
        sql_parse_take(p, SQL_KW_MATERIALIZED);
        sql_parse_take(p, SQL_KW_VIEW);
    } else if (is_more || !sql_parse_is_name(p, SQL_NAME_COLUMN)) {
        bool is_view = sql_parse_is(p, SQL_KW_VIEW);
        if (p->err == ERR_OK) {
            sql_parse_fail(p, is_view ? NULL : words);
            if (is_view) {
                sql_error_hint(p->error, "Write SHOW CREATE MATERIALIZED VIEW, or the name alone.");
            }
        }
        return false;
    }
    return p->err == ERR_OK && sql_parse_path(p, SQL_NAME_COLUMN, &stmt->name);
}

bool sql_parse_advance(struct sql_parser *p)
{
    if (p->err != ERR_OK) {
        return false;
    }
    p->last = p->token.at;
    if (p->has_ahead) {
        p->has_ahead = false;
        p->token = p->ahead;
        return true;
    }
    p->err = sql_lex_next(&p->lex, true, &p->token, p->error);
    if (p->err != ERR_OK) {
        p->token = (struct sql_token){.kind = SQL_TOKEN_END, .at = {p->lex.length, 0}};
        return false;
    }
    return true;
}

const struct sql_token *sql_parse_ahead(struct sql_parser *p)
{
    static const struct sql_token none = {.kind = SQL_TOKEN_END};
    struct sql_error ignored;
    if (!p->has_ahead && p->err == ERR_OK) {
        struct sql_lex lex = p->lex;
        if (sql_lex_next(&lex, true, &p->ahead, &ignored) != ERR_OK) {
            return &none;
        }
        p->lex = lex;
        p->has_ahead = true;
    }
    return p->err == ERR_OK ? &p->ahead : &none;
}

bool sql_parse_is(const struct sql_parser *p, enum sql_keyword keyword)
{
    return p->token.kind == SQL_TOKEN_NAME && p->token.keyword == keyword;
}

bool sql_parse_is_kind(const struct sql_parser *p, enum sql_token_kind kind)
{
    return p->token.kind == kind;
}

bool sql_parse_is_ahead(struct sql_parser *p, enum sql_keyword keyword)
{
    const struct sql_token *ahead = sql_parse_ahead(p);
    return ahead->kind == SQL_TOKEN_NAME && ahead->keyword == keyword;
}

bool sql_parse_is_ahead_kind(struct sql_parser *p, enum sql_token_kind kind)
{
    return sql_parse_ahead(p)->kind == kind;
}

bool sql_parse_take(struct sql_parser *p, enum sql_keyword keyword)
{
    return p->err == ERR_OK && sql_parse_is(p, keyword) && sql_parse_advance(p);
}

bool sql_parse_take_kind(struct sql_parser *p, enum sql_token_kind kind)
{
    return p->err == ERR_OK && sql_parse_is_kind(p, kind) && sql_parse_advance(p);
}

bool sql_parse_expect(struct sql_parser *p, enum sql_keyword keyword)
{
    const enum sql_keyword words[] = {keyword, SQL_NO_KEYWORD};
    if (p->err == ERR_OK && !sql_parse_is(p, keyword)) {
        sql_parse_fail(p, words);
        if (p->error->hint[0] == '\0') {
            sql_error_hint(p->error, "%s is expected here.", sql_keyword_text(keyword));
        }
        return false;
    }
    return sql_parse_advance(p);
}

bool sql_parse_expect_kind(struct sql_parser *p, enum sql_token_kind kind)
{
    if (p->err == ERR_OK && !sql_parse_is_kind(p, kind)) {
        return sql_parse_fail(p, NULL);
    }
    return sql_parse_advance(p);
}

struct sql_at sql_parse_since(const struct sql_parser *p, struct sql_at begin)
{
    uint32_t end = p->last.pos + p->last.length;
    return (struct sql_at){begin.pos, end > begin.pos ? end - begin.pos : 0};
}

bool sql_parse_fail(struct sql_parser *p, const enum sql_keyword *words)
{
    if (p->err != ERR_OK) {
        return false;
    }
    struct sql_at at = p->token.at;
    if (p->token.kind == SQL_TOKEN_END) {
        return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, at, "syntax error at end of input");
    }
    const char *near = p->lex.text + at.pos;
    uint32_t length = at.length;
    while (length > SQL_PARSE_NEAR_BYTES ||
           (length < at.length && ((unsigned char)near[length] & 0xc0) == 0x80)) {
        length--;
    }
    sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, at, "syntax error at or near \"%.*s%s\"",
                      (int)length, near, length < at.length ? "..." : "");
    sql_parse_suggest(p, words);
    return false;
}

bool sql_parse_fail_at(struct sql_parser *p, enum sql_state state, struct sql_at at,
                       const char *format, ...)
{
    char message[SQL_ERROR_TEXT_BYTES];
    va_list args;
    if (p->err != ERR_OK) {
        return false;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    p->err = sql_error_set(p->error, state, at, p->lex.text, p->lex.length, "%s", message);
    return false;
}

bool sql_parse_refuse(struct sql_parser *p, struct sql_at at, const char *what, const char *hint)
{
    if (p->err == ERR_OK) {
        sql_parse_fail_at(p, SQL_STATE_FEATURE_NOT_SUPPORTED, at, "%s", what);
        if (hint != NULL) {
            sql_error_hint(p->error, "%s", hint);
        }
    }
    return false;
}

void *sql_parse_alloc(struct sql_parser *p, size_t bytes)
{
    if (p->err != ERR_OK) {
        return NULL;
    }
    if (++p->nodes_count > SQL_NODES_MAX) {
        sql_parse_fail_at(p, SQL_STATE_STATEMENT_TOO_COMPLEX, p->token.at,
                          "statement has more than %d parts", SQL_NODES_MAX);
        return NULL;
    }
    void *ptr = arena_alloc_zeroed(p->arena, bytes, sizeof(void *));
    if (ptr == NULL) {
        sql_parse_fail_at(p, SQL_STATE_OUT_OF_MEMORY, p->token.at, "out of memory");
    }
    return ptr;
}

void *sql_parse_grow(struct sql_parser *p, void *items, uint32_t count, size_t bytes)
{
    if (count > 0 && (count & (count - 1)) != 0) {
        return p->err == ERR_OK ? items : NULL;
    }
    char *grown = sql_parse_alloc(p, bytes * (count > 0 ? 2 * count : 1));
    if (grown != NULL && count > 0) {
        memcpy(grown, items, bytes * count);
    }
    return grown;
}

bool sql_parse_add(struct sql_parser *p, struct sql_exprs *list, struct sql_expr *expr)
{
    if (expr == NULL) {
        return false;
    }
    struct sql_expr **items =
        sql_parse_grow(p, list->items, list->count, sizeof(struct sql_expr *));
    if (items == NULL) {
        return false;
    }
    items[list->count++] = expr;
    list->items = items;
    return true;
}

bool sql_parse_enter(struct sql_parser *p)
{
    if (p->err == ERR_OK && p->depth == SQL_PARSE_DEPTH_MAX) {
        return sql_parse_fail_at(p, SQL_STATE_STATEMENT_TOO_COMPLEX, p->token.at,
                                 "statement is nested too deep");
    }
    p->depth++;
    return p->err == ERR_OK;
}

/* The hint of a syntax error at the current token. */
static void sql_parse_suggest(struct sql_parser *p, const enum sql_keyword *words)
{
    static const enum sql_keyword usual[] = {
        SQL_KW_FROM,   SQL_KW_WHERE,   SQL_KW_GROUP,    SQL_KW_HAVING,   SQL_KW_ORDER,
        SQL_KW_LIMIT,  SQL_KW_OFFSET,  SQL_KW_FETCH,    SQL_KW_UNION,    SQL_KW_JOIN,
        SQL_KW_SELECT, SQL_KW_BETWEEN, SQL_KW_LIKE,     SQL_KW_ILIKE,    SQL_KW_CASE,
        SQL_KW_WHEN,   SQL_KW_THEN,    SQL_KW_ELSE,     SQL_KW_NULLS,    SQL_KW_FIRST,
        SQL_KW_LAST,   SQL_KW_DESC,    SQL_KW_DISTINCT, SQL_KW_FILTER,   SQL_KW_COLLATE,
        SQL_KW_WINDOW, SQL_KW_OVER,    SQL_KW_VALUES,   SQL_KW_INTERVAL, SQL_NO_KEYWORD};
    struct sql_at at = p->token.at;
    bool is_behind_label = p->label.length > 0 && p->label.pos == p->last.pos;
    if (is_behind_label && sql_parse_suggest_for(p, p->label, usual)) {
        return;
    }
    bool is_name = p->token.kind == SQL_TOKEN_NAME;
    if (is_name && words != NULL && sql_parse_suggest_for(p, at, words)) {
        return;
    }
    if (is_name && p->token.keyword == SQL_NO_KEYWORD && sql_parse_suggest_for(p, at, usual)) {
        return;
    }
    sql_parse_suggest_quotes(p);
}

/* A hint naming the word of `words` that the text at `at` is like. False: it is like none. */
static bool sql_parse_suggest_for(struct sql_parser *p, struct sql_at at,
                                  const enum sql_keyword *words)
{
    const char *texts[SQL_PARSE_WORDS_MAX];
    char name[SUGGEST_NAME_BYTES_MAX + 1];
    size_t count = 0;
    for (; words[count] != SQL_NO_KEYWORD; count++) {
        ASSERT(count < SQL_PARSE_WORDS_MAX);
        texts[count] = sql_keyword_text(words[count]);
    }
    if (at.length < SQL_PARSE_LIKE_LETTERS_MIN || at.length > SUGGEST_NAME_BYTES_MAX) {
        return false;
    }
    memcpy(name, p->lex.text + at.pos, at.length);
    name[at.length] = '\0';
    const char *nearest = suggest_nearest(name, texts, count);
    if (nearest == NULL || strcasecmp(nearest, name) == 0) {
        return false;
    }
    sql_error_hint(p->error, "Did you mean %s?", nearest);
    return true;
}

/* A reserved word that stands where only a name makes sense: it would be one in quotes. */
static void sql_parse_suggest_quotes(struct sql_parser *p)
{
    enum sql_keyword keyword = p->token.keyword;
    bool is_reserved = p->token.kind == SQL_TOKEN_NAME && !sql_keyword_is_column_name(keyword) &&
                       !sql_keyword_is_function_name(keyword) && keyword != SQL_KW_FROM &&
                       keyword != SQL_KW_SELECT && keyword != SQL_KW_WHERE &&
                       keyword != SQL_KW_AND && keyword != SQL_KW_OR;
    struct sql_lex lex = p->lex;
    struct sql_token next;
    struct sql_error ignored;
    if (!is_reserved) {
        return;
    }
    if (p->has_ahead) {
        next = p->ahead;
    } else if (sql_lex_next(&lex, true, &next, &ignored) != ERR_OK) {
        return;
    }
    bool is_like_name =
        next.kind == SQL_TOKEN_COMMA || next.kind == SQL_TOKEN_RIGHT_PAREN ||
        next.kind == SQL_TOKEN_OPERATOR || next.kind == SQL_TOKEN_CAST ||
        next.kind == SQL_TOKEN_DOT ||
        (next.kind == SQL_TOKEN_NAME && (next.keyword == SQL_KW_FROM || next.keyword == SQL_KW_AS));
    if (is_like_name) {
        sql_error_hint(p->error, "This is a reserved word; as a name it is written \"%.*s\".",
                       (int)p->token.at.length, p->lex.text + p->token.at.pos);
    }
}
