/* .snap: header and sections as bytes, everything cut off, flipped, out of range. */
#include "storage/log/snap.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/storage/formats.h"

/* By the table ".snap": membership "abc", one term run, an empty section of a later version.
 * Checksums worked a bit at a time by another program. */
#define SNAP_BYTES 128
static const char snap_bytes[SNAP_BYTES + 1] =
    "TDBS"
    "\x01\x00"                                         /* version */
    "\x03\x00"                                         /* sections */
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" /* features */
    "\x06\x00\x00\x00"                                 /* generation */
    "\x18\x17\x16\x15\x14\x13\x12\x11"                 /* group */
    "\x01\x10\x00\x00\x00\x00\x00\x00"                 /* first index */
    "\x80\x00\x00\x00\x00\x00\x00\x00"                 /* bytes of the file */
    "\xab\xba\x11\x4b"                                 /* checksum */
    "\x01\x00\x00\x00\x03\x00\x00\x00"                 /* 52: membership, 3 bytes */
    "\xac\xa8\x8a\xd3"                                 /* checksum */
    "abc\0\0\0\0\0"                                    /* 64: content, zeros to 72 */
    "\x02\x00\x00\x00\x18\x00\x00\x00"                 /* 72: term runs, 24 bytes */
    "\xcc\xcf\x63\xc9"                                 /* checksum */
    "\x01\x10\x00\x00\x00\x00\x00\x00"                 /* 84: first index */
    "\x01\x20\x00\x00\x00\x00\x00\x00"                 /* first offset */
    "\x07\x00\x00\x00\x00\x00\x00\x00"                 /* term, reserved */
    "\0\0\0\0"                                         /* zeros to 112 */
    "\x34\x12\x00\x00\x00\x00\x00\x00"                 /* 112: kind 0x1234, no bytes */
    "\xfc\xff\x1e\x68"                                 /* checksum */
    "\0\0\0\0";                                        /* zeros to 128 */

/* Zeros no checksum covers. */
static const struct {
    size_t from;
    size_t to;
} snap_paddings[] = {{67, 72}, {108, 112}, {124, 128}};

static const uint8_t snap_run_bytes[LOG_TERM_RUN_BYTES] = {
    0x01, 0x10, 0, 0, 0, 0, 0, 0, 0x01, 0x20, 0, 0, 0, 0, 0, 0, 0x07, 0, 0, 0, 0, 0, 0, 0};

static struct log_snap snap_of_bytes(void)
{
    return (struct log_snap){
        .generation = 6,
        .group = 0x1112131415161718,
        .first_index = 0x1001,
        .sections_count = 3,
        .sections = {{.kind = LOG_SNAP_MEMBERSHIP, .data = (const uint8_t *)"abc", .bytes = 3},
                     {.kind = LOG_SNAP_TERM_RUNS,
                      .data = snap_run_bytes,
                      .bytes = sizeof(snap_run_bytes)},
                     {.kind = 0x1234}},
    };
}

static enum err snap_decode(const struct crc32c *kernels, const void *data, size_t length)
{
    struct log_snap snap;
    memset(&snap, 0x55, sizeof(snap));
    enum err err = log_snap_decode(data, length, kernels, &snap);
    if (err != ERR_OK) {
        assert_true(snap.group == 0 && snap.first_index == 0 && snap.generation == 0);
        assert_int_equal(snap.sections_count, 0);
        assert_null(snap.sections[0].data);
    }
    return err;
}

static void snap_stands_as_the_table_says(void **state)
{
    (void)state;
    struct log_snap snap = snap_of_bytes();
    assert_int_equal(log_snap_bytes(&snap), SNAP_BYTES);
    uint8_t out[3 + SNAP_BYTES]; /* sections are aligned to the file, not to the writer */
    memset(out, 0x55, sizeof(out));
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_copy(&w, "???", 3);
    log_snap_put(&w, &snap, formats_kernels());
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, sizeof(out));
    assert_memory_equal(out + 3, snap_bytes, SNAP_BYTES);
}

static void snap_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct log_snap snap;
    const uint8_t *data = (const uint8_t *)snap_bytes;
    assert_int_equal(log_snap_decode(data, SNAP_BYTES, formats_kernels(), &snap), ERR_OK);
    assert_int_equal(snap.generation, 6);
    assert_true(snap.group == 0x1112131415161718);
    assert_true(snap.first_index == 0x1001);
    assert_int_equal(snap.sections_count, 3);
    const struct log_snap_section *membership = log_snap_find(&snap, LOG_SNAP_MEMBERSHIP);
    assert_ptr_equal(membership, &snap.sections[0]);
    assert_ptr_equal(membership->data, data + 64);
    assert_int_equal(membership->bytes, 3);
    const struct log_snap_section *runs = log_snap_find(&snap, LOG_SNAP_TERM_RUNS);
    assert_ptr_equal(runs, &snap.sections[1]);
    assert_ptr_equal(runs->data, data + 84);
    assert_int_equal(runs->bytes, LOG_TERM_RUN_BYTES);
    const struct log_snap_section *later = log_snap_find(&snap, 0x1234);
    assert_ptr_equal(later, &snap.sections[2]);
    assert_int_equal(later->bytes, 0);
    assert_null(log_snap_find(&snap, LOG_SNAP_TAGS));
    assert_null(log_snap_find(&snap, 0));
}

static void snap_of_two_sections_alike_finds_the_first(void **state)
{
    (void)state;
    struct log_snap snap = snap_of_bytes();
    snap.sections[2].kind = LOG_SNAP_MEMBERSHIP;
    assert_ptr_equal(log_snap_find(&snap, LOG_SNAP_MEMBERSHIP), &snap.sections[0]);
}

static void snap_without_sections_is_its_header(void **state)
{
    (void)state;
    struct log_snap snap = {.group = 1, .first_index = 1};
    assert_int_equal(log_snap_bytes(&snap), LOG_SNAP_HEADER_BYTES);
    uint8_t out[LOG_SNAP_HEADER_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_snap_put(&w, &snap, formats_kernels());
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(snap_decode(formats_kernels(), out, sizeof(out)), ERR_OK);
}

static void snap_cut_short_is_truncated(void **state)
{
    (void)state;
    formats_cut_is_truncated(snap_bytes, SNAP_BYTES, snap_decode);
}

static void snap_every_flip_is_corrupt_but_of_padding(void **state)
{
    (void)state;
    size_t from = 0;
    for (size_t i = 0; i < ARRAY_COUNT(snap_paddings); i++) {
        formats_flip_is_corrupt(snap_bytes, SNAP_BYTES, from, snap_paddings[i].from, snap_decode);
        from = snap_paddings[i].to;
    }
    assert_int_equal(from, SNAP_BYTES);
    uint8_t copy[SNAP_BYTES + 8];
    memset(copy, 0xff, sizeof(copy)); /* behind the file as well */
    memcpy(copy, snap_bytes, SNAP_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(snap_paddings); i++) {
        memset(copy + snap_paddings[i].from, 0xff, snap_paddings[i].to - snap_paddings[i].from);
    }
    assert_int_equal(snap_decode(formats_kernels(), copy, sizeof(copy)), ERR_OK);
}

/* A field of the header overwritten, the header's checksum right. */
static const struct {
    const char *name;
    size_t pos;
    size_t width;
    uint64_t value;
    enum err err;
} snap_rows[] = {
    {"as it is", 0, 0, 0, ERR_OK},
    {"magic", 0, 4, 0x53424455, ERR_CORRUPT},
    {"a newer version", 4, 2, 2, ERR_UNSUPPORTED},
    {"a section less than there are", 6, 2, 2, ERR_CORRUPT},
    {"a section more than there are", 6, 2, 4, ERR_CORRUPT},
    {"no sections, but bytes", 6, 2, 0, ERR_CORRUPT},
    {"more sections than there may be", 6, 2, 17, ERR_CORRUPT},
    {"65535 sections", 6, 2, 0xffff, ERR_CORRUPT},
    {"compat", 8, 4, 1, ERR_OK},
    {"ro", 12, 4, 1, ERR_OK},
    {"incompat", 16, 4, 1, ERR_UNSUPPORTED},
    {"group 0, the controller's", 24, 8, 0, ERR_OK},
    {"first index 0", 32, 8, 0, ERR_CORRUPT},
    {"the highest first index", 32, 8, INT64_MAX, ERR_OK},
    {"a first index above", 32, 8, 1ull << 63, ERR_CORRUPT},
    {"no bytes", 40, 8, 0, ERR_CORRUPT},
    {"less bytes than a header", 40, 8, 51, ERR_CORRUPT},
    {"bytes that end in the last padding", 40, 8, 127, ERR_CORRUPT},
    {"bytes that end in a section's head", 40, 8, 115, ERR_CORRUPT},
    {"bytes that end in a section", 40, 8, 100, ERR_CORRUPT},
    {"a byte more", 40, 8, 129, ERR_TRUNCATED},
    {"as many bytes as there may be", 40, 8, 64 << 20, ERR_TRUNCATED},
    {"more bytes than there may be", 40, 8, (64 << 20) + 1, ERR_CORRUPT},
    {"2^64-1 bytes", 40, 8, UINT64_MAX, ERR_CORRUPT},
};

static void snap_values_out_of_range_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(snap_rows); i++) {
        uint8_t bytes[SNAP_BYTES];
        memcpy(bytes, snap_bytes, sizeof(bytes));
        formats_poke(bytes, snap_rows[i].pos, snap_rows[i].value, snap_rows[i].width);
        formats_seal(bytes, LOG_SNAP_HEADER_BYTES - 4, 0);
        enum err err = snap_decode(formats_kernels(), bytes, sizeof(bytes));
        if (err != snap_rows[i].err) {
            fail_msg("%s: %s", snap_rows[i].name, err_name(err));
        }
    }
}

/* The last section, at 112, with `flags` and `bytes` and its checksum right as far as there is
 * content. */
static enum err snap_decode_last(uint16_t flags, uint32_t bytes)
{
    const struct crc32c *kernels = formats_kernels();
    uint8_t file[SNAP_BYTES];
    memcpy(file, snap_bytes, sizeof(file));
    formats_poke(file, 114, flags, 2);
    formats_poke(file, 116, bytes, 4);
    uint32_t crc = crc32c(kernels, 0, file + 112, 8);
    formats_poke(file, 120, crc32c(kernels, crc, file + 124, bytes <= 4 ? bytes : 4), 4);
    return snap_decode(kernels, file, sizeof(file));
}

static void snap_section_that_does_not_fit_is_corrupt(void **state)
{
    (void)state;
    assert_int_equal(snap_decode_last(0, 4), ERR_OK);
    assert_int_equal(snap_decode_last(0, 5), ERR_CORRUPT);
    assert_int_equal(snap_decode_last(0, UINT32_MAX), ERR_CORRUPT);
}

static void snap_section_with_a_flag_is_not_understood(void **state)
{
    (void)state;
    assert_int_equal(snap_decode_last(1, 0), ERR_UNSUPPORTED);
    assert_int_equal(snap_decode_last(0x8000, 0), ERR_UNSUPPORTED);
}

static void snap_that_does_not_fit_writes_nothing(void **state)
{
    (void)state;
    struct log_snap snap = snap_of_bytes();
    for (size_t capacity = 0; capacity < SNAP_BYTES; capacity++) {
        uint8_t out[SNAP_BYTES] = {0};
        struct bytes_writer w = bytes_writer(out, capacity);
        log_snap_put(&w, &snap, formats_kernels());
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 0);
        log_snap_put(&w, &snap, formats_kernels()); /* a failed writer stays as it is */
        assert_int_equal(w.pos, 0);
        for (size_t i = 0; i < sizeof(out); i++) {
            assert_int_equal(out[i], 0);
        }
    }
}

static void snap_of_the_most_bytes_is_written_and_read(void **state)
{
    (void)state;
    size_t content_bytes = LOG_SNAP_BYTES_MAX - LOG_SNAP_HEADER_BYTES - LOG_SNAP_SECTION_BYTES;
    uint8_t *content = calloc(1, content_bytes + 1);
    uint8_t *out = malloc(LOG_SNAP_BYTES_MAX + 8);
    assert_non_null(content);
    assert_non_null(out);
    struct log_snap snap = {
        .group = 1,
        .first_index = 1,
        .sections_count = 1,
        .sections = {{.kind = 5, .data = content, .bytes = (uint32_t)content_bytes}}};
    struct bytes_writer w = bytes_writer(out, LOG_SNAP_BYTES_MAX + 8);
    log_snap_put(&w, &snap, formats_kernels());
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(w.pos, LOG_SNAP_BYTES_MAX);
    assert_int_equal(snap_decode(formats_kernels(), out, w.pos), ERR_OK);
    snap.sections[0].bytes++;
    struct bytes_writer more = bytes_writer(out, LOG_SNAP_BYTES_MAX + 8);
    log_snap_put(&more, &snap, formats_kernels());
    assert_int_equal(more.err, ERR_TOO_LARGE);
    free(out);
    free(content);
}

static void snap_is_a_bug(const struct log_snap *snap)
{
    uint8_t out[SNAP_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    expect_assert_failure(log_snap_put(&w, snap, formats_kernels()));
}

static void snap_of_no_index_is_a_bug(void **state)
{
    (void)state;
    struct log_snap snaps[3] = {snap_of_bytes(), snap_of_bytes(), snap_of_bytes()};
    snaps[0].first_index = 0;
    snaps[1].first_index = LOG_NUMBER_MAX + 1;
    snaps[2].sections_count = LOG_SNAP_SECTIONS_MAX + 1;
    for (size_t i = 0; i < ARRAY_COUNT(snaps); i++) {
        snap_is_a_bug(&snaps[i]);
    }
}

static void snap_term_run_stands_as_the_table_says(void **state)
{
    (void)state;
    uint8_t out[LOG_TERM_RUN_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_term_run_put(
        &w, &(struct log_term_run){.first_index = 0x1001, .first_offset = 0x2001, .term = 7});
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(out, snap_run_bytes, sizeof(out));
    memset(out + 20, 0xff, 4); /* reserved: not read */
    struct bytes_reader r = bytes_reader(out, sizeof(out));
    struct log_term_run run = log_term_run_get(&r);
    assert_int_equal(r.err, ERR_OK);
    assert_true(run.first_index == 0x1001 && run.first_offset == 0x2001 && run.term == 7);
}

static void snap_term_run_out_of_range_is_corrupt(void **state)
{
    (void)state;
    static const size_t sign_bytes[] = {7, 15, 19}; /* of index, offset, term */
    for (size_t i = 0; i < ARRAY_COUNT(sign_bytes); i++) {
        uint8_t bytes[LOG_TERM_RUN_BYTES];
        memcpy(bytes, snap_run_bytes, sizeof(bytes));
        bytes[sign_bytes[i]] |= 0x80;
        struct bytes_reader r = bytes_reader(bytes, sizeof(bytes));
        struct log_term_run run = log_term_run_get(&r);
        assert_int_equal(r.err, ERR_CORRUPT);
        assert_true(run.first_index == 0 && run.first_offset == 0 && run.term == 0);
    }
    for (size_t length = 0; length < LOG_TERM_RUN_BYTES; length++) {
        struct bytes_reader r = bytes_reader(snap_run_bytes, length);
        struct log_term_run run = log_term_run_get(&r);
        assert_int_equal(r.err, ERR_TRUNCATED);
        assert_true(run.first_index == 0 && run.first_offset == 0 && run.term == 0);
    }
    uint8_t out[LOG_TERM_RUN_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    expect_assert_failure(log_term_run_put(&w, &(struct log_term_run){.term = LIMIT_TERM + 1}));
}

/* Property: any sections read back in their order, and as many bytes as said. */
static void snap_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint8_t content[64];
    for (size_t i = 0; i < sizeof(content); i++) {
        content[i] = (uint8_t)prng_u64(&prng);
    }
    struct log_snap snap = {.generation = (uint32_t)prng_u64(&prng),
                            .group = 1 + prng_below(&prng, UINT64_MAX),
                            .first_index = prng_range(&prng, 1, LOG_NUMBER_MAX),
                            .sections_count =
                                (uint32_t)prng_below(&prng, LOG_SNAP_SECTIONS_MAX + 1)};
    for (uint32_t i = 0; i < snap.sections_count; i++) {
        snap.sections[i] =
            (struct log_snap_section){.kind = (uint16_t)prng_u64(&prng),
                                      .data = content,
                                      .bytes = (uint32_t)prng_below(&prng, sizeof(content) + 1)};
    }
    uint8_t out[LOG_SNAP_HEADER_BYTES + LOG_SNAP_SECTIONS_MAX * (LOG_SNAP_SECTION_BYTES + 64 + 7)];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    log_snap_put(&w, &snap, formats_kernels());
    struct log_snap back;
    bool is_equal = w.err == ERR_OK && w.pos == log_snap_bytes(&snap) &&
                    log_snap_decode(out, w.pos, formats_kernels(), &back) == ERR_OK &&
                    back.generation == snap.generation && back.group == snap.group &&
                    back.first_index == snap.first_index &&
                    back.sections_count == snap.sections_count;
    for (uint32_t i = 0; is_equal && i < snap.sections_count; i++) {
        is_equal = back.sections[i].kind == snap.sections[i].kind &&
                   back.sections[i].bytes == snap.sections[i].bytes &&
                   memcmp(back.sections[i].data, content, back.sections[i].bytes) == 0;
    }
    if (!is_equal) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void snap_sections_read_back(void **state)
{
    (void)state;
    struct share share = share_open("sections", 20);
    while (share_more(&share)) {
        snap_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(snap_stands_as_the_table_says),
        cmocka_unit_test(snap_is_read_as_it_was_written),
        cmocka_unit_test(snap_of_two_sections_alike_finds_the_first),
        cmocka_unit_test(snap_without_sections_is_its_header),
        cmocka_unit_test(snap_cut_short_is_truncated),
        cmocka_unit_test(snap_every_flip_is_corrupt_but_of_padding),
        cmocka_unit_test(snap_values_out_of_range_are_refused),
        cmocka_unit_test(snap_section_that_does_not_fit_is_corrupt),
        cmocka_unit_test(snap_section_with_a_flag_is_not_understood),
        cmocka_unit_test(snap_that_does_not_fit_writes_nothing),
        cmocka_unit_test(snap_of_the_most_bytes_is_written_and_read),
        cmocka_unit_test(snap_of_no_index_is_a_bug),
        cmocka_unit_test(snap_term_run_stands_as_the_table_says),
        cmocka_unit_test(snap_term_run_out_of_range_is_corrupt),
        cmocka_unit_test(snap_sections_read_back),
    };
    return cmocka_run_group_tests_name("log_snap", tests, NULL, NULL);
}
