/* sum and avg of whole numbers, NUMERIC and INTERVAL. See accumulator_int.h.
 *
 * sum(INTEGER) and sum(BIGINT): twice the sum, and 1 when there was a row, in 128 bits: no sum of
 * 2^62 rows needs more.
 *
 * NUMERIC: values that fit 128 bits are added up there, at the largest scale they had; what does
 * not fit goes outside, to nine limbs in units of 10^-76, which hold any sum of 2^63 NUMERICs. More
 * than 76 digits are a fault of who reads the sum: on the way there may be as many as there are. */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/accumulator_int.h"
#include "views/vec/numeric_int.h"

/* --- Whole numbers --------------------------------------------------------------------------- */

/* sum. */
struct vec_total {
    vec_int16 twice; /* the sum times two, plus one when there was a row */
};

/* avg. */
struct vec_mean {
    vec_int16 sum; /* exact */
    int64_t count; /* rows */
};

#define VEC_TOTAL_FOLD(name, type)                                                                 \
    static ALWAYS_INLINE void vec_total_##name##_fold(struct vec_total *total, type value)         \
    {                                                                                              \
        total->twice = (total->twice + (__int128)value * 2) | 1;                                   \
    }                                                                                              \
    static ALWAYS_INLINE void vec_mean_##name##_fold(struct vec_mean *mean, type value)            \
    {                                                                                              \
        mean->sum += value;                                                                        \
        mean->count++;                                                                             \
    }                                                                                              \
    VEC_AGGREGATE_EACH(total_##name, struct vec_total, type)                                       \
    VEC_ACCUMULATOR_UPDATE(total_##name)                                                           \
    VEC_AGGREGATE_EACH(mean_##name, struct vec_mean, type)                                         \
    VEC_ACCUMULATOR_UPDATE(mean_##name)

VEC_TOTAL_FOLD(int4, int32_t)
VEC_TOTAL_FOLD(int8, int64_t)

static ALWAYS_INLINE void vec_total_join(struct vec_total *into, const struct vec_total *from)
{
    __int128 other = from->twice;
    into->twice = (into->twice + (other - (other & 1))) | (other & 1);
}

static bool vec_total_merge(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                            const void *from)
{
    (void)acc, (void)call;
    vec_total_join(into, from);
    return true;
}

VEC_ACCUMULATOR_MERGE_ALL(total, struct vec_total)

static __int128 vec_total_sum(const struct vec_total *total)
{
    return (total->twice - (total->twice & 1)) / 2;
}

/* sum(integer) is a BIGINT. */
static bool vec_total_finish_int4(struct vec_accumulation *acc, const struct vec_expr *call,
                                  const void *state, struct vec_value *out)
{
    const struct vec_total *total = state;
    __int128 sum = vec_total_sum(total);
    *out = (struct vec_value){.is_null = total->twice == 0, .u.int8 = (int64_t)sum};
    return out->u.int8 == sum || vec_fail(acc->ev, call, VEC_FAULT_BIGINT, NULL, NULL, 0);
}

/* sum(bigint) is a NUMERIC. */
static bool vec_total_finish_int8(struct vec_accumulation *acc, const struct vec_expr *call,
                                  const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    const struct vec_total *total = state;
    *out = (struct vec_value){.is_null = total->twice == 0,
                              .u.numeric = vec_numeric_from_int16(vec_total_sum(total))};
    return true;
}

static ALWAYS_INLINE bool vec_total_int4_answer(const struct vec_total *total, int64_t *out)
{
    __int128 sum = vec_total_sum(total);
    *out = (int64_t)sum;
    return total->twice != 0 && *out == sum;
}

static ALWAYS_INLINE bool vec_total_int8_answer(const struct vec_total *total,
                                                struct vec_numeric *out)
{
    __int128 sum = vec_total_sum(total);
    bool is_negative = sum < 0;
    unsigned __int128 size = is_negative ? -(unsigned __int128)sum : (unsigned __int128)sum;
    *out = (struct vec_numeric){.limb = {(uint64_t)size, (uint64_t)(size >> 64)},
                                .is_negative = is_negative};
    return total->twice != 0;
}

VEC_ACCUMULATOR_FINISH_ALL(total_int4, struct vec_total, int64_t)
VEC_ACCUMULATOR_FINISH_ALL(total_int8, struct vec_total, struct vec_numeric)

static ALWAYS_INLINE void vec_mean_join(struct vec_mean *into, const struct vec_mean *from)
{
    into->sum += from->sum;
    into->count += from->count;
}

static bool vec_mean_merge(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                           const void *from)
{
    (void)acc, (void)call;
    vec_mean_join(into, from);
    return true;
}

VEC_ACCUMULATOR_MERGE_ALL(mean, struct vec_mean)

/* *out = sum / count. */
static bool vec_mean_of(struct vec_accumulation *acc, const struct vec_expr *call,
                        const struct vec_numeric *sum, int64_t count, struct vec_value *out)
{
    *out = (struct vec_value){.is_null = count == 0};
    if (out->is_null) {
        return true;
    }
    struct vec_numeric divisor = vec_numeric_from_int8(count);
    enum vec_fault fault = vec_numeric_div(sum, &divisor, &out->u.numeric);
    return fault == VEC_FAULT_NONE || vec_fail(acc->ev, call, fault, NULL, NULL, 0);
}

static bool vec_mean_finish(struct vec_accumulation *acc, const struct vec_expr *call,
                            const void *state, struct vec_value *out)
{
    const struct vec_mean *mean = state;
    struct vec_numeric sum = vec_numeric_from_int16(mean->sum);
    return vec_mean_of(acc, call, &sum, mean->count, out);
}

/* --- NUMERIC --------------------------------------------------------------------------------- */

#define VEC_DECIMAL_LIMBS      9
#define VEC_DECIMAL_DIGITS_MAX 38 /* 10^38 fits 128 bits */

/* What stands outside of a state. */
struct vec_decimal_outside {
    uint64_t limb[VEC_DECIMAL_LIMBS]; /* two's complement, in units of 10^-76 */
};

/* sum. */
struct vec_decimal {
    vec_int16 near;                            /* the part that fits, in units of 10^-near_scale */
    const struct vec_decimal_outside *outside; /* the rest; NULL: nothing */
    uint8_t near_scale;
    uint8_t scale; /* the largest of all rows: the answer's */
    bool has_row;
};

/* avg. */
struct vec_decimal_mean {
    struct vec_decimal sum;
    int64_t count; /* rows */
};

/* outside += limb (four of them) / 10^scale. */
static void vec_decimal_put(struct vec_decimal_outside *outside, const uint64_t *limb,
                            unsigned scale, bool is_negative)
{
    uint64_t wide[VEC_DECIMAL_LIMBS] = {0};
    ASSERT(scale <= VEC_NUMERIC_DIGITS_MAX);
    vec_wide_mul(wide, limb, VEC_NUMERIC_LIMBS, vec_numeric_powers[VEC_NUMERIC_DIGITS_MAX - scale],
                 VEC_NUMERIC_LIMBS);
    if (is_negative) {
        (void)vec_wide_sub(outside->limb, outside->limb, wide, VEC_DECIMAL_LIMBS);
    } else {
        (void)vec_wide_add(outside->limb, outside->limb, wide, VEC_DECIMAL_LIMBS);
    }
}

static void vec_decimal_put_near(struct vec_decimal_outside *outside, __int128 near, unsigned scale)
{
    unsigned __int128 size = near < 0 ? -(unsigned __int128)near : (unsigned __int128)near;
    uint64_t limb[VEC_NUMERIC_LIMBS] = {(uint64_t)size, (uint64_t)(size >> 64)};
    vec_decimal_put(outside, limb, scale, near < 0);
}

/* *out = what is outside, to be written. False: vec_fail was called; nothing was changed. */
static bool vec_decimal_own(struct vec_accumulation *acc, const struct vec_expr *call,
                            struct vec_decimal *sum, struct vec_decimal_outside **out)
{
    const struct vec_decimal_outside *before = sum->outside;
    if (before != NULL && acc->is_alone) {
        *out = (struct vec_decimal_outside *)(uintptr_t)before;
        return true;
    }
    uint32_t capacity;
    *out = vec_accumulator_room(acc, call, sizeof(**out), &capacity);
    if (*out == NULL) {
        return false;
    }
    **out = before != NULL ? *before : (struct vec_decimal_outside){{0}};
    vec_accumulator_leave(acc, before, capacity);
    sum->outside = *out;
    return true;
}

/* *value *= 10^digits. False: 128 bits do not hold it. */
static bool vec_decimal_scale(__int128 *value, unsigned digits)
{
    if (digits > VEC_DECIMAL_DIGITS_MAX) {
        return *value == 0;
    }
    const uint64_t *power = vec_numeric_powers[digits];
    __int128 factor = (__int128)((unsigned __int128)power[1] << 64 | power[0]);
    return !__builtin_mul_overflow(*value, factor, value);
}

/* Add `value` / 10^scale to the part that fits. False: it does not; nothing was changed. */
static bool vec_decimal_add_near(struct vec_decimal *sum, __int128 value, unsigned scale)
{
    __int128 near = sum->near;
    unsigned most = near == 0 || scale > sum->near_scale ? scale : sum->near_scale;
    if ((near != 0 && !vec_decimal_scale(&near, most - sum->near_scale)) ||
        !vec_decimal_scale(&value, most - scale) || __builtin_add_overflow(near, value, &near)) {
        return false;
    }
    sum->near = near;
    sum->near_scale = (uint8_t)most;
    return true;
}

/* Add `value` / 10^scale. False: vec_fail was called. */
static bool vec_decimal_add_int16(struct vec_accumulation *acc, const struct vec_expr *call,
                                  struct vec_decimal *sum, __int128 value, unsigned scale)
{
    struct vec_decimal_outside *outside;
    if (vec_decimal_add_near(sum, value, scale)) {
        return true;
    }
    if (!vec_decimal_own(acc, call, sum, &outside)) {
        return false;
    }
    vec_decimal_put_near(outside, sum->near, sum->near_scale);
    sum->near = value;
    sum->near_scale = (uint8_t)scale;
    return true;
}

static NOINLINE bool vec_decimal_add_rare(struct vec_accumulation *acc, const struct vec_expr *call,
                                          struct vec_decimal *sum, const struct vec_numeric *value)
{
    const uint64_t *limb = value->limb;
    sum->has_row = true;
    sum->scale = value->scale > sum->scale ? value->scale : sum->scale;
    if ((limb[1] >> 63 | limb[2] | limb[3]) == 0) {
        __int128 size = (__int128)((unsigned __int128)limb[1] << 64 | limb[0]);
        return vec_decimal_add_int16(acc, call, sum, value->is_negative ? -size : size,
                                     value->scale);
    }
    struct vec_decimal_outside *outside;
    if (!vec_decimal_own(acc, call, sum, &outside)) {
        return false;
    }
    vec_decimal_put(outside, limb, value->scale, value->is_negative);
    return true;
}

/* Values of 64 bits and of one scale are what columns hold mostly. */
static ALWAYS_INLINE bool vec_decimal_add(struct vec_accumulation *acc, const struct vec_expr *call,
                                          struct vec_decimal *sum, const struct vec_numeric *value)
{
    if (LIKELY((value->limb[1] | value->limb[2] | value->limb[3]) == 0 &&
               value->scale == sum->near_scale)) {
        __int128 size = (__int128)value->limb[0];
        __int128 near;
        if (LIKELY(!__builtin_add_overflow(sum->near, value->is_negative ? -size : size, &near))) {
            sum->near = near;
            sum->has_row = true;
            return true;
        }
    }
    return vec_decimal_add_rare(acc, call, sum, value);
}

static bool vec_decimal_update_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const struct vec_vector *args, const struct vec_origin *origin,
                                   struct vec_selection selection, uint8_t *const *states)
{
    (void)origin;
    struct vec_view view = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        if (vec_view_is_valid(&view, row) &&
            !vec_decimal_add(acc, call, (struct vec_decimal *)(void *)states[i],
                             &VEC_AT(&view, struct vec_numeric, row))) {
            return false;
        }
    }
    return true;
}

static bool vec_decimal_update_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const struct vec_vector *args, const struct vec_origin *origin,
                                   struct vec_selection selection, uint8_t *const *states)
{
    struct vec_view view = vec_view(&args[0]);
    for (uint32_t i = 0; i < selection.count; i++) {
        ((struct vec_decimal_mean *)(void *)states[i])->count +=
            vec_view_is_valid(&view, vec_row(selection, i));
    }
    return vec_decimal_update_sum(acc, call, args, origin, selection, states);
}

static bool vec_decimal_merge_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                                  void *into, const void *from)
{
    const struct vec_decimal *other = from;
    struct vec_decimal total = *(struct vec_decimal *)into;
    total.has_row = total.has_row || other->has_row;
    total.scale = other->scale > total.scale ? other->scale : total.scale;
    bool is_near = vec_decimal_add_near(&total, other->near, other->near_scale);
    if (!is_near || other->outside != NULL) {
        struct vec_decimal_outside *ours;
        if (!vec_decimal_own(acc, call, &total, &ours)) {
            return false;
        }
        if (!is_near) {
            vec_decimal_put_near(ours, other->near, other->near_scale);
        }
        if (other->outside != NULL) {
            (void)vec_wide_add(ours->limb, ours->limb, other->outside->limb, VEC_DECIMAL_LIMBS);
        }
    }
    *(struct vec_decimal *)into = total;
    return true;
}

static bool vec_decimal_merge_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                                  void *into, const void *from)
{
    struct vec_decimal_mean *mean = into;
    const struct vec_decimal_mean *other = from;
    if (!vec_decimal_merge_sum(acc, call, &mean->sum, &other->sum)) {
        return false;
    }
    mean->count += other->count;
    return true;
}

/* *out = the sum, of the largest scale there was. NUMERIC: it does not fit. */
static enum vec_fault vec_decimal_sum(const struct vec_decimal *sum, struct vec_numeric *out)
{
    struct vec_decimal_outside total = {{0}};
    uint64_t room[VEC_NUMERIC_ROOM_LIMBS] = {0};
    if (sum->outside != NULL) {
        total = *sum->outside;
    }
    vec_decimal_put_near(&total, sum->near, sum->near_scale);
    bool is_negative = total.limb[VEC_DECIMAL_LIMBS - 1] >> 63 != 0;
    if (is_negative) {
        const uint64_t zero[VEC_DECIMAL_LIMBS] = {0};
        (void)vec_wide_sub(total.limb, zero, total.limb, VEC_DECIMAL_LIMBS);
    }
    const uint64_t *power = vec_numeric_powers[VEC_NUMERIC_DIGITS_MAX - sum->scale];
    vec_wide_divide(room, total.limb, VEC_DECIMAL_LIMBS, power,
                    vec_wide_length(power, VEC_NUMERIC_LIMBS));
    ASSERT(vec_wide_length(total.limb, VEC_DECIMAL_LIMBS) == 0);
    return vec_numeric_pack(room, sum->scale, is_negative, out);
}

static bool vec_decimal_finish_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const void *state, struct vec_value *out)
{
    const struct vec_decimal *sum = state;
    *out = (struct vec_value){.is_null = !sum->has_row};
    enum vec_fault fault = out->is_null ? VEC_FAULT_NONE : vec_decimal_sum(sum, &out->u.numeric);
    return fault == VEC_FAULT_NONE || vec_fail(acc->ev, call, fault, NULL, NULL, 0);
}

static bool vec_decimal_finish_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const void *state, struct vec_value *out)
{
    const struct vec_decimal_mean *mean = state;
    struct vec_value sum;
    return vec_decimal_finish_sum(acc, call, &mean->sum, &sum) &&
           vec_mean_of(acc, call, &sum.u.numeric, mean->count, out);
}

static uint32_t vec_decimal_outside(const void *state)
{
    const struct vec_decimal *sum = state;
    return sum->outside != NULL ? (uint32_t)sizeof(*sum->outside) : 0;
}

/* --- INTERVAL, part by part ------------------------------------------------------------------ */

struct vec_span {
    vec_int16 us;   /* microseconds */
    int64_t days;   /* of fewer than 2^32 rows */
    int64_t months; /* likewise */
    int64_t count;  /* rows */
};

static ALWAYS_INLINE void vec_span_fold(struct vec_span *span, struct vec_interval value)
{
    span->us += value.us;
    span->days += value.days;
    span->months += value.months;
    span->count++;
}

VEC_AGGREGATE_EACH(span, struct vec_span, struct vec_interval)
VEC_ACCUMULATOR_UPDATE(span)

static bool vec_span_merge(struct vec_accumulation *acc, const struct vec_expr *call, void *into,
                           const void *from)
{
    (void)acc, (void)call;
    struct vec_span *span = into;
    const struct vec_span *other = from;
    span->us += other->us;
    span->days += other->days;
    span->months += other->months;
    span->count += other->count;
    return true;
}

static bool vec_span_finish_sum(struct vec_accumulation *acc, const struct vec_expr *call,
                                const void *state, struct vec_value *out)
{
    const struct vec_span *span = state;
    struct vec_interval total = {
        .us = (int64_t)span->us, .days = (int32_t)span->days, .months = (int32_t)span->months};
    *out = (struct vec_value){.is_null = span->count == 0, .u.interval = total};
    return (total.us == span->us && total.days == span->days && total.months == span->months) ||
           vec_fail(acc->ev, call, VEC_FAULT_INTERVAL, NULL, NULL, 0);
}

static bool vec_span_finish_avg(struct vec_accumulation *acc, const struct vec_expr *call,
                                const void *state, struct vec_value *out)
{
    const struct vec_span *span = state;
    if (!vec_span_finish_sum(acc, call, state, out)) {
        return false;
    }
    enum vec_fault fault =
        out->is_null ? VEC_FAULT_NONE
                     : vec_interval_div(&out->u.interval, (double)span->count, &out->u.interval);
    return fault == VEC_FAULT_NONE || vec_fail(acc->ev, call, fault, NULL, NULL, 0);
}

/* --- The table ------------------------------------------------------------------------------- */

#define VEC_TOTAL_ROW(sql, kind, to, state, update_fn, merge_fn, finish_fn, outside_fn, merges,    \
                      finishes)                                                                    \
    {                                                                                              \
        .name = sql, .args = {VEC_##kind}, .args_count = 1, .result = VEC_##to, .version = 1,      \
        .state_bytes = sizeof(struct state), .update = update_fn, .merge = merge_fn,               \
        .finish = finish_fn, .outside = outside_fn, .merge_all = merges, .finish_all = finishes,   \
    }

static const struct vec_accumulator vec_total_rows[] = {
    VEC_TOTAL_ROW("sum", INTEGER, BIGINT, vec_total, vec_total_int4_update, vec_total_merge,
                  vec_total_finish_int4, NULL, vec_total_merge_all, vec_total_int4_finish_all),
    VEC_TOTAL_ROW("sum", BIGINT, NUMERIC, vec_total, vec_total_int8_update, vec_total_merge,
                  vec_total_finish_int8, NULL, vec_total_merge_all, vec_total_int8_finish_all),
    VEC_TOTAL_ROW("sum", DOUBLE, DOUBLE, vec_exact, vec_exact_update_sum, vec_exact_merge_sum,
                  vec_exact_finish_sum, vec_exact_outside, NULL, vec_exact_finish_all_sum),
    VEC_TOTAL_ROW("sum", NUMERIC, NUMERIC, vec_decimal, vec_decimal_update_sum,
                  vec_decimal_merge_sum, vec_decimal_finish_sum, vec_decimal_outside, NULL, NULL),
    VEC_TOTAL_ROW("sum", INTERVAL, INTERVAL, vec_span, vec_span_update, vec_span_merge,
                  vec_span_finish_sum, NULL, NULL, NULL),
    VEC_TOTAL_ROW("avg", INTEGER, NUMERIC, vec_mean, vec_mean_int4_update, vec_mean_merge,
                  vec_mean_finish, NULL, vec_mean_merge_all, NULL),
    VEC_TOTAL_ROW("avg", BIGINT, NUMERIC, vec_mean, vec_mean_int8_update, vec_mean_merge,
                  vec_mean_finish, NULL, vec_mean_merge_all, NULL),
    VEC_TOTAL_ROW("avg", DOUBLE, DOUBLE, vec_exact_average, vec_exact_update_avg,
                  vec_exact_merge_avg, vec_exact_finish_avg, vec_exact_outside, NULL, NULL),
    VEC_TOTAL_ROW("avg", NUMERIC, NUMERIC, vec_decimal_mean, vec_decimal_update_avg,
                  vec_decimal_merge_avg, vec_decimal_finish_avg, vec_decimal_outside, NULL, NULL),
    VEC_TOTAL_ROW("avg", INTERVAL, INTERVAL, vec_span, vec_span_update, vec_span_merge,
                  vec_span_finish_avg, NULL, NULL, NULL),
};

const struct vec_accumulator_table vec_accumulator_sums = {vec_total_rows,
                                                           ARRAY_COUNT(vec_total_rows)};
