/* Pool: slabs cut into objects with a tag behind each. See pool.h.
 *
 *     slab:  | object | tag | object | tag | ... | footer |
 *
 * The tag stands behind the object, where it costs 16 bytes and no alignment; it says whose the
 * object is and whether it is in use, and chains the free ones. Free objects and all tags are
 * poisoned, so a write past an object is caught as well.
 *
 * Invariants: an object is on the free chain, or in use; objects_count = in_use_count + length of
 * the free chain <= capacity. */
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/asan.h"
#include "base/assert.h"

/* A full-size slab: small next to a budget, large next to most objects. */
#define POOL_SLAB_BYTES 16384u

/* A larger object is a block of its own. */
#define POOL_OBJECT_BYTES_MAX (1u << 20)

/* A larger alignment is waste. */
#define POOL_ALIGN_MAX 4096u

/* The footer of a slab: behind its objects, so that they start aligned without a gap. */
struct pool_slab {
    struct pool_slab *older; /* the slab before it */
    uint8_t *objects;        /* the first object, which is the start of the budget's block */
};

/* Behind each object. */
struct pool_tag {
    struct pool_tag *next_free; /* pool.free */
    uintptr_t state;            /* pool_state of its pool: in use, or free */
};

static enum err pool_grow(struct pool *p);
static uintptr_t pool_state(const struct pool *p, bool is_in_use);
static struct pool_tag *pool_tag_of(const struct pool *p, const void *object);
static size_t pool_round_up(size_t bytes, size_t align);

void pool_init(struct pool *p, struct budget *budget, size_t object_bytes, size_t align,
               uint32_t capacity)
{
    ASSERT(object_bytes > 0);
    ASSERT(object_bytes <= POOL_OBJECT_BYTES_MAX);
    ASSERT(align > 0);
    ASSERT((align & (align - 1)) == 0);
    ASSERT(align <= POOL_ALIGN_MAX);
    ASSERT(capacity > 0);
    align = align > _Alignof(struct pool_tag) ? align : _Alignof(struct pool_tag);
    size_t tag_pos = pool_round_up(object_bytes, _Alignof(struct pool_tag));
    size_t stride_bytes = pool_round_up(tag_pos + sizeof(struct pool_tag), align);
    size_t slab_objects = POOL_SLAB_BYTES / stride_bytes;
    *p = (struct pool){.capacity = capacity,
                       .object_bytes = (uint32_t)object_bytes,
                       .tag_pos = (uint32_t)tag_pos,
                       .stride_bytes = (uint32_t)stride_bytes,
                       .slab_objects = slab_objects > 0 ? (uint32_t)slab_objects : 1,
                       .align = align,
                       .budget = budget};
}

void pool_deinit(struct pool *p)
{
    ASSERT(p->in_use_count == 0);
    while (p->slabs != NULL) {
        struct pool_slab *slab = p->slabs;
        p->slabs = slab->older;
        budget_free(p->budget, slab->objects);
    }
    p->free = NULL;
    p->objects_count = 0;
}

enum err pool_acquire(struct pool *p, void **out)
{
    *out = NULL;
    if (p->free == NULL) {
        enum err err = pool_grow(p);
        if (err != ERR_OK) {
            return err;
        }
    }
    struct pool_tag *tag = p->free;
    uint8_t *object = (uint8_t *)tag - p->tag_pos;
    asan_unpoison(object, p->tag_pos + sizeof(*tag));
    ASSERT(tag->state == pool_state(p, false));
    p->free = tag->next_free;
    p->in_use_count++;
    tag->next_free = NULL;
    tag->state = pool_state(p, true);
    asan_poison(object + p->object_bytes, p->tag_pos + sizeof(*tag) - p->object_bytes);
    *out = memset(object, 0, p->object_bytes);
    return ERR_OK;
}

void pool_release(struct pool *p, void *object)
{
    if (object == NULL) {
        return;
    }
    struct pool_tag *tag = pool_tag_of(p, object);
    asan_unpoison(tag, sizeof(*tag));
    ASSERT(tag->state == pool_state(p, true)); /* else released twice, or of another pool */
    ASSERT(p->in_use_count > 0);
    tag->state = pool_state(p, false);
    tag->next_free = p->free;
    p->free = tag;
    p->in_use_count--;
    asan_poison(object, p->tag_pos + sizeof(*tag));
}

/* One more slab, its objects on the free chain with the first in front. */
static enum err pool_grow(struct pool *p)
{
    ASSERT(p->free == NULL);
    uint32_t left_count = p->capacity - p->objects_count;
    if (left_count == 0) {
        return ERR_FULL;
    }
    uint32_t count = left_count < p->slab_objects ? left_count : p->slab_objects;
    size_t objects_bytes = (size_t)count * p->stride_bytes;
    void *block;
    enum err err =
        budget_alloc(p->budget, objects_bytes + sizeof(struct pool_slab), p->align, &block);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *objects = block;
    struct pool_slab *slab = (struct pool_slab *)(void *)(objects + objects_bytes);
    *slab = (struct pool_slab){.older = p->slabs, .objects = objects};
    p->slabs = slab;
    for (size_t pos = objects_bytes; pos > 0; pos -= p->stride_bytes) {
        struct pool_tag *tag = pool_tag_of(p, objects + pos - p->stride_bytes);
        *tag = (struct pool_tag){.next_free = p->free, .state = pool_state(p, false)};
        p->free = tag;
    }
    asan_poison(objects, objects_bytes);
    p->objects_count += count;
    return ERR_OK;
}

/* What a tag says: the pool's address, in its lowest bit whether the object is in use. */
static uintptr_t pool_state(const struct pool *p, bool is_in_use)
{
    static_assert(_Alignof(struct pool) > 1, "the lowest bit of its address is free");
    return (uintptr_t)p | is_in_use;
}

static struct pool_tag *pool_tag_of(const struct pool *p, const void *object)
{
    return (struct pool_tag *)((uintptr_t)object + p->tag_pos);
}

static size_t pool_round_up(size_t bytes, size_t align)
{
    return (bytes + align - 1) & ~(align - 1);
}
