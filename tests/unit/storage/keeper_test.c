/* What shard 0 does for the node while it runs: journal files, groups.tab, room on the disk. */
#include "storage/log/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/round.h"
#include "storage/log/table.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

/* The store is open on `shards_count` shards, with groups. */
static struct home *keeper_home(struct home *home, uint32_t shards_count)
{
    assert_int_equal(home_start(home, shards_count), ERR_OK);
    home_ask(home, home_shard_create);
    return home;
}

static uint32_t keeper_files_count(struct home *home)
{
    char path[64];
    uint32_t count = 0;
    for (uint32_t slot = 1; slot < 200; slot++) {
        snprintf(path, sizeof(path), "/data/journal/%08x.jnl", slot);
        count += home_has(home, path);
    }
    return count;
}

static void keeper_reuses_journal_files_while_it_runs(void **state)
{
    (void)state;
    struct home *home = keeper_home(home_new(1), 2);
    for (uint32_t i = 0; i < 600; i++) { /* 3.6 MB: 56 files' worth */
        home_ask(home, home_shard_append);
    }
    assert_int_equal(home->refused_count, 0);
    assert_true(atomic_load(&home->store.file_number) > 40);
    assert_true(keeper_files_count(home) <= 16);
    home_close(home);
    assert_int_equal(home_start(home, 3), ERR_OK);
    for (uint64_t id = 1; id <= HOME_GROUPS; id++) {
        struct log_status status;
        assert_true(home_status(home, id, &status));
        assert_int_equal(status.end.index, 600);
    }
    home_close(home);
    home_free(home);
}

/* Many groups at once. */
struct keeper_many {
    struct home *home;
    struct log_op *ops;
    uint32_t count;
};

static void keeper_made(struct log_op *op)
{
    struct home *home = op->ctx;
    assert_int_equal(op->err, ERR_OK);
    home->pending_count--;
}

static void keeper_create_many(struct rt_shard *shard, void *ctx)
{
    struct keeper_many *many = ctx;
    for (uint32_t i = 0; i < many->count; i++) {
        struct log_uuid topic = {.bytes = {1, (uint8_t)i, (uint8_t)(i >> 8)}};
        many->ops[i] = (struct log_op){.done = keeper_made, .ctx = many->home};
        many->home->pending_count++;
        log_create(&many->home->shards[shard->id].ls, &many->ops[i], i + 1, &topic, i);
    }
    many->home->answers_count++;
}

static void keeper_writes_a_table_of_many_chunks(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 256 << 20;
    struct home *home = home_new_on(2, &options);
    home->config.groups_max = 10000;
    home->config.unsettled_bytes_max = 8 << 20;
    home->config.journal_first_bytes = 4 << 20;
    home->config.journal_file_bytes = 4 << 20;
    assert_int_equal(home_start(home, 1), ERR_OK);
    struct log_op *ops = calloc(9000, sizeof(*ops));
    assert_non_null(ops);
    struct keeper_many many = {home, ops, 9000};
    home->answers_count = 0;
    sim_post(sim_node_shard(home->node, 0), keeper_create_many, &many);
    home_wait(home);
    home_ask(home, home_shard_settle);
    assert_int_equal(home->err, ERR_OK);
    assert_int_equal(sim_disk_size(home_disk(home), "/data/groups.tab"), log_table_bytes(9000));
    home_close(home);
    assert_int_equal(home_start(home, 4), ERR_OK);
    assert_int_equal(home->store.report.groups_count, 9000);
    home_close(home);
    free(ops);
    home_free(home);
}

/* --- Deleted groups --- */

static void keeper_shard_delete(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    struct log *next = NULL;
    for (struct log *log = log_first(&hs->ls); log != NULL; log = next) {
        struct log_op *op = &hs->ops[log_group(log) - home->first_id];
        next = log_next(&hs->ls, log);
        *op = (struct log_op){.done = keeper_made, .ctx = home};
        home->pending_count++;
        log_delete(log, op);
    }
    home->answers_count++;
}

/* The header of groups.tab. */
static struct log_table_header keeper_table(struct home *home)
{
    static uint8_t data[LOG_TABLE_HEADER_BYTES];
    struct log_table_header header;
    size_t length = home_read(home, "/data/groups.tab", data, sizeof(data));
    assert_int_equal(log_table_header_decode(data, length, home_kernels(), true, &header), ERR_OK);
    return header;
}

static void keeper_forgets_deleted_groups_when_no_file_names_them(void **state)
{
    (void)state;
    struct home *home = keeper_home(home_new(3), 2);
    home_ask(home, home_shard_append);
    home_ask(home, home_shard_settle);
    home_ask(home, keeper_shard_delete);
    home_ask(home, home_shard_settle);
    struct log_table_header header = keeper_table(home);
    assert_int_equal(header.rows_count, HOME_GROUPS);
    assert_int_equal(atomic_load(&home->store.rows_count), HOME_GROUPS);
    home->first_id = 101; /* others fill the journal until all files have been used again */
    home_ask(home, home_shard_create);
    for (uint32_t i = 0; i < 300; i++) {
        home_ask(home, home_shard_append);
    }
    home_ask(home, home_shard_settle);
    header = keeper_table(home);
    assert_int_equal(header.rows_count, HOME_GROUPS);
    struct log_status status;
    assert_false(home_status(home, 1, &status));
    assert_true(home_status(home, 101, &status));
    home_close(home);
    home_free(home);
}

/* --- Room on the disk --- */

/* What is free on the disk from now on. */
static void keeper_set_free(struct home *home, uint64_t bytes)
{
    sim_disk_options(home_disk(home))->capacity_bytes =
        sim_disk_stats(home_disk(home))->used_bytes + bytes;
}

static void keeper_refuses_producers_while_the_disk_is_full(void **state)
{
    (void)state;
    struct home *home = home_new(4);
    home->config.reserve_bytes = 1 << 20;
    (void)keeper_home(home, 2);
    sim_run_for(home->sim, RT_NS_PER_S);
    assert_int_equal(sim_disk_size(home_disk(home), "/data/reserve"), 1 << 20);
    keeper_set_free(home, 100 << 10);
    home_ask(home, home_shard_append);
    sim_run_for(home->sim, RT_NS_PER_S);
    assert_true(atomic_load(&home->store.is_full));
    assert_false(home_has(home, "/data/reserve")); /* it is for the others */
    home->refused_count = 0;
    home_ask(home, home_shard_append);
    assert_int_equal(home->refused_count, HOME_GROUPS);
    assert_int_equal(home->refusal, ERR_DISK_FULL);
    home_ask(home, home_shard_hard); /* votes go on, and so does settling */
    home_ask(home, home_shard_settle);
    assert_int_equal(home->err, ERR_OK);
    keeper_set_free(home, 10 << 20);
    sim_run_for(home->sim, RT_NS_PER_S);
    home->refused_count = 0;
    home_ask(home, home_shard_append);
    assert_int_equal(home->refused_count, 0);
    assert_int_equal(sim_disk_size(home_disk(home), "/data/reserve"), 1 << 20);
    home_close(home);
    home_free(home);
}

static void keeper_waits_for_room_to_write_a_table(void **state)
{
    (void)state;
    struct home *home = keeper_home(home_new(5), 2);
    home_ask(home, home_shard_settle);
    uint64_t number = keeper_table(home).number;
    home_ask(home, home_shard_hard);
    keeper_set_free(home, 0);
    home->answers_count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        sim_post(sim_node_shard(home->node, i), home_shard_settle, home);
    }
    sim_run_for(home->sim, 2 * RT_NS_PER_S);
    assert_int_equal(home->answers_count, 0);
    assert_int_equal(keeper_table(home).number, number);
    assert_false(atomic_load(&home->store.is_fenced));
    keeper_set_free(home, 10 << 20);
    home_wait(home);
    assert_int_equal(home->err, ERR_OK);
    assert_true(keeper_table(home).number > number);
    home_close(home);
    home_free(home);
}

static void keeper_goes_on_without_a_reserve(void **state)
{
    (void)state;
    struct home *home = home_new(6);
    home->config.reserve_bytes = 1 << 20;
    sim_disk_options(home_disk(home))->refuses_allocate = true;
    (void)keeper_home(home, 1);
    sim_run_for(home->sim, RT_NS_PER_S);
    assert_non_null(strstr(home->said, "no reserve for a full disk"));
    home_ask(home, home_shard_append);
    assert_int_equal(home->refused_count, 0);
    home_close(home);
    home_free(home);
}

static void keeper_starts_on_a_full_disk_that_has_a_reserve(void **state)
{
    (void)state;
    struct home *home = home_new(7);
    home->config.reserve_bytes = 1 << 20;
    (void)keeper_home(home, 1);
    sim_run_for(home->sim, RT_NS_PER_S);
    home_close(home);
    keeper_set_free(home, 0);
    home->config.journal_first_bytes = 256 << 10; /* a new file is wanted, and does not fit */
    home->config.journal_file_bytes = 256 << 10;
    assert_int_equal(home_start(home, 4), ERR_OK);
    assert_false(home_has(home, "/data/reserve"));
    home_close(home);
    home_free(home);
}

static void keeper_says_that_a_first_start_has_no_room(void **state)
{
    (void)state;
    struct home *home = home_new(8);
    sim_disk_options(home_disk(home))->capacity_bytes = 32 << 10;
    assert_int_equal(home_start(home, 2), ERR_DISK_FULL);
    assert_string_equal(home->why, "/data/journal: making a journal file");
    home_end(home);
    sim_disk_options(home_disk(home))->capacity_bytes = 64 << 20;
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_close(home);
    home_free(home);
}

static void keeper_works_without_direct_io_and_says_so_once(void **state)
{
    (void)state;
    struct home *home = home_new(9);
    sim_disk_options(home_disk(home))->refuses_direct = true;
    (void)keeper_home(home, 2);
    const char *line = strstr(home->said, "no direct I/O there");
    assert_non_null(line);
    assert_null(strstr(line + 1, "no direct I/O there"));
    home_ask(home, home_shard_append);
    home_ask(home, home_shard_settle);
    home_close(home);
    assert_int_equal(home_start(home, 3), ERR_OK);
    assert_non_null(strstr(home->said, "no direct I/O there"));
    home_close(home);
    home_free(home);
}

static void keeper_done(struct log_op *op)
{
    struct home *home = op->ctx;
    assert_int_equal(op->err, ERR_OK);
    home->pending_count--;
}

static void keeper_roll(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    for (uint32_t i = shard->id; i < HOME_GROUPS; i += home->shards_count) {
        hs->ops[i] = (struct log_op){.done = keeper_done, .ctx = home};
        home->pending_count++;
        log_roll(log_find(&hs->ls, home->first_id + i), &hs->ops[i]);
    }
    home->answers_count++;
}

/* A round takes a few segments of a group at a time, and goes on until it has all of them. */
static void keeper_settles_all_segments_of_a_group_at_once(void **state)
{
    (void)state;
    struct home *home = home_new(10);
    home->config.settle_ns = 1000 * RT_NS_PER_S;
    (void)keeper_home(home, 1);
    for (uint32_t i = 0; i < 3 * LOG_SETTLE_JOB_PARTS; i++) {
        home_ask(home, home_shard_append);
        home_ask(home, keeper_roll);
    }
    struct log_status status;
    assert_true(home_status(home, 1, &status));
    assert_int_equal(status.settled_index, 0);
    home_ask(home, home_shard_settle);
    for (uint64_t id = 1; id <= HOME_GROUPS; id++) {
        assert_true(home_status(home, id, &status));
        assert_int_equal(status.settled_index, 3 * LOG_SETTLE_JOB_PARTS);
    }
    home_close(home);
    home_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeper_reuses_journal_files_while_it_runs),
        cmocka_unit_test(keeper_writes_a_table_of_many_chunks),
        cmocka_unit_test(keeper_forgets_deleted_groups_when_no_file_names_them),
        cmocka_unit_test(keeper_refuses_producers_while_the_disk_is_full),
        cmocka_unit_test(keeper_waits_for_room_to_write_a_table),
        cmocka_unit_test(keeper_goes_on_without_a_reserve),
        cmocka_unit_test(keeper_starts_on_a_full_disk_that_has_a_reserve),
        cmocka_unit_test(keeper_says_that_a_first_start_has_no_room),
        cmocka_unit_test(keeper_works_without_direct_io_and_says_so_once),
        cmocka_unit_test(keeper_settles_all_segments_of_a_group_at_once),
    };
    return cmocka_run_group_tests_name("log_keeper", tests, NULL, NULL);
}
