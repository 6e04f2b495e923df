/* What a stored batch costs beside its own bytes: 1 KiB records in 16 KiB batches, settled and
 * sealed. Counted in the files. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/macro/log_side.h"

#define BYTES_BATCH_BYTES (16u << 10)
#define BYTES_GROUPS      4u
#define BYTES_ALL         (512ull << 20)

struct bytes_bench {
    struct bench b;
    struct log_side side;
};

/* Bytes that the files below `dir` take on the disk. */
static double bytes_used(const char *dir)
{
    char command[BENCH_PATH_BYTES + 64];
    double bytes = 0;
    snprintf(command, sizeof(command), "du -s --block-size=1 '%s/p' | cut -f1", dir);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL || fscanf(pipe, "%lf", &bytes) != 1) {
        log_side_fail("du", ERR_SYSTEM);
    }
    pclose(pipe);
    return bytes;
}

static void bytes_rolled(struct log_op *op)
{
    struct log_side *side = op->ctx;
    bool is_last = op->log == side->rolled[BYTES_GROUPS - 1];
    if (op->err != ERR_OK) {
        log_side_fail("rolling", op->err);
    }
    free(op);
    if (is_last) {
        rt_side_done(side->ls.shard);
    }
}

static void bytes_roll(struct rt_shard *shard)
{
    struct rt_side *rt = shard->app;
    struct log_side *side = rt->context;
    for (uint32_t i = 0; i < BYTES_GROUPS; i++) {
        struct log_op *op = calloc(1, sizeof(*op));
        side->rolled[i] = log_find(&side->ls, 1 + i);
        op->done = bytes_rolled;
        op->ctx = side;
        log_roll(side->rolled[i], op);
    }
}

int main(int argc, char **argv)
{
    char dir[BENCH_PATH_BYTES];
    struct bytes_bench *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return 1;
    }
    bench_init(&t->b, argc, argv);
    struct log_config config = {.segment_bytes = 64u << 20};
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = BYTES_GROUPS,
                                 .batch_bytes = BYTES_BATCH_BYTES,
                                 .records_count = 16,
                                 .outstanding = 64,
                                 .bytes_max = BYTES_ALL};
    log_side_dir(dir, t->b.dir, "log_bytes");
    log_side_open(&t->side, RT_KIND_AUTO, dir, &config);
    struct log_load_result r = log_side_load(&t->side, &plan);
    rt_side_run(&t->side.side, bytes_roll);
    log_side_settle(&t->side);
    log_side_settle(&t->side);
    double used = bytes_used(dir);
    log_side_close(&t->side);
    log_side_dir(dir, t->b.dir, "log_bytes");
    bench_row(&t->b, &(struct bench_row){.name = "1 KiB records in 16 KiB batches, sealed",
                                         .value = used / (double)r.bytes,
                                         .unit = "bytes/byte",
                                         .bar = "<= 1.010 bytes/byte",
                                         .device = (double)r.device_bytes / (double)r.bytes});
    int status = bench_finish(&t->b);
    free(t);
    return status;
}
