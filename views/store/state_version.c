/* Older versions: kept, looked for, given back. See state_int.h.
 *
 * Versions live in a pool of slots of one size. Each is in one list: `pending`, in the order of
 * ticks, until its tick is complete; then that of the newest held tick that needs it; or `loose`,
 * when that hold is gone and it has to be seen whether an older one does. A version that tick t
 * made, after tick p had made the one before (0: none), is needed by the holds of [p, t): where
 * nothing older is there, no hold saw a change before.
 *
 * A row says which is its newest version. When that is given back and it was the only one, the row
 * is not told, for it is far away: what it says is looked at with care, a version knows its row.
 * Few look so far: a row says some bits of its version's tick, too.
 *
 * **Memory that is refused.** What is not needed goes first, then hold after hold from the oldest;
 * at last all that is kept, of the tick being applied too: the pool is set aside as a whole, and
 * given back chunk by chunk. */
#include "views/store/state_int.h"

/* A version's number is that of its slot: the chunk, then the slot in there (store_state.slot_shift
 * bits). 0 is none. In a row's head the lowest bits of the tick stand above it. */
#define STORE_NUMBER_BITS 28u
#define STORE_NUMBER_MAX  ((UINT32_C(1) << STORE_NUMBER_BITS) - 1)
#define STORE_TICK_MASK   15u

/* log2 of the slots of the first chunk; each of those that follow has twice as many, up to
 * slot_shift. */
#define STORE_SLOTS_FIRST_SHIFT 4u

/* Empty chunks that are kept: so many bytes, and a part of those of the rows. */
#define STORE_SPARE_BYTES (UINT64_C(256) << 10)
#define STORE_SPARE_SHIFT 4

/* After so many that were kept, twice as many are looked at: more than come. */
#define STORE_STEPS_KEEP 32u

/* A chunk of the pool. */
struct store_pool_chunk {
    uint8_t *slots;  /* NULL: no memory */
    uint32_t free;   /* first of its free slots, chained by `next`; 0: none */
    uint32_t used;   /* slots in use */
    uint32_t fresh;  /* slots that were never used begin here */
    uint32_t before; /* of the list of chunks with room; number and 1, 0: none */
    uint32_t after;  /* likewise; without memory: the next one without */
};

/* Versions, chained by `next`. */
struct store_version_list {
    uint32_t first; /* 0: none */
    uint32_t last;
};

/* A tick that is held. */
struct store_held {
    uint64_t tick;
    uint32_t holds_count;
    struct store_version_list list; /* needed by it, and by no newer one */
};

struct store_versions {
    struct store_pool_chunk *chunks;
    uint32_t chunks_count;
    uint32_t chunks_capacity;
    uint32_t bare_first;  /* chunks without memory; number and 1 */
    uint32_t room_first;  /* chunks with free slots, those of which some are used first */
    uint32_t room_last;   /* likewise */
    uint32_t empty_count; /* chunks of which no slot is used */

    struct store_version_list pending; /* by tick */
    struct store_version_list loose;
    uint32_t newest_first; /* of `pending`: the first of the tick being applied; 0: none */
    uint32_t kept_count;   /* since some were looked at */
    uint64_t kept_since;   /* no version is of a tick before */

    struct store_held *held; /* by tick */
    uint32_t held_count;
    uint32_t held_capacity;

    /* A pool that was set aside. */
    struct store_pool_chunk *doomed;
    uint32_t doomed_count;
    uint32_t doomed_capacity;
};

static uint32_t store_slot_bytes(const struct store_state *state)
{
    return (uint32_t)sizeof(struct store_version) + state->layout.state_bytes;
}

/* Slots of a chunk that there is memory for: the first chunks have fewer than those that follow. */
static uint32_t store_pool_room(const struct store_state *state, uint32_t number)
{
    uint32_t shift = STORE_SLOTS_FIRST_SHIFT + number - 1;
    return UINT32_C(1) << (shift < state->slot_shift ? shift : state->slot_shift);
}

static size_t store_pool_chunk_bytes(const struct store_state *state, uint32_t number)
{
    return (size_t)store_slot_bytes(state) * store_pool_room(state, number);
}

/* Slots of a chunk. */
static uint32_t store_pool_slots(const struct store_state *state, uint32_t number)
{
    return store_pool_room(state, number) - (number == 1); /* whose first would be number 0 */
}

struct store_version *store_version_at(const struct store_state *state, uint32_t number)
{
    uint32_t in_chunk = number & ((UINT32_C(1) << state->slot_shift) - 1);
    uint8_t *slots = state->versions->chunks[number >> state->slot_shift].slots;
    return (struct store_version *)(void *)(slots + (size_t)in_chunk * store_slot_bytes(state));
}

/* --- Lists ----------------------------------------------------------------------------------- */

static void store_list_push(const struct store_state *state, struct store_version_list *list,
                            uint32_t number)
{
    store_version_at(state, number)->next = 0;
    if (list->first == 0) {
        list->first = number;
    } else {
        store_version_at(state, list->last)->next = number;
    }
    list->last = number;
}

static uint32_t store_list_pop(const struct store_state *state, struct store_version_list *list)
{
    uint32_t number = list->first;
    list->first = store_version_at(state, number)->next;
    return number;
}

/* Append all of `from`. */
static void store_list_join(const struct store_state *state, struct store_version_list *list,
                            struct store_version_list from)
{
    if (from.first == 0) {
        return;
    }
    if (list->first == 0) {
        *list = from;
        return;
    }
    store_version_at(state, list->last)->next = from.first;
    list->last = from.last;
}

/* --- The pool -------------------------------------------------------------------------------- */

/* Take a chunk out of the list of those with room. */
static void store_pool_unlink(struct store_versions *versions, uint32_t number)
{
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    *(chunk->before != 0 ? &versions->chunks[chunk->before - 1].after : &versions->room_first) =
        chunk->after;
    *(chunk->after != 0 ? &versions->chunks[chunk->after - 1].before : &versions->room_last) =
        chunk->before;
    chunk->before = 0;
    chunk->after = 0;
}

static void store_pool_link_first(struct store_versions *versions, uint32_t number)
{
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    chunk->after = versions->room_first;
    *(versions->room_first != 0 ? &versions->chunks[versions->room_first - 1].before
                                : &versions->room_last) = number;
    versions->room_first = number;
}

static void store_pool_link_last(struct store_versions *versions, uint32_t number)
{
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    chunk->before = versions->room_last;
    *(versions->room_last != 0 ? &versions->chunks[versions->room_last - 1].after
                               : &versions->room_first) = number;
    versions->room_last = number;
}

/* Give the memory of chunk `number` back, if it has any. */
static void store_pool_give(struct store_state *state, uint8_t *slots, uint32_t number)
{
    size_t bytes = store_pool_chunk_bytes(state, number);
    if (slots != NULL) {
        store_give(state, slots, bytes, 16);
        state->version_bytes -= budget_block_bytes(bytes, 16);
    }
}

/* Give the memory of an empty chunk back. */
static void store_pool_release(struct store_state *state, uint32_t number)
{
    struct store_versions *versions = state->versions;
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    ASSERT(chunk->used == 0);
    store_pool_unlink(versions, number);
    store_pool_give(state, chunk->slots, number);
    *chunk = (struct store_pool_chunk){.after = versions->bare_first};
    versions->bare_first = number;
    versions->empty_count--;
}

/* Twice the room in the list of chunks. */
static enum err store_pool_list(struct store_state *state, struct store_versions *versions)
{
    uint32_t capacity = versions->chunks_capacity == 0 ? 4 : versions->chunks_capacity * 2;
    struct store_pool_chunk *chunks;
    if (capacity > STORE_NUMBER_MAX >> state->slot_shift) {
        return ERR_BUDGET;
    }
    enum err err = store_try_take(state, capacity * sizeof(*chunks), 16, (void **)&chunks);
    if (err != ERR_OK) {
        return err;
    }
    if (versions->chunks != NULL) {
        memcpy(chunks, versions->chunks, versions->chunks_count * sizeof(*chunks));
        store_give(state, versions->chunks, versions->chunks_capacity * sizeof(*chunks), 16);
    }
    versions->chunks = chunks;
    versions->chunks_capacity = capacity;
    return ERR_OK;
}

/* One more chunk. */
static enum err store_pool_open(struct store_state *state)
{
    struct store_versions *versions = state->versions;
    uint32_t number = versions->bare_first;
    size_t bytes = store_pool_chunk_bytes(state, number != 0 ? number : versions->chunks_count + 1);
    enum err err = ERR_OK;
    if (number == 0 && versions->chunks_count == versions->chunks_capacity) {
        err = store_pool_list(state, versions);
    }
    void *slots = NULL;
    err = err != ERR_OK ? err : store_try_take(state, bytes, 16, &slots);
    if (err != ERR_OK) {
        return err;
    }
    state->version_bytes += budget_block_bytes(bytes, 16);
    if (number != 0) {
        versions->bare_first = versions->chunks[number - 1].after;
    } else {
        number = ++versions->chunks_count;
    }
    bool is_first = number == 1; /* whose first slot would be number 0 */
    versions->chunks[number - 1] = (struct store_pool_chunk){.slots = slots, .fresh = is_first};
    versions->empty_count++;
    store_pool_link_first(versions, number);
    return ERR_OK;
}

/* *out = a slot. */
static enum err store_pool_get(struct store_state *state, uint32_t *out)
{
    struct store_versions *versions = state->versions;
    if (versions->room_first == 0) {
        enum err err = store_pool_open(state);
        if (err != ERR_OK) {
            return err;
        }
    }
    uint32_t number = versions->room_first;
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    versions->empty_count -= chunk->used == 0;
    chunk->used++;
    if (chunk->free != 0) {
        *out = chunk->free;
        chunk->free = store_version_at(state, *out)->next;
    } else {
        ASSERT(chunk->fresh < store_pool_room(state, number));
        *out = (number - 1) << state->slot_shift | chunk->fresh++;
    }
    if (chunk->used == store_pool_slots(state, number)) {
        store_pool_unlink(versions, number);
    }
    return ERR_OK;
}

static void store_pool_put(struct store_state *state, uint32_t slot)
{
    struct store_versions *versions = state->versions;
    uint32_t number = (slot >> state->slot_shift) + 1;
    struct store_pool_chunk *chunk = &versions->chunks[number - 1];
    struct store_version *version = store_version_at(state, slot);
    version->row = 0;
    version->next = chunk->free;
    chunk->free = slot;
    if (chunk->used-- == store_pool_slots(state, number)) {
        store_pool_link_first(versions, number);
    }
    if (chunk->used > 0) {
        return;
    }
    chunk->free = 0; /* the next ones stand side by side again */
    chunk->fresh = number == 1;
    store_pool_unlink(versions, number);
    store_pool_link_last(versions, number);
    versions->empty_count++;
    uint64_t spare =
        STORE_SPARE_BYTES + ((state->bytes - state->version_bytes) >> STORE_SPARE_SHIFT);
    if ((uint64_t)versions->empty_count * store_pool_chunk_bytes(state, number) > spare) {
        store_pool_release(state, number);
    }
}

/* --- Versions of a row ----------------------------------------------------------------------- */

/* What a row says of its newest version: the number, and some bits of the tick. */
static ALWAYS_INLINE uint32_t store_mark(uint32_t number, uint64_t tick)
{
    return (uint32_t)(tick << STORE_NUMBER_BITS) | number;
}

/* The number that a row says, 0 where that is seen to be out of date: its tick's bits are not those
 * of any tick since the oldest that something may be kept of. */
static ALWAYS_INLINE uint32_t store_mark_number(const struct store_state *state, uint32_t mark)
{
    const struct store_versions *versions = state->versions;
    if (mark == 0 || versions == NULL) {
        return 0;
    }
    uint32_t number = mark & STORE_NUMBER_MAX;
    uint32_t since =
        ((mark >> STORE_NUMBER_BITS) - (uint32_t)versions->kept_since) & STORE_TICK_MASK;
    bool is_old = since > state->opening - versions->kept_since; /* none when that is large */
    uint32_t chunk = number >> state->slot_shift;
    bool is_gone =
        is_old || chunk >= versions->chunks_count || versions->chunks[chunk].slots == NULL;
    return is_gone ? 0 : number;
}

struct store_version *store_version_newest(const struct store_state *state, uint32_t slice,
                                           uint32_t row, const struct store_head *head)
{
    uint32_t number = store_mark_number(state, head->version);
    if (number == 0) {
        return NULL;
    }
    struct store_version *version = store_version_at(state, number);
    bool is_ours = version->row == row && (version->stamp >> 1 & (STORE_SLICES - 1)) == slice;
    return is_ours ? version : NULL;
}

void store_version_prefetch(const struct store_state *state, const struct store_head *head)
{
    uint32_t number = store_mark_number(state, head->version);
    if (number != 0) {
        __builtin_prefetch(store_version_at(state, number), 1);
    }
}

static enum err store_versions_open(struct store_state *state)
{
    return state->versions != NULL
               ? ERR_OK
               : store_try_take(state, sizeof(*state->versions), 16, (void **)&state->versions);
}

struct store_version *store_version_keep(struct store_state *state, uint32_t slice, uint32_t row,
                                         struct store_head *head, bool is_absent)
{
    uint32_t number;
    if (state->versions != NULL && ++state->versions->kept_count >= STORE_STEPS_KEEP) {
        state->versions->kept_count = 0;
        (void)store_versions_step(state, 2 * STORE_STEPS_KEEP);
    }
    while (store_versions_open(state) != ERR_OK || store_pool_get(state, &number) != ERR_OK) {
        if (!store_versions_relieve(state) || state->is_blind) {
            state->is_blind = true;
            state->readable = state->opening;
            return NULL;
        }
    }
    struct store_version *version = store_version_at(state, number);
    struct store_version *older = store_version_newest(state, slice, row, head);
    version->stamp = state->opening << 7 | slice << 1 | is_absent;
    version->row = row;
    version->newer = 0;
    version->older = older != NULL ? head->version & STORE_NUMBER_MAX : 0;
    if (older != NULL) {
        older->newer = number;
    }
    if (!is_absent) {
        store_copy_state(store_version_state(version), store_head_state(head),
                         state->layout.state_bytes);
    }
    head->version = store_mark(number, state->opening);
    store_list_push(state, &state->versions->pending, number);
    if (state->versions->newest_first == 0) {
        state->versions->newest_first = number;
    }
    return version;
}

uint32_t store_version_first(const struct store_state *state)
{
    return state->versions != NULL ? state->versions->newest_first : 0;
}

void store_versions_begin(struct store_state *state)
{
    struct store_versions *versions = state->versions;
    if (versions == NULL) {
        return;
    }
    versions->newest_first = 0;
    if (versions->held_count > 0 || versions->loose.first != 0) {
        return; /* some may be as old as before */
    }
    uint32_t first = versions->pending.first;
    versions->kept_since =
        first != 0 ? store_version_tick(store_version_at(state, first)) : state->opening;
}

/* Nobody needs it. */
static void store_version_drop(struct store_state *state, uint32_t number)
{
    struct store_version *version = store_version_at(state, number);
    if (version->older != 0) {
        store_version_at(state, version->older)->newer = version->newer;
    }
    if (version->newer != 0) {
        store_version_at(state, version->newer)->older = version->older;
    } else if (version->older != 0) {
        const struct store_slice *slice = state->slices[version->stamp >> 1 & (STORE_SLICES - 1)];
        store_row_head(state, slice, version->row)->version =
            store_mark(version->older, store_version_tick(store_version_at(state, version->older)));
    }
    store_pool_put(state, number);
}

/* The newest held tick before `tick`, or NULL. */
static struct store_held *store_held_before(struct store_versions *versions, uint64_t tick)
{
    uint32_t low = 0;
    uint32_t high = versions->held_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (versions->held[middle].tick < tick) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &versions->held[low - 1];
}

/* Give a version to who needs it, or back. */
static void store_version_sort(struct store_state *state, uint32_t number)
{
    struct store_version *version = store_version_at(state, number);
    store_version_ahead(version);
    if (state->versions->held_count == 0) {
        store_version_drop(state, number);
        return;
    }
    struct store_held *held = store_held_before(state->versions, store_version_tick(version));
    uint64_t since =
        version->older == 0 ? 0 : store_version_tick(store_version_at(state, version->older));
    if (held != NULL && held->tick >= since) {
        store_list_push(state, &held->list, number);
    } else {
        store_version_drop(state, number);
    }
}

/* Whether the first of `pending` is complete; those of the newest tick are asked for until the next
 * one begins. */
static bool store_pending_is_due(const struct store_state *state)
{
    uint32_t first = state->versions->pending.first;
    if (first == 0) {
        return false;
    }
    uint64_t tick = store_version_tick(store_version_at(state, first));
    return tick <= state->complete && tick < state->opening;
}

bool store_versions_step(struct store_state *state, uint32_t count)
{
    struct store_versions *versions = state->versions;
    if (versions == NULL) {
        return true;
    }
    bool has_loose = versions->loose.first != 0;
    bool has_due = store_pending_is_due(state);
    for (; count > 0 && (has_loose || has_due); count--) {
        if (has_loose && (!has_due || count % 2 == 0)) {
            store_version_sort(state, store_list_pop(state, &versions->loose));
            has_loose = versions->loose.first != 0;
        } else {
            store_version_sort(state, store_list_pop(state, &versions->pending));
            has_due = store_pending_is_due(state);
        }
    }
    for (; count > 0 && versions->doomed_count > 0; count--) {
        uint32_t number = versions->doomed_count--;
        store_pool_give(state, versions->doomed[number - 1].slots, number);
    }
    if (versions->doomed_count == 0 && versions->doomed != NULL) {
        store_give(state, versions->doomed, versions->doomed_capacity * sizeof(*versions->doomed),
                   16);
        versions->doomed = NULL;
    }
    return !has_loose && !has_due && versions->doomed == NULL;
}

/* --- Holds ----------------------------------------------------------------------------------- */

static struct store_held *store_held_find(struct store_versions *versions, uint64_t tick)
{
    struct store_held *held = versions != NULL ? store_held_before(versions, tick + 1) : NULL;
    return held != NULL && held->tick == tick ? held : NULL;
}

bool store_versions_has(const struct store_state *state, uint64_t tick)
{
    return store_held_find(state->versions, tick) != NULL;
}

bool store_versions_hold(struct store_state *state, uint64_t tick)
{
    if (store_versions_open(state) != ERR_OK) {
        return false;
    }
    struct store_versions *versions = state->versions;
    struct store_held *held = store_held_find(versions, tick);
    if (held != NULL) {
        held->holds_count++;
        return true;
    }
    if (versions->held_count == versions->held_capacity) {
        uint32_t capacity = versions->held_capacity == 0 ? 4 : versions->held_capacity * 2;
        if (store_try_take(state, capacity * sizeof(*held), 16, (void **)&held) != ERR_OK) {
            return false;
        }
        if (versions->held != NULL) {
            memcpy(held, versions->held, versions->held_count * sizeof(*held));
            store_give(state, versions->held, versions->held_capacity * sizeof(*held), 16);
        }
        versions->held = held;
        versions->held_capacity = capacity;
    }
    held = store_held_before(versions, tick);
    uint32_t at = held != NULL ? (uint32_t)(held - versions->held) + 1 : 0;
    memmove(&versions->held[at + 1], &versions->held[at],
            (versions->held_count - at) * sizeof(*held));
    versions->held[at] = (struct store_held){.tick = tick, .holds_count = 1};
    versions->held_count++;
    return true;
}

/* Nobody holds it any more. */
static void store_held_end(struct store_state *state, struct store_held *held)
{
    struct store_versions *versions = state->versions;
    store_list_join(state, &versions->loose, held->list);
    versions->held_count--;
    memmove(held, held + 1,
            (versions->held_count - (size_t)(held - versions->held)) * sizeof(*held));
}

void store_versions_release(struct store_state *state, uint64_t tick)
{
    struct store_held *held = store_held_find(state->versions, tick);
    ASSERT(held != NULL);
    if (--held->holds_count == 0) {
        store_held_end(state, held);
    }
}

/* --- Memory that is refused ------------------------------------------------------------------ */

/* Give empty chunks back. */
static bool store_relieve_spare(struct store_state *state)
{
    struct store_versions *versions = state->versions;
    bool has_any = versions->empty_count > 0;
    while (versions->empty_count > 0) {
        store_pool_release(state, versions->room_last);
    }
    return has_any;
}

/* Break the holds of the oldest tick. */
static void store_relieve_hold(struct store_state *state)
{
    uint64_t tick = state->versions->held[0].tick;
    list_for_each (node, &state->holds) {
        struct store_hold *hold = CONTAINER_OF(node, struct store_hold, in_state);
        if (hold->tick > tick) {
            break;
        }
        hold->is_broken = true;
    }
    store_held_end(state, &state->versions->held[0]);
}

bool store_state_break(struct store_state *state)
{
    const struct store_versions *versions = state->versions;
    if (versions == NULL || versions->held_count == 0 ||
        versions->held[0].tick >= state->complete) {
        return false;
    }
    store_relieve_hold(state);
    return true;
}

/* Set all versions aside. */
static bool store_relieve_blind(struct store_state *state)
{
    struct store_versions *versions = state->versions;
    if (state->is_blind || !state->is_open || versions->doomed != NULL) {
        return false;
    }
    ASSERT(versions->held_count == 0);
    state->is_blind = true;
    state->readable = state->opening;
    versions->doomed = versions->chunks;
    versions->doomed_count = versions->chunks_count;
    versions->doomed_capacity = versions->chunks_capacity;
    versions->chunks = NULL;
    versions->chunks_count = versions->chunks_capacity = 0;
    versions->bare_first = versions->room_first = versions->room_last = 0;
    versions->empty_count = 0;
    versions->pending = versions->loose = (struct store_version_list){0, 0};
    versions->newest_first = 0;
    return true;
}

bool store_versions_relieve(struct store_state *state)
{
    enum { STEPS = 256 };
    struct store_versions *versions = state->versions;
    if (versions == NULL) {
        return false;
    }
    if (store_relieve_spare(state)) {
        return true;
    }
    uint64_t before = state->bytes;
    while (!store_versions_step(state, STEPS)) {
        if (store_relieve_spare(state) || state->bytes < before) {
            return true;
        }
    }
    if (store_relieve_spare(state) || state->bytes < before) {
        return true;
    }
    if (versions->held_count > 0) {
        store_relieve_hold(state);
        return true;
    }
    return store_relieve_blind(state);
}

bool store_versions_free(struct store_state *state)
{
    enum { CHUNKS = 256 };
    struct store_versions *versions = state->versions;
    if (versions == NULL) {
        return true;
    }
    ASSERT(versions->held_count == 0);
    if (versions->doomed != NULL) {
        versions->pending = versions->loose = (struct store_version_list){0, 0};
        (void)store_versions_step(state, CHUNKS);
        return false;
    }
    for (int i = 0; i < CHUNKS && versions->chunks_count > 0; i++) {
        uint32_t number = versions->chunks_count--;
        store_pool_give(state, versions->chunks[number - 1].slots, number);
    }
    if (versions->chunks_count > 0) {
        return false;
    }
    store_give(state, versions->chunks, versions->chunks_capacity * sizeof(*versions->chunks), 16);
    store_give(state, versions->held, versions->held_capacity * sizeof(*versions->held), 16);
    store_give(state, versions, sizeof(*versions), 16);
    state->versions = NULL;
    return true;
}
