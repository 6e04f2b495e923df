/* Entries in memory: what they cost, and in which order they leave when memory is short. */
#include "storage/log/tail.h"

#include "storage/log/shard.h"
#include "tests/support/cmocka.h"
#include "tests/unit/storage/home.h"

#define HOT_MAX 4096u

/* Less than what keeps account of an entry in memory takes: its place in the log and in the
 * sidecar, its buffer, and the loan by which it came. */
#define HOT_ACCOUNTS_BYTES_MIN 200u

/* Entries in memory, oldest first. */
struct hot {
    const struct log_slot *slots[HOT_MAX];
    uint32_t count;
};

static struct hot hot_look(struct home *home)
{
    struct hot hot = {.count = 0};
    list_for_each (node, &home->shards[0].ls.hot) {
        assert_true(hot.count < HOT_MAX);
        hot.slots[hot.count++] = CONTAINER_OF(node, struct log_slot, in_hot);
    }
    return hot;
}

/* HOME_GROUPS groups on one shard, each with `rounds` entries of `batch_bytes` that are durable. */
static struct home *hot_home(uint32_t batch_bytes, uint32_t rounds)
{
    struct home *home = home_new(1);
    home->batch_bytes = batch_bytes;
    assert_int_equal(home_start(home, 1), ERR_OK);
    home_ask(home, home_shard_create);
    for (uint32_t i = 0; i < rounds; i++) {
        home_ask(home, home_shard_append);
    }
    assert_int_equal(home->refused_count, 0);
    return home;
}

static void hot_end(struct home *home)
{
    home_close(home);
    home_free(home);
}

static void small_entries_leave_memory_by_what_their_accounts_take(void **state)
{
    (void)state;
    struct home *home = hot_home(70, 160);
    struct log_shard *ls = &home->shards[0].ls;
    struct hot hot = hot_look(home);
    assert_true(hot.count > 0);
    assert_true(ls->hot_bytes <= ls->hot_bytes_max);
    assert_true(hot.count * (70 + HOT_ACCOUNTS_BYTES_MIN) <= ls->hot_bytes_max);
    hot_end(home);
}

static void hot_cool_some(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    log_shard_cool(&home->shards[shard->id].ls, 10000);
    home->answers_count++;
}

static void hot_cool_all(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    log_shard_cool(&home->shards[shard->id].ls, UINT64_MAX);
    home->answers_count++;
}

/* Once when they have just been handed over, and are in memory only. */
static void hot_append_and_cool_all(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    home_shard_append(shard, ctx);
    log_shard_cool(&home->shards[shard->id].ls, UINT64_MAX);
    assert_int_equal(hot_look(home).count, HOME_GROUPS);
}

/* 30 entries of 1000 bytes: with their accounts eight or nine of them are 10,000. */
static void the_oldest_leave_when_memory_is_short(void **state)
{
    (void)state;
    struct home *home = hot_home(1000, 5);
    struct log_shard *ls = &home->shards[0].ls;
    struct hot before = hot_look(home);
    assert_int_equal(before.count, 5 * HOME_GROUPS);
    uint64_t bytes_before = ls->hot_bytes;
    home_ask(home, hot_cool_some);
    struct hot after = hot_look(home);
    uint32_t gone_count = before.count - after.count;
    assert_in_range(gone_count, 5, 9);
    assert_in_range(bytes_before - ls->hot_bytes, 10000, 12000);
    for (uint32_t i = 0; i < after.count; i++) {
        assert_ptr_equal(after.slots[i], before.slots[gone_count + i]);
    }
    home_ask(home, hot_cool_all);
    assert_int_equal(hot_look(home).count, 0);
    assert_int_equal(ls->hot_bytes, 0);
    hot_end(home);
}

static void what_is_in_memory_only_stays_there(void **state)
{
    (void)state;
    struct home *home = hot_home(1000, 5);
    home_ask(home, hot_append_and_cool_all);
    assert_int_equal(hot_look(home).count, HOME_GROUPS);
    home_ask(home, hot_cool_all); /* they are durable by now */
    assert_int_equal(hot_look(home).count, 0);
    home_close(home);
    assert_int_equal(home_start(home, 2), ERR_OK);
    for (uint64_t id = 1; id <= HOME_GROUPS; id++) {
        struct log_status status;
        assert_true(home_status(home, id, &status));
        assert_int_equal(status.end.index, 6);
    }
    hot_end(home);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_entries_leave_memory_by_what_their_accounts_take),
        cmocka_unit_test(the_oldest_leave_when_memory_is_short),
        cmocka_unit_test(what_is_in_memory_only_stays_there),
    };
    return cmocka_run_group_tests_name("log_hot", tests, NULL, NULL);
}
