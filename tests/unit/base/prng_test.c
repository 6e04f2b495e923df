/* Pseudo-random numbers: the published sequences, and that nothing drawn from them is biased. */
#include "base/prng.h"

#include <string.h>

#include "base/compiler.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

static struct prng prng_about_to_give(uint64_t output);

/* Outputs of Blackman and Vigna's xoshiro256starstar.c from state 1, 2, 3, 4, as rand_xoshiro
 * (src/xoshiro256starstar.rs) publishes them. */
static void prng_gives_the_reference_sequence_from_its_reference_state(void **state)
{
    (void)state;
    static const uint64_t want[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct prng p = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_true(prng_u64(&p) == want[i]);
    }
}

/* The state of a seed is the first outputs of splitmix64.c: for 1234567 those of Rosetta Code,
 * "Pseudo-random numbers/Splitmix64"; for 0 those quoted by Vigna's readers. */
static void prng_init_fills_the_state_with_splitmix64(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        uint64_t want[4];
    } rows[] = {
        {1234567,
         {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u}},
        {0, {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct prng p;
        prng_init(&p, rows[i].seed);
        assert_memory_equal(p.state, rows[i].want, sizeof(p.state));
    }
}

/* Seed 42 through splitmix64.c, then xoshiro256starstar.c: ports in Go, C# and Rust publish the
 * same ten outputs. */
static void prng_gives_the_reference_sequence_of_a_seed(void **state)
{
    (void)state;
    static const uint64_t want[] = {
        1546998764402558742u,  6990951692964543102u,  12544586762248559009u, 17057574109182124193u,
        18295552978065317476u, 14199186830065750584u, 13267978908934200754u, 15679888225317814407u,
        14044878350692344958u, 10760895422300929085u,
    };
    struct prng p;
    prng_init(&p, 42);
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_true(prng_u64(&p) == want[i]);
    }
}

/* 2^64 = 3 * k + 1: of all outputs one is too many for a fair choice of 3, and Lemire's rule throws
 * away output 0. For 2^63 + 1 nearly half are thrown away; 2^63 and other powers keep all. */
static void prng_below_throws_away_the_outputs_too_many(void **state)
{
    (void)state;
    static const struct {
        uint64_t output, n;
        bool is_thrown_away;
        uint64_t want; /* if not thrown away */
    } rows[] = {
        {0, 3, true, 0},
        {1, 3, false, 0},
        {UINT64_MAX, 3, false, 2},
        {0x5555555555555556, 3, false, 1}, /* the first output of the second third */
        {0x5555555555555555, 3, false, 0},
        {2, ((uint64_t)1 << 63) + 1, true, 0},
        {1, ((uint64_t)1 << 63) + 1, false, 0},
        {UINT64_MAX, (uint64_t)1 << 63, false, ((uint64_t)1 << 63) - 1},
        {0, (uint64_t)1 << 63, false, 0},
        {UINT64_MAX, UINT64_MAX, false, UINT64_MAX - 1},
        {0, UINT64_MAX, true, 0},
        {12345, 1, false, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct prng p = prng_about_to_give(rows[i].output);
        struct prng one_output_on = p;
        assert_true(prng_u64(&one_output_on) == rows[i].output);
        uint64_t got = prng_below(&p, rows[i].n);
        bool is_thrown_away = memcmp(&p, &one_output_on, sizeof(p)) != 0;
        assert_int_equal(is_thrown_away, rows[i].is_thrown_away);
        assert_true(got < rows[i].n);
        if (!is_thrown_away) {
            assert_true(got == rows[i].want);
        }
    }
    struct prng p = prng_about_to_give(1);
    expect_assert_failure((void)prng_below(&p, 0));
}

static void prng_range_includes_both_ends(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 7);
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t got = prng_range(&p, 5, 8);
        assert_in_range(got, 5, 8);
        seen |= 1u << (got - 5);
    }
    assert_int_equal(seen, 0xf);
    assert_true(prng_range(&p, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    struct prng whole = prng_about_to_give(UINT64_MAX - 2);
    assert_true(prng_range(&whole, 0, UINT64_MAX) == UINT64_MAX - 2);
    expect_assert_failure((void)prng_range(&p, 6, 5));
}

static void prng_unit_spans_zero_to_just_below_one(void **state)
{
    (void)state;
    static const struct {
        uint64_t output;
        double want;
    } rows[] = {
        {0, 0.0},
        {0x7ff, 0.0},
        {0x800, 0x1p-53},
        {(uint64_t)1 << 63, 0.5},
        {UINT64_MAX, 1.0 - 0x1p-53},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct prng p = prng_about_to_give(rows[i].output);
        assert_true(prng_unit(&p) == rows[i].want);
    }
}

static void prng_chance_takes_one_output_even_where_it_is_certain(void **state)
{
    (void)state;
    struct prng never, always, other;
    prng_init(&never, 3);
    always = never;
    other = never;
    for (int i = 0; i < 1000; i++) {
        assert_false(prng_chance(&never, 0, 8));
        assert_true(prng_chance(&always, 8, 8));
        (void)prng_u64(&other);
    }
    assert_memory_equal(&never, &other, sizeof(never));
    assert_memory_equal(&always, &other, sizeof(always));
    expect_assert_failure((void)prng_chance(&never, 0, 0));
    expect_assert_failure((void)prng_chance(&never, 3, 2));
}

/* state {1, 2, 3, 4}: outputs 11520 = 0x2d00, then 0, then 0x5a007080 (little-endian). */
static void prng_fill_writes_outputs_in_little_endian_and_cuts_the_last(void **state)
{
    (void)state;
    static const uint8_t want[] = {0x00, 0x2d, 0, 0, 0, 0,    0,    0,    0,    0, 0,
                                   0,    0,    0, 0, 0, 0x80, 0x70, 0x00, 0x5a, 0, 0};
    struct prng p = {.state = {1, 2, 3, 4}};
    uint8_t out[sizeof(want) + 1];
    memset(out, 0xee, sizeof(out));
    prng_fill(&p, out, 0);
    prng_fill(&p, out, sizeof(want));
    assert_memory_equal(out, want, sizeof(want));
    assert_int_equal(out[sizeof(want)], 0xee);
    assert_true(prng_u64(&p) == 1215971899390074240u);
}

static void prng_fork_leaves_the_parent_alone_and_differs_from_it(void **state)
{
    (void)state;
    struct prng p, same;
    prng_init(&p, 9);
    same = p;
    struct prng first = prng_fork(&p);
    (void)prng_u64(&first);
    struct prng second = prng_fork(&p);
    (void)prng_u64(&same);
    (void)prng_u64(&same);
    assert_memory_equal(&p, &same, sizeof(p));
    assert_memory_not_equal(&first, &second, sizeof(first));
    assert_memory_not_equal(&first, &p, sizeof(p));
}

/* Pearson's chi-square over 24 equally likely outcomes: 23 degrees of freedom pass 110 by chance
 * once in about 10^12 (Wilson and Hilferty, 1931). */
static void prng_assert_even(const uint32_t seen[24], uint64_t draws, uint64_t seed)
{
    double expected = (double)draws / 24;
    double chi_square = 0;
    for (size_t i = 0; i < 24; i++) {
        double difference = (double)seen[i] - expected;
        chi_square += difference * difference / expected;
    }
    if (chi_square > 110) {
        fail_msg("seed %llu: chi-square %.1f", (unsigned long long)seed, chi_square);
    }
}

/* n = 24 * k for k small and huge: got / k is even over 24 outcomes. A plain output % n would favor
 * the low ones twofold at the huge end. */
static void prng_below_is_even(void **state)
{
    (void)state;
    struct share share = share_open("even choice", 40);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        uint64_t k = 1 + (prng_u64(&p) >> prng_range(&p, 5, 63));
        uint32_t seen[24] = {0};
        for (int i = 0; i < 12000; i++) {
            uint64_t got = prng_below(&p, 24 * k);
            assert_true(got < 24 * k);
            seen[got / k]++;
        }
        prng_assert_even(seen, 12000, seed);
    }
    share_close(&share);
}

static void prng_shuffle_makes_every_order_equally_likely(void **state)
{
    (void)state;
    struct share share = share_open("even orders", 40);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        uint32_t seen[24] = {0};
        for (int i = 0; i < 12000; i++) {
            uint32_t items[4] = {1000, 1001, 1002, 1003};
            prng_shuffle(&p, items, 4, sizeof(items[0]));
            unsigned order = 0, present = 0;
            for (unsigned a = 0; a < 4; a++) { /* Lehmer code: the order's number */
                unsigned smaller_later = 0;
                for (unsigned b = a + 1; b < 4; b++) {
                    smaller_later += items[b] < items[a];
                }
                order = order * (4 - a) + smaller_later;
                assert_in_range(items[a], 1000, 1003);
                present |= 1u << (items[a] - 1000);
            }
            assert_int_equal(present, 0xf);
            seen[order]++;
        }
        prng_assert_even(seen, 12000, seed);
    }
    share_close(&share);
}

static void prng_shuffle_of_nothing_or_one_draws_nothing(void **state)
{
    (void)state;
    struct prng p, same;
    prng_init(&p, 1);
    same = p;
    uint64_t one = 77;
    prng_shuffle(&p, NULL, 0, 8);
    prng_shuffle(&p, &one, 1, sizeof(one));
    assert_true(one == 77);
    assert_memory_equal(&p, &same, sizeof(p));
    expect_assert_failure(prng_shuffle(&p, &one, 1, 0));
    expect_assert_failure(prng_shuffle(&p, NULL, 1, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prng_gives_the_reference_sequence_from_its_reference_state),
        cmocka_unit_test(prng_init_fills_the_state_with_splitmix64),
        cmocka_unit_test(prng_gives_the_reference_sequence_of_a_seed),
        cmocka_unit_test(prng_below_throws_away_the_outputs_too_many),
        cmocka_unit_test(prng_range_includes_both_ends),
        cmocka_unit_test(prng_unit_spans_zero_to_just_below_one),
        cmocka_unit_test(prng_chance_takes_one_output_even_where_it_is_certain),
        cmocka_unit_test(prng_fill_writes_outputs_in_little_endian_and_cuts_the_last),
        cmocka_unit_test(prng_fork_leaves_the_parent_alone_and_differs_from_it),
        cmocka_unit_test(prng_below_is_even),
        cmocka_unit_test(prng_shuffle_makes_every_order_equally_likely),
        cmocka_unit_test(prng_shuffle_of_nothing_or_one_draws_nothing),
    };
    return cmocka_run_group_tests_name("base_prng", tests, NULL, NULL);
}

/* The output is a bijection of state[1]: rotate_left(state[1] * 5, 7) * 9, undone here with the
 * inverses of 9 and 5 modulo 2^64. */
static struct prng prng_about_to_give(uint64_t output)
{
    uint64_t x = output * 0x8e38e38e38e38e39;
    x = (x >> 7) | (x << 57);
    return (struct prng){.state = {1, x * 0xcccccccccccccccd, 1, 1}};
}
