/* Scenarios inside a real runtime. See rt_harness.h.
 *
 * The scenario is resumed from `done`, from a timer, or from the shard's start, always on the
 * loop's stack, and gives the thread back when it waits. So `done` can only fire while the loop has
 * the thread: one that fired inside a submit would find is_running set, and every wait checks rule
 * 1 of op.h. */
#include "tests/support/rt_harness.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "tests/support/cmocka.h"

#if defined(__SANITIZE_ADDRESS__)
#define HARNESS_HAS_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define HARNESS_HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HARNESS_HAS_ASAN 1
#elif __has_feature(thread_sanitizer)
#define HARNESS_HAS_TSAN 1
#endif
#endif
#ifdef HARNESS_HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HARNESS_HAS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* How long a scenario may take; under sanitizers on a busy machine too. */
#define HARNESS_SECONDS_MAX 60

#define HARNESS_STACK_BYTES     (1u << 20)
#define HARNESS_SHARD_BYTES     (64u << 20)
#define HARNESS_TESTS_MAX       256
#define HARNESS_RT_BUDGET_BYTES (64u << 20)

static void rt_harness_run(void **state);
static void rt_harness_open(struct rt_harness *h, uint32_t shards_count);
static void rt_harness_start(struct rt_shard *shard);
static void rt_harness_stop(struct rt_shard *shard);
static void rt_harness_await_end(struct rt_harness *h);
static void rt_harness_coroutine(unsigned high, unsigned low);
static void rt_harness_resume(struct rt_harness *h);
static void rt_harness_yield(struct rt_harness *h, const void *until, const char *waits_for);
static void rt_harness_done(struct rt_op *op);
static void rt_harness_fail(const char *file, int line, const char *format, ...) PRINTF(3, 4);
static int rt_harness_remove(const char *path, const struct stat *stat, int type, struct FTW *ftw);

/* A test, and the backend it runs on: a cmocka test's state. */
struct rt_harness_case {
    const struct rt_harness_test *test; /* its row */
    enum rt_kind kind;                  /* as main's argument said */
};

/* A timer that a scenario sleeps by. */
struct rt_harness_timer {
    struct rt_timer timer; /* fires once */
    struct rt_harness *h;  /* whom it wakes */
};

/* The harness of the scenario that runs in this process: checks report to it from any thread. One
 * scenario at a time. */
static struct rt_harness *rt_harness_current;

void rt_harness_op_init(struct rt_harness *h, struct rt_harness_op *op)
{
    *op = (struct rt_harness_op){.h = h};
    rt_op_init(&op->op, h->shard, rt_harness_done);
}

enum err rt_harness_wait(struct rt_harness_op *op)
{
    struct rt_harness *h = op->h;
    while (op->dones_count == 0) {
        rt_harness_yield(h, op, rt_op_kind_name(op->op.kind));
    }
    op->dones_count--;
    return op->op.err;
}

void rt_harness_signal(struct rt_harness_op *op)
{
    op->dones_count++;
    if (op->then != NULL) {
        op->then(op);
    }
    if (op->h->until == op) {
        rt_harness_resume(op->h);
    }
}

void rt_harness_turns(struct rt_harness *h, uint32_t count)
{
    struct rt_harness_op op;
    rt_harness_op_init(h, &op);
    for (uint32_t i = 0; i < count; i++) {
        rt_op_defer(&op.op);
        RT_CHECK_ERR(rt_harness_wait(&op), ERR_OK);
    }
}

static void rt_harness_timer_fire(struct rt_timer *timer)
{
    rt_harness_resume(CONTAINER_OF(timer, struct rt_harness_timer, timer)->h);
}

void rt_harness_sleep(struct rt_harness *h, uint64_t ns)
{
    struct rt_harness_timer sleep = {.h = h};
    rt_timer_init(&sleep.timer, h->shard, rt_harness_timer_fire);
    rt_timer_start(&sleep.timer, h->shard->now_ns + ns);
    rt_harness_yield(h, &sleep, "timer");
    RT_CHECK(!rt_timer_is_running(&sleep.timer));
}

void rt_harness_skip(struct rt_harness *h, const char *reason)
{
    printf("SKIP: %s: %s\n", h->name, reason);
    fflush(stdout);
    h->is_skipped = true;
}

const char *rt_harness_path(struct rt_harness *h, const char *name)
{
    char *path = h->path[h->path_next++ % ARRAY_COUNT(h->path)];
    int length = snprintf(path, sizeof(h->path[0]), "%s/%s", h->dir, name);
    RT_CHECK(length < (int)sizeof(h->path[0]));
    return path;
}

int rt_harness_main(const char *suite, const struct rt_harness_test *const *lists, int argc,
                    char **argv)
{
    bool is_uring = argc >= 2 && strcmp(argv[1], "uring") == 0;
    if (argc < 2 || argc > 3 || (!is_uring && strcmp(argv[1], "epoll") != 0)) {
        fprintf(stderr, "usage: %s uring|epoll [filter]\n", argv[0]);
        return 2;
    }
    struct rt_machine machine;
    char message[512];
    if (rt_machine_read(&machine, message, sizeof(message)) != ERR_OK) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    if (is_uring && !machine.has_uring) {
        rt_machine_explain_uring(&machine, message, sizeof(message));
        printf("SKIP: %s_uring: errno %d: %s\n", suite, machine.uring_errno, message);
        return 0;
    }
    struct rt_harness_case cases[HARNESS_TESTS_MAX];
    struct CMUnitTest tests[HARNESS_TESTS_MAX];
    size_t count = 0;
    for (size_t list = 0; lists[list] != NULL; list++) {
        for (const struct rt_harness_test *test = lists[list]; test->name != NULL; test++) {
            assert_true(count < HARNESS_TESTS_MAX);
            cases[count] = (struct rt_harness_case){
                .test = test, .kind = is_uring ? RT_KIND_URING : RT_KIND_EPOLL};
            tests[count] = (struct CMUnitTest){
                .name = test->name, .test_func = rt_harness_run, .initial_state = &cases[count]};
            count++;
        }
    }
    if (argc == 3) {
        cmocka_set_test_filter(argv[2]);
    }
    char name[64];
    snprintf(name, sizeof(name), "%s_%s", suite, argv[1]);
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

void rt_harness_check(bool is_held, const char *text, const char *file, int line)
{
    if (!is_held) {
        rt_harness_fail(file, line, "%s", text);
    }
}

void rt_harness_check_int(int64_t got, int64_t want, const char *text, const char *file, int line)
{
    if (got != want) {
        rt_harness_fail(file, line, "%s: %lld != %lld", text, (long long)got, (long long)want);
    }
}

void rt_harness_check_err(enum err got, enum err want, const char *text, const char *file, int line)
{
    if (got != want) {
        rt_harness_fail(file, line, "%s: %s != %s", text, err_name(got), err_name(want));
    }
}

/* The cmocka test: make the runtime, let the scenario run, take all down. */
static void rt_harness_run(void **state)
{
    const struct rt_harness_case *its_case = *state;
    const struct rt_harness_test *test = its_case->test;
    size_t bytes = sizeof(struct rt_harness) + HARNESS_STACK_BYTES;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    struct rt_harness *h = memory; /* kept after a failure: threads go on in it */
    rt_harness_current = h;
    h->kind = its_case->kind;
    h->name = test->name;
    h->scenario = test->scenario;
    h->stack = h + 1;
    assert_int_equal(sem_init(&h->over, 0, 0), 0);
    const char *tmp = getenv("TMPDIR");
    snprintf(h->dir, sizeof(h->dir), "%s/tdb-rt-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(h->dir));
    rt_harness_open(h, test->shards_count > 0 ? test->shards_count : 1);
    rt_harness_await_end(h);
    rt_stop(h->rt);
    rt_join(h->rt);
    rt_free(h->rt);
    assert_int_equal(h->budget.used_bytes, 0);
    budget_deinit(&h->budget);
    nftw(h->dir, rt_harness_remove, 8, FTW_DEPTH | FTW_PHYS);
    sem_destroy(&h->over);
    rt_harness_current = NULL;
    bool is_skipped = h->is_skipped;
    munmap(memory, bytes);
    if (is_skipped) {
        skip();
    }
}

static void rt_harness_open(struct rt_harness *h, uint32_t shards_count)
{
    char note[512];
    budget_init(&h->budget, "test", HARNESS_RT_BUDGET_BYTES, NULL);
    cpu_detect(&h->cpu);
    assert_int_equal(rt_machine_read(&h->machine, note, sizeof(note)), ERR_OK);
    struct rt_config config = {
        .shards_count = shards_count,
        .memory_bytes = (uint64_t)shards_count * HARNESS_SHARD_BYTES,
        .kind = h->kind,
        .workers_count = RT_HARNESS_WORKERS_COUNT,
        .seed = 1,
        .budget = &h->budget,
        .cpu = &h->cpu,
        .app = h,
        .start = rt_harness_start,
        .stop = rt_harness_stop,
    };
    if (rt_new(&config, &h->machine, &h->rt, note, sizeof(note)) != ERR_OK) {
        fail_msg("%s", note);
    }
    assert_string_equal(rt_backend_name(h->rt), h->kind == RT_KIND_URING ? "uring" : "epoll");
    /* A failed ASSERT on a shard's thread cannot return to cmocka: it prints and aborts. */
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(rt_start(h->rt), ERR_OK);
}

/* Wait for the end of the scenario, or the first failure. */
static void rt_harness_await_end(struct rt_harness *h)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HARNESS_SECONDS_MAX;
    int result;
    do {
        result = sem_timedwait(&h->over, &until);
    } while (result != 0 && errno == EINTR);
    unsetenv("CMOCKA_TEST_ABORT");
    if (result != 0) {
        fail_msg("the scenario has not ended; it waits for %s",
                 h->waits_for != NULL ? h->waits_for : "nothing");
    }
    if (atomic_load(&h->is_failed)) {
        fail_msg("a check did not hold, see above");
    }
}

/* On each shard's own thread, before its first turn. */
static void rt_harness_start(struct rt_shard *shard)
{
    struct rt_harness *h = shard->app;
    if (shard->id != 0) {
        return;
    }
    h->shard = shard;
    getcontext(&h->coroutine);
    h->coroutine.uc_stack.ss_sp = h->stack;
    h->coroutine.uc_stack.ss_size = HARNESS_STACK_BYTES;
    uintptr_t address = (uintptr_t)h;
    makecontext(&h->coroutine, (void (*)(void))rt_harness_coroutine, 2, (unsigned)(address >> 32),
                (unsigned)address);
#ifdef HARNESS_HAS_TSAN
    h->fibers[0] = __tsan_get_current_fiber();
    h->fibers[1] = __tsan_create_fiber(0);
#endif
    rt_harness_resume(h);
}

static void rt_harness_stop(struct rt_shard *shard)
{
    struct rt_harness *h = shard->app;
#ifdef HARNESS_HAS_TSAN
    if (shard->id == 0) {
        __tsan_destroy_fiber(h->fibers[1]);
    }
#endif
    RT_CHECK_INT(shard->waiting_count, 0);
    RT_CHECK_INT(shard->io_count, 0);
    RT_CHECK(h->is_over);
    rt_shard_finish(shard);
}

/* The coroutine's first and only call; makecontext passes integers. */
static void rt_harness_coroutine(unsigned high, unsigned low)
{
    struct rt_harness *h = (struct rt_harness *)(((uintptr_t)high << 32) | low);
#ifdef HARNESS_HAS_ASAN
    __sanitizer_finish_switch_fiber(NULL, &h->loop_stack, &h->loop_stack_bytes);
#endif
    h->scenario(h);
    h->is_over = true;
    h->is_running = false;
    sem_post(&h->over);
#ifdef HARNESS_HAS_ASAN
    __sanitizer_start_switch_fiber(NULL, h->loop_stack, h->loop_stack_bytes);
#endif
#ifdef HARNESS_HAS_TSAN
    __tsan_switch_to_fiber(h->fibers[0], 0);
#endif
    setcontext(&h->loop);
}

/* Loop to scenario, until it waits. */
static void rt_harness_resume(struct rt_harness *h)
{
    RT_CHECK(!h->is_running);
    h->is_running = true;
    h->until = NULL;
#ifdef HARNESS_HAS_ASAN
    __sanitizer_start_switch_fiber(&h->fake_stacks[0], h->stack, HARNESS_STACK_BYTES);
#endif
#ifdef HARNESS_HAS_TSAN
    __tsan_switch_to_fiber(h->fibers[1], 0);
#endif
    swapcontext(&h->loop, &h->coroutine);
#ifdef HARNESS_HAS_ASAN
    __sanitizer_finish_switch_fiber(h->fake_stacks[0], NULL, NULL);
#endif
}

/* Scenario to loop, until somebody resumes it. */
static void rt_harness_yield(struct rt_harness *h, const void *until, const char *waits_for)
{
    RT_CHECK(h->is_running);
    h->is_running = false;
    h->until = until;
    h->waits_for = waits_for;
#ifdef HARNESS_HAS_ASAN
    __sanitizer_start_switch_fiber(&h->fake_stacks[1], h->loop_stack, h->loop_stack_bytes);
#endif
#ifdef HARNESS_HAS_TSAN
    __tsan_switch_to_fiber(h->fibers[0], 0);
#endif
    swapcontext(&h->coroutine, &h->loop);
#ifdef HARNESS_HAS_ASAN
    __sanitizer_finish_switch_fiber(h->fake_stacks[1], &h->loop_stack, &h->loop_stack_bytes);
#endif
}

/* rt_op.done of every rt_harness_op. */
static void rt_harness_done(struct rt_op *rt_op)
{
    struct rt_harness_op *op = CONTAINER_OF(rt_op, struct rt_harness_op, op);
    struct rt_harness *h = op->h;
    RT_CHECK(!h->is_running); /* never inside submit or cancel */
    RT_CHECK(rt_op_is_idle(rt_op));
    op->order = ++h->dones_count;
    rt_harness_signal(op);
}

/* Never returns to who failed: the scenario is given up as it stands. */
static void rt_harness_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "FAILED: %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    struct rt_harness *h = rt_harness_current;
    if (h == NULL) {
        abort();
    }
    atomic_store(&h->is_failed, true);
    sem_post(&h->over);
    for (;;) {
        pause();
    }
}

static int rt_harness_remove(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}
