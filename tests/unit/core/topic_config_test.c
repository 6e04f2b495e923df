/* Topics' keys: the table against Kafka's, what each takes and what is said of the rest. */
#include "broker/core/topic_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/prng.h"
#include "base/units.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"

/* Apache Kafka 4.3.1, LogConfig.nonInternalConfigNames() with the type and default of each
 * ConfigKey. Types are DescribeConfigsResponse.ConfigType's ids. Synonyms with the defaults of
 * theirs: ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS and the broker's ConfigDef. Our one
 * key stands where it sorts. */
static const struct kafka_key {
    const char *name;
    int type;
    const char *default_text;
    const char *synonyms; /* "name=default,..." */
} kafka_keys[] = {
    {"cleanup.policy", 7, "delete", "log.cleanup.policy=delete"},
    {"compression.gzip.level", 3, "-1", "compression.gzip.level=-1"},
    {"compression.lz4.level", 3, "9", "compression.lz4.level=9"},
    {"compression.type", 2, "producer", "compression.type=producer"},
    {"compression.zstd.level", 3, "3", "compression.zstd.level=3"},
    {"delete.retention.ms", 5, "86400000", "log.cleaner.delete.retention.ms=86400000"},
    {"durability", 2, "quorum-fsync", ""},
    {"file.delete.delay.ms", 5, "60000", "log.segment.delete.delay.ms=60000"},
    {"flush.messages", 5, "9223372036854775807", "log.flush.interval.messages=9223372036854775807"},
    {"flush.ms", 5, "9223372036854775807",
     "log.flush.interval.ms,log.flush.scheduler.interval.ms=9223372036854775807"},
    {"follower.replication.throttled.replicas", 7, "", ""},
    {"index.interval.bytes", 3, "4096", "log.index.interval.bytes=4096"},
    {"leader.replication.throttled.replicas", 7, "", ""},
    {"local.retention.bytes", 5, "-2", "log.local.retention.bytes=-2"},
    {"local.retention.ms", 5, "-2", "log.local.retention.ms=-2"},
    {"max.compaction.lag.ms", 5, "9223372036854775807",
     "log.cleaner.max.compaction.lag.ms=9223372036854775807"},
    {"max.message.bytes", 3, "1048588", "message.max.bytes=1048588"},
    {"message.timestamp.after.max.ms", 5, "3600000", "log.message.timestamp.after.max.ms=3600000"},
    {"message.timestamp.before.max.ms", 5, "9223372036854775807",
     "log.message.timestamp.before.max.ms=9223372036854775807"},
    {"message.timestamp.type", 2, "CreateTime", "log.message.timestamp.type=CreateTime"},
    {"min.cleanable.dirty.ratio", 6, "0.5", "log.cleaner.min.cleanable.ratio=0.5"},
    {"min.compaction.lag.ms", 5, "0", "log.cleaner.min.compaction.lag.ms=0"},
    {"min.insync.replicas", 3, "1", "min.insync.replicas=1"},
    {"preallocate", 1, "false", "log.preallocate=false"},
    {"remote.log.copy.disable", 1, "false", ""},
    {"remote.log.delete.on.disable", 1, "false", ""},
    {"remote.storage.enable", 1, "false", ""},
    {"retention.bytes", 5, "-1", "log.retention.bytes=-1"},
    {"retention.ms", 5, "604800000",
     "log.retention.ms,log.retention.minutes,log.retention.hours=168"},
    {"segment.bytes", 3, "1073741824", "log.segment.bytes=1073741824"},
    {"segment.index.bytes", 3, "10485760", "log.index.size.max.bytes=10485760"},
    {"segment.jitter.ms", 5, "0", "log.roll.jitter.ms,log.roll.jitter.hours=0"},
    {"segment.ms", 5, "604800000", "log.roll.ms,log.roll.hours=168"},
    {"unclean.leader.election.enable", 1, "false", "unclean.leader.election.enable=false"},
};

static struct core_topic_config_pair pair_of(const char *name, const char *value)
{
    return (struct core_topic_config_pair){
        .name = name,
        .value = value,
        .name_bytes = (uint16_t)strlen(name),
        .value_bytes = (uint16_t)strlen(value),
    };
}

static void topic_config_has_the_keys_of_kafka_and_one_of_ours(void **state)
{
    (void)state;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    assert_int_equal(count, ARRAY_COUNT(kafka_keys));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(keys[i].name, kafka_keys[i].name);
        assert_int_equal(keys[i].type, kafka_keys[i].type);
        assert_string_equal(keys[i].default_text, kafka_keys[i].default_text);
        assert_ptr_equal(core_topic_config_find(keys[i].name, strlen(keys[i].name)), &keys[i]);
    }
}

static void topic_config_has_the_synonyms_of_kafka_in_its_order(void **state)
{
    (void)state;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char got[160] = "";
        size_t length = 0;
        for (size_t j = 0; j < CORE_TOPIC_CONFIG_SYNONYMS_MAX; j++) {
            const struct core_topic_config_synonym *synonym = &keys[i].synonyms[j];
            if (synonym->name == NULL) {
                break;
            }
            assert_true(synonym->scale >= 1);
            length +=
                (size_t)snprintf(got + length, sizeof(got) - length, "%s%s%s%s", j > 0 ? "," : "",
                                 synonym->name, synonym->default_text != NULL ? "=" : "",
                                 synonym->default_text != NULL ? synonym->default_text : "");
        }
        assert_string_equal(got, kafka_keys[i].synonyms);
    }
}

static void topic_config_synonyms_say_the_default_in_their_unit(void **state)
{
    (void)state;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < CORE_TOPIC_CONFIG_SYNONYMS_MAX; j++) {
            const struct core_topic_config_synonym *synonym = &keys[i].synonyms[j];
            if (synonym->name != NULL && synonym->default_text != NULL && synonym->scale > 1) {
                int64_t value = 0;
                assert_int_equal(
                    units_parse_i64(synonym->default_text, strlen(synonym->default_text), &value),
                    ERR_OK);
                char product[32];
                snprintf(product, sizeof(product), "%" PRId64, value * synonym->scale);
                assert_string_equal(product, keys[i].default_text);
            }
        }
    }
}

static void topic_config_says_a_sentence_of_every_key(void **state)
{
    (void)state;
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        const char *text = keys[i].documentation;
        assert_true(strlen(text) > 20);
        assert_int_equal(text[strlen(text) - 1], '.');
        if (keys[i].class == CORE_TOPIC_CONFIG_REFUSED) {
            assert_non_null(keys[i].refusal);
        }
        if (keys[i].class == CORE_TOPIC_CONFIG_HINT) {
            assert_null(keys[i].refusal);
            assert_int_equal(keys[i].field, 0);
        }
    }
}

static void topic_config_formats_each_default_as_the_table_has_it(void **state)
{
    (void)state;
    struct core_topic_config config = core_topic_config_default();
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char text[CORE_TOPIC_CONFIG_VALUE_BYTES];
        size_t length = core_topic_config_format(&config, &keys[i], text);
        assert_int_equal(length, strlen(text));
        assert_string_equal(text, keys[i].default_text);
    }
    assert_int_equal(config.retention_ms, 7LL * 24 * 3600 * 1000);
    assert_int_equal(config.retention_bytes, -1);
    assert_int_equal(config.segment_bytes, 1 << 30);
    assert_int_equal(config.message_bytes_max, (1 << 20) + 12);
    assert_int_equal(config.durability, CORE_DURABILITY_QUORUM_FSYNC);
    assert_false(config.is_append_time);
}

/* What a value gives: ERR_OK and the text in force, or an error and words of what is said. */
static const struct value_row {
    const char *name;
    const char *value;
    enum err want;
    const char *text;
} value_rows[] = {
    {"retention.ms", "60000", ERR_OK, "60000"},
    {"retention.ms", " +60000\t", ERR_OK, "60000"},
    {"retention.ms", "-1", ERR_OK, "-1"},
    {"retention.ms", "-2", ERR_RANGE, "takes -1 or more"},
    {"retention.ms", "9223372036854775808", ERR_RANGE, "2^63 - 1"},
    {"retention.ms", "", ERR_INVALID, "a whole number of 64 bits"},
    {"retention.ms", "1h", ERR_INVALID, "retention.ms='1h': takes a whole number"},
    {"retention.ms", "+-1", ERR_INVALID, "a whole number"},
    {"retention.ms", "+", ERR_INVALID, "a whole number"},
    {"retention.ms", "0x10", ERR_INVALID, "a whole number"},
    {"retention.bytes", "1073741824", ERR_OK, "1073741824"},
    {"retention.bytes", "-9223372036854775808", ERR_OK, "-1"},
    {"segment.bytes", "1048576", ERR_OK, "1048576"},
    {"segment.bytes", "1048575", ERR_RANGE, "takes 1048576 or more, up to 2^31 - 1"},
    {"segment.bytes", "2147483648", ERR_RANGE, "up to 2^31 - 1"},
    {"segment.ms", "1", ERR_OK, "1"},
    {"segment.ms", "0", ERR_RANGE, "takes 1 or more"},
    {"max.message.bytes", "16777216", ERR_OK, "16777216"},
    {"max.message.bytes", "0", ERR_OK, "0"},
    {"max.message.bytes", "16777217", ERR_RANGE, "takes 0 to 16777216"},
    {"message.timestamp.type", "LogAppendTime", ERR_OK, "LogAppendTime"},
    {"message.timestamp.type", "CreateTime", ERR_OK, "CreateTime"},
    {"message.timestamp.type", "logappendtime", ERR_INVALID, "takes CreateTime|LogAppendTime"},
    {"message.timestamp.before.max.ms", "0", ERR_OK, "0"},
    {"message.timestamp.after.max.ms", "-1", ERR_RANGE, "takes 0 or more"},
    {"min.insync.replicas", "2", ERR_OK, "2"},
    {"min.insync.replicas", "0", ERR_RANGE, "takes 1 or more"},
    {"durability", "quorum-fsync", ERR_OK, "quorum-fsync"},
    {"durability", "quorum-memory", ERR_OK, "quorum-memory"},
    {"durability", "leader", ERR_OK, "leader"},
    {"durability", "none", ERR_INVALID, "quorum-fsync|quorum-memory|leader"},
    {"cleanup.policy", "delete", ERR_OK, "delete"},
    {"cleanup.policy", "compact", ERR_UNSUPPORTED, "not compacted here"},
    {"cleanup.policy", "compact, delete", ERR_UNSUPPORTED, "use 'delete'"},
    {"cleanup.policy", "", ERR_UNSUPPORTED, "retention.ms=-1"},
    {"cleanup.policy", "remove", ERR_INVALID, "takes compact|delete"},
    {"cleanup.policy", "delete,", ERR_INVALID, "takes compact|delete"},
    {"compression.type", "producer", ERR_OK, "producer"},
    {"compression.type", "zstd", ERR_UNSUPPORTED, "on the producers"},
    {"compression.type", "uncompressed", ERR_UNSUPPORTED, "exactly as they are sent"},
    {"compression.type", "none", ERR_INVALID, "takes uncompressed|zstd"},
    {"remote.storage.enable", "false", ERR_OK, "false"},
    {"remote.storage.enable", "FALSE", ERR_OK, "false"},
    {"remote.storage.enable", "true", ERR_UNSUPPORTED, "no remote storage here"},
    {"remote.storage.enable", "yes", ERR_INVALID, "takes true or false"},
    {"unclean.leader.election.enable", "true", ERR_UNSUPPORTED, "a majority elects"},
    {"unclean.leader.election.enable", "false", ERR_OK, "false"},
    {"leader.replication.throttled.replicas", "", ERR_OK, ""},
    {"leader.replication.throttled.replicas", "*", ERR_UNSUPPORTED, "leave it empty"},
    {"follower.replication.throttled.replicas", "0:1", ERR_UNSUPPORTED, "leave it empty"},
    {"compression.gzip.level", "0", ERR_RANGE, "takes -1 to 9, but not 0"},
    {"compression.gzip.level", "10", ERR_RANGE, "takes -1 to 9"},
    {"compression.lz4.level", "18", ERR_RANGE, "takes 1 to 17"},
    {"compression.zstd.level", "-131073", ERR_RANGE, "takes -131072 to 22"},
    {"min.cleanable.dirty.ratio", "1.5", ERR_RANGE, "takes 0 to 1"},
    {"min.cleanable.dirty.ratio", "half", ERR_INVALID, "a decimal number"},
    {"local.retention.ms", "-3", ERR_RANGE, "takes -2 or more"},
    {"retention.sm", "1", ERR_NOT_FOUND, "did you mean 'retention.ms'?"},
    {"Retention.Ms", "1", ERR_NOT_FOUND, "did you mean 'retention.ms'?"},
    {"retention", "1", ERR_NOT_FOUND, "retention='1': topics have no such key"},
    {"retention.msx", "1", ERR_NOT_FOUND, "did you mean 'retention.ms'?"},
    {"", "1", ERR_NOT_FOUND, "topics have no such key"},
    {"log.retention.hours", "1", ERR_NOT_FOUND, "topics have no such key"},
    {"message.downconversion.enable", "true", ERR_NOT_FOUND, "dropped by Kafka 4.0"},
    {"message.format.version", "3.0", ERR_NOT_FOUND, "dropped by Kafka 4.0"},
    {"message.timestamp.difference.max.ms", "1", ERR_NOT_FOUND,
     "use message.timestamp.before.max.ms"},
    {"internal.segment.bytes", "1048576", ERR_NOT_FOUND, "use segment.bytes"},
    {"remote.copy.lag.ms", "0", ERR_NOT_FOUND, "newer than Kafka 4.3"},
};

static void topic_config_takes_or_refuses_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        struct core_topic_config before = core_topic_config_default();
        struct core_topic_config config = before;
        struct core_topic_config_fault fault;
        struct core_topic_config_pair pair = pair_of(row->name, row->value);
        enum err err = core_topic_config_set(&config, &pair, &fault);
        if (err != row->want) {
            fail_msg("%s='%s': %s, not %s (%s)", row->name, row->value, err_name(err),
                     err_name(row->want), fault.text);
        }
        if (err == ERR_OK) {
            char text[CORE_TOPIC_CONFIG_VALUE_BYTES];
            core_topic_config_format(&config, core_topic_config_find(row->name, strlen(row->name)),
                                     text);
            assert_string_equal(text, row->text);
            assert_string_equal(fault.text, "");
        } else {
            if (strstr(fault.text, row->text) == NULL) {
                fail_msg("'%s' lacks '%s'", fault.text, row->text);
            }
            assert_memory_equal(&config, &before, sizeof(config));
        }
    }
}

static void topic_config_keeps_a_hint_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const hints[][2] = {
        {"flush.messages", "1"},          {"flush.ms", "0"},
        {"index.interval.bytes", "1024"}, {"preallocate", "TRUE"},
        {"segment.index.bytes", "4"},     {"segment.jitter.ms", "1000"},
        {"file.delete.delay.ms", "0"},    {"compression.zstd.level", "19"},
        {"delete.retention.ms", "0"},     {"min.cleanable.dirty.ratio", "0.25"},
        {"min.compaction.lag.ms", "5"},   {"max.compaction.lag.ms", "5"},
        {"local.retention.bytes", "-1"},  {"remote.log.copy.disable", "true"},
    };
    struct core_topic_config_pair pairs[ARRAY_COUNT(hints)];
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        pairs[i] = pair_of(hints[i][0], hints[i][1]);
    }
    struct core_topic_config base = core_topic_config_default();
    struct core_topic_config config;
    memset(&config, 0xaa, sizeof(config));
    assert_int_equal(core_topic_config_read(&base, pairs, ARRAY_COUNT(hints), &config, NULL),
                     ERR_OK);
    assert_memory_equal(&config, &base, sizeof(config));
}

static void topic_config_reads_all_served_keys(void **state)
{
    (void)state;
    const struct core_topic_config_pair pairs[] = {
        pair_of("retention.ms", "1"),
        pair_of("retention.bytes", "2"),
        pair_of("segment.ms", "3"),
        pair_of("message.timestamp.before.max.ms", "4"),
        pair_of("message.timestamp.after.max.ms", "5"),
        pair_of("segment.bytes", "1048577"),
        pair_of("max.message.bytes", "6"),
        pair_of("min.insync.replicas", "7"),
        pair_of("message.timestamp.type", "LogAppendTime"),
        pair_of("durability", "leader"),
    };
    struct core_topic_config base = core_topic_config_default();
    struct core_topic_config got;
    assert_int_equal(core_topic_config_read(&base, pairs, ARRAY_COUNT(pairs), &got, NULL), ERR_OK);
    assert_int_equal(got.retention_ms, 1);
    assert_int_equal(got.retention_bytes, 2);
    assert_int_equal(got.segment_ms, 3);
    assert_int_equal(got.timestamp_before_max_ms, 4);
    assert_int_equal(got.timestamp_after_max_ms, 5);
    assert_int_equal(got.segment_bytes, 1048577);
    assert_int_equal(got.message_bytes_max, 6);
    assert_int_equal(got.insync_replicas_min, 7);
    assert_true(got.is_append_time);
    assert_int_equal(got.durability, CORE_DURABILITY_LEADER);
}

/* Pairs that do not go together. */
static const struct set_row {
    const char *pairs[3][2];
    enum err want;
    const char *text;
} set_rows[] = {
    {{{"min.compaction.lag.ms", "5"}, {"max.compaction.lag.ms", "5"}}, ERR_OK, ""},
    {{{"min.compaction.lag.ms", "6"}, {"max.compaction.lag.ms", "5"}},
     ERR_INVALID,
     "min.compaction.lag.ms=6 is above max.compaction.lag.ms=5"},
    {{{"retention.ms", "6"}, {"retention.ms", "6"}}, ERR_INVALID, "the key is set twice"},
    {{{"durability", "quorum-memory"}, {"flush.ms", "100"}}, ERR_OK, ""},
    {{{"durability", "quorum-memory"}, {"flush.ms", "99"}}, ERR_UNSUPPORTED, "quorum-fsync"},
    {{{"durability", "quorum-memory"}, {"flush.messages", "1"}}, ERR_UNSUPPORTED, "quorum-fsync"},
    {{{"durability", "leader"}, {"flush.messages", "1"}, {"flush.ms", "0"}}, ERR_OK, ""},
    {{{"retention.ms", "6"}, {"retention.mss", "6"}}, ERR_NOT_FOUND, "did you mean"},
};

static void topic_config_checks_pairs_against_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(set_rows); i++) {
        struct core_topic_config_pair pairs[3];
        size_t count = 0;
        while (count < 3 && set_rows[i].pairs[count][0] != NULL) {
            pairs[count] = pair_of(set_rows[i].pairs[count][0], set_rows[i].pairs[count][1]);
            count++;
        }
        struct core_topic_config base = core_topic_config_default();
        struct core_topic_config got;
        struct core_topic_config_fault fault;
        memset(&got, 0xaa, sizeof(got));
        struct core_topic_config untouched = got;
        assert_int_equal(core_topic_config_read(&base, pairs, count, &got, &fault),
                         set_rows[i].want);
        assert_non_null(strstr(fault.text, set_rows[i].text));
        if (set_rows[i].want != ERR_OK) {
            assert_memory_equal(&got, &untouched, sizeof(got));
        }
    }
}

static void topic_config_never_refuses_a_topic_for_the_brokers_default(void **state)
{
    (void)state;
    struct core_topic_config base = core_topic_config_default();
    base.durability = CORE_DURABILITY_QUORUM_MEMORY;
    struct core_topic_config got;
    struct core_topic_config_pair pair = pair_of("flush.messages", "1");
    assert_int_equal(core_topic_config_read(&base, &pair, 1, &got, NULL), ERR_OK);
    assert_int_equal(got.durability, CORE_DURABILITY_QUORUM_FSYNC);
    pair = pair_of("flush.ms", "100");
    assert_int_equal(core_topic_config_read(&base, &pair, 1, &got, NULL), ERR_OK);
    assert_int_equal(got.durability, CORE_DURABILITY_QUORUM_MEMORY);
}

static void topic_config_refuses_more_pairs_than_there_can_be(void **state)
{
    (void)state;
    struct core_topic_config_pair pairs[CORE_TOPIC_CONFIG_PAIRS_MAX + 1];
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        pairs[i] = pair_of("retention.ms", "1");
    }
    struct core_topic_config base = core_topic_config_default();
    struct core_topic_config got;
    struct core_topic_config_fault fault;
    assert_int_equal(core_topic_config_read(&base, pairs, ARRAY_COUNT(pairs), &got, &fault),
                     ERR_INVALID);
    assert_string_equal(fault.text, "41 settings are more than 40");
}

static void topic_config_refuses_a_value_of_any_length_and_says_so_in_print(void **state)
{
    (void)state;
    static char longer[UINT16_MAX];
    memset(longer, '1', sizeof(longer));
    longer[0] = '\x1b';
    struct core_topic_config config = core_topic_config_default();
    struct core_topic_config_fault fault;
    struct core_topic_config_pair pair = pair_of("retention.ms", "");
    pair.value = longer;
    pair.value_bytes = sizeof(longer);
    assert_int_equal(core_topic_config_set(&config, &pair, &fault), ERR_INVALID);
    assert_non_null(strstr(fault.text, "retention.ms='?1111"));
    assert_non_null(strstr(fault.text, "...': longer than 255 bytes"));
    pair.name = longer;
    pair.name_bytes = sizeof(longer);
    assert_int_equal(core_topic_config_set(&config, &pair, &fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.text, "...': topics have no such key"));
}

/* Any bytes as name or value: an answer, its text printable and ended. */
static void topic_config_answers_any_bytes(void **state)
{
    (void)state;
    struct share share = share_open("any bytes as pairs", 60);
    size_t count;
    const struct core_topic_config_key *keys = core_topic_config_keys(&count);
    while (share_more(&share)) {
        struct prng p;
        prng_init(&p, share_case_seed(&share));
        char bytes[2][300];
        prng_fill(&p, bytes, sizeof(bytes));
        const struct core_topic_config_key *key = &keys[prng_below(&p, count)];
        bool is_known = prng_chance(&p, 3, 4);
        struct core_topic_config_pair pair = {
            .name = is_known ? key->name : bytes[0],
            .value = bytes[1],
            .name_bytes = (uint16_t)(is_known ? strlen(key->name) : prng_below(&p, 300)),
            .value_bytes = (uint16_t)prng_below(&p, prng_chance(&p, 1, 2) ? 4 : 300),
        };
        struct core_topic_config config = core_topic_config_default();
        struct core_topic_config_fault fault;
        memset(&fault, 0xff, sizeof(fault));
        enum err err = core_topic_config_set(&config, &pair, &fault);
        size_t length = strnlen(fault.text, sizeof(fault.text));
        assert_in_range(length, 0, sizeof(fault.text) - 1);
        assert_int_equal(length == 0, err == ERR_OK);
        for (size_t i = 0; i < length; i++) {
            assert_in_range(fault.text[i], ' ', '~');
        }
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_config_has_the_keys_of_kafka_and_one_of_ours),
        cmocka_unit_test(topic_config_has_the_synonyms_of_kafka_in_its_order),
        cmocka_unit_test(topic_config_synonyms_say_the_default_in_their_unit),
        cmocka_unit_test(topic_config_says_a_sentence_of_every_key),
        cmocka_unit_test(topic_config_formats_each_default_as_the_table_has_it),
        cmocka_unit_test(topic_config_takes_or_refuses_a_value),
        cmocka_unit_test(topic_config_keeps_a_hint_and_changes_nothing),
        cmocka_unit_test(topic_config_reads_all_served_keys),
        cmocka_unit_test(topic_config_checks_pairs_against_each_other),
        cmocka_unit_test(topic_config_never_refuses_a_topic_for_the_brokers_default),
        cmocka_unit_test(topic_config_refuses_more_pairs_than_there_can_be),
        cmocka_unit_test(topic_config_refuses_a_value_of_any_length_and_says_so_in_print),
        cmocka_unit_test(topic_config_answers_any_bytes),
    };
    return cmocka_run_group_tests_name("core_topic_config", tests, NULL, NULL);
}
