/* Bounded first-in, first-out queue of fixed-size elements over the caller's memory, for one owner.
 * (What crosses threads is a mailbox, base/rt.)
 *
 * Elements are copied in and out, or built and read in place: ring_claim and ring_peek give
 * pointers into the memory, which is as aligned as the caller made it. Nothing is allocated and
 * nothing blocks. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/err.h"

/* A queue, embedded in its owner. */
struct ring {
    uint8_t *memory;        /* (mask + 1) * element_bytes, the caller's */
    uint32_t element_bytes; /* size of one element */
    uint32_t mask;          /* capacity - 1, the capacity being a power of two */
    uint32_t head;          /* number of the oldest element; numbers wrap at 2^32 */
    uint32_t tail;          /* number the next one gets; tail - head <= mask + 1 */
};

/* Make `ring` an empty queue of `capacity` (a power of two, <= 2^31) elements of `element_bytes`
 * (> 0) at `memory`, which the caller keeps for as long as the queue is used. */
void ring_init(struct ring *ring, void *memory, uint32_t element_bytes, uint32_t capacity);

/* Copy `element` in as the newest. ERR_FULL when there is no room. */
MUST_USE enum err ring_push(struct ring *ring, const void *element);

/* Copy the oldest element to `out` and drop it. ERR_AGAIN, `out` untouched, when empty. */
MUST_USE enum err ring_pop(struct ring *ring, void *out);

/* Elements in the queue. */
static inline uint32_t ring_count(const struct ring *ring)
{
    return ring->tail - ring->head;
}

/* Whether nothing is queued. */
static inline bool ring_is_empty(const struct ring *ring)
{
    return ring->tail == ring->head;
}

/* Whether no more fits. */
static inline bool ring_is_full(const struct ring *ring)
{
    return ring_count(ring) > ring->mask;
}

/* The element `index` places behind the oldest (asserted: < ring_count), in place; valid until it
 * is dropped. */
static inline void *ring_at(const struct ring *ring, uint32_t index)
{
    ASSERT(index < ring_count(ring));
    return ring->memory + (size_t)((ring->head + index) & ring->mask) * ring->element_bytes;
}

/* The oldest element, in place, or NULL when empty; valid until it is dropped. */
static inline void *ring_peek(const struct ring *ring)
{
    return ring_is_empty(ring) ? NULL : ring_at(ring, 0);
}

/* Room for a new newest element, which is queued from now on: the caller fills it before anybody
 * reads it; it holds an old element's bytes. NULL when full. */
static inline void *ring_claim(struct ring *ring)
{
    if (ring_is_full(ring)) {
        return NULL;
    }
    ring->tail++;
    return ring_at(ring, ring_count(ring) - 1);
}

/* Drop the oldest element (asserted: there is one). */
static inline void ring_drop(struct ring *ring)
{
    ASSERT(!ring_is_empty(ring));
    ring->head++;
}

#endif
