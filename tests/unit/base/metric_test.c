/* Metrics: what is counted, and that the page is what Prometheus' rules say. */
#include "base/metric.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/prom_strict.h"
#include "tests/support/share.h"

static const uint64_t metric_code_bounds[] = {10, 20, 50};
static const struct metric_bounds metric_small_bounds = {.values = metric_code_bounds, .count = 3};

static const struct metric_family metric_appends = {
    .name = "tdb_log_appends_total", .help = "Entries appended.", .type = METRIC_COUNTER};
static const struct metric_family metric_busy = {.name = "tdb_shard_busy_seconds_total",
                                                 .help = "Time at work.",
                                                 .type = METRIC_COUNTER,
                                                 .unit = METRIC_UNIT_NS};
static const struct metric_family metric_open = {
    .name = "tdb_connections", .help = "Open \"connections\", C:\\now.", .type = METRIC_GAUGE};
static const struct metric_family metric_size = {.name = "tdb_batch_records",
                                                 .help = "Records of a batch.",
                                                 .type = METRIC_HISTOGRAM,
                                                 .bounds = &metric_small_bounds};
static const struct metric_family metric_flush = {.name = "tdb_log_flush_seconds",
                                                  .help = "Time of one flush.",
                                                  .type = METRIC_HISTOGRAM,
                                                  .unit = METRIC_UNIT_NS,
                                                  .bounds = &metric_bounds_ns};

/* The page, NUL-terminated in `text`; it must be strictly in the format. */
static void metric_page(char *text, size_t bytes, const struct metric_registry *const *registries,
                        size_t count, enum metric_merge merge)
{
    struct bytes_writer w = bytes_writer(text, bytes - 1);
    metric_render(&w, registries, count, merge);
    assert_int_equal(w.err, ERR_OK);
    text[w.pos] = '\0';
    char why[200];
    if (!prom_strict_check(text, w.pos, why, sizeof(why))) {
        fail_msg("%s\n%s", why, text);
    }
}

static void metric_page_of_one_registry_is_its_families_in_order(void **state)
{
    (void)state;
    static const struct metric_label produce[] = {{"api", "produce"}, {"version", "9"}};
    static const struct metric_label fetch[] = {{"api", "fe\"t\\c\nh"}, {"version", "12"}};
    struct metric_registry registry;
    struct metric_counter appends[2], busy;
    struct metric_gauge open;
    struct metric_histogram size;
    metric_registry_init(&registry, 3);
    metric_counter_init(&appends[0], &registry, &metric_appends, produce, 2);
    metric_gauge_init(&open, &registry, &metric_open, NULL, 0);
    metric_histogram_init(&size, &registry, &metric_size, NULL, 0);
    metric_counter_init(&appends[1], &registry, &metric_appends, fetch, 2);
    metric_counter_init(&busy, &registry, &metric_busy, NULL, 0);
    metric_add(&appends[0], 12);
    metric_add(&appends[0], 30);
    metric_set(&open, 7);
    metric_move(&open, -9);
    metric_add(&busy, 1500000000);
    static const uint64_t sizes[] = {0, 10, 11, 20, 51, 1000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        metric_observe(&size, sizes[i]);
    }
    const struct metric_registry *const registries[] = {&registry};
    char text[2000];
    metric_page(text, sizeof(text), registries, 1, METRIC_SUM);
    assert_string_equal(text, "# HELP tdb_log_appends_total Entries appended.\n"
                              "# TYPE tdb_log_appends_total counter\n"
                              "tdb_log_appends_total{api=\"produce\",version=\"9\"} 42\n"
                              "tdb_log_appends_total{api=\"fe\\\"t\\\\c\\nh\",version=\"12\"} 0\n"
                              "# HELP tdb_connections Open \"connections\", C:\\\\now.\n"
                              "# TYPE tdb_connections gauge\n"
                              "tdb_connections -2\n"
                              "# HELP tdb_batch_records Records of a batch.\n"
                              "# TYPE tdb_batch_records histogram\n"
                              "tdb_batch_records_bucket{le=\"10\"} 2\n"
                              "tdb_batch_records_bucket{le=\"20\"} 4\n"
                              "tdb_batch_records_bucket{le=\"50\"} 4\n"
                              "tdb_batch_records_bucket{le=\"+Inf\"} 6\n"
                              "tdb_batch_records_sum 1092\n"
                              "tdb_batch_records_count 6\n"
                              "# HELP tdb_shard_busy_seconds_total Time at work.\n"
                              "# TYPE tdb_shard_busy_seconds_total counter\n"
                              "tdb_shard_busy_seconds_total 1.5\n");
    assert_int_equal(metric_counter_value(&appends[0]), 42);
    assert_int_equal(metric_gauge_value(&open), -2);
    assert_int_equal(metric_histogram_count(&size), 6);
    metric_page(text, sizeof(text), registries, 1, METRIC_BY_SHARD);
    assert_true(prom_strict_value(text, "tdb_connections{shard=\"3\"}") == -2);
    assert_true(prom_strict_value(text, "tdb_batch_records_bucket{shard=\"3\",le=\"10\"}") == 2);
}

static void metric_page_of_no_metrics_is_empty(void **state)
{
    (void)state;
    struct metric_registry registry;
    metric_registry_init(&registry, 0);
    const struct metric_registry *const registries[] = {&registry};
    char text[4];
    metric_page(text, sizeof(text), registries, 1, METRIC_SUM);
    assert_string_equal(text, "");
    metric_page(text, sizeof(text), NULL, 0, METRIC_SUM);
    assert_string_equal(text, "");
}

/* Shards do not have the same metrics: families and labels that only some have. */
static void metric_registries_are_added_up_or_told_apart(void **state)
{
    (void)state;
    static const struct metric_label a[] = {{"topic", "a"}}, b[] = {{"topic", "b"}};
    struct metric_registry shards[3];
    struct metric_counter a0, a1, b1, b2;
    struct metric_gauge open2;
    for (uint32_t i = 0; i < 3; i++) {
        metric_registry_init(&shards[i], i);
    }
    metric_counter_init(&a0, &shards[0], &metric_appends, a, 1);
    metric_counter_init(&b1, &shards[1], &metric_appends, b, 1);
    metric_counter_init(&a1, &shards[1], &metric_appends, a, 1);
    metric_gauge_init(&open2, &shards[2], &metric_open, NULL, 0);
    metric_counter_init(&b2, &shards[2], &metric_appends, b, 1);
    metric_add(&a0, 1);
    metric_add(&a1, 10);
    metric_add(&b1, 100);
    metric_add(&b2, 1000);
    metric_set(&open2, -5);
    const struct metric_registry *const registries[] = {&shards[0], &shards[1], &shards[2]};
    char text[2000];
    metric_page(text, sizeof(text), registries, 3, METRIC_SUM);
    assert_true(prom_strict_value(text, "tdb_log_appends_total{topic=\"a\"}") == 11);
    assert_true(prom_strict_value(text, "tdb_log_appends_total{topic=\"b\"}") == 1100);
    assert_true(prom_strict_value(text, "tdb_connections") == -5);
    metric_page(text, sizeof(text), registries, 3, METRIC_BY_SHARD);
    assert_true(prom_strict_value(text, "tdb_log_appends_total{topic=\"a\",shard=\"1\"}") == 10);
    assert_true(prom_strict_value(text, "tdb_log_appends_total{topic=\"b\",shard=\"2\"}") == 1000);
    assert_true(isnan(prom_strict_value(text, "tdb_log_appends_total{topic=\"b\",shard=\"0\"}")));
    assert_true(prom_strict_value(text, "tdb_connections{shard=\"2\"}") == -5);
}

static void metric_page_that_does_not_fit_says_so(void **state)
{
    (void)state;
    static const struct metric_label labels[] = {{"path", "\n\n\n\n\n\n"}};
    struct metric_registry registry;
    struct metric_histogram size;
    metric_registry_init(&registry, 0);
    metric_histogram_init(&size, &registry, &metric_size, labels, 1);
    const struct metric_registry *const registries[] = {&registry};
    char text[1000];
    struct bytes_writer whole = bytes_writer(text, sizeof(text));
    metric_render(&whole, registries, 1, METRIC_SUM);
    assert_int_equal(whole.err, ERR_OK);
    for (size_t capacity = 0; capacity < whole.pos; capacity++) {
        struct bytes_writer w = bytes_writer(text, capacity);
        metric_render(&w, registries, 1, METRIC_SUM);
        assert_int_equal(w.err, ERR_TOO_LARGE);
    }
}

static void metric_powers_of_two_take_values_up_to_their_bound(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bucket; /* the first that counts it */
    } rows[] = {
        {0, "1.024e-06"},
        {1024, "1.024e-06"},
        {1025, "2.048e-06"},
        {2048, "2.048e-06"},
        {2049, "4.096e-06"},
        {(uint64_t)1 << 35, "34.359738368"},
        {((uint64_t)1 << 35) + 1, "+Inf"},
        {UINT64_MAX, "+Inf"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct metric_registry registry;
        struct metric_histogram flush;
        metric_registry_init(&registry, 0);
        metric_histogram_init(&flush, &registry, &metric_flush, NULL, 0);
        metric_observe(&flush, rows[i].value);
        const struct metric_registry *const registries[] = {&registry};
        char text[4000], line[100];
        metric_page(text, sizeof(text), registries, 1, METRIC_SUM);
        snprintf(line, sizeof(line), "{le=\"%s\"} 1\n", rows[i].bucket);
        assert_ptr_equal(strstr(text, "} 1\n"), strstr(text, line) + strlen(line) - 4);
    }
}

static void metric_refuses_gauge(struct metric_registry *registry,
                                 const struct metric_family *family,
                                 const struct metric_label *labels, uint32_t labels_count)
{
    struct metric_gauge gauge;
    expect_assert_failure(metric_gauge_init(&gauge, registry, family, labels, labels_count));
}

static void metric_refuses_histogram(struct metric_registry *registry,
                                     const struct metric_family *family)
{
    struct metric_histogram histogram;
    expect_assert_failure(metric_histogram_init(&histogram, registry, family, NULL, 0));
}

static void metric_wrong_declarations_are_refused(void **state)
{
    (void)state;
    static const uint64_t falling[] = {2, 1};
    static const struct metric_bounds falling_bounds = {.values = falling, .count = 2};
    static const struct metric_bounds no_bounds = {.values = falling, .count = 0};
    static const struct metric_bounds too_large = {.first_log2 = 60, .count = 5};
    static const struct metric_family families[] = {
        {.name = "", .type = METRIC_GAUGE},
        {.name = "9lives", .type = METRIC_GAUGE},
        {.name = "with-dash", .type = METRIC_GAUGE},
        {.name = "gauge_total", .type = METRIC_GAUGE},
        {.name = "_total", .type = METRIC_GAUGE, .unit = METRIC_UNIT_NS},
        {.name = "wait_ns", .type = METRIC_GAUGE, .unit = METRIC_UNIT_NS},
        {.name = "tdb_connections", .type = METRIC_GAUGE}, /* not the object registered before */
    };
    static const struct metric_family histograms[] = {
        {.name = "a", .type = METRIC_HISTOGRAM},
        {.name = "a", .type = METRIC_HISTOGRAM, .bounds = &no_bounds},
        {.name = "a", .type = METRIC_HISTOGRAM, .bounds = &falling_bounds},
        {.name = "a", .type = METRIC_HISTOGRAM, .bounds = &too_large},
    };
    static const struct metric_family counter = {.name = "appends", .type = METRIC_COUNTER};
    static const struct metric_label labels[] = {{"topic", "a"}};
    static const struct metric_label bad_labels[][2] = {
        {{"", "x"}, {"y", "x"}},      {{"a:b", "x"}, {"y", "x"}}, {{"le", "x"}, {"y", "x"}},
        {{"shard", "x"}, {"y", "x"}}, {{"__x", "x"}, {"y", "x"}}, {{"y", "x"}, {"y", "z"}},
    };
    struct metric_registry registry;
    struct metric_gauge open, other;
    struct metric_counter appends;
    metric_registry_init(&registry, 0);
    metric_gauge_init(&open, &registry, &metric_open, NULL, 0);
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        metric_refuses_gauge(&registry, &families[i], NULL, 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(histograms); i++) {
        metric_refuses_histogram(&registry, &histograms[i]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(bad_labels); i++) {
        metric_refuses_gauge(&registry, &metric_open, bad_labels[i], 2);
    }
    expect_assert_failure(metric_counter_init(&appends, &registry, &counter, NULL, 0));
    expect_assert_failure(metric_counter_init(&appends, &registry, &metric_open, NULL, 0));
    expect_assert_failure(metric_gauge_init(&other, &registry, &metric_open, NULL, 0)); /* twice */
    metric_gauge_init(&other, &registry, &metric_open, labels, 1);
}

/* A random world of shards, families and labels against plain arrays. */
enum { WORLD_SHARDS = 3, WORLD_LABELS = 3 };

struct metric_world {
    struct metric_registry shards[WORLD_SHARDS];
    struct metric_counter appends[WORLD_SHARDS][WORLD_LABELS];
    struct metric_histogram sizes[WORLD_SHARDS][WORLD_LABELS];
    bool has[WORLD_SHARDS][WORLD_LABELS];
    uint64_t appends_want[WORLD_SHARDS][WORLD_LABELS];
    uint64_t sum_want[WORLD_SHARDS][WORLD_LABELS];
    uint64_t at_most_want[WORLD_SHARDS][WORLD_LABELS][4]; /* values <= 10, 20, 50, any */
};

static const struct metric_label metric_world_labels[WORLD_LABELS][1] = {
    {{"topic", "a"}}, {{"topic", "b\\"}}, {{"topic", "c\"\xff"}}};
static const char *const metric_world_texts[WORLD_LABELS] = {"a", "b\\\\", "c\\\"\xef\xbf\xbd"};

static void metric_world_make(struct metric_world *world, struct prng *p)
{
    for (uint32_t shard = 0; shard < WORLD_SHARDS; shard++) {
        size_t order[WORLD_LABELS] = {0, 1, 2};
        prng_shuffle(p, order, WORLD_LABELS, sizeof(order[0]));
        metric_registry_init(&world->shards[shard], shard);
        for (size_t i = 0; i < WORLD_LABELS; i++) {
            size_t l = order[i];
            world->has[shard][l] = prng_chance(p, 2, 3);
            if (world->has[shard][l]) {
                metric_histogram_init(&world->sizes[shard][l], &world->shards[shard], &metric_size,
                                      metric_world_labels[l], 1);
                metric_counter_init(&world->appends[shard][l], &world->shards[shard],
                                    &metric_appends, metric_world_labels[l], 1);
            }
        }
    }
}

static void metric_world_count(struct metric_world *world, struct prng *p)
{
    static const uint64_t bounds[] = {10, 20, 50, UINT64_MAX};
    for (int i = 0; i < 200; i++) {
        size_t shard = prng_below(p, WORLD_SHARDS);
        size_t l = prng_below(p, WORLD_LABELS);
        uint64_t value = prng_below(p, 70);
        if (world->has[shard][l]) {
            metric_add(&world->appends[shard][l], value);
            metric_observe(&world->sizes[shard][l], value);
            world->appends_want[shard][l] += value;
            world->sum_want[shard][l] += value;
            for (size_t b = 0; b < ARRAY_COUNT(bounds); b++) {
                world->at_most_want[shard][l][b] += value <= bounds[b];
            }
        }
    }
}

static void metric_world_check(const struct metric_world *world, const char *text, size_t first,
                               size_t last, size_t l, const char *shard_label)
{
    static const char *const bounds[] = {"10", "20", "50", "+Inf"};
    uint64_t appends = 0, sum = 0, at_most[4] = {0};
    bool has = false;
    for (size_t shard = first; shard <= last; shard++) {
        has |= world->has[shard][l];
        appends += world->appends_want[shard][l];
        sum += world->sum_want[shard][l];
        for (size_t b = 0; b < 4; b++) {
            at_most[b] += world->at_most_want[shard][l][b];
        }
    }
    char series[200];
    snprintf(series, sizeof(series), "tdb_log_appends_total{topic=\"%s\"%s}", metric_world_texts[l],
             shard_label);
    double got = prom_strict_value(text, series);
    assert_true(has ? got == (double)appends : isnan(got));
    if (has) {
        for (size_t b = 0; b < 4; b++) {
            snprintf(series, sizeof(series), "tdb_batch_records_bucket{topic=\"%s\"%s,le=\"%s\"}",
                     metric_world_texts[l], shard_label, bounds[b]);
            assert_true(prom_strict_value(text, series) == (double)at_most[b]);
        }
        snprintf(series, sizeof(series), "tdb_batch_records_sum{topic=\"%s\"%s}",
                 metric_world_texts[l], shard_label);
        assert_true(prom_strict_value(text, series) == (double)sum);
    }
}

static void metric_pages_agree_with_plain_arrays(void **state)
{
    (void)state;
    struct share share = share_open("random worlds", 60);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        struct metric_world world;
        memset(&world, 0, sizeof(world));
        metric_world_make(&world, &p);
        metric_world_count(&world, &p);
        const struct metric_registry *const registries[] = {&world.shards[0], &world.shards[1],
                                                            &world.shards[2]};
        char text[8000], shard_label[32];
        metric_page(text, sizeof(text), registries, WORLD_SHARDS, METRIC_SUM);
        for (size_t l = 0; l < WORLD_LABELS; l++) {
            metric_world_check(&world, text, 0, WORLD_SHARDS - 1, l, "");
        }
        metric_page(text, sizeof(text), registries, WORLD_SHARDS, METRIC_BY_SHARD);
        for (size_t shard = 0; shard < WORLD_SHARDS; shard++) {
            snprintf(shard_label, sizeof(shard_label), ",shard=\"%zu\"", shard);
            for (size_t l = 0; l < WORLD_LABELS; l++) {
                metric_world_check(&world, text, shard, shard, l, shard_label);
            }
        }
    }
    share_close(&share);
}

/* The owner counts and registers while another thread writes pages. */
struct metric_owner {
    struct metric_registry registry;
    struct metric_histogram sizes[WORLD_LABELS];
    _Atomic bool is_done;
};

static void *metric_owner_run(void *argument)
{
    struct metric_owner *owner = argument;
    for (size_t l = 0; l < WORLD_LABELS; l++) {
        metric_histogram_init(&owner->sizes[l], &owner->registry, &metric_size,
                              metric_world_labels[l], 1);
        for (uint64_t i = 0; i < 30000; i++) {
            metric_observe(&owner->sizes[l], i % 60);
        }
    }
    atomic_store(&owner->is_done, true);
    return NULL;
}

static void metric_pages_can_be_written_while_the_owner_counts(void **state)
{
    (void)state;
    struct metric_owner owner = {.is_done = false};
    metric_registry_init(&owner.registry, 0);
    const struct metric_registry *const registries[] = {&owner.registry};
    pthread_t thread;
    char text[4000];
    assert_int_equal(pthread_create(&thread, NULL, metric_owner_run, &owner), 0);
    while (!atomic_load(&owner.is_done)) {
        metric_page(text, sizeof(text), registries, 1, METRIC_SUM);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    metric_page(text, sizeof(text), registries, 1, METRIC_SUM);
    assert_true(prom_strict_value(text, "tdb_batch_records_count{topic=\"a\"}") == 30000);
}

/* The reader of these tests: the specification's own example, then pages that break a rule. */
static void metric_second_opinion_knows_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *page, *why;
    } rows[] = {
        {"# HELP a_total x\n# TYPE a_total counter\n"
         "a_total{method=\"post\",code=\"200\"} 1027\na_total{method=\"post\",code=\"400\"} 3\n",
         ""},
        {"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"0.05\"} 24054\nh_bucket{le=\"+Inf\"} "
         "144320\nh_sum 53423\nh_count 144320\n",
         ""},
        {"# HELP m x\n# TYPE m gauge\nm{path=\"C:\\\\DIR\\\\F.TXT\",e=\"no:\\n\\\"F\\\"\"} 1.4e9\n",
         ""},
        {"a 1\n", "line 1: a does not belong to family "},
        {"# HELP a x\n# TYPE a gauge\na 1", "line 3: does not end"},
        {"# HELP a x\n# TYPE a gauge\na{b=\"\\t\"} 1\n", "line 3: bad value of label b"},
        {"# HELP a x\n# TYPE a gauge\na{b=\"\xff\"} 1\n", "line 3: bad value of label b"},
        {"# HELP a x\n# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n", "line 3: label b twice"},
        {"# HELP a x\n# TYPE a gauge\na 1\na 2\n", "line 4: a line twice"},
        {"# HELP a x\n# TYPE a gauge\na 1\n# HELP b x\n# TYPE b gauge\nb 1\n# HELP a x\n",
         "line 7: a family twice, or one that is not complete"},
        {"# HELP a x\n# TYPE a meter\n", "line 2: unknown type meter"},
        {"# HELP a C:\\x\n", "line 1: bad help"},
        {"# TYPE a gauge\na 1\n", "line 1: TYPE is not behind its HELP"},
        {"# HELP a_total x\n# TYPE a_total counter\na_total -1\n", "line 3: a counter below 0"},
        {"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\n",
         "line 4: bounds do not rise"},
        {"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 1\n",
         "line 4: buckets are not cumulative"},
        {"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 3\n",
         "line 5: a histogram is buckets, +Inf, _sum, _count equal to +Inf"},
        {"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n",
         "line 3: the last family is not complete"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char why[200];
        bool is_good = prom_strict_check(rows[i].page, strlen(rows[i].page), why, sizeof(why));
        assert_string_equal(why, rows[i].why);
        assert_int_equal(is_good, rows[i].why[0] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metric_page_of_one_registry_is_its_families_in_order),
        cmocka_unit_test(metric_page_of_no_metrics_is_empty),
        cmocka_unit_test(metric_registries_are_added_up_or_told_apart),
        cmocka_unit_test(metric_page_that_does_not_fit_says_so),
        cmocka_unit_test(metric_powers_of_two_take_values_up_to_their_bound),
        cmocka_unit_test(metric_wrong_declarations_are_refused),
        cmocka_unit_test(metric_pages_agree_with_plain_arrays),
        cmocka_unit_test(metric_pages_can_be_written_while_the_owner_counts),
        cmocka_unit_test(metric_second_opinion_knows_the_rules),
    };
    return cmocka_run_group_tests_name("base_metric", tests, NULL, NULL);
}
