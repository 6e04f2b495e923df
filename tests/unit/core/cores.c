/* A broker's core on a simulated machine. See cores.h. */
#include "tests/unit/core/cores.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "broker/core/catalog.h"
#include "broker/core/fetch.h"
#include "tests/support/batch_build.h"
#include "tests/support/cmocka.h"

#define CORES_TOPIC "t"

static const struct log_config cores_log_config = {
    .dir = "/data",
    .unsettled_bytes_max = 256 << 10,
    .hot_bytes_max = 16 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 24 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 64,
    .files_max = 16,
};

static const char *const cores_modules[] = {"core", "log"};

static const struct crc32c *cores_kernels(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

static void cores_say(struct diag_sink *sink, enum diag_level level, const char *line,
                      size_t length)
{
    struct cores *c = CONTAINER_OF(sink, struct cores, sink);
    (void)level;
    size_t there = strlen(c->said);
    if (there + length < sizeof(c->said)) {
        memcpy(c->said + there, line, length);
        c->said[there + length] = '\0';
    }
}

/* --- Life --- */

struct cores *cores_new(uint64_t seed, const struct sim_options *options)
{
    struct cores *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->sim = sim_new(seed, options);
    c->node = sim_node_add(c->sim);
    c->config = (struct core_config){
        .log = cores_log_config,
        .topics = core_topic_config_default(),
        .node_id = 1,
        .partitions_count = 1,
    };
    c->config.topics.segment_bytes = (uint32_t)cores_log_config.segment_bytes;
    c->sink.write = cores_say;
    diag_levels_init(&c->levels, cores_modules, ARRAY_COUNT(cores_modules), DIAG_LEVEL_INFO);
    return c;
}

void cores_free(struct cores *c)
{
    sim_free(c->sim);
    free(c);
}

static void cores_answered(struct core_shard *cs)
{
    struct cores *c = CONTAINER_OF(cs, struct cores_shard, cs)->cores;
    if (cs->err != ERR_OK) {
        fail_msg("shard %u: %s: %s", cs->shard->id, err_name(cs->err), cs->why);
    }
    c->answers_count++;
}

static void cores_shard_start(struct rt_shard *shard)
{
    struct cores *c = shard->app;
    struct cores_shard *here = &c->shards[shard->id];
    *here = (struct cores_shard){.cores = c};
    diag_init(&here->diag, &c->levels, &c->sink, DIAG_FORMAT_HUMAN, shard->id, 0);
    core_shard_open(&here->cs, shard, &c->core, &here->diag, cores_answered);
    if (c->producers_max > 0) {
        here->cs.idempotence.producers_max = c->producers_max;
    }
    if (c->entries_max > 0) {
        here->cs.idempotence.producers.entries.capacity = c->entries_max;
    }
}

static void cores_shard_stop(struct rt_shard *shard)
{
    assert_int_equal(rt_shard_budget(shard)->children_count, 0);
    rt_shard_finish(shard);
}

static bool cores_is_answered(void *ctx)
{
    struct cores *c = ctx;
    return c->answers_count == c->shards_count && c->pending_count == 0;
}

void cores_wait(struct cores *c)
{
    uint64_t limit_ns = sim_now_ns(c->sim) + 100 * RT_NS_PER_S;
    if (!sim_run_until_true(c->sim, cores_is_answered, c, limit_ns)) {
        fail_msg("%u requests were not answered; the log says: %s", c->pending_count, c->said);
    }
}

static void cores_changed(struct core_change *change)
{
    struct cores *c = change->ctx;
    assert_true(change->items[0].code == CORE_OK || change->items[0].code == CORE_TOPIC_EXISTS);
    c->pending_count--;
}

static void cores_change(struct rt_shard *shard, void *ctx)
{
    struct cores *c = ctx;
    c->item = (struct core_change_item){
        .kind = c->kind,
        .name = CORES_TOPIC,
        .name_bytes = sizeof(CORES_TOPIC) - 1,
        .partitions_count = CORES_PARTITIONS,
        .replicas_count = -1,
    };
    c->change =
        (struct core_change){.done = cores_changed, .ctx = c, .items = &c->item, .items_count = 1};
    core_change_start(&c->shards[shard->id].cs, &c->change);
}

void cores_start(struct cores *c, uint32_t shards_count)
{
    struct sim_app app = {.start = cores_shard_start, .stop = cores_shard_stop, .ctx = c};
    c->shards_count = shards_count;
    c->answers_count = 0;
    c->pending_count = 0;
    c->said[0] = '\0';
    core_init(&c->core, &c->config, cores_kernels(), shards_count);
    sim_node_start(c->node, shards_count, &app);
    cores_wait(c);
    const struct core_catalog *catalog = c->shards[0].cs.catalog;
    if (core_catalog_find(catalog, CORES_TOPIC, sizeof(CORES_TOPIC) - 1) == NULL) {
        c->kind = CORE_CHANGE_CREATE;
        c->pending_count++;
        sim_post(sim_node_shard(c->node, 0), cores_change, c);
        cores_wait(c);
        catalog = c->shards[0].cs.catalog;
    }
    const struct core_topic *topic =
        core_catalog_find(catalog, CORES_TOPIC, sizeof(CORES_TOPIC) - 1);
    assert_non_null(topic);
    c->topic = topic->uuid;
    memcpy(c->groups, topic->groups, sizeof(c->groups));
}

void cores_delete(struct cores *c)
{
    c->kind = CORE_CHANGE_DELETE;
    c->pending_count++;
    sim_post(sim_node_shard(c->node, 0), cores_change, c);
    cores_wait(c);
}

static void cores_shard_close(struct rt_shard *shard, void *ctx)
{
    struct cores *c = ctx;
    core_shard_close(&c->shards[shard->id].cs, cores_answered);
}

void cores_close(struct cores *c)
{
    cores_wait(c);
    c->answers_count = 0;
    for (uint32_t i = 0; i < c->shards_count; i++) {
        sim_post(sim_node_shard(c->node, i), cores_shard_close, c);
    }
    cores_wait(c);
    sim_node_stop(c->node);
    while (sim_node_is_running(c->node)) {
        assert_true(sim_run_steps(c->sim, 1));
    }
}

void cores_crash(struct cores *c, enum sim_crash how)
{
    sim_node_crash(c->node, how);
    c->pending_count = 0;
}

/* --- Batches in --- */

uint32_t cores_build(const struct cores_append *ca, uint8_t *out)
{
    uint8_t raw[CORES_BATCH_BYTES];
    char value[CORES_BATCH_BYTES / 2];
    struct batch_build b;
    assert_true(ca->value_bytes < sizeof(value));
    memset(value, 'v', sizeof(value));
    batch_build_init(&b, raw, sizeof(raw));
    for (uint32_t i = 0; i < ca->records; i++) {
        struct batch_build_record record = {
            .timestamp = 1000 + (int64_t)ca->base_sequence,
            .value = value,
            .value_bytes = i == 0 && ca->value_bytes > 0 ? ca->value_bytes : 1,
        };
        batch_build_add(&b, &record);
    }
    b.producer_id = ca->producer_id;
    b.producer_epoch = ca->producer_id >= 0 ? ca->epoch : -1;
    b.base_sequence = ca->producer_id >= 0 ? ca->base_sequence : -1;
    return (uint32_t)batch_build_end(&b, NULL, cores_kernels(), out, CORES_BATCH_BYTES);
}

static void cores_append_done(struct core_append *append)
{
    struct cores_append *ca = append->ctx;
    assert_true(ca->is_out);
    ca->is_out = false;
    ca->is_done = true;
    ca->answered_count++;
    ca->cores->pending_count--;
}

static void cores_append_start(struct rt_shard *shard, void *ctx)
{
    struct cores_append *ca = ctx;
    struct cores *c = ca->cores;
    struct core_shard *cs = &c->shards[shard->id].cs;
    struct core_records_config config = {
        .batch_bytes_max = CORES_BATCH_BYTES,
        .now_ms = core_now_ms(cs),
        .before_max_ms = INT64_MAX,
        .after_max_ms = INT64_MAX,
    };
    struct buf *buf = NULL;
    struct buf_loan *loan = NULL;
    assert_int_equal(buf_new(&cs->bufs, &cs->budget, CORES_BATCH_BYTES, &buf), ERR_OK);
    uint8_t *data = buf_append(buf, CORES_BATCH_BYTES);
    uint32_t length = cores_build(ca, data);
    assert_int_equal(
        core_records_validate(&config, &cs->room, c->core.kernels, data, length, &ca->info),
        CORE_RECORDS_FAULT_NONE);
    assert_int_equal(buf_lend_written(buf, 0, length, &loan), ERR_OK);
    buf_unref(buf);
    ca->append = (struct core_append){
        .done = cores_append_done,
        .ctx = ca,
        .topic = c->topic,
        .partition = ca->partition,
        .group = c->groups[ca->partition],
        .loan = loan,
        .info = &ca->info,
        .acks = ca->acks,
        .timeout_ms = ca->timeout_ms > 0 ? ca->timeout_ms : 30000,
    };
    core_append_start(cs, &ca->append);
}

void cores_send(struct cores *c, struct cores_append *ca)
{
    assert_false(ca->is_out);
    ca->cores = c;
    ca->is_out = true;
    ca->is_done = false;
    c->pending_count++;
    sim_post(sim_node_shard(c->node, ca->home % c->shards_count), cores_append_start, ca);
}

enum core_code cores_produce(struct cores *c, struct cores_append *ca, int64_t producer_id,
                             int16_t epoch, int32_t base_sequence, uint32_t records)
{
    ca->producer_id = producer_id;
    ca->epoch = epoch;
    ca->base_sequence = base_sequence;
    ca->records = records;
    ca->acks = -1;
    cores_send(c, ca);
    cores_wait(c);
    assert_true(ca->is_done);
    return ca->append.code;
}

static void cores_trimmed(struct core_trim *trim)
{
    struct cores *c = trim->ctx;
    assert_int_equal(trim->code, CORE_OK);
    c->pending_count--;
}

static void cores_trim_start(struct rt_shard *shard, void *ctx)
{
    struct cores *c = ctx;
    core_trim_start(&c->shards[shard->id].cs, &c->trim);
}

void cores_trim(struct cores *c, uint32_t partition, int64_t offset)
{
    c->trim = (struct core_trim){
        .done = cores_trimmed,
        .ctx = c,
        .topic = c->topic,
        .partition = partition,
        .group = c->groups[partition],
        .offset = offset,
        .timeout_ms = 30000,
    };
    c->pending_count++;
    sim_post(sim_node_shard(c->node, 0), cores_trim_start, c);
    cores_wait(c);
}

/* --- Batches out --- */

struct cores_fetch {
    struct cores *c;
    struct core_fetch fetch;
    struct core_fetch_item item;
    struct core_fetch_part parts[CORES_SHARDS];
    uint64_t offset;
    uint32_t partition;
};

static void cores_fetched(struct core_fetch *fetch)
{
    struct cores_fetch *cf = fetch->ctx;
    struct cores *c = cf->c;
    struct core_shard *home = &c->shards[0].cs;
    assert_int_equal(cf->item.code, CORE_OK);
    c->high_watermark = cf->item.high_watermark;
    for (struct buf_loan *loan = cf->item.loans; loan != NULL; loan = loan->next) {
        for (uint32_t pos = 0; pos < loan->length;) {
            struct log_batch batch;
            assert_int_equal(log_batch_decode(loan->data + pos, loan->length - pos, &batch),
                             ERR_OK);
            assert_true(log_batch_is_sound(c->core.kernels, loan->data + pos, batch.length_bytes));
            assert_true(c->found_count < CORES_FOUND);
            c->found[c->found_count++] = (struct cores_batch){
                .base_offset = batch.base_offset,
                .producer_id = batch.producer_id,
                .max_timestamp = batch.max_timestamp,
                .base_sequence = batch.base_sequence,
                .records = batch.records_count,
                .epoch = batch.producer_epoch,
            };
            cf->offset = log_batch_next_offset(&batch);
            pos += batch.length_bytes;
        }
    }
    core_loans_return_all(&home->loans, cf->item.loans);
    c->pending_count--;
}

static void cores_fetch_start(struct rt_shard *shard, void *ctx)
{
    struct cores_fetch *cf = ctx;
    struct cores *c = cf->c;
    cf->item = (struct core_fetch_item){
        .topic = c->topic,
        .partition = cf->partition,
        .group = c->groups[cf->partition],
        .offset = cf->offset,
        .epoch = -1,
        .bytes_max = 64 << 10,
    };
    memset(cf->parts, 0, sizeof(cf->parts));
    cf->fetch = (struct core_fetch){
        .done = cores_fetched,
        .ctx = cf,
        .items = &cf->item,
        .items_count = 1,
        .parts = cf->parts,
        .bytes_max = 64 << 10,
    };
    core_fetch_start(&c->shards[shard->id].cs, &cf->fetch);
}

void cores_read(struct cores *c, uint32_t partition)
{
    struct cores_fetch *cf = calloc(1, sizeof(*cf));
    assert_non_null(cf);
    cf->c = c;
    cf->partition = partition;
    cf->offset = core_partition_status(cores_partition(c, partition)).start.offset;
    c->found_count = 0;
    uint32_t before;
    do {
        before = c->found_count;
        c->pending_count++;
        sim_post(sim_node_shard(c->node, 0), cores_fetch_start, cf);
        cores_wait(c);
    } while (c->found_count > before);
    assert_int_equal(cf->offset, c->high_watermark);
    free(cf);
}

/* --- Looking inside --- */

struct core_shard *cores_shard_of(struct cores *c, uint32_t partition)
{
    return &c->shards[core_shard_of(&c->core, c->groups[partition])].cs;
}

struct core_partition *cores_partition(struct cores *c, uint32_t partition)
{
    struct core_partition *part = core_partition_find(cores_shard_of(c, partition),
                                                      c->groups[partition], &c->topic, partition);
    assert_non_null(part);
    return part;
}

uint64_t cores_sum(const struct cores *c, size_t field_pos)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->shards_count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&c->shards[i].cs.idempotence + field_pos, sizeof(value));
        sum += value;
    }
    return sum;
}
