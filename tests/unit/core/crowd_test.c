/* Very many small batches: each is let in, and what they leave behind is bounded, on the shard of
 * the partition and on that of the connections; also where none of them will ever be seen by
 * consumers. */
#include <string.h>

#include "base/assert.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"
#include "tests/unit/core/yard.h"

/* More than the places of any pool that a batch could take one of. */
#define CROWD_BATCHES 70000u

/* Of a shard. A buffer of the smallest class for each batch would be 273 MiB. */
#define CROWD_MEMORY_BYTES (32u << 20)

/* Batches that are on their way at a time. */
#define CROWD_WAYS 128u

/* A batch of one record with a value of 24 bytes: 61 of the header, 7 of the record. */
#define CROWD_VALUE_BYTES 24u
#define CROWD_BATCH_BYTES 92u

/* Batches that come by connections of one shard. */
struct crowd {
    struct yard *y;
    uint32_t partition;   /* to this one, */
    int16_t acks;         /* acknowledged so */
    uint32_t count;       /* of the burst */
    uint32_t value_bytes; /* of its record */
    uint8_t batch[2048];
    uint32_t batch_bytes;
    struct core_append appends[CROWD_WAYS];
    struct core_records_info infos[CROWD_WAYS];
    uint32_t refused_count; /* so far */
};

static void crowd_answered(struct core_append *append)
{
    struct crowd *crowd = append->ctx;
    crowd->refused_count += append->code != CORE_OK;
    crowd->y->pending_count--;
}

/* Each batch comes in a buffer of its own, which is the worst there is. */
static void crowd_burst(struct rt_shard *shard, void *ctx)
{
    struct crowd *crowd = ctx;
    struct yard *y = crowd->y;
    struct core_shard *cs = &y->shards[shard->id];
    const struct core_topic *topic = yard_topic(y);
    struct core_records_config wanted = {.batch_bytes_max = LIMIT_BATCH_BYTES,
                                         .before_max_ms = INT64_MAX,
                                         .after_max_ms = INT64_MAX};
    for (uint32_t i = 0; i < crowd->count; i++) {
        struct core_append *append = &crowd->appends[i];
        struct buf *buf;
        *append = (struct core_append){.done = crowd_answered,
                                       .ctx = crowd,
                                       .topic = topic->uuid,
                                       .partition = crowd->partition,
                                       .group = topic->groups[crowd->partition],
                                       .info = &crowd->infos[i],
                                       .acks = crowd->acks,
                                       .timeout_ms = 60000};
        assert_int_equal(core_records_validate(&wanted, &cs->room, y->kernels, crowd->batch,
                                               crowd->batch_bytes, &crowd->infos[i]),
                         CORE_RECORDS_FAULT_NONE);
        assert_int_equal(buf_new(&cs->bufs, &cs->budget, crowd->batch_bytes, &buf), ERR_OK);
        memcpy(buf_append(buf, crowd->batch_bytes), crowd->batch, crowd->batch_bytes);
        assert_int_equal(buf_lend_written(buf, 0, crowd->batch_bytes, &append->loan), ERR_OK);
        buf_unref(buf);
        core_append_start(cs, append);
    }
}

/* Send `count` batches to `partition` by connections of shard `home`. */
static void crowd_send(struct crowd *crowd, uint32_t home, uint32_t partition, int16_t acks,
                       uint32_t count)
{
    struct yard *y = crowd->y;
    uint8_t raw[2048];
    char value[1024];
    struct batch_build b;
    assert_true(crowd->value_bytes <= sizeof(value));
    memset(value, 'v', sizeof(value));
    batch_build_init(&b, raw, sizeof(raw));
    batch_build_add(&b, &(struct batch_build_record){
                            .timestamp = 1000, .value = value, .value_bytes = crowd->value_bytes});
    crowd->batch_bytes =
        (uint32_t)batch_build_end(&b, NULL, y->kernels, crowd->batch, sizeof(crowd->batch));
    crowd->partition = partition;
    crowd->acks = acks;
    for (uint32_t sent = 0; sent < count && crowd->refused_count == 0; sent += crowd->count) {
        crowd->count = count - sent < CROWD_WAYS ? count - sent : CROWD_WAYS;
        y->pending_count += crowd->count;
        sim_post(sim_node_shard(y->node, home), crowd_burst, crowd);
        yard_wait(y);
        if (acks == 0) {
            yard_run(y, 10); /* they are answered before they are written */
        }
    }
}

/* What a shard's memory holds. */
static uint64_t crowd_used_bytes(struct yard *y, uint32_t shard)
{
    return rt_shard_budget(sim_node_shard(y->node, shard))->used_bytes;
}

/* A partition on that shard. */
static uint32_t crowd_partition_on(struct yard *y, uint32_t shard)
{
    uint32_t partition = 0;
    while (yard_partition(y, partition)->cs->shard->id != shard) {
        partition++;
        assert_true(partition < YARD_PARTITIONS);
    }
    return partition;
}

/* --- Memory --- */

/* The partition is on the last of `shards_count` shards, the connections are on the first. */
static void crowd_fills_no_memory(uint32_t shards_count)
{
    struct crowd crowd = {.value_bytes = CROWD_VALUE_BYTES};
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = CROWD_MEMORY_BYTES;
    struct yard *y = yard_new(1, &options);
    y->config.log.hot_bytes_max = 0; /* a quarter of the memory */
    crowd.y = y;
    yard_start(y, shards_count);
    uint32_t partition = crowd_partition_on(y, shards_count - 1);
    uint64_t used_bytes[YARD_SHARDS];
    for (uint32_t i = 0; i < shards_count; i++) {
        used_bytes[i] = crowd_used_bytes(y, i);
    }
    crowd_send(&crowd, 0, partition, -1, CROWD_BATCHES);
    assert_int_equal(crowd.refused_count, 0);
    for (uint32_t i = 0; i < shards_count; i++) {
        uint64_t hot_bytes = i == shards_count - 1 ? CROWD_MEMORY_BYTES / 4 : 0;
        uint64_t more_bytes = crowd_used_bytes(y, i) - used_bytes[i];
        assert_in_range(more_bytes, 0, hot_bytes + CROWD_MEMORY_BYTES / 8);
    }
    assert_int_equal(yard_offsets(y, partition, CORE_OFFSETS_LATEST).offset, CROWD_BATCHES);
    struct core_fetch_item tail = yard_fetch(y, partition, CROWD_BATCHES - 100, -1);
    assert_int_equal(tail.code, CORE_OK);
    assert_int_equal(tail.bytes, 100 * CROWD_BATCH_BYTES);
    struct core_fetch_item first = yard_fetch(y, partition, 0, -1);
    assert_int_equal(first.code, CORE_OK);
    assert_true(first.bytes >= CROWD_BATCH_BYTES);
    yard_close(y);
    yard_free(y);
}

static void small_batches_fill_no_memory_of_their_shard(void **state)
{
    (void)state;
    crowd_fills_no_memory(1);
}

static void small_batches_fill_no_memory_of_the_connections_shard(void **state)
{
    (void)state;
    crowd_fills_no_memory(2);
}

/* There is room for what their accounts take and for one buffer of small batches; what is
 * older has another home. */
static void a_batch_is_let_in_where_older_ones_may_leave_memory(void **state)
{
    (void)state;
    struct crowd crowd = {.value_bytes = 900};
    struct yard *y = yard_new(3, NULL);
    y->config.log.hot_bytes_max = 16 << 20;
    crowd.y = y;
    yard_start(y, 2);
    uint32_t partition = crowd_partition_on(y, 1);
    struct budget *budget = rt_shard_budget(sim_node_shard(y->node, 1));
    crowd_send(&crowd, 0, partition, -1, 1000);
    uint64_t hot_bytes = y->shards[1].log.hot_bytes;
    size_t memory_bytes = budget->limit_bytes;
    assert_true(hot_bytes > 1000 * 900);
    budget_set_limit(budget, budget->used_bytes + (112 << 10));
    for (uint32_t i = 0; i < 20; i++) { /* two buffers of 64 KiB */
        crowd_send(&crowd, 0, partition, -1, 7);
    }
    assert_int_equal(crowd.refused_count, 0);
    assert_true(y->shards[1].log.hot_bytes < hot_bytes);
    budget_set_limit(budget, memory_bytes);
    struct core_fetch_item first = yard_fetch(y, partition, 0, -1);
    assert_int_equal(first.code, CORE_OK);
    assert_true(first.bytes >= crowd.batch_bytes);
    yard_close(y);
    yard_free(y);
}

/* --- What is never seen --- */

/* Only one replica there is, and two are to have what consumers see. */
static void batches_that_wait_for_replicas_take_no_place_of_others(void **state)
{
    (void)state;
    for (int16_t acks = 0; acks <= 1; acks++) {
        struct crowd crowd = {.value_bytes = CROWD_VALUE_BYTES};
        struct yard *y = yard_new(2, NULL);
        y->config.topics.insync_replicas_min = 2;
        crowd.y = y;
        yard_start(y, 1);
        struct pool *pendings = &y->shards[0].pending_pool;
        pendings->capacity = 512; /* which many more batches find full sooner */
        crowd_send(&crowd, 0, 0, acks, 8 * 512);
        assert_int_equal(crowd.refused_count, 0);
        yard_run(y, 100);
        assert_int_equal(pendings->in_use_count, 0);
        crowd_send(&crowd, 0, 1, 1, 512);
        assert_int_equal(crowd.refused_count, 0);
        yard_append_start(y, 2, 1, 1000);
        yard_wait(y);
        assert_int_equal(y->append.code, CORE_NOT_ENOUGH_REPLICAS);
        assert_int_equal(yard_offsets(y, 0, CORE_OFFSETS_LATEST).offset, 0);
        yard_close(y);
        yard_free(y);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_batches_fill_no_memory_of_their_shard),
        cmocka_unit_test(small_batches_fill_no_memory_of_the_connections_shard),
        cmocka_unit_test(a_batch_is_let_in_where_older_ones_may_leave_memory),
        cmocka_unit_test(batches_that_wait_for_replicas_take_no_place_of_others),
    };
    return cmocka_run_group_tests_name("core_crowd", tests, NULL, NULL);
}
