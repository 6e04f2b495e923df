/* Appending by HTTP: what is a body, what becomes of it, what is refused and how. What was appended
 * is read through the Kafka door. The items of a body are events_test.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "broker/core/core.h"
#include "broker/gateway/errors.h"
#include "tests/support/cmocka.h"
#include "tests/unit/gateway/talk_http.h"

#define APPEND_POST "POST " TALK_HTTP_S

/* Room for long bodies. */
#define APPEND_TEXT_BYTES (64u << 10)

static const struct append_row {
    const char *name;
    const char *media; /* header lines */
    const char *body;
    uint16_t status;
    const char *records; /* as talk_http_records writes them */
    const char *said;    /* stands in the answer */
} append_rows[] = {
    {"a number", TALK_HTTP_JSON, "1", 200, "0 - 1\n",
     "{\"appended\":1,\"failed\":0,\"results\":[{\"partition\":0,\"offset\":0}]}"},
    {"an object", TALK_HTTP_JSON, "{\"a\":1}", 200, "0 - {\"a\":1}\n", "\"appended\":1"},
    {"white space in a value is kept, around it not", TALK_HTTP_JSON, " \n{ \"a\" :\t1 }\r\n ", 200,
     "0 - { \"a\" :\\x091 }\n", "\"appended\":1"},
    {"a text keeps its quotes and escapes", TALK_HTTP_JSON, "\"\\u00e4\\/\xc3\xa4\"", 200,
     "0 - \"\\u00e4\\/\\xc3\\xa4\"\n", "\"appended\":1"},
    {"numbers stay as they were written", TALK_HTTP_JSON, "[-0.0e+1, 1E400, 0.10]", 200,
     "0 - -0.0e+1\n1 - 1E400\n2 - 0.10\n", "{\"partition\":0,\"offset\":2}"},
    {"an array is its items", TALK_HTTP_JSON, "[1, 2 ,{\"b\":[]} ]", 200,
     "0 - 1\n1 - 2\n2 - {\"b\":[]}\n",
     "\"results\":[{\"partition\":0,\"offset\":0},{\"partition\":0,\"offset\":1},"
     "{\"partition\":0,\"offset\":2}]"},
    {"arrays in an array are values", TALK_HTTP_JSON, "[[1,2],[]]", 200, "0 - [1,2]\n1 - []\n",
     "\"appended\":2"},
    {"null is a value", TALK_HTTP_JSON, "[null,true]", 200, "0 - null\n1 - true\n",
     "\"appended\":2"},
    {"an empty array is nothing", TALK_HTTP_JSON, "[]", 200, "",
     "{\"appended\":0,\"failed\":0,\"results\":[]}"},
    {"a text that is no JSON", TALK_HTTP_JSON, "[1,2", 400, "", "json_invalid"},
    {"two values", TALK_HTTP_JSON, "1 2", 400, "", "Byte 3: something follows the value."},
    {"bytes that are no UTF-8", TALK_HTTP_JSON, "\"\xff\"", 400, "", "not UTF-8"},
    {"lines", TALK_HTTP_NDJSON, "1\n{\"a\":\"b\"}\n", 200, "0 - 1\n1 - {\"a\":\"b\"}\n",
     "\"appended\":2"},
    {"the last line may have no end", TALK_HTTP_NDJSON, "1\n2", 200, "0 - 1\n1 - 2\n",
     "\"appended\":2"},
    {"CR LF ends a line, too", TALK_HTTP_NDJSON, "1\r\n2\r\n", 200, "0 - 1\n1 - 2\n",
     "\"appended\":2"},
    {"empty lines are passed over", TALK_HTTP_NDJSON, "\n1\n\n \t\r\n2\n\n", 200, "0 - 1\n1 - 2\n",
     "\"appended\":2"},
    {"a line is kept with its white space", TALK_HTTP_NDJSON, " {\"a\":1}  \n", 200,
     "0 -  {\"a\":1}  \n", "\"appended\":1"},
    {"an array on a line is one value", TALK_HTTP_NDJSON, "[1,2]\n", 200, "0 - [1,2]\n",
     "\"appended\":1"},
    {"a bad line does not keep the others back", TALK_HTTP_NDJSON, "1\n\nx\n2\n", 207,
     "0 - 1\n1 - 2\n",
     "\"appended\":2,\"failed\":1,\"results\":[{\"partition\":0,\"offset\":0},{\"error\":{\"code\":"
     "\"json_invalid\",\"detail\":\"Line 3, byte 1: a value was expected.\",\"retriable\":false}"
     "},{\"partition\":0,\"offset\":1}]"},
    {"a line that is no UTF-8 does not, either", TALK_HTTP_NDJSON, "1\n\"\xff\"\n2\n", 207,
     "0 - 1\n1 - 2\n", "Line 2, byte 2: bytes that are not UTF-8."},
    {"only bad lines", TALK_HTTP_NDJSON, "x\n{\n", 400, "", "\"failed\":2"},
    {"an event", TALK_HTTP_EVENTS, "{\"value\":{\"a\": 1},\"key\":\"k\"}", 200, "0 k {\"a\": 1}\n",
     "\"appended\":1"},
    {"a tombstone", TALK_HTTP_EVENTS, "[{\"key\":\"k\",\"value\":null}]", 200, "0 k -\n",
     "\"appended\":1"},
    {"texts and bytes", TALK_HTTP_EVENTS,
     "[{\"value_text\":\"\\u0041\\n\",\"key\":7},{\"value_base64\":\"AP8=\",\"key_base64\":\"\"},"
     "{\"value_text\":\"\"}]",
     200, "0 7 A\\x0a\n1 '' \\x00\\xff\n2 - ''\n", "\"appended\":3"},
    {"headers of an object", TALK_HTTP_EVENTS,
     "{\"value\":1,\"headers\":{\"a\":\"b\",\"n\":null,\"e\":\"\",\"\\u0061\":\"\\u00e4\"}}", 200,
     "0 - 1 a=b n=- e='' a=\\xc3\\xa4\n", "\"appended\":1"},
    {"headers of an array", TALK_HTTP_EVENTS,
     "{\"value\":1,\"headers\":[{\"name\":\"a\",\"value\":\"b\"},{\"value_base64\":\"/w==\","
     "\"name\":\"x\"},{\"name\":\"n\",\"value\":null},{\"name\":\"m\"}]}",
     200, "0 - 1 a=b x=\\xff n=- m=-\n", "\"appended\":1"},
    {"an event with another member", TALK_HTTP_EVENTS, "[{\"value\":1},{\"value\":2,\"vlaue\":3}]",
     207, "0 - 1\n", "An event has no member vlaue"},
    {"an event that is none", TALK_HTTP_EVENTS, "[1]", 422, "", "event_invalid"},
    {"an event of no such partition", TALK_HTTP_EVENTS,
     "[{\"value\":1,\"partition\":0},{\"value\":2,\"partition\":1}]", 207, "0 - 1\n",
     "partition_not_found"},
    {"only events of no such partition", TALK_HTTP_EVENTS, "{\"value\":2,\"partition\":1}", 404, "",
     "partition_not_found"},
};

static void append_form(void **state)
{
    const struct append_row *row = *state;
    struct town *t = talk_http_town(1, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    char records[1024] = "";
    assert_int_equal(talk_topic(kafka, "s"), 0);
    struct talk_http_answer a = talk_http(c, APPEND_POST, row->media, row->body);
    if (a.status != row->status || strstr(a.body, row->said) == NULL) {
        fail_msg("status %u: %s", a.status, a.body);
    }
    talk_http_records(kafka, 0, 0, records, sizeof(records));
    assert_string_equal(records, row->records);
    assert_int_equal(talk_http(c, "GET /livez", "", NULL).status, 200);
    talk_http_end(t);
}

/* --- Requests that are refused as a whole --- */

static const struct append_refuse_row {
    const char *name;
    const char *stream;
    const char *headers;
    uint16_t status;
    const char *code;
} append_refuse_rows[] = {
    {"no media type", "s", "", 415, "media_type_unsupported"},
    {"a form", "s", "Content-Type: application/x-www-form-urlencoded\r\n", 415,
     "media_type_unsupported"},
    {"plain text, which pages of others may send", "s", "Content-Type: text/plain\r\n", 415,
     "media_type_unsupported"},
    {"a media type that begins so", "s", "Content-Type: application/jsonl\r\n", 415,
     "media_type_unsupported"},
    {"two media types", "s", TALK_HTTP_JSON TALK_HTTP_JSON, 415, "media_type_unsupported"},
    {"a media type that cannot be read", "s", "Content-Type: application/json;\"\r\n", 415,
     "media_type_unsupported"},
    {"another character set", "s", "Content-Type: application/json; charset=utf-16\r\n", 415,
     "media_type_unsupported"},
    {"Idempotency-Key", "s", TALK_HTTP_JSON "Idempotency-Key: \"a\"\r\n", 501,
     "idempotency_not_served"},
    {"idempotency-key, empty", "s", TALK_HTTP_JSON "idempotency-key:\r\n", 501,
     "idempotency_not_served"},
    {"the server's own stream", "__tdb_x", TALK_HTTP_JSON, 403, "stream_reserved"},
    {"a stream with a blank", "a%20b", TALK_HTTP_JSON, 422, "stream_name_invalid"},
    {"a stream without a name", "", TALK_HTTP_JSON, 422, "stream_name_invalid"},
};

static void append_refuse(void **state)
{
    const struct append_refuse_row *row = *state;
    struct town *t = talk_http_town(2, 2);
    struct town_client *c = town_connect_http(t);
    char line[128];
    snprintf(line, sizeof(line), "POST /api/v1/streams/%s/events", row->stream);
    talk_http_assert_problem(talk_http(c, line, row->headers, "1"), row->status, row->code);
    struct talk_http_answer a = talk_http(c, "GET /api/v1/streams", "", NULL);
    assert_non_null(strstr(a.body, "\"streams\":["));
    assert_null(strstr(a.body, "\"name\":\"s\"")); /* nothing was made */
    talk_http_end(t);
}

static void media_types_may_be_written_in_any_way(void **state)
{
    static const char *const types[] = {
        "Content-Type: APPLICATION/Json\r\n",
        "Content-Type: application/json;charset=utf-8\r\n",
        "Content-Type: application/json ; charset=\"UTF-8\" ; x=y\r\n",
        "content-type:application/json\r\n",
    };
    (void)state;
    struct town *t = talk_http_town(3, 1);
    struct town_client *c = town_connect_http(t);
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        assert_int_equal(talk_http(c, APPEND_POST, types[i], "1").status, 200);
    }
    talk_http_end(t);
}

/* --- Streams that are not there --- */

static void a_stream_is_made_when_it_is_first_appended_to(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(4, NULL);
    t->core.partitions_count = 5;
    town_start(t, 3);
    struct town_client *c[8];
    uint64_t appended = 0;
    for (uint32_t i = 0; i < 8; i++) { /* by many at once */
        c[i] = town_connect_http(t);
        talk_http_ask(c[i], APPEND_POST, TALK_HTTP_JSON, "[1,2,3]");
    }
    for (uint32_t i = 0; i < 8; i++) {
        struct talk_http_answer a = talk_http_answer(c[i]);
        assert_int_equal(a.status, 200);
        appended += talk_http_number(&a, "appended");
    }
    assert_int_equal(appended, 24);
    struct talk_http_answer a = talk_http(c[0], "GET /api/v1/streams", "", NULL);
    assert_non_null(strstr(a.body, "{\"name\":\"s\",\"partitions\":5,\"internal\":false,"));
    struct town_client *kafka = town_connect(t);
    for (int32_t p = 0; p < 5; p++) {
        appended -= (uint64_t)talk_offset(kafka, "s", p, -1);
    }
    assert_int_equal(appended, 0);
    talk_http_end(t);
}

static void a_stream_is_not_made_where_topics_are_not(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(5, NULL);
    t->core.is_auto_create = false;
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    talk_http_assert_problem(talk_http(c, APPEND_POST, TALK_HTTP_JSON, "1"), 404,
                             "stream_not_found");
    talk_http_assert_problem(talk_http(c, "POST /api/v1/streams/a%20b/events", TALK_HTTP_JSON, "1"),
                             422, "stream_name_invalid");
    talk_change(t, CORE_CHANGE_CREATE, "s", NULL, 0);
    assert_int_equal(talk_http_append(c, "1"), 0);
    talk_http_end(t);
}

/* Two names that Kafka's metrics cannot tell apart. */
static void a_stream_whose_name_collides_is_not_made(void **state)
{
    (void)state;
    struct town *t = talk_http_town(6, 2);
    struct town_client *c = town_connect_http(t);
    assert_int_equal(talk_http(c, "POST /api/v1/streams/a.b/events", TALK_HTTP_JSON, "1").status,
                     200);
    talk_http_assert_problem(talk_http(c, "POST /api/v1/streams/a_b/events", TALK_HTTP_JSON, "1"),
                             422, "stream_name_invalid");
    talk_http_end(t);
}

/* --- Partitions --- */

/* Kafka's vectors (UtilsTest), and seven partitions. */
static void a_key_goes_where_java_clients_put_it(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    (void)state;
    struct town *t = talk_http_town_of(7, NULL);
    t->core.partitions_count = 7;
    town_start(t, 3);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char body[128], wanted[128], records[256];
        int32_t partition = (rows[i].hash & INT32_MAX) % 7;
        snprintf(body, sizeof(body), "{\"key\":\"%s\",\"value\":%u}", rows[i].key, i);
        struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_EVENTS, body);
        assert_int_equal(a.status, 200);
        uint64_t offset = (uint64_t)talk_offset(kafka, "s", partition, -1) - 1;
        snprintf(wanted, sizeof(wanted), "{\"partition\":%d,\"offset\":%llu}", partition,
                 (unsigned long long)offset);
        assert_non_null(strstr(a.body, wanted));
        talk_http_records(kafka, partition, offset, records, sizeof(records));
        snprintf(wanted, sizeof(wanted), "%llu %s %u\n", (unsigned long long)offset, rows[i].key,
                 i);
        assert_string_equal(records, wanted);
    }
    talk_http_end(t);
}

/* Of one request together, of many everywhere; in their order. */
static void events_without_a_key_are_spread(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(8, NULL);
    t->core.partitions_count = 3;
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    for (uint32_t i = 0; i < 30; i++) {
        assert_int_equal(talk_http(c, APPEND_POST, TALK_HTTP_JSON, "[1,2,3]").status, 200);
    }
    for (int32_t p = 0; p < 3; p++) {
        int64_t end = talk_offset(kafka, "s", p, -1);
        char records[2048];
        assert_in_range(end, 12, 60);
        assert_int_equal(end % 3, 0);
        talk_http_records(kafka, p, 0, records, sizeof(records));
        assert_memory_equal(records, "0 - 1\n1 - 2\n2 - 3\n", 18);
    }
    talk_http_end(t);
}

static void a_partition_may_be_chosen(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(9, NULL);
    t->core.partitions_count = 3;
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    char records[256];
    struct talk_http_answer a =
        talk_http(c, APPEND_POST, TALK_HTTP_EVENTS,
                  "[{\"value\":1,\"partition\":2,\"key\":\"k\"},{\"value\":2,\"partition\":0},"
                  "{\"value\":3,\"partition\":2},{\"value\":4,\"partition\":1}]");
    assert_non_null(strstr(a.body, "\"results\":[{\"partition\":2,\"offset\":0},"
                                   "{\"partition\":0,\"offset\":0},{\"partition\":2,\"offset\":1},"
                                   "{\"partition\":1,\"offset\":0}]"));
    talk_http_records(kafka, 2, 0, records, sizeof(records));
    assert_string_equal(records, "0 k 1\n1 - 3\n");
    talk_http_end(t);
}

/* A result in an answer: a place, or (partition -1) an error. */
static void append_result(struct bytes_writer *w, int partition, uint32_t offset,
                          enum http_error error)
{
    const struct http_error_row *row = http_error_row(error);
    char text[512];
    if (partition >= 0) {
        snprintf(text, sizeof(text), ",{\"partition\":%d,\"offset\":%u}", partition, offset);
    } else {
        snprintf(text, sizeof(text),
                 ",{\"error\":{\"code\":\"%s\",\"detail\":\"%s\",\"retriable\":false}}", row->code,
                 row->title);
    }
    bytes_put_copy(w, text, strlen(text));
}

/* The results of `a` are `wanted`, which has a comma before the first. */
static void append_assert_results(const struct talk_http_answer *a, const char *wanted)
{
    const char *results = strstr(a->body, "\"results\":[");
    assert_non_null(results);
    results += strlen("\"results\":[");
    assert_int_equal(strlen(results), strlen(wanted) - 1 + strlen("]}\n"));
    assert_memory_equal(results, wanted + 1, strlen(wanted) - 1);
}

/* Long runs in one partition, single ones in others, refused ones between: each has its own place,
 * and offsets go on past any number of nines. */
static void every_event_is_told_its_place(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(14, NULL);
    t->core.partitions_count = 3;
    town_start(t, 2);
    struct town_client *c = town_connect_http(t);
    char *body = calloc(1, APPEND_TEXT_BYTES);
    char *wanted = calloc(1, APPEND_TEXT_BYTES);
    assert_true(body != NULL && wanted != NULL);
    for (uint32_t first = 0, round = 0; round < 2; round++) {
        struct bytes_writer items = bytes_writer(body, APPEND_TEXT_BYTES - 1);
        struct bytes_writer results = bytes_writer(wanted, APPEND_TEXT_BYTES - 1);
        uint32_t offsets[3] = {first, round, 3 * round};
        for (uint32_t i = 0; i < 1200; i++) {
            int partition = i == 400 ? 1 : i % 400 == 150 ? 2 : i % 97 == 96 ? 3 : 0;
            char text[64];
            snprintf(text, sizeof(text), "%c{\"value\":%u,\"partition\":%d}", i == 0 ? '[' : ',', i,
                     partition);
            bytes_put_copy(&items, text, strlen(text));
            append_result(&results, partition < 3 ? partition : -1,
                          partition < 3 ? offsets[partition]++ : 0, HTTP_PARTITION_NOT_FOUND);
        }
        first = offsets[0];
        bytes_put_copy(&items, "]", 2);
        bytes_put_u8(&results, 0);
        assert_true(items.err == ERR_OK && results.err == ERR_OK);
        struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_EVENTS, body);
        assert_int_equal(a.status, 207);
        assert_int_equal(talk_http_number(&a, "failed"), 12);
        append_assert_results(&a, wanted);
    }
    free(body);
    free(wanted);
    talk_http_end(t);
}

/* --- Sizes and times --- */

/* A batch with one record of `value_bytes` in the topic "s"; status of its append. */
static struct talk_http_answer append_sized(struct town_client *c, size_t value_bytes)
{
    char body[2048];
    memset(body, 'x', sizeof(body));
    body[0] = '"';
    body[value_bytes - 1] = '"';
    body[value_bytes] = '\0';
    return talk_http(c, APPEND_POST, TALK_HTTP_JSON, body);
}

/* 61 bytes of header; length, attributes, two deltas, no key, the value's length, no headers. */
static void an_event_may_be_as_large_as_the_stream_allows(void **state)
{
    static const struct core_topic_config_pair pair = {"max.message.bytes", "1000", 17, 4};
    (void)state;
    struct town *t = talk_http_town(10, 2);
    struct town_client *c = town_connect_http(t);
    talk_change(t, CORE_CHANGE_CREATE, "s", &pair, 1);
    const size_t around = 61 + 2 + 1 + 1 + 1 + 1 + 2 + 1;
    struct talk_http_answer a = append_sized(c, 1000 - around);
    assert_int_equal(a.status, 200);
    talk_http_assert_problem(append_sized(c, 1000 - around + 1), 413, "event_too_large");
    assert_int_equal(talk_http_append(c, "1"), 1);
    talk_http_end(t);
}

/* What does not fit into one batch becomes several, in order; what is too large alone is left out.
 */
static void events_are_divided_among_batches(void **state)
{
    static const struct core_topic_config_pair pair = {"max.message.bytes", "1000", 17, 4};
    (void)state;
    struct town *t = talk_http_town(11, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    talk_change(t, CORE_CHANGE_CREATE, "s", &pair, 1);
    char *body = calloc(1, APPEND_TEXT_BYTES);
    char *wanted = calloc(1, APPEND_TEXT_BYTES);
    char *records = calloc(1, APPEND_TEXT_BYTES);
    char *results = calloc(1, APPEND_TEXT_BYTES);
    assert_true(body != NULL && wanted != NULL && records != NULL && results != NULL);
    struct bytes_writer lines = bytes_writer(body, APPEND_TEXT_BYTES - 1);
    struct bytes_writer kept = bytes_writer(wanted, APPEND_TEXT_BYTES - 1);
    struct bytes_writer said = bytes_writer(results, APPEND_TEXT_BYTES - 1);
    for (uint32_t i = 0, offset = 0; i < 100; i++) {
        char number[1024], text[1100];
        uint32_t digits = i % 10 == 9 ? 990 : 1 + i * 7 % 400;
        memset(number, '7', digits);
        snprintf(number + digits, sizeof(number) - digits, ".5");
        snprintf(text, sizeof(text), "%s\n", number);
        bytes_put_copy(&lines, text, strlen(text));
        append_result(&said, i % 10 != 9 ? 0 : -1, offset, HTTP_EVENT_TOO_LARGE);
        if (i % 10 != 9) {
            snprintf(text, sizeof(text), "%u - %s\n", offset++, number);
            bytes_put_copy(&kept, text, strlen(text));
        }
    }
    assert_true(lines.err == ERR_OK && kept.err == ERR_OK && said.err == ERR_OK);
    struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_NDJSON, body);
    assert_int_equal(a.status, 207);
    assert_int_equal(talk_http_number(&a, "appended"), 90);
    assert_int_equal(talk_http_number(&a, "failed"), 10);
    append_assert_results(&a, results);
    assert_int_equal(talk_http_records(kafka, 0, 0, records, APPEND_TEXT_BYTES), 90);
    assert_string_equal(records, wanted);
    free(body);
    free(wanted);
    free(records);
    free(results);
    talk_http_end(t);
}

static void append_time(struct town_client *c, int64_t timestamp, uint16_t status)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"value\":1,\"timestamp\":%lld}", (long long)timestamp);
    struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_EVENTS, body);
    if (a.status != status) {
        fail_msg("timestamp %lld: status %u: %s", (long long)timestamp, a.status, a.body);
    }
    if (status != 200) {
        assert_true(talk_http_is(&a, "code", "timestamp_out_of_range"));
    }
}

static void a_timestamp_is_within_the_streams_bounds(void **state)
{
    static const struct core_topic_config_pair pairs[] = {
        {"message.timestamp.before.max.ms", "60000", 31, 5},
        {"message.timestamp.after.max.ms", "30000", 30, 5}};
    (void)state;
    struct town *t = talk_http_town(12, 1);
    struct town_client *c = town_connect_http(t);
    talk_change(t, CORE_CHANGE_CREATE, "s", pairs, 2);
    int64_t now_ms = core_now_ms(town_core(t, 0));
    append_time(c, now_ms, 200);
    append_time(c, now_ms - 59000, 200);
    append_time(c, now_ms + 29000, 200);
    append_time(c, now_ms - 61000, 422);
    append_time(c, now_ms + 31000, 422);
    append_time(c, 0, 422);
    append_time(c, INT64_MAX, 422);
    assert_int_equal(talk_http_append(c, "1"), 3);
    talk_http_end(t);
}

/* A timestamp is kept; without one it is now; where the stream takes the time of the append, it is
 * that. */
static void an_event_has_its_time(void **state)
{
    static const struct core_topic_config_pair pair = {"message.timestamp.type", "LogAppendTime",
                                                       22, 13};
    (void)state;
    struct town *t = talk_http_town(13, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    int64_t now_ms = core_now_ms(town_core(t, 0));
    assert_int_equal(talk_topic(kafka, "s"), 0);
    append_time(c, 1234, 200);
    struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_EVENTS,
                                          "{\"value\":1,\"timestamp\":\"1970-01-01T00:00:02.5Z\"}");
    assert_int_equal(a.status, 200);
    assert_int_equal(talk_http_append(c, "1"), 2);
    assert_int_equal(talk_offset(kafka, "s", 0, 1234), 0);
    assert_int_equal(talk_offset(kafka, "s", 0, 1235), 1);
    assert_int_equal(talk_offset(kafka, "s", 0, 2500), 1);
    assert_int_equal(talk_offset(kafka, "s", 0, 2501), 2);
    assert_int_equal(talk_offset(kafka, "s", 0, now_ms), 2);
    talk_change(t, CORE_CHANGE_CREATE, "l", &pair, 1);
    a = talk_http(c, "POST /api/v1/streams/l/events", TALK_HTTP_EVENTS,
                  "{\"value\":1,\"timestamp\":1}");
    assert_int_equal(a.status, 200);
    assert_int_equal(talk_offset(kafka, "l", 0, now_ms), 0);
    talk_http_end(t);
}

/* --- Durability --- */

static void too_few_replicas_are_told(void **state)
{
    static const struct core_topic_config_pair pair = {"min.insync.replicas", "2", 19, 1};
    (void)state;
    struct town *t = talk_http_town(14, 2);
    struct town_client *c = town_connect_http(t);
    talk_change(t, CORE_CHANGE_CREATE, "s", &pair, 1);
    struct talk_http_answer a = talk_http(c, APPEND_POST, TALK_HTTP_JSON, "[1,2]");
    talk_http_assert_problem(a, 503, "not_enough_replicas");
    assert_true(talk_http_is(&a, "retriable", "true"));
    assert_int_equal(talk_http_number(&a, "failed"), 2);
    talk_http_end(t);
}

/* Any JSON, of any length, byte for byte. */
static void values_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct town *t = talk_http_town(15, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    struct prng *prng = sim_prng(t->sim);
    for (uint32_t i = 0; i < 40; i++) {
        static char body[140000], wanted[150000], records[150000];
        size_t length = (size_t)prng_range(prng, 2, i % 8 == 7 ? 130000 : 3000);
        for (size_t k = 0; k < length; k++) {
            static const char letters[] = " !#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~";
            body[k] = letters[prng_below(prng, sizeof(letters) - 1)];
        }
        body[0] = body[length - 1] = '"';
        body[length] = '\0';
        if (i % 2 == 0) {
            assert_int_equal(talk_http_append(c, body), i);
        } else {
            talk_http_ask_chunks(c, APPEND_POST, TALK_HTTP_JSON, body, length, 1 + length / 7);
            assert_int_equal(talk_http_answer(c).status, 200);
        }
        snprintf(wanted, sizeof(wanted), "%u - %s\n", i, body);
        assert_int_equal(talk_http_records(kafka, 0, i, records, sizeof(records)), 1);
        assert_string_equal(records, wanted);
    }
    talk_http_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(media_types_may_be_written_in_any_way),
        cmocka_unit_test(a_stream_is_made_when_it_is_first_appended_to),
        cmocka_unit_test(a_stream_is_not_made_where_topics_are_not),
        cmocka_unit_test(a_stream_whose_name_collides_is_not_made),
        cmocka_unit_test(a_key_goes_where_java_clients_put_it),
        cmocka_unit_test(events_without_a_key_are_spread),
        cmocka_unit_test(a_partition_may_be_chosen),
        cmocka_unit_test(every_event_is_told_its_place),
        cmocka_unit_test(an_event_may_be_as_large_as_the_stream_allows),
        cmocka_unit_test(events_are_divided_among_batches),
        cmocka_unit_test(a_timestamp_is_within_the_streams_bounds),
        cmocka_unit_test(an_event_has_its_time),
        cmocka_unit_test(too_few_replicas_are_told),
        cmocka_unit_test(values_come_back_byte_for_byte),
    };
    struct CMUnitTest forms[ARRAY_COUNT(append_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(append_rows); i++) {
        forms[i] = (struct CMUnitTest){.name = append_rows[i].name,
                                       .test_func = append_form,
                                       .initial_state = (void *)(uintptr_t)&append_rows[i]};
    }
    struct CMUnitTest refusals[ARRAY_COUNT(append_refuse_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(append_refuse_rows); i++) {
        refusals[i] =
            (struct CMUnitTest){.name = append_refuse_rows[i].name,
                                .test_func = append_refuse,
                                .initial_state = (void *)(uintptr_t)&append_refuse_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_append", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_append: bodies", forms, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_append: refused", refusals, NULL, NULL);
    return failed;
}
