/* The second half of a tick: the partial groups of all shards are merged into the rows that this
 * shard has; and these rows are read, as they were at a tick, as what the view shows.
 *
 *     maint_upkeep_begin(&upkeep, tick)
 *     maint_upkeep_apply(&upkeep, delta, &pos) ... for the deltas of every shard, any order
 *     maint_upkeep_end(&upkeep)
 *
 * **Groups that cannot be shown** (a sum out of range, a HAVING that divides by zero) are left out
 * of what is read and of changes, as if they were not there, and counted; their states are kept and
 * may be shown again later.
 *
 * Pure; own shard only. */
#ifndef VIEWS_MAINT_UPKEEP_H
#define VIEWS_MAINT_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "views/maint/fold.h"
#include "views/maint/view.h"
#include "views/store/state.h"

struct maint_upkeep_mark;

/* Embedded in its owner. */
struct maint_upkeep {
    /* To be read. */
    struct store_state state;
    uint64_t faults_count; /* groups that changes left out since they could not be shown, ever */

    /* Private to views/maint. */
    const struct maint_view *view;
    struct budget *budget;
    bool has_global;    /* the row of an aggregate without keys is here, and not there yet */
    struct arena arena; /* what states point to */
    struct maint_upkeep_mark *marks; /* to give it back in steps: the newest */
    struct vec_rooms rooms;          /* of the arena */
    struct arena *scratch;           /* of a call */
    struct vec_eval eval;
    struct vec_accumulation accumulation;
};

/* Make it ready; takes nothing yet. `has_global`: the one row of an aggregate without keys is this
 * shard's; it is there from the first tick on. `budget` is the view's; `scratch`, which outlives
 * it, of maint_scratch_init. */
void maint_upkeep_init(struct maint_upkeep *upkeep, const struct maint_view *view,
                       struct budget *budget, struct arena *scratch, bool has_global);
/* Give everything back in steps: true when all is. Nobody reads any more (asserted). */
bool maint_upkeep_deinit_step(struct maint_upkeep *upkeep);

/* Begin to apply `tick`, larger than the last one. ERR_BUDGET as apply. */
MUST_USE enum err maint_upkeep_begin(struct maint_upkeep *upkeep, uint64_t tick);
/* Merge some hundred groups of `delta` from *pos on, which moves: done when *pos is groups_count.
 * ERR_BUDGET: the live rows do not fit: the view is broken, and nothing but deinit is of use. */
MUST_USE enum err maint_upkeep_apply(struct maint_upkeep *upkeep, const struct maint_delta *delta,
                                     uint32_t *pos);
void maint_upkeep_end(struct maint_upkeep *upkeep);

/* Bytes of memory that it holds, states and what they point to. */
uint64_t maint_upkeep_bytes(const struct maint_upkeep *upkeep);

/* Reading rows as they were at a tick that is held. Embedded in its reader. */
struct maint_reading {
    /* To be read. */
    struct store_hold hold;
    uint64_t faults_count; /* groups left out so far since they could not be shown */
    const char *why;       /* it failed: SQLSTATE; NULL: it did not */
    char message[256];

    /* Private to views/maint. */
    struct maint_upkeep *upkeep;
    struct arena scratch; /* of the reader's budget */
    struct vec_eval eval;
    uint32_t slice; /* being read */
    struct store_walk walk;
};

/* Begin to read at `tick`, which the state can hold. Scratch is charged to `budget`. */
void maint_reading_open(struct maint_reading *reading, struct maint_upkeep *upkeep, uint64_t tick,
                        struct budget *budget);
/* *out = some more of the rows that the view shows, its outputs in order, which live until the next
 * call; one call looks at some hundred groups: it may have no row, and is not the end then.
 * ERR_END: that was all. ERR_INVALID: the view needed memory and gave this tick up: `why` is 53200.
 * ERR_BUDGET: the reader's budget refuses. */
MUST_USE enum err maint_reading_next(struct maint_reading *reading, struct vec_batch *out);
/* The row, or none, whose key columns have these values (view->keys_count, of view->key_types), as
 * next. Not between calls of next whose rows are still in use. */
MUST_USE enum err maint_reading_get(struct maint_reading *reading, const struct vec_value *key,
                                    struct vec_batch *out);
void maint_reading_close(struct maint_reading *reading);

/* A key of a view. */
struct maint_key {
    const uint8_t *data; /* `bytes` of it */
    uint32_t bytes;
    uint64_t hash; /* store_hash of them: store_slice_of(hash) is its slice */
};

/* *out = the key whose `count` columns, of these types, have these values; in `a`. ERR_BUDGET,
 * ERR_TOO_LARGE: it refuses. */
MUST_USE enum err maint_key_make(struct arena *a, const struct vec_type *types,
                                 const struct vec_value *values, uint32_t count,
                                 struct maint_key *out);

/* As maint_reading_get, of a key that was made, after `tick`, a complete one (store_state_get_at):
 * for whoever reads one row at once. What was in `a` is forgotten; *out is in it. ERR_INVALID: the
 * view has given this tick up for memory, or has a row that cannot be shown. ERR_BUDGET: `a`
 * refuses. */
MUST_USE enum err maint_upkeep_get(struct maint_upkeep *upkeep, uint64_t tick,
                                   const struct maint_key *key, struct arena *a,
                                   struct vec_batch *out);

/* *hash = where among the slices (store_slice_of) the row is whose `count` key columns, of these
 * types, have these values. `a` is scratch. ERR_BUDGET, ERR_TOO_LARGE: it refuses. */
MUST_USE enum err maint_key_hash(struct arena *a, const struct vec_type *types,
                                 const struct vec_value *key, uint32_t count, uint64_t *hash);

/* The rows that the last tick applied has changed, as the view shows them: what was shown before
 * (`minus`) and what is now (`plus`), rows that are equal in both left out. For each call some
 * hundred rows, perhaps none, which live until the next one; *pos is 0 at first. ERR_END: that was
 * all. ERR_BUDGET: the view's budget refuses. ERR_INVALID: what rows were before had to be given up
 * for memory (state.is_blind): the change log has a gap. For the change log, before the next begin.
 */
MUST_USE enum err maint_upkeep_changes(struct maint_upkeep *upkeep, uint64_t *pos,
                                       struct vec_batch *minus, struct vec_batch *plus);

#endif
