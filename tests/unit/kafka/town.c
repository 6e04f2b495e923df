/* See town.h: the broker's life. The clients are in town_client.c. */
#include "tests/unit/kafka/town.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/rt/shard.h"
#include "tests/support/cmocka.h"
#include "tests/unit/kafka/town_int.h"

/* How long an open or a close may take. */
#define TOWN_LIMIT_NS (1000 * RT_NS_PER_S)

static const struct log_config town_log = {
    .dir = "/data",
    .unsettled_bytes_max = 1 << 20,
    .hot_bytes_max = 1 << 20,
    .journal_first_bytes = 256 << 10,
    .journal_file_bytes = 256 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
};

static void town_shard_start(struct rt_shard *shard);
static void town_shard_stop(struct rt_shard *shard);
static void town_opened(struct node *node);
static void town_closed(struct node *node);
static void town_open(struct rt_shard *shard, void *ctx);
static void town_finish(struct rt_shard *shard, void *ctx);
static void town_write(struct diag_sink *sink, enum diag_level level, const char *line,
                       size_t length);
static bool town_is_told(void *ctx);
static bool town_is_gone(void *ctx);

struct town *town_new(uint64_t seed, const struct sim_options *options)
{
    struct sim_options calm = sim_options_calm();
    struct cpu cpu;
    struct town *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    cpu_detect(&cpu);
    t->kernels = crc32c_for(&cpu);
    t->sim = sim_new(seed, options != NULL ? options : &calm);
    t->machine = sim_node_add(t->sim);
    t->others = sim_node_add(t->sim);
    t->core = (struct core_config){.log = town_log,
                                   .connections_max = 10000,
                                   .topics = core_topic_config_default(),
                                   .node_id = 1,
                                   .partitions_count = 1,
                                   .is_auto_create = true};
    t->kafka = (struct kafka_config){.advertised_host = "broker.town",
                                     .request_bytes_max = LIMIT_BUF_BYTES};
    t->http = (struct http_config){.indexer = json_indexer_for(&cpu),
                                   .advertised_host = "broker.town",
                                   .hosts = "",
                                   .origins = "",
                                   .body_bytes_max = LIMIT_BATCH_BYTES};
    t->sink.write = town_write;
    diag_levels_init(&t->levels, NULL, 0, DIAG_LEVEL_DEBUG);
    budget_init(&t->budget, "town", SIZE_MAX, NULL);
    list_init(&t->clients);
    sim_node_start(t->others, 1, &(struct sim_app){.start = town_others_start, .ctx = t});
    return t;
}

void town_free(struct town *t)
{
    if (town_is_running(t)) {
        town_crash(t, SIM_CRASH_KEEP);
    }
    sim_free(t->sim);
    budget_free_all(&t->budget);
    free(t);
}

/* --- Starting --- */

void town_start(struct town *t, uint32_t shards_count)
{
    enum err err = town_try_start(t, shards_count);
    if (err != ERR_OK) {
        fail_msg("%s: %s", err_text(err), t->node.why);
    }
}

enum err town_try_start(struct town *t, uint32_t shards_count)
{
    town_launch(t, shards_count);
    assert_true(sim_run_until_true(t->sim, town_is_told, t, sim_now_ns(t->sim) + TOWN_LIMIT_NS));
    t->is_open = t->node.err == ERR_OK;
    return t->node.err;
}

void town_launch(struct town *t, uint32_t shards_count)
{
    struct sim_app app = {.start = town_shard_start, .stop = town_shard_stop, .ctx = t};
    assert_in_range(shards_count, 1, TOWN_SHARDS);
    t->kafka.listen = sim_node_addr(t->machine, TOWN_PORT);
    t->http.listen = sim_node_addr(t->machine, TOWN_HTTP_PORT);
    t->shards_count = shards_count;
    memset(t->node_shards, 0, sizeof(t->node_shards));
    node_init(&t->node, t->node_shards, shards_count, &t->core, &t->kafka,
              t->has_http ? &t->http : NULL, t->kernels);
    sim_node_start(t->machine, shards_count, &app);
    t->is_told = false;
    sim_post(sim_node_shard(t->machine, 0), town_open, t);
}

static void town_shard_start(struct rt_shard *shard)
{
    struct town *t = shard->app;
    struct diag *diag = &t->diags[shard->id];
    diag_init(diag, &t->levels, &t->sink, DIAG_FORMAT_HUMAN, shard->id, 0);
    node_shard_init(&t->node, shard, diag);
}

static void town_open(struct rt_shard *shard, void *ctx)
{
    struct town *t = ctx;
    (void)shard;
    node_open(&t->node, town_opened);
}

static void town_opened(struct node *node)
{
    CONTAINER_OF(node, struct town, node)->is_told = true;
}

static bool town_is_told(void *ctx)
{
    return ((struct town *)ctx)->is_told;
}

/* --- Ending --- */

/* Shard 0 tells the others when they may. */
static void town_shard_stop(struct rt_shard *shard)
{
    struct town *t = shard->app;
    if (shard->id == 0) {
        node_close(&t->node, town_closed);
    }
}

/* The last call of a node: nothing of it is under way on any shard. */
static void town_closed(struct node *node)
{
    struct town *t = CONTAINER_OF(node, struct town, node);
    for (uint32_t i = 0; i < t->shards_count; i++) {
        sim_post(sim_node_shard(t->machine, i), town_finish, t);
    }
}

static void town_finish(struct rt_shard *shard, void *ctx)
{
    (void)ctx;
    assert_int_equal(rt_shard_budget(shard)->children_count, 0); /* each was found empty */
    rt_shard_finish(shard);
}

void town_stop(struct town *t)
{
    t->is_open = false;
    sim_node_stop(t->machine);
}

bool town_is_running(const struct town *t)
{
    return sim_node_is_running(t->machine);
}

static bool town_is_gone(void *ctx)
{
    return !town_is_running(ctx);
}

void town_close(struct town *t)
{
    town_stop(t);
    assert_true(sim_run_until_true(t->sim, town_is_gone, t, sim_now_ns(t->sim) + TOWN_LIMIT_NS));
}

/* What foreign libraries have allocated ends with a process, too. */
void town_crash(struct town *t, enum sim_crash how)
{
    bool was_running = town_is_running(t);
    t->is_open = false;
    sim_node_crash(t->machine, how);
    for (uint32_t i = 0; was_running && i < t->shards_count; i++) {
        codec_context_deinit(&t->node_shards[i].core.room.codec);
    }
}

/* --- Time, and what is said --- */

void town_run(struct town *t, uint64_t ms)
{
    sim_run_for(t->sim, ms * RT_NS_PER_MS);
}

bool town_run_until(struct town *t, bool (*is_true)(void *ctx), void *ctx, uint64_t ms)
{
    return sim_run_until_true(t->sim, is_true, ctx, sim_now_ns(t->sim) + ms * RT_NS_PER_MS);
}

/* A full page is begun anew. */
static void town_write(struct diag_sink *sink, enum diag_level level, const char *line,
                       size_t length)
{
    struct town *t = CONTAINER_OF(sink, struct town, sink);
    (void)level;
    ASSERT(length < sizeof(t->said));
    if (t->said_bytes + length >= sizeof(t->said)) {
        t->said_bytes = 0;
    }
    memcpy(t->said + t->said_bytes, line, length);
    t->said_bytes += length;
    t->said[t->said_bytes] = '\0';
}

uint32_t town_said(const struct town *t, const char *text)
{
    uint32_t count = 0;
    for (const char *at = strstr(t->said, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

struct core_shard *town_core(struct town *t, uint32_t id)
{
    return &t->node_shards[id].core;
}

struct kafka_door *town_door(struct town *t, uint32_t id)
{
    return &t->node_shards[id].kafka;
}

struct http_door *town_http_door(struct town *t, uint32_t id)
{
    return &t->node_shards[id].http;
}

/* A call of a test on a shard. */
struct town_call {
    void (*call)(struct rt_shard *shard, void *ctx);
    void *ctx;
    bool is_done;
};

static void town_on_run(struct rt_shard *shard, void *ctx)
{
    struct town_call *call = ctx;
    call->call(shard, call->ctx);
    call->is_done = true;
}

static bool town_on_is_done(void *ctx)
{
    return ((struct town_call *)ctx)->is_done;
}

void town_on(struct town *t, uint32_t id, void (*call)(struct rt_shard *shard, void *ctx),
             void *ctx)
{
    struct town_call one = {.call = call, .ctx = ctx};
    sim_post(sim_node_shard(t->machine, id), town_on_run, &one);
    assert_true(town_run_until(t, town_on_is_done, &one, 1000));
}

/* A change under way. */
struct town_changing {
    struct town *t;
    struct core_change change;
    bool is_done;
};

static void town_changed(struct core_change *change)
{
    ((struct town_changing *)change->ctx)->is_done = true;
}

static void town_change_run(struct rt_shard *shard, void *ctx)
{
    struct town_changing *changing = ctx;
    core_change_start(town_core(changing->t, shard->id), &changing->change);
}

static bool town_change_is_done(void *ctx)
{
    return ((struct town_changing *)ctx)->is_done;
}

void town_change(struct town *t, struct core_change_item *item)
{
    struct town_changing changing = {
        .t = t, .change = {.done = town_changed, .items = item, .items_count = 1}};
    changing.change.ctx = &changing;
    town_on(t, t->shards_count - 1, town_change_run, &changing);
    assert_true(town_run_until(t, town_change_is_done, &changing, 100000));
}
