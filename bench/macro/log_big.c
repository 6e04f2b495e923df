/* Large appends: 1 MiB batches to 1 and 4 partitions, 8 outstanding each, durable. They go straight
 * to their segments; held against bare O_DIRECT writes of the same size and number into allocated
 * space, each flushed. In turns, medians of the pairs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"

#define BIG_BATCH_BYTES (1u << 20)
#define BIG_OUTSTANDING 8u
#define BIG_HOT_BYTES                                                                              \
    (64u << 20) /* soon full: then memory is used again, as in a server that runs */
#define BIG_RUN_BYTES   (512ull << 20)
#define BIG_PAIRS       7u
#define BIG_PAIRS_QUICK 3u

struct big {
    struct bench b;
    struct log_side side;
    uint32_t pairs;           /* measured of the case in hand */
    double rates[BIG_PAIRS];  /* ours, MiB/s */
    double peers[BIG_PAIRS];  /* the bare writes' */
    double ratios[BIG_PAIRS]; /* ours to the peer's */
    uint64_t bytes;           /* appended in all of them */
    uint64_t device_bytes;    /* written to the device for that */
    uint64_t cpu_ns;          /* and processor time */
};

static void big_case(struct big *g, enum rt_kind kind, const char *name, uint32_t groups_count);
static void big_rows(struct big *g, const char *name, uint32_t groups_count, bool is_judged);

int main(int argc, char **argv)
{
    struct big *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        return 1;
    }
    bench_init(&g->b, argc, argv);
    big_case(g, RT_KIND_URING, "io_uring", 1);
    big_case(g, RT_KIND_URING, "io_uring", 4);
    big_case(g, RT_KIND_EPOLL, "epoll", 1);
    big_case(g, RT_KIND_EPOLL, "epoll", 4);
    int status = bench_finish(&g->b);
    free(g);
    return status;
}

static void big_case(struct big *g, enum rt_kind kind, const char *name, uint32_t groups_count)
{
    char dir[BENCH_PATH_BYTES];
    char peer_dir[BENCH_PATH_BYTES];
    g->pairs = g->b.is_quick ? BIG_PAIRS_QUICK : BIG_PAIRS;
    g->bytes = 0;
    g->device_bytes = 0;
    g->cpu_ns = 0;
    struct log_config config = {.hot_bytes_max = BIG_HOT_BYTES};
    log_side_dir(dir, g->b.dir, "log_big");
    log_side_dir(peer_dir, g->b.dir, "log_big_peer");
    log_side_open(&g->side, kind, dir, &config);
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = groups_count,
                                 .batch_bytes = BIG_BATCH_BYTES,
                                 .records_count = 1000,
                                 .outstanding = BIG_OUTSTANDING * groups_count,
                                 .bytes_max = BIG_RUN_BYTES};
    struct log_raw_plan raw = {.dir = peer_dir,
                               .files_count = groups_count,
                               .file_bytes = BIG_RUN_BYTES / groups_count + BIG_BATCH_BYTES,
                               .write_bytes = BIG_BATCH_BYTES,
                               .depth = BIG_OUTSTANDING * groups_count,
                               .is_direct = true,
                               .does_flush = true,
                               .does_poll = true,
                               .form = g->side.probe.best,
                               .bytes_max = BIG_RUN_BYTES};
    (void)log_side_load(&g->side, &plan); /* makes files, finds its pace */
    for (uint32_t i = 0; i < g->pairs; i++) {
        struct log_load_result ours = {0};
        struct log_raw_result peer = {0};
        for (uint32_t turn = 0; turn < 2; turn++) {
            if ((i + turn) % 2 == 0) {
                ours = log_side_load(&g->side, &plan);
            } else {
                peer = log_raw_run(&raw);
            }
        }
        g->rates[i] = (double)ours.bytes / 1048576.0 / ((double)ours.elapsed_ns / 1e9);
        g->peers[i] = (double)peer.bytes / 1048576.0 / ((double)peer.elapsed_ns / 1e9);
        g->ratios[i] = g->rates[i] / g->peers[i];
        g->bytes += ours.bytes;
        g->device_bytes += ours.device_bytes;
        g->cpu_ns += ours.cpu_ns;
    }
    log_side_close(&g->side);
    log_side_dir(dir, g->b.dir, "log_big");
    big_rows(g, name, groups_count, kind == RT_KIND_URING);
}

static void big_rows(struct big *g, const char *name, uint32_t groups_count, bool is_judged)
{
    char text[128];
    double device = (double)g->device_bytes / (double)g->bytes;
    snprintf(text, sizeof(text), "%s: %u partitions, 1 MiB", name, groups_count);
    bench_row(&g->b, &(struct bench_row){.name = text,
                                         .value = bench_quantile(g->rates, g->pairs, 0.5),
                                         .unit = "MiB/s",
                                         .peer = "O_DIRECT writes and flushes",
                                         .ratio = bench_quantile(g->ratios, g->pairs, 0.5),
                                         .bar = is_judged ? ">= 0.85" : NULL,
                                         .device = device});
    snprintf(text, sizeof(text), "%s: %u partitions, device bytes per byte", name, groups_count);
    bench_row(&g->b, &(struct bench_row){.name = text,
                                         .value = device,
                                         .unit = "bytes/byte",
                                         .bar = is_judged ? "<= 1.03 bytes/byte" : NULL});
    bench_note(&g->b,
               "%s: %u partitions: peer %.0f MiB/s, ratios %.2f to %.2f, %.0f us CPU per MiB", name,
               groups_count, bench_quantile(g->peers, g->pairs, 0.5),
               bench_quantile(g->ratios, g->pairs, 0.25), bench_quantile(g->ratios, g->pairs, 0.75),
               (double)g->cpu_ns / 1e3 / ((double)g->bytes / 1048576.0));
}
