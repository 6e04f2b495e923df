/* Latencies by buckets (bench/macro/peer_histogram.h) against sorted arrays: what a quantile says
 * is never less than the exact one and at most a 128th more. */
#include "bench/macro/peer_histogram.h"

#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define HISTOGRAM_VALUES_MAX 500u

static const double histogram_quantiles[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};

static int histogram_setup(void **state)
{
    *state = calloc(1, sizeof(struct peer_histogram));
    return *state != NULL ? 0 : -1;
}

static int histogram_teardown(void **state)
{
    free(*state);
    return 0;
}

static int histogram_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The least of the sorted values at or below which lie `quantile` of them. */
static uint64_t histogram_exact(const uint64_t *sorted, uint64_t count, double quantile)
{
    uint64_t rank = (uint64_t)ceil(quantile * (double)count);
    return sorted[rank > 0 ? rank - 1 : 0];
}

static void histogram_quantiles_are_exact_to_a_128th(void **state)
{
    struct peer_histogram *h = *state;
    struct share share = share_open("quantiles against sorted values", 80);
    while (share_more(&share)) {
        struct prng prng;
        uint64_t values[HISTOGRAM_VALUES_MAX];
        prng_init(&prng, share_case_seed(&share));
        uint64_t count = 1 + prng_below(&prng, HISTOGRAM_VALUES_MAX);
        uint64_t width_max = prng_below(&prng, 64);
        peer_histogram_reset(h);
        for (uint64_t i = 0; i < count; i++) {
            values[i] = prng_u64(&prng) >> (63 - prng_below(&prng, width_max + 1));
            peer_histogram_add(h, values[i]);
        }
        qsort(values, count, sizeof(values[0]), histogram_order);
        assert_int_equal(h->count, count);
        assert_true(h->max == values[count - 1]);
        for (size_t i = 0; i < ARRAY_COUNT(histogram_quantiles); i++) {
            uint64_t exact = histogram_exact(values, count, histogram_quantiles[i]);
            uint64_t got = peer_histogram_quantile(h, histogram_quantiles[i]);
            assert_true(got >= exact);
            assert_true(got - exact <= exact / 128);
            assert_true(got <= h->max);
        }
    }
    share_close(&share);
}

static void histogram_buckets_end_where_they_must(void **state)
{
    struct peer_histogram *h = *state;
    /* Of two values, the lower half's bucket ends at `end`: worked by hand from 8 significant bits.
     */
    static const struct {
        uint64_t value, end;
    } rows[] = {{0, 0},
                {1, 1},
                {127, 127},
                {128, 128},
                {255, 255},
                {256, 257},
                {257, 257},
                {258, 259},
                {1000, 1003},
                {1003, 1003},
                {1004, 1007},
                {UINT64_C(1) << 40, (UINT64_C(1) << 40) + (UINT64_C(1) << 33) - 1},
                {UINT64_C(1) << 63, (UINT64_C(129) << 56) - 1},
                {UINT64_MAX - 1, UINT64_MAX}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        peer_histogram_reset(h);
        peer_histogram_add(h, rows[i].value);
        assert_true(peer_histogram_quantile(h, 0.5) == rows[i].value); /* the largest is exact */
        peer_histogram_add(h, UINT64_MAX);
        assert_true(peer_histogram_quantile(h, 0.5) == rows[i].end);
        assert_true(peer_histogram_quantile(h, 1) == UINT64_MAX);
    }
}

static void histogram_without_values_says_zero(void **state)
{
    struct peer_histogram *h = *state;
    peer_histogram_add(h, 7);
    peer_histogram_reset(h);
    assert_int_equal(h->count, 0);
    assert_int_equal(h->max, 0);
    assert_int_equal(peer_histogram_quantile(h, 0.99), 0);
}

static void histogram_refuses_what_is_no_quantile(void **state)
{
    struct peer_histogram *h = *state;
    expect_assert_failure(peer_histogram_quantile(h, 1.01));
    expect_assert_failure(peer_histogram_quantile(h, -0.01));
}

int main(void)
{
#define HISTOGRAM_TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, histogram_setup, histogram_teardown)
    const struct CMUnitTest tests[] = {
        HISTOGRAM_TEST(histogram_quantiles_are_exact_to_a_128th),
        HISTOGRAM_TEST(histogram_buckets_end_where_they_must),
        HISTOGRAM_TEST(histogram_without_values_says_zero),
        HISTOGRAM_TEST(histogram_refuses_what_is_no_quantile),
    };
#undef HISTOGRAM_TEST
    return cmocka_run_group_tests_name("bench_histogram", tests, NULL, NULL);
}
