/* JSON values in columns: each type against each form of a value as a table, random numbers against
 * arithmetic on their digits, and batches with whatever is wrong in them. */
#include "views/vec/rowconv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "views/vec/boolean.h"
#include "views/vec/calendar.h"
#include "views/vec/integer.h"
#include "views/vec/jsonb.h"
#include "views/vec/real.h"

#define CONV_COLUMNS_MAX 8u
#define CONV_TEXT_BYTES  4096u

#define RECORD(text)                                                                               \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* A converter with its reader. */
struct conv {
    struct budget budget;
    struct arena arena;
    struct json_paths paths;
    struct json_reader reader;
    struct vec_rowconv rc;
    struct vec_rowconv_column columns[CONV_COLUMNS_MAX];
    uint32_t columns_count;
    uint32_t misfits_count; /* told, */
    uint32_t row;           /* the last one: where, */
    uint32_t column;
    enum vec_fault fault; /* why, */
    char text[64];        /* and what */
};

static void conv_misfit(void *ctx, uint32_t row, uint32_t column, enum vec_fault fault,
                        const char *text, size_t length)
{
    struct conv *c = ctx;
    c->misfits_count++;
    c->row = row;
    c->column = column;
    c->fault = fault;
    snprintf(c->text, sizeof(c->text), "%.*s", (int)length, text);
}

/* Columns of `types`, those at paths[i] (NULL: none). */
static struct conv *conv_open(const struct vec_rowconv_column *columns, const char *const *paths,
                              uint32_t count)
{
    struct conv *c = calloc(1, sizeof(*c));
    struct json_text texts[CONV_COLUMNS_MAX];
    size_t texts_count = 0;
    size_t failed;
    struct json_fault fault;
    struct cpu cpu;
    assert_non_null(c);
    cpu_detect(&cpu);
    budget_init(&c->budget, "test", 64 << 20, NULL);
    arena_init(&c->arena, &c->budget, 4096, 1 << 20);
    for (uint32_t i = 0; i < count; i++) {
        c->columns[i] = columns[i];
        c->columns[i].path = VEC_ROWCONV_NO_PATH;
        if (paths[i] != NULL) {
            c->columns[i].path = (uint32_t)texts_count;
            texts[texts_count++] = (struct json_text){paths[i], strlen(paths[i])};
        }
    }
    c->columns_count = count;
    assert_int_equal(json_paths_compile(&c->arena, texts, texts_count, &c->paths, &failed, &fault),
                     ERR_OK);
    assert_int_equal(json_reader_init(&c->reader, json_indexer_for(&cpu), &c->paths,
                                      JSON_LIMITS_DEFAULT, &c->budget),
                     ERR_OK);
    struct vec_rowconv_config config = {.columns = c->columns,
                                        .columns_count = count,
                                        .rows_max = VEC_ROWS_MAX,
                                        .misfit = conv_misfit,
                                        .ctx = c,
                                        .budget = &c->budget};
    assert_int_equal(vec_rowconv_init(&c->rc, &config), ERR_OK);
    return c;
}

static void conv_close(struct conv *c)
{
    vec_rowconv_deinit(&c->rc);
    json_reader_deinit(&c->reader);
    arena_deinit(&c->arena);
    budget_deinit(&c->budget);
    free(c);
}

static void conv_read(struct conv *c, const struct json_text *records, uint32_t count)
{
    vec_rowconv_begin(&c->rc);
    assert_int_equal(vec_rowconv_read(&c->rc, &c->reader, records, count), ERR_OK);
    vec_rowconv_end(&c->rc, count);
}

static const char *conv_text(const struct vec_vector *vector, uint32_t row, char *out)
{
    struct bytes_writer w = bytes_writer(out, CONV_TEXT_BYTES - 1);
    struct vec_value v;
    vec_get(vector, row, &v);
    if (v.is_null) {
        return "NULL";
    }
    switch ((enum vec_kind)vector->type.kind) {
    case VEC_BOOLEAN: vec_boolean_write(&w, v.u.boolean != 0); break;
    case VEC_INTEGER: vec_int8_write(&w, v.u.int4); break;
    case VEC_BIGINT: vec_int8_write(&w, v.u.int8); break;
    case VEC_DOUBLE: vec_real_write(&w, v.u.real); break;
    case VEC_NUMERIC: vec_numeric_write(&w, &v.u.numeric); break;
    case VEC_TEXT: bytes_put_copy(&w, v.u.bytes.data, v.u.bytes.length); break;
    case VEC_DATE: vec_date_write(&w, v.u.int4); break;
    case VEC_TIMESTAMP: vec_timestamp_write(&w, v.u.int8, false); break;
    case VEC_TIMESTAMPTZ: vec_timestamp_write(&w, v.u.int8, true); break;
    case VEC_INTERVAL: vec_interval_write(&w, &v.u.interval); break;
    case VEC_JSONB:
        assert_true(vec_jsonb_is_valid(v.u.bytes.data, v.u.bytes.length));
        vec_jsonb_write(&w, (struct vec_jsonb){(const uint8_t *)v.u.bytes.data, v.u.bytes.length},
                        true);
        break;
    case VEC_NONE:
    case VEC_KIND_COUNT: fail();
    }
    assert_int_equal(w.err, ERR_OK);
    out[w.pos] = '\0';
    return out;
}

/* --- A value --- */

#define B                                                                                          \
    {                                                                                              \
        .kind = VEC_BOOLEAN                                                                        \
    }
#define I4                                                                                         \
    {                                                                                              \
        .kind = VEC_INTEGER                                                                        \
    }
#define I8                                                                                         \
    {                                                                                              \
        .kind = VEC_BIGINT                                                                         \
    }
#define F8                                                                                         \
    {                                                                                              \
        .kind = VEC_DOUBLE                                                                         \
    }
#define T                                                                                          \
    {                                                                                              \
        .kind = VEC_TEXT                                                                           \
    }
#define D                                                                                          \
    {                                                                                              \
        .kind = VEC_DATE                                                                           \
    }
#define TS                                                                                         \
    {                                                                                              \
        .kind = VEC_TIMESTAMP                                                                      \
    }
#define TZ                                                                                         \
    {                                                                                              \
        .kind = VEC_TIMESTAMPTZ                                                                    \
    }
#define IV                                                                                         \
    {                                                                                              \
        .kind = VEC_INTERVAL                                                                       \
    }
#define J                                                                                          \
    {                                                                                              \
        .kind = VEC_JSONB                                                                          \
    }
#define N(p, s)                                                                                    \
    {                                                                                              \
        .kind = VEC_NUMERIC, .precision = (p), .scale = (s)                                        \
    }

static const struct {
    struct vec_type type;
    uint8_t unit;
    const char *json;
    const char *want; /* text; NULL, or the SQLSTATE of a misfit */
} value_rows[] = {
    {B, 0, "true", "true"},
    {B, 0, "false", "false"},
    {B, 0, "null", NULL},
    {B, 0, "1", "!22023"},
    {B, 0, "\"true\"", "!22023"},
    {B, 0, "[true]", "!22023"},

    {I4, 0, "0", "0"},
    {I4, 0, "-0", "0"},
    {I4, 0, "2147483647", "2147483647"},
    {I4, 0, "-2147483648", "-2147483648"},
    {I4, 0, "2147483648", "!22003"},
    {I4, 0, "4294967296", "!22003"},
    {I4, 0, "1e3", "1000"},
    {I4, 0, "1e30", "!22003"},
    {I4, 0, "1.5", "!22P02"},
    {I4, 0, "\"7\"", "!22023"},
    {I4, 0, "true", "!22023"},

    {I8, 0, "12", "12"},
    {I8, 0, "-12", "-12"},
    {I8, 0, "1.0", "1"},
    {I8, 0, "1e3", "1000"},
    {I8, 0, "1.25e2", "125"},
    {I8, 0, "125e-2", "!22P02"},
    {I8, 0, "12500e-2", "125"},
    {I8, 0, "0e99999", "0"},
    {I8, 0, "0.000", "0"},
    {I8, 0, "1e99999", "!22003"},
    {I8, 0, "1e-99999", "!22P02"},
    {I8, 0, "9223372036854775807", "9223372036854775807"},
    {I8, 0, "9223372036854775807.0", "9223372036854775807"},
    {I8, 0, "-9223372036854775808", "-9223372036854775808"},
    {I8, 0, "-9223372036854775808.000", "-9223372036854775808"},
    {I8, 0, "9223372036854775808", "!22003"},
    {I8, 0, "-9223372036854775809", "!22003"},
    {I8, 0, "9223372036854775807.5", "!22P02"},
    {I8, 0, "1.000000000000000000000000000000000000000000000000000000000000", "1"},
    {I8, 0, "1.000000000000000000000000000000000000000000000000000000000001", "!22P02"},
    {I8, 0, "100000000000000000000000000000000000000000000000000e-40", "10000000000"},
    {I8, 0, "0.00000000000000000000000000000000000000000001e44", "1"},
    {I8, 0, "\"12\"", "!22023"},
    {I8, 0, "{}", "!22023"},

    {F8, 0, "1", "1"},
    {F8, 0, "1.5", "1.5"},
    {F8, 0, "-0", "-0"},
    {F8, 0, "0.1", "0.1"},
    {F8, 0, "1e308", "1e+308"},
    {F8, 0, "1e309", "!22003"},
    {F8, 0, "-1e99999", "!22003"},
    {F8, 0, "1e-99999", "0"},
    {F8, 0, "-1e-400", "-0"},
    {F8, 0, "9007199254740993", "9.007199254740992e+15"},
    {F8, 0, "123456789012345678901234567890", "1.2345678901234568e+29"},
    {F8, 0,
     "1.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
     "1"},
    {F8, 0, "\"1\"", "!22023"},

    {N(0, 0), 0, "1.50", "1.50"},
    {N(0, 0), 0, "12345678901234567890123456789012345678901234567890",
     "12345678901234567890123456789012345678901234567890"},
    {N(0, 0), 0, "1e100", "!22003"},
    {N(2, 1), 0, "1.5", "1.5"},
    {N(2, 1), 0, "1.500", "1.5"},
    {N(2, 1), 0, "1.55", "!22003"},
    {N(2, 1), 0, "10", "!22003"},
    {N(2, 1), 0, "-9.9", "-9.9"},
    {N(2, 1), 0, "9", "9.0"},
    {N(2, 1), 0, "15e-1", "1.5"},
    {N(5, 2), 0, "1e2", "100.00"},
    {N(5, 2), 0, "1e3", "!22003"},
    {N(5, 2), 0, "0", "0.00"},
    {N(5, 2), 0, "-0.00000", "0.00"},
    {N(38, 0), 0, "99999999999999999999999999999999999999",
     "99999999999999999999999999999999999999"},
    {N(38, 0), 0, "100000000000000000000000000000000000000", "!22003"},
    {N(38, 38), 0, "0.99999999999999999999999999999999999999",
     "0.99999999999999999999999999999999999999"},
    {N(38, 10), 0, "12345678901234567890.0123456789", "12345678901234567890.0123456789"},
    {N(38, 10), 0, "12345678901234567890.01234567891", "!22003"},
    {N(38, 10), 0, "12345678901234567890.012345678900000000000000000000000",
     "12345678901234567890.0123456789"},
    {N(5, 2), 0, "\"1.5\"", "!22023"},

    {T, 0, "\"\"", ""},
    {T, 0, "\"abc\"", "abc"},
    {T, 0, "\"a\\n\\u00e9\\\"b\"", "a\n\xc3\xa9\"b"},
    {T, 0, "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
    {T, 0, "\"\\ud83d\"", "!22P05"},
    {T, 0, "\"a\\u0000b\"", "!22P05"},
    {T, 0, "1", "!22023"},
    {T, 0, "{\"a\":1}", "!22023"},
    {T, 0, "null", NULL},

    {D, 0, "\"2020-02-29\"", "2020-02-29"},
    {D, 0, "\"2020\\u002d02-29\"", "2020-02-29"},
    {D, 0, "\"2020-02-30\"", "!22008"},
    {D, 0, "\"\"", "!22007"},
    {D, 0, "0", "!22023"},
    {D, VEC_ROWCONV_S, "86400", "1970-01-02"},
    {D, VEC_ROWCONV_S, "-1", "1969-12-31"},
    {D, VEC_ROWCONV_MS, "86399999.9999", "1970-01-02"}, /* to the microsecond */

    {TS, VEC_ROWCONV_MS, "\"2020-01-02T03:04:05.678+02:00\"", "2020-01-02 03:04:05.678"},
    {TS, VEC_ROWCONV_MS, "1580000000123", "2020-01-26 00:53:20.123"},
    {TZ, VEC_ROWCONV_MS, "\"2020-01-02T03:04:05.678+02:00\"", "2020-01-02 01:04:05.678+00"},
    {TZ, VEC_ROWCONV_MS, "\"2020-01-02T03:04:05.1234567Z\"", "2020-01-02 03:04:05.123457+00"},
    {TZ, VEC_ROWCONV_MS, "\"infinity\"", "infinity"},
    {TZ, VEC_ROWCONV_MS, "\"some day\"", "!22007"},
    {TZ, VEC_ROWCONV_MS, "0", "1970-01-01 00:00:00+00"},
    {TZ, VEC_ROWCONV_MS, "1.5", "1970-01-01 00:00:00.0015+00"},
    {TZ, VEC_ROWCONV_MS, "-1.5", "1969-12-31 23:59:59.9985+00"},
    {TZ, VEC_ROWCONV_MS, "1e3", "1970-01-01 00:00:01+00"},
    {TZ, VEC_ROWCONV_S, "1580000000", "2020-01-26 00:53:20+00"},
    {TZ, VEC_ROWCONV_S, "1580000000.1234567", "2020-01-26 00:53:20.123457+00"},
    {TZ, VEC_ROWCONV_S, "-0.0000005", "1969-12-31 23:59:59.999999+00"},
    {TZ, VEC_ROWCONV_S, "0.00000049999999999999999999999999999999999999999",
     "1970-01-01 00:00:00+00"},
    {TZ, VEC_ROWCONV_US, "1580000000123456", "2020-01-26 00:53:20.123456+00"},
    {TZ, VEC_ROWCONV_US, "1580000000123456.5", "2020-01-26 00:53:20.123457+00"},
    {TZ, VEC_ROWCONV_NS, "1580000000123456499", "2020-01-26 00:53:20.123456+00"},
    {TZ, VEC_ROWCONV_NS, "1580000000123456500", "2020-01-26 00:53:20.123457+00"},
    {TZ, VEC_ROWCONV_NS, "-500", "1969-12-31 23:59:59.999999+00"},
    {TZ, VEC_ROWCONV_S, "9224318016000", "!22008"}, /* 294277-01-01 */
    {TZ, VEC_ROWCONV_S, "9224318015999", "294276-12-31 23:59:59+00"},
    {TZ, VEC_ROWCONV_S, "9223372036854775807", "!22008"},
    {TZ, VEC_ROWCONV_MS, "9223372036854775807", "!22008"},
    {TZ, VEC_ROWCONV_US, "9223372036854775807", "294247-01-10 04:00:54.775807+00"},
    {TZ, VEC_ROWCONV_US, "9224318016000000000", "!22008"},
    {TZ, VEC_ROWCONV_S, "1e300", "!22008"},
    {TZ, VEC_ROWCONV_S, "1e-300", "1970-01-01 00:00:00+00"},
    {TZ, VEC_ROWCONV_MS, "true", "!22023"},
    {TZ, VEC_ROWCONV_NO_UNIT, "1", "!22023"},

    {IV, 0, "\"1 day 02:03\"", "1 day 02:03:00"},
    {IV, 0, "\"PT5M\"", "00:05:00"},
    {IV, 0, "\"soon\"", "!22007"},
    {IV, 0, "5", "!22023"},

    {J, 0, "1", "1"},
    {J, 0, "-0", "0"},
    {J, 0, "1.50", "1.50"},
    {J, 0, "1e3", "1000"},
    {J, 0, "1e999999", "!22003"},
    {J, 0, "1e131071", "!22003"},
    {J, 0, "1e5000", "!22003"},
    {J, 0, "[1e-5000]", "!22003"},
    {J, 0, "1e60", "1000000000000000000000000000000000000000000000000000000000000"},
    {J, 0, "\"a\\u00e9\"", "\"a\xc3\xa9\""},
    {J, 0, "\"plain\"", "\"plain\""},
    {J, 0, "true", "true"},
    {J, 0, "false", "false"},
    {J, 0, "null", NULL},
    {J, 0, " {\"b\": [1, {\"c\": null}], \"a\": {}} ", "{\"a\": {}, \"b\": [1, {\"c\": null}]}"},
    {J, 0, "[1e20,1e20,1e20,1e20,1e20,1e20,1e20,1e20]",
     "[100000000000000000000, 100000000000000000000, 100000000000000000000, 100000000000000000000, "
     "100000000000000000000, 100000000000000000000, 100000000000000000000, 100000000000000000000]"},
    {J, 0, "[\"\\u0000\"]", "!22P05"},
};

static void value_row(void **state)
{
    size_t i = (size_t)*state;
    const char *whole = "$.v";
    struct vec_rowconv_column column = {.type = value_rows[i].type, .unit = value_rows[i].unit};
    struct conv *c = conv_open(&column, &whole, 1);
    char record[1024];
    char text[CONV_TEXT_BYTES];
    size_t length =
        (size_t)snprintf(record, sizeof(record), "{\"u\":1,\"v\":%s}", value_rows[i].json);
    struct json_text records[] = {{record, length}, RECORD("{}"), {record, length}};
    conv_read(c, records, 3);
    const char *want = value_rows[i].want;
    bool is_misfit = want != NULL && want[0] == '!';
    assert_string_equal(conv_text(&c->rc.vectors[0], 1, text), "NULL");
    for (uint32_t row = 0; row < 3; row += 2) {
        assert_string_equal(conv_text(&c->rc.vectors[0], row, text),
                            want == NULL || is_misfit ? "NULL" : want);
    }
    assert_int_equal(c->misfits_count, is_misfit ? 2 : 0);
    assert_int_equal(c->rc.misfits_count, c->misfits_count);
    if (is_misfit) {
        assert_string_equal(vec_fault_state(c->fault), want + 1);
        assert_int_equal(c->row, 2);
        assert_int_equal(c->column, 0);
        bool is_string = value_rows[i].json[0] == '"';
        assert_memory_equal(c->text, value_rows[i].json + is_string,
                            strnlen(c->text, sizeof(c->text) - 1));
    }
    conv_close(c);
}

/* --- Batches --- */

static const struct vec_rowconv_column batch_columns[] = {
    {.type = I8}, {.type = T}, {.type = F8}, {.type = J}, {.type = I8}};
static const char *const batch_paths[] = {"$.a", "$.b", "$.c.d", "$", NULL};

static void records_that_are_no_json_are_null_and_told(void **state)
{
    (void)state;
    struct conv *c = conv_open(batch_columns, batch_paths, 5);
    char text[CONV_TEXT_BYTES];
    struct json_text records[] = {RECORD("{\"a\":1}"), RECORD("{\"a\":"), {NULL, 0},
                                  RECORD(""),          RECORD("7"),       RECORD("\xff"),
                                  RECORD("{\"a\":2}")};
    conv_read(c, records, 7);
    assert_int_equal(c->misfits_count, 3);
    assert_int_equal(c->column, VEC_ROWCONV_RECORD);
    assert_int_equal(c->row, 5);
    assert_string_equal(c->text, "\xff");
    assert_string_equal(vec_fault_state(c->fault), "22P02");
    for (uint32_t i = 1; i < 6; i++) {
        assert_string_equal(conv_text(&c->rc.vectors[0], i, text), "NULL");
    }
    assert_string_equal(conv_text(&c->rc.vectors[0], 6, text), "2");
    assert_string_equal(conv_text(&c->rc.vectors[3], 4, text), "7");
    assert_string_equal(conv_text(&c->rc.vectors[3], 2, text), "NULL");
    conv_close(c);
}

static void a_record_deeper_than_the_limit_is_told_as_such(void **state)
{
    (void)state;
    struct conv *c = conv_open(batch_columns, batch_paths, 5);
    char deep[1400];
    memset(deep, '[', 700);
    memset(deep + 700, ']', 700);
    struct json_text record = {deep, sizeof(deep)};
    conv_read(c, &record, 1);
    assert_int_equal(c->misfits_count, 1);
    assert_string_equal(vec_fault_state(c->fault), "54001");
    conv_close(c);
}

static void a_batch_without_nulls_has_no_bitmap_whatever_was_before(void **state)
{
    (void)state;
    struct conv *c = conv_open(batch_columns, batch_paths, 5);
    char text[CONV_TEXT_BYTES];
    struct json_text full = RECORD("{\"a\":1,\"b\":\"x\",\"c\":{\"d\":2}}");
    struct json_text none = RECORD("{}");
    conv_read(c, &full, 1);
    assert_null(c->rc.vectors[0].valid);
    struct json_text mixed[] = {none, full};
    conv_read(c, mixed, 2);
    assert_non_null(c->rc.vectors[0].valid);
    assert_null(c->rc.vectors[3].valid);
    conv_read(c, &full, 1);
    assert_null(c->rc.vectors[0].valid);
    struct json_text other[] = {full, none}; /* the bitmap is as new */
    conv_read(c, other, 2);
    assert_string_equal(conv_text(&c->rc.vectors[0], 0, text), "1");
    assert_string_equal(conv_text(&c->rc.vectors[0], 1, text), "NULL");
    conv_close(c);
}

static void of_equal_names_the_last_counts_and_they_are_counted(void **state)
{
    (void)state;
    struct conv *c = conv_open(batch_columns, batch_paths, 5);
    char text[CONV_TEXT_BYTES];
    struct json_text record = RECORD("{\"a\":\"no\",\"a\":3,\"z\":1,\"z\":2}");
    conv_read(c, &record, 1);
    assert_string_equal(conv_text(&c->rc.vectors[0], 0, text), "3");
    assert_int_equal(c->misfits_count, 0);
    assert_int_equal(c->rc.duplicates_count, 1);
    conv_close(c);
}

static void columns_without_a_path_are_filled_by_hand(void **state)
{
    (void)state;
    struct conv *c = conv_open(batch_columns, batch_paths, 5);
    char text[CONV_TEXT_BYTES];
    struct json_text records[] = {RECORD("{}"), RECORD("{}"), RECORD("{}")};
    struct json_found found = {
        .text = "7", .length = 1, .kind = JSON_NUMBER, .number = {.digits = 7}};
    vec_rowconv_begin(&c->rc);
    assert_int_equal(vec_rowconv_read(&c->rc, &c->reader, records, 3), ERR_OK);
    assert_int_equal(vec_rowconv_put(&c->rc, 4, 0, &found), ERR_OK);
    assert_int_equal(vec_rowconv_refuse(&c->rc, 4, 1, VEC_FAULT_SYNTAX, "x", 1), ERR_OK);
    ((int64_t *)vec_rowconv_data(&c->rc, 4))[2] = 9;
    vec_rowconv_end(&c->rc, 3);
    assert_string_equal(conv_text(&c->rc.vectors[4], 0, text), "7");
    assert_string_equal(conv_text(&c->rc.vectors[4], 1, text), "NULL");
    assert_string_equal(conv_text(&c->rc.vectors[4], 2, text), "9");
    assert_int_equal(c->column, 4);
    struct vec_value value = {.u.int8 = 5};
    vec_rowconv_begin(&c->rc);
    assert_int_equal(vec_rowconv_read(&c->rc, &c->reader, records, 3), ERR_OK);
    vec_rowconv_constant(&c->rc, 4, &value);
    vec_rowconv_end(&c->rc, 3);
    assert_int_equal(c->rc.vectors[4].form, VEC_CONSTANT);
    assert_string_equal(conv_text(&c->rc.vectors[4], 2, text), "5");
    conv_close(c);
}

/* At every limit of memory: refused, or right; nothing is left over. */
static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    struct json_text records[64];
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        records[i] = (struct json_text)RECORD("{\"a\":1,\"b\":\"\\u0041\",\"x\":[1,2,{\"y\":3}]}");
    }
    bool was_refused = false;
    for (size_t more_bytes = 0;; more_bytes += 16384) {
        struct conv *c = conv_open(batch_columns, batch_paths, 5);
        budget_set_limit(&c->budget, c->budget.used_bytes + more_bytes);
        vec_rowconv_begin(&c->rc);
        enum err err = vec_rowconv_read(&c->rc, &c->reader, records, ARRAY_COUNT(records));
        was_refused = was_refused || err == ERR_BUDGET;
        conv_close(c);
        if (err == ERR_OK) {
            break;
        }
        assert_int_equal(err, ERR_BUDGET);
    }
    assert_true(was_refused);
}

/* --- Random numbers against their digits --- */

#define TWIN_DIGITS_MAX 700

/* A number without exponent: digits before and behind the point, as many as there are. */
struct twin {
    bool is_negative;
    char whole[TWIN_DIGITS_MAX];    /* no zeros in front; "" is 0 */
    char fraction[TWIN_DIGITS_MAX]; /* no zeros behind */
};

/* Move the point of `text`, a JSON number, by its exponent and `more`. */
static struct twin twin_of(const char *text, int more)
{
    struct twin t = {.is_negative = text[0] == '-'};
    char digits[TWIN_DIGITS_MAX];
    memset(digits, '0', sizeof(digits));
    const char *e = strpbrk(text, "eE");
    int point = 300 + more + (e != NULL ? (int)strtol(e + 1, NULL, 10) : 0); /* digits before it */
    int at = 300;
    const char *end = e != NULL ? e : text + strlen(text);
    const char *dot = memchr(text, '.', (size_t)(end - text));
    for (const char *p = text + t.is_negative; p < end; p++) {
        if (p != dot) {
            digits[at++] = *p;
            point += dot == NULL || p < dot;
        }
    }
    int first = 0;
    while (first < point && digits[first] == '0') {
        first++;
    }
    int last = TWIN_DIGITS_MAX - 1;
    while (last >= point && digits[last] == '0') {
        last--;
    }
    snprintf(t.whole, sizeof(t.whole), "%.*s", point - first, digits + first);
    snprintf(t.fraction, sizeof(t.fraction), "%.*s", last + 1 - point, digits + point);
    return t;
}

/* Whole digits within [-limit - 1, limit], as text without sign. */
static bool twin_is_within(const struct twin *t, const char *limit, const char *limit_below)
{
    const char *most = t->is_negative ? limit_below : limit;
    size_t length = strlen(t->whole);
    return length < strlen(most) || (length == strlen(most) && strcmp(t->whole, most) <= 0);
}

/* Microseconds as a TIMESTAMPTZ, or NULL: out of range. */
static const char *twin_instant(const struct twin *t, char *out)
{
    __int128 us = 0;
    if (strlen(t->whole) > 20) {
        return NULL;
    }
    for (const char *at = t->whole; *at != '\0'; at++) {
        us = us * 10 + (*at - '0');
    }
    us += t->fraction[0] >= '5';
    us = (t->is_negative ? -us : us) + VEC_EPOCH_US;
    if (us < VEC_TIMESTAMP_MIN || us >= VEC_TIMESTAMP_END) {
        return NULL;
    }
    struct bytes_writer w = bytes_writer(out, CONV_TEXT_BYTES - 1);
    vec_timestamp_write(&w, (int64_t)us, true);
    out[w.pos] = '\0';
    return out;
}

/* What the number is in a column, or NULL: it does not fit. */
static const char *twin_text(const char *json, struct vec_type type, uint8_t unit, char *out)
{
    static const int digits[] = {[VEC_ROWCONV_S] = 6, [VEC_ROWCONV_MS] = 3, [VEC_ROWCONV_NS] = -3};
    struct twin t = twin_of(json, type.kind == VEC_TIMESTAMPTZ ? digits[unit] : 0);
    bool is_zero = t.whole[0] == '\0' && t.fraction[0] == '\0';
    const char *sign = t.is_negative && !is_zero ? "-" : "";
    const char *whole = t.whole[0] == '\0' ? "0" : t.whole;
    if (type.kind == VEC_TIMESTAMPTZ) {
        return twin_instant(&t, out);
    }
    if (type.kind == VEC_NUMERIC) {
        size_t places = strlen(t.fraction);
        if (places > type.scale || strlen(t.whole) > (size_t)(type.precision - type.scale)) {
            return NULL;
        }
        snprintf(out, CONV_TEXT_BYTES, "%s%s%s%s%.*s", sign, whole, type.scale > 0 ? "." : "",
                 t.fraction, (int)(type.scale - places), "00000000000000000000000000000000000000");
        return out;
    }
    bool fits = type.kind == VEC_BIGINT
                    ? twin_is_within(&t, "9223372036854775807", "9223372036854775808")
                    : twin_is_within(&t, "2147483647", "2147483648");
    snprintf(out, CONV_TEXT_BYTES, "%s%s", sign, whole);
    return fits && t.fraction[0] == '\0' ? out : NULL;
}

static void twin_number(struct prng *prng, char *out)
{
    static const char *const edges[] = {"9223372036854775807",
                                        "9223372036854775808",
                                        "2147483648",
                                        "99999999999999999999",
                                        "1",
                                        "0",
                                        "5",
                                        "10"};
    char *at = out;
    if (prng_below(prng, 3) == 0) {
        *at++ = '-';
    }
    if (prng_below(prng, 4) == 0) {
        at += snprintf(at, 40, "%s", edges[prng_below(prng, ARRAY_COUNT(edges))]);
    } else {
        uint64_t count = 1 + prng_below(prng, prng_below(prng, 4) == 0 ? 45 : 8);
        for (uint64_t i = 0; i < count; i++) {
            *at++ = (char)('0' + (prng_below(prng, 2) == 0 && i > 0 ? 0 : prng_below(prng, 10)));
        }
        if (count > 1 && at[-(ptrdiff_t)count] == '0') {
            at[-(ptrdiff_t)count] = '1';
        }
    }
    if (prng_below(prng, 2) == 0) {
        *at++ = '.';
        uint64_t count = 1 + prng_below(prng, prng_below(prng, 4) == 0 ? 45 : 8);
        for (uint64_t i = 0; i < count; i++) {
            *at++ = (char)('0' + (prng_below(prng, 2) == 0 ? 0 : prng_below(prng, 10)));
        }
    }
    if (prng_below(prng, 3) == 0) {
        at += snprintf(at, 8, "e%d", (int)prng_below(prng, 60) - 30);
    }
    *at = '\0';
}

static void twin_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint8_t precision = (uint8_t)(1 + prng_below(&prng, 38));
    uint8_t scale = (uint8_t)prng_below(&prng, precision + 1u);
    static const uint8_t units[] = {VEC_ROWCONV_S, VEC_ROWCONV_MS, VEC_ROWCONV_US, VEC_ROWCONV_NS};
    struct vec_rowconv_column columns[] = {
        {.type = I4},
        {.type = I8},
        {.type = {.kind = VEC_NUMERIC, .precision = precision, .scale = scale}},
        {.type = TZ, .unit = units[prng_below(&prng, 4)]},
        {.type = F8}};
    static const char *const paths[] = {"$", "$", "$", "$", "$"};
    struct conv *c = conv_open(columns, paths, 5);
    char texts[64][160];
    struct json_text records[64];
    char text[CONV_TEXT_BYTES];
    char want[CONV_TEXT_BYTES];
    for (uint32_t i = 0; i < 64; i++) {
        twin_number(&prng, texts[i]);
        records[i] = (struct json_text){texts[i], strlen(texts[i])};
    }
    conv_read(c, records, 64);
    for (uint32_t i = 0; i < 64; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            const char *expected = twin_text(texts[i], columns[k].type, columns[k].unit, want);
            const char *is = conv_text(&c->rc.vectors[k], i, text);
            if (strcmp(is, expected != NULL ? expected : "NULL") != 0) {
                print_message("%s in column %u (%u,%u unit %u)\n", texts[i], k, precision, scale,
                              columns[3].unit);
            }
            assert_string_equal(is, expected != NULL ? expected : "NULL");
        }
        struct vec_value value;
        vec_get(&c->rc.vectors[4], i, &value);
        double nearest = strtod(texts[i], NULL);
        assert_memory_equal(&value.u.real, &nearest, sizeof(nearest));
    }
    conv_close(c);
}

static void numbers_are_what_their_digits_say(void **state)
{
    (void)state;
    struct share share = share_open("numbers against digits", 60);
    while (share_more(&share)) {
        twin_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(records_that_are_no_json_are_null_and_told),
        cmocka_unit_test(a_record_deeper_than_the_limit_is_told_as_such),
        cmocka_unit_test(a_batch_without_nulls_has_no_bitmap_whatever_was_before),
        cmocka_unit_test(of_equal_names_the_last_counts_and_they_are_counted),
        cmocka_unit_test(columns_without_a_path_are_filled_by_hand),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
        cmocka_unit_test(numbers_are_what_their_digits_say),
    };
    struct CMUnitTest tests[ARRAY_COUNT(value_rows) + ARRAY_COUNT(plain)];
    static char names[ARRAY_COUNT(value_rows)][96];
    for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++) {
        snprintf(names[i], sizeof(names[i]), "%s as %s", value_rows[i].json,
                 vec_kind_sql((enum vec_kind)value_rows[i].type.kind));
        tests[i] = (struct CMUnitTest){
            .name = names[i], .test_func = value_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(value_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("views_rowconv", tests, NULL, NULL);
}
