/* The index of a JSON text: every kernel against a naive one, a byte at a time. */
#include "schemas/json/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/json.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

#define INDEX_TEST_BYTES 4096

/* All tokens of a text, or its fault. */
struct index_tokens {
    uint32_t positions[INDEX_TEST_BYTES + 2 * JSON_INDEX_SLACK];
    uint8_t bytes[INDEX_TEST_BYTES + 2 * JSON_INDEX_SLACK];
    uint32_t count;
    struct json_fault fault;
};

/* The kernels this machine can run. */
static size_t index_kernels(const struct json_indexer *out[CPU_LEVEL_COUNT])
{
    size_t count = 0;
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct cpu cpu;
        cpu_detect(&cpu);
        if (cpu_force(&cpu, cpu_level_name(level)) == ERR_OK) {
            out[count++] = json_indexer_for(&cpu);
        }
    }
    return count;
}

static void index_all(const struct json_indexer *indexer, const char *text, size_t length,
                      struct index_tokens *out)
{
    struct json_index x;
    json_index_begin(&x, text, length);
    out->count = 0;
    while (x.pos < x.length && x.fault.err == ERR_OK) {
        out->count += indexer->step(&x, out->positions + out->count, out->bytes + out->count);
    }
    out->fault = x.fault;
}

/* What a text without fault should give: its tokens one byte after another. */
static bool index_naive(const char *text, size_t length, struct index_tokens *out)
{
    bool is_inside = false, is_good = json_is_utf8(text, length);
    bool was_other = false;
    out->count = 0;
    out->fault.err = ERR_OK;
    for (size_t i = 0; i < length && is_good; i++) {
        bool is_token = !is_inside && text[i] != '\0' && strchr("{}[]:,\"", text[i]) != NULL;
        bool is_space = text[i] != '\0' && strchr(" \t\r\n", text[i]) != NULL;
        bool is_other = !is_inside && !is_token && !is_space;
        is_good = (uint8_t)text[i] >= 0x20 || (is_space && !is_inside);
        if (is_token || (is_other && !was_other)) {
            out->positions[out->count] = (uint32_t)i;
            out->bytes[out->count++] = (uint8_t)text[i];
        }
        was_other = is_other;
        if (text[i] == '\\') {
            size_t end = json_index_escape_end(text, length, i);
            is_good = is_good && end != 0;
            i += end != 0;
        } else if (text[i] == '"') {
            is_inside = !is_inside;
        }
    }
    return is_good && !is_inside;
}

static void json_indexer_follows_the_instruction_set(void **state)
{
    (void)state;
    static const struct {
        struct cpu cpu;
        const char *name;
    } rows[] = {
        {{.level = CPU_SCALAR}, "scalar"},
        {{.level = CPU_SSE42, .has_sse42 = true, .has_pclmul = true}, "scalar"},
        {{.level = CPU_AVX2, .has_pclmul = true, .has_avx2 = true, .has_bmi2 = true}, "avx2"},
        {{.level = CPU_AVX512, .has_pclmul = true, .has_avx2 = true, .has_avx512 = true}, "avx2"},
        {{.level = CPU_AVX512, .has_pclmul = true, .has_avx512 = true, .has_avx512_vbmi2 = true},
         "avx512"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_string_equal(json_indexer_for(&rows[i].cpu)->name, rows[i].name);
    }
}

static void json_index_is_of_tokens_outside_of_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* the tokens' bytes */
    } rows[] = {
        {"", ""},
        {" ", ""},
        {"{\"a\":1}", "{\":1}"},
        {" [ true , -1.5 ,null ] ", "[t,-,n]"},
        {"{\"{[,:]}\":\"\\\"\"}", "{\":\"}"},
        {"\"\\\\\" 1", "\"1"},
        {"\"a\"b\"c\"", "\"b\""},
        {"1 2", "12"},
    };
    const struct json_indexer *kernels[CPU_LEVEL_COUNT];
    size_t count = index_kernels(kernels);
    for (size_t i = 0; i < count * ARRAY_COUNT(rows); i++) {
        const char *text = rows[i / count].text;
        static struct index_tokens got;
        index_all(kernels[i % count], text, strlen(text), &got);
        assert_int_equal(got.fault.err, ERR_OK);
        assert_int_equal(got.count, strlen(rows[i / count].want));
        assert_memory_equal(got.bytes, rows[i / count].want, got.count);
    }
}

/* Each at every distance from the beginning of a block. */
static void json_index_faults_are_where_they_show(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t pos;
    } rows[] = {
        {"\"\t\"", 1},
        {"\"\\x\"", 1},
        {"\"\\u12g4\"", 1},
        {"\"\\", 1},
        {"\x01", 0},
        {"\"\x80\"", 1},
        {"\"\xc3\"", 2},
        {"\"\xc3", 2},
        {"\"\xe0\x9f\xbf\"", 2},
        {"\"\xed\xa0\x80\"", 2},
        {"\"\xf0\x8f\xbf\xbf\"", 2},
        {"\"\xf4\x90\x80\x80\"", 2},
        {"\"\xc0\x80\"", 1},
        {"\"\xf5\x80\x80\x80\"", 1},
        {"\"\xe2\x82\"", 3},
        {"\"\xc3\xa4\xa4\"", 3},
        {"\"ab", 3},
    };
    const struct json_indexer *kernels[CPU_LEVEL_COUNT];
    size_t count = index_kernels(kernels);
    for (size_t i = 0; i < ARRAY_COUNT(rows) * 130; i++) {
        char text[160];
        size_t before = i % 130;
        size_t length = before + strlen(rows[i / 130].text);
        memset(text, ' ', before);
        memcpy(text + before, rows[i / 130].text, length - before);
        for (size_t k = 0; k < count; k++) {
            static struct index_tokens got;
            index_all(kernels[k], text, length, &got);
            if (got.fault.err != ERR_INVALID || got.fault.pos != before + rows[i / 130].pos) {
                fail_msg("row %zu behind %zu: %s says %zu", i / 130, before, kernels[k]->name,
                         got.fault.pos);
            }
        }
    }
}

/* Bytes that matter, in any order, with runs of those that do not. */
static size_t index_random(struct prng *p, char *text)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"",
        "\"a\"",
        "\\\"",
        "\\\\",
        "\\u00e4",
        "\\n",
        "1",
        "true",
        "-0.5",
        " ",
        "\n",
        "\xc3\xa4",
        "\xe2\x82\xac",
        "\xf0\x9f\x98\x80",
        "abcdefgh",
    };
    static const char *const wrong[] = {"\xc3", "\x80", "\xed\xa0\x80", "\\",   "\\x",
                                        "\x01", "\x0c", "\x1a",         "\xff", "\xf4\x90\x80\x80",
                                        "\0"};
    size_t length = 0;
    size_t length_max = prng_chance(p, 1, 8) ? INDEX_TEST_BYTES - 128 : prng_range(p, 0, 300);
    while (length < length_max) {
        if (prng_chance(p, 1, 12)) {
            size_t run = prng_range(p, 1, 100);
            memset(text + length, prng_chance(p, 1, 2) ? ' ' : 'x', run);
            length += run;
            continue;
        }
        bool is_wrong = prng_chance(p, 1, 400);
        const char *piece = is_wrong ? wrong[prng_below(p, ARRAY_COUNT(wrong))]
                                     : pieces[prng_below(p, ARRAY_COUNT(pieces))];
        size_t piece_bytes = strlen(piece) + (piece[0] == '\0');
        memcpy(text + length, piece, piece_bytes);
        length += piece_bytes;
    }
    if (prng_chance(p, 1, 2)) {
        text[length++] = '"';
    }
    return length;
}

static bool index_is_same(const struct index_tokens *a, const struct index_tokens *b)
{
    bool is_same_fault = a->fault.err == b->fault.err &&
                         (a->fault.err == ERR_OK ||
                          (a->fault.pos == b->fault.pos && a->fault.what == b->fault.what));
    return is_same_fault && a->count == b->count &&
           memcmp(a->positions, b->positions, a->count * sizeof(uint32_t)) == 0 &&
           memcmp(a->bytes, b->bytes, a->count) == 0;
}

static void index_case_run(uint64_t seed)
{
    struct prng p;
    prng_init(&p, seed);
    char text[INDEX_TEST_BYTES];
    size_t length = index_random(&p, text);
    char *copy = malloc(length + 1); /* ends where its memory ends */
    assert_non_null(copy);
    memcpy(copy + 1, text, length);
    const struct json_indexer *kernels[CPU_LEVEL_COUNT];
    size_t count = index_kernels(kernels);
    static struct index_tokens naive, want, got;
    index_all(kernels[0], copy + 1, length, &want);
    bool is_good = index_naive(text, length, &naive);
    if (is_good != (want.fault.err == ERR_OK) || (is_good && !index_is_same(&naive, &want))) {
        fail_msg("scalar against naive: seed %llu", (unsigned long long)seed);
    }
    for (size_t k = 1; k < count; k++) {
        index_all(kernels[k], copy + 1, length, &got);
        if (!index_is_same(&got, &want)) {
            fail_msg("%s: seed %llu", kernels[k]->name, (unsigned long long)seed);
        }
    }
    free(copy);
}

static void json_indexers_agree_on_any_bytes(void **state)
{
    (void)state;
    struct share share = share_open("indexers against a naive one", 80);
    while (share_more(&share)) {
        index_case_run(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_indexer_follows_the_instruction_set),
        cmocka_unit_test(json_index_is_of_tokens_outside_of_strings),
        cmocka_unit_test(json_index_faults_are_where_they_show),
        cmocka_unit_test(json_indexers_agree_on_any_bytes),
    };
    return cmocka_run_group_tests_name("schemas_json_index", tests, NULL, NULL);
}
