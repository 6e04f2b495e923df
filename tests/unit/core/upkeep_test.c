/* Materialized views as they are kept: on shards of a simulated machine each says what its SELECT
 * says, whatever happens beside it; what cannot be kept says so, and everything else goes on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "broker/core/partition.h"
#include "storage/log/shard.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/upkeep_world.h"

static const uint32_t shard_counts[] = {1, 2, 4};

static void views_say_what_their_selects_say(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(i + 1, NULL);
        land_start(l, shard_counts[i]);
        land_append(l, 0, 30);
        land_append(l, 1, 30);
        for (uint32_t view = 0; view < LAND_VIEWS; view++) {
            land_create(l, view);
        }
        land_settle(l);
        land_compare(l);
        for (uint32_t step = 0; step < 10; step++) {
            land_append(l, step % YARD_PARTITIONS, 1 + step * 7);
            land_settle(l);
            if (step % 4 == 0) {
                land_compare(l);
            }
        }
        land_compare(l);
        statements_are_gone(l->y);
        for (uint32_t view = 0; view < LAND_VIEWS; view++) {
            land_drop(l, view);
        }
        land_is_empty(l);
        land_free(l);
    }
}

/* --- Kinds of views --- */

static void make(struct land *l, const char *text)
{
    char create[1024];
    snprintf(create, sizeof(create), "CREATE MATERIALIZED VIEW %s", text);
    land_do(l, create);
}

static void a_view_begins_where_it_is_told_to(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(3, NULL);
        land_start(l, shard_counts[i]);
        land_append(l, 0, 10); /* of timestamps 1000 .. 1009 */
        land_append(l, 1, 10);
        make(l, "later WITH (origin = 'latest') AS SELECT count(*) FROM ev");
        make(l, "timed WITH (origin = '1970-01-01T00:00:01.005Z') AS SELECT _partition AS p, "
                "count(*) FROM ev GROUP BY _partition");
        make(l, "future WITH (origin = '2100-01-01T00:00:00Z') AS SELECT count(*) FROM ev");
        land_is(l, "SELECT * FROM later", "0\n");
        land_is(l, "SELECT * FROM future", "0\n");
        land_is(l, "SELECT * FROM timed", "0|5\n1|10\n");
        land_append(l, 2, 7);
        land_append(l, 0, 1);
        yard_run(l->y, 50);
        land_is(l, "SELECT * FROM later", "8\n");
        land_is(l, "SELECT * FROM timed", "0|6\n1|10\n2|7\n");
        land_free(l);
    }
}

static void a_global_aggregate_has_its_row_before_any_record(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(3, NULL);
        land_start(l, shard_counts[i]);
        make(l, "v AS SELECT count(*), sum(n), max(k) FROM ev");
        make(l, "w AS SELECT k, count(*) FROM ev GROUP BY k");
        make(l, "h AS SELECT count(*) FROM ev HAVING count(*) > 2");
        land_is(l, "SELECT * FROM v", "0|NULL|NULL\n");
        land_is(l, "SELECT * FROM w", "");
        land_is(l, "SELECT * FROM h", "");
        land_append(l, 1, 3);
        yard_run(l->y, 50);
        land_is(l, "SELECT count FROM v", "3\n");
        land_is(l, "SELECT * FROM h", "3\n");
        land_free(l);
    }
}

/* These rows, and so many were looked at. */
static void assert_looked_up(struct land *l, const char *text, uint64_t count, const char *want)
{
    for (uint32_t shard = 0; shard < l->shards_count; shard++) {
        struct statement *s = statement_new(l->y, shard, text);
        char whole[256];
        statement_start(s);
        statement_wait(s);
        snprintf(whole, sizeof(whole), "%s%u of %u records, 0 bytes, 0 errors\n", want,
                 (unsigned)s->query.rows_count, (unsigned)count);
        if (strcmp(strchr(s->answer, '\n') + 1, whole) != 0) {
            fail_msg("%s:\n%s", text, s->answer);
        }
        statement_free(s);
    }
}

static void rows_are_looked_up_by_their_keys(void **state)
{
    static const struct {
        const char *where;
        uint64_t count;
        const char *want;
    } rows[] = {
        {"k = 'k7'", 1, "k7|7\n"},
        {"'k7' = k AND n < 7", 1, ""},
        {"k = lower('K7')", 1, "k7|7\n"},
        {"k = 'no such one'", 0, ""},
        {"k IN ('k3', 'k300', 'k3', NULL, 'k1')", 2, "k1|1\nk3|3\n"},
        {"k IS NOT DISTINCT FROM 'k8'", 1, "k8|8\n"},
        {"k IS NOT DISTINCT FROM NULL::text", 0, ""},
        {"k = NULL", 200, ""},
        {"k = 'k' || (1 + n - n)::text", 200, "k1|1\n"},
        {"k IN ('k1', 'k2') OR n = 5", 200, "k1|1\nk2|2\nk5|5\n"},
    };
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(3, NULL);
        l->keys = "k%u";
        l->is_whole = true;
        land_start(l, shard_counts[i]);
        land_append(l, 0, 200);
        make(l, "v AS SELECT k, max(substring(k, 2)::bigint) AS n FROM ev GROUP BY k");
        make(l, "w AS SELECT _partition AS p, _offset AS o, k FROM ev");
        land_settle(l);
        for (uint32_t row = 0; row < ARRAY_COUNT(rows); row++) {
            char text[256];
            snprintf(text, sizeof(text), "SELECT k, n FROM v WHERE %s ORDER BY k", rows[row].where);
            assert_looked_up(l, text, rows[row].count, rows[row].want);
        }
        assert_looked_up(l, "SELECT k FROM w WHERE o = 11 AND p = 0", 1, "k11\n");
        assert_looked_up(l, "SELECT count(*) FROM w WHERE p IN (0, 1) AND o IN (5, 6, 700)", 2,
                         "2\n");
        assert_looked_up(l, "SELECT k FROM w WHERE o = 11 AND p < 1", 200, "k11\n");
        land_free(l);
    }
}

static void a_view_keeps_its_rows_under_another_name(void **state)
{
    (void)state;
    struct land *l = land_new(5, NULL);
    land_start(l, 2);
    land_append(l, 0, 50);
    land_create(l, 0);
    land_settle(l);
    char *before = land_rows(l, "SELECT * FROM v_group");
    land_do(l, "ALTER MATERIALIZED VIEW v_group RENAME TO other");
    land_is(l, "SELECT * FROM other", before);
    land_fails(l, "SELECT * FROM v_group", "42P01");
    land_append(l, 0, 50);
    yard_run(l->y, 50);
    land_compare_one(l, "other", land_kinds[0].select, 1);
    land_close(l);
    free(before);
    land_start(l, 3);
    land_compare_one(l, "other", land_kinds[0].select, 1);
    land_free(l);
}

/* Steps that take long tell how far they are, and are sent again; views that are late take many
 * ticks at once; statements wait, or say that the view was not there in time. */
static void a_slow_machine_keeps_views_all_the_same(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct land *l = land_new(11, NULL);
        l->y->config.log.hot_bytes_max = 16 << 10;
        land_start(l, shards_count);
        for (uint32_t i = 0; i < 60; i++) {
            land_append(l, i % 2, 400);
        }
        sim_node_set_slow(l->y->node, 200);
        land_create(l, 0);
        land_create(l, 2);
        struct statement *s = statement_new(l->y, 0, "SELECT * FROM v_group");
        s->timeout_ns = 2 * RT_NS_PER_MS;
        statement_start(s);
        statement_wait(s);
        assert_string_equal(s->query.error.code, "55T02");
        assert_string_equal(s->query.error.message,
                            "materialized view \"v_group\" was not there in "
                            "time: it is being built");
        statement_free(s);
        for (uint32_t i = 0; i < 20; i++) {
            static struct land_reader r;
            land_append(l, i % YARD_PARTITIONS, 20);
            r = (struct land_reader){
                .l = l, .shard = i % shards_count, .name = "v_group", .pause_ms = 300};
            land_read(&r);
            yard_append_start(l->y, 1, 10, 1000);
            land_read_wait(&r);
            assert_int_equal(r.code, CORE_OK);
            assert_int_equal(r.sum, l->covered[r.tick]);
            yard_wait(l->y);
        }
        sim_node_set_slow(l->y->node, 1);
        land_settle(l);
        land_compare(l);
        land_free(l);
    }
}

/* --- Partitions, restarts --- */

static void partitions_that_come_later_belong_to_a_view(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(6 + i, NULL);
        land_start(l, shard_counts[i]);
        land_append(l, 0, 20);
        for (uint32_t view = 0; view < LAND_VIEWS; view++) {
            land_create(l, view);
        }
        make(l, "later WITH (origin = 'latest') AS SELECT count(*) FROM ev");
        land_is(l, "SELECT * FROM later", "0\n");
        for (int32_t count = YARD_PARTITIONS + 1; count <= (int32_t)LAND_PARTITIONS; count++) {
            land_widen(l, count);
            land_append(l, (uint32_t)count - 1, 10);
            land_append(l, 0, 1);
        }
        land_settle(l);
        land_compare(l);
        yard_run(l->y, 50);
        land_is(l, "SELECT * FROM later", "55\n");
        land_close(l);
        land_start(l, 1 + shard_counts[i] % 4);
        land_settle(l);
        land_compare(l);
        yard_run(l->y, 50);
        land_is(l, "SELECT * FROM later", "55\n");
        land_free(l);
    }
}

static void a_restart_gives_the_same_rows_bit_for_bit(void **state)
{
    (void)state;
    static const uint32_t lives[] = {1, 2, 4, 3, 1, 4};
    struct land *l = land_new(7, NULL);
    char *rows[LAND_VIEWS] = {NULL};
    char text[256];
    land_start(l, 2);
    for (uint32_t view = 0; view < LAND_VIEWS; view++) {
        land_create(l, view);
    }
    for (uint32_t i = 0; i < 40; i++) {
        land_append(l, i % YARD_PARTITIONS, 1 + i % 13);
    }
    for (uint32_t life = 0; life < ARRAY_COUNT(lives); life++) {
        land_settle(l);
        for (uint32_t view = 0; view < LAND_VIEWS; view++) {
            snprintf(text, sizeof(text), "SELECT * FROM %s", land_kinds[view].name);
            char *now = land_rows(l, text);
            if (rows[view] != NULL) {
                assert_string_equal(now, rows[view]);
            }
            free(rows[view]);
            rows[view] = now;
        }
        if (life % 2 == 0) {
            land_close(l);
        } else {
            land_crash(l, SIM_CRASH_LOSE);
        }
        land_start(l, lives[life]);
    }
    for (uint32_t view = 0; view < LAND_VIEWS; view++) {
        free(rows[view]);
    }
    land_free(l);
}

/* --- Drops --- */

/* The machine stands still after so many steps, so long that steps of views are late. */
static void stall(struct land *l, struct prng *prng, uint64_t steps_max)
{
    (void)sim_run_steps(l->y->sim, prng_below(prng, steps_max));
    sim_node_pause(l->y->node);
    yard_run(l->y, prng_range(prng, 40, 250));
    sim_node_resume(l->y->node);
}

/* The view is dropped after so many steps of the machine, or while a statement of it waits for its
 * client. */
static void drop_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct land *l = land_new(seed, NULL);
    l->y->config.log.hot_bytes_max = 16 << 10;
    land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
    for (uint32_t i = 0; i < 6; i++) {
        land_append(l, (uint32_t)prng_below(&prng, YARD_PARTITIONS),
                    (uint32_t)prng_range(&prng, 1, 300));
    }
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t view = (uint32_t)prng_below(&prng, LAND_VIEWS);
        char text[256];
        snprintf(text, sizeof(text), "SELECT * FROM %s", land_kinds[view].name);
        land_create(l, view);
        struct statement *s = statement_new(l->y, 0, text);
        s->is_pausing = prng_chance(&prng, 1, 2);
        statement_start(s);
        yard_append_start(l->y, 0, (uint32_t)prng_range(&prng, 1, 50), 1000);
        if (prng_chance(&prng, 1, 2)) {
            stall(l, &prng, 400);
        }
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 400));
        land_drop(l, view);
        if (s->is_pausing) {
            yard_run(l->y, prng_below(&prng, 20));
            s->is_pausing = false;
            statement_resume(s);
        }
        statement_wait(s);
        if (s->query.error.state != SQL_STATE_NONE) {
            assert_string_equal(s->query.error.code, "42P01");
        }
        statement_free(s);
        yard_wait(l->y);
        land_is_empty(l);
    }
    land_free(l);
}

static void a_view_is_dropped_at_any_moment(void **state)
{
    (void)state;
    struct share share = share_open("drops", 10);
    while (share_more(&share)) {
        drop_case(share_case_seed(&share));
    }
    share_close(&share);
}

/* --- What breaks --- */

static void what_has_rotted_breaks_a_view_and_no_other(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct land *l = land_new(8, NULL);
        char path[LIMIT_PATH_BYTES];
        land_start(l, shards_count);
        land_append(l, 0, 10);
        land_append(l, 1, 10);
        land_append(l, 2, 10);
        land_create(l, 0);
        make(l, "later WITH (origin = 'latest') AS SELECT count(*) FROM ev");
        land_settle(l);
        yard_roll(l->y, 2);
        yard_settle(l->y);
        log_path_segment(path, yard_partition(l->y, 2)->group.log, 1, 0, "log");
        land_close(l);
        assert_int_equal(sim_disk_rot(sim_node_disk(l->y->node), path, 90, 3), ERR_OK);
        land_start(l, shards_count);
        land_wait_status(l, "v_group", CORE_UPKEEP_BROKEN);
        struct core_upkeep_row row;
        assert_true(land_row(l, "v_group", &row));
        assert_non_null(strstr(row.why, "partition 2"));
        assert_non_null(strstr(row.why, "offset 0"));
        land_fails(l, "SELECT * FROM v_group",
                   "55000 materialized view \"v_group\" is broken: partition 2");
        land_append(l, 2, 5);
        yard_run(l->y, 50);
        land_is(l, "SELECT * FROM later", "5\n");
        land_drop(l, 0);
        land_do(l, "DROP MATERIALIZED VIEW later");
        land_is_empty(l);
        land_free(l);
    }
}

/* Segments of a batch each in partition 0: its first records are deleted, and gone where nothing
 * keeps them. */
static struct land *trimmed_land(uint32_t shards_count, uint64_t pin_bytes_max)
{
    struct land *l = land_new(9, NULL);
    l->y->config.view_pin_bytes_max = pin_bytes_max;
    land_start(l, shards_count);
    for (uint32_t i = 0; i < 4; i++) {
        land_append(l, 0, 10);
        land_append(l, 1, 10);
        yard_roll(l->y, 0);
    }
    return l;
}

static void trim(struct land *l, int64_t offset)
{
    yard_trim(l->y, 0, offset);
    for (uint32_t i = 0; i < 3; i++) {
        land_append(l, 1, 1);
        land_append(l, 2, 1);
        yard_settle(l->y);
        yard_run(l->y, 100);
    }
}

static void a_view_keeps_what_is_deleted_of_its_source(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = trimmed_land(shard_counts[i], 1 << 20);
        make(l, "v AS SELECT _partition AS p, count(*), min(_offset), max(_offset) FROM ev GROUP "
                "BY _partition");
        land_is(l, "SELECT * FROM v", "0|40|0|39\n1|40|0|39\n");
        trim(l, 35);
        land_is(l, "SELECT count(*) FROM ev WHERE _partition = 0", "5\n");
        land_is(l, "SELECT * FROM v", "0|40|0|39\n1|43|0|42\n2|3|0|2\n");
        for (uint32_t life = 0; life < 3; life++) {
            land_close(l);
            land_start(l, 1 + (shard_counts[i] + life) % 4);
            land_is(l, "SELECT * FROM v WHERE p = 0", "0|40|0|39\n");
            trim(l, 36 + life);
        }
        land_free(l);
    }
}

/* A life in which no view begins. */
static void views_are_deaf(struct yard *y, struct core_shard *cs)
{
    land_opened(y, cs);
    core_ticks_unlisten(cs, &cs->upkeep.listener);
    cs->upkeep.is_listening = false;
}

static void a_view_keeps_what_is_deleted_before_it_reads(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = trimmed_land(shard_counts[i], 1 << 20);
        make(l, "v AS SELECT _partition AS p, count(*), min(_offset) FROM ev GROUP BY _partition");
        land_is(l, "SELECT * FROM v WHERE p = 0", "0|40|0\n");
        for (uint32_t life = 0; life < 3; life++) {
            struct core_view_pin pins[8];
            uint32_t pins_count = 0;
            land_close(l);
            l->y->opened = views_are_deaf;
            land_start(l, 1 + (shard_counts[i] + life) % 4);
            for (uint32_t shard = 0; shard < l->shards_count; shard++) {
                pins_count += core_view_pins(&l->y->shards[shard], pins, ARRAY_COUNT(pins));
            }
            assert_int_equal(pins_count, YARD_PARTITIONS);
            (void)yard_trim(l->y, 0, 11 * (life + 1));
            for (uint32_t round = 0; round < 3; round++) {
                land_append(l, 0, 1);
                yard_settle(l->y);
                yard_run(l->y, 100);
            }
            if (life == 1) {
                land_crash(l, SIM_CRASH_LOSE);
            } else {
                land_close(l);
            }
            l->y->opened = land_opened;
            land_start(l, 1 + life);
            char want[64];
            snprintf(want, sizeof(want), "0|%u|0\n", (unsigned)(43 + 3 * life));
            land_settle(l);
            land_is(l, "SELECT * FROM v WHERE p = 0", want);
        }
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        land_free(l);
    }
}

static void a_view_whose_source_is_gone_is_broken(void **state)
{
    (void)state;
    struct core_upkeep_row row;
    for (uint32_t all = 0; all < 2; all++) {
        struct land *l = trimmed_land(2, 1); /* nothing may be kept */
        make(l, "v AS SELECT count(*) FROM ev");
        land_is(l, "SELECT * FROM v", "80\n");
        trim(l, all == 1 ? CORE_TRIM_ALL : 35);
        make(l, "w AS SELECT count(*) FROM ev");
        land_close(l);
        land_start(l, 3);
        land_wait_status(l, "v", CORE_UPKEEP_BROKEN);
        assert_true(land_row(l, "v", &row));
        assert_non_null(strstr(row.why, "source trimmed: partition 0"));
        land_is(l, "SELECT * FROM w", all == 1 ? "46\n" : "51\n");
        land_fails(l, "SELECT * FROM v",
                   "55000 materialized view \"v\" is broken: source trimmed: partition 0");
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_do(l, "DROP MATERIALIZED VIEW w");
        land_is_empty(l);
        land_free(l);
    }
}

static void budgets_are_small(struct yard *y, struct core_shard *cs)
{
    struct land *l = y->build_ctx;
    land_opened(y, cs);
    budget_set_limit(&cs->upkeep.budget, l->bytes_max);
}

static void a_view_that_needs_too_much_is_broken_and_gives_all_back(void **state)
{
    (void)state;
    struct core_upkeep_row row;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i += 2) {
        struct land *l = land_new(10, NULL);
        l->bytes_max = 2 << 20;
        l->y->opened = budgets_are_small;
        land_start(l, shard_counts[i]);
        l->keys = "key %u, of some length, so that there is little room for many of them";
        land_create(l, 1);
        uint32_t count = 0;
        for (; count < 110; count++) {
            land_append(l, count % YARD_PARTITIONS, 400);
        }
        make(l, "large AS SELECT k, count(*), max(k), min(k), sum(x) FROM ev GROUP BY k");
        land_wait_status(l, "large", CORE_UPKEEP_BROKEN);
        assert_true(land_row(l, "large", &row));
        assert_non_null(strstr(row.why, "out of budget"));
        land_fails(l, "SELECT * FROM large",
                   "55000 materialized view \"large\" is broken: out of budget");
        land_explains(l, "large", "Upkeep: broken: out of budget: ");
        make(l, "small AS SELECT n % 10 AS r, count(*) FROM ev GROUP BY n % 10");
        land_append(l, 0, 10);
        land_settle(l);
        land_compare(l);
        land_compare_one(l, "small", "SELECT n % 10 AS r, count(*) FROM ev GROUP BY n % 10", 0);
        land_drop(l, 1);
        land_do(l, "DROP MATERIALIZED VIEW small");
        land_do(l, "DROP MATERIALIZED VIEW large");
        land_is_empty(l);
        land_free(l);
    }
}

/* Steps of more groups than are sent at a time: at any budget a view has all of them, once each, or
 * it is broken. */
static void many_groups_are_sent_in_pieces(void **state)
{
    static const char select[] = "SELECT k, count(*), sum(n) FROM ev GROUP BY k";
    uint32_t broken_count = 0;
    uint32_t live_count = 0;
    (void)state;
    for (size_t bytes_max = 256 << 10; live_count < 3; bytes_max += bytes_max / 4) {
        struct land *l = land_new(bytes_max, NULL);
        struct core_upkeep_row row;
        l->bytes_max = bytes_max;
        l->y->opened = budgets_are_small;
        land_start(l, shard_counts[broken_count % ARRAY_COUNT(shard_counts)]);
        l->keys = "key %u";
        for (uint32_t i = 0; i < 60; i++) {
            land_append(l, i % YARD_PARTITIONS, 400);
        }
        make(l, "v AS SELECT k, count(*), sum(n) FROM ev GROUP BY k");
        while (!land_row(l, "v", &row) || row.status == CORE_UPKEEP_BUILDING) {
            yard_run(l->y, 1);
        }
        if (row.status == CORE_UPKEEP_BROKEN) {
            broken_count++;
        } else {
            live_count++;
            land_compare_one(l, "v", select, 0);
        }
        land_do(l, "DROP MATERIALIZED VIEW v");
        land_is_empty(l);
        land_free(l);
    }
    assert_true(broken_count > 2);
    printf("covered: %u budgets too small for a view\n", broken_count);
}

static void wants_a_tick(struct rt_shard *shard, void *ctx)
{
    struct land *l = ctx;
    core_ticks_want(&l->y->shards[shard->id]);
}

/* Whatever moves, or does not, meanwhile: rows that were those of a tick are never said to be those
 * of one before. */
static void the_tick_that_a_view_has_never_falls(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(20 + i, NULL);
        struct core_upkeep_row row;
        uint32_t quiet_count = 0;
        land_start(l, shard_counts[i]);
        make(l, "v AS SELECT count(*) FROM ev");
        land_wait_status(l, "v", CORE_UPKEEP_LIVE);
        uint64_t tick = 0;
        uint64_t rows_tick = 0;
        for (uint32_t turn = 0; turn < 200; turn++) {
            if (prng_chance(&l->prng, 1, 2)) {
                land_post(l, core_ticks_home(&l->y->shards[0]), wants_a_tick, l);
            } else {
                yard_append_start(l->y, turn % YARD_PARTITIONS, 1, 1000);
            }
            for (uint32_t step = 0; step < 60; step++) {
                (void)sim_run_steps(l->y->sim, 1);
                assert_true(land_row(l, "v", &row));
                assert_true(row.tick >= tick);
                tick = row.tick;
            }
            quiet_count += tick > rows_tick;
            rows_tick = tick;
        }
        assert_true(quiet_count > 50);
        yard_wait(l->y);
        land_free(l);
    }
}

/* --- The end --- */

/* The server ends after so many steps, whatever is under way but statements. */
static void close_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct sim_options options = sim_options_calm();
    struct land *l = land_new(seed, &options);
    l->y->config.log.hot_bytes_max = 16 << 10;
    land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
    for (uint32_t life = 0; life < 3; life++) {
        for (uint32_t i = 0; i < 4; i++) {
            land_append(l, (uint32_t)prng_below(&prng, YARD_PARTITIONS),
                        (uint32_t)prng_range(&prng, 1, 300));
        }
        uint32_t view = (uint32_t)prng_below(&prng, LAND_VIEWS);
        if (l->has[view]) {
            land_drop(l, view);
        } else {
            land_create(l, view);
        }
        char text[256];
        snprintf(text, sizeof(text), "SELECT * FROM %s", land_kinds[view].name);
        struct statement *s = statement_new(l->y, 0, text);
        statement_start(s);
        if (prng_chance(&prng, 1, 3)) {
            stall(l, &prng, 300);
        }
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 300));
        statement_cancel(s);
        statement_wait(s);
        statement_free(s);
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 100));
        land_close(l);
        land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
        (void)sim_run_steps(l->y->sim, prng_below(&prng, 1000));
        land_close(l);
        land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
    }
    land_settle(l);
    land_compare(l);
    land_free(l);
}

static void the_server_ends_at_any_moment(void **state)
{
    (void)state;
    struct share share = share_open("ends", 15);
    while (share_more(&share)) {
        close_case(share_case_seed(&share));
    }
    share_close(&share);
}

/* --- Lives --- */

#define LIFE_READERS 6u

static void life_check(struct land_reader *r)
{
    land_read_wait(r);
    if (r->code != CORE_OK) {
        fail_msg("a reading of %s failed: %s %s", r->name, core_code_text(r->code), r->why);
    }
    assert_true(r->l->covered[r->tick] != UINT64_MAX);
    if (r->sum != r->l->covered[r->tick]) {
        fail_msg("%s at tick %llu: %llu, not %llu records", r->name, (unsigned long long)r->tick,
                 (unsigned long long)r->sum, (unsigned long long)r->l->covered[r->tick]);
    }
}

static void life(struct land *l, struct prng *prng)
{
    static struct land_reader readers[LIFE_READERS];
    uint32_t readers_count = 0;
    for (uint32_t i = 0; i < LIFE_READERS; i++) {
        readers[i] = (struct land_reader){.is_done = true};
    }
    uint32_t steps = (uint32_t)prng_range(prng, 5, 30);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t view = (uint32_t)prng_below(prng, LAND_VIEWS);
        struct land_reader *r = &readers[prng_below(prng, LIFE_READERS)];
        switch (prng_below(prng, 7)) {
        case 0:
            if (!l->has[view]) {
                land_create(l, view);
            }
            break;
        case 1:
            if (l->has[view] && prng_chance(prng, 1, 4)) {
                for (uint32_t i = 0; i < LIFE_READERS; i++) {
                    if (readers[i].l != NULL) {
                        life_check(&readers[i]);
                        readers[i] = (struct land_reader){.is_done = true};
                    }
                }
                land_drop(l, view);
            }
            break;
        case 2:
            if (l->has[view] && land_kinds[view].is_counting && r->is_done) {
                if (r->l != NULL) {
                    life_check(r);
                }
                *r = (struct land_reader){.l = l,
                                          .shard = (uint32_t)prng_below(prng, l->shards_count),
                                          .name = land_kinds[view].name,
                                          .pause_ms = (uint32_t)prng_below(prng, 40)};
                land_read(r);
                readers_count++;
            }
            break;
        case 3: yard_run(l->y, prng_below(prng, 30)); break;
        case 4:
            yard_append_start(l->y, 1, (uint32_t)prng_range(prng, 1, 300), 1000);
            stall(l, prng, 100);
            yard_wait(l->y);
            break;
        default:
            land_append(l, (uint32_t)prng_below(prng, YARD_PARTITIONS),
                        (uint32_t)prng_range(prng, 1, prng_chance(prng, 1, 8) ? 400 : 20));
            break;
        }
    }
    for (uint32_t i = 0; i < LIFE_READERS; i++) {
        if (readers[i].l != NULL) {
            life_check(&readers[i]);
        }
    }
}

static void lives_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct land *l = land_new(seed, NULL);
    l->y->config.log.hot_bytes_max = prng_chance(&prng, 1, 2) ? 16 << 10 : 1 << 20;
    l->y->config.ticks_whole_count = (uint32_t)prng_range(&prng, 4, 60);
    l->is_odd = prng_chance(&prng, 1, 3);
    land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
    for (uint32_t i = 0; i < 4; i++) {
        life(l, &prng);
        if (prng_chance(&prng, 1, 2)) {
            land_settle(l);
            land_compare(l);
        }
        if (prng_chance(&prng, 1, 2)) {
            yard_append_start(l->y, 0, (uint32_t)prng_range(&prng, 1, 100), 1000);
            (void)sim_run_steps(l->y->sim, prng_below(&prng, 200));
        }
        if (l->y->pending_count > 0 || prng_chance(&prng, 2, 3)) {
            land_crash(l, SIM_CRASH_SEEDED);
        } else {
            land_close(l);
        }
        land_start(l, 1 + (uint32_t)prng_below(&prng, 4));
        land_settle(l);
        land_compare(l);
    }
    land_free(l);
}

static void lives_of_views(void **state)
{
    (void)state;
    struct share share = share_open("lives", 35);
    while (share_more(&share)) {
        lives_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_say_what_their_selects_say),
        cmocka_unit_test(a_view_begins_where_it_is_told_to),
        cmocka_unit_test(a_global_aggregate_has_its_row_before_any_record),
        cmocka_unit_test(rows_are_looked_up_by_their_keys),
        cmocka_unit_test(a_view_keeps_its_rows_under_another_name),
        cmocka_unit_test(a_slow_machine_keeps_views_all_the_same),
        cmocka_unit_test(partitions_that_come_later_belong_to_a_view),
        cmocka_unit_test(a_restart_gives_the_same_rows_bit_for_bit),
        cmocka_unit_test(a_view_is_dropped_at_any_moment),
        cmocka_unit_test(what_has_rotted_breaks_a_view_and_no_other),
        cmocka_unit_test(a_view_keeps_what_is_deleted_of_its_source),
        cmocka_unit_test(a_view_keeps_what_is_deleted_before_it_reads),
        cmocka_unit_test(a_view_whose_source_is_gone_is_broken),
        cmocka_unit_test(a_view_that_needs_too_much_is_broken_and_gives_all_back),
        cmocka_unit_test(many_groups_are_sent_in_pieces),
        cmocka_unit_test(the_tick_that_a_view_has_never_falls),
        cmocka_unit_test(the_server_ends_at_any_moment),
        cmocka_unit_test(lives_of_views),
    };
    return cmocka_run_group_tests_name("core_upkeep", tests, NULL, NULL);
}
