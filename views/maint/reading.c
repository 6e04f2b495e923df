/* Rows of a view as they were at a tick. See upkeep.h.
 *
 * Slices are walked one after the other. What a row points to is copied into the reader's scratch:
 * the state may change, and older versions may go, before the reader has used it. */
#include <stdio.h>

#include "base/assert.h"
#include "views/maint/fold_int.h"
#include "views/maint/show.h"
#include "views/maint/upkeep.h"

void maint_reading_open(struct maint_reading *reading, struct maint_upkeep *upkeep, uint64_t tick,
                        struct budget *budget)
{
    *reading = (struct maint_reading){
        .upkeep = upkeep,
        .eval = {.scratch = &reading->scratch},
    };
    arena_init(&reading->scratch, budget, MAINT_ARENA_BYTES, SIZE_MAX);
    store_state_hold(&upkeep->state, &reading->hold, tick);
}

void maint_reading_close(struct maint_reading *reading)
{
    store_state_release(&reading->upkeep->state, &reading->hold);
    arena_deinit(&reading->scratch);
}

/* The tick was given up. */
static enum err maint_reading_fail(struct maint_reading *reading)
{
    reading->why = "53200";
    (void)snprintf(
        reading->message, sizeof(reading->message),
        "the view needed the memory of the rows as they were when this began: ask again, "
        "or for less");
    return ERR_INVALID;
}

enum err maint_key_make(struct arena *a, const struct vec_type *types,
                        const struct vec_value *values, uint32_t count, struct maint_key *out)
{
    struct vec_vector *vectors = arena_alloc(a, count * sizeof(*vectors), 8);
    const struct vec_vector **columns = arena_alloc(a, count * sizeof(*columns), 8);
    struct vec_selection one = {.count = 1};
    struct vec_keys keys;
    if (vectors == NULL || columns == NULL) {
        return a->err;
    }
    for (uint32_t i = 0; i < count; i++) {
        vec_constant(types[i], &values[i], &vectors[i]);
        columns[i] = &vectors[i];
    }
    enum err err = vec_keys_make(a, columns, NULL, count, one, &keys);
    if (err == ERR_OK) {
        *out = (struct maint_key){keys.data, keys.ends[0], store_hash(keys.data, keys.ends[0])};
    }
    return err;
}

enum err maint_key_hash(struct arena *a, const struct vec_type *types, const struct vec_value *key,
                        uint32_t count, uint64_t *hash)
{
    struct maint_key made = {.data = NULL};
    enum err err = maint_key_make(a, types, key, count, &made);
    *hash = made.hash;
    return err;
}

/* No row. */
static void maint_reading_none(const struct maint_view *view, struct vec_batch *out)
{
    *out = (struct vec_batch){.columns_count = view->outputs_count};
}

/* As maint_reading_next, at most `max` groups. ERR_AGAIN: fewer, then. */
static enum err maint_reading_some(struct maint_reading *reading, uint32_t max,
                                   struct vec_batch *out)
{
    struct arena *a = &reading->scratch;
    maint_arena_reset(a);
    struct store_row *rows = arena_alloc(a, max * sizeof(*rows), 8);
    struct maint_shown *groups = arena_alloc(a, max * sizeof(*groups), 8);
    if (rows == NULL || groups == NULL) {
        return a->err;
    }
    if (reading->walk.is_done) {
        reading->slice++;
        reading->walk = (struct store_walk){0};
    }
    uint32_t count = 0;
    for (; count == 0 && reading->slice < STORE_SLICES; reading->slice++) {
        count = store_state_walk(&reading->upkeep->state, &reading->hold, reading->slice,
                                 &reading->walk, rows, max);
        if (reading->hold.is_broken) {
            return maint_reading_fail(reading);
        }
        if (count > 0 || !reading->walk.is_done) {
            break;
        }
        reading->walk = (struct store_walk){0};
    }
    if (count == 0) {
        return reading->slice < STORE_SLICES ? ERR_OK : ERR_END;
    }
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = (struct maint_shown){rows[i].key, rows[i].key_bytes, rows[i].state};
    }
    return maint_show(reading->upkeep->view, &reading->eval, groups, count, NULL,
                      &reading->faults_count, out);
}

enum err maint_reading_next(struct maint_reading *reading, struct vec_batch *out)
{
    maint_reading_none(reading->upkeep->view, out);
    enum err err = ERR_AGAIN;
    for (uint32_t max = MAINT_SHOW_ROWS; err == ERR_AGAIN; max /= 8) {
        ASSERT(max > 0);
        struct store_walk walk = reading->walk;
        uint32_t slice = reading->slice;
        err = maint_reading_some(reading, max, out);
        if (err == ERR_AGAIN) {
            reading->walk = walk;
            reading->slice = slice;
        }
    }
    return err;
}

/* What the view shows of a row that was found. */
static enum err maint_reading_show(const struct maint_view *view, struct vec_eval *ev,
                                   const struct store_row *row, uint64_t *faults_count,
                                   struct vec_batch *out)
{
    const struct maint_shown group = {row->key, row->key_bytes, row->state};
    enum err err = maint_show(view, ev, &group, 1, NULL, faults_count, out);
    ASSERT(err != ERR_AGAIN);
    return err;
}

enum err maint_reading_get(struct maint_reading *reading, const struct vec_value *key,
                           struct vec_batch *out)
{
    const struct maint_view *view = reading->upkeep->view;
    struct arena *a = &reading->scratch;
    maint_reading_none(view, out);
    maint_arena_reset(a);
    if (reading->hold.is_broken) {
        return maint_reading_fail(reading);
    }
    struct maint_key made;
    struct store_row row;
    enum err err = maint_key_make(a, view->key_types, key, view->keys_count, &made);
    if (err != ERR_OK || !store_state_get(&reading->upkeep->state, &reading->hold, made.hash,
                                          made.data, made.bytes, &row)) {
        return err;
    }
    return maint_reading_show(view, &reading->eval, &row, &reading->faults_count, out);
}

enum err maint_upkeep_get(struct maint_upkeep *upkeep, uint64_t tick, const struct maint_key *key,
                          struct arena *a, struct vec_batch *out)
{
    struct vec_eval ev = {.scratch = a};
    struct store_row row;
    uint64_t faults_count = 0;
    maint_reading_none(upkeep->view, out);
    maint_arena_reset(a);
    if (tick < upkeep->state.readable) {
        return ERR_INVALID;
    }
    if (!store_state_get_at(&upkeep->state, tick, key->hash, key->data, key->bytes, &row)) {
        return ERR_OK;
    }
    enum err err = maint_reading_show(upkeep->view, &ev, &row, &faults_count, out);
    return err == ERR_OK && faults_count > 0 ? ERR_INVALID : err;
}
