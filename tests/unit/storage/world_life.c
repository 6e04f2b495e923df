/* The world's process ends and starts again: what it finds is where the workload goes on. See
 * world.h. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/rt/clock.h"
#include "tests/unit/storage/world_int.h"

static void world_go_on(struct rt_shard *shard, void *ctx)
{
    struct world *world = ctx;
    rt_timer_start(&world->shards[shard->id].timer, rt_now_ns(shard) + 1);
}

/* Appends that are not there any more. A damaged disk may show them again. */
static void world_bury(struct world_group *group, uint32_t k)
{
    uint32_t count = group->ghosts_count + group->submitted_count - k;
    if (count == group->ghosts_count) {
        return;
    }
    group->ghosts = realloc(group->ghosts, count * sizeof(group->ghosts[0]));
    ASSERT(group->ghosts != NULL);
    for (uint32_t i = k; i < group->submitted_count; i++) {
        if (group->ops[i].kind == WORLD_APPEND && !group->ops[i].is_void) {
            group->ghosts[group->ghosts_count++] = group->ops[i];
        }
    }
}

/* The group's operations end with those that were found. */
static void world_resume(struct world *world, struct world_group *group)
{
    struct log *log = world_find(world, group);
    struct log_status status = {.is_available = true};
    if (log != NULL) {
        log_status(log, &status);
    }
    uint32_t k = world_state_of(group, log, group->done_count, group->submitted_count, false);
    if (k == UINT32_MAX || !status.is_available || status.is_amnesiac ||
        status.quarantine_count > 0) {
        world_fail(world, "a restart finds no state of a group", group->id, status.end.index);
        return;
    }
    for (uint32_t i = k; log == NULL && i < group->submitted_count; i++) {
        k = group->ops[i].is_exists ? k : i + 1; /* it is deleted, not new */
    }
    world_replace_forget(group);
    world_bury(group, k);
    for (uint32_t i = 0; i < k; i++) {
        group->ops[i].is_done = true;
    }
    group->done_count = group->submitted_count = k;
    group->waits_for = NULL;
    group->log = log;
}

bool world_restart(struct world *world, enum sim_crash how, uint32_t shards_count)
{
    world->is_stopping = true;
    if (sim_node_is_running(world->node)) {
        sim_node_crash(world->node, how);
    }
    world->options.shards_count = shards_count;
    world_start(world, shards_count);
    if (!world_await(world)) {
        world_fail(world, "the store does not open again", 0, 0);
    }
    for (uint32_t i = 0; i < world->options.groups_count && world->failure[0] == '\0'; i++) {
        world_resume(world, &world->groups[i]);
    }
    if (world->failure[0] != '\0') {
        return false;
    }
    world->is_stopping = false;
    for (uint32_t i = 0; i < shards_count; i++) {
        sim_post(sim_node_shard(world->node, i), world_go_on, world);
    }
    return true;
}

bool world_state_is(const struct world_op *op, const struct log_status *status, bool is_damaged)
{
    bool is_start =
        (op->start_index == status->start.index && op->start_skip == status->start.skip_count) ||
        (is_damaged && op->start_index >= status->start.index); /* a trim may be lost: no harm */
    return op->is_exists && is_start && op->end.index == status->end.index &&
           op->end.offset == status->end.offset && op->end.term == status->end.term &&
           hash128_is_equal(op->end.chain, status->end.chain) &&
           op->hard.term == status->hard.term && op->hard.vote == status->hard.vote;
}
