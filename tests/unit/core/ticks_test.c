/* Ticks: what was committed is told on every shard, in order, each once, and comes to the same
 * after any restart. */
#include "broker/core/ticks.h"

#include <string.h>

#include "base/prng.h"
#include "base/rt/shard.h"
#include "broker/core/change.h"
#include "broker/core/view.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/ticks_world.h"

static void world_end(struct world *w)
{
    yard_close(w->y);
    world_free(w);
}

static uint64_t ticks_written(struct world *w)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < w->y->shards_count; i++) {
        count += metric_counter_value(&w->y->shards[i].ticks.ticks_count);
    }
    return count;
}

static void appends_become_ticks_on_every_shard(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 4};
    for (uint32_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct world *w = world_new(counts[i]);
        world_start(w, counts[i]);
        world_view(w, 0, CORE_TICKS_EARLIEST, 0);
        world_settle(w);
        for (uint32_t k = 0; k < 30; k++) {
            yard_append(w->y, k % WORLD_PARTITIONS, 1 + k % 5, 1000);
        }
        world_settle(w);
        assert_true(ticks_written(w) > 5);
        world_end(w);
    }
}

static void a_topic_that_nobody_follows_makes_no_tick(void **state)
{
    (void)state;
    struct world *w = world_new(2);
    world_start(w, 2);
    yard_append(w->y, 0, 10, 1000);
    yard_run(w->y, 100);
    assert_null(world_home(w));
    assert_null(
        core_catalog_find(w->y->shards[0].catalog, CORE_TOPIC_TICKS, sizeof(CORE_TOPIC_TICKS) - 1));
    assert_int_equal(core_ticks_home(&w->y->shards[1]), UINT32_MAX);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    world_settle(w);
    uint64_t written = ticks_written(w);
    world_drop(w, 0); /* nobody does any more */
    yard_append(w->y, 0, 10, 1000);
    yard_run(w->y, 100);
    assert_int_equal(ticks_written(w), written);
    world_end(w);
}

static void where_nothing_moves_nothing_is_written(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    yard_append(w->y, 0, 10, 1000);
    world_settle(w);
    uint64_t written = ticks_written(w);
    uint64_t end = world_home(w)->part->group.end_index;
    yard_run(w->y, 5000);
    assert_int_equal(ticks_written(w), written);
    assert_int_equal(world_home(w)->part->group.end_index, end);
    world_end(w);
}

/* Run until there are so many ticks; the time of the last. */
static uint64_t until_written(struct world *w, uint64_t count)
{
    while (ticks_written(w) < count) {
        assert_true(sim_run_steps(w->y->sim, 1));
    }
    return sim_now_ns(w->y->sim);
}

static void after_a_rest_two_ticks_close_at_once_and_the_next_ones_wait(void **state)
{
    (void)state;
    struct world *w = world_new(4);
    world_start(w, 1);
    world_view(w, 0, CORE_TICKS_LATEST, 0);
    world_settle(w);
    yard_run(w->y, 100);
    uint64_t before = ticks_written(w);
    uint64_t began_ns = sim_now_ns(w->y->sim);
    uint64_t closed_ns[6];
    for (uint32_t i = 0; i < ARRAY_COUNT(closed_ns); i++) {
        yard_append_start(w->y, i % WORLD_PARTITIONS, 1, 1000);
        closed_ns[i] = until_written(w, before + i + 1);
    }
    assert_true(closed_ns[0] - began_ns < RT_NS_PER_MS / 2);
    assert_true(closed_ns[1] - closed_ns[0] < RT_NS_PER_MS / 2);
    for (uint32_t i = 2; i < ARRAY_COUNT(closed_ns); i++) {
        assert_true(closed_ns[i] - closed_ns[0] >= (i - 1) * RT_NS_PER_MS / 4);
        assert_true(closed_ns[i] - closed_ns[0] < i * RT_NS_PER_MS / 4 + RT_NS_PER_MS / 2);
    }
    world_settle(w);
    world_end(w);
}

/* Four records an interval, but not quite: what a tick was late by is not what each behind it waits
 * for. */
static void events_that_come_once_in_an_interval_do_not_wait_for_it(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    struct prng prng;
    prng_init(&prng, 5);
    world_start(w, 1);
    world_view(w, 0, CORE_TICKS_LATEST, 0);
    world_settle(w);
    yard_run(w->y, 100);
    uint64_t waited_ns = 0;
    uint64_t began_ns = sim_now_ns(w->y->sim);
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t at_ns = began_ns + i * RT_NS_PER_MS + prng_below(&prng, RT_NS_PER_MS / 4);
        sim_run_until(w->y->sim, at_ns);
        uint64_t before = ticks_written(w);
        yard_append_start(w->y, i % WORLD_PARTITIONS, 4, 1000);
        waited_ns += until_written(w, before + 1) - at_ns;
    }
    assert_true(waited_ns / 200 < RT_NS_PER_MS / 4);
    world_settle(w);
    world_end(w);
}

/* The high watermark of quorum-memory runs ahead of what is committed. */
static void a_tick_says_nothing_that_is_not_committed(void **state)
{
    (void)state;
    struct world *w = world_new(14);
    w->y->config.topics.durability = CORE_DURABILITY_QUORUM_MEMORY;
    world_start(w, 1);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    yard_append(w->y, 0, 3, 1000);
    world_settle(w);
    struct core_partition *part = yard_partition(w->y, 0);
    const struct core_ticks_home *home = world_home(w);
    uint32_t ahead_count = 0;
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t end = part->hw_offset;
        yard_append(w->y, 0, 4, 1000);
        while (raft_group_indexes(&part->group)->committed < part->hw_index) {
            ahead_count++;
            assert_int_equal(core_timeline_find(&home->timeline, &part->topic, 0)->told, end);
            assert_true(sim_run_steps(w->y->sim, 1));
        }
        world_settle(w);
        assert_int_equal(w->ears[0].fold.ends[0], end + 4);
    }
    assert_true(ahead_count > 5);
    world_end(w);
}

/* --- Starts --- */

static void views_begin_where_they_are_told_to(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 4; shards++) {
        struct world *w = world_new(shards);
        world_start(w, shards);
        yard_append(w->y, 0, 10, 1000);
        yard_append(w->y, 0, 5, 2000);
        yard_append(w->y, 1, 7, 3000);
        yard_trim(w->y, 0, 4);
        world_view(w, 0, CORE_TICKS_EARLIEST, 0);
        world_view(w, 1, CORE_TICKS_LATEST, 0);
        world_view(w, 2, CORE_TICKS_TIMESTAMP, 2000);
        world_view(w, 3, CORE_TICKS_TIMESTAMP, 9000);
        world_settle(w);
        static const uint64_t wanted[4][WORLD_PARTITIONS] = {
            {4, 0, 0}, {15, 7, 0}, {10, 0, 0}, {15, 7, 0}};
        for (uint32_t v = 0; v < 4; v++) {
            const struct world_fold *fold = &w->ears[shards - 1].fold;
            for (uint32_t p = 0; p < WORLD_PARTITIONS; p++) {
                assert_int_equal(fold->origins[v][p], wanted[v][p]);
            }
        }
        world_end(w);
    }
}

static void the_start_of_a_dropped_view_is_forgotten(void **state)
{
    (void)state;
    struct world *w = world_new(5);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    world_view(w, 1, CORE_TICKS_EARLIEST, 0);
    world_settle(w);
    assert_int_equal(world_home(w)->timeline.starts_count, 2);
    world_drop(w, 1);
    assert_int_equal(world_home(w)->timeline.starts_count, 1);
    yard_append(w->y, 0, 1, 1000);
    world_settle(w);
    yard_close(w->y);
    world_start(w, 3);
    world_settle(w);
    assert_int_equal(w->ears[0].strangers_count, 0);
    assert_true(w->ears[0].fold.has_start[0]);
    world_end(w);
}

static void a_view_dropped_while_its_origins_are_found_costs_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(6);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    world_settle(w);
    for (uint32_t i = 0; i < 20; i++) {
        yard_append(w->y, 0, 1, 1000);
        world_view(w, 1, CORE_TICKS_TIMESTAMP, 500);
        sim_run_for(w->y->sim, i * 20 * RT_NS_PER_US);
        world_drop(w, 1);
    }
    world_settle(w);
    for (uint32_t i = 0; i < 2; i++) { /* a start that was under way is not told of any more */
        w->ears[i].fold.has_start[1] = false;
    }
    assert_int_equal(world_home(w)->timeline.starts_count, 1);
    world_end(w);
}

/* --- Views of the catalog --- */

/* A change of the catalog's views, in the making. */
struct ticks_change {
    struct core_shard *cs;
    struct core_stream source;
    struct core_view view;
    struct core_change change;
    struct core_change_item item;
    bool is_done;
};

static void ticks_changed(struct core_change *change)
{
    struct ticks_change *made = change->ctx;
    assert_int_equal(made->item.code, CORE_OK);
    made->is_done = true;
}

static void ticks_change_call(struct rt_shard *shard, void *ctx)
{
    struct ticks_change *made = ctx;
    (void)shard;
    core_change_start(made->cs, &made->change);
}

static bool ticks_is_changed(void *ctx)
{
    return ((struct ticks_change *)ctx)->is_done;
}

static void ticks_change(struct world *w, struct ticks_change *made)
{
    made->cs = &w->y->shards[0];
    made->change = (struct core_change){
        .done = ticks_changed, .ctx = made, .items = &made->item, .items_count = 1};
    world_post(w, 0, ticks_change_call, made);
    assert_true(sim_run_until_true(w->y->sim, ticks_is_changed, made,
                                   sim_now_ns(w->y->sim) + 100 * RT_NS_PER_S));
}

static void ticks_create_view(struct world *w)
{
    static const struct core_stream_column used = {
        .name = "id", .type = {.kind = VEC_BIGINT}, .from = CORE_STREAM_PATH, .source = "$.id"};
    static const struct plan_column shown = {
        .name = "id", .type = {.kind = VEC_BIGINT}, .role = PLAN_ROLE_VALUE};
    struct log_uuid topic = yard_topic(w->y)->uuid;
    struct ticks_change made = {.source = {.uuid = topic,
                                           .topic = topic,
                                           .name = "yard",
                                           .version = 1,
                                           .key = CORE_STREAM_KEY_TEXT,
                                           .columns = &used,
                                           .columns_count = 1}};
    made.view = (struct core_view){.name = "v",
                                   .origin = CORE_VIEW_EARLIEST,
                                   .sql = "SELECT",
                                   .sql_bytes = 6,
                                   .plan = "{}",
                                   .plan_bytes = 2,
                                   .source = &made.source,
                                   .columns = &shown,
                                   .columns_count = 1};
    made.item = (struct core_change_item){.kind = CORE_CHANGE_VIEW_CREATE, .view = &made.view};
    ticks_change(w, &made);
}

static void views_of_the_catalog_are_followed_by_themselves(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct world *w = world_new(shards);
        world_start(w, shards);
        yard_append(w->y, 0, 3, 1000);
        ticks_create_view(w);
        yard_run(w->y, 100);
        world_settle(w);
        assert_int_equal(w->ears[shards - 1].strangers_count, 1);
        yard_append(w->y, 1, 3, 1000);
        world_settle(w);
        yard_crash(w->y, SIM_CRASH_LOSE);
        world_start(w, 4 - shards);
        world_settle(w);
        assert_int_equal(w->ears[0].strangers_count, 1);
        assert_int_equal(w->ears[0].heard_count, 1);
        yard_append(w->y, 1, 3, 1000);
        world_settle(w);
        struct ticks_change drop = {
            .item = {.kind = CORE_CHANGE_VIEW_DROP, .name = "v", .name_bytes = 1}};
        ticks_change(w, &drop);
        uint64_t written = ticks_written(w);
        yard_append(w->y, 1, 3, 1000);
        yard_run(w->y, 100);
        assert_int_equal(ticks_written(w), written);
        assert_int_equal(world_home(w)->timeline.starts_count, 0);
        world_end(w);
    }
}

/* --- Starts of a server --- */

static void a_restart_tells_the_newest_tick_again(void **state)
{
    (void)state;
    struct world *w = world_new(7);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_LATEST, 0);
    yard_append(w->y, 0, 3, 1000);
    yard_append(w->y, 2, 4, 1000);
    world_settle(w);
    struct world_fold before = w->ears[1].fold;
    for (uint32_t shards = 1; shards <= 4; shards++) {
        yard_close(w->y);
        world_start(w, shards);
        world_settle(w);
        for (uint32_t i = 0; i < shards; i++) {
            struct world_fold after = w->ears[i].fold;
            assert_int_equal(w->ears[i].heard_count, 1);
            assert_int_equal(after.number, before.number);
            assert_int_equal(after.epoch, before.epoch);
            assert_int_equal(after.wall_ms, before.wall_ms);
            assert_memory_equal(after.ends, before.ends, sizeof(after.ends));
            assert_memory_equal(after.origins, before.origins, sizeof(after.origins));
        }
    }
    world_end(w);
}

static void the_log_is_trimmed_behind_whole_ticks(void **state)
{
    (void)state;
    struct world *w = world_new(8);
    w->y->config.ticks_whole_count = 10;
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    for (uint32_t i = 0; i < 45; i++) {
        yard_append(w->y, i % 3, 1, 1000);
        world_settle(w);
    }
    yard_run(w->y, 10);
    const struct core_ticks_home *home = world_home(w);
    struct log_status status = core_partition_status(home->part);
    assert_true(home->timeline.number >= 45);
    assert_int_equal(status.start.index, home->whole_before);
    assert_true(status.end.offset - status.start.offset <= 22);
    struct world_fold before = w->ears[0].fold;
    yard_close(w->y);
    world_start(w, 3);
    world_settle(w);
    assert_int_equal(w->ears[2].fold.number, before.number);
    assert_memory_equal(w->ears[2].fold.ends, before.ends, sizeof(before.ends));
    world_end(w);
}

static void ticks_spoil_failed(struct raft_proposal *proposal)
{
    fail_msg("%s", err_name(proposal->err));
}

/* A record that is no tick, and one that is a tick of somewhere else, in the tick log. */
static void ticks_spoil(struct world *w, bool is_tick)
{
    struct core_ticks_home *home = world_home(w);
    struct core_shard *cs = home->cs;
    uint8_t value[CORE_TICK_HEAD_BYTES];
    uint8_t batch[256];
    struct core_tick tick = {.epoch = home->timeline.epoch,
                             .number = home->timeline.number + (is_tick ? 5 : 1),
                             .wall_ms = home->timeline.wall_ms};
    struct bytes_writer w1 = bytes_writer(value, sizeof(value));
    core_tick_put(&w1, &tick);
    struct bytes_writer w2 = bytes_writer(batch, sizeof(batch));
    core_tick_put_batch(&w2, w->y->kernels, value, is_tick ? sizeof(value) : 5, 1000);
    struct buf *buf;
    struct raft_group *group = &home->part->group;
    static struct raft_proposal proposal;
    assert_int_equal(buf_new(&cs->bufs, &cs->budget, w2.pos, &buf), ERR_OK);
    uint8_t *data = buf_append(buf, (uint32_t)w2.pos);
    memcpy(data, batch, w2.pos);
    log_batch_patch(data, raft_group_next_offset(group), raft_group_next_term(group));
    buf_seal(buf, (uint32_t)w2.pos);
    proposal = (struct raft_proposal){.failed = ticks_spoil_failed};
    assert_int_equal(raft_group_propose(group, &proposal, buf_slice(buf, 0, (uint32_t)w2.pos)),
                     ERR_OK);
    buf_unref(buf);
}

static struct world *ticks_spoiler; /* whose */

static void ticks_spoil_call(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    ticks_spoil(ticks_spoiler, *(const bool *)ctx);
}

static void a_tick_log_that_contradicts_itself_stops_ticks_and_nothing_else(void **state)
{
    (void)state;
    for (uint32_t is_tick = 0; is_tick < 2; is_tick++) {
        struct world *w = world_new(9);
        world_start(w, 2);
        world_view(w, 0, CORE_TICKS_EARLIEST, 0);
        yard_append(w->y, 0, 3, 1000);
        world_settle(w);
        bool what = is_tick == 1;
        ticks_spoiler = w;
        world_post(w, world_home(w)->cs->shard->id, ticks_spoil_call, &what);
        yard_run(w->y, 100);
        yard_close(w->y);
        world_start(w, 3);
        yard_run(w->y, 100);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(w->ears[i].code, CORE_CORRUPT_MESSAGE);
            assert_string_equal(core_ticks_why(&w->y->shards[i]), w->ears[i].why);
            assert_non_null(strstr(w->ears[i].why, "the tick log contradicts itself behind tick "));
            assert_non_null(
                strstr(w->ears[i].why, what ? "number does not follow" : "an entry is no tick"));
            assert_int_equal(w->ears[i].heard_count, 0);
        }
        assert_int_equal(yard_append(w->y, 0, 3, 1000), 3); /* producers go on */
        yard_run(w->y, 100);
        assert_int_equal(ticks_written(w), 0);
        world_end(w);
    }
}

/* --- Slow listeners, full disks --- */

static void news_that_are_kept_bound_how_many_there_are(void **state)
{
    (void)state;
    struct world *w = world_new(10);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    world_settle(w);
    struct core_ticks_home *home = world_home(w);
    w->ears[1].is_keeping = true;
    for (uint32_t i = 0; i < CORE_TICKS_NEWS_MAX * 3; i++) {
        yard_append(w->y, 0, 1, 1000);
        yard_run(w->y, home->interval_ns / RT_NS_PER_MS + 1);
    }
    assert_int_equal(home->out_count, CORE_TICKS_NEWS_MAX);
    assert_int_equal(home->interval_ns, 10 * RT_NS_PER_MS);
    assert_true(w->ears[0].fold.ends[0] < CORE_TICKS_NEWS_MAX * 3);
    w->ears[1].is_keeping = false;
    world_give(w, 1);
    world_settle(w); /* it goes on, with the newest end alone */
    assert_int_equal(w->ears[0].fold.ends[0], CORE_TICKS_NEWS_MAX * 3);
    for (uint32_t i = 0; i < 20; i++) {
        yard_append(w->y, 0, 1, 1000);
        yard_run(w->y, 12);
    }
    assert_int_equal(home->interval_ns, RT_NS_PER_MS / 4);
    yard_append(w->y, 0, 3, 1000);
    yard_run(w->y, 12);
    assert_int_equal(home->interval_ns, RT_NS_PER_MS / 4);
    yard_append(w->y, 0, 4, 1000); /* more of them would cost much and bring little */
    yard_run(w->y, 12);
    assert_int_equal(home->interval_ns, RT_NS_PER_MS);
    world_end(w);
}

static void a_full_disk_makes_ticks_wait(void **state)
{
    (void)state;
    struct world *w = world_new(11);
    world_start(w, 2);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    yard_append(w->y, 0, 5, 1000);
    world_settle(w);
    struct core_ticks_home *home = world_home(w);
    struct sim_disk_options *options = sim_disk_options(sim_node_disk(w->y->node));
    uint64_t capacity = options->capacity_bytes;
    uint64_t written = ticks_written(w);
    options->capacity_bytes = sim_disk_stats(sim_node_disk(w->y->node))->used_bytes;
    for (uint32_t i = 0; i < 300 && home->part != NULL; i++) { /* until it is noticed */
        yard_append_start(w->y, 0, 1, 1000);
        yard_wait(w->y);
        yard_run(w->y, 10);
        if (w->y->append.code == CORE_DISK_FULL) {
            break;
        }
    }
    assert_int_equal(w->y->append.code, CORE_DISK_FULL);
    world_view(w, 1, CORE_TICKS_LATEST, 0); /* a tick is due */
    yard_run(w->y, 500);
    assert_false(w->ears[0].fold.has_start[1]);
    assert_int_equal(w->ears[0].code, CORE_OK);
    assert_true(ticks_written(w) >= written);
    options->capacity_bytes = capacity;
    yard_run(w->y, 5000);
    yard_append(w->y, 0, 1, 1000);
    world_settle(w);
    assert_true(w->ears[1].fold.has_start[1]);
    world_end(w);
}

/* --- Which tick covers what --- */

static void ticks_want(struct world *w, uint32_t partition, uint64_t offset)
{
    w->wants[0] = (struct core_ticks_want){
        .topic = yard_topic(w->y)->uuid, .partition = partition, .offset = offset};
}

static void the_first_tick_that_covers_a_record_is_told(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        struct world *w = world_new(12);
        uint64_t ticks[20];
        world_start(w, shards);
        ticks_want(w, 0, 0);
        assert_int_equal(world_cover(w, 1, 100).code, CORE_NOT_FOLLOWED);
        assert_int_equal(world_cover(w, 0, 100).code, CORE_OK);
        assert_int_equal(w->cover.position.tick, 0);
        world_view(w, 0, CORE_TICKS_EARLIEST, 0);
        world_settle(w);
        for (uint32_t i = 0; i < 20; i++) {
            yard_append(w->y, i % 2, 1, 1000);
            ticks_want(w, i % 2, i / 2);
            assert_int_equal(world_cover(w, 1, 100).code, CORE_OK);
            ticks[i] = w->cover.position.tick;
            assert_int_equal(w->cover.position.epoch, w->ears[0].fold.epoch);
            assert_true(ticks[i] <= w->ears[0].fold.number || shards > 1);
            assert_true(i == 0 || ticks[i] >= ticks[i - 1]);
        }
        world_settle(w);
        for (uint32_t i = 0; i < 20; i++) { /* later, the same */
            ticks_want(w, i % 2, i / 2);
            assert_int_equal(world_cover(w, 1, 100).code, CORE_OK);
            assert_int_equal(w->cover.position.tick, ticks[i]);
        }
        assert_int_equal(world_cover(w, 0, 100).position.tick, w->ears[0].fold.number);
        ticks_want(w, 9, 0);
        assert_int_equal(world_cover(w, 1, 100).code, CORE_UNKNOWN_TOPIC);
        ticks_want(w, 0, 10);
        assert_int_equal(world_cover(w, 1, 100).code, CORE_TIMEOUT);
        world_cover_start(w, 1, 10000);
        yard_run(w->y, 50);
        assert_false(w->is_covered);
        yard_append(w->y, 0, 1, 1000);
        yard_run(w->y, 50);
        assert_true(w->is_covered);
        assert_int_equal(w->cover.code, CORE_OK);
        assert_int_equal(w->cover.position.tick, w->ears[0].fold.number);
        world_end(w);
    }
}

static void ticks_cancel_call(struct rt_shard *shard, void *ctx)
{
    struct world *w = ctx;
    core_ticks_cover_cancel(&w->y->shards[shard->id], &w->cover);
}

static void a_question_that_waits_can_be_ended(void **state)
{
    (void)state;
    struct world *w = world_new(13);
    world_start(w, 3);
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    world_settle(w);
    ticks_want(w, 0, 10);
    world_cover_start(w, 1, 1000000);
    yard_run(w->y, 10);
    world_post(w, 0, ticks_cancel_call, w);
    yard_run(w->y, 10);
    assert_true(w->is_covered);
    assert_int_equal(w->cover.code, CORE_CLOSING);
    world_end(w);
}

/* --- Lives --- */

/* Appends, views that come and go, crashes at any instant, other core counts. */
static void ticks_life(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct world *w = world_new(seed);
    w->y->config.ticks_whole_count = 1 + (uint32_t)prng_below(&prng, 20);
    w->y->config.topics.durability = (enum core_durability)prng_below(&prng, 3);
    world_start(w, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    world_view(w, 0, CORE_TICKS_EARLIEST, 0);
    for (uint32_t k = 0; k < 60; k++) {
        uint64_t what = prng_below(&prng, 20);
        uint32_t view = 1 + (uint32_t)prng_below(&prng, WORLD_VIEWS - 1);
        if (what < 12) {
            yard_append_start(w->y, (uint32_t)prng_below(&prng, WORLD_PARTITIONS),
                              1 + (uint32_t)prng_below(&prng, 9), 1000);
            sim_run_for(w->y->sim, prng_below(&prng, RT_NS_PER_MS));
            if (prng_below(&prng, 4) != 0) {
                yard_wait(w->y);
            }
        } else if (what < 14 && !w->has_view[view]) {
            world_view(w, view, (enum core_ticks_origin)prng_below(&prng, 3), 1000);
        } else if (what < 15 && w->has_view[view]) {
            world_drop(w, view);
        } else if (what < 18) {
            yard_wait(w->y);
            world_settle(w);
        } else {
            uint64_t told = 0; /* a tick that was told is never told otherwise */
            for (uint32_t i = 0; i < w->y->shards_count; i++) {
                told = w->ears[i].fold.number > told ? w->ears[i].fold.number : told;
            }
            if (prng_below(&prng, 3) == 0) {
                yard_wait(w->y);
                yard_close(w->y);
            } else {
                yard_crash(w->y, prng_below(&prng, 2) == 0 ? SIM_CRASH_LOSE : SIM_CRASH_SEEDED);
            }
            world_start(w, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
            world_settle(w);
            assert_true(w->ears[0].fold.number >= told);
        }
        if (w->y->pending_count > 0) {
            yard_wait(w->y);
        }
    }
    yard_wait(w->y);
    world_settle(w);
    world_end(w);
}

static void lives_tell_the_same_ticks(void **state)
{
    (void)state;
    struct share share = share_open("lives of timelines", 60);
    while (share_more(&share)) {
        ticks_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_become_ticks_on_every_shard),
        cmocka_unit_test(a_topic_that_nobody_follows_makes_no_tick),
        cmocka_unit_test(where_nothing_moves_nothing_is_written),
        cmocka_unit_test(after_a_rest_two_ticks_close_at_once_and_the_next_ones_wait),
        cmocka_unit_test(events_that_come_once_in_an_interval_do_not_wait_for_it),
        cmocka_unit_test(a_tick_says_nothing_that_is_not_committed),
        cmocka_unit_test(views_begin_where_they_are_told_to),
        cmocka_unit_test(the_start_of_a_dropped_view_is_forgotten),
        cmocka_unit_test(a_view_dropped_while_its_origins_are_found_costs_nothing),
        cmocka_unit_test(views_of_the_catalog_are_followed_by_themselves),
        cmocka_unit_test(a_restart_tells_the_newest_tick_again),
        cmocka_unit_test(the_log_is_trimmed_behind_whole_ticks),
        cmocka_unit_test(a_tick_log_that_contradicts_itself_stops_ticks_and_nothing_else),
        cmocka_unit_test(news_that_are_kept_bound_how_many_there_are),
        cmocka_unit_test(a_full_disk_makes_ticks_wait),
        cmocka_unit_test(the_first_tick_that_covers_a_record_is_told),
        cmocka_unit_test(a_question_that_waits_can_be_ended),
        cmocka_unit_test(lives_tell_the_same_ticks),
    };
    return cmocka_run_group_tests_name("core_ticks", tests, NULL, NULL);
}
