/* LIKE: PostgreSQL's answers, and a naive matcher. */
#include "views/vec/like.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/views/values.h"

static void like_answer(struct values_case *c, uint32_t escape, bool ignores_case)
{
    bool is_match = false;
    uint64_t steps = UINT64_MAX;
    enum vec_fault fault = vec_like(vec_text(c->args[0].text, c->args[0].length),
                                    vec_text(c->args[1].text, c->args[1].length), escape,
                                    ignores_case, &steps, &is_match);
    if (values_is_fine(c, fault, "")) {
        bytes_put_copy(&c->out, is_match ? "true" : "false", is_match ? 4 : 5);
    }
}

static void like_plain(struct values_case *c)
{
    like_answer(c, VEC_LIKE_ESCAPE, false);
}

static void like_ilike(struct values_case *c)
{
    like_answer(c, VEC_LIKE_ESCAPE, true);
}

static void like_with_escape(struct values_case *c, bool ignores_case)
{
    uint32_t escape;
    if (values_is_fine(c, vec_like_escape(vec_text(c->args[2].text, c->args[2].length), &escape),
                       "")) {
        like_answer(c, escape, ignores_case);
    }
}

static void like_escape(struct values_case *c)
{
    like_with_escape(c, false);
}

static void like_ilike_escape(struct values_case *c)
{
    like_with_escape(c, true);
}

static const struct values_operation like_operations[] = {
    {"like", like_plain},
    {"ilike", like_ilike},
    {"like_escape", like_escape},
    {"ilike_escape", like_ilike_escape},
};

static void like_answers_are_postgresqls(void **state)
{
    (void)state;
    values_check_table("like", like_operations, ARRAY_COUNT(like_operations), 1500);
}

/* Every way a % can be taken, one after the other. */
static bool like_naive(const char *a, const char *pattern)
{
    switch (*pattern) {
    case '\0': return *a == '\0';
    case '%': return like_naive(a, pattern + 1) || (*a != '\0' && like_naive(a + 1, pattern));
    case '_': return *a != '\0' && like_naive(a + 1, pattern + 1);
    case '\\': return *a == pattern[1] && like_naive(a + 1, pattern + 2);
    default: return *a == *pattern && like_naive(a + 1, pattern + 1);
    }
}

static void like_is_what_a_naive_matcher_says(void **state)
{
    (void)state;
    struct share share = share_open("like against naive", 50);
    while (share_more(&share)) {
        struct prng rng;
        prng_init(&rng, share_case_seed(&share));
        char a[16];
        char pattern[16];
        size_t a_length = prng_below(&rng, 12);
        size_t length = 0;
        for (size_t i = 0; i < a_length; i++) {
            a[i] = "ab%_\\"[prng_below(&rng, 5)];
        }
        a[a_length] = '\0';
        for (size_t i = prng_below(&rng, 8); i > 0; i--) {
            pattern[length++] = "ab%%_"[prng_below(&rng, 5)];
            if (prng_below(&rng, 6) == 0) {
                pattern[length++] = '\\';
                pattern[length++] = "ab%_\\"[prng_below(&rng, 5)];
            }
            if (length > 12) {
                break;
            }
        }
        pattern[length] = '\0';
        bool is_match = false;
        uint64_t steps = UINT64_MAX;
        enum vec_fault fault = vec_like(vec_text(a, a_length), vec_text(pattern, length),
                                        VEC_LIKE_ESCAPE, false, &steps, &is_match);
        if (fault != VEC_FAULT_NONE || is_match != like_naive(a, pattern)) {
            fail_msg("seed %zu: '%s' like '%s'", (size_t)share_case_seed(&share), a, pattern);
        }
    }
    share_close(&share);
}

/* What takes a backtracking matcher longer than anybody waits. */
static void like_does_not_explode(void **state)
{
    (void)state;
    static char a[20000];
    static char pattern[2000];
    bool is_match = true;
    memset(a, 'a', sizeof(a));
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i % 2 == 0 ? '%' : 'a';
    }
    pattern[sizeof(pattern) - 1] = 'b';
    uint64_t steps = sizeof(a);
    assert_int_equal(vec_like(vec_text(a, sizeof(a)), vec_text(pattern, sizeof(pattern)),
                              VEC_LIKE_ESCAPE, false, &steps, &is_match),
                     VEC_FAULT_NONE);
    assert_false(is_match);
}

/* %aaa...ab in a text of a: a product of both lengths. What it has of steps is what it takes. */
static void like_stops_where_its_steps_are_used_up(void **state)
{
    (void)state;
    static char a[1000];
    static char pattern[101];
    memset(a, 'a', sizeof(a));
    memset(pattern, 'a', sizeof(pattern));
    pattern[0] = '%';
    pattern[sizeof(pattern) - 1] = 'b';
    struct vec_text whole = vec_text(pattern, sizeof(pattern));
    uint64_t needed = 99 * (sizeof(a) - 99); /* the last places end the text */
    for (int ignores_case = 0; ignores_case < 2; ignores_case++) {
        bool is_match = true;
        uint64_t steps = UINT64_MAX;
        assert_int_equal(vec_like(vec_text(a, sizeof(a)), whole, VEC_LIKE_ESCAPE, ignores_case != 0,
                                  &steps, &is_match),
                         VEC_FAULT_NONE);
        assert_false(is_match);
        uint64_t taken = UINT64_MAX - steps;
        assert_int_equal(taken, needed);
        steps = taken - 1;
        assert_int_equal(vec_like(vec_text(a, sizeof(a)), whole, VEC_LIKE_ESCAPE, ignores_case != 0,
                                  &steps, &is_match),
                         VEC_FAULT_LIKE_STEPS);
        assert_true(steps <= 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_answers_are_postgresqls),
        cmocka_unit_test(like_is_what_a_naive_matcher_says),
        cmocka_unit_test(like_does_not_explode),
        cmocka_unit_test(like_stops_where_its_steps_are_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
