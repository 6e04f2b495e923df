/* Scans: rows equal to what the records say, whatever their batches are, wherever the query runs,
 * while records are deleted, after a crash; ended early or at any instant, with memory back. */
#include "broker/core/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/shard.h"
#include "storage/log/shard.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/scans.h"
#include "views/vec/calendar.h"

static void every_row_is_what_its_record_says(void **state)
{
    (void)state;
    for (uint32_t home = 0; home < 3; home++) {
        struct world *w = world_small(3);
        struct scan *s = scan_new(w, home);
        scan_run(s);
        scan_expect_whole(s);
        assert_int_equal(s->gaps_count, 0);
        assert_int_equal(s->rows_count, 72);
        assert_int_equal(s->scans.records_count, 72);
        assert_true(s->scans.bytes > 72 * 20);
        scan_end(s);
        world_free(w);
    }
}

static void an_empty_topic_has_no_rows(void **state)
{
    (void)state;
    struct world *w = world_new(1, 2);
    struct scan *s = scan_new(w, 1);
    scan_run(s);
    assert_int_equal(s->result, EXEC_END);
    assert_int_equal(s->rows_count, 0);
    scan_end(s);
    world_free(w);
}

static void rows_appended_after_the_beginning_are_not_given(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    struct scan *s = scan_new(w, 0);
    s->pause_ns = RT_NS_PER_MS;
    scan_post(s, scan_open_call);
    sim_run_for(w->y->sim, RT_NS_PER_MS);
    world_append(w, 2, 9);
    while (!scan_is_done(s)) {
        scan_post(s, scan_turn_call);
        sim_run_for(w->y->sim, RT_NS_PER_MS);
    }
    scan_expect_whole(s);
    assert_int_equal(s->rows_count, 72);
    scan_end(s);
    world_free(w);
}

static const struct {
    const char *name;
    int64_t offset_min;
    int64_t offset_max;
    int64_t time_min; /* ms from SCAN_TIME on; -1: none */
    int64_t time_max;
    int64_t partition;
    int64_t rows_max;
    uint64_t rows; /* without times */
} bound_rows[] = {
    {"rows below the least offset are left out", 20, PLAN_OFFSET_MAX, -1, -1, -1, INT64_MAX, 32},
    {"rows above the largest offset are left out", 0, 9, -1, -1, -1, INT64_MAX, 20},
    {"one offset is one row of each partition", 11, 11, -1, -1, -1, INT64_MAX, 2},
    {"no offset is no row", 5, 4, -1, -1, -1, INT64_MAX, 0},
    {"offsets below zero are none", 0, -1, -1, -1, -1, INT64_MAX, 0},
    {"one partition alone", 0, PLAN_OFFSET_MAX, -1, -1, 2, INT64_MAX, 30},
    {"a partition without rows", 0, PLAN_OFFSET_MAX, -1, -1, 1, INT64_MAX, 0},
    {"a partition that is not there", 0, PLAN_OFFSET_MAX, -1, -1, 7, INT64_MAX, 0},
    {"a limit ends it early", 0, PLAN_OFFSET_MAX, -1, -1, -1, 10, 10},
    {"a limit across partitions", 0, PLAN_OFFSET_MAX, -1, -1, -1, 50, 50},
    {"a limit of nothing", 0, PLAN_OFFSET_MAX, -1, -1, -1, 0, 0},
    {"rows from a time on", 0, PLAN_OFFSET_MAX, 200, -1, -1, INT64_MAX, UINT64_MAX},
    {"rows up to a time", 0, PLAN_OFFSET_MAX, -1, 200, -1, INT64_MAX, UINT64_MAX},
    {"rows between two times", 0, PLAN_OFFSET_MAX, 100, 250, -1, INT64_MAX, UINT64_MAX},
    {"rows of a time that is to come", 0, PLAN_OFFSET_MAX, 100000, -1, -1, INT64_MAX, 0},
};

static void bound_row(void **state)
{
    size_t i = (size_t)*state;
    static const uint32_t whole[] = {C_ID, C_COUNT + 2, C_COUNT + 3};
    static const uint32_t counted[] = {C_COUNT + 2, C_COUNT + 3}; /* no record is looked at */
    for (uint32_t k = 0; k < 2; k++) {
        struct world *w = world_small(2);
        struct scan *s = scan_new(w, k);
        if (k == 0) {
            scan_columns(s, whole, ARRAY_COUNT(whole));
        } else {
            scan_columns(s, counted, ARRAY_COUNT(counted));
        }
        s->plan.offset_min = bound_rows[i].offset_min;
        s->plan.offset_max = bound_rows[i].offset_max;
        s->plan.partition = bound_rows[i].partition;
        s->plan.rows_max = bound_rows[i].rows_max;
        if (bound_rows[i].time_min >= 0) {
            s->plan.timestamp_min =
                (SCAN_TIME + bound_rows[i].time_min) * 1000 + VEC_EPOCH_US - 500;
        }
        if (bound_rows[i].time_max >= 0) {
            s->plan.timestamp_max =
                (SCAN_TIME + bound_rows[i].time_max) * 1000 + VEC_EPOCH_US + 500;
        }
        for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
            bool is_in = s->plan.partition == -1 || s->plan.partition == (int64_t)p;
            s->at[p] = (uint64_t)s->plan.offset_min;
            uint64_t end = s->plan.offset_max == PLAN_OFFSET_MAX
                               ? UINT64_MAX
                               : (uint64_t)(s->plan.offset_max + 1);
            s->end[p] = !is_in ? 0 : end < s->end[p] ? end : s->end[p];
        }
        scan_run(s);
        assert_int_equal(s->gaps_count, 0);
        if (bound_rows[i].rows != UINT64_MAX) {
            assert_int_equal(s->rows_count, bound_rows[i].rows);
        } else {
            assert_in_range(s->rows_count, 1, 71);
        }
        if (s->plan.rows_max == INT64_MAX) {
            scan_expect_whole(s);
        }
        scan_end(s);
        world_free(w);
    }
}

static void rows_without_columns_are_counted(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    struct scan *s = scan_new(w, 0);
    s->count = 0;
    scan_run(s);
    assert_int_equal(s->result, EXEC_END);
    assert_int_equal(s->rows_count, 72);
    assert_int_equal(s->scans.errors_count, 0); /* nothing was parsed */
    scan_end(s);
    world_free(w);
}

/* Partition 0 is more than two steps, so partition 2 is not asked for before some of it is read. */
static void records_deleted_before_the_scan_comes_to_them_are_left_out(void **state)
{
    (void)state;
    static const uint32_t columns[] = {C_ID, C_COUNT + 2, C_COUNT + 3};
    struct world *w = world_new(3, 2);
    w->may_crash = true;
    for (uint32_t i = 0; i < 20; i++) {
        world_append(w, 0, 800);
    }
    world_append(w, 2, 30);
    struct scan *s = scan_new(w, 0);
    scan_columns(s, columns, ARRAY_COUNT(columns));
    s->pause_ns = RT_NS_PER_MS;
    scan_post(s, scan_open_call);
    yard_run(w->y, 1);
    yard_roll(w->y, 2);
    yard_trim(w->y, 2, CORE_TRIM_ALL); /* none of it is pinned yet */
    for (uint32_t i = 0; i < 3; i++) {
        yard_roll(w->y, 2);
        world_append(w, 1, 1);
        yard_settle(w->y);
        yard_run(w->y, 100);
    }
    while (!scan_is_done(s)) {
        yard_run(w->y, 1);
        scan_post(s, scan_turn_call);
    }
    assert_int_equal(s->result, EXEC_END);
    assert_int_equal(s->at[0], 16000);
    assert_int_equal(s->rows_count, 16000);
    scan_end(s);
    world_free(w);
}

static void a_topic_deleted_meanwhile_is_an_error(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    struct scan *s = scan_new(w, 1);
    yard_delete(w->y);
    scan_run(s);
    assert_int_equal(s->result, EXEC_FAILED);
    assert_string_equal(s->failure.state, "42P01");
    assert_non_null(strstr(s->failure.message, "topic yard, partition 0"));
    scan_end(s);
    world_free(w);
}

/* --- Memory --- */

static void what_has_rotted_is_an_error_that_says_where(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    char path[LIMIT_PATH_BYTES];
    yard_roll(w->y, 2);
    yard_settle(w->y);
    yard_close(w->y);
    yard_start(w->y, 2); /* so that nothing is in memory */
    world_relate(w);
    log_path_segment(path, yard_partition(w->y, 2)->group.log, 1, 0, "log");
    assert_int_equal(
        sim_disk_rot(sim_node_disk(w->y->node), path, 2 * LOG_BATCH_HEADER_BYTES + 5, 3), ERR_OK);
    struct scan *s = scan_new(w, 1);
    scan_run(s);
    assert_int_equal(s->result, EXEC_FAILED);
    assert_string_equal(s->failure.state, "XX001");
    assert_non_null(strstr(s->failure.message, "topic yard, partition 2"));
    assert_non_null(strstr(s->failure.message, "offset 0 "));
    assert_int_equal(s->rows_count, 42);
    scan_end(s);
    world_free(w);
}

static void a_query_without_memory_fails_as_such(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    uint32_t failed_count = 0;
    for (size_t limit = 0;; limit += 50000) {
        struct scan *s = scan_new(w, 0);
        budget_set_limit(&s->budget, limit);
        scan_run(s);
        if (s->result == EXEC_END) {
            scan_expect_whole(s);
            scan_end(s);
            break;
        }
        assert_string_equal(s->failure.state, "53200");
        failed_count++;
        scan_end(s);
    }
    assert_true(failed_count > 3);
    world_free(w);
}

/* A scan closed after each number of steps of the world. */
static void a_scan_can_be_closed_at_any_instant(void **state)
{
    (void)state;
    struct world *w = world_small(3);
    for (uint64_t steps = 0; steps < 200; steps++) {
        struct scan *s = scan_new(w, (uint32_t)(steps % 3));
        if (steps % 7 == 0) {
            scan_system(s, "errors");
        } else if (steps % 2 == 0) {
            s->plan.timestamp_min = (SCAN_TIME + 100) * (int64_t)1000 + VEC_EPOCH_US;
        }
        sim_post(sim_node_shard(w->y->node, s->home), scan_open_call, s);
        (void)sim_run_steps(w->y->sim, steps);
        scan_end(s);
    }
    world_free(w);
}

/* --- Lives --- */

static void life_scan(struct world *w, uint64_t *starts)
{
    struct scan *s = scan_new(w, (uint32_t)prng_below(&w->prng, w->y->shards_count));
    uint32_t count = 0;
    bool is_closed_early = prng_below(&w->prng, 6) == 0;
    uint32_t trims = prng_below(&w->prng, 3) == 0 ? 2 : 0;
    for (uint32_t i = 0; i < s->w->relation->relation.columns_count; i++) {
        bool is_place = i == C_COUNT + 2 || i == C_COUNT + 3;
        if (is_place || prng_below(&w->prng, 3) == 0) {
            s->numbers[count++] = i;
        }
    }
    s->count = count;
    if (prng_below(&w->prng, 3) == 0) {
        s->plan.timestamp_min =
            (SCAN_TIME + (int64_t)prng_below(&w->prng, 3000)) * 1000 + VEC_EPOCH_US;
    }
    if (prng_below(&w->prng, 5) == 0) {
        s->plan.timestamp_max =
            (SCAN_TIME + (int64_t)prng_below(&w->prng, 3000)) * 1000 + VEC_EPOCH_US;
    }
    s->pause_ns = trims > 0 || is_closed_early ? 1 + prng_below(&w->prng, RT_NS_PER_MS) : 0;
    memcpy(s->at, starts, sizeof(s->at));
    scan_post(s, scan_open_call);
    for (uint32_t k = 0; !scan_is_done(s); k++) {
        assert_true(k < 100000);
        sim_run_for(w->y->sim, s->pause_ns + 1000);
        scan_post(s, scan_turn_call);
        if (trims > 0 && prng_below(&w->prng, 4) == 0) {
            uint32_t partition = (uint32_t)prng_below(&w->prng, YARD_PARTITIONS);
            uint64_t at = starts[partition] +
                          prng_below(&w->prng, w->ends[partition] - starts[partition] + 1);
            yard_trim(w->y, partition, (int64_t)at);
            starts[partition] = at;
            trims--;
        }
        if (is_closed_early && prng_below(&w->prng, 10) == 0) {
            break;
        }
    }
    if (scan_is_done(s)) {
        for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
            s->at[p] = s->at[p] > starts[p] ? s->at[p] : starts[p]; /* deleted meanwhile */
        }
        scan_expect_whole(s);
        bool may_gap = s->pause_ns != 0;
        assert_true(may_gap || s->gaps_count == 0);
    }
    scan_end(s);
}

static void life(uint64_t seed)
{
    struct world *w = world_new(seed, 1 + (uint32_t)(seed % YARD_SHARDS));
    uint64_t starts[YARD_PARTITIONS] = {0};
    w->may_crash = seed % 2 == 1;
    for (uint32_t k = 0; k < 30; k++) {
        uint64_t what = prng_below(&w->prng, 20);
        uint32_t partition = (uint32_t)prng_below(&w->prng, YARD_PARTITIONS);
        if (what < 10) {
            world_append(w, partition, 1 + (uint32_t)prng_below(&w->prng, what == 0 ? 800 : 20));
        } else if (what < 15) {
            life_scan(w, starts);
        } else if (what < 16) {
            yard_roll(w->y, partition);
        } else if (what < 17) {
            yard_settle(w->y);
        } else if (what < 18) {
            starts[partition] += prng_below(&w->prng, w->ends[partition] - starts[partition] + 1);
            yard_trim(w->y, partition, (int64_t)starts[partition]);
        } else {
            struct scan *s = scan_new(w, 0);
            sim_post(sim_node_shard(w->y->node, s->home), scan_open_call, s);
            (void)sim_run_steps(w->y->sim, prng_below(&w->prng, 100));
            if (w->may_crash) {
                yard_crash(w->y, SIM_CRASH_LOSE);
                free(s);
            } else {
                scan_end(s);
                yard_close(w->y);
            }
            yard_start(w->y, 1 + (uint32_t)prng_below(&w->prng, YARD_SHARDS));
            world_relate(w);
        }
    }
    life_scan(w, starts);
    world_free(w);
}

static void lives_give_what_a_naive_reader_gives(void **state)
{
    (void)state;
    struct share share = share_open("lives of scans", 60);
    while (share_more(&share)) {
        life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(every_row_is_what_its_record_says),
        cmocka_unit_test(an_empty_topic_has_no_rows),
        cmocka_unit_test(rows_appended_after_the_beginning_are_not_given),
        cmocka_unit_test(rows_without_columns_are_counted),
        cmocka_unit_test(records_deleted_before_the_scan_comes_to_them_are_left_out),
        cmocka_unit_test(a_topic_deleted_meanwhile_is_an_error),
        cmocka_unit_test(what_has_rotted_is_an_error_that_says_where),
        cmocka_unit_test(a_query_without_memory_fails_as_such),
        cmocka_unit_test(a_scan_can_be_closed_at_any_instant),
        cmocka_unit_test(lives_give_what_a_naive_reader_gives),
    };
    struct CMUnitTest tests[ARRAY_COUNT(bound_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(bound_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = bound_rows[i].name, .test_func = bound_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(bound_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_scan", tests, NULL, NULL);
}
