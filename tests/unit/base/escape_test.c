/* Text made safe to quote: what the standards say of each character, and that a strict reader gets
 * back what was meant. */
#include "base/escape.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"

#define FFFD "\xef\xbf\xbd"

static void escape_check(const char *text, size_t length, const char *want)
{
    char out[256];
    struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
    assert_int_equal(escape_json(&w, text, length), length);
    out[w.pos] = '\0';
    assert_string_equal(out, want);
}

/* RFC 8259 section 7. */
static void escape_json_escapes_what_the_rfc_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"plain /text/ 'single'", "plain /text/ 'single'"},
        {"say \"hi\"", "say \\\"hi\\\""},
        {"C:\\dir", "C:\\\\dir"},
        {"\b\f\n\r\t", "\\b\\f\\n\\r\\t"},
        {"\x01\x1f", "\\u0001\\u001f"},
        {"\x1b[31mred\x7f", "\\u001b[31mred\\u007f"},
        {"\xc2\x9b"
         "2J",
         "\\u009b2J"}, /* CSI as one character */
        {"\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e",
         "\xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e"},
        {"\xe2\x80\xa8", "\xe2\x80\xa8"}, /* U+2028 is plain text to JSON */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        escape_check(rows[i].text, strlen(rows[i].text), rows[i].want);
    }
    escape_check("a\0b", 3, "a\\u0000b");
}

/* Unicode 15, section 3.9: tables 3-8 to 3-11 are its examples of U+FFFD for maximal parts. */
static void escape_json_replaces_what_is_not_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", FFFD FFFD FFFD FFFD "A"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF, the last */
        {"\xef\xbf\xbe", "\xef\xbf\xbe"},         /* noncharacters are valid */
        {"end \xe2\x82", "end " FFFD},
        {"\xf5", FFFD},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        escape_check(rows[i].text, strlen(rows[i].text), rows[i].want);
    }
}

static void escape_json_stops_before_a_character_that_does_not_fit(void **state)
{
    (void)state;
    static const char text[] = "a\"\xe2\x82\xac\x01z";
    static const struct {
        size_t capacity, taken, written;
    } rows[] = {{0, 0, 0}, {1, 1, 1},  {2, 1, 1},   {3, 2, 3},   {5, 2, 3},
                {6, 5, 6}, {11, 5, 6}, {12, 6, 12}, {13, 7, 13}, {14, 7, 13}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char out[16];
        struct bytes_writer w = bytes_writer(out, rows[i].capacity);
        assert_int_equal(escape_json(&w, text, sizeof(text) - 1), rows[i].taken);
        assert_int_equal(w.pos, rows[i].written);
        assert_int_equal(w.err, ERR_OK);
    }
    struct bytes_writer failed = {.err = ERR_TOO_LARGE};
    assert_int_equal(escape_json(&failed, text, 1), 0);
}

/* Prometheus' exposition format 0.0.4: label values escape three characters, help text two. */
static void escape_label_and_help_escape_what_prometheus_names(void **state)
{
    (void)state;
    static const char text[] = "C:\\DIR\\ \"FILE.TXT\"\n\ttab\xff";
    char out[64];
    struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
    assert_int_equal(escape_label(&w, text, sizeof(text) - 1), sizeof(text) - 1);
    out[w.pos] = '\0';
    assert_string_equal(out, "C:\\\\DIR\\\\ \\\"FILE.TXT\\\"\\n\ttab" FFFD);
    w.pos = 0;
    assert_int_equal(escape_help(&w, text, sizeof(text) - 1), sizeof(text) - 1);
    out[w.pos] = '\0';
    assert_string_equal(out, "C:\\\\DIR\\\\ \"FILE.TXT\"\\n\ttab" FFFD);
}

/* The second opinion is itself held against nst/JSONTestSuite. */
static void escape_second_opinion_agrees_with_the_json_test_suite(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof(path), "%s/json-test-suite", skip_without_data(__func__));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    unsigned seen = 0;
    static char text[200000];
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char kind = entry->d_name[0];
        if (strstr(entry->d_name, ".json") == NULL || (kind != 'y' && kind != 'n' && kind != 'i')) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/json-test-suite/%s", skip_without_data(__func__),
                 entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t length = fread(text, 1, sizeof(text), file);
        fclose(file);
        bool is_valid = json_strict_is_valid(text, length);
        if ((kind == 'y' && !is_valid) || (kind == 'n' && is_valid)) {
            fail_msg("%s: is_valid %d", entry->d_name, is_valid);
        }
        seen++;
    }
    closedir(folder);
    assert_in_range(seen, 300, 400);
}

/* Random text in, a JSON string out: strict, and valid UTF-8 comes back byte for byte. */
static void escape_json_is_read_back_by_a_strict_reader(void **state)
{
    (void)state;
    struct share share = share_open("escaped text reads back", 80);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        char text[48], line[sizeof(text) * 6 + 16], got[sizeof(text) * 3 + 1];
        size_t length = prng_below(&p, sizeof(text) + 1);
        prng_fill(&p, text, length);
        bool is_ascii = prng_chance(&p, 1, 2);
        for (size_t i = 0; is_ascii && i < length; i++) {
            text[i] = (char)prng_range(&p, 1, 0x7f);
        }
        struct bytes_writer w = bytes_writer(line, sizeof(line));
        bytes_put_copy(&w, "{\"k\":\"", 6);
        assert_int_equal(escape_json(&w, text, length), length);
        bytes_put_copy(&w, "\"}", 2);
        if (!json_strict_is_valid(line, w.pos)) {
            fail_msg("seed %llu: %.*s", (unsigned long long)seed, (int)w.pos, line);
        }
        assert_true(json_strict_get(line, w.pos, "k", got, sizeof(got)));
        if (is_ascii) {
            assert_int_equal(strlen(got), length);
            assert_memory_equal(got, text, length);
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escape_json_escapes_what_the_rfc_names),
        cmocka_unit_test(escape_json_replaces_what_is_not_utf8),
        cmocka_unit_test(escape_json_stops_before_a_character_that_does_not_fit),
        cmocka_unit_test(escape_label_and_help_escape_what_prometheus_names),
        cmocka_unit_test(escape_second_opinion_agrees_with_the_json_test_suite),
        cmocka_unit_test(escape_json_is_read_back_by_a_strict_reader),
    };
    return cmocka_run_group_tests_name("base_escape", tests, NULL, NULL);
}
