/* Files through the runtime, against the same calls made raw: the same sizes, as many in flight,
 * flushed as often, on the same file, in the same run, polling the same way.
 *
 * io_uring is held against a bare liburing loop, epoll (whose file work goes to worker threads)
 * against as many plain threads that make blocking calls. The file's blocks are allocated and
 * written before, as the journal's are (LOG §4), so writes are pure overwrites. Durable writes are
 * measured in each form; the row with the bar is that of the form that the runtime would choose in
 * this directory. Each case says what an operation costs in time, and in processor time of the
 * whole process, the kernel's helper threads included. */
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
#define FILE_RUN_NS      10000000.0 /* one run of one side: short, to be in turns often */
#define FILE_PAIRS_COUNT 201
#define FILE_FITS_COUNT  7

/* One load, and how its row is written. */
struct file_case {
    const char *name;
    enum file_act act;
    uint32_t block_bytes;
    uint32_t depth;
    bool is_random;
};

static const struct file_case file_cases[] = {
    {"1 MiB writes, 2 in flight", FILE_ACT_WRITE, 1u << 20, 2, false},
    {"4 KiB durable writes, 1 in flight", FILE_ACT_WRITE_DURABLE, RT_BLOCK_BYTES, 1, false},
    {"4 KiB random reads, 32 in flight", FILE_ACT_READ, RT_BLOCK_BYTES, 32, true},
};

/* One side of a pair, and the processor time of its runs. */
struct file_side {
    struct file_load *load;
    double (*run)(void *context);
    void *context;
    double cpu_ns[FILE_PAIRS_COUNT + 1]; /* per operation; [0] is the warming run's */
    unsigned runs_count;
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
static void file_durable(struct file_bench *f, enum rt_kind kind, const struct file_case *c);
static struct bench_pair file_case_run(struct file_bench *f, enum rt_kind kind,
                                       const struct file_case *c, const char *name,
                                       uint32_t threads_count);
static void file_fit(struct file_bench *f);
static double file_cost(void *context);
static void file_rows(struct file_bench *f, const char *name, const char *peer, const char *bar,
                      const struct bench_pair *pair);
static double file_cpu_ratio(const struct file_bench *f, double *ours_ns);

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
    if (getenv("EPOLL_ONLY") == NULL && err == ERR_OK && machine.has_uring) {
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

double file_load_cost(const struct file_load *load, struct file_times *times)
{
    ASSERT(times->last_ns > times->began_ns);
    if (load->depth == 1) {
        return bench_quantile(times->gaps_ns, times->ended_count, 0.5);
    }
    return (double)(times->last_ns - times->began_ns) / (double)load->ops_count;
}

void file_times_begin(struct file_times *times)
{
    times->ended_count = 0;
    times->began_ns = times->last_ns = bench_now_ns();
}

void file_times_ended(struct file_times *times)
{
    uint64_t now_ns = bench_now_ns();
    ASSERT(times->ended_count < FILE_OPS_MAX);
    times->gaps_ns[times->ended_count++] = (double)(now_ns - times->last_ns);
    times->last_ns = now_ns;
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
    bool is_uring = kind == RT_KIND_URING;
    file_ours_start(&f->ours, kind, &f->load);
    for (size_t i = 0; i < ARRAY_COUNT(file_cases); i++) {
        const struct file_case *c = &file_cases[i];
        if (getenv("CASE") != NULL && atoi(getenv("CASE")) != (int)i)
            continue;
        if (c->act == FILE_ACT_WRITE_DURABLE) {
            file_durable(f, kind, c);
            continue;
        }
        char name[96];
        uint32_t threads_count = c->depth < RT_WORKERS_DEFAULT ? c->depth : RT_WORKERS_DEFAULT;
        snprintf(name, sizeof(name), "%s: %s", is_uring ? "io_uring" : "epoll", c->name);
        struct bench_pair pair = file_case_run(f, kind, c, name, threads_count);
        char peer[64];
        snprintf(peer, sizeof(peer), "%u plain threads", threads_count);
        file_rows(f, name, is_uring ? "a bare ring" : peer, ">= 0.95", &pair);
    }
    file_ours_stop(&f->ours);
}

/* Durable writes: a row per form, and the best of them again under a name that stays the same. */
static void file_durable(struct file_bench *f, enum rt_kind kind, const struct file_case *c)
{
    bool is_uring = kind == RT_KIND_URING;
    const char *backend = is_uring ? "io_uring" : "epoll";
    const char *peer = is_uring ? "a bare ring" : "1 plain thread";
    file_ours_probe(&f->ours, f->b.dir);
    const struct rt_probe *probe = &f->ours.probe;
    for (uint32_t form = 0; form < RT_FLUSH_COUNT; form++) {
        bench_note(&f->b, "%s: probe: form %s: p50 %.1f us", backend,
                   rt_flush_form_name((enum rt_flush_form)form),
                   (double)probe->forms[form].p50_ns / 1000);
    }
    for (uint32_t form = 0; form < RT_FLUSH_COUNT; form++) {
        if (getenv("FORM") != NULL && atoi(getenv("FORM")) != (int)form)
            continue;
        char name[96];
        f->load.form = (enum rt_flush_form)form;
        snprintf(name, sizeof(name), "%s: %s, %s", backend, c->name,
                 rt_flush_form_name(f->load.form));
        struct bench_pair pair = file_case_run(f, kind, c, name, 1);
        file_rows(f, name, peer, NULL, &pair);
        if (f->load.form == probe->best) {
            bench_note(&f->b, "%s: best form: %s", backend, rt_flush_form_name(probe->best));
            snprintf(name, sizeof(name), "%s: %s, best form", backend, c->name);
            file_rows(f, name, peer, ">= 0.95", &pair);
        }
    }
}

static struct bench_pair file_case_run(struct file_bench *f, enum rt_kind kind,
                                       const struct file_case *c, const char *name,
                                       uint32_t threads_count)
{
    struct file_load *load = &f->load;
    bool is_uring = kind == RT_KIND_URING;
    load->act = c->act;
    load->block_bytes = c->block_bytes;
    load->depth = c->depth;
    load->is_random = c->is_random;
    load->is_bound = is_uring || threads_count == 1;
    file_ours_open(&f->ours);
    f->ours_side = (struct file_side){.load = load, .run = file_ours_run, .context = &f->ours};
    if (is_uring) {
        file_raw_open(&f->raw, load);
        f->peer_side = (struct file_side){.load = load, .run = file_raw_run, .context = &f->raw};
    } else {
        file_threads_open(&f->threads, load, threads_count);
        f->peer_side =
            (struct file_side){.load = load, .run = file_threads_run, .context = &f->threads};
    }
    file_fit(f);
    struct bench_side ours = {.cost = file_cost, .context = &f->ours_side};
    struct bench_side peer = {.cost = file_cost, .context = &f->peer_side};
    struct bench_pair pair = bench_pair(&f->b, name, &ours, &peer, FILE_PAIRS_COUNT);
    if (is_uring) {
        file_raw_close(&f->raw);
    } else {
        file_threads_close(&f->threads);
    }
    file_ours_close(&f->ours);
    return pair;
}

/* Fit the number of operations to a run, by the median of a few. */
static void file_fit(struct file_bench *f)
{
    struct file_side *peer = &f->peer_side;
    double costs_ns[FILE_FITS_COUNT];
    f->load.ops_count = FILE_DEPTH_MAX;
    for (size_t i = 0; i < FILE_FITS_COUNT; i++) {
        costs_ns[i] = peer->run(peer->context);
    }
    double fitted = FILE_RUN_NS / bench_quantile(costs_ns, FILE_FITS_COUNT, 0.5);
    f->load.ops_count = fitted < FILE_DEPTH_MAX ? FILE_DEPTH_MAX
                        : fitted > FILE_OPS_MAX ? FILE_OPS_MAX
                                                : (uint64_t)fitted;
}

static double file_cost(void *context)
{
    struct file_side *side = context;
    side->load->run = side->runs_count;
    double ops_count = (double)side->load->ops_count;
    uint64_t began_ns = bench_cpu_ns(BENCH_CPU_PROCESS);
    double cost_ns = side->run(side->context);
    ASSERT(side->runs_count <= FILE_PAIRS_COUNT);
    side->cpu_ns[side->runs_count++] =
        (double)(bench_cpu_ns(BENCH_CPU_PROCESS) - began_ns) / ops_count;
    return cost_ns;
}

/* Two rows: time, or throughput where blocks are large, and processor time. */
static void file_rows(struct file_bench *f, const char *name, const char *peer, const char *bar,
                      const struct bench_pair *pair)
{
    bool is_large = f->load.block_bytes == FILE_BLOCK_BYTES_MAX;
    bench_row(&f->b, &(struct bench_row){.name = name,
                                         .value = is_large ? 1e9 / pair->ours : pair->ours / 1000,
                                         .unit = is_large ? "MiB/s" : "us/op",
                                         .peer = peer,
                                         .ratio = pair->ratio,
                                         .bar = bar});
    char cpu_name[128];
    double cpu_ns;
    double ratio = file_cpu_ratio(f, &cpu_ns);
    snprintf(cpu_name, sizeof(cpu_name), "%s: processor", name);
    bench_row(&f->b, &(struct bench_row){.name = cpu_name,
                                         .value = cpu_ns / 1000,
                                         .unit = "us/op",
                                         .peer = peer,
                                         .ratio = ratio});
}

/* Median of the pairs' ratios, peer to ours; `ours_ns`: our median. */
static double file_cpu_ratio(const struct file_bench *f, double *ours_ns)
{
    double ours[FILE_PAIRS_COUNT];
    double ratios[FILE_PAIRS_COUNT];
    unsigned count = f->ours_side.runs_count - 1;
    for (unsigned i = 0; i < count; i++) {
        ours[i] = f->ours_side.cpu_ns[i + 1];
        ratios[i] = f->peer_side.cpu_ns[i + 1] / ours[i];
    }
    *ours_ns = bench_quantile(ours, count, 0.5);
    return bench_quantile(ratios, count, 0.5);
}
