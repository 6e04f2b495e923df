/* The index of a slice: from the hash of a key to its row. See state_int.h.
 *
 * Extendible hashing over 32 bits of the hash that follow those of the slice: the first `depth`
 * of them name a segment, the last ones a slot in there, from which is probed on. A slot has these
 * 32 bits and the number of the row, 0 being free: rows are looked at only where all bits agree,
 * and none is when a segment is split. How many slots a segment has stands with its address in the
 * directory, so that looking a key up reads one line of the index and then the row.
 *
 * A segment starts small, since most views are, and doubles up to 4,096 slots; from then on it is
 * split by the next bit. Both move some thousand slots: nothing doubles as a whole but the
 * directory, which has a pointer for some thousand rows, so that it stays near. Where hashes are so
 * alike that the directory would outgrow its segments, a segment doubles further instead: the table
 * stays right, if slow. */
#include <assert.h>

#include "views/store/state_int.h"

/* log2 of the slots of a segment: the first, and the one that is split rather than doubled. */
#define STORE_SLOTS_FIRST 4u
#define STORE_SLOTS_SPLIT 12u

/* Slots of 16 that may be used. */
#define STORE_SLOTS_FULL 13u

/* Entries of the directory for each segment, at most. */
#define STORE_DIRECTORY_RATIO 16u
#define STORE_DEPTH_MAX       24u

#define STORE_LINE 64u

/* A segment: a head of one line, then its slots. */
struct store_segment {
    ALIGNED(64) uint32_t depth; /* first bits that all hashes in it share */
    uint32_t count;             /* slots in use */
    ALIGNED(64) uint64_t slots[];
};

static_assert(sizeof(struct store_segment) == STORE_LINE, "a head is a line");

static size_t store_segment_bytes(uint32_t shift)
{
    return sizeof(struct store_segment) + (sizeof(uint64_t) << shift);
}

/* The bits of a hash that the index goes by. */
static ALWAYS_INLINE uint32_t store_index_bits(uint64_t hash)
{
    return (uint32_t)(hash >> 26);
}

static ALWAYS_INLINE uint32_t store_index_entry(const struct store_slice *slice, uint32_t bits)
{
    return (uint32_t)((uint64_t)bits >> (32 - slice->depth));
}

static ALWAYS_INLINE struct store_segment *store_entry_segment(uintptr_t entry)
{
    return (struct store_segment *)(entry & ~(uintptr_t)(STORE_LINE - 1));
}

static ALWAYS_INLINE uint32_t store_entry_shift(uintptr_t entry)
{
    return (uint32_t)(entry & (STORE_LINE - 1));
}

static ALWAYS_INLINE uintptr_t store_entry(struct store_segment *segment, uint32_t shift)
{
    return (uintptr_t)segment | shift;
}

/* Whether keys of one length are the same. */
static ALWAYS_INLINE bool store_key_equal(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    if (LIKELY(length - 8 <= 8)) {
        uint64_t words[4];
        memcpy(&words[0], a, 8);
        memcpy(&words[1], b, 8);
        memcpy(&words[2], a + length - 8, 8);
        memcpy(&words[3], b + length - 8, 8);
        return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
    }
    return memcmp(a, b, length) == 0;
}

bool store_row_is(const struct store_state *state, const struct store_slice *slice, uint32_t row,
                  const void *key, uint32_t key_bytes)
{
    const struct store_head *head = store_row_head(state, slice, row);
    return head->key == key_bytes + 1 &&
           store_key_equal(store_head_key(state, head), key, key_bytes);
}

uint32_t store_index_find(const struct store_state *state, const struct store_slice *slice,
                          uint64_t hash, const void *key, uint32_t key_bytes)
{
    if (UNLIKELY(slice->directory == NULL)) {
        return 0;
    }
    uint32_t bits = store_index_bits(hash);
    uintptr_t entry = slice->directory[store_index_entry(slice, bits)];
    const uint64_t *slots = store_entry_segment(entry)->slots;
    uint32_t mask = (UINT32_C(1) << store_entry_shift(entry)) - 1;
    for (uint32_t at = bits & mask; slots[at] != 0; at = (at + 1) & mask) {
        if ((uint32_t)(slots[at] >> 32) != bits) {
            continue;
        }
        uint32_t row = (uint32_t)slots[at];
        if (store_row_is(state, slice, row, key, key_bytes)) {
            return row;
        }
    }
    return 0;
}

static void store_segment_put(struct store_segment *segment, uint32_t shift, uint64_t slot)
{
    uint32_t mask = (UINT32_C(1) << shift) - 1;
    uint32_t at = (uint32_t)(slot >> 32) & mask;
    while (segment->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    segment->slots[at] = slot;
    segment->count++;
}

static bool store_segment_is_full(const struct store_segment *segment, uint32_t shift)
{
    return segment->count >= (STORE_SLOTS_FULL << shift) / 16;
}

/* Let all entries of the segment that `bits` are in say `entry`. */
static void store_index_point(struct store_slice *slice, uint32_t bits, uint32_t depth,
                              uintptr_t entry)
{
    uint32_t count = UINT32_C(1) << (slice->depth - depth);
    uint32_t first = store_index_entry(slice, bits) & ~(count - 1);
    for (uint32_t i = 0; i < count; i++) {
        slice->directory[first + i] = entry;
    }
}

/* *out = an empty segment. Those that are split stay until the state ends. */
static enum err store_segment_take(struct store_state *state, uint32_t shift,
                                   struct store_segment **out)
{
    size_t bytes = store_segment_bytes(shift);
    return shift == STORE_SLOTS_SPLIT ? store_piece_take(state, bytes, (void **)out)
                                      : store_take(state, bytes, STORE_LINE, (void **)out);
}

static void store_segment_give(struct store_state *state, struct store_segment *segment,
                               uint32_t shift)
{
    size_t bytes = store_segment_bytes(shift);
    if (shift == STORE_SLOTS_SPLIT) {
        store_piece_give(state, segment, bytes);
    } else {
        store_give(state, segment, bytes, STORE_LINE);
    }
}

/* Twice the slots. */
static enum err store_segment_double(struct store_state *state, struct store_slice *slice,
                                     uint32_t bits, uintptr_t entry)
{
    struct store_segment *old = store_entry_segment(entry);
    uint32_t shift = store_entry_shift(entry);
    struct store_segment *segment;
    enum err err = store_segment_take(state, shift + 1, &segment);
    if (err != ERR_OK) {
        return err;
    }
    segment->depth = old->depth;
    for (uint32_t i = 0; i < UINT32_C(1) << shift; i++) {
        if (old->slots[i] != 0) {
            store_segment_put(segment, shift + 1, old->slots[i]);
        }
    }
    store_index_point(slice, bits, segment->depth, store_entry(segment, shift + 1));
    store_segment_give(state, old, shift);
    return ERR_OK;
}

static enum err store_directory_double(struct store_state *state, struct store_slice *slice)
{
    uintptr_t *directory;
    size_t count = (size_t)1 << slice->depth;
    enum err err = store_take(state, count * 2 * sizeof(*directory), 16, (void **)&directory);
    if (err != ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        directory[i * 2] = directory[i * 2 + 1] = slice->directory[i];
    }
    store_give(state, slice->directory, count * sizeof(*directory), 16);
    slice->directory = directory;
    slice->depth++;
    return ERR_OK;
}

/* Move the slots whose last bit of `depth` is 1 to `high`, which is empty, and the others to where
 * they are found: from behind a free slot on, each goes to its place or nearer to it. */
static void store_segment_divide(struct store_segment *low, struct store_segment *high)
{
    uint32_t mask = (UINT32_C(1) << STORE_SLOTS_SPLIT) - 1;
    uint32_t first = 0;
    while (low->slots[first] != 0) {
        first++;
    }
    low->count = 0;
    for (uint32_t i = 1; i <= mask; i++) {
        uint64_t slot = low->slots[(first + i) & mask];
        bool is_high = (slot >> (64 - low->depth) & 1) != 0;
        low->slots[(first + i) & mask] = 0;
        if (slot != 0) {
            store_segment_put(is_high ? high : low, STORE_SLOTS_SPLIT, slot);
        }
    }
}

/* Move the rows whose next bit is 1 to a segment of their own. */
static enum err store_segment_split(struct store_state *state, struct store_slice *slice,
                                    uint32_t bits, uintptr_t entry)
{
    struct store_segment *low = store_entry_segment(entry);
    struct store_segment *high;
    if (low->depth == slice->depth) {
        enum err err = store_directory_double(state, slice);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = store_segment_take(state, STORE_SLOTS_SPLIT, &high);
    if (err != ERR_OK) {
        return err;
    }
    low->depth++;
    high->depth = low->depth;
    store_segment_divide(low, high);
    uint32_t bit = UINT32_C(1) << (32 - low->depth);
    store_index_point(slice, bits & ~bit, low->depth, store_entry(low, STORE_SLOTS_SPLIT));
    store_index_point(slice, bits | bit, low->depth, store_entry(high, STORE_SLOTS_SPLIT));
    slice->segments_count++;
    return ERR_OK;
}

static enum err store_index_begin(struct store_state *state, struct store_slice *slice)
{
    struct store_segment *segment;
    uintptr_t *directory;
    size_t bytes = store_segment_bytes(STORE_SLOTS_FIRST);
    enum err err = store_take(state, bytes, STORE_LINE, (void **)&segment);
    if (err != ERR_OK) {
        return err;
    }
    err = store_take(state, sizeof(*directory), 16, (void **)&directory);
    if (err != ERR_OK) {
        store_give(state, segment, bytes, STORE_LINE);
        return err;
    }
    directory[0] = store_entry(segment, STORE_SLOTS_FIRST);
    slice->directory = directory;
    slice->segments_count = 1;
    return ERR_OK;
}

/* Whether a segment is split rather than doubled. */
static bool store_segment_is_to_split(const struct store_slice *slice, uintptr_t entry)
{
    uint64_t most = (uint64_t)STORE_DIRECTORY_RATIO * slice->segments_count;
    return store_entry_shift(entry) == STORE_SLOTS_SPLIT &&
           (store_entry_segment(entry)->depth < slice->depth ||
            (slice->depth < STORE_DEPTH_MAX && UINT64_C(2) << slice->depth <= most));
}

enum err store_index_reserve(struct store_state *state, struct store_slice *slice, uint64_t hash)
{
    uint32_t bits = store_index_bits(hash);
    enum err err = slice->directory != NULL ? ERR_OK : store_index_begin(state, slice);
    while (err == ERR_OK) {
        uintptr_t entry = slice->directory[store_index_entry(slice, bits)];
        if (LIKELY(!store_segment_is_full(store_entry_segment(entry), store_entry_shift(entry)))) {
            return ERR_OK;
        }
        err = store_segment_is_to_split(slice, entry)
                  ? store_segment_split(state, slice, bits, entry)
                  : store_segment_double(state, slice, bits, entry);
    }
    return err;
}

void store_index_insert(struct store_slice *slice, uint64_t hash, uint32_t row)
{
    uint32_t bits = store_index_bits(hash);
    uintptr_t entry = slice->directory[store_index_entry(slice, bits)];
    ASSERT(row != 0);
    ASSERT(!store_segment_is_full(store_entry_segment(entry), store_entry_shift(entry)));
    store_segment_put(store_entry_segment(entry), store_entry_shift(entry),
                      (uint64_t)bits << 32 | row);
}

void store_state_prefetch(const struct store_state *state, uint64_t hash)
{
    const struct store_slice *slice = state->slices[store_slice_of(hash)];
    if (LIKELY(slice != NULL && slice->directory != NULL)) {
        uint32_t bits = store_index_bits(hash);
        uintptr_t entry = slice->directory[store_index_entry(slice, bits)];
        uint32_t mask = (UINT32_C(1) << store_entry_shift(entry)) - 1;
        __builtin_prefetch(&store_entry_segment(entry)->slots[bits & mask]);
    }
}

uint32_t store_index_seek(const struct store_state *state, const struct store_slice *slice,
                          uint64_t hash)
{
    if (UNLIKELY(slice == NULL || slice->directory == NULL)) {
        return 0;
    }
    uint32_t bits = store_index_bits(hash);
    uintptr_t entry = slice->directory[store_index_entry(slice, bits)];
    const uint64_t *slots = store_entry_segment(entry)->slots;
    uint32_t mask = (UINT32_C(1) << store_entry_shift(entry)) - 1;
    for (uint32_t at = bits & mask; slots[at] != 0; at = (at + 1) & mask) {
        if ((uint32_t)(slots[at] >> 32) == bits) {
            const uint8_t *head =
                (const uint8_t *)store_row_head(state, slice, (uint32_t)slots[at]);
            __builtin_prefetch(head, 1);
            __builtin_prefetch(head + sizeof(struct store_head) + state->layout.state_bytes, 1);
            return (uint32_t)slots[at];
        }
    }
    return 0;
}

void store_state_prefetch_row(const struct store_state *state, uint64_t hash)
{
    (void)store_index_seek(state, state->slices[store_slice_of(hash)], hash);
}

bool store_index_free(struct store_state *state, struct store_slice *slice)
{
    enum { ENTRIES = 256 };
    uint64_t count = UINT64_C(1) << slice->depth;
    if (slice->directory == NULL) {
        return true;
    }
    for (int i = 0; i < ENTRIES && slice->freed < count; i++) {
        uintptr_t entry = slice->directory[slice->freed];
        struct store_segment *segment = store_entry_segment(entry);
        slice->freed += UINT64_C(1) << (slice->depth - segment->depth);
        store_segment_give(state, segment, store_entry_shift(entry));
    }
    if (slice->freed < count) {
        return false;
    }
    store_give(state, slice->directory, count * sizeof(*slice->directory), 16);
    slice->directory = NULL;
    return true;
}
