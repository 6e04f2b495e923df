/* The system's tables: what is in them is what there is, on whichever shard they are read. */
#include "broker/core/system_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/scans.h"

static uint64_t world_misfits(const struct world *w)
{
    uint64_t count = 0;
    for (uint32_t p = 0; p < YARD_PARTITIONS; p++) {
        for (uint64_t k = 0; k < w->ends[p]; k++) {
            count += record_of(w->seed, p, k)->misfits_count;
        }
    }
    return count;
}

static void misfits_are_error_rows_and_each_is_there_once(void **state)
{
    (void)state;
    struct world *w = world_small(3);
    uint64_t misfits = world_misfits(w);
    assert_in_range(misfits, 1, 64);
    for (uint32_t k = 0; k < 5; k++) { /* on all shards, on some twice */
        struct scan *s = scan_new(w, k % 3);
        scan_run(s);
        scan_expect_whole(s);
        assert_int_equal(s->scans.errors_count, misfits);
        scan_end(s);
    }
    struct scan *s = scan_new(w, 1);
    scan_system(s, "ERRORS");
    scan_run(s);
    assert_int_equal(s->result, EXEC_END);
    assert_int_equal(s->rows_count, misfits);
    for (uint32_t i = 0; i < misfits; i++) {
        uint32_t partition = (uint32_t)strtoul(s->texts[i][2], NULL, 10);
        const struct record *r = record_of(w->seed, partition, strtoull(s->texts[i][3], NULL, 10));
        bool is_record = strstr(r->value, "oops") != NULL;
        assert_int_equal(r->misfits_count, 1);
        assert_string_equal(s->texts[i][0], "things");
        assert_string_equal(s->texts[i][1], "yard");
        assert_string_equal(s->texts[i][4], is_record ? "NULL" : "id");
        assert_string_equal(s->texts[i][5], is_record ? "22P02" : "22023");
        assert_string_equal(s->texts[i][6], is_record ? "$" : "$.id");
        assert_memory_equal(s->texts[i][7], is_record ? r->value : r->value + 7,
                            strlen(s->texts[i][7]));
    }
    scan_end(s);
    world_free(w);
}

static void topics_are_a_table(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    for (uint32_t rows_max = 1; rows_max < 3; rows_max++) {
        struct scan *s = scan_new(w, 1);
        scan_system(s, "topics");
        s->plan.rows_max = rows_max == 1 ? 1 : INT64_MAX;
        scan_run(s);
        assert_int_equal(s->result, EXEC_END);
        assert_int_equal(s->rows_count, rows_max);
        assert_string_equal(s->texts[0][0], CORE_TOPIC_CONTROLLER);
        assert_string_equal(s->texts[0][6], "1");
        if (rows_max == 2) {
            assert_string_equal(s->texts[1][0], "yard");
            assert_string_equal(s->texts[1][1], "3");
            assert_string_equal(s->texts[1][2], "quorum-fsync");
            assert_string_equal(s->texts[1][3], "604800000");
            assert_string_equal(s->texts[1][4], "NULL");
            assert_string_equal(s->texts[1][6], "0");
        }
        scan_end(s);
    }
    world_free(w);
}

static void tables_without_rows_end(void **state)
{
    (void)state;
    static const char *const names[] = {"streams", "columns", "errors", "ticks"};
    struct world *w = world_small(2);
    assert_null(core_system_table_find("error", 5));
    assert_null(core_system_table_find("errors ", 7));
    for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct scan *s = scan_new(w, i % 2);
        scan_system(s, names[i]);
        scan_run(s);
        assert_int_equal(s->result, EXEC_END);
        assert_int_equal(s->rows_count, 0);
        scan_end(s);
    }
    world_free(w);
}

static void streams_and_their_columns_are_tables(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    static const struct core_stream_column columns[] = {
        {.name = "id", .type = {.kind = VEC_BIGINT}, .from = CORE_STREAM_PATH, .source = "$.id"},
        {.name = "price",
         .type = {.kind = VEC_NUMERIC, .precision = 10, .scale = 2},
         .from = CORE_STREAM_HEADER,
         .source = "p"},
        {.name = "k", .type = {.kind = VEC_TEXT}, .from = CORE_STREAM_KEY, .source = ""},
    };
    for (uint32_t i = 0; i < 70; i++) { /* more columns than a step gives */
        char name[16];
        snprintf(name, sizeof(name), "s%02u", i);
        yard_declare(w->y, name, columns, ARRAY_COUNT(columns));
    }
    for (uint32_t home = 0; home < 2; home++) {
        struct scan *s = scan_new(w, home);
        scan_system(s, "streams");
        scan_run(s);
        assert_int_equal(s->result, EXEC_END);
        assert_int_equal(s->rows_count, 70);
        assert_string_equal(s->texts[63][0], "s63");
        assert_string_equal(s->texts[63][1], "yard");
        assert_string_equal(s->texts[63][2], "declared");
        assert_string_equal(s->texts[63][3], "1");
        assert_string_equal(s->texts[63][4], "3");
        scan_end(s);
        s = scan_new(w, home);
        scan_system(s, "columns");
        scan_run(s);
        assert_int_equal(s->result, EXEC_END);
        assert_int_equal(s->rows_count, 210);
        for (uint32_t i = 0; i < 3; i++) {
            static const char *const want[][5] = {
                {"s01", "1", "id", "bigint", "$.id"},
                {"s01", "2", "price", "numeric(10,2)", "header p"},
                {"s01", "3", "k", "text", "key"}};
            for (uint32_t k = 0; k < 5; k++) {
                assert_string_equal(s->texts[3 + i][k], want[i][k]);
            }
        }
        scan_end(s);
    }
    world_free(w);
}

static void ticks_follow(struct rt_shard *shard, void *ctx)
{
    struct yard *y = ctx;
    struct log_uuid uuid = yard_topic(y)->uuid;
    assert_int_equal(core_ticks_follow(&y->shards[shard->id], &uuid), ERR_OK);
}

static void ticks_are_a_table(void **state)
{
    (void)state;
    struct world *w = world_small(2);
    sim_post(sim_node_shard(w->y->node, 0), ticks_follow, w->y);
    sim_post(sim_node_shard(w->y->node, 1), ticks_follow, w->y);
    yard_run(w->y, 100);
    for (uint32_t i = 0; i < 150; i++) { /* more than a page gives */
        yard_append(w->y, i % 2, 1, 1000);
        yard_run(w->y, 3);
    }
    for (uint32_t home = 0; home < 2; home++) {
        struct scan *s = scan_new(w, home);
        scan_system(s, "ticks");
        scan_run(s);
        assert_int_equal(s->result, EXEC_END);
        assert_in_range(s->rows_count, 150, 160);
        uint64_t said[YARD_PARTITIONS] = {0};
        uint64_t tick = 0;
        for (uint32_t i = 0; i < ARRAY_COUNT(s->texts); i++) { /* the first ones */
            assert_true(strtoull(s->texts[i][0], NULL, 10) >= tick);
            tick = strtoull(s->texts[i][0], NULL, 10);
            assert_string_equal(s->texts[i][2], tick == 1 ? "1" : "0");
            assert_string_equal(s->texts[i][3], "0");
            assert_string_equal(s->texts[i][4], "yard");
            uint64_t end = strtoull(s->texts[i][6], NULL, 10);
            uint64_t *at = &said[strtoul(s->texts[i][5], NULL, 10)];
            assert_true(end >= *at);
            *at = end;
        }
        assert_true(tick > 50);
        scan_end(s);
    }
    world_free(w);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(misfits_are_error_rows_and_each_is_there_once),
        cmocka_unit_test(topics_are_a_table),
        cmocka_unit_test(tables_without_rows_end),
        cmocka_unit_test(streams_and_their_columns_are_tables),
        cmocka_unit_test(ticks_are_a_table),
    };
    return cmocka_run_group_tests_name("core_system", tests, NULL, NULL);
}
