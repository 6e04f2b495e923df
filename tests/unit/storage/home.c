/* A store on a simulated machine. See home.h. */
#include "tests/unit/storage/home.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cpu.h"
#include "base/rt/clock.h"
#include "tests/support/cmocka.h"

static const struct log_config home_config = {
    .dir = "/data",
    .unsettled_bytes_max = 96 << 10,
    .hot_bytes_max = 64 << 10,
    .journal_first_bytes = 64 << 10,
    .journal_file_bytes = 64 << 10,
    .segment_bytes = 24 << 10,
    .reserve_bytes = UINT64_MAX,
    .free_bytes_min = 1 << 20,
    .seal_ns = 1000000,
    .settle_ns = 3000000,
    .groups_max = 16,
    .files_max = 16,
};

static const char *const home_modules[] = {"log"};

static void home_say(struct diag_sink *sink, enum diag_level level, const char *line, size_t length)
{
    struct home *home = CONTAINER_OF(sink, struct home, sink);
    (void)level;
    size_t there = strlen(home->said);
    if (there + length < sizeof(home->said)) {
        memcpy(home->said + there, line, length);
        home->said[there + length] = '\0';
    }
}

const struct crc32c *home_kernels(void)
{
    struct cpu cpu;
    cpu_detect(&cpu);
    return crc32c_for(&cpu);
}

void home_answered(struct log_shard *ls)
{
    struct home *home = CONTAINER_OF(ls, struct home_shard, ls)->home;
    if (home->answers_count++ == 0) {
        home->err = ls->err;
        memcpy(home->why, ls->why, sizeof(home->why));
    }
    assert_int_equal(ls->err, home->err);
    assert_string_equal(ls->why, home->why);
}

static void home_shard_start(struct rt_shard *shard)
{
    struct home *home = shard->app;
    struct home_shard *hs = &home->shards[shard->id];
    *hs = (struct home_shard){.home = home};
    buf_pool_init(&hs->bufs, rt_shard_budget(shard), (uint16_t)shard->id, 1 << 20);
    diag_init(&hs->diag, &home->levels, &home->sink, DIAG_FORMAT_HUMAN, shard->id, 0);
    log_shard_open(&hs->ls, shard, &home->store, &hs->diag, home_answered);
}

static void home_shard_stop(struct rt_shard *shard)
{
    struct home *home = shard->app;
    buf_pool_deinit(&home->shards[shard->id].bufs);
    assert_int_equal(rt_shard_budget(shard)->children_count, 0); /* each ended with nothing used */
    rt_shard_finish(shard);
}

struct home *home_new_on(uint64_t seed, const struct sim_options *options)
{
    struct home *home = calloc(1, sizeof(*home));
    assert_non_null(home);
    home->sim = sim_new(seed, options);
    home->node = sim_node_add(home->sim);
    home->config = home_config;
    home->sink.write = home_say;
    home->batch_bytes = 1000;
    home->first_id = 1;
    diag_levels_init(&home->levels, home_modules, ARRAY_COUNT(home_modules), DIAG_LEVEL_INFO);
    return home;
}

struct home *home_new(uint64_t seed)
{
    struct sim_options options = sim_options_calm();
    options.host.memory_bytes = 16 << 20;
    return home_new_on(seed, &options);
}

void home_free(struct home *home)
{
    sim_free(home->sim);
    free(home);
}

struct sim_disk *home_disk(struct home *home)
{
    return sim_node_disk(home->node);
}

static bool home_is_answered(void *ctx)
{
    struct home *home = ctx;
    return home->answers_count == home->shards_count && home->pending_count == 0;
}

void home_wait(struct home *home)
{
    uint64_t limit_ns = sim_now_ns(home->sim) + 100 * RT_NS_PER_S;
    assert_true(sim_run_until_true(home->sim, home_is_answered, home, limit_ns));
}

void home_begin(struct home *home, uint32_t shards_count)
{
    struct sim_app app = {.start = home_shard_start, .stop = home_shard_stop, .ctx = home};
    log_store_init(&home->store, &home->config, home_kernels());
    home->shards_count = shards_count;
    home->answers_count = 0;
    home->said[0] = '\0';
    sim_node_start(home->node, shards_count, &app);
}

enum err home_start(struct home *home, uint32_t shards_count)
{
    home_begin(home, shards_count);
    home_wait(home);
    return home->err;
}

void home_shard_close(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    log_shard_close(&home->shards[shard->id].ls, home_answered);
}

void home_shard_settle(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    log_shard_settle(&home->shards[shard->id].ls, home_answered);
}

void home_ask(struct home *home, void (*call)(struct rt_shard *shard, void *ctx))
{
    home->answers_count = 0;
    for (uint32_t i = 0; i < home->shards_count; i++) {
        sim_post(sim_node_shard(home->node, i), call, home);
    }
    home_wait(home);
}

/* The process ends; nothing of the store may be left in memory. */
void home_end(struct home *home)
{
    sim_node_stop(home->node);
    while (sim_node_is_running(home->node)) {
        assert_true(sim_run_steps(home->sim, 1));
    }
}

void home_close(struct home *home)
{
    home_ask(home, home_shard_close);
    assert_int_equal(home->err, ERR_OK);
    home_end(home);
}

/* --- What is in the directory --- */

/* The file's bytes, at most `max`. */
size_t home_read(struct home *home, const char *path, uint8_t *out, size_t max)
{
    int64_t got = sim_disk_peek(home_disk(home), path, 0, out, max);
    assert_true(got >= 0);
    return (size_t)got;
}

void home_write(struct home *home, const char *path, const uint8_t *data, size_t length)
{
    struct sim_handle *handle = NULL;
    struct iovec iov = {(void *)(uintptr_t)data, length};
    uint64_t sequence;
    assert_int_equal(sim_disk_open(home_disk(home), path, RT_FILE_WRITE | RT_FILE_CREATE, &handle),
                     ERR_OK);
    assert_int_equal(sim_disk_write(handle, &iov, 1, 0, length, &sequence), ERR_OK);
    assert_int_equal(sim_disk_land(handle, sequence), ERR_OK);
    sim_disk_close(handle);
}

bool home_has(struct home *home, const char *path)
{
    return sim_disk_size(home_disk(home), path) != UINT64_MAX;
}

struct log_meta home_meta(struct home *home)
{
    static uint8_t data[LOG_META_BYTES];
    struct log_meta meta;
    size_t length = home_read(home, "/data/node.meta", data, sizeof(data));
    assert_int_equal(log_meta_decode(data, length, home_kernels(), true, &meta), ERR_OK);
    return meta;
}

/* --- Groups --- */

static void home_op_done(struct log_op *op)
{
    struct home *home = op->ctx;
    struct log_status status;
    log_status(op->log, &status);
    enum err want = status.is_available ? ERR_OK : ERR_ACCESS;
    assert_true(op->err == want || (op->err == ERR_FENCED && atomic_load(&home->store.is_fenced)));
    home->pending_count--;
}

void home_shard_create(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    for (uint64_t id = home->first_id; id < home->first_id + HOME_GROUPS; id++) {
        struct log_op *op = &hs->ops[id - home->first_id];
        if (id % home->shards_count == shard->id) {
            struct log_uuid topic = {.bytes = {(uint8_t)id, 9}};
            *op = (struct log_op){.done = home_op_done, .ctx = home};
            home->pending_count++;
            log_create(&hs->ls, op, id, &topic, 0);
        }
    }
    home->answers_count++;
}

void home_shard_hard(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    for (struct log *log = log_first(&hs->ls); log != NULL; log = log_next(&hs->ls, log)) {
        struct log_op *op = &hs->ops[log_group(log) - home->first_id];
        struct log_hard_state hard = {.term = (uint32_t)(log_group(log) * 10), .vote = 3};
        *op = (struct log_op){.done = home_op_done, .ctx = home};
        home->pending_count++;
        log_set_hard_state(log, op, &hard);
    }
    home->answers_count++;
}

/* A batch of home->batch_bytes that goes at `end` of its log. */
static void home_batch(const struct home *home, uint8_t *out, const struct log_point *end)
{
    uint32_t payload = home->batch_bytes - LOG_BATCH_HEADER_BYTES;
    struct bytes_writer w = bytes_writer(out, home->batch_bytes);
    bytes_put_u64be(&w, end->offset);
    bytes_put_u32be(&w, home->batch_bytes - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, end->term);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0); /* the CRC, below */
    bytes_put_zeros(&w, 6);
    bytes_put_u64be(&w, end->index);
    bytes_put_u64be(&w, end->index);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, 1);
    bytes_put_zeros(&w, payload);
    assert_int_equal(w.err, ERR_OK);
    bytes_patch_u32be(&w, 17, crc32c(home_kernels(), 0, out + 21, w.pos - 21));
}

enum err home_append(struct home_shard *hs, struct log *log, struct log_op *op)
{
    const struct home *home = hs->home;
    struct log_status status;
    struct buf *buf = NULL;
    log_status(log, &status);
    assert_int_equal(buf_new(&hs->bufs, hs->bufs.budget, home->batch_bytes, &buf), ERR_OK);
    home_batch(home, buf_append(buf, home->batch_bytes), &status.end);
    buf_seal(buf, home->batch_bytes);
    enum err err = log_append(log, op, buf_slice(buf, 0, home->batch_bytes));
    buf_unref(buf);
    return err;
}

void home_shard_append(struct rt_shard *shard, void *ctx)
{
    struct home *home = ctx;
    struct home_shard *hs = &home->shards[shard->id];
    for (struct log *log = log_first(&hs->ls); log != NULL; log = log_next(&hs->ls, log)) {
        struct log_op *op = &hs->ops[log_group(log) - home->first_id];
        *op = (struct log_op){.done = home_op_done, .ctx = home};
        enum err err = home_append(hs, log, op);
        home->pending_count += err == ERR_OK;
        home->refused_count += err != ERR_OK;
        home->refusal = err != ERR_OK ? err : home->refusal;
    }
    home->answers_count++;
}

/* A store with groups that have a hard state, in a table; closed. */
struct home *home_new_with_groups(uint64_t seed)
{
    struct home *home = home_new(seed);
    assert_int_equal(home_start(home, 2), ERR_OK);
    home_ask(home, home_shard_create);
    home_ask(home, home_shard_hard);
    home_ask(home, home_shard_settle);
    home_close(home);
    assert_true(home_has(home, "/data/groups.tab"));
    return home;
}

/* Group `id` as it is open; false: there is none. */
bool home_status(struct home *home, uint64_t id, struct log_status *out)
{
    const struct log *log = log_find(&home->shards[id % home->shards_count].ls, id);
    if (log != NULL) {
        log_status(log, out);
    }
    return log != NULL;
}

/* All groups are as they were made, but for `lost` (0: none), which is unavailable. */
void home_check_groups(struct home *home, uint64_t lost)
{
    for (uint64_t id = 1; id <= HOME_GROUPS; id++) {
        struct log_status status;
        assert_true(home_status(home, id, &status));
        assert_int_equal(status.is_available, id != lost);
        if (id != lost) {
            assert_int_equal(status.hard.term, id * 10);
            assert_int_equal(status.hard.vote, 3);
            assert_false(status.is_amnesiac);
        }
    }
}
