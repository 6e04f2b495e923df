/* The timeline's state: what the next tick says, and that replaying ticks from any whole one comes
 * to the same. */
#include "broker/core/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define LINE_TOPICS     4u
#define LINE_PARTITIONS 5u
#define LINE_VIEWS      6u
#define LINE_TICKS      256u

/* A timeline, and the ticks it made. */
struct line {
    struct budget budget;
    struct core_timeline tl;
    uint8_t *ticks[LINE_TICKS]; /* values */
    size_t lengths[LINE_TICKS];
    uint32_t count;
    /* The twin. */
    bool is_followed[LINE_TOPICS];
    bool is_told[LINE_TOPICS][LINE_PARTITIONS];
    uint64_t told[LINE_TOPICS][LINE_PARTITIONS];
    bool has_view[LINE_VIEWS];
};

static struct log_uuid line_topic(uint32_t topic)
{
    return (struct log_uuid){.bytes = {1, (uint8_t)topic}};
}

static struct log_uuid line_view(uint32_t view)
{
    return (struct log_uuid){.bytes = {2, (uint8_t)view}};
}

static struct line *line_new(void)
{
    struct line *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    budget_init(&l->budget, "timeline", 64u << 20, NULL);
    assert_int_equal(core_timeline_init(&l->tl, &l->budget), ERR_OK);
    return l;
}

static void line_free(struct line *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        free(l->ticks[i]);
    }
    core_timeline_deinit(&l->tl);
    assert_int_equal(l->budget.used_bytes, 0);
    budget_deinit(&l->budget);
    free(l);
}

static void line_follow(struct line *l, uint32_t topic)
{
    struct log_uuid uuid = line_topic(topic);
    assert_int_equal(core_timeline_follow(&l->tl, &uuid), ERR_OK);
    l->is_followed[topic] = true;
}

static void line_unfollow(struct line *l, uint32_t topic)
{
    struct log_uuid uuid = line_topic(topic);
    core_timeline_unfollow(&l->tl, &uuid);
    l->is_followed[topic] = false;
    memset(l->is_told[topic], 0, sizeof(l->is_told[topic]));
}

static void line_tell(struct line *l, uint32_t topic, uint32_t partition, uint64_t end)
{
    struct log_uuid uuid = line_topic(topic);
    assert_int_equal(core_timeline_tell(&l->tl, &uuid, partition, end), ERR_OK);
    if (!l->is_told[topic][partition] || l->told[topic][partition] < end) {
        l->told[topic][partition] = end;
    }
    l->is_told[topic][partition] = true;
}

/* The next tick, whole or not, decoded; kept. */
static struct core_tick line_tick(struct line *l, bool is_whole, int64_t wall_ms)
{
    struct core_timeline_next next;
    struct core_tick tick;
    assert_true(l->count < LINE_TICKS);
    assert_int_equal(core_timeline_measure(&l->tl, is_whole, wall_ms, 77, &next), ERR_OK);
    uint8_t *value = malloc(next.bytes);
    assert_non_null(value);
    struct bytes_writer w = bytes_writer(value, next.bytes);
    core_timeline_put(&l->tl, &next, &w);
    assert_int_equal(w.pos, next.bytes);
    assert_int_equal(core_tick_get(value, next.bytes, &tick), ERR_OK);
    core_timeline_take(&l->tl, &next);
    assert_int_equal(tick.number, l->tl.number);
    l->ticks[l->count] = value;
    l->lengths[l->count++] = next.bytes;
    return tick;
}

/* What two timelines know that ticks have said is the same. */
static void line_compare(const struct core_timeline *a, const struct core_timeline *b)
{
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->wall_ms, b->wall_ms);
    for (uint32_t t = 0; t < LINE_TOPICS; t++) {
        struct log_uuid uuid = line_topic(t);
        assert_int_equal(core_timeline_is_followed(a, &uuid), core_timeline_is_followed(b, &uuid));
        for (uint32_t p = 0; p < LINE_PARTITIONS; p++) {
            const struct core_timeline_end *ea = core_timeline_find(a, &uuid, p);
            const struct core_timeline_end *eb = core_timeline_find(b, &uuid, p);
            assert_int_equal(ea != NULL && ea->is_said, eb != NULL && eb->is_said);
            assert_true(ea == NULL || eb == NULL || ea->said == eb->said);
        }
    }
    assert_int_equal(a->starts_count, b->starts_count);
    assert_int_equal(a->said_count, b->said_count);
    assert_int_equal(a->starts_bytes, b->starts_bytes);
    for (uint32_t v = 0; v < LINE_VIEWS; v++) {
        struct log_uuid uuid = line_view(v);
        const struct core_timeline_start *sa = core_timeline_start(a, &uuid);
        const struct core_timeline_start *sb = core_timeline_start(b, &uuid);
        bool is_said = sa != NULL && sa->is_said;
        assert_int_equal(is_said, sb != NULL && sb->is_said);
        if (is_said) {
            assert_int_equal(sa->partitions_count, sb->partitions_count);
            assert_memory_equal(sa->origins, sb->origins,
                                sa->partitions_count * sizeof(sa->origins[0]));
        }
    }
}

static enum err line_apply(struct core_timeline *tl, const struct line *l, uint32_t i)
{
    struct core_tick tick;
    assert_int_equal(core_tick_get(l->ticks[i], l->lengths[i], &tick), ERR_OK);
    return core_timeline_apply(tl, &tick);
}

/* Ticks from each whole one on, applied to an empty timeline with the same followers. */
static void line_replay(struct line *l)
{
    for (uint32_t first = 0; first < l->count; first++) {
        struct core_tick tick;
        assert_int_equal(core_tick_get(l->ticks[first], l->lengths[first], &tick), ERR_OK);
        if (!tick.is_whole) {
            continue;
        }
        struct line *other = line_new();
        for (uint32_t t = 0; t < LINE_TOPICS; t++) {
            if (l->is_followed[t]) {
                line_follow(other, t);
            }
        }
        for (uint32_t i = first; i < l->count; i++) {
            assert_int_equal(line_apply(&other->tl, l, i), ERR_OK);
        }
        core_timeline_applied(&other->tl);
        for (uint32_t v = 0; v < LINE_VIEWS; v++) { /* of views that are gone */
            struct log_uuid uuid = line_view(v);
            struct core_timeline_start *start = core_timeline_start(&other->tl, &uuid);
            if (start != NULL) {
                start->is_kept = l->has_view[v];
            }
        }
        core_timeline_sweep(&other->tl);
        line_compare(&l->tl, &other->tl);
        line_free(other);
    }
}

static void nothing_is_due_where_nobody_follows(void **state)
{
    (void)state;
    struct line *l = line_new();
    line_tell(l, 0, 0, 5);
    assert_false(core_timeline_is_due(&l->tl));
    line_follow(l, 0); /* what was told before counts */
    assert_true(core_timeline_is_due(&l->tl));
    struct core_tick tick = line_tick(l, false, 1000);
    assert_true(tick.is_whole); /* the first */
    assert_int_equal(tick.epoch, 77);
    assert_int_equal(tick.moved_count, 1);
    assert_int_equal(core_tick_moved(&tick, 0).end, 5);
    assert_false(core_timeline_is_due(&l->tl));
    line_tell(l, 0, 0, 5);
    line_tell(l, 0, 0, 4);
    assert_false(core_timeline_is_due(&l->tl));
    line_tell(l, 0, 0, 6);
    assert_true(core_timeline_is_due(&l->tl));
    line_unfollow(l, 0);
    assert_false(core_timeline_is_due(&l->tl));
    line_free(l);
}

static void an_empty_partition_is_said_once(void **state)
{
    (void)state;
    struct line *l = line_new();
    line_follow(l, 0);
    line_tell(l, 0, 3, 0);
    struct core_tick tick = line_tick(l, false, 1000);
    assert_int_equal(tick.moved_count, 1);
    assert_int_equal(core_tick_moved(&tick, 0).partition, 3);
    assert_false(core_timeline_is_due(&l->tl));
    line_free(l);
}

static void a_tick_says_what_has_moved_and_a_whole_one_all(void **state)
{
    (void)state;
    struct line *l = line_new();
    line_follow(l, 0);
    line_follow(l, 1);
    line_tell(l, 0, 0, 1);
    line_tell(l, 1, 4, 2);
    (void)line_tick(l, false, 1000);
    line_tell(l, 1, 4, 3);
    struct core_tick tick = line_tick(l, false, 1000);
    assert_int_equal(tick.moved_count, 1);
    assert_int_equal(core_tick_moved(&tick, 0).end, 3);
    assert_false(tick.is_whole);
    line_tell(l, 0, 0, 9);
    tick = line_tick(l, true, 1000);
    assert_int_equal(tick.moved_count, 2);
    assert_int_equal(core_tick_moved(&tick, 0).end, 9);
    assert_false(core_timeline_is_due(&l->tl));
    line_replay(l);
    line_free(l);
}

static void time_never_falls(void **state)
{
    (void)state;
    struct line *l = line_new();
    line_follow(l, 0);
    line_tell(l, 0, 0, 1);
    assert_int_equal(line_tick(l, false, 5000).wall_ms, 5000);
    line_tell(l, 0, 0, 2);
    assert_int_equal(line_tick(l, false, 4000).wall_ms, 5000);
    line_free(l);
}

static void a_start_waits_for_its_sources_ends_and_says_them(void **state)
{
    (void)state;
    struct line *l = line_new();
    struct log_uuid view = line_view(0);
    struct log_uuid topic = line_topic(0);
    uint64_t origins[3] = {0, CORE_TIMELINE_LATEST, 7};
    line_follow(l, 0);
    line_tell(l, 0, 0, 10);
    line_tell(l, 0, 1, 20);
    (void)line_tick(l, false, 1000);
    assert_int_equal(core_timeline_begin(&l->tl, &view, &topic, 3, origins), ERR_OK);
    assert_false(core_timeline_is_due(&l->tl));
    line_tell(l, 0, 2, 30);
    line_tell(l, 0, 1, 21);
    assert_true(core_timeline_is_due(&l->tl));
    struct core_tick tick = line_tick(l, false, 1000);
    assert_int_equal(tick.moved_count, 3); /* the first has not moved */
    assert_int_equal(tick.starts_count, 1);
    struct bytes_reader r = core_tick_starts(&tick);
    struct core_tick_start start;
    assert_true(core_tick_next_start(&r, &start));
    assert_int_equal(core_tick_origin(&start, 0), 0);
    assert_int_equal(core_tick_origin(&start, 1), 21); /* the end of that tick */
    assert_int_equal(core_tick_origin(&start, 2), 7);
    assert_false(core_timeline_is_due(&l->tl));
    l->has_view[0] = true;
    line_replay(l);
    line_free(l);
}

/* Ticks that contradict those before: the second of each. */
static const struct {
    const char *name;
    struct core_tick tick;
    uint64_t end; /* of partition 0; the first tick says 5 */
    const char *why;
} contradictions[] = {
    {"a number is missing",
     {.epoch = 77, .number = 3, .wall_ms = 1000},
     6,
     "a tick's number does not follow the one before"},
    {"a number comes twice",
     {.epoch = 77, .number = 1, .wall_ms = 1000},
     6,
     "a tick's number does not follow the one before"},
    {"another epoch",
     {.epoch = 78, .number = 2, .wall_ms = 1000},
     6,
     "a tick is of another timeline"},
    {"time falls",
     {.epoch = 77, .number = 2, .wall_ms = 999},
     6,
     "a tick's time is before the one before"},
    {"an end falls",
     {.epoch = 77, .number = 2, .wall_ms = 1000},
     4,
     "a partition's end is below the one before"},
    {"a whole tick's end falls",
     {.epoch = 77, .number = 2, .wall_ms = 1000, .is_whole = true},
     4,
     "a partition's end is below the one before"},
};

static void contradiction_row(void **state)
{
    size_t i = (size_t)*state;
    struct line *l = line_new();
    line_follow(l, 0);
    line_tell(l, 0, 0, 5);
    (void)line_tick(l, false, 1000);
    struct line *other = line_new();
    assert_int_equal(line_apply(&other->tl, l, 0), ERR_OK);
    uint8_t bytes[CORE_TICK_MOVED_BYTES];
    struct bytes_writer w = bytes_writer(bytes, sizeof(bytes));
    struct core_tick_moved moved = {.topic = line_topic(0), .end = contradictions[i].end};
    core_tick_put_moved(&w, &moved);
    struct core_tick tick = contradictions[i].tick;
    tick.moved_count = 1;
    tick.moved = bytes;
    assert_int_equal(core_timeline_apply(&other->tl, &tick), ERR_CORRUPT);
    assert_string_equal(other->tl.why, contradictions[i].why);
    core_timeline_reset(&other->tl);
    assert_int_equal(line_apply(&other->tl, l, 0), ERR_OK);
    line_free(other);
    line_free(l);
}

static void a_log_begins_with_a_whole_tick(void **state)
{
    (void)state;
    struct line *l = line_new();
    struct core_tick tick = {.epoch = 77, .number = 9, .wall_ms = 1000};
    assert_int_equal(core_timeline_apply(&l->tl, &tick), ERR_CORRUPT);
    assert_string_equal(l->tl.why, "the first tick there is is not whole");
    line_free(l);
}

static void a_view_starts_once(void **state)
{
    (void)state;
    struct line *l = line_new();
    struct log_uuid view = line_view(0);
    struct log_uuid topic = line_topic(0);
    uint64_t origin = 0;
    line_follow(l, 0);
    line_tell(l, 0, 0, 1);
    (void)line_tick(l, false, 1000);
    assert_int_equal(core_timeline_begin(&l->tl, &view, &topic, 1, &origin), ERR_OK);
    (void)line_tick(l, false, 1000);
    core_timeline_sweep(&l->tl); /* forgotten: it is begun again */
    assert_int_equal(core_timeline_begin(&l->tl, &view, &topic, 1, &origin), ERR_OK);
    (void)line_tick(l, false, 1000);
    struct line *other = line_new();
    assert_int_equal(line_apply(&other->tl, l, 0), ERR_OK);
    assert_int_equal(line_apply(&other->tl, l, 1), ERR_OK);
    assert_int_equal(line_apply(&other->tl, l, 2), ERR_CORRUPT);
    assert_string_equal(other->tl.why, "a view starts twice");
    line_free(other);
    line_free(l);
}

/* --- Lives --- */

static void line_step(struct line *l, struct prng *prng)
{
    uint32_t topic = (uint32_t)prng_below(prng, LINE_TOPICS);
    uint32_t partition = (uint32_t)prng_below(prng, LINE_PARTITIONS);
    uint32_t v = (uint32_t)prng_below(prng, LINE_VIEWS);
    struct log_uuid view = line_view(v);
    struct log_uuid uuid = line_topic(topic);
    uint64_t what = prng_below(prng, 40);
    if (what < 20) {
        line_tell(l, topic, partition, l->told[topic][partition] + prng_below(prng, 3));
    } else if (what < 22) {
        line_follow(l, topic);
    } else if (what < 23) {
        line_unfollow(l, topic);
    } else if (what < 26 && !l->has_view[v]) {
        uint64_t origins[LINE_PARTITIONS];
        uint32_t count = 1 + (uint32_t)prng_below(prng, LINE_PARTITIONS);
        for (uint32_t i = 0; i < count; i++) {
            origins[i] = prng_below(prng, 2) == 0 ? CORE_TIMELINE_LATEST : prng_below(prng, 9);
        }
        l->has_view[v] = core_timeline_start(&l->tl, &view) == NULL;
        if (l->has_view[v]) {
            assert_int_equal(core_timeline_begin(&l->tl, &view, &uuid, count, origins), ERR_OK);
        }
    } else if (core_timeline_is_due(&l->tl) && l->count < LINE_TICKS) {
        struct core_tick tick = line_tick(l, prng_below(prng, 10) == 0, 0);
        for (uint32_t i = 0; i < tick.moved_count; i++) {
            struct core_tick_moved moved = core_tick_moved(&tick, i);
            uint32_t t = moved.topic.bytes[1];
            assert_true(l->is_followed[t]);
            assert_int_equal(moved.end, l->told[t][moved.partition]);
        }
    }
}

static void lives_replay_to_the_same(void **state)
{
    (void)state;
    struct share share = share_open("lives of timelines", 70);
    while (share_more(&share)) {
        struct prng prng;
        prng_init(&prng, share_case_seed(&share));
        struct line *l = line_new();
        for (uint32_t k = 0; k < 200; k++) {
            line_step(l, &prng);
        }
        if (l->count < LINE_TICKS && l->tl.number > 0) { /* what was unfollowed is forgotten */
            (void)line_tick(l, true, 0);
        }
        line_replay(l);
        line_free(l);
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(nothing_is_due_where_nobody_follows),
        cmocka_unit_test(an_empty_partition_is_said_once),
        cmocka_unit_test(a_tick_says_what_has_moved_and_a_whole_one_all),
        cmocka_unit_test(time_never_falls),
        cmocka_unit_test(a_start_waits_for_its_sources_ends_and_says_them),
        cmocka_unit_test(a_log_begins_with_a_whole_tick),
        cmocka_unit_test(a_view_starts_once),
        cmocka_unit_test(lives_replay_to_the_same),
    };
    struct CMUnitTest tests[ARRAY_COUNT(contradictions) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(contradictions); i++) {
        tests[i] = (struct CMUnitTest){.name = contradictions[i].name,
                                       .test_func = contradiction_row,
                                       .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(contradictions) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_timeline", tests, NULL, NULL);
}
