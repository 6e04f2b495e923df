/* CREATE STREAM. See parse_int.h. */
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "views/sql/parse_int.h"

static bool sql_parse_stream_columns(struct sql_parser *p, struct sql_create_stream *create);
static bool sql_parse_stream_column(struct sql_parser *p, struct sql_stream_column *column);
static bool sql_parse_stream_source(struct sql_parser *p, struct sql_stream_column *column);
static bool sql_parse_stream_unit(struct sql_parser *p, struct sql_stream_column *column);
static bool sql_parse_stream_constraint(struct sql_parser *p);
static bool sql_parse_stream_topic(struct sql_parser *p, struct sql_create_stream *create);
static bool sql_parse_stream_format(struct sql_parser *p);
static bool sql_parse_stream_key_format(struct sql_parser *p, struct sql_create_stream *create);
static bool sql_parse_stream_clauses(struct sql_parser *p, struct sql_create_stream *create);
static bool sql_parse_stream_refuse(struct sql_parser *p);

/* create_stream = 'CREATE' 'STREAM' ['IF' 'NOT' 'EXISTS'] path columns 'FROM' 'TOPIC' topic
 *                 'FORMAT' 'JSON' ['KEY' 'FORMAT' ('TEXT' | 'JSON' | 'INT64')] */
bool sql_parse_create_stream(struct sql_parser *p, struct sql_stmt *stmt)
{
    struct sql_create_stream *create = sql_parse_alloc(p, sizeof(*create));
    if (create == NULL) {
        return false;
    }
    stmt->create = create;
    sql_parse_take(p, SQL_KW_CREATE);
    sql_parse_take(p, SQL_KW_STREAM);
    if (sql_parse_is(p, SQL_KW_IF) && sql_parse_is_ahead(p, SQL_KW_NOT)) {
        sql_parse_take(p, SQL_KW_IF);
        sql_parse_take(p, SQL_KW_NOT);
        sql_parse_expect(p, SQL_KW_EXISTS);
        create->if_not_exists = true;
    }
    if (!sql_parse_path(p, SQL_NAME_COLUMN, &create->name)) {
        return false;
    }
    if (sql_parse_is(p, SQL_KW_FROM) || sql_parse_is(p, SQL_KW_AS)) {
        return sql_parse_refuse(
            p, p->token.at, "CREATE STREAM without columns is not supported",
            "A topic is a stream by its own name already, with columns inferred "
            "from its data; declare columns as (name TYPE, ...).");
    }
    return sql_parse_stream_columns(p, create) && sql_parse_stream_topic(p, create) &&
           sql_parse_stream_clauses(p, create);
}

/* columns = '(' column (',' column)* ')' */
static bool sql_parse_stream_columns(struct sql_parser *p, struct sql_create_stream *create)
{
    if (!sql_parse_expect_kind(p, SQL_TOKEN_LEFT_PAREN)) {
        return false;
    }
    do {
        struct sql_stream_column column = {.type = NULL};
        if (!sql_parse_stream_column(p, &column)) {
            return false;
        }
        struct sql_stream_column *columns =
            sql_parse_grow(p, create->columns, create->columns_count, sizeof(column));
        if (columns == NULL) {
            return false;
        }
        columns[create->columns_count++] = column;
        create->columns = columns;
    } while (sql_parse_take_kind(p, SQL_TOKEN_COMMA));
    return sql_parse_expect_kind(p, SQL_TOKEN_RIGHT_PAREN);
}

/* column = name type [source] ['UNIT' unit] */
static bool sql_parse_stream_column(struct sql_parser *p, struct sql_stream_column *column)
{
    static const enum sql_keyword words[] = {SQL_KW_FROM, SQL_KW_PATH, SQL_KW_UNIT, SQL_NO_KEYWORD};
    if (sql_parse_is(p, SQL_KW_PRIMARY) && sql_parse_is_ahead(p, SQL_KW_KEY)) {
        return sql_parse_refuse(
            p, p->token.at, "PRIMARY KEY is not supported",
            "A stream keeps every event; the record's key is a column FROM KEY.");
    }
    if (sql_parse_is(p, SQL_KW_WATERMARK) && sql_parse_is_ahead(p, SQL_KW_FOR)) {
        return sql_parse_stream_refuse(p);
    }
    if (!sql_parse_name(p, SQL_NAME_COLUMN, &column->name)) {
        return false;
    }
    column->type = sql_parse_type(p);
    if (column->type == NULL || sql_parse_stream_constraint(p)) {
        return false;
    }
    column->source_at = column->name.at;
    if (!sql_parse_stream_source(p, column) || !sql_parse_stream_unit(p, column) ||
        sql_parse_stream_constraint(p)) {
        return false;
    }
    if (!sql_parse_is_kind(p, SQL_TOKEN_COMMA) && !sql_parse_is_kind(p, SQL_TOKEN_RIGHT_PAREN)) {
        return sql_parse_fail(p, words);
    }
    return true;
}

/* source = 'FROM' 'KEY' | 'FROM' 'HEADER' string | 'PATH' string */
static bool sql_parse_stream_source(struct sql_parser *p, struct sql_stream_column *column)
{
    static const enum sql_keyword words[] = {SQL_KW_KEY, SQL_KW_HEADER, SQL_NO_KEYWORD};
    if (sql_parse_take(p, SQL_KW_FROM)) {
        if (sql_parse_take(p, SQL_KW_KEY)) {
            column->source = SQL_SOURCE_KEY;
            return true;
        }
        if (!sql_parse_take(p, SQL_KW_HEADER)) {
            return sql_parse_fail(p, words);
        }
        column->source = SQL_SOURCE_HEADER;
    } else if (sql_parse_take(p, SQL_KW_PATH)) {
        column->source = SQL_SOURCE_PATH;
    } else {
        return p->err == ERR_OK;
    }
    column->source_at = p->token.at;
    return sql_parse_string(p, &column->source_text);
}

/* unit = 's' | 'ms' | 'us' | 'ns' */
static bool sql_parse_stream_unit(struct sql_parser *p, struct sql_stream_column *column)
{
    static const struct {
        const char *text;
        enum sql_unit unit;
    } rows[] = {{"s", SQL_UNIT_S}, {"ms", SQL_UNIT_MS}, {"us", SQL_UNIT_US}, {"ns", SQL_UNIT_NS}};
    if (!sql_parse_take(p, SQL_KW_UNIT)) {
        return p->err == ERR_OK;
    }
    for (size_t i = 0; sql_parse_is_kind(p, SQL_TOKEN_NAME) && i < ARRAY_COUNT(rows); i++) {
        if (p->token.at.length == strlen(rows[i].text) &&
            strncasecmp(p->lex.text + p->token.at.pos, rows[i].text, p->token.at.length) == 0) {
            column->unit = rows[i].unit;
            return sql_parse_advance(p);
        }
    }
    sql_parse_fail(p, NULL);
    sql_error_hint(p->error, "Units of time are s, ms, us and ns.");
    return false;
}

/* What PostgreSQL lets stand behind a column's type. True: it did, and is refused. */
static bool sql_parse_stream_constraint(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {
        SQL_KW_NOT,   SQL_KW_NULL,       SQL_KW_DEFAULT,    SQL_KW_PRIMARY,   SQL_KW_UNIQUE,
        SQL_KW_CHECK, SQL_KW_REFERENCES, SQL_KW_CONSTRAINT, SQL_KW_GENERATED, SQL_KW_COLLATE};
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (sql_parse_is(p, words[i])) {
            sql_parse_refuse(p, p->token.at, "constraints on a stream's columns are not supported",
                             "An event that does not fit the types is listed in system.errors.");
            return true;
        }
    }
    return p->err != ERR_OK;
}

/* topic = 'FROM' 'TOPIC' (name | string) */
static bool sql_parse_stream_topic(struct sql_parser *p, struct sql_create_stream *create)
{
    if (sql_parse_stream_refuse(p) || !sql_parse_expect(p, SQL_KW_FROM) ||
        !sql_parse_expect(p, SQL_KW_TOPIC)) {
        return false;
    }
    struct sql_at at = p->token.at;
    if (sql_parse_is_kind(p, SQL_TOKEN_STRING)) {
        struct sql_text text;
        if (!sql_parse_string(p, &text)) {
            return false;
        }
        create->topic = (struct sql_name){text.text, text.length, true, at};
        return true;
    }
    if (!sql_parse_name(p, SQL_NAME_COLUMN, &create->topic)) {
        return false;
    }
    bool is_more = sql_parse_is_kind(p, SQL_TOKEN_DOT) ||
                   (sql_parse_is_kind(p, SQL_TOKEN_OPERATOR) && p->token.op == SQL_OP_SUB);
    if (is_more) {
        sql_parse_fail(p, NULL);
        sql_error_hint(p->error, "A topic's name with points or dashes is written in quotes.");
        return false;
    }
    return true;
}

/* What follows the topic, in any order. */
static bool sql_parse_stream_clauses(struct sql_parser *p, struct sql_create_stream *create)
{
    static const enum sql_keyword words[] = {SQL_KW_FORMAT, SQL_KW_KEY, SQL_NO_KEYWORD};
    bool has_format = false;
    for (;;) {
        struct sql_at at = p->token.at;
        bool is_again = false;
        if (p->err != ERR_OK || sql_parse_stream_refuse(p)) {
            return false;
        }
        if (sql_parse_take(p, SQL_KW_FORMAT)) {
            is_again = has_format;
            has_format = true;
            sql_parse_stream_format(p);
        } else if (sql_parse_is(p, SQL_KW_KEY) && sql_parse_is_ahead(p, SQL_KW_FORMAT)) {
            is_again = create->key_format != SQL_KEY_FORMAT_DEFAULT;
            sql_parse_stream_key_format(p, create);
        } else if (sql_parse_is(p, SQL_KW_MODE) && sql_parse_is_ahead(p, SQL_KW_APPEND)) {
            sql_parse_take(p, SQL_KW_MODE); /* what a stream is anyway */
            sql_parse_take(p, SQL_KW_APPEND);
        } else if (p->err == ERR_OK) {
            bool is_end = has_format && (sql_parse_is_kind(p, SQL_TOKEN_END) ||
                                         sql_parse_is_kind(p, SQL_TOKEN_SEMICOLON));
            return is_end || sql_parse_fail(p, words);
        }
        if (is_again && p->err == ERR_OK) {
            return sql_parse_fail_at(p, SQL_STATE_SYNTAX_ERROR, at,
                                     "conflicting or redundant options");
        }
    }
}

/* format = 'JSON'; the others that are known are refused by their name */
static bool sql_parse_stream_format(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {SQL_KW_JSON, SQL_NO_KEYWORD};
    if (sql_parse_is(p, SQL_KW_AVRO)) {
        return sql_parse_refuse(p, p->token.at, "FORMAT AVRO is not supported",
                                "The values of a stream's topic are JSON.");
    }
    if (sql_parse_is(p, SQL_KW_PROTOBUF)) {
        return sql_parse_refuse(p, p->token.at, "FORMAT PROTOBUF is not supported",
                                "The values of a stream's topic are JSON.");
    }
    if (!sql_parse_take(p, SQL_KW_JSON)) {
        bool is_name = p->err == ERR_OK && sql_parse_is_kind(p, SQL_TOKEN_NAME);
        sql_parse_fail(p, words);
        if (is_name && p->error->hint[0] == '\0') {
            sql_error_hint(p->error, "The one format there is: FORMAT JSON.");
        }
        return false;
    }
    return true;
}

/* key_format = 'KEY' 'FORMAT' ('TEXT' | 'JSON' | 'INT64') */
static bool sql_parse_stream_key_format(struct sql_parser *p, struct sql_create_stream *create)
{
    static const enum sql_keyword words[] = {SQL_KW_TEXT, SQL_KW_JSON, SQL_KW_INT64,
                                             SQL_NO_KEYWORD};
    sql_parse_take(p, SQL_KW_KEY);
    sql_parse_take(p, SQL_KW_FORMAT);
    if (sql_parse_take(p, SQL_KW_TEXT)) {
        create->key_format = SQL_KEY_FORMAT_TEXT;
    } else if (sql_parse_take(p, SQL_KW_JSON)) {
        create->key_format = SQL_KEY_FORMAT_JSON;
    } else if (sql_parse_take(p, SQL_KW_INT64)) {
        create->key_format = SQL_KEY_FORMAT_INT64;
    } else {
        bool is_name = p->err == ERR_OK && sql_parse_is_kind(p, SQL_TOKEN_NAME);
        sql_parse_fail(p, words);
        if (is_name && p->error->hint[0] == '\0') {
            sql_error_hint(p->error, "A key's format is TEXT, JSON or INT64.");
        }
    }
    return p->err == ERR_OK;
}

/* Clauses that come when views retract and close windows. True: it was one. */
static bool sql_parse_stream_refuse(struct sql_parser *p)
{
    static const struct {
        enum sql_keyword word;
        const char *what;
        const char *hint;
    } rows[] = {
        {SQL_KW_ENVELOPE, "ENVELOPE is not supported", "Every record of the topic is one event."},
        {SQL_KW_DELAY, "DELAY is not supported", "A query reads what is there when it starts."},
        {SQL_KW_WATERMARK, "WATERMARK is not supported",
         "A query reads what is there when it starts."},
        {SQL_KW_PRIMARY, "PRIMARY KEY is not supported",
         "A stream keeps every event; the record's key is a column FROM KEY."},
        {SQL_KW_WITH, "WITH (...) is not supported on CREATE STREAM", "Leave it out."},
    };
    if (sql_parse_is(p, SQL_KW_MODE) && !sql_parse_is_ahead(p, SQL_KW_APPEND)) {
        sql_parse_refuse(p, p->token.at,
                         sql_parse_is_ahead(p, SQL_KW_UPSERT) ? "MODE UPSERT is not supported"
                                                              : "this MODE is not supported",
                         "A stream is MODE APPEND: every record is one event.");
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (sql_parse_is(p, rows[i].word)) {
            sql_parse_refuse(p, p->token.at, rows[i].what, rows[i].hint);
        }
    }
    return p->err != ERR_OK;
}
