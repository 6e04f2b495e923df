/* XXH3: another build's values at every branch of the algorithm, pieces against the whole. */
#include "base/hash.h"

#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define HASH_SAMPLE_BYTES 4096
#define HASH_SEED         0x9e3779b185ebca8du

/* Values of the Python package xxhash 4.1.0 (its own xxHash 0.8.4) over the first `length` bytes of
 * xxHash's sanity buffer (hash_sample). The lengths are both sides of each of the algorithm's
 * cases: 0, 1-3, 4-8, 9-16, 17-128, 129-240, above, and the block of 1024. */
static const struct {
    size_t length;
    uint64_t seed;
    uint64_t hash64;
    struct hash128 hash128;
} hash_rows[] = {
    {0, 0, 0x2d06800538d394c2u, {0x6001c324468d497fu, 0x99aa06d3014798d8u}},
    {1, 0, 0xc44bdff4074eecdbu, {0xc44bdff4074eecdbu, 0xa6cd5e9392000f6au}},
    {3, 0, 0x54247382a8d6b94du, {0x54247382a8d6b94du, 0x20efc49ff02422eau}},
    {4, 0, 0xe5dc74bc51848a51u, {0x2e7d8d6876a39fe9u, 0x970d585ac632bf8eu}},
    {8, 0, 0x24ccc9acaa9f65e4u, {0x64c69cab4bb21dc5u, 0x47a7f080d82bb456u}},
    {9, 0, 0x14d5001c15dd3f2bu, {0xed7ccbc501eb7501u, 0x564ef6078950d457u}},
    {16, 0, 0x981b17d36c7498c9u, {0x562980258a998629u, 0xc68c368ecf8a9c05u}},
    {17, 0, 0x796f5acd3a60f862u, {0xabbc12d11973d7dbu, 0x955fa78643ed3669u}},
    {32, 0, 0x9feaddbdbf57eed3u, {0x278410a17595e3f9u, 0x98fc6458710dc2e8u}},
    {64, 0, 0x9cb48487720ec49du, {0xefdb6a44690721a9u, 0x6d90e81a9b0fd622u}},
    {128, 0, 0xfcff24126754d861u, {0xebb15e34a7fb5ab1u, 0x39992220e045260au}},
};

/* xxHash tests/sanity_test.c, fillTestBuffer. */
static void hash_sample(uint8_t out[HASH_SAMPLE_BYTES])
{
    uint64_t generator = 2654435761u;
    for (size_t i = 0; i < HASH_SAMPLE_BYTES; i++) {
        out[i] = (uint8_t)(generator >> 56);
        generator *= 11400714785074694797u;
    }
}

static void hash_gives_the_values_of_another_build(void **state)
{
    (void)state;
    uint8_t sample[HASH_SAMPLE_BYTES];
    hash_sample(sample);
    for (size_t i = 0; i < ARRAY_COUNT(hash_rows); i++) {
        size_t length = hash_rows[i].length;
        uint64_t seed = hash_rows[i].seed;
        assert_true(hash64(sample, length, seed) == hash_rows[i].hash64);
        struct hash128 got = hash128(sample, length, seed);
        assert_true(hash128_is_equal(got, hash_rows[i].hash128));
    }
    assert_true(hash64(NULL, 0, 0) == hash_rows[0].hash64);
    assert_true(hash128_is_equal(hash128(NULL, 0, 0), hash_rows[0].hash128));
}

static void hash_stream_gives_the_same_byte_by_byte(void **state)
{
    (void)state;
    uint8_t sample[HASH_SAMPLE_BYTES];
    hash_sample(sample);
    for (size_t i = 0; i < ARRAY_COUNT(hash_rows); i++) {
        struct hash_stream s;
        hash_stream_init(&s, hash_rows[i].seed);
        hash_stream_add(&s, NULL, 0);
        for (size_t pos = 0; pos < hash_rows[i].length; pos++) {
            hash_stream_add(&s, sample + pos, 1);
        }
        assert_true(hash128_is_equal(hash_stream_end(&s), hash_rows[i].hash128));
    }
}

static void hash128_is_equal_compares_both_halves(void **state)
{
    (void)state;
    struct hash128 a = {1, 2};
    assert_true(hash128_is_equal(a, (struct hash128){1, 2}));
    assert_false(hash128_is_equal(a, (struct hash128){3, 2}));
    assert_false(hash128_is_equal(a, (struct hash128){1, 3}));
}

static void hash128_at_rest_is_canonical(void **state)
{
    (void)state;
    /* XXH128 of nothing as `xxhsum -H2` prints it: 99aa06d3014798d86001c324468d497f. */
    static const uint8_t want[HASH128_BYTES] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                                0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    uint8_t out[HASH128_BYTES];
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    hash128_put(&w, hash128(NULL, 0, 0));
    assert_int_equal(w.err, ERR_OK);
    assert_memory_equal(out, want, sizeof(want));
    struct bytes_reader r = bytes_reader(want, sizeof(want));
    assert_true(hash128_is_equal(hash128_get(&r), hash128(NULL, 0, 0)));
    assert_int_equal(r.err, ERR_OK);
    assert_int_equal(bytes_reader_left(&r), 0);
}

static void hash128_is_put_and_got_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t length = 0; length < HASH128_BYTES; length++) {
        uint8_t out[HASH128_BYTES] = {0};
        struct bytes_writer w = bytes_writer(out, length);
        hash128_put(&w, (struct hash128){UINT64_MAX, UINT64_MAX});
        assert_int_equal(w.err, ERR_TOO_LARGE);
        assert_memory_equal(out, ((uint8_t[HASH128_BYTES]){0}), sizeof(out));
        memset(out, 0xff, sizeof(out));
        struct bytes_reader r = bytes_reader(out, length);
        assert_true(hash128_is_equal(hash128_get(&r), (struct hash128){0, 0}));
        assert_int_equal(r.err, ERR_TRUNCATED);
    }
}

/* Property: pieces of any size give the hash of the whole, asked for at any point. */
static void hash_case(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    uint8_t data[3000];
    size_t length = (size_t)prng_range(&prng, 0, sizeof(data));
    prng_fill(&prng, data, length);
    uint64_t hash_seed = prng_chance(&prng, 1, 2) ? 0 : prng_u64(&prng);
    struct hash_stream s;
    memset(&s, (int)prng_below(&prng, 256), sizeof(s)); /* memory used before */
    hash_stream_init(&s, hash_seed);
    bool is_equal = true;
    for (size_t pos = 0; pos < length;) {
        size_t piece = (size_t)prng_range(&prng, 0, length - pos);
        hash_stream_add(&s, data + pos, piece);
        pos += piece;
        struct hash128 whole = hash128(data, pos, hash_seed);
        is_equal = is_equal && hash128_is_equal(hash_stream_end(&s), whole);
    }
    if (!is_equal) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void hash_of_pieces_is_the_hash_of_the_whole(void **state)
{
    (void)state;
    struct share share = share_open("pieces against the whole", 80);
    while (share_more(&share)) {
        hash_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_gives_the_values_of_another_build),
        cmocka_unit_test(hash_stream_gives_the_same_byte_by_byte),
        cmocka_unit_test(hash128_is_equal_compares_both_halves),
        cmocka_unit_test(hash128_at_rest_is_canonical),
        cmocka_unit_test(hash128_is_put_and_got_whole_or_not_at_all),
        cmocka_unit_test(hash_of_pieces_is_the_hash_of_the_whole),
    };
    return cmocka_run_group_tests_name("base_hash", tests, NULL, NULL);
}
