/* sum and avg. See aggregate_int.h.
 *
 * Sums are kept wider than what they are made of, so that no order of rows overflows where another
 * does not: integers in 128 bits, the parts of intervals in more than theirs. What does not fit is
 * found when the sum is read. A sum of NUMERIC is exact in its 76 digits. Doubles:
 * aggregate_tree.c. */
#include <string.h>

#include "base/compiler.h"
#include "views/vec/aggregate_int.h"
#include "views/vec/numeric.h"

/* INTEGER and BIGINT. */
struct vec_sum {
    __int128 sum;  /* exact */
    int64_t count; /* rows */
};

static void vec_sum_init(void *state)
{
    *(struct vec_sum *)state = (struct vec_sum){0};
}

static ALWAYS_INLINE void vec_sum_int4_fold(struct vec_sum *sum, int32_t value)
{
    sum->sum += value;
    sum->count++;
}

static ALWAYS_INLINE void vec_sum_int8_fold(struct vec_sum *sum, int64_t value)
{
    sum->sum += value;
    sum->count++;
}

VEC_AGGREGATE_EACH(sum_int4, struct vec_sum, int32_t)
VEC_AGGREGATE_EACH(sum_int8, struct vec_sum, int64_t)

static __int128 vec_sum_int4_dense(const int32_t *values, uint32_t count)
{
    int64_t sum = 0; /* of VEC_ROWS_MAX values of 32 bits */
    for (uint32_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

static __int128 vec_sum_int8_dense(const int64_t *values, uint32_t count)
{
    uint64_t low = 0; /* of VEC_ROWS_MAX halves of 32 bits */
    int64_t high = 0;
    for (uint32_t i = 0; i < count; i++) {
        low += (uint32_t)values[i];
        high += values[i] >> 32;
    }
    return (__int128)high * ((__int128)1 << 32) + low;
}

#define VEC_SUM_UPDATE(name, type)                                                                 \
    static bool vec_##name##_update(struct vec_aggregation *agg, const struct vec_expr *call,      \
                                    const struct vec_vector *args, struct vec_selection selection, \
                                    uint32_t stretch, uint8_t *const *states)                      \
    {                                                                                              \
        (void)stretch;                                                                             \
        if (selection.count == 0) {                                                                \
            return true;                                                                           \
        }                                                                                          \
        if (!vec_aggregate_is_one(states, selection.count)) {                                      \
            vec_##name##_each(&args[0], selection, states);                                        \
            return true;                                                                           \
        }                                                                                          \
        struct vec_sum *sum = (struct vec_sum *)(void *)states[0];                                 \
        struct arena_mark mark = arena_mark(agg->ev->scratch);                                     \
        struct vec_dense dense;                                                                    \
        if (!vec_aggregate_dense(agg, call, &args[0], selection, &dense)) {                        \
            return false;                                                                          \
        }                                                                                          \
        sum->sum += vec_##name##_dense(dense.values, dense.count);                                 \
        sum->count += dense.count;                                                                 \
        arena_rewind(agg->ev->scratch, mark);                                                      \
        return true;                                                                               \
    }

VEC_SUM_UPDATE(sum_int4, int32_t)
VEC_SUM_UPDATE(sum_int8, int64_t)

static bool vec_sum_merge(struct vec_aggregation *agg, const struct vec_expr *call, void *into,
                          const void *from)
{
    (void)agg, (void)call;
    struct vec_sum *sum = into;
    const struct vec_sum *other = from;
    sum->sum += other->sum;
    sum->count += other->count;
    return true;
}

/* sum(integer) is a BIGINT. */
static bool vec_sum_finish_int4(struct vec_aggregation *agg, const struct vec_expr *call,
                                const void *state, struct vec_value *out)
{
    const struct vec_sum *sum = state;
    *out = (struct vec_value){.is_null = sum->count == 0, .u.int8 = (int64_t)sum->sum};
    return out->u.int8 == sum->sum || vec_fail(agg->ev, call, VEC_FAULT_BIGINT, NULL, NULL, 0);
}

/* sum(bigint) is a NUMERIC. */
static bool vec_sum_finish_int8(struct vec_aggregation *agg, const struct vec_expr *call,
                                const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    const struct vec_sum *sum = state;
    *out = (struct vec_value){.is_null = sum->count == 0,
                              .u.numeric = vec_numeric_from_int16(sum->sum)};
    return true;
}

/* *out = sum / count. */
static bool vec_average(struct vec_aggregation *agg, const struct vec_expr *call,
                        const struct vec_numeric *sum, int64_t count, struct vec_value *out)
{
    *out = (struct vec_value){.is_null = count == 0};
    if (out->is_null) {
        return true;
    }
    struct vec_numeric divisor = vec_numeric_from_int8(count);
    enum vec_fault fault = vec_numeric_div(sum, &divisor, &out->u.numeric);
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

static bool vec_sum_finish_avg(struct vec_aggregation *agg, const struct vec_expr *call,
                               const void *state, struct vec_value *out)
{
    const struct vec_sum *sum = state;
    struct vec_numeric total = vec_numeric_from_int16(sum->sum);
    return vec_average(agg, call, &total, sum->count, out);
}

/* NUMERIC: values of one scale and 64 bits, which columns hold mostly, are added up as integers. */
struct vec_sum_numeric {
    __int128 pending;         /* of `pending_scale`, not in `total` yet */
    int64_t count;            /* rows */
    struct vec_numeric total; /* the rest */
    uint8_t pending_scale;    /* digits behind the point of `pending` */
};

static void vec_sum_numeric_init(void *state)
{
    *(struct vec_sum_numeric *)state = (struct vec_sum_numeric){.count = 0};
}

/* *out = all of it. */
static enum vec_fault vec_sum_numeric_total(const struct vec_sum_numeric *sum,
                                            struct vec_numeric *out)
{
    struct vec_numeric pending = vec_numeric_from_int16(sum->pending);
    pending.scale = sum->pending_scale;
    return vec_numeric_add(&sum->total, &pending, out);
}

static NOINLINE enum vec_fault vec_sum_numeric_add(struct vec_sum_numeric *sum,
                                                   const struct vec_numeric *value)
{
    enum vec_fault fault = vec_sum_numeric_total(sum, &sum->total);
    sum->pending = 0;
    sum->pending_scale = value->scale;
    return fault != VEC_FAULT_NONE ? fault : vec_numeric_add(&sum->total, value, &sum->total);
}

static bool vec_sum_numeric_update(struct vec_aggregation *agg, const struct vec_expr *call,
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
        struct vec_sum_numeric *sum = (struct vec_sum_numeric *)(void *)states[i];
        const struct vec_numeric *value = &VEC_AT(&view, struct vec_numeric, row);
        sum->count++;
        if (LIKELY((value->limb[1] | value->limb[2] | value->limb[3]) == 0 &&
                   value->scale == sum->pending_scale)) {
            __int128 limb = (__int128)value->limb[0];
            sum->pending += value->is_negative ? -limb : limb;
            continue;
        }
        enum vec_fault fault = vec_sum_numeric_add(sum, value);
        if (fault != VEC_FAULT_NONE) {
            return vec_fail(agg->ev, call, fault, NULL, NULL, 0);
        }
    }
    return true;
}

static bool vec_sum_numeric_merge(struct vec_aggregation *agg, const struct vec_expr *call,
                                  void *into, const void *from)
{
    struct vec_sum_numeric *sum = into;
    const struct vec_sum_numeric *other = from;
    struct vec_numeric value;
    sum->count += other->count;
    enum vec_fault fault = vec_sum_numeric_total(other, &value);
    fault = fault != VEC_FAULT_NONE ? fault : vec_sum_numeric_add(sum, &value);
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

static bool vec_sum_numeric_finish_sum(struct vec_aggregation *agg, const struct vec_expr *call,
                                       const void *state, struct vec_value *out)
{
    const struct vec_sum_numeric *sum = state;
    *out = (struct vec_value){.is_null = sum->count == 0};
    enum vec_fault fault = vec_sum_numeric_total(sum, &out->u.numeric);
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

static bool vec_sum_numeric_finish_avg(struct vec_aggregation *agg, const struct vec_expr *call,
                                       const void *state, struct vec_value *out)
{
    const struct vec_sum_numeric *sum = state;
    struct vec_value total;
    return vec_sum_numeric_finish_sum(agg, call, state, &total) &&
           vec_average(agg, call, &total.u.numeric, sum->count, out);
}

/* INTERVAL, part by part. */
struct vec_sum_interval {
    __int128 us;    /* microseconds */
    int64_t days;   /* of fewer than 2^32 rows */
    int64_t months; /* likewise */
    int64_t count;  /* rows */
};

static void vec_sum_interval_init(void *state)
{
    *(struct vec_sum_interval *)state = (struct vec_sum_interval){0};
}

static ALWAYS_INLINE void vec_sum_interval_fold(struct vec_sum_interval *sum,
                                                struct vec_interval value)
{
    sum->us += value.us;
    sum->days += value.days;
    sum->months += value.months;
    sum->count++;
}

VEC_AGGREGATE_EACH(sum_interval, struct vec_sum_interval, struct vec_interval)

static bool vec_sum_interval_update(struct vec_aggregation *agg, const struct vec_expr *call,
                                    const struct vec_vector *args, struct vec_selection selection,
                                    uint32_t stretch, uint8_t *const *states)
{
    (void)agg, (void)call, (void)stretch;
    vec_sum_interval_each(&args[0], selection, states);
    return true;
}

static bool vec_sum_interval_merge(struct vec_aggregation *agg, const struct vec_expr *call,
                                   void *into, const void *from)
{
    (void)agg, (void)call;
    struct vec_sum_interval *sum = into;
    const struct vec_sum_interval *other = from;
    sum->us += other->us;
    sum->days += other->days;
    sum->months += other->months;
    sum->count += other->count;
    return true;
}

static bool vec_sum_interval_finish_sum(struct vec_aggregation *agg, const struct vec_expr *call,
                                        const void *state, struct vec_value *out)
{
    const struct vec_sum_interval *sum = state;
    struct vec_interval total = {
        .us = (int64_t)sum->us, .days = (int32_t)sum->days, .months = (int32_t)sum->months};
    *out = (struct vec_value){.is_null = sum->count == 0, .u.interval = total};
    return (total.us == sum->us && total.days == sum->days && total.months == sum->months) ||
           vec_fail(agg->ev, call, VEC_FAULT_INTERVAL, NULL, NULL, 0);
}

static bool vec_sum_interval_finish_avg(struct vec_aggregation *agg, const struct vec_expr *call,
                                        const void *state, struct vec_value *out)
{
    const struct vec_sum_interval *sum = state;
    if (!vec_sum_interval_finish_sum(agg, call, state, out)) {
        return false;
    }
    enum vec_fault fault =
        out->is_null ? VEC_FAULT_NONE
                     : vec_interval_div(&out->u.interval, (double)sum->count, &out->u.interval);
    return fault == VEC_FAULT_NONE || vec_fail(agg->ev, call, fault, NULL, NULL, 0);
}

#define VEC_SUM_ROW(sql, kind, to, state, init_fn, update_fn, merge_fn, finish_fn)                 \
    {                                                                                              \
        .name = sql, .args = {VEC_##kind}, .args_count = 1, .result = VEC_##to, .version = 1,      \
        .state_bytes = VEC_AGGREGATE_BYTES(struct state), .init = init_fn, .update = update_fn,    \
        .merge = merge_fn, .finish = finish_fn,                                                    \
    }

static const struct vec_aggregate vec_sum_rows[] = {
    VEC_SUM_ROW("sum", INTEGER, BIGINT, vec_sum, vec_sum_init, vec_sum_int4_update, vec_sum_merge,
                vec_sum_finish_int4),
    VEC_SUM_ROW("sum", BIGINT, NUMERIC, vec_sum, vec_sum_init, vec_sum_int8_update, vec_sum_merge,
                vec_sum_finish_int8),
    VEC_SUM_ROW("sum", DOUBLE, DOUBLE, vec_tree, vec_tree_init, vec_tree_update, vec_tree_merge,
                vec_tree_finish_sum),
    VEC_SUM_ROW("sum", NUMERIC, NUMERIC, vec_sum_numeric, vec_sum_numeric_init,
                vec_sum_numeric_update, vec_sum_numeric_merge, vec_sum_numeric_finish_sum),
    VEC_SUM_ROW("sum", INTERVAL, INTERVAL, vec_sum_interval, vec_sum_interval_init,
                vec_sum_interval_update, vec_sum_interval_merge, vec_sum_interval_finish_sum),
    VEC_SUM_ROW("avg", INTEGER, NUMERIC, vec_sum, vec_sum_init, vec_sum_int4_update, vec_sum_merge,
                vec_sum_finish_avg),
    VEC_SUM_ROW("avg", BIGINT, NUMERIC, vec_sum, vec_sum_init, vec_sum_int8_update, vec_sum_merge,
                vec_sum_finish_avg),
    VEC_SUM_ROW("avg", DOUBLE, DOUBLE, vec_tree, vec_tree_init, vec_tree_update, vec_tree_merge,
                vec_tree_finish_avg),
    VEC_SUM_ROW("avg", NUMERIC, NUMERIC, vec_sum_numeric, vec_sum_numeric_init,
                vec_sum_numeric_update, vec_sum_numeric_merge, vec_sum_numeric_finish_avg),
    VEC_SUM_ROW("avg", INTERVAL, INTERVAL, vec_sum_interval, vec_sum_interval_init,
                vec_sum_interval_update, vec_sum_interval_merge, vec_sum_interval_finish_avg),
};

const struct vec_aggregate_table vec_aggregate_sums = {vec_sum_rows, ARRAY_COUNT(vec_sum_rows)};
