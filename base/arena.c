/* Arena: a chain of chunks. See arena.h.
 *
 *     arena.chunk -> | header | given out | free |  -> | header | given out | lost tail |  -> NULL
 *                                         cursor end
 *
 * An allocation that does not fit in the rest of the newest chunk loses that rest: chunks are
 * filled in order, so that a mark is two pointers and a rewind drops whole chunks. The limit counts
 * chunks, which is what the budget pays, not what was asked for.
 *
 * Invariants: cursor <= end, both in the newest chunk; held_bytes is the sum over the chain and
 * never above limit_bytes; the bytes from cursor to end are poisoned. */
#include "base/arena.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

/* The smallest chunk worth its header and the budget's. */
#define ARENA_CHUNK_BYTES_MIN 256

/* The header of a chunk; its bytes follow. */
struct arena_chunk {
    struct arena_chunk *older; /* the chunk before it; NULL: the first */
    size_t bytes;              /* header included */
} ALIGNED(ARENA_ALIGN_MAX);

static_assert(sizeof(struct arena_chunk) == ARENA_ALIGN_MAX, "what follows is aligned as well");

static void arena_chunk_open(struct arena *a, struct arena_chunk *chunk, uint8_t *cursor);
static void arena_chunk_drop(struct arena *a);
static void arena_empty(struct arena *a);

void arena_init(struct arena *a, struct budget *budget, size_t chunk_bytes, size_t limit_bytes)
{
    ASSERT(chunk_bytes >= ARENA_CHUNK_BYTES_MIN);
    chunk_bytes = chunk_bytes < limit_bytes ? chunk_bytes : limit_bytes;
    *a = (struct arena){.budget = budget, .chunk_bytes = chunk_bytes, .limit_bytes = limit_bytes};
}

void arena_deinit(struct arena *a)
{
    while (a->chunk != NULL) {
        arena_chunk_drop(a);
    }
    ASSERT(a->held_bytes == 0);
    a->cursor = NULL;
    a->end = NULL;
}

bool arena_deinit_some(struct arena *a, size_t bytes)
{
    size_t held_bytes = a->held_bytes;
    a->cursor = NULL;
    a->end = NULL;
    while (a->chunk != NULL && held_bytes - a->held_bytes < bytes) {
        arena_chunk_drop(a);
    }
    return a->chunk == NULL;
}

void *arena_alloc_chunk(struct arena *a, size_t bytes, size_t align)
{
    if (a->err != ERR_OK) {
        return NULL;
    }
    size_t left_bytes = a->limit_bytes - a->held_bytes;
    size_t need_bytes; /* chunks start aligned for everybody: nothing is skipped */
    if (!bytes_size_add(bytes, sizeof(struct arena_chunk), &need_bytes) ||
        need_bytes > left_bytes) {
        a->err = ERR_TOO_LARGE;
        return NULL;
    }
    size_t chunk_bytes = need_bytes > a->chunk_bytes ? need_bytes : a->chunk_bytes;
    chunk_bytes = chunk_bytes < left_bytes ? chunk_bytes : left_bytes;
    void *out;
    a->err = budget_alloc(a->budget, chunk_bytes, ARENA_ALIGN_MAX, &out);
    if (a->err != ERR_OK) {
        return NULL;
    }
    struct arena_chunk *chunk = out;
    *chunk = (struct arena_chunk){.older = a->chunk, .bytes = chunk_bytes};
    a->held_bytes += chunk_bytes;
    arena_chunk_open(a, chunk, (uint8_t *)(chunk + 1));
    return arena_alloc(a, bytes, align);
}

void *arena_alloc_zeroed(struct arena *a, size_t bytes, size_t align)
{
    void *ptr = arena_alloc(a, bytes, align);
    return ptr != NULL ? memset(ptr, 0, bytes) : NULL;
}

char *arena_copy(struct arena *a, const void *data, size_t length)
{
    size_t bytes;
    if (!bytes_size_add(length, 1, &bytes)) {
        bytes = SIZE_MAX; /* refused as any that is too large */
    }
    char *copy = arena_alloc(a, bytes, 1);
    if (copy != NULL) {
        if (length > 0) {
            memcpy(copy, data, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

void arena_reset(struct arena *a)
{
    arena_empty(a);
    a->err = ERR_OK;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){.chunk = a->chunk, .cursor = a->cursor};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
    if (mark.chunk == NULL) {
        arena_empty(a);
        return;
    }
    ASSERT(IMPLIES(a->chunk == mark.chunk, mark.cursor <= a->cursor)); /* else it is dead */
    while (a->chunk != mark.chunk) {
        arena_chunk_drop(a);
        ASSERT(a->chunk != NULL); /* else the mark is of another arena, or dead */
    }
    arena_chunk_open(a, a->chunk, mark.cursor);
}

/* Give up everything; of the chunks keep one of the regular size, if there is one. */
static void arena_empty(struct arena *a)
{
    struct arena_chunk *kept = NULL;
    while (a->chunk != NULL) {
        if (kept == NULL && a->chunk->bytes == a->chunk_bytes) {
            kept = a->chunk;
            a->chunk = kept->older;
        } else {
            arena_chunk_drop(a);
        }
    }
    a->cursor = NULL;
    a->end = NULL;
    if (kept != NULL) {
        kept->older = NULL;
        arena_chunk_open(a, kept, (uint8_t *)(kept + 1));
    }
}

/* Make `chunk`, in use up to `cursor`, the newest. */
static void arena_chunk_open(struct arena *a, struct arena_chunk *chunk, uint8_t *cursor)
{
    a->chunk = chunk;
    a->cursor = cursor;
    a->end = (uint8_t *)chunk + chunk->bytes;
    asan_poison(cursor, (size_t)(a->end - cursor));
}

/* Give the newest chunk back to the budget. */
static void arena_chunk_drop(struct arena *a)
{
    struct arena_chunk *chunk = a->chunk;
    a->chunk = chunk->older;
    a->held_bytes -= chunk->bytes;
    budget_free(a->budget, chunk);
}
