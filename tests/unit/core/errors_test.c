/* Error rows: each once, texts cut where characters end, the oldest gone first. */
#include "broker/core/errors.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

static struct core_error error_of(uint64_t offset, const char *column)
{
    return (struct core_error){.stream = {{1}},
                               .topic = {{2}},
                               .partition = 3,
                               .offset = offset,
                               .column = column,
                               .code = "22P02",
                               .stream_name = "s",
                               .topic_name = "t",
                               .path = "$.a",
                               .excerpt = "no",
                               .excerpt_bytes = 2};
}

static void an_error_is_there_once_whoever_finds_it_again(void **state)
{
    (void)state;
    struct budget budget;
    struct core_errors errors;
    budget_init(&budget, "test", SIZE_MAX, NULL);
    core_errors_init(&errors, &budget, 7);
    struct core_error a = error_of(1, "x");
    assert_true(core_errors_add(&errors, &a));
    assert_false(core_errors_add(&errors, &a));
    struct core_error others[6];
    for (uint32_t i = 0; i < 6; i++) {
        others[i] = a;
    }
    others[0].offset = 2;
    others[1].column = "";
    others[2].partition = 4;
    others[3].topic.bytes[0] = 9;
    others[4].stream.bytes[0] = 9;
    others[5].code = "22003"; /* says the same of another fault */
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(core_errors_add(&errors, &others[i]), i < 5);
    }
    assert_int_equal(errors.found_count, 6);
    uint64_t number = 0;
    struct core_error out;
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(core_errors_next(&errors, &number, &out));
        assert_int_equal(number, i + 1);
    }
    assert_string_equal(out.code, "22P02");
    assert_string_equal(out.excerpt, "no");
    assert_false(core_errors_next(&errors, &number, &out));
    core_errors_deinit(&errors);
    assert_int_equal(budget.used_bytes, 0);
    budget_deinit(&budget);
}

static const struct {
    const char *name;
    const char *text;
    size_t length;
    const char *want;
} excerpt_rows[] = {
    {"an excerpt is the text", "{\"a\": 1}", 8, "{\"a\": 1}"},
    {"no text is no excerpt", "", 0, ""},
    {"characters stay whole", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"what is no UTF-8 is a question mark", "a\xff\xc3z\xed\xa0\x80", 7, "a??z?"},
    {"control characters are, too", "a\0b\x1b[0m\n\x7f", 9, "a?b?[0m??"},
    {"half of a character at the end is one, too", "ab\xe2\x82", 4, "ab?"},
};

static void excerpt_row(void **state)
{
    size_t i = (size_t)*state;
    struct budget budget;
    struct core_errors errors;
    struct core_error out;
    uint64_t number = 0;
    budget_init(&budget, "test", SIZE_MAX, NULL);
    core_errors_init(&errors, &budget, 7);
    struct core_error error = error_of(1, "x");
    error.excerpt = excerpt_rows[i].text;
    error.excerpt_bytes = excerpt_rows[i].length;
    assert_true(core_errors_add(&errors, &error));
    assert_true(core_errors_next(&errors, &number, &out));
    assert_string_equal(out.excerpt, excerpt_rows[i].want);
    assert_int_equal(out.excerpt_bytes, strlen(excerpt_rows[i].want));
    core_errors_deinit(&errors);
    budget_deinit(&budget);
}

static void an_excerpt_is_cut_where_a_character_ends(void **state)
{
    (void)state;
    struct budget budget;
    struct core_errors errors;
    budget_init(&budget, "test", SIZE_MAX, NULL);
    core_errors_init(&errors, &budget, 7);
    char text[600];
    for (size_t shift = 0; shift < 3; shift++) {
        struct core_error out;
        uint64_t number = shift;
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 <= sizeof(text); i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 3);
        }
        struct core_error error = error_of(shift, "x");
        error.excerpt = text;
        error.excerpt_bytes = 597;
        assert_true(core_errors_add(&errors, &error));
        assert_true(core_errors_next(&errors, &number, &out));
        assert_int_equal(out.excerpt_bytes, shift + (256 - shift) / 3 * 3);
        assert_true(json_is_utf8(out.excerpt, out.excerpt_bytes));
    }
    core_errors_deinit(&errors);
    budget_deinit(&budget);
}

static void past_a_bound_the_oldest_go(void **state)
{
    (void)state;
    for (uint32_t is_large = 0; is_large < 2; is_large++) {
        struct budget budget;
        struct core_errors errors;
        char path[1000];
        uint64_t count = is_large != 0 ? 20000 : CORE_ERRORS_COUNT_MAX + 1000;
        memset(path, 'p', sizeof(path));
        path[is_large != 0 ? sizeof(path) - 1 : 1] = '\0';
        budget_init(&budget, "test", SIZE_MAX, NULL);
        core_errors_init(&errors, &budget, 7);
        for (uint64_t i = 0; i < count; i++) {
            struct core_error error = error_of(i, "x");
            error.path = path;
            assert_true(core_errors_add(&errors, &error));
        }
        assert_int_equal(errors.found_count, count);
        assert_true(budget.peak_bytes <= CORE_ERRORS_BYTES_MAX);
        struct core_error out;
        uint64_t number = 0;
        uint64_t first = errors.dropped_count;
        assert_true(first >= 1000);
        for (uint64_t i = first; i < count; i++) {
            assert_true(core_errors_next(&errors, &number, &out));
            assert_int_equal(out.offset, i);
        }
        assert_false(core_errors_next(&errors, &number, &out));
        struct core_error again = error_of(0, "x"); /* forgotten, so new */
        assert_true(core_errors_add(&errors, &again));
        core_errors_deinit(&errors);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
    }
}

static void without_memory_errors_are_counted(void **state)
{
    (void)state;
    struct budget budget;
    struct core_errors errors;
    budget_init(&budget, "test", 0, NULL);
    core_errors_init(&errors, &budget, 7);
    for (uint64_t i = 0; i < 10; i++) {
        struct core_error error = error_of(i, "x");
        budget_set_limit(&budget, i < 5 ? i * 100000 : 1100000);
        assert_true(core_errors_add(&errors, &error));
    }
    struct core_error out;
    uint64_t number = 0;
    assert_int_equal(errors.found_count, 10);
    assert_int_equal(errors.dropped_count, 5);
    assert_true(core_errors_next(&errors, &number, &out));
    assert_int_equal(out.offset, 5);
    core_errors_deinit(&errors);
    budget_deinit(&budget);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(an_error_is_there_once_whoever_finds_it_again),
        cmocka_unit_test(an_excerpt_is_cut_where_a_character_ends),
        cmocka_unit_test(past_a_bound_the_oldest_go),
        cmocka_unit_test(without_memory_errors_are_counted),
    };
    struct CMUnitTest tests[ARRAY_COUNT(excerpt_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(excerpt_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = excerpt_rows[i].name, .test_func = excerpt_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(excerpt_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_errors", tests, NULL, NULL);
}
