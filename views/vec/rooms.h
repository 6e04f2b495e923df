/* Room outside of states that is used again: what a state leaves may still be read by those who
 * have an older copy of it, so it waits until its tick is read by nobody.
 *
 *     rooms.now = tick;                            before a tick is applied
 *     rooms.unread = store_state_unread(&state);   then, or whenever it has grown
 *
 * All memory is an arena's and goes with it. Taking and leaving look at some of what waits, more
 * than comes: nothing else has to be called. */
#ifndef VIEWS_VEC_ROOMS_H
#define VIEWS_VEC_ROOMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"

/* Sizes of rooms: multiples of 16 up to 256, then four to each doubling. */
#define VEC_ROOMS_CLASSES 112u

struct vec_rooms_block;

/* Embedded in its owner. */
struct vec_rooms {
    /* Filled by the owner. */
    uint64_t now;    /* what is left is left in this tick */
    uint64_t unread; /* what was left in this tick, or before, is read by nobody */

    /* To be read. */
    uint64_t waiting_bytes; /* left, and perhaps still read */
    uint64_t free_bytes;    /* to be taken again */

    /* Private to rooms.c. */
    struct arena *arena;
    void *free[VEC_ROOMS_CLASSES]; /* chained by their first word */
    struct vec_rooms_block *first; /* what waits, in order */
    struct vec_rooms_block *last;
    struct vec_rooms_block *spare; /* blocks of the list that are used again */
};

/* Make it empty; both ticks are 0. */
void vec_rooms_init(struct vec_rooms *rooms, struct arena *arena);

/* At least `bytes` (> 0), aligned to 8, of undefined content; *capacity = how many, which is what
 * vec_rooms_leave is told. NULL: the arena refuses. */
MUST_USE void *vec_rooms_take(struct vec_rooms *rooms, uint32_t bytes, uint32_t *capacity);

/* Leave it: as of rooms->now nobody's newest state points there. */
void vec_rooms_leave(struct vec_rooms *rooms, const void *room, uint32_t capacity);

/* Whether what has waited longest may still be read. */
bool vec_rooms_is_stuck(const struct vec_rooms *rooms);

#endif
