/* groups.tab: header and rows as bytes, everything cut off, flipped, out of range. */
#include "storage/log/table.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"

/* By the table "groups.tab"; checksums worked a bit at a time by another program. */
#define TABLE_HEADER_BYTES 60
static const char table_header_bytes[TABLE_HEADER_BYTES + 1] =
    "TDBT"
    "\x01\x00"                                                         /* version */
    "\x00\x01"                                                         /* bytes of a row */
    "\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"                 /* features */
    "\x03\x00\x00\x00"                                                 /* rows */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* disk uuid */
    "\x05\x00\x00\x00\x00\x00\x00\x00"                                 /* number */
    "\x09\x00\x00\x00\x00\x00\x00\x00"                                 /* journal floor */
    "\x9c\xfb\xdf\x15";                                                /* checksum */

/* CRC of that disk uuid and number 5. */
#define TABLE_SEED 0xd03d5789u

static const char table_row_bytes[LOG_TABLE_ROW_BYTES + 1] =
    "\x18\x17\x16\x15\x14\x13\x12\x11"                                 /* group */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* topic uuid */
    "\x06\x00\x00\x00"                                                 /* partition */
    "\x01"                                                             /* state: live */
    "\x01"                                                             /* flags: amnesiac */
    "\x00\x00"                                                         /* reserved */
    "\x34\x33\x32\x31"                                                 /* term */
    "\x02\x00\x00\x00"                                                 /* vote */
    "\x48\x47\x46\x45\x44\x43\x42\x41"                                 /* commit hint */
    "\x58\x57\x56\x55\x54\x53\x52\x51"                                 /* membership entry */
    "\x01\x01\x00\x00\x00\x00\x00\x00\x01\x10\x00\x00\x00\x00\x00\x00" /* log start */
    "\x11\x00\x00\x00\x00\x00\x00\x00"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\x02\x02\x00\x00\x00\x00\x00\x00\x02\x20\x00\x00\x00\x00\x00\x00" /* settled end */
    "\x22\x00\x00\x00\x00\x00\x00\x00"
    "\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f"
    "\x51\x01\x00\x00\x00\x00\x00\x00"                                 /* active segment */
    "\x03\x00\x00\x00"                                                 /* generation */
    "\x28\x00\x00\x00"                                                 /* sidecar records */
    "\x00\x80\x00\x00"                                                 /* written bytes */
    "\x00\x00\x00\x00"                                                 /* reserved */
    "\x7b\x68\xe5\xcf\x8b\x01\x00\x00"                                 /* max timestamp */
    "\x68\x67\x66\x65\x64\x63\x62\x61"                                 /* group_seq */
    "\x80\x01\x00\x00\x00\x00\x00\x00"                                 /* quarantine */
    "\x02\x00\x00\x00"                                                 /* ranges */
    "\xf0\x01\x00\x00\x00\x00\x00\x00"                                 /* gap */
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" /* reserved */
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x0d\xcb\x8a\x01"; /* checksum */

static struct log_table_header table_header(void)
{
    struct log_table_header header = {
        .features = {.compat = 4}, .rows_count = 3, .number = 5, .journal_floor = 9};
    for (uint8_t i = 0; i < 16; i++) {
        header.disk.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return header;
}

static struct log_row table_row(void)
{
    struct log_row row = {
        .group = 0x1112131415161718,
        .partition = 6,
        .state = LOG_ROW_LIVE,
        .flags = LOG_ROW_AMNESIAC,
        .hard = {.term = 0x31323334, .vote = 2, .commit = 0x4142434445464748},
        .membership_index = 0x5152535455565758,
        .start = {.index = 0x101,
                  .offset = 0x1001,
                  .term = 0x11,
                  .chain = {.high = 0x1011121314151617, .low = 0x18191a1b1c1d1e1f}},
        .end = {.index = 0x202,
                .offset = 0x2002,
                .term = 0x22,
                .chain = {.high = 0x2021222324252627, .low = 0x28292a2b2c2d2e2f}},
        .segment_index = 0x151,
        .segment_generation = 3,
        .recs_count = 40,
        .written_bytes = 0x8000,
        .max_timestamp = 1700000000123,
        .seq = 0x6162636465666768,
        .quarantine_index = 0x180,
        .quarantine_count = 2,
        .gap_index = 0x1f0,
    };
    for (uint8_t i = 0; i < 16; i++) {
        row.topic.bytes[i] = (uint8_t)(0xc0 + i);
    }
    return row;
}

static bool table_point_is_equal(const struct log_point *a, const struct log_point *b)
{
    return a->index == b->index && a->offset == b->offset && a->term == b->term &&
           hash128_is_equal(a->chain, b->chain);
}

static bool table_row_is_equal(const struct log_row *a, const struct log_row *b)
{
    return a->group == b->group && log_uuid_is_equal(&a->topic, &b->topic) &&
           a->partition == b->partition && a->state == b->state && a->flags == b->flags &&
           a->hard.term == b->hard.term && a->hard.vote == b->hard.vote &&
           a->hard.commit == b->hard.commit && a->membership_index == b->membership_index &&
           table_point_is_equal(&a->start, &b->start) && table_point_is_equal(&a->end, &b->end) &&
           a->segment_index == b->segment_index && a->segment_generation == b->segment_generation &&
           a->recs_count == b->recs_count && a->written_bytes == b->written_bytes &&
           a->max_timestamp == b->max_timestamp && a->seq == b->seq &&
           a->quarantine_index == b->quarantine_index &&
           a->quarantine_count == b->quarantine_count && a->gap_index == b->gap_index;
}

static enum err table_header_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_table_header header;
    memset(&header, 0x55, sizeof(header));
    enum err err = log_table_header_decode(data, length, kernels, true, &header);
    if (err != ERR_OK) {
        assert_true(header.rows_count == 0 && header.number == 0 && header.journal_floor == 0);
        assert_true(log_uuid_is_zero(&header.disk));
        assert_int_equal(header.features.compat, 0);
    }
    return err;
}

static enum err table_row_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_row row;
    memset(&row, 0x55, sizeof(row));
    enum err err = log_row_decode(data, length, kernels, TABLE_SEED, &row);
    if (err != ERR_OK) {
        assert_true(table_row_is_equal(&row, &(struct log_row){0}));
    }
    return err;
}

static void table_header_stands_as_the_table_says(void **state)
{
    (void)state;
    uint8_t out[LOG_TABLE_HEADER_BYTES];
    memset(out, 0x55, sizeof(out));
    struct log_table_header header = table_header();
    log_table_header_encode(&header, formats_kernels(), out);
    assert_memory_equal(out, table_header_bytes, TABLE_HEADER_BYTES);
    for (size_t i = TABLE_HEADER_BYTES; i < sizeof(out); i++) {
        assert_int_equal(out[i], 0);
    }
    struct log_table_header back;
    assert_int_equal(log_table_header_decode(out, sizeof(out), formats_kernels(), true, &back),
                     ERR_OK);
    assert_int_equal(back.features.compat, 4);
    assert_int_equal(back.rows_count, 3);
    assert_true(log_uuid_is_equal(&back.disk, &header.disk));
    assert_true(back.number == 5);
    assert_true(back.journal_floor == 9);
    assert_int_equal(log_table_seed(formats_kernels(), &header.disk, 5), TABLE_SEED);
}

static void table_row_stands_as_the_table_says(void **state)
{
    (void)state;
    uint8_t out[LOG_TABLE_ROW_BYTES];
    memset(out, 0x55, sizeof(out));
    struct log_row row = table_row();
    log_row_encode(&row, formats_kernels(), TABLE_SEED, out);
    assert_memory_equal(out, table_row_bytes, sizeof(out));
    struct log_row back;
    assert_int_equal(log_row_decode(out, sizeof(out), formats_kernels(), TABLE_SEED, &back),
                     ERR_OK);
    assert_true(table_row_is_equal(&back, &row));
}

static void table_bytes_are_whole_blocks(void **state)
{
    (void)state;
    assert_int_equal(log_table_bytes(0), 4096);
    assert_int_equal(log_table_bytes(1), 8192);
    assert_int_equal(log_table_bytes(16), 8192);
    assert_int_equal(log_table_bytes(17), 12288);
    assert_int_equal(log_table_bytes(100000), 4096 + 25600000);
    expect_assert_failure(log_table_bytes(100001));
}

static void table_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(table_header_bytes, TABLE_HEADER_BYTES, table_header_decode);
    formats_cut_is_truncated(table_row_bytes, LOG_TABLE_ROW_BYTES, table_row_decode);
}

static void table_every_flip_is_corrupt(void **state)
{
    (void)state;
    formats_flip_is_corrupt(table_header_bytes, TABLE_HEADER_BYTES, 0, TABLE_HEADER_BYTES,
                            table_header_decode);
    formats_flip_is_corrupt(table_row_bytes, LOG_TABLE_ROW_BYTES, 0, LOG_TABLE_ROW_BYTES,
                            table_row_decode);
}

static void table_row_of_another_table_is_corrupt(void **state)
{
    (void)state;
    struct log_table_header header = table_header();
    uint32_t older = log_table_seed(formats_kernels(), &header.disk, 4);
    header.disk.bytes[15] ^= 1;
    uint32_t foreign = log_table_seed(formats_kernels(), &header.disk, 5);
    const uint32_t seeds[] = {0, older, foreign};
    for (size_t i = 0; i < ARRAY_COUNT(seeds); i++) {
        struct log_row row;
        assert_int_equal(
            log_row_decode(table_row_bytes, LOG_TABLE_ROW_BYTES, formats_kernels(), seeds[i], &row),
            ERR_CORRUPT);
    }
    static const uint8_t zeros[LOG_TABLE_ROW_BYTES];
    assert_int_equal(table_row_decode(formats_kernels(), zeros, sizeof(zeros)), ERR_CORRUPT);
}

/* A field overwritten, the checksum right. */
static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err read;
    enum err write;
} table_header_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK, ERR_OK},
    {"magic", 0, 4, 0x54424455, ERR_CORRUPT, ERR_CORRUPT},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"a newer version of longer rows", 4, 4, 0x02000002, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"longer rows", 6, 2, 512, ERR_CORRUPT, ERR_CORRUPT},
    {"compat", 8, 4, 0xffffffff, ERR_OK, ERR_OK},
    {"ro", 12, 4, 2, ERR_OK, ERR_UNSUPPORTED},
    {"incompat", 16, 4, 1, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"no rows", 20, 4, 0, ERR_OK, ERR_OK},
    {"as many rows as there may be", 20, 4, 100000, ERR_OK, ERR_OK},
    {"a row more", 20, 4, 100001, ERR_CORRUPT, ERR_CORRUPT},
    {"2^32-1 rows", 20, 4, 0xffffffff, ERR_CORRUPT, ERR_CORRUPT},
    {"number 0", 40, 8, 0, ERR_CORRUPT, ERR_CORRUPT},
    {"floor 0", 48, 8, 0, ERR_OK, ERR_OK},
};

static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
} table_row_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"group 0, the controller's", 0, 8, 0, ERR_OK},
    {"the highest group", 0, 8, UINT64_MAX, ERR_OK},
    {"state 0", 28, 1, 0, ERR_CORRUPT},
    {"deleted", 28, 1, 2, ERR_OK},
    {"state 3", 28, 1, 3, ERR_CORRUPT},
    {"state 255", 28, 1, 255, ERR_CORRUPT},
    {"no flags", 29, 1, 0, ERR_OK},
    {"lost", 29, 1, 2, ERR_OK},
    {"an unknown flag", 29, 1, 4, ERR_CORRUPT},
    {"the highest flag", 29, 1, 0x81, ERR_CORRUPT},
    {"reserved", 30, 2, 0xffff, ERR_OK},
    {"the highest term", 32, 4, 0x7fffffff, ERR_OK},
    {"a term above", 32, 4, 0x80000000, ERR_CORRUPT},
    {"the highest commit hint", 40, 8, INT64_MAX, ERR_OK},
    {"a commit hint above", 40, 8, 1ull << 63, ERR_CORRUPT},
    {"no membership entry", 48, 8, 0, ERR_OK},
    {"membership entry out of range", 48, 8, 1ull << 63, ERR_CORRUPT},
    {"start index", 56, 8, 1ull << 63, ERR_CORRUPT},
    {"start offset", 64, 8, 1ull << 63, ERR_CORRUPT},
    {"start term", 72, 4, 0x80000000, ERR_CORRUPT},
    {"start reserved", 76, 4, 0xffffffff, ERR_OK},
    {"end index", 96, 8, UINT64_MAX, ERR_CORRUPT},
    {"end offset", 104, 8, UINT64_MAX, ERR_CORRUPT},
    {"end term", 112, 4, 0xffffffff, ERR_CORRUPT},
    {"no segment yet", 136, 8, 0, ERR_OK},
    {"segment index", 136, 8, 1ull << 63, ERR_CORRUPT},
    {"half a block written", 152, 4, 2048, ERR_CORRUPT},
    {"a byte more than blocks", 152, 4, 4097, ERR_CORRUPT},
    {"4 GiB less a block", 152, 4, 0xfffff000, ERR_OK},
    {"more reserved", 156, 4, 0xffffffff, ERR_OK},
    {"no timestamp", 160, 8, UINT64_MAX, ERR_OK},
    {"a timestamp below none", 160, 8, UINT64_MAX - 1, ERR_CORRUPT},
    {"the highest group_seq", 168, 8, INT64_MAX, ERR_OK},
    {"a group_seq above", 168, 8, 1ull << 63, ERR_CORRUPT},
    {"quarantine", 176, 8, 1ull << 63, ERR_CORRUPT},
    {"the last reserved byte", 251, 1, 0xff, ERR_OK},
};

static void table_values_out_of_range_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(table_header_rows); i++) {
        uint8_t bytes[TABLE_HEADER_BYTES];
        memcpy(bytes, table_header_bytes, sizeof(bytes));
        formats_poke(bytes, table_header_rows[i].pos, table_header_rows[i].value,
                     table_header_rows[i].width);
        formats_seal(bytes, sizeof(bytes) - 4, 0);
        struct log_table_header header;
        enum err read =
            log_table_header_decode(bytes, sizeof(bytes), formats_kernels(), false, &header);
        enum err write = table_header_decode(formats_kernels(), bytes, sizeof(bytes));
        if (read != table_header_rows[i].read || write != table_header_rows[i].write) {
            fail_msg("header, %s: %s, %s", table_header_rows[i].name, err_name(read),
                     err_name(write));
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(table_row_rows); i++) {
        uint8_t bytes[LOG_TABLE_ROW_BYTES];
        memcpy(bytes, table_row_bytes, sizeof(bytes));
        formats_poke(bytes, table_row_rows[i].pos, table_row_rows[i].value,
                     table_row_rows[i].width);
        formats_seal(bytes, sizeof(bytes) - 4, TABLE_SEED);
        enum err err = table_row_decode(formats_kernels(), bytes, sizeof(bytes));
        if (err != table_row_rows[i].err) {
            fail_msg("row, %s: %s", table_row_rows[i].name, err_name(err));
        }
    }
}

static void table_row_is_a_bug(const struct log_row *row)
{
    uint8_t out[LOG_TABLE_ROW_BYTES];
    expect_assert_failure(log_row_encode(row, formats_kernels(), TABLE_SEED, out));
}

static void table_what_would_not_be_believed_is_not_written(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    uint8_t out[LOG_TABLE_HEADER_BYTES];
    struct log_table_header header = table_header();
    header.number = 0;
    expect_assert_failure(log_table_header_encode(&header, kernels, out));
    header = table_header();
    header.rows_count = LIMIT_PARTITIONS_COUNT + 1;
    expect_assert_failure(log_table_header_encode(&header, kernels, out));
    struct log_row rows[6];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        rows[i] = table_row();
    }
    rows[0].flags = 4;
    rows[1].written_bytes = 1;
    rows[2].state = (enum log_row_state)0;
    rows[3].seq = LOG_NUMBER_MAX + 1;
    rows[4].end.term = LIMIT_TERM + 1;
    rows[5].max_timestamp = -2;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        table_row_is_a_bug(&rows[i]);
    }
}

/* A number up to 2^63-1, small ones as often as large ones. */
static uint64_t table_number(struct prng *prng)
{
    return prng_u64(prng) >> prng_range(prng, 1, 63);
}

static struct log_point table_point(struct prng *prng)
{
    return (struct log_point){
        .index = table_number(prng),
        .offset = table_number(prng),
        .term = (uint32_t)prng_below(prng, LIMIT_TERM + 1ull),
        .chain = {.low = prng_u64(prng), .high = prng_u64(prng)},
    };
}

/* Property: any row that may be written reads back, and never under another table's seed. */
static void table_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct log_row row = {
        .group = 1 + table_number(&prng),
        .partition = (uint32_t)prng_u64(&prng),
        .state = prng_chance(&prng, 1, 2) ? LOG_ROW_LIVE : LOG_ROW_DELETED,
        .flags = (uint8_t)prng_below(&prng, (LOG_ROW_AMNESIAC | LOG_ROW_LOST) + 1),
        .hard = {.term = (uint32_t)prng_below(&prng, LIMIT_TERM + 1ull),
                 .vote = (uint32_t)prng_u64(&prng),
                 .commit = table_number(&prng)},
        .membership_index = table_number(&prng),
        .start = table_point(&prng),
        .end = table_point(&prng),
        .segment_index = table_number(&prng),
        .segment_generation = (uint32_t)prng_u64(&prng),
        .recs_count = (uint32_t)prng_u64(&prng),
        .written_bytes = (uint32_t)prng_u64(&prng) / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES,
        .max_timestamp = (int64_t)table_number(&prng) - 1,
        .seq = table_number(&prng),
        .quarantine_index = table_number(&prng),
        .quarantine_count = (uint32_t)prng_u64(&prng),
    };
    row.gap_index = prng_below(&prng, row.end.index + 1);
    uint32_t row_seed = (uint32_t)prng_u64(&prng);
    uint8_t out[LOG_TABLE_ROW_BYTES];
    log_row_encode(&row, formats_kernels(), row_seed, out);
    struct log_row back;
    bool is_equal =
        log_row_decode(out, sizeof(out), formats_kernels(), row_seed, &back) == ERR_OK &&
        table_row_is_equal(&row, &back) &&
        log_row_decode(out, sizeof(out), formats_kernels(), row_seed + 1, &back) == ERR_CORRUPT;
    if (!is_equal) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void table_rows_read_back(void **state)
{
    (void)state;
    struct share share = share_open("rows", 20);
    while (share_more(&share)) {
        table_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_header_stands_as_the_table_says),
        cmocka_unit_test(table_row_stands_as_the_table_says),
        cmocka_unit_test(table_bytes_are_whole_blocks),
        cmocka_unit_test(table_cut_short_is_truncated),
        cmocka_unit_test(table_every_flip_is_corrupt),
        cmocka_unit_test(table_row_of_another_table_is_corrupt),
        cmocka_unit_test(table_values_out_of_range_are_refused),
        cmocka_unit_test(table_what_would_not_be_believed_is_not_written),
        cmocka_unit_test(table_rows_read_back),
    };
    return cmocka_run_group_tests_name("log_table", tests, NULL, NULL);
}
