/* Reading rows as they were at a tick. See state.h. */
#include "views/store/state_int.h"

/* Rows looked at for each that is asked for. */
#define STORE_LOOK_RATIO 4u

/* Behind the last change. */
#define STORE_CHANGES_END UINT64_MAX

void store_state_hold(struct store_state *state, struct store_hold *hold, uint64_t tick)
{
    ASSERT(tick > 0);
    ASSERT(tick <= state->tick);
    ASSERT(tick >= state->complete || store_versions_has(state, tick));
    *hold = (struct store_hold){.tick = tick};
    hold->is_broken = tick < state->readable || !store_versions_hold(state, tick);
    struct list_node *behind = &state->holds.head;
    while (behind->prev != &state->holds.head &&
           CONTAINER_OF(behind->prev, struct store_hold, in_state)->tick > tick) {
        behind = behind->prev;
    }
    list_insert_before(behind, &hold->in_state);
}

void store_state_release(struct store_state *state, struct store_hold *hold)
{
    list_remove(&hold->in_state);
    if (!hold->is_broken) {
        store_versions_release(state, hold->tick);
    }
}

uint64_t store_state_unread(const struct store_state *state)
{
    uint64_t oldest = state->complete;
    list_for_each (node, &state->holds) {
        const struct store_hold *hold = CONTAINER_OF(node, struct store_hold, in_state);
        if (!hold->is_broken) {
            oldest = hold->tick < oldest ? hold->tick : oldest;
            break;
        }
    }
    uint64_t before = state->opening > 0 ? state->opening - 1 : 0;
    return oldest < before ? oldest : before; /* store_changes reads what the newest tick kept */
}

/* What a row was after `tick`. False: there was none. */
static bool store_row_at(const struct store_state *state, uint32_t slice, uint32_t row,
                         struct store_head *head, uint64_t tick, struct store_row *out)
{
    struct store_version *version = store_version_newest(state, slice, row, head);
    struct store_version *seen = NULL;
    while (version != NULL && store_version_tick(version) > tick) {
        seen = version;
        version = version->older != 0 ? store_version_at(state, version->older) : NULL;
    }
    if (seen != NULL && store_version_is_absent(seen)) {
        return false;
    }
    *out = (struct store_row){
        .key = store_head_key(state, head),
        .key_bytes = store_head_key_bytes(head),
        .state = seen != NULL ? store_version_state(seen) : store_head_state(head),
    };
    return true;
}

/* The row of `key` after `tick`, which can be read. */
static bool store_state_find(const struct store_state *state, uint64_t tick, uint64_t hash,
                             const void *key, uint32_t key_bytes, struct store_row *row)
{
    uint32_t number = store_slice_of(hash);
    const struct store_slice *slice = state->slices[number];
    uint32_t found = slice != NULL ? store_index_find(state, slice, hash, key, key_bytes) : 0;
    return found != 0 &&
           store_row_at(state, number, found, store_row_head(state, slice, found), tick, row);
}

bool store_state_get(const struct store_state *state, const struct store_hold *hold, uint64_t hash,
                     const void *key, uint32_t key_bytes, struct store_row *row)
{
    return !hold->is_broken && store_state_find(state, hold->tick, hash, key, key_bytes, row);
}

bool store_state_get_at(const struct store_state *state, uint64_t tick, uint64_t hash,
                        const void *key, uint32_t key_bytes, struct store_row *row)
{
    ASSERT(tick >= state->complete);
    ASSERT(tick >= state->readable);
    ASSERT(tick <= state->tick);
    return store_state_find(state, tick, hash, key, key_bytes, row);
}

uint32_t store_state_walk(const struct store_state *state, const struct store_hold *hold,
                          uint32_t number, struct store_walk *walk, struct store_row *rows,
                          uint32_t rows_max)
{
    ASSERT(number < STORE_SLICES);
    const struct store_slice *slice = state->slices[number];
    uint32_t count = 0;
    uint32_t found;
    if (slice == NULL || hold->is_broken) {
        walk->is_done = true;
        return 0;
    }
    if (walk->end == 0) { /* what is made from now on, no tick held has seen */
        walk->pos = 1;
        walk->end = slice->end;
    }
    for (uint64_t look = (uint64_t)rows_max * STORE_LOOK_RATIO; look > 0 && count < rows_max;
         look--) {
        struct store_head *head = store_rows_next(state, slice, &walk->pos, walk->end, &found);
        if (head == NULL) {
            walk->is_done = true;
            break;
        }
        count += store_row_at(state, number, found, head, hold->tick, &rows[count]);
    }
    return count;
}

/* The rows of the first tick: all there are. *pos: slice and word. */
static bool store_changes_all(const struct store_state *state, uint64_t *pos, struct store_row *row)
{
    for (uint64_t number = *pos >> 32; number < STORE_SLICES; number++, *pos = number << 32) {
        const struct store_slice *slice = state->slices[number];
        uint32_t at = (uint32_t)*pos != 0 ? (uint32_t)*pos : 1;
        uint32_t found;
        struct store_head *head =
            slice != NULL ? store_rows_next(state, slice, &at, slice->end, &found) : NULL;
        if (head != NULL) {
            *pos = number << 32 | at;
            *row = (struct store_row){
                .key = store_head_key(state, head),
                .key_bytes = store_head_key_bytes(head),
                .state = store_head_state(head),
            };
            return true;
        }
    }
    return false;
}

bool store_changes(const struct store_state *state, uint64_t *pos, struct store_row *row)
{
    ASSERT(!state->is_open);
    if (state->is_first) {
        return store_changes_all(state, pos, row);
    }
    if (state->is_blind || *pos == STORE_CHANGES_END) {
        return false;
    }
    uint32_t number = *pos == 0 ? store_version_first(state) : (uint32_t)*pos;
    if (number == 0) {
        return false;
    }
    struct store_version *version = store_version_at(state, number);
    const struct store_slice *slice = state->slices[version->stamp >> 1 & (STORE_SLICES - 1)];
    struct store_head *head = store_row_head(state, slice, version->row);
    *pos = version->next != 0 ? version->next : STORE_CHANGES_END;
    *row = (struct store_row){
        .key = store_head_key(state, head),
        .key_bytes = store_head_key_bytes(head),
        .state = store_head_state(head),
        .was = store_version_is_absent(version) ? NULL : store_version_state(version),
    };
    return true;
}

void store_changes_prefetch(const struct store_state *state, uint64_t *ahead)
{
    if (state->is_first || state->is_blind || *ahead == STORE_CHANGES_END) {
        return;
    }
    uint32_t number = *ahead == 0 ? store_version_first(state) : (uint32_t)*ahead;
    if (number == 0) {
        return;
    }
    const struct store_version *version = store_version_at(state, number);
    store_version_ahead(version);
    const struct store_slice *slice = state->slices[version->stamp >> 1 & (STORE_SLICES - 1)];
    const uint8_t *head = (const uint8_t *)store_row_head(state, slice, version->row);
    __builtin_prefetch(head);
    __builtin_prefetch(head + sizeof(struct store_head) + state->layout.state_bytes);
    *ahead = version->next != 0 ? version->next : STORE_CHANGES_END;
}
