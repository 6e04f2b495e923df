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
#include <sys/syscall.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/rt/clock.h"
#include "base/rt/shard.h"
#include "base/rt/timer.h"
#include "base/rt/worker.h"
#include "tests/support/child.h"
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
    struct rt_timer timer;
    uint64_t deadline_ns, fired_ns;
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
        pthread_t thread;
        config.kind = kinds[i];
        assert_int_equal(rt_new(&config, &machine, &rt, note, sizeof(note)), ERR_OK);
        assert_int_equal(rt_start(rt), ERR_OK);
        assert_int_equal(pthread_create(&thread, NULL, runtime_stopper, rt), 0);
        rt_join(rt);
        pthread_join(thread, NULL);
        assert_int_equal(app.stops_count, 3);
        rt_free(rt);
        budget_deinit(&budget);
    }
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
        {false, EPERM, 6, "io_uring is forbidden here: set sysctl kernel.io_uring_disabled=0"},
        {false, ENOSYS, 6, "built without io_uring"},
        {false, ENOMEM, 6, "KiB may be locked; raise the limit"},
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
    enum rt_kind kinds[2];
    uint32_t kinds_count = runtime_kinds(kinds);
    for (size_t k = 0; k < ARRAY_COUNT(rows) * kinds_count; k++) {
        size_t i = k / kinds_count;
        struct runtime_app app = {0};
        struct budget budget;
        struct cpu cpu = {0};
        struct rt_machine machine = runtime_machine();
        struct rt_config config = runtime_config(&app, &budget, &cpu);
        struct rt *rt;
        char note[256];
        config.kind = kinds[k % kinds_count];
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
/* What a child process is allowed, and on which backend. */
struct runtime_threads {
    rlim_t threads_max; /* main's included */
    enum rt_kind kind;  /* backend */
};

/* In a child process: with so many threads allowed, how rt_start ends. */
static int runtime_start_with_threads(void *context)
{
    const struct runtime_threads *threads = context;
    rlim_t threads_max = threads->threads_max;
    struct runtime_app app = {0};
    struct budget budget;
    struct cpu cpu = {0};
    struct rt_machine machine = runtime_machine();
    struct rt_config config = runtime_config(&app, &budget, &cpu);
    struct rlimit limit = {.rlim_cur = threads_max, .rlim_max = threads_max};
    struct rt *rt;
    char note[256];
    config.kind = threads->kind;
    if ((geteuid() == 0 && setresuid(61234, 61234, 61234) != 0) || /* the limit spares root */
        setrlimit(RLIMIT_NPROC, &limit) != 0 ||
        rt_new(&config, &machine, &rt, note, sizeof(note)) != ERR_OK) {
        return 100;
    }
    enum err err = rt_start(rt);
    if (err == ERR_OK) {
        rt_stop(rt);
        rt_join(rt);
    }
    bool is_as_wanted = app.starts_count == (err == ERR_OK ? 3 : 0);
    rt_free(rt);
    return is_as_wanted && budget.used_bytes == 0 ? (int)err : 101;
}

/* Three shards and two workers: five threads, or none runs. */
static void runtime_starts_all_threads_or_none(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip_test("runtime_starts_all_threads_or_none",
                  "needs a user with no other processes: run as root");
    }
    enum rt_kind kinds[2];
    uint32_t kinds_count = runtime_kinds(kinds);
    for (uint32_t i = 0; i < 7 * kinds_count; i++) {
        struct runtime_threads threads = {i / kinds_count, kinds[i % kinds_count]};
        assert_int_equal(child_run(runtime_start_with_threads, &threads),
                         threads.threads_max < 6 ? ERR_RESOURCES : ERR_OK);
    }
}

static void runtime_note_timer(struct rt_timer *timer)
{
    struct runtime_app *app = timer->shard->app;
    app->fired_ns = rt_now_ns(timer->shard);
    rt_shard_finish(timer->shard);
}

static void runtime_start_timer(struct rt_shard *shard)
{
    struct runtime_app *app = shard->app;
    if (shard->id != 0) {
        rt_shard_finish(shard);
        return;
    }
    app->deadline_ns = rt_now_ns(shard) + 3 * RT_NS_PER_MS + 1;
    rt_timer_init(&app->timer, shard, runtime_note_timer);
    rt_timer_start(&app->timer, app->deadline_ns);
}

/* A container whose profile forbids io_uring, on a kernel or profile without epoll_pwait2: epoll
 * with waits in whole milliseconds. */
static int runtime_in_a_container(void *context)
{
    static const struct child_refusal refusals[] = {{SYS_io_uring_setup, EPERM},
                                                    {SYS_epoll_pwait2, ENOSYS}};
    struct budget *budget = context;
    struct runtime_app app = {0};
    struct cpu cpu = {0};
    struct rt *rt;
    char note[256];
    if (!child_refuse(refusals, ARRAY_COUNT(refusals))) {
        return 1;
    }
    struct rt_machine machine = runtime_machine();
    struct rt_config config = runtime_config(&app, budget, &cpu);
    config.start = runtime_start_timer;
    if (rt_new(&config, &machine, &rt, note, sizeof(note)) != ERR_OK ||
        strcmp(rt_backend_name(rt), "epoll") != 0 || strstr(note, "io_uring") == NULL ||
        rt_start(rt) != ERR_OK) {
        return 2;
    }
    rt_join(rt);
    rt_free(rt);
    return app.fired_ns >= app.deadline_ns && app.fired_ns < app.deadline_ns + 10 * RT_NS_PER_S ? 0
                                                                                                : 3;
}

static void runtime_works_where_containers_forbid_it_more(void **state)
{
    (void)state;
    struct budget budget;
    assert_int_equal(child_run(runtime_in_a_container, &budget), 0);
}

/* In a child that is granted no epoll instance. */
static int runtime_without_epoll(void *context)
{
    static const struct child_refusal refusal = {SYS_epoll_create1, EMFILE};
    struct budget *budget = context;
    struct runtime_app app = {0};
    struct cpu cpu = {0};
    struct rt_machine machine = runtime_machine();
    struct rt_config config = runtime_config(&app, budget, &cpu);
    struct rt *rt;
    char note[256];
    config.kind = RT_KIND_EPOLL;
    if (!child_refuse(&refusal, 1) ||
        rt_new(&config, &machine, &rt, note, sizeof(note)) != ERR_RESOURCES) {
        return 1;
    }
    return strstr(note, "Too many open files") != NULL && budget->used_bytes == 0 ? 0 : 2;
}

static void runtime_without_descriptors_says_so(void **state)
{
    (void)state;
    struct budget budget;
    assert_int_equal(child_run(runtime_without_epoll, &budget), 0);
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
        cmocka_unit_test(runtime_works_where_containers_forbid_it_more),
        cmocka_unit_test(runtime_without_descriptors_says_so),
#endif
    };
    return cmocka_run_group_tests_name("rt_runtime", tests, NULL, NULL);
}
