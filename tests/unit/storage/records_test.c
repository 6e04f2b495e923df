/* Records of a batch: against bytes that a Kafka client library wrote, what is refused, and round
 * trips. */
#include "storage/log/records.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* kafka-python 3.0.12, DefaultRecordBatchBuilder, with four records:
 *     (1517966773840, None, '{"mag":2}', [])
 *     (1517966037750, 'ci37868135', '{"mag":1.6}', [])
 *     (1517966773841, '', None, [])
 *     (1517970000000, 'k' * 70, 'v' * 200, [('source', 'usgs'), ('none', None), ('\u00e4', '')]) */
static const char records_plain_hex[] =
    "00000000000000000000019700000000027a138bcf000000000003000001616ddece50000001616e100880ff"
    "ffffffffffffffffffffffffff000000041e00000001127b226d6167223a327d003a00b3ed59021463693337"
    "383638313335167b226d6167223a312e367d000c000204000100de0400e0e88903068c016b6b6b6b6b6b6b6b"
    "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
    "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b9003767676767676767676767676767676767676767676767676"
    "7676767676767676767676767676767676767676767676767676767676767676767676767676767676767676"
    "7676767676767676767676767676767676767676767676767676767676767676767676767676767676767676"
    "7676767676767676767676767676767676767676767676767676767676767676767676767676767676767676"
    "7676767676767676767676767676767676767676767676767676767676767676767676767676767676767676"
    "060c736f757263650875736773086e6f6e650104c3a400";

/* The same library, gzip: records i = 0..4 are (1517966773840 + i, 'k<i>', 'value <i>', []). */
static const char records_gzip_hex[] =
    "00000000000000000000007c0000000002803b858d000100000004000001616ddece50000001616ddece54ff"
    "ffffffffffffffffffffffffff000000051f8b080045d6066b02ff9363606060c936e02b4bcc294d55306090"
    "63606262c93684f20d817c1616966c2328df08c8676363c93686f28d817c0e0e966c1328df840100c67758dc"
    "50000000";

struct records_world {
    const struct crc32c *kernels;
    struct codec_context codec;
    uint8_t *room; /* 1 MiB */
};

#define RECORDS_ROOM_BYTES (1u << 20)

static int records_setup(void **state)
{
    static struct records_world world;
    static uint8_t room[RECORDS_ROOM_BYTES];
    static struct cpu cpu;
    cpu_detect(&cpu);
    world.kernels = crc32c_for(&cpu);
    world.room = room;
    codec_context_init(&world.codec);
    *state = &world;
    return 0;
}

static int records_teardown(void **state)
{
    struct records_world *world = *state;
    codec_context_deinit(&world->codec);
    return 0;
}

static size_t records_from_hex(const char *hex, uint8_t *out)
{
    size_t length = strlen(hex) / 2;
    for (size_t i = 0; i < length; i++) {
        static const char digits[] = "0123456789abcdef";
        out[i] = (uint8_t)((strchr(digits, hex[2 * i]) - digits) << 4 |
                           (strchr(digits, hex[2 * i + 1]) - digits));
    }
    return length;
}

static const uint8_t *records_text(const char *text)
{
    return (const uint8_t *)text;
}

static bool records_is_text(const uint8_t *data, uint32_t length, const char *want)
{
    return data != NULL && length == strlen(want) && memcmp(data, want, length) == 0;
}

/* The four records of records_plain_hex; `headers` has room for 64 bytes. */
static void records_plain_items(struct log_records_item items[4], uint8_t *headers)
{
    static const char keys[] =
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
    static uint8_t values[200];
    memset(values, 'v', sizeof(values));
    struct bytes_writer w = bytes_writer(headers, 64);
    log_records_header_put(
        &w, &(struct log_records_header){records_text("source"), 6, records_text("usgs"), 4});
    log_records_header_put(&w, &(struct log_records_header){records_text("none"), 4, NULL, 0});
    log_records_header_put(
        &w, &(struct log_records_header){records_text("\xc3\xa4"), 2, records_text(""), 0});
    assert_int_equal(w.err, ERR_OK);
    items[0] = (struct log_records_item){
        .timestamp = 1517966773840, .value = records_text("{\"mag\":2}"), .value_bytes = 9};
    items[1] = (struct log_records_item){.timestamp = 1517966037750,
                                         .key = records_text("ci37868135"),
                                         .key_bytes = 10,
                                         .value = records_text("{\"mag\":1.6}"),
                                         .value_bytes = 11};
    items[2] = (struct log_records_item){.timestamp = 1517966773841, .key = records_text("")};
    items[3] = (struct log_records_item){.timestamp = 1517970000000,
                                         .key = records_text(keys),
                                         .key_bytes = 70,
                                         .value = values,
                                         .value_bytes = 200,
                                         .headers_count = 3,
                                         .headers = headers,
                                         .headers_bytes = (uint32_t)w.pos};
}

static void records_batch_is_byte_for_byte_a_client_librarys(void **state)
{
    struct records_world *world = *state;
    uint8_t want[512], got[512], headers[64];
    size_t want_bytes = records_from_hex(records_plain_hex, want);
    struct log_records_item items[4];
    records_plain_items(items, headers);
    struct log_records_writer rw;
    log_records_begin(&rw, got, sizeof(got));
    for (size_t i = 0; i < 4; i++) {
        size_t pos = rw.w.pos;
        size_t size = log_records_size(&rw, &items[i]);
        assert_int_equal(log_records_add(&rw, &items[i]), ERR_OK);
        assert_int_equal(rw.w.pos, pos + size);
    }
    uint32_t got_bytes = log_records_end(&rw, world->kernels);
    log_batch_patch(got, 0, 0); /* the library writes leader epoch 0 */
    assert_int_equal(got_bytes, want_bytes);
    assert_memory_equal(got, want, want_bytes);
    assert_true(log_batch_is_sound(world->kernels, got, got_bytes));
}

static void records_of_a_client_library_are_read(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[512];
    size_t length = records_from_hex(records_plain_hex, batch);
    log_batch_patch(batch, 1000, 3);
    struct log_records_reader rr;
    struct log_records_item item;
    assert_int_equal(log_records_open(&rr, batch, length, &world->codec, NULL, 0), ERR_OK);
    assert_int_equal(rr.batch.records_count, 4);
    assert_int_equal(log_records_next(&rr, &item), ERR_OK);
    assert_int_equal(item.offset, 1000);
    assert_int_equal(item.timestamp, 1517966773840);
    assert_null(item.key);
    assert_true(records_is_text(item.value, item.value_bytes, "{\"mag\":2}"));
    assert_int_equal(log_records_next(&rr, &item), ERR_OK);
    assert_int_equal(item.timestamp, 1517966037750);
    assert_true(records_is_text(item.key, item.key_bytes, "ci37868135"));
    assert_int_equal(log_records_next(&rr, &item), ERR_OK);
    assert_true(records_is_text(item.key, item.key_bytes, ""));
    assert_null(item.value);
    assert_int_equal(log_records_next(&rr, &item), ERR_OK);
    assert_int_equal(item.offset, 1003);
    assert_int_equal(item.value_bytes, 200);
    assert_int_equal(item.headers_count, 3);
    struct bytes_reader r = bytes_reader(item.headers, item.headers_bytes);
    struct log_records_header header = log_records_header_get(&r);
    assert_true(records_is_text(header.key, header.key_bytes, "source"));
    assert_true(records_is_text(header.value, header.value_bytes, "usgs"));
    header = log_records_header_get(&r);
    assert_true(records_is_text(header.key, header.key_bytes, "none"));
    assert_null(header.value);
    header = log_records_header_get(&r);
    assert_true(records_is_text(header.value, header.value_bytes, ""));
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(log_records_next(&rr, &item), ERR_END);
    assert_int_equal(log_records_next(&rr, &item), ERR_END);
}

static void records_of_a_compressed_batch_are_read(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[512];
    size_t length = records_from_hex(records_gzip_hex, batch);
    assert_true(log_batch_is_sound(world->kernels, batch, length));
    struct log_records_reader rr;
    assert_int_equal(log_records_open(&rr, batch, length, &world->codec, world->room, 79),
                     ERR_TOO_LARGE);
    assert_int_equal(log_records_open(&rr, batch, length, &world->codec, world->room, 80), ERR_OK);
    for (unsigned i = 0; i < 5; i++) {
        struct log_records_item item;
        char key[] = "k0", value[] = "value 0";
        key[1] = (char)('0' + i);
        value[6] = (char)('0' + i);
        assert_int_equal(log_records_next(&rr, &item), ERR_OK);
        assert_int_equal(item.offset, i);
        assert_int_equal(item.timestamp, 1517966773840 + i);
        assert_true(records_is_text(item.key, item.key_bytes, key));
        assert_true(records_is_text(item.value, item.value_bytes, value));
    }
    struct log_records_item item;
    assert_int_equal(log_records_next(&rr, &item), ERR_END);
}

static void records_have_the_batchs_time_when_the_log_gave_it(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[512];
    size_t length = records_from_hex(records_plain_hex, batch);
    batch[22] |= LOG_BATCH_APPEND_TIME;
    struct log_records_reader rr;
    struct log_records_item item;
    assert_int_equal(log_records_open(&rr, batch, length, &world->codec, NULL, 0), ERR_OK);
    assert_int_equal(log_records_next(&rr, &item), ERR_OK);
    assert_int_equal(item.timestamp, 1517970000000);
}

/* One byte of the plain batch is set to something else; what reading all of it then ends with. */
static void records_what_is_wrong_is_refused(void **state)
{
    struct records_world *world = *state;
    static const struct {
        const char *name;
        size_t pos;
        uint8_t value;
        enum err open;
        enum err end;
    } rows[] = {
        {"nothing is wrong", 16, 2, ERR_OK, ERR_END},
        {"magic", 16, 1, ERR_UNSUPPORTED, ERR_OK},
        {"a length that is not the batch's", 11, 0x96, ERR_TRUNCATED, ERR_OK},
        {"an unknown codec", 22, 5, ERR_UNSUPPORTED, ERR_OK},
        {"not gzip", 22, CODEC_GZIP, ERR_CORRUPT, ERR_OK},
        {"more records than there are", 60, 5, ERR_OK, ERR_CORRUPT},
        {"fewer records than there are", 60, 3, ERR_OK, ERR_CORRUPT},
        {"a record longer than its fields", 61, 0x20, ERR_OK, ERR_CORRUPT},
        {"a record shorter than its fields", 61, 0x1c, ERR_OK, ERR_CORRUPT},
        {"a negative length", 61, 0x01, ERR_OK, ERR_CORRUPT},
        {"a length that does not end", 61, 0xff, ERR_OK, ERR_CORRUPT},
        {"an offset before the batch", 64, 0x01, ERR_OK, ERR_CORRUPT},
        {"an offset behind the batch", 64, 0x08, ERR_OK, ERR_CORRUPT},
        {"a key of length -2", 65, 0x03, ERR_OK, ERR_CORRUPT},
        {"a value behind the record", 66, 0x14, ERR_OK, ERR_CORRUPT},
        {"a header that is not there", 76, 0x02, ERR_OK, ERR_CORRUPT},
        {"fewer than no headers", 76, 0x01, ERR_OK, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t batch[512];
        size_t length = records_from_hex(records_plain_hex, batch);
        batch[rows[i].pos] = rows[i].value;
        struct log_records_reader rr;
        struct log_records_item item;
        enum err err =
            log_records_open(&rr, batch, length, &world->codec, world->room, RECORDS_ROOM_BYTES);
        enum err end = ERR_OK;
        while (err == ERR_OK && end == ERR_OK) {
            end = log_records_next(&rr, &item);
        }
        if (err != rows[i].open || end != rows[i].end) {
            fail_msg("%s: %s, %s", rows[i].name, err_name(err), err_name(end));
        }
        assert_true(err != ERR_OK || item.value == NULL);
    }
}

static void records_internal_entries_have_none(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[128];
    struct bytes_writer w = bytes_writer(batch, sizeof(batch));
    log_batch_put_internal(&w, world->kernels, LOG_KIND_NOOP, NULL, 0, 7, 1, 0);
    struct log_records_reader rr;
    assert_int_equal(log_records_open(&rr, batch, w.pos, &world->codec, NULL, 0), ERR_INVALID);
}

static void records_that_do_not_fit_change_nothing(void **state)
{
    struct records_world *world = *state;
    uint8_t batch[LOG_BATCH_HEADER_BYTES + 20];
    struct log_records_item item = {
        .timestamp = 5, .value = records_text("0123456789"), .value_bytes = 10};
    struct log_records_writer rw;
    log_records_begin(&rw, batch, sizeof(batch));
    assert_int_equal(log_records_size(&rw, &item), 17);
    assert_int_equal(log_records_add(&rw, &item), ERR_OK);
    assert_int_equal(log_records_add(&rw, &item), ERR_TOO_LARGE);
    assert_int_equal(rw.count, 1);
    uint32_t length = log_records_end(&rw, world->kernels);
    assert_int_equal(length, LOG_BATCH_HEADER_BYTES + 17);
    struct log_records_reader rr;
    struct log_records_item got;
    assert_int_equal(log_records_open(&rr, batch, length, &world->codec, NULL, 0), ERR_OK);
    assert_int_equal(log_records_next(&rr, &got), ERR_OK);
    assert_int_equal(log_records_next(&rr, &got), ERR_END);
}

static const uint8_t *records_random_bytes(struct prng *p, const uint8_t *pool, uint32_t *length)
{
    *length = 0;
    if (prng_below(p, 4) == 0) {
        return NULL;
    }
    *length = (uint32_t)prng_below(p, 300);
    return pool;
}

static void records_read_back_what_was_written(void **state)
{
    struct records_world *world = *state;
    struct share share = share_open("records read back", 60);
    static uint8_t pool[300];
    for (size_t i = 0; i < sizeof(pool); i++) {
        pool[i] = (uint8_t)(i * 7);
    }
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        struct log_records_item items[20];
        uint32_t count = (uint32_t)prng_range(&p, 1, 20);
        struct log_records_writer rw;
        int64_t max = INT64_MIN;
        log_records_begin(&rw, world->room, RECORDS_ROOM_BYTES);
        for (uint32_t i = 0; i < count; i++) {
            items[i] = (struct log_records_item){.timestamp =
                                                     (int64_t)(prng_u64(&p) >> prng_below(&p, 64))};
            items[i].key = records_random_bytes(&p, pool, &items[i].key_bytes);
            items[i].value = records_random_bytes(&p, pool, &items[i].value_bytes);
            max = items[i].timestamp > max ? items[i].timestamp : max;
            assert_int_equal(log_records_add(&rw, &items[i]), ERR_OK);
        }
        uint32_t length = log_records_end(&rw, world->kernels);
        struct log_records_reader rr;
        struct log_records_item got;
        assert_int_equal(log_records_open(&rr, world->room, length, &world->codec, NULL, 0),
                         ERR_OK);
        assert_true(rr.batch.max_timestamp == max);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(log_records_next(&rr, &got), ERR_OK);
            assert_true(got.timestamp == items[i].timestamp);
            assert_int_equal(got.offset, i);
            assert_true((got.key == NULL) == (items[i].key == NULL));
            assert_int_equal(got.key_bytes, items[i].key_bytes);
            assert_int_equal(got.value_bytes, items[i].value_bytes);
            assert_true(got.value_bytes == 0 ||
                        memcmp(got.value, items[i].value, got.value_bytes) == 0);
        }
        assert_int_equal(log_records_next(&rr, &got), ERR_END);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_batch_is_byte_for_byte_a_client_librarys),
        cmocka_unit_test(records_of_a_client_library_are_read),
        cmocka_unit_test(records_of_a_compressed_batch_are_read),
        cmocka_unit_test(records_have_the_batchs_time_when_the_log_gave_it),
        cmocka_unit_test(records_what_is_wrong_is_refused),
        cmocka_unit_test(records_internal_entries_have_none),
        cmocka_unit_test(records_that_do_not_fit_change_nothing),
        cmocka_unit_test(records_read_back_what_was_written),
    };
    return cmocka_run_group_tests_name("log_records", tests, records_setup, records_teardown);
}
