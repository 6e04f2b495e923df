/* Feeds of views: every committed record once and in order, from any position, on any shard; what
 * was deleted stays for them as long as their pins hold. */
#include "broker/core/view_feed.h"

#include "base/assert.h"
#include "base/prng.h"
#include "base/rt/shard.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/yard.h"

/* A feed of partition 0, as a view has it. */
struct view {
    struct core_view_feed feed;
    struct yard *y;
    uint32_t home; /* its shard */
    bool is_busy;  /* a step, or the close, is in hand */
    bool is_closed;
    uint64_t gap_from;      /* of the last step: records that are no more */
    uint64_t gap_to;        /* likewise: up to there */
    uint64_t begin;         /* of the last step: first record given */
    uint64_t end;           /* behind the last */
    uint64_t records_count; /* of all steps */
    uint64_t gaps_count;
};

static void view_done(struct core_view_feed *feed)
{
    struct view *v = feed->ctx;
    uint64_t at = v->gap_from;
    assert_true(v->is_busy);
    v->is_busy = false;
    v->begin = feed->first_offset;
    v->gap_to = feed->loans != NULL ? feed->first_offset : at;
    assert_true(feed->first_offset >= at);
    for (struct buf_loan *loan = feed->loans; loan != NULL; loan = loan->next) {
        struct log_batch batch;
        assert_int_equal(log_batch_decode(loan->data, loan->length, &batch), ERR_OK);
        assert_int_equal(batch.length_bytes, loan->length);
        bool is_first = loan == feed->loans;
        assert_true(is_first ? batch.base_offset <= feed->first_offset
                             : batch.base_offset == at); /* none is missing, none is twice */
        at = log_batch_next_offset(&batch);
    }
    assert_true(feed->loans == NULL || at == feed->offset);
    v->end = feed->offset;
    v->records_count += feed->loans != NULL ? v->end - v->begin : 0;
    v->gaps_count += v->gap_to > v->gap_from;
    core_loans_return_all(&v->y->shards[v->home].loans, feed->loans);
    feed->loans = NULL;
}

static void view_closed(struct core_view_feed *feed)
{
    ((struct view *)feed->ctx)->is_closed = true;
}

static void view_post(struct view *v, void (*call)(struct rt_shard *shard, void *ctx))
{
    sim_post(sim_node_shard(v->y->node, v->home), call, v);
    sim_run_for(v->y->sim, 1);
}

static void view_next_call(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    core_view_feed_next(&((struct view *)ctx)->feed);
}

static void view_cancel_call(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    core_view_feed_cancel(&((struct view *)ctx)->feed);
}

static void view_close_call(struct rt_shard *shard, void *ctx)
{
    (void)shard;
    core_view_feed_close(&((struct view *)ctx)->feed, view_closed);
}

static void view_open(struct view *v, struct yard *y, uint32_t home, uint64_t offset)
{
    const struct core_topic *topic = yard_topic(y);
    *v = (struct view){.y = y, .home = home};
    v->feed = (struct core_view_feed){.done = view_done,
                                      .ctx = v,
                                      .owner = "view",
                                      .topic = topic->uuid,
                                      .group = topic->groups[0],
                                      .offset = offset,
                                      .bytes_max = 2000};
    core_view_feed_open(&v->feed, &y->shards[home]);
}

static void view_start(struct view *v)
{
    v->is_busy = true;
    v->gap_from = v->feed.offset;
    view_post(v, view_next_call);
}

static bool view_is_idle(void *ctx)
{
    return !((struct view *)ctx)->is_busy;
}

static bool view_is_closed(void *ctx)
{
    return ((struct view *)ctx)->is_closed;
}

static void view_wait(struct view *v)
{
    assert_true(
        sim_run_until_true(v->y->sim, view_is_idle, v, sim_now_ns(v->y->sim) + 100 * RT_NS_PER_S));
}

static enum core_code view_step(struct view *v)
{
    view_start(v);
    view_wait(v);
    return v->feed.code;
}

/* Steps until it has given all below `end`. */
static void view_run(struct view *v, uint64_t end)
{
    while (v->feed.offset < end) {
        assert_int_equal(view_step(v), CORE_OK);
    }
    assert_int_equal(v->feed.offset, end);
}

static void view_close(struct view *v)
{
    view_post(v, view_close_call);
    assert_true(sim_run_until_true(v->y->sim, view_is_closed, v,
                                   sim_now_ns(v->y->sim) + 100 * RT_NS_PER_S));
}

static void view_end(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

/* Segments of a batch of 10 records each: 0..9, 10..19, 20..29, and 30..34 in the active one. */
static struct yard *view_begin(uint32_t shards_count, uint64_t pin_bytes_max)
{
    struct yard *y = yard_new(1, NULL);
    y->config.view_pin_bytes_max = pin_bytes_max;
    y->value_bytes = 100;
    yard_start(y, shards_count);
    for (uint32_t i = 0; i < 3; i++) {
        yard_append(y, 0, 10, 1000);
        yard_roll(y, 0);
    }
    yard_append(y, 0, 5, 1000);
    return y;
}

static const struct {
    const char *name;
    uint64_t offset;
    enum core_code code;
    uint64_t begin; /* the first record given */
} view_rows[] = {
    {"a feed begins at the first record", 0, CORE_OK, 0},
    {"a feed begins at a batch", 10, CORE_OK, 10},
    {"a feed begins within a batch", 17, CORE_OK, 17},
    {"a feed begins at the last record", 34, CORE_OK, 34},
    {"a feed does not begin above the log's end", 36, CORE_OFFSET_OUT_OF_RANGE, 36},
};

static void view_row(void **state)
{
    size_t i = (size_t)*state;
    for (uint32_t home = 0; home < 3; home++) {
        struct yard *y = view_begin(3, 0);
        struct view v;
        view_open(&v, y, home, view_rows[i].offset);
        assert_int_equal(view_step(&v), view_rows[i].code);
        assert_int_equal(v.begin, view_rows[i].begin);
        assert_int_equal(v.gaps_count, 0);
        if (view_rows[i].code == CORE_OK) {
            view_run(&v, 35);
            assert_int_equal(v.records_count, 35 - view_rows[i].offset);
        }
        view_close(&v);
        view_end(y);
    }
}

static void a_step_waits_for_a_record(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 0);
    struct view v;
    view_open(&v, y, 1, 35);
    view_start(&v);
    yard_run(y, 1000);
    assert_true(v.is_busy);
    yard_append(y, 0, 3, 1000);
    view_wait(&v);
    assert_int_equal(v.begin, 35);
    assert_int_equal(v.end, 38);
    view_close(&v);
    view_end(y);
}

static void a_step_that_waits_can_be_ended(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 0);
    for (uint32_t home = 0; home < 2; home++) {
        struct view v;
        view_open(&v, y, home, 35);
        view_start(&v);
        yard_run(y, 100);
        view_post(&v, view_cancel_call);
        view_wait(&v);
        assert_int_equal(v.feed.code, CORE_OK);
        assert_int_equal(v.feed.offset, 35);
        view_close(&v);
    }
    view_end(y);
}

static void nothing_is_given_that_is_not_committed(void **state)
{
    (void)state;
    struct yard *y = yard_new(4, NULL);
    y->config.topics.durability = CORE_DURABILITY_QUORUM_MEMORY; /* the high watermark runs ahead */
    yard_start(y, 1);
    struct view v;
    view_open(&v, y, 0, 0);
    view_start(&v);
    yard_append(y, 0, 5, 1000);
    struct core_partition *part = yard_partition(y, 0);
    while (raft_group_indexes(&part->group)->committed < part->hw_index) {
        assert_true(v.is_busy);
        assert_true(sim_run_steps(y->sim, 1));
    }
    view_wait(&v);
    assert_int_equal(v.end, 5);
    view_close(&v);
    view_end(y);
}

static uint32_t view_segments(struct yard *y)
{
    return yard_partition(y, 0)->group.log->segments.count;
}

/* Let what may go, go. */
static void view_clean(struct yard *y)
{
    for (uint32_t i = 0; i < 3; i++) {
        yard_append(y, 1, 1, 1000);
        yard_append(y, 2, 1, 1000);
        yard_append(y, 0, 1, 1000);
        yard_settle(y);
        yard_run(y, 100);
    }
}

static void deleted_records_stay_for_a_feed_and_for_nobody_else(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 0);
    struct view v;
    view_open(&v, y, 1, 0);
    assert_int_equal(view_step(&v), CORE_OK);
    uint64_t keep_index = v.feed.next_index;
    uint64_t read = v.end;
    assert_int_equal(yard_trim(y, 0, CORE_TRIM_ALL).log_start_offset, 35);
    assert_int_equal(yard_fetch(y, 0, 20, -1).code, CORE_OFFSET_OUT_OF_RANGE);
    view_clean(y);
    assert_true(view_segments(y) >= 4);
    assert_true(atomic_load(&y->core.pin_bytes_max) < UINT64_MAX); /* a quarter of the disk */
    struct core_view_pin pin;
    struct core_shard *there = yard_partition(y, 0)->cs;
    assert_int_equal(core_view_pins(there, &pin, 1), 1);
    assert_string_equal(pin.owner, "view");
    assert_true(pin.bytes > 3 * 10 * 100);
    assert_true(pin.age_ns > 100 * RT_NS_PER_MS);
    assert_null(pin.why);
    view_run(&v, 38);
    assert_int_equal(v.gaps_count, 0);
    assert_int_equal(v.records_count, 38);
    assert_true(read < 38);
    v.feed.keep_index = keep_index; /* it would read again from there */
    yard_append(y, 0, 1, 1000);
    assert_int_equal(view_step(&v), CORE_OK);
    view_clean(y);
    assert_true(view_segments(y) >= 3);
    v.feed.keep_index = v.feed.next_index;
    assert_int_equal(view_step(&v), CORE_OK);
    view_clean(y);
    assert_int_equal(view_segments(y), 1);
    view_close(&v);
    assert_int_equal(core_view_pins(there, &pin, 1), 0);
    assert_int_equal(atomic_load(&y->core.pinned_bytes), 0);
    view_end(y);
}

static void files_go_when_the_feed_is_closed(void **state)
{
    (void)state;
    struct yard *y = view_begin(1, 0);
    struct view v;
    view_open(&v, y, 0, 0);
    assert_int_equal(view_step(&v), CORE_OK);
    yard_trim(y, 0, CORE_TRIM_ALL);
    view_clean(y);
    assert_true(view_segments(y) >= 4);
    view_close(&v);
    view_clean(y);
    assert_int_equal(view_segments(y), 1);
    view_end(y);
}

/* Two batches of 1.2 KB or so may stay, three may not. */
static void a_pin_that_keeps_too_much_breaks_and_says_why(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 3000);
    struct view v;
    view_open(&v, y, 1, 0);
    assert_int_equal(view_step(&v), CORE_OK);
    assert_null(v.feed.pin_why);
    yard_trim(y, 0, 20); /* two segments are kept */
    assert_true(atomic_load(&y->core.pinned_bytes) > 2000);
    uint64_t read = v.end;
    yard_trim(y, 0, CORE_TRIM_ALL); /* three would be */
    assert_int_equal(atomic_load(&y->core.pinned_bytes), 0);
    view_clean(y);
    assert_int_equal(view_segments(y), 1);
    uint64_t gone = 0;
    while (v.feed.offset < 38) {
        assert_int_equal(view_step(&v), CORE_OK);
        assert_non_null(v.feed.pin_why);
        gone += v.gap_to - v.gap_from;
    }
    assert_true(v.gaps_count == 1);
    assert_in_range(gone, 1, 35 - read); /* what it had read ahead it gave */
    view_close(&v);
    view_end(y);
}

static void a_gap_with_nothing_behind_it_is_told_at_once(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 0);
    yard_trim(y, 0, CORE_TRIM_ALL);
    view_clean(y);
    yard_trim(y, 0, CORE_TRIM_ALL);
    struct view v;
    view_open(&v, y, 1, 3);
    assert_int_equal(view_step(&v), CORE_OK);
    assert_int_equal(v.records_count, 0);
    assert_int_equal(v.begin, v.end);
    uint64_t end = yard_append(y, 0, 2, 5);
    assert_int_equal(v.end, end);
    assert_int_equal(view_step(&v), CORE_OK);
    assert_int_equal(v.records_count, 2);
    assert_int_equal(v.gaps_count, 0);
    view_close(&v);
    view_end(y);
}

static void records_that_are_no_more_are_a_gap(void **state)
{
    (void)state;
    struct yard *y = view_begin(2, 0);
    yard_trim(y, 0, 25);
    view_clean(y);
    struct view v;
    view_open(&v, y, 1, 3);
    assert_int_equal(view_step(&v), CORE_OK);
    assert_int_equal(v.gap_from, 3);
    assert_int_equal(v.gap_to, 20); /* the batch in which the log starts is whole */
    assert_int_equal(v.gaps_count, 1);
    view_run(&v, 38);
    assert_int_equal(v.gaps_count, 1);
    view_close(&v);
    view_end(y);
}

static void a_feed_of_a_deleted_topic_ends(void **state)
{
    (void)state;
    for (uint32_t is_waiting = 0; is_waiting < 2; is_waiting++) {
        struct yard *y = view_begin(2, 0);
        struct view v;
        view_open(&v, y, 1, is_waiting == 1 ? 35 : 0);
        if (is_waiting == 1) {
            view_start(&v);
        } else {
            assert_int_equal(view_step(&v), CORE_OK);
        }
        yard_delete(y);
        if (is_waiting == 0) {
            view_start(&v);
        }
        view_wait(&v);
        assert_int_equal(v.feed.code, CORE_UNKNOWN_TOPIC);
        yard_run(y, 100); /* the partition does not wait for the feed's close */
        assert_true(list_is_empty(&y->shards[0].closing));
        assert_true(list_is_empty(&y->shards[1].closing));
        assert_int_equal(view_step(&v), CORE_UNKNOWN_TOPIC);
        view_close(&v);
        view_end(y);
    }
}

/* Appends, deletes, rolls, restarts, and feeds on any shard that step, wait and are closed. */
static void view_life(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct yard *y = yard_new(seed, NULL);
    struct view views[3];
    uint64_t committed[3] = {0, 0, 0}; /* where each goes on after a restart */
    uint64_t end = 0;
    y->value_bytes = 100;
    y->config.log.hot_bytes_max = 4096;
    yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    for (uint32_t i = 0; i < 3; i++) {
        view_open(&views[i], y, (uint32_t)prng_below(&prng, y->shards_count), 0);
    }
    for (uint32_t k = 0; k < 80; k++) {
        uint64_t what = prng_below(&prng, 20);
        struct view *v = &views[prng_below(&prng, 3)];
        if (what < 5) {
            uint32_t records = 1 + (uint32_t)prng_below(&prng, 9);
            assert_int_equal(yard_append(y, 0, records, 1000), end);
            end += records;
        } else if (what < 15) {
            if (!v->is_busy) {
                committed[v - views] = v->feed.offset;
                v->feed.keep_index = prng_below(&prng, 2) == 0 ? v->feed.next_index : 0;
                view_start(v);
                sim_run_for(y->sim, prng_below(&prng, 2 * RT_NS_PER_MS));
            }
        } else if (what < 16) {
            view_post(v, view_cancel_call);
        } else if (what < 17) {
            yard_trim(y, 0, (int64_t)prng_below(&prng, end + 1));
        } else if (what < 18) {
            yard_roll(y, 0);
        } else if (what < 19) {
            yard_settle(y);
        } else {
            bool is_crash = prng_below(&prng, 2) == 0;
            for (uint32_t i = 0; i < 3; i++) {
                if (!is_crash) {
                    view_post(&views[i], view_cancel_call);
                    view_wait(&views[i]);
                    committed[i] = views[i].feed.offset;
                    view_close(&views[i]);
                }
            }
            if (is_crash) {
                yard_crash(y, SIM_CRASH_LOSE);
            } else {
                yard_close(y);
            }
            yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
            for (uint32_t i = 0; i < 3; i++) {
                view_open(&views[i], y, (uint32_t)prng_below(&prng, y->shards_count), committed[i]);
            }
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        view_post(&views[i], view_cancel_call);
        view_wait(&views[i]);
        while (views[i].feed.offset < end) {
            assert_int_equal(view_step(&views[i]), CORE_OK);
        }
        view_close(&views[i]);
    }
    assert_int_equal(atomic_load(&y->core.pinned_bytes), 0);
    view_end(y);
}

static void lives_give_each_record_once(void **state)
{
    (void)state;
    struct share share = share_open("lives of feeds", 60);
    while (share_more(&share)) {
        view_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_step_waits_for_a_record),
        cmocka_unit_test(a_step_that_waits_can_be_ended),
        cmocka_unit_test(nothing_is_given_that_is_not_committed),
        cmocka_unit_test(deleted_records_stay_for_a_feed_and_for_nobody_else),
        cmocka_unit_test(files_go_when_the_feed_is_closed),
        cmocka_unit_test(a_pin_that_keeps_too_much_breaks_and_says_why),
        cmocka_unit_test(a_gap_with_nothing_behind_it_is_told_at_once),
        cmocka_unit_test(records_that_are_no_more_are_a_gap),
        cmocka_unit_test(a_feed_of_a_deleted_topic_ends),
        cmocka_unit_test(lives_give_each_record_once),
    };
    struct CMUnitTest tests[ARRAY_COUNT(view_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(view_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = view_rows[i].name, .test_func = view_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(view_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_view_feed", tests, NULL, NULL);
}
