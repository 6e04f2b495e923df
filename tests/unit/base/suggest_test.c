/* Suggestions: what a person most likely meant, and silence when nothing is near. */
#include "base/suggest.h"

#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"

static void suggest_names_the_nearest_or_nothing(void **state)
{
    (void)state;
    static const char *const known[] = {"data_dir", "shards", "memory", "log.level", "--version"};
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"datadir", "data_dir"},    {"shard", "shards"},  {"memroy", "memory"},
        {"log.levle", "log.level"}, {"SHARDS", "shards"}, {"--verson", "--version"},
        {"listeners", NULL},        {"", NULL},           {"xyz", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *got = suggest_nearest(rows[i].name, known, ARRAY_COUNT(known));
        if (rows[i].want == NULL) {
            assert_null(got);
        } else {
            assert_non_null(got);
            assert_string_equal(got, rows[i].want);
        }
    }
}

static void suggest_ignores_names_over_the_limit(void **state)
{
    (void)state;
    char name[SUGGEST_NAME_BYTES_MAX + 2];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    const char *known[] = {name};
    assert_null(suggest_nearest(name, known, 1));
    assert_ptr_equal(suggest_nearest(name + 1, (const char *const[]){name + 1}, 1), name + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest_names_the_nearest_or_nothing),
        cmocka_unit_test(suggest_ignores_names_over_the_limit),
    };
    return cmocka_run_group_tests_name("base_suggest", tests, NULL, NULL);
}
