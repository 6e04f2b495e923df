/* The error table: every value has a name and a text, and the retriable ones are those an unchanged
 * request may outlive. */
#include "base/err.h"

#include <string.h>

#include "tests/support/cmocka.h"

static void err_names_and_texts_are_complete_and_distinct(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        assert_true(strlen(err_name((enum err)i)) > 0);
        assert_true(strlen(err_text((enum err)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(err_name((enum err)i), err_name((enum err)j));
            assert_string_not_equal(err_text((enum err)i), err_text((enum err)j));
        }
    }
}

static void err_retriable_follows_the_table(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        const char *name;
        bool is_retriable;
    } rows[] = {
        {ERR_OK, "OK", false},           {ERR_DISK_FULL, "DISK_FULL", true},
        {ERR_FENCED, "FENCED", false},   {ERR_CORRUPT, "CORRUPT", false},
        {ERR_TIMEOUT, "TIMEOUT", true},  {ERR_BUDGET, "BUDGET", true},
        {ERR_INVALID, "INVALID", false}, {ERR_RESET, "RESET", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_string_equal(err_name(rows[i].err), rows[i].name);
        assert_int_equal(err_is_retriable(rows[i].err), rows[i].is_retriable);
    }
}

static void err_value_from_elsewhere_is_named_unknown(void **state)
{
    (void)state;
    assert_string_equal(err_name((enum err)ERR_COUNT), "UNKNOWN");
    assert_string_equal(err_text((enum err)12345), "unknown error");
    assert_false(err_is_retriable((enum err)ERR_COUNT));
}

static void err_record_keeps_place_and_numbers(void **state)
{
    (void)state;
    struct err_info info = {0};
    int line = __LINE__ + 1;
    enum err err = ERR_RECORD(&info, ERR_IO, 4096, 512);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(info.err, ERR_IO);
    assert_int_equal(info.line, line);
    assert_string_equal(info.file, __FILE__);
    assert_int_equal(info.a, 4096);
    assert_int_equal(info.b, 512);
    expect_assert_failure((void)ERR_RECORD(&info, ERR_OK, 0, 0));
}

static void err_info_text_names_the_place_and_fits_any_buffer(void **state)
{
    (void)state;
    struct err_info info = {0};
    (void)err_record(&info, ERR_DISK_FULL, 28, "storage/log/journal.c", 42, 7, 9);
    char text[128];
    size_t length = err_info_format(&info, text, sizeof(text));
    assert_string_equal(text, "DISK_FULL: no space left on the device "
                              "(storage/log/journal.c:42, errno 28, 7, 9)");
    assert_int_equal(length, strlen(text));
    for (size_t bytes = 1; bytes < 40; bytes++) {
        assert_int_equal(err_info_format(&info, text, bytes), bytes - 1);
        assert_int_equal(strlen(text), bytes - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_names_and_texts_are_complete_and_distinct),
        cmocka_unit_test(err_retriable_follows_the_table),
        cmocka_unit_test(err_value_from_elsewhere_is_named_unknown),
        cmocka_unit_test(err_record_keeps_place_and_numbers),
        cmocka_unit_test(err_info_text_names_the_place_and_fits_any_buffer),
    };
    return cmocka_run_group_tests_name("base_err", tests, NULL, NULL);
}
