/* What a partition keeps: by age, by size, over restarts; and when its segments are rolled. */
#include "broker/core/retention.h"

#include "base/assert.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/yard.h"

#define RETENTION_RECORDS 10u

/* Bytes of a batch of 10 records of 100 bytes: 61 of the header; a record's length, attributes,
 * two deltas, key and value lengths, headers count are 8 or 9 bytes with it. */
#define RETENTION_BATCH_BYTES 1150

static int64_t retention_now_ms(struct yard *y)
{
    return core_now_ms(&y->shards[0]);
}

static void retention_end(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

/* Three segments of partition 0, each a batch of 10 records: 100 s, 50 s and `newest_s` old. No
 * round has been made. */
static struct yard *retention_begin(int64_t retention_ms, int64_t retention_bytes, int64_t newest_s)
{
    struct yard *y = yard_new(1, NULL);
    y->config.topics.retention_ms = retention_ms;
    y->config.topics.retention_bytes = retention_bytes;
    y->value_bytes = 100;
    yard_start(y, 2);
    int64_t now_ms = retention_now_ms(y);
    yard_append(y, 0, RETENTION_RECORDS, now_ms - 100000);
    yard_roll(y, 0);
    yard_append(y, 0, RETENTION_RECORDS, now_ms - 50000);
    yard_roll(y, 0);
    yard_append(y, 0, RETENTION_RECORDS, now_ms - newest_s * 1000);
    return y;
}

/* Kafka's rules by hand: by age whole segments go, the newest one too; by size whole segments go
 * while so many bytes remain, the newest one never. */
static const struct {
    const char *name;
    int64_t retention_ms;
    int64_t retention_bytes;
    int64_t newest_s;
    uint64_t start;
} retention_rows[] = {
    {"nothing goes without limits", -1, -1, 200, 0},
    {"what is old enough goes", 60000, -1, 0, 10},
    {"two segments are old", 30000, -1, 0, 20},
    {"nothing is old yet", 200000, -1, 0, 0},
    {"everything is old", 30000, -1, 40, 30},
    {"a segment stays if its newest record is young", 60000, -1, 55, 10},
    {"what is too much goes", -1, RETENTION_BATCH_BYTES, 0, 20},
    {"a segment stays as long as less would remain", -1, RETENTION_BATCH_BYTES * 3 / 2, 0, 10},
    {"all of it is allowed", -1, RETENTION_BATCH_BYTES * 3, 0, 0},
    {"the newest segment stays by size", -1, 0, 0, 20},
    {"the tighter limit counts: age", 30000, RETENTION_BATCH_BYTES * 3 / 2, 0, 20},
    {"the tighter limit counts: size", 60000, 0, 0, 20},
};

static void retention_row(void **state)
{
    size_t i = (size_t)*state;
    for (uint32_t is_restarted = 0; is_restarted < 2; is_restarted++) {
        struct yard *y =
            retention_begin(retention_rows[i].retention_ms, retention_rows[i].retention_bytes,
                            retention_rows[i].newest_s);
        if (is_restarted == 1) {
            yard_settle(y); /* older segments are to be loaded */
        }
        yard_close(y);
        y->config.retention_check_ms = 1000;
        yard_start(y, 1 + is_restarted);
        assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_EARLIEST).offset, 0);
        yard_run(y, 3500);
        assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_EARLIEST).offset, retention_rows[i].start);
        assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_LATEST).offset, 30);
        yard_crash(y, SIM_CRASH_LOSE);
        y->config.retention_check_ms = 0;
        yard_start(y, 2);
        assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_EARLIEST).offset, retention_rows[i].start);
        retention_end(y);
    }
}

static void a_partition_that_keeps_all_is_not_used(void **state)
{
    (void)state;
    struct yard *y = retention_begin(200000, 1 << 20, 0);
    yard_close(y);
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    struct core_partition *part = yard_partition(y, 0);
    struct log_status before = core_partition_status(part);
    yard_run(y, 60000);
    assert_in_range(y->shards[0].retention.rounds_count, 55, 60);
    assert_int_equal(y->shards[0].retention.trims_count, 0);
    assert_int_equal(core_partition_status(part).end.index, before.end.index);
    assert_int_equal(core_partition_status(part).hard.term, before.hard.term);
    retention_end(y);
}

/* The entry that says so is no reason for another one. */
static void an_emptied_partition_is_left_alone(void **state)
{
    (void)state;
    struct yard *y = retention_begin(30000, -1, 40);
    yard_close(y);
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    yard_run(y, 2500);
    struct core_partition *part = yard_partition(y, 0);
    struct log_status before = core_partition_status(part);
    assert_int_equal(before.start.offset, 30);
    yard_run(y, 60000);
    assert_int_equal(y->shards[0].retention.trims_count, 1);
    assert_int_equal(core_partition_status(part).end.index, before.end.index);
    assert_int_equal(yard_append(y, 0, 1, retention_now_ms(y)), 30);
    assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_EARLIEST).offset, 30);
    retention_end(y);
}

/* A slow partition: without rolls by time its only segment would never be old. */
static void segments_of_a_slow_partition_are_rolled_by_time_and_go(void **state)
{
    (void)state;
    struct yard *y = yard_new(3, NULL);
    y->config.topics.segment_ms = 10000;
    y->config.topics.retention_ms = 30000;
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    int64_t first_ms = retention_now_ms(y);
    for (uint32_t i = 0; i < 120; i++) {
        yard_append(y, 0, 1, retention_now_ms(y));
        yard_run(y, 1000);
        if (i == 60) { /* ages are those of records: a restart changes nothing */
            yard_close(y);
            yard_start(y, 2);
        }
    }
    int64_t now_ms = retention_now_ms(y);
    assert_in_range(now_ms - first_ms, 119000, 130000);
    struct core_offsets oldest = yard_offsets(y, 0, 0);
    assert_in_range(now_ms - oldest.timestamp_found, 29000, 30000 + 10000 + 4000);
    assert_in_range(yard_partition(y, 0)->group.log->segments.count, 3, 6);
    retention_end(y);
}

static void old_records_written_at_once_are_one_segment(void **state)
{
    (void)state;
    struct yard *y = yard_new(4, NULL);
    y->config.topics.segment_ms = 10000;
    y->config.topics.retention_ms = -1;
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    for (uint32_t i = 0; i < 60; i++) {
        yard_append(y, 0, 1, 5000000);
        yard_run(y, 1000);
    }
    assert_int_equal(y->shards[0].retention.rolls_count, 0);
    assert_int_equal(yard_partition(y, 0)->group.log->segments.count, 1);
    yard_append(y, 0, 1, 5000000 + 10000); /* data that spans more is not */
    yard_run(y, 2500);
    assert_int_equal(y->shards[0].retention.rolls_count, 1);
    retention_end(y);
}

static void a_wrong_clock_of_a_client_does_not_roll_again_and_again(void **state)
{
    (void)state;
    struct yard *y = yard_new(5, NULL);
    y->config.topics.segment_ms = 10000;
    y->config.topics.retention_ms = -1;
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    yard_append(y, 0, 1, retention_now_ms(y) + 1000000000); /* from the future */
    for (uint32_t i = 0; i < 30; i++) {
        yard_append(y, 0, 1, retention_now_ms(y));
        yard_run(y, 1000);
    }
    assert_in_range(y->shards[0].retention.rolls_count, 0, 3);
    retention_end(y);
}

/* A copy of older data comes behind a record that is newer than all of it. */
static void old_records_behind_a_newer_one_do_not_roll_again_and_again(void **state)
{
    (void)state;
    struct yard *y = yard_new(7, NULL);
    y->config.topics.segment_ms = 10000;
    y->config.topics.retention_ms = -1;
    y->config.retention_check_ms = 1000;
    yard_start(y, 1);
    yard_append(y, 0, 1, 5000000);
    yard_roll(y, 0);
    for (uint32_t i = 0; i < 30; i++) { /* all of it within a second */
        yard_append(y, 0, 1, 1000 + i * 30);
        yard_run(y, 1500);
    }
    assert_int_equal(y->shards[0].retention.rolls_count, 0);
    yard_append(y, 0, 1, 1000 + 10000); /* data that spans more is rolled all the same */
    yard_run(y, 2500);
    assert_int_equal(y->shards[0].retention.rolls_count, 1);
    retention_end(y);
}

static void a_topic_says_how_large_its_segments_are(void **state)
{
    (void)state;
    struct yard *y = yard_new(6, NULL);
    y->config.topics.segment_bytes = 16 << 10;
    y->value_bytes = 1000;
    yard_start(y, 1);
    for (uint32_t i = 0; i < 40; i++) {
        yard_append(y, 0, 2, 1000);
    }
    assert_int_equal(yard_partition(y, 0)->group.log->segments.count, 6); /* 7 batches each */
    yard_close(y);
    yard_start(y, 2);
    for (uint32_t i = 0; i < 16; i++) {
        yard_append(y, 0, 2, 1000);
    }
    assert_true(yard_partition(y, 0)->group.log->segments.count >= 3); /* told again */
    retention_end(y);
}

/* Many partitions on a shard, some closed in the middle of a round: what is in hand is kept. */
static void a_shard_may_close_in_the_middle_of_a_round(void **state)
{
    (void)state;
    for (uint64_t at_us = 0; at_us < 4000; at_us += 53) {
        struct yard *y = retention_begin(30000, -1, 40);
        y->config.retention_check_ms = 1000;
        yard_settle(y);
        yard_close(y);
        yard_start(y, 1);
        sim_run_for(y->sim, 1000 * RT_NS_PER_MS - 500000 + at_us * 1000);
        yard_close(y);
        yard_free(y);
    }
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_partition_that_keeps_all_is_not_used),
        cmocka_unit_test(an_emptied_partition_is_left_alone),
        cmocka_unit_test(segments_of_a_slow_partition_are_rolled_by_time_and_go),
        cmocka_unit_test(old_records_written_at_once_are_one_segment),
        cmocka_unit_test(a_wrong_clock_of_a_client_does_not_roll_again_and_again),
        cmocka_unit_test(old_records_behind_a_newer_one_do_not_roll_again_and_again),
        cmocka_unit_test(a_topic_says_how_large_its_segments_are),
        cmocka_unit_test(a_shard_may_close_in_the_middle_of_a_round),
    };
    struct CMUnitTest tests[ARRAY_COUNT(retention_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(retention_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = retention_rows[i].name, .test_func = retention_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(retention_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_retention", tests, NULL, NULL);
}
