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

/* Groups that one call merges. */
#define MAINT_APPLY_GROUPS 512u

/* How many changed rows ahead the cache is asked for. */
#define MAINT_CHANGES_AHEAD 24u

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
                       struct budget *budget, struct arena *scratch, bool has_global)
{
    const struct store_layout layout = {.state_bytes = view->state_bytes};
    *upkeep = (struct maint_upkeep){
        .view = view,
        .budget = budget,
        .has_global = has_global && view->is_global,
        .scratch = scratch,
        .eval = {.scratch = scratch},
    };
    store_state_init(&upkeep->state, &layout, budget);
    arena_init(&upkeep->arena, budget, MAINT_OUTSIDE_CHUNK_BYTES, SIZE_MAX);
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
    return true;
}

uint64_t maint_upkeep_bytes(const struct maint_upkeep *upkeep)
{
    return upkeep->state.bytes + upkeep->arena.held_bytes;
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

/* Merge the states of groups into those of their rows, one state of all of them after the other. */
static enum err maint_upkeep_merge(struct maint_upkeep *upkeep, uint8_t *const *into,
                                   const uint8_t *from, uint32_t count)
{
    const struct maint_view *view = upkeep->view;
    for (uint32_t i = 0; i < view->states_count; i++) {
        const struct maint_state *state = &view->states[i];
        const struct vec_accumulator *accumulator = state->accumulator;
        if (accumulator->merge_all != NULL) {
            accumulator->merge_all(into, state->pos, from + state->pos, view->state_bytes, count);
            continue;
        }
        for (uint32_t k = 0; k < count; k++) {
            if (!accumulator->merge(&upkeep->accumulation, state->call, into[k] + state->pos,
                                    from + k * view->state_bytes + state->pos)) {
                return ERR_BUDGET;
            }
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
    maint_arena_reset(upkeep->scratch);
    uint32_t left = delta->groups_count - *pos;
    uint32_t end = *pos + (left < MAINT_APPLY_GROUPS ? left : MAINT_APPLY_GROUPS);
    while (*pos < end) {
        uint8_t *states[STORE_TOUCH_MAX];
        const struct store_keys keys = {
            .hashes = delta->hashes + *pos,
            .bytes = delta->keys,
            .ends = delta->key_ends + *pos,
            .begin = *pos == 0 ? 0 : delta->key_ends[*pos - 1],
            .count = end - *pos < STORE_TOUCH_MAX ? end - *pos : STORE_TOUCH_MAX,
        };
        err = store_state_touch_all(&upkeep->state, &keys, states);
        if (err == ERR_OK) {
            err = maint_upkeep_merge(upkeep, states,
                                     delta->states + *pos * (size_t)upkeep->view->state_bytes,
                                     keys.count);
        }
        if (err != ERR_OK) {
            return err;
        }
        *pos += keys.count;
    }
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

/* Words of a state are compared until one differs, which the first does mostly. */
static ALWAYS_INLINE bool maint_is_same_state(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t words[2];
        memcpy(&words[0], a + i, 8);
        memcpy(&words[1], b + i, 8);
        if (words[0] != words[1]) {
            return false;
        }
    }
    return true;
}

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
        if (row.was != NULL && maint_is_same_state(row.was, row.state, state_bytes)) {
            continue;
        }
        changed->now[changed->count] = (struct maint_shown){row.key, row.key_bytes, row.state};
        changed->was[changed->count++] = (struct maint_shown){row.key, row.key_bytes, row.was};
    }
}

/* Leave `those` (ascending) out of the rows. */
static enum err maint_changes_leave(struct arena *a, struct vec_batch *out, const uint16_t *those,
                                    uint32_t those_count)
{
    uint16_t *rows = arena_alloc(a, out->selection.count * sizeof(*rows), 8);
    uint32_t count = 0;
    uint32_t at = 0;
    if (rows == NULL) {
        return a->err;
    }
    for (VEC_ROWS_EACH(out->selection, i, row)) {
        while (at < those_count && those[at] < row) {
            at++;
        }
        rows[count] = (uint16_t)row;
        count += at == those_count || those[at] != row;
    }
    out->selection = (struct vec_selection){.rows = rows, .count = count};
    return ERR_OK;
}

/* *out = the groups of `was` that were there, as rows of the same numbers. */
static enum err maint_changes_minus(struct maint_upkeep *upkeep, struct maint_changed *changed,
                                    struct vec_batch *out)
{
    struct arena *a = upkeep->scratch;
    uint64_t faults_count = 0; /* they were counted when they were new */
    uint16_t *absent = arena_alloc(a, changed->count * sizeof(*absent), 8);
    if (absent == NULL) {
        return a->err;
    }
    uint32_t absent_count = 0;
    for (uint32_t i = 0; i < changed->count; i++) {
        if (changed->was[i].state == NULL) {
            absent[absent_count++] = (uint16_t)i;
            changed->was[i] = changed->now[i]; /* it has to be something */
        }
    }
    enum err err = maint_show(upkeep->view, &upkeep->eval, changed->was, changed->count,
                              &changed->keys, &faults_count, out);
    (void)faults_count;
    return err != ERR_OK || absent_count == 0 ? err
                                              : maint_changes_leave(a, out, absent, absent_count);
}

/* *out = the rows that both have. */
static enum err maint_changes_both(struct arena *a, const struct vec_batch *minus,
                                   const struct vec_batch *plus, uint16_t **out, uint32_t *count)
{
    uint32_t k = 0;
    *count = 0;
    *out = arena_alloc(a, minus->selection.count * sizeof(**out), 8);
    if (*out == NULL) {
        return a->err;
    }
    for (VEC_ROWS_EACH(minus->selection, i, row)) {
        while (k < plus->selection.count && vec_row(plus->selection, k) < row) {
            k++;
        }
        (*out)[*count] = (uint16_t)row;
        *count += k < plus->selection.count && vec_row(plus->selection, k) == row;
    }
    return ERR_OK;
}

/* Leave out rows that are the same in both. */
static enum err maint_changes_differ(struct maint_upkeep *upkeep, struct vec_batch *minus,
                                     struct vec_batch *plus)
{
    struct arena *a = upkeep->scratch;
    uint16_t *same;
    uint32_t same_count;
    enum err err = maint_changes_both(a, minus, plus, &same, &same_count);
    if (err != ERR_OK) {
        return err;
    }
    same_count = maint_show_same(minus, plus, same, same_count);
    if (same_count == 0) {
        return ERR_OK;
    }
    err = maint_changes_leave(a, minus, same, same_count);
    return err == ERR_OK ? maint_changes_leave(a, plus, same, same_count) : err;
}

/* As maint_upkeep_changes, at most `max` rows. ERR_AGAIN: fewer, then. */
static enum err maint_changes_next(struct maint_upkeep *upkeep, uint64_t *pos, uint32_t max,
                                   struct vec_batch *minus, struct vec_batch *plus)
{
    struct arena *a = upkeep->scratch;
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
