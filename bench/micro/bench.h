/* What every benchmark program links: rows out, time in.
 *
 * A benchmark prints one JSON object per line to stdout, one line per row, and notes for people to
 * stderr; bench/run makes the table, the comparison and the kept baseline of them. A missed bar is
 * a figure, not a failure: the program's status is 0 as long as it could measure.
 *
 * Machines are shared and noisy. What is compared with a peer is therefore run in turns with it,
 * often, in one process, and only medians are quoted: bench_pair.
 *
 *     struct bench b;
 *     bench_init(&b, argc, argv);
 *     struct bench_side ours = {.loop = copy_ours, .context = &data};
 *     struct bench_side peer = {.loop = copy_libc, .context = &data};
 *     struct bench_pair pair = bench_pair(&b, "1 MiB", &ours, &peer, 21);
 *     bench_row(&b, &(struct bench_row){.name = "1 MiB", .value = pair.ours, .unit = "ns/op",
 *               .peer = "memcpy", .ratio = pair.ratio, .bar = ">= 0.80"});
 *     return bench_finish(&b);
 *
 * Everything here is for one thread unless it says otherwise, and blocks for as long as it
 * measures. */
#ifndef BENCH_MICRO_BENCH_H
#define BENCH_MICRO_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

/* The most pairs or runs of one measurement. */
#define BENCH_RUNS_MAX 201

/* Bytes of the longest path kept in struct bench, its NUL included. */
#define BENCH_PATH_BYTES 512

/* One benchmark program. */
struct bench {
    FILE *rows;            /* one JSON object per line: stdout */
    FILE *text;            /* notes for people: stderr */
    const char *dir;       /* --dir: an existing folder for files of the benchmark; default "." */
    bool is_quick;         /* --quick: a tenth of the time per run and a quarter of the runs */
    bool is_machine;       /* --json: rows are not repeated in `text` */
    unsigned rows_count;   /* rows printed */
    unsigned missed_count; /* rows among them whose bar was missed */
    char limit_group[BENCH_PATH_BYTES]; /* the cgroup bench_limit_memory made; "" if none */
};

/* Set `b` up from the command line: --json, --quick, --dir DIR. Ends the program after --help
 * (status 0) and after a flag it does not know (status 2). `argv` must outlive `b`. */
void bench_init(struct bench *b, int argc, char **argv);

/* Undo bench_limit_memory and return the program's exit status: 0, or 1 when no row was printed or
 * the rows could not be written. */
MUST_USE int bench_finish(struct bench *b);

/* A note for people, one line, printf-like; the line end is added. */
void bench_note(struct bench *b, const char *format, ...) PRINTF(2, 3);

/* One figure. Strings are read during bench_row only. */
struct bench_row {
    const char *name; /* the case: what was measured under which circumstances */
    double value;     /* the figure, finite */
    const char
        *unit; /* its unit: "ns/op", "MiB/s"; a rate ends in "/s" and is better when larger */
    const char *peer; /* what it is held against, in the same run; NULL: nothing */
    double ratio; /* how many times as good as the peer: above 1 is better; without peer: unused */
    const char *bar; /* the target: ">= 0.80" judges the ratio, "< 300 ns" (with the row's unit)
                        the value; >=, >, <=, <; NULL: no target */
    double device; /* bytes written to the device per byte appended meanwhile; 0: not of appends */
};

/* Print `row` with its "ok": true or false by its bar, null without one. A malformed bar, or one
 * that has nothing to judge, is a bug of the benchmark (asserted). */
void bench_row(struct bench *b, const struct bench_row *row);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now_ns(void);

/* Whose processor time. */
enum bench_cpu {
    BENCH_CPU_THREAD,   /* the calling thread */
    BENCH_CPU_PROCESS,  /* all threads of this process */
    BENCH_CPU_CHILDREN, /* children that ended and were waited for, with theirs */
};

/* Processor time used so far, user and system, in nanoseconds. Thread and process come from
 * clock_gettime, children from getrusage (microseconds, at the kernel's accounting precision). */
uint64_t bench_cpu_ns(enum bench_cpu who);

/* Bytes of this process resident in memory now (VmRSS of /proc/self/status); 0 where /proc is not
 * mounted. */
uint64_t bench_rss_bytes(void);

/* The compiler must compute `x` (an integer or a pointer; through a pointer, what it points to) and
 * must believe that all memory may have changed. Costs no instruction but the computation. */
#define bench_keep(x) __asm__ volatile("" : : "r"(x) : "memory")

/* One side of a measurement. Exactly one of `loop` and `cost` is set. */
struct bench_side {
    /* Do the operation `ops_count` times. The harness fits the count to a run of 20 ms (--quick:
     * 2 ms) and takes the time; the cost is nanoseconds per operation. */
    void (*loop)(void *context, uint64_t ops_count);
    /* Or measure one run, with its set-up, and return what one operation cost: > 0, any unit, the
     * smaller the better, the same unit on both sides. */
    double (*cost)(void *context);
    void *context; /* passed to either */
};

/* What bench_pair found. */
struct bench_pair {
    double ours;         /* median cost of one operation: nanoseconds for a loop */
    double peer;         /* the peer's */
    double ratio;        /* median over the pairs of peer / ours: above 1, ours is the better */
    double ratio_low;    /* its first quartile: how far the machine let itself be trusted */
    double ratio_high;   /* its third quartile */
    unsigned runs_count; /* pairs measured, after one that only warms up */
};

/* Run both sides `runs_count` times (odd, 1..BENCH_RUNS_MAX; fewer with --quick) in turns, the
 * first place alternating, so that a slow moment of the machine meets both. Notes the quartiles
 * under `name`. */
struct bench_pair bench_pair(struct bench *b, const char *name, const struct bench_side *ours,
                             const struct bench_side *peer, unsigned runs_count);

/* The median cost of one operation of `side` alone over `runs_count` runs (as in bench_pair). */
double bench_median(struct bench *b, const char *name, const struct bench_side *side,
                    unsigned runs_count);

/* The value at `quantile` (0..1; 0.5 is the median) of `count` >= 1 values, which are sorted in
 * place; the nearest of them, none is invented between two. */
double bench_quantile(double *values, size_t count, double quantile);

/* Count the allocations (tests/support/allocs.h) of `side`'s loop (not its cost), done 1000 times
 * after one warming call and print a row in allocs/op under the bar of hot paths, none: "<= 0
 * allocs/op". Notes bytes/op when there were any. */
void bench_row_allocs(struct bench *b, const char *name, const struct bench_side *side);

/* Limit this process to `bytes` of memory until bench_finish and note by what: a cgroup (v1 or v2,
 * page cache counted) where one can be made, else RLIMIT_DATA (allocations past it fail, page cache
 * is free). False, with a note, when the system grants neither. Call it before threads start. A
 * program that is killed leaves its group behind, empty. */
MUST_USE bool bench_limit_memory(struct bench *b, uint64_t bytes);

/* Leave and remove the cgroup of bench_limit_memory, if there is one. Called by bench_finish. */
void bench_limit_end(struct bench *b);

#endif
