/* See ticks_world.h. */
#include "tests/unit/core/ticks_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rt/shard.h"
#include "tests/support/cmocka.h"

/* No view's uuid is used again. */
static struct log_uuid world_view_uuid(struct world *w, uint32_t view)
{
    uint32_t life = ++w->lives_count;
    return (struct log_uuid){
        .bytes = {0xee, (uint8_t)(view + 1), (uint8_t)(life >> 8), (uint8_t)life}};
}

static uint64_t world_hash(const struct core_tick *tick)
{
    uint64_t numbers[4] = {tick->number, tick->epoch, (uint64_t)tick->wall_ms, tick->is_whole};
    uint64_t hash = hash64(numbers, sizeof(numbers), 1);
    hash = hash64(tick->moved, (size_t)tick->moved_count * CORE_TICK_MOVED_BYTES, hash);
    return hash64(tick->starts, tick->starts_bytes, hash) | 1;
}

/* --- Listening --- */

static void world_hear_moved(struct world_ear *ear, const struct core_tick *tick)
{
    struct world_fold *fold = &ear->fold;
    const struct core_topic *topic = core_catalog_find(ear->cs->catalog, "yard", 4);
    for (uint32_t i = 0; i < tick->moved_count; i++) {
        struct core_tick_moved moved = core_tick_moved(tick, i);
        assert_true(log_uuid_is_equal(&moved.topic, &topic->uuid)); /* nothing else is followed */
        assert_in_range(moved.partition, 0, WORLD_PARTITIONS - 1);
        uint64_t group = topic->groups[moved.partition];
        struct core_partition *part =
            core_partition_find(ear->cs->core->shards[core_shard_of(ear->cs->core, group)], group,
                                &topic->uuid, moved.partition);
        assert_true(part == NULL || moved.end <= part->hw_offset); /* NULL: its shard begins */
        assert_true(moved.end >= fold->ends[moved.partition]);
        fold->ends[moved.partition] = moved.end;
        fold->has_end[moved.partition] = true;
        ear->moved_count++;
    }
}

static void world_hear_starts(struct world_ear *ear, const struct core_tick *tick)
{
    struct world_fold *fold = &ear->fold;
    struct bytes_reader r = core_tick_starts(tick);
    struct core_tick_start start;
    while (core_tick_next_start(&r, &start)) {
        uint32_t view = 0;
        while (view < WORLD_VIEWS && !(ear->w->has_view[view] &&
                                       log_uuid_is_equal(&start.view, &ear->w->views[view].view))) {
            view++;
        }
        if (view == WORLD_VIEWS) { /* the catalog's; or it was dropped while the tick was made */
            ear->strangers_count++;
            continue;
        }
        assert_true(tick->is_whole || !fold->has_start[view]);
        if (!fold->has_start[view]) {
            fold->starts_tick[view] = tick->number;
        }
        fold->has_start[view] = true;
        for (uint32_t i = 0; i < WORLD_PARTITIONS; i++) {
            fold->origins[view][i] = core_tick_origin(&start, i);
            assert_true(fold->has_end[i]); /* a start's tick says them */
        }
    }
}

static void world_hear(struct core_ticks_listener *listener, const struct core_tick_news *news)
{
    struct world_ear *ear = CONTAINER_OF(listener, struct world_ear, listener);
    const struct core_tick *tick = core_tick_news_tick(news);
    struct world_fold *fold = &ear->fold;
    struct world *w = ear->w;
    assert_true(ear->heard_count > 0 ? tick->number == fold->number + 1 : tick->is_whole);
    assert_true(ear->heard_count == 0 || tick->epoch == fold->epoch);
    assert_true(tick->wall_ms >= fold->wall_ms);
    fold->number = tick->number;
    fold->epoch = tick->epoch;
    fold->wall_ms = tick->wall_ms;
    world_hear_moved(ear, tick);
    world_hear_starts(ear, tick);
    assert_true(tick->number < WORLD_TICKS);
    uint64_t *hash = &w->hashes[tick->number];
    if (ear->heard_count > 0 || tick->number == 1) { /* else it is told again, whole */
        assert_true(*hash == 0 || *hash == world_hash(tick));
        *hash = world_hash(tick);
    }
    ear->heard_count++;
    assert_int_equal(core_ticks_position(ear->cs).tick, tick->number);
    assert_int_equal(core_ticks_wall_ms(ear->cs), tick->wall_ms);
    if (ear->is_keeping) {
        assert_true(ear->kept_count < WORLD_KEPT);
        core_tick_news_ref(ear->cs, news);
        ear->kept[ear->kept_count++] = news;
    }
}

static void world_failed(struct core_ticks_listener *listener, enum core_code code, const char *why)
{
    struct world_ear *ear = CONTAINER_OF(listener, struct world_ear, listener);
    assert_int_equal(ear->code, CORE_OK);
    ear->code = code;
    snprintf(ear->why, sizeof(ear->why), "%s", why);
}

static void world_opened(struct yard *y, struct core_shard *cs)
{
    struct world *w = y->build_ctx;
    struct world_ear *ear = &w->ears[cs->shard->id];
    *ear = (struct world_ear){
        .listener = {.tick = world_hear, .failed = world_failed}, .w = w, .cs = cs};
    core_ticks_listen(cs, &ear->listener);
    for (uint32_t i = 0; i < WORLD_VIEWS; i++) {
        if (w->has_view[i]) {
            assert_int_equal(core_ticks_view_put(cs, &w->views[i]), ERR_OK);
        }
    }
}

static void world_give_call(struct rt_shard *shard, void *ctx)
{
    struct world_ear *ear = &((struct world *)ctx)->ears[shard->id];
    for (uint32_t i = 0; i < ear->kept_count; i++) {
        core_tick_news_unref(ear->cs, ear->kept[i]);
    }
    ear->kept_count = 0;
}

static void world_closing(struct yard *y, struct core_shard *cs)
{
    struct world *w = y->build_ctx;
    struct world_ear *ear = &w->ears[cs->shard->id];
    world_give_call(cs->shard, w);
    core_ticks_unlisten(cs, &ear->listener);
}

/* --- Life --- */

struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->y = yard_new(seed, NULL);
    w->y->build_ctx = w;
    w->y->opened = world_opened;
    w->y->closing = world_closing;
    return w;
}

void world_free(struct world *w)
{
    yard_free(w->y);
    free(w);
}

void world_start(struct world *w, uint32_t shards_count)
{
    yard_start(w->y, shards_count);
}

struct world_call {
    void (*call)(struct rt_shard *shard, void *ctx);
    void *ctx;
    bool is_done;
};

static void world_called(struct rt_shard *shard, void *ctx)
{
    struct world_call *made = ctx;
    made->call(shard, made->ctx);
    made->is_done = true;
}

static bool world_is_called(void *ctx)
{
    return ((struct world_call *)ctx)->is_done;
}

void world_post(struct world *w, uint32_t shard, void (*call)(struct rt_shard *shard, void *ctx),
                void *ctx)
{
    struct world_call made = {.call = call, .ctx = ctx};
    sim_post(sim_node_shard(w->y->node, shard), world_called, &made);
    assert_true(
        sim_run_until_true(w->y->sim, world_is_called, &made, sim_now_ns(w->y->sim) + RT_NS_PER_S));
}

/* --- Views --- */

struct world_wish {
    struct world *w;
    uint32_t view;
};

static void world_put_call(struct rt_shard *shard, void *ctx)
{
    const struct world_wish *wish = ctx;
    assert_int_equal(
        core_ticks_view_put(&wish->w->y->shards[shard->id], &wish->w->views[wish->view]), ERR_OK);
}

static void world_drop_call(struct rt_shard *shard, void *ctx)
{
    const struct world_wish *wish = ctx;
    core_ticks_view_drop(&wish->w->y->shards[shard->id], &wish->w->views[wish->view].view);
}

void world_view(struct world *w, uint32_t view, enum core_ticks_origin origin, int64_t origin_ms)
{
    struct world_wish wish = {w, view};
    w->views[view] = (struct core_ticks_view){.view = world_view_uuid(w, view),
                                              .topic = yard_topic(w->y)->uuid,
                                              .origin = origin,
                                              .origin_ms = origin_ms};
    w->has_view[view] = true;
    for (uint32_t i = 0; i < w->y->shards_count; i++) {
        world_post(w, i, world_put_call, &wish);
    }
}

void world_drop(struct world *w, uint32_t view)
{
    struct world_wish wish = {w, view};
    w->has_view[view] = false;
    for (uint32_t i = 0; i < w->y->shards_count; i++) {
        world_post(w, i, world_drop_call, &wish);
        w->ears[i].fold.has_start[view] = false;
    }
}

struct core_ticks_home *world_home(struct world *w)
{
    for (uint32_t i = 0; i < w->y->shards_count; i++) {
        if (w->y->shards[i].ticks.at_home != NULL) {
            return w->y->shards[i].ticks.at_home;
        }
    }
    return NULL;
}

static bool world_is_settled(void *ctx)
{
    struct world *w = ctx;
    const struct core_ticks_home *home = world_home(w);
    if (home == NULL || home->stage != CORE_TICKS_OPEN || home->flights_count > 0) {
        return false;
    }
    for (uint32_t i = 0; i < w->y->shards_count; i++) {
        const struct world_fold *fold = &w->ears[i].fold;
        if (fold->number != home->timeline.number) {
            return false;
        }
        for (uint32_t p = 0; p < WORLD_PARTITIONS; p++) {
            if (fold->ends[p] != yard_partition(w->y, p)->hw_offset || !fold->has_end[p]) {
                return false;
            }
        }
        for (uint32_t v = 0; v < WORLD_VIEWS; v++) {
            if (w->has_view[v] && !fold->has_start[v]) {
                return false;
            }
        }
    }
    return true;
}

void world_settle(struct world *w)
{
    if (!sim_run_until_true(w->y->sim, world_is_settled, w,
                            sim_now_ns(w->y->sim) + 100 * RT_NS_PER_S)) {
        fail_msg("ticks do not come: %s", w->y->said);
    }
}

void world_give(struct world *w, uint32_t shard)
{
    world_post(w, shard, world_give_call, w);
}

/* --- Covers --- */

static void world_covered(struct core_ticks_cover *cover)
{
    struct world *w = cover->ctx;
    assert_false(w->is_covered);
    w->is_covered = true;
}

static void world_cover_call(struct rt_shard *shard, void *ctx)
{
    struct world *w = ctx;
    w->cover.deadline_ns += rt_now_ns(shard);
    core_ticks_cover(&w->y->shards[shard->id], &w->cover);
}

void world_cover_start(struct world *w, uint32_t wants_count, uint64_t for_ms)
{
    w->is_covered = false;
    w->cover =
        (struct core_ticks_cover){.done = world_covered,
                                  .ctx = w,
                                  .wants = w->wants,
                                  .wants_count = wants_count,
                                  .deadline_ns = sim_now_ns(w->y->sim) + for_ms * RT_NS_PER_MS};
    world_post(w, 0, world_cover_call, w);
}

static bool world_is_covered(void *ctx)
{
    return ((struct world *)ctx)->is_covered;
}

struct core_ticks_cover world_cover(struct world *w, uint32_t wants_count, uint64_t for_ms)
{
    world_cover_start(w, wants_count, for_ms);
    assert_true(sim_run_until_true(w->y->sim, world_is_covered, w,
                                   sim_now_ns(w->y->sim) + 100 * RT_NS_PER_S));
    return w->cover;
}
