/* Who is given the same: shapes, their slots by the value that tells them apart, and in each slot
 * crowds by how that value was written. See follow.h. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "broker/core/core.h"
#include "broker/core/follow_int.h"
#include "views/vec/key.h"

/* The first size of a map. */
#define CORE_FOLLOW_MAP_COUNT 8u

/* What is looked for. */
struct core_follow_wanted {
    const struct core_follow *follow;
    const uint8_t *key;
    uint32_t key_bytes;
};

static struct core_follow_shape *core_follow_shape_enter(struct core_follow *follow);
static struct core_follow_slot *core_follow_slot_enter(struct core_follow *follow,
                                                       struct core_follow_shape *shape);
static struct core_follow_crowd *core_follow_crowd_enter(struct core_follow *follow,
                                                         struct core_follow_slot *slot,
                                                         uint64_t hash);
static void core_follow_slot_leave(struct core_follow_slot *slot);
static void core_follow_shape_leave(struct core_follow_shape *shape);

/* --- Maps --- */

bool core_follow_map_put(struct budget *budget, struct core_follow_map *m, struct map_node *node,
                         uint64_t key)
{
    if (m->buckets == NULL || m->map.count == m->map.capacity) {
        uint32_t capacity = m->buckets == NULL ? CORE_FOLLOW_MAP_COUNT : 2 * m->map.capacity;
        struct map fresh;
        struct map_node *old;
        void *buckets;
        if (budget_alloc(budget, capacity * sizeof(struct map_node *), 16, &buckets) != ERR_OK) {
            return false;
        }
        map_init(&fresh, buckets, capacity);
        struct list nodes;
        list_init(&nodes);
        while (m->buckets != NULL && (old = map_first(&m->map)) != NULL) {
            map_remove(&m->map, old);
            list_push_back(&nodes, &old->in_order);
        }
        budget_free(budget, m->buckets);
        m->buckets = buckets;
        map_init(&m->map, m->buckets, capacity);
        struct list_node *in_order;
        while ((in_order = list_pop_front(&nodes)) != NULL) {
            old = CONTAINER_OF(in_order, struct map_node, in_order);
            enum err err = map_insert(&m->map, old, old->key);
            ASSERT(err == ERR_OK);
        }
    }
    enum err err = map_insert(&m->map, node, key);
    ASSERT(err == ERR_OK);
    return true;
}

void core_follow_map_take(struct budget *budget, struct core_follow_map *m, struct map_node *node)
{
    map_remove(&m->map, node);
    if (m->map.count == 0) {
        budget_free(budget, m->buckets);
        m->buckets = NULL;
    }
}

/* --- Coming --- */

static bool core_follow_crowd_is(const struct map_node *node, const void *wanted)
{
    const struct core_follow_crowd *crowd = CONTAINER_OF(node, struct core_follow_crowd, in_tail);
    const struct core_follow *follow = ((const struct core_follow_wanted *)wanted)->follow;
    const struct vec_bytes *a = &crowd->plan->identity;
    const struct vec_bytes *b = &follow->plan->identity;
    return crowd->ops == follow->ops && a->length == b->length &&
           memcmp(a->data, b->data, a->length) == 0;
}

bool core_follow_enter(struct core_follow *follow)
{
    struct core_follow_tail *tail = follow->tail;
    const struct core_follow_wanted wanted = {.follow = follow};
    uint64_t hash =
        hash64(follow->plan->identity.data, follow->plan->identity.length, tail->follows->seed);
    struct map_node *node =
        tail->crowds.buckets != NULL
            ? map_find_equal(&tail->crowds.map, hash, core_follow_crowd_is, &wanted)
            : NULL;
    struct core_follow_crowd *crowd =
        node != NULL ? CONTAINER_OF(node, struct core_follow_crowd, in_tail) : NULL;
    if (crowd == NULL) {
        struct core_follow_shape *shape = core_follow_shape_enter(follow);
        struct core_follow_slot *slot =
            shape != NULL ? core_follow_slot_enter(follow, shape) : NULL;
        crowd = slot != NULL ? core_follow_crowd_enter(follow, slot, hash) : NULL;
    }
    if (crowd == NULL) {
        return false;
    }
    follow->crowd = crowd;
    list_push_back(&crowd->members, &follow->in_crowd);
    return true;
}

static const struct vec_bytes *core_follow_shape_bytes(const struct core_subscribe_plan *plan)
{
    return plan->is_indexed ? &plan->shape : &plan->identity;
}

static bool core_follow_shape_is(const struct map_node *node, const void *wanted)
{
    const struct core_follow_shape *shape = CONTAINER_OF(node, struct core_follow_shape, in_tail);
    const struct core_subscribe_plan *plan =
        ((const struct core_follow_wanted *)wanted)->follow->plan;
    const struct vec_bytes *a = core_follow_shape_bytes(core_follow_shape_plan(shape));
    const struct vec_bytes *b = core_follow_shape_bytes(plan);
    return shape->is_indexed == plan->is_indexed && a->length == b->length &&
           memcmp(a->data, b->data, a->length) == 0;
}

const struct core_subscribe_plan *core_follow_shape_plan(const struct core_follow_shape *shape)
{
    const struct core_follow_slot *slot =
        CONTAINER_OF(map_first(&shape->slots.map), struct core_follow_slot, in_shape);
    return CONTAINER_OF(list_first(&slot->crowds), struct core_follow_crowd, in_slot)->plan;
}

/* The shape, which may have no slot yet. NULL: no memory. */
static struct core_follow_shape *core_follow_shape_enter(struct core_follow *follow)
{
    struct core_follow_tail *tail = follow->tail;
    struct budget *budget = &tail->follows->budget;
    const struct vec_bytes *bytes = core_follow_shape_bytes(follow->plan);
    const struct core_follow_wanted wanted = {.follow = follow};
    uint64_t hash = hash64(bytes->data, bytes->length, tail->follows->seed);
    struct map_node *node =
        tail->shapes.buckets != NULL
            ? map_find_equal(&tail->shapes.map, hash, core_follow_shape_is, &wanted)
            : NULL;
    void *memory;
    if (node != NULL) {
        return CONTAINER_OF(node, struct core_follow_shape, in_tail);
    }
    if (budget_alloc(budget, sizeof(struct core_follow_shape), 16, &memory) != ERR_OK) {
        return NULL;
    }
    struct core_follow_shape *shape = memory;
    shape->tail = tail;
    shape->is_indexed = follow->plan->is_indexed;
    if (!core_follow_map_put(budget, &tail->shapes, &shape->in_tail, hash)) {
        budget_free(budget, shape);
        return NULL;
    }
    tail->follows->shapes_count++;
    return shape;
}

static bool core_follow_slot_is(const struct map_node *node, const void *wanted)
{
    const struct core_follow_slot *slot = CONTAINER_OF(node, struct core_follow_slot, in_shape);
    const struct core_follow_wanted *key = wanted;
    return slot->key_bytes == key->key_bytes &&
           (key->key_bytes == 0 || memcmp(slot + 1, key->key, key->key_bytes) == 0);
}

struct core_follow_slot *core_follow_slot_find(const struct core_follow_shape *shape,
                                               const uint8_t *key, uint32_t key_bytes)
{
    const struct core_follow_wanted wanted = {.key = key, .key_bytes = key_bytes};
    struct map_node *node =
        shape->slots.buckets != NULL
            ? map_find_equal(&shape->slots.map, hash64(key, key_bytes, shape->tail->follows->seed),
                             core_follow_slot_is, &wanted)
            : NULL;
    return node != NULL ? CONTAINER_OF(node, struct core_follow_slot, in_shape) : NULL;
}

/* The slot, which may have no crowd yet. NULL: no memory; a shape without a slot is gone then. */
static struct core_follow_slot *core_follow_slot_enter(struct core_follow *follow,
                                                       struct core_follow_shape *shape)
{
    struct core_follows *follows = shape->tail->follows;
    const struct core_subscribe_plan *plan = follow->plan;
    struct vec_keys keys = {.data = NULL};
    uint32_t key_bytes = 0;
    struct core_follow_slot *slot = NULL;
    void *memory;
    arena_reset(&follows->scratch);
    if (plan->is_indexed) {
        const struct core_subscribe_equality *equality = &plan->equalities[0];
        uint32_t column = plan->columns[equality->column];
        struct vec_vector value;
        const struct vec_vector *columns[1] = {&value};
        vec_constant(plan->relation->columns[column].type, &equality->value, &value);
        if (vec_keys_make(&follows->scratch, columns, NULL, 1, (struct vec_selection){.count = 1},
                          &keys) != ERR_OK) {
            core_follow_shape_leave(shape);
            return NULL;
        }
        key_bytes = keys.ends[0];
    }
    slot = core_follow_slot_find(shape, keys.data, key_bytes);
    if (slot != NULL) {
        return slot;
    }
    if (budget_alloc(&follows->budget, sizeof(*slot) + key_bytes, 16, &memory) == ERR_OK) {
        slot = memory;
        slot->shape = shape;
        slot->key_bytes = key_bytes;
        list_init(&slot->crowds);
        if (key_bytes > 0) {
            memcpy(slot + 1, keys.data, key_bytes);
        }
        if (!core_follow_map_put(&follows->budget, &shape->slots, &slot->in_shape,
                                 hash64(keys.data, key_bytes, follows->seed))) {
            budget_free(&follows->budget, slot);
            slot = NULL;
        }
    }
    if (slot == NULL) {
        core_follow_shape_leave(shape);
    }
    return slot;
}

/* NULL: no memory; a slot without a crowd is gone then. */
static struct core_follow_crowd *core_follow_crowd_enter(struct core_follow *follow,
                                                         struct core_follow_slot *slot,
                                                         uint64_t hash)
{
    struct core_follow_tail *tail = follow->tail;
    struct budget *budget = &tail->follows->budget;
    void *memory;
    if (budget_alloc(budget, sizeof(struct core_follow_crowd), 16, &memory) != ERR_OK) {
        core_follow_slot_leave(slot);
        return NULL;
    }
    struct core_follow_crowd *crowd = memory;
    list_init(&crowd->now);
    list_init(&crowd->current);
    list_init(&crowd->behind);
    list_init(&crowd->members);
    crowd->ops = follow->ops;
    crowd->plan = follow->plan;
    crowd->slot = slot;
    if (!core_follow_map_put(budget, &tail->crowds, &crowd->in_tail, hash)) {
        budget_free(budget, crowd);
        core_follow_slot_leave(slot);
        return NULL;
    }
    list_push_back(&slot->crowds, &crowd->in_slot);
    tail->follows->crowds_count++;
    return crowd;
}

/* --- Going --- */

void core_follow_exit(struct core_follow *follow)
{
    struct core_follow_crowd *crowd = follow->crowd;
    struct core_follow_tail *tail = follow->tail;
    ASSERT(!list_is_linked(&follow->in_wait));
    ASSERT(!list_is_linked(&follow->in_now));
    follow->crowd = NULL;
    list_remove(&follow->in_crowd);
    if (!list_is_empty(&crowd->members)) {
        crowd->plan = CONTAINER_OF(list_first(&crowd->members), struct core_follow, in_crowd)->plan;
        return;
    }
    ASSERT(list_is_empty(&crowd->now));
    ASSERT(list_is_empty(&crowd->current));
    ASSERT(list_is_empty(&crowd->behind));
    crowd->ops->crowd_gone(crowd);
    if (list_is_linked(&crowd->in_told)) {
        list_remove(&crowd->in_told);
    }
    if (list_is_linked(&crowd->in_behind)) {
        list_remove(&crowd->in_behind);
    }
    if (tail->refresh == &crowd->in_tail) {
        tail->refresh = map_next(&tail->crowds.map, tail->refresh);
    }
    list_remove(&crowd->in_slot);
    tail->follows->crowds_count--;
    core_follow_map_take(&tail->follows->budget, &tail->crowds, &crowd->in_tail);
    core_follow_slot_leave(crowd->slot);
    budget_free(&tail->follows->budget, crowd);
}

static void core_follow_slot_leave(struct core_follow_slot *slot)
{
    struct core_follow_shape *shape = slot->shape;
    struct budget *budget = &shape->tail->follows->budget;
    if (!list_is_empty(&slot->crowds)) {
        return;
    }
    core_follow_map_take(budget, &shape->slots, &slot->in_shape);
    budget_free(budget, slot);
    core_follow_shape_leave(shape);
}

static void core_follow_shape_leave(struct core_follow_shape *shape)
{
    struct core_follow_tail *tail = shape->tail;
    if (shape->slots.buckets != NULL) {
        return;
    }
    if (tail->shape == shape) { /* the round goes on with the next one */
        struct map_node *next = map_next(&tail->shapes.map, &shape->in_tail);
        tail->shape = next != NULL ? CONTAINER_OF(next, struct core_follow_shape, in_tail) : NULL;
        core_follow_tail_rewind(tail);
    }
    tail->follows->shapes_count--;
    core_follow_map_take(&tail->follows->budget, &tail->shapes, &shape->in_tail);
    budget_free(&tail->follows->budget, shape);
}
