/* What a Kafka client trips over where topics are made, named and found, and where producers are
 * known: each after its number in anchors/broker.md 2c. */
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/codec.h"
#include "broker/kafka/errors.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/traps.h"

/* --- 10: idempotence --- */

static int64_t traps_producer_id(struct town_client *c, int16_t version, int64_t id, int16_t epoch)
{
    struct kafka_init_producer_id_request body;
    kafka_reset(&kafka_struct_init_producer_id_request, &body);
    body.transactional_id.length = KAFKA_NULL;
    body.producer_id = id;
    body.producer_epoch = epoch;
    const struct kafka_init_producer_id_response *answer =
        town_call(c, &kafka_message_init_producer_id_request, version, &body);
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->producer_epoch, 0);
    return answer->producer_id;
}

/* Send one record as sequence `sequence`; its error, and its offset. */
static int16_t traps_sequence(struct town *t, struct town_client *c, int64_t id, int16_t epoch,
                              int32_t sequence, int64_t *offset)
{
    uint8_t raw[256];
    uint8_t data[512];
    struct batch_build b;
    batch_build_init(&b, raw, sizeof(raw));
    batch_build_add(&b, &(struct batch_build_record){.timestamp = 1000, .value = "one"});
    b.producer_id = id;
    b.producer_epoch = epoch;
    b.base_sequence = sequence;
    size_t length = batch_build_end(&b, NULL, t->kernels, data, sizeof(data));
    talk_produce_ask(c, 9, "t", 0, -1, data, length);
    const struct kafka_produce_response_partition *answer = talk_produce_answer(c);
    *offset = answer->base_offset;
    return answer->error_code;
}

/* The five newest batches of a producer are known, over a crash, too. */
static void trap_10_a_duplicate_is_answered_with_the_first_ones_offset(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    int64_t id = traps_producer_id(c, 4, -1, -1);
    int64_t offset;
    for (int32_t i = 0; i < 7; i++) {
        assert_int_equal(traps_sequence(t, c, id, 0, i, &offset), 0);
        assert_int_equal(offset, i);
    }
    for (uint32_t start = 0; start < 2; start++) {
        for (int32_t i = 6; i >= 2; i--) {
            assert_int_equal(traps_sequence(t, c, id, 0, i, &offset), 0);
            assert_int_equal(offset, i);
        }
        assert_int_equal(traps_sequence(t, c, id, 0, 1, &offset), 45); /* older than known */
        assert_int_equal(traps_sequence(t, c, id, 0, 9, &offset), 45); /* 7 is missing */
        assert_int_equal(talk_offset(c, "t", 0, -1), 7);
        town_crash(t, SIM_CRASH_LOSE);
        town_start(t, 3);
        c = town_connect(t);
    }
    assert_true(traps_producer_id(c, 4, -1, -1) > id);
    traps_end(t);
}

/* Behind 2^31 - 1 comes 0. A producer that is not known may begin anywhere, once the partition has
 * held a record (KIP-360): no UNKNOWN_PRODUCER_ID is told. */
static void trap_10_sequence_numbers_begin_again_at_0_behind_the_largest(void **state)
{
    (void)state;
    static const int32_t sequences[] = {INT32_MAX - 1, INT32_MAX, 0, 1};
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    int64_t id = traps_producer_id(c, 4, -1, -1);
    int64_t offset;
    assert_int_equal(traps_sequence(t, c, id, 0, INT32_MAX - 1, &offset), 45);
    talk_batch(t, &batch, 1, 1, 1000, 100);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 0);
    for (uint32_t start = 0; start < 2; start++) { /* then all are duplicates */
        for (int32_t i = 0; i < 4; i++) {
            assert_int_equal(traps_sequence(t, c, id, 0, sequences[i], &offset), 0);
            assert_int_equal(offset, 1 + i);
        }
        town_crash(t, SIM_CRASH_LOSE);
        town_start(t, 1);
        c = town_connect(t);
    }
    traps_end(t);
}

static void trap_10_an_older_epoch_is_fenced_and_a_newer_one_begins_at_0(void **state)
{
    (void)state;
    static const struct {
        int16_t epoch;
        int32_t sequence;
        int16_t error;
    } rows[] = {
        {1, 0, 0}, {1, 1, 0}, {0, 2, 47}, {2, 2, 45}, {2, 0, 0}, {1, 2, 47}, {2, 1, 0}, {2, 3, 45},
    };
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    int64_t id = traps_producer_id(c, 4, -1, -1);
    int64_t end = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t offset;
        int16_t error = traps_sequence(t, c, id, rows[i].epoch, rows[i].sequence, &offset);
        assert_int_equal(error, rows[i].error);
        assert_int_equal(offset, error == 0 ? end : -1);
        end += error == 0;
    }
    traps_end(t);
}

/* Without transactions Kafka, too, gives an id anew to who tells the one it has. */
static void trap_10_a_producer_that_wants_a_new_epoch_is_given_a_new_id(void **state)
{
    (void)state;
    struct town *t = traps_town(2, NULL);
    struct town_client *c = town_connect(t);
    int64_t id = traps_producer_id(c, 2, -1, -1);
    for (int16_t version = 3; version <= 5; version++) {
        int64_t again = traps_producer_id(c, version, id, 7);
        assert_true(again > id);
        id = again;
    }
    traps_end(t);
}

/* --- 11: ids of topics --- */

/* Topics that are not the broker's own. */
static int32_t traps_count(const struct kafka_metadata_response *answer)
{
    int32_t count = 0;
    for (int32_t i = 0; i < answer->topics.count; i++) {
        count += answer->topics.items[i].name.data[0] != '_';
    }
    return count;
}

static struct log_uuid traps_id(struct town_client *c, const char *topic)
{
    const struct kafka_metadata_response *answer = talk_metadata(c, 12, topic, NULL, 1);
    assert_int_equal(answer->topics.items[0].error_code, 0);
    return answer->topics.items[0].topic_id;
}

static void trap_11_a_topics_id_stays_over_restarts(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct log_uuid id = traps_id(town_connect(t), "t");
    assert_false(log_uuid_is_zero(&id));
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        town_crash(t, SIM_CRASH_LOSE);
        town_start(t, shards_count);
        struct town_client *c = town_connect(t);
        struct log_uuid again = traps_id(c, "t");
        assert_true(log_uuid_is_equal(&id, &again));
        for (int16_t version = 10; version <= 13; version++) {
            const struct kafka_metadata_response *answer = talk_metadata(c, version, "t", NULL, 1);
            assert_true(log_uuid_is_equal(&answer->topics.items[0].topic_id, &id));
        }
    }
    traps_end(t);
}

/* Before version 12 a topic without a name is a contradiction (42). */
static void trap_11_topics_are_looked_up_by_id_from_metadata_12_on(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    struct log_uuid id = traps_id(c, "t");
    struct log_uuid unknown = {.bytes = {1, 2, 3}};
    for (int16_t version = 12; version <= 13; version++) {
        const struct kafka_metadata_response *answer = talk_metadata(c, version, NULL, &id, 1);
        assert_int_equal(answer->topics.items[0].error_code, 0);
        assert_int_equal(answer->topics.items[0].name.length, 1);
        answer = talk_metadata(c, version, NULL, &unknown, 1);
        assert_int_equal(answer->topics.items[0].error_code, 100);
        assert_int_equal(answer->topics.items[0].name.length, KAFKA_NULL);
    }
    for (int16_t version = 10; version <= 11; version++) {
        const struct kafka_metadata_response *answer = talk_metadata(c, version, NULL, &id, 1);
        assert_int_equal(answer->topics.items[0].error_code, 42);
    }
    traps_end(t);
}

static int16_t traps_produce_by_id(struct town_client *c, const struct log_uuid *id,
                                   const struct talk_batch *batch)
{
    struct kafka_produce_request_partition part = {
        .records = {.data = batch->data, .length = (int32_t)batch->length}};
    struct kafka_produce_request_topic data;
    struct kafka_produce_request body;
    kafka_reset(&kafka_struct_produce_request, &body);
    kafka_reset(&kafka_struct_produce_request_topic, &data);
    data.topic_id = *id;
    data.partition_data.items = &part;
    data.partition_data.count = 1;
    body.acks = -1;
    body.timeout_ms = 1000;
    body.topic_data.items = &data;
    body.topic_data.count = 1;
    const struct kafka_produce_response *answer =
        town_call(c, &kafka_message_produce_request, 13, &body);
    assert_true(log_uuid_is_equal(&answer->responses.items[0].topic_id, id));
    return answer->responses.items[0].partition_responses.items[0].error_code;
}

static int16_t traps_fetch_by_id(struct town_client *c, const struct log_uuid *id,
                                 int32_t *records_bytes)
{
    struct kafka_fetch_request_partition part;
    struct kafka_fetch_request_topic topic;
    struct kafka_fetch_request body;
    kafka_reset(&kafka_struct_fetch_request, &body);
    kafka_reset(&kafka_struct_fetch_request_topic, &topic);
    kafka_reset(&kafka_struct_fetch_request_partition, &part);
    part.partition_max_bytes = 1 << 20;
    topic.topic_id = *id;
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    body.topics.items = &topic;
    body.topics.count = 1;
    const struct kafka_fetch_response *answer =
        town_call(c, &kafka_message_fetch_request, 13, &body);
    assert_true(log_uuid_is_equal(&answer->responses.items[0].topic_id, id));
    *records_bytes = answer->responses.items[0].partitions.items[0].records.length;
    return answer->responses.items[0].partitions.items[0].error_code;
}

/* A client that knows the id of a topic that was deleted is told so, though one of its name is
 * there. */
static void trap_11_a_recreated_topic_is_another_one(void **state)
{
    (void)state;
    struct town *t = traps_town(3, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    int32_t records_bytes;
    talk_batch(t, &batch, 1, 1, 1000, 100);
    struct log_uuid id = traps_id(c, "t");
    assert_int_equal(traps_produce_by_id(c, &id, &batch), 0);
    assert_int_equal(traps_fetch_by_id(c, &id, &records_bytes), 0);
    assert_int_equal(records_bytes, batch.length);
    talk_change(t, CORE_CHANGE_DELETE, "t", NULL, 0);
    talk_change(t, CORE_CHANGE_CREATE, "t", NULL, 0);
    assert_int_equal(traps_produce_by_id(c, &id, &batch), 100);
    assert_int_equal(traps_fetch_by_id(c, &id, &records_bytes), 100);
    assert_int_equal(talk_metadata(c, 12, NULL, &id, 1)->topics.items[0].error_code, 100);
    struct log_uuid again = traps_id(c, "t");
    assert_false(log_uuid_is_equal(&id, &again));
    assert_int_equal(traps_fetch_by_id(c, &again, &records_bytes), 0);
    assert_int_equal(records_bytes, 0);
    traps_end(t);
}

/* Whoever waits for a topic is told at once that it is gone; batches on their way are answered. */
static void trap_11_who_waits_for_a_topic_is_told_that_it_is_gone(void **state)
{
    (void)state;
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        struct town *t = traps_town(shards_count, "t");
        struct town_client *waits = town_connect(t);
        struct town_client *sends = town_connect(t);
        struct talk_batch batch;
        talk_fetch_ask(waits,
                       &(struct talk_fetch){.topic = "t", .bytes_min = 1, .max_wait_ms = 100000});
        town_run(t, 10);
        uint64_t before_ns = sim_now_ns(t->sim);
        talk_batch(t, &batch, 1, 1, 1000, 100);
        talk_change(t, CORE_CHANGE_DELETE, "t", NULL, 0);
        for (uint32_t i = 0; i < 20; i++) {
            talk_produce_ask(sends, 9, "t", 0, -1, batch.data, batch.length);
        }
        assert_int_equal(talk_fetch_answer(waits)->error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(talk_produce_answer(sends)->error_code,
                             KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        }
        assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
        traps_end(t);
    }
}

/* Batches that are on their way when their topic goes are answered, once each, either way. */
static void trap_11_batches_on_their_way_to_a_topic_that_goes_are_answered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct town *t = traps_town(1 + (uint32_t)(seed % 3), "t");
        struct town_client *c = town_connect(t);
        struct talk_batch batch;
        talk_batch(t, &batch, 1, 1, 1000, 100);
        for (uint32_t i = 0; i < 50; i++) {
            talk_produce_ask(c, 9, "t", 0, -1, batch.data, batch.length);
        }
        sim_run_for(t->sim, seed * 20000);
        talk_change(t, CORE_CHANGE_DELETE, "t", NULL, 0);
        bool is_gone = false;
        for (uint32_t i = 0; i < 50; i++) {
            int16_t error = talk_produce_answer(c)->error_code;
            assert_true(error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION || (error == 0 && !is_gone));
            is_gone = error != 0;
        }
        traps_end(t);
    }
}

/* --- 26: CreateTopics --- */

static const struct kafka_create_topics_response_topic *traps_create(
    struct town_client *c, int16_t version, const char *name, int32_t partitions, int16_t replicas,
    const char *config, bool is_validate_only)
{
    struct kafka_create_topics_request_config pair;
    struct kafka_create_topics_request_topic topic;
    struct kafka_create_topics_request body;
    kafka_reset(&kafka_struct_create_topics_request, &body);
    kafka_reset(&kafka_struct_create_topics_request_topic, &topic);
    kafka_reset(&kafka_struct_create_topics_request_config, &pair);
    topic.name = talk_text(name);
    topic.num_partitions = partitions;
    topic.replication_factor = replicas;
    if (config != NULL) {
        pair.name = talk_text(config);
        pair.value = talk_text("1000");
        topic.configs.items = &pair;
        topic.configs.count = 1;
    }
    body.topics.items = &topic;
    body.topics.count = 1;
    body.validate_only = is_validate_only;
    const struct kafka_create_topics_response *answer =
        town_call(c, &kafka_message_create_topics_request, version, &body);
    assert_int_equal(answer->topics.count, 1);
    return &answer->topics.items[0];
}

static void trap_26_create_topics_takes_defaults_and_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    struct town *t = traps_town(2, NULL);
    struct town_client *c = town_connect(t);
    for (int16_t version = 4; version <= 7; version++) {
        char name[] = {'d', (char)('0' + version), '\0'};
        assert_int_equal(traps_create(c, version, name, -1, -1, NULL, false)->error_code, 0);
    }
    const struct kafka_create_topics_response_topic *made =
        traps_create(c, 7, "a", -1, -1, NULL, false);
    assert_int_equal(made->error_code, 0);
    assert_int_equal(made->num_partitions, 1);
    assert_int_equal(made->replication_factor, 1);
    assert_false(log_uuid_is_zero(&made->topic_id));
    assert_true(made->configs.count > 30);
    assert_int_equal(traps_create(c, 7, "a", 1, 1, NULL, false)->error_code, 36);
    assert_int_equal(traps_create(c, 7, "b", 0, 1, NULL, false)->error_code, 37);
    assert_int_equal(traps_create(c, 7, "b", 1, 2, NULL, false)->error_code, 38);
    assert_int_equal(traps_create(c, 7, "b", 1, 1, "no.such.key", false)->error_code, 40);
    assert_int_equal(traps_create(c, 7, "__tdb_b", 1, 1, NULL, false)->error_code, 17);
    assert_int_equal(traps_create(c, 7, "b", 3, 1, "retention.ms", true)->error_code, 0);
    for (int16_t version = 2; version <= 7; version++) { /* it was looked at, not made */
        char name[] = {'b', (char)('0' + version), '\0'};
        assert_int_equal(traps_create(c, version, name, 3, 1, "retention.ms", false)->error_code,
                         0);
    }
    assert_int_equal(traps_create(c, 7, "b", 3, 1, "retention.ms", false)->error_code, 0);
    traps_end(t);
}

/* One node has one replica of everything, unless it is told to take more for one. */
static void trap_26_more_replicas_than_nodes_are_clamped_where_that_is_wanted(void **state)
{
    (void)state;
    struct town *t = town_new(1, NULL);
    t->core.is_replication_clamped = true;
    town_start(t, 1);
    const struct kafka_create_topics_response_topic *made =
        traps_create(town_connect(t), 7, "a", 2, 3, NULL, false);
    assert_int_equal(made->error_code, 0);
    assert_int_equal(made->num_partitions, 2);
    traps_end(t);
}

/* --- 29: acks=0 and the order of answers are door_test.c's; Metadata --- */

static void trap_29_no_topics_asked_for_means_all_in_version_0_and_none_later(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    assert_int_equal(talk_topic(c, "u"), 0);
    for (int16_t version = 0; version <= 13; version++) {
        assert_int_equal(traps_count(talk_metadata(c, version, "", NULL, 0)), version == 0 ? 2 : 0);
        if (version >= 1) {
            assert_int_equal(traps_count(talk_metadata(c, version, "", NULL, KAFKA_NULL)), 2);
        }
    }
    traps_end(t);
}

static void trap_29_authorized_operations_that_were_not_asked_for_are_int32_min(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    for (int16_t version = 8; version <= 13; version++) {
        const struct kafka_metadata_response *answer = talk_metadata(c, version, "t", NULL, 1);
        assert_int_equal(answer->topics.items[0].topic_authorized_operations, INT32_MIN);
        assert_int_equal(answer->cluster_authorized_operations, INT32_MIN);
        assert_int_equal(answer->brokers.items[0].port, TOWN_PORT);
        assert_memory_equal(answer->brokers.items[0].host.data, "broker.town", 11);
        assert_true(answer->cluster_id.length > 0);
    }
    traps_end(t);
}

/* A topic is made by the first who asks, of any shard, and by nobody who asks not to. */
static void trap_29_a_topic_that_is_asked_for_is_made(void **state)
{
    (void)state;
    struct town *t = traps_town(3, NULL);
    struct town_client *c[6];
    for (uint32_t i = 0; i < 6; i++) { /* all at once */
        struct kafka_metadata_request_topic asked[2];
        struct kafka_metadata_request body;
        kafka_reset(&kafka_struct_metadata_request, &body);
        kafka_reset(&kafka_struct_metadata_request_topic, &asked[0]);
        asked[0].name = talk_text("new");
        asked[1] = asked[0]; /* and twice */
        body.topics.items = asked;
        body.topics.count = 2;
        c[i] = town_connect(t);
        town_ask(c[i], &kafka_message_metadata_request, 9, &body);
    }
    for (uint32_t i = 0; i < 6; i++) {
        const struct kafka_metadata_response *answer = town_answer(c[i]);
        assert_non_null(answer);
        for (int32_t k = 0; k < answer->topics.count; k++) {
            int16_t error = answer->topics.items[k].error_code;
            assert_true(error == 0 || error == KAFKA_LEADER_NOT_AVAILABLE);
        }
    }
    assert_int_equal(traps_count(talk_metadata(c[0], 9, "", NULL, KAFKA_NULL)), 1);
    struct kafka_metadata_request_topic asked;
    struct kafka_metadata_request body;
    kafka_reset(&kafka_struct_metadata_request, &body);
    kafka_reset(&kafka_struct_metadata_request_topic, &asked);
    asked.name = talk_text("not-made");
    body.topics.items = &asked;
    body.topics.count = 1;
    body.allow_auto_topic_creation = false;
    const struct kafka_metadata_response *answer =
        town_call(c[0], &kafka_message_metadata_request, 9, &body);
    assert_int_equal(answer->topics.items[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    traps_end(t);
}

static void trap_29_names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int16_t error;
    } rows[] = {
        {"a.b-C_9", 0}, {".", 17},   {"..", 17},       {"a b", 17},
        {"", 17},       {"a/b", 17}, {"\xc3\xa9", 17}, {"__tdb_x", 3},
    };
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(talk_topic(c, rows[i].name), rows[i].error);
    }
    assert_int_equal(traps_count(talk_metadata(c, 9, "", NULL, KAFKA_NULL)), 1);
    traps_end(t);
}

/* --- FindCoordinator, which is served to refuse --- */

static void coordinators_are_refused_in_every_version(void **state)
{
    (void)state;
    struct town *t = traps_town(1, NULL);
    struct town_client *c = town_connect(t);
    for (int16_t version = 0; version <= 6; version++) {
        for (int8_t type = 0; type <= (version == 0 ? 0 : 2); type++) {
            int16_t wanted = type == 0 ? 30 : type == 1 ? 53 : 42;
            struct kafka_find_coordinator_request body;
            struct kafka_string keys[] = {talk_text("a"), talk_text("b")};
            kafka_reset(&kafka_struct_find_coordinator_request, &body);
            body.key = keys[0];
            body.key_type = type;
            body.coordinator_keys.items = keys;
            body.coordinator_keys.count = 2;
            const struct kafka_find_coordinator_response *answer =
                town_call(c, &kafka_message_find_coordinator_request, version, &body);
            if (version < 4) {
                assert_int_equal(answer->error_code, wanted);
                continue;
            }
            assert_int_equal(answer->coordinators.count, 2);
            assert_int_equal(answer->coordinators.items[1].error_code, wanted);
            assert_memory_equal(answer->coordinators.items[1].key.data, "b", 1);
        }
    }
    assert_true(town_said(t, "consumer groups are not served yet") > 0);
    traps_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_10_a_duplicate_is_answered_with_the_first_ones_offset),
        cmocka_unit_test(trap_10_sequence_numbers_begin_again_at_0_behind_the_largest),
        cmocka_unit_test(trap_10_an_older_epoch_is_fenced_and_a_newer_one_begins_at_0),
        cmocka_unit_test(trap_10_a_producer_that_wants_a_new_epoch_is_given_a_new_id),
        cmocka_unit_test(trap_11_a_topics_id_stays_over_restarts),
        cmocka_unit_test(trap_11_topics_are_looked_up_by_id_from_metadata_12_on),
        cmocka_unit_test(trap_11_a_recreated_topic_is_another_one),
        cmocka_unit_test(trap_11_who_waits_for_a_topic_is_told_that_it_is_gone),
        cmocka_unit_test(trap_11_batches_on_their_way_to_a_topic_that_goes_are_answered),
        cmocka_unit_test(trap_26_create_topics_takes_defaults_and_refuses_what_it_does_not_know),
        cmocka_unit_test(trap_26_more_replicas_than_nodes_are_clamped_where_that_is_wanted),
        cmocka_unit_test(trap_29_no_topics_asked_for_means_all_in_version_0_and_none_later),
        cmocka_unit_test(trap_29_authorized_operations_that_were_not_asked_for_are_int32_min),
        cmocka_unit_test(trap_29_a_topic_that_is_asked_for_is_made),
        cmocka_unit_test(trap_29_names_that_are_none_are_refused),
        cmocka_unit_test(coordinators_are_refused_in_every_version),
    };
    return cmocka_run_group_tests_name("kafka_traps_topics", tests, NULL, NULL);
}
