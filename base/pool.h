/* Fixed-size objects of one type: operations, connections, timers.
 *
 * Objects are cut from slabs that come from a budget as they are needed, up to a capacity; a
 * released one is the next to be acquired, while it is warm. Slabs go back at pool_deinit only: a
 * pool holds what its busiest moment took, and its capacity says how much that may be.
 *
 * An object is zeroed when it is acquired, so its list links, map nodes and counters start out
 * unlinked and at none. Releasing what is not in use, or belongs to another pool, is asserted;
 * under AddressSanitizer a released object cannot be touched. One thread at a time; never blocks.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/err.h"

/* A slab of objects (pool.c). */
struct pool_slab;

/* What stands behind each object (pool.c). */
struct pool_tag;

/* A pool, embedded in its owner. It stays where it is while objects are in use: they know it. */
struct pool {
    struct pool_tag *free;   /* free objects, the last released first */
    uint32_t in_use_count;   /* acquired and not released */
    uint32_t capacity;       /* the most that are in use at a time */
    uint32_t object_bytes;   /* of one object */
    uint32_t tag_pos;        /* from an object to its tag: object_bytes, aligned */
    uint32_t stride_bytes;   /* from one object to the next */
    uint32_t slab_objects;   /* objects of a full-size slab */
    uint32_t objects_count;  /* in all slabs; never above capacity */
    size_t align;            /* of every object */
    struct budget *budget;   /* what the slabs are charged to */
    struct pool_slab *slabs; /* every slab, the newest first */
};

/* Make `p` an empty pool of at most `capacity` (> 0) objects of `object_bytes` (> 0, <= 1 MiB),
 * each at a multiple of `align` (a power of two, <= 4096), charged to `budget`. Takes nothing yet.
 */
void pool_init(struct pool *p, struct budget *budget, size_t object_bytes, size_t align,
               uint32_t capacity);

/* Give every slab back. Asserted: no object is in use. */
void pool_deinit(struct pool *p);

/* *out = a zeroed object, the caller's until pool_release. ERR_FULL when `capacity` are in use,
 * ERR_BUDGET when a slab is needed and refused; *out = NULL then. */
MUST_USE enum err pool_acquire(struct pool *p, void **out);

/* Take `object`, acquired from `p` and not released since (both asserted), back. NULL is allowed
 * and nothing. */
void pool_release(struct pool *p, void *object);

#endif
