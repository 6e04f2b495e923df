/* The first half of a tick: rows of a source become partial groups, on the shard that has the
 * partition. What came together is handed on in one delta for each target shard (VIEWS §6: partial
 * aggregation before exchange, one message per tick and target).
 *
 *     maint_fold_rows(fold, batch) ...            rows of any partitions of this shard, any order
 *     maint_fold_take(fold, target, &delta) ...   for each target: a piece of the groups
 *     maint_fold_pass(fold)                       true: there is another; else it is empty again
 *
 * A tick may be taken in several goes: deltas of one tick are applied in any order. Who folds many
 * ticks in one step takes whenever maint_fold_is_full, so that tables do not grow large. A piece
 * has so few groups that a shard does something else before the next.
 *
 * **Faults.** A row whose expressions fail is left out and told (maint_fold.fault): the batch is
 * taken apart until the rows that fail are known, which costs two evaluations for each of them and
 * each of its neighbours at worst. Which rows fail does not depend on the batches they came in.
 * Pure; own shard only. */
#ifndef VIEWS_MAINT_FOLD_H
#define VIEWS_MAINT_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "views/maint/view.h"
#include "views/store/state.h"

struct maint_table;

/* Groups after which a fold had better be taken; groups of a piece. */
#define MAINT_FOLD_GROUPS  65536u
#define MAINT_PIECE_GROUPS 4096u

/* Partial groups for one shard: written once, read by the shard that applies them. */
struct maint_delta {
    struct budget *budget; /* all of it was charged to it, where it was made: given back there */
    size_t bytes;          /* of memory, what states point to included */
    uint32_t groups_count;
    const uint64_t *hashes;   /* store_hash of each key; those of a slice stand together */
    const uint32_t *key_ends; /* keys lie one behind the other */
    const uint8_t *keys;
    const uint8_t *states;    /* view->state_bytes each, aligned to 8 */
    struct maint_delta *next; /* for whoever chains them */

    /* Private to views/maint. */
    struct arena arena; /* what states point to */
};

/* A row that was left out. */
struct maint_fault {
    struct vec_failure failure; /* lives as long as the call that tells it */
    uint32_t partition;
    int64_t offset;
};

/* Embedded in its owner. */
struct maint_fold {
    /* Filled by the owner. */
    void (*fault)(void *ctx, const struct maint_fault *fault); /* within maint_fold_rows */
    void *ctx;

    /* To be read. */
    uint64_t rows_count;   /* folded since it was empty, filtered ones not counted */
    uint64_t faults_count; /* ever */
    uint32_t groups_count; /* now */
    bool is_broken;        /* memory ended within a batch, some of which is folded: it is to be
                              reset, and the tick's rows to be folded again */

    /* Private to views/maint. */
    const struct maint_view *view;
    struct budget *budget;
    uint32_t targets_count;
    const uint8_t *slice_target; /* [STORE_SLICES] */
    struct arena arena;          /* of the groups: since it was empty */
    struct arena *scratch;       /* of a call */
    struct vec_eval eval;
    struct maint_table *table;
};

/* Make an arena for what calls need while they last: whoever has many views has one for all of
 * them. Give back what calls have left there: none is under way. */
void maint_scratch_init(struct arena *scratch, struct budget *budget);
void maint_scratch_rest(struct arena *scratch);

/* Make it ready: slice_target[s] (< targets_count) is the shard that has slice s; it and `scratch`
 * outlive the fold. now() does not occur. */
void maint_fold_init(struct maint_fold *fold, const struct maint_view *view, struct budget *budget,
                     struct arena *scratch, const uint8_t *slice_target, uint32_t targets_count);
void maint_fold_deinit(struct maint_fold *fold);

/* Fold the rows of `batch`, whose columns are view->scan_columns. Work is bounded by the batch (<=
 * VEC_ROWS_MAX rows). ERR_BUDGET, ERR_TOO_LARGE: memory; nothing of the batch was folded unless
 * fold->is_broken. */
MUST_USE enum err maint_fold_rows(struct maint_fold *fold, const struct vec_batch *batch);

/* Whether it had better be taken, though the tick is not at its end. */
static inline bool maint_fold_is_full(const struct maint_fold *fold)
{
    return fold->groups_count >= MAINT_FOLD_GROUPS;
}

/* *out = the groups of the piece at hand for `target`, NULL where there are none. The caller owns
 * it. The fold stays as it is. ERR_BUDGET. */
MUST_USE enum err maint_fold_take(struct maint_fold *fold, uint32_t target,
                                  struct maint_delta **out);

/* Whether there is another piece behind the one at hand, of which one target at least was taken. */
bool maint_fold_has_more(const struct maint_fold *fold);

/* The piece at hand was taken. True: there is another one, and nothing is folded before that was
 * taken, too; false: the fold is empty again. */
bool maint_fold_pass(struct maint_fold *fold);

/* Forget all groups. What the largest ticks took is given back when ticks are small again. */
void maint_fold_reset(struct maint_fold *fold);

/* Give back what is kept for the next tick: it is empty (asserted). */
void maint_fold_rest(struct maint_fold *fold);

/* Give a delta back, where it was made. */
void maint_delta_free(struct maint_delta *delta);

#endif
