/* Sidecars: header, entries and gaps as bytes, everything cut off, flipped, out of range, of
 * another segment. */
#include "storage/log/sidecar.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"

/* By the table ".idx"; all checksums here worked a bit at a time by another program. */
static const char sidecar_header_bytes[LOG_SIDECAR_BYTES + 1] =
    "TDBI"
    "\x01\x00\x00\x00"                                                 /* version, reserved */
    "\x01\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00"                 /* features */
    "\x0b\x00\x00\x00"                                                 /* 20: partition */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* 24: group */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* 32: topic uuid */
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* 48: first index */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                 /* 56: base offset */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* 64: previous chain */
    "\x64\x63\x62\x61"                                                 /* 80: previous term */
    "\x06\x00\x00\x00"                                                 /* 84: generation */
    "\x00\x00\x00\x00"                                                 /* 88: reserved */
    "\x9a\x71\x46\x25";                                                /* 92: checksum */

/* Records of group 0x1112131415161718, generation 6. */
#define SIDECAR_GROUP      0x1112131415161718u
#define SIDECAR_GENERATION 6u
#define SIDECAR_SEED       0x807b7651u

static const char sidecar_entry_bytes[LOG_SIDECAR_BYTES + 1] =
    "\x38\x37\x36\x35\x34\x33\x32\x31"                                 /* index */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                 /* 8: base offset */
    "\x64\x63\x62\x61"                                                 /* 16: term */
    "\x09\x00\x00\x00"                                                 /* 20: last offset delta */
    "\x74\x73\x72\x71"                                                 /* 24: position */
    "\x84\x83\x82\x00"                                                 /* 28: length */
    "\x98\x97\x96\x95\x94\x93\x92\x11"                                 /* 32: max timestamp */
    "\xa8\xa7\xa6\xa5\xa4\xa3\xa2\xa1"                                 /* 40: producer id */
    "\xb2\xb1"                                                         /* 48: producer epoch */
    "\x00\x06"                                                         /* 50: kind, flags */
    "\xd4\xd3\xd2\xd1"                                                 /* 52: base sequence */
    "\x0a\x00\x00\x00"                                                 /* 56: records */
    "\xe2\xe1\x00\x00"                                                 /* 60: key id, reserved */
    "\xf4\xf3\xf2\xf1"                                                 /* 64: Kafka's checksum */
    "\x14\x13\x12\x11"                                                 /* 68: header's checksum */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* 72: chain */
    "\x24\x23\x22\x21"                                                 /* 88: rewritten */
    "\xf7\x95\xc5\x1b";                                                /* 92: checksum */

static const char sidecar_gap_bytes[LOG_SIDECAR_BYTES + 1] =
    "\x05\x00\x00\x00\x00\x00\x00\x00"                                 /* first index */
    "\x07\x00\x00\x00\x00\x00\x00\x00"                                 /* 8: base offset */
    "\x03\x00\x00\x00"                                                 /* 16: term */
    "\xff\xff\xff\xff"                                                 /* 20: takes no offset */
    "\x00\x10\x00\x00"                                                 /* 24: position */
    "\x00\x00\x00\x00"                                                 /* 28: no batch */
    "\xff\xff\xff\xff\xff\xff\xff\xff"                                 /* 32: no timestamp */
    "\x08\x00\x00\x00\x00\x00\x00\x00"                                 /* 40: last index */
    "\xff\xff"                                                         /* 48: producer epoch */
    "\x00\x01"                                                         /* 50: kind, flags: gap */
    "\xff\xff\xff\xff"                                                 /* 52: base sequence */
    "\x00\x00\x00\x00"                                                 /* 56: records */
    "\x00\x00\x00\x00"                                                 /* 60: key id, reserved */
    "\x00\x00\x00\x00"                                                 /* 64: Kafka's checksum */
    "\x00\x00\x00\x00"                                                 /* 68: header's checksum */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* 72: chain */
    "\x00\x00\x00\x00"                                                 /* 88: rewritten */
    "\x6e\xca\x04\x7a";                                                /* 92: checksum */

static struct hash128 sidecar_chain(void)
{
    return (struct hash128){.high = 0xc0c1c2c3c4c5c6c7, .low = 0xc8c9cacbcccdcecf};
}

static struct log_sidecar_header sidecar_header_of_bytes(void)
{
    struct log_sidecar_header header = {
        .features = {.compat = 0x80000001},
        .group = SIDECAR_GROUP,
        .partition = 11,
        .generation = SIDECAR_GENERATION,
        .start = {.index = 0x3132333435363738,
                  .offset = 0x5152535455565758,
                  .term = 0x61626364,
                  .chain = sidecar_chain()},
    };
    for (uint8_t i = 0; i < 16; i++) {
        header.topic.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return header;
}

static struct log_sidecar sidecar_entry_of_bytes(void)
{
    return (struct log_sidecar){
        .index = 0x3132333435363738,
        .last_index = 0x3132333435363738,
        .base_offset = 0x5152535455565758,
        .term = 0x61626364,
        .last_offset_delta = 9,
        .pos = 0x71727374,
        .length = 0x828384,
        .max_timestamp = 0x1192939495969798,
        .producer_id = (int64_t)0xa1a2a3a4a5a6a7a8,
        .producer_epoch = (int16_t)0xb1b2,
        .kind = LOG_KIND_DATA,
        .flags = LOG_SIDECAR_QUARANTINED | LOG_SIDECAR_REWRITTEN,
        .base_sequence = (int32_t)0xd1d2d3d4,
        .records_count = 10,
        .key_id = 0xe1e2,
        .crc = 0xf1f2f3f4,
        .header_crc = 0x11121314,
        .chain = sidecar_chain(),
        .rewritten_crc = 0x21222324,
    };
}

static struct log_sidecar sidecar_gap_of_bytes(void)
{
    return (struct log_sidecar){
        .index = 5,
        .last_index = 8,
        .base_offset = 7,
        .term = 3,
        .last_offset_delta = -1,
        .pos = 4096,
        .max_timestamp = -1,
        .producer_id = -1,
        .producer_epoch = -1,
        .flags = LOG_SIDECAR_GAP,
        .base_sequence = -1,
        .chain = sidecar_chain(),
    };
}

static void sidecar_assert_equal(const struct log_sidecar *a, const struct log_sidecar *b)
{
    assert_true(a->index == b->index);
    assert_true(a->last_index == b->last_index);
    assert_true(a->base_offset == b->base_offset);
    assert_int_equal(a->term, b->term);
    assert_int_equal(a->last_offset_delta, b->last_offset_delta);
    assert_int_equal(a->pos, b->pos);
    assert_int_equal(a->length, b->length);
    assert_true(a->max_timestamp == b->max_timestamp);
    assert_true(a->producer_id == b->producer_id);
    assert_int_equal(a->producer_epoch, b->producer_epoch);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->base_sequence, b->base_sequence);
    assert_int_equal(a->records_count, b->records_count);
    assert_int_equal(a->key_id, b->key_id);
    assert_int_equal(a->crc, b->crc);
    assert_int_equal(a->header_crc, b->header_crc);
    assert_true(hash128_is_equal(a->chain, b->chain));
    assert_int_equal(a->rewritten_crc, b->rewritten_crc);
}

static enum err sidecar_header_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_sidecar_header header;
    memset(&header, 0x55, sizeof(header));
    enum err err = log_sidecar_header_decode(data, length, kernels, &header);
    if (err != ERR_OK) {
        assert_true(header.group == 0 && header.start.index == 0 && header.generation == 0);
        assert_true(header.features.compat == 0 && log_uuid_is_zero(&header.topic));
    }
    return err;
}

static enum err sidecar_decode_under(uint32_t seed, const void *data, size_t length)
{
    struct log_sidecar rec;
    memset(&rec, 0x55, sizeof(rec));
    enum err err = log_sidecar_decode(data, length, formats_kernels(), seed, &rec);
    if (err != ERR_OK) {
        struct log_sidecar zero = {0};
        sidecar_assert_equal(&rec, &zero);
    }
    return err;
}

static enum err sidecar_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    (void)kernels;
    return sidecar_decode_under(SIDECAR_SEED, data, length);
}

static void sidecar_header_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_sidecar_header header = sidecar_header_of_bytes();
    uint8_t out[LOG_SIDECAR_BYTES];
    memset(out, 0x55, sizeof(out));
    log_sidecar_header_encode(&header, formats_kernels(), out);
    assert_memory_equal(out, sidecar_header_bytes, sizeof(out));
}

static void sidecar_header_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct log_sidecar_header want = sidecar_header_of_bytes();
    struct log_sidecar_header header;
    assert_int_equal(log_sidecar_header_decode(sidecar_header_bytes, LOG_SIDECAR_BYTES,
                                               formats_kernels(), &header),
                     ERR_OK);
    assert_true(header.features.compat == want.features.compat);
    assert_int_equal(header.features.ro, 0);
    assert_int_equal(header.features.incompat, 0);
    assert_true(header.group == want.group);
    assert_true(log_uuid_is_equal(&header.topic, &want.topic));
    assert_int_equal(header.partition, want.partition);
    assert_int_equal(header.generation, want.generation);
    assert_true(header.start.index == want.start.index);
    assert_true(header.start.offset == want.start.offset);
    assert_int_equal(header.start.term, want.start.term);
    assert_true(hash128_is_equal(header.start.chain, want.start.chain));
}

static void sidecar_records_stand_as_the_table_says(void **state)
{
    (void)state;
    struct log_sidecar entry = sidecar_entry_of_bytes();
    struct log_sidecar gap = sidecar_gap_of_bytes();
    uint8_t out[LOG_SIDECAR_BYTES];
    log_sidecar_encode(&entry, formats_kernels(), SIDECAR_SEED, out);
    assert_memory_equal(out, sidecar_entry_bytes, sizeof(out));
    log_sidecar_encode(&gap, formats_kernels(), SIDECAR_SEED, out);
    assert_memory_equal(out, sidecar_gap_bytes, sizeof(out));
}

static void sidecar_records_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct log_sidecar entry = sidecar_entry_of_bytes();
    struct log_sidecar gap = sidecar_gap_of_bytes();
    struct log_sidecar rec;
    assert_int_equal(log_sidecar_decode(sidecar_entry_bytes, LOG_SIDECAR_BYTES, formats_kernels(),
                                        SIDECAR_SEED, &rec),
                     ERR_OK);
    sidecar_assert_equal(&rec, &entry);
    assert_int_equal(log_sidecar_decode(sidecar_gap_bytes, LOG_SIDECAR_BYTES, formats_kernels(),
                                        SIDECAR_SEED, &rec),
                     ERR_OK);
    sidecar_assert_equal(&rec, &gap);
}

static void sidecar_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(sidecar_header_bytes, LOG_SIDECAR_BYTES, sidecar_header_decode);
    formats_cut_is_truncated(sidecar_entry_bytes, LOG_SIDECAR_BYTES, sidecar_decode);
    formats_cut_is_truncated(sidecar_gap_bytes, LOG_SIDECAR_BYTES, sidecar_decode);
}

static void sidecar_with_a_flipped_bit_is_corrupt(void **state)
{
    (void)state;
    size_t length = LOG_SIDECAR_BYTES;
    formats_flip_is_corrupt(sidecar_header_bytes, length, 0, length, sidecar_header_decode);
    formats_flip_is_corrupt(sidecar_entry_bytes, length, 0, length, sidecar_decode);
    formats_flip_is_corrupt(sidecar_gap_bytes, length, 0, length, sidecar_decode);
}

/* Each bit of group and generation, one at a time: a record copied elsewhere does not verify. */
static void sidecar_of_another_segment_never_verifies(void **state)
{
    (void)state;
    assert_true(log_sidecar_seed(formats_kernels(), SIDECAR_GROUP, SIDECAR_GENERATION) ==
                SIDECAR_SEED);
    for (unsigned bit = 0; bit < 96; bit++) {
        uint64_t group = SIDECAR_GROUP ^ (bit < 64 ? 1ull << bit : 0);
        uint32_t generation = SIDECAR_GENERATION ^ (bit < 64 ? 0 : 1u << (bit - 64));
        uint32_t seed = log_sidecar_seed(formats_kernels(), group, generation);
        assert_int_equal(sidecar_decode_under(seed, sidecar_entry_bytes, LOG_SIDECAR_BYTES),
                         ERR_CORRUPT);
        assert_int_equal(sidecar_decode_under(seed, sidecar_gap_bytes, LOG_SIDECAR_BYTES),
                         ERR_CORRUPT);
    }
}

/* Zeros end the records of a file; no seed makes one of them. */
static void sidecar_of_zeros_is_corrupt(void **state)
{
    (void)state;
    uint8_t zeros[LOG_SIDECAR_BYTES] = {0};
    assert_int_equal(sidecar_decode_under(SIDECAR_SEED, zeros, sizeof(zeros)), ERR_CORRUPT);
    assert_int_equal(sidecar_decode_under(0, zeros, sizeof(zeros)), ERR_CORRUPT);
    formats_seal(zeros, 92, SIDECAR_SEED);
    assert_int_equal(sidecar_decode_under(SIDECAR_SEED, zeros, sizeof(zeros)), ERR_CORRUPT);
    assert_int_equal(sidecar_header_decode(formats_kernels(), zeros, sizeof(zeros)), ERR_CORRUPT);
}

/* A field with another value, the checksum right again. */
struct sidecar_range_row {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
};

static void sidecar_check_ranges(const struct sidecar_range_row *rows, size_t count,
                                 const char *bytes, uint32_t seed, formats_decode decode)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t data[LOG_SIDECAR_BYTES];
        memcpy(data, bytes, sizeof(data));
        formats_poke(data, rows[i].pos, rows[i].value, rows[i].width);
        formats_seal(data, 92, seed);
        enum err err = decode(formats_kernels(), data, sizeof(data));
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].name, err_name(err));
        }
    }
}

static const struct sidecar_range_row sidecar_header_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"magic", 3, 1, 'J', ERR_CORRUPT},
    {"version 0", 4, 2, 0, ERR_UNSUPPORTED},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED},
    {"reserved", 6, 2, 0xffff, ERR_OK},
    {"compat", 8, 4, 0xffffffff, ERR_OK},
    {"ro: whoever writes looks again", 12, 4, 1, ERR_OK},
    {"incompat", 16, 4, 0x80000000, ERR_UNSUPPORTED},
    {"group 0", 24, 8, 0, ERR_OK},
    {"index 0", 48, 8, 0, ERR_CORRUPT},
    {"the first index", 48, 8, 1, ERR_OK},
    {"the highest index", 48, 8, INT64_MAX, ERR_OK},
    {"an index above it", 48, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest offset", 56, 8, INT64_MAX, ERR_OK},
    {"an offset above it", 56, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest term", 80, 4, LIMIT_TERM, ERR_OK},
    {"a term above it", 80, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"reserved at the end", 88, 4, 0xffffffff, ERR_OK},
};

static const struct sidecar_range_row sidecar_entry_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"index 0", 0, 8, 0, ERR_CORRUPT},
    {"the highest index", 0, 8, INT64_MAX, ERR_OK},
    {"an index above it", 0, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"the highest offset", 8, 8, INT64_MAX - 10, ERR_OK},
    {"next offset too high", 8, 8, INT64_MAX - 9, ERR_CORRUPT},
    {"an offset that wraps", 8, 8, UINT64_MAX, ERR_CORRUPT},
    {"the highest term", 16, 4, LIMIT_TERM, ERR_OK},
    {"a term above it", 16, 4, LIMIT_TERM + 1, ERR_CORRUPT},
    {"one offset", 20, 4, 0, ERR_OK},
    {"the largest delta", 20, 4, INT32_MAX, ERR_OK},
    {"data that takes no offset", 20, 4, 0xffffffff, ERR_CORRUPT},
    {"less than none", 20, 4, 0xfffffffe, ERR_CORRUPT},
    {"ends with the file", 24, 4, 0xffffffff - 0x828384, ERR_OK},
    {"ends behind it", 24, 4, 0xffffffff - 0x828383, ERR_CORRUPT},
    {"no batch", 28, 4, 0, ERR_CORRUPT},
    {"less than a header", 28, 4, 60, ERR_CORRUPT},
    {"a header alone", 28, 4, 61, ERR_OK},
    {"the largest batch", 28, 4, LIMIT_BATCH_BYTES, ERR_OK},
    {"a byte more", 28, 4, LIMIT_BATCH_BYTES + 1, ERR_CORRUPT},
    {"a length that wraps", 28, 4, 0xffffffff, ERR_CORRUPT},
    {"no timestamp", 32, 8, UINT64_MAX, ERR_OK},
    {"before 1970", 32, 8, UINT64_MAX - 1, ERR_CORRUPT},
    {"any producer", 40, 8, INT64_MAX + 1ull, ERR_OK},
    {"no-op that takes offsets", 50, 1, 1, ERR_CORRUPT},
    {"an unknown kind", 50, 1, LOG_KIND_COUNT, ERR_CORRUPT},
    {"the highest kind", 50, 1, 255, ERR_CORRUPT},
    {"no flag", 51, 1, 0, ERR_OK},
    {"a gap with a batch", 51, 1, 1, ERR_CORRUPT},
    {"an unknown flag", 51, 1, 8, ERR_CORRUPT},
    {"the highest flag", 51, 1, 0x80, ERR_CORRUPT},
    {"no records", 56, 4, 0, ERR_OK},
    {"the most records", 56, 4, INT32_MAX, ERR_OK},
    {"more", 56, 4, INT32_MAX + 1ull, ERR_CORRUPT},
    {"reserved", 62, 2, 0xffff, ERR_OK},
};

static const struct sidecar_range_row sidecar_gap_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"index 0", 0, 8, 0, ERR_CORRUPT},
    {"of one index", 0, 8, 8, ERR_OK},
    {"ends before it begins", 0, 8, 9, ERR_CORRUPT},
    {"ends at 0", 40, 8, 0, ERR_CORRUPT},
    {"the highest index", 40, 8, INT64_MAX, ERR_OK},
    {"an index above it", 40, 8, INT64_MAX + 1ull, ERR_CORRUPT},
    {"takes offsets", 20, 4, 9, ERR_OK},
    {"a length", 28, 4, 61, ERR_CORRUPT},
    {"of another kind", 50, 1, LOG_KIND_CUT, ERR_OK},
    {"quarantined", 51, 1, 3, ERR_OK},
    {"not a gap", 51, 1, 0, ERR_CORRUPT},
};

static void sidecar_out_of_range_is_corrupt(void **state)
{
    (void)state;
    sidecar_check_ranges(sidecar_header_rows, ARRAY_COUNT(sidecar_header_rows),
                         sidecar_header_bytes, 0, sidecar_header_decode);
    sidecar_check_ranges(sidecar_entry_rows, ARRAY_COUNT(sidecar_entry_rows), sidecar_entry_bytes,
                         SIDECAR_SEED, sidecar_decode);
    sidecar_check_ranges(sidecar_gap_rows, ARRAY_COUNT(sidecar_gap_rows), sidecar_gap_bytes,
                         SIDECAR_SEED, sidecar_decode);
}

static void sidecar_is_a_bug(const struct log_sidecar *rec)
{
    uint8_t out[LOG_SIDECAR_BYTES];
    expect_assert_failure(log_sidecar_encode(rec, formats_kernels(), SIDECAR_SEED, out));
}

/* Each is one that a decoder would refuse. */
static void sidecar_that_nobody_would_read_is_a_bug(void **state)
{
    (void)state;
    uint8_t out[LOG_SIDECAR_BYTES];
    struct log_sidecar_header header = sidecar_header_of_bytes();
    header.start.index = 0;
    expect_assert_failure(log_sidecar_header_encode(&header, formats_kernels(), out));
    struct log_sidecar recs[6];
    for (size_t i = 0; i < ARRAY_COUNT(recs); i++) {
        recs[i] = i < 4 ? sidecar_entry_of_bytes() : sidecar_gap_of_bytes();
    }
    recs[0].last_index++;
    recs[1].pos = UINT32_MAX;
    recs[2].last_offset_delta = -1;
    recs[3].max_timestamp = -2;
    recs[4].last_index = 4;
    recs[5].length = 61;
    for (size_t i = 0; i < ARRAY_COUNT(recs); i++) {
        sidecar_is_a_bug(&recs[i]);
    }
}

static struct log_batch sidecar_batch(void)
{
    return (struct log_batch){
        .base_offset = 100,
        .length_bytes = 200,
        .term = 7,
        .crc = 0x01020304,
        .kind = LOG_KIND_DATA,
        .last_offset_delta = 4,
        .base_timestamp = 900,
        .max_timestamp = 1000,
        .producer_id = 12,
        .producer_epoch = 13,
        .base_sequence = 14,
        .records_count = 5,
    };
}

static void sidecar_is_filled_from_its_batch(void **state)
{
    (void)state;
    struct log_batch batch = sidecar_batch();
    struct log_sidecar rec;
    memset(&rec, 0x55, sizeof(rec));
    log_sidecar_fill(&rec, 3, 4096, &batch, 0x05060708, sidecar_chain(), 999);
    struct log_sidecar want = {
        .index = 3,
        .last_index = 3,
        .base_offset = 100,
        .term = 7,
        .last_offset_delta = 4,
        .pos = 4096,
        .length = 200,
        .max_timestamp = 1000,
        .producer_id = 12,
        .producer_epoch = 13,
        .kind = LOG_KIND_DATA,
        .base_sequence = 14,
        .records_count = 5,
        .crc = 0x01020304,
        .header_crc = 0x05060708,
        .chain = sidecar_chain(),
    };
    sidecar_assert_equal(&rec, &want);
    assert_true(log_sidecar_next_offset(&rec) == 105);
}

static void sidecar_timestamp_never_goes_back(void **state)
{
    (void)state;
    static const struct {
        int64_t before;
        int64_t batch;
        int64_t want;
    } rows[] = {{-1, -1, -1},   {-1, 0, 0},       {5, -1, 5},
                {5, 4, 5},      {5, 6, 6},        {INT64_MAX, 6, INT64_MAX},
                {-1, -500, -1}, {7, INT64_MIN, 7}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_batch batch = sidecar_batch();
        batch.max_timestamp = rows[i].batch;
        struct log_sidecar rec;
        log_sidecar_fill(&rec, 1, 0, &batch, 0, sidecar_chain(), rows[i].before);
        assert_true(rec.max_timestamp == rows[i].want);
    }
}

/* An internal entry takes no offset; the largest gap ends at the largest offset. */
static void sidecar_next_offset_is_behind_the_last_record(void **state)
{
    (void)state;
    struct log_batch batch = sidecar_batch();
    batch.kind = LOG_KIND_NOOP;
    batch.last_offset_delta = -1;
    batch.records_count = 0;
    struct log_sidecar rec;
    log_sidecar_fill(&rec, 1, 0, &batch, 0, sidecar_chain(), -1);
    assert_int_equal(rec.kind, LOG_KIND_NOOP);
    assert_true(log_sidecar_next_offset(&rec) == 100);
    rec = sidecar_gap_of_bytes();
    rec.base_offset = LOG_NUMBER_MAX - (1ull << 31);
    rec.last_offset_delta = INT32_MAX;
    assert_true(log_sidecar_next_offset(&rec) == LOG_NUMBER_MAX);
}

static void sidecar_filled_from_what_was_not_appended_is_a_bug(void **state)
{
    (void)state;
    struct log_batch batch = sidecar_batch();
    struct log_sidecar rec;
    expect_assert_failure(log_sidecar_fill(&rec, 0, 0, &batch, 0, sidecar_chain(), -1));
    expect_assert_failure(log_sidecar_fill(&rec, 1, UINT32_MAX, &batch, 0, sidecar_chain(), -1));
    batch.term = UINT32_MAX; /* not patched */
    expect_assert_failure(log_sidecar_fill(&rec, 1, 0, &batch, 0, sidecar_chain(), -1));
}

/* Property: entries and gaps of any numbers read back. */
static void sidecar_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    bool is_gap = prng_chance(&prng, 1, 4);
    struct log_sidecar rec = {
        .index = prng_range(&prng, 1, LOG_NUMBER_MAX),
        .base_offset = prng_below(&prng, LOG_NUMBER_MAX - (1ull << 31)),
        .term = (uint32_t)prng_below(&prng, LIMIT_TERM + 1ull),
        .pos = (uint32_t)prng_below(&prng, UINT32_MAX - LIMIT_BATCH_BYTES),
        .length = is_gap ? 0 : (uint32_t)prng_range(&prng, 61, LIMIT_BATCH_BYTES),
        .max_timestamp = (int64_t)(prng_u64(&prng) >> 1) - 1,
        .producer_id = is_gap ? -1 : (int64_t)prng_u64(&prng),
        .producer_epoch = (int16_t)prng_u64(&prng),
        .kind = (enum log_kind)prng_below(&prng, LOG_KIND_COUNT),
        .flags = (uint8_t)(prng_below(&prng, 4) * 2 + (is_gap ? LOG_SIDECAR_GAP : 0)),
        .base_sequence = (int32_t)prng_u64(&prng),
        .records_count = (uint32_t)prng_below(&prng, 1ull << 31),
        .key_id = (uint16_t)prng_u64(&prng),
        .crc = (uint32_t)prng_u64(&prng),
        .header_crc = (uint32_t)prng_u64(&prng),
        .chain = {.low = prng_u64(&prng), .high = prng_u64(&prng)},
        .rewritten_crc = (uint32_t)prng_u64(&prng),
    };
    rec.last_index = is_gap ? prng_range(&prng, rec.index, LOG_NUMBER_MAX) : rec.index;
    rec.last_offset_delta = rec.kind == LOG_KIND_DATA ? (int32_t)prng_below(&prng, 1ull << 31) : -1;
    uint32_t record_seed = (uint32_t)prng_u64(&prng);
    uint8_t data[LOG_SIDECAR_BYTES];
    log_sidecar_encode(&rec, formats_kernels(), record_seed, data);
    struct log_sidecar read;
    enum err err = log_sidecar_decode(data, sizeof(data), formats_kernels(), record_seed, &read);
    if (err != ERR_OK) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, err_name(err));
    }
    sidecar_assert_equal(&read, &rec);
}

static void sidecar_records_read_back(void **state)
{
    (void)state;
    struct share share = share_open("round trip", 40);
    while (share_more(&share)) {
        sidecar_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sidecar_header_stands_as_the_table_says),
        cmocka_unit_test(sidecar_header_is_read_as_it_was_written),
        cmocka_unit_test(sidecar_records_stand_as_the_table_says),
        cmocka_unit_test(sidecar_records_are_read_as_they_were_written),
        cmocka_unit_test(sidecar_cut_short_is_truncated),
        cmocka_unit_test(sidecar_with_a_flipped_bit_is_corrupt),
        cmocka_unit_test(sidecar_of_another_segment_never_verifies),
        cmocka_unit_test(sidecar_of_zeros_is_corrupt),
        cmocka_unit_test(sidecar_out_of_range_is_corrupt),
        cmocka_unit_test(sidecar_that_nobody_would_read_is_a_bug),
        cmocka_unit_test(sidecar_is_filled_from_its_batch),
        cmocka_unit_test(sidecar_timestamp_never_goes_back),
        cmocka_unit_test(sidecar_next_offset_is_behind_the_last_record),
        cmocka_unit_test(sidecar_filled_from_what_was_not_appended_is_a_bug),
        cmocka_unit_test(sidecar_records_read_back),
    };
    return cmocka_run_group_tests_name("log_sidecar", tests, NULL, NULL);
}
