/* Materialized views as statements make, show and end them, over a broker's core: what is frozen,
 * what is refused and in which words, what a view guards, and that it outlives its server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/view.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
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

/* It answers these rows. */
static void assert_answer_is(struct yard *y, uint32_t shard, const char *text, const char *want)
{
    char rows[2048];
    struct statement *s = begin(y, shard, text);
    statement_wait(s);
    rows_of(s, rows, sizeof(rows));
    if (s->query.error.state != SQL_STATE_NONE || strcmp(rows, want) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", text, s->query.error.message[0] != '\0' ? s->answer : rows,
                 want);
    }
    statement_free(s);
}

/* It is done, under that tag, and answers nothing. */
static void assert_done(struct yard *y, uint32_t shard, const char *text, const char *tag)
{
    struct statement *s = begin(y, shard, text);
    statement_wait(s);
    if (s->query.error.state != SQL_STATE_NONE || strcmp(s->query.tag, tag) != 0 ||
        s->query.has_columns) {
        fail_msg("%s: %s", text, s->answer);
    }
    statement_free(s);
}

/* It fails: "SQLSTATE message (at the word it points at)[; hint]". */
static void assert_fails(struct yard *y, uint32_t shard, const char *text, const char *want)
{
    char got[1024];
    struct statement *s = begin(y, shard, text);
    const struct sql_error *error = &s->query.error;
    statement_wait(s);
    int length = snprintf(got, sizeof(got), "%s %s", error->code, error->message);
    if (error->state != SQL_STATE_NONE && error->line > 0) {
        length += snprintf(got + length, sizeof(got) - (size_t)length, " (%.*s)",
                           (int)error->at.length, text + error->at.pos);
    }
    if (error->state != SQL_STATE_NONE && error->hint[0] != '\0') {
        snprintf(got + length, sizeof(got) - (size_t)length, "; %s", error->hint);
    }
    if (strcmp(got, want) != 0) {
        fail_msg("%s:\n%s\nnot\n%s", text, got, want);
    }
    statement_free(s);
}

/* Partitions 0 and 1 of topic yard have events; stream typed is declared over it. */
static struct yard *open_yard(uint32_t shards_count)
{
    struct yard *y = yard_new(1, NULL);
    y->config.log.hot_bytes_max = 1 << 20;
    yard_start(y, shards_count);
    append(y, 0, 5, "{\"a\":%u,\"b\":\"x\",\"at\":\"2026-01-31T00:00:00Z\"}");
    append(y, 1, 5, "{\"a\":%u,\"b\":\"y\",\"at\":\"2026-01-31T00:01:00Z\"}");
    return y;
}

static void declare(struct yard *y)
{
    assert_done(y, 0,
                "CREATE STREAM typed (id TEXT FROM KEY, n BIGINT PATH '$.a', m NUMERIC(10, 2) PATH "
                "'$.m', doc JSONB PATH '$') FROM TOPIC yard FORMAT JSON",
                "CREATE STREAM");
}

static void close_yard(struct yard *y)
{
    yard_run(y, 100); /* the views are built */
    statements_are_gone(y);
    yard_close(y);
    yard_free(y);
}

#define MADE "CREATE MATERIALIZED VIEW"

static void a_view_is_made_and_shown(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct yard *y = open_yard(shards_count);
        declare(y);
        assert_done(y, shards_count - 1,
                    "CREATE MATERIALIZED VIEW totals AS SELECT b, count(*), sum(a) AS total FROM "
                    "yard WHERE a > 1 GROUP BY b",
                    MADE);
        assert_done(y, 0,
                    "CREATE MATERIALIZED VIEW \"Rows\" (\"Id\", n) WITH (origin = 'latest') AS "
                    "SELECT id, n + 1, doc->'b' FROM typed",
                    MADE);
        assert_answer_is(y, 0, "SELECT count(*) FROM totals", "2;"); /* they are built */
        assert_answer_is(y, 0, "SELECT count(*) FROM rows", "0;");
        for (uint32_t shard = 0; shard < shards_count; shard++) {
            assert_answer_is(
                y, shard, "SHOW VIEWS",
                "Rows|typed|latest|NULL|live|0|0;totals|yard|earliest|[\"b\"]|live|2|0;");
            assert_answer_is(y, shard, "DESCRIBE totals",
                             "b|text|key;count|bigint|;total|numeric|;");
            assert_answer_is(y, shard, "DESCRIBE rows", "Id|text|;n|bigint|;?column?|jsonb|;");
            assert_answer_is(
                y, shard, "SHOW CREATE totals",
                "CREATE MATERIALIZED VIEW totals WITH (origin = 'earliest') AS SELECT b, count(*), "
                "sum(a) AS total FROM yard WHERE a > 1 GROUP BY b|CREATE STREAM yard (a BIGINT, b "
                "TEXT) FROM TOPIC yard FORMAT JSON;");
            assert_answer_is(
                y, shard, "SHOW CREATE MATERIALIZED VIEW public.\"Rows\"",
                "CREATE MATERIALIZED VIEW \"Rows\" (\"Id\", n) WITH (origin = 'latest') AS SELECT "
                "id, n + 1, doc -> 'b' FROM typed|CREATE STREAM typed (id TEXT FROM KEY, n BIGINT "
                "PATH '$.a', doc JSONB PATH '$') FROM TOPIC yard FORMAT JSON;");
        }
        close_yard(y);
    }
}

#define HELD                                                                                       \
    "topic \"yard\" keeps on disk all records from the view's origin on, also those that its "     \
    "retention lets go"

/* And, where nothing was declared, which types it has frozen, in a form that declares them. */
static void who_makes_a_view_is_told_what_it_holds_back(void **state)
{
    static const struct {
        const char *text;
        const char *notice;
    } rows[] = {
        {"CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT id, count(*) FROM typed GROUP BY id",
         HELD},
        {"CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT id, count(*) FROM typed GROUP BY id",
         ""},
        {"CREATE MATERIALIZED VIEW u AS SELECT b, max(a) FROM yard GROUP BY b",
         HELD "\nthe view keeps to these types: CREATE STREAM yard (a BIGINT, b TEXT) "
              "FROM TOPIC yard FORMAT JSON"},
        {"CREATE MATERIALIZED VIEW n AS SELECT count(*) FROM yard", HELD},
        {"CREATE MATERIALIZED VIEW large AS SELECT * FROM yard",
         HELD "\nthe view keeps to types that SHOW CREATE MATERIALIZED VIEW tells"},
        {"EXPLAIN CREATE MATERIALIZED VIEW w AS SELECT id FROM typed", ""},
        {"SELECT 1", ""},
        {"DROP MATERIALIZED VIEW v", ""},
    };
    (void)state;
    struct yard *y = open_yard(2);
    declare(y);
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char wide[32]; /* of so many columns at last that what declares them is long */
        for (uint32_t k = 0; k < 40 && strstr(rows[i].text, " large ") != NULL; k++) {
            snprintf(wide, sizeof(wide), "{\"long_name_%u\":1}", k);
            append(y, 0, 1, wide);
        }
        struct statement *s = begin(y, 1, rows[i].text);
        statement_wait(s);
        assert_int_equal(s->query.error.state, SQL_STATE_NONE);
        assert_string_equal(s->query.notice, rows[i].notice);
        statement_free(s);
    }
    close_yard(y);
}

static void a_view_is_explained(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_answer_is(
        y, 0,
        "EXPLAIN CREATE MATERIALIZED VIEW v (w, n) WITH (origin = '2026-01-31 "
        "01:00:00.0001+01') AS SELECT window_start, count(*) FROM TUMBLE(yard, at, "
        "INTERVAL '1 minute') GROUP BY window_start",
        "Materialized View v;  Origin: 2026-01-31T00:00:00.001000Z;  Key: w;  State: 8 "
        "bytes a row, beside its key;  Retention: topic yard keeps its records from "
        "the view's origin on;  Source: CREATE STREAM yard (at TIMESTAMPTZ) FROM TOPIC "
        "yard FORMAT JSON;HashAggregate;  Group Key: date_bin('00:01:00'::interval, "
        "at, '1970-01-01 00:00:00+00'::timestamptz);  Aggregates: count(*);  ->  Scan "
        "on yard;        Columns: at;");
    assert_answer_is(y, 1, "SELECT count(*) FROM system.views", "0;");
    assert_done(y, 1, "CREATE MATERIALIZED VIEW v AS SELECT max(a) FROM yard", MADE);
    assert_done(y, 1, "CREATE MATERIALIZED VIEW w AS SELECT max(a) FROM yard GROUP BY b", MADE);
    for (uint32_t shard = 0; shard < 2; shard++) {
        static const char plan[] = "\n  Retention: topic yard keeps its records from the view's "
                                   "origin on\n  Source: CREATE "
                                   "STREAM yard (a BIGINT) FROM TOPIC yard FORMAT "
                                   "JSON\nAggregate\n  Aggregates: max(a)\n  "
                                   "->  Scan on yard\n        Columns: a\n";
        struct statement *s = begin(y, shard, "SELECT * FROM v"); /* waits until it is built */
        statement_wait(s);
        statement_free(s);
        s = begin(y, shard, "SELECT * FROM nothing"); /* leaves nothing behind for the next one */
        statement_wait(s);
        assert_string_equal(s->query.error.code, "42P01");
        statement_free(s);
        s = begin(y, shard, "EXPLAIN MATERIALIZED VIEW V");
        statement_wait(s);
        assert_non_null(strstr(s->answer,
                               "Materialized View v\n  Origin: earliest\n  Key: none: one "
                               "row in all\n  State: 16 bytes a row, beside its key; "
                               "rows: 1; bytes in all: "));
        const char *upkeep = strstr(s->answer, "\n  Upkeep: live; lag in ms: 0; tick: ");
        assert_non_null(upkeep);
        assert_non_null(strstr(upkeep, plan));
        statement_free(s);
        s = begin(y, shard, "EXPLAIN MATERIALIZED VIEW w");
        statement_wait(s);
        assert_non_null(strstr(s->answer, "\n  Key: (not shown)\n"));
        statement_free(s);
        s = begin(y, shard, "EXPLAIN (FORMAT JSON) MATERIALIZED VIEW v");
        statement_wait(s);
        assert_non_null(strstr(s->answer, "\"relation\": [\"public\", \"yard\"]"));
        statement_free(s);
    }
    close_yard(y);
}

/* --- Refused --- */

/* Of what PostgreSQL knows these are its SQLSTATEs and, but for hints, its words. */
static const struct {
    const char *text;
    const char *want;
} refused_rows[] = {
    {"CREATE MATERIALIZED VIEW v AS SELECT nobody FROM yard",
     "42703 column \"nobody\" does not exist (nobody)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT a FROM yrad",
     "42P01 relation \"yrad\" does not exist (yrad); Did you mean yard?"},
    {"CREATE MATERIALIZED VIEW v (x, y) AS SELECT a FROM yard",
     "42601 too many column names were specified ((x, y))"},
    {"CREATE MATERIALIZED VIEW v AS SELECT a, b, a FROM yard",
     "42701 column \"a\" specified more than once (a)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT a + 1, a + 2 FROM yard",
     "42701 column \"?column?\" specified more than once (a + 2)"},
    {"CREATE MATERIALIZED VIEW v (b) AS SELECT a, b FROM yard",
     "42701 column \"b\" specified more than once (b)"},
    {"CREATE MATERIALIZED VIEW v (x, X) AS SELECT a, b FROM yard",
     "42701 column \"X\" specified more than once (X)"},
    {"CREATE MATERIALIZED VIEW other.v AS SELECT a FROM yard",
     "3F000 schema \"other\" does not exist (other)"},
    {"CREATE MATERIALIZED VIEW system.v AS SELECT a FROM yard",
     "42501 the schema \"system\" is the server's own (system)"},
    {"CREATE MATERIALIZED VIEW __tdb_v AS SELECT a FROM yard",
     "42939 names that begin with __tdb_ are the server's own (__tdb_v)"},
    {"CREATE MATERIALIZED VIEW there AS SELECT a FROM yard",
     "42P07 relation \"there\" already exists (there)"},
    {"CREATE MATERIALIZED VIEW typed AS SELECT a FROM yard",
     "42P07 relation \"typed\" already exists (typed)"},
    {"CREATE MATERIALIZED VIEW yard AS SELECT a FROM yard",
     "42P07 relation \"yard\" already exists (yard)"},
    {"CREATE MATERIALIZED VIEW v WITH (origin = 'soon') AS SELECT a FROM yard",
     "22023 invalid value for parameter \"origin\": \"soon\" ('soon'); The origin is "
     "'earliest', 'latest', or a time like '2026-01-31T00:00:00Z'."},
    {"CREATE MATERIALIZED VIEW v WITH (origin = '1969-12-31') AS SELECT a FROM yard",
     "22023 the origin \"1969-12-31\" is no time since 1970-01-01 ('1969-12-31'); 'earliest' "
     "is the log's first record, 'latest' what comes."},
    {"CREATE MATERIALIZED VIEW v WITH (origin = 'infinity') AS SELECT a FROM yard",
     "22023 the origin \"infinity\" is no time since 1970-01-01 ('infinity'); 'earliest' is "
     "the log's first record, 'latest' what comes."},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1",
     "0A000 a view is kept over a stream, and this reads none: name one in FROM, with a WHERE "
     "that is not always false (SELECT 1)"},
    {"CREATE MATERIALIZED VIEW v AS VALUES (1), (2)",
     "0A000 a view is kept over a stream, and this reads none: name one in FROM, with a WHERE "
     "that is not always false (VALUES (1), (2))"},
    {"CREATE MATERIALIZED VIEW v AS SELECT name FROM system.streams",
     "0A000 a view over a system table is not supported: \"streams\" is one (streams); Ask "
     "\"streams\" itself, which is always fresh."},
    {"CREATE MATERIALIZED VIEW v AS SELECT count FROM there",
     "0A000 a view over a view is not supported: \"there\" is one (there); Make it over the "
     "stream that \"there\" reads, or ask that."},
    {"CREATE MATERIALIZED VIEW v AS SELECT a, now() FROM yard",
     "0A000 now in a view is not supported: its rows would change while none come; compare "
     "with it when you ask the view (now)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT a FROM yard ORDER BY a",
     "0A000 a view has no order: use ORDER BY when you ask it (a)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT a FROM yard LIMIT 5",
     "0A000 a view keeps all its rows: use LIMIT and OFFSET when you ask it (5)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT stddev(a) FROM yard",
     "0A000 stddev in a view is not supported: keep count(x), sum(x) and sum(x * x), and "
     "compute it when you ask the view (stddev)"},
    {"CREATE MATERIALIZED VIEW v AS SELECT b, count(DISTINCT a) FROM yard GROUP BY b",
     "0A000 count(DISTINCT ...) in a view is not supported: add the value to GROUP BY, and use "
     "count when you ask the view (count)"},
    {"EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT a, a FROM yard",
     "42701 column \"a\" specified more than once (a)"},
};

static void what_no_view_can_be_made_of_is_refused(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    declare(y);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW there AS SELECT count(*) FROM yard", MADE);
    for (size_t i = 0; i < ARRAY_COUNT(refused_rows); i++) {
        assert_fails(y, (uint32_t)i % 2, refused_rows[i].text, refused_rows[i].want);
    }
    assert_answer_is(y, 1, "SELECT count(*) FROM system.views", "1;");
    close_yard(y);
}

static void statements_about_other_things_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"DROP MATERIALIZED VIEW thre",
         "42P01 materialized view \"thre\" does not exist (thre); Did you mean there?"},
        {"DROP MATERIALIZED VIEW typed",
         "42809 \"typed\" is not a materialized view (typed); Use DROP STREAM to remove a stream."},
        {"DROP MATERIALIZED VIEW IF EXISTS yard",
         "42809 \"yard\" is not a materialized view (yard)"},
        {"DROP MATERIALIZED VIEW other.there", "3F000 schema \"other\" does not exist (other)"},
        {"DROP STREAM there", "42809 \"there\" is not a stream (there); Use DROP MATERIALIZED VIEW "
                              "to remove a materialized view."},
        {"DROP STREAM IF EXISTS there", "42809 \"there\" is not a stream (there); Use DROP "
                                        "MATERIALIZED VIEW to remove a materialized view."},
        {"ALTER MATERIALIZED VIEW thre RENAME TO w",
         "42P01 relation \"thre\" does not exist (thre); Did you mean there?"},
        {"ALTER MATERIALIZED VIEW typed RENAME TO w",
         "42809 \"typed\" is not a materialized view (typed)"},
        {"ALTER MATERIALIZED VIEW there RENAME TO there",
         "42P07 relation \"there\" already exists (there)"},
        {"ALTER MATERIALIZED VIEW there RENAME TO typed",
         "42P07 relation \"typed\" already exists (typed)"},
        {"ALTER MATERIALIZED VIEW there RENAME TO __tdb_w",
         "42939 names that begin with __tdb_ are the server's own (__tdb_w)"},
        {"ALTER MATERIALIZED VIEW thre REBIND",
         "42P01 relation \"thre\" does not exist (thre); Did you mean there?"},
        {"ALTER MATERIALIZED VIEW typed REBIND",
         "42809 \"typed\" is not a materialized view (typed)"},
        {"SHOW CREATE STREAM there", "42809 \"there\" is not a stream (there)"},
        {"SHOW CREATE MATERIALIZED VIEW typed",
         "42809 \"typed\" is not a materialized view (typed)"},
        {"SHOW CREATE MATERIALIZED VIEW thre",
         "42P01 relation \"thre\" does not exist (thre); Did you mean there?"},
        {"SHOW CREATE system.views", "42809 \"views\" is not a stream (views)"},
        {"EXPLAIN MATERIALIZED VIEW thre",
         "42P01 materialized view \"thre\" does not exist (thre); Did you mean there?"},
        {"EXPLAIN MATERIALIZED VIEW yard", "42809 \"yard\" is not a materialized view (yard)"},
        {"DESCRIBE thre", "42P01 relation \"thre\" does not exist (thre); Did you mean there?"},
        {"SELECT * FROM thre",
         "42P01 relation \"thre\" does not exist (thre); Did you mean there?"},
        {"SELECT nobody FROM there", "42703 column \"nobody\" does not exist (nobody)"},
        {"CREATE STREAM there (a BIGINT) FROM TOPIC yard FORMAT JSON",
         "42P07 \"there\" is the name of a materialized view (there)"},
        {"CREATE STREAM s (a BIGINT) FROM TOPIC there FORMAT JSON",
         "42704 topic \"there\" does not exist (there)"},
    };
    struct yard *y = open_yard(2);
    declare(y);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW there AS SELECT count(*) FROM yard", MADE);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_fails(y, (uint32_t)i % 2, rows[i].text, rows[i].want);
    }
    close_yard(y);
}

/* --- What is kept --- */

/* What a view has frozen stays, whatever becomes of the stream, until it is made again. */
static void types_are_frozen(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v (x) AS SELECT a, b FROM yard", MADE);
    append(y, 0, 1, "{\"a\":0.5,\"b\":%u}"); /* wider, both */
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard, "DESCRIBE v", "x|bigint|;b|text|;");
        assert_answer_is(y, shard, "SELECT name, type FROM system.columns WHERE name IN ('a', 'b')",
                         "a|bigint;b|text;");
    }
    assert_answer_is(y, 0, "SELECT count(a) FROM yard", "11;"); /* looks at the newest */
    assert_answer_is(y, 1, "DESCRIBE v", "x|bigint|;b|text|;");
    assert_done(y, 1, "DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW");
    assert_done(y, 1, "CREATE MATERIALIZED VIEW v (x) AS SELECT a, b FROM yard", MADE);
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard, "DESCRIBE v", "x|double precision|;b|jsonb|;");
        assert_answer_is(y, shard, "SELECT name, incarnation FROM system.views", "v|1;");
        assert_answer_is(y, shard, "SHOW CREATE v",
                         "CREATE MATERIALIZED VIEW v (x) WITH (origin = 'earliest') AS SELECT a, b "
                         "FROM yard|CREATE STREAM yard (a DOUBLE PRECISION, b JSONB) FROM TOPIC "
                         "yard FORMAT JSON;");
    }
    assert_done(y, 0, "CREATE STREAM yard (a TEXT, c TEXT PATH '$.b') FROM TOPIC yard FORMAT JSON",
                "CREATE STREAM");
    assert_answer_is(y, 0, "DESCRIBE v", "x|double precision|;b|jsonb|;");
    close_yard(y);
}

static void a_star_has_the_columns_of_its_time(void **state)
{
    (void)state;
    struct yard *y = open_yard(1);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT *, _key, _offset FROM yard", MADE);
    append(y, 0, 1, "{\"c\":1}");
    assert_answer_is(y, 0, "SELECT c FROM yard WHERE c = 1", "1;");
    assert_answer_is(y, 0, "DESCRIBE v",
                     "a|bigint|;b|text|;at|timestamp with time zone|;_key|text|;_offset|bigint|;");
    assert_done(
        y, 0, "CREATE MATERIALIZED VIEW rows AS SELECT _offset AS o, _partition AS p, a FROM yard",
        MADE);
    assert_answer_is(y, 0, "SELECT key FROM system.views WHERE name = 'rows'", "[\"p\", \"o\"];");
    close_yard(y);
}

static void a_view_is_made_over_a_topic_without_events(void **state)
{
    (void)state;
    struct yard *y = yard_new(1, NULL);
    yard_start(y, 2);
    assert_done(y, 1, "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM yard", MADE);
    assert_answer_is(
        y, 0, "SHOW CREATE v",
        "CREATE MATERIALIZED VIEW v WITH (origin = 'earliest') AS SELECT count(*) FROM "
        "yard|CREATE STREAM yard (value JSONB PATH '$') FROM TOPIC yard FORMAT JSON;");
    close_yard(y);
}

static void a_view_has_one_name_at_a_time(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT a FROM yard", MADE);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT b FROM yard", MADE);
    assert_done(y, 1, "ALTER MATERIALIZED VIEW v RENAME TO \"W\"", "ALTER MATERIALIZED VIEW");
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_answer_is(y, shard, "DESCRIBE w", "a|bigint|;");
        assert_fails(y, shard, "DESCRIBE v",
                     "42P01 relation \"v\" does not exist (v); Did you "
                     "mean W?");
    }
    assert_done(y, 0, "ALTER MATERIALIZED VIEW IF EXISTS v RENAME TO x", "ALTER MATERIALIZED VIEW");
    assert_done(y, 0, "ALTER MATERIALIZED VIEW IF EXISTS v REBIND", "ALTER MATERIALIZED VIEW");
    assert_done(y, 0, "CREATE MATERIALIZED VIEW w AS SELECT b FROM yard", MADE);
    assert_answer_is(y, 1, "DESCRIBE w", "b|text|;");
    assert_fails(y, 1, "DESCRIBE \"w \"",
                 "42P01 relation \"w \" does not exist (\"w \"); Did you mean W?");
    assert_done(y, 0, "ALTER MATERIALIZED VIEW w RENAME TO ww", "ALTER MATERIALIZED VIEW");
    assert_done(y, 0, "DROP MATERIALIZED VIEW w", "DROP MATERIALIZED VIEW");
    assert_done(y, 0, "DROP MATERIALIZED VIEW IF EXISTS w", "DROP MATERIALIZED VIEW");
    assert_answer_is(y, 1, "SELECT name, incarnation FROM system.views", "ww|1;");
    close_yard(y);
}

static void a_view_is_asked_as_a_relation(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT b, max(a) AS m FROM yard GROUP BY b",
                MADE);
    assert_answer_is(
        y, 1, "EXPLAIN SELECT m FROM v WHERE b = 'x' ORDER BY m",
        "Sort;  Sort Key: m;  ->  Project;        Columns: m;        ->  Filter;        "
        "      Filter: b = 'x';              ->  Scan on v;                    "
        "Columns: b, m;                    Lookup: b = 'x';");
    assert_answer_is(y, 1, "SELECT * FROM v ORDER BY b", "x|4;y|4;");
    close_yard(y);
}

/* They take a row each, and none of them the place of one that reads much. */
static void rows_by_key_are_read_however_many_ask(void **state)
{
    (void)state;
    static const struct vec_type type = {.kind = VEC_NONE};
    static const struct vec_value key = {.u.bytes = {"y", 1}};
    char rows[1024];
    struct statement *asks[50];
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT b, max(a) AS m FROM yard GROUP BY b",
                MADE);
    y->shards[1].queries.running_max = 1;
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        asks[i] = statement_new(y, 1, "SELECT * FROM v WHERE b IS NOT DISTINCT FROM $1");
        asks[i]->query.params = &key;
        asks[i]->query.types = &type;
        asks[i]->query.params_count = 1;
        statement_start(asks[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(asks); i++) {
        statement_wait(asks[i]);
        assert_int_equal(asks[i]->query.error.state, SQL_STATE_NONE);
        rows_of(asks[i], rows, sizeof(rows));
        assert_string_equal(rows, "y|4;");
        statement_free(asks[i]);
    }
    close_yard(y);
}

/* A question, with the position that rows are to hold; *position = what they do. */
static void assert_answer_at(struct yard *y, uint32_t shard, const char *text,
                             const struct core_position *min, const char *want,
                             struct core_position *position)
{
    char rows[1024];
    struct statement *s = statement_new(y, shard, text);
    s->query.position_min = *min;
    s->timeout_ns = 200 * RT_NS_PER_MS;
    statement_start(s);
    statement_wait(s);
    if (s->query.error.state == SQL_STATE_NONE) {
        rows_of(s, rows, sizeof(rows));
    } else {
        snprintf(rows, sizeof(rows), "%s %s", s->query.error.code, s->query.error.message);
    }
    assert_string_equal(rows, want);
    *position = s->query.position;
    statement_free(s);
}

static void an_answer_holds_what_its_position_says(void **state)
{
    (void)state;
    struct core_position none = {0};
    struct core_position first, later, got;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM yard", MADE);
    assert_answer_at(y, 1, "SELECT n FROM v", &none, "10;", &first);
    assert_true(first.epoch != 0 && first.tick != 0);
    assert_answer_at(y, 1, "SELECT count(*) FROM v WHERE n < 0", &first, "0;", &got);
    assert_true(got.epoch == first.epoch && got.tick >= first.tick);
    assert_answer_at(y, 0, "SELECT count(*) FROM yard", &first, "10;", &got);
    assert_int_equal(got.epoch, 0);
    for (uint32_t i = 0; i < 20; i++) { /* the next tick holds it, whoever asks */
        char want[16];
        snprintf(want, sizeof(want), "%u;", 11 + i);
        append(y, i % 2, 1, "{\"a\":1}");
        later = (struct core_position){first.epoch, got.epoch == 0 ? first.tick + 1 : got.tick + 1};
        assert_answer_at(y, i % 2, "SELECT n FROM v", &later, want, &got);
        assert_true(got.tick >= later.tick);
    }
    later.tick = got.tick + 1000;
    char want[128];
    snprintf(want, sizeof(want),
             "55T02 materialized view \"v\" was not there in time: it has tick %llu, not %llu yet",
             (unsigned long long)got.tick, (unsigned long long)later.tick);
    assert_answer_at(y, 0, "SELECT n FROM v", &later, want, &got);
    later = (struct core_position){first.epoch ^ 1, 1};
    char text[CORE_POSITION_BYTES];
    core_position_put(&later, text);
    snprintf(want, sizeof(want), "55T01 position %s is of another timeline", text);
    assert_answer_at(y, 1, "SELECT n FROM v", &later, want, &got);
    close_yard(y);
}

/* However short it waits, and on whichever shard: it was the view that was late. */
static void who_waits_for_a_view_in_vain_is_told_which(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct core_position none = {0};
        struct core_position got;
        struct yard *y = open_yard(shards_count);
        assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM yard", MADE);
        assert_answer_at(y, 0, "SELECT n FROM v", &none, "10;", &got);
        for (uint32_t ms = 1; ms <= 40; ms++) {
            char want[128];
            struct statement *s = statement_new(y, ms % shards_count, "SELECT n FROM v");
            s->query.position_min = (struct core_position){got.epoch, got.tick + 1000};
            s->timeout_ns = ms * RT_NS_PER_MS;
            statement_start(s);
            statement_wait(s);
            snprintf(
                want, sizeof(want),
                "materialized view \"v\" was not there in time: it has tick %llu, not %llu yet",
                (unsigned long long)got.tick, (unsigned long long)got.tick + 1000);
            assert_string_equal(s->query.error.code, "55T02");
            assert_string_equal(s->query.error.message, want);
            statement_free(s);
        }
        close_yard(y);
    }
}

/* It does not wait. */
static void any_answer_is_taken_where_any_will_do(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM yard", MADE);
    for (uint32_t i = 0; i < 2; i++) {
        struct statement *s = statement_new(y, 1, "SELECT n FROM v");
        s->query.is_any = true;
        s->query.position_min = (struct core_position){1, 1};
        statement_start(s);
        statement_wait(s);
        assert_string_equal(s->query.error.code, i == 0 ? "55T02" : "00000");
        statement_free(s);
        yard_run(y, 1000);
    }
    close_yard(y);
}

/* How a view stands is known on whichever shard it is asked. */
static void views_tell_how_they_stand(void **state)
{
    (void)state;
    const char *all =
        "SELECT name, state, degraded, why, rows, records, records_left, errors, "
        "lag_ms, eta_ms, tick > 0, bytes > 0, freshness_us > 0 FROM system.views ORDER BY name";
    struct yard *y = open_yard(3);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT b, count(*) FROM yard GROUP BY b",
                MADE);
    assert_answer_is(y, 1, "SELECT state, tick, rows, eta_ms FROM system.views",
                     "building|NULL|0|NULL;");
    assert_answer_is(y, 1, "SELECT count(*) FROM v", "2;");
    assert_done(y, 0, "CREATE MATERIALIZED VIEW w AS SELECT a FROM yard WHERE a > 0", MADE);
    assert_answer_is(y, 1, "SELECT count(*) FROM w", "8;");
    for (uint32_t shard = 0; shard < 3; shard++) {
        assert_answer_is(y, shard, all,
                         "v|live|false|NULL|2|10|0|0|0|NULL|true|true|true;"
                         "w|live|false|NULL|8|10|0|0|0|NULL|true|true|true;");
    }
    append(y, 0, 2, "{\"a\":\"x%u\",\"b\":\"z\"}");
    yard_run(y, 100);
    assert_answer_is(y, 2, "SELECT name, state, degraded, rows, records, errors FROM system.views",
                     "v|live|false|3|12|0;w|live|true|8|12|2;");
    close_yard(y);
}

/* More of them than a page of the table has. */
static void many_views_are_all_shown(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    for (uint32_t i = 0; i < 40; i++) {
        char text[128];
        snprintf(text, sizeof(text), "CREATE MATERIALIZED VIEW v%03u AS SELECT count(*) FROM yard",
                 i);
        assert_done(y, i % 2, text, MADE);
    }
    assert_answer_is(y, 1, "SELECT * FROM v039", "10;");
    yard_run(y, 1000);
    assert_answer_is(y, 1,
                     "SELECT count(*), count(DISTINCT name), min(name), max(name), sum(rows), "
                     "sum(records), min(state), max(state) FROM system.views",
                     "40|40|v000|v039|40|400|live|live;");
    close_yard(y);
}

/* --- What it guards --- */

/* A change under way. */
struct ask {
    struct yard *y;
    struct core_change change;
    bool is_done;
};

static void ask_changed(struct core_change *change)
{
    ((struct ask *)change->ctx)->is_done = true;
}

static void ask_run(struct rt_shard *shard, void *ctx)
{
    struct ask *ask = ctx;
    (void)shard;
    core_change_start(&ask->y->shards[0], &ask->change);
}

static bool ask_is_done(void *ctx)
{
    return ((const struct ask *)ctx)->is_done;
}

/* Do `item`; its code. */
static enum core_code change_of(struct yard *y, struct core_change_item *item)
{
    struct ask ask = {.y = y};
    ask.change =
        (struct core_change){.done = ask_changed, .ctx = &ask, .items = item, .items_count = 1};
    sim_post(sim_node_shard(y->node, 0), ask_run, &ask);
    assert_true(
        sim_run_until_true(y->sim, ask_is_done, &ask, sim_now_ns(y->sim) + 60 * RT_NS_PER_S));
    return item->code;
}

static void what_a_view_reads_is_not_taken_away(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    declare(y);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW v AS SELECT n FROM typed", MADE);
    assert_fails(
        y, 1, "DROP STREAM typed",
        "2BP01 cannot drop stream \"typed\": materialized view \"v\" depends on it (typed)");
    struct core_change_item item = {.kind = CORE_CHANGE_DELETE, .name = "yard", .name_bytes = 4};
    assert_int_equal(change_of(y, &item), CORE_POLICY_VIOLATION);
    assert_string_equal(item.text.text, "materialized view \"v\" reads the topic: drop that first");
    item = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                     .name = "v",
                                     .name_bytes = 1,
                                     .partitions_count = 1,
                                     .replicas_count = 1};
    assert_int_equal(change_of(y, &item), CORE_INVALID_TOPIC);
    assert_string_equal(item.text.text, "it is the name of a materialized view");
    assert_done(y, 0, "DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW");
    assert_done(y, 0, "DROP STREAM typed", "DROP STREAM");
    item.code = CORE_OK;
    assert_int_equal(change_of(y, &item), CORE_OK);
    yard_delete(y);
    close_yard(y);
}

/* --- Races, memory, lives --- */

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

static void of_clients_that_want_the_same_one_wins(void **state)
{
    (void)state;
    struct yard *y = open_yard(4);
    for (uint32_t i = 0; i < 3; i++) {
        const char *or_not = "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT a FROM yard";
        assert_int_equal(well(y, "CREATE MATERIALIZED VIEW v AS SELECT a FROM yard", "42P07"), 1);
        assert_int_equal(well(y, or_not, ""), 12);
        assert_int_equal(well(y, "ALTER MATERIALIZED VIEW v RENAME TO w", "42P01"), 1);
        assert_int_equal(well(y, "ALTER MATERIALIZED VIEW w REBIND", ""), 12);
        assert_int_equal(well(y, "DROP MATERIALIZED VIEW w", "42P01"), 1);
        assert_int_equal(well(y, "DROP MATERIALIZED VIEW IF EXISTS w", ""), 12);
        assert_int_equal(well(y, or_not, ""), 12);
        assert_int_equal(well(y, "DROP MATERIALIZED VIEW v", "42P01"), 1);
    }
    close_yard(y);
}

/* Whatever a statement may hold, it is answered; and the next one has all of it again. */
static void memory_is_refused_with_an_answer(void **state)
{
    (void)state;
    struct yard *y = open_yard(2);
    assert_done(y, 0, "CREATE MATERIALIZED VIEW w AS SELECT b, max(a) FROM yard GROUP BY b", MADE);
    const char *const texts[] = {
        "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT b, count(*) FROM yard GROUP BY b",
        "EXPLAIN CREATE MATERIALIZED VIEW x AS SELECT a + 1, b FROM yard WHERE a > 5",
        "EXPLAIN MATERIALIZED VIEW w",
        "ALTER MATERIALIZED VIEW w REBIND",
        "SHOW CREATE w",
        "SHOW VIEWS",
        "DESCRIBE w",
        "DROP MATERIALIZED VIEW IF EXISTS v"};
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

static void views_outlive_their_server(void **state)
{
    (void)state;
    static const char views[] = "Totals|typed|latest|2|[\"id\"]|1|SELECT id, sum(m) FROM typed "
                                "GROUP BY id;v|yard|earliest|1"
                                "|NULL|1|SELECT a FROM yard WHERE b <> '';";
    const char *all = "SELECT name, source, origin, columns, key, incarnation, sql FROM "
                      "system.views ORDER BY name";
    struct yard *y = open_yard(2);
    declare(y);
    assert_done(y, 0,
                "CREATE MATERIALIZED VIEW t WITH (origin = 'latest') AS SELECT id, sum(m) FROM "
                "typed GROUP BY id",
                MADE);
    assert_done(y, 1, "CREATE MATERIALIZED VIEW v AS SELECT a FROM yard WHERE b <> ''", MADE);
    assert_done(y, 1, "CREATE MATERIALIZED VIEW gone AS SELECT a FROM yard", MADE);
    assert_done(y, 1, "ALTER MATERIALIZED VIEW t RENAME TO \"Totals\"", "ALTER MATERIALIZED VIEW");
    assert_done(y, 0, "DROP MATERIALIZED VIEW gone", "DROP MATERIALIZED VIEW");
    for (uint32_t life = 0; life < 6; life++) {
        assert_answer_is(y, 0, all, views);
        if (life % 2 == 0) {
            yard_crash(y, SIM_CRASH_LOSE);
        } else {
            yard_run(y, 100); /* the views are built */
            statements_are_gone(y);
            yard_close(y);
        }
        yard_start(y, 1 + life % 4);
    }
    assert_answer_is(y, 0, "DESCRIBE totals", "id|text|key;sum|numeric|;");
    assert_fails(y, 0, "DROP STREAM typed",
                 "2BP01 cannot drop stream \"typed\": materialized view \"Totals\" depends on it "
                 "(typed)");
    close_yard(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_made_and_shown),
        cmocka_unit_test(who_makes_a_view_is_told_what_it_holds_back),
        cmocka_unit_test(a_view_is_explained),
        cmocka_unit_test(what_no_view_can_be_made_of_is_refused),
        cmocka_unit_test(statements_about_other_things_are_refused),
        cmocka_unit_test(types_are_frozen),
        cmocka_unit_test(a_star_has_the_columns_of_its_time),
        cmocka_unit_test(a_view_is_made_over_a_topic_without_events),
        cmocka_unit_test(a_view_has_one_name_at_a_time),
        cmocka_unit_test(a_view_is_asked_as_a_relation),
        cmocka_unit_test(rows_by_key_are_read_however_many_ask),
        cmocka_unit_test(an_answer_holds_what_its_position_says),
        cmocka_unit_test(who_waits_for_a_view_in_vain_is_told_which),
        cmocka_unit_test(any_answer_is_taken_where_any_will_do),
        cmocka_unit_test(views_tell_how_they_stand),
        cmocka_unit_test(many_views_are_all_shown),
        cmocka_unit_test(what_a_view_reads_is_not_taken_away),
        cmocka_unit_test(of_clients_that_want_the_same_one_wins),
        cmocka_unit_test(memory_is_refused_with_an_answer),
        cmocka_unit_test(views_outlive_their_server),
    };
    return cmocka_run_group_tests_name("core_query_view", tests, NULL, NULL);
}
