/* Many small appends: 1 KiB batches over 1, 100 and 1,000 partitions, 4,096 outstanding in all,
 * each answered when it is durable. All partitions of a shard share one flush per turn, so their
 * number should hardly matter; held against what a log without that does: a write and an fdatasync
 * per batch and file, as many outstanding, and a loop that writes and flushes one after another.
 *
 * Each row says how many bytes went to the device per byte appended, settling included. */
#include <stdio.h>
#include <stdlib.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"

#define SMALL_BATCH_BYTES 1024u
#define SMALL_OUTSTANDING 4096u
#define SMALL_HOT_BYTES                                                                            \
    (256u << 20) /* soon full: then memory is used again, as in a server that runs */
#define SMALL_NS       (64 * RT_NS_PER_S)
#define SMALL_NS_QUICK (6 * RT_NS_PER_S)
#define SMALL_PEER_NS  (8 * RT_NS_PER_S)

static const uint32_t small_counts[] = {1, 100, 1000};

struct small {
    struct bench b;
    struct log_side side;
    double rates[ARRAY_COUNT(small_counts)];   /* appends per second */
    double devices[ARRAY_COUNT(small_counts)]; /* bytes to the device per byte */
};

static void small_backend(struct small *s, enum rt_kind kind, const char *name);
static void small_rows(struct small *s, const char *name, uint32_t groups_count,
                       const struct log_load_result *r);
static void small_peers(struct small *s);

int main(int argc, char **argv)
{
    struct small *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return 1;
    }
    bench_init(&s->b, argc, argv);
    small_backend(s, RT_KIND_EPOLL, "epoll");
    double epoll_rate = s->rates[ARRAY_COUNT(small_counts) - 1];
    double epoll_device = s->devices[ARRAY_COUNT(small_counts) - 1];
    small_backend(s, RT_KIND_URING, "io_uring");
    double uring_rate = s->rates[ARRAY_COUNT(small_counts) - 1];
    bench_row(&s->b, &(struct bench_row){.name = "epoll: 1,000 partitions against io_uring",
                                         .value = epoll_rate,
                                         .unit = "appends/s",
                                         .peer = "io_uring",
                                         .ratio = epoll_rate / uring_rate,
                                         .bar = ">= 0.70",
                                         .device = epoll_device});
    small_peers(s);
    int status = bench_finish(&s->b);
    free(s);
    return status;
}

static void small_backend(struct small *s, enum rt_kind kind, const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(small_counts); i++) {
        char dir[BENCH_PATH_BYTES];
        struct log_config config = {.hot_bytes_max = SMALL_HOT_BYTES};
        struct log_load_plan plan = {.first_group = 1,
                                     .groups_count = small_counts[i],
                                     .batch_bytes = SMALL_BATCH_BYTES,
                                     .records_count = 1,
                                     .outstanding = SMALL_OUTSTANDING,
                                     .duration_ns = s->b.is_quick ? SMALL_NS_QUICK : SMALL_NS,
                                     .retention_bytes = (4ull << 30) / small_counts[i]};
        log_side_dir(dir, s->b.dir, "log_small");
        log_side_open(&s->side, kind, dir, &config);
        struct log_load_result r = log_side_load(&s->side, &plan);
        log_side_close(&s->side);
        log_side_dir(dir, s->b.dir, "log_small");
        s->rates[i] = (double)r.appends_count / ((double)r.elapsed_ns / 1e9);
        s->devices[i] = (double)r.device_bytes / (double)r.bytes;
        small_rows(s, name, small_counts[i], &r);
    }
    bench_row(&s->b, &(struct bench_row){.name = kind == RT_KIND_URING
                                                     ? "io_uring: 1,000 partitions against 1"
                                                     : "epoll: 1,000 partitions against 1",
                                         .value = s->rates[2],
                                         .unit = "appends/s",
                                         .peer = "1 partition",
                                         .ratio = s->rates[2] / s->rates[0],
                                         .bar = kind == RT_KIND_URING ? ">= 0.50" : NULL,
                                         .device = s->devices[2]});
}

static void small_rows(struct small *s, const char *name, uint32_t groups_count,
                       const struct log_load_result *r)
{
    char text[128];
    bool is_judged = name[0] == 'i';
    snprintf(text, sizeof(text), "%s: %u partitions", name, groups_count);
    bench_row(&s->b,
              &(struct bench_row){.name = text,
                                  .value = (double)r->appends_count / ((double)r->elapsed_ns / 1e9),
                                  .unit = "appends/s",
                                  .device = (double)r->device_bytes / (double)r->bytes});
    snprintf(text, sizeof(text), "%s: %u partitions, device bytes per byte", name, groups_count);
    bench_row(&s->b, &(struct bench_row){.name = text,
                                         .value = (double)r->device_bytes / (double)r->bytes,
                                         .unit = "bytes/byte",
                                         .bar = is_judged ? "<= 2.25 bytes/byte" : NULL});
    snprintf(text, sizeof(text), "%s: %u partitions, worst second's p99 against the median", name,
             groups_count);
    bench_row(&s->b, &(struct bench_row){.name = text,
                                         .value = r->p99_second_worst_ns / r->p99_second_median_ns,
                                         .unit = "x",
                                         .bar = is_judged ? "<= 3 x" : NULL,
                                         .device = (double)r->device_bytes / (double)r->bytes});
    snprintf(text, sizeof(text), "%s: %u partitions, processor time", name, groups_count);
    bench_row(&s->b, &(struct bench_row){.name = text,
                                         .value = (double)r->cpu_ns / (double)r->appends_count,
                                         .unit = "ns/op",
                                         .device = (double)r->device_bytes / (double)r->bytes});
    bench_note(&s->b,
               "%s: %u partitions: p50 %.0f us, p99 %.0f us, max %.1f ms, %.0f appends a frame, "
               "journal %.3f and segments %.3f bytes per byte, %.1f GB in %u s",
               name, groups_count, r->p50_ns / 1e3, r->p99_ns / 1e3,
               (double)r->latency_max_ns / 1e6, (double)r->appends_count / (double)r->frames_count,
               (double)r->journal_bytes / (double)r->bytes,
               (double)r->settled_bytes / (double)r->bytes, (double)r->bytes / 1e9,
               r->seconds_count);
}

/* What a log does that flushes file by file. */
static void small_peers(struct small *s)
{
    double ours = s->rates[ARRAY_COUNT(small_counts) - 1];
    char dir[BENCH_PATH_BYTES];
    log_side_dir(dir, s->b.dir, "log_small_peers");
    struct log_raw_plan plan = {.dir = dir,
                                .files_count = 1000,
                                .write_bytes = SMALL_BATCH_BYTES,
                                .depth = SMALL_OUTSTANDING,
                                .does_flush = true,
                                .duration_ns = SMALL_PEER_NS};
    struct log_raw_result per_file = log_raw_run(&plan);
    double rate = (double)per_file.ops_count / ((double)per_file.elapsed_ns / 1e9);
    bench_row(&s->b, &(struct bench_row){.name = "1,000 partitions against fdatasync per file",
                                         .value = rate,
                                         .unit = "appends/s",
                                         .peer = "write and fdatasync, 4,096 outstanding",
                                         .ratio = ours / rate,
                                         .bar = ">= 5",
                                         .device = s->devices[ARRAY_COUNT(small_counts) - 1]});
    plan.files_count = 1;
    plan.depth = 1;
    struct log_raw_result loop = log_raw_run(&plan);
    rate = (double)loop.ops_count / ((double)loop.elapsed_ns / 1e9);
    bench_row(&s->b, &(struct bench_row){.name = "1,000 partitions against one write and flush "
                                                 "after another",
                                         .value = rate,
                                         .unit = "appends/s",
                                         .peer = "a loop of write and fdatasync",
                                         .ratio = ours / rate,
                                         .bar = ">= 20",
                                         .device = s->devices[ARRAY_COUNT(small_counts) - 1]});
    bench_note(&s->b, "device bytes per byte: %.2f per file, %.2f in the loop",
               (double)per_file.device_bytes / (double)per_file.bytes,
               (double)loop.device_bytes / (double)loop.bytes);
}
