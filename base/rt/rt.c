/* Threads and their loop. See rt.h.
 *
 * One loop for both backends (LOG §9): a turn; then, with nothing to do, busy polling for at most
 * LIMIT_POLL_NS while a disk request is under way, no more threads run than there are CPUs, polls
 * have mostly had a result lately, and nobody else has taken the processor meanwhile; then sleep
 * until a completion, a mail or a timer. Polling exists because a halted virtual CPU notices a
 * disk's completion late. */
#include "base/rt/rt.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/rt/backend.h"
#include "base/rt/clock.h"
#include "base/rt/epoll.h"
#include "base/rt/mailbox_int.h"
#include "base/rt/pool_int.h"
#include "base/rt/posix_int.h"
#include "base/rt/uring.h"

/* A shard's budget is at least this: its ring, tables and receive buffers. */
#define RT_SHARD_BYTES_MIN (16u << 20)

/* Polls between two looks at the clock: some 2 us. */
#define RT_SPIN_POLLS_COUNT 32

/* How far apart good and bad experience with polling may be, and how often it is tried all the same
 * where it was bad. */
#define RT_SPIN_SCORE_MAX  4
#define RT_SPIN_TRY_PERIOD 32

/* Polls that took longer than this were interrupted: somebody else wants the processor. Then nobody
 * polls for a while, which doubles while that goes on. */
#define RT_SPIN_GAP_NS      (300 * 1000u)
#define RT_SPIN_HOLD_NS_MIN (10 * RT_NS_PER_MS)
#define RT_SPIN_HOLD_NS_MAX (160 * RT_NS_PER_MS)

enum rt_gate {
    RT_GATE_CLOSED,   /* threads are still being made */
    RT_GATE_OPEN,     /* run */
    RT_GATE_CANCELED, /* a thread could not be made: end at once */
};

/* What one shard's thread needs beyond the shard. */
struct rt_thread {
    struct rt *rt;          /* whose */
    struct rt_shard *shard; /* which */
    pthread_t id;           /* valid while is_running */
    bool is_running;        /* started and not joined */
    int spin_score;         /* polls that ended with a result less those that did not, lately */
    uint32_t spins_skipped; /* since the last try, while that is below 0 */
    uint64_t hold_ns;       /* how long polling was given up last for the sake of others */
    uint64_t held_until_ns; /* until when */
    struct rt_mail stop;    /* delivered by rt_stop */
};

struct rt {
    struct rt_config config;             /* as given, defaults filled in */
    struct rt_group group;               /* the shards and what they share */
    struct rt_pool pool;                 /* worker threads */
    struct rt_thread *threads;           /* one per shard */
    uint32_t cpus_count;                 /* for the rule of polling */
    uint32_t opened_count;               /* shards whose backend is open */
    atomic_uint start_gate;              /* enum rt_gate: threads wait here until all exist */
    ALIGNED(64) atomic_uint awake_count; /* shards not asleep in their backend */
};

static enum err rt_new_tables(struct rt *rt);
static void rt_free_tables(struct rt *rt);
static enum err rt_open_backends(struct rt *rt, const struct rt_machine *machine, char *note,
                                 size_t note_bytes);
static enum err rt_open_all(struct rt *rt, enum rt_kind kind, int *saved_errno);
static void rt_close_all(struct rt *rt);
static uint64_t rt_seed(uint64_t configured, uint32_t shard_id);
static void *rt_thread_main(void *context);
static void rt_loop(struct rt_thread *thread);
static bool rt_loop_spin(struct rt_thread *thread);
static bool rt_loop_spin_pays(struct rt_thread *thread, uint64_t now_ns);
static void rt_loop_spin_hold(struct rt_thread *thread, uint64_t now_ns);
static void rt_loop_sleep(struct rt *rt, struct rt_shard *shard);
static void rt_deliver_stop(struct rt_shard *at, struct rt_mail *mail);

enum err rt_new(const struct rt_config *config, const struct rt_machine *machine, struct rt **out,
                char *note, size_t note_bytes)
{
    ASSERT(config->start != NULL);
    ASSERT(config->stop != NULL);
    ASSERT(note_bytes > 0);
    note[0] = '\0';
    *out = NULL;
    uint32_t shards_count = config->shards_count ? config->shards_count : machine->shards_count;
    if (shards_count > LIMIT_SHARDS_COUNT) {
        snprintf(note, note_bytes, "%u shards asked for; at most %u are possible", shards_count,
                 LIMIT_SHARDS_COUNT);
        return ERR_INVALID;
    }
    void *memory = NULL;
    enum err err = budget_alloc(config->budget, sizeof(struct rt), 64, &memory);
    if (err != ERR_OK) {
        snprintf(note, note_bytes, "no memory for the runtime");
        return err;
    }
    struct rt *rt = memory;
    rt->config = *config;
    rt->config.shards_count = shards_count;
    rt->config.memory_bytes = config->memory_bytes ? config->memory_bytes : machine->memory_bytes;
    rt->cpus_count = machine->cpus_count;
    rt->group.shards_count = shards_count;
    rt->group.cpus_count = machine->cpus_count;
    rt->group.workers = &rt->pool;
    rt_pool_init(&rt->pool, config->workers_count ? config->workers_count : RT_WORKERS_DEFAULT);
    uint64_t shard_bytes = rt->config.memory_bytes / shards_count;
    if (shard_bytes < RT_SHARD_BYTES_MIN) {
        snprintf(note, note_bytes,
                 "%u shards in %llu MiB: each needs at least %u MiB; give more memory or start "
                 "fewer shards",
                 shards_count, (unsigned long long)(rt->config.memory_bytes >> 20),
                 RT_SHARD_BYTES_MIN >> 20);
        err = ERR_BUDGET;
    } else if ((err = rt_new_tables(rt)) != ERR_OK) {
        snprintf(note, note_bytes, "no memory for %u shards", shards_count);
    } else {
        err = rt_open_backends(rt, machine, note, note_bytes);
    }
    if (err != ERR_OK) {
        rt_free(rt);
        return err;
    }
    *out = rt;
    return ERR_OK;
}

enum err rt_start(struct rt *rt)
{
    enum err err = rt_pool_start(&rt->pool);
    if (err != ERR_OK) {
        return err;
    }
    /* Signals are main's: no thread of ours is to be interrupted by one. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store(&rt->awake_count, rt->group.shards_count);
    for (uint32_t i = 0; i < rt->group.shards_count && err == ERR_OK; i++) {
        struct rt_thread *thread = &rt->threads[i];
        thread->is_running = pthread_create(&thread->id, NULL, rt_thread_main, thread) == 0;
        err = thread->is_running ? ERR_OK : ERR_RESOURCES;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store(&rt->start_gate, err == ERR_OK ? RT_GATE_OPEN : RT_GATE_CANCELED);
    if (err != ERR_OK) {
        rt_join(rt);
    }
    return err;
}

void rt_stop(struct rt *rt)
{
    for (uint32_t i = 0; i < rt->group.shards_count; i++) {
        rt->threads[i].stop.deliver = rt_deliver_stop;
        rt_mail_post(&rt->group.shards[i], &rt->threads[i].stop);
    }
}

void rt_join(struct rt *rt)
{
    for (uint32_t i = 0; i < rt->group.shards_count; i++) {
        if (rt->threads[i].is_running) {
            int result = pthread_join(rt->threads[i].id, NULL);
            ASSERT(result == 0);
            rt->threads[i].is_running = false;
        }
    }
    rt_pool_stop(&rt->pool);
}

void rt_free(struct rt *rt)
{
    if (rt == NULL) {
        return;
    }
    rt_close_all(rt);
    rt_free_tables(rt);
    rt_pool_deinit(&rt->pool);
    budget_free(rt->config.budget, rt);
}

const char *rt_backend_name(const struct rt *rt)
{
    return rt->group.shards[0].backend->name;
}

struct rt_shard *rt_shard_at(struct rt *rt, uint32_t id)
{
    ASSERT(id < rt->group.shards_count);
    return &rt->group.shards[id];
}

void rt_set_flush_form(struct rt_shard *shard, uint64_t device_id, enum rt_flush_form form)
{
    ASSERT(form < RT_FLUSH_COUNT);
    struct rt_group *group = shard->group;
    uint32_t i = 0;
    while (i < group->devices_count && group->devices[i].id != device_id) {
        i++;
    }
    ASSERT(i < RT_DEVICES_MAX);
    group->devices[i] = (struct rt_device){.id = device_id, .form = form};
    group->devices_count = i == group->devices_count ? i + 1 : group->devices_count;
}

/* Shards, their mail and their threads, all in the process's budget. Whatever was made is freed by
 * rt_free_tables, also after an error. */
static enum err rt_new_tables(struct rt *rt)
{
    uint32_t count = rt->config.shards_count;
    struct budget *budget = rt->config.budget;
    void *threads = NULL;
    enum err err = rt_group_open(&rt->group, count, budget);
    if (err == ERR_OK) {
        err = budget_alloc(budget, count * sizeof(struct rt_thread), 64, &threads);
    }
    if (err != ERR_OK) {
        return err;
    }
    rt->threads = threads;
    for (uint32_t i = 0; i < count; i++) {
        rt->threads[i].rt = rt;
        rt->threads[i].shard = &rt->group.shards[i];
    }
    return ERR_OK;
}

static void rt_free_tables(struct rt *rt)
{
    budget_free(rt->config.budget, rt->threads);
    rt_group_close(&rt->group, rt->config.budget);
}

/* Open the configured backend on all shards; with RT_KIND_AUTO, epoll where io_uring cannot be had.
 */
static enum err rt_open_backends(struct rt *rt, const struct rt_machine *machine, char *note,
                                 size_t note_bytes)
{
    int saved_errno = 0;
    enum err err = ERR_OK;
    if (rt->config.kind != RT_KIND_EPOLL) {
        bool is_old = machine->kernel_major < 6;
        if (machine->has_uring && !is_old) {
            err = rt_open_all(rt, RT_KIND_URING, &saved_errno);
            if (err == ERR_OK || err == ERR_BUDGET) {
                return err;
            }
        } else {
            saved_errno = machine->uring_errno;
        }
        if (is_old) {
            snprintf(note, note_bytes, "io_uring needs Linux 6.0, this is %s", machine->kernel);
        } else {
            struct rt_machine refused = *machine;
            refused.uring_errno = saved_errno;
            rt_machine_explain_uring(&refused, note, note_bytes);
        }
        if (rt->config.kind == RT_KIND_URING) {
            return ERR_UNSUPPORTED;
        }
    }
    err = rt_open_all(rt, RT_KIND_EPOLL, &saved_errno);
    if (err != ERR_OK) {
        snprintf(note, note_bytes, "epoll cannot be set up: %s", strerrordesc_np(saved_errno));
    }
    return err;
}

static enum err rt_open_all(struct rt *rt, enum rt_kind kind, int *saved_errno)
{
    bool is_uring = kind == RT_KIND_URING;
    uint64_t shard_bytes = rt->config.memory_bytes / rt->group.shards_count;
    for (uint32_t i = 0; i < rt->group.shards_count; i++) {
        struct rt_shard *shard = &rt->group.shards[i];
        rt_shard_init(shard, i, &rt->group, is_uring ? rt_uring() : rt_epoll(), shard_bytes,
                      rt_seed(rt->config.seed, i));
        shard->app = rt->config.app;
        shard->cpu = rt->config.cpu;
        enum err err =
            is_uring ? rt_uring_open(shard, saved_errno) : rt_epoll_open(shard, saved_errno);
        if (err != ERR_OK) {
            rt_shard_deinit(shard);
            rt_close_all(rt);
            return err;
        }
        rt->opened_count++;
    }
    return ERR_OK;
}

static void rt_close_all(struct rt *rt)
{
    while (rt->opened_count > 0) {
        struct rt_shard *shard = &rt->group.shards[--rt->opened_count];
        if (shard->backend == rt_uring()) {
            rt_uring_close(shard);
        } else {
            rt_epoll_close(shard);
        }
        rt_shard_deinit(shard);
    }
}

static uint64_t rt_seed(uint64_t configured, uint32_t shard_id)
{
    uint64_t seed = configured;
    if (seed == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        seed = rt_posix_now_ns(NULL); /* no secret depends on it */
    }
    return seed + shard_id;
}

static void *rt_thread_main(void *context)
{
    struct rt_thread *thread = context;
    struct rt_shard *shard = thread->shard;
    struct rt *rt = thread->rt;
    unsigned gate;
    while ((gate = atomic_load(&rt->start_gate)) == RT_GATE_CLOSED) {
        sched_yield(); /* until every thread exists, or one could not be made */
    }
    if (gate == RT_GATE_OPEN) {
        if (shard->backend == rt_uring()) {
            rt_uring_enable(shard);
        }
        rt_shard_open_clock(shard);
        rt->config.start(shard);
        rt_loop(thread);
    }
    rt_mail_close(shard);
    atomic_fetch_sub(&rt->awake_count, 1);
    return NULL;
}

static void rt_loop(struct rt_thread *thread)
{
    struct rt_shard *shard = thread->shard;
    for (;;) {
        bool has_work = rt_shard_turn(shard);
        if (shard->is_finished && shard->waiting_count == 0) {
            return;
        }
        if (has_work) {
            (void)shard->backend->poll(shard, 0);
        } else if (!rt_loop_spin(thread)) {
            rt_loop_sleep(thread->rt, shard);
        }
    }
}

/* Hand over what was submitted and poll for a while, if that is allowed; whether there is something
 * to do. */
static bool rt_loop_spin(struct rt_thread *thread)
{
    struct rt *rt = thread->rt;
    struct rt_shard *shard = thread->shard;
    if (shard->backend->poll(shard, 0) || rt_shard_has_work(shard)) {
        return true;
    }
    uint64_t now_ns = rt_now_precise_ns(shard);
    if (shard->io_count == 0 || !rt_loop_spin_pays(thread, now_ns)) {
        return false;
    }
    bool has_polled = false;
    uint64_t until_ns = now_ns + LIMIT_POLL_NS;
    if (rt_shard_next_ns(shard) < until_ns) {
        until_ns = rt_shard_next_ns(shard);
    }
    while (shard->io_count > 0 && now_ns < until_ns &&
           atomic_load_explicit(&rt->awake_count, memory_order_relaxed) +
                   rt_pool_busy_count(&rt->pool) <=
               rt->cpus_count) {
        for (uint32_t i = 0; i < RT_SPIN_POLLS_COUNT; i++) {
            if (shard->backend->poll(shard, 0) || rt_mail_is_pending(shard)) {
                thread->spin_score += thread->spin_score < RT_SPIN_SCORE_MAX;
                return true;
            }
            CPU_RELAX();
        }
        has_polled = true;
        shard->stats.polls_count++;
        uint64_t then_ns = now_ns;
        now_ns = rt_now_precise_ns(shard);
        if (now_ns - then_ns > RT_SPIN_GAP_NS) {
            rt_loop_spin_hold(thread, now_ns);
            break;
        }
    }
    thread->spin_score -= has_polled && thread->spin_score > -RT_SPIN_SCORE_MAX;
    return false;
}

/* Whether polling has been worth it lately: on a device that takes longer it is given up before it
 * has a result. */
static bool rt_loop_spin_pays(struct rt_thread *thread, uint64_t now_ns)
{
    if (now_ns < thread->held_until_ns) {
        return false;
    }
    if (thread->spin_score < 0 && ++thread->spins_skipped < RT_SPIN_TRY_PERIOD) {
        return false;
    }
    thread->spins_skipped = 0;
    return true;
}

/* Threads of others that want to run count, too (LOG §9), and only their effect can be seen. */
static void rt_loop_spin_hold(struct rt_thread *thread, uint64_t now_ns)
{
    bool is_new = now_ns - thread->held_until_ns > thread->hold_ns;
    uint64_t hold_ns = is_new ? RT_SPIN_HOLD_NS_MIN : thread->hold_ns * 2;
    thread->hold_ns = hold_ns < RT_SPIN_HOLD_NS_MAX ? hold_ns : RT_SPIN_HOLD_NS_MAX;
    thread->held_until_ns = now_ns + thread->hold_ns;
}

static void rt_loop_sleep(struct rt *rt, struct rt_shard *shard)
{
    if (!rt_mail_may_sleep(shard)) {
        return;
    }
    shard->stats.sleeps_count++;
    atomic_fetch_sub_explicit(&rt->awake_count, 1, memory_order_relaxed);
    uint64_t until_ns = rt_shard_next_ns(shard);
    (void)shard->backend->poll(shard, until_ns != 0 ? until_ns : 1);
    atomic_fetch_add_explicit(&rt->awake_count, 1, memory_order_relaxed);
    rt_mail_awake(shard);
}

static void rt_deliver_stop(struct rt_shard *at, struct rt_mail *mail)
{
    struct rt_thread *thread = CONTAINER_OF(mail, struct rt_thread, stop);
    if (!at->is_finished && !at->is_stopping) {
        at->is_stopping = true;
        thread->rt->config.stop(at);
    }
}
