/* See log_side.h. */
#include "bench/macro/log_side.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/rt/clock.h"

/* Appended batches share buffers of this size, or of one batch. */
#define LOG_SIDE_BUF_BYTES (256u << 10)

/* Of those that nobody needs any more this much is kept for the next: what a round of settling lets
 * go of at once. */
#define LOG_SIDE_IDLE_BYTES (512u << 20)

static void log_side_probe_begin(struct rt_shard *shard);
static void log_side_probed(struct rt_probe *probe);
static void log_side_opened(struct log_shard *ls);
static void log_side_load_begin(struct rt_shard *shard);
static void log_side_created(struct log_op *op);
static void log_side_more(struct log_side *side);
static bool log_side_append(struct log_side *side);
static void log_side_appended(struct log_op *op);
static void log_side_tick(struct rt_timer *timer);
static void log_side_retain(struct rt_timer *timer);
static void log_side_load_end(struct log_side *side);
static void log_side_settle_begin(struct rt_shard *shard);
static void log_side_close_begin(struct rt_shard *shard);
static void log_side_over(struct log_shard *ls);
static void log_side_make_batch(struct log_side *side);

static struct log_side *log_side_of(struct rt_shard *shard)
{
    struct rt_side *side = shard->app;
    return side->context;
}

void log_side_fail(const char *what, enum err err)
{
    fprintf(stderr, "refused: %s: %s\n", what, err_text(err));
    exit(1);
}

uint64_t log_side_device_bytes(void)
{
    FILE *file = fopen("/proc/self/io", "r");
    char line[128];
    uint64_t bytes = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "write_bytes: %" SCNu64, &bytes) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

void log_side_dir(char out[BENCH_PATH_BYTES], const char *dir, const char *name)
{
    char command[BENCH_PATH_BYTES + 16];
    int length = snprintf(out, BENCH_PATH_BYTES, "%s/%s", dir, name);
    ASSERT(length > 0 && length < BENCH_PATH_BYTES);
    snprintf(command, sizeof(command), "rm -rf '%s'", out);
    if (system(command) != 0 || mkdir(out, 0700) != 0) {
        log_side_fail(out, ERR_SYSTEM);
    }
}

void log_side_open(struct log_side *side, enum rt_kind kind, const char *dir,
                   const struct log_config *config)
{
    *side = (struct log_side){0};
    side->config = *config;
    side->config.dir = dir;
    side->seconds = calloc(LOG_SIDE_SECONDS_MAX + 1, sizeof(*side->seconds));
    if (side->seconds == NULL) {
        log_side_fail("memory", ERR_BUDGET);
    }
    rt_side_start(&side->side, kind, 1);
    side->side.context = side;
    rt_side_run(&side->side, log_side_probe_begin);
}

static void log_side_probe_begin(struct rt_shard *shard)
{
    struct log_side *side = log_side_of(shard);
    rt_probe_start(&side->probe, shard, side->config.dir, RT_PROBE_NS, log_side_probed);
}

static void log_side_probed(struct rt_probe *probe)
{
    struct log_side *side = log_side_of(probe->shard);
    if (probe->err != ERR_OK) {
        log_side_fail("measuring the forms of durable writes", probe->err);
    }
    rt_set_flush_form(probe->shard, probe->device_id, probe->best);
    log_store_init(&side->store, &side->config, crc32c_for(&side->side.cpu));
    log_shard_open(&side->ls, probe->shard, &side->store, NULL, log_side_opened);
}

static void log_side_opened(struct log_shard *ls)
{
    struct log_side *side = CONTAINER_OF(ls, struct log_side, ls);
    if (ls->err != ERR_OK) {
        log_side_fail(ls->why, ls->err);
    }
    budget_init(&side->bufs_budget, "appends", SIZE_MAX, rt_shard_budget(ls->shard));
    buf_pool_init(&side->bufs, &side->bufs_budget, (uint16_t)ls->shard->id, LOG_SIDE_IDLE_BYTES);
    rt_timer_init(&side->timer, ls->shard, log_side_tick);
    rt_timer_init(&side->retention, ls->shard, log_side_retain);
    rt_side_done(ls->shard);
}

/* --- Appending --- */

struct log_load_result log_side_load(struct log_side *side, const struct log_load_plan *plan)
{
    ASSERT(plan->outstanding <= LOG_SIDE_OUTSTANDING_MAX);
    ASSERT(plan->duration_ns / RT_NS_PER_S < LOG_SIDE_SECONDS_MAX);
    side->plan = *plan;
    side->result = (struct log_load_result){0};
    memset(side->seconds, 0, (LOG_SIDE_SECONDS_MAX + 1) * sizeof(*side->seconds));
    side->logs = calloc(plan->groups_count, sizeof(struct log *));
    side->batch = calloc(1, plan->batch_bytes);
    if (side->logs == NULL || side->batch == NULL) {
        log_side_fail("memory", ERR_BUDGET);
    }
    log_side_make_batch(side);
    rt_side_run(&side->side, log_side_load_begin);
    free(side->logs);
    free(side->batch);
    return side->result;
}

static void log_side_make_batch(struct log_side *side)
{
    const struct log_load_plan *plan = &side->plan;
    struct bytes_writer w = bytes_writer(side->batch, plan->batch_bytes);
    bytes_put_u64be(&w, 0);
    bytes_put_u32be(&w, plan->batch_bytes - LOG_BATCH_PREFIX_BYTES);
    bytes_put_u32be(&w, 0);
    bytes_put_u8(&w, 2);
    bytes_put_u32be(&w, 0); /* the CRC, below */
    bytes_put_u16be(&w, 0);
    bytes_put_u32be(&w, plan->records_count - 1);
    bytes_put_u64be(&w, 1000);
    bytes_put_u64be(&w, 1000);
    bytes_put_u64be(&w, UINT64_MAX);
    bytes_put_u16be(&w, UINT16_MAX);
    bytes_put_u32be(&w, UINT32_MAX);
    bytes_put_u32be(&w, plan->records_count);
    ASSERT(w.err == ERR_OK && w.pos == LOG_BATCH_HEADER_BYTES);
    for (uint32_t i = LOG_BATCH_HEADER_BYTES; i < plan->batch_bytes; i++) {
        side->batch[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    uint32_t crc = crc32c(side->store.kernels, 0, side->batch + 21, plan->batch_bytes - 21);
    bytes_patch_u32be(&w, 17, crc);
}

static void log_side_load_begin(struct rt_shard *shard)
{
    struct log_side *side = log_side_of(shard);
    side->turn = 0;
    side->idle_count = side->plan.outstanding;
    for (uint32_t i = 0; i < side->plan.outstanding; i++) {
        side->appends[i].side = side;
        side->idle[i] = &side->appends[i];
    }
    side->waiting_count = 1; /* until all groups are there */
    for (uint32_t i = 0; i < side->plan.groups_count; i++) {
        uint64_t group = side->plan.first_group + i;
        side->logs[i] = log_find(&side->ls, group);
        if (side->logs[i] == NULL) {
            struct log_op *op = calloc(1, sizeof(*op));
            struct log_uuid topic = {.bytes = {1}};
            ASSERT(op != NULL);
            op->done = log_side_created;
            op->ctx = side;
            side->waiting_count++;
            log_create(&side->ls, op, group, &topic, (uint32_t)group);
            side->logs[i] = op->log;
        }
    }
    if (--side->waiting_count == 0) {
        rt_timer_start(&side->timer, rt_now_ns(shard));
    }
}

static void log_side_created(struct log_op *op)
{
    struct log_side *side = op->ctx;
    if (op->err != ERR_OK) {
        log_side_fail("making a group", op->err);
    }
    free(op);
    if (--side->waiting_count == 0) {
        rt_timer_start(&side->timer, rt_now_ns(side->ls.shard));
    }
}

/* The load begins with the first tick. */
static void log_side_tick(struct rt_timer *timer)
{
    struct log_side *side = CONTAINER_OF(timer, struct log_side, timer);
    if (side->began_ns == 0) {
        side->began_ns = rt_now_precise_ns(side->ls.shard);
        side->io_before = log_side_device_bytes();
        side->cpu_before = bench_cpu_ns(BENCH_CPU_PROCESS);
        side->lane_before[0] = side->ls.lane.written_bytes;
        side->lane_before[1] = side->ls.settle.settled_bytes;
        side->lane_before[2] = side->ls.lane.frames_count;
        side->submitted_count = 0;
        if (side->plan.retention_bytes > 0) {
            rt_timer_start(&side->retention, side->began_ns + RT_NS_PER_S);
        }
    }
    log_side_more(side);
}

/* As many appends as the plan allows now. */
static void log_side_more(struct log_side *side)
{
    const struct log_load_plan *plan = &side->plan;
    uint64_t elapsed_ns = rt_now_precise_ns(side->ls.shard) - side->began_ns;
    bool is_over =
        (plan->duration_ns > 0 && elapsed_ns >= plan->duration_ns) ||
        (plan->bytes_max > 0 && side->submitted_count * plan->batch_bytes >= plan->bytes_max);
    uint64_t due = UINT64_MAX;
    if (plan->rate_max > 0) {
        due = (uint64_t)((double)elapsed_ns * (double)plan->rate_max / 1e9) + 1;
    }
    while (!is_over && side->idle_count > 0 && side->submitted_count < due) {
        if (!log_side_append(side)) {
            break;
        }
    }
    if (is_over && side->waiting_count == 0 && side->trims_count == 0) {
        log_side_load_end(side);
    } else if (!is_over && side->idle_count > 0 && !rt_timer_is_running(&side->timer)) {
        rt_timer_start(&side->timer, rt_now_ns(side->ls.shard) + 200 * RT_NS_PER_US);
    }
}

/* One append: the copy in, fused with the checksum, as a connection does it. False: not now. */
static bool log_side_append(struct log_side *side)
{
    uint32_t bytes = side->plan.batch_bytes;
    struct log *log = side->logs[side->turn];
    uint8_t *data = side->buf != NULL ? buf_append(side->buf, bytes) : NULL;
    if (data == NULL) {
        if (side->buf != NULL) {
            buf_unref(side->buf);
            side->buf = NULL;
        }
        uint32_t capacity = bytes > LOG_SIDE_BUF_BYTES ? bytes : LOG_SIDE_BUF_BYTES;
        if (buf_new(&side->bufs, &side->bufs_budget, capacity, &side->buf) != ERR_OK) {
            return false;
        }
        data = buf_append(side->buf, bytes);
    }
    uint32_t pos = (uint32_t)(data - side->buf->data);
    struct log_status status;
    log_status(log, &status);
    memcpy(data, side->batch, 21);
    uint32_t crc = crc32c_copy(side->store.kernels, data + 21, side->batch + 21, bytes - 21, 0);
    bench_keep(crc);
    log_batch_patch(data, status.end.offset, 1);
    buf_seal(side->buf, pos + bytes);
    struct log_side_append *append = side->idle[side->idle_count - 1];
    append->op = (struct log_op){.done = log_side_appended};
    append->began_ns = rt_now_precise_ns(side->ls.shard);
    enum err err = log_append(log, &append->op, buf_slice(side->buf, pos, bytes));
    if (err != ERR_OK) {
        if (!err_is_retriable(err)) {
            log_side_fail("appending", err);
        }
        return false;
    }
    side->idle_count--;
    side->waiting_count++;
    side->submitted_count++;
    side->turn = (side->turn + 1) % side->plan.groups_count;
    return true;
}

/* 16 buckets for each power of two. */
static uint32_t log_side_bucket(uint64_t ns)
{
    if (ns < 16) {
        return (uint32_t)ns;
    }
    uint32_t power = 63 - (uint32_t)__builtin_clzll(ns);
    return (power - 3) * 16 + (uint32_t)(ns >> (power - 4) & 15);
}

static double log_side_bucket_ns(uint32_t bucket)
{
    if (bucket < 16) {
        return bucket;
    }
    uint32_t power = bucket / 16 + 3;
    return (double)((16ull + bucket % 16) << (power - 4));
}

static void log_side_appended(struct log_op *op)
{
    struct log_side_append *append = CONTAINER_OF(op, struct log_side_append, op);
    struct log_side *side = append->side;
    if (op->err != ERR_OK) {
        log_side_fail("an append", op->err);
    }
    uint64_t now_ns = rt_now_precise_ns(side->ls.shard);
    uint64_t latency_ns = now_ns - append->began_ns;
    uint64_t second = (now_ns - side->began_ns) / RT_NS_PER_S;
    if (second < LOG_SIDE_SECONDS_MAX) {
        side->seconds[second].buckets[log_side_bucket(latency_ns)]++;
        side->seconds[second].count++;
    }
    if (latency_ns > side->result.latency_max_ns) {
        side->result.latency_max_ns = latency_ns;
    }
    side->result.appends_count++;
    side->result.elapsed_ns = now_ns - side->began_ns;
    side->waiting_count--;
    side->idle[side->idle_count++] = append;
    log_side_more(side);
}

static void log_side_trimmed(struct log_op *op)
{
    struct log_side *side = op->ctx;
    if (op->err != ERR_OK) {
        log_side_fail("a trim", op->err);
    }
    free(op);
    side->trims_count--;
    log_side_more(side);
}

/* Retention by bytes, once a second: trims at entry granularity, segments go when they are wholly
 * below. */
static void log_side_retain(struct rt_timer *timer)
{
    struct log_side *side = CONTAINER_OF(timer, struct log_side, retention);
    uint64_t keep_count = side->plan.retention_bytes / side->plan.batch_bytes;
    for (uint32_t i = 0; i < side->plan.groups_count; i++) {
        struct log_status status;
        log_status(side->logs[i], &status);
        if (status.settled_index > status.start.index + keep_count) {
            struct log_op *op = calloc(1, sizeof(*op));
            ASSERT(op != NULL);
            op->done = log_side_trimmed;
            op->ctx = side;
            side->trims_count++;
            log_trim(side->logs[i], op, status.settled_index - keep_count);
        }
    }
    if (side->began_ns != 0) {
        rt_timer_start(timer, rt_now_ns(side->ls.shard) + RT_NS_PER_S);
    }
}

/* The quantile of a second's latencies. */
static double log_side_quantile(const struct log_second *second, double quantile)
{
    uint64_t wanted = (uint64_t)((double)second->count * quantile);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < LOG_SIDE_BUCKETS; i++) {
        seen += second->buckets[i];
        if (seen > wanted) {
            return log_side_bucket_ns(i);
        }
    }
    return 0;
}

static void log_side_load_end(struct log_side *side)
{
    struct log_load_result *result = &side->result;
    static_assert(LOG_SIDE_BUCKETS >= (63 - 3) * 16 + 16, "every latency has a bucket");
    rt_timer_stop(&side->timer);
    rt_timer_stop(&side->retention);
    result->bytes = result->appends_count * side->plan.batch_bytes;
    result->cpu_ns = bench_cpu_ns(BENCH_CPU_PROCESS) - side->cpu_before;
    result->device_bytes = log_side_device_bytes() - side->io_before;
    result->journal_bytes = side->ls.lane.written_bytes - side->lane_before[0];
    result->settled_bytes = side->ls.settle.settled_bytes - side->lane_before[1];
    result->frames_count = side->ls.lane.frames_count - side->lane_before[2];
    struct log_second *all = &side->seconds[LOG_SIDE_SECONDS_MAX];
    double p99s[LOG_SIDE_SECONDS_MAX];
    uint32_t seconds_count = (uint32_t)(result->elapsed_ns / RT_NS_PER_S);
    for (uint32_t i = 0; i <= seconds_count && i < LOG_SIDE_SECONDS_MAX; i++) {
        all->count += side->seconds[i].count;
        for (uint32_t n = 0; n < LOG_SIDE_BUCKETS; n++) {
            all->buckets[n] += side->seconds[i].buckets[n];
        }
        if (i < seconds_count) {
            p99s[i] = log_side_quantile(&side->seconds[i], 0.99);
        }
    }
    result->p50_ns = log_side_quantile(all, 0.5);
    result->p99_ns = log_side_quantile(all, 0.99);
    result->seconds_count = seconds_count;
    if (seconds_count > 0) {
        result->p99_second_median_ns = bench_quantile(p99s, seconds_count, 0.5);
        result->p99_second_worst_ns = bench_quantile(p99s, seconds_count, 1.0);
    }
    side->began_ns = 0;
    rt_side_done(side->ls.shard);
}

/* --- Ends --- */

void log_side_settle(struct log_side *side)
{
    rt_side_run(&side->side, log_side_settle_begin);
}

static void log_side_settle_begin(struct rt_shard *shard)
{
    log_shard_settle(&log_side_of(shard)->ls, log_side_over);
}

void log_side_close(struct log_side *side)
{
    rt_side_run(&side->side, log_side_close_begin);
    rt_side_stop(&side->side);
    free(side->seconds);
}

static void log_side_close_begin(struct rt_shard *shard)
{
    struct log_side *side = log_side_of(shard);
    if (side->buf != NULL) {
        buf_unref(side->buf);
        side->buf = NULL;
    }
    log_shard_close(&side->ls, log_side_over);
}

static void log_side_over(struct log_shard *ls)
{
    struct log_side *side = CONTAINER_OF(ls, struct log_side, ls);
    if (ls->err != ERR_OK) {
        log_side_fail("settling or closing", ls->err);
    }
    if (!ls->is_open) {
        buf_pool_deinit(&side->bufs);
        budget_deinit(&side->bufs_budget);
    }
    rt_side_done(side->probe.shard);
}
