/* A view kept up without a server: ticks of rows in memory become partial groups, these are merged
 * into the view's rows, and what changed is read as the rows before and after. */
#ifndef BENCH_MICRO_FOLD_WORK_H
#define BENCH_MICRO_FOLD_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "views/maint/fold.h"
#include "views/maint/upkeep.h"

#define FOLD_TICK_ROWS  10000u
#define FOLD_TEXT_BYTES 16u

/* The parts of a tick. */
enum fold_part {
    FOLD_FOLD,    /* rows into groups */
    FOLD_TAKE,    /* groups into a delta */
    FOLD_APPLY,   /* the delta into the view */
    FOLD_CHANGES, /* what changed, read; and what older readers no longer need, given back */
    FOLD_PARTS,
};

/* A view at work. */
struct fold_work {
    /* To be read. */
    struct budget root;
    struct arena scratch;
    struct maint_upkeep upkeep;
    uint64_t keys_count;
    uint64_t ticks_count;
    int64_t total;                 /* of all whole numbers (not keys) that the view shows */
    uint64_t spent_ns[FOLD_PARTS]; /* processor time of ticks, filling them not counted */

    /* Private. */
    struct arena arena; /* the plan */
    struct plan *plan;
    struct maint_view *view;
    struct maint_fold fold;
    uint8_t slice_target[STORE_SLICES];
    struct prng prng;
    bool has_texts;
    /* The rows of a tick: key, its text, value, double, and their origin. */
    int64_t *keys;
    struct vec_bytes *names;
    char *texts;
    int64_t *values;
    double *reals;
    int64_t *offsets;
};

/* The view of `sql` over t (k BIGINT, name TEXT, v BIGINT, x DOUBLE PRECISION). Rows have random
 * keys below `keys_count`, names like them, random values. Nothing is in it yet. */
void fold_work_open(struct fold_work *work, const char *sql, uint64_t keys_count);

/* A tick of all keys from `first` on, or where that is UINT64_MAX, of random ones. */
void fold_work_tick(struct fold_work *work, uint64_t first);

/* All keys once. */
void fold_work_load(struct fold_work *work);

void fold_work_close(struct fold_work *work);

#endif
