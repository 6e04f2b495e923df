/* Aggregations over streams of many partitions, folded on all shards: the same answers on one shard
 * as on several; canceled, late, failed, deleted or closed at any instant, with nothing left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/prng.h"
#include "base/rt/shard.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/late_clock.h"
#include "tests/unit/core/statements.h"

#define WORLD_TIME INT64_C(1600000000000) /* ms, of the first record */

/* --- A world with records: the same in each, on however many shards --- */

static const char stream_sql[] =
    "CREATE STREAM s (k TEXT, g BIGINT, x DOUBLE PRECISION, n NUMERIC(20, 4), b BOOLEAN, at "
    "TIMESTAMPTZ, doc JSONB PATH '$.doc', bad TEXT) FROM TOPIC yard FORMAT JSON";

struct world {
    struct yard *y;
    uint32_t partitions_count;
    uint32_t partition; /* appended to, */
    uint32_t number;    /* the first record's, */
    uint32_t count;     /* so many */
};

/* Record `number` of a partition. */
static void world_value(uint32_t partition, uint32_t number, char *out, size_t out_bytes)
{
    static const char *const numerics[] = {"1.5", "1.50", "-3.25", "1000", "1e3", "0.0"};
    uint32_t place[2] = {partition, number};
    uint64_t h = hash64(place, sizeof(place), 7);
    double x = ((double)(h >> 11 & 0xfffff) - 500000) / 7.0 * (double)(1u << (h >> 40 & 15));
    char k[32];
    char bad[32] = "1";
    if (number == 20 && partition % 3 == 1) {
        snprintf(bad, sizeof(bad), "none of %u", partition);
    }
    snprintf(k, sizeof(k), "\"k%u\"", (unsigned)(h % 11));
    snprintf(out, out_bytes,
             "{\"k\":%s,\"g\":%s%u%s,\"x\":%.17g,\"n\":%s,\"b\":%s,\"at\":%llu,\"doc\":{\"a\":%u},"
             "\"bad\":\"%s\"}",
             h % 9 == 0 ? "null" : k, h % 31 == 5 ? "\"no " : "", (unsigned)(h >> 3 & 0x7f),
             h % 31 == 5 ? "\"" : "", x, numerics[(h >> 20) % 6],
             (h >> 24) % 2 == 0 ? "true" : "false",
             (unsigned long long)WORLD_TIME + (h >> 30) % 600000, (unsigned)(h >> 33) % 5, bad);
}

static void world_build(struct yard *y, struct batch_build *b)
{
    const struct world *w = y->build_ctx;
    for (uint32_t i = 0; i < w->count; i++) {
        char value[512];
        world_value(w->partition, w->number + i, value, sizeof(value));
        batch_build_add(
            b, &(struct batch_build_record){.timestamp = y->timestamp + i, .value = value});
    }
}

static void world_append(struct world *w, uint32_t partition, uint32_t number, uint32_t count)
{
    w->partition = partition;
    w->number = number;
    w->count = count;
    yard_append(w->y, partition, count, WORLD_TIME + number);
}

/* Partitions have between none and some hundred records. */
static struct world *world_new(uint32_t partitions_count, uint32_t shards_count)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    late_clock_step(0);
    w->partitions_count = partitions_count;
    w->y = yard_new(partitions_count * 8 + shards_count, NULL);
    w->y->build = world_build;
    w->y->build_ctx = w;
    w->y->config.partitions_count = partitions_count;
    w->y->config.log.hot_bytes_max = 16 << 10;
    w->y->config.log.warm_bytes_max = 1 << 20;
    yard_start(w->y, shards_count);
    uint32_t batches_max = partitions_count < 10 ? 4 : 2;
    for (uint32_t p = 0; p < partitions_count; p++) {
        uint32_t batches_count = p % 5 == 3 ? 0 : 1 + p % batches_max;
        for (uint32_t i = 0; i < batches_count; i++) {
            world_append(w, p, i * 25, 25);
        }
    }
    char *answer = statement_ask(w->y, shards_count - 1, stream_sql);
    assert_string_equal(answer, "0 of 0 records, 0 bytes, 0 errors\n");
    free(answer);
    return w;
}

static void world_free(struct world *w)
{
    statements_are_gone(w->y);
    yard_close(w->y);
    yard_free(w->y);
    free(w);
}

/* --- The same answers --- */

static const char *const statements[] = {
    "SELECT count(*) FROM s",
    "SELECT count(*), sum(x), avg(x), stddev(x), var_pop(x), min(x), max(x), sum(n), avg(n), "
    "variance(n), sum(g), avg(g), stddev(g), bool_and(b), bool_or(b), min(at), max(at) FROM s",
    "SELECT k, count(*), sum(x), min(k), max(n) FROM s GROUP BY k",
    "SELECT k FROM s GROUP BY k",
    "SELECT g, b, count(*), avg(x) FROM s GROUP BY g, b HAVING count(*) > 3",
    "SELECT n, count(*) FROM s GROUP BY n",
    "SELECT doc, count(*), first(k, at), last(doc, at) FROM s GROUP BY doc",
    "SELECT doc->'a', g % 7, sum(x) FROM s GROUP BY 1, 2",
    "SELECT upper(k), sum(n), count(g) FROM s WHERE x > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
    "SELECT count(*) FILTER (WHERE b), sum(x) FILTER (WHERE g < 50), first(k, at) FROM s",
    "SELECT max(c), sum(t) FROM (SELECT k, count(*) c, sum(x) t FROM s GROUP BY k) q",
    "SELECT window_start, count(*), sum(x) FROM TUMBLE(s, at, INTERVAL '1 minute') GROUP BY "
    "window_start",
    "SELECT DISTINCT count(*) FROM s GROUP BY k, b",
    "SELECT count(DISTINCT k), count(DISTINCT g) FROM s",
    "SELECT k, count(*) FROM (SELECT * FROM s LIMIT 60) q GROUP BY k",
    "SELECT k, count(*) FROM s WHERE _partition = 1 GROUP BY k",
    "SELECT _partition, min(_offset), max(_offset), count(*) FROM s GROUP BY _partition",
    "SELECT count(*), sum(x) FROM s WHERE _offset BETWEEN 10 AND 40",
    "SELECT count(*) FROM s WHERE _timestamp >= '2020-09-13 12:26:40.010+00'",
    "SELECT count(*), sum(x), min(k) FROM s WHERE g > 1000",
    "SELECT k FROM s WHERE g > 1000 GROUP BY k",
    "SELECT k, sum(x) FROM s GROUP BY k LIMIT 0",
    "SELECT k, sum(x) FROM s GROUP BY k LIMIT 3 OFFSET 2",
    "SELECT count(*), sum(x), sum(g) FROM yard",
    "SELECT k, sum((n * 1.5)::numeric(20, 2)) FROM yard GROUP BY k",
    "SELECT sum(bad::integer) FROM s",
    "SELECT k, sum(1 / (g - 5)) FROM s GROUP BY k",
    "SELECT sum(g * 9000000000000000000) FROM s",
};

static void answers_are_the_same_on_any_number_of_shards(void **state)
{
    (void)state;
    static const uint32_t partitions[] = {1, 2, 7, 40};
    static const uint32_t shards[] = {1, 2, 4};
    for (size_t p = 0; p < ARRAY_COUNT(partitions); p++) {
        char *want[ARRAY_COUNT(statements)];
        for (size_t i = 0; i < ARRAY_COUNT(shards); i++) {
            struct world *w = world_new(partitions[p], shards[i]);
            for (size_t k = 0; k < ARRAY_COUNT(statements); k++) {
                late_clock_step(k % 3 * 150000); /* turns of many steps, and of few */
                char *answer =
                    statement_ask(w->y, (uint32_t)(k % w->y->shards_count), statements[k]);
                if (i == 0) {
                    want[k] = answer;
                    continue;
                }
                if (strcmp(answer, want[k]) != 0) {
                    fail_msg("%u partitions on %u shards, %s\nis\n%swant\n%s", partitions[p],
                             shards[i], statements[k], answer, want[k]);
                }
                free(answer);
            }
            world_free(w);
        }
        for (size_t k = 0; k < ARRAY_COUNT(statements); k++) {
            free(want[k]);
        }
    }
}

static void a_late_part_reads_no_more_than_an_early_one(void **state)
{
    (void)state;
    struct world *w = world_new(40, 4);
    char *before = statement_ask(w->y, 1, "SELECT count(*), sum(x) FROM s");
    uint32_t early_count = 0;
    for (uint32_t ns = 30000; ns < 3000000; ns = ns * 3 / 2) {
        struct statement *s = statement_new(w->y, 1, "SELECT count(*), sum(x) FROM s");
        late_clock_step(400000);
        statement_start(s);
        sim_run_for(w->y->sim, ns);
        early_count += s->done_count == 0 && ns > 100000;
        world_append(w, 38, 1000 + ns, 5);
        statement_wait(s);
        if (ns > 100000) { /* by then it has asked where partitions end */
            assert_string_equal(s->answer, before);
        }
        statement_free(s);
        free(before);
        before = statement_ask(w->y, 1, "SELECT count(*), sum(x) FROM s");
    }
    assert_true(early_count > 3);
    free(before);
    world_free(w);
}

static unsigned count_of(const char *answer)
{
    unsigned count = 0;
    if (sscanf(answer, "count|sum\n%u|", &count) != 1) { /* NOLINT: a number of our own */
        fail_msg("%s", answer);
    }
    return count;
}

/* The deletion takes effect before, between or behind the moments when the statement asks where
 * partitions begin and when the part of this one does. */
static void records_deleted_before_their_part_begins_are_left_out(void **state)
{
    (void)state;
    struct world *w = world_new(40, 3);
    char *before = statement_ask(w->y, 1, "SELECT count(*), sum(x) FROM s");
    uint32_t left_out_count = 0;
    for (uint32_t i = 0; i < 24; i++) {
        uint32_t partition = 39 - i;
        struct statement *s = statement_new(w->y, 1, "SELECT count(*), sum(x) FROM s");
        late_clock_step(400000);
        yard_trim_start(w->y, partition, CORE_TRIM_ALL, 60000);
        sim_run_for(w->y->sim, i * 150000);
        statement_start(s);
        statement_wait(s);
        yard_wait(w->y);
        unsigned count = partition % 5 == 3 ? 0 : 25 * (1 + partition % 2);
        unsigned got = count_of(s->answer);
        assert_true(got == count_of(before) || got == count_of(before) - count);
        left_out_count += got < count_of(before);
        statement_free(s);
        free(before);
        before = statement_ask(w->y, 1, "SELECT count(*), sum(x) FROM s");
    }
    assert_in_range(left_out_count, 1, 23);
    free(before);
    world_free(w);
}

/* --- Ended at any instant --- */

static const char heavy_sql[] = "SELECT g, b, sum(x), min(k), last(doc, at) FROM s GROUP BY g, b";
static const char failing_sql[] = "SELECT sum(bad::integer) FROM s";

/* It is what it should be, or was canceled. */
static void expect_either(const struct statement *s, const char *want, const char *state)
{
    assert_int_equal(s->done_count, 1);
    if (s->query.error.state != SQL_STATE_NONE && strcmp(s->query.error.code, state) == 0) {
        return;
    }
    assert_string_equal(s->answer, want);
}

static void a_statement_can_be_canceled_at_any_instant(void **state)
{
    (void)state;
    static const char *const texts[] = {heavy_sql, failing_sql};
    struct share share = share_open("canceled", 12);
    struct world *w = world_new(7, 3);
    char *want[2] = {statement_ask(w->y, 0, texts[0]), statement_ask(w->y, 0, texts[1])};
    uint32_t canceled_count = 0;
    for (uint64_t steps = 0; share_more(&share); steps++) {
        struct statement *s = statement_new(w->y, (uint32_t)(steps / 2 % 3), texts[steps % 2]);
        late_clock_step(steps % 5 * 100000);
        statement_start(s);
        (void)sim_run_steps(w->y->sim, steps % 400 / 2);
        statement_cancel(s);
        statement_wait(s);
        expect_either(s, want[steps % 2], "57014");
        canceled_count += s->query.error.state != SQL_STATE_NONE;
        statement_free(s);
        statements_are_gone(w->y);
    }
    share_close(&share);
    assert_true(canceled_count > 0);
    free(want[0]);
    free(want[1]);
    world_free(w);
}

static void a_statement_can_be_late_at_any_instant(void **state)
{
    (void)state;
    struct share share = share_open("late", 8);
    struct world *w = world_new(7, 3);
    char *want = statement_ask(w->y, 0, heavy_sql);
    for (uint64_t k = 0; share_more(&share); k++) {
        struct statement *s = statement_new(w->y, (uint32_t)(k % 3), heavy_sql);
        late_clock_step(k % 5 * 100000);
        s->timeout_ns = 1 + k % 200 * 10000;
        statement_start(s);
        statement_wait(s);
        expect_either(s, want, "57014");
        statement_free(s);
        statements_are_gone(w->y);
    }
    share_close(&share);
    free(want);
    world_free(w);
}

static void memory_is_refused_and_given_back(void **state)
{
    (void)state;
    struct share share = share_open("without memory", 8);
    static const char *const texts[] = {heavy_sql,     heavy_sql,
                                        heavy_sql,     "EXPLAIN SELECT k FROM s",
                                        "DESCRIBE s",  "SHOW CREATE STREAM s",
                                        "SHOW STREAMS"};
    struct world *w = world_new(7, 3);
    char *want[ARRAY_COUNT(texts)];
    uint32_t refused_count = 0;
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        want[i] = statement_ask(w->y, 0, texts[i]);
    }
    for (uint64_t k = 0; k < 14 || share_more(&share); k++) {
        size_t i = k % ARRAY_COUNT(texts);
        struct statement *s = statement_new(w->y, (uint32_t)(k % 3), texts[i]);
        late_clock_step(k % 5 * 100000);
        s->query.bytes_max = k < 14 ? 1 : prng_below(&prng, (i < 3 ? 600u : 20u) << 10);
        statement_start(s);
        statement_wait(s);
        expect_either(s, want[i], "53200");
        refused_count += s->query.error.state != SQL_STATE_NONE;
        statement_free(s);
        statements_are_gone(w->y);
    }
    share_close(&share);
    assert_true(refused_count > 3);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        free(want[i]);
    }
    world_free(w);
}

/* Nothing is held that was not held before, on any shard. */
static void memory_stays_what_it_was(void **state)
{
    (void)state;
    struct world *w = world_new(40, 4);
    size_t bytes[YARD_SHARDS];
    for (uint32_t round = 0; round < 30; round++) {
        for (uint32_t shard = 0; shard < 4; shard++) {
            struct statement *s = statement_new(w->y, shard, round % 2 ? failing_sql : heavy_sql);
            late_clock_step(round % 5 * 100000);
            statement_start(s);
            if (round % 3 == 2) {
                (void)sim_run_steps(w->y->sim, round * 7);
                statement_cancel(s);
            }
            statement_wait(s);
            statement_free(s);
            size_t used_bytes = w->y->shards[shard].queries.budget.used_bytes;
            if (round > 1) {
                assert_int_equal(used_bytes, bytes[shard]);
            }
            bytes[shard] = used_bytes;
        }
    }
    world_free(w);
}

static void a_paused_statement_that_is_late_is_not_resumed(void **state)
{
    (void)state;
    static const char *const texts[] = {heavy_sql, "SELECT k, g FROM s"};
    struct world *w = world_new(7, 3);
    for (uint32_t i = 0; i < 120; i++) {
        struct statement *s = statement_new(w->y, i % 3, texts[i / 60]);
        s->is_pausing = true;
        s->timeout_ns = 20 * RT_NS_PER_MS;
        statement_start(s);
        while (!s->query.is_paused) {
            assert_true(sim_run_steps(w->y->sim, 1));
        }
        while (s->query.is_paused) {
            assert_true(sim_run_steps(w->y->sim, 1));
        }
        (void)sim_run_steps(w->y->sim, i % 20);
        statement_resume(s);
        statement_wait(s);
        assert_string_equal(s->query.error.code, "57014");
        statement_free(s);
    }
    world_free(w);
}

/* --- The world ends --- */

static void a_topic_can_be_deleted_while_parts_run(void **state)
{
    (void)state;
    struct share share = share_open("topic deleted", 10);
    for (uint64_t k = 0; share_more(&share); k++) {
        struct world *w = world_new(7, 1 + (uint32_t)(k % 4));
        uint32_t shards_count = w->y->shards_count;
        static const char sql[] = "SELECT k, sum(x), min(at), count(*) FROM yard GROUP BY k";
        free(statement_ask(w->y, 0, "DROP STREAM s"));
        char *want = statement_ask(w->y, 0, sql);
        struct statement *s[6];
        late_clock_step(k % 3 * 150000);
        for (uint32_t i = 0; i < 6; i++) {
            s[i] = statement_new(w->y, i % shards_count, sql);
            statement_start(s[i]);
            (void)sim_run_steps(w->y->sim, k * 5 % 70);
        }
        yard_delete(w->y);
        for (uint32_t i = 0; i < 6; i++) {
            statement_wait(s[i]);
            if (s[i]->query.error.state != SQL_STATE_NONE) {
                assert_true(strncmp(s[i]->query.error.code, "42P01", 5) == 0 ||
                            strncmp(s[i]->query.error.code, "57P0", 4) == 0);
            } else {
                assert_string_equal(s[i]->answer, want);
            }
            statement_free(s[i]);
        }
        free(want);
        world_free(w);
    }
    share_close(&share);
}

static bool are_done(void *ctx)
{
    struct statement **s = ctx;
    for (; *s != NULL; s++) {
        if ((*s)->done_count == 0 || (*s)->posts_count > 0) {
            return false;
        }
    }
    return true;
}

/* From all shards, some canceled, and the core is closed as soon as the last one is done. */
static void sixty_four_at_once_and_then_the_end(void **state)
{
    (void)state;
    struct share share = share_open("64 at once", 15);
    for (uint64_t k = 0; share_more(&share); k++) {
        struct world *w = world_new(7, 2 + (uint32_t)(k % 3));
        struct prng prng;
        struct statement *s[65] = {NULL};
        char *want[ARRAY_COUNT(statements)];
        prng_init(&prng, k);
        for (size_t i = 0; i < ARRAY_COUNT(statements); i++) {
            want[i] = statement_ask(w->y, 0, statements[i]);
        }
        late_clock_step(k % 3 * 150000);
        for (uint32_t i = 0; i < 64; i++) {
            const char *text = statements[prng_below(&prng, ARRAY_COUNT(statements))];
            s[i] = statement_new(w->y, (uint32_t)prng_below(&prng, w->y->shards_count), text);
            statement_start(s[i]);
        }
        for (uint32_t i = 0; i < 16; i++) {
            (void)sim_run_steps(w->y->sim, prng_below(&prng, 60));
            statement_cancel(s[prng_below(&prng, 64)]);
        }
        assert_true(
            sim_run_until_true(w->y->sim, are_done, s, sim_now_ns(w->y->sim) + 1000 * RT_NS_PER_S));
        for (uint32_t i = 0; i < 64; i++) {
            size_t number = 0;
            while (statements[number] != s[i]->query.text) {
                number++;
            }
            expect_either(s[i], want[number], "57014");
            statement_free(s[i]);
        }
        for (size_t i = 0; i < ARRAY_COUNT(statements); i++) {
            free(want[i]);
        }
        world_free(w);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_on_any_number_of_shards),
        cmocka_unit_test(a_late_part_reads_no_more_than_an_early_one),
        cmocka_unit_test(records_deleted_before_their_part_begins_are_left_out),
        cmocka_unit_test(a_statement_can_be_canceled_at_any_instant),
        cmocka_unit_test(a_statement_can_be_late_at_any_instant),
        cmocka_unit_test(memory_is_refused_and_given_back),
        cmocka_unit_test(memory_stays_what_it_was),
        cmocka_unit_test(a_paused_statement_that_is_late_is_not_resumed),
        cmocka_unit_test(a_topic_can_be_deleted_while_parts_run),
        cmocka_unit_test(sixty_four_at_once_and_then_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
