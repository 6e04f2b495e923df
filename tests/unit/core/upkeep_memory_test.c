/* What views take of the memory that there is for them: small ones little, one more only where it
 * has room, and where memory ends it is not the small ones that pay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/upkeep_world.h"

/* A view of few rows on a shard, at most. */
#define SMALL_BYTES (150u << 10)

static const uint32_t shard_counts[] = {1, 2, 4};

static void budgets_are_small(struct yard *y, struct core_shard *cs)
{
    struct land *l = y->build_ctx;
    land_opened(y, cs);
    budget_set_limit(&cs->upkeep.budget, l->bytes_max);
}

static struct land *small_land(uint64_t seed, size_t bytes_max, uint32_t shards_count)
{
    struct land *l = land_new(seed, NULL);
    l->bytes_max = bytes_max;
    l->y->opened = budgets_are_small;
    land_start(l, shards_count);
    return l;
}

static uint64_t bytes_of(struct land *l, const char *name)
{
    struct core_upkeep_row row;
    assert_true(land_row(l, name, &row));
    return row.bytes;
}

/* Views "v0" up to "v<count - 1>". */
struct few {
    struct land *l;
    uint32_t count;
};

/* Whether they all live and have all that is committed. */
static bool are_settled(void *ctx)
{
    const struct few *few = ctx;
    struct land *l = few->l;
    for (uint32_t i = 0; i < few->count; i++) {
        char name[16];
        struct core_upkeep_row row;
        snprintf(name, sizeof(name), "v%u", i);
        if (!land_row(l, name, &row) || row.status != CORE_UPKEEP_LIVE || row.lag_ns > 0 ||
            row.tick < l->newest) {
            return false;
        }
    }
    for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
        if (l->ends[p] < yard_partition(l->y, p)->hw_offset) {
            return false;
        }
    }
    return true;
}

static void settle(struct land *l, uint32_t count)
{
    struct few few = {l, count};
    if (!sim_run_until_true(l->y->sim, are_settled, &few,
                            sim_now_ns(l->y->sim) + 60 * RT_NS_PER_S)) {
        land_is(l, "SELECT name, state, why FROM system.views WHERE state <> 'live'", "");
        fail_msg("they do not settle");
    }
}

/* "CREATE MATERIALIZED VIEW <name><number> AS <select>". */
static const char *make_text(const char *name, uint32_t number, const char *select)
{
    static char text[512];
    snprintf(text, sizeof(text), "CREATE MATERIALIZED VIEW %s%u AS %s", name, number, select);
    return text;
}

static const char few_select[] = "SELECT n % 10 AS r, count(*), max(k) FROM ev GROUP BY n % 10";
static const char many_select[] = "SELECT k, count(*), sum(n) FROM ev GROUP BY k";

static void a_view_of_few_rows_takes_little(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(1 + i, NULL);
        uint64_t most = (uint64_t)SMALL_BYTES * shard_counts[i];
        land_start(l, shard_counts[i]);
        land_do(l, make_text("v", 0, few_select));
        for (uint32_t k = 0; k < 20; k++) {
            land_append(l, k % YARD_PARTITIONS, 3);
            settle(l, 1);
        }
        assert_in_range(bytes_of(l, "v0"), 1, most);
        land_compare_one(l, "v0", few_select, 0);
        land_free(l);
    }
}

/* Whatever its first step went over, and whatever large ticks there were. */
static void what_large_ticks_took_is_given_back(void **state)
{
    (void)state;
    struct land *l = land_new(5, NULL);
    land_start(l, 1);
    for (uint32_t k = 0; k < 40; k++) {
        land_append(l, k % YARD_PARTITIONS, 400);
    }
    land_do(l, make_text("v", 0, few_select));
    settle(l, 1);
    assert_in_range(bytes_of(l, "v0"), 1, SMALL_BYTES);
    for (uint32_t k = 0; k < 10; k++) {
        land_append(l, 0, 400);
    }
    settle(l, 1);
    assert_true(bytes_of(l, "v0") > SMALL_BYTES);
    for (uint32_t k = 0; k < 80; k++) {
        land_append(l, k % YARD_PARTITIONS, 1);
        settle(l, 1);
    }
    assert_in_range(bytes_of(l, "v0"), 1, SMALL_BYTES);
    land_compare_one(l, "v0", few_select, 0);
    land_free(l);
}

static bool is_made(struct land *l, uint32_t number)
{
    char want[64];
    struct statement *s =
        statement_new(l->y, number % l->shards_count, make_text("v", number, few_select));
    statement_start(s);
    statement_wait(s);
    bool is_well = s->query.error.state == SQL_STATE_NONE;
    if (!is_well) {
        assert_string_equal(s->query.error.code, "53200");
        snprintf(want, sizeof(want), "materialized views take ");
        assert_int_equal(strncmp(s->query.error.message, want, strlen(want)), 0);
        assert_non_null(strstr(s->query.error.message, " of the 3.0 MiB "));
        assert_non_null(strstr(s->query.error.message, "--memory"));
    }
    statement_free(s);
    return is_well;
}

static void a_view_without_room_is_refused_and_none_breaks(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = small_land(10 + i, 3 << 20, shard_counts[i]);
        uint32_t count = 0;
        char want[32];
        land_append(l, 0, 100);
        while (is_made(l, count)) {
            count++;
            assert_in_range(count, 1, 500);
        }
        assert_true(count >= 10);
        for (uint32_t k = 0; k < 20; k++) {
            land_append(l, k % YARD_PARTITIONS, 50);
            settle(l, count);
        }
        snprintf(want, sizeof(want), "%u\n", count);
        land_is(l, "SELECT count(*) FROM system.views WHERE state = 'live'", want);
        land_is(l, "SELECT count(*) FROM system.views", want);
        assert_false(is_made(l, count));
        for (uint32_t k = 0; k < 5; k++) { /* the others have grown */
            char drop[64];
            snprintf(drop, sizeof(drop), "DROP MATERIALIZED VIEW v%u", --count);
            land_do(l, drop);
        }
        settle(l, count);
        yard_run(l->y, 100); /* their memory is given back */
        assert_true(is_made(l, count));
        settle(l, count + 1);
        land_free(l);
    }
}

static void views_have_what_is_configured(void **state)
{
    (void)state;
    struct land *l = land_new(30, NULL);
    l->y->config.view_total_bytes_max = 3 << 20;
    land_start(l, 2);
    uint32_t count = 0;
    while (is_made(l, count)) {
        count++;
    }
    assert_in_range(count, 10, 40);
    settle(l, count);
    land_free(l);
}

static void a_view_beyond_its_share_breaks_before_small_ones(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = small_land(20 + i, 2 << 20, shard_counts[i]);
        struct core_upkeep_row row = {.status = CORE_UPKEEP_BUILDING};
        land_do(l, make_text("large", 0, many_select));
        for (uint32_t k = 0; k < 4; k++) {
            land_do(l, make_text("v", k, few_select));
        }
        settle(l, 4);
        l->keys = "key %u, of some length, so that there is little room for many of them";
        for (uint32_t k = 0; row.status != CORE_UPKEEP_BROKEN; k++) {
            land_append(l, k % YARD_PARTITIONS, 100);
            land_wait_status(l, "v0", CORE_UPKEEP_LIVE);
            assert_true(land_row(l, "large0", &row));
            assert_in_range(k, 0, 2000);
        }
        assert_non_null(strstr(row.why, "out of budget"));
        land_append(l, 0, 100);
        land_do(l, "DROP MATERIALIZED VIEW large0");
        settle(l, 4);
        for (uint32_t k = 0; k < 4; k++) {
            char name[8];
            snprintf(name, sizeof(name), "v%u", k);
            land_compare_one(l, name, few_select, 0);
        }
        land_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_of_few_rows_takes_little),
        cmocka_unit_test(what_large_ticks_took_is_given_back),
        cmocka_unit_test(a_view_without_room_is_refused_and_none_breaks),
        cmocka_unit_test(views_have_what_is_configured),
        cmocka_unit_test(a_view_beyond_its_share_breaks_before_small_ones),
    };
    return cmocka_run_group_tests_name("core_upkeep_memory", tests, NULL, NULL);
}
