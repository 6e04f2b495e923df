/* var_pop, var_samp (variance), stddev_pop, stddev_samp (stddev). See aggregate_int.h.
 *
 * Of integers and NUMERIC from exact sums, as NUMERIC. Of doubles by the method of Youngs and
 * Cramer, row after row within a stretch, and from stretch to stretch by its rule for merging: the
 * steps of PostgreSQL 15 (float8_accum, float8_combine), so that one stretch gives its bits. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/aggregate_int.h"
#include "views/vec/numeric.h"

/* Which of the four. */
struct vec_variance_kind {
    bool is_sample; /* else of a population */
    bool is_root;   /* the deviation */
};

/* INTEGER and BIGINT. */
struct vec_spread {
    __int128 sum;              /* exact */
    unsigned __int128 squares; /* of the squares, its lower 128 bits */
    uint64_t squares_high;     /* the bits above */
    int64_t count;             /* rows */
};

static void vec_spread_init(void *state)
{
    *(struct vec_spread *)state = (struct vec_spread){0};
}

static ALWAYS_INLINE void vec_spread_int8_fold(struct vec_spread *spread, int64_t value)
{
    unsigned __int128 square = (unsigned __int128)((__int128)value * value);
    spread->sum += value;
    spread->squares_high += __builtin_add_overflow(spread->squares, square, &spread->squares);
    spread->count++;
}

static ALWAYS_INLINE void vec_spread_int4_fold(struct vec_spread *spread, int32_t value)
{
    vec_spread_int8_fold(spread, value);
}

VEC_AGGREGATE_EACH(spread_int4, struct vec_spread, int32_t)
VEC_AGGREGATE_EACH(spread_int8, struct vec_spread, int64_t)

#define VEC_SPREAD_UPDATE(name)                                                                    \
    static bool vec_##name##_update(struct vec_aggregation *agg, const struct vec_expr *call,      \
                                    const struct vec_vector *args, struct vec_selection selection, \
                                    uint32_t stretch, uint8_t *const *states)                      \
    {                                                                                              \
        (void)agg, (void)call, (void)stretch;                                                      \
        vec_##name##_each(&args[0], selection, states);                                            \
        return true;                                                                               \
    }

VEC_SPREAD_UPDATE(spread_int4)
VEC_SPREAD_UPDATE(spread_int8)

static bool vec_spread_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                             const void *from)
{
    (void)agg, (void)call;
    struct vec_spread *spread = into;
    const struct vec_spread *other = from;
    spread->sum += other->sum;
    spread->squares_high += other->squares_high;
    spread->squares_high +=
        __builtin_add_overflow(spread->squares, other->squares, &spread->squares);
    spread->count += other->count;
    return true;
}

/* *out = the answer for exact sums. */
static bool vec_variance(struct vec_aggregation *agg, const struct vec_expr *call, int64_t count,
                         const struct vec_numeric *sum, const struct vec_numeric *squares,
                         struct vec_variance_kind kind, struct vec_value *out)
{
    *out = (struct vec_value){.is_null = count <= (kind.is_sample ? 1 : 0)};
    if (out->is_null) {
        return true;
    }
    enum vec_fault fault =
        vec_numeric_variance(count, sum, squares, kind.is_sample, kind.is_root, &out->u.numeric);
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

static bool vec_spread_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                              const void *state, struct vec_value *out,
                              struct vec_variance_kind kind)
{
    const struct vec_spread *spread = state;
    struct vec_numeric sum = vec_numeric_from_int16(spread->sum);
    struct vec_numeric squares = {.limb = {(uint64_t)spread->squares,
                                           (uint64_t)(spread->squares >> 64),
                                           spread->squares_high}};
    return vec_variance(agg, call, spread->count, &sum, &squares, kind, out);
}

/* NUMERIC. */
struct vec_spread_numeric {
    int64_t count;              /* rows */
    struct vec_numeric sum;     /* exact */
    struct vec_numeric squares; /* likewise */
};

static void vec_spread_numeric_init(void *state)
{
    *(struct vec_spread_numeric *)state = (struct vec_spread_numeric){.count = 0};
}

static bool vec_spread_numeric_update(struct vec_aggregation *agg, const struct vec_expr *call,
                                      const struct vec_vector *args, struct vec_selection selection,
                                      uint32_t stretch, uint8_t *const *states)
{
    (void)stretch;
    struct vec_view view = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_spread_numeric *spread = (struct vec_spread_numeric *)(void *)states[i];
        const struct vec_numeric *value = &VEC_AT(&view, struct vec_numeric, row);
        struct vec_numeric square;
        enum vec_fault fault = vec_numeric_mul(value, value, &square);
        if (fault == VEC_FAULT_NONE) {
            fault = vec_numeric_add(&spread->squares, &square, &spread->squares);
        }
        if (fault == VEC_FAULT_NONE) {
            fault = vec_numeric_add(&spread->sum, value, &spread->sum);
        }
        if (fault != VEC_FAULT_NONE) {
            return vec_fail(agg->ev, call, fault, NULL, NULL, 0);
        }
        spread->count++;
    }
    return true;
}

static bool vec_spread_numeric_merge(struct vec_aggregation *agg, const struct vec_expr *call,
                                     void *into, const void *from)
{
    struct vec_spread_numeric *spread = into;
    const struct vec_spread_numeric *other = from;
    spread->count += other->count;
    enum vec_fault fault = vec_numeric_add(&spread->sum, &other->sum, &spread->sum);
    if (fault == VEC_FAULT_NONE) {
        fault = vec_numeric_add(&spread->squares, &other->squares, &spread->squares);
    }
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

static bool vec_spread_numeric_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                                      const void *state, struct vec_value *out,
                                      struct vec_variance_kind kind)
{
    const struct vec_spread_numeric *spread = state;
    return vec_variance(agg, call, spread->count, &spread->sum, &spread->squares, kind, out);
}

/* What Youngs and Cramer keep of rows. */
struct vec_moments {
    double count; /* rows */
    double sum;   /* of them */
    double sxx;   /* of the squares of their distances from the average */
};

#define VEC_MOMENTS_WIDTH 3
static_assert(sizeof(struct vec_moments) == VEC_MOMENTS_WIDTH * sizeof(double), "as a stretch");

/* DOUBLE PRECISION. */
struct vec_spread_double {
    struct vec_moments open;     /* of the open stretch */
    struct vec_stretches closed; /* the moments of those before */
    uint32_t stretch;            /* the open one; UINT32_MAX: none */
};

static void vec_spread_double_init(void *state)
{
    *(struct vec_spread_double *)state = (struct vec_spread_double){.stretch = UINT32_MAX};
}

/* Fold `value`. False: overflow. */
static bool vec_moments_fold(struct vec_moments *m, double value)
{
    double before = m->count;
    double sum_before = m->sum;
    m->count += 1;
    m->sum += value;
    if (before == 0) {
        m->sxx = isfinite(value) ? m->sxx : (double)NAN;
        return true;
    }
    double distance = value * m->count - m->sum;
    m->sxx += distance * distance / (m->count * before);
    if (UNLIKELY(isinf(m->sum) || isinf(m->sxx))) {
        if (!isinf(sum_before) && !isinf(value)) {
            return false;
        }
        m->sxx = (double)NAN;
    }
    return true;
}

/* Fold what comes later. False: overflow. */
static bool vec_moments_merge(struct vec_moments *m, const struct vec_moments *later)
{
    if (m->count == 0 || later->count == 0) {
        *m = m->count == 0 ? *later : *m;
        return true;
    }
    struct vec_moments out = {.count = m->count + later->count, .sum = m->sum + later->sum};
    double distance = m->sum / m->count - later->sum / later->count;
    out.sxx = m->sxx + later->sxx + m->count * later->count * distance * distance / out.count;
    bool is_over = (isinf(out.sum) && !isinf(m->sum) && !isinf(later->sum)) ||
                   (isinf(out.sxx) && !isinf(m->sxx) && !isinf(later->sxx));
    *m = out;
    return !is_over;
}

/* Close the open stretch, whatever it is. */
static bool vec_spread_double_close(struct vec_aggregation *agg, const struct vec_expr *call,
                                    struct vec_spread_double *spread)
{
    double sums[] = {spread->open.count, spread->open.sum, spread->open.sxx};
    bool is_open = spread->open.count > 0;
    spread->open = (struct vec_moments){0};
    return !is_open || vec_stretches_append(agg, call, &spread->closed, sums, 1, VEC_MOMENTS_WIDTH);
}

static bool vec_spread_double_update(struct vec_aggregation *agg, const struct vec_expr *call,
                                     const struct vec_vector *args, struct vec_selection selection,
                                     uint32_t stretch, uint8_t *const *states)
{
    ASSERT(stretch != UINT32_MAX);
    struct vec_view view = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_spread_double *spread = (struct vec_spread_double *)(void *)states[i];
        if (UNLIKELY(spread->stretch != stretch)) {
            if (!vec_spread_double_close(agg, call, spread)) {
                return false;
            }
            spread->stretch = stretch;
        }
        if (!vec_moments_fold(&spread->open, VEC_AT(&view, double, row))) {
            return vec_fail(agg->ev, call, VEC_FAULT_OVERFLOW, NULL, NULL, 0);
        }
    }
    return true;
}

static bool vec_spread_double_merge(struct vec_aggregation *agg, const struct vec_expr *call,
                                    void *into, const void *from)
{
    struct vec_spread_double *spread = into;
    const struct vec_spread_double *other = from;
    if (other->stretch == UINT32_MAX) {
        return true;
    }
    if (!vec_spread_double_close(agg, call, spread) ||
        !vec_stretches_append(agg, call, &spread->closed, other->closed.sums, other->closed.count,
                              VEC_MOMENTS_WIDTH)) {
        return false;
    }
    spread->open = other->open;
    spread->stretch = other->stretch;
    return true;
}

static bool vec_spread_double_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                                     const void *state, struct vec_value *out,
                                     struct vec_variance_kind kind)
{
    const struct vec_spread_double *spread = state;
    struct vec_moments m = {0};
    bool is_fine = true;
    for (uint32_t i = 0; i < spread->closed.count; i++) {
        const double *sums = spread->closed.sums + (size_t)i * VEC_MOMENTS_WIDTH;
        struct vec_moments next = {.count = sums[0], .sum = sums[1], .sxx = sums[2]};
        is_fine = is_fine && vec_moments_merge(&m, &next);
    }
    if (!is_fine || !vec_moments_merge(&m, &spread->open)) {
        return vec_fail(agg->ev, call, VEC_FAULT_OVERFLOW, NULL, NULL, 0);
    }
    double divisor = kind.is_sample ? m.count - 1 : m.count;
    *out = (struct vec_value){.is_null = divisor <= 0};
    if (!out->is_null) {
        double variance = m.sxx / divisor;
        out->u.real = kind.is_root ? sqrt(variance) : variance;
    }
    return true;
}

/* The finish of each of the four, for each kind of state. */
#define VEC_VARIANCE_FINISH(state_name, which, sample, root)                                       \
    static bool vec_##state_name##_##which(struct vec_aggregation *agg,                            \
                                           const struct vec_expr *call, const void *state,         \
                                           struct vec_value *out)                                  \
    {                                                                                              \
        struct vec_variance_kind kind = {.is_sample = sample, .is_root = root};                    \
        return vec_##state_name##_finish(agg, call, state, out, kind);                             \
    }

#define VEC_VARIANCE_FINISHES(state_name)                                                          \
    VEC_VARIANCE_FINISH(state_name, var_pop, false, false)                                         \
    VEC_VARIANCE_FINISH(state_name, var_samp, true, false)                                         \
    VEC_VARIANCE_FINISH(state_name, stddev_pop, false, true)                                       \
    VEC_VARIANCE_FINISH(state_name, stddev_samp, true, true)

VEC_VARIANCE_FINISHES(spread)
VEC_VARIANCE_FINISHES(spread_numeric)
VEC_VARIANCE_FINISHES(spread_double)

#define VEC_VARIANCE_ROW(sql, which, kind, to, state, update_fn)                                   \
    {                                                                                              \
        .name = sql, .args = {VEC_##kind}, .args_count = 1, .result = VEC_##to, .version = 1,      \
        .state_bytes = VEC_AGGREGATE_BYTES(struct vec_##state), .init = vec_##state##_init,        \
        .update = update_fn, .merge = vec_##state##_merge, .finish = vec_##state##_##which,        \
    }

#define VEC_VARIANCE_ROWS(sql, which)                                                              \
    VEC_VARIANCE_ROW(sql, which, INTEGER, NUMERIC, spread, vec_spread_int4_update),                \
        VEC_VARIANCE_ROW(sql, which, BIGINT, NUMERIC, spread, vec_spread_int8_update),             \
        VEC_VARIANCE_ROW(sql, which, DOUBLE, DOUBLE, spread_double, vec_spread_double_update),     \
        VEC_VARIANCE_ROW(sql, which, NUMERIC, NUMERIC, spread_numeric, vec_spread_numeric_update)

static const struct vec_aggregate vec_variance_rows[] = {
    VEC_VARIANCE_ROWS("var_pop", var_pop),         VEC_VARIANCE_ROWS("var_samp", var_samp),
    VEC_VARIANCE_ROWS("variance", var_samp),       VEC_VARIANCE_ROWS("stddev_pop", stddev_pop),
    VEC_VARIANCE_ROWS("stddev_samp", stddev_samp), VEC_VARIANCE_ROWS("stddev", stddev_samp),
};

const struct vec_aggregate_table vec_aggregate_variances = {vec_variance_rows,
                                                            ARRAY_COUNT(vec_variance_rows)};
