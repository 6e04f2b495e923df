/* The world: its clock and its events. See sim.h. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "tests/sim/sim_int.h"

#define SIM_EVENTS_FIRST_COUNT 1024u

static bool sim_event_is_before(const struct heap_node *a, const struct heap_node *b);
static void sim_events_grow(struct sim *sim);
static void sim_step(struct sim *sim);
static void sim_call_fire(struct sim *sim, struct sim_event *event);

struct sim_options sim_options_calm(void)
{
    return (struct sim_options){
        .disk = sim_disk_options_calm(),
        .link = {.delay = {.min_ns = 50000, .mean_ns = 150000}},
        .host = {.memory_bytes = 64u << 20,
                 .turn = {.min_ns = 300, .mean_ns = 2000},
                 .wake = {.min_ns = 500, .mean_ns = 5000},
                 .job = {.min_ns = 10000, .mean_ns = 200000},
                 .cancel_ppm = 500000,
                 .recv_buffers_count = LIMIT_RECV_BUFFERS_COUNT,
                 .recv_split_ppm = 250000,
                 .reads_ahead_ppm = 500000,
                 .sends_late_ppm = 500000,
                 .segment_bytes = 32u << 10,
                 .window_count = 16,
                 .buffer_bytes = 256u << 10,
                 .backlog_count = 128,
                 .retry_ns = 200000000,
                 .retries_count = 6,
                 .reset = {.min_ns = 1000000, .mean_ns = 50000000}},
    };
}

struct sim *sim_new(uint64_t seed, const struct sim_options *options)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    ASSERT(sim != NULL);
    ASSERT(options->host.recv_buffers_count <= LIMIT_RECV_BUFFERS_COUNT);
    ASSERT(options->host.recv_buffers_count > 0);
    budget_init(&sim->budget, "sim", SIZE_MAX, NULL);
    sim->options = *options;
    sim_trace_init(&sim->trace, options->trace, options->trace_ctx);
    prng_init(&sim->prng, seed);
    sim->prng_host = prng_fork(&sim->prng);
    sim->prng_net = prng_fork(&sim->prng);
    list_init(&sim->conns);
    list_init(&sim->dead_conns);
    list_init(&sim->calls);
    list_init(&sim->free_ops);
    if (options->host.cpu != NULL) {
        sim->cpu = *options->host.cpu;
    } else {
        cpu_detect(&sim->cpu);
    }
    sim_events_grow(sim);
    return sim;
}

void sim_free(struct sim *sim)
{
    ASSERT(sim->turning == NULL);
    for (uint32_t i = 0; i < sim->nodes_count; i++) {
        struct sim_node *node = sim->nodes[i];
        sim_node_crash(node, SIM_CRASH_KEEP);
        sim_disk_free(node->disk);
    }
    sim_net_free(sim);
    budget_free_all(&sim->budget);
    free(sim);
}

struct sim_options *sim_options(struct sim *sim)
{
    return &sim->options;
}

uint64_t sim_now_ns(const struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_hash(const struct sim *sim)
{
    return sim->trace.hash;
}

uint64_t sim_events_count(const struct sim *sim)
{
    return sim->events_count;
}

struct prng *sim_prng(struct sim *sim)
{
    return &sim->prng;
}

void sim_at(struct sim *sim, uint64_t time_ns, void (*call)(struct sim *sim, void *ctx), void *ctx)
{
    struct sim_call *c = sim_alloc(sim, sizeof(*c));
    c->call = call;
    c->ctx = ctx;
    list_push_back(&sim->calls, &c->in_sim);
    sim_event_schedule(sim, &c->event, time_ns > sim->now_ns ? time_ns : sim->now_ns,
                       sim_call_fire);
}

void sim_run_until(struct sim *sim, uint64_t time_ns)
{
    ASSERT(time_ns >= sim->now_ns);
    while (heap_min_key(&sim->events) <= time_ns && sim->events.count > 0) {
        sim_step(sim);
    }
    sim->now_ns = time_ns;
}

void sim_run_for(struct sim *sim, uint64_t duration_ns)
{
    sim_run_until(sim, sim->now_ns + duration_ns);
}

bool sim_run_steps(struct sim *sim, uint64_t count)
{
    for (; count > 0 && sim->events.count > 0; count--) {
        sim_step(sim);
    }
    return count == 0;
}

bool sim_run_until_idle(struct sim *sim, uint64_t limit_ns)
{
    while (sim->events.count > 0 && heap_min_key(&sim->events) <= limit_ns) {
        sim_step(sim);
    }
    return sim->events.count == 0;
}

bool sim_run_until_true(struct sim *sim, bool (*is_true)(void *ctx), void *ctx, uint64_t limit_ns)
{
    bool is_done = is_true(ctx);
    while (!is_done && sim->events.count > 0 && heap_min_key(&sim->events) <= limit_ns) {
        sim_step(sim);
        is_done = is_true(ctx);
    }
    return is_done;
}

void *sim_alloc(struct sim *sim, size_t bytes)
{
    void *out = NULL;
    enum err err = budget_alloc(&sim->budget, bytes, 64, &out);
    ASSERT(err == ERR_OK);
    return out;
}

void sim_free_block(struct sim *sim, void *ptr)
{
    budget_free(&sim->budget, ptr);
}

void sim_event_schedule(struct sim *sim, struct sim_event *event, uint64_t time_ns,
                        void (*fire)(struct sim *sim, struct sim_event *event))
{
    ASSERT(time_ns >= sim->now_ns);
    event->sequence = ++sim->sequence;
    event->fire = fire;
    if (sim->events.count == sim->events.capacity) {
        sim_events_grow(sim);
    }
    enum err err = heap_push(&sim->events, &event->in_heap, time_ns);
    ASSERT(err == ERR_OK);
}

void sim_event_cancel(struct sim *sim, struct sim_event *event)
{
    if (heap_is_linked(&event->in_heap)) {
        heap_remove(&sim->events, &event->in_heap);
    }
}

uint64_t sim_event_ns(const struct sim *sim, const struct sim_event *event)
{
    return heap_is_linked(&event->in_heap) ? heap_key(&sim->events, &event->in_heap) : UINT64_MAX;
}

void sim_trace_node(struct sim_node *node, enum sim_row_kind kind, const char *target,
                    int64_t result)
{
    struct sim_row row = {
        .kind = kind, .node = node->id, .shard = SIM_NO_SHARD, .target = target, .result = result};
    sim_trace_add(&node->sim->trace, node->sim->now_ns, &row);
}

uint64_t sim_checksum(const struct iovec *iov, uint32_t iov_count, uint64_t skip, uint64_t length)
{
    uint64_t checksum = 0;
    for (uint32_t i = 0; i < iov_count && length > 0; i++) {
        uint64_t left = iov[i].iov_len;
        if (skip >= left) {
            skip -= left;
            continue;
        }
        left = left - skip < length ? left - skip : length;
        checksum = hash64((const uint8_t *)iov[i].iov_base + skip, left, checksum);
        length -= left;
        skip = 0;
    }
    return checksum;
}

static bool sim_event_is_before(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct sim_event, in_heap)->sequence <
           CONTAINER_OF(b, struct sim_event, in_heap)->sequence;
}

/* A heap twice as large, filled anew. */
static void sim_events_grow(struct sim *sim)
{
    struct heap before = sim->events;
    uint32_t capacity = before.capacity > 0 ? before.capacity * 2 : SIM_EVENTS_FIRST_COUNT;
    struct heap_entry *rows = sim_alloc(sim, capacity * sizeof(rows[0]));
    heap_init(&sim->events, rows, capacity, sim_event_is_before);
    for (uint32_t i = 0; i < before.count; i++) {
        struct heap_entry row = before.entries[i];
        row.node->place = 0;
        enum err err = heap_push(&sim->events, row.node, row.key);
        ASSERT(err == ERR_OK);
    }
    sim_free_block(sim, sim->rows);
    sim->rows = rows;
}

static void sim_step(struct sim *sim)
{
    uint64_t time_ns = heap_min_key(&sim->events);
    struct heap_node *node = heap_pop_min(&sim->events);
    struct sim_event *event = CONTAINER_OF(node, struct sim_event, in_heap);
    ASSERT(time_ns >= sim->now_ns);
    sim->now_ns = time_ns;
    sim->events_count++;
    event->fire(sim, event);
    sim_net_reap(sim);
}

static void sim_call_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_call *c = CONTAINER_OF(event, struct sim_call, event);
    void (*call)(struct sim * sim, void *ctx) = c->call;
    void *ctx = c->ctx;
    list_remove(&c->in_sim);
    sim_free_block(sim, c);
    struct sim_row row = {.kind = SIM_ROW_CALL, .shard = SIM_NO_SHARD};
    sim_trace_add(&sim->trace, sim->now_ns, &row);
    call(sim, ctx);
}
