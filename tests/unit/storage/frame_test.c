/* Journal files and frames: their bytes, everything cut off, flipped, out of range, and what a
 * former life of the file left. */
#include "storage/log/frame.h"

#include <string.h>

#include "base/prng.h"
#include "storage/log/record.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"

/* By the table "Journal file"; all checksums here worked a bit at a time by another program. */
#define FRAME_JOURNAL_BYTES 84
static const char frame_journal_bytes[FRAME_JOURNAL_BYTES + 1] =
    "TDBJ"
    "\x01\x00\x00\x00"                                                 /* version, reserved */
    "\x01\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00"                 /* features */
    "\x03\x00\x00\x00"                                                 /* lane */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* disk uuid */
    "\x08\x07\x06\x05\x04\x03\x02\x01"                                 /* boot epoch */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                 /* file number */
    "\x11\x00\x00\x00\x00\x00\x00\x00"                                 /* the one before */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* first frame */
    "\x00\x00\x40\x00\x00\x00\x00\x00"                                 /* file bytes, 4 MiB */
    "\xd4\x49\xba\x43";                                                /* checksum */

/* By the table "Frame": all of a frame of one block up to its zeros. Its one record is `delete` of
 * the group its directory names. */
#define FRAME_BYTES       224
#define FRAME_ROWS_POS    96
#define FRAME_COPY_POS    144
#define FRAME_RECORDS_POS 192
static const char frame_bytes[FRAME_BYTES + 1] =
    "TDBF"
    "\x01\x00\x01\x00"                                                 /* version, flags: seal */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* 8: disk uuid */
    "\x08\x07\x06\x05\x04\x03\x02\x01"                                 /* 24: boot epoch */
    "\x03\x00\x00\x00"                                                 /* 32: lane */
    "\x00\x10\x00\x00"                                                 /* 36: frame bytes, 4096 */
    "\x28\x27\x26\x25\x24\x23\x22\x21"                                 /* 40: file number */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* 48: frame number */
    "\x36\x37\x36\x35\x34\x33\x32\x31"                                 /* 56: durable through */
    "\x01\x00\x00\x00"                                                 /* 64: rows */
    "\x01\x00\x00\x00"                                                 /* 68: rows of the copy */
    "\x20\x00\x00\x00"                                                 /* 72: bytes of records */
    "\xd5\x87\xae\x33"                                                 /* 76: of the directory */
    "\x8e\xe8\xd8\x72"                                                 /* 80: of the copy */
    "\x01\x00\x00\x00"                                                 /* 84: records */
    "\x00\x00\x00\x00"                                                 /* 88: reserved */
    "\xa5\x53\xe0\x32"                                                 /* 92: of the header */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* 96: group */
    "\x02\x01\x00\x00\x00\x00\x00\x00"                                 /* first index */
    "\x05\x01\x00\x00\x00\x00\x00\x00"                                 /* last index */
    "\x03\x02\x00\x00\x00\x00\x00\x00"                                 /* next offset */
    "\x04\x03\x00\x00\x00\x00\x00\x00"                                 /* last group_seq */
    "\x07\x00\x00\x00"                                                 /* last term */
    "\x05\x00\x00\x00"                                                 /* hard state, control */
    "\x01\x00\x00\x00\x00\x00\x00\x00"                                 /* 144: group */
    "\x00\x00\x00\x00\x00\x00\x00\x00"                                 /* no entry */
    "\x00\x00\x00\x00\x00\x00\x00\x00"                                 /* likewise */
    "\x00\x00\x00\x00\x00\x00\x00\x00"                                 /* likewise */
    "\x09\x00\x00\x00\x00\x00\x00\x00"                                 /* last group_seq */
    "\x00\x00\x00\x00"                                                 /* last term */
    "\x0a\x00\x00\x00"                                                 /* cut, tail */
    "\x07\x00\x00\x00\x00\x00\x00\x00"                                 /* 192: delete */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* group */
    "\x04\x03\x00\x00\x00\x00\x00\x00"                                 /* group_seq */
    "\x00\x00\x00\x00"                                                 /* no entry */
    "\x53\xe5\x3d\xf5";                                                /* 220: of the record */

/* The seed: the checksum of bytes 8..31, 40..47 and 48..55 of that frame. */
#define FRAME_SEED 0x6d74127eu

static struct log_uuid frame_disk(void)
{
    struct log_uuid disk;
    for (uint8_t i = 0; i < 16; i++) {
        disk.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return disk;
}

static struct log_journal_header frame_journal_of_bytes(void)
{
    return (struct log_journal_header){
        .features = {.compat = 0x80000001},
        .lane = 3,
        .disk = frame_disk(),
        .boot_epoch = 0x0102030405060708,
        .file_number = 0x2122232425262728,
        .previous_number = 0x11,
        .first_frame = 0x3132333435363738,
        .file_bytes = 4 << 20,
    };
}

static struct log_frame frame_of_bytes(void)
{
    return (struct log_frame){
        .flags = LOG_FRAME_SEAL,
        .disk = frame_disk(),
        .boot_epoch = 0x0102030405060708,
        .lane = 3,
        .file_number = 0x2122232425262728,
        .number = 0x3132333435363738,
        .durable_through = 0x3132333435363736,
        .frame_bytes = LIMIT_BLOCK_BYTES,
        .rows_count = 1,
        .copy_count = 1,
        .records_count = 1,
        .records_bytes = 32,
        .rows_crc = 0x33ae87d5,
        .copy_crc = 0x72d8e88e,
    };
}

static struct log_frame_row frame_row_of_bytes(void)
{
    return (struct log_frame_row){
        .group = 0x1112131415161718,
        .first_index = 0x102,
        .last_index = 0x105,
        .next_offset = 0x203,
        .last_seq = 0x304,
        .last_term = 7,
        .what = LOG_ROW_HARD | LOG_ROW_CONTROL,
    };
}

static enum err frame_journal_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_journal_header header;
    memset(&header, 0x55, sizeof(header));
    enum err err = log_journal_header_decode(data, length, kernels, &header);
    if (err != ERR_OK) {
        assert_true(header.file_number == 0 && header.first_frame == 0 && header.file_bytes == 0);
        assert_true(header.features.compat == 0 && header.boot_epoch == 0);
        assert_true(log_uuid_is_zero(&header.disk));
    }
    return err;
}

static enum err frame_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_frame frame;
    memset(&frame, 0x55, sizeof(frame));
    enum err err = log_frame_decode(data, length, kernels, &frame);
    if (err != ERR_OK) {
        assert_true(frame.number == 0 && frame.file_number == 0 && frame.frame_bytes == 0);
        assert_true(frame.rows_count == 0 && frame.copy_count == 0 && frame.records_count == 0);
        assert_true(log_uuid_is_zero(&frame.disk));
    }
    return err;
}

static void frame_journal_header_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_journal_header header = frame_journal_of_bytes();
    uint8_t want[LOG_JOURNAL_HEADER_BYTES] = {0};
    memcpy(want, frame_journal_bytes, FRAME_JOURNAL_BYTES);
    uint8_t out[LOG_JOURNAL_HEADER_BYTES];
    memset(out, 0x55, sizeof(out));
    log_journal_header_encode(&header, formats_kernels(), out);
    assert_memory_equal(out, want, sizeof(want));
}

static void frame_journal_header_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct log_journal_header want = frame_journal_of_bytes();
    struct log_journal_header header;
    assert_int_equal(log_journal_header_decode(frame_journal_bytes, FRAME_JOURNAL_BYTES,
                                               formats_kernels(), &header),
                     ERR_OK);
    assert_true(header.features.compat == want.features.compat);
    assert_int_equal(header.features.ro, 0);
    assert_int_equal(header.features.incompat, 0);
    assert_int_equal(header.lane, want.lane);
    assert_true(log_uuid_is_equal(&header.disk, &want.disk));
    assert_true(header.boot_epoch == want.boot_epoch);
    assert_true(header.file_number == want.file_number);
    assert_true(header.previous_number == want.previous_number);
    assert_true(header.first_frame == want.first_frame);
    assert_true(header.file_bytes == want.file_bytes);
}

static void frame_journal_header_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(frame_journal_bytes, FRAME_JOURNAL_BYTES, frame_journal_decode);
    assert_int_equal(frame_journal_decode(formats_kernels(), NULL, 0), ERR_TRUNCATED);
}

static void frame_journal_header_with_a_flipped_bit_is_corrupt(void **state)
{
    (void)state;
    formats_flip_is_corrupt(frame_journal_bytes, FRAME_JOURNAL_BYTES, 0, FRAME_JOURNAL_BYTES,
                            frame_journal_decode);
}

/* A field with another value, the checksum right again. */
struct frame_range_row {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
};

static void frame_check_ranges(const struct frame_range_row *rows, size_t count, const void *bytes,
                               size_t covered, formats_decode decode)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t data[LOG_FRAME_HEADER_BYTES];
        assert_true(covered + 4 <= sizeof(data));
        memcpy(data, bytes, covered + 4);
        formats_poke(data, rows[i].pos, rows[i].value, rows[i].width);
        formats_seal(data, covered, 0);
        enum err err = decode(formats_kernels(), data, covered + 4);
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].name, err_name(err));
        }
    }
}

static const struct frame_range_row frame_journal_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"magic", 0, 1, 'U', ERR_CORRUPT},
    {"a frame's magic", 3, 1, 'F', ERR_CORRUPT},
    {"version 0", 4, 2, 0, ERR_UNSUPPORTED},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED},
    {"reserved", 6, 2, 0xffff, ERR_OK},
    {"compat", 8, 4, 0xffffffff, ERR_OK},
    {"ro: whoever writes looks again", 12, 4, 1, ERR_OK},
    {"incompat", 16, 4, 0x80000000, ERR_UNSUPPORTED},
    {"any lane", 20, 4, 0xffffffff, ERR_OK},
    {"file number 0", 48, 8, 0, ERR_CORRUPT},
    {"the highest file number", 48, 8, UINT64_MAX, ERR_OK},
    {"no file before", 56, 8, 0, ERR_OK},
    {"frame number 0", 64, 8, 0, ERR_CORRUPT},
    {"no bytes", 72, 8, 0, ERR_CORRUPT},
    {"not whole blocks", 72, 8, 4097, ERR_CORRUPT},
    {"half a block", 72, 8, 2048, ERR_CORRUPT},
    {"the header alone", 72, 8, 4096, ERR_OK},
};

static void frame_journal_header_out_of_range_is_corrupt(void **state)
{
    (void)state;
    frame_check_ranges(frame_journal_rows, ARRAY_COUNT(frame_journal_rows), frame_journal_bytes, 80,
                       frame_journal_decode);
}

static void frame_journal_header_is_a_bug(const struct log_journal_header *header)
{
    uint8_t out[LOG_JOURNAL_HEADER_BYTES];
    expect_assert_failure(log_journal_header_encode(header, formats_kernels(), out));
}

static void frame_journal_header_that_nobody_would_read_is_a_bug(void **state)
{
    (void)state;
    struct log_journal_header headers[4];
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        headers[i] = frame_journal_of_bytes();
    }
    headers[0].file_number = 0;
    headers[1].first_frame = 0;
    headers[2].file_bytes = 0;
    headers[3].file_bytes = LIMIT_BLOCK_BYTES + 8;
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        frame_journal_header_is_a_bug(&headers[i]);
    }
}

static void frame_header_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_frame frame = frame_of_bytes();
    uint8_t out[LOG_FRAME_HEADER_BYTES];
    memset(out, 0x55, sizeof(out));
    log_frame_encode(&frame, formats_kernels(), out);
    assert_memory_equal(out, frame_bytes, sizeof(out));
}

static void frame_header_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct log_frame want = frame_of_bytes();
    struct log_frame frame;
    assert_int_equal(log_frame_decode(frame_bytes, FRAME_BYTES, formats_kernels(), &frame), ERR_OK);
    assert_int_equal(frame.flags, want.flags);
    assert_true(log_uuid_is_equal(&frame.disk, &want.disk));
    assert_true(frame.boot_epoch == want.boot_epoch);
    assert_int_equal(frame.lane, want.lane);
    assert_int_equal(frame.frame_bytes, want.frame_bytes);
    assert_true(frame.file_number == want.file_number);
    assert_true(frame.number == want.number);
    assert_true(frame.durable_through == want.durable_through);
    assert_int_equal(frame.rows_count, want.rows_count);
    assert_int_equal(frame.copy_count, want.copy_count);
    assert_int_equal(frame.records_bytes, want.records_bytes);
    assert_int_equal(frame.records_count, want.records_count);
    assert_true(frame.rows_crc == want.rows_crc);
    assert_true(frame.copy_crc == want.copy_crc);
}

static void frame_parts_follow_each_other(void **state)
{
    (void)state;
    struct log_frame frame = frame_of_bytes();
    assert_int_equal(log_frame_rows_pos(), FRAME_ROWS_POS);
    assert_int_equal(log_frame_copy_pos(&frame), FRAME_COPY_POS);
    assert_int_equal(log_frame_records_pos(&frame), FRAME_RECORDS_POS);
    frame.rows_count = 3;
    frame.copy_count = 5;
    assert_int_equal(log_frame_copy_pos(&frame), 96 + 3 * 48);
    assert_int_equal(log_frame_records_pos(&frame), 96 + 8 * 48);
    frame.rows_count = UINT32_MAX;
    frame.copy_count = UINT32_MAX;
    assert_true(log_frame_records_pos(&frame) == 96 + 96 * (uint64_t)UINT32_MAX);
}

static void frame_parts_verify_from_the_seed(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    struct log_uuid disk = frame_disk();
    struct log_frame frame = frame_of_bytes();
    uint32_t seed =
        log_frame_seed(kernels, &disk, frame.boot_epoch, frame.file_number, frame.number);
    assert_true(seed == FRAME_SEED);
    assert_true(crc32c(kernels, seed, frame_bytes + FRAME_ROWS_POS, 48) == frame.rows_crc);
    assert_true(crc32c(kernels, seed, frame_bytes + FRAME_COPY_POS, 48) == frame.copy_crc);
    struct bytes_reader r =
        bytes_reader(frame_bytes + FRAME_RECORDS_POS, FRAME_BYTES - FRAME_RECORDS_POS);
    struct log_record record;
    log_record_get(&r, kernels, seed, &record);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(record.kind, LOG_RECORD_DELETE);
    assert_true(record.seq == 0x304);
}

/* Each bit of what makes a seed, one at a time. */
static void frame_former_life_never_verifies(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    for (unsigned bit = 0; bit < 320; bit++) {
        struct log_uuid disk = frame_disk();
        uint64_t numbers[3] = {0x0102030405060708, 0x2122232425262728, 0x3132333435363738};
        if (bit < 128) {
            disk.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        } else {
            numbers[bit / 64 - 2] ^= 1ull << bit % 64;
        }
        uint32_t seed = log_frame_seed(kernels, &disk, numbers[0], numbers[1], numbers[2]);
        struct log_frame frame = frame_of_bytes();
        assert_true(crc32c(kernels, seed, frame_bytes + FRAME_ROWS_POS, 48) != frame.rows_crc);
        assert_true(crc32c(kernels, seed, frame_bytes + FRAME_COPY_POS, 48) != frame.copy_crc);
        struct bytes_reader r =
            bytes_reader(frame_bytes + FRAME_RECORDS_POS, FRAME_BYTES - FRAME_RECORDS_POS);
        struct log_record record;
        log_record_get(&r, kernels, seed, &record);
        assert_int_equal(r.err, ERR_CORRUPT);
    }
}

static void frame_header_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(frame_bytes, LOG_FRAME_HEADER_BYTES, frame_decode);
    assert_int_equal(frame_decode(formats_kernels(), NULL, 0), ERR_TRUNCATED);
}

static void frame_header_with_a_flipped_bit_is_corrupt(void **state)
{
    (void)state;
    formats_flip_is_corrupt(frame_bytes, FRAME_BYTES, 0, LOG_FRAME_HEADER_BYTES, frame_decode);
}

/* The directory's, the copy's and the record's checksums, from the seed: nothing flips unseen. */
static void frame_part_with_a_flipped_bit_does_not_verify(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    struct log_frame frame = frame_of_bytes();
    uint8_t data[FRAME_BYTES];
    memcpy(data, frame_bytes, FRAME_BYTES);
    for (size_t bit = FRAME_ROWS_POS * 8; bit < FRAME_RECORDS_POS * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool are_rows = crc32c(kernels, FRAME_SEED, data + FRAME_ROWS_POS, 48) == frame.rows_crc;
        bool is_copy = crc32c(kernels, FRAME_SEED, data + FRAME_COPY_POS, 48) == frame.copy_crc;
        assert_int_equal(are_rows, bit >= FRAME_COPY_POS * 8);
        assert_int_equal(is_copy, bit < FRAME_COPY_POS * 8);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static const struct frame_range_row frame_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"magic", 0, 1, 'U', ERR_CORRUPT},
    {"a journal file's magic", 3, 1, 'J', ERR_CORRUPT},
    {"version 0", 4, 2, 0, ERR_UNSUPPORTED},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED},
    {"no flag", 6, 2, 0, ERR_OK},
    {"an unknown flag", 6, 2, 2, ERR_CORRUPT},
    {"the highest flag", 6, 2, 0x8001, ERR_CORRUPT},
    {"any lane", 32, 4, 0xffffffff, ERR_OK},
    {"no bytes", 36, 4, 0, ERR_CORRUPT},
    {"not whole blocks", 36, 4, 4100, ERR_CORRUPT},
    {"the most bytes", 36, 4, LIMIT_JOURNAL_FRAME_BYTES, ERR_OK},
    {"a block more", 36, 4, LIMIT_JOURNAL_FRAME_BYTES + LIMIT_BLOCK_BYTES, ERR_CORRUPT},
    {"bytes far beyond", 36, 4, 0xfffff000, ERR_CORRUPT},
    {"file number 0", 40, 8, 0, ERR_CORRUPT},
    {"the highest file number", 40, 8, UINT64_MAX, ERR_OK},
    {"frame number 0", 48, 8, 0, ERR_CORRUPT},
    {"behind what it knows to be flushed", 48, 8, 0x3132333435363736, ERR_CORRUPT},
    {"the highest frame number", 48, 8, UINT64_MAX, ERR_OK},
    {"nothing flushed yet", 56, 8, 0, ERR_OK},
    {"the one before is flushed", 56, 8, 0x3132333435363737, ERR_OK},
    {"itself is flushed", 56, 8, 0x3132333435363738, ERR_CORRUPT},
    {"everything is flushed", 56, 8, UINT64_MAX, ERR_CORRUPT},
    {"no rows", 64, 4, 0, ERR_OK},
    {"as many rows as fit", 64, 4, 81, ERR_OK}, /* 96 + 82 x 48 + 32 = 4064 */
    {"one more", 64, 4, 82, ERR_CORRUPT},
    {"rows without end", 64, 4, 0xffffffff, ERR_CORRUPT},
    {"rows that wrap 32 bits", 64, 4, 0x05555556, ERR_CORRUPT}, /* x 48 = 2^32 + 32 */
    {"no copy", 68, 4, 0, ERR_OK},
    {"as many rows of the copy as fit", 68, 4, 81, ERR_OK},
    {"one more of the copy", 68, 4, 82, ERR_CORRUPT},
    {"a copy without end", 68, 4, 0xffffffff, ERR_CORRUPT},
    {"records to the end", 72, 4, 4096 - 192, ERR_OK},
    {"records past the end", 72, 4, 4096 - 192 + 8, ERR_CORRUPT},
    {"records without end", 72, 4, 0xfffffff8, ERR_CORRUPT},
    {"records that end between multiples of 8", 72, 4, 36, ERR_CORRUPT},
    {"bytes of no record", 84, 4, 0, ERR_CORRUPT},
    {"two records in a head's bytes", 84, 4, 2, ERR_CORRUPT},
    {"records beyond number", 84, 4, 0xffffffff, ERR_CORRUPT},
    {"a record of no bytes", 72, 4, 0, ERR_CORRUPT},
    {"reserved", 88, 4, 0xffffffff, ERR_OK},
};

static void frame_header_out_of_range_is_corrupt(void **state)
{
    (void)state;
    frame_check_ranges(frame_rows, ARRAY_COUNT(frame_rows), frame_bytes, 92, frame_decode);
}

static void frame_header_is_a_bug(const struct log_frame *frame)
{
    uint8_t out[LOG_FRAME_HEADER_BYTES];
    expect_assert_failure(log_frame_encode(frame, formats_kernels(), out));
}

static void frame_header_that_nobody_would_read_is_a_bug(void **state)
{
    (void)state;
    struct log_frame frames[6];
    for (size_t i = 0; i < ARRAY_COUNT(frames); i++) {
        frames[i] = frame_of_bytes();
    }
    frames[0].flags = 2;
    frames[1].number = 0;
    frames[2].durable_through = frames[2].number;
    frames[3].frame_bytes = LIMIT_JOURNAL_FRAME_BYTES + LIMIT_BLOCK_BYTES;
    frames[4].rows_count = 82;
    frames[5].records_count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(frames); i++) {
        frame_header_is_a_bug(&frames[i]);
    }
}

static void frame_row_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_frame_row row = frame_row_of_bytes();
    uint8_t out[LOG_FRAME_ROW_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_frame_row_put(&w, &row);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, LOG_FRAME_ROW_BYTES);
    assert_memory_equal(out, frame_bytes + FRAME_ROWS_POS, LOG_FRAME_ROW_BYTES);
}

static void frame_rows_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct bytes_reader r = bytes_reader(frame_bytes + FRAME_ROWS_POS, 2 * LOG_FRAME_ROW_BYTES);
    struct log_frame_row want = frame_row_of_bytes();
    struct log_frame_row row = log_frame_row_get(&r);
    assert_true(row.group == want.group);
    assert_true(row.first_index == want.first_index);
    assert_true(row.last_index == want.last_index);
    assert_true(row.next_offset == want.next_offset);
    assert_true(row.last_seq == want.last_seq);
    assert_int_equal(row.last_term, want.last_term);
    assert_int_equal(row.what, want.what);
    row = log_frame_row_get(&r);
    assert_true(row.group == 1 && row.first_index == 0 && row.last_index == 0);
    assert_int_equal(row.what, LOG_ROW_CUT | LOG_ROW_TAIL);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(bytes_reader_left(&r), 0);
    row = log_frame_row_get(&r);
    assert_int_equal(r.err, ERR_TRUNCATED);
    assert_true(row.group == 0 && row.last_seq == 0 && row.what == 0);
}

static const struct frame_range_row frame_row_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"group 0", 0, 8, 0, ERR_OK},
    {"the highest group", 0, 8, UINT64_MAX, ERR_OK},
    {"first without last", 16, 8, 0, ERR_CORRUPT},
    {"last without first", 8, 8, 0, ERR_CORRUPT},
    {"one entry", 8, 8, 0x105, ERR_OK},
    {"ends before it begins", 8, 8, 0x106, ERR_CORRUPT},
    {"the highest index", 16, 8, INT64_MAX, ERR_OK},
    {"an index above it", 16, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest offset", 24, 8, INT64_MAX, ERR_OK},
    {"an offset above it", 24, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest group_seq", 32, 8, INT64_MAX, ERR_OK},
    {"a group_seq above it", 32, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest term", 40, 4, LIMIT_TERM, ERR_OK},
    {"a term above it", 40, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"nothing else", 44, 4, 0, ERR_OK},
    {"everything else", 44, 4, 15, ERR_OK},
    {"something unknown", 44, 4, 32, ERR_CORRUPT},
};

static void frame_row_out_of_range_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(frame_row_rows); i++) {
        uint8_t data[LOG_FRAME_ROW_BYTES];
        memcpy(data, frame_bytes + FRAME_ROWS_POS, sizeof(data));
        formats_poke(data, frame_row_rows[i].pos, frame_row_rows[i].value, frame_row_rows[i].width);
        struct bytes_reader r = bytes_reader(data, sizeof(data));
        struct log_frame_row row = log_frame_row_get(&r);
        if (r.err != frame_row_rows[i].err) {
            fail_msg("%s: %s", frame_row_rows[i].name, err_name(r.err));
        }
        assert_true(r.err == ERR_OK || (row.group == 0 && row.last_index == 0 && row.what == 0));
    }
}

static void frame_row_that_nobody_would_read_is_a_bug(void **state)
{
    (void)state;
    struct log_frame_row row = frame_row_of_bytes();
    row.first_index = row.last_index + 1;
    uint8_t out[LOG_FRAME_ROW_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    expect_assert_failure(log_frame_row_put(&w, &row));
}

/* Property: headers of any numbers read back. */
static void frame_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct log_frame frame = {
        .flags = (uint16_t)prng_below(&prng, 2),
        .boot_epoch = prng_u64(&prng),
        .lane = (uint32_t)prng_u64(&prng),
        .file_number = prng_range(&prng, 1, UINT64_MAX),
        .number = prng_range(&prng, 1, UINT64_MAX),
        .rows_count = (uint32_t)prng_below(&prng, 1000),
        .copy_count = (uint32_t)prng_below(&prng, 1000),
        .records_count = (uint32_t)prng_below(&prng, 1000),
        .rows_crc = (uint32_t)prng_u64(&prng),
        .copy_crc = (uint32_t)prng_u64(&prng),
    };
    prng_fill(&prng, frame.disk.bytes, sizeof(frame.disk.bytes));
    frame.durable_through = prng_below(&prng, frame.number);
    frame.records_bytes = frame.records_count * (32 + 8 * (uint32_t)prng_below(&prng, 20));
    uint32_t parts = (uint32_t)log_frame_records_pos(&frame) + frame.records_bytes;
    frame.frame_bytes = (parts + LIMIT_BLOCK_BYTES - 1) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES;
    uint8_t data[LOG_FRAME_HEADER_BYTES];
    log_frame_encode(&frame, formats_kernels(), data);
    struct log_frame read;
    uint8_t again[LOG_FRAME_HEADER_BYTES];
    enum err err = log_frame_decode(data, sizeof(data), formats_kernels(), &read);
    if (err != ERR_OK || read.number != frame.number ||
        read.durable_through != frame.durable_through || read.rows_count != frame.rows_count ||
        read.copy_count != frame.copy_count || read.records_count != frame.records_count) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, err_name(err));
    }
    log_frame_encode(&read, formats_kernels(), again);
    assert_memory_equal(again, data, sizeof(data));
}

static void frame_headers_read_back(void **state)
{
    (void)state;
    struct share share = share_open("round trip", 30);
    while (share_more(&share)) {
        frame_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_journal_header_stands_as_the_table_says),
        cmocka_unit_test(frame_journal_header_is_read_as_it_was_written),
        cmocka_unit_test(frame_journal_header_cut_short_is_truncated),
        cmocka_unit_test(frame_journal_header_with_a_flipped_bit_is_corrupt),
        cmocka_unit_test(frame_journal_header_out_of_range_is_corrupt),
        cmocka_unit_test(frame_journal_header_that_nobody_would_read_is_a_bug),
        cmocka_unit_test(frame_header_stands_as_the_table_says),
        cmocka_unit_test(frame_header_is_read_as_it_was_written),
        cmocka_unit_test(frame_parts_follow_each_other),
        cmocka_unit_test(frame_parts_verify_from_the_seed),
        cmocka_unit_test(frame_former_life_never_verifies),
        cmocka_unit_test(frame_header_cut_short_is_truncated),
        cmocka_unit_test(frame_header_with_a_flipped_bit_is_corrupt),
        cmocka_unit_test(frame_part_with_a_flipped_bit_does_not_verify),
        cmocka_unit_test(frame_header_out_of_range_is_corrupt),
        cmocka_unit_test(frame_header_that_nobody_would_read_is_a_bug),
        cmocka_unit_test(frame_row_stands_as_the_table_says),
        cmocka_unit_test(frame_rows_are_read_as_they_were_written),
        cmocka_unit_test(frame_row_out_of_range_is_corrupt),
        cmocka_unit_test(frame_row_that_nobody_would_read_is_a_bug),
        cmocka_unit_test(frame_headers_read_back),
    };
    return cmocka_run_group_tests_name("log_frame", tests, NULL, NULL);
}
