/* How a round makes durable what it has written: file by file, or all of the file system at once.
 * Counted are the disk's calls. */
#include <string.h>

#include "base/rt/clock.h"
#include "storage/log/round.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

/* No round begins because a shard idles. */
#define SYNC_NEVER_NS (1000 * RT_NS_PER_S)

/* Batches appended to one group at once: more than half of what may be unsettled. */
#define SYNC_BATCHES 10u

/* Calls while a round was under way. */
struct sync_calls {
    uint32_t all_count;  /* syncs of the whole file system */
    uint32_t file_count; /* flushes of segment files */
};

static void sync_watch(void *ctx, struct sim_disk *disk, const struct sim_mutation *m)
{
    struct sync_calls *calls = ctx;
    (void)disk;
    calls->all_count += m->kind == RT_OP_FILE_SYNC_ALL;
    calls->file_count += m->kind == RT_OP_FILE_FLUSH && strstr(m->path, "/p/") != NULL;
}

/* A batch for each group, settled by one round. */
static struct sync_calls sync_round(struct home *home)
{
    struct sync_calls calls = {0};
    home_ask(home, home_shard_append);
    sim_disk_watch(home_disk(home), sync_watch, &calls);
    home_ask(home, home_shard_settle);
    sim_disk_watch(home_disk(home), NULL, NULL);
    return calls;
}

/* One shard with HOME_GROUPS groups of which each batch fills blocks. */
static struct home *sync_home(uint64_t seed, uint32_t parts, uint64_t settle_ns)
{
    struct home *home = home_new(seed);
    home->config.settle_ns = settle_ns;
    home->config.seal_ns = 1000 * RT_NS_PER_S;  /* no frame is under way when a round is, */
    home->config.journal_first_bytes = 4 << 20; /* and no journal file is made */
    home->config.journal_file_bytes = 4 << 20;
    home->config.sync_all_parts = parts;
    home->config.files_max = 64; /* all groups in one sync */
    home->batch_bytes = 6000;
    assert_int_equal(home_start(home, 1), ERR_OK);
    home_ask(home, home_shard_create);
    return home;
}

/* After a power failure everything is there. */
static void sync_check(struct home *home, uint64_t entries_count)
{
    struct prng prng;
    prng_init(&prng, 1);
    home_close(home);
    sim_disk_crash(home_disk(home), SIM_CRASH_LOSE, &prng);
    assert_int_equal(home_start(home, 1), ERR_OK);
    for (uint64_t id = 1; id <= HOME_GROUPS; id++) {
        struct log_status status;
        assert_true(home_status(home, id, &status));
        assert_int_equal(status.end.index, entries_count);
        assert_int_equal(status.quarantine_count, 0);
    }
    home_close(home);
    home_free(home);
}

static void sync_takes_few_segments_file_by_file(void **state)
{
    (void)state;
    struct home *home = sync_home(1, HOME_GROUPS + 1, SYNC_NEVER_NS);
    for (uint32_t i = 0; i < 3; i++) {
        struct sync_calls calls = sync_round(home);
        assert_int_equal(calls.all_count, 0);
        assert_in_range(calls.file_count, HOME_GROUPS, 2 * HOME_GROUPS);
    }
    sync_check(home, 3);
}

/* The first round opens the file through which the others go. One flush is behind each sync. */
static void sync_takes_many_segments_at_once(void **state)
{
    (void)state;
    struct home *home = sync_home(2, HOME_GROUPS, SYNC_NEVER_NS);
    assert_int_equal(sync_round(home).all_count, 0);
    for (uint32_t i = 0; i < 3; i++) {
        struct sync_calls calls = sync_round(home);
        assert_int_equal(calls.all_count, 1);
        assert_int_equal(calls.file_count, 1);
    }
    sync_check(home, 4);
}

/* Whoever's error it is: each file's own flush says whether it is concerned. Later rounds do not
 * try again for a while. */
static void sync_of_all_that_fails_goes_file_by_file(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct home *home = sync_home(seed, HOME_GROUPS, SYNC_NEVER_NS);
        (void)sync_round(home);
        home_ask(home, home_shard_append);
        sim_run_for(home->sim, RT_NS_PER_S);
        sim_disk_plant(home_disk(home), SIM_FAULT_FLUSH_ERROR);
        struct sync_calls calls = {0};
        sim_disk_watch(home_disk(home), sync_watch, &calls);
        home_ask(home, home_shard_settle);
        sim_disk_watch(home_disk(home), NULL, NULL);
        assert_int_equal(calls.all_count, 1);
        assert_in_range(calls.file_count, HOME_GROUPS, 4 * HOME_GROUPS);
        calls = sync_round(home);
        assert_int_equal(calls.all_count, 0);
        assert_in_range(calls.file_count, HOME_GROUPS, 4 * HOME_GROUPS);
        sync_check(home, 3);
    }
}

/* It may take long where others write to the same file system. Then it rests for 64 rounds. */
static void sync_of_all_that_is_slow_rests(void **state)
{
    (void)state;
    struct home *home = sync_home(3, HOME_GROUPS, SYNC_NEVER_NS);
    (void)sync_round(home);
    struct sim_delay *flush = &sim_disk_options(home_disk(home))->flush;
    struct sim_delay before = *flush;
    *flush = (struct sim_delay){.min_ns = 200 * RT_NS_PER_MS, .mean_ns = 300 * RT_NS_PER_MS};
    assert_int_equal(sync_round(home).all_count, 1);
    *flush = before;
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(sync_round(home).all_count, 0);
    }
    assert_int_equal(sync_round(home).all_count, 1);
    sync_check(home, 67);
}

static void sync_op_done(struct log_op *op)
{
    struct home *home = op->ctx;
    assert_int_equal(op->err, ERR_OK);
    home->pending_count--;
}

/* The first group gets SYNC_BATCHES batches. */
static void sync_append_many(struct rt_shard *shard, void *ctx)
{
    static struct log_op ops[SYNC_BATCHES];
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    struct log *log = log_find(&hs->ls, home->first_id);
    for (uint32_t i = 0; i < SYNC_BATCHES; i++) {
        ops[i] = (struct log_op){.done = sync_op_done, .ctx = home};
        assert_int_equal(home_append(hs, log, &ops[i]), ERR_OK);
        home->pending_count++;
    }
    home->answers_count++;
}

/* All segments of the first group but the last go. */
static void sync_trim(struct rt_shard *shard, void *ctx)
{
    static struct log_op op;
    struct home *home = ctx;
    struct log *log = log_find(&home->shards[shard->id].ls, home->first_id);
    struct log_status status;
    log_status(log, &status);
    op = (struct log_op){.done = sync_op_done, .ctx = home};
    home->pending_count++;
    log_trim(log, &op, status.end.index);
    home->answers_count++;
}

static bool sync_is_cleaned(void *ctx)
{
    struct home *home = ctx;
    return log_clean_is_at(log_find(&home->shards[0].ls, home->first_id));
}

/* While files of a group are removed rounds leave it out. One more follows, long before the shard
 * idles again, and though there is no other group to settle. */
static void sync_round_follows_a_cleaning(void **state)
{
    (void)state;
    struct home *home = sync_home(4, HOME_GROUPS + 1, 20 * RT_NS_PER_S);
    for (uint32_t i = 0; i < 8; i++) { /* two segments */
        (void)sync_round(home);
    }
    home_ask(home, sync_trim);
    home_ask(home, home_shard_hard); /* a frame that makes the trim's known, and one more */
    home_ask(home, home_shard_hard);
    struct sim_delay slow = {.min_ns = 100 * RT_NS_PER_MS, .mean_ns = 100 * RT_NS_PER_MS};
    sim_disk_options(home_disk(home))->write = slow;
    uint64_t until_ns = sim_now_ns(home->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(home->sim, sync_is_cleaned, home, until_ns));
    struct log_status status;
    home_ask(home, sync_append_many);
    assert_true(sync_is_cleaned(home));
    assert_true(home_status(home, home->first_id, &status));
    assert_in_range(status.settled_index, 0, status.end.index - SYNC_BATCHES);
    sim_run_for(home->sim, 10 * RT_NS_PER_S);
    assert_true(home_status(home, home->first_id, &status));
    assert_in_range(status.settled_index, status.end.index - 2, status.end.index);
    home_close(home);
    home_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_takes_few_segments_file_by_file),
        cmocka_unit_test(sync_takes_many_segments_at_once),
        cmocka_unit_test(sync_of_all_that_fails_goes_file_by_file),
        cmocka_unit_test(sync_of_all_that_is_slow_rests),
        cmocka_unit_test(sync_round_follows_a_cleaning),
    };
    return cmocka_run_group_tests_name("log_sync", tests, NULL, NULL);
}
