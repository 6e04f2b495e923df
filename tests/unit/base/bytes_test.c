/* Bounded cursors: byte order, every boundary, the sticky error. */
#include "base/bytes.h"

#include <string.h>

#include "tests/support/cmocka.h"

static const uint8_t bytes_sample[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};

static void bytes_get_reads_both_byte_orders(void **state)
{
    (void)state;
    struct bytes_reader r = bytes_reader(bytes_sample, sizeof(bytes_sample));
    assert_int_equal(bytes_get_u8(&r), 0x01);
    r.pos = 0;
    assert_int_equal(bytes_get_u16be(&r), 0x0102);
    assert_int_equal(bytes_get_u16le(&r), 0x0403);
    r.pos = 0;
    assert_int_equal(bytes_get_u32be(&r), 0x01020304);
    assert_int_equal(bytes_get_u32le(&r), 0x08070605);
    r.pos = 0;
    assert_true(bytes_get_u64be(&r) == 0x0102030405060708u);
    r.pos = 0;
    assert_true(bytes_get_u64le(&r) == 0x0807060504030201u);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(bytes_reader_left(&r), 0);
}

static void bytes_put_is_the_inverse_of_get(void **state)
{
    (void)state;
    uint8_t out[38];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_u8(&w, 0xfe);
    bytes_put_u16be(&w, 0xfedc);
    bytes_put_u16le(&w, 0xfedc);
    bytes_put_u32be(&w, 0xfedcba98);
    bytes_put_u32le(&w, 0xfedcba98);
    bytes_put_u64be(&w, 0xfedcba9876543210u);
    bytes_put_u64le(&w, 0xfedcba9876543210u);
    bytes_put_f64be(&w, -0.15625);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, 37);
    struct bytes_reader r = bytes_reader(out, w.pos);
    assert_int_equal(bytes_get_u8(&r), 0xfe);
    assert_int_equal(bytes_get_u16be(&r), 0xfedc);
    assert_int_equal(bytes_get_u16le(&r), 0xfedc);
    assert_true(bytes_get_u32be(&r) == 0xfedcba98);
    assert_true(bytes_get_u32le(&r) == 0xfedcba98);
    assert_true(bytes_get_u64be(&r) == 0xfedcba9876543210u);
    assert_true(bytes_get_u64le(&r) == 0xfedcba9876543210u);
    assert_true(bytes_get_f64be(&r) == -0.15625);
    assert_int_equal(out[29], 0xbf); /* IEEE 754: -0.15625 = bf c4 00 ... */
    assert_int_equal(out[30], 0xc4);
}

static void bytes_get_past_the_end_fails_once_and_for_all(void **state)
{
    (void)state;
    for (size_t length = 0; length < 8; length++) {
        struct bytes_reader r = bytes_reader(bytes_sample, length);
        assert_true(bytes_get_u64le(&r) == 0);
        assert_int_equal(r.err, ERR_TRUNCATED);
        assert_int_equal(r.pos, 0);
        assert_int_equal(bytes_get_u8(&r), 0); /* although a byte may be left */
        assert_int_equal(bytes_get_u16be(&r), 0);
        assert_int_equal(bytes_get_u32be(&r), 0);
        assert_null(bytes_get_view(&r, 0));
        assert_int_equal(r.pos, 0);
    }
}

static void bytes_get_view_compares_a_hostile_length_with_what_is_there(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {9, UINT32_MAX, UINT64_MAX, UINT64_MAX - 3};
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        struct bytes_reader r = bytes_reader(bytes_sample, sizeof(bytes_sample));
        bytes_skip(&r, 4);
        assert_null(bytes_get_view(&r, lengths[i]));
        assert_int_equal(r.err, ERR_TRUNCATED);
        assert_int_equal(r.pos, 4);
        bytes_skip(&r, 1);
        assert_int_equal(r.pos, 4);
    }
    struct bytes_reader r = bytes_reader(NULL, 0);
    assert_non_null(bytes_get_view(&r, 0));
    assert_int_equal(r.err, ERR_OK);
}

static void bytes_get_sub_is_confined_to_its_bytes(void **state)
{
    (void)state;
    struct bytes_reader r = bytes_reader(bytes_sample, sizeof(bytes_sample));
    struct bytes_reader sub = bytes_get_sub(&r, 3);
    assert_int_equal(bytes_get_u16be(&sub), 0x0102);
    assert_int_equal(bytes_get_u16be(&sub), 0);
    assert_int_equal(sub.err, ERR_TRUNCATED);
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(bytes_get_u8(&r), 0x04);
    sub = bytes_get_sub(&r, 5);
    assert_int_equal(sub.err, ERR_TRUNCATED);
    assert_int_equal(bytes_reader_left(&sub), 0);
}

static void bytes_get_copy_zeroes_what_it_cannot_fill(void **state)
{
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    struct bytes_reader r = bytes_reader(bytes_sample, 6);
    bytes_get_copy(&r, out, 4);
    assert_memory_equal(out, bytes_sample, 4);
    bytes_get_copy(&r, out, 4);
    assert_int_equal(r.err, ERR_TRUNCATED);
    assert_memory_equal(out, ((uint8_t[4]){0}), 4);
    bytes_get_copy(&r, NULL, 0);
}

static void bytes_reader_fail_keeps_the_first_error(void **state)
{
    (void)state;
    struct bytes_reader r = bytes_reader(bytes_sample, sizeof(bytes_sample));
    bytes_reader_fail(&r, ERR_CORRUPT);
    bytes_reader_fail(&r, ERR_INVALID);
    assert_int_equal(r.err, ERR_CORRUPT);
    expect_assert_failure(bytes_reader_fail(&r, ERR_OK));
}

static void bytes_put_writes_whole_values_or_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 8; capacity++) {
        uint8_t out[8] = {0};
        struct bytes_writer w = bytes_writer(out, capacity);
        bytes_put_u64be(&w, UINT64_MAX);
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
        bytes_put_u8(&w, 1);
        bytes_put_u16be(&w, 1);
        bytes_put_u32le(&w, 1);
        bytes_put_copy(&w, bytes_sample, 1);
        bytes_put_zeros(&w, 1);
        assert_int_equal(w.pos, 0);
        assert_memory_equal(out, ((uint8_t[8]){0}), 8);
    }
}

static void bytes_put_copy_zeros_and_patch(void **state)
{
    (void)state;
    uint8_t out[16];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_zeros(&w, 4);
    bytes_put_copy(&w, bytes_sample, 8);
    assert_int_equal(bytes_writer_left(&w), 4);
    bytes_patch_u32be(&w, 0, 0x0a0b0c0d);
    bytes_patch_u32le(&w, 8, 0x0a0b0c0d);
    assert_memory_equal(out, ((uint8_t[12]){10, 11, 12, 13, 1, 2, 3, 4, 13, 12, 11, 10}), 12);
    expect_assert_failure(bytes_patch_u32be(&w, 9, 0));
    expect_assert_failure(bytes_patch_u32le(&w, 13, 0));
}

static void bytes_size_arithmetic_reports_overflow(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(bytes_size_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_false(bytes_size_add(SIZE_MAX, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(bytes_size_mul(1u << 16, 1u << 16, &out));
    assert_true(out == (size_t)1 << 32);
    assert_false(bytes_size_mul(SIZE_MAX / 2, 3, &out));
    assert_true(out == (size_t)1 << 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_get_reads_both_byte_orders),
        cmocka_unit_test(bytes_put_is_the_inverse_of_get),
        cmocka_unit_test(bytes_get_past_the_end_fails_once_and_for_all),
        cmocka_unit_test(bytes_get_view_compares_a_hostile_length_with_what_is_there),
        cmocka_unit_test(bytes_get_sub_is_confined_to_its_bytes),
        cmocka_unit_test(bytes_get_copy_zeroes_what_it_cannot_fill),
        cmocka_unit_test(bytes_reader_fail_keeps_the_first_error),
        cmocka_unit_test(bytes_put_writes_whole_values_or_nothing),
        cmocka_unit_test(bytes_put_copy_zeros_and_patch),
        cmocka_unit_test(bytes_size_arithmetic_reports_overflow),
    };
    return cmocka_run_group_tests_name("base_bytes", tests, NULL, NULL);
}
