/* What the formats share: uuids as bytes and text, features, points, checksums. */
#include "storage/log/format.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/storage/formats.h"

/* RFC 9562, appendix A (UUIDv1 and UUIDv7), and the nil uuid (section 5.9). */
static const struct {
    const char *dashed;
    const char *plain;
    uint8_t bytes[16];
} format_uuid_rows[] = {
    {"c232ab00-9414-11ec-b3c8-9f6bdeced846",
     "c232ab00941411ecb3c89f6bdeced846",
     {0xc2, 0x32, 0xab, 0x00, 0x94, 0x14, 0x11, 0xec, 0xb3, 0xc8, 0x9f, 0x6b, 0xde, 0xce, 0xd8,
      0x46}},
    {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
     "017f22e279b07cc398c4dc0c0c07398f",
     {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39,
      0x8f}},
    {"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", {0}},
};

static void format_uuid_is_written_and_read_as_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(format_uuid_rows); i++) {
        struct log_uuid want;
        memcpy(want.bytes, format_uuid_rows[i].bytes, sizeof(want.bytes));
        struct log_uuid uuid;
        assert_int_equal(log_uuid_parse(format_uuid_rows[i].dashed, &uuid), ERR_OK);
        assert_memory_equal(uuid.bytes, want.bytes, sizeof(want.bytes));
        assert_int_equal(log_uuid_parse(format_uuid_rows[i].plain, &uuid), ERR_OK);
        assert_memory_equal(uuid.bytes, want.bytes, sizeof(want.bytes));
        char text[LOG_UUID_TEXT_BYTES];
        log_uuid_format(&want, text);
        assert_string_equal(text, format_uuid_rows[i].plain);
    }
    struct log_uuid upper;
    assert_int_equal(log_uuid_parse("C232AB00-9414-11EC-B3C8-9F6BDECED846", &upper), ERR_OK);
    assert_memory_equal(upper.bytes, format_uuid_rows[0].bytes, sizeof(upper.bytes));
}

static void format_what_is_no_uuid_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "c232ab00941411ecb3c89f6bdeced84",       /* a digit too few */
        "c232ab00941411ecb3c89f6bdeced8460",     /* one too many */
        "c232ab00941411ecb3c89f6bdeced84g",      /* no digit */
        "c232ab00-941411ecb3c89f6bdeced846",     /* some of the dashes */
        "c232ab00-9414-11ec-b3c89f6bdeced846",   /* all but the last */
        "c232ab0-09414-11ec-b3c8-9f6bdeced846",  /* a dash elsewhere */
        "-c232ab00941411ecb3c89f6bdeced846",     /* in front */
        "c232ab00-9414-11ec-b3c8-9f6bdeced846-", /* behind */
        "c232ab00--9414-11ec-b3c8-9f6bdeced846", /* twice */
        "{c232ab00-9414-11ec-b3c8-9f6bdeced846}",
        " c232ab00941411ecb3c89f6bdeced846",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct log_uuid uuid;
        memset(uuid.bytes, 0x55, sizeof(uuid.bytes));
        struct log_uuid before = uuid;
        assert_int_equal(log_uuid_parse(rows[i], &uuid), ERR_INVALID);
        assert_memory_equal(uuid.bytes, before.bytes, sizeof(before.bytes));
    }
}

static void format_uuids_compare_by_every_byte(void **state)
{
    (void)state;
    struct log_uuid zero = {{0}};
    assert_true(log_uuid_is_zero(&zero));
    for (size_t i = 0; i < sizeof(zero.bytes); i++) {
        struct log_uuid uuid = {{0}};
        uuid.bytes[i] = 0x80;
        assert_false(log_uuid_is_zero(&uuid));
        assert_false(log_uuid_is_equal(&uuid, &zero));
        assert_true(log_uuid_is_equal(&uuid, &uuid));
    }
}

static void format_a_failed_get_gives_zero(void **state)
{
    (void)state;
    static const uint8_t ones[LOG_POINT_BYTES - 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (size_t length = 0; length < sizeof(ones); length++) {
        struct bytes_reader r = bytes_reader(ones, length);
        struct log_point point = log_point_get(&r);
        assert_int_equal(r.err, ERR_TRUNCATED);
        assert_true(point.index == 0 && point.offset == 0 && point.term == 0);
        assert_true(hash128_is_equal(point.chain, (struct hash128){0, 0}));
    }
    struct bytes_reader r = bytes_reader(ones, 15);
    struct log_uuid uuid = log_uuid_get(&r);
    assert_int_equal(r.err, ERR_TRUNCATED);
    assert_true(log_uuid_is_zero(&uuid));
    struct bytes_reader none = bytes_reader(NULL, 0);
    struct log_features features = log_features_get(&none);
    assert_int_equal(none.err, ERR_TRUNCATED);
    assert_true((features.compat | features.ro | features.incompat) == 0);
}

static void format_features_say_who_may_read_and_write(void **state)
{
    (void)state;
    static const struct {
        uint16_t version;
        struct log_features features;
        enum err read;
        enum err write;
    } rows[] = {
        {1, {0, 0, 0}, ERR_OK, ERR_OK},
        {1, {1, 0, 0}, ERR_OK, ERR_OK},
        {1, {0xffffffff, 0, 0}, ERR_OK, ERR_OK},
        {1, {0, 1, 0}, ERR_OK, ERR_UNSUPPORTED},
        {1, {0, 0x80000000, 0}, ERR_OK, ERR_UNSUPPORTED},
        {1, {0, 0, 1}, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
        {1, {0, 0, 0x80000000}, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
        {0, {0, 0, 0}, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
        {2, {0, 0, 0}, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
        {0xffff, {0, 0, 0}, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(log_features_check(rows[i].version, &rows[i].features, false),
                         rows[i].read);
        assert_int_equal(log_features_check(rows[i].version, &rows[i].features, true),
                         rows[i].write);
    }
    static const uint8_t want[12] = {4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9};
    uint8_t out[12];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_features_put(&w, &(struct log_features){0x01020304, 0x05060708, 0x090a0b0c});
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(out, want, sizeof(want));
    struct bytes_reader r = bytes_reader(want, sizeof(want));
    struct log_features features = log_features_get(&r);
    assert_true(features.compat == 0x01020304);
    assert_true(features.ro == 0x05060708);
    assert_true(features.incompat == 0x090a0b0c);
}

/* index 8, offset 8, term 4, reserved 4, chain 16 as it is printed. */
static const char format_point_bytes[LOG_POINT_BYTES + 1] = "\x08\x07\x06\x05\x04\x03\x02\x01"
                                                            "\x18\x17\x16\x15\x14\x13\x12\x11"
                                                            "\x24\x23\x22\x21"
                                                            "\x54\x53\x52\x51"
                                                            "\x31\x32\x33\x34\x35\x36\x37\x38"
                                                            "\x41\x42\x43\x44\x45\x46\x47\x48";

static void format_point_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_point point = {.index = 0x0102030405060708,
                              .offset = 0x1112131415161718,
                              .term = 0x21222324,
                              .skip_count = 0x51525354,
                              .chain = {.high = 0x3132333435363738, .low = 0x4142434445464748}};
    uint8_t out[LOG_POINT_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_point_put(&w, &point);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, LOG_POINT_BYTES);
    assert_memory_equal(out, format_point_bytes, LOG_POINT_BYTES);
    struct bytes_reader r = bytes_reader(out, sizeof(out));
    struct log_point back = log_point_get(&r);
    assert_int_equal(r.err, ERR_OK);
    assert_true(back.index == point.index);
    assert_true(back.offset == point.offset);
    assert_int_equal(back.term, point.term);
    assert_int_equal(back.skip_count, point.skip_count);
    assert_true(hash128_is_equal(back.chain, point.chain));
}

static void format_point_out_of_range_is_corrupt(void **state)
{
    (void)state;
    static const size_t sign_bytes[] = {7, 15, 19}; /* of index, offset, term */
    for (size_t i = 0; i < ARRAY_COUNT(sign_bytes); i++) {
        uint8_t bytes[LOG_POINT_BYTES];
        memcpy(bytes, format_point_bytes, sizeof(bytes));
        bytes[sign_bytes[i]] |= 0x80;
        struct bytes_reader r = bytes_reader(bytes, sizeof(bytes));
        struct log_point point = log_point_get(&r);
        assert_int_equal(r.err, ERR_CORRUPT);
        assert_true(point.index == 0 && point.offset == 0 && point.term == 0);
    }
    uint8_t out[LOG_POINT_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    expect_assert_failure(log_point_put(&w, &(struct log_point){.index = LOG_NUMBER_MAX + 1}));
    expect_assert_failure(log_point_put(&w, &(struct log_point){.offset = LOG_NUMBER_MAX + 1}));
    expect_assert_failure(log_point_put(&w, &(struct log_point){.term = LIMIT_TERM + 1}));
}

/* The check value of CRC-32C over "123456789" is e3069283; carried on from that of "1234" alike. */
static void format_checksum_follows_what_it_covers(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    uint8_t out[16];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_copy(&w, "??123456789", 11);
    log_crc_put(&w, kernels, 0, 2);
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(out, "??123456789\x83\x92\x06\xe3", 15);
    struct bytes_writer rest = bytes_writer(out, sizeof(out));
    bytes_put_copy(&rest, "56789", 5);
    log_crc_put(&rest, kernels, crc32c(kernels, 0, "1234", 4), 0);
    assert_memory_equal(out, "56789\x83\x92\x06\xe3", 9);
    struct bytes_writer none = bytes_writer(out, sizeof(out));
    log_crc_put(&none, kernels, 0x01020304, 0);
    assert_memory_equal(out, "\x04\x03\x02\x01", 4);
}

static void format_checksum_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    uint8_t out[7] = {0};
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_copy(&w, "abcd", 4);
    log_crc_put(&w, formats_kernels(), 0, 0);
    assert_int_equal(w.err, ERR_TOO_LARGE);
    assert_int_equal(w.pos, 4);
    log_crc_put(&w, formats_kernels(), 0, 0);
    assert_memory_equal(out, "abcd\0\0\0", 7);
    struct bytes_writer none = bytes_writer(NULL, 0);
    log_crc_put(&none, formats_kernels(), 0, 0);
    assert_int_equal(none.err, ERR_TOO_LARGE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_uuid_is_written_and_read_as_text),
        cmocka_unit_test(format_what_is_no_uuid_is_refused_and_writes_nothing),
        cmocka_unit_test(format_uuids_compare_by_every_byte),
        cmocka_unit_test(format_a_failed_get_gives_zero),
        cmocka_unit_test(format_features_say_who_may_read_and_write),
        cmocka_unit_test(format_point_stands_as_the_table_says),
        cmocka_unit_test(format_point_out_of_range_is_corrupt),
        cmocka_unit_test(format_checksum_follows_what_it_covers),
        cmocka_unit_test(format_checksum_that_does_not_fit_writes_nothing),
    };
    return cmocka_run_group_tests_name("log_format", tests, NULL, NULL);
}
