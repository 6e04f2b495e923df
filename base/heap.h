/* Intrusive min-heap keyed by a u64: timers by deadline, merges by key prefix.
 *
 * The key stands beside the pointer in the caller's array, so that sifting compares numbers in a
 * row and touches objects only to tell them their new place. Only between equal keys is a function
 * asked, if there is one: timers of one tick by their sequence number, byte keys by what follows
 * their first eight bytes. Without one, equal keys leave in an order that is fixed by the sequence
 * of calls, but not first in, first out.
 *
 * Capacity is fixed; nothing is allocated. A zeroed node is in no heap. The caller keeps objects
 * alive while they are in. One thread at a time. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/err.h"

/* A place in a heap, embedded in the object that waits there. */
struct heap_node {
    uint32_t place; /* index in heap.entries plus 1; 0: in no heap */
};

/* A row of the caller's array. */
struct heap_entry {
    uint64_t key;           /* smaller leaves earlier */
    struct heap_node *node; /* whose it is */
};

/* Whether `a` leaves before `b`, whose keys are equal: a strict order that stays the same while
 * both are in. */
typedef bool heap_is_before(const struct heap_node *a, const struct heap_node *b);

/* A heap, embedded in its owner. */
struct heap {
    struct heap_entry *entries; /* rows 0..count-1 are used; row i <= its children 4i+1..4i+4 */
    uint32_t count;             /* nodes in it */
    uint32_t capacity;          /* rows of `entries` */
    heap_is_before *is_before;  /* the order among equal keys; NULL: any */
};

/* Make `heap` empty over `capacity` rows at `entries` (uninitialised is fine), which the caller
 * keeps for as long as the heap is used. */
void heap_init(struct heap *heap, struct heap_entry *entries, uint32_t capacity,
               heap_is_before *is_before);

/* Put `node` (asserted: in no heap) in at `key`. ERR_FULL when all rows are used. O(log count). */
MUST_USE enum err heap_push(struct heap *heap, struct heap_node *node, uint64_t key);

/* Take the least node out; NULL when empty. O(log count). */
struct heap_node *heap_pop_min(struct heap *heap);

/* Take `node` (asserted: in this heap) out, wherever it stands. O(log count). */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Give `node` (asserted: in this heap) another key, or its old one after is_before's view of it has
 * changed. O(log count). */
void heap_update(struct heap *heap, struct heap_node *node, uint64_t key);

/* The least node, which stays in; NULL when empty. */
static inline struct heap_node *heap_min(const struct heap *heap)
{
    return heap->count > 0 ? heap->entries[0].node : NULL;
}

/* The least key; UINT64_MAX when empty: "no deadline". */
static inline uint64_t heap_min_key(const struct heap *heap)
{
    return heap->count > 0 ? heap->entries[0].key : UINT64_MAX;
}

/* Whether `node` is in a heap, whichever. */
static inline bool heap_is_linked(const struct heap_node *node)
{
    return node->place != 0;
}

/* The key of `node` (asserted: in this heap). */
static inline uint64_t heap_key(const struct heap *heap, const struct heap_node *node)
{
    ASSERT(node->place - 1 < heap->count); /* place 0 wraps to the largest */
    ASSERT(heap->entries[node->place - 1].node == node);
    return heap->entries[node->place - 1].key;
}

#endif
