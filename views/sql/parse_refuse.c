/* Statements of PostgreSQL and of the views to come that are not served: known by their first
 * words, refused with what to use instead. See parse_int.h. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "views/sql/parse_int.h"

/* Tokens behind CREATE, DROP or ALTER among which the kind of object stands: CREATE OR REPLACE
 * TEMP MATERIALIZED VIEW. */
#define SQL_REFUSE_TOKENS_MAX 6

#define SQL_REFUSE_WRITE                                                                           \
    "Append events with a Kafka producer, or POST them to /api/v1/streams/NAME/events."
#define SQL_REFUSE_TRANSACTION "Each statement stands alone: leave it out."
#define SQL_REFUSE_SESSION     "Settings are arguments of the request."
#define SQL_REFUSE_PREPARE     "Give parameters beside the statement: $1, $2 ...; plans are cached."
#define SQL_REFUSE_CURSOR      "Use LIMIT and OFFSET, or read the answer as it comes."
#define SQL_REFUSE_RIGHTS      "Rights are settings of the server."
#define SQL_REFUSE_UPKEEP      "The server does its own upkeep: leave it out."
#define SQL_REFUSE_NOTIFY      "Consume the topic, or ask again with a later _offset."

#define SQL_REFUSE_SUBSCRIBE                                                                       \
    "Subscribe over WebSocket, at /api/v1/ws, as tdb subscribe and SUBSCRIBE in tdb sql do."

/* A statement by its first word. */
struct sql_refuse_row {
    enum sql_keyword word; /* its first */
    const char *hint;      /* what to use instead */
};

static const struct sql_refuse_row sql_refuse_rows[] = {
    {SQL_KW_INSERT, SQL_REFUSE_WRITE},
    {SQL_KW_UPDATE, "A stream's events do not change: append new ones."},
    {SQL_KW_DELETE, "A stream's events do not change; a topic's retention removes them."},
    {SQL_KW_MERGE, SQL_REFUSE_WRITE},
    {SQL_KW_COPY, "Use tdb produce and tdb consume, or POST and GET /api/v1/streams/NAME/events."},
    {SQL_KW_TRUNCATE,
     "Delete a topic's records with the DeleteRecords request of Kafka's clients."},
    {SQL_KW_SUBSCRIBE, SQL_REFUSE_SUBSCRIBE},
    {SQL_KW_BEGIN, SQL_REFUSE_TRANSACTION},
    {SQL_KW_START, SQL_REFUSE_TRANSACTION},
    {SQL_KW_COMMIT, SQL_REFUSE_TRANSACTION},
    {SQL_KW_END, SQL_REFUSE_TRANSACTION},
    {SQL_KW_ROLLBACK, SQL_REFUSE_TRANSACTION},
    {SQL_KW_ABORT, SQL_REFUSE_TRANSACTION},
    {SQL_KW_SAVEPOINT, SQL_REFUSE_TRANSACTION},
    {SQL_KW_RELEASE, SQL_REFUSE_TRANSACTION},
    {SQL_KW_LOCK, SQL_REFUSE_TRANSACTION},
    {SQL_KW_SET, SQL_REFUSE_SESSION},
    {SQL_KW_RESET, SQL_REFUSE_SESSION},
    {SQL_KW_DISCARD, SQL_REFUSE_SESSION},
    {SQL_KW_LOAD, SQL_REFUSE_SESSION},
    {SQL_KW_PREPARE, SQL_REFUSE_PREPARE},
    {SQL_KW_EXECUTE, SQL_REFUSE_PREPARE},
    {SQL_KW_DEALLOCATE, SQL_REFUSE_PREPARE},
    {SQL_KW_DECLARE, SQL_REFUSE_CURSOR},
    {SQL_KW_FETCH, SQL_REFUSE_CURSOR},
    {SQL_KW_MOVE, SQL_REFUSE_CURSOR},
    {SQL_KW_CLOSE, SQL_REFUSE_CURSOR},
    {SQL_KW_GRANT, SQL_REFUSE_RIGHTS},
    {SQL_KW_REVOKE, SQL_REFUSE_RIGHTS},
    {SQL_KW_REASSIGN, SQL_REFUSE_RIGHTS},
    {SQL_KW_SECURITY, SQL_REFUSE_RIGHTS},
    {SQL_KW_VACUUM, SQL_REFUSE_UPKEEP},
    {SQL_KW_ANALYZE, SQL_REFUSE_UPKEEP},
    {SQL_KW_ANALYSE, SQL_REFUSE_UPKEEP},
    {SQL_KW_CLUSTER, SQL_REFUSE_UPKEEP},
    {SQL_KW_REINDEX, SQL_REFUSE_UPKEEP},
    {SQL_KW_CHECKPOINT, SQL_REFUSE_UPKEEP},
    {SQL_KW_REFRESH, "A materialized view is fresh always: leave it out."},
    {SQL_KW_LISTEN, SQL_REFUSE_NOTIFY},
    {SQL_KW_UNLISTEN, SQL_REFUSE_NOTIFY},
    {SQL_KW_NOTIFY, SQL_REFUSE_WRITE},
    {SQL_KW_COMMENT, "Keep comments beside the statement that creates a stream."},
    {SQL_KW_IMPORT, "Declare streams one by one with CREATE STREAM."},
    {SQL_KW_TABLE, "Use SELECT * FROM name."},
    {SQL_KW_CALL, "Use a SELECT."},
    {SQL_KW_DO, "Use a SELECT."},
};

/* An object of CREATE, DROP and ALTER. */
static const struct sql_refuse_row sql_refuse_objects[] = {
    {SQL_KW_VIEW, "Use CREATE, ALTER and DROP MATERIALIZED VIEW, or name the SELECT in the query "
                  "itself: WITH name AS (SELECT ...) SELECT ..."},
    {SQL_KW_TABLE, "A topic is a stream: SELECT ... FROM topic, or CREATE STREAM ... FROM TOPIC."},
    {SQL_KW_STREAM, "DROP STREAM and CREATE STREAM it anew: no event is lost by that."},
    {SQL_KW_TOPIC, "Use tdb topic, or a Kafka client's admin calls."},
    {SQL_KW_INDEX, "A query reads the log by offset and _timestamp."},
    {SQL_KW_FUNCTION, "Functions are those that are built in."},
    {SQL_KW_PROCEDURE, "Functions are those that are built in."},
    {SQL_KW_AGGREGATE, "Functions are those that are built in."},
    {SQL_KW_SCHEMA, "There is one schema, public."},
    {SQL_KW_DATABASE, "A server is one database."},
    {SQL_KW_SEQUENCE, "A record's _partition and _offset are its number."},
    {SQL_KW_TYPE, "Types are those that are built in."},
    {SQL_KW_DOMAIN, "Types are those that are built in."},
    {SQL_KW_ROLE, SQL_REFUSE_RIGHTS},
    {SQL_KW_USER, SQL_REFUSE_RIGHTS},
    {SQL_KW_GROUP, SQL_REFUSE_RIGHTS},
    {SQL_KW_TRIGGER, "Consume the topic."},
    {SQL_KW_RULE, "Consume the topic."},
    {SQL_KW_EXTENSION, "Functions are those that are built in."},
    {SQL_KW_SYSTEM, "Use the server's configuration."},
    {SQL_KW_OPERATOR, "Operators are those that are built in."},
    {SQL_KW_CAST, "Types are those that are built in."},
    {SQL_KW_COLLATION, "Texts are compared byte by byte, as UTF-8 (collation C)."},
    {SQL_KW_POLICY, SQL_REFUSE_RIGHTS},
    {SQL_KW_SERVER, "Declare streams over this server's topics."},
    {SQL_KW_PUBLICATION, "Consume the topic."},
    {SQL_KW_SUBSCRIPTION, "Consume the topic."},
    {SQL_KW_STATISTICS, SQL_REFUSE_UPKEEP},
};

static bool sql_parse_refuse_object(struct sql_parser *p);

bool sql_parse_refuse_stmt(struct sql_parser *p)
{
    char what[64];
    enum sql_keyword word = p->token.kind == SQL_TOKEN_NAME ? p->token.keyword : SQL_NO_KEYWORD;
    if (p->err != ERR_OK) {
        return true;
    }
    if (word == SQL_KW_CREATE || word == SQL_KW_DROP || word == SQL_KW_ALTER) {
        return sql_parse_refuse_object(p);
    }
    for (size_t i = 0; word != SQL_NO_KEYWORD && i < ARRAY_COUNT(sql_refuse_rows); i++) {
        if (sql_refuse_rows[i].word == word) {
            snprintf(what, sizeof(what), "%s is not supported", sql_keyword_text(word));
            sql_parse_refuse(p, p->token.at, what, sql_refuse_rows[i].hint);
            return true;
        }
    }
    return false;
}

/* CREATE, DROP or ALTER of an object that is none of ours; of an unknown one a syntax error. */
static bool sql_parse_refuse_object(struct sql_parser *p)
{
    static const enum sql_keyword words[] = {SQL_KW_STREAM, SQL_KW_VIEW, SQL_KW_TABLE,
                                             SQL_KW_MATERIALIZED, SQL_NO_KEYWORD};
    char what[64];
    struct sql_lex lex = {p->lex.text, p->lex.length, p->token.at.pos + p->token.at.length};
    struct sql_token token = p->token;
    struct sql_error ignored;
    const char *verb = sql_keyword_text(token.keyword), *adjective = "";
    bool is_materialized = false;
    for (int i = 0; i < SQL_REFUSE_TOKENS_MAX; i++) {
        if (sql_lex_next(&lex, true, &token, &ignored) != ERR_OK || token.kind != SQL_TOKEN_NAME) {
            break;
        }
        if (token.keyword == SQL_KW_OR) {
            adjective = "OR REPLACE ";
        } else if (token.keyword == SQL_KW_MATERIALIZED) {
            adjective = "MATERIALIZED ";
            is_materialized = true; /* behind OR REPLACE: else it is no refused statement */
        }
        for (size_t j = 0; j < ARRAY_COUNT(sql_refuse_objects); j++) {
            const struct sql_refuse_row *row = &sql_refuse_objects[j];
            if (row->word == token.keyword) {
                bool is_replace = is_materialized && row->word == SQL_KW_VIEW;
                snprintf(what, sizeof(what), "%s %s%s%s is not supported", verb,
                         is_replace ? "OR REPLACE " : "", adjective, sql_keyword_text(row->word));
                sql_parse_refuse(p, p->token.at, what,
                                 is_replace ? "Use DROP MATERIALIZED VIEW and CREATE it anew."
                                            : row->hint);
                return true;
            }
        }
        if (token.keyword == SQL_NO_KEYWORD) {
            break;
        }
    }
    sql_parse_advance(p);
    sql_parse_fail(p, words);
    return true;
}
