/* Runs a scenario inside a real runtime, written as straight code.
 *
 * A scenario is a function that runs as a coroutine on shard 0's own thread, between that shard's
 * turns: it submits ops, and rt_harness_wait returns to the loop until `done` of one of them has
 * fired. So a test reads from top to bottom, while threads, sleeps and wakes are those of
 * production.
 *
 *     static void file_reads_back_what_was_written(struct rt_harness *h)
 *     {
 *         struct rt_harness_op op;
 *         struct rt_file file;
 *         rt_harness_op_init(h, &op);
 *         rt_file_open(&file, &op.op, h->shard, rt_harness_path(h, "a"), RT_FILE_READ, 0);
 *         RT_CHECK_ERR(rt_harness_wait(&op), ERR_NOT_FOUND);
 *     }
 *
 * A scenario leaves nothing open and nothing waiting; the harness checks that, and that no byte
 * stays charged. On the scenario's thread cmocka's assertions cannot report: RT_CHECK and its kin
 * print the line, fail the test and end the scenario there. */
#ifndef TESTS_SUPPORT_RT_HARNESS_H
#define TESTS_SUPPORT_RT_HARNESS_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/budget.h"
#include "base/cpu.h"
#include "base/rt/machine.h"
#include "base/rt/op.h"
#include "base/rt/rt.h"
#include "base/rt/shard.h"
#include "base/rt/timer.h"

/* Worker threads of the runtime. */
#define RT_HARNESS_WORKERS_COUNT 4

struct rt_harness;

typedef void rt_scenario_fn(struct rt_harness *h);

/* A scenario and what it runs in. */
struct rt_harness {
    /* For the scenario. */
    struct rt *rt;          /* the runtime */
    struct rt_shard *shard; /* shard 0, whose thread the scenario runs on */
    enum rt_kind kind;      /* RT_KIND_URING or RT_KIND_EPOLL */
    char dir[128];          /* an empty directory of its own, removed at the end */
    uint32_t dones_count;   /* `done`s fired so far */

    /* The harness's own. */
    const char *name;          /* of the test */
    rt_scenario_fn *scenario;  /* what to run */
    struct rt_machine machine; /* what it runs on */
    struct cpu cpu;            /* likewise */
    bool is_skipped;           /* it said that it cannot run here */
    struct budget budget;      /* the runtime's own memory */
    ucontext_t loop;           /* where the shard's loop stands while the scenario runs */
    ucontext_t coroutine;      /* where the scenario stands while the loop runs */
    void *stack;               /* the scenario's, mapped */
    void *fake_stacks[2];      /* ASan's, of the loop and the scenario */
    const void *loop_stack;    /* bounds of the loop's stack, for ASan */
    size_t loop_stack_bytes;   /* its size */
    void *fibers[2];           /* TSan's, of the loop and the scenario */
    bool is_running;           /* the scenario, not the loop, has the thread */
    bool is_over;              /* the scenario has returned */
    const void *until;         /* the op or timer that resumes it */
    const char *waits_for;     /* what the scenario waits for, for the report */
    atomic_bool is_failed;     /* a check did not hold */
    sem_t over;                /* posted at the end, or at the first failure */
    char path[8][256];         /* what rt_harness_path gave out, in turn */
    uint32_t path_next;        /* which is next */
};

/* An op whose `done` a scenario can wait for. */
struct rt_harness_op {
    struct rt_op op;                        /* to submit */
    struct rt_harness *h;                   /* whose */
    uint32_t dones_count;                   /* `done`s fired and not yet waited for */
    uint32_t order;                         /* h->dones_count when the last fired: who was first */
    void (*then)(struct rt_harness_op *op); /* called in `done`, NULL: nothing */
};

/* Make `op` idle. */
void rt_harness_op_init(struct rt_harness *h, struct rt_harness_op *op);

/* Let the loop run until `done` of `op`, which was submitted, has fired once more. Returns
 * op->op.err. */
enum err rt_harness_wait(struct rt_harness_op *op);

/* What `done` does, for things that are no ops (a mail's delivery on shard 0): `op` counts as done
 * once more. */
void rt_harness_signal(struct rt_harness_op *op);

/* Let the loop run for `ns`; for `count` turns. */
void rt_harness_sleep(struct rt_harness *h, uint64_t ns);
void rt_harness_turns(struct rt_harness *h, uint32_t count);

/* This scenario cannot run here, for a `reason` that says what is missing; it returns then. */
void rt_harness_skip(struct rt_harness *h, const char *reason);

/* "<dir>/<name>". Valid until eight more were asked for. */
const char *rt_harness_path(struct rt_harness *h, const char *name);

/* One row of a table of tests. */
struct rt_harness_test {
    const char *name;         /* NULL ends the table */
    rt_scenario_fn *scenario; /* runs on shard 0 */
    uint32_t shards_count;    /* 0: one */
};

/* The row of a scenario that runs with one shard, and with several. */
/* clang-format off */
#define RT_HARNESS_TEST(scenario) {#scenario, scenario, 1}
#define RT_HARNESS_TEST_ON(shards_count, scenario) {#scenario, scenario, shards_count}
/* clang-format on */

/* A test program for one backend: main's arguments say which ("uring", "epoll"), and after it, if
 * wanted, a cmocka filter of names. Runs the tables in `lists` (ended by NULL). Where io_uring is
 * refused: one SKIP line, and success. */
int rt_harness_main(const char *suite, const struct rt_harness_test *const *lists, int argc,
                    char **argv);

/* --- Checks, on the scenario's thread or any other. --- */
#define RT_CHECK(x)        rt_harness_check((x), #x, __FILE__, __LINE__)
#define RT_CHECK_INT(a, b) rt_harness_check_int((int64_t)(a), (int64_t)(b), #a, __FILE__, __LINE__)
#define RT_CHECK_ERR(a, b) rt_harness_check_err((a), (b), #a, __FILE__, __LINE__)

/* Behind the macros: print and end the process's test with a failure unless the values are as
 * wanted. */
void rt_harness_check(bool is_held, const char *text, const char *file, int line);
void rt_harness_check_int(int64_t got, int64_t want, const char *text, const char *file, int line);
void rt_harness_check_err(enum err got, enum err want, const char *text, const char *file,
                          int line);

#endif
