/* node.meta: its bytes, and which of two blocks is believed. */
#include "storage/log/meta.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/unit/storage/formats.h"

/* A block by the table "node.meta"; the checksum worked a bit at a time by another program. */
#define META_BYTES 68
static const char meta_bytes[META_BYTES + 1] =
    "TDBN"
    "\x01\x00"                                                         /* version */
    "\x01\x00"                                                         /* oldest */
    "\x01\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00"                 /* features */
    "\x07\x00\x00\x00"                                                 /* node id */
    "\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf" /* cluster id */
    "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" /* disk uuid */
    "\x08\x07\x06\x05\x04\x03\x02\x01"                                 /* boot epoch */
    "\xc7\x32\xad\xe7";                                                /* checksum */

#define META_BOOT_EPOCH 0x0102030405060708u

static struct log_meta meta_of_bytes(void)
{
    struct log_meta meta = {
        .features = {.compat = 0x80000001}, .node_id = 7, .boot_epoch = META_BOOT_EPOCH};
    for (uint8_t i = 0; i < 16; i++) {
        meta.cluster.bytes[i] = (uint8_t)(0xc0 + i);
        meta.disk.bytes[i] = (uint8_t)(0xa0 + i);
    }
    return meta;
}

static void meta_file(uint8_t out[LOG_META_BYTES])
{
    memset(out, 0, LOG_META_BYTES);
    memcpy(out, meta_bytes, META_BYTES);
    memcpy(out + LIMIT_BLOCK_BYTES, meta_bytes, META_BYTES);
}

static enum err meta_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_meta meta;
    memset(&meta, 0x55, sizeof(meta));
    enum err err = log_meta_decode(data, length, kernels, true, &meta);
    if (err != ERR_OK) {
        assert_true(meta.node_id == 0 && meta.boot_epoch == 0 && meta.features.compat == 0);
        assert_true(log_uuid_is_zero(&meta.cluster));
        assert_true(log_uuid_is_zero(&meta.disk));
    }
    return err;
}

/* The boot epoch that the file at `data` is believed to have; it must be believed. */
static uint64_t meta_boot_epoch(const uint8_t *data, size_t length)
{
    struct log_meta meta;
    assert_int_equal(log_meta_decode(data, length, formats_kernels(), true, &meta), ERR_OK);
    return meta.boot_epoch;
}

static void meta_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_meta meta = meta_of_bytes();
    uint8_t want[LOG_META_BYTES];
    meta_file(want);
    uint8_t out[LOG_META_BYTES];
    memset(out, 0x55, sizeof(out));
    log_meta_encode(&meta, formats_kernels(), out);
    assert_memory_equal(out, want, sizeof(want));
}

static void meta_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t file[LOG_META_BYTES];
    meta_file(file);
    memset(file + META_BYTES, 0xff, LIMIT_BLOCK_BYTES - META_BYTES); /* not read */
    struct log_meta want = meta_of_bytes();
    struct log_meta meta;
    assert_int_equal(log_meta_decode(file, sizeof(file), formats_kernels(), true, &meta), ERR_OK);
    assert_int_equal(meta.features.compat, want.features.compat);
    assert_int_equal(meta.features.ro, 0);
    assert_int_equal(meta.features.incompat, 0);
    assert_int_equal(meta.node_id, want.node_id);
    assert_true(log_uuid_is_equal(&meta.cluster, &want.cluster));
    assert_true(log_uuid_is_equal(&meta.disk, &want.disk));
    assert_true(meta.boot_epoch == want.boot_epoch);
}

static void meta_one_block_is_enough(void **state)
{
    (void)state;
    uint8_t file[LOG_META_BYTES];
    meta_file(file);
    for (size_t bit = 0; bit < META_BYTES * 8; bit++) {
        uint8_t flip = (uint8_t)(1u << bit % 8);
        size_t pos = bit / 8;
        file[pos] ^= flip;
        assert_true(meta_boot_epoch(file, sizeof(file)) == META_BOOT_EPOCH);
        file[LIMIT_BLOCK_BYTES + pos] ^= flip;
        assert_int_equal(meta_decode(formats_kernels(), file, sizeof(file)), ERR_CORRUPT);
        file[pos] ^= flip;
        assert_true(meta_boot_epoch(file, sizeof(file)) == META_BOOT_EPOCH);
        file[LIMIT_BLOCK_BYTES + pos] ^= flip;
    }
}

static void meta_cut_short_is_read_from_what_is_whole(void **state)
{
    (void)state;
    uint8_t file[LOG_META_BYTES];
    meta_file(file);
    uint8_t damaged[LOG_META_BYTES];
    memcpy(damaged, file, sizeof(file));
    damaged[0] ^= 1;
    size_t second = LIMIT_BLOCK_BYTES + META_BYTES;
    for (size_t length = 0; length <= LOG_META_BYTES; length += length < 200 ? 1 : 53) {
        uint8_t *cut = malloc(length + 1);
        assert_non_null(cut);
        memcpy(cut, file, length);
        assert_int_equal(meta_decode(formats_kernels(), cut, length),
                         length < META_BYTES ? ERR_CORRUPT : ERR_OK);
        memcpy(cut, damaged, length);
        assert_int_equal(meta_decode(formats_kernels(), cut, length),
                         length < second ? ERR_CORRUPT : ERR_OK);
        free(cut);
    }
    assert_int_equal(meta_decode(formats_kernels(), damaged, second - 1), ERR_CORRUPT);
    assert_int_equal(meta_decode(formats_kernels(), damaged, second), ERR_OK);
    assert_int_equal(meta_decode(formats_kernels(), NULL, 0), ERR_CORRUPT);
}

static void meta_higher_boot_epoch_wins(void **state)
{
    (void)state;
    for (size_t pos = 0; pos < LOG_META_BYTES; pos += LIMIT_BLOCK_BYTES) {
        uint8_t file[LOG_META_BYTES];
        meta_file(file);
        formats_poke(file + pos, 56, META_BOOT_EPOCH + 1, 8);
        assert_true(meta_boot_epoch(file, sizeof(file)) == META_BOOT_EPOCH); /* no checksum yet */
        formats_seal(file + pos, 64, 0);
        assert_true(meta_boot_epoch(file, sizeof(file)) == META_BOOT_EPOCH + 1);
        formats_poke(file + pos, 56, META_BOOT_EPOCH - 1, 8);
        formats_seal(file + pos, 64, 0);
        assert_true(meta_boot_epoch(file, sizeof(file)) == META_BOOT_EPOCH);
    }
}

static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err read;
    enum err write;
} meta_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK, ERR_OK},
    {"magic", 0, 4, 0x4e424455, ERR_CORRUPT, ERR_CORRUPT},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"version 0", 4, 2, 0, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"formats older than are read", 6, 2, 0, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
    {"oldest above the version", 6, 2, 2, ERR_CORRUPT, ERR_CORRUPT},
    {"compat", 8, 4, 0xffffffff, ERR_OK, ERR_OK},
    {"ro", 12, 4, 1, ERR_OK, ERR_UNSUPPORTED},
    {"incompat", 16, 4, 1, ERR_UNSUPPORTED, ERR_UNSUPPORTED},
};

static void meta_of_a_newer_program_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(meta_rows); i++) {
        uint8_t file[LOG_META_BYTES];
        meta_file(file);
        formats_poke(file, meta_rows[i].pos, meta_rows[i].value, meta_rows[i].width);
        formats_seal(file, 64, 0);
        memcpy(file + LIMIT_BLOCK_BYTES, file, LIMIT_BLOCK_BYTES);
        struct log_meta meta;
        enum err read = log_meta_decode(file, sizeof(file), formats_kernels(), false, &meta);
        enum err write = meta_decode(formats_kernels(), file, sizeof(file));
        if (read != meta_rows[i].read || write != meta_rows[i].write) {
            fail_msg("%s: %s, %s", meta_rows[i].name, err_name(read), err_name(write));
        }
    }
}

static void meta_half_written_by_a_newer_program_is_refused(void **state)
{
    (void)state;
    for (size_t pos = 0; pos < LOG_META_BYTES; pos += LIMIT_BLOCK_BYTES) {
        uint8_t file[LOG_META_BYTES];
        meta_file(file);
        formats_poke(file + pos, 4, 2, 2);
        formats_seal(file + pos, 64, 0);
        assert_int_equal(meta_decode(formats_kernels(), file, sizeof(file)), ERR_UNSUPPORTED);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(meta_stands_as_the_table_says),
        cmocka_unit_test(meta_is_read_as_it_was_written),
        cmocka_unit_test(meta_one_block_is_enough),
        cmocka_unit_test(meta_cut_short_is_read_from_what_is_whole),
        cmocka_unit_test(meta_higher_boot_epoch_wins),
        cmocka_unit_test(meta_of_a_newer_program_is_refused),
        cmocka_unit_test(meta_half_written_by_a_newer_program_is_refused),
    };
    return cmocka_run_group_tests_name("log_meta", tests, NULL, NULL);
}
