/* JSON texts: what is found in them, what is refused, and a conformance suite. */
#include "base/json.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"

static void json_members_are_found_by_their_path(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *path;
        enum err err;
        enum json_kind kind;
        const char *want;
    } rows[] = {
        {"{\"time\":1517966773840}", "time", ERR_OK, JSON_NUMBER, "1517966773840"},
        {" { \"time\" : -1.5e+3 } ", "time", ERR_OK, JSON_NUMBER, "-1.5e+3"},
        {"{\"time\":\"2018-02-07\"}", "time", ERR_OK, JSON_STRING, "2018-02-07"},
        {"{\"time\":\"a\\\"b\"}", "time", ERR_OK, JSON_STRING, "a\\\"b"},
        {"{\"time\":null}", "time", ERR_OK, JSON_NULL, "null"},
        {"{\"time\":{}}", "time", ERR_OK, JSON_OBJECT, "{}"},
        {"{\"time\":[1]}", "time", ERR_OK, JSON_ARRAY, "[1]"},
        {"{\"t\":true,\"f\":false}", "t", ERR_OK, JSON_TRUE, "true"},
        {"{\"t\":true,\"f\":false}", "f", ERR_OK, JSON_FALSE, "false"},
        {"{\"a\":{\"b\":[{}, []] },\"c\":1}", "a", ERR_OK, JSON_OBJECT, "{\"b\":[{}, []] }"},
        {"{\"a\":{\"b\":[{}, []] },\"c\":1}", "a.b", ERR_OK, JSON_ARRAY, "[{}, []]"},
        {"{\"a\":{\"b\":1},\"a\":2}", "a", ERR_OK, JSON_NUMBER, "2"},
        {"{\"a\":{\"time\":1},\"time\":2}", "time", ERR_OK, JSON_NUMBER, "2"},
        {"{\"a\":{\"time\":1},\"time\":2}", "a.time", ERR_OK, JSON_NUMBER, "1"},
        {"{\"a\":{\"b\":{\"c\":3}}}", "a.b.c", ERR_OK, JSON_NUMBER, "3"},
        {"{\"a\":{\"x\":{\"c\":3},\"b\":{\"c\":4}}}", "a.b.c", ERR_OK, JSON_NUMBER, "4"},
        {"{\"a\":1,\"a\":2}", "a", ERR_OK, JSON_NUMBER, "2"},
        {"{\"a\":{\"b\":1},\"c\":{\"b\":2}}", "a.b", ERR_OK, JSON_NUMBER, "1"},
        {"{\"a\":{\"x\":1},\"b\":2}", "a.b", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"a\":[{\"b\":1}]}", "a.b", ERR_NOT_FOUND, JSON_NULL, ""},
        {"[{\"a\":1}]", "a", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"a.b\":1}", "a.b", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"a\":1}", "a.b", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"aa\":1}", "a", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"a\":1}", "aa", ERR_NOT_FOUND, JSON_NULL, ""},
        {"7", "a", ERR_NOT_FOUND, JSON_NULL, ""},
        {"{\"a\":1}x", "a", ERR_INVALID, JSON_NULL, ""},
        {"{\"a\":1,}", "a", ERR_INVALID, JSON_NULL, ""},
        {"{\"a\":1", "a", ERR_INVALID, JSON_NULL, ""},
        {"{\"a\" 1}", "a", ERR_INVALID, JSON_NULL, ""},
        {"{a:1}", "a", ERR_INVALID, JSON_NULL, ""},
        {"{\"a\":01}", "a", ERR_INVALID, JSON_NULL, ""},
        {"{\"a\":1]", "a", ERR_INVALID, JSON_NULL, ""},
        {"", "a", ERR_INVALID, JSON_NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json_value value;
        size_t fault;
        enum err err = json_find(rows[i].text, strlen(rows[i].text), rows[i].path, &value, &fault);
        if (err != rows[i].err ||
            (err == ERR_OK && (value.kind != rows[i].kind || value.length != strlen(rows[i].want) ||
                               memcmp(value.text, rows[i].want, value.length) != 0))) {
            fail_msg("%s in %s: %s", rows[i].path, rows[i].text, err_name(err));
        }
    }
}

static void json_text_is_one_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        enum json_kind kind;
        const char *want;
    } rows[] = {
        {" 7 ", ERR_OK, JSON_NUMBER, "7"},
        {"\"x\"", ERR_OK, JSON_STRING, "x"},
        {"\n[1, {\"a\":2}]\n", ERR_OK, JSON_ARRAY, "[1, {\"a\":2}]"},
        {"{}", ERR_OK, JSON_OBJECT, "{}"},
        {"{} {}", ERR_INVALID, JSON_NULL, ""},
        {"plain", ERR_INVALID, JSON_NULL, ""},
        {"\"\xc3\"", ERR_INVALID, JSON_NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json_value value;
        size_t fault;
        assert_int_equal(json_read(rows[i].text, strlen(rows[i].text), &value, &fault),
                         rows[i].err);
        if (rows[i].err == ERR_OK) {
            assert_int_equal(value.kind, rows[i].kind);
            assert_int_equal(value.length, strlen(rows[i].want));
            assert_memory_equal(value.text, rows[i].want, value.length);
        }
    }
}

/* Each item as "name=value;" in one text. */
static void json_items_come_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"[]", ""},
        {" [ ] ", ""},
        {"{ }", ""},
        {"[1 , \"b\",[2,3], {}]", "1;b;[2,3];{};"},
        {"{\"a\":1, \"b\" : {\"c\":[\"}\"]} ,\"a\":null}", "a=1;b={\"c\":[\"}\"]};a=null;"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct json_value all, name, value;
        size_t fault;
        char got[256] = "";
        assert_int_equal(json_read(rows[i].text, strlen(rows[i].text), &all, &fault), ERR_OK);
        struct json_items items = json_items(&all);
        for (size_t length = 0; json_items_next(&items, &name, &value); length = strlen(got)) {
            bool is_object = all.kind == JSON_OBJECT;
            snprintf(got + length, sizeof(got) - length, "%.*s%s%.*s;",
                     is_object ? (int)name.length : 0, is_object ? name.text : "",
                     is_object ? "=" : "", (int)value.length, value.text);
        }
        assert_string_equal(got, rows[i].want);
    }
}

static void json_strings_are_unescaped(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* between the quotes */
        enum err err;
        const char *want;
    } rows[] = {
        {"", ERR_OK, ""},
        {"abc", ERR_OK, "abc"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", ERR_OK, "\"\\/\b\f\n\r\t"},
        {"a\\u0041z", ERR_OK, "aAz"},
        {"\\u00e4\\u20AC", ERR_OK, "\xc3\xa4\xe2\x82\xac"},
        {"\\uD83D\\ude00!", ERR_OK, "\xf0\x9f\x98\x80!"},
        {"\\ud83d", ERR_INVALID, ""},
        {"\\ud83d\\n", ERR_INVALID, ""},
        {"\\ud83d\\ud83d", ERR_INVALID, ""},
        {"\\ude00", ERR_INVALID, ""},
        {"far too long for sixteen", ERR_TOO_LARGE, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[16];
        struct bytes_writer w = bytes_writer(out, sizeof(out));
        struct json_value string = {JSON_STRING, rows[i].text, strlen(rows[i].text)};
        assert_int_equal(json_unescape(&w, &string), rows[i].err);
        if (rows[i].err == ERR_OK) {
            assert_int_equal(w.pos, strlen(rows[i].want));
            assert_memory_equal(out, rows[i].want, w.pos);
        }
    }
}

static void json_fault_is_where_it_shows(void **state)
{
    (void)state;
    struct json_value value;
    size_t fault;
    assert_int_equal(json_find("{\"a\":tru}", 9, "a", &value, &fault), ERR_INVALID);
    assert_int_equal(fault, 5);
    assert_int_equal(json_find("[1,2 3]", 7, "a", &value, &fault), ERR_INVALID);
    assert_int_equal(fault, 5);
}

static void json_depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 4];
    struct json_value value;
    size_t fault;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        text[depth] = '1';
        memset(text + depth + 1, ']', depth);
        assert_int_equal(json_find(text, 2 * depth + 1, "a", &value, &fault),
                         depth == JSON_DEPTH_MAX ? ERR_NOT_FOUND : ERR_TOO_LARGE);
    }
}

/* nst/JSONTestSuite: y_ is JSON, n_ is not, i_ may be either. */
static void json_conformance_suite_is_passed(void **state)
{
    (void)state;
    char dir_name[512];
    snprintf(dir_name, sizeof(dir_name), "%s/json-test-suite", skip_without_data(__func__));
    DIR *dir = opendir(dir_name);
    assert_non_null(dir);
    static char text[1 << 20];
    unsigned count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", dir_name, entry->d_name);
        if (strstr(entry->d_name, ".json") == NULL) {
            continue;
        }
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t length = fread(text, 1, sizeof(text), file);
        fclose(file);
        struct json_value value;
        size_t fault;
        enum err err = json_find(text, length, "a", &value, &fault);
        bool is_json = err == ERR_OK || err == ERR_NOT_FOUND;
        if ((entry->d_name[0] == 'y' && !is_json) || (entry->d_name[0] == 'n' && is_json)) {
            fail_msg("%s: %s", entry->d_name, err_name(err));
        }
        count++;
    }
    closedir(dir);
    assert_true(count > 300);
}

/* Texts that are nearly JSON, against the tests' own reader. */
static void json_agrees_with_a_second_reader(void **state)
{
    (void)state;
    struct share share = share_open("JSON against a second reader", 80);
    static const char *const pieces[] = {
        "{",  "}",      "[",  "]",    ",", ":",    "\"a\"", "\"",   "\"b\"",    "1",
        "-0", "1.5e-3", "01", "true", " ", "null", "\\u1",  "\xc3", "\xc3\xa4", "\"\\n\""};
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        char text[128] = "{\"a\":[1,{\"b\":\"x\"}],\"c\":-1.5}";
        size_t length = prng_below(&p, 2) == 0 ? strlen(text) : 0;
        uint64_t edits = prng_below(&p, 6);
        for (uint64_t i = 0; i < edits; i++) {
            const char *piece = pieces[prng_below(&p, ARRAY_COUNT(pieces))];
            size_t at = prng_below(&p, length + 1);
            size_t cut = prng_below(&p, 2) == 0 ? 0 : prng_below(&p, length - at + 1) % 3;
            memmove(text + at + strlen(piece), text + at + cut, length - at - cut);
            memcpy(text + at, piece, strlen(piece));
            length += strlen(piece) - cut;
        }
        struct json_value value;
        size_t fault;
        enum err err = json_find(text, length, "a", &value, &fault);
        bool is_json = json_strict_is_valid(text, length);
        if ((err == ERR_OK || err == ERR_NOT_FOUND) != is_json) {
            fail_msg("%.*s: %s", (int)length, text, err_name(err));
        }
    }
    share_close(&share);
}

static void json_text_is_utf8_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"", true},
        {"abc", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},
        {"\xc0\x80", false},     /* overlong */
        {"\xc1\xbf", false},     /* overlong */
        {"\xe0\x9f\xbf", false}, /* overlong */
        {"\xed\xa0\x80", false}, /* a surrogate */
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xc2", false},
        {"\xe2\x82", false},
        {"\xc2\xc2", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(json_is_utf8(rows[i].text, strlen(rows[i].text)), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_members_are_found_by_their_path),
        cmocka_unit_test(json_text_is_one_value),
        cmocka_unit_test(json_items_come_in_order),
        cmocka_unit_test(json_strings_are_unescaped),
        cmocka_unit_test(json_fault_is_where_it_shows),
        cmocka_unit_test(json_depth_is_bounded),
        cmocka_unit_test(json_conformance_suite_is_passed),
        cmocka_unit_test(json_agrees_with_a_second_reader),
        cmocka_unit_test(json_text_is_utf8_or_not),
    };
    return cmocka_run_group_tests_name("base_json", tests, NULL, NULL);
}
