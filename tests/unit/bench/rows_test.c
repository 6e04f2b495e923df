/* What benchmark programs say and how they measure: rows, bars, pairs, counted allocations. */
#include "bench/micro/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/allocs.h"
#include "tests/support/cmocka.h"

/* A benchmark whose output is kept. */
struct rows_fixture {
    struct bench b;
    char *rows;
    char *text;
    size_t rows_bytes, text_bytes;
};

static int rows_setup(void **state)
{
    struct rows_fixture *f = calloc(1, sizeof(*f));
    char *argv[] = {"bench", NULL};
    bench_init(&f->b, 1, argv);
    f->b.rows = open_memstream(&f->rows, &f->rows_bytes);
    f->b.text = open_memstream(&f->text, &f->text_bytes);
    *state = f;
    return 0;
}

static int rows_teardown(void **state)
{
    struct rows_fixture *f = *state;
    fclose(f->b.rows);
    fclose(f->b.text);
    free(f->rows);
    free(f->text);
    free(f);
    return 0;
}

static void bench_row_is_one_json_object_per_line(void **state)
{
    struct rows_fixture *f = *state;
    bench_row(&f->b, &(struct bench_row){.name = "64 conns, \"uring\"",
                                         .value = 123456.5,
                                         .unit = "req/s",
                                         .peer = "bare epoll loop",
                                         .ratio = 1.25,
                                         .bar = ">= 1.00"});
    bench_row(&f->b, &(struct bench_row){.name = "C:\\", .value = 0.25, .unit = "%"});
    assert_string_equal(
        f->rows, "{\"case\":\"64 conns, \\\"uring\\\"\",\"value\":123456,\"unit\":\"req/s\","
                 "\"peer\":\"bare epoll loop\",\"ratio\":1.25,\"bar\":\">= 1.00\",\"ok\":true}\n"
                 "{\"case\":\"C:\\\\\",\"value\":0.25,\"unit\":\"%\","
                 "\"peer\":null,\"ratio\":null,\"bar\":null,\"ok\":null}\n");
    assert_int_equal(bench_finish(&f->b), 0);
}

static void bench_row_judges_the_ratio_or_the_value_by_its_bar(void **state)
{
    struct rows_fixture *f = *state;
    static const struct {
        const char *bar;
        double value, ratio;
        bool want;
    } rows[] = {{">= 0.80", 1, 0.80, true},  {">= 0.80", 1, 0.79, false},
                {"> 1", 5, 1, false},        {"> 1", 0, 1.01, true},
                {"<= 2", 9, 2, true},        {"< 2", 0, 2, false},
                {"< 300 ns", 299, 9, true},  {"< 300 ns", 300, 0, false},
                {"<= 300 ns", 300, 0, true}, {">= 1e3 ns", 999, 9, false}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        unsigned missed_before = f->b.missed_count;
        bench_row(&f->b, &(struct bench_row){.name = "case",
                                             .value = rows[i].value,
                                             .unit = "ns",
                                             .peer = "peer",
                                             .ratio = rows[i].ratio,
                                             .bar = rows[i].bar});
        assert_int_equal(f->b.missed_count - missed_before, !rows[i].want);
    }
    fflush(f->b.text);
    assert_non_null(strstr(f->text, "bar >= 0.80: ok"));
    assert_non_null(strstr(f->text, "bar < 300 ns: MISSED"));
    assert_int_equal(bench_finish(&f->b), 0); /* a missed bar is a figure */
}

static void rows_refused(struct bench *b, double value, const char *bar)
{
    struct bench_row row = {.name = "case", .value = value, .unit = "ns", .bar = bar};
    expect_assert_failure(bench_row(b, &row));
}

static void bench_row_refuses_a_bar_that_judges_nothing(void **state)
{
    struct rows_fixture *f = *state;
    static const char *const bars[] = {"0.80", ">= ", "~ 3", "< 300 ms", "< 300 ", ">= 0.80"};
    for (size_t i = 0; i < ARRAY_COUNT(bars); i++) {
        rows_refused(&f->b, 1, bars[i]);
    }
    rows_refused(&f->b, NAN, NULL);
    assert_int_equal(f->b.rows_count, 0);
}

static void bench_json_leaves_the_rows_out_of_the_text(void **state)
{
    struct rows_fixture *f = *state;
    FILE *rows = f->b.rows;
    FILE *text = f->b.text;
    char *argv[] = {"bench", "--json", "--quick", "--dir", "data", NULL};
    bench_init(&f->b, 5, argv);
    assert_true(f->b.is_quick);
    assert_string_equal(f->b.dir, "data");
    f->b.rows = rows;
    f->b.text = text;
    bench_row(&f->b, &(struct bench_row){.name = "case", .value = 1, .unit = "ns"});
    bench_note(&f->b, "%d of %d", 1, 2);
    fflush(f->b.text);
    assert_string_equal(f->text, "1 of 2\n");
}

static void bench_finish_fails_without_rows(void **state)
{
    struct rows_fixture *f = *state;
    assert_int_equal(bench_finish(&f->b), 1);
}

/* Costs in the order they are asked for, and who asked. */
struct rows_costs {
    const double *costs;
    char who;
    char *order;
};

static double rows_cost(void *context)
{
    struct rows_costs *costs = context;
    size_t length = strlen(costs->order);
    costs->order[length] = costs->who;
    return *costs->costs++;
}

static void bench_pair_takes_turns_and_quotes_medians_per_pair(void **state)
{
    struct rows_fixture *f = *state;
    /* The machine slows down and recovers: costs vary eightfold, the peer's is twice ours
     * throughout but for one disturbed pair. The first pair warms up. */
    static const double ours_costs[] = {99, 1, 2, 8, 4, 1};
    static const double peer_costs[] = {1, 2, 4, 16, 40, 2};
    char order[16] = "";
    struct rows_costs ours = {ours_costs, 'o', order};
    struct rows_costs peer = {peer_costs, 'p', order};
    struct bench_pair pair =
        bench_pair(&f->b, "case", &(struct bench_side){.cost = rows_cost, .context = &ours},
                   &(struct bench_side){.cost = rows_cost, .context = &peer}, 5);
    assert_string_equal(order, "oppooppooppo");
    assert_true(pair.ours == 2);
    assert_true(pair.peer == 4);
    assert_true(pair.ratio == 2);
    assert_true(pair.ratio_low == 2);
    assert_true(pair.ratio_high == 2);
    assert_int_equal(pair.runs_count, 5);
}

static void bench_quantile_takes_a_value_that_was_measured(void **state)
{
    (void)state;
    static const struct {
        double quantile, want;
    } rows[] = {{0, 1}, {0.24, 2}, {0.5, 3}, {0.75, 4}, {0.99, 5}, {1, 5}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        double values[] = {3, 5, 1, 4, 2};
        assert_true(bench_quantile(values, ARRAY_COUNT(values), rows[i].quantile) == rows[i].want);
    }
}

static void rows_spin(void *context, uint64_t ops_count)
{
    const uint64_t *op_ns = context;
    uint64_t until_ns = bench_now_ns() + ops_count * *op_ns;
    while (bench_now_ns() < until_ns) {
    }
}

static void bench_loop_is_fitted_and_timed_per_operation(void **state)
{
    struct rows_fixture *f = *state;
    f->b.is_quick = true;
    static uint64_t op_ns[] = {200, 1000000}; /* a run holds many; a run holds two */
    for (size_t i = 0; i < ARRAY_COUNT(op_ns); i++) {
        uint64_t cpu_before_ns = bench_cpu_ns(BENCH_CPU_THREAD);
        double cost = bench_median(
            &f->b, "spin", &(struct bench_side){.loop = rows_spin, .context = &op_ns[i]}, 21);
        assert_true(cost >= (double)op_ns[i]);
        uint64_t cpu_ns = bench_cpu_ns(BENCH_CPU_THREAD);
        assert_true(cpu_ns > cpu_before_ns);
        assert_true(bench_cpu_ns(BENCH_CPU_PROCESS) >= cpu_ns);
    }
    fflush(f->b.text);
    assert_non_null(strstr(f->text, "spin: 5 runs, ")); /* a quarter of 21, odd */
}

static void rows_allocate(void *context, uint64_t ops_count)
{
    (void)context;
    for (uint64_t i = 0; i < ops_count; i++) {
        void *memory = malloc(24);
        bench_keep(memory);
        free(memory);
    }
}

static void allocs_count_every_way_to_memory(void **state)
{
    struct rows_fixture *f = *state;
    struct allocs before = allocs_now();
    void *memory[5] = {malloc(1), calloc(2, 8), realloc(NULL, 32), aligned_alloc(64, 64), NULL};
    assert_int_equal(posix_memalign(&memory[4], 64, 128), 0);
    for (size_t i = 0; i < ARRAY_COUNT(memory); i++) {
        bench_keep(memory[i]);
        free(memory[i]);
    }
    struct allocs after = allocs_now();
    assert_int_equal(after.allocs_count - before.allocs_count, 5);
    assert_int_equal(after.frees_count - before.frees_count, 5);
    assert_int_equal(after.bytes - before.bytes, 1 + 16 + 32 + 64 + 128);
    bench_row_allocs(&f->b, "hot", &(struct bench_side){.loop = rows_allocate});
    assert_non_null(strstr(f->rows, "\"value\":1,\"unit\":\"allocs/op\""));
    assert_non_null(strstr(f->rows, "\"bar\":\"<= 0 allocs/op\",\"ok\":false"));
    fflush(f->b.text);
    assert_non_null(strstr(f->text, "hot: 24.0 bytes/op"));
}

static void bench_limit_memory_says_what_limits(void **state)
{
    struct rows_fixture *f = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* the limit dies with the process; no allocation once it stands */
        char note[256] = "";
        f->b.text = fmemopen(note, sizeof(note), "w");
        setvbuf(f->b.text, NULL, _IONBF, 0);
        bool limited = bench_limit_memory(&f->b, UINT64_C(1) << 30);
        bool said = strstr(note, "memory limited to 1024 MiB by ") != NULL;
        bench_limit_end(&f->b);
        _exit(limited && said && strstr(note, "left behind") == NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(bench_cpu_ns(BENCH_CPU_CHILDREN) > 0);
    assert_true(bench_rss_bytes() > 0);
}

int main(void)
{
#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, rows_setup, rows_teardown)
    const struct CMUnitTest tests[] = {
        ROWS_TEST(bench_row_is_one_json_object_per_line),
        ROWS_TEST(bench_row_judges_the_ratio_or_the_value_by_its_bar),
        ROWS_TEST(bench_row_refuses_a_bar_that_judges_nothing),
        ROWS_TEST(bench_json_leaves_the_rows_out_of_the_text),
        ROWS_TEST(bench_finish_fails_without_rows),
        ROWS_TEST(bench_pair_takes_turns_and_quotes_medians_per_pair),
        ROWS_TEST(bench_quantile_takes_a_value_that_was_measured),
        ROWS_TEST(bench_loop_is_fitted_and_timed_per_operation),
        ROWS_TEST(allocs_count_every_way_to_memory),
        ROWS_TEST(bench_limit_memory_says_what_limits),
    };
#undef ROWS_TEST
    return cmocka_run_group_tests_name("bench_rows", tests, NULL, NULL);
}
