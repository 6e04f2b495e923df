/* Log lines: what they look like, which are written, and that nothing from outside can bend them.
 */
#include "base/diag.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/json_strict.h"
#include "tests/support/share.h"

#define SECOND ((uint64_t)1000000000)

/* 2026-11-25T07:51:46.123Z */
#define NOVEMBER (1795593106 * SECOND + 123456789)

/* Keeps what was written, and counts. */
struct diag_notebook {
    struct diag_sink sink;
    char text[3 * DIAG_LINE_BYTES];
    size_t length;
    size_t line_bytes_max;
    unsigned lines_count;
    enum diag_level level; /* of the last line */
};

static void diag_notebook_write(struct diag_sink *sink, enum diag_level level, const char *line,
                                size_t length)
{
    struct diag_notebook *notebook = CONTAINER_OF(sink, struct diag_notebook, sink);
    assert_true(length <= DIAG_LINE_BYTES);
    assert_int_equal(line[length - 1], '\n');
    assert_null(memchr(line, '\n', length - 1));
    if (notebook->length + length >= sizeof(notebook->text)) {
        notebook->length = 0;
    }
    memcpy(notebook->text + notebook->length, line, length);
    notebook->length += length;
    notebook->text[notebook->length] = '\0';
    notebook->lines_count++;
    notebook->level = level;
}

static const char *const diag_modules[] = {"log", "raft"};

/* A log with all it needs, of one shard. */
struct diag_desk {
    struct diag_levels levels;
    struct diag_notebook notebook;
    struct diag diag;
};

static void diag_desk_open(struct diag_desk *desk, enum diag_format format,
                           uint32_t lines_per_second)
{
    memset(&desk->notebook, 0, sizeof(desk->notebook));
    desk->notebook.sink.write = diag_notebook_write;
    diag_levels_init(&desk->levels, diag_modules, ARRAY_COUNT(diag_modules), DIAG_LEVEL_INFO);
    diag_init(&desk->diag, &desk->levels, &desk->notebook.sink, format, 0, lines_per_second);
    diag_set_time(&desk->diag, NOVEMBER);
}

/* The log's lines since the last call. */
static const char *diag_desk_lines(struct diag_desk *desk)
{
    desk->notebook.text[desk->notebook.length] = '\0';
    desk->notebook.length = 0;
    return desk->notebook.text;
}

static void diag_lines_for_people_are_one_line_of_words(void **state)
{
    (void)state;
    struct diag_desk desk;
    diag_desk_open(&desk, DIAG_FORMAT_HUMAN, 0);
    DIAG_INFO(&desk.diag, "log", "segment sealed", DIAG_BYTES("bytes", 4096));
    assert_string_equal(diag_desk_lines(&desk), "2026-11-25T07:51:46.123Z INFO  log  shard=0 "
                                                "segment sealed bytes=4096\n");
    DIAG_ERROR(&desk.diag, "journal", "flush failed");
    assert_string_equal(diag_desk_lines(&desk),
                        "2026-11-25T07:51:46.123Z ERROR journal shard=0 flush failed\n");
    desk.diag.shard = DIAG_NO_SHARD;
    DIAG_WARN(&desk.diag, "rt", "io_uring is forbidden here", DIAG_STRING("runtime", "epoll"));
    assert_string_equal(diag_desk_lines(&desk), "2026-11-25T07:51:46.123Z WARN  rt   shard=- "
                                                "io_uring is forbidden here runtime=epoll\n");
    assert_int_equal(desk.notebook.level, DIAG_LEVEL_WARN);
    assert_int_equal(desk.diag.lines_count, 3);
}

static void diag_lines_for_machines_are_json(void **state)
{
    (void)state;
    struct diag_desk desk;
    diag_desk_open(&desk, DIAG_FORMAT_JSON, 0);
    DIAG_INFO(&desk.diag, "log", "segment sealed", DIAG_BYTES("bytes", 4096), DIAG_U64("index", 7));
    assert_string_equal(
        diag_desk_lines(&desk),
        "{\"time\":\"2026-11-25T07:51:46.123Z\",\"level\":\"info\",\"module\":\"log\","
        "\"shard\":0,\"message\":\"segment sealed\",\"bytes\":4096,\"index\":7}\n");
    desk.diag.shard = DIAG_NO_SHARD;
    DIAG_ERROR(&desk.diag, "rt", "out of descriptors");
    assert_string_equal(
        diag_desk_lines(&desk),
        "{\"time\":\"2026-11-25T07:51:46.123Z\",\"level\":\"error\",\"module\":\"rt\","
        "\"shard\":null,\"message\":\"out of descriptors\"}\n");
}

/* One row a type and edge: the field, then its text behind the message in both formats. */
static void diag_fields_are_written_by_type(void **state)
{
    (void)state;
    const struct {
        struct diag_field field;
        const char *human, *json;
    } rows[] = {
        {DIAG_STRING("k", "plain/word.log"), " k=plain/word.log", ",\"k\":\"plain/word.log\""},
        {DIAG_STRING("k", "two words"), " k=\"two words\"", ",\"k\":\"two words\""},
        {DIAG_STRING("k", ""), " k=\"\"", ",\"k\":\"\""},
        {DIAG_STRING("k", NULL), " k=null", ",\"k\":null"},
        {DIAG_STRING("k", "a=b"), " k=\"a=b\"", ",\"k\":\"a=b\""},
        {DIAG_STRING("k", "C:\\x"), " k=\"C:\\\\x\"", ",\"k\":\"C:\\\\x\""},
        {DIAG_STRING("k", "x\nINFO forged"), " k=\"x\\nINFO forged\"",
         ",\"k\":\"x\\nINFO forged\""},
        {DIAG_STRING("k", "\x1b[2J"), " k=\"\\u001b[2J\"", ",\"k\":\"\\u001b[2J\""},
        {DIAG_STRING("k", "caf\xc3\xa9"), " k=\"caf\xc3\xa9\"", ",\"k\":\"caf\xc3\xa9\""},
        {DIAG_STRING("k", "bad\xff"), " k=\"bad\xef\xbf\xbd\"", ",\"k\":\"bad\xef\xbf\xbd\""},
        {DIAG_TEXT("k", "a\0b", 3), " k=\"a\\u0000b\"", ",\"k\":\"a\\u0000b\""},
        {DIAG_TEXT("k", "abcdef", 3), " k=abc", ",\"k\":\"abc\""},
        {DIAG_U64("k", UINT64_MAX), " k=18446744073709551615", ",\"k\":18446744073709551615"},
        {DIAG_I64("k", INT64_MIN), " k=-9223372036854775808", ",\"k\":-9223372036854775808"},
        {DIAG_I64("k", 12), " k=12", ",\"k\":12"},
        {DIAG_DOUBLE("k", 0.1), " k=0.1", ",\"k\":0.1"},
        {DIAG_DOUBLE("k", 1e300), " k=1e+300", ",\"k\":1e+300"},
        {DIAG_DOUBLE("k", NAN), " k=NaN", ",\"k\":\"NaN\""},
        {DIAG_DOUBLE("k", -INFINITY), " k=-Inf", ",\"k\":\"-Inf\""},
        {DIAG_BOOL("k", true), " k=true", ",\"k\":true"},
        {DIAG_BOOL("k", 0), " k=false", ",\"k\":false"},
        {DIAG_BYTES("k", 9999), " k=9999", ",\"k\":9999"},
        {DIAG_BYTES("k", 10000), " k=9.8KiB", ",\"k\":10000"},
        {DIAG_DURATION("k", 1500000), " k=1.5ms", ",\"k_ns\":1500000"},
        {DIAG_DURATION("k", 90 * SECOND), " k=1m30s", ",\"k_ns\":90000000000"},
        {DIAG_ERR("k", ERR_DISK_FULL), " k=DISK_FULL", ",\"k\":\"DISK_FULL\""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct diag_desk desk;
        char want[256];
        diag_desk_open(&desk, DIAG_FORMAT_HUMAN, 0);
        diag_write(&desk.diag, DIAG_LEVEL_INFO, "log", "m", "f.c", 1, &rows[i].field, 1);
        snprintf(want, sizeof(want), " shard=0 m%s\n", rows[i].human);
        assert_string_equal(strstr(diag_desk_lines(&desk), " shard="), want);
        diag_desk_open(&desk, DIAG_FORMAT_JSON, 0);
        diag_write(&desk.diag, DIAG_LEVEL_INFO, "log", "m", "f.c", 1, &rows[i].field, 1);
        snprintf(want, sizeof(want), ",\"message\":\"m\"%s}\n", rows[i].json);
        const char *line = diag_desk_lines(&desk);
        assert_string_equal(strstr(line, ",\"message\""), want);
        assert_true(json_strict_is_valid(line, strlen(line)));
    }
}

static void diag_levels_follow_the_module_and_change_while_running(void **state)
{
    (void)state;
    struct diag_desk desk;
    diag_desk_open(&desk, DIAG_FORMAT_HUMAN, 0);
    unsigned evaluated_count = 0;
    DIAG_DEBUG(&desk.diag, "log", "m", DIAG_U64("n", ++evaluated_count));
    assert_int_equal(evaluated_count, 0); /* fields of unwanted lines cost nothing */
    assert_int_equal(desk.notebook.lines_count, 0);

    assert_int_equal(diag_levels_set(&desk.levels, "log", DIAG_LEVEL_DEBUG), ERR_OK);
    DIAG_DEBUG(&desk.diag, "log", "m", DIAG_U64("n", ++evaluated_count));
    DIAG_DEBUG(&desk.diag, "raft", "m", DIAG_U64("n", ++evaluated_count));
    DIAG_DEBUG(&desk.diag, "other", "m", DIAG_U64("n", ++evaluated_count));
    assert_int_equal(evaluated_count, 1);
    assert_int_equal(desk.notebook.lines_count, 1);

    assert_int_equal(diag_levels_set(&desk.levels, NULL, DIAG_LEVEL_ERROR), ERR_OK);
    DIAG_WARN(&desk.diag, "log", "m");
    DIAG_WARN(&desk.diag, "other", "m");
    assert_int_equal(desk.notebook.lines_count, 1);
    DIAG_ERROR(&desk.diag, "other", "m");
    assert_int_equal(desk.notebook.lines_count, 2);
    assert_int_equal(diag_levels_set(&desk.levels, "lgo", DIAG_LEVEL_INFO), ERR_NOT_FOUND);
    expect_assert_failure(diag_levels_init(&desk.levels, NULL, 0, (enum diag_level)4));
    expect_assert_failure(diag_levels_init(&desk.levels, diag_modules, 33, DIAG_LEVEL_INFO));
}

static void diag_level_names_read_back(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        enum diag_level level = DIAG_LEVEL_ERROR;
        assert_int_equal(diag_level_parse(names[i], &level), ERR_OK);
        assert_int_equal(level, i);
        assert_string_equal(diag_level_name(level), names[i]);
    }
    enum diag_level level = DIAG_LEVEL_WARN;
    assert_int_equal(diag_level_parse("INFO", &level), ERR_NOT_FOUND);
    assert_int_equal(level, DIAG_LEVEL_WARN);
}

static void diag_site_line(struct diag_desk *desk, int line)
{
    diag_write(&desk->diag, DIAG_LEVEL_WARN, "log", "slow flush", "f.c", line, NULL, 0);
}

static void diag_site_that_repeats_itself_is_cut_and_summed_up(void **state)
{
    (void)state;
    struct diag_desk desk;
    diag_desk_open(&desk, DIAG_FORMAT_HUMAN, 2);
    for (int i = 0; i < 10; i++) {
        diag_site_line(&desk, 1);
    }
    diag_site_line(&desk, 2); /* another site is not touched by that */
    assert_int_equal(desk.notebook.lines_count, 3);
    assert_int_equal(desk.diag.suppressed_count, 8);
    diag_desk_lines(&desk);
    diag_set_time(&desk.diag, NOVEMBER + SECOND / 2); /* the same second */
    assert_int_equal(desk.notebook.length, 0);
    diag_set_time(&desk.diag, NOVEMBER + SECOND);
    assert_string_equal(diag_desk_lines(&desk), "2026-11-25T07:51:47.123Z WARN  log  shard=0 "
                                                "slow flush suppressed=8\n");
    diag_site_line(&desk, 1);
    assert_string_equal(diag_desk_lines(&desk), "2026-11-25T07:51:47.123Z WARN  log  shard=0 "
                                                "slow flush\n");
    diag_site_line(&desk, 1);
    diag_site_line(&desk, 1);
    diag_desk_lines(&desk);
    diag_flush(&desk.diag); /* at the end of the thread */
    assert_non_null(strstr(diag_desk_lines(&desk), "slow flush suppressed=1\n"));
    diag_flush(&desk.diag);
    assert_int_equal(desk.notebook.length, 0);
}

static void diag_site_speaks_again_when_the_clock_goes_back(void **state)
{
    (void)state;
    struct diag_desk desk;
    diag_desk_open(&desk, DIAG_FORMAT_HUMAN, 1);
    diag_site_line(&desk, 1);
    diag_site_line(&desk, 1);
    desk.diag.wall_ns = NOVEMBER - 60 * SECOND; /* the owner's loop told no time in between */
    diag_desk_lines(&desk);
    diag_site_line(&desk, 1);
    assert_string_equal(diag_desk_lines(&desk),
                        "2026-11-25T07:50:46.123Z WARN  log  shard=0 slow flush suppressed=1\n"
                        "2026-11-25T07:50:46.123Z WARN  log  shard=0 slow flush\n");
}

static void diag_line_that_is_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    static char text[2 * DIAG_LINE_BYTES];
    memset(text, 'x', sizeof(text));
    for (int format = DIAG_FORMAT_HUMAN; format <= DIAG_FORMAT_JSON; format++) {
        for (size_t length = DIAG_LINE_BYTES - 300; length < DIAG_LINE_BYTES + 10; length++) {
            struct diag_desk desk;
            diag_desk_open(&desk, (enum diag_format)format, 0);
            DIAG_INFO(&desk.diag, "log", "m", DIAG_TEXT("text", text, length),
                      DIAG_U64("number", UINT64_MAX), DIAG_STRING("last", "\xe2\x82\xac\n\xff"));
            const char *line = desk.notebook.text;
            bool is_whole = strstr(line, "18446744073709551615") != NULL &&
                            strstr(line, "last") != NULL && strstr(line, "\xef\xbf\xbd") != NULL;
            bool is_cut = strstr(line, format == DIAG_FORMAT_JSON ? ",\"cut\":true}\n"
                                                                  : " cut=true\n") != NULL;
            assert_true(is_whole != is_cut);
            assert_true(IMPLIES(length == DIAG_LINE_BYTES - 300, is_whole));
            assert_true(IMPLIES(length >= DIAG_LINE_BYTES, is_cut));
            if (format == DIAG_FORMAT_JSON) {
                assert_true(json_strict_is_valid(line, desk.notebook.length));
            }
        }
    }
}

/* What the random fields of one line must read as in JSON. */
struct diag_expected {
    char key[8];
    char value[400];
};

/* A random field and what a reader must find. `storage` holds its string. */
static struct diag_field diag_random_field(struct prng *p, struct diag_expected *expected,
                                           char storage[64], const char *key)
{
    struct diag_field field = {.key = key, .type = (enum diag_type)prng_below(p, 8)};
    uint64_t bits = prng_u64(p) >> prng_below(p, 64);
    snprintf(expected->key, sizeof(expected->key), "%s%s", key,
             field.type == DIAG_TYPE_DURATION ? "_ns" : "");
    field.u64 = bits;
    snprintf(expected->value, sizeof(expected->value), "%" PRIu64, bits);
    switch (field.type) {
    case DIAG_TYPE_STRING:
        field.length = prng_below(p, 64);
        for (size_t i = 0; i < field.length; i++) {
            storage[i] = (char)prng_range(p, 1, 0x7f);
        }
        storage[field.length] = '\0';
        field.string = storage;
        snprintf(expected->value, sizeof(expected->value), "%s", storage);
        break;
    case DIAG_TYPE_I64:
        snprintf(expected->value, sizeof(expected->value), "%" PRId64, (int64_t)bits);
        break;
    case DIAG_TYPE_DOUBLE:
        field.f64 = (double)(int64_t)bits / 8;
        snprintf(expected->value, sizeof(expected->value), "%.17g", field.f64);
        break;
    case DIAG_TYPE_BOOL:
        snprintf(expected->value, sizeof(expected->value), "%s", bits != 0 ? "true" : "false");
        break;
    case DIAG_TYPE_ERR:
        field.err = (enum err)(bits % ERR_COUNT);
        snprintf(expected->value, sizeof(expected->value), "%s", err_name(field.err));
        break;
    case DIAG_TYPE_U64:
    case DIAG_TYPE_BYTES:
    case DIAG_TYPE_DURATION: break;
    }
    return field;
}

static void diag_json_lines_read_back_field_by_field(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    struct share share = share_open("lines read back", 40);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        struct diag_desk desk;
        struct diag_field fields[6];
        struct diag_expected expected[6];
        char storage[6][64], got[400];
        size_t count = prng_below(&p, 7);
        for (size_t i = 0; i < count; i++) {
            fields[i] = diag_random_field(&p, &expected[i], storage[i], keys[i]);
        }
        diag_desk_open(&desk, DIAG_FORMAT_JSON, 0);
        diag_write(&desk.diag, DIAG_LEVEL_INFO, "log", "m", "f.c", 1, fields, count);
        const char *line = desk.notebook.text;
        bool is_good = json_strict_is_valid(line, desk.notebook.length) &&
                       json_strict_members(line, desk.notebook.length) == 5 + count;
        for (size_t i = 0; i < count && is_good; i++) {
            is_good =
                json_strict_get(line, desk.notebook.length, expected[i].key, got, sizeof(got)) &&
                (fields[i].type == DIAG_TYPE_DOUBLE || strcmp(got, expected[i].value) == 0);
        }
        if (!is_good) {
            fail_msg("seed %" PRIu64 ": %s", seed, line);
        }
    }
    share_close(&share);
}

/* Whatever the order of sites and seconds: every call is a line or is told as suppressed, and no
 * site has more lines than its rate in one second. */
static void diag_rates_lose_no_line_unsaid(void **state)
{
    (void)state;
    struct share share = share_open("rates", 40);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        struct diag_desk desk;
        uint32_t lines_per_second = (uint32_t)prng_range(&p, 1, 5);
        diag_desk_open(&desk, DIAG_FORMAT_HUMAN, lines_per_second);
        uint64_t calls_count = 0, told_count = 0, told_lines_count = 0;
        uint64_t sites_count = prng_range(&p, 1, 300);
        for (int i = 0; i < 400; i++) {
            if (prng_chance(&p, 1, 20)) {
                diag_set_time(&desk.diag, desk.diag.wall_ns + prng_below(&p, 2 * SECOND));
            } else {
                diag_site_line(&desk, (int)prng_below(&p, sites_count));
                calls_count++;
            }
            if (i == 399) {
                diag_flush(&desk.diag);
            }
            for (const char *line = diag_desk_lines(&desk); (line = strstr(line, "suppressed="));) {
                unsigned told;
                assert_int_equal(sscanf(line, "suppressed=%u\n", &told), 1);
                told_count += told;
                told_lines_count++;
                line++;
            }
            desk.notebook.text[0] = '\0';
        }
        if (desk.diag.lines_count - told_lines_count + told_count != calls_count ||
            desk.diag.suppressed_count != told_count) {
            fail_msg("seed %" PRIu64 ": %" PRIu64 " calls, %" PRIu64 " lines, %" PRIu64 " told",
                     seed, calls_count, desk.diag.lines_count, told_count);
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diag_lines_for_people_are_one_line_of_words),
        cmocka_unit_test(diag_lines_for_machines_are_json),
        cmocka_unit_test(diag_fields_are_written_by_type),
        cmocka_unit_test(diag_levels_follow_the_module_and_change_while_running),
        cmocka_unit_test(diag_level_names_read_back),
        cmocka_unit_test(diag_site_that_repeats_itself_is_cut_and_summed_up),
        cmocka_unit_test(diag_site_speaks_again_when_the_clock_goes_back),
        cmocka_unit_test(diag_line_that_is_too_long_is_cut_and_says_so),
        cmocka_unit_test(diag_json_lines_read_back_field_by_field),
        cmocka_unit_test(diag_rates_lose_no_line_unsaid),
    };
    return cmocka_run_group_tests_name("base_diag", tests, NULL, NULL);
}
