/* Records: the bytes of every kind, everything cut off, flipped, out of range, under another seed.
 */
#include "storage/log/record.h"

#include <string.h>

#include "base/prng.h"
#include "storage/log/frame.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"
#include "tests/unit/storage/samples.h"

static enum err record_decode_under(uint32_t seed, const void *data, size_t length)
{
    struct bytes_reader r = bytes_reader(data, length);
    struct log_record record;
    memset(&record, 0x55, sizeof(record));
    log_record_get(&r, formats_kernels(), seed, &record);
    if (r.err != ERR_OK) {
        assert_int_equal(r.pos, 0); /* still at the record that failed */
        assert_true(record.kind == 0 && record.group == 0 && record.seq == 0);
        assert_true(record.entry.index == 0 && record.header_crc == 0);
        assert_null(record.data);
        assert_int_equal(record.data_bytes, 0);
    } else {
        assert_int_equal(r.pos, length);
    }
    return r.err;
}

static enum err record_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    (void)kernels;
    return record_decode_under(SAMPLES_SEED, data, length);
}

/* Bytes of the fixed part of the kind. */
static size_t record_fixed(enum log_record_kind kind)
{
    switch (kind) {
#define RECORD_FIXED(name, value, bytes)                                                           \
    case LOG_RECORD_##name: return bytes;
        LOG_RECORD_KINDS(RECORD_FIXED)
#undef RECORD_FIXED
    }
    fail();
    return 0;
}

/* Where what the checksum covers ends in the line. */
static size_t record_covered_end(const struct sample *line)
{
    struct log_record record = samples_record(line->kind);
    size_t end = LOG_RECORD_HEAD_BYTES + record_fixed(line->kind);
    return line->kind == LOG_RECORD_ENTRY ? end : end + record.data_bytes;
}

/* Put the checksum of the line's `data` right again. */
static void record_seal(const struct sample *line, uint8_t *data)
{
    const struct crc32c *kernels = formats_kernels();
    uint32_t crc = crc32c(kernels, SAMPLES_SEED, data, 28);
    crc = crc32c(kernels, crc, data + 32, record_covered_end(line) - 32);
    formats_poke(data, 28, crc, 4);
}

static void record_kinds_have_their_names(void **state)
{
    (void)state;
    assert_int_equal(SAMPLES_COUNT, 12);
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        assert_int_equal(samples_get(i)->kind, i + 1);
        assert_string_equal(log_record_kind_name(samples_get(i)->kind), samples_get(i)->name);
    }
    assert_string_equal(log_record_kind_name((enum log_record_kind)0), "unknown");
    assert_string_equal(log_record_kind_name((enum log_record_kind)13), "unknown");
    assert_string_equal(log_record_kind_name((enum log_record_kind)255), "unknown");
}

static void record_of_each_kind_stands_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        struct log_record record = samples_record(samples_get(i)->kind);
        assert_int_equal(log_record_bytes(&record), samples_get(i)->length);
        uint8_t out[256];
        memset(out, 0x55, sizeof(out));
        struct bytes_writer w = bytes_writer(out, 8 + samples_get(i)->length);
        bytes_put_zeros(&w, 8);
        log_record_put(&w, formats_kernels(), SAMPLES_SEED, &record);
        assert_int_equal(w.err, ERR_OK);
        assert_int_equal(w.pos, 8 + samples_get(i)->length);
        assert_memory_equal(out + 8, samples_get(i)->bytes, samples_get(i)->length);
    }
}

static void record_of_each_kind_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        struct log_record want = samples_record(samples_get(i)->kind);
        struct bytes_reader r = bytes_reader(samples_get(i)->bytes, samples_get(i)->length);
        struct log_record record;
        log_record_get(&r, formats_kernels(), SAMPLES_SEED, &record);
        assert_int_equal(r.err, ERR_OK);
        assert_int_equal(bytes_reader_left(&r), 0);
        samples_assert_equal(&record, &want);
        const uint8_t *data = (const uint8_t *)samples_get(i)->bytes + LOG_RECORD_HEAD_BYTES +
                              record_fixed(samples_get(i)->kind);
        assert_ptr_equal(record.data, record.data_bytes > 0 ? data : NULL);
    }
}

static void record_cut_short_is_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        formats_cut_is_truncated(samples_get(i)->bytes, samples_get(i)->length, record_decode);
    }
}

/* All of it but the body's length, which may also ask for more than there is. */
static void record_with_a_flipped_bit_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        const struct sample *line = samples_get(i);
        formats_flip_is_corrupt(line->bytes, line->length, 0, 4, record_decode);
        formats_flip_is_corrupt(line->bytes, line->length, 8, record_covered_end(line),
                                record_decode);
        uint8_t data[256];
        memcpy(data, line->bytes, line->length);
        for (size_t bit = 4 * 8; bit < 8 * 8; bit++) {
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum err err = record_decode(formats_kernels(), data, line->length);
            assert_true(err == ERR_CORRUPT || err == ERR_TRUNCATED);
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/* An entry's batch has checksums of its own; padding has none and is not read. */
static void record_batch_and_padding_are_not_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        const struct sample *line = samples_get(i);
        uint8_t data[256];
        memcpy(data, line->bytes, line->length);
        size_t from = record_covered_end(line);
        memset(data + from, 0xff, line->length - from);
        assert_int_equal(record_decode(formats_kernels(), data, line->length), ERR_OK);
    }
}

static void record_of_a_former_life_never_verifies(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    struct log_uuid disk = {.bytes = {1, 2, 3}};
    uint32_t seed = log_frame_seed(kernels, &disk, 7, 11, 13);
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        uint8_t data[256];
        struct bytes_writer w = bytes_writer(data, sizeof(data));
        struct log_record record = samples_record(samples_get(i)->kind);
        log_record_put(&w, kernels, seed, &record);
        assert_int_equal(record_decode_under(seed, data, w.pos), ERR_OK);
        struct log_uuid other = {.bytes = {1, 2, 4}};
        uint32_t seeds[] = {
            log_frame_seed(kernels, &other, 7, 11, 13), log_frame_seed(kernels, &disk, 6, 11, 13),
            log_frame_seed(kernels, &disk, 7, 10, 13),  log_frame_seed(kernels, &disk, 7, 11, 12),
            log_frame_seed(kernels, &disk, 7, 11, 14),  0,
        };
        for (size_t j = 0; j < ARRAY_COUNT(seeds); j++) {
            assert_int_equal(record_decode_under(seeds[j], data, w.pos), ERR_CORRUPT);
        }
        for (unsigned bit = 0; bit < 32; bit++) {
            assert_int_equal(record_decode_under(seed ^ 1u << bit, data, w.pos), ERR_CORRUPT);
        }
    }
}

static void record_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        struct log_record record = samples_record(samples_get(i)->kind);
        for (size_t room = 0; room < samples_get(i)->length; room++) {
            uint8_t out[256] = {0};
            struct bytes_writer w = bytes_writer(out, room);
            log_record_put(&w, formats_kernels(), SAMPLES_SEED, &record);
            assert_int_equal(w.err, ERR_TOO_LARGE);
            assert_int_equal(w.pos, 0);
            assert_memory_equal(out, ((uint8_t[256]){0}), sizeof(out));
        }
    }
}

static void record_after_a_failure_changes_nothing(void **state)
{
    (void)state;
    struct log_record record = samples_record(LOG_RECORD_HARD);
    uint8_t out[64] = {0};
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    w.err = ERR_INVALID;
    log_record_put(&w, formats_kernels(), SAMPLES_SEED, &record);
    assert_int_equal(w.pos, 0);
    assert_int_equal(w.err, ERR_INVALID);
    struct bytes_reader r = bytes_reader(samples_get(LOG_RECORD_HARD - 1)->bytes, 48);
    bytes_reader_fail(&r, ERR_INVALID);
    log_record_get(&r, formats_kernels(), SAMPLES_SEED, &record);
    assert_int_equal(r.err, ERR_INVALID);
    assert_int_equal(r.pos, 0);
    assert_int_equal(record.kind, 0);
}

/* A field with another value, the checksum right again. Positions in the body count from 32. */
static const struct {
    const char *name;
    enum log_record_kind kind;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
} record_rows[] = {
    {"kind 0", LOG_RECORD_DELETE, 0, 1, 0, ERR_CORRUPT},
    {"a later kind", LOG_RECORD_DELETE, 0, 1, 13, ERR_CORRUPT},
    {"the highest kind", LOG_RECORD_DELETE, 0, 1, 255, ERR_CORRUPT},
    {"a kind whose fixed part is not there", LOG_RECORD_DELETE, 0, 1, 3, ERR_CORRUPT},
    {"a kind whose fixed part is longer", LOG_RECORD_HARD, 0, 1, 2, ERR_CORRUPT},
    {"a kind of less", LOG_RECORD_CREATE, 0, 1, 3, ERR_CORRUPT},
    {"direct on an entry", LOG_RECORD_ENTRY, 1, 1, 1, ERR_CORRUPT},
    {"direct on a cut", LOG_RECORD_CUT, 1, 1, 1, ERR_CORRUPT},
    {"a whole tail with what a direct one has", LOG_RECORD_TAIL, 1, 1, 0, ERR_CORRUPT},
    {"an unknown flag", LOG_RECORD_TAIL, 1, 1, 3, ERR_CORRUPT},
    {"any key", LOG_RECORD_CUT, 2, 2, 0xffff, ERR_OK},
    {"group 0", LOG_RECORD_HARD, 8, 8, 0, ERR_OK},
    {"the highest group", LOG_RECORD_HARD, 8, 8, UINT64_MAX, ERR_OK},
    {"group_seq 0", LOG_RECORD_HARD, 16, 8, 0, ERR_CORRUPT},
    {"the first group_seq", LOG_RECORD_HARD, 16, 8, 1, ERR_OK},
    {"the highest group_seq", LOG_RECORD_HARD, 16, 8, INT64_MAX, ERR_OK},
    {"a group_seq above it", LOG_RECORD_HARD, 16, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"header checksum 0", LOG_RECORD_ENTRY, 24, 4, 0, ERR_OK},
    {"header checksum of no entry", LOG_RECORD_HARD, 24, 4, 1, ERR_CORRUPT},
    {"entry: index 0", LOG_RECORD_ENTRY, 32, 8, 0, ERR_CORRUPT},
    {"entry: the highest index", LOG_RECORD_ENTRY, 32, 8, INT64_MAX, ERR_OK},
    {"entry: an index above it", LOG_RECORD_ENTRY, 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"entry: the highest offset", LOG_RECORD_ENTRY, 40, 8, INT64_MAX - 0x71727375ull, ERR_OK},
    {"entry: next offset too high", LOG_RECORD_ENTRY, 40, 8, INT64_MAX - 0x71727374ull,
     ERR_CORRUPT},
    {"entry: offset that wraps", LOG_RECORD_ENTRY, 40, 8, UINT64_MAX, ERR_CORRUPT},
    {"entry: the highest term", LOG_RECORD_ENTRY, 48, 4, LIMIT_TERM, ERR_OK},
    {"entry: a term above it", LOG_RECORD_ENTRY, 48, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"entry: no offset", LOG_RECORD_ENTRY, 52, 4, 0xffffffff, ERR_OK},
    {"entry: less than none", LOG_RECORD_ENTRY, 52, 4, 0xfffffffe, ERR_CORRUPT},
    {"entry: 60 bytes of batch", LOG_RECORD_ENTRY, 4, 4, 100, ERR_CORRUPT},
    {"entry: no batch", LOG_RECORD_ENTRY, 4, 4, 40, ERR_CORRUPT},
    {"entry: batch of the next record", LOG_RECORD_ENTRY, 4, 4, 105, ERR_TRUNCATED},
    {"entry: batch without end", LOG_RECORD_ENTRY, 4, 4, 0xffffffff, ERR_TRUNCATED},
    {"cut: everything", LOG_RECORD_CUT, 32, 8, 1, ERR_OK},
    {"cut: before the first", LOG_RECORD_CUT, 32, 8, 0, ERR_CORRUPT},
    {"cut: the highest index", LOG_RECORD_CUT, 32, 8, INT64_MAX, ERR_OK},
    {"cut: an index above it", LOG_RECORD_CUT, 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"cut: an offset too high", LOG_RECORD_CUT, 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"cut: a term too high", LOG_RECORD_CUT, 48, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"hard: the highest term", LOG_RECORD_HARD, 32, 4, LIMIT_TERM, ERR_OK},
    {"hard: a term above it", LOG_RECORD_HARD, 32, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"hard: no vote", LOG_RECORD_HARD, 36, 4, 0, ERR_OK},
    {"hard: the highest index", LOG_RECORD_HARD, 40, 8, INT64_MAX, ERR_OK},
    {"hard: an index above it", LOG_RECORD_HARD, 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"trim: to nothing", LOG_RECORD_TRIM, 32, 8, 1, ERR_OK},
    {"trim: index 0", LOG_RECORD_TRIM, 32, 8, 0, ERR_CORRUPT},
    {"trim: an index too high", LOG_RECORD_TRIM, 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"trim: an offset too high", LOG_RECORD_TRIM, 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"trim: a term too high", LOG_RECORD_TRIM, 48, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"trim: reserved", LOG_RECORD_TRIM, 52, 4, 0xffffffff, ERR_OK},
    {"reset: index 0", LOG_RECORD_RESET, 32, 8, 0, ERR_CORRUPT},
    {"reset: an offset too high", LOG_RECORD_RESET, 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"reset: reserved", LOG_RECORD_RESET, 76, 4, 0xffffffff, ERR_OK},
    {"tail: no segment", LOG_RECORD_TAIL, 32, 8, 0, ERR_CORRUPT},
    {"tail: a segment too high", LOG_RECORD_TAIL, 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"tail: records before the segment", LOG_RECORD_TAIL, 48, 8, 1, ERR_CORRUPT},
    {"tail: records too high", LOG_RECORD_TAIL, 48, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"tail: a record fewer", LOG_RECORD_TAIL, 44, 4, 0, ERR_CORRUPT},
    {"tail: a record more", LOG_RECORD_TAIL, 44, 4, 2, ERR_CORRUPT},
    {"tail: records that wrap 32 bits", LOG_RECORD_TAIL, 44, 4, 0x08000001, ERR_CORRUPT},
    {"tail: not whole blocks", LOG_RECORD_TAIL, 56, 4, 4097, ERR_CORRUPT},
    {"tail: the last block", LOG_RECORD_TAIL, 56, 4, 0xfffff000, ERR_OK},
    {"tail: nothing written, but a checksum of it", LOG_RECORD_TAIL, 56, 4, 8192, ERR_CORRUPT},
    {"tail: written before where it begins", LOG_RECORD_TAIL, 56, 4, 4096, ERR_CORRUPT},
    {"tail: a byte less of the rest", LOG_RECORD_TAIL, 60, 4, 4, ERR_CORRUPT},
    {"tail: a rest without end", LOG_RECORD_TAIL, 60, 4, 0xffffffff, ERR_CORRUPT},
    {"tail: any number before", LOG_RECORD_TAIL, 64, 4, 0xffffffff, ERR_OK},
    {"tail: direct from the segment's start", LOG_RECORD_TAIL, 68, 4, 0, ERR_OK},
    {"tail: direct from within a block", LOG_RECORD_TAIL, 68, 4, 4097, ERR_CORRUPT},
    {"tail: direct from what is written, with a checksum", LOG_RECORD_TAIL, 68, 4, 12288,
     ERR_CORRUPT},
    {"tail: direct from behind it", LOG_RECORD_TAIL, 68, 4, 16384, ERR_CORRUPT},
    {"tail: any checksum", LOG_RECORD_TAIL, 72, 4, 0xffffffff, ERR_OK},
    {"tail: reserved", LOG_RECORD_TAIL, 76, 4, 0xffffffff, ERR_OK},
    {"create: any partition", LOG_RECORD_CREATE, 48, 4, 0xffffffff, ERR_OK},
    {"create: reserved", LOG_RECORD_CREATE, 52, 4, 0xffffffff, ERR_OK},
    {"roll: index 0", LOG_RECORD_ROLL, 32, 8, 0, ERR_CORRUPT},
    {"roll: the highest index", LOG_RECORD_ROLL, 32, 8, INT64_MAX, ERR_OK},
    {"roll: an index above it", LOG_RECORD_ROLL, 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"roll: reserved", LOG_RECORD_ROLL, 44, 4, 0xffffffff, ERR_OK},
    {"switch: index 0", LOG_RECORD_SWITCH, 32, 8, 0, ERR_CORRUPT},
    {"mark: of no range", LOG_RECORD_MARK, 32, 8, 0, ERR_CORRUPT},
    {"mark: ends before it begins", LOG_RECORD_MARK, 40, 8, SAMPLES_INDEX - 2, ERR_CORRUPT},
    {"mark: one index", LOG_RECORD_MARK, 40, 8, SAMPLES_INDEX - 1, ERR_OK},
    {"mark: an index too high", LOG_RECORD_MARK, 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"mark: an offset too high", LOG_RECORD_MARK, 48, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"mark: a term too high", LOG_RECORD_MARK, 56, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"mark: of nothing", LOG_RECORD_MARK, 60, 4, 0, ERR_CORRUPT},
    {"mark: quarantine", LOG_RECORD_MARK, 60, 4, 1, ERR_OK},
    {"mark: amnesiac", LOG_RECORD_MARK, 60, 4, 3, ERR_OK},
    {"mark: accepted", LOG_RECORD_MARK, 60, 4, 4, ERR_OK},
    {"mark: a later one", LOG_RECORD_MARK, 60, 4, 5, ERR_CORRUPT},
    {"lanes: of a group", LOG_RECORD_LANES, 8, 8, 1, ERR_CORRUPT},
    {"lanes: with a group_seq", LOG_RECORD_LANES, 16, 8, 1, ERR_CORRUPT},
};

static void record_out_of_range_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(record_rows); i++) {
        const struct sample *line = samples_get(record_rows[i].kind - 1);
        uint8_t data[256];
        memcpy(data, line->bytes, line->length);
        formats_poke(data, record_rows[i].pos, record_rows[i].value, record_rows[i].width);
        record_seal(line, data);
        enum err err = ERR_OK;
        struct bytes_reader r = bytes_reader(data, line->length);
        struct log_record record;
        log_record_get(&r, formats_kernels(), SAMPLES_SEED, &record);
        err = r.err;
        if (err != record_rows[i].err) {
            fail_msg("%s: %s", record_rows[i].name, err_name(err));
        }
        assert_true(err == ERR_OK || (record.kind == 0 && r.pos == 0));
    }
}

/* Records whose body is another length than their kind's, checksums right. */
static void record_body_of_another_length_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_COUNT; i++) {
        const struct sample *line = samples_get(i);
        size_t body = record_covered_end(line) - LOG_RECORD_HEAD_BYTES;
        if (line->kind == LOG_RECORD_ENTRY) {
            continue;
        }
        for (size_t other = 0; other <= body + 16; other++) {
            uint8_t data[256] = {0};
            memcpy(data, line->bytes, line->length);
            formats_poke(data, 4, other, 4);
            uint32_t crc = crc32c(formats_kernels(), SAMPLES_SEED, data, 28);
            formats_poke(data, 28, crc32c(formats_kernels(), crc, data + 32, other), 4);
            struct bytes_reader r = bytes_reader(data, sizeof(data));
            struct log_record record;
            log_record_get(&r, formats_kernels(), SAMPLES_SEED, &record);
            bool is_whole =
                line->kind == LOG_RECORD_LANES ? other % LOG_LANE_END_BYTES == 0 : other == body;
            assert_int_equal(r.err, is_whole ? ERR_OK : ERR_CORRUPT);
        }
    }
}

static void record_of_lanes_may_be_empty(void **state)
{
    (void)state;
    struct log_record record = {.kind = LOG_RECORD_LANES};
    uint8_t data[LOG_RECORD_HEAD_BYTES];
    struct bytes_writer w = bytes_writer(data, sizeof(data));
    log_record_put(&w, formats_kernels(), SAMPLES_SEED, &record);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(record_decode_under(SAMPLES_SEED, data, sizeof(data)), ERR_OK);
}

/* Zeros, as they stand behind the last record, are no record. */
static void record_of_zeros_is_corrupt(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    assert_int_equal(record_decode_under(SAMPLES_SEED, zeros, sizeof(zeros)), ERR_CORRUPT);
    assert_int_equal(record_decode_under(0, zeros, sizeof(zeros)), ERR_CORRUPT);
    assert_int_equal(record_decode_under(SAMPLES_SEED, NULL, 0), ERR_TRUNCATED);
}

static void record_lane_end_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_lane_end want[2] = {
        {.boot_epoch = 0x0102030405060708, .lane = 3, .last_frame = SAMPLES_INDEX},
        {.boot_epoch = 0x0102030405060708, .lane = 4},
    };
    uint8_t out[2 * LOG_LANE_END_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_lane_end_put(&w, &want[0]);
    log_lane_end_put(&w, &want[1]);
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(out, samples_get(LOG_RECORD_LANES - 1)->bytes + LOG_RECORD_HEAD_BYTES,
                        sizeof(out));
    struct bytes_reader r = bytes_reader(out, sizeof(out) - 1);
    struct log_lane_end end = log_lane_end_get(&r);
    assert_true(end.boot_epoch == want[0].boot_epoch && end.last_frame == want[0].last_frame);
    assert_int_equal(end.lane, 3);
    end = log_lane_end_get(&r);
    assert_int_equal(r.err, ERR_TRUNCATED);
    assert_true(end.boot_epoch == 0 && end.lane == 0 && end.last_frame == 0);
}

/* A cut as before with eight bytes more; without the flag nothing of it is read. */
static void record_of_a_cut_may_tell_the_time(void **state)
{
    (void)state;
    struct log_record cut = samples_record(LOG_RECORD_CUT);
    size_t bytes = log_record_bytes(&cut);
    cut.flags = LOG_CUT_TIME;
    cut.cut.max_timestamp = 0x0102030405060708;
    uint8_t out[256];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_record_put(&w, formats_kernels(), SAMPLES_SEED, &cut);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, bytes + 8);
    assert_memory_equal(out + bytes, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
    struct bytes_reader r = bytes_reader(out, w.pos);
    struct log_record is;
    log_record_get(&r, formats_kernels(), SAMPLES_SEED, &is);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(is.cut.max_timestamp, cut.cut.max_timestamp);
    assert_true(is.cut.end.index == cut.cut.end.index);
}

static void record_is_a_bug(const struct log_record *record, size_t pos)
{
    uint8_t out[256];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_zeros(&w, pos);
    expect_assert_failure(log_record_put(&w, formats_kernels(), SAMPLES_SEED, record));
}

/* Each is one that log_record_get would refuse. */
static void record_that_nobody_would_read_is_a_bug(void **state)
{
    (void)state;
    struct log_record records[10];
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        records[i] = samples_record((enum log_record_kind)(i % 5 + 1));
    }
    records[0].entry.index = 0;
    records[1].cut.end.index = LOG_NUMBER_MAX;
    records[2].seq = 0;
    records[3].trim.start.term = LIMIT_TERM + 1;
    records[4].tail.rest_bytes = 4;
    records[5].data_bytes = 60;
    records[6].flags = LOG_CUT_TIME << 1;
    records[7].kind = (enum log_record_kind)13;
    records[8].trim.start.index = 0;
    records[9].flags = 0;
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        record_is_a_bug(&records[i], 0);
    }
    struct log_record hard = samples_record(LOG_RECORD_HARD);
    record_is_a_bug(&hard, 4); /* no multiple of 8 */
}

/* Property: a frame's worth of records of all kinds in any order reads back, record by record; a
 * reader that stops early stops at a record's beginning. */
static void record_case(uint64_t seed)
{
    const struct crc32c *kernels = formats_kernels();
    struct prng prng;
    prng_init(&prng, seed);
    uint8_t data[SAMPLES_DATA_BYTES_MAX];
    prng_fill(&prng, data, sizeof(data));
    struct log_record records[40];
    uint8_t out[40 * (LOG_RECORD_HEAD_BYTES + LOG_RECORD_FIXED_MAX + SAMPLES_DATA_BYTES_MAX)];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    uint32_t frame_seed = (uint32_t)prng_u64(&prng);
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        enum log_record_kind kind = (enum log_record_kind)prng_range(&prng, 1, 12);
        records[i] = samples_random(&prng, kind, data);
        size_t start = w.pos;
        log_record_put(&w, kernels, frame_seed, &records[i]);
        assert_int_equal(w.pos - start, log_record_bytes(&records[i]));
    }
    assert_int_equal(w.err, ERR_OK);
    struct bytes_reader r = bytes_reader(out, w.pos);
    for (size_t i = 0; i < ARRAY_COUNT(records); i++) {
        struct log_record record;
        log_record_get(&r, kernels, frame_seed, &record);
        if (r.err != ERR_OK) {
            fail_msg("seed %llu: record %zu: %s", (unsigned long long)seed, i, err_name(r.err));
        }
        samples_assert_equal(&record, &records[i]);
    }
    assert_int_equal(bytes_reader_left(&r), 0);
}

static void record_runs_of_records_read_back(void **state)
{
    (void)state;
    struct share share = share_open("round trip", 50);
    while (share_more(&share)) {
        record_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_kinds_have_their_names),
        cmocka_unit_test(record_of_each_kind_stands_as_the_table_says),
        cmocka_unit_test(record_of_each_kind_is_read_as_it_was_written),
        cmocka_unit_test(record_cut_short_is_truncated),
        cmocka_unit_test(record_with_a_flipped_bit_is_corrupt),
        cmocka_unit_test(record_batch_and_padding_are_not_looked_at),
        cmocka_unit_test(record_of_a_former_life_never_verifies),
        cmocka_unit_test(record_that_does_not_fit_writes_nothing),
        cmocka_unit_test(record_after_a_failure_changes_nothing),
        cmocka_unit_test(record_out_of_range_is_corrupt),
        cmocka_unit_test(record_body_of_another_length_is_corrupt),
        cmocka_unit_test(record_of_lanes_may_be_empty),
        cmocka_unit_test(record_of_zeros_is_corrupt),
        cmocka_unit_test(record_lane_end_stands_as_the_table_says),
        cmocka_unit_test(record_of_a_cut_may_tell_the_time),
        cmocka_unit_test(record_that_nobody_would_read_is_a_bug),
        cmocka_unit_test(record_runs_of_records_read_back),
    };
    return cmocka_run_group_tests_name("log_record", tests, NULL, NULL);
}
