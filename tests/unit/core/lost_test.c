/* What a start makes of a controller's log that has lost entries: nothing. It is refused until an
 * operator accepts the loss, and no partition's log goes because of it, then and later; those of
 * topics that were deleted do. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "storage/log/frame.h"
#include "storage/log/repair.h"
#include "storage/log/table.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/yard.h"

#define LOST_JOURNAL "/data/journal/00000001.jnl"
#define LOST_TABLE   "/data/groups.tab"

/* --- Damage --- */

/* Where in the journal the frame lies that holds the topic's name, from `*name` on, and the one
 * behind it. */
struct lost_frames {
    uint64_t name;
    uint64_t next;
    struct log_frame next_head;
};

static struct lost_frames lost_find(struct yard *y)
{
    struct lost_frames found = {.name = 0};
    struct sim_disk *disk = sim_node_disk(y->node);
    uint64_t size = sim_disk_size(disk, LOST_JOURNAL);
    assert_true(size != UINT64_MAX);
    uint8_t *data = calloc(1, size);
    assert_non_null(data);
    assert_int_equal(sim_disk_peek_durable(disk, LOST_JOURNAL, 0, data, size), size);
    uint64_t pos = LOG_JOURNAL_HEADER_BYTES;
    struct log_frame head;
    while (log_frame_decode(data + pos, size - pos, y->kernels, &head) == ERR_OK) {
        if (found.name != 0) {
            found.next = pos;
            found.next_head = head;
            break;
        }
        const uint8_t *name = memmem(data + pos, head.frame_bytes, "yard", 4);
        found.name = name != NULL ? (uint64_t)(name - data) : 0;
        pos += head.frame_bytes;
    }
    free(data);
    assert_true(found.next != 0);
    return found;
}

static void lost_rot(struct yard *y, const char *path, uint64_t pos)
{
    assert_int_equal(sim_disk_rot(sim_node_disk(y->node), path, pos, 3), ERR_OK);
}

/* What is damaged. */
enum lost_how {
    LOST_ENTRY, /* the entry that made the topic: it is known that it was there */
    LOST_FRAME, /* what was written with it, and the copy that tells of it: nobody knows what was */
    LOST_ROW,   /* the row of the controller's log in the table */
};

static void lost_damage(struct yard *y, enum lost_how how)
{
    if (how == LOST_ROW) {
        lost_rot(y, LOST_TABLE, LOG_TABLE_HEADER_BYTES + 60);
        return;
    }
    struct lost_frames frames = lost_find(y);
    lost_rot(y, LOST_JOURNAL, frames.name);
    if (how == LOST_FRAME) {
        lost_rot(y, LOST_JOURNAL, frames.next + log_frame_copy_pos(&frames.next_head) + 3);
    }
}

/* --- An operator --- */

static void lost_accepted(struct log_repair *repair)
{
    assert_int_equal(repair->err, ERR_OK);
    ((struct yard *)repair->ctx)->pending_count--;
}

static void lost_accept_call(struct rt_shard *shard, void *ctx)
{
    struct log_repair *repair = ctx;
    struct yard *y = repair->ctx;
    log_repair_accept(repair, log_find(&y->shards[shard->id].log, 0), lost_accepted);
}

static void lost_accept(struct yard *y)
{
    struct log_repair repair = {.ctx = y};
    y->pending_count++;
    sim_post(sim_node_shard(y->node, 0), lost_accept_call, &repair);
    yard_wait(y);
}

/* --- Looking --- */

/* The log of group `id`, whichever shard has it. */
static const struct log *lost_log(struct yard *y, uint64_t id)
{
    return log_find(&y->shards[core_shard_of(&y->core, id)].log, id);
}

/* The topic's logs are there, each with the entries that make its end `offset`. */
static void lost_all_are_there(struct yard *y, uint64_t offset)
{
    for (uint64_t id = 1; id <= YARD_PARTITIONS; id++) {
        const struct log *log = lost_log(y, id);
        struct log_status status;
        assert_non_null(log);
        log_status(log, &status);
        assert_int_equal(status.end.offset, offset);
    }
}

static void lost_is_refused(struct yard *y, uint32_t shards_count)
{
    assert_int_equal(yard_try_start(y, shards_count), ERR_CORRUPT);
    assert_non_null(strstr(y->why, "the controller's log has lost entries"));
    assert_non_null(strstr(y->why, "tdb log repair DIR --group 0"));
    lost_all_are_there(y, 1);
    yard_settle(y);
    yard_close(y);
}

/* --- Tests --- */

/* A topic of three partitions with one record each, and damage to what made it. */
static struct yard *lost_yard(enum lost_how how)
{
    struct yard *y = yard_new(1, NULL);
    yard_start(y, 1);
    for (uint32_t i = 0; i < YARD_PARTITIONS; i++) {
        yard_append(y, i, 1, 1000);
        assert_int_equal(yard_topic(y)->groups[i], i + 1);
    }
    if (how == LOST_ROW) {
        yard_settle(y);
    }
    yard_crash(y, SIM_CRASH_LOSE);
    lost_damage(y, how);
    return y;
}

static const struct {
    const char *name;
    enum lost_how how;
} lost_rows[] = {
    {"a start is refused where an entry of the controller's log is lost", LOST_ENTRY},
    {"a start is refused where nobody knows what the controller's log had", LOST_FRAME},
    {"a start is refused where nobody knows what the controller's log is", LOST_ROW},
};

static void lost_row(void **state)
{
    struct yard *y = lost_yard(lost_rows[(size_t)*state].how);
    for (uint32_t shards_count = 1; shards_count <= 3; shards_count++) {
        lost_is_refused(y, shards_count);
    }
    yard_free(y);
}

/* The first topic is forgotten, its logs are not. Ids are given out again: the first three
 * partitions of the new topic find logs of the old one, the fourth does not. */
static void logs_of_a_topic_that_is_lost_are_left_alone(void **state)
{
    (void)state;
    struct yard *y = lost_yard(LOST_FRAME);
    assert_int_equal(yard_try_start(y, 1), ERR_CORRUPT);
    lost_accept(y);
    yard_close(y);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(yard_try_start(y, 1 + i), ERR_OK);
        assert_null(yard_topic(y));
        assert_non_null(strstr(y->said, "a log that no topic names is left alone"));
        yard_run(y, 1000);
        lost_all_are_there(y, 1);
        yard_close(y);
    }
    y->config.partitions_count = YARD_PARTITIONS + 1;
    for (uint32_t i = 0; i < 2; i++) {
        yard_start(y, 1 + i);
        assert_non_null(strstr(y->said, "a log belongs to another topic"));
        for (uint32_t partition = 0; partition < YARD_PARTITIONS; partition++) {
            yard_append_start(y, partition, 1, 1000);
            yard_wait(y);
            assert_int_equal(y->append.code, CORE_NOT_AVAILABLE);
            assert_int_equal(yard_offsets(y, partition, CORE_OFFSETS_LATEST).code,
                             CORE_NOT_AVAILABLE);
            assert_int_equal(yard_fetch(y, partition, 0, -1).code, CORE_NOT_AVAILABLE);
            assert_int_equal(yard_trim(y, partition, 0).code, CORE_NOT_AVAILABLE);
        }
        assert_int_equal(yard_append(y, YARD_PARTITIONS, 1, 1000), i);
        lost_all_are_there(y, 1);
        yard_close(y);
    }
    yard_start(y, 1); /* with the new topic only its own log goes */
    yard_delete(y);
    yard_crash(y, SIM_CRASH_LOSE);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(yard_try_start(y, 1 + i), ERR_OK);
        yard_run(y, 1000);
        lost_all_are_there(y, 1);
        assert_null(lost_log(y, YARD_PARTITIONS + 1));
        yard_close(y);
    }
    yard_free(y);
}

/* Killed as soon as the deletion is answered: its logs are still there. */
static void logs_of_a_deleted_topic_go(void **state)
{
    (void)state;
    struct yard *y = yard_new(2, NULL);
    yard_start(y, 2);
    for (uint32_t i = 0; i < YARD_PARTITIONS; i++) {
        yard_append(y, i, 1, 1000);
    }
    yard_settle(y);
    yard_delete(y);
    yard_crash(y, SIM_CRASH_LOSE);
    assert_int_equal(yard_try_start(y, 2), ERR_OK);
    assert_null(yard_topic(y));
    yard_run(y, 1000);
    for (uint64_t id = 1; id <= YARD_PARTITIONS; id++) {
        assert_null(lost_log(y, id));
    }
    assert_null(strstr(y->said, "left alone"));
    yard_close(y);
    yard_free(y);
}

int main(void)
{
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(logs_of_a_topic_that_is_lost_are_left_alone),
        cmocka_unit_test(logs_of_a_deleted_topic_go),
    };
    struct CMUnitTest tests[ARRAY_COUNT(lost_rows) + ARRAY_COUNT(plain)];
    for (size_t i = 0; i < ARRAY_COUNT(lost_rows); i++) {
        tests[i] = (struct CMUnitTest){
            .name = lost_rows[i].name, .test_func = lost_row, .initial_state = (void *)i};
    }
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        tests[ARRAY_COUNT(lost_rows) + i] = plain[i];
    }
    return cmocka_run_group_tests_name("core_lost", tests, NULL, NULL);
}
