/* rt.h: making, starting, ending and making again; which backend is chosen, and what is said when
 * none can be. */
#include "base/rt/rt.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "base/rt/worker.h"
#include "tests/support/cmocka.h"
#include "tests/support/skip.h"

#define RUNTIME_SHARD_BYTES (32u << 20)

/* What the shards tell the test. */
struct runtime_app {
    atomic_uint starts_count;
    atomic_uint stops_count;
    atomic_uint dones_count;
    struct rt_op op; /* of shard 0 */
    sem_t go;        /* its work waits for it */
};

static void runtime_start(struct rt_shard *shard)
{
    struct runtime_app *app = shard->app;
    atomic_fetch_add(&app->starts_count, 1);
}

static void runtime_stop(struct rt_shard *shard)
{
    struct runtime_app *app = shard->app;
    atomic_fetch_add(&app->stops_count, 1);
    rt_shard_finish(shard);
}

static struct rt_machine runtime_machine(void)
{
    struct rt_machine machine;
    char message[256];
    assert_int_equal(rt_machine_read(&machine, message, sizeof(message)), ERR_OK);
    return machine;
}

static struct rt_config runtime_config(struct runtime_app *app, struct budget *budget,
                                       const struct cpu *cpu)
{
    budget_init(budget, "runtime", 256u << 20, NULL);
    return (struct rt_config){
        .shards_count = 3,
        .memory_bytes = 3ull * RUNTIME_SHARD_BYTES,
        .workers_count = 2,
        .budget = budget,
        .cpu = cpu,
        .app = app,
        .start = runtime_start,
        .stop = runtime_stop,
    };
}

/* The backends this machine has: ThreadSanitizer does not see what the kernel writes into a ring.
 */
static uint32_t runtime_kinds(enum rt_kind *kinds)
{
    kinds[0] = RT_KIND_EPOLL;
    kinds[1] = RT_KIND_URING;
#ifdef __SANITIZE_THREAD__
    return 1;
#else
    return runtime_machine().has_uring ? 2 : 1;
#endif
}

static void runtime_starts_stops_and_starts_again(void **state)
{
    (void)state;
    enum rt_kind kinds[2];
    uint32_t kinds_count = runtime_kinds(kinds);
    struct rt_machine machine = runtime_machine();
    for (uint32_t round = 0; round < 6; round++) {
        struct runtime_app app = {0};
        struct budget budget;
        struct cpu cpu = {0};
        struct rt_config config = runtime_config(&app, &budget, &cpu);
        struct rt *rt;
        char note[256];
        config.kind = kinds[round % kinds_count];
        assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
        assert_string_equal(note, "");
        assert_string_equal(rt_backend_name(rt), config.kind == RT_KIND_URING ? "uring" : "epoll");
        assert_int_equal(rt_start(rt), ERR_OK);
        while (round % 2 == 0 && app.starts_count < 3) { /* else still on their way up */
            sched_yield();
        }
        rt_stop(rt);
        rt_join(rt);
        assert_int_equal(app.starts_count, 3);
        assert_int_equal(app.stops_count, 3);
        assert_true(rt_shard_at(rt, 2)->id == 2);
        rt_free(rt);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
    }
}

static void runtime_that_never_started_is_freed(void **state)
{
    (void)state;
    enum rt_kind kinds[2];
    uint32_t kinds_count = runtime_kinds(kinds);
    struct rt_machine machine = runtime_machine();
    for (uint32_t i = 0; i < kinds_count; i++) {
        struct runtime_app app = {0};
        struct budget budget;
        struct cpu cpu = {0};
        struct rt_config config = runtime_config(&app, &budget, &cpu);
        struct rt *rt;
        char note[256];
        config.kind = kinds[i];
        assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
        rt_free(rt);
        assert_int_equal(app.starts_count, 0);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
    }
    rt_free(NULL);
}

static void runtime_done(struct rt_op *op)
{
    struct runtime_app *app = op->shard->app;
    assert_int_equal(op->err, ERR_OK);
    atomic_fetch_add(&app->dones_count, 1);
}

static enum err runtime_work(struct rt_op *op)
{
    struct runtime_app *app = op->shard->app;
    sem_wait(&app->go);
    return ERR_OK;
}

/* A shard that finishes in its start; its job is waited for. */
static void runtime_start_and_finish(struct rt_shard *shard)
{
    struct runtime_app *app = shard->app;
    atomic_fetch_add(&app->starts_count, 1);
    if (shard->id == 0) {
        rt_op_init(&app->op, shard, runtime_done);
        rt_job_submit(&app->op, runtime_work);
    }
    rt_shard_finish(shard);
}

static void runtime_ends_by_itself_when_nothing_waits(void **state)
{
    (void)state;
    enum rt_kind kinds[2];
    uint32_t kinds_count = runtime_kinds(kinds);
    struct rt_machine machine = runtime_machine();
    for (uint32_t i = 0; i < kinds_count; i++) {
        struct runtime_app app = {0};
        struct budget budget;
        struct cpu cpu = {0};
        struct rt_config config = runtime_config(&app, &budget, &cpu);
        struct rt *rt;
        char note[256];
        config.kind = kinds[i];
        config.start = runtime_start_and_finish;
        assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
        sem_init(&app.go, 0, 0);
        assert_int_equal(rt_start(rt), ERR_OK);
        assert_int_equal(app.dones_count, 0);
        sem_post(&app.go);
        rt_join(rt);
        assert_int_equal(app.starts_count, 3);
        assert_int_equal(app.dones_count, 1);
        assert_int_equal(app.stops_count, 0);
        rt_free(rt);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
    }
}

static void *runtime_stopper(void *context)
{
    rt_stop(context);
    return NULL;
}

static void runtime_may_be_stopped_from_any_thread(void **state)
{
    (void)state;
    struct runtime_app app = {0};
    struct budget budget;
    struct cpu cpu = {0};
    struct rt_machine machine = runtime_machine();
    struct rt_config config = runtime_config(&app, &budget, &cpu);
    struct rt *rt;
    char note[256];
    pthread_t thread;
    config.kind = RT_KIND_EPOLL;
    assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
    assert_int_equal(rt_start(rt), ERR_OK);
    assert_int_equal(pthread_create(&thread, NULL, runtime_stopper, rt), 0);
    rt_join(rt);
    pthread_join(thread, NULL);
    assert_int_equal(app.stops_count, 3);
    rt_free(rt);
    budget_deinit(&budget);
}

static void runtime_falls_back_to_epoll_and_says_why(void **state)
{
    (void)state;
    static const struct {
        bool has_uring;
        int uring_errno;
        uint32_t kernel_major;
        const char *says;
    } rows[] = {
        {false, EPERM, 6, "io_uring"},
        {false, ENOSYS, 6, "io_uring"},
        {true, 0, 5, "5.15.0-test"}, /* it has one, without multishot receives */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (enum rt_kind kind = RT_KIND_AUTO; kind <= RT_KIND_URING; kind++) {
            struct runtime_app app = {0};
            struct budget budget;
            struct cpu cpu = {0};
            struct rt_machine machine = runtime_machine();
            struct rt_config config = runtime_config(&app, &budget, &cpu);
            struct rt *rt;
            char note[256];
            machine.has_uring = rows[i].has_uring;
            machine.uring_errno = rows[i].uring_errno;
            machine.kernel_major = rows[i].kernel_major;
            memcpy(machine.kernel, "5.15.0-test", sizeof("5.15.0-test"));
            config.kind = kind;
            enum err err = rt_new(&config, &machine, &rt, note, sizeof(note));
            assert_int_equal(err, kind == RT_KIND_AUTO ? ERR_OK : ERR_UNSUPPORTED);
            assert_non_null(strstr(note, rows[i].says));
            if (err == ERR_OK) {
                assert_string_equal(rt_backend_name(rt), "epoll");
            } else {
                assert_null(rt);
            }
            rt_free(rt);
            assert_int_equal(budget.used_bytes, 0);
            budget_deinit(&budget);
        }
    }
}

static void runtime_too_large_or_too_poor_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        uint32_t shards_count;
        uint64_t memory_bytes;
        size_t budget_bytes;
        enum err want;
        const char *says;
    } rows[] = {
        {257, 257ull << 30, 256u << 20, ERR_INVALID, "at most 256"},
        {2, 2u << 20, 256u << 20, ERR_BUDGET, "give more memory or start fewer shards"},
        {2, 64u << 20, 100, ERR_BUDGET, "no memory"},
        {16, 512u << 20, 20000, ERR_BUDGET, "no memory"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct runtime_app app = {0};
        struct budget budget;
        struct cpu cpu = {0};
        struct rt_machine machine = runtime_machine();
        struct rt_config config = runtime_config(&app, &budget, &cpu);
        struct rt *rt;
        char note[256];
        config.kind = RT_KIND_EPOLL;
        config.shards_count = rows[i].shards_count;
        config.memory_bytes = rows[i].memory_bytes;
        budget_set_limit(&budget, rows[i].budget_bytes);
        assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), rows[i].want);
        assert_non_null(strstr(note, rows[i].says));
        assert_null(rt);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
    }
}

#ifndef __SANITIZE_THREAD__ /* it cannot start threads in a forked child */
/* In a child process: with `threads_max` threads allowed, main's included, how rt_start ends. */
static int runtime_start_with_threads(rlim_t threads_max)
{
    struct runtime_app app = {0};
    struct budget budget;
    struct cpu cpu = {0};
    struct rt_machine machine = runtime_machine();
    struct rt_config config = runtime_config(&app, &budget, &cpu);
    struct rlimit limit = {.rlim_cur = threads_max, .rlim_max = threads_max};
    struct rt *rt;
    char note[256];
    config.kind = RT_KIND_EPOLL;
    if ((geteuid() == 0 && setresuid(61234, 61234, 61234) != 0) || /* the limit spares root */
        setrlimit(RLIMIT_NPROC, &limit) != 0 ||
        rt_new(&config, &machine, &rt, note, sizeof(note)) != ERR_OK) {
        return -1;
    }
    enum err err = rt_start(rt);
    if (err == ERR_OK) {
        rt_stop(rt);
        rt_join(rt);
    }
    bool is_as_wanted = app.starts_count == (err == ERR_OK ? 3 : 0);
    rt_free(rt);
    return is_as_wanted && budget.used_bytes == 0 ? (int)err : -1;
}

/* Three shards and two workers: five threads, or none runs. */
static void runtime_starts_all_threads_or_none(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip_test("runtime_starts_all_threads_or_none",
                  "needs a user with no other processes: run as root");
    }
    for (rlim_t threads_max = 0; threads_max <= 6; threads_max++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(runtime_start_with_threads(threads_max));
        }
        int status;
        assert_true(waitpid(child, &status, 0) == child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), threads_max < 6 ? ERR_RESOURCES : ERR_OK);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runtime_starts_stops_and_starts_again),
        cmocka_unit_test(runtime_that_never_started_is_freed),
        cmocka_unit_test(runtime_ends_by_itself_when_nothing_waits),
        cmocka_unit_test(runtime_may_be_stopped_from_any_thread),
        cmocka_unit_test(runtime_falls_back_to_epoll_and_says_why),
        cmocka_unit_test(runtime_too_large_or_too_poor_says_what_to_do),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(runtime_starts_all_threads_or_none),
#endif
    };
    return cmocka_run_group_tests_name("rt_runtime", tests, NULL, NULL);
}
