/* Intrusive hash map with u64 keys, or byte-string keys through the caller's 64-bit hash, and its
 * nodes in the order of insertion.
 *
 * A node carries its key, so a look-up by number compares numbers only. For byte strings the key is
 * the hash, and the caller's function settles the rare case that two strings share it:
 *
 *     node = map_find(&partitions, id.v);
 *     node = map_find_equal(&topics, hash64(name, length, seed), topic_is, &name);
 *
 * Iteration follows insertion, never addresses or bucket counts: the same calls give the same
 * order in every run and every build, which the simulator and every fold rely on.
 *
 * Buckets are a fixed power of two that the caller provides, and as many nodes may be in; nothing
 * is allocated and nothing is rehashed, so no operation is ever slow because of its turn. Numbers
 * are spread by a multiplication that a peer who chooses them can defeat: keys from outside go
 * through a hash with a secret seed.
 *
 * A zeroed node is in no map. The caller keeps objects alive while they are in. A struct map stays
 * where it is. One thread at a time. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"

/* A link, embedded in the object that is found by its key. */
struct map_node {
    uint64_t key;              /* the number, or the hash of the byte string */
    struct map_node *chain;    /* the next node of its bucket */
    struct list_node in_order; /* map.order; unlinked: in no map */
};

/* A map, embedded in its owner. */
struct map {
    struct map_node **buckets; /* `capacity` heads of chains, newest first */
    uint32_t capacity;         /* buckets, and nodes at most: a power of two */
    uint32_t shift;            /* 63 - log2(capacity): a product's high bits are the bucket */
    uint32_t count;            /* nodes in it */
    struct list order;         /* every node in order of insertion: map_node.in_order */
};

/* Whether `node`, whose hash is the wanted one, has the byte string that `wanted` describes. */
typedef bool map_is_equal(const struct map_node *node, const void *wanted);

/* The smallest capacity for `nodes_max` nodes (1..2^31): that number rounded up to a power of two.
 * The caller provides capacity * sizeof(struct map_node *) bytes of buckets. */
uint32_t map_capacity(uint32_t nodes_max);

/* Make `map` empty over `capacity` buckets (a power of two), which the caller keeps for as long as
 * the map is used. They are cleared here. */
void map_init(struct map *map, struct map_node **buckets, uint32_t capacity);

/* Put `node` (asserted: in no map) in under `key`, last in the order. ERR_FULL when `capacity`
 * nodes are in. That no equal key is in yet is for the caller to know: nothing is replaced, and
 * map_find gives the newest of equal ones. O(1). */
MUST_USE enum err map_insert(struct map *map, struct map_node *node, uint64_t key);

/* Take `node` (asserted: in this map) out. O(1) expected. */
void map_remove(struct map *map, struct map_node *node);

/* Whether `node` is in a map, whichever. */
static inline bool map_is_linked(const struct map_node *node)
{
    return list_is_linked(&node->in_order);
}

/* The head of the chain on which `key` stands, if it is in. */
static inline struct map_node **map_bucket(const struct map *map, uint64_t key)
{
    /* Fibonacci hashing (Knuth, TAOCP 3, 6.4): 2^64 over the golden ratio. Two shifts, since one by
     * 64 is undefined. */
    return &map->buckets[key * 0x9e3779b97f4a7c15u >> 1 >> map->shift];
}

/* The node under the number `key`, or NULL. O(1) expected. */
static inline struct map_node *map_find(const struct map *map, uint64_t key)
{
    struct map_node *node = *map_bucket(map, key);
    while (node != NULL && node->key != key) {
        node = node->chain;
    }
    return node;
}

/* The node under `hash` for which is_equal(node, wanted), or NULL. is_equal is called for nodes of
 * just this hash, so usually once. O(1) expected. */
static inline struct map_node *map_find_equal(const struct map *map, uint64_t hash,
                                              map_is_equal *is_equal, const void *wanted)
{
    struct map_node *node = *map_bucket(map, hash);
    while (node != NULL && !(node->key == hash && is_equal(node, wanted))) {
        node = node->chain;
    }
    return node;
}

/* The node inserted first, or NULL when `map` is empty. */
static inline struct map_node *map_first(const struct map *map)
{
    struct list_node *node = list_first(&map->order);
    return node != NULL ? CONTAINER_OF(node, struct map_node, in_order) : NULL;
}

/* The node inserted next after `node`, which is in `map`; NULL after the last. To remove while
 * iterating, ask for the next node first. */
static inline struct map_node *map_next(const struct map *map, const struct map_node *node)
{
    struct list_node *next = list_next(&map->order, &node->in_order);
    return next != NULL ? CONTAINER_OF(next, struct map_node, in_order) : NULL;
}

#endif
