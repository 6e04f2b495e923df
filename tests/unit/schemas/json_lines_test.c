/* Lines checked at once, against each of them read by itself: what is told is true, and all good
 * lines are told but those beside a bad one. With every indexer. */
#include "schemas/json/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"

#define LINES_TEXT_BYTES ((size_t)64 << 10)

/* A reader, and lines by the same indexer. */
struct lines_test {
    struct budget budget;
    struct arena arena;
    struct json_paths paths;
    struct json_reader reader;
    struct json_lines lines;
};

/* Begin with the indexer of `level`, if there is one; within `limits`. */
static struct lines_test *lines_open(enum cpu_level level, struct json_limits limits)
{
    struct cpu cpu;
    struct json_fault fault;
    size_t failed;
    cpu_detect(&cpu);
    if (cpu_force(&cpu, cpu_level_name(level)) != ERR_OK) {
        return NULL;
    }
    struct lines_test *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    budget_init(&t->budget, "test", 1 << 20, NULL);
    arena_init(&t->arena, &t->budget, 4096, 1 << 20);
    assert_int_equal(json_paths_compile(&t->arena, NULL, 0, &t->paths, &failed, &fault), ERR_OK);
    assert_int_equal(
        json_reader_init(&t->reader, json_indexer_for(&cpu), &t->paths, limits, &t->budget),
        ERR_OK);
    return t;
}

static void lines_close(struct lines_test *t)
{
    json_reader_deinit(&t->reader);
    arena_deinit(&t->arena);
    budget_deinit(&t->budget);
    free(t);
}

/* Whether the lines of `text` are told: one 'y' or 'n' for each. The text stands in memory of its
 * own size. */
static void lines_tell(struct lines_test *t, const char *text, size_t length, char *out)
{
    char *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, text, length);
    size_t from = 0;
    json_lines_begin(&t->lines, &t->reader, copy, length);
    for (size_t at = 0; at < length;) {
        const char *feed = memchr(copy + at, '\n', length - at);
        size_t end = feed != NULL ? (size_t)(feed - copy) : length;
        bool is_told = json_lines_next(&t->lines, end - from);
        *out++ = is_told ? 'y' : 'n';
        at = end + 1;
        if (!is_told && at < length) {
            from = at;
            json_lines_begin(&t->lines, &t->reader, copy + at, length - at);
        }
    }
    *out = '\0';
    free(copy);
}

/* Lines, each of which ends with a line feed but perhaps for the last; and what is told. */
static const struct lines_row {
    const char *text;
    const char *told;
} lines_rows[] = {
    {"1\n", "y"},
    {"1", "y"},
    {"1\n2\n3", "yyy"},
    {"{}\n[]\n\"\"\ntrue\nfalse\nnull\n-0.5e3\n", "yyyyyyy"},
    {" {\"a\":1}\r\n\t[1,2]\t\n", "yy"},
    {"{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":null,\"e\":2.5,\"f\":[{}],\"g\":{\"h\":[1,{\"i\":2}]}}"
     "\n",
     "y"},
    {"{\"a\":1\n}\n", "nn"},
    {"[1\n,2]\n", "nn"},
    {"{\"a\"\n:1}\n", "nn"},
    {"1 2\n3\n", "ny"},
    {"1\n2 3\n4\n", "yny"},
    {"1\n]\n", "yn"},
    {"[1]]\n", "n"},
    {"[1,]\n", "n"},
    {"[,1]\n", "n"},
    {"{\"a\":1,}\n", "n"},
    {"{\"a\",\"b\":1}\n", "n"},
    {"{\"a\":1 \"b\":1}\n", "n"},
    {"{1:1}\n", "n"},
    {"{\"a\":}\n", "n"},
    {"{\"a\":1]\n", "n"},
    {"[1}\n", "n"},
    {"[\"a\":1]\n", "n"},
    {"tru\n", "n"},
    {"truee\n", "n"},
    {"01\n", "n"},
    {"1.\n", "n"},
    {"-\n", "n"},
    {"{\"a\":01,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1}\n", "n"},
    {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1.,\"e\":1,\"f\":1}\n", "n"},
    {"{\"a\":1,\"b\":1,\"c\":1,\"d\":x,\"e\":1,\"f\":1}\n", "n"},
    {"{\"a\":1,\"b\":1,\"c\":1,\"d\",1,\"e\":1,\"f\":1}\n", "n"},
    {"{\"a\":1,\"b\":1,\"c\":1,4:1,\"e\":1,\"f\":1}\n", "n"},
    {"{\"a\":1,\"b\":1,\"c\":{\"d\":{\"e\":1,\"f\":[1,{}]},\"g\":1},\"h\":1,\"i\":1,\"j\":1}\n",
     "y"},
    {"\"\\u12\n34\"\n", "nn"},
    {"\"\\\n\"\n", "nn"},
    {"\"a\n1\n", "ny"},
    {"\"\xc3\n\xa9\"\n", "nn"},
    {"\"\xc3\xa9\"\n\"\\u00e9\"\n", "yy"},
    {"\"\x01\"\n1\n", "ny"},
    {"1\n\"a", "yn"},
    {"\"\xc3", "n"},
    {"[1 2 3]\n", "n"},
    {"[1:2]\n", "n"},
    {"{\"a\":1 2 \"b\":3}\n", "n"},
    {"{\"a\":[,\"b\":1,\"c\":1,\"d\":1,\"e\":1}\n", "n"},
    {"{\"a\":1,\"b\":{,\"c\":1}\n", "n"},
};

static void json_lines_are_told_as_the_rows_have_it(void **state)
{
    (void)state;
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct lines_test *t = lines_open(level, JSON_LIMITS_DEFAULT);
        for (size_t i = 0; t != NULL && i < ARRAY_COUNT(lines_rows); i++) {
            const struct lines_row *row = &lines_rows[i];
            char told[16];
            lines_tell(t, row->text, strlen(row->text), told);
            if (strcmp(told, row->told) != 0) {
                fail_msg("%s: %s told of\n%s", t->reader.indexer->name, told, row->text);
            }
        }
        if (t != NULL) {
            lines_close(t);
        }
    }
}

/* The reader's limits: objects and arrays within each other, bytes of the text. */
static void json_lines_are_within_the_readers_limits(void **state)
{
    (void)state;
    char told[4];
    struct lines_test *t = lines_open(CPU_SCALAR, (struct json_limits){3, 16});
    lines_tell(t, "[[[1]]]\n", 8, told);
    assert_string_equal(told, "y");
    lines_tell(t, "[[[[1]]]]\n", 10, told);
    assert_string_equal(told, "n");
    lines_tell(t, "[{\"a\":[],\"b\":1}]", 16, told);
    assert_string_equal(told, "y");
    lines_tell(t, "[{\"a\":[],\"b\":1}]\n", 17, told);
    assert_string_equal(told, "n");
    lines_close(t);
}

/* --- Any lines --- */

static void lines_put(struct bytes_writer *w, const char *text)
{
    bytes_put_copy(w, text, strlen(text));
}

static void lines_put_string(struct bytes_writer *w, struct prng *p)
{
    static const char *const parts[] = {"a", "bc", "\\n", "\xc3\xa9", "\\u00e9", "\xf0\x9f\x98\x80",
                                        "{", "]",  ",",   ":",        " ",       "\\\""};
    lines_put(w, "\"");
    for (uint64_t i = prng_below(p, prng_chance(p, 1, 16) ? 200 : 12); i > 0; i--) {
        lines_put(w, prng_chance(p, 3, 4) ? "x" : parts[prng_below(p, ARRAY_COUNT(parts))]);
    }
    lines_put(w, "\"");
}

static void lines_put_value(struct bytes_writer *w, struct prng *p, uint32_t depth)
{
    static const char *const others[] = {"0",    "-1",   "12.5",  "1e5",  "1732560000000",
                                         "true", "null", "false", "8.25", "-0.0000000000000000001"};
    uint64_t kind = prng_below(p, depth > 0 ? 10 : 7);
    if (kind < 3) {
        lines_put_string(w, p);
    } else if (kind < 7) {
        lines_put(w, others[prng_below(p, ARRAY_COUNT(others))]);
    } else {
        bool is_object = kind > 7;
        lines_put(w, is_object ? "{" : "[");
        for (uint64_t i = 0, count = prng_below(p, 14); i < count; i++) {
            lines_put(w, i > 0 ? "," : "");
            if (is_object) {
                lines_put_string(w, p);
                lines_put(w, prng_chance(p, 1, 8) ? " : " : ":");
            }
            lines_put_value(w, p, depth - 1);
        }
        lines_put(w, is_object ? "}" : "]");
    }
    lines_put(w, prng_chance(p, 1, 20) ? " " : "");
}

/* A byte changed, left out or put in. */
static void lines_break(struct prng *p, char *line, size_t *length)
{
    static const char bytes[] = "{}[]:,\"\\ 0-.etn\n\r\x01\x80\xc3x";
    size_t at = prng_below(p, *length);
    char byte = bytes[prng_below(p, sizeof(bytes) - 1)];
    switch (prng_below(p, 3)) {
    case 0: line[at] = byte; break;
    case 1: memmove(line + at, line + at + 1, --*length - at); break;
    default:
        memmove(line + at + 1, line + at, (*length)++ - at);
        line[at] = byte;
        break;
    }
}

/* One to some hundred lines; each `broken` times in 64 one is changed. */
static size_t lines_make(struct prng *p, uint64_t broken, char *text)
{
    struct bytes_writer w = bytes_writer(text, LINES_TEXT_BYTES);
    for (uint64_t i = prng_range(p, 1, 120); i > 0 && w.pos < LINES_TEXT_BYTES / 2; i--) {
        static char line[LINES_TEXT_BYTES];
        struct bytes_writer one = bytes_writer(line, sizeof(line) - 2);
        lines_put_value(&one, p, prng_chance(p, 1, 4) ? 4 : 1);
        if (one.err != ERR_OK || one.pos > LINES_TEXT_BYTES / 4) {
            continue;
        }
        size_t length = one.pos;
        if (prng_chance(p, broken, 64)) {
            lines_break(p, line, &length);
        }
        bytes_put_copy(&w, line, length);
        lines_put(&w, i > 1 || prng_chance(p, 1, 2) ? "\n" : "");
    }
    assert_int_equal(w.err, ERR_OK);
    return w.pos;
}

/* Hold what is told of `text` against each line read strictly. Returns how many good lines were not
 * told. */
static uint32_t lines_compare(struct lines_test *t, const char *text, size_t length)
{
    static char told[LINES_TEXT_BYTES + 1];
    uint32_t missed_count = 0;
    size_t number = 0;
    lines_tell(t, text, length, told);
    for (size_t at = 0; at < length; number++) {
        const char *feed = memchr(text + at, '\n', length - at);
        size_t end = feed != NULL ? (size_t)(feed - text) : length;
        bool is_json = json_strict_is_valid(text + at, end - at);
        if (told[number] == 'y' && !is_json) {
            fail_msg("%s: told that this is JSON: %.*s", t->reader.indexer->name, (int)(end - at),
                     text + at);
        }
        missed_count += told[number] == 'n' && is_json;
        at = end + 1;
    }
    assert_int_equal(told[number], '\0');
    return missed_count;
}

static void json_lines_told_are_json_and_good_ones_are_told(void **state)
{
    static char text[LINES_TEXT_BYTES];
    (void)state;
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        struct lines_test *t = lines_open(level, JSON_LIMITS_DEFAULT);
        struct prng p;
        uint32_t missed_count = 0;
        prng_init(&p, 7);
        for (uint32_t i = 0; t != NULL && i < 80; i++) {
            size_t length = lines_make(&p, 0, text);
            assert_int_equal(lines_compare(t, text, length), 0);
            length = lines_make(&p, 8, text);
            missed_count += lines_compare(t, text, length);
        }
        if (t != NULL) {
            assert_true(missed_count > 0); /* beside a fault of the index */
            lines_close(t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_are_told_as_the_rows_have_it),
        cmocka_unit_test(json_lines_are_within_the_readers_limits),
        cmocka_unit_test(json_lines_told_are_json_and_good_ones_are_told),
    };
    return cmocka_run_group_tests_name("schemas_json_lines", tests, NULL, NULL);
}
