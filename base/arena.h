/* Memory of one request or one query: given out in a row, taken back all at once.
 *
 * Chunks come from a budget; allocation moves a cursor. Past the arena's own limit, or when the
 * budget refuses, arena_alloc gives NULL and keeps the reason in arena.err until arena_reset, so a
 * parser may build a whole tree and ask once, if it checks each pointer before it writes there.
 *
 *     struct arena_mark mark = arena_mark(&arena);
 *     ... scratch ...
 *     arena_rewind(&arena, mark);
 *
 * Nothing is freed alone and nobody's destructor is called. Under AddressSanitizer, what is not
 * given out (or not any more) cannot be touched. One thread at a time; never blocks. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/asan.h"
#include "base/assert.h"
#include "base/budget.h"
#include "base/err.h"

/* The largest alignment, and that of a chunk: one cache line. */
#define ARENA_ALIGN_MAX 64

/* A block of the budget, cut from front to back (arena.c). */
struct arena_chunk;

/* An arena, embedded in its owner. */
struct arena {
    uint8_t *cursor; /* first byte not given out, in the newest chunk; NULL: no chunk */
    uint8_t *end;    /* end of the newest chunk */
    struct arena_chunk
        *chunk;            /* the newest, chained to the older ones; NULL before the first use */
    struct budget *budget; /* what the chunks are charged to */
    size_t chunk_bytes;    /* size of a chunk, header included; a larger need gets its own */
    size_t limit_bytes;    /* the most held_bytes grows to */
    size_t held_bytes;     /* of all chunks, headers included */
    enum err err;          /* first refusal: ERR_TOO_LARGE (own limit) or ERR_BUDGET */
};

/* A state to go back to. */
struct arena_mark {
    struct arena_chunk *chunk; /* the newest chunk then */
    uint8_t *cursor;           /* its cursor then */
};

/* Make `a` an empty arena that takes chunks of `chunk_bytes` (>= 256) from `budget`, at most
 * `limit_bytes` in all. Takes nothing yet. */
void arena_init(struct arena *a, struct budget *budget, size_t chunk_bytes, size_t limit_bytes);

/* Give everything back to the budget. Every pointer into the arena is dead. */
void arena_deinit(struct arena *a);

/* The same in pieces: give back chunks until they are `bytes` together, or none is left: true, and
 * it is done. Nothing else is called in between. */
bool arena_deinit_some(struct arena *a, size_t bytes);

/* The slow path of arena_alloc: a new chunk, or the refusal. */
void *arena_alloc_chunk(struct arena *a, size_t bytes, size_t align);

/* `bytes` of undefined content at a multiple of `align` (a power of two, <= ARENA_ALIGN_MAX); they
 * live until arena_reset, arena_deinit or a rewind to an earlier mark. NULL when the limit or the
 * budget refuses, and from then on, with arena.err set. 0 bytes give a pointer that must not be
 * read. */
static inline void *arena_alloc(struct arena *a, size_t bytes, size_t align)
{
    ASSERT(align > 0);
    ASSERT((align & (align - 1)) == 0);
    ASSERT(align <= ARENA_ALIGN_MAX);
    size_t skipped_bytes = -(uintptr_t)a->cursor & (align - 1);
    size_t left_bytes = (size_t)(a->end - a->cursor);
    if (UNLIKELY(a->cursor == NULL || left_bytes < skipped_bytes ||
                 left_bytes - skipped_bytes < bytes || a->err != ERR_OK)) {
        return arena_alloc_chunk(a, bytes, align);
    }
    uint8_t *ptr = a->cursor + skipped_bytes;
    a->cursor = ptr + bytes;
    asan_unpoison(ptr, bytes);
    return ptr;
}

/* As arena_alloc, the bytes zeroed. */
void *arena_alloc_zeroed(struct arena *a, size_t bytes, size_t align);

/* A copy of the `length` bytes at `data`, with a NUL behind it, or NULL as arena_alloc. `data` may
 * be NULL when `length` is 0. */
char *arena_copy(struct arena *a, const void *data, size_t length);

/* Back to just after arena_init, arena.err included, but for one chunk of the regular size that is
 * kept for the next request. Every pointer and mark is dead. */
void arena_reset(struct arena *a);

/* The present state. It is dead after a rewind to an earlier mark. */
struct arena_mark arena_mark(const struct arena *a);

/* Give up all that was given out since `mark` (asserted: of this arena). arena.err stays: what was
 * refused meanwhile is missing. */
void arena_rewind(struct arena *a, struct arena_mark mark);

#endif
