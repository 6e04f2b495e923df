/* The committed feed over a real store: steps, waiting, bounds, and what cannot be read. */
#include "raft/driver/feed.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/rt/clock.h"
#include "tests/support/cmocka.h"
#include "tests/unit/raft/rafts.h"

/* A machine with `count` batches in group 1, committed: entries 2 .. count + 1. */
static struct rafts *feed_machine(uint32_t count)
{
    struct rafts *r = rafts_new(1, NULL);
    rafts_start(r, 1);
    rafts_on(r, 1, rafts_propose, count);
    rafts_settle(r);
    return r;
}

static void feed_end(struct rafts *r)
{
    rafts_close(r);
    rafts_free(r);
}

/* --- Steps --- */

static void a_step_gives_whole_entries_up_to_its_bytes(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(20);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 1);
    uint32_t steps = 0;
    for (uint64_t index = 0; index < 21; index = g->fed_index, steps++) {
        rafts_on(r, 1, rafts_feed_next, 0);
        rafts_settle(r);
        assert_int_equal(g->fed_err, ERR_OK);
        assert_int_equal(g->fed_first, index + 1);
        assert_true(g->fed_index > index);
        assert_int_equal(raft_feed_position(&g->feed), g->fed_index + 1);
    }
    assert_true(steps > 1);
    assert_true(steps < 21);
    assert_int_equal(g->fed_count, 21);
    assert_int_equal(g->feed.next_offset, g->next_offset);
    feed_end(r);
}

static void a_step_waits_until_there_is_something(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(3);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 5);
    rafts_on(r, 1, rafts_feed_next, 0);
    rafts_settle(r);
    assert_int_equal(g->steps_count, 0);
    assert_false(raft_feed_is_idle(&g->feed));
    rafts_on(r, 1, rafts_propose, 1);
    rafts_settle(r);
    assert_int_equal(g->steps_count, 1);
    assert_int_equal(g->fed_index, 5);
    feed_end(r);
}

static void a_feed_may_begin_where_nothing_is_yet(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(3);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 9);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_on(r, 1, rafts_propose, 4); /* up to 8 */
    rafts_settle(r);
    assert_int_equal(g->fed_count, 0);
    rafts_on(r, 1, rafts_propose, 4);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 12);
    assert_int_equal(g->fed_count, 4);
    feed_end(r);
}

/* --- Bounds --- */

static void feed_limit(struct rafts_group *g)
{
    raft_feed_limit(&g->feed, g->rafts->arg);
}

static void nothing_is_given_out_above_the_callers_bound(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(20);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 1);
    rafts_on(r, 1, feed_limit, 7);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 7);
    rafts_on(r, 1, feed_limit, 3); /* behind it already */
    rafts_on(r, 1, rafts_propose, 1);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 7);
    rafts_on(r, 1, feed_limit, 9);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 9);
    rafts_on(r, 1, feed_limit, UINT64_MAX);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 22);
    feed_end(r);
}

/* --- Ending a step --- */

static void feed_cancel_inside(struct rafts_group *g)
{
    rafts_feed_next(g);
    rafts_feed_cancel(g);
    rafts_feed_cancel(g);
    assert_true(g->is_asking); /* never inside the call */
}

static void a_canceled_step_is_done_once(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(3);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 5);
    rafts_on(r, 1, feed_cancel_inside, 0); /* it waits */
    rafts_settle(r);
    assert_int_equal(g->steps_count, 1);
    assert_int_equal(g->fed_err, ERR_CANCELED);
    rafts_on(r, 1, rafts_feed_close, 0);
    rafts_on(r, 1, rafts_feed_open, 1);
    rafts_on(r, 1, feed_cancel_inside, 0); /* it reads */
    rafts_settle(r);
    assert_int_equal(g->steps_count, 1);
    assert_int_equal(g->fed_err, ERR_OK);
    rafts_on(r, 1, rafts_feed_cancel, 0); /* there is none */
    rafts_on(r, 1, rafts_feed_next, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_err, ERR_OK);
    feed_end(r);
}

static void feed_next_and_close_group(struct rafts_group *g)
{
    rafts_feed_next(g);
    rafts_close_group(g);
}

static void a_step_that_reads_while_the_group_closes_is_answered(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(3);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 1);
    rafts_on(r, 1, feed_next_and_close_group, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_err, ERR_OK);
    assert_true(g->is_open);
    rafts_on(r, 1, rafts_feed_next, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_err, ERR_CLOSING);
    rafts_on(r, 1, rafts_feed_close, 0);
    rafts_settle(r);
    assert_false(g->is_open);
    feed_end(r);
}

/* --- What is not there --- */

static void below_the_log_start_a_feed_is_told_where_it_is(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(120);
    struct rafts_group *g = rafts_on(r, 1, rafts_propose_trim, 101);
    rafts_settle(r);
    rafts_settle(r); /* files have gone */
    rafts_on(r, 1, rafts_feed_open, 1);
    rafts_on(r, 1, rafts_feed_next, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_err, ERR_RANGE);
    assert_int_equal(g->fed_first, 101);
    assert_int_equal(raft_feed_position(&g->feed), 1);
    rafts_on(r, 1, rafts_feed_close, 0);
    rafts_on(r, 1, rafts_feed_open, 101);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 122);
    feed_end(r);
}

/* The place of entry `index` of group 1 in its first segment. */
static uint64_t feed_pos(const struct rafts_group *g, uint64_t index)
{
    uint64_t pos = LOG_BATCH_HEADER_BYTES; /* the no-op */
    for (uint64_t i = 2; i < index; i++) {
        pos += rafts_batch_bytes(g->serials[i]);
    }
    return pos;
}

/* After a restart, so that nothing is in memory. */
static void feed_rot(struct rafts *r, uint64_t index)
{
    struct rafts_group *g = &r->groups[1];
    char path[LIMIT_PATH_BYTES];
    rafts_close(r);
    rafts_start(r, 1);
    log_path_segment(path, g->group.log, 1, 0, "log");
    uint64_t pos = feed_pos(g, index) + LOG_BATCH_HEADER_BYTES + 3;
    assert_int_equal(sim_disk_rot(sim_node_disk(r->node), path, pos, 3), ERR_OK);
}

static void what_has_rotted_is_told_and_passed_if_the_owner_goes_on(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(60);
    feed_rot(r, 10);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 3);
    do {
        rafts_on(r, 1, rafts_feed_next, 0);
        rafts_settle(r);
    } while (g->fed_err == ERR_OK && g->fed_index < 61);
    assert_int_equal(g->fed_err, ERR_CORRUPT);
    assert_int_equal(g->fed_index, 9);
    assert_int_equal(g->fed_first, 10);
    assert_int_equal(g->fed_last, 10);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 61);
    assert_int_equal(g->fed_count, 58);
    feed_end(r);
}

static struct log_repair feed_repair;
static bool feed_is_repaired;

static void feed_repaired(struct log_repair *repair)
{
    assert_int_equal(repair->err, ERR_OK);
    feed_is_repaired = true;
}

static void feed_accept(struct rafts_group *g)
{
    log_repair_accept(&feed_repair, g->group.log, feed_repaired);
}

/* Entries that were given up, and bytes of a step that hold what is before, between and behind. */
static const struct {
    const char *name;
    uint64_t lost[3];
} feed_gaps[] = {
    {"entries that are given up: one, in the middle", {10}},
    {"entries that are given up: the first of data", {2}},
    {"entries that are given up: some apart", {5, 7, 11}},
    {"entries that are given up: neighbours", {5, 6, 7}},
};

static void indexes_go_on_behind(void **state)
{
    const size_t row = (size_t)*state;
    struct rafts *r = feed_machine(60);
    struct rafts_group *g = &r->groups[1];
    uint64_t lost_count = 0;
    for (size_t i = 0; i < 3 && feed_gaps[row].lost[i] != 0; i++, lost_count++) {
        uint64_t index = feed_gaps[row].lost[i];
        feed_rot(r, index);
        rafts_on(r, 1, rafts_feed_open, 1);
        rafts_on(r, 1, rafts_feed_run, 0);
        rafts_settle(r);
        rafts_on(r, 1, rafts_feed_cancel, 0);
        rafts_settle(r);
        rafts_on(r, 1, rafts_feed_close, 0);
    }
    feed_is_repaired = false;
    rafts_on(r, 1, feed_accept, 0);
    sim_run_for(r->sim, RT_NS_PER_S);
    assert_true(feed_is_repaired);
    assert_int_equal(feed_repair.lost_count, lost_count);
    for (uint32_t bytes = 0; bytes < 7; bytes++) {
        g->serial = 7 + bytes; /* rafts_feed_open takes its step from that */
        rafts_on(r, 1, rafts_feed_open, 1);
        rafts_on(r, 1, rafts_feed_run, 0);
        rafts_settle(r);
        assert_true(g->is_asking);
        assert_int_equal(g->fed_index, 61);
        assert_int_equal(g->fed_count, 61 - lost_count);
        rafts_on(r, 1, rafts_feed_cancel, 0);
        rafts_settle(r);
        rafts_on(r, 1, rafts_feed_close, 0);
    }
    uint64_t lost = feed_gaps[row].lost[0]; /* nothing but what is no more */
    rafts_on(r, 1, rafts_feed_open, lost);
    rafts_on(r, 1, feed_limit, lost);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_settle(r);
    assert_true(g->is_asking);
    assert_int_equal(g->steps_count, 1); /* who waits for what comes behind is told */
    assert_int_equal(g->fed_first, lost);
    assert_int_equal(g->fed_last, lost);
    assert_int_equal(g->fed_count, 0);
    assert_int_equal(raft_feed_position(&g->feed), lost + 1);
    rafts_on(r, 1, feed_limit, UINT64_MAX);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 61);
    feed_end(r);
}

static void a_sector_that_cannot_be_read_is_an_error_of_the_step(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(60);
    struct rafts_group *g = &r->groups[1];
    char path[LIMIT_PATH_BYTES];
    rafts_close(r);
    rafts_start(r, 1);
    log_path_segment(path, g->group.log, 1, 0, "log");
    assert_int_equal(sim_disk_sector_error(sim_node_disk(r->node), path, feed_pos(g, 10)), ERR_OK);
    rafts_on(r, 1, rafts_feed_open, 10);
    for (uint32_t i = 0; i < 2; i++) {
        rafts_on(r, 1, rafts_feed_next, 0);
        rafts_settle(r);
        assert_int_equal(g->fed_err, ERR_IO);
        assert_int_equal(raft_feed_position(&g->feed), 10);
    }
    feed_end(r);
}

/* --- Memory --- */

static void a_feed_that_waits_holds_no_memory_of_the_past(void **state)
{
    (void)state;
    struct rafts *r = feed_machine(100);
    rafts_close(r);
    rafts_start(r, 1);
    struct rafts_group *g = rafts_on(r, 1, rafts_feed_open, 1);
    rafts_on(r, 1, rafts_feed_run, 0);
    rafts_settle(r);
    assert_int_equal(g->fed_index, 101);
    assert_true(g->is_asking);
    size_t waiting_bytes = r->shards[0].ls.budget.used_bytes;
    rafts_on(r, 1, rafts_feed_cancel, 0);
    rafts_settle(r);
    rafts_on(r, 1, rafts_feed_close, 0);
    assert_int_equal(r->shards[0].ls.budget.used_bytes, waiting_bytes);
    feed_end(r);
}

int main(void)
{
    struct CMUnitTest gaps[ARRAY_COUNT(feed_gaps)];
    for (size_t i = 0; i < ARRAY_COUNT(feed_gaps); i++) {
        gaps[i] = (struct CMUnitTest){
            .name = feed_gaps[i].name,
            .test_func = indexes_go_on_behind,
            .initial_state = (void *)i,
        };
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_gives_whole_entries_up_to_its_bytes),
        cmocka_unit_test(a_step_waits_until_there_is_something),
        cmocka_unit_test(a_feed_may_begin_where_nothing_is_yet),
        cmocka_unit_test(nothing_is_given_out_above_the_callers_bound),
        cmocka_unit_test(a_canceled_step_is_done_once),
        cmocka_unit_test(a_step_that_reads_while_the_group_closes_is_answered),
        cmocka_unit_test(below_the_log_start_a_feed_is_told_where_it_is),
        cmocka_unit_test(what_has_rotted_is_told_and_passed_if_the_owner_goes_on),
        cmocka_unit_test(a_sector_that_cannot_be_read_is_an_error_of_the_step),
        cmocka_unit_test(a_feed_that_waits_holds_no_memory_of_the_past),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + cmocka_run_group_tests(gaps, NULL, NULL);
}
