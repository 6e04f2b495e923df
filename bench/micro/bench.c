/* Rows and timing of benchmark programs. See bench.h. */
#include "bench/micro/bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/assert.h"
#include "tests/support/allocs.h"

#define BENCH_RUN_NS       20000000u /* one timed run of a loop; --quick: a tenth */
#define BENCH_ALLOCS_OPS   1000u
#define BENCH_OPS_MAX      (UINT64_C(1) << 40)
#define BENCH_QUICK_FACTOR 10u

static void bench_usage(const char *program, FILE *out);
static bool bench_judge(const struct bench_row *row);
static void bench_row_text(struct bench *b, const struct bench_row *row, const char *ok);
static void bench_json_string(FILE *out, const char *text);
static uint64_t bench_fit(const struct bench *b, const struct bench_side *side);
static double bench_cost(const struct bench_side *side, uint64_t ops_count);
static unsigned bench_runs(const struct bench *b, unsigned runs_count);
static int bench_compare(const void *a, const void *b);
static uint64_t bench_clock_ns(clockid_t clock);

void bench_init(struct bench *b, int argc, char **argv)
{
    *b = (struct bench){.rows = stdout, .text = stderr, .dir = "."};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            b->is_machine = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            b->is_quick = true;
        } else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
            b->dir = argv[++i];
        } else if (strcmp(argv[i], "--help") == 0) {
            bench_usage(argv[0], stdout);
            exit(0);
        } else {
            bench_usage(argv[0], stderr);
            exit(2);
        }
    }
}

int bench_finish(struct bench *b)
{
    bench_limit_end(b);
    if (fflush(b->rows) != 0 || ferror(b->rows)) {
        bench_note(b, "the rows could not be written");
        return 1;
    }
    return b->rows_count > 0 ? 0 : 1;
}

void bench_note(struct bench *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(b->text, format, args);
    va_end(args);
    fputc('\n', b->text);
}

void bench_row(struct bench *b, const struct bench_row *row)
{
    ASSERT(isfinite(row->value));
    ASSERT(IMPLIES(row->peer != NULL, isfinite(row->ratio)));
    const char *ok = "null";
    if (row->bar != NULL) {
        bool met = bench_judge(row);
        ok = met ? "true" : "false";
        b->missed_count += !met;
    }
    fputs("{\"case\":", b->rows);
    bench_json_string(b->rows, row->name);
    fprintf(b->rows, ",\"value\":%.6g,\"unit\":", row->value);
    bench_json_string(b->rows, row->unit);
    fputs(",\"peer\":", b->rows);
    bench_json_string(b->rows, row->peer);
    if (row->peer != NULL) {
        fprintf(b->rows, ",\"ratio\":%.6g,\"bar\":", row->ratio);
    } else {
        fputs(",\"ratio\":null,\"bar\":", b->rows);
    }
    bench_json_string(b->rows, row->bar);
    if (row->device > 0) {
        fprintf(b->rows, ",\"device\":%.4g", row->device);
    }
    fprintf(b->rows, ",\"ok\":%s}\n", ok);
    fflush(b->rows);
    b->rows_count++;
    if (!b->is_machine) {
        bench_row_text(b, row, ok);
    }
}

uint64_t bench_now_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(enum bench_cpu who)
{
    switch (who) {
    case BENCH_CPU_THREAD: return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    case BENCH_CPU_PROCESS: return bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    case BENCH_CPU_CHILDREN: break;
    }
    struct rusage usage;
    int status = getrusage(RUSAGE_CHILDREN, &usage);
    ASSERT(status == 0);
    uint64_t seconds = (uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec;
    uint64_t micros = (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
    return seconds * 1000000000u + micros * 1000u;
}

uint64_t bench_rss_bytes(void)
{
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) {
        return 0;
    }
    char line[256];
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtoull(line + 6, NULL, 10);
        }
    }
    fclose(file);
    return kib * 1024;
}

struct bench_pair bench_pair(struct bench *b, const char *name, const struct bench_side *ours,
                             const struct bench_side *peer, unsigned runs_count)
{
    runs_count = bench_runs(b, runs_count);
    uint64_t ours_ops = bench_fit(b, ours);
    uint64_t peer_ops = bench_fit(b, peer);
    double ours_costs[BENCH_RUNS_MAX];
    double peer_costs[BENCH_RUNS_MAX];
    double ratios[BENCH_RUNS_MAX];
    for (unsigned i = 0; i <= runs_count; i++) {
        double ours_cost = 0;
        if (i % 2 == 0) {
            ours_cost = bench_cost(ours, ours_ops);
        }
        double peer_cost = bench_cost(peer, peer_ops);
        if (i % 2 == 1) {
            ours_cost = bench_cost(ours, ours_ops);
        }
        if (i > 0) { /* pair 0 warms caches, clocks and connections up */
            ours_costs[i - 1] = ours_cost;
            peer_costs[i - 1] = peer_cost;
            ratios[i - 1] = peer_cost / ours_cost;
        }
    }
    struct bench_pair pair = {
        .ours = bench_quantile(ours_costs, runs_count, 0.5),
        .peer = bench_quantile(peer_costs, runs_count, 0.5),
        .ratio = bench_quantile(ratios, runs_count, 0.5),
        .ratio_low = bench_quantile(ratios, runs_count, 0.25),
        .ratio_high = bench_quantile(ratios, runs_count, 0.75),
        .runs_count = runs_count,
    };
    bench_note(b, "%s: %u pairs, ratio %.3f, half of them within %.3f and %.3f", name, runs_count,
               pair.ratio, pair.ratio_low, pair.ratio_high);
    return pair;
}

double bench_median(struct bench *b, const char *name, const struct bench_side *side,
                    unsigned runs_count)
{
    runs_count = bench_runs(b, runs_count);
    uint64_t ops_count = bench_fit(b, side);
    double costs[BENCH_RUNS_MAX];
    for (unsigned i = 0; i < runs_count; i++) {
        costs[i] = bench_cost(side, ops_count);
    }
    double median = bench_quantile(costs, runs_count, 0.5);
    bench_note(b, "%s: %u runs, %.4g, half of them within %.4g and %.4g", name, runs_count, median,
               bench_quantile(costs, runs_count, 0.25), bench_quantile(costs, runs_count, 0.75));
    return median;
}

double bench_quantile(double *values, size_t count, double quantile)
{
    ASSERT(count >= 1);
    ASSERT(quantile >= 0);
    ASSERT(quantile <= 1);
    qsort(values, count, sizeof(values[0]), bench_compare);
    return values[(size_t)(quantile * (double)(count - 1) + 0.5)];
}

void bench_row_allocs(struct bench *b, const char *name, const struct bench_side *side)
{
    ASSERT(side->loop != NULL);
    side->loop(side->context, 1);
    struct allocs before = allocs_now();
    side->loop(side->context, BENCH_ALLOCS_OPS);
    struct allocs after = allocs_now();
    double allocs = (double)(after.allocs_count - before.allocs_count) / BENCH_ALLOCS_OPS;
    if (after.bytes != before.bytes) {
        bench_note(b, "%s: %.1f bytes/op in %.3f allocations", name,
                   (double)(after.bytes - before.bytes) / BENCH_ALLOCS_OPS, allocs);
    }
    bench_row(b, &(struct bench_row){
                     .name = name, .value = allocs, .unit = "allocs/op", .bar = "<= 0 allocs/op"});
}

static void bench_usage(const char *program, FILE *out)
{
    fprintf(out,
            "usage: %s [--json] [--quick] [--dir DIR]\n\n"
            "Prints one JSON object per row to stdout and text for people to stderr.\n\n"
            "  --json     no text for the rows, notes only\n"
            "  --quick    a glance: shorter and fewer runs\n"
            "  --dir DIR  where files of the benchmark go (default: here)\n\n"
            "bench/run builds and runs it and prints a table.\n",
            program);
}

/* Whether the row meets its bar: an operator, a number, and a unit when the value is meant. */
static bool bench_judge(const struct bench_row *row)
{
    static const char *const operators[] = {">=", "<=", ">", "<"};
    size_t op = 0;
    while (strncmp(row->bar, operators[op], strlen(operators[op])) != 0) {
        op++;
        ASSERT(op < ARRAY_COUNT(operators));
    }
    const char *number = row->bar + strlen(operators[op]);
    char *end;
    double target = strtod(number, &end);
    ASSERT(end != number);
    double judged = row->ratio;
    if (*end == ' ') {
        ASSERT(strcmp(end + 1, row->unit) == 0);
        judged = row->value;
    } else {
        ASSERT(*end == '\0');
        ASSERT(row->peer != NULL);
    }
    switch (op) {
    case 0: return judged >= target;
    case 1: return judged <= target;
    case 2: return judged > target;
    default: return judged < target;
    }
}

static void bench_row_text(struct bench *b, const struct bench_row *row, const char *ok)
{
    fprintf(b->text, "%-44s %12.6g %s", row->name, row->value, row->unit);
    if (row->peer != NULL) {
        fprintf(b->text, ", %.3f x %s", row->ratio, row->peer);
    }
    if (row->bar != NULL) {
        fprintf(b->text, ", bar %s: %s", row->bar, strcmp(ok, "true") == 0 ? "ok" : "MISSED");
    }
    if (row->device > 0) {
        fprintf(b->text, ", %.3f bytes to the device per byte", row->device);
    }
    fputc('\n', b->text);
}

/* `text` as a JSON string; NULL as null. Names are the benchmark's own literals. */
static void bench_json_string(FILE *out, const char *text)
{
    if (text == NULL) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        ASSERT((unsigned char)*c >= 0x20);
        if (*c == '"' || *c == '\\') {
            fputc('\\', out);
        }
        fputc(*c, out);
    }
    fputc('"', out);
}

/* How many operations make a run of BENCH_RUN_NS. */
static uint64_t bench_fit(const struct bench *b, const struct bench_side *side)
{
    ASSERT((side->loop != NULL) != (side->cost != NULL));
    if (side->loop == NULL) {
        return 1;
    }
    double run_ns = b->is_quick ? BENCH_RUN_NS / BENCH_QUICK_FACTOR : BENCH_RUN_NS;
    uint64_t ops_count = 1;
    double total_ns = 0;
    do { /* until a quarter of a run: what is shorter says little about the rest */
        total_ns = bench_cost(side, ops_count) * (double)ops_count;
        if (total_ns >= run_ns / 4) {
            break;
        }
        ops_count *= 4;
    } while (ops_count < BENCH_OPS_MAX);
    double fitted = (double)ops_count * run_ns / total_ns;
    return fitted < 1 ? 1 : (uint64_t)fitted;
}

static double bench_cost(const struct bench_side *side, uint64_t ops_count)
{
    double cost;
    if (side->loop != NULL) {
        uint64_t started_ns = bench_now_ns();
        side->loop(side->context, ops_count);
        uint64_t total_ns = bench_now_ns() - started_ns;
        cost = (double)(total_ns > 0 ? total_ns : 1) / (double)ops_count; /* 1: below the clock */
    } else {
        cost = side->cost(side->context);
    }
    ASSERT(isfinite(cost));
    ASSERT(cost > 0);
    return cost;
}

static unsigned bench_runs(const struct bench *b, unsigned runs_count)
{
    ASSERT(runs_count >= 1);
    ASSERT(runs_count <= BENCH_RUNS_MAX);
    ASSERT(runs_count % 2 == 1);
    if (!b->is_quick || runs_count <= 3) {
        return runs_count;
    }
    unsigned fewer = runs_count / 4 | 1;
    return fewer < 3 ? 3 : fewer;
}

static int bench_compare(const void *a, const void *b)
{
    double x;
    double y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static uint64_t bench_clock_ns(clockid_t clock)
{
    struct timespec now;
    int status = clock_gettime(clock, &now);
    ASSERT(status == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
