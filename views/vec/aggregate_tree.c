/* Sums of doubles by the one tree there is (VIEWS §5): the same bits whatever the batches, threads
 * and widths of registers were.
 *
 * The rows of a group that have a value are numbered within a stretch, from 0. Each 1,024 of them
 * are a block, the last one perhaps a shorter one. A block has 8 accumulators; row n goes to
 * accumulator n mod 8, in order. The block's sum is ((a0+a1) + (a2+a3)) + ((a4+a5) + (a6+a7)). The
 * stretch's sum is its blocks' sums added in order, the group's sum its stretches' sums added in
 * order. Every one of these sums begins with -0, the number that adds nothing, so that what is
 * missing changes no bit and a sum of negative zeros is one.
 *
 * A row that is NaN or infinite decides alone: NaN for NaN or infinities of both signs, else that
 * infinity. Without one, a sum that is not finite is VEC_FAULT_OVERFLOW, found when it is read. So
 * neither depends on the order.
 *
 * Rejected: adding a closed stretch to a running total. Who folds stretches 2 and 3 without 0 and 1
 * would have added them to each other first. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "views/vec/aggregate_int.h"

#define VEC_TREE_BLOCK 1024u
#define VEC_TREE_LANES 8u

static bool vec_tree_fold_dense(struct vec_tree *tree, const double *values, uint32_t count);
static bool vec_tree_fold_rows(struct vec_aggregation *agg, const struct vec_expr *call,
                               const struct vec_vector *arg, struct vec_selection selection,
                               uint32_t stretch, uint8_t *const *states);

/* An open stretch without rows. */
static void vec_tree_open(struct vec_tree *tree, uint32_t stretch)
{
    for (uint32_t i = 0; i < VEC_TREE_LANES; i++) {
        tree->lane[i] = -0.0;
    }
    tree->blocks = -0.0;
    tree->block_count = 0;
    tree->stretch = stretch;
}

void vec_tree_init(void *state)
{
    struct vec_tree *tree = state;
    *tree = (struct vec_tree){.count = 0};
    vec_tree_open(tree, UINT32_MAX);
}

/* The sum of the open block. */
static double vec_tree_block(const struct vec_tree *tree)
{
    const double *a = tree->lane;
    return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

static void vec_tree_close_block(struct vec_tree *tree)
{
    double sum = tree->blocks + vec_tree_block(tree);
    vec_tree_open(tree, tree->stretch);
    tree->blocks = sum;
}

/* Make `stretch` the open one. */
static bool vec_tree_turn(struct vec_aggregation *agg, const struct vec_expr *call,
                          struct vec_tree *tree, uint32_t stretch)
{
    if (tree->stretch != UINT32_MAX) {
        ASSERT(stretch > tree->stretch);
        double sum = tree->blocks + vec_tree_block(tree);
        if (!vec_stretches_append(agg, call, &tree->closed, &sum, 1, 1)) {
            return false;
        }
    }
    vec_tree_open(tree, stretch);
    return true;
}

static void vec_tree_note(struct vec_tree *tree, double value)
{
    tree->has_nan = tree->has_nan || isnan(value);
    tree->has_infinity[0] = tree->has_infinity[0] || value == INFINITY;
    tree->has_infinity[1] = tree->has_infinity[1] || value == -INFINITY;
}

bool vec_tree_update(struct vec_aggregation *agg, const struct vec_expr *call,
                     const struct vec_vector *args, struct vec_selection selection,
                     uint32_t stretch, uint8_t *const *states)
{
    ASSERT(stretch != UINT32_MAX);
    if (selection.count == 0) {
        return true;
    }
    if (!vec_aggregate_is_one(states, selection.count)) {
        return vec_tree_fold_rows(agg, call, &args[0], selection, stretch, states);
    }
    struct arena_mark mark = arena_mark(agg->ev->scratch);
    struct vec_tree *tree = (struct vec_tree *)(void *)states[0];
    struct vec_dense dense;
    if (!vec_aggregate_dense(agg, call, &args[0], selection, &dense) ||
        (dense.count > 0 && tree->stretch != stretch && !vec_tree_turn(agg, call, tree, stretch))) {
        return false;
    }
    if (!vec_tree_fold_dense(tree, dense.values, dense.count)) {
        for (uint32_t i = 0; i < dense.count; i++) {
            vec_tree_note(tree, ((const double *)dense.values)[i]);
        }
    }
    arena_rewind(agg->ev->scratch, mark);
    return true;
}

/* The n-th of eight lanes at a time, in registers. */
static void vec_tree_fold_eights(double lane[VEC_TREE_LANES], const double *values, uint32_t eights)
{
    typedef double four __attribute__((vector_size(32), aligned(8), may_alias));
    four low;
    four high;
    memcpy(&low, lane, sizeof(low));
    memcpy(&high, lane + 4, sizeof(high));
    for (uint32_t i = 0; i < eights; i++) {
        low += *(const four *)(const void *)(values + (size_t)i * VEC_TREE_LANES);
        high += *(const four *)(const void *)(values + (size_t)i * VEC_TREE_LANES + 4);
    }
    memcpy(lane, &low, sizeof(low));
    memcpy(lane + 4, &high, sizeof(high));
}

/* Fold into the open stretch. False: one of the values may be no finite number. */
static bool vec_tree_fold_dense(struct vec_tree *tree, const double *values, uint32_t count)
{
    uint32_t i = 0;
    tree->count += count;
    while (i < count) {
        uint32_t room = VEC_TREE_BLOCK - tree->block_count;
        uint32_t eights = (count - i < room ? count - i : room) / VEC_TREE_LANES;
        if (tree->block_count % VEC_TREE_LANES == 0 && eights > 0) {
            vec_tree_fold_eights(tree->lane, values + i, eights);
            i += eights * VEC_TREE_LANES;
            tree->block_count = (uint16_t)(tree->block_count + eights * VEC_TREE_LANES);
        } else {
            tree->lane[tree->block_count % VEC_TREE_LANES] += values[i++];
            tree->block_count++;
        }
        if (tree->block_count == VEC_TREE_BLOCK) {
            vec_tree_close_block(tree);
        }
    }
    /* What is not finite stays so in its accumulator and in all that this is added to. */
    return isfinite(tree->blocks + vec_tree_block(tree));
}

static bool vec_tree_fold_rows(struct vec_aggregation *agg, const struct vec_expr *call,
                               const struct vec_vector *arg, struct vec_selection selection,
                               uint32_t stretch, uint8_t *const *states)
{
    struct vec_view view = vec_view(arg);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_tree *tree = (struct vec_tree *)(void *)states[i];
        double value = VEC_AT(&view, double, row);
        if (UNLIKELY(tree->stretch != stretch) && !vec_tree_turn(agg, call, tree, stretch)) {
            return false;
        }
        tree->count++;
        tree->lane[tree->block_count % VEC_TREE_LANES] += value;
        if (UNLIKELY(++tree->block_count == VEC_TREE_BLOCK)) {
            vec_tree_close_block(tree);
        }
        if (UNLIKELY(!isfinite(value))) {
            vec_tree_note(tree, value);
        }
    }
    return true;
}

bool vec_tree_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                    const void *from)
{
    struct vec_tree *tree = into;
    const struct vec_tree *other = from;
    if (other->count == 0) {
        return true;
    }
    if ((tree->stretch != UINT32_MAX && !vec_tree_turn(agg, call, tree, other->stretch)) ||
        !vec_stretches_append(agg, call, &tree->closed, other->closed.sums, other->closed.count,
                              1)) {
        return false;
    }
    memcpy(tree->lane, other->lane, sizeof(tree->lane));
    tree->blocks = other->blocks;
    tree->block_count = other->block_count;
    tree->stretch = other->stretch;
    tree->count += other->count;
    tree->has_nan = tree->has_nan || other->has_nan;
    tree->has_infinity[0] = tree->has_infinity[0] || other->has_infinity[0];
    tree->has_infinity[1] = tree->has_infinity[1] || other->has_infinity[1];
    return true;
}

/* The sum. False: it overflowed. */
static bool vec_tree_sum(const struct vec_tree *tree, double *out)
{
    if (tree->has_nan || (tree->has_infinity[0] && tree->has_infinity[1])) {
        *out = (double)NAN;
        return true;
    }
    if (tree->has_infinity[0] || tree->has_infinity[1]) {
        *out = tree->has_infinity[0] ? (double)INFINITY : -(double)INFINITY;
        return true;
    }
    double sum = -0.0;
    for (uint32_t i = 0; i < tree->closed.count; i++) {
        sum += tree->closed.sums[i];
    }
    *out = sum + (tree->blocks + vec_tree_block(tree));
    return isfinite(*out);
}

bool vec_tree_finish_sum(struct vec_aggregation *agg, const struct vec_expr *call,
                         const void *state, struct vec_value *out)
{
    const struct vec_tree *tree = state;
    *out = (struct vec_value){.is_null = tree->count == 0};
    return out->is_null || vec_tree_sum(tree, &out->u.real) ||
           vec_fail(agg->ev, call, VEC_FAULT_OVERFLOW, NULL, NULL, 0);
}

bool vec_tree_finish_avg(struct vec_aggregation *agg, const struct vec_expr *call,
                         const void *state, struct vec_value *out)
{
    const struct vec_tree *tree = state;
    if (!vec_tree_finish_sum(agg, call, state, out)) {
        return false;
    }
    /* PostgreSQL's begins with 0: the average of negative zeros is none. */
    out->u.real = out->is_null ? 0 : (out->u.real + 0.0) / (double)tree->count;
    return true;
}
