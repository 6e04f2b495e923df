/* The reader: what stands where, what is refused, a conformance suite, and random records against
 * a naive twin, with every indexer. */
#include "schemas/json/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/allocs.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"
#include "tests/unit/schemas/json_twin.h"

#define READER_PATHS_MAX 8

/* A reader of some paths, and the last record it handed over. */
struct reader_test {
    struct budget budget;
    struct arena arena;
    struct json_paths paths;
    struct json_reader reader;
    struct json_found found[READER_PATHS_MAX];
    uint32_t duplicates_count;
    struct json_fault fault;  /* err ERR_OK: the record was JSON */
    size_t records_count;     /* handed over, either way */
    size_t records_count_max; /* the sink refuses after as many */
};

static enum err reader_record(void *context, size_t record, const struct json_found *found,
                              uint32_t duplicates_count)
{
    struct reader_test *t = context;
    assert_int_equal(record, t->records_count++);
    for (uint32_t i = 0; i < t->paths.paths_count; i++) {
        t->found[i] = found[i];
    }
    t->duplicates_count = duplicates_count;
    t->fault = (struct json_fault){.err = ERR_OK};
    return t->records_count == t->records_count_max ? ERR_BUDGET : ERR_OK;
}

static enum err reader_refused(void *context, size_t record, const struct json_fault *fault)
{
    struct reader_test *t = context;
    assert_int_equal(record, t->records_count++);
    assert_int_not_equal(fault->err, ERR_OK);
    assert_non_null(fault->what);
    t->fault = *fault;
    return t->records_count == t->records_count_max ? ERR_BUDGET : ERR_OK;
}

static const struct json_sink_ops reader_ops = {reader_record, reader_refused};

/* The indexers this machine can run. */
static size_t reader_indexers(const struct json_indexer *out[CPU_LEVEL_COUNT])
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

/* Begin with the paths of `texts`, separated by one space. */
static struct reader_test *reader_open(const char *texts, struct json_limits limits)
{
    struct reader_test *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    budget_init(&t->budget, "test", 1 << 20, NULL);
    arena_init(&t->arena, &t->budget, 4096, 1 << 20);
    struct json_text list[READER_PATHS_MAX];
    struct json_fault fault;
    size_t failed, count = 0;
    for (const char *at = texts; *at != '\0'; count++) {
        size_t length = strcspn(at, " ");
        assert_true(count < READER_PATHS_MAX);
        list[count] = (struct json_text){at, length};
        at += length + (at[length] == ' ');
    }
    assert_int_equal(json_paths_compile(&t->arena, list, count, &t->paths, &failed, &fault),
                     ERR_OK);
    const struct json_indexer *indexers[CPU_LEVEL_COUNT];
    size_t indexers_count = reader_indexers(indexers);
    assert_int_equal(
        json_reader_init(&t->reader, indexers[indexers_count - 1], &t->paths, limits, &t->budget),
        ERR_OK);
    return t;
}

static void reader_close(struct reader_test *t)
{
    json_reader_deinit(&t->reader);
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
    free(t);
}

/* Read one text, which stays as long as `text`. */
static void reader_read(struct reader_test *t, const char *text, size_t length)
{
    size_t done_count;
    struct json_text record = {text, length};
    t->records_count = 0;
    assert_int_equal(json_reader_read(&t->reader, &record, 1, &reader_ops, t, &done_count), ERR_OK);
    assert_int_equal(done_count, 1);
}

/* What was found, as "kind:text" with a space between; "-" for nothing. */
static void reader_describe(const struct reader_test *t, char *out, size_t out_bytes)
{
    static const char kinds[] = {
        [JSON_NULL] = 'z',   [JSON_FALSE] = 'f', [JSON_TRUE] = 't',  [JSON_NUMBER] = 'n',
        [JSON_STRING] = 's', [JSON_ARRAY] = 'a', [JSON_OBJECT] = 'o'};
    size_t length = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < t->paths.paths_count; i++) {
        const struct json_found *f = &t->found[i];
        const char *space = i > 0 ? " " : "";
        length += f->text == NULL
                      ? (size_t)snprintf(out + length, out_bytes - length, "%s-", space)
                      : (size_t)snprintf(out + length, out_bytes - length, "%s%c:%.*s", space,
                                         kinds[f->kind], (int)f->length, f->text);
        assert_true(length < out_bytes);
    }
}

static void json_values_stand_where_paths_lead(void **state)
{
    (void)state;
    static const struct {
        const char *paths;
        const char *text;
        const char *want;
    } rows[] = {
        {"$", "7", "n:7"},
        {"$", " \"a b\" ", "s:a b"},
        {"$", "[]", "a:[]"},
        {"$ $.a", "{}", "o:{} -"},
        {"$ $.a", "null", "z:null -"},
        {"$ $.a", "{\"a\":1}", "o:{\"a\":1} n:1"},
        {"$.a $ $.a", " { \"a\" : [ 1 , 2 ] } ", "a:[ 1 , 2 ] o:{ \"a\" : [ 1 , 2 ] } a:[ 1 , 2 ]"},
        {"$.t $.f $.z", "{\"t\":true,\"f\":false,\"z\":null}", "t:true f:false z:null"},
        {"$.a.b $.a", "{\"a\":{\"x\":{\"b\":0},\"b\":\"\"}}", "s: o:{\"x\":{\"b\":0},\"b\":\"\"}"},
        {"$.a.b", "{\"b\":1,\"a\":[{\"b\":2}]}", "-"},
        {"$.a[1] $.a[0].b", "{\"a\":[{\"b\":-1.5e3},{}]}", "o:{} n:-1.5e3"},
        {"$[2] $[0]", "[1,2]", "- n:1"},
        {"$[1] $[2][0]", "[[1,2,3],\"x\",[[4]]]", "s:x a:[4]"},
        {"$.a[0]", "{\"a\":{\"0\":1}}", "-"},
        {"$['0']", "[1]", "-"},
        {"$['']", "{\"\":1}", "n:1"},
        {"$.a $.aa", "{\"aa\":1,\"a\":2}", "n:2 n:1"},
        {"$.abcdefgh $.abcdefghi", "{\"abcdefghi\":1,\"abcdefgh\":2}", "n:2 n:1"},
        {"$.a", "{\"\\u0061\":1}", "n:1"},
        {"$['a\\nb']", "{\"a\\nb\":1,\"a\\\\nb\":2}", "n:1"},
        {"$.a", "{\"\\ud83d\":1}", "-"},
        {"$.a", "{\"a\":\"x\\ty\"}", "s:x\\ty"},
        {"$.a.b.c.d", "{\"a\":{\"b\":{\"c\":{\"d\":4}}}}", "n:4"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char got[256];
        struct reader_test *t = reader_open(rows[i].paths, JSON_LIMITS_DEFAULT);
        reader_read(t, rows[i].text, strlen(rows[i].text));
        assert_int_equal(t->fault.err, ERR_OK);
        assert_int_equal(t->duplicates_count, 0);
        reader_describe(t, got, sizeof(got));
        assert_string_equal(got, rows[i].want);
        reader_close(t);
    }
}

static void json_last_of_equal_names_counts_and_all_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *paths;
        const char *text;
        uint32_t duplicates_count;
        const char *want;
    } rows[] = {
        {"$.a", "{\"a\":1,\"a\":\"x\"}", 1, "s:x"},
        {"$.a", "{\"a\":1,\"a\":2,\"b\":3,\"b\":4,\"a\":5}", 2, "n:5"},
        {"$.a", "{\"a\":1,\"\\u0061\":2}", 1, "n:2"},
        {"$.a $.a.b", "{\"a\":{\"b\":1},\"a\":2}", 1, "n:2 -"},
        {"$.a.b $.a.c", "{\"a\":{\"b\":1,\"c\":1},\"a\":{\"c\":2}}", 1, "- n:2"},
        {"$.a.b", "{\"a\":{\"b\":1,\"b\":2},\"a\":{\"b\":3}}", 2, "n:3"},
        {"$.a[0]", "{\"a\":[1,1],\"a\":[]}", 1, "-"},
        {"$.a[0] $.a[1]", "{\"a\":[1,1],\"a\":[2]}", 1, "n:2 -"},
        {"$.a", "{\"a\":{\"b\":1,\"b\":2}}", 0, "o:{\"b\":1,\"b\":2}"},
        {"$.a", "{\"x\":{\"a\":1,\"a\":2},\"a\":3}", 0, "n:3"},
        {"$", "{\"a\":1,\"a\":2}", 0, "o:{\"a\":1,\"a\":2}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char got[256];
        struct reader_test *t = reader_open(rows[i].paths, JSON_LIMITS_DEFAULT);
        for (int again = 0; again < 2; again++) {
            reader_read(t, rows[i].text, strlen(rows[i].text));
            reader_describe(t, got, sizeof(got));
            assert_string_equal(got, rows[i].want);
            assert_int_equal(t->duplicates_count, rows[i].duplicates_count);
        }
        reader_close(t);
    }
}

static void json_found_value_says_what_it_takes_to_use_it(void **state)
{
    (void)state;
    static const char text[] = "{\"n\":-1.50,\"s\":\"a\\u00e4\",\"p\":\"a\",\"i\":7}";
    struct reader_test *t = reader_open("$.n $.s $.p $.i", JSON_LIMITS_DEFAULT);
    reader_read(t, text, strlen(text));
    assert_int_equal(t->found[0].number.digits, -150);
    assert_int_equal(t->found[0].number.exponent, -2);
    assert_int_equal(t->found[0].number.form, JSON_FRACTION);
    assert_true(t->found[1].has_escapes);
    assert_false(t->found[2].has_escapes);
    assert_int_equal(t->found[3].number.form, JSON_INTEGER);
    char plain[8];
    struct bytes_writer w = bytes_writer(plain, sizeof(plain));
    struct json_value value = json_found_value(&t->found[1]);
    assert_int_equal(json_unescape(&w, &value), ERR_OK);
    assert_int_equal(w.pos, 3);
    assert_memory_equal(plain, "a\xc3\xa4", 3);
    reader_close(t);
}

static void json_fault_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t pos;
        const char *what; /* a part of it */
    } rows[] = {
        {"", 0, "ends before"},
        {"  ", 2, "ends before"},
        {"{", 1, "ends before"},
        {"{\"a\"", 4, "ends before"},
        {"{\"a\":", 5, "ends before"},
        {"{\"a\":1", 6, "ends before"},
        {"[1,", 3, "ends before"},
        {"{\"a\":\"x", 7, "inside of a string"},
        {"{a:1}", 1, "a name in quotes"},
        {"{\"a\":1,}", 7, "a name in quotes"},
        {"{,}", 1, "a name in quotes"},
        {"{\"a\" 1}", 5, "a colon"},
        {"{\"a\"}", 4, "a colon"},
        {"{\"a\":}", 5, "a value"},
        {"{\"a\"::1}", 5, "a value"},
        {"[,]", 1, "a value"},
        {"[1,]", 3, "a value"},
        {"[tru]", 1, "a value"},
        {"[truex]", 1, "a value"},
        {"[nul", 1, "a value"},
        {"plain", 0, "a value"},
        {"\xef\xbb\xbf{}", 0, "a value"},
        {"[1 2]", 3, "a comma or the end"},
        {"[1}", 2, "a comma or the end"},
        {"{\"a\":1]", 6, "a comma or the end"},
        {"[\"a\"\"b\"]", 4, "a comma or the end"},
        {"{} {}", 3, "follows"},
        {"[]]", 2, "follows"},
        {"1 1", 2, "follows"},
        {"[01]", 2, "a number"},
        {"[1.]", 3, "a number"},
        {"[1e5x]", 4, "a number"},
        {"[\"a\tb\"]", 3, "control character"},
        {"[\"\\q\"]", 2, "escape"},
        {"[\"\xc3(\"]", 3, "UTF-8"},
    };
    struct reader_test *t = reader_open("$ $.a", JSON_LIMITS_DEFAULT);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        reader_read(t, rows[i].text, strlen(rows[i].text));
        if (t->fault.err != ERR_INVALID || t->fault.pos != rows[i].pos ||
            strstr(t->fault.what, rows[i].what) == NULL) {
            fail_msg("%s: %s at %zu: %s", rows[i].text, err_name(t->fault.err), t->fault.pos,
                     t->fault.err != ERR_OK ? t->fault.what : "");
        }
    }
    reader_close(t);
}

static void json_record_keeps_within_limits(void **state)
{
    (void)state;
    struct reader_test *t = reader_open("$", (struct json_limits){.depth_max = 3, .bytes_max = 12});
    reader_read(t, "[[{\"a\":1}]]", 11);
    assert_int_equal(t->fault.err, ERR_OK);
    reader_read(t, "[[[[1]]]]", 9);
    assert_int_equal(t->fault.err, ERR_TOO_LARGE);
    assert_int_equal(t->fault.pos, 3);
    reader_read(t, "\"1234567890\"", 12);
    assert_int_equal(t->fault.err, ERR_OK);
    reader_read(t, "\"12345678901\"", 13);
    assert_int_equal(t->fault.err, ERR_TOO_LARGE);
    assert_int_equal(t->fault.pos, 12);
    reader_close(t);
    t = reader_open("$", JSON_LIMITS_DEFAULT);
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        char text[2 * JSON_DEPTH_MAX + 2];
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        reader_read(t, text, 2 * depth);
        assert_int_equal(t->fault.err, depth == JSON_DEPTH_MAX ? ERR_OK : ERR_TOO_LARGE);
    }
    reader_close(t);
}

/* Tokens of the first step may be few: a string goes on in the next one. */
static void json_text_goes_on_in_the_next_step(void **state)
{
    (void)state;
    struct reader_test *t = reader_open("$[0] $[1]", JSON_LIMITS_DEFAULT);
    for (size_t length = 2 * JSON_INDEX_STEP_BYTES - 16; length > JSON_INDEX_STEP_BYTES - 16;
         length--) {
        char text[2 * JSON_INDEX_STEP_BYTES];
        memset(text, 'x', sizeof(text));
        memcpy(text, "[\"", 2);
        memcpy(text + length, "\",7]", 4);
        reader_read(t, text, length + 4);
        assert_int_equal(t->fault.err, ERR_OK);
        assert_int_equal(t->found[0].length, length - 2);
        assert_int_equal(t->found[1].number.digits, 7);
    }
    reader_close(t);
}

static void json_sink_may_refuse_to_go_on(void **state)
{
    (void)state;
    static const struct json_text records[] = {{"1", 1}, {"x", 1}, {"2", 1}};
    struct reader_test *t = reader_open("$", JSON_LIMITS_DEFAULT);
    for (size_t i = 0; i <= ARRAY_COUNT(records); i++) {
        size_t done_count;
        t->records_count = 0;
        t->records_count_max = i;
        enum err err = json_reader_read(&t->reader, records, ARRAY_COUNT(records), &reader_ops, t,
                                        &done_count);
        assert_int_equal(err, i == 0 ? ERR_OK : ERR_BUDGET);
        assert_int_equal(done_count, i == 0 ? ARRAY_COUNT(records) : i);
        assert_int_equal(done_count, t->records_count);
    }
    reader_close(t);
}

static void json_reader_allocates_nothing(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":{\"b\":[1,\"\\u00e4\",{\"c\":-1.5}]},\"\\u0061\":2,\"x\":[{}]}";
    struct reader_test *t = reader_open("$ $.a $.a.b[2].c", JSON_LIMITS_DEFAULT);
    uint64_t before = t->budget.allocs_count;
    struct allocs allocs = allocs_now();
    reader_read(t, text, strlen(text));
    reader_read(t, text, strlen(text) - 1);
    assert_int_equal(allocs_now().allocs_count, allocs.allocs_count);
    assert_int_equal(t->budget.allocs_count, before);
    reader_close(t);
}

static void json_reader_needs_its_budget(void **state)
{
    (void)state;
    struct reader_test *t = reader_open("$ $.a", JSON_LIMITS_DEFAULT);
    struct budget none;
    struct json_reader reader;
    budget_init(&none, "none", 64, NULL);
    assert_int_equal(
        json_reader_init(&reader, t->reader.indexer, &t->paths, JSON_LIMITS_DEFAULT, &none),
        ERR_BUDGET);
    budget_deinit(&none);
    reader_close(t);
}

/* nst/JSONTestSuite: y_ is JSON, n_ is not; these decisions on i_ are ours. */
static const char *const reader_suite_accepted[] = {
    "i_number_double_huge_neg_exp.json",
    "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
    "i_object_key_lone_2nd_surrogate.json",
    "i_string_1st_surrogate_but_2nd_missing.json",
    "i_string_1st_valid_surrogate_2nd_invalid.json",
    "i_string_incomplete_surrogate_and_escape_valid.json",
    "i_string_incomplete_surrogate_pair.json",
    "i_string_incomplete_surrogates_escape_valid.json",
    "i_string_invalid_lonely_surrogate.json",
    "i_string_invalid_surrogate.json",
    "i_string_inverted_surrogates_U+1D11E.json",
    "i_string_lone_second_surrogate.json",
    "i_structure_500_nested_arrays.json",
};

static bool reader_suite_accepts(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(reader_suite_accepted); i++) {
        if (strcmp(name, reader_suite_accepted[i]) == 0) {
            return true;
        }
    }
    return name[0] == 'y';
}

static void json_conformance_suite_is_passed(void **state)
{
    (void)state;
    char dir_name[512];
    snprintf(dir_name, sizeof(dir_name), "%s/json-test-suite", skip_without_data(__func__));
    const struct json_indexer *indexers[CPU_LEVEL_COUNT];
    size_t indexers_count = reader_indexers(indexers);
    struct reader_test *t = reader_open("$ $.a $[0]", JSON_LIMITS_DEFAULT);
    DIR *dir = opendir(dir_name);
    assert_non_null(dir);
    unsigned count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", dir_name, entry->d_name);
        if (strstr(entry->d_name, ".json") == NULL) {
            continue;
        }
        static char text[1 << 20];
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t length = fread(text, 1, sizeof(text), file);
        fclose(file);
        for (size_t k = 0; k < indexers_count; k++) {
            t->reader.indexer = indexers[k];
            reader_read(t, text, length);
            if ((t->fault.err == ERR_OK) != reader_suite_accepts(entry->d_name)) {
                fail_msg("%s: %s", entry->d_name, err_name(t->fault.err));
            }
        }
        count++;
    }
    closedir(dir);
    reader_close(t);
    assert_true(count > 300);
}

/* A text that grows. */
struct reader_draft {
    char text[16384];
    size_t length;
};

static void reader_put(struct reader_draft *d, const char *text)
{
    size_t length = strlen(text);
    if (d->length + length < sizeof(d->text)) {
        memcpy(d->text + d->length, text, length);
        d->length += length;
    }
}

static void reader_put_space(struct reader_draft *d, struct prng *p)
{
    static const char *const spaces[] = {" ", "\n", "\t\r\n  "};
    while (prng_chance(p, 1, 6)) {
        reader_put(d, spaces[prng_below(p, ARRAY_COUNT(spaces))]);
    }
}

static void reader_put_string(struct reader_draft *d, struct prng *p)
{
    static const char *const pieces[] = {"a",        "b",         "\\\"",    "\\\\", "\\u00e4",
                                         "\xc3\xa4", "{[,:",      "\\ud83d", "\\n",  "\xe2\x82\xac",
                                         "]}",       "0123456789"};
    reader_put(d, "\"");
    uint64_t left = prng_chance(p, 1, 40) ? prng_range(p, 0, 600) : prng_below(p, 4);
    for (; left > 0; left--) {
        reader_put(d, pieces[prng_below(p, ARRAY_COUNT(pieces))]);
    }
    reader_put(d, "\"");
}

/* A value whose containers are at most `depth` deep, with names that repeat and paths lead to. All
 * but what scalars are comes of `p`. */
static void reader_put_value(struct reader_draft *d, struct prng *p, struct prng *scalar,
                             unsigned depth)
{
    static const char *const names[] = {
        "\"a\"",       "\"b\"", "\"c d\"",          "\"\\u0061\"", "\"\xc3\xa4\"",
        "\"\\u00e4\"", "\"\"",  "\"a longer one\"", "\"x\"",       "\"y y y y y\""};
    static const char *const scalars[] = {"0",    "-1",   "12.5", "1e5", "123456789012345678901",
                                          "true", "null", "false"};
    uint64_t kind = prng_below(p, depth > 0 ? 6 : 3);
    reader_put_space(d, p);
    if (kind < 3 && prng_chance(scalar, 1, 3)) {
        reader_put_string(d, scalar);
    } else if (kind < 3) {
        reader_put(d, scalars[prng_below(scalar, ARRAY_COUNT(scalars))]);
    } else {
        bool is_object = kind > 3;
        reader_put(d, is_object ? "{" : "[");
        uint64_t count = prng_chance(p, 1, 60) ? prng_range(p, 0, 300) : prng_below(p, 6);
        for (uint64_t i = 0; i < count && d->length < sizeof(d->text) - 4096; i++) {
            reader_put(d, i > 0 ? "," : "");
            reader_put_space(d, p);
            if (is_object) {
                reader_put(d, names[prng_below(p, ARRAY_COUNT(names))]);
                reader_put_space(d, p);
                reader_put(d, ":");
            }
            reader_put_value(d, p, scalar, depth - 1);
        }
        reader_put_space(d, p);
        reader_put(d, is_object ? "}" : "]");
    }
    reader_put_space(d, p);
}

/* Different paths, some of them along others. */
static size_t reader_random_paths(struct prng *p, struct twin_path *out)
{
    static const char *const names[] = {"a", "b", "c d", "\xc3\xa4", "", "a longer one", "missing"};
    size_t count = prng_range(p, 1, READER_PATHS_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        out[i] = i > 0 && prng_chance(p, 1, 2) ? out[i - 1] : (struct twin_path){.count = 0};
        for (uint64_t left = prng_below(p, 3); left > 0 && out[i].count < TWIN_STEPS_MAX; left--) {
            struct twin_step step = {.index = prng_below(p, 3)};
            if (prng_chance(p, 3, 4)) {
                step.name = names[prng_below(p, ARRAY_COUNT(names))];
            }
            out[i].steps[out[i].count++] = step;
        }
    }
    return count;
}

/* The twin says the same of every path, and of how many names came again. */
static void reader_check_found(const struct reader_test *t, const struct twin_path *paths,
                               const struct json_value *root, uint64_t seed)
{
    struct twin_path counted[READER_PATHS_MAX];
    for (uint32_t i = 0; i < t->paths.paths_count; i++) {
        struct json_value want;
        struct json_value got = json_found_value(&t->found[i]);
        bool is_there = twin_find(root, &paths[i], &want);
        if (is_there != (t->found[i].text != NULL) ||
            (is_there &&
             (got.kind != want.kind || got.text != want.text || got.length != want.length))) {
            fail_msg("path %u: seed %llu", i, (unsigned long long)seed);
        }
        if (is_there && want.kind == JSON_STRING) {
            bool has_escapes = memchr(want.text, '\\', want.length) != NULL;
            assert_int_equal(t->found[i].has_escapes, has_escapes);
        }
        counted[i] = paths[i];
    }
    if (t->duplicates_count != twin_duplicates(root, counted, t->paths.paths_count)) {
        fail_msg("%u duplicates: seed %llu", t->duplicates_count, (unsigned long long)seed);
    }
}

/* Perhaps make it something else. */
static void reader_spoil(struct reader_draft *d, struct prng *p, bool is_spoilt)
{
    if (is_spoilt && d->length > 0) {
        d->text[prng_below(p, d->length)] = "{}[]:,\"\\ 01ea\x80\xc3\n"[prng_below(p, 16)];
    }
}

/* The draft behind one byte, in memory that ends where it ends. */
static char *reader_copy(const struct reader_draft *d)
{
    char *copy = malloc(d->length + 1);
    assert_non_null(copy);
    memcpy(copy + 1, d->text, d->length);
    return copy;
}

/* Begin with the `count` paths. */
static struct reader_test *reader_open_twin(const struct twin_path *paths, size_t count)
{
    char texts[2048];
    struct json_text list[READER_PATHS_MAX];
    for (size_t i = 0, at = 0; i < count; i++) {
        twin_format(&paths[i], texts + at, sizeof(texts) - at);
        list[i] = (struct json_text){texts + at, strlen(texts + at)};
        at += list[i].length;
    }
    struct reader_test *t = reader_open("$", JSON_LIMITS_DEFAULT);
    const struct json_indexer *indexer = t->reader.indexer;
    json_reader_deinit(&t->reader);
    struct json_fault fault;
    size_t failed;
    assert_int_equal(json_paths_compile(&t->arena, list, count, &t->paths, &failed, &fault),
                     ERR_OK);
    assert_int_equal(
        json_reader_init(&t->reader, indexer, &t->paths, JSON_LIMITS_DEFAULT, &t->budget), ERR_OK);
    return t;
}

static void reader_case_run(uint64_t seed)
{
    static struct reader_draft d;
    struct twin_path paths[READER_PATHS_MAX];
    struct prng p;
    prng_init(&p, seed);
    size_t count = reader_random_paths(&p, paths);
    d.length = 0;
    reader_put_value(&d, &p, &p, 5);
    reader_spoil(&d, &p, prng_chance(&p, 1, 3));
    char *copy = reader_copy(&d);
    struct reader_test *t = reader_open_twin(paths, count);
    struct json_fault first = {.err = ERR_OK};
    const struct json_indexer *indexers[CPU_LEVEL_COUNT];
    size_t indexers_count = reader_indexers(indexers);
    struct json_value root;
    size_t pos;
    bool is_json = json_read(copy + 1, d.length, &root, &pos) == ERR_OK;
    assert_int_equal(is_json, json_strict_is_valid(copy + 1, d.length));
    for (size_t k = 0; k < indexers_count; k++) {
        t->reader.indexer = indexers[k];
        reader_read(t, copy + 1, d.length);
        if (is_json != (t->fault.err == ERR_OK) ||
            (k > 0 && (t->fault.pos != first.pos || t->fault.what != first.what))) {
            fail_msg("%s: seed %llu", indexers[k]->name, (unsigned long long)seed);
        }
        first = t->fault;
        if (is_json) {
            reader_check_found(t, paths, &root, seed);
        }
    }
    free(copy);
    reader_close(t);
}

static void json_reader_agrees_with_a_naive_twin(void **state)
{
    (void)state;
    struct share share = share_open("records against a naive twin", 50);
    while (share_more(&share)) {
        reader_case_run(share_case_seed(&share));
    }
    share_close(&share);
}

/* Records of two kinds in a row, of which some are spoilt: each is what its twin says, whatever
 * came before. */
static void reader_row_run(uint64_t seed)
{
    static struct reader_draft d;
    struct twin_path paths[READER_PATHS_MAX];
    struct prng p;
    prng_init(&p, seed);
    size_t count = reader_random_paths(&p, paths);
    struct reader_test *t = reader_open_twin(paths, count);
    const struct json_indexer *indexers[CPU_LEVEL_COUNT];
    t->reader.indexer = indexers[prng_below(&p, reader_indexers(indexers))];
    uint64_t kinds[] = {seed + 1, seed + 2};
    for (int i = 0; i < 24; i++) {
        struct prng kind;
        prng_init(&kind, kinds[prng_chance(&p, 1, 6)]);
        d.length = 0;
        reader_put_value(&d, &kind, &p, 3);
        reader_spoil(&d, &p, prng_chance(&p, 1, 4));
        char *copy = reader_copy(&d);
        struct json_value root;
        size_t pos;
        bool is_json = json_read(copy + 1, d.length, &root, &pos) == ERR_OK;
        reader_read(t, copy + 1, d.length);
        if (is_json != (t->fault.err == ERR_OK)) {
            fail_msg("record %d: seed %llu", i, (unsigned long long)seed);
        }
        if (is_json) {
            reader_check_found(t, paths, &root, seed);
        }
        free(copy);
    }
    reader_close(t);
}

static void json_records_that_look_alike_are_read_each_for_itself(void **state)
{
    (void)state;
    struct share share = share_open("records in a row against a naive twin", 30);
    while (share_more(&share)) {
        reader_row_run(share_case_seed(&share));
    }
    share_close(&share);
}

/* One thing is different from the record before. */
static void json_record_is_not_taken_for_one_that_looks_like_it(void **state)
{
    (void)state;
    static const char before[] =
        "{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}";
    static const struct {
        const char *text;
        const char *want; /* NULL: it is no JSON */
    } rows[] = {
        {before, "n:1 n:2 s:y"},
        {"{\"a\":\"\",\"other_one_of_thirty_letters\":{\"b\":[null,-3]},\"c\":1e3}",
         "s: z:null n:1e3"},
        {"{\"b\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}", "- n:2 s:y"},
        {"{\"a\":1,\"other_one_of_thirty_or_so_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}",
         "n:1 - s:y"},
        {"{\"a\":1,\"other_one_of_thirty_lettera\":{\"b\":[2,\"x\"]},\"c\":\"y\"}", "n:1 - s:y"},
        {"{\"a\":1,\"Other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}", "n:1 - s:y"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"a\":[2,\"x\"]},\"c\":\"y\"}", "n:1 - s:y"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":{2,\"x\"]},\"c\":\"y\"}", NULL},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"a\":\"y\"}", "s:y n:2 -"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"]", NULL},
        {"[\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}", NULL},
        {"{\"a\":01,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"y\"}", NULL},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,.5]},\"c\":\"y\"}", NULL},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,nul]},\"c\":\"y\"}", NULL},
        {"{\"a\":1 ,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]} ,\"c\":\"y\" } ",
         "n:1 n:2 s:y"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":{}}", "n:1 n:2 o:{}"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"\\u0063\":\"y\"}",
         "n:1 n:2 s:y"},
        {"{\"a\":1,\"other_one_of_thirty_letters\":{\"b\":[2,\"x\"]},\"c\":\"\\\"\"}",
         "n:1 n:2 s:\\\""},
    };
    struct reader_test *t =
        reader_open("$.a $['other_one_of_thirty_letters'].b[0] $.c", JSON_LIMITS_DEFAULT);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char got[256];
        for (int again = 0; again < 3; again++) {
            reader_read(t, before, strlen(before));
        }
        reader_read(t, rows[i].text, strlen(rows[i].text));
        assert_int_equal(t->fault.err, rows[i].want != NULL ? ERR_OK : ERR_INVALID);
        if (rows[i].want != NULL) {
            reader_describe(t, got, sizeof(got));
            assert_string_equal(got, rows[i].want);
        }
    }
    reader_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_values_stand_where_paths_lead),
        cmocka_unit_test(json_last_of_equal_names_counts_and_all_are_counted),
        cmocka_unit_test(json_found_value_says_what_it_takes_to_use_it),
        cmocka_unit_test(json_fault_is_told_with_its_place),
        cmocka_unit_test(json_record_keeps_within_limits),
        cmocka_unit_test(json_text_goes_on_in_the_next_step),
        cmocka_unit_test(json_sink_may_refuse_to_go_on),
        cmocka_unit_test(json_reader_allocates_nothing),
        cmocka_unit_test(json_reader_needs_its_budget),
        cmocka_unit_test(json_conformance_suite_is_passed),
        cmocka_unit_test(json_record_is_not_taken_for_one_that_looks_like_it),
        cmocka_unit_test(json_reader_agrees_with_a_naive_twin),
        cmocka_unit_test(json_records_that_look_alike_are_read_each_for_itself),
    };
    return cmocka_run_group_tests_name("schemas_json_reader", tests, NULL, NULL);
}
