/* Suggestions: what a person most likely meant, and silence when nothing is near. */
#include "base/suggest.h"

#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

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

/* Optimal string alignment by its definition, without a table: the shortest way to edit `a` into
 * `b`. Exponential, for short names. */
static size_t suggest_naive_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (a_length == 0 || b_length == 0) {
        return a_length + b_length;
    }
    char x = a[a_length - 1], y = b[b_length - 1];
    size_t ways[] = {
        suggest_naive_distance(a, a_length - 1, b, b_length) + 1,
        suggest_naive_distance(a, a_length, b, b_length - 1) + 1,
        suggest_naive_distance(a, a_length - 1, b, b_length - 1) + (x != y),
        SIZE_MAX,
    };
    if (a_length > 1 && b_length > 1 && x == b[b_length - 2] && y == a[a_length - 2]) {
        ways[3] = suggest_naive_distance(a, a_length - 2, b, b_length - 2) + 1;
    }
    size_t least = ways[0];
    for (size_t i = 1; i < ARRAY_COUNT(ways); i++) {
        least = ways[i] < least ? ways[i] : least;
    }
    return least;
}

static void suggest_random_name(struct prng *p, char out[8])
{
    size_t length = prng_below(p, 7);
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)('a' + prng_below(p, 3)); /* few letters: near names and ties are common */
    }
    out[length] = '\0';
}

static void suggest_agrees_with_the_naive_distance(void **state)
{
    (void)state;
    struct share share = share_open("nearest against the definition", 80);
    while (share_more(&share)) {
        struct prng p;
        char texts[5][8];
        const char *known[4];
        prng_init(&p, share_case_seed(&share));
        suggest_random_name(&p, texts[4]);
        const char *want = NULL;
        size_t least = strlen(texts[4]) / 3 + 2;
        for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
            suggest_random_name(&p, texts[i]);
            known[i] = texts[i];
            size_t distance =
                suggest_naive_distance(texts[4], strlen(texts[4]), texts[i], strlen(texts[i]));
            want = distance < least ? texts[i] : want;
            least = distance < least ? distance : least;
        }
        const char *got = suggest_nearest(texts[4], known, ARRAY_COUNT(known));
        if (got != want) {
            fail_msg("seed %llu: \"%s\" gives \"%s\", not \"%s\"",
                     (unsigned long long)share_case_seed(&share), texts[4],
                     got != NULL ? got : "nothing", want != NULL ? want : "nothing");
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suggest_names_the_nearest_or_nothing),
        cmocka_unit_test(suggest_ignores_names_over_the_limit),
        cmocka_unit_test(suggest_agrees_with_the_naive_distance),
    };
    return cmocka_run_group_tests_name("base_suggest", tests, NULL, NULL);
}
