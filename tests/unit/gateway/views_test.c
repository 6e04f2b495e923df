/* Materialized views by HTTP as clients see them, in a simulated world: how they are listed and
 * stand, positions of answers and waiting for them, rows by key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/late_clock.h"
#include "tests/unit/gateway/talk_http.h"

#define QUERY_POST "POST /api/v1/query"
#define QUERY_CSV  TALK_HTTP_JSON "Accept: text/csv\r\n"
#define QUERY_ND   TALK_HTTP_JSON "Accept: application/x-ndjson\r\n"

static void views_are_made_listed_and_dropped(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    talk_http_query_is(
        c,
        "CREATE MATERIALIZED VIEW v (\\\"p \\\\\\\"\\\"\\\", n) WITH (origin = 'latest') AS SELECT "
        "pad, count(*) FROM s GROUP BY pad",
        "[]");
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT n FROM s", "[]");
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW w AS SELECT sum(n) FROM s", "[]");
    struct talk_http_answer a = talk_http(c, "GET /api/v1/views", "", NULL);
    assert_int_equal(a.status, 200);
    const char *v =
        strstr(a.body,
               "{\"views\":[{\"name\":\"v\",\"source\":\"s\",\"topic\":\"s\",\"origin\":\"latest\","
               "\"incarnation\":1,\"columns\":[{\"name\":\"p "
               "\\\\\\\"\",\"type\":\"text\"},{\"name\":\"n\","
               "\"type\":\"bigint\"}],\"key\":[\"p \\\\\\\"\"],\"created\":\"20");
    assert_non_null(
        strstr(a.body, ",\"sql\":\"SELECT pad, count(*) FROM s GROUP BY pad\",\"state\":"));
    const char *w = strstr(a.body, "},{\"name\":"
                                   "\"w\",\"source\":\"s\",\"topic\":\"s\",\"origin\":\"earliest\","
                                   "\"incarnation\":1,\"columns\":[{\"name\":\"sum\",\"type\":"
                                   "\"numeric\"}],\"key\":null,");
    assert_true(v != NULL && w != NULL && v < w);
    talk_http_assert_problem(
        talk_http_query(c, "{\"sql\":\"CREATE MATERIALIZED VIEW v AS SELECT n FROM s\"}"), 409,
        "sql_exists");
    talk_http_assert_problem(
        talk_http_query(c, "{\"sql\":\"CREATE MATERIALIZED VIEW x AS SELECT n FROM s LIMIT 1\"}"),
        501, "sql_unsupported");
    talk_http_assert_problem(talk_http(c, "GET /api/v1/streams/v/events", "", NULL), 404,
                             "stream_not_found");
    talk_http_query_is(c, "SELECT * FROM v", "[]");
    talk_http_query_is(c, "SELECT * FROM w", "[[3]]");
    a = talk_http(c, "GET /api/v1/views", "", NULL);
    assert_non_null(strstr(a.body,
                           ",\"sql\":\"SELECT sum(n) FROM s\",\"state\":\"live\",\"degraded\":"
                           "false,\"tick\":"));
    assert_non_null(strstr(a.body, ",\"lag_ms\":0,\"rows\":1,\"bytes\":"));
    assert_non_null(
        strstr(a.body,
               ",\"records\":3,\"records_left\":0,\"errors\":0,\"eta_ms\":null,\"freshness_us\":"));
    talk_http_query_is(c, "DROP MATERIALIZED VIEW v", "[]");
    talk_http_query_is(c, "DROP MATERIALIZED VIEW w", "[]");
    a = talk_http(c, "GET /api/v1/views", "", NULL);
    assert_string_equal(a.body, "{\"views\":[]}\n");
    talk_http_end(t);
}

/* The server is ready for streams all the same. */
static void views_that_are_being_built_are_told_of(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT n FROM s", "[]");
    struct talk_http_answer a = talk_http(c, "GET /readyz", "", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(
        a.body,
        "{\"status\":\"ready\",\"reasons\":[],\"views\":[{\"name\":\"v\",\"state\":\"building\","
        "\"degraded\":false,\"tick\":null,\"lag_ms\":0,\"rows\":0,\"bytes\":0,\"records\":0,"
        "\"records_left\":0,\"errors\":0,\"eta_ms\":null,\"freshness_us\":null}]}\n");
    talk_http_query_is(c, "SELECT sum(n) FROM v", "[[3]]");
    a = talk_http(c, "GET /readyz", "", NULL);
    assert_string_equal(a.body, "{\"status\":\"ready\",\"reasons\":[],\"views\":[]}\n");
    talk_http_end(t);
}

/* The number of member `key` of the one view in the body; UINT64_MAX: null. */
static uint64_t view_number(const char *body, const char *key)
{
    char member[64];
    snprintf(member, sizeof(member), ",\"%s\":", key);
    const char *at = strstr(body, member);
    if (at == NULL) {
        fail_msg("%s is not in %s", key, body);
        return 0;
    }
    at += strlen(member);
    return strncmp(at, "null", 4) == 0 ? UINT64_MAX : strtoull(at, NULL, 10);
}

/* Whether a turn of the machine folds a batch, and takes long. */
static void is_slow(struct town *t, bool is_so)
{
    late_clock_begin(is_so ? RT_NS_PER_MS : 0);
    sim_node_set_slow(t->machine, is_so ? 400 : 1);
}

/* The view of `records` is seen halfway, by those who ask whether the server is ready and by SQL;
 * how long it takes is told, and how far it is only rises. */
static void assert_seen_halfway(struct town *t, struct town_client *c, uint64_t records)
{
    uint64_t done = 0;
    uint32_t seen_count = 0;
    for (uint32_t i = 0; i < 1000 && seen_count < 3; i++) {
        struct talk_http_answer a = talk_http(c, "GET /readyz", "", NULL);
        if (strstr(a.body, "\"state\":\"building\"") != NULL) {
            uint64_t now = view_number(a.body, "records");
            uint64_t left = view_number(a.body, "records_left");
            uint64_t eta_ms = view_number(a.body, "eta_ms");
            assert_in_range(now, done, records - 1);
            assert_in_range(now + left, 0, records);
            done = now;
            seen_count += now > 0 && left > 0 && eta_ms != 0 && eta_ms != UINT64_MAX;
        }
        town_run(t, 20);
    }
    assert_int_equal(seen_count, 3);
    struct talk_http_answer a = talk_http_query(
        c, "{\"sql\":\"SELECT state, records > 0 AND records_left > 0 AND eta_ms > 0 FROM "
           "system.views\"}");
    if (strstr(a.body, "\"rows\":[[\"building\",true]]") == NULL) {
        fail_msg("%s", a.body);
    }
    is_slow(t, false);
}

static void views_tell_how_far_they_are(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 2; shards_count++) {
        struct town *t = talk_http_town(16 + shards_count, shards_count);
        struct town_client *c = town_connect_http(t);
        for (uint32_t i = 0; i < 3; i++) {
            talk_http_fill(t, 20000, 1);
        }
        is_slow(t, true);
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT sum(n) FROM s", "[]");
        assert_seen_halfway(t, c, 60000);
        talk_http_query_is(c, "SELECT * FROM v", "[[599970000]]");
        town_hang_up(c);
        town_run(t, 100);
        town_forget(c);
        town_close(t);
        is_slow(t, true);
        town_start(t, shards_count); /* and again: all that is in the log */
        c = town_connect_http(t);
        assert_seen_halfway(t, c, 60000);
        talk_http_query_is(c, "SELECT * FROM v", "[[599970000]]");
        talk_http_end(t);
    }
}

static void views_that_are_bound_anew_are_told_of(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 5; i++) { /* so many that it takes a while */
        talk_http_fill(t, 20000, 1);
    }
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT sum(n) FROM s", "[]");
    talk_http_query_is(c, "SELECT * FROM v", "[[999950000]]");
    talk_http_append(c, "{\"n\":0.5}");
    town_run(t, 100);
    struct talk_http_answer a = talk_http_query(c, "{\"sql\":\"SELECT * FROM v\"}");
    assert_non_null(strstr(a.body, ",\"row_count\":1,\"errors\":1,\"records\":1,"));
    a = talk_http_query(c, "{\"sql\":\"ALTER MATERIALIZED VIEW v REBIND\"}");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"notice\":\"materialized view \\\"v\\\" is read as it was "
                                   "until it is built anew, from: CREATE STREAM s (n DOUBLE "));
    a = talk_http(c, "GET /readyz", "", NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(
        a.body, "\"views\":[{\"name\":\"v\",\"state\":\"live\",\"degraded\":true,\"why\":\"1 value "
                "or row failed, at partition 0, offset 100000\","));
    assert_non_null(
        strstr(a.body, ",\"errors\":1,\"first_error\":{\"partition\":0,\"offset\":100000},"));
    const char *rebind = strstr(a.body, ",\"rebind\":{\"state\":\"building\",\"rows\":");
    assert_non_null(rebind);
    assert_non_null(strstr(rebind, ",\"records_left\":"));
    assert_non_null(strstr(rebind, ",\"eta_ms\":"));
    talk_http_assert_problem(talk_http_query(c, "{\"sql\":\"ALTER MATERIALIZED VIEW v REBIND\"}"),
                             409, "sql_in_use");
    a = talk_http(c, "GET /api/v1/views", "", NULL);
    assert_non_null(strstr(a.body, ",\"incarnation\":1,"));
    town_run(t, 1000);
    talk_http_query_is(c, "SELECT * FROM v", "[[999950000.5]]");
    a = talk_http(c, "GET /api/v1/views", "", NULL);
    assert_non_null(strstr(a.body, ",\"incarnation\":2,"));
    assert_non_null(strstr(a.body, ",\"degraded\":false,"));
    assert_null(strstr(a.body, "rebind"));
    a = talk_http(c, "GET /readyz", "", NULL);
    assert_string_equal(a.body, "{\"status\":\"ready\",\"reasons\":[],\"views\":[]}\n");
    talk_http_end(t);
}

/* The position of an answer, which stands in its head, too. */
static void query_position(const struct talk_http_answer *a, char out[TALK_HTTP_VALUE_BYTES])
{
    char wanted[64];
    assert_int_equal(a->status, 200);
    assert_true(talk_http_header(a, "TDB-Position", out));
    snprintf(wanted, sizeof(wanted), ",\"position\":\"%s\"}\n", out);
    assert_non_null(strstr(a->body, wanted));
}

static void answers_about_views_have_positions_that_can_be_waited_for(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    char position[TALK_HTTP_VALUE_BYTES], body[512];
    talk_http_fill(t, 3, 1);
    talk_http_append(c, "{\"n\":1}");
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s", "[]");
    for (uint64_t i = 3; i < 13; i++) { /* what was appended is there, also in a new view */
        if (i > 3) {
            talk_http_append(c, "{\"n\":1}");
        }
        snprintf(body, sizeof(body),
                 "{\"sql\":\"SELECT n FROM v\",\"min_position\":{\"s\":{\"0\":%llu}}}",
                 (unsigned long long)i);
        struct talk_http_answer a =
            talk_http(c, QUERY_POST, i % 2 == 0 ? TALK_HTTP_JSON : QUERY_ND, body);
        query_position(&a, position);
        snprintf(body, sizeof(body), "[%llu]", (unsigned long long)i + 1);
        assert_non_null(strstr(a.body, body));
        snprintf(body, sizeof(body),
                 "{\"sql\":\"SELECT n FROM v WHERE n < 0\",\"min_position\":\"%s\"}", position);
        a = talk_http_query(c, body);
        query_position(&a, position);
    }
    struct talk_http_answer a = talk_http(c, QUERY_POST, QUERY_CSV, body);
    assert_true(talk_http_header(&a, "TDB-Position", position));
    a = talk_http_query(c, "{\"sql\":\"SELECT n FROM v\",\"consistency\":\"any\"}");
    query_position(&a, position);
    a = talk_http_query(c, "{\"sql\":\"SELECT count(*) FROM s\",\"min_position\":{}}");
    assert_false(talk_http_header(&a, "TDB-Position", position));
    assert_null(strstr(a.body, "position"));
    talk_http_end(t);
}

static void positions_that_cannot_be_waited_for_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        uint16_t status;
        const char *code;
    } rows[] = {
        {"\"min_position\":\"7\"", 422, "query_invalid"},
        {"\"min_position\":7", 422, "query_invalid"},
        {"\"min_position\":{\"s\":7}", 422, "query_invalid"},
        {"\"min_position\":{\"s\":{\"x\":7}}", 422, "query_invalid"},
        {"\"min_position\":{\"s\":{\"4294967296\":7}}", 422, "query_invalid"},
        {"\"min_position\":{\"s\":{\"0\":\"7\"}}", 422, "query_invalid"},
        {"\"min_position\":{\"s\":{\"0\":-1}}", 422, "query_invalid"},
        {"\"consistency\":\"all\"", 422, "query_invalid"},
        {"\"consistency\":true", 422, "query_invalid"},
        {"\"consistency\":\"any\",\"min_position\":{\"s\":{\"0\":1}}", 422, "query_invalid"},
        {"\"min_position\":{\"nowhere\":{\"0\":1}}", 422, "position_invalid"},
        {"\"min_position\":{\"s\":{\"7\":1}}", 422, "position_invalid"},
        {"\"min_position\":{\"other\":{\"0\":0}}", 422, "position_invalid"},
        {"\"min_position\":\"00000001.1\"", 422, "position_invalid"},
        {"\"min_position\":{\"s\":{\"0\":99}},\"timeout\":\"100ms\"", 503, "views_lagging"},
    };
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    assert_int_equal(talk_http(c, "POST /api/v1/streams/other/events", TALK_HTTP_JSON, "1").status,
                     200);
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM s", "[]");
    talk_http_query_is(c, "SELECT n FROM v", "[[3]]");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"sql\":\"SELECT n FROM v\",%s}", rows[i].members);
        struct talk_http_answer a = talk_http_query(c, body);
        if (a.status != rows[i].status || strstr(a.body, rows[i].code) == NULL) {
            fail_msg("%s: %u %s", rows[i].members, a.status, a.body);
        }
    }
    /* Who goes while he waits. */
    struct town_client *other = town_connect_http(t);
    talk_http_ask(other, QUERY_POST, TALK_HTTP_JSON,
                  "{\"sql\":\"SELECT n FROM v\",\"min_position\":{\"s\":{\"0\":99}}}");
    town_run(t, 50);
    town_hang_up(other);
    town_run(t, 50);
    talk_http_end(t);
}

/* The answer to GET of that target has these rows. */
static void rows_are(struct town_client *c, const char *target, const char *rows)
{
    char line[512], wanted[512];
    snprintf(line, sizeof(line), "GET /api/v1/views/%s", target);
    snprintf(wanted, sizeof(wanted), "\"rows\":%s,", rows);
    struct talk_http_answer a = talk_http(c, line, "", NULL);
    if (a.status != 200 || strstr(a.body, wanted) == NULL ||
        strstr(a.body, "\"position\":\"") == NULL) {
        fail_msg("%s: status %u: %s\nnot: %s", line, a.status, a.body, rows);
    }
}

static void a_row_is_found_by_its_key(void **state)
{
    (void)state;
    static const struct {
        const char *view;
        const char *k; /* percent-encoded where it must be */
        const char *rows;
    } rows[] = {
        {"t", "[%22a\\%22b%22,2]", "[[2,\"a\\\"b\",2]]"},
        {"t", "%5B%22a\\u0022b%22%2C%202%5D", "[[2,\"a\\\"b\",2]]"},
        {"t", "[%22a%22,2]", "[]"},
        {"t", "[null,null]", "[[null,null,1]]"},
        {"n", "[1.50]", "[[1.5,2]]"},
        {"n", "[%221.5%22]", "[[1.5,2]]"},
        {"n", "[15e-1]", "[[1.5,2]]"},
        {"n", "[null]", "[[null,2]]"},
        {"d", "[0.1]", "[[0.1,1]]"},
        {"b", "[true]", "[[true,1]]"},
        {"j", "[{%22x%22:[1,%22y%22]}]", "[[{\"x\":[1,\"y\"]},1]]"},
        {"j", "[%22s%22]", "[[\"s\",1]]"},
        {"z", "[%222026-01-31T01:00:00%2B01:00%22]", "[[\"2026-01-31T00:00:00.000000Z\",1]]"},
        {"p", "[7]", "[[7.00,1]]"},
        {"r", "[0,3]", "[[0,3,2]]"},
        {"r", "[0,4]", "[]"},
        {"we%20%22ird", "[2]", "[[2,3]]"},
    };
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(8, shards);
        struct town_client *c = town_connect_http(t);
        talk_http_append(c,
                         "{\"n\":2,\"s\":\"a\\\"b\",\"m\":1.5,\"d\":0.1,\"j\":{\"x\":[1,\"y\"]}}");
        talk_http_append(c, "{\"n\":2,\"s\":\"a\\\"b\",\"m\":1.50,\"b\":true,\"j\":\"s\"}");
        talk_http_append(c, "{\"z\":\"2026-01-31T00:00:00Z\"}");
        talk_http_append(c, "{\"n\":2,\"s\":\"c\",\"p\":7}");
        talk_http_query_is(
            c,
            "CREATE STREAM y (n BIGINT, s TEXT, m NUMERIC, d DOUBLE PRECISION, b BOOLEAN, j "
            "JSONB, z TIMESTAMPTZ, p NUMERIC(10,2)) FROM TOPIC s FORMAT JSON",
            "[]");
        talk_http_query_is(
            c, "CREATE MATERIALIZED VIEW t AS SELECT n, s, count(*) FROM y GROUP BY s, n", "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW n AS SELECT m, count(*) FROM y GROUP BY m",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW d AS SELECT d, count(*) FROM y GROUP BY d",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW b AS SELECT b, count(*) FROM y GROUP BY b",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW j AS SELECT j, count(*) FROM y GROUP BY j",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW z AS SELECT z, count(*) FROM y GROUP BY z",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW p AS SELECT p, count(*) FROM y GROUP BY p",
                           "[]");
        talk_http_query_is(c, "CREATE MATERIALIZED VIEW r AS SELECT _partition, _offset, n FROM y",
                           "[]");
        talk_http_query_is(
            c,
            "CREATE MATERIALIZED VIEW \\\"we \\\"\\\"ird\\\" (\\\"a \\\"\\\"b\\\") AS SELECT n, "
            "count(s) FROM y GROUP BY n",
            "[]");
        for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
            char target[256];
            snprintf(target, sizeof(target), "%s/rows?k=%s", rows[i].view, rows[i].k);
            rows_are(c, target, rows[i].rows);
        }
        talk_http_end(t);
    }
}

static void every_key_is_on_the_shard_that_is_asked(void **state)
{
    (void)state;
    struct town *t = talk_http_town(9, 3);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 100, 1);
    talk_http_query_is(
        c, "CREATE MATERIALIZED VIEW v AS SELECT n, n * n AS q, count(*) FROM s GROUP BY n", "[]");
    for (uint32_t i = 0; i < 100; i++) {
        char target[64], rows[64];
        snprintf(target, sizeof(target), "v/rows?k=[%u]&consistency=default&timeout=5s", i);
        snprintf(rows, sizeof(rows), "[[%u,%u,1]]", i, i * i);
        rows_are(c, target, rows);
    }
    struct talk_http_answer a = talk_http(c, "GET /api/v1/views/v/rows?k=[7]", "", NULL);
    assert_non_null(strstr(a.body, "\"records\":1,")); /* no other row was looked at */
    a = talk_http(c, "GET /api/v1/views/v/rows?limit=7", "", NULL);
    assert_non_null(strstr(a.body, "\"row_count\":7,"));
    a = talk_http(c, "GET /api/v1/views/v/rows", "", NULL);
    assert_non_null(strstr(a.body, "\"row_count\":100,"));
    talk_http_end(t);
}

static void rows_that_cannot_be_asked_for_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        uint16_t status;
        const char *said;
    } rows[] = {
        {"nowhere/rows", 404, "view_not_found"},
        {"s/rows", 404, "view_not_found"},
        {"v/rows?key=[1]", 400, "parameter_invalid"},
        {"v/rows?k=1", 400, "k is a JSON array of 1: "},
        {"v/rows?k=[1,2]", 400, "k is a JSON array of 1: "},
        {"v/rows?k=[]", 400, "k is a JSON array of 1: "},
        {"v/rows?k=[1", 400, "k is a JSON array of 1: "},
        {"v/rows?k=[1]&k=[1]", 400, "parameter_invalid"},
        {"v/rows?k=[%22x%22]", 422, "\"sqlstate\":\"22P02\""},
        {"v/rows?k=[%22\\u0000%22]", 400, "k has half a character, or a NUL."},
        {"v/rows?limit=0", 400, "parameter_invalid"},
        {"v/rows?limit=10001", 400, "parameter_invalid"},
        {"v/rows?timeout=0s", 400, "parameter_invalid"},
        {"v/rows?min_position=x", 400, "parameter_invalid"},
        {"v/rows?min_position=00000001.1", 422, "position_invalid"},
        {"v/rows?min_position=00000001.1&consistency=any", 400, "parameter_invalid"},
        {"v/rows?consistency=all", 400, "parameter_invalid"},
        {"total/rows?k=[1]", 422, "It has one row."},
        {"hidden/rows?k=[1]", 422, "Its key: a column that it does not show, pad."},
    };
    struct town *t = talk_http_town(9, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 10, 1);
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT n, count(*) FROM s GROUP BY n",
                       "[]");
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM s", "[]");
    talk_http_query_is(
        c, "CREATE MATERIALIZED VIEW hidden AS SELECT pad, count(*) FROM s GROUP BY n, pad", "[]");
    rows_are(c, "total/rows", "[[10]]");
    rows_are(c, "v/rows?k=[7]", "[[7,1]]");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char line[256];
        snprintf(line, sizeof(line), "GET /api/v1/views/%s", rows[i].target);
        struct talk_http_answer a = talk_http(c, line, "", NULL);
        if (a.status != rows[i].status || strstr(a.body, rows[i].said) == NULL) {
            fail_msg("%s: %u %s", line, a.status, a.body);
        }
    }
    talk_http_end(t);
}

static void a_broken_view_says_why_and_is_not_asked_again(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_fill(t, 3, 1);
    talk_http_query_is(c, "CREATE MATERIALIZED VIEW v AS SELECT pad, n FROM s", "[]");
    talk_http_query_is(c, "SELECT count(*) FROM v", "[[3]]");
    budget_set_limit(&town_core(t, 0)->upkeep.budget, 1);
    budget_set_limit(&town_core(t, 1)->upkeep.budget, 1);
    talk_http_fill(t, 300, 1);
    struct talk_http_answer a = talk_http_query(c, "{\"sql\":\"SELECT * FROM v\"}");
    talk_http_assert_problem(a, 409, "view_broken");
    assert_non_null(strstr(a.body, "\"v\\\" is broken: out of budget"));
    assert_non_null(strstr(a.body, "\"sqlstate\":\"55000\""));
    assert_non_null(strstr(a.body, "\"retriable\":false"));
    talk_http_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_are_made_listed_and_dropped),
        cmocka_unit_test(views_that_are_being_built_are_told_of),
        cmocka_unit_test(views_tell_how_far_they_are),
        cmocka_unit_test(views_that_are_bound_anew_are_told_of),
        cmocka_unit_test(answers_about_views_have_positions_that_can_be_waited_for),
        cmocka_unit_test(positions_that_cannot_be_waited_for_are_refused),
        cmocka_unit_test(a_row_is_found_by_its_key),
        cmocka_unit_test(every_key_is_on_the_shard_that_is_asked),
        cmocka_unit_test(rows_that_cannot_be_asked_for_are_refused),
        cmocka_unit_test(a_broken_view_says_why_and_is_not_asked_again),
    };
    return cmocka_run_group_tests_name("gateway_views", tests, NULL, NULL);
}
