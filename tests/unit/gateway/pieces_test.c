/* Pieces of HTTP text: characters, paths, queries, hosts, media types, Accept. */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/prng.h"
#include "broker/gateway/http_media.h"
#include "broker/gateway/http_text.h"
#include "broker/gateway/http_uri.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* The grammars, once more as lists of characters. */
static void text_classes_are_the_grammars_characters(void **state)
{
    (void)state;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const struct {
        unsigned class;
        const char *others;  /* besides letters and digits; NULL: any visible character */
        const char *missing; /* of these */
        bool has_space;      /* space, tab and bytes past ASCII as well */
    } rows[] = {{HTTP_CLASS_TOKEN, "!#$%&'*+-.^_`|~", "", false},
                {HTTP_CLASS_FIELD, NULL, "", true},
                {HTTP_CLASS_QUOTED, NULL, "\"\\", true},
                {HTTP_CLASS_PATH, "-._~%!$&'()*+,;=:@/", "", false},
                {HTTP_CLASS_QUERY, "-._~%!$&'()*+,;=:@/?\"[]{}|\\^`", "", false},
                {HTTP_CLASS_HOST, "-._~!$&'()*+,;=", "", false}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            bool is_visible = byte > ' ' && byte < 0x7f;
            bool is_listed = rows[i].others == NULL ||
                             (byte != 0 && (strchr(letters, (int)byte) != NULL ||
                                            strchr(rows[i].others, (int)byte) != NULL));
            bool want = is_visible && is_listed && strchr(rows[i].missing, (int)byte) == NULL;
            want = want || (rows[i].has_space && (byte == ' ' || byte == '\t' || byte >= 0x80));
            if (http_text_has_class((uint8_t)byte, rows[i].class) != want) {
                fail_msg("class %u, byte %02x", rows[i].class, byte);
            }
        }
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_digit = byte >= '0' && byte <= '9';
        assert_int_equal(http_text_has_class((uint8_t)byte, HTTP_CLASS_DIGIT), is_digit);
        assert_int_equal(http_text_has_class((uint8_t)byte, HTTP_CLASS_HEX),
                         http_text_hex((uint8_t)byte) >= 0);
    }
}

static void text_is_compared_and_trimmed(void **state)
{
    (void)state;
    assert_true(http_text_is(http_text("aB"), "aB"));
    assert_false(http_text_is(http_text("aB"), "ab"));
    assert_false(http_text_is(http_text("a"), "ab"));
    assert_true(http_text_is_nocase(http_text("aB-9"), "Ab-9"));
    assert_false(http_text_is_nocase(http_text("[a"), "{a")); /* 0x20 apart, but no letters */
    assert_false(http_text_is_nocase(http_text("\xc4"), "\xe4"));
    assert_true(http_text_is(http_text_trim(http_text(" \t a b\t ")), "a b"));
    assert_int_equal(http_text_trim(http_text(" \t ")).length, 0);
    assert_true(http_text_is_token(http_text("a-b")));
    assert_false(http_text_is_token(http_text("")));
    assert_false(http_text_is_token(http_text("a b")));
    assert_int_equal(http_text_hex('f'), 15);
    assert_int_equal(http_text_hex('G'), -1);
}

/* 16 bytes at a time or one, at any place. */
static void text_field_spans_are_those_of_the_class(void **state)
{
    (void)state;
    char text[40];
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            memset(text, 'a', sizeof(text));
            text[i] = (char)byte;
            for (size_t from = 0; from < 17; from++) {
                struct http_text rest = {text + from, sizeof(text) - from};
                assert_int_equal(http_text_span_field(rest),
                                 http_text_span(rest, HTTP_CLASS_FIELD));
            }
        }
    }
}

static void uri_paths_are_divided_at_slashes(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *want; /* each segment in brackets */
    } rows[] = {{"", ""},
                {"/", "[]"},
                {"/a", "[a]"},
                {"/a/", "[a][]"},
                {"//", "[][]"},
                {"/api/v1/streams/my%2Fname/events", "[api][v1][streams][my%2Fname][events]"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char got[128] = "";
        struct http_uri_path walk = http_uri_path(http_text(rows[i].path));
        struct http_text segment;
        while (http_uri_path_next(&walk, &segment)) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof(got) - used, "[%.*s]", (int)segment.length, segment.data);
        }
        assert_string_equal(got, rows[i].want);
    }
    expect_assert_failure(http_uri_path(http_text("a")));
}

static void uri_parts_are_decoded_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *segment; /* NULL: refused */
        const char *query;   /* likewise */
    } rows[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {"a%20b", "a b", "a b"},
        {"a+b", "a+b", "a b"},
        {"a%2Bb", "a+b", "a+b"},
        {"a%2fb", "a/b", "a/b"},
        {"%2541", "%41", "%41"}, /* once */
        {"%c3%a4%E2%82%AC", "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
        {"%0d%0a", "\r\n", "\r\n"},
        {".", NULL, "."},
        {"..", NULL, ".."},
        {"%2e", NULL, "."},
        {".%2E", NULL, ".."},
        {"...", "...", "..."},
        {".a", ".a", ".a"},
        {"%", NULL, NULL},
        {"%4", NULL, NULL},
        {"a%", NULL, NULL},
        {"%4g", NULL, NULL},
        {"%%41", NULL, NULL},
        {"%+1", NULL, NULL},
        {"%u0041", NULL, NULL},
        {"%00", NULL, NULL},
        {"a%00b", NULL, NULL},
        {"%ff", NULL, NULL},
        {"%c0%ae", NULL, NULL}, /* a dot in two bytes: not UTF-8 */
        {"%c3", NULL, NULL},
        {"%ed%a0%80", NULL, NULL}, /* half a surrogate pair */
    };
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        bool is_query = i % 2 == 1;
        const char *want = is_query ? rows[i / 2].query : rows[i / 2].segment;
        char out[64];
        struct bytes_writer w = bytes_writer(out, sizeof(out) - 1);
        struct http_text text = http_text(rows[i / 2].text);
        enum err err =
            is_query ? http_uri_decode_query(&w, text) : http_uri_decode_segment(&w, text);
        assert_int_equal(err, want != NULL ? ERR_OK : ERR_INVALID);
        assert_int_equal(w.err, err);
        out[w.pos] = '\0';
        if (want != NULL) {
            assert_string_equal(out, want);
        }
    }
}

static void uri_decoding_stops_at_the_end_of_its_room(void **state)
{
    (void)state;
    char out[8];
    for (size_t capacity = 0; capacity <= 4; capacity++) {
        struct bytes_writer w = bytes_writer(out, capacity);
        assert_int_equal(http_uri_decode_segment(&w, http_text("%61%62cd")),
                         capacity == 4 ? ERR_OK : ERR_TOO_LARGE);
    }
    struct bytes_writer w = bytes_writer(out, sizeof(out));
    bytes_put_copy(&w, "..", 2); /* what stands before is not looked at */
    assert_int_equal(http_uri_decode_segment(&w, http_text("a")), ERR_OK);
    assert_memory_equal(out, "..a", 3);
}

static void uri_queries_are_names_and_values(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *want;
    } rows[] = {{"", ""},
                {"a=1&b=2", "[a:1][b:2]"},
                {"a&b=&=c&=", "[a:][b:][:c][:]"},
                {"&&a=1&&", "[a:1]"},
                {"a=b=c", "[a:b=c]"},
                {"a=1;b=2", "[a:1;b=2]"},
                {"%61=%26", "[%61:%26]"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char got[128] = "";
        struct http_uri_query walk = http_uri_query(http_text(rows[i].query));
        struct http_text name, value;
        while (http_uri_query_next(&walk, &name, &value)) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof(got) - used, "[%.*s:%.*s]", (int)name.length, name.data,
                     (int)value.length, value.data);
        }
        assert_string_equal(got, rows[i].want);
    }
}

static void uri_parameters_are_found_by_their_decoded_name(void **state)
{
    (void)state;
    struct http_text query = http_text("limit=5&%6cimit=6&a+b=%41&limi=7&limit%=8&limits=9");
    struct http_text value = http_text("untouched");
    assert_int_equal(http_uri_query_find(query, "none", &value), 0);
    assert_true(http_text_is(value, "untouched"));
    assert_int_equal(http_uri_query_find(query, "limit", &value), 2);
    assert_true(http_text_is(value, "5"));
    assert_int_equal(http_uri_query_find(query, "a b", &value), 1);
    assert_true(http_text_is(value, "%41"));
    assert_int_equal(http_uri_query_find(query, "Limit", &value), 0);
}

static void uri_hosts_are_names_or_addresses_with_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        const char *port;
    } rows[] = {{"h", "h", ""},
                {"h:80", "h", "80"},
                {"h:", "h", ""},
                {"a.b-c_d~e:65535", "a.b-c_d~e", "65535"},
                {"127.0.0.1:1", "127.0.0.1", "1"},
                {"[::1]", "::1", ""},
                {"[2001:DB8::127.0.0.1]:80", "2001:DB8::127.0.0.1", "80"},
                {"h%c3%a4", "h%c3%a4", ""},
                {"", NULL, NULL},
                {":80", NULL, NULL},
                {"h:65536", NULL, NULL},
                {"h:99999999999", NULL, NULL},
                {"h:1a", NULL, NULL},
                {"h:1:2", NULL, NULL},
                {"[]", NULL, NULL},
                {"[::1", NULL, NULL},
                {"[::1]80", NULL, NULL},
                {"[v1.a]", NULL, NULL},
                {"[fe80::1%25eth0]", NULL, NULL},
                {"u@h", NULL, NULL},
                {"h/", NULL, NULL},
                {"h%4", NULL, NULL}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_text host = {0}, port = {0};
        bool is_valid = http_uri_host(http_text(rows[i].text), &host, &port);
        assert_int_equal(is_valid, rows[i].host != NULL);
        if (is_valid) {
            assert_true(http_text_is(host, rows[i].host));
            assert_true(http_text_is(port, rows[i].port));
        }
    }
}

/* What is decoded, escaped in every way, is decoded to what it was. */
static void uri_escapes_lead_back_to_their_text(void **state)
{
    (void)state;
    struct share share = share_open("escaped segments", 50);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        char text[24], escaped[3 * sizeof(text)], out[sizeof(text)];
        size_t length = 3 + prng_below(&p, sizeof(text) - 3);
        struct bytes_writer w = bytes_writer(escaped, sizeof(escaped));
        for (size_t i = 0; i < length; i++) {
            text[i] = (char)prng_range(&p, 1, 0x7f);
            bool is_plain = http_text_has_class((uint8_t)text[i], HTTP_CLASS_PATH) &&
                            text[i] != '%' && text[i] != '+';
            if (is_plain && prng_chance(&p, 1, 2)) {
                bytes_put_u8(&w, (uint8_t)text[i]);
            } else {
                char digits[4];
                snprintf(digits, sizeof(digits), prng_chance(&p, 1, 2) ? "%%%02x" : "%%%02X",
                         (unsigned)text[i]);
                bytes_put_copy(&w, digits, 3);
            }
        }
        struct http_text part = {escaped, w.pos};
        for (int is_query = 0; is_query < 2; is_query++) {
            struct bytes_writer back = bytes_writer(out, length);
            assert_int_equal(is_query ? http_uri_decode_query(&back, part)
                                      : http_uri_decode_segment(&back, part),
                             ERR_OK);
            assert_int_equal(back.pos, length);
            assert_memory_equal(out, text, length);
        }
    }
    share_close(&share);
}

static void media_types_are_read_with_their_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL: refused */
        bool is_utf8;
    } rows[] = {
        {"application/json", "application/json", true},
        {" Application/JSON ", "application/json", true},
        {"application/vnd.tdb.events+json", "application/vnd.tdb.events+json", true},
        {"application/json;charset=utf-8", "application/json", true},
        {"application/json ; charset=\"UTF-8\"", "application/json", true},
        {"text/csv; header=present; charset=US-ASCII", "text/csv", true},
        {"application/json; charset=\"utf\\-8\"", "application/json", true},
        {"application/json; charset=utf-16", "application/json", false},
        {"application/json; charset=utf-", "application/json", false},
        {"application/json; charset=utf-88", "application/json", false},
        {"application/json; charset=latin1; charset=utf-8", "application/json", false},
        {"application/json;", "application/json", true},
        {"application/json;;a=b ; ", "application/json", true},
        {"a/b;c=\"d;e\\\"f, g\"", "a/b", true},
        {"", NULL, false},
        {"application", NULL, false},
        {"application/", NULL, false},
        {"/json", NULL, false},
        {"application/json/x", NULL, false},
        {"application /json", NULL, false},
        {"application/json, text/csv", NULL, false},
        {"application/json charset=utf-8", NULL, false},
        {"application/json; charset", NULL, false},
        {"application/json; charset=", NULL, false},
        {"application/json; charset = utf-8", NULL, false},
        {"application/json; charset=\"utf-8", NULL, false},
        {"application/json; charset=\"utf-8\\\"", NULL, false},
        {"application/json; =utf-8", NULL, false},
        {"application/json; a=\"b\"c", NULL, false},
        {"*/*", NULL, false},
        {"*", NULL, false},
        {"application/*", NULL, false},
        {"*/json", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_media media;
        enum err err = http_media_read(http_text(rows[i].text), &media);
        if (err != (rows[i].want != NULL ? ERR_OK : ERR_INVALID)) {
            fail_msg("\"%s\": %s", rows[i].text, err_name(err));
        }
        if (err == ERR_OK) {
            assert_true(http_media_is(&media, rows[i].want));
            assert_false(http_media_is(&media, "application/x"));
            assert_int_equal(http_media_is_utf8(&media), rows[i].is_utf8);
        }
    }
}

static void media_parameters_are_found_by_name(void **state)
{
    (void)state;
    struct http_media media;
    struct http_media_parameter parameter;
    assert_int_equal(http_media_read(http_text("a/b; X=1;y=\"t\\\\wo\"; x=3"), &media), ERR_OK);
    assert_false(http_media_find(&media, "z", &parameter));
    assert_true(http_media_find(&media, "x", &parameter));
    assert_true(http_text_is(parameter.value, "1"));
    assert_false(parameter.is_quoted);
    assert_true(http_media_find(&media, "Y", &parameter));
    assert_true(parameter.is_quoted);
    assert_true(http_media_parameter_is(&parameter, "T\\WO"));
    assert_false(http_media_parameter_is(&parameter, "t\\w"));
    assert_false(http_media_parameter_is(&parameter, "t\\woo"));
}

/* RFC 9110 section 12.5.1; offers are JSON, CSV and NDJSON, in this order. */
static void accept_chooses_what_is_wanted_most(void **state)
{
    (void)state;
    static const char *const offers[] = {"application/json", "text/csv", "application/x-ndjson"};
    static const struct {
        const char *line;
        int want; /* -2: refused */
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {" , ,", 0},
        {"*/*", 0},
        {"application/json", 0},
        {"text/csv", 1},
        {"TEXT/CSV", 1},
        {"text/*", 1},
        {"application/*", 0},
        {"image/png", -1},
        {"image/png, */*;q=0.1", 0},
        {"text/csv, application/json", 0},
        {"application/json;q=0.5, text/csv", 1},
        {"application/json;q=0.5, text/csv;q=0.51", 1},
        {"application/json;q=0.500, text/csv;q=0.5", 0},
        {"*/*;q=0.5, application/json;q=0.1", 1},
        {"application/*;q=0.2, application/x-ndjson;q=0.9", 2},
        {"application/json;q=0, */*", 1},
        {"application/json;q=0", -1},
        {"*/*;q=0", -1},
        {"*/*;q=0, text/csv;q=0.001", 1},
        {"text/csv;q=0.1, text/csv;q=0.9, application/json;q=0.5", 1},
        {"application/json; charset=utf-8", 0},
        {"text/csv; header=\"a, b\";q=0.1, application/x-ndjson", 2},
        {"text/csv;q=1.000;ext=a", 1},
        {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", 0}, /* Java up to JDK 20 */
        {"text/csv;q=1.", 1},
        {"text/csv;q=2", -2},
        {"text/csv;q=1.001", -2},
        {"text/csv;q=0.1234", -2},
        {"text/csv;q=-1", -2},
        {"text/csv;q=.", -2},
        {"text/csv;q=", -2},
        {"text/csv;q=0.1.2", -2},
        {"text/csv;q=10", -2},
        {"text", -2},
        {"*/csv", -2},
        {"text/csv application/json", -2},
        {"text/csv; a", -2},
        {"\"text/csv\"", -2},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct http_accept accept;
        http_accept_init(&accept, offers, ARRAY_COUNT(offers));
        enum err err =
            rows[i].line != NULL ? http_accept_add(&accept, http_text(rows[i].line)) : ERR_OK;
        int got = err == ERR_OK ? http_accept_choose(&accept) : -2;
        if (got != rows[i].want) {
            fail_msg("\"%s\": %d", rows[i].line, got);
        }
    }
}

static void accept_adds_lines_up(void **state)
{
    (void)state;
    static const char *const offers[] = {"application/json", "text/csv"};
    struct http_accept accept;
    http_accept_init(&accept, offers, ARRAY_COUNT(offers));
    assert_int_equal(http_accept_add(&accept, http_text("application/json;q=0.5")), ERR_OK);
    assert_int_equal(http_accept_choose(&accept), 0);
    assert_int_equal(http_accept_add(&accept, http_text("text/csv;q=0.6")), ERR_OK);
    assert_int_equal(http_accept_choose(&accept), 1);
    expect_assert_failure(http_accept_init(&accept, offers, 0));
    expect_assert_failure(http_accept_init(&accept, offers, HTTP_ACCEPT_OFFERS_COUNT_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_classes_are_the_grammars_characters),
        cmocka_unit_test(text_is_compared_and_trimmed),
        cmocka_unit_test(text_field_spans_are_those_of_the_class),
        cmocka_unit_test(uri_paths_are_divided_at_slashes),
        cmocka_unit_test(uri_parts_are_decoded_once),
        cmocka_unit_test(uri_decoding_stops_at_the_end_of_its_room),
        cmocka_unit_test(uri_queries_are_names_and_values),
        cmocka_unit_test(uri_parameters_are_found_by_their_decoded_name),
        cmocka_unit_test(uri_hosts_are_names_or_addresses_with_a_port),
        cmocka_unit_test(uri_escapes_lead_back_to_their_text),
        cmocka_unit_test(media_types_are_read_with_their_parameters),
        cmocka_unit_test(media_parameters_are_found_by_name),
        cmocka_unit_test(accept_chooses_what_is_wanted_most),
        cmocka_unit_test(accept_adds_lines_up),
    };
    return cmocka_run_group_tests_name("gateway_pieces", tests, NULL, NULL);
}
