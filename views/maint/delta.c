/* Partial groups handed on, a piece of them at a time. See fold.h.
 *
 * One block, sized once: head, hashes, states, ends of keys, keys. What states point to is merged
 * into an arena of the delta's own, so that the fold may forget its groups. */
#include <string.h>

#include "base/assert.h"
#include "views/maint/fold.h"
#include "views/maint/fold_int.h"

/* What a target gets. */
struct maint_sizes {
    uint32_t groups_count;
    uint64_t key_bytes;
};

static struct maint_group *maint_piece_first(const struct maint_table *table)
{
    return table->passed != NULL ? table->passed->next : table->first;
}

/* Look at the piece at hand, if that was not done: how far it goes, and what each slice has of it.
 */
static void maint_piece_look(struct maint_table *table)
{
    struct maint_group *group = maint_piece_first(table);
    if (table->piece_end != NULL) {
        return;
    }
    memset(table->slices, 0, sizeof(table->slices));
    for (uint32_t i = 0; group != NULL && i < MAINT_PIECE_GROUPS; i++) {
        struct maint_slice *slice = &table->slices[store_slice_of(group->hash)];
        slice->count++;
        slice->key_bytes += group->key_bytes;
        table->piece_end = group;
        group = group->next;
    }
}

static struct maint_sizes maint_delta_sizes(const struct maint_fold *fold, uint32_t target)
{
    struct maint_sizes sizes = {0};
    for (uint32_t slice = 0; slice < STORE_SLICES; slice++) {
        if (fold->slice_target[slice] == target) {
            sizes.groups_count += fold->table->slices[slice].count;
            sizes.key_bytes += fold->table->slices[slice].key_bytes;
        }
    }
    return sizes;
}

/* Let the states that point outside point into the delta's arena. */
static bool maint_delta_own(struct maint_fold *fold, struct maint_delta *delta,
                            struct maint_group *group, uint8_t *states)
{
    const struct maint_view *view = fold->view;
    struct vec_accumulation acc = {.ev = &fold->eval, .arena = &delta->arena, .is_alone = true};
    for (uint32_t i = 0; i < view->states_count; i++) {
        const struct maint_state *state = &view->states[i];
        const struct vec_accumulator *accumulator = state->accumulator;
        const uint8_t *from = maint_group_states(group) + state->pos;
        if (accumulator->outside == NULL || accumulator->outside(from) == 0) {
            continue;
        }
        memset(states + state->pos, 0, accumulator->state_bytes);
        if (!accumulator->merge(&acc, state->call, states + state->pos, from)) {
            return false;
        }
    }
    return true;
}

/* Whether any state may point outside. */
static bool maint_view_has_outside(const struct maint_view *view)
{
    bool has_outside = false;
    for (uint32_t i = 0; i < view->states_count; i++) {
        has_outside |= view->states[i].accumulator->outside != NULL;
    }
    return has_outside;
}

/* A delta being written. */
struct maint_writer {
    struct maint_delta *delta;
    uint64_t *hashes;
    uint8_t *states;
    uint32_t *key_ends;
    uint8_t *keys;
    bool has_outside; /* states may point outside */
};

/* Where the next group of a slice goes. */
struct maint_place {
    uint32_t at;      /* groups before it */
    uint32_t key_end; /* bytes of their keys */
};

/* Room for all of it. */
static enum err maint_delta_begin(struct maint_fold *fold, struct maint_sizes sizes,
                                  struct maint_writer *w)
{
    if (sizes.key_bytes > UINT32_MAX) {
        return ERR_TOO_LARGE;
    }
    size_t state_bytes = fold->view->state_bytes;
    size_t count = sizes.groups_count;
    size_t head_bytes = (sizeof(struct maint_delta) + 7) / 8 * 8;
    size_t bytes = head_bytes + count * (sizeof(*w->hashes) + state_bytes + sizeof(*w->key_ends)) +
                   sizes.key_bytes;
    void *block;
    enum err err = budget_alloc(fold->budget, bytes, 8, &block);
    if (err != ERR_OK) {
        return err;
    }
    w->delta = block;
    w->hashes = (uint64_t *)(void *)((uint8_t *)block + head_bytes);
    w->states = (uint8_t *)(w->hashes + count);
    w->key_ends = (uint32_t *)(void *)(w->states + count * state_bytes);
    w->keys = (uint8_t *)(w->key_ends + count);
    w->has_outside = maint_view_has_outside(fold->view);
    *w->delta = (struct maint_delta){
        .budget = fold->budget,
        .bytes = bytes,
        .groups_count = sizes.groups_count,
        .hashes = w->hashes,
        .states = w->states,
        .key_ends = w->key_ends,
        .keys = w->keys,
    };
    arena_init(&w->delta->arena, fold->budget, MAINT_ARENA_BYTES, SIZE_MAX);
    return ERR_OK;
}

/* Copy states: a few words mostly. */
static ALWAYS_INLINE void maint_copy_states(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        memcpy(to + i, from + i, 8);
    }
}

/* Where the groups of each slice go. */
static void maint_delta_places(const struct maint_fold *fold, uint32_t target,
                               struct maint_place *places)
{
    struct maint_place next = {0};
    for (uint32_t slice = 0; slice < STORE_SLICES; slice++) {
        if (fold->slice_target[slice] == target) {
            places[slice] = next;
            next.at += fold->table->slices[slice].count;
            next.key_end += (uint32_t)fold->table->slices[slice].key_bytes;
        }
    }
}

/* All groups of the piece for the target, each slice's in the order in which they were made. False:
 * memory. */
static bool maint_delta_put(struct maint_fold *fold, uint32_t target, struct maint_writer *w)
{
    size_t state_bytes = fold->view->state_bytes;
    enum maint_form form = fold->table->form;
    struct maint_place places[STORE_SLICES];
    maint_delta_places(fold, target, places);
    const struct maint_group *behind = fold->table->piece_end->next;
    for (struct maint_group *group = maint_piece_first(fold->table); group != behind;
         group = group->next) {
        uint32_t slice = store_slice_of(group->hash);
        if (fold->slice_target[slice] != target) {
            continue;
        }
        struct maint_place *place = &places[slice];
        uint8_t *states = w->states + place->at * state_bytes;
        maint_copy_states(states, maint_group_states(group), state_bytes);
        maint_group_key(form, group, w->keys + place->key_end);
        place->key_end += group->key_bytes;
        w->hashes[place->at] = group->hash;
        w->key_ends[place->at] = place->key_end;
        place->at++;
        if (w->has_outside && !maint_delta_own(fold, w->delta, group, states)) {
            return false;
        }
    }
    return true;
}

enum err maint_fold_take(struct maint_fold *fold, uint32_t target, struct maint_delta **out)
{
    ASSERT(target < fold->targets_count);
    ASSERT(!fold->is_broken);
    *out = NULL;
    struct maint_sizes sizes = {0};
    if (fold->table != NULL) {
        maint_piece_look(fold->table);
        sizes = maint_delta_sizes(fold, target);
    }
    if (sizes.groups_count == 0) {
        return ERR_OK;
    }
    struct maint_writer w = {0};
    enum err err = maint_delta_begin(fold, sizes, &w);
    if (err != ERR_OK) {
        return err;
    }
    maint_arena_reset(fold->scratch);
    if (!maint_delta_put(fold, target, &w)) {
        maint_delta_free(w.delta);
        return ERR_BUDGET;
    }
    w.delta->bytes += w.delta->arena.held_bytes;
    *out = w.delta;
    return ERR_OK;
}

bool maint_fold_has_more(const struct maint_fold *fold)
{
    const struct maint_table *table = fold->table;
    return table != NULL && table->piece_end != NULL && table->piece_end->next != NULL;
}

bool maint_fold_pass(struct maint_fold *fold)
{
    struct maint_table *table = fold->table;
    ASSERT(fold->groups_count == 0 || table->piece_end != NULL);
    if (maint_fold_has_more(fold)) {
        table->passed = table->piece_end;
        table->piece_end = NULL;
        return true;
    }
    maint_fold_reset(fold);
    return false;
}

void maint_delta_free(struct maint_delta *delta)
{
    if (delta != NULL) {
        arena_deinit(&delta->arena);
        budget_free(delta->budget, delta);
    }
}
