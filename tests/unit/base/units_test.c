/* Numbers and quantities as text: what is read, what is refused, and that what is written reads
 * back. */
#include "base/units.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5au

/* Rows of "text, error, value": the value is looked at when the error is ERR_OK. */
struct units_row {
    const char *text;
    enum err err;
    uint64_t want;
};

typedef enum err (*units_parser)(const char *text, size_t length, uint64_t *out);

static void units_check_rows(units_parser parse, const struct units_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t got = UNTOUCHED;
        enum err err = parse(rows[i].text, strlen(rows[i].text), &got);
        uint64_t want = rows[i].err == ERR_OK ? rows[i].want : UNTOUCHED;
        if (err != rows[i].err || got != want) {
            fail_msg("\"%s\": %s %" PRIu64 ", want %s %" PRIu64, rows[i].text, err_name(err), got,
                     err_name(rows[i].err), want);
        }
    }
}

static void units_u64_is_digits_and_nothing_else(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"0", ERR_OK, 0},
        {"42", ERR_OK, 42},
        {"007", ERR_OK, 7},
        {"18446744073709551615", ERR_OK, UINT64_MAX},
        {"00000000000000000000000018446744073709551615", ERR_OK, UINT64_MAX},
        {"18446744073709551616", ERR_RANGE, 0},
        {"99999999999999999999999999", ERR_RANGE, 0},
        {"18446744073709551616x", ERR_INVALID, 0},
        {"", ERR_INVALID, 0},
        {"-1", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"1\n", ERR_INVALID, 0},
        {"0x10", ERR_INVALID, 0},
        {"1_000", ERR_INVALID, 0},
        {"1,000", ERR_INVALID, 0},
        {"1e3", ERR_INVALID, 0},
        {"\xd9\xa3", ERR_INVALID, 0}, /* Arabic-Indic digit three */
    };
    units_check_rows(units_parse_u64, rows, ARRAY_COUNT(rows));
}

static enum err units_parse_i64_bits(const char *text, size_t length, uint64_t *out)
{
    int64_t value = (int64_t)*out;
    enum err err = units_parse_i64(text, length, &value);
    *out = (uint64_t)value;
    return err;
}

static enum err units_parse_time_bits(const char *text, size_t length, uint64_t *out)
{
    int64_t value = (int64_t)*out;
    enum err err = units_parse_time_ms(text, length, &value);
    *out = (uint64_t)value;
    return err;
}

static void units_i64_has_its_whole_range(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"0", ERR_OK, 0},
        {"-0", ERR_OK, 0},
        {"-1", ERR_OK, UINT64_MAX},
        {"9223372036854775807", ERR_OK, INT64_MAX},
        {"-9223372036854775808", ERR_OK, (uint64_t)INT64_MIN},
        {"9223372036854775808", ERR_RANGE, 0},
        {"-9223372036854775809", ERR_RANGE, 0},
        {"-99999999999999999999", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"--1", ERR_INVALID, 0},
        {"- 1", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
    };
    units_check_rows(units_parse_i64_bits, rows, ARRAY_COUNT(rows));
}

static void units_parsers_read_no_byte_past_the_length(void **state)
{
    (void)state;
    uint64_t got;
    assert_int_equal(units_parse_u64("1234", 2, &got), ERR_OK);
    assert_int_equal(got, 12);
    assert_int_equal(units_parse_u64("1\0002", 3, &got), ERR_INVALID);
    assert_int_equal(units_parse_bytes("8KiB", 1, &got), ERR_OK);
    assert_int_equal(got, 8);
    assert_int_equal(units_parse_duration_ns("5ms", 2, &got), ERR_OK);
    assert_true(got == 300000000000u);
    double value;
    assert_int_equal(units_parse_double("1.25", 3, &value), ERR_OK);
    assert_true(value == 1.2);
}

/* IEC 80000-13 for KiB and its kin, SI for KB. */
static void units_bytes_are_a_number_and_a_unit(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"0", ERR_OK, 0},
        {"4096", ERR_OK, 4096},
        {"7B", ERR_OK, 7},
        {"64KiB", ERR_OK, 65536},
        {"1 MiB", ERR_OK, 1048576},
        {"10GB", ERR_OK, 10000000000},
        {"10gb", ERR_OK, 10000000000},
        {"1kB", ERR_OK, 1000},
        {"1TB", ERR_OK, 1000000000000},
        {"2tib", ERR_OK, (uint64_t)2 << 40},
        {"3PB", ERR_OK, 3000000000000000},
        {"3PiB", ERR_OK, (uint64_t)3 << 50},
        {"18EB", ERR_OK, 18000000000000000000u},
        {"15EiB", ERR_OK, (uint64_t)15 << 60},
        {"1.5 GiB", ERR_OK, 1610612736},
        {"0.1GiB", ERR_OK, 107374182}, /* 107374182.4 */
        {"0.5B", ERR_OK, 1},
        {"1.000000000000000000000001KB", ERR_OK, 1000},
        {"15.999999999999999999EiB", ERR_OK, UINT64_MAX},
        {"16EiB", ERR_RANGE, 0},
        {"18446744073709551616", ERR_RANGE, 0},
        {"18446744073709551616KB", ERR_RANGE, 0},
        {"18446744073709551615.5B", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"KiB", ERR_INVALID, 0},
        {"64K", ERR_INVALID, 0},
        {"64Ki", ERR_INVALID, 0},
        {"1.5", ERR_INVALID, 0},
        {"1.KB", ERR_INVALID, 0},
        {".5KB", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {" 1KB", ERR_INVALID, 0},
        {"1KB ", ERR_INVALID, 0},
        {"1KB 1B", ERR_INVALID, 0},
        {"-1KB", ERR_INVALID, 0},
        {"1e3B", ERR_INVALID, 0},
        {"1\tKB", ERR_INVALID, 0},
        {"1KBKBKB", ERR_INVALID, 0},
    };
    units_check_rows(units_parse_bytes, rows, ARRAY_COUNT(rows));
}

#define MS     ((uint64_t)1000000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

/* Rows of Go's time_test.go (parseDurationTests) where the forms agree; ours has no signs, wants
 * digits on both sides of a point, rounds where Go cuts, knows d and spaces. */
static void units_durations_are_sums_of_terms(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"0", ERR_OK, 0},
        {"5s", ERR_OK, 5 * SECOND},
        {"30s", ERR_OK, 30 * SECOND},
        {"1478s", ERR_OK, 1478 * SECOND},
        {"5.6s", ERR_OK, 5600 * MS},
        {"1.004s", ERR_OK, 1004 * MS},
        {"1.0040s", ERR_OK, 1004 * MS},
        {"100.00100s", ERR_OK, 100001 * MS},
        {"10ns", ERR_OK, 10},
        {"11us", ERR_OK, 11000},
        {"12\xc2\xb5s", ERR_OK, 12000},
        {"12\xce\xbcs", ERR_OK, 12000},
        {"13ms", ERR_OK, 13 * MS},
        {"15m", ERR_OK, 15 * MINUTE},
        {"16h", ERR_OK, 16 * HOUR},
        {"3h30m", ERR_OK, 3 * HOUR + 30 * MINUTE},
        {"10.5s4m", ERR_OK, 4 * MINUTE + 10500 * MS},
        {"1h2m3s4ms5us6ns", ERR_OK, HOUR + 2 * MINUTE + 3 * SECOND + 4 * MS + 5006},
        {"39h9m14.425s", ERR_OK, 39 * HOUR + 9 * MINUTE + 14425 * MS},
        {"52763797000ns", ERR_OK, 52763797000},
        {"0.3333333333333333333h", ERR_OK, 20 * MINUTE},
        {"0.100000000000000000000h", ERR_OK, 6 * MINUTE},
        {"9007199254740993ns", ERR_OK, 9007199254740993},
        {"9223372036s854ms775us807ns", ERR_OK, INT64_MAX},
        {"5 ms", ERR_OK, 5 * MS},
        {"1h  30 m", ERR_OK, HOUR + 30 * MINUTE},
        {"7d", ERR_OK, 168 * HOUR},
        {"0s", ERR_OK, 0},
        {"18446744073709551615ns", ERR_OK, UINT64_MAX},
        {"18446744073709551616ns", ERR_RANGE, 0},
        {"18446744073709551615ns1ns", ERR_RANGE, 0},
        {"600000d", ERR_RANGE, 0},
        {"99999999999999999999999h 1s", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"3", ERR_INVALID, 0},
        {"00", ERR_INVALID, 0},
        {"-5s", ERR_INVALID, 0},
        {"+5s", ERR_INVALID, 0},
        {"s", ERR_INVALID, 0},
        {".", ERR_INVALID, 0},
        {".s", ERR_INVALID, 0},
        {"5.s", ERR_INVALID, 0},
        {"1M", ERR_INVALID, 0},
        {"1 s ", ERR_INVALID, 0},
        {" 1s", ERR_INVALID, 0},
        {"1h30", ERR_INVALID, 0},
        {"1sec", ERR_INVALID, 0},
        {"1\x85\x85", ERR_INVALID, 0},
        {"hello \xff\xff world", ERR_INVALID, 0},
        {"99999999999999999999999h 1", ERR_INVALID, 0},
    };
    units_check_rows(units_parse_duration_ns, rows, ARRAY_COUNT(rows));
}

static void units_doubles_are_decimal_and_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        double want;
    } rows[] = {
        {"0", ERR_OK, 0.0},
        {"-0", ERR_OK, -0.0},
        {"1.5", ERR_OK, 1.5},
        {"-12.5e-3", ERR_OK, -0.0125},
        {"1E3", ERR_OK, 1000},
        {"1e+3", ERR_OK, 1000},
        {"0.1", ERR_OK, 0.1},
        {"9007199254740993", ERR_OK, 9007199254740992}, /* ties to even */
        {"1.7976931348623157e308", ERR_OK, DBL_MAX},
        {"4.9e-324", ERR_OK, 4.9e-324},
        {"1e-400", ERR_OK, 0.0},
        {"2.2250738585072011e-308", ERR_OK, 0x0.fffffffffffffp-1022}, /* once hung PHP and Java */
        {"1e309", ERR_RANGE, 0},
        {"-1e309", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"nan", ERR_INVALID, 0},
        {"inf", ERR_INVALID, 0},
        {"0x1p3", ERR_INVALID, 0},
        {".5", ERR_INVALID, 0},
        {"5.", ERR_INVALID, 0},
        {"1,5", ERR_INVALID, 0},
        {"1e", ERR_INVALID, 0},
        {"1e+", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
        {"1.5f", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        double got = 77;
        enum err err = units_parse_double(rows[i].text, strlen(rows[i].text), &got);
        if (err != rows[i].err || got != (err == ERR_OK ? rows[i].want : 77) ||
            (err == ERR_OK && !signbit(got) != !signbit(rows[i].want))) {
            fail_msg("\"%s\": %s %g", rows[i].text, err_name(err), got);
        }
    }
    char longest[UNITS_DOUBLE_BYTES_MAX + 1];
    memset(longest, '1', sizeof(longest));
    double got;
    assert_int_equal(units_parse_double(longest, sizeof(longest) - 1, &got), ERR_OK);
    assert_int_equal(units_parse_double(longest, sizeof(longest), &got), ERR_TOO_LARGE);
}

/* Rows of "value, text". */
static void units_check_texts(size_t (*format)(uint64_t value, char out[UNITS_TEXT_BYTES]),
                              const struct units_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[UNITS_TEXT_BYTES];
        assert_int_equal(format(rows[i].want, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void units_sizes_and_counts_are_written_with_one_decimal(void **state)
{
    (void)state;
    static const struct units_row sizes[] = {
        {"0 B", ERR_OK, 0},
        {"1023 B", ERR_OK, 1023},
        {"1 KiB", ERR_OK, 1024},
        {"1.5 KiB", ERR_OK, 1536},
        {"64 KiB", ERR_OK, 65536},
        {"1023.9 KiB", ERR_OK, 1048500},
        {"1 MiB", ERR_OK, 1048575},
        {"1.5 GiB", ERR_OK, 1610612736},
        {"16 EiB", ERR_OK, UINT64_MAX},
    };
    static const struct units_row counts[] = {
        {"0", ERR_OK, 0},
        {"999", ERR_OK, 999},
        {"1k", ERR_OK, 1000},
        {"1.2k", ERR_OK, 1234},
        {"999.9k", ERR_OK, 999949},
        {"1M", ERR_OK, 999950},
        {"3.4G", ERR_OK, 3400 * MS},
        {"18.4E", ERR_OK, UINT64_MAX},
    };
    units_check_texts(units_format_bytes, sizes, ARRAY_COUNT(sizes));
    units_check_texts(units_format_count, counts, ARRAY_COUNT(counts));
}

static void units_durations_are_written_in_one_or_two_units(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"0 ns", ERR_OK, 0},
        {"350 ns", ERR_OK, 350},
        {"1.2 us", ERR_OK, 1234},
        {"1 ms", ERR_OK, 999950},
        {"15 ms", ERR_OK, 15 * MS},
        {"2.5 s", ERR_OK, 2500 * MS},
        {"59.9 s", ERR_OK, 59949 * MS},
        {"1m", ERR_OK, 59950 * MS},
        {"1m", ERR_OK, MINUTE},
        {"1m30s", ERR_OK, 90 * SECOND},
        {"59m59s", ERR_OK, HOUR - SECOND},
        {"1h", ERR_OK, HOUR - SECOND / 2},
        {"2h5m", ERR_OK, 2 * HOUR + 5 * MINUTE + 29 * SECOND},
        {"1d", ERR_OK, 24 * HOUR - MINUTE / 2},
        {"3d4h", ERR_OK, 76 * HOUR},
        {"213503d23h", ERR_OK, 213504 * 24 * HOUR - HOUR},
        {"213504d", ERR_OK, UINT64_MAX},
    };
    units_check_texts(units_format_duration, rows, ARRAY_COUNT(rows));
}

/* Dates from `date -u -d @SECONDS`. */
static void units_time_is_rfc3339_in_utc(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"1970-01-01T00:00:00.000Z", ERR_OK, 0},
        {"1970-01-01T00:00:00.999Z", ERR_OK, 999999999},
        {"1972-02-29T23:59:59.001Z", ERR_OK, 68255999 * SECOND + MS},
        {"2000-02-29T00:00:00.000Z", ERR_OK, 951782400 * SECOND},
        {"2000-03-01T00:00:00.000Z", ERR_OK, 951868800 * SECOND},
        {"2025-11-25T07:51:46.123Z", ERR_OK, 1764057106 * SECOND + 123 * MS},
        {"2100-02-28T12:00:00.000Z", ERR_OK, 4107499200 * SECOND},
        {"2100-03-01T00:00:00.000Z", ERR_OK, 4107542400 * SECOND},
        {"2554-07-21T23:34:33.709Z", ERR_OK, UINT64_MAX},
    };
    units_check_texts(units_format_time, rows, ARRAY_COUNT(rows));
}

/* The numbers are date(1)'s (date -u -d TEXT +%s). */
static void units_times_are_read_as_rfc3339_and_iso8601(void **state)
{
    (void)state;
    static const struct units_row rows[] = {
        {"1970-01-01", ERR_OK, 0},
        {"1970-01-01T00:00:00Z", ERR_OK, 0},
        {"2018-02-07T01:26:13.840Z", ERR_OK, 1517966773840},
        {"2018-02-07 01:26:13.84", ERR_OK, 1517966773840},
        {"2018-02-07t01:26:13,8409999z", ERR_OK, 1517966773840},
        {"2018-02-07T01:26", ERR_OK, 1517966760000},
        {"2018-02-07T02:26:13.840+01:00", ERR_OK, 1517966773840},
        {"2018-02-06T17:26:13.840-0800", ERR_OK, 1517966773840},
        {"2018-02-06T17:26:13.840-08", ERR_OK, 1517966773840},
        {"2018-02-07T06:56:13.840+05:30", ERR_OK, 1517966773840},
        {"2016-02-29", ERR_OK, 1456704000000},
        {"2000-02-29T12:00Z", ERR_OK, 951825600000},
        {"1969-12-31T23:59:59.999Z", ERR_OK, (uint64_t)-1},
        {"1900-03-01", ERR_OK, (uint64_t)-2203891200000},
        {"0000-01-01", ERR_OK, (uint64_t)-62167219200000},
        {"9999-12-31T23:59:59.999Z", ERR_OK, 253402300799999},
        {"2016-12-31T23:59:60Z", ERR_OK, 1483228800000},
        {"", ERR_INVALID, 0},
        {"2018", ERR_INVALID, 0},
        {"2018-02", ERR_INVALID, 0},
        {"2018-2-7", ERR_INVALID, 0},
        {"2018-02-07T", ERR_INVALID, 0},
        {"2018-02-07T01", ERR_INVALID, 0},
        {"2018-02-07T01:", ERR_INVALID, 0},
        {"2018-02-07T01:26:", ERR_INVALID, 0},
        {"2018-02-07T01:26:13.", ERR_INVALID, 0},
        {"2018-02-07T01:26:61", ERR_INVALID, 0},
        {"2018-02-07T24:00", ERR_INVALID, 0},
        {"2018-02-07T01:60", ERR_INVALID, 0},
        {"2018-02-07T01:26Z ", ERR_INVALID, 0},
        {"2018-02-07T01:26+", ERR_INVALID, 0},
        {"2018-02-07T01:26+1", ERR_INVALID, 0},
        {"2018-02-07T01:26+01:", ERR_INVALID, 0},
        {"2018-02-07T01:26+01:0", ERR_INVALID, 0},
        {"2018-02-07Z", ERR_INVALID, 0},
        {" 2018-02-07", ERR_INVALID, 0},
        {"2018-00-07", ERR_INVALID, 0},
        {"2018-13-07", ERR_INVALID, 0},
        {"2018-02-00", ERR_INVALID, 0},
        {"2018-02-29", ERR_INVALID, 0},
        {"1900-02-29", ERR_INVALID, 0},
        {"2018-04-31", ERR_INVALID, 0},
        {"+2018-02-07", ERR_INVALID, 0},
        {"20180207T012613Z", ERR_INVALID, 0},
        {"1517966773840", ERR_INVALID, 0},
    };
    units_check_rows(units_parse_time_bits, rows, ARRAY_COUNT(rows));
    int64_t got = 7;
    assert_int_equal(units_parse_time_ms("1970-01-01T00:00\0", 17, &got), ERR_INVALID);
    assert_int_equal(got, 7);
}

static void units_doubles_are_written_short_and_exact(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } rows[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1e+21"},
        {-2.5e-7, "-2.5e-07"},
        {100000, "100000"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {1.0 / 3, "0.3333333333333333"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[UNITS_TEXT_BYTES];
        assert_int_equal(units_format_double(rows[i].value, text), strlen(rows[i].want));
        assert_string_equal(text, rows[i].want);
    }
}

/* A locale with a decimal comma, made here because machines seldom have one. */
static void units_are_the_same_under_a_locale_with_a_decimal_comma(void **state)
{
    (void)state;
    char command[256];
    char folder[] = "/tmp/tdb-locale-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof(command),
             "localedef --no-archive -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", folder);
    bool is_made = system(command) == 0;
    setenv("LOCPATH", folder, 1);
    const char *locale = is_made ? setlocale(LC_NUMERIC, "de_DE.UTF-8") : NULL;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    if (locale == NULL) {
        skip_test(__func__, "no German locale: apt-get install locales");
    }
    char text[UNITS_TEXT_BYTES];
    snprintf(text, sizeof(text), "%.1f", 1.5);
    assert_string_equal(text, "1,5"); /* the C library does as the locale says */
    units_format_double(-1234567.5, text);
    assert_string_equal(text, "-1234567.5");
    units_format_double(1e21, text);
    assert_string_equal(text, "1e+21");
    double value;
    assert_int_equal(units_parse_double("1.5", 3, &value), ERR_OK);
    assert_true(value == 1.5);
    assert_int_equal(units_parse_double("1,5", 3, &value), ERR_INVALID);
    setlocale(LC_NUMERIC, "C");
}

static void units_numbers_read_back_what_was_written(void **state)
{
    (void)state;
    struct share share = share_open("numbers read back", 20);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        uint64_t number = prng_u64(&p) >> prng_below(&p, 64);
        uint64_t bits = prng_u64(&p);
        double value, value_got;
        memcpy(&value, &bits, sizeof(value));
        char text[UNITS_TEXT_BYTES];
        uint64_t got;
        int length = snprintf(text, sizeof(text), "%" PRIu64, number);
        assert_int_equal(units_parse_u64(text, (size_t)length, &got), ERR_OK);
        assert_true(got == number);
        int64_t signed_got;
        length = snprintf(text, sizeof(text), "%" PRId64, (int64_t)number);
        assert_int_equal(units_parse_i64(text, (size_t)length, &signed_got), ERR_OK);
        assert_true(signed_got == (int64_t)number);
        if (isfinite(value)) {
            size_t written = units_format_double(value, text);
            assert_int_equal(units_parse_double(text, written, &value_got), ERR_OK);
            assert_memory_equal(&value_got, &value, sizeof(value));
        }
    }
    share_close(&share);
}

/* What people read is within half of its last digit: 5 % is far more than one decimal loses. */
static void units_quantities_read_back_about_what_was_written(void **state)
{
    (void)state;
    struct share share = share_open("quantities read back", 20);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        uint64_t value = prng_u64(&p) >> prng_range(&p, 1, 63);
        char text[UNITS_TEXT_BYTES];
        uint64_t got;
        assert_int_equal(units_parse_bytes(text, units_format_bytes(value, text), &got), ERR_OK);
        if (fabs((double)got - (double)value) > 0.05 * (double)value) {
            fail_msg("%" PRIu64 " bytes: \"%s\"", value, text);
        }
        size_t length = units_format_duration(value, text);
        assert_int_equal(units_parse_duration_ns(text, length, &got), ERR_OK);
        if (fabs((double)got - (double)value) > 0.05 * (double)value) {
            fail_msg("%" PRIu64 " ns: \"%s\"", value, text);
        }
    }
    share_close(&share);
}

/* The date against the C library's, whatever the moment. */
static void units_time_agrees_with_gmtime(void **state)
{
    (void)state;
    struct share share = share_open("time against gmtime", 10);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        uint64_t wall_ns = prng_u64(&p);
        time_t seconds = (time_t)(wall_ns / 1000000000);
        struct tm tm;
        char want[UNITS_TEXT_BYTES], got[UNITS_TEXT_BYTES];
        size_t length = strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
        snprintf(want + length, sizeof(want) - length, ".%03uZ",
                 (unsigned)(wall_ns / 1000000 % 1000));
        units_format_time(wall_ns, got);
        assert_string_equal(got, want);
        int64_t read_ms;
        assert_int_equal(units_parse_time_ms(got, strlen(got), &read_ms), ERR_OK);
        assert_int_equal(read_ms, wall_ns / 1000000);
    }
    share_close(&share);
}

/* Around each power of ten, and anywhere: as printf writes it. */
static void units_write_a_number_in_its_digits(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 20);
    uint64_t power = 1;
    for (uint64_t i = 0; i < 100000; i++) {
        power = i % 3 == 0 && i > 0 && i < 60 ? power * 10 : power;
        uint64_t value = i < 60 ? power + i % 3 - 1 : prng_u64(&prng) >> (i % 64);
        char want[32];
        char got[UNITS_U64_BYTES];
        int length = snprintf(want, sizeof(want), "%" PRIu64, value);
        assert_int_equal(units_write_u64(got, value), length);
        assert_memory_equal(got, want, (size_t)length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_u64_is_digits_and_nothing_else),
        cmocka_unit_test(units_i64_has_its_whole_range),
        cmocka_unit_test(units_parsers_read_no_byte_past_the_length),
        cmocka_unit_test(units_bytes_are_a_number_and_a_unit),
        cmocka_unit_test(units_durations_are_sums_of_terms),
        cmocka_unit_test(units_doubles_are_decimal_and_nearest),
        cmocka_unit_test(units_sizes_and_counts_are_written_with_one_decimal),
        cmocka_unit_test(units_durations_are_written_in_one_or_two_units),
        cmocka_unit_test(units_time_is_rfc3339_in_utc),
        cmocka_unit_test(units_times_are_read_as_rfc3339_and_iso8601),
        cmocka_unit_test(units_doubles_are_written_short_and_exact),
        cmocka_unit_test(units_are_the_same_under_a_locale_with_a_decimal_comma),
        cmocka_unit_test(units_numbers_read_back_what_was_written),
        cmocka_unit_test(units_write_a_number_in_its_digits),
        cmocka_unit_test(units_quantities_read_back_about_what_was_written),
        cmocka_unit_test(units_time_agrees_with_gmtime),
    };
    return cmocka_run_group_tests_name("base_units", tests, NULL, NULL);
}
