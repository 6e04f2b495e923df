/* What a Kafka client trips over, each after its number in anchors/broker.md 2c, as far as the APIs
 * it is about are served; and the ranges that are advertised. Of offsets and epochs (15, 21):
 * traps_offsets_test.c; of topics and producers (10, 11, 26, 29): traps_topics_test.c. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rt/shard.h"
#include "broker/core/change.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/errors.h"
#include "storage/log/batch.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/traps.h"

#define TRAPS_BATCH_BYTES (2u << 20)

static const struct kafka_api_versions_response *traps_versions(struct town_client *c,
                                                                int16_t version, const char *name,
                                                                const char *software_version)
{
    struct kafka_api_versions_request body;
    kafka_reset(&kafka_struct_api_versions_request, &body);
    body.client_software_name = talk_text(name);
    body.client_software_version = talk_text(software_version);
    return town_call(c, &kafka_message_api_versions_request, version, &body);
}

/* --- What is advertised --- */

/* Apache Kafka's ranges, of what is served, and nothing else. */
static const struct traps_range {
    int16_t key;
    int16_t first;
    int16_t last;
} traps_ranges[] = {
    {0, 0, 13}, /* Produce: 0-2 are told of and refused */
    {1, 4, 17}, /* Fetch */
    {2, 1, 10}, /* ListOffsets */
    {3, 0, 13}, /* Metadata */
    {10, 0, 6}, /* FindCoordinator */
    {18, 0, 4}, /* ApiVersions */
    {19, 2, 7}, /* CreateTopics */
    {20, 1, 6}, /* DeleteTopics */
    {21, 0, 2}, /* DeleteRecords */
    {22, 0, 5}, /* InitProducerId */
    {23, 2, 4}, /* OffsetForLeaderEpoch */
    {32, 1, 4}, /* DescribeConfigs */
    {33, 0, 2}, /* AlterConfigs */
    {37, 0, 3}, /* CreatePartitions */
    {44, 0, 1}, /* IncrementalAlterConfigs */
    {60, 0, 2}, /* DescribeCluster */
    {75, 0, 0}, /* DescribeTopicPartitions */
};

static void every_advertised_range_is_on_the_list(void **state)
{
    (void)state;
    struct town *t = traps_town(1, NULL);
    const struct kafka_api_versions_response *answer =
        traps_versions(town_connect(t), 4, "town", "1");
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->api_keys.count, ARRAY_COUNT(traps_ranges));
    for (int32_t i = 0; i < answer->api_keys.count; i++) {
        assert_int_equal(answer->api_keys.items[i].api_key, traps_ranges[i].key);
        assert_int_equal(answer->api_keys.items[i].min_version, traps_ranges[i].first);
        assert_int_equal(answer->api_keys.items[i].max_version, traps_ranges[i].last);
    }
    traps_end(t);
}

/* --- 1, 2, 3: ApiVersions --- */

/* The body of such a version is not looked at: here it is garbage. */
static void trap_1_an_unknown_version_of_api_versions_is_answered_in_version_0(void **state)
{
    (void)state;
    static const int16_t versions[] = {5, 6, 99, INT16_MAX};
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        uint8_t frame[32];
        struct bytes_writer w = bytes_writer(frame, sizeof(frame));
        bytes_put_u32be(&w, 20);
        bytes_put_u16be(&w, 18);
        bytes_put_u16be(&w, (uint16_t)versions[i]);
        bytes_put_u32be(&w, 4711);
        bytes_put_u16be(&w, 2); /* not compact, though the header is flexible */
        bytes_put_copy(&w, "me", 2);
        bytes_put_u8(&w, 0);
        bytes_put_copy(&w, "\xff\xff\xff\xff\xff\xff\xff", 7);
        town_bytes(c, frame, w.pos);
        size_t length;
        const uint8_t *answer = town_take_frame(c, &length);
        assert_non_null(answer);
        assert_int_equal(length, 4 + 2 + 4 + ARRAY_COUNT(traps_ranges) * 6); /* no tags, no time */
        struct bytes_reader r = bytes_reader(answer, length);
        assert_int_equal(bytes_get_u32be(&r), 4711);
        assert_int_equal(bytes_get_u16be(&r), 35);
        uint32_t count = bytes_get_u32be(&r);
        bool has_itself = false;
        for (uint32_t k = 0; k < count; k++) {
            bool is_itself = bytes_get_u16be(&r) == 18;
            bytes_get_u16be(&r);
            has_itself |= is_itself && bytes_get_u16be(&r) == 4;
            r.pos += is_itself ? 0 : 2;
        }
        assert_true(has_itself);
    }
    assert_int_equal(traps_versions(c, 4, "town", "1")->error_code, 0); /* asked again */
    traps_end(t);
}

static void trap_2_the_answer_of_api_versions_has_a_header_of_version_0(void **state)
{
    (void)state;
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    traps_versions(c, 3, "town", "1");
    struct bytes_reader r = bytes_reader(c->frame, c->frame_bytes);
    assert_int_equal(bytes_get_u32be(&r), c->correlation_id);
    assert_int_equal(bytes_get_u16be(&r), 0); /* the error: no tags stand before it */
    assert_int_equal(bytes_get_u8(&r), ARRAY_COUNT(traps_ranges) + 1); /* compact */
    traps_end(t);
}

/* The header of a flexible request has tags, but its client id is what it was before (KIP-482). */
static void trap_2_the_client_id_of_a_flexible_request_is_not_compact(void **state)
{
    (void)state;
    static const struct {
        uint16_t length; /* UINT16_MAX: null */
        const char *text;
    } rows[] = {{UINT16_MAX, ""}, {0, ""}, {2, "me"}};
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
        uint8_t frame[32];
        struct bytes_writer w = bytes_writer(frame, sizeof(frame));
        bytes_put_u32be(&w, 0);
        bytes_put_u16be(&w, 18);
        bytes_put_u16be(&w, (uint16_t)(3 + i % 2));
        bytes_put_u32be(&w, 4711);
        bytes_put_u16be(&w, rows[i / 2].length);
        bytes_put_copy(&w, rows[i / 2].text, strlen(rows[i / 2].text));
        bytes_put_copy(&w, "\0\4abc\2d\0", 8); /* tags; name and version, compact; tags */
        bytes_patch_u32be(&w, 0, (uint32_t)w.pos - 4);
        town_bytes(c, frame, w.pos);
        size_t length;
        const uint8_t *answer = town_take_frame(c, &length);
        assert_non_null(answer);
        struct bytes_reader r = bytes_reader(answer, length);
        assert_int_equal(bytes_get_u32be(&r), 4711);
        assert_int_equal(bytes_get_u16be(&r), 0);
        assert_int_equal(r.err, ERR_OK);
    }
    traps_end(t);
}

/* KIP-511: [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])? */
static void trap_3_a_software_name_is_held_to_its_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *version;
        int16_t error;
    } rows[] = {
        {"apache-kafka-java", "4.0.0", 0},
        {"a", "1", 0},
        {"a.b-c", "1-rc.1", 0},
        {"", "1", 42},
        {"a", "", 42},
        {"-a", "1", 42},
        {"a-", "1", 42},
        {".a", "1", 42},
        {"a_b", "1", 42},
        {"a b", "1", 42},
        {"a", "1.", 42},
        {"\xc3\xa9", "1", 42},
    };
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(traps_versions(c, 3, rows[i].name, rows[i].version)->error_code,
                         rows[i].error);
        assert_int_equal(traps_versions(c, 2, rows[i].name, rows[i].version)->error_code, 0);
    }
    traps_end(t);
}

/* KAFKA-17011: old Java clients throw at a feature whose least version is 0. None is told. */
static void trap_3_no_feature_is_told_to_old_clients(void **state)
{
    (void)state;
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    const struct kafka_api_versions_response *answer = traps_versions(c, 3, "town", "1");
    assert_int_equal(answer->supported_features.count, 0);
    assert_int_equal(answer->finalized_features.count, 0);
    traps_end(t);
}

/* --- 4: what librdkafka looks for --- */

/* What librdkafka up to 2.10 switches by single versions (rdkafka_feature.c, and the codecs of
 * rdkafka_msgset_writer.c): on where each of these requests is offered in one of these versions.
 * What groups and SASL need is off, and stays so until they are served: a client that believes in
 * them would wait for them. */
static const struct traps_feature {
    const char *name;
    bool is_on;
    uint32_t needs_count;
    struct traps_range needs[7];
} traps_features[] = {
    {"compression", true, 1, {{0, 0, 0}}},
    {"MsgVer2", true, 2, {{0, 3, 3}, {1, 4, 4}}},
    {"ApiVersion", true, 1, {{18, 0, 0}}},
    {"BrokerGroupCoordinator", true, 1, {{10, 0, 0}}},
    {"LZ4", true, 1, {{10, 0, 0}}},
    {"OffsetTime", true, 1, {{2, 1, 1}}},
    {"IdempotentProducer", true, 1, {{22, 0, 0}}},
    {"ZSTD", true, 2, {{0, 7, 7}, {1, 10, 10}}},
    {"BrokerBalancedConsumer",
     false,
     7,
     {{10, 0, 0}, {8, 1, 2}, {9, 1, 1}, {11, 0, 0}, {14, 0, 0}, {12, 0, 0}, {13, 0, 0}}},
    {"Sasl", false, 1, {{11, 0, 0}}},
    {"SaslHandshake", false, 1, {{17, 0, 0}}},
    {"SaslAuthReq", false, 2, {{17, 1, 1}, {36, 0, 1}}},
};

static bool traps_is_offered(const struct kafka_api_versions_response *answer,
                             const struct traps_range *need)
{
    for (int32_t i = 0; i < answer->api_keys.count; i++) {
        if (answer->api_keys.items[i].api_key == need->key) {
            return answer->api_keys.items[i].min_version <= need->last &&
                   answer->api_keys.items[i].max_version >= need->first;
        }
    }
    return false;
}

static void trap_4_librdkafka_finds_the_versions_it_switches_features_by(void **state)
{
    (void)state;
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (int16_t version = 0; version <= 3; version++) { /* it asks with 3, and may with 0 */
        const struct kafka_api_versions_response *answer = traps_versions(c, version, "town", "1");
        for (size_t i = 0; i < ARRAY_COUNT(traps_features); i++) {
            const struct traps_feature *feature = &traps_features[i];
            bool is_on = true;
            for (uint32_t k = 0; k < feature->needs_count; k++) {
                is_on &= traps_is_offered(answer, &feature->needs[k]);
            }
            if (is_on != feature->is_on) {
                fail_msg("%s is %s in version %d", feature->name, is_on ? "on" : "off", version);
            }
        }
    }
    traps_end(t);
}

/* --- 13: limits of a fetch --- */

/* Fetch partitions 0 .. count - 1 of "t" from offset 0; the bytes each gave. */
static void traps_fetch_all(struct town_client *c, int32_t count, bool is_backwards,
                            int32_t bytes_max, int32_t partition_bytes_max, int32_t *out)
{
    struct kafka_fetch_request_partition parts[16];
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request body;
    kafka_reset(&kafka_struct_fetch_request, &body);
    kafka_reset(&kafka_struct_fetch_request_topic, &topic);
    for (int32_t i = 0; i < count; i++) {
        kafka_reset(&kafka_struct_fetch_request_partition, &parts[i]);
        parts[i].partition = is_backwards ? count - 1 - i : i;
        parts[i].partition_max_bytes = partition_bytes_max;
    }
    topic.topic = talk_text("t");
    topic.partitions.items = parts;
    topic.partitions.count = count;
    body.max_bytes = bytes_max;
    body.topics.items = &topic;
    body.topics.count = 1;
    const struct kafka_fetch_response *answer =
        town_call(c, &kafka_message_fetch_request, 12, &body);
    assert_int_equal(answer->responses.items[0].partitions.count, count);
    for (int32_t i = 0; i < count; i++) {
        const struct kafka_fetch_response_partition *part =
            &answer->responses.items[0].partitions.items[i];
        assert_int_equal(part->partition_index, parts[i].partition);
        assert_int_equal(part->error_code, 0);
        out[part->partition_index] = part->records.length;
    }
}

/* Six partitions, the first one empty, each other with four batches of 1,000 bytes and more. */
static struct town *traps_six(uint32_t shards_count, size_t *batch_bytes)
{
    struct town *t = town_new(1, NULL);
    struct talk_batch batch;
    t->core.partitions_count = 6;
    town_start(t, shards_count);
    struct town_client *c = town_connect(t);
    assert_int_equal(talk_topic(c, "t"), 0);
    for (uint32_t i = 0; i < 20; i++) {
        talk_batch(t, &batch, i, 1, 1000, 1000);
        assert_int_equal(talk_produce(c, "t", 1 + (int32_t)i % 5, -1, &batch)->error_code, 0);
    }
    *batch_bytes = batch.length;
    return t;
}

static void traps_first_gives(uint32_t shards_count)
{
    static const int32_t limits[] = {0, 1, 500};
    size_t batch_bytes;
    int32_t got[6];
    struct town *t = traps_six(shards_count, &batch_bytes);
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        traps_fetch_all(c, 6, false, limits[i], 1 << 20, got);
        assert_int_equal(got[1], batch_bytes); /* 0 is empty */
        assert_int_equal(got[0] + got[2] + got[3] + got[4] + got[5], 0);
        traps_fetch_all(c, 6, true, limits[i], 1 << 20, got);
        assert_int_equal(got[5], batch_bytes);
        assert_int_equal(got[0] + got[1] + got[2] + got[3] + got[4], 0);
    }
    traps_end(t);
}

static void trap_13_the_first_partition_that_has_data_gives_a_batch_above_the_limit(void **state)
{
    (void)state;
    traps_first_gives(1);
}

static void trap_13_the_order_of_partitions_holds_over_shards(void **state)
{
    (void)state;
    traps_first_gives(3);
}

static void trap_13_limits_of_a_partition_and_of_all_hold(void **state)
{
    (void)state;
    size_t batch_bytes;
    int32_t got[6];
    struct town *t = traps_six(1, &batch_bytes);
    struct town_client *c = town_connect(t);
    int32_t one = (int32_t)batch_bytes;
    traps_fetch_all(c, 6, false, 1 << 20, 2 * one, got);
    for (uint32_t i = 1; i < 6; i++) {
        assert_int_equal(got[i], 2 * one);
    }
    traps_fetch_all(c, 6, false, 5 * one, 1 << 20, got);
    assert_int_equal(got[1], 4 * one);
    assert_int_equal(got[2], one);
    assert_int_equal(got[3] + got[4] + got[5], 0);
    traps_end(t);
}

static void trap_13_an_offset_within_a_batch_gives_the_whole_batch(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct talk_record records[8];
    talk_batch(t, &batch, 100, 5, 1000, 50);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 0);
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = 3});
    assert_int_equal(fetched->records.length, batch.length);
    assert_int_equal(talk_records(t, &fetched->records, 0, records, 8), 5);
    assert_int_equal(records[3].serial, 103);
    traps_end(t);
}

/* A fetch that wants more than it may get does not wait for what cannot come. */
static void trap_13_bytes_wanted_above_bytes_allowed_do_not_wait(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    for (uint32_t i = 0; i < 3; i++) {
        talk_batch(t, &batch, i, 1, 1000, 1000);
        assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    }
    uint64_t before_ns = sim_now_ns(t->sim);
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t",
                                           .bytes_max = (int32_t)batch.length,
                                           .bytes_min = 1 << 20,
                                           .max_wait_ms = 30000});
    assert_int_equal(fetched->records.length, batch.length);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    traps_end(t);
}

static size_t traps_large(struct town *t, size_t batch_bytes, uint8_t *out)
{
    uint8_t *raw = malloc(TRAPS_BATCH_BYTES);
    char *value = malloc(TRAPS_BATCH_BYTES);
    struct batch_build b;
    assert_non_null(raw);
    assert_non_null(value);
    memset(value, 'v', TRAPS_BATCH_BYTES);
    batch_build_init(&b, raw, TRAPS_BATCH_BYTES);
    /* 61 bytes of header; of a record 3 of length, 1 of attributes, 1, 1, 1 of deltas and key, 3 of
     * length, 1 of headers */
    batch_build_add(&b, &(struct batch_build_record){
                            .timestamp = 1000, .value = value, .value_bytes = batch_bytes - 72});
    size_t length = batch_build_end(&b, NULL, t->kernels, out, TRAPS_BATCH_BYTES);
    free(raw);
    free(value);
    assert_int_equal(length, batch_bytes);
    return length;
}

/* Likewise what the broker sends: Kafka's fetch.max.bytes, or where a shard has little memory a
 * 64th of that. */
static void trap_13_the_brokers_own_limit_holds_whatever_a_client_allows(void **state)
{
    (void)state;
    enum { BATCH_BYTES = 300000 };
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    size_t limit_bytes = rt_shard_budget(town_core(t, 0)->shard)->limit_bytes / 64;
    int32_t batches_count = (int32_t)(limit_bytes / BATCH_BYTES);
    uint8_t *data = malloc(TRAPS_BATCH_BYTES);
    assert_non_null(data);
    assert_in_range(batches_count, 1, 10);
    talk_metadata(c, 9, "t", NULL, 1); /* a valid request: larger ones may follow */
    for (int32_t i = 0; i < batches_count + 1; i++) {
        talk_produce_ask(c, 9, "t", 0, -1, data, traps_large(t, BATCH_BYTES, data));
        assert_int_equal(talk_produce_answer(c)->error_code, 0);
    }
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t", .bytes_max = INT32_MAX});
    assert_int_equal(fetched->records.length, batches_count * BATCH_BYTES);
    free(data);
    traps_end(t);
}

/* --- 17: batches --- */

static void trap_17_an_append_changes_twelve_bytes(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    talk_batch(t, &batch, 1, 3, 1000, 100);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 0);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 3);
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = 3});
    assert_int_equal(fetched->records.length, batch.length);
    struct bytes_reader r = bytes_reader(fetched->records.data, 16);
    assert_int_equal(bytes_get_u64be(&r), 3);
    assert_int_equal(bytes_get_u32be(&r), batch.length - 12);
    assert_memory_equal(fetched->records.data + 16, batch.data + 16, batch.length - 16);
    traps_end(t);
}

static void trap_17_log_append_time_is_the_brokers_and_under_the_checksum(void **state)
{
    (void)state;
    static const struct core_topic_config_pair pair = {"message.timestamp.type", "LogAppendTime",
                                                       22, 13};
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct log_batch stored;
    talk_change(t, CORE_CHANGE_CREATE, "t", &pair, 1);
    talk_batch(t, &batch, 1, 3, 1000, 100);
    int64_t told = talk_produce(c, "t", 0, -1, &batch)->log_append_time_ms;
    assert_true(told >= INT64_C(1800000000000)); /* where the world's clocks begin */
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t"});
    assert_true(
        log_batch_is_sound(t->kernels, fetched->records.data, (size_t)fetched->records.length));
    assert_int_equal(
        log_batch_decode(fetched->records.data, (size_t)fetched->records.length, &stored), ERR_OK);
    assert_int_equal(stored.attributes & 8, 8);
    assert_int_equal(stored.max_timestamp, told);
    traps_end(t);
}

/* What is done to a batch, and the error of it. */
static void trap_17_a_wrong_batch_is_refused(void **state)
{
    (void)state;
    enum { CRC, TWO, COUNT, DELTA, MAGIC, CUT, EMPTY, TRANSACTIONAL, CONTROL, TIME, RIGHT };
    static const struct {
        const char *name;
        int what;
        int16_t error;
    } rows[] = {
        {"a flipped bit", CRC, 2},
        {"two batches", TWO, 87},
        {"a record less than counted", COUNT, 87},
        {"last offset delta", DELTA, 87},
        {"message format 1", MAGIC, 43},
        {"cut", CUT, 87},
        {"no batch", EMPTY, 87},
        {"transactional", TRANSACTIONAL, 53},
        {"control", CONTROL, 87},
        {"a time an hour ahead and more", TIME, 32},
        {"nothing", RIGHT, 0},
    };
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint8_t raw[256];
        uint8_t data[512];
        struct batch_build b;
        batch_build_init(&b, raw, sizeof(raw));
        int64_t time = rows[i].what == TIME ? INT64_C(1800000000000) + 7200000 : 1000;
        batch_build_add(&b, &(struct batch_build_record){.timestamp = time, .value = "one"});
        batch_build_add(&b, &(struct batch_build_record){.timestamp = time, .value = "two"});
        b.records_count += rows[i].what == COUNT;
        b.last_offset_delta += rows[i].what == COUNT || rows[i].what == DELTA;
        b.magic = rows[i].what == MAGIC ? 1 : 2;
        b.attributes = rows[i].what == TRANSACTIONAL ? 16 : rows[i].what == CONTROL ? 32 : 0;
        if (rows[i].what == TRANSACTIONAL) {
            b.producer_id = 1;
            b.producer_epoch = 0;
            b.base_sequence = 0;
        }
        size_t length = batch_build_end(&b, NULL, t->kernels, data, sizeof(data));
        if (rows[i].what == TWO) {
            memcpy(data + length, data, length);
            length *= 2;
        }
        data[length - 1] ^= rows[i].what == CRC;
        length = rows[i].what == EMPTY ? 0 : length - (rows[i].what == CUT);
        talk_produce_ask(c, 9, "t", 0, -1, data, length);
        int16_t error = talk_produce_answer(c)->error_code;
        if (error != rows[i].error) {
            fail_msg("%s: %d, not %d", rows[i].name, error, rows[i].error);
        }
    }
    assert_int_equal(talk_offset(c, "t", 0, -1), 2);
    traps_end(t);
}

/* --- 18: zstd --- */

static void trap_18_zstd_needs_produce_7(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    uint8_t data[4096];
    size_t length = traps_compressed(t, CODEC_ZSTD, data, sizeof(data));
    for (int16_t version = 3; version <= 12; version++) { /* 13 has ids */
        talk_produce_ask(c, version, "t", 0, -1, data, length);
        assert_int_equal(talk_produce_answer(c)->error_code, version < 7 ? 76 : 0);
    }
    assert_int_equal(talk_offset(c, "t", 0, -1), 60);
    traps_end(t);
}

/* Kafka 2.1 to 3.9 refuse zstd to Fetch below 10 by the topic's compression.type alone (KafkaApis.
 * maybeConvertFetchedData), 4.3 nowhere; KIP-110 wanted it by the batch. Where it is producer,
 * which is all that is served here, clients that send Fetch 4 read zstd: kafka-python, aiokafka. */
static void trap_18_zstd_goes_to_every_fetch_where_compression_type_is_producer(void **state)
{
    (void)state;
    static const struct core_topic_config_pair pair = {"compression.type", "zstd", 16, 4};
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    struct core_change_item item = {.kind = CORE_CHANGE_CREATE,
                                    .name = "z",
                                    .name_bytes = 1,
                                    .partitions_count = 1,
                                    .replicas_count = 1,
                                    .pairs = &pair,
                                    .pairs_count = 1};
    town_change(t, &item);
    assert_int_equal(item.code, CORE_INVALID_CONFIG);
    uint8_t data[4096];
    size_t length = traps_compressed(t, CODEC_ZSTD, data, sizeof(data));
    talk_produce_ask(c, 7, "t", 0, -1, data, length);
    assert_int_equal(talk_produce_answer(c)->error_code, 0);
    for (int16_t version = 4; version <= 12; version++) {
        const struct kafka_fetch_response_partition *fetched =
            talk_fetch(c, &(struct talk_fetch){.topic = "t", .version = version});
        assert_int_equal(fetched->error_code, 0);
        assert_int_equal(fetched->records.length, length);
    }
    traps_end(t);
}

/* The stored batch says what the client said. */
static void trap_18_every_codec_is_kept_as_it_came(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    for (enum codec_kind codec = CODEC_NONE; codec < CODEC_KIND_COUNT; codec++) {
        uint8_t data[4096];
        size_t length = traps_compressed(t, codec, data, sizeof(data));
        talk_produce_ask(c, 9, "t", 0, -1, data, length);
        int64_t offset = talk_produce_answer(c)->base_offset;
        assert_int_equal(offset, 10 * codec);
        const struct kafka_fetch_response_partition *fetched =
            talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = (uint64_t)offset});
        assert_int_equal(fetched->records.length, length);
        assert_int_equal(fetched->records.data[22] & 7, codec);
        assert_memory_equal(fetched->records.data + 61, data + 61, length - 61);
    }
    traps_end(t);
}

/* --- 19: bounds --- */

static void trap_19_message_max_bytes_is_of_the_batch(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    uint8_t *data = malloc(TRAPS_BATCH_BYTES);
    assert_non_null(data);
    talk_metadata(c, 9, "t", NULL, 1); /* a valid request: larger ones may follow */
    talk_produce_ask(c, 9, "t", 0, -1, data, traps_large(t, 1048588, data));
    assert_int_equal(talk_produce_answer(c)->error_code, 0);
    talk_produce_ask(c, 9, "t", 0, -1, data, traps_large(t, 1048589, data));
    assert_int_equal(talk_produce_answer(c)->error_code, 10);
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t", .bytes_max = 1000});
    assert_int_equal(fetched->records.length, 1048588);
    free(data);
    traps_end(t);
}

/* An array that says it has two thousand million items costs nothing but its connection. */
static void trap_19_array_lengths_are_held_to_the_bytes_received(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0, 0, 0, 14,  0,   3,    0,    1,    0,
                                    0, 0, 1, 255, 255, 0x7f, 0xff, 0xff, 0xff};
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    town_bytes(c, frame, sizeof(frame));
    assert_true(town_is_ended(c, 1000));
    assert_true(town_core(t, 0)->budget.peak_bytes < 8 << 20);
    assert_int_equal(town_said(t, "cannot be read"), 1);
    traps_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_advertised_range_is_on_the_list),
        cmocka_unit_test(trap_1_an_unknown_version_of_api_versions_is_answered_in_version_0),
        cmocka_unit_test(trap_2_the_answer_of_api_versions_has_a_header_of_version_0),
        cmocka_unit_test(trap_2_the_client_id_of_a_flexible_request_is_not_compact),
        cmocka_unit_test(trap_3_a_software_name_is_held_to_its_pattern),
        cmocka_unit_test(trap_3_no_feature_is_told_to_old_clients),
        cmocka_unit_test(trap_4_librdkafka_finds_the_versions_it_switches_features_by),
        cmocka_unit_test(trap_13_the_first_partition_that_has_data_gives_a_batch_above_the_limit),
        cmocka_unit_test(trap_13_the_order_of_partitions_holds_over_shards),
        cmocka_unit_test(trap_13_limits_of_a_partition_and_of_all_hold),
        cmocka_unit_test(trap_13_an_offset_within_a_batch_gives_the_whole_batch),
        cmocka_unit_test(trap_13_bytes_wanted_above_bytes_allowed_do_not_wait),
        cmocka_unit_test(trap_13_the_brokers_own_limit_holds_whatever_a_client_allows),
        cmocka_unit_test(trap_17_an_append_changes_twelve_bytes),
        cmocka_unit_test(trap_17_log_append_time_is_the_brokers_and_under_the_checksum),
        cmocka_unit_test(trap_17_a_wrong_batch_is_refused),
        cmocka_unit_test(trap_18_zstd_needs_produce_7),
        cmocka_unit_test(trap_18_zstd_goes_to_every_fetch_where_compression_type_is_producer),
        cmocka_unit_test(trap_18_every_codec_is_kept_as_it_came),
        cmocka_unit_test(trap_19_message_max_bytes_is_of_the_batch),
        cmocka_unit_test(trap_19_array_lengths_are_held_to_the_bytes_received),
    };
    return cmocka_run_group_tests_name("kafka_traps", tests, NULL, NULL);
}
