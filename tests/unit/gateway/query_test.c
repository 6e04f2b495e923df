/* Questions by HTTP as clients see them, in a simulated world: what is a question, what an answer
 * looks like in each form, values as JSON and CSV, what goes wrong and how that is told, clients
 * that read slowly or go, limits, and the server's end. What SQL answers is held elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "broker/gateway/errors.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/unit/gateway/talk_http.h"
#include "views/sql/error.h"

#define QUERY_POST "POST /api/v1/query"
#define QUERY_CSV  TALK_HTTP_JSON "Accept: text/csv\r\n"
#define QUERY_ND   TALK_HTTP_JSON "Accept: application/x-ndjson\r\n"

/* --- What is answered --- */

static const struct query_row {
    const char *name;
    const char *headers; /* behind Host */
    const char *body;
    const char *answer; /* its body */
} query_rows[] = {
    {"a row", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\"}",
     "{\"columns\":[{\"name\":\"?column?\",\"type\":\"integer\"}],\"rows\":[[1]],\"command\":"
     "\"SELECT\",\"row_count\":1,\"errors\":0,\"records\":0}\n"},
    {"no rows", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1 AS a WHERE false\"}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"integer\"}],\"rows\":[],\"command\":\"SELECT\","
     "\"row_count\":0,\"errors\":0,\"records\":0}\n"},
    {"rows of every type", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT true a, 7 b, 9007199254740993 c, 0.1::double precision d, 1.50 e, "
     "'x\\\"y'::text f, DATE '2020-01-02' g, TIMESTAMP '2020-01-02 03:04:05.678' h, TIMESTAMPTZ "
     "'2020-01-02 03:04:05+01' i, INTERVAL '1 day 2 hours' j, '{\\\"a\\\": [1, null]}'::jsonb k, "
     "NULL l\"}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"integer\"},"
     "{\"name\":\"c\",\"type\":\"bigint\"},{\"name\":\"d\",\"type\":\"double precision\"},"
     "{\"name\":\"e\",\"type\":\"numeric\"},{\"name\":\"f\",\"type\":\"text\"},{\"name\":\"g\","
     "\"type\":\"date\"},{\"name\":\"h\",\"type\":\"timestamp without time zone\"},{\"name\":\"i\","
     "\"type\":\"timestamp with time "
     "zone\"},{\"name\":\"j\",\"type\":\"interval\"},{\"name\":\"k\","
     "\"type\":\"jsonb\"},{\"name\":\"l\",\"type\":\"text\"}],\"rows\":[[true,7,9007199254740993,"
     "0.1,1.50,\"x\\\"y\",\"2020-01-02\",\"2020-01-02T03:04:05.678000\","
     "\"2020-01-02T02:04:05.000000Z\",\"P1DT2H\",{\"a\":[1,null]},null]],\"command\":\"SELECT\","
     "\"row_count\":1,\"errors\":0,\"records\":0}\n"},
    {"numbers as strings", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT 7 a, 9007199254740993 b, 1.50 c, 0.5::double precision d, NULL::bigint "
     "e\",\"numbers\":\"string\"}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"integer\"},{\"name\":\"b\",\"type\":\"bigint\"},"
     "{\"name\":\"c\",\"type\":\"numeric\"},{\"name\":\"d\",\"type\":\"double precision\"},{"
     "\"name\":\"e\",\"type\":\"bigint\"}],\"rows\":[[7,\"9007199254740993\",\"1.50\",0.5,null]],"
     "\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,\"records\":0}\n"},
    {"what is no number of JSON", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT 'NaN'::double precision a, '-Infinity'::double precision b, "
     "'infinity'::timestamptz c\",\"numbers\":\"number\"}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"double precision\"},{\"name\":\"b\",\"type\":"
     "\"double precision\"},{\"name\":\"c\",\"type\":\"timestamp with time zone\"}],\"rows\":[["
     "\"NaN\",\"-Infinity\",\"infinity\"]],\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,"
     "\"records\":0}\n"},
    {"lines", QUERY_ND, "{\"sql\":\"VALUES (1, 'a'), (2, NULL)\"}",
     "{\"columns\":[{\"name\":\"column1\",\"type\":\"integer\"},{\"name\":\"column2\",\"type\":"
     "\"text\"}]}\n[1,\"a\"]\n[2,null]\n{\"command\":\"SELECT\",\"row_count\":2,\"errors\":0,"
     "\"records\":0}\n"},
    {"CSV", QUERY_CSV,
     "{\"sql\":\"VALUES (1, 'a,b', true), (NULL, '', false), (3, 'say \\\"x\\\"', NULL), (4, "
     "'two\\nlines', NULL)\"}",
     "column1,column2,column3\r\n1,\"a,b\",true\r\n,\"\",false\r\n3,\"say \"\"x\"\"\",\r\n4,\"two\n"
     "lines\",\r\n"},
    {"CSV of JSON, times and names that need quotes", QUERY_CSV,
     "{\"sql\":\"SELECT '{\\\"a\\\": [1, null], \\\"b\\\": \\\"c\\\"}'::jsonb AS \\\"a,b\\\", "
     "TIMESTAMP '2020-01-02 03:04:05' AS \\\"c\\\"\"}",
     "\"a,b\",c\r\n\"{\"\"a\"\":[1,null],\"\"b\"\":\"\"c\"\"}\",2020-01-02T03:04:05.000000\r\n"},
    {"a number that NUMERIC has not is a double", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT $1 a, $2 b\",\"params\":[1e300,1.5e-100],\"timeout\":86400000}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"double "
     "precision\"},{\"name\":\"b\",\"type\":\"double "
     "precision\"}],\"rows\":[[1e+300,1.5e-100]],\"command\":\"SELECT\",\"row_count\":1,"
     "\"errors\":0,\"records\":0}\n"},
    {"parameters of every kind", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT $1 a, $2 b, $3 c, $4 d, $5::text e, $6 f, $7 g, $8::int h\",\"params\":[1,"
     "3000000000,1.50,true,null,{\"x\":[1]},9223372036854775808,\"12\"]}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"integer\"},{\"name\":\"b\",\"type\":\"bigint\"},{"
     "\"name\":\"c\",\"type\":\"numeric\"},{\"name\":\"d\",\"type\":\"boolean\"},{\"name\":\"e\","
     "\"type\":\"text\"},{\"name\":\"f\",\"type\":\"jsonb\"},{\"name\":\"g\",\"type\":\"numeric\"},"
     "{\"name\":\"h\",\"type\":\"integer\"}],\"rows\":[[1,3000000000,1.50,true,null,{\"x\":[1]},"
     "9223372036854775808,12]],\"command\":\"SELECT\",\"row_count\":1,\"errors\":0,\"records\":0}"
     "\n"},
    {"a text as parameter takes the type of its place", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT DATE '2020-01-02' < $1 a, $2 || 'x' "
     "b\",\"params\":[\"2020-01-03\",\"\\u00e4\"]}",
     "{\"columns\":[{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"text\"}],"
     "\"rows\":[[true,\"\xc3\xa4x\"]],\"command\":\"SELECT\",\"row_count\":1,\"errors\":"
     "0,"
     "\"records\":0}\n"},
    {"a plan that is shown", TALK_HTTP_JSON, "{\"sql\":\"EXPLAIN SELECT 1\"}",
     "{\"columns\":[{\"name\":\"QUERY PLAN\",\"type\":\"text\"}],\"rows\":[[\"Values  (rows=1)\"],"
     "[\"  Columns: 1\"]],\"command\":\"EXPLAIN\",\"row_count\":2,\"errors\":0,\"records\":0}\n"},
    {"streams, when there are none", TALK_HTTP_JSON, "{\"sql\":\"SHOW STREAMS\"}",
     "{\"columns\":[{\"name\":\"name\",\"type\":\"text\"},{\"name\":\"topic\",\"type\":\"text\"},{"
     "\"name\":\"kind\",\"type\":\"text\"},{\"name\":\"columns\",\"type\":\"integer\"}],\"rows\":[]"
     ","
     "\"command\":\"SHOW\",\"row_count\":0,\"errors\":0,\"records\":0}\n"},
};

/* Twice: the second time its plan is kept. */
static void query_answers(void **state)
{
    const struct query_row *row = *state;
    struct town *t = talk_http_town(1, 1);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 2; i++) {
        struct talk_http_answer a = talk_http(c, QUERY_POST, row->headers, row->body);
        if (a.status != 200 || strcmp(a.body, row->answer) != 0) {
            fail_msg("status %u: %s\nnot: %s", a.status, a.body, row->answer);
        }
        assert_false(talk_http_is_chunked(&a));
    }
    talk_http_end(t);
}

static void csv_tells_its_types_in_a_header(void **state)
{
    (void)state;
    struct town *t = talk_http_town(2, 1);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a =
        talk_http(c, QUERY_POST, QUERY_CSV, "{\"sql\":\"SELECT 1 a, 1.5::numeric(4,1) b\"}");
    assert_true(talk_http_has(&a, "TDB-Types", "integer; numeric(4,1)"));
    assert_true(talk_http_has(&a, "Content-Type", "text/csv; charset=utf-8"));
    talk_http_end(t);
}

/* Characters of every length, and those that stand escaped, at every place of a word and a step. */
static void texts_of_any_characters_come_back(void **state)
{
    (void)state;
    static const char *const runes[] = {
        "a", "b", "\"", "\\", "\n", "\x01", "\x7f", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    static const char *const sent[] = {
        "a",       "b",       "\\\"",     "\\\\",         "\\n",
        "\\u0001", "\\u007f", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    struct town *t = talk_http_town(14, 1);
    struct town_client *c = town_connect_http(t);
    struct prng *prng = sim_prng(t->sim);
    for (uint32_t i = 0; i < 300; i++) {
        char body[4096], wanted[1024] = "", object[4096], got[1024];
        size_t length =
            (size_t)snprintf(body, sizeof(body), "{\"sql\":\"SELECT $1\",\"params\":[\"");
        size_t wanted_length = 0;
        for (uint32_t k = 0; k < i % 120; k++) {
            bool is_plain = prng_below(prng, 4) > 0;
            size_t rune = (size_t)prng_below(prng, is_plain ? 2 : ARRAY_COUNT(runes));
            length += (size_t)snprintf(body + length, sizeof(body) - length, "%s", sent[rune]);
            wanted_length += (size_t)snprintf(wanted + wanted_length,
                                              sizeof(wanted) - wanted_length, "%s", runes[rune]);
        }
        snprintf(body + length, sizeof(body) - length, "\"]}");
        struct talk_http_answer a = talk_http_query(c, body);
        const char *begin = strstr(a.body, "\"rows\":[[");
        const char *end = strstr(a.body, "]],\"command\"");
        assert_true(begin != NULL && end != NULL);
        begin += strlen("\"rows\":[[");
        int object_length =
            snprintf(object, sizeof(object), "{\"a\":%.*s}", (int)(end - begin), begin);
        assert_true(json_strict_get(object, (size_t)object_length, "a", got, sizeof(got)));
        assert_string_equal(got, wanted);
    }
    talk_http_end(t);
}

/* --- What is refused --- */

static const struct query_refusal_row {
    const char *name;
    const char *headers;
    const char *body;
    uint16_t status;
    const char *code;
    const char *sqlstate; /* NULL: it is not SQL's */
    const char *detail;   /* a piece of it; NULL: none */
    const char *excerpt;  /* NULL: none */
} query_refusal_rows[] = {
    {"no media type", "", "{\"sql\":\"SELECT 1\"}", 415, "media_type_unsupported", NULL, NULL,
     NULL},
    {"another media type", "Content-Type: application/sql\r\n", "SELECT 1", 415,
     "media_type_unsupported", NULL, "curl --json", NULL},
    {"no answer that is served", TALK_HTTP_JSON "Accept: text/html\r\n", "{\"sql\":\"SELECT 1\"}",
     406, "not_acceptable", NULL, NULL, NULL},
    {"no JSON", TALK_HTTP_JSON, "{\"sql\":SELECT 1}", 400, "json_invalid", NULL, "Byte 8", NULL},
    {"no object", TALK_HTTP_JSON, "[1]", 422, "query_invalid", NULL, "object", NULL},
    {"no sql", TALK_HTTP_JSON, "{}", 422, "query_invalid", NULL, "\"sql\"", NULL},
    {"sql that is no text", TALK_HTTP_JSON, "{\"sql\":1}", 422, "query_invalid", NULL, "string",
     NULL},
    {"half a character", TALK_HTTP_JSON, "{\"sql\":\"\\ud800\"}", 422, "query_invalid", NULL,
     "half", NULL},
    {"a member that is not known", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\",\"paramz\":[]}", 422,
     "query_invalid", NULL, "did you mean \"params\"?", NULL},
    {"parameters that are no array", TALK_HTTP_JSON, "{\"sql\":\"SELECT $1\",\"params\":{}}", 422,
     "query_invalid", NULL, "array", NULL},
    {"a parameter with a NUL", TALK_HTTP_JSON, "{\"sql\":\"SELECT $1\",\"params\":[\"a\\u0000b\"]}",
     422, "query_invalid", NULL, "$1", NULL},
    {"more digits than a number has", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT "
     "$1\",\"params\":[12345678901234567890123456789012345678901234567890123456789012"
     "345678901234567890]}",
     422, "query_invalid", NULL, "$1", NULL},
    {"a timeout of more than a day", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\",\"timeout\":86400001}",
     422, "query_invalid", NULL, "timeout", NULL},
    {"no UTF-8", TALK_HTTP_JSON, "{\"sql\":\"SELECT '\xff'\"}", 400, "json_invalid", NULL, "UTF-8",
     NULL},
    {"a number that none can be", TALK_HTTP_JSON, "{\"sql\":\"SELECT $1\",\"params\":[1e500]}", 422,
     "query_invalid", NULL, "$1", NULL},
    {"a timeout of nothing", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\",\"timeout\":0}", 422,
     "query_invalid", NULL, "timeout", NULL},
    {"a timeout that is none", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\",\"timeout\":\"soon\"}", 422,
     "query_invalid", NULL, "timeout", NULL},
    {"numbers of another kind", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1\",\"numbers\":\"text\"}", 422,
     "query_invalid", NULL, "numbers", NULL},
    {"a misspelt word", TALK_HTTP_JSON, "{\"sql\":\"SELECT * FORM t\"}", 400, "sql_syntax", "42601",
     "syntax error at or near \"FORM\"", "LINE 1: SELECT * FORM t\n                 ^\n"},
    {"no statement", TALK_HTTP_JSON, "{\"sql\":\"\"}", 400, "sql_syntax", "42601", NULL, NULL},
    {"two statements", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1; SELECT 2\"}", 400, "sql_syntax",
     "42601", NULL, NULL},
    {"what is not served", TALK_HTTP_JSON, "{\"sql\":\"INSERT INTO t VALUES (1)\"}", 501,
     "sql_unsupported", "0A000", NULL, NULL},
    {"no such relation", TALK_HTTP_JSON, "{\"sql\":\"SELECT *\\nFROM nowhere\"}", 422,
     "sql_undefined", "42P01", "relation \"nowhere\" does not exist",
     "LINE 2: FROM nowhere\n             ^\n"},
    {"nothing to describe", TALK_HTTP_JSON, "{\"sql\":\"DESCRIBE system.topicz\"}", 422,
     "sql_undefined", "42P01", "relation \"system.topicz\" does not exist", NULL},
    {"no such column", TALK_HTTP_JSON, "{\"sql\":\"SELECT b FROM (SELECT 1 a) t\"}", 422,
     "sql_undefined", "42703", "column \"b\" does not exist", NULL},
    {"parameters that are missing", TALK_HTTP_JSON, "{\"sql\":\"SELECT $2\",\"params\":[1]}", 422,
     "sql_parameters", "42P02", "there is no parameter $2", NULL},
    {"parameters that are too many", TALK_HTTP_JSON, "{\"sql\":\"SELECT $1\",\"params\":[1,2]}",
     422, "sql_parameters", "08P01", "2 parameters are given, but the statement has 1", NULL},
    {"parts that do not go together", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1 + true\"}", 422,
     "sql_undefined", "42883", NULL, NULL},
    {"a value that cannot be", TALK_HTTP_JSON, "{\"sql\":\"SELECT 1/0\"}", 422, "sql_data", "22012",
     "division by zero", "LINE 1: SELECT 1/0\n                ^\n"},
    {"a parameter that cannot be", TALK_HTTP_JSON,
     "{\"sql\":\"SELECT $1::int\",\"params\":[\"x\"]}", 422, "sql_data", "22P02",
     "invalid input syntax for type integer: \"x\"", "LINE 1: SELECT $1::int\n               ^\n"},
    {"a topic that is not there", TALK_HTTP_JSON,
     "{\"sql\":\"CREATE STREAM a (b TEXT) FROM TOPIC c FORMAT JSON\"}", 422, "sql_undefined",
     "42704", NULL, NULL},
    {"nothing to drop", TALK_HTTP_JSON, "{\"sql\":\"DROP STREAM a\"}", 422, "sql_undefined",
     "42P01", "stream \"a\" does not exist", "LINE 1: DROP STREAM a\n                    ^\n"},
};

static void query_refuses(void **state)
{
    const struct query_refusal_row *row = *state;
    struct town *t = talk_http_town(3, 2);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 2; i++) {
        struct talk_http_answer a = talk_http(c, QUERY_POST, row->headers, row->body);
        talk_http_assert_problem(a, row->status, row->code);
        char detail[512] = "";
        json_strict_get(a.body, a.body_bytes, "detail", detail, sizeof(detail));
        if (row->detail != NULL && strstr(detail, row->detail) == NULL) {
            fail_msg("%s", a.body);
        }
        char sqlstate[16] = "";
        bool has_state = json_strict_get(a.body, a.body_bytes, "sqlstate", sqlstate, 16);
        assert_int_equal(has_state, row->sqlstate != NULL);
        assert_true(!has_state || strcmp(sqlstate, row->sqlstate) == 0);
        if (row->excerpt != NULL && !talk_http_is(&a, "excerpt", row->excerpt)) {
            fail_msg("%s", a.body);
        }
    }
    assert_int_equal(talk_http_query(c, "{\"sql\":\"SELECT 1\"}").status, 200);
    talk_http_end(t);
}

/* Every SQLSTATE that there is stands for a problem of its own kind; of a class what is not named.
 */
static void sqlstates_stand_for_problems(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum http_error error;
    } rows[] = {{"42601", HTTP_SQL_SYNTAX},      {"42703", HTTP_SQL_UNDEFINED},
                {"42P02", HTTP_SQL_PARAMETERS},  {"42P07", HTTP_SQL_EXISTS},
                {"42804", HTTP_SQL_INVALID},     {"22012", HTTP_SQL_DATA},
                {"3F000", HTTP_SQL_UNDEFINED},   {"0A000", HTTP_SQL_UNSUPPORTED},
                {"2BP01", HTTP_SQL_IN_USE},      {"53100", HTTP_DISK_FULL},
                {"53200", HTTP_QUERY_MEMORY},    {"53400", HTTP_OVERLOADED},
                {"57014", HTTP_QUERY_TIMEOUT},   {"57P01", HTTP_CLOSING},
                {"57P03", HTTP_NOT_AVAILABLE},   {"58030", HTTP_STORAGE_FAILED},
                {"XX001", HTTP_STORAGE_FAILED},  {"XX000", HTTP_INTERNAL},
                {"99999", HTTP_INTERNAL},        {"08P01", HTTP_SQL_PARAMETERS},
                {"54011", HTTP_SQL_TOO_COMPLEX}, {"42501", HTTP_SQL_NOT_ALLOWED}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(http_error_of_state(rows[i].state), rows[i].error);
    }
    for (enum sql_state s = SQL_STATE_NONE + 1; s < SQL_STATE_COUNT; s++) {
        assert_int_not_equal(http_error_of_state(sql_state_code(s)), HTTP_INTERNAL);
    }
    for (enum core_code code = CORE_OK + 1; code < CORE_CODES_COUNT; code++) {
        assert_int_not_equal(http_error_of_state(core_code_state(code)), HTTP_INTERNAL);
    }
}

/* A kept plan was made of another text: the place is that of this one. */
static void a_kept_plans_error_points_into_this_text(void **state)
{
    (void)state;
    struct town *t = talk_http_town(4, 1);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a = talk_http_query(c, "{\"sql\":\"SELECT 1/0\"}");
    assert_true(talk_http_is(&a, "column", "9"));
    a = talk_http_query(c, "{\"sql\":\"SELECT  -- why\\n  1  /  0\"}");
    assert_true(talk_http_is(&a, "line", "2"));
    assert_true(talk_http_is(&a, "column", "6"));
    assert_true(talk_http_is(&a, "excerpt", "LINE 2:   1  /  0\n             ^\n"));
    talk_http_end(t);
}

/* --- Streams --- */

static void a_topic_is_a_stream_that_grows(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(5, shards);
        struct town_client *c = town_connect_http(t);
        talk_http_fill(t, 10, 1);
        talk_http_query_is(c, "SELECT count(*), sum(n) FROM s", "[[10,45]]");
        talk_http_fill(t, 10, 1);
        talk_http_query_is(c, "SELECT count(*), sum(n) FROM s", "[[20,90]]");
        talk_http_query_is(c, "SELECT n, _offset FROM s WHERE n = 3", "[[3,3],[3,13]]");
        talk_http_append(c, "{\"n\":1.5,\"new\":true}");
        talk_http_query_is(c, "SELECT n, new, pad FROM s WHERE new", "[[1.5,true,null]]");
        talk_http_query_is(c, "SELECT count(*), sum(n) FROM s", "[[21,91.5]]");
        talk_http_end(t);
    }
}

/* No column more, but another type: the kept plan was made for the old one. */
static void a_column_that_widens_makes_another_plan(void **state)
{
    (void)state;
    struct town *t = talk_http_town(17, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 2, 1);
    talk_http_query_is(c, "SELECT n FROM s", "[[0],[1]]");
    talk_http_query_is(c, "SELECT n FROM s", "[[0],[1]]");
    talk_http_append(c, "{\"n\":0.5,\"pad\":\"\"}");
    talk_http_query_is(c, "SELECT n FROM s", "[[0],[1],[0.5]]");
    talk_http_append(c, "{\"n\":\"x\",\"pad\":\"\"}");
    talk_http_query_is(c, "SELECT n FROM s", "[[0],[1],[0.5],[\"x\"]]");
    talk_http_end(t);
}

static void streams_are_declared_shown_and_dropped(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    talk_http_query_is(
        c, "CREATE STREAM d (p TEXT PATH '$.pad', o BIGINT PATH '$.n') FROM TOPIC s FORMAT JSON",
        "[]");
    talk_http_query_is(c, "SELECT p, o FROM d LIMIT 2", "[[\"0\",0],[\"0\",1]]");
    talk_http_query_is(c, "SELECT name, kind FROM system.streams WHERE name = 'd'",
                       "[[\"d\",\"declared\"]]");
    talk_http_query_is(
        c, "SHOW CREATE STREAM d",
        "[[\"CREATE STREAM d (p TEXT PATH '$.pad', o BIGINT PATH '$.n') FROM TOPIC s FORMAT "
        "JSON\"]]");
    talk_http_query_is(c, "CREATE STREAM IF NOT EXISTS d (n TEXT) FROM TOPIC s FORMAT JSON", "[]");
    talk_http_assert_problem(
        talk_http_query(c, "{\"sql\":\"CREATE STREAM d (n TEXT) FROM TOPIC s FORMAT JSON\"}"), 409,
        "sql_exists");
    talk_http_query_is(c, "DROP STREAM d", "[]");
    talk_http_assert_problem(talk_http_query(c, "{\"sql\":\"SELECT n FROM d\"}"), 422,
                             "sql_undefined");
    struct talk_http_answer a = talk_http_query(c, "{\"sql\":\"SELECT n FROM elsewhere\"}");
    assert_non_null(strstr(a.body, "\"hint\":\"SHOW STREAMS and SHOW VIEWS list relations, "));
    talk_http_query_is(c, "DROP STREAM IF EXISTS d", "[]");
    talk_http_query_is(c, "CREATE STREAM d (n INTEGER) FROM TOPIC s FORMAT JSON", "[]");
    talk_http_query_is(c, "SELECT n FROM d LIMIT 2", "[[0],[1]]");
    talk_http_end(t);
}

static void values_that_do_not_fit_are_error_rows(void **state)
{
    (void)state;
    struct town *t = talk_http_town(7, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    talk_http_append(c, "{\"n\":\"four\"}");
    talk_http_query_is(c, "CREATE STREAM d (n INTEGER) FROM TOPIC s FORMAT JSON", "[]");
    struct talk_http_answer a =
        talk_http_query(c, "{\"sql\":\"SELECT count(n), count(*) FROM d\"}");
    assert_non_null(strstr(a.body, "\"rows\":[[3,4]]"));
    assert_true(talk_http_is(&a, "errors", "1"));
    talk_http_query_is(
        c, "SELECT stream, partition, \\\"offset\\\", \\\"column\\\" FROM system.errors",
        "[[\"d\",0,3,\"n\"]]");
    talk_http_end(t);
}

/* --- Long answers, and clients that read slowly or go --- */

static void a_long_answer_comes_in_chunks(void **state)
{
    (void)state;
    static const char *const headers[] = {TALK_HTTP_JSON, QUERY_ND, QUERY_CSV};
    struct town *t = talk_http_town(8, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 5000, 100);
    for (uint32_t i = 0; i < ARRAY_COUNT(headers); i++) {
        struct talk_http_answer a =
            talk_http(c, QUERY_POST, headers[i], "{\"sql\":\"SELECT n, pad FROM s\"}");
        assert_int_equal(a.status, 200);
        assert_true(talk_http_is_chunked(&a));
        uint32_t rows_count = 0;
        for (const char *at = a.body; (at = strstr(at, "00000000")) != NULL; at += 100) {
            rows_count++;
        }
        assert_int_equal(rows_count, 5000);
        assert_true(i == 2 || strstr(a.body, "\"row_count\":5000") != NULL);
    }
    talk_http_end(t);
}

static void an_error_behind_rows_ends_the_answer(void **state)
{
    (void)state;
    static const char sql[] = "{\"sql\":\"SELECT pad, 1 / (4999 - n) FROM s\"}";
    struct town *t = talk_http_town(9, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 5000, 100);
    struct talk_http_answer a = talk_http(c, QUERY_POST, TALK_HTTP_JSON, sql);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "],\"error\":{\"type\":\"urn:tdb:error:sql_data\""));
    assert_non_null(strstr(a.body, "\"sqlstate\":\"22012\""));
    a = talk_http(c, QUERY_POST, QUERY_ND, sql);
    assert_non_null(strstr(a.body, "\n{\"error\":{\"type\":\"urn:tdb:error:sql_data\""));
    talk_http_ask(c, QUERY_POST, QUERY_CSV, sql);
    assert_true(town_is_ended(c, 10000));
    assert_false(talk_http_has_answer(c));
    c = town_connect_http(t);
    talk_http_query_is(c, "SELECT 1", "[[1]]");
    talk_http_end(t);
}

static void a_client_that_reads_late_gets_all_rows(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(10, &options);
    town_start(t, 2);
    talk_http_fill(t, 10000, 100);
    struct town_client *c = town_connect_http(t);
    struct town_client *other = town_connect_http(t);
    size_t before = talk_http_used_bytes(t);
    c->is_deaf = true;
    talk_http_ask(c, QUERY_POST, TALK_HTTP_JSON,
                  "{\"sql\":\"SELECT n, pad FROM s\",\"timeout\":\"10m\"}");
    for (uint32_t i = 0; i < 20; i++) {
        town_run(t, 1000);
        talk_http_query_is(other, "SELECT 1", "[[1]]");
        assert_true(talk_http_used_bytes(t) < before + (10 << 20));
    }
    c->is_deaf = false;
    town_listen(c);
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(a.status, 200);
    assert_true(talk_http_is(&a, "row_count", "10000"));
    talk_http_end(t);
}

static void a_client_that_goes_ends_its_statement(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct sim_options options = sim_options_calm();
        options.host.buffer_bytes = 64 << 10;
        struct town *t = talk_http_town_of(seed, &options);
        town_start(t, 1 + (uint32_t)seed % 2);
        talk_http_fill(t, 5000, 100);
        struct town_client *c = town_connect_http(t);
        c->is_deaf = seed % 2 == 0;
        talk_http_ask(c, QUERY_POST, TALK_HTTP_JSON,
                      "{\"sql\":\"SELECT n, pad FROM s ORDER BY pad, n DESC\"}");
        sim_run_for(t->sim, seed * seed * 100000);
        town_hang_up(c);
        town_run(t, 3000);
        for (uint32_t i = 0; i < t->shards_count; i++) {
            assert_int_equal(town_core(t, i)->queries.count, 0);
        }
        assert_int_equal(talk_http_connections(t), 0);
        talk_http_end(t);
    }
}

/* It still reads: it is told. */
static void a_client_that_ends_its_side_is_told_so(void **state)
{
    (void)state;
    struct town *t = talk_http_town(16, 1);
    talk_http_fill(t, 5000, 100);
    struct town_client *c = town_connect_http(t);
    talk_http_ask(c, QUERY_POST, TALK_HTTP_JSON,
                  "{\"sql\":\"SELECT n, pad FROM s ORDER BY pad, n DESC\"}");
    town_half_close(c);
    talk_http_assert_problem(talk_http_answer(c), 503, "query_canceled");
    assert_true(town_is_ended(c, 1000));
    talk_http_end(t);
}

/* --- Limits --- */

/* A statement that nobody reads stays; others find out how long they may take. */
static void a_statement_has_its_time(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(11, &options);
    town_start(t, 1);
    talk_http_fill(t, 10000, 100);
    struct town_client *c = town_connect_http(t);
    c->is_deaf = true;
    talk_http_ask(c, QUERY_POST, QUERY_ND, "{\"sql\":\"SELECT n, pad FROM s\",\"timeout\":5000}");
    town_run(t, 4900);
    assert_int_equal(town_core(t, 0)->queries.count, 1);
    town_run(t, 300);
    assert_int_equal(town_core(t, 0)->queries.count, 0);
    c->is_deaf = false;
    town_listen(c);
    struct talk_http_answer a = talk_http_answer(c);
    assert_non_null(strstr(a.body, "{\"error\":{\"type\":\"urn:tdb:error:query_timeout\""));
    assert_non_null(strstr(a.body, "canceling statement due to statement timeout"));
    talk_http_end(t);
}

static void a_statement_has_its_memory(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(12, NULL);
    t->core.queries.bytes_max = 2 << 20;
    town_start(t, 1);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 20000, 200);
    struct talk_http_answer a =
        talk_http_query(c, "{\"sql\":\"SELECT pad, n FROM s ORDER BY n DESC\"}");
    talk_http_assert_problem(a, 503, "query_memory");
    assert_true(talk_http_is(&a, "sqlstate", "53200"));
    talk_http_query_is(c, "SELECT n FROM s ORDER BY n DESC LIMIT 1", "[[19999]]");
    talk_http_end(t);
}

/* Whatever memory there is: an answer, or that there is none; and then it goes on. */
static void without_memory_statements_fail_and_others_go_well(void **state)
{
    (void)state;
    static const char *const asked[] = {
        "{\"sql\":\"SELECT pad, n FROM s ORDER BY pad, n DESC\"}",
        "{\"sql\":\"SELECT pad || n, count(*) FROM s GROUP BY 1\"}",
        "{\"sql\":\"SELECT DISTINCT n FROM s\"}",
        "{\"sql\":\"SELECT n, pad FROM s\"}",
        "{\"sql\":\"DESCRIBE s\"}",
        "{\"sql\":\"EXPLAIN (FORMAT JSON) SELECT n FROM s WHERE n > 7\"}",
    };
    uint32_t refused_count = 0;
    uint32_t done_count = 0;
    for (uint32_t kib = 7500; kib < 16000; kib += 1400) {
        struct sim_options options = sim_options_calm();
        options.host.memory_bytes = kib << 10;
        struct town *t = talk_http_town_of(kib, &options);
        town_start(t, 1);
        struct town_client *c = town_connect_http(t);
        for (uint32_t i = 0; i < 10; i++) {
            talk_http_fill(t, 500, 100);
        }
        for (uint32_t i = 0; i < 2 * ARRAY_COUNT(asked); i++) {
            talk_http_ask(c, QUERY_POST, TALK_HTTP_JSON, asked[i % ARRAY_COUNT(asked)]);
            struct talk_http_answer a = talk_http_answer(c);
            if (a.status != 200 && a.status != 503 && !c->is_ended) {
                fail_msg("%u KiB: status %u: %.300s", kib, a.status, a.body);
            }
            bool is_done = a.status == 200 && strstr(a.body, "\"error\"") == NULL;
            done_count += is_done;
            refused_count += !is_done;
            if (c->is_ended) { /* cut */
                c = town_connect_http(t);
            }
        }
        talk_http_query_is(c, "SELECT 1", "[[1]]");
        talk_http_end(t);
    }
    assert_in_range(done_count, 10, 200); /* both happen */
    assert_in_range(refused_count, 5, 200);
}

/* Far more statements than plans are kept, parameters of other types among them. */
static void plans_are_kept_within_bounds(void **state)
{
    (void)state;
    struct town *t = talk_http_town(15, 1);
    struct town_client *c = town_connect_http(t);
    char body[128], rows[64];
    for (uint32_t i = 0; i < 1300; i++) {
        const char *param = i % 3 == 0 ? "1" : i % 3 == 1 ? "\"1\"" : "null";
        snprintf(body, sizeof(body), "{\"sql\":\"SELECT %u, $1::text\",\"params\":[%s]}", i % 1500,
                 param);
        snprintf(rows, sizeof(rows), "\"rows\":[[%u,%s]]", i % 1500, i % 3 == 2 ? "null" : "\"1\"");
        struct talk_http_answer a = talk_http_query(c, body);
        assert_non_null(strstr(a.body, rows));
    }
    struct core_plans *plans = &town_core(t, 0)->queries.plans;
    assert_true(plans->count <= CORE_PLANS_MAX);
    assert_true(plans->bytes <= plans->bytes_max);
    talk_http_end(t);
}

/* So many read at a time, so many wait, others are told; those that read nothing do neither. */
static void so_many_statements_read_at_a_time(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.buffer_bytes = 64 << 10;
    struct town *t = talk_http_town_of(13, &options);
    t->core.queries.running_max = 2;
    town_start(t, 1);
    talk_http_fill(t, 10000, 100);
    struct town_client *c[14];
    for (uint32_t i = 0; i < ARRAY_COUNT(c); i++) {
        c[i] = town_connect_http(t);
        c[i]->is_deaf = i < 10;
        talk_http_ask(c[i], QUERY_POST, TALK_HTTP_JSON,
                      "{\"sql\":\"SELECT n, pad FROM s\",\"timeout\":\"5m\"}");
        town_run(t, 200);
    }
    struct town_client *other = town_connect_http(t);
    talk_http_query_is(other, "SELECT 1", "[[1]]");
    for (uint32_t i = 10; i < ARRAY_COUNT(c); i++) {
        talk_http_assert_problem(talk_http_answer(c[i]), 503, "queries_too_many");
    }
    for (uint32_t i = 0; i < 10; i++) {
        c[i]->is_deaf = false;
        town_listen(c[i]);
        struct talk_http_answer a = talk_http_answer(c[i]);
        assert_true(talk_http_is(&a, "row_count", "10000"));
    }
    talk_http_end(t);
}

static void the_end_of_the_server_ends_statements(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct sim_options options = sim_options_calm();
        options.host.buffer_bytes = 64 << 10;
        struct town *t = talk_http_town_of(seed, &options);
        town_start(t, 1 + (uint32_t)seed % 3);
        talk_http_fill(t, 5000, 100);
        struct town_client *c[4];
        for (uint32_t i = 0; i < 4; i++) {
            c[i] = town_connect_http(t);
            c[i]->is_deaf = i == 0;
            talk_http_ask(c[i], QUERY_POST, TALK_HTTP_JSON,
                          i % 2 == 0 ? "{\"sql\":\"SELECT n, pad FROM s\"}"
                                     : "{\"sql\":\"SELECT n, pad FROM s ORDER BY pad, n\"}");
        }
        sim_run_for(t->sim, seed * seed * 200000);
        uint64_t before_ns = sim_now_ns(t->sim);
        town_close(t);
        assert_true(sim_now_ns(t->sim) - before_ns < 4 * RT_NS_PER_S);
        town_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_tells_its_types_in_a_header),
        cmocka_unit_test(texts_of_any_characters_come_back),
        cmocka_unit_test(sqlstates_stand_for_problems),
        cmocka_unit_test(a_kept_plans_error_points_into_this_text),
        cmocka_unit_test(a_topic_is_a_stream_that_grows),
        cmocka_unit_test(a_column_that_widens_makes_another_plan),
        cmocka_unit_test(streams_are_declared_shown_and_dropped),
        cmocka_unit_test(values_that_do_not_fit_are_error_rows),
        cmocka_unit_test(a_long_answer_comes_in_chunks),
        cmocka_unit_test(an_error_behind_rows_ends_the_answer),
        cmocka_unit_test(a_client_that_reads_late_gets_all_rows),
        cmocka_unit_test(a_client_that_goes_ends_its_statement),
        cmocka_unit_test(a_client_that_ends_its_side_is_told_so),
        cmocka_unit_test(a_statement_has_its_time),
        cmocka_unit_test(a_statement_has_its_memory),
        cmocka_unit_test(without_memory_statements_fail_and_others_go_well),
        cmocka_unit_test(plans_are_kept_within_bounds),
        cmocka_unit_test(so_many_statements_read_at_a_time),
        cmocka_unit_test(the_end_of_the_server_ends_statements),
    };
    struct CMUnitTest answers[ARRAY_COUNT(query_rows)];
    struct CMUnitTest refusals[ARRAY_COUNT(query_refusal_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(query_rows); i++) {
        answers[i] = (struct CMUnitTest){.name = query_rows[i].name,
                                         .test_func = query_answers,
                                         .initial_state = (void *)(uintptr_t)&query_rows[i]};
    }
    for (size_t i = 0; i < ARRAY_COUNT(query_refusal_rows); i++) {
        refusals[i] =
            (struct CMUnitTest){.name = query_refusal_rows[i].name,
                                .test_func = query_refuses,
                                .initial_state = (void *)(uintptr_t)&query_refusal_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_query", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_query: answers", answers, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_query: refusals", refusals, NULL, NULL);
    return failed;
}
