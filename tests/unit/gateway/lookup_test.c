/* Rows of views by their keys, by HTTP and without a statement: which are looked up so, and that
 * nobody can tell: the answer is the statement's, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/gateway/talk_http.h"

#define VIEWS "GET /api/v1/views/"

/* Rows that were looked up without a statement, on all shards. */
static uint64_t looked_up(struct town *t)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < t->shards_count; i++) {
        count += metric_counter_value(&town_core(t, i)->lookups.ended);
    }
    return count;
}

static void make(struct town_client *c, const char *name, const char *select)
{
    char sql[1024];
    snprintf(sql, sizeof(sql), "CREATE MATERIALIZED VIEW %s AS %s", name, select);
    talk_http_query_is(c, sql, "[]");
}

/* Records of each kind, and views of them. */
static void fill(struct town_client *c)
{
    talk_http_append(c, "{\"n\":2,\"s\":\"a\\\"b\",\"m\":1.5,\"d\":0.1,\"j\":{\"x\":[1,\"y\"]}}");
    talk_http_append(c, "{\"n\":2,\"s\":\"a\\\"b\",\"m\":1.50,\"b\":true,\"j\":\"s\"}");
    talk_http_append(c, "{\"z\":\"2026-01-31T00:00:00Z\",\"d\":-0.0,\"e\":\"2026-01-31\"}");
    talk_http_append(c, "{\"n\":5,\"p\":0}");
    talk_http_append(c, "{\"n\":2,\"s\":\"c\",\"p\":7,\"m\":-12345678901234567890.125}");
    talk_http_query_is(
        c,
        "CREATE STREAM y (n BIGINT, i INTEGER, s TEXT, m NUMERIC, d DOUBLE PRECISION, b BOOLEAN, j "
        "JSONB, z TIMESTAMPTZ, e DATE, p NUMERIC(10,2)) FROM TOPIC s FORMAT JSON",
        "[]");
    make(c, "t", "SELECT n, s, count(*) FROM y GROUP BY s, n");
    make(c, "n", "SELECT m, count(*), sum(m), max(j::text), min(z) FROM y GROUP BY m");
    make(c, "d", "SELECT d, count(*) FROM y GROUP BY d");
    make(c, "b", "SELECT b, count(*) FROM y GROUP BY b");
    make(c, "j", "SELECT j, count(*) FROM y GROUP BY j");
    make(c, "z", "SELECT z, e, count(*) FROM y GROUP BY z, e");
    make(c, "p", "SELECT p, count(*) FROM y GROUP BY p");
    make(c, "r", "SELECT _partition, _offset, n, j, z - '2026-01-30' AS w FROM y");
    make(c, "h",
         "SELECT n, count(*) AS \\\"C \\\"\\\" c\\\" FROM y GROUP BY n HAVING count(*) > 1");
    make(c, "x", "SELECT n + 1 AS n1, count(*), avg(m) FROM y GROUP BY n + 1");
    make(c, "f", "SELECT n, sum(1 / p) FROM y GROUP BY n");
    make(c, "q", "SELECT n, 1 / (count(*) - 3) AS q FROM y GROUP BY n");
    make(c, "nine",
         "SELECT n, i, s, m, d, b, j, z, e, count(*) FROM y GROUP BY n, i, s, m, d, b, "
         "j, z, e");
}

/* Keys, and the statement that asks for each. */
static const struct same_row {
    const char *view;
    const char *k;      /* percent-encoded where it must be */
    const char *where;  /* of the statement, as it stands in JSON */
    const char *params; /* likewise */
    bool is_else;       /* a statement is asked */
} same_rows[] = {
    {"t", "[%22a\\%22b%22,2]", "s IS NOT DISTINCT FROM $1 AND n IS NOT DISTINCT FROM $2",
     "\"a\\\"b\",\"2\"", false},
    {"t", "[%22a\\%22b%22,3]", "s IS NOT DISTINCT FROM $1 AND n IS NOT DISTINCT FROM $2",
     "\"a\\\"b\",\"3\"", false},
    {"t", "[null,null]", "s IS NOT DISTINCT FROM $1 AND n IS NOT DISTINCT FROM $2", "null,null",
     false},
    {"n", "[1.50]", "m IS NOT DISTINCT FROM $1", "\"1.50\"", false},
    {"n", "[%2215e-1%22]", "m IS NOT DISTINCT FROM $1", "\"15e-1\"", false},
    {"n", "[-12345678901234567890.1250]", "m IS NOT DISTINCT FROM $1",
     "\"-12345678901234567890.1250\"", false},
    {"n", "[null]", "m IS NOT DISTINCT FROM $1", "null", false},
    {"n", "[%22NaN%22]", "m IS NOT DISTINCT FROM $1", "\"NaN\"", true},
    {"d", "[0]", "d IS NOT DISTINCT FROM $1", "\"0\"", false},
    {"d", "[%22-0%22]", "d IS NOT DISTINCT FROM $1", "\"-0\"", false},
    {"d", "[0.1]", "d IS NOT DISTINCT FROM $1", "\"0.1\"", false},
    {"d", "[%22NaN%22]", "d IS NOT DISTINCT FROM $1", "\"NaN\"", false},
    {"b", "[true]", "b IS NOT DISTINCT FROM $1", "\"true\"", false},
    {"b", "[%22t%22]", "b IS NOT DISTINCT FROM $1", "\"t\"", false},
    {"b", "[1]", "b IS NOT DISTINCT FROM $1", "\"1\"", false},
    {"j", "[{%22x%22:[1,%22y%22]}]", "j IS NOT DISTINCT FROM $1", "\"{\\\"x\\\":[1,\\\"y\\\"]}\"",
     false},
    {"j", "[%22s%22]", "j IS NOT DISTINCT FROM $1", "\"\\\"s\\\"\"", false},
    {"z", "[%222026-01-31T01:00:00%2B01:00%22,%222026-01-31%22]",
     "z IS NOT DISTINCT FROM $1 AND e IS NOT DISTINCT FROM $2",
     "\"2026-01-31T01:00:00+01:00\",\"2026-01-31\"", false},
    {"p", "[7]", "p IS NOT DISTINCT FROM $1", "\"7\"", true},
    {"r", "[0,2]", "_partition IS NOT DISTINCT FROM $1 AND _offset IS NOT DISTINCT FROM $2",
     "\"0\",\"2\"", false},
    {"r", "[0,4]", "_partition IS NOT DISTINCT FROM $1 AND _offset IS NOT DISTINCT FROM $2",
     "\"0\",\"4\"", false},
    {"h", "[2]", "n IS NOT DISTINCT FROM $1", "\"2\"", false},
    {"h", "[null]", "n IS NOT DISTINCT FROM $1", "null", false},
    {"f", "[2]", "n IS NOT DISTINCT FROM $1", "\"2\"", false},
    {"f", "[5]", "n IS NOT DISTINCT FROM $1", "\"5\"", false},
    {"q", "[5]", "n IS NOT DISTINCT FROM $1", "\"5\"", false},
    {"q", "[2]", "n IS NOT DISTINCT FROM $1", "\"2\"", true},
    {"x", "[3]", "n1 IS NOT DISTINCT FROM $1", "\"3\"", false},
    {"nine", "[2,null,%22c%22,-12345678901234567890.125,null,null,null,null,null]",
     "n IS NOT DISTINCT FROM $1 AND i IS NOT DISTINCT FROM $2 AND s IS NOT DISTINCT FROM $3 "
     "AND m IS NOT DISTINCT FROM $4 AND d IS NOT DISTINCT FROM $5 AND b IS NOT DISTINCT FROM "
     "$6 AND j IS NOT DISTINCT FROM $7 AND z IS NOT DISTINCT FROM $8 AND e IS NOT DISTINCT "
     "FROM $9",
     "\"2\",null,\"c\",\"-12345678901234567890.125\",null,null,null,null,null", true},
};

static void row_is_the_statements(struct town *t, struct town_client *c, const struct same_row *row)
{
    char line[512], sql[2048], position[2][TALK_HTTP_VALUE_BYTES] = {"", ""};
    snprintf(sql, sizeof(sql), "{\"sql\":\"SELECT * FROM %s WHERE %s\",\"params\":[%s]}", row->view,
             row->where, row->params);
    struct talk_http_answer a = talk_http_query(c, sql);
    char *wanted = strdup(a.body);
    (void)talk_http_header(&a, "TDB-Position", position[0]);
    uint16_t status = a.status;
    uint64_t before = looked_up(t);
    snprintf(line, sizeof(line), VIEWS "%s/rows?k=%s", row->view, row->k);
    a = talk_http(c, line, "", NULL);
    (void)talk_http_header(&a, "TDB-Position", position[1]);
    bool is_same = status >= 400 || strcmp(wanted, a.body) == 0;
    if (a.status != status || !is_same || strcmp(position[0], position[1]) != 0 ||
        looked_up(t) - before != !row->is_else) {
        fail_msg("%s: %u %s, not %u %s (%u looked up)", line, a.status, a.body, status, wanted,
                 (unsigned)(looked_up(t) - before));
    }
    free(wanted);
}

static void a_row_is_answered_as_the_statement_answers_it(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(8, shards);
        struct town_client *clients[] = {town_connect_http(t), town_connect_http(t),
                                         town_connect_http(t)};
        fill(clients[0]);
        town_run(t, 100); /* positions rest */
        for (size_t i = 0; i < ARRAY_COUNT(same_rows) * ARRAY_COUNT(clients); i++) {
            row_is_the_statements(t, clients[i % ARRAY_COUNT(clients)],
                                  &same_rows[i / ARRAY_COUNT(clients)]);
        }
        talk_http_end(t);
    }
}

/* The decision table of http_view_lookup.c. */
static void some_rows_are_looked_up_and_others_are_a_statements(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *headers;
        uint16_t status;
        bool is_looked_up;
    } rows[] = {
        {"v/rows?k=[7]", "", 200, true},
        {"v/rows?k=[70]", "", 200, true},
        {"v/rows?k=[7]&limit=1", "", 200, true},
        {"v/rows?k=[7]&consistency=any", "", 200, true},
        {"v/rows?k=[7]&consistency=default&timeout=5s", "", 200, true},
        {"v/rows?k=[7]&min_position=NOW", "", 200, true},
        {"v/rows?k=[7]", "Accept: */*\r\n", 200, true},
        {"v/rows?k=[7]", "Accept: application/json\r\n", 200, true},
        {"v/rows?k=[7]", "Accept: text/csv;q=0.5, application/json\r\n", 200, true},
        {"v/rows?k=[7]", "Accept: text/csv\r\n", 200, false},
        {"v/rows?k=[7]", "Accept: application/x-ndjson\r\n", 200, false},
        {"v/rows?k=[7]", "Accept: text/html\r\n", 406, false},
        {"v/rows", "", 200, false},
        {"v/rows?limit=1", "", 200, false},
        {"v/rows?k=[%22x%22]", "", 422, false},
        {"v/rows?k=[1e30]", "", 422, false},
        {"v/rows?k=[1,2]", "", 400, false},
        {"v/rows?k=[7]&timeout=100ms&min_position=LATER", "", 503, false},
        {"v/rows?k=[7]&min_position=00000001.1", "", 422, false},
        {"total/rows?k=[1]", "", 422, false},
        {"hidden/rows?k=[1]", "", 422, false},
        {"nowhere/rows?k=[1]", "", 404, false},
    };
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(9, shards);
        struct town_client *clients[] = {town_connect_http(t), town_connect_http(t)};
        char now[TALK_HTTP_VALUE_BYTES], later[TALK_HTTP_VALUE_BYTES + 1];
        talk_http_fill(t, 10, 1);
        make(clients[0], "v", "SELECT n, count(*) FROM s GROUP BY n");
        make(clients[0], "total", "SELECT count(*) FROM s");
        make(clients[0], "hidden", "SELECT pad, count(*) FROM s GROUP BY n, pad");
        talk_http_query_is(clients[0], "SELECT n FROM v WHERE n = 7", "[[7]]");
        struct talk_http_answer a = talk_http(clients[0], VIEWS "v/rows?k=[7]", "", NULL);
        assert_true(talk_http_header(&a, "TDB-Position", now));
        snprintf(later, sizeof(later), "%s0", now); /* ten times as many ticks */
        for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
            char line[512];
            const char *target = rows[i / 2].target;
            const char *upper = strpbrk(target, "NL");
            bool is_now = upper != NULL && *upper == 'N';
            size_t plain = upper != NULL ? (size_t)(upper - target) : strlen(target);
            snprintf(line, sizeof(line), VIEWS "%.*s%s", (int)plain, target,
                     upper == NULL ? ""
                     : is_now      ? now
                                   : later);
            uint64_t before = looked_up(t);
            a = talk_http(clients[i % 2], line, rows[i / 2].headers, NULL);
            if (a.status != rows[i / 2].status ||
                looked_up(t) - before != rows[i / 2].is_looked_up) {
                fail_msg("%s: %u %s (%u looked up)", line, a.status, a.body,
                         (unsigned)(looked_up(t) - before));
            }
        }
        talk_http_ask(clients[0], "HEAD /api/v1/views/v/rows?k=[7]", "", NULL);
        a = talk_http_answer_to_head(clients[0]);
        assert_int_equal(a.status, 200);
        assert_true(talk_http_has(&a, "TDB-Position", now));
        talk_http_end(t);
    }
}

/* Texts of another shard's row that are long, and a row so long that its answer is in chunks. */
static void long_rows_are_whole(void **state)
{
    (void)state;
    static const size_t lengths[] = {10, 900, 1100, 20000, 70000};
    static char value[80000], wanted[80000];
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(5, shards);
        struct town_client *clients[] = {town_connect_http(t), town_connect_http(t)};
        for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
            int length = snprintf(value, sizeof(value), "{\"n\":%zu,\"pad\":\"", i);
            memset(value + length, 'x', lengths[i]);
            snprintf(value + length + lengths[i], 3, "\"}");
            talk_http_append(clients[0], value);
        }
        make(clients[0], "v", "SELECT n, max(pad) AS pad FROM s GROUP BY n");
        for (size_t i = 0; i < 2 * ARRAY_COUNT(lengths); i++) {
            char line[64];
            int length = snprintf(wanted, sizeof(wanted), "\"rows\":[[%zu,\"", i / 2);
            memset(wanted + length, 'x', lengths[i / 2]);
            snprintf(wanted + length + lengths[i / 2], 5, "\"]]");
            snprintf(line, sizeof(line), VIEWS "v/rows?k=[%zu]", i / 2);
            struct talk_http_answer a = talk_http(clients[i % 2], line, "", NULL);
            assert_int_equal(a.status, 200);
            assert_non_null(strstr(a.body, wanted));
            assert_int_equal(talk_http_is_chunked(&a), lengths[i / 2] > (64 << 10));
        }
        talk_http_end(t);
    }
}

/* What answers begin with is kept: not longer than it is true. */
static void a_view_that_changes_is_answered_as_it_is(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a;
    talk_http_fill(t, 3, 1);
    for (uint32_t i = 0; i < 3; i++) {
        make(c, "v", "SELECT n, count(*) AS c FROM s GROUP BY n");
        for (uint32_t k = 0; k < 2; k++) {
            a = talk_http(c, VIEWS "v/rows?k=[2]", "", NULL);
            assert_non_null(strstr(a.body,
                                   "{\"columns\":[{\"name\":\"n\",\"type\":\"bigint\"},{"
                                   "\"name\":\"c\",\"type\":\"bigint\"}],\"rows\":[[2,1]]"));
        }
        talk_http_query_is(c, "ALTER MATERIALIZED VIEW v RENAME TO w", "[]");
        a = talk_http(c, VIEWS "w/rows?k=[2]", "", NULL);
        assert_non_null(strstr(a.body, "\"c\",\"type\":\"bigint\"}],\"rows\":[[2,1]]"));
        talk_http_assert_problem(talk_http(c, VIEWS "v/rows?k=[2]", "", NULL), 404,
                                 "view_not_found");
        make(c, "v", "SELECT n AS m, max(pad) FROM s GROUP BY n");
        a = talk_http(c, VIEWS "v/rows?k=[2]", "", NULL);
        assert_non_null(strstr(a.body, "{\"columns\":[{\"name\":\"m\",\"type\":\"bigint\"},{\"name"
                                       "\":\"max\",\"type\":\"text\"}],\"rows\":[[2,\"0\"]]"));
        talk_http_query_is(c, "DROP MATERIALIZED VIEW v", "[]");
        talk_http_query_is(c, "DROP MATERIALIZED VIEW w", "[]");
        talk_http_assert_problem(talk_http(c, VIEWS "w/rows?k=[2]", "", NULL), 404,
                                 "view_not_found");
    }
    talk_http_end(t);
}

/* Many of many clients, sent at once, while records come. */
static void crowds_are_answered_in_order(void **state)
{
    (void)state;
    enum { CLIENTS = 6, ASKED = 40, KEYS = 100 };
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct town *t = talk_http_town(7, shards);
        struct town_client *clients[CLIENTS];
        talk_http_fill(t, KEYS, 1);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            clients[i] = town_connect_http(t);
        }
        make(clients[0], "v", "SELECT n, n * n AS q FROM s GROUP BY n");
        talk_http_query_is(clients[0], "SELECT n FROM v WHERE n = 7", "[[7]]");
        size_t used_bytes = 0;
        for (uint32_t round = 0; round < 5; round++) {
            uint64_t before = looked_up(t);
            for (uint32_t i = 0; i < CLIENTS * ASKED; i++) {
                char text[256];
                snprintf(text, sizeof(text),
                         VIEWS "v/rows?k=[%u] HTTP/1.1\r\nHost: broker.town\r\n\r\n", i % KEYS);
                talk_http_say(clients[i % CLIENTS], text);
            }
            for (uint32_t i = 0; i < CLIENTS * ASKED; i++) {
                char wanted[64];
                uint32_t key = i % KEYS;
                snprintf(wanted, sizeof(wanted), "\"rows\":[[%u,%u]],", key, key * key);
                struct talk_http_answer a = talk_http_answer(clients[i % CLIENTS]);
                assert_int_equal(a.status, 200);
                assert_non_null(strstr(a.body, wanted));
            }
            assert_int_equal(looked_up(t) - before, CLIENTS * ASKED);
            used_bytes = round == 2 ? talk_http_used_bytes(t) : used_bytes;
        }
        assert_true(talk_http_used_bytes(t) <= used_bytes + (64 << 10));
        talk_http_end(t);
    }
}

/* Clients that go, views that are dropped, a server that ends, at any moment. */
static void ends_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct town *t = talk_http_town(seed, 1 + (uint32_t)prng_below(&prng, 3));
    struct town_client *owner = town_connect_http(t);
    struct town_client *clients[4];
    talk_http_fill(t, 30, 1);
    make(owner, "v", "SELECT n, count(*) FROM s GROUP BY n");
    if (prng_chance(&prng, 3, 4)) {
        talk_http_query_is(owner, "SELECT n FROM v WHERE n = 7", "[[7]]");
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(clients); i++) {
        clients[i] = town_connect_http(t);
        for (uint64_t left = prng_range(&prng, 1, 8); left > 0; left--) {
            char text[256];
            snprintf(
                text, sizeof(text), VIEWS "v/rows?k=[%u]%s HTTP/1.1\r\nHost: broker.town\r\n\r\n",
                (unsigned)prng_below(&prng, 40), prng_chance(&prng, 1, 4) ? "&timeout=1ms" : "");
            talk_http_say(clients[i], text);
        }
    }
    (void)sim_run_steps(t->sim, prng_below(&prng, 100));
    if (prng_chance(&prng, 1, 2)) {
        town_hang_up(clients[0]);
    }
    if (prng_chance(&prng, 1, 2)) {
        town_half_close(clients[1]);
    }
    if (prng_chance(&prng, 1, 3)) {
        talk_http_ask(owner, "POST /api/v1/query", TALK_HTTP_JSON,
                      "{\"sql\":\"DROP MATERIALIZED VIEW v\"}");
    }
    (void)sim_run_steps(t->sim, prng_below(&prng, 100));
    if (prng_chance(&prng, 1, 2)) {
        struct talk_http_answer a = talk_http_answer(clients[2]);
        assert_true(a.status == 200 || a.status == 404 || a.status == 422 || a.status == 503);
    }
    talk_http_end(t);
}

static void whoever_goes_leaves_nothing(void **state)
{
    (void)state;
    struct share share = share_open("ends", 30);
    while (share_more(&share)) {
        ends_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_answered_as_the_statement_answers_it),
        cmocka_unit_test(some_rows_are_looked_up_and_others_are_a_statements),
        cmocka_unit_test(long_rows_are_whole),
        cmocka_unit_test(a_view_that_changes_is_answered_as_it_is),
        cmocka_unit_test(crowds_are_answered_in_order),
        cmocka_unit_test(whoever_goes_leaves_nothing),
    };
    return cmocka_run_group_tests_name("gateway_lookup", tests, NULL, NULL);
}
