/* JSON numbers: forms, parts, doubles, and what is none; random ones against the tests' own reader
 * and the C library. */
#include "schemas/json/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "base/units.h"
#include "schemas/json/reader.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"

/* Each row is read alone, and behind 16 bytes, where the fast way is open to it. */
static const char *const number_prefixes[] = {"", "{\"a\":[1,2,3,45,"};

static bool number_read(const char *prefix, const char *text, struct json_number *out,
                        uint32_t *fault)
{
    size_t length = strlen(text);
    size_t before = strlen(prefix);
    char *copy = malloc(before + length); /* ASan sees a byte too many */
    assert_non_null(copy);
    memcpy(copy, prefix, before);
    memcpy(copy + before, text, length);
    bool is_number =
        json_number_read(copy, (uint32_t)before, (uint32_t)(before + length), out, fault);
    *fault -= (uint32_t)before;
    free(copy);
    return is_number;
}

static void json_number_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_number_form form;
        int64_t digits;
        int16_t exponent;
    } rows[] = {
        {"0", JSON_INTEGER, 0, 0},
        {"-0", JSON_INTEGER, 0, 0},
        {"7", JSON_INTEGER, 7, 0},
        {"-12", JSON_INTEGER, -12, 0},
        {"12345678", JSON_INTEGER, 12345678, 0},
        {"1517966773840", JSON_INTEGER, 1517966773840, 0},
        {"1234567890123456", JSON_INTEGER, 1234567890123456, 0},
        {"-1234567890123456", JSON_INTEGER, -1234567890123456, 0},
        {"12345678901234567", JSON_INTEGER, 12345678901234567, 0},
        {"9223372036854775807", JSON_INTEGER, INT64_MAX, 0},
        {"-9223372036854775808", JSON_INTEGER, INT64_MIN, 0},
        {"9223372036854775808", JSON_LARGE, 0, JSON_EXPONENT_NONE},
        {"-9223372036854775809", JSON_LARGE, 0, JSON_EXPONENT_NONE},
        {"123456789012345678901234567890", JSON_LARGE, 0, JSON_EXPONENT_NONE},
        {"1.50", JSON_FRACTION, 150, -2},
        {"0.5", JSON_FRACTION, 5, -1},
        {"-0.04214", JSON_FRACTION, -4214, -5},
        {"-118.6671667", JSON_FRACTION, -1186671667, -7},
        {"12345678.1234567", JSON_FRACTION, 123456781234567, -7},
        {"0.12345678901234", JSON_FRACTION, 12345678901234, -14},
        {"0.000000000000000001", JSON_FRACTION, 1, -18},
        {"1.2345678901234567890123", JSON_FRACTION, 0, JSON_EXPONENT_NONE},
        {"1e3", JSON_EXPONENT, 1, 3},
        {"1E+3", JSON_EXPONENT, 1, 3},
        {"-1.5e-7", JSON_EXPONENT, -15, -8},
        {"0e0", JSON_EXPONENT, 0, 0},
        {"1e9999", JSON_EXPONENT, 1, 9999},
        {"1e00001", JSON_EXPONENT, 0, JSON_EXPONENT_NONE},
        {"1e99999", JSON_EXPONENT, 0, JSON_EXPONENT_NONE},
    };
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        struct json_number number;
        uint32_t fault;
        if (!number_read(number_prefixes[i % 2], rows[i / 2].text, &number, &fault) ||
            number.form != rows[i / 2].form || number.digits != rows[i / 2].digits ||
            number.exponent != rows[i / 2].exponent) {
            fail_msg("%s: form %d, %lld * 10^%d", rows[i / 2].text, number.form,
                     (long long)number.digits, number.exponent);
        }
    }
}

static void json_number_that_is_none_shows_where(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t fault;
    } rows[] = {
        {"-", 1},     {"-a", 1},   {"01", 1},    {"-01", 2},       {"00", 1},         {"1.", 2},
        {"1.e1", 2},  {"1e", 2},   {"1e+", 3},   {"1e-x", 3},      {"1x", 1},         {"1.5.5", 3},
        {"-.5", 1},   {"1.5x", 3}, {"1\xff", 1}, {"12345678a", 8}, {"123456789a", 9}, {"0x1", 1},
        {"1e5.5", 3}, {"1-", 1},   {"--1", 1},   {"1/2", 1},       {"1:", 1},         {"1\x80", 1},
    };
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        struct json_number number;
        uint32_t fault = 0;
        if (number_read(number_prefixes[i % 2], rows[i / 2].text, &number, &fault) ||
            fault != rows[i / 2].fault) {
            fail_msg("%s: fault at %u", rows[i / 2].text, fault);
        }
    }
}

static void json_number_becomes_the_nearest_double(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0",
        "1",
        "-1.5",
        "0.1",
        "34.4945",
        "-118.6671667",
        "1e22",
        "1e23",
        "-1e-22",
        "5e-324",
        "2e-324",
        "0.30000000000000004",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9007199254740993.0",
        "123456789012345678901234567890",
        "1.7976931348623157e308",
        "100000000000000016384e-4",
        "0e9999",
        "1e-9999",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json_number number;
        uint32_t fault;
        double got;
        assert_true(number_read("", rows[i], &number, &fault));
        assert_int_equal(json_number_double(&number, rows[i], (uint32_t)strlen(rows[i]), &got),
                         ERR_OK);
        if (got != strtod(rows[i], NULL)) {
            fail_msg("%s became %.17g", rows[i], got);
        }
    }
    struct json_number number;
    uint32_t fault;
    double got;
    assert_true(number_read("", "-0.0", &number, &fault));
    assert_int_equal(json_number_double(&number, "-0.0", 4, &got), ERR_OK);
    assert_true(__builtin_signbit(got));
    assert_true(number_read("", "1e309", &number, &fault));
    assert_int_equal(json_number_double(&number, "1e309", 5, &got), ERR_RANGE);
}

/* A text that is a number or nearly one. */
static void number_random(struct prng *p, char out[64])
{
    size_t length = 0;
    if (prng_chance(p, 1, 3)) {
        out[length++] = '-';
    }
    for (uint64_t left = prng_range(p, 1, prng_chance(p, 1, 8) ? 24 : 9); left > 0; left--) {
        out[length++] = (char)('0' + prng_below(p, 10));
    }
    if (prng_chance(p, 1, 2)) {
        out[length++] = '.';
        for (uint64_t left = prng_range(p, 0, 9); left > 0; left--) {
            out[length++] = (char)('0' + prng_below(p, 10));
        }
    }
    if (prng_chance(p, 1, 4)) {
        length += (size_t)snprintf(out + length, 8, "%c%d", prng_chance(p, 1, 2) ? 'e' : 'E',
                                   (int)prng_range(p, 0, 700) - 350);
    }
    if (prng_chance(p, 1, 6)) {
        out[prng_below(p, length)] = "0-+.eE ,:/;x\x80"[prng_below(p, 13)];
    }
    out[length] = '\0';
}

static enum err number_taken(void *context, size_t record, const struct json_found *found,
                             uint32_t duplicates_count)
{
    (void)record, (void)found, (void)duplicates_count;
    *(bool *)context = true;
    return ERR_OK;
}

static enum err number_refused(void *context, size_t record, const struct json_fault *fault)
{
    (void)record, (void)fault;
    *(bool *)context = false;
    return ERR_OK;
}

/* Whether a record may hold `text` as an item that nobody wants: those are only checked. */
static bool number_is_skipped(struct json_reader *reader, const char *text)
{
    static const struct json_sink_ops ops = {number_taken, number_refused};
    char record[128];
    bool is_taken = false;
    size_t done_count;
    size_t length = (size_t)snprintf(record, sizeof(record), "[\"a longer text\",%s]", text);
    assert_int_equal(json_reader_read(reader, &(struct json_text){record, length}, 1, &ops,
                                      &is_taken, &done_count),
                     ERR_OK);
    return is_taken;
}

/* Its parts say the same as the C library. */
static void number_check(const char *text, const struct json_number *number, uint64_t seed)
{
    size_t length = strlen(text);
    double got, want;
    int64_t integer;
    char parts[64];
    enum err err = json_number_double(number, text, (uint32_t)length, &got);
    bool is_integer = units_parse_i64(text, length, &integer) == ERR_OK;
    if (err != units_parse_double(text, length, &want) || (err == ERR_OK && got != want) ||
        (number->form == JSON_INTEGER) != is_integer || (is_integer && integer != number->digits)) {
        fail_msg("%s: %.17g, %lld: seed %llu", text, got, (long long)number->digits,
                 (unsigned long long)seed);
    }
    if (number->exponent != JSON_EXPONENT_NONE) {
        snprintf(parts, sizeof(parts), "%llde%d", (long long)number->digits, number->exponent);
        if (err == ERR_OK && strtod(parts, NULL) != want) {
            fail_msg("%s: %s: seed %llu", text, parts, (unsigned long long)seed);
        }
    }
}

static void json_numbers_agree_with_other_readers(void **state)
{
    (void)state;
    struct share share = share_open("numbers against other readers", 80);
    struct budget budget;
    struct json_node root = {.path = JSON_NONE, .end = 1, .first_index = JSON_NONE};
    struct json_paths none = {.nodes = &root, .nodes_count = 1};
    static struct json_reader reader;
    struct cpu cpu;
    cpu_detect(&cpu);
    budget_init(&budget, "test", 4096, NULL);
    assert_int_equal(
        json_reader_init(&reader, json_indexer_for(&cpu), &none, JSON_LIMITS_DEFAULT, &budget),
        ERR_OK);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        char text[64];
        number_random(&p, text);
        struct json_number number;
        uint32_t fault;
        bool is_number = number_read(number_prefixes[prng_below(&p, 2)], text, &number, &fault);
        bool is_json = json_strict_is_valid(text, strlen(text)) && strchr(text, ' ') == NULL;
        bool is_one = strpbrk(text, " ,") == NULL; /* else a record may hold it as two */
        if (is_number != is_json || (is_one && number_is_skipped(&reader, text) != is_json)) {
            fail_msg("%s: seed %llu", text, (unsigned long long)share_case_seed(&share));
        }
        if (is_number) {
            number_check(text, &number, share_case_seed(&share));
        }
    }
    json_reader_deinit(&reader);
    budget_deinit(&budget);
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_number_is_taken_apart),
        cmocka_unit_test(json_number_that_is_none_shows_where),
        cmocka_unit_test(json_number_becomes_the_nearest_double),
        cmocka_unit_test(json_numbers_agree_with_other_readers),
    };
    return cmocka_run_group_tests_name("schemas_json_number", tests, NULL, NULL);
}
