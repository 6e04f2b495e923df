/* Ten minutes at half the rate the machine can do, with retention deleting what is older: nothing
 * may pile up. 1 KiB appends over 100 partitions; first a short run as fast as it goes, then the
 * long one at half of that. The slowest append is held against the slowest of bare writes and
 * flushes, as large and as often as the journal's frames, for as long. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"

#define STEADY_BATCH_BYTES 1024u
#define STEADY_GROUPS      100u
#define STEADY_OUTSTANDING 4096u
#define STEADY_HOT_BYTES                                                                           \
    (256u << 20) /* soon full: then memory is used again, as in a server that runs */
#define STEADY_FAST_NS   (10 * RT_NS_PER_S)
#define STEADY_NS        (600 * RT_NS_PER_S)
#define STEADY_NS_QUICK  (20 * RT_NS_PER_S)
#define STEADY_RAW_BYTES (64u << 20) /* of the file that bare writes go to */

struct steady {
    struct bench b;
    struct log_side side;
    double bare_ns; /* the slowest bare write and flush */
};

static void steady_backend(struct steady *s, enum rt_kind kind, const char *name);
static double steady_bare(struct steady *s, const struct log_load_result *r,
                          enum rt_flush_form form);

int main(int argc, char **argv)
{
    struct steady *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return 1;
    }
    bench_init(&s->b, argc, argv);
    steady_backend(s, RT_KIND_URING, "io_uring");
    steady_backend(s, RT_KIND_EPOLL, "epoll");
    int status = bench_finish(&s->b);
    free(s);
    return status;
}

static void steady_backend(struct steady *s, enum rt_kind kind, const char *name)
{
    char dir[BENCH_PATH_BYTES];
    char text[128];
    bool is_judged = kind == RT_KIND_URING;
    struct log_config config = {.segment_bytes = 16u << 20, .hot_bytes_max = STEADY_HOT_BYTES};
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = STEADY_GROUPS,
                                 .batch_bytes = STEADY_BATCH_BYTES,
                                 .records_count = 1,
                                 .outstanding = STEADY_OUTSTANDING,
                                 .duration_ns = STEADY_FAST_NS,
                                 .retention_bytes = 40u << 20};
    log_side_dir(dir, s->b.dir, "log_steady");
    log_side_open(&s->side, kind, dir, &config);
    struct log_load_result fast = log_side_load(&s->side, &plan);
    double rate = (double)fast.appends_count / ((double)fast.elapsed_ns / 1e9);
    plan.rate_max = (uint64_t)(rate / 2);
    plan.duration_ns = s->b.is_quick ? STEADY_NS_QUICK : STEADY_NS;
    struct log_load_result r = log_side_load(&s->side, &plan);
    enum rt_flush_form form = s->side.probe.best;
    log_side_close(&s->side);
    if (is_judged) { /* before files go: the device is slower meanwhile */
        s->bare_ns = steady_bare(s, &r, form);
    }
    log_side_dir(dir, s->b.dir, "log_steady");
    snprintf(text, sizeof(text), "%s: worst second's p99 against the median", name);
    bench_row(&s->b, &(struct bench_row){.name = text,
                                         .value = r.p99_second_worst_ns / r.p99_second_median_ns,
                                         .unit = "x",
                                         .bar = is_judged ? "<= 3 x" : NULL,
                                         .device = (double)r.device_bytes / (double)r.bytes});
    snprintf(text, sizeof(text), "%s: slowest append", name);
    bench_row(&s->b, &(struct bench_row){.name = text,
                                         .value = (double)r.latency_max_ns / 1e6,
                                         .unit = "ms",
                                         .peer = "the slowest bare write and flush",
                                         .ratio = s->bare_ns / (double)r.latency_max_ns,
                                         .bar = is_judged ? "<= 100 ms" : NULL,
                                         .device = (double)r.device_bytes / (double)r.bytes});
    bench_note(&s->b,
               "%s: %u s at %.0f appends/s (of %.0f), p50 %.0f us, p99 %.0f us, %.0f ns CPU each",
               name, r.seconds_count, (double)r.appends_count / ((double)r.elapsed_ns / 1e9), rate,
               r.p50_ns / 1e3, r.p99_ns / 1e3, (double)r.cpu_ns / (double)r.appends_count);
}

/* Bare writes and flushes as large as the mean frame, at its mean distance: how long the slowest
 * took. */
static double steady_bare(struct steady *s, const struct log_load_result *r,
                          enum rt_flush_form form)
{
    char dir[BENCH_PATH_BYTES];
    uint64_t frame_bytes = r->journal_bytes / r->frames_count + LIMIT_BLOCK_BYTES - 1;
    log_side_dir(dir, s->b.dir, "log_steady_peer");
    struct log_raw_plan plan = {.dir = dir,
                                .files_count = 1,
                                .file_bytes = STEADY_RAW_BYTES,
                                .write_bytes =
                                    (uint32_t)(frame_bytes / LIMIT_BLOCK_BYTES * LIMIT_BLOCK_BYTES),
                                .depth = 1,
                                .is_direct = true,
                                .is_zeroed = true,
                                .does_flush = true,
                                .does_poll = true,
                                .form = form,
                                .duration_ns = r->elapsed_ns,
                                .interval_ns = r->elapsed_ns / r->frames_count};
    struct log_raw_result bare = log_raw_run(&plan);
    bench_note(&s->b, "bare: %u bytes every %.0f us: p50 %.0f us, p99 %.0f us, slowest %.1f ms",
               plan.write_bytes, (double)plan.interval_ns / 1e3, bare.p50_ns / 1e3,
               bare.p99_ns / 1e3, bare.max_ns / 1e6);
    return bare.max_ns;
}
