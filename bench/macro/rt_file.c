/* Files through the runtime, against the same calls made raw: the same sizes, as many in flight,
 * flushed as often, on the same file, in the same run, polling the same way.
 *
 * io_uring is held against a bare liburing loop, epoll (whose file work goes to four worker
 * threads) against plain threads that make blocking calls: as many as can be in flight at once, and
 * for reads also as many as are asked for at once. The file's blocks are allocated and written
 * before, as the journal's are (LOG §4), so writes are pure overwrites. Durable writes are measured
 * in each form, and the limit of a single one on epoll is what an empty job costs, to a worker and
 * back; the row with the bar repeats the form that the runtime would choose in this directory. Each
 * case says what an operation costs in time, and in processor time of the whole process, the
 * kernel's helper threads included. */
#include "bench/macro/rt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/micro/bench.h"

#define FILE_BYTES       (256u << 20)
#define FILE_BYTES_QUICK (64u << 20)
#define FILE_RUN_NS      10000000.0   /* one run of one side: short, to be in turns often */
#define FILE_RUN_OPS_MIN 8u           /* at least, however slow the disk */
#define FILE_CASE_NS     5000000000.0 /* all pairs of a case: a slow disk gets fewer */
#define FILE_PAIRS_COUNT 201
#define FILE_FITS_COUNT  7
#define FILE_NAME_BYTES  128 /* of a row */

/* One load on one backend, and how its row is written. */
struct file_case {
    enum rt_kind kind;      /* backend */
    const char *name;       /* of the row */
    enum file_act act;      /* what */
    uint32_t block_bytes;   /* of one operation */
    uint32_t depth;         /* operations in flight */
    bool is_random;         /* blocks in random order */
    uint32_t threads_count; /* of the peer; 0: a ring */
    const char *peer;       /* what the row calls it */
    const char *bar;        /* NULL: none */
};

static const struct file_case file_cases[] = {
    {RT_KIND_URING, "io_uring: 1 MiB writes, 2 in flight", FILE_ACT_WRITE, 1u << 20, 2, false, 0,
     "a bare ring", ">= 0.95"},
    {RT_KIND_URING, "io_uring: 4 KiB durable writes", FILE_ACT_WRITE_DURABLE, RT_BLOCK_BYTES, 1,
     false, 0, "a bare ring", ">= 0.95"},
    {RT_KIND_URING, "io_uring: 4 KiB random reads, 32 in flight", FILE_ACT_READ, RT_BLOCK_BYTES, 32,
     true, 0, "a bare ring", ">= 0.95"},
    {RT_KIND_EPOLL, "epoll: 1 MiB writes, 2 in flight", FILE_ACT_WRITE, 1u << 20, 2, false, 2,
     "2 plain threads", ">= 0.95"},
    {RT_KIND_EPOLL, "epoll: 4 KiB durable writes", FILE_ACT_WRITE_DURABLE, RT_BLOCK_BYTES, 1, false,
     1, "a plain thread", ">= 0.95"},
    {RT_KIND_EPOLL, "epoll: 4 KiB random reads, 32 in flight", FILE_ACT_READ, RT_BLOCK_BYTES, 32,
     true, RT_WORKERS_DEFAULT, "4 plain threads", ">= 0.95"},
    {RT_KIND_EPOLL, "epoll: the same reads, more threads", FILE_ACT_READ, RT_BLOCK_BYTES, 32, true,
     32, "32 plain threads", NULL},
};

static_assert(RT_WORKERS_DEFAULT == 4, "the rows name the number of threads");

/* One side of a pair, and the processor time of its runs. */
struct file_side {
    struct file_load *load;                /* what it does */
    struct file_run (*run)(void *context); /* file_ours_run, file_raw_run, file_threads_run */
    void *context;                         /* its struct */
    double cpu_ns[FILE_PAIRS_COUNT + 1];   /* per operation; [0] is the warming run's */
    unsigned runs_count;                   /* so far */
};

/* All that main holds. */
struct file_bench {
    struct bench b;
    struct file_load load;
    struct file_ours ours;
    struct file_raw raw;
    struct file_threads threads;
    struct file_side ours_side;
    struct file_side peer_side;
};

static void file_make(struct file_bench *f);
static void file_write_once(struct file_bench *f);
static void file_backend(struct file_bench *f, enum rt_kind kind);
static void file_durable(struct file_bench *f, const struct file_case *c);
static struct bench_pair file_measure(struct file_bench *f, const struct file_case *c,
                                      const char *name);
static unsigned file_fit(struct file_bench *f);
static void file_handover(struct file_bench *f);
static double file_cost(void *context);
static void file_row(struct file_bench *f, const struct file_case *c, const char *name,
                     const char *bar, const struct bench_pair *pair);
static void file_row_cpu(struct file_bench *f, const struct file_case *c, const char *name);

int main(int argc, char **argv)
{
    struct file_bench *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return 1;
    }
    bench_init(&f->b, argc, argv);
    file_make(f);
    struct rt_machine machine;
    char message[256];
    enum err err = rt_machine_read(&machine, message, sizeof(message));
    if (err == ERR_OK && machine.has_uring) {
        file_backend(f, RT_KIND_URING);
    } else {
        bench_note(&f->b, "io_uring is refused here: epoll only");
    }
    file_backend(f, RT_KIND_EPOLL);
    unlink(f->load.path);
    free(f->load.data);
    int status = bench_finish(&f->b);
    free(f);
    return status;
}

uint64_t file_load_pos(const struct file_load *load, uint64_t index)
{
    uint64_t blocks_count = load->file_bytes / load->block_bytes;
    if (load->is_random) { /* splitmix64 */
        index *= 0x9e3779b97f4a7c15u;
        index = (index ^ (index >> 30)) * 0xbf58476d1ce4e5b9u;
        index = (index ^ (index >> 27)) * 0x94d049bb133111ebu;
        index ^= index >> 31;
    }
    return index % blocks_count * load->block_bytes;
}

struct file_run file_load_run(const struct file_load *load, struct file_times *times)
{
    ASSERT(times->ended_count > 0);
    uint64_t run_ns = times->last_ns - times->began_ns;
    double cost_ns = load->depth == 1 ? bench_quantile(times->gaps_ns, times->ended_count, 0.5)
                                      : (double)run_ns / (double)times->ended_count;
    return (struct file_run){cost_ns, times->ended_count};
}

void file_times_begin(struct file_times *times)
{
    times->ended_count = 0;
    times->began_ns = times->last_ns = bench_now_ns();
}

bool file_times_ended(struct file_times *times)
{
    uint64_t now_ns = bench_now_ns();
    ASSERT(times->ended_count < FILE_OPS_MAX);
    times->gaps_ns[times->ended_count++] = (double)(now_ns - times->last_ns);
    times->last_ns = now_ns;
    return now_ns - times->began_ns < FILE_RUN_NS_MAX;
}

void file_load_bind(const struct file_load *load)
{
    if (!load->is_bound) {
        (void)pthread_setaffinity_np(pthread_self(), sizeof(load->cpus), &load->cpus);
        return;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    uint32_t skip = load->run / 2 % (uint32_t)CPU_COUNT(&load->cpus); /* who is first alternates */
    for (uint32_t cpu = 0;; cpu++) {
        if (CPU_ISSET(cpu, &load->cpus) && skip-- == 0) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

int file_load_open(const struct file_load *load)
{
    int fd = open(load->path, O_RDWR | O_CLOEXEC | (load->is_direct ? O_DIRECT : 0));
    if (fd < 0) {
        file_fail("opening the file", errno);
    }
    return fd;
}

void file_fail(const char *what, int error)
{
    fprintf(stderr, "refused: %s: %s\n", what, strerror(error));
    exit(1);
}

static void file_make(struct file_bench *f)
{
    struct file_load *load = &f->load;
    int length = snprintf(load->path, sizeof(load->path), "%s/rt_file.data", f->b.dir);
    load->file_bytes = f->b.is_quick ? FILE_BYTES_QUICK : FILE_BYTES;
    load->data = aligned_alloc(RT_BLOCK_BYTES, FILE_DATA_BYTES);
    if (length < 0 || (size_t)length >= sizeof(load->path) || load->data == NULL) {
        file_fail("the file's name, or memory", ENOMEM);
    }
    if (sched_getaffinity(0, sizeof(load->cpus), &load->cpus) != 0) {
        file_fail("the CPUs", errno);
    }
    memset(load->data, 0, FILE_DATA_BYTES);
    int fd = open(load->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        file_fail("making the file", errno);
    }
    load->is_direct = fcntl(fd, F_SETFL, O_DIRECT) == 0;
    int error = posix_fallocate(fd, 0, (off_t)load->file_bytes);
    if (error != 0) {
        file_fail("allocating the file", error);
    }
    close(fd);
    file_write_once(f);
    if (!load->is_direct) {
        bench_note(&f->b, "O_DIRECT is refused in %s: both sides go through the page cache",
                   f->b.dir);
    }
}

static void file_write_once(struct file_bench *f)
{
    int fd = file_load_open(&f->load);
    for (uint64_t pos = 0; pos < f->load.file_bytes; pos += FILE_BLOCK_BYTES_MAX) {
        if (pwrite(fd, f->load.data, FILE_BLOCK_BYTES_MAX, (off_t)pos) != FILE_BLOCK_BYTES_MAX) {
            file_fail("writing the file", errno);
        }
    }
    if (fsync(fd) != 0) {
        file_fail("flushing the file", errno);
    }
    close(fd);
}

/* All cases on one backend. */
static void file_backend(struct file_bench *f, enum rt_kind kind)
{
    file_ours_start(&f->ours, kind, &f->load);
    for (size_t i = 0; i < ARRAY_COUNT(file_cases); i++) {
        const struct file_case *c = &file_cases[i];
        if (c->kind != kind) {
            continue;
        }
        if (c->act == FILE_ACT_WRITE_DURABLE) {
            file_durable(f, c);
        } else {
            struct bench_pair pair = file_measure(f, c, c->name);
            file_row(f, c, c->name, c->bar, &pair);
            file_row_cpu(f, c, c->name);
        }
    }
    if (kind == RT_KIND_EPOLL) {
        file_handover(f);
    }
    file_ours_stop(&f->ours);
}

/* What the epoll backend adds to every file operation: a job that does nothing, there and back. */
static void file_handover(struct file_bench *f)
{
    static const char name[] = "epoll: to a worker and back, nothing done";
    f->load.act = FILE_ACT_HANDOVER;
    f->load.block_bytes = RT_BLOCK_BYTES;
    f->load.depth = 1;
    f->load.is_bound = true;
    f->load.ops_count = 200;
    f->ours_side = (struct file_side){.load = &f->load, .run = file_ours_run, .context = &f->ours};
    file_ours_open(&f->ours);
    struct bench_side side = {.cost = file_cost, .context = &f->ours_side};
    double cost_ns = bench_median(&f->b, name, &side, 51);
    file_ours_close(&f->ours);
    bench_row(&f->b, &(struct bench_row){.name = name, .value = cost_ns / 1000, .unit = "us/op"});
}

/* A row per form, and the chosen one again under a name that stays the same. Without a ring the
 * linked form and that with a thread are the same two calls. */
static void file_durable(struct file_bench *f, const struct file_case *c)
{
    file_ours_probe(&f->ours, f->b.dir);
    const struct rt_probe *probe = &f->ours.probe;
    struct bench_pair best = {0};
    char name[FILE_NAME_BYTES];
    for (uint32_t i = 0; i < RT_FLUSH_COUNT; i++) {
        f->load.form = (enum rt_flush_form)i;
        if (f->load.form == RT_FLUSH_THREAD && c->kind == RT_KIND_EPOLL) {
            continue;
        }
        snprintf(name, sizeof(name), "%s, %s", c->name, rt_flush_form_name(f->load.form));
        struct bench_pair pair = file_measure(f, c, name);
        file_row(f, c, name, NULL, &pair);
        file_row_cpu(f, c, name);
        best = i == 0 || f->load.form == probe->best ? pair : best;
    }
    bench_note(&f->b, "%s: the runtime chooses %s; it measured %.1f, %.1f and %.1f us", c->name,
               rt_flush_form_name(probe->best), (double)probe->forms[0].p50_ns / 1000,
               (double)probe->forms[1].p50_ns / 1000, (double)probe->forms[2].p50_ns / 1000);
    snprintf(name, sizeof(name), "%s, as the runtime chooses", c->name);
    file_row(f, c, name, c->bar, &best);
}

static struct bench_pair file_measure(struct file_bench *f, const struct file_case *c,
                                      const char *name)
{
    struct file_load *load = &f->load;
    load->act = c->act;
    load->block_bytes = c->block_bytes;
    load->depth = c->depth;
    load->is_random = c->is_random;
    load->is_bound = c->threads_count <= 1;
    f->ours_side = (struct file_side){.load = load, .run = file_ours_run, .context = &f->ours};
    f->peer_side = (struct file_side){.load = load, .run = file_raw_run, .context = &f->raw};
    file_ours_open(&f->ours);
    if (c->threads_count == 0) {
        file_raw_open(&f->raw, load);
    } else {
        file_threads_open(&f->threads, load, c->threads_count);
        f->peer_side.run = file_threads_run;
        f->peer_side.context = &f->threads;
    }
    unsigned pairs_count = file_fit(f);
    struct bench_side ours = {.cost = file_cost, .context = &f->ours_side};
    struct bench_side peer = {.cost = file_cost, .context = &f->peer_side};
    struct bench_pair pair = bench_pair(&f->b, name, &ours, &peer, pairs_count);
    if (c->threads_count == 0) {
        file_raw_close(&f->raw);
    } else {
        file_threads_close(&f->threads);
    }
    file_ours_close(&f->ours);
    return pair;
}

/* Fit the number of operations to a run, by the median of a few short ones of the peer; how many
 * pairs there is time for. */
static unsigned file_fit(struct file_bench *f)
{
    struct file_side *peer = &f->peer_side;
    double costs_ns[FILE_FITS_COUNT];
    uint64_t ops_min = f->load.depth > FILE_RUN_OPS_MIN ? f->load.depth : FILE_RUN_OPS_MIN;
    f->load.ops_count = ops_min;
    for (size_t i = 0; i < FILE_FITS_COUNT; i++) {
        costs_ns[i] = peer->run(peer->context).cost_ns;
    }
    double cost_ns = bench_quantile(costs_ns, FILE_FITS_COUNT, 0.5);
    double fitted = FILE_RUN_NS / cost_ns;
    f->load.ops_count = fitted < (double)ops_min ? ops_min
                        : fitted > FILE_OPS_MAX  ? FILE_OPS_MAX
                                                 : (uint64_t)fitted;
    double pairs = FILE_CASE_NS / (2 * cost_ns * (double)f->load.ops_count);
    return pairs > FILE_PAIRS_COUNT ? FILE_PAIRS_COUNT : (unsigned)pairs | 1;
}

static double file_cost(void *context)
{
    struct file_side *side = context;
    ASSERT(side->runs_count <= FILE_PAIRS_COUNT);
    side->load->run = side->runs_count;
    uint64_t began_ns = bench_cpu_ns(BENCH_CPU_PROCESS);
    struct file_run run = side->run(side->context);
    double cpu_ns = (double)(bench_cpu_ns(BENCH_CPU_PROCESS) - began_ns);
    side->cpu_ns[side->runs_count++] = cpu_ns / (double)run.ops_count;
    return run.cost_ns;
}

/* Time, or throughput where blocks are large. */
static void file_row(struct file_bench *f, const struct file_case *c, const char *name,
                     const char *bar, const struct bench_pair *pair)
{
    bool is_large = c->block_bytes == FILE_BLOCK_BYTES_MAX;
    bench_row(&f->b, &(struct bench_row){.name = name,
                                         .value = is_large ? 1e9 / pair->ours : pair->ours / 1000,
                                         .unit = is_large ? "MiB/s" : "us/op",
                                         .peer = c->peer,
                                         .ratio = pair->ratio,
                                         .bar = bar});
}

/* Processor time of the last case: the medians of ours, and of the pairs' ratios. */
static void file_row_cpu(struct file_bench *f, const struct file_case *c, const char *name)
{
    double ours_ns[FILE_PAIRS_COUNT];
    double ratios[FILE_PAIRS_COUNT];
    unsigned count = f->ours_side.runs_count - 1;
    for (unsigned i = 0; i < count; i++) {
        ours_ns[i] = f->ours_side.cpu_ns[i + 1];
        ratios[i] = f->peer_side.cpu_ns[i + 1] / ours_ns[i];
    }
    char cpu_name[FILE_NAME_BYTES + 16];
    snprintf(cpu_name, sizeof(cpu_name), "%s: processor", name);
    bench_row(&f->b, &(struct bench_row){.name = cpu_name,
                                         .value = bench_quantile(ours_ns, count, 0.5) / 1000,
                                         .unit = "us/op",
                                         .peer = c->peer,
                                         .ratio = bench_quantile(ratios, count, 0.5)});
}
