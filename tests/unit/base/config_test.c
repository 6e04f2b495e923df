/* Configuration: what each source may say, which one wins, and how a person is told what is wrong.
 */
#include "base/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

static bool config_is_port_pair(const char *text)
{
    return strchr(text, ':') != NULL;
}

static const char *const config_levels[] = {"error", "warn", "info", "debug", NULL};

/* One key of every type, at three depths. */
static const struct config_key config_keys[] = {
    {.name = "data_dir", .type = CONFIG_TEXT, .fallback = "./tdb-data", .help = "where"},
    {.name = "shards", .type = CONFIG_U64, .fallback = "0", .help = "how many", .max = 256},
    {.name = "memory", .type = CONFIG_BYTES, .fallback = "0", .help = "how much"},
    {.name = "cache",
     .type = CONFIG_BYTES,
     .fallback = "1MiB",
     .help = "",
     .min = 4096,
     .max = 1 << 30},
    {.name = "log.level",
     .type = CONFIG_CHOICE,
     .fallback = "info",
     .help = "",
     .choices = config_levels},
    {.name = "log.sample", .type = CONFIG_BOOL, .fallback = "false", .help = ""},
    {.name = "log.flush", .type = CONFIG_DURATION, .fallback = "1s", .help = "", .min = 1000000},
    {.name = "kafka.listen.peers", .type = CONFIG_LIST, .fallback = "", .help = ""},
    {.name = "kafka.listen.pairs",
     .type = CONFIG_LIST,
     .fallback = "a:1",
     .help = "",
     .accepts = config_is_port_pair,
     .wanted = "pairs such as host:9092"},
    {.name = "name",
     .type = CONFIG_TEXT,
     .fallback = "n:0",
     .help = "",
     .accepts = config_is_port_pair,
     .wanted = "a pair such as host:9092"},
};

/* A configuration with its memory. */
struct config_desk {
    struct budget budget;
    struct arena arena;
    struct config config;
};

static void config_desk_open(struct config_desk *desk)
{
    budget_init(&desk->budget, "config", 8 << 20, NULL);
    arena_init(&desk->arena, &desk->budget, 16384, 8 << 20);
    assert_int_equal(
        config_init(&desk->config, config_keys, ARRAY_COUNT(config_keys), &desk->arena), ERR_OK);
}

static void config_desk_close(struct config_desk *desk)
{
    arena_deinit(&desk->arena);
    budget_deinit(&desk->budget);
}

static void config_desk_yaml(struct config_desk *desk, const char *text)
{
    config_read_yaml(&desk->config, "tdb.yaml", text, strlen(text));
}

/* All problems, one a line: "where: what". */
static const char *config_desk_problems(const struct config_desk *desk, char *out, size_t out_bytes)
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < desk->config.problems_count; i++) {
        const struct config_problem *problem = &desk->config.problems[i];
        int written = snprintf(out + length, out_bytes - length, "%s%s: %s\n",
                               problem->is_error ? "" : "warning: ", problem->where, problem->what);
        length += (size_t)written;
        assert_true(length < out_bytes);
    }
    return out;
}

static void config_check_text(const struct config_desk *desk, const char *name, const char *text,
                              const char *where)
{
    char source[100];
    const struct config_value *value = config_value(&desk->config, name);
    config_format_source(&desk->config, (size_t)(value - desk->config.values), source,
                         sizeof(source));
    assert_string_equal(value->text, text);
    assert_string_equal(source, where);
}

static void config_defaults_are_the_tables(void **state)
{
    (void)state;
    struct config_desk desk;
    config_desk_open(&desk);
    assert_int_equal(config_value(&desk.config, "cache")->number, 1 << 20);
    assert_int_equal(config_value(&desk.config, "log.level")->number, 2);
    assert_int_equal(config_value(&desk.config, "log.flush")->number, 1000000000);
    assert_int_equal(config_value(&desk.config, "kafka.listen.peers")->items_count, 0);
    assert_int_equal(config_value(&desk.config, "kafka.listen.pairs")->items_count, 1);
    config_check_text(&desk, "data_dir", "./tdb-data", "default");
    expect_assert_failure((void)config_value(&desk.config, "no.such"));
    config_desk_close(&desk);
}

static void config_sources_outdo_each_other_in_order(void **state)
{
    (void)state;
    static const char *const environment[] = {
        "PATH=/bin",      "TDB_SHARDS=3",    "TDB_LOG_LEVEL=warn",
        "TDB_LOG_FLUSH=", "TDB_DATA_DIR=/e", "TDB_KAFKA_LISTEN_PEERS=a:1, b:2",
        "TDB_SUITE=x",    "NOTHING",         NULL};
    char *argv[] = {(char *)"--log.level=debug",
                    (char *)"--data_dir",
                    (char *)"/flag",
                    (char *)"--shards",
                    (char *)"9",
                    (char *)"--shards",
                    (char *)"8"};
    struct config_desk desk;
    config_desk_open(&desk);
    config_desk_yaml(&desk, "shards: 2\n"
                            "memory: 2GiB # a comment\n"
                            "log:\n"
                            "  level: error\n"
                            "  flush: \"20ms\"\n"
                            "log.sample: true\n"
                            "kafka:\n"
                            "  listen: {peers: ['x,y', z]}\n");
    config_read_environment(&desk.config, environment);
    for (int i = 0; i < 7;) {
        size_t taken = config_read_flag(&desk.config, 7 - i, argv + i);
        assert_in_range(taken, 1, 2);
        i += (int)taken;
    }
    char problems[200];
    assert_string_equal(config_desk_problems(&desk, problems, sizeof(problems)), "");
    config_check_text(&desk, "data_dir", "/flag", "--data_dir");
    config_check_text(&desk, "shards", "8", "--shards"); /* of two flags the last */
    config_check_text(&desk, "memory", "2GiB", "tdb.yaml:2:9");
    config_check_text(&desk, "cache", "1MiB", "default");
    config_check_text(&desk, "log.level", "debug", "--log.level");
    config_check_text(&desk, "log.flush", "20ms", "tdb.yaml:5:10");
    config_check_text(&desk, "log.sample", "true", "tdb.yaml:6:13");
    config_check_text(&desk, "kafka.listen.peers", "a:1,b:2", "TDB_KAFKA_LISTEN_PEERS");
    assert_true(config_value(&desk.config, "memory")->number == (uint64_t)2 << 30);
    assert_int_equal(config_value(&desk.config, "log.sample")->number, 1);
    const struct config_value *peers = config_value(&desk.config, "kafka.listen.peers");
    assert_int_equal(peers->items_count, 2);
    assert_string_equal(peers->items[0], "a:1");
    assert_string_equal(peers->items[1], "b:2");
    config_desk_close(&desk);
}

/* A file, and the problems it makes; none: "". */
struct config_row {
    const char *yaml;
    const char *want;
};

static void config_check_rows(const struct config_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_desk desk;
        char problems[4000];
        config_desk_open(&desk);
        config_desk_yaml(&desk, rows[i].yaml);
        assert_string_equal(config_desk_problems(&desk, problems, sizeof(problems)), rows[i].want);
        config_desk_close(&desk);
    }
}

static void config_values_of_the_wrong_type_say_what_is_accepted(void **state)
{
    (void)state;
    static const struct config_row rows[] = {
        {"shards: many\n",
         "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"many\"\n"},
        {"shards: 300\n", "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"300\"\n"},
        {"shards: -1\n", "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"-1\"\n"},
        {"shards: 010\n", "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"010\"; a "
                          "leading 0 means octal to some readers of YAML\n"},
        {"shards: 0x10\n",
         "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"0x10\"\n"},
        {"shards: 1_0\n", "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"1_0\"\n"},
        {"shards: \"12\"\n", ""}, /* quotes decide nothing */
        {"memory: 64K\n", "tdb.yaml:1:9: memory takes a size such as 64KiB or 10GB, not \"64K\"; "
                          "say KiB, MiB, GiB (powers of 1024) or KB, MB, GB\n"},
        {"memory: 1.5\n", "tdb.yaml:1:9: memory takes a size such as 64KiB or 10GB, not \"1.5\"\n"},
        {"cache: 1KB\n", "tdb.yaml:1:8: cache takes a size such as 64KiB or 10GB from 4 KiB to 1 "
                         "GiB, not \"1KB\"\n"},
        {"log: {flush: 5}\n",
         "tdb.yaml:1:14: log.flush takes a duration such as 50ms or 1h30m of at "
         "least 1 ms, not \"5\"\n"},
        {"log: {flush: 1:30}\n",
         "tdb.yaml:1:14: log.flush takes a duration such as 50ms or 1h30m of "
         "at least 1 ms, not \"1:30\"\n"}, /* sexagesimal in YAML 1.1 */
        {"log: {flush: 5us}\n",
         "tdb.yaml:1:14: log.flush takes a duration such as 50ms or 1h30m of "
         "at least 1 ms, not \"5us\"\n"},
        {"log: {level: loud}\n",
         "tdb.yaml:1:14: log.level takes one of error, warn, info, debug, not \"loud\"\n"},
        {"log: {level: inof}\n", "tdb.yaml:1:14: log.level takes one of error, warn, info, debug, "
                                 "not \"inof\"; did you mean info?\n"},
        {"log: {sample: no}\n",
         "tdb.yaml:1:15: log.sample takes true or false, not \"no\"; readers "
         "of YAML disagree about that word\n"},
        {"log: {sample: True}\n", "tdb.yaml:1:15: log.sample takes true or false, not \"True\"; "
                                  "readers of YAML disagree about that word\n"},
        {"log: {sample: 1}\n", "tdb.yaml:1:15: log.sample takes true or false, not \"1\"\n"},
        {"data_dir: no\n", ""}, /* Norway: a text is what it looks like */
        {"data_dir: 1.10\n", ""},
        {"data_dir: \"a\\tb\"\n",
         "tdb.yaml:1:11: data_dir takes text without control characters, not \"a\\tb\"\n"},
        {"data_dir: \"a\\0b\"\n",
         "tdb.yaml:1:11: data_dir takes text without control characters, not \"a\\u0000b\"\n"},
        {"name: plain\n", "tdb.yaml:1:7: name takes a pair such as host:9092, not \"plain\"\n"},
        {"name: host:1\n", ""},
        {"kafka.listen.pairs: [a:1, b]\n",
         "tdb.yaml:1:21: kafka.listen.pairs takes pairs such as host:9092, not \"a:1,b\"\n"},
        {"kafka.listen.pairs: [a:1, '']\n",
         "tdb.yaml:1:21: kafka.listen.pairs takes pairs such as host:9092, not \"a:1,\"\n"},
        {"kafka.listen.peers: a,,b\n",
         "tdb.yaml:1:21: kafka.listen.peers takes texts with commas between them, not \"a,,b\"\n"},
        {"kafka.listen.peers: [a, [b], {c: d}, ~, e]\n",
         "tdb.yaml:1:25: kafka.listen.peers takes texts in its list\n"
         "tdb.yaml:1:30: kafka.listen.peers takes texts in its list\n"
         "tdb.yaml:1:38: kafka.listen.peers takes texts in its list\n"},
    };
    config_check_rows(rows, ARRAY_COUNT(rows));
}

/* Whatever the kind of value behind it, an unknown key does not pass. */
static void config_unknown_and_repeated_keys_are_named(void **state)
{
    (void)state;
    static const struct config_row rows[] = {
        {"shard: 1\n", "tdb.yaml:1:1: there is no key \"shard\"; did you mean shards?\n"},
        {"level: debug\n", "tdb.yaml:1:1: there is no key \"level\"; did you mean log.level?\n"},
        {"log:\nlevel: debug\n",
         "tdb.yaml:2:1: there is no key \"level\"; did you mean log.level?\n"},
        {"log: {levle: info}\n",
         "tdb.yaml:1:7: there is no key \"log.levle\"; did you mean log.level?\n"},
        {"telemetry: true\n", "tdb.yaml:1:1: there is no key \"telemetry\"\n"},
        {"telemetry:\n", "tdb.yaml:1:1: there is no key \"telemetry\"\n"},
        {"telemetry: []\n", "tdb.yaml:1:1: there is no key \"telemetry\"\n"},
        {"telemetry: [{a: [b]}]\n", "tdb.yaml:1:1: there is no key \"telemetry\"\n"},
        {"telemetry: {}\n", "tdb.yaml:1:1: there is no group \"telemetry\"\n"},
        {"lgo: {level: info, x: {y: z}}\nshards: x\n",
         "tdb.yaml:1:1: there is no group \"lgo\"; did you mean log?\n"
         "tdb.yaml:2:9: shards takes a whole number from 0 to 256, not \"x\"\n"},
        {"\"\\e[2J\": 1\n", "tdb.yaml:1:1: there is no key \"\\u001b[2J\"\n"},
        {"shards.: 1\n", "tdb.yaml:1:1: there is no key \"shards.\"; did you mean shards?\n"},
        {"\"\": 1\n", "tdb.yaml:1:1: there is no key \"\"\n"},
        {"shards: 1\nshards: 2\n", "tdb.yaml:2:9: shards is given twice, first on line 1\n"},
        {"log.level: info\nlog:\n  level: warn\n",
         "tdb.yaml:3:10: log.level is given twice, first on line 1\n"},
        {"log: {level: info}\nlog: {sample: true}\n",
         "tdb.yaml:2:1: log is given twice, first on line 1\n"},
        {"log: debug\n", "tdb.yaml:1:1: log is a group: its keys stand below it, indented\n"},
        {"log: [debug]\n", "tdb.yaml:1:1: there is no key \"log\"\n"},
        {"log:\n  # level: debug\nshards: 1\n", ""},
        {"log: {}\n", ""},
        {"log: {level: {a: b}}\n", "tdb.yaml:1:14: log.level takes a value, not keys of its own\n"},
        {"log: {level: [a, b]}\n", "tdb.yaml:1:14: log.level takes one value, not a list\n"},
        {"shards:\n", "tdb.yaml:1:1: shards has no value; without the line it is 0\n"},
        {"shards: ~\n", "tdb.yaml:1:1: shards has no value; without the line it is 0\n"},
        {"data_dir: null\n",
         "tdb.yaml:1:1: data_dir has no value; without the line it is ./tdb-data\n"},
        {"data_dir: 'null'\n", ""},
        {"data_dir: ''\n", ""},
        {"{a: b}: c\nshards: x\n",
         "tdb.yaml:1:1: a key must be a word\n"
         "tdb.yaml:2:9: shards takes a whole number from 0 to 256, not \"x\"\n"},
        {"[a]: {c: [d]}\n", "tdb.yaml:1:1: a key must be a word\n"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789: {a: b}\n",
         "tdb.yaml:1:1: there is no key "
         "\"01234567890123456789012345678901234567890123456789012345678901234567...\"\n"},
    };
    config_check_rows(rows, ARRAY_COUNT(rows));
}

static void config_files_that_are_not_what_we_read_are_refused(void **state)
{
    (void)state;
    static const struct config_row rows[] = {
        {"", ""},
        {"# only comments\n", ""},
        {"---\n", ""},
        {"---\n...\n", ""},
        {"null\n", ""},
        {"\xef\xbb\xbfshards: 1\n", ""}, /* a byte order mark */
        {"%YAML 1.1\n---\nshards: 1\n", ""},
        {"{\"shards\": 1, \"log\": {\"level\": \"warn\"}}\n", ""}, /* JSON is YAML */
        {"just text\n",
         "tdb.yaml:1:1: the file must be keys and values, such as log.level: info\n"},
        {"- a\n- b\n", "tdb.yaml:1:1: the file must be keys and values, such as log.level: info\n"},
        {"shards: 1\n---\nshards: 2\n",
         "tdb.yaml:2:1: a second document begins: one is accepted\n"},
        {"shards: &a 1\n", "tdb.yaml:1:9: anchors (&) and aliases (*) are not accepted: write the "
                           "value out\n"},
        {"x: *a\n", "tdb.yaml:1:4: anchors (&) and aliases (*) are not accepted: write the value "
                    "out\n"},
        {"log: &l {level: info}\n",
         "tdb.yaml:1:6: anchors (&) and aliases (*) are not accepted: write the value out\n"},
        {"kafka.listen.peers: &l [a]\n",
         "tdb.yaml:1:21: anchors (&) and aliases (*) are not accepted: write the value out\n"},
        {"shards: !!int 1\n",
         "tdb.yaml:1:9: tags (!) are not accepted: the key decides the type\n"},
        {"log: !x {level: info}\n",
         "tdb.yaml:1:6: tags (!) are not accepted: the key decides the type\n"},
        {"kafka.listen.peers: !x [a]\n",
         "tdb.yaml:1:21: tags (!) are not accepted: the key decides the type\n"},
        {"\tshards: 1\n",
         "tdb.yaml:1:1: not YAML: found character that cannot start any token while scanning for "
         "the next token\n"},
        {"log:\n  level: info\n format: x\n",
         "tdb.yaml:3:2: not YAML: did not find expected key while parsing a block mapping\n"},
        {"shards: 1\n  level: 2\n",
         "tdb.yaml:1:9: shards takes a whole number from 0 to 256, not \"1 level\"\n"
         "tdb.yaml:2:8: not YAML: mapping values are not allowed in this context\n"},
        {"kafka.listen.peers: [1\n",
         "tdb.yaml:2:1: not YAML: did not find expected ',' or ']' while parsing a "
         "flow sequence\n"},
        {"shards: \"1\n", "tdb.yaml:2:1: not YAML: found unexpected end of stream while scanning a "
                          "quoted scalar\n"},
        {"shards: 1\nx: \xff\n", "tdb.yaml:2:4: not YAML: invalid leading UTF-8 octet\n"},
        {"x: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n",
         "tdb.yaml:1:1: there is no key \"x\"\ntdb.yaml:1:19: the file is nested too deep\n"},
        {"x: [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]\n", "tdb.yaml:1:1: there is no key \"x\"\n"},
    };
    config_check_rows(rows, ARRAY_COUNT(rows));
}

static void config_file_over_a_mebibyte_is_refused_unread(void **state)
{
    (void)state;
    static char text[CONFIG_FILE_BYTES_MAX + 1];
    memset(text, '#', sizeof(text));
    struct config_desk desk;
    char problems[200];
    config_desk_open(&desk);
    config_read_yaml(&desk.config, "tdb.yaml", text, sizeof(text));
    assert_string_equal(config_desk_problems(&desk, problems, sizeof(problems)),
                        "tdb.yaml: the file is larger than 1 MiB\n");
    config_desk_close(&desk);
    config_desk_open(&desk);
    config_read_yaml(&desk.config, "tdb.yaml", text, sizeof(text) - 1);
    assert_int_equal(desk.config.errors_count, 0);
    config_desk_close(&desk);
}

static void config_keeps_so_many_problems_and_counts_the_rest(void **state)
{
    (void)state;
    char text[1000] = "";
    for (int i = 0; i < 40; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "zzz%d: 1\n", i);
    }
    struct config_desk desk;
    config_desk_open(&desk);
    config_desk_yaml(&desk, text);
    config_add_error(&desk.config, "tdb.yaml", "one more");
    assert_int_equal(desk.config.problems_count, CONFIG_PROBLEMS_MAX);
    assert_int_equal(desk.config.errors_count, 41);
    assert_string_equal(desk.config.problems[31].where, "tdb.yaml:32:1");
    config_desk_close(&desk);
}

static void config_long_texts_and_lists_are_bounded(void **state)
{
    (void)state;
    static char text[CONFIG_TEXT_BYTES_MAX + 100];
    struct config_desk desk;
    char problems[1000];
    config_desk_open(&desk);
    snprintf(text, sizeof(text), "data_dir: %0*d\n", CONFIG_TEXT_BYTES_MAX + 1, 0);
    config_desk_yaml(&desk, text);
    assert_non_null(strstr(config_desk_problems(&desk, problems, sizeof(problems)),
                           "...\"; that is over 4096 bytes long\n"));
    config_desk_close(&desk);
    for (int count = CONFIG_LIST_MAX; count <= CONFIG_LIST_MAX + 1; count++) {
        config_desk_open(&desk);
        snprintf(text, sizeof(text), "kafka.listen.peers: [a");
        for (int i = 1; i < count; i++) {
            snprintf(text + strlen(text), 4, ",b");
        }
        snprintf(text + strlen(text), 4, "]\n");
        config_desk_yaml(&desk, text);
        config_desk_problems(&desk, problems, sizeof(problems));
        assert_string_equal(problems, count == CONFIG_LIST_MAX
                                          ? ""
                                          : "tdb.yaml:1:150: kafka.listen.peers has more than 64 "
                                            "items\n");
        char *flag[] = {text};
        snprintf(text, sizeof(text), "--kafka.listen.peers=a");
        for (int i = 1; i < count; i++) {
            snprintf(text + strlen(text), 4, ",b");
        }
        assert_int_equal(config_read_flag(&desk.config, 1, flag), 1);
        assert_int_equal(desk.config.errors_count, count == CONFIG_LIST_MAX ? 0 : 2);
        config_desk_close(&desk);
    }
}

static void config_flags_name_keys_and_want_values(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second; /* NULL: the last argument */
        size_t taken;
        const char *want;
    } rows[] = {
        {"--shards=4", NULL, 1, ""},
        {"--shards", "4", 2, ""},
        {"--shards", NULL, 1, "--shards: shards needs a value: a whole number from 0 to 256\n"},
        {"--shards", "--memory", 1,
         "--shards: shards needs a value: a whole number from 0 to 256\n"},
        {"--shards=", NULL, 1, "--shards: shards takes a whole number from 0 to 256, not \"\"\n"},
        {"--shards=x=y", NULL, 1,
         "--shards: shards takes a whole number from 0 to 256, not \"x=y\"\n"},
        {"--data_dir=--x", NULL, 1, ""},
        {"--log-level", "debug", 0, ""},
        {"--", "x", 0, ""},
        {"-shards", "4", 0, ""},
        {"shards", "4", 0, ""},
        {"--log", "x", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct config_desk desk;
        char problems[400];
        char *argv[] = {(char *)(uintptr_t)rows[i].first, (char *)(uintptr_t)rows[i].second};
        config_desk_open(&desk);
        assert_int_equal(config_read_flag(&desk.config, 1 + (argv[1] != NULL), argv),
                         rows[i].taken);
        assert_string_equal(config_desk_problems(&desk, problems, sizeof(problems)), rows[i].want);
        config_desk_close(&desk);
    }
    struct config_desk desk;
    config_desk_open(&desk);
    assert_string_equal(config_nearest(&desk.config, "log-level"), "log.level");
    assert_string_equal(config_nearest(&desk.config, "flush"), "log.flush");
    assert_null(config_nearest(&desk.config, "telemetry"));
    config_desk_close(&desk);
}

static void config_variables_near_a_keys_are_warned_of(void **state)
{
    (void)state;
    static const char *const environment[] = {
        "TDB_LOG_LEVL=debug",
        "TDB_LOG.LEVEL=debug",
        "TDB_BUILD_FOLDER=/x",
        "TDB_SHARDS=x",
        "TDB_=1",
        "TDB_LOG_FLUSH",
        "TDB_01234567890123456789012345678901234567890123456789012345678901234567890123456789=x",
        NULL};
    struct config_desk desk;
    char problems[1000];
    config_desk_open(&desk);
    config_read_environment(&desk.config, environment);
    assert_string_equal(
        config_desk_problems(&desk, problems, sizeof(problems)),
        "warning: TDB_LOG_LEVL: is the variable of no key and ignored; did you mean "
        "TDB_LOG_LEVEL?\n"
        "warning: TDB_LOG.LEVEL: is the variable of no key and ignored; did you mean "
        "TDB_LOG_LEVEL?\n"
        "TDB_SHARDS: shards takes a whole number from 0 to 256, not \"x\"\n");
    assert_int_equal(desk.config.errors_count, 1);
    config_check_text(&desk, "log.level", "info", "default");
    config_desk_close(&desk);
}

static void config_long_file_names_leave_room_for_the_line(void **state)
{
    (void)state;
    char name[400];
    snprintf(name, sizeof(name), "%0300d/tdb.yaml", 7);
    struct config_desk desk;
    config_desk_open(&desk);
    config_read_yaml(&desk.config, name, "x: 1\n", 5);
    assert_string_equal(strchr(desk.config.problems[0].where, '7'), "7/tdb.yaml:1:1");
    config_desk_close(&desk);
}

/* However little memory there is: an error, never a crash, and nothing is left behind. */
static void config_without_room_says_so(void **state)
{
    (void)state;
    static const char text[] = "data_dir: /var/lib/tdb\nkafka.listen.peers: [aaaa, bbbb, cccc]\n";
    unsigned started = 0, complained = 0, whole = 0;
    for (size_t limit = 256; limit < 40000; limit += 64) {
        struct config_desk desk;
        budget_init(&desk.budget, "config", 1 << 20, NULL);
        arena_init(&desk.arena, &desk.budget, 256, limit);
        if (config_init(&desk.config, config_keys, ARRAY_COUNT(config_keys), &desk.arena) ==
            ERR_OK) {
            started++;
            config_desk_yaml(&desk, text);
            complained += desk.config.errors_count > 0;
            whole += desk.config.errors_count == 0;
            if (desk.config.errors_count > 0) {
                assert_non_null(strstr(desk.config.problems[0].what, "has no room"));
            }
        }
        config_desk_close(&desk);
    }
    assert_true(started > 0 && complained > 0 && whole > 0);
}

static void config_bad_tables_are_bugs(void **state)
{
    (void)state;
    static const struct config_key tables[][2] = {
        {{.name = "", .fallback = ""}, {.name = "b", .fallback = ""}},
        {{.name = "Upper", .fallback = ""}, {.name = "b", .fallback = ""}},
        {{.name = ".a", .fallback = ""}, {.name = "b", .fallback = ""}},
        {{.name = "a.", .fallback = ""}, {.name = "b", .fallback = ""}},
        {{.name = "a", .fallback = ""}, {.name = "a", .fallback = ""}},
        {{.name = "a.b", .fallback = ""}, {.name = "a_b", .fallback = ""}}, /* one variable */
        {{.name = "a.b", .fallback = ""}, {.name = "a", .fallback = ""}},   /* key and group */
        {{.name = "a", .fallback = "x", .type = CONFIG_U64}, {.name = "b", .fallback = ""}},
        {{.name = "a", .fallback = "x", .type = CONFIG_CHOICE}, {.name = "b", .fallback = ""}},
        {{.name = "a", .fallback = "x", .wanted = "y"}, {.name = "b", .fallback = ""}},
    };
    static struct config_desk desk;
    static size_t i; /* lives through the jumps */
    for (i = 0; i < ARRAY_COUNT(tables); i++) {
        budget_init(&desk.budget, "config", 1 << 20, NULL);
        arena_init(&desk.arena, &desk.budget, 16384, 1 << 20);
        expect_assert_failure((void)!config_init(&desk.config, tables[i], 2, &desk.arena));
        config_desk_close(&desk);
    }
}

/* Random lines of known and unknown keys with good and bad values, against a naive reading: which
 * keys end with which text, and how many errors there are. */
static void config_files_of_random_lines_agree_with_a_naive_reading(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        bool is_good;
    } lines[] = {
        {"shards", "3", true},        {"shards", "x", false},      {"memory", "1GB", true},
        {"memory", "1K", false},      {"log.level", "warn", true}, {"log.level", "no", false},
        {"log.sample", "true", true}, {"log.sample", "on", false}, {"data_dir", "/d", true},
        {"log.flush", "2 ms", true},  {"zzz", "1", false},         {"name", "a:b", true},
        {"name", "nothing", false},
    };
    struct share share = share_open("random lines", 80);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct prng p;
        prng_init(&p, seed);
        struct config_desk desk;
        char text[1000] = "";
        const char *want[ARRAY_COUNT(config_keys)] = {NULL};
        size_t errors_count = 0;
        uint64_t lines_count = prng_below(&p, 12);
        config_desk_open(&desk);
        for (uint64_t i = 0; i < lines_count; i++) {
            size_t l = prng_below(&p, ARRAY_COUNT(lines));
            const char *quote = prng_chance(&p, 1, 3) ? "\"" : "";
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s:%s %s%s%s%s\n",
                     lines[l].key, prng_chance(&p, 1, 4) ? "\n " : "", quote, lines[l].value, quote,
                     prng_chance(&p, 1, 4) ? " # why" : "");
            size_t k = 0;
            while (k < ARRAY_COUNT(config_keys) && strcmp(config_keys[k].name, lines[l].key) != 0) {
                k++;
            }
            if (k == ARRAY_COUNT(config_keys) || !lines[l].is_good || want[k] != NULL) {
                errors_count++;
            } else {
                want[k] = lines[l].value;
            }
        }
        config_desk_yaml(&desk, text);
        bool is_good = desk.config.errors_count == errors_count;
        for (size_t k = 0; k < ARRAY_COUNT(config_keys); k++) {
            const char *text_want = want[k] != NULL ? want[k] : config_keys[k].fallback;
            is_good &= strcmp(desk.config.values[k].text, text_want) == 0;
            is_good &=
                (desk.config.values[k].source.origin == CONFIG_FROM_FILE) == (want[k] != NULL);
        }
        if (!is_good) {
            fail_msg("seed %" PRIu64 ": %zu errors, want %zu:\n%s", seed, desk.config.errors_count,
                     errors_count, text);
        }
        config_desk_close(&desk);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_defaults_are_the_tables),
        cmocka_unit_test(config_sources_outdo_each_other_in_order),
        cmocka_unit_test(config_values_of_the_wrong_type_say_what_is_accepted),
        cmocka_unit_test(config_unknown_and_repeated_keys_are_named),
        cmocka_unit_test(config_files_that_are_not_what_we_read_are_refused),
        cmocka_unit_test(config_file_over_a_mebibyte_is_refused_unread),
        cmocka_unit_test(config_keeps_so_many_problems_and_counts_the_rest),
        cmocka_unit_test(config_long_texts_and_lists_are_bounded),
        cmocka_unit_test(config_flags_name_keys_and_want_values),
        cmocka_unit_test(config_variables_near_a_keys_are_warned_of),
        cmocka_unit_test(config_long_file_names_leave_room_for_the_line),
        cmocka_unit_test(config_without_room_says_so),
        cmocka_unit_test(config_bad_tables_are_bugs),
        cmocka_unit_test(config_files_of_random_lines_agree_with_a_naive_reading),
    };
    return cmocka_run_group_tests_name("base_config", tests, NULL, NULL);
}
