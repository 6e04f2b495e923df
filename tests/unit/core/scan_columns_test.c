/* Keys and headers in columns, by the stream's key format and the column's type; what is no text,
 * no number, or no JSON. */
#include "broker/core/scan_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "views/vec/calendar.h"
#include "views/vec/jsonb.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"

#define K_TEXT  CORE_STREAM_KEY_TEXT
#define K_JSON  CORE_STREAM_KEY_JSON
#define K_INT64 CORE_STREAM_KEY_INT64

/* A shard without a broker. */
struct desk {
    struct budget budget;
    struct arena arena;
    struct core core;
    struct core_shard cs;
    struct core_stream_relation *relation;
    struct core_scan_columns columns;
    struct vec_vector *vectors;
    char text[512];
};

static struct desk *desk_new(uint8_t key, const struct core_stream_column *columns, uint32_t count,
                             const uint32_t *numbers, uint32_t numbers_count)
{
    static const uint64_t group = 1;
    struct desk *d = calloc(1, sizeof(*d));
    struct cpu cpu;
    assert_non_null(d);
    cpu_detect(&cpu);
    budget_init(&d->budget, "test", 64 << 20, NULL);
    arena_init(&d->arena, &d->budget, 4096, SIZE_MAX);
    d->core.config.indexer = json_indexer_for(&cpu);
    d->cs.core = &d->core;
    core_errors_init(&d->cs.errors, &d->budget, 1);
    struct core_stream stream = {
        .name = "s", .key = key, .columns = columns, .columns_count = count};
    assert_int_equal(core_stream_relation_make(&d->arena, &stream, "t", &group, 1, &d->relation),
                     ERR_OK);
    assert_int_equal(core_scan_columns_init(&d->columns, &d->cs, d->relation, numbers,
                                            numbers_count, NULL, 0, &d->budget),
                     ERR_OK);
    return d;
}

static void desk_free(struct desk *d)
{
    core_scan_columns_deinit(&d->columns);
    core_errors_deinit(&d->cs.errors);
    arena_deinit(&d->arena);
    assert_int_equal(d->budget.used_bytes, 0);
    budget_deinit(&d->budget);
    free(d);
}

static const char *desk_text(struct desk *d, uint32_t column, uint32_t row)
{
    struct bytes_writer w = bytes_writer(d->text, sizeof(d->text) - 1);
    const struct vec_vector *v = &d->vectors[column];
    struct vec_value value;
    vec_get(v, row, &value);
    if (value.is_null) {
        return "NULL";
    }
    if (v->type.kind == VEC_TEXT) {
        bytes_put_copy(&w, value.u.bytes.data, value.u.bytes.length);
    } else if (v->type.kind == VEC_JSONB) {
        const uint8_t *data = (const uint8_t *)value.u.bytes.data;
        vec_jsonb_write(&w, (struct vec_jsonb){data, value.u.bytes.length}, true);
    } else if (v->type.kind == VEC_DOUBLE) {
        vec_real_write(&w, value.u.real);
    } else if (v->type.kind == VEC_NUMERIC) {
        vec_numeric_write(&w, &value.u.numeric);
    } else if (v->type.kind == VEC_TIMESTAMPTZ) {
        vec_timestamp_write(&w, value.u.int8, true);
    } else {
        int64_t number = v->type.kind == VEC_BOOLEAN   ? value.u.boolean
                         : v->type.kind == VEC_INTEGER ? value.u.int4
                                                       : value.u.int8;
        w.pos = (size_t)snprintf(d->text, sizeof(d->text), "%lld", (long long)number);
    }
    d->text[w.pos] = '\0';
    return d->text;
}

static const struct {
    const char *name;
    uint8_t key; /* format */
    struct vec_type type;
    uint8_t unit;
    const char *bytes; /* of the key; NULL: null */
    size_t length;
    const char *want; /* a text, or ! and the SQLSTATE */
} key_rows[] = {
    {"a text key is text", K_TEXT, {.kind = VEC_TEXT}, 0, "a\"b", 3, "a\"b"},
    {"an empty key is an empty text", K_TEXT, {.kind = VEC_TEXT}, 0, "", 0, ""},
    {"no key is null", K_TEXT, {.kind = VEC_TEXT}, 0, NULL, 0, "NULL"},
    {"a text key that looks like a number is text", K_TEXT, {.kind = VEC_TEXT}, 0, "12", 2, "12"},
    {"a text key in a number's column", K_TEXT, {.kind = VEC_BIGINT}, 0, "12", 2, "12"},
    {"a text key that is no number", K_TEXT, {.kind = VEC_BIGINT}, 0, "12a", 3, "!22023"},
    {"a text key with a fraction", K_TEXT, {.kind = VEC_INTEGER}, 0, "1.5", 3, "!22P02"},
    {"a text key as a decimal",
     K_TEXT,
     {.kind = VEC_NUMERIC, .precision = 5, .scale = 2},
     0,
     "1.5",
     3,
     "1.50"},
    {"a text key as a boolean", K_TEXT, {.kind = VEC_BOOLEAN}, 0, "true", 4, "1"},
    {"a text key that is no boolean", K_TEXT, {.kind = VEC_BOOLEAN}, 0, "truer", 5, "!22023"},
    {"a text key as a time",
     K_TEXT,
     {.kind = VEC_TIMESTAMPTZ},
     CORE_STREAM_MS,
     "2020-01-02T03:04:05Z",
     20,
     "2020-01-02 03:04:05+00"},
    {"a text key as a count of seconds",
     K_TEXT,
     {.kind = VEC_TIMESTAMPTZ},
     CORE_STREAM_S,
     "60",
     2,
     "1970-01-01 00:01:00+00"},
    {"a text key as JSONB is a string", K_TEXT, {.kind = VEC_JSONB}, 0, "a\"1", 3, "\"a\\\"1\""},
    {"a text key that is no UTF-8", K_TEXT, {.kind = VEC_TEXT}, 0, "\xff", 1, "!22021"},
    {"a text key with a zero", K_TEXT, {.kind = VEC_TEXT}, 0, "a\0b", 3, "!22021"},
    {"a JSON key is its value", K_JSON, {.kind = VEC_JSONB}, 0, " {\"a\":1} ", 9, "{\"a\": 1}"},
    {"a JSON key that is a string", K_JSON, {.kind = VEC_TEXT}, 0, "\"a\\n\"", 5, "a\n"},
    {"a JSON key that is a number", K_JSON, {.kind = VEC_BIGINT}, 0, "1e2", 3, "100"},
    {"a JSON key that is null", K_JSON, {.kind = VEC_JSONB}, 0, "null", 4, "NULL"},
    {"no JSON key", K_JSON, {.kind = VEC_JSONB}, 0, NULL, 0, "NULL"},
    {"a JSON key that is no JSON", K_JSON, {.kind = VEC_JSONB}, 0, "a", 1, "!22P02"},
    {"an empty JSON key", K_JSON, {.kind = VEC_JSONB}, 0, "", 0, "!22P02"},
    {"a JSON key of another type", K_JSON, {.kind = VEC_TEXT}, 0, "1", 1, "!22023"},
    {"a key of 8 bytes", K_INT64, {.kind = VEC_BIGINT}, 0, "\0\0\0\0\0\0\1\2", 8, "258"},
    {"a key of 8 bytes below zero",
     K_INT64,
     {.kind = VEC_BIGINT},
     0,
     "\xff\xff\xff\xff\xff\xff\xff\xfe",
     8,
     "-2"},
    {"the least key of 8 bytes",
     K_INT64,
     {.kind = VEC_BIGINT},
     0,
     "\x80\0\0\0\0\0\0\0",
     8,
     "-9223372036854775808"},
    {"a key of 8 bytes as text", K_INT64, {.kind = VEC_TEXT}, 0, "\0\0\0\0\0\0\0\7", 8, "7"},
    {"a key of 8 bytes that is too large",
     K_INT64,
     {.kind = VEC_INTEGER},
     0,
     "\0\0\0\1\0\0\0\0",
     8,
     "!22003"},
    {"a key of 7 bytes", K_INT64, {.kind = VEC_BIGINT}, 0, "\0\0\0\0\0\0\0", 7, "!22P02"},
    {"a key of no bytes", K_INT64, {.kind = VEC_BIGINT}, 0, "", 0, "!22P02"},
    {"no key of 8 bytes", K_INT64, {.kind = VEC_BIGINT}, 0, NULL, 0, "NULL"},
};

static void key_row(void **state)
{
    size_t i = (size_t)*state;
    struct core_stream_column column = {.name = "k",
                                        .type = key_rows[i].type,
                                        .from = CORE_STREAM_KEY,
                                        .unit = key_rows[i].unit,
                                        .source = ""};
    uint32_t number = 0;
    struct desk *d = desk_new(key_rows[i].key, &column, 1, &number, 1);
    struct log_records_item item = {.offset = 5,
                                    .key = (const uint8_t *)key_rows[i].bytes,
                                    .key_bytes = (uint32_t)key_rows[i].length};
    struct log_records_item none = {.offset = 6};
    core_scan_columns_row(&d->columns, 0, &none);
    core_scan_columns_row(&d->columns, 1, &item);
    assert_int_equal(core_scan_columns_fill(&d->columns, 0, 2, &d->vectors), ERR_OK);
    bool is_misfit = key_rows[i].want[0] == '!';
    assert_string_equal(desk_text(d, 0, 0), "NULL");
    assert_string_equal(desk_text(d, 0, 1), is_misfit ? "NULL" : key_rows[i].want);
    assert_int_equal(d->columns.faults.count, is_misfit);
    struct core_error error;
    uint64_t at = 0;
    if (is_misfit) {
        assert_true(core_errors_next(&d->cs.errors, &at, &error));
        assert_string_equal(error.code, key_rows[i].want + 1);
        assert_int_equal(error.offset, 5);
        assert_string_equal(error.column, "k");
    }
    desk_free(d);
}

static const struct {
    const char *name;
    const char *texts[4][2]; /* names and values; "-": null */
    const char *header;      /* what h is */
    const char *headers;     /* what _headers is */
} header_rows[] = {
    {"no headers are an empty object", {{NULL, NULL}}, "NULL", "{}"},
    {"a header is a text", {{"h", "1"}}, "1", "{\"h\": \"1\"}"},
    {"the last header of a name counts",
     {{"h", "1"}, {"g", "2"}, {"h", "3"}},
     "3",
     "{\"g\": \"2\", \"h\": \"3\"}"},
    {"a header without a value is null", {{"h", "1"}, {"h", "-"}}, "NULL", "{\"h\": null}"},
    {"a header that is no text is null in the object", {{"h", "\xff"}}, "!22021", "{\"h\": null}"},
    {"names and values are escaped",
     {{"a\"\n", "\\\x01"}},
     "NULL",
     "{\"a\\\"\\n\": \"\\\\\\u0001\"}"},
    {"a name that is no text is left out", {{"\xc3", "1"}, {"h", "2"}}, "2", "{\"h\": \"2\"}"},
};

static void header_row(void **state)
{
    size_t i = (size_t)*state;
    static const struct core_stream_column column = {
        .name = "h", .type = {.kind = VEC_TEXT}, .from = CORE_STREAM_HEADER, .source = "h"};
    static const uint32_t numbers[] = {0, 2};
    struct desk *d = desk_new(K_TEXT, &column, 1, numbers, 2);
    uint8_t bytes[256];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    struct log_records_item item = {.offset = 5};
    for (; item.headers_count < 4 && header_rows[i].texts[item.headers_count][0] != NULL;
         item.headers_count++) {
        const char *const *text = header_rows[i].texts[item.headers_count];
        bool is_null = strcmp(text[1], "-") == 0;
        struct log_records_header header = {.key = (const uint8_t *)text[0],
                                            .key_bytes = (uint32_t)strlen(text[0]),
                                            .value = is_null ? NULL : (const uint8_t *)text[1],
                                            .value_bytes = is_null ? 0 : (uint32_t)strlen(text[1])};
        log_records_header_put(&w, &header);
    }
    item.headers = bytes;
    item.headers_bytes = (uint32_t)w.pos;
    core_scan_columns_row(&d->columns, 0, &item);
    assert_int_equal(core_scan_columns_fill(&d->columns, 0, 1, &d->vectors), ERR_OK);
    bool is_misfit = header_rows[i].header[0] == '!';
    assert_string_equal(desk_text(d, 0, 0), is_misfit ? "NULL" : header_rows[i].header);
    assert_string_equal(desk_text(d, 1, 0), header_rows[i].headers);
    assert_int_equal(d->columns.faults.count, is_misfit);
    desk_free(d);
}

static void a_record_without_a_time_has_none(void **state)
{
    (void)state;
    static const uint32_t number = 4;
    struct desk *d = desk_new(K_TEXT, NULL, 0, &number, 1);
    static const int64_t times[] = {0, -1, -2, INT64_MAX, 9224318015999999, 9224318016000000};
    static const char *const want[] = {
        "1970-01-01 00:00:00+00", "NULL", "1969-12-31 23:59:59.998+00", "NULL", "NULL", "NULL"};
    for (uint32_t i = 0; i < ARRAY_COUNT(times); i++) {
        core_scan_columns_row(&d->columns, i,
                              &(struct log_records_item){.offset = i, .timestamp = times[i]});
    }
    assert_int_equal(core_scan_columns_fill(&d->columns, 0, ARRAY_COUNT(times), &d->vectors),
                     ERR_OK);
    for (uint32_t i = 0; i < ARRAY_COUNT(times); i++) {
        assert_string_equal(desk_text(d, 0, i), want[i]);
    }
    desk_free(d);
}

static void many_columns_make_fewer_rows(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct core_stream_column columns[COUNT];
    static uint32_t numbers[COUNT];
    static char sources[COUNT][16];
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(sources[i], sizeof(sources[i]), "$.c%u", i);
        columns[i] = (struct core_stream_column){.name = sources[i],
                                                 .type = {.kind = VEC_TEXT},
                                                 .source = sources[i],
                                                 .from = CORE_STREAM_PATH};
        numbers[i] = i;
    }
    struct desk *d = desk_new(K_TEXT, columns, COUNT, numbers, COUNT);
    assert_in_range(d->columns.rows_max, 64, 256);
    assert_true(d->budget.used_bytes < 6u << 20);
    for (uint32_t i = 0; i < d->columns.rows_max; i++) {
        core_scan_columns_row(&d->columns, i,
                              &(struct log_records_item){
                                  .value = (const uint8_t *)"{\"c999\":\"x\"}", .value_bytes = 12});
    }
    assert_int_equal(core_scan_columns_fill(&d->columns, 0, d->columns.rows_max, &d->vectors),
                     ERR_OK);
    assert_string_equal(desk_text(d, 999, d->columns.rows_max - 1), "x");
    assert_string_equal(desk_text(d, 998, d->columns.rows_max - 1), "NULL");
    desk_free(d);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_record_without_a_time_has_none),
        cmocka_unit_test(many_columns_make_fewer_rows),
    };
    enum { KEYS = ARRAY_COUNT(key_rows), HEADERS = ARRAY_COUNT(header_rows) };
    struct CMUnitTest tests[KEYS + HEADERS + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < KEYS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = key_rows[i].name, .test_func = key_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < HEADERS; i++) {
        tests[KEYS + i] = (struct CMUnitTest){
            .name = header_rows[i].name, .test_func = header_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[KEYS + HEADERS + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_scan_columns", tests, NULL, NULL);
}
