/* Partial groups into rows. See upkeep.h.
 *
 * Rows of a delta stand slice by slice; where the store has each is asked of the cache some keys
 * ahead, since a miss costs more than a merge.
 *
 * What states point to stands in one arena; what they leave behind is used again when nobody can
 * read it any more (vec/rooms.h). A mark is made for each megabyte of it, so that a view of
 * gigabytes can be given back in steps. */
#include "views/maint/upkeep.h"

#include <string.h>

#include "base/assert.h"
#include "views/maint/fold_int.h"
#include "views/maint/show.h"

/* Groups that one call merges, and how far ahead of them the cache is asked for a slot of the
 * store's index, and then for the row. */
#define MAINT_APPLY_GROUPS    512u
#define MAINT_APPLY_AHEAD     32u
#define MAINT_APPLY_AHEAD_ROW 12u

/* The same of changes. */
#define MAINT_CHANGES_AHEAD 10u

/* Chunks of what states point to, and how far marks are apart. */
#define MAINT_OUTSIDE_CHUNK_BYTES (64u << 10)
#define MAINT_OUTSIDE_MARK_BYTES  (1u << 20)

/* A place in the arena to go back to; it stands right behind it. */
struct maint_upkeep_mark {
    struct arena_mark mark;
    size_t held_bytes;               /* of the arena then */
    struct maint_upkeep_mark *older; /* NULL: the first */
};

void maint_upkeep_init(struct maint_upkeep *upkeep, const struct maint_view *view,
                       struct budget *budget, bool has_global)
{
    const struct store_layout layout = {.state_bytes = view->state_bytes};
    *upkeep = (struct maint_upkeep){
        .view = view,
        .budget = budget,
        .has_global = has_global && view->is_global,
        .eval = {.scratch = &upkeep->scratch},
    };
    store_state_init(&upkeep->state, &layout, budget);
    arena_init(&upkeep->arena, budget, MAINT_OUTSIDE_CHUNK_BYTES, SIZE_MAX);
    arena_init(&upkeep->scratch, budget, MAINT_ARENA_BYTES, SIZE_MAX);
    vec_rooms_init(&upkeep->rooms, &upkeep->arena);
    upkeep->accumulation = (struct vec_accumulation){
        .ev = &upkeep->eval, .arena = &upkeep->arena, .rooms = &upkeep->rooms};
}

bool maint_upkeep_deinit_step(struct maint_upkeep *upkeep)
{
    if (!store_state_deinit_step(&upkeep->state)) {
        return false;
    }
    if (upkeep->marks != NULL) {
        struct arena_mark mark = upkeep->marks->mark; /* which goes, too */
        upkeep->marks = upkeep->marks->older;
        arena_rewind(&upkeep->arena, mark);
        return false;
    }
    arena_deinit(&upkeep->arena);
    arena_deinit(&upkeep->scratch);
    return true;
}

uint64_t maint_upkeep_bytes(const struct maint_upkeep *upkeep)
{
    return upkeep->state.bytes + upkeep->arena.held_bytes + upkeep->scratch.held_bytes;
}

enum err maint_upkeep_begin(struct maint_upkeep *upkeep, uint64_t tick)
{
    store_state_begin(&upkeep->state, tick);
    upkeep->rooms.now = tick;
    upkeep->rooms.unread = store_state_unread(&upkeep->state);
    if (vec_rooms_is_stuck(&upkeep->rooms) &&
        upkeep->rooms.waiting_bytes > budget_left(upkeep->arena.budget) &&
        store_state_break(&upkeep->state)) { /* a reader fails, rather than the view */
        upkeep->rooms.unread = store_state_unread(&upkeep->state);
    }
    if (!upkeep->has_global) {
        return ERR_OK;
    }
    struct store_row row;
    upkeep->has_global = false;
    return store_state_touch(&upkeep->state, store_hash(NULL, 0), NULL, 0, &row);
}

void maint_upkeep_end(struct maint_upkeep *upkeep)
{
    store_state_end(&upkeep->state);
}

/* A mark, where the last one is far away. */
static enum err maint_upkeep_mark(struct maint_upkeep *upkeep)
{
    struct arena *a = &upkeep->arena;
    size_t marked_bytes = upkeep->marks != NULL ? upkeep->marks->held_bytes : 0;
    if (a->held_bytes < marked_bytes + MAINT_OUTSIDE_MARK_BYTES) {
        return ERR_OK;
    }
    struct arena_mark mark = arena_mark(a);
    struct maint_upkeep_mark *made = arena_alloc(a, sizeof(*made), 8);
    if (made == NULL) {
        return a->err;
    }
    *made = (struct maint_upkeep_mark){mark, a->held_bytes, upkeep->marks};
    upkeep->marks = made;
    return ERR_OK;
}

/* Merge a group's states into its row's. */
static ALWAYS_INLINE enum err maint_upkeep_merge(struct maint_upkeep *upkeep, uint8_t *into,
                                                 const uint8_t *from)
{
    const struct maint_view *view = upkeep->view;
    for (uint32_t i = 0; i < view->states_count; i++) {
        const struct maint_state *state = &view->states[i];
        if (!state->accumulator->merge(&upkeep->accumulation, state->call, into + state->pos,
                                       from + state->pos)) {
            return ERR_BUDGET;
        }
    }
    return ERR_OK;
}

enum err maint_upkeep_apply(struct maint_upkeep *upkeep, const struct maint_delta *delta,
                            uint32_t *pos)
{
    ASSERT(*pos <= delta->groups_count);
    enum err err = maint_upkeep_mark(upkeep);
    if (err != ERR_OK) {
        return err;
    }
    maint_arena_reset(&upkeep->scratch);
    size_t state_bytes = upkeep->view->state_bytes;
    uint32_t left = delta->groups_count - *pos;
    uint32_t end = *pos + (left < MAINT_APPLY_GROUPS ? left : MAINT_APPLY_GROUPS);
    uint32_t key_pos = *pos == 0 ? 0 : delta->key_ends[*pos - 1];
    for (uint32_t i = *pos; i < end && i < *pos + MAINT_APPLY_AHEAD; i++) {
        store_state_prefetch(&upkeep->state, delta->hashes[i]);
    }
    for (uint32_t i = *pos; i < end; i++) {
        if (i + MAINT_APPLY_AHEAD < end) {
            store_state_prefetch(&upkeep->state, delta->hashes[i + MAINT_APPLY_AHEAD]);
        }
        if (i + MAINT_APPLY_AHEAD_ROW < end) {
            store_state_prefetch_row(&upkeep->state, delta->hashes[i + MAINT_APPLY_AHEAD_ROW]);
        }
        struct store_row row;
        err = store_state_touch(&upkeep->state, delta->hashes[i], delta->keys + key_pos,
                                delta->key_ends[i] - key_pos, &row);
        if (err == ERR_OK) {
            err = maint_upkeep_merge(upkeep, row.state, delta->states + i * state_bytes);
        }
        if (err != ERR_OK) {
            return err;
        }
        key_pos = delta->key_ends[i];
    }
    *pos = end;
    return ERR_OK;
}

/* --- Changes -----------------------------------------------------------------------------------
 */

/* Rows that a tick has changed, before and now. */
struct maint_changed {
    struct maint_shown *was; /* state NULL: there was none */
    struct maint_shown *now;
    uint32_t count;
    uint32_t looked_count;       /* those that are as they were included */
    struct maint_show_keys keys; /* of both */
};

/* The next rows, at most `max`. */
static void maint_changes_collect(struct maint_upkeep *upkeep, uint64_t *pos, uint32_t max,
                                  struct maint_changed *changed)
{
    size_t state_bytes = upkeep->view->state_bytes;
    struct store_row row;
    uint64_t ahead = *pos;
    for (uint32_t i = 0; i < MAINT_CHANGES_AHEAD; i++) {
        store_changes_prefetch(&upkeep->state, &ahead);
    }
    changed->count = 0;
    changed->looked_count = 0;
    while (changed->looked_count < max && store_changes(&upkeep->state, pos, &row)) {
        changed->looked_count++;
        store_changes_prefetch(&upkeep->state, &ahead);
        if (row.was != NULL && memcmp(row.was, row.state, state_bytes) == 0) {
            continue;
        }
        struct maint_shown now = {row.key, row.key_bytes, row.state};
        struct maint_shown was = {row.key, row.key_bytes, row.was};
        changed->now[changed->count] = now;
        changed->was[changed->count++] = was;
    }
}

/* *out = the groups of `was` that were there, as rows of the same numbers. */
static enum err maint_changes_minus(struct maint_upkeep *upkeep, struct maint_changed *changed,
                                    struct vec_batch *out)
{
    struct arena *a = &upkeep->scratch;
    uint64_t faults_count = 0; /* they were counted when they were new */
    uint16_t *rows = arena_alloc(a, changed->count * sizeof(*rows), 8);
    if (rows == NULL) {
        return a->err;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < changed->count; i++) {
        rows[count] = (uint16_t)i;
        count += changed->was[i].state != NULL;
        if (changed->was[i].state == NULL) {
            changed->was[i] = changed->now[i]; /* it has to be something */
        }
    }
    enum err err = maint_show(upkeep->view, &upkeep->eval, changed->was, changed->count,
                              &changed->keys, &faults_count, out);
    (void)faults_count;
    if (err != ERR_OK) {
        return err;
    }
    /* Those that are shown and were there. */
    uint16_t *both = arena_alloc(a, changed->count * sizeof(*both), 8);
    if (both == NULL) {
        return a->err;
    }
    uint32_t both_count = 0;
    uint32_t at = 0;
    for (VEC_ROWS_EACH(out->selection, i, row)) {
        while (at < count && rows[at] < row) {
            at++;
        }
        both[both_count] = (uint16_t)row;
        both_count += at < count && rows[at] == row;
    }
    out->selection = (struct vec_selection){.rows = both, .count = both_count};
    return ERR_OK;
}

/* Leave out rows that are the same in both. */
static enum err maint_changes_differ(struct maint_upkeep *upkeep, struct vec_batch *minus,
                                     struct vec_batch *plus)
{
    struct arena *a = &upkeep->scratch;
    uint16_t *gone = arena_alloc(a, minus->selection.count * sizeof(*gone), 8);
    uint16_t *come = arena_alloc(a, plus->selection.count * sizeof(*come), 8);
    if (gone == NULL || come == NULL) {
        return a->err;
    }
    uint32_t gone_count = 0;
    uint32_t come_count = 0;
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < minus->selection.count || k < plus->selection.count) {
        uint32_t m = i < minus->selection.count ? vec_row(minus->selection, i) : UINT32_MAX;
        uint32_t p = k < plus->selection.count ? vec_row(plus->selection, k) : UINT32_MAX;
        i += m <= p;
        k += p <= m;
        if (m == p && maint_show_is_same(minus, plus, m)) {
            continue;
        }
        if (m <= p) {
            gone[gone_count++] = (uint16_t)m;
        }
        if (p <= m) {
            come[come_count++] = (uint16_t)p;
        }
    }
    minus->selection = (struct vec_selection){.rows = gone, .count = gone_count};
    plus->selection = (struct vec_selection){.rows = come, .count = come_count};
    return ERR_OK;
}

/* As maint_upkeep_changes, at most `max` rows. ERR_AGAIN: fewer, then. */
static enum err maint_changes_next(struct maint_upkeep *upkeep, uint64_t *pos, uint32_t max,
                                   struct vec_batch *minus, struct vec_batch *plus)
{
    struct arena *a = &upkeep->scratch;
    maint_arena_reset(a);
    struct maint_changed changed = {
        .was = arena_alloc(a, max * sizeof(*changed.was), 8),
        .now = arena_alloc(a, max * sizeof(*changed.now), 8),
    };
    if (changed.was == NULL || changed.now == NULL) {
        return a->err;
    }
    maint_changes_collect(upkeep, pos, max, &changed);
    if (changed.looked_count == 0) {
        return ERR_END;
    }
    uint64_t faults_count = 0;
    enum err err = maint_changes_minus(upkeep, &changed, minus);
    err = err == ERR_OK ? maint_show(upkeep->view, &upkeep->eval, changed.now, changed.count,
                                     &changed.keys, &faults_count, plus)
                        : err;
    err = err == ERR_OK ? maint_changes_differ(upkeep, minus, plus) : err;
    upkeep->faults_count += err == ERR_OK ? faults_count : 0;
    return err;
}

enum err maint_upkeep_changes(struct maint_upkeep *upkeep, uint64_t *pos, struct vec_batch *minus,
                              struct vec_batch *plus)
{
    ASSERT(!upkeep->state.is_open);
    if (upkeep->state.is_blind) {
        return ERR_INVALID;
    }
    enum err err = ERR_AGAIN;
    for (uint32_t max = MAINT_SHOW_ROWS; err == ERR_AGAIN; max /= 8) {
        ASSERT(max > 0);
        uint64_t next = *pos;
        err = maint_changes_next(upkeep, &next, max, minus, plus);
        *pos = err == ERR_OK ? next : *pos;
    }
    return err;
}
