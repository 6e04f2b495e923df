/* Dates and timestamps: PostgreSQL's answers, and every day of the range. */
#include "views/vec/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/values.h"
#include "views/vec/integer.h"

#define PLAIN "timestamp without time zone"
#define ZONED "timestamp with time zone"

static bool calendar_date(struct values_case *c, size_t i, int32_t *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_date_parse(c->args[i].text, c->args[i].length, out), "date");
}

static bool calendar_at(struct values_case *c, size_t i, int64_t *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_timestamp_parse(c->args[i].text, c->args[i].length, false, out),
                          "timestamp");
}

static bool calendar_zoned(struct values_case *c, size_t i, int64_t *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_timestamp_parse(c->args[i].text, c->args[i].length, true, out),
                          ZONED);
}

static bool calendar_interval(struct values_case *c, size_t i, struct vec_interval *out)
{
    c->subject = c->args[i];
    return values_is_fine(c, vec_interval_parse(c->args[i].text, c->args[i].length, out),
                          "interval");
}

static void calendar_answer_date(struct values_case *c, enum vec_fault fault, int32_t date)
{
    if (values_is_fine(c, fault, "date")) {
        vec_date_write(&c->out, date);
    }
}

static void calendar_answer_at(struct values_case *c, enum vec_fault fault, int64_t at)
{
    if (values_is_fine(c, fault, PLAIN)) {
        vec_timestamp_write(&c->out, at, false);
    }
}

static void calendar_answer_zoned(struct values_case *c, enum vec_fault fault, int64_t at)
{
    if (values_is_fine(c, fault, ZONED)) {
        vec_timestamp_write(&c->out, at, true);
    }
}

static void calendar_answer_interval(struct values_case *c, enum vec_fault fault,
                                     const struct vec_interval *a)
{
    if (values_is_fine(c, fault, "interval")) {
        vec_interval_write(&c->out, a);
    }
}

static void calendar_date_in(struct values_case *c)
{
    int32_t date;
    if (calendar_date(c, 0, &date)) {
        calendar_answer_date(c, VEC_FAULT_NONE, date);
    }
}

static void calendar_timestamp_in(struct values_case *c)
{
    int64_t at;
    if (calendar_at(c, 0, &at)) {
        calendar_answer_at(c, VEC_FAULT_NONE, at);
    }
}

static void calendar_timestamptz_in(struct values_case *c)
{
    int64_t at;
    if (calendar_zoned(c, 0, &at)) {
        calendar_answer_zoned(c, VEC_FAULT_NONE, at);
    }
}

static void calendar_date_add(struct values_case *c)
{
    int32_t date;
    if (calendar_date(c, 0, &date)) {
        enum vec_fault fault = vec_date_add(date, values_int(&c->args[1]), &date);
        calendar_answer_date(c, fault, date);
    }
}

static void calendar_date_sub_days(struct values_case *c)
{
    int32_t date;
    if (calendar_date(c, 0, &date)) {
        enum vec_fault fault = vec_date_sub_days(date, values_int(&c->args[1]), &date);
        calendar_answer_date(c, fault, date);
    }
}

static void calendar_date_sub(struct values_case *c)
{
    int32_t a, b, days;
    if (calendar_date(c, 0, &a) && calendar_date(c, 1, &b) &&
        values_is_fine(c, vec_date_sub(a, b, &days), "date")) {
        vec_int8_write(&c->out, days);
    }
}

static void calendar_date_add_interval(struct values_case *c)
{
    int32_t date;
    int64_t at;
    struct vec_interval interval;
    if (calendar_date(c, 0, &date) && calendar_interval(c, 1, &interval) &&
        values_is_fine(c, vec_date_to_timestamp(date, &at), "date")) {
        enum vec_fault fault = vec_timestamp_add(at, &interval, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_date_to_timestamp(struct values_case *c)
{
    int32_t date;
    int64_t at;
    if (calendar_date(c, 0, &date)) {
        enum vec_fault fault = vec_date_to_timestamp(date, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_timestamp_to_date(struct values_case *c)
{
    int64_t at;
    if (calendar_at(c, 0, &at)) {
        calendar_answer_date(c, VEC_FAULT_NONE, vec_timestamp_to_date(at));
    }
}

static void calendar_add(struct values_case *c)
{
    int64_t at;
    struct vec_interval interval;
    if (calendar_at(c, 0, &at) && calendar_interval(c, 1, &interval)) {
        enum vec_fault fault = vec_timestamp_add(at, &interval, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_sub_interval(struct values_case *c)
{
    int64_t at;
    struct vec_interval interval;
    if (calendar_at(c, 0, &at) && calendar_interval(c, 1, &interval)) {
        enum vec_fault fault = vec_timestamp_sub_interval(at, &interval, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_sub(struct values_case *c)
{
    int64_t a, b;
    struct vec_interval out;
    if (calendar_at(c, 0, &a) && calendar_at(c, 1, &b)) {
        calendar_answer_interval(c, vec_timestamp_sub(a, b, &out), &out);
    }
}

static void calendar_age(struct values_case *c)
{
    int64_t a, b;
    struct vec_interval out;
    if (calendar_at(c, 0, &a) && calendar_at(c, 1, &b)) {
        calendar_answer_interval(c, vec_timestamp_age(a, b, &out), &out);
    }
}

static void calendar_trunc(struct values_case *c)
{
    int64_t at;
    if (calendar_at(c, 1, &at)) {
        c->subject = c->args[0];
        enum vec_fault fault = vec_timestamp_trunc(values_unit(&c->args[0], false), at, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_trunc_zoned(struct values_case *c)
{
    int64_t at;
    if (calendar_zoned(c, 1, &at)) {
        c->subject = c->args[0];
        enum vec_fault fault = vec_timestamp_trunc(values_unit(&c->args[0], false), at, &at);
        calendar_answer_zoned(c, fault, at);
    }
}

static void calendar_bin(struct values_case *c)
{
    int64_t at, origin;
    struct vec_interval stride;
    if (calendar_interval(c, 0, &stride) && calendar_at(c, 1, &at) && calendar_at(c, 2, &origin)) {
        enum vec_fault fault = vec_timestamp_bin(&stride, at, origin, &at);
        calendar_answer_at(c, fault, at);
    }
}

static void calendar_answer_part(struct values_case *c, enum vec_fault fault, const char *type,
                                 const struct vec_numeric *out)
{
    if (values_is_fine(c, fault, type)) {
        vec_numeric_write(&c->out, out);
    }
}

static void calendar_extract(struct values_case *c)
{
    int64_t at;
    struct vec_numeric out;
    if (calendar_at(c, 1, &at)) {
        c->subject = c->args[0];
        enum vec_fault fault =
            vec_timestamp_extract(values_unit(&c->args[0], true), at, false, &out);
        calendar_answer_part(c, fault, PLAIN, &out);
    }
}

static void calendar_extract_zoned(struct values_case *c)
{
    int64_t at;
    struct vec_numeric out;
    if (calendar_zoned(c, 1, &at)) {
        c->subject = c->args[0];
        enum vec_fault fault =
            vec_timestamp_extract(values_unit(&c->args[0], true), at, true, &out);
        calendar_answer_part(c, fault, ZONED, &out);
    }
}

static void calendar_extract_date(struct values_case *c)
{
    int32_t date;
    struct vec_numeric out;
    if (calendar_date(c, 1, &date)) {
        c->subject = c->args[0];
        enum vec_fault fault = vec_date_extract(values_unit(&c->args[0], true), date, &out);
        calendar_answer_part(c, fault, "date", &out);
    }
}

static void calendar_make_date(struct values_case *c)
{
    static char text[64];
    int32_t date;
    int fields[3];
    for (size_t i = 0; i < 3; i++) {
        fields[i] = values_int(&c->args[i]);
    }
    enum vec_fault fault = vec_date_make(fields[0], fields[1], fields[2], &date);
    int year = fields[0] + (fault == VEC_FAULT_MAKE_DATE_RANGE && fields[0] < 0);
    c->subject.text = text;
    c->subject.length =
        (size_t)snprintf(text, sizeof(text), "%d-%02d-%02d", year, fields[1], fields[2]);
    calendar_answer_date(c, fault, date);
}

static void calendar_make_timestamp(struct values_case *c)
{
    static char text[64];
    int64_t at;
    int fields[5];
    for (size_t i = 0; i < 5; i++) {
        fields[i] = values_int(&c->args[i]);
    }
    double second = strtod(c->args[5].text, NULL);
    enum vec_fault fault =
        vec_timestamp_make(fields[0], fields[1], fields[2], fields[3], fields[4], second, &at);
    c->subject.text = text;
    c->subject.length =
        (size_t)snprintf(text, sizeof(text), "%d:%02d:%02g", fields[3], fields[4], second);
    calendar_answer_at(c, fault, at);
}

static void calendar_to_timestamp(struct values_case *c)
{
    int64_t at;
    enum vec_fault fault = vec_timestamp_from_seconds(strtod(c->args[0].text, NULL), &at);
    static char text[64];
    c->subject.text = text;
    c->subject.length = (size_t)snprintf(text, sizeof(text), "%g", strtod(c->args[0].text, NULL));
    calendar_answer_zoned(c, fault, at);
}

static void calendar_to_zone(struct values_case *c)
{
    int64_t at;
    int32_t offset;
    if (calendar_zoned(c, 0, &at)) {
        c->subject = c->args[1];
        if (values_is_fine(c, vec_zone_parse(c->args[1].text, c->args[1].length, &offset), "")) {
            enum vec_fault fault = vec_timestamp_to_zone(at, offset, &at);
            calendar_answer_at(c, fault, at);
        }
    }
}

static void calendar_from_zone(struct values_case *c)
{
    int64_t at;
    int32_t offset;
    if (calendar_at(c, 0, &at)) {
        c->subject = c->args[1];
        if (values_is_fine(c, vec_zone_parse(c->args[1].text, c->args[1].length, &offset), "")) {
            enum vec_fault fault = vec_timestamp_from_zone(at, offset, &at);
            calendar_answer_zoned(c, fault, at);
        }
    }
}

static const struct values_operation calendar_operations[] = {
    {"date_in", calendar_date_in},
    {"timestamp_in", calendar_timestamp_in},
    {"timestamptz_in", calendar_timestamptz_in},
    {"date_add", calendar_date_add},
    {"date_sub_days", calendar_date_sub_days},
    {"date_sub", calendar_date_sub},
    {"date_add_interval", calendar_date_add_interval},
    {"date_to_timestamp", calendar_date_to_timestamp},
    {"timestamp_to_date", calendar_timestamp_to_date},
    {"add", calendar_add},
    {"sub_interval", calendar_sub_interval},
    {"sub", calendar_sub},
    {"age", calendar_age},
    {"trunc", calendar_trunc},
    {"trunc_zoned", calendar_trunc_zoned},
    {"bin", calendar_bin},
    {"extract", calendar_extract},
    {"extract_zoned", calendar_extract_zoned},
    {"extract_date", calendar_extract_date},
    {"make_date", calendar_make_date},
    {"make_timestamp", calendar_make_timestamp},
    {"to_timestamp", calendar_to_timestamp},
    {"to_zone", calendar_to_zone},
    {"from_zone", calendar_from_zone},
};

static void calendar_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("calendar", calendar_operations, ARRAY_COUNT(calendar_operations), 3000);
}

/* The day after, as a person counts. */
static struct vec_civil calendar_next(struct vec_civil civil)
{
    civil.day++;
    if (civil.day > vec_month_days(civil.year, civil.month)) {
        civil.day = 1;
        civil.month++;
    }
    if (civil.month > 12) {
        civil.month = 1;
        civil.year++;
    }
    return civil;
}

static void calendar_walk(int32_t date, int days)
{
    struct vec_civil civil = vec_date_civil(date);
    for (; days > 0 && date < VEC_DATE_END; days--, date++) {
        struct vec_civil got = vec_date_civil(date);
        assert_int_equal(got.year, civil.year);
        assert_int_equal(got.month, civil.month);
        assert_int_equal(got.day, civil.day);
        assert_int_equal(vec_date_of(got), date);
        civil = calendar_next(civil);
    }
}

static void calendar_days_follow_each_other(void **state)
{
    (void)state;
    static const int32_t starts[] = {
        VEC_DATE_MIN,    VEC_DATE_END - 1000,
        -VEC_EPOCH_DAYS, 0,
        -800000,         (int32_t)(VEC_TIMESTAMP_END / VEC_DAY_US) - 500};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        calendar_walk(starts[i], 1000);
    }
    struct share share = share_open("days in a row", 20);
    while (share_more(&share)) {
        struct prng rng;
        prng_init(&rng, share_case_seed(&share));
        int64_t range = (int64_t)VEC_DATE_END - VEC_DATE_MIN;
        calendar_walk((int32_t)(VEC_DATE_MIN + (int64_t)prng_below(&rng, (uint64_t)range)), 1500);
    }
    share_close(&share);
}

/* A moment anywhere, often of our days, often at an edge of the day. */
static int64_t calendar_random(struct prng *rng)
{
    uint64_t range = prng_chance(rng, 1, 2)
                         ? (uint64_t)VEC_TIMESTAMP_END + (uint64_t)-VEC_TIMESTAMP_MIN
                         : 200 * 366 * (uint64_t)VEC_DAY_US;
    int64_t least = range > (uint64_t)INT64_MAX ? VEC_TIMESTAMP_MIN : -100 * 366 * VEC_DAY_US;
    int64_t at = (int64_t)((uint64_t)least + prng_below(rng, range));
    if (prng_chance(rng, 1, 4)) {
        at -= at % VEC_DAY_US + (int64_t)prng_below(rng, 3);
    }
    return at < VEC_TIMESTAMP_MIN ? VEC_TIMESTAMP_MIN : at;
}

static void calendar_text_reads_back(void **state)
{
    (void)state;
    struct share share = share_open("text of moments", 30);
    while (share_more(&share)) {
        struct prng rng;
        char text[VEC_CALENDAR_TEXT_BYTES];
        prng_init(&rng, share_case_seed(&share));
        int64_t at = calendar_random(&rng);
        int64_t again = 0;
        int32_t date = vec_timestamp_to_date(at);
        int32_t date_again = 0;
        for (int is_zoned = 0; is_zoned < 2; is_zoned++) {
            struct bytes_writer w = bytes_writer(text, sizeof(text));
            vec_timestamp_write(&w, at, is_zoned);
            assert_int_equal(w.err, ERR_OK);
            assert_int_equal(vec_timestamp_parse(text, w.pos, is_zoned, &again), VEC_FAULT_NONE);
            assert_int_equal(again, at);
            char spaced[VEC_CALENDAR_TEXT_BYTES + 1] = " "; /* read by another way */
            memcpy(spaced + 1, text, w.pos);
            again = 0;
            assert_int_equal(vec_timestamp_parse(spaced, w.pos + 1, is_zoned, &again),
                             VEC_FAULT_NONE);
            assert_int_equal(again, at);
        }
        struct bytes_writer w = bytes_writer(text, sizeof(text));
        vec_timestamp_write_iso(&w, at, true);
        bool is_rfc = text[0] != '-' && text[0] != '+' && memcmp(text, "0000", 4) != 0;
        if (is_rfc) {
            assert_int_equal(w.pos, strlen("2020-01-02T03:04:05.678901Z"));
            assert_int_equal(vec_timestamp_parse(text, w.pos, true, &again), VEC_FAULT_NONE);
            assert_int_equal(again, at);
        }
        w = bytes_writer(text, sizeof(text));
        vec_date_write(&w, date);
        assert_int_equal(vec_date_parse(text, w.pos, &date_again), VEC_FAULT_NONE);
        assert_int_equal(date_again, date);
    }
    share_close(&share);
}

/* What is added and taken away again, and how a difference is taken apart. */
static void calendar_differences_add_up(void **state)
{
    (void)state;
    struct share share = share_open("differences", 30);
    while (share_more(&share)) {
        struct prng rng;
        prng_init(&rng, share_case_seed(&share));
        int64_t a = calendar_random(&rng);
        int64_t b = calendar_random(&rng);
        int64_t back = 0;
        struct vec_interval difference;
        if (vec_timestamp_sub(a, b, &difference) == VEC_FAULT_NONE) {
            assert_int_equal(vec_timestamp_add(b, &difference, &back), VEC_FAULT_NONE);
            assert_int_equal(back, a);
        }
        assert_int_equal(vec_timestamp_age(a, b, &difference), VEC_FAULT_NONE);
        assert_true(difference.months % 12 > -12);
        assert_true(abs(difference.days) <= 31);
        assert_true(llabs((long long)difference.us) < VEC_DAY_US);
        if (vec_timestamp_trunc(VEC_UNIT_MONTH, a, &back) == VEC_FAULT_NONE) {
            assert_true(back <= a);
            assert_true(a - back < 31 * VEC_DAY_US);
            assert_int_equal(vec_date_civil(vec_timestamp_to_date(back)).day, 1);
        }
    }
    share_close(&share);
}

static void calendar_iso_text_is_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"2020-01-02 03:04:05", "2020-01-02T03:04:05.000000Z"},
        {"1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999Z"},
        {"0001-12-31 12:00:00 BC", "0000-12-31T12:00:00.000000Z"},
        {"0044-03-15 12:00:00 BC", "-000043-03-15T12:00:00.000000Z"},
        {"12020-01-02", "+012020-01-02T00:00:00.000000Z"},
        {"infinity", "infinity"},
        {"-infinity", "-infinity"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[VEC_CALENDAR_TEXT_BYTES] = {0};
        struct bytes_writer w = bytes_writer(text, sizeof(text) - 1);
        int64_t at = 0;
        assert_int_equal(vec_timestamp_parse(rows[i].text, strlen(rows[i].text), true, &at),
                         VEC_FAULT_NONE);
        vec_timestamp_write_iso(&w, at, true);
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_answers_are_postgresqls),
        cmocka_unit_test(calendar_days_follow_each_other),
        cmocka_unit_test(calendar_text_reads_back),
        cmocka_unit_test(calendar_differences_add_up),
        cmocka_unit_test(calendar_iso_text_is_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
