/* One 1 KiB durable append at a time, against a bare O_DIRECT write and flush of a zero-filled file
 * that polls the same way; and without polling, where the kernel wakes the thread. In turns,
 * medians over the pairs. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"

#define LATENCY_BATCH_BYTES 1024u
#define LATENCY_RUN_NS      (RT_NS_PER_S / 2)
#define LATENCY_PAIRS       15u
#define LATENCY_PAIRS_QUICK 3u

struct latency {
    struct bench b;
    struct log_side side;
    double p50_ns; /* of the case in hand, the median run */
    double device; /* of the case in hand: bytes to the device per byte */
};

static void latency_case(struct latency *l, enum rt_kind kind, const char *name);

int main(int argc, char **argv)
{
    struct latency *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return 1;
    }
    bench_init(&l->b, argc, argv);
    latency_case(l, RT_KIND_URING, "io_uring");
    double uring_ns = l->p50_ns;
    latency_case(l, RT_KIND_EPOLL, "epoll");
    bench_row(&l->b, &(struct bench_row){.name = "epoll against io_uring: p50",
                                         .value = l->p50_ns / 1e3,
                                         .unit = "us",
                                         .peer = "io_uring",
                                         .ratio = uring_ns / l->p50_ns,
                                         .bar = ">= 0.70",
                                         .device = l->device});
    int status = bench_finish(&l->b);
    free(l);
    return status;
}

static void latency_row(struct latency *l, const char *name, const char *what, double *ours_ns,
                        double *peer_ns, uint32_t pairs, const char *bar)
{
    char text[128];
    double ratios[LATENCY_PAIRS];
    for (uint32_t i = 0; i < pairs; i++) {
        ratios[i] = ours_ns[i] / peer_ns[i];
    }
    double times = bench_quantile(ratios, pairs, 0.5);
    snprintf(text, sizeof(text), "%s: 1 KiB durable append, %s, times the bare write's", name,
             what);
    bench_row(&l->b,
              &(struct bench_row){
                  .name = text, .value = times, .unit = "x", .bar = bar, .device = l->device});
    bench_note(&l->b, "%s: %s %.1f us, bare write %.1f us", name, what,
               bench_quantile(ours_ns, pairs, 0.5) / 1e3,
               bench_quantile(peer_ns, pairs, 0.5) / 1e3);
}

static void latency_case(struct latency *l, enum rt_kind kind, const char *name)
{
    char dir[BENCH_PATH_BYTES];
    char peer_dir[BENCH_PATH_BYTES];
    uint32_t pairs = l->b.is_quick ? LATENCY_PAIRS_QUICK : LATENCY_PAIRS;
    double p50s[LATENCY_PAIRS];
    double p99s[LATENCY_PAIRS];
    double peer_p50s[LATENCY_PAIRS];
    double peer_p99s[LATENCY_PAIRS];
    double still_p50s[LATENCY_PAIRS];
    bool is_judged = kind == RT_KIND_URING;
    uint64_t bytes = 0;
    uint64_t device_bytes = 0;
    struct log_config config = {.seal_ns = 0};
    log_side_dir(dir, l->b.dir, "log_latency");
    log_side_dir(peer_dir, l->b.dir, "log_latency_peer");
    log_side_open(&l->side, kind, dir, &config);
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = 1,
                                 .batch_bytes = LATENCY_BATCH_BYTES,
                                 .records_count = 1,
                                 .outstanding = 1,
                                 .duration_ns = LATENCY_RUN_NS};
    struct log_raw_plan raw = {.dir = peer_dir,
                               .files_count = 1,
                               .file_bytes = 64u << 20,
                               .write_bytes = LIMIT_BLOCK_BYTES,
                               .depth = 1,
                               .is_direct = true,
                               .is_zeroed = true,
                               .does_flush = true,
                               .does_poll = true,
                               .form = l->side.probe.best,
                               .duration_ns = LATENCY_RUN_NS};
    (void)log_side_load(&l->side, &plan);
    for (uint32_t i = 0; i < pairs; i++) {
        struct log_load_result ours = {0};
        struct log_raw_result peer = {0};
        for (uint32_t turn = 0; turn < 2; turn++) {
            if ((i + turn) % 2 == 0) {
                ours = log_side_load(&l->side, &plan);
            } else {
                peer = log_raw_run(&raw);
            }
        }
        raw.does_poll = false;
        struct log_raw_result still = log_raw_run(&raw);
        raw.does_poll = true;
        p50s[i] = ours.p50_ns;
        p99s[i] = ours.p99_ns;
        peer_p50s[i] = peer.p50_ns;
        peer_p99s[i] = peer.p99_ns;
        still_p50s[i] = still.p50_ns;
        bytes += ours.bytes;
        device_bytes += ours.device_bytes;
    }
    log_side_close(&l->side);
    log_side_dir(dir, l->b.dir, "log_latency");
    l->device = (double)device_bytes / (double)bytes;
    latency_row(l, name, "p50", p50s, peer_p50s, pairs, is_judged ? "<= 1.3 x" : NULL);
    latency_row(l, name, "p99", p99s, peer_p99s, pairs, is_judged ? "<= 1.5 x" : NULL);
    latency_row(l, name, "p50, against the one that does not poll", p50s, still_p50s, pairs, NULL);
    l->p50_ns = bench_quantile(p50s, pairs, 0.5);
}
