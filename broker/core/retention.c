/* A shard's rounds over its partitions. See retention.h.
 *
 *     look:  roll? -> the active segment's first batch is read, once a segment -> log_roll
 *            trim? -> older segments are loaded by a read of the oldest entry -> the trimmer
 *
 * The partition in hand is kept by what is under way: readings_count. */
#include "broker/core/retention.h"

#include "base/assert.h"
#include "base/rt/clock.h"
#include "broker/core/core.h"
#include "broker/core/partition.h"
#include "broker/core/reading.h"
#include "storage/log/retention.h"

/* Partitions looked at in one turn. */
#define CORE_RETENTION_TURN 64u

static void core_retention_tick(struct rt_timer *timer);
static void core_retention_go(struct core_retention *retention);
static bool core_retention_look(struct core_retention *retention, struct core_partition *part);
static bool core_retention_may_look(const struct core_partition *part);
static bool core_retention_look_segment(struct core_retention *retention,
                                        struct core_partition *part);
static bool core_retention_read_first(struct core_retention *retention, struct core_partition *part,
                                      uint64_t index);
static void core_retention_first_read(struct log_read *read);
static bool core_retention_roll(struct core_retention *retention, struct core_partition *part);
static void core_retention_rolled(struct log_op *op);
static bool core_retention_look_start(struct core_retention *retention,
                                      struct core_partition *part);
static bool core_retention_load(struct core_retention *retention, struct core_partition *part);
static void core_retention_loaded(struct log_read *read);
static void core_retention_go_on(struct core_retention *retention);

void core_retention_open(struct core_retention *retention, struct core_shard *cs,
                         uint64_t interval_ms)
{
    *retention = (struct core_retention){.cs = cs, .is_closed = interval_ms == 0};
    list_init(&retention->partitions);
    rt_timer_init(&retention->timer, cs->shard, core_retention_tick);
    if (interval_ms > 0) {
        rt_timer_start(&retention->timer, rt_now_ns(cs->shard) + interval_ms * RT_NS_PER_MS);
    }
}

void core_retention_close(struct core_retention *retention)
{
    retention->is_closed = true;
    rt_timer_stop(&retention->timer);
}

void core_retention_add(struct core_retention *retention, struct core_partition *part)
{
    part->retained = (struct core_retained){.segment_index = 0};
    list_push_back(&retention->partitions, &part->retained.in_shard);
    retention->count++;
}

void core_retention_remove(struct core_retention *retention, struct core_partition *part)
{
    list_remove(&part->retained.in_shard);
    retention->count--;
}

/* --- A round --- */

/* It is time for a round, or for the next turn of one. */
static void core_retention_tick(struct rt_timer *timer)
{
    struct core_retention *retention = CONTAINER_OF(timer, struct core_retention, timer);
    ASSERT(retention->part == NULL);
    if (retention->left_count == 0) {
        retention->left_count = retention->count;
        retention->rounds_count++;
    }
    core_retention_go(retention);
}

/* Look at some, until something of one is under way. */
static void core_retention_go(struct core_retention *retention)
{
    uint64_t interval_ms = retention->cs->core->config.retention_check_ms;
    uint64_t now_ns = rt_now_ns(retention->cs->shard);
    for (uint32_t i = 0; i < CORE_RETENTION_TURN && retention->left_count > 0; i++) {
        struct list_node *node = list_pop_front(&retention->partitions);
        if (node == NULL) { /* they were closed meanwhile */
            retention->left_count = 0;
            break;
        }
        struct core_partition *part = CONTAINER_OF(node, struct core_partition, retained.in_shard);
        list_push_back(&retention->partitions, node);
        retention->left_count--;
        part->retained.is_loaded = false;
        if (core_retention_look(retention, part)) {
            retention->part = part;
            return;
        }
    }
    rt_timer_start(&retention->timer,
                   now_ns + (retention->left_count > 0 ? 0 : interval_ms * RT_NS_PER_MS));
}

/* What was under way of the partition in hand has ended; it is looked at again. It may be gone
 * after the caller has released it. */
static void core_retention_go_on(struct core_retention *retention)
{
    struct core_partition *part = retention->part;
    retention->part = NULL;
    if (retention->is_closed) {
        return;
    }
    if (core_retention_look(retention, part)) {
        retention->part = part;
        return;
    }
    rt_timer_start(&retention->timer, rt_now_ns(retention->cs->shard)); /* in a turn of its own */
}

/* True: something is under way. */
static bool core_retention_look(struct core_retention *retention, struct core_partition *part)
{
    return core_retention_may_look(part) && (core_retention_look_segment(retention, part) ||
                                             core_retention_look_start(retention, part));
}

/* Only the leader lets records go, and only where there are some. */
static bool core_retention_may_look(const struct core_partition *part)
{
    if (part->is_closing || part->is_closed) {
        return false;
    }
    struct log_status status = core_partition_status(part);
    return raft_group_leader(&part->group) == part->cs->core->config.node_id &&
           !status.is_amnesiac && status.is_available &&
           core_partition_log_start(part) < status.end.offset;
}

/* --- Segments --- */

static bool core_retention_look_segment(struct core_retention *retention,
                                        struct core_partition *part)
{
    struct core_retained *retained = &part->retained;
    struct log_status status = core_partition_status(part);
    if (status.segment_index == 0) {
        return false;
    }
    if (retained->segment_index != status.segment_index) {
        return core_retention_read_first(retention, part, status.segment_index);
    }
    int64_t now_ms = core_now_ms(part->cs);
    int64_t newest_ms = part->newest_timestamp < now_ms ? part->newest_timestamp : now_ms;
    if (retained->segment_timestamp_ms < 0 || newest_ms < retained->segment_timestamp_ms ||
        newest_ms - retained->segment_timestamp_ms < part->config.segment_ms) {
        return false;
    }
    return core_retention_roll(retention, part);
}

/* Of the active segment, which begins with entry `index`. */
static bool core_retention_read_first(struct core_retention *retention, struct core_partition *part,
                                      uint64_t index)
{
    struct core_reading *reading;
    if (core_reading_new(part, retention, &reading) != ERR_OK) {
        return false; /* in the next round */
    }
    reading->read = (struct log_read){.done = core_retention_first_read,
                                      .ctx = reading,
                                      .log = part->group.log,
                                      .from = LOG_READ_INDEX,
                                      .at = index,
                                      .index_max = part->hw_index,
                                      .bytes_max = 1,
                                      .does_skip_internal = true};
    log_read(&reading->read);
    return true;
}

/* Where it holds no record yet, or cannot be read, it is not rolled by time. */
static void core_retention_first_read(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    struct core_retention *retention = reading->ctx;
    struct core_retained *retained = &reading->part->retained;
    retained->segment_index = read->at;
    retained->segment_timestamp_ms = -1;
    if (read->err == ERR_OK) {
        struct log_batch batch;
        enum err err =
            log_batch_decode(buf_slice_data(read->parts[0]), read->parts[0].length, &batch);
        ASSERT(err == ERR_OK); /* verified */
        retained->segment_timestamp_ms = batch.max_timestamp;
    }
    bool is_empty = read->err == ERR_END;
    log_read_release(read);
    core_retention_go_on(retention);
    if (is_empty) {
        retained->segment_index = 0; /* its first record may come before the next round */
    }
    core_reading_free(reading);
}

static bool core_retention_roll(struct core_retention *retention, struct core_partition *part)
{
    retention->rolls_count++;
    part->readings_count++;
    part->retained.segment_index = 0;
    retention->roll = (struct log_op){.done = core_retention_rolled, .ctx = retention};
    log_roll(part->group.log, &retention->roll);
    return true;
}

static void core_retention_rolled(struct log_op *op)
{
    struct core_retention *retention = op->ctx;
    struct core_partition *part = retention->part;
    if (op->err != ERR_OK && op->err != ERR_CLOSING) {
        DIAG_WARN(part->cs->diag, "core", "a segment cannot be rolled",
                  DIAG_U64("group", part->in_map.key), DIAG_ERR("error", op->err));
    }
    core_retention_go_on(retention);
    core_partition_release(part);
}

/* --- The log start --- */

static bool core_retention_look_start(struct core_retention *retention, struct core_partition *part)
{
    const struct core_topic_config *config = &part->config;
    if (config->retention_ms < 0 && config->retention_bytes < 0) {
        return false;
    }
    uint64_t committed = raft_group_indexes(&part->group)->committed;
    struct log_retention want = {
        .bytes_max = config->retention_bytes < 0 ? UINT64_MAX : (uint64_t)config->retention_bytes,
        .age_ms = config->retention_ms,
        .now_ms = core_now_ms(part->cs),
        .index_max = committed < part->hw_index ? committed : part->hw_index,
    };
    uint64_t first_index;
    enum err err = log_retention_index(part->group.log, &want, &first_index);
    if (err == ERR_AGAIN) {
        return core_retention_load(retention, part);
    }
    if (first_index > core_partition_status(part).start.index) {
        retention->trims_count++;
        core_trimmer_want(part, first_index);
    }
    return false;
}

static bool core_retention_load(struct core_retention *retention, struct core_partition *part)
{
    struct core_reading *reading;
    if (part->retained.is_loaded || core_reading_new(part, retention, &reading) != ERR_OK) {
        return false; /* in the next round */
    }
    part->retained.is_loaded = true;
    core_reading_oldest(reading, core_retention_loaded);
    return true;
}

static void core_retention_loaded(struct log_read *read)
{
    struct core_reading *reading = read->ctx;
    log_read_release(read);
    core_retention_go_on(reading->ctx);
    core_reading_free(reading);
}
