/* Reading: the tail with every byte copied out, against memcpy of as much; and 8 GiB that no memory
 * holds, one after another, under a limit of 1 GiB, against bare O_DIRECT reads of a plain file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"
#include "storage/log/read.h"

#define READ_TAIL_BYTES   (48ull << 20)
#define READ_TAIL_RUNS    21u
#define READ_COLD_BYTES   (8ull << 30)
#define READ_COLD_QUICK   (1ull << 30)
#define READ_STEP_BYTES   (1u << 20)
#define READ_MEMORY_BYTES (1ull << 30)

struct read_bench {
    struct bench b;
    struct log_side side;
    struct log_read read;     /* of the tail */
    struct log_reader reader; /* of what is cold */
    uint64_t at;              /* next index */
    uint64_t until;           /* last index */
    uint8_t *out;             /* where bytes are copied; room for the tail */
    uint64_t out_bytes;       /* copied */
    uint64_t bytes;           /* read */
    bool is_hot;              /* all of it */
};

static struct read_bench *read_of(struct rt_shard *shard)
{
    struct rt_side *rt = shard->app;
    return CONTAINER_OF((struct log_side *)rt->context, struct read_bench, side);
}

static void read_tail_next(struct read_bench *t);

static void read_tail_done(struct log_read *read)
{
    struct read_bench *t = read->ctx;
    if (read->err != ERR_OK) {
        log_side_fail("reading the tail", read->err);
    }
    t->is_hot &= read->is_hot;
    for (uint32_t i = 0; i < read->parts_count; i++) {
        memcpy(t->out + t->out_bytes, buf_slice_data(read->parts[i]), read->parts[i].length);
        t->out_bytes += read->parts[i].length;
    }
    t->at = read->last_index + 1;
    log_read_release(read);
    read_tail_next(t);
}

static void read_tail_next(struct read_bench *t)
{
    if (t->at > t->until) {
        rt_side_done(t->side.ls.shard);
        return;
    }
    memset(&t->read, 0, sizeof(t->read));
    t->read = (struct log_read){.done = read_tail_done,
                                .ctx = t,
                                .log = log_find(&t->side.ls, 1),
                                .from = LOG_READ_INDEX,
                                .at = t->at,
                                .index_max = t->until,
                                .bytes_max = READ_STEP_BYTES};
    log_read(&t->read);
}

static void read_tail_begin(struct rt_shard *shard)
{
    struct read_bench *t = read_of(shard);
    struct log_status status;
    log_status(log_find(&t->side.ls, 1), &status);
    t->at = 1;
    t->until = status.end.index;
    t->out_bytes = 0;
    t->is_hot = true;
    read_tail_next(t);
}

static double read_tail_ours(void *context)
{
    struct read_bench *t = context;
    uint64_t began_ns = bench_now_ns();
    rt_side_run(&t->side.side, read_tail_begin);
    return (double)(bench_now_ns() - began_ns) / (double)t->out_bytes;
}

static double read_tail_peer(void *context)
{
    struct read_bench *t = context;
    uint64_t began_ns = bench_now_ns();
    uint8_t *from = t->out + READ_TAIL_BYTES;
    for (uint64_t pos = 0; pos < READ_TAIL_BYTES; pos += READ_STEP_BYTES) {
        memcpy(t->out + pos, from + pos, READ_STEP_BYTES);
    }
    bench_keep(t->out);
    return (double)(bench_now_ns() - began_ns) / (double)READ_TAIL_BYTES;
}

static void read_tail(struct read_bench *t)
{
    char dir[BENCH_PATH_BYTES];
    struct log_config config = {.hot_bytes_max = 256u << 20};
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = 1,
                                 .batch_bytes = 16u << 10,
                                 .records_count = 16,
                                 .outstanding = 64,
                                 .bytes_max = READ_TAIL_BYTES};
    t->out = aligned_alloc(LIMIT_BLOCK_BYTES, 2 * READ_TAIL_BYTES);
    if (t->out == NULL) {
        log_side_fail("memory", ERR_BUDGET);
    }
    memset(t->out, 1, 2 * READ_TAIL_BYTES);
    log_side_dir(dir, t->b.dir, "log_read");
    log_side_open(&t->side, RT_KIND_AUTO, dir, &config);
    (void)log_side_load(&t->side, &plan);
    struct bench_side ours = {.cost = read_tail_ours, .context = t};
    struct bench_side peer = {.cost = read_tail_peer, .context = t};
    struct bench_pair pair = bench_pair(&t->b, "tail", &ours, &peer, READ_TAIL_RUNS);
    bench_row(&t->b, &(struct bench_row){.name = "tail, every byte copied out",
                                         .value = 1e9 / pair.ours / 1048576.0,
                                         .unit = "MiB/s",
                                         .peer = "memcpy",
                                         .ratio = pair.ratio,
                                         .bar = ">= 0.70"});
    bench_note(&t->b, "tail: %s", t->is_hot ? "all from memory" : "NOT all from memory");
    log_side_close(&t->side);
    log_side_dir(dir, t->b.dir, "log_read");
    free(t->out);
}

static void read_cold_done(struct log_read *read)
{
    struct read_bench *t = read->ctx;
    if (read->err == ERR_END) {
        log_reader_close(&t->reader);
        rt_side_done(t->side.ls.shard);
        return;
    }
    if (read->err != ERR_OK) {
        log_side_fail("reading", read->err);
    }
    for (uint32_t i = 0; i < read->parts_count; i++) {
        t->bytes += read->parts[i].length;
    }
    log_reader_next(&t->reader, t->until);
}

static void read_cold_begin(struct rt_shard *shard)
{
    struct read_bench *t = read_of(shard);
    struct log_status status;
    log_status(log_find(&t->side.ls, 1), &status);
    t->until = status.settled_index;
    t->bytes = 0;
    log_reader_open(&t->reader, log_find(&t->side.ls, 1), LOG_READ_INDEX, 1, READ_STEP_BYTES,
                    read_cold_done, t);
    log_reader_next(&t->reader, t->until);
}

static void read_cold(struct read_bench *t)
{
    char dir[BENCH_PATH_BYTES];
    char peer_dir[BENCH_PATH_BYTES];
    uint64_t all = t->b.is_quick ? READ_COLD_QUICK : READ_COLD_BYTES;
    struct log_config config = {.hot_bytes_max = 32u << 20};
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = 1,
                                 .batch_bytes = 64u << 10,
                                 .records_count = 64,
                                 .outstanding = 64,
                                 .bytes_max = all};
    log_side_dir(dir, t->b.dir, "log_read");
    log_side_dir(peer_dir, t->b.dir, "log_read_peer");
    if (!bench_limit_memory(&t->b, READ_MEMORY_BYTES)) {
        bench_note(&t->b, "no memory limit is granted here; reads are O_DIRECT all the same");
    }
    log_side_open(&t->side, RT_KIND_AUTO, dir, &config);
    (void)log_side_load(&t->side, &plan);
    log_side_settle(&t->side);
    double rates[3];
    double peers[3];
    double ratios[3];
    for (uint32_t i = 0; i < 3; i++) {
        struct log_raw_plan raw = {.dir = peer_dir,
                                   .files_count = 1,
                                   .file_bytes = all,
                                   .write_bytes = READ_STEP_BYTES,
                                   .depth = 2,
                                   .is_direct = true,
                                   .is_read = true,
                                   .does_poll = true,
                                   .bytes_max = all};
        struct log_raw_result peer = log_raw_run(&raw);
        uint64_t began_ns = bench_now_ns();
        rt_side_run(&t->side.side, read_cold_begin);
        double seconds = (double)(bench_now_ns() - began_ns) / 1e9;
        rates[i] = (double)t->bytes / 1048576.0 / seconds;
        peers[i] = (double)peer.bytes / 1048576.0 / ((double)peer.elapsed_ns / 1e9);
        ratios[i] = rates[i] / peers[i];
    }
    log_side_close(&t->side);
    log_side_dir(dir, t->b.dir, "log_read");
    bench_row(&t->b, &(struct bench_row){.name = "cold, one after another",
                                         .value = bench_quantile(rates, 3, 0.5),
                                         .unit = "MiB/s",
                                         .peer = "O_DIRECT reads, 2 in flight",
                                         .ratio = bench_quantile(ratios, 3, 0.5),
                                         .bar = ">= 0.85"});
    bench_note(&t->b, "cold: peer %.0f MiB/s, %.1f GiB", bench_quantile(peers, 3, 0.5),
               (double)all / 1073741824.0);
}

int main(int argc, char **argv)
{
    struct read_bench *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return 1;
    }
    bench_init(&t->b, argc, argv);
    read_tail(t);
    read_cold(t);
    int status = bench_finish(&t->b);
    free(t);
    return status;
}
