/* Timers: start and stop one among a hundred thousand that run, as every op with a deadline does.
 *
 * The deadlines are 1 ms to 10 s away, so that all levels of the wheel that matter take part. The
 * peer does the same with base/heap, the other structure one could use. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/prng.h"
#include "base/rt/clock.h"
#include "base/rt/timer.h"
#include "bench/micro/bench.h"

#define TIMER_RUNNING_COUNT 100000u
#define TIMER_USED_COUNT    1024u /* timers started and stopped in turn; a power of two */

/* One deadline, in both structures. */
struct timer_entry {
    struct rt_timer timer;
    struct heap_node node;
};

/* What both sides work on. */
struct timer_work {
    struct rt_wheel wheel;
    struct heap heap;
    struct heap_entry entries[TIMER_RUNNING_COUNT + TIMER_USED_COUNT];
    struct timer_entry running[TIMER_RUNNING_COUNT];
    struct timer_entry used[TIMER_USED_COUNT];
};

static void timer_fill(struct timer_work *work);
static void timer_loop_wheel(void *context, uint64_t ops_count);
static void timer_loop_heap(void *context, uint64_t ops_count);
static void timer_never_fires(struct rt_timer *timer);

int main(int argc, char **argv)
{
    struct bench b;
    bench_init(&b, argc, argv);
    struct timer_work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return 1;
    }
    timer_fill(work);
    struct bench_side wheel = {.loop = timer_loop_wheel, .context = work};
    struct bench_side heap = {.loop = timer_loop_heap, .context = work};
    struct bench_pair pair = bench_pair(&b, "add and cancel among 100,000", &wheel, &heap, 51);
    bench_row(&b, &(struct bench_row){.name = "add and cancel among 100,000",
                                      .value = pair.ours,
                                      .unit = "ns/op",
                                      .peer = "a binary heap",
                                      .ratio = pair.ratio,
                                      .bar = "< 50 ns/op"});
    bench_row_allocs(&b, "add and cancel: allocations", &wheel);
    free(work);
    return bench_finish(&b);
}

static void timer_fill(struct timer_work *work)
{
    struct prng prng;
    prng_init(&prng, 1);
    rt_wheel_init(&work->wheel, RT_NS_PER_S);
    heap_init(&work->heap, work->entries, ARRAY_COUNT(work->entries), NULL);
    for (size_t i = 0; i < TIMER_RUNNING_COUNT + TIMER_USED_COUNT; i++) {
        bool is_running = i < TIMER_RUNNING_COUNT;
        struct timer_entry *entry =
            is_running ? &work->running[i] : &work->used[i - TIMER_RUNNING_COUNT];
        rt_timer_init(&entry->timer, NULL, timer_never_fires);
        entry->timer.deadline_ns = RT_NS_PER_S + RT_NS_PER_MS + prng_below(&prng, 10 * RT_NS_PER_S);
        if (is_running) {
            rt_wheel_add(&work->wheel, &entry->timer);
            enum err err = heap_push(&work->heap, &entry->node, entry->timer.deadline_ns);
            ASSERT(err == ERR_OK);
        }
    }
}

static void timer_loop_wheel(void *context, uint64_t ops_count)
{
    struct timer_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        struct timer_entry *entry = &work->used[i % TIMER_USED_COUNT];
        rt_wheel_add(&work->wheel, &entry->timer);
        rt_wheel_remove(&work->wheel, &entry->timer);
    }
}

static void timer_loop_heap(void *context, uint64_t ops_count)
{
    struct timer_work *work = context;
    for (uint64_t i = 0; i < ops_count; i++) {
        struct timer_entry *entry = &work->used[i % TIMER_USED_COUNT];
        enum err err = heap_push(&work->heap, &entry->node, entry->timer.deadline_ns);
        ASSERT(err == ERR_OK);
        heap_remove(&work->heap, &entry->node);
    }
}

static void timer_never_fires(struct rt_timer *timer)
{
    (void)timer;
    UNREACHABLE();
}
