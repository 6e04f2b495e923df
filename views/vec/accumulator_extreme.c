/* min and max, and a value that stands for equal ones. See accumulator.h.
 *
 * Each goes by a total order that tells values apart that SQL calls equal, so that which of them is
 * kept does not depend on who came first. */
#include <assert.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/accumulator_int.h"
#include "views/vec/interval.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"
#include "views/vec/text.h"

/* --- Orders: whether `a` is to be kept rather than `b` --------------------------------------- */

static ALWAYS_INLINE bool vec_less_uint1(const uint8_t *a, const uint8_t *b)
{
    return *a < *b;
}

static ALWAYS_INLINE bool vec_less_int4(const int32_t *a, const int32_t *b)
{
    return *a < *b;
}

static ALWAYS_INLINE bool vec_less_int8(const int64_t *a, const int64_t *b)
{
    return *a < *b;
}

static ALWAYS_INLINE bool vec_greater_int4(const int32_t *a, const int32_t *b)
{
    return *a > *b;
}

static ALWAYS_INLINE bool vec_greater_int8(const int64_t *a, const int64_t *b)
{
    return *a > *b;
}

/* The least by its bytes. */
static ALWAYS_INLINE bool vec_bits_real(const double *a, const double *b)
{
    uint64_t bits[2];
    memcpy(&bits[0], a, sizeof(bits[0]));
    memcpy(&bits[1], b, sizeof(bits[1]));
    return bits[0] < bits[1];
}

static bool vec_bits_interval(const struct vec_interval *a, const struct vec_interval *b)
{
    if (a->months != b->months) {
        return a->months < b->months;
    }
    return a->days != b->days ? a->days < b->days : a->us < b->us;
}

static bool vec_bits_numeric(const struct vec_numeric *a, const struct vec_numeric *b)
{
    if (a->scale != b->scale) {
        return a->scale < b->scale;
    }
    return vec_numeric_compare(a, b) < 0;
}

/* By SQL's order, then by bytes. */
#define VEC_EXTREME_BY(name, type, compare)                                                        \
    static ALWAYS_INLINE bool vec_less_##name(const type *a, const type *b)                        \
    {                                                                                              \
        int order = compare;                                                                       \
        return order < 0 || (order == 0 && vec_bits_##name(a, b));                                 \
    }                                                                                              \
    static ALWAYS_INLINE bool vec_greater_##name(const type *a, const type *b)                     \
    {                                                                                              \
        int order = compare;                                                                       \
        return order > 0 || (order == 0 && vec_bits_##name(a, b));                                 \
    }

VEC_EXTREME_BY(real, double, vec_real_compare(*a, *b))
VEC_EXTREME_BY(numeric, struct vec_numeric, vec_numeric_compare(a, b))
VEC_EXTREME_BY(interval, struct vec_interval, vec_interval_compare(a, b))

/* --- Values of a fixed size ------------------------------------------------------------------ */

/* The state, and its answer. */
#define VEC_BEST_STATE(name, type, member, flag)                                                   \
    struct vec_best_##name {                                                                       \
        type value;     /* the answer so far */                                                    \
        flag has_value; /* there is one */                                                         \
    };                                                                                             \
    static_assert(sizeof(struct vec_best_##name) % 8 == 0, "whole words");                         \
    static bool vec_best_##name##_finish(struct vec_accumulation *acc,                             \
                                         const struct vec_expr *call, const void *state,           \
                                         struct vec_value *out)                                    \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        const struct vec_best_##name *best = state;                                                \
        *out = (struct vec_value){.is_null = best->has_value == 0, .u.member = best->value};       \
        return true;                                                                               \
    }                                                                                              \
    static ALWAYS_INLINE bool vec_best_##name##_answer(const struct vec_best_##name *best,         \
                                                       type *out)                                  \
    {                                                                                              \
        *out = best->value;                                                                        \
        return best->has_value != 0;                                                               \
    }                                                                                              \
    VEC_ACCUMULATOR_FINISH_ALL(best_##name, struct vec_best_##name, type)

VEC_BEST_STATE(uint1, uint8_t, boolean, ALIGNED(4) uint32_t)
VEC_BEST_STATE(int4, int32_t, int4, uint32_t)
VEC_BEST_STATE(int8, int64_t, int8, uint64_t)
VEC_BEST_STATE(real, double, real, uint64_t)
VEC_BEST_STATE(numeric, struct vec_numeric, numeric, uint64_t)
VEC_BEST_STATE(interval, struct vec_interval, interval, uint64_t)

/* One that keeps what `wins` over the others. */
#define VEC_BEST(which, name, type, wins)                                                          \
    static ALWAYS_INLINE void vec_best_##which##_##name##_fold(struct vec_best_##name *best,       \
                                                               type value)                         \
    {                                                                                              \
        if (best->has_value == 0 || wins(&value, &best->value)) {                                  \
            best->value = value;                                                                   \
        }                                                                                          \
        best->has_value = 1;                                                                       \
    }                                                                                              \
    VEC_AGGREGATE_EACH(best_##which##_##name, struct vec_best_##name, type)                        \
    VEC_ACCUMULATOR_UPDATE(best_##which##_##name)                                                  \
    static ALWAYS_INLINE void vec_best_##which##_##name##_join(struct vec_best_##name *into,       \
                                                               const struct vec_best_##name *from) \
    {                                                                                              \
        if (from->has_value != 0) {                                                                \
            vec_best_##which##_##name##_fold(into, from->value);                                   \
        }                                                                                          \
    }                                                                                              \
    static bool vec_best_##which##_##name##_merge(                                                 \
        struct vec_accumulation *acc, const struct vec_expr *call, void *into, const void *from)   \
    {                                                                                              \
        (void)acc, (void)call;                                                                     \
        vec_best_##which##_##name##_join(into, from);                                              \
        return true;                                                                               \
    }                                                                                              \
    VEC_ACCUMULATOR_MERGE_ALL(best_##which##_##name, struct vec_best_##name)

VEC_BEST(min, int4, int32_t, vec_less_int4)
VEC_BEST(min, int8, int64_t, vec_less_int8)
VEC_BEST(min, real, double, vec_less_real)
VEC_BEST(min, numeric, struct vec_numeric, vec_less_numeric)
VEC_BEST(min, interval, struct vec_interval, vec_less_interval)
VEC_BEST(max, int4, int32_t, vec_greater_int4)
VEC_BEST(max, int8, int64_t, vec_greater_int8)
VEC_BEST(max, real, double, vec_greater_real)
VEC_BEST(max, numeric, struct vec_numeric, vec_greater_numeric)
VEC_BEST(max, interval, struct vec_interval, vec_greater_interval)
VEC_BEST(any, uint1, uint8_t, vec_less_uint1)
VEC_BEST(any, real, double, vec_bits_real)
VEC_BEST(any, numeric, struct vec_numeric, vec_bits_numeric)
VEC_BEST(any, interval, struct vec_interval, vec_bits_interval)

/* --- TEXT and JSONB -------------------------------------------------------------------------- */

static_assert(sizeof(struct vec_string) == 24, "a state of three words");

/* Whether `bytes` take the place of what the state has. */
static bool vec_best_string_yields(const struct vec_string *string, struct vec_bytes bytes,
                                   bool is_max)
{
    if (string->length == 0) {
        return true;
    }
    struct vec_bytes best = vec_string_bytes(string);
    int order =
        vec_text_compare(vec_text(bytes.data, bytes.length), vec_text(best.data, best.length));
    return is_max ? order > 0 : order < 0;
}

/* Texts are compared where they stand; only the one that a batch ends with is copied. */
static bool vec_best_string_update(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const struct vec_vector *arg, struct vec_selection selection,
                                   uint8_t *const *states, bool is_max)
{
    struct vec_view view = vec_view(arg);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_string *string = (struct vec_string *)(void *)states[i];
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_bytes bytes = VEC_AT(&view, struct vec_bytes, row);
        if (vec_best_string_yields(string, bytes, is_max)) {
            vec_string_borrow(acc, string, bytes);
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        if (!vec_string_settle(acc, call, (struct vec_string *)(void *)states[i])) {
            return false;
        }
    }
    return true;
}

static bool vec_best_string_merge(struct vec_accumulation *acc, const struct vec_expr *call,
                                  void *into, const void *from, bool is_max)
{
    const struct vec_string *other = from;
    if (other->length == 0 || !vec_best_string_yields(into, vec_string_bytes(other), is_max)) {
        return true;
    }
    return vec_string_keep(acc, call, into, vec_string_bytes(other));
}

static bool vec_best_string_finish(struct vec_accumulation *acc, const struct vec_expr *call,
                                   const void *state, struct vec_value *out)
{
    (void)acc, (void)call;
    const struct vec_string *string = state;
    *out = (struct vec_value){.is_null = string->length == 0};
    if (!out->is_null) {
        out->u.bytes = vec_string_bytes(string);
    }
    return true;
}

static uint32_t vec_best_string_outside(const void *state)
{
    return vec_string_outside(state);
}

#define VEC_BEST_STRING(which, is_max)                                                             \
    static bool vec_best_##which##_string_update(                                                  \
        struct vec_accumulation *acc, const struct vec_expr *call, const struct vec_vector *args,  \
        const struct vec_origin *origin, struct vec_selection selection, uint8_t *const *states)   \
    {                                                                                              \
        (void)origin;                                                                              \
        return vec_best_string_update(acc, call, &args[0], selection, states, is_max);             \
    }                                                                                              \
    static bool vec_best_##which##_string_merge(                                                   \
        struct vec_accumulation *acc, const struct vec_expr *call, void *into, const void *from)   \
    {                                                                                              \
        return vec_best_string_merge(acc, call, into, from, is_max);                               \
    }

VEC_BEST_STRING(min, false)
VEC_BEST_STRING(max, true)

/* --- The tables ------------------------------------------------------------------------------ */

#define VEC_BEST_ROW(sql, which, kind, state_name, bytes, outside_fn, merges, finishes)            \
    {                                                                                              \
        .name = sql, .args = {VEC_##kind}, .args_count = 1, .result = VEC_##kind, .version = 1,    \
        .state_bytes = bytes, .update = vec_best_##which##_##state_name##_update,                  \
        .merge = vec_best_##which##_##state_name##_merge,                                          \
        .finish = vec_best_##state_name##_finish, .outside = outside_fn, .merge_all = merges,      \
        .finish_all = finishes,                                                                    \
    }

#define VEC_BEST_FIXED(sql, which, kind, name)                                                     \
    VEC_BEST_ROW(sql, which, kind, name, sizeof(struct vec_best_##name), NULL,                     \
                 vec_best_##which##_##name##_merge_all, vec_best_##name##_finish_all)
#define VEC_BEST_BYTES(sql, which, kind)                                                           \
    VEC_BEST_ROW(sql, which, kind, string, sizeof(struct vec_string), vec_best_string_outside,     \
                 NULL, NULL)

#define VEC_BEST_ROWS(which)                                                                       \
    VEC_BEST_FIXED(#which, which, INTEGER, int4), VEC_BEST_FIXED(#which, which, BIGINT, int8),     \
        VEC_BEST_FIXED(#which, which, DOUBLE, real),                                               \
        VEC_BEST_FIXED(#which, which, NUMERIC, numeric), VEC_BEST_BYTES(#which, which, TEXT),      \
        VEC_BEST_FIXED(#which, which, DATE, int4), VEC_BEST_FIXED(#which, which, TIMESTAMP, int8), \
        VEC_BEST_FIXED(#which, which, TIMESTAMPTZ, int8),                                          \
        VEC_BEST_FIXED(#which, which, INTERVAL, interval)

static const struct vec_accumulator vec_best_rows[] = {
    VEC_BEST_ROWS(min),
    VEC_BEST_ROWS(max),
};

const struct vec_accumulator_table vec_accumulator_extremes = {vec_best_rows,
                                                               ARRAY_COUNT(vec_best_rows)};

/* One of each kind. */
static const struct vec_accumulator vec_value_rows[] = {
    VEC_BEST_FIXED("value", any, BOOLEAN, uint1),
    VEC_BEST_FIXED("value", min, INTEGER, int4),
    VEC_BEST_FIXED("value", min, BIGINT, int8),
    VEC_BEST_FIXED("value", any, DOUBLE, real),
    VEC_BEST_FIXED("value", any, NUMERIC, numeric),
    VEC_BEST_BYTES("value", min, TEXT),
    VEC_BEST_FIXED("value", min, DATE, int4),
    VEC_BEST_FIXED("value", min, TIMESTAMP, int8),
    VEC_BEST_FIXED("value", min, TIMESTAMPTZ, int8),
    VEC_BEST_FIXED("value", any, INTERVAL, interval),
    VEC_BEST_BYTES("value", min, JSONB),
};

const struct vec_accumulator_table vec_accumulator_values = {vec_value_rows,
                                                             ARRAY_COUNT(vec_value_rows)};
