/* Rows by key: made, changed, and the ticks that do it. See state.h; what is where says
 * state_int.h. */
#include "views/store/state.h"

#include "base/hash.h"
#include "views/store/state_int.h"

/* log2 of the words of a chunk of rows, at least; and rows of the largest kind in one. */
#define STORE_CHUNK_SHIFT 13u
#define STORE_CHUNK_ROWS  4u

/* log2 of the versions of a chunk, and its bytes at most where there are several. */
#define STORE_SLOT_SHIFT_MIN 2u
#define STORE_SLOT_SHIFT_MAX 8u
#define STORE_SLOTS_BYTES    (16u << 10)

/* Versions that are looked at in a call. */
#define STORE_STEPS 512u

uint64_t store_hash(const void *key, uint32_t key_bytes)
{
    return hash64(key, key_bytes, 0);
}

/* --- Memory ---------------------------------------------------------------------------------- */

enum err store_try_take(struct store_state *state, size_t bytes, size_t align, void **out)
{
    enum err err = budget_alloc(state->budget, bytes, align, out);
    state->bytes += err == ERR_OK ? budget_block_bytes(bytes, align) : 0;
    return err;
}

enum err store_take(struct store_state *state, size_t bytes, size_t align, void **out)
{
    enum err err = store_try_take(state, bytes, align, out);
    while (err == ERR_BUDGET && store_versions_relieve(state)) {
        err = store_try_take(state, bytes, align, out);
    }
    return err;
}

void store_give(struct store_state *state, void *block, size_t bytes, size_t align)
{
    if (block != NULL) {
        state->bytes -= budget_block_bytes(bytes, align);
        budget_free(state->budget, block);
    }
}

void store_state_init(struct store_state *state, const struct store_layout *layout,
                      struct budget *budget)
{
    ASSERT(layout->state_bytes % 8 == 0);
    *state = (struct store_state){
        .layout = *layout,
        .budget = budget,
        .chunk_shift = STORE_CHUNK_SHIFT,
        .slot_shift = STORE_SLOT_SHIFT_MAX,
    };
    size_t words = (sizeof(struct store_head) + layout->state_bytes + STORE_KEY_INLINE_MAX) / 8;
    while ((size_t)1 << state->chunk_shift < words * STORE_CHUNK_ROWS) {
        state->chunk_shift++;
    }
    size_t slot_bytes = sizeof(struct store_version) + layout->state_bytes;
    while (state->slot_shift > STORE_SLOT_SHIFT_MIN &&
           slot_bytes << state->slot_shift > STORE_SLOTS_BYTES) {
        state->slot_shift--;
    }
    list_init(&state->holds);
}

bool store_state_deinit_step(struct store_state *state)
{
    ASSERT(list_is_empty(&state->holds));
    if (!store_versions_free(state)) {
        return false;
    }
    for (uint32_t i = 0; i < STORE_SLICES; i++) {
        struct store_slice *slice = state->slices[i];
        if (slice == NULL) {
            continue;
        }
        if (!store_index_free(state, slice) || !store_rows_free(state, slice)) {
            return false;
        }
        store_give(state, slice, sizeof(*slice), 16);
        state->slices[i] = NULL;
        return false;
    }
    if (!store_region_free(state)) {
        return false;
    }
    ASSERT(state->bytes == 0);
    state->rows_count = 0;
    return true;
}

/* --- Ticks ----------------------------------------------------------------------------------- */

void store_state_begin(struct store_state *state, uint64_t tick)
{
    ASSERT(!state->is_open);
    ASSERT(tick > state->tick);
    state->is_first = state->tick == 0;
    state->opening = tick;
    state->is_open = true;
    state->is_blind = false;
    store_versions_begin(state);
}

void store_state_end(struct store_state *state)
{
    ASSERT(state->is_open);
    state->is_open = false;
    state->tick = state->opening;
    if (state->is_first) {
        state->readable = state->tick;
    }
}

void store_state_complete(struct store_state *state, uint64_t tick)
{
    ASSERT(tick >= state->complete);
    ASSERT(tick <= state->tick);
    state->complete = tick;
    (void)store_versions_step(state, STORE_STEPS);
}

bool store_state_trim(struct store_state *state)
{
    return store_versions_step(state, STORE_STEPS);
}

/* --- Changing rows --------------------------------------------------------------------------- */

/* Make the row of a key that has none. */
static enum err store_state_make(struct store_state *state, struct store_slice *slice,
                                 uint64_t hash, const void *key, uint32_t key_bytes, uint32_t *row)
{
    enum err err = store_index_reserve(state, slice, hash);
    err = err != ERR_OK ? err : store_rows_append(state, slice, key, key_bytes, row);
    if (err != ERR_OK) {
        return err;
    }
    store_index_insert(slice, hash, *row);
    state->rows_count++;
    return ERR_OK;
}

/* What the row was before the tick; kept now where the tick has not changed it yet. */
static ALWAYS_INLINE const uint8_t *store_state_was(struct store_state *state, uint32_t slice,
                                                    uint32_t row, struct store_head *head,
                                                    bool is_new)
{
    if (state->is_first || UNLIKELY(state->is_blind)) {
        return NULL;
    }
    struct store_version *version = store_version_newest(state, slice, row, head);
    if (version == NULL || store_version_tick(version) != state->opening) {
        version = store_version_keep(state, slice, row, head, is_new);
    }
    return version == NULL || store_version_is_absent(version) ? NULL
                                                               : store_version_state(version);
}

/* The slice of that number, made when it is not there. NULL: *err. */
static ALWAYS_INLINE struct store_slice *store_state_slice(struct store_state *state,
                                                           uint32_t number, enum err *err)
{
    struct store_slice *slice = state->slices[number];
    if (UNLIKELY(slice == NULL)) {
        *err = store_take(state, sizeof(*slice), 16, (void **)&slice);
        state->slices[number] = slice;
    }
    return slice;
}

/* *row = that of the key, made when there is none; *was = as in store_row. `hint`: a row that may
 * be it, or 0. */
static ALWAYS_INLINE enum err store_touch(struct store_state *state, uint64_t hash,
                                          const uint8_t *key, uint32_t key_bytes, uint32_t hint,
                                          uint32_t *row, const uint8_t **was)
{
    enum err err = ERR_OK;
    if (UNLIKELY(key_bytes > STORE_KEY_BYTES_MAX)) {
        return ERR_TOO_LARGE;
    }
    uint32_t number = store_slice_of(hash);
    struct store_slice *slice = store_state_slice(state, number, &err);
    if (UNLIKELY(slice == NULL)) {
        return err;
    }
    bool is_new = false;
    *row = hint;
    if (hint == 0 || !store_row_is(state, slice, hint, key, key_bytes)) {
        *row = store_index_find(state, slice, hash, key, key_bytes);
    }
    if (*row == 0) {
        err = store_state_make(state, slice, hash, key, key_bytes, row);
        if (err != ERR_OK) {
            return err;
        }
        is_new = true;
    }
    *was = store_state_was(state, number, *row, store_row_head(state, slice, *row), is_new);
    return ERR_OK;
}

enum err store_state_touch(struct store_state *state, uint64_t hash, const void *key,
                           uint32_t key_bytes, struct store_row *out)
{
    uint32_t row;
    const uint8_t *was = NULL;
    ASSERT(state->is_open);
    enum err err = store_touch(state, hash, key, key_bytes, 0, &row, &was);
    if (err != ERR_OK) {
        return err;
    }
    struct store_head *head = store_row_head(state, state->slices[store_slice_of(hash)], row);
    *out = (struct store_row){
        .key = store_head_key(state, head),
        .key_bytes = key_bytes,
        .state = store_head_state(head),
        .was = was,
    };
    return ERR_OK;
}

/* Ask the cache for what the i-th key will want, that far ahead: of the index, then its row, then
 * what that says is its newest version. rows[] has what was seen. */
static ALWAYS_INLINE void store_touch_ahead(const struct store_state *state,
                                            const struct store_keys *keys, uint32_t i,
                                            uint32_t *rows)
{
    enum { INDEX = 40, ROW = 24, VERSION = 10 };
    if (i < keys->count) {
        store_state_prefetch(state, keys->hashes[i]);
    }
    if (i >= INDEX - ROW && i - (INDEX - ROW) < keys->count) {
        uint32_t at = i - (INDEX - ROW);
        rows[at] = store_index_seek(state, state->slices[store_slice_of(keys->hashes[at])],
                                    keys->hashes[at]);
    }
    if (i >= INDEX - VERSION && i - (INDEX - VERSION) < keys->count) {
        uint32_t at = i - (INDEX - VERSION);
        if (rows[at] != 0) {
            const struct store_slice *slice = state->slices[store_slice_of(keys->hashes[at])];
            store_version_prefetch(state, store_row_head(state, slice, rows[at]));
        }
    }
}

enum err store_state_touch_all(struct store_state *state, const struct store_keys *keys,
                               uint8_t **states)
{
    enum { AHEAD = 40 };
    uint32_t rows[STORE_TOUCH_MAX];
    uint32_t begin = keys->begin;
    ASSERT(state->is_open);
    ASSERT(keys->count <= STORE_TOUCH_MAX);
    for (uint32_t i = 0; i < AHEAD; i++) {
        store_touch_ahead(state, keys, i, rows);
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        const uint8_t *was;
        store_touch_ahead(state, keys, i + AHEAD, rows);
        enum err err = store_touch(state, keys->hashes[i], keys->bytes + begin,
                                   keys->ends[i] - begin, rows[i], &rows[i], &was);
        if (UNLIKELY(err != ERR_OK)) {
            return err;
        }
        begin = keys->ends[i];
    }
    for (uint32_t i = 0; i < keys->count; i++) { /* rows have moved when others were made */
        const struct store_slice *slice = state->slices[store_slice_of(keys->hashes[i])];
        states[i] = store_head_state(store_row_head(state, slice, rows[i]));
    }
    return ERR_OK;
}
