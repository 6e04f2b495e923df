/* Materialized views whose records do not all do: they are degraded, and everybody is told, how
 * many failed and where the first one stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/core/upkeep_world.h"

static const uint32_t shard_counts[] = {1, 2, 4};

static void make(struct land *l, const char *text)
{
    char create[1024];
    snprintf(create, sizeof(create), "CREATE MATERIALIZED VIEW %s", text);
    land_do(l, create);
}

/* On every shard: these rows, so many looked at, so many errors. */
static void assert_answer(struct land *l, const char *text, uint64_t count, const char *want,
                          uint64_t errors_count)
{
    for (uint32_t shard = 0; shard < l->shards_count; shard++) {
        struct statement *s = statement_new(l->y, shard, text);
        char whole[256];
        statement_start(s);
        statement_wait(s);
        snprintf(whole, sizeof(whole), "%s%u of %u records, 0 bytes, %u errors\n", want,
                 (unsigned)s->query.rows_count, (unsigned)count, (unsigned)errors_count);
        if (strcmp(strchr(s->answer, '\n') + 1, whole) != 0) {
            fail_msg("%s:\n%s\nnot\n%s", text, s->answer, whole);
        }
        statement_free(s);
    }
}

static void values_that_do_not_fit_degrade_a_view(void **state)
{
    (void)state;
    struct land *l = land_new(4, NULL);
    struct core_upkeep_row row;
    land_start(l, 2);
    land_append(l, 0, 20);
    land_create(l, 0);
    make(l, "divided AS SELECT k, sum(100 / n) AS s FROM ev WHERE n IS NOT NULL GROUP BY k");
    land_settle(l);
    assert_true(land_row(l, "v_group", &row));
    assert_false(row.is_degraded);
    l->is_odd = true;
    land_append(l, 1, 100);
    land_settle(l);
    land_compare(l);
    assert_true(land_row(l, "v_group", &row));
    assert_true(row.is_degraded);
    assert_true(row.faults.count > 0);
    assert_int_equal(row.status, CORE_UPKEEP_LIVE);
    assert_int_equal(row.records_count, 120);
    yard_run(l->y, 50);
    land_compare_one(l, "divided",
                     "SELECT k, sum(100 / n) AS s FROM ev WHERE n IS NOT NULL AND n <> 0 GROUP BY "
                     "k",
                     0);
    land_free(l);
}

/* The same on however many shards, and after a start, which folds all in one step. */
static void answers_from_a_degraded_view_say_what_failed(void **state)
{
    static const char tells[] =
        "SELECT degraded, errors, first_error_partition, first_error_offset, why FROM system.views";
    static const char told[] =
        "true|6|0|2|6 values or rows failed, the first at partition 0, offset 2\n";
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(3, NULL);
        land_start(l, shard_counts[i]);
        make(l, "v AS SELECT CASE WHEN _partition + _offset > 1 THEN 1 / (_offset - _offset) END "
                "AS f, count(*) FROM ev GROUP BY 1");
        assert_answer(l, "SELECT * FROM v", 0, "", 0);
        land_is(l, tells, "false|0|NULL|NULL|NULL\n");
        land_append(l, 2, 5);
        land_append(l, 0, 3);
        for (uint32_t life = 0; life < 2; life++) {
            yard_run(l->y, 100);
            assert_answer(l, "SELECT * FROM v", 1, "NULL|2\n", 6);
            assert_answer(l, "SELECT * FROM v WHERE f = 1", 0, "", 6);
            assert_answer(l, "SELECT count(*) FROM v", 1, "1\n", 6);
            land_is(l, tells, told);
            land_explains(l, "v",
                          "Upkeep: live; degraded: 6 values or rows failed, the first at partition "
                          "0, offset 2; see system.errors; lag in ms: ");
            land_close(l);
            land_start(l, 1 + shard_counts[i] % 4);
        }
        land_free(l);
    }
}

/* Groups that the view has and cannot show. */
static void answers_say_which_rows_of_a_view_cannot_be_shown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(shard_counts); i++) {
        struct land *l = land_new(3, NULL);
        l->keys = "k%u";
        l->is_whole = true;
        land_start(l, shard_counts[i]);
        land_append(l, 0, 3);
        land_append(l, 1, 2);
        make(l, "v AS SELECT _partition AS p, 1 / (count(*) - 3) AS q FROM ev GROUP BY 1");
        land_settle(l);
        assert_answer(l, "SELECT * FROM v", 1, "1|-1\n", 1);
        assert_answer(l, "SELECT * FROM v WHERE p = 0", 0, "", 1);
        assert_answer(l, "SELECT * FROM v WHERE p = 1", 1, "1|-1\n", 0);
        land_free(l);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_do_not_fit_degrade_a_view),
        cmocka_unit_test(answers_from_a_degraded_view_say_what_failed),
        cmocka_unit_test(answers_say_which_rows_of_a_view_cannot_be_shown),
    };
    return cmocka_run_group_tests_name("core_degraded", tests, NULL, NULL);
}
