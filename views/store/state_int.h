/* What the files of the state share.
 *
 * A slice has its rows in chunks, one behind the other as they were made, and an index over them. A
 * row is a head, the state, the key, in words of 8 bytes; it is named by the number of its first
 * word, counted through the slice (never 0). Long keys stand in blocks of their own.
 *
 * An older version is what a row was before a tick changed it. A row's versions are chained, newest
 * first; a reader at tick T takes the oldest of those that a tick after T has made, or the row
 * itself. */
#ifndef VIEWS_STORE_STATE_INT_H
#define VIEWS_STORE_STATE_INT_H

#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "views/store/state.h"

/* Keys beyond this stand outside of their row. */
#define STORE_KEY_INLINE_MAX 1024u

/* A part of a slice's index: rows whose hashes begin alike (state_index.c). */
struct store_segment;

/* A key outside of its row. */
struct store_long_key {
    struct store_long_key *next; /* of the slice */
    uint64_t bytes;
    uint8_t key[];
};

/* A row's head; its state stands behind, then its key. */
struct store_head {
    uint32_t version; /* its newest older version; may be out of date (store_version_newest) */
    uint32_t key;     /* bytes of the key, and 1; 0: there is no row here, and none behind in the
                         chunk */
};

/* The rows whose hashes begin with 6 certain bits. */
struct store_slice {
    /* The index. */
    uintptr_t *directory; /* by the next `depth` bits of a hash: address of a segment, and in the
                             lowest bits log2 of its slots; NULL: no row yet */
    uint32_t depth;
    uint32_t segments_count;
    /* The rows. */
    uint8_t **chunks;
    uint32_t chunks_count;
    uint32_t chunks_capacity;
    uint32_t last_words; /* size of the last chunk, which grows up to what all have */
    uint32_t end;        /* the word behind the last row */
    struct store_long_key *long_keys;
    uint64_t freed; /* while it is given back: entries of the directory that are done */
};

static_assert(sizeof(struct store_head) == 8, "a word");

/* --- state.c ---------------------------------------------------------------------------------- */

/* *out = a zeroed block, charged; older versions are given up for it where that helps. */
MUST_USE enum err store_take(struct store_state *state, size_t bytes, size_t align, void **out);
/* The same for whoever can do without: nothing is given up. */
MUST_USE enum err store_try_take(struct store_state *state, size_t bytes, size_t align, void **out);
void store_give(struct store_state *state, void *block, size_t bytes, size_t align);

/* --- state_region.c ----------------------------------------------------------------------------
 */

/* As store_take and store_give, of what stays until the state ends: pieces of a large state stand
 * side by side in huge pages. Aligned to 64. */
MUST_USE enum err store_piece_take(struct store_state *state, size_t bytes, void **out);
void store_piece_give(struct store_state *state, void *piece, size_t bytes);

/* Give a region back, all of whose pieces were given; true when there are none. */
bool store_region_free(struct store_state *state);

/* --- state_index.c ---------------------------------------------------------------------------- */

/* The row of that key, or 0. */
uint32_t store_index_find(const struct store_state *state, const struct store_slice *slice,
                          uint64_t hash, const void *key, uint32_t key_bytes);

/* The first row whose hash is like that, as far as the index knows, or 0; asks the cache for it. */
uint32_t store_index_seek(const struct store_state *state, const struct store_slice *slice,
                          uint64_t hash);

/* Whether it is the row of that key. */
bool store_row_is(const struct store_state *state, const struct store_slice *slice, uint32_t row,
                  const void *key, uint32_t key_bytes);

/* Make room for one more row of that hash; bounded work. ERR_BUDGET: nothing was changed. */
MUST_USE enum err store_index_reserve(struct store_state *state, struct store_slice *slice,
                                      uint64_t hash);

/* Put a row there, which is none yet; there is room (asserted). */
void store_index_insert(struct store_slice *slice, uint64_t hash, uint32_t row);

/* Give some of it back; true when all is. */
bool store_index_free(struct store_state *state, struct store_slice *slice);

/* --- state_rows.c ----------------------------------------------------------------------------- */

/* Append a row of that key, its state all zero. ERR_BUDGET. */
MUST_USE enum err store_rows_append(struct store_state *state, struct store_slice *slice,
                                    const void *key, uint32_t key_bytes, uint32_t *row);

/* The row at *row, or the next one behind it where there is none; *row moves to the word behind.
 * NULL: none before `end`. */
struct store_head *store_rows_next(const struct store_state *state, const struct store_slice *slice,
                                   uint32_t *row, uint32_t end, uint32_t *found);

/* Give some of it back; true when all is. */
bool store_rows_free(struct store_state *state, struct store_slice *slice);

/* The row of that number. It moves when rows are appended. */
static ALWAYS_INLINE struct store_head *store_row_head(const struct store_state *state,
                                                       const struct store_slice *slice,
                                                       uint32_t row)
{
    uint32_t in_chunk = row & ((UINT32_C(1) << state->chunk_shift) - 1);
    return (struct store_head *)(void *)(slice->chunks[row >> state->chunk_shift] +
                                         (size_t)in_chunk * 8);
}

/* A row's state. */
static ALWAYS_INLINE uint8_t *store_head_state(struct store_head *head)
{
    return (uint8_t *)(head + 1);
}

/* Bytes of its key. */
static ALWAYS_INLINE uint32_t store_head_key_bytes(const struct store_head *head)
{
    return head->key - 1;
}

/* Its key. */
static ALWAYS_INLINE const uint8_t *store_head_key(const struct store_state *state,
                                                   const struct store_head *head)
{
    const uint8_t *at = (const uint8_t *)(head + 1) + state->layout.state_bytes;
    if (UNLIKELY(store_head_key_bytes(head) > STORE_KEY_INLINE_MAX)) {
        struct store_long_key *outside;
        memcpy(&outside, at, sizeof(outside)); /* NOLINT: a pointer */
        return outside->key;
    }
    return at;
}

/* Copy a state: words, few of them mostly. */
static ALWAYS_INLINE void store_copy_state(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i += 8) {
        memcpy(to + i, from + i, 8);
    }
}

/* --- state_version.c -------------------------------------------------------------------------- */

/* What a row was before a tick; the state stands behind it. */
struct store_version {
    uint64_t stamp; /* tick << 7 | slice << 1 | there was no such row */
    uint32_t row;   /* 0: this version is free */
    uint32_t newer; /* of the same row; 0: the row itself */
    uint32_t older; /* of the same row; 0: none */
    uint32_t next;  /* of the list that it is in */
};

/* The tick that changed the row. */
static inline uint64_t store_version_tick(const struct store_version *version)
{
    return version->stamp >> 7;
}

/* Whether the tick made the row. */
static inline bool store_version_is_absent(const struct store_version *version)
{
    return (version->stamp & 1) != 0;
}

/* What the row's state was, unless there was none. */
static inline uint8_t *store_version_state(struct store_version *version)
{
    return (uint8_t *)(version + 1);
}

/* Ask the cache for those that stand behind: they were kept one after the other. */
static ALWAYS_INLINE void store_version_ahead(const struct store_version *version)
{
    enum { BYTES = 640 };
    __builtin_prefetch((const uint8_t *)version + BYTES, 1);
}

/* The version of that number. */
struct store_version *store_version_at(const struct store_state *state, uint32_t number);

/* The newest older version of a row, or NULL. */
struct store_version *store_version_newest(const struct store_state *state, uint32_t slice,
                                           uint32_t row, const struct store_head *head);

/* Keep what the row is, before the tick that is open changes it. NULL: the state has become blind.
 */
struct store_version *store_version_keep(struct store_state *state, uint32_t slice, uint32_t row,
                                         struct store_head *head, bool is_absent);

/* Ask the cache for the version that a row says is its newest. */
void store_version_prefetch(const struct store_state *state, const struct store_head *head);

/* The first version that the last tick kept; 0: none. */
uint32_t store_version_first(const struct store_state *state);

/* A tick is being opened. */
void store_versions_begin(struct store_state *state);

/* Look at up to `count` versions that may be of no more use. True: there are none left. */
bool store_versions_step(struct store_state *state, uint32_t count);

/* Give something up so that memory comes back. False: there is nothing to give up. */
bool store_versions_relieve(struct store_state *state);

/* Begin and end to keep what `tick` needs. False: no memory; nothing was changed. */
MUST_USE bool store_versions_hold(struct store_state *state, uint64_t tick);
void store_versions_release(struct store_state *state, uint64_t tick);

/* Whether it is held. */
bool store_versions_has(const struct store_state *state, uint64_t tick);

/* Give some of it back; true when all is. */
bool store_versions_free(struct store_state *state);

#endif
