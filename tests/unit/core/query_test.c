/* Statements over a broker's core: places that are handed on, memory that is refused, plans that
 * are kept while what they read changes, and their end at any moment. What rows say is held by the
 * suites of tests/sqllogic; here they are counted or read as one line. */
#include "broker/core/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/core.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/statements.h"

/* The values that yard_append writes: a printf format of the record's number. */
static const char *values_format;

static void values_build(struct yard *y, struct batch_build *b)
{
    for (uint32_t i = 0; i < y->records_count; i++) {
        char value[512];
        snprintf(value, sizeof(value), values_format, i);
        batch_build_add(b, &(struct batch_build_record){.timestamp = y->timestamp, .value = value});
    }
}

static void append(struct yard *y, uint32_t partition, uint32_t count, const char *format)
{
    values_format = format;
    y->build = values_build;
    yard_append(y, partition, count, 1);
}

/* --- Asking --- */

static struct statement *begin(struct yard *y, uint32_t shard, const char *text)
{
    struct statement *s = statement_new(y, shard, text);
    statement_start(s);
    return s;
}

/* Its rows, columns by '|', rows by ';'. */
static void rows_of(const struct statement *s, char *out, size_t out_bytes)
{
    const char *at = strchr(s->answer, '\n');
    const char *end = s->answer + s->answer_bytes - 1;
    size_t length = 0;
    while (end > s->answer && end[-1] != '\n') {
        end--;
    }
    for (at = at != NULL ? at + 1 : end; at < end && length + 1 < out_bytes; at++) {
        out[length++] = *at;
        if (*at == '\n') {
            out[length - 1] = ';';
        }
    }
    out[length] = '\0';
}

/* It answers these rows, or fails with that SQLSTATE. */
static void assert_answer_is(struct yard *y, uint32_t shard, const char *text, const char *want)
{
    char rows[512];
    struct statement *s = begin(y, shard, text);
    statement_wait(s);
    rows_of(s, rows, sizeof(rows));
    bool is_failed = s->query.error.state != SQL_STATE_NONE;
    if (strcmp(is_failed ? s->query.error.code : rows, want) != 0) {
        fail_msg("%s: %s, not %s", text, s->answer, want);
    }
    statement_free(s);
}

static struct yard *open_yard(uint32_t shards_count)
{
    struct yard *y = yard_new(1, NULL);
    y->config.log.hot_bytes_max = 1 << 20;
    yard_start(y, shards_count);
    return y;
}

static void close_yard(struct yard *y)
{
    statements_are_gone(y);
    yard_close(y);
    yard_free(y);
}

/* --- What runs --- */

static void statements_that_run_are_a_table(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 30, "{\"a\":%u}");
    assert_answer_is(y, 0, "SELECT count(*) FROM system.queries", "1;");
    struct statement *s = statement_new(y, 1, "SELECT  a FROM yard /* \xc3\xa4 */");
    s->is_pausing = true;
    statement_start(s);
    while (!s->query.is_paused) {
        yard_run(y, 1);
    }
    yard_run(y, 1500);
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard,
                         "SELECT shard, state, sql, rows, records, elapsed_ms / 1000, memory > 0 "
                         "FROM system.queries WHERE sql LIKE '%yard%' AND state <> 'running'",
                         "1|paused|SELECT  a FROM yard /* \xc3\xa4 */|30|30|1|true;");
        assert_answer_is(y, shard, "SELECT shard, state FROM system.queries WHERE elapsed_ms = 0",
                         shard == 0 ? "0|running;" : "1|running;");
    }
    s->is_pausing = false;
    statement_resume(s);
    statement_wait(s);
    assert_answer_is(y, 0, "SELECT count(*) FROM system.queries", "1;");
    statement_free(s);
    char text[3000];
    memset(text, ' ', sizeof(text));
    memcpy(text, "SELECT '", 8);
    memset(text + 8, 'x', 1015); /* the last byte that is shown would be half a character */
    memcpy(text + 1023, "\xc3\xa4' FROM yard", 14);
    text[sizeof(text) - 1] = '\0';
    s = statement_new(y, 1, text);
    s->is_pausing = true;
    statement_start(s);
    while (!s->query.is_paused) {
        yard_run(y, 1);
    }
    assert_answer_is(y, 0, "SELECT length(sql), right(sql, 3) FROM system.queries WHERE shard = 1",
                     "1023|xxx;");
    statement_cancel(s);
    statement_wait(s);
    statement_free(s);
    close_yard(y);
}

/* --- Places --- */

static const struct core_query_ops *ended_ops; /* of a statement, but for: */
static struct statement *ended_next;           /* canceled as soon as that one is done */

static void ended(struct core_query *query)
{
    core_query_cancel(&ended_next->query);
    ended_ops->done(query);
}

/* One that was given a place and is ended before it uses it hands it on. */
static void a_place_is_not_lost_with_who_was_given_it(void **state)
{
    (void)state;
    struct yard *y = yard_new(1, NULL);
    y->config.queries.running_max = 1;
    yard_start(y, 1);
    append(y, 0, 3000, "{\"a\":%u}");
    struct statement *asks[4];
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = statement_new(y, 0, "SELECT sum(a) FROM yard");
    }
    struct core_query_ops ops = *asks[0]->query.ops;
    ended_ops = asks[0]->query.ops;
    ended_next = asks[1];
    ops.done = ended;
    asks[0]->query.ops = &ops;
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_start(asks[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_wait(asks[i]);
        assert_string_equal(asks[i]->query.error.code, i == 1 ? "57014" : "00000");
        statement_free(asks[i]);
    }
    close_yard(y);
}

static void statements_beyond_those_that_may_wait_are_refused(void **state)
{
    (void)state;
    struct yard *y = yard_new(1, NULL);
    y->config.queries.running_max = 2;
    yard_start(y, 2);
    append(y, 0, 3000, "{\"a\":%u}");
    assert_answer_is(y, 1, "SELECT count(*) FROM yard", "3000;");
    struct statement *asks[20];
    uint32_t refused_count = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = begin(y, 1, "SELECT sum(a) FROM yard");
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_wait(asks[i]);
        bool is_refused = asks[i]->query.error.state != SQL_STATE_NONE;
        if (is_refused) {
            assert_string_equal(asks[i]->query.error.code, "53300");
        } else {
            assert_non_null(strstr(asks[i]->answer, "\n4498500\n"));
        }
        refused_count += is_refused;
        statement_free(asks[i]);
    }
    assert_int_equal(refused_count, 10);
    close_yard(y);
}

/* --- Memory --- */

/* Whatever a statement may hold, it is answered; and the next one has all of it again. */
static void memory_is_refused_with_an_answer(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 500, "{\"a\":%u,\"b\":\"text %u\"}");
    append(y, 1, 500, "{\"a\":%u,\"b\":\"text %u\"}");
    static char long_text[100000];
    memset(long_text, ' ', sizeof(long_text) - 1);
    memcpy(long_text, "SELECT 1", 8);
    const char *const texts[] = {long_text,
                                 "SELECT 1",
                                 "SELECT b, count(*) FROM yard GROUP BY b ORDER BY b",
                                 "SELECT * FROM yard",
                                 "SELECT a FROM yard ORDER BY a DESC LIMIT 3",
                                 "SHOW STREAMS",
                                 "DESCRIBE yard",
                                 "SHOW CREATE STREAM yard",
                                 "EXPLAIN (FORMAT JSON) SELECT * FROM yard WHERE a > 1",
                                 "SELECT * FROM system.errors",
                                 "DROP STREAM IF EXISTS nobody"};
    for (uint32_t i = 0; i < ARRAY_COUNT(texts); i++) {
        for (size_t bytes = 64; bytes < 4u << 20; bytes += bytes / 2) {
            struct statement *ask = statement_new(y, i % 2, texts[i]);
            ask->query.bytes_max = bytes;
            statement_start(ask);
            statement_wait(ask);
            if (ask->query.error.state != SQL_STATE_NONE) {
                assert_string_equal(ask->query.error.code, "53200");
            }
            statement_free(ask);
        }
        struct statement *ask = begin(y, i % 2, texts[i]);
        statement_wait(ask);
        assert_string_equal(ask->query.error.message, "");
        statement_free(ask);
    }
    close_yard(y);
}

/* --- Plans --- */

static void one_plan_is_kept_of_statements_that_came_together(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    append(y, 0, 10, "{\"a\":%u}");
    assert_answer_is(y, 0, "SELECT sum(a) FROM yard", "45;");
    uint32_t count = y->shards[0].queries.plans.count;
    struct statement *asks[8];
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = begin(y, 0, "SELECT max(a)  FROM yard");
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_wait(asks[i]);
        assert_non_null(strstr(asks[i]->answer, "\n9\n"));
        statement_free(asks[i]);
    }
    assert_int_equal(y->shards[0].queries.plans.count, count + 1);
    close_yard(y);
}

/* The same text answers by what its names stand for at the time, on every shard. */
static void a_kept_plan_goes_with_what_it_reads(void **state)
{
    (void)state;
    struct yard *y = open_yard(3);
    const char *all = "SELECT * FROM yard ORDER BY _partition, _offset";
    append(y, 0, 2, "{\"a\":%u}");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, all, "0;1;");
        assert_answer_is(y, shard, all, "0;1;");
    }
    append(y, 1, 1, "{\"b\":\"x\"}"); /* widened through shard 1 */
    assert_answer_is(y, 1, all, "0|NULL;1|NULL;NULL|x;");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, all, "0|NULL;1|NULL;NULL|x;");
    }
    assert_answer_is(y, 0, "CREATE STREAM s (v INTEGER PATH '$.a') FROM TOPIC yard FORMAT JSON",
                     "");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, "SELECT sum(v) FROM s", "1;");
    }
    assert_answer_is(y, 2, "DROP STREAM s", "");
    assert_answer_is(y, 1, "CREATE STREAM s (v TEXT PATH '$.b') FROM TOPIC yard FORMAT JSON", "");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, "SELECT sum(v) FROM s", "42883");
        assert_answer_is(y, shard, "SELECT max(v) FROM s", "x;");
    }
    assert_answer_is(y, 0, "CREATE STREAM yard (n BIGINT FROM KEY) FROM TOPIC yard FORMAT JSON",
                     "");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, all, "NULL;NULL;NULL;");
    }
    assert_answer_is(y, 0, "DROP STREAM yard", "");
    assert_answer_is(y, 0, "DROP STREAM s", "");
    assert_answer_is(y, 2, all, "0|NULL;1|NULL;NULL|x;");
    yard_delete(y);
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, all, "42P01");
    }
    yard_close(y);
    yard_start(y, 2); /* makes the topic anew */
    append(y, 2, 1, "{\"c\":true}");
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard, all, "true;");
    }
    close_yard(y);
}

/* --- Bounds --- */

/* Asks with one BIGINT (INT64_MIN: without), which answers `want`: how many records it looked at.
 */
static uint64_t looked(struct yard *y, uint32_t shard, const char *text, int64_t param,
                       const char *want)
{
    static const struct vec_type type = {.kind = VEC_BIGINT};
    struct vec_value value = {.u.int8 = param};
    char rows[64];
    struct statement *s = statement_new(y, shard, text);
    s->query.params = &value;
    s->query.types = &type;
    s->query.params_count = param != INT64_MIN;
    statement_start(s);
    statement_wait(s);
    rows_of(s, rows, sizeof(rows));
    uint64_t records_count = s->query.records_count;
    if (strcmp(rows, want) != 0) {
        fail_msg("%s: %s, not %s", text, s->answer, want);
    }
    statement_free(s);
    return records_count;
}

/* What is read follows from each run's parameters and time, of a plan that is kept, too, and of one
 * that is folded in parts. */
static void a_scan_is_bounded_by_what_is_known_at_its_start(void **state)
{
    static const struct {
        const char *text;
        int64_t param;
        const char *rows;
        uint64_t looked_max;
    } asks[] = {
        {"SELECT count(a) FROM yard WHERE _offset >= $1", 90, "20;", 20},
        {"SELECT count(a) FROM yard WHERE _offset >= $1", 100, "0;", 0},
        {"SELECT count(a) FROM yard WHERE _offset >= $1 - 5", 100, "10;", 20},
        {"SELECT count(a) FROM yard WHERE _offset BETWEEN $1 AND $1 + 1", 20, "4;", 20},
        {"SELECT count(a) FROM yard WHERE _partition = $1", 1, "100;", 100},
        {"SELECT count(a) FROM yard WHERE _partition = $1", 7, "0;", 0},
        {"SELECT count(a) FROM yard WHERE $1 = _partition AND _offset > 97", 0, "2;", 10},
        {"SELECT sum(a) FROM yard WHERE _timestamp > now() - interval '1 hour'", INT64_MIN, "225;",
         60},
        {"SELECT count(a) FROM yard WHERE _timestamp > now() - $1 * interval '1 hour'", 3, "200;",
         200},
        {"SELECT count(a) FROM yard WHERE _timestamp > now() - $1 * interval '1 hour'", 1, "50;",
         60},
        {"SELECT count(a) FROM yard WHERE _timestamp > now() + interval '1 hour'", INT64_MIN, "0;",
         0},
        {"SELECT count(a) FROM yard WHERE _timestamp < current_date - 20000", INT64_MIN, "0;", 200},
        {"SELECT count(a) FROM yard WHERE _timestamp > localtimestamp - interval '1 hour'",
         INT64_MIN, "50;", 60},
        {"SELECT a FROM yard WHERE _offset > 1 / ($1 - 1) AND a < 0", 2, "", 200},
        {"SELECT a FROM yard WHERE _offset > 1 / ($1 - 1) AND a < 0", 1, "", 200},
    };
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 2; shards_count++) {
        struct yard *y = open_yard(shards_count);
        int64_t now_ms = (int64_t)(rt_wall_ns(y->shards[0].shard) / RT_NS_PER_MS);
        values_format = "{\"a\":%u}";
        y->build = values_build;
        for (uint32_t batch = 0; batch < 20; batch++) { /* some of partition 0 are new */
            bool is_new = batch % 2 == 0 && batch >= 10;
            yard_append(y, batch % 2, 10, is_new ? now_ms - 60000 : now_ms - 7200000);
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
            for (uint32_t again = 0; again < 2; again++) {
                uint64_t count = looked(y, (i + again) % shards_count, asks[i].text, asks[i].param,
                                        asks[i].rows);
                if (count > asks[i].looked_max) {
                    fail_msg("%s: %llu looked at", asks[i].text, (unsigned long long)count);
                }
            }
        }
        close_yard(y);
    }
}

/* --- Lists --- */

/* A list that is sorted once is the same for all batches, and each list its own. */
static void a_long_list_is_looked_through_in_every_batch(void **state)
{
    static char text[16384], list[6000];
    (void)state;
    struct yard *y = open_yard(2);
    for (uint32_t i = 0; i < 6; i++) {
        append(y, i % 3, 1000, "{\"a\":%u}");
    }
    size_t length = 0;
    for (uint32_t i = 0; i < 300; i++) { /* backwards: 897, 894, ... 0 */
        length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%u", i > 0 ? "," : "",
                                   897 - 3 * i);
    }
    for (uint32_t shard = 0; shard < 2; shard++) {
        snprintf(text, sizeof(text), "SELECT count(*), sum(a) FROM yard WHERE a IN (%s)", list);
        assert_answer_is(y, shard, text, "1800|807300;");
        snprintf(text, sizeof(text),
                 "SELECT count(*) FROM yard WHERE a NOT IN (%s) AND a + 1 IN (%s)", list, list);
        assert_answer_is(y, shard, text, "1794;");
        snprintf(text, sizeof(text),
                 "SELECT count(*) FILTER (WHERE a NOT IN (NULL,%s)), count(a IN (%s, NULL)) "
                 "FROM yard",
                 list, list);
        assert_answer_is(y, shard, text, "0|1800;");
    }
    close_yard(y);
}

/* --- Paths --- */

/* Documents whose texts within are easily read wrongly. */
static const char *const documents[] = {
    "{\"a\":\"x\",\"b\":{\"c\":1,\"d\":[1,2]}}",
    "{\"a\":null,\"b\":null}",
    "{}",
    "[]",
    "[{\"a\":1},{\"b\":2}]",
    "5",
    "\"text\"",
    "null",
    "{\"a\":1.0,\"b\":{\"c\":1e2}}",
    "{\"a\":-0,\"b\":{\"c\":-0.0}}",
    "{\"a\":1.50E-3,\"b\":{\"c\":12345678901234567890123456789.5}}",
    "{\"a\":true,\"b\":{\"c\":false}}",
    "{\"a\":{\"z\":1,\"bb\":2,\"a\":[1,{\"x\":null}]},\"b\":{\"c\":{}}}",
    "{\"a\":[1,\"2\",[3]],\"b\":{\"c\":[]}}",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"a\":null}",
    "{\"b\":{\"c\":1},\"b\":{}}",
    "{\"b\":{\"c\":1},\"b\":5}",
    "{\"b\":{\"c\":1},\"b\":[{\"c\":2}]}",
    "{\"b\":{\"c\":1,\"c\":{\"e\":2}},\"b\":{\"c\":{\"e\":3},\"c\":{\"f\":4}}}",
    "{\"\\u0061\":\"\\u00e9\\n\\\"\\\\\",\"b\":{\"\\u0063\":\"\\ud83d\\ude00\"}}",
    "{\"a\":\"\",\"\":\"empty\",\"b\":{\"\":7}}",
    "{\"a b\":1,\"a'b\":2,\"a\\\\b\":3,\"a.b\":4,\"0\":5,\"$\":6}",
    "{\"a\":\"\\u0000\",\"b\":{\"c\":1}}",
    "{\"a\":[[[[]]]],\"b\":{\"c\":\"  \"}}",
    "{\"b\":[{\"c\":1}],\"a\":{}}",
    "no JSON",
};

static void documents_build(struct yard *y, struct batch_build *b)
{
    (void)y;
    for (uint32_t i = 0; i < ARRAY_COUNT(documents); i++) {
        batch_build_add(b, &(struct batch_build_record){.timestamp = 1, .value = documents[i]});
    }
}

/* What a statement answers, of its rows alone. */
static void rows_answered(struct yard *y, const char *text, char *out, size_t out_bytes)
{
    struct statement *s = begin(y, 0, text);
    statement_wait(s);
    assert_string_equal(s->query.error.message, "");
    rows_of(s, out, out_bytes);
    statement_free(s);
}

/* The same, whether the scan reads the path or the document as a whole. */
static void a_text_within_a_document_is_the_same_however_it_is_read(void **state)
{
    static const char *const texts[] = {
        "doc->>'a'",
        "doc->>'b'",
        "doc->'b'->>'c'",
        "doc #>> '{a}'",
        "doc #>> '{b,c}'",
        "doc->'b'->'c'->>'e'",
        "doc->'b'->>'d'",
        "doc->'b'->'d'->>1",
        "doc->'b'->'d'->>-1",
        "doc->'a'->>0",
        "doc->'a'->-1->>'x'",
        "doc #>> '{a,0}'",
        "doc->'a' #>> '{a,1,x}'",
        "doc->>''",
        "doc->'b'->>''",
        "doc->>'a b'",
        "doc->>'a''b'",
        "doc->>'a\\b'",
        "doc->>'a.b'",
        "doc->>'0'",
        "doc->>'$'",
        "jsonb_extract_path_text(doc, 'b', 'c')",
        "jsonb_extract_path_text(doc, '0')",
        "jsonb_extract_path(doc, 'b')->>'c'",
        "coalesce(doc->>'a', doc->'b'->>'c', 'none')",
        "CASE WHEN doc->>'a' > '1' THEN doc->'b'->>'c' ELSE doc->>'b' END",
    };
    static char within[16384], whole[16384], text[512];
    (void)state;
    struct yard *y = open_yard(1);
    y->build = documents_build;
    yard_append(y, 0, ARRAY_COUNT(documents), 1);
    assert_answer_is(y, 0,
                     "CREATE STREAM s (doc JSONB PATH '$', b JSONB PATH '$.b') FROM TOPIC yard "
                     "FORMAT JSON",
                     "");
    for (uint32_t i = 0; i < ARRAY_COUNT(texts); i++) {
        /* A number that is not in bounds or a NUL keeps a document from being one. */
        snprintf(text, sizeof(text), "SELECT %s, _offset FROM s WHERE _offset <> 23", texts[i]);
        rows_answered(y, text, within, sizeof(within));
        snprintf(text, sizeof(text),
                 "SELECT t, o FROM (SELECT %s AS t, _offset AS o, jsonb_typeof(doc) AS k FROM s) q "
                 "WHERE o <> 23 AND (k IS NULL OR k <> 'none')",
                 texts[i]);
        rows_answered(y, text, whole, sizeof(whole));
        if (strcmp(within, whole) != 0) {
            fail_msg("%s:\n%s\n%s", texts[i], within, whole);
        }
    }
    rows_answered(y, "SELECT doc->'b'->>'c' FROM s WHERE _offset = 23", within, sizeof(within));
    assert_string_equal(within, "1;"); /* nobody looks at what stands beside it */
    rows_answered(y, "SELECT b->>'c', doc->'b'->>'c' FROM s WHERE _offset IN (0, 8, 16)", within,
                  sizeof(within));
    assert_string_equal(within, "1|1;100|100;NULL|NULL;");
    rows_answered(y, "SELECT count(doc->>'a'), max(doc->'b'->>'c') FROM s", within, sizeof(within));
    rows_answered(y, "SELECT count(doc->>'a'), max(doc->'b'->>'c'), count(doc) > 0 FROM s", whole,
                  sizeof(whole));
    assert_int_equal(strncmp(within, whole, strlen(within) - 1), 0);
    close_yard(y);
}

/* All of them at once, over the shards: how many went well; the others fail with `state`. */
static uint32_t well(struct yard *y, const char *text, const char *state)
{
    struct statement *asks[12];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = begin(y, i % y->shards_count, text);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_wait(asks[i]);
        bool is_well = asks[i]->query.error.state == SQL_STATE_NONE;
        count += is_well;
        assert_string_equal(asks[i]->query.error.code, is_well ? "00000" : state);
        statement_free(asks[i]);
    }
    return count;
}

static void of_clients_that_declare_the_same_one_wins(void **state)
{
    (void)state;
    struct yard *y = open_yard(4);
    append(y, 0, 5, "{\"a\":%u}");
    assert_int_equal(well(y, "SELECT sum(a) FROM yard", ""), 12);
    assert_answer_is(y, 0, "SELECT version FROM system.streams", "1;");
    for (uint32_t i = 0; i < 5; i++) {
        const char *create = "CREATE STREAM s (a TEXT) FROM TOPIC yard FORMAT JSON";
        const char *or_not =
            "CREATE STREAM IF NOT EXISTS s (a INTEGER) FROM TOPIC yard FORMAT JSON";
        assert_int_equal(well(y, create, "42P07"), 1);
        assert_int_equal(well(y, or_not, ""), 12);
        assert_int_equal(well(y, "SELECT max(a || '') FROM s", ""), 12);
        assert_int_equal(well(y, "DROP STREAM s", "42P01"), 1);
        assert_int_equal(well(y, "DROP STREAM IF EXISTS s", ""), 12);
        assert_int_equal(well(y, or_not, ""), 12);
        assert_int_equal(well(y, "SELECT sum(a) FROM s", ""), 12);
        assert_int_equal(well(y, "DROP STREAM s", "42P01"), 1);
        assert_answer_is(y, 0, "CREATE STREAM yard (x TEXT) FROM TOPIC yard FORMAT JSON", "");
        assert_int_equal(well(y, "DROP STREAM yard", "42809"), 1);
    }
    close_yard(y);
}

/* What SHOW CREATE says of names that differ in case is a statement. */
static void what_is_shown_can_be_declared(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    append(y, 0, 1, "{\"a\":1,\"A\":2,\"a b\":3,\"select\":4,\"_key\":5,\"\u00c4\":6}");
    struct statement *shown = begin(y, 0, "SHOW CREATE STREAM yard");
    statement_wait(shown);
    char text[512];
    rows_of(shown, text, sizeof(text));
    statement_free(shown);
    assert_answer_is(y, 1, text, "");
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard, "SELECT * FROM yard", "1|2|3|4|6;");
        assert_answer_is(y, shard, "SELECT version, kind FROM system.streams", "1|declared;");
    }
    close_yard(y);
}

/* --- Names that objects have twice --- */

static uint64_t duplicates(struct yard *y)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < y->shards_count; i++) {
        count += metric_counter_value(&y->shards[i].queries.metrics.duplicates);
    }
    return count;
}

static void names_that_come_again_are_counted_and_the_last_one_counts(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct yard *y = open_yard(shards_count);
        append(y, 0, 3, "{\"a\":7,\"b\":1,\"a\":%u}");
        append(y, 1, 2, "{\"a\":1,\"b\":1,\"b\":2,\"b\":3}");
        assert_answer_is(y, 0, "SELECT sum(a), sum(b) FROM yard", "5|9;");
        assert_int_equal(duplicates(y), 7);
        assert_answer_is(y, 0, "SELECT sum(b) FROM yard", "9;");
        assert_int_equal(duplicates(y), 11);
        close_yard(y);
    }
}

/* --- A controller whose log cannot be written now --- */

static bool is_stalled;

static bool may_stall(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    (void)ctx;
    (void)path;
    (void)pos;
    return is_stalled && fault == SIM_FAULT_STALL;
}

static void a_stream_that_is_known_is_read_though_its_next_version_cannot_be_kept(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.disk.faults_ppm[SIM_FAULT_STALL] = 1000000;
    options.disk.stall = (struct sim_delay){60 * RT_NS_PER_S, 60 * RT_NS_PER_S};
    options.disk.may_strike = may_stall;
    is_stalled = false;
    struct yard *y = yard_new(1, &options);
    y->config.log.hot_bytes_max = 1 << 20;
    yard_start(y, 2);
    append(y, 0, 2, "{\"a\":%u}");
    assert_answer_is(y, 0, "SELECT * FROM yard", "0;1;");
    append(y, 0, 1, "{\"a\":7,\"b\":1}");
    is_stalled = true;
    struct statement *asks[4];
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = statement_new(y, i % 2, "SELECT * FROM yard");
        asks[i]->timeout_ns = i == 3 ? RT_NS_PER_S / 2 : 20 * RT_NS_PER_S;
        statement_start(asks[i]);
    }
    yard_run(y, 3000);
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        char rows[64];
        assert_int_equal(asks[i]->done_count, 1);
        rows_of(asks[i], rows, sizeof(rows));
        assert_string_equal(asks[i]->query.error.code, i == 3 ? "57014" : "00000");
        assert_string_equal(rows, i == 3 ? "" : "0;1;7;");
        statement_free(asks[i]);
    }
    is_stalled = false;
    yard_run(y, 200000);
    assert_answer_is(y, 1, "SELECT * FROM yard", "0|NULL;1|NULL;7|1;");
    close_yard(y);
}

/* --- Times --- */

/* Before 1970, none at all, and beyond any calendar: rows that a bound leaves out are those that
 * the condition leaves out. */
static void any_timestamp_is_one_or_null(void **state)
{
    (void)state;
    static const int64_t times[] = {-86400000, -1, INT64_MAX, 0, 1577836800000, INT64_MIN, -2};
    struct yard *y = open_yard(2);
    values_format = "{\"a\":1}";
    y->build = values_build;
    for (uint32_t i = 0; i < ARRAY_COUNT(times); i++) {
        yard_append(y, i % 2, 1, times[i]);
    }
    static const struct {
        const char *condition;
        const char *count;
    } rows[] = {
        {"true", "7;"},
        {"_timestamp IS NULL", "3;"},
        {"_timestamp < '1970-01-01'", "2;"},
        {"_timestamp >= '1960-01-01'", "4;"},
        {"_timestamp >= '1970-01-01'", "2;"},
        {"_timestamp > '1970-01-01'", "1;"},
        {"_timestamp = '1969-12-31'", "1;"},
        {"_timestamp >= '1969-12-31 23:59:59.998'", "3;"},
        {"_timestamp > '1969-12-31 23:59:59.998'", "2;"},
        {"_timestamp < '1969-12-31 23:59:59.9985'", "2;"},
        {"_timestamp BETWEEN '2020-01-01' AND '2020-01-01'", "1;"},
        {"_timestamp > '290000-01-01'", "0;"},
        {"_timestamp > 'infinity'", "0;"},
        {"_timestamp < 'infinity'", "4;"},
        {"_timestamp > '-infinity'", "4;"},
    };
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[256];
        snprintf(text, sizeof(text), "SELECT count(*) FROM yard WHERE %s", rows[i].condition);
        assert_answer_is(y, i % 2, text, rows[i].count);
    }
    assert_answer_is(y, 0, "SELECT \"offset\", \"column\", code FROM system.errors ORDER BY 1",
                     "1|_timestamp|22008;2|_timestamp|22008;");
    close_yard(y);
}

/* --- Any moment --- */

static const char *const crowd_texts[] = {
    "SELECT * FROM yard",
    "SELECT count(*) FROM yard",
    "SELECT a % 7, count(*), sum(a) FROM yard GROUP BY 1",
    "SELECT sum(a) FROM yard WHERE _offset > 100",
    "SELECT a FROM yard ORDER BY a DESC LIMIT 5",
    "SELECT DISTINCT a % 3 FROM yard",
    "SELECT a FROM yard LIMIT 1",
    "SELECT max(v) FROM s",
    "SELECT 1",
    "SELECT a / 0 FROM yard",
    "SELECT 1 / (a - 100) FROM yard",
    "SELECT nothing FROM yard",
    "SHOW STREAMS",
    "SHOW ERRORS",
    "DESCRIBE yard",
    "SHOW CREATE STREAM yard",
    "EXPLAIN SELECT * FROM yard",
    "CREATE STREAM s (v INTEGER PATH '$.a') FROM TOPIC yard FORMAT JSON",
    "CREATE STREAM IF NOT EXISTS s (v TEXT PATH '$.a') FROM TOPIC yard FORMAT JSON",
    "DROP STREAM s",
    "DROP STREAM IF EXISTS s",
};

#define CROWD_MAX 12u

struct crowd {
    struct yard *y;
    struct prng prng;
    struct statement *asks[CROWD_MAX];
    uint32_t count;
};

static uint32_t crowd_any(struct crowd *c, uint32_t below)
{
    return (uint32_t)prng_below(&c->prng, below);
}

static void crowd_begin(struct crowd *c)
{
    c->count = 1 + crowd_any(c, CROWD_MAX);
    for (uint32_t i = 0; i < c->count; i++) {
        const char *text = crowd_texts[crowd_any(c, ARRAY_COUNT(crowd_texts))];
        struct statement *ask = statement_new(c->y, crowd_any(c, c->y->shards_count), text);
        ask->is_pausing = crowd_any(c, 3) == 0;
        if (crowd_any(c, 4) == 0) {
            ask->timeout_ns = 1 + crowd_any(c, 30) * RT_NS_PER_MS;
        }
        ask->query.bytes_max = crowd_any(c, 4) == 0 ? 1000 + crowd_any(c, 200000) : 0;
        statement_start(ask);
        c->asks[i] = ask;
    }
}

/* Something happens to a statement, or to what it reads. */
static void crowd_disturb(struct crowd *c)
{
    struct yard *y = c->y;
    struct statement *ask = c->asks[crowd_any(c, c->count)];
    uint32_t partition = crowd_any(c, YARD_PARTITIONS);
    switch (crowd_any(c, 8)) {
    case 0: statement_cancel(ask); return;
    case 1:
        yard_append_start(y, partition, 1 + crowd_any(c, 50), 1);
        yard_wait(y);
        return;
    case 2: {
        const struct core_partition *part = yard_partition(y, partition);
        uint64_t below = part->hw_offset - core_partition_log_start(part);
        yard_trim(y, partition,
                  (int64_t)(core_partition_log_start(part) + prng_below(&c->prng, below + 1)));
        return;
    }
    case 3: yard_roll(y, partition); return;
    default: break;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->asks[i]->query.is_paused) {
            statement_resume(c->asks[i]);
        }
    }
}

static bool crowd_is_done(const struct crowd *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->asks[i]->done_count == 0 || c->asks[i]->posts_count > 0) {
            return false;
        }
    }
    return true;
}

static void crowd_run(struct crowd *c)
{
    crowd_begin(c);
    for (uint32_t turns = 0; !crowd_is_done(c); turns++) {
        assert_in_range(turns, 0, 100000);
        sim_run_for(c->y->sim, 1 + prng_below(&c->prng, 1u << crowd_any(c, 22)));
        crowd_disturb(c);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        statement_free(c->asks[i]);
    }
}

static void statements_end_once_whenever_they_end(void **state)
{
    (void)state;
    struct share share = share_open("lives of statements", 60);
    while (share_more(&share)) {
        struct crowd c = {.count = 0};
        uint64_t seed = share_case_seed(&share);
        prng_init(&c.prng, seed);
        c.y = yard_new(seed, NULL);
        c.y->config.log.hot_bytes_max = 1 << 20;
        c.y->config.queries.running_max = 1 + crowd_any(&c, 4);
        c.y->config.partitions_count = YARD_PARTITIONS;
        yard_start(c.y, 1 + crowd_any(&c, YARD_SHARDS));
        for (uint32_t i = 0; i < YARD_PARTITIONS; i++) {
            append(c.y, i, 1 + crowd_any(&c, 500), "{\"a\":%u,\"b\":\"x\"}");
        }
        for (uint32_t round = 0; round < 6; round++) {
            crowd_run(&c);
        }
        close_yard(c.y);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_that_run_are_a_table),
        cmocka_unit_test(a_place_is_not_lost_with_who_was_given_it),
        cmocka_unit_test(statements_beyond_those_that_may_wait_are_refused),
        cmocka_unit_test(memory_is_refused_with_an_answer),
        cmocka_unit_test(one_plan_is_kept_of_statements_that_came_together),
        cmocka_unit_test(a_kept_plan_goes_with_what_it_reads),
        cmocka_unit_test(a_scan_is_bounded_by_what_is_known_at_its_start),
        cmocka_unit_test(a_long_list_is_looked_through_in_every_batch),
        cmocka_unit_test(a_text_within_a_document_is_the_same_however_it_is_read),
        cmocka_unit_test(of_clients_that_declare_the_same_one_wins),
        cmocka_unit_test(what_is_shown_can_be_declared),
        cmocka_unit_test(a_stream_that_is_known_is_read_though_its_next_version_cannot_be_kept),
        cmocka_unit_test(any_timestamp_is_one_or_null),
        cmocka_unit_test(statements_end_once_whenever_they_end),
        cmocka_unit_test(names_that_come_again_are_counted_and_the_last_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
