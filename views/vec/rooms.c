/* Room that is used again. See rooms.h.
 *
 * What waits stands in a list of its own, for its bytes may still be read; ticks come in order, so
 * only the front of the list is looked at. Where the list itself gets no memory, a room is lost
 * until the arena goes. */
#include "views/vec/rooms.h"

#include <string.h>

#include "base/assert.h"

/* Rooms of a block of the list. */
#define VEC_ROOMS_BLOCK 126u

/* Sizes up to here are multiples of the step. */
#define VEC_ROOMS_STEP   16u
#define VEC_ROOMS_LINEAR 16u

/* Rooms looked at whenever one is taken or left. */
#define VEC_ROOMS_LOOK 2u

struct vec_rooms_wait {
    void *room;
    uint64_t tick; /* in which it was left, and its class: tick << 8 | class */
};

struct vec_rooms_block {
    struct vec_rooms_block *next;
    uint32_t begin; /* the first that still waits */
    uint32_t end;   /* behind the last */
    struct vec_rooms_wait waits[VEC_ROOMS_BLOCK];
};

void vec_rooms_init(struct vec_rooms *rooms, struct arena *arena)
{
    *rooms = (struct vec_rooms){.arena = arena};
}

/* The class of the smallest rooms of at least `bytes`. */
static uint32_t vec_rooms_class(uint32_t bytes)
{
    if (bytes <= VEC_ROOMS_STEP * VEC_ROOMS_LINEAR) {
        return (bytes - 1) / VEC_ROOMS_STEP;
    }
    uint32_t last = bytes - 1;
    uint32_t top = 31 - (uint32_t)__builtin_clz(last);
    return VEC_ROOMS_LINEAR + (top - 8) * 4 + (last >> (top - 2) & 3);
}

static uint64_t vec_rooms_bytes(uint32_t class)
{
    if (class < VEC_ROOMS_LINEAR) {
        return (uint64_t)(class + 1) * VEC_ROOMS_STEP;
    }
    uint32_t step = class - VEC_ROOMS_LINEAR;
    return (UINT64_C(5) + step % 4) << (step / 4 + 6);
}

bool vec_rooms_is_stuck(const struct vec_rooms *rooms)
{
    const struct vec_rooms_block *block = rooms->first;
    return block != NULL && block->waits[block->begin].tick >> 8 > rooms->unread;
}

/* What nobody reads any more is free. */
static void vec_rooms_look(struct vec_rooms *rooms)
{
    for (uint32_t i = 0; i < VEC_ROOMS_LOOK; i++) {
        struct vec_rooms_block *block = rooms->first;
        if (block == NULL || vec_rooms_is_stuck(rooms)) {
            return;
        }
        struct vec_rooms_wait *wait = &block->waits[block->begin++];
        uint32_t class = (uint32_t)(wait->tick & 0xff);
        memcpy(wait->room, &rooms->free[class], sizeof(void *)); /* NOLINT: a pointer */
        rooms->free[class] = wait->room;
        rooms->waiting_bytes -= vec_rooms_bytes(class);
        rooms->free_bytes += vec_rooms_bytes(class);
        if (block->begin == block->end) {
            rooms->first = block->next;
            rooms->last = block->next != NULL ? rooms->last : NULL;
            block->next = rooms->spare;
            rooms->spare = block;
        }
    }
}

void *vec_rooms_take(struct vec_rooms *rooms, uint32_t bytes, uint32_t *capacity)
{
    ASSERT(bytes > 0);
    uint32_t class = vec_rooms_class(bytes);
    ASSERT(class < VEC_ROOMS_CLASSES);
    uint64_t size = vec_rooms_bytes(class);
    vec_rooms_look(rooms);
    *capacity = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    void *room = rooms->free[class];
    if (room == NULL) {
        return arena_alloc(rooms->arena, size, 8);
    }
    memcpy(&rooms->free[class], room, sizeof(void *)); /* NOLINT: a pointer */
    rooms->free_bytes -= size;
    return room;
}

/* Room at the end of the list. */
static struct vec_rooms_block *vec_rooms_end(struct vec_rooms *rooms)
{
    struct vec_rooms_block *block = rooms->last;
    if (block != NULL && block->end < VEC_ROOMS_BLOCK) {
        return block;
    }
    block = rooms->spare;
    if (block != NULL) {
        rooms->spare = block->next;
    } else {
        block = arena_alloc(rooms->arena, sizeof(*block), 8);
    }
    if (block != NULL) {
        block->next = NULL;
        block->begin = block->end = 0;
        *(rooms->last != NULL ? &rooms->last->next : &rooms->first) = block;
        rooms->last = block;
    }
    return block;
}

void vec_rooms_leave(struct vec_rooms *rooms, const void *room, uint32_t capacity)
{
    uint32_t class = vec_rooms_class(capacity);
    struct vec_rooms_block *block = vec_rooms_end(rooms);
    if (block == NULL) {
        return;
    }
    block->waits[block->end++] =
        (struct vec_rooms_wait){.room = (void *)(uintptr_t)room, .tick = rooms->now << 8 | class};
    rooms->waiting_bytes += vec_rooms_bytes(class);
    vec_rooms_look(rooms);
}
