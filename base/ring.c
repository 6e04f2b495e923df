/* Copying in and out of a ring. See ring.h.
 *
 * Invariant: head and tail only grow, modulo 2^32; their low bits are the place, their difference
 * is the count, so no slot is lost to tell full from empty. */
#include "base/ring.h"

#include <string.h>

void ring_init(struct ring *ring, void *memory, uint32_t element_bytes, uint32_t capacity)
{
    ASSERT(memory != NULL);
    ASSERT(element_bytes > 0);
    ASSERT(capacity > 0);
    ASSERT((capacity & (capacity - 1)) == 0);
    *ring = (struct ring){.memory = memory, .element_bytes = element_bytes, .mask = capacity - 1};
}

enum err ring_push(struct ring *ring, const void *element)
{
    void *place = ring_claim(ring);
    if (place == NULL) {
        return ERR_FULL;
    }
    memcpy(place, element, ring->element_bytes);
    return ERR_OK;
}

enum err ring_pop(struct ring *ring, void *out)
{
    const void *oldest = ring_peek(ring);
    if (oldest == NULL) {
        return ERR_AGAIN;
    }
    memcpy(out, oldest, ring->element_bytes);
    ring_drop(ring);
    return ERR_OK;
}
