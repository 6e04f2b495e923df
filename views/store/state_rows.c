/* The rows of a slice, in chunks. See state_int.h.
 *
 * Rows stand as they were made, and never move: but for those of the last chunk, which starts small
 * and doubles, so that a view of few rows costs little. What is left at the end of a chunk stays
 * unused; a head of zeros ends it. */
#include "views/store/state_int.h"

/* Words of the last chunk to begin with: the first of a slice, and others. */
#define STORE_CHUNK_FIRST_WORDS 16u
#define STORE_CHUNK_NEXT_WORDS  2048u

static uint32_t store_row_words(const struct store_state *state, uint32_t key_bytes)
{
    uint32_t inside = key_bytes > STORE_KEY_INLINE_MAX ? (uint32_t)sizeof(struct store_long_key *)
                                                       : (key_bytes + 7) / 8 * 8;
    return ((uint32_t)sizeof(struct store_head) + state->layout.state_bytes + inside) / 8;
}

/* Bytes of a chunk. */
static size_t store_chunk_bytes(const struct store_state *state, const struct store_slice *slice,
                                uint32_t chunk)
{
    bool is_last = chunk + 1 == slice->chunks_count;
    return 8 * (size_t)(is_last ? slice->last_words : UINT32_C(1) << state->chunk_shift);
}

/* *out = a chunk. Those as large as all stay until the state ends. */
static enum err store_chunk_take(struct store_state *state, uint32_t words, uint8_t **out)
{
    size_t bytes = (size_t)words * 8;
    return words == UINT32_C(1) << state->chunk_shift ? store_piece_take(state, bytes, (void **)out)
                                                      : store_take(state, bytes, 16, (void **)out);
}

static void store_chunk_give(struct store_state *state, uint8_t *chunk, size_t bytes)
{
    if (bytes == (size_t)8 << state->chunk_shift) {
        store_piece_give(state, chunk, bytes);
    } else {
        store_give(state, chunk, bytes, 16);
    }
}

/* Room for one more chunk in the list of them. */
static enum err store_rows_list(struct store_state *state, struct store_slice *slice)
{
    if (slice->chunks_count < slice->chunks_capacity) {
        return ERR_OK;
    }
    uint32_t capacity = slice->chunks_capacity == 0 ? 1 : slice->chunks_capacity * 2;
    uint8_t **chunks;
    enum err err = store_take(state, capacity * sizeof(*chunks), 16, (void **)&chunks);
    if (err != ERR_OK) {
        return err;
    }
    if (slice->chunks != NULL) {
        memcpy((void *)chunks, (const void *)slice->chunks, slice->chunks_count * sizeof(*chunks));
        store_give(state, (void *)slice->chunks, slice->chunks_capacity * sizeof(*chunks), 16);
    }
    slice->chunks = chunks;
    slice->chunks_capacity = capacity;
    return ERR_OK;
}

/* Let the last chunk have `words`. */
static enum err store_rows_grow(struct store_state *state, struct store_slice *slice,
                                uint32_t words)
{
    uint8_t *chunk;
    uint32_t last = slice->chunks_count - 1;
    enum err err = store_chunk_take(state, words, &chunk);
    if (err != ERR_OK) {
        return err;
    }
    memcpy(chunk, slice->chunks[last], store_chunk_bytes(state, slice, last));
    store_chunk_give(state, slice->chunks[last], store_chunk_bytes(state, slice, last));
    slice->chunks[last] = chunk;
    slice->last_words = words;
    return ERR_OK;
}

/* Begin a chunk for a row of `words`. */
static enum err store_rows_open(struct store_state *state, struct store_slice *slice,
                                uint32_t words)
{
    uint32_t most = UINT32_C(1) << state->chunk_shift;
    bool is_first = slice->chunks_count == 0;
    uint32_t room = is_first ? STORE_CHUNK_FIRST_WORDS : STORE_CHUNK_NEXT_WORDS;
    while (room < words + is_first) {
        room *= 2;
    }
    ASSERT(room <= most);
    if (!is_first && slice->last_words < most) {
        /* Only the last chunk is not as large as all. What it lacks would never be used. */
        enum err err = store_rows_grow(state, slice, most);
        if (err != ERR_OK) {
            return err;
        }
    }
    if ((uint64_t)(slice->chunks_count + 1) << state->chunk_shift > UINT32_MAX) {
        return ERR_BUDGET; /* 32 GiB of a slice */
    }
    enum err err = store_rows_list(state, slice);
    uint8_t *chunk = NULL;
    err = err != ERR_OK ? err : store_chunk_take(state, room, &chunk);
    if (err != ERR_OK) {
        return err;
    }
    slice->end = (slice->chunks_count << state->chunk_shift) + is_first; /* no row is 0 */
    slice->chunks[slice->chunks_count++] = chunk;
    slice->last_words = room;
    return ERR_OK;
}

/* Let there be room for `words` at slice->end. */
static enum err store_rows_reserve(struct store_state *state, struct store_slice *slice,
                                   uint32_t words)
{
    uint32_t most = UINT32_C(1) << state->chunk_shift;
    if (slice->chunks_count == 0) {
        return store_rows_open(state, slice, words);
    }
    uint32_t used = slice->end - ((slice->chunks_count - 1) << state->chunk_shift);
    if (LIKELY(words <= slice->last_words - used)) {
        return ERR_OK;
    }
    if (words > most - used) {
        return store_rows_open(state, slice, words);
    }
    uint32_t room = slice->last_words;
    while (room - used < words) {
        room *= 2;
    }
    return store_rows_grow(state, slice, room);
}

enum err store_rows_append(struct store_state *state, struct store_slice *slice, const void *key,
                           uint32_t key_bytes, uint32_t *row)
{
    struct store_long_key *outside = NULL;
    uint32_t words = store_row_words(state, key_bytes);
    enum err err = store_rows_reserve(state, slice, words);
    if (err == ERR_OK && key_bytes > STORE_KEY_INLINE_MAX) {
        err = store_take(state, sizeof(*outside) + key_bytes, 16, (void **)&outside);
    }
    if (err != ERR_OK) {
        return err;
    }
    *row = slice->end;
    struct store_head *head = store_row_head(state, slice, *row);
    uint8_t *at = store_head_state(head) + state->layout.state_bytes;
    ASSERT(head->key == 0);
    head->key = key_bytes + 1;
    if (outside != NULL) {
        memcpy(at, &outside, sizeof(outside)); /* NOLINT: a pointer */
        outside->bytes = key_bytes;
        outside->next = slice->long_keys;
        slice->long_keys = outside;
        at = outside->key;
    }
    if (key_bytes > 0) {
        memcpy(at, key, key_bytes);
    }
    slice->end += words;
    return ERR_OK;
}

struct store_head *store_rows_next(const struct store_state *state, const struct store_slice *slice,
                                   uint32_t *row, uint32_t end, uint32_t *found)
{
    uint32_t mask = (UINT32_C(1) << state->chunk_shift) - 1;
    while (*row < end) {
        uint32_t in_chunk = *row & mask;
        uint32_t chunk = *row >> state->chunk_shift;
        bool is_end = chunk + 1 == slice->chunks_count && in_chunk >= slice->last_words;
        struct store_head *head = is_end ? NULL : store_row_head(state, slice, *row);
        if (head == NULL || head->key == 0) {
            *row = (chunk + 1) << state->chunk_shift;
            continue;
        }
        uint32_t words = store_row_words(state, store_head_key_bytes(head));
        *found = *row;
        *row += words;
        return head;
    }
    return NULL;
}

bool store_rows_free(struct store_state *state, struct store_slice *slice)
{
    enum { BLOCKS = 256 };
    int left = BLOCKS;
    for (; left > 0 && slice->long_keys != NULL; left--) {
        struct store_long_key *outside = slice->long_keys;
        slice->long_keys = outside->next;
        store_give(state, outside, sizeof(*outside) + outside->bytes, 16);
    }
    for (; left > 0 && slice->chunks_count > 0; left--) {
        uint32_t last = slice->chunks_count - 1;
        store_chunk_give(state, slice->chunks[last], store_chunk_bytes(state, slice, last));
        slice->chunks_count--;
        slice->last_words = UINT32_C(1) << state->chunk_shift;
    }
    if (left == 0) {
        return false;
    }
    store_give(state, (void *)slice->chunks, slice->chunks_capacity * sizeof(*slice->chunks), 16);
    slice->chunks = NULL;
    return true;
}
