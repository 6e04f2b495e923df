/* The pace of views that are late: what they leave to producers, as a table of levels and pauses,
 * and on a simulated machine. */
#include "broker/core/upkeep_pace.h"

#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/late_clock.h"
#include "tests/unit/core/upkeep_world.h"

#define MS RT_NS_PER_MS

/* --- Decisions --- */

static void late_views_have_a_sixteenth_of_what_appends_take_or_the_room_they_leave(void **state)
{
    static const struct {
        uint32_t level; /* thousandths of the time */
        uint32_t load;  /* of the machine */
        uint64_t late_s;
        uint64_t took_ns;
        uint64_t want_ns;
    } rows[] = {
        {0, 2000, 0, 2 * MS, 0},
        {10, 2000, 0, 2 * MS, 0},              /* 1 %: all */
        {20, 2000, 0, MS, 3 * MS},             /* a quarter */
        {40, 2000, 0, MS, 15 * MS},            /* a sixteenth */
        {90, 2000, 0, MS / 10, 8 * MS},        /* one in 81 */
        {100, 2000, 0, MS / 10, 99 * MS / 10}, /* one in 100 */
        {250, 2000, 0, MS, 63 * MS},           /* one in 64: a sixteenth of a quarter */
        {500, 2000, 0, MS, 31 * MS},           /* one in 32 */
        {1000, 2000, 0, MS, 15 * MS},          /* one in 16 */
        {40, 2000, 0, 0, 0},                   /* who has done nothing */
        {100, 2000, 0, 2 * MS, 100 * MS},      /* never longer than that, */
        {1000, 2000, 0, 600 * MS, 100 * MS},   /* however long it took */
        {100, 2000, 0, UINT64_MAX, 100 * MS},
        {0, 0, 0, MS, 0},
        {20, 0, 0, MS, 3 * MS},
        {40, 0, 0, MS, 7 * MS}, /* there is room: one in eight at least, */
        {100, 499, 0, MS, 7 * MS},
        {1000, 0, 0, MS, 7 * MS},
        {100, 500, 0, MS / 10, 99 * MS / 10},        /* up to half of the processors, */
        {100, UINT32_MAX, 0, MS / 10, 99 * MS / 10}, /* and where the system tells */
        {500, 2000, 29, MS, 31 * MS},                /* for long: */
        {500, 2000, 30, MS, 15 * MS},
        {500, 2000, 60, MS, 7 * MS}, /* one in eight at most, */
        {500, 2000, UINT64_MAX / RT_NS_PER_S, MS, 7 * MS},
        {1000, 2000, 30, MS, 7 * MS},
        {100, 0, 3600, MS, 7 * MS},
        {20, 2000, 3600, MS, 3 * MS}, /* or what there is room for */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(core_upkeep_pace_pause_ns(rows[i].level, rows[i].load,
                                                   rows[i].late_s * RT_NS_PER_S, rows[i].took_ns),
                         rows[i].want_ns);
    }
}

/* What late views have falls as appends take more, up to where it is a sixteenth of these, and
 * rises with them from there: there is no step that a fold could push producers over. */
static void the_share_of_late_views_has_no_steps(void **state)
{
    (void)state;
    for (uint32_t level = 1; level < 1000; level++) {
        uint64_t here_ns = core_upkeep_pace_pause_ns(level, 1000, 0, MS);
        uint64_t next_ns = core_upkeep_pace_pause_ns(level + 1, 1000, 0, MS);
        uint64_t apart_ns = here_ns > next_ns ? here_ns - next_ns : next_ns - here_ns;
        assert_true(level < 117 ? next_ns >= here_ns : next_ns <= here_ns);
        assert_true(apart_ns <= (here_ns + MS) / 4 || level < 20);
    }
}

static void a_level_rises_at_once_and_falls_within_an_eighth_of_a_second(void **state)
{
    static const struct {
        uint32_t level;
        uint64_t appends_ns;
        uint64_t passed_ns;
        uint32_t want;
    } rows[] = {
        {0, 0, 10 * MS, 0},
        {0, MS, 10 * MS, 99}, /* rounded down */
        {500, MS, 10 * MS, 460},
        {500, 0, 64 * MS, 250},
        {500, 0, 128 * MS, 0},
        {500, 13 * MS, 130 * MS, 99},
        {0, 50 * MS, 10 * MS, 1000}, /* counted, not timed: it may be more than there was */
        {1000, 10 * MS, 10 * MS, 1000},
        {7, 0, UINT64_MAX, 0},
        {0, UINT64_MAX, UINT64_MAX, 1000},
        {0, 1, 1, 1000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(
            core_upkeep_pace_level(rows[i].level, rows[i].appends_ns, rows[i].passed_ns),
            rows[i].want);
    }
}

static void views_that_are_built_or_have_lagged_for_long_are_paced(void **state)
{
    (void)state;
    assert_true(core_upkeep_pace_is_wanted(true, 0));
    assert_false(core_upkeep_pace_is_wanted(false, 0));
    assert_false(core_upkeep_pace_is_wanted(false, 500 * MS));
    assert_true(core_upkeep_pace_is_wanted(false, 501 * MS));
}

/* --- On a machine --- */

/* Who folds late for a millisecond, and what producers brought meanwhile. */
struct pace {
    struct land *l;
    uint64_t bytes;
    bool may_go_on; /* at once */
};

static void pace_took(struct rt_shard *shard, void *ctx)
{
    struct pace *pace = ctx;
    struct core_shard *cs = &pace->l->y->shards[shard->id];
    cs->appends_bytes += pace->bytes;
    core_upkeep_pace_took(&cs->upkeep.pace, rt_now_precise_ns(shard) - MS, rt_now_ns(shard));
    pace->may_go_on = core_upkeep_pace_may(&cs->upkeep.pace);
}

static void pace_look(struct rt_shard *shard, void *ctx)
{
    struct pace *pace = ctx;
    pace->may_go_on = core_upkeep_pace_may(&pace->l->y->shards[shard->id].upkeep.pace);
}

static void late_views_pause_as_long_as_producers_need(void **state)
{
    static const struct {
        uint64_t bytes; /* in twenty milliseconds */
        uint32_t slow;  /* others have the machine */
        uint32_t pause_ms;
    } rows[] = {{0, 2, 0},         {80 << 10, 2, 0}, {400 << 10, 2, 15},
                {2 << 20, 2, 75},  {8 << 20, 2, 18}, {0, 2, 0},
                {400 << 10, 1, 7}, {2 << 20, 1, 7},  {300 << 10, 1, 7}};
    (void)state;
    struct land *l = land_new(12, NULL);
    land_start(l, 1);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct pace pace = {.l = l};
        uint32_t pause_ms = 0;
        sim_node_set_slow(l->y->node, rows[i].slow);
        yard_run(l->y, 200);
        land_post(l, 0, pace_took, &pace);
        yard_run(l->y, 20);
        pace.bytes = rows[i].bytes;
        land_post(l, 0, pace_took, &pace);
        yard_run(l->y, 1);
        while (!pace.may_go_on) {
            pause_ms++;
            land_post(l, 0, pace_look, &pace);
            yard_run(l->y, 1);
        }
        assert_in_range(pause_ms, rows[i].pause_ms, rows[i].pause_ms + 2);
    }
    land_free(l);
}

static void pace_pause(struct rt_shard *shard, void *ctx)
{
    struct pace *pace = ctx;
    struct core_shard *cs = &pace->l->y->shards[shard->id];
    cs->appends_bytes += pace->bytes;
    core_upkeep_pace_took(&cs->upkeep.pace, rt_now_precise_ns(shard) - 1000 * MS, rt_now_ns(shard));
}

/* While what is late pauses, a view that is new is not built, and one that keeps up has what comes.
 */
static void only_views_that_are_late_pause(void **state)
{
    (void)state;
    struct land *l = land_new(14, NULL);
    struct pace pace = {.l = l, .bytes = 64 << 20};
    struct core_upkeep_row row;
    land_start(l, 1);
    land_append(l, 0, 30);
    land_create(l, 0);
    land_settle(l);
    yard_run(l->y, 20);
    land_post(l, 0, pace_pause, &pace); /* for 100 ms */
    land_create(l, 2);
    land_append(l, 1, 5);
    yard_run(l->y, 20);
    assert_true(land_row(l, land_kinds[0].name, &row));
    assert_int_equal(row.records_count, 35);
    assert_int_equal(row.lag_ns, 0);
    assert_true(land_row(l, land_kinds[2].name, &row));
    assert_int_equal(row.status, CORE_UPKEEP_BUILDING);
    yard_run(l->y, 150);
    assert_true(land_row(l, land_kinds[2].name, &row));
    assert_int_equal(row.status, CORE_UPKEEP_LIVE);
    assert_int_equal(row.records_count, 35);
    land_compare(l);
    land_free(l);
}

static void busy(struct rt_shard *shard, void *ctx)
{
    struct pace *pace = ctx;
    pace->l->y->shards[shard->id].appends_bytes += pace->bytes;
}

/* Producers that do not pause do not keep a view from being built; it says what it says without
 * them. */
static void views_are_built_beside_producers_that_never_pause(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 2; shards_count++) {
        struct land *l = land_new(13, NULL);
        struct pace pace = {.l = l, .bytes = 400 << 10};
        struct core_upkeep_row row = {.status = CORE_UPKEEP_BUILDING};
        l->y->config.log.hot_bytes_max = 16 << 10;
        land_start(l, shards_count);
        for (uint32_t i = 0; i < 20; i++) {
            land_append(l, i % YARD_PARTITIONS, 400);
        }
        sim_node_set_slow(l->y->node, 50);
        land_create(l, 0);
        land_create(l, 7);
        for (uint32_t i = 0; i < 5000 && row.status != CORE_UPKEEP_LIVE; i++) {
            for (uint32_t shard = 0; shard < shards_count; shard++) {
                land_post(l, shard, busy, &pace);
            }
            yard_append_start(l->y, i % YARD_PARTITIONS, 3, 1000);
            yard_run(l->y, 20);
            yard_wait(l->y);
            if (!land_row(l, "v_group", &row)) {
                row.status = CORE_UPKEEP_BUILDING;
            }
        }
        assert_int_equal(row.status, CORE_UPKEEP_LIVE);
        sim_node_set_slow(l->y->node, 1);
        land_settle(l);
        land_compare(l);
        land_free(l);
    }
}

/* --- Lagging --- */

/* How many times as long turns of a machine take that is slow. */
#define LAG_SLOW 5000u

/* Its ticks take more than 50 ms each: it says so, and catches up when it can. */
static void a_view_that_is_late_lags_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 4; shards_count *= 2) {
        struct land *l = land_new(shards_count, NULL);
        struct core_upkeep_row row;
        land_start(l, shards_count);
        land_create(l, 0);
        land_settle(l);
        assert_true(land_row(l, "v_group", &row));
        assert_int_equal(row.status, CORE_UPKEEP_LIVE);
        assert_string_equal(row.why, "");
        late_clock_begin(MS); /* a batch a turn */
        sim_node_set_slow(l->y->node, LAG_SLOW);
        land_append(l, 0, 400);
        for (uint32_t i = 0; i < 50 && row.status == CORE_UPKEEP_LIVE; i++) {
            land_append(l, i % YARD_PARTITIONS, 100);
            assert_true(land_row(l, "v_group", &row));
        }
        assert_int_equal(row.status, CORE_UPKEEP_LAGGING);
        assert_string_equal(row.why, "its ticks take longer than they come");
        assert_true(row.lag_ns > 50 * MS);
        uint64_t tick = row.tick;
        late_clock_step(0);
        sim_node_set_slow(l->y->node, 1);
        land_wait_status(l, "v_group", CORE_UPKEEP_LIVE);
        land_settle(l);
        assert_true(land_row(l, "v_group", &row));
        assert_string_equal(row.why, "");
        assert_int_equal(row.lag_ns, 0);
        assert_true(row.tick > tick);
        land_compare(l);
        land_free(l);
        late_clock_begin(0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_views_have_a_sixteenth_of_what_appends_take_or_the_room_they_leave),
        cmocka_unit_test(the_share_of_late_views_has_no_steps),
        cmocka_unit_test(a_level_rises_at_once_and_falls_within_an_eighth_of_a_second),
        cmocka_unit_test(views_that_are_built_or_have_lagged_for_long_are_paced),
        cmocka_unit_test(late_views_pause_as_long_as_producers_need),
        cmocka_unit_test(only_views_that_are_late_pause),
        cmocka_unit_test(views_are_built_beside_producers_that_never_pause),
        cmocka_unit_test(a_view_that_is_late_lags_and_comes_back),
    };
    return cmocka_run_group_tests_name("core_upkeep_pace", tests, NULL, NULL);
}
