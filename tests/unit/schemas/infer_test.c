/* Columns inferred from records: tables of records and the columns that come of them. */
#include "schemas/infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "views/vec/calendar.h"

/* A fold and its memory. */
struct infer_test {
    struct budget budget;
    struct arena arena;
    struct infer in;
};

static const char *const infer_test_reserved[] = {"_rest", "_offset"};

static void infer_test_open(struct infer_test *t, uint32_t columns_max)
{
    const struct infer_config config = {
        .columns_max = columns_max, .reserved = infer_test_reserved, .reserved_count = 2};
    budget_init(&t->budget, "test", 8 << 20, NULL);
    arena_init(&t->arena, &t->budget, 4096, 8 << 20);
    assert_int_equal(infer_init(&t->in, &t->arena, &config), ERR_OK);
}

static void infer_test_close(struct infer_test *t)
{
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
}

/* Records, one a line. */
static void infer_test_feed(struct infer_test *t, const char *records)
{
    while (*records != '\0') {
        size_t length = strcspn(records, "\n");
        enum err err = infer_record(&t->in, records, length);
        assert_true(err == ERR_OK || err == ERR_INVALID);
        records += length + (records[length] == '\n');
    }
}

/* "a bigint, b text + rest" */
static void infer_test_describe(const struct infer *in, char *out, size_t out_bytes)
{
    static const char *const kinds[INFER_KIND_COUNT] = {
        "null", "boolean", "bigint", "double", "numeric", "timestamptz", "text", "jsonb"};
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < in->columns_count; i++) {
        const struct infer_column *column = &in->columns[i];
        assert_int_equal(strlen(column->name), column->length);
        at += (size_t)snprintf(out + at, out_bytes - at, "%s%s%s %s", i > 0 ? ", " : "",
                               column->is_whole ? "$" : "", column->name, kinds[column->kind]);
    }
    snprintf(out + at, out_bytes - at, "%s", in->has_rest ? " + rest" : "");
}

static const struct infer_row {
    const char *records;
    const char *want;
} infer_rows[] = {
    /* kinds */
    {"{\"a\":1,\"b\":1.5,\"c\":true,\"d\":\"x\",\"e\":[],\"f\":{}}",
     "a bigint, b double, c boolean, d text, e jsonb, f jsonb"},
    {"{\"a\":-9223372036854775808,\"b\":9223372036854775807,\"c\":-0}",
     "a bigint, b bigint, c bigint"},
    {"{\"a\":9223372036854775808,\"b\":-9223372036854775809}", "a numeric, b numeric"},
    {"{\"a\":12345678901234567890123456789012345678}", "a numeric"},
    {"{\"a\":-12345678901234567890123456789012345678}", "a numeric"},
    {"{\"a\":123456789012345678901234567890123456789}", "a jsonb"},
    {"{\"a\":1e2,\"b\":1.0,\"c\":-1E-400,\"d\":1e400}", "a double, b double, c double, d jsonb"},
    {"{\"a\":\"2020-01-02T03:04:05Z\",\"b\":\"2020-01-02\"}", "a timestamptz, b text"},
    {"{\"a\":\"2020-01-02T03:04:05\\u002b02:00\"}", "a timestamptz"},
    /* the lattice: what two make */
    {"{\"a\":1}\n{\"a\":1.5}", "a double"},
    {"{\"a\":1.5}\n{\"a\":1}", "a double"},
    {"{\"a\":1}\n{\"a\":9223372036854775808}", "a numeric"},
    {"{\"a\":1.5}\n{\"a\":9223372036854775808}", "a jsonb"},
    {"{\"a\":1}\n{\"a\":1.5}\n{\"a\":9223372036854775808}", "a jsonb"},
    {"{\"a\":true}\n{\"a\":1}", "a jsonb"},
    {"{\"a\":\"x\"}\n{\"a\":1}", "a jsonb"},
    {"{\"a\":\"2020-01-02T03:04:05Z\"}\n{\"a\":\"x\"}", "a text"},
    {"{\"a\":\"x\"}\n{\"a\":\"2020-01-02T03:04:05Z\"}", "a text"},
    {"{\"a\":\"2020-01-02T03:04:05Z\"}\n{\"a\":1}", "a jsonb"},
    {"{\"a\":[1]}\n{\"a\":1}", "a jsonb"},
    {"{\"a\":[1]}\n{\"a\":{\"b\":1}}", "a jsonb"},
    /* null says nothing */
    {"{\"a\":null}", "a null"},
    {"{\"a\":null}\n{\"a\":1}\n{\"a\":null}", "a bigint"},
    /* order, and names that come again */
    {"{\"b\":1}\n{\"a\":1,\"b\":1}\n{\"c\":1}", "b bigint, a bigint, c bigint"},
    {"{\"a\":\"x\",\"a\":1}", "a bigint"},
    {"{\"a\":1,\"b\":2,\"a\":null}", "a null, b bigint"},
    {"{\"\\u0061\":1}\n{\"a\":2}", "a bigint"},
    {"{\"a\":1,\"A\":true}", "a bigint, A boolean"},
    {"{\"it's\":1,\"\xc3\xa4\":2}", "it's bigint, \xc3\xa4 bigint"},
    {"{}", ""},
    /* what is no column */
    {"{\"_offset\":1}", " + rest"},
    {"{\"_rest\":1,\"a\":1}", "a bigint + rest"},
    {"{\"\":1}", " + rest"},
    {"{\"a\\u0000b\":1}", " + rest"},
    {"{\"\\ud800\":1}", " + rest"},
    /* records that are no objects */
    {"1\n2", "$value bigint"},
    {"1\n2.5", "$value double"},
    {"\"2020-01-02T03:04:05Z\"", "$value timestamptz"},
    {"[1,2]\n{\"a\":1}", "$value jsonb, a bigint"},
    {"{\"a\":1}\n7", "a bigint, $value jsonb"},
    {"null\n{\"a\":1}", "a bigint"},
    {"null", ""},
    {"null\n1", "$value bigint"},
    {"{\"value\":1}\n7", "value bigint, $_value jsonb"},
    {"7\n{\"value\":1}", "$value jsonb + rest"},
    {"{\"value\":1,\"_value\":1}\n7", "value bigint, _value bigint"},
    /* what is not JSON changes nothing */
    {"{\"a\":1}\n{\"a\":\"x\",\"b\":}\n{", "a bigint"},
    {"nothing", ""},
};

static void records_give_the_columns_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(infer_rows); i++) {
        struct infer_test t;
        char got[512];
        infer_test_open(&t, 8);
        infer_test_feed(&t, infer_rows[i].records);
        infer_test_describe(&t.in, got, sizeof(got));
        if (strcmp(got, infer_rows[i].want) != 0) {
            fail_msg("%s: %s, not %s", infer_rows[i].records, got, infer_rows[i].want);
        }
        infer_test_close(&t);
    }
}

/* Least upper bounds: of any three kinds, in any order, and never narrower. */
static void kinds_join_as_a_lattice(void **state)
{
    (void)state;
    for (enum infer_kind a = 0; a < INFER_KIND_COUNT; a++) {
        assert_int_equal(infer_join(a, a), a);
        assert_int_equal(infer_join(a, INFER_NULL), a);
        assert_int_equal(infer_join(a, INFER_JSONB), INFER_JSONB);
        for (enum infer_kind b = 0; b < INFER_KIND_COUNT; b++) {
            assert_int_equal(infer_join(a, b), infer_join(b, a));
            assert_int_equal(infer_join(infer_join(a, b), b), infer_join(a, b));
            for (enum infer_kind c = 0; c < INFER_KIND_COUNT; c++) {
                assert_int_equal(infer_join(infer_join(a, b), c), infer_join(a, infer_join(b, c)));
            }
        }
    }
}

static void more_members_than_columns_are_the_rest(void **state)
{
    (void)state;
    struct infer_test t;
    char got[512];
    infer_test_open(&t, 2);
    infer_test_feed(&t, "{\"a\":1,\"b\":2}");
    infer_test_describe(&t.in, got, sizeof(got));
    assert_string_equal(got, "a bigint, b bigint");
    infer_test_feed(&t, "{\"c\":1,\"b\":true}");
    infer_test_describe(&t.in, got, sizeof(got));
    assert_string_equal(got, "a bigint, b jsonb + rest");
    infer_test_close(&t);
}

/* However often a name comes again in one record. */
static void a_name_may_come_again_more_often_than_there_are_columns(void **state)
{
    (void)state;
    char record[4096];
    struct infer_test t;
    char got[64];
    struct bytes_writer w = bytes_writer(record, sizeof(record));
    bytes_put_copy(&w, "{\"a\":\"x\"", 8);
    for (int i = 0; i < 400; i++) {
        bytes_put_copy(&w, ",\"a\":1", 6);
    }
    bytes_put_copy(&w, "}", 1);
    infer_test_open(&t, 2);
    assert_int_equal(infer_record(&t.in, record, w.pos), ERR_OK);
    infer_test_describe(&t.in, got, sizeof(got));
    assert_string_equal(got, "a bigint");
    infer_test_close(&t);
}

static void names_are_bounded_alone_and_together(void **state)
{
    (void)state;
    static char record[4096];
    struct infer_test t;
    infer_test_open(&t, INFER_COLUMNS_MAX);
    snprintf(record, sizeof(record), "{\"%0249d\":1}", 1);
    infer_test_feed(&t, record);
    assert_int_equal(t.in.columns_count, 1);
    assert_false(t.in.has_rest);
    snprintf(record, sizeof(record), "{\"%0250d\":1}", 1);
    infer_test_feed(&t, record);
    assert_int_equal(t.in.columns_count, 1);
    assert_true(t.in.has_rest);
    for (int i = 2; i < 1500; i++) {
        snprintf(record, sizeof(record), "{\"%0249d\":1}", i);
        infer_test_feed(&t, record);
    }
    assert_int_equal(t.in.columns_count, INFER_PATHS_BYTES_MAX / (249 + 5));
    infer_test_close(&t);
}

static void a_name_whose_path_is_too_long_is_no_column(void **state)
{
    (void)state;
    static char record[2048];
    struct infer_test t;
    struct bytes_writer w = bytes_writer(record, sizeof(record) - 1);
    infer_test_open(&t, 8);
    bytes_put_copy(&w, "{\"", 2);
    for (int i = 0; i < 240; i++) {
        bytes_put_copy(&w, "\\u0001", 6);
    }
    bytes_put_copy(&w, "\":1}", 4);
    infer_test_feed(&t, record);
    assert_int_equal(t.in.columns_count, 0);
    assert_true(t.in.has_rest);
    infer_test_close(&t);
}

static void known_columns_only_widen_and_stay_where_they_are(void **state)
{
    (void)state;
    struct infer_test t;
    char got[512];
    infer_test_open(&t, 8);
    assert_int_equal(infer_known(&t.in, "x", 1, INFER_TEXT, false), ERR_OK);
    assert_int_equal(infer_known(&t.in, "y", 1, INFER_NULL, false), ERR_OK);
    assert_false(t.in.has_changed);
    infer_test_feed(&t, "{\"x\":\"2020-01-02T03:04:05Z\"}\n{\"y\":null}\n{}\n{\"x\":null}");
    assert_false(t.in.has_changed);
    infer_test_feed(&t, "{\"z\":1,\"y\":true}");
    assert_true(t.in.has_changed);
    infer_test_feed(&t, "7");
    infer_test_describe(&t.in, got, sizeof(got));
    assert_string_equal(got, "x text, y boolean, z bigint, $value jsonb");
    infer_test_close(&t);
}

/* Each kind of change is told, and nothing else. */
static void a_change_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        bool has_changed;
    } rows[] = {
        {"{\"n\":1}", false},    {"{\"n\":1.5}", true}, {"{\"o\":null}", true},
        {"{\"_rest\":1}", true}, {"7", true},           {"{", false},
        {"{\"n\":null}", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct infer_test t;
        infer_test_open(&t, 8);
        assert_int_equal(infer_known(&t.in, "n", 1, INFER_BIGINT, false), ERR_OK);
        infer_test_feed(&t, rows[i].record);
        assert_int_equal(t.in.has_changed, rows[i].has_changed);
        infer_test_close(&t);
    }
    struct infer_test t;
    infer_test_open(&t, 8);
    infer_known_rest(&t.in);
    infer_test_feed(&t, "{\"_rest\":1}");
    assert_false(t.in.has_changed);
    infer_test_close(&t);
}

static void records_are_counted(void **state)
{
    (void)state;
    struct infer_test t;
    infer_test_open(&t, 8);
    infer_test_feed(&t, "{}\n{\n1\n[\n\"\\x\"");
    assert_int_equal(t.in.records_count, 2);
    assert_int_equal(t.in.refused_count, 3);
    infer_test_close(&t);
}

static void memory_that_is_refused_is_an_error(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 64 << 10; limit += 512) {
        const struct infer_config config = {.columns_max = INFER_COLUMNS_MAX};
        struct budget budget;
        struct arena arena;
        struct infer in;
        char record[64];
        budget_init(&budget, "test", limit, NULL);
        arena_init(&arena, &budget, 256, 1 << 20);
        enum err err = infer_init(&in, &arena, &config);
        for (int i = 0; i < 500 && err == ERR_OK; i++) {
            snprintf(record, sizeof(record), "{\"%032d\":1}", i);
            err = infer_record(&in, record, strlen(record));
        }
        assert_true(err == ERR_OK || err == ERR_BUDGET);
        arena_deinit(&arena);
        budget_deinit(&budget);
    }
}

static const struct infer_time_row {
    const char *text;
    bool is_time;
} infer_time_rows[] = {
    {"2020-01-02T03:04:05Z", true},
    {"2020-01-02t03:04:05z", true},
    {"2020-01-02 03:04:05Z", true},
    {"2020-01-02T03:04:05.6Z", true},
    {"2020-01-02T03:04:05.123456789+05:30", true},
    {"2020-01-02T03:04:05-15:59", true},
    {"2020-02-29T00:00:00Z", true},
    {"2000-02-29T00:00:00Z", true},
    {"2016-12-31T23:59:60Z", true},
    {"0001-01-01T00:00:00Z", true},
    {"9999-12-31T23:59:59Z", true},
    {"2020-01-02T03:04:05", false},
    {"2020-01-02", false},
    {"2020-01-02T03:04Z", false},
    {"2020-01-02T03:04:05.Z", false},
    {"2020-01-02T03:04:05+0530", false},
    {"2020-01-02T03:04:05+05", false},
    {"2020-01-02T03:04:05+16:00", false},
    {"2020-01-02T03:04:05+05:60", false},
    {"2020-01-02T24:00:00Z", false},
    {"2020-01-02T03:60:05Z", false},
    {"2020-01-02T03:04:61Z", false},
    {"2016-12-31T23:59:60.1Z", false},
    {"2019-02-29T00:00:00Z", false},
    {"1900-02-29T00:00:00Z", false},
    {"2020-13-01T00:00:00Z", false},
    {"2020-00-01T00:00:00Z", false},
    {"2020-01-32T00:00:00Z", false},
    {"2020-01-00T00:00:00Z", false},
    {"0000-01-01T00:00:00Z", false},
    {"2020/01/02T03:04:05Z", false},
    {"2020-01-02T03:04:05Zz", false},
    {"12020-01-02T03:04:05Z", false},
    {" 2020-01-02T03:04:05Z", false},
    {"2020-01-02T03:04:05Z ", false},
    {"", false},
};

static void times_are_those_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(infer_time_rows); i++) {
        const char *text = infer_time_rows[i].text;
        if (infer_is_time(text, strlen(text)) != infer_time_rows[i].is_time) {
            fail_msg("%s", text);
        }
    }
}

/* What is inferred to be a TIMESTAMPTZ is one: near misses of date-times. */
static void whatever_is_a_time_is_read_as_one(void **state)
{
    (void)state;
    struct share share = share_open("date-times read", 70);
    uint32_t times_count = 0;
    while (share_more(&share)) {
        struct prng p;
        char text[80];
        int64_t instant;
        prng_init(&p, share_case_seed(&share));
        int length = snprintf(text, sizeof(text), "%04u-%02u-%02u%c%02u:%02u:%02u",
                              (unsigned)prng_below(&p, 10000), (unsigned)prng_below(&p, 14),
                              (unsigned)prng_below(&p, 33), "Tt "[prng_below(&p, 3)],
                              (unsigned)prng_below(&p, 25), (unsigned)prng_below(&p, 61),
                              (unsigned)prng_below(&p, 62));
        if (prng_chance(&p, 1, 2)) {
            int digits = (int)prng_range(&p, 1, 38);
            text[length++] = '.';
            for (int i = 0; i < digits; i++) {
                text[length++] = (char)('0' + prng_below(&p, 10));
            }
        }
        if (prng_chance(&p, 1, 2)) {
            text[length++] = "Zz"[prng_below(&p, 2)];
        } else {
            length += snprintf(text + length, sizeof(text) - (size_t)length, "%c%02u:%02u",
                               "+-"[prng_below(&p, 2)], (unsigned)prng_below(&p, 17),
                               (unsigned)prng_below(&p, 61));
        }
        if (infer_is_time(text, (size_t)length)) {
            times_count++;
            enum vec_fault fault = vec_timestamp_parse(text, (size_t)length, true, &instant);
            if (fault != VEC_FAULT_NONE) {
                fail_msg("%.*s", length, text);
            }
        }
    }
    printf("covered: %u date-times\n", times_count);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_give_the_columns_of_the_table),
        cmocka_unit_test(kinds_join_as_a_lattice),
        cmocka_unit_test(more_members_than_columns_are_the_rest),
        cmocka_unit_test(a_name_may_come_again_more_often_than_there_are_columns),
        cmocka_unit_test(names_are_bounded_alone_and_together),
        cmocka_unit_test(a_name_whose_path_is_too_long_is_no_column),
        cmocka_unit_test(known_columns_only_widen_and_stay_where_they_are),
        cmocka_unit_test(a_change_is_told),
        cmocka_unit_test(records_are_counted),
        cmocka_unit_test(memory_that_is_refused_is_an_error),
        cmocka_unit_test(times_are_those_of_the_table),
        cmocka_unit_test(whatever_is_a_time_is_read_as_one),
    };
    return cmocka_run_group_tests_name("schemas_infer", tests, NULL, NULL);
}
