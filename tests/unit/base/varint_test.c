/* Variable-length integers: Kafka's own examples, every boundary, what is refused. */
#include "base/varint.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* org.apache.kafka.common.utils.ByteUtilsTest: testUnsignedVarintSerde, testVarintSerde,
 * testVarlongSerde. The last two rows: the worked example 300 of Protocol Buffers' encoding guide,
 * plain (ac 02) and zigzag (600: d8 04). */
enum varint_kind { VARINT_U32, VARINT_I32, VARINT_I64 };
static const struct {
    enum varint_kind kind;
    int64_t value;
    const char *bytes;
    size_t length;
} varint_rows[] = {
#define VARINT_ROW(kind, value, bytes)                                                             \
    {                                                                                              \
        kind, value, bytes, sizeof(bytes) - 1                                                      \
    }
    VARINT_ROW(VARINT_U32, 0, "\x00"),
    VARINT_ROW(VARINT_U32, 0xffffffff, "\xff\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_U32, 1, "\x01"),
    VARINT_ROW(VARINT_U32, 63, "\x3f"),
    VARINT_ROW(VARINT_U32, 0xffffffc0, "\xc0\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_U32, 64, "\x40"),
    VARINT_ROW(VARINT_U32, 8191, "\xff\x3f"),
    VARINT_ROW(VARINT_U32, 0xffffe000, "\x80\xc0\xff\xff\x0f"),
    VARINT_ROW(VARINT_U32, 8192, "\x80\x40"),
    VARINT_ROW(VARINT_U32, 0xffffdfff, "\xff\xbf\xff\xff\x0f"),
    VARINT_ROW(VARINT_U32, 1048575, "\xff\xff\x3f"),
    VARINT_ROW(VARINT_U32, 1048576, "\x80\x80\x40"),
    VARINT_ROW(VARINT_U32, INT32_MAX, "\xff\xff\xff\xff\x07"),
    VARINT_ROW(VARINT_U32, 0x80000000, "\x80\x80\x80\x80\x08"),
    VARINT_ROW(VARINT_I32, 0, "\x00"),
    VARINT_ROW(VARINT_I32, -1, "\x01"),
    VARINT_ROW(VARINT_I32, 1, "\x02"),
    VARINT_ROW(VARINT_I32, 63, "\x7e"),
    VARINT_ROW(VARINT_I32, -64, "\x7f"),
    VARINT_ROW(VARINT_I32, 64, "\x80\x01"),
    VARINT_ROW(VARINT_I32, -65, "\x81\x01"),
    VARINT_ROW(VARINT_I32, 8191, "\xfe\x7f"),
    VARINT_ROW(VARINT_I32, -8192, "\xff\x7f"),
    VARINT_ROW(VARINT_I32, 8192, "\x80\x80\x01"),
    VARINT_ROW(VARINT_I32, -8193, "\x81\x80\x01"),
    VARINT_ROW(VARINT_I32, 134217727, "\xfe\xff\xff\x7f"),
    VARINT_ROW(VARINT_I32, -134217728, "\xff\xff\xff\x7f"),
    VARINT_ROW(VARINT_I32, 134217728, "\x80\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I32, -134217729, "\x81\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I32, INT32_MAX, "\xfe\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_I32, INT32_MIN, "\xff\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_I64, 0, "\x00"),
    VARINT_ROW(VARINT_I64, -1, "\x01"),
    VARINT_ROW(VARINT_I64, INT32_MAX, "\xfe\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_I64, INT32_MIN, "\xff\xff\xff\xff\x0f"),
    VARINT_ROW(VARINT_I64, 17179869183, "\xfe\xff\xff\xff\x7f"),
    VARINT_ROW(VARINT_I64, -17179869185, "\x81\x80\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I64, 2199023255551, "\xfe\xff\xff\xff\xff\x7f"),
    VARINT_ROW(VARINT_I64, 281474976710656, "\x80\x80\x80\x80\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I64, -281474976710657, "\x81\x80\x80\x80\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I64, 36028797018963967, "\xfe\xff\xff\xff\xff\xff\xff\x7f"),
    VARINT_ROW(VARINT_I64, -4611686018427387904, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
    VARINT_ROW(VARINT_I64, 4611686018427387904, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
    VARINT_ROW(VARINT_I64, INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    VARINT_ROW(VARINT_I64, INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    VARINT_ROW(VARINT_U32, 300, "\xac\x02"),
    VARINT_ROW(VARINT_I32, 300, "\xd8\x04"),
#undef VARINT_ROW
};

static void varint_gives_kafkas_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(varint_rows); i++) {
        uint8_t out[VARINT_U64_BYTES_MAX];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        size_t size = 0;
        if (varint_rows[i].kind == VARINT_U32) {
            varint_put_u64(&w, (uint64_t)varint_rows[i].value);
            size = varint_size_u64((uint64_t)varint_rows[i].value);
        } else {
            varint_put_i64(&w, varint_rows[i].value);
            size = varint_size_i64(varint_rows[i].value);
        }
        assert_int_equal(w.err, ERR_OK);
        assert_int_equal(w.pos, varint_rows[i].length);
        assert_int_equal(size, varint_rows[i].length);
        assert_memory_equal(out, varint_rows[i].bytes, w.pos);
    }
}

/* The value of the next varint of `kind`, widened. */
static int64_t varint_get_kind(struct bytes_reader *r, enum varint_kind kind)
{
    switch (kind) {
    case VARINT_U32: return varint_get_u32(r);
    case VARINT_I32: return varint_get_i32(r);
    case VARINT_I64: return varint_get_i64(r);
    }
    return 0;
}

static void varint_reads_kafkas_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(varint_rows); i++) {
        uint8_t in[VARINT_U64_BYTES_MAX + 1] = {0};
        size_t length = varint_rows[i].length;
        memcpy(in, varint_rows[i].bytes, length);
        for (size_t more = 0; more <= 1; more++) { /* at the input's end, and before more of it */
            struct bytes_reader r = bytes_reader(in, length + more);
            assert_true(varint_get_kind(&r, varint_rows[i].kind) == varint_rows[i].value);
            assert_int_equal(r.err, ERR_OK);
            assert_int_equal(r.pos, length);
        }
    }
}

static void varint_cut_short_is_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(varint_rows); i++) {
        for (size_t length = 0; length < varint_rows[i].length; length++) {
            struct bytes_reader r = bytes_reader(varint_rows[i].bytes, length);
            assert_true(varint_get_kind(&r, varint_rows[i].kind) == 0);
            assert_int_equal(r.err, ERR_TRUNCATED);
            assert_int_equal(r.pos, 0);
        }
    }
    struct bytes_reader none = bytes_reader(NULL, 0);
    assert_true(varint_get_u64(&none) == 0);
    assert_int_equal(none.err, ERR_TRUNCATED);
}

/* ByteUtilsTest: testInvalidVarint, testInvalidVarlong; then excess bits and padding. */
static const struct {
    enum varint_kind kind;
    const char *bytes;
    size_t length;
    enum err err;
} varint_hostile_rows[] = {
    {VARINT_I32, "\xff\xff\xff\xff\xff\x01", 6, ERR_CORRUPT},
    {VARINT_I64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, ERR_CORRUPT},
    {VARINT_U32, "\xff\xff\xff\xff\x10", 5, ERR_CORRUPT},
    {VARINT_U32, "\xff\xff\xff\xff\x1f", 5, ERR_CORRUPT},
    {VARINT_U32, "\x80\x80\x80\x80\x80", 5, ERR_CORRUPT},
    {VARINT_I64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, ERR_CORRUPT},
    {VARINT_I64, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 10, ERR_CORRUPT},
    {VARINT_U32, "\x80\x80\x80\x80\x00", 5, ERR_OK},
    {VARINT_I64, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10, ERR_OK},
};

static void varint_too_long_or_too_large_is_corrupt_and_padding_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(varint_hostile_rows); i++) {
        enum err want = varint_hostile_rows[i].err;
        struct bytes_reader r =
            bytes_reader(varint_hostile_rows[i].bytes, varint_hostile_rows[i].length);
        assert_true(varint_get_kind(&r, varint_hostile_rows[i].kind) == 0);
        assert_int_equal(r.err, want);
        assert_int_equal(r.pos, want == ERR_OK ? varint_hostile_rows[i].length : 0);
    }
}

static void varint_after_a_failure_changes_nothing(void **state)
{
    (void)state;
    struct bytes_reader r = bytes_reader("\x01\x80\x01", 3);
    bytes_reader_fail(&r, ERR_INVALID);
    assert_int_equal(varint_get_u32(&r), 0);
    assert_int_equal(varint_get_i32(&r), 0);
    assert_true(varint_get_u64(&r) == 0);
    assert_int_equal(r.pos, 0);
    assert_int_equal(r.err, ERR_INVALID);
}

static void varint_put_writes_whole_values_or_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < VARINT_U64_BYTES_MAX; capacity++) {
        uint8_t out[VARINT_U64_BYTES_MAX] = {0};
        struct bytes_writer w = bytes_writer(out, capacity);
        varint_put_u64(&w, UINT64_MAX);
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
        assert_memory_equal(out, ((uint8_t[VARINT_U64_BYTES_MAX]){0}), sizeof(out));
    }
}

/* Property: a run of values of all lengths reads back as written, and 32-bit values alike by either
 * get. */
static void varint_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint64_t values[64];
    uint8_t out[sizeof(values) / sizeof(values[0]) * 2 * VARINT_U64_BYTES_MAX];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        values[i] = prng_u64(&prng) >> prng_below(&prng, 64);
        varint_put_u64(&w, values[i]);
        varint_put_i64(&w, (int64_t)values[i]);
        size += varint_size_u64(values[i]) + varint_size_i64((int64_t)values[i]);
    }
    bool is_equal = w.err == ERR_OK && w.pos == size;
    struct bytes_reader r = bytes_reader(out, w.pos);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct bytes_reader narrow = r;
        uint32_t value = varint_get_u32(&narrow);
        is_equal =
            is_equal && (values[i] > UINT32_MAX ? narrow.err == ERR_CORRUPT
                                                : narrow.err == ERR_OK && value == values[i]);
        is_equal = is_equal && varint_get_u64(&r) == values[i];
        is_equal = is_equal && varint_get_i64(&r) == (int64_t)values[i];
    }
    if (!is_equal || r.err != ERR_OK || bytes_reader_left(&r) != 0) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void varint_reads_back_what_was_put(void **state)
{
    (void)state;
    struct share share = share_open("round trip", 50);
    while (share_more(&share)) {
        varint_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varint_gives_kafkas_bytes),
        cmocka_unit_test(varint_reads_kafkas_bytes),
        cmocka_unit_test(varint_cut_short_is_truncated),
        cmocka_unit_test(varint_too_long_or_too_large_is_corrupt_and_padding_is_not),
        cmocka_unit_test(varint_after_a_failure_changes_nothing),
        cmocka_unit_test(varint_put_writes_whole_values_or_nothing),
        cmocka_unit_test(varint_reads_back_what_was_put),
    };
    return cmocka_run_group_tests_name("base_varint", tests, NULL, NULL);
}
