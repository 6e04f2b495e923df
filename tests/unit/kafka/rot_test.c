/* A record that has rotted on the disk: who reads it is told so, by Fetch and by ListOffsets, and
 * who seeks past it goes on; whether it is in the journal or in its segment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/kafka/errors.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/talk.h"

#define ROT_BATCHES 6u
#define ROT_AT      3u /* offset of the record that rots: each batch has one */
#define ROT_BATCH   4096u

/* What the record is, as its bytes stand on the disk. */
#define ROT_VALUE "the record that rots"

/* A disk on which something rots. */
struct rot {
    struct sim_disk *disk;
    bool is_in_journal; /* the record was there */
    bool is_in_segment; /* likewise */
};

/* Flip a bit wherever the record stands. */
static void rot_visit(void *ctx, const char *path)
{
    struct rot *rot = ctx;
    uint64_t size = path[strlen(path) - 1] == '/' ? 0 : sim_disk_size(rot->disk, path);
    uint8_t *data = calloc(1, size + 1);
    assert_non_null(data);
    int64_t length = sim_disk_peek_durable(rot->disk, path, 0, data, size);
    const uint8_t *at =
        length > 0 ? memmem(data, (size_t)length, ROT_VALUE, strlen(ROT_VALUE)) : NULL;
    if (at != NULL) {
        assert_int_equal(sim_disk_rot(rot->disk, path, (uint64_t)(at - data) + 5, 2), ERR_OK);
        rot->is_in_journal |= strstr(path, "/journal/") != NULL;
        rot->is_in_segment |= strstr(path, ".log") != NULL;
    }
    free(data);
}

static void rot_produce(struct town *t, struct town_client *c, int64_t offset)
{
    uint8_t raw[ROT_BATCH];
    uint8_t data[ROT_BATCH];
    char value[3000]; /* what fills whole blocks is settled */
    struct batch_build b;
    memset(value, 'v', sizeof(value));
    if (offset == ROT_AT) {
        memcpy(value, ROT_VALUE, strlen(ROT_VALUE));
    }
    batch_build_init(&b, raw, sizeof(raw));
    batch_build_add(&b, &(struct batch_build_record){.timestamp = 1000 + offset,
                                                     .value = value,
                                                     .value_bytes = sizeof(value)});
    size_t length = batch_build_end(&b, NULL, t->kernels, data, sizeof(data));
    talk_produce_ask(c, TALK_PRODUCE_VERSION, "t", 0, -1, data, length);
    const struct kafka_produce_response_partition *answer = talk_produce_answer(c);
    assert_int_equal(answer->error_code, 0);
    assert_int_equal(answer->base_offset, offset);
}

static void rot_settled(struct log_shard *ls)
{
    assert_int_equal(ls->err, ERR_OK);
}

static void rot_settle(struct rt_shard *shard, void *ctx)
{
    log_shard_settle(&town_core(ctx, shard->id)->log, rot_settled);
}

/* Fetch from `offset`, of which so many records are to come, or an error. */
static void rot_fetch(struct town_client *c, uint64_t offset, int16_t error, bool is_empty)
{
    const struct kafka_fetch_response_partition *answer =
        talk_fetch(c, &(struct talk_fetch){.topic = "t", .offset = offset});
    assert_int_equal(answer->error_code, error);
    assert_int_equal(answer->high_watermark, error == 0 ? ROT_BATCHES : answer->high_watermark);
    assert_int_equal(answer->records.length <= 0, is_empty);
}

/* As a consumer goes: up to what has rotted, which it is told of, and from behind it. */
static void rot_is_told(struct town *t)
{
    struct town_client *c = town_connect(t);
    int64_t offset;
    rot_fetch(c, 0, 0, false);
    rot_fetch(c, ROT_AT - 1, 0, false);
    rot_fetch(c, ROT_AT, KAFKA_CORRUPT_MESSAGE, true);
    rot_fetch(c, ROT_AT, KAFKA_CORRUPT_MESSAGE, true); /* and again */
    rot_fetch(c, ROT_AT + 1, 0, false);
    assert_int_equal(talk_list_offset(c, "t", 0, 1000 + ROT_AT, &offset), KAFKA_CORRUPT_MESSAGE);
    assert_int_equal(talk_offset(c, "t", 0, 1000 + ROT_AT - 1), ROT_AT - 1);
    assert_int_equal(talk_offset(c, "t", 0, 1000 + ROT_AT + 1), ROT_AT + 1);
    assert_int_equal(talk_offset(c, "t", 0, -2), 0);
    assert_int_equal(talk_offset(c, "t", 0, -1), ROT_BATCHES);
    town_hang_up(c);
}

static void rot_run(bool is_settled)
{
    struct town *t = town_new(1, NULL);
    town_start(t, 2);
    struct town_client *c = town_connect(t);
    assert_int_equal(talk_topic(c, "t"), 0);
    for (int64_t i = 0; i < ROT_BATCHES; i++) {
        rot_produce(t, c, i);
    }
    town_hang_up(c);
    for (uint32_t i = 0; i < t->shards_count && is_settled; i++) {
        town_on(t, i, rot_settle, t);
        town_run(t, 1000);
    }
    town_crash(t, SIM_CRASH_LOSE);
    struct rot rot = {.disk = sim_node_disk(t->machine)};
    sim_disk_walk(rot.disk, rot_visit, &rot);
    assert_int_equal(rot.is_in_segment, is_settled);
    assert_true(rot.is_in_journal || is_settled);
    for (uint32_t shards_count = 1; shards_count <= 2; shards_count++) {
        town_start(t, shards_count);
        rot_is_told(t);
        town_close(t);
    }
    town_free(t);
}

static void a_record_that_rots_in_its_segment_is_told_and_may_be_passed(void **state)
{
    (void)state;
    rot_run(true);
}

static void a_record_that_rots_in_the_journal_is_told_and_may_be_passed(void **state)
{
    (void)state;
    rot_run(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_rots_in_its_segment_is_told_and_may_be_passed),
        cmocka_unit_test(a_record_that_rots_in_the_journal_is_told_and_may_be_passed),
    };
    return cmocka_run_group_tests_name("kafka_rot", tests, NULL, NULL);
}
