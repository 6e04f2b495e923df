/* Records deleted from the front of a partition: by clients, to within a batch, over restarts and
 * crashes. */
#include "broker/core/trim.h"

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/core/yard.h"

/* Three batches: records 0..9, 10..14, 15..34. */
static struct yard *trim_begin(uint32_t shards_count)
{
    struct yard *y = yard_new(1, NULL);
    yard_start(y, shards_count);
    assert_int_equal(yard_append(y, 0, 10, 1000), 0);
    assert_int_equal(yard_append(y, 0, 5, 1000), 10);
    assert_int_equal(yard_append(y, 0, 20, 1000), 15);
    return y;
}

static void trim_end(struct yard *y)
{
    yard_close(y);
    yard_free(y);
}

/* What clients are shown of partition 0 begins at `start` and ends at `end`. */
static void trim_expect(struct yard *y, uint64_t start, uint64_t end)
{
    struct core_offsets first = yard_offsets(y, 0, CORE_OFFSETS_EARLIEST);
    struct core_offsets last = yard_offsets(y, 0, CORE_OFFSETS_LATEST);
    assert_int_equal(first.code, CORE_OK);
    assert_int_equal(first.offset, start);
    assert_int_equal(last.offset, end);
    struct core_fetch_item item = yard_fetch(y, 0, start, -1);
    assert_int_equal(item.code, CORE_OK);
    assert_int_equal(item.log_start_offset, start);
    assert_int_equal(item.high_watermark, end);
    assert_true(start == end || item.bytes > 0);
    if (start > 0) {
        assert_int_equal(yard_fetch(y, 0, start - 1, -1).code, CORE_OFFSET_OUT_OF_RANGE);
        assert_int_equal(yard_fetch(y, 0, 0, -1).code, CORE_OFFSET_OUT_OF_RANGE);
    }
}

/* By hand from Kafka's DeleteRecords: -1 is the high watermark, above it is refused, below the log
 * start changes nothing, the answer is where the log starts. */
static const struct {
    const char *name;
    int64_t offset;
    enum core_code code;
    uint64_t start;
} trim_rows[] = {
    {"at the start nothing goes", 0, CORE_OK, 0},
    {"one record goes of a batch", 1, CORE_OK, 1},
    {"all but one record of a batch go", 9, CORE_OK, 9},
    {"a batch goes", 10, CORE_OK, 10},
    {"a batch and a half go", 12, CORE_OK, 12},
    {"two batches go", 15, CORE_OK, 15},
    {"all but the last record go", 34, CORE_OK, 34},
    {"all records go, by the end's offset", 35, CORE_OK, 35},
    {"all records go, by minus one", -1, CORE_OK, 35},
    {"above the high watermark is refused", 36, CORE_OFFSET_OUT_OF_RANGE, 0},
    {"far above it is refused", INT64_MAX, CORE_OFFSET_OUT_OF_RANGE, 0},
    {"below minus one is refused", -2, CORE_OFFSET_OUT_OF_RANGE, 0},
};

static void trim_row(void **state)
{
    size_t i = (size_t)*state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct yard *y = trim_begin(shards);
        struct core_trim trim = yard_trim(y, 0, trim_rows[i].offset);
        assert_int_equal(trim.code, trim_rows[i].code);
        assert_int_equal(trim.log_start_offset, trim_rows[i].start);
        trim_expect(y, trim_rows[i].start, 35);
        yard_crash(y, SIM_CRASH_LOSE); /* what was answered is durable */
        yard_start(y, 3);
        trim_expect(y, trim_rows[i].start, 35);
        trim_end(y);
    }
}

/* Trap 21 of anchors/broker.md. */
static void a_log_start_within_a_batch_stays_there_and_only_grows(void **state)
{
    (void)state;
    struct yard *y = trim_begin(2);
    assert_int_equal(yard_trim(y, 0, 12).log_start_offset, 12);
    assert_int_equal(yard_trim(y, 0, 11).log_start_offset, 12);
    assert_int_equal(yard_trim(y, 0, 13).log_start_offset, 13); /* of the same batch */
    trim_expect(y, 13, 35);
    yard_settle(y);
    yard_close(y);
    yard_start(y, 1);
    trim_expect(y, 13, 35);
    assert_int_equal(yard_append(y, 0, 1, 1000), 35);
    assert_int_equal(yard_trim(y, 0, 20).log_start_offset, 20);
    yard_settle(y);
    yard_crash(y, SIM_CRASH_KEEP);
    yard_start(y, 2);
    trim_expect(y, 20, 36);
    trim_end(y);
}

static void an_emptied_partition_goes_on_at_its_offset(void **state)
{
    (void)state;
    struct yard *y = trim_begin(1);
    assert_int_equal(yard_trim(y, 0, CORE_TRIM_ALL).log_start_offset, 35);
    yard_crash(y, SIM_CRASH_LOSE);
    yard_start(y, 2);
    trim_expect(y, 35, 35);
    assert_int_equal(yard_append(y, 0, 2, 1000), 35);
    trim_expect(y, 35, 37);
    trim_end(y);
}

static void a_partition_without_records_has_none_to_delete(void **state)
{
    (void)state;
    struct yard *y = yard_new(2, NULL);
    yard_start(y, 2);
    struct core_trim trim = yard_trim(y, 1, CORE_TRIM_ALL);
    assert_int_equal(trim.code, CORE_OK);
    assert_int_equal(trim.log_start_offset, 0);
    assert_int_equal(yard_trim(y, 1, 1).code, CORE_OFFSET_OUT_OF_RANGE);
    trim_end(y);
}

static void a_partition_that_is_not_there_is_unknown(void **state)
{
    (void)state;
    struct yard *y = trim_begin(1);
    yard_trim_start(y, 0, 1, 60000);
    yard_wait(y);
    struct log_uuid other = {.bytes = {9}};
    y->trim.topic = other;
    core_trim_start(&y->shards[0], &y->trim);
    y->pending_count++;
    yard_wait(y);
    assert_int_equal(y->trim.code, CORE_UNKNOWN_TOPIC);
    trim_end(y);
}

/* The answer waits for the disk. */
static void a_wish_that_takes_too_long_is_told_so(void **state)
{
    (void)state;
    struct yard *y = trim_begin(1);
    yard_trim_start(y, 0, 12, 0);
    yard_wait(y);
    assert_int_equal(y->trim.code, CORE_TIMEOUT);
    yard_run(y, 100);
    trim_expect(y, 12, 35); /* it was done all the same */
    trim_end(y);
}

static void times_are_looked_for_above_the_log_start_only(void **state)
{
    (void)state;
    struct yard *y = yard_new(3, NULL);
    yard_start(y, 2);
    y->step_ms = 10;
    yard_append(y, 0, 10, 1000); /* 1000, 1010, ... 1090 */
    assert_int_equal(yard_offsets(y, 0, 1000).offset, 0);
    assert_int_equal(yard_trim(y, 0, 4).log_start_offset, 4);
    struct core_offsets found = yard_offsets(y, 0, 1000);
    assert_int_equal(found.offset, 4);
    assert_int_equal(found.timestamp_found, 1040);
    trim_end(y);
}

/* Appends, wishes, settles, restarts and crashes at random; what was answered holds. */
static void trim_life(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct yard *y = yard_new(seed, NULL);
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t start_asked = 0;
    yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
    for (uint32_t i = 0; i < 60; i++) {
        uint64_t what = prng_below(&prng, 10);
        if (what < 4) {
            uint32_t records = 1 + (uint32_t)prng_below(&prng, 20);
            y->value_bytes = (uint32_t)prng_below(&prng, 400);
            assert_int_equal(yard_append(y, 0, records, 1000), end);
            end += records;
        } else if (what < 7) {
            uint64_t offset = prng_below(&prng, end + 1);
            struct core_trim trim = yard_trim(y, 0, (int64_t)offset);
            start = offset > start ? offset : start;
            assert_int_equal(trim.code, CORE_OK);
            assert_in_range(trim.log_start_offset, start,
                            start_asked > start ? start_asked : start);
            start = trim.log_start_offset;
        } else if (what == 7) {
            yard_settle(y);
        } else if (what == 8) {
            uint64_t offset = prng_below(&prng, end + 1);
            yard_trim_start(y, 0, (int64_t)offset, 60000);
            start_asked = offset > start_asked ? offset : start_asked;
            sim_run_for(y->sim, prng_below(&prng, 3 * RT_NS_PER_MS));
            yard_crash(y, prng_below(&prng, 2) == 0 ? SIM_CRASH_LOSE : SIM_CRASH_KEEP);
            yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
            struct core_offsets first = yard_offsets(y, 0, CORE_OFFSETS_EARLIEST);
            assert_in_range(first.offset, start, start_asked > start ? start_asked : start);
            start = (uint64_t)first.offset;
        } else {
            yard_close(y);
            yard_start(y, 1 + (uint32_t)prng_below(&prng, YARD_SHARDS));
        }
        trim_expect(y, start, end);
    }
    trim_end(y);
}

static void lives_keep_what_was_answered(void **state)
{
    (void)state;
    struct share share = share_open("lives of a partition that is trimmed", 60);
    while (share_more(&share)) {
        trim_life(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(a_log_start_within_a_batch_stays_there_and_only_grows),
        cmocka_unit_test(an_emptied_partition_goes_on_at_its_offset),
        cmocka_unit_test(a_partition_without_records_has_none_to_delete),
        cmocka_unit_test(a_partition_that_is_not_there_is_unknown),
        cmocka_unit_test(a_wish_that_takes_too_long_is_told_so),
        cmocka_unit_test(times_are_looked_for_above_the_log_start_only),
        cmocka_unit_test(lives_keep_what_was_answered),
    };
    struct CMUnitTest tests[ARRAY_COUNT(trim_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(trim_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = trim_rows[i].name, .test_func = trim_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(trim_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_trim", tests, NULL, NULL);
}
