/* Nodes: machines, and the shards of the process that runs there. See sim.h.
 *
 * A shard's turn is an event. After a turn the shard is busy for as long as the turn took; then it
 * has another one if there is work, or sleeps until its next timer, a completion or a doorbell. A
 * sleeping shard without timers has no event at all. The monotonic clock of every machine started
 * at another moment, so that no two agree; within a turn it advances a little each time it is read,
 * or code that waits for it would wait for ever. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/sim_int.h"

#define SIM_WALL_START_NS  (1800000000ull * RT_NS_PER_S) /* 2027-01-15T08:00:00Z */
#define SIM_CLOCK_AHEAD_NS (1000000ull * RT_NS_PER_S)    /* uptimes up to 11 days */
#define SIM_PORT_FIRST     32768u                        /* as Linux's ip_local_port_range */

static void sim_node_close(struct sim_node *node);
static void sim_node_fault(void *ctx, enum sim_fault fault, const char *path, uint64_t pos);
static void sim_turn_fire(struct sim *sim, struct sim_event *event);
static void sim_turn_after(struct sim_shard *ss, bool has_work);
static void sim_deliver_stop(struct rt_shard *at, struct rt_mail *mail);
static void sim_deliver_posted(struct rt_shard *at, struct rt_mail *mail);

struct sim_node *sim_node_add(struct sim *sim)
{
    if (sim->nodes_count == sim->nodes_max) {
        uint32_t nodes_max = sim->nodes_max * 2 + 8;
        struct sim_node **nodes = sim_alloc(sim, nodes_max * sizeof(nodes[0]));
        if (sim->nodes != NULL) {
            memcpy(nodes, sim->nodes, sim->nodes_count * sizeof(nodes[0]));
            sim_free_block(sim, sim->nodes);
        }
        sim->nodes = nodes;
        sim->nodes_max = nodes_max;
    }
    struct sim_node *node = sim_alloc(sim, sizeof(*node));
    struct sim_host_options *host = &sim->options.host;
    node->sim = sim;
    node->prng = prng_fork(&sim->prng);
    node->disk = sim_disk_new(&sim->options.disk, prng_u64(&node->prng));
    sim_disk_on_fault(node->disk, sim_node_fault, node);
    node->clock_ahead_ns = prng_range(&node->prng, 1, SIM_CLOCK_AHEAD_NS);
    node->wall_ahead_ns = SIM_WALL_START_NS;
    node->reads_ahead = prng_chance(&node->prng, host->reads_ahead_ppm, 1000000);
    node->sends_late = prng_chance(&node->prng, host->sends_late_ppm, 1000000);
    node->slow_factor = 1;
    node->is_machine_up = true;
    node->port_next = SIM_PORT_FIRST;
    list_init(&node->listeners);
    sim->nodes[sim->nodes_count++] = node;
    node->id = sim->nodes_count;
    return node;
}

uint32_t sim_node_id(const struct sim_node *node)
{
    return node->id;
}

struct rt_addr sim_node_addr(const struct sim_node *node, uint16_t port)
{
    struct rt_addr addr = {.ip = {10}, .port = port};
    addr.ip[1] = (uint8_t)(node->id >> 16);
    addr.ip[2] = (uint8_t)(node->id >> 8);
    addr.ip[3] = (uint8_t)node->id;
    return addr;
}

struct sim_disk *sim_node_disk(struct sim_node *node)
{
    return node->disk;
}

struct sim_disk *sim_node_swap_disk(struct sim_node *node, struct sim_disk *disk)
{
    ASSERT(!sim_node_is_running(node));
    struct sim_disk *before = node->disk;
    node->disk = disk;
    sim_disk_on_fault(before, NULL, NULL);
    sim_disk_on_fault(disk, sim_node_fault, node);
    return before;
}

void sim_node_start(struct sim_node *node, uint32_t shards_count, const struct sim_app *app)
{
    ASSERT(!sim_node_is_running(node));
    ASSERT(shards_count >= 1);
    ASSERT(shards_count <= LIMIT_SHARDS_COUNT);
    struct sim *sim = node->sim;
    sim_trace_node(node, SIM_ROW_START, NULL, shards_count);
    struct rt_group *group = &node->group;
    *group = (struct rt_group){.form = sim_disk_options(node->disk)->form};
    enum err err = rt_group_open(group, shards_count, &sim->budget);
    ASSERT(err == ERR_OK);
    node->shards = sim_alloc(sim, shards_count * sizeof(node->shards[0]));
    node->app = *app;
    node->running_count = shards_count;
    node->is_stopping = false;
    node->is_paused = false;
    node->is_machine_up = true;
    for (uint32_t i = 0; i < shards_count; i++) {
        struct rt_shard *shard = &group->shards[i];
        rt_shard_init(shard, i, group, sim_backend(), sim->options.host.memory_bytes,
                      prng_u64(&node->prng));
        struct sim_shard *ss = &node->shards[i];
        ss->node = node;
        ss->shard = shard;
        ss->stop.deliver = sim_deliver_stop;
        list_init(&ss->ops);
        list_init(&ss->bufs);
        list_init(&ss->starved);
        shard->backend_state = ss;
        shard->app = app->ctx;
        shard->cpu = &sim->cpu;
        sim_shard_kick(ss, sim->now_ns + sim_delay_draw(&sim->options.host.wake, &sim->prng_host));
    }
}

void sim_node_stop(struct sim_node *node)
{
    ASSERT(sim_node_is_running(node));
    ASSERT(!node->is_stopping);
    node->is_stopping = true;
    sim_trace_node(node, SIM_ROW_STOP, NULL, 0);
    for (uint32_t i = 0; i < node->group.shards_count; i++) {
        rt_mail_post(&node->group.shards[i], &node->shards[i].stop);
    }
}

bool sim_node_is_running(const struct sim_node *node)
{
    return node->group.shards != NULL;
}

void sim_node_crash(struct sim_node *node, enum sim_crash how)
{
    struct sim *sim = node->sim;
    ASSERT(sim->turning == NULL);
    sim_trace_node(node, SIM_ROW_CRASH, NULL, how);
    if (sim_node_is_running(node)) {
        for (uint32_t i = 0; i < node->group.shards_count; i++) {
            sim_ops_crash(&node->shards[i]);
        }
    }
    node->is_machine_up = how == SIM_CRASH_KEEP;
    sim_net_crash(node, how != SIM_CRASH_KEEP);
    sim_disk_crash(node->disk, how, &node->prng);
    if (sim_node_is_running(node)) {
        sim_node_close(node);
    }
}

void sim_node_restart(struct sim_node *node, enum sim_crash how, uint32_t shards_count)
{
    sim_node_crash(node, how);
    sim_node_start(node, shards_count, &node->app);
}

void sim_node_pause(struct sim_node *node)
{
    ASSERT(!node->is_paused);
    sim_trace_node(node, SIM_ROW_PAUSE, NULL, 0);
    node->is_paused = true;
}

void sim_node_resume(struct sim_node *node)
{
    ASSERT(node->is_paused);
    sim_trace_node(node, SIM_ROW_RESUME, NULL, 0);
    node->is_paused = false;
    for (uint32_t i = 0; sim_node_is_running(node) && i < node->group.shards_count; i++) {
        if (node->shards[i].is_held) {
            node->shards[i].is_held = false;
            sim_shard_kick(&node->shards[i], node->sim->now_ns);
        }
    }
}

void sim_node_clock_jump(struct sim_node *node, int64_t by_ns)
{
    sim_trace_node(node, SIM_ROW_JUMP, NULL, by_ns);
    node->wall_ahead_ns += (uint64_t)by_ns;
}

void sim_node_set_slow(struct sim_node *node, uint32_t factor)
{
    ASSERT(factor >= 1);
    node->slow_factor = factor;
}

void sim_node_wipe_disk(struct sim_node *node)
{
    ASSERT(!sim_node_is_running(node));
    sim_trace_node(node, SIM_ROW_WIPE, NULL, 0);
    struct sim_disk_options options = *sim_disk_options(node->disk);
    sim_disk_free(node->disk);
    node->disk = sim_disk_new(&options, prng_u64(&node->prng));
    sim_disk_on_fault(node->disk, sim_node_fault, node);
}

struct rt_shard *sim_node_shard(struct sim_node *node, uint32_t id)
{
    ASSERT(sim_node_is_running(node));
    ASSERT(id < node->group.shards_count);
    return &node->group.shards[id];
}

void sim_post(struct rt_shard *shard, void (*call)(struct rt_shard *shard, void *ctx), void *ctx)
{
    struct sim_posted *posted = sim_alloc(sim_shard_of(shard)->node->sim, sizeof(*posted));
    posted->mail.deliver = sim_deliver_posted;
    posted->call = call;
    posted->ctx = ctx;
    rt_mail_post(shard, &posted->mail);
}

void sim_shard_kick(struct sim_shard *ss, uint64_t time_ns)
{
    struct sim *sim = ss->node->sim;
    if (sim->turning == ss || ss->is_ended || ss->is_held) {
        return; /* what it finds to do it does; or nothing is to be done */
    }
    time_ns = time_ns > ss->free_ns ? time_ns : ss->free_ns;
    if (sim_event_ns(sim, &ss->turn) > time_ns) {
        sim_event_cancel(sim, &ss->turn);
        sim_event_schedule(sim, &ss->turn, time_ns, sim_turn_fire);
    }
}

uint64_t sim_shard_now_ns(const struct sim_shard *ss)
{
    return ss->node->sim->now_ns + ss->ahead_ns;
}

/* The process is gone: its memory, and what the world kept for it. */
static void sim_node_close(struct sim_node *node)
{
    struct sim *sim = node->sim;
    for (uint32_t i = 0; i < node->group.shards_count; i++) {
        struct sim_shard *ss = &node->shards[i];
        sim_event_cancel(sim, &ss->turn);
        ASSERT(list_is_empty(&ss->ops));
        list_for_each_safe (link, following, &ss->bufs) {
            list_remove(link);
            sim_free_block(sim, CONTAINER_OF(link, struct sim_buf, in_shard));
        }
        rt_shard_deinit(ss->shard);
    }
    sim_free_block(sim, node->shards);
    rt_group_close(&node->group, &sim->budget);
    node->shards = NULL;
    node->group = (struct rt_group){0};
    node->is_paused = false;
}

static void sim_node_fault(void *ctx, enum sim_fault fault, const char *path, uint64_t pos)
{
    struct sim_node *node = ctx;
    struct sim_row row = {.kind = SIM_ROW_FAULT,
                          .what = fault,
                          .node = node->id,
                          .shard = SIM_NO_SHARD,
                          .target = path,
                          .pos = pos};
    sim_trace_add(&node->sim->trace, node->sim->now_ns, &row);
}

static void sim_turn_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_shard *ss = CONTAINER_OF(event, struct sim_shard, turn);
    struct sim_node *node = ss->node;
    struct rt_shard *shard = ss->shard;
    if (node->is_paused) {
        ss->is_held = true;
        return;
    }
    struct sim_row row = {.kind = SIM_ROW_TURN, .node = node->id, .shard = shard->id};
    sim_trace_add(&sim->trace, sim->now_ns, &row);
    sim->turning = ss;
    rt_mail_awake(shard);
    if (!ss->is_started) {
        ss->is_started = true;
        rt_shard_open_clock(shard);
        node->app.start(shard);
    }
    bool has_work = rt_shard_turn(shard);
    sim->turning = NULL;
    sim_turn_after(ss, has_work);
}

static void sim_turn_after(struct sim_shard *ss, bool has_work)
{
    struct sim_node *node = ss->node;
    struct sim *sim = node->sim;
    struct rt_shard *shard = ss->shard;
    uint64_t took_ns = sim_delay_draw(&sim->options.host.turn, &sim->prng_host);
    ss->free_ns = sim->now_ns + ss->ahead_ns + took_ns * node->slow_factor;
    ss->ahead_ns = 0;
    if (shard->is_finished && shard->waiting_count == 0) {
        rt_mail_close(shard);
        ss->is_ended = true;
        node->running_count--;
        if (node->running_count == 0) {
            sim_trace_node(node, SIM_ROW_END, NULL, 0);
            sim_net_crash(node, false);
            sim_disk_crash(node->disk, SIM_CRASH_KEEP, &node->prng);
            sim_node_close(node);
        }
    } else if (has_work || !rt_mail_may_sleep(shard)) {
        sim_shard_kick(ss, ss->free_ns);
    } else {
        uint64_t next_ns = rt_shard_next_ns(shard);
        if (next_ns != UINT64_MAX) {
            uint64_t ahead_ns = node->clock_ahead_ns;
            sim_shard_kick(ss, next_ns > ahead_ns ? next_ns - ahead_ns : 0);
        }
    }
}

static void sim_deliver_stop(struct rt_shard *at, struct rt_mail *mail)
{
    (void)mail;
    if (!at->is_finished && !at->is_stopping) {
        at->is_stopping = true;
        sim_shard_of(at)->node->app.stop(at);
    }
}

static void sim_deliver_posted(struct rt_shard *at, struct rt_mail *mail)
{
    struct sim_posted *posted = CONTAINER_OF(mail, struct sim_posted, mail);
    void (*call)(struct rt_shard * shard, void *ctx) = posted->call;
    void *ctx = posted->ctx;
    sim_free_block(sim_shard_of(at)->node->sim, posted);
    call(at, ctx);
}
