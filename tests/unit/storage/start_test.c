/* A store's start and end on simulated machines: the first one, the next one, directories that must
 * be refused, and a crash at every change a start makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sm.h"
#include "storage/log/fetch.h"
#include "storage/log/keeper.h"
#include "storage/log/start.h"
#include "storage/log/table.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define HOME_IMAGES 512u

/* Spoil a whole block. */
static void home_rot_block(struct home *home, const char *path, uint64_t block)
{
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(
            sim_disk_rot(home_disk(home), path, block * LIMIT_BLOCK_BYTES + i * 512 + 40, 3),
            ERR_OK);
    }
}

/* --- First and later starts --- */

static void log_start_makes_a_directory(void **state)
{
    (void)state;
    struct home *home = home_new(1);
    assert_int_equal(home_start(home, 2), ERR_OK);
    assert_string_equal(home->why, "");
    struct log_meta meta = home_meta(home);
    assert_int_equal(meta.boot_epoch, 1);
    assert_int_equal(home->store.boot_epoch, 1);
    assert_int_equal(meta.disk.bytes[6] >> 4, 4); /* RFC 9562: version 4, variant 10 */
    assert_int_equal(meta.disk.bytes[8] >> 6, 2);
    assert_true(home_has(home, "/data/lock"));
    assert_true(home_has(home, "/data/journal/00000001.jnl"));
    assert_int_equal(home->store.report.groups_count, 0);
    home_close(home);
    home_free(home);
}

static void log_start_raises_the_boot_epoch_and_keeps_the_name(void **state)
{
    (void)state;
    struct home *home = home_new(2);
    assert_int_equal(home_start(home, 1), ERR_OK);
    struct log_meta first = home_meta(home);
    home_close(home);
    for (uint64_t boot = 2; boot < 6; boot++) {
        assert_int_equal(home_start(home, (uint32_t)(boot % HOME_SHARDS) + 1), ERR_OK);
        struct log_meta meta = home_meta(home);
        assert_int_equal(meta.boot_epoch, boot);
        assert_true(log_uuid_is_equal(&meta.disk, &first.disk));
        if (boot % 2 == 0) {
            sim_node_crash(home->node, SIM_CRASH_SEEDED);
        } else {
            home_close(home);
        }
    }
    home_free(home);
}

static void log_start_finds_groups_at_any_number_of_shards(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(3);
    for (uint32_t count = 1; count <= HOME_SHARDS; count++) {
        assert_int_equal(home_start(home, count), ERR_OK);
        home_check_groups(home, 0);
        assert_int_equal(home->store.report.groups_count, HOME_GROUPS);
        assert_int_equal(home->store.report.unavailable_count, 0);
        home_close(home);
    }
    home_free(home);
}

static void log_start_reuses_journal_files(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(4);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(home_start(home, 2), ERR_OK);
        home_close(home);
    }
    assert_false(home_has(home, "/data/journal/00000020.jnl"));
    home_free(home);
}

/* --- Refused --- */

static void log_start_refuses_a_locked_directory(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(5);
    struct sim_handle *handle = NULL;
    assert_int_equal(sim_disk_open(home_disk(home), "/data/lock", RT_FILE_WRITE, &handle), ERR_OK);
    assert_int_equal(sim_disk_lock(handle, true), ERR_OK);
    struct log_meta before = home_meta(home);
    assert_int_equal(home_start(home, 3), ERR_BUSY);
    assert_string_equal(home->why, "/data/lock: another process has the directory");
    assert_int_equal(home_meta(home).boot_epoch, before.boot_epoch);
    sim_disk_close(handle);
    home_end(home);
    assert_int_equal(home_start(home, 3), ERR_OK);
    home_close(home);
    home_free(home);
}

static void log_start_refuses_a_newer_version(void **state)
{
    (void)state;
    static uint8_t data[LOG_META_BYTES];
    struct home *home = home_new_with_groups(6);
    (void)home_read(home, "/data/node.meta", data, sizeof(data));
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *block = data + i * LIMIT_BLOCK_BYTES;
        block[4] = 2;
        struct bytes_writer w = bytes_writer(block, 68);
        w.pos = 64;
        bytes_put_u32le(&w, crc32c(home_kernels(), 0, block, 64));
    }
    home_write(home, "/data/node.meta", data, sizeof(data));
    assert_int_equal(home_start(home, 1), ERR_UNSUPPORTED);
    assert_string_equal(home->why, "/data/node.meta: of a newer version of this program");
    home_end(home);
    home_free(home);
}

static void log_start_refuses_data_without_node_meta(void **state)
{
    (void)state;
    static const char *const removed[][3] = {
        {"/data/node.meta", NULL, NULL},
        {"/data/node.meta", "/data/groups.tab", "/data/groups.tab.old"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(removed); i++) {
        struct home *home = home_new_with_groups(7);
        for (size_t j = 0; j < 3 && removed[i][j] != NULL; j++) {
            (void)!sim_disk_unlink(home_disk(home), removed[i][j]);
        }
        assert_int_equal(home_start(home, 2), ERR_CORRUPT);
        assert_non_null(strstr(home->why, "there is data, but no node.meta"));
        assert_false(home_has(home, "/data/node.meta"));
        home_end(home);
        home_free(home);
    }
}

static void log_start_refuses_partitions_without_node_meta(void **state)
{
    (void)state;
    struct home *home = home_new(8);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/p"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/p/x"), ERR_OK);
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    home_end(home);
    home_free(home);
}

static void log_start_takes_an_empty_directory(void **state)
{
    (void)state;
    struct home *home = home_new(9);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/lost+found"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/journal"), ERR_OK);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/p"), ERR_OK);
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_close(home);
    home_free(home);
}

static void log_start_refuses_a_journal_that_is_not_there(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(10);
    assert_int_equal(sim_disk_rename(home_disk(home), "/data/journal", "/data/elsewhere"), ERR_OK);
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    assert_string_equal(home->why, "/data/journal: the directory of journal files is missing");
    home_end(home);
    assert_int_equal(sim_disk_mkdir(home_disk(home), "/data/journal"), ERR_OK); /* not mounted */
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    assert_string_equal(home->why, "/data/journal: the journal files are missing");
    home_end(home);
    home_free(home);
}

static void log_start_refuses_the_journal_of_another(void **state)
{
    (void)state;
    static uint8_t data[64 << 10];
    struct home *other = home_new_with_groups(11);
    struct home *home = home_new_with_groups(12);
    size_t length = home_read(other, "/data/journal/00000001.jnl", data, sizeof(data));
    home_write(home, "/data/journal/00000001.jnl", data, length);
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    assert_string_equal(home->why,
                        "/data/journal/00000001.jnl: a journal file of another directory");
    home_end(home);
    home_free(home);
    home_free(other);
}

static void log_start_reads_either_block_of_node_meta(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(13);
    struct log_meta before = home_meta(home);
    for (uint64_t block = 0; block < 2; block++) {
        home_rot_block(home, "/data/node.meta", block);
        assert_int_equal(home_start(home, 2), ERR_OK);
        home_check_groups(home, 0);
        assert_int_equal(home_meta(home).boot_epoch, before.boot_epoch + block + 1);
        home_close(home);
    }
    assert_int_equal(sim_disk_sector_error(home_disk(home), "/data/node.meta", 0), ERR_OK);
    assert_int_equal(home_start(home, 2), ERR_OK); /* unreadable is no worse than wrong */
    home_close(home);
    home_rot_block(home, "/data/node.meta", 0);
    home_rot_block(home, "/data/node.meta", 1);
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    assert_string_equal(home->why, "/data/node.meta: neither of its blocks is readable");
    home_end(home);
    home_free(home);
}

/* --- Tables --- */

static void log_start_names_the_group_of_a_lost_row_for_good(void **state)
{
    (void)state;
    static uint8_t data[64 << 10];
    struct home *home = home_new_with_groups(14);
    size_t length = home_read(home, "/data/groups.tab", data, sizeof(data));
    assert_true(length >= LOG_TABLE_HEADER_BYTES + HOME_GROUPS * LOG_TABLE_ROW_BYTES);
    uint64_t at = LOG_TABLE_HEADER_BYTES + 2 * LOG_TABLE_ROW_BYTES;
    struct bytes_reader r = bytes_reader(data + at, 8);
    uint64_t lost = bytes_get_u64le(&r);
    assert_int_equal(sim_disk_rot(home_disk(home), "/data/groups.tab", at + 60, 1), ERR_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(home_start(home, 1 + i % 3), ERR_OK);
        home_check_groups(home, lost);
        assert_int_equal(home->store.report.unavailable_count, 1);
        home_ask(home, home_shard_hard); /* the others go on: refused for the lost one */
        home_ask(home, home_shard_settle);
        home_close(home);
    }
    home_free(home);
}

static void log_start_recovers_the_number_of_a_table_without_a_header(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(15);
    for (uint32_t i = 0; i < 2; i++) { /* the first table there ever was, and a later one */
        home_rot_block(home, "/data/groups.tab", 0);
        assert_int_equal(home_start(home, 2), ERR_OK);
        home_check_groups(home, 0);
        home_ask(home, home_shard_hard);
        home_ask(home, home_shard_settle);
        home_close(home);
        assert_true(home_has(home, "/data/groups.tab.old"));
    }
    home_free(home);
}

static void log_start_finishes_the_change_of_tables(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(16);
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_ask(home, home_shard_hard);
    home_ask(home, home_shard_settle);
    home_close(home);
    struct sim_disk *disk = home_disk(home); /* as between the two renames */
    assert_int_equal(sim_disk_rename(disk, "/data/groups.tab", "/data/groups.tab.new"), ERR_OK);
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_check_groups(home, 0);
    assert_true(home_has(home, "/data/groups.tab"));
    assert_false(home_has(home, "/data/groups.tab.new"));
    home_close(home);
    assert_int_equal(sim_disk_unlink(disk, "/data/groups.tab"), ERR_OK); /* this is no crash's */
    assert_int_equal(home_start(home, 2), ERR_CORRUPT);
    assert_string_equal(home->why, "/data/groups.tab: no table of the groups is readable");
    home_end(home);
    home_free(home);
}

/* --- Crashes --- */

/* What would be found after each change. */
struct watch {
    struct sim_disk *images[HOME_IMAGES];
    uint32_t images_count;
    struct prng prng;
};

static void watch_take(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct watch *watch = ctx;
    (void)m;
    for (uint32_t i = 0; i < 4 && watch->images_count < HOME_IMAGES; i++) {
        watch->images[watch->images_count++] = sim_disk_crash_image(disk, &watch->prng);
    }
}

/* Start on each image, with `shards_count` shards, then once more with another number. */
static void watch_check(struct watch *watch, uint32_t shards_count, bool has_groups)
{
    assert_true(watch->images_count > 40);
    assert_true(watch->images_count < HOME_IMAGES);
    for (uint32_t i = 0; i < watch->images_count; i++) {
        struct home *home = home_new(1000 + i);
        sim_disk_free(sim_node_swap_disk(home->node, watch->images[i]));
        for (uint32_t round = 0; round < 2; round++) {
            if (home_start(home, 1 + (shards_count + i + round) % HOME_SHARDS) != ERR_OK) {
                fail_msg("image %u, round %u: %s", i, round, home->why);
            }
            uint64_t epoch = home->store.boot_epoch;
            assert_true(round == 0 || epoch >= 2);
            if (has_groups) {
                home_check_groups(home, 0);
            }
            if (round == 0) {
                sim_node_crash(home->node, SIM_CRASH_SEEDED);
            } else {
                home_close(home);
            }
        }
        home_free(home);
    }
}

static void log_start_survives_a_crash_at_each_change_of_a_first_start(void **state)
{
    (void)state;
    struct watch *watch = calloc(1, sizeof(*watch));
    assert_non_null(watch);
    prng_init(&watch->prng, 77);
    struct home *home = home_new(20);
    sim_disk_watch(home_disk(home), watch_take, watch);
    assert_int_equal(home_start(home, 3), ERR_OK);
    sim_disk_watch(home_disk(home), NULL, NULL);
    home_close(home);
    home_free(home);
    watch_check(watch, 1, false);
    free(watch);
}

static void log_start_survives_a_crash_at_each_change_of_a_later_start(void **state)
{
    (void)state;
    struct watch *watch = calloc(1, sizeof(*watch));
    assert_non_null(watch);
    prng_init(&watch->prng, 78);
    struct home *home = home_new_with_groups(21);
    sim_disk_watch(home_disk(home), watch_take, watch);
    assert_int_equal(home_start(home, 3), ERR_OK);
    home_ask(home, home_shard_hard);
    home_ask(home, home_shard_settle);
    sim_disk_watch(home_disk(home), NULL, NULL);
    home_close(home);
    home_free(home);
    watch_check(watch, 2, true);
    free(watch);
}

/* --- Errors --- */

/* The start ends with an error, or well; whichever, the next one is well and all memory came back.
 */
static void log_start_survives_any_failing_write(void **state)
{
    (void)state;
    static const enum sim_fault faults[] = {SIM_FAULT_WRITE_ERROR, SIM_FAULT_FLUSH_ERROR,
                                            SIM_FAULT_DISK_FULL};
    for (uint32_t i = 0; i < 3 * 24; i++) {
        struct home *home = i % 2 == 0 ? home_new(300 + i) : home_new_with_groups(300 + i);
        bool has_groups = i % 2 != 0;
        home_begin(home, 2);
        (void)sim_run_steps(home->sim, 1 + i / 3 * 2);
        sim_disk_plant(home_disk(home), faults[i % 3]);
        home_wait(home);
        if (home->err == ERR_OK) {
            home_ask(home, home_shard_close);
            assert_true(home->err == ERR_OK || home->err == ERR_FENCED);
        } else {
            assert_string_not_equal(home->why, "");
        }
        home_end(home);
        struct sim_disk *disk = sim_disk_clone(home_disk(home), 1);
        home_free(home);
        home = home_new(400 + i);
        sim_disk_free(sim_node_swap_disk(home->node, disk));
        if (home_start(home, 2) != ERR_OK) {
            fail_msg("case %u: %s", i, home->why);
        }
        if (has_groups) {
            home_check_groups(home, 0);
        }
        home_close(home);
        home_free(home);
    }
}

/* Where each group's log ends; all of it can be read. */
static void home_ends(struct home *home, uint64_t *out)
{
    for (uint64_t i = 0; i < HOME_GROUPS; i++) {
        struct log_status status;
        assert_true(home_status(home, home->first_id + i, &status));
        assert_true(status.is_available);
        assert_false(status.is_amnesiac);
        assert_int_equal(status.quarantine_count, 0);
        out[i] = status.end.index;
    }
}

static bool home_strikes_journal(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    (void)ctx, (void)fault, (void)pos;
    return strncmp(path, "/data/journal/", strlen("/data/journal/")) == 0;
}

/* A store with groups, whose journal's flushes may fail. */
static struct home *home_new_on_a_bad_disk(uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 64 << 20;
    options.disk.may_strike = home_strikes_journal;
    struct home *home = home_new_on(seed, &options);
    home->config.unsettled_bytes_max = 16 << 20;
    home->config.journal_first_bytes = 4 << 20;
    home->config.journal_file_bytes = 4 << 20;
    home->config.segment_bytes = 16 << 20;
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_ask(home, home_shard_create);
    return home;
}

/* A system that could not flush shows from its cache what it will not write any more, and a later
 * flush says that all is well. What a start believed of that is there after the power has gone. */
static void log_start_keeps_what_it_believed_after_a_flush_that_failed(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1000, 40000, 1200000}; /* the last ones go to segments */
    for (uint32_t row = 0; row < ARRAY_COUNT(sizes); row++) {
        uint32_t believed_count = 0;
        for (uint32_t i = 0; i < 3; i++) {
            uint64_t before[HOME_GROUPS], believed[HOME_GROUPS], after[HOME_GROUPS];
            struct home *home = home_new_on_a_bad_disk(700 + i);
            uint32_t *ppm = &sim_disk_options(home_disk(home))->faults_ppm[SIM_FAULT_FLUSH_ERROR];
            home->batch_bytes = sizes[row];
            home_ask(home, home_shard_append);
            home_ends(home, before);
            *ppm = 1000000;
            home_ask(home, home_shard_append);
            *ppm = 0;
            assert_true(atomic_load(&home->store.is_fenced));
            sim_node_crash(home->node, SIM_CRASH_KEEP);
            assert_int_equal(home_start(home, 1 + i % 2), ERR_OK);
            home_ends(home, believed);
            home_ask(home, home_shard_append);
            sim_node_crash(home->node, SIM_CRASH_LOSE);
            assert_int_equal(home_start(home, 2), ERR_OK);
            home_ends(home, after);
            for (uint32_t g = 0; g < HOME_GROUPS; g++) {
                assert_int_equal(after[g], believed[g] + 1);
                believed_count += believed[g] > before[g];
            }
            home_close(home);
            home_free(home);
        }
        assert_true(believed_count > 0);
    }
}

static void log_start_survives_any_want_of_memory(void **state)
{
    (void)state;
    struct home *home = home_new_with_groups(500);
    struct sim_disk *disk = sim_disk_clone(home_disk(home), 1);
    home_free(home);
    bool is_ok = false;
    uint32_t failures = 0;
    for (uint64_t memory = 4096; !is_ok; memory += memory / 16) {
        struct sim_options options = sim_options_calm();
        options.host.memory_bytes = memory;
        home = home_new_on(501, &options);
        sim_disk_free(sim_node_swap_disk(home->node, sim_disk_clone(disk, 2)));
        is_ok = home_start(home, 2) == ERR_OK;
        if (is_ok) {
            home_check_groups(home, 0);
            home_close(home);
        } else {
            assert_int_equal(home->err, ERR_BUDGET);
            failures++;
            home_end(home);
        }
        home_free(home);
    }
    assert_true(failures > 10);
    sim_disk_free(disk);
}

/* --- Parts --- */

static void log_start_fills_in_a_config_by_the_memory_there_is(void **state)
{
    (void)state;
    static const struct {
        uint64_t memory_bytes, unsettled, hot, file;
    } rows[] = {
        {4ull << 30, 128 << 20, 1 << 30, 32 << 20},
        {256 << 20, 32 << 20, 64 << 20, 8 << 20},
        {64 << 20, 8 << 20, 16 << 20, 4 << 20},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_config config = {.dir = "/data"};
        log_config_fill(&config, rows[i].memory_bytes);
        assert_int_equal(config.unsettled_bytes_max, rows[i].unsettled);
        assert_int_equal(config.hot_bytes_max, rows[i].hot);
        assert_int_equal(config.journal_file_bytes, rows[i].file);
        assert_int_equal(config.journal_first_bytes, 4 << 20);
        assert_int_equal(config.groups_max, LIMIT_PARTITIONS_COUNT);
    }
    struct log_config config = {
        .dir = "/data", .journal_first_bytes = 20001, .segment_bytes = UINT64_MAX};
    log_config_fill(&config, 1 << 30);
    assert_int_equal(config.journal_first_bytes, 20480);
    assert_true(config.segment_bytes + LIMIT_BATCH_BYTES < UINT32_MAX);
}

static void log_start_is_made_of_machines_that_make_sense(void **state)
{
    (void)state;
    static const struct sm_decl *const decls[] = {&log_start_decl, &log_shard_decl,
                                                  &log_fetch_decl, &log_keeper_decl,
                                                  &log_make_decl,  &log_space_decl};
    for (size_t i = 0; i < ARRAY_COUNT(decls); i++) {
        char why[200];
        if (sm_check_conf(decls[i], why, sizeof(why)) != ERR_OK) {
            fail_msg("%s: %s", decls[i]->name, why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_start_makes_a_directory),
        cmocka_unit_test(log_start_raises_the_boot_epoch_and_keeps_the_name),
        cmocka_unit_test(log_start_finds_groups_at_any_number_of_shards),
        cmocka_unit_test(log_start_reuses_journal_files),
        cmocka_unit_test(log_start_refuses_a_locked_directory),
        cmocka_unit_test(log_start_refuses_a_newer_version),
        cmocka_unit_test(log_start_refuses_data_without_node_meta),
        cmocka_unit_test(log_start_refuses_partitions_without_node_meta),
        cmocka_unit_test(log_start_takes_an_empty_directory),
        cmocka_unit_test(log_start_refuses_a_journal_that_is_not_there),
        cmocka_unit_test(log_start_refuses_the_journal_of_another),
        cmocka_unit_test(log_start_reads_either_block_of_node_meta),
        cmocka_unit_test(log_start_names_the_group_of_a_lost_row_for_good),
        cmocka_unit_test(log_start_recovers_the_number_of_a_table_without_a_header),
        cmocka_unit_test(log_start_finishes_the_change_of_tables),
        cmocka_unit_test(log_start_survives_a_crash_at_each_change_of_a_first_start),
        cmocka_unit_test(log_start_survives_a_crash_at_each_change_of_a_later_start),
        cmocka_unit_test(log_start_survives_any_failing_write),
        cmocka_unit_test(log_start_keeps_what_it_believed_after_a_flush_that_failed),
        cmocka_unit_test(log_start_survives_any_want_of_memory),
        cmocka_unit_test(log_start_fills_in_a_config_by_the_memory_there_is),
        cmocka_unit_test(log_start_is_made_of_machines_that_make_sense),
    };
    return cmocka_run_group_tests_name("log_start", tests, NULL, NULL);
}
