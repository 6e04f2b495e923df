/* Chained hash map. See map.h.
 *
 * Chains rather than open addressing: nodes are intrusive, so a chain costs no memory of its own,
 * removal leaves no tombstones, and at a load of at most one a chain has 1.5 nodes on average where
 * it has any.
 *
 * Invariants: a node is on the chain of its key's bucket and in `order`, or in neither; count is
 * the length of `order`. */
#include "base/map.h"

#include <string.h>

uint32_t map_capacity(uint32_t nodes_max)
{
    ASSERT(nodes_max >= 1);
    ASSERT(nodes_max <= 1u << 31);
    return nodes_max == 1 ? 1 : 1u << (32 - __builtin_clz(nodes_max - 1));
}

void map_init(struct map *map, struct map_node **buckets, uint32_t capacity)
{
    ASSERT(capacity > 0);
    ASSERT((capacity & (capacity - 1)) == 0);
    *map = (struct map){
        .buckets = buckets, .capacity = capacity, .shift = 63 - (uint32_t)__builtin_ctz(capacity)};
    memset(buckets, 0, capacity * sizeof(struct map_node *));
    list_init(&map->order);
}

enum err map_insert(struct map *map, struct map_node *node, uint64_t key)
{
    ASSERT(!map_is_linked(node));
    if (map->count == map->capacity) {
        return ERR_FULL;
    }
    struct map_node **bucket = map_bucket(map, key);
    node->key = key;
    node->chain = *bucket;
    *bucket = node;
    list_push_back(&map->order, &node->in_order);
    map->count++;
    return ERR_OK;
}

void map_remove(struct map *map, struct map_node *node)
{
    ASSERT(map_is_linked(node));
    struct map_node **link = map_bucket(map, node->key);
    while (*link != NULL && *link != node) {
        link = &(*link)->chain;
    }
    ASSERT(*link == node); /* else it is in another map, or its key was written to */
    *link = node->chain;
    node->chain = NULL;
    list_remove(&node->in_order);
    map->count--;
}
