/* Batch headers: what other programs wrote, every value that is refused, internal entries, the
 * chain. */
#include "storage/log/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "storage/log/format.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"

/* kafka-python 3.0.12, DefaultRecordBatchBuilder(magic 2, no compression, transactional, producer
 * 4711, epoch 3, sequence 12): three records at 1700000000123, ...456, ...200. */
#define BATCH_PLAIN_BYTES 104
static const char batch_plain[BATCH_PLAIN_BYTES + 1] =
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x5c\x00\x00\x00\x00"
    "\x02\xc2\x0d\xe4\x02\x00\x10\x00\x00\x00\x02\x00\x00\x01\x8b\xcf"
    "\xe5\x68\x7b\x00\x00\x01\x8b\xcf\xe5\x69\xc8\x00\x00\x00\x00\x00"
    "\x00\x12\x67\x00\x03\x00\x00\x00\x0c\x00\x00\x00\x03\x24\x00\x00"
    "\x00\x06\x6b\x65\x79\x0a\x76\x61\x6c\x75\x65\x02\x02\x68\x02\x78"
    "\x1a\x00\x9a\x05\x02\x01\x0c\x73\x65\x63\x6f\x6e\x64\x00\x12\x00"
    "\x9a\x01\x04\x04\x6b\x33\x01\x00";

/* The same, gzip, no producer: five records from 1700000000000 on. */
#define BATCH_GZIP_BYTES 110
static const char batch_gzip[BATCH_GZIP_BYTES + 1] =
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x62\x00\x00\x00\x00"
    "\x02\x9c\xcd\x40\x39\x00\x01\x00\x00\x00\x04\x00\x00\x01\x8b\xcf"
    "\xe5\x68\x00\x00\x00\x01\x8b\xcf\xe5\x68\x04\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x05\x1f\x8b\x08"
    "\x00\x4a\xd6\x06\x6b\x02\xff\x33\x63\x60\x60\x60\xca\xd6\x28\xc3"
    "\x02\x18\xcc\x18\x98\x98\x70\xcb\xb1\xb0\xe0\x96\x63\x63\xc3\x2d"
    "\xc7\xc1\x81\x4b\x0e\x00\x97\x3d\xce\x55\x8c\x00\x00\x00";

/* A membership entry by the table "Entry": payload "n1", next offset 0x102, term 9, at
 * 1700000000789 (0x18bcfe56b15). Its checksum is kafka-python's of bytes 21..62. */
#define BATCH_INTERNAL_BYTES 63
static const char batch_internal[BATCH_INTERNAL_BYTES + 1] =
    "\x00\x00\x00\x00\x00\x00\x01\x02" /* base offset */
    "\x00\x00\x00\x33"                 /* batch length: 63 - 12 */
    "\x00\x00\x00\x09"                 /* leader epoch */
    "\x02"                             /* magic */
    "\x70\xc1\xa8\xec"                 /* checksum */
    "\x42\x00"                         /* attributes: 0x4000 + 2 * 256 */
    "\xff\xff\xff\xff"                 /* last offset delta */
    "\x00\x00\x01\x8b\xcf\xe5\x6b\x15" /* base timestamp */
    "\x00\x00\x01\x8b\xcf\xe5\x6b\x15" /* max timestamp */
    "\xff\xff\xff\xff\xff\xff\xff\xff" /* producer id */
    "\xff\xff"                         /* producer epoch */
    "\xff\xff\xff\xff"                 /* base sequence */
    "\x00\x00\x00\x00"                 /* record count */
    "n1";

static enum err batch_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    (void)kernels;
    struct log_batch batch;
    memset(&batch, 0x55, sizeof(batch));
    enum err err = log_batch_decode(data, length, &batch);
    if (err != ERR_OK) {
        assert_true(batch.base_offset == 0 && batch.length_bytes == 0 && batch.term == 0);
        assert_true(batch.crc == 0 && batch.attributes == 0 && batch.last_offset_delta == 0);
        assert_true(batch.max_timestamp == 0 && batch.producer_id == 0);
        assert_true(batch.records_count == 0);
    }
    return err;
}

static void batch_of_a_transactional_producer_is_read(void **state)
{
    (void)state;
    struct log_batch batch;
    assert_int_equal(log_batch_decode(batch_plain, BATCH_PLAIN_BYTES, &batch), ERR_OK);
    assert_true(batch.base_offset == 0);
    assert_int_equal(batch.length_bytes, BATCH_PLAIN_BYTES);
    assert_int_equal(batch.term, 0);
    assert_int_equal(batch.crc, 0xc20de402);
    assert_int_equal(batch.attributes, 0x10);
    assert_int_equal(batch.kind, LOG_KIND_DATA);
    assert_int_equal(batch.last_offset_delta, 2);
    assert_true(batch.base_timestamp == 1700000000123);
    assert_true(batch.max_timestamp == 1700000000456);
    assert_true(batch.producer_id == 4711);
    assert_int_equal(batch.producer_epoch, 3);
    assert_int_equal(batch.base_sequence, 12);
    assert_int_equal(batch.records_count, 3);
    assert_true(log_batch_next_offset(&batch) == 3);
    assert_true(log_batch_is_sound(formats_kernels(), batch_plain, BATCH_PLAIN_BYTES));
    assert_int_equal(log_batch_header_crc(formats_kernels(), batch_plain), 0x63544908);
}

static void batch_without_a_producer_is_read(void **state)
{
    (void)state;
    struct log_batch batch;
    assert_int_equal(log_batch_decode(batch_gzip, BATCH_GZIP_BYTES, &batch), ERR_OK);
    assert_int_equal(batch.length_bytes, BATCH_GZIP_BYTES);
    assert_int_equal(batch.crc, 0x9ccd4039);
    assert_int_equal(batch.attributes, 1);
    assert_int_equal(batch.last_offset_delta, 4);
    assert_true(batch.max_timestamp == 1700000000004);
    assert_true(batch.producer_id == -1);
    assert_int_equal(batch.producer_epoch, -1);
    assert_int_equal(batch.base_sequence, -1);
    assert_int_equal(batch.records_count, 5);
    assert_true(log_batch_is_sound(formats_kernels(), batch_gzip, BATCH_GZIP_BYTES));
    assert_int_equal(log_batch_header_crc(formats_kernels(), batch_gzip), 0xf3ff96c8);
}

static void batch_header_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(batch_plain, LOG_BATCH_HEADER_BYTES, batch_decode);
    formats_cut_is_truncated(batch_internal, LOG_BATCH_HEADER_BYTES, batch_decode);
}

/* Kafka's checksum finds what is flipped from itself to the end, ours what is flipped in the
 * header. */
static void batch_every_flip_is_found_by_one_of_two_checksums(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    uint8_t copy[BATCH_PLAIN_BYTES];
    memcpy(copy, batch_plain, sizeof(copy));
    for (size_t bit = 0; bit < sizeof(copy) * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool is_sound = log_batch_is_sound(kernels, copy, sizeof(copy));
        bool is_header = log_batch_header_crc(kernels, copy) == 0x63544908;
        assert_int_equal(is_sound, bit / 8 < 17);
        assert_int_equal(is_header, bit / 8 >= LOG_BATCH_HEADER_BYTES);
        enum err err = batch_decode(kernels, copy, sizeof(copy)); /* checks what it gives out */
        assert_true(err == ERR_OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    uint8_t *cut = malloc(sizeof(copy));
    assert_non_null(cut);
    memcpy(cut, copy, sizeof(copy));
    for (size_t length = LOG_BATCH_HEADER_BYTES; length < sizeof(copy); length++) {
        assert_false(log_batch_is_sound(kernels, cut, length));
    }
    free(cut);
}

/* A field of the header overwritten, big-endian. */
static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
} batch_field_rows[] = {
    {"length of nothing but a header", 8, 4, 49, ERR_OK},
    {"length below a header", 8, 4, 48, ERR_CORRUPT},
    {"length 0", 8, 4, 0, ERR_CORRUPT},
    {"the largest length", 8, 4, 16777216 - 12, ERR_OK},
    {"a length above the limit", 8, 4, 16777216 - 11, ERR_CORRUPT},
    {"length 2^31-1", 8, 4, 0x7fffffff, ERR_CORRUPT},
    {"length -1", 8, 4, 0xffffffff, ERR_CORRUPT},
    {"a length that wraps", 8, 4, 0xfffffff4, ERR_CORRUPT},
    {"base offset -1", 0, 8, UINT64_MAX, ERR_CORRUPT},
    {"base offset 2^63", 0, 8, 1ull << 63, ERR_CORRUPT},
    {"next offset 2^63-1", 0, 8, INT64_MAX - 3, ERR_OK},
    {"next offset 2^63", 0, 8, INT64_MAX - 2, ERR_CORRUPT},
    {"last offset 2^63-1 and more", 0, 8, INT64_MAX, ERR_CORRUPT},
    {"leader epoch 2^31-1", 12, 4, 0x7fffffff, ERR_OK},
    {"leader epoch -1", 12, 4, 0xffffffff, ERR_OK},
    {"leader epoch -2", 12, 4, 0xfffffffe, ERR_CORRUPT},
    {"leader epoch -2^31", 12, 4, 0x80000000, ERR_CORRUPT},
    {"magic 0", 16, 1, 0, ERR_UNSUPPORTED},
    {"magic 1", 16, 1, 1, ERR_UNSUPPORTED},
    {"magic 3", 16, 1, 3, ERR_UNSUPPORTED},
    {"attributes of a control batch", 21, 2, 0x30, ERR_OK},
    {"attributes nobody knows", 21, 2, 0xbfff, ERR_OK},
    {"internal, but it takes offsets", 21, 2, 0x4100, ERR_CORRUPT},
    {"last offset delta -1", 23, 4, 0xffffffff, ERR_CORRUPT},
    {"last offset delta -2^31", 23, 4, 0x80000000, ERR_CORRUPT},
    {"last offset delta 2^31-1", 23, 4, 0x7fffffff, ERR_OK},
    {"timestamps of any sign", 35, 8, 1ull << 63, ERR_OK},
    {"more offsets than records", 57, 4, 1, ERR_OK},
    {"no records", 57, 4, 0, ERR_OK},
    {"record count -1", 57, 4, 0xffffffff, ERR_CORRUPT},
    {"record count -2^31", 57, 4, 0x80000000, ERR_CORRUPT},
};

static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
} batch_internal_rows[] = {
    {"no-op", 21, 2, 0x4100, ERR_OK},
    {"trim", 21, 2, 0x4300, ERR_OK},
    {"cut", 21, 2, 0x4400, ERR_OK},
    {"data is not internal", 21, 2, 0x4000, ERR_CORRUPT},
    {"an unknown kind", 21, 2, 0x4500, ERR_CORRUPT},
    {"the highest kind", 21, 2, 0x4f00, ERR_CORRUPT},
    {"a compressed internal entry", 21, 2, 0x4201, ERR_CORRUPT},
    {"the highest attribute", 21, 2, 0xc200, ERR_CORRUPT},
    {"an attribute between kind and internal", 21, 2, 0x5200, ERR_CORRUPT},
    {"a kind without internal", 21, 2, 0x0200, ERR_CORRUPT}, /* a delta of -1 then */
    {"last offset delta 0", 23, 4, 0, ERR_CORRUPT},
    {"last offset delta -2", 23, 4, 0xfffffffe, ERR_CORRUPT},
    {"a record", 57, 4, 1, ERR_CORRUPT},
    {"next offset 2^63-1", 0, 8, INT64_MAX, ERR_OK},
    {"next offset 2^63", 0, 8, 1ull << 63, ERR_CORRUPT},
};

static void batch_poke(uint8_t *header, size_t pos, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        header[pos + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    }
}

static void batch_check_row(const char *golden, const char *name, size_t pos, size_t width,
                            uint64_t value, enum err want)
{
    uint8_t header[LOG_BATCH_HEADER_BYTES];
    memcpy(header, golden, sizeof(header));
    batch_poke(header, pos, value, width);
    enum err err = batch_decode(formats_kernels(), header, sizeof(header));
    if (err != want) {
        fail_msg("%s: %s", name, err_name(err));
    }
}

static void batch_values_out_of_range_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(batch_field_rows); i++) {
        batch_check_row(batch_plain, batch_field_rows[i].name, batch_field_rows[i].pos,
                        batch_field_rows[i].width, batch_field_rows[i].value,
                        batch_field_rows[i].err);
    }
    for (size_t i = 0; i < ARRAY_COUNT(batch_internal_rows); i++) {
        batch_check_row(batch_internal, batch_internal_rows[i].name, batch_internal_rows[i].pos,
                        batch_internal_rows[i].width, batch_internal_rows[i].value,
                        batch_internal_rows[i].err);
    }
}

static void batch_patch_changes_offset_and_term_alone(void **state)
{
    (void)state;
    uint8_t copy[BATCH_PLAIN_BYTES];
    memcpy(copy, batch_plain, sizeof(copy));
    log_batch_patch(copy, 0x0102030405060708, 0x11121314);
    assert_memory_equal(copy, "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x5c\x11\x12\x13\x14",
                        16);
    assert_memory_equal(copy + 16, batch_plain + 16, sizeof(copy) - 16);
    assert_true(log_batch_is_sound(formats_kernels(), copy, sizeof(copy)));
    struct log_batch batch;
    assert_int_equal(log_batch_decode(copy, sizeof(copy), &batch), ERR_OK);
    assert_true(log_batch_next_offset(&batch) == 0x010203040506070b);
    expect_assert_failure(log_batch_patch(copy, LOG_NUMBER_MAX + 1, 1));
    expect_assert_failure(log_batch_patch(copy, 1, LIMIT_TERM + 1));
}

static void batch_internal_entry_stands_as_the_table_says(void **state)
{
    (void)state;
    uint8_t out[2 + BATCH_INTERNAL_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_copy(&w, "??", 2);
    log_batch_put_internal(&w, formats_kernels(), LOG_KIND_MEMBERSHIP, "n1", 2, 0x102, 9,
                           1700000000789);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, sizeof(out));
    assert_memory_equal(out + 2, batch_internal, BATCH_INTERNAL_BYTES);
    assert_true(log_batch_is_sound(formats_kernels(), out + 2, BATCH_INTERNAL_BYTES));
    struct log_batch batch;
    assert_int_equal(log_batch_decode(out + 2, BATCH_INTERNAL_BYTES, &batch), ERR_OK);
    assert_int_equal(batch.kind, LOG_KIND_MEMBERSHIP);
    assert_int_equal(batch.length_bytes, BATCH_INTERNAL_BYTES);
    assert_int_equal(batch.records_count, 0);
    assert_true(log_batch_next_offset(&batch) == 0x102);
}

static void batch_internal_entry_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    const struct crc32c *kernels = formats_kernels();
    for (size_t capacity = 0; capacity < BATCH_INTERNAL_BYTES; capacity++) {
        uint8_t out[BATCH_INTERNAL_BYTES] = {0};
        struct bytes_writer w = bytes_writer(out, capacity);
        log_batch_put_internal(&w, kernels, LOG_KIND_TRIM, "n1", 2, 1, 1, 1);
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
        log_batch_put_internal(&w, kernels, LOG_KIND_NOOP, NULL, 0, 1, 1, 1);
        assert_int_equal(w.pos, 0);
        for (size_t i = 0; i < sizeof(out); i++) {
            assert_int_equal(out[i], 0);
        }
    }
    size_t payload_max = LIMIT_BATCH_BYTES - LOG_BATCH_HEADER_BYTES;
    uint8_t *out = calloc(1, LIMIT_BATCH_BYTES + 1);
    uint8_t *payload = calloc(1, payload_max + 1);
    assert_non_null(out);
    assert_non_null(payload);
    struct bytes_writer w = bytes_writer(out, LIMIT_BATCH_BYTES + 1);
    log_batch_put_internal(&w, kernels, LOG_KIND_CUT, payload, payload_max + 1, 1, 1, 1);
    assert_int_equal(w.err, ERR_TOO_LARGE);
    assert_int_equal(w.pos, 0);
    struct bytes_writer most = bytes_writer(out, LIMIT_BATCH_BYTES + 1);
    log_batch_put_internal(&most, kernels, LOG_KIND_CUT, payload, payload_max, 1, 1, 1);
    assert_int_equal(most.err, ERR_OK);
    assert_int_equal(most.pos, LIMIT_BATCH_BYTES);
    assert_int_equal(batch_decode(kernels, out, LIMIT_BATCH_BYTES), ERR_OK);
    free(payload);
    free(out);
}

static void batch_internal_entry_of_no_kind_is_a_bug(void **state)
{
    (void)state;
    uint8_t out[64];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    const struct crc32c *kernels = formats_kernels();
    expect_assert_failure(log_batch_put_internal(&w, kernels, LOG_KIND_DATA, NULL, 0, 1, 1, 1));
    expect_assert_failure(log_batch_put_internal(&w, kernels, LOG_KIND_COUNT, NULL, 0, 1, 1, 1));
    expect_assert_failure(
        log_batch_put_internal(&w, kernels, LOG_KIND_NOOP, NULL, 0, 1, LIMIT_TERM + 1, 1));
    expect_assert_failure(
        log_batch_put_internal(&w, kernels, LOG_KIND_NOOP, NULL, 0, LOG_NUMBER_MAX + 1, 1, 1));
}

/* XXH3-128 by the python package xxhash 4.1.0 over the 60 bytes of the definition, packed by hand:
 * the plain batch at offset 100 and term 5 as index 42, the membership entry behind it. */
static void batch_chain_is_xxh3_of_what_the_table_says(void **state)
{
    (void)state;
    struct hash128 previous = {.high = 0x0001020304050607, .low = 0x08090a0b0c0d0e0f};
    uint8_t copy[BATCH_PLAIN_BYTES];
    memcpy(copy, batch_plain, sizeof(copy));
    log_batch_patch(copy, 100, 5);
    uint32_t header_crc = log_batch_header_crc(formats_kernels(), copy);
    assert_int_equal(header_crc, 0xe5b0e778);
    struct log_batch batch;
    assert_int_equal(log_batch_decode(copy, sizeof(copy), &batch), ERR_OK);
    struct hash128 chain = log_chain(previous, 42, 5, &batch, header_crc);
    assert_true(chain.high == 0x3748b881fd358cd8);
    assert_true(chain.low == 0x39b23a28ba1d493a);
    struct hash128 first = log_chain((struct hash128){0, 0}, 42, 5, &batch, header_crc);
    assert_true(first.high == 0x820d652cbf0952c6);
    assert_true(first.low == 0x66da6f983ad5eed8);

    assert_int_equal(log_batch_decode(batch_internal, BATCH_INTERNAL_BYTES, &batch), ERR_OK);
    header_crc = log_batch_header_crc(formats_kernels(), batch_internal);
    assert_int_equal(header_crc, 0x1bb173f9);
    struct hash128 next = log_chain(chain, 43, 9, &batch, header_crc);
    assert_true(next.high == 0xbfe57ae21deb5757);
    assert_true(next.low == 0x13835b7e3fe4eb3a);

    struct hash128 gap = log_chain_gap(previous, 43, 50);
    assert_true(gap.high == 0x3b04348c6273bc3b);
    assert_true(gap.low == 0x34e162ce0eba0f97);
}

static void batch_chain_depends_on_each_thing_in_it(void **state)
{
    (void)state;
    struct log_batch batch;
    assert_int_equal(log_batch_decode(batch_plain, BATCH_PLAIN_BYTES, &batch), ERR_OK);
    struct hash128 previous = {.high = 1, .low = 2};
    struct log_batch others[6] = {batch, batch, batch, batch, batch, batch};
    others[0].base_offset ^= 1;
    others[1].kind = LOG_KIND_CUT;
    others[2].last_offset_delta ^= 1;
    others[3].records_count ^= 1;
    others[4].length_bytes ^= 1;
    others[5].crc ^= 1;
    struct hash128 chains[11] = {
        log_chain(previous, 1, 1, &batch, 1),
        log_chain((struct hash128){.high = 1, .low = 3}, 1, 1, &batch, 1),
        log_chain(previous, 2, 1, &batch, 1),
        log_chain(previous, 1, 2, &batch, 1),
        log_chain(previous, 1, 1, &batch, 2),
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        chains[5 + i] = log_chain(previous, 1, 1, &others[i], 1);
    }
    for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(hash128_is_equal(chains[i], chains[j]));
        }
    }
}

/* Property: an internal entry of any payload, offset, term and time reads back and is sound. */
static void batch_internal_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint8_t payload[300];
    size_t payload_bytes = prng_below(&prng, sizeof(payload) + 1);
    for (size_t i = 0; i < payload_bytes; i++) {
        payload[i] = (uint8_t)prng_u64(&prng);
    }
    uint64_t offset = prng_u64(&prng) >> prng_range(&prng, 1, 63);
    uint32_t term = (uint32_t)prng_below(&prng, LIMIT_TERM + 1ull);
    int64_t timestamp = (int64_t)prng_u64(&prng);
    enum log_kind kind = (enum log_kind)prng_range(&prng, 1, LOG_KIND_COUNT - 1);
    uint8_t out[sizeof(payload) + LOG_BATCH_HEADER_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_batch_put_internal(&w, formats_kernels(), kind, payload, payload_bytes, offset, term,
                           timestamp);
    struct log_batch batch;
    bool is_equal = w.err == ERR_OK && log_batch_decode(out, w.pos, &batch) == ERR_OK &&
                    batch.kind == kind && batch.base_offset == offset && batch.term == term &&
                    batch.length_bytes == w.pos && batch.base_timestamp == timestamp &&
                    batch.max_timestamp == timestamp && log_batch_next_offset(&batch) == offset &&
                    log_batch_is_sound(formats_kernels(), out, w.pos) &&
                    memcmp(out + LOG_BATCH_HEADER_BYTES, payload, payload_bytes) == 0;
    if (!is_equal) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void batch_internal_entries_read_back(void **state)
{
    (void)state;
    struct share share = share_open("internal entries", 20);
    while (share_more(&share)) {
        batch_internal_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_of_a_transactional_producer_is_read),
        cmocka_unit_test(batch_without_a_producer_is_read),
        cmocka_unit_test(batch_header_cut_short_is_truncated),
        cmocka_unit_test(batch_every_flip_is_found_by_one_of_two_checksums),
        cmocka_unit_test(batch_values_out_of_range_are_refused),
        cmocka_unit_test(batch_patch_changes_offset_and_term_alone),
        cmocka_unit_test(batch_internal_entry_stands_as_the_table_says),
        cmocka_unit_test(batch_internal_entry_that_does_not_fit_writes_nothing),
        cmocka_unit_test(batch_internal_entry_of_no_kind_is_a_bug),
        cmocka_unit_test(batch_chain_is_xxh3_of_what_the_table_says),
        cmocka_unit_test(batch_chain_depends_on_each_thing_in_it),
        cmocka_unit_test(batch_internal_entries_read_back),
    };
    return cmocka_run_group_tests_name("log_batch", tests, NULL, NULL);
}
