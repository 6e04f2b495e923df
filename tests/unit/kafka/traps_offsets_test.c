/* What a Kafka client trips over where it asks for offsets and for what an epoch had: each after
 * its number in anchors/broker.md 2c. */
#include "broker/kafka/codec.h"
#include "storage/log/batch.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/traps.h"

/* --- 15: leader epochs --- */

static void trap_15_the_leader_epoch_is_in_each_batch_and_fences_clients(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    int32_t last = -1;
    for (uint32_t start = 0; start < 3; start++) {
        struct town_client *c = town_connect(t);
        struct talk_batch batch;
        struct log_batch stored;
        talk_batch(t, &batch, start, 1, 1000, 100);
        assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, start);
        int32_t epoch =
            talk_metadata(c, 9, "t", NULL, 1)->topics.items[0].partitions.items[0].leader_epoch;
        assert_true(epoch > last);
        struct talk_fetch fetch = {.topic = "t", .offset = start, .epoch = epoch + 1};
        const struct kafka_fetch_response_partition *fetched = talk_fetch(c, &fetch);
        assert_int_equal(fetched->error_code, 0);
        assert_int_equal(
            log_batch_decode(fetched->records.data, (size_t)fetched->records.length, &stored),
            ERR_OK);
        assert_int_equal(stored.term, epoch);
        fetch.epoch = epoch; /* one less */
        fetched = talk_fetch(c, &fetch);
        assert_int_equal(fetched->error_code, 74);
        assert_int_equal(fetched->records.length, 0);
        assert_int_equal(fetched->current_leader.leader_epoch, epoch);
        fetch.epoch = epoch + 2; /* one more */
        assert_int_equal(talk_fetch(c, &fetch)->error_code, 75);
        last = epoch;
        town_crash(t, SIM_CRASH_LOSE);
        town_start(t, 1 + start);
    }
    traps_end(t);
}

/* ListOffsets for `timestamp` in `version`, by a client that knows `epoch` (-1: none); the error,
 * and the offset found and its epoch. */
static int16_t traps_list_offset(struct town_client *c, int16_t version, int32_t epoch,
                                 int8_t isolation, int64_t timestamp,
                                 struct kafka_list_offsets_response_partition *found)
{
    struct kafka_list_offsets_request_partition part;
    struct kafka_list_offsets_request_topic asked;
    struct kafka_list_offsets_request body;
    kafka_reset(&kafka_struct_list_offsets_request, &body);
    kafka_reset(&kafka_struct_list_offsets_request_topic, &asked);
    kafka_reset(&kafka_struct_list_offsets_request_partition, &part);
    part.current_leader_epoch = epoch;
    part.timestamp = timestamp;
    asked.name = talk_text("t");
    asked.partitions.items = &part;
    asked.partitions.count = 1;
    body.replica_id = -1;
    body.isolation_level = isolation;
    body.topics.items = &asked;
    body.topics.count = 1;
    const struct kafka_list_offsets_response *answer =
        town_call(c, &kafka_message_list_offsets_request, version, &body);
    assert_int_equal(answer->topics.items[0].partitions.count, 1);
    *found = answer->topics.items[0].partitions.items[0];
    return found->error_code;
}

static void trap_15_list_offsets_fences_clients(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct kafka_list_offsets_response_partition found;
    talk_batch(t, &batch, 1, 3, 1000, 100);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    int32_t epoch =
        talk_metadata(c, 9, "t", NULL, 1)->topics.items[0].partitions.items[0].leader_epoch;
    for (int16_t version = 4; version <= 10; version++) {
        assert_int_equal(traps_list_offset(c, version, epoch - 1, 0, -1, &found), 74);
        assert_int_equal(found.offset, -1);
        assert_int_equal(traps_list_offset(c, version, epoch + 1, 0, -1, &found), 75);
        assert_int_equal(found.offset, -1);
        assert_int_equal(traps_list_offset(c, version, epoch, 0, -1, &found), 0);
        assert_int_equal(found.offset, 3);
        assert_int_equal(found.leader_epoch, epoch);
    }
    traps_end(t);
}

/* Where the records of `epoch` end: the offset, and the epoch that was found for it. */
static int64_t traps_epoch_end(struct town_client *c, int16_t version, int32_t epoch,
                               int32_t *epoch_found)
{
    struct kafka_offset_for_leader_epoch_request_partition part;
    struct kafka_offset_for_leader_epoch_request_topic asked;
    struct kafka_offset_for_leader_epoch_request body;
    kafka_reset(&kafka_struct_offset_for_leader_epoch_request, &body);
    kafka_reset(&kafka_struct_offset_for_leader_epoch_request_topic, &asked);
    kafka_reset(&kafka_struct_offset_for_leader_epoch_request_partition, &part);
    part.leader_epoch = epoch;
    asked.topic = talk_text("t");
    asked.partitions.items = &part;
    asked.partitions.count = 1;
    body.topics.items = &asked;
    body.topics.count = 1;
    const struct kafka_offset_for_leader_epoch_response *answer =
        town_call(c, &kafka_message_offset_for_leader_epoch_request, version, &body);
    assert_int_equal(answer->topics.items[0].partitions.items[0].error_code, 0);
    *epoch_found = answer->topics.items[0].partitions.items[0].leader_epoch;
    return answer->topics.items[0].partitions.items[0].end_offset;
}

/* Delete the records below `offset`; the error, and where the log begins. */
static int16_t traps_delete_records(struct town_client *c, int64_t offset, int64_t *log_start)
{
    struct kafka_delete_records_request_partition part;
    struct kafka_delete_records_request_topic asked;
    struct kafka_delete_records_request body;
    kafka_reset(&kafka_struct_delete_records_request, &body);
    kafka_reset(&kafka_struct_delete_records_request_topic, &asked);
    kafka_reset(&kafka_struct_delete_records_request_partition, &part);
    part.offset = offset;
    asked.name = talk_text("t");
    asked.partitions.items = &part;
    asked.partitions.count = 1;
    body.topics.items = &asked;
    body.topics.count = 1;
    body.timeout_ms = 10000;
    const struct kafka_delete_records_response *answer =
        town_call(c, &kafka_message_delete_records_request, 2, &body);
    assert_int_equal(answer->topics.items[0].partitions.count, 1);
    *log_start = answer->topics.items[0].partitions.items[0].low_watermark;
    return answer->topics.items[0].partitions.items[0].error_code;
}

/* Three lives with a batch of three records each; their epochs. */
static struct town *traps_lives(int32_t epochs[3])
{
    struct town *t = traps_town(2, "t");
    for (uint32_t life = 0; life < 3; life++) {
        if (life > 0) {
            town_crash(t, SIM_CRASH_LOSE);
            town_start(t, life);
        }
        struct town_client *c = town_connect(t);
        struct talk_batch batch;
        talk_batch(t, &batch, life * 3, 3, 1000, 100);
        assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, life * 3);
        epochs[life] =
            talk_metadata(c, 9, "t", NULL, 1)->topics.items[0].partitions.items[0].leader_epoch;
    }
    return t;
}

/* A client whose records were another leader's is told how far they are the log's. */
static void trap_15_epochs_end_where_the_next_begin_though_records_are_deleted(void **state)
{
    (void)state;
    int32_t epochs[3];
    int32_t found;
    int64_t log_start;
    struct town *t = traps_lives(epochs);
    struct town_client *c = town_connect(t);
    for (int16_t version = 2; version <= 4; version++) {
        for (int32_t life = 0; life < 3; life++) {
            assert_int_equal(traps_epoch_end(c, version, epochs[life], &found), 3 * life + 3);
            assert_int_equal(found, epochs[life]);
        }
        assert_int_equal(traps_epoch_end(c, version, epochs[2] + 1, &found), -1);
        assert_int_equal(found, -1);
    }
    assert_int_equal(traps_delete_records(c, 4, &log_start), 0);
    assert_int_equal(traps_epoch_end(c, 4, epochs[0], &found), 4); /* the first record left */
    assert_int_equal(traps_epoch_end(c, 4, epochs[1], &found), 6);
    assert_int_equal(found, epochs[1]);
    assert_int_equal(traps_epoch_end(c, 4, epochs[2], &found), 9);
    traps_end(t);
}

static void trap_15_a_fetch_behind_records_of_another_leader_diverges(void **state)
{
    (void)state;
    int32_t epochs[3];
    struct town *t = traps_lives(epochs);
    struct town_client *c = town_connect(t);
    struct talk_fetch fetch = {.topic = "t", .offset = 8, .epoch_fetched = epochs[1] + 1};
    const struct kafka_fetch_response_partition *fetched = talk_fetch(c, &fetch);
    assert_int_equal(fetched->error_code, 0);
    assert_int_equal(fetched->records.length, 0);
    assert_int_equal(fetched->diverging_epoch.epoch, epochs[1]);
    assert_int_equal(fetched->diverging_epoch.end_offset, 6);
    fetch.offset = 6; /* all that it has is the log's */
    fetched = talk_fetch(c, &fetch);
    assert_true(fetched->records.length > 0);
    assert_int_equal(fetched->diverging_epoch.epoch, -1);
    traps_end(t);
}

/* --- 21: ListOffsets --- */

static void trap_21_list_offsets_finds_ends_and_times(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    assert_int_equal(talk_offset(c, "t", 0, -1), 0);
    assert_int_equal(talk_offset(c, "t", 0, -2), 0);
    assert_int_equal(talk_offset(c, "t", 0, -3), -1);
    assert_int_equal(talk_offset(c, "t", 0, 0), -1);
    for (enum codec_kind codec = CODEC_NONE; codec < CODEC_KIND_COUNT; codec++) {
        uint8_t data[4096]; /* ten records, at 1000, 1010 ... 1090 */
        size_t length = traps_compressed(t, codec, data, sizeof(data));
        talk_produce_ask(c, 9, "t", 0, -1, data, length);
        assert_int_equal(talk_produce_answer(c)->error_code, 0);
    }
    struct talk_batch batch;
    talk_batch(t, &batch, 1, 3, 5000, 50); /* 50 at 5000, 51 at 5001, 52 at 5002 */
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 50);
    talk_batch(t, &batch, 1, 2, 2000, 50);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->base_offset, 53);
    static const struct {
        int64_t timestamp;
        int64_t offset;
    } rows[] = {
        {-1, 55},  {-2, 0},   {-3, 52},   {-4, 0},    {-5, -1},   {0, 0},     {1000, 0},  {1001, 1},
        {1045, 5}, {1090, 9}, {1091, 50}, {5000, 50}, {5001, 51}, {5002, 52}, {5003, -1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(talk_offset(c, "t", 0, rows[i].timestamp), rows[i].offset);
    }
    town_crash(t, SIM_CRASH_LOSE);
    town_start(t, 1);
    c = town_connect(t);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(talk_offset(c, "t", 0, rows[i].timestamp), rows[i].offset);
    }
    traps_end(t);
}

static void trap_21_offsets_outside_the_log_are_out_of_range(void **state)
{
    (void)state;
    struct town *t = traps_town(1, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    talk_batch(t, &batch, 1, 3, 5000, 50);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    static const struct {
        int64_t offset;
        int16_t error;
    } rows[] = {{-1, 1}, {INT64_MIN, 1}, {0, 0}, {3, 0}, {4, 1}, {INT64_MAX, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct talk_fetch fetch = {.topic = "t", .offset = (uint64_t)rows[i].offset};
        assert_int_equal(talk_fetch(c, &fetch)->error_code, rows[i].error);
    }
    traps_end(t);
}

/* What a read-committed client may see ends where the high watermark is: no transaction is open. */
static void trap_21_every_version_tells_the_ends_to_either_isolation(void **state)
{
    (void)state;
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct kafka_list_offsets_response_partition found;
    int64_t log_start;
    talk_batch(t, &batch, 1, 5, 1000, 50);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    assert_int_equal(traps_delete_records(c, 2, &log_start), 0);
    for (int16_t version = 1; version <= 10; version++) {
        for (int8_t isolation = 0; isolation <= (version >= 2 ? 1 : 0); isolation++) {
            assert_int_equal(traps_list_offset(c, version, -1, isolation, -1, &found), 0);
            assert_int_equal(found.offset, 5);
            assert_int_equal(traps_list_offset(c, version, -1, isolation, -2, &found), 0);
            assert_int_equal(found.offset, 2);
        }
    }
    traps_end(t);
}

/* In order: what was asked, and what came of it. The batches are of the offsets 0-4 and 5-9. */
static void trap_21_records_are_deleted_to_within_a_batch_and_are_out_of_range(void **state)
{
    (void)state;
    static const struct {
        int64_t offset;
        int16_t error;
        int64_t log_start;
    } rows[] = {
        {3, 0, 3},
        {2, 0, 3},
        {11, 1, -1},
        {-2, 1, -1},
        {7, 0, 7},
        {10, 0, 10},
        {-1, 0, 10} /* -1 is the high watermark */,
    };
    struct town *t = traps_town(2, "t");
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    uint64_t begins = 0;
    for (uint32_t i = 0; i < 2; i++) {
        talk_batch(t, &batch, 5 * i, 5, 1000, 50);
        assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        int64_t log_start;
        assert_int_equal(traps_delete_records(c, rows[i].offset, &log_start), rows[i].error);
        assert_int_equal(log_start, rows[i].log_start);
        begins = rows[i].error == 0 ? (uint64_t)rows[i].log_start : begins;
        assert_int_equal(talk_offset(c, "t", 0, -2), begins);
        assert_int_equal(talk_offset(c, "t", 0, -4), begins);
        const struct kafka_fetch_response_partition *fetched =
            talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = begins});
        assert_int_equal(fetched->error_code, 0);
        assert_int_equal(fetched->log_start_offset, begins);
        /* Whole batches, though some of their records are deleted. */
        assert_int_equal(fetched->records.length, batch.length * (begins < 5    ? 2
                                                                  : begins < 10 ? 1
                                                                                : 0));
        fetched = talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = begins - 1});
        assert_int_equal(fetched->error_code, 1);
    }
    traps_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_15_the_leader_epoch_is_in_each_batch_and_fences_clients),
        cmocka_unit_test(trap_15_list_offsets_fences_clients),
        cmocka_unit_test(trap_15_epochs_end_where_the_next_begin_though_records_are_deleted),
        cmocka_unit_test(trap_15_a_fetch_behind_records_of_another_leader_diverges),
        cmocka_unit_test(trap_21_list_offsets_finds_ends_and_times),
        cmocka_unit_test(trap_21_offsets_outside_the_log_are_out_of_range),
        cmocka_unit_test(trap_21_every_version_tells_the_ends_to_either_isolation),
        cmocka_unit_test(trap_21_records_are_deleted_to_within_a_batch_and_are_out_of_range),
    };
    return cmocka_run_group_tests_name("kafka_traps_offsets", tests, NULL, NULL);
}
