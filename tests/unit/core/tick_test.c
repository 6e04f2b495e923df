/* Ticks at rest, and positions: bytes worked by hand, what is refused, round trips. */
#include "broker/core/tick.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "broker/core/position.h"
#include "storage/log/batch.h"
#include "tests/support/cmocka.h"

#define TOPIC_HEX "101112131415161718191a1b1c1d1e1f"
#define VIEW_HEX  "e0e1e2e3e4e5e6e7e8e9eaebecedeeef"
#define TIME_HEX  "50cede6d61010000"
#define EPOCH_HEX "4d3c2b1a00000000"

static size_t tick_unhex(const char *hex, uint8_t *out)
{
    size_t length = 0;
    for (; hex[0] != '\0'; hex += 2) {
        unsigned value;
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        out[length++] = (uint8_t)value;
    }
    return length;
}

/* Version 1, field by field, as tick.h says: later builds read these. */
static const struct {
    const char *name;
    const char *hex;
    uint64_t number;
    bool is_whole;
    uint32_t moved_count;
    uint16_t starts_count;
} golden_rows[] = {
    {"an empty tick",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     1, false, 0, 0},
    {"a whole tick with a partition",
     "0100"
     "0100"
     "0700000000000000" TIME_HEX EPOCH_HEX "01000000" TOPIC_HEX "02000000"
     "e803000000000000"
     "0000",
     7, true, 1, 0},
    {"a view's start",
     "0100"
     "0000"
     "ffffffffffffff7f" TIME_HEX EPOCH_HEX "02000000" TOPIC_HEX "00000000"
     "0000000000000000" TOPIC_HEX "01000000"
     "0500000000000000"
     "0100" VIEW_HEX "02000000"
     "0000000000000000"
     "0300000000000000",
     INT64_MAX, false, 2, 1},
};

static void tick_golden_row(void **state)
{
    size_t i = (size_t)*state;
    uint8_t bytes[256];
    uint8_t out[256];
    struct core_tick tick;
    size_t length = tick_unhex(golden_rows[i].hex, bytes);
    assert_int_equal(core_tick_get(bytes, length, &tick), ERR_OK);
    assert_int_equal(tick.number, golden_rows[i].number);
    assert_int_equal(tick.is_whole, golden_rows[i].is_whole);
    assert_int_equal(tick.wall_ms, INT64_C(1517966773840));
    assert_int_equal(tick.epoch, 0x1a2b3c4d);
    assert_int_equal(tick.moved_count, golden_rows[i].moved_count);
    assert_int_equal(tick.starts_count, golden_rows[i].starts_count);
    assert_int_equal(core_tick_bytes(&tick), length);
    struct bytes_writer w = bytes_writer(out, length);
    core_tick_put(&w, &tick);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, length);
    assert_memory_equal(out, bytes, length);
    for (size_t room = 0; room < length; room++) { /* whole or not at all */
        w = bytes_writer(out, room);
        core_tick_put(&w, &tick);
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
    }
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_int_equal(core_tick_get(exact, cut, &tick), ERR_CORRUPT);
        assert_int_equal(tick.number, 0);
        free(exact);
    }
    bytes[length] = 0;
    assert_int_equal(core_tick_get(bytes, length + 1, &tick), ERR_CORRUPT);
}

static void parts_of_a_tick_are_read_one_by_one(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct core_tick tick;
    size_t length = tick_unhex(golden_rows[2].hex, bytes);
    assert_int_equal(core_tick_get(bytes, length, &tick), ERR_OK);
    struct core_tick_moved moved = core_tick_moved(&tick, 1);
    assert_int_equal(moved.topic.bytes[15], 0x1f);
    assert_int_equal(moved.partition, 1);
    assert_int_equal(moved.end, 5);
    struct bytes_reader r = core_tick_starts(&tick);
    struct core_tick_start start;
    assert_true(core_tick_next_start(&r, &start));
    assert_int_equal(start.view.bytes[0], 0xe0);
    assert_int_equal(start.partitions_count, 2);
    assert_int_equal(core_tick_origin(&start, 0), 0);
    assert_int_equal(core_tick_origin(&start, 1), 3);
    assert_int_equal(core_tick_origin(&start, 2), 0); /* made later */
    assert_false(core_tick_next_start(&r, &start));
}

static const struct {
    const char *name;
    const char *hex;
    enum err err;
} refused_rows[] = {
    {"version 0",
     "0000"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     ERR_CORRUPT},
    {"a newer version",
     "0200"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     ERR_UNSUPPORTED},
    {"an unknown flag",
     "0100"
     "0200"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     ERR_UNSUPPORTED},
    {"number 0",
     "0100"
     "0000"
     "0000000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     ERR_CORRUPT},
    {"a number above 2^63",
     "0100"
     "0000"
     "0000000000000080" TIME_HEX EPOCH_HEX "00000000"
     "0000",
     ERR_CORRUPT},
    {"a time before 1970",
     "0100"
     "0000"
     "0100000000000000"
     "ffffffffffffffff" EPOCH_HEX "00000000"
     "0000",
     ERR_CORRUPT},
    {"epoch 0",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX "0000000000000000"
     "00000000"
     "0000",
     ERR_CORRUPT},
    {"an epoch of more than 32 bits",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX "0000000001000000"
     "00000000"
     "0000",
     ERR_CORRUPT},
    {"more moved partitions than bytes",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "ffffffff"
     "0000",
     ERR_CORRUPT},
    {"a zero topic",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "01000000"
     "00000000000000000000000000000000"
     "00000000"
     "0000000000000000"
     "0000",
     ERR_CORRUPT},
    {"a partition out of bounds",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "01000000" TOPIC_HEX "a0860100"
     "0000000000000000"
     "0000",
     ERR_CORRUPT},
    {"an end above 2^63",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "01000000" TOPIC_HEX "00000000"
     "0000000000000080"
     "0000",
     ERR_CORRUPT},
    {"more starts than bytes",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0100",
     ERR_CORRUPT},
    {"fewer starts than bytes",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0000" VIEW_HEX "01000000"
     "0000000000000000",
     ERR_CORRUPT},
    {"a zero view",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0100"
     "00000000000000000000000000000000"
     "01000000"
     "0000000000000000",
     ERR_CORRUPT},
    {"a start of no partitions",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0100" VIEW_HEX "00000000",
     ERR_CORRUPT},
    {"a start of more partitions than bytes",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0100" VIEW_HEX "ffffffff",
     ERR_CORRUPT},
    {"an origin above 2^63",
     "0100"
     "0000"
     "0100000000000000" TIME_HEX EPOCH_HEX "00000000"
     "0100" VIEW_HEX "01000000"
     "0000000000000080",
     ERR_CORRUPT},
};

static void tick_refused_row(void **state)
{
    size_t i = (size_t)*state;
    uint8_t bytes[256];
    struct core_tick tick;
    size_t length = tick_unhex(refused_rows[i].hex, bytes);
    assert_int_equal(core_tick_get(bytes, length, &tick), refused_rows[i].err);
    assert_int_equal(tick.number, 0);
}

static void a_tick_is_alone_in_its_batch(void **state)
{
    (void)state;
    uint8_t value[256];
    uint8_t batch[512];
    struct core_tick tick;
    struct cpu cpu;
    cpu_detect(&cpu);
    const struct crc32c *kernels = crc32c_for(&cpu);
    size_t length = tick_unhex(golden_rows[2].hex, value);
    struct bytes_writer w = bytes_writer(batch, core_tick_batch_bound(length));
    core_tick_put_batch(&w, kernels, value, length, 1000);
    assert_int_equal(w.err, ERR_OK);
    assert_true(log_batch_is_sound(kernels, batch, w.pos));
    assert_int_equal(core_tick_get_batch(batch, w.pos, &tick), ERR_OK);
    assert_int_equal(tick.number, INT64_MAX);
    assert_int_equal(tick.starts_count, 1);
    assert_int_not_equal(core_tick_get_batch(batch, w.pos - 1, &tick), ERR_OK);
    struct bytes_writer small = bytes_writer(value, 16);
    core_tick_put_batch(&small, kernels, batch, length, 1000);
    assert_int_equal(small.err, ERR_TOO_LARGE);
    assert_int_equal(small.pos, 0);
    batch[LOG_BATCH_HEADER_BYTES - 1] = 2; /* records, as the header says */
    assert_int_equal(core_tick_get_batch(batch, w.pos, &tick), ERR_CORRUPT);
    batch[22] |= 1; /* gzip */
    assert_int_equal(core_tick_get_batch(batch, w.pos, &tick), ERR_UNSUPPORTED);
}

/* --- Positions --- */

static const struct {
    const char *text;
    enum err err;
    uint32_t epoch;
    uint64_t tick;
} position_rows[] = {
    {"1a2b3c4d.17", ERR_OK, 0x1a2b3c4d, 17},
    {"00000001.1", ERR_OK, 1, 1},
    {"ffffffff.18446744073709551615", ERR_OK, UINT32_MAX, UINT64_MAX},
    {"00000000.0", ERR_OK, 0, 0},
    {"", ERR_INVALID, 0, 0},
    {".", ERR_INVALID, 0, 0},
    {"1a2b3c4d", ERR_INVALID, 0, 0},
    {"1a2b3c4d.", ERR_INVALID, 0, 0},
    {"1A2B3C4D.17", ERR_INVALID, 0, 0},
    {"1a2b3c4.17", ERR_INVALID, 0, 0},
    {"1a2b3c4d.017", ERR_INVALID, 0, 0},
    {"1a2b3c4d.-1", ERR_INVALID, 0, 0},
    {"1a2b3c4d.+1", ERR_INVALID, 0, 0},
    {"1a2b3c4d. 1", ERR_INVALID, 0, 0},
    {"1a2b3c4d.1 ", ERR_INVALID, 0, 0},
    {"1a2b3c4g.1", ERR_INVALID, 0, 0},
    {"1a2b3c4d,1", ERR_INVALID, 0, 0},
    {"ffffffff.18446744073709551616", ERR_INVALID, 0, 0},
    {"ffffffff.184467440737095516150", ERR_INVALID, 0, 0},
};

static void positions_are_read_as_they_are_written_and_in_no_other_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(position_rows); i++) {
        struct core_position position;
        char text[CORE_POSITION_BYTES];
        size_t length = strlen(position_rows[i].text);
        assert_int_equal(core_position_get(position_rows[i].text, length, &position),
                         position_rows[i].err);
        assert_int_equal(position.epoch, position_rows[i].epoch);
        assert_int_equal(position.tick, position_rows[i].tick);
        if (position_rows[i].err == ERR_OK) {
            assert_int_equal(core_position_put(&position, text), length);
            assert_string_equal(text, position_rows[i].text);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(parts_of_a_tick_are_read_one_by_one),
        cmocka_unit_test(a_tick_is_alone_in_its_batch),
        cmocka_unit_test(positions_are_read_as_they_are_written_and_in_no_other_way),
    };
    struct CMUnitTest
        tests[ARRAY_COUNT(golden_rows) + ARRAY_COUNT(refused_rows) + ARRAY_COUNT(plain)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(golden_rows); i++) {
        tests[count++] = (struct CMUnitTest){
            .name = golden_rows[i].name, .test_func = tick_golden_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(refused_rows); i++) {
        tests[count++] = (struct CMUnitTest){.name = refused_rows[i].name,
                                             .test_func = tick_refused_row,
                                             .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[count++] = plain[i];
    }
    return cmocka_run_group_tests_name("core_tick", tests, NULL, NULL);
}
