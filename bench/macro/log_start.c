/* Starting after a crash: 1,000 partitions, 20 GiB in segments, the journal full of what is not
 * settled. A child process makes that and dies in the middle; the start is timed by the store
 * itself, and held against bare O_DIRECT reads of the journal's bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rt/clock.h"
#include "bench/macro/log_raw.h"
#include "bench/macro/log_side.h"

#define START_GROUPS     1000u
#define START_BIG_BYTES  (20ull << 30)
#define START_BIG_QUICK  (1ull << 30)
#define START_TAIL_BYTES (100ull << 20)

struct start {
    struct bench b;
    struct log_side side;
};

/* Settled data in large batches, then small ones that stay in the journal; then the process is
 * gone. */
static void start_make(struct start *s, const char *dir)
{
    struct log_config config = {.unsettled_bytes_max = 128u << 20};
    struct log_load_plan plan = {.first_group = 1,
                                 .groups_count = START_GROUPS,
                                 .batch_bytes = 256u << 10,
                                 .records_count = 256,
                                 .outstanding = 64,
                                 .bytes_max = s->b.is_quick ? START_BIG_QUICK : START_BIG_BYTES};
    log_side_open(&s->side, RT_KIND_AUTO, dir, &config);
    (void)log_side_load(&s->side, &plan);
    log_side_settle(&s->side);
    plan.batch_bytes = 1024;
    plan.records_count = 1;
    plan.outstanding = 4096;
    plan.bytes_max = START_TAIL_BYTES;
    (void)log_side_load(&s->side, &plan);
    _exit(0);
}

int main(int argc, char **argv)
{
    char dir[BENCH_PATH_BYTES];
    char peer_dir[BENCH_PATH_BYTES];
    struct start *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return 1;
    }
    bench_init(&s->b, argc, argv);
    log_side_dir(dir, s->b.dir, "log_start");
    log_side_dir(peer_dir, s->b.dir, "log_start_peer");
    pid_t child = fork();
    if (child == 0) {
        start_make(s, dir);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        log_side_fail("making the store", ERR_SYSTEM);
    }
    struct log_config config = {.unsettled_bytes_max = 128u << 20};
    log_side_open(&s->side, RT_KIND_AUTO, dir, &config);
    struct log_store_report report = s->side.store.report;
    log_side_close(&s->side);
    log_side_dir(dir, s->b.dir, "log_start");
    struct log_raw_plan raw = {.dir = peer_dir,
                               .files_count = 1,
                               .file_bytes = 256u << 20,
                               .write_bytes = 1u << 20,
                               .depth = 8,
                               .is_direct = true,
                               .is_read = true,
                               .does_poll = true,
                               .bytes_max = report.journal_bytes};
    struct log_raw_result peer = log_raw_run(&raw);
    double start_s = (double)report.duration_ns / 1e9;
    double rate = (double)report.journal_bytes / 1e6 / start_s;
    double peer_rate = (double)peer.bytes / 1e6 / ((double)peer.elapsed_ns / 1e9);
    bench_row(&s->b, &(struct bench_row){.name = "start, 1,000 partitions, full journal",
                                         .value = start_s - (double)report.journal_bytes / 500e6,
                                         .unit = "s beyond replay",
                                         .bar = "< 1 s beyond replay"});
    bench_row(&s->b, &(struct bench_row){.name = "replay",
                                         .value = rate,
                                         .unit = "MB/s",
                                         .peer = "O_DIRECT reads",
                                         .ratio = rate / peer_rate,
                                         .bar = peer_rate * 0.7 < 500 ? ">= 0.70" : ">= 500 MB/s"});
    bench_note(&s->b,
               "start: %.3f s for %.0f MB of journal, %llu entries, %u groups; reads %.0f MB/s",
               start_s, (double)report.journal_bytes / 1e6,
               (unsigned long long)report.entries_count, report.groups_count, peer_rate);
    int end = bench_finish(&s->b);
    free(s);
    return end;
}
