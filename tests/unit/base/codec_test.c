/* Compression: what other programs wrote, what they would refuse, bombs, and round trips. */
#include "base/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define CODEC_LARGE_BYTES  66000
#define CODEC_COMPRESS_MAX 600 /* of the rows below */

/* The two texts the rows hold. */
enum codec_text { CODEC_TEXT_SMALL, CODEC_TEXT_LARGE };
static const char codec_small[] = "Hello hello hello hello hello, Kafka records compress well. ";
static const char codec_period[] = "One Kafka record after another, all the same. ";

/* What other programs made of them: Kafka's Java client (org.apache.kafka.common.compress),
 * franz-go's default compressor (klauspost and pierrec libraries), Python packages and command-line
 * tools. */
static const struct codec_row {
    const char *name;
    enum codec_kind kind;
    enum codec_text text;
    const char *hex;
} codec_rows[] = {
    {"kafka-clients 3.9.0", CODEC_GZIP, CODEC_TEXT_SMALL,
     "1f8b08000000000000fff348cdc9c957c8c04eea287827a665272a14a526e717a5142b24e7e7"
     "1614a516172b940365f5140059f788393c000000"},
    {"kafka-clients 3.9.0", CODEC_SNAPPY, CODEC_TEXT_SMALL,
     "82534e415050590000000001000000010000002c3c1848656c6c6f2068560600782c204b6166"
     "6b61207265636f72647320636f6d70726573732077656c6c2e20"},
    {"kafka-clients 3.9.0", CODEC_LZ4, CODEC_TEXT_SMALL,
     "04224d186040822c0000007f48656c6c6f2068060003f0102c204b61666b61207265636f7264"
     "7320636f6d70726573732077656c6c2e2000000000"},
    {"kafka-clients 3.9.0", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "28b52ffd00586c0100640248656c6c6f20682c204b61666b61207265636f72647320636f6d70"
     "726573732077656c6c2e200100518a11010000"},
    {"kafka-clients 3.9.0, several blocks", CODEC_LZ4, CODEC_TEXT_LARGE,
     "04224d1860408239010000ff1f4f6e65204b61666b61207265636f726420616674657220616e"
     "6f746865722c20616c6c207468652073616d652e202e00ffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffba506865722c203a000000ff1f616c6c207468652073616d65"
     "2e204f6e65204b61666b61207265636f726420616674657220616e6f746865722c202e00ff8b"
     "5020616c6c2000000000"},
    {"kafka-clients 3.9.0, 66000 bytes", CODEC_ZSTD, CODEC_TEXT_LARGE,
     "28b52ffd0058c40100e4024f6e65204b61666b61207265636f726420616674657220616e6f74"
     "6865722c20616c6c207468652073616d652e200100fe0c88b92a03010000"},
    {"franz-go 1.22", CODEC_GZIP, CODEC_TEXT_SMALL,
     "1f8b080000096e8800ff003c00c3ff48656c6c6f2068656c6c6f2068656c6c6f2068656c6c6f"
     "2068656c6c6f2c204b61666b61207265636f72647320636f6d70726573732077656c6c2e2003"
     "0059f788393c000000"},
    {"franz-go 1.22", CODEC_SNAPPY, CODEC_TEXT_SMALL,
     "3c1848656c6c6f2068560600782c204b61666b61207265636f72647320636f6d707265737320"
     "77656c6c2e20"},
    {"franz-go 1.22", CODEC_LZ4, CODEC_TEXT_SMALL,
     "04224d186470b92c0000007f48656c6c6f2068060003f0102c204b61666b61207265636f7264"
     "7320636f6d70726573732077656c6c2e2000000000355e2636"},
    {"franz-go 1.22", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "28b52ffd0400750100640248656c6c6f20682c204b61666b61207265636f72647320636f6d70"
     "726573732077656c6c2e20015407031309efe7b81b"},
    {"franz-go 1.22, 66000 bytes", CODEC_ZSTD, CODEC_TEXT_LARGE,
     "28b52ffd8430d0010100a40100e2420a11b0b700d93229a4cadf55b24d50341f84020334764c"
     "539fb349692aa15d56d944d3c0bea22c98480801541705337efec74d0000000154000f2ccde3"
     "ff2566dbda"},
    {"gzip 1.12 -9, with a file name", CODEC_GZIP, CODEC_TEXT_SMALL,
     "1f8b0808009b066b0203696e2e74787400f348cdc9c957c8c04eea287827a665272a14a526e7"
     "17a5142b24e7e71614a516172b940365f5140059f788393c000000"},
    {"Python 3.11 gzip.compress(mtime=0)", CODEC_GZIP, CODEC_TEXT_SMALL,
     "1f8b0800000000000203f348cdc9c957c8c04eea287827a665272a14a526e717a5142b24e7e7"
     "1614a516172b940365f5140059f788393c000000"},
    {"gzip, two members", CODEC_GZIP, CODEC_TEXT_SMALL,
     "1f8b0800000000000003f348cdc9c957c84021011ff8029b140000001f8b0800000000000003"
     "cbc9c957c848cdc9c9d751f04e4ccb4e54284a4dce2f4a295648cecf2d284a2d2e562807caea"
     "2900005b38a40b28000000"},
    {"python-snappy 0.7.3, raw", CODEC_SNAPPY, CODEC_TEXT_SMALL,
     "3c1848656c6c6f2068560600782c204b61666b61207265636f72647320636f6d707265737320"
     "77656c6c2e20"},
    {"lz4 1.9.4", CODEC_LZ4, CODEC_TEXT_SMALL,
     "04224d186440a72c0000007f48656c6c6f2068060003f0102c204b61666b61207265636f7264"
     "7320636f6d70726573732077656c6c2e2000000000355e2636"},
    {"lz4 1.9.4 -BX --content-size", CODEC_LZ4, CODEC_TEXT_SMALL,
     "04224d187c403c00000000000000972c0000007f48656c6c6f2068060003f0102c204b61666b"
     "61207265636f72647320636f6d70726573732077656c6c2e203f1a666200000000355e2636"},
    {"lz4 1.9.4 -B4 -BD, blocks linked", CODEC_LZ4, CODEC_TEXT_LARGE,
     "04224d1844405e39010000ff1f4f6e65204b61666b61207265636f726420616674657220616e"
     "6f746865722c20616c6c207468652073616d652e202e00ffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "ffffffffffffffffffffffffffba506865722c200b0000000fe0ffffb95020616c6c20000000"
     "00163801d3"},
    {"zstd 1.5.4, content size and checksum", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "28b52ffd243c6d0100640248656c6c6f20682c204b61666b61207265636f72647320636f6d70"
     "726573732077656c6c2e200100518a11efe7b81b"},
    {"zstd 1.5.4 --no-check, from a pipe", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "28b52ffd00586d0100640248656c6c6f20682c204b61666b61207265636f72647320636f6d70"
     "726573732077656c6c2e200100518a11"},
    {"zstd 1.5.4, skippable frame first", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "502a4d180300000061626328b52ffd243c6d0100640248656c6c6f20682c204b61666b612072"
     "65636f72647320636f6d70726573732077656c6c2e200100518a11efe7b81b"},
    {"zstd 1.5.4, two frames", CODEC_ZSTD, CODEC_TEXT_SMALL,
     "28b52ffd04586d00003848656c6c6f20680100398a1154ed78cf28b52ffd04584101006c6c6f"
     "2068656c6c6f2c204b61666b61207265636f72647320636f6d70726573732077656c6c2e20a6"
     "a6a748"},
};

/* One test's context and buffers; the text of a row; the row's bytes. */
struct codec_fixture {
    struct codec_context context;
    uint8_t text[CODEC_LARGE_BYTES];
    uint8_t compressed[CODEC_COMPRESS_MAX];
    uint8_t out[CODEC_LARGE_BYTES + 1];
};

static int codec_setup(void **state)
{
    struct codec_fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    codec_context_init(&f->context);
    *state = f;
    return 0;
}

static int codec_teardown(void **state)
{
    struct codec_fixture *f = *state;
    codec_context_deinit(&f->context); /* LeakSanitizer counts */
    free(f);
    return 0;
}

/* Put the row's text into f->text; its length. */
static size_t codec_text_of(struct codec_fixture *f, const struct codec_row *row)
{
    if (row->text == CODEC_TEXT_SMALL) {
        memcpy(f->text, codec_small, sizeof(codec_small) - 1);
        return sizeof(codec_small) - 1;
    }
    for (size_t i = 0; i < CODEC_LARGE_BYTES; i++) {
        f->text[i] = (uint8_t)codec_period[i % (sizeof(codec_period) - 1)];
    }
    return CODEC_LARGE_BYTES;
}

/* The bytes of `hex` to `out`, which has room for `max`; how many. */
static size_t codec_unhex(const char *hex, uint8_t *out, size_t max)
{
    size_t length = strlen(hex) / 2;
    assert_true(length <= max);
    for (size_t i = 0; i < length; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return length;
}

static enum err codec_decompress_hex(struct codec_fixture *f, enum codec_kind kind, const char *hex,
                                     size_t dst_max_bytes, size_t *dst_bytes)
{
    size_t length = codec_unhex(hex, f->compressed, sizeof(f->compressed));
    assert_true(dst_max_bytes < sizeof(f->out));
    memset(f->out, 0xa5, sizeof(f->out));
    enum err err = codec_decompress(&f->context, kind, f->compressed, length, f->out, dst_max_bytes,
                                    dst_bytes);
    assert_int_equal(f->out[dst_max_bytes], 0xa5);
    assert_true(*dst_bytes <= dst_max_bytes);
    return err;
}

static void codec_decompress_reads_what_others_wrote(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_rows); i++) {
        const struct codec_row *row = &codec_rows[i];
        size_t text_bytes = codec_text_of(f, row);
        for (size_t room = text_bytes; room <= CODEC_LARGE_BYTES; room += 33333) {
            size_t got;
            enum err err = codec_decompress_hex(f, row->kind, row->hex, room, &got);
            if (err != ERR_OK || got != text_bytes || memcmp(f->out, f->text, got) != 0) {
                fail_msg("%s (%s): %s", row->name, codec_kind_name(row->kind), err_name(err));
            }
        }
    }
}

static void codec_decompress_stops_where_the_room_ends(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_rows); i++) {
        const struct codec_row *row = &codec_rows[i];
        size_t text_bytes = codec_text_of(f, row);
        const size_t rooms[] = {text_bytes - 1, text_bytes / 2, 1, 0};
        for (size_t k = 0; k < ARRAY_COUNT(rooms); k++) {
            size_t got = 7;
            enum err err = codec_decompress_hex(f, row->kind, row->hex, rooms[k], &got);
            if (err != ERR_TOO_LARGE || got != 0) {
                fail_msg("%s (%s): %s", row->name, codec_kind_name(row->kind), err_name(err));
            }
        }
    }
}

/* Every row cut short at every byte. Where a format has an end to miss, the error says so; a stream
 * of snappy-java has none, so it may also end between two blocks; raw snappy only says corrupt. */
static void codec_decompress_of_a_prefix_fails(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_rows); i++) {
        const struct codec_row *row = &codec_rows[i];
        bool is_xerial = row->kind == CODEC_SNAPPY && strncmp(row->hex, "82534e", 6) == 0;
        size_t length = codec_unhex(row->hex, f->compressed, sizeof(f->compressed));
        for (size_t cut = 0; cut < length; cut++) {
            uint8_t *prefix = malloc(cut + 1); /* ASan sees a byte too many */
            assert_non_null(prefix);
            memcpy(prefix + 1, f->compressed, cut);
            size_t got;
            enum err err = codec_decompress(&f->context, row->kind, prefix + 1, cut, f->out,
                                            CODEC_LARGE_BYTES, &got);
            free(prefix);
            bool is_right =
                err == ERR_TRUNCATED || (row->kind == CODEC_SNAPPY && err == ERR_CORRUPT);
            is_right = is_right || (is_xerial && cut == 16 && err == ERR_OK && got == 0);
            /* Two members or frames: the first alone is a value. */
            bool is_double = strstr(row->name, "two") != NULL || strstr(row->name, "first") != NULL;
            if (!is_right && !(is_double && err == ERR_OK)) {
                fail_msg("%s (%s), %zu bytes: %s", row->name, codec_kind_name(row->kind), cut,
                         err_name(err));
            }
        }
    }
}

static void codec_decompress_refuses_bytes_behind_the_value(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_rows); i++) {
        const struct codec_row *row = &codec_rows[i];
        size_t length = codec_unhex(row->hex, f->compressed, sizeof(f->compressed) - 20);
        memset(f->compressed + length, 0, 20);
        size_t got;
        enum err err = codec_decompress(&f->context, row->kind, f->compressed, length + 20, f->out,
                                        CODEC_LARGE_BYTES, &got);
        assert_int_equal(err, ERR_CORRUPT);
    }
}

/* A context that stopped in the middle of one value reads the next as if nothing had been. */
static void codec_decompress_forgets_the_value_that_failed(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t bad = 0; bad < ARRAY_COUNT(codec_rows); bad++) {
        for (size_t good = 0; good < ARRAY_COUNT(codec_rows); good++) {
            enum codec_kind kind = codec_rows[bad].kind;
            if (kind != codec_rows[good].kind) {
                continue;
            }
            size_t got;
            size_t length = codec_unhex(codec_rows[bad].hex, f->compressed, sizeof(f->compressed));
            enum err err = codec_decompress(&f->context, kind, f->compressed, length / 2, f->out,
                                            CODEC_LARGE_BYTES, &got);
            assert_int_not_equal(err, ERR_TOO_LARGE);
            err = codec_decompress_hex(f, kind, codec_rows[good].hex, CODEC_LARGE_BYTES, &got);
            assert_int_equal(err, ERR_OK);
            assert_int_equal(got, codec_text_of(f, &codec_rows[good]));
            assert_memory_equal(f->out, f->text, got);
        }
    }
}

/* Inputs no client writes, or that ask for more than they may. */
static const struct {
    const char *name;
    enum codec_kind kind;
    enum err err;
    const char *hex;
} codec_hostile_rows[] = {
    {"gzip: nothing", CODEC_GZIP, ERR_TRUNCATED, ""},
    {"gzip: zlib's wrapper", CODEC_GZIP, ERR_CORRUPT, "789c030000000001"},
    {"gzip: wrong CRC", CODEC_GZIP, ERR_CORRUPT, "1f8b080000000000000303000100000000000000"},
    {"gzip: wrong length", CODEC_GZIP, ERR_CORRUPT, "1f8b080000000000000303000000000001000000"},
    {"gzip: zero padding", CODEC_GZIP, ERR_CORRUPT,
     "1f8b08000000000000030300000000000000000000000000"},
    {"snappy: nothing", CODEC_SNAPPY, ERR_TRUNCATED, ""},
    {"snappy: 4 GiB announced", CODEC_SNAPPY, ERR_TOO_LARGE, "ffffffff0f00"},
    {"snappy: length too long", CODEC_SNAPPY, ERR_CORRUPT, "ffffffffff0f"},
    {"snappy: copy from before the beginning", CODEC_SNAPPY, ERR_CORRUPT, "040102"},
    {"xerial: version 0", CODEC_SNAPPY, ERR_CORRUPT, "82534e41505059000000000000000001"},
    {"xerial: header cut", CODEC_SNAPPY, ERR_TRUNCATED, "82534e4150505900000000"},
    {"xerial: empty block", CODEC_SNAPPY, ERR_CORRUPT, "82534e4150505900000000010000000100000000"},
    {"xerial: block past the end", CODEC_SNAPPY, ERR_TRUNCATED,
     "82534e41505059000000000100000001ffffffff00"},
    {"xerial: 2 GiB announced", CODEC_SNAPPY, ERR_TOO_LARGE,
     "82534e4150505900000000010000000100000005ffffffff0f"},
    {"xerial: concatenated", CODEC_SNAPPY, ERR_TRUNCATED,
     "82534e4150505900000000010000000182534e41505059000000000100000001"},
    {"lz4: nothing", CODEC_LZ4, ERR_TRUNCATED, ""},
    {"lz4: legacy frame", CODEC_LZ4, ERR_CORRUPT, "02214c18050000005061626364650000"},
    {"lz4: skippable frame", CODEC_LZ4, ERR_CORRUPT,
     "502a4d180300000061626304224d18604082000000000000"},
    {"lz4: wrong header checksum", CODEC_LZ4, ERR_CORRUPT, "04224d1860408300000000"},
    {"lz4: reserved bit of the header", CODEC_LZ4, ERR_CORRUPT, "04224d1862408200000000"},
    {"lz4: block larger than its maximum", CODEC_LZ4, ERR_CORRUPT, "04224d186040820100010000"},
    {"lz4: two frames", CODEC_LZ4, ERR_CORRUPT, "04224d186040820000000004224d1860408200000000"},
    {"zstd: nothing", CODEC_ZSTD, ERR_TRUNCATED, ""},
    {"zstd: format 0.7", CODEC_ZSTD, ERR_CORRUPT, "27b52ffd00580100000000000000"},
    {"zstd: window of 128 MiB + 16 MiB", CODEC_ZSTD, ERR_UNSUPPORTED, "28b52ffd0089010000"},
    {"zstd: largest window there is", CODEC_ZSTD, ERR_UNSUPPORTED, "28b52ffd00ff010000"},
    {"zstd: 2^63 bytes announced", CODEC_ZSTD, ERR_TOO_LARGE, "28b52ffde00000000000000080010000"},
    {"zstd: reserved block type", CODEC_ZSTD, ERR_CORRUPT, "28b52ffd0058070000"},
    {"zstd: wrong checksum", CODEC_ZSTD, ERR_CORRUPT, "28b52ffd045801000000000000"},
    /* Python zstandard 0.25, ZstdCompressor(dict_data=a trained dictionary) */
    {"zstd: needs a dictionary", CODEC_ZSTD, ERR_UNSUPPORTED,
     "28b52ffd23010c4e0d15a900006b65793176616c7565376b65793276616c75653134"},
};

static void codec_decompress_refuses_hostile_input(void **state)
{
    struct codec_fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codec_hostile_rows); i++) {
        size_t got;
        enum err err = codec_decompress_hex(f, codec_hostile_rows[i].kind,
                                            codec_hostile_rows[i].hex, CODEC_LARGE_BYTES, &got);
        if (err != codec_hostile_rows[i].err) {
            fail_msg("%s: %s", codec_hostile_rows[i].name, err_name(err));
        }
    }
}

static void codec_decompress_takes_the_largest_window_java_takes(void **state)
{
    struct codec_fixture *f = *state;
    size_t got;
    /* window descriptor 88: 2^27; one raw block "abc" (RFC 8878, 3.1.1) */
    enum err err = codec_decompress_hex(f, CODEC_ZSTD, "28b52ffd0088190000616263", 3, &got);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(got, 3);
    assert_memory_equal(f->out, "abc", 3);
}

static void codec_decompress_reads_snappys_worked_example(void **state)
{
    struct codec_fixture *f = *state;
    size_t got;
    /* format_description.txt, section 2: "xababab" as a literal "xab" and a copy of 4 from 2 back;
     * a literal's tag is (length - 1) << 2, a short copy's (length - 4) << 2 | 1 before its offset.
     */
    enum err err = codec_decompress_hex(f, CODEC_SNAPPY, "07087861620102", 7, &got);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(got, 7);
    assert_memory_equal(f->out, "xababab", 7);
}

/* A bomb is refused when the room is full, whatever would follow. */
static void codec_decompress_refuses_bombs(void **state)
{
    struct codec_fixture *f = *state;
    /* zstd, by hand: 8192 blocks of 4 bytes that stand for 128 KiB of zeros each, 1 GiB in 32 KiB.
     */
    static const uint8_t start[6] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58};
    static const uint8_t block[4] = {0x02, 0x00, 0x10, 0x00};
    size_t bomb_bytes = sizeof(start) + 8192 * sizeof(block);
    size_t source_bytes = (size_t)16 << 20;
    uint8_t *bomb = malloc(bomb_bytes);
    uint8_t *source = calloc(1, source_bytes);
    assert_non_null(bomb);
    assert_non_null(source);
    memcpy(bomb, start, sizeof(start));
    for (size_t i = 0; i < 8192; i++) {
        memcpy(bomb + sizeof(start) + i * sizeof(block), block, sizeof(block));
    }
    bomb[bomb_bytes - sizeof(block)] |= 1; /* the last block says so */
    size_t got;
    assert_int_equal(codec_decompress(&f->context, CODEC_ZSTD, bomb, bomb_bytes, f->out,
                                      CODEC_LARGE_BYTES, &got),
                     ERR_TOO_LARGE);
    free(bomb);
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        size_t bound = codec_bound(kind, source_bytes);
        uint8_t *compressed = malloc(bound);
        assert_non_null(compressed);
        struct bytes_writer w = bytes_writer(compressed, bound);
        assert_int_equal(
            codec_compress(&f->context, kind, CODEC_LEVEL_DEFAULT, source, source_bytes, &w),
            ERR_OK);
        assert_int_equal(
            codec_decompress(&f->context, kind, compressed, w.pos, f->out, CODEC_LARGE_BYTES, &got),
            ERR_TOO_LARGE);
        free(compressed);
    }
    free(source);
}

/* What our output looks like to the others: the first bytes the Java client writes, but that zstd's
 * content size is there. */
static void codec_compress_writes_kafkas_forms(void **state)
{
    struct codec_fixture *f = *state;
    static const struct {
        enum codec_kind kind;
        const char *hex;
    } rows[] = {
        {CODEC_GZIP, "1f8b0800000000000003"},
        {CODEC_SNAPPY, "82534e415050590000000001000000010000002c3c"},
        {CODEC_LZ4, "04224d186040822c000000"},
        {CODEC_ZSTD, "28b52ffd203c"},
        {CODEC_NONE, "48656c6c6f"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t want[32];
        uint8_t out[256];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        size_t length = codec_unhex(rows[i].hex, want, sizeof(want));
        assert_int_equal(codec_compress(&f->context, rows[i].kind, CODEC_LEVEL_DEFAULT, codec_small,
                                        sizeof(codec_small) - 1, &w),
                         ERR_OK);
        assert_memory_equal(out, want, length);
    }
}

static void codec_compress_appends_and_needs_room_for_the_bound(void **state)
{
    struct codec_fixture *f = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        size_t bound = codec_bound(kind, 60);
        struct bytes_writer w = bytes_writer(f->out, 4 + bound - 1);
        bytes_put_u32be(&w, 1);
        enum err err = codec_compress(&f->context, kind, CODEC_LEVEL_DEFAULT, codec_small, 60, &w);
        assert_int_equal(err, ERR_TOO_LARGE);
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_int_equal(w.pos, 4);
        w = bytes_writer(f->out, 4 + bound);
        bytes_put_u32be(&w, 1);
        err = codec_compress(&f->context, kind, CODEC_LEVEL_DEFAULT, codec_small, 60, &w);
        assert_int_equal(err, ERR_OK);
        size_t got;
        err = codec_decompress(&f->context, kind, f->out + 4, w.pos - 4, f->text, 60, &got);
        assert_int_equal(err, ERR_OK);
        assert_int_equal(got, 60);
        assert_memory_equal(f->text, codec_small, 60);
    }
}

static void codec_compress_keeps_the_writers_error(void **state)
{
    struct codec_fixture *f = *state;
    struct bytes_writer w = bytes_writer(f->out, 0);
    bytes_put_u8(&w, 1);
    enum err err = codec_compress(&f->context, CODEC_NONE, CODEC_LEVEL_DEFAULT, NULL, 0, &w);
    assert_int_equal(err, ERR_TOO_LARGE);
    w = bytes_writer(f->out, sizeof(f->out));
    err = codec_compress(&f->context, CODEC_SNAPPY, 1, codec_small, 60, &w);
    assert_int_equal(err, ERR_INVALID);
    assert_int_equal(w.err, ERR_INVALID);
    assert_int_equal(w.pos, 0);
}

static void codec_of_nothing_is_nothing(void **state)
{
    struct codec_fixture *f = *state;
    for (enum codec_kind kind = CODEC_NONE; kind < CODEC_KIND_COUNT; kind++) {
        struct bytes_writer w = bytes_writer(f->out, sizeof(f->out));
        assert_int_equal(codec_compress(&f->context, kind, CODEC_LEVEL_DEFAULT, NULL, 0, &w),
                         ERR_OK);
        size_t got = 7;
        assert_int_equal(codec_decompress(&f->context, kind, f->out, w.pos, NULL, 0, &got), ERR_OK);
        assert_int_equal(got, 0);
    }
    struct bytes_writer none = bytes_writer(NULL, 0);
    assert_int_equal(codec_compress(&f->context, CODEC_NONE, CODEC_LEVEL_DEFAULT, NULL, 0, &none),
                     ERR_OK);
    size_t got;
    assert_int_equal(codec_decompress(&f->context, CODEC_NONE, NULL, 0, NULL, 0, &got), ERR_OK);
}

static void codec_refuses_more_than_the_libraries_count(void **state)
{
    struct codec_fixture *f = *state;
    size_t got;
    struct bytes_writer w = bytes_writer(f->out, sizeof(f->out));
    assert_int_equal(codec_compress(&f->context, CODEC_LZ4, CODEC_LEVEL_DEFAULT, f->text,
                                    CODEC_BYTES_MAX + 1, &w),
                     ERR_TOO_LARGE);
    assert_int_equal(
        codec_decompress(&f->context, CODEC_LZ4, f->text, CODEC_BYTES_MAX + 1, f->out, 1, &got),
        ERR_TOO_LARGE);
    expect_assert_failure((void)codec_bound(CODEC_LZ4, CODEC_BYTES_MAX + 1));
    expect_assert_failure((void)codec_bound(CODEC_KIND_COUNT, 1));
}

static void codec_levels_are_those_of_kip_390(void **state)
{
    struct codec_fixture *f = *state;
    static const struct {
        enum codec_kind kind;
        int level;
        bool is_valid;
    } rows[] = {
        {CODEC_NONE, 0, false},
        {CODEC_NONE, 1, false},
        {CODEC_SNAPPY, 1, false},
        {CODEC_GZIP, 0, false},
        {CODEC_GZIP, 1, true},
        {CODEC_GZIP, 9, true},
        {CODEC_GZIP, 10, false},
        {CODEC_LZ4, 0, false},
        {CODEC_LZ4, 1, true},
        {CODEC_LZ4, 3, true},
        {CODEC_LZ4, 17, true},
        {CODEC_LZ4, 18, false},
        {CODEC_ZSTD, 22, true},
        {CODEC_ZSTD, 23, false},
        {CODEC_ZSTD, -131072, true},
        {CODEC_ZSTD, 0, true},
        {CODEC_ZSTD, -131073, false},
        {CODEC_GZIP, CODEC_LEVEL_DEFAULT, true},
        {CODEC_NONE, CODEC_LEVEL_DEFAULT, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(codec_level_is_valid(rows[i].kind, rows[i].level), rows[i].is_valid);
        uint8_t out[256];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        enum err err =
            codec_compress(&f->context, rows[i].kind, rows[i].level, codec_small, 60, &w);
        assert_int_equal(err, rows[i].is_valid ? ERR_OK : ERR_INVALID);
        size_t got = 60;
        if (err == ERR_OK) {
            err = codec_decompress(&f->context, rows[i].kind, out, w.pos, f->out, 60, &got);
            assert_int_equal(err, ERR_OK);
            assert_memory_equal(f->out, codec_small, 60);
        }
        assert_int_equal(got, 60);
    }
}

static void codec_kinds_are_kafkas(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    enum codec_kind kind;
    for (unsigned id = 0; id < ARRAY_COUNT(names); id++) {
        assert_int_equal(codec_kind_of_id(id, &kind), ERR_OK);
        assert_string_equal(codec_kind_name(kind), names[id]);
    }
    for (unsigned id = 5; id < 8; id++) {
        assert_int_equal(codec_kind_of_id(id, &kind), ERR_UNSUPPORTED);
    }
}

static void codec_context_is_empty_again_after_deinit(void **state)
{
    struct codec_fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(codec_rows); i++) {
            size_t got;
            assert_int_equal(codec_decompress_hex(f, codec_rows[i].kind, codec_rows[i].hex,
                                                  CODEC_LARGE_BYTES, &got),
                             ERR_OK);
        }
        codec_context_deinit(&f->context);
        assert_null(f->context.zstd_decompress);
        assert_false(f->context.gzip_decompress.is_open);
    }
}

/* Bytes between noise and a single value: runs, repeats of what came before, noise. */
static void codec_case_fill(struct prng *prng, uint8_t *out, size_t length)
{
    for (size_t pos = 0; pos < length;) {
        size_t piece = (size_t)prng_range(prng, 1, 1 + (length - pos) / 2);
        switch (prng_below(prng, 3)) {
        case 0: memset(out + pos, (int)prng_below(prng, 256), piece); break;
        case 1: prng_fill(prng, out + pos, piece); break;
        default:
            for (size_t i = 0; i < piece; i++) {
                out[pos + i] = pos > 0 ? out[(size_t)prng_below(prng, 4) % pos] : 'x';
            }
            break;
        }
        pos += piece;
    }
}

static int codec_case_level(struct prng *prng, enum codec_kind kind)
{
    int level = (int)prng_range(prng, 0, 14) - 3; /* zstd's highest levels are slow */
    return codec_level_is_valid(kind, level) ? level : CODEC_LEVEL_DEFAULT;
}

/* Property: what was compressed comes back, in exactly its room and in no less; with a byte
 * changed, whatever comes back fits. */
static void codec_case(struct codec_context *context, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    enum codec_kind kind = (enum codec_kind)prng_below(&prng, CODEC_KIND_COUNT);
    size_t length = (size_t)prng_range(&prng, 1, prng_chance(&prng, 1, 8) ? 200000 : 4000);
    size_t bound = codec_bound(kind, length);
    uint8_t *source = malloc(length);
    uint8_t *compressed = malloc(bound);
    uint8_t *out = malloc(length);
    assert_true(source != NULL && compressed != NULL && out != NULL);
    codec_case_fill(&prng, source, length);
    struct bytes_writer w = bytes_writer(compressed, bound);
    size_t got = 0;
    bool is_right =
        codec_compress(context, kind, codec_case_level(&prng, kind), source, length, &w) == ERR_OK;
    is_right =
        is_right && codec_decompress(context, kind, compressed, w.pos, out, length, &got) == ERR_OK;
    is_right = is_right && got == length && memcmp(source, out, length) == 0;
    is_right = is_right && codec_decompress(context, kind, compressed, w.pos, out, length - 1,
                                            &got) == ERR_TOO_LARGE;
    compressed[prng_below(&prng, w.pos)] ^= (uint8_t)prng_range(&prng, 1, 255);
    enum err err = codec_decompress(context, kind, compressed, w.pos, out, length, &got);
    is_right = is_right && (err == ERR_OK ? got <= length : got == 0);
    free(source);
    free(compressed);
    free(out);
    if (!is_right) {
        fail_msg("%s: seed %llu", codec_kind_name(kind), (unsigned long long)seed);
    }
}

static void codec_gives_back_what_was_compressed(void **state)
{
    struct codec_fixture *f = *state;
    struct share share = share_open("round trip through one context", 80);
    while (share_more(&share)) {
        codec_case(&f->context, share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
#define CODEC_TEST(name) cmocka_unit_test_setup_teardown(name, codec_setup, codec_teardown)
    const struct CMUnitTest tests[] = {
        CODEC_TEST(codec_decompress_reads_what_others_wrote),
        CODEC_TEST(codec_decompress_stops_where_the_room_ends),
        CODEC_TEST(codec_decompress_of_a_prefix_fails),
        CODEC_TEST(codec_decompress_refuses_bytes_behind_the_value),
        CODEC_TEST(codec_decompress_forgets_the_value_that_failed),
        CODEC_TEST(codec_decompress_refuses_hostile_input),
        CODEC_TEST(codec_decompress_takes_the_largest_window_java_takes),
        CODEC_TEST(codec_decompress_reads_snappys_worked_example),
        CODEC_TEST(codec_decompress_refuses_bombs),
        CODEC_TEST(codec_compress_writes_kafkas_forms),
        CODEC_TEST(codec_compress_appends_and_needs_room_for_the_bound),
        CODEC_TEST(codec_compress_keeps_the_writers_error),
        CODEC_TEST(codec_of_nothing_is_nothing),
        CODEC_TEST(codec_refuses_more_than_the_libraries_count),
        CODEC_TEST(codec_levels_are_those_of_kip_390),
        CODEC_TEST(codec_kinds_are_kafkas),
        CODEC_TEST(codec_context_is_empty_again_after_deinit),
        CODEC_TEST(codec_gives_back_what_was_compressed),
    };
    return cmocka_run_group_tests_name("base_codec", tests, NULL, NULL);
}
