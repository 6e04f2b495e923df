/* What bounds those who follow views: change logs that are full, ticks that do not fit, differences
 * that are larger than the memory for them. Then all rows come again, and changes behind them. */
#include <string.h>

#include "broker/core/changes.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/follow_world.h"

static void budgets_are_small(struct yard *y, struct core_shard *cs)
{
    struct land *l = y->build_ctx;
    land_opened(y, cs);
    budget_set_limit(&cs->upkeep.budget, l->bytes_max);
}

static struct land *small_land(uint64_t bytes_max)
{
    struct land *l = land_new(16, NULL);
    fan_forget_all();
    l->y->config.view_changes_bytes_max = bytes_max;
    land_start(l, 2);
    land_append(l, 0, 40);
    land_create(l, 0);
    land_settle(l);
    return l;
}

static void the_oldest_steps_leave_a_log_that_is_full(void **state)
{
    (void)state;
    struct land *l = small_land(64 << 10);
    struct fan *keeper = fan_follow(l, 0, "SELECT * FROM v_group");
    struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
    struct fan *stuck = fan_follow(l, 1, "SELECT k, count FROM v_group");
    fan_end(fan);
    stuck->is_stuck = true;
    for (uint32_t step = 0; step < 20; step++) {
        land_append(l, step % 3, 10);
        fan_settle(l, &keeper, 1);
        assert_true(fan_log_bytes(l) <= 64 << 10);
    }
    fan_again(fan, 1); /* all that was changed meanwhile is there */
    fan_settle(l, &fan, 1);
    assert_true(fan->follow.is_diff);
    fan_end(fan);
    for (uint32_t step = 0; step < 300; step++) {
        land_append(l, step % 3, 10);
        fan_settle(l, &keeper, 1);
        assert_true(fan_log_bytes(l) <= 64 << 10);
    }
    fan_again(fan, 1);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    assert_false(fan->follow.is_diff);
    assert_string_equal(fan->follow.reason, "the change log no longer reaches");
    yard_run(l->y, 1000);
    assert_int_equal(stuck->anew_count, 0); /* it waits for room */
    fan_unstick(stuck);
    fan_settle(l, &stuck, 1);
    fan_is(stuck);
    assert_int_equal(stuck->anew_count, 1);
    assert_string_equal(stuck->follow.reason, "the change log no longer reaches");
    fan_gone(stuck);
    assert_false(keeper->is_done);
    assert_int_equal(keeper->snapshots_count, 1);
    fan_gone(fan);
    fan_gone(keeper);
    land_free(l);
}

/* Who reads the log of a shard, from another one. */
struct reader {
    struct land *l;
    struct core_changes_ask ask;
    enum core_changes_op op;
    bool is_done;
};

static void reader_done(struct core_changes_ask *ask)
{
    ((struct reader *)ask->ctx)->is_done = true;
}

static void reader_call(struct rt_shard *shard, void *ctx)
{
    struct reader *r = ctx;
    r->is_done = core_changes_start(&r->l->y->shards[shard->id], &r->ask, r->op);
}

static bool reader_is_done(void *ctx)
{
    return ((const struct reader *)ctx)->is_done;
}

static void reader_ask(struct reader *r, enum core_changes_op op)
{
    r->op = op;
    r->is_done = false;
    land_post(r->l, 0, reader_call, r);
    assert_true(sim_run_until_true(r->l->y->sim, reader_is_done, r, UINT64_MAX));
}

static uint64_t reader_walk(const struct reader *r)
{
    uint64_t sum = 0;
    for (const struct core_changes_chunk *chunk = r->ask.first; chunk != NULL;
         chunk = chunk == r->ask.last ? NULL : chunk->next) {
        assert_in_range(chunk->tick, r->ask.from + 1, r->ask.to);
        sum = sum * 31 + chunk->tick + chunk->plus_count;
    }
    return sum;
}

static void what_is_read_of_a_log_stays_while_it_is_read(void **state)
{
    (void)state;
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct land *l = small_land(16 << 10);
        struct core_upkeep_row row;
        struct reader r = {.l = l};
        assert_true(land_row(l, "v_group", &row));
        r.ask = (struct core_changes_ask){
            .done = reader_done, .ctx = &r, .shard = shard, .view = row.view};
        reader_ask(&r, CORE_CHANGES_KEEP);
        assert_int_equal(r.ask.code, CORE_OK);
        r.ask.from = r.ask.reach;
        for (uint32_t i = 0; i < 5; i++) {
            land_append(l, i % 3, 10);
            land_settle(l);
            assert_true(land_row(l, "v_group", &row));
            r.ask.to = i < 3 ? row.tick : r.ask.to;
        }
        reader_ask(&r, CORE_CHANGES_READ);
        assert_int_equal(r.ask.code, CORE_OK);
        uint64_t some = reader_walk(&r); /* not what came behind it */
        r.ask.to = row.tick;
        reader_ask(&r, CORE_CHANGES_READ);
        assert_int_not_equal(reader_walk(&r), some);
        assert_int_equal(r.ask.code, CORE_OK);
        assert_non_null(r.ask.first);
        uint64_t sum = reader_walk(&r);
        for (uint32_t i = 0; i < 100; i++) {
            land_append(l, i % 3, 10);
            land_settle(l);
        }
        assert_int_equal(reader_walk(&r), sum);
        reader_ask(&r, CORE_CHANGES_READ);
        assert_int_equal(r.ask.code, CORE_OFFSET_OUT_OF_RANGE);
        reader_ask(&r, CORE_CHANGES_LEAVE);
        land_drop(l, 0);
        land_is_empty(l);
        land_free(l);
    }
}

static void a_step_that_does_not_fit_is_a_snapshot(void **state)
{
    (void)state;
    struct land *l = small_land(16 << 10);
    struct fan *fans[3] = {fan_follow(l, 0, "SELECT * FROM v_group"),
                           fan_follow(l, 0, "SELECT k, count FROM v_group WHERE k = 'a'"),
                           fan_follow(l, 1, "SELECT * FROM v_group")};
    l->keys = "key %u";
    land_append(l, 0, 400);
    fan_settle(l, fans, ARRAY_COUNT(fans));
    for (uint32_t i = 0; i < ARRAY_COUNT(fans); i++) {
        fan_is(fans[i]);
        assert_int_equal(fans[i]->anew_count, 1);
        assert_string_equal(fans[i]->follow.reason, "the change log no longer reaches");
    }
    land_append(l, 0, 1);
    fan_settle(l, fans, ARRAY_COUNT(fans));
    for (uint32_t i = 0; i < ARRAY_COUNT(fans); i++) {
        fan_is(fans[i]);
        assert_int_equal(fans[i]->anew_count, 1); /* then changes again */
        fan_gone(fans[i]);
    }
    land_free(l);
}

static void followers_have_little(struct yard *y, struct core_shard *cs)
{
    land_opened(y, cs);
    budget_set_limit(&cs->follows.diffs_budget, 128 << 10);
}

/* With a token, and of one that had no room for a while; a smaller one is given as ever. */
static void a_difference_that_does_not_fit_is_a_snapshot(void **state)
{
    (void)state;
    struct land *l = land_new(22, NULL);
    fan_forget_all();
    l->y->opened = followers_have_little;
    land_start(l, 2);
    land_create(l, 0);
    land_append(l, 0, 40);
    land_settle(l);
    struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group");
    struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
    struct fan *stuck = fan_follow(l, 1, "SELECT k, count FROM v_group");
    for (uint32_t i = 0; i < 2; i++) {
        fan_end(fan);
        stuck->is_stuck = true;
        l->keys = "key %u";
        land_append(l, 0, i == 0 ? 2000 : 20);
        fan_settle(l, &keeper, 1);
        fan_again(fan, 1);
        fan_unstick(stuck);
        fan_settle(l, &fan, 1);
        fan_settle(l, &stuck, 1);
        fan_is(fan);
        fan_is(stuck);
        assert_int_equal(fan->follow.is_diff, i == 1);
        assert_int_equal(stuck->anew_count, 1);
        if (i == 0) {
            assert_string_equal(fan->follow.reason, "the net difference is too large");
            assert_string_equal(stuck->follow.reason, "the net difference is too large");
        }
    }
    fan_gone(fan);
    fan_gone(stuck);
    fan_gone(keeper);
    land_free(l);
}

/* One who takes his piece by piece has the memory meanwhile; then the other's is given, and no
 * snapshot. */
static void a_difference_waits_for_memory_that_another_has(void **state)
{
    (void)state;
    struct land *l = land_new(25, NULL);
    fan_forget_all();
    l->y->opened = followers_have_little;
    land_start(l, 2);
    land_create(l, 0);
    land_append(l, 0, 40);
    land_settle(l);
    struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group");
    struct fan *fans[2] = {fan_follow(l, 1, "SELECT * FROM v_group"),
                           fan_follow(l, 1, "SELECT k, count FROM v_group")};
    fan_end(fans[0]);
    fan_end(fans[1]);
    l->keys = "key %u";
    land_append(l, 0, 250);
    fan_settle(l, &keeper, 1);
    fans[0]->credit = 3;
    fan_start(fans[0]);
    yard_run(l->y, 100);
    assert_int_equal(fans[0]->diffs_count, 1);
    fan_start(fans[1]);
    yard_run(l->y, 3000);
    assert_int_equal(fans[1]->diffs_count, 0);
    assert_false(fans[1]->is_done);
    fan_credit(fans[0], 1000);
    fan_settle(l, fans, 2);
    for (uint32_t i = 0; i < 2; i++) {
        fan_is(fans[i]);
        assert_int_equal(fans[i]->diffs_count, 1);
        assert_int_equal(fans[i]->anew_count, 0);
        fan_gone(fans[i]);
    }
    fan_gone(keeper);
    land_free(l);
}

static void rows_take_their_memory_from_logs(void **state)
{
    (void)state;
    struct land *l = land_new(17, NULL);
    fan_forget_all();
    l->bytes_max = 2 << 20;
    l->y->opened = budgets_are_small;
    land_start(l, 2);
    land_create(l, 0);
    land_settle(l);
    struct fan *fan = fan_follow(l, 0, "SELECT k, count FROM v_group");
    l->keys = "key %u";
    for (uint32_t i = 0; i < 30; i++) {
        land_append(l, i % 3, 100);
        land_settle(l);
    }
    land_compare(l);
    if (!fan->is_done) {
        fan_settle(l, &fan, 1);
        fan_is(fan);
    }
    fan_gone(fan);
    land_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_steps_leave_a_log_that_is_full),
        cmocka_unit_test(what_is_read_of_a_log_stays_while_it_is_read),
        cmocka_unit_test(a_step_that_does_not_fit_is_a_snapshot),
        cmocka_unit_test(a_difference_that_does_not_fit_is_a_snapshot),
        cmocka_unit_test(a_difference_waits_for_memory_that_another_has),
        cmocka_unit_test(rows_take_their_memory_from_logs),
    };
    return cmocka_run_group_tests_name("core_follow_bounds", tests, NULL, NULL);
}
