/* min and max. See aggregate_int.h.
 *
 * Of values that are equal and look different (0 and -0, 1.5 and 1.50, '1 mon' and '30 days') the
 * last one is the answer, as in PostgreSQL. */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "views/vec/aggregate_int.h"
#include "views/vec/interval.h"
#include "views/vec/numeric.h"
#include "views/vec/real.h"
#include "views/vec/text.h"

/* Whether `a`, which came first, is still less than `b`; and larger. */
#define VEC_EXTREME_ORDER(name, type, is_less, is_greater)                                         \
    static ALWAYS_INLINE bool vec_##name##_is_less(const type *a, const type *b)                   \
    {                                                                                              \
        return is_less;                                                                            \
    }                                                                                              \
    static ALWAYS_INLINE bool vec_##name##_is_greater(const type *a, const type *b)                \
    {                                                                                              \
        return is_greater;                                                                         \
    }

VEC_EXTREME_ORDER(int4, int32_t, *a<*b, *a> *b)
VEC_EXTREME_ORDER(int8, int64_t, *a<*b, *a> *b)
VEC_EXTREME_ORDER(real, double, vec_real_compare(*a, *b) < 0, vec_real_compare(*a, *b) > 0)
VEC_EXTREME_ORDER(numeric, struct vec_numeric, vec_numeric_compare(a, b) < 0,
                  vec_numeric_compare(a, b) > 0)
VEC_EXTREME_ORDER(interval, struct vec_interval, vec_interval_compare(a, b) < 0,
                  vec_interval_compare(a, b) > 0)

/* Of values of a fixed size: the state, and min or max over it. */
#define VEC_EXTREME_STATE(name, type, member)                                                      \
    struct vec_extreme_##name {                                                                    \
        type value;     /* the answer so far */                                                    \
        bool has_value; /* there is one */                                                         \
    };                                                                                             \
    static void vec_extreme_##name##_init(void *state)                                             \
    {                                                                                              \
        *(struct vec_extreme_##name *)state = (struct vec_extreme_##name){.has_value = false};     \
    }                                                                                              \
    static bool vec_extreme_##name##_finish(struct vec_aggregation *agg,                           \
                                            const struct vec_expr *call, const void *state,        \
                                            struct vec_value *out)                                 \
    {                                                                                              \
        (void)agg, (void)call;                                                                     \
        const struct vec_extreme_##name *extreme = state;                                          \
        *out = (struct vec_value){.is_null = !extreme->has_value, .u.member = extreme->value};     \
        return true;                                                                               \
    }

#define VEC_EXTREME(aggregate, name, type, stays)                                                  \
    static ALWAYS_INLINE void vec_##aggregate##_##name##_fold(struct vec_extreme_##name *extreme,  \
                                                              type value)                          \
    {                                                                                              \
        if (!extreme->has_value || !stays(&extreme->value, &value)) {                              \
            extreme->value = value;                                                                \
        }                                                                                          \
        extreme->has_value = true;                                                                 \
    }                                                                                              \
    VEC_AGGREGATE_EACH(aggregate##_##name, struct vec_extreme_##name, type)                        \
    static bool vec_##aggregate##_##name##_merge(                                                  \
        struct vec_aggregation *agg, const struct vec_expr *call, void *into, const void *from)    \
    {                                                                                              \
        (void)agg, (void)call;                                                                     \
        const struct vec_extreme_##name *other = from;                                             \
        if (other->has_value) {                                                                    \
            vec_##aggregate##_##name##_fold(into, other->value);                                   \
        }                                                                                          \
        return true;                                                                               \
    }

/* The update of values that compare in a few instructions: those of one state run in registers. */
#define VEC_EXTREME_UPDATE_SMALL(aggregate, name, type, stays)                                     \
    static bool vec_##aggregate##_##name##_update(                                                 \
        struct vec_aggregation *agg, const struct vec_expr *call, const struct vec_vector *args,   \
        struct vec_selection selection, uint32_t stretch, uint8_t *const *states)                  \
    {                                                                                              \
        (void)stretch;                                                                             \
        if (selection.count == 0) {                                                                \
            return true;                                                                           \
        }                                                                                          \
        if (!vec_aggregate_is_one(states, selection.count)) {                                      \
            vec_##aggregate##_##name##_each(&args[0], selection, states);                          \
            return true;                                                                           \
        }                                                                                          \
        struct arena_mark mark = arena_mark(agg->ev->scratch);                                     \
        struct vec_extreme_##name *state = (struct vec_extreme_##name *)(void *)states[0];         \
        struct vec_dense dense;                                                                    \
        if (!vec_aggregate_dense(agg, call, &args[0], selection, &dense)) {                        \
            return false;                                                                          \
        }                                                                                          \
        const type *values = dense.values;                                                         \
        type best = state->has_value || dense.count == 0 ? state->value : values[0];               \
        for (uint32_t i = 0; i < dense.count; i++) {                                               \
            best = stays(&best, &values[i]) ? best : values[i];                                    \
        }                                                                                          \
        state->value = best;                                                                       \
        state->has_value = state->has_value || dense.count > 0;                                    \
        arena_rewind(agg->ev->scratch, mark);                                                      \
        return true;                                                                               \
    }

#define VEC_EXTREME_UPDATE_LARGE(aggregate, name, type, stays)                                     \
    static bool vec_##aggregate##_##name##_update(                                                 \
        struct vec_aggregation *agg, const struct vec_expr *call, const struct vec_vector *args,   \
        struct vec_selection selection, uint32_t stretch, uint8_t *const *states)                  \
    {                                                                                              \
        (void)agg, (void)call, (void)stretch;                                                      \
        vec_##aggregate##_##name##_each(&args[0], selection, states);                              \
        return true;                                                                               \
    }

#define VEC_EXTREMES(name, type, member, size)                                                     \
    VEC_EXTREME_STATE(name, type, member)                                                          \
    VEC_EXTREME(min, name, type, vec_##name##_is_less)                                             \
    VEC_EXTREME(max, name, type, vec_##name##_is_greater)                                          \
    VEC_EXTREME_UPDATE_##size(min, name, type, vec_##name##_is_less)                               \
        VEC_EXTREME_UPDATE_##size(max, name, type, vec_##name##_is_greater)

VEC_EXTREMES(int4, int32_t, int4, SMALL)
VEC_EXTREMES(int8, int64_t, int8, SMALL)
VEC_EXTREMES(real, double, real, SMALL)
VEC_EXTREMES(numeric, struct vec_numeric, numeric, LARGE)
VEC_EXTREMES(interval, struct vec_interval, interval, LARGE)

/* TEXT. */
struct vec_extreme_text {
    struct vec_bytes value; /* the answer so far: kept, or in the batch being folded */
    struct vec_kept kept;   /* its own room */
    bool has_value;         /* there is one */
    bool is_borrowed;       /* `value` is in the batch */
};

static void vec_extreme_text_init(void *state)
{
    *(struct vec_extreme_text *)state = (struct vec_extreme_text){.has_value = false};
}

/* Whether `bytes` takes the place of what the state has. */
static bool vec_extreme_text_yields(const struct vec_extreme_text *extreme, struct vec_bytes bytes,
                                    bool is_max)
{
    if (!extreme->has_value) {
        return true;
    }
    int order = vec_text_compare(vec_text(extreme->value.data, extreme->value.length),
                                 vec_text(bytes.data, bytes.length));
    return is_max ? order < 0 : order > 0;
}

/* Keep what is borrowed. */
static bool vec_extreme_text_settle(struct vec_aggregation *agg, const struct vec_expr *call,
                                    struct vec_extreme_text *extreme)
{
    if (!vec_aggregate_keep(agg, call, &extreme->kept, extreme->value)) {
        return false;
    }
    extreme->value = (struct vec_bytes){.data = extreme->kept.data, .length = extreme->kept.length};
    extreme->is_borrowed = false;
    return true;
}

/* Texts are compared where they stand; only the one that a batch ends with is copied. */
static bool vec_extreme_text_update(struct vec_aggregation *agg, const struct vec_expr *call,
                                    const struct vec_vector *arg, struct vec_selection selection,
                                    uint8_t *const *states, bool is_max)
{
    struct vec_view view = vec_view(arg);
    for (uint32_t i = 0; i < selection.count; i++) {
        uint32_t row = vec_row(selection, i);
        struct vec_extreme_text *extreme = (struct vec_extreme_text *)(void *)states[i];
        if (!vec_view_is_valid(&view, row)) {
            continue;
        }
        struct vec_bytes bytes = VEC_AT(&view, struct vec_bytes, row);
        if (vec_extreme_text_yields(extreme, bytes, is_max)) {
            extreme->value = bytes;
            extreme->has_value = true;
            extreme->is_borrowed = true;
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        struct vec_extreme_text *extreme = (struct vec_extreme_text *)(void *)states[i];
        if (extreme->is_borrowed && !vec_extreme_text_settle(agg, call, extreme)) {
            return false;
        }
    }
    return true;
}

static bool vec_extreme_text_merge(struct vec_aggregation *agg, const struct vec_expr *call,
                                   void *into, const void *from, bool is_max)
{
    struct vec_extreme_text *extreme = into;
    const struct vec_extreme_text *other = from;
    if (!other->has_value || !vec_extreme_text_yields(extreme, other->value, is_max)) {
        return true;
    }
    extreme->value = other->value;
    extreme->has_value = true;
    return vec_extreme_text_settle(agg, call, extreme);
}

static bool vec_extreme_text_finish(struct vec_aggregation *agg, const struct vec_expr *call,
                                    const void *state, struct vec_value *out)
{
    (void)agg, (void)call;
    const struct vec_extreme_text *extreme = state;
    ASSERT(!extreme->is_borrowed);
    *out = (struct vec_value){.is_null = !extreme->has_value, .u.bytes = extreme->value};
    return true;
}

#define VEC_EXTREME_TEXT(aggregate, is_max)                                                        \
    static bool vec_##aggregate##_text_update(                                                     \
        struct vec_aggregation *agg, const struct vec_expr *call, const struct vec_vector *args,   \
        struct vec_selection selection, uint32_t stretch, uint8_t *const *states)                  \
    {                                                                                              \
        (void)stretch;                                                                             \
        return vec_extreme_text_update(agg, call, &args[0], selection, states, is_max);            \
    }                                                                                              \
    static bool vec_##aggregate##_text_merge(                                                      \
        struct vec_aggregation *agg, const struct vec_expr *call, void *into, const void *from)    \
    {                                                                                              \
        return vec_extreme_text_merge(agg, call, into, from, is_max);                              \
    }

VEC_EXTREME_TEXT(min, false)
VEC_EXTREME_TEXT(max, true)

#define VEC_EXTREME_ROW(aggregate, kind, state)                                                    \
    {                                                                                              \
        .name = #aggregate, .args = {VEC_##kind}, .args_count = 1, .result = VEC_##kind,           \
        .version = 1, .state_bytes = VEC_AGGREGATE_BYTES(struct vec_extreme_##state),              \
        .init = vec_extreme_##state##_init, .update = vec_##aggregate##_##state##_update,          \
        .merge = vec_##aggregate##_##state##_merge, .finish = vec_extreme_##state##_finish,        \
    }

/* PostgreSQL has neither of BOOLEAN and JSONB. */
#define VEC_EXTREME_ROWS(aggregate)                                                                \
    VEC_EXTREME_ROW(aggregate, INTEGER, int4), VEC_EXTREME_ROW(aggregate, BIGINT, int8),           \
        VEC_EXTREME_ROW(aggregate, DOUBLE, real), VEC_EXTREME_ROW(aggregate, NUMERIC, numeric),    \
        VEC_EXTREME_ROW(aggregate, TEXT, text), VEC_EXTREME_ROW(aggregate, DATE, int4),            \
        VEC_EXTREME_ROW(aggregate, TIMESTAMP, int8),                                               \
        VEC_EXTREME_ROW(aggregate, TIMESTAMPTZ, int8),                                             \
        VEC_EXTREME_ROW(aggregate, INTERVAL, interval)

static const struct vec_aggregate vec_extreme_rows[] = {
    VEC_EXTREME_ROWS(min),
    VEC_EXTREME_ROWS(max),
};

const struct vec_aggregate_table vec_aggregate_extremes = {vec_extreme_rows,
                                                           ARRAY_COUNT(vec_extreme_rows)};
