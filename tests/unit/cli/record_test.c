/* Lines become records and records lines; where reading begins; names of topics. */
#include "broker/cli/client_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"

/* What a test needs beside the record. */
struct record_case {
    struct budget budget;
    struct arena arena;
    char problem[CLIENT_PROBLEM_BYTES];
};

static void record_case_begin(struct record_case *t)
{
    budget_init(&t->budget, "test", 1 << 20, NULL);
    arena_init(&t->arena, &t->budget, 4096, 1 << 20);
    t->problem[0] = '\0';
}

static void record_case_end(struct record_case *t)
{
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
}

/* A part of a record as text: "null", or what it holds between bars. */
static const char *part(const uint8_t *data, size_t length, char out[256])
{
    if (data == NULL) {
        return "null";
    }
    snprintf(out, 256, "|%.*s|", (int)length, (const char *)data);
    return out;
}

/* A line and what becomes of it. */
struct record_row {
    struct client_format format;
    const char *line;
    const char *key;
    const char *value;
    int64_t timestamp_ms;
    const char *problem; /* NULL: none */
};

static void assert_lines(const struct record_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct record_case t;
        struct client_record record;
        char key[256], value[256];
        record_case_begin(&t);
        enum err err = client_record_parse(&record, &rows[i].format, &t.arena, rows[i].line,
                                           strlen(rows[i].line), t.problem);
        if (rows[i].problem != NULL) {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(t.problem, rows[i].problem);
        } else {
            assert_int_equal(err, ERR_OK);
            assert_string_equal(part(record.key, record.key_bytes, key), rows[i].key);
            assert_string_equal(part(record.value, record.value_bytes, value), rows[i].value);
            assert_int_equal(record.timestamp_ms, rows[i].timestamp_ms);
        }
        record_case_end(&t);
    }
}

static void record_lines_become_keys_and_values(void **state)
{
    (void)state;
    static const struct record_row rows[] = {
        {{0}, "plain text", "null", "|plain text|", 0, NULL},
        {{.key_separator = ":"}, "k:v", "|k|", "|v|", 0, NULL},
        {{.key_separator = ":"}, "k:v:w", "|k|", "|v:w|", 0, NULL},
        {{.key_separator = "=>"}, "a=b=>c", "|a=b|", "|c|", 0, NULL},
        {{.key_separator = ":"}, ":v", "||", "|v|", 0, NULL},
        {{.key_separator = ":"}, "k:", "|k|", "||", 0, NULL},
        {{.key_separator = ":"}, "none", "", "", 0, "lacks the key separator ':'"},
        {{.key_field = "id"}, "{\"id\":\"x\"}", "|x|", "|{\"id\":\"x\"}|", 0, NULL},
        {{.key_field = "id"}, "{\"id\":\"x\\ny\"}", "|x\ny|", "|{\"id\":\"x\\ny\"}|", 0, NULL},
        {{.key_field = "id"}, "{\"id\":7.50}", "|7.50|", "|{\"id\":7.50}|", 0, NULL},
        {{.key_field = "id"}, "{\"id\":null}", "null", "|{\"id\":null}|", 0, NULL},
        {{.key_field = "id"}, "{\"id\":[1, 2]}", "|[1, 2]|", "|{\"id\":[1, 2]}|", 0, NULL},
        {{.key_field = "a.id"},
         "{\"a\":{\"id\":true}}",
         "|true|",
         "|{\"a\":{\"id\":true}}|",
         0,
         NULL},
        {{.key_field = "id"}, "{\"ID\":1}", "", "", 0, "has no field 'id'"},
        {{.key_field = "id"}, "{\"id\":1", "", "", 0, "is not JSON, as its byte 8 shows"},
        {{.key_field = "id"},
         "{\"id\":\"\\udc00\"}",
         "",
         "",
         0,
         "an escape in 'id' is half a character"},
    };
    assert_lines(rows, ARRAY_COUNT(rows));
}

static void record_times_come_from_a_field(void **state)
{
    (void)state;
    static const struct record_row rows[] = {
        {{.time_field = "t"},
         "{\"t\":1517966773840}",
         "null",
         "|{\"t\":1517966773840}|",
         1517966773840,
         NULL},
        {{.time_field = "t"}, "{\"t\":1.5e3}", "null", "|{\"t\":1.5e3}|", 1500, NULL},
        {{.time_field = "t"},
         "{\"t\":\"1970-01-01T00:00:01Z\"}",
         "null",
         "|{\"t\":\"1970-01-01T00:00:01Z\"}|",
         1000,
         NULL},
        {{.key_separator = "|", .time_field = "t"}, "k|{\"t\":5}", "|k|", "|{\"t\":5}|", 5, NULL},
        {{.key_separator = "|", .time_field = "t"},
         "k|{",
         "",
         "",
         0,
         "is not JSON, as its byte 4 shows"},
        {{.time_field = "t"},
         "{\"t\":\"noon\"}",
         "",
         "",
         0,
         "'t' is neither milliseconds since 1970 nor a time like 2018-02-06T12:30:00Z"},
    };
    assert_lines(rows, ARRAY_COUNT(rows));
}

static void record_envelopes_name_all_parts(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *want; /* partition, timestamp, key, value, headers; or what is wrong */
    } rows[] = {
        {"{\"value\":\"v\"}", "4 0 null |v|"},
        {"{\"value\":null,\"key\":\"\"}", "4 0 || null"},
        {"{\"key\":\"k\\u00e4\",\"value\":\"\"}", "4 0 |k\xc3\xa4| ||"},
        {"{\"value\":{\"a\":[1, 2]}}", "4 0 null |{\"a\":[1, 2]}|"},
        {"{\"value\":-1.50}", "4 0 null |-1.50|"},
        {"{\"value\":{\"hex\":\"4a4B\"},\"key\":{\"hex\":\"\"}}", "4 0 || |JK|"},
        {"{\"value\":{\"hex\":\"4a\",\"b\":1}}", "4 0 null |{\"hex\":\"4a\",\"b\":1}|"},
        {"{\"value\":1,\"partition\":2,\"timestamp\":77}", "2 77 null |1|"},
        {"{\"value\":1,\"partition\":null,\"timestamp\":null,\"headers\":null}", "4 0 null |1|"},
        {"{\"value\":1,\"timestamp\":\"1970-01-02\"}", "4 86400000 null |1|"},
        {"{\"topic\":\"t\",\"offset\":9,\"value\":1}", "4 0 null |1|"},
        {"{\"value\":1,\"headers\":[]}", "4 0 null |1|"},
        {"{\"value\":1,\"headers\":[{\"key\":\"a\",\"value\":\"b\"},{\"key\":\"a\",\"value\":null}]"
         "}",
         "4 0 null |1| a=|b| a=null"},
        {"{\"value\":1,\"headers\":{\"a\":\"b\",\"c\":{\"hex\":\"4a\"}}}",
         "4 0 null |1| a=|b| c=|J|"},
        {"{\"value\":1,\"headers\":[{\"key\":\"a\"}]}", "4 0 null |1| a=null"},
        {"[1]", "is no object with a member 'value'"},
        {"{\"key\":1}", "has no member 'value' (null is a value)"},
        {"{\"value\":1,\"Key\":1}", "no part of a record is called Key; did you mean 'key'?"},
        {"{\"value\":1,\"\\u001b[31m\":1}", "no part of a record is called \\\\u001b[31m"},
        {"{\"value\":1,\"partition\":-1}", "'partition' is no whole number"},
        {"{\"value\":1,\"partition\":2147483648}", "'partition' is no whole number"},
        {"{\"value\":1,\"partition\":\"1\"}", "'partition' is no whole number"},
        {"{\"value\":1,\"headers\":7}", "'headers' is no array of {\"key\":...,\"value\":...}"},
        {"{\"value\":1,\"headers\":[7]}", "a header is no {\"key\":\"name\",\"value\":...}"},
        {"{\"value\":1,\"headers\":[{\"key\":\"a\",\"vale\":1}]}",
         "a header is no {\"key\":\"name\",\"value\":...}"},
        {"{\"value\":1,\"headers\":[{\"key\":\"a\\u0000\"}]}",
         "a header's name holds a NUL or half a character"},
        {"{\"value\":{\"hex\":\"4\"}}", "half a byte in the hex digits of 'value'"},
        {"{\"value\":{\"hex\":\"4x\"}}", "the hex digits of 'value' are none"},
        {"{\"value\":\"\\ud800\"}", "an escape in 'value' is half a character"},
        {"{\"value\":1", "is not JSON, as its byte 11 shows"},
        {"{\"value\":\"\xff\"}", "is not JSON, as its byte 1 shows"},
    };
    const struct client_format format = {.is_envelope = true, .partition = 4};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct record_case t;
        struct client_record record;
        char key[256], value[256], got[512];
        record_case_begin(&t);
        if (client_record_parse(&record, &format, &t.arena, rows[i].line, strlen(rows[i].line),
                                t.problem) == ERR_OK) {
            int length =
                snprintf(got, sizeof(got), "%" PRId32 " %" PRId64 " %s %s", record.partition,
                         record.timestamp_ms, part(record.key, record.key_bytes, key),
                         part(record.value, record.value_bytes, value));
            for (size_t h = 0; h < record.headers_count; h++) {
                length += snprintf(
                    got + length, sizeof(got) - (size_t)length, " %s=%s", record.headers[h].name,
                    part(record.headers[h].value, record.headers[h].value_bytes, value));
            }
        } else {
            snprintf(got, sizeof(got), "%s", t.problem);
        }
        assert_string_equal(got, rows[i].want);
        record_case_end(&t);
    }
}

static void record_headers_of_all_records_come_first(void **state)
{
    (void)state;
    static const struct client_header all[] = {{"from", (const uint8_t *)"test", 4}};
    const struct client_format format = {
        .is_envelope = true, .headers = all, .headers_count = 1, .partition = -1};
    static const char line[] = "{\"value\":1,\"headers\":{\"own\":\"x\"}}";
    struct record_case t;
    struct client_record record;
    record_case_begin(&t);
    assert_int_equal(client_record_parse(&record, &format, &t.arena, line, strlen(line), t.problem),
                     ERR_OK);
    assert_int_equal(record.headers_count, 2);
    assert_string_equal(record.headers[0].name, "from");
    assert_string_equal(record.headers[1].name, "own");
    record_case_end(&t);
}

static void record_headers_are_bounded(void **state)
{
    (void)state;
    const struct client_format format = {.is_envelope = true};
    for (int count = CLIENT_HEADERS_MAX; count <= CLIENT_HEADERS_MAX + 1; count++) {
        char line[8 * CLIENT_HEADERS_MAX + 64];
        size_t length = (size_t)snprintf(line, sizeof(line), "{\"value\":1,\"headers\":{");
        for (int i = 0; i < count; i++) {
            length += (size_t)snprintf(line + length, sizeof(line) - length, "%s\"h\":1",
                                       i > 0 ? "," : "");
        }
        length += (size_t)snprintf(line + length, sizeof(line) - length, "}}");
        struct record_case t;
        struct client_record record;
        record_case_begin(&t);
        enum err err = client_record_parse(&record, &format, &t.arena, line, length, t.problem);
        assert_int_equal(err, count == CLIENT_HEADERS_MAX ? ERR_OK : ERR_INVALID);
        record_case_end(&t);
    }
}

/* Bytes that are sometimes text, sometimes not, sometimes none. */
static const uint8_t *random_bytes(struct prng *p, uint8_t room[64], size_t *length)
{
    static const char *const texts[] = {"", "a", "k\"\\\n", "\xc3\xa4", "{\"hex\":\"41\"}", "\x7f"};
    uint64_t kind = prng_below(p, 4);
    *length = 0;
    if (kind == 0) {
        return NULL;
    }
    if (kind == 1) {
        *length = (size_t)prng_below(p, 64);
        for (size_t i = 0; i < *length; i++) {
            room[i] = (uint8_t)prng_below(p, 256);
        }
        return room;
    }
    const char *text = texts[prng_below(p, ARRAY_COUNT(texts))];
    *length = strlen(text);
    memcpy(room, text, *length + 1);
    return room;
}

static void assert_same(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    assert_int_equal(a == NULL, b == NULL);
    assert_int_equal(a_bytes, b_bytes);
    if (a_bytes > 0) {
        assert_memory_equal(a, b, a_bytes);
    }
}

static void record_that_was_printed_can_be_produced_again(void **state)
{
    (void)state;
    struct share share = share_open("records printed and parsed", 60);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        uint8_t rooms[5][64];
        struct client_header headers[3] = {{.name = "a"}, {.name = ""}, {.name = "\xc3\xa4\"\n"}};
        struct client_record record = {.partition = (int32_t)prng_below(&p, 1000),
                                       .offset = (int64_t)prng_below(&p, UINT64_C(1) << 62),
                                       .timestamp_ms = (int64_t)prng_below(&p, 1000000),
                                       .headers = headers,
                                       .headers_count = (size_t)prng_below(&p, 4)};
        record.key = random_bytes(&p, rooms[0], &record.key_bytes);
        record.value = random_bytes(&p, rooms[1], &record.value_bytes);
        for (size_t i = 0; i < record.headers_count; i++) {
            headers[i].value = random_bytes(&p, rooms[2 + i], &headers[i].value_bytes);
        }
        char *line = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&line, &length);
        client_record_put_json(out, &record);
        fclose(out);
        assert_true(json_strict_is_valid(line, length));
        assert_int_equal(strcspn(line, "\n"), length - 1);

        struct record_case t;
        struct client_record again;
        const struct client_format format = {.is_envelope = true, .partition = -1};
        record_case_begin(&t);
        assert_int_equal(
            client_record_parse(&again, &format, &t.arena, line, length - 1, t.problem), ERR_OK);
        assert_int_equal(again.partition, record.partition);
        assert_int_equal(again.timestamp_ms, record.timestamp_ms);
        assert_same(again.key, again.key_bytes, record.key, record.key_bytes);
        assert_same(again.value, again.value_bytes, record.value, record.value_bytes);
        assert_int_equal(again.headers_count, record.headers_count);
        for (size_t i = 0; i < record.headers_count; i++) {
            assert_string_equal(again.headers[i].name, headers[i].name);
            assert_same(again.headers[i].value, again.headers[i].value_bytes, headers[i].value,
                        headers[i].value_bytes);
        }
        record_case_end(&t);
        free(line);
    }
    share_close(&share);
}

static void record_topic_names_are_as_kafka_has_them(void **state)
{
    (void)state;
    char name[251];
    memset(name, 'x', sizeof(name));
    name[249] = '\0';
    assert_true(client_is_topic_name(name));
    name[249] = 'x';
    name[250] = '\0';
    assert_false(client_is_topic_name(name));
    assert_true(client_is_topic_name("a.B_c-9"));
    assert_true(client_is_topic_name("..."));
    assert_false(client_is_topic_name(""));
    assert_false(client_is_topic_name("."));
    assert_false(client_is_topic_name(".."));
    assert_false(client_is_topic_name("a b"));
    assert_false(client_is_topic_name("\xc3\xa4"));
}

static void record_reading_begins_where_from_says(void **state)
{
    (void)state;
    const int64_t now_ms = 1000000000;
    static const struct {
        const char *text;
        enum err err;
        enum client_from_kind kind;
        int64_t value;
    } rows[] = {
        {"start", ERR_OK, CLIENT_FROM_START, 0},
        {"end", ERR_OK, CLIENT_FROM_END, 0},
        {"0", ERR_OK, CLIENT_FROM_OFFSET, 0},
        {"9223372036854775807", ERR_OK, CLIENT_FROM_OFFSET, INT64_MAX},
        {"-10", ERR_OK, CLIENT_FROM_LAST, 10},
        {"-0", ERR_OK, CLIENT_FROM_LAST, 0},
        {"@1517966773840", ERR_OK, CLIENT_FROM_TIME, 1517966773840},
        {"@2018-02-07T01:26:13.840Z", ERR_OK, CLIENT_FROM_TIME, 1517966773840},
        {"@2018-02-07", ERR_OK, CLIENT_FROM_TIME, 1517961600000},
        {"@-5m", ERR_OK, CLIENT_FROM_TIME, 1000000000 - 300000},
        {"@-1h30m", ERR_OK, CLIENT_FROM_TIME, 1000000000 - 5400000},
        {"@-100d", ERR_OK, CLIENT_FROM_TIME, 0},
        {"@1960-01-01", ERR_OK, CLIENT_FROM_TIME, 0},
        {"", ERR_INVALID, CLIENT_FROM_START, 0},
        {"@", ERR_INVALID, CLIENT_FROM_START, 0},
        {"@-", ERR_INVALID, CLIENT_FROM_START, 0},
        {"@-5", ERR_INVALID, CLIENT_FROM_START, 0},
        {"@now", ERR_INVALID, CLIENT_FROM_START, 0},
        {"-5m", ERR_INVALID, CLIENT_FROM_START, 0},
        {"begin", ERR_INVALID, CLIENT_FROM_START, 0},
        {"9223372036854775808", ERR_INVALID, CLIENT_FROM_START, 0},
        {"-9223372036854775808", ERR_INVALID, CLIENT_FROM_START, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct client_from from = {CLIENT_FROM_START, 0};
        enum err err = client_from_parse(&from, rows[i].text, now_ms);
        if (err != rows[i].err ||
            (err == ERR_OK && (from.kind != rows[i].kind || from.value != rows[i].value))) {
            fail_msg("%s: %s, kind %d, %" PRId64, rows[i].text, err_name(err), (int)from.kind,
                     from.value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_lines_become_keys_and_values),
        cmocka_unit_test(record_times_come_from_a_field),
        cmocka_unit_test(record_envelopes_name_all_parts),
        cmocka_unit_test(record_headers_of_all_records_come_first),
        cmocka_unit_test(record_headers_are_bounded),
        cmocka_unit_test(record_that_was_printed_can_be_produced_again),
        cmocka_unit_test(record_topic_names_are_as_kafka_has_them),
        cmocka_unit_test(record_reading_begins_where_from_says),
    };
    return cmocka_run_group_tests_name("cli_record", tests, NULL, NULL);
}
