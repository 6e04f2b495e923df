/* Reading by HTTP: where an answer begins and ends, waits, how keys, values and headers are
 * written, whatever was appended and by whom; and what is told of the server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "broker/core/core.h"
#include "broker/kafka/codec.h"
#include "tests/support/cmocka.h"
#include "tests/support/prom_strict.h"
#include "tests/unit/gateway/talk_http.h"

#define READ_GET  "GET " TALK_HTTP_S
#define READ_POST "POST " TALK_HTTP_S

/* A broker with the stream "s": events 0 to 9 with their number as value and the times 1000, 1010,
 * ... 1090, in batches of 3, 3, 3 and 1. */
static struct town *read_town(uint64_t seed)
{
    struct town *t = talk_http_town(seed, 2);
    struct town_client *c = town_connect_http(t);
    for (uint32_t i = 0; i < 10; i += 3) {
        char body[512];
        size_t length = 0;
        for (uint32_t k = i; k < i + 3 && k < 10; k++) {
            length += (size_t)snprintf(body + length, sizeof(body) - length,
                                       "%s{\"value\":%u,\"timestamp\":%u}", k > i ? "," : "[", k,
                                       1000 + 10 * k);
        }
        snprintf(body + length, sizeof(body) - length, "]");
        assert_int_equal(talk_http(c, READ_POST, TALK_HTTP_EVENTS, body).status, 200);
    }
    town_hang_up(c);
    return t;
}

/* The numbers of the events in an answer: "3 4 5". */
static void read_numbers(const struct talk_http_answer *a, char out[256])
{
    struct bytes_writer w = bytes_writer(out, 255);
    for (const char *at = a->body; (at = strstr(at, "\"value\":")) != NULL; at++) {
        char text[32];
        int bytes = snprintf(text, sizeof(text), "%s%lu", w.pos > 0 ? " " : "",
                             strtoul(at + strlen("\"value\":"), NULL, 10));
        bytes_put_copy(&w, text, (size_t)bytes);
    }
    out[w.pos] = '\0';
}

/* --- Where it begins --- */

static const struct read_row {
    const char *name;
    const char *query;
    uint16_t status;
    const char *numbers; /* of the events, or the problem's code */
    uint64_t next;       /* next_offset */
} read_rows[] = {
    {"all of it", "", 200, "0 1 2 3 4 5 6 7 8 9", 10},
    {"earliest", "?offset=earliest", 200, "0 1 2 3 4 5 6 7 8 9", 10},
    {"latest", "?offset=latest", 200, "", 10},
    {"from an offset", "?offset=3", 200, "3 4 5 6 7 8 9", 10},
    {"from within a batch", "?offset=4", 200, "4 5 6 7 8 9", 10},
    {"the end", "?offset=10", 200, "", 10},
    {"behind the end", "?offset=11", 410, "offset_out_of_range", 0},
    {"far behind the end", "?offset=9223372036854775807", 410, "offset_out_of_range", 0},
    {"an offset that is too large", "?offset=9223372036854775808", 400, "parameter_invalid", 0},
    {"a parameter that there is not", "?ofset=1", 400, "parameter_invalid", 0},
    {"a negative offset", "?offset=-1", 400, "parameter_invalid", 0},
    {"an offset that is none", "?offset=x", 400, "parameter_invalid", 0},
    {"an empty offset", "?offset=", 400, "parameter_invalid", 0},
    {"two offsets", "?offset=1&offset=1", 400, "parameter_invalid", 0},
    {"an offset that cannot be decoded", "?offset=%zz", 400, "parameter_invalid", 0},
    {"an escaped name and value", "?%6Fffset=%34", 200, "4 5 6 7 8 9", 10},
    {"a limit", "?limit=4", 200, "0 1 2 3", 4},
    {"a limit at a batch's end", "?limit=3", 200, "0 1 2", 3},
    {"a limit of one", "?offset=5&limit=1", 200, "5", 6},
    {"a limit beyond the end", "?offset=8&limit=10000", 200, "8 9", 10},
    {"a limit of none", "?limit=0", 400, "parameter_invalid", 0},
    {"a limit too large", "?limit=10001", 400, "parameter_invalid", 0},
    {"a limit that is none", "?limit=1.5", 400, "parameter_invalid", 0},
    {"from a time", "?timestamp=1050", 200, "5 6 7 8 9", 10},
    {"from between two times", "?timestamp=1051&limit=2", 200, "6 7", 8},
    {"from before all times", "?timestamp=0", 200, "0 1 2 3 4 5 6 7 8 9", 10},
    {"from behind all times", "?timestamp=1091", 200, "", 10},
    {"from a date", "?timestamp=1970-01-01T00:00:01.07Z", 200, "7 8 9", 10},
    {"a time before 1970", "?timestamp=1969-12-31T23:59:59Z", 400, "parameter_invalid", 0},
    {"a negative time", "?timestamp=-1", 400, "parameter_invalid", 0},
    {"a time that is none", "?timestamp=yesterday", 400, "parameter_invalid", 0},
    {"offset and time", "?offset=1&timestamp=1", 400, "parameter_invalid", 0},
    {"the only partition by its number", "?partition=0&offset=9", 200, "9", 10},
    {"no such partition", "?partition=1", 404, "partition_not_found", 0},
    {"a partition far away", "?partition=2147483647", 404, "partition_not_found", 0},
    {"a partition that is none", "?partition=one", 400, "parameter_invalid", 0},
    {"a wait that is not needed", "?wait=60s&limit=1", 200, "0", 1},
    {"a wait that is none", "?wait=5", 400, "parameter_invalid", 0},
    {"a wait that is too long", "?wait=61s", 400, "parameter_invalid", 0},
};

static void read_query(void **state)
{
    const struct read_row *row = *state;
    struct town *t = read_town(1);
    struct town_client *c = town_connect_http(t);
    char line[256], numbers[256], next[32];
    snprintf(line, sizeof(line), READ_GET "%s", row->query);
    struct talk_http_answer a = talk_http(c, line, "", NULL);
    if (row->status != 200) {
        talk_http_assert_problem(a, row->status, row->numbers);
        talk_http_end(t);
        return;
    }
    assert_int_equal(a.status, 200);
    read_numbers(&a, numbers);
    assert_string_equal(numbers, row->numbers);
    assert_true(talk_http_is(&a, "stream", "s"));
    assert_int_equal(talk_http_number(&a, "partition"), 0);
    assert_int_equal(talk_http_number(&a, "next_offset"), row->next);
    assert_int_equal(talk_http_number(&a, "high_watermark"), 10);
    assert_int_equal(talk_http_number(&a, "log_start_offset"), 0);
    a = talk_http(c, line, "Accept: application/x-ndjson\r\n", NULL);
    read_numbers(&a, numbers);
    assert_string_equal(numbers, row->numbers);
    snprintf(next, sizeof(next), "%llu", (unsigned long long)row->next);
    assert_true(talk_http_has(&a, "TDB-Next-Offset", next));
    assert_true(talk_http_has(&a, "Content-Type", "application/x-ndjson"));
    talk_http_end(t);
}

static void what_is_accepted_is_answered_in(void **state)
{
    static const struct {
        const char *headers;
        uint16_t status;
        const char *media;
    } rows[] = {
        {"", 200, "application/json"},
        {"Accept: */*\r\n", 200, "application/json"},
        {"Accept: application/*\r\n", 200, "application/json"},
        {"Accept: application/json;q=0.5, application/x-ndjson\r\n", 200, "application/x-ndjson"},
        {"Accept: text/html\r\nAccept: application/x-ndjson;q=0.1\r\n", 200,
         "application/x-ndjson"},
        {"Accept: text/html\r\n", 406, "application/problem+json"},
        {"Accept: application/json;q=0\r\n", 406, "application/problem+json"},
        {"Accept: application/\r\n", 406, "application/problem+json"},
    };
    (void)state;
    struct town *t = read_town(2);
    struct town_client *c = town_connect_http(t);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct talk_http_answer a = talk_http(c, READ_GET, rows[i].headers, NULL);
        assert_int_equal(a.status, rows[i].status);
        assert_true(talk_http_has(&a, "Content-Type", rows[i].media));
    }
    talk_http_end(t);
}

static void of_several_partitions_one_is_said(void **state)
{
    (void)state;
    struct town *t = talk_http_town_of(3, NULL);
    t->core.partitions_count = 3;
    town_start(t, 3);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a =
        talk_http(c, READ_POST, TALK_HTTP_EVENTS,
                  "[{\"value\":7,\"partition\":0},{\"value\":8,\"partition\":1},{\"value\":9,"
                  "\"partition\":2}]");
    assert_int_equal(a.status, 200);
    talk_http_assert_problem(talk_http(c, READ_GET, "", NULL), 400, "parameter_invalid");
    for (uint32_t p = 0; p < 3; p++) {
        char line[64], numbers[256], wanted[8];
        snprintf(line, sizeof(line), READ_GET "?partition=%u", p);
        a = talk_http(c, line, "", NULL);
        read_numbers(&a, numbers);
        snprintf(wanted, sizeof(wanted), "%u", 7 + p);
        assert_string_equal(numbers, wanted);
        assert_int_equal(talk_http_number(&a, "partition"), p);
    }
    talk_http_assert_problem(talk_http(c, READ_GET "?partition=3", "", NULL), 404,
                             "partition_not_found");
    talk_http_end(t);
}

/* From one answer to the next, of any size: each event once. */
static void a_stream_is_read_to_its_end_by_next_offset(void **state)
{
    (void)state;
    struct town *t = read_town(4);
    struct town_client *c = town_connect_http(t);
    for (uint32_t limit = 1; limit <= 11; limit++) {
        uint64_t next = 0;
        uint32_t seen = 0;
        while (next < 10) {
            char line[64], numbers[256];
            snprintf(line, sizeof(line), READ_GET "?offset=%llu&limit=%u", (unsigned long long)next,
                     limit);
            struct talk_http_answer a = talk_http(c, line, "", NULL);
            read_numbers(&a, numbers);
            assert_int_equal(strtoul(numbers, NULL, 10), next);
            uint64_t end = talk_http_number(&a, "next_offset");
            assert_in_range(end, next + 1, next + limit);
            seen += (uint32_t)(end - next);
            next = end;
        }
        assert_int_equal(seen, 10);
    }
    talk_http_end(t);
}

/* --- Waits --- */

static void a_wait_ends_with_an_append(void **state)
{
    static const char *const queries[] = {"?offset=10", "?offset=latest", "?timestamp=1091"};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct town *t = read_town(5 + i);
        struct town_client *c = town_connect_http(t);
        struct town_client *other = town_connect_http(t);
        char line[128], numbers[256];
        snprintf(line, sizeof(line), READ_GET "%s&wait=60s", queries[i]);
        talk_http_ask(c, line, "", NULL);
        town_run(t, 20000);
        assert_false(talk_http_has_answer(c));
        assert_int_equal(talk_http_append(other, "10"), 10);
        uint64_t before_ns = sim_now_ns(t->sim);
        struct talk_http_answer a = talk_http_answer(c);
        assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S / 10);
        read_numbers(&a, numbers);
        assert_string_equal(numbers, "10");
        assert_int_equal(talk_http_number(&a, "next_offset"), 11);
        talk_http_end(t);
    }
}

static void a_wait_ends_with_its_time(void **state)
{
    (void)state;
    struct town *t = read_town(8);
    struct town_client *c = town_connect_http(t);
    uint64_t before_ns = sim_now_ns(t->sim);
    struct talk_http_answer a = talk_http(c, READ_GET "?offset=10&wait=2500ms", "", NULL);
    assert_in_range((sim_now_ns(t->sim) - before_ns) / RT_NS_PER_MS, 2500, 2700);
    assert_int_equal(a.status, 200);
    assert_int_equal(talk_http_number(&a, "next_offset"), 10);
    assert_non_null(strstr(a.body, "\"events\":[]"));
    a = talk_http(c, READ_GET "?offset=10&wait=0s", "", NULL);
    assert_int_equal(a.status, 200);
    talk_http_end(t);
}

/* What comes meanwhile is kept and carried out behind it. */
static void requests_behind_a_wait_are_answered_after_it(void **state)
{
    (void)state;
    struct town *t = read_town(9);
    struct town_client *c = town_connect_http(t);
    talk_http_ask(c, READ_GET "?offset=10&wait=5s", "", NULL);
    town_run(t, 100);
    talk_http_ask(c, "GET /livez", "", NULL);
    town_run(t, 100);
    talk_http_ask(c, READ_POST, TALK_HTTP_JSON, "7");
    assert_false(talk_http_has_answer(c));
    struct talk_http_answer a = talk_http_answer(c);
    assert_int_equal(talk_http_number(&a, "next_offset"), 10);
    a = talk_http_answer(c);
    assert_true(talk_http_is(&a, "status", "alive"));
    a = talk_http_answer(c);
    assert_true(talk_http_is(&a, "appended", "1"));
    talk_http_end(t);
}

/* --- How events are written --- */

static const struct read_event_row {
    const char *name;
    const char *event; /* as it is appended */
    const char *json;  /* as it is read, behind offset and timestamp */
} read_event_rows[] = {
    {"a value without a key", "{\"value\":{\"a\":1}}", ",\"key\":null,\"value\":{\"a\":1}}"},
    {"a key of text", "{\"value\":1,\"key\":\"k\\u00e4\\n\"}",
     ",\"key\":\"k\xc3\xa4\\n\",\"value\":1}"},
    {"an empty key", "{\"value\":1,\"key\":\"\"}", ",\"key\":\"\",\"value\":1}"},
    {"a key of bytes", "{\"value\":1,\"key_base64\":\"/w==\"}",
     ",\"key_base64\":\"/w==\",\"value\":1}"},
    {"a key of three bytes", "{\"value\":1,\"key_base64\":\"/v7+\"}",
     ",\"key_base64\":\"/v7+\",\"value\":1}"},
    {"a tombstone", "{\"value\":null,\"key\":\"k\"}", ",\"key\":\"k\",\"value\":null}"},
    {"four letters that are null", "{\"value_text\":\"null\"}",
     ",\"key\":null,\"value_text\":\"null\"}"},
    {"a text that is JSON", "{\"value_text\":\"{\\\"a\\\" :[1]}\"}",
     ",\"key\":null,\"value\":{\"a\" :[1]}}"},
    {"a text that is none", "{\"value_text\":\"{\\\"a\"}",
     ",\"key\":null,\"value_text\":\"{\\\"a\"}"},
    {"an empty value", "{\"value_text\":\"\"}", ",\"key\":null,\"value_text\":\"\"}"},
    {"two bytes", "{\"value_base64\":\"AP8=\"}", ",\"key\":null,\"value_base64\":\"AP8=\"}"},
    {"headers", "{\"value\":1,\"headers\":{\"a\":\"b\",\"n\":null,\"\":\"\"}}",
     ",\"key\":null,\"value\":1,\"headers\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"n\","
     "\"value\":null},{\"name\":\"\",\"value\":\"\"}]}"},
    {"a header of bytes", "{\"value\":1,\"headers\":[{\"name\":\"a\",\"value_base64\":\"/w==\"}]}",
     ",\"key\":null,\"value\":1,\"headers\":[{\"name\":\"a\",\"value_base64\":\"/w==\"}]}"},
    {"a value with escapes", "{\"value\":\"\\u0000\\ud834\\udd1e\\/\"}",
     ",\"key\":null,\"value\":\"\\u0000\\ud834\\udd1e\\/\"}"},
};

static void read_event(void **state)
{
    const struct read_event_row *row = *state;
    struct town *t = talk_http_town(10, 2);
    struct town_client *c = town_connect_http(t);
    char body[512], wanted[512];
    snprintf(body, sizeof(body), "{\"timestamp\":77,%s", row->event + 1);
    assert_int_equal(talk_http(c, READ_POST, TALK_HTTP_EVENTS, body).status, 200);
    snprintf(wanted, sizeof(wanted), "{\"offset\":0,\"timestamp\":77%s\n", row->json);
    struct talk_http_answer a = talk_http(c, READ_GET, "Accept: application/x-ndjson\r\n", NULL);
    assert_string_equal(a.body, wanted);
    wanted[strlen(wanted) - 1] = '\0';
    a = talk_http(c, READ_GET, "", NULL);
    assert_non_null(strstr(a.body, wanted));
    talk_http_end(t);
}

/* JSON may have line ends in it; a line may not. */
static void a_value_of_several_lines_is_one_line(void **state)
{
    (void)state;
    struct town *t = talk_http_town(11, 1);
    struct town_client *c = town_connect_http(t);
    assert_int_equal(talk_http(c, READ_POST, TALK_HTTP_JSON, "{\n\"a\":\r\n1\n}\n").status, 200);
    struct talk_http_answer a = talk_http(c, READ_GET, "", NULL);
    assert_non_null(strstr(a.body, "\"value\":{\n\"a\":\r\n1\n}"));
    a = talk_http(c, READ_GET, "Accept: application/x-ndjson\r\n", NULL);
    assert_non_null(strstr(a.body, "\"value\":{ \"a\":\r 1 }}\n"));
    talk_http_end(t);
}

/* --- What Kafka clients wrote --- */

static void batches_of_kafka_clients_are_read_whatever_their_codec(void **state)
{
    (void)state;
    struct town *t = talk_http_town(12, 2);
    struct town_client *c = town_connect_http(t);
    struct town_client *kafka = town_connect(t);
    struct codec_context codec;
    codec_context_init(&codec);
    assert_int_equal(talk_topic(kafka, "s"), 0);
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        static const struct batch_build_header headers[] = {{"h", "1"}, {"h", NULL}};
        uint8_t raw[4096], batch[8192];
        struct batch_build b;
        batch_build_init(&b, raw, sizeof(raw));
        b.codec = kind;
        for (uint32_t i = 0; i < 20; i++) {
            char value[32];
            snprintf(value, sizeof(value), "%u", kind * 20 + i);
            batch_build_add(&b, &(struct batch_build_record){.timestamp = 5,
                                                             .key = i % 2 == 0 ? "k" : NULL,
                                                             .value = value,
                                                             .headers = headers,
                                                             .headers_count = 2 * (i % 2)});
        }
        size_t length = batch_build_end(&b, &codec, t->kernels, batch, sizeof(batch));
        talk_produce_ask(kafka, TALK_PRODUCE_VERSION, "s", 0, -1, batch, length);
        assert_int_equal(talk_produce_answer(kafka)->error_code, 0);
    }
    codec_context_deinit(&codec);
    for (uint32_t i = 0; i < CODEC_KIND_COUNT * 20; i++) {
        char line[64], wanted[256];
        snprintf(line, sizeof(line), READ_GET "?offset=%u&limit=1", i);
        snprintf(wanted, sizeof(wanted),
                 "{\"offset\":%u,\"timestamp\":5,\"key\":%s,\"value\":%u%s}", i,
                 i % 2 == 0 ? "\"k\"" : "null", i,
                 i % 2 == 0 ? ""
                            : ",\"headers\":[{\"name\":\"h\",\"value\":\"1\"},{\"name\":\"h\","
                              "\"value\":null}]");
        struct talk_http_answer a = talk_http(c, line, "", NULL);
        assert_non_null(strstr(a.body, wanted));
        assert_int_equal(talk_http_number(&a, "next_offset"), i + 1);
    }
    talk_http_end(t);
}

static void read_delete(struct town_client *kafka, int64_t offset)
{
    struct kafka_delete_records_request_partition part;
    struct kafka_delete_records_request_topic asked;
    struct kafka_delete_records_request body;
    kafka_reset(&kafka_struct_delete_records_request, &body);
    kafka_reset(&kafka_struct_delete_records_request_topic, &asked);
    kafka_reset(&kafka_struct_delete_records_request_partition, &part);
    part.offset = offset;
    asked.name = talk_text("s");
    asked.partitions.items = &part;
    asked.partitions.count = 1;
    body.topics.items = &asked;
    body.topics.count = 1;
    body.timeout_ms = 10000;
    const struct kafka_delete_records_response *answer =
        town_call(kafka, &kafka_message_delete_records_request, 2, &body);
    assert_int_equal(answer->topics.items[0].partitions.items[0].error_code, 0);
}

static void deleted_events_are_gone(void **state)
{
    (void)state;
    struct town *t = read_town(13);
    struct town_client *c = town_connect_http(t);
    char numbers[256];
    read_delete(town_connect(t), 4);
    talk_http_assert_problem(talk_http(c, READ_GET "?offset=3", "", NULL), 410,
                             "offset_out_of_range");
    struct talk_http_answer a = talk_http(c, READ_GET "?offset=3", "", NULL);
    assert_non_null(strstr(a.body, "log_start_offset 4, high_watermark 10"));
    a = talk_http(c, READ_GET, "", NULL);
    read_numbers(&a, numbers);
    assert_string_equal(numbers, "4 5 6 7 8 9");
    assert_int_equal(talk_http_number(&a, "log_start_offset"), 4);
    a = talk_http(c, READ_GET "?timestamp=1000", "", NULL);
    read_numbers(&a, numbers);
    assert_string_equal(numbers, "4 5 6 7 8 9");
    read_delete(town_connect(t), 10);
    a = talk_http(c, READ_GET, "", NULL);
    assert_int_equal(talk_http_number(&a, "next_offset"), 10);
    assert_non_null(strstr(a.body, "\"events\":[]"));
    talk_http_end(t);
}

/* More than an answer's bytes: as many as fit are told, and where to go on. */
static void a_large_stream_comes_in_parts(void **state)
{
    (void)state;
    struct town *t = talk_http_town(14, 2);
    struct town_client *c = town_connect_http(t);
    char *body = malloc((300 << 10) + 1);
    uint64_t next = 0;
    uint32_t answers_count = 0;
    assert_non_null(body);
    memset(body, 'x', 300 << 10);
    body[0] = body[(300 << 10) - 1] = '"';
    body[300 << 10] = '\0';
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(talk_http_append(c, body), i);
    }
    for (; next < 12; answers_count++) {
        char line[64];
        snprintf(line, sizeof(line), READ_GET "?offset=%llu", (unsigned long long)next);
        struct talk_http_answer a = talk_http(c, line, "", NULL);
        assert_int_equal(a.status, 200);
        assert_true(talk_http_number(&a, "next_offset") > next);
        next = talk_http_number(&a, "next_offset");
        assert_true(a.body_bytes < 2 << 20);
    }
    assert_in_range(answers_count, 3, 12);
    free(body);
    talk_http_end(t);
}

/* --- The server --- */

static void the_server_tells_of_its_life(void **state)
{
    (void)state;
    struct town *t = talk_http_town(15, 2);
    struct town_client *c = town_connect_http(t);
    struct talk_http_answer a = talk_http(c, "GET /livez", "", NULL);
    assert_string_equal(a.body, "{\"status\":\"alive\"}\n");
    a = talk_http(c, "GET /readyz", "", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"status\":\"ready\",\"reasons\":[],\"views\":[]}\n");
    town_core(t, 0)->has_missed = true; /* as if a partition there had not opened */
    for (uint32_t i = 0; i < 4; i++) {  /* whichever shard is asked */
        a = talk_http(town_connect_http(t), "GET /readyz", "", NULL);
        assert_int_equal(a.status, 503);
        assert_string_equal(a.body,
                            "{\"status\":\"not ready\",\"reasons\":[\"partitions could not be "
                            "opened; see the server's log\"],\"views\":[]}\n");
    }
    a = talk_http(c, "GET /api/v1/openapi.json", "", NULL);
    assert_int_equal(a.status, 200);
    assert_true(talk_http_is(&a, "openapi", "3.1.0"));
    talk_http_end(t);
}

static void metrics_are_a_page_that_counts(void **state)
{
    (void)state;
    struct town *t = talk_http_town(16, 3);
    struct town_client *c = town_connect_http(t);
    struct town_client *others[6];
    char why[256] = "";
    for (uint32_t i = 0; i < 6; i++) { /* on any of the shards */
        others[i] = town_connect_http(t);
        assert_int_equal(talk_http(others[i], "GET /nowhere", "", NULL).status, 404);
    }
    talk_http_append(c, "1");
    struct talk_http_answer a = talk_http(c, "GET /metrics", "", NULL);
    assert_true(talk_http_has(&a, "Content-Type", "text/plain; version=0.0.4; charset=utf-8"));
    if (!prom_strict_check(a.body, a.body_bytes, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    assert_true(prom_strict_value(a.body, "tdb_http_connections") == 7);
    assert_true(prom_strict_value(a.body, "tdb_http_connections_accepted_total") == 7);
    assert_true(prom_strict_value(a.body, "tdb_http_requests_total") == 7);
    assert_true(prom_strict_value(a.body, "tdb_http_requests_refused_total") == 6);
    assert_true(prom_strict_value(a.body, "tdb_http_requests_failed_total") == 0);
    assert_true(prom_strict_value(a.body, "tdb_http_request_seconds_count") == 7);
    talk_http_end(t);
}

static void streams_are_listed(void **state)
{
    (void)state;
    struct town *t = talk_http_town(17, 2);
    struct town_client *c = town_connect_http(t);
    talk_change(t, CORE_CHANGE_CREATE, "b.two", NULL, 0);
    talk_change(t, CORE_CHANGE_CREATE, "a-one", NULL, 0);
    struct talk_http_answer a = talk_http(c, "GET /api/v1/streams", "", NULL);
    assert_int_equal(a.status, 200);
    const char *one = strstr(a.body, "{\"name\":\"a-one\",\"partitions\":1,\"internal\":false,"
                                     "\"created\":\"20");
    const char *two = strstr(a.body, "{\"name\":\"b.two\",\"partitions\":1");
    assert_true(one != NULL && two != NULL && one < two);
    talk_change(t, CORE_CHANGE_DELETE, "a-one", NULL, 0);
    a = talk_http(c, "GET /api/v1/streams", "", NULL);
    assert_null(strstr(a.body, "a-one"));
    talk_http_assert_problem(talk_http(c, "GET /api/v1/streams/a-one/events", "", NULL), 404,
                             "stream_not_found");
    talk_http_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted_is_answered_in),
        cmocka_unit_test(of_several_partitions_one_is_said),
        cmocka_unit_test(a_stream_is_read_to_its_end_by_next_offset),
        cmocka_unit_test(a_wait_ends_with_an_append),
        cmocka_unit_test(a_wait_ends_with_its_time),
        cmocka_unit_test(requests_behind_a_wait_are_answered_after_it),
        cmocka_unit_test(a_value_of_several_lines_is_one_line),
        cmocka_unit_test(batches_of_kafka_clients_are_read_whatever_their_codec),
        cmocka_unit_test(deleted_events_are_gone),
        cmocka_unit_test(a_large_stream_comes_in_parts),
        cmocka_unit_test(the_server_tells_of_its_life),
        cmocka_unit_test(metrics_are_a_page_that_counts),
        cmocka_unit_test(streams_are_listed),
    };
    struct CMUnitTest queries[ARRAY_COUNT(read_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(read_rows); i++) {
        queries[i] = (struct CMUnitTest){.name = read_rows[i].name,
                                         .test_func = read_query,
                                         .initial_state = (void *)(uintptr_t)&read_rows[i]};
    }
    struct CMUnitTest events[ARRAY_COUNT(read_event_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(read_event_rows); i++) {
        events[i] = (struct CMUnitTest){.name = read_event_rows[i].name,
                                        .test_func = read_event,
                                        .initial_state = (void *)(uintptr_t)&read_event_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("gateway_read", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_read: queries", queries, NULL, NULL);
    failed += cmocka_run_group_tests_name("gateway_read: events", events, NULL, NULL);
    return failed;
}
