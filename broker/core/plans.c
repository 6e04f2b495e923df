/* The plans a shard keeps. See plans.h. */
#include "broker/core/plans.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

/* Chunks of a plan's arena. A plan that is not kept may become as large as its query's text lets
 * it. */
#define CORE_PLAN_CHUNK_BYTES (4u << 10)
#define CORE_PLAN_ARENA_BYTES (64u << 20)

/* What a plan is looked for by. */
struct core_plans_wanted {
    const void *key;
    size_t key_bytes;
};

static bool core_plans_is(const struct map_node *node, const void *wanted);
static void core_plans_evict(struct core_plans *plans);

static struct core_plan *core_plans_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct core_plan, in_recent);
}

enum err core_plans_init(struct core_plans *plans, struct budget *budget, size_t bytes_max,
                         uint64_t seed)
{
    uint32_t capacity = map_capacity(CORE_PLANS_MAX);
    void *buckets;
    *plans = (struct core_plans){.budget = budget, .bytes_max = bytes_max, .seed = seed};
    list_init(&plans->recent);
    pool_init(&plans->pool, budget, sizeof(struct core_plan), 64, UINT32_MAX);
    enum err err = budget_alloc(budget, capacity * sizeof(struct map_node *), 64, &buckets);
    if (err == ERR_OK) {
        plans->buckets = buckets;
        map_init(&plans->map, plans->buckets, capacity);
    }
    return err;
}

void core_plans_deinit(struct core_plans *plans)
{
    core_plans_forget(plans);
    budget_free(plans->budget, plans->buckets);
    pool_deinit(&plans->pool);
}

struct core_plan *core_plans_find(struct core_plans *plans, const void *key, size_t key_bytes)
{
    struct core_plans_wanted wanted = {key, key_bytes};
    struct map_node *node =
        map_find_equal(&plans->map, hash64(key, key_bytes, plans->seed), core_plans_is, &wanted);
    if (node == NULL) {
        plans->misses_count++;
        return NULL;
    }
    struct core_plan *plan = CONTAINER_OF(node, struct core_plan, in_map);
    plans->hits_count++;
    plan->refs++;
    list_remove(&plan->in_recent);
    list_push_front(&plans->recent, &plan->in_recent);
    return plan;
}

static bool core_plans_is(const struct map_node *node, const void *wanted)
{
    const struct core_plan *plan = CONTAINER_OF(node, struct core_plan, in_map);
    const struct core_plans_wanted *w = wanted;
    return plan->key_bytes == w->key_bytes && memcmp(plan->key, w->key, w->key_bytes) == 0;
}

struct core_plan *core_plans_new(struct core_plans *plans)
{
    void *object;
    if (pool_acquire(&plans->pool, &object) != ERR_OK) {
        return NULL;
    }
    struct core_plan *plan = object;
    plan->refs = 1;
    arena_init(&plan->arena, plans->budget, CORE_PLAN_CHUNK_BYTES, CORE_PLAN_ARENA_BYTES);
    return plan;
}

void core_plans_keep(struct core_plans *plans, struct core_plan *plan, const void *key,
                     size_t key_bytes)
{
    ASSERT(!map_is_linked(&plan->in_map));
    plan->key = arena_copy(&plan->arena, key, key_bytes);
    plan->key_bytes = key_bytes;
    if (plan->key == NULL || plan->arena.held_bytes > CORE_PLAN_BYTES_MAX ||
        plan->arena.held_bytes > plans->bytes_max) {
        return;
    }
    while (plans->count > 0 && (plans->count == CORE_PLANS_MAX ||
                                plans->bytes + plan->arena.held_bytes > plans->bytes_max)) {
        core_plans_evict(plans);
    }
    uint64_t hash = hash64(key, key_bytes, plans->seed);
    struct core_plans_wanted wanted = {key, key_bytes};
    struct map_node *old = map_find_equal(&plans->map, hash, core_plans_is, &wanted);
    if (old != NULL) {
        core_plans_drop(plans, CONTAINER_OF(old, struct core_plan, in_map));
    }
    enum err err = map_insert(&plans->map, &plan->in_map, hash);
    ASSERT(err == ERR_OK); /* it has room for all */
    list_push_front(&plans->recent, &plan->in_recent);
    plan->bytes = plan->arena.held_bytes;
    plans->bytes += plan->bytes;
    plans->count++;
    plan->refs++;
}

static void core_plans_evict(struct core_plans *plans)
{
    core_plans_drop(plans, core_plans_of(list_last(&plans->recent)));
}

void core_plans_drop(struct core_plans *plans, struct core_plan *plan)
{
    if (!map_is_linked(&plan->in_map)) {
        return;
    }
    map_remove(&plans->map, &plan->in_map);
    list_remove(&plan->in_recent);
    plans->bytes -= plan->bytes;
    plans->count--;
    core_plans_unref(plans, plan);
}

void core_plans_unref(struct core_plans *plans, struct core_plan *plan)
{
    ASSERT(plan->refs > 0);
    plan->refs--;
    if (plan->refs == 0) {
        ASSERT(!map_is_linked(&plan->in_map));
        arena_deinit(&plan->arena);
        pool_release(&plans->pool, plan);
    }
}

void core_plans_forget(struct core_plans *plans)
{
    while (plans->count > 0) {
        core_plans_evict(plans);
    }
}
