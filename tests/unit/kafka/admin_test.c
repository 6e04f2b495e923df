/* Topics and settings changed while the disk is slow, by many at once, and by a broker that is
 * killed. What each request answers in each version is tests/e2e/admin_test.py's. */
#include <stdio.h>
#include <string.h>

#include "broker/core/change.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/errors.h"
#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/unit/kafka/talk.h"

#define ADMIN_CREATE_VERSION 7
#define ADMIN_IDS_VERSION    4

/* Topics of the crashing test. */
#define ADMIN_TOPICS_MAX 40u

/* --- Requests --- */

static void admin_create_ask(struct town_client *c, const char *name, int32_t timeout_ms)
{
    struct kafka_create_topics_request_topic topic;
    struct kafka_create_topics_request body;
    kafka_reset(&kafka_struct_create_topics_request, &body);
    kafka_reset(&kafka_struct_create_topics_request_topic, &topic);
    topic.name = talk_text(name);
    topic.num_partitions = 2;
    topic.replication_factor = 1;
    body.topics.items = &topic;
    body.topics.count = 1;
    body.timeout_ms = timeout_ms;
    town_ask(c, &kafka_message_create_topics_request, ADMIN_CREATE_VERSION, &body);
}

/* The error of the next answer. */
static int16_t admin_create_answer(struct town_client *c)
{
    const struct kafka_create_topics_response *answer = town_answer(c);
    assert_non_null(answer);
    assert_int_equal(answer->topics.count, 1);
    return answer->topics.items[0].error_code;
}

/* Partitions of the topic; -1: there is no such topic. None is made. */
static int32_t admin_partitions(struct town_client *c, const char *name)
{
    struct kafka_metadata_request_topic asked;
    struct kafka_metadata_request body;
    kafka_reset(&kafka_struct_metadata_request, &body);
    kafka_reset(&kafka_struct_metadata_request_topic, &asked);
    asked.name = talk_text(name);
    body.topics.items = &asked;
    body.topics.count = 1;
    body.allow_auto_topic_creation = false;
    const struct kafka_metadata_response *answer =
        town_call(c, &kafka_message_metadata_request, TALK_METADATA_VERSION, &body);
    const struct kafka_metadata_response_topic *topic = &answer->topics.items[0];
    return topic->error_code == 0 ? topic->partitions.count : -1;
}

static int64_t admin_producer_id(struct town_client *c)
{
    struct kafka_init_producer_id_request body;
    kafka_reset(&kafka_struct_init_producer_id_request, &body);
    body.transactional_id.length = KAFKA_NULL;
    const struct kafka_init_producer_id_response *answer =
        town_call(c, &kafka_message_init_producer_id_request, ADMIN_IDS_VERSION, &body);
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->producer_epoch, 0);
    return answer->producer_id;
}

/* From now on a write takes so long. */
static void admin_slow_disk(struct town *t, uint64_t ms)
{
    struct sim_disk_options *options = sim_disk_options(sim_node_disk(t->machine));
    struct sim_delay delay = {.min_ns = ms * 1000000, .mean_ns = ms * 1000000};
    options->write = delay;
    options->flush = delay;
}

/* --- Tests --- */

/* "a" is on its way to the disk when its client is told that it took too long, so what comes after
 * waits for it: "b" longer than its client does. */
static void a_change_that_takes_too_long_is_answered_and_the_next_waits(void **state)
{
    (void)state;
    struct town *t = town_new(1, NULL);
    town_start(t, 2);
    struct town_client *a = town_connect(t);
    struct town_client *b = town_connect(t);
    struct town_client *c = town_connect(t);
    admin_slow_disk(t, 5000);
    uint64_t from_ns = sim_now_ns(t->sim);
    admin_create_ask(a, "a", 1000);
    town_run(t, 10);
    admin_create_ask(b, "b", 2000);
    town_run(t, 10);
    admin_create_ask(c, "c", 60000);
    assert_int_equal(admin_create_answer(a), KAFKA_REQUEST_TIMED_OUT);
    assert_in_range((sim_now_ns(t->sim) - from_ns) / 1000000, 1000, 1100);
    assert_int_equal(admin_create_answer(b), KAFKA_REQUEST_TIMED_OUT);
    assert_in_range((sim_now_ns(t->sim) - from_ns) / 1000000, 2000, 2200);
    assert_int_equal(admin_create_answer(c), 0);
    assert_true((sim_now_ns(t->sim) - from_ns) / 1000000 >= 10000);
    admin_slow_disk(t, 1);
    assert_int_equal(admin_partitions(a, "a"), 2); /* it came about */
    assert_int_equal(admin_partitions(a, "b"), -1);
    assert_int_equal(admin_partitions(a, "c"), 2);
    town_close(t);
    town_free(t);
}

/* Of many who make the same topic at the same time one does; then every shard knows it. */
static void a_topic_is_made_once_however_many_ask(void **state)
{
    (void)state;
    struct town *t = town_new(2, NULL);
    struct town_client *clients[12];
    t->core.is_auto_create = false;
    town_start(t, 4);
    for (uint32_t i = 0; i < ARRAY_COUNT(clients); i++) {
        clients[i] = town_connect(t);
    }
    for (uint32_t round = 0; round < 5; round++) {
        char name[16];
        uint32_t made_count = 0;
        snprintf(name, sizeof(name), "round.%u", round);
        for (uint32_t i = 0; i < ARRAY_COUNT(clients); i++) {
            admin_create_ask(clients[i], name, 10000);
        }
        for (uint32_t i = 0; i < ARRAY_COUNT(clients); i++) {
            int16_t error = admin_create_answer(clients[i]);
            assert_true(error == 0 || error == KAFKA_TOPIC_ALREADY_EXISTS);
            made_count += error == 0;
        }
        assert_int_equal(made_count, 1);
        for (uint32_t i = 0; i < ARRAY_COUNT(clients); i++) {
            assert_int_equal(admin_partitions(clients[i], name), 2);
        }
    }
    town_close(t);
    town_free(t);
}

/* Ids of one shard are in a row, those of another are not among them, and none comes again after a
 * crash, whatever the number of shards is then. */
static void producer_ids_are_given_once_over_crashes(void **state)
{
    (void)state;
    struct town *t = town_new(3, NULL);
    int64_t highest = -1;
    for (uint32_t life = 0; life < 4; life++) {
        int64_t before = highest;
        town_start(t, 1 + life);
        for (uint32_t i = 0; i < 12; i++) {
            struct town_client *c = town_connect(t);
            int64_t id = admin_producer_id(c);
            int64_t next = admin_producer_id(c);
            assert_true(id > before);
            assert_int_equal(next, id + 1);
            assert_int_equal(id / CORE_CHANGE_PRODUCER_IDS_COUNT,
                             next / CORE_CHANGE_PRODUCER_IDS_COUNT);
            highest = next > highest ? next : highest;
            town_hang_up(c);
        }
        town_crash(t, SIM_CRASH_LOSE);
    }
    town_free(t);
}

/* A broker killed at any moment has every topic whose creation it answered. */
static void answered_topics_survive_a_kill_at_any_moment(void **state)
{
    (void)state;
    struct share share = share_open("answered topics after a crash", 60);
    while (share_more(&share)) {
        uint64_t seed = share_case_seed(&share);
        struct town *t = town_new(seed, NULL);
        char name[16];
        uint32_t made_count = 0;
        t->core.is_auto_create = false;
        town_start(t, 1 + (uint32_t)(seed % 3));
        struct town_client *c = town_connect(t);
        uint64_t end_ns = sim_now_ns(t->sim) + (1 + seed % 97) * 300000;
        while (made_count < ADMIN_TOPICS_MAX && sim_now_ns(t->sim) < end_ns) {
            snprintf(name, sizeof(name), "t.%u", made_count);
            admin_create_ask(c, name, 10000);
            assert_int_equal(admin_create_answer(c), 0);
            made_count++;
        }
        snprintf(name, sizeof(name), "t.%u", made_count);
        admin_create_ask(c, name, 10000); /* on its way, or not yet */
        town_run(t, seed % 3);
        town_crash(t, seed % 2 == 0 ? SIM_CRASH_LOSE : SIM_CRASH_SEEDED);
        town_start(t, 1 + (uint32_t)(seed % 4));
        c = town_connect(t);
        for (uint32_t i = 0; i < made_count; i++) {
            snprintf(name, sizeof(name), "t.%u", i);
            assert_int_equal(admin_partitions(c, name), 2);
        }
        town_close(t);
        town_free(t);
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_that_takes_too_long_is_answered_and_the_next_waits),
        cmocka_unit_test(a_topic_is_made_once_however_many_ask),
        cmocka_unit_test(producer_ids_are_given_once_over_crashes),
        cmocka_unit_test(answered_topics_survive_a_kill_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
