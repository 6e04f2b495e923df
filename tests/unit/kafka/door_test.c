/* The Kafka door as the network sees it: bytes in any pieces, frames of any length, peers that stop
 * reading, leave in the middle, or never say anything. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "broker/kafka/codec.h"
#include "broker/kafka/conn.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/talk.h"

/* An open broker with a topic "t" of one partition. */
static struct town *door_town(uint64_t seed, uint32_t shards_count)
{
    struct town *t = town_new(seed, NULL);
    town_start(t, shards_count);
    struct town_client *c = town_connect(t);
    assert_int_equal(talk_topic(c, "t"), 0);
    town_hang_up(c);
    return t;
}

static void door_end(struct town *t)
{
    town_close(t);
    town_free(t);
}

static void door_ask_versions(struct town_client *c)
{
    struct kafka_api_versions_request body;
    kafka_reset(&kafka_struct_api_versions_request, &body);
    town_ask(c, &kafka_message_api_versions_request, 0, &body);
}

/* It still does what it should. */
static void door_is_well(struct town_client *c)
{
    door_ask_versions(c);
    const struct kafka_api_versions_response *answer = town_answer(c);
    assert_non_null(answer);
    assert_int_equal(answer->error_code, 0);
}

/* --- Order --- */

static void trap_29_answers_come_in_the_order_of_the_requests(void **state)
{
    (void)state;
    struct town *t = door_town(1, 3);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    for (uint32_t i = 0; i < 20; i++) {
        talk_batch(t, &batch, i, 1, 1000, 100);
        talk_fetch_ask(
            c, &(struct talk_fetch){.topic = "t", .offset = i, .bytes_min = 1, .max_wait_ms = 5});
        talk_produce_ask(c, 9, "t", 0, i % 2 == 0 ? -1 : 1, batch.data, batch.length);
        door_ask_versions(c);
    }
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(talk_fetch_answer(c)->error_code, 0);
        const struct kafka_produce_response_partition *produced = talk_produce_answer(c);
        assert_int_equal(produced->error_code, 0);
        assert_int_equal(produced->base_offset, i);
        assert_non_null(town_answer(c));
    }
    door_end(t);
}

/* A fetch waits, what stands behind it is carried out: here it ends the waiting. */
static void a_request_behind_a_parked_fetch_is_carried_out(void **state)
{
    (void)state;
    struct town *t = door_town(2, 1);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct talk_record record;
    talk_batch(t, &batch, 7, 1, 1000, 100);
    uint64_t before_ns = sim_now_ns(t->sim);
    talk_fetch_ask(c, &(struct talk_fetch){.topic = "t", .bytes_min = 1, .max_wait_ms = 60000});
    talk_produce_ask(c, 9, "t", 0, -1, batch.data, batch.length);
    const struct kafka_fetch_response_partition *fetched = talk_fetch_answer(c);
    assert_int_equal(talk_records(t, &fetched->records, 0, &record, 1), 1);
    assert_int_equal(record.serial, 7);
    assert_int_equal(talk_produce_answer(c)->base_offset, 0);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    door_end(t);
}

/* --- Bytes in pieces --- */

static void a_request_may_be_cut_at_every_byte(void **state)
{
    (void)state;
    struct town *t = door_town(3, 1);
    struct town_client *c = town_connect(t);
    struct kafka_api_versions_request body;
    size_t length = SIZE_MAX;
    kafka_reset(&kafka_struct_api_versions_request, &body);
    body.client_software_name = talk_text("town");
    body.client_software_version = talk_text("1");
    for (size_t cut = 1; cut < length; cut++) {
        const uint8_t *frame =
            town_frame_of(c, &kafka_message_api_versions_request, 3, &body, &length);
        town_expect(c, &kafka_message_api_versions_request, 3);
        town_bytes(c, frame, cut);
        town_run(t, 2);
        assert_false(town_has_answer(c));
        town_bytes(c, frame + cut, length - cut);
        assert_non_null(town_answer(c));
    }
    door_end(t);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct town *t = door_town(4, 2);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    size_t length;
    struct kafka_metadata_request body;
    kafka_reset(&kafka_struct_metadata_request, &body);
    const uint8_t *frame = town_frame_of(c, &kafka_message_metadata_request, 9, &body, &length);
    town_expect(c, &kafka_message_metadata_request, 9);
    for (size_t i = 0; i < length; i++) {
        town_bytes(c, frame + i, 1);
    }
    assert_non_null(town_answer(c));
    talk_batch(t, &batch, 1, 2, 1000, 50);
    assert_int_equal(talk_produce(c, "t", 0, -1, &batch)->error_code, 0);
    door_end(t);
}

static void many_small_requests_may_come_in_one_segment(void **state)
{
    (void)state;
    struct town *t = door_town(5, 1);
    struct town_client *c = town_connect(t);
    struct kafka_api_versions_request body;
    uint8_t all[32 << 10];
    size_t all_bytes = 0;
    kafka_reset(&kafka_struct_api_versions_request, &body);
    for (uint32_t i = 0; i < 500; i++) { /* more than are carried out at a time */
        size_t length;
        const uint8_t *frame =
            town_frame_of(c, &kafka_message_api_versions_request, 0, &body, &length);
        town_expect(c, &kafka_message_api_versions_request, 0);
        assert_true(all_bytes + length <= sizeof(all));
        memcpy(all + all_bytes, frame, length);
        all_bytes += length;
    }
    town_bytes(c, all, all_bytes);
    for (uint32_t i = 0; i < 500; i++) {
        assert_non_null(town_answer(c));
    }
    door_end(t);
}

/* --- Lengths --- */

static void door_put_length(uint8_t out[4], uint32_t length)
{
    struct bytes_writer w = bytes_writer(out, 4);
    bytes_put_u32be(&w, length);
}

/* Lengths no request may have: of a first request, and of one behind a valid one. */
static const struct door_length_row {
    const char *name;
    uint32_t length;
    bool is_first;
    const char *said;
} door_length_rows[] = {
    {"a first length of 0 closes", 0, true, "a request of no bytes"},
    {"a first length of -1 closes", UINT32_MAX, true, "a request of negative length"},
    {"a first length of INT32_MIN closes", 0x80000000u, true, "a request of negative length"},
    {"a first length of 64 KiB + 1 closes", (64u << 10) + 1, true,
     "the first request is larger than 64 KiB"},
    {"a first length of INT32_MAX closes", INT32_MAX, true,
     "the first request is larger than 64 KiB"},
    {"a first length that is HTTP closes", 0x47455420u, true,
     "the first request is larger than 64 KiB"},
    {"a later length of 0 closes", 0, false, "a request of no bytes"},
    {"a later length of -1 closes", UINT32_MAX, false, "a request of negative length"},
    {"a later length above the largest closes", LIMIT_BUF_BYTES + 1, false,
     "a request is larger than requests may be"},
    {"a later length of INT32_MAX closes", INT32_MAX, false,
     "a request is larger than requests may be"},
};

static void door_length(void **state)
{
    const struct door_length_row *row = *state;
    struct town *t = door_town(6, 1);
    struct town_client *other = town_connect(t);
    struct town_client *c = town_connect(t);
    uint8_t bytes[4 + 8] = {0};
    door_put_length(bytes, row->length);
    door_is_well(other);
    if (!row->is_first) {
        door_is_well(c);
    }
    town_bytes(c, bytes, sizeof(bytes));
    assert_true(town_is_ended(c, 1000));
    assert_int_equal(c->received_bytes - (row->is_first ? 0 : c->frame_bytes + 4), 0);
    assert_int_equal(town_said(t, row->said), 1);
    door_is_well(other);
    door_end(t);
}

/* Of a request that claims to be large as much is held as has come of it, and a first buffer. */
static void a_claimed_length_takes_little_memory(void **state)
{
    (void)state;
    struct town *t = door_town(7, 1);
    struct town_client *c = town_connect(t);
    uint8_t bytes[4 + 8] = {0};
    door_is_well(c);
    size_t before = town_core(t, 0)->budget.used_bytes;
    door_put_length(bytes, LIMIT_BUF_BYTES);
    town_bytes(c, bytes, sizeof(bytes));
    town_run(t, 100);
    assert_true(town_core(t, 0)->budget.used_bytes - before < 160 << 10);
    assert_false(c->is_ended);
    door_end(t);
}

/* --- Requests that are none --- */

/* The head of a request: key, version, and what follows. */
static const struct door_head_row {
    const char *name;
    int16_t key;
    int16_t version;
    size_t length; /* of it all */
    const char *said;
} door_head_rows[] = {
    {"an unknown key closes", 99, 0, 20, "a request of unknown key 99"},
    {"a negative key closes", -1, 0, 20, "a request of unknown key -1"},
    {"a key that is known and not served closes", 8, 2, 20, "a request of unknown key 8"},
    {"a version that is too new closes", 3, 14, 20, "Metadata in version 14, which is not served"},
    {"a negative version closes", 3, -1, 20, "Metadata in version -1, which is not served"},
    {"Produce 0 closes", 0, 0, 20, "Produce in version 0, which is not served"},
    {"Produce 1 closes", 0, 1, 20, "Produce in version 1, which is not served"},
    {"Produce 2 closes", 0, 2, 20, "Produce in version 2, which is not served"},
    {"Fetch 3 closes", 1, 3, 20, "Fetch in version 3, which is not served"},
    {"Fetch 18 closes", 1, 18, 20, "Fetch in version 18, which is not served"},
    {"ListOffsets 0 closes", 2, 0, 20, "ListOffsets in version 0, which is not served"},
    {"3 bytes close", 18, 0, 3, "a request of less than 4 bytes"},
    {"a head without its end closes", 18, 0, 6, "cannot be read"},
    {"a body without its end closes", 3, 1, 12, "cannot be read"},
};

static void door_head_bytes(uint8_t out[64], int16_t key, int16_t version, size_t length)
{
    struct bytes_writer w = bytes_writer(out, 64);
    bytes_put_u32be(&w, (uint32_t)length);
    bytes_put_u16be(&w, (uint16_t)key);
    bytes_put_u16be(&w, (uint16_t)version);
    bytes_put_u32be(&w, 77);         /* correlation id */
    bytes_put_u16be(&w, UINT16_MAX); /* no client id */
    bytes_put_zeros(&w, 64 - w.pos);
}

/* Whole, and cut: the frame then has a buffer of its own. */
static void door_head(void **state)
{
    const struct door_head_row *row = *state;
    struct town *t = door_town(8, 1);
    struct town_client *other = town_connect(t);
    uint8_t bytes[64];
    door_head_bytes(bytes, row->key, row->version, row->length);
    for (size_t cut = 0; cut < 4 + row->length; cut++) {
        struct town_client *c = town_connect(t);
        if (cut > 0) {
            town_bytes(c, bytes, cut);
            town_run(t, 2);
        }
        assert_false(c->is_ended);
        town_bytes(c, bytes + cut, 4 + row->length - cut);
        assert_true(town_is_ended(c, 1000));
        assert_int_equal(c->received_bytes, 0);
    }
    assert_int_equal(town_said(t, row->said), 4 + row->length);
    door_is_well(other);
    door_end(t);
}

/* --- Ends of connections --- */

static void a_half_closed_peer_gets_its_answers(void **state)
{
    (void)state;
    struct town *t = door_town(9, 2);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    talk_batch(t, &batch, 3, 1, 1000, 100);
    talk_produce_ask(c, 9, "t", 0, -1, batch.data, batch.length);
    talk_fetch_ask(
        c, &(struct talk_fetch){.topic = "t", .offset = 1, .bytes_min = 1, .max_wait_ms = 60000});
    door_ask_versions(c);
    town_half_close(c);
    assert_int_equal(talk_produce_answer(c)->base_offset, 0);
    assert_int_equal(talk_fetch_answer(c)->records.length, 0); /* it waits no longer */
    assert_non_null(town_answer(c));
    assert_true(town_is_ended(c, 1000));
    door_end(t);
}

static void a_peer_that_leaves_in_the_middle_of_a_request_is_forgotten(void **state)
{
    (void)state;
    struct town *t = door_town(10, 1);
    struct talk_batch batch;
    talk_batch(t, &batch, 3, 1, 1000, 1000);
    for (uint32_t i = 0; i < 20; i++) {
        struct town_client *c = town_connect(t);
        uint8_t head[64];
        door_head_bytes(head, 18, 0, 40);
        talk_produce_ask(c, 9, "t", 0, -1, batch.data, batch.length);
        town_bytes(c, head, 1 + i * 2);
        town_run(t, i % 3);
        town_hang_up(c);
    }
    town_run(t, 1000);
    assert_true(list_is_empty(&town_door(t, 0)->conns));
    door_end(t);
}

/* --- acks=0 --- */

static void trap_29_acks_0_is_answered_by_nothing(void **state)
{
    (void)state;
    struct town *t = door_town(11, 2);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    struct talk_record records[8];
    for (uint32_t i = 0; i < 5; i++) {
        talk_batch(t, &batch, i, 1, 1000, 100);
        talk_produce_ask(c, 9, "t", 0, 0, batch.data, batch.length);
    }
    door_is_well(c); /* the next answer is the next request's */
    town_run(t, 100);
    const struct kafka_fetch_response_partition *fetched =
        talk_fetch(c, &(struct talk_fetch){.topic = "t"});
    assert_int_equal(talk_records(t, &fetched->records, 0, records, 8), 5);
    door_end(t);
}

static void trap_29_a_refused_batch_with_acks_0_closes(void **state)
{
    (void)state;
    struct town *t = door_town(12, 2);
    struct town_client *c = town_connect(t);
    struct talk_batch batch;
    talk_batch(t, &batch, 1, 1, 1000, 100);
    batch.data[batch.length - 1] ^= 1;
    talk_produce_ask(c, 9, "t", 0, 0, batch.data, batch.length);
    assert_true(town_is_ended(c, 1000));
    assert_int_equal(c->received_bytes, 0);
    assert_int_equal(town_said(t, "a batch with acks=0 was refused"), 1);
    door_end(t);
}

/* --- Closing --- */

static void parked_fetches_end_at_once_when_the_broker_closes(void **state)
{
    (void)state;
    struct town *t = door_town(13, 3);
    struct town_client *c[5];
    for (uint32_t i = 0; i < 5; i++) {
        c[i] = town_connect(t);
        talk_fetch_ask(c[i],
                       &(struct talk_fetch){.topic = "t", .bytes_min = 1, .max_wait_ms = 300000});
    }
    town_run(t, 10);
    uint64_t before_ns = sim_now_ns(t->sim);
    town_close(t);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(talk_fetch_answer(c[i])->error_code, 0);
        assert_true(town_is_ended(c[i], 1000));
    }
    town_free(t);
}

/* What was let in was answered, and every answer arrives: with load that goes on meanwhile. */
static void what_is_let_in_before_a_close_is_answered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct town *t = door_town(seed, 1 + (uint32_t)(seed % 3));
        struct town_client *c[8];
        int64_t answers_count = 0;
        for (uint32_t i = 0; i < 8; i++) {
            c[i] = town_connect(t);
            for (uint32_t k = 0; k < 100; k++) {
                struct talk_batch batch;
                talk_batch(t, &batch, i * 100 + k, 1, 1000, 1000);
                talk_produce_ask(c[i], 9, "t", 0, -1, batch.data, batch.length);
            }
        }
        sim_run_for(t->sim, seed * 100000);
        town_close(t);
        for (uint32_t i = 0; i < 8; i++) {
            while (!list_is_empty(&c[i]->asked) && town_answer(c[i]) != NULL) {
                answers_count++;
            }
            assert_true(town_is_ended(c[i], 10000));
        }
        town_start(t, 2);
        assert_int_equal(talk_offset(town_connect(t), "t", 0, -1), answers_count);
        door_end(t);
    }
}

/* --- Peers that do not read, and many --- */

static size_t door_used_bytes(struct town *t)
{
    size_t used_bytes = 0;
    for (uint32_t i = 0; i < t->shards_count; i++) {
        used_bytes += rt_shard_budget(sim_node_shard(t->machine, i))->used_bytes;
    }
    return used_bytes;
}

/* A client that asks for megabytes and reads none of them holds what a few answers take; another
 * one goes on as before. */
static void a_client_that_never_reads_holds_little(void **state)
{
    (void)state;
    struct town *t = town_new(14, NULL);
    t->core.log.hot_bytes_max = 64 << 10; /* what is read comes from the disk: it takes memory */
    town_start(t, 1);
    struct town_client *other = town_connect(t);
    struct town_client *deaf = town_connect(t);
    struct talk_batch batch;
    assert_int_equal(talk_topic(other, "t"), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        talk_batch(t, &batch, i, 1, 1000, 3000);
        talk_produce_ask(other, 9, "t", 0, 1, batch.data, batch.length);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(talk_produce_answer(other)->error_code, 0);
    }
    town_run(t, 5000);
    size_t before = door_used_bytes(t);
    deaf->is_deaf = true;
    for (uint32_t i = 0; i < 40; i++) {
        talk_fetch_ask(deaf, &(struct talk_fetch){.topic = "t", .bytes_max = 2 << 20});
    }
    for (uint32_t i = 0; i < 200; i++) {
        town_run(t, 10);
        assert_true(door_used_bytes(t) < before + (16 << 20));
        talk_batch(t, &batch, i, 1, 1000, 3000);
        assert_int_equal(talk_produce(other, "t", 0, -1, &batch)->error_code, 0);
        const struct kafka_fetch_response_partition *fetched =
            talk_fetch(other, &(struct talk_fetch){.topic = "t", .offset = 2000 + i});
        assert_int_equal(fetched->error_code, 0);
        assert_true(fetched->records.length > 0);
    }
    deaf->is_deaf = false;
    town_listen(deaf);
    for (uint32_t i = 0; i < 40; i++) {
        const struct kafka_fetch_response_partition *fetched = talk_fetch_answer(deaf);
        assert_int_equal(fetched->error_code, 0);
        assert_true(fetched->records.length > 0);
    }
    door_end(t);
}

static void a_client_that_never_reads_does_not_hold_up_the_close(void **state)
{
    (void)state;
    struct town *t = door_town(15, 2);
    struct town_client *other = town_connect(t);
    struct town_client *deaf = town_connect(t);
    struct talk_batch batch;
    for (uint32_t i = 0; i < 1000; i++) {
        talk_batch(t, &batch, i, 1, 1000, 3000);
        talk_produce_ask(other, 9, "t", 0, 1, batch.data, batch.length);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(talk_produce_answer(other)->error_code, 0);
    }
    deaf->is_deaf = true;
    for (uint32_t i = 0; i < 20; i++) {
        talk_fetch_ask(deaf, &(struct talk_fetch){.topic = "t", .bytes_max = 2 << 20});
    }
    town_run(t, 1000);
    uint64_t before_ns = sim_now_ns(t->sim);
    town_close(t);
    assert_true(sim_now_ns(t->sim) - before_ns < 5 * RT_NS_PER_S);
    town_free(t);
}

/* Also one whose request waits: it is cut, the wait ends, nothing of it stays. */
static void a_connection_on_which_nothing_moves_is_closed_after_10_minutes(void **state)
{
    (void)state;
    struct town *t = door_town(16, 2);
    struct town_client *idle = town_connect(t);
    struct town_client *parked = town_connect(t);
    struct town_client *busy = town_connect(t);
    for (uint32_t i = 0; i < 20; i++) {
        talk_fetch_ask(parked,
                       &(struct talk_fetch){.topic = "t", .bytes_min = 1, .max_wait_ms = 86400000});
    }
    for (uint32_t minute = 0; minute < 9; minute++) {
        town_run(t, 60000);
        assert_int_equal(talk_offset(busy, "t", 0, -1), 0);
    }
    assert_false(town_is_ended(idle, 1));
    assert_false(town_is_ended(parked, 1));
    town_run(t, 90000);
    assert_true(town_is_ended(idle, 1000));
    assert_true(town_is_ended(parked, 1000));
    assert_int_equal(talk_offset(busy, "t", 0, -1), 0);
    door_end(t);
}

/* Connections that never say anything, that say a byte a second, that leave a request unfinished:
 * what each takes is small, and others do not notice. */
/* Counters of all doors. */
struct door_stats {
    uint64_t received_bytes;
    uint64_t copied_bytes;
    uint64_t gathered_bytes;
};

static struct door_stats door_stats(struct town *t)
{
    struct door_stats sum = {0};
    for (uint32_t i = 0; i < 2; i++) {
        const struct kafka_door_metrics *metrics = &town_door(t, i)->metrics;
        sum.received_bytes += metric_counter_value(&metrics->received);
        sum.copied_bytes += metric_counter_value(&metrics->copied);
        sum.gathered_bytes += metric_counter_value(&metrics->gathered);
    }
    return sum;
}

/* A batch whose one record has `bytes` bytes: *length of them in all. To be freed. */
static uint8_t *door_large_batch(const struct town *t, size_t bytes, size_t *length)
{
    char *value = calloc(1, bytes);
    uint8_t *raw = malloc(bytes + 1000);
    uint8_t *batch = malloc(bytes + 1000);
    assert_true(value != NULL && raw != NULL && batch != NULL);
    struct batch_build b;
    batch_build_init(&b, raw, bytes + 1000);
    batch_build_add(
        &b, &(struct batch_build_record){.timestamp = 1, .value = value, .value_bytes = bytes});
    *length = batch_build_end(&b, NULL, t->kernels, batch, bytes + 1000);
    free(value);
    free(raw);
    return batch;
}

/* Append such a batch; its length. What of it was copied is `*copied` in all, the request around it
 * included, which is `*received` bytes. */
static size_t door_append_large(struct town *t, struct town_client *c, size_t bytes,
                                uint64_t *received, uint64_t *copied)
{
    size_t length;
    uint8_t *batch = door_large_batch(t, bytes, &length);
    struct door_stats before = door_stats(t);
    talk_produce_ask(c, TALK_PRODUCE_VERSION, "t", 0, -1, batch, length);
    assert_int_equal(talk_produce_answer(c)->error_code, 0);
    *received = door_stats(t).received_bytes - before.received_bytes;
    *copied = door_stats(t).copied_bytes - before.copied_bytes;
    free(batch);
    return length;
}

/* What has come with a request's beginning is copied to where it stands, the rest is received
 * there: from there the journal's frame takes it, a large one the segment's writes. */
static void a_payload_is_copied_at_most_once_on_its_way_in_and_not_on_its_way_out(void **state)
{
    (void)state;
    struct town *t = door_town(24, 2);
    struct town_client *c = town_connect(t);
    uint64_t received, copied;
    door_is_well(c); /* a first request is small */
    size_t length = door_append_large(t, c, 64 << 10, &received, &copied);
    assert_in_range(received, length, length + 200);
    assert_in_range(copied, 1, 2 * LIMIT_RECV_BUFFER_BYTES);
    struct door_stats before = door_stats(t);
    struct talk_fetch fetch = {.topic = "t", .offset = 0};
    assert_int_equal(talk_fetch(c, &fetch)->records.length, length);
    assert_int_equal(door_stats(t).gathered_bytes - before.gathered_bytes, length);
    (void)door_append_large(t, c, 700 << 10, &received, &copied);
    assert_in_range(copied, 128 << 10, received); /* its length was not believed at once */
    (void)door_append_large(t, c, 700 << 10, &received, &copied);
    assert_in_range(copied, 1, 2 * LIMIT_RECV_BUFFER_BYTES); /* this one's was */
    town_hang_up(c);
    door_end(t);
}

/* A request that has come whole while its connection already holds as much as it may waits for
 * answers to be read, and so does what is behind it; then all are answered in order. */
static void a_request_that_may_not_be_held_yet_waits(void **state)
{
    (void)state;
    struct town *t = door_town(25, 2);
    struct town_client *other = town_connect(t);
    struct town_client *deaf = town_connect(t);
    uint64_t received, copied;
    size_t length, frame_bytes;
    door_is_well(deaf);
    assert_int_equal(talk_topic(other, "u"), 0);
    for (uint32_t i = 0; i < 13;
         i++) { /* each will hold the batch below, of which it says nothing */
        talk_fetch_ask(deaf,
                       &(struct talk_fetch){
                           .topic = "t", .bytes_max = 1, .bytes_min = 1, .max_wait_ms = 60000});
    }
    uint8_t *batch = door_large_batch(t, 40000, &length);
    const uint8_t *frame =
        talk_produce_frame(deaf, TALK_PRODUCE_VERSION, "u", 0, -1, batch, length, &frame_bytes);
    town_bytes(deaf, frame, 20000);
    town_run(t, 100);
    deaf->is_deaf = true;
    size_t large = door_append_large(t, other, 700 << 10, &received, &copied);
    town_run(t, 100);
    town_bytes(deaf, frame + 20000, frame_bytes - 20000);
    door_ask_versions(deaf);
    town_run(t, 3000);
    assert_int_equal(talk_offset(other, "u", 0, -1), 0); /* it is not carried out */
    deaf->is_deaf = false;
    town_listen(deaf);
    for (uint32_t i = 0; i < 13; i++) {
        assert_int_equal(talk_fetch_answer(deaf)->records.length, large);
    }
    assert_int_equal(talk_produce_answer(deaf)->error_code, 0);
    assert_non_null(town_answer(deaf));
    assert_int_equal(talk_offset(other, "u", 0, -1), 1);
    free(batch);
    door_end(t);
}

static void a_thousand_idle_connections_take_little(void **state)
{
    (void)state;
    static const uint8_t head[] = {0, 0, 0, 40, 0, 18, 0, 0};
    struct town *t = door_town(15, 2);
    struct town_client *other = town_connect(t);
    struct town_client *idle[1200];
    door_is_well(other);
    size_t before = door_used_bytes(t);
    for (uint32_t i = 0; i < 1200; i++) {
        idle[i] = town_connect(t);
    }
    size_t silent = (door_used_bytes(t) - before) / 1200;
    for (size_t k = 0; k < sizeof(head); k++) {
        for (uint32_t i = 0; i < 1200; i++) {
            town_bytes(idle[i], head + k, 1);
        }
        town_run(t, 1000);
    }
    size_t slow = (door_used_bytes(t) - before) / 1200;
    print_message("bytes of a connection: silent %zu, in the middle of a request %zu\n", silent,
                  slow);
    assert_true(silent < 2048);
    assert_true(slow < 8192);
    door_is_well(other);
    for (uint32_t i = 0; i < 1200; i++) {
        assert_false(idle[i]->is_ended);
        town_hang_up(idle[i]);
    }
    town_run(t, 1000);
    size_t left = door_used_bytes(t);
    for (uint32_t i = 0; i < 1200; i++) { /* the next ones take what those have left */
        idle[i] = town_connect(t);
        town_bytes(idle[i], head, sizeof(head));
    }
    town_run(t, 1000);
    assert_true(door_used_bytes(t) < left + (1200 * 1024));
    door_is_well(other);
    door_end(t);
}

/* Clients with more requests than are carried out at a time wait; what they have sent meanwhile
 * keeps no receive buffer from others, of which there are fewer than clients. */
static void clients_that_wait_leave_receive_buffers_to_others(void **state)
{
    (void)state;
    struct sim_options options = sim_options_calm();
    options.host.recv_buffers_count = 8;
    options.host.reads_ahead_ppm = 0; /* what the runtime reads ahead is its own affair */
    struct town *t = town_new(16, &options);
    struct town_client *waiting[20];
    town_start(t, 1);
    struct town_client *other = town_connect(t);
    assert_int_equal(talk_topic(other, "t"), 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(waiting); i++) {
        waiting[i] = town_connect(t);
        for (uint32_t k = 0; k < KAFKA_CONN_REQUESTS_MAX + 3; k++) {
            talk_fetch_ask(waiting[i], &(struct talk_fetch){.topic = "t",
                                                            .bytes_max = 1000,
                                                            .bytes_min = 1,
                                                            .max_wait_ms = 20000});
        }
    }
    town_run(t, 1000);
    uint64_t before_ns = sim_now_ns(t->sim);
    door_is_well(other);
    assert_true(sim_now_ns(t->sim) - before_ns < RT_NS_PER_S);
    for (uint32_t i = 0; i < ARRAY_COUNT(waiting); i++) {
        for (uint32_t k = 0; k < KAFKA_CONN_REQUESTS_MAX + 3; k++) {
            assert_int_equal(talk_fetch_answer(waiting[i])->error_code, 0);
        }
    }
    door_end(t);
}

/* Requests that have begun, and of which nothing more comes, hold all that such may: they give way
 * to one that comes in parts. One that is slow, but comes, does not. */
static void begun_requests_that_do_not_come_give_way(void **state)
{
    (void)state;
    struct town *t = door_town(17, 1);
    struct town_client *stalled[300];
    uint8_t bytes[1000] = {0};
    size_t length;
    struct kafka_api_versions_request body;
    door_put_length(bytes, LIMIT_BUF_BYTES);
    struct town_client *slow = town_connect(t);
    struct town_client *other = town_connect(t);
    door_is_well(slow);
    town_bytes(slow, bytes, sizeof(bytes));
    for (uint32_t i = 0; i < ARRAY_COUNT(stalled); i++) {
        stalled[i] = town_connect(t);
        door_is_well(stalled[i]);
        town_bytes(stalled[i], bytes, sizeof(bytes));
        town_bytes(slow, bytes + 4, 1);
    }
    kafka_reset(&kafka_struct_api_versions_request, &body);
    const uint8_t *frame =
        town_frame_of(other, &kafka_message_api_versions_request, 0, &body, &length);
    town_expect(other, &kafka_message_api_versions_request, 0);
    town_bytes(other, frame, 10);
    for (uint32_t i = 0; i < 20; i++) {
        town_bytes(slow, bytes + 4, 1);
        town_run(t, 250);
        if (i == 0) {
            town_bytes(other, frame + 10, length - 10);
        }
    }
    assert_true(town_has_answer(other));
    assert_non_null(town_answer(other));
    assert_false(slow->is_ended);
    assert_true(town_said(t, "a request did not come on") >= 1);
    door_is_well(other);
    door_end(t);
}

/* More connections than are allowed stay with the kernel; they are taken when others leave. */
static void connections_above_the_largest_number_wait(void **state)
{
    (void)state;
    struct town *t = town_new(18, NULL);
    struct town_client *c[3];
    t->core.connections_max = ARRAY_COUNT(c);
    town_start(t, 1);
    for (uint32_t i = 0; i < ARRAY_COUNT(c); i++) {
        c[i] = town_connect(t);
        door_is_well(c[i]);
    }
    struct town_client *late = town_connect(t);
    door_ask_versions(late);
    town_run(t, 25000);
    assert_false(town_has_answer(late));
    assert_int_equal(town_said(t, "new connections wait"), 3); /* every 10 s */
    door_is_well(c[0]);
    town_hang_up(c[1]);
    assert_non_null(town_answer(late));
    door_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_29_answers_come_in_the_order_of_the_requests),
        cmocka_unit_test(a_request_behind_a_parked_fetch_is_carried_out),
        cmocka_unit_test(a_request_may_be_cut_at_every_byte),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(many_small_requests_may_come_in_one_segment),
        cmocka_unit_test(a_claimed_length_takes_little_memory),
        cmocka_unit_test(a_half_closed_peer_gets_its_answers),
        cmocka_unit_test(a_peer_that_leaves_in_the_middle_of_a_request_is_forgotten),
        cmocka_unit_test(trap_29_acks_0_is_answered_by_nothing),
        cmocka_unit_test(trap_29_a_refused_batch_with_acks_0_closes),
        cmocka_unit_test(parked_fetches_end_at_once_when_the_broker_closes),
        cmocka_unit_test(what_is_let_in_before_a_close_is_answered),
        cmocka_unit_test(a_client_that_never_reads_holds_little),
        cmocka_unit_test(a_client_that_never_reads_does_not_hold_up_the_close),
        cmocka_unit_test(a_connection_on_which_nothing_moves_is_closed_after_10_minutes),
        cmocka_unit_test(a_payload_is_copied_at_most_once_on_its_way_in_and_not_on_its_way_out),
        cmocka_unit_test(a_request_that_may_not_be_held_yet_waits),
        cmocka_unit_test(a_thousand_idle_connections_take_little),
        cmocka_unit_test(clients_that_wait_leave_receive_buffers_to_others),
        cmocka_unit_test(begun_requests_that_do_not_come_give_way),
        cmocka_unit_test(connections_above_the_largest_number_wait),
    };
    struct CMUnitTest lengths[ARRAY_COUNT(door_length_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(door_length_rows); i++) {
        lengths[i] = (struct CMUnitTest){.name = door_length_rows[i].name,
                                         .test_func = door_length,
                                         .initial_state = (void *)(uintptr_t)&door_length_rows[i]};
    }
    struct CMUnitTest heads[ARRAY_COUNT(door_head_rows)];
    for (size_t i = 0; i < ARRAY_COUNT(door_head_rows); i++) {
        heads[i] = (struct CMUnitTest){.name = door_head_rows[i].name,
                                       .test_func = door_head,
                                       .initial_state = (void *)(uintptr_t)&door_head_rows[i]};
    }
    int failed = cmocka_run_group_tests_name("kafka_door", tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("kafka_door: lengths", lengths, NULL, NULL);
    failed += cmocka_run_group_tests_name("kafka_door: heads", heads, NULL, NULL);
    return failed;
}
