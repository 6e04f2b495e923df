/* Columns that characters take, as terminals draw them. */
#include "base/width.h"

#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"

static void width_of_texts_is_that_of_their_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t columns;
    } rows[] = {
        {"", 0},
        {"plain", 5},
        {"größe", 5},
        {"日本語", 6},
        {"한글", 4},
        {"e\u0301", 1},
        {"a\u200bb", 2},
        {"😀", 2},
        {"\xff\xfe", 2},         /* bytes that are none: one each */
        {"a\xe6\x97", 3},        /* a character that is cut */
        {"\xed\xa0\x80", 3},     /* half a character */
        {"(\xef\xbc\x81)", 4},   /* a full-width mark between narrow ones */
        {"\xf0\xa0\x80\x80", 2}, /* beyond the basic plane */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(width_of_text(rows[i].text, strlen(rows[i].text)), rows[i].columns);
    }
}

static void width_of_points_is_none_one_or_two(void **state)
{
    (void)state;
    static const struct {
        uint32_t point, columns;
    } rows[] = {
        {'a', 1},    {0x00e9, 1}, {0x0300, 0}, {0x10ff, 1},  {0x1100, 2},  {0x115f, 2},
        {0x1160, 1}, {0x200d, 0}, {0x4e00, 2}, {0x1f600, 2}, {0x3fffd, 2}, {0x3fffe, 1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(width_of_point(rows[i].point), rows[i].columns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(width_of_texts_is_that_of_their_characters),
        cmocka_unit_test(width_of_points_is_none_one_or_two),
    };
    return cmocka_run_group_tests_name("base_width", tests, NULL, NULL);
}
