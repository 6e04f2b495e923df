/* See yard.h. */
#include "tests/unit/core/yard.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/rt/shard.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"

#define YARD_LIMIT_NS    (1000 * RT_NS_PER_S)
#define YARD_BATCH_BYTES (256u << 10)

static const struct log_config yard_log = {
    .dir = "/data",
    .unsettled_bytes_max = 256 << 10,
    .hot_bytes_max = 64 << 10,
    .journal_first_bytes = 256 << 10,
    .journal_file_bytes = 256 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
};

static void yard_write(struct diag_sink *sink, enum diag_level level, const char *line,
                       size_t length)
{
    struct yard *y = CONTAINER_OF(sink, struct yard, sink);
    (void)level;
    size_t there = strlen(y->said);
    if (there + length < sizeof(y->said)) {
        memcpy(y->said + there, line, length);
        y->said[there + length] = '\0';
    }
}

struct yard *yard_new(uint64_t seed, const struct sim_options *options)
{
    struct sim_options calm = sim_options_calm();
    struct cpu cpu;
    struct yard *y = calloc(1, sizeof(*y));
    assert_non_null(y);
    cpu_detect(&cpu);
    y->kernels = crc32c_for(&cpu);
    y->sim = sim_new(seed, options != NULL ? options : &calm);
    y->node = sim_node_add(y->sim);
    y->value_bytes = 8;
    y->sink.write = yard_write;
    diag_levels_init(&y->levels, NULL, 0, DIAG_LEVEL_INFO);
    y->config = (struct core_config){.log = yard_log,
                                     .connections_max = 10000,
                                     .topics = core_topic_config_default(),
                                     .node_id = 1,
                                     .partitions_count = YARD_PARTITIONS};
    return y;
}

void yard_free(struct yard *y)
{
    sim_free(y->sim);
    free(y);
}

static bool yard_is_answered(void *ctx)
{
    return ((struct yard *)ctx)->pending_count == 0;
}

void yard_wait(struct yard *y)
{
    assert_true(
        sim_run_until_true(y->sim, yard_is_answered, y, sim_now_ns(y->sim) + YARD_LIMIT_NS));
}

void yard_run(struct yard *y, uint64_t ms)
{
    sim_run_for(y->sim, ms * RT_NS_PER_MS);
}

/* --- Life --- */

static void yard_answered(struct core_shard *cs)
{
    struct yard *y = cs->shard->app;
    if (cs->err != ERR_OK && y->err == ERR_OK) {
        y->err = cs->err;
        memcpy(y->why, cs->why, sizeof(y->why));
    }
    y->pending_count--;
}

static void yard_shard_start(struct rt_shard *shard)
{
    struct yard *y = shard->app;
    struct diag *diag = &y->diags[shard->id];
    diag_init(diag, &y->levels, &y->sink, DIAG_FORMAT_HUMAN, shard->id, 0);
    core_shard_open(&y->shards[shard->id], shard, &y->core, diag, yard_answered);
    if (y->opened != NULL) {
        y->opened(y, &y->shards[shard->id]);
    }
}

static void yard_finish(struct rt_shard *shard, void *ctx)
{
    (void)ctx;
    rt_shard_finish(shard);
}

static void yard_shard_closed(struct core_shard *cs)
{
    struct yard *y = cs->shard->app;
    assert_int_equal(rt_shard_budget(cs->shard)->children_count, 0);
    y->pending_count--;
    if (y->pending_count == 0) {
        for (uint32_t i = 0; i < y->shards_count; i++) {
            sim_post(sim_node_shard(y->node, i), yard_finish, y);
        }
    }
}

static void yard_shard_stop(struct rt_shard *shard)
{
    struct yard *y = shard->app;
    if (y->closing != NULL) {
        y->closing(y, &y->shards[shard->id]);
    }
    core_shard_close(&y->shards[shard->id], yard_shard_closed);
}

/* `call` on some shard: each in turn, so that what it asks goes there and stays there. */
static void yard_called(struct rt_shard *shard, void *ctx)
{
    struct yard *y = ctx;
    (void)shard;
    y->call(y);
}

static void yard_begin(struct yard *y, void (*call)(struct yard *y))
{
    y->home = (y->home + 1) % y->shards_count;
    y->call = call;
    y->pending_count++;
    sim_post(sim_node_shard(y->node, y->home), yard_called, y);
    sim_run_for(y->sim, 1); /* it has been called */
}

static struct core_shard *yard_home(struct yard *y)
{
    return &y->shards[y->home];
}

static void yard_changed(struct core_change *change)
{
    struct yard *y = change->ctx;
    assert_int_equal(y->item.code, CORE_OK);
    y->pending_count--;
}

static void yard_create(struct yard *y)
{
    y->item = (struct core_change_item){.kind = CORE_CHANGE_CREATE,
                                        .name = "yard",
                                        .name_bytes = 4,
                                        .partitions_count = -1,
                                        .replicas_count = -1};
    y->change =
        (struct core_change){.done = yard_changed, .ctx = y, .items = &y->item, .items_count = 1};
    core_change_start(yard_home(y), &y->change);
}

static void yard_declare_call(struct yard *y)
{
    y->item = (struct core_change_item){.kind = CORE_CHANGE_STREAM_CREATE, .stream = &y->stream};
    y->change =
        (struct core_change){.done = yard_changed, .ctx = y, .items = &y->item, .items_count = 1};
    core_change_start(yard_home(y), &y->change);
}

void yard_declare(struct yard *y, const char *name, const struct core_stream_column *columns,
                  uint32_t columns_count)
{
    y->stream = (struct core_stream){.topic = yard_topic(y)->uuid,
                                     .name = name,
                                     .version = 1,
                                     .is_declared = true,
                                     .key = CORE_STREAM_KEY_TEXT,
                                     .columns = columns,
                                     .columns_count = columns_count};
    yard_begin(y, yard_declare_call);
    yard_wait(y);
}

static void yard_delete_call(struct yard *y)
{
    y->item =
        (struct core_change_item){.kind = CORE_CHANGE_DELETE, .name = "yard", .name_bytes = 4};
    y->change =
        (struct core_change){.done = yard_changed, .ctx = y, .items = &y->item, .items_count = 1};
    core_change_start(yard_home(y), &y->change);
}

void yard_delete(struct yard *y)
{
    yard_begin(y, yard_delete_call);
    yard_wait(y);
}

enum err yard_try_start(struct yard *y, uint32_t shards_count)
{
    struct sim_app app = {.start = yard_shard_start, .stop = yard_shard_stop, .ctx = y};
    assert_in_range(shards_count, 1, YARD_SHARDS);
    core_init(&y->core, &y->config, y->kernels, shards_count);
    y->shards_count = shards_count;
    y->pending_count = shards_count;
    y->err = ERR_OK;
    y->why[0] = '\0';
    y->said[0] = '\0';
    sim_node_start(y->node, shards_count, &app);
    yard_wait(y);
    return y->err;
}

void yard_start(struct yard *y, uint32_t shards_count)
{
    enum err err = yard_try_start(y, shards_count);
    if (err != ERR_OK) {
        fail_msg("%s: %s", err_name(err), y->why);
    }
    if (yard_topic(y) == NULL) {
        yard_begin(y, yard_create);
        yard_wait(y);
    }
}

void yard_close(struct yard *y)
{
    y->pending_count = y->shards_count;
    sim_node_stop(y->node);
    while (sim_node_is_running(y->node)) {
        assert_true(sim_run_steps(y->sim, 1));
    }
}

void yard_crash(struct yard *y, enum sim_crash how)
{
    sim_node_crash(y->node, how);
    y->pending_count = 0;
}

const struct core_topic *yard_topic(struct yard *y)
{
    return core_catalog_find(y->shards[0].catalog, "yard", 4);
}

struct core_partition *yard_partition(struct yard *y, uint32_t partition)
{
    const struct core_topic *topic = yard_topic(y);
    uint64_t group = topic->groups[partition];
    return core_partition_find(&y->shards[core_shard_of(&y->core, group)], group, &topic->uuid,
                               partition);
}

/* --- Calls --- */

static void yard_appended(struct core_append *append)
{
    ((struct yard *)append->ctx)->pending_count--;
}

static void yard_append_call(struct yard *y)
{
    static uint8_t raw[YARD_BATCH_BYTES];
    static uint8_t batch[YARD_BATCH_BYTES + 100];
    struct core_shard *cs = yard_home(y);
    struct batch_build b;
    char value[4096];
    assert_true(y->value_bytes < sizeof(value));
    memset(value, 'v', y->value_bytes);
    batch_build_init(&b, raw, sizeof(raw));
    if (y->build != NULL) {
        y->build(y, &b);
    }
    for (uint32_t i = 0; i < y->records_count && y->build == NULL; i++) {
        batch_build_add(&b, &(struct batch_build_record){.timestamp = y->timestamp + i * y->step_ms,
                                                         .value = value,
                                                         .value_bytes = y->value_bytes});
    }
    struct codec_context codec;
    codec_context_init(&codec);
    size_t length = batch_build_end(&b, &codec, y->kernels, batch, sizeof(batch));
    codec_context_deinit(&codec);
    struct core_records_config wanted = {.batch_bytes_max = LIMIT_BATCH_BYTES,
                                         .may_zstd = true,
                                         .now_ms = y->timestamp,
                                         .before_max_ms = INT64_MAX,
                                         .after_max_ms = INT64_MAX};
    assert_int_equal(core_records_validate(&wanted, &cs->room, y->kernels, batch, length, &y->info),
                     CORE_RECORDS_FAULT_NONE);
    struct buf *buf;
    assert_int_equal(buf_new(&cs->bufs, &cs->budget, length, &buf), ERR_OK);
    memcpy(buf_append(buf, (uint32_t)length), batch, length);
    assert_int_equal(buf_lend_written(buf, 0, (uint32_t)length, &y->append.loan), ERR_OK);
    buf_unref(buf);
    core_append_start(cs, &y->append);
}

void yard_append_start(struct yard *y, uint32_t partition, uint32_t records, int64_t timestamp)
{
    const struct core_topic *topic = yard_topic(y);
    y->records_count = records;
    y->timestamp = timestamp;
    y->append = (struct core_append){.done = yard_appended,
                                     .ctx = y,
                                     .topic = topic->uuid,
                                     .partition = partition,
                                     .group = topic->groups[partition],
                                     .info = &y->info,
                                     .acks = -1,
                                     .timeout_ms = 60000};
    yard_begin(y, yard_append_call);
}

uint64_t yard_append(struct yard *y, uint32_t partition, uint32_t records, int64_t timestamp)
{
    yard_append_start(y, partition, records, timestamp);
    yard_wait(y);
    assert_int_equal(y->append.code, CORE_OK);
    return y->append.base_offset;
}

static void yard_trimmed(struct core_trim *trim)
{
    ((struct yard *)trim->ctx)->pending_count--;
}

static void yard_trim_call(struct yard *y)
{
    core_trim_start(yard_home(y), &y->trim);
}

void yard_trim_start(struct yard *y, uint32_t partition, int64_t offset, int64_t timeout_ms)
{
    const struct core_topic *topic = yard_topic(y);
    y->trim = (struct core_trim){.done = yard_trimmed,
                                 .ctx = y,
                                 .topic = topic->uuid,
                                 .partition = partition,
                                 .group = topic->groups[partition],
                                 .offset = offset,
                                 .timeout_ms = timeout_ms};
    yard_begin(y, yard_trim_call);
}

struct core_trim yard_trim(struct yard *y, uint32_t partition, int64_t offset)
{
    yard_trim_start(y, partition, offset, 60000);
    yard_wait(y);
    return y->trim;
}

static void yard_epochs_answered(struct core_epochs *epochs)
{
    ((struct yard *)epochs->ctx)->pending_count--;
}

static void yard_epochs_call(struct yard *y)
{
    core_epochs_start(yard_home(y), &y->epochs);
}

struct core_epochs yard_epochs(struct yard *y, uint32_t partition, int32_t epoch)
{
    const struct core_topic *topic = yard_topic(y);
    y->epochs = (struct core_epochs){.done = yard_epochs_answered,
                                     .ctx = y,
                                     .topic = topic->uuid,
                                     .partition = partition,
                                     .group = topic->groups[partition],
                                     .epoch_known = -1,
                                     .epoch = epoch};
    yard_begin(y, yard_epochs_call);
    yard_wait(y);
    return y->epochs;
}

static void yard_offsets_answered(struct core_offsets *offsets)
{
    ((struct yard *)offsets->ctx)->pending_count--;
}

static void yard_offsets_call(struct yard *y)
{
    core_offsets_start(yard_home(y), &y->offsets);
}

struct core_offsets yard_offsets(struct yard *y, uint32_t partition, int64_t timestamp)
{
    const struct core_topic *topic = yard_topic(y);
    y->offsets = (struct core_offsets){.done = yard_offsets_answered,
                                       .ctx = y,
                                       .topic = topic->uuid,
                                       .partition = partition,
                                       .group = topic->groups[partition],
                                       .epoch = -1,
                                       .timestamp = timestamp};
    yard_begin(y, yard_offsets_call);
    yard_wait(y);
    return y->offsets;
}

static void yard_fetch_answered(struct core_fetch *fetch)
{
    struct yard *y = fetch->ctx;
    core_loans_return_all(&yard_home(y)->loans, y->fetched.loans);
    y->fetched.loans = NULL;
    y->pending_count--;
}

static void yard_fetch_call(struct yard *y)
{
    core_fetch_start(yard_home(y), &y->fetch);
}

struct core_fetch_item yard_fetch(struct yard *y, uint32_t partition, uint64_t offset,
                                  int32_t epoch_fetched)
{
    const struct core_topic *topic = yard_topic(y);
    memset(y->parts, 0, sizeof(y->parts));
    y->fetched = (struct core_fetch_item){.topic = topic->uuid,
                                          .partition = partition,
                                          .group = topic->groups[partition],
                                          .offset = offset,
                                          .epoch = -1,
                                          .epoch_fetched = epoch_fetched,
                                          .bytes_max = 1 << 20};
    y->fetch = (struct core_fetch){.done = yard_fetch_answered,
                                   .ctx = y,
                                   .items = &y->fetched,
                                   .items_count = 1,
                                   .parts = y->parts,
                                   .bytes_min = 1,
                                   .bytes_max = 1 << 20,
                                   .max_wait_ms = 10};
    yard_begin(y, yard_fetch_call);
    yard_wait(y);
    return y->fetched;
}

/* --- Logs --- */

struct yard_roll {
    struct log_op op;
    struct yard *yard;
    struct core_partition *part;
};

static void yard_rolled(struct log_op *op)
{
    assert_int_equal(op->err, ERR_OK);
    CONTAINER_OF(op, struct yard_roll, op)->yard->pending_count--;
}

static void yard_roll_call(struct rt_shard *shard, void *ctx)
{
    struct yard_roll *roll = ctx;
    (void)shard;
    log_roll(roll->part->group.log, &roll->op);
}

void yard_roll(struct yard *y, uint32_t partition)
{
    struct core_partition *part = yard_partition(y, partition);
    struct yard_roll roll = {.op = {.done = yard_rolled}, .yard = y, .part = part};
    y->pending_count++;
    sim_post(part->cs->shard, yard_roll_call, &roll);
    yard_wait(y);
}

static void yard_settled(struct log_shard *ls)
{
    struct yard *y = ls->shard->app;
    assert_int_equal(ls->err, ERR_OK);
    y->pending_count--;
}

static void yard_settle_call(struct rt_shard *shard, void *ctx)
{
    struct yard *y = ctx;
    log_shard_settle(&y->shards[shard->id].log, yard_settled);
}

void yard_settle(struct yard *y)
{
    for (uint32_t i = 0; i < y->shards_count; i++) {
        y->pending_count++;
        sim_post(sim_node_shard(y->node, i), yard_settle_call, y);
    }
    yard_wait(y);
}
