/* The turn of a shard's loop: the part of it that is the same in production and in the simulator.
 * See shard.h, backend.h.
 *
 * A turn delivers mail, fires timers, runs the ops that are ready, and rings the doorbells of the
 * shards it mailed. Whatever becomes ready meanwhile waits for the next turn, so that no chain of
 * completions keeps mail, timers or I/O waiting. */
#include "base/rt/shard.h"

#include "base/assert.h"
#include "base/rt/backend.h"
#include "base/rt/clock.h"
#include "base/rt/mailbox_int.h"
#include "base/rt/op_int.h"

static void rt_shard_fire_timers(struct rt_shard *shard);
static void rt_shard_run_ready(struct rt_shard *shard);

void rt_shard_init(struct rt_shard *shard, uint32_t id, struct rt_group *group,
                   const struct rt_backend *backend, uint64_t memory_bytes, uint64_t seed)
{
    ASSERT(id < group->shards_count);
    *shard = (struct rt_shard){
        .id = id, .group = group, .backend = backend, .inbox = &group->inboxes[id]};
    list_init(&shard->ready);
    budget_init(&shard->budget, "shard", memory_bytes, NULL);
    prng_init(&shard->prng, seed);
}

void rt_shard_deinit(struct rt_shard *shard)
{
    budget_free_all(&shard->budget);
}

void rt_shard_open_clock(struct rt_shard *shard)
{
    shard->now_ns = shard->backend->now_ns(shard);
    rt_wheel_init(&shard->timers, shard->now_ns);
}

bool rt_shard_turn(struct rt_shard *shard)
{
    uint64_t now_ns = shard->backend->now_ns(shard);
    ASSERT(now_ns >= shard->now_ns);
    shard->now_ns = now_ns;
    shard->wall_ns = 0;
    shard->stats.turns_count++;
    rt_mail_deliver(shard);
    rt_shard_fire_timers(shard);
    rt_shard_run_ready(shard);
    rt_mail_ring_doorbells(shard);
    return rt_shard_has_work(shard);
}

bool rt_shard_has_work(struct rt_shard *shard)
{
    return !list_is_empty(&shard->ready) || rt_mail_is_pending(shard);
}

uint64_t rt_shard_next_ns(const struct rt_shard *shard)
{
    return rt_wheel_next_ns(&shard->timers);
}

struct budget *rt_shard_budget(struct rt_shard *shard)
{
    return &shard->budget;
}

uint32_t rt_shard_count(const struct rt_shard *shard)
{
    return shard->group->shards_count;
}

uint32_t rt_shard_load(struct rt_shard *shard)
{
    return shard->backend->load(shard);
}

void rt_shard_finish(struct rt_shard *shard)
{
    shard->is_finished = true;
}

uint64_t rt_now_ns(const struct rt_shard *shard)
{
    return shard->now_ns;
}

uint64_t rt_now_precise_ns(struct rt_shard *shard)
{
    return shard->backend->now_ns(shard);
}

uint64_t rt_wall_ns(struct rt_shard *shard)
{
    if (shard->wall_ns == 0) {
        shard->wall_ns = shard->backend->wall_ns(shard);
    }
    return shard->wall_ns;
}

uint64_t rt_random(struct rt_shard *shard)
{
    return prng_u64(&shard->prng);
}

static void rt_shard_fire_timers(struct rt_shard *shard)
{
    if (rt_wheel_next_ns(&shard->timers) > shard->now_ns) {
        return;
    }
    struct list expired;
    list_init(&expired);
    rt_wheel_expire(&shard->timers, shard->now_ns, &expired);
    struct list_node *node; /* one at a time: a timer may stop another expired one */
    while ((node = list_pop_front(&expired)) != NULL) {
        struct rt_timer *timer = CONTAINER_OF(node, struct rt_timer, in_wheel);
        shard->stats.timers_count++;
        timer->fire(timer);
    }
}

static void rt_shard_run_ready(struct rt_shard *shard)
{
    struct list batch;
    list_init(&batch);
    list_append_all(&batch, &shard->ready);
    struct list_node *node;
    while ((node = list_pop_front(&batch)) != NULL) {
        struct rt_op *op = CONTAINER_OF(node, struct rt_op, in_queue);
        ASSERT(op->state == RT_OP_READY);
        ASSERT(IMPLIES(op->kind == RT_OP_SOCK_CLOSE, op->sock->held_count == 0));
        ASSERT(IMPLIES(op->kind == RT_OP_SOCK_DETACH && op->err != ERR_UNSUPPORTED,
                       op->sock->held_count == 0));
        op->state = RT_OP_IDLE;
        if (rt_op_is_ending(op->kind)) {
            if (op->file != NULL) {
                rt_file_ended(op);
            } else {
                rt_sock_ended(op);
            }
        }
        ASSERT(shard->waiting_count > 0);
        shard->waiting_count--;
        shard->stats.ops_count++;
        op->done(op); /* may submit the op again, or free it */
    }
}
