/* Views that are followed: on shards of a simulated machine each client's table is what its SELECT
 * says, whatever happens to it, to the machine, to the change log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "broker/core/changes.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/follow_world.h"

static const uint32_t shard_counts[] = {1, 2, 4};

/* --- What is given --- */

static void a_client_has_what_its_select_says(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(i + 1, NULL);
        struct fan *fans[FAN_QUESTIONS];
        fan_forget_all();
        land_start(l, shard_counts[i]);
        land_append(l, 0, 30);
        for (uint32_t k = 0; k < FAN_QUESTIONS; k++) {
            if (!l->has[fan_questions[k].view]) {
                land_create(l, fan_questions[k].view);
            }
        }
        land_settle(l);
        for (uint32_t k = 0; k < FAN_QUESTIONS; k++) {
            fans[k] = fan_new(l, k % shard_counts[i], fan_questions[k].sql);
            fans[k]->is_counting = fan_questions[k].is_counting;
            fan_start(fans[k]);
        }
        for (uint32_t step = 0; step < 20; step++) {
            fan_settle(l, fans, FAN_QUESTIONS);
            for (uint32_t k = 0; k < FAN_QUESTIONS; k++) {
                assert_false(fans[k]->is_done);
                fan_is(fans[k]);
            }
            land_append(l, step % YARD_PARTITIONS, 1 + step * 3);
        }
        for (uint32_t k = 0; k < FAN_QUESTIONS; k++) {
            assert_int_equal(fans[k]->snapshots_count, 1);
            assert_true(fans[k]->changes_count > 0 || k == 12);
            fan_end(fans[k]);
            assert_int_equal(fans[k]->follow.code, CORE_OK);
            fan_free(fans[k]);
        }
        yard_run(l->y, 1);
        statements_are_gone(l->y);
        land_free(l);
    }
}

static const struct core_follows *follows_of(const struct fan *fan)
{
    return &fan->l->y->shards[fan->shard].follows;
}

static void values_find_those_who_ask_for_them(void **state)
{
    (void)state;
    static const char *const asked[] = {
        "SELECT k, count FROM v_group WHERE k = 'a'", "SELECT k, count FROM v_group WHERE k = 'b'",
        "SELECT k, count FROM v_group WHERE 'c' = k", "SELECT k, count FROM v_group WHERE k = 'z'",
        "SELECT k, count FROM v_group WHERE k = 'd' AND count > 0"};
    struct fan *fans[ARRAY_COUNT(asked)];
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = fan_land(shard_counts[i], 5);
        for (uint32_t k = 0; k < ARRAY_COUNT(asked); k++) {
            fans[k] = fan_follow(l, 0, asked[k]);
            fan_is(fans[k]);
            assert_int_equal(fans[k]->snapshot_rows, k != 3);
        }
        assert_ptr_equal(fans[0]->follow.tail, fans[4]->follow.tail);
        assert_int_equal(follows_of(fans[0])->shapes_count, 2);
        assert_int_equal(follows_of(fans[0])->crowds_count, 5);
        l->keys = "a"; /* rows of one group alone change */
        for (uint32_t step = 0; step < 5; step++) {
            land_append(l, step % 3, 3);
            fan_settle(l, fans, ARRAY_COUNT(asked));
        }
        assert_true(fans[0]->changes_count > 0);
        for (uint32_t k = 0; k < ARRAY_COUNT(asked); k++) {
            fan_is(fans[k]);
            assert_true(k == 0 || fans[k]->changes_count == 0);
        }
        for (uint32_t k = 0; k < ARRAY_COUNT(asked); k++) {
            fan_gone(fans[k]);
        }
        land_free(l);
    }
}

static void what_is_asked_alike_is_told_once(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 6);
    struct fan *fans[6];
    for (uint32_t i = 0; i < ARRAY_COUNT(fans); i++) {
        fans[i] = fan_new(l, 0, "SELECT k, count FROM v_group");
        fan_start(fans[i]);
    }
    fan_settle(l, fans, ARRAY_COUNT(fans));
    assert_int_equal(follows_of(fans[0])->crowds_count, 1);
    uint64_t told = fan_told_count();
    land_append(l, 0, 1);
    fan_settle(l, fans, ARRAY_COUNT(fans));
    assert_int_equal(fan_told_count() - told, 1);
    fan_gone(fans[0]);
    fan_settle(l, fans + 1, ARRAY_COUNT(fans) - 1);
    for (uint32_t i = 1; i < ARRAY_COUNT(fans); i++) {
        fan_is(fans[i]);
        fan_gone(fans[i]);
    }
    land_free(l);
}

static void rows_that_look_as_they_did_are_not_told(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 7);
    struct fan *plain = fan_follow(l, 0, "SELECT k, 1 AS one FROM v_group");
    struct fan *bag = fan_follow(l, 1, "SELECT 1 AS one, count > 0 AS has FROM v_group");
    struct fan *counts = fan_follow(l, 1, "SELECT k, count FROM v_group WHERE count > 3");
    land_append(l, 1, 200); /* now all keys are there */
    fan_settle(l, &plain, 1);
    fan_settle(l, &bag, 1);
    uint64_t plain_count = plain->changes_count;
    uint64_t bag_count = bag->changes_count;
    uint64_t counts_count = counts->changes_count;
    land_append(l, 1, 50);
    struct fan *fans[] = {plain, bag, counts};
    fan_settle(l, fans, 3);
    assert_int_equal(plain->changes_count, plain_count);
    assert_int_equal(bag->changes_count, bag_count);
    assert_true(counts->changes_count > counts_count);
    for (uint32_t i = 0; i < 3; i++) {
        fan_is(fans[i]);
        fan_gone(fans[i]);
    }
    land_free(l);
}

struct fresh {
    struct land *l;
    struct fan *fan;
    uint64_t tick; /* that all shards have to have */
};

static bool is_applied(void *ctx)
{
    struct fresh *fresh = ctx;
    struct core_upkeep_row row;
    return land_row(fresh->l, "v_group", &row) && row.tick > fresh->tick && row.lag_ns == 0;
}

static bool is_told(void *ctx)
{
    const struct fresh *fresh = ctx;
    return fresh->fan->tick > fresh->tick;
}

/* From the home, which is the first to know, to the client it takes a mail to its shard, one to
 * each log and back, and the turns in which they are read. */
static void news_take_a_few_turns(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = fan_land(shard_counts[i], 22);
        uint64_t turns_max = 0;
        struct fan *fan = fan_follow(l, shard_counts[i] - 1, "SELECT * FROM v_group");
        for (uint32_t step = 0; step < 20; step++) {
            struct fresh fresh = {l, fan, fan->tick};
            yard_append_start(l->y, step % 3, 5, 1000);
            assert_true(sim_run_until_true(l->y->sim, is_applied, &fresh, UINT64_MAX));
            uint64_t turns = 0;
            for (; !is_told(&fresh); turns++) {
                assert_true(sim_run_steps(l->y->sim, 1));
            }
            turns_max = turns > turns_max ? turns : turns_max;
            yard_wait(l->y);
        }
        assert_in_range(turns_max, 1, 3 * shard_counts[i]);
        fan_gone(fan);
        land_free(l);
    }
}

/* --- Going on --- */

static void a_token_goes_on_with_the_net_difference(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = fan_land(shard_counts[i], 8);
        struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group"); /* keeps the log */
        struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
        struct fan *bag = fan_follow(l, 1, "SELECT count % 3 AS r FROM v_group");
        for (uint32_t step = 0; step < 12; step++) {
            fan_end(fan);
            fan_end(bag);
            for (uint32_t k = 0; k < step % 4; k++) {
                land_append(l, k % 3, 1 + k * 20);
            }
            land_settle(l);
            fan->changes_count = 0;
            fan_again(fan, step % shard_counts[i]);
            fan_again(bag, (step + 1) % shard_counts[i]);
            fan_settle(l, &fan, 1);
            fan_settle(l, &bag, 1);
            fan_is(fan);
            fan_is(bag);
            assert_int_equal(fan->snapshots_count, 1);
            assert_int_equal(fan->diffs_count, step + 1);
            assert_true(fan->changes_count <= 7); /* of each key at most one */
            assert_true((fan->changes_count > 0) == (step % 4 > 0));
        }
        fan_gone(fan);
        fan_gone(bag);
        fan_gone(keeper);
        land_free(l);
    }
}

/* The log is kept for a while when nobody follows any more, and then no longer. */
static void a_log_lives_ten_minutes_longer_than_those_who_follow(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 9);
    land_append(l, 0, 10);
    assert_int_equal(fan_log_bytes(l), 0); /* nobody ever did */
    struct fan *fan = fan_follow(l, 0, "SELECT * FROM v_group");
    land_append(l, 0, 10);
    fan_settle(l, &fan, 1);
    assert_true(fan_log_bytes(l) > 0);
    fan_end(fan);
    yard_run(l->y, 590 * 1000);
    land_append(l, 0, 10);
    fan_again(fan, 1);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    assert_int_equal(fan->diffs_count, 1);
    fan_end(fan);
    yard_run(l->y, 601 * 1000);
    assert_int_equal(fan_log_bytes(l), 0);
    land_append(l, 0, 10);
    land_settle(l);
    assert_int_equal(fan_log_bytes(l), 0);
    fan_again(fan, 0);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    assert_int_equal(fan->snapshots_count, 2);
    assert_string_equal(fan->follow.reason, "the change log no longer reaches");
    fan_gone(fan);
    land_free(l);
}

static void a_token_of_something_else_begins_with_a_snapshot(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t uuid, incarnation, epoch, hash;
        int64_t tick;
        const char *want; /* NULL: it goes on */
    } rows[] = {
        {"the same", 0, 0, 0, 0, 0, NULL},
        {"another view", 1, 0, 0, 0, 0, "another view"},
        {"another incarnation", 0, 1, 0, 0, 0, "rebuilt"},
        {"another timeline", 0, 0, 1, 0, 0, "the server has restarted"},
        {"another question", 0, 0, 0, 1, 0, "another subscription"},
        {"a tick that is still to come", 0, 0, 0, 0, 1000000, "the server has restarted"},
        {"a tick before all rows", 0, 0, 0, 0, -1000000, "the server has restarted"},
    };
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct land *l = fan_land(2, 10);
        struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group");
        struct fan *fan = fan_follow(l, 0, "SELECT * FROM v_group");
        struct core_view_token token;
        fan_end(fan);
        land_append(l, 0, 10);
        assert_int_equal(core_view_token_get(fan->token, strlen(fan->token), &token), ERR_OK);
        token.view.bytes[3] ^= (uint8_t)rows[i].uuid;
        token.incarnation += (uint32_t)rows[i].incarnation;
        token.epoch ^= (uint32_t)rows[i].epoch;
        token.hash ^= (uint64_t)rows[i].hash;
        token.tick = rows[i].tick < 0 ? 1 : token.tick + (uint64_t)rows[i].tick;
        fan->tick = 0;
        struct bytes_writer w = bytes_writer(fan->token, sizeof(fan->token) - 1);
        core_view_token_put(&w, &token);
        fan->token[w.pos] = '\0';
        fan_again(fan, 1);
        fan_settle(l, &fan, 1);
        fan_is(fan);
        if (rows[i].want == NULL) {
            assert_true(fan->follow.is_diff);
        } else {
            assert_false(fan->follow.is_diff);
            assert_string_equal(fan->follow.reason, rows[i].want);
        }
        fan_gone(fan);
        fan_gone(keeper);
        land_free(l);
    }
}

static void after_a_restart_a_snapshot_is_given(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 11);
    struct fan *fan = fan_follow(l, 0, "SELECT * FROM v_group");
    for (uint32_t life = 0; life < 6; life++) {
        land_append(l, life % 3, 10);
        fan_settle(l, &fan, 1);
        fan->is_stuck = true;
        land_append(l, life % 3, 10);
        land_settle(l);
        if (life % 2 == 0) {
            fan_end(fan);
            land_close(l);
        } else {
            land_crash(l, SIM_CRASH_LOSE);
            fan_forget(fan);
        }
        fan->is_stuck = false;
        land_start(l, 1 + life % 4);
        land_append(l, 0, 1);
        land_settle(l);
        fan_again(fan, life % (1 + life % 4));
        fan_settle(l, &fan, 1);
        fan_is(fan);
        assert_int_equal(fan->snapshots_count, 2 + life);
        assert_string_equal(fan->follow.reason, "the server has restarted");
    }
    fan_gone(fan);
    land_free(l);
}

/* --- Those who are slow --- */

static void who_has_no_room_is_left_out_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = fan_land(shard_counts[i], 12);
        struct fan *quick = fan_follow(l, 0, "SELECT * FROM v_group");
        struct fan *slow = fan_follow(l, 0, "SELECT * FROM v_group");
        assert_ptr_equal(quick->follow.crowd, slow->follow.crowd);
        slow->is_stuck = true;
        for (uint32_t step = 0; step < 10; step++) {
            land_append(l, step % 3, 5);
            fan_settle(l, &quick, 1);
        }
        yard_run(l->y, 600 * 1000); /* it may rest for as long as it likes */
        assert_true(slow->tick < quick->tick);
        assert_false(slow->is_done);
        slow->changes_count = 0;
        fan_unstick(slow);
        yard_run(l->y, 1);
        fan_settle(l, &slow, 1);
        fan_is(slow);
        assert_int_equal(slow->tick, quick->tick);
        assert_true(slow->changes_count <= 7);
        assert_int_equal(slow->snapshots_count, 1);
        land_append(l, 0, 1);
        fan_settle(l, &slow, 1);
        assert_int_equal(slow->tick, quick->tick);
        fan_gone(slow);
        fan_gone(quick);
        land_free(l);
    }
}

static void who_stops_within_a_snapshot_is_given_up(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 13);
    l->keys = "key %u";
    for (uint32_t i = 0; i < 10; i++) {
        land_append(l, 0, 300);
    }
    land_settle(l);
    struct fan *fan = fan_new(l, 1, "SELECT * FROM v_group");
    fan->is_stuck = true;
    fan_start(fan);
    yard_run(l->y, 59 * 1000);
    assert_true(fan->is_begun);
    assert_false(fan->is_done);
    yard_run(l->y, 2 * 1000);
    assert_true(fan->is_done);
    assert_int_equal(fan->follow.code, CORE_TIMEOUT);
    assert_true(fan->snapshot_rows < 3000);
    fan_free(fan);
    land_free(l);
}

static void who_is_to_be_disconnected_is(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 14);
    struct fan *fan = fan_new(l, 1, "SELECT * FROM v_group");
    fan->stall_ns_max = 5 * RT_NS_PER_S;
    fan_start(fan);
    fan_settle(l, &fan, 1);
    yard_run(l->y, 60 * 1000);
    assert_false(fan->is_done);
    fan->is_stuck = true;
    land_append(l, 0, 10);
    land_settle(l);
    yard_run(l->y, 4 * 1000);
    assert_false(fan->is_done);
    yard_run(l->y, 2 * 1000);
    assert_true(fan->is_done);
    assert_int_equal(fan->follow.code, CORE_TIMEOUT);
    fan_free(fan);
    land_free(l);
}

/* Changes that were written for one who ends before their progress are not told to others. */
static void what_was_written_goes_with_those_it_was_for(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 24);
    struct fan *amid = fan_follow(l, 1, "SELECT k, count FROM v_group");
    struct fan *other = fan_follow(l, 1, "SELECT k, count FROM v_group");
    assert_ptr_equal(amid->follow.crowd, other->follow.crowd);
    other->is_stuck = true;
    amid->ends_amid = true;
    land_append(l, 0, 10);
    fan_wait(amid);
    assert_int_equal(amid->follow.code, CORE_OK);
    fan_free(amid);
    fan_unstick(other);
    fan_settle(l, &other, 1);
    fan_is(other);
    fan_gone(other);
    land_free(l);
}

static void credit_bounds_what_is_given(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 15);
    l->keys = "key %u";
    land_append(l, 0, 300);
    land_append(l, 1, 300);
    land_settle(l);
    struct fan *fan = fan_new(l, 1, "SELECT * FROM v_group");
    fan->credit = 10;
    fan_start(fan);
    yard_run(l->y, 1000);
    assert_int_equal(fan->snapshot_rows, 10);
    fan_credit(fan, 1);
    yard_run(l->y, 1000);
    assert_int_equal(fan->snapshot_rows, 11);
    fan_credit(fan, 1000);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    fan_gone(fan);
    land_free(l);
}

/* But what a tick changes: that is not divided. */
static void credit_bounds_a_net_difference(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 23);
    struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group"); /* keeps the log */
    struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
    fan_end(fan);
    l->keys = "key %u";
    land_append(l, 0, 100);
    fan_settle(l, &keeper, 1);
    fan->changes_count = 0;
    fan->credit = 3;
    fan_start(fan);
    yard_run(l->y, 1000);
    assert_int_equal(fan->diffs_count, 1);
    assert_int_equal(fan->changes_count, 3);
    fan_credit(fan, 2);
    yard_run(l->y, 1000);
    assert_int_equal(fan->changes_count, 5);
    fan_credit(fan, 1000);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    fan_gone(fan);
    fan_gone(keeper);
    land_free(l);
}

/* No piece of a net difference before there is room. */
static void who_goes_on_without_room_waits_for_it(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 21);
    struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
    struct fan *keeper = fan_follow(l, 0, "SELECT k FROM v_group"); /* keeps the log */
    fan_end(fan);
    land_append(l, 0, 40);
    land_settle(l);
    fan->changes_count = 0;
    fan->is_stuck = true;
    fan_start(fan);
    yard_run(l->y, 1000);
    assert_int_equal(fan->diffs_count, 1);
    assert_int_equal(fan->changes_count, 0);
    fan_unstick(fan);
    fan_settle(l, &fan, 1);
    fan_is(fan);
    assert_true(fan->changes_count > 0);
    fan_gone(fan);
    fan_gone(keeper);
    land_free(l);
}

/* Nothing that it asks for changes: all the same its token does not grow old. */
static void who_is_told_nothing_is_told_how_far_it_has_come(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 20);
    struct fan *fan = fan_follow(l, 1, "SELECT k, count FROM v_group WHERE k = 'z'");
    uint32_t progress_count = fan->progress_count;
    uint64_t tick = fan->tick;
    land_append(l, 0, 10);
    land_settle(l);
    yard_run(l->y, 20 * 1000);
    assert_int_equal(fan->progress_count, progress_count);
    yard_run(l->y, 11 * 1000);
    land_append(l, 0, 10);
    land_settle(l);
    yard_run(l->y, 10);
    assert_int_equal(fan->progress_count, progress_count + 1);
    assert_true(fan->tick > tick);
    land_append(l, 0, 10);
    land_settle(l);
    yard_run(l->y, 10);
    assert_int_equal(fan->progress_count, progress_count + 1);
    fan_gone(fan);
    land_free(l);
}

static void many_begin_at_once(void **state)
{
    (void)state;
    enum { MANY = 100 };
    struct fan *fans[MANY];
    struct land *l = fan_land(2, 21);
    l->keys = "key %u";
    land_append(l, 0, 400);
    land_append(l, 1, 400);
    land_settle(l);
    for (uint32_t i = 0; i < MANY; i++) {
        fans[i] = fan_new(l, i % 2, "SELECT * FROM v_group");
        fans[i]->lazy = i % 3 == 0 ? 50 : 0;
        fans[i]->is_stuck = i % 5 == 0;
        fans[i]->pause_ms = 20;
        fan_start(fans[i]);
    }
    for (uint32_t step = 0; step < 10; step++) {
        yard_run(l->y, 1);
        for (uint32_t i = 0; i < l->shards_count; i++) {
            assert_in_range(l->y->shards[i].follows.reading_count, 0, 34);
        }
        land_append(l, 0, 10);
    }
    yard_run(l->y, 2000); /* those that are stuck do not keep others from it */
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(fans[i]->progress_count > 0 || i % 5 == 0);
        fans[i]->is_stuck = false;
        fan_unstick(fans[i]);
    }
    yard_run(l->y, 1);
    fan_settle(l, fans, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        if (i < 10) {
            fan_is(fans[i]);
        }
        fan_gone(fans[i]);
    }
    land_free(l);
}

/* --- Views that end --- */

static void a_view_that_goes_says_so(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = fan_land(shard_counts[i], 18);
        struct fan *fan = fan_follow(l, 1, "SELECT * FROM v_group");
        struct fan *other = fan_follow(l, 0, "SELECT * FROM v_group WHERE k = 'a'");
        land_do(l, "ALTER MATERIALIZED VIEW v_group RENAME TO other");
        l->has[0] = false;
        land_append(l, 0, 10);
        yard_run(l->y, 100);
        assert_false(fan->is_done);
        fan->sql = "SELECT * FROM other";
        fan_is(fan);
        land_do(l, "DROP MATERIALIZED VIEW other");
        fan_wait(fan);
        fan_wait(other);
        assert_int_equal(fan->follow.code, CORE_UNKNOWN_VIEW);
        assert_int_equal(other->follow.code, CORE_UNKNOWN_VIEW);
        yard_run(l->y, 100);
        land_is_empty(l);
        fan_free(fan);
        fan_free(other);
        land_free(l);
    }
}

static void a_row_that_cannot_be_shown_ends_who_asks_for_it(void **state)
{
    (void)state;
    struct land *l = fan_land(2, 19);
    struct fan *good = fan_follow(l, 0, "SELECT k, count FROM v_group");
    struct fan *bad = fan_follow(l, 0, "SELECT k, 100 / (50 - count) AS q FROM v_group");
    l->keys = "a";
    for (uint32_t i = 0; i < 80 && !bad->is_done; i++) {
        land_append(l, 0, 1);
        fan_settle(l, &good, 1);
    }
    assert_true(bad->is_done);
    assert_int_equal(bad->follow.code, CORE_INVALID_REQUEST);
    assert_string_equal(bad->follow.state, "22012");
    assert_string_equal(bad->follow.message, "division by zero");
    fan_free(bad);
    fan_is(good);
    fan_gone(good);
    land_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_what_its_select_says),
        cmocka_unit_test(values_find_those_who_ask_for_them),
        cmocka_unit_test(what_is_asked_alike_is_told_once),
        cmocka_unit_test(rows_that_look_as_they_did_are_not_told),
        cmocka_unit_test(news_take_a_few_turns),
        cmocka_unit_test(a_token_goes_on_with_the_net_difference),
        cmocka_unit_test(a_log_lives_ten_minutes_longer_than_those_who_follow),
        cmocka_unit_test(a_token_of_something_else_begins_with_a_snapshot),
        cmocka_unit_test(after_a_restart_a_snapshot_is_given),
        cmocka_unit_test(who_has_no_room_is_left_out_and_comes_back),
        cmocka_unit_test(who_stops_within_a_snapshot_is_given_up),
        cmocka_unit_test(who_is_to_be_disconnected_is),
        cmocka_unit_test(what_was_written_goes_with_those_it_was_for),
        cmocka_unit_test(credit_bounds_what_is_given),
        cmocka_unit_test(credit_bounds_a_net_difference),
        cmocka_unit_test(who_goes_on_without_room_waits_for_it),
        cmocka_unit_test(who_is_told_nothing_is_told_how_far_it_has_come),
        cmocka_unit_test(many_begin_at_once),
        cmocka_unit_test(a_view_that_goes_says_so),
        cmocka_unit_test(a_row_that_cannot_be_shown_ends_who_asks_for_it),
    };
    return cmocka_run_group_tests_name("core_follow", tests, NULL, NULL);
}
