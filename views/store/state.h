/* The rows of a view on one shard: by key, at the newest tick and at older ones that somebody still
 * reads. All in memory; files come behind the same header (VIEWS §6).
 *
 * A view's rows are divided into STORE_SLICES slices by a hash of their keys (the same on every
 * shard and in every process); a shard has those that the map of its owner says. A row is its key
 * and `state_bytes` bytes of state, which this room never looks into.
 *
 * **Ticks.** Rows change between store_state_begin(tick) and store_state_end. The first change of
 * a row in a tick keeps what it was, as long as somebody may read a tick before: the newest tick
 * that is complete on all shards (`store_state_complete`) and every tick held. What nobody can read
 * any more is given back, some rows at a time. A reader at tick T sees each row as it was after T.
 * Nobody reads what was before the first tick, so that one keeps nothing.
 *
 * **Memory** is charged to the view's budget. When it refuses: first older versions go, those that
 * hold the most ticks back first: that hold is broken, its reader fails; then what the tick being
 * applied has kept: `is_blind`; when the newest rows alone do not fit, ERR_BUDGET: the view is
 * broken, its owner's to say.
 *
 * Nothing here takes long: scans look at a bounded number of rows a call, tables grow piece by
 * piece. Pure; own shard only. */
#ifndef VIEWS_STORE_STATE_H
#define VIEWS_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/compiler.h"
#include "base/list.h"

#define STORE_SLICES 64u

/* The longest key. */
#define STORE_KEY_BYTES_MAX (64u << 10)

/* The hash of a key, and the slice whose rows have such ones. Never changes: files will name
 * slices. */
uint64_t store_hash(const void *key, uint32_t key_bytes);
static inline uint32_t store_slice_of(uint64_t hash)
{
    return (uint32_t)(hash >> 58);
}

/* A tick that is read. Embedded in its reader. */
struct store_hold {
    struct list_node in_state; /* store_state.holds, by tick */
    uint64_t tick;             /* which */
    bool is_broken; /* memory was needed, perhaps before the hold began: what is read at it is of no
                       more use; it is to be released all the same */
};

/* How a view's rows look. */
struct store_layout {
    uint32_t state_bytes; /* a multiple of 8, may be 0 */
};

/* What a row is to who changes or reads it. Lives until the state is changed or read again. */
struct store_row {
    const uint8_t *key; /* key_bytes */
    uint32_t key_bytes;
    uint8_t *state;     /* state_bytes, aligned to 8; of a reader: not to be written */
    const uint8_t *was; /* changing: as it was after the tick before; NULL: there was no such row,
                           or the state is blind */
};

struct store_slice;
struct store_versions;
struct store_region;

/* Embedded in its owner. */
struct store_state {
    /* To be read. */
    struct store_layout layout;
    uint64_t tick;          /* applied last; 0: none */
    uint64_t complete;      /* the tick that all shards have */
    uint64_t readable;      /* holds of older ticks begin broken */
    uint64_t rows_count;    /* now */
    uint64_t bytes;         /* all that is charged */
    uint64_t version_bytes; /* of these: older versions */
    bool is_blind;          /* what rows were before the last tick had to be given up: there are no
                               store_changes of it */

    /* Private to views/store. */
    struct budget *budget;
    struct list holds;                        /* store_hold.in_state */
    struct store_slice *slices[STORE_SLICES]; /* NULL: no row yet */
    struct store_versions *versions;          /* what older readers see; NULL: nothing */
    struct store_region *regions;             /* the newest; NULL: none */
    uint64_t region_used;                     /* bytes of it */
    uint64_t opening;                         /* the tick being applied, or the last one */
    uint32_t chunk_shift;                     /* of rows: log2 of a chunk's size in words */
    uint32_t slot_shift;                      /* of versions: log2 of a chunk's slots */
    bool is_open;                             /* between begin and end */
    bool is_first;                            /* `opening` is the first tick: all rows are its */
};

/* Make it empty. `budget` outlives it. */
void store_state_init(struct store_state *state, const struct store_layout *layout,
                      struct budget *budget);

/* Give everything back, at once or in steps: true when all is. No hold is left (asserted). */
bool store_state_deinit_step(struct store_state *state);

/* Begin to apply `tick` (> state->tick, asserted). */
void store_state_begin(struct store_state *state, uint64_t tick);

/* *row = the row of `key`, made (all zero) when there was none, to be changed. Touching a row again
 * in the same tick gives the same `was`. ERR_BUDGET: see above; ERR_TOO_LARGE: the key. */
MUST_USE enum err store_state_touch(struct store_state *state, uint64_t hash, const void *key,
                                    uint32_t key_bytes, struct store_row *row);

/* Keys that lie one behind the other. */
struct store_keys {
    const uint64_t *hashes; /* of each */
    const uint8_t *bytes;
    const uint32_t *ends; /* where each ends in `bytes` */
    uint32_t begin;       /* where the first one begins */
    uint32_t count;       /* <= STORE_TOUCH_MAX */
};

#define STORE_TOUCH_MAX 256u

/* Touch the rows of all these keys: states[i] = that of the i-th. For whoever has many: the cache
 * is asked for what comes next. Errors as touch; some may have been touched then. */
MUST_USE enum err store_state_touch_all(struct store_state *state, const struct store_keys *keys,
                                        uint8_t **states);

/* Ask the cache for what touch and get will want: of the index, and some keys later (when that has
 * come) of the row. */
void store_state_prefetch(const struct store_state *state, uint64_t hash);
void store_state_prefetch_row(const struct store_state *state, uint64_t hash);

/* The tick is applied. Rows changed in it, once each, can be gone through with store_changes until
 * the next begin. */
void store_state_end(struct store_state *state);

/* The rows that the last tick changed, in no particular order: *pos is 0 at first. False: no more,
 * or the state is blind. */
bool store_changes(const struct store_state *state, uint64_t *pos, struct store_row *row);

/* Ask the cache for the row that store_changes would give at *ahead, which moves on: a second
 * position, some rows before the first one. */
void store_changes_prefetch(const struct store_state *state, uint64_t *ahead);

/* All shards have `tick` (<= state->tick): nobody begins to read an older one. Gives back what it
 * can in a bounded time; store_state_trim goes on: true when there is nothing to do. */
void store_state_complete(struct store_state *state, uint64_t tick);
bool store_state_trim(struct store_state *state);

/* What rows were before this tick, and before older ones, is read by nobody any more. Never falls.
 */
uint64_t store_state_unread(const struct store_state *state);

/* Break the holds of the oldest tick that is held, if it is older than the complete one: for
 * whoever keeps what states point to, and gets no memory. False: there is none. */
bool store_state_break(struct store_state *state);

/* Keep `tick` (> 0, >= state->complete or held already, <= state->tick: asserted) readable until
 * the release. It may begin broken. */
void store_state_hold(struct store_state *state, struct store_hold *hold, uint64_t tick);
void store_state_release(struct store_state *state, struct store_hold *hold);

/* The row of `key` as it was after `hold`'s tick. False: there was none, or hold->is_broken. */
bool store_state_get(const struct store_state *state, const struct store_hold *hold, uint64_t hash,
                     const void *key, uint32_t key_bytes, struct store_row *row);
/* The same after `tick`, within state->complete and state->tick and at or above state->readable
 * (asserted): of whoever reads one row at once no hold is needed. */
bool store_state_get_at(const struct store_state *state, uint64_t tick, uint64_t hash,
                        const void *key, uint32_t key_bytes, struct store_row *row);

/* A walk over one slice's rows as they were after `hold`'s tick, in an order that does not change
 * while the hold lives. In place; all zero: at the start. */
struct store_walk {
    uint32_t pos;
    uint32_t end;
    bool is_done; /* to be read: there are no more rows */
};

/* Up to `rows_max` more rows, among a few times as many that are looked at. Returns how many, which
 * may be 0 before walk->is_done. When hold->is_broken it is done at once. Each row is given exactly
 * once, however often the state changes between calls. */
uint32_t store_state_walk(const struct store_state *state, const struct store_hold *hold,
                          uint32_t slice, struct store_walk *walk, struct store_row *rows,
                          uint32_t rows_max);

#endif
